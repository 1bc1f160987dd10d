//! `pipefit schema`: the pipeline file as a JSON Schema, for editors.

use serde_json::{Map, Value, json};

use super::output::Output;
use crate::contract::Param;
use crate::contract::erased::Declared;
use crate::{graph, metrics, models, splitters, steps};

/// Prints the schema.
pub fn run(output: &Output) {
    output.answer(&format!("{:#}\n", schema()));
}

/// The pipeline file of this version: every section, component and parameter, with what `explain` says of it.
///
/// It helps to write, and leaves the judgement to `check`: a value can be a reference anywhere, so that no type is insisted on.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pipefit pipeline",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "version": of("the version of the file's format", json!({"const": 1})),
            "name": text("what runs and models are filed under"),
            "extends": text("files that this one takes over and says otherwise"),
            "params": map("values to refer to as `${params.name}`"),
            "matrix": map("values of which each combination is a pipeline; refer to them as `${matrix.name}`"),
            "seed": text("the seed of everything whose own is unwritten; 0 by default"),
            "store": text("`redis://HOST:PORT/DB`, `dir:PATH`; `--store` wins over it"),
            "source": source(),
            "schema": of("types of columns, instead of those that are found", json!({
                "type": "object",
                "additionalProperties": any_of(&["number", "category", "bool", "datetime", "text"]),
            })),
            "target": text("the column to learn"),
            "roles": section("columns that are never features", &[
                ("id", text("columns that identify rows")),
                ("weight", text("the column of sample weights")),
            ]),
            "clean": text("what is done to the table before any split, in pandas' words"),
            "expect": section("what must hold of the data", &[
                ("rows", section("how many rows there are", &[("min", text("at least")), ("max", text("at most"))])),
                ("columns", map("what must hold of columns, by name")),
            ]),
            "preprocess": preprocess(),
            "select": of("selectors behind the steps", json!({"$ref": "#/$defs/steps"})),
            "model": of("the model", json!({"$ref": "#/$defs/model"})),
            "cv": of("a number of folds, a splitter, or null for none", json!({"anyOf": [
                {"type": ["integer", "null", "string"]}, {"$ref": "#/$defs/splitter"},
            ]})),
            "scoring": of("scikit-learn's names of scorers; the first decides", json!({"anyOf": [
                {"$ref": "#/$defs/metric"}, {"type": "array", "items": {"$ref": "#/$defs/metric"}},
            ]})),
            "search": of("how candidates are searched", json!({"$ref": "#/$defs/search"})),
            "output": output(),
            "promote": section("what a new version must show to take an alias", &[
                ("alias", text("`champion` by default")),
                ("require", text("a list of `{metric, threshold, min_absolute_change, min_relative_change, paired, max_p_value}`")),
            ]),
            "online": online(),
        },
        "required": ["version"],
        "$defs": {
            "steps": {"anyOf": [
                {"$ref": "#/$defs/step"},
                {"type": "array", "items": {"$ref": "#/$defs/step"}},
            ]},
            "step": components(steps::ALL.iter().map(|kind| *kind as &dyn Declared)),
            "model": components(models::ALL.iter().map(|kind| *kind as &dyn Declared)),
            "splitter": components(splitters::ALL.iter().map(|kind| *kind as &dyn Declared)),
            "search": components(graph::SEARCHERS.iter().copied()),
            "metric": {"anyOf": [
                {"oneOf": metrics::ALL.iter().map(|metric| json!({"const": metric.name, "description": metric.summary})).collect::<Vec<_>>()},
                reference(),
            ]},
        },
    })
}

fn preprocess() -> Value {
    of(
        "steps over all features, column groups, or `auto`",
        json!({"anyOf": [
            any_of(&["auto"]),
            {"$ref": "#/$defs/steps"},
            {"type": "object", "additionalProperties": {"anyOf": [any_of(&["drop", "passthrough"]), {
                "type": "object",
                "properties": {
                    "columns": text("names, or `{type: number, except: [id]}`"),
                    "steps": {"$ref": "#/$defs/steps"},
                },
            }]}},
        ]}),
    )
}

fn output() -> Value {
    section(
        "what is left behind",
        &[
            ("artifact", text("the model's name in the registry")),
            ("dir", text("the folder of the copy on disk; `artifacts` by default")),
            ("report", of("formats of the report", json!({"type": ["array", "string"]}))),
            ("onnx", text("whether an ONNX graph stands beside the model")),
            ("keep", text("how many versions without an alias stay")),
        ],
    )
}

