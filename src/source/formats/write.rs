//! A table to bytes.

use std::io;

use crate::diag::Result;
use crate::source::{arrow, npy, parquet};
use crate::table::{Column, Kind, Levels, Table, push_datetime};

use super::cell::push_number;
use super::{Format, detect};

/// The bytes of a table in any format.
///
/// # Errors
/// `Usage` for a table that NPY does not hold, which has no missing texts and truths.
pub fn written(table: &Table, format: Format) -> Result<Vec<u8>> {
    if format == Format::Npy {
        npy::check(table)?;
    }
    Ok(write(table, format))
}

/// The bytes of a table in a format of [`Format::ALL`], which hold any table. What was read reads back as the same table, where the
/// types that cannot be inferred (numbers as a category) are given again.
///
/// Numbers are the shortest text that reads back as the same bits, without a fraction in a column
/// that has none; bools are `true` and `false`; a missing cell is empty in CSV and `null` in JSON.
/// Infinity, which JSON lacks, is the string `"inf"` there; a datetime is text in ISO 8601.
pub fn write(table: &Table, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_to(table, format, &mut bytes).expect("writing to memory does not fail, and the format is written");
    bytes
}

/// Writes a table as [`write`] does, a row or a column at a time.
///
/// # Errors
/// Those of `out`.
pub fn write_to(table: &Table, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        Format::Csv => write_delimited(table, b',', true, out),
        Format::Tsv => write_delimited(table, b'\t', true, out),
        Format::JsonColumns => write_columns(table, out),
        Format::JsonRecords => {
            out.write_all(b"[")?;
            write_objects(table, b",\n", out)?;
            out.write_all(b"]\n")
        }
        Format::Jsonl => {
            write_objects(table, b"\n", out)?;
            if table.rows() > 0 { out.write_all(b"\n") } else { Ok(()) }
        }
        Format::Arrow => arrow::write(table, out),
        Format::Parquet => parquet::write(table, out),
        Format::Npy => npy::write(table, out),
    }
}

