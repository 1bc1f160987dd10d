//! What a step is.

use super::params::Checks;
use super::{Frame, Map, Monomials, Needs, NumberStats, Params, PowerColumn, Rng, State, Stats, Width};
use crate::diag::{Diagnostic, Result};
use crate::onnx::{Graph, Wire, no_form};
use crate::table::{Rows, Target};

/// What a fit may look at: a frame of all rows, of which only `rows` are to be read. Nothing is
/// gathered beforehand; target and weights are those of all rows too.
#[derive(Clone, Copy, Debug)]
pub struct Train<'a> {
    /// The features of all rows.
    pub x: &'a Frame,
    /// The target of all rows.
    pub y: Option<&'a Target>,
    /// The weights of all rows; steps get none.
    pub weight: Option<&'a [f64]>,
    /// The training rows.
    pub rows: &'a Rows,
}

/// The types that a set of features may have: what flows on an edge of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types {
    /// There may be numbers.
    pub numbers: bool,
    /// There may be categories.
    pub categories: bool,
    /// There may be datetimes, missing ones among them.
    pub datetimes: bool,
    /// There may be missing values among the numbers. A missing category is a category.
    pub missing: bool,
}

impl Types {
    /// Nothing.
    pub const NONE: Types = Types { numbers: false, categories: false, datetimes: false, missing: false };
    /// Numbers, none missing.
    pub const NUMBERS: Types = Types { numbers: true, ..Types::NONE };
    /// Numbers, some missing.
    pub const HOLEY_NUMBERS: Types = Types { missing: true, ..Types::NUMBERS };
    /// Categories.
    pub const CATEGORIES: Types = Types { categories: true, ..Types::NONE };
    /// Datetimes.
    pub const DATETIMES: Types = Types { datetimes: true, ..Types::NONE };
    /// Numbers and categories.
    pub const ANY: Types = Types { categories: true, ..Types::HOLEY_NUMBERS };

    /// Either.
    pub fn or(self, other: Types) -> Types {
        Types {
            numbers: self.numbers || other.numbers,
            categories: self.categories || other.categories,
            datetimes: self.datetimes || other.datetimes,
            missing: self.missing || other.missing,
        }
    }
}

/// A preprocessing step or selector: hyperparameters only.
pub trait Step: Params + Checks {
    /// What it learns.
    type Fitted: FittedStep;

    /// The types of features it takes.
    fn accepts(&self) -> Types;

    /// The types of features it gives, for types that it accepts.
    fn emits(&self, input: Types) -> Types;

    /// How large the features that it gives are at most, for such features.
    fn width(&self, input: Width) -> Width {
        input.unpacked()
    }

    /// What it is fitted from; [`Needs::ROWS`] when statistics will not do.
    fn needs(&self) -> Needs;

    /// Whether [`FittedStep::map`] will be there for features of these types, whatever the data:
    /// what the two-pass path asks.
    fn maps(&self, _input: Types) -> bool {
        false
    }

    /// Why not, where [`Step::maps`] is false, after "the step ...".
    fn unmapped(&self, _input: Types) -> &'static str {
        "is no linear map of its features"
    }

    /// Whether each of as many output features will be `a x + b` of the input feature in its place, for numbers of which
    /// none is missing.
    fn rescales(&self) -> bool {
        false
    }

    /// What a fit makes of a feature with such statistics that has no missing value: what it is multiplied with, and what is
    /// added then. None where it rescales nothing, or cannot be fitted.
    fn rescaled(&self, _number: &NumberStats) -> Option<(f64, f64)> {
        None
    }

    /// What [`FittedStep::products`] will be made of for so many features, if it will be there: the two-pass path
    /// collects the moments of these monomials, whose every divisor is among them.
    fn products(&self, _features: usize) -> Option<Monomials> {
        None
    }

    /// Why what it learns cannot be written as an ONNX graph, after "the step ...", if it cannot.
    fn no_onnx(&self) -> Option<&'static str> {
        None
    }

    /// Fits from statistics: what every step with other needs than `ROWS` defines.
    ///
    /// # Errors
    /// A diagnostic that names the feature.
    fn fit_stats(&self, stats: &Stats) -> Result<Self::Fitted>;

    /// Fits from training rows. A step that needs only statistics keeps this default, so that all
    /// modes give the same state.
    ///
    /// # Errors
    /// A diagnostic that names the feature, and the row where one is to blame.
    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<Self::Fitted> {
        self.fit_stats(&Stats::of(train, self.needs())?)
    }

    /// Fits and gives the features of the training rows' frame as the next step is to see them in
    /// training; differs from `fit`, then `apply` for cross-fitted encoders only.
    ///
    /// # Errors
    /// As [`Step::fit`] and [`FittedStep::apply`].
    fn fit_apply(&self, train: &Train, rng: &mut Rng) -> Result<(Self::Fitted, Frame)> {
        let fitted = self.fit(train, rng)?;
        let frame = fitted.apply(train.x)?;
        Ok((fitted, frame))
    }
}

/// A fitted step.
pub trait FittedStep: State + Send + Sync + 'static {
    /// The features of all rows after the step. Row by row: a row's outcome depends on it alone.
    ///
    /// # Errors
    /// A diagnostic that names feature and row, e.g. for a category that training did not have.
    fn apply(&self, frame: &Frame) -> Result<Frame>;

    /// The step as a linear map of its input features, if it is one.
    fn map(&self) -> Option<Map> {
        None
    }

    /// The step as products of powers of its input features, if it is that.
    fn products(&self) -> Option<Vec<PowerColumn>> {
        None
    }

    /// Adds itself to a graph: its features from those before it, what [`FittedStep::apply`] does. A row that it refuses
    /// becomes NaN.
    ///
    /// # Errors
    /// `NotSupported` where there is no such form: [`Step::no_onnx`].
    fn onnx(&self, _graph: &mut Graph, _features: &Wire) -> Result<Wire> {
        Err(no_form("none is known"))
    }

    /// What was learned, for people, in scikit-learn's words less the `_` at their ends: a value, a list, or a map from features.
    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        Vec::new()
    }

    /// Why rounding may have decided what was learned, if it may have: two scores at the cut of a
    /// selection that agree to 9 digits, say. Statistics merged from moments and those of the rows
    /// could differ there, so the two-pass path leaves such a fold to the general one.
    fn doubt(&self) -> Option<String> {
        None
    }

    /// Warnings about the fit: features that were dropped and the like.
    fn notes(&self) -> Vec<Diagnostic> {
        Vec::new()
    }
}
