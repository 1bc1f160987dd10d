//! `sklearn.linear_model.Ridge`.

use super::fitted_regression::{FittedRegression, Quality};
use super::ordinary;
use super::training::{self, Gathered};
use crate::contract::{
    Checks, Fault, Linear, Model, Needs, Params, Rng, Stats, Task, Train, Unfit, choice, params,
};
use crate::diag::{Code, Result};
use crate::linalg::{Solution, factor_ridge, ridge, ridge_rows};

/// The greatest condition of the penalised Gram matrix at which moments keep enough digits.
const GREATEST_CONDITION: f64 = 1e6;

choice! {
    /// scikit-learn's solvers, all of which approach the same optimum.
    pub enum RidgeSolver {
        /// Whatever suits.
        Auto = "auto",
        /// A singular value decomposition.
        Svd = "svd",
        /// Normal equations.
        Cholesky = "cholesky",
        /// Regularized least squares by bidiagonalization.
        Lsqr = "lsqr",
        /// Conjugate gradients.
        SparseCg = "sparse_cg",
        /// Stochastic average gradient.
        Sag = "sag",
        /// Its unbiased version.
        Saga = "saga",
        /// Limited-memory BFGS, for positive coefficients: refused.
        Lbfgs = "lbfgs",
    }
}

params! {
    /// Least squares with an L2 penalty, which leaves the intercept out.
    pub struct Ridge {
        /// Strength of the penalty: minimizes the weighted sum of squared residuals plus alpha times the sum of squared
        /// coefficients. 0 is LinearRegression. One number for all targets.
        alpha: f64 = 1.0, Bound::AtLeast(0.0);
        /// Add an intercept.
        fit_intercept: bool = true, Bound::Any;
        /// Accepted, and without effect: the solver is exact.
        max_iter: Option<usize> = None, Bound::AtLeast(1.0);
        /// Accepted, and without effect: the solver is exact.
        tol: f64 = 1e-4, Bound::AtLeast(0.0);
        /// Accepted, and without effect: all have the same optimum, which is what you get. `lbfgs` goes with `positive: true`
        /// only, and is refused.
        solver: RidgeSolver = RidgeSolver::Auto, Bound::Any;
        /// Only `false`: coefficients may be negative.
        positive: bool = false, Bound::Only("false");
    }
    without_effect: ["copy_X", "max_iter", "random_state", "solver", "tol"];
}

impl Checks for Ridge {
    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.alpha.is_infinite() {
            let fault = Fault::of("alpha", "`alpha` is a finite number");
            faults.push(fault.help("an infinite penalty leaves the mean alone: use `DummyRegressor`"));
        }
        if self.solver == RidgeSolver::Lbfgs {
            let fault =
                Fault::of("solver", "`solver: lbfgs` is for `positive: true`, which is not supported");
            faults.push(fault.help("leave `solver` out"));
        }
        faults
    }
}

impl Model for Ridge {
    const TASK: Task = Task::Regression;
    const WEIGHTS: bool = true;
    type Fitted = FittedRegression;

    fn needs(&self) -> Needs {
        Needs::JOINT
    }

    fn gathers(&self, rows: usize, features: usize) -> bool {
        self.alpha == 0.0 && ordinary::is_small(rows, features)
    }

    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedRegression> {
        let from_rows = |rows: &Gathered| self.fit_rows(rows, train);
        if self.alpha == 0.0 && ordinary::is_small(train.rows.len(), train.x.features()) {
            return from_rows(&Gathered::of(train, Self::NAME)?);
        }
        let from_stats = |stats: &Stats| {
            let fit = Self::fit_stats(&[self], stats).pop();
            fit.unwrap_or_else(|| Err(Code::Bug.error("no fit of one candidate").into()))
        };
        training::fit(train, Self::NAME, from_stats, from_rows)
    }

    /// Candidates that differ in `alpha` alone share one eigendecomposition.
    fn fit_stats(grid: &[&Self], stats: &Stats) -> Vec<Result<FittedRegression, Unfit>> {
        let mut fits: Vec<Option<Result<FittedRegression, Unfit>>> = grid.iter().map(|_| None).collect();
        for fit_intercept in [true, false] {
            let alike = |i: &usize| grid[*i].alpha > 0.0 && grid[*i].fit_intercept == fit_intercept;
            let places: Vec<usize> = (0..grid.len()).filter(alike).collect();
            let alphas: Vec<f64> = places.iter().map(|i| grid[*i].alpha).collect();
            for (place, fit) in places.iter().zip(path(stats, &alphas, fit_intercept)) {
                fits[*place] = Some(fit);
            }
        }
        let unpenalized = |model: &&Self| ordinary::from_stats(stats, model.fit_intercept, Self::NAME);
        fits.into_iter().zip(grid).map(|(fit, model)| fit.unwrap_or_else(|| unpenalized(model))).collect()
    }
}

