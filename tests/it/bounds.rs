//! Tables and files at the edge of what a plan is made for: what is chosen, and what is refused.

use std::fmt::Write;
use std::path::Path;

use pipefit::diag::{Diagnostic, Silent};
use pipefit::graph::Graph;
use pipefit::source::keys;
use pipefit::table::Data;
use pipefit::{graph, job, plan};

fn checked(text: &str) -> Graph {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bounds.yaml");
    let head = "version: 1\nname: bounds\nsource: {key: table}\ntarget: y\n";
    std::fs::write(&file, format!("{head}{text}\n")).unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    graph.unwrap_or_else(|| panic!("{problems:?}"))
}

fn table(graph: &Graph, csv: &str) -> Data {
    let (_, keys) = keys::open("mem:", Path::new("")).unwrap();
    keys.write("table", csv.as_bytes()).unwrap();
    job::load(graph, &*keys, &Silent).unwrap().table
}

fn planned(text: &str, csv: &str) -> (plan::Path, String) {
    let graph = checked(text);
    let table = table(&graph, csv);
    let plan = plan::plan(&plan::bind(&graph, &table).unwrap(), None).unwrap();
    (plan.path, plan.reason)
}

fn refused(text: &str, csv: &str) -> Diagnostic {
    let graph = checked(text);
    let table = table(&graph, csv);
    plan::bind(&graph, &table).err().expect("an error")
}

/// `rows` rows of numbers that differ, and a target `y`.
fn numbers(rows: usize, columns: usize) -> String {
    let mut csv: String = (0..columns).fold(String::new(), |mut text, j| {
        write!(text, "c{j},").unwrap();
        text
    });
    csv.push_str("y\n");
    for i in 0..rows {
        (0..=columns).for_each(|j| {
            write!(csv, "{}{}", if j > 0 { "," } else { "" }, (i * 31 + j * 17) % 101).unwrap()
        });
        csv.push('\n');
    }
    csv
}

/// The moments of a table of 20,000 columns would take 120 GiB, and the process was killed for want
/// of memory; looking each column up in a list took ten seconds besides.
#[test]
fn a_wide_table_is_fitted_from_its_rows() {
    let (path, reason) = planned("model: Ridge\ncv: 3", &numbers(6, 20_000));
    assert_eq!(path, plan::Path::General);
    assert!(reason.contains("the moments of all columns"), "{reason}");
    assert_eq!(planned("model: Ridge\ncv: 3", &numbers(60, 20)).0, plan::Path::TwoPass);
}

/// The two-pass path numbers the folds with 16 bits, and fold 65,536 was taken for fold 0: its test
/// rows were among its training rows.
#[test]
fn more_folds_than_can_be_numbered_are_fitted_from_rows() {
    let csv = numbers(65_540, 1);
    let (path, reason) = planned("model: Ridge\ncv: 65540\nscoring: neg_mean_squared_error", &csv);
    assert_eq!((path, reason.as_str()), (plan::Path::General, "65540 folds are more than 65535"));
    assert_eq!(planned("model: Ridge\ncv: 500", &csv).0, plan::Path::TwoPass);
}

/// scikit-learn says "Unknown label type: continuous"; here every number had become a class.
#[test]
fn a_target_with_fractions_is_no_class_unless_the_file_says_so() {
    let csv = "x,y\n1,0\n2,1.5\n3,0\n4,1.5\n5,0\n6,1.5\n";
    let error = refused("model: LogisticRegression\ncv: 2", csv);
    assert_eq!(error.message(), "target `y` is 1.5 in row 2: not a class");
    planned("model: LogisticRegression\ncv: 2\nschema: {y: category}", csv);
    planned("model: LogisticRegression\ncv: 2", &csv.replace("1.5", "1.0"));
}
