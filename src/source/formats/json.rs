//! JSON: columns, records, and an object a line.
//!
//! Cells go straight from the text to the columns. A cell is a scalar, so nothing nests deeper than
//! a list of objects, whatever the value holds.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use memchr::memchr2;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::diag::{Diagnostic, Result};

use super::{Builder, Slot};

/// What a text was to be, and what is said of one that is nearly so.
struct Wanted {
    what: &'static str,
    help: &'static str,
}

const TABLE: Wanted = Wanted {
    what: "a table in JSON",
    help: "write columns with `json.dumps(df.to_dict(\"list\"))`, or records with `df.to_json(orient=\"records\")`",
};
const ROW: Wanted = Wanted {
    what: "a row in JSON",
    help: "the key of a row is a hash, or holds one JSON object such as `{\"age\": 41, \"plan\": \"pro\"}`",
};

/// Reads `{"x1": [..], "x2": [..]}`.
///
/// # Errors
/// `UnreadableValue` with the line, and what the builder meets.
pub(super) fn feed_columns(text: &str, builder: &mut Builder<'_>) -> Result<()> {
    let mut context = Context { text, builder, wanted: &TABLE, failed: None };
    let mut parser = serde_json::Deserializer::from_str(text);
    let result = parser.deserialize_map(Columns(&mut context)).and_then(|()| parser.end());
    context.outcome(result, 0)
}

/// Reads `[{"x1": 1, "x2": 2}, ..]`.
///
/// # Errors
/// As [`feed_columns`].
pub(super) fn feed_records(text: &str, builder: &mut Builder<'_>) -> Result<()> {
    let mut context = Context { text, builder, wanted: &TABLE, failed: None };
    let mut parser = serde_json::Deserializer::from_str(text);
    let result = parser.deserialize_seq(Records(&mut context)).and_then(|()| parser.end());
    context.outcome(result, 0)
}

/// Reads an object a line; blank lines are skipped.
///
/// # Errors
/// As [`feed_columns`].
pub(super) fn feed_lines(text: &str, builder: &mut Builder<'_>) -> Result<()> {
    let mut context = Context { text, builder, wanted: &TABLE, failed: None };
    for line in text.lines().filter(|line| !line.trim_ascii().is_empty()) {
        let start = context.offset(line).unwrap_or(0);
        let mut parser = serde_json::Deserializer::from_str(line);
        let result = Record(&mut context).deserialize(&mut parser).and_then(|()| parser.end());
        context.outcome(result, start)?;
    }
    Ok(())
}

/// Reads one row, an object that is the given part of a text; places count from the start of the whole text.
///
/// # Errors
/// As [`feed_columns`].
pub(in crate::source) fn feed_object(
    text: &str,
    part: Range<usize>,
    builder: &mut Builder<'_>,
) -> Result<()> {
    let mut context = Context { text, builder, wanted: &ROW, failed: None };
    let mut parser = serde_json::Deserializer::from_str(&text[part.clone()]);
    let result = Record(&mut context).deserialize(&mut parser).and_then(|()| parser.end());
    context.outcome(result, part.start)
}

struct Context<'t, 'b, 'o> {
    text: &'t str,
    builder: &'b mut Builder<'o>,
    wanted: &'static Wanted,
    /// An error with a place, which serde's errors cannot carry.
    failed: Option<Diagnostic>,
}

