//! The pipeline as boxes, from the data to the published model.

use super::section as framed;
use super::text::Text;
use crate::contract::{Param, Value};
use crate::graph::{Group, StepNode};
use crate::report::Report;
use crate::report::digits::counted;
use crate::{models, steps};

/// A box names at most so many columns when it is pointed at.
const MOST_NAMES: usize = 40;

/// The boxes.
pub fn section(report: &Report) -> String {
    let pipeline = report.outcome.pipeline(report.bound.graph);
    let mut boxes = vec![data(report)];
    if let ([group], [columns]) = (&pipeline.groups[..], &report.bound.groups[..])
        && group.name.is_none()
    {
        boxes.extend(chain(group, columns));
    } else {
        let branch = |(group, columns): (&Group, &Vec<String>)| {
            format!("<li><ol class=\"chain\">\n{}</ol></li>\n", chain(group, columns).concat())
        };
        let branches: String = pipeline.groups.iter().zip(&report.bound.groups).map(branch).collect();
        boxes.push(format!("<li class=\"branches\"><ul>\n{branches}</ul></li>\n"));
    }
    boxes.extend(pipeline.select.iter().map(step));
    boxes.push(model(report));
    let version = format!("version {}", report.published.version);
    boxes.push(framed_box(" ends", &report.published.name, &[version], ""));
    framed("pipeline", "Pipeline", &format!("<ol class=\"flow\">\n{}</ol>", boxes.concat()))
}

fn data(report: &Report) -> String {
    let size = [counted(report.table.rows(), "row"), counted(report.table.width(), "column")];
    let cleaned = report.dropped.iter().map(|dropped| match dropped.rows {
        Some(rows) => format!("{}: {} dropped", dropped.operation, counted(rows, "row")),
        None => dropped.operation.clone(),
    });
    let notes: Vec<String> = size.into_iter().chain(cleaned).collect();
    framed_box(" ends", &report.bound.graph.source.shown, &notes, "")
}

/// A group's columns and its steps, one after the other.
fn chain(group: &Group, columns: &[String]) -> Vec<String> {
    let mut boxes = Vec::new();
    if let Some(name) = &group.name {
        let note = match (columns.is_empty(), group.steps.is_empty()) {
            (true, _) => vec!["no column, skipped".to_owned()],
            (false, true) => vec![counted(columns.len(), "column"), "passed on as they are".to_owned()],
            (false, false) => vec![counted(columns.len(), "column")],
        };
        let mut names = columns.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
        if columns.len() > MOST_NAMES {
            names.push_str(", …");
        }
        boxes.push(framed_box(" columns", name, &note, &names));
    }
    boxes.extend(group.steps.iter().map(step));
    boxes
}

fn step(node: &StepNode) -> String {
    let declared = steps::named(node.step.name()).map(|kind| kind.parameters()).unwrap_or_default();
    framed_box("", node.step.name(), &chosen(&declared, &node.step.values()), &node.address)
}

fn model(report: &Report) -> String {
    let model = &report.outcome.pipeline(report.bound.graph).model.model;
    let declared = models::named(model.name()).map(|kind| kind.parameters()).unwrap_or_default();
    let mut notes = chosen(&declared, &model.values());
    notes.push(format!("learns from {}", counted(report.outcome.fitted.names.len(), "feature")));
    framed_box(" model", model.name(), &notes, "model")
}

/// The parameters that are not what they are by default.
fn chosen(declared: &[Param], values: &[(&'static str, Value)]) -> Vec<String> {
    // As text, since a default of NaN is not equal to itself.
    let by_default = |name: &str, value: &Value| {
        declared.iter().any(|param| param.name == name && param.default.to_string() == value.to_string())
    };
    let values = values.iter().filter(|(name, value)| !by_default(name, value));
    values.map(|(name, value)| format!("{name}: {value}")).collect()
}

fn framed_box(class: &str, title: &str, notes: &[String], hint: &str) -> String {
    let notes: String = notes.iter().map(|note| format!("<span>{}</span>", Text(note))).collect();
    let hint = if hint.is_empty() { String::new() } else { format!(" title=\"{}\"", Text(hint)) };
    format!("<li class=\"box{class}\"{hint}><b>{}</b>{notes}</li>\n", Text(title))
}
