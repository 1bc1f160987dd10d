//! What is worth knowing.

use super::text::{Message, Text};
use crate::diag::{Diagnostic, Place};
use crate::report::Report;

/// Every warning with its code, its place and its advice; nothing where there is none.
pub fn section(report: &Report) -> String {
    let warnings: String = report.all_warnings().map(warning).collect();
    if warnings.is_empty() {
        return warnings;
    }
    format!(
        "<section id=\"warnings\" class=\"warnings\" aria-labelledby=\"warnings-heading\">\n\
         <h2 id=\"warnings-heading\">Warnings</h2>\n<ul class=\"list\">\n{warnings}</ul>\n</section>\n"
    )
}

fn warning(warning: &Diagnostic) -> String {
    let code = warning.code();
    let advice = warning.advice().map_or_else(String::new, |advice| format!("<p>{}</p>", Message(advice)));
    let place = place(warning).map_or_else(String::new, |place| {
        format!("<p class=\"note\"><code>{}</code></p>", Text(&crate::diag::without_passwords(&place)))
    });
    format!(
        "<li><p><b title=\"{}\">{}</b>{}</p>{advice}{place}</li>\n",
        Text(code.title()),
        code.id(),
        Message(warning.message())
    )
}

/// Where it is, as `file:line:column`.
fn place(warning: &Diagnostic) -> Option<String> {
    match warning.place()? {
        Place::Span(span) => {
            let (line, column) = span.line_column();
            Some(format!("{}:{line}:{column}", span.source.name))
        }
        Place::File { name, line, column } => {
            let numbers: String =
                [*line, line.and(*column)].iter().flatten().map(|n| format!(":{n}")).collect();
            Some(format!("{name}{numbers}"))
        }
    }
}
