//! The candidates of a search: the best in a table, and one parameter as a curve.

use super::axis::Axis;
use super::text::Text;
use super::{scrolling, section as framed};
use crate::graph::Candidate;
use crate::report::Report;
use crate::report::digits::{Digits, count, counted, significant};
use crate::report::search::{Curve, OPTIMISTIC, Search};
use crate::run::Tried;

/// The curve's rectangle, within a picture of 480 x 280.
const LEFT: f64 = 62.0;
const TOP: f64 = 8.0;
const WIDTH: f64 = 406.0;
const HEIGHT: f64 = 216.0;

/// Table and curve; nothing without a search.
pub fn section(report: &Report) -> String {
    let Some(search) = Search::of(report) else { return String::new() };
    let metric = report.outcome.scores.first().map_or("", |scores| scores.metric.name);
    let ranked = search.ranked();
    let shown = if ranked.len() < search.len() {
        format!("The best {} of {} are shown.", ranked.len(), counted(search.len(), "candidate"))
    } else {
        format!("{}.", counted(search.len(), "candidate"))
    };
    let table = table(&search, &ranked, metric);
    let curve = search.curve().map_or_else(String::new, |curve| plot(&curve, metric));
    let body = format!(
        "<p class=\"note\">{shown} The mean of {} decides. {OPTIMISTIC}</p>\n<div class=\"side\">\n{}\n{curve}</div>",
        Text(metric),
        scrolling("the candidates of the search", " tall", &table),
    );
    framed("search", "Search", &body)
}

fn table(search: &Search, ranked: &[(&Candidate, &Tried)], metric: &str) -> String {
    let addresses = search.addresses();
    let numbers = ranked.iter().flat_map(|(_, tried)| [tried.mean, tried.std]).flatten();
    let digits = Digits::of(numbers, 5);
    let cell = |number: Option<f64>| match number {
        Some(number) => format!("<td class=\"n\" title=\"{number}\">{}</td>", digits.show(number)),
        None => "<td class=\"n\">none</td>".to_owned(),
    };
    let heads =
        addresses.iter().map(|address| format!("<th scope=\"col\" class=\"name\">{}</th>", Text(address)));
    let row = |(candidate, tried): &(&Candidate, &Tried)| {
        let value = |address: &&str| {
            let found = candidate.params.iter().find(|(own, _)| own == address);
            let text = found.map_or_else(String::new, |(_, value)| match value.number() {
                Some(number) if number.fract() != 0.0 => significant(number, 5),
                _ => crate::diag::without_passwords(&value.to_string()).into_owned(),
            });
            format!("<td>{}</td>", Text(&text))
        };
        let values: String = addresses.iter().map(value).collect();
        format!(
            "<tr><th scope=\"row\" class=\"n\">{}</th>{values}{}{}</tr>\n",
            count(tried.rank),
            cell(tried.mean),
            cell(tried.std)
        )
    };
    format!(
        "<table>\n<thead><tr><th scope=\"col\">rank</th>{}<th scope=\"col\" class=\"n\">{}</th>\
         <th scope=\"col\" class=\"n\">deviation</th></tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
        heads.collect::<String>(),
        Text(metric),
        ranked.iter().map(row).collect::<String>()
    )
}

/// The best mean score at each value of a parameter.
fn plot(curve: &Curve, metric: &str) -> String {
    let along = |value: f64| if curve.powers { value.log10() } else { value };
    let (xs, ys) = (
        Axis::around(curve.points.iter().map(|(value, _)| along(*value))),
        Axis::around(curve.points.iter().map(|(_, mean)| *mean)),
    );
    let x = |value: f64| LEFT + WIDTH * xs.place(value);
    let y = |mean: f64| TOP + HEIGHT * (1.0 - ys.place(mean));
    let line: Vec<String> =
        curve.points.iter().map(|(value, mean)| format!("{:.1} {:.1}", x(along(*value)), y(*mean))).collect();
    let dots = curve.points.iter().map(|(value, mean)| {
        format!(
            "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\"><title>{}: {}</title></circle>\n",
            x(along(*value)),
            y(*mean),
            significant(*value, 5),
            significant(*mean, 5)
        )
    });
    let (right, bottom) = (LEFT + WIDTH, TOP + HEIGHT);
    let label = |(mark, label): &(f64, String)| if curve.powers { power(*mark) } else { label.clone() };
    let below = xs.marks().into_iter().filter(|(mark, _)| !curve.powers || mark.fract() == 0.0).map(|mark| {
        let at = x(mark.0);
        format!(
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            bottom + 18.0,
            label(&mark)
        )
    });
    let beside = ys.marks().into_iter().map(|(mark, label)| {
        let at = y(mark);
        format!(
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
            LEFT - 7.0,
            at + 4.0
        )
    });
    format!(
        "<figure>\n<svg class=\"plot\" role=\"img\" aria-label=\"best mean {metric} at each value of {address}\" \
         viewBox=\"0 0 480 280\">\n{}{}<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\n\
         <path class=\"curve\" d=\"M{}\"/>\n{}<text x=\"{}\" y=\"268\" text-anchor=\"middle\">{address}</text>\n</svg>\n\
         <figcaption class=\"note\">The best mean of {metric} at each value.</figcaption>\n</figure>\n",
        below.collect::<String>(),
        beside.collect::<String>(),
        line.join("L"),
        dots.collect::<String>(),
        LEFT + WIDTH / 2.0,
        metric = Text(metric),
        address = Text(curve.address),
    )
}

/// A power of ten as an axis has it.
fn power(exponent: f64) -> String {
    if (-3.0..=4.0).contains(&exponent) {
        format!("{}", 10f64.powf(exponent))
    } else {
        format!("1e{exponent}")
    }
}
