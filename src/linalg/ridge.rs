//! Ridge regression and least squares from moments.

use faer::{Accum, Par};

use super::cholesky::Cholesky;
use super::faer_view::{view, view_mut};
use super::householder::Qr;
use super::spectrum::{Eigen, eigenvalues};
use super::{Matrix, Moments, sums};
use crate::diag::{Code, Result};

/// Up to this many columns the condition comes from all eigenvalues, beyond it from an estimate.
const EXACT_CONDITION: usize = 200;

/// Where the Gram matrix, as it stands, is worse than this, its small eigenvalues have too few digits for
/// a whole path, and every penalty gets a factorization of its own.
const PATH_CONDITION: f64 = 1e5;

/// A linear model of `p` columns and `t` targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// Coefficients, `p` x `t`.
    pub coef: Matrix,
    /// The intercept of each target; 0 where none is fitted.
    pub intercept: Vec<f64>,
    /// The condition of the Gram matrix that was solved: of unit diagonal and with the penalty. About that many
    /// units in the last place are lost. Infinite where the columns are dependent.
    pub condition: f64,
}

/// Minimises sum w (y - x b - b0)^2 + alpha |b|^2 for each of `alphas`, from the moments of columns of which the last
/// `targets` are targets. The penalty is on the coefficients of the given columns, as scikit-learn's `Ridge`.
///
/// One alpha is one Cholesky factorization of the Gram matrix scaled to unit diagonal; several share one
/// eigendecomposition where the Gram matrix is good enough for it. Where the columns are dependent and the
/// penalty is 0 (or too small to tell) the solution is the one of least norm.
///
/// Moments know half the digits of the rows: trust a result up to a condition of 1e5 for least squares (alpha 0)
/// and 1e6 with a penalty, and take [`super::least_squares()`] or [`super::ridge_rows`] beyond. Without an
/// intercept the means go back into the Gram matrix, so the moments must be of the unshifted columns, and a column
/// whose mean is k deviations costs 2 log10 k digits (the condition shows it where there is more than one
/// such column).
///
/// # Errors
/// `EmptyData` for moments without weight, `NotFinite` for moments that are not finite, `BadValue` for a penalty
/// that is negative or not finite, `FitFailed` where eigenvalues do not converge.
///
/// # Panics
/// When there are fewer columns than targets.
pub fn ridge(
    moments: &Moments,
    targets: usize,
    alphas: &[f64],
    fit_intercept: bool,
) -> Result<Vec<Solution>> {
    if moments.weight <= 0.0 {
        return Err(Code::EmptyData.error("there are no rows to fit"));
    }
    if !moments.gram.values().iter().chain(&moments.mean).all(|value| value.is_finite()) {
        return Err(Code::NotFinite.error("the moments of the fit hold NaN or infinity"));
    }
    if let Some(alpha) = alphas.iter().find(|alpha| !(**alpha >= 0.0 && alpha.is_finite())) {
        return Err(Code::BadValue
            .error(format!("a penalty of `{alpha}`"))
            .help("`alpha` is a finite number from 0"));
    }
    let normal = Normal::new(moments, targets, fit_intercept);
    if alphas.len() > 1 {
        let path = Path::new(&normal)?;
        if alphas.iter().all(|&alpha| path.condition(alpha) <= PATH_CONDITION) {
            return Ok(alphas.iter().map(|&alpha| path.solve(alpha)).collect());
        }
    }
    alphas.iter().map(|&alpha| normal.solve(alpha)).collect()
}

/// The normal equations of the columns that vary.
struct Normal<'a> {
    moments: &'a Moments,
    targets: usize,
    fit_intercept: bool,
    varying: Vec<usize>,
    gram: Matrix,
    cross: Matrix,
}

impl<'a> Normal<'a> {
    fn new(moments: &'a Moments, targets: usize, fit_intercept: bool) -> Self {
        let p = moments.columns() - targets;
        let mean = |j: usize| if fit_intercept { 0.0 } else { moments.mean[j] };
        let product = |i: usize, j: usize| moments.gram[(i, j)] + moments.weight * (mean(i) * mean(j));
        // The rule of scikit-learn's scalers: what remains of a constant is rounding of its mean.
        let rounding = |j: usize| {
            moments.rows as f64 * f64::EPSILON * moments.mean[j] * f64::from(u8::from(fit_intercept))
        };
        let varies = |&j: &usize| product(j, j) > moments.weight * rounding(j).powi(2);
        let varying: Vec<usize> = (0..p).filter(varies).collect();
        Self {
            gram: Matrix::from_fn(varying.len(), varying.len(), |a, b| product(varying[a], varying[b])),
            cross: Matrix::from_fn(varying.len(), targets, |a, t| product(varying[a], p + t)),
            moments,
            targets,
            fit_intercept,
            varying,
        }
    }

