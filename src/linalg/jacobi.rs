//! Eigenvalues and eigenvectors of L L^T, small ones to as many digits as large ones.

use super::sums::{product_sum, vectorised};
use super::{Matrix, scaling};
use crate::diag::{Code, Result};

/// Sweeps after which rotations that still do something would be a fault of the method; ten are many.
const SWEEPS: usize = 60;

/// The squared lengths of the columns of L V and those columns, where V is the rotation that makes them orthogonal:
/// the eigenvalues of L L^T, descending, and their eigenvectors of unit norm, one a column. Columns that vanish are
/// left out.
///
/// Unlike the reduction to tridiagonal form, this keeps the digits of small eigenvalues beside large ones when L
/// comes from a pivoted Cholesky or QR factorization: what counts is the condition of L L^T scaled to
/// a unit diagonal (Demmel and Veselic, "Jacobi's method is more accurate than QR", SIAM J. Matrix Anal. Appl. 13, 1992).
///
/// # Errors
/// `FitFailed` when it does not converge, as with infinite values.
pub(super) fn one_sided_jacobi(mut l: Matrix) -> Result<(Vec<f64>, Matrix)> {
    let (rows, columns) = (l.rows(), l.columns());
    let greatest = l.values().iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let power = scaling::exponent(greatest);
    l.values_mut().iter_mut().for_each(|value| *value = scaling::scale_by_power_of_two(*value, -power));
    let mut squares: Vec<f64> = (0..columns).map(|j| product_sum(l.column(j), l.column(j))).collect();
    let small = f64::EPSILON * (rows.max(1) as f64).sqrt();
    let mut rotated = true;
    for _ in 0..SWEEPS {
        if !rotated {
            break;
        }
        rotated = false;
        for j in 1..columns {
            for i in 0..j {
                rotated |= orthogonalise(&mut l, &mut squares, i, j, small);
            }
        }
    }
    if rotated || squares.iter().any(|square| !square.is_finite()) {
        return Err(Code::FitFailed.error("the principal components did not converge"));
    }
    let mut order: Vec<usize> = (0..columns).filter(|j| squares[*j] > 0.0).collect();
    order.sort_by(|a, b| squares[*b].total_cmp(&squares[*a]));
    let mut vectors = Matrix::zeros(rows, order.len());
    for (k, &j) in order.iter().enumerate() {
        let norm = squares[j].sqrt();
        let into = vectors.column_mut(k).iter_mut();
        into.zip(l.column(j)).for_each(|(into, from)| *into = from / norm);
    }
    let eigenvalue = |j: &usize| scaling::scale_by_power_of_two(squares[*j], 2 * power);
    Ok((order.iter().map(eigenvalue).collect(), vectors))
}

/// Turns columns i < j in their plane until they are orthogonal; says whether they were not.
fn orthogonalise(l: &mut Matrix, squares: &mut [f64], i: usize, j: usize, small: f64) -> bool {
    let rows = l.rows();
    let (left, right) = l.values_mut().split_at_mut(j * rows);
    let (a, b) = (&mut left[i * rows..(i + 1) * rows], &mut right[..rows]);
    let product = product_sum(a, b);
    if product.abs() <= small * (squares[i].sqrt() * squares[j].sqrt()) {
        return false;
    }
    let cotangent = (squares[j] - squares[i]) / (2.0 * product);
    // Beyond 1e154 its square is infinite and the tangent 0.
    let tangent = 1.0_f64.copysign(cotangent) / (cotangent.abs() + (cotangent * cotangent + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    rotate(a, b, cosine, cosine * tangent);
    squares[i] = product_sum(a, a);
    squares[j] = product_sum(b, b);
    tangent != 0.0
}

fn rotate(a: &mut [f64], b: &mut [f64], cosine: f64, sine: f64) {
    vectorised(
        #[inline(always)]
        || {
            for (a, b) in a.iter_mut().zip(b.iter_mut()) {
                (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_eigenvalues_keep_their_digits() {
        // D A D with A = [1 .5 .25; .5 1 .5; .25 .5 1] and D = diag(1, 1e-6, 1e-12); L from Cholesky.
        let l = Matrix::from_columns(
            3,
            3,
            vec![
                1.0,
                0.5e-6,
                0.25e-12,
                0.0,
                0.75_f64.sqrt() * 1e-6,
                0.375e-12 / 0.75_f64.sqrt(),
                0.0,
                0.0,
                0.75_f64.sqrt() * 1e-12,
            ],
        );
        let (values, vectors) = one_sided_jacobi(l).unwrap();
        // In the limit these are the squared diagonal of L: the next terms are 1e-12 of them.
        for (value, limit) in values.iter().zip([1.0, 0.75e-12, 0.75e-24]) {
            assert!((value / limit - 1.0).abs() < 1e-11, "{value} {limit}");
        }
        assert!((vectors[(2, 2)].abs() - 1.0).abs() < 1e-11 && vectors[(2, 1)].abs() < 1e-5);
    }

    #[test]
    fn vectors_are_orthonormal_and_the_product_is_kept() {
        let l = Matrix::from_fn(7, 7, |i, j| ((i * 5 + j * 3 + i * j) % 11) as f64 - 4.0);
        let (values, vectors) = one_sided_jacobi(l.clone()).unwrap();
        assert!(values.is_sorted_by(|a, b| a >= b));
        for i in 0..7 {
            for j in 0..7 {
                let unit = product_sum(vectors.column(i), vectors.column(j));
                assert!((unit - f64::from(u8::from(i == j))).abs() < 1e-13, "{i} {j}: {unit}");
                let gram: f64 = (0..7).map(|k| l[(i, k)] * l[(j, k)]).sum();
                let back: f64 = (0..7).map(|k| vectors[(i, k)] * values[k] * vectors[(j, k)]).sum();
                assert!((gram - back).abs() < 1e-12 * values[0]);
            }
        }
    }

    #[test]
    fn nothing_has_no_axes_and_infinity_none_either() {
        assert_eq!(one_sided_jacobi(Matrix::zeros(3, 2)).unwrap(), (vec![], Matrix::zeros(3, 0)));
        assert!(one_sided_jacobi(Matrix::from_columns(1, 1, vec![f64::INFINITY])).is_err());
        let huge = one_sided_jacobi(Matrix::from_columns(2, 1, vec![3e140, 4e140])).unwrap();
        assert_eq!((huge.0[0] / 25e280, huge.1.values()), (1.0, &[0.6, 0.8][..]));
    }
}
