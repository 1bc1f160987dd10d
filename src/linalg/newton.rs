//! Newton's method with a line search.

use super::cholesky::Cholesky;
use super::logistic_pass::{Pass, Rows};
use super::spectrum::Eigen;
use super::{Matrix, sums};
use crate::diag::{Code, Result};

/// No linear predictor of any row moves further than this in a step: the fit has converged. The third derivative
/// of the loss is bounded by the second, so the error after that step is at most its square.
const SETTLED: f64 = 1e-8;

/// Halvings of a step before the search gives up.
const HALVINGS: usize = 40;

/// Where so little loss is left the classes are separated and nothing is penalised: there is no optimum, and
/// further steps would only underflow.
const LOSSLESS: f64 = 1e-200;

/// The objective of a logistic fit: the loss of the rows, and a penalty.
pub(super) struct Newton<'a> {
    /// The rows.
    pub(super) rows: &'a Rows<'a>,
    /// The second derivative of the penalty for each parameter.
    pub(super) penalty: Vec<f64>,
}

/// A point with its objective and gradient.
struct Point {
    parameters: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    hessian: Matrix,
}

impl Newton<'_> {
    /// Steps from `start` to the optimum; gives the parameters, the number of steps, and whether they got there.
    pub(super) fn minimise(&self, start: Vec<f64>, max_iter: usize) -> Result<(Vec<f64>, usize, bool)> {
        let mut at = self.point(start);
        // A start that is worse than none may lie where the loss is flat and Newton's steps are wild.
        if at.value.is_nan() || at.value > self.rows.value_at_zero() {
            at = self.point(vec![0.0; at.parameters.len()]);
        }
        let mut last = f64::INFINITY;
        for iteration in 0..max_iter {
            if !at.value.is_finite() {
                return Err(Code::NotFinite.error("the logistic loss is not finite"));
            }
            if at.value < LOSSLESS {
                return Ok((at.parameters, iteration, false));
            }
            let step = direction(&at)?;
            let reach = self.rows.reach(&step);
            let slope = sums::product_sum(&at.gradient, &step);
            // Steps that no longer shrink, and could gain nothing that the objective can show, are rounding.
            let noise = reach >= 0.5 * last && -slope <= 1e-14 * at.value;
            if reach <= SETTLED || noise {
                let parameters = moved(&at.parameters, &step, if noise { 0.0 } else { 1.0 });
                return Ok((parameters, iteration + 1, true));
            }
            last = reach;
            match self.search(&at, &step, slope) {
                Some(next) => at = next,
                None => return Ok((at.parameters, iteration + 1, false)),
            }
        }
        Ok((at.parameters, max_iter, false))
    }

    fn point(&self, parameters: Vec<f64>) -> Point {
        let Pass { loss, mut gradient, mut hessian } = self.rows.pass(&parameters);
        let mut penalty = 0.0;
        for (k, &curvature) in self.penalty.iter().enumerate() {
            penalty += curvature * parameters[k] * parameters[k];
            gradient[k] += curvature * parameters[k];
            hessian[(k, k)] += curvature;
        }
        Point { parameters, value: loss + penalty / 2.0, gradient, hessian }
    }

    /// Halves the step until the objective falls as it should (Armijo), or, where the fall is below the rounding of
    /// the objective, until the slope along the step does.
    fn search(&self, at: &Point, step: &[f64], slope: f64) -> Option<Point> {
        let mut length = 1.0;
        for _ in 0..HALVINGS {
            let next = self.point(moved(&at.parameters, step, length));
            let falls = next.value <= at.value + 1e-4 * length * slope;
            let level = (next.value - at.value).abs() <= 1e-13 * at.value;
            let flattens = || sums::product_sum(&next.gradient, step).abs() <= 0.9 * slope.abs();
            if next.value.is_finite() && (falls || level && flattens()) {
                return Some(next);
            }
            length *= 0.5;
        }
        None
    }
}

fn moved(from: &[f64], step: &[f64], length: f64) -> Vec<f64> {
    from.iter().zip(step).map(|(x, d)| x + length * d).collect()
}

/// The step -H^-1 g, from the matrix scaled to unit diagonal. Parameters without curvature stay; so does what the matrix cannot
/// tell from rounding (dependent columns without a penalty).
fn direction(at: &Point) -> Result<Vec<f64>> {
    let n = at.gradient.len();
    let unit_scale = |k: usize| if at.hessian[(k, k)] > 0.0 { 1.0 / at.hessian[(k, k)].sqrt() } else { 0.0 };
    let scale: Vec<f64> = (0..n).map(unit_scale).collect();
    let unit = Matrix::from_fn(n, n, |i, j| match i == j {
        true => 1.0,
        false => scale[i] * at.hessian[(i, j)] * scale[j],
    });
    let mut step = Matrix::from_fn(n, 1, |k, _| -scale[k] * at.gradient[k]);
    let noise = 16.0 * n as f64 * f64::EPSILON;
    match Cholesky::new(unit.clone()).filter(|factor| factor.least_pivot() > noise) {
        Some(factor) => factor.solve(&mut step),
        None => {
            let eigen = Eigen::new(&unit)?;
            let most = eigen.values[n - 1];
            let right = step.column(0).to_vec();
            step.column_mut(0).fill(0.0);
            for (k, &value) in eigen.values.iter().enumerate().filter(|(_, value)| **value > noise * most) {
                let vector = eigen.vectors.column(k);
                sums::add_scaled(step.column_mut(0), vector, sums::product_sum(vector, &right) / value);
            }
        }
    }
    Ok(step.column(0).iter().zip(&scale).map(|(d, s)| d * s).collect())
}
