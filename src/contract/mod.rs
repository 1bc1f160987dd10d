//! What a step, a model, a splitter and a metric is.
//!
//! A component is one file that declares, documents, checks, fits and saves itself, plus two lines
//! in its room's list. One idea carries the fast path: what needs only statistics is fitted from
//! [`Stats`], in every mode. The general path makes them from rows, the two-pass path merges them
//! from the moments of the folds; the component cannot tell.
//!
//! The object-safe twins of the typed traits live in [`erased`], since both sets imported side by
//! side would make method calls ambiguous.

mod collect;
pub mod erased;
mod erased_model;
mod frame;
mod map;
mod memo;
mod metric;
mod model;
mod monomials;
mod order;
mod params;
mod random;
mod shared;
mod splitter;
mod state;
mod stats;
mod step;
mod value;
mod width;

pub use frame::{Block, Frame};
pub use map::{Map, MapColumn, Power, PowerColumn, Term};
pub use memo::Memo;
pub use metric::{Metric, Reads, Score, Task};
pub use model::{Facts, FittedModel, Linear, Model, More, Prediction, Truth, Unfit};
pub use monomials::{Monomials, Product};
pub use order::Order;
pub use params::{Bound, Checks, Choice, Fault, Param, ParamValue, Params, read_bounded};
pub(crate) use params::{choice, params};
pub use random::Rng;
pub use shared::{Design, SharedRows};
pub use splitter::{Fold, Split, Splitter};
pub use state::{Loader, Saver, State, Tensor};
pub use stats::{FeatureStats, Joint, Needs, NumberStats, Stats, Summary, TargetStats};
pub use step::{FittedStep, Step, Train, Types};
pub use value::Value;
pub use width::Width;

/// A conformance check that a component is excused from, and why; listed in the docs.
pub type Exception = (&'static str, &'static str);
