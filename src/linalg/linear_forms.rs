//! Many linear models of the same columns at once.

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};

use super::Matrix;
use super::moments::BLOCK;
use super::predict::sweep;

/// Rows whose values lie side by side while all models pass over them: those of 100 columns stay in the nearest cache.
const PANEL: usize = 16;

/// Rows that are copied to panels together, column by column, since memory is read best in long pieces.
const CHUNK: usize = 512;

/// Numbers in a line of the cache.
const LINE: usize = 8;

/// Models of a tile: their sums for one or two vectors of rows stay in registers.
const MODELS: usize = 8;

thread_local! {
    /// Where a thread has its panels: fresh memory is dear.
    static ROOM: RefCell<Vec<f64>> = RefCell::default();
}

/// Linear models, packed for being evaluated side by side.
///
/// A row's value is what [`linear`](super::linear) gives, bit for bit, whatever rows and models stand beside it.
#[derive(Clone, Debug)]
pub struct LinearForms {
    columns: usize,
    intercepts: Vec<f64>,
    /// For each whole tile of models, column after column, the factors of its models.
    tiles: Vec<f64>,
    /// The factors of each model that is in no tile.
    rest: Vec<f64>,
}

impl LinearForms {
    /// Models that are evaluated together: as many take little longer than one.
    pub const TILE: usize = MODELS;

    /// The models with these coefficients, p x t, and intercepts.
    ///
    /// # Panics
    /// When there is not one intercept a model.
    pub fn new(coef: &Matrix, intercepts: Vec<f64>) -> Self {
        assert_eq!(intercepts.len(), coef.columns(), "one intercept a model");
        let (columns, models) = (coef.rows(), coef.columns());
        let tiled = models / MODELS * MODELS;
        let mut tiles = vec![0.0; columns * tiled];
        for t in 0..tiled {
            let tile = &mut tiles[t / MODELS * MODELS * columns..];
            tile.iter_mut()
                .skip(t % MODELS)
                .step_by(MODELS)
                .zip(coef.column(t))
                .for_each(|(into, factor)| *into = *factor);
        }
        let rest = (tiled..models).flat_map(|t| coef.column(t)).copied().collect();
        Self { columns, intercepts, tiles, rest }
    }

    /// The number of models.
    pub fn len(&self) -> usize {
        self.intercepts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.intercepts.is_empty()
    }

    /// Writes what each model says of rows given by columns, after `shifts` were taken from them.
    ///
    /// # Panics
    /// When there is not one shift a column and one output a model, or a column or an output has another length than the
    /// first output.
    pub fn write(&self, columns: &[&[f64]], shifts: &[f64], out: &mut [&mut [f64]]) {
        assert!(columns.len() == self.columns && columns.len() == shifts.len(), "one shift a column");
        assert_eq!(out.len(), self.len(), "one output a model");
        // A block says nothing to no model, however long it is.
        let Some(rows) = out.first().map(|out| out.len()) else { return };
        let all = columns.iter().copied().map(<[f64]>::len).chain(out.iter().map(|out| out.len()));
        assert!(all.into_iter().all(|length| length == rows), "{rows} rows everywhere");
        let whole = self.len() / MODELS * MODELS;
        let tiled = if whole == 0 || self.columns == 0 { 0 } else { rows / PANEL * PANEL };
        let (tile, rest) = out.split_at_mut(whole);
        if tiled > 0 {
            let (factors, intercepts) = (&self.tiles[..], &self.intercepts[..whole]);
            ROOM.with_borrow_mut(|room| {
                let out = &mut *tile;
                Arch::new().dispatch(Tiles { columns, shifts, factors, intercepts, tiled, out, room });
            });
        }
        let one = |out: &mut [f64], coef: &[f64], intercept: f64, from: usize| {
            for from in (from..rows).step_by(BLOCK) {
                let out = &mut out[from..(from + BLOCK).min(rows)];
                out.fill(intercept);
                sweep(out, columns, Some(shifts), coef, from);
            }
        };
        if tiled < rows {
            let mut coef = vec![0.0; self.columns];
            for (t, out) in tile.iter_mut().enumerate() {
                let factors = self.tiles[t / MODELS * MODELS * self.columns..].iter().skip(t % MODELS);
                coef.iter_mut().zip(factors.step_by(MODELS)).for_each(|(into, factor)| *into = *factor);
                one(out, &coef, self.intercepts[t], tiled);
            }
        }
        for (k, out) in rest.iter_mut().enumerate() {
            one(out, &self.rest[k * self.columns..][..self.columns], self.intercepts[whole + k], 0);
        }
    }
}

/// The predictions of `t` models, `coef` p x t, for `rows` rows, `shifts` taken from their columns: rows x t, each column
/// bit for bit what [`linear`](super::linear) gives.
///
/// # Panics
/// When there is not one row of `coef` and one shift a column, not one intercept a model, or a column is not `rows` long.
pub fn linear_many(
    rows: usize,
    columns: &[&[f64]],
    shifts: &[f64],
    coef: &Matrix,
    intercepts: &[f64],
) -> Matrix {
    let mut out = Matrix::zeros(rows, coef.columns());
    let mut outputs: Vec<&mut [f64]> = out.values_mut().chunks_mut(rows.max(1)).collect();
    outputs.resize_with(coef.columns(), Default::default);
    LinearForms::new(coef, intercepts.to_vec()).write(columns, shifts, &mut outputs);
    out
}

