//! `pipefit learn`: every entry of a stream once, whatever comes in which portions and whoever is killed, and in the end what a
//! refit of all rows would give.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use pipefit::source::keys::{self, Entry, EntryId, Keys};
use serde_json::Value;

use crate::command::{Place, on_both};
use crate::server::Server;

/// The pipeline's file.
pub const FILE: &str = "demo.yaml";

const PIPELINE: &str = "\
version: 1
name: demo
source: {file: rows.csv}
target: y
preprocess:
  num: {columns: {type: number}, steps: [SimpleImputer, StandardScaler]}
  cat: {columns: {type: category}, steps: [{OneHotEncoder: {handle_unknown: ignore}}]}
model: {Ridge: {alpha: 0.5}}
cv: null
online: {stream: events, batch: 50, max_wait: 20ms, publish: 300ms, lease: 2s}
";

type Fields = Vec<(&'static str, String)>;

/// Row `i`: some numbers are missing, and some levels come late.
fn row(i: usize) -> Fields {
    let noise = |k: usize| ((i * 7919 + k * 104_729 + i * i * 31) % 1009) as f64 / 1009.0 - 0.5;
    let (a, b) = (1e3 + noise(1), 1e3 + noise(1) + 1e-2 * noise(2));
    let plan = if i < 300 { i % 3 } else { i % 5 };
    let y = 2.0 * a - b + plan as f64 + 0.1 * noise(3);
    let mut row = vec![("a", a.to_string()), ("b", b.to_string()), ("plan", format!("p{plan}"))];
    if i % 11 != 4 {
        row.push(("c", noise(4).to_string()));
    }
    row.push(("y", y.to_string()));
    row
}

/// Rows as a file.
pub fn csv(rows: std::ops::Range<usize>) -> String {
    let names = ["a", "b", "plan", "c", "y"];
    let line = |i: usize| {
        let row = row(i);
        let cell = |name: &&str| row.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value);
        names.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
    };
    names.join(",") + "\n" + &rows.map(line).collect::<String>()
}

/// Writes the pipeline's file, and opens the keys of the store.
pub fn place(place: &Place) -> Arc<dyn Keys> {
    place.write(FILE, PIPELINE);
    opened(place)
}

/// The keys of the store.
pub fn opened(place: &Place) -> Arc<dyn Keys> {
    keys::open(&absolute(place), Path::new("")).unwrap().1
}

fn absolute(place: &Place) -> String {
    match place.store().strip_prefix("dir:") {
        Some(path) => format!("dir:{}", place.path(path).display()),
        None => place.store().to_owned(),
    }
}

/// The id of row `i`.
pub fn id(i: usize) -> EntryId {
    EntryId { time: 1_000 + i as u64 / 7, number: i as u64 % 7 }
}

/// Adds rows to the stream.
pub fn append(keys: &dyn Keys, rows: std::ops::Range<usize>) {
    let bytes = |(name, value): (&str, String)| (name.as_bytes().to_vec(), value.into_bytes());
    let entry = |i| Entry { id: Some(id(i)), fields: row(i).into_iter().map(bytes).collect() };
    let entries: Vec<Entry> = rows.map(entry).collect();
    keys.append("events", &entries).unwrap();
}

/// Learns once.
pub fn once(place: &Place) -> Value {
    place.run(&["learn", FILE, "--once", "--json"]).json()
}

/// The digest of what was learned.
pub fn digest(learned: &Value) -> &str {
    learned["learned"]["sha256"].as_str().unwrap()
}

/// What one learner makes of all rows at once, undisturbed.
pub fn undisturbed(rows: usize) -> Value {
    let other = Place::new();
    append(&*place(&other), 0..rows);
    once(&other)
}

fn predictions(place: &Place, model: &str) -> Vec<f64> {
    let ran = place.run(&["predict", model, "--input", "new.csv"]).ok();
    ran.out.lines().skip(1).map(|line| line.parse().unwrap()).collect()
}

#[test]
fn portions_do_not_matter() {
    let whole = undisturbed(777);
    on_both(|here| {
        let keys = place(here);
        let (mut from, mut version, mut blocks) = (0, 0, 0);
        for to in [60, 61, 99, 100, 101, 350, 777, 777] {
            append(&*keys, from..to);
            from = to;
            let learned = once(here);
            assert_eq!(learned["learned"]["rows"], to);
            assert_eq!(learned["learned"]["waiting"], to % 50);
            // A version for whoever has learned a block, and none that is as the one before.
            let new = to / 50 > blocks;
            (blocks, version) = (to / 50, version + usize::from(new));
            let expected = serde_json::json!({"name": "demo", "version": version, "new": new});
            assert_eq!(learned["artifact"], expected);
        }
        let learned = once(here);
        assert_eq!(learned["read"], 0);
        assert_eq!(learned["learned"]["sha256"], whole["learned"]["sha256"]);
        assert_eq!(learned["learned"]["score"], whole["learned"]["score"]);
        assert_eq!(here.versions("demo"), [1, 2, 3, 4]);
        // What the file says is part of a version.
        here.write(FILE, PIPELINE.replace("alpha: 0.5", "alpha: 0.25"));
        assert_eq!(once(here)["artifact"]["version"], 5);
        assert_eq!(once(here)["artifact"]["new"], false);
        here.run(&["models", "verify", "demo"]).ok();
    });
}

