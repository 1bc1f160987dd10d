//! What a coefficient moves: itself times its feature's standard deviation, so that features of
//! different units compare.

use super::Report;
use super::evenly::evenly;
use crate::contract::{Block, Frame};
use crate::linalg::Matrix;
use crate::table::{MISSING, Rows};

/// The deviations are those of at most so many rows.
pub const MOST_ROWS: usize = 10_000;

/// The standardised coefficients of a linear model.
pub struct Influence {
    /// Outputs x features: what the output gains when the feature grows by a standard deviation.
    pub values: Matrix,
    /// The features, those with the largest influence on any output first.
    pub order: Vec<usize>,
}

impl Influence {
    /// The influence of each coefficient in a report; `None` when the model has none, or its
    /// features cannot be had.
    pub fn of(report: &Report) -> Option<Self> {
        let coef = report.outcome.facts.coef.as_ref()?;
        let deviations = deviations(report).filter(|all| all.len() == coef.columns())?;
        let values = Matrix::from_fn(coef.rows(), coef.columns(), |i, j| coef[(i, j)] * deviations[j]);
        Some(Self { order: largest_first(&values), values })
    }
}

/// The columns of a matrix by their largest absolute value, equals in their own order.
pub fn largest_first(values: &Matrix) -> Vec<usize> {
    let size = |j: &usize| values.column(*j).iter().fold(0.0, |a: f64, v| a.max(v.abs()));
    let mut order: Vec<usize> = (0..values.columns()).collect();
    order.sort_by(|a, b| size(b).total_cmp(&size(a)));
    order
}

/// The standard deviation of every feature as the model sees it.
fn deviations(report: &Report) -> Option<Vec<f64>> {
    // Rows that were not read into memory are not read for a chart.
    let x = report.bound.x.whole()?;
    let frame = Frame::of(x);
    let frame = if x.rows() > MOST_ROWS {
        let rows: Vec<u32> = evenly(x.rows(), MOST_ROWS).map(|row| row as u32).collect();
        frame.take(&Rows::List(rows.into()))
    } else {
        frame
    };
    let features = report.outcome.fitted.steps.transform(&frame).ok()?;
    let mut deviations = Vec::with_capacity(features.features());
    for block in features.blocks() {
        match block {
            Block::Number { values, .. } => deviations.push(deviation(values)),
            Block::OneHot { names, codes } => {
                let mut counts = vec![0usize; names.len()];
                codes.iter().filter(|code| **code != MISSING).for_each(|code| counts[*code as usize] += 1);
                let share = |count: &usize| *count as f64 / codes.len().max(1) as f64;
                deviations.extend(counts.iter().map(share).map(|share| (share * (1.0 - share)).sqrt()));
            }
            Block::Codes { .. } => return None,
        }
    }
    Some(deviations)
}

/// NumPy's standard deviation (ddof 0).
fn deviation(values: &[f64]) -> f64 {
    let rows = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / rows;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / rows).sqrt()
}

#[cfg(test)]
mod tests {
    use super::{deviation, largest_first};
    use crate::linalg::Matrix;

    #[test]
    fn the_largest_of_any_output_comes_first() {
        let values = Matrix::from_columns(2, 4, vec![1.0, -2.0, 0.0, 0.0, -9.0, 0.0, 2.0, 0.0]);
        assert_eq!(largest_first(&values), [2, 0, 3, 1]);
    }

    #[test]
    fn deviation_is_numpys() {
        assert_eq!(deviation(&[1.0, 3.0, 1.0, 3.0]), 1.0);
        assert_eq!(deviation(&[]), 0.0);
    }
}
