//! One pass over the rows of logistic fits: losses, gradients and Hessians of many of them at once.

use std::sync::{Mutex, PoisonError};

use faer::{Accum, MatMut, MatRef, Par};

use super::blocks::grow;
use super::fold_weights::FoldWeights;
use super::logistic_loss::{Classes, Derive, LossRoom};
use super::moments::{BLOCK, lower_product, mirror_lower};
use super::scaling::{exponent, scale_by_power_of_two};
use super::sums::{self, vectorised};
use super::tree::tree;
use super::{Blocks, LogisticGrid, Matrix};
use crate::diag::{Code, Result, Watch};

/// Cells above which a pass is worth threads.
const PARALLEL: usize = 1_000_000;

/// A pass is cut into at most about so many chunks, each of at least `CHUNK` blocks.
const CHUNKS: usize = 32;
const CHUNK: usize = 4;

/// So many predictors are computed in one product: a block of them stays in the cache.
const TOGETHER: usize = 64;

/// The rows of fits. Inside, columns are centred and divided by powers of two, and a column of ones stands before
/// them. A point is a vector of this width for each free predictor, one after the other.
pub(super) struct Rows<'a> {
    blocks: &'a dyn Blocks,
    codes: &'a [u32],
    /// What they count.
    pub(super) weights: FoldWeights<'a>,
    /// Whether to go on.
    pub(super) watch: &'a dyn Watch,
    /// How predictors become losses.
    pub(super) classes: Classes,
    /// What is taken from each column.
    pub(super) centre: Vec<f64>,
    /// The power of two that each column is then divided by: it lies below 2.
    pub(super) exponents: Vec<i32>,
    rooms: Mutex<Vec<Room>>,
}

/// What is to be summed in a pass.
pub(super) struct Ask<'a> {
    /// Where.
    pub(super) point: &'a [f64],
    /// The fold whose rows are left out.
    pub(super) fold: Option<u16>,
    /// Whether second derivatives are wanted.
    pub(super) hessian: bool,
}

/// The sums over the rows for one [`Ask`].
pub(super) struct Answer {
    /// The weighted sum of losses.
    pub(super) loss: f64,
    /// Its gradient at the point.
    pub(super) gradient: Vec<f64>,
    /// Its Hessian, where it was wanted.
    pub(super) hessian: Option<Matrix>,
}

/// An [`Answer`] in the making.
struct Sums {
    loss: f64,
    gradient: Vec<f64>,
    /// The lower triangle of the Hessian's block of each pair of free predictors, where it is wanted.
    hessian: Vec<Matrix>,
}

/// Room to work on one block.
#[derive(Default)]
struct Room {
    columns: Vec<f64>,
    weighted: Vec<f64>,
    predictors: Vec<f64>,
    gradients: Vec<f64>,
    curvatures: Vec<f64>,
    weight: Vec<f64>,
    loss: LossRoom,
}

impl<'a> Rows<'a> {
    /// # Errors
    /// `NotFinite` for columns that are not finite.
    pub(super) fn new(grid: &LogisticGrid<'a>) -> Result<Self> {
        let q = grid.blocks.columns();
        let mut rows = Self {
            blocks: grid.blocks,
            codes: grid.codes,
            weights: FoldWeights::new(grid),
            watch: grid.watch,
            classes: Classes::new(grid.classes),
            centre: vec![0.0; q],
            exponents: vec![0; q],
            rooms: Mutex::default(),
        };
        let extent = rows.reduce(1, q, &|from, to, room| rows.extent(from, to, room), &Extent::merge);
        let Extent { columns, weight } = extent.unwrap_or_default();
        for (j, column) in columns.iter().enumerate() {
            if column.trace.is_nan() {
                return Err(Code::NotFinite.error(format!("column {j} of the fit holds NaN or infinity")));
            }
            let mean = column.sum / weight;
            let middle = if mean.is_finite() { mean.clamp(column.least, column.most) } else { 0.0 };
            rows.centre[j] = middle;
            rows.exponents[j] = exponent((column.most - middle).max(middle - column.least));
        }
        Ok(rows)
    }

    /// The number of rows.
    pub(super) fn count(&self) -> usize {
        self.codes.len()
    }

    /// Parameters of one predictor.
    pub(super) fn width(&self) -> usize {
        self.centre.len() + 1
    }

    /// Numbers of a point.
    pub(super) fn parameters(&self) -> usize {
        self.width() * self.classes.free()
    }

    /// A bound on how far any linear predictor moves when a point does.
    pub(super) fn reach(&self, step: &[f64]) -> f64 {
        // Scaled columns lie below 2.
        let one = |step: &[f64]| step.iter().skip(1).fold(step[0].abs(), |sum, d| sum + 2.0 * d.abs());
        step.chunks_exact(self.width()).map(one).fold(0.0, f64::max) * self.classes.free() as f64
    }

