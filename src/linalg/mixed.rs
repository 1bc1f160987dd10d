//! Moments of numbers and indicators together, the indicators never written out.

use super::{Accumulator, Matrix, Moments, two_prod};

/// What one part of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number: one column.
    Number,
    /// A code: an indicator column for each of so many values.
    Codes(usize),
}

/// One part of a block of rows.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Numbers, shifted by the caller.
    Numbers(&'a [f64]),
    /// Codes; one beyond the width sets no indicator.
    Codes(&'a [u32]),
}

/// An [`Accumulator`] for rows of numbers and codes, whose columns are one a number and one a code's value, in the order
/// of the parts.
///
/// Numbers among themselves are a matrix product as there. What an indicator has in common with a column is a sum over
/// the rows that have the code: the cost of a block is its rows times its parts squared, however many values a
/// code has. Sums of unweighted indicators are counts, so those moments are exact up to one rounding.
#[derive(Clone, Debug)]
pub struct MixedAccumulator {
    shapes: Vec<Shape>,
    /// The numbers.
    numbers: Accumulator,
    /// For each value of each code the sum of the weights of its rows.
    counts: Vec<f64>,
    /// For each number a column: over the rows of each value the sum of w (x - mean).
    sums: Matrix,
    /// For each pair of codes, the first before the second, the sums of the weights of their pairs of values.
    joint: Vec<Matrix>,
}

impl MixedAccumulator {
    /// An accumulator that has seen nothing.
    pub fn new(shapes: &[Shape]) -> Self {
        let widths = widths(shapes);
        let numbers = shapes.len() - widths.len();
        let values = widths.iter().sum();
        let pairs = (0..widths.len()).flat_map(|a| (a + 1..widths.len()).map(move |b| (a, b)));
        Self {
            joint: pairs.map(|(a, b)| Matrix::zeros(widths[a], widths[b])).collect(),
            shapes: shapes.to_vec(),
            numbers: Accumulator::new(numbers),
            counts: vec![0.0; values],
            sums: Matrix::zeros(values, numbers),
        }
    }

    /// Adds a block of `rows` rows, at most [`BLOCK`](super::BLOCK).
    ///
    /// # Panics
    /// When the parts are not of the shapes, or not of `rows` rows.
    pub fn add(&mut self, rows: usize, parts: &[Part], weight: Option<&[f64]>) {
        assert_eq!(parts.len(), self.shapes.len());
        let (mut numbers, mut codes) = (Vec::new(), Vec::new());
        for (part, shape) in parts.iter().zip(&self.shapes) {
            match (part, shape) {
                (Part::Numbers(values), Shape::Number) => numbers.push(*values),
                (Part::Codes(values), Shape::Codes(_)) => codes.push(*values),
                _ => panic!("a part is not of its shape"),
            }
        }
        assert!(codes.iter().all(|codes| codes.len() == rows));
        let before = self.numbers.means().to_vec();
        self.numbers.add_rows(rows, &numbers, weight);
        if weight.is_some_and(|weight| weight.iter().all(|w| *w == 0.0)) {
            return;
        }
        let seen = self.count(&codes, weight);
        for (d, &before) in before.iter().enumerate() {
            self.sum(d, before, &codes, &seen);
        }
        self.counts.iter_mut().zip(&seen).for_each(|(count, seen)| *count += seen);
    }

    /// The weight of each value in the block; adds up that of the pairs.
    fn count(&mut self, codes: &[&[u32]], weight: Option<&[f64]>) -> Vec<f64> {
        let widths = widths(&self.shapes);
        let weight = |i: usize| weight.map_or(1.0, |weight| weight[i]);
        let mut seen = Vec::with_capacity(self.counts.len());
        for (codes, &width) in codes.iter().zip(&widths) {
            let start = seen.len();
            seen.resize(start + width, 0.0);
            for (i, &code) in codes.iter().enumerate().filter(|(_, code)| (**code as usize) < width) {
                seen[start + code as usize] += weight(i);
            }
        }
        let mut joint = self.joint.iter_mut();
        for (a, first) in codes.iter().enumerate() {
            for (second, joint) in codes[a + 1..].iter().zip(&mut joint) {
                for (i, (&one, &other)) in first.iter().zip(*second).enumerate() {
                    if (one as usize) < joint.rows() && (other as usize) < joint.columns() {
                        joint[(one as usize, other as usize)] += weight(i);
                    }
                }
            }
        }
        seen
    }

    /// Adds the block's part of the sums of number `d`, and moves them to the mean that it has now.
    fn sum(&mut self, d: usize, before: f64, codes: &[&[u32]], seen: &[f64]) {
        let rows = codes.first().map_or(0, |codes| codes.len());
        let (centred, mean) = self.numbers.block(d, rows);
        let (after, roots) = (self.numbers.means()[d], self.numbers.roots());
        let sums = self.sums.column_mut(d);
        let moved = sums.iter_mut().zip(&self.counts).zip(seen);
        moved.for_each(|((sum, old), new)| *sum += old * (before - after) + new * (mean - after));
        let mut start = 0;
        for (codes, width) in codes.iter().zip(widths(&self.shapes)) {
            let sums = &mut sums[start..start + width];
            for (i, (&code, value)) in codes.iter().zip(centred).enumerate() {
                if let Some(sum) = sums.get_mut(code as usize) {
                    // Centred values carry the root of the weight once already.
                    *sum += roots.get(i).map_or(*value, |root| root * value);
                }
            }
            start += width;
        }
    }

    /// The moments of all blocks.
    pub fn finish(self) -> Moments {
        let (mut number_at, mut value_at, mut at) = (Vec::new(), Vec::new(), 0);
        for shape in &self.shapes {
            match shape {
                Shape::Number => number_at.push(at),
                Shape::Codes(width) => value_at.extend(at..at + width),
            }
            at += if let Shape::Codes(width) = shape { *width } else { 1 };
        }
        let numbers = self.numbers.finish();
        let mut all = Moments { weight: numbers.weight, rows: numbers.rows, ..Moments::zero(at) };
        for (d, &column) in number_at.iter().enumerate() {
            all.mean[column] = numbers.mean[d];
            number_at.iter().enumerate().for_each(|(e, &row)| all.gram[(row, column)] = numbers.gram[(e, d)]);
            for (sum, &row) in self.sums.column(d).iter().zip(&value_at) {
                all.gram[(row, column)] = *sum;
                all.gram[(column, row)] = *sum;
            }
        }
        if all.weight > 0.0 {
            value_at.iter().zip(&self.counts).for_each(|(&at, count)| all.mean[at] = count / numbers.weight);
            indicators(&self.shapes, &self.counts, &self.joint, &value_at, &mut all);
        }
        all
    }
}

/// The moments of the indicators among themselves.
fn indicators(shapes: &[Shape], counts: &[f64], joint: &[Matrix], at: &[usize], into: &mut Moments) {
    let widths = widths(shapes);
    let starts: Vec<usize> =
        widths.iter().scan(0, |next, width| Some(std::mem::replace(next, *next + width))).collect();
    let weight = into.weight;
    let mut joint = joint.iter();
    for (a, &from) in starts.iter().enumerate() {
        for l in from..from + widths[a] {
            for k in from..l {
                let product = -(counts[l] * counts[k]) / weight;
                into.gram[(at[l], at[k])] = product;
                into.gram[(at[k], at[l])] = product;
            }
            into.gram[(at[l], at[l])] = counts[l] * (weight - counts[l]) / weight;
        }
        for (b, joint) in (a + 1..starts.len()).zip(&mut joint) {
            for k in 0..widths[b] {
                for l in 0..widths[a] {
                    let (one, other) = (from + l, starts[b] + k);
                    // joint - counts counts / weight, the difference of products without cancellation.
                    let (first, first_error) = two_prod(joint[(l, k)], weight);
                    let (second, second_error) = two_prod(counts[one], counts[other]);
                    let product = ((first - second) + (first_error - second_error)) / weight;
                    into.gram[(at[one], at[other])] = product;
                    into.gram[(at[other], at[one])] = product;
                }
            }
        }
    }
}

fn widths(shapes: &[Shape]) -> Vec<usize> {
    shapes
        .iter()
        .filter_map(|shape| if let Shape::Codes(width) = shape { Some(*width) } else { None })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::BLOCK;
    use super::*;

    const SHAPES: [Shape; 5] =
        [Shape::Codes(4), Shape::Number, Shape::Codes(3), Shape::Number, Shape::Codes(1)];

    struct Example {
        codes: [Vec<u32>; 3],
        numbers: [Vec<f64>; 2],
        weight: Vec<f64>,
    }

    fn example(rows: usize) -> Example {
        let code =
            |step: usize, width: usize| (0..rows).map(|i| (i * i * step % 11 % width) as u32).collect();
        let number =
            |step: usize| (0..rows).map(|i| ((i * step) % 211) as f64 / 50.0 + 1e-3 * i as f64).collect();
        Example {
            // The fourth value of the second code sets no indicator.
            codes: [code(3, 4), code(5, 4), code(7, 2)],
            numbers: [number(37), number(91)],
            weight: (0..rows).map(|i| (i % 4) as f64 * 0.3).collect(),
        }
    }

    fn mixed(example: &Example, weighted: bool) -> Moments {
        let rows = example.weight.len();
        let mut mixed = MixedAccumulator::new(&SHAPES);
        for from in (0..rows).step_by(BLOCK) {
            let to = (from + BLOCK).min(rows);
            let parts = [
                Part::Codes(&example.codes[0][from..to]),
                Part::Numbers(&example.numbers[0][from..to]),
                Part::Codes(&example.codes[1][from..to]),
                Part::Numbers(&example.numbers[1][from..to]),
                Part::Codes(&example.codes[2][from..to]),
            ];
            mixed.add(to - from, &parts, weighted.then_some(&example.weight[from..to]));
        }
        mixed.finish()
    }

    /// The same with all columns written out.
    fn dense(example: &Example, weighted: bool) -> Moments {
        let indicator = |c: usize, value: u32| -> Vec<f64> {
            example.codes[c].iter().map(|code| f64::from(u8::from(*code == value))).collect()
        };
        let mut columns: Vec<Vec<f64>> = (0..4).map(|value| indicator(0, value)).collect();
        columns.push(example.numbers[0].clone());
        columns.extend((0..3).map(|value| indicator(1, value)));
        columns.push(example.numbers[1].clone());
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
        let mut mixed = MixedAccumulator::new(&[Shape::Codes(2)]);
        mixed.add(3, &[Part::Codes(&[0, 1, 1])], None);
        mixed.add(1, &[Part::Codes(&[u32::MAX])], None);
        let moments = mixed.finish();
        assert_eq!((moments.rows, moments.weight), (4, 4.0));
        assert_eq!(moments.mean, [0.25, 0.5]);
        assert_eq!(moments.gram.values(), [0.75, -0.5, -0.5, 1.0]);
        assert_eq!(MixedAccumulator::new(&[Shape::Codes(2)]).finish(), Moments::zero(2));
    }
}
