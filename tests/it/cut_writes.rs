//! Connections that are cut while keys are written: exit code 6, and every key is as it was or as it shall be.

use std::collections::BTreeSet;
use std::path::Path;

use pipefit::source::formats::{Format, ReadOptions, read};
use pipefit::source::keys::{self, Keys, Others};
use pipefit::source::layouts::{self, RowKeys};
use pipefit::table::Table;

use crate::command::{Place, tell};
use crate::kinds::row;
use crate::proxy::cutting;
use crate::server::Server;

/// Long enough for several requests.
const ROWS: usize = 6_000;

fn table() -> Table {
    let lines: String = (0..ROWS).map(|i| format!("{{\"i\": {i}, \"text\": \"{:060}\"}}\n", i * 7)).collect();
    read(lines.as_bytes(), Format::Jsonl, "k", &ReadOptions::default()).unwrap().table
}

#[test]
fn a_cut_connection_leaves_the_old_or_the_new() {
    let server = Server::start();
    let straight = keys::open(&server.url("/0"), Path::new("")).unwrap().1;
    let table = table();
    let names = RowKeys::parse("h").unwrap().of(&table, None, 0, 4).unwrap();
    let (mut failed, mut done) = (BTreeSet::new(), BTreeSet::new());
    for up in [40, 1_000, 30_000, 300_000, 560_000, 700_000, 1_000_000, 5_000_000] {
        // The answer to the last request alone, and less than that.
        for down in [3, 60, usize::MAX] {
            for what in ["hash", "list", "stream", "append"] {
                redis::cmd("FLUSHDB").exec(&mut server.raw()).unwrap();
                let old = row(&[("i", b"old"), ("text", b"old")]);
                straight
                    .write_rows(&[("h:0007".into(), old.clone()), ("h:5999".into(), old)], Others::Go)
                    .unwrap();
                straight.write("list", b"old").unwrap();
                straight.write("stream", b"old").unwrap();
                let port = cutting(server.port(), up, down);
                let url = format!("redis://127.0.0.1:{port}/0?timeout=2");
                let cut = keys::open(&url, Path::new("")).unwrap().1;
                let written = match what {
                    "hash" => layouts::write_hashes(&*cut, &table, &names, Others::Go),
                    "list" => layouts::write_list(&*cut, "list", &table),
                    "stream" => layouts::write_stream(&*cut, "stream", &table),
                    _ => layouts::append_rows(&*cut, "events", &table),
                };
                let case = format!("{what} cut after {up} and {down} bytes");
                match &written {
                    Ok(()) => done.insert(what),
                    Err(error) => {
                        assert_eq!(error.code().exit_code(), 6, "{case}: {error}");
                        failed.insert(what)
                    }
                };
                is_whole(&*straight, what, written.is_ok(), &case);
            }
        }
    }
    assert_eq!((failed.len(), done.len()), (4, 4));
    tell(&format!("{} ways of writing were cut", failed.len()));
}

fn is_whole(keys: &dyn Keys, what: &str, done: bool, case: &str) {
    let all = ReadOptions::default();
    let length = |key: &str| match keys.kind(key).unwrap() {
        None => 0,
        Some(keys::Kind::String) => {
            assert_eq!(keys.value(key).unwrap().unwrap(), b"old", "{case}");
            0
        }
        Some(keys::Kind::Stream) => keys.stream(key).unwrap().map_or(0, |stream| stream.length),
        Some(kind) => keys.length(key, kind).unwrap(),
    };
    match what {
        "hash" => {
            let found = layouts::read_rows(keys, "h:*", &all, &pipefit::diag::Silent).unwrap().table;
            // Of each row all, or all of the old one.
            assert!(found.columns().iter().all(|column| column.missing() == 0), "{case}");
            assert!(!done || found.rows() == ROWS, "{case}");
        }
        "append" => assert!(!done || length("events") == ROWS, "{case}: {}", length("events")),
        key => {
            let length = length(key);
            assert!(length == ROWS || length == 0 && !done, "{case}: {length}");
        }
    }
    if what == "append" && length("events") > 0 {
        // Entries stand in the order of the rows, each once.
        let page = keys.page("events", keys::EntryId::FIRST, ROWS + 1).unwrap();
        let row = |i: usize| i.to_string().into_bytes();
        assert!(page.iter().enumerate().all(|(i, (_, fields))| fields[0].1 == row(i)), "{case}");
    }
}

/// What reads beside others asks for nothing that holds the server up, and says that it is no user.
#[test]
fn reading_beside_others_is_gentle() {
    let mut place = Place::with_server();
    place.write("t.csv", "x,y\n1,2\n3,4\n");
    for form in ["hash", "list", "stream"] {
        place.run(&["data", "put", &format!("{form}:1"), "t.csv", "--as", form]).ok();
    }
    place.run(&["data", "put", "value", "t.csv"]).ok();
    let server = place.server().unwrap();
    let mut raw = server.raw();
    redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut raw).unwrap();
    for key in ["hash:1:*", "list:1", "stream:1", "value"] {
        place.run(&["data", "show", key]).ok();
        place.run(&["data", "get", key, "-", "--rate", "1MB"]).ok();
    }
    place.run(&["data", "ls"]).ok();
    place.run(&["data", "copy", "*", "--to-store", "dir:copy"]).ok();
    let stats: String = redis::cmd("INFO").arg("commandstats").query(&mut raw).unwrap();
    assert!(stats.contains("cmdstat_scan"), "{stats}");
    for heavy in ["keys:", "smembers", "flush", "eval", "debug", "sort"] {
        assert!(!stats.contains(&format!("cmdstat_{heavy}")), "{heavy} in {stats}");
    }
    // A server before 7.2 does not know it, which is no error.
    let errors: String = redis::cmd("INFO").arg("errorstats").query(&mut raw).unwrap();
    assert!(stats.contains("no-touch") || errors.contains("errorstat_ERR"), "{stats} {errors}");
}
