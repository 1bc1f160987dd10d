//! Orthogonal factorization of tall matrices.

use faer::linalg::householder;
use faer::{Conj, Par};
use rayon::prelude::*;

use super::faer_view::{memory, view, view_mut};
use super::moments::BLOCK;
use super::{Matrix, sums};

/// Columns that are eliminated one by one before the rest is updated by matrix products.
const PANEL: usize = 32;

/// Values above which the blocks of rows are worth more than one thread.
const PARALLEL: usize = 1_000_000;

/// A = Q R by Householder reflections, Q kept as reflectors.
///
/// faer's own QR is not used here: it drops a column that is small beside 16 n eps of its norm, long
/// before the rank rule of [`super::least_squares`] would. A tall matrix is cut into blocks of rows
/// that are factored one by one, and their stacked factors R again (Demmel, Grigori, Hoemmen and
/// Langou, "Communication-optimal parallel and sequential QR and LU factorizations", SIAM J. Sci.
/// Comput. 34, 2012). The cuts depend on the shape alone.
pub(super) struct Qr {
    rows: usize,
    columns: usize,
    blocks: Vec<Reflectors>,
    /// The factorization of the blocks' stacked factors R, where there is more than one block.
    top: Option<Box<Qr>>,
}

impl Qr {
    pub(super) fn new(a: Matrix) -> Self {
        let (rows, columns) = (a.rows(), a.columns());
        let cuts = cuts(rows, columns);
        if cuts.len() == 2 {
            return Self { rows, columns, blocks: vec![Reflectors::new(a)], top: None };
        }
        let factor = |cut: &[usize]| Reflectors::new(rows_of(&a, cut[0], cut[1]));
        let blocks: Vec<Reflectors> = if rows * columns > PARALLEL {
            cuts.par_windows(2).map(factor).collect()
        } else {
            cuts.windows(2).map(factor).collect()
        };
        let mut stacked = Matrix::zeros(blocks.len() * columns, columns);
        for (k, block) in blocks.iter().enumerate() {
            for j in 0..columns {
                stacked.column_mut(j)[k * columns..=k * columns + j]
                    .copy_from_slice(&block.basis.column(j)[..=j]);
            }
        }
        Self { rows, columns, blocks, top: Some(Box::new(Self::new(stacked))) }
    }

    /// R, min(n, m) x m, upper trapezoidal.
    pub(super) fn r(&self) -> Matrix {
        if let Some(top) = &self.top {
            return top.r();
        }
        let basis = &self.blocks[0].basis;
        Matrix::from_fn(
            self.rows.min(self.columns),
            self.columns,
            |i, j| if i <= j { basis[(i, j)] } else { 0.0 },
        )
    }

    /// b <- Q^T b, whose first m rows go with R.
    pub(super) fn apply_transpose(&self, b: &mut Matrix) {
        let Some(top) = &self.top else { return self.blocks[0].apply_transpose(b) };
        self.each_block(b, Reflectors::apply_transpose);
        let mut heads = self.heads(b);
        top.apply_transpose(&mut heads);
        self.set_heads(b, &heads);
    }

    /// b <- Q b.
    pub(super) fn apply(&self, b: &mut Matrix) {
        let Some(top) = &self.top else { return self.blocks[0].apply(b) };
        let mut heads = self.heads(b);
        top.apply(&mut heads);
        self.set_heads(b, &heads);
        self.each_block(b, Reflectors::apply);
    }

    fn each_block(&self, b: &mut Matrix, apply: impl Fn(&Reflectors, &mut Matrix) + Sync) {
        let cuts = cuts(self.rows, self.columns);
        let one = |(block, cut): (&Reflectors, &[usize])| {
            let mut part = rows_of(b, cut[0], cut[1]);
            apply(block, &mut part);
            part
        };
        let parts: Vec<Matrix> = if self.rows * self.columns > PARALLEL {
            self.blocks.par_iter().zip(cuts.par_windows(2)).map(one).collect()
        } else {
            self.blocks.iter().zip(cuts.windows(2)).map(one).collect()
        };
        for (part, cut) in parts.iter().zip(cuts.windows(2)) {
            for j in 0..b.columns() {
                b.column_mut(j)[cut[0]..cut[1]].copy_from_slice(part.column(j));
            }
        }
    }

