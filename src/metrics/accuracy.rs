//! `sklearn.metrics.accuracy_score`.

use super::{NO_WEIGHT, NOT_FOR, mean};
use crate::contract::{Metric, Prediction, Reads, Score, Task};
use crate::table::Target;

/// The share of rows whose class is predicted.
pub static ACCURACY: Metric = Metric {
    name: "accuracy",
    summary: "The share of rows whose class is predicted.",
    task: Task::Classification,
    reads: Reads::Classes,
    score,
};

fn score(truth: &Target, prediction: &Prediction, weight: Option<&[f64]>) -> Score {
    let (Target::Classes { codes: truth, .. }, Prediction::Classes { codes, .. }) = (truth, prediction)
    else {
        return Score::Undefined(NOT_FOR);
    };
    let hit = |i: usize| f64::from(u8::from(truth[i] == codes[i]));
    mean(truth.len(), weight, hit).map_or(Score::Undefined(NO_WEIGHT), Score::Value)
}
