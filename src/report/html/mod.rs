//! The report as one self-contained html file: no script, no request, nothing that is not in it.

mod axis;
mod coefficients;
mod confusion;
mod dot_strip;
mod facts;
mod flow;
mod heading;
mod origin;
mod plan;
mod promotion;
mod scatter;
mod scores;
mod search;
mod text;
mod warnings;

use self::text::Text;
use super::Report;
use super::out_of_fold::OutOfFold;

const STYLE: &str = include_str!("style.css");

/// A scatter plot shows at most so many rows.
const MOST_POINTS: usize = 1_500;

/// The report as html.
pub fn html(report: &Report) -> String {
    let sections = [
        heading::header(report),
        "<main>\n".to_owned(),
        facts::section(report),
        flow::section(report),
        scores::section(report),
        promotion::section(report),
        search::section(report),
        predictions(report),
        coefficients::section(report),
        plan::section(report),
        warnings::section(report),
        origin::section(report),
        origin::repeat(report),
        "</main>\n".to_owned(),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"pipefit {version}\">\n\
         <title>{name}: pipefit report</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}\
         <footer>Written by pipefit {version}.</footer>\n</body>\n</html>\n",
        version = env!("CARGO_PKG_VERSION"),
        name = Text(&report.bound.graph.name),
        body = sections.concat(),
    )
}

/// What the folds' models said of the rows that they had not seen.
fn predictions(report: &Report) -> String {
    match OutOfFold::of(report, MOST_POINTS) {
        None => String::new(),
        Some(OutOfFold::Values(pairs)) => scatter::section(&pairs),
        Some(OutOfFold::Classes(confusion)) => confusion::section(&confusion, report.bound.weight.is_some()),
    }
}

/// A section with its heading; the heading names it.
fn section(id: &str, heading: &str, body: &str) -> String {
    format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-heading\">\n\
         <h2 id=\"{id}-heading\">{heading}</h2>\n{body}\n</section>\n"
    )
}

/// What may be wider than a phone, in a frame of its own that scrolls, also from the keyboard.
fn scrolling(label: &str, more: &str, body: &str) -> String {
    format!(
        "<div class=\"scroll{more}\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">\n{body}</div>",
        Text(label)
    )
}
