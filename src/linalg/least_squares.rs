//! Ordinary least squares on rows: every digit that the data allow, and the least norm where they do not
//! decide.

use super::householder::Qr;
use super::rank::Independent;
use super::refined::Augmented;
use super::scaling::{Scaling, scale_by_power_of_two};
use super::{Matrix, sums};
use crate::diag::{Code, Result};

/// A least-squares fit of `t` targets on `p` columns.
#[derive(Clone, Debug, PartialEq)]
pub struct LeastSquares {
    /// Coefficients, `p` x `t`.
    pub coef: Matrix,
    /// The intercept of each target; 0 where none is fitted.
    pub intercept: Vec<f64>,
    /// The rank of the columns, centred where an intercept is fitted.
    pub rank: usize,
    /// Largest over smallest singular value of the columns' independent part, see `singular`.
    pub condition: f64,
    /// Singular values, descending, of the columns as the model sees them: centred where an intercept is
    /// fitted, and scaled to unit norm. Columns that are constant there are left out.
    pub singular: Vec<f64>,
    /// The weighted sum of squared residuals of each target.
    pub squares: Vec<f64>,
}

/// Fits `y` (n x t) on `x` (n x p) by Householder QR of the columns scaled by powers of two, with rows scaled by
/// the roots of the weights, refined with residuals in twice the precision.
///
/// The rank counts singular values of at least max(n, p, 2 max_j |x_j|max / sd_j) eps sigma_max of the
/// columns centred (with an intercept) and scaled to unit norm; columns that do not vary get the
/// coefficient 0. Below full rank the solution is the one of least norm in the given units, as
/// scikit-learn's `LinearRegression` has it on well-scaled data: columns [a, 2a] share y = a as [0.2, 0.4].
/// Scaling a column by a power of two changes its coefficient by that power and nothing else, to the bit.
///
/// # Errors
/// `EmptyData` without rows, `BadWeight` for weights that are negative or not finite or all zero,
/// `NotFinite` for anything else that is not finite.
///
/// # Panics
/// When the numbers of rows differ.
pub fn least_squares(
    x: &Matrix,
    y: &Matrix,
    weight: Option<&[f64]>,
    fit_intercept: bool,
) -> Result<LeastSquares> {
    check_rows(x, y, weight)?;
    Problem::new(x, y, weight, fit_intercept).solve()
}

/// The diagonal of (A^T W A)^-1, A = [1 X] or X: times the residual variance these are the squared standard errors
/// of (the intercept and) the coefficients. `None` below full rank.
///
/// # Errors
/// As [`least_squares`].
///
/// # Panics
/// When the numbers of rows differ.
pub fn inverse_gram_diagonal(
    x: &Matrix,
    weight: Option<&[f64]>,
    fit_intercept: bool,
) -> Result<Option<Vec<f64>>> {
    let y = Matrix::zeros(x.rows(), 0);
    check_rows(x, &y, weight)?;
    let problem = Problem::new(x, &y, weight, fit_intercept);
    let scaling = &problem.scaling;
    let lead = usize::from(fit_intercept);
    if scaling.varying.len() < x.columns() || x.rows() < x.columns() + lead {
        return Ok(None);
    }
    let design = scaling.design(x, &scaling.varying);
    let qr = Qr::new(design.clone());
    if problem.independent(&qr)?.columns.len() < x.columns() {
        return Ok(None);
    }
    let mut diagonal = Augmented::new(design, Some(qr)).inverse_diagonal();
    let powers = (0..lead).map(|_| 0).chain(scaling.varying.iter().map(|&j| scaling.exponents[j]));
    for (value, power) in diagonal.iter_mut().zip(powers) {
        *value = scale_by_power_of_two(*value, -2 * power - 2 * scaling.root_exponent);
    }
    Ok(Some(diagonal))
}

/// [`least_squares`] without an intercept on rows that stand for others: `size` takes the place of max(n, p) in the rank.
///
/// # Errors
/// As there.
pub(super) fn least_squares_sized(x: &Matrix, y: &Matrix, size: usize) -> Result<LeastSquares> {
    check_rows(x, y, None)?;
    let problem = Problem::new(x, y, None, false);
    Problem { size: size.max(problem.size), ..problem }.solve()
}

/// Refuses what no fit on rows can use.
pub(super) fn check_rows(x: &Matrix, y: &Matrix, weight: Option<&[f64]>) -> Result<()> {
    assert_eq!(x.rows(), y.rows(), "x and y have the same rows");
    check_weights(x.rows(), weight)?;
    if let Some(j) = (0..x.columns()).find(|&j| x.column(j).iter().any(|value| !value.is_finite())) {
        return Err(Code::NotFinite.error(format!("column {j} of the fit holds NaN or infinity")));
    }
    if !y.values().iter().all(|value| value.is_finite()) {
        return Err(Code::NotFinite.error("the target of the fit holds NaN or infinity"));
    }
    Ok(())
}

