//! What a model is.

use std::sync::Arc;

use super::erased::AnySplitter;
use super::params::Checks;
use super::{Frame, Needs, Params, Rng, SharedRows, State, Stats, Task, Train};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Outputs, Wire, no_form};
use crate::table::Levels;

/// Why statistics gave no fit.
#[derive(Clone, Debug)]
pub enum Unfit {
    /// Too few digits would survive, or the case is small: the rows are needed. With the reason,
    /// for `plan` and the report.
    Rows(String),
    /// It cannot be fitted at all.
    Failed(Diagnostic),
}

impl From<Diagnostic> for Unfit {
    fn from(diagnostic: Diagnostic) -> Self {
        Unfit::Failed(diagnostic)
    }
}

/// Rows that are learned on top of others, in their order.
#[derive(Clone, Copy)]
pub struct More<'a> {
    /// The features, row after row.
    pub x: &'a [f64],
    /// How many features a row has, at least one.
    pub features: usize,
    /// What is to be learned of each row, of which there is at least one.
    pub y: Truth<'a>,
    /// The weights of the rows; all are 1 if there are none.
    pub weights: Option<&'a [f64]>,
    /// Where each feature was among those of the rows before, if that has changed; one that is new was 0 in all of these.
    pub places: Option<&'a [Option<usize>]>,
    /// What the weights of the rows before are multiplied with.
    pub share: f64,
    /// What stands for a `random_state` that is not written.
    pub random_state: u32,
}

/// The targets of rows.
#[derive(Clone, Copy)]
pub enum Truth<'a> {
    /// Numbers.
    Values(&'a [f64]),
    /// Classes, as codes into labels that are all that were learned, and more.
    Classes {
        /// A code a row.
        codes: &'a [u32],
        /// What the codes stand for.
        labels: &'a Arc<Levels>,
    },
}

impl<'a> More<'a> {
    /// Checks the features against how many were learned.
    ///
    /// # Errors
    /// `NotFinite` for one that is missing or infinite, `Bug` for another number of them.
    pub fn check_features(&self, learned: usize) -> Result<()> {
        if self.features != learned || !self.x.len().is_multiple_of(learned.max(1)) {
            let message = format!("a model learned {learned} features and gets {}", self.features);
            return Err(Code::Bug.error(message));
        }
        match self.x.iter().position(|value| !value.is_finite()) {
            Some(at) => {
                let (row, feature) = (at / learned + 1, at % learned + 1);
                let message = format!("feature {feature} of row {row} is missing or infinite");
                Err(Code::NotFinite.error(message).help("fill it with a `SimpleImputer`"))
            }
            None => Ok(()),
        }
    }

    /// The targets of a regression.
    ///
    /// # Errors
    /// `BadTarget` for classes.
    pub fn values(&self) -> Result<&'a [f64]> {
        match self.y {
            Truth::Values(values) => Ok(values),
            Truth::Classes { .. } => {
                Err(Code::BadTarget.error("the target is of classes, and numbers are learned"))
            }
        }
    }

    /// The targets of a classification: codes, and what they stand for.
    ///
    /// # Errors
    /// `BadTarget` for numbers.
    pub fn classes(&self) -> Result<(&'a [u32], &'a Arc<Levels>)> {
        match self.y {
            Truth::Classes { codes, labels } => Ok((codes, labels)),
            Truth::Values(_) => {
                Err(Code::BadTarget.error("the target is of numbers, and classes are learned"))
            }
        }
    }
}

/// A model: hyperparameters only.
pub trait Model: Params + Checks {
    /// What it learns.
    const TASK: Task;
    /// Whether it takes sample weights.
    const WEIGHTS: bool;
    /// What it learns.
    type Fitted: FittedModel;

    /// What it is fitted from; [`Needs::ROWS`] when neither statistics nor shared rows will do.
    fn needs(&self) -> Needs;

