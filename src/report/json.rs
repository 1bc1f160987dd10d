//! The report as JSON: what `run --json` prints, what `report.json` holds, and a run's record.

use serde_json::{Map, Value, json};

use super::promotion::promotion;
use super::search::Search;
use super::{Dropped, Report};
use crate::contract::Facts;
use crate::graph::Graph;
use crate::linalg::Matrix;
use crate::plan::{Path, Plan};
use crate::run::Outcome;
use crate::table::Levels;

/// The object `pipefit.run/1`.
pub fn json(report: &Report) -> Value {
    let bound = report.bound;
    let published = report.published;
    let features: Vec<&str> = bound.x.schema().names().collect();
    let warnings: Vec<Value> = report.all_warnings().map(crate::diag::to_json).collect();
    let path = |name: &str| format!("{}/report.{name}", published.path);
    let reports: Map<String, Value> =
        published.formats.iter().map(|format| (format.clone(), path(format).into())).collect();
    let mut object = json!({
        "schema": "pipefit.run/1",
        "run": report.run,
        "pipeline": bound.graph.name,
        "status": "ok",
        "started": report.started,
        "file": report.file,
        "resolved": bound.graph.resolved,
        "tool": {"version": report.tool.0, "processor": report.tool.1},
        "data": {
            "rows": report.table.rows(),
            "columns": report.table.width(),
            "features": features,
            "target": bound.graph.target.shown,
            "sha256": report.fingerprint,
        },
        "cv": cv(report),
        "search": Search::of(report).map(|search| search.json()),
        "model": model(report.outcome),
        "test": null,
        "artifact": {
            "name": published.name,
            "version": published.version,
            "sha256": published.sha256,
            "path": published.path,
        },
        "promotion": promotion(report.promotion),
        "reports": reports,
        "plan": plan(report),
        "store": {"address": published.store, "durability": published.durability},
        "warnings": warnings,
        "timing_s": {
            "read": report.timing.read,
            "search": report.timing.search,
            "cv": report.timing.cv,
            "refit": report.timing.refit,
            "publish": report.timing.publish,
            "total": report.timing.total,
        },
        "threads": report.threads,
    });
    // Absent where the file is one pipeline alone.
    if !bound.graph.variant.is_only() {
        object["variant"] = bound.graph.variant.json();
    }
    object
}

/// What `clean` left of so many rows, and what each of its operations has dropped; null without any.
pub fn cleaning(dropped: &[Dropped], rows: usize) -> Value {
    if dropped.is_empty() {
        return Value::Null;
    }
    let gone: usize = dropped.iter().filter_map(|dropped| dropped.rows).sum();
    let one = |dropped: &Dropped| json!({"operation": dropped.operation, "dropped": dropped.rows});
    json!({"rows": rows - gone, "operations": dropped.iter().map(one).collect::<Vec<_>>()})
}

fn cv(report: &Report) -> Value {
    let Some(splitter) = &report.bound.graph.splitter else { return Value::Null };
    let outcome = report.outcome;
    let folds: Vec<Value> =
        outcome.folds.iter().map(|fold| json!({"train": fold.train, "test": fold.test})).collect();
    let scores: Map<String, Value> = outcome
        .scores
        .iter()
        .map(|scores| {
            let value = json!({"folds": scores.folds, "mean": scores.mean(), "std": scores.std()});
            (scores.metric.name.to_owned(), value)
        })
        .collect();
    json!({
        "splitter": splitter.name(),
        "n_splits": outcome.folds.len(),
        "folds": folds,
        "scores": scores,
    })
}

fn plan(report: &Report) -> Value {
    let plan = report.plan;
    let steps: Vec<Value> = plan.steps.iter().map(|step| {
        json!({"address": step.address, "class": step.class, "path": step.path.name(), "reason": step.reason})
    }).collect();
    json!({
        "path": plan.path.name(),
        "reason": plan.reason,
        "candidates": candidates(plan, report.bound.graph),
        "splitter": report.bound.graph.splitter_reason,
        "folds_sha256": report.folds,
        "model_rows": report.outcome.rows_reason,
        "clean": cleaning(report.dropped, report.table.rows()),
        "passes": plan.passes,
        "iterates": plan.iterates,
        "bytes": plan.memory.bytes,
        "steps": steps,
    })
}

/// What a run may take, what the most of its memory is, and what is fitted at a time on the general path. It hangs on the
/// machine, so that it is no part of a report.
pub fn memory(plan: &Plan) -> Value {
    let memory = &plan.memory;
    json!({
        "bound": Some(memory.bound).filter(|bound| *bound < u64::MAX),
        "bytes": memory.bytes,
        "most": {"what": memory.most.0, "bytes": memory.most.1},
        "folds_at_once": memory.folds,
        "candidates_at_once": memory.candidates,
    })
}

/// How many candidates of a search take each path.
pub fn candidates(plan: &Plan, graph: &Graph) -> Value {
    graph.search.as_ref().map_or(Value::Null, |_| {
        let two_pass = plan.paths.iter().filter(|path| **path == Path::TwoPass).count();
        json!({"two_pass": two_pass, "general": plan.paths.len() - two_pass})
    })
}

fn model(outcome: &Outcome) -> Value {
    let Facts { coef, intercept, classes, more } = &outcome.facts;
    let mut model = Map::new();
    model.insert("class".into(), outcome.fitted.class.into());
    model.insert("features".into(), outcome.fitted.names.clone().into());
    model.insert("coef".into(), coef.as_ref().map_or(Value::Null, rows));
    let intercept = match intercept.as_deref() {
        None => Value::Null,
        Some([one]) => json!(one),
        Some(all) => json!(all),
    };
    model.insert("intercept".into(), intercept);
    model.insert("classes".into(), classes.as_deref().map_or(Value::Null, labels));
    model.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::Object(model)
}

/// A matrix as `coef_` is: a flat list for one row, else a list of rows.
fn rows(coef: &Matrix) -> Value {
    match coef.rows() {
        1 => json!(coef.row(0)),
        many => (0..many).map(|i| coef.row(i)).collect::<Vec<_>>().into(),
    }
}

/// Labels as the data has them: numbers where all are.
pub fn labels(levels: &Levels) -> Value {
    let label = |label: &String| {
        let number = levels.numeric().then(|| serde_json::from_str(label).ok()).flatten();
        number.unwrap_or_else(|| Value::from(label.as_str()))
    };
    levels.labels().iter().map(label).collect()
}
