//! Lasso and elastic net from moments, by coordinate descent.
//!
//! The slope of every column, X^T (y - X b), is kept up at each step ("covariance updates": Friedman, Hastie and
//! Tibshirani, "Regularization paths for generalized linear models via coordinate descent", J. Stat. Softw. 33 (2010)), so
//! whether a column may stay out is one comparison, for all of them in every sweep, and nothing is left to screen.
//! Along a path the next solution is guessed on the line through the last two, which is where it lies as long as no
//! column comes or goes. What is slow to converge is solved exactly: [`settle`].

use super::active_set::settle;
use super::cholesky::Cholesky;
use super::sums::{self, vectorised};
use super::{Matrix, Moments};

/// A step smaller than this share of the target's deviation ends the sweeps, in the target's units.
const STILL: f64 = 1e-13;

/// Sweeps that every problem gets, and more for each column that is in: about the cost of the exact solution.
const SWEEPS: usize = 20;
const SWEEPS_A_COLUMN: usize = 2;

/// How often the exact solution is tried, and the sweeps go on where it was not reached.
const ROUNDS: usize = 20;

/// The quadratic part of a penalised least squares problem, per unit of weight: the Gram matrix of the columns (about
/// their means where there is an intercept), their products with each target, and the targets' squares.
#[derive(Clone, Debug)]
pub struct Quadratic {
    pub(super) gram: Matrix,
    cross: Matrix,
    squares: Vec<f64>,
    /// The columns that vary; the others keep a coefficient of 0.
    pub(super) varying: Vec<usize>,
    /// The roots of the Gram matrix's diagonal.
    pub(super) roots: Vec<f64>,
}

/// The penalty `l1 * |b|_1 + l2 / 2 * |b|_2^2`, and whether coefficients may be negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalty {
    /// On the absolute values.
    pub l1: f64,
    /// On the squares.
    pub l2: f64,
    /// No coefficient below 0.
    pub positive: bool,
}

impl Penalty {
    /// scikit-learn's parametrisation.
    pub fn new(alpha: f64, l1_ratio: f64, positive: bool) -> Self {
        Self { l1: alpha * l1_ratio, l2: alpha * (1.0 - l1_ratio), positive }
    }
}

impl Quadratic {
    /// The problem of columns of which the last `targets` are targets. Constant columns are found by the rule of
    /// [`super::ridge()`].
    ///
    /// # Panics
    /// When there are fewer columns than targets.
    pub fn new(moments: &Moments, targets: usize, fit_intercept: bool) -> Self {
        let p = moments.columns() - targets;
        let mean = |j: usize| if fit_intercept { 0.0 } else { moments.mean[j] };
        let product = |i: usize, j: usize| moments.gram[(i, j)] / moments.weight + mean(i) * mean(j);
        let rounding = |j: usize| moments.rows as f64 * f64::EPSILON * (moments.mean[j] - mean(j));
        let varies = |&j: &usize| product(j, j) > rounding(j).powi(2);
        Self {
            gram: Matrix::from_fn(p, p, product),
            cross: Matrix::from_fn(p, targets, |j, t| product(j, p + t)),
            squares: (p..p + targets).map(|t| product(t, t)).collect(),
            varying: (0..p).filter(varies).collect(),
            roots: (0..p).map(|j| product(j, j).sqrt()).collect(),
        }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.roots.len()
    }

    /// The least `l1` that leaves every coefficient at 0.
    pub fn greatest_l1(&self, target: usize, positive: bool) -> f64 {
        let cross = self.cross.column(target);
        let size = |j: &usize| if positive { cross[*j] } else { cross[*j].abs() };
        self.varying.iter().map(size).fold(0.0, f64::max)
    }

    /// The mean squared error of coefficients: of these columns about an intercept that makes the mean residual
    /// `mean_residual` (without an intercept: 0). The digits lost are those of the target's
    /// square over the error.
    pub fn error(&self, target: usize, coef: &[f64], mean_residual: f64) -> f64 {
        let cross = self.cross.column(target);
        let mut sum = self.squares[target];
        for (j, &b) in coef.iter().enumerate().filter(|(_, b)| **b != 0.0) {
            sum += b * (sums::product_sum(self.gram.column(j), coef) - 2.0 * cross[j]);
        }
        sum.max(0.0) + mean_residual * mean_residual
    }

