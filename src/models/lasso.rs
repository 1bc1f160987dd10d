//! `sklearn.linear_model.Lasso`.

use super::penalized::{self, Candidate, FittedPenalized, Selection};
use crate::contract::{Checks, Fault, Model, Needs, Params, Rng, Stats, Task, Train, Unfit, params};
use crate::diag::Result;

params! {
    /// Least squares with an L1 penalty, which sets coefficients to 0 and leaves the intercept out. Several targets are fitted each by
    /// itself.
    pub struct Lasso {
        /// Strength of the penalty: minimizes half the weighted mean of squared residuals plus alpha times the sum of the absolute
        /// coefficients. 0 is LinearRegression.
        alpha: f64 = 1.0, Bound::AtLeast(0.0);
        /// Add an intercept.
        fit_intercept: bool = true, Bound::Any;
        /// Accepted, and without effect: the optimum is reached, however long it takes.
        max_iter: Option<usize> = Some(1000), Bound::AtLeast(1.0);
        /// Accepted, and without effect: the optimum is reached to rounding.
        tol: f64 = 1e-4, Bound::AtLeast(0.0);
        /// No coefficient below 0.
        positive: bool = false, Bound::Any;
        /// Accepted, and without effect: both have the same optimum.
        selection: Selection = Selection::Cyclic, Bound::Any;
    }
    without_effect: ["copy_X", "max_iter", "precompute", "random_state", "selection", "tol", "warm_start"];
}

impl Checks for Lasso {
    fn check(&self) -> Vec<Fault> {
        penalized::faults(self.alpha)
    }
}

impl Lasso {
    fn candidate(&self) -> Candidate {
        let Self { alpha, fit_intercept, positive, .. } = *self;
        Candidate { alpha, l1_ratio: 1.0, fit_intercept, positive }
    }
}

impl Model for Lasso {
    const TASK: Task = Task::Regression;
    const WEIGHTS: bool = true;
    type Fitted = FittedPenalized;

    fn needs(&self) -> Needs {
        Needs::JOINT
    }

    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedPenalized> {
        self.candidate().fit(train, Self::NAME)
    }

    /// Candidates that differ in `alpha` alone are one path.
    fn fit_stats(grid: &[&Self], stats: &Stats) -> Vec<Result<FittedPenalized, Unfit>> {
        let grid: Vec<Candidate> = grid.iter().map(|model| model.candidate()).collect();
        penalized::from_stats(&grid, stats, Self::NAME)
    }
}
