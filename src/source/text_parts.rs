//! A file of lines in parts: CSV, TSV and JSONL.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::formats::{Format, ReadOptions, detect, read};
use super::parts::{Part, Parts};
use crate::diag::{Code, Diagnostic, Place, Result};
use crate::table::RUN_ROWS;

/// The bytes that are looked at at a time.
const PIECE: usize = 1 << 20;
/// The bytes of a part: beyond, a quote was opened and never closed.
const LONGEST: u64 = 1 << 30;

/// A file and where its parts begin: after a first pass that looks for line ends alone.
pub struct TextParts {
    file: Mutex<File>,
    name: String,
    format: Format,
    /// What stands before every part: the header, with the lines before it.
    header: Vec<u8>,
    names: Vec<String>,
    options: ReadOptions,
    /// Where each part begins; one more at the end.
    cuts: Vec<Cut>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cut {
    byte: u64,
    rows: usize,
    lines: usize,
}

impl TextParts {
    /// Opens a file of this format and lays out its parts. `None` for a file that is not what its ending says, or of one part:
    /// it is read whole, by whoever knows what to say of it.
    ///
    /// # Errors
    /// `MissingKeyOrFile` for a file that cannot be read; `UnreadableValue` for one that has no line ends.
    pub fn open(path: &Path, format: Format, options: &ReadOptions) -> Result<Option<Self>> {
        let unread = |error: std::io::Error| {
            let message = format!("file `{}` cannot be read: {error}", path.display());
            Code::MissingKeyOrFile.error(message).help("paths are relative to the working directory")
        };
        let name = path.display().to_string();
        let mut file = File::open(path).map_err(unread)?;
        let mut cutter = Cutter::new(format);
        let mut piece = vec![0; PIECE];
        let mut header: Vec<u8> = Vec::new();
        let mut is_first = true;
        loop {
            let length = file.read(&mut piece).map_err(unread)?;
            if length == 0 {
                break;
            }
            let bytes = &piece[..length];
            let found = if is_first { detect(bytes, &name).ok() } else { Some(format) };
            let is_other = found != Some(format) && format != Format::Jsonl;
            if is_other || bytes.contains(&0) {
                return Ok(None);
            }
            is_first = false;
            let had = cutter.header_end;
            cutter.look(bytes);
            if had.is_none() && format != Format::Jsonl {
                header.extend_from_slice(bytes);
            }
            if cutter.at - cutter.cuts.last().map_or(0, |cut| cut.byte) > LONGEST {
                let error = Code::UnreadableValue.error(format!("{RUN_ROWS} rows take more than 1 GiB"));
                return Err(error.help("is a quote opened that is never closed?").within(name, None, None));
            }
        }
        header.truncate(cutter.header_end.unwrap_or(0) as usize);
        let cuts = cutter.finish();
        if cuts.len() < 3 {
            return Ok(None);
        }
        let names = Vec::new();
        let file = Mutex::new(file);
        let mut parts = Self { file, name, format, header, names, options: options.clone(), cuts };
        let all = ReadOptions { columns: None, ..ReadOptions::default() };
        let first = read(&parts.bytes(0)?, format, &parts.name, &all);
        // What is wrong with it is told when it is read as it is asked for.
        parts.names =
            first.map_or(Vec::new(), |read| read.table.schema().names().map(str::to_owned).collect());
        Ok(Some(parts))
    }

    /// The bytes of a part, with the header.
    fn bytes(&self, i: usize) -> Result<Vec<u8>> {
        let (from, to) = (self.cuts[i].byte, self.cuts[i + 1].byte);
        let mut bytes = self.header.clone();
        let before = bytes.len();
        bytes.resize(before + (to - from) as usize, 0);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(from)).and_then(|_| file.read_exact(&mut bytes[before..]));
        read.map_err(|error| {
            Code::UnreadableValue.error(format!("file `{}` changes while it is read: {error}", self.name))
        })?;
        Ok(bytes)
    }

    /// An error of a part, with its place in the file.
    fn placed(&self, error: Diagnostic, cut: Cut) -> Diagnostic {
        if cut.rows == 0 {
            return error;
        }
        let error = error.prefixed(&format!("counted from row {}", cut.rows + 1));
        match error.place().cloned() {
            Some(Place::File { name, line: Some(line), column }) => {
                let own = self.header.iter().filter(|byte| **byte == b'\n').count();
                error.within(name, Some((line + cut.lines).saturating_sub(own)), column)
            }
            _ => error,
        }
    }
}

impl Parts for TextParts {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn count(&self) -> usize {
        self.cuts.len() - 1
    }

    fn part(&self, i: usize) -> Result<Part> {
        let cut = self.cuts[i];
        let read = read(&self.bytes(i)?, self.format, &self.name, &self.options);
        let mut read = read.map_err(|error| self.placed(error, cut))?;
        for suspect in &mut read.suspects {
            suspect.row += cut.rows;
            suspect.error = self.placed(suspect.error.clone(), cut);
        }
        Ok(Part { table: read.table, suspects: read.suspects, start: cut.rows })
    }
}

/// Finds the ends of rows: line ends that are not inside quotes.
struct Cutter {
    /// The delimiter; none where quotes mean nothing, since JSON has no line end inside them.
    delimiter: Option<u8>,
    quoted: bool,
    /// A quote has ended a quoted field, unless another follows.
    closing: bool,
    field_starts: bool,
    /// Whether anything but a line end stands on the line.
    is_row: bool,
    at: u64,
    rows: usize,
    lines: usize,
    header_end: Option<u64>,
    cuts: Vec<Cut>,
}

