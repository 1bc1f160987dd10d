//! A component as it was written.

use super::Spec;
use super::reader::{Reader, wrong};
use crate::diag::{Code, Diagnostic, Span};
use crate::yaml::{Entry, Node, Value, shorten};

/// A class and its parameters: `StandardScaler`, or `StandardScaler: {with_mean: false}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The class.
    pub name: String,
    /// Where the class was written.
    pub span: Span,
    /// The parameters in the order of the text: name, place of the name, value.
    pub parameters: Vec<(String, Span, Node)>,
}

impl Spec {
    /// A component in a place where parameters stand, such as the values of a search.
    pub fn component(&self, node: &Node, what: &str, problems: &mut Vec<Diagnostic>) -> Option<Written> {
        let mut reader = Reader { files: &self.files, problems: Vec::new(), meant: Vec::new(), lost: false };
        let written = reader.component(node, what);
        problems.extend(reader.problems);
        written
    }
}

impl Reader<'_> {
    /// One component; `what` is what it is in this place, "a step".
    pub(super) fn component(&mut self, node: &Node, what: &str) -> Option<Written> {
        let found = self.written(node, what);
        self.lost |= found.is_none();
        found
    }

    fn written(&mut self, node: &Node, what: &str) -> Option<Written> {
        match &node.value {
            Value::Text(name) => self.class(name, &node.span, what, Vec::new()),
            Value::Map(entries) => match entries.as_slice() {
                [entry] => self.with_parameters(entry, what),
                [] => {
                    let problem = Code::BadValue.error(format!("{what} is missing: the map is empty"));
                    self.report(
                        problem.help("write a class, `Name` or `Name: {parameter: value}`").at(&node.span),
                    );
                    None
                }
                [first, second, ..] => {
                    let problem = Code::BadValue
                        .error(format!("{what} is one class, but this map has {} keys", entries.len()))
                        .help(format!(
                            "if `{}` is a parameter of `{}`, indent it deeper; if it is another class, begin a new item",
                            shorten(&second.key),
                            shorten(&first.key)
                        ))
                        .at(&second.key_span);
                    self.report(problem);
                    None
                }
            },
            _ => {
                let help = "write a class, `Name` or `Name: {parameter: value}`";
                self.report(wrong(what, "a class", node).help(help));
                None
            }
        }
    }

    fn with_parameters(&mut self, entry: &Entry, what: &str) -> Option<Written> {
        let parameters = match &entry.value.value {
            Value::Null => Vec::new(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.key_span.clone(), entry.value.clone()))
                .collect(),
            _ => {
                let name = shorten(&entry.key);
                let help = format!("write `{name}: {{parameter: value}}`, or `{name}` alone");
                self.report(
                    wrong(&format!("what follows `{name}`"), "a map of parameters", &entry.value).help(help),
                );
                Vec::new()
            }
        };
        self.class(&entry.key, &entry.key_span, what, parameters)
    }

    fn class(
        &mut self,
        name: &str,
        span: &Span,
        what: &str,
        parameters: Vec<(String, Span, Node)>,
    ) -> Option<Written> {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(inner) {
            let message = format!("`{}` cannot be the name of {what}", shorten(name));
            let help = "a class is one word, such as `StandardScaler`; parameters follow as `Name: {parameter: value}`";
            self.report(Code::BadValue.error(message).help(help).at(span));
            return None;
        }
        Some(Written { name: name.to_owned(), span: span.clone(), parameters })
    }

    /// A list of components, or one alone.
    pub(super) fn components(&mut self, node: &Node, what: &str) -> Vec<Written> {
        match node.as_list() {
            Some(items) => items.iter().filter_map(|item| self.component(item, what)).collect(),
            None => self.component(node, what).into_iter().collect(),
        }
    }
}
