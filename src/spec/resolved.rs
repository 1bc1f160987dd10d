//! The file as locks and artifacts hold it.

use serde_json::{Map, Value as Json, json};

use super::stream::StreamSection;
use super::{Cv, Group, Preprocess, Remainder, SourceSection, Spec, Text, Written};
use crate::diag::without_passwords;
use crate::yaml::{Node, Value};

impl Spec {
    /// The whole file with defaults, `-S` and `params` applied, in the order of the format.
    ///
    /// What came from the environment stays as `${env:NAME}`. What says where the work is done and
    /// not what is done is left out (`store`, `source.load_if_missing`, `output.dir`), so that the
    /// same pipeline has the same bytes anywhere. `scoring` is null for the model's default, and a
    /// component has the parameters that were written: what depends on components, the rooms that
    /// know them fill in. Infinite numbers are the texts `.inf`, `-.inf` and `.nan`.
    pub fn resolved(&self) -> Json {
        let mut resolved = json!({
            "version": 1,
            "name": shown(&self.name),
            "params": object(self.params.iter().map(|entry| (entry.key.clone(), node(&entry.value)))),
            "seed": self.seed,
            "source": source(&self.source),
            "schema": object(self.schema.iter().map(|(name, kind)| (name.value.clone(), kind.name().into()))),
            "target": self.target.as_ref().map(shown),
            "roles": {"id": texts(&self.roles.id), "weight": self.roles.weight.as_ref().map(shown)},
            "preprocess": preprocess(&self.preprocess),
            "select": components(&self.select),
            "model": self.model.as_ref().map(component),
            "cv": match &self.cv {
                Cv::Off(_) => Json::Null,
                Cv::Folds { folds, .. } => json!(folds),
                Cv::Splitter(splitter) => component(splitter),
            },
            "scoring": if self.scoring.is_empty() { Json::Null } else { texts(&self.scoring) },
            "output": {"artifact": shown(&self.output.artifact), "report": self.output.report},
        });
        for entry in &self.written {
            resolved[&entry.key] = node(&entry.value);
        }
        // Absent from files without one, whose locks and artifacts stay as they were.
        if let Some(search) = &self.search {
            resolved["search"] = component(search);
        }
        if self.output.onnx {
            resolved["output"]["onnx"] = true.into();
        }
        if let Some(keep) = self.output.keep {
            resolved["output"]["keep"] = keep.into();
        }
        resolved
    }
}

/// The source, with the one of `key`, `pattern`, `index` and `file` that was written.
fn source(source: &SourceSection) -> Json {
    let origin = match (&source.pattern, &source.index, &source.file) {
        (Some(pattern), ..) => ("pattern", Some(pattern)),
        (None, Some(index), _) => ("index", Some(index)),
        (None, None, Some(file)) => ("file", Some(&file.text)),
        (None, None, None) => match &source.stream {
            Some(stream) => ("stream", Some(&stream.key)),
            None => match (&source.feast, &source.featureform) {
                (Some(feast), _) => ("feast", Some(&feast.feature_view)),
                (None, Some(featureform)) => ("featureform", Some(&featureform.entity)),
                (None, None) => ("key", source.key.as_ref()),
            },
        },
    };
    let mut resolved = json!({
        origin.0: origin.1.map(shown),
        "format": source.format,
        "columns": source.columns.as_ref().map(|columns| texts(columns)),
    });
    if let Some(StreamSection { key, written: (from, to), id, time, .. }) = &source.stream {
        resolved["stream"] = json!({"key": shown(key), "from": from, "to": to});
        for (name, column) in [("id", id), ("time", time)] {
            if let Some(column) = column {
                resolved["stream"][name] = shown(column);
            }
        }
    }
    if let Some(feast) = &source.feast {
        resolved["feast"] = json!({
            "project": shown(&feast.project),
            "feature_view": shown(&feast.feature_view),
            "join_keys": texts(&feast.join_keys),
            "features": texts(&feast.features),
            "time": feast.time.as_ref().map(shown),
        });
    }
    if let Some(featureform) = &source.featureform {
        let features = featureform.features.iter();
        resolved["featureform"] = json!({
            "entity": shown(&featureform.entity),
            "features": object(features.map(|(name, variant)| (name.shown().to_owned(), shown(variant)))),
            "prefix": featureform.prefix.as_ref().map(shown),
        });
    }
    // Absent from files that say nothing of them, whose locks stay as they were.
    if !source.na_values.is_default() {
        resolved["na_values"] = source.na_values.values.iter().map(|value| text(value)).collect();
        resolved["keep_default_na"] = source.na_values.keep_default.into();
    }
    if source.pin {
        resolved["pin"] = "snapshot".into();
    }
    resolved
}

fn object(entries: impl Iterator<Item = (String, Json)>) -> Json {
    Json::Object(entries.collect::<Map<_, _>>())
}

fn text(text: &str) -> Json {
    Json::String(without_passwords(text).into_owned())
}

fn shown(value: &Text) -> Json {
    text(value.shown())
}

fn texts(values: &[Text]) -> Json {
    values.iter().map(shown).collect()
}

fn components(written: &[Written]) -> Json {
    written.iter().map(component).collect()
}

fn component(written: &Written) -> Json {
    let parameters = written.parameters.iter().map(|(name, _, value)| (name.clone(), node(value)));
    json!({ &written.name: object(parameters) })
}

fn preprocess(written: &Preprocess) -> Json {
    match written {
        Preprocess::None => Json::Null,
        Preprocess::Auto(_) => json!("auto"),
        Preprocess::Steps(steps) => components(steps),
        Preprocess::Groups { groups, remainder, .. } => {
            let remainder = match remainder {
                Remainder::Drop => "drop",
                Remainder::Passthrough => "passthrough",
            };
            let groups = groups.iter().map(|group| (group.name.clone(), self::group(group)));
            object(groups.chain([("remainder".to_owned(), remainder.into())]))
        }
    }
}

fn group(group: &Group) -> Json {
    let selector = &group.columns;
    let columns = if selector.names.is_empty() {
        let mut chosen = Map::new();
        if !selector.kinds.is_empty() {
            chosen.insert("type".to_owned(), selector.kinds.iter().map(|kind| kind.name()).collect());
        }
        if !selector.except.is_empty() {
            chosen.insert("except".to_owned(), texts(&selector.except));
        }
        Json::Object(chosen)
    } else {
        texts(&selector.names)
    };
    json!({"columns": columns, "steps": components(&group.steps)})
}

/// A value as it was written, with references applied.
pub(super) fn node(value: &Node) -> Json {
    if let Some(unexpanded) = &value.unexpanded {
        return text(unexpanded);
    }
    match &value.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) if value.is_nan() => json!(".nan"),
        Value::Float(value) if value.is_infinite() => json!(if *value > 0.0 { ".inf" } else { "-.inf" }),
        Value::Float(value) => json!(value),
        Value::Text(value) => text(value),
        Value::List(items) => items.iter().map(node).collect(),
        Value::Map(entries) => object(entries.iter().map(|entry| (entry.key.clone(), node(&entry.value)))),
    }
}
