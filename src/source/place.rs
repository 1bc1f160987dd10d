//! `KEY|FILE|-` on the command line.

use std::path::PathBuf;

/// Where rows come from or go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A key in the store.
    Key(String),
    /// stdin or stdout.
    Standard,
}

/// Endings that make an argument a file, also with `.gz` or `.zst` after them.
const ENDINGS: [&str; 7] = [".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow", ".npy"];

impl Place {
    /// An argument to read from: as [`Place::to_write`], and what exists as a file is one.
    pub fn to_read(argument: &str) -> Self {
        match Self::to_write(argument) {
            Self::Key(key) if !argument.starts_with("key:") && PathBuf::from(&key).is_file() => {
                Self::File(key.into())
            }
            place => place,
        }
    }

    /// An argument to write to: `-` is stdout, `key:` and `file:` force one, what contains a slash or
    /// ends like a table file is a file, everything else a key.
    pub fn to_write(argument: &str) -> Self {
        if argument == "-" {
            return Self::Standard;
        }
        if let Some(key) = argument.strip_prefix("key:") {
            return Self::Key(key.to_owned());
        }
        if let Some(file) = argument.strip_prefix("file:") {
            return Self::File(file.into());
        }
        let bare = argument.strip_suffix(".gz").or_else(|| argument.strip_suffix(".zst")).unwrap_or(argument);
        let is_file = argument.contains('/') || ENDINGS.iter().any(|ending| bare.ends_with(ending));
        if is_file { Self::File(argument.into()) } else { Self::Key(argument.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn files_and_keys() {
        let file = |name: &str| Place::File(name.into());
        let key = |name: &str| Place::Key(name.into());
        assert_eq!(Place::to_write("data:x"), key("data:x"));
        assert_eq!(Place::to_write("rows.csv.gz"), file("rows.csv.gz"));
        assert_eq!(Place::to_write("./x"), file("./x"));
        assert_eq!(Place::to_write("key:a/b.csv"), key("a/b.csv"));
        assert_eq!(Place::to_write("file:x"), file("x"));
        assert_eq!(Place::to_write("-"), Place::Standard);
        assert_eq!(Place::to_read("Cargo.toml"), file("Cargo.toml"));
        assert_eq!(Place::to_read("key:Cargo.toml"), key("Cargo.toml"));
    }
}
