//! Datetimes: the features that skrub makes of them (tests/golden/datetimes.json), and a pipeline that learns from them.

use std::path::Path;

use pipefit::contract::{Block, Frame, Rng, Train, Value};
use pipefit::diag::{Code, Diagnostic, Silent};
use pipefit::predict::{Options, predict};
use pipefit::source::formats::{Format, ReadOptions, read, write};
use pipefit::source::keys;
use pipefit::table::{Column, Kind, Rows, Table, parse_datetime};
use pipefit::{artifact, clean, graph, job, plan, run, steps};
use serde_json::Value as Json;

use crate::command::Place;

#[test]
fn features_are_those_of_skrub() {
    let golden: Json = serde_json::from_str(include_str!("../golden/datetimes.json")).expect("JSON");
    let cases = golden["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 16);
    for case in cases {
        let mut step = steps::named("DatetimeEncoder").expect("the step").make();
        for (name, value) in case["settings"].as_object().expect("settings") {
            let value = match value {
                Json::Bool(value) => Value::Bool(*value),
                Json::String(text) => Value::Text(text.clone()),
                _ => Value::Null,
            };
            assert_eq!(step.set(name, &value), Ok(true), "{name}");
        }
        let texts = case["texts"].as_array().expect("texts");
        let micros = |text: &Json| text.as_str().map_or(f64::NAN, |text| parse_datetime(text).expect(text));
        let values = texts.iter().map(micros).collect();
        let frame = Frame::new(texts.len(), vec![Block::Number { name: "at".into(), values }]);
        let rows = Rows::Range(0..texts.len() as u32);
        let train = Train { x: &frame, y: None, weight: None, rows: &rows };
        let made =
            step.fit(&train, &mut Rng::seeded(0)).and_then(|fitted| fitted.apply(&frame)).expect("features");
        let expected = case["columns"].as_object().expect("columns");
        let names: Vec<String> = made.names().iter().map(|name| name.to_string()).collect();
        assert_eq!(names, expected.keys().cloned().collect::<Vec<_>>(), "{}", case["settings"]);
        for (block, (name, expected)) in made.blocks().iter().zip(expected) {
            let Block::Number { values, .. } = block else { panic!("{name}: no numbers") };
            let own: Vec<Json> = values.iter().map(|value| Json::from(*value)).collect();
            assert_eq!(Json::from(own), *expected, "{name} {}", case["settings"]);
        }
    }
}

/// Visits a day for sixty days, which grow through the week.
fn visits() -> String {
    let rows = (0..60).map(|i| {
        let (month, day) = if i < 31 { (1, i + 1) } else { (2, i - 30) };
        let at = if i == 7 {
            String::new()
        } else {
            format!("2024-{month:02}-{day:02}T{:02}:30:00+02:00", 8 + i % 9)
        };
        format!("{at},{},note {i},{}\n", i * 7 % 10, 10 * (i % 7) + i * 7 % 10 + i % 9)
    });
    format!("at,n,note,visits\n{}", rows.collect::<String>())
}

const STEPS: &str = "{num: {columns: {type: number}, steps: [StandardScaler]}, when: {columns: {type: datetime}, \
                     steps: [{DatetimeEncoder: {add_weekday: true}}, SimpleImputer, StandardScaler]}}";

/// A pipeline over a table in memory, bound and run.
fn published(preprocess: &str, schema: &str) -> Result<artifact::Artifact, Diagnostic> {
    let place = tempfile::tempdir().expect("a folder");
    let (_, keys) = keys::open("mem:", Path::new("")).expect("keys");
    keys.write("visits", visits().as_bytes()).expect("written");
    let file = place.path().join("visits.yaml");
    let text = format!(
        "version: 1\nname: visits\nsource: {{key: visits}}\nschema: {schema}\ntarget: visits\n\
         preprocess: {preprocess}\nmodel: Ridge\ncv: 3\n"
    );
    std::fs::write(&file, text).expect("a file");
    let (graph, problems) = graph::read(&file, &[]);
    let graph = graph.ok_or_else(|| problems.into_iter().next().expect("a problem"))?;
    let loaded = job::load(&graph, &*keys, &Silent)?;
    let bound = plan::bind(&graph, &loaded.table)?;
    let (outcome, _) = run::run(&bound, &plan::plan(&bound, None)?, &Silent)?;
    artifact::read(&artifact::write(&bound, &outcome)?)
}

#[test]
fn a_pipeline_learns_from_datetimes_and_its_model_reads_them() {
    let artifact = published(STEPS, "{at: datetime, note: text}").expect("a model");
    let manifest = &artifact.manifest;
    assert_eq!(
        manifest.schema.fields().iter().map(|field| field.kind).collect::<Vec<_>>(),
        [Kind::Datetime, Kind::Number]
    );
    assert_eq!(
        manifest.features,
        [
            "num__n",
            "when__at_year",
            "when__at_month",
            "when__at_day",
            "when__at_hour",
            "when__at_total_seconds",
            "when__at_weekday"
        ]
    );
    let schema = manifest.schema.fields().iter().map(|field| (field.name.clone(), field.kind)).collect();
    let options = ReadOptions { schema, ..ReadOptions::default() };
    let rows = read(visits().as_bytes(), Format::Csv, "k", &options).expect("rows").table;
    let predicted =
        |table: &Table| predict(&artifact, table, &Options::default()).expect("predictions").table;
    let expected = write(&predicted(&rows), Format::Csv);
    // As an Arrow file and in JSON the same rows have the same predictions.
    for format in [Format::Arrow, Format::Jsonl] {
        let same = read(&write(&rows, format), format, "k", &options).expect("rows").table;
        assert_eq!(write(&predicted(&same), Format::Csv), expected);
    }
}

#[test]
fn a_datetime_is_no_number() {
    let fault = |preprocess: &str, schema: &str| {
        let error = published(preprocess, schema).map(|_| ()).expect_err("a fault");
        assert_eq!(error.code(), Code::TypeMismatch, "{error}");
        error.message().to_owned()
    };
    let all = "{at: datetime, note: text}";
    assert_eq!(
        fault("[StandardScaler]", all),
        "the features holds datetimes, and `StandardScaler` takes none"
    );
    assert_eq!(
        fault("{w: {columns: [at], steps: []}}", all),
        "the features holds datetimes, and `Ridge` takes none"
    );
    assert_eq!(
        fault("{w: {columns: [n], steps: [DatetimeEncoder]}}", all),
        "group `w` holds numbers, and `DatetimeEncoder` takes datetimes"
    );
    assert_eq!(
        fault("{w: {columns: [note], steps: [OneHotEncoder]}}", all),
        "column `note` is text, which no step takes"
    );
}

/// The pipeline file of `visits`, reading some source.
fn pipeline(source: &str, more: &str) -> String {
    format!(
        "version: 1\nname: visits\nsource: {source}\nschema: {{at: datetime, note: text}}\n{more}target: visits\n\
         preprocess: {STEPS}\nmodel: Ridge\ncv: 3\n"
    )
}

/// From every format the command learns one model, and predicts the same from new rows in any of them.
#[test]
fn every_format_of_a_datetime_is_one_model_and_one_prediction() {
    let schema = [("at".to_owned(), Kind::Datetime), ("note".to_owned(), Kind::Text)].into();
    let options = ReadOptions { schema, ..ReadOptions::default() };
    let table = read(visits().as_bytes(), Format::Csv, "k", &options).expect("visits").table;
    let place = Place::new();
    place.write("visits.yaml", pipeline("{key: visits}", ""));
    let mut outcomes: Vec<(String, String)> = Vec::new();
    for format in Format::ALL {
        let (file, rows) = (format!("{}.bin", format.name()), format!("new.{}", format.ending()));
        place.write(&file, write(&table, format));
        place.write(&rows, write(&table, format));
        place.run(&["data", "put", "visits", &file]).ok();
        let ran = place.run(&["run", "visits.yaml", "--json"]).json();
        let predicted = place.run(&["predict", "visits", "--input", &rows, "--output", "-"]).ok().out;
        assert_eq!(predicted.lines().count(), 61, "{}", format.name());
        outcomes.push((ran["artifact"]["sha256"].to_string(), predicted));
        assert!(ran["artifact"]["sha256"].is_string(), "{ran}");
    }
    assert!(outcomes.windows(2).all(|two| two[0] == two[1]), "{outcomes:?}");
    // A day that is no day is refused before anything is predicted.
    place.write("bad.csv", "at,n,note\n2024-01-31,1,a\n2024-02-30,2,b\n");
    let refused = place.run(&["predict", "visits", "--input", "bad.csv", "--output", "-"]);
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.err.contains("column `at`, row 2: `2024-02-30` is not a date and time in ISO 8601"),
        "{refused}"
    );
}

