//! Recorded runs as a table, to be chosen from, sorted and written down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;
use serde_json::Value;

use super::Run;
use crate::diag::Result;
use crate::table::{Column, Field, Kind, Levels, MISSING, Schema, Table, parse_datetime};

/// What of a record a column tells: its name, its place in the record, its type.
const COLUMNS: &[(&str, &str, Kind)] = &[
    ("run", "/run", Kind::Text),
    ("started", "/started", Kind::Datetime),
    ("pipeline", "/pipeline", Kind::Category),
    ("variant", "/variant", Kind::Text),
    ("model", "/model/class", Kind::Category),
    ("artifact", "/artifact/name", Kind::Category),
    ("version", "/artifact/version", Kind::Number),
    ("rows", "/data/rows", Kind::Number),
    ("columns", "/data/columns", Kind::Number),
    ("data", "/data/sha256", Kind::Text),
    ("path", "/plan/path", Kind::Category),
    ("total_s", "/timing_s/total", Kind::Number),
];

/// A row a run: what it was, and the mean of each of its scores under the metric's name.
///
/// # Errors
/// None that a record of pipefit's gives: a metric has no name of a column.
pub fn table(runs: &[Run]) -> Result<Table> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (name, place, kind) in COLUMNS {
        let values = runs.iter().map(|run| run.record.pointer(place));
        columns.push(match kind {
            Kind::Datetime => numbers(values.map(|value| parse_datetime(value?.as_str()?))),
            kind if kind.is_coded() => words(values),
            _ => numbers(values.map(|value| value?.as_f64())),
        });
        fields.push(Field { name: (*name).to_owned(), kind: *kind });
    }
    let scores =
        |run: &Run| run.record.pointer("/cv/scores").and_then(Value::as_object).cloned().unwrap_or_default();
    let scores: Vec<_> = runs.iter().map(scores).collect();
    let metrics: BTreeSet<&String> = scores.iter().flat_map(serde_json::Map::keys).collect();
    for metric in metrics {
        columns.push(numbers(scores.iter().map(|scores| scores.get(metric)?["mean"].as_f64())));
        fields.push(Field { name: metric.clone(), kind: Kind::Number });
    }
    Table::new(Schema::new(fields), columns)
}

fn numbers(values: impl Iterator<Item = Option<f64>>) -> Column {
    Column::Number(ScalarBuffer::from(values.map(|value| value.unwrap_or(f64::NAN)).collect::<Vec<_>>()))
}

/// Texts as they are, anything else as JSON.
fn words<'a>(values: impl Iterator<Item = Option<&'a Value>>) -> Column {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let values: Vec<Option<String>> =
        values.map(|value| value.filter(|value| !value.is_null()).map(text)).collect();
    let distinct: BTreeSet<&String> = values.iter().flatten().collect();
    let levels = Levels::new(distinct.into_iter().cloned().collect(), false);
    let known: BTreeMap<&str, u32> = levels.labels().iter().map(String::as_str).zip(0..).collect();
    let code = |value: &Option<String>| value.as_deref().map_or(MISSING, |value| known[value]);
    let codes: Vec<u32> = values.iter().map(code).collect();
    drop(known);
    Column::Codes { codes: ScalarBuffer::from(codes), levels: Arc::new(levels) }
}