    /// The first m rows of every block, stacked.
    fn heads(&self, b: &Matrix) -> Matrix {
        let (m, cuts) = (self.columns, cuts(self.rows, self.columns));
        Matrix::from_fn(self.blocks.len() * m, b.columns(), |i, j| b[(cuts[i / m] + i % m, j)])
    }

    fn set_heads(&self, b: &mut Matrix, heads: &Matrix) {
        let (m, cuts) = (self.columns, cuts(self.rows, self.columns));
        for j in 0..b.columns() {
            for (head, &cut) in heads.column(j).chunks_exact(m).zip(&cuts) {
                b.column_mut(j)[cut..cut + m].copy_from_slice(head);
            }
        }
    }
}

/// Where the blocks of rows begin, and the end. A block has at least four times as many rows as columns,
/// so the stacked factors are at most a quarter as tall.
fn cuts(rows: usize, columns: usize) -> Vec<usize> {
    let height = BLOCK.max(4 * columns);
    let blocks = if columns == 0 { 1 } else { (rows / height).max(1) };
    (0..blocks).map(|k| k * height).chain([rows]).collect()
}

fn rows_of(a: &Matrix, from: usize, to: usize) -> Matrix {
    let mut part = Matrix::zeros(to - from, a.columns());
    for j in 0..a.columns() {
        part.column_mut(j).copy_from_slice(&a.column(j)[from..to]);
    }
    part
}

/// The reflectors of one block of rows, in faer's layout: below the diagonal of `basis` the vectors, on and
/// above it R; in `factor` an upper triangle for each panel.
struct Reflectors {
    basis: Matrix,
    factor: Matrix,
}

impl Reflectors {
    fn new(basis: Matrix) -> Self {
        let (rows, columns) = (basis.rows(), basis.columns());
        let size = rows.min(columns);
        let mut made = Self { basis, factor: Matrix::zeros(PANEL.min(size), size) };
        for start in (0..size).step_by(PANEL) {
            let end = (start + PANEL).min(size);
            made.eliminate(start, end);
            made.update(start, end);
        }
        made
    }

    /// Makes columns `start..end` upper triangular, one reflection at a time.
    fn eliminate(&mut self, start: usize, end: usize) {
        let rows = self.basis.rows();
        let mut vector = Vec::with_capacity(rows);
        for j in start..end {
            let column = &mut self.basis.column_mut(j)[j..];
            let (head, tail) = column.split_at_mut(1);
            let tail = faer::ColMut::from_slice_mut(tail);
            let tau = householder::make_householder_in_place(&mut head[0], tail).tau;
            vector.clear();
            vector.extend_from_slice(&self.basis.column(j)[j + 1..]);
            for k in j + 1..end {
                let (head, tail) = self.basis.column_mut(k)[j..].split_at_mut(1);
                let step = (head[0] + sums::product_sum(&vector, tail)) / tau;
                head[0] -= step;
                sums::add_scaled(tail, &vector, -step);
            }
            self.factor[(j - start, j)] = tau;
            for i in start..j {
                let earlier = &self.basis.column(i)[j..];
                self.factor[(i - start, j)] = earlier[0] + sums::product_sum(&earlier[1..], &vector);
            }
        }
    }

    /// Applies the reflections of `start..end` to the columns after them.
    fn update(&mut self, start: usize, end: usize) {
        let (rows, columns) = (self.basis.rows(), self.basis.columns());
        if end == columns {
            return;
        }
        let width = end - start;
        let (left, right) = view_mut(&mut self.basis).split_at_col_mut(end);
        let vectors = left.as_ref().submatrix(start, start, rows - start, width);
        let factor = view(&self.factor).submatrix(0, start, width, width);
        let mut space = memory(householder::apply_block_householder_on_the_left_in_place_scratch::<f64>(
            rows - start,
            width,
            columns - end,
        ));
        householder::apply_block_householder_transpose_on_the_left_in_place_with_conj(
            vectors,
            factor,
            Conj::No,
            right.submatrix_mut(start, 0, rows - start, columns - end),
            Par::Seq,
            faer::dyn_stack::MemStack::new(&mut space),
        );
    }

    fn apply_transpose(&self, b: &mut Matrix) {
        if self.factor.columns() == 0 {
            return;
        }
        let mut space = memory(
            householder::apply_block_householder_sequence_transpose_on_the_left_in_place_scratch::<f64>(
                b.rows(),
                self.factor.rows(),
                b.columns(),
            ),
        );
        householder::apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj(
            view(&self.basis),
            view(&self.factor),
            Conj::No,
            view_mut(b),
            Par::Seq,
            faer::dyn_stack::MemStack::new(&mut space),
        );
    }

