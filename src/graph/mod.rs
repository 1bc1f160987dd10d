//! The checked file: names become components, with types on the edges; no data.

mod build;
mod drawing;
mod lookup;
mod nodes;
pub mod types;

pub use build::{build, read};
pub use drawing::Drawing;
pub use nodes::{
    ColumnName, Graph, Group, ModelNode, Origin, OutputNode, Pipeline, Selector, SourceNode, StepNode,
};
