//! Principal axes, from a Gram matrix or from rows.

use super::householder::{Qr, pivots};
use super::jacobi::one_sided_jacobi;
use super::rank::Independent;
use super::scaling::{Scaling, scale_by_power_of_two};
use super::spectrum::eigenvalues;
use super::{Matrix, sums};
use crate::diag::Result;

/// Loadings that agree to this part of themselves count as equal where the largest decides the sign.
const EQUAL: f64 = 1e-9;

/// The principal axes of centred rows.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The squared singular values of the centred rows, descending: as many as their rank.
    pub squares: Vec<f64>,
    /// The axes, p x rank, orthonormal. The largest loading of each, of equal ones the first, is positive.
    pub axes: Matrix,
    /// The condition of the Gram matrix scaled to a unit diagonal; infinity where it has not full rank.
    pub condition: f64,
}

impl Principal {
    /// From a symmetric Gram matrix, p x p. A column of zeros has no part in any axis.
    ///
    /// Pivoted Cholesky, then [`one_sided_jacobi`]: an eigenvalue is off by about `condition` eps of itself, or by eps of
    /// the greatest, whichever is less.
    ///
    /// # Errors
    /// `FitFailed` for numbers that are not finite.
    pub fn of_gram(gram: &Matrix) -> Result<Self> {
        let varying: Vec<usize> = (0..gram.rows()).filter(|j| gram[(*j, *j)] > 0.0).collect();
        let lower = pivoted_cholesky(gram);
        let condition =
            if lower.columns() < varying.len() { f64::INFINITY } else { unit_condition(gram, &varying)? };
        Self::of_factor(lower, condition)
    }

    /// From rows, n x p, not yet centred: QR of the centred columns, then [`one_sided_jacobi`]. The rank is that of
    /// [`least_squares`](super::least_squares); eigenvalues are off by about the root of `condition` times eps.
    ///
    /// # Errors
    /// `FitFailed` for numbers that are not finite.
    pub fn of_rows(x: &Matrix) -> Result<Self> {
        let scaling = Scaling::new(x, None, true);
        let r = Qr::new(scaling.design(x, &scaling.varying)).r();
        let size = x.rows().max(x.columns());
        let independent = Independent::of(&r, 1, &scaling, size)?;
        let rank = independent.columns.len();
        // Below and right of the first column, that of ones, R is the factor of the centred columns.
        let centred = |columns: &[usize]| {
            let place = |j: usize| scaling.varying.partition_point(|varying| *varying < j);
            Matrix::from_fn(r.rows() - 1, columns.len(), |i, k| {
                let j = columns[k];
                scale_by_power_of_two(r[(i + 1, place(j) + 1)], scaling.exponents[j])
            })
        };
        // The longest columns first, so that the factor is graded as the columns are.
        let order = pivots(centred(&independent.columns), rank);
        let mut order: Vec<usize> = order.into_iter().map(|k| independent.columns[k]).collect();
        order.extend(&independent.dependent);
        let graded = Qr::new(centred(&order)).r();
        let mut lower = Matrix::zeros(x.columns(), rank);
        for (k, &j) in order.iter().enumerate() {
            (0..rank).for_each(|i| lower[(j, i)] = graded[(i, k)]);
        }
        let full = rank > 0 && independent.dependent.is_empty();
        let condition = match (independent.singular.first(), independent.singular.last()) {
            (Some(most), Some(least)) if full => (most / least).powi(2),
            _ => f64::INFINITY,
        };
        Self::of_factor(lower, condition)
    }

    fn of_factor(lower: Matrix, condition: f64) -> Result<Self> {
        let (squares, mut axes) = one_sided_jacobi(lower)?;
        (0..axes.columns()).for_each(|k| turn(axes.column_mut(k)));
        Ok(Self { squares, axes, condition })
    }
}

/// Makes the largest loading positive, of equal ones the first.
fn turn(axis: &mut [f64]) {
    let most = axis.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let decides = axis.iter().find(|value| value.abs() >= most * (1.0 - EQUAL));
    if decides.is_some_and(|value| *value < 0.0) {
        axis.iter_mut().for_each(|value| *value = -*value);
    }
}

/// L with L L^T = `gram`, p x rank, the pivots descending. A column of which the others leave nothing but rounding
/// is no pivot.
fn pivoted_cholesky(gram: &Matrix) -> Matrix {
    let p = gram.rows();
    let nothing = 8.0 * p as f64 * f64::EPSILON;
    let mut rest = gram.clone();
    let mut left: Vec<usize> = (0..p).collect();
    let mut columns = Vec::new();
    loop {
        left.retain(|&j| rest[(j, j)] > nothing * gram[(j, j)]);
        let Some(&first) = left.first() else { break };
        let pivot =
            left.iter().fold(first, |best, &j| if rest[(j, j)] > rest[(best, best)] { j } else { best });
        let root = rest[(pivot, pivot)].sqrt();
        let column: Vec<f64> = rest.column(pivot).iter().map(|value| value / root).collect();
        for j in 0..p {
            sums::add_scaled(rest.column_mut(j), &column, -column[j]);
        }
        // Exactly nothing is left of the pivot.
        rest.column_mut(pivot).fill(0.0);
        (0..p).for_each(|j| rest[(pivot, j)] = 0.0);
        columns.extend(column);
    }
    Matrix::from_columns(p, columns.len() / p.max(1), columns)
}

