//! Bytes to a table.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::diag::{Code, Diagnostic, Result};
use crate::table::{Kind, NaValues, Table};

use super::bare::quote_bare_words;
use super::{Format, Suspect, delimited, detect, gather, json};
use crate::source::{arrow, npy, parquet};

/// What to read, and as what.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Types that are not inferred. Every name has to be a column of the data.
    pub schema: BTreeMap<String, Kind>,
    /// Read only these, all if `None`; they come in the order of the data, as `usecols` has it.
    pub columns: Option<Vec<String>>,
    /// Which texts are missing values, in formats of texts.
    pub na_values: NaValues,
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

/// A value or file, whole or one of several with the rows of one table; not compressed.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The key or file, for messages.
    pub name: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
    /// The same, where it can be shared.
    shared: Option<&'a Bytes>,
}

impl<'a> Part<'a> {
    /// Bytes that are copied where a reader keeps them.
    pub fn borrowed(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, bytes, shared: None }
    }

    /// Bytes that a reader keeps without a copy.
    pub fn shared(name: &'a str, bytes: &'a Bytes) -> Self {
        Self { name, bytes, shared: Some(bytes) }
    }

    /// Some of the bytes, to keep.
    pub(in crate::source) fn kept(&self, part: &[u8]) -> Bytes {
        self.shared.map_or_else(|| Bytes::copy_from_slice(part), |all| all.slice_ref(part))
    }
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
    read_parts(&[(Part::borrowed(name, bytes), format)], options)
}

