//! What a metric is.

use super::Prediction;
use crate::table::Target;

/// What is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Numbers.
    Regression,
    /// Classes.
    Classification,
}

/// What a metric reads of a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Predicted numbers.
    Values,
    /// Predicted classes.
    Classes,
    /// Predicted classes, against one positive class: labels 0/1 or false/true only.
    PositiveClass,
    /// Probabilities of all classes.
    Probabilities,
    /// Something that ranks: decision values, or else probabilities.
    Ranking,
}

/// What a metric says of some rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Score {
    /// A number.
    Value(f64),
    /// Undefined here, but scikit-learn gives this number by convention; and why.
    Convention(f64, &'static str),
    /// Undefined; and why.
    Undefined(&'static str),
}

impl Score {
    /// The number, where there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Score::Value(value) | Score::Convention(value, _) => Some(*value),
            Score::Undefined(_) => None,
        }
    }
}

/// A scorer: scikit-learn's name and sign, so that greater is always better.
#[derive(Debug)]
pub struct Metric {
    /// scikit-learn's scorer name.
    pub name: &'static str,
    /// What it measures, in a sentence.
    pub summary: &'static str,
    /// The task it is for.
    pub task: Task,
    /// What it reads.
    pub reads: Reads,
    /// The score of a prediction of these very rows, with their weights. Both hold the classes of
    /// the whole table.
    pub score: fn(&Target, &Prediction, Option<&[f64]>) -> Score,
}
