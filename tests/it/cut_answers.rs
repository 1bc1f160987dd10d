//! Answers that end or stop at any byte, servers that are exchanged while they are read, and values that go meanwhile: the right
//! table, or an error in time that names key and address.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pipefit::diag::{Code, Diagnostic, Silent};
use pipefit::source::formats::ReadOptions;
use pipefit::source::keys;
use pipefit::source::layouts::read_rows;
use pipefit::table::{Digest, fingerprint};
use redis::{Connection, cmd};

use crate::command::Place;
use crate::proxy::{Fate, cutting, holds, listen, proxy};
use crate::server::Server;

/// Few hashes, so that each byte of their answers can be the last; one of them is a document.
fn fill(raw: &mut Connection, rows: usize) {
    for i in 0..rows {
        let key = format!("r:{i:04}");
        match i % 5 {
            3 => {
                cmd("SET").arg(key).arg(format!("{{\"id\": {i}, \"x\": {}}}", i * i)).exec(raw).unwrap();
            }
            _ => cmd("HSET").arg(key).arg(&[("id", i), ("x", i * i)]).exec(raw).unwrap(),
        }
    }
}

fn filled(rows: usize) -> Server {
    let server = Server::start();
    fill(&mut server.raw(), rows);
    server
}

fn rows(port: u16, timeout: f64) -> Result<Digest, Diagnostic> {
    let url = format!("redis://127.0.0.1:{port}/0?timeout={timeout}");
    let keys = keys::open(&url, Path::new(""))?.1;
    read_rows(&*keys, "r:*", &ReadOptions::default(), &Silent).map(|read| fingerprint(&read.table))
}

fn value(port: u16, timeout: f64) -> Result<Option<Vec<u8>>, Diagnostic> {
    let url = format!("redis://127.0.0.1:{port}/0?timeout={timeout}");
    keys::open(&url, Path::new(""))?.1.value("table")
}

/// Passes so many bytes of the answers on the first connection, and then does what `after` says; all others pass.
fn once(server: u16, bytes: usize, after: fn(&TcpStream)) -> u16 {
    listen(move |number, client| {
        let direct = TcpStream::connect(("127.0.0.1", server)).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), direct.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let limit = if number == 0 { bytes as u64 } else { u64::MAX };
        // The client may have gone.
        let _ = std::io::copy(&mut (&direct).take(limit), &mut &client);
        if number == 0 {
            after(&client);
        }
        for stream in [&client, &direct] {
            let _ = stream.shutdown(Shutdown::Both);
        }
    })
}

#[test]
fn a_connection_that_ends_at_any_byte_is_made_anew_and_gives_the_same_table() {
    let server = filled(12);
    let expected = rows(server.port(), 5.0).unwrap();
    // About 900 bytes come in all; from then on the cut is never reached.
    for k in (0..1_000).step_by(3) {
        let port = once(server.port(), k, |_| {});
        assert_eq!(rows(port, 5.0).unwrap(), expected, "cut after {k} bytes");
    }
}

#[test]
fn every_connection_that_ends_at_any_byte_gives_the_same_table_or_none() {
    let server = filled(12);
    let expected = rows(server.port(), 5.0).unwrap();
    let (mut failed, mut read) = (0, 0);
    for k in (1..1_000).step_by(3) {
        match rows(cutting(server.port(), usize::MAX, k), 5.0) {
            Ok(digest) => {
                read += 1;
                assert_eq!(digest, expected, "cut after {k} bytes");
            }
            Err(error) => {
                failed += 1;
                assert_eq!(error.code(), Code::StoreIo, "{error:?}");
                assert!(error.message().contains("127.0.0.1:"), "{error:?}");
            }
        }
    }
    assert!(failed > 50 && read > 50, "{failed} failed, {read} read");
}

