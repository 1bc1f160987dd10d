//! Files of the user: read whole, written whole or not at all.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::keys::glob;
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

/// The files that a path names, or that match it as a pattern, sorted: `*` is any part of a name, `?` one byte, `[abc]`
/// one of a class. What exists as it is written is no pattern, and `*` matches no hidden file.
///
/// # Errors
/// `MissingKeyOrFile` with the pattern, where there is none.
pub fn files_matching(pattern: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let part = part.as_os_str();
        found = found.into_iter().flat_map(|folder| children(folder, part)).collect();
    }
    found.retain(|path| path.is_file());
    found.sort();
    if found.is_empty() {
        let is_pattern = pattern.to_string_lossy().contains(['*', '?', '[']);
        let what = if is_pattern { "no file matches" } else { "there is no file" };
        let error = Code::MissingKeyOrFile.error(format!("{what} `{}`", pattern.display()));
        return Err(error.help("paths in a pipeline file are relative to it"));
    }
    Ok(found)
}

/// What is called or matches `part` in a folder.
fn children(folder: PathBuf, part: &OsStr) -> Vec<PathBuf> {
    let literal = folder.join(part);
    let pattern = part.as_encoded_bytes();
    if literal.symlink_metadata().is_ok() || !pattern.iter().any(|byte| b"*?[".contains(byte)) {
        return vec![literal];
    }
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
    let entries = std::fs::read_dir(listed).into_iter().flatten().filter_map(std::result::Result::ok);
    let names = entries.map(|entry| entry.file_name()).filter(|name| {
        let name = name.as_encoded_bytes();
        (pattern[0] == b'.' || !name.starts_with(b".")) && glob::matches(pattern, name)
    });
    names.map(|name| folder.join(name)).collect()
}

/// Writes a file by temp + rename, so that a reader sees the old one or the new one.
///
/// # Errors
/// `StoreIo` with the path and the system's reason; the old file is untouched then.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    store::replace_file(path, bytes)
}

/// Writes a file as [`write_file`] does, from what `make` hands over bit by bit.
///
/// # Errors
/// As there, and those of `make`.
pub fn write_file_by(path: &Path, make: impl FnOnce(&mut dyn std::io::Write) -> Result<()>) -> Result<()> {
    store::replace_file_by(path, make)
}

#[cfg(test)]
mod tests {
    use super::files_matching;

    #[test]
    fn patterns_match_files_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a[1]/b.parquet")).expect("folders");
        for name in ["a[1]/2.parquet", "a[1]/10.parquet", "a[1]/.hidden.parquet", "a[1]/x.csv"] {
            std::fs::write(at(name), "").expect("a file");
        }
        let names = |pattern: &str| -> Vec<String> {
            let found = files_matching(&at(pattern)).unwrap_or_default();
            found
                .iter()
                .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(names("a[1]/*.parquet"), ["10.parquet", "2.parquet"]);
        assert_eq!(names("*/?.parquet"), ["2.parquet"]);
        assert_eq!(names("a[1]/x.csv"), ["x.csv"]);
        assert!(names("a[1]/*.json").is_empty() && names("a[1]").is_empty() && names("b/*").is_empty());
        let error = files_matching(&at("*.json")).expect_err("none");
        assert!(error.message().starts_with("no file matches `"), "{error}");
    }
}
