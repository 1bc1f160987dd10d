//! Ridge regression without each row in turn, in the training rows of several folds at once, from moments and one pass.
//!
//! As [`LeaveOneOut`](super::LeaveOneOut), with V and S^2 from the moments of each fold: in z = V^T (x - mean) a row's fit is a
//! sum over z and its leverage one over z^2, with factors 1 / (s^2 + alpha). The rows of a block go through all folds while
//! they are in the cache, and nothing of their number is kept.

use std::sync::{Mutex, PoisonError};

use faer::{Accum, MatMut, MatRef, Par};

use super::blocks::grow;
use super::moments::BLOCK;
use super::spectrum::Eigen;
use super::tree::tree;
use super::{Affine, Blocks, Matrix, Moments, sums};
use crate::diag::{Result, Watch};

/// The greatest condition of the Gram matrix with the least penalty: what its eigenvectors lose goes with it.
const GREATEST_CONDITION: f64 = 1e5;

/// What a row may leave of its own fit, 1 less its leverage, at the least: it is a difference.
const LEAST_KEPT: f64 = 1e-3;

/// Cells above which a pass is worth threads.
const PARALLEL: usize = 1_000_000;

/// A pass is cut into at most so many chunks of blocks.
const CHUNKS: usize = 64;

/// The rows that all folds share.
pub struct LeftOutRows<'a> {
    /// Raw columns, near 0 for their deviations.
    pub blocks: &'a dyn Blocks,
    /// The targets, n x t.
    pub y: &'a Matrix,
    /// The weight of each row.
    pub weight: Option<&'a [f64]>,
    /// The fold that leaves each row out.
    pub fold_of: &'a [u16],
    /// The penalties, more than 0.
    pub alphas: &'a [f64],
    /// Whether there is an intercept, which is not penalised.
    pub fit_intercept: bool,
    /// Asked now and then whether to go on.
    pub watch: &'a dyn Watch,
}

/// The training rows of one fold, ready for the pass.
pub struct LeftOut {
    /// Whose rows are left out altogether; `None` where none are.
    fold: Option<u16>,
    /// V^T (x - mean) as a map of raw columns, q x r, and a constant.
    map: Matrix,
    offset: Vec<f64>,
    /// 1 / (s^2 + alpha), r x alphas.
    inverse: Matrix,
    /// The coefficients of z, r x (alphas x targets).
    coef: Matrix,
    /// The mean of each target.
    mean: Vec<f64>,
    /// What the intercept adds to the leverage of a row of weight 1.
    share: f64,
}

impl LeftOut {
    /// From the moments of the training rows' features and targets (in the features' and the targets' order), and the features
    /// as forms of `columns` raw columns. `Err` says why the rows themselves have to be decomposed.
    ///
    /// # Errors
    /// `FitFailed` where the eigenvalues do not converge.
    pub fn new(
        rows: &LeftOutRows,
        fold: Option<u16>,
        features: &[Affine],
        moments: &Moments,
    ) -> Result<Result<Self, String>> {
        let (p, targets) = (features.len(), rows.y.columns());
        let alphas = rows.alphas;
        if moments.rows <= p as u64 {
            return Ok(Err("there are no more rows than features".into()));
        }
        let centre = |j: usize| if rows.fit_intercept { moments.mean[j] } else { 0.0 };
        // About 0 where there is no intercept.
        let about = |i: usize, j: usize| {
            let (a, b) = (moments.mean[i] - centre(i), moments.mean[j] - centre(j));
            moments.gram[(i, j)] + moments.weight * a * b
        };
        let eigen = Eigen::new(&Matrix::from_fn(p, p, about))?;
        let most = eigen.values.last().copied().unwrap_or(0.0);
        let least = eigen.values.first().copied().unwrap_or(0.0).max(0.0);
        let penalty = alphas.iter().copied().fold(f64::INFINITY, f64::min);
        let condition = (most + penalty) / (least + penalty);
        if condition.is_nan() || condition > GREATEST_CONDITION {
            return Ok(Err(format!(
                "the condition of the Gram matrix is {condition:.0e}, beyond {GREATEST_CONDITION:.0e}"
            )));
        }
        let noise = p as f64 * f64::EPSILON * most;
        let first = eigen.values.iter().take_while(|value| **value <= noise).count();
        let (r, values) = (p - first, &eigen.values[first..]);
        let vectors = Matrix::from_columns(p, r, eigen.vectors.values()[p * first..].to_vec());
        let mut map = Matrix::zeros(rows.blocks.columns(), r);
        let mut offset = vec![0.0; r];
        for (k, offset) in offset.iter_mut().enumerate() {
            for (j, (form, factor)) in features.iter().zip(vectors.column(k)).enumerate() {
                *offset += factor * (form.offset - centre(j));
                form.terms.iter().for_each(|(at, term)| map[(*at as usize, k)] += factor * term);
            }
        }
        let inverse = Matrix::from_fn(r, alphas.len(), |k, a| 1.0 / (values[k] + alphas[a]));
        let mean: Vec<f64> = (0..targets).map(|t| centre(p + t)).collect();
        let with_targets = Matrix::from_fn(p, targets, |i, t| about(i, p + t));
        let rotated =
            Matrix::from_fn(r, targets, |k, t| sums::dot(vectors.column(k), with_targets.column(t)));
        let coef = Matrix::from_fn(r, alphas.len() * targets, |k, c| {
            rotated[(k, c % targets)] * inverse[(k, c / targets)]
        });
        let share = if rows.fit_intercept { 1.0 / moments.weight } else { 0.0 };
        Ok(Ok(Self { fold, map, offset, inverse, coef, mean, share }))
    }
}

