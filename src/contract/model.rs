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

/// Rows that are learned on top of others.
#[derive(Clone, Copy)]
pub struct More<'a> {
    /// The rows. Their classes are all that were learned, and more.
    pub train: &'a Train<'a>,
    /// Where each of their features was among the features of the rows before; one that is new was 0 in all of these.
    pub places: &'a [Option<usize>],
    /// What the weights of the rows before are multiplied with.
    pub share: f64,
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

    /// Whether it learns rows on top of others: [`Model::update`].
    fn updates(&self) -> bool {
        false
    }

    /// Whether it has to know all classes when it begins to.
    fn fixes_classes(&self) -> bool {
        false
    }

    /// Why rows that were learned on top of others cannot be forgotten by weights, after "the model ...", if they cannot.
    fn no_forgetting(&self) -> Option<&'static str> {
        Some("keeps no weights of rows")
    }

    /// Learns rows in their order, on top of what was learned of others, as `partial_fit` of scikit-learn does.
    ///
    /// # Errors
    /// As [`Model::fit`]; `NotSupported` for models that learn all rows at once.
    fn update(&self, _old: Option<&Self::Fitted>, _more: &More) -> Result<Self::Fitted> {
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
