//! Large files through `pipefit predict`, a few parts at a time.

use serde_json::{Value, json};

use super::output::Output;
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
    artifact: &Artifact,
    options: &Options,
) -> Result<Option<Box<dyn Parts>>> {
    let (Place::File(path), Some(_)) = (input, format(output)) else { return Ok(None) };
    if !artifact.manifest.expect.is_empty() || Packing::of_path(path) != Packing::Plain {
        return Ok(None);
    }
    let inputs = artifact.manifest.inputs();
    let own = |name: &String| inputs.iter().any(|field| field.name == *name);
    let mut columns: Vec<String> = inputs.iter().map(|field| field.name.clone()).collect();
    columns.extend(options.keep.iter().filter(|name| !own(name)).cloned());
    let schema = inputs.iter().map(|field| (field.name.clone(), field.kind)).collect();
    let read = ReadOptions { schema, columns: Some(columns), na_values: artifact.manifest.na_values.clone() };
    Ok(match formats::format_of_path(path) {
        Some(Format::Parquet) if path.is_file() => {
            let scan = open_parquet(std::slice::from_ref(path), &read)?;
            if scan.units() > 1 { Some(Box::new(scan)) } else { None }
        }
        // The type of a column that the model does not know is that of all its rows.
        Some(format @ (Format::Csv | Format::Tsv | Format::Jsonl)) if options.keep.iter().all(own) => {
            TextParts::open(path, format, &read)?.map(|parts| Box::new(parts) as Box<dyn Parts>)
        }
        _ => None,
    })
}

/// The format that predictions are written in row after row; `None` where they have to be there first.
fn format(output: &Place) -> Option<Format> {
    let format = match output {
        Place::File(path) if Packing::of_path(path) != Packing::Plain => return None,
        Place::File(path) => formats::format_of_path(path).unwrap_or(Format::Csv),
        Place::Standard => Format::Csv,
        Place::Key(_) => return None,
    };
    matches!(format, Format::Csv | Format::Tsv | Format::Jsonl).then_some(format)
}

/// Predicts all parts; gives the number of rows.
pub fn run(
    artifact: &Artifact,
    parts: &dyn Parts,
    options: &Options,
    to: &Place,
    output: &Output,
) -> Result<usize> {
    let format = format(to).unwrap_or(Format::Csv);
    let mut rows = 0;
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