#[test]
fn silence_after_any_byte_ends_in_time() {
    let server = filled(12);
    let mut silent = 0;
    for k in (1..900).step_by(60) {
        let port = once(server.port(), k, |_| std::thread::sleep(Duration::from_secs(3)));
        let start = Instant::now();
        if let Err(error) = rows(port, 0.2) {
            silent += 1;
            assert_eq!(error.code(), Code::StoreTimeout, "{error:?}");
            assert!(error.message().contains(&format!("127.0.0.1:{port}")), "{error:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
    assert!(silent > 8, "{silent}");
}

/// A valid answer that goes on for ever, a little at a time: no single read is late.
#[test]
fn an_answer_without_an_end_is_given_up() {
    for answer in [&b"$1000000\r\n"[..], b"*1000000\r\n", b"*2\r\n$1\r\n1\r\n*1000000\r\n"] {
        let port = listen(move |_, mut client| {
            let mut buffer = [0; 4096];
            let _ = client.read(&mut buffer);
            let _ = client.write_all(answer);
            while client.write_all(b"$3\r\nabc\r\n").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let start = Instant::now();
        assert_eq!(rows(port, 0.4).unwrap_err().code(), Code::StoreTimeout);
        assert_eq!(value(port, 0.4).unwrap_err().code(), Code::StoreTimeout);
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
}

/// Every answer is whole and in time, and the cursor stands still: that would be for ever too.
#[test]
fn a_listing_that_goes_in_a_circle_is_refused() {
    let port = listen(move |_, mut client| {
        let mut buffer = [0; 4096];
        while client.read(&mut buffer).is_ok_and(|n| n > 0) {
            if client.write_all(b"*2\r\n$2\r\n17\r\n*0\r\n").is_err() {
                break;
            }
        }
    });
    let error = rows(port, 5.0).unwrap_err();
    assert_eq!(error.code(), Code::StoreIo);
    assert!(error.message().contains("not understood") && error.message().contains("`r:*`"), "{error:?}");
}

/// A way to the server whose port stands in the cell.
fn switched(port: &Arc<AtomicU16>) -> u16 {
    let port = port.clone();
    listen(move |_, client| {
        let Ok(direct) = TcpStream::connect(("127.0.0.1", port.load(Ordering::SeqCst))) else { return };
        let (mut from, mut to) = (client.try_clone().unwrap(), direct.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let _ = std::io::copy(&mut &direct, &mut &client);
        let _ = client.shutdown(Shutdown::Both);
    })
}

/// The server dies after the first rows, and another one answers in its place: with the same rows, with fewer, with none.
#[test]
fn a_server_that_is_started_anew_gives_the_same_table_or_none() {
    const ROWS: usize = 20_000;
    struct Dying(std::sync::Mutex<Option<Server>>, Arc<AtomicU16>, u16);
    impl pipefit::diag::Watch for Dying {
        fn stage(&self, _: &str, _: u64) {}
        fn tick(&self, _: u64) {
            if let Some(mut server) = self.0.lock().unwrap().take() {
                self.1.store(self.2, Ordering::SeqCst);
                server.kill();
            }
        }
        fn stopped(&self) -> bool {
            false
        }
    }
    let expected = rows(filled(ROWS).port(), 5.0).unwrap();
    for left in [ROWS, ROWS - 1, 0] {
        let (first, second) = (filled(ROWS), filled(left));
        let real = Arc::new(AtomicU16::new(first.port()));
        let port = switched(&real);
        let watch = Dying(std::sync::Mutex::new(Some(first)), real.clone(), second.port());
        let url = format!("redis://127.0.0.1:{port}/0?timeout=5");
        let keys = keys::open(&url, Path::new("")).unwrap().1;
        let read = read_rows(&*keys, "r:*", &ReadOptions::default(), &watch);
        assert_eq!(real.load(Ordering::SeqCst), second.port(), "nobody died");
        match read {
            Ok(read) => assert_eq!((fingerprint(&read.table), left), (expected, ROWS)),
            Err(error) => {
                assert!(left < ROWS, "{error:?}");
                assert_eq!(error.code(), Code::MissingKeyOrFile, "{error:?}");
                assert!(error.message().contains("`r:"), "{error:?}");
            }
        }
    }
}

/// A value of several pieces.
fn with_value() -> (Server, Vec<u8>) {
    let server = Server::start();
    let text: String = (0..400_000).map(|i| format!("{i},{}\n", i % 7)).collect();
    let bytes = format!("x,y\n{text}").into_bytes();
    cmd("SET").arg("table").arg(&bytes).exec(&mut server.raw()).unwrap();
    (server, bytes)
}

#[test]
fn a_value_is_read_whole_or_not_at_all_wherever_the_connection_ends() {
    let (server, bytes) = with_value();
    for k in [0, 1, 5, 100, 1 << 20, (1 << 20) + 12, (1 << 20) + 13, 2_000_003, 3_500_000] {
        assert_eq!(value(once(server.port(), k, |_| {}), 5.0).unwrap().as_ref(), Some(&bytes), "{k}");
        let error = value(cutting(server.port(), usize::MAX, k.max(1)), 5.0).unwrap_err();
        assert_eq!(error.code(), Code::StoreIo, "{error:?}");
        assert!(error.message().contains("key `table`") && error.message().contains("127.0.0.1:"));
        let port = once(server.port(), k, |_| std::thread::sleep(Duration::from_secs(3)));
        let start = Instant::now();
        assert_eq!(value(port, 0.3).unwrap_err().code(), Code::StoreTimeout);
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
}

/// The value goes, or becomes something else, between two of its pieces.
#[test]
fn a_value_that_changes_between_its_pieces_is_read_as_it_is_then() {
    let (server, bytes) = with_value();
    let short = b"x,y\n1,2\n".to_vec();
    type Act = fn(&mut Connection);
    type Read<'a> = Result<Option<&'a [u8]>, Code>;
    let acts: [(Act, Read<'_>); 4] = [
        (|raw| cmd("DEL").arg("table").exec(raw).unwrap(), Ok(None)),
        (|raw| cmd("SET").arg("table").arg("x,y\n1,2\n").exec(raw).unwrap(), Ok(Some(&short))),
        (
            |raw| {
                cmd("DEL").arg("table").exec(raw).unwrap();
                cmd("HSET").arg("table").arg(&[("a", 1)]).exec(raw).unwrap();
            },
            Err(Code::WrongKind),
        ),
        (|raw| cmd("FLUSHALL").exec(raw).unwrap(), Ok(None)),
    ];
    for (act, expected) in acts {
        cmd("DEL").arg("table").exec(&mut server.raw()).unwrap();
        cmd("SET").arg("table").arg(&bytes).exec(&mut server.raw()).unwrap();
        let (pieces, direct) = (AtomicUsize::new(0), server.url("/0"));
        let port = proxy(server.port(), move |_, request| {
            // The first asks for the first piece, the next for sixteen.
            if holds(request, "GETRANGE") && pieces.fetch_add(1, Ordering::SeqCst) == 1 {
                act(&mut redis::Client::open(direct.as_str()).unwrap().get_connection().unwrap());
            }
            Fate::Pass
        });
        let read = value(port, 5.0);
        assert_eq!(read.as_ref().map(Option::as_deref).map_err(Diagnostic::code), expected);
    }
}

#[test]
fn a_refusal_of_a_value_names_key_and_address() {
    let (server, _) = with_value();
    for (answer, word) in [
        (&b"-LOADING Redis is loading the dataset in memory\r\n"[..], "LOADING"),
        (b"-NOAUTH Authentication required.\r\n", "NOAUTH"),
        (b"-NOPERM No permissions to access a key\r\n", "NOPERM"),
        (b"-MOVED 3999 127.0.0.1:6381\r\n", "MOVED"),
        (b"-ASK 3999 127.0.0.1:6381\r\n", "ASK"),
        (b"-CLUSTERDOWN Hash slot not served\r\n", "CLUSTERDOWN"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "OOM"),
        (b"-READONLY You can't write against a read only replica.\r\n", "READONLY"),
    ] {
        for from in 0..3 {
            let count = AtomicUsize::new(0);
            let port = proxy(server.port(), move |_, _| {
                if count.fetch_add(1, Ordering::SeqCst) < from { Fate::Pass } else { Fate::Answer(answer) }
            });
            let error = value(port, 2.0).unwrap_err();
            let said = error.message();
            assert_eq!(error.code(), Code::StoreRefused, "{word} {from}: {said}");
            for part in [word, "key `table`", &format!("127.0.0.1:{port}")] {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
        // As a command, with its exit code.
        let place = Place::new().at(&format!(
            "redis://127.0.0.1:{}/0?timeout=2",
            proxy(server.port(), move |_, _| Fate::Answer(answer))
        ));
        place.run(&["data", "show", "table"]).fails(6, &["E0602", word, "127.0.0.1:"]);
    }
}
