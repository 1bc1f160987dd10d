//! Linear models from a factor, with the digits of the rows that it stands for.

use super::elastic_net::{Penalized, elastic_net_rows};
use super::least_squares::{LeastSquares, least_squares_sized};
use super::ridge::Solution;
use super::ridge_rows::ridge_rows;
use super::{Centred, Matrix, Penalty, sums};
use crate::diag::{Code, Result};

/// [`least_squares()`](super::least_squares()) of the rows behind a factor whose last `targets` columns are targets. The rank
/// is judged by as many rows as the factor has seen, and by how far the columns lie from 0.
///
/// # Errors
/// `EmptyData` for a factor without rows, `NotFinite` where something has overflown.
///
/// # Panics
/// When there are fewer columns than targets.
pub fn factor_least_squares(factor: &Centred, targets: usize, fit_intercept: bool) -> Result<LeastSquares> {
    let (x, y) = rows(factor, targets, fit_intercept)?;
    let rounding = if fit_intercept { 2.0 * offset(factor, x.columns()) } else { 0.0 };
    let size = (factor.rows as f64).max(rounding).min(1e15);
    let mut fit = least_squares_sized(&x, &y, size as usize)?;
    fit.intercept = intercepts(factor, &fit.coef, fit_intercept);
    Ok(fit)
}

/// [`ridge_rows`] of the rows behind a factor; the penalty stands against their weight.
///
/// # Errors
/// As there.
///
/// # Panics
/// When there are fewer columns than targets.
pub fn factor_ridge(factor: &Centred, targets: usize, alpha: f64, fit_intercept: bool) -> Result<Solution> {
    let (x, y) = rows(factor, targets, fit_intercept)?;
    let mut fit = ridge_rows(&x, &y, None, alpha, false)?;
    fit.intercept = intercepts(factor, &fit.coef, fit_intercept);
    Ok(fit)
}

/// [`elastic_net_rows`] of the rows behind a factor.
///
/// # Errors
/// As there.
///
/// # Panics
/// When there are fewer columns than targets.
pub fn elastic_net_factor(
    factor: &Centred,
    targets: usize,
    penalty: Penalty,
    fit_intercept: bool,
) -> Result<Penalized> {
    let (mut x, mut y) = rows(factor, targets, fit_intercept)?;
    // The mean over these rows is to be the mean over all.
    let share = (x.rows() as f64 / factor.weight).sqrt();
    let all = x.values_mut().iter_mut().chain(y.values_mut());
    all.for_each(|value| *value *= share);
    let mut fit = elastic_net_rows(&x, &y, None, penalty, false)?;
    fit.intercept = intercepts(factor, &fit.coef, fit_intercept);
    Ok(fit)
}

fn rows(factor: &Centred, targets: usize, fit_intercept: bool) -> Result<(Matrix, Matrix)> {
    if factor.weight <= 0.0 {
        return Err(Code::EmptyData.error("there are no rows to fit"));
    }
    if !factor.root.values().iter().chain(&factor.mean).all(|value| value.is_finite()) {
        return Err(Code::NotFinite.error("the factor of the fit holds NaN or infinity"));
    }
    Ok(factor.split(targets, fit_intercept))
}

/// How many standard deviations the farthest of the first `p` columns lies from 0: what its own rounding comes to.
fn offset(factor: &Centred, p: usize) -> f64 {
    let one = |j: usize| {
        let squares = sums::product_sum(factor.root.column(j), factor.root.column(j));
        factor.mean[j].abs() / (squares / factor.weight).sqrt()
    };
    (0..p).filter(|&j| factor.varies(j)).map(one).fold(0.0, f64::max)
}

