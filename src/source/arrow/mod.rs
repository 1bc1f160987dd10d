//! Arrow IPC: typed columns in record batches, as a file (which Feather is) or a stream.
//!
//! - Integers, floats and decimals are numbers, booleans bool, text category, dictionaries of anything category, dates and
//!   timestamps datetimes (UTC). NaN is missing, as null is; an empty text, and one like `NA`, is a value.
//! - Times, durations, bytes and columns of several values a row are refused by name.
//! - `schema` overrides the type as it does for texts: a text is read as a CSV cell where a number is asked for; a number
//!   is spelled where a category is.
//!
//! A file is read as the stream that it holds. A stream has to have its end marker: without one nobody knows what is missing.

mod cells;
mod columns;
mod stream;
mod write;

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::Field;

pub(super) use self::write::write;

use self::cells::Growing;
use self::stream::Stream;
use super::formats::{Part, Read, ReadOptions};
use crate::diag::{Code, Result};
use crate::table::{Schema, Table};

/// Typed columns that come in batches.
pub(super) trait Batches {
    /// The columns.
    fn fields(&self) -> &[Arc<Field>];

    /// The next rows, of the columns at these places; `None` at the end.
    ///
    /// # Errors
    /// `UnreadableValue` for whatever is damaged.
    fn next(&mut self, columns: &[usize]) -> Result<Option<Batch>>;
}

/// Some rows of some columns.
pub(super) struct Batch {
    /// How many.
    pub rows: usize,
    /// The columns.
    pub columns: Vec<ArrayRef>,
}

/// Reads values of Arrow IPC, as one table.
///
/// # Errors
/// `UnreadableValue` for what is damaged and for columns that are not read; `MissingColumn` for a name of the options that
/// is not there, and for parts of other columns; `BadCell` for a cell of another type than asked for; `EmptyData` where there
/// are no rows.
pub(super) fn read(parts: &[Part<'_>], options: &ReadOptions) -> Result<Read> {
    let streams = parts.iter().map(|part| Ok((part.name.to_owned(), Stream::open(part)?)));
    table(streams.collect::<Result<_>>()?, options)
}

/// One table of parts, each with its name.
///
/// # Errors
/// As [`read()`].
pub(super) fn table<B: Batches>(mut parts: Vec<(String, B)>, options: &ReadOptions) -> Result<Read> {
    let fields: Vec<(&str, &[Arc<Field>])> =
        parts.iter().map(|(name, batches)| (name.as_str(), batches.fields())).collect();
    let wanted = columns::wanted(&fields, options)?;
    let mut growing: Vec<Growing> = wanted.iter().map(Growing::new).collect();
    let mut rows = 0usize;
    for (i, (name, batches)) in parts.iter_mut().enumerate() {
        let places: Vec<usize> = wanted.iter().map(|column| column.places[i]).collect();
        while let Some(batch) = batches.next(&places)? {
            if rows.saturating_add(batch.rows) >= u32::MAX as usize {
                let error = Code::UnreadableValue.error(format!("more than {} rows", u32::MAX - 1));
                return Err(error.help("read it in parts").within(name.as_str(), None, None));
            }
            for (column, array) in growing.iter_mut().zip(&batch.columns) {
                column.add(&**array, rows, name)?;
            }
            rows += batch.rows;
        }
    }
    if rows == 0 {
        let name = parts.into_iter().next().map(|(name, _)| name).unwrap_or_default();
        let error = Code::EmptyData.error("the data has columns, but no rows").within(name, None, None);
        return Err(error.help("put a table with at least one row there"));
    }
    let mut suspects = Vec::new();
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for column in growing {
        let (field, values, suspect) = column.finish();
        fields.push(field);
        columns.push(values);
        suspects.extend(suspect);
    }
    Ok(Read { table: Table::new(Schema::new(fields), columns)?, suspects })
}
