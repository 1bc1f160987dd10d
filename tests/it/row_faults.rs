//! Rows from a server that refuses, falls silent, hangs up, talks nonsense, or is written to meanwhile: an error that names
//! key and address, in time, or the right table; never another one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pipefit::diag::{Code, Diagnostic, Silent, Watch};
use pipefit::source::formats::ReadOptions;
use pipefit::source::keys;
use pipefit::source::layouts::read_rows;
use pipefit::table::{Digest, fingerprint};
use redis::{Connection, cmd, pipe};

use crate::proxy::{Fate, cutting, holds, listen, proxy};
use crate::server::Server;
use crate::trickle::paced;

const ROWS: usize = 5_000;

/// Hashes of three fields.
fn filled() -> Server {
    let server = Server::start();
    let mut raw = server.raw();
    (0..ROWS).for_each(|i| write(&mut raw, i));
    server
}

fn write(raw: &mut Connection, i: usize) {
    let key = format!("r:{i:04}");
    cmd("HSET").arg(key).arg(&[("id", i), ("x", i * i), ("größe", i % 7)]).exec(raw).unwrap();
}

/// What a reading through a port gives.
fn through(port: u16, timeout: f64, watch: &dyn Watch) -> Result<Digest, Diagnostic> {
    let url = format!("redis://127.0.0.1:{port}/0?timeout={timeout}");
    let keys = keys::open(&url, Path::new(""))?.1;
    read_rows(&*keys, "r:*", &ReadOptions::default(), watch).map(|read| fingerprint(&read.table))
}

/// Counts the requests for rows that come through.
fn nth_request(count: &AtomicUsize, request: &[u8]) -> usize {
    if holds(request, "HGETALL") { count.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 }
}

#[test]
fn a_refusal_in_the_middle_names_key_and_address() {
    let server = filled();
    for (answer, word, help) in [
        (&b"-LOADING Redis is loading the dataset in memory\r\n"[..], "LOADING", "wait until"),
        (b"-NOAUTH Authentication required.\r\n", "NOAUTH", "password"),
        (b"-NOPERM No permissions to access a key\r\n", "NOPERM", "right"),
        (b"-MOVED 3999 127.0.0.1:6381\r\n", "MOVED", "cluster"),
        (b"-ASK 3999 127.0.0.1:6381\r\n", "ASK", "cluster"),
        (b"-OOM command not allowed\r\n", "OOM", "maxmemory"),
        (b"-READONLY You can't write against a read only replica.\r\n", "READONLY", "replica"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "MASTERDOWN", "log"),
    ] {
        for from in [1, 3] {
            let count = AtomicUsize::new(0);
            let port = proxy(server.port(), move |_, request| {
                if nth_request(&count, request) < from {
                    return Fate::Pass;
                }
                // After the answers to what went before.
                std::thread::sleep(Duration::from_millis(200));
                Fate::Answer(answer)
            });
            let error = through(port, 5.0, &Silent).unwrap_err();
            let said = error.message();
            assert_eq!(error.code(), Code::StoreRefused, "{word} {from} {said}");
            let address = format!("127.0.0.1:{port}");
            [word, &address, "key `r:"]
                .iter()
                .for_each(|part| assert!(said.contains(part), "{part}: {said}"));
            assert!(error.advice().unwrap().contains(help), "{error:?}");
        }
    }
}

#[test]
fn silence_in_the_middle_ends_within_twice_the_timeout() {
    let server = filled();
    let count = AtomicUsize::new(0);
    let port =
        proxy(
            server.port(),
            move |_, request| {
                if nth_request(&count, request) >= 3 { Fate::Silence } else { Fate::Pass }
            },
        );
    let start = Instant::now();
    let error = through(port, 0.5, &Silent).unwrap_err();
    assert_eq!(error.code(), Code::StoreTimeout);
    assert!(error.message().contains(&format!("127.0.0.1:{port}")) && error.message().contains("key `r:"));
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
}