#[test]
fn learning_is_a_refit_of_all_rows() {
    let here = Place::new();
    append(&*place(&here), 0..1_000);
    let learned = once(&here);
    assert!(learned["learned"]["score"]["r2"].as_f64().unwrap() > 0.9, "{learned}");
    let batch = Place::new();
    place(&batch);
    batch.write("rows.csv", csv(0..1_000));
    batch.run(&["run", FILE]).ok();
    for place in [&here, &batch] {
        place.write("new.csv", csv(2_000..2_100));
    }
    for (a, b) in predictions(&here, "demo").into_iter().zip(predictions(&batch, "demo")) {
        assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} {b}");
    }
}

#[test]
fn learning_goes_on_from_a_run() {
    let whole = undisturbed(777);
    on_both(|here| {
        let keys = place(here);
        here.write("rows.csv", csv(0..330));
        here.run(&["run", FILE]).ok();
        append(&*keys, 330..777);
        let learned = once(here);
        assert_eq!((&learned["read"], &learned["learned"]["rows"]), (&447.into(), &777.into()));
        here.write("new.csv", csv(2_000..2_100));
        let predicted = predictions(here, "demo");
        assert_eq!(predicted.len(), 100);
        // The same rows in the same blocks, but those of the run were not predicted before.
        let score = &learned["learned"]["score"];
        assert!(score["rows"].as_u64() < whole["learned"]["score"]["rows"].as_u64());
        // What a learner has published has no file of its own to compare.
        let compared = here.run(&["runs", "diff", "demo:1", "demo@latest", "--json"]).json();
        assert_eq!((&compared["file"], &compared["same"]), (&Value::Null, &false.into()));
        // A run afterwards begins anew, and what it has published is what would be published now.
        here.run(&["run", FILE]).ok();
        append(&*keys, 777..790);
        let learned = once(here);
        assert_eq!((&learned["read"], &learned["learned"]["rows"]), (&460.into(), &790.into()));
        let latest = *here.versions("demo").last().unwrap();
        here.run(&["run", FILE]).ok();
        let mut fresh = PIPELINE.replace("stream: events", "stream: others");
        here.write(FILE, &fresh);
        assert_eq!(
            once(here)["artifact"],
            serde_json::json!({"name": "demo", "version": latest + 1, "new": false})
        );
        fresh = fresh.replace("batch: 50", "batch: 40");
        here.write(FILE, fresh);
        assert_eq!(once(here)["artifact"]["new"], false);
    });
}

#[test]
fn what_cannot_be_learned_is_laid_aside_with_the_reason() {
    on_both(|here| {
        let keys = place(here);
        append(&*keys, 0..200);
        let bad: [&[(&str, &str)]; 4] = [
            &[("a", "many"), ("b", "1"), ("plan", "p0"), ("c", "1"), ("y", "1")],
            &[("a", "1"), ("b", "inf"), ("plan", "p0"), ("c", "1"), ("y", "1")],
            &[("a", "1"), ("b", "1"), ("plan", "p0"), ("c", "1")],
            &[("a", "1"), ("b", "1"), ("plan", "p0"), ("c", "1"), ("y", "high")],
        ];
        for (i, fields) in bad.iter().enumerate() {
            let bytes = |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
            let fields = fields.iter().map(bytes).collect();
            keys.append("events", &[Entry { id: Some(id(200 + i)), fields }]).unwrap();
        }
        append(&*keys, 204..300);
        let ran = here.run(&["learn", FILE, "--once", "--json"]);
        let learned = ran.object();
        ran.ok().says(&["4 entries cannot be learned", "events:dead", "`many` is not a number"]);
        assert_eq!((&learned["learned"]["rows"], &learned["learned"]["refused"]), (&296.into(), &4.into()));
        let dead = keys.page("events:dead", EntryId::FIRST, 10).unwrap();
        let reason = |fields: &keys::Row| String::from_utf8(fields.last().unwrap().1.clone()).unwrap();
        let reasons: Vec<String> = dead.iter().map(|(_, fields)| reason(fields)).collect();
        assert_eq!(
            dead.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
            (200..204).map(id).collect::<Vec<_>>()
        );
        assert_eq!(reasons[1], "field `b`: `inf` is infinite");
        assert_eq!(reasons[2], "field `y` is missing");
        assert_eq!(dead[0].1[0], (b"a".to_vec(), b"many".to_vec()));
    });
}

