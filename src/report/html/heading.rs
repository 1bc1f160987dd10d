//! The head of the page: what it is, and how good.

use super::text::Text;
use crate::report::Report;
use crate::report::digits::{Digits, counted};

/// Name, model, version and the score that decides.
pub fn header(report: &Report) -> String {
    let published = report.published;
    let warnings = report.all_warnings().count();
    let badge = match warnings {
        0 => String::new(),
        some => format!("<p><a class=\"badge\" href=\"#warnings\">{}</a></p>\n", counted(some, "warning")),
    };
    format!(
        "<header>\n<div>\n<p class=\"over\">pipefit report</p>\n<h1>{}</h1>\n\
         <p><b>{}</b>, published as <b>{}</b> version <b>{}</b><br><span class=\"quiet\">{}</span></p>\n\
         {badge}</div>\n{}</header>\n",
        Text(&report.bound.graph.name),
        Text(report.outcome.fitted.class),
        Text(&published.name),
        published.version,
        Text(report.started),
        score(report),
    )
}

fn score(report: &Report) -> String {
    let Some(first) = report.outcome.scores.first() else {
        return "<p class=\"quiet\">fitted on all rows, not cross-validated</p>\n".to_owned();
    };
    let digits = Digits::of(first.folds.iter().copied(), 5);
    format!(
        "<div>\n<p class=\"score\"><b>{}</b> <span>± {}</span></p>\n\
         <p class=\"quiet\"><b>{}</b>, mean ± deviation of {}</p>\n</div>\n",
        digits.show(first.mean()),
        digits.show(first.std()),
        Text(first.metric.name),
        counted(first.folds.len(), "fold"),
    )
}
