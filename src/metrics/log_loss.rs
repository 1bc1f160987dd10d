//! `sklearn.metrics.log_loss`, negated.

use super::{LACKS_CLASS, NO_WEIGHT, NOT_FOR, mean};
use crate::contract::{Metric, Prediction, Reads, Score, Task};
use crate::table::Target;

/// The mean log-probability of the true class.
pub static NEG_LOG_LOSS: Metric = Metric {
    name: "neg_log_loss",
    summary: "The mean logarithm of the probability that was given to the true class.",
    task: Task::Classification,
    reads: Reads::Probabilities,
    score,
};

fn score(truth: &Target, prediction: &Prediction, weight: Option<&[f64]>) -> Score {
    let (Target::Classes { codes, .. }, Prediction::Classes { proba: Some(proba), .. }) = (truth, prediction)
    else {
        return Score::Undefined(NOT_FOR);
    };
    // scikit-learn demands the classes of the model in the fold. That the model lacks one of the
    // fold's is for the run to find: a probability of 0 may be a prediction.
    for class in 0..proba.columns() {
        let there = codes.iter().any(|code| *code as usize == class);
        if !there && proba.column(class).iter().any(|p| *p > 0.0) {
            return Score::Undefined(LACKS_CLASS);
        }
    }
    let logarithm = |i: usize| proba[(i, codes[i] as usize)].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
    mean(codes.len(), weight, logarithm).map_or(Score::Undefined(NO_WEIGHT), Score::Value)
}
