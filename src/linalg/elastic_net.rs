//! Lasso and elastic net: whole solutions, from moments or from rows.

use super::coordinate_descent::{Descent, Penalty, Quadratic};
use super::least_squares::check_rows;
use super::{Accumulator, BLOCK, Matrix, Moments, sums};
use crate::diag::{Code, Result};

/// How often a solution from moments is corrected by the rows.
const REFINEMENTS: usize = 10;

/// The greatest duality gap of a solution, as a share of the target's square.
const GREATEST_GAP: f64 = 1e-10;

/// A penalised linear model of `p` columns and `t` targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Penalized {
    /// Coefficients, `p` x `t`.
    pub coef: Matrix,
    /// The intercept of each target; 0 where none is fitted.
    pub intercept: Vec<f64>,
    /// The condition of the Gram matrix of the columns that are in, of unit diagonal and with the penalty's squares: the worst
    /// of the targets. Infinite where those columns are dependent, or the optimum was not reached.
    pub condition: f64,
    /// Sweeps of coordinate descent, for each target.
    pub sweeps: Vec<usize>,
    /// The duality gap, for each target, per unit of weight.
    pub gaps: Vec<f64>,
}

impl Penalized {
    fn none(p: usize, targets: usize) -> Self {
        Self {
            coef: Matrix::zeros(p, targets),
            intercept: vec![0.0; targets],
            condition: 1.0,
            sweeps: vec![0; targets],
            gaps: vec![0.0; targets],
        }
    }

    /// Puts one target's coefficients in their place.
    fn put(&mut self, t: usize, descent: &Descent, penalty: Penalty, sweeps: usize, means: Option<&[f64]>) {
        let p = self.coef.rows();
        self.coef.column_mut(t).copy_from_slice(descent.coef());
        if let Some(means) = means {
            self.intercept[t] = means[p + t] - sums::dot(&means[..p], descent.coef());
        }
        self.sweeps[t] = sweeps;
        self.gaps[t] = descent.gap(penalty);
    }
}

/// Minimises, for each of `penalties`, half the weighted mean of (y - x b - b0)^2 plus the penalty, from the moments of columns of
/// which the last `targets` are targets. Each solution starts from the one before, so order the penalties from strong to
/// weak. Without an intercept the moments must be of the unshifted columns.
///
/// Moments know half the digits of the rows: trust a result up to a condition of 1e6, and take [`elastic_net_rows`] beyond.
///
/// # Errors
/// `EmptyData` for moments without weight, `NotFinite` for moments that are not finite.
///
/// # Panics
/// When there are fewer columns than targets.
pub fn elastic_net(
    moments: &Moments,
    targets: usize,
    penalties: &[Penalty],
    fit_intercept: bool,
) -> Result<Vec<Penalized>> {
    check(moments)?;
    let problem = Quadratic::new(moments, targets, fit_intercept);
    let means = fit_intercept.then_some(moments.mean.as_slice());
    let mut fits = vec![Penalized::none(problem.columns(), targets); penalties.len()];
    for t in 0..targets {
        let mut descent = Descent::new(&problem, t);
        for (fit, &penalty) in fits.iter_mut().zip(penalties) {
            let sweeps = descent.solve(penalty);
            let settled = descent.settle(penalty);
            fit.put(t, &descent, penalty, sweeps, means);
            let reached = settled || fit.gaps[t] <= GREATEST_GAP * problem.square(t);
            let condition = if reached { descent.condition(penalty.l2) } else { f64::INFINITY };
            fit.condition = fit.condition.max(condition);
        }
    }
    Ok(fits)
}

