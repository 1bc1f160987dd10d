//! The checked file: names become components, with types on the edges; no data.

mod advice;
mod build;
mod draft;
mod drawing;
mod exported;
mod lookup;
mod nodes;
mod online;
mod promotion;
mod search;
mod searchers;
mod slots;
mod spaces;
pub mod types;

pub use build::{checked, read, read_all};
pub use drawing::Drawing;
pub use nodes::{
    Candidate, ColumnName, FeastNode, FeatureformNode, Graph, Group, ModelNode, Origin, OutputNode, Pipeline,
    Search, Selector, SourceNode, StepNode, StoreNode, StreamNode, same_steps,
};
pub use promotion::{PromoteNode, Requirement};
pub use searchers::ALL as SEARCHERS;
