//! The triangular factor of rows that come in blocks: what a learner keeps instead of the rows.

use super::householder::Qr;
use super::{Affine, Matrix, Moments, sums};

/// R of the rows [1, x - c] of `p` columns, where the caller has taken a frozen `c` from every value.
///
/// X'X has half the digits: at an offset of 1e6 and columns that agree to 1e-3 it has none, and R of shifted columns has
/// twelve. Blocks are absorbed by Householder reflections of the factor stacked on their rows (Golub and Van Loan, "Matrix
/// Computations", 6.5), and factors merge the same way; nothing is ever taken out, which would lose digits.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// Upper triangular, (p + 1) x (p + 1); column 0 belongs to the ones.
    root: Matrix,
    /// How many rows were absorbed.
    rows: u64,
}

impl Factor {
    /// The factor of no rows of `columns` columns.
    pub fn new(columns: usize) -> Self {
        Self { root: Matrix::zeros(columns + 1, columns + 1), rows: 0 }
    }

    /// A factor from what [`Factor::root`] and [`Factor::rows`] gave; `None` for a matrix that is none.
    pub fn of(root: Matrix, rows: u64) -> Option<Self> {
        let size = root.columns();
        let lower = |j: usize| root.column(j)[(j + 1).min(size)..].iter().all(|value| *value == 0.0);
        let whole = size > 0 && root.rows() == size && (0..size).all(lower);
        (whole && root.values().iter().all(|value| value.is_finite())).then_some(Self { root, rows })
    }

    /// The number of columns, the ones not counted.
    pub fn columns(&self) -> usize {
        self.root.columns() - 1
    }

    /// How many rows were absorbed, however little they weigh by now.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The triangle, (p + 1) x (p + 1).
    pub fn root(&self) -> &Matrix {
        &self.root
    }

    /// The weight of all rows: their number, unless some were partly forgotten.
    pub fn weight(&self) -> f64 {
        self.root[(0, 0)] * self.root[(0, 0)]
    }

    /// Adds columns behind the others that were 0 in all rows.
    pub fn widen(&mut self, more: usize) {
        let (old, size) = (&self.root, self.root.columns());
        self.root =
            Matrix::from_fn(
                size + more,
                size + more,
                |i, j| {
                    if i < size && j < size { old[(i, j)] } else { 0.0 }
                },
            );
    }

    /// Takes in a block of rows, given as equally long columns.
    ///
    /// # Panics
    /// When there are more or fewer columns than the factor has, or their lengths differ.
    pub fn absorb(&mut self, columns: &[&[f64]]) {
        assert_eq!(columns.len(), self.columns(), "a block has the factor's columns");
        let (rows, size) = (columns.first().map_or(0, |column| column.len()), self.root.columns());
        let mut stacked = Matrix::zeros(size + rows, size);
        for j in 0..size {
            let into = stacked.column_mut(j);
            into[..=j].copy_from_slice(&self.root.column(j)[..=j]);
            match j.checked_sub(1) {
                Some(place) => into[size..].copy_from_slice(columns[place]),
                None => into[size..].fill(1.0),
            }
        }
        self.root = triangle(stacked);
        self.rows += rows as u64;
    }

    /// Takes in the rows of another factor of the same columns.
    ///
    /// # Panics
    /// When the numbers of columns differ.
    pub fn merge(&mut self, other: &Factor) {
        let size = self.root.columns();
        assert_eq!(size, other.root.columns(), "factors of the same columns");
        self.root = triangle(Matrix::from_fn(2 * size, size, |i, j| {
            if i < size { self.root[(i, j)] } else { other.root[(i - size, j)] }
        }));
        self.rows += other.rows;
    }

    /// Lets every row weigh `share` of what it weighed.
    pub fn forget(&mut self, share: f64) {
        let root = share.sqrt();
        self.root.values_mut().iter_mut().for_each(|value| *value *= root);
    }

    /// The rows about their means, in this order of columns.
    pub fn centred(&self, order: &[usize]) -> Centred {
        let size = self.root.columns();
        let lead = self.root[(0, 0)];
        let mean = |j: &usize| if lead == 0.0 { 0.0 } else { self.root[(0, j + 1)] / lead };
        Centred {
            weight: self.weight(),
            rows: self.rows,
            mean: order.iter().map(mean).collect(),
            root: Matrix::from_fn(size - 1, order.len(), |i, j| self.root[(i + 1, order[j] + 1)]),
        }
    }
}

/// The factors of the latest rows, in buckets of which the oldest goes as a whole: a window that slides without subtracting.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    buckets: std::collections::VecDeque<Factor>,
    /// How many rows all buckets but the oldest hold at least.
    window: u64,
    /// How many rows make a bucket.
    bucket: u64,
}