    /// The target's square.
    pub fn square(&self, target: usize) -> f64 {
        self.squares[target]
    }
}

/// The coefficients of one target on their way along a path of penalties.
#[derive(Clone, Debug)]
pub struct Descent<'a> {
    problem: &'a Quadratic,
    target: usize,
    coef: Vec<f64>,
    /// X^T (y - X b).
    slope: Vec<f64>,
    /// `l1` of the last solution, and of the one before with its coefficients and slopes.
    l1: Option<f64>,
    before: Option<f64>,
    coef_before: Vec<f64>,
    slope_before: Vec<f64>,
}

impl<'a> Descent<'a> {
    /// At no coefficients.
    pub fn new(problem: &'a Quadratic, target: usize) -> Self {
        let zeros = vec![0.0; problem.columns()];
        Self {
            problem,
            target,
            slope: problem.cross.column(target).to_vec(),
            l1: None,
            before: None,
            coef_before: zeros.clone(),
            slope_before: zeros.clone(),
            coef: zeros,
        }
    }

    /// The coefficients.
    pub fn coef(&self) -> &[f64] {
        &self.coef
    }

    /// Minimises half the mean squared error plus the penalty, from where the last call stopped; gives the number of sweeps.
    pub fn solve(&mut self, penalty: Penalty) -> usize {
        self.guess(penalty.l1);
        let mut sweeps = 0;
        for _ in 0..ROUNDS {
            let mut budget = SWEEPS + SWEEPS_A_COLUMN * self.active();
            while budget > 0 {
                budget -= 1;
                sweeps += 1;
                if self.sweep(penalty) > self.still() {
                    continue;
                }
                // The slopes were kept up in steps: again from the start, and a look whether they still agree.
                self.refresh();
                sweeps += 1;
                if self.sweep(penalty) <= self.still() {
                    return sweeps;
                }
            }
            if self.settle(penalty) {
                return sweeps;
            }
        }
        sweeps
    }

    /// From a solution to the exact one: the columns that are in are solved for at once; columns come and go until the
    /// conditions of the optimum hold to rounding. Whether they do.
    pub fn settle(&mut self, penalty: Penalty) -> bool {
        let square = self.problem.squares[self.target];
        settle(self.problem, square.sqrt(), penalty, &mut self.coef, &mut self.slope)
    }

    /// Takes slopes from elsewhere: those of the rows, whose digits the moments may not have.
    ///
    /// # Panics
    /// When the length differs.
    pub fn set_slope(&mut self, slope: &[f64]) {
        self.slope.copy_from_slice(slope);
    }

    /// How far the objective is at most from its optimum, per unit of weight: the duality gap.
    pub fn gap(&self, penalty: Penalty) -> f64 {
        let cross = self.problem.cross.column(self.target);
        let along = sums::product_sum(cross, &self.coef);
        let square = self.problem.squares[self.target];
        let residual = (square - along - sums::product_sum(&self.slope, &self.coef)).max(0.0);
        let size = |slope: &f64| if penalty.positive { *slope } else { slope.abs() };
        let sizes = self.problem.varying.iter().map(|&j| size(&self.slope[j]));
        let one: f64 = self.coef.iter().map(|b| b.abs()).sum();
        let two: f64 = self.coef.iter().map(|b| b * b).sum();
        let primal = 0.5 * residual + penalty.l1 * one + 0.5 * penalty.l2 * two;
        // R^T y for the residual R; the dual point is R, shrunk until it is feasible where no square softens the bound.
        let with_target = square - along;
        let dual = if penalty.l2 > 0.0 {
            let beyond: f64 = sizes.map(|size| (size - penalty.l1).max(0.0).powi(2)).sum();
            with_target - 0.5 * residual - beyond / (2.0 * penalty.l2)
        } else {
            let greatest = sizes.fold(0.0, f64::max);
            let shrink = if greatest > penalty.l1 { penalty.l1 / greatest } else { 1.0 };
            shrink * with_target - 0.5 * shrink * shrink * residual
        };
        (primal - dual).max(0.0)
    }

