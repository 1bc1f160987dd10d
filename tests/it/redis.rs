//! What only a Redis server can show: its other kinds of keys, its refusals, its silence and its end.

use crate::server::Server;
use pipefit::diag::{Code, Result};
use pipefit::registry::{Draft, MODEL_FILE, Registry, Version};
use pipefit::source::keys::{self, Keys, Kind};
use pipefit::store::{Backing, Commit, Store, connect};
use pipefit::table::Digest;
use serde_json::{Map, json};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn open(url: &str) -> Backing {
    connect(url, Path::new("/nowhere")).unwrap()
}

/// Publishes a model of 2.5 MiB with a report.
fn publish(registry: &Registry, run: &str, version: u64) -> Result<Version> {
    registry.publish(&Draft {
        name: "m",
        version,
        run,
        created: "2026-01-01T00:00:00Z",
        rows: 442,
        scores: &Map::new(),
        files: &[(MODEL_FILE, &model(version)), ("report.json", b"{}")],
        record: &json!({"run": run}),
    })
}

fn model(version: u64) -> Vec<u8> {
    format!("{version:05}").repeat(1 << 19).into_bytes()
}

#[test]
fn other_kinds_of_keys_are_named_and_replaced() {
    let server = Server::start();
    let keys = keys::of(&open(&server.url("")));
    let mut raw = server.raw();
    for (command, key) in [("HSET", "h"), ("RPUSH", "l"), ("SADD", "s"), ("ZADD", "z"), ("XADD", "x")] {
        let mut request = redis::cmd(command);
        request.arg(key);
        match command {
            "HSET" => request.arg("f").arg(1),
            "ZADD" => request.arg(1).arg("m"),
            "XADD" => request.arg("*").arg("f").arg(1),
            _ => request.arg("m"),
        };
        request.exec(&mut raw).unwrap();
    }
    let kinds: Vec<_> = keys.ls().unwrap().into_iter().map(|listed| (listed.key, listed.kind)).collect();
    let expected =
        [("h", Kind::Hash), ("l", Kind::List), ("s", Kind::Set), ("x", Kind::Stream), ("z", Kind::Zset)];
    assert_eq!(kinds, expected.map(|(key, kind)| (key.to_owned(), kind)));
    for (key, kind) in expected {
        assert_eq!(keys.kind(key).unwrap(), Some(kind));
        let error = keys.value(key).unwrap_err();
        assert_eq!(error.code(), Code::WrongKind);
        assert!(error.message().contains(&format!("`{key}` is a {kind}")), "{error}");
        keys.write(key, b"1").unwrap();
        assert_eq!(keys.value(key).unwrap().as_deref(), Some(&b"1"[..]));
    }
    for outcome in [keys.write("pipefit:run:1", b"").err(), keys.remove("pipefit:run:1").err()] {
        assert_eq!(outcome.unwrap().code(), Code::StoreRefused);
    }
}

#[test]
fn store_and_keys_are_one_connection() {
    let server = Server::start();
    let (store, keys) = keys::open(&server.url("/0"), Path::new("/")).unwrap();
    store.put("model:m", &[b"blob"]).unwrap();
    keys.value("data:x").unwrap();
    store.durability().unwrap();
    let info: String = redis::cmd("INFO").arg("stats").query(&mut server.raw()).unwrap();
    let received = info.lines().find_map(|line| line.strip_prefix("total_connections_received:")).unwrap();
    // Two to see that the server is up, one to ask here, one for all the work.
    assert_eq!(received.trim(), "4");
}

#[test]
fn what_is_staged_expires_and_what_is_published_does_not() {
    let server = Server::start();
    let store = open(&server.url("")).store();
    let mut raw = server.raw();
    let mut seconds = |digest: &Digest| -> i64 {
        redis::cmd("TTL").arg(format!("pipefit:blob:{{pipefit:model:m}}:{digest}")).query(&mut raw).unwrap()
    };
    let digest = store.put("model:m", &[b"blob"]).unwrap()[0];
    assert!((1..=3600).contains(&seconds(&digest)));
    let commit = Commit { record: "model:m", expected: None, new: b"1", blobs: &[(digest, 4)], with: &[] };
    assert!(store.commit(&commit).unwrap());
    assert_eq!(seconds(&digest), -1);
    // The next version has the same bytes, and its run is killed before it commits.
    store.put("model:m", &[b"blob"]).unwrap();
    assert_eq!(seconds(&digest), -1, "a published artifact was given a time to live");
}