/// `clean` compares, replaces and casts datetimes; what is asked of them as of numbers is refused.
#[test]
fn datetimes_are_cleaned() {
    let (_, keys) = keys::open("mem:", Path::new("")).expect("keys");
    keys.write("visits", visits().as_bytes()).expect("written");
    let place = tempfile::tempdir().expect("a folder");
    let cleaned = |clean: &str| {
        let file = place.path().join("visits.yaml");
        std::fs::write(&file, pipeline("{key: visits}", &format!("clean: {clean}\n"))).expect("a file");
        let (graph, problems) = graph::read(&file, &[]);
        let graph = graph.ok_or_else(|| problems.into_iter().next().expect("a problem"))?;
        let loaded = job::load(&graph, &*keys, &Silent)?;
        let bound = clean::bind(&graph.clean, loaded.table.schema())?;
        let cleaned = clean::clean(&bound, &loaded.table)?;
        Ok::<Table, Diagnostic>(cleaned.data.whole().expect("in memory").clone())
    };
    let rows = |clean: &str| cleaned(clean).unwrap_or_else(|error| panic!("{clean}: {error}")).rows();
    assert_eq!(rows("[{query: 'at >= \"2024-02-01\"'}]"), 29);
    assert_eq!(rows("[{query: '\"2024-01-03\" > at'}]"), 2);
    assert_eq!(rows("[{query: 'at.isnull()'}]"), 1);
    assert_eq!(rows("[{query: 'at in [\"2024-01-01T06:30\", \"2024-01-02T08:30:00+01:00\"]'}]"), 2);
    assert_eq!(rows("[{fillna: {at: 2024-03-01}}, {query: 'at == \"2024-03-01\"'}]"), 1);
    assert_eq!(rows("[{replace: {at: {\"2024-01-01T06:30\": null}}}, {dropna: {subset: [at]}}]"), 58);
    let spelled = cleaned("[{astype: {at: category}}]").expect("words");
    let Some(Column::Codes { levels, .. }) = spelled.column("at") else { panic!("no words") };
    assert_eq!(levels.labels()[0], "2024-01-01T06:30:00");
    assert_eq!(
        rows("[{astype: {at: category}}, {astype: {at: datetime}}, {query: 'at < \"2024-01-03\"'}]"),
        2
    );
    let fault = |clean: &str| cleaned(clean).expect_err(clean).message().to_owned();
    assert_eq!(fault("[{query: 'at > 5'}]"), "`query`: this is a number, not a datetime");
    assert_eq!(fault("[{query: 'at > \"yesterday\"'}]"), "`query`: this is `yesterday`, not a datetime");
    assert_eq!(
        fault("[{astype: {at: number}}]"),
        "`astype`: column `at` is datetime, of which no number is made"
    );
    assert_eq!(
        fault("[{astype: {n: datetime}}]"),
        "`astype`: column `n` is number, of which no datetime is made"
    );
    assert_eq!(
        fault("[{astype: {note: datetime}}]"),
        "`astype`: column `note`, row 1: `note 0` is not a date and time in ISO 8601"
    );
    assert_eq!(fault("[{clip: {lower: 0, columns: [at]}}]"), "`clip`: column `at` is datetime, not number");
}
