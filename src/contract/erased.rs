//! The object-safe twins of the typed traits, and the lists they are registered in.
//!
//! A room's `mod.rs` lists `&Kind::<StandardScaler>::NEW`; graph looks names up in these lists and
//! gets boxes. Nothing outside this file names a component's type.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use super::params::Checks;
use super::{
    Exception, Facts, Fault, FittedModel, FittedStep, Fold, Frame, Linear, Loader, Map, Model, Monomials,
    More, Needs, Param, Params, PowerColumn, Prediction, Rng, Saver, SharedRows, Split, Splitter, State,
    Stats, Step, Task, Train, Types, Unfit, Value, Width,
};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Outputs, Wire};
use crate::table::Levels;

/// Hyperparameters of a component whose type is not known.
pub trait AnyParams: Any + Send + Sync {
    /// scikit-learn's class name.
    fn name(&self) -> &'static str;
    /// Sets one parameter; `Ok(false)` when there is none of this name.
    ///
    /// # Errors
    /// A fault when the value is of the wrong type or out of bounds.
    fn set(&mut self, name: &str, value: &Value) -> Result<bool, Fault>;
    /// All parameters with their values.
    fn values(&self) -> Vec<(&'static str, Value)>;
    /// What is wrong between parameters.
    fn check(&self) -> Vec<Fault>;
    /// Itself, to find its type.
    fn as_any(&self) -> &dyn Any;
}

impl<T: Params + Checks> AnyParams for T {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<bool, Fault> {
        Params::set(self, name, value)
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        Params::values(self)
    }

    fn check(&self) -> Vec<Fault> {
        Checks::check(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A step whose type is not known.
pub trait AnyStep: AnyParams {
    /// As [`Step::accepts`].
    fn accepts(&self) -> Types;
    /// As [`Step::emits`].
    fn emits(&self, input: Types) -> Types;
    /// As [`Step::width`].
    fn width(&self, input: Width) -> Width;
    /// As [`Step::needs`].
    fn needs(&self) -> Needs;
    /// As [`Step::maps`].
    fn maps(&self, input: Types) -> bool;
    /// As [`Step::unmapped`].
    fn unmapped(&self, input: Types) -> &'static str;
    /// As [`Step::rescales`].
    fn rescales(&self) -> bool;
    /// As [`Step::products`].
    fn products(&self, features: usize) -> Option<Monomials>;
    /// As [`Step::no_onnx`].
    fn no_onnx(&self) -> Option<&'static str>;
    /// As [`Step::fit_stats`].
    ///
    /// # Errors
    /// As there.
    fn fit_stats(&self, stats: &Stats) -> Result<Box<dyn AnyFittedStep>>;
    /// As [`Step::fit`].
    ///
    /// # Errors
    /// As there.
    fn fit(&self, train: &Train, rng: &mut Rng) -> Result<Box<dyn AnyFittedStep>>;
    /// As [`Step::fit_apply`].
    ///
    /// # Errors
    /// As there.
    fn fit_apply(&self, train: &Train, rng: &mut Rng) -> Result<(Box<dyn AnyFittedStep>, Frame)>;
    /// A copy, for another candidate.
    fn boxed(&self) -> Box<dyn AnyStep>;
}

impl<T: Step> AnyStep for T {
    fn accepts(&self) -> Types {
        Step::accepts(self)
    }

    fn emits(&self, input: Types) -> Types {
        Step::emits(self, input)
    }

    fn width(&self, input: Width) -> Width {
        Step::width(self, input)
    }

    fn needs(&self) -> Needs {
        Step::needs(self)
    }

    fn maps(&self, input: Types) -> bool {
        Step::maps(self, input)
    }

    fn unmapped(&self, input: Types) -> &'static str {
        Step::unmapped(self, input)
    }

    fn rescales(&self) -> bool {
        Step::rescales(self)
    }

    fn products(&self, features: usize) -> Option<Monomials> {
        Step::products(self, features)
    }

    fn no_onnx(&self) -> Option<&'static str> {
        Step::no_onnx(self)
    }

    fn fit_stats(&self, stats: &Stats) -> Result<Box<dyn AnyFittedStep>> {
        Ok(Box::new(Step::fit_stats(self, stats)?))
    }

    fn fit(&self, train: &Train, rng: &mut Rng) -> Result<Box<dyn AnyFittedStep>> {
        Ok(Box::new(Step::fit(self, train, rng)?))
    }

    fn fit_apply(&self, train: &Train, rng: &mut Rng) -> Result<(Box<dyn AnyFittedStep>, Frame)> {
        let (fitted, frame) = Step::fit_apply(self, train, rng)?;
        Ok((Box::new(fitted), frame))
    }

    fn boxed(&self) -> Box<dyn AnyStep> {
        Box::new(self.clone())
    }
}

/// A fitted step whose type is not known.
pub trait AnyFittedStep: Send + Sync {
    /// As [`FittedStep::apply`].
    ///
    /// # Errors
    /// As there.
    fn apply(&self, frame: &Frame) -> Result<Frame>;
    /// As [`FittedStep::map`].
    fn map(&self) -> Option<Map>;
    /// As [`FittedStep::products`].
    fn products(&self) -> Option<Vec<PowerColumn>>;
    /// As [`FittedStep::facts`].
    fn facts(&self) -> Vec<(&'static str, serde_json::Value)>;
    /// As [`FittedStep::doubt`].
    fn doubt(&self) -> Option<String>;
    /// As [`FittedStep::notes`].
    fn notes(&self) -> Vec<Diagnostic>;
    /// As [`FittedStep::onnx`].
    ///
    /// # Errors
    /// As there.
    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire>;
    /// As [`State::save`].
    fn save(&self, saver: &mut Saver);
}

impl<T: FittedStep> AnyFittedStep for T {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        FittedStep::apply(self, frame)
    }

