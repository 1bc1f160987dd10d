//! CSV and TSV: a header, then a row a line, quotes as in RFC 4180.

use csv::StringRecord;

use crate::diag::Result;

use super::Builder;

/// Hands the cells of a text to a builder. As `read_csv` does, it skips blank lines and calls a
/// column without a name `Unnamed: 0`; unlike it, it refuses a row with too few or too many fields.
///
/// # Errors
/// `UnreadableValue` with the line, and what the builder meets.
pub(super) fn feed(text: &str, delimiter: u8, builder: &mut Builder<'_>) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut next = |record: &mut StringRecord, builder: &Builder<'_>| -> Result<Option<usize>> {
        let at = reader.position().byte() as usize;
        let more = reader
            .read_record(record)
            .map_err(|error| builder.error(at, error.to_string(), "is this a CSV file?"))?;
        let end = reader.position().byte() as usize;
        if more && end >= text.len() && ends_in_quotes(&text.as_bytes()[at.min(text.len())..], delimiter) {
            let message = "the row opens a quote that is never closed".to_owned();
            return Err(builder.error(at, message, "close it, or write a quote inside quotes twice"));
        }
        Ok(more.then_some(at))
    };
    let Some(at) = next(&mut record, builder)? else { return Ok(()) };
    check_delimiter(&record, at, builder)?;
    let lines = text.bytes().filter(|byte| *byte == b'\n').count();
    builder.reserve(lines.min(text.len() / record.len().max(1)));
    let mut slots = Vec::with_capacity(record.len());
    for (i, name) in record.iter().enumerate() {
        let unnamed = || format!("Unnamed: {i}");
        slots.push(if name.is_empty() { builder.column(&unnamed(), at) } else { builder.column(name, at) }?);
    }
    builder.end_columns(at)?;
    while let Some(at) = next(&mut record, builder)? {
        if record.len() != slots.len() {
            let row = builder.rows() + 1;
            let message =
                format!("row {row} has {}, the header {}", fields(record.len()), fields(slots.len()));
            return Err(builder.error(
                at,
                message,
                "give every row a field for each column, in quotes if it holds the delimiter",
            ));
        }
        for (slot, text) in slots.iter().zip(&record) {
            builder.push(*slot, text, at)?;
        }
        builder.end_row()?;
    }
    Ok(())
}

fn fields(count: usize) -> String {
    if count == 1 { "1 field".into() } else { format!("{count} fields") }
}

/// One column whose name holds semicolons is a file of another custom.
fn check_delimiter(header: &StringRecord, at: usize, builder: &Builder<'_>) -> Result<()> {
    match header.get(0) {
        Some(name) if header.len() == 1 && name.contains(';') => {
            let message = "the header has semicolons and no comma".to_owned();
            Err(builder.error(
                at,
                message,
                "convert it once: `pandas.read_csv(FILE, sep=\";\").to_csv(FILE, index=False)`",
            ))
        }
        _ => Ok(()),
    }
}

/// Whether a record that reaches to the end of the text ends inside quotes: the csv crate takes
/// the rest of the file for its last field then.
fn ends_in_quotes(record: &[u8], delimiter: u8) -> bool {
    let mut quoted = false;
    let mut start = true;
    let mut bytes = record.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quoted => {
                if bytes.next_if_eq(&&b'"').is_none() {
                    quoted = false;
                }
            }
            _ if quoted => {}
            b'"' if start => {
                quoted = true;
                start = false;
            }
            _ => start = *byte == delimiter || matches!(byte, b'\n' | b'\r'),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use crate::diag::{Code, Place};
    use crate::source::formats::{Format, Read, ReadOptions, read};
    use crate::table::Column;

    fn csv(text: &str) -> crate::diag::Result<Read> {
        read(text.as_bytes(), Format::Csv, "k", &ReadOptions::default())
    }

    fn fault(text: &str) -> (Code, String, Option<usize>) {
        let error = csv(text).expect_err(text);
        let line = match error.place() {
            Some(Place::File { line, .. }) => *line,
            _ => None,
        };
        (error.code(), error.message().to_owned(), line)
    }

    #[test]
    fn quotes_line_ends_and_blank_lines() {
        let read =
            csv("\u{feff}\"a,1\",b\r\n\r\n1,\"x \"\"y\"\"\"\r\n2,\"two\nlines\"\r\n").expect("a table");
        assert_eq!(read.table.schema().names().collect::<Vec<_>>(), ["a,1", "b"]);
        let Column::Codes { levels, .. } = &read.table.columns()[1] else { panic!("a category") };
        assert_eq!(levels.labels(), ["two\nlines", "x \"y\""]);
        assert_eq!(csv("a\n1\n\"\"\n2\n").expect("a table").table.columns()[0].missing(), 1);
        assert_eq!(csv(",b\n0,1\n").expect("a table").table.schema().fields()[0].name, "Unnamed: 0");
    }

    #[test]
    fn faults_have_their_line() {
        let ragged = "row 2 has 1 field, the header 2 fields".to_owned();
        assert_eq!(fault("a,b\n1,2\n\n3\n"), (Code::UnreadableValue, ragged, Some(4)));
        let open = "the row opens a quote that is never closed".to_owned();
        assert_eq!(fault("a,b\n1,2\n3,\"x\n4,5\n"), (Code::UnreadableValue, open, Some(3)));
        assert_eq!(fault("a,b,a\n1,2,3\n").1, "column `a` stands twice");
        assert_eq!(fault("a;b\n1;2\n").1, "the header has semicolons and no comma");
        assert_eq!(fault("a,b\n").0, Code::EmptyData);
        assert_eq!(fault(" \n").0, Code::EmptyData);
        assert_eq!(csv("a\n5\" pipe\n").expect("a stray quote").table.rows(), 1);
    }

    #[test]
    fn bytes_that_are_not_utf8_have_line_and_column() {
        let error =
            read(b"a,b\n1,caf\xe9\n", Format::Csv, "k", &ReadOptions::default()).expect_err("latin 1");
        assert_eq!(error.message(), "byte 0xe9 at byte 6 of line 2 is not UTF-8");
    }
}