/// Writes the rows of a table that others of the same columns stand before, in CSV, TSV or JSONL. Whether a column of
/// numbers has a fraction is told of these rows alone.
///
/// # Errors
/// Those of `out`; `Unsupported` for a format that is not written row after row.
pub fn write_more(table: &Table, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        Format::Csv => write_delimited(table, b',', false, out),
        Format::Tsv => write_delimited(table, b'\t', false, out),
        Format::Jsonl => write_to(table, format, out),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn write_delimited(table: &Table, delimiter: u8, is_first: bool, out: &mut dyn io::Write) -> io::Result<()> {
    if table.columns().is_empty() {
        return Ok(());
    }
    if is_first {
        out.write_all(&header(table, delimiter)?)?;
    }
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(out);
    let printers = printers(table, |label, _| label.to_owned());
    let mut text = String::new();
    for row in 0..table.rows() {
        for printer in &printers {
            text.clear();
            printer.push(row, &mut text);
            writer.write_field(&text)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

/// The header, in quotes where it would else be taken for something else: a byte order mark, JSON, another format's first
/// bytes.
fn header(table: &Table, delimiter: u8) -> io::Result<Vec<u8>> {
    let line = |style: csv::QuoteStyle| {
        let mut line = Vec::new();
        let mut writer =
            csv::WriterBuilder::new().delimiter(delimiter).quote_style(style).from_writer(&mut line);
        writer.write_record(table.schema().names())?;
        writer.flush()?;
        drop(writer);
        Ok(line)
    };
    let plain = line(csv::QuoteStyle::Necessary)?;
    let known = detect(&plain, "").is_ok_and(|format| matches!(format, Format::Csv | Format::Tsv));
    if known && !plain.starts_with(b"\xef\xbb\xbf") { Ok(plain) } else { line(csv::QuoteStyle::Always) }
}

fn write_columns(table: &Table, out: &mut dyn io::Write) -> io::Result<()> {
    let mut text = String::new();
    out.write_all(b"{")?;
    for (i, (field, printer)) in table.schema().fields().iter().zip(printers(table, json_label)).enumerate() {
        let before = if i == 0 { "" } else { ",\n" };
        write!(out, "{before}{}: [", json_text(&field.name))?;
        for row in 0..table.rows() {
            text.clear();
            text.push_str(if row == 0 { "" } else { ", " });
            printer.push_json(row, &mut text);
            out.write_all(text.as_bytes())?;
        }
        out.write_all(b"]")?;
    }
    out.write_all(b"}\n")
}

/// An object for each row.
fn write_objects(table: &Table, between: &[u8], out: &mut dyn io::Write) -> io::Result<()> {
    let names: Vec<String> = table.schema().names().map(|name| format!("{}: ", json_text(name))).collect();
    let printers = printers(table, json_label);
    let mut text = String::new();
    for row in 0..table.rows() {
        if row > 0 {
            out.write_all(between)?;
        }
        text.clear();
        text.push('{');
        for (i, (name, printer)) in names.iter().zip(&printers).enumerate() {
            text.push_str(if i == 0 { "" } else { ", " });
            text.push_str(name);
            printer.push_json(row, &mut text);
        }
        text.push('}');
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// A column and how its cells are spelled.
pub(super) enum Printer<'a> {
    Numbers { values: &'a [f64], whole: bool },
    Bools(&'a [f64]),
    Datetimes(&'a [f64]),
    Labels { codes: &'a [u32], labels: Vec<String> },
}

pub(super) fn printers(table: &Table, spell: impl Fn(&str, &Levels) -> String) -> Vec<Printer<'_>> {
    table
        .fields()
        .map(|(field, column)| match column {
            Column::Number(values) if field.kind == Kind::Bool => Printer::Bools(values),
            Column::Number(values) if field.kind == Kind::Datetime => Printer::Datetimes(values),
            Column::Number(values) => {
                let whole = values.iter().all(|value| value.is_nan() || value.fract() == 0.0);
                Printer::Numbers { values, whole }
            }
            Column::Codes { codes, levels } => {
                let labels = levels.labels().iter().map(|label| spell(label, levels)).collect();
                Printer::Labels { codes, labels }
            }
        })
        .collect()
}

impl Printer<'_> {
    /// Whether a row has a cell.
    pub(super) fn has(&self, row: usize) -> bool {
        match self {
            Printer::Numbers { values, .. } | Printer::Bools(values) | Printer::Datetimes(values) => {
                !values[row].is_nan()
            }
            Printer::Labels { codes, labels } => (codes[row] as usize) < labels.len(),
        }
    }

    /// Appends a cell; nothing for a missing one.
    pub(super) fn push(&self, row: usize, text: &mut String) {
        match self {
            Printer::Numbers { values, whole } => {
                if !values[row].is_nan() {
                    push_number(text, values[row], *whole);
                }
            }
            Printer::Bools(values) => {
                if !values[row].is_nan() {
                    text.push_str(if values[row] == 0.0 { "false" } else { "true" });
                }
            }
            Printer::Datetimes(values) => {
                if !values[row].is_nan() {
                    push_datetime(text, values[row]);
                }
            }
            Printer::Labels { codes, labels } => {
                text.push_str(labels.get(codes[row] as usize).map_or("", String::as_str));
            }
        }
    }

    /// Appends a cell as JSON.
    fn push_json(&self, row: usize, text: &mut String) {
        let before = text.len();
        match self {
            Printer::Numbers { values, .. } if values[row].is_infinite() => {
                text.push_str(if values[row] > 0.0 { "\"inf\"" } else { "\"-inf\"" });
            }
            Printer::Datetimes(values) if !values[row].is_nan() => {
                text.push('"');
                push_datetime(text, values[row]);
                text.push('"');
            }
            _ => self.push(row, text),
        }
        if text.len() == before {
            text.push_str("null");
        }
    }
}

fn json_text(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}

/// A label in JSON: a number where the data had numbers and JSON can spell them so.
fn json_label(label: &str, levels: &Levels) -> String {
    if levels.numeric() && serde_json::from_str::<serde_json::Number>(label).is_ok() {
        label.to_owned()
    } else {
        json_text(label)
    }
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::source::formats::{Format, ReadOptions, detect, read};
    use crate::table::Kind;

    #[test]
    fn every_format_spells_a_table() {
        let csv =
            "n,half,b,s,code\n1,0.5,TRUE,\"a,\"\"1\"\"\",1.0\n,,,,\n-2,1e-7,false,é,+2\n3,1,false,é,1\n";
        let options =
            ReadOptions { schema: [("code".to_owned(), Kind::Category)].into(), ..ReadOptions::default() };
        let table = read(csv.as_bytes(), Format::Csv, "k", &options).expect("a table").table;
        let text = |format| String::from_utf8(write(&table, format)).expect("text");
        assert_eq!(
            text(Format::Csv),
            "n,half,b,s,code\n1,0.5,true,\"a,\"\"1\"\"\",1.0\n,,,,\n-2,1e-7,false,é,+2\n3,1.0,false,é,1.0\n"
        );
        assert_eq!(
            text(Format::JsonColumns),
            "{\"n\": [1, null, -2, 3],\n\"half\": [0.5, null, 1e-7, 1.0],\n\"b\": [true, null, false, false],\n\
             \"s\": [\"a,\\\"1\\\"\", null, \"é\", \"é\"],\n\"code\": [1.0, null, \"+2\", 1.0]}\n"
        );
        let lines = text(Format::Jsonl);
        assert!(lines.starts_with("{\"n\": 1, \"half\": 0.5, \"b\": true, "), "{lines}");
        assert_eq!(lines.lines().count(), 4);
        assert_eq!(text(Format::JsonRecords), format!("[{}]\n", lines.trim_end().replace('\n', ",\n")));
        assert!(text(Format::Tsv).starts_with("n\thalf\t"));
    }

    /// Found by changing samples: such a file was another table when it was read again, or none.
    #[test]
    fn a_header_that_looks_like_something_else_is_quoted() {
        for name in ["\u{feff}a", "{", "[x]", "PAR1\0", "PK\u{3}\u{4}"] {
            let json = serde_json::json!([{name: 1, "a": 2}]).to_string();
            let table = read(json.as_bytes(), Format::JsonRecords, "k", &ReadOptions::default());
            let written = write(&table.expect(name).table, Format::Csv);
            assert_eq!(written, format!("\"{name}\",\"a\"\n1,2\n").as_bytes());
            let back = read(&written, detect(&written, "k").expect(name), "k", &ReadOptions::default());
            assert_eq!(back.expect(name).table.schema().names().collect::<Vec<_>>(), [name, "a"]);
        }
    }

    #[test]
    fn infinity_is_a_string_in_json() {
        let table =
            read(b"x\ninf\n-1e999\n", Format::Csv, "k", &ReadOptions::default()).expect("a table").table;
        assert_eq!(write(&table, Format::JsonColumns), b"{\"x\": [\"inf\", \"-inf\"]}\n");
        assert_eq!(write(&table, Format::Csv), b"x\ninf\n-inf\n");
    }
}