impl Ring {
    /// Into so many buckets a window is divided: what it holds beyond it is at most one of them.
    pub const BUCKETS: u64 = 16;

    /// An empty ring for the latest `window` rows of so many columns.
    pub fn new(columns: usize, window: u64) -> Self {
        let buckets = [Factor::new(columns)].into();
        Self { buckets, window, bucket: window.div_ceil(Self::BUCKETS).max(1) }
    }

    /// A ring from its buckets, oldest first; `None` without any, or where their columns differ.
    pub fn of(buckets: Vec<Factor>, window: u64) -> Option<Self> {
        let columns = buckets.first()?.columns();
        let alike = buckets.iter().all(|bucket| bucket.columns() == columns);
        alike.then(|| Self { buckets: buckets.into(), ..Self::new(columns, window) })
    }

    /// How many rows are to be in the window.
    pub fn window(&self) -> u64 {
        self.window
    }

    /// The buckets, oldest first.
    pub fn buckets(&self) -> impl Iterator<Item = &Factor> {
        self.buckets.iter()
    }

    /// As [`Factor::widen`].
    pub fn widen(&mut self, more: usize) {
        self.buckets.iter_mut().for_each(|bucket| bucket.widen(more));
    }

    /// As [`Factor::absorb`]; buckets that the window has left are let go. Says whether the rows have begun a bucket.
    ///
    /// # Panics
    /// As there.
    pub fn absorb(&mut self, columns: &[&[f64]]) -> bool {
        let full = self.buckets.back().is_none_or(|last| last.rows >= self.bucket);
        if full {
            self.buckets.push_back(Factor::new(columns.len()));
        }
        self.buckets.back_mut().expect("one was pushed where there was none").absorb(columns);
        let all: u64 = self.buckets.iter().map(Factor::rows).sum();
        if self.buckets.front().is_some_and(|first| all - first.rows >= self.window) {
            self.buckets.pop_front();
        }
        full
    }

    /// The factor of all rows in the window, merged oldest first.
    pub fn whole(&self) -> Factor {
        let mut buckets = self.buckets.iter();
        let mut whole = buckets.next().cloned().unwrap_or_else(|| Factor::new(0));
        buckets.for_each(|bucket| whole.merge(bucket));
        whole
    }
}

/// Means, and rows that have the same squares and products about them as all rows have: at most as many as columns, so that
/// whatever is fitted from rows is fitted from these with all the digits of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Centred {
    /// The weight of all rows.
    pub weight: f64,
    /// How many rows there were.
    pub rows: u64,
    /// The mean of each column.
    pub mean: Vec<f64>,
    /// k x p; the sum of w (x - mean) (x - mean)^T is `root`^T `root`.
    pub root: Matrix,
}

impl Centred {
    /// The same of the columns `forms` of these columns.
    ///
    /// # Panics
    /// When a form names a column that is not there.
    pub fn map(&self, forms: &[Affine]) -> Self {
        let mut root = Matrix::zeros(self.root.rows(), forms.len());
        for (j, form) in forms.iter().enumerate() {
            for &(column, factor) in &form.terms {
                sums::add_scaled(root.column_mut(j), self.root.column(column as usize), factor);
            }
        }
        if root.rows() > forms.len() {
            root = triangle(root);
        }
        Self { mean: forms.iter().map(|form| form.at(&self.mean)).collect(), root, ..*self }
    }

    /// Weight, means and products.
    pub fn moments(&self) -> Moments {
        let p = self.mean.len();
        let mut gram = Matrix::zeros(p, p);
        for j in 0..p {
            for i in 0..=j {
                let product = sums::product_sum(self.root.column(i), self.root.column(j));
                gram[(i, j)] = product;
                gram[(j, i)] = product;
            }
        }
        Moments { weight: self.weight, rows: self.rows, mean: self.mean.clone(), gram }
    }

    /// Rows with the squares and products of all rows, the last `targets` columns apart: about the means, or about 0 with one
    /// row more. Columns of which nothing but rounding is left about their mean are 0.
    ///
    /// # Panics
    /// When there are fewer columns than targets.
    pub fn split(&self, targets: usize, about_means: bool) -> (Matrix, Matrix) {
        let (k, all) = (self.root.rows(), self.mean.len());
        let p = all - targets;
        let lead = usize::from(!about_means);
        let cell = |i: usize, j: usize| match i.checked_sub(lead) {
            Some(_) if !self.varies(j) => 0.0,
            Some(row) => self.root[(row, j)],
            None => self.weight.sqrt() * self.mean[j],
        };
        let x = Matrix::from_fn(k + lead, p, cell);
        let y = Matrix::from_fn(k + lead, targets, |i, j| cell(i, p + j));
        (x, y)
    }

