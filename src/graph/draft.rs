//! The file's components, also where one of them is none: what is judged while problems are collected.

use super::nodes::{Group, ModelNode, Pipeline, StepNode};
use crate::diag::Diagnostic;

/// What was made of the components that are written.
pub struct Draft {
    /// The column groups, in order; never empty.
    pub groups: Vec<Group>,
    /// The selectors after them.
    pub select: Vec<StepNode>,
    /// The model.
    pub model: Option<ModelNode>,
    /// The addresses of what is written and names no component.
    pub unmade: Vec<String>,
    /// Whether something could not even be read, so that there may be more addresses than these.
    pub lost: bool,
}

impl Draft {
    /// The pipeline, if all of it is there.
    pub fn pipeline(&self) -> Option<Pipeline> {
        if self.lost || !self.unmade.is_empty() {
            return None;
        }
        let model = self.model.clone()?;
        Some(Pipeline { groups: self.groups.clone(), select: self.select.clone(), model })
    }

    /// Whether a component is missing below an address.
    pub fn lacks(&self, address: &str) -> bool {
        self.unmade
            .iter()
            .any(|unmade| unmade.strip_prefix(address).is_some_and(|rest| rest.starts_with("__")))
    }
}

/// Where problems go, and the addresses of what they left unmade.
pub struct Made<'a> {
    /// The problems found so far.
    pub problems: &'a mut Vec<Diagnostic>,
    /// As [`Draft::unmade`].
    pub unmade: Vec<String>,
}
