//! Documents of the module RedisJSON, as rows and as whole tables. The module is not in the tests' server, so that a small one here
//! answers as the module's pages say: <https://redis.io/docs/latest/commands/json.get/>.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use pipefit::diag::{Code, Silent};
use pipefit::source::formats::{Format, ReadOptions, read};
use pipefit::source::keys::{self, Keys, Kind};
use pipefit::source::layouts::{read_index, read_rows};
use pipefit::table::fingerprint;

use crate::command::Place;
use crate::proxy::listen;

/// What a key holds.
enum Held {
    Json(String),
    Hash(Vec<(&'static str, String)>),
    Text(String),
}

/// A server with these keys, and a list `rows` of them; with the older or the newer words of the module, or without it.
fn serving(held: BTreeMap<String, Held>, refusal: &'static str) -> Arc<dyn Keys> {
    keys::open(&url(held, refusal), Path::new("")).unwrap().1
}

/// Where such a server is.
fn url(held: BTreeMap<String, Held>, refusal: &'static str) -> String {
    let held = Arc::new(held);
    let port = listen(move |_, mut client| {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(n @ 1..) = client.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..n]);
            while let Some((words, length)) = command(&bytes) {
                bytes.drain(..length);
                if client.write_all(&answer(&words, &held, refusal)).is_err() {
                    return;
                }
            }
        }
    });
    format!("redis://127.0.0.1:{port}/0?timeout=5")
}

/// The first command, if it is whole, and its length.
fn command(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    let line = |at: usize| {
        let end = at + bytes.get(at..)?.windows(2).position(|two| two == b"\r\n")?;
        Some((std::str::from_utf8(&bytes[at + 1..end]).unwrap().parse::<usize>().unwrap(), end + 2))
    };
    let (count, mut at) = line(0)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, start) = line(at)?;
        words.push(String::from_utf8(bytes.get(start..start + length + 2)?[..length].to_vec()).unwrap());
        at = start + length + 2;
    }
    Some((words, at))
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn answer(words: &[String], held: &BTreeMap<String, Held>, refusal: &str) -> Vec<u8> {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n".to_owned();
    let list = |texts: Vec<String>| {
        format!("*{}\r\n{}", texts.len(), texts.iter().map(|text| bulk(text)).collect::<String>())
    };
    let key = words.get(1).map(String::as_str).unwrap_or_default();
    let said = match (words[0].as_str(), held.get(key)) {
        ("SCAN", _) => format!("*2\r\n{}{}", bulk("0"), list(held.keys().cloned().collect())),
        ("TYPE", _) if key == "rows" => "+list\r\n".to_owned(),
        ("LRANGE", _) => list(held.keys().cloned().collect()),
        ("TYPE", Some(Held::Json(_))) => "+ReJSON-RL\r\n".to_owned(),
        ("TYPE", Some(Held::Hash(_))) => "+hash\r\n".to_owned(),
        ("TYPE", Some(Held::Text(_))) => "+string\r\n".to_owned(),
        ("TYPE", None) => "+none\r\n".to_owned(),
        ("JSON.GET", Some(Held::Json(text))) if !refusal.contains("unknown command") => bulk(text),
        ("JSON.GET", _) => refusal.to_owned(),
        ("GET" | "GETRANGE", Some(Held::Text(text))) => bulk(text),
        ("HGETALL", Some(Held::Hash(fields))) => {
            list(fields.iter().flat_map(|(name, value)| [(*name).to_owned(), value.clone()]).collect())
        }
        ("OBJECT", _) => bulk("listpack"),
        ("GET" | "GETRANGE" | "HGETALL" | "HMGET", Some(_)) => wrong,
        ("GETRANGE", None) => bulk(""),
        _ => "-ERR unexpected\r\n".to_owned(),
    };
    said.into_bytes()
}

const OLD: &str = "-Existing key has wrong Redis type\r\n";
const NEW: &str = "-WRONGTYPE wrong static type\r\n";
const NONE: &str = "-ERR unknown command 'JSON.GET', with args beginning with: 'r:0000' \r\n";

