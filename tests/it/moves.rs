//! Tables into keys of every kind and back, from store to store, and predictions into keys: by the command and by its parts.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pipefit::diag::Silent;
use pipefit::source::formats::{Format, ReadOptions, read};
use pipefit::source::keys::{self, EntryId, Item, Keys, Kind, Others};
use pipefit::source::layouts::{self, Entries, RowKeys};
use pipefit::table::{Table, fingerprint};
use serde_json::json;

use crate::command::{Place, on_both};
use crate::disks::Small;
use crate::kinds::{Given, ODD, row};
use crate::server::Server;

pub const CSV: &str = "id,größe,\"a b\",plan,ok\n007,1.5,1,frei,true\n8,,2,\"x\ny\",false\nñ*[,3,,,\n";

fn keys_at(url: &str, base: &Path) -> Arc<dyn Keys> {
    keys::open(url, base).unwrap().1
}

/// A table of some rows: numbers, words and truths, missing here and there but in the first row, under odd names.
fn table(seed: u64) -> Table {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut dice = |sides: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % sides
    };
    let words = ["a", "größe\n", "\"'", "x,y", "{", "[1]", " padded ", "\u{1F600}", "%41"];
    let rows = 1 + dice(40) * dice(60);
    let mut lines = String::new();
    for i in 0..rows {
        let mut object = serde_json::Map::new();
        object.insert("n".into(), json!(i));
        for (at, name) in ODD[1..].iter().enumerate() {
            let value = match (dice(5) == 0 && i > 0, at % 3) {
                (true, _) => json!(null),
                (_, 0) => json!(dice(1_000_000) as f64 / 8.0 - 3e4),
                (_, 1) => json!(words[dice(9) as usize]),
                _ => json!(dice(2) == 0),
            };
            object.insert((*name).into(), value);
        }
        lines.push_str(&serde_json::Value::Object(object).to_string());
        lines.push('\n');
    }
    read(lines.as_bytes(), Format::Jsonl, "k", &ReadOptions::default()).unwrap().table
}

fn same(found: &Table, expected: &Table, what: &str) {
    assert_eq!(found.schema(), expected.schema(), "{what}");
    assert_eq!(fingerprint(found), fingerprint(expected), "{what}");
}

#[test]
fn tables_come_back_from_every_layout_and_store() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let urls = ["mem:".to_owned(), "dir:store".to_owned(), server.url("/0")];
    let stores: Vec<Arc<dyn Keys>> = urls.iter().map(|url| keys_at(url, folder.path())).collect();
    let options = ReadOptions::default();
    for seed in 1..=12 {
        let table = table(seed);
        let digits = table.rows().to_string().len();
        for (keys, url) in stores.iter().zip(&urls) {
            let keys = &**keys;
            let what = format!("seed {seed} in {url}");
            let row_keys = RowKeys::parse(&format!("h*[{seed}:{{id}}\n")).unwrap();
            let names = row_keys.of(&table, None, 0, digits).unwrap();
            layouts::write_hashes(keys, &table, &names, Others::Go).unwrap();
            let found = layouts::read_rows(keys, &row_keys.pattern(), &options, &Silent).unwrap().table;
            same(&found, &table, &format!("hashes, {what}"));
            layouts::write_list(keys, "list", &table).unwrap();
            let found = layouts::read_members(keys, "list", false, &options, &Silent).unwrap().table;
            same(&found, &table, &format!("a list, {what}"));
            layouts::write_stream(keys, "stream", &table).unwrap();
            let entries = Entries::default();
            let found = layouts::read_stream(keys, "stream", &entries, &options, &Silent).unwrap().table;
            same(&found, &table, &format!("a stream, {what}"));
            layouts::append_rows(keys, "stream", &table).unwrap();
            assert_eq!(keys.stream("stream").unwrap().unwrap().length, 2 * table.rows(), "{what}");
        }
    }
}

