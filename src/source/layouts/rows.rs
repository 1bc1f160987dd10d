//! The table of rows that come one after another, wherever from.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::source::formats::{self, Builder, Format, Read, ReadOptions, Slot, feed_object, quote_bare_words};
use crate::source::keys::{Fields, RowSink, Text, Wanted};
use crate::table::{Field, Schema, Table};

/// Rows between two looks at the stop signal.
const BEAT: u64 = 256;

/// Makes a table of the rows that `feed` hands to the sink: about `rows` of them, named after `source` where a fault
/// belongs to none of them. Columns stand in the order of their first appearance; a row that lacks a field has a missing
/// value there.
///
/// Cells become numbers and codes at once, and their texts are forgotten. `feed` is called once more for the columns whose
/// first cells passed for numbers and turned out to be words (`007`, then `A1`); that reading has to find what the first
/// one found.
///
/// # Errors
/// `UnreadableValue` for bytes that are not UTF-8 and documents that are no JSON object; `StoreIo` when a second reading
/// finds other data; `Interrupted`; what `feed` and [`formats::gather`] meet.
pub(super) fn gather_rows(
    source: &str,
    rows: usize,
    options: &ReadOptions,
    watch: &dyn Watch,
    feed: impl Fn(&mut Columns<'_, '_, '_>) -> Result<()>,
) -> Result<Read> {
    let here = Here { source, key: RefCell::default(), document: RefCell::default() };
    let seen: RefCell<Option<Seen>> = RefCell::default();
    let read = formats::gather(options, &|at| here.place(at), |builder| {
        let again = seen.borrow().is_some();
        watch.stage(if again { "reading words" } else { "reading" }, rows as u64);
        builder.reserve(rows);
        let mut sink = Columns::new(builder, &here, watch, again)?;
        feed(&mut sink)?;
        let found = sink.finish();
        let mut seen = seen.borrow_mut();
        match &*seen {
            None => *seen = Some(found),
            Some(before) => found.must_be(before, source)?,
        }
        Ok(())
    })?;
    match seen.into_inner() {
        Some(seen) => seen.in_order(read),
        None => Ok(read),
    }
}

/// Where the cells that are being read come from.
struct Here<'a> {
    source: &'a str,
    key: RefCell<String>,
    /// The document that is being read, after a byte that belongs to no row; a cell's place is a byte of it.
    document: RefCell<String>,
}

impl Here<'_> {
    /// A row begins, which is no document as yet.
    fn at(&self, key: &str) {
        let mut here = self.key.borrow_mut();
        if *here != key {
            here.clear();
            here.push_str(key);
        }
        self.document.borrow_mut().clear();
    }

    /// The key of the row, and in a document the line.
    fn place(&self, at: usize) -> (String, Option<usize>) {
        if at == 0 {
            return (self.source.to_owned(), None);
        }
        let document = self.document.borrow();
        let before = document.as_bytes().get(1..at);
        let line = before.map(|before| before.iter().filter(|byte| **byte == b'\n').count() + 1);
        (self.key.borrow().clone(), line.filter(|_| !document.is_empty()))
    }
}

/// What a reading has found, without the texts.
struct Seen {
    /// A digest of the texts of each column, of hashes; and one of all documents.
    columns: BTreeMap<String, u64>,
    documents: u64,
    /// The fields that were new in one row, where they are several, and whether they have an order.
    news: Vec<(Vec<String>, bool)>,
}

impl Seen {
    /// Refuses a second reading that has found something else than the first.
    fn must_be(&self, before: &Self, source: &str) -> Result<()> {
        let other = self.columns.iter().find(|(name, digest)| before.columns.get(*name) != Some(digest));
        let what = match other {
            Some((name, _)) => format!("column `{}`", name.escape_debug()),
            None if self.documents != before.documents => "a document".to_owned(),
            None => return Ok(()),
        };
        let message = format!("{what} was changed while the rows of `{source}` were read");
        Err(Code::StoreIo.error(message).help("run again when nobody writes them"))
    }

