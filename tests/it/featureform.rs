//! Featureform's online store in Redis: hashes as its provider for Redis writes them, command by command.

use std::path::Path;
use std::sync::Arc;

use pipefit::diag::{Code, Diagnostic, Silent};
use pipefit::source::formats::{Read, ReadOptions};
use pipefit::source::keys::{self, Keys};
use pipefit::source::layouts::{FEATUREFORM_PREFIX, Features, read_features};
use pipefit::table::{Column, Kind, Table, fingerprint};
use redis::{Connection, cmd};

use crate::command::Place;
use crate::server::Server;

/// The key of a feature, as Go's `json.Marshal` spells it.
fn table_key(prefix: &str, feature: &str, variant: &str) -> String {
    let text = |text: &str| {
        let text = serde_json::to_string(text).unwrap();
        text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
    };
    format!("{{\"Prefix\":{},\"Feature\":{},\"Variant\":{}}}", text(prefix), text(feature), text(variant))
}

/// `CreateTable`, then `Set` for each entity.
fn materialize(raw: &mut Connection, prefix: &str, table: (&str, &str, &str), values: &[(&str, &str)]) {
    let (feature, variant, kind) = table;
    let key = table_key(prefix, feature, variant);
    cmd("HSET").arg(format!("{prefix}__tables")).arg(&key).arg(kind).exec(raw).unwrap();
    for (entity, value) in values {
        cmd("HSET").arg(&key).arg(entity).arg(value).exec(raw).unwrap();
    }
}