#[test]
fn a_file_becomes_keys_of_every_kind() {
    on_both(|place| {
        place.write("t.csv", CSV);
        // As categories ids keep their spelling.
        place.run(&["data", "put", "value", "t.csv"]).ok();
        let put = place.run(&["data", "put", "h:{id}", "t.csv", "--as", "hash", "--id", "id"]).ok();
        assert!(put.err.contains("h:*: 3 rows, 5 columns, 3 hashes"), "{put}");
        let listed = place.run(&["data", "ls", "h:*", "--json"]).json();
        let names: Vec<&str> =
            listed["keys"].as_array().unwrap().iter().map(|key| key["key"].as_str().unwrap()).collect();
        assert_eq!(names, ["h:007", "h:8", "h:ñ*["]);
        let shown = place.run(&["data", "show", "h:*", "--json"]).json();
        let value = place.run(&["data", "show", "value", "--json"]).json();
        assert_eq!((&shown["sha256"], &shown["rows"]), (&value["sha256"], &json!(3)));
        assert_eq!(
            shown["sample"][2],
            json!({"id": "ñ*[", "größe": 3.0, "a b": null, "plan": null, "ok": null})
        );
        assert_eq!((&value["kind"], &shown["kind"]), (&json!("string"), &json!(null)));
        assert_eq!(value["columns"][1]["missing_share"], json!(1.0 / 3.0));
        for (form, kind) in [("list", "list"), ("stream", "stream")] {
            place.run(&["data", "put", "other", "t.csv", "--as", form]).ok();
            let shown = place.run(&["data", "show", "other", "--json"]).json();
            assert_eq!((&shown["sha256"], &shown["kind"]), (&value["sha256"], &json!(kind)));
            place.run(&["data", "get", "other", "out.csv"]).ok();
            place.run(&["data", "put", "again", "out.csv"]).ok();
            assert_eq!(place.run(&["data", "show", "again", "--json"]).json()["sha256"], value["sha256"]);
        }
        let shown = place.run(&["data", "show", "other"]).ok().out;
        for word in
            ["other: stream, 3 rows, 5 columns", "1 missing (33.3 %)", "the first 3 of 3 rows", "frei"]
        {
            assert!(shown.contains(word), "no `{word}` in {shown}");
        }
        // NPY has no missing texts: records without them it takes.
        place.run(&["data", "get", "value", "out.npy"]).fails(2, &["`plan`", "missing values", ".parquet"]);
        place.write("whole.csv", "größe,plan,ok\n3,frei,true\n,\"a, b\",false\n");
        place.run(&["data", "put", "array", "whole.csv", "--as", "npy"]).ok();
        assert_eq!(
            place.run(&["data", "get", "array", "-", "--as", "csv"]).ok().out,
            place.read("whole.csv")
        );
        // By the number of the row, and rows that are not in the file stay.
        place.write("few.csv", "x,y\n1,\n2,3\n");
        let put = place.run(&["data", "put", "h", "few.csv", "--as", "hash"]).ok();
        assert!(put.err.contains("3 other keys match `h:*` and stay, `h:007` first"), "{put}");
        let got = place.run(&["data", "get", "h:[12]", "-"]).ok();
        assert_eq!(got.out, "x,y\n1,\n2,3\n");
        // A row that is written again has none of its old fields.
        place.write("few.csv", "x\n5\n");
        place.run(&["data", "put", "h:{id}", "few.csv", "--as", "hash"]).ok();
        assert_eq!(place.run(&["data", "get", "h:[12]", "-"]).ok().out, "x,y\n5,\n2,3\n");

        // Removed by pattern, but not by accident.
        place.run(&["data", "rm", "h:*"]).fails(2, &["5 keys match", "--yes"]);
        assert_eq!(place.run(&["data", "rm", "h:*", "--yes", "--json"]).json()["removed"], 5);
        place.run(&["data", "rm", "h:*", "--yes"]).fails(4, &["no key in the store matches"]);
        place.run(&["data", "show", "h:*"]).fails(4, &["no key in the store matches"]);
    });
}

