//! The formats and their names.

use crate::diag::{Code, Diagnostic, Result};

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
    /// Typed columns in row groups. It is read, not written.
    Parquet,
}

impl Format {
    /// All formats that can be both read and written.
    pub const ALL: [Format; 5] =
        [Format::Csv, Format::Tsv, Format::JsonColumns, Format::JsonRecords, Format::Jsonl];

    /// The format in words.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "CSV",
            Format::Tsv => "TSV",
            Format::JsonColumns => "JSON columns",
            Format::JsonRecords => "JSON records",
            Format::Jsonl => "JSONL",
            Format::Parquet => "Parquet",
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
        }
    }

    /// The format, if tables can be written in it.
    ///
    /// # Errors
    /// `Usage` for Parquet.
    pub fn written(self) -> Result<Self> {
        if Self::ALL.contains(&self) {
            return Ok(self);
        }
        let error = Code::Usage.error(format!("{} is read, but not written", self.name()));
        Err(error.help("write `.csv` or `.jsonl`, which `pandas` turns into Parquet"))
    }

    /// Whether it is one of the JSON formats.
    pub fn is_json(self) -> bool {
        matches!(self, Format::JsonColumns | Format::JsonRecords | Format::Jsonl)
    }
}

/// The format that a file's ending names; `None` for an ending that names none. For `.json` that is
/// columns, which is what is written; [`read`](super::read()) takes records as well.
///
/// # Errors
/// `UnreadableValue` for a format that is known but not in this version.
pub fn format_of_path(path: &std::path::Path) -> Result<Option<Format>> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("").to_ascii_lowercase();
    let within = |e: Diagnostic| e.within(path.display().to_string(), None, None);
    match ending.as_str() {
        "csv" => Ok(Some(Format::Csv)),
        "tsv" => Ok(Some(Format::Tsv)),
        "json" => Ok(Some(Format::JsonColumns)),
        "jsonl" => Ok(Some(Format::Jsonl)),
        "parquet" => Ok(Some(Format::Parquet)),
        "arrow" => Err(within(later("Arrow IPC"))),
        "npy" => Err(within(later("NPY"))),
        "gz" => Err(within(later("gzip"))),
        "zst" => Err(within(later("zstd"))),
        _ => Ok(None),
    }
}

/// The error for a format that this version does not read.
pub(super) fn later(format: &str) -> Diagnostic {
    let help = match format {
        "Arrow IPC" => "convert it once: `pandas.read_feather(FILE).to_csv(\"data.csv\", index=False)`",
        "NPY" => "convert it once: `pandas.DataFrame(numpy.load(FILE)).to_csv(\"data.csv\", index=False)`",
        "gzip" | "zstd" | "bzip2" | "xz" | "zlib" => "decompress it first",
        _ => "convert it to CSV, JSON or JSONL first",
    };
    Code::UnreadableValue.error(format!("{format} is not in this version")).help(help)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Format, format_of_path};
    use crate::diag::Code;

    #[test]
    fn endings_name_formats() {
        let of = |path: &str| format_of_path(Path::new(path));
        assert_eq!(of("a/b.CSV"), Ok(Some(Format::Csv)));
        assert_eq!(of("b.tsv"), Ok(Some(Format::Tsv)));
        assert_eq!(of("b.json"), Ok(Some(Format::JsonColumns)));
        assert_eq!(of("csv"), Ok(None));
        for format in Format::ALL {
            let named = of(&format!("a.{}", format.ending())).map(|named| named.map(Format::ending));
            assert_eq!(named, Ok(Some(format.ending())));
        }
        for path in ["a.arrow", "a.npy", "a.csv.gz", "a.csv.zst"] {
            assert_eq!(of(path).expect_err(path).code(), Code::UnreadableValue);
        }
    }
}
