//! A pipeline fitted from what a learner has kept of its rows, which nobody can read again.

use std::sync::Arc;

use super::cells::Cell;
use super::fitted::{Fitted, FittedGroup, FittedNode, FittedSteps};
use super::layout::{Layout, Place};
use super::order::Orders;
use super::products::ProductPlaces;
use super::two_pass::compose;
use super::view::{Training, View};
use crate::contract::erased::AnyModel;
use crate::contract::{Needs, Stats, Unfit};
use crate::diag::{Code, Diagnostic, Result};
use crate::graph::{ModelNode, Pipeline, StepNode};
use crate::linalg::{Affine, Centred, Matrix, Moments};
use crate::table::{Levels, Schema, Target};

/// What is known of a raw column.
#[derive(Clone, Debug)]
pub enum Known {
    /// A number: its position holds `x - shift`, and 0 where it is missing.
    Number {
        /// What was taken from every value.
        shift: f64,
        /// Least and greatest present value.
        extremes: Option<(f64, f64)>,
        /// How many rows have a value, and how many have none: those have an indicator right behind, if there are any.
        counts: [u64; 2],
    },
    /// A category: a position a level holds its indicator.
    Category {
        /// The levels.
        levels: Arc<Levels>,
        /// How many rows have each, and how many have none: those have an indicator behind the last level, if there are any.
        counts: Vec<u64>,
    },
}

/// All rows, as a learner has kept them: positions of the raw columns in the schema's order, then the targets.
#[derive(Clone, Debug)]
pub struct Memory {
    /// One a column.
    pub columns: Vec<Known>,
    /// What was taken from each target.
    pub target_shifts: Vec<f64>,
    /// The moments of all positions.
    pub moments: Moments,
    /// Their factor, where the model is fitted from it.
    pub factor: Option<Centred>,
}

/// A fitted pipeline.
pub struct Learned {
    /// The pipeline.
    pub fitted: Fitted,
    /// The model's linear form over the positions, one an output, if it has one.
    pub composed: Option<Vec<Affine>>,
}

/// Fits steps and model on all rows of a memory. `groups` are the columns of each group of the pipeline.
///
/// # Errors
/// Whatever a step or the model refuses, with its name; `NotSupported` for those that need more than is kept.
pub fn fit_memory(
    pipeline: &Pipeline,
    groups: &[Vec<String>],
    schema: &Schema,
    memory: &Memory,
) -> Result<Learned> {
    with_steps(pipeline, groups, schema, memory, |steps, view| model(pipeline, steps, view, memory))
}

/// Steps that were fitted, and what they make of the positions.
pub struct Transformed {
    /// The steps.
    pub steps: FittedSteps,
    /// Each feature over the positions.
    pub values: Vec<Affine>,
    /// The features' names.
    pub names: Vec<String>,
}

/// Fits the steps alone, for a model that is not fitted from a memory.
///
/// # Errors
/// As [`fit_memory`].
pub fn fit_steps(
    pipeline: &Pipeline,
    groups: &[Vec<String>],
    schema: &Schema,
    memory: &Memory,
) -> Result<Transformed> {
    with_steps(pipeline, groups, schema, memory, |steps, view| match view.values() {
        Some(values) => Ok(Transformed { steps, values, names: view.names() }),
        None => Err(placed(&pipeline.model, holes())),
    })
}

fn with_steps<T>(
    pipeline: &Pipeline,
    groups: &[Vec<String>],
    schema: &Schema,
    memory: &Memory,
    then: impl FnOnce(FittedSteps, &View) -> Result<T>,
) -> Result<T> {
    let layout = layout(memory);
    let cell = cell(memory);
    let orders = Orders::none();
    let target = Target::Values(Matrix::zeros(0, memory.target_shifts.len()));
    let training = Training { cell: &cell, fold: None, orders: &orders };
    let raw = View::raw(&layout, training, &target, schema);
    let (mut fitted_groups, mut views) = (Vec::new(), Vec::new());
    for (group, columns) in pipeline.groups.iter().zip(groups).filter(|(_, columns)| !columns.is_empty()) {
        let places: Vec<usize> = columns.iter().filter_map(|name| schema.index(name)).collect();
        let (steps, view) = chain(&group.steps, raw.select(&places))?;
        views.push((group.name.clone(), view));
        fitted_groups.push(FittedGroup { name: group.name.clone(), columns: columns.clone(), steps });
    }
    let (select, view) = chain(&pipeline.select, raw.beside(views))?;
    let steps = FittedSteps { groups: fitted_groups, select };
    then(steps, &view)
}