#[test]
fn what_cannot_be_rows_is_refused_before_anything_is_written() {
    on_both(|place| {
        place.write("twice.csv", "id,x\na,1\nb,2\na,3\n");
        place.write("none.csv", "id,x\na,1\n,2\n");
        place.write("blank.csv", "x,y\n1,2\n,\n");
        place.write("bad.csv", "x,y\n1,2,3\n");
        let put = |file: &str, more: &[&str]| place.run(&[&["data", "put", "r:{id}", file], more].concat());
        put("twice.csv", &["--as", "hash", "--id", "id"]).fails(4, &["rows 1 and 3", "`r:a`"]);
        put("none.csv", &["--as", "hash", "--id", "id"]).fails(4, &["`id`", "row 2"]);
        put("none.csv", &["--as", "hash", "--id", "ID"]).fails(4, &["`ID`", "did you mean `id`"]);
        put("blank.csv", &["--as", "hash"]).fails(4, &["row 2 has no cell"]);
        put("blank.csv", &["--as", "stream"]).fails(4, &["row 2 has no cell"]);
        put("bad.csv", &["--as", "hash"]).fails(4, &["bad.csv"]);
        put("twice.csv", &["--id", "id"]).fails(2, &["--as hash"]);
        place.run(&["data", "put", "*:*", "twice.csv", "--as", "hash"]).fails(2, &["`*:*`"]);
        assert_eq!(place.run(&["data", "ls"]).ok().out, "");
        // A list has room for it.
        put("blank.csv", &["--as", "list"]).ok();
        assert_eq!(place.run(&["data", "show", "r:{id}", "--json"]).json()["rows"], 2);
    });
}

/// Everything in a store, member by member.
fn everything(keys: &dyn Keys) -> Vec<(String, Kind, Vec<String>)> {
    let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
    keys.ls()
        .unwrap()
        .into_iter()
        .map(|listed| {
            let mut parts = Vec::new();
            match listed.kind {
                Kind::String => parts.push(shown(&keys.value(&listed.key).unwrap().unwrap())),
                Kind::Stream => {
                    let mut given = Given::default();
                    keys.entries(&listed.key, EntryId::FIRST, EntryId::LAST, &mut given).unwrap();
                    let entry = |(name, row): &(String, keys::Row)| format!("{name} {row:?}");
                    parts.extend(given.0.iter().map(entry));
                }
                kind => {
                    let mut each = |member: &[u8], beside: Option<&[u8]>| {
                        let score =
                            |beside: &[u8]| std::str::from_utf8(beside).unwrap().parse::<f64>().unwrap();
                        let beside = beside.map(|beside| match kind {
                            // Servers differ in how they spell a number.
                            Kind::Zset => score(beside).to_string(),
                            _ => shown(beside),
                        });
                        parts.push(format!("{} {beside:?}", shown(member)));
                        Ok(())
                    };
                    assert!(keys.members(&listed.key, kind, &mut each).unwrap());
                    assert_eq!(keys.length(&listed.key, kind).unwrap(), parts.len());
                }
            }
            (listed.key, listed.kind, parts)
        })
        .collect()
}

/// Keys of every kind, with names and members of any bytes.
fn fill(keys: &dyn Keys) {
    for (i, odd) in ODD.iter().enumerate() {
        let name = |kind: &str| format!("{kind}:{odd}");
        let members: Vec<Vec<u8>> =
            ODD.iter().map(|odd| [odd.as_bytes(), b"\xff\0"].concat()).chain([Vec::new()]).collect();
        keys.write(&name("string"), &members[i]).unwrap();
        for (kind, text) in
            [(Kind::List, "list"), (Kind::Set, "set"), (Kind::Zset, "zset"), (Kind::Hash, "hash")]
        {
            let mut filling = keys.fill(&name(text), kind).unwrap();
            for (j, member) in members.iter().enumerate() {
                let score = ["0.1", "-inf", "3", "1e-300", "inf"][j % 5].as_bytes();
                filling.push(Item::Member(member, Some(score))).unwrap();
            }
            filling.finish().unwrap();
        }
        let fields = row(&[(odd, b"\xff\n"), ("b", &members[i])]);
        let entries = [(5, 1), (5, 2), (u64::MAX, 7)]
            .map(|(time, number)| keys::Entry { id: Some(EntryId { time, number }), fields: fields.clone() });
        keys.append(&name("stream"), &entries).unwrap();
    }
    keys.fill("stream:empty", Kind::Stream).unwrap().finish().unwrap();
    let large: keys::Row =
        (0..40_000).map(|i| (i.to_string().into_bytes(), format!("{i:050}").into_bytes())).collect();
    keys.write_rows(&[("hash:large".into(), large)], Others::Go).unwrap();
}

