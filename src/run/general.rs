//! The general path: every step and the model are fitted on the training rows of each fold.

use super::fitted::{Fitted, FittedGroup, FittedNode, FittedSteps, named};
use crate::contract::erased::AnyFittedModel;
use crate::contract::{Frame, Prediction, Rng, Train};
use crate::diag::Result;
use crate::graph::{ModelNode, Pipeline, StepNode};
use crate::plan::Bound;
use crate::table::Rows;

/// The frame of raw feature columns, and the fit of everything on some of its rows.
pub struct General<'a> {
    pub(super) bound: &'a Bound<'a>,
    pub(super) frame: &'a Frame,
}

impl<'a> General<'a> {
    /// Fits on rows of this frame, which holds the bound table's feature columns.
    pub fn new(bound: &'a Bound<'a>, frame: &'a Frame) -> Self {
        Self { bound, frame }
    }

    /// Fits a pipeline on the training rows; gives it fitted, and the features of all rows as the
    /// model saw them.
    ///
    /// # Errors
    /// Whatever a step or the model refuses, with its name.
    pub fn fit(&self, pipeline: &Pipeline, rows: &Rows) -> Result<(Fitted, Frame)> {
        let mut groups = Vec::new();
        let mut frames = Vec::new();
        for (group, columns) in pipeline.groups.iter().zip(&self.bound.groups) {
            if columns.is_empty() {
                continue;
            }
            let (steps, frame) = self.chain(&group.steps, self.frame.select(columns)?, rows)?;
            frames.push(named(frame, group.name.as_deref()));
            groups.push(FittedGroup { name: group.name.clone(), columns: columns.clone(), steps });
        }
        let joined = Frame::beside(self.frame.rows(), frames);
        let (select, frame) = self.chain(&pipeline.select, joined, rows)?;
        let model = self.model(&pipeline.model, &frame, rows)?;
        let names = frame.names().iter().map(|name| name.to_string()).collect();
        let steps = FittedSteps { groups, select };
        Ok((Fitted { steps, class: pipeline.model.model.name(), model, names }, frame))
    }

    /// Fits the model alone, on the features that the steps gave.
    ///
    /// # Errors
    /// Whatever the model refuses, with its name.
    pub fn model(&self, node: &ModelNode, frame: &Frame, rows: &Rows) -> Result<Box<dyn AnyFittedModel>> {
        let y = Some(&self.bound.y);
        let train = Train { x: frame, y, weight: self.bound.weight.as_deref(), rows };
        let mut rng = Rng::at(self.bound.graph.seed, "model");
        let fitted = node.model.fit(&train, &mut rng);
        fitted.map_err(|error| error.prefixed(&format!("model `{}`", node.name)).or_at(&node.span))
    }

    fn chain(&self, nodes: &[StepNode], mut frame: Frame, rows: &Rows) -> Result<(Vec<FittedNode>, Frame)> {
        let mut fitted = Vec::with_capacity(nodes.len());
        for node in nodes {
            let (step, next) = self.step(node, &frame, rows)?;
            fitted.push(step);
            frame = next;
        }
        Ok((fitted, frame))
    }

    /// Fits one step, and gives the features of all rows behind it.
    ///
    /// # Errors
    /// Whatever the step refuses, with its name.
    pub fn step(&self, node: &StepNode, frame: &Frame, rows: &Rows) -> Result<(FittedNode, Frame)> {
        // Steps get no weights: only the model and the metrics do.
        let train = Train { x: frame, y: Some(&self.bound.y), weight: None, rows };
        let mut rng = Rng::at(self.bound.graph.seed, &node.address);
        let step = node.step.fit_apply(&train, &mut rng);
        let (step, next) =
            step.map_err(|error| error.prefixed(&format!("step `{}`", node.name)).or_at(&node.span))?;
        Ok((FittedNode { class: node.step.name(), name: node.name.clone(), step: step.into() }, next))
    }

    /// Predicts some rows from the features that the model sees.
    ///
    /// # Errors
    /// Whatever the model refuses.
    pub fn predict(&self, fitted: &Fitted, features: &Frame, rows: &Rows) -> Result<Prediction> {
        fitted.model.predict(&features.take(rows))
    }
}
