//! `sklearn.metrics.mean_squared_error`, `root_mean_squared_error`, `mean_absolute_error`, negated.

use super::{NO_WEIGHT, NOT_FOR, mean};
use crate::contract::{Metric, Prediction, Reads, Score, Task};
use crate::linalg::Matrix;
use crate::table::Target;

/// The mean of the squared errors, negated.
pub static NEG_MEAN_SQUARED_ERROR: Metric = Metric {
    name: "neg_mean_squared_error",
    summary: "The mean of the squared errors, negated so that greater is better.",
    task: Task::Regression,
    reads: Reads::Values,
    score: |truth, prediction, weight| {
        averaged(truth, prediction, weight, |error| error * error, |mean| mean)
    },
};

/// The root of the mean of the squared errors, negated.
pub static NEG_ROOT_MEAN_SQUARED_ERROR: Metric = Metric {
    name: "neg_root_mean_squared_error",
    summary: "The root of the mean of the squared errors, negated so that greater is better.",
    task: Task::Regression,
    reads: Reads::Values,
    score: |truth, prediction, weight| averaged(truth, prediction, weight, |error| error * error, f64::sqrt),
};

/// The mean of the absolute errors, negated.
pub static NEG_MEAN_ABSOLUTE_ERROR: Metric = Metric {
    name: "neg_mean_absolute_error",
    summary: "The mean of the absolute errors, negated so that greater is better.",
    task: Task::Regression,
    reads: Reads::Values,
    score: |truth, prediction, weight| averaged(truth, prediction, weight, f64::abs, |mean| mean),
};

/// The negated mean over targets of `finish(mean of part(error))`.
fn averaged(
    truth: &Target,
    prediction: &Prediction,
    weight: Option<&[f64]>,
    part: fn(f64) -> f64,
    finish: fn(f64) -> f64,
) -> Score {
    let (Target::Values(truth), Prediction::Values(predicted)) = (truth, prediction) else {
        return Score::Undefined(NOT_FOR);
    };
    let one = |truth: &Matrix, t: usize| {
        let (truth, predicted) = (truth.column(t), predicted.column(t));
        mean(truth.len(), weight, |i| part(truth[i] - predicted[i])).map(finish)
    };
    let means: Option<Vec<f64>> = (0..truth.columns()).map(|t| one(truth, t)).collect();
    match means {
        Some(means) => Score::Value(-(means.iter().sum::<f64>() / means.len() as f64)),
        None => Score::Undefined(NO_WEIGHT),
    }
}