impl Context<'_, '_, '_> {
    /// Where a part of the text begins; nowhere, if it is not a part but a copy without escapes.
    fn offset(&self, part: &str) -> Option<usize> {
        let offset = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (offset < self.text.len()).then_some(offset)
    }

    /// Keeps an error for [`Context::outcome`].
    fn keep<T, E: serde::de::Error>(&mut self, result: Result<T>) -> Result<T, E> {
        result.map_err(|error| {
            self.failed = Some(error);
            E::custom("kept")
        })
    }

    /// What the parser says, in words of this crate; its text began at `start`.
    fn outcome(&mut self, result: Result<(), serde_json::Error>, start: usize) -> Result<()> {
        let Err(error) = result else { return Ok(()) };
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let words = error.to_string();
        let words = words.rfind(" at line ").map_or(words.as_str(), |end| &words[..end]);
        let before = self.text[start..].split_inclusive('\n').take(error.line().saturating_sub(1));
        let line = start + before.map(str::len).sum::<usize>();
        let diagnostic =
            self.builder.error(line, format!("not {}: {words}", self.wanted.what), self.wanted.help);
        Err(match diagnostic.place().cloned() {
            Some(crate::diag::Place::File { name, line, .. }) => {
                diagnostic.within(name, line, Some(error.column().max(1)))
            }
            _ => diagnostic,
        })
    }

    /// Hands over the cells of a list that the parser has accepted, and counts them. A cell by itself would cost the parser more
    /// than it takes to read one.
    fn list(&mut self, slot: Slot, list: &str) -> Result<usize> {
        let bytes = list.as_bytes();
        if bytes.first() != Some(&b'[') {
            let message = format!("column `{}` is no list of cells", self.builder.name(slot));
            let at = self.offset(list).unwrap_or(0);
            return Err(self.builder.error(at, message, self.wanted.help));
        }
        let (mut at, mut rows) = (1, 0);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b',' | b']' => at += 1,
                byte if byte.is_ascii_whitespace() => at += 1,
                _ => {
                    let end = at + length(&bytes[at..]);
                    rows += 1;
                    self.cell(slot, rows, &list[at..end])?;
                    at = end;
                }
            }
        }
        Ok(rows)
    }

    fn cell(&mut self, slot: Slot, row: usize, raw: &str) -> Result<()> {
        let at = self.offset(raw).unwrap_or(0);
        let nested = |context: &Self, what: &str| {
            let message = format!("column `{}`, row {row}: {what} is not a cell", context.builder.name(slot));
            Err(context.builder.error(at, message, "a cell is a number, a string, true, false or null"))
        };
        match raw.as_bytes().first() {
            Some(b'n') => {
                self.builder.push_missing(slot);
                Ok(())
            }
            Some(b'[') => nested(self, "a list"),
            Some(b'{') => nested(self, "an object"),
            Some(b'"') => match unescaped(raw) {
                Ok(text) => self.builder.push(slot, &*text, at),
                Err(_) => nested(self, "a string with half a character"),
            },
            _ => self.builder.push(slot, raw, at),
        }
    }
}

/// The length of the cell at the start of accepted JSON; of lists and objects, which are no cells, the first byte.
fn length(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(b'"') => {
            let mut at = 1;
            while let Some(next) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
                at += next + 1;
                if bytes[at - 1] == b'"' {
                    return at;
                }
                at += 1;
            }
            bytes.len()
        }
        Some(b'[' | b'{') => 1,
        _ => bytes[..memchr2(b',', b']', bytes).unwrap_or(bytes.len())].trim_ascii_end().len(),
    }
}

/// The text of a string that the parser has accepted.
fn unescaped(raw: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    match raw.get(1..raw.len().saturating_sub(1)) {
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        _ => serde_json::from_str(raw).map(Cow::Owned),
    }
}

/// The name of a column or field; gives its slot.
struct Name<'c, 't, 'b, 'o> {
    context: &'c mut Context<'t, 'b, 'o>,
    declares: bool,
    row_at: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_, '_, '_, '_> {
    type Value = Slot;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Slot, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_, '_, '_> {
    type Value = Slot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Slot, E> {
        let at = self.context.offset(name).unwrap_or(self.row_at);
        let slot = match self.declares {
            true => self.context.builder.column(name, at),
            false => self.context.builder.field(name, at),
        };
        self.context.keep(slot)
    }
}

struct Columns<'c, 't, 'b, 'o>(&'c mut Context<'t, 'b, 'o>);

impl<'de> Visitor<'de> for Columns<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list for each column")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let context = self.0;
        let mut first: Option<(Slot, usize)> = None;
        while let Some(slot) = map.next_key_seed(Name { context, declares: true, row_at: 0 })? {
            if !context.builder.wants(slot) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let list = map.next_value::<&RawValue>()?.get();
            let rows = context.list(slot, list);
            let rows = context.keep(rows)?;
            match first {
                None => first = Some((slot, rows)),
                Some((other, expected)) if rows != expected => {
                    let (name, other) = (context.builder.name(slot), context.builder.name(other));
                    let message = format!("column `{name}` has {rows} rows, `{other}` has {expected}");
                    let error = context.builder.error(0, message, "give every column the same length");
                    return context.keep(Err(error));
                }
                Some(_) => {}
            }
        }
        let rows = first.map_or(0, |(_, rows)| rows);
        let counted = context.builder.end_columns(0).and_then(|()| context.builder.add_rows(rows));
        context.keep(counted)
    }
}

