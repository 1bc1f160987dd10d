//! Every key of a pipeline with its value, and where that was written.

use std::path::Path;

use serde_json::Value as Json;

use super::Spec;
use super::resolved::node;
use crate::diag::Span;
use crate::yaml::{Node, Value};

/// Sections whose keys have defaults of their own.
const SECTIONS: &[&str] = &["source", "roles", "output"];

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its address: `model.Ridge.alpha`, `preprocess[1]`.
    pub key: String,
    /// The value as it may be shown: what came from the environment is `${env:NAME}`.
    pub value: Json,
    /// Where the value was written; `None` for a default.
    pub place: Option<Span>,
}

impl Setting {
    /// `base.yaml:7`, `-S model.Ridge.alpha=2` or `default`.
    pub fn origin(&self) -> String {
        match &self.place {
            None => "default".to_owned(),
            Some(span) if span.source.name == super::overrides::SOURCE => {
                format!("-S {}", span.source.text)
            }
            Some(span) => format!("{}:{}", Path::new(&span.source.name).display(), span.line_column().0),
        }
    }
}

impl Spec {
    /// All that was written, in the order of the file, then the defaults of what was not.
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        written(&self.tree, String::new(), &mut settings);
        let resolved = self.resolved();
        let mut default = |key: &str, value: &Json| {
            settings.push(Setting { key: key.to_owned(), value: value.clone(), place: None });
        };
        for (key, value) in resolved.as_object().into_iter().flatten() {
            match (self.tree.get(key), value) {
                (None, value) => default(key, value),
                (Some(section), Json::Object(inner)) if SECTIONS.contains(&key.as_str()) => {
                    let unwritten = inner.iter().filter(|(name, _)| section.get(name).is_none());
                    unwritten.for_each(|(name, value)| default(&format!("{key}.{name}"), value));
                }
                _ => {}
            }
        }
        settings
    }
}

fn written(value: &Node, key: String, settings: &mut Vec<Setting>) {
    match &value.value {
        Value::Map(entries) if !entries.is_empty() => {
            let dot = if key.is_empty() { "" } else { "." };
            entries
                .iter()
                .for_each(|entry| written(&entry.value, format!("{key}{dot}{}", entry.key), settings));
        }
        Value::List(items)
            if items.iter().any(|item| matches!(item.value, Value::Map(_) | Value::List(_))) =>
        {
            items.iter().enumerate().for_each(|(i, item)| written(item, format!("{key}[{i}]"), settings));
        }
        _ => settings.push(Setting { key, value: node(value), place: Some(value.span.clone()) }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::diag::Source;
    use crate::spec::parse;

    #[test]
    fn what_was_written_has_a_place_and_the_rest_is_a_default() {
        let text = "version: 1\nname: n\nparams: {a: 2, dir: \"${env:WHERE}\"}\nsource: {key: k, load_if_missing: \"${params.dir}/x\"}\ntarget: t\n\
            preprocess: [SimpleImputer, {StandardScaler: {with_mean: false}}]\nmodel: {Ridge: {alpha: \"${params.a}\"}}\nscoring: [r2, max_error]\n";
        let overrides = ["model.Ridge.tol=0.1".to_owned()];
        let parsed =
            parse(Source::new("f.yaml", text), Path::new(""), &overrides, &|_| Some("/secret".to_owned()));
        let told: Vec<String> = parsed.specs[0]
            .settings()
            .iter()
            .map(|setting| format!("{} = {} ({})", setting.key, setting.value, setting.origin()))
            .collect();
        let expected = [
            "version = 1 (f.yaml:1)",
            "name = \"n\" (f.yaml:2)",
            "params.a = 2 (f.yaml:3)",
            "params.dir = \"${env:WHERE}\" (f.yaml:3)",
            "source.key = \"k\" (f.yaml:4)",
            "source.load_if_missing = \"${env:WHERE}/x\" (f.yaml:4)",
            "target = \"t\" (f.yaml:5)",
            "preprocess[0] = \"SimpleImputer\" (f.yaml:6)",
            "preprocess[1].StandardScaler.with_mean = false (f.yaml:6)",
            "model.Ridge.alpha = 2 (f.yaml:7)",
            "model.Ridge.tol = 0.1 (-S model.Ridge.tol=0.1)",
            "scoring = [\"r2\",\"max_error\"] (f.yaml:8)",
            "seed = 0 (default)",
            "source.format = \"auto\" (default)",
            "source.columns = null (default)",
            "schema = {} (default)",
            "roles = {\"id\":[],\"weight\":null} (default)",
            "select = [] (default)",
            "cv = 5 (default)",
            "output = {\"artifact\":\"n\",\"report\":[\"html\",\"md\",\"json\"]} (default)",
        ];
        assert_eq!(told, expected);
    }
}