    /// Sorts the columns that came together and without an order.
    fn in_order(&self, read: Read) -> Result<Read> {
        let Read { table, mut suspects } = read;
        let fields = table.schema().fields();
        let mut places: Vec<usize> = (0..fields.len()).collect();
        for (names, _) in self.news.iter().filter(|(_, in_order)| !in_order) {
            // They have come one after another, so that those that are read stand together.
            let mut of_row: Vec<usize> = names.iter().filter_map(|name| table.schema().index(name)).collect();
            let first = of_row.iter().min().copied().unwrap_or(0);
            of_row.sort_unstable_by(|a, b| fields[*a].name.cmp(&fields[*b].name));
            places[first..first + of_row.len()].copy_from_slice(&of_row);
        }
        if places.is_sorted() {
            return Ok(Read { table, suspects });
        }
        let sorted: Vec<Field> = places.iter().map(|place| fields[*place].clone()).collect();
        let columns = places.iter().map(|place| table.columns()[*place].clone()).collect();
        let table = Table::new(Schema::new(sorted), columns)?;
        suspects.sort_by_key(|suspect| table.schema().index(&suspect.column));
        Ok(Read { table, suspects })
    }
}

/// The sink that all layouts of rows share.
pub(super) struct Columns<'a, 'b, 'o> {
    builder: &'a mut Builder<'o>,
    here: &'a Here<'b>,
    watch: &'a dyn Watch,
    /// The columns to read, all if `None`.
    wanted: Option<&'o [String]>,
    /// Whether this is the second reading, of columns that are known.
    again: bool,
    /// A digest of each column's texts, by its place among all columns of the data.
    digests: Vec<u64>,
    documents: u64,
    news: Vec<(Vec<String>, bool)>,
    untold: Cell<u64>,
}

impl<'a, 'b, 'o> Columns<'a, 'b, 'o> {
    fn new(
        builder: &'a mut Builder<'o>,
        here: &'a Here<'b>,
        watch: &'a dyn Watch,
        again: bool,
    ) -> Result<Self> {
        let wanted = builder.options().columns.as_deref();
        if again {
            // Their order is that of the first reading, whatever a row has in which order now.
            wanted.iter().copied().flatten().try_for_each(|name| builder.column(name, 0).map(|_| ()))?;
        }
        let (digests, news) = (Vec::new(), Vec::new());
        Ok(Self { builder, here, watch, wanted, again, digests, documents: 0, news, untold: Cell::new(0) })
    }

    fn finish(self) -> Seen {
        self.watch.tick(self.untold.take());
        let mut digests = self.digests;
        digests.resize(self.builder.names().len(), 0);
        let is_wanted =
            |name: &str| self.wanted.is_none_or(|wanted| wanted.iter().any(|known| known == name));
        let columns = self.builder.names().zip(digests).filter(|(name, _)| is_wanted(name));
        let columns = columns.map(|(name, digest)| (name.to_owned(), digest)).collect();
        Seen { columns, documents: self.documents, news: self.news }
    }

    /// Begins a row.
    fn row(&self, key: &str) -> Result<()> {
        if self.untold.get() == BEAT {
            self.watch.tick(self.untold.take());
        }
        if self.untold.get() == 0 && self.watch.stopped() {
            return Err(Code::Interrupted.error("interrupted").help("nothing was published; run it again"));
        }
        self.untold.set(self.untold.get() + 1);
        self.here.at(key);
        Ok(())
    }

    /// A cell of the next row that is not in it but stands beside it, such as the score of a member. Its column comes before
    /// those of the row.
    ///
    /// # Errors
    /// As those of a row.
    pub fn beside(&mut self, key: &str, name: &str, value: &[u8]) -> Result<()> {
        self.here.at(key);
        let slot = self.builder.field(name, 1)?;
        self.cell(key, slot, Text::Bytes(value))
    }