    fn map(&self) -> Option<Map> {
        FittedStep::map(self)
    }

    fn products(&self) -> Option<Vec<PowerColumn>> {
        FittedStep::products(self)
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        FittedStep::facts(self)
    }

    fn doubt(&self) -> Option<String> {
        FittedStep::doubt(self)
    }

    fn notes(&self) -> Vec<Diagnostic> {
        FittedStep::notes(self)
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        FittedStep::onnx(self, graph, features)
    }

    fn save(&self, saver: &mut Saver) {
        State::save(self, saver);
    }
}

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
    /// As [`State::load`], of what it has learned.
    ///
    /// # Errors
    /// As there.
    fn load(&self, loader: &Loader) -> Result<Box<dyn AnyFittedModel>>;
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

    fn load(&self, loader: &Loader) -> Result<Box<dyn AnyFittedModel>> {
        Ok(Box::new(T::Fitted::load(loader)?))
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

/// A splitter whose type is not known.
pub trait AnySplitter: AnyParams {
    /// As [`Splitter::STRATIFIES`].
    fn stratifies(&self) -> bool;
    /// As [`Splitter::n_splits`].
    fn n_splits(&self) -> usize;
    /// As [`Splitter::split`].
    ///
    /// # Errors
    /// As there.
    fn split(&self, input: &Split) -> Result<(Vec<Fold>, Vec<Diagnostic>)>;
}

impl<T: Splitter> AnySplitter for T {
    fn stratifies(&self) -> bool {
        T::STRATIFIES
    }

    fn n_splits(&self) -> usize {
        Splitter::n_splits(self)
    }

    fn split(&self, input: &Split) -> Result<(Vec<Fold>, Vec<Diagnostic>)> {
        Splitter::split(self, input)
    }
}

/// What a list says of a component before it is made.
pub trait Declared: Sync {
    /// scikit-learn's class name.
    fn name(&self) -> &'static str;
    /// What it is.
    fn summary(&self) -> String;
    /// Its parameters.
    fn parameters(&self) -> Vec<Param>;
    /// Parameters that are accepted and change nothing.
    fn without_effect(&self) -> &'static [&'static str];
    /// Conformance checks it is excused from.
    fn exceptions(&self) -> &'static [Exception];
}

/// An entry of a list: the type of a component, as a value.
#[derive(Debug)]
pub struct Kind<T>(PhantomData<fn() -> T>);

impl<T> Kind<T> {
    /// The entry.
    pub const NEW: Self = Self(PhantomData);
}

impl<T: Params + Checks> Declared for Kind<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn summary(&self) -> String {
        T::summary()
    }

    fn parameters(&self) -> Vec<Param> {
        T::declared()
    }

    fn without_effect(&self) -> &'static [&'static str] {
        T::without_effect()
    }

    fn exceptions(&self) -> &'static [Exception] {
        T::exceptions()
    }
}

/// An entry of the list of steps.
pub trait StepKind: Declared {
    /// The step with its defaults.
    fn make(&self) -> Box<dyn AnyStep>;
    /// A fitted step from an artifact.
    ///
    /// # Errors
    /// As [`State::load`].
    fn load(&self, loader: &Loader) -> Result<Box<dyn AnyFittedStep>>;
}

impl<T: Step> StepKind for Kind<T> {
    fn make(&self) -> Box<dyn AnyStep> {
        Box::new(T::default())
    }

    fn load(&self, loader: &Loader) -> Result<Box<dyn AnyFittedStep>> {
        Ok(Box::new(T::Fitted::load(loader)?))
    }
}

/// An entry of the list of models.
pub trait ModelKind: Declared {
    /// The model with its defaults.
    fn make(&self) -> Box<dyn AnyModel>;
    /// A fitted model from an artifact.
    ///
    /// # Errors
    /// As [`State::load`].
    fn load(&self, loader: &Loader) -> Result<Box<dyn AnyFittedModel>>;
}

impl<T: Model> ModelKind for Kind<T> {
    fn make(&self) -> Box<dyn AnyModel> {
        Box::new(T::default())
    }

    fn load(&self, loader: &Loader) -> Result<Box<dyn AnyFittedModel>> {
        Ok(Box::new(T::Fitted::load(loader)?))
    }
}

/// An entry of the list of splitters.
pub trait SplitterKind: Declared {
    /// The splitter with its defaults.
    fn make(&self) -> Box<dyn AnySplitter>;
}

impl<T: Splitter> SplitterKind for Kind<T> {
    fn make(&self) -> Box<dyn AnySplitter> {
        Box::new(T::default())
    }
}
