//! `pipefit serve` and clients that mean harm: it answers 4xx or closes, never 5xx, and others do not notice.

use crate::http::{Client, Serving, post, published, records};
use serde_json::json;
use std::time::{Duration, Instant};

/// The status of what is no HTTP, or HTTP at its worst; 0 where the connection is closed without a word.
#[test]
fn malformed_requests_are_refused_and_leave_the_server_as_it_was() {
    let place = published(&["diabetes"]);
    let serving = Serving::start(&place, &["diabetes"]);
    let huge = "x".repeat(1 << 20);
    let corpus: Vec<(Vec<u8>, &[u16])> = vec![
        (b"\0\0\0\0\r\n\r\n".to_vec(), &[400]),
        (b"GET\r\n\r\n".to_vec(), &[400]),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &[400]),
        (b"GET / HTTP/9.9\r\n\r\n".to_vec(), &[400, 0]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[400, 0]),
        (format!("GET /{huge} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes(), &[400, 414, 431, 0]),
        (format!("GET /v2 HTTP/1.1\r\nhost: localhost\r\nx: {huge}\r\n\r\n").into_bytes(), &[400, 431, 0]),
        (format!("GET /v2 HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(500)).into_bytes(), &[400, 431]),
        (b"GET /v2 HTTP/1.1\r\nhost: \xff\xfe\r\n\r\n".to_vec(), &[403, 400]),
        (b"GET /%ff%00/..//v2 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), &[404]),
        (b"GET /v2/models/../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), &[404]),
        (b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n".to_vec(), &[400]),
        (b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_vec(), &[400]),
        (b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n".to_vec(), &[413]),
        (b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 18446744073709551616\r\n\r\n".to_vec(), &[400]),
        (b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(), &[400]),
        (b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffffff\r\n".to_vec(), &[400, 413]),
        (b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip\r\n\r\n".to_vec(), &[400, 411, 501]),
        (post("/predict", "\u{7f}", b"[]"), &[400, 415]),
        (b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), &[404, 405]),
        (b"BREW /predict HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), &[405]),
    ];
    for (request, allowed) in &corpus {
        let answer = serving.send(request);
        assert!(
            allowed.contains(&answer.status),
            "{}: {answer}",
            request[..request.len().min(80)].escape_ascii()
        );
    }
    // A body of endless chunks is cut off at its limit.
    let mut client = serving.connect();
    client.write(b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(65_536));
    let written = (0..64).take_while(|_| client.write(chunk.as_bytes())).count();
    let status = client.answer().status;
    assert!(status == 413 || status == 0 && written < 64, "{status} after {written} chunks");
    // One that ends in the middle is nothing.
    let mut client = serving.connect();
    client.write(b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n[{");
    drop(client);
    assert_eq!(serving.get("/v2/health/ready").status, 200);
    serving.terminate();
    let ran = serving.end();
    assert!(!ran.err.contains("\"status\":5"), "{ran}");
    assert_eq!(ran.code, Some(0), "{ran}");
}

/// Silent and slow clients, of each kind.
const CROWD: usize = 500;

/// 500 silent connections and 500 with slow heads and slow bodies, twice as many as there is room for by default: all are closed in
/// time, and requests go through meanwhile.
#[test]
fn slow_and_silent_clients_crowd_out_each_other_and_nobody_else() {
    let place = published(&["diabetes"]);
    let serving = Serving::start(&place, &["diabetes"]);
    let row = records(&place.read("examples/data/diabetes.csv"), "target")[0].to_string();
    let request = post("/predict", "application/json", row.as_bytes());
    let mut honest = serving.connect();
    let expected = honest.send(&request).ok();
    let start = Instant::now();
    let mut slow: Vec<Client> = (0..2 * CROWD).map(|_| serving.connect()).collect();
    for (i, client) in slow.iter_mut().enumerate() {
        match i % 4 {
            0 | 2 => true,
            1 => client.write(b"POST /predict HT"),
            _ => client.write(b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n["),
        };
    }
    let (mut requests, mut worst) = (0, Duration::ZERO);
    let mut drip = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        let begun = Instant::now();
        assert_eq!(honest.send(&request).ok(), expected, "a connection that is used");
        assert_eq!(serving.send(&request).ok(), expected, "a new connection");
        worst = worst.max(begun.elapsed());
        requests += 2;
        if drip.elapsed() > Duration::from_millis(500) {
            drip = Instant::now();
            // Those that have been crowded out cannot write any more.
            slow.iter_mut()
                .enumerate()
                .filter(|(i, _)| i % 2 > 0)
                .for_each(|(_, client)| _ = client.write(b" "));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    crate::command::tell(&format!(
        "{requests} requests beside {CROWD} silent and {CROWD} slow clients, the slowest pair in {worst:?}"
    ));
    let metrics =
        String::from_utf8(honest.send(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").body).unwrap();
    let value = |name: &str| -> u64 {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    assert!(value("pipefit_connections_evicted_total") >= 2 * CROWD as u64 + 1 - 512, "{metrics}");
    assert_eq!(value("pipefit_connections_rejected_total"), 0, "{metrics}");
    // What is still open is closed by the time-outs of heads and bodies, dripping or not.
    let deadline = start + Duration::from_secs(14);
    for client in &mut slow {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        client.is_closed_within(left);
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    let answer = serving.get("/metrics");
    let metrics = String::from_utf8(answer.body).unwrap();
    assert!(metrics.contains("pipefit_http_requests_total{route=\"predict\",status=\"408\"}"), "{metrics}");
    assert!(!metrics.contains("status=\"5"), "{metrics}");
}

/// A request of many rows goes to a thread of its own, and of too many bytes nowhere.
#[test]
fn large_requests_are_answered_up_to_the_limit() {
    let place = published(&["diabetes"]);
    let serving = Serving::start(&place, &["diabetes", "--max-body", "3000000", "--max-rows", "12000"]);
    let rows = records(&place.read("examples/data/diabetes.csv"), "target");
    let many: Vec<_> = rows.iter().cycle().take(10_000).collect();
    let body = json!({"dataframe_records": many}).to_string();
    assert!(body.len() > 2 << 20 && body.len() < 3_000_000, "{}", body.len());
    let all = serving.post("/invocations", &body).ok();
    let few = serving.post("/predict", &json!(rows).to_string()).ok();
    assert_eq!(all["predictions"].as_array().unwrap().len(), 10_000);
    for i in [0, 441, 442, 9_999] {
        assert_eq!(all["predictions"][i], few["predictions"][i % 442], "row {i}");
    }
    let too_long = format!("{body}{}", " ".repeat(3_000_000 - body.len() + 1));
    serving.post("/invocations", &too_long).refused(413, &["longer than 3000000 bytes"]);
}
