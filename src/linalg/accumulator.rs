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
    /// Of the last block: sqrt(w) (x - mean), the means, and sqrt(w) where there are weights.
    centred: Vec<f64>,
    means: Vec<f64>,
    roots: Vec<f64>,
}

impl Accumulator {
    /// An accumulator of `p` columns that has seen nothing.
    pub fn new(p: usize) -> Self {
        Self { moments: Moments::zero(p), centred: Vec::new(), means: vec![0.0; p], roots: Vec::new() }
    }

    /// Adds a block of equally long columns (at most [`BLOCK`](super::BLOCK) rows, so that the sums are those of
    /// every other way to the same rows). The block is centred on its own mean, its Gram matrix is one
    /// product, and one update of rank one merges it.
    ///
    /// # Panics
    /// When the number of columns or a length differs.
    pub fn add(&mut self, columns: &[&[f64]], weight: Option<&[f64]>) {
        let rows = columns.first().map_or_else(|| weight.map_or(0, <[f64]>::len), |column| column.len());
        self.add_shifted(rows, columns, &vec![0.0; columns.len()], weight);
    }

    /// [`Accumulator::add`] of so many rows of `column - shift`: the shift goes first, so that a column far from 0 loses no
    /// digits.
    ///
    /// # Panics
    /// When the number of columns or a length differs.
    pub fn add_shifted(&mut self, rows: usize, columns: &[&[f64]], shifts: &[f64], weight: Option<&[f64]>) {
        let p = self.moments.columns();
        assert!(p == columns.len() && p == shifts.len());
        assert!(columns.iter().chain(&weight).all(|column| column.len() == rows));
        let total = weight.map_or(rows as f64, sums::sum);
        self.moments.rows += rows as u64;
        if total == 0.0 {
            return;
        }
        self.roots.clear();
        self.roots.extend(weight.unwrap_or_default().iter().map(|w| w.sqrt()));
        self.centre(rows, columns, shifts, weight, total);
        let centred = MatRef::from_column_major_slice(&self.centred[..rows * p], rows, p);
        lower_product(&mut self.moments.gram, centred, centred, Accum::Add);
        self.merge_means(total);
    }

    fn centre(
        &mut self,
        rows: usize,
        columns: &[&[f64]],
        shifts: &[f64],
        weight: Option<&[f64]>,
        total: f64,
    ) {
        self.centred.resize(self.centred.len().max(rows * columns.len()), 0.0);
        let into = self.centred.chunks_exact_mut(rows);
        for (((column, shift), mean), into) in columns.iter().zip(shifts).zip(&mut self.means).zip(into) {
            *mean = match weight {
                None => sums::shifted_sum(column, *shift) / total,
                Some(weight) => sums::shifted_product_sum(weight, column, *shift) / total,
            };
            sums::shift_twice(into, column, *shift, *mean);
            if weight.is_some() {
                into.iter_mut().zip(&self.roots).for_each(|(into, root)| *into *= root);
            }
        }
    }

    fn merge_means(&mut self, weight: f64) {
        if self.moments.weight == 0.0 {
            self.moments.weight = weight;
            self.moments.mean.copy_from_slice(&self.means);
            return;
        }
        let (delta, factor) = self.moments.move_mean(&self.means, weight);
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