/// [`elastic_net`] for `x` (n x p) and `y` (n x t), with the digits of the rows: the solution from their moments is corrected
/// by the slopes of the rows' own residuals, in twice the precision, until it stands.
///
/// # Errors
/// `EmptyData` without rows, `BadWeight` for weights that are negative or not finite or all zero, `NotFinite` for anything else
/// that is not finite or overflows when it is squared, `FitFailed` where the optimum is not reached.
///
/// # Panics
/// When the numbers of rows differ.
pub fn elastic_net_rows(
    x: &Matrix,
    y: &Matrix,
    weight: Option<&[f64]>,
    penalty: Penalty,
    fit_intercept: bool,
) -> Result<Penalized> {
    check_rows(x, y, weight)?;
    let moments = moments(x, y, weight);
    check(&moments)?;
    let problem = Quadratic::new(&moments, y.columns(), fit_intercept);
    let means = fit_intercept.then_some(moments.mean.as_slice());
    let mut fit = Penalized::none(x.columns(), y.columns());
    for t in 0..y.columns() {
        let mut descent = Descent::new(&problem, t);
        let sweeps = descent.solve(penalty);
        let mut settled = descent.settle(penalty);
        for _ in 0..REFINEMENTS {
            let last = descent.coef().to_vec();
            descent.set_slope(&slopes(x, y.column(t), weight, &last, means));
            settled = descent.settle(penalty);
            if last.iter().zip(descent.coef()).all(|(a, b)| (a - b).abs() <= 2.0 * f64::EPSILON * b.abs()) {
                break;
            }
        }
        fit.put(t, &descent, penalty, sweeps, means);
        if !settled && fit.gaps[t] > GREATEST_GAP * problem.square(t) {
            let message = format!("the optimum was not reached in {sweeps} sweeps");
            return Err(Code::FitFailed.error(message).help("scale the features, or raise `alpha`"));
        }
        fit.condition = fit.condition.max(descent.condition(penalty.l2));
    }
    Ok(fit)
}

fn check(moments: &Moments) -> Result<()> {
    if moments.weight <= 0.0 {
        return Err(Code::EmptyData.error("there are no rows to fit"));
    }
    if !moments.gram.values().iter().chain(&moments.mean).all(|value| value.is_finite()) {
        let error = Code::NotFinite.error("the squares of the features or of the target overflow");
        return Err(error.help("scale the features"));
    }
    Ok(())
}

/// The moments of all columns, features first, by blocks.
fn moments(x: &Matrix, y: &Matrix, weight: Option<&[f64]>) -> Moments {
    let mut moments = Accumulator::new(x.columns() + y.columns());
    for start in (0..x.rows()).step_by(BLOCK) {
        let range = start..(start + BLOCK).min(x.rows());
        let features = (0..x.columns()).map(|j| &x.column(j)[range.clone()]);
        let targets = (0..y.columns()).map(|t| &y.column(t)[range.clone()]);
        let columns: Vec<&[f64]> = features.chain(targets).collect();
        moments.add(&columns, weight.map(|weight| &weight[range.clone()]));
    }
    moments.finish()
}

