//! `pipefit data put|get|ls|show|rm`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::Output;
use super::{Done, Global};
use crate::diag::{Code, Diagnostic, Result, suggest};
use crate::source::formats::{self, Described, Format, Packing, ReadOptions};
use crate::source::keys::{self, Keys};
use crate::source::{self, read_file, write_file};
use crate::table::{Kind, Table, datetime_text, fingerprint};

/// The formats that tables are written in.
const WRITTEN: [&str; 6] = ["csv", "tsv", "json", "jsonl", "parquet", "arrow"];

/// What `data` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put a file into a key, after making sure that it is a table
    Put {
        /// The key
        key: String,
        /// The file
        file: PathBuf,
        /// Write it in this format, not as it is
        #[arg(long = "as", value_name = "FORMAT", value_parser = WRITTEN)]
        form: Option<String>,
    },
    /// Write a key's table into a file, in the file's format
    Get {
        /// The key
        key: String,
        /// The file; `-` is stdout
        file: PathBuf,
        /// The format, where the file's ending does not say it
        #[arg(long = "as", value_name = "FORMAT", value_parser = WRITTEN)]
        form: Option<String>,
    },
    /// List the keys
    Ls,
    /// Show the columns of a key's table
    Show {
        /// The key
        key: String,
    },
    /// Remove a key
    Rm {
        /// The key
        key: String,
    },
}

/// Runs one of them.
pub fn run(command: &Command, global: &Global, output: &Output) -> Done {
    let (_, keys) = keys::open(&global.store_url(), Path::new(""))?;
    match command {
        Command::Put { key, file, form } => put(key, file, named(form), &*keys, output)?,
        Command::Get { key, file, form } => get(key, file, named(form), &*keys, output)?,
        Command::Ls => ls(&*keys, output)?,
        Command::Show { key } => show(key, &*keys, output)?,
        Command::Rm { key } => rm(key, &*keys, output)?,
    }
    Ok(())
}

fn named(form: &Option<String>) -> Option<Format> {
    form.as_deref().and_then(Format::of_ending)
}

fn put(key: &str, file: &Path, form: Option<Format>, keys: &dyn Keys, output: &Output) -> Result<()> {
    let mut bytes = read_file(file)?;
    let table = parsed(bytes.clone(), formats::format_of_path(file), &file.display().to_string())?;
    if let Some(format) = form {
        bytes = formats::write(&table, format.written()?);
    }
    keys.write(key, &bytes)?;
    if output.json {
        output.object(&json!({
            "schema": "pipefit.data/1", "key": key, "bytes": bytes.len(), "rows": table.rows(),
            "columns": table.columns().len(), "sha256": fingerprint(&table),
        }));
    } else {
        output.say(&format!(
            "{key}: {} rows, {} columns, {} bytes",
            table.rows(),
            table.columns().len(),
            bytes.len()
        ));
    }
    Ok(())
}

fn get(key: &str, file: &Path, form: Option<Format>, keys: &dyn Keys, output: &Output) -> Result<()> {
    let bytes = value(key, keys)?;
    if file == Path::new("-") {
        let packing = if form.is_some() { Packing::Plain } else { Packing::of(&bytes) };
        output.bytes(&converted(bytes, key, form, packing)?);
        return Ok(());
    }
    let form = form.or_else(|| formats::format_of_path(file));
    let bytes = converted(bytes, key, form, Packing::of_path(file))?;
    write_file(file, &bytes)?;
    output.say(&format!("{}: {} bytes", file.display(), bytes.len()));
    if output.json {
        output.object(&json!({"schema": "pipefit.data/1", "key": key, "file": file, "bytes": bytes.len()}));
    }
    Ok(())
}