    /// The sums that are asked for over the rows of every `stride`-th block.
    pub(super) fn pass(&self, asks: &[Ask], stride: usize) -> Vec<Answer> {
        let points: Vec<f64> = asks.iter().flat_map(|ask| ask.point).copied().collect();
        let wide = |ask: &Ask| if ask.hessian { self.parameters() } else { 2 * self.classes.free() };
        let work = self.width() * asks.iter().map(wide).sum::<usize>();
        let one = |from: usize, to: usize, room: &mut Room| {
            let mut sums: Vec<Sums> = asks.iter().map(|ask| Sums::new(self, ask)).collect();
            for from in (from..to).step_by(BLOCK * stride) {
                self.block(asks, &points, from, room, &mut sums);
            }
            sums
        };
        let merge = |into: &mut Vec<Sums>, from: Vec<Sums>| {
            into.iter_mut().zip(&from).for_each(|(into, from)| into.add(from));
        };
        let sums = self.reduce(stride, work, &one, &merge).unwrap_or_default();
        sums.into_iter().map(|sums| sums.finish(self)).collect()
    }

    /// Sums of chunks of every `stride`-th block, merged pairwise in an order that depends on the number of rows
    /// alone. `work` is the cells for each row.
    fn reduce<T: Send>(
        &self,
        stride: usize,
        work: usize,
        one: &(dyn Fn(usize, usize, &mut Room) -> T + Sync),
        merge: &(dyn Fn(&mut T, T) + Sync),
    ) -> Option<T> {
        let n = self.codes.len();
        let blocks = n.div_ceil(BLOCK * stride);
        let chunk = blocks.div_ceil(CHUNKS).max(CHUNK) * BLOCK * stride;
        let starts: Vec<usize> = (0..n).step_by(chunk).collect();
        let leaf = |from: usize| {
            let taken = self.rooms.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut room = taken.unwrap_or_default();
            let sums = one(from, (from + chunk).min(n), &mut room);
            self.rooms.lock().unwrap_or_else(PoisonError::into_inner).push(room);
            sums
        };
        let parallel = (n / stride).saturating_mul(work) > PARALLEL;
        tree(&starts, parallel, &leaf, merge)
    }

    /// Adds the block that starts at row `from` to the sums.
    fn block(&self, asks: &[Ask], points: &[f64], from: usize, room: &mut Room, sums: &mut [Sums]) {
        let n = BLOCK.min(self.codes.len() - from);
        let (width, free, pairs) = (self.width(), self.classes.free(), self.classes.pairs());
        self.fill(from, n, room);
        let group = (TOGETHER / free).max(1);
        let mut masked = None;
        for ((asks, sums), points) in
            asks.chunks(group).zip(sums.chunks_mut(group)).zip(points.chunks(width * free * group))
        {
            let count = free * asks.len();
            let x = MatRef::from_column_major_slice(&room.columns[..n * width], n, width);
            let b = MatRef::from_column_major_slice(points, width, count);
            let into = MatMut::from_column_major_slice_mut(grow(&mut room.predictors, n * count), n, count);
            faer::linalg::matmul::matmul(into, Accum::Replace, x, b, 1.0, Par::Seq);
            for (k, (ask, sums)) in asks.iter().zip(&mut *sums).enumerate() {
                if masked != Some(ask.fold) {
                    self.weights.of(ask.fold, from, grow(&mut room.weight, n));
                    masked = Some(ask.fold);
                }
                let rows = Derive {
                    codes: &self.codes[from..from + n],
                    weight: &room.weight[..n],
                    predictors: &mut room.predictors[k * n * free..(k + 1) * n * free],
                    curvatures: ask.hessian.then(|| grow(&mut room.curvatures, n * pairs)),
                };
                sums.loss += self.classes.derive(rows, &mut room.loss);
                for (block, curvature) in sums.hessian.iter_mut().zip(room.curvatures.chunks_exact(n)) {
                    let weighted = grow(&mut room.weighted, n * width);
                    for (into, column) in weighted.chunks_exact_mut(n).zip(room.columns.chunks_exact(n)) {
                        sums::multiply(into, column, curvature);
                    }
                    let weighted = MatRef::from_column_major_slice(&*weighted, n, width);
                    lower_product(block, weighted, x, Accum::Add);
                }
            }
            let slopes = MatRef::from_column_major_slice(&room.predictors[..n * count], n, count);
            let gradients = grow(&mut room.gradients, width * count);
            let into = MatMut::from_column_major_slice_mut(gradients, width, count);
            faer::linalg::matmul::matmul(into, Accum::Replace, x.transpose(), slopes, 1.0, Par::Seq);
            for (sums, gradient) in sums.iter_mut().zip(room.gradients.chunks_exact(width * free)) {
                add(&mut sums.gradient, gradient);
            }
        }
    }

