//! The inner loops by themselves, on small tables: `cargo bench --bench kernels [-- NAME...]`.
//!
//! What they add up to in a run is in `folds.rs`; a change of a kernel shows here first. One thread.

use divan::Bencher;
use divan::counter::ItemsCount;
use pipefit::linalg::{
    Accumulator, Affine, BLOCK, Block, LogisticGrid, Matrix, MixedAccumulator, Moments, Penalty, Quadratic,
    Sets, Univariate, elastic_net, least_squares, linear_into, linear_many, logistic_grid, ridge,
};

fn main() {
    // Rows are split among rayon's threads; one of them makes the figures those of the kernel.
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("no pool before this one");
    divan::main();
}

/// Numbers without a pattern, in (-1, 1).
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// Columns with a common part, and last a target that a third of them makes.
fn table(rows: usize, p: usize) -> Matrix {
    let mut next = noise(1);
    let common: Vec<f64> = (0..rows).map(|_| next()).collect();
    let mut table = Matrix::zeros(rows, p + 1);
    for j in 0..p {
        let weight = if j % 3 == 0 { next() } else { 0.0 };
        for i in 0..rows {
            let x = next() + 0.3 * common[i];
            table[(i, j)] = x;
            table[(i, p)] += weight * x;
        }
    }
    table.column_mut(p).iter_mut().for_each(|y| *y += next());
    table
}

fn columns(table: &Matrix, from: usize, to: usize) -> Vec<&[f64]> {
    (0..table.columns()).map(|j| &table.column(j)[from..to]).collect()
}

fn moments(table: &Matrix) -> Moments {
    let mut accumulator = Accumulator::new(table.columns());
    for from in (0..table.rows()).step_by(BLOCK) {
        accumulator.add(&columns(table, from, (from + BLOCK).min(table.rows())), None);
    }
    accumulator.finish()
}

/// A block of rows into the moments of dense columns: the first pass.
#[divan::bench(args = [10, 30, 100, 300])]
fn moments_dense(bencher: Bencher, p: usize) {
    let table = table(BLOCK, p);
    let (block, mut accumulator) = (columns(&table, 0, BLOCK), Accumulator::new(p + 1));
    bencher.counter(ItemsCount::new(BLOCK)).bench_local(|| accumulator.add(&block, None));
}

/// A block of 20 numbers and some indicators, of which four are set in a row.
#[divan::bench(args = [20, 160, 1000])]
fn moments_mixed(bencher: Bencher, indicators: usize) {
    let (table, mut next) = (table(BLOCK, 20), noise(2));
    let (numbers, mut sets) = (columns(&table, 0, BLOCK), Sets::default());
    sets.clear(BLOCK, 4);
    for row in 0..BLOCK {
        for k in 0..4 {
            let within = ((next() + 1.0) / 2.0 * (indicators / 4) as f64) as usize;
            sets.set(row, (k * (indicators / 4) + within) as u32);
        }
    }
    let block = Block { numbers: &numbers, shifts: &[0.0; 21], sets: &sets, from: 0, rows: BLOCK };
    let mut accumulator = MixedAccumulator::new(21, indicators);
    bencher.counter(ItemsCount::new(BLOCK)).bench_local(|| accumulator.add(&block, None));
}

/// The training moments of ten folds from their own.
#[divan::bench(args = [30, 100, 300])]
fn moments_of_ten_folds(bencher: Bencher, p: usize) {
    let cells = vec![moments(&table(BLOCK, p)); 10];
    bencher.bench_local(|| Moments::prefix_suffix(&cells));
}

/// Mean and variance of one column.
#[divan::bench]
fn univariate(bencher: Bencher) {
    let table = table(8 * BLOCK, 1);
    bencher.counter(ItemsCount::new(8 * BLOCK)).bench_local(|| Univariate::of(table.column(0), None));
}

/// Predictions of one model.
#[divan::bench(args = [10, 100])]
fn predict_one(bencher: Bencher, p: usize) {
    let (table, coef) = (table(BLOCK, p), vec![0.5; p + 1]);
    let (block, mut out) = (columns(&table, 0, BLOCK), vec![0.0; BLOCK]);
    bencher.counter(ItemsCount::new(BLOCK)).bench_local(|| linear_into(&mut out, &block, &coef, 1.0));
}

/// Predictions of many models of 100 columns at once: the second pass of a search.
#[divan::bench(args = [5, 50])]
fn predict_many(bencher: Bencher, models: usize) {
    let table = table(BLOCK, 99);
    let block = columns(&table, 0, BLOCK);
    let coef = Matrix::from_fn(100, models, |i, j| (i + j) as f64 * 0.01);
    let (shifts, intercept) = (vec![0.0; 100], vec![1.0; models]);
    bencher
        .counter(ItemsCount::new(BLOCK * models))
        .bench_local(|| linear_many(BLOCK, &block, &shifts, &coef, &intercept));
}

/// One penalty: a Cholesky factorization.
#[divan::bench(args = [30, 100, 300])]
fn ridge_cholesky(bencher: Bencher, p: usize) {
    let moments = moments(&table(2 * BLOCK, p));
    bencher.bench_local(|| ridge(&moments, 1, &[1.0], true));
}

/// Fifty penalties: an eigendecomposition for all.
#[divan::bench(args = [30, 100, 300])]
fn ridge_path(bencher: Bencher, p: usize) {
    let moments = moments(&table(2 * BLOCK, p));
    let alphas: Vec<f64> = (0..50).map(|k| 10f64.powf(f64::from(k) / 7.0 - 3.0)).collect();
    bencher.bench_local(|| ridge(&moments, 1, &alphas, true));
}

/// Least squares by QR of the rows, refined: the small case.
#[divan::bench(args = [5, 20])]
fn least_squares_rows(bencher: Bencher, p: usize) {
    let table = table(BLOCK, p);
    let x = Matrix::from_columns(BLOCK, p, table.values()[..BLOCK * p].to_vec());
    let y = Matrix::from_columns(BLOCK, 1, table.column(p).to_vec());
    bencher.bench_local(|| least_squares(&x, &y, None, true));
}

/// A hundred penalties of the lasso, each from the solution of the one before.
#[divan::bench(args = [30, 100, 200])]
fn lasso_path(bencher: Bencher, p: usize) {
    let moments = moments(&table(2 * BLOCK, p));
    let greatest = Quadratic::new(&moments, 1, true).greatest_l1(0, false);
    let strengths = (0..100).map(|k| greatest * 1e-3f64.powf(f64::from(k) / 99.0));
    let penalties: Vec<Penalty> = strengths.map(|alpha| Penalty::new(alpha, 1.0, false)).collect();
    bencher.bench_local(|| elastic_net(&moments, 1, &penalties, true));
}

/// Ten strengths of a classifier of two classes on 20,480 rows, to the optimum.
#[divan::bench(args = [10, 50], sample_count = 10)]
fn logistic_path(bencher: Bencher, p: usize) {
    let rows = 10 * BLOCK;
    let table = table(rows, p);
    let x = Matrix::from_columns(rows, p, table.values()[..rows * p].to_vec());
    let codes: Vec<u32> = table.column(p).iter().map(|y| u32::from(*y > 0.0)).collect();
    let maps = [(0..p as u32).map(Affine::column).collect()];
    let c: Vec<f64> = (0..10).map(|k| 10f64.powf(f64::from(k) * 2.0 / 3.0 - 3.0)).collect();
    let grid = LogisticGrid::new(&x, &codes, 2, &maps, &c);
    bencher.counter(ItemsCount::new(rows * c.len())).bench_local(|| logistic_grid(&grid));
}
