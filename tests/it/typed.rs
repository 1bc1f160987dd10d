//! What the tests of formats with types have in common: the goldens of pandas, and what is told of columns.

use std::path::Path;

use pipefit::diag::{Code, Diagnostic};
use pipefit::source::formats::Read;
use pipefit::table::{Column, Kind, Table};
use serde_json::Value;

/// A cell as the golden has it.
fn cell(column: &Column, row: usize) -> Value {
    match column {
        Column::Number(values) if values[row].is_nan() => Value::Null,
        Column::Number(values) => values[row].into(),
        Column::Codes { codes, levels } => levels.label(codes[row]).into(),
    }
}

/// Holds the tables in some files to what pandas reads from them; more than `least` of them.
pub fn as_pandas(golden: &str, least: usize, read: impl Fn(&[&str]) -> Table) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    let text = std::fs::read_to_string(path).expect("the golden is committed");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    assert!(cases.len() > least);
    for case in cases {
        let names: Vec<&str> =
            case["files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let table = read(&names);
        let columns = case["columns"].as_array().unwrap();
        assert_eq!(table.columns().len(), columns.len(), "{names:?}");
        for ((field, column), expected) in table.fields().zip(columns) {
            assert_eq!(field.name, expected["name"], "{names:?}");
            let kind = if field.kind == Kind::Bool { Kind::Number } else { field.kind };
            assert_eq!(kind.name(), expected["kind"], "{names:?} {}", field.name);
            let cells: Vec<Value> = (0..table.rows()).map(|row| cell(column, row)).collect();
            assert_eq!(Value::from(cells), expected["cells"], "{names:?} {}", field.name);
        }
    }
}

/// Holds what is told of numbers that a float cannot hold to the column and row, after the words `before`.
pub fn tells_what_is_beyond(read: &Read, before: &str) {
    let told: Vec<(&str, usize, &str)> =
        read.suspects.iter().map(|s| (s.column.as_str(), s.row, s.error.message())).collect();
    let beyond = |column: &str, row: usize, text: &str| {
        format!(
            "{before}column `{column}`, row {row}: `{text}` is an integer beyond 2^53, which a float cannot hold"
        )
    };
    assert_eq!(
        told,
        [
            ("a", 3, &*format!("{before}column `a`, row 3: `inf` is infinite")),
            ("b", 2, &*beyond("b", 2, "9007199254740993")),
            ("c", 1, &*beyond("c", 1, "1152921504606846976")),
        ]
    );
}

/// Holds the errors for columns of types that are not read to what they hold; these, and those that all formats have.
pub fn names_what_is_not_read(more: &[(&str, &str)], error: impl Fn(&str) -> Diagnostic) {
    let all =
        [("time", "times"), ("binary", "bytes"), ("list", "lists"), ("struct", "structs"), ("map", "maps")];
    for (column, what) in all.iter().chain(more) {
        let error = error(column);
        assert_eq!(error.code(), Code::UnreadableValue, "{column}");
        assert_eq!(error.message(), format!("column `{column}` holds {what}, which are not read"));
        assert!(error.advice().unwrap().contains("source.columns"), "{column}");
    }
}
