//! `clean`: what pandas makes of the same table, what holds for any table, and rows that are not in memory.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipefit::diag::{Code, Diagnostic, Silent};
use pipefit::graph::{self, Graph};
use pipefit::job::{self, Loaded};
use pipefit::source::formats::{Format, ReadOptions, read};
use pipefit::source::{files_matching, keys, open_parquet};
use pipefit::table::{Column, Data, Facts, Kind, Levels, RUN_ROWS, Scan, Schema, Table, fingerprint, gather};
use pipefit::{artifact, clean, plan, run};
use serde_json::Value;

use crate::fuzz::mutation::Dice;

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path)
}

/// The graph of a file with these operations.
fn graph_of(operations: &str) -> Result<Graph, Vec<Diagnostic>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clean.yaml");
    let head = "version: 1\nname: clean\nsource: {key: k}\ntarget: y\nmodel: Ridge\n";
    std::fs::write(&file, format!("{head}clean: {operations}\n")).unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    graph.ok_or(problems)
}

fn cleaned(operations: &str, data: &Data) -> Result<clean::Cleaned, Diagnostic> {
    let graph = graph_of(operations).unwrap_or_else(|problems| panic!("{operations}: {problems:?}"));
    clean::clean(&clean::bind(&graph.clean, data.schema())?, data)
}

fn csv(text: &str) -> Data {
    read(text.as_bytes(), Format::Csv, "t.csv", &ReadOptions::default()).unwrap().table.into()
}

/// The rows of the data that are left, from 0.
fn rows(data: &Data) -> Vec<usize> {
    (0..data.rows()).map(|row| data.row_number(row) - 1).collect()
}

/// A cell as pandas' answer has it.
fn is_cell(column: &Column, kind: Kind, row: usize, expected: &Value) -> bool {
    match column {
        Column::Number(values) if values[row].is_nan() => expected.is_null(),
        Column::Number(values) if kind == Kind::Bool => expected.as_bool() == Some(values[row] == 1.0),
        Column::Number(values) => expected.as_f64() == Some(values[row]),
        Column::Codes { codes, levels } => expected.as_str() == levels.label(codes[row]),
    }
}

/// Rows and cells are those of pandas, for every operation and every expression.
#[test]
fn pandas_says_the_same() {
    let document: Value =
        serde_json::from_str(&std::fs::read_to_string(golden("cleaning.json")).unwrap()).unwrap();
    let mut count = 0;
    for table in document["tables"].as_array().unwrap() {
        let name = table["table"].as_str().unwrap();
        let text = std::fs::read_to_string(golden("cleaning").join(name)).unwrap();
        let data = csv(&text);
        for case in table["cases"].as_array().unwrap() {
            let operations = match case.get("query") {
                Some(query) => format!("[{{query: {query}}}]"),
                None => format!("[{}]", case["operation"]),
            };
            let what = format!("{name}: {operations}");
            let expected: Vec<usize> = serde_json::from_value(case["rows"].clone()).unwrap();
            let cleaned = match cleaned(&operations, &data) {
                Ok(cleaned) => cleaned,
                Err(error) => {
                    assert!(expected.is_empty() && error.code() == Code::EmptyData, "{what}: {error}");
                    continue;
                }
            };
            assert_eq!(rows(&cleaned.data), expected, "{what}");
            let dropped: usize = cleaned.dropped.iter().flatten().sum();
            assert_eq!(dropped, data.rows() - expected.len(), "{what}");
            let after = cleaned.data.table().unwrap();
            for (field, column) in after.fields() {
                let Some(columns) = case.get("columns") else { continue };
                let cells =
                    columns[&field.name].as_array().unwrap_or_else(|| panic!("{what}: {}", field.name));
                let other = (0..after.rows()).find(|row| !is_cell(column, field.kind, *row, &cells[*row]));
                assert_eq!(other, None, "{what}: column `{}` differs", field.name);
            }
            count += 1;
        }
    }
    assert!(count > 200, "{count}");
    println!("{count} answers of pandas");
}

