//! Weight, means and centred second moments of many columns.

use std::borrow::Borrow;

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, MatMut, MatRef, Par};

use super::{Accumulator, Affine, Matrix, sums};

/// Rows in a block: the unit of every sum over rows, cut on the global row index.
pub const BLOCK: usize = 2048;

/// Blocks in a run: the unit of streaming and of parallel work, cut on the global row index.
pub const RUN: usize = 32;

/// Weight, means and co-moments of `p` columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// The sum of the weights; the number of rows where none are given.
    pub weight: f64,
    /// The number of rows, those of weight 0 included.
    pub rows: u64,
    /// The mean of each column; 0 while `weight` is 0.
    pub mean: Vec<f64>,
    /// The sum of w (x - mean) (x - mean)^T, `p` x `p`: the full matrix, symmetric to the bit.
    pub gram: Matrix,
}

impl Moments {
    /// The moments of no rows of `p` columns.
    pub fn zero(p: usize) -> Self {
        Self { weight: 0.0, rows: 0, mean: vec![0.0; p], gram: Matrix::zeros(p, p) }
    }

    /// The moments of one block of equally long columns, which the caller has shifted so that their
    /// means are of the order of their deviations. [`Accumulator`] is the same for many blocks.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn of(columns: &[&[f64]], weight: Option<&[f64]>) -> Self {
        let mut accumulator = Accumulator::new(columns.len());
        accumulator.add(columns, weight);
        accumulator.finish()
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.mean.len()
    }

    /// Adds the rows that `other` has seen: Pebay, "Formulas for robust, one-pass parallel computation
    /// of covariances and arbitrary-order statistical moments" (2008), after Chan et al.
    ///
    /// # Panics
    /// When the numbers of columns differ.
    pub fn merge(&mut self, other: &Self) {
        let p = self.columns();
        assert_eq!(p, other.columns());
        self.rows += other.rows;
        if other.weight == 0.0 {
            return;
        }
        if self.weight == 0.0 {
            self.weight = other.weight;
            self.mean.clone_from(&other.mean);
            self.gram.clone_from(&other.gram);
            return;
        }
        let (delta, factor) = self.move_mean(&other.mean, other.weight);
        for (j, &step) in delta.iter().enumerate() {
            let target = self.gram.column_mut(j).iter_mut().zip(other.gram.column(j)).zip(&delta);
            // d_i * d_j first: the product commutes, so the matrix stays symmetric to the bit.
            target.for_each(|((into, from), d)| *into += from + factor * (d * step));
        }
    }

    /// Moves weight and means to include rows of `weight` and `mean`; gives how far those means lie
    /// from the old ones and the factor of the product of two such distances.
    pub(super) fn move_mean(&mut self, mean: &[f64], weight: f64) -> (Vec<f64>, f64) {
        let total = self.weight + weight;
        let share = weight / total;
        let delta: Vec<f64> = mean.iter().zip(&self.mean).map(|(theirs, ours)| theirs - ours).collect();
        self.mean.iter_mut().zip(&delta).for_each(|(mean, d)| *mean += d * share);
        let factor = self.weight * share;
        self.weight = total;
        (delta, factor)
    }

    /// For each cell the merge of all the others: the training moments of every fold, by prefix and
    /// suffix merges in the order of the cells. Nothing is ever subtracted, so nothing cancels.
    ///
    /// # Panics
    /// When the numbers of columns differ.
    pub fn prefix_suffix<M: Borrow<Self>>(cells: &[M]) -> Vec<Self> {
        let Some(first) = cells.first() else { return Vec::new() };
        let zero = Self::zero(first.borrow().columns());
        let mut after = vec![zero.clone()];
        for cell in cells[1..].iter().rev() {
            let mut merged = cell.borrow().clone();
            merged.merge(&after[after.len() - 1]);
            after.push(merged);
        }
        let mut before = zero;
        let mut others = Vec::with_capacity(cells.len());
        // A suffix is let go where its cell is done: all of them may be large.
        for (cell, after) in cells.iter().zip(std::iter::from_fn(|| after.pop())) {
            let mut merged = before.clone();
            merged.merge(&after);
            others.push(merged);
            before.merge(cell.borrow());
        }
        others
    }

    /// The variance of each column, with divisor `weight`; NaN without weight.
    pub fn variances(&self) -> Vec<f64> {
        (0..self.columns()).map(|j| self.gram[(j, j)] / self.weight).collect()
    }

    /// The moments of the columns `which`, in that order.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn subset(&self, which: &[usize]) -> Self {
        Self {
            weight: self.weight,
            rows: self.rows,
            mean: which.iter().map(|&j| self.mean[j]).collect(),
            gram: Matrix::from_fn(which.len(), which.len(), |i, j| self.gram[(which[i], which[j])]),
        }
    }

    /// The moments of the columns `forms` of these columns: mean A m + b, gram A G A^T.
    ///
    /// One-term forms (scale, shift, select, permute) cost q^2, others their number of terms times
    /// (p + q); where the forms are dense it is two matrix products.
    ///
    /// # Panics
    /// When a form names a column that is not there.
    pub fn map(&self, forms: &[Affine]) -> Self {
        let mean = forms.iter().map(|form| form.at(&self.mean)).collect();
        let terms: usize = forms.iter().map(|form| form.terms.len()).sum();
        let gram = if forms.iter().all(|form| form.terms.len() <= 1) {
            self.gram_of_single_terms(forms)
        } else if terms * 8 <= forms.len() * self.columns() {
            self.gram_of_sparse(forms)
        } else {
            self.gram_of_dense(forms)
        };
        Self { weight: self.weight, rows: self.rows, mean, gram }
    }

    fn gram_of_single_terms(&self, forms: &[Affine]) -> Matrix {
        Matrix::from_fn(forms.len(), forms.len(), |a, b| {
            match (forms[a].terms.first(), forms[b].terms.first()) {
                (Some(&(i, f)), Some(&(j, g))) => (f * g) * self.gram[(i as usize, j as usize)],
                _ => 0.0,
            }
        })
    }

    fn gram_of_sparse(&self, forms: &[Affine]) -> Matrix {
        let q = forms.len();
        let mut gram = Matrix::zeros(q, q);
        let mut half = vec![0.0; self.columns()];
        for b in 0..q {
            half.fill(0.0);
            for &(j, factor) in &forms[b].terms {
                sums::add_scaled(&mut half, self.gram.column(j as usize), factor);
            }
            for a in b..q {
                let terms = forms[a].terms.iter();
                gram[(a, b)] = terms.fold(0.0, |sum, &(i, factor)| sum + factor * half[i as usize]);
            }
        }
        mirror_lower(&mut gram);
        gram
    }

    fn gram_of_dense(&self, forms: &[Affine]) -> Matrix {
        let (p, q) = (self.columns(), forms.len());
        // Column b is form b: A^T, p x q.
        let mut factors = Matrix::zeros(p, q);
        for (b, form) in forms.iter().enumerate() {
            for &(j, factor) in &form.terms {
                factors[(j as usize, b)] += factor;
            }
        }
        let mut half = Matrix::zeros(p, q);
        let mut gram = Matrix::zeros(q, q);
        let a = MatRef::from_column_major_slice(factors.values(), p, q);
        let g = MatRef::from_column_major_slice(self.gram.values(), p, p);
        let product = MatMut::from_column_major_slice_mut(half.values_mut(), p, q);
        faer::linalg::matmul::matmul(product, Accum::Replace, g, a, 1.0, Par::Seq);
        let half = MatRef::from_column_major_slice(half.values(), p, q);
        lower_product(&mut gram, a, half, Accum::Replace);
        mirror_lower(&mut gram);
        gram
    }
}

