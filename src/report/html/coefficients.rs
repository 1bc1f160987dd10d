//! The coefficients of a linear model as bars.

use super::text::Text;
use super::{scrolling, section as framed};
use crate::linalg::Matrix;
use crate::report::Report;
use crate::report::digits::{Digits, counted, significant};
use crate::report::influence::{Influence, MOST_ROWS, largest_first};

/// Of more features than this, those with the largest bars are shown.
const MOST_FEATURES: usize = 40;
/// At most so many bars are drawn: of models with many classes fewer features, then fewer classes.
const MOST_BARS: usize = 400;
const FEWEST_FEATURES: usize = 20;

/// One chart an output.
pub fn section(report: &Report) -> String {
    let facts = &report.outcome.facts;
    let Some(coef) = facts.coef.as_ref().filter(|coef| coef.columns() > 0) else {
        return other_facts(report).map_or_else(String::new, |more| framed("model", "Model", &more));
    };
    let influence = Influence::of(report);
    let standardised = influence.is_some();
    let (values, order) = match &influence {
        Some(influence) => (&influence.values, influence.order.clone()),
        None => (coef, largest_first(coef)),
    };
    let most = (MOST_BARS / coef.rows()).clamp(FEWEST_FEATURES, MOST_FEATURES);
    let features = &order[..order.len().min(most)];
    let outputs = coef.rows().min(MOST_BARS / features.len().max(1)).max(1);
    let scale = features.iter().flat_map(|j| values.column(*j)).fold(0.0, |a: f64, v| a.max(v.abs()));
    let chart = |output: usize| Chart { report, coef, values, output, features, standardised, scale }.html();
    let charts: String = (0..outputs).map(chart).collect();
    let body = format!(
        "{}<div class=\"charts\">\n{charts}</div>\n{}",
        note(report, coef, standardised, features.len(), outputs),
        other_facts(report).unwrap_or_default()
    );
    framed("coefficients", "Coefficients", &body)
}

/// What the bars mean, and which are left out.
fn note(report: &Report, coef: &Matrix, standardised: bool, features: usize, outputs: usize) -> String {
    let mut note = if standardised {
        "A bar is what the model's linear form gains when the feature, as the model sees it, grows by one \
         standard deviation: the coefficient times that deviation."
            .to_owned()
    } else {
        "A bar is a coefficient; features of different units do not compare.".to_owned()
    };
    if standardised && report.bound.x.rows() > MOST_ROWS {
        note.push_str(&format!(" The deviations are those of {}, evenly chosen.", counted(MOST_ROWS, "row")));
    }
    if features < coef.columns() {
        note.push_str(&format!(
            " The {features} largest of {} are shown.",
            counted(coef.columns(), "feature")
        ));
    } else {
        note.push_str(" The largest come first.");
    }
    if outputs < coef.rows() {
        note.push_str(&format!(" The first {outputs} of {} classes are shown.", coef.rows()));
    }
    format!("<p class=\"note\">{note}</p>\n")
}

/// One output's coefficients.
struct Chart<'a> {
    report: &'a Report<'a>,
    coef: &'a Matrix,
    values: &'a Matrix,
    output: usize,
    features: &'a [usize],
    standardised: bool,
    /// The longest bar.
    scale: f64,
}

impl Chart<'_> {
    fn html(&self) -> String {
        let digits = Digits::of(self.features.iter().map(|j| self.values[(self.output, *j)]), 4);
        let rows: String = self.features.iter().map(|j| self.row(*j, digits)).collect();
        let intercept = self.report.outcome.facts.intercept.as_ref().and_then(|all| all.get(self.output));
        let empty = if self.standardised { "<td></td><td></td>" } else { "<td></td>" };
        let intercept = intercept.map_or_else(String::new, |value| {
            format!(
                "<tfoot><tr><th scope=\"row\">intercept</th>{empty}<td class=\"n\" title=\"{value}\">{}</td></tr></tfoot>\n",
                significant(*value, 5)
            )
        });
        let bars = if self.standardised {
            "<th scope=\"colgroup\" colspan=\"2\">per standard deviation</th><th scope=\"col\" class=\"n\">coefficient</th>"
        } else {
            "<th scope=\"colgroup\" colspan=\"2\">coefficient</th>"
        };
        let table = format!(
            "<table class=\"coef\">\n<thead><tr><th scope=\"col\">feature</th>{bars}</tr></thead>\n\
             <tbody>\n{rows}</tbody>\n{intercept}</table>\n"
        );
        let title = self.title();
        let label =
            if title.is_empty() { "coefficients".to_owned() } else { format!("coefficients: {title}") };
        let heading = if title.is_empty() { title } else { format!("<h3>{}</h3>\n", Text(&title)) };
        format!("<div>\n{heading}{}\n</div>\n", scrolling(&label, "", &table))
    }

    /// What the output is for; nothing for a single number.
    fn title(&self) -> String {
        match self.report.outcome.facts.classes.as_ref().map(|classes| classes.labels()) {
            Some([_, positive]) if self.coef.rows() == 1 => format!("towards {positive}"),
            Some(labels) if self.coef.rows() == labels.len() => format!("towards {}", labels[self.output]),
            _ if self.coef.rows() > 1 => format!("output {}", self.output + 1),
            _ => String::new(),
        }
    }

    fn row(&self, j: usize, digits: Digits) -> String {
        let value = self.values[(self.output, j)];
        let coef = self.coef[(self.output, j)];
        let width = if self.scale > 0.0 { 50.0 * value.abs() / self.scale } else { 0.0 };
        let side = if value < 0.0 { 'm' } else { 'p' };
        let name = self.report.outcome.fitted.names.get(j).map_or("", String::as_str);
        let shown = if self.standardised {
            format!(
                "<td class=\"n\" title=\"{value}\">{}</td><td class=\"n\" title=\"{coef}\">{}</td>",
                digits.show(value),
                significant(coef, 5)
            )
        } else {
            format!("<td class=\"n\" title=\"{coef}\">{}</td>", significant(coef, 5))
        };
        format!(
            "<tr><th scope=\"row\" class=\"name\">{}</th>\
             <td class=\"bar\"><i><u class=\"{side}\" style=\"width:{width:.1}%\"></u></i></td>{shown}</tr>\n",
            Text(name)
        )
    }
}

/// Rank, iterations and the like, as the model tells them.
fn other_facts(report: &Report) -> Option<String> {
    let more = &report.outcome.facts.more;
    let fact = |(name, value): &(&'static str, serde_json::Value)| {
        let value = value
            .as_f64()
            .filter(|v| v.fract() != 0.0)
            .map(|v| significant(v, 5))
            .unwrap_or_else(|| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let shown: String = value.chars().take(200).collect();
        let cut = if shown.len() < value.len() { "…" } else { "" };
        format!("{}: <code>{}{cut}</code>", Text(name), Text(&shown))
    };
    let facts: Vec<String> = more.iter().map(fact).collect();
    (!facts.is_empty()).then(|| format!("<p class=\"note\">{}</p>\n", facts.join(", ")))
}
