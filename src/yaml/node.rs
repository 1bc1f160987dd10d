//! A tree of what a text says.

use std::sync::Arc;

use crate::diag::Span;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it was written. An empty value (`key:`) has its key's span.
    pub span: Span,
    /// What was written.
    pub value: Value,
    /// Set where the value came in part or whole from the environment: the text to show in its
    /// place, with `${env:NAME}` left as it is.
    pub unexpanded: Option<Arc<str>>,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits 64 bits.
    Int(i64),
    /// Any other number, `.inf` and `.nan` among them.
    Float(f64),
    /// Everything else that is a scalar, and all that is quoted.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the text.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key, as text also where it looks like a number.
    pub key: String,
    /// Where the key was written.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// A node that did not come from the environment.
    pub fn new(span: Span, value: Value) -> Self {
        Self { span, value, unexpanded: None }
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Whether anything in it came from the environment.
    pub fn has_secret(&self) -> bool {
        self.unexpanded.is_some()
            || match &self.value {
                Value::List(items) => items.iter().any(Self::has_secret),
                Value::Map(entries) => entries.iter().any(|entry| entry.value.has_secret()),
                _ => false,
            }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self.value { Some(value) } else { None }
    }

    /// The number, if it was written as a whole one.
    pub fn as_i64(&self) -> Option<i64> {
        if let Value::Int(value) = self.value { Some(value) } else { None }
    }

    /// The number, whole or not.
    pub fn as_f64(&self) -> Option<f64> {
        match self.value {
            Value::Int(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        if let Value::List(items) = &self.value { Some(items) } else { None }
    }

    /// The entries in the order of the text, if it is a map.
    pub fn as_map(&self) -> Option<&[Entry]> {
        if let Value::Map(entries) = &self.value { Some(entries) } else { None }
    }

    /// The value of a key, if it is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// What it is, for a message: "a list".
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// What was found, for a message: a scalar as it may be shown ("the number `5`"), else its kind.
    pub fn found(&self) -> String {
        if let Some(text) = &self.unexpanded {
            return format!("the text `{}`", shorten(text));
        }
        match &self.value {
            Value::Bool(value) => format!("`{value}`"),
            Value::Int(value) => format!("the number `{value}`"),
            Value::Float(value) if value.is_nan() => "the number `.nan`".to_owned(),
            Value::Float(value) if value.is_infinite() => {
                (if *value > 0.0 { "the number `.inf`" } else { "the number `-.inf`" }).to_owned()
            }
            Value::Float(value) => format!("the number `{value:?}`"),
            Value::Text(value) => format!("the text `{}`", shorten(value)),
            Value::Null | Value::List(_) | Value::Map(_) => self.kind().to_owned(),
        }
    }

    /// How many nodes this and everything in it are, keys included.
    pub fn count(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|entry| 1 + entry.value.count()).sum::<usize>(),
            _ => 1,
        }
    }

    /// How many levels of lists and maps this is: 0 for a scalar.
    pub fn height(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Self::height).max().unwrap_or(0),
            Value::Map(entries) => 1 + entries.iter().map(|entry| entry.value.height()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// The first line of a text, cut to what a message can carry.
pub fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.lines().next().unwrap_or("");
    let mut short: String = line.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}
