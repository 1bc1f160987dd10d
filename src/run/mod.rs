//! Carries out a plan: folds in parallel, then a refit on all rows. Pure: no clock, no store.

mod cells;
mod fitted;
mod general;
mod layout;
mod outcome;
mod pack;
mod two_pass;
mod view;
mod warnings;

use std::time::Instant;

use rayon::prelude::*;

pub use fitted::{Fitted, FittedGroup, FittedNode, FittedSteps};
pub use outcome::{FoldOutcome, Outcome, Scores};

use self::general::General;
use self::two_pass::TwoPass;
use crate::contract::{Fold, Prediction, Reads, Score};
use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::graph::Pipeline;
use crate::metrics::LACKS_CLASS;
use crate::plan::{Bound, Path, Plan};
use crate::table::{Rows, Target};

/// How long the stages of a run took, in seconds; beside the outcome, since no time is part of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// The folds.
    pub cv_s: f64,
    /// The refit on all rows.
    pub refit_s: f64,
}

/// Runs the folds and the refit.
///
/// # Errors
/// The first fold's error, in the order of the folds; `Interrupted` when the watch says stop;
/// `UndefinedScore` and `NotFinite` with fold and metric.
pub fn run(bound: &Bound, plan: &Plan, watch: &dyn Watch) -> Result<(Outcome, Timing)> {
    let start = Instant::now();
    let two_pass = match plan.path {
        Path::TwoPass => Some(TwoPass::collect(bound, plan.parallel)?),
        Path::General => None,
    };
    let work = Work { bound, two_pass };
    watch.stage("folds", bound.folds.len() as u64);
    let one = |k: usize| {
        if watch.stopped() {
            return Err(stopped());
        }
        let outcome = work.fold(k).map_err(|error| error.prefixed(&format!("fold {}", k + 1)));
        watch.tick(1);
        outcome
    };
    let folds: Vec<_> = if let Some(two_pass) = work.two_pass.as_ref().filter(|_| bound.x.is_streamed()) {
        work.streamed(two_pass, plan.parallel, watch)?
    } else if plan.parallel {
        (0..bound.folds.len()).into_par_iter().map(one).collect()
    } else {
        (0..bound.folds.len()).map(one).collect()
    };
    let folds: Vec<(FoldOutcome, Vec<Diagnostic>)> = folds.into_iter().collect::<Result<_>>()?;
    let (outcomes, notes): (Vec<_>, Vec<_>) = folds.into_iter().unzip();
    let cv_s = start.elapsed().as_secs_f64();
    if watch.stopped() {
        return Err(stopped());
    }
    let start = Instant::now();
    let Fit { fitted, rows_reason, .. } = work.fit(&bound.graph.pipeline, None)?;
    let mut warnings = bound.warnings.clone();
    warnings.extend(warnings::merged(notes, fitted.notes()));
    let facts = fitted.model.facts();
    finite(&facts)?;
    let scores = (0..bound.graph.scoring.len()).filter(|_| !outcomes.is_empty()).map(|m| Scores {
        metric: bound.graph.scoring[m],
        folds: outcomes.iter().map(|fold| fold.scores[m]).collect(),
    });
    let scores = scores.collect();
    let outcome = Outcome { scores, folds: outcomes, fitted, facts, rows_reason, warnings };
    Ok((outcome, Timing { cv_s, refit_s: start.elapsed().as_secs_f64() }))
}

fn stopped() -> Diagnostic {
    Code::Interrupted.error("interrupted").help("nothing was published; run it again")
}

/// A fit on a fold's training rows, or on all rows.
struct Fit {
    fitted: Fitted,
    /// Of the fold's test rows.
    prediction: Option<Prediction>,
    rows_reason: Option<String>,
}

/// What the folds share.
struct Work<'a> {
    bound: &'a Bound<'a>,
    two_pass: Option<TwoPass<'a>>,
}

impl Work<'_> {
    /// Fits on a fold's training rows and predicts its test rows; or fits on all rows.
    fn fit(&self, pipeline: &Pipeline, fold: Option<usize>) -> Result<Fit> {
        let rows = |k: usize| &self.bound.folds[k];
        match &self.two_pass {
            Some(two_pass) => {
                let fit = two_pass.fit(pipeline, fold)?;
                let prediction = fold.map(|k| two_pass.predict(&fit, &rows(k).test)).transpose()?;
                Ok(Fit { fitted: fit.fitted, prediction, rows_reason: fit.rows_reason })
            }
            None => {
                let general = General::new(self.bound, self.bound.frame()?);
                let train = fold.map_or_else(|| Rows::all(self.bound.x.rows()), |k| rows(k).train.clone());
                let (fitted, features) = general.fit(pipeline, &train)?;
                let prediction =
                    fold.map(|k| general.predict(&fitted, &features, &rows(k).test)).transpose()?;
                Ok(Fit { fitted, prediction, rows_reason: None })
            }
        }
    }

    /// All folds, whose predictions take one pass over rows that are not in memory.
    fn streamed(
        &self,
        two_pass: &TwoPass,
        parallel: bool,
        watch: &dyn Watch,
    ) -> Result<Vec<Result<(FoldOutcome, Vec<Diagnostic>)>>> {
        let place = |k: usize| move |error: Diagnostic| error.prefixed(&format!("fold {}", k + 1));
        let folds = 0..self.bound.folds.len();
        let fit = |k| two_pass.fit(&self.bound.graph.pipeline, Some(k)).map_err(place(k));
        let fits: Vec<two_pass::Fit> = folds.map(fit).collect::<Result<_>>()?;
        let predictions = two_pass.predict_folds(&fits, parallel)?;
        let scored = |(k, (fit, prediction)): (usize, (two_pass::Fit, Prediction))| {
            let two_pass::Fit { fitted, rows_reason, .. } = fit;
            watch.tick(1);
            self.scored(k, Fit { fitted, prediction: Some(prediction), rows_reason }).map_err(place(k))
        };
        Ok(fits.into_iter().zip(predictions).enumerate().map(scored).collect())
    }

    fn fold(&self, k: usize) -> Result<(FoldOutcome, Vec<Diagnostic>)> {
        self.scored(k, self.fit(&self.bound.graph.pipeline, Some(k))?)
    }

    /// The scores of a fold's predictions.
    fn scored(&self, k: usize, fit: Fit) -> Result<(FoldOutcome, Vec<Diagnostic>)> {
        let Fit { fitted, prediction, .. } = fit;
        let mut notes = fitted.notes();
        let prediction = prediction.ok_or_else(|| Code::Bug.error("a fold without a prediction"))?;
        let fold = &self.bound.folds[k];
        let truth = self.bound.y.gather(&fold.test);
        let weight = self.bound.weight.as_ref().map(|weight| fold.test.gather(weight));
        let mut scores = Vec::new();
        for metric in &self.bound.graph.scoring {
            let score = match metric.reads {
                Reads::Probabilities if !same_classes(&self.bound.y, fold) => Score::Undefined(LACKS_CLASS),
                _ => (metric.score)(&truth, &prediction, weight.as_deref()),
            };
            scores.push(judged(metric.name, score, &mut notes)?);
        }
        let facts = fitted.model.facts();
        Ok((FoldOutcome { train: fold.train.len(), test: fold.test.len(), scores, facts, prediction }, notes))
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
fn finite(facts: &crate::contract::Facts) -> Result<()> {
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