/// A random table of few values, so that rows repeat; `many` rows of them.
fn table(dice: &mut Dice, many: usize) -> Data {
    let mut text = String::from("x,z,s,b,y\n");
    for row in 0..many {
        let x = *dice.pick(&["", "0", "-0", "1", "2.5", "-7", "900"]);
        let z = *dice.pick(&["1", "2", "", "3"]);
        let s = *dice.pick(&["", "red", "green", "blue", "ünknown"]);
        let b = *dice.pick(&["True", "False", ""]);
        writeln!(text, "{x},{z},{s},{b},{}", row % 3).unwrap();
    }
    csv(&text)
}

const OPERATIONS: &[&str] = &[
    "drop_duplicates",
    "{drop_duplicates: {subset: [x, s], keep: last}}",
    "{drop_duplicates: {subset: x, keep: false}}",
    "{dropna: {thresh: 4}}",
    "{dropna: {subset: [s]}}",
    "{fillna: {x: 3, s: none, b: true}}",
    "{clip: {lower: -1, upper: 2}}",
    "{query: \"x > 0 or s in ['red'] and not b\"}",
    "{query: \"y != 1 and (s.isnull() or s < 'c')\"}",
    "{astype: {z: category, b: number}}",
    "{replace: {s: {red: green, blue: null}}}",
    "{replace: {to_replace: 900, value: null}}",
];

fn same(one: &Data, other: &Data, what: &str) {
    let (one_table, other_table) = (one.table().unwrap(), other.table().unwrap());
    assert_eq!(one.schema(), other.schema(), "{what}");
    assert_eq!(fingerprint(one_table), fingerprint(other_table), "{what}");
    for place in 0..one.width() {
        assert_eq!(one.levels(place), other.levels(place), "{what}");
    }
}

/// Done twice, an operation does nothing more; those on columns leave all rows, those on rows no cell changed; two after each
/// other are the list of both.
#[test]
fn laws_of_the_operations() {
    let mut dice = Dice::new(7);
    for round in 0..60 {
        let many = 2 + dice.below(40);
        let data = table(&mut dice, many);
        for operation in OPERATIONS {
            let what = format!("round {round}: {operation}");
            let once = match cleaned(&format!("[{operation}]"), &data) {
                Ok(once) => once.data,
                // A column of nothing is a number, whatever its name.
                Err(error) => {
                    assert!(matches!(error.code(), Code::EmptyData | Code::BadCell), "{what}: {error}");
                    continue;
                }
            };
            // Red becomes green by `replace`, and there is no red any more.
            let twice = cleaned(&format!("[{operation}]"), &once).unwrap().data;
            same(&once, &twice, &what);
            let both = cleaned(&format!("[{operation}, {operation}]"), &data).unwrap().data;
            same(&once, &both, &what);
            assert_eq!(rows(&once), rows(&both), "{what}");
        }
        let (first, second) = (*dice.pick(OPERATIONS), *dice.pick(OPERATIONS));
        let what = format!("round {round}: {first}, {second}");
        let Ok(one) = cleaned(&format!("[{first}]"), &data) else { continue };
        match (cleaned(&format!("[{second}]"), &one.data), cleaned(&format!("[{first}, {second}]"), &data)) {
            (Ok(apart), Ok(list)) => same(&apart.data, &list.data, &what),
            (Err(apart), Err(list)) => assert_eq!(apart.code(), list.code(), "{what}"),
            (apart, list) => panic!("{what}: {:?} and {:?}", apart.err(), list.err()),
        }
    }
}

/// A table that says it is not in memory.
struct Elsewhere(Table);

impl Scan for Elsewhere {
    fn schema(&self) -> &Arc<Schema> {
        self.0.schema()
    }

    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn unit(&self, i: usize) -> pipefit::diag::Result<Table> {
        self.0.unit(i)
    }

    fn whole(&self) -> Option<&Table> {
        None
    }

    fn select(&self, places: &[usize]) -> Arc<dyn Scan> {
        let names = places.iter().map(|place| self.0.schema().fields()[*place].name.as_str());
        Arc::new(Self(self.0.select(names).unwrap()))
    }