pub(super) fn check_weights(rows: usize, weight: Option<&[f64]>) -> Result<()> {
    if rows == 0 {
        return Err(Code::EmptyData.error("there are no rows to fit"));
    }
    if let Some(weight) = weight {
        assert_eq!(weight.len(), rows, "a weight for each row");
        let total = sums::sum(weight);
        if weight.iter().any(|w| *w < 0.0) || total <= 0.0 || !total.is_finite() {
            return Err(Code::BadWeight.error("weights must be finite, not negative and not all zero"));
        }
    }
    Ok(())
}

struct Problem<'a> {
    x: &'a Matrix,
    y: &'a Matrix,
    fit_intercept: bool,
    scaling: Scaling,
    /// What the rank is judged by: the larger of n and p, of the data that the rows stand for.
    size: usize,
}

impl<'a> Problem<'a> {
    fn new(x: &'a Matrix, y: &'a Matrix, weight: Option<&[f64]>, fit_intercept: bool) -> Self {
        let size = x.rows().max(x.columns());
        Self { x, y, fit_intercept, scaling: Scaling::new(x, weight, fit_intercept), size }
    }

    fn solve(&self) -> Result<LeastSquares> {
        let design = self.scaling.design(self.x, &self.scaling.varying);
        let qr = Qr::new(design.clone());
        let Independent { columns, dependent, singular } = self.independent(&qr)?;
        let full = columns.len() == self.scaling.varying.len();
        let (design, qr) =
            if full { (design, Some(qr)) } else { (self.scaling.design(self.x, &columns), None) };
        let system = Augmented::new(design, qr);
        let mut fit = LeastSquares {
            coef: Matrix::zeros(self.x.columns(), self.y.columns()),
            intercept: vec![0.0; self.y.columns()],
            rank: columns.len(),
            condition: if columns.is_empty() { 1.0 } else { singular[0] / singular[columns.len() - 1] },
            singular,
            squares: Vec::new(),
        };
        let basic = self.fit(&system, &columns, self.y);
        if dependent.is_empty() {
            for t in 0..self.y.columns() {
                columns.iter().zip(basic.coef.column(t)).for_each(|(&j, &b)| fit.coef[(j, t)] = b);
            }
            fit.intercept.clone_from(&basic.intercept);
        } else {
            self.least_norm(&system, &columns, &dependent, &basic, &mut fit);
        }
        fit.squares = basic.squares;
        Ok(fit)
    }

    fn independent(&self, qr: &Qr) -> Result<Independent> {
        Independent::of(&qr.r(), usize::from(self.fit_intercept), &self.scaling, self.size)
    }

    /// The fit of `targets` on the columns of the system, in the given units.
    fn fit(&self, system: &Augmented, columns: &[usize], targets: &Matrix) -> Fit {
        let lead = usize::from(self.fit_intercept);
        let mut scaled = targets.clone();
        let mut powers = Vec::with_capacity(targets.columns());
        for t in 0..targets.columns() {
            powers.push(self.scaling.scale_target(scaled.column_mut(t)));
        }
        let solution = system.least_squares(&scaled);
        let mut fit = Fit {
            coef: Matrix::zeros(columns.len(), targets.columns()),
            intercept: vec![0.0; targets.columns()],
            squares: Vec::with_capacity(targets.columns()),
        };
        for (t, &power) in powers.iter().enumerate() {
            let x = solution.x.column(t);
            if self.fit_intercept {
                fit.intercept[t] = scale_by_power_of_two(x[0], power);
            }
            for (k, &j) in columns.iter().enumerate() {
                fit.coef[(k, t)] = scale_by_power_of_two(x[k + lead], power - self.scaling.exponents[j]);
            }
            let residual = solution.residual.column(t);
            let squares = sums::dot(residual, residual);
            fit.squares.push(scale_by_power_of_two(squares, 2 * (power + self.scaling.root_exponent)));
        }
        fit
    }

