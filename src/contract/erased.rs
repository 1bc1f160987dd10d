//! The object-safe twins of the typed traits, and the lists they are registered in.
//!
//! A room's `mod.rs` lists `&Kind::<StandardScaler>::NEW`; graph looks names up in these lists and
//! gets boxes. Nothing outside this file names a component's type.

use std::any::Any;
use std::marker::PhantomData;

pub use super::erased_model::{AnyFit, AnyFittedModel, AnyModel};
use super::params::Checks;
use super::{
    Exception, Fault, FittedStep, Fold, Frame, Loader, Map, Model, Monomials, Needs, NumberStats, Param,
    Params, PowerColumn, Rng, Saver, Split, Splitter, State, Stats, Step, Train, Types, Value, Width,
};
use crate::diag::{Diagnostic, Result};
use crate::onnx::{Graph, Wire};

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
    /// As [`Step::rescaled`].
    fn rescaled(&self, number: &NumberStats) -> Option<(f64, f64)>;
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

    fn rescaled(&self, number: &NumberStats) -> Option<(f64, f64)> {
        Step::rescaled(self, number)
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
