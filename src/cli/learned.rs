//! What the record of a learner tells of a version, for `models show`.

use serde_json::Value;

use crate::diag::{Code, Result};
use crate::registry::{Registry, Version};
use crate::report::significant;

/// What was learned of a stream up to a version; none for a version of a run.
pub fn of(version: &Version, registry: &Registry) -> Result<Option<Value>> {
    match registry.run(&version.run) {
        Ok(run) if run.record["schema"] == "pipefit.learn/1" => Ok(Some(run.record["learned"].clone())),
        Err(error) if error.code() != Code::UnknownModel => Err(error),
        _ => Ok(None),
    }
}

/// The same in lines.
pub fn lines(learned: &Value) -> String {
    let text = |pointer: &str| match learned.pointer(pointer) {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => number(value),
    };
    let metric = if learned["score"]["accuracy"].is_number() { "accuracy" } else { "r2" };
    let mut lines = format!(
        "  stream   {} entries read up to {}, {} refused, {} rows learned\n  before   {metric} {} before learning, of late {}\n",
        text("/read"),
        text("/last"),
        text("/refused"),
        text("/rows"),
        text(&format!("/score/{metric}")),
        text(&format!("/score/recent_{metric}"))
    );
    if learned["labels"].is_object() {
        let (wait, expired) = (text("/labels/waiting"), text("/labels/expired"));
        lines.push_str(&format!("  labels   {wait} rows wait for theirs, {expired} have in vain\n"));
    }
    if learned["drift"].is_object() {
        lines.push_str(&format!(
            "  drift    {} of {} windows; the error has risen {} times\n",
            text("/drift/drifted"),
            text("/drift/windows"),
            text("/drift/error/rises")
        ));
        for column in learned["drift"]["columns"].as_array().into_iter().flatten() {
            lines.push_str(&drifted(column));
        }
    }
    if learned["guard"].is_object() {
        let promoted = if learned["guard"]["promoted"] == true { "promoted" } else { "not promoted" };
        let (alias, why) = (text("/guard/alias"), text("/guard/why"));
        lines.push_str(&format!("  guard    {promoted} to {alias}: {why}\n"));
    }
    lines
}

/// How far a feature was off in the last window.
fn drifted(column: &Value) -> String {
    let distance = |name: &str| {
        let [value, p] = ["value", "p_value"].map(|part| &column[name][part]);
        if value.is_null() { String::new() } else { format!(" {name} {} (p {})", number(value), number(p)) }
    };
    let mark = if column["drifted"] == true { "  drifted" } else { "" };
    let name = column["name"].as_str().unwrap_or_default();
    format!("    {name}:{}{}{mark}\n", distance("psi"), distance("ks"))
}

fn number(value: &Value) -> String {
    match value.as_f64().filter(|_| value.is_f64()) {
        Some(value) => significant(value, 4),
        None => value.to_string(),
    }
}
