//! The coefficients of a linear model as bars.

use super::text::{Name, Text};
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

/// A row a feature, a bar an output.
pub fn section(report: &Report) -> String {
    let more = other_facts(report);
    let Some(coef) = report.outcome.facts.coef.as_ref().filter(|coef| coef.columns() > 0) else {
        return if more.is_empty() { more } else { framed("model", "Model", &more) };
    };
    let influence = Influence::of(report);
    let (values, order) = match &influence {
        Some(Influence { values, order }) => (values, order.clone()),
        None => (coef, largest_first(coef)),
    };
    let most = (MOST_BARS / coef.rows().max(1)).clamp(FEWEST_FEATURES, MOST_FEATURES);
    let features = &order[..order.len().min(most)];
    let outputs = coef.rows().min(MOST_BARS / features.len());
    let shown = features.iter().flat_map(|j| (0..outputs).map(|i| values[(i, *j)]));
    let scale = shown.clone().fold(0.0, |a: f64, v| a.max(v.abs()));
    let digits = Digits::of(shown, 4);
    let bars =
        Bars { report, coef, values, standardised: influence.is_some(), features, outputs, scale, digits };
    framed("coefficients", "Coefficients", &format!("{}{}\n{more}", bars.note(), bars.table()))
}

/// What is drawn.
struct Bars<'a> {
    report: &'a Report<'a>,
    coef: &'a Matrix,
    /// What the bars are as long as: the standardised coefficients, or else the coefficients.
    values: &'a Matrix,
    standardised: bool,
    /// The features shown, in order.
    features: &'a [usize],
    /// How many outputs are shown.
    outputs: usize,
    /// What the longest bar stands for.
    scale: f64,
    digits: Digits,
}

impl Bars<'_> {
    /// What the bars mean, and which are left out.
    fn note(&self) -> String {
        let (all, classes) = (self.coef.columns(), self.coef.rows());
        let mut note = if self.standardised {
            "A bar is what the model's linear form gains when the feature, as the model sees it, grows by one \
             standard deviation: the coefficient times that deviation."
                .to_owned()
        } else {
            "A bar is a coefficient; features of different units do not compare.".to_owned()
        };
        if self.standardised && self.report.bound.x.rows() > MOST_ROWS {
            note.push_str(&format!(
                " The deviations are those of {}, evenly chosen.",
                counted(MOST_ROWS, "row")
            ));
        }
        if self.features.len() < all {
            note.push_str(&format!(
                " The {} largest of {} are shown.",
                self.features.len(),
                counted(all, "feature")
            ));
        } else {
            note.push_str(" The largest come first.");
        }
        if self.outputs < classes {
            note.push_str(&format!(" The first {} of {classes} classes are shown.", self.outputs));
        }
        let others = self.report.published.formats.iter().filter(|format| *format != "html");
        let others: Vec<String> =
            others.map(|format| format!("<code>report.{}</code>", Text(format))).collect();
        if self.standardised && classes > 1 && !others.is_empty() {
            note.push_str(&format!(" The coefficients themselves: {}.", others.join(", ")));
        }
        format!("<p class=\"note\">{note}</p>\n")
    }

    fn table(&self) -> String {
        let titles = (0..self.outputs)
            .map(|i| format!("<th scope=\"colgroup\" colspan=\"2\">{}</th>", Text(&self.title(i))));
        let last = if self.beside() { "<th scope=\"col\" class=\"n\">coefficient</th>" } else { "" };
        let rows: String = self.features.iter().map(|j| self.row(*j)).collect();
        let table = format!(
            "<table class=\"coef{}\" style=\"--k:{}\">\n<thead><tr><th scope=\"col\">feature</th>{}{last}</tr></thead>\n\
             <tbody>\n{rows}</tbody>\n{}</table>\n",
            if self.outputs == 1 { " one" } else { "" },
            self.outputs,
            titles.collect::<String>(),
            self.intercepts()
        );
        scrolling("the coefficients", "", &table)
    }

    /// Whether the coefficient has a column of its own, beside the standardised one.
    fn beside(&self) -> bool {
        self.standardised && self.outputs == 1
    }

    /// What an output is for.
    fn title(&self, output: usize) -> String {
        match self.report.outcome.facts.classes.as_ref().map(|classes| classes.labels()) {
            Some([_, positive]) if self.coef.rows() == 1 => format!("towards {positive}"),
            Some(labels) if self.coef.rows() == labels.len() => format!("towards {}", labels[output]),
            _ if self.coef.rows() > 1 => format!("output {}", output + 1),
            _ if self.standardised => "per standard deviation".to_owned(),
            _ => "coefficient".to_owned(),
        }
    }

    fn row(&self, j: usize) -> String {
        let cells: String = (0..self.outputs).map(|i| self.cells(i, j)).collect();
        let name = self.report.outcome.fitted.names.get(j).map_or("", String::as_str);
        format!("<tr><th scope=\"row\" class=\"name\">{}</th>{cells}</tr>\n", Name(name))
    }

    /// A bar and its number.
    fn cells(&self, output: usize, j: usize) -> String {
        let (value, coef) = (self.values[(output, j)], self.coef[(output, j)]);
        let width = if self.scale > 0.0 { 50.0 * value.abs() / self.scale } else { 0.0 };
        let side = if value < 0.0 { 'm' } else { 'p' };
        let number = if self.standardised { self.digits.show(value) } else { significant(value, 5) };
        let coefficient = if self.beside() {
            format!("<td class=\"n\" title=\"{coef}\">{}</td>", significant(coef, 5))
        } else {
            String::new()
        };
        format!(
            "<td class=\"bar\"><i><u class=\"{side}\" style=\"width:{width:.1}%\"></u></i></td>\
             <td class=\"n\" title=\"{value}\">{number}</td>{coefficient}"
        )
    }

    fn intercepts(&self) -> String {
        let Some(intercept) = &self.report.outcome.facts.intercept else { return String::new() };
        let cell = |value: &f64| {
            let before = if self.beside() { 2 } else { 1 };
            let shown = significant(*value, 5);
            format!("<td colspan=\"{before}\"></td><td class=\"n\" title=\"{value}\">{shown}</td>")
        };
        let cells: String = intercept.iter().take(self.outputs).map(cell).collect();
        format!("<tfoot><tr><th scope=\"row\">intercept</th>{cells}</tr></tfoot>\n")
    }
}

/// Rank, iterations and the like, as the model tells them.
fn other_facts(report: &Report) -> String {
    /// A fact can be a list as long as there are classes.
    const MOST_CHARACTERS: usize = 200;
    let fact = |(name, value): &(&'static str, serde_json::Value)| {
        let value = match (value.as_f64(), value.as_str()) {
            (Some(number), _) if number.fract() != 0.0 => significant(number, 5),
            (_, Some(text)) => text.to_owned(),
            _ => value.to_string(),
        };
        let shown: String = value.chars().take(MOST_CHARACTERS).collect();
        let cut = if shown.len() < value.len() { "…" } else { "" };
        format!("{}: <code>{}{cut}</code>", Text(name), Text(&shown))
    };
    let facts: Vec<String> = report.outcome.facts.more.iter().map(fact).collect();
    if facts.is_empty() { String::new() } else { format!("<p class=\"note\">{}</p>\n", facts.join(", ")) }
}
