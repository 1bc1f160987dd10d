//! The checked file: names become components; no data.

mod nodes;

pub use nodes::{ColumnName, Graph, Group, ModelNode, OutputNode, Selector, SourceNode, StepNode};