/// The condition of the columns `which` of a Gram matrix, scaled to a unit diagonal.
fn unit_condition(gram: &Matrix, which: &[usize]) -> Result<f64> {
    let root = |k: usize| gram[(which[k], which[k])].sqrt();
    let unit =
        Matrix::from_fn(which.len(), which.len(), |a, b| gram[(which[a], which[b])] / root(a) / root(b));
    let values = eigenvalues(&unit)?;
    Ok(match (values.first(), values.last()) {
        (Some(&least), Some(&most)) if least > 0.0 => most / least,
        _ => f64::INFINITY,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Moments;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * step) % 101) as f64 / 101.0
    }

    fn gram(x: &Matrix) -> Matrix {
        let columns: Vec<&[f64]> = (0..x.columns()).map(|j| x.column(j)).collect();
        Moments::of(&columns, None).gram
    }

    #[test]
    fn both_ways_agree_whatever_the_units() {
        let units = [1.0, 1e6, 1e-7, 1e3, 1e-3];
        let x = Matrix::from_fn(60, 5, |i, j| units[j] * (wave(i, 37 + 7 * j) + 0.3 * wave(i, 59) + 2.0));
        let (one, other) = (Principal::of_gram(&gram(&x)).unwrap(), Principal::of_rows(&x).unwrap());
        assert_eq!((one.squares.len(), other.squares.len()), (5, 5));
        assert!((one.condition / other.condition - 1.0).abs() < 1e-9);
        for k in 0..5 {
            assert!((one.squares[k] / other.squares[k] - 1.0).abs() < 1e-12, "{k}");
            for j in 0..5 {
                let (a, b) = (one.axes[(j, k)], other.axes[(j, k)]);
                assert!((a - b).abs() < 1e-12 * a.abs().max(b.abs()), "{k} {j}: {a} {b}");
            }
        }
    }

    #[test]
    fn dependent_and_constant_columns_are_left_out_of_the_rank() {
        let x = Matrix::from_fn(40, 5, |i, j| match j {
            0 => wave(i, 37),
            1 => 10.0 * wave(i, 53),
            2 => 0.25,
            3 => wave(i, 37) - 3.0 + 10.0 * wave(i, 53),
            _ => 1e-6 * wave(i, 11),
        });
        let mut products = gram(&x);
        (0..5).for_each(|j| {
            products[(2, j)] = 0.0;
            products[(j, 2)] = 0.0;
        });
        for principal in [Principal::of_gram(&products).unwrap(), Principal::of_rows(&x).unwrap()] {
            assert_eq!((principal.squares.len(), principal.condition), (3, f64::INFINITY));
            assert!((0..3).all(|k| principal.axes[(2, k)] == 0.0));
            // The last axis is that of the small column alone.
            assert!((principal.axes[(4, 2)] - 1.0).abs() < 1e-9);
            let total: f64 = (0..5).map(|j| products[(j, j)]).sum();
            assert!((principal.squares.iter().sum::<f64>() / total - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn of_equal_loadings_the_first_decides_the_sign() {
        let mut axis = [-0.5, 0.5 * (1.0 + 1e-15), 0.1];
        turn(&mut axis);
        assert!(axis[0] > 0.0);
        let mut axis = [0.4, -0.5, 0.1];
        turn(&mut axis);
        assert_eq!(axis, [-0.4, 0.5, -0.1]);
    }

    #[test]
    fn nothing_varies() {
        let none = Principal::of_gram(&Matrix::zeros(2, 2)).unwrap();
        assert_eq!((none.squares.len(), none.axes.rows()), (0, 2));
        let none = Principal::of_rows(&Matrix::from_fn(4, 2, |_, j| j as f64)).unwrap();
        assert_eq!((none.squares.len(), none.axes.rows()), (0, 2));
        assert!(Principal::of_gram(&Matrix::zeros(0, 0)).unwrap().squares.is_empty());
    }

    #[test]
    fn more_columns_than_rows() {
        let x = Matrix::from_fn(4, 9, |i, j| wave(i + 3, 17 * j + 5));
        for principal in [Principal::of_gram(&gram(&x)).unwrap(), Principal::of_rows(&x).unwrap()] {
            assert_eq!(principal.squares.len(), 3);
        }
    }
}
