//! Rows whose keys an index or a range names: read in its order, and without a look at the other keys of the server.

use std::path::Path;
use std::sync::Arc;

use pipefit::diag::{Code, Diagnostic, Silent};
use pipefit::source::formats::{Format, Read, ReadOptions, read};
use pipefit::source::keys::{self, Keys};
use pipefit::source::layouts::{read_index, read_rows};
use pipefit::table::fingerprint;
use redis::{Connection, cmd, pipe};

use crate::server::Server;

/// The names that spark-redis, redis-om for Python and others give to rows; the last is of bytes that are seldom in names.
const NAMES: [&str; 5] =
    ["person:3", ":app.Customer:01HXYZ7Q2K", "größe:{user}:😀", "row:10", "a\0b\r\n*1\r\n\"[?\\"];

fn keys_of(url: &str, folder: &Path) -> Arc<dyn Keys> {
    keys::open(url, folder).unwrap().1
}

fn index(keys: &dyn Keys, key: &str) -> Result<Read, Diagnostic> {
    read_index(keys, key, &ReadOptions::default(), &Silent)
}

fn pattern(keys: &dyn Keys, pattern: &str) -> Result<Read, Diagnostic> {
    read_rows(keys, pattern, &ReadOptions::default(), &Silent)
}

/// The fields of row `i`: some are missing in some rows.
fn fields(i: usize) -> Vec<(&'static str, String)> {
    let all = [
        ("id", i.to_string()),
        ("größe", format!("{}.5", i % 7)),
        ("plan", ["frei", "çok"][i % 2].to_owned()),
    ];
    all.into_iter().filter(|(name, _)| *name != "plan" || i % 3 != 2).collect()
}

/// The table of these rows, in this order, read from JSONL.
fn expected(rows: impl Iterator<Item = usize>) -> Read {
    let line = |i: usize| {
        let fields = fields(i).into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        serde_json::Value::Object(fields.collect()).to_string() + "\n"
    };
    read(rows.map(line).collect::<String>().as_bytes(), Format::Jsonl, "k", &ReadOptions::default()).unwrap()
}

fn same(read: Result<Read, Diagnostic>, rows: impl Iterator<Item = usize>) {
    let (read, expected) = (read.unwrap(), expected(rows));
    assert_eq!(read.table.schema(), expected.table.schema());
    assert_eq!(fingerprint(&read.table), fingerprint(&expected.table));
}

/// A server with the rows `NAMES`, and an index of every kind.
fn named() -> (Server, Connection) {
    let server = Server::start();
    let mut raw = server.raw();
    for (i, name) in NAMES.iter().enumerate() {
        cmd("HSET").arg(name).arg(fields(i)).exec(&mut raw).unwrap();
        cmd("RPUSH").arg("list").arg(name).exec(&mut raw).unwrap();
        cmd("SADD").arg("set").arg(name).exec(&mut raw).unwrap();
        cmd("ZADD").arg("zset").arg(-(i as f64) / 3.0).arg(name).exec(&mut raw).unwrap();
    }
    (server, raw)
}

#[test]
fn an_index_of_every_kind_gives_its_order() {
    let (server, mut raw) = named();
    let keys = keys_of(&server.url("/0"), Path::new(""));
    same(index(&*keys, "list"), 0..5);
    same(index(&*keys, "zset"), (0..5).rev());
    let mut sorted: Vec<usize> = (0..5).collect();
    sorted.sort_unstable_by_key(|i| NAMES[*i]);
    same(index(&*keys, "set"), sorted.into_iter());
    // A list may name a row twice, and a row may be a document.
    cmd("RPUSH").arg("list").arg(NAMES[1]).exec(&mut raw).unwrap();
    let document = r#"{"id": "3", "größe": "3.5", "plan": "çok"}"#;
    cmd("SET").arg(NAMES[3]).arg(document).exec(&mut raw).unwrap();
    same(index(&*keys, "list"), [0, 1, 2, 3, 4, 1].into_iter());
}

#[test]
fn long_indexes_are_whole() {
    const ROWS: usize = 12_001;
    let server = Server::start();
    let mut raw = server.raw();
    let mut request = pipe();
    for i in 0..ROWS {
        let key = format!("r:{i:05}");
        request.cmd("HSET").arg(&key).arg(fields(i)).ignore();
        request.cmd("LPUSH").arg("list").arg(&key).ignore();
        request.cmd("ZADD").arg("zset").arg(i % 100).arg(&key).ignore();
        request.cmd("SADD").arg("set").arg(&key).ignore();
    }
    request.exec(&mut raw).unwrap();
    let keys = keys_of(&server.url("/0"), Path::new(""));
    same(index(&*keys, "list"), (0..ROWS).rev());
    same(index(&*keys, "set"), 0..ROWS);
    let mut by_score: Vec<usize> = (0..ROWS).collect();
    by_score.sort_by_key(|i| i % 100);
    same(index(&*keys, "zset"), by_score.into_iter());
    // The connection is in step after a transaction: the next reading is right too.
    same(pattern(&*keys, "r:{00000..00002}"), 0..3);
    // Exactly so many pages.
    cmd("LTRIM").arg("list").arg(0).arg(9_999).exec(&mut raw).unwrap();
    same(index(&*keys, "list"), (ROWS - 10_000..ROWS).rev());
}