fn intercepts(factor: &Centred, coef: &Matrix, fit_intercept: bool) -> Vec<f64> {
    let (p, targets) = (coef.rows(), coef.columns());
    let one = |t: usize| match fit_intercept {
        true => factor.mean[p + t] - sums::dot(&factor.mean[..p], coef.column(t)),
        false => 0.0,
    };
    (0..targets).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Affine, Factor, Moments, elastic_net_rows, least_squares, ridge, ridge_rows};
    use super::*;

    /// A number in [-0.5, 0.5), without a pattern.
    fn noise(i: usize, j: usize) -> f64 {
        let x = (i as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ (j as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
        let x = (x ^ x >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((x ^ x >> 29) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }

    /// The columns as a factor of what is left of them less the mean of the first block, as a learner has them, and then
    /// as forms that put it back.
    fn learned(x: &Matrix, y: &Matrix, block: usize) -> Centred {
        let all: Vec<&[f64]> = (0..x.columns()).map(|j| x.column(j)).chain([y.column(0)]).collect();
        let shift: Vec<f64> = all.iter().map(|column| sums::sum(&column[..block]) / block as f64).collect();
        let shifted: Vec<Vec<f64>> =
            all.iter().zip(&shift).map(|(column, c)| column.iter().map(|v| v - c).collect()).collect();
        let mut factor = Factor::new(all.len());
        for from in (0..x.rows()).step_by(block) {
            let to = (from + block).min(x.rows());
            factor.absorb(&shifted.iter().map(|column| &column[from..to]).collect::<Vec<_>>());
        }
        let order: Vec<usize> = (0..all.len()).collect();
        let back: Vec<Affine> = (0..).zip(&shift).map(|(j, c)| Affine::scaled(j, 1.0, *c)).collect();
        factor.centred(&order).map(&back)
    }

    fn assert_near(found: &Matrix, expected: &Matrix, tolerance: f64) {
        for (a, b) in found.values().iter().zip(expected.values()) {
            assert!((a - b).abs() <= tolerance * a.abs().max(b.abs()), "{a:e} {b:e}");
        }
    }

    fn problem(rows: usize, offset: f64, apart: f64) -> (Matrix, Matrix) {
        let x = Matrix::from_fn(rows, 3, |i, j| {
            offset + noise(i, 0) * f64::from(u8::from(j < 2)) + if j == 0 { 0.0 } else { apart * noise(i, j) }
        });
        let y = Matrix::from_fn(rows, 1, |i, _| x[(i, 0)] - 2.0 * x[(i, 1)] + x[(i, 2)] + noise(i, 9));
        (x, y)
    }

    #[test]
    fn learning_is_a_refit_of_all_rows() {
        for (offset, apart) in [(0.0, 1.0), (5.0, 1e-2), (100.0, 1e-3), (1.0, 1e-5)] {
            let (x, y) = problem(3000, offset, apart);
            let factor = learned(&x, &y, 500);
            for intercept in [true, false] {
                let batch = least_squares(&x, &y, None, intercept).unwrap();
                let found = factor_least_squares(&factor, 1, intercept).unwrap();
                assert_eq!(found.rank, batch.rank);
                assert_near(&found.coef, &batch.coef, 1e-9);
                let batch = ridge_rows(&x, &y, None, 0.5, intercept).unwrap();
                let found = factor_ridge(&factor, 1, 0.5, intercept).unwrap();
                assert_near(&found.coef, &batch.coef, 1e-9);
                assert!((found.intercept[0] - batch.intercept[0]).abs() <= 1e-9 * (1.0 + offset));
                let penalty = Penalty::new(0.01, 0.5, false);
                let batch = elastic_net_rows(&x, &y, None, penalty, intercept).unwrap();
                let found = elastic_net_factor(&factor, 1, penalty, intercept).unwrap();
                assert_near(&found.coef, &batch.coef, 1e-9);
            }
        }
    }

    #[test]
    fn dependent_columns_share_as_in_a_batch() {
        let x =
            Matrix::from_fn(1200, 3, |i, j| if j == 2 { 7.0 } else { (3.0 + noise(i, 0)) * (j + 1) as f64 });
        let y = Matrix::from_fn(1200, 1, |i, _| x[(i, 0)]);
        let found = factor_least_squares(&learned(&x, &y, 100), 1, true).unwrap();
        assert_eq!(found.rank, 1);
        let expected = least_squares(&x, &y, None, true).unwrap();
        assert_near(&found.coef, &expected.coef, 1e-12);
        assert_eq!(found.coef[(2, 0)], 0.0);
    }

    /// Slopes of three learners at an offset of 1e6 and columns that agree to 1e-3: X'X, co-moments of blocks merged, and
    /// the factor of shifted rows.
    #[test]
    fn an_offset_and_collinear_columns_cost_moments_their_digits_and_the_factor_none() {
        let (rows, block, offset) = (20_000, 500, 1e6);
        let x = Matrix::from_fn(rows, 2, |i, j| {
            // Multiples of 2^-20, which the offset does not round.
            let grid = |value: f64| (value * f64::from(1 << 20)).round() / f64::from(1 << 20);
            offset + grid(noise(i, 0)) + if j == 1 { grid(1e-3 * noise(i, 1)) } else { 0.0 }
        });
        let y =
            Matrix::from_fn(rows, 1, |i, _| 1.0 + 2.0 * (x[(i, 0)] - offset) - 3.0 * (x[(i, 1)] - offset));
        let worst = |coef: &Matrix| (coef[(0, 0)] - 2.0).abs().max((coef[(1, 0)] + 3.0).abs());
        let columns = [x.column(0), x.column(1), y.column(0)];
        let mut merged = Moments::zero(3);
        for from in (0..rows).step_by(block) {
            merged.merge(&Moments::of(&columns.map(|column| &column[from..from + block]), None));
        }
        let welford = worst(&ridge(&merged, 1, &[0.0], true).unwrap()[0].coef);
        // The plain sums of products, centred at the end.
        let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b);
        let ones = vec![1.0; rows];
        let mean: Vec<f64> = columns.iter().map(|column| sum(column, &ones) / rows as f64).collect();
        let gram =
            Matrix::from_fn(3, 3, |i, j| sum(columns[i], columns[j]) - rows as f64 * mean[i] * mean[j]);
        let det = gram[(0, 0)] * gram[(1, 1)] - gram[(0, 1)] * gram[(0, 1)];
        let plain = ((gram[(1, 1)] * gram[(0, 2)] - gram[(0, 1)] * gram[(1, 2)]) / det - 2.0).abs();
        let factor = worst(&factor_least_squares(&learned(&x, &y, block), 1, true).unwrap().coef);
        assert!(plain.is_nan() || plain > 1e-2, "X'X: {plain:e}");
        assert!(welford > 1e-11 && welford < 1e-5, "co-moments: {welford:e}");
        assert!(factor < 1e-11, "R: {factor:e}");
    }
}