fn placed(node: &ModelNode, error: Diagnostic) -> Diagnostic {
    error.prefixed(&format!("model `{}`", node.name)).or_at(&node.span)
}

fn holes() -> Diagnostic {
    let message = "the model's features are not all numbers without missing values";
    Code::BadCell.error(message).help("impute missing numbers and encode categories before the model")
}

fn model(pipeline: &Pipeline, steps: FittedSteps, view: &View, memory: &Memory) -> Result<Learned> {
    let node = &pipeline.model;
    let place = |error: Diagnostic| placed(node, error);
    let (Some(values), Some(joint)) = (view.values(), view.joint()) else { return Err(place(holes())) };
    let rows = memory.moments.rows as usize;
    let stats = Stats { joint: Some(joint), rows, ..view.stats(Needs::TARGET) };
    let own: &dyn AnyModel = &*node.model;
    let model = match own.fit_grid(&[own], &stats).pop() {
        Some(Ok(model)) => model,
        Some(Err(Unfit::Failed(error))) => return Err(place(error)),
        Some(Err(Unfit::Rows(reason))) => return Err(place(unlearnable(&reason))),
        None => return Err(Code::Bug.error("a model gave no outcome for its candidate")),
    };
    let composed = model.linear().map(|linear| compose(&linear, &values));
    let names = view.names();
    Ok(Learned { fitted: Fitted { steps, class: own.name(), model, names }, composed })
}

/// Fits steps one after the other.
fn chain<'v>(nodes: &[StepNode], mut view: View<'v>) -> Result<(Vec<FittedNode>, View<'v>)> {
    let mut fitted = Vec::with_capacity(nodes.len());
    for node in nodes {
        let place = |error: Diagnostic| error.prefixed(&format!("step `{}`", node.name)).or_at(&node.span);
        let needs = node.step.needs();
        if let Some(name) = view.without_order(needs) {
            return Err(place(unlearnable(&format!("the values of `{name}` in order would be needed"))));
        }
        let step = node.step.fit_stats(&view.stats(needs)).map_err(place)?;
        let Some(map) = step.map() else {
            return Err(place(unlearnable("it is no linear map of its features")));
        };
        view = view.through(&map);
        fitted.push(FittedNode { class: node.step.name(), name: node.name.clone(), step: step.into() });
    }
    Ok((fitted, view))
}

fn unlearnable(why: &str) -> Diagnostic {
    Code::NotSupported
        .error(format!("it cannot be learned online: {why}"))
        .help("take steps that need means, extremes or counts, such as StandardScaler, and a linear model")
}

fn layout(memory: &Memory) -> Layout {
    let mut at = 0;
    let mut next = |more: usize| {
        at += more;
        at - more
    };
    let mut places = Vec::with_capacity(memory.columns.len());
    for known in &memory.columns {
        places.push(match known {
            Known::Number { shift, counts, .. } => {
                let at = next(1);
                let missing = (counts[1] > 0).then(|| next(1));
                Place::Number { at, shift: *shift, missing }
            }
            Known::Category { levels, counts } => {
                let at = next(levels.len());
                let missing = counts.last().is_some_and(|count| *count > 0).then(|| next(1));
                Place::Category { at, levels: Arc::clone(levels), missing }
            }
        });
    }
    let target_shifts = memory.target_shifts.clone();
    // Only passes over rows ask which positions are numbers.
    let (numbers, indicators) = (Vec::new(), Vec::new());
    Layout { places, products: ProductPlaces::default(), features: at, target_shifts, numbers, indicators }
}

/// What the steps see: rows that all weigh the same, even where older ones are partly forgotten.
fn cell(memory: &Memory) -> Cell {
    let moments = memory.moments.clone();
    let rows = moments.rows as f64;
    let mut plain = moments.clone();
    if plain.weight != rows && plain.weight > 0.0 {
        let share = rows / plain.weight;
        plain.gram.values_mut().iter_mut().for_each(|value| *value *= share);
        plain.weight = rows;
    }
    let counts = |known: &Known| match known {
        Known::Number { counts, .. } => counts.to_vec(),
        Known::Category { counts, .. } => counts.clone(),
    };
    let extremes = |known: &Known| match known {
        Known::Number { extremes, .. } => *extremes,
        Known::Category { .. } => None,
    };
    let weighted: Option<Moments> = (plain != moments).then_some(moments);
    Cell {
        plain,
        weighted,
        extremes: memory.columns.iter().map(extremes).collect(),
        counts: memory.columns.iter().map(counts).collect(),
        factor: memory.factor.clone(),
    }
}
