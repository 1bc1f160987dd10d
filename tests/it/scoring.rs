//! `pipefit score`: for each entry of a stream one prediction, by however many workers, and what has none is laid aside.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::sync::Arc;

use pipefit::source::keys::{self, Entry, EntryId, Keys, Row};
use redis::{Connection, Value, cmd};

use crate::command::Place;
use crate::fleet::{Cluster, wait_until};
use crate::learn::{FILE, append, csv, id, opened, place};
use crate::server::Server;

/// A folder, and a server whose registry has version 1 of `demo`.
pub fn published() -> (Place, Arc<dyn Keys>) {
    let here = Place::with_server();
    let keys = place(&here);
    here.write("rows.csv", csv(0..330));
    here.run(&["run", FILE]).ok();
    (here, keys)
}

/// The command, with more options.
pub fn scoring<'a>(model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["score", model, "--stream", "events", "--output", "scored"], more].concat()
}

/// Runs a worker that ends by itself; what it says of itself.
fn once(here: &Place, more: &[&str]) -> serde_json::Value {
    here.run(&scoring("demo", &[&["--once", "--json"], more].concat())).json()
}

/// What `predict` says of rows, by the ids of their entries.
pub fn expected(here: &Place, model: &str, rows: std::ops::Range<usize>) -> BTreeMap<String, String> {
    here.write("expected.csv", csv(rows.clone()));
    let out = here.run(&["predict", model, "--input", "expected.csv"]).ok().out;
    let predictions: Vec<&str> = out.lines().skip(1).collect();
    assert_eq!(predictions.len(), rows.len());
    rows.zip(predictions).map(|(i, prediction)| (id(i).to_string(), prediction.to_owned())).collect()
}

/// The entries of a stream, none of one that is not there.
pub fn entries(keys: &dyn Keys, key: &str) -> Vec<BTreeMap<String, String>> {
    let Ok(page) = keys.page(key, EntryId::FIRST, 1_000_000) else { return Vec::new() };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let fields = |row: Row| row.into_iter().map(|(name, value)| (text(name), text(value))).collect();
    page.into_iter().map(|(_, row)| fields(row)).collect()
}

/// Holds the output to one entry for each of these, with these predictions, to the bit.
#[track_caller]
pub fn holds(keys: &dyn Keys, expected: &BTreeMap<String, String>) {
    let scored = entries(keys, "scored");
    let mut found = BTreeMap::new();
    for entry in &scored {
        let before = found.insert(entry["pipefit_id"].clone(), entry["prediction"].clone());
        assert_eq!(before, None, "{} was written twice", entry["pipefit_id"]);
    }
    assert_eq!(found.len(), expected.len());
    let bits = |text: &String| text.parse::<f64>().unwrap().to_bits();
    for ((source, prediction), (id, wanted)) in found.iter().zip(expected) {
        assert_eq!((source, bits(prediction)), (id, bits(wanted)), "{prediction} {wanted}");
    }
}

/// How many entries are pending, whoever has them.
pub fn pending(raw: &mut Connection) -> usize {
    let Value::Array(parts) = cmd("XPENDING").arg("events").arg("pipefit").query(raw).unwrap() else {
        panic!("no group")
    };
    match parts[0] {
        Value::Int(count) => usize::try_from(count).unwrap(),
        _ => panic!("no count"),
    }
}

