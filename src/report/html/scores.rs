//! The scores of every fold.

use super::dot_strip::dot_strip;
use super::text::Text;
use super::{scrolling, section as framed};
use crate::report::Report;
use crate::report::digits::{Digits, count, counted};

/// A table with a row for each fold, and a strip of dots for each metric.
pub fn section(report: &Report) -> String {
    let outcome = report.outcome;
    if outcome.folds.is_empty() {
        let none = "<p>There is no cross-validation: <code>cv: null</code> only fits on all rows.</p>";
        return framed("scores", "Scores", none);
    }
    let splitter = report.bound.graph.splitter.as_ref().map_or("", |splitter| splitter.name());
    let digits: Vec<Digits> =
        outcome.scores.iter().map(|scores| Digits::of(scores.folds.iter().copied(), 5)).collect();
    let strip = |(scores, digits): (&crate::run::Scores, &Digits)| {
        let metric = scores.metric;
        format!(
            "<div>\n<h3>{}</h3>\n{}\n<p class=\"note\">{}</p>\n</div>\n",
            Text(metric.name),
            dot_strip(scores, *digits),
            Text(metric.summary)
        )
    };
    let strips: String = outcome.scores.iter().zip(&digits).map(strip).collect();
    let body = format!(
        "<p class=\"note\">{}, {}. A greater score is better; the line is the mean, the band one standard \
         deviation to either side.</p>\n<div class=\"side\">\n{}\n<div class=\"strips\">\n{strips}</div>\n</div>",
        Text(splitter),
        counted(outcome.folds.len(), "fold"),
        scrolling("the scores of every fold", " tall", &table(report, &digits))
    );
    framed("scores", "Scores", &body)
}

fn table(report: &Report, digits: &[Digits]) -> String {
    let outcome = report.outcome;
    let cell = |(value, digits): (f64, &Digits)| {
        format!("<td class=\"n\" title=\"{value}\">{}</td>", digits.show(value))
    };
    let heads =
        outcome.scores.iter().map(|s| format!("<th scope=\"col\" class=\"n\">{}</th>", Text(s.metric.name)));
    let rows = outcome.folds.iter().enumerate().map(|(k, fold)| {
        let cells: String = outcome.scores.iter().map(|s| s.folds[k]).zip(digits).map(cell).collect();
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td>{cells}</tr>\n",
            k + 1,
            count(fold.train),
            count(fold.test)
        )
    });
    let means: String = outcome.scores.iter().map(|s| s.mean()).zip(digits).map(cell).collect();
    let stds: String = outcome.scores.iter().map(|s| s.std()).zip(digits).map(cell).collect();
    format!(
        "<table>\n<thead><tr><th scope=\"col\">fold</th><th scope=\"col\" class=\"n\">train</th>\
         <th scope=\"col\" class=\"n\">test</th>{}</tr></thead>\n<tbody>\n{}</tbody>\n\
         <tfoot>\n<tr><th scope=\"row\" colspan=\"3\">mean</th>{means}</tr>\n\
         <tr><th scope=\"row\" colspan=\"3\">standard deviation</th>{stds}</tr>\n</tfoot>\n</table>\n",
        heads.collect::<String>(),
        rows.collect::<String>()
    )
}
