//! Targets that come in entries of their own, later than the features.

use std::process::Stdio;
use std::time::Duration;

use pipefit::source::keys::{self, Entry, EntryId, Keys};
use rand_mt::Mt64;
use serde_json::Value;

use crate::command::{Place, on_both};
use crate::learn::{FILE, digest, once, opened};

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
online: {stream: events, batch: 50, max_wait: 20ms, lease: 2s, labels: {key: order, wait: 1h, rows: 60}}
";

type Fields = Vec<(&'static str, String)>;

fn x(i: usize) -> f64 {
    ((i * 7919 + i * i * 31) % 1009) as f64 / 1009.0
}

fn features(i: usize) -> Fields {
    vec![("order", format!("o{i}")), ("x", x(i).to_string()), ("shop", format!("s{}", i % 3))]
}

fn label(i: usize) -> Fields {
    vec![("order", format!("o{i}")), ("y", (3.0 * x(i) + (i % 3) as f64).to_string())]
}

/// The first rows are whole, which tells the columns' types; then labels come up to forty rows late, in an order of their own.
fn stream(rows: usize) -> Vec<Fields> {
    let whole = |i| [features(i), label(i)[1..].to_vec()].concat();
    let mut entries: Vec<Fields> = (0..100).map(whole).collect();
    let mut due: Vec<(usize, usize)> = (100..rows).map(|i| (i + 1 + i * 17 % 40, i)).collect();
    due.sort_unstable();
    let mut due = due.into_iter().peekable();
    for i in 100..rows + 41 {
        entries.extend((i < rows).then(|| features(i)));
        while let Some((_, row)) = due.next_if(|(when, _)| *when <= i) {
            entries.push(label(row));
        }
    }
    entries
}

fn append(keys: &dyn Keys, entries: &[Fields], from: usize) {
    let bytes = |(name, value): &(&str, String)| (name.as_bytes().to_vec(), value.clone().into_bytes());
    let entry = |(i, fields): (usize, &Fields)| Entry {
        id: Some(EntryId { time: 1_000 + (from + i) as u64, number: 0 }),
        fields: fields.iter().map(bytes).collect(),
    };
    let entries: Vec<Entry> = entries.iter().enumerate().map(entry).collect();
    keys.append("events", &entries).unwrap();
}

fn place(here: &Place, pipeline: &str) -> std::sync::Arc<dyn Keys> {
    here.write(FILE, pipeline);
    opened(here)
}

/// What was buried in a stream: ids and reasons.
fn buried(keys: &dyn Keys, stream: &str) -> Vec<(u64, String)> {
    let reason = |fields: &keys::Row| String::from_utf8(fields.last().unwrap().1.clone()).unwrap();
    let page = keys.page(stream, EntryId::FIRST, 1_000).unwrap();
    page.iter().map(|(id, fields)| (id.time - 1_000, reason(fields))).collect()
}

#[test]
fn rows_are_learned_when_their_labels_come() {
    let entries = stream(400);
    // The same rows, each whole, in the order of their labels.
    let whole = Place::new();
    let keys = place(&whole, &PIPELINE.replace(", labels: {key: order, wait: 1h, rows: 60}", ""));
    let row = |fields: &Fields| fields[0].1[1..].parse::<usize>().unwrap();
    let labels: Vec<Fields> = entries
        .iter()
        .filter(|fields| fields.iter().any(|(name, _)| *name == "y"))
        .map(|fields| [features(row(fields)), label(row(fields))[1..].to_vec()].concat())
        .map(|fields| fields[1..].to_vec())
        .collect();
    assert_eq!(labels.len(), 400);
    append(&*keys, &labels, 0);
    let expected = once(&whole);
    on_both(|here| {
        let keys = place(here, PIPELINE);
        let mut from = 0;
        for to in [99, 130, 131, 400, entries.len()] {
            append(&*keys, &entries[from..to], from);
            from = to;
            let learned = once(here);
            assert_eq!(learned["learned"]["read"], to);
            let waiting = learned["learned"]["labels"]["waiting"].as_u64().unwrap_or(0);
            assert_eq!(waiting > 0, to > 100 && to < entries.len(), "{learned}");
        }
        let learned = once(here);
        assert_eq!(learned["learned"]["rows"], 400);
        assert_eq!(learned["learned"]["score"], expected["learned"]["score"]);
        let new = (0..20).map(|i| format!("{},s{}\n", x(i + 900), i % 4)).collect::<String>();
        let predicted = [here, &whole].map(|place| {
            place.write("new.csv", format!("x,shop\n{new}"));
            place.run(&["predict", "demo", "--input", "new.csv"]).ok().out
        });
        assert_eq!(predicted[0], predicted[1]);
    });
}

#[test]
fn what_never_finds_its_label_goes_where_somebody_may_look() {
    on_both(|here| {
        let keys = place(here, PIPELINE);
        let mut entries = stream(100);
        assert_eq!(entries.len(), 100);
        // Seventy rows, of which sixty may wait; the last comes twice.
        entries.extend((100..170).chain([169]).map(features));
        // A label that nobody waits for, one of a row that was let go, and a row without its key.
        entries.extend([label(900), label(105), features(3)[1..].to_vec(), label(165)]);
        append(&*keys, &entries, 0);
        let ran = here.run(&["learn", FILE, "--once", "--json"]);
        let learned = ran.object();
        ran.ok().says(&[
            "10 entries have waited for a label in vain",
            "events:unlabelled",
            "4 entries cannot be learned",
        ]);
        assert_eq!(learned["learned"]["labels"], serde_json::json!({"waiting": 59, "expired": 10}));
        assert_eq!((&learned["learned"]["rows"], &learned["learned"]["refused"]), (&101.into(), &4.into()));
        let expired: Vec<u64> = buried(&*keys, "events:unlabelled").into_iter().map(|(i, _)| i).collect();
        assert_eq!(expired, (100..110).collect::<Vec<u64>>());
        let reasons: Vec<(u64, String)> = buried(&*keys, "events:dead");
        let expected = [
            (170, "a row with this `order` waits already"),
            (171, "no row waits for this label"),
            (172, "no row waits for this label"),
            (173, "field `order` is missing, and `y` too"),
        ];
        assert_eq!(reasons, expected.map(|(i, reason)| (i, reason.to_owned())));
        // An hour and more later, whoever still waits has waited in vain.
        append(&*keys, &[features(500)], 4_000_000);
        let learned = once(here);
        assert_eq!(learned["learned"]["labels"], serde_json::json!({"waiting": 1, "expired": 69}));
        assert_eq!(buried(&*keys, "events:unlabelled").len(), 69);
    });
}

/// Killed at any moment, again and again: rows that wait are part of the state.
#[test]
fn rows_that_wait_outlive_kills() {
    let entries = stream(600);
    let undisturbed = Place::new();
    append(&*place(&undisturbed, PIPELINE), &entries, 0);
    let expected = once(&undisturbed);
    on_both(|here| {
        let keys = place(here, PIPELINE);
        let mut random = Mt64::new(4);
        let (mut there, mut killed) = (0, 0);
        while there < entries.len() {
            let more = (there + 1 + (random.next_u64() % 120) as usize).min(entries.len());
            append(&*keys, &entries[there..more], there);
            there = more;
            let mut command = here.command(&["learn", FILE, "--once"]);
            let mut learner = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(random.next_u64() % 60));
            killed += usize::from(learner.try_wait().unwrap().is_none());
            learner.kill().unwrap();
            learner.wait().unwrap();
        }
        let learned: Value = once(here);
        assert_eq!(digest(&learned), digest(&expected), "{learned} {expected}");
        assert_eq!(learned["learned"]["rows"], 600);
        assert!(killed > 0, "none was killed");
    });
}

#[test]
fn labels_need_a_key() {
    let here = Place::new();
    place(&here, &PIPELINE.replace("key: order, wait: 1h", "wait: soon"));
    here.run(&["check", FILE]).fails(3, &["`online.labels`", "`key: id`"]);
}