#[test]
fn keys_of_every_kind_go_from_store_to_store_as_they_are() {
    let place = Place::new();
    let (one, two) = (Server::start(), Server::start());
    let (folder, here) = (keys_at("dir:store", place.root()), keys_at(&one.url("/0"), place.root()));
    fill(&*folder);
    let expected = everything(&*folder);
    assert!(expected.len() == 6 * ODD.len() + 2);
    let copy = |from: &str, to: &str| {
        let ran = place.run(&["data", "copy", "*", "--from-store", from, "--to-store", to, "--json"]).json();
        assert_eq!(ran["copied"], expected.len(), "{ran}");
        assert_eq!(ran["kinds"]["hash"], ODD.len() + 1);
    };
    copy("dir:store", &one.url("/0"));
    assert!(everything(&*here) == expected);
    copy(&one.url("/0"), &two.url("/3"));
    copy(&two.url("/3"), "dir:back");
    assert!(everything(&*keys_at("dir:back", place.root())) == expected);
    // Once more over what is there: replaced, not added.
    copy("dir:back", &one.url("/0"));
    assert!(everything(&*here) == expected);
}

#[test]
fn reading_keeps_to_its_rate() {
    let place = Place::with_server();
    let csv: String =
        std::iter::once("x\n".to_owned()).chain((0..40_000).map(|i| format!("{i:09}\n"))).collect();
    place.write("t.csv", &csv);
    place.run(&["data", "put", "t", "t.csv"]).ok();
    let took = |more: &[&str]| {
        let start = Instant::now();
        let got = place.run(&[&["data", "get", "t", "-"], more].concat()).ok();
        assert!(got.out == csv);
        start.elapsed()
    };
    // 400 kB.
    let slow = took(&["--rate", "200kB"]);
    assert!(slow > Duration::from_millis(1_500), "{slow:?}");
    assert!(took(&["--rate", "1GB"]) < slow);
    place.run(&["data", "get", "t", "-", "--rate", "10kB"]).fails(2, &["100kB"]);
}

const PIPELINE: &str =
    "version: 1\nname: m\nsource: {file: t.csv}\ntarget: y\nmodel: LogisticRegression\ncv: null\n";

/// A place with a model, and a file of so many rows to predict.
fn trained(place: &Place, rows: usize) {
    let line = |i: usize| format!("u{i},{},{},{}\n", i * 7 % 13, i % 17, ["no", "yes"][i * 7 % 13 / 7]);
    let csv = |rows: usize| "id,a,b,y\n".to_owned() + &(0..rows).map(line).collect::<String>();
    place.write("t.csv", csv(200).replace("id,", "i,"));
    place.write("new.csv", csv(rows));
    place.write("m.yaml", PIPELINE.replace("model:", "roles: {id: [i]}\nmodel:"));
    place.run(&["run", "m.yaml"]).ok();
}

