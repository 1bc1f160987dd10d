//! What a run found out.

use super::fitted::Fitted;
use crate::contract::{Facts, Metric, Prediction};
use crate::diag::Diagnostic;

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
        self.folds.iter().sum::<f64>() / self.folds.len() as f64
    }

    /// NumPy's standard deviation over the folds (ddof 0), as in scikit-learn's `cv_results_`.
    pub fn std(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.folds.iter().map(|score| (score - mean) * (score - mean)).sum();
        (squares / self.folds.len() as f64).sqrt()
    }
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

/// What a run found out: a function of (graph, table, seed) alone.
pub struct Outcome {
    /// One a fold; none for `cv: null`.
    pub folds: Vec<FoldOutcome>,
    /// One a metric; none for `cv: null`.
    pub scores: Vec<Scores>,
    /// The pipeline fitted on all rows.
    pub fitted: Fitted,
    /// What its model learned.
    pub facts: Facts,
    /// Why the model was fitted on the rows though the path is two-pass, if it was.
    pub rows_reason: Option<String>,
    /// Warnings, those of the binding first, then those of the folds, each once.
    pub warnings: Vec<Diagnostic>,
}