    /// A column of ones, and the centred and scaled columns of `n` rows.
    fn fill(&self, from: usize, n: usize, room: &mut Room) {
        let (ones, columns) = grow(&mut room.columns, n * self.width()).split_at_mut(n);
        ones.fill(1.0);
        self.blocks.fill(from, n, columns);
        for (j, column) in columns.chunks_exact_mut(n).enumerate() {
            let (centre, factor) = (self.centre[j], scale_by_power_of_two(1.0, -self.exponents[j]));
            vectorised(
                #[inline(always)]
                || column.iter_mut().for_each(|x| *x = (*x - centre) * factor),
            );
        }
    }

    /// Sums, least and greatest values of the raw columns over the blocks from..to.
    fn extent(&self, from: usize, to: usize, room: &mut Room) -> Extent {
        let mut extent = Extent { columns: vec![Column::default(); self.centre.len()], weight: 0.0 };
        for from in (from..to).step_by(BLOCK) {
            let n = BLOCK.min(self.codes.len() - from);
            let columns = grow(&mut room.columns, n * self.centre.len());
            self.blocks.fill(from, n, columns);
            let weight = self.weights.plain(from, n);
            extent.weight += weight.map_or(n as f64, sums::sum);
            for (sums, column) in extent.columns.iter_mut().zip(columns.chunks_exact(n)) {
                let sum = match weight {
                    Some(weight) => sums::product_sum(column, weight),
                    None => sums::sum(column),
                };
                let (least, most, trace) = extremes(column);
                sums.add(&Column { sum, least, most, trace });
            }
        }
        extent
    }
}

/// The least and the greatest value, and the sum of the values times 0.
fn extremes(column: &[f64]) -> (f64, f64, f64) {
    let (mut least, mut most, mut trace) = ([f64::INFINITY; 8], [f64::NEG_INFINITY; 8], [0.0; 8]);
    vectorised(
        #[inline(always)]
        || {
            for part in column.chunks(8) {
                for ((x, least), (most, trace)) in
                    part.iter().zip(&mut least).zip(most.iter_mut().zip(&mut trace))
                {
                    *least = if *x < *least { *x } else { *least };
                    *most = if *x > *most { *x } else { *most };
                    *trace += x * 0.0;
                }
            }
        },
    );
    let trace = trace.iter().fold(0.0, |sum, lane| sum + lane);
    (
        least.iter().copied().fold(f64::INFINITY, f64::min),
        most.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        trace,
    )
}

impl Sums {
    fn new(rows: &Rows, ask: &Ask) -> Self {
        let pairs = if ask.hessian { rows.classes.pairs() } else { 0 };
        Self {
            loss: 0.0,
            gradient: vec![0.0; rows.parameters()],
            hessian: vec![Matrix::zeros(rows.width(), rows.width()); pairs],
        }
    }

    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        add(&mut self.gradient, &other.gradient);
        for (into, from) in self.hessian.iter_mut().zip(&other.hessian) {
            add(into.values_mut(), from.values());
        }
    }

    fn finish(self, rows: &Rows) -> Answer {
        let (width, free) = (rows.width(), rows.classes.free());
        let whole = (!self.hessian.is_empty()).then(|| {
            let mut whole = Matrix::zeros(width * free, width * free);
            let pairs = (0..free).flat_map(|a| (a..free).map(move |b| (a, b)));
            for ((a, b), mut block) in pairs.zip(self.hessian) {
                mirror_lower(&mut block);
                for j in 0..width {
                    // The triangle below the diagonal: predictor b's rows, predictor a's columns.
                    whole.column_mut(a * width + j)[b * width..(b + 1) * width]
                        .copy_from_slice(block.column(j));
                }
            }
            mirror_lower(&mut whole);
            whole
        });
        Answer { loss: self.loss, gradient: self.gradient, hessian: whole }
    }
}

/// What the centre and the scale of columns come from.
#[derive(Default)]
struct Extent {
    columns: Vec<Column>,
    weight: f64,
}

#[derive(Clone)]
struct Column {
    sum: f64,
    least: f64,
    most: f64,
    /// 0, or NaN where a value is not finite.
    trace: f64,
}

impl Default for Column {
    fn default() -> Self {
        Self { sum: 0.0, least: f64::INFINITY, most: f64::NEG_INFINITY, trace: 0.0 }
    }
}

impl Column {
    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.trace += other.trace;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }
}

impl Extent {
    fn merge(&mut self, other: Self) {
        self.weight += other.weight;
        self.columns.iter_mut().zip(&other.columns).for_each(|(into, from)| into.add(from));
    }
}

fn add(into: &mut [f64], from: &[f64]) {
    into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
}
