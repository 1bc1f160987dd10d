//! Carries out a plan: candidates and folds in parallel, then a refit on all rows. Pure: no clock,
//! no store.

mod brackets;
mod branches;
mod candidates;
mod cells;
mod fitted;
mod folds;
mod general;
mod inner;
mod layout;
mod online;
mod order;
mod out_of_fold;
mod outcome;
mod pack;
mod products;
mod search;
mod shared;
mod two_pass;
mod view;
mod warnings;

use std::time::Instant;

use rayon::prelude::*;

pub use fitted::{Fitted, FittedGroup, FittedNode, FittedSteps};
pub use online::{Known, Learned, Memory, Transformed, fit_memory, fit_steps};
pub use outcome::{FoldOutcome, Outcome, Scores, Searched, Tried};

use self::folds::Fits;
use self::general::General;
use self::two_pass::{Fit, TwoPass};
use crate::contract::{Facts, Fold, Metric, Prediction, Reads, Score};
use crate::diag::{Code, Diagnostic, Result, Span, Watch};
use crate::graph::Pipeline;
use crate::metrics::LACKS_CLASS;
use crate::plan::{Bound, Path, Plan};
use crate::table::{Rows, Target};

/// How long the stages of a run took, in seconds; beside the outcome, since no time is part of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// The candidates of a search, in all folds.
    pub search_s: f64,
    /// The folds.
    pub cv_s: f64,
    /// The refit on all rows.
    pub refit_s: f64,
}

/// Runs the search, if there is one, the folds and the refit.
///
/// # Errors
/// The first fold's error, in the order of the folds; `Interrupted` when the watch says stop;
/// `UndefinedScore` and `NotFinite` with fold and metric. Of a search the first candidate's error
/// if none has a score.
pub fn run(bound: &Bound, plan: &Plan, watch: &dyn Watch) -> Result<(Outcome, Timing)> {
    let start = Instant::now();
    let two_pass =
        if plan.paths.contains(&Path::TwoPass) { Some(TwoPass::collect(bound, plan)?) } else { None };
    let work = Work { bound, two_pass, plan };
    let mut timing = Timing::default();
    let (chosen, found) = match &bound.graph.search {
        Some(search) => {
            let found = search::search(&work, search, watch)?;
            timing.search_s = start.elapsed().as_secs_f64();
            let best = found.searched.best;
            (Chosen { pipeline: &search.candidates[best].pipeline, path: plan.paths[best] }, Some(found))
        }
        None => (Chosen { pipeline: &bound.graph.pipeline, path: plan.path }, None),
    };
    // Without a search the folds begin with pass 1.
    let start = if found.is_some() { Instant::now() } else { start };
    let (searched, kept, whole, told) = match found {
        Some(found) => (Some(found.searched), found.folds, found.whole, found.warnings),
        None => (None, None, None, Vec::new()),
    };
    let (folds, whole) = match kept {
        Some(folds) => (folds, whole),
        None => work.folds(&chosen, watch)?,
    };
    let (outcomes, notes): (Vec<_>, Vec<_>) = folds.into_iter().unzip();
    timing.cv_s = start.elapsed().as_secs_f64();
    if watch.stopped() {
        return Err(stopped());
    }
    let start = Instant::now();
    let (fitted, rows_reason) = work.refit(&chosen, whole, watch)?;
    let mut warnings = bound.warnings.clone();
    warnings.extend(warnings::merged(notes, fitted.notes()));
    warnings.extend(told);
    let facts = fitted.model.facts();
    finite(&facts)?;
    let scores = (0..bound.graph.scoring.len()).filter(|_| !outcomes.is_empty()).map(|m| Scores {
        metric: bound.graph.scoring[m],
        folds: outcomes.iter().map(|fold| fold.scores[m]).collect(),
    });
    let scores = scores.collect();
    timing.refit_s = start.elapsed().as_secs_f64();
    let outcome = Outcome { scores, search: searched, folds: outcomes, fitted, facts, rows_reason, warnings };
    Ok((outcome, timing))
}

fn stopped() -> Diagnostic {
    Code::Interrupted.error("interrupted").help("nothing was published; run it again")
}

/// A pipeline and the path that it takes.
struct Chosen<'a> {
    pipeline: &'a Pipeline,
    path: Path,
}

