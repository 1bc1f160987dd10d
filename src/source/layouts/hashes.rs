//! One key a row: a hash with a field a column, or a string that holds one JSON object.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::source::formats::{self, Builder, Format, Read, ReadOptions, feed_object, quote_bare_words};
use crate::source::keys::{Held, Keys};

/// Reads the table whose rows are the keys that match a pattern, sorted by key. Columns stand in the order of their first
/// appearance; a row that lacks a field has a missing value there. Each key is read once.
///
/// # Errors
/// `MissingKeyOrFile` when no key matches, and for a key that goes meanwhile; `WrongKind` for a key that is neither a hash
/// nor a string; `UnreadableValue` for bytes that are not UTF-8 and strings that are no JSON object; what
/// [`formats::gather`] meets. They name the key, and the field where there is one.
pub fn read_rows(keys: &dyn Keys, pattern: &str, options: &ReadOptions, watch: &dyn Watch) -> Result<Read> {
    let names = keys.matching(pattern)?;
    if names.is_empty() {
        return Err(Code::MissingKeyOrFile.error(format!("no key in the store matches `{pattern}`")).help(
            "`pipefit data ls` lists the keys; in a pattern `*` is any text, `?` one byte, `[ab]` a or b",
        ));
    }
    watch.stage("reading", names.len() as u64);
    let mut rows = Rows::new(pattern, options, &names);
    keys.rows(&names, &mut |key, held| {
        if watch.stopped() {
            return Err(Code::Interrupted.error("interrupted").help("nothing was published; run it again"));
        }
        watch.tick(1);
        match held {
            Held::Hash(fields) => rows.add_hash(key, &fields),
            Held::String(bytes) => rows.add_document(key, &bytes),
        }
    })?;
    formats::gather(options, &|at| rows.place(at), |builder| rows.feed(builder))
}

/// All rows, packed: [`formats::gather`] may ask for them twice, and a second reading might find other values.
struct Rows<'a> {
    pattern: &'a str,
    keys: &'a [String],
    /// The columns to read, all if `None`.
    wanted: Option<BTreeSet<&'a str>>,
    /// The values of hashes, and the documents, one behind the other. A cell's place is a byte of it; the first byte
    /// belongs to no row.
    text: String,
    rows: Vec<Row>,
    /// The cells of hashes: the number of the name, and the length of the value.
    cells: Vec<(u32, u32)>,
    names: Vec<String>,
    by_name: HashMap<String, u32>,
}

struct Row {
    /// Its first byte.
    start: usize,
    holds: Holds,
}

enum Holds {
    /// The values of these cells.
    Cells(Range<usize>),
    /// A document of so many bytes.
    Document(usize),
}

impl<'a> Rows<'a> {
    fn new(pattern: &'a str, options: &'a ReadOptions, keys: &'a [String]) -> Self {
        Self {
            pattern,
            keys,
            wanted: options.columns.as_ref().map(|names| names.iter().map(String::as_str).collect()),
            text: "\n".to_owned(),
            rows: Vec::with_capacity(keys.len()),
            cells: Vec::new(),
            names: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    fn add_hash(&mut self, key: &str, fields: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
        let (start, first) = (self.text.len(), self.cells.len());
        for (i, (name, value)) in fields.iter().enumerate() {
            let name = std::str::from_utf8(name)
                .map_err(|_| not_utf8(key, &format!("the name of field `{}`", name.escape_ascii())))?;
            let number = self.number(name, i);
            // What is not read need not be text.
            let wanted = self.wanted.as_ref().is_none_or(|names| names.contains(name));
            let value = if wanted { value.as_slice() } else { b"" };
            let value = std::str::from_utf8(value)
                .map_err(|_| not_utf8(key, &format!("the value of field `{}`", name.escape_debug())))?;
            self.text.push_str(value);
            let length = u32::try_from(value.len()).map_err(|_| {
                Code::UnreadableValue.error(format!("field `{name}` of key `{key}` is too long"))
            })?;
            self.cells.push((number, length));
        }
        self.end(start, Holds::Cells(first..self.cells.len()));
        Ok(())
    }

    /// The number of a field's name; most rows have the fields of the first in the same order.
    fn number(&mut self, name: &str, guess: usize) -> u32 {
        if self.names.get(guess).is_some_and(|known| known == name) {
            return guess as u32;
        }
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), number);
        number
    }

