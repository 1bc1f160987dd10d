//! Digits that are right, on the sets of `nist.rs`, and what scaling columns must not change.

use pipefit::linalg::{Matrix, Univariate, inverse_gram_diagonal, least_squares};

use crate::direct::{self, Columns};
use crate::nist::{Linear, digits, folder, longley, no_intercept, read_linear, say, wampler};

/// Fits, prints the digits, and demands them.
fn check(set: &Linear) {
    let y = Matrix::from_columns(set.y.len(), 1, set.y.clone());
    let fit = least_squares(&set.x, &y, None, set.intercept).unwrap();
    assert_eq!(fit.rank, set.x.columns(), "{}", set.name);
    let mut coef = if set.intercept { vec![fit.intercept[0]] } else { vec![] };
    coef.extend_from_slice(fit.coef.column(0));
    let freedom = (set.y.len() - coef.len()) as f64;
    let deviation = (fit.squares[0] / freedom).sqrt();
    let univariate = Univariate::of(&set.y, None);
    let raw: f64 = set.y.iter().map(|y| y * y).sum();
    // The certified R2 of a model without intercept is the uncentred one.
    let total = if set.intercept { univariate.variance(0.0) * set.y.len() as f64 } else { raw };
    let r_squared = 1.0 - fit.squares[0] / total;
    let inverse = inverse_gram_diagonal(&set.x, None, set.intercept).unwrap().unwrap();
    let errors: Vec<f64> = inverse.iter().map(|v| deviation * v.sqrt()).collect();

    let of_coef = digits(&coef, &set.coef);
    let of_r_squared = digits(&[r_squared], &[set.r_squared]);
    // Filip: exact rational arithmetic on the correctly rounded powers gives 7.61 and 7.63 digits, no more.
    let (wanted, of_errors_wanted) = if set.name.starts_with("Filip") { (7.5, 7.5) } else { (10.0, 8.0) };
    let rest = if set.deviation == 0.0 {
        // Certified 0: nothing but rounding may be left of y.
        assert!(deviation <= 1e-9 * univariate.variance(1.0).sqrt(), "{}: {deviation}", set.name);
        "   exact    exact".to_owned()
    } else {
        let of_deviation = digits(&[deviation], &[set.deviation]);
        let of_errors = digits(&errors, &set.errors);
        assert!(
            of_deviation >= 8.0 && of_errors >= of_errors_wanted,
            "{}: {of_deviation} {of_errors}",
            set.name
        );
        format!("{of_deviation:8.1} {of_errors:8.1}")
    };
    say(&format!("{:14} {of_coef:8.1} {of_r_squared:8.1} {rest} {:12.1e}", set.name, fit.condition));
    assert!(of_coef >= wanted, "{}: {of_coef}", set.name);
    assert!(of_r_squared >= 8.0, "{}: {of_r_squared}", set.name);
}

#[test]
fn linear_sets_of_nist() {
    say("correct digits     coef       R2  deviation  errors   condition");
    (1..=5).for_each(|number| check(&wampler(number)));
    no_intercept().iter().for_each(check);
    check(&longley());
    let Some(folder) = folder() else { return };
    for name in ["Norris", "Pontius", "NoInt1", "NoInt2", "Filip", "Longley"] {
        check(&read_linear(&folder, name));
    }
    for number in 1..=5 {
        let (made, read) = (wampler(number), read_linear(&folder, &format!("Wampler{number}")));
        assert_eq!(made.y, read.y);
        check(&read);
    }
}

/// The same sets through a pipeline, as a user has the coefficients.
fn check_pipeline(set: &Linear) {
    let mut columns: Columns =
        (0..set.x.columns()).map(|j| (format!("x{j}"), set.x.column(j).to_vec())).collect();
    columns.push(("y".to_owned(), set.y.clone()));
    let lines = format!("model: {{LinearRegression: {{fit_intercept: {}}}}}\ncv: null", set.intercept);
    for (path, of_path) in direct::PATHS {
        let facts = direct::outcome(&lines, &columns, of_path).facts;
        let mut coef = if set.intercept { facts.intercept.unwrap() } else { vec![] };
        coef.extend_from_slice(facts.coef.unwrap().values());
        let wanted = if set.name.starts_with("Filip") { 7.5 } else { 10.0 };
        let found = digits(&coef, &set.coef);
        assert!(found >= wanted, "{}, {path}: {found}", set.name);
    }
}

