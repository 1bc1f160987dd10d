//! The rows of a request while they come in, as columns.

use serde::de;

use super::refusal::malformed;
use crate::artifact::Manifest;
use crate::diag::{Code, Diagnostic, Result, suggest};
use crate::source::formats::{Growing, Missing};
use crate::table::{Field, Kind, Schema, Table};

/// Columns of a model's inputs that take the cells of a request's rows, or columns.
///
/// Cells are held to the types of training: a number is a JSON number, a bool `true`, `false`, 1 or 0, a category any
/// scalar; `null` is missing. What counts as missing among the words of a category, and what a float cannot hold, is as
/// in files, so that `pipefit predict` says the same of the same rows.
pub(super) struct Sheet<'m> {
    manifest: &'m Manifest,
    inputs: &'m Schema,
    /// The words for a missing value.
    missing: &'m Missing,
    columns: Vec<Growing>,
    rows: usize,
    most: usize,
    /// An error of ours, which a parser's own error type cannot carry.
    failed: Option<Diagnostic>,
}

/// One cell, as its protocol spells it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'t> {
    Missing,
    /// A number or `true` or `false`, as it stands in the text.
    Bare(&'t str),
    /// The text of a string.
    Text(&'t str),
}

impl<'m> Sheet<'m> {
    /// An empty sheet of a model's inputs, for `most` rows at most.
    pub fn new(manifest: &'m Manifest, inputs: &'m Schema, missing: &'m Missing, most: usize) -> Self {
        let column = |field: &Field| Growing::new(&field.name, Some(field.kind), 1);
        let columns = inputs.fields().iter().map(column).collect();
        Self { manifest, inputs, missing, columns, rows: 0, most, failed: None }
    }

    /// The inputs.
    pub fn inputs(&self) -> &'m Schema {
        self.inputs
    }

    /// The rows that have ended.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many rows there may be at most.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The cells of a column so far.
    pub fn len(&self, place: usize) -> usize {
        self.columns[place].len()
    }

    /// The place of a column; `guess` is where it probably is.
    ///
    /// # Errors
    /// `MissingColumn` where the model has no such input, with the nearest.
    pub fn place(&self, name: &str, guess: usize) -> Result<usize> {
        let fields = self.inputs.fields();
        if fields.get(guess).is_some_and(|field| field.name == name) {
            return Ok(guess);
        }
        self.inputs.index(name).ok_or_else(|| {
            let help = match suggest(name, self.inputs.names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("leave it out: {}", self.listed()),
            };
            let name = crate::yaml::shorten(name).escape_debug().to_string();
            Code::MissingColumn.error(format!("the model has no input `{name}`")).help(help)
        })
    }

    /// The model's inputs, for a message.
    pub fn listed(&self) -> String {
        const SHOWN: usize = 20;
        let names: Vec<String> = self.inputs.names().take(SHOWN).map(|name| format!("`{name}`")).collect();
        let more = self.inputs.fields().len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("the model takes {}{more}", names.join(", "))
    }

    /// The next cell of a column.
    ///
    /// # Errors
    /// `BadCell` for a cell that is not of the column's type, with column and row.
    pub fn push(&mut self, place: usize, cell: Cell<'_>) -> Result<()> {
        let field = &self.inputs.fields()[place];
        let column = &mut self.columns[place];
        let row = column.len() + 1;
        let refuse = |shown: &str, what: &str, help: &str| {
            let shown = crate::yaml::shorten(shown).escape_debug().to_string();
            let message = format!("column `{}`, row {row}: `{shown}` is {what}", field.name);
            Err(Code::BadCell.error(message).help(help))
        };
        let text = match (cell, field.kind) {
            (Cell::Missing, _) => {
                column.pad(row);
                return Ok(());
            }
            (Cell::Bare(text) | Cell::Text(text), Kind::Category | Kind::Text) => text,
            (Cell::Bare(text @ ("true" | "false")), Kind::Number) => {
                return refuse(text, "no number", "the model was trained with numbers there");
            }
            (Cell::Text(text), kind @ (Kind::Number | Kind::Bool)) => {
                let what = if kind == Kind::Bool { "text, not true or false" } else { "text, not a number" };
                return refuse(text, what, "write it without quotes; a missing value is `null`");
            }
            (Cell::Bare(text) | Cell::Text(text), _) => text,
        };
        column.push(text.into(), self.missing, 0, &body).map_err(|refusal| {
            let help = format!("the model was trained with the type {} there", field.kind.name());
            Code::BadCell.error(column.refuse(text, refusal, body(0)).message()).help(help)
        })
    }

    /// Ends a row, in which every column must have had a cell.
    ///
    /// # Errors
    /// `MissingColumn` with the row and all columns that it lacks; more rows than there may be.
    pub fn end_row(&mut self) -> Result<()> {
        self.rows += 1;
        let lacks = |column: &Growing| column.len() != self.rows;
        if self.columns.iter().any(lacks) {
            let fields = self.inputs.fields().iter().zip(&self.columns);
            let names: Vec<String> = fields
                .filter(|(_, column)| lacks(column))
                .map(|(field, _)| format!("`{}`", field.name))
                .collect();
            let columns = if names.len() == 1 { "column" } else { "columns" };
            let message = format!("row {} lacks the {columns} {}", self.rows, names.join(", "));
            return Err(Code::MissingColumn.error(message).help("a missing value is `null`"));
        }
        self.bound()
    }

    /// Ends the columns, each of which must have come with the same number of cells.
    ///
    /// # Errors
    /// `MissingColumn` with all that are not there; `UnreadableValue` for other lengths.
    pub fn end_columns(&mut self) -> Result<()> {
        let fields = || self.inputs.fields().iter().zip(&self.columns);
        let Some((first, column)) = fields().find(|(_, column)| !column.is_empty()) else {
            return Ok(());
        };
        self.rows = column.len();
        let absent: Vec<&str> =
            fields().filter(|(_, column)| column.is_empty()).map(|(field, _)| field.name.as_str()).collect();
        if !absent.is_empty() {
            let names: Vec<String> = absent.iter().map(|name| format!("`{name}`")).collect();
            let columns = if names.len() == 1 { "column" } else { "columns" };
            let message = format!("the request lacks the {columns} {}", names.join(", "));
            return Err(Code::MissingColumn.error(message).help(self.listed()));
        }
        if let Some((field, column)) = fields().find(|(_, column)| column.len() != self.rows) {
            let (name, rows) = (&field.name, column.len());
            let message = format!("column `{name}` has {rows} rows, `{}` has {}", first.name, self.rows);
            return Err(malformed(message).help("give every column the same length"));
        }
        self.bound()
    }

    /// Refuses more rows than a request may have.
    ///
    /// # Errors
    /// `UnreadableValue`.
    fn bound(&self) -> Result<()> {
        if self.rows <= self.most {
            return Ok(());
        }
        Err(too_many_rows(self.most))
    }

    /// Keeps an error of ours while a parser that has its own unwinds.
    pub fn keep<T, E: de::Error>(&mut self, result: Result<T>) -> Result<T, E> {
        result.map_err(|error| {
            self.failed = Some(error);
            E::custom("kept")
        })
    }

    /// What a parser says, in words of this crate.
    ///
    /// # Errors
    /// The error that was kept, or `UnreadableValue` with the place in the text.
    pub fn outcome(&mut self, result: Result<(), serde_json::Error>) -> Result<()> {
        match (result, self.failed.take()) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(failed)) => Err(failed),
            (Err(error), None) => Err(not_json(&error)),
        }
    }

    /// The rows as a table of the model's inputs.
    ///
    /// # Errors
    /// `EmptyData` without rows; `BadCell` for a cell that a float cannot hold, where the model minds.
    pub fn finish(self) -> Result<Table> {
        if self.rows == 0 {
            return Err(Code::EmptyData.error("the request has no rows").help(self.listed()));
        }
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            let built = column.finish();
            if let Some(suspect) = built.suspect.filter(|suspect| !self.manifest.bears(&suspect.column)) {
                return Err(Code::BadCell
                    .error(suspect.error.message())
                    .help("send a finite number, or `null`"));
            }
            columns.push(built.column);
        }
        Table::new(self.inputs.clone(), columns)
    }
}

/// More rows in one request than there may be.
pub(super) fn too_many_rows(most: usize) -> Diagnostic {
    malformed(format!("more than {most} rows in one request"))
        .help("send them in parts, or use `pipefit predict`")
}

/// A text that is not the JSON it should be.
pub(super) fn not_json(error: &serde_json::Error) -> Diagnostic {
    let help = "NaN and Infinity are no JSON: a missing value is `null`";
    let message = format!("the body is not as it should be: {error}");
    match error.classify() {
        serde_json::error::Category::Syntax => malformed(message).help(help),
        _ => malformed(message),
    }
}

/// Where all cells of a request are.
fn body(_: usize) -> (String, Option<usize>) {
    ("body".to_owned(), None)
}