/// A worker that goes on until it is told to stop.
pub fn start(here: &Place, model: &str, more: &[&str]) -> Child {
    here.command(&scoring(model, more)).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Tells a worker to stop, which ends well.
pub fn stop(worker: Child) {
    std::process::Command::new("kill").arg(worker.id().to_string()).status().unwrap();
    let output = worker.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

fn add(keys: &dyn Keys, i: usize, fields: &[(&str, &str)]) {
    let bytes = |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let fields = fields.iter().map(bytes).collect();
    keys.append("events", &[Entry { id: Some(id(i)), fields }]).unwrap();
}

/// Has a worker take entries that never comes back.
fn ghost(raw: &mut Connection, most: usize) {
    let made = cmd("XGROUP").arg("CREATE").arg("events").arg("pipefit").arg("0").arg("MKSTREAM").exec(raw);
    // It may be there.
    let _ = made;
    let mut request = cmd("XREADGROUP");
    request
        .arg("GROUP")
        .arg("pipefit")
        .arg("ghost")
        .arg("COUNT")
        .arg(most)
        .arg("STREAMS")
        .arg("events")
        .arg(">");
    request.exec(raw).unwrap();
}

#[test]
fn every_entry_has_the_prediction_that_predict_gives() {
    let (mut here, keys) = published();
    append(&*keys, 0..1_000);
    let told = once(&here, &["--batch", "64", "--keep", "plan,c,absent"]);
    let wanted = expected(&here, "demo", 0..1_000);
    holds(&*keys, &wanted);
    assert_eq!((&told["schema"], &told["read"]), (&"pipefit.score/1".into(), &1_000.into()));
    assert_eq!((&told["written"], &told["dead"], &told["pending"]), (&1_000.into(), &0.into(), &0.into()));
    assert_eq!(
        (&told["versions"][0]["version"], &told["versions"][0]["written"]),
        (&1.into(), &1_000.into())
    );
    assert_eq!(told["lag"], 0);
    let scored = entries(&*keys, "scored");
    assert_eq!((&scored[1]["pipefit_model"], &scored[1]["plan"]), (&"demo:1".to_owned(), &"p1".to_owned()));
    assert!(scored[1].contains_key("c") && !scored[4].contains_key("c") && !scored[1].contains_key("absent"));
    // Again there is nothing to do; the worker has left the group.
    assert_eq!(once(&here, &[])["read"], 0);
    let mut raw = here.server().unwrap().raw();
    let workers: Vec<Value> =
        cmd("XINFO").arg("CONSUMERS").arg("events").arg("pipefit").query(&mut raw).unwrap();
    assert_eq!((pending(&mut raw), workers.len()), (0, 0));
    append(&*keys, 1_000..1_100);
    assert_eq!(once(&here, &["--worker", "ann", "--max-wait", "20ms"])["written"], 100);
    holds(&*keys, &expected(&here, "demo", 0..1_100));
    // Another group reads all of it again, or from a place on.
    let told = once(&here, &["--group", "late", "--from", &id(1_090).to_string()]);
    assert_eq!(told["written"], 10);
}

#[test]
fn a_stream_that_is_not_there_yet_has_no_entries() {
    let (here, keys) = published();
    assert_eq!(once(&here, &[])["read"], 0);
    append(&*keys, 0..3);
    assert_eq!(once(&here, &[])["written"], 3);
}

#[test]
fn what_has_no_prediction_is_laid_aside_with_the_reason() {
    let (mut here, keys) = published();
    append(&*keys, 0..50);
    add(&*keys, 50, &[("a", "many"), ("b", "1"), ("plan", "p0")]);
    add(&*keys, 51, &[("b", "1"), ("a", "inf")]);
    add(&*keys, 52, &[("colour", "red")]);
    append(&*keys, 53..100);
    let ran = here.run(&scoring("demo", &["--once", "--json"]));
    let told = ran.object();
    ran.ok().says(&["3 entries have no prediction", "1007-1", "`many`"]);
    assert_eq!((&told["written"], &told["dead"]), (&97.into(), &3.into()));
    let mut wanted = expected(&here, "demo", 0..100);
    (50..53).for_each(|i| _ = wanted.remove(&id(i).to_string()));
    holds(&*keys, &wanted);
    let dead = entries(&*keys, "events:dead");
    let told: Vec<(&str, &str)> =
        dead.iter().map(|entry| (&*entry["pipefit_id"], &*entry["pipefit_reason"])).collect();
    assert_eq!(told.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [50, 51, 52].map(|i| id(i).to_string()));
    for ((_, reason), word) in told.iter().zip(["`many`", "inf", "no field that `demo` takes"]) {
        assert!(reason.contains(word), "{reason}");
    }
    assert_eq!((&dead[0]["a"], &dead[2]["colour"]), (&"many".to_owned(), &"red".to_owned()));
    assert_eq!(pending(&mut here.server().unwrap().raw()), 0);
}

#[test]
fn entries_of_workers_that_are_gone_are_taken_over_and_poison_is_not() {
    let (mut here, keys) = published();
    let mut raw = here.server().unwrap().raw();
    append(&*keys, 0..40);
    ghost(&mut raw, 30);
    // One entry has ended its workers again and again.
    let poison = id(7).to_string();
    let mut claim = cmd("XCLAIM");
    claim.arg("events").arg("pipefit").arg("ghost").arg(0).arg(&poison).arg("RETRYCOUNT").arg(5);
    claim.exec(&mut raw).unwrap();
    let told = once(&here, &["--idle", "50ms"]);
    assert_eq!((&told["reclaimed"], &told["written"], &told["dead"]), (&30.into(), &39.into(), &1.into()));
    let mut wanted = expected(&here, "demo", 0..40);
    wanted.remove(&poison);
    holds(&*keys, &wanted);
    let dead = entries(&*keys, "events:dead");
    assert_eq!(dead.len(), 1);
    assert_eq!(
        dead[0]["pipefit_reason"],
        "was delivered 5 times and never predicted: its workers ended before"
    );
    assert_eq!(pending(&mut raw), 0);
    // Under its old name a worker takes its entries at once, whatever `--idle` says.
    append(&*keys, 40..50);
    ghost(&mut raw, 10);
    let told = once(&here, &["--worker", "ghost", "--idle", "1d"]);
    assert_eq!((&told["reclaimed"], &told["written"]), (&10.into(), &10.into()));
    assert_eq!(pending(&mut raw), 0);
}

#[test]
fn entries_that_were_trimmed_while_they_were_pending_are_acknowledged() {
    for (worker, idle) in [("other", "50ms"), ("ghost", "1d")] {
        let (mut here, keys) = published();
        let mut raw = here.server().unwrap().raw();
        append(&*keys, 0..40);
        ghost(&mut raw, 30);
        cmd("XTRIM").arg("events").arg("MAXLEN").arg(20).exec(&mut raw).unwrap();
        let told = once(&here, &["--worker", worker, "--idle", idle]);
        assert_eq!((&told["trimmed"], &told["written"]), (&20.into(), &20.into()), "{told}");
        let mut wanted = expected(&here, "demo", 0..40);
        (0..20).for_each(|i| _ = wanted.remove(&id(i).to_string()));
        holds(&*keys, &wanted);
        assert_eq!(pending(&mut raw), 0);
        // Also where nothing is left of the stream.
        append(&*keys, 40..45);
        ghost(&mut raw, 3);
        cmd("XTRIM").arg("events").arg("MAXLEN").arg(0).exec(&mut raw).unwrap();
        assert_eq!(once(&here, &["--worker", worker, "--idle", idle])["trimmed"], 3);
        assert_eq!(pending(&mut raw), 0);
    }
}

#[test]
fn an_alias_that_moves_is_followed_and_no_entry_is_lost() {
    let (mut here, keys) = published();
    here.run(&["run", FILE, "-S", "model.Ridge.alpha=50"]).ok();
    here.run(&["models", "promote", "demo:1", "--alias", "champion"]).ok();
    let worker = start(&here, "demo@champion", &["--poll", "20ms", "--batch", "16"]);
    let (mut there, count) = (0, |keys: &dyn Keys| entries(keys, "scored").len());
    let mut more = |upto: usize| {
        append(&*keys, there..upto);
        there = upto;
    };
    more(300);
    wait_until("version 1 has predicted", || count(&*keys) == 300);
    here.run(&["models", "promote", "demo:2", "--alias", "champion"]).ok();
    let mut upto = 300;
    while entries(&*keys, "scored").last().is_none_or(|last| last["pipefit_model"] != "demo:2") {
        assert!(upto < 20_000, "version 2 never came");
        upto += 10;
        more(upto);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    wait_until("all is predicted", || count(&*keys) == upto);
    stop(worker);
    let by = [expected(&here, "demo:1", 0..upto), expected(&here, "demo:2", 0..upto)];
    let mut wanted = BTreeMap::new();
    let mut second = 0;
    for entry in entries(&*keys, "scored") {
        let version = usize::from(entry["pipefit_model"] == "demo:2");
        second += version;
        let source = entry["pipefit_id"].clone();
        wanted.insert(source.clone(), by[version][&source].clone());
    }
    assert!(second > 0 && second < upto);
    holds(&*keys, &wanted);
    assert_eq!(pending(&mut here.server().unwrap().raw()), 0);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_done() {
    let (mut here, keys) = published();
    append(&*keys, 0..3);
    let mut raw = here.server().unwrap().raw();
    cmd("SET").arg("text").arg("1").exec(&mut raw).unwrap();
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        here.run(&[&["score"], arguments].concat()).fails(code, words);
    };
    refused(&["demo", "--stream", "text", "--output", "scored"], 4, &["E0404", "`text` is a string"]);
    refused(&["demo", "--stream", "events", "--output", "text"], 4, &["E0404", "`text` is a string"]);
    refused(&["demo", "--stream", "events", "--output", "events"], 2, &["entries of its own"]);
    refused(&["demo", "--stream", "events", "--output", "events:dead"], 2, &["entries of its own"]);
    refused(&["demo", "--stream", "events", "--output", "pipefit:x"], 6, &["pipefit keeps its own records"]);
    refused(&["absent", "--stream", "events", "--output", "scored"], 4, &["absent"]);
    refused(&["demo", "--stream", "events", "--output", "scored", "--proba"], 2, &["no probabilities"]);
    refused(
        &["demo", "--stream", "events", "--output", "scored", "--keep", "pipefit_id"],
        2,
        &["pipefit_id"],
    );
    refused(&["demo", "--stream", "events", "--output", "scored", "--idle", "5"], 2, &["10s"]);
    let folder = ["demo", "--stream", "events", "--output", "scored", "--store", "dir:store"];
    refused(&folder, 2, &["without groups of consumers", "--as stream"]);
    let groups: Vec<Value> = cmd("XINFO").arg("GROUPS").arg("events").query(&mut raw).unwrap();
    assert!(groups.is_empty());
    cmd("SET").arg("events:dead").arg("1").exec(&mut raw).unwrap();
    refused(&["demo", "--stream", "events", "--output", "scored"], 4, &["`events:dead` is a string"]);
    let old = Server::with(&["--rename-command XAUTOCLAIM gone"]);
    let store = old.url("/0");
    refused(&["demo", "--stream", "s", "--output", "o", "--store", &store], 6, &["XAUTOCLAIM", "6.2"]);
}

#[test]
fn in_a_cluster_stream_and_output_share_a_slot() {
    let cluster = Cluster::start();
    let here = Place::new().at(&cluster.url(""));
    let keys = place(&here);
    here.write("rows.csv", csv(0..330));
    here.run(&["run", FILE]).ok();
    here.run(&scoring("demo", &[])).fails(6, &["do not share a slot", "`{events}:scored`"]);
    assert_eq!(keys.kind("events").unwrap(), None);
    let bytes = |text: &str| text.as_bytes().to_vec();
    let fields = vec![(bytes("a"), bytes("1000")), (bytes("b"), bytes("999")), (bytes("plan"), bytes("p1"))];
    let added: Vec<Entry> = (0..100).map(|_| Entry { id: None, fields: fields.clone() }).collect();
    keys.append("{events}", &added).unwrap();
    let run = ["score", "demo", "--stream", "{events}", "--output", "{events}:scored", "--once", "--json"];
    assert_eq!(here.run(&run).json()["written"], 100);
    assert_eq!(entries(&*keys, "{events}:scored").len(), 100);
}

#[test]
fn probabilities_are_those_of_predict() {
    let here = Place::with_server();
    here.write(
        "class.yaml",
        "version: 1\nname: class\nsource: {file: class.csv}\ntarget: y\npreprocess: [SimpleImputer, StandardScaler]\n\
         model: LogisticRegression\ncv: null\n",
    );
    let row = |i: usize| (i % 17, (i * 7) % 23, if i % 17 + (i * 7) % 5 > 9 { "yes" } else { "no" });
    let lines: String = (0..200).map(row).map(|(a, b, y)| format!("{a},{b},{y}\n")).collect();
    here.write("class.csv", format!("a,b,y\n{lines}"));
    here.run(&["run", "class.yaml"]).ok();
    let keys = opened(&here);
    for i in 0..50 {
        let (a, b, _) = row(i);
        add(&*keys, i, &[("a", &a.to_string()), ("b", &b.to_string())]);
    }
    here.run(&scoring("class", &["--once", "--proba"])).ok();
    let out = here.run(&["predict", "class", "--input", "events", "--proba"]).ok().out;
    let scored = entries(&*keys, "scored");
    assert_eq!(scored.len(), 50);
    for (line, entry) in out.lines().skip(1).zip(scored) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[0], entry["prediction"]);
        let number = |text: &str| text.parse::<f64>().unwrap();
        let probabilities = ["proba_no", "proba_yes"].map(|name| number(&entry[name]));
        assert_eq!(probabilities, [number(cells[1]), number(cells[2])]);
    }
}

/// The keys of a server, past the command.
fn of(server: &Server) -> Arc<dyn Keys> {
    keys::open(&server.url("/0"), std::path::Path::new("")).unwrap().1
}

#[test]
fn what_the_server_refuses_to_write_stays_pending_and_is_written_once() {
    use pipefit::source::keys::{Fate, GroupTerms, Settled};
    let server = Server::start();
    let (keys, mut raw) = (of(&server), server.raw());
    append(&*keys, 0..4);
    let text = |text: &str| text.to_owned();
    let (stream, output, dead) = (text("events"), text("scored"), text("events:dead"));
    let terms = GroupTerms { stream, output, dead, group: text("pipefit"), worker: text("ann") };
    let group = keys.group(&terms).unwrap();
    assert!(group.create(Some(EntryId::FIRST)).unwrap() && !group.create(None).unwrap());
    let fresh = group.fresh(10, std::time::Duration::from_millis(10)).unwrap();
    let row = || vec![(b"prediction".to_vec(), b"1.5".to_vec())];
    let fates: Vec<(EntryId, Fate)> = fresh
        .iter()
        .zip([Fate::Written(row()), Fate::Dead(row()), Fate::Gone, Fate::Written(row())])
        .map(|(entry, fate)| (entry.id, fate))
        .collect();
    // A key of another kind, no memory, a replica: nothing is acknowledged that is not written.
    cmd("SET").arg("scored").arg("1").exec(&mut raw).unwrap();
    assert!(!group.settle(&fates).unwrap_err().passing);
    assert_eq!(pending(&mut raw), 4);
    cmd("DEL").arg("scored").exec(&mut raw).unwrap();
    let set = |name: &str, value: &str| {
        cmd("CONFIG").arg("SET").arg(name).arg(value).exec(&mut server.raw()).unwrap();
    };
    set("maxmemory", "1");
    assert!(group.settle(&fates).unwrap_err().passing);
    assert_eq!((pending(&mut raw), entries(&*keys, "scored").len()), (4, 0));
    set("maxmemory", "0");
    let huge = vec![row()[0].clone(); 4_000];
    let error = group.settle(&[(fates[0].0, Fate::Written(huge))]).unwrap_err();
    assert!(error.diagnostic.message().contains("4000 fields"), "{error:?}");
    // Dead letters that cannot be written: the one before is whole, the others are pending.
    cmd("SET").arg("events:dead").arg("1").exec(&mut raw).unwrap();
    group.settle(&fates).unwrap_err();
    assert_eq!((pending(&mut raw), entries(&*keys, "scored").len()), (3, 1));
    cmd("DEL").arg("events:dead").exec(&mut raw).unwrap();
    assert_eq!(group.settle(&fates).unwrap(), Settled { written: 1, dead: 1, gone: 1 });
    assert_eq!(group.settle(&fates).unwrap(), Settled::default());
    assert_eq!((pending(&mut raw), entries(&*keys, "scored").len()), (0, 2));
    let most = vec![row()[0].clone(); 3_900];
    append(&*keys, 4..5);
    let last = group.fresh(1, std::time::Duration::from_millis(10)).unwrap()[0].id;
    assert_eq!(group.settle(&[(last, Fate::Written(most))]).unwrap().written, 1);
    cmd("XGROUP").arg("DESTROY").arg("events").arg("pipefit").exec(&mut raw).unwrap();
    let error = group.settle(&fates).unwrap_err();
    assert!(!error.passing && error.diagnostic.message().contains("NOGROUP"), "{error:?}");
}