    fn levels(&self, place: usize) -> Option<&Arc<Levels>> {
        Scan::levels(&self.0, place)
    }
}

fn elsewhere(data: &Data) -> Data {
    let table = data.table().unwrap().clone();
    let facts = table.columns().iter().map(|column| Facts::of(column, 0)).collect();
    Data::streamed(Arc::new(Elsewhere(table)), facts)
}

/// Rows that are read in units are cleaned to the same bits, whichever columns are asked for and in whatever order.
#[test]
fn rows_that_are_not_in_memory_are_cleaned_alike() {
    let mut dice = Dice::new(11);
    let data = table(&mut dice, 3 * RUN_ROWS + 1000);
    let local: Vec<&str> = OPERATIONS
        .iter()
        .copied()
        .filter(|text| !text.contains("drop_dup") && !text.contains("astype"))
        .collect();
    let lists = [
        local.join(", "),
        "{astype: {b: category, s: category}}".to_owned(),
        "{replace: {s: {red: '1', green: '2', blue: '3', ünknown: null}}}, {astype: {s: number}}".to_owned(),
        // The second unit has no row left.
        "{query: \"x < -5 or z == 3\"}, {rename: {x: z, z: x}}, {fillna: {x: 5}}".to_owned(),
        "{query: \"x > 800 and z > 2 and s == 'red' and b\"}".to_owned(),
    ];
    for list in lists {
        let whole = cleaned(&format!("[{list}]"), &data).unwrap();
        let parts = cleaned(&format!("[{list}]"), &elsewhere(&data)).unwrap();
        assert!(parts.data.is_streamed());
        assert_eq!(whole.dropped, parts.dropped, "{list}");
        assert_eq!(whole.data.facts(), parts.data.facts(), "{list}");
        assert_eq!(whole.data.units(), parts.data.units(), "{list}");
        for row in [0, 1, whole.data.rows() / 2, whole.data.rows() - 1] {
            let number = whole.data.row_number(row);
            assert_eq!(number, parts.data.row_number(row), "{list}");
            assert_eq!(parts.data.row_with_number(number), Some(row), "{list}");
        }
        for places in [vec![0, 1, 2, 3, 4], vec![3], vec![2, 0]] {
            let (whole, parts) = (whole.data.select(&places), parts.data.select(&places));
            // Some units are read before, out of order.
            for unit in [parts.units() - 1, 0, 0] {
                let (one, other) = (whole.scan().unit(unit).unwrap(), parts.scan().unit(unit).unwrap());
                assert_eq!(fingerprint(&one), fingerprint(&other), "{list}, unit {unit}");
            }
            let all = gather(parts.scan(), true, |unit| Ok((parts.scan().unit(unit)?, ())), |()| {}).unwrap();
            assert_eq!(fingerprint(&all), fingerprint(whole.table().unwrap()), "{list}");
            same(&whole, &parts, &list);
        }
    }
}