/// The lower triangle of `a^T b`, where the product is known to be symmetric.
pub(super) fn lower_product(into: &mut Matrix, a: MatRef<'_, f64>, b: MatRef<'_, f64>, accumulate: Accum) {
    let p = into.rows();
    matmul(
        MatMut::from_column_major_slice_mut(into.values_mut(), p, p),
        BlockStructure::TriangularLower,
        accumulate,
        a.transpose(),
        BlockStructure::Rectangular,
        b,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
}

pub(super) fn mirror_lower(gram: &mut Matrix) {
    for j in 0..gram.columns() {
        for i in j + 1..gram.rows() {
            gram[(j, i)] = gram[(i, j)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern, in (-1, 1).
    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        }
    }

    fn table(rows: usize, p: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut next = noise(seed);
        (0..p).map(|j| (0..rows).map(|_| next() * (j + 1) as f64 + 0.3).collect()).collect()
    }

    fn slices(columns: &[Vec<f64>], from: usize, to: usize) -> Vec<&[f64]> {
        columns.iter().map(|column| &column[from..to]).collect()
    }

    fn close(a: &Moments, b: &Moments, tolerance: f64) {
        assert_eq!(a.rows, b.rows);
        assert!((a.weight - b.weight).abs() <= tolerance * a.weight);
        let scale = a.gram.values().iter().fold(0.0f64, |max, x| max.max(x.abs()));
        for (x, y) in a.mean.iter().zip(&b.mean) {
            assert!((x - y).abs() <= tolerance, "{x} {y}");
        }
        for (x, y) in a.gram.values().iter().zip(b.gram.values()) {
            assert!((x - y).abs() <= tolerance * scale, "{x} {y}");
        }
    }

    /// Straight from the definition.
    fn by_definition(columns: &[&[f64]]) -> Moments {
        let n = columns[0].len();
        let mean: Vec<f64> = columns.iter().map(|c| c.iter().sum::<f64>() / n as f64).collect();
        let gram = Matrix::from_fn(columns.len(), columns.len(), |i, j| {
            (0..n).map(|r| (columns[i][r] - mean[i]) * (columns[j][r] - mean[j])).sum()
        });
        Moments { weight: n as f64, rows: n as u64, mean, gram }
    }

    #[test]
    fn blocks_and_merges_are_the_definition() {
        let columns = table(5000, 7, 1);
        let exact = by_definition(&slices(&columns, 0, 5000));
        let mut accumulator = Accumulator::new(7);
        let mut merged = Moments::zero(7);
        for from in (0..5000).step_by(BLOCK) {
            let block = slices(&columns, from, (from + BLOCK).min(5000));
            accumulator.add(&block, None);
            merged.merge(&Moments::of(&block, None));
        }
        close(&accumulator.finish(), &exact, 1e-14);
        close(&merged, &exact, 1e-14);
    }

    #[test]
    fn gram_is_symmetric_to_the_bit() {
        let columns = table(900, 5, 2);
        let mut merged = Moments::of(&slices(&columns, 0, 400), None);
        merged.merge(&Moments::of(&slices(&columns, 400, 900), None));
        let dense: Vec<Affine> = (0..4)
            .map(|a| Affine { offset: 0.1, terms: (0..5).map(|j| (j, f64::from(j * 3 + a) - 2.0)).collect() })
            .collect();
        for moments in [&merged, &merged.map(&dense), &merged.subset(&[4, 0, 2])] {
            for i in 0..moments.columns() {
                for j in 0..i {
                    assert_eq!(moments.gram[(i, j)].to_bits(), moments.gram[(j, i)].to_bits());
                }
            }
        }
    }

    #[test]
    fn integer_weights_are_repeated_rows() {
        let columns = table(50, 3, 3);
        let weight: Vec<f64> = (0..50).map(|i| f64::from(i % 4)).collect();
        let weighted = Moments::of(&slices(&columns, 0, 50), Some(&weight));
        let repeat = |c: &Vec<f64>| -> Vec<f64> {
            c.iter().zip(&weight).flat_map(|(x, w)| std::iter::repeat_n(*x, *w as usize)).collect()
        };
        let repeated: Vec<Vec<f64>> = columns.iter().map(repeat).collect();
        let mut expected = Moments::of(&slices(&repeated, 0, repeated[0].len()), None);
        expected.rows = 50;
        close(&weighted, &expected, 1e-14);
    }

    #[test]
    fn rows_of_weight_zero_count_as_rows_only() {
        let columns = table(10, 2, 4);
        let none = Moments::of(&slices(&columns, 0, 10), Some(&[0.0; 10]));
        assert_eq!(none, Moments { rows: 10, ..Moments::zero(2) });
        let mut some = Moments::of(&slices(&columns, 0, 10), None);
        let before = some.clone();
        some.merge(&none);
        assert_eq!(some, Moments { rows: 20, ..before });
    }

    #[test]
    fn every_cell_gets_the_merge_of_the_others() {
        let columns = table(700, 4, 5);
        let cuts = [0, 100, 250, 250, 480, 700];
        let cells: Vec<Moments> =
            cuts.windows(2).map(|w| Moments::of(&slices(&columns, w[0], w[1]), None)).collect();
        for (hole, others) in Moments::prefix_suffix(&cells).iter().enumerate() {
            let keep = |i: &usize| !(cuts[hole]..cuts[hole + 1]).contains(i);
            let kept: Vec<Vec<f64>> =
                columns.iter().map(|c| (0..700).filter(keep).map(|i| c[i]).collect()).collect();
            close(others, &by_definition(&slices(&kept, 0, kept[0].len())), 1e-14);
        }
        assert_eq!(Moments::prefix_suffix(&cells[..1]), vec![Moments::zero(4)]);
        assert!(Moments::prefix_suffix::<Moments>(&[]).is_empty());
    }

    #[test]
    fn maps_are_the_moments_of_the_mapped_rows() {
        let columns = table(300, 20, 6);
        let moments = Moments::of(&slices(&columns, 0, 300), None);
        let single: Vec<Affine> = vec![
            Affine::scaled(3, 2.0, -1.0),
            Affine::column(0),
            Affine::constant(4.0),
            Affine::scaled(19, -0.5, 0.0),
        ];
        let sparse = vec![
            Affine { offset: 1.0, terms: vec![(2, 1.0), (7, -3.0)] },
            Affine::column(5),
            Affine { offset: 0.0, terms: vec![(7, 0.25)] },
        ];
        let dense: Vec<Affine> = (0..6)
            .map(|a| Affine {
                offset: 0.5,
                terms: (0..20).map(|j| (j, f64::from((j * 7 + a) % 5) - 1.5)).collect(),
            })
            .collect();
        for forms in [single, sparse, dense] {
            let mapped: Vec<Vec<f64>> = forms
                .iter()
                .map(|form| {
                    (0..300).map(|i| form.at(&columns.iter().map(|c| c[i]).collect::<Vec<_>>())).collect()
                })
                .collect();
            close(&moments.map(&forms), &by_definition(&slices(&mapped, 0, 300)), 1e-13);
        }
    }

    #[test]
    fn no_columns_are_no_trouble() {
        let moments = Moments::of(&[], None);
        assert_eq!((moments.columns(), moments.rows), (0, 0));
        let counted = Moments::of(&[], Some(&[1.0, 2.0]));
        assert_eq!((counted.rows, counted.weight), (2, 3.0));
    }
}