/// Reads parts, each in its format, as one table: the rows of one after those of the other. Types are those that all rows
/// have. Parts that declare their columns have the same, in any order; in JSON records and lines a row lacks what it
/// lacks.
///
/// # Errors
/// As [`read`]; `MissingColumn` for a column that another part has not; `UnreadableValue` for texts among typed formats.
pub fn read_parts(parts: &[(Part<'_>, Format)], options: &ReadOptions) -> Result<Read> {
    let mut found = Vec::with_capacity(parts.len());
    for (part, format) in parts {
        found.push(held_to(*format, detect(part.bytes, part.name)?, part.name)?);
    }
    let Some((first, typed)) = found.first().map(|first| (*first, first.is_typed())) else {
        return Err(Code::Bug.error("a table of no parts was to be read"));
    };
    let other = |format: &&Format| format.is_typed() && **format != first || format.is_typed() != typed;
    if let Some((format, (part, _))) = found.iter().zip(parts).find(|(format, _)| other(format)) {
        let (own, name) = (format.name(), parts[0].0.name);
        let error = Code::UnreadableValue.error(format!("it holds {own}, and `{name}` {}", first.name()));
        return Err(error.help("give all files one format").within(part.name, None, None));
    }
    let typed: Vec<Part<'_>> = parts.iter().map(|(part, _)| *part).collect();
    match first {
        Format::Parquet => parquet::read(&typed, options),
        Format::Arrow => arrow::read(&typed, options),
        Format::Npy => npy::read(&typed, options),
        _ => read_texts(parts, &found, options),
    }
}

/// The format to read in: the one asked for, or what the content shows where an ending does not say it.
fn held_to(asked: Format, found: Format, name: &str) -> Result<Format> {
    if found.is_typed() {
        return Ok(found);
    }
    if asked.is_typed() {
        let message = format!("the value looks like {}, not {}", found.name(), asked.name());
        let help = "say `format: auto`, or give the file its own ending";
        return Err(Code::UnreadableValue.error(message).help(help).within(name, None, None));
    }
    let is_any_json = matches!(asked, Format::JsonColumns | Format::JsonRecords) && found.is_json();
    Ok(if is_any_json { found } else { asked })
}

fn read_texts(parts: &[(Part<'_>, Format)], formats: &[Format], options: &ReadOptions) -> Result<Read> {
    let plain = parts.iter().map(|(part, _)| Ok(Cow::Borrowed(text(part.bytes, part.name)?)));
    let mut texts: Vec<Cow<'_, str>> = plain.collect::<Result<_>>()?;
    let result = read_cells(parts, formats, &texts, options);
    if !result.as_ref().is_err_and(|error| error.code() == Code::UnreadableValue) {
        return result;
    }
    let mut bare = false;
    for (text, format) in texts.iter_mut().zip(formats).filter(|(_, format)| format.is_json()) {
        if let Some(quoted) = quote_bare_words(text).filter(|_| format.is_json()) {
            *text = Cow::Owned(quoted);
            bare = true;
        }
    }
    if bare { read_cells(parts, formats, &texts, options) } else { result }
}

fn read_cells(
    parts: &[(Part<'_>, Format)],
    formats: &[Format],
    texts: &[Cow<'_, str>],
    options: &ReadOptions,
) -> Result<Read> {
    let mut bases = Vec::with_capacity(texts.len());
    let mut end = 0;
    for text in texts {
        bases.push(end);
        // A place at the end of a text is not one of the next.
        end += text.len() + 1;
    }
    let lines: Vec<Lines<'_>> = texts.iter().map(|text| Lines { text, last: Cell::new((0, 1)) }).collect();
    let place = |at: usize| {
        let part = bases.partition_point(|base| *base <= at).saturating_sub(1);
        (parts[part].0.name.to_owned(), Some(lines[part].of(at - bases[part])))
    };
    gather(options, &place, |builder| {
        for ((text, format), base) in texts.iter().zip(formats).zip(&bases) {
            builder.begin_part(*base);
            match format {
                Format::Csv => delimited::feed(text, b',', builder),
                Format::Tsv => delimited::feed(text, b'\t', builder),
                Format::JsonColumns => json::feed_columns(text, builder),
                Format::JsonRecords => json::feed_records(text, builder),
                Format::Jsonl => json::feed_lines(text, builder),
                other => Err(Code::Bug.error(format!("{} was to be read as text", other.name()))),
            }?;
        }
        Ok(())
    })
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

#[cfg(test)]
mod tests {
    use super::{Part, ReadOptions, read_parts};
    use crate::diag::{Code, Place};
    use crate::source::formats::{Read, detect};
    use crate::table::{Column, Kind, NaValues};

    fn all(parts: &[(&str, &str)], options: &ReadOptions) -> crate::diag::Result<Read> {
        let parts: Vec<_> = parts
            .iter()
            .map(|(name, text)| {
                let bytes = text.as_bytes();
                (Part::borrowed(name, bytes), detect(bytes, name).expect("a format"))
            })
            .collect();
        read_parts(&parts, options)
    }

    #[test]
    fn parts_are_one_table_whose_types_all_rows_decide() {
        let parts = [
            ("1.csv", "a,b\n007,1\n"),
            ("2.csv", "b,a\n"),
            ("3.json", "{\"b\": [2, 3], \"a\": [\"x\", null]}"),
        ];
        let table = all(&parts, &ReadOptions::default()).expect("a table").table;
        let Column::Codes { codes, levels } = &table.columns()[0] else { panic!("a category") };
        let labels: Vec<_> = codes.iter().map(|code| levels.label(*code)).collect();
        assert_eq!(labels, [Some("007"), Some("x"), None]);
        let Column::Number(values) = &table.columns()[1] else { panic!("numbers") };
        assert_eq!(values[..], [1.0, 2.0, 3.0]);
        let lines = [("1.jsonl", "{\"a\": 1}\n"), ("2.jsonl", "{\"b\": true}\n{\"a\": NaN}")];
        let table = all(&lines, &ReadOptions::default()).expect("rows lack what they lack").table;
        assert_eq!(table.columns().iter().map(Column::missing).collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn errors_of_parts_name_the_file_and_the_line() {
        let schema = [("a".to_owned(), Kind::Number)].into();
        let numbers = ReadOptions { schema, ..ReadOptions::default() };
        let fault = |parts: &[(&str, &str)]| {
            let error = all(parts, &numbers).expect_err("a fault");
            let Some(Place::File { name, line, .. }) = error.place().cloned() else { panic!("no place") };
            (error.code(), error.message().to_owned(), name, line)
        };
        assert_eq!(
            fault(&[("1.csv", "a\n1\n"), ("2.csv", "a\n2\nx\n")]),
            (Code::BadCell, "column `a`, row 3: `x` is not a number".to_owned(), "2.csv".to_owned(), Some(3))
        );
        let (code, message, name, line) = fault(&[("1.csv", "a,b\n1,2\n"), ("2.csv", "a\n2\n")]);
        assert_eq!((code, &*message), (Code::MissingColumn, "column `b` is in `1.csv`, but not in `2.csv`"));
        assert_eq!((&*name, line), ("2.csv", Some(1)));
        let (_, message, ..) = fault(&[("1.csv", "a\n1\n"), ("2.json", "{\"a\": [1],\n\"c\": [1]}")]);
        assert_eq!(message, "column `c` is in `2.json`, but not in `1.csv`");
        assert_eq!(fault(&[("1.csv", "a\n1\n"), ("2.csv", "a\n2\n3,4\n")]).3, Some(3));
        assert_eq!(
            fault(&[("1.csv", "a\n1\n"), ("2.parquet", "PAR1\0\0")]).1,
            "it holds Parquet, and `1.csv` CSV"
        );
    }

    #[test]
    fn the_texts_that_are_missing_can_be_said() {
        let csv = "a,b,c\n-999,?,x\n-999.0,NA,?\n1,,y\n";
        let read = |values: &[&str], keep_default| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            let options =
                ReadOptions { na_values: NaValues { values, keep_default }, ..ReadOptions::default() };
            let table = all(&[("k", csv)], &options).expect("a table").table;
            let missing: Vec<usize> = table.columns().iter().map(Column::missing).collect();
            (table.schema().fields().iter().map(|field| field.kind).collect::<Vec<_>>(), missing)
        };
        use Kind::{Category, Number};
        assert_eq!(read(&[], true), (vec![Number, Category, Category], vec![0, 2, 0]));
        assert_eq!(read(&["?", "-999"], true), (vec![Number, Number, Category], vec![2, 3, 1]));
        assert_eq!(read(&["?"], false), (vec![Number, Category, Category], vec![0, 1, 1]));
        let options = ReadOptions {
            na_values: NaValues { values: vec![], keep_default: false },
            ..ReadOptions::default()
        };
        let table = all(&[("k", "{\"a\": [1, null, NaN]}")], &options).expect("a table").table;
        assert_eq!((table.schema().fields()[0].kind, table.columns()[0].missing()), (Number, 2));
    }

    #[test]
    fn datetimes_and_text_are_read_where_they_are_asked_for() {
        let schema = [("at".to_owned(), Kind::Datetime), ("note".to_owned(), Kind::Text)].into();
        let options = ReadOptions { schema, ..ReadOptions::default() };
        let table = all(&[("k", "at,note\n2024-01-02T03:04:05Z,10\n,9\n1970-01-01,NA\n")], &options)
            .expect("a table")
            .table;
        let Column::Number(values) = &table.columns()[0] else { panic!("numbers") };
        assert!(values[0] == 1_704_164_645e6 && values[1].is_nan() && values[2] == 0.0);
        let Column::Codes { levels, .. } = &table.columns()[1] else { panic!("codes") };
        assert_eq!((levels.labels(), levels.numeric()), (&["10".to_owned(), "9".to_owned()][..], false));
        assert_eq!(
            table.schema().fields().iter().map(|field| field.kind.name()).collect::<Vec<_>>(),
            ["datetime", "text"]
        );
        let error = all(&[("k", "at,note\n1704164645,x\n")], &options).expect_err("a number");
        assert!(
            error.message().starts_with("column `at`, row 1: `1704164645` is not a date and time"),
            "{error}"
        );
    }
}
