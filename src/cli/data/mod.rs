//! `pipefit data put|get|ls|show|rm|copy`

mod copy;
mod get;
mod put;
mod show;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::Output;
use super::{Done, Global, memory};
use crate::diag::{Code, Diagnostic, Result, suggest};
use crate::source;
use crate::source::formats::Format;
use crate::source::keys::{self, Keys};

pub use get::{parsed, read_any};

/// The formats that tables are written in.
pub const WRITTEN: [&str; 7] = ["csv", "tsv", "json", "jsonl", "parquet", "arrow", "npy"];
/// What a table becomes in a store: one value in a format, or a key, a member or an entry a row.
const PUT: [&str; 10] = ["csv", "tsv", "json", "jsonl", "parquet", "arrow", "npy", "hash", "list", "stream"];
/// No slower rate is taken: an answer has to come in time.
const LEAST_RATE: u64 = 100_000;

/// What `data` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put a file into a key, or its rows into keys of their own, after making sure that it is a table
    Put {
        /// The key; with `--as hash` that of a row, with `{id}` or `*` for its id
        key: String,
        /// The file
        file: PathBuf,
        /// Write it in this format, not as it is; or as a hash for each row, a list of JSON objects, a stream
        #[arg(long = "as", value_name = "FORM", value_parser = PUT)]
        form: Option<String>,
        /// With `--as hash`: the column with the ids of the rows, else their numbers
        #[arg(long, value_name = "COL")]
        id: Option<String>,
    },
    /// Write a key's table into a file, in the file's format
    Get {
        /// The key, or a pattern of the keys of rows or pieces
        key: String,
        /// The file; `-` is stdout
        file: PathBuf,
        /// The format, where the file's ending does not say it
        #[arg(long = "as", value_name = "FORMAT", value_parser = WRITTEN)]
        form: Option<String>,
        /// The most bytes a second to read: 10MB, 500kB
        #[arg(long, value_name = "SIZE", value_parser = rate)]
        rate: Option<u64>,
    },
    /// List the keys
    Ls {
        /// Those that match a pattern: `*` is any text, `?` one byte, `[ab]` a or b
        pattern: Option<String>,
    },
    /// Show the columns of a table, and its first rows
    Show {
        /// The key, or a pattern of the keys of rows or pieces
        key: String,
        /// The most bytes a second to read: 10MB, 500kB
        #[arg(long, value_name = "SIZE", value_parser = rate)]
        rate: Option<u64>,
    },
    /// Remove a key, or all that match a pattern
    Rm {
        /// The key, or a pattern
        key: String,
        /// Remove all that match
        #[arg(long)]
        yes: bool,
    },
    /// Copy a key, or all that match a pattern, within a store or to another one
    Copy {
        /// The key, or a pattern
        from: String,
        /// Its new name, or the pattern with the new text around `*`; the same by default
        to: Option<String>,
        /// The store to read, if not `--store`
        #[arg(long, value_name = "URL")]
        from_store: Option<String>,
        /// The store to write, if not `--store`
        #[arg(long, value_name = "URL")]
        to_store: Option<String>,
        /// The most bytes a second to read: 10MB, 500kB
        #[arg(long, value_name = "SIZE", value_parser = rate)]
        rate: Option<u64>,
    },
}

/// Runs one of them.
pub fn run(command: &Command, global: &Global, output: &Output) -> Done {
    let url = global.store_url();
    let open = || keys::open(&url, Path::new("")).map(|(_, keys)| keys);
    let gently = |rate: &Option<u64>| keys::open_gently(&url, Path::new(""), *rate);
    match command {
        Command::Put { key, file, form, id } => {
            put::put(key, file, form.as_deref(), id.as_deref(), &open, output)?;
        }
        Command::Get { key, file, form, rate } => get::get(key, file, named(form), &*gently(rate)?, output)?,
        Command::Ls { pattern } => ls(pattern.as_deref(), &*gently(&None)?, output)?,
        Command::Show { key, rate } => show::show(key, &*gently(rate)?, output)?,
        Command::Rm { key, yes } => rm(key, *yes, &*open()?, output)?,
        Command::Copy { from, to, from_store, to_store, rate } => {
            let stores = [from_store, to_store].map(|store| store.as_deref().unwrap_or(&url));
            copy::copy(from, to.as_deref(), stores, *rate, output)?;
        }
    }
    Ok(())
}