    fn solve(&self, alpha: f64) -> Result<Solution> {
        let scale: Vec<f64> =
            (0..self.varying.len()).map(|j| 1.0 / (self.gram[(j, j)] + alpha).sqrt()).collect();
        let unit = Matrix::from_fn(scale.len(), scale.len(), |i, j| {
            if i == j { 1.0 } else { scale[i] * self.gram[(i, j)] * scale[j] }
        });
        let mut b = self.cross.clone();
        scale_rows(&mut b, &scale);
        let values = if scale.len() <= EXACT_CONDITION { Some(eigenvalues(&unit)?) } else { None };
        let exact = values.map(|values| condition(&values));
        let factor = if exact == Some(f64::INFINITY) { None } else { Cholesky::new(unit.clone()) };
        if let Some(factor) = factor {
            let condition = exact.unwrap_or_else(|| factor.inverse_norm() * one_norm(&unit));
            if condition * f64::EPSILON * (scale.len() as f64) < 1.0 {
                factor.solve(&mut b);
                scale_rows(&mut b, &scale);
                return Ok(self.solution(&b, condition));
            }
        }
        let b = least_norm(&unit, b, &scale)?;
        Ok(self.solution(&b, f64::INFINITY))
    }

    /// Puts the coefficients of the varying columns in their places and adds the intercepts.
    fn solution(&self, b: &Matrix, condition: f64) -> Solution {
        let p = self.moments.columns() - self.targets;
        let mut coef = Matrix::zeros(p, self.targets);
        let mut intercept = vec![0.0; self.targets];
        for (t, intercept) in intercept.iter_mut().enumerate() {
            self.varying.iter().zip(b.column(t)).for_each(|(&j, &b)| coef[(j, t)] = b);
            if self.fit_intercept {
                *intercept = self.moments.mean[p + t] - sums::dot(&self.moments.mean[..p], coef.column(t));
            }
        }
        Solution { coef, intercept, condition }
    }
}

/// One eigendecomposition V L V^T of the Gram matrix, for all penalties: b = V (L + alpha)^-1 V^T c.
struct Path<'a> {
    normal: &'a Normal<'a>,
    eigen: Eigen,
    /// V^T c.
    rotated: Matrix,
}

impl<'a> Path<'a> {
    fn new(normal: &'a Normal<'a>) -> Result<Self> {
        let eigen = Eigen::new(&normal.gram)?;
        let mut rotated = Matrix::zeros(normal.cross.rows(), normal.cross.columns());
        let (vectors, cross) = (view(&eigen.vectors).transpose(), view(&normal.cross));
        faer::linalg::matmul::matmul(view_mut(&mut rotated), Accum::Replace, vectors, cross, 1.0, Par::Seq);
        Ok(Self { normal, eigen, rotated })
    }

    fn condition(&self, alpha: f64) -> f64 {
        let penalised: Vec<f64> = self.eigen.values.iter().map(|value| value + alpha).collect();
        condition(&penalised)
    }

    fn solve(&self, alpha: f64) -> Solution {
        let mut shrunk = self.rotated.clone();
        let inverse: Vec<f64> = self.eigen.values.iter().map(|value| 1.0 / (value + alpha)).collect();
        scale_rows(&mut shrunk, &inverse);
        let mut b = Matrix::zeros(shrunk.rows(), shrunk.columns());
        let vectors = view(&self.eigen.vectors);
        faer::linalg::matmul::matmul(view_mut(&mut b), Accum::Replace, vectors, view(&shrunk), 1.0, Par::Seq);
        self.normal.solution(&b, self.condition(alpha))
    }
}

/// The largest over the least of ascending eigenvalues; infinite where the least is rounding noise.
fn condition(values: &[f64]) -> f64 {
    let (Some(least), Some(most)) = (values.first(), values.last()) else { return 1.0 };
    if *least > values.len() as f64 * f64::EPSILON * most { most / least } else { f64::INFINITY }
}

