//! Where something was written.

use std::sync::Arc;

/// A text with a name, that spans point into.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user gave it, or a name such as `-S` for text from the command line.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A shared source.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }
}

/// A piece of a [`Source`], from byte `start` up to byte `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text that the span points into.
    pub source: Arc<Source>,
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The text under the span.
    pub fn text(&self) -> &str {
        self.source.text.get(self.start..self.end).unwrap_or("")
    }

    /// Line and column of the first character, both counted from 1; a column is a character.
    pub fn line_column(&self) -> (usize, usize) {
        let before = self.source.text.get(..self.start).unwrap_or(&self.source.text);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}