#[test]
fn predictions_become_hashes_entries_or_a_value() {
    on_both(|place| {
        trained(place, 20);
        let predict = |more: &[&str]| place.run(&[&["predict", "m", "--input", "new.csv"], more].concat());
        let csv = predict(&["--proba", "--keep", "a"]).ok().out;
        // Other fields of a hash stay.
        place.write("old.csv", "id,name,prediction\nu3,Ann,maybe\n");
        place.run(&["data", "put", "p:{id}", "old.csv", "--as", "hash", "--id", "id"]).ok();
        let hashes = ["--output", "p:{id}", "--as", "hash", "--id", "id", "--proba", "--keep", "a"];
        let told = predict(&[&hashes[..], &["--json"]].concat()).json();
        assert_eq!((&told["rows"], &told["output"]), (&json!(20), &json!("p:{id}")));
        let line = |key: &str| place.run(&["data", "get", key, "-"]).ok().out;
        let fields = line("p:u4*");
        let expected: Vec<&str> = csv.lines().take(1).chain(csv.lines().skip(5).take(1)).collect();
        assert_eq!(fields.lines().collect::<Vec<_>>(), expected);
        assert!(line("p:u3*").contains("Ann"), "{}", line("p:u3*"));
        assert!(!line("p:u3*").contains("maybe"), "{}", line("p:u3*"));
        // Entries are added.
        for rows in [20, 40] {
            predict(&["--output", "s", "--as", "stream", "--proba", "--keep", "a"]).ok();
            assert_eq!(place.run(&["data", "show", "s", "--json"]).json()["rows"], rows);
        }
        let entries = line("s");
        assert_eq!(entries.lines().take(21).collect::<Vec<_>>(), csv.lines().collect::<Vec<_>>());
        // One value, in any format.
        for form in ["csv", "tsv", "json", "jsonl", "parquet", "arrow", "npy"] {
            predict(&["--output", "v", "--as", form, "--proba", "--keep", "a"]).ok();
            assert_eq!(place.run(&["data", "get", "v", "-", "--as", "csv"]).ok().out, csv, "{form}");
        }
        // What goes in may be keys of any kind as well.
        place.run(&["data", "put", "in:*", "new.csv", "--as", "hash", "--id", "id"]).ok();
        let sorted = |csv: &str| {
            let mut lines: Vec<String> = csv.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        let ran = place.run(&["predict", "m", "--input", "in:*", "--proba", "--keep", "a"]).ok();
        assert_eq!(sorted(&ran.out), sorted(&csv));

        let twice = place.read("new.csv") + "u7,1,1,yes\n";
        place.write("twice.csv", twice);
        let ran = place.run(&[
            "predict",
            "m",
            "--input",
            "twice.csv",
            "--output",
            "p:{id}",
            "--as",
            "hash",
            "--id",
            "id",
        ]);
        ran.fails(4, &["row 21", "`p:u7`"]);
        predict(&["--output", "p:{id}", "--as", "hash"]).fails(2, &["--id"]);
        predict(&["--output", "x.csv", "--as", "hash", "--id", "id"]).fails(2, &["keys"]);
        predict(&["--output", "x.csv", "--id", "id"]).fails(2, &["--as hash"]);
        predict(&["--output", "s", "--as", "stream", "--id", "id"]).fails(2, &["--keep"]);
        predict(&["--output", "p:{id}", "--as", "hash", "--id", "ID"]).fails(4, &["`ID`"]);
        place.run(&["data", "put", "q:u2", "old.csv"]).ok();
        predict(&["--output", "q:{id}", "--as", "hash", "--id", "id"]).fails(4, &["`q:u2`", "no hash"]);
    });
}

/// What was killed in the middle left whole entries, those of the first rows, and the next one adds behind them.
#[test]
fn a_killed_writer_leaves_whole_entries() {
    let place = Place::new();
    trained(&place, 150_000);
    let keys = keys_at("dir:store", place.root());
    let arguments = ["predict", "m", "--input", "new.csv", "--output", "s", "--as", "stream", "--keep", "id"];
    let (mut before, mut kills) = (0, 0);
    for round in 0..40 {
        let mut child =
            place.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let there =
            || keys.kind("s").unwrap().map_or(0, |_| keys.stream("s").unwrap().map_or(0, |s| s.length));
        // From the first entries on.
        while there() == before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(round * 431 % 9_000));
        kills += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let now = there();
        let mut given = Given::default();
        keys.entries("s", EntryId::FIRST, EntryId::LAST, &mut given).unwrap();
        assert_eq!(given.0.len(), now);
        for (i, (_, row)) in given.0[before..].iter().enumerate() {
            assert_eq!(row[1], (b"id".to_vec(), format!("u{i}").into_bytes()), "in round {round}");
        }
        before = now;
        if before > 300_000 {
            break;
        }
    }
    assert!(kills > 0, "nobody was killed in the middle");
}

