//! What an artifact says of itself, in JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::table::{Levels, Schema};

/// The manifest: everything that is not a tensor. No time, path, store, version or host is in it, so
/// that equal runs give equal bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`](super::FORMAT).
    pub format: String,
    /// The version of pipefit that wrote it.
    pub tool: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline file with all defaults, less its source, store and output.
    pub file: serde_json::Value,
    /// The raw feature columns.
    pub schema: Schema,
    /// The levels of the category columns among them, in the schema's order.
    pub categories: Vec<Category>,
    /// The target column, with `${env:NAME}` as it was written.
    pub target: String,
    /// The classes, for a classification.
    pub classes: Option<Labels>,
    /// Steps and model by class.
    pub structure: Structure,
    /// What a search chose, where there was one; since format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// The features as the model sees them.
    pub features: Vec<String>,
    /// The mean score of every metric over the folds.
    pub scores: BTreeMap<String, f64>,
    /// The small parts of the learned state, by name.
    pub state: BTreeMap<String, serde_json::Value>,
}

/// The levels of a category column in training.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// The column.
    pub column: String,
    /// Its levels.
    pub levels: Levels,
}

/// The classes of a classification.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// The sorted labels.
    pub levels: Levels,
}

/// What a search chose: the parameters of the pipeline that was published.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The class of the search.
    pub class: String,
    /// How many candidates there were.
    pub candidates: usize,
    /// What the best one sets, by address.
    pub best_params: serde_json::Map<String, serde_json::Value>,
    /// Its mean score by the first metric.
    pub best_score: f64,
}

/// Steps and model by class, in order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Structure {
    /// The column groups.
    pub groups: Vec<GroupStructure>,
    /// The selectors after them.
    pub select: Vec<NodeStructure>,
    /// The model's class.
    pub model: String,
}

/// A column group.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupStructure {
    /// Its name; none for a plain list of steps.
    pub name: Option<String>,
    /// Its columns.
    pub columns: Vec<String>,
    /// Its steps.
    pub steps: Vec<NodeStructure>,
}

/// A step.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeStructure {
    /// Its class.
    pub class: String,
    /// Its name within its list.
    pub name: String,
}