    /// The condition of the Gram matrix of the columns that are in, of unit diagonal and with the penalty's squares; infinite
    /// where they depend on each other.
    pub fn condition(&self, l2: f64) -> f64 {
        let gram = &self.problem.gram;
        let active: Vec<usize> = (0..self.coef.len()).filter(|&j| self.coef[j] != 0.0).collect();
        let scale: Vec<f64> = active.iter().map(|&j| 1.0 / (gram[(j, j)] + l2).sqrt()).collect();
        let unit = Matrix::from_fn(active.len(), active.len(), |a, b| {
            if a == b { 1.0 } else { scale[a] * gram[(active[a], active[b])] * scale[b] }
        });
        let norm = (0..unit.columns()).map(|j| unit.column(j).iter().map(|x| x.abs()).sum());
        let norm: f64 = norm.fold(1.0, f64::max);
        let Some(factor) = Cholesky::new(unit) else { return f64::INFINITY };
        let condition = (factor.inverse_norm() * norm).max(1.0);
        if condition * f64::EPSILON * active.len() as f64 >= 1.0 { f64::INFINITY } else { condition }
    }

    fn active(&self) -> usize {
        self.coef.iter().filter(|b| **b != 0.0).count()
    }

    /// What a step must exceed to count: a share of the target, and what rounding leaves of the slopes.
    fn still(&self) -> f64 {
        let square = self.problem.squares[self.target].sqrt();
        let sizes: f64 = self.coef.iter().zip(&self.problem.roots).map(|(b, root)| b.abs() * root).sum();
        STILL * square + 8.0 * f64::EPSILON * sizes
    }

    /// X^T y - X^T X b from the coefficients as they are.
    fn refresh(&mut self) {
        self.slope.copy_from_slice(self.problem.cross.column(self.target));
        for (j, &b) in self.coef.iter().enumerate().filter(|(_, b)| **b != 0.0) {
            sums::add_scaled(&mut self.slope, self.problem.gram.column(j), -b);
        }
    }

    /// Moves on along the line through the last two solutions, to where `l1` is the new one; a coefficient that would cross
    /// 0 stops there.
    fn guess(&mut self, l1: f64) {
        let share = match (self.before, self.l1) {
            (Some(before), Some(last)) => (l1 - last) / (last - before),
            _ => 0.0,
        };
        if share > 0.0 && share <= 2.0 {
            for (j, b) in self.coef.iter_mut().enumerate() {
                let guess = *b + share * (*b - self.coef_before[j]);
                self.coef_before[j] = std::mem::replace(b, guess);
            }
            for (slope, before) in self.slope.iter_mut().zip(&mut self.slope_before) {
                let guess = *slope + share * (*slope - *before);
                *before = std::mem::replace(slope, guess);
            }
            for j in 0..self.coef.len() {
                if self.coef[j] != 0.0 && self.coef[j] * self.coef_before[j] <= 0.0 {
                    sums::add_scaled(&mut self.slope, self.problem.gram.column(j), self.coef[j]);
                    self.coef[j] = 0.0;
                }
            }
        } else {
            self.coef_before.copy_from_slice(&self.coef);
            self.slope_before.copy_from_slice(&self.slope);
        }
        self.before = self.l1.replace(l1);
    }

