//! Singular values and eigenvalues of small matrices.

use faer::Par;
use faer::diag::Diag;
use faer::dyn_stack::MemStack;
use faer::linalg::{evd, svd};
use faer::prelude::default;

use super::Matrix;
use super::faer_view::{memory, view, view_mut};
use crate::diag::{Code, Result};

/// The singular values of `a`, descending.
pub(super) fn singular_values(a: &Matrix) -> Result<Vec<f64>> {
    let (rows, columns) = (a.rows(), a.columns());
    if rows.min(columns) == 0 {
        return Ok(Vec::new());
    }
    let none = svd::ComputeSvdVectors::No;
    let mut values = Diag::<f64>::zeros(rows.min(columns));
    let mut space = memory(svd::svd_scratch::<f64>(rows, columns, none, none, Par::Seq, default()));
    let stack = MemStack::new(&mut space);
    svd::svd(view(a), values.as_mut(), None, None, Par::Seq, stack, default())
        .map_err(|_| Code::FitFailed.error("the singular values did not converge"))?;
    Ok(values.column_vector().iter().copied().collect())
}

/// Eigenvalues, ascending, and eigenvectors (one a column) of a symmetric matrix, of which the lower triangle
/// is read.
pub(super) struct Eigen {
    pub(super) values: Vec<f64>,
    pub(super) vectors: Matrix,
}

impl Eigen {
    pub(super) fn new(a: &Matrix) -> Result<Self> {
        let mut vectors = Matrix::zeros(a.rows(), a.rows());
        let values = eigen(a, Some(&mut vectors))?;
        Ok(Self { values, vectors })
    }
}

/// The eigenvalues, ascending, of a symmetric matrix, of which the lower triangle is read.
pub(super) fn eigenvalues(a: &Matrix) -> Result<Vec<f64>> {
    eigen(a, None)
}

fn eigen(a: &Matrix, vectors: Option<&mut Matrix>) -> Result<Vec<f64>> {
    let n = a.rows();
    if n == 0 {
        return Ok(Vec::new());
    }
    let compute =
        if vectors.is_some() { evd::ComputeEigenvectors::Yes } else { evd::ComputeEigenvectors::No };
    let mut values = Diag::<f64>::zeros(n);
    let mut space = memory(evd::self_adjoint_evd_scratch::<f64>(n, compute, Par::Seq, default()));
    let stack = MemStack::new(&mut space);
    evd::self_adjoint_evd(view(a), values.as_mut(), vectors.map(view_mut), Par::Seq, stack, default())
        .map_err(|_| Code::FitFailed.error("the eigenvalues did not converge"))?;
    Ok(values.column_vector().iter().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_spectra() {
        // [2 1; 1 2] has 1 and 3; as a tall matrix with a zero row the singular values are the same.
        let a = Matrix::from_columns(2, 2, vec![2.0, 1.0, 1.0, 2.0]);
        let eigen = Eigen::new(&a).unwrap();
        for (value, expected) in eigen.values.iter().zip([1.0, 3.0]) {
            assert!((value - expected).abs() < 1e-14);
        }
        assert!((eigen.vectors[(0, 1)] - eigen.vectors[(1, 1)]).abs() < 1e-14);
        assert_eq!(eigenvalues(&a).unwrap().len(), 2);
        let tall = Matrix::from_columns(3, 2, vec![2.0, 1.0, 0.0, 1.0, 2.0, 0.0]);
        let singular = singular_values(&tall).unwrap();
        assert!((singular[0] - 3.0).abs() < 1e-14 && (singular[1] - 1.0).abs() < 1e-14);
        assert!(singular_values(&Matrix::zeros(0, 3)).unwrap().is_empty());
        assert!(eigenvalues(&Matrix::zeros(0, 0)).unwrap().is_empty());
        assert_eq!(eigenvalues(&Matrix::from_columns(1, 1, vec![4.0])).unwrap(), [4.0]);
    }
}
