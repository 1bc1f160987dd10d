//! Logistic regression over a grid of folds and penalties.

use super::constant_columns::constant_columns;
use super::least_squares::check_weights;
use super::logistic_pass::Rows;
use super::logistic_space::Space;
use super::moments::BLOCK;
use super::newton_grid::{Fit, Goal, minimise};
use super::{Affine, Blocks, Logistic};
use crate::diag::{Code, Result};

/// Starts are sought on every eighth block (and every eighth of those) as long as so many blocks are left.
const STRIDE: usize = 8;
const LEAST_BLOCKS: usize = 4;

/// A start needs so many rows a parameter to be worth having, and at most so many steps.
const LEAST_ROWS: usize = 20;
const START_STEPS: usize = 25;

/// Fits that advance together: as many as have Hessians of so many numbers, but at most `TOGETHER`.
const HESSIANS: usize = 8_000_000;
const TOGETHER: usize = 128;

/// Fits for all pairs of a fold and a weight of the loss.
pub struct LogisticGrid<'a> {
    /// The raw columns of all rows, which the folds share.
    pub blocks: &'a dyn Blocks,
    /// The class of each row, below `classes`.
    pub codes: &'a [u32],
    /// The number of classes.
    pub classes: usize,
    /// The weight of each row.
    pub weight: Option<&'a [f64]>,
    /// The fold that leaves each row out; a number that no fold has for a row that all train on.
    pub fold_of: Option<&'a [u16]>,
    /// For each fold, and at the end for all rows, the columns of its design as forms of the raw ones.
    pub maps: &'a [Vec<Affine>],
    /// The weights of the loss against the penalty; infinite for no penalty.
    pub c: &'a [f64],
    /// Whether intercepts, which are not penalised, are fitted.
    pub fit_intercept: bool,
    /// The largest number of steps of a fit.
    pub max_iter: usize,
}

/// The fits of a grid: for each of its maps, for each of its `c`, the minimum of c sum w loss + |coef|^2 / 2 over the
/// rows outside the fold, in the columns of the map.
///
/// Newton's method with a line search, to the optimum up to rounding. Columns are centred and scaled by powers of two
/// inside, which changes the arithmetic and not the objective. Softmax coefficients are sought among those that sum to
/// 0 over the classes, where the optimum lies and is unique. Fits on all rows start from fits on a part of them, fits
/// of folds from those on all rows. Rows are summed in blocks and merged in order: equal bits for any number of
/// threads.
///
/// # Errors
/// `EmptyData` without rows, `BadTarget` for fewer than two classes or a fold without a class (of some weight) in its
/// training rows, `BadWeight` for weights that are negative, not finite or all zero, `BadValue` for `c` that is not
/// positive, `NotFinite` for columns that are not finite or a fit that overflows.
///
/// # Panics
/// When the numbers of rows differ, a code or a column of a map is too large, or there is no map.
pub fn logistic_grid(grid: &LogisticGrid) -> Result<Vec<Vec<Logistic>>> {
    grid.check()?;
    let rows = Rows::new(grid.blocks, grid.codes, grid.classes, grid.weight, grid.fold_of)?;
    let folds = grid.maps.len() - 1;
    let constant = constant_columns(grid);
    let spaces: Vec<Space> = grid
        .maps
        .iter()
        .zip(&constant)
        .map(|(map, constant)| Space::new(&rows, map, constant, grid.fit_intercept))
        .collect();
    let size = spaces.iter().map(Space::parameters).max().unwrap_or(0).max(1);
    let together = (HESSIANS / (size * size)).clamp(1, TOGETHER);
    let mut all = Vec::with_capacity(grid.c.len());
    for c in grid.c.chunks(together) {
        all.extend(on_all_rows(&rows, &spaces[folds], c, grid.max_iter)?);
    }
    let masses = grid.masses();
    let places: Vec<(usize, usize)> =
        (0..folds).flat_map(|k| (0..grid.c.len()).map(move |place| (k, place))).collect();
    let mut found = Vec::with_capacity(places.len() + all.len());
    for places in places.chunks(together) {
        let mut fits = Vec::with_capacity(places.len());
        for &(k, place) in places {
            let mut fit = Fit::new(&spaces[k], Some(k as u16), masses[k], 1.0 / grid.c[place]);
            if all[place].outcome == Some(true) {
                fit.start_from(&all[place], true)?;
            }
            fits.push(fit);
        }
        minimise(&rows, &mut fits, 1, Goal::Optimum, grid.max_iter)?;
        found.extend(fits.iter().map(outside));
    }
    found.extend(all.iter().map(outside));
    let mut found = found.into_iter();
    Ok((0..=folds).map(|_| found.by_ref().take(grid.c.len()).collect()).collect())
}