#[test]
fn ranges_come_in_the_order_of_numbers_from_every_store() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    for url in [server.url("/0"), "dir:store".to_owned(), "mem:".to_owned()] {
        let keys = keys_of(&url, folder.path());
        for i in 0..12 {
            let fields = fields(i).into_iter().map(|(name, value)| (name.to_owned(), value.into()));
            let document = serde_json::Value::Object(fields.collect()).to_string();
            keys.write(&format!("row:{i}:v"), document.as_bytes()).unwrap();
        }
        same(pattern(&*keys, "row:{2..11}:v"), 2..12);
        let error = pattern(&*keys, "row:{2..12}:v").unwrap_err();
        assert_eq!(
            (error.code(), error.message(), error.advice()),
            (
                Code::MissingKeyOrFile,
                "there is no key `row:12:v`, which is to be a row",
                Some("the range names it: write the row, or leave its key out there")
            ),
            "{url}"
        );
    }
}

#[test]
fn what_is_no_index_is_named() {
    let (server, mut raw) = named();
    let keys = keys_of(&server.url("/0"), Path::new(""));
    cmd("SET").arg("text").arg("x").exec(&mut raw).unwrap();
    cmd("RPUSH").arg("gap").arg(NAMES[0]).arg("row:99").exec(&mut raw).unwrap();
    cmd("RPUSH").arg("bytes").arg(b"\xff").exec(&mut raw).unwrap();
    cmd("RPUSH").arg("odd").arg("list").exec(&mut raw).unwrap();
    let cases = [
        ("absent", Code::MissingKeyOrFile, "no key `absent` in the store"),
        ("text", Code::WrongKind, "key `text` is a string, not a list, set or sorted set of keys"),
        ("row:10", Code::WrongKind, "key `row:10` is a hash, not a list, set or sorted set of keys"),
        ("gap", Code::MissingKeyOrFile, "there is no key `row:99`, which is to be a row"),
        ("bytes", Code::UnreadableValue, "the name of key `\\xff` is not UTF-8"),
        ("odd", Code::WrongKind, "key `list` is a list, not a hash or a string with a JSON object"),
    ];
    for (key, code, message) in cases {
        let error = index(&*keys, key).unwrap_err();
        assert_eq!((error.code(), error.message()), (code, message));
    }
    let advice = "the index `gap` names it: write the row, or leave its key out there";
    assert_eq!(index(&*keys, "gap").unwrap_err().advice(), Some(advice));
}

/// How often each command was called since the last reset, resets included, except those that the count itself takes.
fn calls(raw: &mut Connection) -> Vec<String> {
    let info: String = cmd("INFO").arg("commandstats").query(raw).unwrap();
    cmd("CONFIG").arg("RESETSTAT").exec(raw).unwrap();
    let count = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
    let own =
        |line: &&str| line.starts_with("cmdstat_") && !line.contains("config") && !line.contains("info");
    let mut calls: Vec<String> = info.lines().filter(own).map(count).collect();
    calls.sort_unstable();
    calls
}

#[test]
fn other_keys_of_the_server_cost_nothing() {
    let (server, mut raw) = named();
    let keys = keys_of(&server.url("/0"), Path::new(""));
    cmd("HSET").arg("row:11").arg(fields(4)).exec(&mut raw).unwrap();
    let read = |raw: &mut Connection| {
        cmd("CONFIG").arg("RESETSTAT").exec(raw).unwrap();
        ["list", "zset", "set"]
            .iter()
            .for_each(|key| assert_eq!(index(&*keys, key).unwrap().table.rows(), 5));
        same(pattern(&*keys, "row:{10..11}"), 3..5);
        calls(raw)
    };
    let alone = read(&mut raw);
    cmd("DEBUG").arg("POPULATE").arg(200_000).arg("other").exec(&mut raw).unwrap();
    assert_eq!(read(&mut raw), alone);
    assert!(alone.iter().any(|calls| calls.starts_with("cmdstat_hgetall:")), "{alone:?}");
    assert!(alone.iter().all(|calls| !calls.starts_with("cmdstat_scan:") && !calls.contains("keys:")));
}
