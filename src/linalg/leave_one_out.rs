//! Ridge regression without each row in turn, from one decomposition.
//!
//! With X = U S V^T (rows times the roots of their weights, about the weighted means where there is an intercept), the row i left
//! out has the residual e_i / (1 - h_i), where e is the residual of the fit on all rows and h_i its leverage: Rifkin and
//! Lippert, "Notes on regularized least squares" (2007); scikit-learn's `RidgeCV` without `cv`. Both are sums over U with
//! factors alpha / (s^2 + alpha), in which nothing cancels.

use faer::diag::Diag;
use faer::dyn_stack::MemStack;
use faer::linalg::svd;
use faer::prelude::default;
use faer::{Accum, Par};

use super::faer_view::{memory, view, view_mut};
use super::least_squares::check_rows;
use super::spectrum::Eigen;
use super::{Matrix, sums};
use crate::diag::{Code, Result};

/// Work, in multiplications, below which the rows are decomposed themselves.
const SMALL: f64 = 1e8;

/// The greatest condition of the Gram matrix at which its eigenvectors will do.
const GREATEST_CONDITION: f64 = 1e5;

/// A design ready to leave out its rows.
#[derive(Clone, Debug)]
pub struct LeaveOneOut {
    /// U, n x r, of the directions that are more than rounding.
    left: Matrix,
    /// The squares of S.
    squares: Vec<f64>,
    /// U^T times the targets, r x t.
    rotated: Matrix,
    /// What U leaves of the targets, n x t, and of one, for each row: 0 where U spans all.
    rest: Matrix,
    rest_of_one: Vec<f64>,
}

impl LeaveOneOut {
    /// Decomposes a design. Of small and of wide ones the rows, of others the Gram matrix, as long as its condition with the
    /// least penalty allows.
    ///
    /// # Errors
    /// `EmptyData` for less than two rows that count, `BadWeight` and `NotFinite` as [`super::ridge_rows`], `FitFailed` where the
    /// decomposition does not converge.
    ///
    /// # Panics
    /// When the numbers of rows differ.
    pub fn new(
        x: &Matrix,
        y: &Matrix,
        weight: Option<&[f64]>,
        least_alpha: f64,
        fit_intercept: bool,
    ) -> Result<Self> {
        check_rows(x, y, weight)?;
        let counting = weight.map_or(x.rows(), |weight| weight.iter().filter(|w| **w > 0.0).count());
        if counting < 2 {
            return Err(Code::EmptyData.error("leaving out the only row leaves nothing to learn from"));
        }
        let design = deviations(x, weight, fit_intercept);
        let targets = deviations(y, weight, fit_intercept);
        let (left, squares) = decompose(&design, least_alpha)?;
        let mut rotated = Matrix::zeros(left.columns(), y.columns());
        product(&mut rotated, view(&left).transpose(), view(&targets), 1.0, Accum::Replace);
        let lead = usize::from(fit_intercept);
        let (mut rest, mut rest_of_one) = (Matrix::zeros(x.rows(), y.columns()), vec![0.0; x.rows()]);
        if left.columns() + lead < counting {
            rest = targets;
            product(&mut rest, view(&left), view(&rotated), -1.0, Accum::Add);
            let total = weight.map_or(x.rows() as f64, sums::sum);
            for (i, rest) in rest_of_one.iter_mut().enumerate() {
                let mean = if fit_intercept { weight.map_or(1.0, |weight| weight[i]) / total } else { 0.0 };
                *rest = 1.0 - mean;
            }
            for k in 0..left.columns() {
                rest_of_one.iter_mut().zip(left.column(k)).for_each(|(rest, u)| *rest -= u * u);
            }
        }
        // A row without weight lies in no direction, and is no part of its own fit.
        let idle = |(_, w): &(&mut f64, &f64)| **w == 0.0;
        rest_of_one.iter_mut().zip(weight.unwrap_or_default()).filter(idle).for_each(|(rest, _)| *rest = 1.0);
        Ok(Self { left, squares, rotated, rest, rest_of_one })
    }