fn source() -> Value {
    section(
        "where the table comes from: one of key, pattern, index, stream, file, feast and featureform",
        &[
            ("key", text("a key in the store")),
            ("pattern", text("the keys of the rows, such as `row:*`")),
            ("index", text("a list, set or sorted set of the rows' keys")),
            ("stream", text("a stream of rows: a key, or `{key, from, to, id, time}`")),
            ("feast", map("a feature view in Feast's online store")),
            ("featureform", map("features in Featureform's online store")),
            ("file", text("a file, or a pattern of files")),
            ("format", any_of(&["auto", "csv", "json", "jsonl", "parquet", "arrow", "npy"])),
            ("load_if_missing", text("a file that fills the key when it is not there")),
            ("columns", text("the columns to read")),
            ("na_values", text("texts that are missing values")),
            ("keep_default_na", text("whether pandas' own are, too")),
            ("pin", any_of(&["snapshot"])),
        ],
    )
}

fn online() -> Value {
    section(
        "how it goes on learning from a stream",
        &[
            ("stream", text("the key of the stream")),
            ("from", text("`start`, `now`, a span, an id or a datetime")),
            ("batch", text("how many rows are learned at once; 500 by default")),
            ("max_wait", text("how long a checkpoint waits")),
            ("publish", text("how long a version waits")),
            ("lease", text("how long a silent learner keeps others waiting")),
            ("half_life", text("after how many rows, or what time, a row weighs half")),
            ("window", text("of how many latest rows something is learned")),
            ("evaluate", any_of(&["progressive", "none"])),
            ("on_gap", any_of(&["fail", "warn"])),
            ("classes", text("all classes, for a classifier that has to know them")),
            ("labels", map("targets that come later")),
            ("drift", map("whether rows are still as they were")),
            ("guard", map("an alias that follows the versions unless they are worse")),
        ],
    )
}

/// A schema with what it means.
fn of(description: &str, mut schema: Value) -> Value {
    schema["description"] = description.into();
    schema
}

fn text(description: &str) -> Value {
    json!({"description": description})
}

fn map(description: &str) -> Value {
    json!({"description": description, "type": ["object", "string", "null"]})
}

fn section(description: &str, keys: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    json!({
        "description": description,
        "anyOf": [
            {"type": "object", "properties": properties, "additionalProperties": false},
            {"type": ["string", "null"]},
        ],
    })
}

fn reference() -> Value {
    json!({"type": "string", "pattern": "\\$\\{"})
}

/// These words, which editors propose, or a reference.
fn any_of(words: &[&str]) -> Value {
    json!({"anyOf": [{"enum": words}, reference(), {"type": "null"}]})
}

/// A bare class, or one with parameters.
fn components<'a>(kinds: impl Iterator<Item = &'a dyn Declared>) -> Value {
    let (mut bare, mut with) = (Vec::new(), Vec::new());
    for kind in kinds {
        let summary = kind.summary();
        bare.push(json!({"const": kind.name(), "description": summary}));
        let mut properties: Map<String, Value> =
            kind.parameters().iter().map(|param| (param.name.to_owned(), parameter(param))).collect();
        for name in kind.without_effect() {
            properties.entry(*name).or_insert_with(|| text("accepted without effect"));
        }
        with.push(json!({
            "type": "object",
            "required": [kind.name()],
            "additionalProperties": false,
            "properties": {kind.name(): {
                "description": summary,
                "type": ["object", "null"],
                "properties": properties,
                "additionalProperties": false,
            }},
        }));
    }
    json!({"anyOf": [{"oneOf": bare}, {"anyOf": with}, reference()]})
}

/// A parameter: its words, and what they may be.
fn parameter(param: &Param) -> Value {
    let bound = param.bound.words();
    let bound = if bound.is_empty() { bound } else { format!(", {bound}") };
    let description = format!("{} ({}{bound}; default {})", param.sentence, param.kind, param.default);
    let words: Vec<&str> = param.kind.split('`').skip(1).step_by(2).collect();
    if words.is_empty() {
        text(&description)
    } else {
        of(&description, json!({"anyOf": [{"enum": words}, {}]}))
    }
}
