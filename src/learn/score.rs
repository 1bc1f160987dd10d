//! How well rows are predicted before they are learned.

use std::collections::VecDeque;

use super::saved;
use crate::linalg::Matrix;

/// Progressive evaluation: every row is predicted by what was learned of those before it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// All rows that were predicted.
    pub all: Sums,
    /// The latest blocks, oldest first.
    pub recent: VecDeque<Sums>,
    /// How many rows could not be predicted, such as those before anything was learned.
    pub unpredicted: u64,
    /// Of classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassScore>,
}

/// The same of a classifier.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassScore {
    all: Hits,
    recent: VecDeque<Hits>,
}

/// Of some rows whose classes were predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Hits {
    rows: u64,
    right: u64,
    /// The sum of log-losses, where there are probabilities.
    loss: Option<f64>,
}

/// Of some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    rows: u64,
    mean: f64,
    squares: f64,
    errors: f64,
}

/// The greatest sum of squared errors of a block.
const MOST: f64 = 1e300;

/// So many blocks are the window of [`Score::recent_r2`].
const WINDOW: usize = 20;

impl Score {
    /// Takes in a block: what was true, and what was predicted.
    pub fn add(&mut self, truth: &[f64], predicted: &[f64]) {
        let block = Sums::of(truth, predicted);
        self.all = self.all.and(block);
        self.recent.push_back(block);
        if self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
    }

    /// Whether it counts no more rows than can be.
    pub(super) fn is_sound(&self) -> bool {
        let rows = self.recent.iter().chain([&self.all]).map(|sums| sums.rows);
        let classes = self.classes.iter().flat_map(|classes| classes.recent.iter().chain([&classes.all]));
        rows.chain(classes.map(|hits| hits.rows)).chain([self.unpredicted]).all(|rows| rows <= saved::MOST)
    }

    /// Takes in a block of classes: codes of what was true and what was predicted, and rows x classes probabilities. A class that was
    /// not known has the probability 0, which counts as the least number above it (scikit-learn's `log_loss`).
    pub fn add_classes(&mut self, truth: &[u32], predicted: &[u32], proba: Option<&Matrix>) {
        let right = truth.iter().zip(predicted).filter(|(truth, code)| truth == code).count() as u64;
        let share = |proba: &Matrix, row: usize, class: usize| {
            let own = if class < proba.columns() { proba[(row, class)] } else { 0.0 };
            -own.max(f64::EPSILON).ln()
        };
        let loss =
            proba.map(|proba| truth.iter().enumerate().map(|(i, k)| share(proba, i, *k as usize)).sum());
        let block = Hits { rows: truth.len() as u64, right, loss };
        let classes = self.classes.get_or_insert_default();
        classes.all = classes.all.and(block);
        classes.recent.push_back(block);
        if classes.recent.len() > WINDOW {
            classes.recent.pop_front();
        }
    }

    /// How many rows were predicted.
    pub fn rows(&self) -> u64 {
        self.classes.as_ref().map_or(self.all.rows, |classes| classes.all.rows)
    }

    /// The share of right classes in the latest blocks, of a classifier.
    pub fn recent_accuracy(&self) -> Option<f64> {
        self.classes.as_ref().and_then(|classes| classes.recent().accuracy())
    }

    /// What it comes to, by name: R², or the share of right classes.
    pub fn named(&self) -> (&'static str, Option<f64>) {
        match &self.classes {
            Some(classes) => ("accuracy", classes.all.accuracy()),
            None => ("r2", self.r2()),
        }
    }

    /// For people and records.
    pub fn json(&self) -> serde_json::Value {
        let (rows, unpredicted) = (self.rows(), self.unpredicted);
        match &self.classes {
            None => serde_json::json!({
                "rows": rows,
                "unpredicted": unpredicted,
                "r2": self.r2(),
                "recent_r2": self.recent_r2(),
            }),
            Some(classes) => {
                let recent = classes.recent();
                serde_json::json!({
                    "rows": rows,
                    "unpredicted": unpredicted,
                    "accuracy": classes.all.accuracy(),
                    "recent_accuracy": recent.accuracy(),
                    "log_loss": classes.all.log_loss(),
                    "recent_log_loss": recent.log_loss(),
                })
            }
        }
    }

    /// R² of all rows, if it is defined.
    pub fn r2(&self) -> Option<f64> {
        self.all.r2()
    }

    /// R² of the latest blocks.
    pub fn recent_r2(&self) -> Option<f64> {
        self.recent.iter().fold(Sums::default(), |all, block| all.and(*block)).r2()
    }
}

impl ClassScore {
    fn recent(&self) -> Hits {
        self.recent.iter().fold(Hits::default(), |all, block| all.and(*block))
    }
}

impl Hits {
    fn and(self, other: Self) -> Self {
        if self.rows == 0 {
            return other;
        }
        let loss = self.loss.zip(other.loss).map(|(one, next)| one + next);
        Self { rows: self.rows + other.rows, right: self.right + other.right, loss }
    }

    fn accuracy(self) -> Option<f64> {
        (self.rows > 0).then(|| self.right as f64 / self.rows as f64)
    }

    fn log_loss(self) -> Option<f64> {
        self.loss.filter(|_| self.rows > 0).map(|loss| loss / self.rows as f64)
    }
}

impl Sums {
    fn of(truth: &[f64], predicted: &[f64]) -> Self {
        let rows = truth.len() as f64;
        let mean = truth.iter().sum::<f64>() / rows;
        let squares = truth.iter().map(|y| (y - mean) * (y - mean)).sum();
        let errors: f64 = truth.iter().zip(predicted).map(|(y, p)| (y - p) * (y - p)).sum();
        // A prediction beyond all numbers is as bad as can be, and a state holds numbers only.
        let errors = if errors.is_finite() { errors } else { MOST };
        Self { rows: truth.len() as u64, mean, squares, errors }
    }

    fn and(self, other: Self) -> Self {
        if self.rows == 0 {
            return other;
        }
        let rows = self.rows + other.rows;
        let (share, away) = (other.rows as f64 / rows as f64, other.mean - self.mean);
        Self {
            rows,
            mean: self.mean + share * away,
            squares: self.squares + other.squares + self.rows as f64 * share * away * away,
            errors: self.errors + other.errors,
        }
    }

    fn r2(self) -> Option<f64> {
        (self.squares > 0.0).then(|| 1.0 - self.errors / self.squares).filter(|r2| r2.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_give_the_r2_of_all_rows() {
        let truth: Vec<f64> = (0..100).map(|i| f64::from(i * 37 % 101)).collect();
        let predicted: Vec<f64> = truth.iter().zip(0..).map(|(y, i)| y + f64::from(i % 7) - 3.0).collect();
        let mut score = Score::default();
        for from in (0..100).step_by(10) {
            score.add(&truth[from..from + 10], &predicted[from..from + 10]);
        }
        let whole = Sums::of(&truth, &predicted).r2().unwrap();
        assert!((score.r2().unwrap() - whole).abs() < 1e-14);
        assert_eq!((score.rows(), score.r2()), (100, score.recent_r2()));
        for _ in 0..WINDOW {
            score.add(&[1.0, 2.0], &[1.0, 2.0]);
        }
        assert_eq!(score.recent_r2(), Some(1.0));
        assert_eq!(Score::default().r2(), None);
    }
}