fn outside(fit: &Fit) -> Logistic {
    let (coef, intercept) = fit.outside();
    Logistic { coef, intercept, iterations: fit.steps, converged: fit.outcome == Some(true) }
}

/// Fits on all rows, by way of fits on every eighth block.
fn on_all_rows<'a>(rows: &'a Rows, space: &'a Space, c: &[f64], max_iter: usize) -> Result<Vec<Fit<'a>>> {
    let n = rows.count();
    let least = (LEAST_BLOCKS * BLOCK).max(LEAST_ROWS * space.parameters());
    let strides = std::iter::successors(Some(STRIDE), |stride| Some(stride * STRIDE));
    let mut strides: Vec<usize> = strides.take_while(|stride| n / stride >= least).collect();
    strides.reverse();
    strides.push(1);
    let whole = rows.mass(1);
    let mut last: Option<Vec<Fit>> = None;
    for stride in strides {
        let mass = rows.mass(stride);
        if mass == 0.0 {
            continue;
        }
        let (goal, steps) = match stride {
            1 => (Goal::Optimum, max_iter),
            _ => (Goal::Start, START_STEPS.min(max_iter)),
        };
        let fit = |c: &f64| Fit::new(space, None, mass, mass / whole / c);
        let mut fits: Vec<Fit> = c.iter().map(fit).collect();
        for (fit, last) in fits.iter_mut().zip(last.iter().flatten()) {
            fit.start_from(last, false)?;
        }
        minimise(rows, &mut fits, stride, goal, steps)?;
        last = Some(fits);
    }
    last.ok_or_else(|| Code::EmptyData.error("there are no rows to fit"))
}