#[test]
fn two_processes_append_at_once() {
    on_both(|place| {
        trained(place, 30_000);
        let arguments =
            ["predict", "m", "--input", "new.csv", "--output", "s", "--as", "stream", "--keep", "id"];
        let mut children: Vec<_> = (0..3)
            .map(|_| place.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
            .collect();
        for child in &mut children {
            assert!(child.wait().unwrap().success());
        }
        let keys = keys_at(place.store(), place.root());
        let mut given = Given::default();
        keys.entries("s", EntryId::FIRST, EntryId::LAST, &mut given).unwrap();
        let mut counts = std::collections::BTreeMap::new();
        given.0.iter().for_each(|(_, row)| *counts.entry(row[1].1.clone()).or_insert(0) += 1);
        assert_eq!((counts.len(), given.0.len()), (30_000, 90_000));
        assert!(counts.values().all(|count| *count == 3));
    });
}

#[test]
fn a_full_disk_keeps_what_was_appended() {
    let place = Place::new();
    trained(&place, 3_000);
    let Some(small) = Small::mount(&place, "small", "size=512k") else { return };
    place
        .run(&["data", "copy", "*", "--from-store", "dir:store", "--to-store", "dir:small"])
        .fails(4, &["*"]);
    let keys = keys_at("dir:small", place.root());
    let entry = |i: usize| keys::Entry { id: None, fields: row(&[("i", i.to_string().as_bytes())]) };
    let entries: Vec<keys::Entry> = (0..3_000).map(entry).collect();
    let mut written = 0;
    let error = loop {
        match keys.append("s", &entries) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100, "512 kB are never full");
    };
    assert!(written > 0 && error.message().contains("no space left"), "{error}");
    let count = || keys.stream("s").unwrap().unwrap().length;
    assert_eq!(count(), written * 3_000);
    assert_eq!(keys.append("s", &entries).unwrap_err().message(), error.message());
    let hashes: Vec<(String, keys::Row)> =
        (0..300).map(|i| (format!("h:{i}"), row(&[("x", &[b'x'; 3_000])]))).collect();
    assert!(keys.write_rows(&hashes, Others::Go).unwrap_err().message().contains("no space left"));
    small.again("size=4m");
    keys.append("s", &entries).unwrap();
    assert_eq!(count(), (written + 1) * 3_000);
    keys.write_rows(&hashes, Others::Go).unwrap();
    assert_eq!(keys.matching("h:*").unwrap().len(), 300);
}

#[test]
fn refusals_of_a_server_are_faults_of_the_store() {
    let place = Place::with_server();
    trained(&place, 500);
    place.write("t.csv", CSV);
    place.run(&["data", "put", "h:{id}", "t.csv", "--as", "hash", "--id", "id"]).ok();
    let keys = keys_at(place.store(), place.root());
    let before = everything(&*keys);
    let mut raw = redis::Client::open(place.store()).unwrap().get_connection().unwrap();
    let mut set = |name: &str, value: &str| {
        redis::cmd("CONFIG").arg("SET").arg(name).arg(value).exec(&mut raw).unwrap();
    };
    let commands: [&[&str]; 6] = [
        &["data", "put", "h:{id}", "t.csv", "--as", "hash", "--id", "id"],
        &["data", "put", "h:8", "t.csv", "--as", "list"],
        &["data", "put", "h:8", "t.csv", "--as", "stream"],
        &["data", "copy", "h:*", "i:*"],
        &["predict", "m", "--input", "new.csv", "--output", "s", "--as", "stream"],
        &["predict", "m", "--input", "new.csv", "--output", "h:{id}", "--as", "hash", "--id", "id"],
    ];
    set("maxmemory", "1");
    for command in commands {
        place.run(command).fails(6, &["E0602", "OOM"]);
    }
    set("maxmemory", "0");
    assert!(everything(&*keys) == before);
    set("min-replicas-to-write", "1");
    for command in commands {
        place.run(command).fails(6, &["E0602", "NOREPLICAS"]);
    }
    set("min-replicas-to-write", "0");
    assert!(everything(&*keys) == before);
    for command in commands {
        place.run(command).ok();
    }
}
