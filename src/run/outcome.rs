//! What a run found out.

use super::fitted::Fitted;
use crate::contract::{Facts, Metric, Prediction};
use crate::diag::Diagnostic;
use crate::graph::{Candidate, Graph, Pipeline};

/// The scores of one metric over the folds.
#[derive(Clone, Debug)]
pub struct Scores {
    /// The metric.
    pub metric: &'static Metric,
    /// One a fold.
    pub folds: Vec<f64>,
}

impl Scores {
    /// The mean over the folds.
    pub fn mean(&self) -> f64 {
        mean(&self.folds)
    }

    /// NumPy's standard deviation over the folds (ddof 0), as in scikit-learn's `cv_results_`.
    pub fn std(&self) -> f64 {
        std(&self.folds)
    }
}

/// The mean over some folds.
pub(super) fn mean(folds: &[f64]) -> f64 {
    folds.iter().sum::<f64>() / folds.len() as f64
}

/// The standard deviation over some folds.
pub(super) fn std(folds: &[f64]) -> f64 {
    let mean = mean(folds);
    let squares: f64 = folds.iter().map(|score| (score - mean) * (score - mean)).sum();
    (squares / folds.len() as f64).sqrt()
}

/// What a search found out.
#[derive(Clone, Debug)]
pub struct Searched {
    /// The first candidate of rank 1.
    pub best: usize,
    /// One a candidate, in their order.
    pub tried: Vec<Tried>,
}

/// How a candidate did by the first metric.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The score of each fold; none where the fit failed or the score is undefined.
    pub folds: Vec<Option<f64>>,
    /// Their mean; none where one is.
    pub mean: Option<f64>,
    /// Their standard deviation (ddof 0); none where one is.
    pub std: Option<f64>,
    /// 1 for the best; equal means share the better rank, and those without one rank last.
    pub rank: usize,
}

/// What one fold gave.
pub struct FoldOutcome {
    /// The number of training rows.
    pub train: usize,
    /// The number of test rows.
    pub test: usize,
    /// One a metric, in the order of `scoring`.
    pub scores: Vec<f64>,
    /// What the fold's model learned.
    pub facts: Facts,
    /// The prediction of the test rows, in the order of the fold.
    pub prediction: Prediction,
}

impl Outcome {
    /// The pipeline that was fitted: as written, or the search's best.
    pub fn pipeline<'g>(&self, graph: &'g Graph) -> &'g Pipeline {
        self.best(graph).map_or(&graph.pipeline, |best| &best.pipeline)
    }

    /// The search's best candidate.
    pub fn best<'g>(&self, graph: &'g Graph) -> Option<&'g Candidate> {
        let (found, search) = (self.search.as_ref()?, graph.search.as_ref()?);
        search.candidates.get(found.best)
    }
}

/// What a run found out: a function of (graph, table, seed) alone.
pub struct Outcome {
    /// One a fold; none for `cv: null`.
    pub folds: Vec<FoldOutcome>,
    /// One a metric; none for `cv: null`. With a search they are the winner's.
    pub scores: Vec<Scores>,
    /// What the search found out, where there was one; `folds` and `fitted` are the winner's then.
    pub search: Option<Searched>,
    /// The pipeline fitted on all rows.
    pub fitted: Fitted,
    /// What its model learned.
    pub facts: Facts,
    /// Why the model was fitted on the rows though the path is two-pass, if it was.
    pub rows_reason: Option<String>,
    /// Warnings, those of the binding first, then those of the folds, each once.
    pub warnings: Vec<Diagnostic>,
}
