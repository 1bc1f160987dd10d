//! The data in numbers.

use super::text::{Name, Text};
use super::{scrolling, section as framed};
use crate::graph::Origin;
use crate::report::Report;
use crate::report::digits::{Digits, count, counted};
use crate::table::Target;

/// More columns than this are not listed.
const MOST_COLUMNS: usize = 200;
/// More classes than this are not listed.
const MOST_CLASSES: usize = 30;

/// Rows, features, target and digest; the columns on demand.
pub fn section(report: &Report) -> String {
    let graph = report.bound.graph;
    let digest = report.fingerprint.to_string();
    let fact = |name: &str, value: &str| format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n");
    let origin = match graph.source.origin {
        Origin::Key(_) => "Key",
        Origin::Pattern(_) => "Pattern",
        Origin::Index(_) => "Index",
        Origin::Stream(..) => "Stream",
        Origin::Feast(_) => "Feature view",
        Origin::Featureform(_) => "Features of",
        Origin::File(_) => "File",
    };
    let facts = [
        fact("Rows", &count(report.table.rows())),
        fact("Features", &count(report.bound.x.width())),
        fact("Target", &Text(&graph.target.shown).to_string()),
        fact(origin, &format!("<code>{}</code>", Text(&graph.source.shown))),
        fact("sha256", &format!("<code title=\"{digest}\">{}…</code>", &digest[..12])),
    ];
    let body = format!(
        "<dl class=\"facts\">\n{}</dl>\n<p class=\"note\" style=\"margin-top:.8rem\">{}{}</p>\n{}",
        facts.concat(),
        target(report),
        roles(report),
        columns(report)
    );
    framed("data", "Data", &body)
}

/// The target in a sentence.
fn target(report: &Report) -> String {
    let name = Text(&report.bound.graph.target.shown);
    match &report.bound.y {
        Target::Values(values) => {
            let values = values.column(0);
            let (low, high) =
                values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let digits = Digits::of([low, high], 5);
            let [low, mean, high] = [low, mean, high].map(|value| digits.show(value));
            format!("<code>{name}</code> is a number from {low} to {high}, {mean} in the mean.")
        }
        Target::Classes { codes, labels } => {
            let mut counts = vec![0; labels.len()];
            codes.iter().for_each(|code| counts[*code as usize] += 1);
            let class = |(label, rows): (&String, &usize)| {
                let share = 100.0 * *rows as f64 / codes.len() as f64;
                format!("<code>{}</code> ({}, {share:.1} %)", Text(label), counted(*rows, "row"))
            };
            let classes = labels.labels().iter().zip(&counts).take(MOST_CLASSES).map(class);
            let more = match labels.len().saturating_sub(MOST_CLASSES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let classes: Vec<String> = classes.collect();
            format!("<code>{name}</code> is one of {} classes: {}{more}.", labels.len(), classes.join(", "))
        }
    }
}

/// Columns with a part of their own.
fn roles(report: &Report) -> String {
    let graph = report.bound.graph;
    let mut text = String::new();
    if let Some(weight) = &graph.weight {
        text.push_str(&format!(" Rows are weighed by <code>{}</code>.", Text(&weight.name)));
    }
    if !graph.ids.is_empty() {
        let ids: Vec<String> =
            graph.ids.iter().map(|id| format!("<code>{}</code>", Text(&id.name))).collect();
        text.push_str(&format!(" Not a feature: {}.", ids.join(", ")));
    }
    text
}

/// The feature columns with type and missing values.
fn columns(report: &Report) -> String {
    let x = &report.bound.x;
    let row = |(place, field): (usize, &crate::table::Field)| {
        let kind = match x.levels(place) {
            Some(levels) => format!("category, {}", counted(levels.len(), "level")),
            None => field.kind.name().to_owned(),
        };
        let missing = x.facts()[place].missing;
        let missing = if missing == 0 { "none".to_owned() } else { count(missing) };
        format!(
            "<tr><th scope=\"row\" class=\"name\">{}</th><td class=\"nowrap\">{kind}</td><td class=\"n\">{missing}</td></tr>\n",
            Name(&field.name)
        )
    };
    let rows: String = x.schema().fields().iter().enumerate().take(MOST_COLUMNS).map(row).collect();
    let all = x.width();
    let shown =
        if all > MOST_COLUMNS { format!("; the first {MOST_COLUMNS} are listed") } else { String::new() };
    let table = format!(
        "<table>\n<thead><tr><th scope=\"col\">feature</th><th scope=\"col\">type</th>\
         <th scope=\"col\" class=\"n\">missing</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    );
    format!(
        "<details>\n<summary>{}{shown}</summary>\n{}\n</details>",
        counted(all, "feature column"),
        scrolling("the feature columns", " tall", &table)
    )
}
