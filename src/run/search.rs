//! Every candidate in every fold; the mean of the first metric decides.

use std::borrow::Borrow;

use super::fitted::Fitted;
use super::folds::Fits;
use super::general::General;
use super::outcome::{mean, std};
use super::two_pass::Fit;
use super::{Folds, Scored, Searched, Tried, Truth, Work, stopped, warnings};
use crate::contract::{Facts, Frame, Prediction};
use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::graph::{Candidate, Pipeline, Search};
use crate::plan::{KEPT_PREDICTIONS, Path};
use crate::table::Target;

/// What a search came to.
pub struct Found {
    /// The candidates' scores, and which is the best.
    pub searched: Searched,
    /// The winner's folds with what was noted in each, if they were kept.
    pub folds: Option<Folds>,
    /// The winner's fit on all rows, where that came with the folds'.
    pub whole: Option<Fit>,
    /// What is to be said of the other candidates.
    pub warnings: Vec<Diagnostic>,
}

/// A candidate in a fold, or why it could not be fitted.
type Judged = Result<Kept>;

/// For each fold the candidates, and each one's fit on all rows, where that came with the folds'.
type Trials = (Vec<Vec<Judged>>, Vec<Option<Fit>>);

/// A candidate that was fitted in a fold.
struct Kept {
    scored: Scored,
    fit: Option<(Facts, Prediction)>,
}

/// Tries every candidate.
///
/// # Errors
/// `Interrupted`, bugs, and the first failure of the first candidate if none has a score.
pub fn search(work: &Work, search: &Search, watch: &dyn Watch) -> Result<Found> {
    let ticks = search.candidates.len() * work.bound.folds.len();
    watch.stage("candidates", ticks as u64);
    let trial = Trial { work, candidates: &search.candidates, watch, keep: worth_keeping(work, search) };
    let (folds, mut whole) = trial.folds()?;
    let mut tried: Vec<Tried> = (0..search.candidates.len()).map(|i| of_candidate(&folds, i)).collect();
    rank(&mut tried);
    let failures = failures(&folds, search.candidates.len());
    let best = tried.iter().position(|tried| tried.rank == 1 && tried.mean.is_some());
    let Some(best) = best else {
        let label = search.candidates[0].label();
        let message = format!("no candidate has a score; the first, {label}");
        let first = failures.into_iter().next().map(|(_, error)| error);
        return Err(first
            .unwrap_or_else(|| Code::UndefinedScore.error("no mean is finite"))
            .prefixed(&message));
    };
    let warnings = warnings(search, best, &failures, &folds);
    let folds = winners(work, folds, best)?;
    let whole = whole[best].take();
    Ok(Found { searched: Searched { best, tried }, folds, whole, warnings })
}

/// Whether all predictions are small enough to be kept.
fn worth_keeping(work: &Work, search: &Search) -> bool {
    let outputs = match &work.bound.y {
        Target::Values(values) => values.columns(),
        Target::Classes { labels, .. } => 2 * labels.len() + 1,
    };
    let one = work.bound.x.rows().saturating_mul(8 * outputs);
    one.saturating_mul(search.candidates.len()) as u64 <= KEPT_PREDICTIONS
}

/// The trial of all candidates.
struct Trial<'a> {
    work: &'a Work<'a>,
    candidates: &'a [Candidate],
    watch: &'a dyn Watch,
    keep: bool,
}

