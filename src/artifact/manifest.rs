//! What an artifact says of itself, in JSON.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::clean::Lane;
use crate::expect::Rule;
use crate::table::{Field, Levels, NaValues, Schema};

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
    /// The pipeline file with all defaults, less its source, store, output and gate.
    pub file: serde_json::Value,
    /// The raw feature columns, as `clean` leaves them.
    pub schema: Schema,
    /// Which texts were missing values; absent where nothing was said of them.
    #[serde(default, skip_serializing_if = "NaValues::is_default")]
    pub na_values: NaValues,
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
    /// What is done to the feature columns that `clean` changed, before anything else; since format 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clean: Vec<Lane>,
    /// What is expected of the raw features; since format 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Rule>,
    /// The features as the model sees them.
    pub features: Vec<String>,
    /// The mean score of every metric over the folds.
    pub scores: BTreeMap<String, f64>,
    /// The small parts of the learned state, by name.
    pub state: BTreeMap<String, serde_json::Value>,
}

impl Manifest {
    /// The columns that new rows need, with the types that they are read with.
    pub fn inputs(&self) -> Vec<Field> {
        let lanes = self.lanes();
        let input = |field: &Field| match lanes.get(field.name.as_str()) {
            Some(lane) => Field { name: lane.name.clone(), kind: lane.kind },
            None => field.clone(),
        };
        self.schema.fields().iter().map(input).collect()
    }

    /// What is done to feature columns, by their names.
    pub fn lanes(&self) -> HashMap<&str, &Lane> {
        self.clean.iter().map(|lane| (lane.column.as_str(), lane)).collect()
    }

    /// Whether a cell of an input that a float cannot hold, infinite or an integer beyond 2^53, is none of the model's concern:
    /// no feature is made of it, or one that bounds or exchanges such cells.
    pub fn bears(&self, input: &str) -> bool {
        match self.clean.iter().find(|lane| lane.name == input) {
            Some(lane) => lane.settles_extremes(),
            None => self.clean.iter().any(|lane| lane.column == input) || self.schema.index(input).is_none(),
        }
    }

    /// Why the parts about raw columns do not go together, if they do not.
    pub(super) fn disagreement(&self) -> Option<&'static str> {
        let mut names: Vec<String> = self.inputs().into_iter().map(|field| field.name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        let kind = |column: &str| Some(self.schema.fields()[self.schema.index(column)?].kind);
        let is_made = |lane: &Lane| lane.kind_after().is_some_and(|after| kind(&lane.column) == Some(after));
        let mut made: Vec<&str> = self.clean.iter().map(|lane| lane.column.as_str()).collect();
        made.sort();
        made.dedup();
        if names.len() < all || made.len() < self.clean.len() {
            Some("cleans a column twice")
        } else if !self.clean.iter().all(is_made) {
            Some("cleans to other columns than its schema has")
        } else if self.expect.iter().any(|rule| kind(&rule.column).is_none()) {
            Some("expects something of a column that it does not have")
        } else {
            None
        }
    }
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
