//! `sklearn.linear_model.LinearRegression`.

use super::fitted_regression::{FittedRegression, Quality};
use super::ordinary;
use super::training::{self, Gathered};
use crate::contract::{Checks, Model, Needs, Params, Rng, Stats, Task, Train, Unfit, choice, params};
use crate::diag::{Code, Result};

choice! {
    /// Who solves the least squares.
    pub enum LeastSquaresSolver {
        /// pipefit: moments where they keep enough digits, else QR of the rows.
        Auto = "auto",
        /// linfa-linear, as a cross-check.
        Linfa = "linfa",
    }
}

params! {
    /// Ordinary least squares. Where columns depend on each other, the solution of least norm.
    pub struct LinearRegression {
        /// Add an intercept.
        fit_intercept: bool = true, Bound::Any;
        /// Accepted, and without effect: the solver is exact, and no column is dropped for being small.
        tol: f64 = 1e-6, Bound::AtLeast(0.0);
        /// Only `false`: coefficients may be negative.
        positive: bool = false, Bound::Only("false");
        /// pipefit's own: `linfa` takes linfa-linear's unpivoted QR of a copy of the rows, as a cross-check; it takes no weights,
        /// and no dependent columns.
        solver: LeastSquaresSolver = LeastSquaresSolver::Auto, Bound::Any;
    }
    without_effect: ["copy_X", "n_jobs", "tol"];
}

impl Checks for LinearRegression {}

impl Model for LinearRegression {
    const TASK: Task = Task::Regression;
    const WEIGHTS: bool = true;
    type Fitted = FittedRegression;

    fn needs(&self) -> Needs {
        match self.solver {
            LeastSquaresSolver::Auto => Needs::JOINT,
            LeastSquaresSolver::Linfa => Needs::ROWS,
        }
    }

    fn gathers(&self, rows: usize, features: usize) -> bool {
        ordinary::is_small(rows, features)
    }

    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedRegression> {
        let from_rows = |rows: &Gathered| ordinary::from_rows(rows, self.fit_intercept, train.x, Self::NAME);
        if self.solver == LeastSquaresSolver::Linfa {
            return self.fit_linfa(&Gathered::of(train, Self::NAME)?);
        }
        if ordinary::is_small(train.rows.len(), train.x.features()) {
            return from_rows(&Gathered::of(train, Self::NAME)?);
        }
        training::fit(train, Self::NAME, |stats| self.fit_moments(stats), from_rows)
    }

    fn fit_stats(grid: &[&Self], stats: &Stats) -> Vec<Result<FittedRegression, Unfit>> {
        grid.iter().map(|model| model.fit_moments(stats)).collect()
    }
}

impl LinearRegression {
    fn fit_moments(&self, stats: &Stats) -> Result<FittedRegression, Unfit> {
        match self.solver {
            LeastSquaresSolver::Auto => ordinary::from_stats(stats, self.fit_intercept, Self::NAME),
            LeastSquaresSolver::Linfa => {
                Err(Unfit::Rows("solver `linfa` works on a copy of the rows".into()))
            }
        }
    }

    fn fit_linfa(&self, rows: &Gathered) -> Result<FittedRegression> {
        if rows.weight.is_some() {
            let message = "linfa's LinearRegression takes no weights";
            return Err(Code::NotSupported.error(message).help("use `solver: auto`"));
        }
        let form = super::linfa::least_squares(&rows.x, &rows.y, self.fit_intercept)?;
        FittedRegression::new(form, Quality::default(), "LinearRegression with `solver: linfa`")
    }
}