#[test]
fn a_run_is_one_json_string_under_its_id() {
    let server = Server::start();
    let registry = Registry::new(open(&server.url("")).store());
    publish(&registry, "20260101-1", 1).unwrap();
    let record: String = redis::cmd("GET").arg("pipefit:run:20260101-1").query(&mut server.raw()).unwrap();
    assert_eq!(record, r#"{"run":"20260101-1"}"#);
    assert_eq!(registry.file(&registry.resolve("m").unwrap(), MODEL_FILE).unwrap(), model(1));
    assert_eq!(registry.verify("m", &|_, _| Ok(())).unwrap().problems, []);
}

#[test]
fn a_large_value_goes_in_and_out_though_the_timeout_is_short() {
    let server = Server::start();
    let keys = keys::of(&open(&server.url("?timeout=5")));
    let large = vec![b'7'; 200 << 20];
    keys.write("data:large", &large).unwrap();
    assert!(keys.value("data:large").unwrap().unwrap() == large);
    assert_eq!(keys.ls().unwrap()[0].bytes, 200 << 20);
    let error = keys.write("data:larger", &vec![0; (512 << 20) + 1]).unwrap_err();
    assert_eq!(error.code(), Code::StoreRefused);
}

/// A large value is read in pieces; whoever changes it meanwhile never makes a mixture.
#[test]
fn a_large_value_is_never_mixed() {
    let server = Server::start();
    let keys = keys::of(&open(&server.url("")));
    let writer = keys::of(&open(&server.url("")));
    // One piece and a bit, exactly two pieces, and many.
    for length in [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20, 40 << 20] {
        writer.write("data:x", &vec![0; length]).unwrap();
        assert!(keys.value("data:x").unwrap().unwrap() == vec![0; length], "{length}");
    }
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=30u8 {
                writer.write("data:x", &vec![round; (4 << 20) + usize::from(round)]).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
            done.store(1, Ordering::SeqCst);
        });
        while done.load(Ordering::SeqCst) == 0 {
            match keys.value("data:x") {
                Ok(value) => {
                    let value = value.unwrap();
                    assert!(value.iter().all(|byte| *byte == value[0]), "a mixture");
                }
                Err(error) => assert!(error.message().contains("was changed"), "{error}"),
            }
        }
    });
    assert_eq!(keys.value("data:x").unwrap().unwrap().len(), (4 << 20) + 30);
}

#[test]
fn login_works_and_fails_without_showing_the_password() {
    let server = Server::with(&["--requirepass", "geheim@/?:", "--user", "ann on >other ~* +@all"]);
    let url = |login: &str| server.url("/2").replace("127", &format!("{login}127"));
    for login in [":geheim@/?:@", ":geheim%40%2F%3F%3A@", "default:geheim@/?:@", "ann:other@"] {
        let backing = open(&url(login));
        let _ = backing.store().swap("run:x", None, b"1").unwrap();
        let shown = format!("{} {}", backing.store().address(), backing.store().durability().unwrap());
        assert!(!shown.contains("geheim") && !shown.contains("other"), "{shown}");
    }
    for login in [":geheim@", "ann:geheim@/?:@", "nobody:geheim@"] {
        let error = connect(&url(login), Path::new("/")).err().unwrap();
        assert_eq!(error.code(), Code::StoreRefused);
        assert!(
            error.message().contains("WRONGPASS") && !format!("{error:?}").contains("geheim"),
            "{error:?}"
        );
    }
    let error = open(&server.url("")).store().read("run:x").unwrap_err();
    assert!(error.code() == Code::StoreRefused && error.message().contains("NOAUTH"), "{error}");
    let error = connect(&url(":geheim@/?:@").replace("/2", "/99"), Path::new("/")).err().unwrap();
    assert!(error.message().contains("index is out of range"), "{error}");
}