fn row(i: usize) -> String {
    format!("{{\"größe\":{}.5,\"plan\":{},\"id\":{i}}}", i % 7, ["\"frei\"", "null", "\"çok\\n\""][i % 3])
}

/// Documents, with a hash or a string now and then.
fn rows(every: usize) -> BTreeMap<String, Held> {
    let held = |i: usize| {
        if i % every == every - 1 {
            let fields = vec![("größe", format!("{}.5", i % 7)), ("id", i.to_string())];
            let plan = [Some("frei"), None, Some("çok\n")][i % 3].map(|plan| ("plan", plan.to_owned()));
            return Held::Hash(fields.into_iter().chain(plan).collect());
        }
        if i % every == every / 2 && every < 100 { Held::Text(row(i)) } else { Held::Json(row(i)) }
    };
    (0..3_000).map(|i| (format!("r:{i:04}"), held(i))).collect()
}

#[test]
fn documents_are_rows_among_hashes_and_strings() {
    let lines: String = (0..3_000).map(|i| row(i) + "\n").collect();
    let all = ReadOptions::default();
    let expected = fingerprint(&read(lines.as_bytes(), Format::Jsonl, "k", &all).unwrap().table);
    for (every, refusal) in [(10_000, NEW), (10_000, OLD), (7, NEW), (7, OLD), (1_001, OLD)] {
        let keys = serving(rows(every), refusal);
        let found = read_rows(&*keys, "r:*", &all, &Silent).unwrap();
        assert_eq!(fingerprint(&found.table), expected, "{every} {refusal}");
        let found = read_index(&*keys, "rows", &all, &Silent).unwrap();
        assert_eq!(fingerprint(&found.table), expected, "{every} {refusal}");
    }
}

#[test]
fn a_document_that_is_a_table_is_read_as_one() {
    let table = "[{\"x\":1,\"y\":2.5},{\"x\":3}]";
    let held = BTreeMap::from([("t".to_owned(), Held::Json(table.to_owned()))]);
    let keys = serving(held, NEW);
    assert_eq!(keys.value("t").unwrap(), Some(table.as_bytes().to_vec()));
    assert_eq!(keys.kind("t").unwrap(), Some(Kind::Module));
    // The command shows and writes it as one, and a pattern of documents as rows.
    let document = |text: &str| Held::Json(text.to_owned());
    let place = Place::new().at(&url([("t".to_owned(), document(table))].into(), NEW));
    let shown = place.run(&["data", "show", "t", "--json"]).json();
    assert_eq!((&shown["rows"], &shown["kind"]), (&2.into(), &"module".into()));
    assert_eq!(place.run(&["data", "get", "t", "-", "--as", "csv"]).ok().out, "x,y\n1,2.5\n3,\n");
    assert_eq!(place.run(&["data", "get", "t", "-"]).ok().out, table);
    let rows = [("r:1", "{\"x\":1,\"y\":\"a\"}"), ("r:2", "{\"x\":2}")];
    let rows = rows.map(|(key, text)| (key.to_owned(), document(text)));
    let place = place.at(&url(rows.into(), NEW));
    assert_eq!(place.run(&["data", "get", "r:*", "-"]).ok().out, "x,y\n1,a\n2,\n");
}

#[test]
fn a_server_that_cannot_read_its_documents_says_so() {
    let error =
        read_rows(&*serving(rows(10_000), NONE), "r:*", &ReadOptions::default(), &Silent).unwrap_err();
    assert_eq!(error.code(), Code::StoreRefused, "{error:?}");
    for part in ["r:0000", "JSON.GET", "127.0.0.1"] {
        assert!(error.message().contains(part), "no {part} in {}", error.message());
    }
    let mut some = rows(10_000);
    some.insert("r:0002".to_owned(), Held::Json("[1, 2]".to_owned()));
    let error = read_rows(&*serving(some, NEW), "r:*", &ReadOptions::default(), &Silent).unwrap_err();
    assert_eq!(error.code(), Code::UnreadableValue);
    assert!(error.message().starts_with("key `r:0002` holds what looks like JSON"), "{}", error.message());
}