    /// For a penalty above 0: the residual of each row under the model of all other rows, n x t, times the root of its weight.
    pub fn residuals(&self, alpha: f64) -> Matrix {
        let shares: Vec<f64> = self.squares.iter().map(|square| alpha / (square + alpha)).collect();
        let mut kept = self.rest_of_one.clone();
        for (k, share) in shares.iter().enumerate() {
            kept.iter_mut().zip(self.left.column(k)).for_each(|(kept, u)| *kept += share * (u * u));
        }
        let mut residuals = self.rest.clone();
        for t in 0..residuals.columns() {
            let column = residuals.column_mut(t);
            for (k, share) in shares.iter().enumerate() {
                sums::add_scaled(column, self.left.column(k), share * self.rotated[(k, t)]);
            }
            column.iter_mut().zip(&kept).for_each(|(residual, kept)| *residual /= kept);
        }
        residuals
    }
}

/// Columns about their weighted means, if there is an intercept, times the roots of the weights.
fn deviations(x: &Matrix, weight: Option<&[f64]>, fit_intercept: bool) -> Matrix {
    let mut deviations = x.clone();
    let total = weight.map_or(x.rows() as f64, sums::sum);
    let sum = |column: &[f64]| weight.map_or_else(|| sums::sum(column), |weight| sums::dot(weight, column));
    for j in 0..x.columns() {
        let column = deviations.column_mut(j);
        if fit_intercept {
            let mean = sum(column) / total;
            column.iter_mut().for_each(|value| *value -= mean);
            // What rounding left of the mean, which a constant column would show as deviations.
            let rest = sum(column) / total;
            column.iter_mut().for_each(|value| *value -= rest);
            let noise = x.rows() as f64 * f64::EPSILON * mean.abs();
            if column.iter().all(|value| value.abs() <= noise) {
                column.fill(0.0);
            }
        }
        if let Some(weight) = weight {
            column.iter_mut().zip(weight).for_each(|(value, w)| *value *= w.sqrt());
        }
    }
    deviations
}

/// U and the squares of S, without the directions that are rounding.
fn decompose(design: &Matrix, least_alpha: f64) -> Result<(Matrix, Vec<f64>)> {
    let (n, p) = (design.rows(), design.columns());
    if n > p && n as f64 * (p as f64).powi(2) > SMALL {
        let mut gram = Matrix::zeros(p, p);
        product(&mut gram, view(design).transpose(), view(design), 1.0, Accum::Replace);
        let eigen = Eigen::new(&gram)?;
        let most = eigen.values.last().copied().unwrap_or(0.0);
        let least = eigen.values.first().copied().unwrap_or(0.0);
        // The digits that a weak direction lacks are lost in U and in what U leaves alike, and go with s^2 / (s^2 + alpha).
        if (most + least_alpha) / (least.max(0.0) + least_alpha) <= GREATEST_CONDITION {
            let noise = p as f64 * f64::EPSILON * most;
            let first = eigen.values.iter().take_while(|value| **value <= noise).count();
            let mut left = Matrix::zeros(n, p - first);
            let strong = view(&eigen.vectors).subcols(first, p - first);
            product(&mut left, view(design), strong, 1.0, Accum::Replace);
            for (k, value) in eigen.values[first..].iter().enumerate() {
                left.column_mut(k).iter_mut().for_each(|u| *u /= value.sqrt());
            }
            return Ok((left, eigen.values[first..].to_vec()));
        }
    }
    singular(design)
}

/// The left singular vectors and squared singular values, without those that are rounding.
fn singular(design: &Matrix) -> Result<(Matrix, Vec<f64>)> {
    let (n, p) = (design.rows(), design.columns());
    let size = n.min(p);
    if size == 0 {
        return Ok((Matrix::zeros(n, 0), Vec::new()));
    }
    let (thin, none) = (svd::ComputeSvdVectors::Thin, svd::ComputeSvdVectors::No);
    let mut values = Diag::<f64>::zeros(size);
    let mut left = Matrix::zeros(n, size);
    let mut space = memory(svd::svd_scratch::<f64>(n, p, thin, none, Par::Seq, default()));
    let stack = MemStack::new(&mut space);
    svd::svd(view(design), values.as_mut(), Some(view_mut(&mut left)), None, Par::Seq, stack, default())
        .map_err(|_| Code::FitFailed.error("the singular values did not converge"))?;
    let values: Vec<f64> = values.column_vector().iter().copied().collect();
    let noise = n.max(p) as f64 * f64::EPSILON * values[0];
    let rank = values.iter().take_while(|value| **value > noise).count();
    let left = Matrix::from_columns(n, rank, left.values()[..n * rank].to_vec());
    Ok((left, values[..rank].iter().map(|value| value * value).collect()))
}