fn named(form: &Option<String>) -> Option<Format> {
    form.as_deref().and_then(Format::of_ending)
}

/// `--rate`: a size a second.
fn rate(text: &str) -> Result<u64, String> {
    match memory::size(text.trim_end_matches("/s"))? {
        rate if rate < LEAST_RATE => Err("the least rate is 100kB".to_owned()),
        rate => Ok(rate),
    }
}

fn ls(pattern: Option<&str>, keys: &dyn Keys, output: &Output) -> Result<()> {
    let listed = keys.listed(pattern.unwrap_or("*"))?;
    if output.json {
        let one = |item: &keys::Listed| json!({"key": item.key, "kind": item.kind.to_string(), "bytes": item.bytes});
        let items: Vec<Value> = listed.iter().map(one).collect();
        output.object(&json!({"schema": "pipefit.data/1", "keys": items}));
        return Ok(());
    }
    let shown: Vec<String> = listed.iter().map(|item| on_a_line(&item.key)).collect();
    let width = shown.iter().map(|key| key.chars().count()).max().unwrap_or(0);
    let line = |(item, key): (&keys::Listed, &String)| {
        format!("{key:width$}  {:8} {:>12}\n", item.kind.to_string(), item.bytes)
    };
    output.answer(&listed.iter().zip(&shown).map(line).collect::<String>());
    Ok(())
}

fn rm(key: &str, yes: bool, keys: &dyn Keys, output: &Output) -> Result<()> {
    let mut removed = usize::from(keys.remove(key)?);
    if removed == 0 && is_pattern(key) {
        let found = keys.matching(key)?;
        if !yes && !found.is_empty() {
            let message = format!("{} keys match `{key}`", found.len());
            let help = "see them with `pipefit data ls PATTERN`; `--yes` removes them";
            return Err(Code::Usage.error(message).help(help));
        }
        removed = keys.remove_all(&found)?;
    } else if removed == 1 {
        if output.json {
            output.object(&json!({"schema": "pipefit.data/1", "key": key, "removed": true}));
        } else {
            output.say(&format!("{key}: removed"));
        }
        return Ok(());
    }
    if removed == 0 {
        return Err(missing(key, keys)?);
    }
    if output.json {
        output.object(&json!({"schema": "pipefit.data/1", "pattern": key, "removed": removed}));
    } else {
        output.say(&format!("{key}: {removed} keys removed"));
    }
    Ok(())
}

/// What others named must not break the line.
fn on_a_line(name: &str) -> String {
    name.replace('\n', "\u{FFFD}")
}

/// The bytes of a key that must be there.
pub fn value(key: &str, keys: &dyn Keys) -> Result<Vec<u8>> {
    match source::value(keys, key)? {
        Some((bytes, _)) => Ok(bytes),
        None => Err(missing(key, keys)?),
    }
}

/// Whether a text that is no key may be a pattern.
fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn missing(key: &str, keys: &dyn Keys) -> Result<Diagnostic> {
    if is_pattern(key) {
        let help =
            "`pipefit data ls` lists the keys; in a pattern `*` is any text, `?` one byte, `[ab]` a or b";
        return Ok(Code::MissingKeyOrFile.error(format!("no key in the store matches `{key}`")).help(help));
    }
    let listed = keys.ls()?;
    let help = match suggest(key, listed.iter().map(|listed| listed.key.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`pipefit data ls` lists the keys".to_owned(),
    };
    Ok(Code::MissingKeyOrFile.error(format!("no key `{key}` in the store")).help(help))
}