fn one_norm(a: &Matrix) -> f64 {
    (0..a.columns()).map(|j| a.column(j).iter().map(|x| x.abs()).sum()).fold(0.0, f64::max)
}

fn scale_rows(b: &mut Matrix, scale: &[f64]) {
    for t in 0..b.columns() {
        b.column_mut(t).iter_mut().zip(scale).for_each(|(b, s)| *b *= s);
    }
}

/// The solution of least norm in the given units: the eigenvectors of `unit` whose eigenvalues are noise span, after
/// scaling, what must not be in it.
fn least_norm(unit: &Matrix, mut b: Matrix, scale: &[f64]) -> Result<Matrix> {
    let eigen = Eigen::new(unit)?;
    let p = scale.len();
    let noise = p as f64 * f64::EPSILON * eigen.values.last().copied().unwrap_or(0.0);
    let nothing = eigen.values.iter().take_while(|value| **value <= noise).count();
    let mut rotated = Matrix::zeros(p, b.columns());
    let vectors = view(&eigen.vectors);
    faer::linalg::matmul::matmul(
        view_mut(&mut rotated),
        Accum::Replace,
        vectors.transpose(),
        view(&b),
        1.0,
        Par::Seq,
    );
    for t in 0..b.columns() {
        let column = rotated.column_mut(t);
        column[..nothing].fill(0.0);
        column[nothing..].iter_mut().zip(&eigen.values[nothing..]).for_each(|(x, value)| *x /= value);
    }
    faer::linalg::matmul::matmul(view_mut(&mut b), Accum::Replace, vectors, view(&rotated), 1.0, Par::Seq);
    scale_rows(&mut b, scale);
    let null = Matrix::from_fn(p, nothing, |i, k| scale[i] * eigen.vectors[(i, k)]);
    let qr = Qr::new(null);
    qr.apply_transpose(&mut b);
    (0..b.columns()).for_each(|t| b.column_mut(t)[..nothing].fill(0.0));
    qr.apply(&mut b);
    Ok(b)
}

