//! A row an entry of a stream.

use super::rows::gather_rows;
use crate::diag::{Result, Watch};
use crate::source::formats::{Read, ReadOptions};
use crate::source::keys::{EntryId, Keys};

/// Reads the table whose rows are the entries of a stream from one to another, both included, in their order: what is
/// written behind the entry that is the last one at the beginning is not read.
///
/// # Errors
/// `MissingKeyOrFile` for a key that is not there, `WrongKind` for one that is no stream; what
/// [`gather`](crate::source::formats::gather) meets. They name the entry, and the field where there is one.
pub fn read_stream(
    keys: &dyn Keys,
    key: &str,
    (from, to): (EntryId, EntryId),
    options: &ReadOptions,
    watch: &dyn Watch,
) -> Result<Read> {
    let extent = keys.stream(key)?;
    let to = extent.map_or(EntryId::FIRST, |extent| extent.last.min(to));
    let length = extent.map_or(0, |extent| extent.length);
    // A server that has no entries now may have some the moment after.
    let from = if extent.is_some() { from } else { EntryId::LAST };
    gather_rows(key, length, options, watch, |sink| keys.entries(key, from, to, sink))
}
