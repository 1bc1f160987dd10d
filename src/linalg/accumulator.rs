//! Moments of many blocks of rows.

use faer::{Accum, MatRef};

use super::moments::{lower_product, mirror_lower};
use super::{Moments, sums};

/// Adds up the [`Moments`] of blocks of rows, in the order in which they are given, without allocating
/// for each block.
#[derive(Clone, Debug)]
pub struct Accumulator {
    /// Only the lower triangle of its Gram matrix is kept up.
    moments: Moments,
    centred: Vec<f64>,
    roots: Vec<f64>,
}

impl Accumulator {
    /// An accumulator of `p` columns that has seen nothing.
    pub fn new(p: usize) -> Self {
        Self { moments: Moments::zero(p), centred: Vec::new(), roots: Vec::new() }
    }

    /// Adds a block of equally long columns (at most [`BLOCK`](super::BLOCK) rows, so that the sums are those of
    /// every other way to the same rows), shifted by the caller. The block is centred on its own
    /// mean, its Gram matrix is one product, and one update of rank one merges it.
    ///
    /// # Panics
    /// When the number of columns or a length differs.
    pub fn add(&mut self, columns: &[&[f64]], weight: Option<&[f64]>) {
        let p = self.moments.columns();
        assert_eq!(p, columns.len());
        let n = columns.first().map_or_else(|| weight.map_or(0, <[f64]>::len), |column| column.len());
        let total = weight.map_or(n as f64, sums::sum);
        self.moments.rows += n as u64;
        if total == 0.0 {
            return;
        }
        self.roots.clear();
        if let Some(weight) = weight {
            assert_eq!(weight.len(), n);
            self.roots.extend(weight.iter().map(|w| w.sqrt()));
        }
        let mean = self.centre(columns, weight, total);
        let centred = MatRef::from_column_major_slice(&self.centred[..n * p], n, p);
        lower_product(&mut self.moments.gram, centred, centred, Accum::Add);
        self.merge_mean(&mean, total);
    }

    /// Writes sqrt(w) (x - mean) of the block to `centred` and gives the means.
    fn centre(&mut self, columns: &[&[f64]], weight: Option<&[f64]>, total: f64) -> Vec<f64> {
        let n = columns.first().map_or(0, |column| column.len());
        self.centred.resize(self.centred.len().max(n * columns.len()), 0.0);
        let mut means = Vec::with_capacity(columns.len());
        for (column, into) in columns.iter().zip(self.centred.chunks_exact_mut(n.max(1))) {
            assert_eq!(column.len(), n);
            let sum = weight.map_or_else(|| sums::sum(column), |weight| sums::product_sum(weight, column));
            let mean = sum / total;
            means.push(mean);
            sums::shift_and_scale(into, column, mean, 1.0);
            if weight.is_some() {
                into.iter_mut().zip(&self.roots).for_each(|(into, root)| *into *= root);
            }
        }
        means
    }

    fn merge_mean(&mut self, mean: &[f64], weight: f64) {
        if self.moments.weight == 0.0 {
            self.moments.weight = weight;
            self.moments.mean.copy_from_slice(mean);
            return;
        }
        let (delta, factor) = self.moments.move_mean(mean, weight);
        for (j, &step) in delta.iter().enumerate() {
            let lower = &mut self.moments.gram.column_mut(j)[j..];
            lower.iter_mut().zip(&delta[j..]).for_each(|(into, d)| *into += factor * (d * step));
        }
    }

    /// The moments of all blocks.
    pub fn finish(mut self) -> Moments {
        mirror_lower(&mut self.moments.gram);
        self.moments
    }
}
