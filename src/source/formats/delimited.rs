//! CSV and TSV: a header, then a row a line, quotes as in RFC 4180.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr3};
use rayon::prelude::*;

use crate::diag::{Diagnostic, Result};

use super::Builder;
use super::build::{Rows, Slot};
use super::cell::Cell;
use super::decimal;

/// Hands the cells of a text to a builder. As `read_csv` does, it skips blank lines and calls a
/// column without a name `Unnamed: 0`; unlike it, it refuses a row with too few or too many fields.
///
/// # Errors
/// `UnreadableValue` with the line, and what the builder meets.
pub(super) fn feed(text: &str, delimiter: u8, builder: &mut Builder<'_>) -> Result<()> {
    let mut records = Records::new(text, delimiter, 0);
    let Some(at) = records.begin() else { return Ok(()) };
    records.read().ok_or_else(|| unclosed(at, builder))?;
    let header: Vec<&str> = records.fields().map(|field| field.text).collect();
    check_delimiter(&header, at, builder)?;
    builder.reserve(most_rows(text, header.len()));
    let mut slots = Vec::with_capacity(header.len());
    for (i, name) in header.into_iter().enumerate() {
        let unnamed = || format!("Unnamed: {i}");
        slots.push(if name.is_empty() { builder.column(&unnamed(), at) } else { builder.column(name, at) }?);
    }
    builder.end_columns(at)?;
    while text.len() - records.at > PIECE && rayon::current_num_threads() > 1 {
        feed_pieces(&mut records, &slots, builder)?;
    }
    feed_rows(&mut records, text.len(), &slots, builder)
}

/// The bytes of a piece, to the end of its line: some rows, whose cells stay in a thread's cache. In tests so few that they have many.
const PIECE: usize = if cfg!(test) { 1 << 12 } else { 1 << 20 };

/// Takes the next pieces, a few for each thread, which are read at once. Where a line ends a record may go on, within quotes: its
/// piece is not whole then, nor the next what it seems, and the rows of the first one are read in turn. So they are where there is
/// anything to complain about, since only who knows all rows before can say where.
fn feed_pieces(records: &mut Records<'_>, slots: &[Slot], builder: &mut Builder<'_>) -> Result<()> {
    let (text, delimiter) = (records.text, records.delimiter);
    let mut pieces = Vec::new();
    let mut start = records.at;
    while start < text.len() && pieces.len() < 4 * rayon::current_num_threads() {
        let least = (start + PIECE).min(text.len());
        let end = memchr(b'\n', &text.as_bytes()[least..]).map_or(text.len(), |at| least + at + 1);
        pieces.push(start..end);
        start = end;
    }
    let apart = builder.apart();
    let read = |piece: &Range<usize>| {
        let mut records = Records::new(&text[..piece.end], delimiter, piece.start);
        apart.rows(most_rows(&text[piece.clone()], slots.len()), |builder| {
            feed_rows(&mut records, piece.end, slots, builder)
        })
    };
    let rows: Vec<Result<Rows>> = pieces.par_iter().map(read).collect();
    let rows: Vec<Rows> = rows.into_iter().map_while(Result::ok).collect();
    let whole = rows.len();
    builder.append(rows)?;
    if let Some(last) = pieces[..whole].last() {
        records.at = last.end;
    }
    match pieces.get(whole) {
        Some(piece) => feed_rows(records, piece.end, slots, builder),
        None => Ok(()),
    }
}

/// The rows of a text at most, and one for a last line without an end.
fn most_rows(text: &str, fields: usize) -> usize {
    let lines: usize = text.as_bytes().par_chunks(PIECE).map(|piece| memchr_iter(b'\n', piece).count()).sum();
    lines.min(text.len() / fields.max(1)) + 1
}

/// Hands over the rows that begin before `end`.
fn feed_rows(records: &mut Records<'_>, end: usize, slots: &[Slot], builder: &mut Builder<'_>) -> Result<()> {
    while let Some(at) = records.begin().filter(|at| *at < end) {
        records.read().ok_or_else(|| unclosed(at, builder))?;
        if records.fields.len() != slots.len() {
            let row = builder.rows() + 1;
            let (own, header) = (fields(records.fields.len()), fields(slots.len()));
            return Err(builder.error(
                at,
                format!("row {row} has {own}, the header {header}"),
                "give every row a field for each column, in quotes if it holds the delimiter",
            ));
        }
        for (slot, field) in slots.iter().zip(records.fields()) {
            builder.push(*slot, field, at)?;
        }
        builder.end_row()?;
    }
    Ok(())
}

