//! Ridge regression on rows, where moments have too few digits.

use super::householder::Qr;
use super::least_squares::check_rows;
use super::refined::Augmented;
use super::ridge::Solution;
use super::scaling::{Scaling, exponent, scale_by_power_of_two};
use super::spectrum::singular_values;
use super::{Matrix, least_squares, sums};
use crate::diag::{Code, Result};

/// Minimises sum w (y - x b - b0)^2 + alpha |b|^2 for `x` (n x p) and `y` (n x t): least squares of the rows [1 X]
/// and p more, [0 sqrt(alpha) I], whose target is 0, by refined QR. The penalty is on the given columns.
///
/// With alpha 0, or one too small to change the rank, it is [`least_squares()`].
///
/// # Errors
/// `EmptyData` without rows, `BadWeight` for weights that are negative or not finite or all zero,
/// `BadValue` for a penalty that is negative or not finite, `NotFinite` for anything else that is not finite.
///
/// # Panics
/// When the numbers of rows differ.
pub fn ridge_rows(
    x: &Matrix,
    y: &Matrix,
    weight: Option<&[f64]>,
    alpha: f64,
    fit_intercept: bool,
) -> Result<Solution> {
    check_rows(x, y, weight)?;
    if !(alpha >= 0.0 && alpha.is_finite()) {
        return Err(Code::BadValue
            .error(format!("a penalty of `{alpha}`"))
            .help("`alpha` is a finite number from 0"));
    }
    if alpha == 0.0 {
        return unpenalised(x, y, weight, fit_intercept);
    }
    let rows = Penalised::new(x, weight, alpha, fit_intercept);
    let lead = usize::from(fit_intercept);
    let qr = Qr::new(rows.design.clone());
    match condition(&qr.r(), lead, x.rows().max(x.columns()))? {
        Some(condition) => Ok(rows.solve(y, qr, lead, condition)),
        None => unpenalised(x, y, weight, fit_intercept),
    }
}

/// The scaled rows [1 X] and, below them, [0 sqrt(alpha) I] of the columns that vary.
struct Penalised {
    scaling: Scaling,
    design: Matrix,
    rows: usize,
}

impl Penalised {
    fn new(x: &Matrix, weight: Option<&[f64]>, alpha: f64, fit_intercept: bool) -> Self {
        let mut scaling = Scaling::new(x, weight, fit_intercept);
        let root = scale_by_power_of_two(alpha.sqrt(), -scaling.root_exponent);
        scaling.exponents.iter_mut().for_each(|power| *power = (*power).max(exponent(root)));
        let (n, lead) = (x.rows(), usize::from(fit_intercept));
        let top = scaling.design(x, &scaling.varying);
        let mut design = Matrix::zeros(n + scaling.varying.len(), top.columns());
        for k in 0..top.columns() {
            design.column_mut(k)[..n].copy_from_slice(top.column(k));
        }
        for (k, &j) in scaling.varying.iter().enumerate() {
            design[(n + k, k + lead)] = scale_by_power_of_two(root, -scaling.exponents[j]);
        }
        Self { scaling, design, rows: n }
    }

    fn solve(self, y: &Matrix, qr: Qr, lead: usize, condition: f64) -> Solution {
        let mut targets = Matrix::zeros(self.design.rows(), y.columns());
        let mut powers = Vec::with_capacity(y.columns());
        for t in 0..y.columns() {
            let target = &mut targets.column_mut(t)[..self.rows];
            target.copy_from_slice(y.column(t));
            powers.push(self.scaling.scale_target(target));
        }
        let found = Augmented::new(self.design, Some(qr)).least_squares(&targets).x;
        let columns = self.scaling.exponents.len();
        let mut coef = Matrix::zeros(columns, y.columns());
        let mut intercept = vec![0.0; y.columns()];
        for (t, &power) in powers.iter().enumerate() {
            for (k, &j) in self.scaling.varying.iter().enumerate() {
                coef[(j, t)] = scale_by_power_of_two(found[(k + lead, t)], power - self.scaling.exponents[j]);
            }
            if lead == 1 {
                intercept[t] = scale_by_power_of_two(found[(0, t)], power);
            }
        }
        Solution { coef, intercept, condition }
    }
}

fn unpenalised(x: &Matrix, y: &Matrix, weight: Option<&[f64]>, fit_intercept: bool) -> Result<Solution> {
    let fit = least_squares(x, y, weight, fit_intercept)?;
    let dependent = fit.rank < fit.singular.len();
    let condition = if dependent { f64::INFINITY } else { fit.condition.powi(2) };
    Ok(Solution { coef: fit.coef, intercept: fit.intercept, condition })
}

/// The condition of the penalised Gram matrix of unit diagonal, from the factor of the design; `None` where the penalty
/// is lost in the rounding of the rest.
fn condition(r: &Matrix, lead: usize, size: usize) -> Result<Option<f64>> {
    let p = r.columns() - lead;
    let mut unit = Matrix::zeros(p, p);
    for k in 0..p {
        let column = &r.column(k + lead)[lead..=k + lead];
        let norm = sums::product_sum(column, column).sqrt();
        unit.column_mut(k)[..=k].iter_mut().zip(column).for_each(|(into, from)| *into = from / norm);
    }
    let singular = singular_values(&unit)?;
    let (Some(most), Some(least)) = (singular.first(), singular.last()) else { return Ok(Some(1.0)) };
    let full = *least >= size as f64 * f64::EPSILON * most && *least > 0.0;
    Ok(full.then(|| (most / least).powi(2)))
}

