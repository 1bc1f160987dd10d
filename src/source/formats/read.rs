//! Bytes to a table.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Result};
use crate::table::{Kind, Table};

use super::bare::quote_bare_words;
use super::{Format, Suspect, delimited, detect, gather, json};
use crate::source::parquet;

/// What to read, and as what.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Types that are not inferred. Every name has to be a column of the data.
    pub schema: BTreeMap<String, Kind>,
    /// Read only these, all if `None`; they come in the order of the data, as `usecols` has it.
    pub columns: Option<Vec<String>>,
}

/// A table as it was read.
#[derive(Clone, Debug)]
pub struct Read {
    /// The columns.
    pub table: Table,
    /// The first cell of each number column that a float cannot hold, in column order: errors for
    /// the caller to raise where the column is used.
    pub suspects: Vec<Suspect>,
}

/// Reads a table; `name` is the key or file, for messages. Which of the JSON formats the bytes of
/// [`Format::JsonColumns`] and [`Format::JsonRecords`] are, the content says, since a file's ending
/// does not.
///
/// # Errors
/// `EmptyData` without a row or column; `UnreadableValue` for what is not in the format, with the
/// line; `RefusedFormat` for pickle and Java values; `MissingColumn` for a name of the options that
/// is not in the data; `BadCell` for a cell that is not of the type that `schema` asks for.
pub fn read(bytes: &[u8], format: Format, name: &str, options: &ReadOptions) -> Result<Read> {
    let found = detect(bytes, name)?;
    if found == Format::Parquet {
        return parquet::read(bytes, name, options);
    }
    if format == Format::Parquet {
        let error =
            Code::UnreadableValue.error(format!("the value looks like {}, not Parquet", found.name()));
        return Err(error
            .help("say `format: auto`, or give the file its own ending")
            .within(name, None, None));
    }
    let is_any_json = matches!(format, Format::JsonColumns | Format::JsonRecords) && found.is_json();
    let format = if is_any_json { found } else { format };
    let text = text(bytes, name)?;
    let read = |text: &str| {
        let lines = Lines { text, last: Cell::new((0, 1)) };
        let place = |at: usize| (name.to_owned(), Some(lines.of(at)));
        gather(options, &place, |builder| match format {
            Format::Csv => delimited::feed(text, b',', builder),
            Format::Tsv => delimited::feed(text, b'\t', builder),
            Format::JsonColumns => json::feed_columns(text, builder),
            Format::JsonRecords => json::feed_records(text, builder),
            Format::Jsonl => json::feed_lines(text, builder),
            Format::Parquet => Err(Code::Bug.error("text was to be read as Parquet")),
        })
    };
    let result = read(text);
    match &result {
        Err(error) if format.is_json() && error.code() == Code::UnreadableValue => {
            quote_bare_words(text).map_or(result, |text| read(&text))
        }
        _ => result,
    }
}

/// Counts lines. Cells are asked for in the order of the text, so that a thousand of them cost one
/// pass.
struct Lines<'a> {
    text: &'a str,
    /// A byte, and its line.
    last: Cell<(usize, usize)>,
}

impl Lines<'_> {
    /// The line of a byte, counted from 1; that of the first byte after line ends.
    fn of(&self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let at = at.min(bytes.len());
        let (from, line) = if self.last.get().0 <= at { self.last.get() } else { (0, 1) };
        let ends = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
        let line = line + ends(&bytes[from..at]);
        self.last.set((at, line));
        let blank = bytes[at..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        line + ends(&bytes[at..at + blank])
    }
}

/// The bytes as text, without a byte order mark.
fn text<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to(), name))
}

fn not_utf8(bytes: &[u8], at: usize, name: &str) -> Diagnostic {
    let before = &bytes[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    let help = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "this is UTF-16: save it as UTF-8",
        _ => "save it as UTF-8, e.g. with `iconv -f latin1 -t utf-8`",
    };
    let message = format!("byte 0x{:02x} at byte {column} of line {line} is not UTF-8", bytes[at]);
    Code::UnreadableValue.error(message).help(help).within(name, Some(line), Some(column))
}
