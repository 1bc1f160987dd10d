//! Rows that come in blocks.

use super::Matrix;

/// Rows of numbers that are read block by block, again and again.
pub trait Blocks: Sync {
    /// The number of rows.
    fn rows(&self) -> usize;

    /// The number of columns.
    fn columns(&self) -> usize;

    /// Writes `rows` rows from row `start` on, column after column, to `into`, which holds `rows * columns` numbers.
    /// The same numbers every time. `rows` is at most [`BLOCK`](super::BLOCK), of which `start` is a multiple.
    fn fill(&self, start: usize, rows: usize, into: &mut [f64]);
}

impl Blocks for Matrix {
    fn rows(&self) -> usize {
        self.rows()
    }

    fn columns(&self) -> usize {
        self.columns()
    }

    fn fill(&self, start: usize, rows: usize, into: &mut [f64]) {
        for (j, into) in into.chunks_exact_mut(rows).enumerate() {
            into.copy_from_slice(&self.column(j)[start..start + rows]);
        }
    }
}

/// The first `n` of the values, which grow to as many.
pub(super) fn grow(values: &mut Vec<f64>, n: usize) -> &mut [f64] {
    if values.len() < n {
        values.resize(n, 0.0);
    }
    &mut values[..n]
}