/// Each row comes in time, and all of them would take for ever.
#[test]
fn rows_that_trickle_are_given_up() {
    let server = filled();
    let port = listen(move |_, client| {
        let direct = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), direct.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let (mut direct, mut client) = (direct, client);
        let (mut buffer, mut listed) = ([0; 64], false);
        while let Ok(n @ 1..) = direct.read(&mut buffer) {
            if client.write_all(&buffer[..n]).is_err() {
                break;
            }
            listed |= holds(&buffer[..n], "id\r\n");
            if listed {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let start = Instant::now();
    let error = through(port, 0.7, &Silent).unwrap_err();
    assert_eq!(error.code(), Code::StoreTimeout, "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn a_slow_line_is_waited_for() {
    let server = filled();
    let expected = through(server.port(), 5.0, &Silent).unwrap();
    let port = paced(server.port(), 1 << 14, Duration::from_millis(30));
    let start = Instant::now();
    assert_eq!(through(port, 0.5, &Silent).unwrap(), expected);
    assert!(start.elapsed() > Duration::from_millis(500), "the line was fast: {:?}", start.elapsed());
}

#[test]
fn a_connection_that_is_lost_is_made_anew_once() {
    let server = filled();
    let expected = through(server.port(), 5.0, &Silent).unwrap();
    let count = AtomicUsize::new(0);
    let port = proxy(server.port(), move |connection, request| {
        if connection == 0 && nth_request(&count, request) == 4 { Fate::Close } else { Fate::Pass }
    });
    assert_eq!(through(port, 5.0, &Silent).unwrap(), expected);
    let count = AtomicUsize::new(0);
    let port = proxy(
        server.port(),
        move |_, request| {
            if nth_request(&count, request) >= 4 { Fate::Close } else { Fate::Pass }
        },
    );
    let error = through(port, 5.0, &Silent).unwrap_err();
    assert_eq!(error.code(), Code::StoreIo, "{error:?}");
    assert!(error.message().contains("key `r:"), "{error:?}");
}

/// Cut after so many bytes, each connection alike: an error, or the right table.
#[test]
fn connections_cut_anywhere_give_no_other_table() {
    let server = filled();
    let expected = through(server.port(), 5.0, &Silent).unwrap();
    let (mut failed, mut read) = (0, 0);
    for k in 1..40 {
        let port = cutting(server.port(), usize::MAX, k * k * 300);
        match through(port, 5.0, &Silent) {
            Ok(digest) => {
                read += 1;
                assert_eq!(digest, expected, "cut after {} bytes", k * k * 300);
            }
            Err(error) => {
                failed += 1;
                assert!([Code::StoreIo, Code::StoreUnreachable].contains(&error.code()), "{error:?}");
            }
        }
    }
    assert!(failed > 10 && read > 3, "{failed} failed, {read} read");
}

/// A server that lists two keys and then says this, to whatever it is asked.
fn saying(answer: &'static [u8]) -> u16 {
    listen(move |_, mut client| {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = client.read(&mut buffer) {
            let scan: &[u8] = b"*2\r\n$1\r\n0\r\n*2\r\n$3\r\nr:1\r\n$3\r\nr:2\r\n";
            let said = if holds(&buffer[..n], "SCAN") { scan } else { answer };
            if client.write_all(said).is_err() {
                break;
            }
        }
    })
}

#[test]
fn nonsense_is_neither_a_row_nor_a_panic_nor_memory() {
    for answer in [
        &b"+OK\r\n"[..],
        b":7\r\n",
        b"$-1\r\n",
        b"$3\r\nabc\r\n",
        b"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
        b"*2\r\n*0\r\n*0\r\n",
        b"*2\r\n$1\r\na\r\n$-1\r\n",
        b"*2\r\n$1\r\na\r\n:1\r\n",
        b"*2\r\n$1\r\na\r\n-ERR no\r\n",
        b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        b"%1\r\n$1\r\na\r\n$1\r\n1\r\n",
        b"$99999999999999999999\r\n",
        b"*99999999999\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let port = saying(answer);
        let error = through(port, 5.0, &Silent).unwrap_err();
        let (said, shown) = (error.message(), answer.escape_ascii());
        assert_eq!(error.code(), Code::StoreIo, "{shown}: {said}");
        let parts = ["not understood", "key `r:1`", &format!("127.0.0.1:{port}")];
        parts.iter().for_each(|part| assert!(said.contains(part), "{shown}: {said}"));
    }
    // Announced, and never sent.
    for answer in [&b"*4294967295\r\n$4294967295\r\nx"[..], b"$536870912\r\n", b"*2\r\n$1\r\n"] {
        let error = through(saying(answer), 0.3, &Silent).unwrap_err();
        assert_eq!(error.code(), Code::StoreTimeout, "{}: {}", answer.escape_ascii(), error.message());
    }
}

/// Does something to the server once: when a stage begins, or after its first rows.
struct Meddling<'a> {
    stage: &'static str,
    act: Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>,
    ticks: bool,
    reached: AtomicUsize,
}

impl Meddling<'_> {
    fn act(&self) {
        if let Some(act) = self.act.lock().unwrap().take() {
            act();
        }
    }
}

impl Watch for Meddling<'_> {
    fn stage(&self, name: &str, _: u64) {
        if name == self.stage {
            self.reached.fetch_add(1, Ordering::SeqCst);
            if !self.ticks {
                self.act();
            }
        }
    }
    fn tick(&self, _: u64) {
        if self.ticks {
            self.act();
        }
    }
    fn stopped(&self) -> bool {
        false
    }
}

/// Reads while something is done after the first rows (`ticks`), or when the words are read again.
fn meddled(
    server: &Server,
    ticks: bool,
    act: impl FnOnce(&mut Connection) + Send,
) -> Result<Digest, Diagnostic> {
    let mut raw = server.raw();
    let act: Box<dyn FnOnce() + Send> = Box::new(move || act(&mut raw));
    let stage = if ticks { "reading" } else { "reading words" };
    let watch = Meddling { stage, act: Mutex::new(Some(act)), ticks, reached: AtomicUsize::new(0) };
    let read = through(server.port(), 5.0, &watch);
    assert_eq!(watch.reached.load(Ordering::SeqCst), 1, "not reached");
    assert!(watch.act.lock().unwrap().is_none(), "not done");
    read
}

#[test]
fn keys_that_go_or_change_meanwhile_are_told_or_read_as_they_are() {
    let server = filled();
    let expected = through(server.port(), 5.0, &Silent).unwrap();
    let last = "r:4999";
    let error = meddled(&server, true, |raw| cmd("DEL").arg(last).exec(raw).unwrap()).unwrap_err();
    assert_eq!(error.message(), "there is no key `r:4999`, which is to be a row");
    write(&mut server.raw(), ROWS - 1);
    let list =
        |raw: &mut Connection| pipe().cmd("DEL").arg(last).cmd("RPUSH").arg(last).arg("x").exec(raw).unwrap();
    let error = meddled(&server, true, list).unwrap_err();
    assert_eq!(error.message(), "key `r:4999` is a list, not a hash or a string with a JSON object");
    cmd("DEL").arg(last).exec(&mut server.raw()).unwrap();
    write(&mut server.raw(), ROWS - 1);
    let document = "{\"größe\": 1, \"x\": 24990001, \"id\": 4999}";
    let set = |raw: &mut Connection| cmd("SET").arg(last).arg(document).exec(raw).unwrap();
    assert_eq!(meddled(&server, true, set).unwrap(), expected);
}

#[test]
fn words_that_change_between_the_readings_are_told() {
    let server = filled();
    let mut raw = server.raw();
    // The last row makes a column of words of what had passed for numbers.
    cmd("HSET").arg("r:4999").arg("id").arg("A1").exec(&mut raw).unwrap();
    let expected = through(server.port(), 5.0, &Silent).unwrap();
    let hset = |key: &'static str, field: &'static str, value: &'static str| {
        move |raw: &mut Connection| cmd("HSET").arg(key).arg(field).arg(value).exec(raw).unwrap()
    };
    // Another column is not read again.
    assert_eq!(meddled(&server, false, hset("r:0003", "x", "99")).unwrap(), expected);
    cmd("HSET").arg("r:0003").arg("x").arg(9).exec(&mut raw).unwrap();
    for (key, value, back) in [("r:0003", "3.0", "3"), ("r:4999", "A2", "A1"), ("r:4998", "", "4998")] {
        let error = meddled(&server, false, hset(key, "id", value)).unwrap_err();
        assert_eq!(error.code(), Code::StoreIo);
        assert_eq!(error.message(), "column `id` was changed while the rows of `r:*` were read");
        cmd("HSET").arg(key).arg("id").arg(back).exec(&mut raw).unwrap();
    }
    let del = |raw: &mut Connection| cmd("HDEL").arg("r:0007").arg("id").exec(raw).unwrap();
    assert_eq!(meddled(&server, false, del).unwrap_err().code(), Code::StoreIo);
    cmd("HSET").arg("r:0007").arg("id").arg(7).exec(&mut raw).unwrap();
    // Two rows that change places have the same words.
    let swap = |raw: &mut Connection| {
        cmd("HSET").arg("r:0001").arg("id").arg(2).exec(raw).unwrap();
        cmd("HSET").arg("r:0002").arg("id").arg(1).exec(raw).unwrap();
    };
    assert_eq!(meddled(&server, false, swap).unwrap_err().code(), Code::StoreIo);
}

#[test]
fn a_stop_is_heard_between_rows() {
    struct Stopping(AtomicUsize);
    impl Watch for Stopping {
        fn stage(&self, _: &str, _: u64) {}
        fn tick(&self, rows: u64) {
            self.0.fetch_add(rows as usize, Ordering::SeqCst);
        }
        fn stopped(&self) -> bool {
            self.0.load(Ordering::SeqCst) > 1_000
        }
    }
    let server = filled();
    let keys = keys::open(&server.url("/0"), Path::new("")).unwrap().1;
    let watch = Stopping(AtomicUsize::new(0));
    let error = read_rows(&*keys, "r:*", &ReadOptions::default(), &watch).unwrap_err();
    assert_eq!(error.code(), Code::Interrupted);
    assert!(watch.0.load(Ordering::SeqCst) < 2_000);
    // The connection had answers under way; the next reading gets none of them.
    let count = Stopping(AtomicUsize::new(usize::MAX / 2));
    assert!(read_rows(&*keys, "r:*", &ReadOptions::default(), &count).is_err());
    let read = read_rows(&*keys, "r:*", &ReadOptions::default(), &Silent).unwrap();
    assert_eq!(fingerprint(&read.table), through(server.port(), 5.0, &Silent).unwrap());
}
