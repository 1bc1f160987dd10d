//! Where the data comes from, and what its columns are.

use super::feast::FeastSection;
use super::featureform::FeatureformSection;
use super::reader::{Keys, Reader, entry, quoted, value, wrong};
use super::stream::StreamSection;
use super::{FilePath, Text};
use crate::diag::{Code, Span};
use crate::table::{Kind, NaValues};
use crate::yaml::{Entry, Node, Value};

/// The section `source`.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSection {
    /// The key that holds the table. Exactly one of this, `pattern`, `index` and `file` is there; else
    /// that is reported.
    pub key: Option<Text>,
    /// The pattern of the keys that hold a row each.
    pub pattern: Option<Text>,
    /// The key that lists the keys that hold a row each.
    pub index: Option<Text>,
    /// The stream whose entries are the rows.
    pub stream: Option<StreamSection>,
    /// The feature view of Feast's online store whose entities are the rows.
    pub feast: Option<FeastSection>,
    /// The features of Featureform's online store whose entities are the rows.
    pub featureform: Option<FeatureformSection>,
    /// The file that holds the table, or a pattern of files.
    pub file: Option<FilePath>,
    /// The format: `auto`, `csv`, `json`, `jsonl`, `parquet`, `arrow` or `npy`.
    pub format: String,
    /// A file that fills the key where the store does not have it.
    pub load_if_missing: Option<FilePath>,
    /// The columns to read; all where it is `None`.
    pub columns: Option<Vec<Text>>,
    /// Which texts are missing values.
    pub na_values: NaValues,
    /// Whether a copy of the table is kept in the store.
    pub pin: bool,
    /// Where the section was written.
    pub span: Span,
}

/// Columns that are never features.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roles {
    /// Columns that identify rows.
    pub id: Vec<Text>,
    /// The column of sample weights.
    pub weight: Option<Text>,
}

const SOURCE: Keys = Keys {
    name: "`source`",
    known: &[
        "key",
        "pattern",
        "index",
        "stream",
        "feast",
        "featureform",
        "file",
        "format",
        "load_if_missing",
        "columns",
        "na_values",
        "keep_default_na",
        "pin",
    ],
    later: &[],
};
const FORMATS: &[&str] = &["auto", "csv", "json", "jsonl", "parquet", "arrow", "npy"];
const KINDS: &[&str] = &["number", "category", "bool", "datetime", "text"];
const TARGET: Keys = Keys { name: "`target`", known: &["column"], later: &["transform"] };
const ROLES: Keys = Keys { name: "`roles`", known: &["id", "weight"], later: &["group", "time"] };

