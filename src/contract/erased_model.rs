//! The object-safe forms of models.

use std::any::Any;
use std::sync::Arc;

use super::erased::{AnyParams, AnySplitter};
use super::{
    Facts, FittedModel, Frame, Linear, Model, More, Needs, Prediction, Rng, Saver, SharedRows, State, Stats,
    Task, Train, Unfit,
};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Outputs, Wire};
use crate::table::Levels;

/// A model whose type is not known.
pub trait AnyModel: AnyParams {
    /// As [`Model::TASK`].
    fn task(&self) -> Task;
    /// As [`Model::WEIGHTS`].
    fn takes_weights(&self) -> bool;
    /// As [`Model::needs`].
    fn needs(&self) -> Needs;
    /// As [`Model::needs_rows`].
    fn needs_rows(&self) -> &'static str;
    /// As [`Model::no_onnx`].
    fn no_onnx(&self) -> Option<&'static str>;
    /// As [`Model::fit`].
    ///
    /// # Errors
    /// As there.
    fn fit(&self, train: &Train, rng: &mut Rng) -> Result<Box<dyn AnyFittedModel>>;
    /// As [`Model::no_update`].
    fn no_update(&self) -> Option<&'static str>;
    /// As [`Model::fixes_classes`].
    fn fixes_classes(&self) -> bool;
    /// As [`Model::no_forgetting`].
    fn no_forgetting(&self) -> Option<&'static str>;
    /// As [`Model::begin`].
    ///
    /// # Errors
    /// As there.
    fn begin(&self, features: usize, labels: Option<&Arc<Levels>>) -> Result<Box<dyn AnyFittedModel>>;
    /// As [`Model::update`]. What was learned must be of this model's own type; another is a bug and comes back as one.
    ///
    /// # Errors
    /// As there.
    fn update(&self, learned: &mut dyn AnyFittedModel, more: &More) -> Result<()>;
    /// As [`Model::gathers`].
    fn gathers(&self, rows: usize, features: usize) -> bool;
    /// As [`Model::inner_folds`].
    fn inner_folds(&self) -> Option<Box<dyn AnySplitter>>;
    /// As [`Model::fit_stats`]. All of `grid` must be of this model's own type; others are a bug
    /// and come back as one.
    fn fit_grid(&self, grid: &[&dyn AnyModel], stats: &Stats) -> Vec<AnyFit>;
    /// As [`Model::fit_folds`], with a grid as in [`AnyModel::fit_grid`].
    fn fit_folds(&self, grid: &[&dyn AnyModel], rows: &SharedRows) -> Vec<Vec<AnyFit>>;
    /// A copy, for another candidate.
    fn boxed(&self) -> Box<dyn AnyModel>;
}

impl<T: Model> AnyModel for T {
    fn task(&self) -> Task {
        T::TASK
    }

    fn takes_weights(&self) -> bool {
        T::WEIGHTS
    }

    fn needs(&self) -> Needs {
        Model::needs(self)
    }

    fn needs_rows(&self) -> &'static str {
        Model::needs_rows(self)
    }

    fn no_onnx(&self) -> Option<&'static str> {
        Model::no_onnx(self)
    }

    fn fit(&self, train: &Train, rng: &mut Rng) -> Result<Box<dyn AnyFittedModel>> {
        Ok(Box::new(Model::fit(self, train, rng)?))
    }

    fn no_update(&self) -> Option<&'static str> {
        Model::no_update(self)
    }

    fn fixes_classes(&self) -> bool {
        Model::fixes_classes(self)
    }

    fn no_forgetting(&self) -> Option<&'static str> {
        Model::no_forgetting(self)
    }

    fn begin(&self, features: usize, labels: Option<&Arc<Levels>>) -> Result<Box<dyn AnyFittedModel>> {
        Ok(Box::new(Model::begin(self, features, labels)?))
    }

    fn update(&self, learned: &mut dyn AnyFittedModel, more: &More) -> Result<()> {
        let other = || Code::Bug.error("another model was learned");
        Model::update(self, learned.as_any_mut().downcast_mut().ok_or_else(other)?, more)
    }

    fn gathers(&self, rows: usize, features: usize) -> bool {
        Model::gathers(self, rows, features)
    }

    fn inner_folds(&self) -> Option<Box<dyn AnySplitter>> {
        Model::inner_folds(self)
    }

    fn fit_grid(&self, grid: &[&dyn AnyModel], stats: &Stats) -> Vec<AnyFit> {
        typed(grid)
            .map_or_else(|| mixed(grid), |typed| T::fit_stats(&typed, stats).into_iter().map(erase).collect())
    }

    fn fit_folds(&self, grid: &[&dyn AnyModel], rows: &SharedRows) -> Vec<Vec<AnyFit>> {
        match typed(grid) {
            Some(typed) => {
                let folds = T::fit_folds(&typed, rows).into_iter();
                folds.map(|fits| fits.into_iter().map(erase).collect()).collect()
            }
            None => rows.designs.iter().map(|_| mixed(grid)).collect(),
        }
    }

    fn boxed(&self) -> Box<dyn AnyModel> {
        Box::new(self.clone())
    }
}

/// The models of a grid as what they are, if they are all of one type.
fn typed<'a, T: Model>(grid: &[&'a dyn AnyModel]) -> Option<Vec<&'a T>> {
    grid.iter().map(|model| model.as_any().downcast_ref()).collect()
}

fn mixed(grid: &[&dyn AnyModel]) -> Vec<AnyFit> {
    grid.iter().map(|_| Err(Unfit::Rows("a grid of several models".into()))).collect()
}

fn erase<F: FittedModel>(fit: Result<F, Unfit>) -> AnyFit {
    fit.map(|fitted| Box::new(fitted) as Box<dyn AnyFittedModel>)
}

/// What became of a model of a grid.
pub type AnyFit = Result<Box<dyn AnyFittedModel>, Unfit>;

/// A fitted model whose type is not known.
pub trait AnyFittedModel: Send + Sync {
    /// As [`FittedModel::predict`].
    ///
    /// # Errors
    /// As there.
    fn predict(&self, frame: &Frame) -> Result<Prediction>;
    /// As [`FittedModel::facts`].
    fn facts(&self) -> Facts;
    /// As [`FittedModel::linear`].
    fn linear(&self) -> Option<Linear>;
    /// As [`FittedModel::link`].
    fn link(&self, values: Matrix) -> Prediction;
    /// As [`FittedModel::notes`].
    fn notes(&self) -> Vec<Diagnostic>;
    /// As [`FittedModel::onnx`].
    ///
    /// # Errors
    /// As there.
    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Outputs>;
    /// As [`State::save`].
    fn save(&self, saver: &mut Saver);
    /// Itself, to find its type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: FittedModel> AnyFittedModel for T {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        FittedModel::predict(self, frame)
    }

    fn facts(&self) -> Facts {
        FittedModel::facts(self)
    }

    fn linear(&self) -> Option<Linear> {
        FittedModel::linear(self)
    }

    fn link(&self, values: Matrix) -> Prediction {
        FittedModel::link(self, values)
    }

    fn notes(&self) -> Vec<Diagnostic> {
        FittedModel::notes(self)
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Outputs> {
        FittedModel::onnx(self, graph, features)
    }

    fn save(&self, saver: &mut Saver) {
        State::save(self, saver);
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