    fn add_document(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        let found = formats::detect(bytes, key)?;
        if !matches!(found, Format::Jsonl | Format::JsonColumns) {
            let message = format!("key `{key}` holds what looks like {}, not one JSON object", found.name());
            let help = "a key that holds a whole table is read with `source.key`";
            return Err(Code::UnreadableValue.error(message).help(help).within(key, None, None));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| not_utf8(key, "its value"))?;
        let start = self.text.len();
        self.text.push_str(quote_bare_words(text).as_deref().unwrap_or(text));
        self.end(start, Holds::Document(self.text.len() - start));
        Ok(())
    }

    /// Ends a row, with a byte of its own so that no two rows begin at one.
    fn end(&mut self, start: usize, holds: Holds) {
        self.text.push('\n');
        self.rows.push(Row { start, holds });
    }

    fn feed(&self, builder: &mut Builder<'_>) -> Result<()> {
        builder.reserve(self.rows.len());
        for row in &self.rows {
            match &row.holds {
                Holds::Document(length) => feed_object(&self.text, row.start..row.start + length, builder)?,
                Holds::Cells(cells) => {
                    let mut at = row.start;
                    for (number, length) in &self.cells[cells.clone()] {
                        let value = &self.text[at..at + *length as usize];
                        at += value.len();
                        let slot = builder.field(&self.names[*number as usize], row.start)?;
                        if builder.wants(slot) {
                            builder.push(slot, value, row.start)?;
                        }
                    }
                    builder.end_row()?;
                }
            }
        }
        Ok(())
    }

    /// The key, and in a document the line, of a byte.
    fn place(&self, at: usize) -> (String, Option<usize>) {
        let after = self.rows.partition_point(|row| row.start <= at);
        let Some(i) = after.checked_sub(1) else { return (self.pattern.to_owned(), None) };
        let row = &self.rows[i];
        let line = match row.holds {
            Holds::Cells(_) => None,
            Holds::Document(_) => {
                let before = &self.text.as_bytes()[row.start..at];
                Some(before.iter().filter(|byte| **byte == b'\n').count() + 1)
            }
        };
        (self.keys[i].clone(), line)
    }
}

fn not_utf8(key: &str, what: &str) -> Diagnostic {
    Code::UnreadableValue
        .error(format!("key `{key}`: {what} is not UTF-8"))
        .help("write text, or name the `columns` to read; values of other columns may be anything")
        .within(key, None, None)
}

#[cfg(test)]
mod tests {
    use super::read_rows;
    use crate::diag::{Code, Place, Result, Silent};
    use crate::source::formats::{Format, Read, ReadOptions, read};
    use crate::source::keys::{Held, Keys, Kind, Listed};
    use crate::table::fingerprint;