    /// Spreads the fit on independent columns over the dependent ones: X_dependent = 1 c^T + X_independent W, so of
    /// all b with [I W] b = b_basic the shortest is wanted, by QR of [I W]^T.
    fn least_norm(
        &self,
        system: &Augmented,
        columns: &[usize],
        dependent: &[usize],
        basic: &Fit,
        into: &mut LeastSquares,
    ) {
        let (rank, spread) = (columns.len(), columns.len() + dependent.len());
        let mut targets = Matrix::zeros(self.x.rows(), dependent.len());
        for (t, &j) in dependent.iter().enumerate() {
            targets.column_mut(t).copy_from_slice(self.x.column(j));
        }
        let relation = self.fit(system, columns, &targets);
        let transposed = Matrix::from_fn(spread, rank, |i, j| {
            if i < rank { f64::from(u8::from(i == j)) } else { relation.coef[(j, i - rank)] }
        });
        let qr = Qr::new(transposed);
        let mut short = basic.coef.clone();
        super::refined::solve_transposed(&qr.r(), &mut short);
        let mut all = Matrix::zeros(spread, short.columns());
        for t in 0..short.columns() {
            all.column_mut(t)[..rank].copy_from_slice(short.column(t));
        }
        qr.apply(&mut all);
        for t in 0..all.columns() {
            for (&j, &b) in columns.iter().chain(dependent).zip(all.column(t)) {
                into.coef[(j, t)] = b;
            }
            into.intercept[t] = basic.intercept[t] - sums::dot(&relation.intercept, &all.column(t)[rank..]);
        }
    }
}

