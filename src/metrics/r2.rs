//! `sklearn.metrics.r2_score`.

use super::{NO_WEIGHT, NOT_FOR, sum, weight_of};
use crate::contract::{Metric, Prediction, Reads, Score, Task};
use crate::table::Target;

/// The coefficient of determination; several targets count equally.
pub static R2: Metric = Metric {
    name: "r2",
    summary: "The coefficient of determination: 1 for an exact prediction, 0 for that of the mean.",
    task: Task::Regression,
    reads: Reads::Values,
    score,
};

fn score(truth: &Target, prediction: &Prediction, weight: Option<&[f64]>) -> Score {
    let (Target::Values(truth), Prediction::Values(predicted)) = (truth, prediction) else {
        return Score::Undefined(NOT_FOR);
    };
    let (rows, targets) = (truth.rows(), truth.columns());
    if rows < 2 {
        return Score::Undefined("R2 needs two rows");
    }
    if sum(rows, |i| weight_of(weight, i)) == 0.0 {
        return Score::Undefined(NO_WEIGHT);
    }
    let mut by_convention = false;
    let mut total = 0.0;
    for t in 0..targets {
        let (value, undefined) = one(truth.column(t), predicted.column(t), weight);
        by_convention |= undefined;
        total += value;
    }
    let value = total / targets as f64;
    if by_convention { Score::Convention(value, "the target is constant") } else { Score::Value(value) }
}

/// R2 of one target, and whether it is one by convention: a target that is constant where it has
/// weight is found by its values, since its mean may be off by a rounding.
fn one(truth: &[f64], predicted: &[f64], weight: Option<&[f64]>) -> (f64, bool) {
    let rows = truth.len();
    let total = sum(rows, |i| weight_of(weight, i));
    let residual = sum(rows, |i| weight_of(weight, i) * (truth[i] - predicted[i]).powi(2));
    let mut weighed = (0..rows).filter(|i| weight_of(weight, *i) > 0.0).map(|i| truth[i]);
    let first = weighed.next();
    if weighed.all(|value| Some(value) == first) {
        return (if residual == 0.0 { 1.0 } else { 0.0 }, true);
    }
    let mean = sum(rows, |i| weight_of(weight, i) * truth[i]) / total;
    let spread = sum(rows, |i| weight_of(weight, i) * (truth[i] - mean).powi(2));
    (1.0 - residual / spread, false)
}
