//! `query`: the rows for which an expression holds, in the words of `pandas.DataFrame.query`.
//!
//! The language is small: comparisons, also chained; `and`, `or`, `not` (`&`, `|`, `~`); `in` and `not in` a list; arithmetic;
//! `.isnull()`, `.notnull()`, `.between()`, `.isin()`; names in backticks. It is a language of its own, and no template
//! engine's, since pandas compares in chains and treats missing values as NaN, columns are compared whole, and a problem
//! has a place inside of the expression.

mod evaluate;
mod parse;
mod token;
mod tree;

use std::collections::BTreeSet;
use std::ops::Range;

use super::Shape;
use crate::diag::{Code, Diagnostic, Result, Span};
use crate::table::Table;
use tree::Tree;

/// Rows evaluated at a time: intermediate values stay in the cache.
const ROWS: usize = 4096;

/// An expression that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    text: String,
    tree: Tree,
    span: Span,
}

/// What is wrong with an expression, and where in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    at: Range<usize>,
    message: String,
    help: String,
}

impl Fault {
    fn new(at: Range<usize>, message: String, help: impl Into<String>) -> Self {
        Self { at, message, help: help.into() }
    }

    /// As a diagnostic at its place in the file; where escapes or references hide the place, the words are named.
    fn diagnostic(self, code: Code, text: &str, span: &Span) -> Diagnostic {
        let raw = span.text();
        let quoted = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        let start = if raw == text { Some(0) } else { (quoted == text).then_some(1) };
        let words = text.get(self.at.clone()).unwrap_or_default();
        let (place, message) = match start {
            Some(start) => {
                let [start, end] = [self.at.start, self.at.end].map(|at| span.start + start + at);
                (Span { source: span.source.clone(), start, end }, format!("`query`: {}", self.message))
            }
            None if words.is_empty() => (span.clone(), format!("`query`: {}", self.message)),
            None => {
                (span.clone(), format!("`query`, at `{}`: {}", crate::yaml::shorten(words), self.message))
            }
        };
        let problem = code.error(message).at(&place);
        if self.help.is_empty() { problem } else { problem.help(self.help) }
    }
}

impl Query {
    /// Reads an expression that is written at `span`.
    ///
    /// # Errors
    /// `BadValue` at the place where it is none.
    pub fn parse(text: &str, span: &Span) -> Result<Self> {
        match parse::parse(text) {
            Ok(tree) => Ok(Self { text: text.to_owned(), tree, span: span.clone() }),
            Err(fault) => Err(fault.diagnostic(Code::BadValue, text, span)),
        }
    }

    /// Whether all of its columns are there.
    ///
    /// # Errors
    /// `MissingColumn` at the first that is not.
    pub(super) fn bind(&self, shape: &Shape) -> Result<()> {
        evaluate::known(&self.tree, shape.schema())
            .map_err(|fault| fault.diagnostic(Code::MissingColumn, &self.text, &self.span))
    }

    /// The rows of any table for which it holds.
    ///
    /// # Errors
    /// `MissingColumn` or `BadCell` at the place where a column is not there, or types do not go together.
    pub fn holds(&self, table: &Table) -> Result<Vec<bool>> {
        evaluate::known(&self.tree, table.schema())
            .map_err(|fault| fault.diagnostic(Code::MissingColumn, &self.text, &self.span))?;
        self.keeps(table)
    }

    /// The rows for which it holds.
    ///
    /// # Errors
    /// `BadCell` at the place where types do not go together.
    pub(super) fn keeps(&self, table: &Table) -> Result<Vec<bool>> {
        let mut mask = Vec::with_capacity(table.rows());
        let names: BTreeSet<&str> = self.tree.columns().into_iter().map(|(name, _)| name).collect();
        let table = table.select(names)?;
        for start in (0..table.rows()).step_by(ROWS) {
            let some = table.slice(start, ROWS.min(table.rows() - start));
            let holds = evaluate::holds(&self.tree, &some);
            mask.extend(holds.map_err(|fault| fault.diagnostic(Code::BadCell, &self.text, &self.span))?);
        }
        Ok(mask)
    }
}