/// Cuts a text into records as the csv crate does, whose writer is used, but leaves the fields where they are: most need no copy.
///
/// A line ends with `\n`, `\r` or both; blank lines are none. A quote counts where a field begins with it; what follows the
/// closing one belongs to the field as it is.
struct Records<'t> {
    text: &'t str,
    delimiter: u8,
    /// Where the next record begins, or the line ends before it.
    at: usize,
    /// The fields of the current record.
    fields: Vec<Field>,
    /// The texts of those that do not stand in the text as they are.
    unquoted: String,
}

/// Where a field is, in the text or among the unquoted, and the number that it is, where that is known.
#[derive(Clone, Copy)]
struct Field {
    start: usize,
    end: usize,
    unquoted: bool,
    number: Option<f64>,
}

impl<'t> Records<'t> {
    fn new(text: &'t str, delimiter: u8, at: usize) -> Self {
        Self { text, delimiter, at, fields: Vec::new(), unquoted: String::new() }
    }

    /// Goes to the next record, and says where it begins.
    fn begin(&mut self) -> Option<usize> {
        let ends = self.text.as_bytes()[self.at..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
        self.at += ends.count();
        (self.at < self.text.len()).then_some(self.at)
    }

    /// Reads the record; nothing where its quotes do not end.
    fn read(&mut self) -> Option<()> {
        self.fields.clear();
        self.unquoted.clear();
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        loop {
            at = match bytes.get(at) {
                Some(b'"') => self.quoted(at + 1)?,
                _ => {
                    let (end, number) = self.bare(at);
                    self.fields.push(Field { start: at, end, unquoted: false, number });
                    end
                }
            };
            if bytes.get(at) != Some(&self.delimiter) {
                self.at = at;
                return Some(());
            }
            at += 1;
        }
    }

    /// The end of a field without quotes, and the number that it is. Who reads a decimal finds its end on the way.
    fn bare(&self, at: usize) -> (usize, Option<f64>) {
        let bytes = self.text.as_bytes();
        match decimal::leading(&bytes[at..]) {
            Some((number, length)) if self.is_end(bytes.get(at + length)) => (at + length, Some(number)),
            _ => (self.end_of_field(at), None),
        }
    }

    fn is_end(&self, next: Option<&u8>) -> bool {
        next.is_none_or(|byte| *byte == self.delimiter || matches!(byte, b'\n' | b'\r'))
    }

    /// The end of a field without quotes, or of what follows them.
    fn end_of_field(&self, at: usize) -> usize {
        let rest = &self.text.as_bytes()[at..];
        at + memchr3(self.delimiter, b'\n', b'\r', rest).unwrap_or(rest.len())
    }

    /// Takes a field whose quotes begin before `start`, and says where it ends.
    fn quoted(&mut self, start: usize) -> Option<usize> {
        let text = self.text;
        let next = |at: usize| Some(at + memchr(b'"', &text.as_bytes()[at..])?);
        let is_quote = |at: usize| text.as_bytes().get(at) == Some(&b'"');
        let mut close = next(start)?;
        if self.end_of_field(close + 1) == close + 1 {
            self.fields.push(Field { start, end: close, unquoted: false, number: None });
            return Some(close + 1);
        }
        let (first, mut piece) = (self.unquoted.len(), start);
        while is_quote(close + 1) {
            self.unquoted.push_str(&text[piece..=close]);
            piece = close + 2;
            close = next(piece)?;
        }
        self.unquoted.push_str(&text[piece..close]);
        let end = self.end_of_field(close + 1);
        self.unquoted.push_str(&text[close + 1..end]);
        self.fields.push(Field { start: first, end: self.unquoted.len(), unquoted: true, number: None });
        Some(end)
    }

    /// The fields of the record.
    fn fields(&self) -> impl Iterator<Item = Cell<'_>> {
        self.fields.iter().map(|field| {
            let text = if field.unquoted { &self.unquoted } else { self.text };
            Cell { text: &text[field.start..field.end], number: field.number }
        })
    }
}