impl Reader<'_> {
    /// The section `source`.
    pub(super) fn source(&mut self, root: &[Entry], start: &Span) -> SourceSection {
        let format = || "auto".to_owned();
        let Some(section) = entry(root, "source") else {
            self.missing(
                "source",
                "the file",
                start,
                "`source: {key: \"data:...\"}`, the key that holds the table",
            );
            return SourceSection {
                key: None,
                pattern: None,
                index: None,
                stream: None,
                feast: None,
                featureform: None,
                file: None,
                format: format(),
                load_if_missing: None,
                columns: None,
                na_values: NaValues::default(),
                pin: false,
                span: start.clone(),
            };
        };
        let before = self.problems.len();
        let entries = self.entries(&section.value, &SOURCE);
        let readable = self.problems.len() == before;
        self.one_origin(entries, section, readable);
        let columns = value(entries, "columns").map(|node| self.names(node, "`source.columns`"));
        SourceSection {
            key: value(entries, "key").and_then(|node| self.text(node, "`source.key`")),
            pattern: value(entries, "pattern").and_then(|node| self.text(node, "`source.pattern`")),
            index: value(entries, "index").and_then(|node| self.text(node, "`source.index`")),
            stream: value(entries, "stream").and_then(|node| self.stream(node)),
            feast: value(entries, "feast").and_then(|node| self.feast(node)),
            featureform: value(entries, "featureform").and_then(|node| self.featureform(node)),
            file: value(entries, "file").and_then(|node| self.path(node, "`source.file`")),
            format: value(entries, "format").and_then(|node| self.format(node)).unwrap_or_else(format),
            load_if_missing: value(entries, "load_if_missing")
                .and_then(|node| self.path(node, "`source.load_if_missing`")),
            columns: columns.filter(|columns| !columns.is_empty()),
            na_values: NaValues {
                values: value(entries, "na_values").map(|node| self.na_values(node)).unwrap_or_default(),
                keep_default: self.switch(entries, "keep_default_na", true),
            },
            pin: value(entries, "pin").is_some_and(|node| self.pin(node)),
            span: section.value.span.clone(),
        }
    }

    /// One of `key`, `pattern`, `index`, `stream` and `file`, and with another than `key` nothing that speaks of a key.
    fn one_origin(&mut self, entries: &[Entry], section: &Entry, readable: bool) {
        let origins: Vec<&Entry> = ["pattern", "index", "stream", "feast", "featureform", "file", "key"]
            .iter()
            .filter_map(|name| entry(entries, name))
            .collect();
        let Some((origin, more)) = origins.split_first() else {
            if readable {
                let example = "`key:`, the key that holds the table, `pattern:`, the keys that hold a row each, \
                               `index:`, a key that lists them, `stream:`, a stream of rows, or `file:`, a file that holds it";
                self.missing("key", "`source`", &section.key_span, example);
            }
            return;
        };
        for other in more {
            let message = format!("`source` has both `{}` and `{}`", origin.key, other.key);
            let help = match (origin.key.as_str(), other.key.as_str()) {
                ("pattern", "key") => {
                    "keep one of them: a key holds the whole table, each key of a pattern one row"
                }
                ("pattern", "index") => {
                    "keep one of them: a pattern searches the store for the keys of rows, an index lists them"
                }
                _ => "keep one of them: each says where all of the table is",
            };
            self.report(Code::Conflict.error(message).help(help).at(&origin.key_span));
        }
        let is_auto = |entry: &&Entry| matches!(&entry.value.value, Value::Text(text) if text == "auto");
        let is_rows = matches!(origin.key.as_str(), "pattern" | "index" | "stream" | "feast" | "featureform");
        let format = entry(entries, "format").filter(|entry| is_rows && !is_auto(entry));
        let fill = entry(entries, "load_if_missing").filter(|_| origin.key != "key");
        let of_rows = match origin.key.as_str() {
            "feast" => "leave it out: Feast's values say what they are",
            "featureform" => "leave it out: Featureform knows the types of its features",
            "stream" => "leave it out: the entries of a stream are fields with values",
            _ => "leave it out: each key of a row is a hash, or holds one JSON object",
        };
        let others = [(fill, "leave it out: it fills one key, and goes with `key` only"), (format, of_rows)];
        for (other, help) in others {
            let Some(other) = other else { continue };
            let message = format!("`source` has both `{}` and `{}`", origin.key, other.key);
            self.report(Code::Conflict.error(message).help(help).at(&other.key_span));
        }
    }

    fn pin(&mut self, node: &Node) -> bool {
        let text = self.text(node, "`source.pin`");
        text.is_some_and(|text| self.word(&text, "`source.pin`", &["snapshot"]))
    }

    fn format(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node, "`source.format`")?;
        self.word(&text, "`source.format`", FORMATS).then_some(text.value)
    }

    /// Texts that are missing values: a list, or one. Numbers stand for all their spellings.
    fn na_values(&mut self, node: &Node) -> Vec<String> {
        let items = node.as_list().unwrap_or(std::slice::from_ref(node));
        let mut values = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) => values.push(text.clone()),
                Value::Int(value) => values.push(value.to_string()),
                Value::Float(value) => values.push(value.to_string()),
                _ => {
                    let help = "write `na_values: [\"?\", -999]`";
                    self.report(wrong("an item of `source.na_values`", "text or a number", item).help(help));
                }
            }
        }
        values
    }

    /// Names of columns, at least one.
    pub(super) fn names(&mut self, node: &Node, name: &str) -> Vec<Text> {
        self.at_least_one(node, name);
        self.texts(node, name)
    }

    /// The section `schema`: types that the file gives to columns.
    pub(super) fn schema(&mut self, root: &[Entry]) -> Vec<(Text, Kind)> {
        let Some(node) = value(root, "schema") else { return Vec::new() };
        let Some(entries) = node.as_map() else {
            self.report(
                wrong("`schema`", "a map", node)
                    .help(format!("write `column: type`, a type of {}", quoted(KINDS))),
            );
            return Vec::new();
        };
        let mut columns = Vec::new();
        for entry in entries {
            if let Some(kind) = self.kind(&entry.value, "a type in `schema`") {
                let name = Text { value: entry.key.clone(), span: entry.key_span.clone(), unexpanded: None };
                columns.push((name, kind));
            }
        }
        columns
    }

    /// The type of a column.
    pub(super) fn kind(&mut self, node: &Node, name: &str) -> Option<Kind> {
        let text = self.text(node, name)?;
        if self.word(&text, name, KINDS) { Kind::named(&text.value) } else { None }
    }

    /// The section `target`: one column.
    pub(super) fn target(&mut self, root: &[Entry], start: &Span) -> Option<Text> {
        let Some(section) = entry(root, "target") else {
            self.missing("target", "the file", start, "`target:`, the column to learn");
            return None;
        };
        if section.value.as_map().is_none() {
            return self.text(&section.value, "`target`");
        }
        let before = self.problems.len();
        let entries = self.entries(&section.value, &TARGET);
        match value(entries, "column") {
            Some(node) => self.text(node, "`target.column`"),
            None => {
                if self.problems.len() == before {
                    self.missing("column", "`target`", &section.key_span, "`column:`, the column to learn");
                }
                None
            }
        }
    }

    /// The section `roles`.
    pub(super) fn roles(&mut self, root: &[Entry]) -> Roles {
        let Some(node) = value(root, "roles") else { return Roles::default() };
        let entries = self.entries(node, &ROLES);
        Roles {
            id: value(entries, "id").map(|node| self.texts(node, "`roles.id`")).unwrap_or_default(),
            weight: value(entries, "weight").and_then(|node| self.text(node, "`roles.weight`")),
        }
    }
}
