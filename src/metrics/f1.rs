//! `sklearn.metrics.f1_score` of the positive class.

use super::{NO_WEIGHT, NOT_FOR, positive, sum, total_weight, weight_of};
use crate::contract::{Metric, Prediction, Reads, Score, Task};
use crate::table::Target;

/// The harmonic mean of precision and recall of the positive class.
pub static F1: Metric = Metric {
    name: "f1",
    summary: "The harmonic mean of precision and recall of the class 1 or true.",
    task: Task::Classification,
    reads: Reads::PositiveClass,
    score,
};

fn score(truth: &Target, prediction: &Prediction, weight: Option<&[f64]>) -> Score {
    let (Target::Classes { codes: truth, labels }, Prediction::Classes { codes, .. }) = (truth, prediction)
    else {
        return Score::Undefined(NOT_FOR);
    };
    let Some(positive) = positive(labels) else {
        return Score::Undefined("no class is the positive one");
    };
    let rows = truth.len();
    if total_weight(rows, weight) == 0.0 {
        return Score::Undefined(NO_WEIGHT);
    }
    let weighed = |counts: bool, i: usize| if counts { weight_of(weight, i) } else { 0.0 };
    let both = sum(rows, |i| weighed(truth[i] == positive && codes[i] == positive, i));
    let either =
        sum(rows, |i| weighed(truth[i] == positive, i)) + sum(rows, |i| weighed(codes[i] == positive, i));
    if either == 0.0 {
        return Score::Convention(0.0, "neither truth nor prediction has the positive class");
    }
    Score::Value(2.0 * both / either)
}
