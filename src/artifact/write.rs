//! A fitted pipeline to bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::manifest::{Category, GroupStructure, Labels, Manifest, NodeStructure, Search, Structure};
use super::tensors::pack;
use crate::contract::Saver;
use crate::diag::{Code, Result};
use crate::expect::Rule;
use crate::graph::Graph;
use crate::plan::Bound;
use crate::run::{Fitted, FittedGroup, FittedNode, Outcome};
use crate::table::{Levels, Schema, Target};

/// The artifact of an outcome: the same bytes for the same file, data and seed.
///
/// # Errors
/// `Bug` when the tensors cannot be laid out.
pub fn write(bound: &Bound, outcome: &Outcome) -> Result<Vec<u8>> {
    let mut saver = Saver::default();
    save(&outcome.fitted, &mut saver);
    let (tensors, state) = saver.finish();
    let manifest = manifest(bound, outcome, state);
    let manifest = serde_json::to_string(&manifest).map_err(|error| bug(&error.to_string()))?;
    pack(&tensors, manifest)
}

/// The artifact of a pipeline that has learned rows one after another: `schema` and `categories` are those of the features.
///
/// # Errors
/// As [`write`].
pub fn write_learned(
    graph: &Graph,
    schema: &Schema,
    categories: Vec<(String, Levels)>,
    fitted: &Fitted,
) -> Result<Vec<u8>> {
    let mut saver = Saver::default();
    save(fitted, &mut saver);
    let (tensors, state) = saver.finish();
    let categories = categories.into_iter().map(|(column, levels)| Category { column, levels });
    let manifest = Manifest {
        na_values: graph.source.na_values.clone(),
        format: super::FORMAT.to_owned(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        pipeline: graph.name.clone(),
        file: file(graph),
        schema: schema.clone(),
        categories: categories.collect(),
        target: graph.target.shown.clone(),
        classes: fitted.model.facts().classes.map(|levels| Labels { levels: Arc::unwrap_or_clone(levels) }),
        structure: structure(fitted),
        search: None,
        clean: Vec::new(),
        expect: Vec::new(),
        features: fitted.names.clone(),
        scores: BTreeMap::new(),
        state,
    };
    let manifest = serde_json::to_string(&manifest).map_err(|error| bug(&error.to_string()))?;
    pack(&tensors, manifest)
}

/// The pipeline file as an artifact holds it.
fn file(graph: &Graph) -> serde_json::Value {
    let mut file = graph.resolved.clone();
    if let Some(file) = file.as_object_mut() {
        ["source", "store", "output", "promote"].iter().for_each(|key| drop(file.shift_remove(*key)));
    }
    file
}

fn bug(what: &str) -> crate::diag::Diagnostic {
    Code::Bug.error(format!("the artifact cannot be written: {what}"))
}

/// Saves every step and the model under its place.
fn save(fitted: &Fitted, saver: &mut Saver) {
    let chain = |saver: &mut Saver, nodes: &[FittedNode]| {
        nodes.iter().for_each(|node| saver.child(&node.name, |saver| node.step.save(saver)));
    };
    for (i, group) in fitted.steps.groups.iter().enumerate() {
        saver.child(&group_name(i), |saver| chain(saver, &group.steps));
    }
    saver.child("select", |saver| chain(saver, &fitted.steps.select));
    saver.child("model", |saver| fitted.model.save(saver));
}

/// The name that a group's state is under: its place, since a group's own name may hold anything.
pub(super) fn group_name(i: usize) -> String {
    format!("preprocess.{i}")
}

fn manifest(bound: &Bound, outcome: &Outcome, state: BTreeMap<String, serde_json::Value>) -> Manifest {
    let category = |(place, column): (usize, &str)| {
        let levels = bound.x.levels(place)?;
        Some(Category { column: column.to_owned(), levels: (**levels).clone() })
    };
    let categories = bound.x.schema().names().enumerate().filter_map(category);
    let classes = match &bound.y {
        Target::Classes { labels, .. } => Some(Labels { levels: (**labels).clone() }),
        Target::Values(_) => None,
    };
    let scores = outcome.scores.iter().map(|scores| (scores.metric.name.to_owned(), scores.mean()));
    Manifest {
        na_values: bound.graph.source.na_values.clone(),
        format: super::FORMAT.to_owned(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        pipeline: bound.graph.name.clone(),
        file: file(bound.graph),
        schema: Arc::unwrap_or_clone(Arc::clone(bound.x.schema())),
        categories: categories.collect(),
        target: bound.graph.target.shown.clone(),
        classes,
        structure: structure(&outcome.fitted),
        search: search(bound, outcome),
        clean: bound.lanes.clone(),
        expect: expected(bound),
        features: outcome.fitted.names.clone(),
        scores: scores.collect(),
        state,
    }
}

/// What is expected of the features.
fn expected(bound: &Bound) -> Vec<Rule> {
    let rules = bound.graph.expect.iter().flat_map(|expect| &expect.columns);
    rules.filter(|rule| bound.x.schema().index(&rule.column).is_some()).cloned().collect()
}

/// What the search chose, if there was one.
fn search(bound: &Bound, outcome: &Outcome) -> Option<Search> {
    let (search, found) = (bound.graph.search.as_ref()?, outcome.search.as_ref()?);
    let best = search.candidates.get(found.best)?;
    Some(Search {
        class: search.class.to_owned(),
        candidates: search.candidates.len(),
        best_params: best.params_json(),
        best_score: found.tried.get(found.best)?.mean?,
    })
}

fn structure(fitted: &Fitted) -> Structure {
    let chain = |nodes: &[FittedNode]| -> Vec<NodeStructure> {
        nodes
            .iter()
            .map(|node| NodeStructure { class: node.class.to_owned(), name: node.name.clone() })
            .collect()
    };
    let group = |group: &FittedGroup| GroupStructure {
        name: group.name.clone(),
        columns: group.columns.clone(),
        steps: chain(&group.steps),
    };
    Structure {
        groups: fitted.steps.groups.iter().map(group).collect(),
        select: chain(&fitted.steps.select),
        model: fitted.class.to_owned(),
    }
}
