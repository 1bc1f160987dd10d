//! What is kept for a model that learns rows on top of others: moments of the positions, for the steps, and the model itself.

use std::borrow::Cow;
use std::fmt;

use super::column::{Cells, Column};
use super::state::Indicated;
use crate::contract::erased::AnyFittedModel;
use crate::contract::{Loader, Saver};
use crate::diag::{Diagnostic, Result};
use crate::linalg::{Matrix, Moments};
use crate::models;

/// Means and squared deviations of the positions, each by itself: those of one column are never set in the same row, and those of
/// several columns nobody asks for together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Updated {
    /// How many rows were learned.
    rows: u64,
    /// What they weigh.
    weight: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
    /// The features that the model has learned.
    pub(super) names: Vec<String>,
    pub(super) model: Option<Grown>,
}

/// A model with what it has learned.
pub(super) struct Grown {
    pub(super) class: &'static str,
    pub(super) learned: Box<dyn AnyFittedModel>,
}

/// What of [`Updated`] is no tensor.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    rows: u64,
    weight: f64,
    names: Vec<String>,
    class: Option<String>,
}

impl Updated {
    /// Before the first row.
    pub(super) fn new(positions: usize) -> Self {
        let zeros = || vec![0.0; positions];
        let (mean, squares) = (zeros(), zeros());
        Self { rows: 0, weight: 0.0, mean, squares, names: Vec::new(), model: None }
    }

    pub(super) fn positions(&self) -> usize {
        self.mean.len()
    }

    /// How many rows were learned, which weigh something.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn indicated(&self) -> Indicated<'_> {
        let forgets = self.weight < 0.999_999 * self.rows as f64;
        Indicated { mean: Cow::Borrowed(&self.mean), rows: self.rows, forgets }
    }

    /// Mean and squared deviations of a position, as of rows that weigh 1 each.
    pub(super) fn spread(&self, at: usize) -> (f64, f64) {
        (self.mean[at], self.squares[at] * (self.rows as f64 / self.weight))
    }

    /// Merges a block into the moments of so many positions (Chan, Golub and LeVeque, 1979), after the weights of the rows before
    /// were multiplied with `share`.
    pub(super) fn absorb(&mut self, columns: &[Column], block: &[Cells], positions: usize, share: f64) {
        self.mean.resize(positions, 0.0);
        self.squares.resize(positions, 0.0);
        let rows = block.last().map_or(0, Cells::len);
        let merge = Merge { new: rows as f64, old: self.weight * share, share };
        for (column, cells) in columns.iter().zip(block) {
            match (column, cells) {
                (Column::Number(number), Cells::Numbers(values)) => {
                    let shift = number.shift.unwrap_or(0.0);
                    let value = |value: &f64| if value.is_nan() { 0.0 } else { value - shift };
                    let mean = values.iter().map(value).sum::<f64>() / merge.new;
                    let square = |own: &f64| (value(own) - mean) * (value(own) - mean);
                    let squares = values.iter().map(square).sum();
                    merge.moments(&mut self.mean[number.at], &mut self.squares[number.at], mean, squares);
                    if let Some(at) = number.missing {
                        let missing = values.iter().filter(|value| value.is_nan()).count();
                        merge.indicator(&mut self.mean[at], &mut self.squares[at], missing);
                    }
                }
                (Column::Category(category), Cells::Codes(codes)) => {
                    let mut counts = vec![0; category.at.len() + 1];
                    // What is missing is counted behind the labels.
                    codes.iter().for_each(|code| counts[(*code as usize).min(category.at.len())] += 1);
                    for (at, count) in category.at.iter().chain([&category.missing]).zip(counts) {
                        if let Some(at) = *at {
                            merge.indicator(&mut self.mean[at], &mut self.squares[at], count);
                        }
                    }
                }
                _ => {}
            }
        }
        self.weight = merge.old + merge.new;
        self.rows += rows as u64;
    }

    /// The moments of some positions. Products are known within a column, where they are 0 before they are centred; those across
    /// columns are left at 0, since no step that is allowed here reads them.
    pub(super) fn moments(&self, columns: &[Column], order: &[usize]) -> Moments {
        let mut column_of = vec![usize::MAX; self.positions()];
        for (j, column) in columns.iter().enumerate() {
            match column {
                Column::Number(number) => {
                    [Some(number.at), number.missing].into_iter().flatten().for_each(|at| column_of[at] = j);
                }
                Column::Category(category) => {
                    let all = category.at.iter().chain([&category.missing]);
                    all.flatten().for_each(|at| column_of[*at] = j);
                }
            }
        }
        let product = |i: usize, j: usize| {
            let (a, b) = (order[i], order[j]);
            if a == b {
                self.squares[a]
            } else if column_of[a] == column_of[b] {
                -self.weight * self.mean[a] * self.mean[b]
            } else {
                0.0
            }
        };
        let gram = Matrix::from_fn(order.len(), order.len(), product);
        let mean = order.iter().map(|at| self.mean[*at]).collect();
        Moments { weight: self.weight, rows: self.rows, mean, gram }
    }

    /// Keeps it.
    pub(super) fn save(&self, saver: &mut Saver) {
        saver.numbers("mean", &self.mean);
        saver.numbers("squares", &self.squares);
        let class = self.model.as_ref().map(|model| model.class.to_owned());
        let names = self.names.clone();
        saver.json("facts", Facts { rows: self.rows, weight: self.weight, names, class });
        if let Some(model) = &self.model {
            saver.child("model", |saver| model.learned.save(saver));
        }
    }

    /// What was kept.
    ///
    /// # Errors
    /// `Damaged`.
    pub(super) fn load(loader: &Loader) -> Result<Self> {
        let mean = loader.numbers("mean")?;
        let squares = loader.numbers_of("squares", mean.len())?;
        let Facts { rows, weight, names, class } = loader.json("facts")?;
        let finite = mean.iter().chain(&squares).all(|value| value.is_finite());
        let weighs = weight.is_finite() && (weight > 0.0) == (rows > 0) && weight >= 0.0;
        if !finite || !weighs || squares.iter().any(|square| *square < 0.0) {
            return Err(loader.damaged("squares", "are no moments of rows"));
        }
        let model = class.map(|class| -> Result<Grown, Diagnostic> {
            let kind = models::named(&class).ok_or_else(|| loader.damaged("class", "is no model's"))?;
            let learned = loader.child("model", |loader| kind.load(loader))?;
            Ok(Grown { class: kind.name(), learned })
        });
        Ok(Self { rows, weight, mean, squares, names, model: model.transpose()? })
    }
}