#[cfg(test)]
mod tests {
    use super::super::least_squares;
    use super::*;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0
    }

    fn moments(x: &Matrix, y: &Matrix) -> Moments {
        let columns: Vec<&[f64]> =
            (0..x.columns()).map(|j| x.column(j)).chain((0..y.columns()).map(|t| y.column(t))).collect();
        Moments::of(&columns, None)
    }

    fn near(found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() <= tolerance * e.abs().max(1e-3), "{found:?} {expected:?}");
        }
    }

    fn example() -> (Matrix, Matrix) {
        let x = Matrix::from_fn(60, 4, |i, j| wave(i, 5 + 4 * j) * [1.0, 10.0, 0.1, 3.0][j] + j as f64);
        let y = Matrix::from_fn(60, 2, |i, t| wave(i, 5) + wave(i, 9 + t) + 0.3 * wave(i, 29));
        (x, y)
    }

    #[test]
    fn the_gradient_is_zero_for_every_penalty() {
        let (x, y) = example();
        let moments = moments(&x, &y);
        let alphas = [0.0, 1e-3, 1.0, 50.0];
        for fit_intercept in [true, false] {
            let path = ridge(&moments, 2, &alphas, fit_intercept).unwrap();
            for (solution, &alpha) in path.iter().zip(&alphas) {
                for t in 0..2 {
                    let residual: Vec<f64> = (0..60)
                        .map(|i| {
                            let fit: f64 = (0..4).map(|j| x[(i, j)] * solution.coef[(j, t)]).sum();
                            y[(i, t)] - fit - solution.intercept[t]
                        })
                        .collect();
                    for j in 0..4 {
                        let slope = sums::dot(x.column(j), &residual) - alpha * solution.coef[(j, t)];
                        assert!(slope.abs() < 1e-10, "{alpha} {slope}");
                    }
                    let sum: f64 = residual.iter().sum();
                    assert!(!fit_intercept || sum.abs() < 1e-11);
                }
            }
        }
    }

    #[test]
    fn a_path_is_its_penalties_one_by_one() {
        let (x, y) = example();
        let x = Matrix::from_fn(60, 4, |i, j| x[(i, j)] / [1.0, 10.0, 0.1, 3.0][j]);
        let moments = moments(&x, &y);
        let alphas: Vec<f64> = (0..20).map(|k| 10f64.powi(k - 8)).collect();
        let path = ridge(&moments, 2, &alphas, true).unwrap();
        for (solution, &alpha) in path.iter().zip(&alphas) {
            let one = &ridge(&moments, 2, &[alpha], true).unwrap()[0];
            near(solution.coef.values(), one.coef.values(), 1e-12);
            // An intercept is a small difference of the means, whose size is 1.
            let pairs = solution.intercept.iter().zip(&one.intercept);
            pairs.for_each(|(path, one)| assert!((path - one).abs() <= 1e-12, "{path} {one}"));
            assert!((solution.condition / one.condition).ln().abs() < 1.5);
        }
    }

    #[test]
    fn without_a_penalty_it_is_least_squares() {
        let (x, y) = example();
        for fit_intercept in [true, false] {
            let solution = &ridge(&moments(&x, &y), 2, &[0.0], fit_intercept).unwrap()[0];
            let fit = least_squares(&x, &y, None, fit_intercept).unwrap();
            near(solution.coef.values(), fit.coef.values(), 1e-12);
            near(&solution.intercept, &fit.intercept, 1e-12);
        }
    }

    #[test]
    fn dependent_columns_get_the_least_norm() {
        let a: Vec<f64> = (0..20).map(|i| wave(i, 7)).collect();
        let x = Matrix::from_fn(20, 4, |i, j| match j {
            0 | 1 => a[i] * (j + 1) as f64,
            2 => 7.5,
            _ => wave(i, 13) * 100.0,
        });
        let y = Matrix::from_fn(20, 1, |i, _| a[i] + wave(i, 13));
        for alphas in [&[0.0][..], &[0.0, 1e-300]] {
            for solution in ridge(&moments(&x, &y), 1, alphas, true).unwrap() {
                near(solution.coef.column(0), &[0.2, 0.4, 0.0, 0.01], 1e-12);
                assert_eq!(solution.condition, f64::INFINITY);
            }
        }
    }

    #[test]
    fn a_column_in_other_units_keeps_its_digits_where_it_is_not_penalised() {
        let (x, y) = example();
        let scaled = Matrix::from_fn(60, 4, |i, j| x[(i, j)] * if j == 1 { 2f64.powi(40) } else { 1.0 });
        let plain = &ridge(&moments(&x, &y), 2, &[0.0], true).unwrap()[0];
        let mut fit = ridge(&moments(&scaled, &y), 2, &[0.0], true).unwrap().remove(0);
        (0..2).for_each(|t| fit.coef[(1, t)] *= 2f64.powi(40));
        assert_eq!(&fit, plain);
    }

    #[test]
    fn the_estimated_condition_is_near_the_exact_one() {
        let p = EXACT_CONDITION + 1;
        let x = Matrix::from_fn(p + 200, p, |i, j| wave(i + 3 * j, 5 + j) + wave(i, 7));
        let y = Matrix::from_fn(p + 200, 1, |i, _| wave(i, 3));
        let moments = moments(&x, &y);
        let estimated = ridge(&moments, 1, &[10.0], true).unwrap()[0].condition;
        let unit = Matrix::from_fn(p, p, |i, j| {
            let diagonal = |j: usize| moments.gram[(j, j)] + 10.0;
            if i == j { 1.0 } else { moments.gram[(i, j)] / (diagonal(i) * diagonal(j)).sqrt() }
        });
        let exact = condition(&eigenvalues(&unit).unwrap());
        assert!(estimated > exact / 3.0 && estimated < exact * p as f64, "{estimated} {exact}");
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let (x, y) = example();
        let good = moments(&x, &y);
        let code = |moments: &Moments, alpha: f64| ridge(moments, 2, &[alpha], true).unwrap_err().code();
        assert_eq!(code(&Moments::zero(6), 1.0), Code::EmptyData);
        assert_eq!(code(&good, -1.0), Code::BadValue);
        assert_eq!(code(&good, f64::NAN), Code::BadValue);
        let mut bad = good.clone();
        bad.gram[(0, 0)] = f64::NAN;
        assert_eq!(code(&bad, 1.0), Code::NotFinite);
        assert!(ridge(&good, 2, &[], true).unwrap().is_empty());
        let none = &ridge(&good.subset(&[4, 5]), 2, &[1.0], true).unwrap()[0];
        near(&none.intercept, &good.mean[4..], 1e-15);
    }
}
