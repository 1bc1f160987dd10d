//! Rows whose keys another key lists.

use super::hashes::read_keys;
use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::source::formats::{Read, ReadOptions};
use crate::source::keys::Keys;

/// Reads the table whose rows are the keys that an index lists: a list in its order, a sorted set by scores, a set sorted. A
/// key that a list names twice is two rows. No other key of the store is looked at.
///
/// # Errors
/// `MissingKeyOrFile` for an index or a row that is not there; `WrongKind` for an index that is no list, set or sorted set;
/// and those of [`read_keys`].
pub fn read_index(keys: &dyn Keys, index: &str, options: &ReadOptions, watch: &dyn Watch) -> Result<Read> {
    let names = keys.index(index)?;
    read_keys(keys, &names, index, options, watch)
        .map_err(|error| named_by(error, &format!("the index `{index}` names it")))
}

/// The error of a key that nobody has seen in the store: `who` has named it.
pub(super) fn named_by(error: Diagnostic, who: &str) -> Diagnostic {
    match error.code() {
        Code::MissingKeyOrFile => error.help(format!("{who}: write the row, or leave its key out there")),
        _ => error,
    }
}