fn product(
    into: &mut Matrix,
    a: faer::MatRef<'_, f64>,
    b: faer::MatRef<'_, f64>,
    factor: f64,
    accumulate: Accum,
) {
    faer::linalg::matmul::matmul(view_mut(into), accumulate, a, b, factor, Par::Seq);
}

#[cfg(test)]
mod tests {
    use super::super::ridge_rows;
    use super::*;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0
    }

    /// The residuals by fitting n times.
    fn one_by_one(x: &Matrix, y: &Matrix, weight: &[f64], alpha: f64, intercept: bool) -> Matrix {
        let mut residuals = Matrix::zeros(x.rows(), y.columns());
        for i in 0..x.rows() {
            let mut weight = weight.to_vec();
            let own = std::mem::take(&mut weight[i]);
            let fit = ridge_rows(x, y, Some(&weight), alpha, intercept).unwrap();
            for t in 0..y.columns() {
                let value = fit.intercept[t] + sums::dot(&x.row(i), fit.coef.column(t));
                residuals[(i, t)] = own.sqrt() * (y[(i, t)] - value);
            }
        }
        residuals
    }

    #[test]
    fn it_is_fitting_without_each_row() {
        let weights: Vec<f64> = (0..24).map(|i| if i == 3 { 0.0 } else { 0.5 + (i % 4) as f64 }).collect();
        for (n, p) in [(24, 4), (24, 40), (24, 23), (24, 24)] {
            let x = Matrix::from_fn(n, p, |i, j| match j {
                2 => 0.1,
                3 => wave(i, 5) + wave(i, 9),
                _ => wave(i, 5 + 4 * j) + j as f64,
            });
            let y = Matrix::from_fn(n, 2, |i, t| wave(i, 5) + wave(i, 9 + t) + 3.0);
            for (weight, intercept) in [(None, true), (Some(&weights[..]), true), (Some(&weights[..]), false)]
            {
                for alpha in [1e-3, 1.0, 100.0] {
                    let found = LeaveOneOut::new(&x, &y, weight, alpha, intercept).unwrap().residuals(alpha);
                    let expected = one_by_one(&x, &y, weight.unwrap_or(&[1.0; 24]), alpha, intercept);
                    for (a, b) in found.values().iter().zip(expected.values()) {
                        assert!((a - b).abs() <= 1e-10 * (1.0 + b.abs()), "{n} x {p}, {alpha}: {a:e} {b:e}");
                    }
                }
            }
        }
    }

    /// Rows enough that the Gram matrix is decomposed, with two columns that are nearly one.
    #[test]
    fn the_gram_matrix_gives_what_the_rows_give() {
        let (n, p) = (30_000, 60);
        let mix =
            |i: usize, j: usize| ((i * 7919 + j * 104_729 + i * i * 31 * (j + 1)) % 1009) as f64 / 1009.0;
        let x = Matrix::from_fn(n, p, |i, j| if j == 7 { mix(i, 3) + 1e-5 * mix(i, 7) } else { mix(i, j) });
        let y = Matrix::from_fn(n, 1, |i, _| mix(i, 3) - mix(i, 90));
        let found = LeaveOneOut::new(&x, &y, None, 1.0, true).unwrap().residuals(1.0);
        let design = deviations(&x, None, true);
        assert!(
            decompose(&design, 1e-9).unwrap().1.is_sorted_by(|a, b| a >= b),
            "the rows, for a small penalty"
        );
        let fit = ridge_rows(&x, &y, None, 1.0, true).unwrap();
        let without = |i: usize| {
            let weight: Vec<f64> = (0..n).map(|k| f64::from(u8::from(k != i))).collect();
            let fit = ridge_rows(&x, &y, Some(&weight), 1.0, true).unwrap();
            y[(i, 0)] - fit.intercept[0] - sums::dot(&x.row(i), fit.coef.column(0))
        };
        assert!(fit.condition < GREATEST_CONDITION * 1e3);
        assert!((found[(17, 0)] - without(17)).abs() < 1e-11);
    }

    #[test]
    fn one_row_is_refused() {
        let one = Matrix::zeros(2, 1);
        let error = LeaveOneOut::new(&one, &one, Some(&[0.0, 1.0]), 1.0, true).unwrap_err();
        assert_eq!(error.code(), Code::EmptyData);
    }
}