/// What needs all rows is refused where they are not in memory; an error names the row of the data.
#[test]
fn what_cannot_be_done_is_told() {
    let data = csv("x,s,y\n1,a,1\n,b,2\n3,7,3\n4,x,4\n");
    let told = |operations: &str, data: &Data| {
        let error = cleaned(operations, data).err().expect(operations);
        assert!(error.place().is_some() && error.advice().is_some(), "{error}");
        (error.code(), error.message().to_owned())
    };
    let says = |operations: &str, code: Code, words: &str| {
        for data in [data.clone(), elsewhere(&data)] {
            let (found, message) = told(operations, &data);
            assert_eq!(found, code, "{message}");
            assert!(message.contains(words), "{message}, and should say {words}");
        }
    };
    says("[{dropna: {subset: [z]}}]", Code::MissingColumn, "no column `z`");
    says("[{query: \"x > 1 and Y < 2\"}]", Code::MissingColumn, "no column `Y`");
    says("[{rename: {x: z}}, {query: \"x > 1\"}]", Code::MissingColumn, "no column `x`");
    says("[{rename: {x: s}}]", Code::UnreadableValue, "a column `s` already");
    says("[{query: \"s > 1\"}]", Code::BadCell, "a category with a number");
    says("[{query: \"x > 100\"}]", Code::EmptyData, "`query` leaves none of 4 rows");
    says("[{fillna: {x: zero}}]", Code::BadCell, "column `x` is number, and the text `zero` is not");
    says("[{fillna: none}]", Code::BadCell, "column `x` is number and missing in row 2");
    says("[{replace: {x: {one: 1}}}]", Code::BadCell, "has no `one`");
    says("[{clip: {lower: 0, columns: [s]}}]", Code::BadCell, "column `s` is category");
    // The first two rows are gone, and the third is still the third.
    says(
        "[{query: \"y > 2\"}, {astype: {s: number}}]",
        Code::BadCell,
        "column `s`, row 4: `x` is not a number",
    );
    let parts = elsewhere(&data);
    assert_eq!(told("[drop_duplicates]", &parts).0, Code::NotSupported);
    assert_eq!(told("[{astype: {x: category}}]", &parts).0, Code::NotSupported);
}

/// Parquet files that stay where they are give the same model, to the bit, as the same rows in memory.
#[test]
fn parquet_files_that_stay_where_they_are_are_cleaned() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    let parts = golden("data/parquet/part-*.parquet");
    let text = format!(
        "version: 1\nname: m\nsource: {{file: \"{}\"}}\ntarget: amount\n\
         clean: [{{dropna: {{subset: [x]}}}}, {{query: \"n > 20 and w not in ['w2', 'w5']\"}}, {{rename: {{n: amount}}}}, \
         {{fillna: {{w: none}}}}, {{clip: {{upper: 3, columns: [x]}}}}]\n\
         expect: {{rows: {{min: 50}}, columns: {{x: {{max: 3, max_missing: 0}}, w: {{regex: 'w\\d|none'}}, amount: {{min: 21}}}}}}\n\
         preprocess: {{num: {{columns: [x], steps: [StandardScaler]}}, cat: {{columns: [w], steps: [OneHotEncoder]}}}}\n\
         model: Ridge\ncv: {{KFold: {{n_splits: 3, shuffle: true}}}}\n",
        parts.display()
    );
    std::fs::write(&file, text).unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    let graph = graph.unwrap_or_else(|| panic!("{problems:?}"));
    let learned = |loaded: Loaded, streamed: bool| {
        let prepared = job::prepare(&graph, loaded).unwrap();
        assert_eq!(prepared.loaded.table.is_streamed(), streamed);
        let dropped: Vec<Option<usize>> = prepared.dropped.iter().map(|dropped| dropped.rows).collect();
        assert!(dropped[0] > Some(10) && dropped[1] > Some(10) && dropped[2].is_none(), "{dropped:?}");
        let bound = prepared.bind(&graph).unwrap();
        let (outcome, _) = run::run(&bound, &plan::plan(&bound, None).unwrap(), &Silent).unwrap();
        assert_eq!(bound.x.is_streamed(), streamed, "the rows were read into memory");
        let scores: Vec<u64> =
            outcome.folds.iter().flat_map(|fold| &fold.scores).map(|score| score.to_bits()).collect();
        (prepared.loaded.fingerprint, dropped, scores, artifact::write(&bound, &outcome).unwrap())
    };
    let (_, keys) = keys::open("mem:", Path::new("")).unwrap();
    let whole = learned(job::load(&graph, &*keys, &Silent).unwrap(), false);
    let scan = open_parquet(&files_matching(&parts).unwrap(), &ReadOptions::default()).unwrap();
    assert_eq!(learned(Loaded::streamed(scan).unwrap(), true), whole);
    let read = artifact::read(&whole.3).unwrap();
    let ways: Vec<(&str, usize)> =
        read.manifest.clean.iter().map(|lane| (lane.name.as_str(), lane.edits.len())).collect();
    assert_eq!(ways, [("x", 1), ("w", 1)]);
}