#[test]
fn pipelines_have_the_certified_digits_on_both_paths() {
    (1..=5).for_each(|number| check_pipeline(&wampler(number)));
    no_intercept().iter().for_each(check_pipeline);
    check_pipeline(&longley());
    let Some(folder) = folder() else { return };
    for name in ["Norris", "Pontius", "Filip"] {
        check_pipeline(&read_linear(&folder, name));
    }
}

#[test]
fn scaling_a_column_by_a_power_of_two_changes_nothing_else() {
    let set = longley();
    let y = Matrix::from_columns(16, 1, set.y);
    let plain = least_squares(&set.x, &y, None, true).unwrap();
    for power in [-60, -30, -1, 1, 20, 60] {
        let mut scaled = set.x.clone();
        for j in [1, 4] {
            scaled.column_mut(j).iter_mut().for_each(|x| *x *= 2f64.powi(power));
        }
        let mut fit = least_squares(&scaled, &y, None, true).unwrap();
        for j in [1, 4] {
            fit.coef[(j, 0)] *= 2f64.powi(power);
        }
        assert_eq!(fit, plain, "2^{power}");
    }
}

#[test]
fn a_small_column_is_not_dropped_beside_a_large_one() {
    // scikit-learn 1.9's LinearRegression drops it at a ratio of 1e6 (R2 0.527): its tol is the cond of lstsq.
    let wave = |i: usize, step: usize| ((i * step % 101) as f64 - 50.0) / 50.0;
    for ratio in [1.0, 1e6, 1e8] {
        let x = Matrix::from_fn(100, 2, |i, j| if j == 0 { wave(i, 37) * ratio } else { wave(i, 59) });
        let y = Matrix::from_fn(100, 1, |i, _| wave(i, 37) + wave(i, 59));
        let fit = least_squares(&x, &y, None, true).unwrap();
        assert_eq!(fit.rank, 2);
        let total = Univariate::of(y.column(0), None).variance(0.0) * 100.0;
        assert!(fit.squares[0] <= 1e-20 * total, "{}", fit.squares[0]);
        assert!((fit.coef[(1, 0)] - 1.0).abs() < 1e-13);
    }
}

#[test]
fn linfa_does_not_notice_dependent_columns() {
    // Why `solver: linfa` is only an option: its QR tests for an exact zero, so a column that is the sum of two
    // others but for rounding gets a share of any size, without an error.
    use linfa::traits::Fit;
    let wave = |i: usize, step: usize| ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0;
    let cell = |i: usize, j: usize| match j {
        0 => 0.1 * wave(i, 5),
        1 => 0.3 * wave(i, 9),
        _ => 0.1 * wave(i, 5) + 0.3 * wave(i, 9),
    };
    let target = |i: usize| cell(i, 0) + wave(i, 13);
    let records = ndarray::Array2::from_shape_fn((200, 3), |(i, j)| cell(i, j));
    let dataset = linfa::Dataset::new(records, ndarray::Array1::from_shape_fn(200, target));
    let theirs = linfa_linear::LinearRegression::default().fit(&dataset).unwrap();
    let largest = |coef: &[f64]| coef.iter().fold(0.0, |max, b| f64::max(max, b.abs()));
    let theirs = largest(&theirs.params().to_vec());
    assert!(theirs > 1e6, "linfa's coefficients are sound now: {theirs}");

    let x = Matrix::from_fn(200, 3, cell);
    let fit = least_squares(&x, &Matrix::from_fn(200, 1, |i, _| target(i)), None, true).unwrap();
    assert_eq!(fit.rank, 2);
    assert!(largest(fit.coef.column(0)) < 10.0, "{:?}", fit.coef);
}
