//! What the gate has decided.

use super::text::{Message, Text};
use super::{scrolling, section as framed};
use crate::gate::HEURISTIC;
use crate::report::Report;
use crate::report::promotion::{HEADS, is_paired, row, verdict};

/// The decision with its figures; nothing where the file has no gate.
pub fn section(report: &Report) -> String {
    let Some(decision) = report.promotion else { return String::new() };
    let note =
        if is_paired(decision) { format!("<p class=\"note\">{HEURISTIC}</p>\n") } else { String::new() };
    let verdict = verdict(decision);
    let mut body = format!("<p>{}</p>\n", Message(&verdict));
    if !decision.judged.is_empty() {
        let heads: String = HEADS.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
        let rows = decision.judged.iter().map(|judged| {
            let [metric, cells @ ..] = row(judged);
            let cells = cells.iter().map(|cell| format!("<td class=\"n\">{}</td>", Text(cell)));
            let cells: String = cells.collect();
            format!("<tr><th scope=\"row\" class=\"name\">{}</th>{cells}</tr>\n", Text(&metric))
        });
        let table = format!(
            "<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
            rows.collect::<String>()
        );
        body.push_str(&scrolling("what was required", "", &table));
        body.push_str(&note);
    }
    framed("promotion", "Promotion", &body)
}
