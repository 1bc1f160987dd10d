//! Moments of many blocks of rows.

use std::cell::RefCell;

use super::centred::{CHUNK, Centred};
use super::moments::mirror_lower;
use super::{Moments, sums};

thread_local! {
    /// Where a thread centres its chunks: accumulators come and go, and fresh memory is dear.
    static ROOM: RefCell<Centred> = RefCell::default();
}

/// Adds up the [`Moments`] of blocks of rows, in the order in which they are given, without allocating
/// for each block.
#[derive(Clone, Debug)]
pub struct Accumulator {
    /// Only the lower triangle of its Gram matrix is kept up.
    moments: Moments,
    /// Of the last block: the centres and then the means, what the former were off in sum, and sqrt(w) where there are
    /// weights.
    means: Vec<f64>,
    off: Vec<f64>,
    roots: Vec<f64>,
}

impl Accumulator {
    /// An accumulator of `p` columns that has seen nothing.
    pub fn new(p: usize) -> Self {
        Self { moments: Moments::zero(p), means: vec![0.0; p], off: vec![0.0; p], roots: Vec::new() }
    }

    /// Adds a block of equally long columns (at most [`BLOCK`](super::BLOCK) rows, so that the sums are those of
    /// every other way to the same rows). It is read once: the mean of its first chunk is its centre, which is taken
    /// from all of it, and updates of rank one move that to the mean and merge the block. The first chunk being a fourth of
    /// the block or more, its mean is at most sqrt(3) standard deviations of the block away from the block's: no more than
    /// two bits are lost. Where rows have weights that is not so, and the mean comes first.
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
        self.centre(columns, shifts, weight, total);
        self.off.fill(0.0);
        for from in (0..rows).step_by(CHUNK) {
            let to = (from + CHUNK).min(rows);
            let roots = weight.map(|_| &self.roots[from..to]);
            ROOM.with_borrow_mut(|centred| {
                centred.clear(p, to - from);
                for (j, (column, shift)) in columns.iter().zip(shifts).enumerate() {
                    self.off[j] += centred.write(j, &column[from..to], *shift, self.means[j], roots);
                }
                centred.add_products(&mut self.moments.gram);
            });
        }
        for (j, &off) in self.off.iter().enumerate() {
            self.means[j] += off / total;
            let lower = &mut self.moments.gram.column_mut(j)[j..];
            lower.iter_mut().zip(&self.off[j..]).for_each(|(into, other)| *into -= off * other / total);
        }
        self.merge_means(total);
    }

    /// A centre for each column: close to its mean, which need not be met.
    fn centre(&mut self, columns: &[&[f64]], shifts: &[f64], weight: Option<&[f64]>, total: f64) {
        for ((column, shift), mean) in columns.iter().zip(shifts).zip(&mut self.means) {
            *mean = match weight {
                None => {
                    let first = &column[..CHUNK.min(column.len())];
                    sums::shifted_sum(first, *shift) / first.len() as f64
                }
                Some(weight) => sums::shifted_product_sum(weight, column, *shift) / total,
            };
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
