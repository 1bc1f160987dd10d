//! Weighted means and centred products of columns.

use super::Matrix;

/// Means and centred products of p columns.
#[derive(Clone, Debug)]
pub struct Moments {
    /// The sum of the weights.
    pub weight: f64,
    /// The number of rows.
    pub rows: u64,
    /// The weighted means.
    pub mean: Vec<f64>,
    /// The weighted centred products, p x p, symmetric.
    pub gram: Matrix,
}

impl Moments {
    /// Nothing of p columns.
    pub fn zero(p: usize) -> Self {
        Self { weight: 0.0, rows: 0, mean: vec![0.0; p], gram: Matrix::zeros(p, p) }
    }

    /// The moments of one block.
    pub fn of(columns: &[&[f64]], _weight: Option<&[f64]>) -> Self {
        Self::zero(columns.len())
    }

    /// Takes in another's rows.
    pub fn merge(&mut self, _other: &Moments) {}
}
