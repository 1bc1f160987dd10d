//! A fitted pipeline: what a run publishes, and what predicts.

use std::sync::Arc;

use crate::contract::erased::{AnyFittedModel, AnyFittedStep};
use crate::contract::{Block, Frame, Prediction};
use crate::diag::{Diagnostic, Result};

/// A fitted step with its place in the file. A clone shares what was learned.
#[derive(Clone)]
pub struct FittedNode {
    /// The class, to load it by.
    pub class: &'static str,
    /// The name within its list, as `make_pipeline` gives it.
    pub name: String,
    /// What was learned.
    pub step: Arc<dyn AnyFittedStep>,
}

/// A column group: its columns go through its steps.
#[derive(Clone)]
pub struct FittedGroup {
    /// The group's name, which its features' names start with; none for a plain list of steps.
    pub name: Option<String>,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<FittedNode>,
}

/// All that is learned before the model: column groups side by side, then selectors.
#[derive(Clone)]
pub struct FittedSteps {
    /// The column groups, in order.
    pub groups: Vec<FittedGroup>,
    /// What comes after them.
    pub select: Vec<FittedNode>,
}

/// A fitted pipeline.
pub struct Fitted {
    /// What comes before the model.
    pub steps: FittedSteps,
    /// The model's class, to load it by.
    pub class: &'static str,
    /// The model.
    pub model: Box<dyn AnyFittedModel>,
    /// The features as the model saw them.
    pub names: Vec<String>,
}

impl FittedGroup {
    /// The group's features of all rows.
    ///
    /// # Errors
    /// A missing column, or whatever a step refuses.
    pub fn apply(&self, x: &Frame) -> Result<Frame> {
        let mut frame = x.select(&self.columns)?;
        for node in &self.steps {
            frame =
                node.step.apply(&frame).map_err(|error| error.prefixed(&format!("step `{}`", node.name)))?;
        }
        Ok(named(frame, self.name.as_deref()))
    }
}

/// The frame with a group's name before every feature's name, as `ColumnTransformer` does.
pub fn named(frame: Frame, group: Option<&str>) -> Frame {
    let Some(group) = group else { return frame };
    let rename = |name: &str| format!("{group}__{name}").into();
    let rows = frame.rows();
    Frame::new(rows, frame.blocks().iter().map(|block: &Block| block.renamed(rename)).collect())
}

impl FittedSteps {
    /// The features as the model sees them, for frames of raw columns.
    ///
    /// # Errors
    /// A missing column, or whatever a step refuses.
    pub fn transform(&self, x: &Frame) -> Result<Frame> {
        let groups = self.groups.iter().map(|group| group.apply(x)).collect::<Result<_>>()?;
        let mut frame = Frame::beside(x.rows(), groups);
        for node in &self.select {
            frame =
                node.step.apply(&frame).map_err(|error| error.prefixed(&format!("step `{}`", node.name)))?;
        }
        Ok(frame)
    }

    /// Warnings of all steps.
    pub fn notes(&self) -> Vec<Diagnostic> {
        let nodes = self.groups.iter().flat_map(|group| &group.steps).chain(&self.select);
        nodes.flat_map(|node| node.step.notes()).collect()
    }
}

impl Fitted {
    /// Predicts every row of a frame of raw columns.
    ///
    /// # Errors
    /// As [`FittedSteps::transform`], and whatever the model refuses.
    pub fn predict(&self, x: &Frame) -> Result<Prediction> {
        self.model.predict(&self.steps.transform(x)?)
    }

    /// Warnings of the whole fit.
    pub fn notes(&self) -> Vec<Diagnostic> {
        let mut notes = self.steps.notes();
        notes.extend(self.model.notes());
        notes
    }
}
