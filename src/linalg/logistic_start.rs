//! Fits on all rows, which those of folds start from.

use super::logistic_pass::Rows;
use super::logistic_space::Space;
use super::moments::BLOCK;
use super::newton_grid::{Fit, Goal, minimise};
use crate::diag::{Code, Result};

/// Starts are sought on every eighth block (and every eighth of those) as long as so many blocks are left.
const STRIDE: usize = 8;
const LEAST_BLOCKS: usize = 4;

/// A start needs so many rows a parameter to be worth having, and at most so many steps.
const LEAST_ROWS: usize = 20;
const START_STEPS: usize = 25;

/// Fits on all rows, by way of fits on every eighth block.
pub(super) fn on_all_rows<'a>(
    rows: &'a Rows,
    space: &'a Space,
    c: &[f64],
    max_iter: usize,
) -> Result<Vec<Fit<'a>>> {
    let n = rows.count();
    let least = (LEAST_BLOCKS * BLOCK).max(LEAST_ROWS * space.parameters());
    let strides = std::iter::successors(Some(STRIDE), |stride| Some(stride * STRIDE));
    let mut strides: Vec<usize> = strides.take_while(|stride| n / stride >= least).collect();
    strides.reverse();
    strides.push(1);
    let whole = rows.weights.whole(1);
    let mut last: Option<Vec<Fit>> = None;
    for stride in strides {
        let mass = rows.weights.whole(stride);
        if mass == 0.0 {
            continue;
        }
        let (goal, steps) = match stride {
            1 => (Goal::Optimum, max_iter),
            _ => (Goal::Start, START_STEPS.min(max_iter)),
        };
        let fit = |c: &f64| Fit::new(space, None, mass, mass / whole / c);
        let mut fits: Vec<Fit> = c.iter().map(fit).collect();
        for (fit, last) in fits.iter_mut().zip(last.iter().flatten()) {
            fit.start_from(last, false)?;
        }
        minimise(rows, &mut fits, stride, goal, steps)?;
        last = Some(fits);
    }
    last.ok_or_else(|| Code::EmptyData.error("there are no rows to fit"))
}

#[cfg(test)]
mod tests {
    use super::super::fold_weights::FoldWeights;
    use super::super::{Affine, LogisticGrid, LogisticOptions, Matrix, logistic};
    use super::*;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0
    }

    #[test]
    fn a_grid_of_many_rows_starts_from_a_part_of_them() {
        let n = 8 * LEAST_BLOCKS * BLOCK;
        let x = Matrix::from_fn(n, 2, |i, j| wave(i, 5 + 4 * j));
        let (codes, weight): (Vec<u32>, Vec<f64>) =
            (0..n).map(|i| (u32::from(wave(i, 5) + wave(i, 29) > 0.3), (i % 7) as f64)).unzip();
        let options = LogisticOptions::default();
        let fit = logistic(&x, &codes, 2, Some(&weight), &options).unwrap();
        let maps = [(0..2).map(Affine::column).collect()];
        let grid = LogisticGrid { weight: Some(&weight), ..LogisticGrid::new(&x, &codes, 2, &maps, &[1.0]) };
        let start = FoldWeights::new(&grid);
        assert!(start.whole(STRIDE) < 0.2 * start.whole(1));
        let mut slope = [fit.coef[(0, 0)], fit.coef[(0, 1)], 0.0];
        for i in 0..n {
            let row = [x[(i, 0)], x[(i, 1)], 1.0];
            let eta = fit.intercept[0] + fit.coef[(0, 0)] * row[0] + fit.coef[(0, 1)] * row[1];
            let error = weight[i] * (1.0 / (1.0 + (-eta).exp()) - f64::from(codes[i]));
            slope.iter_mut().zip(row).for_each(|(slope, x)| *slope += error * x);
        }
        assert!(fit.converged && slope.iter().all(|slope| slope.abs() < 1e-8), "{slope:?}");
        assert!(fit.iterations < 6, "{}", fit.iterations);
    }
}
