//! `pipefit data get KEY FILE`, and the table of a key of any kind.

use std::path::Path;

use serde_json::json;

use super::{is_pattern, missing, value};
use crate::cli::output::Output;
use crate::diag::{Result, Silent};
use crate::source::formats::{self, Format, Packing, Read, ReadOptions};
use crate::source::keys::{Keys, Kind};
use crate::source::layouts::{self, Entries};
use crate::source::write_file;
use crate::table::Table;

/// What is known of a key or pattern before it is read.
pub enum Found {
    /// One value, perhaps in pieces.
    Value,
    /// A key of another kind.
    Members(Kind),
    /// Keys of one row each, so many.
    Rows(usize),
}

impl Found {
    /// Looks at what a key or pattern is.
    ///
    /// # Errors
    /// `MissingKeyOrFile`; those of the store.
    pub fn of(name: &str, keys: &dyn Keys) -> Result<Self> {
        match keys.kind(name)? {
            Some(Kind::String | Kind::Module) => return Ok(Self::Value),
            Some(kind) => return Ok(Self::Members(kind)),
            None if is_pattern(name) => {}
            None => return Err(missing(name, keys)?),
        }
        let found = keys.matching(name)?;
        let Some(first) = found.iter().next() else { return Err(missing(name, keys)?) };
        Ok(match keys.kind(first)? {
            Some(Kind::String) if !is_document(&keys.value(first)?.unwrap_or_default()) => Self::Value,
            _ => Self::Rows(found.len()),
        })
    }
}

/// Whether a value is one row as a JSON object, and no piece of a larger one.
fn is_document(bytes: &[u8]) -> bool {
    let parsed = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes);
    parsed.is_ok_and(|object| !object.values().any(|value| value.is_array() || value.is_object()))
}

/// The table that a key of any kind holds, or a pattern of keys; with what it is, in a few words.
///
/// # Errors
/// `MissingKeyOrFile`; those of reading.
pub fn read_any(name: &str, keys: &dyn Keys, options: &ReadOptions) -> Result<(Read, String)> {
    Ok(match Found::of(name, keys)? {
        Found::Value => {
            let bytes = formats::unpack(value(name, keys)?, name)?;
            let format = formats::detect(&bytes, name)?;
            (formats::read(&bytes, format, name, options)?, format.name().to_owned())
        }
        Found::Members(Kind::Stream) => {
            (layouts::read_stream(keys, name, &Entries::default(), options, &Silent)?, "stream".to_owned())
        }
        Found::Members(kind) => {
            (layouts::read_members(keys, name, false, options, &Silent)?, kind.to_string())
        }
        Found::Rows(count) => {
            (layouts::read_rows(keys, name, options, &Silent)?, format!("{count} keys of a row each"))
        }
    })
}

/// Writes the table of a key into a file or to stdout.
pub fn get(key: &str, file: &Path, form: Option<Format>, keys: &dyn Keys, output: &Output) -> Result<()> {
    let is_standard = file == Path::new("-");
    let form = form.or_else(|| if is_standard { None } else { formats::format_of_path(file) });
    let bytes = match Found::of(key, keys)? {
        Found::Value => {
            let bytes = value(key, keys)?;
            let packing = match (is_standard, form) {
                (false, _) => Packing::of_path(file),
                (true, None) => Packing::of(&bytes),
                (true, Some(_)) => Packing::Plain,
            };
            converted(bytes, key, form, packing)?
        }
        Found::Members(_) | Found::Rows(_) => {
            let (read, _) = read_any(key, keys, &ReadOptions::default())?;
            let packing = if is_standard { Packing::Plain } else { Packing::of_path(file) };
            packing.pack(formats::written(&read.table, form.unwrap_or(Format::Csv))?)
        }
    };
    if is_standard {
        output.bytes(&bytes);
        return Ok(());
    }
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
            let table = parsed(plain, Some(stored), key, &ReadOptions::default())?;
            Ok(packing.pack(formats::written(&table, format)?))
        }
        _ if packed == packing => Ok(bytes),
        _ => Ok(packing.pack(plain)),
    }
}

/// The table in some bytes, compressed or not.
pub fn parsed(bytes: Vec<u8>, format: Option<Format>, name: &str, options: &ReadOptions) -> Result<Table> {
    let bytes = formats::unpack(bytes, name)?;
    let format = match format {
        Some(format) => format,
        None => formats::detect(&bytes, name)?,
    };
    Ok(formats::read(&bytes, format, name, options)?.table)
}
