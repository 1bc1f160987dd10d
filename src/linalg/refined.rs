//! Least squares of full rank, to nearly all digits of the answer.

use faer::Par;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};

use super::faer_view::{view, view_mut};
use super::householder::Qr;
use super::{Matrix, sums};

/// Rounds of refinement after the first solution.
const ROUNDS: usize = 5;

/// Targets that are solved together: enough for matrix products, few enough for the memory.
const TOGETHER: usize = 32;

/// The augmented system r + A x = b, A^T r = c for one matrix of full column rank.
///
/// With c = 0 it is least squares; with b = 0 and c = -e_j its x is column j of (A^T A)^-1. Solved by
/// QR and refined with residuals in twice the precision: Bjorck, "Iterative refinement of linear least
/// squares solutions I", BIT 7 (1967).
pub(super) struct Augmented {
    a: Matrix,
    qr: Qr,
    r: Matrix,
}

/// What solves it.
pub(super) struct Solution {
    /// x, m x t.
    pub(super) x: Matrix,
    /// r, n x t.
    pub(super) residual: Matrix,
}

impl Augmented {
    /// Takes A, n x m with n >= m, and its factorization where the caller has it already.
    pub(super) fn new(a: Matrix, qr: Option<Qr>) -> Self {
        let qr = qr.unwrap_or_else(|| Qr::new(a.clone()));
        let r = qr.r();
        Self { a, qr, r }
    }

    /// Least squares for each column of `b`.
    pub(super) fn least_squares(&self, b: &Matrix) -> Solution {
        self.solve(b, &Matrix::zeros(self.a.columns(), b.columns()))
    }

    /// The diagonal of (A^T A)^-1.
    pub(super) fn inverse_diagonal(&self) -> Vec<f64> {
        let m = self.a.columns();
        let c = Matrix::from_fn(m, m, |i, j| if i == j { -1.0 } else { 0.0 });
        let inverse = self.solve(&Matrix::zeros(self.a.rows(), m), &c).x;
        (0..m).map(|j| inverse[(j, j)]).collect()
    }

    fn solve(&self, b: &Matrix, c: &Matrix) -> Solution {
        let (n, m, t) = (self.a.rows(), self.a.columns(), b.columns());
        let mut all = Solution { x: Matrix::zeros(m, t), residual: Matrix::zeros(n, t) };
        for start in (0..t).step_by(TOGETHER) {
            let end = (start + TOGETHER).min(t);
            let part = self.solve_together(&columns_of(b, start, end), &columns_of(c, start, end));
            for j in start..end {
                all.x.column_mut(j).copy_from_slice(part.x.column(j - start));
                all.residual.column_mut(j).copy_from_slice(part.residual.column(j - start));
            }
        }
        all
    }

    fn solve_together(&self, b: &Matrix, c: &Matrix) -> Solution {
        let mut solution = self.correction(b.clone(), c.clone());
        let mut sizes: Vec<f64> = (0..b.columns()).map(|j| norm(solution.x.column(j))).collect();
        let mut active = vec![true; b.columns()];
        for _ in 0..ROUNDS {
            let (f, g) = self.errors(b, c, &solution);
            let change = self.correction(f, g);
            for j in 0..b.columns() {
                let size = norm(change.x.column(j));
                // A correction that is not much smaller than the last is rounding noise (or NaN).
                active[j] &= size <= 0.5 * sizes[j];
                if !active[j] {
                    continue;
                }
                sizes[j] = size;
                let x = solution.x.column_mut(j);
                active[j] = x.iter().zip(change.x.column(j)).any(|(x, d)| x + d != *x);
                x.iter_mut().zip(change.x.column(j)).for_each(|(x, d)| *x += d);
                let residual = solution.residual.column_mut(j).iter_mut();
                residual.zip(change.residual.column(j)).for_each(|(r, d)| *r += d);
            }
            if !active.contains(&true) {
                break;
            }
        }
        solution
    }

    /// f = b - r - A x and g = c - A^T r, each in twice the precision and then rounded.
    fn errors(&self, b: &Matrix, c: &Matrix, at: &Solution) -> (Matrix, Matrix) {
        let (mut f, mut g) = (b.clone(), c.clone());
        let mut low = vec![0.0; self.a.rows()];
        for t in 0..b.columns() {
            let (high, residual) = (f.column_mut(t), at.residual.column(t));
            low.fill(0.0);
            sums::subtract_scaled(high, &mut low, residual, 1.0);
            for (j, &x) in at.x.column(t).iter().enumerate() {
                sums::subtract_scaled(high, &mut low, self.a.column(j), x);
            }
            high.iter_mut().zip(&low).for_each(|(high, low)| *high += low);
            for (j, g) in g.column_mut(t).iter_mut().enumerate() {
                *g -= sums::dot(self.a.column(j), residual);
            }
        }
        (f, g)
    }

    /// The solution in working precision for right-hand sides f and g.
    fn correction(&self, mut f: Matrix, mut g: Matrix) -> Solution {
        let m = self.a.columns();
        // h = R^-T g; x = R^-1 (d - h), d the head of Q^T f; r = Q (h, tail of Q^T f).
        solve_transposed(&self.r, &mut g);
        self.qr.apply_transpose(&mut f);
        let mut x = Matrix::zeros(m, f.columns());
        for t in 0..f.columns() {
            for j in 0..m {
                x[(j, t)] = f[(j, t)] - g[(j, t)];
                f[(j, t)] = g[(j, t)];
            }
        }
        solve_upper_triangular_in_place(view(&self.r), view_mut(&mut x), Par::Seq);
        self.qr.apply(&mut f);
        Solution { x, residual: f }
    }
}

/// b <- R^-T b.
pub(super) fn solve_transposed(r: &Matrix, b: &mut Matrix) {
    solve_lower_triangular_in_place(view(r).transpose(), view_mut(b), Par::Seq);
}

fn norm(values: &[f64]) -> f64 {
    sums::product_sum(values, values).sqrt()
}

fn columns_of(a: &Matrix, start: usize, end: usize) -> Matrix {
    Matrix::from_columns(a.rows(), end - start, a.values()[start * a.rows()..end * a.rows()].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hilbert_is_solved_to_all_digits() {
        // Condition 5e8 in a square system whose solution is known: without refinement 8 digits.
        let a = Matrix::from_fn(7, 7, |i, j| 360_360.0 / (i + j + 1) as f64);
        let b = Matrix::from_fn(7, 1, |i, _| (0..7).map(|j| a[(i, j)]).sum());
        let x = Augmented::new(a, None).least_squares(&b).x;
        assert!(x.values().iter().all(|x| (x - 1.0).abs() < 1e-15), "{x:?}");
    }

    #[test]
    fn inverse_diagonal_is_that_of_the_normal_equations() {
        let a = Matrix::from_fn(4, 2, |i, j| if j == 0 { 1.0 } else { i as f64 });
        let diagonal = Augmented::new(a, None).inverse_diagonal();
        // (A^T A) = [4 6; 6 14], determinant 20.
        assert!((diagonal[0] - 0.7).abs() < 1e-15 && (diagonal[1] - 0.2).abs() < 1e-15);
    }
}
