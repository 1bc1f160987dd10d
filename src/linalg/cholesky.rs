//! Symmetric positive definite systems.

use faer::Par;
use faer::dyn_stack::MemStack;
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::prelude::default;

use super::Matrix;
use super::faer_view::{memory, view, view_mut};

/// Steps of the estimate of the norm of an inverse; it hardly ever needs more than three.
const STEPS: usize = 5;

/// A = L L^T.
pub(super) struct Cholesky {
    /// L in the lower triangle; above it whatever was there.
    lower: Matrix,
}

impl Cholesky {
    /// Factors a symmetric matrix, of which the lower triangle is read. `None` where it is not positive definite.
    pub(super) fn new(mut a: Matrix) -> Option<Self> {
        if a.rows() > 0 {
            let mut space = memory(cholesky_in_place_scratch::<f64>(a.rows(), Par::Seq, default()));
            let stack = MemStack::new(&mut space);
            cholesky_in_place(view_mut(&mut a), default(), Par::Seq, stack, default()).ok()?;
        }
        Some(Self { lower: a })
    }

    /// b <- A^-1 b.
    pub(super) fn solve(&self, b: &mut Matrix) {
        solve_lower_triangular_in_place(view(&self.lower), view_mut(b), Par::Seq);
        solve_upper_triangular_in_place(view(&self.lower).transpose(), view_mut(b), Par::Seq);
    }

    /// The least squared diagonal element of L: for A of unit diagonal, what the other columns leave of one.
    pub(super) fn least_pivot(&self) -> f64 {
        (0..self.lower.rows()).map(|j| self.lower[(j, j)].powi(2)).fold(f64::INFINITY, f64::min)
    }

    /// A lower bound of the 1-norm of A^-1 that is rarely off by more than a factor of three: Higham, "FORTRAN codes
    /// for estimating the one-norm of a real or complex matrix", ACM TOMS 14 (1988), after Hager.
    pub(super) fn inverse_norm(&self) -> f64 {
        let n = self.lower.rows();
        if n == 0 {
            return 0.0;
        }
        let one_norm = |x: &Matrix| x.values().iter().map(|value| value.abs()).sum::<f64>();
        let mut x = Matrix::from_columns(n, 1, vec![1.0 / n as f64; n]);
        let mut estimate: f64 = 0.0;
        let mut last = usize::MAX;
        for _ in 0..STEPS {
            self.solve(&mut x);
            let norm = one_norm(&x);
            if norm <= estimate {
                break;
            }
            estimate = norm;
            x.values_mut().iter_mut().for_each(|value| *value = if *value < 0.0 { -1.0 } else { 1.0 });
            self.solve(&mut x);
            let mut largest = 0;
            for (i, value) in x.values().iter().enumerate() {
                if value.abs() > x.values()[largest].abs() {
                    largest = i;
                }
            }
            if largest == last {
                break;
            }
            last = largest;
            x.values_mut().fill(0.0);
            x.values_mut()[largest] = 1.0;
        }
        // A vector that fools the steps above less easily.
        let slope = (n.max(2) - 1) as f64;
        let wave = |i: usize| (1.0 + i as f64 / slope) * if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        let mut x = Matrix::from_fn(n, 1, |i, _| wave(i));
        self.solve(&mut x);
        estimate.max(2.0 * one_norm(&x) / (3.0 * n as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_and_estimates() {
        // Kac, Murdock and Szego: a_ij = 0.9^|i-j|, whose inverse is tridiagonal with column sums
        // (1 + 2 r + r^2) / (1 - r^2) = 19 in absolute value.
        let a = Matrix::from_fn(30, 30, |i, j| 0.9f64.powi(i.abs_diff(j) as i32));
        let factor = Cholesky::new(a.clone()).unwrap();
        let mut b = Matrix::from_fn(30, 2, |i, j| (0..30).map(|k| a[(i, k)] * (k + j) as f64).sum());
        factor.solve(&mut b);
        for k in 0..30 {
            assert!((b[(k, 0)] - k as f64).abs() < 1e-11 && (b[(k, 1)] - (k + 1) as f64).abs() < 1e-11);
        }
        let estimate = factor.inverse_norm();
        assert!(estimate > 19.0 / 3.0 && estimate <= 19.0 * 1.000_001, "{estimate}");
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        assert!(Cholesky::new(Matrix::from_columns(2, 2, vec![1.0, 2.0, 2.0, 1.0])).is_none());
        assert!(Cholesky::new(Matrix::zeros(1, 1)).is_none());
        assert_eq!(Cholesky::new(Matrix::zeros(0, 0)).unwrap().inverse_norm(), 0.0);
    }
}