    fn apply(&self, b: &mut Matrix) {
        if self.factor.columns() == 0 {
            return;
        }
        let mut space = memory(householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<
            f64,
        >(b.rows(), self.factor.rows(), b.columns()));
        householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
            view(&self.basis),
            view(&self.factor),
            Conj::No,
            view_mut(b),
            Par::Seq,
            faer::dyn_stack::MemStack::new(&mut space),
        );
    }
}

/// The order in which the columns of `a` should be eliminated so that the first ones are as independent
/// as greedy choice makes them: the pivots of Businger and Golub's QR, the norms computed anew in
/// every step. Gives `rank` columns.
pub(super) fn pivots(mut a: Matrix, rank: usize) -> Vec<usize> {
    let columns = a.columns();
    let mut left: Vec<usize> = (0..columns).collect();
    let mut chosen = Vec::with_capacity(rank);
    for row in 0..rank {
        let norm = |j: usize| sums::product_sum(&a.column(j)[row..], &a.column(j)[row..]);
        let mut best = (0, norm(left[0]));
        for (place, &j) in left.iter().enumerate().skip(1) {
            let square = norm(j);
            if square > best.1 {
                best = (place, square);
            }
        }
        let pivot = left.remove(best.0);
        chosen.push(pivot);
        let (head, tail) = a.column_mut(pivot)[row..].split_at_mut(1);
        let tau =
            householder::make_householder_in_place(&mut head[0], faer::ColMut::from_slice_mut(tail)).tau;
        let vector = a.column(pivot)[row + 1..].to_vec();
        for &j in &left {
            let (head, tail) = a.column_mut(j)[row..].split_at_mut(1);
            let step = (head[0] + sums::product_sum(&vector, tail)) / tau;
            head[0] -= step;
            sums::add_scaled(tail, &vector, -step);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(rows: usize, columns: usize) -> Matrix {
        Matrix::from_fn(rows, columns, |i, j| (((i * 37 + j * 101 + i * j * 7) % 211) as f64 - 100.0) / 64.0)
    }

    fn largest_difference(a: &Matrix, b: &Matrix) -> f64 {
        a.values().iter().zip(b.values()).fold(0.0, |max, (x, y)| f64::max(max, (x - y).abs()))
    }

    /// Q R = A, and Q^T A = R.
    fn check(rows: usize, columns: usize) {
        let a = pattern(rows, columns);
        let qr = Qr::new(a.clone());
        let r = qr.r();
        let mut product = Matrix::zeros(rows, columns);
        for j in 0..columns {
            product.column_mut(j)[..r.rows()].copy_from_slice(r.column(j));
        }
        let expected = product.clone();
        qr.apply(&mut product);
        assert!(largest_difference(&product, &a) < 1e-12, "{rows} x {columns}");
        qr.apply_transpose(&mut product);
        assert!(largest_difference(&product, &expected) < 1e-12, "{rows} x {columns}");
    }

    #[test]
    fn factors_multiply_to_the_matrix() {
        for (rows, columns) in
            [(1, 1), (5, 3), (3, 5), (40, 40), (100, 70), (33, 90), (7, 0), (9000, 3), (30_000, 5)]
        {
            check(rows, columns);
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let a = pattern(45_000, 25);
        let solve = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut b = pattern(45_000, 2);
                let qr = Qr::new(a.clone());
                qr.apply_transpose(&mut b);
                (qr.r(), b)
            })
        };
        let one = solve(1);
        assert_eq!(one, solve(2));
        assert_eq!(one, solve(8));
    }

    #[test]
    fn zero_columns_leave_zeros() {
        let mut a = pattern(20, 4);
        a.column_mut(1).fill(0.0);
        let r = Qr::new(a).r();
        assert_eq!(r[(0, 1)], 0.0);
        assert_eq!(r[(1, 1)], 0.0);
        assert!(r.values().iter().all(|x| x.is_finite()));
    }

    #[test]
    fn pivots_take_the_independent_columns_first() {
        let mut a = pattern(10, 4);
        let copy = a.column(0).iter().map(|x| x * 2.0).collect::<Vec<_>>();
        a.column_mut(2).copy_from_slice(&copy);
        let mut chosen = pivots(a, 3);
        chosen.sort_unstable();
        assert_eq!(chosen, [1, 2, 3]);
    }
}