    /// Whether more than the rounding of its sum is left of column `j` about its mean: the rule for a constant of
    /// scikit-learn's `StandardScaler`.
    pub fn varies(&self, j: usize) -> bool {
        let squares = sums::product_sum(self.root.column(j), self.root.column(j));
        squares > self.weight * (self.rows as f64 * f64::EPSILON * self.mean[j]).powi(2)
    }
}

fn triangle(stacked: Matrix) -> Matrix {
    Qr::new(stacked).r()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(i: usize, j: usize) -> f64 {
        ((i * 7919 + j * 104_729 + i * i * 31 * (j + 1)) % 1009) as f64 / 1009.0 - 0.5
    }

    fn columns(rows: std::ops::Range<usize>, p: usize) -> Vec<Vec<f64>> {
        (0..p).map(|j| rows.clone().map(|i| wave(i, j) + 0.2 * j as f64).collect()).collect()
    }

    fn absorbed(cuts: &[usize], p: usize) -> Factor {
        let mut factor = Factor::new(p);
        for cut in cuts.windows(2) {
            let block = columns(cut[0]..cut[1], p);
            factor.absorb(&block.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        factor
    }

    fn assert_close(a: &Moments, b: &Moments) {
        assert!((a.weight - b.weight).abs() < 1e-12 * b.weight, "{} {}", a.weight, b.weight);
        a.mean.iter().zip(&b.mean).for_each(|(a, b)| assert!((a - b).abs() < 1e-13, "{a} {b}"));
        let pairs = a.gram.values().iter().zip(b.gram.values());
        pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-12 * b.abs().max(100.0), "{a} {b}"));
    }

    fn batch(rows: std::ops::Range<usize>, p: usize) -> Moments {
        let all = columns(rows, p);
        Moments::of(&all.iter().map(Vec::as_slice).collect::<Vec<_>>(), None)
    }

    #[test]
    fn blocks_give_the_moments_of_all_rows() {
        let order: Vec<usize> = (0..5).collect();
        for cuts in [vec![0, 1000], vec![0, 1, 2, 500, 1000], (0..=1000).collect()] {
            let factor = absorbed(&cuts, 5);
            assert_eq!(factor.rows(), 1000);
            assert_close(&factor.centred(&order).moments(), &batch(0..1000, 5));
        }
    }

    #[test]
    fn factors_merge_widen_and_select() {
        let mut left = absorbed(&[0, 300, 600], 4);
        left.merge(&absorbed(&[600, 1000], 4));
        left.widen(1);
        let found = left.centred(&[2, 0, 4]).moments();
        let expected = batch(0..1000, 4).subset(&[2, 0]);
        assert_close(&found.subset(&[0, 1]), &expected);
        assert_eq!((found.mean[2], found.gram[(2, 2)]), (0.0, 0.0));
    }

    #[test]
    fn a_share_is_forgotten() {
        let mut factor = absorbed(&[0, 500], 3);
        factor.forget(0.25);
        let block = columns(500..800, 3);
        factor.absorb(&block.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let all = columns(0..800, 3);
        let weight: Vec<f64> = (0..800).map(|i| if i < 500 { 0.25 } else { 1.0 }).collect();
        let expected = Moments::of(&all.iter().map(Vec::as_slice).collect::<Vec<_>>(), Some(&weight));
        assert_close(&factor.centred(&[0, 1, 2]).moments(), &expected);
    }

    #[test]
    fn a_window_slides_by_buckets() {
        let mut ring = Ring::new(3, 160);
        for start in (0..1000).step_by(5) {
            let block = columns(start..start + 5, 3);
            ring.absorb(&block.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let whole = ring.whole();
            let held = whole.rows() as usize;
            assert!(held <= 170 && (held >= 160 || held == start + 5), "{held}");
            let rows = start + 5 - held..start + 5;
            assert_close(&whole.centred(&[0, 1, 2]).moments(), &batch(rows, 3));
        }
    }

    #[test]
    fn forms_of_columns_are_those_of_the_rows() {
        let centred = absorbed(&[0, 700], 4).centred(&[0, 1, 2, 3]);
        let forms = [
            Affine::scaled(2, 3.0, -1.0),
            Affine { offset: 0.5, terms: vec![(0, 1.0), (3, -2.0)] },
            Affine::constant(4.0),
        ];
        assert_close(&centred.map(&forms).moments(), &batch(0..700, 4).map(&forms));
    }

    #[test]
    fn what_is_no_factor_is_refused() {
        let factor = absorbed(&[0, 50], 2);
        assert_eq!(Factor::of(factor.root().clone(), 50), Some(factor.clone()));
        let mut lower = factor.root().clone();
        lower[(2, 0)] = 1.0;
        assert_eq!(Factor::of(lower, 50), None);
        assert_eq!(Factor::of(Matrix::zeros(2, 3), 50), None);
        assert_eq!(Factor::of(Matrix::zeros(0, 0), 0), None);
    }
}