    /// Minimises over each coefficient in turn; gives the greatest step, in units of the target.
    fn sweep(&mut self, penalty: Penalty) -> f64 {
        let Quadratic { gram, varying, roots, .. } = self.problem;
        let (coef, slope) = (self.coef.as_mut_slice(), self.slope.as_mut_slice());
        vectorised(
            #[inline(always)]
            || {
                let mut greatest = 0.0f64;
                for &j in varying {
                    let old = coef[j];
                    let size = if penalty.positive { slope[j] } else { slope[j].abs() };
                    if old == 0.0 && size <= penalty.l1 {
                        continue;
                    }
                    let column = gram.column(j);
                    let new = minimum(slope[j] + column[j] * old, penalty) / (column[j] + penalty.l2);
                    if new != old {
                        coef[j] = new;
                        let step = old - new;
                        slope.iter_mut().zip(column).for_each(|(slope, x)| *slope = step.mul_add(*x, *slope));
                        greatest = greatest.max(step.abs() * roots[j]);
                    }
                }
                greatest
            },
        )
    }
}

/// Soft thresholding.
#[inline(always)]
fn minimum(slope: f64, penalty: Penalty) -> f64 {
    if slope > penalty.l1 {
        slope - penalty.l1
    } else if slope < -penalty.l1 && !penalty.positive {
        slope + penalty.l1
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0
    }

    fn problem(x: &Matrix, y: &Matrix, weight: Option<&[f64]>, fit_intercept: bool) -> Quadratic {
        let columns: Vec<&[f64]> =
            (0..x.columns()).map(|j| x.column(j)).chain((0..y.columns()).map(|t| y.column(t))).collect();
        Quadratic::new(&Moments::of(&columns, weight), y.columns(), fit_intercept)
    }

    fn example(p: usize) -> (Matrix, Matrix) {
        let x = Matrix::from_fn(60, p, |i, j| wave(i, 5 + 4 * j) * [1.0, 10.0, 0.1, 3.0][j % 4] + j as f64);
        let y = Matrix::from_fn(60, 2, |i, t| {
            wave(i, 5) - 2.0 * wave(i, 9 + t) + wave(i, 13) + 0.3 * wave(i, 29)
        });
        (x, y)
    }

    /// The conditions of the optimum, from the Gram matrix, to a share of each column's size.
    fn assert_optimal(problem: &Quadratic, target: usize, coef: &[f64], penalty: Penalty, tolerance: f64) {
        for j in 0..coef.len() {
            let slope = problem.cross[(j, target)] - sums::product_sum(problem.gram.column(j), coef);
            let slope = slope - penalty.l2 * coef[j];
            let bound = tolerance * problem.roots[j] * problem.squares[target].sqrt();
            let off = if coef[j] != 0.0 {
                assert!(!penalty.positive || coef[j] > 0.0);
                (slope - penalty.l1 * coef[j].signum()).abs()
            } else if penalty.positive {
                slope - penalty.l1
            } else {
                slope.abs() - penalty.l1
            };
            assert!(off <= bound, "column {j} of {}: off by {off:e}, allowed {bound:e}", coef.len());
        }
    }

    #[test]
    fn every_step_of_a_path_is_optimal() {
        let weight: Vec<f64> = (0..60).map(|i| (i % 4) as f64 * 0.7).collect();
        // Ill-conditioned and, with 80 columns of 60 rows, rank-deficient designs are among them.
        for (p, weight, intercept) in
            [(4, None, true), (9, Some(&weight[..]), true), (30, None, false), (80, None, true)]
        {
            let (x, y) = example(p);
            let problem = problem(&x, &y, weight, intercept);
            for (target, ratio, positive) in
                [(0, 1.0, false), (1, 0.5, false), (0, 0.9, true), (1, 1.0, true)]
            {
                let mut descent = Descent::new(&problem, target);
                let top = problem.greatest_l1(target, positive) / ratio * (1.0 + 1e-12);
                for k in 0..40 {
                    let penalty = Penalty::new(top * 0.8f64.powi(k), ratio, positive);
                    descent.solve(penalty);
                    assert!(k > 0 || descent.active() == 0);
                    assert_optimal(&problem, target, descent.coef(), penalty, 1e-12);
                    assert!(
                        descent.gap(penalty) <= 1e-11 * problem.squares[target],
                        "{}",
                        descent.gap(penalty)
                    );
                    let mut exact = descent.clone();
                    assert!(exact.settle(penalty), "{p} columns, step {k}");
                    assert_optimal(&problem, target, exact.coef(), penalty, 1e-13);
                }
                assert!(descent.active() > 0);
            }
        }
    }

    #[test]
    fn a_warm_start_leads_where_a_cold_one_does() {
        let (x, y) = example(12);
        let problem = problem(&x, &y, None, true);
        let mut warm = Descent::new(&problem, 0);
        for k in 0..30 {
            let penalty = Penalty::new(0.7f64.powi(k), 0.8, false);
            warm.solve(penalty);
            let mut cold = Descent::new(&problem, 0);
            cold.solve(penalty);
            for (a, b) in warm.coef().iter().zip(cold.coef()) {
                assert!((a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-10, "{k}: {a:e} {b:e}");
            }
        }
    }

    #[test]
    fn orthogonal_columns_are_thresholded() {
        // A design of signs: X^T X = 8 I, so b = S(X^T y / 8, l1) / (1 + l2).
        let sign = |i: usize, bits: usize| if (i & bits).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        let x = Matrix::from_fn(8, 3, |i, j| sign(i, 1 << j));
        let y = Matrix::from_fn(8, 1, |i, _| 3.0 * sign(i, 1) - 2.0 * sign(i, 2) + 0.25 * sign(i, 4));
        let problem = problem(&x, &y, None, true);
        let mut descent = Descent::new(&problem, 0);
        descent.solve(Penalty { l1: 0.5, l2: 1.0, positive: false });
        assert_eq!(descent.coef(), [1.25, -0.75, 0.0]);
        descent.solve(Penalty { l1: 0.5, l2: 0.0, positive: true });
        assert_eq!(descent.coef(), [2.5, 0.0, 0.0]);
        assert_eq!((descent.condition(0.0), problem.greatest_l1(0, false)), (1.0, 3.0));
        // Half the square of the residual: 2.5^2 of the target is left out of 3^2 + 2^2 + 0.25^2.
        assert!((problem.error(0, descent.coef(), 2.0) - (0.25 + 4.0 + 0.0625 + 4.0)).abs() < 1e-14);
    }

    #[test]
    fn dependent_and_constant_columns() {
        let (x, y) = example(3);
        let x = Matrix::from_fn(60, 6, |i, j| match j {
            3 => x[(i, 0)],
            4 => 0.1,
            5 => x[(i, 0)] + x[(i, 1)],
            _ => x[(i, j)],
        });
        let problem = problem(&x, &y, None, true);
        for ratio in [1.0, 0.7] {
            let mut descent = Descent::new(&problem, 0);
            for k in 0..60 {
                let penalty = Penalty::new(0.8f64.powi(k), ratio, false);
                descent.solve(penalty);
                assert!(descent.settle(penalty));
                assert_optimal(&problem, 0, descent.coef(), penalty, 1e-13);
                assert_eq!(descent.coef()[4], 0.0);
            }
            if ratio < 1.0 {
                assert!((descent.coef()[0] - descent.coef()[3]).abs() < 1e-6);
            } else {
                assert!(descent.active() <= 3 && descent.condition(0.0).is_finite());
            }
        }
        assert_eq!(problem.varying, [0, 1, 2, 3, 5]);
    }

    #[test]
    fn without_an_absolute_penalty_it_is_ridge() {
        let (x, y) = example(6);
        let columns: Vec<&[f64]> = (0..6).map(|j| x.column(j)).chain([y.column(0)]).collect();
        let moments = Moments::of(&columns, None);
        let ridge = &super::super::ridge(&moments, 1, &[60.0 * 0.3], true).unwrap()[0];
        let problem = Quadratic::new(&moments, 1, true);
        let mut descent = Descent::new(&problem, 0);
        let penalty = Penalty::new(0.3, 0.0, false);
        descent.solve(penalty);
        assert!(descent.settle(penalty));
        for (a, b) in descent.coef().iter().zip(ridge.coef.column(0)) {
            assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
        assert!(descent.gap(penalty) < 1e-14);
    }
}