/// What the folds share.
struct Work<'a> {
    bound: &'a Bound<'a>,
    /// Where some pipeline takes that path.
    two_pass: Option<TwoPass<'a>>,
    plan: &'a Plan,
}

/// The folds of one pipeline, with what was noted in each.
type Folds = Vec<(FoldOutcome, Vec<Diagnostic>)>;

/// What a fold's predictions are compared with.
struct Truth {
    target: Target,
    weight: Option<Vec<f64>>,
    /// Whether training and test rows have the same classes.
    same_classes: bool,
}

/// What is known of a fold's fit: a score a metric or why there is none, and what was noted.
struct Scored {
    scores: Vec<Result<f64>>,
    notes: Vec<Diagnostic>,
}

impl Work<'_> {
    /// Every fold of one pipeline, with what was noted in it; and the fit on all rows, where that came with them.
    fn folds(&self, chosen: &Chosen, watch: &dyn Watch) -> Result<(Folds, Option<Fit>)> {
        watch.stage("folds", self.bound.folds.len() as u64);
        let in_fold = |k: usize, error: Diagnostic| error.prefixed(&format!("fold {}", k + 1));
        match self.two_pass.as_ref().filter(|_| chosen.path == Path::TwoPass) {
            Some(two_pass) => {
                let Fits { folds, whole } = self.fits(two_pass, &[chosen.pipeline], watch)?;
                let fits: Vec<Result<Fit>> = folds.into_iter().flatten().collect();
                let good: Vec<Vec<&Fit>> = fits.iter().map(|fit| fit.iter().collect()).collect();
                let judge = |k: usize, fit: &Fit, prediction: Result<Prediction>| {
                    let fold = prediction.and_then(|prediction| self.fold(k, &fit.fitted, prediction));
                    watch.tick(1);
                    fold
                };
                let judged = two_pass.predict(&good, self.plan.parallel, judge)?;
                // The first fold's error counts, be it of a fit or of a score.
                let none = || Err(Code::Bug.error("a fit without a score"));
                let folds = fits.iter().zip(judged).enumerate().map(|(k, (fit, mut judged))| {
                    let fold = fit.as_ref().map_err(Clone::clone);
                    let fold = fold.and_then(|_| judged.pop().unwrap_or_else(none));
                    fold.map_err(|error| in_fold(k, error))
                });
                Ok((folds.collect::<Result<_>>()?, whole.into_iter().flatten().next()))
            }
            None => Ok((
                self.folds_at_once(self.plan.memory.folds, watch, |k, _| {
                    let general = General::new(self.bound, self.bound.frame()?);
                    let rows = &self.bound.folds[k];
                    let fold = general.fit(chosen.pipeline, &rows.train).and_then(|(fitted, features)| {
                        let prediction = general.predict(&fitted, &features, &rows.test)?;
                        self.fold(k, &fitted, prediction)
                    });
                    watch.tick(1);
                    fold.map_err(|error| in_fold(k, error))
                })?,
                None,
            )),
        }
    }

    /// Works on every fold, side by side where that pays; the first error in their order counts.
    fn each_fold<T: Send>(
        &self,
        watch: &dyn Watch,
        work: impl Fn(usize) -> Result<T> + Sync + Send,
    ) -> Result<Vec<T>> {
        self.folds_at_once(self.bound.folds.len(), watch, |k, _| work(k))
    }

    /// The same with no more than so many folds at a time; `work` gets how many it is beside, itself one of them.
    fn folds_at_once<T: Send>(
        &self,
        most: usize,
        watch: &dyn Watch,
        work: impl Fn(usize, usize) -> Result<T> + Sync + Send,
    ) -> Result<Vec<T>> {
        let work =
            |k: usize, together: usize| if watch.stopped() { Err(stopped()) } else { work(k, together) };
        let all: Vec<usize> = (0..self.bound.folds.len()).collect();
        let mut folds: Vec<Result<T>> = Vec::with_capacity(all.len());
        for together in all.chunks(most.max(1)) {
            if self.plan.parallel {
                folds.par_extend(together.par_iter().map(|k| work(*k, together.len())));
            } else {
                folds.extend(together.iter().map(|k| work(*k, together.len())));
            }
        }
        folds.into_iter().collect()
    }

    /// The fit on all rows, made now unless it is there; with why the model was fitted on rows though the path is
    /// two-pass, if it was.
    fn refit(
        &self,
        chosen: &Chosen,
        whole: Option<Fit>,
        watch: &dyn Watch,
    ) -> Result<(Fitted, Option<String>)> {
        match self.two_pass.as_ref().filter(|_| chosen.path == Path::TwoPass) {
            Some(two_pass) => {
                let fit = match whole {
                    Some(fit) => fit,
                    None => self.fit_whole(two_pass, chosen.pipeline, watch)?,
                };
                Ok((fit.fitted, fit.rows_reason))
            }
            None => {
                let rows = Rows::all(self.bound.x.rows());
                Ok((General::new(self.bound, self.bound.frame()?).fit(chosen.pipeline, &rows)?.0, None))
            }
        }
    }

    fn fold(
        &self,
        k: usize,
        fitted: &Fitted,
        prediction: Prediction,
    ) -> Result<(FoldOutcome, Vec<Diagnostic>)> {
        let Scored { scores, notes } = self.scored(&self.truth(k), fitted, &prediction);
        Ok((self.outcome(k, scores, fitted.model.facts(), prediction)?, notes))
    }

    /// The outcome of a fold whose scores are all there.
    fn outcome(
        &self,
        k: usize,
        scores: Vec<Result<f64>>,
        facts: Facts,
        prediction: Prediction,
    ) -> Result<FoldOutcome> {
        let scores = scores.into_iter().collect::<Result<_>>()?;
        let fold = &self.bound.folds[k];
        Ok(FoldOutcome { train: fold.train.len(), test: fold.test.len(), scores, facts, prediction })
    }

    /// What the predictions of a fold's test rows are compared with.
    fn truth(&self, k: usize) -> Truth {
        let fold = &self.bound.folds[k];
        Truth {
            target: self.bound.y.gather(&fold.test),
            weight: self.bound.weight.as_ref().map(|weight| fold.test.gather(weight)),
            same_classes: same_classes(&self.bound.y, fold),
        }
    }

    /// The scores of a prediction of a fold's test rows.
    fn scored(&self, truth: &Truth, fitted: &Fitted, prediction: &Prediction) -> Scored {
        let mut notes = fitted.notes();
        let score = |(metric, span): (&&'static Metric, &Span)| {
            let score = match metric.reads {
                Reads::Probabilities if !truth.same_classes => Score::Undefined(LACKS_CLASS),
                _ => (metric.score)(&truth.target, prediction, truth.weight.as_deref()),
            };
            judged(metric.name, score, &mut notes).map_err(|error| error.at(span))
        };
        let graph = self.bound.graph;
        let scores = graph.scoring.iter().zip(&graph.scoring_spans).map(score).collect();
        Scored { scores, notes }
    }
}

