//! What the folds' models said of rows that they had not learned from, beside the truth.

use std::sync::Arc;

use super::Report;
use super::evenly::evenly;
use crate::contract::Prediction;
use crate::table::{Levels, Target};

/// Out-of-fold predictions with the truth.
pub enum OutOfFold {
    /// Of a regression.
    Values(Pairs),
    /// Of a classification.
    Classes(Confusion),
}

/// True and predicted numbers.
pub struct Pairs {
    /// Truth and prediction of some rows.
    pub shown: Vec<(f64, f64)>,
    /// How many rows there are.
    pub all: usize,
}

/// How often each class was taken for each.
pub struct Confusion {
    /// The classes.
    pub labels: Arc<Levels>,
    /// `counts[truth][predicted]`, in rows.
    pub counts: Vec<Vec<usize>>,
}

impl OutOfFold {
    /// The predictions of a report's folds, at most `most` pairs of a regression; `None` without
    /// folds.
    pub fn of(report: &Report, most: usize) -> Option<Self> {
        if report.outcome.folds.is_empty() {
            return None;
        }
        Some(match &report.bound.y {
            Target::Values(truth) => Self::Values(pairs(report, truth.column(0), most)),
            Target::Classes { codes, labels } => {
                Self::Classes(Confusion { counts: counts(report, codes, labels), labels: Arc::clone(labels) })
            }
        })
    }
}

/// The rows of all folds, one fold after the other, and of these some evenly.
fn pairs(report: &Report, truth: &[f64], most: usize) -> Pairs {
    let all = report.outcome.folds.iter().map(|fold| fold.prediction.rows()).sum();
    let mut wanted = evenly(all, most).peekable();
    let mut shown = Vec::with_capacity(all.min(most));
    let mut place = 0;
    for (fold, outcome) in report.bound.folds.iter().zip(&report.outcome.folds) {
        let Prediction::Values(values) = &outcome.prediction else { continue };
        for (row, predicted) in fold.test.iter().zip(values.column(0)) {
            if wanted.next_if_eq(&place).is_some() {
                shown.push((truth[row as usize], *predicted));
            }
            place += 1;
        }
    }
    Pairs { shown, all }
}

fn counts(report: &Report, truth: &[u32], labels: &Levels) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; labels.len()]; labels.len()];
    for (fold, outcome) in report.bound.folds.iter().zip(&report.outcome.folds) {
        let Prediction::Classes { codes, .. } = &outcome.prediction else { continue };
        for (row, code) in fold.test.iter().zip(codes) {
            counts[truth[row as usize] as usize][*code as usize] += 1;
        }
    }
    counts
}