impl Trial<'_> {
    /// Every candidate in every fold, in their order.
    fn folds(&self) -> Result<Trials> {
        let of_path = |path: Path| -> (Vec<usize>, Vec<&Pipeline>) {
            let own = (0..self.candidates.len()).filter(|i| self.work.plan.paths[*i] == path);
            own.map(|i| (i, &self.candidates[i].pipeline)).unzip()
        };
        let (fast, fast_pipelines) = of_path(Path::TwoPass);
        let (slow, slow_pipelines) = of_path(Path::General);
        let (two_pass, of_fast) = self.two_pass(&fast_pipelines)?;
        let mut whole: Vec<Option<Fit>> = self.candidates.iter().map(|_| None).collect();
        fast.iter().zip(of_fast).for_each(|(i, fit)| whole[*i] = fit);
        let general = self.work.folds_at_once(self.work.plan.memory.folds, self.watch, |k, together| {
            self.general(k, &slow_pipelines, together)
        })?;
        let together = |(two_pass, general): (Vec<Judged>, Vec<Judged>)| {
            let own = fast.iter().zip(two_pass).chain(slow.iter().zip(general));
            let mut judged: Vec<(&usize, Judged)> = own.collect();
            judged.sort_by_key(|(i, _)| **i);
            // What is no fault of a candidate ends the search.
            let fatal = |judged: &Judged| match judged {
                Err(error) if matches!(error.code(), Code::Bug | Code::Interrupted) => Some(error.clone()),
                _ => None,
            };
            match judged.iter().find_map(|(_, judged)| fatal(judged)) {
                Some(error) => Err(error),
                None => Ok(judged.into_iter().map(|(_, judged)| judged).collect()),
            }
        };
        Ok((two_pass.into_iter().zip(general).map(together).collect::<Result<_>>()?, whole))
    }

    /// The candidates of the two-pass path in every fold. They are fitted together and predicted so many at a time that
    /// the predictions are no more than the table.
    fn two_pass(&self, pipelines: &[&Pipeline]) -> Result<Trials> {
        let folds = self.work.bound.folds.len();
        let Some(two_pass) = self.work.two_pass.as_ref().filter(|_| !pipelines.is_empty()) else {
            return Ok(((0..folds).map(|_| Vec::new()).collect(), Vec::new()));
        };
        let Fits { folds: fits, whole } = self.work.fits(two_pass, pipelines, self.watch)?;
        let truths = self.work.each_fold(self.watch, |k| Ok(self.work.truth(k)))?;
        let mut judged: Vec<Vec<Judged>> = (0..folds).map(|_| Vec::with_capacity(pipelines.len())).collect();
        let together = self.work.bound.predicted_together();
        for from in (0..pipelines.len()).step_by(together) {
            let some = from..(from + together).min(pipelines.len());
            let good: Vec<Vec<&Fit>> =
                fits.iter().map(|fits| fits[some.clone()].iter().flatten().collect()).collect();
            let judge = |k: usize, fit: &Fit, prediction: Result<Prediction>| {
                self.judge(&truths[k], || Ok((&fit.fitted, prediction?)))
            };
            let good = two_pass.predict(&good, self.work.plan.parallel, judge)?;
            for ((judged, fits), good) in judged.iter_mut().zip(&fits).zip(good) {
                let mut good = good.into_iter();
                for fit in &fits[some.clone()] {
                    judged.push(match fit {
                        Ok(_) => good.next().unwrap_or_else(|| Err(Code::Bug.error("a fit without a score"))),
                        Err(error) => {
                            self.watch.tick(1);
                            Err(error.clone())
                        }
                    });
                }
            }
        }
        Ok((judged, whole))
    }

    /// The candidates of the general path in a fold, of which so many are at work together.
    fn general(&self, k: usize, pipelines: &[&Pipeline], together: usize) -> Result<Vec<Judged>> {
        if pipelines.is_empty() {
            return Ok(Vec::new());
        }
        let fold = &self.work.bound.folds[k];
        let general = General::new(self.work.bound, self.work.bound.frame()?);
        let truth = self.work.truth(k);
        let judge = |_, fitted: Result<(Fitted, &Frame)>| {
            self.judge(&truth, || {
                let (fitted, features) = fitted?;
                let prediction = general.predict(&fitted, features, &fold.test)?;
                Ok((fitted, prediction))
            })
        };
        let memory = &self.work.plan.memory;
        // The last folds may be fewer than there is room for, and then take more candidates each.
        let room = memory.folds * memory.candidates / together.max(1);
        let at_once = if self.work.plan.parallel { room.max(1) } else { 1 };
        Ok(general.each(pipelines, &fold.train, at_once, &judge))
    }

    /// Scores what a candidate says of a fold's test rows.
    fn judge<F: Borrow<Fitted>>(
        &self,
        truth: &Truth,
        predicted: impl FnOnce() -> Result<(F, Prediction)>,
    ) -> Judged {
        if self.watch.stopped() {
            return Err(stopped());
        }
        let judged = predicted().map(|(fitted, prediction)| {
            let fitted = fitted.borrow();
            let scored = self.work.scored(truth, fitted, &prediction);
            Kept { scored, fit: self.keep.then(|| (fitted.model.facts(), prediction)) }
        });
        self.watch.tick(1);
        judged
    }
}

