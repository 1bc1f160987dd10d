//! A pipeline run in this process, on a table made here.

use pipefit::diag::Silent;
use pipefit::plan::Path;
use pipefit::run::Outcome;
use pipefit::table::{Column, Data, Field, Kind, Schema, Table};
use pipefit::{graph, plan, run};

/// Names and values; the target is called `y`.
pub type Columns = Vec<(String, Vec<f64>)>;

/// What the file's lines from `preprocess` on make of the columns, on this path, or on the one that is planned.
pub fn outcome(lines: &str, columns: &Columns, path: Option<Path>) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("direct.yaml");
    let head = "version: 1\nname: direct\nsource: {key: table}\ntarget: y\n";
    std::fs::write(&file, format!("{head}{lines}\n")).unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    let graph = graph.unwrap_or_else(|| panic!("{problems:?}"));
    let field = |(name, _): &(String, _)| Field { name: name.clone(), kind: Kind::Number };
    let schema = Schema::new(columns.iter().map(field).collect());
    let values = columns.iter().map(|(_, values)| Column::Number(values.clone().into()));
    let data = Data::from(Table::new(schema, values.collect()).unwrap());
    let bound = plan::bind(&graph, &data).unwrap();
    let plan = plan::plan(&bound, path).unwrap();
    run::run(&bound, &plan, &Silent).unwrap().0
}

/// Both paths, by name.
pub const PATHS: [(&str, Option<Path>); 2] =
    [("two-pass", Some(Path::TwoPass)), ("general", Some(Path::General))];
