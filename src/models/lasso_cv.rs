//! `sklearn.linear_model.LassoCV`.

use super::descent_cv::{FittedPath, PathAlphas, PathSearch};
use super::inner_folds::InnerFolds;
use super::penalized::Selection;
use crate::contract::erased::AnySplitter;
use crate::contract::{
    Checks, Exception, Fault, Model, Needs, Params, Rng, Stats, Task, Train, Unfit, params,
};
use crate::diag::Result;

params! {
    /// Lasso with the `alpha` that has the least mean squared error in folds of the training rows, fitted again on all of them.
    pub struct LassoCV {
        /// The least alpha of the path, as a share of the greatest.
        eps: f64 = 1e-3, Bound::Above(0.0);
        /// How many alphas to try, or which. Their number leads to equal ratios, from the least alpha that leaves every coefficient at
        /// 0 down to `eps` of it.
        alphas: PathAlphas = PathAlphas::Count(100), Bound::Any;
        /// Add an intercept.
        fit_intercept: bool = true, Bound::Any;
        /// Accepted, and without effect: the optimum is reached, however long it takes.
        max_iter: usize = 1000, Bound::AtLeast(1.0);
        /// Accepted, and without effect: the optimum is reached to rounding.
        tol: f64 = 1e-4, Bound::AtLeast(0.0);
        /// How to cut the training rows, in their order; null means 5.
        cv: Option<InnerFolds> = None, Bound::Any;
        /// No coefficient below 0.
        positive: bool = false, Bound::Any;
        /// Accepted, and without effect: both have the same optimum.
        selection: Selection = Selection::Cyclic, Bound::Any;
    }
    without_effect: ["copy_X", "max_iter", "n_jobs", "precompute", "random_state", "selection", "tol", "verbose"];
}

impl LassoCV {
    fn search<T>(&self, search: impl FnOnce(&PathSearch) -> T) -> T {
        let cv = self.cv.clone().unwrap_or_else(InnerFolds::five);
        search(&PathSearch {
            model: Self::NAME,
            l1_ratios: &[1.0],
            tell_ratio: false,
            eps: self.eps,
            alphas: &self.alphas,
            fit_intercept: self.fit_intercept,
            positive: self.positive,
            cv: &cv,
        })
    }
}

impl Checks for LassoCV {
    fn check(&self) -> Vec<Fault> {
        self.search(|search| search.faults())
    }

    fn exceptions() -> &'static [Exception] {
        &[
            ("permuted rows", "the inner folds are cut by the rows' places"),
            ("integer weights", "repeated rows shift the places where the inner folds are cut"),
            ("one row", "there is nothing to cut into folds"),
        ]
    }
}

impl Model for LassoCV {
    const TASK: Task = Task::Regression;
    const WEIGHTS: bool = true;
    type Fitted = FittedPath;

    fn needs(&self) -> Needs {
        Needs::JOINT
    }

    fn inner_folds(&self) -> Option<Box<dyn AnySplitter>> {
        Some(self.search(|search| search.cv.splitter()))
    }

    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedPath> {
        self.search(|search| search.fit(train))
    }

    fn fit_stats(grid: &[&Self], stats: &Stats) -> Vec<Result<FittedPath, Unfit>> {
        grid.iter().map(|model| model.search(|search| search.fit_stats(stats))).collect()
    }
}