#[test]
fn a_file_without_online_or_with_what_cannot_be_learned_is_refused() {
    let here = Place::new();
    place(&here);
    here.write("batch.yaml", PIPELINE.replace("online:", "# online:"));
    here.run(&["learn", "batch.yaml"]).fails(3, &["`demo` has no `online`"]);
    let median = PIPELINE.replace("SimpleImputer,", "{SimpleImputer: {strategy: median}}, RobustScaler,");
    here.write("median.yaml", median);
    here.run(&["check", "median.yaml"])
        .fails(3, &["`SimpleImputer` needs", "`RobustScaler` needs the order"]);
    here.write("cv.yaml", PIPELINE.replace("{Ridge: {alpha: 0.5}}", "RidgeCV"));
    here.run(&["check", "cv.yaml"]).fails(3, &["`RidgeCV` cannot be learned row after row"]);
    let forgets = PIPELINE.replace("lease: 2s", "half_life: 0, lease: soon");
    here.write("forgets.yaml", forgets);
    here.run(&["check", "forgets.yaml"]).fails(3, &["`online.half_life`", "`online.lease`"]);
    let extremes = PIPELINE.replace("StandardScaler", "MinMaxScaler");
    let forgets = |how: &str| extremes.replace("lease: 2s", how);
    here.write("extremes.yaml", forgets("half_life: 1d"));
    here.run(&["check", "extremes.yaml"])
        .fails(3, &["`MinMaxScaler` needs least and greatest values, which no `online.half_life` forgets"]);
    here.write("extremes.yaml", forgets("window: 500"));
    here.run(&["check", "extremes.yaml"]).ok();
}

#[test]
fn older_rows_are_forgotten() {
    let rows = 1_000;
    let all: Vec<Value> = ["", "half_life: 100, ", "half_life: 20ms, ", "window: 200, "]
        .into_iter()
        .map(|how| {
            let here = Place::new();
            let keys = place(&here);
            here.write(FILE, PIPELINE.replace("lease:", &format!("{how}lease:")));
            append(&*keys, 0..rows);
            let learned = once(&here);
            append(&*keys, rows..rows + 1);
            let again = once(&here);
            assert_eq!(again["learned"]["rows"], rows + 1);
            here.write("new.csv", csv(2_000..2_100));
            assert!(predictions(&here, "demo").into_iter().all(f64::is_finite));
            learned
        })
        .collect();
    for (i, one) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|other| digest(other) != digest(one)));
    }
}

#[test]
fn entries_that_go_unread_are_noticed() {
    let mut here = Place::with_server();
    let keys = place(&here);
    append(&*keys, 0..200);
    let read = once(&here);
    let mut raw = here.server().unwrap().raw();
    let mut trim =
        |length: usize| redis::cmd("XTRIM").arg("events").arg("MAXLEN").arg(length).exec(&mut raw).unwrap();
    // What was read may go.
    trim(0);
    append(&*keys, 200..250);
    assert_eq!(once(&here)["learned"]["rows"], 250);
    append(&*keys, 250..400);
    trim(60);
    let words = ["E0414", "90 entries of stream `events` behind entry", "have gone unread", "on_gap"];
    here.run(&["learn", FILE, "--once"]).fails(4, &words);
    here.run(&["learn", FILE, "--once"]).fails(4, &words);
    here.write(FILE, PIPELINE.replace("lease:", "on_gap: warn, lease:"));
    let ran = here.run(&["learn", FILE, "--once", "--json"]);
    assert_eq!(ran.object()["learned"]["rows"], 310);
    ran.ok().says(&["90 entries"]);
    let after = once(&here);
    assert_eq!(after["learned"]["rows"], 310);
    assert_ne!(digest(&read), digest(&after));
}

#[test]
fn a_server_that_was_gone_is_gone_on_with() {
    let mut server = Server::with(&["--appendonly yes", "--appendfsync always"]);
    let here = Place::new().at(&server.url("/0"));
    append(&*place(&here), 0..120);
    once(&here);
    server.restart();
    let keys = place(&here);
    append(&*keys, 120..300);
    let learned = once(&here);
    assert_eq!((&learned["read"], &learned["learned"]["rows"]), (&180.into(), &300.into()));
    assert_eq!(digest(&learned), digest(&undisturbed(300)));
}

#[test]
fn learning_goes_on_until_it_is_told_to_stop() {
    on_both(|here| {
        let keys = place(here);
        append(&*keys, 0..120);
        let learner = here.command(&["learn", FILE, "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        let published = |versions: usize| {
            while here.versions("demo").len() < versions {
                assert!(std::time::Instant::now() < deadline, "no version {versions}");
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        published(1);
        append(&*keys, 120..300);
        published(2);
        std::process::Command::new("kill").arg(learner.id().to_string()).status().unwrap();
        let output = learner.wait_with_output().unwrap();
        assert!(output.status.success());
        let learned: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(learned["learned"]["rows"], 300);
        assert_eq!(digest(&learned), digest(&undisturbed(300)));
    });
}
