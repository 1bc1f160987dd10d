//! Logistic regression over a grid of folds and penalties.

use super::constant_columns::constant_columns;
use super::fold_weights::FoldWeights;
use super::least_squares::check_weights;
use super::logistic_pass::Rows;
use super::logistic_space::Space;
use super::logistic_start::on_all_rows;
use super::newton_grid::{Fit, Goal, minimise};
use super::{Affine, Blocks, Logistic};
use crate::diag::{Code, Result, Silent, Watch};

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
    /// For each of the maps, what the weights of each class's rows are multiplied with.
    pub factors: Option<&'a [Vec<f64>]>,
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
    /// Asked before every pass over the rows whether to go on.
    pub watch: &'a dyn Watch,
}

impl<'a> LogisticGrid<'a> {
    /// A grid of rows that count alike and that all maps train on, with intercepts.
    pub fn new(
        blocks: &'a dyn Blocks,
        codes: &'a [u32],
        classes: usize,
        maps: &'a [Vec<Affine>],
        c: &'a [f64],
    ) -> Self {
        Self {
            blocks,
            codes,
            classes,
            weight: None,
            factors: None,
            fold_of: None,
            maps,
            c,
            fit_intercept: true,
            max_iter: 100,
            watch: &Silent,
        }
    }
}

/// The fits of a grid: for each of its maps, for each of its `c`, the minimum of c sum w loss + |coef|^2 / 2 over the
/// rows outside the fold, in the columns of the map.
///
/// Newton's method with a line search, to the optimum up to rounding. Columns are centred and scaled by powers of two
/// inside, which changes the arithmetic and not the objective. Softmax coefficients are sought among those that sum to
/// 0 over the classes, where the optimum lies and is unique. Where columns depend on each other and nothing is penalised
/// there are many: the one that is found hangs on the start and on the raw columns. Fits on all rows start from fits on a part of them, fits
/// of folds from those on all rows. Rows are summed in blocks and merged in order: equal bits for any number of
/// threads.
///
/// # Errors
/// `EmptyData` without rows, `BadTarget` for fewer than two classes or a fold without a class (of some weight) in its
/// training rows, `BadWeight` for weights that are negative, not finite or all zero, `BadValue` for `c` that is not
/// positive, `NotFinite` for columns that are not finite or a fit that overflows, `Interrupted` when the watch says stop.
///
/// # Panics
/// When the numbers of rows or of maps differ, a code or a column of a map is too large, or there is no map.
pub fn logistic_grid(grid: &LogisticGrid) -> Result<Vec<Vec<Logistic>>> {
    assert!(!grid.maps.is_empty(), "a map for all rows");
    grid.check()?;
    let rows = Rows::new(grid)?;
    let folds = grid.maps.len() - 1;
    let constant = constant_columns(grid, &rows.weights);
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
    let masses = rows.weights.masses();
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
    let (iterations, converged) = (fit.steps, fit.outcome == Some(true));
    Logistic { coef, intercept, iterations, converged, ambiguous: fit.is_ambiguous() }
}

impl LogisticGrid<'_> {
    fn check(&self) -> Result<()> {
        check_weights(self.blocks.rows(), self.weight)?;
        if let Some(c) = self.c.iter().find(|c| c.is_nan() || **c <= 0.0) {
            return Err(Code::BadValue
                .error(format!("`C` of `{c}`"))
                .help("`C` is a positive number or `.inf`"));
        }
        // Every fit has rows of every class.
        let least = FoldWeights::new(self).classes().into_iter().min().unwrap_or(0);
        if self.classes < 2 || least < self.classes {
            let message = format!("the rows of the fit have {least} of {} classes", self.classes);
            return Err(Code::BadTarget.error(message));
        }
        Ok(())
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
            weight,
            fold_of: Some(&fold_of),
            fit_intercept,
            ..LogisticGrid::new(&x, &codes, classes, &maps, c)
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

    /// Factors of classes are weights of their rows, and each fold has its own.
    #[test]
    fn factors_of_classes_are_weights_of_rows() {
        for classes in [2, 3] {
            let (n, c) = (600, [0.1, 10.0]);
            let (x, codes) = (columns(n), codes(n, classes));
            let fold_of: Vec<u16> = (0..n).map(|i| (i * 7 % 11 % 2) as u16).collect();
            let maps: Vec<Vec<Affine>> = (0..3).map(map).collect();
            let factors: Vec<Vec<f64>> = (0..3)
                .map(|fold| (0..classes).map(|class| 0.5 + (fold * 2 + class) as f64).collect())
                .collect();
            let weight: Vec<f64> = (0..n).map(|i| (i % 5) as f64 * 0.5).collect();
            let grid = LogisticGrid {
                weight: Some(&weight),
                factors: Some(&factors),
                fold_of: Some(&fold_of),
                ..LogisticGrid::new(&x, &codes, classes, &maps, &c)
            };
            let found = logistic_grid(&grid).unwrap();
            for (fold, found) in found.iter().enumerate() {
                let rows: Vec<usize> = (0..n).filter(|i| fold == 2 || fold_of[*i] as usize != fold).collect();
                let own: Vec<u32> = rows.iter().map(|&i| codes[i]).collect();
                let product = |&i: &usize| weight[i] * factors[fold][codes[i] as usize];
                let weight: Vec<f64> = rows.iter().map(product).collect();
                let design = mapped(&x, &maps[fold], &rows);
                for (found, &c) in found.iter().zip(&c) {
                    let options = LogisticOptions { c, ..LogisticOptions::default() };
                    near(found, &logistic(&design, &own, classes, Some(&weight), &options).unwrap(), 1e-10);
                }
            }
        }
    }

    #[test]
    fn a_grid_stops_when_it_is_told_to() {
        struct Stop;
        impl Watch for Stop {
            fn stage(&self, _name: &str, _total: u64) {}
            fn tick(&self, _n: u64) {}
            fn stopped(&self) -> bool {
                true
            }
        }
        let (x, codes, maps) = (columns(60), codes(60, 2), [map(0)]);
        let grid = LogisticGrid { watch: &Stop, ..LogisticGrid::new(&x, &codes, 2, &maps, &[1.0]) };
        assert_eq!(logistic_grid(&grid).unwrap_err().code(), Code::Interrupted);
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
        let grid = LogisticGrid { fold_of: Some(&fold_of), ..LogisticGrid::new(&x, &codes, 2, &maps, &c) };
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
        let (maps, c) = (vec![identity; 3], [1.0, f64::INFINITY]);
        let grid = LogisticGrid { fold_of: Some(&fold_of), ..LogisticGrid::new(&x, &codes, 2, &maps, &c) };
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
                fold_of: Some(&fold_of),
                ..LogisticGrid::new(&x, &codes, 2, &maps, &[0.01, 1.0])
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
        let maps = vec![vec![Affine::column(0)]; 3];
        let code = |fold_of: &[u16], weight: Option<&[f64]>| {
            let all = LogisticGrid::new(&x, &[0, 1, 0, 1], 2, &maps, &[1.0]);
            let grid = LogisticGrid { weight, fold_of: Some(fold_of), ..all };
            logistic_grid(&grid).map_err(|error| error.code()).err()
        };
        assert_eq!(code(&[0, 0, 1, 1], None), None);
        assert_eq!(code(&[0, 1, 0, 1], None), Some(Code::BadTarget));
        assert_eq!(code(&[0, 0, 1, 1], Some(&[1.0, 0.0, 1.0, 1.0])), Some(Code::BadTarget));
    }
}