    /// Why it needs rows, with [`Needs::ROWS`], after "the model ...".
    fn needs_rows(&self) -> &'static str {
        "is fitted from rows"
    }

    /// Why what it learns cannot be written as an ONNX graph, after "the model ...", if it cannot.
    fn no_onnx(&self) -> Option<&'static str> {
        None
    }

    /// Fits from training rows.
    ///
    /// # Errors
    /// A diagnostic that names the feature, and the row where one is to blame.
    fn fit(&self, train: &Train, rng: &mut Rng) -> Result<Self::Fitted>;

    /// Why it cannot learn rows on top of others, after "the model ...", if it cannot: [`Model::update`].
    fn no_update(&self) -> Option<&'static str> {
        Some("learns all rows at once")
    }

    /// Whether it has to know all classes when it begins to.
    fn fixes_classes(&self) -> bool {
        false
    }

    /// Why rows that were learned on top of others cannot be forgotten by weights, after "the model ...", if they cannot.
    fn no_forgetting(&self) -> Option<&'static str> {
        Some("keeps no weights of rows")
    }

    /// What it knows before the first row, of so many features and, if it is a classifier, these classes.
    ///
    /// # Errors
    /// `FitFailed` if these are too few; `NotSupported` as in [`Model::update`].
    fn begin(&self, _features: usize, _labels: Option<&Arc<Levels>>) -> Result<Self::Fitted> {
        Err(Code::NotSupported.error(format!("{} learns all rows at once", Self::NAME)))
    }

    /// Learns rows on top of others, as `partial_fit` of scikit-learn does. After an error what was learned is of no use.
    ///
    /// # Errors
    /// As [`Model::fit`]; `NotSupported` for models that learn all rows at once: [`Model::no_update`].
    fn update(&self, _learned: &mut Self::Fitted, _more: &More) -> Result<()> {
        Err(Code::NotSupported.error(format!("{} learns all rows at once", Self::NAME)))
    }

    /// Whether a fit of so many rows and features, though statistics would do, takes the rows as a matrix: those of a
    /// small case cost nothing and have more digits.
    fn gathers(&self, _rows: usize, _features: usize) -> bool {
        false
    }

    /// What cuts the positions of its training rows into inner folds, if it is fitted from the joint moments of each of
    /// those folds' own rows: [`Stats::inner`].
    fn inner_folds(&self) -> Option<Box<dyn AnySplitter>> {
        None
    }

    /// Fits a grid of candidates from the same statistics at once; one outcome a candidate. Those with inner folds have
    /// the same.
    fn fit_stats(grid: &[&Self], _stats: &Stats) -> Vec<Result<Self::Fitted, Unfit>> {
        grid.iter().map(|_| Err(Unfit::Rows(format!("{} reads the rows", Self::NAME)))).collect()
    }

    /// Fits a grid of candidates in several folds at once, with [`Needs::BLOCKS`]: for each of the designs
    /// one outcome a candidate.
    fn fit_folds(grid: &[&Self], rows: &SharedRows) -> Vec<Vec<Result<Self::Fitted, Unfit>>> {
        let none = |_: &&Self| Err(Unfit::Rows(format!("{} reads the rows of each fold", Self::NAME)));
        rows.designs.iter().map(|_| grid.iter().map(none).collect()).collect()
    }
}

/// A fitted model.
pub trait FittedModel: State + Send + Sync + 'static {
    /// Predicts every row. Equal rows give equal bits, whatever the batch.
    ///
    /// # Errors
    /// A diagnostic that names feature and row.
    fn predict(&self, frame: &Frame) -> Result<Prediction>;

    /// What was learned, for people.
    fn facts(&self) -> Facts;

    /// The linear form inside, if the model is a link of one.
    fn linear(&self) -> Option<Linear> {
        None
    }

    /// The prediction from the linear form's values, n x t. Only called where `linear` is `Some`.
    fn link(&self, values: Matrix) -> Prediction {
        Prediction::Values(values)
    }

    /// Adds itself to a graph: its answer from the features, as [`FittedModel::predict`] gives it. A row with NaN gets NaN, and
    /// the empty text for its class.
    ///
    /// # Errors
    /// `NotSupported` where there is no such form: [`Model::no_onnx`].
    fn onnx(&self, _graph: &mut Graph, _features: &Wire) -> Result<Outputs> {
        Err(no_form("none is known"))
    }

    /// Warnings about the fit: not converged, ill-conditioned and the like.
    fn notes(&self) -> Vec<Diagnostic> {
        Vec::new()
    }
}

/// A linear form: intercept plus features times coefficients.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Features x outputs.
    pub coef: Matrix,
    /// One an output.
    pub intercept: Vec<f64>,
}

/// What a model says of rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// Numbers, n x t.
    Values(Matrix),
    /// Classes, as codes into the labels of the training table.
    Classes {
        /// The class of each row.
        codes: Vec<u32>,
        /// Probabilities, n x classes.
        proba: Option<Matrix>,
        /// Decision values: n x 1 for two classes (the second is positive), else n x classes.
        decision: Option<Matrix>,
    },
}

impl Prediction {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Prediction::Values(values) => values.rows(),
            Prediction::Classes { codes, .. } => codes.len(),
        }
    }
}

/// What a model learned, in the shapes of scikit-learn's attributes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// `coef_`: outputs x features; one row for a single target and for two classes.
    pub coef: Option<Matrix>,
    /// `intercept_`: one an output.
    pub intercept: Option<Vec<f64>>,
    /// `classes_`.
    pub classes: Option<Arc<Levels>>,
    /// Anything else worth telling: rank, condition, iterations, in this order.
    pub more: Vec<(&'static str, serde_json::Value)>,
}