/// Fits for penalties greater than 0, one outcome each.
fn path(stats: &Stats, alphas: &[f64], fit_intercept: bool) -> Vec<Result<FittedRegression, Unfit>> {
    if alphas.is_empty() {
        return Vec::new();
    }
    let solve = || {
        let joint = ordinary::joint(stats, Ridge::NAME)?;
        if let Some(factor) = &joint.factor {
            let one = |alpha: &f64| factor_ridge(factor, joint.targets, *alpha, fit_intercept);
            return Ok((alphas.iter().map(one).collect::<Result<_>>()?, true));
        }
        Ok((ridge(&joint.moments, joint.targets, alphas, fit_intercept)?, false))
    };
    match solve() {
        Ok((solutions, true)) => solutions.into_iter().map(|solution| Ok(fitted(solution)?)).collect(),
        Ok((solutions, false)) => solutions.into_iter().map(trusted).collect(),
        Err(unfit) => alphas.iter().map(|_| Err(Unfit::clone(&unfit))).collect(),
    }
}

/// A solution from moments, if its condition allows.
fn trusted(solution: Solution) -> Result<FittedRegression, Unfit> {
    if solution.condition > GREATEST_CONDITION {
        return Err(ordinary::too_ill(solution.condition, GREATEST_CONDITION));
    }
    Ok(fitted(solution)?)
}

fn fitted(solution: Solution) -> Result<FittedRegression> {
    // Of the rows, as for least squares; infinite where the penalty is too small to tell dependent
    // columns apart, and then there is none to report.
    let condition = Some(solution.condition.sqrt()).filter(|condition| condition.is_finite());
    let quality = Quality { condition, ..Quality::default() };
    FittedRegression::new(Linear { coef: solution.coef, intercept: solution.intercept }, quality, Ridge::NAME)
}

impl Ridge {
    fn fit_rows(&self, rows: &Gathered, train: &Train) -> Result<FittedRegression> {
        if self.alpha == 0.0 {
            return ordinary::from_rows(rows, self.fit_intercept, train.x, Self::NAME);
        }
        fitted(ridge_rows(&rows.x, &rows.y, rows.weight.as_deref(), self.alpha, self.fit_intercept)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Block, FittedModel, Frame};
    use crate::linalg::Matrix;
    use crate::table::{Rows, Target};

    fn noise(i: usize, j: usize) -> f64 {
        ((i * 7919 + j * 104_729 + i * i * 31 * (j + 1)) % 1009) as f64 / 1009.0 - 0.5
    }

    fn table(value: impl Fn(usize, usize) -> f64) -> (Frame, Target) {
        let block = |j: usize| Block::Number {
            name: format!("x{j}").into(),
            values: (0..80).map(|i| value(i, j)).collect(),
        };
        let y = Matrix::from_fn(80, 1, |i, _| value(i, 0) - value(i, 2) + noise(i, 50));
        (Frame::new(80, (0..3).map(block).collect()), Target::Values(y))
    }

    fn numbers(fitted: &FittedRegression) -> Vec<f64> {
        let facts = fitted.facts();
        facts.coef.unwrap().values().iter().copied().chain(facts.intercept.unwrap()).collect()
    }

    fn assert_agree(a: &FittedRegression, b: &FittedRegression) {
        for (a, b) in numbers(a).iter().zip(numbers(b)) {
            assert!((a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-11, "{a:e} {b:e}");
        }
    }

    #[test]
    fn a_grid_gives_each_candidate_its_own_fit_in_order() {
        let (frame, y) = table(|i, j| noise(i, j) * (1.0 + j as f64) + 3.0);
        let train = Train { x: &frame, y: Some(&y), weight: None, rows: &Rows::all(80) };
        let stats = Stats::of(&train, Needs::JOINT).unwrap();
        let candidates = [(1.0, true), (0.0, true), (10.0, false), (0.01, true), (0.1, false)];
        let grid =
            candidates.map(|(alpha, fit_intercept)| Ridge { alpha, fit_intercept, ..Ridge::default() });
        let fits = Ridge::fit_stats(&grid.iter().collect::<Vec<_>>(), &stats);
        for (model, fit) in grid.iter().zip(fits) {
            let general = Model::fit(model, &train, &mut Rng::seeded(0)).unwrap();
            match fit {
                Ok(fitted) => assert_agree(&fitted, &general),
                Err(Unfit::Rows(why)) => assert!(model.alpha == 0.0 && why.contains("1e8"), "{why}"),
                Err(Unfit::Failed(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_small_penalty_on_nearly_dependent_columns_takes_the_rows() {
        let (frame, y) = table(|i, j| if j == 1 { noise(i, 0) + 1e-5 * noise(i, 1) } else { noise(i, j) });
        let train = Train { x: &frame, y: Some(&y), weight: None, rows: &Rows::all(80) };
        let model = Ridge { alpha: 1e-8, ..Ridge::default() };
        let stats = Stats::of(&train, Needs::JOINT).unwrap();
        let fits = Ridge::fit_stats(&[&model], &stats);
        assert!(matches!(&fits[0], Err(Unfit::Rows(why)) if why.contains("beyond 1e6")));
        let rows = model.fit_rows(&Gathered::of(&train, "Ridge").unwrap(), &train).unwrap();
        assert_agree(&Model::fit(&model, &train, &mut Rng::seeded(0)).unwrap(), &rows);
    }

    #[test]
    fn parameters_without_an_optimum_are_refused() {
        let model = Ridge { alpha: f64::INFINITY, solver: RidgeSolver::Lbfgs, ..Ridge::default() };
        let faults: Vec<_> = Checks::check(&model).iter().filter_map(|fault| fault.parameter).collect();
        assert_eq!(faults, ["alpha", "solver"]);
    }
}
