//! The folds inside a model that chooses its own penalty.

use rayon::prelude::*;

use crate::contract::{Checks, Fold, ParamValue, Params, Split, Splitter, Stats, Unfit, Value, erased};
use crate::diag::{Code, Result};
use crate::linalg::{Accumulator, BLOCK, Matrix, Moments};
use crate::splitters::k_fold::KFold;

/// Below this many cells a thread pool costs more than it saves.
const PARALLEL_CELLS: usize = 1_000_000;

/// `cv` as a parameter of a model: how it cuts its training rows again.
#[derive(Clone, Debug, PartialEq)]
pub struct InnerFolds(KFold);

impl ParamValue for InnerFolds {
    fn kind() -> String {
        "a number of folds from 2, or `{KFold: {n_splits: 5, shuffle: true, random_state: 0}}` (with `shuffle` a `random_state` must be written)"
            .into()
    }

    fn read(value: &Value) -> Option<Self> {
        let mut splitter = KFold::default();
        match value {
            Value::Int(_) => {
                splitter.set("n_splits", value).ok()?;
            }
            Value::Text(name) if name == KFold::NAME => {}
            Value::Map(entries) => {
                let [(name, parameters)] = entries.as_slice() else { return None };
                let written = match parameters {
                    Value::Map(written) => written.as_slice(),
                    Value::Null => &[],
                    _ => return None,
                };
                if name != KFold::NAME {
                    return None;
                }
                for (parameter, value) in written {
                    splitter.set(parameter, value).ok().filter(|known| *known)?;
                }
            }
            _ => return None,
        }
        let complete = splitter.shuffle == splitter.random_state.is_some();
        (complete && splitter.check().is_empty()).then_some(Self(splitter))
    }

    fn value(&self) -> Value {
        if !self.0.shuffle {
            return Value::Int(self.0.n_splits as i64);
        }
        let parameters = self.0.values().into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Map(vec![(KFold::NAME.to_owned(), Value::Map(parameters.collect()))])
    }
}

impl InnerFolds {
    /// What null means for all but RidgeCV.
    pub(super) fn five() -> Self {
        Self(KFold::default())
    }

    /// What cuts, for whoever has the rows.
    pub(super) fn splitter(&self) -> Box<dyn erased::AnySplitter> {
        Box::new(self.0.clone())
    }

    /// Cuts the positions of so many training rows, in the order in which they come.
    ///
    /// # Errors
    /// `BadFolds` when there are more folds than rows.
    pub(super) fn cut(&self, rows: usize) -> Result<Vec<Fold>> {
        let (folds, _) = self.0.split(&Split { rows, classes: None, seed: 0 })?;
        Ok(folds)
    }
}

/// The moments of the features and targets of every fold's own rows, by blocks, without a copy of the table.
///
/// # Errors
/// `BadWeight` when all weights of a fold, or of all others, are 0.
pub(super) fn cells(folds: &[Fold], x: &Matrix, y: &Matrix, weight: Option<&[f64]>) -> Result<Vec<Moments>> {
    let all: Vec<&[f64]> =
        (0..x.columns()).map(|j| x.column(j)).chain((0..y.columns()).map(|t| y.column(t))).collect();
    let one = |fold: &Fold| cell(fold, &all, weight);
    let cells: Vec<Moments> = if x.rows() * all.len() > PARALLEL_CELLS {
        folds.par_iter().map(one).collect()
    } else {
        folds.iter().map(one).collect()
    };
    weighty(&cells)?;
    Ok(cells)
}

/// The moments of every fold's own rows, as statistics have them.
///
/// # Errors
/// `Rows` where they have none; `BadWeight` as [`cells`].
pub(super) fn of_stats(stats: &Stats) -> Result<&[Moments], Unfit> {
    if stats.features.is_empty() || stats.inner.len() < 2 {
        return Err(Unfit::Rows("the moments of the model's inner folds are not there".into()));
    }
    weighty(&stats.inner)?;
    Ok(&stats.inner)
}

/// That every fold has weight, and the others together too.
///
/// # Errors
/// `BadWeight`.
fn weighty(cells: &[Moments]) -> Result<()> {
    let total: f64 = cells.iter().map(|cell| cell.weight).sum();
    if let Some(k) = cells.iter().position(|cell| cell.weight <= 0.0 || cell.weight >= total) {
        let message =
            format!("inner fold {} of {} has no weight to learn from or to score", k + 1, cells.len());
        return Err(Code::BadWeight.error(message).help("use fewer folds in the model's `cv`"));
    }
    Ok(())
}

fn cell(fold: &Fold, all: &[&[f64]], weight: Option<&[f64]>) -> Moments {
    let mut moments = Accumulator::new(all.len());
    let rows: Vec<u32> = fold.test.iter().collect();
    let mut buffers = vec![vec![0.0; BLOCK.min(rows.len())]; all.len() + 1];
    for block in rows.chunks(BLOCK) {
        let gather = |values: &[f64], into: &mut [f64]| {
            into.iter_mut().zip(block).for_each(|(into, row)| *into = values[*row as usize]);
        };
        for (values, buffer) in all.iter().copied().chain(weight).zip(&mut buffers) {
            gather(values, buffer);
        }
        let columns: Vec<&[f64]> = buffers[..all.len()].iter().map(|buffer| &buffer[..block.len()]).collect();
        moments.add(&columns, weight.map(|_| &buffers[all.len()][..block.len()]));
    }
    moments.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(parameters: &[(&str, Value)]) -> Value {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Map(vec![("KFold".into(), Value::Map(parameters.collect()))])
    }

    #[test]
    fn folds_are_a_number_or_a_written_k_fold() {
        let read = |value: &Value| InnerFolds::read(value).map(|folds| folds.value());
        assert_eq!(read(&Value::Int(3)), Some(Value::Int(3)));
        assert_eq!(read(&map(&[("n_splits", Value::Int(4))])), Some(Value::Int(4)));
        let shuffled =
            [("n_splits", Value::Int(4)), ("shuffle", Value::Bool(true)), ("random_state", Value::Int(7))];
        assert_eq!(read(&map(&shuffled)), Some(map(&shuffled)));
        for refused in
            [map(&shuffled[..2]), map(&[("folds", Value::Int(2))]), Value::Int(1), Value::List(vec![])]
        {
            assert_eq!(read(&refused), None, "{refused}");
        }
    }

    #[test]
    fn cells_are_the_moments_of_their_rows() {
        let x = Matrix::from_fn(7, 2, |i, j| (i * i + 3 * j * i) as f64);
        let y = Matrix::from_fn(7, 1, |i, _| (i % 3) as f64);
        let weight = [1.0, 2.0, 0.5, 1.0, 0.0, 3.0, 1.0];
        let shuffled = InnerFolds(KFold { n_splits: 3, shuffle: true, random_state: Some(1) });
        let folds = shuffled.cut(7).unwrap();
        let cells = cells(&folds, &x, &y, Some(&weight)).unwrap();
        for (fold, cell) in folds.iter().zip(&cells) {
            let columns = [x.column(0), x.column(1), y.column(0)].map(|column| fold.test.gather(column));
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            assert_eq!(*cell, Moments::of(&columns, Some(&fold.test.gather(&weight))));
        }
        let nothing = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let folds = InnerFolds(KFold { n_splits: 3, ..KFold::default() }).cut(7).unwrap();
        let error = super::cells(&folds, &x, &y, Some(&nothing)).unwrap_err();
        assert_eq!(error.code(), Code::BadWeight);
    }
}