struct Records<'c, 't, 'b, 'o>(&'c mut Context<'t, 'b, 'o>);

impl<'de> Visitor<'de> for Records<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list with an object for each row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Record(self.0))?.is_some() {}
        Ok(())
    }
}

/// One row.
struct Record<'c, 't, 'b, 'o>(&'c mut Context<'t, 'b, 'o>);

impl<'de> DeserializeSeed<'de> for Record<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object for row {}", self.0.builder.rows() + 1)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let context = self.0;
        let row = context.builder.rows() + 1;
        let mut row_at = 0;
        while let Some(slot) = map.next_key_seed(Name { context, declares: false, row_at })? {
            if !context.builder.wants(slot) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let raw = map.next_value::<&RawValue>()?.get();
            row_at = context.offset(raw).unwrap_or(row_at);
            let cell = context.cell(slot, row, raw);
            context.keep(cell)?;
        }
        let ended = context.builder.end_row();
        context.keep(ended)
    }
}

#[cfg(test)]
mod tests {
    use crate::diag::{Code, Place, Result};
    use crate::source::formats::{Format, Read, ReadOptions, read};
    use crate::table::{Column, Kind};

    fn json(text: &str, format: Format) -> Result<Read> {
        read(text.as_bytes(), format, "k", &ReadOptions::default())
    }

    fn kinds(read: &Read) -> Vec<(&str, Kind)> {
        read.table.schema().fields().iter().map(|field| (field.name.as_str(), field.kind)).collect()
    }

    fn fault(text: &str, format: Format) -> (String, Option<usize>) {
        let error = json(text, format).expect_err(text);
        assert_eq!(error.code(), Code::UnreadableValue);
        match error.place() {
            Some(Place::File { line, .. }) => (error.message().to_owned(), *line),
            _ => (error.message().to_owned(), None),
        }
    }

    #[test]
    fn three_layouts_of_one_table() {
        let columns =
            r#"{"a": [1, null, "3"], "b\u00e9": ["x", "NA", "\ud83d\ude00\n"], "c": [true, false, null]}"#;
        let records = r#" [{"a": 1, "bé": "x", "c": true}, {"bé": "", "c": false}, {"c": null, "bé": "😀\n", "a": 3e0}] "#;
        let lines =
            "{\"a\": 1.0, \"bé\": \"x\", \"c\": \"TRUE\"}\r\n\n{\"c\": false}\n{\"a\": 3, \"bé\": \"😀\\n\"}";
        for (text, format) in
            [(columns, Format::JsonColumns), (records, Format::JsonRecords), (lines, Format::Jsonl)]
        {
            let read = json(text, format).expect(text);
            assert_eq!(kinds(&read), [("a", Kind::Number), ("bé", Kind::Category), ("c", Kind::Bool)]);
            let missing: Vec<usize> = read.table.columns().iter().map(Column::missing).collect();
            assert_eq!((read.table.rows(), missing), (3, vec![1, 1, 1]));
            let Column::Codes { levels, .. } = &read.table.columns()[1] else { panic!("a category") };
            assert_eq!(levels.labels(), ["x", "😀\n"]);
        }
    }

    #[test]
    fn a_file_named_json_may_hold_any_of_them() {
        for text in ["{\"a\": [1]}", "[{\"a\": 1}]", "{\"a\": 1}\n"] {
            assert_eq!(json(text, Format::JsonColumns).expect(text).table.rows(), 1);
        }
    }

