//! How candidates can be searched, as `explain` tells it.

use crate::contract::erased::{Declared, Kind};
use crate::contract::{Checks, Value, params};

params! {
    /// Tries every combination of the values listed, each in every fold of the file's `cv`; the mean of the first
    /// metric of `scoring` decides, of equal ones the first. The best is fitted again on all rows and published.
    pub struct GridSearchCV {
        /// A map from addresses such as `model__alpha` or `preprocess__num__simpleimputer__strategy` to their values: a
        /// list, or `{logspace: [-3, 3, 7]}`, `{geomspace: [0.001, 1000, 7]}`, `{linspace: [0, 1, 11]}` as NumPy's. An
        /// address without a parameter takes components: `model: [Ridge, {Ridge: {alpha: 10}}]`, and for a step also
        /// `passthrough`. A list of such maps is searched one after the other. Required.
        param_grid: Value = Value::Null, Bound::Any;
    }
    without_effect: [];
}

impl Checks for GridSearchCV {}

/// Every way to search.
pub const ALL: &[&dyn Declared] = &[&Kind::<GridSearchCV>::NEW];

/// The other searches of `sklearn.model_selection` 1.9.
pub const ELSEWHERE: &[&str] = &["HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV"];

/// The parameters of scikit-learn's searches that the file says elsewhere, with where.
pub const SAID_ELSEWHERE: &[(&str, &str)] = &[
    ("cv", "the candidates are judged in the folds of the file's own `cv`"),
    (
        "error_score",
        "leave it out: a candidate that fails has no score, ranks last, and a warning tells of it",
    ),
    ("estimator", "the file itself is the estimator"),
    ("n_jobs", "use `--threads`"),
    ("pre_dispatch", "leave it out; `--threads` says how many threads work"),
    ("refit", "leave it out: the best candidate is always fitted again on all rows"),
    ("return_train_score", "leave it out: training rows are not scored"),
    ("scoring", "the first metric of the file's own `scoring` decides"),
    ("verbose", "leave it out: a bar shows the progress on a terminal"),
];
