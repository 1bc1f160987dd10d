//! Large files through `pipefit predict`, a few parts at a time.

use serde_json::{Value, json};

use super::output::Output;
use super::predicted::Form;
use crate::artifact::Artifact;
use crate::diag::{Code, Result};
use crate::predict::{Options, predict_parts};
use crate::registry::Published;
use crate::source::formats::{self, Format, Packing, ReadOptions};
use crate::source::{Parts, Place, TextParts, open_parquet, write_file_by};
use crate::table::{Scan, Table};

/// The parts of an input, where it is a file of several and its predictions can be written as they come: a file is written row
/// after row, and what the pipeline expects of whole columns has to be seen before anything is told.
pub fn parts(
    input: &Place,
    output: &Place,
    form: &Form,
    artifact: &Artifact,
    options: &Options,
    read: &ReadOptions,
) -> Result<Option<Box<dyn Parts>>> {
    let Place::File(path) = input else { return Ok(None) };
    let is_in_rows = matches!(form, Form::Rows(_)) || format(output, form).is_some();
    if !is_in_rows || !artifact.manifest.expect.is_empty() || Packing::of_path(path) != Packing::Plain {
        return Ok(None);
    }
    let inputs = artifact.manifest.inputs();
    let own = |name: &String| inputs.iter().any(|field| field.name == *name);
    let mut columns: Vec<String> = inputs.iter().map(|field| field.name.clone()).collect();
    columns.extend(options.keep.iter().filter(|name| !own(name)).cloned());
    let read = ReadOptions { columns: Some(columns), ..read.clone() };
    Ok(match formats::format_of_path(path) {
        Some(Format::Parquet) if path.is_file() => {
            let scan = open_parquet(std::slice::from_ref(path), &read)?;
            if scan.units() > 1 { Some(Box::new(scan)) } else { None }
        }
        // The type of a column of which nothing is known is that of all its rows.
        Some(format @ (Format::Csv | Format::Tsv | Format::Jsonl))
            if options.keep.iter().all(|name| read.schema.contains_key(name)) =>
        {
            TextParts::open(path, format, &read)?.map(|parts| Box::new(parts) as Box<dyn Parts>)
        }
        _ => None,
    })
}

/// The format that predictions are written in row after row; `None` where they have to be there first.
fn format(output: &Place, form: &Form) -> Option<Format> {
    let Form::Whole(format) = form else { return None };
    match output {
        Place::File(path) if Packing::of_path(path) != Packing::Plain => return None,
        Place::Key(_) => return None,
        Place::File(_) | Place::Standard => {}
    }
    matches!(format, Format::Csv | Format::Tsv | Format::Jsonl).then_some(*format)
}

/// Predicts all parts; gives the number of rows.
pub fn run(
    artifact: &Artifact,
    parts: &dyn Parts,
    options: &Options,
    to: &Place,
    form: &mut Form,
    output: &Output,
) -> Result<usize> {
    let mut rows = 0;
    let format = format(to, form).unwrap_or(Format::Csv);
    if let Form::Rows(written) = form {
        let warnings = predict_parts(artifact, parts, options, |table| {
            rows += table.rows();
            written.write(&table)
        })?;
        output.tell(&warnings);
        return Ok(rows);
    }
    let mut spell = |table: &Table, out: &mut dyn std::io::Write| {
        let write = if rows == 0 { formats::write_to } else { formats::write_more };
        rows += table.rows();
        write(table, format, out)
    };
    let warnings = match to {
        Place::File(path) => {
            let mut warnings = Vec::new();
            write_file_by(path, |out| {
                let lost = |error: std::io::Error| {
                    Code::StoreIo.error(format!("`{}` cannot be written: {error}", path.display()))
                };
                warnings = predict_parts(artifact, parts, options, |table| spell(&table, out).map_err(lost))?;
                Ok(())
            })?;
            warnings
        }
        _ => predict_parts(artifact, parts, options, |table| {
            let mut bytes = Vec::new();
            let unspelled = |error| Code::Bug.error(format!("predictions cannot be spelled: {error}"));
            spell(&table, &mut bytes).map_err(unspelled)?;
            output.bytes(&bytes);
            Ok(())
        })?,
    };
    output.tell(&warnings);
    Ok(rows)
}

/// What `--json` prints of a prediction.
pub fn object(published: &Published, rows: usize, to: &str) -> Value {
    let version = &published.version;
    json!({
        "schema": "pipefit.predict/1", "status": "ok", "rows": rows,
        "model": {"name": published.name, "version": version.version, "sha256": version.sha256},
        "output": to,
    })
}
