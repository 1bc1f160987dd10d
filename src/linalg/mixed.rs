//! Moments of numbers and indicators together, the indicators never written out.

use super::{Accumulator, Matrix, Moments, sums, two_prod};

/// Rows that are copied together from columns to rows, so that neither side leaves the nearest cache.
const TILE: usize = 64;

/// Which indicators are set in each of some rows.
#[derive(Clone, Debug, Default)]
pub struct Sets {
    /// Room for so many a row.
    stride: usize,
    lengths: Vec<u32>,
    indicators: Vec<u32>,
}

impl Sets {
    /// Empty sets for `rows` rows, at most `stride` indicators in each. Memory is used again.
    pub fn clear(&mut self, rows: usize, stride: usize) {
        self.stride = stride;
        self.lengths.clear();
        self.lengths.resize(rows, 0);
        self.indicators.resize(self.indicators.len().max(rows * stride), 0);
    }

    /// Sets an indicator in a row; within a row they come in ascending order.
    ///
    /// # Panics
    /// When the row or its room is exceeded.
    pub fn set(&mut self, row: usize, indicator: u32) {
        let length = &mut self.lengths[row];
        assert!((*length as usize) < self.stride, "room for {} indicators", self.stride);
        self.indicators[row * self.stride + *length as usize] = indicator;
        *length += 1;
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// The indicators that are set in a row, ascending.
    pub fn of(&self, row: usize) -> &[u32] {
        &self.indicators[row * self.stride..][..self.lengths[row] as usize]
    }
}

/// A block of rows: numbers as columns, of which `shifts` are taken, and indicators as sets.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// The number columns, equally long.
    pub numbers: &'a [&'a [f64]],
    /// What is taken from each.
    pub shifts: &'a [f64],
    /// The sets of all rows that were packed together.
    pub sets: &'a Sets,
    /// The block's first row among them.
    pub from: usize,
    /// The number of rows, at most [`BLOCK`](super::BLOCK).
    pub rows: usize,
}

/// An [`Accumulator`] for rows of numbers and indicators.
///
/// Numbers among themselves are a matrix product as there. What an indicator has in common with a column is a sum over
/// the rows where it is set: the cost of a row is its set indicators times its numbers, and the pairs of set
/// indicators, however many indicators there are. Sums of unweighted indicators are counts, so those moments are
/// exact up to one rounding.
#[derive(Clone, Debug)]
pub struct MixedAccumulator {
    /// The numbers.
    numbers: Accumulator,
    /// For each indicator the sum of the weights of its rows.
    counts: Vec<f64>,
    /// For each indicator a column: over its rows the sums of w (x - shift) of every number.
    sums: Matrix,
    /// For each pair of indicators, the smaller one's column, the sum of the weights of the rows that have both.
    joint: Matrix,
    /// The last block's shifted numbers, row after row.
    rows: Vec<f64>,
}

impl MixedAccumulator {
    /// An accumulator of so many columns that has seen nothing.
    pub fn new(numbers: usize, indicators: usize) -> Self {
        Self {
            numbers: Accumulator::new(numbers),
            counts: vec![0.0; indicators],
            sums: Matrix::zeros(numbers, indicators),
            joint: Matrix::zeros(indicators, indicators),
            rows: Vec::new(),
        }
    }

    /// Adds a block of rows.
    ///
    /// # Panics
    /// When the numbers of columns or a length differs.
    pub fn add(&mut self, block: &Block, weight: Option<&[f64]>) {
        self.numbers.add_shifted(block.rows, block.numbers, block.shifts, weight);
        if self.counts.is_empty() {
            return;
        }
        self.turn(block);
        let width = block.numbers.len();
        let (counts, sums, joint, rows) = (&mut self.counts, &mut self.sums, &mut self.joint, &self.rows);
        sums::vectorised(
            #[inline(always)]
            || {
                for i in 0..block.rows {
                    let weight = weight.map_or(1.0, |weight| weight[i]);
                    let numbers = &rows[i * width..(i + 1) * width];
                    let set = block.sets.of(block.from + i);
                    for (k, &one) in set.iter().enumerate() {
                        counts[one as usize] += weight;
                        let sums = &mut sums.column_mut(one as usize)[..width];
                        sums.iter_mut().zip(numbers).for_each(|(sum, x)| *sum += weight * x);
                        let joint = joint.column_mut(one as usize);
                        set[k + 1..].iter().for_each(|other| joint[*other as usize] += weight);
                    }
                }
            },
        );
    }

