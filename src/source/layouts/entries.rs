//! A row an entry of a stream.

use std::collections::HashSet;

use super::rows::{Columns, gather_rows};
use crate::diag::{Code, Result, Silent, Watch};
use crate::source::formats::{Read, ReadOptions};
use crate::source::keys::{EntryId, Fields, Keys, Row, RowSink, Wanted};
use crate::table::{Kind, is_datetime, push_datetime};

/// Which entries of a stream are read, and what is made of their names.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a> {
    /// The first.
    pub from: EntryId,
    /// The last.
    pub to: EntryId,
    /// The column to make of their ids, as they are written: `1700000000000-0`.
    pub id: Option<&'a str>,
    /// The column to make of the times in them, datetimes.
    pub time: Option<&'a str>,
}

impl Default for Entries<'_> {
    /// All of them, and no column more.
    fn default() -> Self {
        Self { from: EntryId::FIRST, to: EntryId::LAST, id: None, time: None }
    }
}

/// Reads the table whose rows are the entries of a stream from one to another, both included, in their order: what is
/// written behind the entry that is the last one at the beginning is not read. Columns of ids and times come first, and are
/// read whatever `options` says of columns.
///
/// # Errors
/// `MissingKeyOrFile` for a key that is not there, `WrongKind` for one that is no stream; `BadCell` for an id whose time is
/// beyond the year 9999; what [`gather`](crate::source::formats::gather) meets. They name the entry, and the field where
/// there is one.
pub fn read_stream(
    keys: &dyn Keys,
    key: &str,
    entries: &Entries<'_>,
    options: &ReadOptions,
    watch: &dyn Watch,
) -> Result<Read> {
    let extent = keys.stream(key)?;
    let to = extent.map_or(EntryId::FIRST, |extent| extent.last.min(entries.to));
    let length = extent.map_or(0, |extent| extent.length);
    // A server that has no entries now may have some the moment after.
    let from = if extent.is_some() { entries.from } else { EntryId::LAST };
    let mut options = options.clone();
    if let Some(columns) = &mut options.columns {
        columns.extend(entries.id.into_iter().chain(entries.time).map(str::to_owned));
    }
    if let Some(time) = entries.time {
        options.schema.entry(time.to_owned()).or_insert(Kind::Datetime);
    }
    gather_rows(key, length, &options, watch, |columns| {
        let (time, prefix) = (String::new(), key.len() + 1);
        keys.entries(key, from, to, &mut Named { entries, columns, prefix, time })
    })
}

/// Makes the table of entries of a stream that are there already, with the columns that `options` names: what an entry lacks is
/// missing, also where all of them lack it.
///
/// # Errors
/// As [`read_stream`].
pub fn table_of_entries(key: &str, entries: &[(EntryId, &Row)], options: &ReadOptions) -> Result<Read> {
    gather_rows(key, entries.len(), options, &Silent, |columns| {
        for (id, row) in entries {
            let name = format!("{key} {id}");
            let there: HashSet<&[u8]> = row.iter().map(|(name, _)| name.as_slice()).collect();
            for column in options.columns.iter().flatten() {
                if !there.contains(column.as_bytes()) {
                    columns.absent(&name, column)?;
                }
            }
            columns.fields(&name, &Fields::Owned(row))?;
        }
        Ok(())
    })
}

/// Makes columns of the entries' names.
struct Named<'e, 'c, 'w, 'b, 'o> {
    entries: &'e Entries<'e>,
    columns: &'c mut Columns<'w, 'b, 'o>,
    /// Where the id begins in the name of an entry, behind that of the stream.
    prefix: usize,
    time: String,
}

impl RowSink for Named<'_, '_, '_, '_, '_> {
    fn wanted(&self) -> Option<Wanted<'_>> {
        self.columns.wanted()
    }

    fn fields(&mut self, key: &str, fields: &Fields<'_>) -> Result<Option<usize>> {
        let id = key.get(self.prefix..).unwrap_or_default();
        if let Some(column) = self.entries.id {
            self.columns.beside(key, column, id.as_bytes())?;
        }
        if let Some(column) = self.entries.time {
            let micros =
                id.split('-').next().and_then(|time| time.parse::<f64>().ok()).map(|time| time * 1e3);
            let Some(micros) = micros.filter(|micros| is_datetime(*micros)) else {
                let message = format!("column `{column}`: entry `{key}` is of a time beyond the year 9999");
                let help = "its id was made by hand: read the stream without `time`";
                return Err(Code::BadCell.error(message).help(help).within(key, None, None));
            };
            self.time.clear();
            push_datetime(&mut self.time, micros);
            self.columns.beside(key, column, self.time.as_bytes())?;
        }
        self.columns.fields(key, fields)
    }

    fn document(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        self.columns.document(key, bytes)
    }

    fn without_order(&mut self, news: usize) {
        self.columns.without_order(news);
    }
}