/// The sums of a fold in the making.
struct Sums {
    /// Weighted squared errors, alphas x targets; the targets of an alpha side by side.
    squares: Vec<f64>,
    /// The least that a row leaves of its own fit.
    kept: f64,
}

/// Room to work on one block.
#[derive(Default)]
struct Room {
    raw: Vec<f64>,
    z: Vec<f64>,
    leverages: Vec<f64>,
    fits: Vec<f64>,
    weight: Vec<f64>,
}

impl LeftOutRows<'_> {
    /// For each fold the weighted sum of the squares of what every training row differs from the fit of all others, for each
    /// alpha (inner) and target: t x alphas. `Err` says why the rows themselves have to be decomposed. Folds of which some row
    /// is nearly all of its own fit are among those.
    pub fn squares(&self, folds: &[LeftOut]) -> Vec<Result<Matrix, String>> {
        let n = self.y.rows();
        let targets = self.y.columns();
        let rooms: Mutex<Vec<Room>> = Mutex::default();
        let chunk = n.div_ceil(BLOCK).div_ceil(CHUNKS).max(1) * BLOCK;
        let starts: Vec<usize> = (0..n).step_by(chunk).collect();
        let leaf = |from: usize| {
            let mut room = rooms.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let zero = |_: &LeftOut| Sums { squares: vec![0.0; targets * self.alphas.len()], kept: 1.0 };
            let mut sums: Vec<Sums> = folds.iter().map(zero).collect();
            for start in (from..(from + chunk).min(n)).step_by(BLOCK) {
                if !self.watch.stopped() {
                    self.block(folds, start, &mut room, &mut sums);
                }
            }
            rooms.lock().unwrap_or_else(PoisonError::into_inner).push(room);
            sums
        };
        let merge = |into: &mut Vec<Sums>, from: Vec<Sums>| {
            for (into, from) in into.iter_mut().zip(from) {
                into.squares.iter_mut().zip(&from.squares).for_each(|(into, from)| *into += from);
                into.kept = least(into.kept, from.kept);
            }
        };
        let work: usize = folds.iter().map(|fold| fold.map.values().len()).sum();
        let sums = tree(&starts, n.saturating_mul(work) > PARALLEL, &leaf, &merge).unwrap_or_default();
        let squares = |sums: Sums| {
            if sums.kept.is_nan() || sums.kept < LEAST_KEPT {
                return Err(format!("a row alone makes all but {:.0e} of its own fit", sums.kept));
            }
            Ok(Matrix::from_columns(targets, self.alphas.len(), sums.squares))
        };
        sums.into_iter().map(squares).collect()
    }

    fn block(&self, folds: &[LeftOut], start: usize, room: &mut Room, sums: &mut [Sums]) {
        let n = BLOCK.min(self.y.rows() - start);
        let (q, rows) = (self.blocks.columns(), start..start + n);
        let own = &self.fold_of[rows.clone()];
        self.blocks.fill(start, n, grow(&mut room.raw, n * q));
        for (fold, sums) in folds.iter().zip(sums) {
            let trains = |own: u16| fold.fold.is_none_or(|fold| own != fold);
            if !own.iter().any(|own| trains(*own)) {
                continue;
            }
            let weight = grow(&mut room.weight, n);
            for (i, weight) in weight.iter_mut().enumerate() {
                let counts = self.weight.map_or(1.0, |weight| weight[start + i]);
                *weight = if trains(own[i]) { counts } else { 0.0 };
            }
            self.rotate(fold, n, q, room);
            let columns = room.fits[..n * fold.coef.columns()].chunks_exact(n);
            for (c, (fits, square)) in columns.zip(&mut sums.squares).enumerate() {
                let (a, t) = (c / self.y.columns(), c % self.y.columns());
                let one = Column {
                    y: &self.y.column(t)[rows.clone()],
                    mean: fold.mean[t],
                    fits,
                    leverages: &room.leverages[a * n..(a + 1) * n],
                    share: fold.share,
                    weight: &room.weight[..n],
                };
                let (sum, kept) = one.squares();
                *square += sum;
                sums.kept = least(sums.kept, kept);
            }
        }
    }

    /// The fits and leverages (of weight 1) of a block in a fold.
    fn rotate(&self, fold: &LeftOut, n: usize, q: usize, room: &mut Room) {
        let (r, alphas) = (fold.map.columns(), fold.inverse.columns());
        let multiply = |into: &mut [f64], a: &[f64], b: &Matrix| {
            let into = MatMut::from_column_major_slice_mut(into, n, b.columns());
            let a = MatRef::from_column_major_slice(a, n, b.rows());
            let b = MatRef::from_column_major_slice(b.values(), b.rows(), b.columns());
            faer::linalg::matmul::matmul(into, Accum::Replace, a, b, 1.0, Par::Seq);
        };
        let z = grow(&mut room.z, n * r);
        multiply(z, &room.raw[..n * q], &fold.map);
        for (column, offset) in z.chunks_exact_mut(n).zip(&fold.offset) {
            column.iter_mut().for_each(|z| *z += offset);
        }
        multiply(grow(&mut room.fits, n * fold.coef.columns()), z, &fold.coef);
        z.iter_mut().for_each(|z| *z *= *z);
        multiply(grow(&mut room.leverages, n * alphas), z, &fold.inverse);
    }
}