/// The scores of one candidate; its rank is not known yet.
fn of_candidate(folds: &[Vec<Judged>], i: usize) -> Tried {
    let score = |fold: &Vec<Judged>| {
        fold[i].as_ref().ok().and_then(|kept| kept.scored.scores[0].as_ref().ok().copied())
    };
    let scores: Vec<Option<f64>> = folds.iter().map(score).collect();
    let all: Option<Vec<f64>> = scores.iter().copied().collect();
    let finite = |number: f64| Some(number).filter(|number| number.is_finite());
    let mean = all.as_deref().map(mean).and_then(finite);
    let std = all.as_deref().filter(|_| mean.is_some()).map(std).and_then(finite);
    Tried { folds: scores, mean, std, rank: 0 }
}

/// Ranks as scipy's `rankdata` with method `min`: one more than there are better ones. Means that
/// agree to twelve digits are equal: what has no effect must not win because one candidate's sums were
/// taken in another order, on the other path or on another machine.
fn rank(tried: &mut [Tried]) {
    let mut order: Vec<(f64, usize)> =
        tried.iter().enumerate().filter_map(|(i, tried)| Some((tried.mean?, i))).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let last = order.len() + 1;
    tried.iter_mut().for_each(|tried| tried.rank = last);
    let mut rank = 1;
    for (at, (mean, i)) in order.iter().enumerate() {
        let before = order[at.saturating_sub(1)].0;
        if before - mean > 1e-12 * before.abs().max(mean.abs()).max(1e-2) {
            rank = at + 1;
        }
        tried[*i].rank = rank;
    }
}

/// Each candidate without a score in some fold, with what was said in the first such fold.
fn failures(folds: &[Vec<Judged>], candidates: usize) -> Vec<(usize, Diagnostic)> {
    let failure = |judged: &Judged| match judged {
        Err(error) => Some(error.clone()),
        Ok(kept) => kept.scored.scores[0].as_ref().err().cloned(),
    };
    let first = |i: usize| {
        let mut all = folds.iter().enumerate();
        all.find_map(|(k, fold)| Some(failure(&fold[i])?.prefixed(&format!("fold {}", k + 1))))
    };
    (0..candidates).filter_map(|i| Some((i, first(i)?))).collect()
}

/// What is to be said of candidates beside the winner: who failed, and what others were warned of.
fn warnings(
    search: &Search,
    best: usize,
    failures: &[(usize, Diagnostic)],
    folds: &[Vec<Judged>],
) -> Vec<Diagnostic> {
    let all = search.candidates.len();
    let mut warnings = Vec::new();
    if let Some((first, error)) = failures.first() {
        let message = format!(
            "{} of {all} candidates have no score and rank last; the first is {}: {}",
            failures.len(),
            search.candidates[*first].label(),
            error.message()
        );
        warnings.push(Code::WarnCandidate.warning(message));
    }
    let others = (0..all).filter(|i| *i != best);
    let notes = others.map(|i| {
        let notes = folds.iter().filter_map(move |fold| fold[i].as_ref().ok());
        let notes = notes.map(|kept| kept.scored.notes.clone()).collect();
        (search.candidates[i].label(), warnings::merged(notes, Vec::new()))
    });
    warnings.extend(warnings::of_others(notes, all));
    warnings
}

/// The winner's folds, where they were kept.
fn winners(work: &Work, folds: Vec<Vec<Judged>>, best: usize) -> Result<Option<Folds>> {
    let mut all = Vec::with_capacity(folds.len());
    for (k, fold) in folds.into_iter().enumerate() {
        let Some(Ok(Kept { scored, fit: Some((facts, prediction)) })) = fold.into_iter().nth(best) else {
            return Ok(None);
        };
        let outcome = work.outcome(k, scored.scores, facts, prediction);
        all.push((outcome.map_err(|error| error.prefixed(&format!("fold {}", k + 1)))?, scored.notes));
    }
    Ok(Some(all))
}

#[cfg(test)]
mod tests {
    use super::{Tried, rank};

    #[test]
    fn ranks_are_those_of_scipy() {
        let means = [Some(0.5), None, Some(0.7), Some(0.5 + 1e-16), Some(-1.0), None, Some(0.7 - 2e-16)];
        let mut tried: Vec<Tried> =
            means.iter().map(|mean| Tried { folds: Vec::new(), mean: *mean, std: None, rank: 0 }).collect();
        rank(&mut tried);
        assert_eq!(tried.iter().map(|tried| tried.rank).collect::<Vec<_>>(), [3, 6, 1, 3, 5, 6, 1]);
    }
}