/// What a server says no with, in its own words, and what to do about it.
#[test]
fn refusals_are_told_in_the_servers_words() {
    let refused = |server: &Server, code: &str, what: &dyn Fn(&dyn Store, &dyn Keys) -> Result<()>| {
        let backing = open(&server.url(""));
        let error = what(&*backing.store(), &*keys::of(&backing)).unwrap_err();
        assert_eq!(error.code(), Code::StoreRefused, "{error}");
        let place = format!("`redis://127.0.0.1:{}/0`", server.port());
        assert!(error.message().contains(code) && error.message().contains(&place), "{error}");
        assert!(!error.message().contains("script") && error.advice().is_some(), "{error}");
        // The connection is still good.
        assert_eq!(keys::of(&backing).value("data:absent").unwrap(), None);
    };
    let put = |store: &dyn Store, _: &dyn Keys| store.put("model:m", &[b"x"]).map(|_| ());
    let swap = |store: &dyn Store, _: &dyn Keys| store.swap("run:x", None, b"x").map(|_| ());
    let write = |_: &dyn Store, keys: &dyn Keys| keys.write("data:x", &[7; 1 << 20]);

    let full = Server::with(&["--maxmemory", "1"]);
    refused(&full, "OOM", &put);
    refused(&full, "OOM", &swap);
    refused(&full, "OOM", &write);

    let replica = Server::with(&["--replicaof", "127.0.0.1", "1"]);
    refused(&replica, "READONLY", &put);
    refused(&replica, "READONLY", &swap);
    refused(&replica, "READONLY", &write);

    let forbidden = Server::with(&["--user", "default on nopass ~* +@all -set -setnx -eval"]);
    refused(&forbidden, "NOPERM", &put);
    refused(&forbidden, "NOPERM", &swap);
    refused(&forbidden, "NOPERM", &write);
}

/// A server that cannot save its data takes no writes; one that loads its data answers nothing else. Both are told
/// by a stand-in, since a real one gets there by accident only.
#[test]
fn rarer_refusals_are_told_too() {
    for words in [
        "LOADING Redis is loading the dataset in memory",
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk",
        "MOVED 3999 127.0.0.1:6381",
        "ERR something new",
    ] {
        let port = stand_in(move |mut client| {
            let mut request = [0; 4096];
            while client.read(&mut request).is_ok_and(|n| n > 0) {
                client.write_all(format!("-{words}\r\n").as_bytes()).unwrap();
            }
        });
        let error = open(&format!("redis://127.0.0.1:{port}")).store().read("run:x").unwrap_err();
        assert!(error.code() == Code::StoreRefused && error.message().contains(words), "{error}");
    }
}

/// Calls `answer` with each connection, on a thread of its own, until the test ends.
fn stand_in(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || answer(client));
        }
    });
    port
}

#[test]
fn silence_ends_within_twice_the_timeout() {
    let silent = stand_in(|client| {
        std::thread::sleep(Duration::from_secs(60));
        drop(client);
    });
    let limit = Duration::from_secs(2);
    let started = Instant::now();
    let backing = open(&format!("redis://127.0.0.1:{silent}?timeout=1"));
    let error = backing.store().read("run:x").unwrap_err();
    assert_eq!(error.code(), Code::StoreTimeout);
    assert!(
        error.message().contains(&format!("127.0.0.1:{silent}")) && error.message().contains("1 s"),
        "{error}"
    );
    assert!(started.elapsed() < limit, "{:?}", started.elapsed());

    // A swap is read back, which takes time too.
    let started = Instant::now();
    assert_eq!(backing.store().swap("run:x", None, b"1").unwrap_err().code(), Code::StoreTimeout);
    assert!(started.elapsed() < limit + Duration::from_millis(200), "{:?}", started.elapsed());

    let started = Instant::now();
    let error =
        connect(&format!("redis://ann:geheim@127.0.0.1:{silent}?timeout=1"), Path::new("/")).err().unwrap();
    assert!(error.code() == Code::StoreTimeout && error.message().contains("log in"), "{error}");
    assert!(started.elapsed() < limit, "{:?}", started.elapsed());
}

#[test]
fn who_is_not_there_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, named) in [
        (format!("redis://127.0.0.1:{free}"), format!("127.0.0.1:{free}")),
        // A documentation address (RFC 5737), to which nothing is ever delivered.
        ("redis://192.0.2.1:6379?timeout=0.5".into(), "192.0.2.1:6379".into()),
        ("redis://no-such-host.invalid?timeout=3".into(), "no-such-host.invalid:6379".into()),
        ("redis+unix:///nowhere/redis.sock".into(), "/nowhere/redis.sock".into()),
    ] {
        let started = Instant::now();
        let error = connect(&url, Path::new("/")).err().unwrap();
        assert_eq!(error.code(), Code::StoreUnreachable, "{error}");
        assert!(error.message().contains(&named), "{error}");
        assert!(started.elapsed() < Duration::from_secs(6), "{url} took {:?}", started.elapsed());
    }
}