/// The slopes at some coefficients: the weighted means of the columns (about their `means` where there is an intercept)
/// times the residual.
fn slopes(x: &Matrix, y: &[f64], weight: Option<&[f64]>, coef: &[f64], means: Option<&[f64]>) -> Vec<f64> {
    let mut residual = y.to_vec();
    let mut low = vec![0.0; y.len()];
    for (j, &b) in coef.iter().enumerate().filter(|(_, b)| **b != 0.0) {
        sums::subtract_scaled(&mut residual, &mut low, x.column(j), b);
    }
    residual.iter_mut().zip(&low).for_each(|(high, low)| *high += low);
    let total = weight.map_or(y.len() as f64, sums::sum);
    if means.is_some() {
        let mean = weight.map_or_else(|| sums::sum(&residual), |w| sums::dot(w, &residual)) / total;
        residual.iter_mut().for_each(|r| *r -= mean);
    }
    if let Some(weight) = weight {
        residual.iter_mut().zip(weight).for_each(|(r, w)| *r *= w);
    }
    let mut deviations = vec![0.0; y.len()];
    let slope = |j: usize| {
        sums::shift_and_scale(&mut deviations, x.column(j), means.map_or(0.0, |means| means[j]), 1.0);
        sums::dot(&deviations, &residual) / total
    };
    (0..x.columns()).map(slope).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0
    }

    fn penalties(ratio: f64) -> Vec<Penalty> {
        (0..12).map(|k| Penalty::new(0.5f64.powi(k), ratio, false)).collect()
    }

    #[test]
    fn rows_and_moments_agree() {
        let x = Matrix::from_fn(50, 6, |i, j| wave(i, 5 + 4 * j) * [1.0, 10.0, 0.1][j % 3] + j as f64);
        let y = Matrix::from_fn(50, 2, |i, t| wave(i, 5) + wave(i, 9 + t) + 0.3 * wave(i, 29) + 7.0);
        let weight: Vec<f64> = (0..50).map(|i| (i % 3) as f64 * 0.7).collect();
        for (weight, intercept) in [(None, true), (Some(&weight[..]), true), (Some(&weight[..]), false)] {
            for ratio in [1.0, 0.3] {
                let path = elastic_net(&moments(&x, &y, weight), 2, &penalties(ratio), intercept).unwrap();
                for (fit, penalty) in path.iter().zip(penalties(ratio)) {
                    let rows = elastic_net_rows(&x, &y, weight, penalty, intercept).unwrap();
                    for (a, b) in fit.coef.values().iter().zip(rows.coef.values()) {
                        assert!((a - b).abs() <= 1e-11 * a.abs().max(b.abs()) + 1e-12, "{a:e} {b:e}");
                    }
                    for (a, b) in fit.intercept.iter().zip(&rows.intercept) {
                        assert!((a - b).abs() <= 1e-12, "{a:e} {b:e}");
                    }
                    assert!(fit.gaps.iter().chain(&rows.gaps).all(|gap| *gap < 1e-13));
                    assert!((fit.condition / rows.condition - 1.0).abs() < 1e-6);
                }
            }
        }
    }

    /// Two columns that differ in the sixth digit: the Gram matrix has 4 digits of the difference, the rows have 10.
    #[test]
    fn the_rows_give_the_digits_that_moments_lack() {
        let x = Matrix::from_fn(40, 2, |i, j| wave(i, 7) + j as f64 * 1e-6 * wave(i, 13));
        let y = Matrix::from_fn(40, 1, |i, _| 3.0 * wave(i, 7) + 2e-6 * wave(i, 13) + 1e-8 * wave(i, 3));
        let penalty = Penalty::new(1e-14, 1.0, false);
        let moments = elastic_net(&moments(&x, &y, None), 1, &[penalty], true).unwrap().remove(0);
        assert!(moments.condition > 1e10);
        let rows = elastic_net_rows(&x, &y, None, penalty, true).unwrap();
        let means = [x.column(0), x.column(1)].map(|column| sums::sum(column) / 40.0);
        let slopes = slopes(&x, y.column(0), None, rows.coef.column(0), Some(&means));
        // A unit in the last place of a coefficient is 1e-16 of the slopes, and 1e-22 of their difference.
        assert!(slopes.iter().all(|slope| (slope - 1e-14).abs() < 1e-16), "{slopes:?}");
        assert!((slopes[1] - slopes[0]).abs() < 1e-22, "{slopes:?}");
        assert!((rows.coef[(1, 0)] - 2.0).abs() < 0.1);
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let (x, y) = (Matrix::from_fn(5, 1, |i, _| i as f64 * 1e200), Matrix::from_fn(5, 1, |i, _| i as f64));
        let penalty = Penalty::new(1.0, 1.0, false);
        assert_eq!(elastic_net_rows(&x, &y, None, penalty, true).unwrap_err().code(), Code::NotFinite);
        let code = elastic_net(&Moments::zero(2), 1, &[penalty], true).unwrap_err().code();
        assert_eq!(code, Code::EmptyData);
    }
}
