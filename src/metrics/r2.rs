//! `sklearn.metrics.r2_score`.

use super::{NO_WEIGHT, NOT_FOR, sum_of_pairs, total_weight, weight_of};
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
    if total_weight(rows, weight) == 0.0 {
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
    let total = total_weight(truth.len(), weight);
    let residual = sum_of_pairs(truth, predicted, weight, |truth, predicted| (truth - predicted).powi(2));
    let mut weighed = (0..truth.len()).filter(|i| weight_of(weight, *i) > 0.0).map(|i| truth[i]);
    let first = weighed.next();
    if weighed.all(|value| Some(value) == first) {
        return by_convention(residual);
    }
    let mean = sum_of_pairs(truth, truth, weight, |truth, _| truth) / total;
    // The mean's own rounding, which far from 0 can exceed the spread, is taken back.
    let off = sum_of_pairs(truth, truth, weight, |truth, _| truth - mean);
    let spread = sum_of_pairs(truth, truth, weight, |truth, _| (truth - mean).powi(2)) - off * off / total;
    if spread <= 0.0 {
        // Differences whose squares are too small for a number.
        return by_convention(residual);
    }
    (1.0 - residual / spread, false)
}

/// What scikit-learn gives where there is no spread to explain.
fn by_convention(residual: f64) -> (f64, bool) {
    (if residual == 0.0 { 1.0 } else { 0.0 }, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Matrix;

    fn r2(truth: &[f64], predicted: &[f64]) -> Score {
        let column = |values: &[f64]| Matrix::from_columns(values.len(), 1, values.to_vec());
        score(&Target::Values(column(truth)), &Prediction::Values(column(predicted)), None)
    }

    #[test]
    fn a_target_without_spread_scores_by_convention() {
        assert!(matches!(r2(&[0.1; 7], &[0.1; 7]), Score::Convention(1.0, _)));
        assert!(matches!(r2(&[0.1; 7], &[0.2; 7]), Score::Convention(0.0, _)));
        assert!(matches!(r2(&[1.0], &[1.0]), Score::Undefined(_)));
    }

    /// The squares underflow; `sklearn.metrics.r2_score` gives 1 and 0.
    #[test]
    fn a_spread_too_small_to_square_scores_by_convention() {
        assert!(matches!(r2(&[1e-200, 2e-200], &[1e-200, 3e-200]), Score::Convention(1.0, _)));
        assert!(matches!(r2(&[1e-200, 2e-200], &[1.0, 2.0]), Score::Convention(0.0, _)));
    }
}
