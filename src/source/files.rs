//! Files of the user: read whole, written whole or not at all.

use std::path::Path;

use crate::diag::{Code, Result};
use crate::store;

/// The bytes of a file that must be there.
///
/// # Errors
/// `MissingKeyOrFile` with the path and the system's reason.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let message = format!("file `{}` cannot be read: {error}", path.display());
        Code::MissingKeyOrFile.error(message).help("paths are relative to the working directory")
    })
}

/// Writes a file by temp + rename, so that a reader sees the old one or the new one.
///
/// # Errors
/// `StoreIo` with the path and the system's reason; the old file is untouched then.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    store::replace_file(path, bytes)
}