/// A fit on independent columns.
struct Fit {
    coef: Matrix,
    intercept: Vec<f64>,
    squares: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[f64]) -> Matrix {
        Matrix::from_columns(values.len(), 1, values.to_vec())
    }

    fn near(found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() <= tolerance * e.abs().max(1.0), "{found:?} {expected:?}");
        }
    }

    /// Numbers without a pattern.
    fn wave(i: usize, step: usize) -> f64 {
        ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0
    }

    #[test]
    fn a_column_and_its_double_share_the_coefficient() {
        let a: Vec<f64> = (0..20).map(|i| wave(i, 7)).collect();
        let x = Matrix::from_fn(20, 2, |i, j| a[i] * (j + 1) as f64);
        for fit_intercept in [true, false] {
            let fit = least_squares(&x, &column(&a), None, fit_intercept).unwrap();
            assert_eq!(fit.rank, 1);
            near(fit.coef.column(0), &[0.2, 0.4], 1e-15);
            near(&fit.intercept, &[0.0], 1e-15);
            assert_eq!(fit.condition, 1.0);
        }
    }

    #[test]
    fn dependence_is_found_at_any_scale_and_offset() {
        // x2 = x0 - 2 x1 in other units: least norm in the given units, predictions as without x2.
        let x = |i: usize, j: usize| match j {
            0 => wave(i, 7) + 100.0,
            1 => wave(i, 13) - 50.0,
            _ => (wave(i, 7) - 2.0 * wave(i, 13)) * 1024.0,
        };
        let y = Matrix::from_fn(40, 1, |i, _| wave(i, 3));
        let all = least_squares(&Matrix::from_fn(40, 3, x), &y, None, true).unwrap();
        let two = least_squares(&Matrix::from_fn(40, 2, x), &y, None, true).unwrap();
        assert_eq!((all.rank, two.rank), (2, 2));
        near(&all.squares, &two.squares, 1e-12);
        let predict = |fit: &LeastSquares, i: usize| {
            (0..fit.coef.rows()).fold(fit.intercept[0], |sum, j| sum + fit.coef[(j, 0)] * x(i, j))
        };
        (0..40).for_each(|i| near(&[predict(&all, i)], &[predict(&two, i)], 1e-10));
        // The shortest is orthogonal to the dependence (1, -2, -1/1024).
        let b = all.coef.column(0);
        assert!((b[0] - 2.0 * b[1] - b[2] / 1024.0).abs() < 1e-12);
    }

    #[test]
    fn one_hot_with_an_intercept() {
        // Level means 1, 2, 6: least norm in centred coordinates. numpy: lstsq of the centred columns.
        let level = [0, 0, 1, 1, 2, 2];
        let x = Matrix::from_fn(6, 3, |i, j| f64::from(u8::from(level[i] == j)));
        let y = column(&[0.5, 1.5, 2.0, 2.0, 5.0, 7.0]);
        let fit = least_squares(&x, &y, None, true).unwrap();
        assert_eq!(fit.rank, 2);
        near(fit.coef.column(0), &[-2.0, -1.0, 3.0], 1e-14);
        near(&fit.intercept, &[3.0], 1e-14);
        near(&fit.squares, &[2.5], 1e-14);
    }

    #[test]
    fn fewer_rows_than_columns() {
        // numpy.linalg.lstsq of the centred rows: rank n - 1, residual 0.
        let x = Matrix::from_fn(3, 5, |i, j| wave(i + 1, 11 + 2 * j));
        let y = column(&[1.0, 2.0, 4.0]);
        let fit = least_squares(&x, &y, None, true).unwrap();
        assert_eq!(fit.rank, 2);
        assert!(fit.squares[0] < 1e-24);
        // Least norm means in the span of the centred rows.
        let mean = |j: usize| x.column(j).iter().sum::<f64>() / 3.0;
        let centred = Matrix::from_fn(5, 2, |j, i| x[(i, j)] - mean(j));
        let span = least_squares(&centred, &fit.coef, None, false).unwrap();
        assert!(span.squares[0] < 1e-24);
    }

    #[test]
    fn columns_that_do_not_vary_get_zero() {
        let x = Matrix::from_fn(6, 3, |i, j| [1e9, wave(i, 7), 0.0][j]);
        let y = Matrix::from_fn(6, 1, |i, _| 3.0 * wave(i, 7) + 2.0);
        let fit = least_squares(&x, &y, None, true).unwrap();
        near(fit.coef.column(0), &[0.0, 3.0, 0.0], 1e-14);
        near(&fit.intercept, &[2.0], 1e-14);
        let none = least_squares(&Matrix::zeros(4, 0), &column(&[1.0, 2.0, 3.0, 6.0]), None, true).unwrap();
        near(&none.intercept, &[3.0], 1e-15);
        let nothing = least_squares(&Matrix::zeros(2, 1), &column(&[1.0, 2.0]), None, false).unwrap();
        assert_eq!((nothing.rank, nothing.coef[(0, 0)], nothing.squares[0]), (0, 0.0, 5.0));
        let one = least_squares(&column(&[7.0]), &column(&[2.0]), None, true).unwrap();
        assert_eq!((one.rank, one.intercept[0]), (0, 2.0));
    }

    #[test]
    fn integer_weights_are_repeated_rows() {
        let weight: Vec<f64> = (0..30).map(|i| f64::from(i % 4)).collect();
        let x = Matrix::from_fn(30, 3, |i, j| wave(i, 5 + 4 * j) + 10.0);
        let y = Matrix::from_fn(30, 2, |i, j| wave(i, 17 + j));
        let rows: Vec<usize> = (0..30).flat_map(|i| std::iter::repeat_n(i, i % 4)).collect();
        let repeated_x = Matrix::from_fn(rows.len(), 3, |i, j| x[(rows[i], j)]);
        let repeated_y = Matrix::from_fn(rows.len(), 2, |i, j| y[(rows[i], j)]);
        for fit_intercept in [true, false] {
            let weighted = least_squares(&x, &y, Some(&weight), fit_intercept).unwrap();
            let repeated = least_squares(&repeated_x, &repeated_y, None, fit_intercept).unwrap();
            near(weighted.coef.values(), repeated.coef.values(), 1e-13);
            near(&weighted.intercept, &repeated.intercept, 1e-13);
            near(&weighted.squares, &repeated.squares, 1e-13);
        }
    }

    #[test]
    fn extreme_sizes_neither_overflow_nor_vanish() {
        let x = Matrix::from_fn(9, 2, |i, j| wave(i, 7 + 4 * j) * [1e300, 1e-290][j]);
        let y = Matrix::from_fn(9, 1, |i, _| 1e200 * (wave(i, 7) + wave(i, 11)));
        let fit = least_squares(&x, &y, None, false).unwrap();
        near(&[fit.coef[(0, 0)] * 1e100], &[1.0], 1e-13);
        assert_eq!(fit.coef[(1, 0)], f64::INFINITY);
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let code =
            |x: &Matrix, y: &Matrix, w: Option<&[f64]>| least_squares(x, y, w, true).unwrap_err().code();
        let y = column(&[1.0, 2.0]);
        assert_eq!(code(&Matrix::zeros(0, 1), &Matrix::zeros(0, 1), None), Code::EmptyData);
        assert_eq!(code(&column(&[f64::NAN, 1.0]), &y, None), Code::NotFinite);
        assert_eq!(code(&y, &column(&[f64::INFINITY, 1.0]), None), Code::NotFinite);
        assert_eq!(code(&y, &y, Some(&[-1.0, 2.0])), Code::BadWeight);
        assert_eq!(code(&y, &y, Some(&[0.0, 0.0])), Code::BadWeight);
        assert_eq!(code(&y, &y, Some(&[f64::NAN, 1.0])), Code::BadWeight);
    }

    #[test]
    fn standard_errors_want_full_rank() {
        let a: Vec<f64> = (0..20).map(|i| wave(i, 7)).collect();
        let x = Matrix::from_fn(20, 2, |i, j| a[i] * (j + 1) as f64);
        assert_eq!(inverse_gram_diagonal(&x, None, true).unwrap(), None);
        let weight = vec![4.0; 20];
        let one = inverse_gram_diagonal(&column(&a), None, false).unwrap().unwrap();
        let four = inverse_gram_diagonal(&column(&a), Some(&weight), false).unwrap().unwrap();
        near(&[4.0 * four[0]], &one, 1e-15);
    }
}
