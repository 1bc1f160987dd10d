//! Logistic regression.

use super::{Affine, LogisticGrid, Matrix, logistic_grid};
use crate::diag::{Code, Result};

/// What a fit minimises, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticOptions {
    /// The weight of the loss against the penalty; infinite for no penalty.
    pub c: f64,
    /// Whether an intercept, which is not penalised, is fitted.
    pub fit_intercept: bool,
    /// The largest number of steps.
    pub max_iter: usize,
}

impl Default for LogisticOptions {
    fn default() -> Self {
        Self { c: 1.0, fit_intercept: true, max_iter: 100 }
    }
}

/// A logistic model of `p` columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    /// Coefficients: 1 x `p` for two classes (of code 1 against code 0), else classes x `p`.
    pub coef: Matrix,
    /// Intercepts: 1 for two classes, else one a class with the sum 0; 0 where none is fitted.
    pub intercept: Vec<f64>,
    /// The number of steps.
    pub iterations: usize,
    /// Whether the optimum was reached. It never is where classes can be separated and `c` is infinite.
    pub converged: bool,
    /// Whether other coefficients are an optimum too: columns depend on each other, and no penalty chooses.
    pub ambiguous: bool,
}

/// Minimises c sum w loss + |coef|^2 / 2 over the rows of `x` (n x p) with `codes` below `classes`: the log loss of
/// two classes, or the symmetric softmax loss of more, as scikit-learn's `LogisticRegression` (multinomial) with an
/// l2 penalty. The penalty is on the coefficients of the given columns. It is a [`logistic_grid`] of one.
///
/// # Errors
/// As those of [`logistic_grid`].
///
/// # Panics
/// When the numbers of rows differ or a code is too large.
pub fn logistic(
    x: &Matrix,
    codes: &[u32],
    classes: usize,
    weight: Option<&[f64]>,
    options: &LogisticOptions,
) -> Result<Logistic> {
    let map = (0..x.columns() as u32).map(Affine::column).collect();
    let (maps, c) = ([map], [options.c]);
    let (fit_intercept, max_iter) = (options.fit_intercept, options.max_iter);
    let all = LogisticGrid::new(x, codes, classes, &maps, &c);
    let grid = LogisticGrid { weight, fit_intercept, max_iter, ..all };
    let fit = logistic_grid(&grid)?.pop().and_then(|mut fits| fits.pop());
    fit.ok_or_else(|| Code::Bug.error("a grid of one has no fit"))
}

