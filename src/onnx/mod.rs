//! Graphs in the Open Neural Network Exchange format, in double precision throughout.
//!
//! Knows no component: steps and models add themselves to a [`Graph`], from [`Wire`] to [`Wire`]. Operators are core ones and
//! `LabelEncoder`; those of `ai.onnx.ml` for scaling and linear models compute in single precision. Specification:
//! <https://onnx.ai/onnx/operators/>.

mod graph;
mod messages;
mod operators;
mod wire;

pub use graph::Graph;
pub use operators::no_form;
pub use wire::{Codes, Flags, Labels, Numbers, Outputs, Part, Wire};
