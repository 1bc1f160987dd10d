//! `pipefit data put KEY FILE`

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::get::parsed;
use crate::cli::output::Output;
use crate::diag::{Code, Diagnostic, Result};
use crate::source::formats::{self, Format, ReadOptions};
use crate::source::keys::{Keys, Others};
use crate::source::layouts::{self, RowKeys};
use crate::source::read_file;
use crate::table::{Kind, Table, fingerprint};

/// Puts a file into the store: all of it is read and checked before the store is opened.
pub fn put(
    key: &str,
    file: &Path,
    form: Option<&str>,
    id: Option<&str>,
    open: &dyn Fn() -> Result<Arc<dyn Keys>>,
    output: &Output,
) -> Result<()> {
    if id.is_some() && form != Some("hash") {
        let error = Code::Usage.error("`--id` names the ids of rows that become a key each");
        return Err(error.help("use it with `--as hash`, or leave it out"));
    }
    let mut bytes = read_file(file)?;
    // Ids are texts: `007` is not `7`.
    let schema = id.map(|id| (id.to_owned(), Kind::Category)).into_iter().collect();
    let options = ReadOptions { schema, ..ReadOptions::default() };
    let name = file.display().to_string();
    let table = parsed(bytes.clone(), formats::format_of_path(file), &name, &options)?;
    match form {
        Some("hash") => return put_hashes(key, id, &table, open, output),
        Some("list") => layouts::write_list(&*open()?, key, &table)?,
        Some("stream") => {
            layouts::refuse_blank_rows(&table)?;
            layouts::write_stream(&*open()?, key, &table)?;
        }
        _ => {
            if let Some(format) = form.and_then(Format::of_ending) {
                bytes = formats::written(&table, format)?;
            }
            open()?.write(key, &bytes)?;
            tell(key, &table, "bytes", bytes.len(), output);
            return Ok(());
        }
    }
    tell(key, &table, if form == Some("list") { "members" } else { "entries" }, table.rows(), output);
    Ok(())
}

/// A hash for each row. Keys of other rows stay, as they do for whoever writes hashes by hand, and are told.
fn put_hashes(
    key: &str,
    id: Option<&str>,
    table: &Table,
    open: &dyn Fn() -> Result<Arc<dyn Keys>>,
    output: &Output,
) -> Result<()> {
    let row_keys = RowKeys::parse(key)?;
    let digits = table.rows().to_string().len();
    let names = row_keys.of(table, id, 0, digits)?;
    layouts::refuse_equal(&names)?;
    layouts::refuse_blank_rows(table)?;
    let keys = open()?;
    layouts::write_hashes(&*keys, table, &names, Others::Go)?;
    tell(&row_keys.pattern(), table, "hashes", names.len(), output);
    output.tell(&others(&row_keys.pattern(), &names, &*keys)?);
    Ok(())
}

/// A warning if other keys match the pattern of these rows, and are rows as well for whoever reads it.
fn others(pattern: &str, names: &[String], keys: &dyn Keys) -> Result<Vec<Diagnostic>> {
    let mut own: Vec<&str> = names.iter().map(String::as_str).collect();
    own.sort_unstable();
    let found = keys.matching(pattern)?;
    let mut others = found.iter().filter(|name| own.binary_search(name).is_err());
    let Some(first) = others.next() else { return Ok(Vec::new()) };
    let message = format!("{} other keys match `{pattern}` and stay, `{first}` first", others.count() + 1);
    let help = "whoever reads the pattern reads them too: `pipefit data rm` removes what is old";
    Ok(vec![Code::WarnData.warning(message).help(help)])
}

fn tell(key: &str, table: &Table, what: &str, count: usize, output: &Output) {
    let (rows, columns) = (table.rows(), table.columns().len());
    if output.json {
        output.object(&json!({
            "schema": "pipefit.data/1", "key": key, what: count, "rows": rows, "columns": columns,
            "sha256": fingerprint(table),
        }));
    } else {
        output.say(&format!("{key}: {rows} rows, {columns} columns, {count} {what}"));
    }
}
