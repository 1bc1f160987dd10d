//! A factored Hessian.

use super::cholesky::Cholesky;
use super::spectrum::Eigen;
use super::{Matrix, sums};
use crate::diag::Result;

/// A positive semidefinite matrix, scaled to unit diagonal and factored.
pub(super) struct NewtonFactor {
    scale: Vec<f64>,
    unit: Unit,
}

enum Unit {
    Definite(Cholesky),
    /// The eigenvalues that are told from rounding, with their vectors.
    Dependent(Vec<(f64, Vec<f64>)>),
}

impl NewtonFactor {
    /// Factors a symmetric matrix.
    pub(super) fn new(hessian: &Matrix) -> Result<Self> {
        let n = hessian.rows();
        let unit_scale = |k: usize| if hessian[(k, k)] > 0.0 { 1.0 / hessian[(k, k)].sqrt() } else { 0.0 };
        let scale: Vec<f64> = (0..n).map(unit_scale).collect();
        let unit = Matrix::from_fn(n, n, |i, j| match i == j {
            true => 1.0,
            false => scale[i] * hessian[(i, j)] * scale[j],
        });
        let noise = 16.0 * n as f64 * f64::EPSILON;
        let unit = match Cholesky::new(unit.clone()).filter(|factor| factor.least_pivot() > noise) {
            Some(factor) => Unit::Definite(factor),
            None => {
                let eigen = Eigen::new(&unit)?;
                let most = eigen.values[n - 1];
                let pairs = eigen.values.iter().enumerate().filter(|(_, value)| **value > noise * most);
                let pairs = pairs.map(|(k, value)| (*value, eigen.vectors.column(k).to_vec()));
                Unit::Dependent(pairs.collect())
            }
        };
        Ok(Self { scale, unit })
    }

    /// Whether there are directions that the matrix cannot tell from rounding.
    pub(super) fn is_dependent(&self) -> bool {
        matches!(self.unit, Unit::Dependent(_))
    }

    /// The step -H^-1 g. Parameters without curvature stay; so does what the matrix cannot tell from rounding
    /// (dependent columns without a penalty).
    pub(super) fn step(&self, gradient: &[f64]) -> Vec<f64> {
        let right: Vec<f64> = gradient.iter().zip(&self.scale).map(|(g, scale)| -scale * g).collect();
        let mut step = match &self.unit {
            Unit::Definite(factor) => {
                let mut step = Matrix::from_columns(right.len(), 1, right);
                factor.solve(&mut step);
                step.column(0).to_vec()
            }
            Unit::Dependent(pairs) => {
                let mut step = vec![0.0; right.len()];
                for (value, vector) in pairs {
                    sums::add_scaled(&mut step, vector, sums::product_sum(vector, &right) / value);
                }
                step
            }
        };
        step.iter_mut().zip(&self.scale).for_each(|(step, scale)| *step *= scale);
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_solve_or_leave_what_cannot_be_told() {
        let definite = Matrix::from_columns(2, 2, vec![4.0, 2.0, 2.0, 9.0]);
        let step = NewtonFactor::new(&definite).unwrap().step(&[-8.0, -20.0]);
        assert!((step[0] - 1.0).abs() < 1e-14 && (step[1] - 2.0).abs() < 1e-14, "{step:?}");
        // Two equal columns share; one without curvature stays.
        let equal = Matrix::from_fn(3, 3, |i, j| if i < 2 && j < 2 { 4.0 } else { 0.0 });
        let factor = NewtonFactor::new(&equal).unwrap();
        assert!(factor.is_dependent());
        let step = factor.step(&[-8.0, -8.0, 5.0]);
        assert!((step[0] - 1.0).abs() < 1e-14 && (step[1] - 1.0).abs() < 1e-14 && step[2] == 0.0);
        assert!(NewtonFactor::new(&Matrix::zeros(0, 0)).unwrap().step(&[]).is_empty());
    }
}
