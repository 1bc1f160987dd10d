//! Predictions on their way into keys of their own.

use std::collections::HashSet;
use std::sync::Arc;

use super::predict::Arguments;
use crate::diag::{Code, Result};
use crate::source::Place;
use crate::source::formats::Format;
use crate::source::keys::{Keys, Others};
use crate::source::layouts::{RowKeys, append_rows, write_hashes};
use crate::table::{Digest, Schema, Table};

/// Where predictions go.
pub enum Form {
    /// One value, one file, or stdout.
    Whole(Format),
    /// Something a row.
    Rows(Rows),
}

impl Form {
    /// What the command line says.
    ///
    /// # Errors
    /// `Usage` for what does not go together.
    pub fn of(arguments: &Arguments, to: &Place, keys: &Arc<dyn Keys>) -> Result<Self> {
        let form = arguments.form.as_deref();
        let usage = |message: &str, help: &str| Code::Usage.error(message).help(help);
        let place = match (form, to) {
            (Some("hash" | "stream"), Place::Key(key)) => key,
            (Some("hash" | "stream"), _) => {
                let help = "name it with `--output`, such as `--output 'churn:predicted:{id}'`";
                return Err(usage("hashes and streams lie in keys, not in files or on stdout", help));
            }
            (None, Place::File(path)) if arguments.id.is_none() => {
                let format = crate::source::formats::format_of_path(path).unwrap_or(Format::Csv);
                return Ok(Self::Whole(format));
            }
            _ if arguments.id.is_some() => {
                let help = "use it with `--as hash`, or repeat the column with `--keep`";
                return Err(usage("`--id` names the ids of rows that become a key each", help));
            }
            _ => {
                return Ok(Self::Whole(form.and_then(Format::of_ending).unwrap_or(Format::Csv)));
            }
        };
        let goal = match (form, &arguments.id) {
            (Some("hash"), Some(id)) => Goal::Hashes(RowKeys::parse(place)?, id.clone()),
            (Some("hash"), None) => {
                let help = "name the column of the input with the ids of its rows: `--id COL`";
                return Err(usage("the keys of hashes are made of the rows' ids", help));
            }
            (_, Some(_)) => {
                let help = "leave it out, or repeat the column with `--keep`";
                return Err(usage("`--id` names the ids of rows that become a key each", help));
            }
            (_, None) => Goal::Stream(place.clone()),
        };
        let is_kept = |id: &String| arguments.keep.contains(id);
        let hidden = arguments.id.clone().filter(|id| !is_kept(id));
        Ok(Self::Rows(Rows { keys: keys.clone(), goal, hidden, written: 0, seen: HashSet::new() }))
    }
}

enum Goal {
    Hashes(RowKeys, String),
    Stream(String),
}

/// Predictions that become a hash or an entry each.
pub struct Rows {
    keys: Arc<dyn Keys>,
    goal: Goal,
    /// The column of ids, where it is not to be written too.
    hidden: Option<String>,
    written: usize,
    /// The keys that were written, by their digests.
    seen: HashSet<Digest>,
}

impl Rows {
    /// The column that must be repeated from the input.
    pub fn id(&self) -> Option<&str> {
        match &self.goal {
            Goal::Hashes(_, id) => Some(id),
            Goal::Stream(_) => None,
        }
    }

    /// Writes some predictions. Other fields of a hash that is there stay; entries go to the end of the stream.
    ///
    /// # Errors
    /// `BadCell` for a row without an id, or with that of an earlier one; those of the store. What was written before stays.
    pub fn write(&mut self, table: &Table) -> Result<()> {
        let shown = self.shown(table)?;
        match &self.goal {
            Goal::Hashes(row_keys, id) => {
                let names = row_keys.of(table, Some(id), self.written, 0)?;
                let seen = &mut self.seen;
                if let Some(row) = names.iter().position(|key| !seen.insert(Digest::of(key.as_bytes()))) {
                    let message = format!(
                        "row {}: an earlier row has the same key `{}`",
                        self.written + row + 1,
                        names[row]
                    );
                    return Err(Code::BadCell
                        .error(message)
                        .help("choose a column whose values differ in all rows"));
                }
                write_hashes(&*self.keys, &shown, &names, Others::Stay)?;
            }
            Goal::Stream(key) => append_rows(&*self.keys, key, &shown)?,
        }
        self.written += table.rows();
        Ok(())
    }

    /// The columns that are written.
    fn shown(&self, table: &Table) -> Result<Table> {
        let Some(hidden) = &self.hidden else { return Ok(table.clone()) };
        let is_shown = |name: &&str| *name != hidden;
        let names: &Schema = table.schema();
        table.select(names.names().filter(is_shown))
    }
}