fn unclosed(at: usize, builder: &Builder<'_>) -> Diagnostic {
    let message = "the row opens a quote that is never closed".to_owned();
    builder.error(at, message, "close it, or write a quote inside quotes twice")
}

fn fields(count: usize) -> String {
    if count == 1 { "1 field".into() } else { format!("{count} fields") }
}

/// One column whose name holds semicolons is a file of another custom.
fn check_delimiter(header: &[&str], at: usize, builder: &Builder<'_>) -> Result<()> {
    match header.first() {
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

#[cfg(test)]
mod tests {
    use super::{PIECE, Records};
    use crate::diag::{Code, Place};
    use crate::source::formats::{Format, Read, ReadOptions, read};
    use crate::table::{Column, fingerprint};

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

    /// However many threads read the pieces of a text, wherever lines end within quotes and whatever is wrong with it.
    #[test]
    fn pieces_are_read_as_the_whole() {
        let mut dice = rand_mt::Mt64::new(2);
        let mut below = |n: usize| (dice.next_u64() % n as u64) as usize;
        let on = |threads: usize, text: &str| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| csv(text)).map(|read| (fingerprint(&read.table), read.suspects))
        };
        let faults = ["", "1,2\n", "x,1,\"open\n", "1,1e999,5\" pipe\n", "007,a,9007199254740993\n"];
        for round in 0..20 * faults.len() {
            let mut text = "number,mixed,\"wo\nrd\"\n".to_owned();
            let words = ["a", "é", "\"a\nb\"", "\"a\n1,2,\"", "NA", "\"\"\"\n\"\"\"", "true"];
            let last = if round < 10 * faults.len() { 1 } else { words.len() };
            while text.len() < 3 * PIECE + below(PIECE) {
                // Numbers, and words that come when whole pieces were numbers.
                let mixed = if text.len() < 2 * PIECE { "7" } else { words[below(last)] };
                text.push_str(&format!("{},{mixed},{}\r\n", below(1 << 30), words[below(words.len())]));
            }
            text.push_str(faults[round % faults.len()]);
            let mut more = String::new();
            (0..PIECE / 8).for_each(|_| more.push_str("1,2,3\n\n"));
            text.push_str(&more);
            let alone = on(1, &text);
            for threads in [2, 3] {
                match (&alone, &on(threads, &text)) {
                    (Ok((alone, suspects)), Ok((found, others))) => {
                        assert_eq!((alone, suspects), (found, others), "{round}");
                    }
                    (Err(alone), Err(found)) => {
                        assert_eq!(
                            (alone.message(), alone.place()),
                            (found.message(), found.place()),
                            "{round}"
                        );
                    }
                    (alone, found) => panic!("{round}: {alone:?} alone, {found:?} together"),
                }
            }
        }
    }

    /// The same fields as the csv crate, whatever stands there.
    #[test]
    fn records_are_those_of_the_csv_crate() {
        let mut dice = rand_mt::Mt64::new(1);
        let mut below = |n: usize| (dice.next_u64() % n as u64) as usize;
        for _ in 0..20_000 {
            let tokens = ["a", "é", "\"", "\"", "\"\"", ",", ",", "\n", "\r", "\r\n", " ", ""];
            let text: String = (0..below(14)).map(|_| tokens[below(tokens.len())]).collect();
            let mut builder = csv::ReaderBuilder::new();
            let mut reader = builder.has_headers(false).flexible(true).from_reader(text.as_bytes());
            let theirs: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.expect("UTF-8").iter().map(Into::into).collect())
                .collect();
            let mut records = Records::new(&text, b',', 0);
            let mut ours: Vec<Vec<String>> = Vec::new();
            while records.begin().is_some() {
                if records.read().is_none() {
                    // The csv crate takes the rest for the last field.
                    ours.push(theirs.last().expect("a record").clone());
                    break;
                }
                ours.push(records.fields().map(|field| field.text.into()).collect());
            }
            assert_eq!(ours, theirs, "{text:?}");
        }
    }
}
