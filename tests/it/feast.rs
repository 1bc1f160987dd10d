//! Feast's online store in Redis, as Feast itself has written it (`tests/golden/online_store.py`): the table is what Feast reads from it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use pipefit::diag::{Code, Diagnostic, Silent, Watch};
use pipefit::source::formats::{Read, ReadOptions};
use pipefit::source::keys::{self, Keys};
use pipefit::source::layouts::{FeatureView, read_feast};
use pipefit::table::{Column, Kind, Table, fingerprint};
use redis::{Connection, cmd};
use serde_json::Value;

use crate::command::{Place, repository};
use crate::fleet::{Cluster, slot_of};
use crate::server::Server;

const FEATURES: [&str; 9] = ["größe", "trips", "rank", "score", "plan", "active", "since", "code", "never"];

fn golden() -> Value {
    let text = std::fs::read_to_string(repository("tests/golden/online_store.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len() / 2).map(|i| digit(2 * i)).collect()
}

/// Everything that Feast has written, with something added to the end of each key.
fn fill(raw: &mut Connection, golden: &Value) {
    for (key, fields) in golden["keys"].as_object().unwrap() {
        let mut request = cmd("HSET");
        request.arg(hex(key));
        for (field, value) in fields.as_object().unwrap() {
            request.arg(hex(field)).arg(hex(value.as_str().unwrap()));
        }
        request.exec(raw).unwrap();
    }
}

fn filled() -> (Server, Arc<dyn Keys>, Value) {
    let (server, golden) = (Server::start(), golden());
    fill(&mut server.raw(), &golden);
    let keys = keys::open(&server.url("/0"), Path::new("")).unwrap().1;
    (server, keys, golden)
}

fn view(name: &str, join_keys: &[&str], features: &[&str]) -> FeatureView {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let (join_keys, features) = (owned(join_keys), owned(features));
    FeatureView { project: "fahr_dienst".into(), name: name.into(), join_keys, features, time: None }
}

fn table(keys: &dyn Keys, view: &FeatureView) -> Result<Read, Diagnostic> {
    read_feast(keys, view, &ReadOptions::default(), &Silent)
}

/// A cell as Feast gives it: null, a number, a text, true or false, seconds.
fn cell(table: &Table, column: &str, row: usize) -> Value {
    let place = table.schema().index(column).unwrap();
    match (&table.columns()[place], table.schema().fields()[place].kind) {
        (Column::Codes { codes, levels }, _) => levels.label(codes[row]).map_or(Value::Null, Value::from),
        (Column::Number(values), _) if values[row].is_nan() => Value::Null,
        (Column::Number(values), Kind::Bool) => Value::from(values[row] == 1.0),
        (Column::Number(values), Kind::Datetime) => Value::from(values[row] / 1e6),
        (Column::Number(values), _) => Value::from(values[row]),
    }
}

/// Equal, whether a number is written as whole or not.
fn same(ours: &Value, theirs: &Value) -> bool {
    ours == theirs || ours.as_f64().is_some_and(|ours| Some(ours) == theirs.as_f64())
}

fn compare(table: &Table, theirs: &Value, join_keys: &[&str]) {
    let row = |value: &dyn Fn(&str) -> Value| -> String {
        join_keys.iter().map(|key| format!("{} ", value(key).to_string().trim_end_matches(".0"))).collect()
    };
    let count = theirs[join_keys[0]].as_array().unwrap().len();
    let places: BTreeMap<String, usize> =
        (0..count).map(|i| (row(&|key| theirs[key][i].clone()), i)).collect();
    assert_eq!(table.rows(), places.len());
    for ours in 0..table.rows() {
        let place = places[&row(&|key| cell(table, key, ours))];
        for (column, values) in theirs.as_object().unwrap() {
            let found = cell(table, column, ours);
            assert!(same(&found, &values[place]), "{column} {ours}: {found} and not {}", values[place]);
        }
    }
}

#[test]
fn the_table_is_what_feast_reads() {
    let (server, keys, golden) = filled();
    let mut one = view("fahrer", &["driver_id"], &FEATURES);
    one.time = Some("um".into());
    let read = table(&*keys, &one).unwrap().table;
    let names: Vec<&str> = read.schema().names().collect();
    assert_eq!(names, [&["driver_id", "um"], &FEATURES[..]].concat());
    let kinds: Vec<Kind> = read.schema().fields().iter().map(|field| field.kind).collect();
    use Kind::{Bool, Category, Datetime, Number};
    assert_eq!(
        kinds,
        [Number, Datetime, Number, Number, Number, Number, Category, Bool, Datetime, Category, Number]
    );
    compare(&read, &golden["fahrer"], &["driver_id"]);
    let times: Vec<f64> = golden["times"]
        .as_array()
        .unwrap()
        .iter()
        .map(|time| (time.as_f64().unwrap() * 1e6).round())
        .collect();
    let Column::Number(ours) = &read.columns()[1] else { panic!("times") };
    assert!(ours.iter().all(|time| times.contains(time)), "{ours:?}");
    // By two keys, in any order.
    let two = table(&*keys, &view("fahrer_stadt", &["driver_id", "city"], &FEATURES[..3])).unwrap().table;
    compare(&two, &golden["fahrer_stadt"], &["driver_id", "city"]);
    assert_eq!(two.rows(), 12);
    // Another project, whose name ends with this one's, is another.
    let (key, _) = golden["keys"].as_object().unwrap().iter().next().unwrap();
    let mut other = hex(key);
    let project = other.len() - "fahr_dienst".len();
    other.splice(project..project, *b"alter_");
    let mut copy = cmd("COPY");
    copy.arg(hex(key)).arg(other).exec(&mut server.raw()).unwrap();
    assert_eq!(table(&*keys, &one).unwrap().table.rows(), read.rows());
}

#[test]
fn what_feast_does_not_have_is_told() {
    let (server, keys, _) = filled();
    let mut raw = server.raw();
    let fault = |view: &FeatureView, code: Code, parts: &[&str]| {
        let error = table(&*keys, view).unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        let told = format!("{} {}", error.message(), error.advice().unwrap_or_default());
        parts.iter().for_each(|part| assert!(told.contains(part), "no {part} in {told}"));
    };
    let one = |features: &[&str]| view("fahrer", &["driver_id"], features);
    fault(&one(&["trips", "tripps"]), Code::MissingColumn, &["`tripps`", "`fahrer`"]);
    fault(
        &view("fahrten", &["driver_id"], &["trips"]),
        Code::MissingKeyOrFile,
        &["`fahrten`", "materialized"],
    );
    fault(&view("fahrer", &["fahrer_id"], &["trips"]), Code::MissingKeyOrFile, &["`fahrer_id`"]);
    fault(&one(&["trips", "list"]), Code::UnreadableValue, &["driver_id=", "feature `list`", "a list"]);
    let project = FeatureView { project: "dienst".into(), ..one(&["trips"]) };
    fault(&project, Code::MissingKeyOrFile, &["`dienst`"]);
    // A value that is none, and a key that is no hash.
    let key = [
        b"\x01\0\0\0\x02\0\0\0\x09\0\0\0driver_id\x04\0\0\0\x08\0\0\0".as_slice(),
        &42u64.to_le_bytes(),
        b"fahr_dienst",
    ]
    .concat();
    let field = hex("1eb6203a");
    cmd("HSET").arg(&key).arg("_ts:fahrer").arg("").arg(field).arg("\u{7f}").exec(&mut raw).unwrap();
    fault(&one(&["trips"]), Code::UnreadableValue, &["`driver_id=42`", "`trips`", "no value of Feast"]);
    cmd("SET").arg(&key).arg("x").exec(&mut raw).unwrap();
    fault(&one(&["trips"]), Code::WrongKind, &["driver_id", "is no hash"]);
    let error = table(&*keys::open("mem:", Path::new("")).unwrap().1, &one(&["trips"])).unwrap_err();
    assert_eq!(error.code(), Code::WrongKind);
}

#[test]
fn a_pipeline_learns_from_features() {
    let (server, _, _) = filled();
    let place = Place::new();
    let store = server.url("/0");
    let run = |feast: &str| {
        place.write(
            "p.yaml",
            format!(
                "version: 1\nname: m\nsource: {{feast: {feast}}}\nroles: {{id: [driver_id]}}\ntarget: rank\n\
                 preprocess: auto\nmodel: Ridge\ncv: 3\n"
            ),
        );
        place.run(&["run", "p.yaml", "--json", "--store", &store])
    };
    let source =
        "{project: fahr_dienst, feature_view: fahrer, join_keys: [driver_id], features: [trips, rank, code]}";
    let ran = run(source).json();
    assert_eq!((&ran["data"]["rows"], &ran["data"]["columns"]), (&11.into(), &4.into()));
    assert!(place.read("p.yaml.lock").contains("feast: fahrer"), "{}", place.read("p.yaml.lock"));
    place.run(&["run", "p.yaml", "--locked", "--store", &store]).ok();
    let wrong = run("{project: p, feature_view: f, features: [x, x], join_key: [d]}");
    assert!(wrong.code == Some(3) && wrong.err.contains("did you mean `join_keys`?"), "{}", wrong.err);
}

/// An entity's key in an older version, and one of its values.
fn older(raw: &mut Connection, value: &[u8], kind: u8) {
    let length = [value.len() as u8, 0, 0, 0];
    let key =
        [b"\x02\0\0\0fahrer_id", [kind, 0, 0, 0].as_slice(), &length, value, b"alt".as_slice()].concat();
    cmd("HSET").arg(key).arg("_ts:fahrer").arg("").exec(raw).unwrap();
}

#[test]
fn keys_of_older_versions_are_told_with_their_version() {
    let (server, keys, _) = filled();
    let mut raw = server.raw();
    let told = || {
        let alt = FeatureView { project: "alt".into(), ..view("fahrer", &["fahrer_id"], &["trips"]) };
        table(&*keys, &alt).unwrap_err()
    };
    assert_eq!(told().code(), Code::MissingKeyOrFile);
    for (value, kind, version) in [
        (&b"a-7"[..], 2, "version 1 or 2 "),
        (&[7, 0, 0, 0], 4, "version 1 "),
        (&[7, 0, 0, 0, 0, 0, 0, 0], 4, "version 2 "),
    ] {
        cmd("FLUSHDB").exec(&mut raw).unwrap();
        older(&mut raw, value, kind);
        let error = told();
        assert_eq!(error.code(), Code::UnreadableValue);
        assert!(
            error.message().contains(version) && error.message().contains("version 3"),
            "{}",
            error.message()
        );
    }
}

/// Does something to the server after the first rows.
struct Meddling(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Watch for Meddling {
    fn stage(&self, _: &str, _: u64) {}
    fn tick(&self, _: u64) {
        if let Some(act) = self.0.lock().unwrap().take() {
            act();
        }
    }
    fn stopped(&self) -> bool {
        false
    }
}

/// The key of an entity of `fahr_dienst` in version 3.
fn entity(id: u64) -> Vec<u8> {
    let start = b"\x01\0\0\0\x02\0\0\0\x09\0\0\0driver_id\x04\0\0\0\x08\0\0\0".as_slice();
    [start, &id.to_le_bytes(), b"fahr_dienst"].concat()
}

#[test]
fn entities_that_go_or_change_meanwhile_are_told() {
    let server = Server::start();
    let mut raw = server.raw();
    let field = hex("1eb6203a");
    let mut fill = redis::pipe();
    // Some have another view alone, and are no rows.
    for id in 0..4_000u64 {
        let view = if id % 5 == 4 { "_ts:stadt" } else { "_ts:fahrer" };
        fill.cmd("HSET").arg(entity(id)).arg(view).arg("").ignore();
        if id % 5 != 4 {
            // `int64_val`.
            fill.cmd("HSET").arg(entity(id)).arg(&field).arg(&[0x20, (id % 100) as u8][..]).ignore();
        }
    }
    fill.exec(&mut raw).unwrap();
    let fahrer = view("fahrer", &["driver_id"], &["trips"]);
    let at =
        |port: u16| keys::open(&format!("redis://127.0.0.1:{port}/0?timeout=5"), Path::new("")).unwrap().1;
    let plain = || table(&*at(server.port()), &fahrer).unwrap().table;
    assert_eq!(plain().rows(), 3_200);
    // Their keys are sorted by bytes; the last is asked for long after the first rows are there.
    let last = (0..4_000u64).filter(|id| id % 5 != 4).map(entity).max().unwrap();
    let meddled = |act: &dyn Fn(&mut Connection)| {
        let mut raw = server.raw();
        let reading = at(server.port());
        std::thread::scope(|threads| {
            let (begun, told) = std::sync::mpsc::channel();
            let (done, go_on) = std::sync::mpsc::channel();
            let read = threads.spawn(|| {
                let watch = Meddling(Mutex::new(Some(Box::new(move || {
                    begun.send(()).unwrap();
                    go_on.recv().unwrap();
                }))));
                read_feast(&*reading, &fahrer, &ReadOptions::default(), &watch)
            });
            told.recv().unwrap();
            act(&mut raw);
            done.send(()).unwrap();
            read.join().unwrap()
        })
    };
    let error = meddled(&|raw| cmd("DEL").arg(&last).exec(raw).unwrap()).unwrap_err();
    assert_eq!(error.code(), Code::MissingKeyOrFile);
    assert!(
        error.message().contains("there is no key") && error.message().contains("driver_id"),
        "{error:?}"
    );
    // Without it there is one row less, and no error.
    assert_eq!(plain().rows(), 3_199);
    let last = (0..4_000u64).filter(|id| id % 5 != 4).map(entity).filter(|key| *key != last).max().unwrap();
    let error = meddled(&|raw| {
        redis::pipe().cmd("DEL").arg(&last).ignore().cmd("RPUSH").arg(&last).arg("x").exec(raw).unwrap();
    })
    .unwrap_err();
    assert_eq!(error.code(), Code::WrongKind);
    assert!(error.message().contains("is no hash"), "{error:?}");
}

#[test]
fn entities_of_a_cluster_are_found_also_on_their_way() {
    let cluster = Cluster::start();
    let name = |id: u64| String::from_utf8(entity(id)).unwrap();
    for id in 0..120 {
        let mut put = cmd("HSET");
        put.arg(entity(id)).arg("_ts:fahrer").arg("").arg(hex("1eb6203a")).arg(&[0x20, id as u8][..]);
        put.exec(&mut cluster.at(&name(id))).unwrap();
    }
    let keys = keys::open(&cluster.url("?timeout=5"), Path::new("")).unwrap().1;
    let read = || table(&*keys, &view("fahrer", &["driver_id"], &["trips"])).unwrap().table;
    let expected = read();
    assert_eq!(expected.rows(), 120);
    assert_eq!(cell(&expected, "trips", 119), cell(&expected, "driver_id", 119));
    let key = name(7);
    let (slot, from) = (slot_of(&cluster.servers[0], &key), cluster.owner(&key));
    let to = (from + 1) % 3;
    let set = |server: usize, words: &[&str]| {
        let mut command = cmd("CLUSTER");
        command.arg("SETSLOT").arg(slot).arg(words).exec(&mut cluster.servers[server].raw()).unwrap();
    };
    set(to, &["IMPORTING", &cluster.id(from)]);
    set(from, &["MIGRATING", &cluster.id(to)]);
    let mut migrate = cmd("MIGRATE");
    migrate.arg("127.0.0.1").arg(cluster.servers[to].port()).arg(&key).arg(0).arg(5000);
    migrate.exec(&mut cluster.servers[from].raw()).unwrap();
    assert_eq!(fingerprint(&read()), fingerprint(&expected));
}
