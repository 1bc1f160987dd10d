//! A server, or a line, that is slow: an answer that keeps coming is waited for, one that trickles is given up.

use crate::command::Place;
use crate::proxy::listen;
use crate::server::Server;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A way to a server that gives its answers so many bytes at a time, with a pause after each.
pub fn paced(server: u16, bytes: usize, pause: Duration) -> u16 {
    listen(move |_, client| {
        let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let (mut server, mut client) = (server, client);
        let mut buffer = vec![0; bytes];
        while let Ok(n @ 1..) = server.read(&mut buffer) {
            if client.write_all(&buffer[..n]).is_err() {
                break;
            }
            std::thread::sleep(pause);
        }
    })
}

/// A table of about 2 MB under the key `k`.
fn filled() -> (Server, String) {
    let server = Server::start();
    let rows: String = (0..100_000).map(|i| format!("{i},{},1.5\n", i * 7)).collect();
    let table = format!("x,y,z\n{rows}");
    redis::cmd("SET").arg("k").arg(&table).exec(&mut server.raw()).unwrap();
    (server, table)
}

#[test]
fn a_large_value_over_a_slow_line_takes_longer_than_the_time_out() {
    let (server, table) = filled();
    let port = paced(server.port(), 1 << 16, Duration::from_millis(50));
    let place = Place::new().at(&format!("redis://127.0.0.1:{port}/0?timeout=0.7"));
    let start = Instant::now();
    place.run(&["data", "get", "k", "k.csv"]).ok();
    assert!(start.elapsed() > Duration::from_millis(1000), "the line was fast: {:?}", start.elapsed());
    assert_eq!(place.read("k.csv"), table);
}

#[test]
fn an_answer_that_trickles_is_given_up() {
    let (server, _) = filled();
    let port = paced(server.port(), 16, Duration::from_millis(20));
    let place = Place::new().at(&format!("redis://127.0.0.1:{port}/0?timeout=1"));
    let start = Instant::now();
    place.run(&["data", "get", "k", "k.csv"]).fails(6, &["error[E0603]", "did not answer within 1 s"]);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}