impl LogisticGrid<'_> {
    fn check(&self) -> Result<()> {
        let n = self.blocks.rows();
        assert_eq!(n, self.codes.len(), "a code for each row");
        assert!(self.fold_of.is_none_or(|fold_of| fold_of.len() == n), "a fold for each row");
        assert!(!self.maps.is_empty(), "a map for all rows");
        check_weights(n, self.weight)?;
        if let Some(c) = self.c.iter().find(|c| c.is_nan() || **c <= 0.0) {
            return Err(Code::BadValue
                .error(format!("`C` of `{c}`"))
                .help("`C` is a positive number or `.inf`"));
        }
        self.check_classes()
    }

    /// Every fit has rows of every class.
    fn check_classes(&self) -> Result<()> {
        let groups = self.maps.len();
        let mut counts = vec![0usize; groups * self.classes];
        for (i, code) in self.codes.iter().enumerate() {
            let counts = &mut counts[*code as usize * groups..][..groups];
            counts[self.group(i)] += usize::from(self.weight.is_none_or(|weight| weight[i] > 0.0));
        }
        let totals: Vec<usize> = counts.chunks_exact(groups).map(|counts| counts.iter().sum()).collect();
        for fold in 0..groups {
            // The last group is of the rows that no fold leaves out.
            let left_out = |class: usize| if fold + 1 < groups { counts[class * groups + fold] } else { 0 };
            let some = (0..self.classes).filter(|class| totals[*class] > left_out(*class)).count();
            if self.classes < 2 || some < self.classes {
                let message = format!("the rows of the fit have {some} of {} classes", self.classes);
                return Err(Code::BadTarget.error(message));
            }
        }
        Ok(())
    }

    /// The fold that leaves a row out, or the number of folds.
    pub(super) fn group(&self, row: usize) -> usize {
        let folds = self.maps.len() - 1;
        self.fold_of.map_or(folds, |fold_of| folds.min(fold_of[row] as usize))
    }

    /// For each fold the weight of the rows that it trains on.
    fn masses(&self) -> Vec<f64> {
        let folds = self.maps.len() - 1;
        let mut groups = vec![0.0; folds + 1];
        for row in 0..self.codes.len() {
            groups[self.group(row)] += self.weight.map_or(1.0, |weight| weight[row]);
        }
        let others =
            |k: usize| groups.iter().enumerate().filter(|(g, _)| *g != k).map(|(_, mass)| mass).sum();
        (0..folds).map(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LogisticOptions, Matrix, logistic};
    use super::*;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0
    }

    /// Columns of other sizes and offsets, of which the fifth is the sum of the first two.
    fn columns(n: usize) -> Matrix {
        let one = |i: usize, j: usize| match j {
            0 => wave(i, 5) + 2.0,
            1 => 10.0 * wave(i, 9),
            2 => 0.1 * wave(i, 13) - 7.0,
            _ => wave(i, 17 + j) * (1.0 + (i % 3) as f64),
        };
        Matrix::from_fn(n, 5, |i, j| if j == 4 { one(i, 0) + one(i, 1) } else { one(i, j) })
    }

    fn codes(n: usize, classes: usize) -> Vec<u32> {
        let eta = |i: usize| wave(i, 5) + wave(i, 9) + 0.8 * wave(i, 29);
        let three = |eta: f64| u32::from(eta >= -0.5) + u32::from(eta >= 0.6);
        (0..n).map(|i| if classes == 2 { u32::from(eta(i) > 0.0) } else { three(eta(i)) }).collect()
    }

    /// Five columns, scaled and shifted a bit differently for each fold, and one mixed of two.
    fn map(fold: usize) -> Vec<Affine> {
        let one = |j: u32| Affine::scaled(j, 0.5 + f64::from(j) + 0.1 * fold as f64, 0.3 * fold as f64 - 1.0);
        let mixed = Affine { offset: 0.25, terms: vec![(0, 0.5), (3, -1.5 - 0.01 * fold as f64)] };
        (0..5).map(one).chain([mixed]).collect()
    }

    fn mapped(x: &Matrix, map: &[Affine], rows: &[usize]) -> Matrix {
        let full: Vec<Vec<f64>> = rows.iter().map(|&i| x.row(i)).collect();
        Matrix::from_fn(rows.len(), map.len(), |i, j| map[j].at(&full[i]))
    }

    fn near(found: &Logistic, expected: &Logistic, tolerance: f64) {
        assert_eq!(found.converged, expected.converged);
        let size = expected.coef.values().iter().fold(0.0, |max, b| f64::max(max, b.abs()));
        let pairs = found.coef.values().iter().zip(expected.coef.values());
        for (f, e) in pairs.chain(found.intercept.iter().zip(&expected.intercept)) {
            assert!((f - e).abs() <= tolerance * e.abs().max(1e-2 * size), "{found:?} {expected:?}");
        }
    }

    /// Every fit of a grid is the fit of its rows alone, in the columns of its map.
    fn holds(
        n: usize,
        classes: usize,
        c: &[f64],
        weight: Option<&[f64]>,
        fit_intercept: bool,
        tolerance: f64,
    ) {
        let (x, codes) = (columns(n), codes(n, classes));
        let fold_of: Vec<u16> = (0..n).map(|i| (i * 7 % 11 % 4) as u16).collect();
        // A fourth of the rows is in every training set.
        let maps: Vec<Vec<Affine>> = (0..4).map(map).collect();
        let grid = LogisticGrid {
            blocks: &x,
            codes: &codes,
            classes,
            weight,
            fold_of: Some(&fold_of),
            maps: &maps,
            c,
            fit_intercept,
            max_iter: 100,
        };
        let found = logistic_grid(&grid).unwrap();
        assert_eq!(found.len(), 4);
        for (fold, found) in found.iter().enumerate() {
            let rows: Vec<usize> = (0..n).filter(|i| fold == 3 || fold_of[*i] as usize != fold).collect();
            let own_codes: Vec<u32> = rows.iter().map(|&i| codes[i]).collect();
            let own_weight: Option<Vec<f64>> = weight.map(|weight| rows.iter().map(|&i| weight[i]).collect());
            let design = mapped(&x, &maps[fold], &rows);
            assert_eq!(found.len(), c.len());
            for (found, &c) in found.iter().zip(c) {
                let options = LogisticOptions { c, fit_intercept, ..LogisticOptions::default() };
                let one = logistic(&design, &own_codes, classes, own_weight.as_deref(), &options).unwrap();
                near(found, &one, tolerance);
            }
        }
    }

    #[test]
    fn every_fit_of_a_grid_is_the_fit_of_its_rows() {
        let weight: Vec<f64> = (0..600).map(|i| (i % 5) as f64 * 0.5).collect();
        for classes in [2, 3] {
            for fit_intercept in [true, false] {
                holds(600, classes, &[1e-3, 1.0, 30.0], None, fit_intercept, 1e-10);
                holds(600, classes, &[1.0], Some(&weight), fit_intercept, 1e-10);
            }
        }
    }

    #[test]
    fn penalties_may_be_far_apart() {
        for classes in [2, 3] {
            // The fifth column depends on others: at great `C` the condition is about that.
            holds(600, classes, &[1e-6, 1e-3, 1.0], None, true, 1e-10);
            holds(600, classes, &[1e3], None, true, 1e-9);
            holds(600, classes, &[1e6], None, true, 1e-6);
        }
    }

    #[test]
    fn a_grid_of_many_rows_starts_from_a_part_of_them() {
        let n = 8 * LEAST_BLOCKS * BLOCK;
        let x = Matrix::from_fn(n, 2, |i, j| wave(i, 5 + 4 * j));
        let (codes, weight): (Vec<u32>, Vec<f64>) =
            (0..n).map(|i| (u32::from(wave(i, 5) + wave(i, 29) > 0.3), (i % 7) as f64)).unzip();
        let options = LogisticOptions::default();
        let fit = logistic(&x, &codes, 2, Some(&weight), &options).unwrap();
        let start = Rows::new(&x, &codes, 2, Some(&weight), None).unwrap();
        assert!(start.mass(STRIDE) < 0.2 * start.mass(1));
        let mut slope = [fit.coef[(0, 0)], fit.coef[(0, 1)], 0.0];
        for i in 0..n {
            let row = [x[(i, 0)], x[(i, 1)], 1.0];
            let eta = fit.intercept[0] + fit.coef[(0, 0)] * row[0] + fit.coef[(0, 1)] * row[1];
            let error = weight[i] * (1.0 / (1.0 + (-eta).exp()) - f64::from(codes[i]));
            slope.iter_mut().zip(row).for_each(|(slope, x)| *slope += error * x);
        }
        assert!(fit.converged && slope.iter().all(|slope| slope.abs() < 1e-8), "{slope:?}");
        assert!(fit.iterations < 6, "{}", fit.iterations);
    }

    #[test]
    fn folds_that_differ_from_the_whole_are_fitted_as_well() {
        // Sorted rows: each fold is another part of the world.
        let n = 3000;
        let x =
            Matrix::from_fn(n, 3, |i, j| wave(i, 5 + 4 * j) + if j == 0 { i as f64 / 500.0 } else { 0.0 });
        let eta =
            |i: usize| x[(i, 1)] * (1.0 - i as f64 / 1000.0) + 0.7 * wave(i, 29) + (i as f64 / 600.0).sin();
        let codes: Vec<u32> = (0..n).map(|i| u32::from(eta(i) > 0.0)).collect();
        let fold_of: Vec<u16> = (0..n).map(|i| (i * 3 / n) as u16).collect();
        let identity: Vec<Affine> = (0..3).map(Affine::column).collect();
        let maps = vec![identity; 4];
        let c = [1e-2, 1.0, 100.0];
        let grid = LogisticGrid {
            blocks: &x,
            codes: &codes,
            classes: 2,
            weight: None,
            fold_of: Some(&fold_of),
            maps: &maps,
            c: &c,
            fit_intercept: true,
            max_iter: 100,
        };
        let found = logistic_grid(&grid).unwrap();
        for fold in 0..3 {
            let rows: Vec<usize> = (0..n).filter(|i| fold_of[*i] != fold).collect();
            let own: Vec<u32> = rows.iter().map(|&i| codes[i]).collect();
            let design = mapped(&x, &maps[0], &rows);
            for (found, &c) in found[fold as usize].iter().zip(&c) {
                let options = LogisticOptions { c, ..LogisticOptions::default() };
                near(found, &logistic(&design, &own, 2, None, &options).unwrap(), 1e-10);
            }
        }
    }

    #[test]
    fn a_column_that_a_fold_lacks_has_no_coefficient() {
        // A level that occurs in fold 1 alone.
        let x = Matrix::from_fn(400, 2, |i, j| if j == 0 { wave(i, 5) } else { f64::from(i % 40 == 1) });
        let codes = codes(400, 2);
        let fold_of: Vec<u16> = (0..400).map(|i| (i % 2) as u16).collect();
        let identity: Vec<Affine> = (0..2).map(Affine::column).collect();
        let grid = LogisticGrid {
            blocks: &x,
            codes: &codes,
            classes: 2,
            weight: None,
            fold_of: Some(&fold_of),
            maps: &vec![identity; 3],
            c: &[1.0, f64::INFINITY],
            fit_intercept: true,
            max_iter: 100,
        };
        let found = logistic_grid(&grid).unwrap();
        assert!(found[1].iter().all(|fit| fit.converged && fit.coef[(0, 1)] == 0.0));
        assert!(found[0].iter().all(|fit| fit.coef[(0, 1)] != 0.0));
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let n = 20_000;
        let (x, codes) = (columns(n), codes(n, 2));
        let fold_of: Vec<u16> = (0..n).map(|i| (i * 7 % 11 % 3) as u16).collect();
        let maps: Vec<Vec<Affine>> = (0..4).map(map).collect();
        let fit = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let grid = LogisticGrid {
                blocks: &x,
                codes: &codes,
                classes: 2,
                weight: None,
                fold_of: Some(&fold_of),
                maps: &maps,
                c: &[0.01, 1.0],
                fit_intercept: true,
                max_iter: 100,
            };
            pool.install(|| logistic_grid(&grid).unwrap())
        };
        let one = fit(1);
        assert!(one.iter().flatten().all(|fit| fit.converged));
        assert_eq!(one, fit(2));
        assert_eq!(one, fit(8));
    }

    #[test]
    fn folds_without_a_class_are_refused() {
        let x = Matrix::from_columns(4, 1, vec![1.0, 2.0, 3.0, 5.0]);
        let code = |fold_of: &[u16], weight: Option<&[f64]>| {
            let grid = LogisticGrid {
                blocks: &x,
                codes: &[0, 1, 0, 1],
                classes: 2,
                weight,
                fold_of: Some(fold_of),
                maps: &vec![vec![Affine::column(0)]; 3],
                c: &[1.0],
                fit_intercept: true,
                max_iter: 100,
            };
            logistic_grid(&grid).map_err(|error| error.code()).err()
        };
        assert_eq!(code(&[0, 0, 1, 1], None), None);
        assert_eq!(code(&[0, 1, 0, 1], None), Some(Code::BadTarget));
        assert_eq!(code(&[0, 0, 1, 1], Some(&[1.0, 0.0, 1.0, 1.0])), Some(Code::BadTarget));
    }
}