#[cfg(test)]
mod tests {
    use super::super::{Moments, ridge};
    use super::*;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0
    }

    fn near(found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() <= tolerance * e.abs().max(1e-3), "{found:?} {expected:?}");
        }
    }

    #[test]
    fn rows_and_moments_agree() {
        let x = Matrix::from_fn(50, 4, |i, j| wave(i, 5 + 4 * j) * [1.0, 10.0, 0.1, 3.0][j] + j as f64);
        let y = Matrix::from_fn(50, 2, |i, t| wave(i, 5) + wave(i, 9 + t) + 0.3 * wave(i, 29));
        let weight: Vec<f64> = (0..50).map(|i| (i % 3) as f64 * 0.7).collect();
        let columns: Vec<&[f64]> = (0..4).map(|j| x.column(j)).chain((0..2).map(|t| y.column(t))).collect();
        for weight in [None, Some(&weight[..])] {
            let moments = Moments::of(&columns, weight);
            for alpha in [0.0, 1e-4, 1.0, 1e6] {
                for fit_intercept in [true, false] {
                    let rows = ridge_rows(&x, &y, weight, alpha, fit_intercept).unwrap();
                    let gram = &ridge(&moments, 2, &[alpha], fit_intercept).unwrap()[0];
                    near(rows.coef.values(), gram.coef.values(), 1e-11);
                    near(&rows.intercept, &gram.intercept, 1e-11);
                    assert!(
                        (rows.condition / gram.condition - 1.0).abs() < 1e-6,
                        "{} {}",
                        rows.condition,
                        gram.condition
                    );
                }
            }
        }
    }

    #[test]
    fn wide_tables_and_dependent_columns() {
        let x = Matrix::from_fn(6, 9, |i, j| wave(i, 5 + 4 * (j % 7)));
        let y = Matrix::from_fn(6, 1, |i, _| wave(i, 3));
        let fit = ridge_rows(&x, &y, None, 0.5, true).unwrap();
        // Equal columns share.
        near(&fit.coef.column(0)[7..], &fit.coef.column(0)[..2], 1e-14);
        for j in 0..9 {
            let residual = |i: usize| {
                y[(i, 0)] - fit.intercept[0] - (0..9).map(|k| x[(i, k)] * fit.coef[(k, 0)]).sum::<f64>()
            };
            let slope: f64 = (0..6).map(|i| x[(i, j)] * residual(i)).sum();
            assert!((slope - 0.5 * fit.coef[(j, 0)]).abs() < 1e-14);
        }
    }

    #[test]
    fn a_vanishing_penalty_is_the_least_norm() {
        let a: Vec<f64> = (0..20).map(|i| wave(i, 7)).collect();
        let x = Matrix::from_fn(20, 3, |i, j| if j < 2 { a[i] * (j + 1) as f64 } else { 5.0 });
        let y = Matrix::from_fn(20, 1, |i, _| a[i] + 1.0);
        for alpha in [0.0, 1e-40] {
            let fit = ridge_rows(&x, &y, None, alpha, true).unwrap();
            near(fit.coef.column(0), &[0.2, 0.4, 0.0], 1e-14);
            near(&fit.intercept, &[1.0], 1e-14);
            assert_eq!(fit.condition, f64::INFINITY);
        }
    }

    #[test]
    fn digits_survive_where_moments_have_none() {
        // Correlation 1 - 5e-17: the Gram matrix is singular in f64. The penalty splits what the difference does not.
        let x = Matrix::from_fn(40, 2, |i, j| wave(i, 7) + j as f64 * 1e-8 * wave(i, 13));
        let y = Matrix::from_fn(40, 1, |i, _| x[(i, 0)] + x[(i, 1)] + 1e-9 * wave(i, 3));
        let fit = ridge_rows(&x, &y, None, 1e-14, true).unwrap();
        let residual: Vec<f64> = (0..40)
            .map(|i| y[(i, 0)] - fit.intercept[0] - sums::dot(&x.row(i), fit.coef.column(0)))
            .collect();
        let (b0, b1) = (fit.coef[(0, 0)], fit.coef[(1, 0)]);
        let difference: Vec<f64> = (0..40).map(|i| x[(i, 1)] - x[(i, 0)]).collect();
        let slope = sums::dot(&difference, &residual) - 1e-14 * (b1 - b0);
        assert!((b1 - b0).abs() > 1e-4, "{b0} {b1}");
        // The residuals here are rounded at 1e-16, so their product with the difference is at 1e-24.
        assert!(slope.abs() < 1e-23, "{slope} {b0} {b1}");
        let slope = sums::dot(x.column(0), &residual) - 1e-14 * b0;
        assert!(slope.abs() < 5e-15, "{slope}");
    }
}