/// Weights of rows that are merged.
struct Merge {
    new: f64,
    old: f64,
    share: f64,
}

impl Merge {
    fn moments(&self, mean: &mut f64, squares: &mut f64, new_mean: f64, new_squares: f64) {
        let (all, away) = (self.old + self.new, new_mean - *mean);
        *mean += self.new / all * away;
        *squares = *squares * self.share + new_squares + self.old * (self.new / all) * away * away;
    }

    fn indicator(&self, mean: &mut f64, squares: &mut f64, count: usize) {
        let share = count as f64 / self.new;
        self.moments(mean, squares, share, count as f64 * (1.0 - share));
    }
}

impl Grown {
    /// A model that knows the same: of what is kept of it, as when it is read back.
    ///
    /// # Errors
    /// Never for what was learned: a bug comes back as one.
    pub(super) fn copy(&self) -> Result<Box<dyn AnyFittedModel>> {
        let mut saver = Saver::default();
        self.learned.save(&mut saver);
        let (tensors, facts) = saver.finish();
        let kind = models::named(self.class)
            .ok_or_else(|| crate::diag::Code::Bug.error("a model that is not in the list of models"))?;
        kind.load(&Loader::new(tensors, facts))
    }
}

impl Clone for Grown {
    fn clone(&self) -> Self {
        let learned = self.copy().expect("what a model has just saved is what it loads");
        Self { class: self.class, learned }
    }
}

impl PartialEq for Grown {
    fn eq(&self, other: &Self) -> bool {
        let saved = |model: &Self| {
            let mut saver = Saver::default();
            model.learned.save(&mut saver);
            saver.finish()
        };
        self.class == other.class && saved(self) == saved(other)
    }
}

impl fmt::Debug for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grown").field("class", &self.class).finish_non_exhaustive()
    }
}