    /// Keys that are there for their rows alone.
    struct Given(Vec<(&'static str, Held)>);

    impl Keys for Given {
        fn kind(&self, _: &str) -> Result<Option<Kind>> {
            unreachable!("not asked for")
        }
        fn value(&self, _: &str) -> Result<Option<Vec<u8>>> {
            unreachable!("not asked for")
        }
        fn write(&self, _: &str, _: &[u8]) -> Result<()> {
            unreachable!("not asked for")
        }
        fn write_new(&self, _: &str, _: &[u8]) -> Result<bool> {
            unreachable!("not asked for")
        }
        fn remove(&self, _: &str) -> Result<bool> {
            unreachable!("not asked for")
        }
        fn ls(&self) -> Result<Vec<Listed>> {
            unreachable!("not asked for")
        }
        fn matching(&self, _: &str) -> Result<Vec<String>> {
            Ok(self.0.iter().map(|(key, _)| (*key).to_owned()).collect())
        }
        fn rows(&self, _: &[String], each: &mut dyn FnMut(&str, Held) -> Result<()>) -> Result<()> {
            self.0.iter().try_for_each(|(key, held)| each(key, held.clone()))
        }
    }

    fn hash(fields: &[(&[u8], &[u8])]) -> Held {
        Held::Hash(fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect())
    }

    fn document(text: &str) -> Held {
        Held::String(text.as_bytes().to_vec())
    }

    fn rows(keys: Vec<(&'static str, Held)>, options: &ReadOptions) -> Result<Read> {
        read_rows(&Given(keys), "r:*", options, &Silent)
    }

    #[test]
    fn hashes_and_documents_are_the_table_of_the_csv() {
        let csv = "id,n,b\u{e9},late\n007,1,x,\n7,,,\nA1,2.5,y,true\n";
        let keys = vec![
            ("r:1", hash(&[(b"id", b"007"), (b"n", b"1"), ("b\u{e9}".as_bytes(), b"x")])),
            ("r:2", document("\u{feff}{\n \"n\": NaN, \"id\": 7}")),
            (
                "r:3",
                hash(&[("b\u{e9}".as_bytes(), b"y"), (b"late", b"true"), (b"id", b"A1"), (b"n", b"2.5")]),
            ),
        ];
        let all = ReadOptions::default();
        let expected = read(csv.as_bytes(), Format::Csv, "k", &all).expect("a table").table;
        let table = rows(keys.clone(), &all).expect("a table").table;
        assert_eq!(table.schema(), expected.schema());
        assert_eq!(fingerprint(&table), fingerprint(&expected));
        let some = ReadOptions { columns: Some(vec!["n".into(), "id".into()]), ..all };
        let expected = read(csv.as_bytes(), Format::Csv, "k", &some).expect("a table").table;
        assert_eq!(fingerprint(&rows(keys, &some).expect("a table").table), fingerprint(&expected));
    }

    #[test]
    fn faults_name_the_key_and_the_field() {
        let bad = |held: Held| vec![("r:1", hash(&[(b"a", b"1")])), ("r:2", held), ("r:3", document("{}"))];
        let faults = [
            (hash(&[(b"a\xff", b"1")]), "key `r:2`: the name of field `a\\xff` is not UTF-8", None),
            (hash(&[(b"a", b"\xff")]), "key `r:2`: the value of field `a` is not UTF-8", None),
            (document("a,b\n1,2\n"), "key `r:2` holds what looks like CSV, not one JSON object", None),
            (document("{\"a\": [1]}"), "column `a`, row 2: a list is not a cell", Some(1)),
            (document("{\"a\": 1,\n\"a\": 2}"), "row 2: field `a` stands twice", Some(2)),
            (document("{\"a\": 1}\n{\"a\": 2}"), "not a row in JSON: trailing characters", Some(2)),
        ];
        for (held, message, line) in faults {
            let error = rows(bad(held), &ReadOptions::default()).expect_err(message);
            assert_eq!((error.code(), error.message()), (Code::UnreadableValue, message));
            let Some(Place::File { name, line: found, .. }) = error.place() else {
                panic!("{message}: no place")
            };
            assert_eq!((name.as_str(), *found), ("r:2", line), "{message}");
        }
    }

    #[test]
    fn a_column_that_is_nowhere_is_a_fault_of_the_pattern() {
        let options = ReadOptions { columns: Some(vec!["prize".into()]), ..ReadOptions::default() };
        let error = rows(vec![("r:1", hash(&[(b"price", b"\xff")]))], &options).expect_err("no such column");
        assert_eq!((error.code(), error.advice()), (Code::MissingColumn, Some("did you mean `price`?")));
        assert!(
            matches!(error.place(), Some(Place::File { name, .. }) if name == "r:*"),
            "{:?}",
            error.place()
        );
        let error = rows(Vec::new(), &options).expect_err("no key");
        assert_eq!(error.message(), "no key in the store matches `r:*`");
    }

    #[test]
    fn binary_values_of_other_columns_are_left_alone() {
        let options = ReadOptions { columns: Some(vec!["a".into()]), ..ReadOptions::default() };
        let read = rows(vec![("r:1", hash(&[(b"a", b"1"), (b"vector", b"\xff\xfe")]))], &options);
        assert_eq!(read.expect("a table").table.schema().names().collect::<Vec<_>>(), ["a"]);
    }
}