#[cfg(test)]
mod tests {
    use super::super::sums;
    use super::*;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0
    }

    /// Columns of other sizes and offsets, and codes of two or three classes.
    fn example(n: usize) -> (Matrix, Vec<u32>, Vec<u32>, Vec<f64>) {
        let x = Matrix::from_fn(n, 3, |i, j| match j {
            0 => wave(i, 5) + 2.0,
            1 => 10.0 * wave(i, 9),
            _ => 0.1 * wave(i, 13) - 7.0,
        });
        let eta: Vec<f64> = (0..n).map(|i| wave(i, 5) + wave(i, 9) + 0.8 * wave(i, 29)).collect();
        let two = eta.iter().map(|eta| u32::from(*eta > 0.0)).collect();
        let three = eta.iter().map(|eta| u32::from(*eta >= -0.5) + u32::from(*eta >= 0.6)).collect();
        let weight = (0..n).map(|i| (i % 5) as f64 * 0.5).collect();
        (x, two, three, weight)
    }

    fn near(found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() <= tolerance * e.abs().max(1e-2), "{found:?} {expected:?}");
        }
    }

    fn options(c: f64, fit_intercept: bool) -> LogisticOptions {
        LogisticOptions { c, fit_intercept, ..LogisticOptions::default() }
    }

    /// Expected: scikit-learn 1.9.1, `LogisticRegression(solver="newton-cholesky", tol=1e-14, max_iter=10000)` on the
    /// same formulas, the intercepts centred.
    #[test]
    fn two_classes_as_scikit_learn() {
        let (x, codes, _, weight) = example(120);
        let cases = [
            (
                1.0,
                true,
                None,
                [2.555994242047741, 0.3105348630791648, 0.004464104109876117],
                -4.723076107470641,
            ),
            (
                10.0,
                false,
                Some(&weight[..]),
                [3.6567745568104626, 0.39723250605269383, 0.9445221128867114],
                0.0,
            ),
            (
                f64::INFINITY,
                true,
                None,
                [3.5561887660554095, 0.37210694198654864, 0.28404296582991273],
                -4.742512770042832,
            ),
        ];
        for (c, fit_intercept, weight, coef, intercept) in cases {
            let fit = logistic(&x, &codes, 2, weight, &options(c, fit_intercept)).unwrap();
            assert!(fit.converged);
            near(fit.coef.values(), &coef, 1e-12);
            near(&fit.intercept, &[intercept], 1e-12);
        }
    }

    /// Expected: as for two classes.
    #[test]
    fn three_classes_as_scikit_learn() {
        let (x, _, codes, weight) = example(120);
        let fit = logistic(&x, &codes, 3, Some(&weight), &options(0.5, true)).unwrap();
        near(&fit.coef.row(0), &[-1.9645716555413648, -0.25751845848115973, -0.34008204776695894], 1e-12);
        near(&fit.coef.row(1), &[-0.05472593311488295, -0.009720113055250569, 0.2501845762923661], 1e-12);
        near(&fit.coef.row(2), &[2.0192975886562468, 0.26723857153641867, 0.08989747147458534], 1e-12);
        near(&fit.intercept, &[1.2250561546193017, 2.6194070782718946, -3.8444632328911963], 1e-12);
        let fit = logistic(&x, &codes, 3, None, &options(10.0, false)).unwrap();
        near(&fit.coef.row(0), &[-3.8463662858243324, -0.3689421710280917, -1.0366429118536862], 1e-12);
        near(&fit.coef.row(2), &[4.315358588161204, 0.4235995069978603, 1.395537630075993], 1e-12);
        assert_eq!(fit.intercept, [0.0; 3]);
        // scikit-learn's answer is 2e-12 off here; this is the one that extended precision refines it to.
        let fit = logistic(&x, &codes, 3, None, &options(1000.0, true)).unwrap();
        near(&fit.coef.row(1), &[-0.58029011382821, -0.06145165537653847, 1.066239884977585], 1e-12);
        near(&fit.intercept, &[-61.63951523838294, 10.42958545483931, 51.20992978354363], 1e-12);
    }

    #[test]
    fn the_gradient_is_zero_in_the_given_units() {
        let (x, two, three, weight) = example(5000);
        for (codes, classes) in [(&two, 2), (&three, 3)] {
            let fit = logistic(&x, codes, classes, Some(&weight), &options(0.01, true)).unwrap();
            assert!(fit.converged);
            let outputs = fit.coef.rows();
            for k in 0..outputs {
                let (mut slope, mut size) = (vec![0.0; 4], vec![0.0; 4]);
                for i in 0..5000 {
                    let row = x.row(i);
                    let eta: Vec<f64> =
                        (0..outputs).map(|k| fit.intercept[k] + sums::dot(&row, &fit.coef.row(k))).collect();
                    let total: f64 = eta.iter().map(|eta| eta.exp()).sum();
                    let (chance, own) =
                        if outputs == 1 { (total / (1.0 + total), 1) } else { (eta[k].exp() / total, k) };
                    let error = 0.01 * weight[i] * (chance - f64::from(u8::from(codes[i] as usize == own)));
                    for (j, x) in [1.0].iter().chain(&row).enumerate() {
                        slope[j] += error * x;
                        size[j] += (error * x).abs();
                    }
                }
                for j in 0..4 {
                    let penalty = if j == 0 { 0.0 } else { fit.coef[(k, j - 1)] };
                    assert!((slope[j] + penalty).abs() <= 1e-12 * size[j], "{slope:?} {size:?}");
                }
            }
        }
    }

    #[test]
    fn separable_classes_without_a_penalty_do_not_converge() {
        let x = Matrix::from_fn(20, 1, |i, _| i as f64);
        let two: Vec<u32> = (0..20).map(|i| u32::from(i >= 10)).collect();
        let three: Vec<u32> = (0..20).map(|i| i / 7).collect();
        for (codes, classes) in [(&two, 2), (&three, 3)] {
            for max_iter in [30, 3000] {
                let options = LogisticOptions { max_iter, ..options(f64::INFINITY, true) };
                let fit = logistic(&x, codes, classes, None, &options).unwrap();
                assert!(!fit.converged);
                assert!(fit.coef.values().iter().all(|b| b.is_finite()));
            }
            let fit = logistic(&x, codes, classes, None, &options(1e8, true)).unwrap();
            assert!(fit.converged);
        }
    }

    #[test]
    fn integer_weights_are_repeated_rows() {
        let (x, _, codes, _) = example(200);
        let weight: Vec<f64> = (0..200).map(|i| f64::from(i % 4)).collect();
        let rows: Vec<usize> = (0..200).flat_map(|i| std::iter::repeat_n(i, i % 4)).collect();
        let repeated = Matrix::from_fn(rows.len(), 3, |i, j| x[(rows[i], j)]);
        let repeated_codes: Vec<u32> = rows.iter().map(|&i| codes[i]).collect();
        let weighted = logistic(&x, &codes, 3, Some(&weight), &options(2.0, true)).unwrap();
        let repeated = logistic(&repeated, &repeated_codes, 3, None, &options(2.0, true)).unwrap();
        near(weighted.coef.values(), repeated.coef.values(), 1e-12);
    }

    #[test]
    fn awkward_columns() {
        let (x, codes, _, _) = example(120);
        let wide = Matrix::from_fn(120, 5, |i, j| match j {
            3 => 4.25,
            4 => x[(i, 0)],
            _ => x[(i, j)],
        });
        // A constant column has nothing to say; equal columns share.
        let plain = logistic(&x, &codes, 2, None, &options(1.0, true)).unwrap();
        let fit = logistic(&wide, &codes, 2, None, &options(1.0, true)).unwrap();
        assert_eq!(fit.coef[(0, 3)], 0.0);
        near(&[fit.coef[(0, 4)]], &[fit.coef[(0, 0)]], 1e-12);
        let unpenalised = logistic(&wide, &codes, 2, None, &options(f64::INFINITY, true)).unwrap();
        assert!(unpenalised.converged && unpenalised.ambiguous && !fit.ambiguous);
        near(&[unpenalised.coef[(0, 0)], unpenalised.coef[(0, 4)]], &[3.5561887660554095 / 2.0; 2], 1e-9);
        assert!(plain.converged);
        // No column at all: the log odds.
        let none = logistic(&Matrix::zeros(4, 0), &[0, 1, 1, 1], 2, None, &options(1.0, true)).unwrap();
        near(&none.intercept, &[3f64.ln()], 1e-14);
        let nothing = logistic(&Matrix::zeros(4, 0), &[0, 1, 1, 1], 2, None, &options(1.0, false)).unwrap();
        assert_eq!(nothing.intercept, [0.0]);
    }

    #[test]
    fn far_predictors_do_not_overflow() {
        let x = Matrix::from_fn(30, 1, |i, _| wave(i, 7) * 1e6);
        let scaled = Matrix::from_fn(30, 1, |i, _| wave(i, 7));
        let codes: Vec<u32> = (0..30).map(|i| u32::from(wave(i, 7) + 0.3 * wave(i, 3) > 0.0)).collect();
        let far = logistic(&x, &codes, 2, None, &options(1.0, true)).unwrap();
        let near_by = logistic(&scaled, &codes, 2, None, &options(1e12, true)).unwrap();
        assert!(far.converged && near_by.converged);
        near(&[far.coef[(0, 0)] * 1e6], near_by.coef.values(), 1e-9);
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let x = Matrix::from_fn(20_000, 8, |i, j| wave(i, 5 + 4 * j) + 0.01 * (i % 1013) as f64);
        let codes: Vec<u32> = (0..20_000u64).map(|i| (i * i % 7 % 3) as u32).collect();
        let fit = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| logistic(&x, &codes, 3, None, &options(1.0, true)).unwrap())
        };
        let one = fit(1);
        assert!(one.converged);
        assert_eq!(one, fit(2));
        assert_eq!(one, fit(8));
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let x = Matrix::from_columns(2, 1, vec![1.0, 2.0]);
        let code = |codes: &[u32], classes, w: Option<&[f64]>, c| {
            logistic(&x, codes, classes, w, &options(c, true)).unwrap_err().code()
        };
        assert_eq!(code(&[0, 0], 1, None, 1.0), Code::BadTarget);
        assert_eq!(code(&[0, 0], 2, None, 1.0), Code::BadTarget);
        assert_eq!(code(&[0, 1], 2, Some(&[1.0, 0.0]), 1.0), Code::BadTarget);
        assert_eq!(code(&[0, 1], 2, Some(&[1.0, -1.0]), 1.0), Code::BadWeight);
        assert_eq!(code(&[0, 1], 2, None, 0.0), Code::BadValue);
        assert_eq!(code(&[0, 1], 2, None, f64::NAN), Code::BadValue);
    }
}
