//! `matrix`, and `-S key=1,2`: one file, several pipelines.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::Spec;
use super::reader::{entry, wrong};
use super::resolved::node;
use crate::diag::{Code, Diagnostic};
use crate::yaml::{Entry, MAX_NODES, Node, Value};

/// How many pipelines a file may be.
pub(super) const MOST_VARIANTS: usize = 1_000;

/// Which of a file's pipelines one is: the values that tell them apart, in their order. Without any it is the only one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variant {
    /// Of `matrix`: `${matrix.name}` stands for them.
    pub(super) matrix: Vec<(String, Node)>,
    /// Of the command line, by address.
    pub(super) swept: Vec<(String, Node)>,
    /// The names of all pipelines of the file; empty where the command line has a say in that.
    pub(super) all: Arc<[String]>,
}

impl Variant {
    /// Whether the file is one pipeline alone.
    pub fn is_only(&self) -> bool {
        self.matrix.is_empty() && self.swept.is_empty()
    }

    /// Whether the command line asks for several pipelines, of which the file knows nothing.
    pub fn is_swept(&self) -> bool {
        !self.swept.is_empty()
    }

    /// Whether the file has this pipeline, by its name, as far as is known.
    pub fn has(&self, name: &str) -> bool {
        self.all.is_empty() || self.all.iter().any(|known| known == name)
    }

    /// `{"region": "eu", "model.Ridge.alpha": 2}`
    pub fn json(&self) -> Json {
        let values = self.matrix.iter().chain(&self.swept);
        Json::Object(values.map(|(name, value)| (name.clone(), node(value))).collect::<Map<_, _>>())
    }

    /// `region=eu, model.Ridge.alpha=2`; empty for the only one.
    pub fn name(&self) -> String {
        let text = |value: &Node| match node(value) {
            Json::String(text) => text,
            other => other.to_string(),
        };
        let values = self.matrix.iter().chain(&self.swept);
        values.map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(", ")
    }
}

/// Every combination of the values of the section `matrix`, the last name's changing fastest; one of none without it. `known` is how many
/// pipelines there are already.
pub(super) fn combinations(
    root: &Node,
    known: usize,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Vec<(String, Node)>> {
    let none = vec![Vec::new()];
    let Some(section) = root.as_map().and_then(|entries| entry(entries, "matrix")) else { return none };
    let example = "write `matrix: {region: [eu, us]}` and use it as `${matrix.region}`";
    let Some(names) = section.value.as_map() else {
        problems.push(wrong("`matrix`", "a map", &section.value).help(example));
        return none;
    };
    let mut combinations = none;
    for name in names {
        let values = values(name, problems);
        let count = known + combinations.len() * values.len();
        // Every pipeline has a tree of its own.
        if count > MOST_VARIANTS || count * root.count() > 10 * MAX_NODES {
            let problem =
                Code::BadValue.error(format!("the file is {count} pipelines, more than are run at once"));
            problems.push(problem.help("a search tries parameters with less writing").at(&section.key_span));
            break;
        }
        let with = |value: &Node, known: &Vec<(String, Node)>| {
            let mut combination = known.clone();
            combination.push((name.key.clone(), value.clone()));
            combination
        };
        combinations = combinations
            .iter()
            .flat_map(|known| values.iter().map(move |value| with(value, known)))
            .collect();
    }
    combinations
}

/// Two pipelines of a matrix that are published under one name: each would hide the other.
pub(super) fn clash(specs: &[Spec]) -> Vec<Diagnostic> {
    let mut names = BTreeMap::new();
    for spec in specs {
        let artifact = &spec.output.artifact;
        let swept = Variant { matrix: Vec::new(), ..spec.variant.clone() }.name();
        if let Some(other) = names.insert((swept, &artifact.value), spec) {
            let (one, two) = (other.variant.name(), spec.variant.name());
            let message = format!("{one} and {two} are both published as `{}`", artifact.shown());
            let names = spec.variant.matrix.iter().map(|(name, _)| format!("-${{matrix.{name}}}"));
            let help =
                format!("write `output: {{artifact: {}{}}}`", spec.name.shown(), names.collect::<String>());
            return vec![Code::Conflict.error(message).help(help).at(&artifact.span)];
        }
    }
    Vec::new()
}

/// The values of a name; a single one is a list of one.
fn values(name: &Entry, problems: &mut Vec<Diagnostic>) -> Vec<Node> {
    let node = &name.value;
    let values = match &node.value {
        Value::List(items) if items.is_empty() => {
            let problem = Code::BadValue.error(format!("`{}` of `matrix` has no value", name.key));
            problems.push(problem.help("name at least one, or leave the key out").at(&node.span));
            vec![Node::new(node.span.clone(), Value::Null)]
        }
        Value::List(items) => items.clone(),
        _ => vec![node.clone()],
    };
    for (i, value) in values.iter().enumerate() {
        if values[..i].iter().any(|known| known.value == value.value) {
            let problem = Code::BadValue.error(format!("{} is listed twice in `matrix`", value.found()));
            problems.push(problem.help("remove one of them").at(&value.span));
        }
        if refers(value) {
            let problem = Code::BadReference.error("`matrix` cannot hold references");
            let help = "its values are chosen first; `params` can refer to them as `${matrix.name}`";
            problems.push(problem.help(help).at(&value.span));
        }
    }
    values
}

fn refers(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => text.contains("${"),
        Value::List(items) => items.iter().any(refers),
        Value::Map(entries) => entries.iter().any(|entry| refers(&entry.value)),
        _ => false,
    }
}
