//! Diagnostics as JSON, the form in which `--json` prints them.

use serde_json::{Value, json};

use super::{Diagnostic, Place, Severity, without_passwords};

/// `{"code", "severity", "message", "help", "file", "line", "column"}`, null where unknown. Lines
/// and columns count from 1.
pub fn to_json(diagnostic: &Diagnostic) -> Value {
    let (file, line, column) = match diagnostic.place() {
        Some(Place::Span(span)) => {
            let (line, column) = span.line_column();
            (Some(span.source.name.as_str()), Some(line), Some(column))
        }
        Some(Place::File { name, line, column }) => (Some(name.as_str()), *line, *column),
        None => (None, None, None),
    };
    json!({
        "code": diagnostic.code().id(),
        "severity": match diagnostic.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": without_passwords(diagnostic.message()),
        "help": diagnostic.advice().map(without_passwords),
        "file": file.map(without_passwords),
        "line": line,
        "column": column,
    })
}

#[cfg(test)]
mod tests {
    use super::to_json;
    use crate::diag::{Code, Source, Span};

    #[test]
    fn every_field_is_there_and_null_where_unknown() {
        let span = Span { source: Source::new("a.yaml", "x: 1\ny: 2\n"), start: 8, end: 9 };
        let full = Code::BadValue.error("no redis://:pw@h").at(&span).help("yes");
        let expected = r#"{"code":"E0205","severity":"error","message":"no redis://:**@h","help":"yes","file":"a.yaml","line":2,"column":4}"#;
        assert_eq!(to_json(&full).to_string(), expected);
        let bare = Code::WarnData.warning("odd");
        let expected = r#"{"code":"W0010","severity":"warning","message":"odd","help":null,"file":null,"line":null,"column":null}"#;
        assert_eq!(to_json(&bare).to_string(), expected);
    }
}
