//! `pipefit data show KEY|PATTERN`

use serde_json::{Value, json};

use super::{on_a_line, read_any};
use crate::cli::output::Output;
use crate::diag::Result;
use crate::source::formats::{self, Described, Format, ReadOptions, Spelled};
use crate::source::keys::Keys;
use crate::table::{Kind, Table, datetime_text, fingerprint};

/// The rows and columns of the sample, and the letters of a cell in it.
const ROWS: usize = 5;
const COLUMNS: usize = 12;
const LETTERS: usize = 20;

/// Shows what a key holds, and of its table the columns and the first rows.
pub fn show(key: &str, keys: &dyn Keys, output: &Output) -> Result<()> {
    let kind = keys.kind(key)?.map(|kind| kind.to_string());
    let (read, what) = read_any(key, keys, &ReadOptions::default())?;
    let table = read.table;
    let columns = formats::describe(&table);
    let sample = table.slice(0, ROWS.min(table.rows()));
    if output.json {
        let rows: Value =
            serde_json::from_slice(&formats::write(&sample, Format::JsonRecords)).unwrap_or_default();
        let columns: Vec<Value> = columns.iter().map(|column| object(column, table.rows())).collect();
        output.object(&json!({
            "schema": "pipefit.data/1", "key": key, "kind": kind, "format": what, "rows": table.rows(),
            "sha256": fingerprint(&table), "columns": columns, "sample": rows,
        }));
        return Ok(());
    }
    let kind = kind.filter(|kind| *kind != what).map_or(String::new(), |kind| kind + ", ");
    let mut text = format!("{key}: {kind}{what}, {} rows, {} columns\n", table.rows(), table.columns().len());
    let width = columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0);
    for column in &columns {
        text.push_str(&format!("  {:width$}  {}\n", on_a_line(&column.name), about(column, table.rows())));
    }
    if sample.rows() > 0 {
        text.push_str(&format!("the first {} of {} rows:\n", sample.rows(), table.rows()));
        text.push_str(&drawn(&sample));
    }
    output.answer(&text);
    Ok(())
}

/// A column in a line.
fn about(column: &Described, rows: usize) -> String {
    let share = 100.0 * column.missing as f64 / rows.max(1) as f64;
    let missing = if column.missing > 0 {
        format!(", {} missing ({share:.1} %)", column.missing)
    } else {
        String::new()
    };
    format!("{:8} {}{missing}", column.kind.name(), on_a_line(&column.values()))
}

/// A column as JSON.
fn object(column: &Described, rows: usize) -> Value {
    let levels: Vec<Value> =
        column.levels.iter().map(|(label, count)| json!({"label": label, "count": count})).collect();
    let value = |value: f64| match column.kind {
        Kind::Datetime => datetime_text(value).into(),
        _ => json!(value),
    };
    json!({
        "name": column.name, "type": column.kind, "missing": column.missing,
        "missing_share": column.missing as f64 / rows.max(1) as f64, "distinct": column.distinct,
        "min": column.range.map(|(min, _)| value(min)), "max": column.range.map(|(_, max)| value(max)),
        "levels": levels,
    })
}

/// The rows of a sample below the names of their columns; a missing cell is empty.
fn drawn(sample: &Table) -> String {
    let spelled = Spelled::of(sample);
    let names: Vec<&str> = sample.schema().names().collect();
    let shown = names.len().min(COLUMNS);
    let line = |row: Option<usize>| -> Vec<String> {
        let cell = |column: usize| match row {
            None => short(names[column]),
            Some(row) => short(&spelled.cell(row, column).unwrap_or_default()),
        };
        (0..shown).map(cell).collect()
    };
    let lines: Vec<Vec<String>> =
        std::iter::once(None).chain((0..sample.rows()).map(Some)).map(line).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..shown).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        let more = if names.len() > shown { "  ..." } else { "" };
        text.push_str(&format!("  {}{more}\n", cells.join("  ").trim_end()));
    }
    text
}

/// A cell that fits.
fn short(cell: &str) -> String {
    let cell = on_a_line(cell);
    if cell.chars().count() <= LETTERS {
        return cell;
    }
    cell.chars().take(LETTERS - 3).chain("...".chars()).collect()
}