    /// A cell beside the next row that is missing, whatever texts are.
    ///
    /// # Errors
    /// As those of a row.
    pub fn absent(&mut self, key: &str, name: &str) -> Result<()> {
        self.here.at(key);
        let slot = self.builder.field(name, 1)?;
        self.builder.push_missing(slot);
        Ok(())
    }

    fn field(&mut self, key: &str, fields: &Fields<'_>, at: usize) -> Result<()> {
        let (name, value) = fields.get(at);
        let Some(valid) = name.valid() else {
            let name = name.bytes().escape_ascii();
            return Err(not_utf8(key, &format!("the name of field `{name}`")));
        };
        let Some(value) = value else {
            // Told to be missing, once there is such a column: what a row lacks is part of what was read.
            if self.builder.find(valid).is_some() {
                let slot = self.builder.field(valid, 1)?;
                self.builder.push(slot, "", 1)?;
            }
            return Ok(());
        };
        let slot = self.builder.field(valid, 1)?;
        self.cell(key, slot, value)
    }

    /// The value of a field.
    fn cell(&mut self, key: &str, slot: Slot, value: Text<'_>) -> Result<()> {
        // What is not read need not be text.
        if !self.builder.wants(slot) {
            return Ok(());
        }
        let value = value.valid().ok_or_else(|| {
            not_utf8(key, &format!("the value of field `{}`", self.builder.name(slot).escape_debug()))
        })?;
        if self.digests.len() <= slot.index() {
            self.digests.resize(slot.index() + 1, 0);
        }
        let digest = &mut self.digests[slot.index()];
        *digest = digest_with(*digest, self.builder.rows(), value);
        self.builder.push(slot, value, 1)
    }
}

impl RowSink for Columns<'_, '_, '_> {
    fn wanted(&self) -> Option<Wanted<'_>> {
        self.wanted.map(|names| Wanted { names, in_order: self.again })
    }

    fn fields(&mut self, key: &str, fields: &Fields<'_>) -> Result<Option<usize>> {
        self.row(key)?;
        let before = self.builder.names().len();
        (0..fields.len()).try_for_each(|at| self.field(key, fields, at))?;
        self.builder.end_row()?;
        if self.builder.names().len() < before + 2 {
            return Ok(None);
        }
        self.news.push((self.builder.names().skip(before).map(str::to_owned).collect(), true));
        Ok(Some(self.news.len() - 1))
    }

    fn document(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        self.row(key)?;
        let found = formats::detect(bytes, key)?;
        if !matches!(found, Format::Jsonl | Format::JsonColumns) {
            let message = format!("key `{key}` holds what looks like {}, not one JSON object", found.name());
            let help = "a key that holds a whole table is read with `source.key`";
            return Err(Code::UnreadableValue.error(message).help(help).within(key, None, None));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes)
            .map_err(|error| not_utf8(key, &format!("byte {} of its value", error.valid_up_to() + 1)))?;
        self.documents = digest_with(self.documents, self.builder.rows(), text);
        let mut document = self.here.document.borrow_mut();
        document.clear();
        document.push('\n');
        document.push_str(quote_bare_words(text).as_deref().unwrap_or(text));
        drop(document);
        let document = self.here.document.borrow();
        feed_object(&document, 1..document.len(), self.builder)
    }

    fn without_order(&mut self, news: usize) {
        if let Some((_, in_order)) = self.news.get_mut(news) {
            *in_order = false;
        }
    }
}

