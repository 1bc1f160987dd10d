//! Load for HTTP servers: sends one request again and again, and tells what came of it. Part of `serve.py`.
//!
//!     cargo bench --bench http_load -- ADDRESS PATH CONNECTIONS SECONDS RATE < BODY
//!
//! RATE is in requests a second over all connections; 0 is as many as the server answers, each connection one at a time. At a
//! rate, times count from the moment at which a request was due, so that a server that stands still cannot hide it.
//! Prints `{"requests", "failed", "per_second", "p50_ms", "p99_ms", "max_ms", "late"}`; `late` is the share of the rate that was not reached.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on may panic")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What every connection does.
struct Plan {
    address: String,
    request: Vec<u8>,
    start: Instant,
    seconds: f64,
    /// Between two requests of one connection; none for as fast as it goes.
    pause: Option<Duration>,
}

fn main() {
    // Cargo adds an option of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [address, path, connections, seconds, rate] = &arguments[..] else {
        println!("{{}}");
        return;
    };
    let (connections, seconds): (u32, f64) = (connections.parse().unwrap(), seconds.parse().unwrap());
    let rate: f64 = rate.parse().unwrap();
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let plan = Arc::new(Plan {
        address: address.clone(),
        request: [head.as_bytes(), &body].concat(),
        start: Instant::now() + Duration::from_millis(50),
        seconds,
        pause: (rate > 0.0).then(|| Duration::from_secs_f64(f64::from(connections) / rate)),
    });
    let clients: Vec<_> = (0..connections)
        .map(|i| {
            let plan = Arc::clone(&plan);
            std::thread::spawn(move || client(&plan, f64::from(i) / f64::from(connections)))
        })
        .collect();
    let (mut times, mut failed) = (Vec::new(), 0);
    for client in clients {
        let (own, lost) = client.join().unwrap();
        times.extend(own);
        failed += lost;
    }
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last());
    let ms = |time: Option<&u64>| time.map_or(f64::NAN, |nanoseconds| *nanoseconds as f64 / 1e6);
    let per_second = times.len() as f64 / seconds;
    let late = if rate > 0.0 { 1.0 - per_second / rate } else { 0.0 };
    println!(
        "{{\"requests\": {}, \"failed\": {failed}, \"per_second\": {per_second:.1}, \"p50_ms\": {:.4}, \"p99_ms\": {:.4}, \
         \"max_ms\": {:.4}, \"late\": {late:.4}}}",
        times.len(),
        ms(at(0.5)),
        ms(at(0.99)),
        ms(times.last())
    );
}

/// One connection until the time is over: nanoseconds of every answer that was 200, and how many were not.
fn client(plan: &Plan, phase: f64) -> (Vec<u64>, u64) {
    let (mut times, mut failed) = (Vec::new(), 0);
    let mut stream = connect(plan);
    let mut buffer = Vec::with_capacity(1 << 16);
    let end = plan.start + Duration::from_secs_f64(plan.seconds);
    let mut due = plan.start + plan.pause.map_or(Duration::ZERO, |pause| pause.mul_f64(phase));
    loop {
        let now = Instant::now();
        if now < due {
            std::thread::sleep(due - now);
        }
        let begun = if plan.pause.is_some() { due } else { Instant::now() };
        if begun >= end || Instant::now() >= end {
            return (times, failed);
        }
        match exchange(&mut stream, &plan.request, &mut buffer) {
            Some(true) => times.push(begun.elapsed().as_nanos() as u64),
            outcome => {
                failed += 1;
                if outcome.is_none() {
                    stream = connect(plan);
                }
            }
        }
        if let Some(pause) = plan.pause {
            due += pause;
        }
    }
}

fn connect(plan: &Plan) -> TcpStream {
    let stream = TcpStream::connect(&plan.address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Whether the answer was 200; `None` where the connection broke.
fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Option<bool> {
    stream.write_all(request).ok()?;
    buffer.clear();
    let mut piece = [0; 16_384];
    let mut whole = usize::MAX;
    while buffer.len() < whole {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(n) => buffer.extend_from_slice(&piece[..n]),
        }
        if whole == usize::MAX
            && let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
            whole = end + 4 + length.trim().parse::<usize>().ok()?;
        }
    }
    Some(buffer.starts_with(b"HTTP/1.1 200"))
}
