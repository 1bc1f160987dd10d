//! What columns are measured in must not matter: powers of two change no digit of anything, and a ratio of 1e8 between
//! columns no score, on either path.

use pipefit::plan::Path;
use pipefit::run::Outcome;

use crate::direct::{self, Columns, PATHS};

const OLS: &str = "model: LinearRegression\ncv: 3";
const SCALED_OLS: &str = "preprocess: [StandardScaler]\nmodel: LinearRegression\ncv: 3";
const RIDGE: &str = "preprocess: [StandardScaler]\nmodel: {Ridge: {alpha: 3}}\ncv: 3";
const GRID: &str = "preprocess: [StandardScaler]\nmodel: Ridge\ncv: 3\n\
                    search: {GridSearchCV: {param_grid: {model__alpha: [0.1, 1, 10, 1000]}}}";
const LOGISTIC: &str = "preprocess: [StandardScaler]\nmodel: {LogisticRegression: {tol: 1e-10}}\ncv: 3\n\
                        scoring: [neg_log_loss, accuracy]";

/// For a model that need not have both paths.
const PLANNED: (&str, Option<Path>) = ("as planned", None);

/// Columns of noise with a common part, places of their own, and a target; times what `factor` says of each.
fn columns(rows: usize, p: usize, classes: bool, factor: impl Fn(usize) -> f64) -> Columns {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    let mut y = vec![0.0; rows];
    let common: Vec<f64> = (0..rows).map(|_| next()).collect();
    let mut columns = Vec::new();
    for j in 0..p {
        let weight = next();
        let unscaled = common.iter().map(|common| next() + 0.3 * common + (j % 5) as f64);
        let unscaled: Vec<f64> = unscaled.collect();
        y.iter_mut().zip(&unscaled).for_each(|(y, x)| *y += weight * x);
        columns.push((format!("x{j}"), unscaled.iter().map(|x| x * factor(j)).collect()));
    }
    let middle = y.iter().sum::<f64>() / rows as f64;
    let noisy = y.iter().map(|y| y + next());
    let y = if classes { noisy.map(|y| f64::from(y > middle)).collect() } else { noisy.collect() };
    columns.push(("y".to_owned(), y));
    columns
}

/// The rows that make 1e8 multiplications in two of three folds, so that least squares takes moments.
const LARGE: (usize, usize) = (15_600, 100);
const SMALL: (usize, usize) = (600, 6);

/// Whether scores, intercepts and coefficients, times `unit` of their column, are the same to the bit.
fn assert_same(plain: &Outcome, scaled: &Outcome, unit: impl Fn(usize) -> f64, what: &str) {
    for (a, b) in plain.scores.iter().zip(&scaled.scores) {
        assert_eq!(a.folds, b.folds, "{what}: {}", a.metric.name);
    }
    let facts = |outcome: &Outcome| {
        let folds: Vec<_> = outcome.folds.iter().map(|fold| fold.facts.clone()).collect();
        folds.into_iter().chain([outcome.facts.clone()]).collect::<Vec<_>>()
    };
    for (a, b) in facts(plain).into_iter().zip(facts(scaled)) {
        assert_eq!(a.intercept, b.intercept, "{what}: intercept");
        let (a, b) = (a.coef.unwrap(), b.coef.unwrap());
        for j in 0..a.columns() {
            assert_eq!(a[(0, j)], b[(0, j)] * unit(j), "{what}: coefficient {j}");
        }
    }
}

/// Powers of two: all columns alike, and every column its own from -60 to 60.
fn check_powers(lines: &str, size: (usize, usize), classes: bool, path: (&str, Option<Path>), raw: bool) {
    let run = |factor: &dyn Fn(usize) -> f64| {
        direct::outcome(lines, &columns(size.0, size.1, classes, factor), path.1)
    };
    let plain = run(&|_| 1.0);
    let mixed = |j: usize| 2f64.powi((j as i32 * 47) % 121 - 60);
    let units: [(&str, &dyn Fn(usize) -> f64); 4] =
        [("2^-60", &|_| 2f64.powi(-60)), ("2^1", &|_| 2.0), ("2^60", &|_| 2f64.powi(60)), ("mixed", &mixed)];
    for (name, unit) in units {
        let what = format!("{} of {} rows, {name}, {lines}", path.0, size.0);
        assert_same(&plain, &run(unit), |j| if raw { unit(j) } else { 1.0 }, &what);
    }
}

#[test]
fn powers_of_two_change_no_digit_of_small_fits() {
    for path in PATHS {
        check_powers(OLS, SMALL, false, path, true);
        for lines in [SCALED_OLS, RIDGE, GRID] {
            check_powers(lines, SMALL, false, path, false);
        }
    }
    for path in [PLANNED, PATHS[1]] {
        check_powers(LOGISTIC, SMALL, true, path, false);
    }
}

#[test]
fn powers_of_two_change_no_digit_of_large_fits_from_moments() {
    let plain = direct::outcome(OLS, &columns(LARGE.0, LARGE.1, false, |_| 1.0), Some(Path::TwoPass));
    assert_eq!(plain.rows_reason, None, "the point of these is to be solved from moments");
    let mixed = |j: usize| 2f64.powi((j as i32 * 47) % 121 - 60);
    let scaled = direct::outcome(OLS, &columns(LARGE.0, LARGE.1, false, mixed), Some(Path::TwoPass));
    assert_same(&plain, &scaled, mixed, "from moments");
}

#[test]
fn a_ratio_of_a_hundred_million_changes_no_score() {
    // No powers of two: each column its own unit between 1 and 3e8.
    let unit = |p: usize| move |j: usize| 3.0 * 1e8f64.powf(j as f64 / (p - 1) as f64);
    let regressions = PATHS
        .iter()
        .flat_map(|path| [OLS, SCALED_OLS, RIDGE, GRID].map(|lines| (lines, SMALL, false, *path)));
    let classifiers = [PLANNED, PATHS[1]].map(|path| (LOGISTIC, SMALL, true, path));
    let large = [OLS, SCALED_OLS].map(|lines| (lines, LARGE, false, PATHS[0]));
    for (lines, (rows, p), classes, (name, path)) in regressions.chain(classifiers).chain(large) {
        let plain = direct::outcome(lines, &columns(rows, p, classes, |_| 1.0), path);
        let scaled = direct::outcome(lines, &columns(rows, p, classes, unit(p)), path);
        for (a, b) in plain.scores.iter().zip(&scaled.scores) {
            for (a, b) in a.folds.iter().zip(&b.folds) {
                assert!((a - b).abs() <= 1e-9 * a.abs(), "{name}, {rows} rows, {lines}: {a} and {b}");
            }
        }
        assert_eq!(plain.rows_reason.is_some(), scaled.rows_reason.is_some(), "{name}: {lines}");
    }
}