impl Cutter {
    fn new(format: Format) -> Self {
        let (delimiter, header_end, cuts) = match format {
            Format::Csv => (Some(b','), None, Vec::new()),
            Format::Tsv => (Some(b'\t'), None, Vec::new()),
            _ => (None, Some(0), vec![Cut::default()]),
        };
        Self {
            delimiter,
            quoted: false,
            closing: false,
            field_starts: true,
            is_row: false,
            at: 0,
            rows: 0,
            lines: 0,
            header_end,
            cuts,
        }
    }

    fn look(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.at += 1;
            self.lines += usize::from(*byte == b'\n');
            if self.quoted {
                self.is_row = true;
                // Twice it is one quote of the text; once it ends the field.
                if *byte == b'"' {
                    self.closing = !self.closing;
                    continue;
                }
                if !self.closing {
                    continue;
                }
                (self.quoted, self.closing) = (false, false);
            }
            match byte {
                b'\n' => self.end_line(),
                b'"' if self.field_starts && self.delimiter.is_some() => {
                    (self.quoted, self.is_row, self.field_starts) = (true, true, false);
                }
                b'\r' => {}
                _ => {
                    self.is_row = true;
                    self.field_starts = Some(*byte) == self.delimiter;
                }
            }
        }
    }

    fn end_line(&mut self) {
        self.field_starts = true;
        if !std::mem::take(&mut self.is_row) {
            return;
        }
        let here = Cut { byte: self.at, rows: self.rows, lines: self.lines };
        if self.header_end.is_none() {
            self.header_end = Some(self.at);
            self.cuts.push(here);
            return;
        }
        self.rows += 1;
        if self.rows.is_multiple_of(RUN_ROWS) {
            self.cuts.push(Cut { rows: self.rows, ..here });
        }
    }

    /// All cuts, the end of the file among them.
    fn finish(mut self) -> Vec<Cut> {
        let last = self.cuts.last().map_or(0, |cut| cut.byte);
        let open = self.is_row || self.cuts.last().is_some_and(|cut| cut.rows < self.rows);
        if open && last < self.at {
            self.cuts.push(Cut { byte: self.at, rows: self.rows, lines: self.lines });
        }
        self.cuts
    }
}

#[cfg(test)]
mod tests {
    use super::{Parts, TextParts};
    use crate::source::formats::{Format, ReadOptions, read, write};
    use crate::table::RUN_ROWS;

    /// Rows with quotes, line ends in quotes, blank lines and other ends of lines.
    fn csv(rows: usize) -> String {
        let mut text = String::from("\u{feff}n,\"te\nxt\",x\r\n");
        for i in 0..rows {
            text.push_str(&match i % 5 {
                0 => format!("{i},\"a\n\"\"b\"\"\n{}\",1\r\n", i % 7),
                1 => format!("{i},plain,2\n\n"),
                2 => format!("{i},in\"side,3\n"),
                3 => format!("\"{i}\",\"\",4\n"),
                _ => format!("{i},é,5\n"),
            });
        }
        text
    }

    #[test]
    fn parts_together_are_the_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        for rows in [RUN_ROWS + 1, 2 * RUN_ROWS, 2 * RUN_ROWS + 7] {
            for last in ["\n", ""] {
                let text = csv(rows);
                let text = text.trim_end_matches('\n').to_owned() + last;
                let path = folder.path().join("t.csv");
                std::fs::write(&path, &text).expect("a file");
                let parts = TextParts::open(&path, Format::Csv, &ReadOptions::default());
                let parts = parts.expect("a file").expect("several parts");
                let whole =
                    read(text.as_bytes(), Format::Csv, "t", &ReadOptions::default()).expect("a table").table;
                assert_eq!(parts.names(), ["n", "te\nxt", "x"]);
                assert_eq!(parts.count(), rows.div_ceil(RUN_ROWS));
                let mut start = 0;
                for i in 0..parts.count() {
                    let part = parts.part(i).expect("a part");
                    let own = whole.slice(start, part.table.rows());
                    assert_eq!(part.start, start);
                    assert!(
                        write(&part.table, Format::Csv) == write(&own, Format::Csv),
                        "part {i} of {rows}"
                    );
                    start += part.table.rows();
                }
                assert_eq!(start, rows);
            }
        }
    }

    #[test]
    fn an_error_has_its_line_in_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.jsonl");
        let mut text = "{\"a\": 1}\n".repeat(RUN_ROWS + 10);
        text.push_str("{\"a\": [1]}\n");
        std::fs::write(&path, &text).expect("a file");
        let parts = TextParts::open(&path, Format::Jsonl, &ReadOptions::default()).expect("a file");
        let error = parts.expect("two parts").part(1).err().expect("a list is no cell");
        assert!(error.message().starts_with(&format!("counted from row {}: ", RUN_ROWS + 1)), "{error}");
        let place = error.place().cloned();
        assert!(
            matches!(place, Some(crate::diag::Place::File { line: Some(line), .. }) if line == RUN_ROWS + 11)
        );
        std::fs::write(&path, "{\"a\": 1}\n").expect("a file");
        assert!(TextParts::open(&path, Format::Jsonl, &ReadOptions::default()).expect("a file").is_none());
    }
}