/// What the store of the tests holds: values as `Set` formats them, types as `CreateTable` marshals them.
fn fill(raw: &mut Connection, prefix: &str) {
    let mut put = |table, values| materialize(raw, prefix, table, values);
    put(
        ("avg_transactions", "quickstart", r#"{"ValueType":"float32"}"#),
        &[("C2", "150"), ("C10", "nil"), ("C1", "0.1"), ("größe", "NaN")],
    );
    put(("count", "v1", "int64"), &[("C1", "9007199254740991"), ("C3", "-7")]);
    put(("fraud", "v1", r#"{"ValueType":"bool"}"#), &[("C1", "1"), ("C2", "0"), ("C3", "nil")]);
    put(
        ("plan", "a<b>&\"c\"", r#"{"ValueType":"string"}"#),
        &[("C1", "007"), ("C2", ""), ("C3", "für\n\"alle\""), ("C10", "NA")],
    );
    put(
        ("since", "v1", r#"{"ValueType":"time.Time"}"#),
        &[("C1", "2022-04-09T11:33:09Z"), ("C2", "2022-04-09T13:33:09+02:00"), ("C3", "nil")],
    );
    put(("empty", "v1", r#"{"ValueType":"int"}"#), &[]);
    let vector = r#"{"ValueType":{"ScalarType":"float32","Dimension":3,"IsEmbedding":true}}"#;
    put(("embedding", "v1", vector), &[]);
}

const ALL: [(&str, &str); 5] = [
    ("avg_transactions", "quickstart"),
    ("count", "v1"),
    ("fraud", "v1"),
    ("plan", "a<b>&\"c\""),
    ("since", "v1"),
];

fn features(features: &[(&str, &str)]) -> Features {
    let features = features.iter().map(|(name, variant)| ((*name).into(), (*variant).into())).collect();
    Features { entity: "user".into(), features, prefix: FEATUREFORM_PREFIX.into() }
}

fn table(keys: &dyn Keys, features: &Features) -> Result<Read, Diagnostic> {
    read_features(keys, features, &ReadOptions::default(), &Silent)
}

fn filled() -> (Server, Arc<dyn Keys>) {
    let server = Server::start();
    fill(&mut server.raw(), FEATUREFORM_PREFIX);
    let keys = keys::open(&server.url("/0"), Path::new("")).unwrap().1;
    (server, keys)
}

fn cells(table: &Table, column: &str) -> Vec<String> {
    let text = |row: usize, column: &Column| match column {
        Column::Codes { codes, levels } => levels.label(codes[row]).map_or("-".into(), str::to_owned),
        Column::Number(values) if values[row].is_nan() => "-".into(),
        Column::Number(values) => values[row].to_string(),
    };
    let column = &table.columns()[table.schema().index(column).unwrap()];
    (0..table.rows()).map(|row| text(row, column)).collect()
}

#[test]
fn the_table_has_a_row_an_entity_of_any_feature() {
    let (_server, keys) = filled();
    let read = table(&*keys, &features(&ALL)).unwrap().table;
    let fields: Vec<_> =
        read.schema().fields().iter().map(|field| (field.name.as_str(), field.kind)).collect();
    use Kind::{Bool, Category, Datetime, Number};
    let names = ["user", "avg_transactions", "count", "fraud", "plan", "since"];
    let kinds = [Category, Number, Number, Bool, Category, Datetime];
    assert_eq!(fields, names.into_iter().zip(kinds).collect::<Vec<_>>());
    assert_eq!(cells(&read, "user"), ["C1", "C10", "C2", "C3", "größe"]);
    assert_eq!(cells(&read, "avg_transactions"), ["0.1", "-", "150", "-", "-"]);
    assert_eq!(cells(&read, "count"), ["9007199254740991", "-", "-", "-7", "-"]);
    assert_eq!(cells(&read, "fraud"), ["1", "-", "0", "-", "-"]);
    assert_eq!(cells(&read, "plan"), ["007", "NA", "", "für\n\"alle\"", "-"]);
    let at = "1649503989000000";
    assert_eq!(cells(&read, "since"), [at, "-", at, "-", "-"]);
    // What the file says of a type goes before what Featureform says.
    let options = ReadOptions { schema: [("plan".into(), Text)].into(), ..ReadOptions::default() };
    use Kind::Text;
    let read = read_features(&*keys, &features(&ALL[3..4]), &options, &Silent).unwrap().table;
    assert_eq!((read.rows(), read.schema().fields()[1].kind), (4, Text));
}

#[test]
fn a_folder_with_the_same_hashes_is_the_same_table() {
    let (server, keys) = filled();
    let place = Place::new();
    let folder = format!("dir:{}", place.path("copied").display());
    place.run(&["data", "copy", "*", "--to-store", &folder, "--store", &server.url("/0")]).ok();
    let copied = keys::open(&folder, Path::new("")).unwrap().1;
    let (there, here) = (table(&*copied, &features(&ALL)).unwrap(), table(&*keys, &features(&ALL)).unwrap());
    assert_eq!(fingerprint(&there.table), fingerprint(&here.table));
}

#[test]
fn what_featureform_does_not_have_is_told() {
    let (server, keys) = filled();
    let fault = |features: &Features, code: Code, parts: &[&str]| {
        let error = table(&*keys, features).unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        let told = format!("{} {}", error.message(), error.advice().unwrap_or_default());
        parts.iter().for_each(|part| assert!(told.contains(part), "no {part} in {told}"));
    };
    let one = |feature, variant| features(&[(feature, variant)]);
    fault(&one("average", "v1"), Code::MissingKeyOrFile, &["`average`", "`avg_transactions`", "`count`"]);
    fault(&one("count", "v2"), Code::MissingKeyOrFile, &["`count`", "`v2`", "its variants are `v1`"]);
    fault(&one("empty", "v1"), Code::MissingKeyOrFile, &["`empty`", "no values", "materialized"]);
    fault(&one("embedding", "v1"), Code::UnreadableValue, &["`embedding`", "Dimension", "no cell"]);
    let other = Features { prefix: "other".into(), ..one("count", "v1") };
    fault(&other, Code::MissingKeyOrFile, &["prefix `other`", "`other__tables`"]);
    let mut raw = server.raw();
    let mut put = |feature: &str, value: &[u8]| {
        let key = table_key(FEATUREFORM_PREFIX, feature, "v1");
        cmd("HSET").arg(key).arg("C4").arg(value).exec(&mut raw).unwrap();
    };
    put("count", b"many");
    fault(&one("count", "v1"), Code::BadCell, &["count", "many"]);
    put("fraud", b"\xff");
    fault(&one("fraud", "v1"), Code::UnreadableValue, &["user=C4", "`fraud`", "UTF-8"]);
    let key = table_key(FEATUREFORM_PREFIX, "since", "v1");
    cmd("SET").arg(&key).arg("x").exec(&mut raw).unwrap();
    fault(&one("since", "v1"), Code::WrongKind, &["since", "is a string, not a hash"]);
}

#[test]
fn a_pipeline_learns_from_features() {
    let server = Server::start();
    let mut raw = server.raw();
    let value = |i: usize, by: f64| (format!("C{i:03}"), (i as f64 * by).to_string());
    for (feature, by) in [("amount", 1.5), ("age", -0.25)] {
        let values: Vec<_> = (0..30).map(|i| value(i, by)).collect();
        let values: Vec<_> = values.iter().map(|(entity, value)| (entity.as_str(), value.as_str())).collect();
        materialize(&mut raw, "shop", (feature, "v1", r#"{"ValueType":"float64"}"#), &values);
    }
    let place = Place::new();
    let run = |source: &str| {
        let rest = "roles: {id: [user]}\ntarget: amount\nmodel: Ridge\ncv: 3\n";
        let file = format!("version: 1\nname: m\nsource: {{featureform: {source}}}\n{rest}");
        place.write("p.yaml", file);
        place.run(&["run", "p.yaml", "--json", "--store", &server.url("/0")])
    };
    let ran = run("{entity: user, features: {amount: v1, age: v1}, prefix: shop}").json();
    assert_eq!((&ran["data"]["rows"], &ran["data"]["columns"]), (&30.into(), &3.into()));
    let lock = place.read("p.yaml.lock");
    assert!(lock.contains("featureform: user") && lock.contains("amount: v1"), "{lock}");
    place.run(&["run", "p.yaml", "--locked", "--store", &server.url("/0")]).ok();
}
