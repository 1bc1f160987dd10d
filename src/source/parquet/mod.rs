//! Parquet: typed columns in row groups, from files or from a key.
//!
//! - Integers, floats (those of 32 bits widened) and decimals are numbers, booleans bool, text
//!   category, whether it is stored as a dictionary or not. NaN is missing, as null is; an empty text,
//!   and one like `NA`, is a value, as `pandas.read_parquet` has it, since Parquet says itself what is
//!   missing.
//! - Dates and timestamps are datetimes; times, bytes and columns of several values a row are refused by name.
//! - `schema` overrides the type as it does for texts: a text is read as a CSV cell where a number is
//!   asked for; a number is spelled where a category is.
//!
//! Column readers go over the pages of a column one by one, so that memory is a page a column,
//! whatever the row groups.

mod blob;
mod cells;
mod chunk;
mod columns;
mod footer;
mod pages;
mod scan;
mod survey;
mod write;

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::errors::ParquetError;

pub(super) use cells::spelled_as;
pub use scan::ParquetScan;
pub use survey::Survey;
pub(super) use write::write;

use self::blob::Blob;
use self::scan::{Shared, Source};
use super::formats::{Part, Read, ReadOptions};
use crate::diag::{Code, Result};

/// Opens files as one table, in their order, and finds the levels of its categories.
///
/// # Errors
/// `MissingKeyOrFile` for a file that cannot be opened; `UnreadableValue` for what is no Parquet file
/// and for columns that are not read; `MissingColumn` for a name of the options that is not there, and
/// for files of other columns; `EmptyData` where there are no rows.
pub fn open(files: &[PathBuf], options: &ReadOptions) -> Result<ParquetScan> {
    let source = |path: &PathBuf| source(path.display().to_string(), opened(path)?);
    scan(files.iter().map(source).collect::<Result<_>>()?, options)
}

/// Whether a file begins as Parquet files do.
///
/// # Errors
/// `MissingKeyOrFile` for a file that cannot be opened.
pub fn is_parquet(path: &Path) -> Result<bool> {
    let blob = opened(path)?;
    Ok(blob.read(0, footer::MAGIC.len()).is_ok_and(|start| start == footer::MAGIC))
}

fn opened(path: &Path) -> Result<Blob> {
    Blob::open(path).map_err(|error| {
        let message = format!("file `{}` cannot be read: {error}", path.display());
        Code::MissingKeyOrFile.error(message).help("paths in a pipeline file are relative to it")
    })
}

/// Reads the bytes of Parquet files whole, as one table.
///
/// # Errors
/// As [`open`].
pub(super) fn read(parts: &[Part<'_>], options: &ReadOptions) -> Result<Read> {
    let source = |part: &Part<'_>| {
        let blob = Blob::Memory(part.kept(part.bytes));
        source(part.name.to_owned(), blob)
    };
    scan(parts.iter().map(source).collect::<Result<_>>()?, options)?.gather()
}

fn source(name: String, blob: Blob) -> Result<Source> {
    // A footer that passes the checks may still hold what the decoder panics on.
    let footer = catch_unwind(std::panic::AssertUnwindSafe(|| footer::footer(&blob)));
    let footer = footer.unwrap_or_else(|_| Err(ParquetError::General("the footer is damaged".to_owned())));
    match footer {
        Ok(footer) => Ok(Source { name, blob: Arc::new(blob), footer }),
        Err(ParquetError::General(message) | ParquetError::EOF(message)) => {
            Err(scan::damaged(&name, message))
        }
        Err(error) => Err(scan::damaged(&name, error.to_string())),
    }
}

fn scan(sources: Vec<Source>, options: &ReadOptions) -> Result<ParquetScan> {
    let name = sources.first().map(|source| source.name.clone()).unwrap_or_default();
    let schemas: Vec<_> =
        sources.iter().map(|source| (source.name.clone(), source.footer.file_metadata())).collect();
    let columns = columns::wanted(&schemas, options)?;
    drop(schemas);
    let shared = Shared::new(sources, columns)?;
    if shared.rows == 0 {
        let error = Code::EmptyData.error("the data has columns, but no rows");
        return Err(error.within(name, None, None).help("put a table with at least one row there"));
    }
    ParquetScan::new(Arc::new(shared)).with_levels()
}