    #[test]
    fn numbers_keep_their_spelling_where_they_are_labels() {
        let read = json(r#"{"a": [1.0, "x", 1, true]}"#, Format::JsonColumns).expect("a table");
        let Column::Codes { levels, .. } = &read.table.columns()[0] else { panic!("a category") };
        assert_eq!(levels.labels(), ["1", "1.0", "true", "x"]);
        let read = json(r#"{"a": [9007199254740993, 1e999]}"#, Format::JsonColumns).expect("a table");
        assert_eq!(read.suspects.len(), 1);
        assert_eq!(read.suspects[0].row, 1);
    }

    #[test]
    fn pythons_bare_words_are_read() {
        let read = json(
            "{\"a\": [NaN, 1, -Infinity], \"b\": [\"NaN\\\"\", \"Infinity, NaN\", NaN]}",
            Format::JsonColumns,
        )
        .expect("a table");
        assert_eq!(kinds(&read), [("a", Kind::Number), ("b", Kind::Category)]);
        assert_eq!((read.table.columns()[0].missing(), read.suspects[0].row), (1, 3));
    }

    #[test]
    fn faults_have_their_line() {
        use Format::{JsonColumns, JsonRecords, Jsonl};
        let faults = [
            ("{\"a\": [1],\n\"a\": [2]}", JsonColumns, "column `a` stands twice", 2),
            ("{\"a\": [1],\n\"b\": [2, 3]}", JsonColumns, "column `b` has 2 rows, `a` has 1", 1),
            ("{\"a\": [1,\n[2]]}", JsonColumns, "column `a`, row 2: a list is not a cell", 2),
            (
                "{\"a\": [1,\n\"\\ud800\"]}",
                JsonColumns,
                "column `a`, row 2: a string with half a character is not a cell",
                2,
            ),
            ("[{\"a\": 1},\n{\"b\": 1, \"b\": 2}]", JsonRecords, "row 2: field `b` stands twice", 2),
            ("{\"a\": 1}\n\n{\"a\": {}}\n", Jsonl, "column `a`, row 2: an object is not a cell", 3),
            ("{\"a\": 1}\n{\"a\": 1", Jsonl, "not a table in JSON: EOF while parsing an object", 2),
            (
                "{\"a\": 1}\n[1]\n",
                Jsonl,
                "not a table in JSON: invalid type: sequence, expected an object for row 2",
                2,
            ),
            (
                "[{\"a\": 1}\n, [1]]",
                JsonRecords,
                "not a table in JSON: invalid type: sequence, expected an object for row 2",
                2,
            ),
            ("{\"a\":\n{\"0\": 1}}", JsonColumns, "column `a` is no list of cells", 2),
            ("[{\"a\": 1}]\nx", JsonRecords, "not a table in JSON: trailing characters", 2),
        ];
        for (text, format, message, line) in faults {
            assert_eq!(fault(text, format), (message.to_owned(), Some(line)), "{text}");
        }
    }

    #[test]
    fn nesting_is_refused_without_recursion() {
        let deep = "[".repeat(200_000);
        fault(&deep, Format::JsonRecords);
        fault(&format!("{{\"a\": {deep}"), Format::JsonColumns);
        fault(&format!("{{\"a\": {deep}"), Format::Jsonl);
        let objects = "{\"a\":".repeat(200_000);
        fault(&objects, Format::JsonColumns);
    }

    #[test]
    fn only_the_columns_asked_for_are_read() {
        let options = ReadOptions { columns: Some(vec!["c".into(), "a".into()]), ..ReadOptions::default() };
        let records = (r#"[{"a": 1, "b": [[]], "c": 2}]"#, Format::JsonRecords);
        let columns = (r#"{"a": [1], "b": {"x": []}, "c": [2]}"#, Format::JsonColumns);
        for (text, format) in [records, columns] {
            let read = read(text.as_bytes(), format, "k", &options).expect(text);
            assert_eq!(kinds(&read), [("a", Kind::Number), ("c", Kind::Number)]);
        }
    }
}