/// The work on whole panels and whole tiles.
struct Tiles<'a, 'o> {
    columns: &'a [&'a [f64]],
    shifts: &'a [f64],
    factors: &'a [f64],
    intercepts: &'a [f64],
    /// The number of rows, whole panels.
    tiled: usize,
    out: &'a mut [&'o mut [f64]],
    room: &'a mut Vec<f64>,
}

impl WithSimd for Tiles<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.columns.len();
        let room = self.room;
        room.resize(room.len().max(width * CHUNK.min(self.tiled) + LINE), 0.0);
        // Begins with a line of the cache, so that no vector lies in two.
        let start = room.as_ptr().align_offset(LINE * size_of::<f64>()).min(LINE);
        for from in (0..self.tiled).step_by(CHUNK) {
            let rows = CHUNK.min(self.tiled - from);
            let panels = &mut room[start..][..width * rows];
            for (j, (column, shift)) in self.columns.iter().zip(self.shifts).enumerate() {
                let (column, shift) = (&column[from..from + rows], simd.splat_f64s(*shift));
                for (panel, column) in panels.chunks_exact_mut(width * PANEL).zip(column.chunks_exact(PANEL))
                {
                    let (into, _) = S::as_mut_simd_f64s(&mut panel[j * PANEL..][..PANEL]);
                    let (column, _) = S::as_simd_f64s(column);
                    into.iter_mut().zip(column).for_each(|(into, x)| *into = simd.sub_f64s(*x, shift));
                }
            }
            for (k, panel) in panels.chunks_exact(width * PANEL).enumerate() {
                let models = self.intercepts.chunks_exact(MODELS).zip(self.out.chunks_exact_mut(MODELS));
                for (t, (intercepts, out)) in models.enumerate() {
                    let factors = &self.factors[t * MODELS * width..][..MODELS * width];
                    let row = from + k * PANEL;
                    if S::REGISTER_COUNT >= 32 {
                        tile::<S, 2>(simd, panel, factors, intercepts, row, out);
                    } else {
                        tile::<S, 1>(simd, panel, factors, intercepts, row, out);
                    }
                }
            }
        }
    }
}

/// One panel's rows under one tile's models.
#[inline(always)]
fn tile<S: Simd, const VECTORS: usize>(
    simd: S,
    panel: &[f64],
    factors: &[f64],
    intercepts: &[f64],
    row: usize,
    out: &mut [&mut [f64]],
) {
    let vectors = PANEL / S::F64_LANES;
    for first in (0..vectors).step_by(VECTORS) {
        let mut sums = [[simd.splat_f64s(0.0); VECTORS]; MODELS];
        for k in 0..MODELS {
            sums[k] = [simd.splat_f64s(intercepts[k]); VECTORS];
        }
        for (x, factors) in panel.chunks_exact(PANEL).zip(factors.chunks_exact(MODELS)) {
            let (x, _) = S::as_simd_f64s(x);
            let Some(x) = x[first..].first_chunk::<VECTORS>() else { return };
            for k in 0..MODELS {
                let factor = simd.splat_f64s(factors[k]);
                for v in 0..VECTORS {
                    // Fused on every processor, so that all give the same bits.
                    sums[k][v] = simd.mul_add_f64s(x[v], factor, sums[k][v]);
                }
            }
        }
        for k in 0..MODELS {
            let (into, _) = S::as_mut_simd_f64s(&mut out[k][row..row + PANEL]);
            into[first..first + VECTORS].copy_from_slice(&sums[k]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::linear;
    use super::*;

    fn table(rows: usize, p: usize) -> Vec<Vec<f64>> {
        (0..p).map(|j| (0..rows).map(|i| ((i * 7 + j * 13) % 101) as f64 / 7.0 - 5.0).collect()).collect()
    }

    fn slices(columns: &[Vec<f64>]) -> Vec<&[f64]> {
        columns.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn every_model_says_what_it_says_alone() {
        for (rows, t) in [(2 * BLOCK + 77, 11), (PANEL, 8), (5, 9), (33, 3), (70, 16)] {
            let columns = table(rows, 11);
            let coef = Matrix::from_fn(11, t, |j, k| 1.0 / (3 + j + 5 * k) as f64 - 0.07);
            let intercepts: Vec<f64> = (0..t).map(|k| 0.1 * k as f64).collect();
            let many = linear_many(rows, &slices(&columns), &[0.0; 11], &coef, &intercepts);
            for (k, intercept) in intercepts.iter().enumerate() {
                assert_eq!(linear(&slices(&columns), coef.column(k), *intercept), many.column(k));
            }
            let shifts: Vec<f64> = (0..11).map(|j| j as f64 - 1.5).collect();
            let moved: Vec<Vec<f64>> =
                columns.iter().zip(&shifts).map(|(x, s)| x.iter().map(|x| x - s).collect()).collect();
            assert_eq!(
                linear_many(rows, &slices(&columns), &shifts, &coef, &intercepts),
                linear_many(rows, &slices(&moved), &[0.0; 11], &coef, &intercepts)
            );
        }
    }

    #[test]
    fn no_columns_give_the_intercept_and_no_rows_nothing() {
        assert_eq!(linear_many(2, &[], &[], &Matrix::zeros(0, 1), &[4.0]).values(), [4.0; 2]);
        assert_eq!(linear_many(40, &[], &[], &Matrix::zeros(0, 9), &[4.0; 9]).values(), [4.0; 360]);
        assert_eq!(linear_many(0, &[&[]], &[0.0], &Matrix::zeros(1, 5), &[4.0; 5]).rows(), 0);
    }
}
