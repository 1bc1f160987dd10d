//! Every way to read rows, through a line that refuses, ends, trickles or falls silent: in bounded time an error that names the
//! address, or the right table; never another one.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pipefit::diag::{Code, Result, Silent};
use pipefit::source::formats::{Format, Read, ReadOptions, read};
use pipefit::source::keys::{self, Item, Keys, Kind, Others};
use pipefit::source::layouts::{self, Entries, FeatureView, Features, RowKeys};
use pipefit::table::{Digest, fingerprint};
use redis::cmd;

use crate::command::tell;
use crate::proxy::{Fate, cutting, proxy};
use crate::server::Server;
use crate::trickle::paced;

const ROWS: usize = 3_000;

/// A way to read a table.
type Way = (&'static str, fn(&dyn Keys) -> Result<Read>);

fn members(keys: &dyn Keys, key: &str) -> Result<Read> {
    layouts::read_members(keys, key, false, &ReadOptions::default(), &Silent)
}

const WAYS: [Way; 9] = [
    ("list", |keys| members(keys, "list")),
    ("set", |keys| members(keys, "set")),
    ("zset", |keys| members(keys, "zset")),
    ("hash", |keys| members(keys, "hash")),
    ("stream", |keys| {
        layouts::read_stream(keys, "stream", &Entries::default(), &ReadOptions::default(), &Silent)
    }),
    ("index", |keys| layouts::read_index(keys, "index", &ReadOptions::default(), &Silent)),
    ("range", |keys| layouts::read_rows(keys, "r:{0001..3000}", &ReadOptions::default(), &Silent)),
    ("feast", |keys| {
        let view = FeatureView {
            project: "p".into(),
            name: "v".into(),
            join_keys: vec!["id".into()],
            features: vec!["x".into()],
            time: None,
        };
        layouts::read_feast(keys, &view, &ReadOptions::default(), &Silent)
    }),
    ("featureform", |keys| {
        let features = vec![("x".to_owned(), "v1".to_owned())];
        let features = Features { entity: "user".into(), features, prefix: "p".into() };
        layouts::read_features(keys, &features, &ReadOptions::default(), &Silent)
    }),
];

/// A server with the same rows in every layout.
fn filled() -> Server {
    let server = Server::start();
    let keys = keys::open(&server.url("/0"), Path::new("")).unwrap().1;
    let lines: String =
        (0..ROWS).map(|i| format!("{{\"at\":{},\"x\":{}.5}}\n", 10_000 + i, i % 13)).collect();
    let table = read(lines.as_bytes(), Format::Jsonl, "k", &ReadOptions::default()).unwrap().table;
    for kind in [Kind::List, Kind::Set, Kind::Zset, Kind::Hash] {
        let mut fill = keys.fill(&kind.to_string(), kind).unwrap();
        for (i, line) in lines.lines().enumerate() {
            let number = i.to_string();
            let item = match kind {
                Kind::Hash => Item::Member(number.as_bytes(), Some(line.as_bytes())),
                Kind::Zset => Item::Member(line.as_bytes(), Some(number.as_bytes())),
                _ => Item::Member(line.as_bytes(), None),
            };
            fill.push(item).unwrap();
        }
        fill.finish().unwrap();
    }
    layouts::write_stream(&*keys, "stream", &table).unwrap();
    let names = RowKeys::parse("r:*").unwrap().of(&table, None, 0, 4).unwrap();
    layouts::write_hashes(&*keys, &table, &names, Others::Go).unwrap();
    let mut raw = server.raw();
    cmd("RPUSH").arg("index").arg(&names).exec(&mut raw).unwrap();
    // What Feast and Featureform write: see their own tests.
    let mut pipe = redis::pipe();
    let table = r#"{"Prefix":"p","Feature":"x","Variant":"v1"}"#;
    pipe.cmd("HSET").arg("p__tables").arg(table).arg("float64").ignore();
    for i in 0..ROWS as u64 {
        let key =
            [b"\x01\0\0\0\x02\0\0\0\x02\0\0\0id\x04\0\0\0\x08\0\0\0".as_slice(), &i.to_le_bytes(), b"p"]
                .concat();
        // The hash of `v:x`.
        let feature = 0x2fdf_12ee_u32.to_le_bytes();
        pipe.cmd("HSET")
            .arg(key)
            .arg("_ts:v")
            .arg("")
            .arg(&feature[..])
            .arg(&[0x20, (i % 13) as u8][..])
            .ignore();
        pipe.cmd("HSET").arg(table).arg(format!("user {i}")).arg(i % 13).ignore();
    }
    pipe.exec(&mut raw).unwrap();
    server
}

fn through(port: u16, timeout: f64, way: &Way) -> Result<Digest> {
    let keys = keys::open(&format!("redis://127.0.0.1:{port}/0?timeout={timeout}"), Path::new(""))?.1;
    (way.1)(&*keys).map(|read| {
        assert_eq!(read.table.rows(), ROWS, "{}", way.0);
        fingerprint(&read.table)
    })
}

#[test]
fn a_refusal_in_the_middle_names_word_and_address() {
    let server = filled();
    let mut met = 0;
    for (answer, word) in [
        (&b"-LOADING Redis is loading the dataset in memory\r\n"[..], "LOADING"),
        (b"-NOAUTH Authentication required.\r\n", "NOAUTH"),
        (b"-MOVED 3999 127.0.0.1:6381\r\n", "MOVED"),
        (b"-ASK 3999 127.0.0.1:6381\r\n", "ASK"),
        (b"-OOM command not allowed\r\n", "OOM"),
        (b"-READONLY You can't write against a read only replica.\r\n", "READONLY"),
    ] {
        for way in &WAYS {
            for from in [2, 4, 6] {
                let count = AtomicUsize::new(0);
                let port = proxy(server.port(), move |_, _| {
                    if count.fetch_add(1, Ordering::SeqCst) < from {
                        return Fate::Pass;
                    }
                    // After the answers to what went before.
                    std::thread::sleep(Duration::from_millis(50));
                    Fate::Answer(answer)
                });
                // Few requests, and the table is there before.
                let Err(error) = through(port, 5.0, way) else { continue };
                let (said, what) = (error.message(), way.0);
                assert_eq!(error.code(), Code::StoreRefused, "{what} {word} {from}: {error:?}");
                for part in [word, &format!("127.0.0.1:{port}")] {
                    assert!(said.contains(part), "{what} {word} {from}: {said}");
                }
                met += 1;
            }
        }
    }
    assert!(met > 6 * WAYS.len(), "{met}");
}

#[test]
fn silence_ends_in_time_and_a_slow_line_is_waited_for() {
    let server = filled();
    for way in &WAYS {
        let expected = through(server.port(), 5.0, way).unwrap();
        let mut met = 0;
        for from in [2, 4] {
            let count = AtomicUsize::new(0);
            let port = proxy(server.port(), move |_, _| {
                if count.fetch_add(1, Ordering::SeqCst) < from { Fate::Pass } else { Fate::Silence }
            });
            let start = Instant::now();
            match through(port, 0.5, way) {
                Ok(found) => assert_eq!(found, expected, "{}", way.0),
                Err(error) => {
                    assert_eq!(error.code(), Code::StoreTimeout, "{}: {error:?}", way.0);
                    assert!(error.message().contains(&format!("127.0.0.1:{port}")), "{error:?}");
                    met += 1;
                }
            }
            assert!(start.elapsed() < Duration::from_secs(2), "{}: {:?}", way.0, start.elapsed());
        }
        assert!(met > 0, "{}", way.0);
        let port = paced(server.port(), 1 << 14, Duration::from_millis(2));
        assert_eq!(through(port, 2.0, way).unwrap(), expected, "{}", way.0);
    }
}

#[test]
fn connections_cut_anywhere_give_no_other_table() {
    let server = filled();
    let (mut tables, mut errors) = (0, 0);
    for way in &WAYS {
        let expected = through(server.port(), 5.0, way).unwrap();
        for (up, down) in (0..10).map(|i| (usize::MAX, 40 << i)).chain((0..8).map(|i| (40 << i, usize::MAX)))
        {
            match through(cutting(server.port(), up, down), 2.0, way) {
                Ok(found) => {
                    assert_eq!(found, expected, "{} {up} {down}", way.0);
                    tables += 1;
                }
                Err(error) => {
                    assert_eq!(error.code().exit_code(), 6, "{} {up} {down}: {error:?}", way.0);
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > WAYS.len(), "{errors} errors");
    tell(&format!("{tables} tables, {errors} errors"));
}