/// A target of a block under one penalty.
struct Column<'a> {
    y: &'a [f64],
    mean: f64,
    fits: &'a [f64],
    leverages: &'a [f64],
    share: f64,
    weight: &'a [f64],
}

impl Column<'_> {
    /// The weighted sum of squared errors, and the least that a row leaves of its own fit.
    fn squares(&self) -> (f64, f64) {
        let (mut sum, mut kept_least) = (0.0, 1.0);
        let rows = self.y.iter().zip(self.fits).zip(self.leverages.iter().zip(self.weight));
        for ((y, fit), (leverage, weight)) in rows {
            let kept = 1.0 - weight * (self.share + leverage);
            let error = (y - self.mean - fit) / kept;
            sum += weight * error * error;
            kept_least = least(kept_least, kept);
        }
        (sum, kept_least)
    }
}

/// The lesser; what is no number is less than any.
fn least(a: f64, b: f64) -> f64 {
    if a <= b || a.is_nan() { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::super::LeaveOneOut;
    use super::*;
    use crate::diag::Silent;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0
    }

    /// Raw columns, of which the features are sums, in three folds and in all rows, beside the decomposition of each one's rows.
    #[test]
    fn every_fold_is_as_if_alone() {
        let (n, q) = (BLOCK + 300, 5);
        let x = Matrix::from_fn(n, q, |i, j| wave(i, 5 + 4 * j));
        let y = Matrix::from_fn(n, 2, |i, t| wave(i, 5) - wave(i, 9 + 4 * t) + 0.3 * wave(i, 50) + 2.0);
        let fold_of: Vec<u16> = (0..n).map(|i| (i * 7 % 3) as u16).collect();
        let weights: Vec<f64> = (0..n).map(|i| (i % 5) as f64 / 2.0).collect();
        let forms = |fold: usize| -> Vec<Affine> {
            let form = |j: u32| Affine { offset: 0.5, terms: vec![(j, 1.0 + fold as f64), (j + 1, 0.5)] };
            (0..4).map(form).collect()
        };
        let alphas = [0.1, 1.0, 30.0];
        for (weight, fit_intercept) in [(None, true), (Some(&weights[..]), true), (Some(&weights[..]), false)]
        {
            let shared = LeftOutRows {
                blocks: &x,
                y: &y,
                weight,
                fold_of: &fold_of,
                alphas: &alphas,
                fit_intercept,
                watch: &Silent,
            };
            let folds = [Some(0), Some(1), Some(2), None];
            let rows_of = |fold: Option<u16>| -> Vec<usize> {
                (0..n).filter(|i| fold.is_none_or(|fold| fold_of[*i] != fold)).collect()
            };
            let parts = |k: usize| {
                let rows = rows_of(folds[k]);
                let forms = forms(k);
                let features = Matrix::from_fn(rows.len(), 4, |i, j| forms[j].at(&x.row(rows[i])));
                let targets = Matrix::from_fn(rows.len(), 2, |i, t| y[(rows[i], t)]);
                let weight: Option<Vec<f64>> = weight.map(|weight| rows.iter().map(|i| weight[*i]).collect());
                (forms, features, targets, weight)
            };
            let prepared = |k: usize| {
                let (forms, features, targets, weight) = parts(k);
                let columns: Vec<&[f64]> =
                    (0..4).map(|j| features.column(j)).chain((0..2).map(|t| targets.column(t))).collect();
                let moments = Moments::of(&columns, weight.as_deref());
                LeftOut::new(&shared, folds[k], &forms, &moments).unwrap().unwrap()
            };
            let prepared: Vec<LeftOut> = (0..4).map(prepared).collect();
            for (k, squares) in shared.squares(&prepared).into_iter().enumerate() {
                let (_, features, targets, weight) = parts(k);
                let alone =
                    LeaveOneOut::new(&features, &targets, weight.as_deref(), 0.1, fit_intercept).unwrap();
                let squares = squares.unwrap();
                for (a, alpha) in alphas.iter().enumerate() {
                    let residuals = alone.residuals(*alpha);
                    for t in 0..2 {
                        let expected: f64 = residuals.column(t).iter().map(|r| r * r).sum();
                        let found = squares[(t, a)];
                        assert!(
                            (found - expected).abs() <= 1e-12 * expected,
                            "{k} {alpha}: {found} {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_moments_cannot_tell_is_left_to_rows() {
        let n = 200;
        let x = Matrix::from_fn(n, 2, |i, j| if j == 0 { wave(i, 5) } else { f64::from(u8::from(i == 7)) });
        let y = Matrix::from_fn(n, 1, |i, _| wave(i, 9));
        let rows = |alphas: &'static [f64]| LeftOutRows {
            blocks: &x,
            y: &y,
            weight: None,
            fold_of: &[0; 200],
            alphas,
            fit_intercept: true,
            watch: &Silent,
        };
        let forms = [Affine::column(0), Affine::column(1)];
        let moments = Moments::of(&[x.column(0), x.column(1), y.column(0)], None);
        let fold = |rows: &LeftOutRows, moments: &Moments| LeftOut::new(rows, None, &forms, moments).unwrap();
        // The one row of an indicator is its own fit but for the penalty.
        let close = rows(&[1e-3]);
        let squares = close.squares(&[fold(&close, &moments).unwrap()]);
        assert!(squares[0].as_ref().unwrap_err().contains("its own fit"));
        let far = rows(&[1.0]);
        assert!(far.squares(&[fold(&far, &moments).unwrap()])[0].is_ok());
        let ill = rows(&[1e-9]);
        let same = Moments::of(&[x.column(0), x.column(0), y.column(0)], None);
        assert!(fold(&ill, &same).err().unwrap().contains("condition"));
        let few = Moments::of(&[&x.column(0)[..2], &x.column(1)[..2], &y.column(0)[..2]], None);
        assert!(fold(&far, &few).err().unwrap().contains("no more rows"));
    }
}
