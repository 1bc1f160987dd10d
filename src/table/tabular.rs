//! The table itself.

use std::sync::Arc;

use super::{Column, Field, Kind, Schema};
use crate::diag::{Code, Result};

/// Columns of equal length with names and types. A clone shares the columns.
#[derive(Clone, Debug)]
pub struct Table {
    schema: Arc<Schema>,
    columns: Vec<Column>,
    rows: usize,
}

impl Table {
    /// A table of these columns.
    ///
    /// # Errors
    /// `UnreadableValue` when lengths differ or a name stands twice.
    pub fn new(schema: Schema, columns: Vec<Column>) -> Result<Self> {
        let rows = columns.first().map_or(0, Column::len);
        for (i, (field, column)) in schema.fields().iter().zip(&columns).enumerate() {
            if column.len() != rows {
                let message = format!(
                    "column `{}` has {} rows, `{}` has {rows}",
                    field.name,
                    column.len(),
                    schema.fields()[0].name
                );
                return Err(Code::UnreadableValue.error(message).help("give every column the same length"));
            }
            if schema.index(&field.name) != Some(i) {
                let message = format!("column `{}` stands twice", field.name);
                return Err(Code::UnreadableValue.error(message).help("give every column its own name"));
            }
        }
        Ok(Self { schema: Arc::new(schema), columns, rows })
    }

    /// The names and types.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All columns, in the schema's order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column with this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.schema.index(name).map(|i| &self.columns[i])
    }

    /// The columns with these names, in this order.
    ///
    /// # Errors
    /// `MissingColumn` for the first name that is not there, with the nearest one.
    pub fn select<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let places: Vec<usize> = names.into_iter().map(|name| self.require(name)).collect::<Result<_>>()?;
        Ok(self.at(&places))
    }

    /// The columns at these places, in this order.
    pub(super) fn at(&self, places: &[usize]) -> Self {
        let fields = places.iter().map(|i| self.schema.fields()[*i].clone()).collect();
        let columns = places.iter().map(|i| self.columns[*i].clone()).collect();
        Self { schema: Arc::new(Schema::new(fields)), columns, rows: self.rows }
    }

    /// The place of the column with this name.
    ///
    /// # Errors
    /// `MissingColumn`, with the nearest name.
    pub fn require(&self, name: &str) -> Result<usize> {
        self.schema.require(name)
    }

    /// The rows from `start`, `rows` of them, without a copy.
    pub fn slice(&self, start: usize, rows: usize) -> Self {
        let columns = self.columns.iter().map(|column| column.slice(start, rows)).collect();
        Self { schema: Arc::clone(&self.schema), columns, rows }
    }

    /// The type of each column beside its values.
    pub fn fields(&self) -> impl Iterator<Item = (&Field, &Column)> {
        self.schema.fields().iter().zip(&self.columns)
    }

    /// The table with one column more, at the end.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn with(self, name: &str, kind: Kind, column: Column) -> Result<Self> {
        let mut fields = self.schema.fields().to_vec();
        fields.push(Field { name: name.into(), kind });
        let mut columns = self.columns;
        columns.push(column);
        Self::new(Schema::new(fields), columns)
    }
}