/// Whether a fold's training and test rows have the same classes.
fn same_classes(y: &Target, fold: &Fold) -> bool {
    let Target::Classes { codes, labels } = y else { return true };
    let classes = |rows: &Rows| {
        let mut there = vec![false; labels.len()];
        rows.iter().for_each(|row| there[codes[row as usize] as usize] = true);
        there
    };
    classes(&fold.train) == classes(&fold.test)
}

/// A score as a finite number, with a warning where it is one by convention.
fn judged(metric: &str, score: Score, notes: &mut Vec<Diagnostic>) -> Result<f64> {
    match score {
        Score::Value(value) if value.is_finite() => Ok(value),
        Score::Value(value) => {
            let error = Code::NotFinite.error(format!("`{metric}` is {value}"));
            Err(error.help("look for huge values in the target and the features; use another unit"))
        }
        Score::Convention(value, why) => {
            let message =
                format!("`{metric}` is undefined ({why}) and counts as {value}, as in scikit-learn");
            notes.push(Code::WarnScore.warning(message));
            Ok(value)
        }
        Score::Undefined(why) => {
            let error = Code::UndefinedScore.error(format!("`{metric}` is undefined: {why}"));
            Err(error.help("use other folds, or another metric in `scoring`"))
        }
    }
}

/// Refuses a model with a coefficient that is no number.
fn finite(facts: &Facts) -> Result<()> {
    let coef = facts.coef.iter().flat_map(|coef| coef.values());
    let mut all = coef.chain(facts.intercept.iter().flatten());
    match all.find(|value| !value.is_finite()) {
        Some(value) => {
            let error = Code::NotFinite.error(format!("the model has a coefficient of {value}"));
            Err(error.help("look for huge values in the features; use another unit"))
        }
        None => Ok(()),
    }
}