#[test]
fn a_restarted_server_is_connected_to_again() {
    let server = Server::start();
    let backing = open(&server.url(""));
    let (store, keys) = (backing.store(), keys::of(&backing));
    keys.write("data:x", b"1").unwrap();
    for _ in 0..3 {
        // As an idle connection is closed by the server.
        redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").exec(&mut server.raw()).unwrap();
        assert_eq!(keys.value("data:x").unwrap().as_deref(), Some(&b"1"[..]));
        redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").exec(&mut server.raw()).unwrap();
        keys.write("data:x", b"1").unwrap();
    }
    let mut server = server;
    server.kill();
    let error = store.read("run:x").unwrap_err();
    assert_eq!(error.code(), Code::StoreUnreachable, "{error}");
}

/// A way to the server that is cut after so many bytes, in one direction, once; later connections are whole.
fn cut_after(server: u16, bytes: usize, to_server: bool) -> u16 {
    let connections = AtomicUsize::new(0);
    stand_in(move |client| {
        let first = connections.fetch_add(1, Ordering::SeqCst) == 0;
        let limit = |this_way: bool| if first && this_way { bytes } else { usize::MAX };
        let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let up = limit(to_server);
        let down = limit(!to_server);
        let upward = std::thread::spawn(move || forward(&from, &to, up));
        forward(&server, &client, down);
        upward.join().unwrap();
    })
}

fn forward(mut from: &TcpStream, mut to: &TcpStream, mut left: usize) {
    let mut buffer = [0; 65_536];
    while let Ok(n) = from.read(&mut buffer) {
        let n = n.min(left);
        if n == 0 || to.write_all(&buffer[..n]).is_err() {
            break;
        }
        left -= n;
        if left == 0 {
            break;
        }
    }
    for stream in [from, to] {
        // The other direction may have closed it already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Wherever the connection is cut, a publication is there whole or not at all, its outcome is told as it is, and
/// trying again gets there. Nothing keeps a cut one's chunks for ever.
#[test]
fn a_cut_connection_leaves_the_old_or_the_new() {
    let server = Server::start();
    let direct_store = open(&server.url("")).store();
    let direct = Registry::new(direct_store.clone());
    let size = model(1).len();
    let up =
        [1, 100, 5_000, size / 2, size, size + 500].into_iter().chain((size + 900..size + 3_300).step_by(60));
    let cuts = up.map(|bytes| (bytes, true)).chain((1..60).map(|bytes| (bytes, false)));
    let (mut failed, mut published) = (0, 0);
    for (i, (bytes, to_server)) in cuts.enumerate() {
        let version = i as u64 + 1;
        let run = format!("run-{version}");
        // Past the end of the model's record, which the publisher reads, comes the answer to its commit.
        let bytes =
            if to_server { bytes } else { bytes + direct_store.read("model:m").unwrap().unwrap().len() };
        let port = cut_after(server.port(), bytes, to_server);
        let registry = Registry::new(open(&format!("redis://127.0.0.1:{port}?timeout=5")).store());
        let before = direct.model("m").map_or(0, |model| model.highest());
        match publish(&registry, &run, version) {
            Ok(_) => published += 1,
            Err(error) => {
                failed += 1;
                assert_eq!(error.code(), Code::StoreIo, "cut after {bytes}: {error}");
                let now = direct.model("m").map_or(0, |model| model.highest());
                assert_eq!(now, before, "cut after {bytes}: published, but an error was told");
                publish(&direct, &run, version).unwrap();
            }
        }
        let latest = direct.resolve("m").unwrap();
        assert_eq!((latest.version.version, latest.version.run.as_str()), (version, run.as_str()));
        assert!(direct.file(&latest, MODEL_FILE).unwrap() == model(version), "cut after {bytes}");
        assert_eq!(direct.run(&run).unwrap().record, json!({"run": run}));
    }
    assert!(
        failed > 0 && published > 0,
        "{failed} failed, {published} did not: the cuts are all in one place"
    );
    assert_eq!(direct.verify("m", &|_, _| Ok(())).unwrap().problems, []);
}
