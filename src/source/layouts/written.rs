//! Tables on their way into a store, a row a key, a member or an entry.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::diag::{Code, Result};
use crate::source::formats::{self, Format, Spelled};
use crate::source::keys::{Entry, EntryId, Fields, Item, Keys, Kind, Others, Row};
use crate::table::Table;

/// Rows that are spelled and written at once.
const SOME: usize = 1_000;

/// Refuses a table with a row of missing cells alone: as fields there would be nothing of it.
///
/// # Errors
/// `BadCell` that names the row.
pub fn refuse_blank_rows(table: &Table) -> Result<()> {
    let spelled = Spelled::of(table);
    match (0..table.rows()).find(|row| !spelled.has_any(*row)) {
        None => Ok(()),
        Some(row) => Err(Code::BadCell
            .error(format!("row {} has no cell, and without a field it would be nothing", row + 1))
            .help("leave the row out, or write the table as one value or a list")),
    }
}

/// Writes each row as the hash of its key: a field a column, without the missing cells.
///
/// # Errors
/// Those of the store.
pub fn write_hashes(keys: &dyn Keys, table: &Table, names: &[String], others: Others) -> Result<()> {
    let spelled = Spelled::of(table);
    let mut rows: Vec<(String, Row)> = Vec::with_capacity(SOME);
    for start in (0..table.rows()).step_by(SOME) {
        rows.clear();
        let some = start..table.rows().min(start + SOME);
        rows.extend(some.map(|row| (names[row].clone(), spelled.fields(row))));
        keys.write_rows(&rows, others)?;
    }
    Ok(())
}

/// Makes a key a list of the rows as JSON objects, whatever it was.
///
/// # Errors
/// Those of the store.
pub fn write_list(keys: &dyn Keys, key: &str, table: &Table) -> Result<()> {
    let mut filling = keys.fill(key, Kind::List)?;
    for start in (0..table.rows()).step_by(SOME) {
        let some = table.slice(start, SOME.min(table.rows() - start));
        // Within a record a line end is escaped.
        let lines = formats::write(&some, Format::Jsonl);
        let lines = lines.strip_suffix(b"\n").unwrap_or(&lines).split(|byte| *byte == b'\n');
        for line in lines {
            filling.push(Item::Member(line, None))?;
        }
    }
    filling.finish()
}

/// Makes a key a stream of the rows, whatever it was, with ids of this moment.
///
/// # Errors
/// Those of the store.
pub fn write_stream(keys: &dyn Keys, key: &str, table: &Table) -> Result<()> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1);
    let spelled = Spelled::of(table);
    let mut filling = keys.fill(key, Kind::Stream)?;
    for row in 0..table.rows() {
        let fields = spelled.fields(row);
        filling.push(Item::Entry(EntryId { time, number: row as u64 }, &Fields::Owned(&fields)))?;
    }
    filling.finish()
}

/// Adds the rows to the end of a stream.
///
/// # Errors
/// Those of the store.
pub fn append_rows(keys: &dyn Keys, key: &str, table: &Table) -> Result<()> {
    let spelled = Spelled::of(table);
    for start in (0..table.rows()).step_by(SOME) {
        let some = start..table.rows().min(start + SOME);
        let entries: Vec<Entry> = some.map(|row| Entry { id: None, fields: spelled.fields(row) }).collect();
        keys.append(key, &entries)?;
    }
    Ok(())
}
