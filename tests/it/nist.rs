//! The Statistical Reference Datasets of NIST (<https://www.itl.nist.gov/div898/strd/>), for linear least squares.
//!
//! The sets that a formula or a few lines give are made here, so that a clone alone tests them; the others are read
//! from `../shared/data/nist` (or the folder that the variable `NIST_DATA` names) where it is there.

use std::path::{Path, PathBuf};

use pipefit::linalg::{Matrix, two_prod, two_sum};

/// A data set of the class "linear least squares" with its certified results.
pub struct Linear {
    /// Its name.
    pub name: String,
    /// Rows x columns; powers of the one column of a polynomial.
    pub x: Matrix,
    /// The response.
    pub y: Vec<f64>,
    /// Whether the model has one.
    pub intercept: bool,
    /// Intercept first, where there is one.
    pub coef: Vec<f64>,
    /// Standard errors of the coefficients.
    pub errors: Vec<f64>,
    /// The residual standard deviation.
    pub deviation: f64,
    /// R2; about 0 for a model without intercept.
    pub r_squared: f64,
}

/// Correct digits of a list: the least of -log10 |relative error|, at most 15 (what is certified).
pub fn digits(found: &[f64], certified: &[f64]) -> f64 {
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

/// `Wampler1` to `Wampler5`.
pub fn wampler(number: usize) -> Linear {
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

/// `NoInt1` and `NoInt2`.
pub fn no_intercept() -> [Linear; 2] {
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

/// `Longley`.
pub fn longley() -> Linear {
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

/// The folder of NIST's files, where it is there.
pub fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/nist"));
    let folder = std::env::var_os("NIST_DATA").map_or_else(beside, PathBuf::from);
    let there = folder.is_dir();
    if !there {
        say(&format!("no folder {}: only the sets made by formula are tested", folder.display()));
    }
    there.then_some(folder)
}

/// Prints a line to the output of the tests.
#[expect(clippy::print_stderr, reason = "tables and skipped sets must show in the output of the tests")]
pub fn say(line: &str) {
    eprintln!("{line}");
}

/// Reads a file of NIST: the header says in which lines the data and the certified values are.
pub fn read_linear(folder: &Path, name: &str) -> Linear {
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
