//! Digits that are right, on the Statistical Reference Datasets of NIST (<https://www.itl.nist.gov/div898/strd/>).
//!
//! The sets that a formula or a few lines give are made here, so that a clone alone tests them; the others are read
//! from `../shared/data/nist` (or the folder that the variable `NIST_DATA` names) where it is there.

use std::path::{Path, PathBuf};

use pipefit::linalg::{Matrix, Univariate, inverse_gram_diagonal, least_squares, two_prod, two_sum};

/// A data set of the class "linear least squares" with its certified results.
struct Linear {
    name: String,
    x: Matrix,
    y: Vec<f64>,
    intercept: bool,
    /// Intercept first, where there is one.
    coef: Vec<f64>,
    errors: Vec<f64>,
    deviation: f64,
    r_squared: f64,
}

/// Correct digits of a list: the least of -log10 |relative error|, at most 15 (what is certified).
fn digits(found: &[f64], certified: &[f64]) -> f64 {
    assert_eq!(found.len(), certified.len());
    let one = |(found, certified): (&f64, &f64)| match (found - certified).abs() / certified.abs() {
        0.0 => 15.0,
        error => (-error.log10()).min(15.0),
    };
    found.iter().zip(certified).map(one).fold(15.0, f64::min)
}

/// x, x^2, ..., each correctly rounded from a product in twice the precision.
fn powers(x: &[f64], degree: usize) -> Matrix {
    let mut matrix = Matrix::zeros(x.len(), degree);
    for (i, &x) in x.iter().enumerate() {
        let (mut high, mut low) = (1.0, 0.0);
        for j in 0..degree {
            let (product, error) = two_prod(high, x);
            (high, low) = two_sum(product, f64::mul_add(low, x, error));
            matrix[(i, j)] = high;
        }
    }
    matrix
}

fn wampler(number: usize) -> Linear {
    let x: Vec<f64> = (0..21).map(f64::from).collect();
    let noise = [759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048, 2048];
    // The noise is symmetric about the middle.
    let noise = |i: usize| f64::from(noise[i.min(20 - i)]);
    let size = [0.0, 0.0, 1.0, 100.0, 10_000.0][number - 1];
    let base: f64 = if number == 2 { 10.0 } else { 1.0 };
    let y = |i: usize| {
        // Integers until the one division, so that y is correctly rounded.
        let sum: f64 = (0..6).map(|k| x[i].powi(k) * base.powi(5 - k)).sum();
        sum / base.powi(5) + size * noise(i)
    };
    let errors = [
        2152.32624678170,
        2363.55173469681,
        779.343524331583,
        101.475507550350,
        5.64566512170752,
        0.112324854679312,
    ];
    Linear {
        name: format!("Wampler{number}"),
        y: (0..21).map(y).collect(),
        coef: (0..6).map(|k| 1.0 / base.powi(k)).collect(),
        errors: errors.map(|error| error * size).to_vec(),
        deviation: 2360.14502379268 * size,
        r_squared: [1.0, 1.0, 0.999995559025820, 0.957478440825662, 0.224668921574940E-02][number - 1],
        x: powers(&x, 5),
        intercept: true,
    }
}

fn no_intercept() -> [Linear; 2] {
    let first = Linear {
        name: "NoInt1".into(),
        x: Matrix::from_fn(11, 1, |i, _| 60.0 + i as f64),
        y: (130..=140).map(f64::from).collect(),
        intercept: false,
        coef: vec![2.07438016528926],
        errors: vec![0.165289256198347E-01],
        deviation: 3.56753034006338,
        r_squared: 0.999365492298663,
    };
    let second = Linear {
        name: "NoInt2".into(),
        x: Matrix::from_columns(3, 1, vec![4.0, 5.0, 6.0]),
        y: vec![3.0, 4.0, 4.0],
        intercept: false,
        coef: vec![0.727272727272727],
        errors: vec![0.420827318078432E-01],
        deviation: 0.369274472937998,
        r_squared: 0.993348115299335,
    };
    [first, second]
}

fn longley() -> Linear {
    let columns: [[f64; 16]; 6] = [
        [
            83.0, 88.5, 88.2, 89.5, 96.2, 98.1, 99.0, 100.0, 101.2, 104.6, 108.4, 110.8, 112.6, 114.2, 115.7,
            116.9,
        ],
        [
            234289.0, 259426.0, 258054.0, 284599.0, 328975.0, 346999.0, 365385.0, 363112.0, 397469.0,
            419180.0, 442769.0, 444546.0, 482704.0, 502601.0, 518173.0, 554894.0,
        ],
        [
            2356.0, 2325.0, 3682.0, 3351.0, 2099.0, 1932.0, 1870.0, 3578.0, 2904.0, 2822.0, 2936.0, 4681.0,
            3813.0, 3931.0, 4806.0, 4007.0,
        ],
        [
            1590.0, 1456.0, 1616.0, 1650.0, 3099.0, 3594.0, 3547.0, 3350.0, 3048.0, 2857.0, 2798.0, 2637.0,
            2552.0, 2514.0, 2572.0, 2827.0,
        ],
        [
            107608.0, 108632.0, 109773.0, 110929.0, 112075.0, 113270.0, 115094.0, 116219.0, 117388.0,
            118734.0, 120445.0, 121950.0, 123366.0, 125368.0, 127852.0, 130081.0,
        ],
        [
            1947.0, 1948.0, 1949.0, 1950.0, 1951.0, 1952.0, 1953.0, 1954.0, 1955.0, 1956.0, 1957.0, 1958.0,
            1959.0, 1960.0, 1961.0, 1962.0,
        ],
    ];
    let y: [f64; 16] = [
        60323.0, 61122.0, 60171.0, 61187.0, 63221.0, 63639.0, 64989.0, 63761.0, 66019.0, 67857.0, 68169.0,
        66513.0, 68655.0, 69564.0, 69331.0, 70551.0,
    ];
    Linear {
        name: "Longley".into(),
        x: Matrix::from_columns(16, 6, columns.concat()),
        y: y.to_vec(),
        intercept: true,
        coef: vec![
            -3482258.63459582,
            15.0618722713733,
            -0.358191792925910E-01,
            -2.02022980381683,
            -1.03322686717359,
            -0.511041056535807E-01,
            1829.15146461355,
        ],
        errors: vec![
            890420.383607373,
            84.9149257747669,
            0.334910077722432E-01,
            0.488399681651699,
            0.214274163161675,
            0.226073200069370,
            455.478499142212,
        ],
        deviation: 304.854073561965,
        r_squared: 0.995479004577296,
    }
}

fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/nist"));
    let folder = std::env::var_os("NIST_DATA").map_or_else(beside, PathBuf::from);
    let there = folder.is_dir();
    if !there {
        say(&format!("no folder {}: only the sets made by formula are tested", folder.display()));
    }
    there.then_some(folder)
}

#[expect(clippy::print_stderr, reason = "tables and skipped sets must show in the output of the tests")]
fn say(line: &str) {
    eprintln!("{line}");
}

/// Reads a file of NIST: the header says in which lines the data and the certified values are.
fn read_linear(folder: &Path, name: &str) -> Linear {
    let text = std::fs::read_to_string(folder.join(format!("{name}.dat"))).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let within = |title: &str| {
        let line = lines[..10].iter().find(|line| line.contains(title)).unwrap();
        let numbers: Vec<usize> =
            line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        &lines[numbers[0] - 1..numbers[1]]
    };
    let numbers =
        |line: &str| -> Vec<f64> { line.split_whitespace().filter_map(|w| w.parse().ok()).collect() };
    let (mut coef, mut errors, mut deviation, mut r_squared) = (vec![], vec![], None, None);
    let certified = within("Certified Values");
    let intercept = certified.iter().any(|line| line.trim().starts_with("B0"));
    for line in certified {
        let found = numbers(line);
        if line.trim().starts_with('B') && found.len() == 2 {
            coef.push(found[0]);
            errors.push(found[1]);
        } else if line.contains("Standard Deviation") && found.len() == 1 {
            deviation = Some(found[0]);
        } else if line.contains("R-Squared") {
            r_squared = Some(found[0]);
        }
    }
    let rows: Vec<Vec<f64>> = within("Data  ").iter().map(|line| numbers(line)).collect();
    let (n, p) = (rows.len(), rows[0].len() - 1);
    let x = Matrix::from_fn(n, p, |i, j| rows[i][j + 1]);
    let degree = coef.len() - usize::from(intercept);
    Linear {
        name: format!("{name}.dat"),
        x: if p == 1 { powers(x.column(0), degree) } else { x },
        y: rows.iter().map(|row| row[0]).collect(),
        intercept,
        coef,
        errors,
        deviation: deviation.unwrap(),
        r_squared: r_squared.unwrap(),
    }
}

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

/// Mean and standard deviation from 1, 2 and 7 shards.
fn check_univariate(name: &str, values: &[f64], mean: f64, deviation: f64) {
    for shards in [1, 2, 7] {
        let mut all = Univariate::default();
        for shard in values.chunks(values.len().div_ceil(shards)) {
            all.merge(&Univariate::of(shard, None));
        }
        let of_mean = digits(&[all.mean()], &[mean]);
        let of_deviation = digits(&[all.variance(1.0).sqrt()], &[deviation]);
        say(&format!("{name:10} {shards} {of_mean:8.1} {of_deviation:8.1}"));
        assert!(of_mean >= 8.0 && of_deviation >= 8.0, "{name} in {shards}: {of_mean} {of_deviation}");
    }
}

#[test]
fn univariate_sets_of_nist() {
    say("set   shards     mean  deviation");
    check_univariate("NumAcc1", &[10_000_001.0, 10_000_003.0, 10_000_002.0], 10_000_002.0, 1.0);
    let alternating = |middle: f64, low: f64, high: f64| -> Vec<f64> {
        std::iter::once(middle).chain([low, high].into_iter().cycle().take(1000)).collect()
    };
    check_univariate("NumAcc2", &alternating(1.2, 1.1, 1.3), 1.2, 0.1);
    check_univariate("NumAcc3", &alternating(1_000_000.2, 1_000_000.1, 1_000_000.3), 1_000_000.2, 0.1);
    check_univariate("NumAcc4", &alternating(10_000_000.2, 10_000_000.1, 10_000_000.3), 10_000_000.2, 0.1);
    let Some(folder) = folder() else { return };
    for (name, mean, deviation) in [
        ("Lew", -177.435, 277.332168044316),
        ("Lottery", 518.958715596330, 291.699727470969),
        ("Mavro", 2.001856, 0.000429123454003053),
        ("Michelso", 299.8524, 0.0790105478190518),
    ] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.dat"))).unwrap();
        let (_, data) = text.split_once("Data: Y").unwrap();
        let values: Vec<f64> = data.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        check_univariate(name, &values, mean, deviation);
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
