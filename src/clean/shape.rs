//! The columns as they are after some operations.

use crate::diag::{Result, Span};
use crate::table::{Field, Kind, Schema};

/// A column's name in a pipeline file.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it is written.
    pub span: Span,
}

/// Names and types at one point of the list. Operations neither add nor move columns, so that a place stays the same column.
#[derive(Clone, Debug)]
pub struct Shape {
    schema: Schema,
}

impl Shape {
    /// That of a table as it was read.
    pub fn of(schema: &Schema) -> Self {
        Self { schema: schema.clone() }
    }

    /// The names and types.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The columns.
    pub fn fields(&self) -> &[Field] {
        self.schema.fields()
    }

    /// The place of a column.
    ///
    /// # Errors
    /// `MissingColumn` at the name, with the nearest one.
    pub fn place(&self, name: &Name) -> Result<usize> {
        self.schema.require(&name.text).map_err(|error| error.at(&name.span))
    }

    /// The places of some columns; of all without any.
    ///
    /// # Errors
    /// As [`Shape::place`], for the first that is not there.
    pub fn places(&self, names: Option<&[Name]>) -> Result<Vec<usize>> {
        match names {
            Some(names) => names.iter().map(|name| self.place(name)).collect(),
            None => Ok((0..self.fields().len()).collect()),
        }
    }

    /// Gives columns other names, all at once.
    pub(super) fn rename(&mut self, names: &[(usize, String)]) {
        let mut fields = self.schema.fields().to_vec();
        names.iter().for_each(|(place, name)| fields[*place].name.clone_from(name));
        self.schema = Schema::new(fields);
    }

    /// Gives columns other types.
    pub(super) fn cast(&mut self, kinds: &[(usize, Kind)]) {
        let mut fields = self.schema.fields().to_vec();
        kinds.iter().for_each(|(place, kind)| fields[*place].kind = *kind);
        self.schema = Schema::new(fields);
    }
}