/// The digest of texts and of the rows where they stand, with one more. It tells a column that somebody writes from one that
/// rests, and withstands no attack.
fn digest_with(digest: u64, row: usize, text: &str) -> u64 {
    // Odd numbers without a pattern: digits of the golden ratio and of the root of two.
    const FACTOR: u128 = 0x9E37_79B9_7F4A_7C15;
    const START: u64 = 0x6A09_E667_F3BC_C909;
    let fold = |digest: u64, word: u64| {
        let product = u128::from(digest ^ word) * FACTOR;
        // Its two halves.
        (product as u64) ^ (product >> 64) as u64
    };
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let start = fold(digest.wrapping_add(START), row as u64) ^ (text.len() as u64).rotate_left(32);
    let digest =
        words.iter().fold(start, |digest, word| fold(digest, u64::from_le_bytes(*word)).wrapping_add(START));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(digest, u64::from_le_bytes(last))
}

fn not_utf8(key: &str, what: &str) -> Diagnostic {
    Code::UnreadableValue
        .error(format!("key `{key}`: {what} is not UTF-8"))
        .help("write text, or name the `columns` to read; values of other columns may be anything")
        .within(key, None, None)
}

#[cfg(test)]
mod tests {
    use super::{digest_with, gather_rows};
    use crate::diag::{Result, Silent};
    use crate::source::formats::{Read, ReadOptions};
    use crate::source::keys::{Fields, RowSink};

    type Row = [(&'static str, &'static str)];

    /// Gives a row to the sink.
    fn give(sink: &mut dyn RowSink, row: &Row) -> Result<Option<usize>> {
        let owned = |text: &str| text.as_bytes().to_vec();
        let fields: Vec<_> = row.iter().map(|(name, value)| (owned(name), owned(value))).collect();
        sink.fields("k", &Fields::Owned(&fields))
    }

    fn names(read: &Read) -> Vec<&str> {
        read.table.schema().names().collect()
    }

    #[test]
    fn new_columns_without_an_order_are_sorted_among_themselves() {
        let rows: [(&Row, bool); 4] = [
            (&[("b", "1"), ("a", "inf")], true),
            (&[("z", "inf"), ("a", "1"), ("y", "inf"), ("x", "u")], false),
            (&[("n", "1")], false),
            (&[("d", "1"), ("c", "2")], true),
        ];
        let read = |columns: Option<Vec<String>>| {
            let options = ReadOptions { columns, ..ReadOptions::default() };
            gather_rows("s", 4, &options, &Silent, |sink| {
                let mut without = Vec::new();
                for (row, in_order) in rows {
                    without.extend(give(sink, row)?.filter(|_| !in_order));
                }
                // It is told after all rows.
                without.into_iter().for_each(|news| sink.without_order(news));
                Ok(())
            })
            .expect("a table")
        };
        let all = read(None);
        assert_eq!(names(&all), ["b", "a", "x", "y", "z", "n", "d", "c"]);
        let suspects: Vec<&str> = all.suspects.iter().map(|suspect| suspect.column.as_str()).collect();
        assert_eq!(suspects, ["a", "y", "z"]);
        assert_eq!(names(&read(Some(vec!["z".into(), "c".into(), "x".into()]))), ["x", "z", "c"]);
    }

    #[test]
    fn the_digest_tells_texts_rows_and_their_order() {
        let digest = |cells: &[(usize, &str)]| {
            cells.iter().fold(0, |digest, (row, text)| digest_with(digest, *row, text))
        };
        let different: [&[(usize, &str)]; 12] = [
            &[],
            &[(0, "")],
            &[(1, "")],
            &[(0, ""), (1, "")],
            &[(0, "1")],
            &[(0, "1.0")],
            &[(0, "1\0")],
            &[(0, "12345678")],
            &[(0, "123456789")],
            &[(0, "1"), (1, "2")],
            &[(0, "2"), (1, "1")],
            &[(0, "1"), (2, "2")],
        ];
        let digests: std::collections::BTreeSet<u64> = different.iter().map(|cells| digest(cells)).collect();
        assert_eq!(digests.len(), different.len());
        assert_eq!(digest(different[9]), digest(&[(0, "1"), (1, "2")]));
    }
}
