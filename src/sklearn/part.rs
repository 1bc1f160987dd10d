//! A published pipeline, component by component: class, parameters and what it learned.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::artifact::Manifest;
use crate::contract::Value;
use crate::diag::{Code, Diagnostic, Result, Source};
use crate::graph::{self, Pipeline, StepNode};
use crate::spec;

/// A step or the model.
pub(super) struct Part<'a> {
    /// scikit-learn's class name.
    pub class: &'a str,
    /// What its state is called by in the artifact.
    pub place: String,
    /// The parameters that are not scikit-learn's defaults.
    pub params: Vec<(&'static str, Value)>,
    state: &'a BTreeMap<String, Json>,
}

/// A column group.
pub(super) struct Group<'a> {
    /// What the ColumnTransformer calls it.
    pub name: String,
    /// Its columns.
    pub columns: &'a [String],
    /// Its steps.
    pub steps: Vec<Part<'a>>,
}

/// The whole pipeline.
pub(super) struct Parts<'a> {
    /// The column groups.
    pub groups: Vec<Group<'a>>,
    /// The selectors after them.
    pub select: Vec<Part<'a>>,
    /// The model.
    pub model: Part<'a>,
}

/// Names that a ColumnTransformer has uses of its own for.
const TAKEN: &[&str] = &[
    "force_int_remainder_cols",
    "n_jobs",
    "remainder",
    "sparse_threshold",
    "transformer_weights",
    "transformers",
    "verbose",
    "verbose_feature_names_out",
];

impl Part<'_> {
    /// Something small that it learned.
    pub fn learned(&self, name: &str) -> &Json {
        self.state.get(&format!("{}.{name}", self.place)).unwrap_or(&Json::Null)
    }

    /// Whether the categories of a feature are labels, and not numbers.
    pub fn has_labels(&self, feature: usize) -> bool {
        self.learned(&format!("{feature}.categories")).get("labels").is_some_and(|labels| !labels.is_null())
    }
}

impl<'a> Parts<'a> {
    /// The parts of a manifest that has its state.
    ///
    /// # Errors
    /// `NotSupported` where the file in it is none of today, or has other components than were fitted.
    pub fn of(manifest: &'a Manifest) -> Result<Self> {
        let written = pipeline(manifest)?;
        let structure = &manifest.structure;
        let chain = |place: &str, nodes: &'a [crate::artifact::NodeStructure], steps: &[StepNode]| {
            let same =
                nodes.iter().map(|node| node.class.as_str()).eq(steps.iter().map(|step| step.step.name()));
            if !same {
                return Err(other("its steps are others than those that were fitted"));
            }
            let part = |(node, step): (&'a crate::artifact::NodeStructure, &StepNode)| {
                let kind = crate::steps::named(&node.class).ok_or_else(|| other("it has unknown steps"))?;
                Ok(Part {
                    class: &node.class,
                    place: format!("{place}.{}", node.name),
                    params: changed(step.step.values(), kind.make().values()),
                    state: &manifest.state,
                })
            };
            nodes.iter().zip(steps).map(part).collect::<Result<Vec<_>>>()
        };
        let mut groups: Vec<Group> = Vec::new();
        for (i, group) in structure.groups.iter().enumerate() {
            let steps = written.groups.iter().find(|written| written.name == group.name);
            let steps = steps.ok_or_else(|| other("its groups are others than those that were fitted"))?;
            let steps = chain(&format!("preprocess.{i}"), &group.steps, &steps.steps)?;
            let wanted = group.name.as_deref().unwrap_or("columns");
            let free = !TAKEN.contains(&wanted)
                && !wanted.contains("__")
                && groups.iter().all(|group| group.name != wanted);
            let name = if free { wanted.to_owned() } else { format!("group_{i}") };
            groups.push(Group { name, columns: &group.columns, steps });
        }
        let kind = crate::models::named(&structure.model).ok_or_else(|| other("it has an unknown model"))?;
        let model = &written.model.model;
        if model.name() != structure.model {
            return Err(other("its model is another than was fitted"));
        }
        let params = changed(model.values(), kind.make().values());
        let model = Part { class: &structure.model, place: "model".into(), params, state: &manifest.state };
        Ok(Self { groups, select: chain("select", &structure.select, &written.select)?, model })
    }
}

/// The parameters that are not the defaults.
fn changed(
    values: Vec<(&'static str, Value)>,
    defaults: Vec<(&'static str, Value)>,
) -> Vec<(&'static str, Value)> {
    let same = |name: &str, value: &Value| {
        // NaN equals nothing; what is printed does.
        defaults.iter().any(|(known, default)| *known == name && default.to_string() == value.to_string())
    };
    values.into_iter().filter(|(name, value)| !same(name, value)).collect()
}

/// The pipeline of the file in the artifact, with what its search chose.
fn pipeline(manifest: &Manifest) -> Result<Pipeline> {
    let mut file = manifest.file.clone();
    let Some(sections) = file.as_object_mut() else { return Err(other("it is no map")) };
    // Sections that ask for data or name columns that are not features.
    for section in ["search", "clean", "expect", "online", "roles", "cv", "scoring"] {
        sections.shift_remove(section);
    }
    sections.insert("source".into(), json!({"file": "rows.csv"}));
    if let Some(search) = manifest.search.as_ref().filter(|search| !search.best_params.is_empty()) {
        // What the search chose is the only candidate of another one.
        let grid = search.best_params.iter().map(|(address, value)| (address.clone(), json!([value])));
        let grid: serde_json::Map<_, _> = grid.collect();
        sections.insert("search".into(), json!({"GridSearchCV": {"param_grid": grid}}));
    }
    let source = Source::new("the pipeline of the artifact", file.to_string());
    let parsed = spec::parse(source, Path::new(""), &[], &|name| std::env::var(name).ok());
    let (graphs, problems) = graph::checked(parsed);
    let Some(graph) = graphs.into_iter().next() else {
        let first = problems.first().map(|problem| problem.message().to_owned());
        return Err(other(&first.unwrap_or_else(|| "it is no pipeline of today".to_owned())));
    };
    Ok(match graph.search.as_ref().and_then(|search| search.candidates.first()) {
        Some(chosen) => chosen.pipeline.clone(),
        None => graph.pipeline.clone(),
    })
}

fn other(why: &str) -> Diagnostic {
    Code::NotSupported.error(format!("the pipeline file of this version cannot be read again: {why}"))
}
