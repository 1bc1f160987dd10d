//! `sklearn.metrics.log_loss`, negated.

use super::{NO_WEIGHT, NOT_FOR, mean};
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
    // scikit-learn compares the number of classes in the fold with that of the model. A class that
    // the model has never seen has probability 0 in every row.
    for class in 0..proba.columns() {
        let known = proba.column(class).iter().any(|p| *p > 0.0);
        let there = codes.iter().any(|code| *code as usize == class);
        if known != there {
            return Score::Undefined("the fold and the model do not have the same classes");
        }
    }
    let logarithm = |i: usize| proba[(i, codes[i] as usize)].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
    mean(codes.len(), weight, logarithm).map_or(Score::Undefined(NO_WEIGHT), Score::Value)
}
