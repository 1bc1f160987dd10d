//! The formats and their names.

use std::path::Path;

use crate::diag::{Code, Diagnostic};

use super::Packing;

/// How a table is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Comma-separated fields with a header.
    Csv,
    /// The same with tabs.
    Tsv,
    /// One object with a list for each column: `{"x1": [1, 2], "x2": [3, 4]}`.
    JsonColumns,
    /// One list with an object for each row: `[{"x1": 1, "x2": 3}, {"x1": 2, "x2": 4}]`.
    JsonRecords,
    /// An object for each row, one a line.
    Jsonl,
    /// Typed columns in row groups.
    Parquet,
    /// Typed columns in record batches: Arrow IPC, as a file (Feather) or a stream. A file is written.
    Arrow,
    /// An array of NumPy: records are written.
    Npy,
}

impl Format {
    /// All formats that hold any table; NPY has no missing texts and truths.
    pub const ALL: [Format; 7] = [
        Format::Csv,
        Format::Tsv,
        Format::JsonColumns,
        Format::JsonRecords,
        Format::Jsonl,
        Format::Parquet,
        Format::Arrow,
    ];

    /// The format in words.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "CSV",
            Format::Tsv => "TSV",
            Format::JsonColumns => "JSON columns",
            Format::JsonRecords => "JSON records",
            Format::Jsonl => "JSONL",
            Format::Parquet => "Parquet",
            Format::Arrow => "Arrow IPC",
            Format::Npy => "NPY",
        }
    }

    /// The ending of its files, which the two layouts of JSON share.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::JsonColumns | Format::JsonRecords => "json",
            Format::Jsonl => "jsonl",
            Format::Parquet => "parquet",
            Format::Arrow => "arrow",
            Format::Npy => "npy",
        }
    }

    /// The format of files with this ending. For `json` that is columns, which is what is written; [`read`](super::read())
    /// takes records as well.
    pub fn of_ending(ending: &str) -> Option<Self> {
        Some(match ending {
            "csv" => Format::Csv,
            "tsv" => Format::Tsv,
            "json" => Format::JsonColumns,
            "jsonl" => Format::Jsonl,
            "parquet" => Format::Parquet,
            "arrow" => Format::Arrow,
            "npy" => Format::Npy,
            _ => return None,
        })
    }

    /// Whether the data itself says what its columns are.
    pub fn is_typed(self) -> bool {
        matches!(self, Format::Parquet | Format::Arrow | Format::Npy)
    }

    /// Whether it is one of the JSON formats.
    pub fn is_json(self) -> bool {
        matches!(self, Format::JsonColumns | Format::JsonRecords | Format::Jsonl)
    }
}

/// The format that a file's ending names, before `.gz` or `.zst`; `None` for an ending that names none.
pub fn format_of_path(path: &Path) -> Option<Format> {
    let stem = if Packing::of_path(path) == Packing::Plain { None } else { path.file_stem() };
    Format::of_ending(&stem.map_or(path, Path::new).extension()?.to_str()?.to_ascii_lowercase())
}

/// The error for a format that this version does not read.
pub(super) fn later(format: &str) -> Diagnostic {
    let help = match format {
        "Feather V1" => "convert it once: `pandas.read_feather(FILE).to_feather(\"data.arrow\")`",
        "gzip" | "zstd" | "bzip2" | "xz" | "zlib" => "decompress it first",
        _ => "convert it to CSV, JSON or JSONL first",
    };
    Code::UnreadableValue.error(format!("{format} is not in this version")).help(help)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Format, format_of_path};

    #[test]
    fn endings_name_formats() {
        let of = |path: &str| format_of_path(Path::new(path));
        assert_eq!(of("a/b.CSV"), Some(Format::Csv));
        assert_eq!(of("b.tsv"), Some(Format::Tsv));
        assert_eq!(of("b.json"), Some(Format::JsonColumns));
        assert_eq!(of("a.json/b.npy.gz"), Some(Format::Npy));
        assert_eq!(of("a.csv.zst"), Some(Format::Csv));
        for none in ["csv", "a.gz", "a.csv/b", "a.csv.gz.zst", ".gz"] {
            assert_eq!(of(none), None, "{none}");
        }
        for format in Format::ALL {
            let named = of(&format!("a.{}", format.ending())).map(Format::ending);
            assert_eq!(named, Some(format.ending()));
        }
    }
}