/// The bytes of a key in a format; a table whose format stays keeps its bytes, and where only the compression differs its
/// text.
fn converted(bytes: Vec<u8>, key: &str, wanted: Option<Format>, packing: Packing) -> Result<Vec<u8>> {
    let packed = Packing::of(&bytes);
    let plain = formats::unpack(bytes.clone(), key)?;
    let stored = formats::detect(&plain, key)?;
    let stays = |format: &Format| format.ending() == stored.ending();
    match wanted {
        None if packing == Packing::Plain => Ok(bytes),
        Some(format) if !stays(&format) => {
            Ok(packing.pack(formats::write(&parsed(plain, Some(stored), key)?, format.written()?)))
        }
        _ if packed == packing => Ok(bytes),
        _ => Ok(packing.pack(plain)),
    }
}

fn ls(keys: &dyn Keys, output: &Output) -> Result<()> {
    let listed = keys.ls()?;
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

fn show(key: &str, keys: &dyn Keys, output: &Output) -> Result<()> {
    let bytes = formats::unpack(value(key, keys)?, key)?;
    let format = formats::detect(&bytes, key)?;
    let table = parsed(bytes, Some(format), key)?;
    let columns = formats::describe(&table);
    if output.json {
        output.object(&json!({
            "schema": "pipefit.data/1", "key": key, "format": format.name(), "rows": table.rows(),
            "sha256": fingerprint(&table), "columns": columns.iter().map(object).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    let mut text =
        format!("{key}: {}, {} rows, {} columns\n", format.name(), table.rows(), table.columns().len());
    let width = columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0);
    for column in &columns {
        text.push_str(&format!("  {:width$}  {}\n", on_a_line(&column.name), about(column)));
    }
    output.answer(&text);
    Ok(())
}

/// What others named must not break the line.
fn on_a_line(name: &str) -> String {
    name.replace('\n', "\u{FFFD}")
}

/// A column in a line.
fn about(column: &Described) -> String {
    let missing = if column.missing > 0 { format!(", {} missing", column.missing) } else { String::new() };
    format!("{:8} {}{missing}", column.kind.name(), on_a_line(&column.values()))
}

/// A column as JSON.
fn object(column: &Described) -> Value {
    let levels: Vec<Value> =
        column.levels.iter().map(|(label, count)| json!({"label": label, "count": count})).collect();
    let value = |value: f64| match column.kind {
        Kind::Datetime => datetime_text(value).into(),
        _ => json!(value),
    };
    json!({
        "name": column.name, "type": column.kind, "missing": column.missing, "distinct": column.distinct,
        "min": column.range.map(|(min, _)| value(min)), "max": column.range.map(|(_, max)| value(max)),
        "levels": levels,
    })
}

fn rm(key: &str, keys: &dyn Keys, output: &Output) -> Result<()> {
    if !keys.remove(key)? {
        return Err(missing(key, keys)?);
    }
    if output.json {
        output.object(&json!({"schema": "pipefit.data/1", "key": key, "removed": true}));
    } else {
        output.say(&format!("{key}: removed"));
    }
    Ok(())
}

/// The bytes of a key that must be there.
pub fn value(key: &str, keys: &dyn Keys) -> Result<Vec<u8>> {
    match source::value(keys, key)? {
        Some((bytes, _)) => Ok(bytes),
        None => Err(missing(key, keys)?),
    }
}

fn missing(key: &str, keys: &dyn Keys) -> Result<Diagnostic> {
    let listed = keys.ls()?;
    let help = match suggest(key, listed.iter().map(|listed| listed.key.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`pipefit data ls` lists the keys".to_owned(),
    };
    Ok(Code::MissingKeyOrFile.error(format!("no key `{key}` in the store")).help(help))
}

/// The table in some bytes, compressed or not.
fn parsed(bytes: Vec<u8>, format: Option<Format>, name: &str) -> Result<Table> {
    let bytes = formats::unpack(bytes, name)?;
    let format = match format {
        Some(format) => format,
        None => formats::detect(&bytes, name)?,
    };
    Ok(formats::read(&bytes, format, name, &ReadOptions::default())?.table)
}
