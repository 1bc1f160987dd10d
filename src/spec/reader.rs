//! Reads values of a wanted type from nodes and collects what is wrong.

use std::collections::BTreeSet;

use super::{FilePath, Files, Text};
use crate::diag::{Code, Diagnostic, Span, suggest};
use crate::yaml::{Entry, Node, Value, shorten};

/// After so many problems the rest of a file is not worth reporting.
pub(super) const MAX_PROBLEMS: usize = 100;

/// The keys of one map.
pub(super) struct Keys {
    /// What the map is called in messages.
    pub name: &'static str,
    /// The keys that are read.
    pub known: &'static [&'static str],
    /// The keys of the format that this version does not read.
    pub later: &'static [&'static str],
}

/// Collects problems while sections are read.
pub(super) struct Reader<'a> {
    /// The pipeline file and what it extends, as against a text from the command line.
    pub files: &'a Files,
    /// What was wrong so far.
    pub problems: Vec<Diagnostic>,
    /// Keys that an unknown key was probably meant to be: they are not missing.
    pub meant: Vec<&'static str>,
    /// Whether a component or a column group was left out, since it could not be read.
    pub lost: bool,
}

impl Reader<'_> {
    pub(super) fn report(&mut self, problem: Diagnostic) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// The entries of a map; keys that are not of it are reported.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, keys: &Keys) -> &'n [Entry] {
        let Some(entries) = node.as_map() else {
            let known = quoted(keys.known);
            self.report(wrong(keys.name, "a map", node).help(format!("its keys are {known}")));
            return &[];
        };
        for entry in entries {
            self.check_key(entry, keys);
        }
        entries
    }

    fn check_key(&mut self, entry: &Entry, keys: &Keys) {
        let key = entry.key.as_str();
        if keys.known.contains(&key) || self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        if keys.later.contains(&key) {
            // As in `extends`, null takes a key away.
            if !entry.value.is_null() {
                self.report(not_yet(
                    &format!("`{key}`"),
                    &entry.key_span,
                    "leave it out; nothing here would act on it",
                ));
            }
            return;
        }
        let near = suggest(key, keys.known.iter().chain(keys.later).copied());
        self.meant.extend(near);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the keys of {} are {}", keys.name, quoted(keys.known)),
        };
        let message = format!("unknown key `{}`", shorten(key));
        self.report(Code::UnknownKey.error(message).help(help).at(&entry.key_span));
    }

    /// Text.
    pub(super) fn text(&mut self, node: &Node, name: &str) -> Option<Text> {
        match &node.value {
            Value::Text(text) if text.is_empty() => {
                let problem = Code::BadValue.error(format!("{name} is empty"));
                self.report(problem.help("write a text, or leave the key out").at(&node.span));
                None
            }
            Value::Text(text) => Some(Text {
                value: text.clone(),
                span: node.span.clone(),
                unexpanded: node.unexpanded.clone(),
            }),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                self.report(wrong(name, "text", node).help("quote it if it is meant as text"));
                None
            }
            _ => {
                self.report(wrong(name, "text", node).help("write one text"));
                None
            }
        }
    }

    /// A list of texts without repetition, or one text alone.
    pub(super) fn texts(&mut self, node: &Node, name: &str) -> Vec<Text> {
        let Some(items) = node.as_list() else {
            return match node.as_map() {
                Some(_) => {
                    self.report(wrong(name, "a list", node).help("write `[a, b]`"));
                    Vec::new()
                }
                None => self.text(node, name).into_iter().collect(),
            };
        };
        let mut texts: Vec<Text> = Vec::new();
        let mut seen = BTreeSet::new();
        for item in items {
            let Some(text) = self.text(item, &format!("an item of {name}")) else { continue };
            if !seen.insert(text.value.clone()) {
                let message = format!("`{}` is listed twice in {name}", shorten(text.shown()));
                self.report(Code::BadValue.error(message).help("remove one of them").at(&text.span));
            } else {
                texts.push(text);
            }
        }
        texts
    }

    /// Reports a list without items where the default would surprise.
    pub(super) fn at_least_one(&mut self, node: &Node, name: &str) {
        if node.as_list().is_some_and(<[Node]>::is_empty) {
            let problem = Code::BadValue.error(format!("{name} is an empty list"));
            self.report(problem.help("name at least one, or leave the key out").at(&node.span));
        }
    }

    /// A whole number from `low` up to `high`.
    pub(super) fn whole(&mut self, node: &Node, name: &str, low: i64, high: i64) -> Option<i64> {
        let problem = match node.as_i64() {
            Some(value) if (low..=high).contains(&value) => return Some(value),
            Some(_) => {
                Code::BadValue.error(format!("{name} is out of bounds: {}", node.found())).at(&node.span)
            }
            None => wrong(name, "a whole number", node),
        };
        self.report(problem.help(format!("write a whole number from {low} to {high}")));
        None
    }

    /// A path, resolved against the folder that it is relative to.
    pub(super) fn path(&mut self, node: &Node, name: &str) -> Option<FilePath> {
        let text = self.text(node, name)?;
        let path = self.files.folder(&text.span).join(&text.value);
        Some(FilePath { text, path })
    }

    /// One of a few words.
    pub(super) fn word(&mut self, text: &Text, name: &str, words: &[&str]) -> bool {
        let known = words.contains(&text.value.as_str());
        if !known {
            let help = match suggest(&text.value, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? {name} can be {}", quoted(words)),
                None => format!("{name} can be {}", quoted(words)),
            };
            let message = format!("{name} cannot be `{}`", shorten(text.shown()));
            self.report(Code::BadValue.error(message).help(help).at(&text.span));
        }
        known
    }

    /// Reports a key that has no default.
    pub(super) fn missing(&mut self, key: &str, of: &str, span: &Span, example: &str) {
        if self.meant.contains(&key) {
            return;
        }
        let message = format!("{of} has no `{key}`");
        self.report(Code::MissingKey.error(message).help(format!("add {example}")).at(span));
    }
}

/// The entry of a key, unless its value is null: null takes a key away.
pub(super) fn entry<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Entry> {
    entries.iter().find(|entry| entry.key == key && !entry.value.is_null())
}

/// The value of a key, unless it is null.
pub(super) fn value<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Node> {
    entry(entries, key).map(|entry| &entry.value)
}

/// A value of another type than wanted.
pub(super) fn wrong(name: &str, wanted: &str, node: &Node) -> Diagnostic {
    Code::BadValue.error(format!("{name} must be {wanted}, not {}", node.found())).at(&node.span)
}

/// Part of the format, but not of this version.
pub(super) fn not_yet(what: &str, span: &Span, help: &str) -> Diagnostic {
    Code::NotSupported.error(format!("{what} is not in this version")).help(help).at(span)
}

/// Words in backticks, separated by commas.
pub(super) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