    /// Copies the block's shifted numbers from columns to rows.
    fn turn(&mut self, block: &Block) {
        let width = block.numbers.len();
        self.rows.resize(self.rows.len().max(block.rows * width), 0.0);
        for (t, tile) in self.rows[..block.rows * width].chunks_mut((TILE * width).max(1)).enumerate() {
            for (j, (column, shift)) in block.numbers.iter().zip(block.shifts).enumerate() {
                let cells = tile[j..].iter_mut().step_by(width);
                cells.zip(&column[t * TILE..]).for_each(|(cell, x)| *cell = x - shift);
            }
        }
    }

    /// The moments of all blocks, number `d` at column `number_at[d]` and indicator `k` at `indicator_at[k]`.
    ///
    /// # Panics
    /// When that is not a column of its own for each.
    pub fn finish(self, number_at: &[usize], indicator_at: &[usize]) -> Moments {
        let numbers = self.numbers.finish();
        assert!(number_at.len() == numbers.columns() && indicator_at.len() == self.counts.len());
        let width = number_at.len() + indicator_at.len();
        let mut all = Moments { weight: numbers.weight, rows: numbers.rows, ..Moments::zero(width) };
        for (d, &at) in number_at.iter().enumerate() {
            all.mean[at] = numbers.mean[d];
            number_at.iter().enumerate().for_each(|(e, &row)| all.gram[(row, at)] = numbers.gram[(e, d)]);
        }
        if all.weight == 0.0 {
            return all;
        }
        for (k, (&at, count)) in indicator_at.iter().zip(&self.counts).enumerate() {
            all.mean[at] = count / all.weight;
            for (d, &number) in number_at.iter().enumerate() {
                let centred = self.sums[(d, k)] - count * numbers.mean[d];
                all.gram[(number, at)] = centred;
                all.gram[(at, number)] = centred;
            }
            all.gram[(at, at)] = count * (all.weight - count) / all.weight;
            for (l, &other) in indicator_at.iter().enumerate().skip(k + 1) {
                // joint - count count / weight, the difference of products without cancellation.
                let (first, first_error) = two_prod(self.joint[(l, k)], all.weight);
                let (second, second_error) = two_prod(*count, self.counts[l]);
                let product = ((first - second) + (first_error - second_error)) / all.weight;
                all.gram[(at, other)] = product;
                all.gram[(other, at)] = product;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::BLOCK;

    /// Two numbers, a code of four values, one of three, and an indicator for one value of a third code.
    struct Example {
        codes: [Vec<u32>; 3],
        numbers: [Vec<f64>; 2],
        weight: Vec<f64>,
    }

    /// Where the columns are to lie.
    const NUMBERS: [usize; 2] = [4, 8];
    const INDICATORS: [usize; 8] = [0, 1, 2, 3, 5, 6, 7, 9];
    const SHIFTS: [f64; 2] = [0.5, -1.25];

    fn example(rows: usize) -> Example {
        let code = |step: usize, width: u32| -> Vec<u32> {
            (0..rows).map(|i| ((i * step + i / 7) as u32) % width).collect()
        };
        let number =
            |step: usize| (0..rows).map(|i| ((i * step) % 211) as f64 / 50.0 + 1e-3 * i as f64).collect();
        Example {
            // The fourth value of the second code sets no indicator, nor do seven of the third.
            codes: [code(3, 4), code(5, 4), code(7, 8)],
            numbers: [number(37), number(91)],
            weight: (0..rows).map(|i| (i % 4) as f64 * 0.3).collect(),
        }
    }

    fn mixed(example: &Example, weighted: bool) -> Moments {
        let rows = example.weight.len();
        let mut sets = Sets::default();
        sets.clear(rows, 3);
        for i in 0..rows {
            sets.set(i, example.codes[0][i]);
            if example.codes[1][i] < 3 {
                sets.set(i, 4 + example.codes[1][i]);
            }
            if example.codes[2][i] == 0 {
                sets.set(i, 7);
            }
        }
        let mut mixed = MixedAccumulator::new(2, 8);
        for from in (0..rows).step_by(BLOCK) {
            let to = (from + BLOCK).min(rows);
            let numbers = [&example.numbers[0][from..to], &example.numbers[1][from..to]];
            let block = Block { numbers: &numbers, shifts: &SHIFTS, sets: &sets, from, rows: to - from };
            mixed.add(&block, weighted.then_some(&example.weight[from..to]));
        }
        mixed.finish(&NUMBERS, &INDICATORS)
    }

    /// The same with all columns written out.
    fn dense(example: &Example, weighted: bool) -> Moments {
        let indicator = |c: usize, value: u32| -> Vec<f64> {
            example.codes[c].iter().map(|code| f64::from(u8::from(*code == value))).collect()
        };
        let number = |d: usize| example.numbers[d].iter().map(|x| x - SHIFTS[d]).collect::<Vec<f64>>();
        let mut columns: Vec<Vec<f64>> = (0..4).map(|value| indicator(0, value)).collect();
        columns.push(number(0));
        columns.extend((0..3).map(|value| indicator(1, value)));
        columns.push(number(1));
        columns.push(indicator(2, 0));
        let rows = example.weight.len();
        let mut accumulator = Accumulator::new(columns.len());
        for from in (0..rows).step_by(BLOCK) {
            let to = (from + BLOCK).min(rows);
            let block: Vec<&[f64]> = columns.iter().map(|column| &column[from..to]).collect();
            accumulator.add(&block, weighted.then_some(&example.weight[from..to]));
        }
        accumulator.finish()
    }

    #[test]
    fn it_is_the_moments_of_the_columns_written_out() {
        for rows in [5, 700, 5000] {
            let example = example(rows);
            for weighted in [false, true] {
                let (mixed, dense) = (mixed(&example, weighted), dense(&example, weighted));
                assert_eq!(mixed.rows, dense.rows);
                assert!((mixed.weight - dense.weight).abs() <= 1e-13 * dense.weight);
                for (m, d) in mixed.mean.iter().zip(&dense.mean) {
                    assert!((m - d).abs() < 1e-14 * d.abs().max(1.0), "{m} {d}");
                }
                for i in 0..10 {
                    for j in 0..10 {
                        let size = (dense.gram[(i, i)] * dense.gram[(j, j)]).sqrt();
                        let (m, d) = (mixed.gram[(i, j)], dense.gram[(i, j)]);
                        assert!((m - d).abs() <= 1e-13 * size.max(1.0), "{i} {j}: {m} {d}");
                        assert_eq!(m.to_bits(), mixed.gram[(j, i)].to_bits());
                    }
                }
            }
        }
    }

    #[test]
    fn rows_are_counted_without_any_number() {
        let mut sets = Sets::default();
        sets.clear(4, 1);
        [(0, 0), (1, 1), (2, 1)].into_iter().for_each(|(row, indicator)| sets.set(row, indicator));
        let mut mixed = MixedAccumulator::new(0, 2);
        mixed.add(&Block { numbers: &[], shifts: &[], sets: &sets, from: 0, rows: 3 }, None);
        mixed.add(&Block { numbers: &[], shifts: &[], sets: &sets, from: 3, rows: 1 }, None);
        let moments = mixed.finish(&[], &[0, 1]);
        assert_eq!((moments.rows, moments.weight), (4, 4.0));
        assert_eq!(moments.mean, [0.25, 0.5]);
        assert_eq!(moments.gram.values(), [0.75, -0.5, -0.5, 1.0]);
        assert_eq!(MixedAccumulator::new(0, 2).finish(&[], &[0, 1]), Moments::zero(2));
    }
}
