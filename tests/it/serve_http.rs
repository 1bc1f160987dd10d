//! `pipefit serve` and HTTP in every make: chunks, pipelines, other methods and versions, lengths that lie, and bodies of all kinds.

use crate::command::repository;
use crate::http::{Serving, post, published, records};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A row of `diabetes`, and what is predicted of it.
fn asked(place: &crate::command::Place, serving: &Serving) -> (String, Value) {
    let row = records(&place.read("examples/data/diabetes.csv"), "target")[0].to_string();
    let expected = serving.post("/predict", &row).ok();
    (row, expected)
}

/// A body in chunks of this many bytes.
fn chunked(body: &str, size: usize, end: &str) -> Vec<u8> {
    let mut request = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                        transfer-encoding: chunked\r\n\r\n"
        .to_vec();
    for chunk in body.as_bytes().chunks(size) {
        request.extend_from_slice(format!("{:x};word=\"x\"\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(end.as_bytes());
    request
}

#[test]
fn chunks_and_pieces_are_put_together() {
    let place = published(&["diabetes"]);
    let serving = Serving::start(&place, &["diabetes"]);
    let (row, expected) = asked(&place, &serving);
    let mut connection = serving.connect();
    for size in [1, 7, 64, 10_000] {
        for end in ["0\r\n\r\n", "0\r\nx-check: 1\r\n\r\n"] {
            assert_eq!(connection.send(&chunked(&row, size, end)).ok(), expected, "chunks of {size}");
        }
    }
    // Byte by byte, head and body.
    let request = post("/predict", "application/json", row.as_bytes());
    assert!(request.iter().all(|byte| connection.write(&[*byte])));
    assert_eq!(connection.answer().ok(), expected);
    // Who waits to be asked for the body is asked.
    let length = row.len();
    connection.write(
        format!("POST /predict HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n")
            .as_bytes(),
    );
    assert_eq!(connection.answer().status, 100);
    connection.write(row.as_bytes());
    assert_eq!(connection.answer().ok(), expected);
}

/// What comes in one go is answered in order, the good and the bad.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let place = published(&["diabetes"]);
    let serving = Serving::start(&place, &["diabetes"]);
    let (row, expected) = asked(&place, &serving);
    let good = post("/predict", "application/json", row.as_bytes());
    let bad = post("/predict", "application/json", b"[{]");
    let missing = b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec();
    let many = [row.as_str(); 400].join(",");
    let large = post("/predict", "application/json", format!("[{many}]").as_bytes());
    assert!(large.len() > 64 << 10);
    let mut connection = serving.connect();
    let all: Vec<u8> = (0..40).flat_map(|_| [&good[..], &bad, &missing, &good].concat()).collect();
    connection.write(&[&all[..], &large, &good].concat());
    for i in 0..40 {
        assert_eq!(connection.answer().ok(), expected, "round {i}");
        connection.answer().refused(400, &[]);
        connection.answer().refused(404, &[]);
        assert_eq!(connection.answer().ok(), expected, "round {i}");
    }
    assert_eq!(connection.answer().ok()["predictions"].as_array().unwrap().len(), 400);
    assert_eq!(connection.answer().ok(), expected);
}

#[test]
fn old_clients_and_other_methods_are_answered() {
    let place = published(&["diabetes"]);
    let serving = Serving::start(&place, &["diabetes"]);
    let (row, expected) = asked(&place, &serving);
    // HTTP/1.0: no host is needed, and the connection ends unless it was asked to stay.
    let old = |headers: &str| {
        let length = row.len();
        format!(
            "POST /predict HTTP/1.0\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{row}"
        )
    };
    let mut once = serving.connect();
    assert_eq!(once.send(old("").as_bytes()).ok(), expected);
    assert!(once.is_closed_within(Duration::from_secs(5)));
    let mut kept = serving.connect();
    for _ in 0..3 {
        assert_eq!(kept.send(old("connection: keep-alive\r\n").as_bytes()).ok(), expected);
    }
    // It knew no chunks.
    let chunks = "POST /predict HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let status = serving.send(chunks.as_bytes()).status;
    assert!([0, 400, 411, 415].contains(&status), "{status}");
    // HEAD is GET without the body, of which it tells the length.
    let mut connection = serving.connect();
    for path in [
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/ping",
        "/models",
        "/v2/models/diabetes",
        "/v1/models/diabetes",
    ] {
        let ask = |method: &str| format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let head = connection.send(ask("HEAD").as_bytes());
        let get = connection.send(ask("GET").as_bytes());
        let plain = |head: &str| {
            head.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
        };
        assert_eq!((head.status, plain(&head.head)), (200, plain(&get.head)), "{path}");
        assert!(head.body.is_empty() && !get.body.is_empty());
    }
    // No other method means anything, whatever it carries.
    for method in ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "X"] {
        for path in ["/predict", "/v2/models/diabetes/infer", "/v2", "/metrics"] {
            let request =
                format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n[]");
            let answer = serving.send(request.as_bytes());
            assert!([400, 404, 405].contains(&answer.status), "{method} {path}: {answer}");
        }
    }
    let options = serving.send(b"OPTIONS /predict HTTP/1.1\r\nhost: localhost\r\n\r\n");
    options.refused(405, &["POST"]);
    assert_eq!(options.header("allow"), Some("post"));
    let head = serving.send(b"HEAD /predict HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(head.status, 405);
}

/// What a length leaves over is the next request or none; nothing is answered twice, and who promises more than he sends waits.
#[test]
fn lengths_that_lie_fool_nobody() {
    let place = published(&["diabetes"]);
    let serving = Serving::start(&place, &["diabetes"]);
    let (row, expected) = asked(&place, &serving);
    let with = |length: &str| {
        format!(
            "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{length}\r\n\r\n{row}"
        )
    };
    let start = Instant::now();
    let mut waiting = serving.connect();
    waiting.write(with(&format!("content-length: {}", row.len() + 1)).as_bytes());
    let mut short = serving.connect();
    short.send(with(&format!("content-length: {}", row.len() - 1)).as_bytes()).refused(400, &[]);
    // The byte that is left over is no request.
    assert_eq!(short.answer().status, 400);
    assert!(short.is_closed_within(Duration::from_secs(5)));
    let mut none = serving.connect();
    none.send(with("x: y").as_bytes()).refused(400, &[]);
    assert_eq!(none.answer().status, 400);
    for length in ["+5", "0x10", "1e3", " ", "5, 6", "٣"] {
        let answer = serving.send(with(&format!("content-length: {length}")).as_bytes());
        assert_eq!(answer.status, 400, "{length}: {answer}");
    }
    // Both lengths at once: the request after the chunks is the next one, and what only the length has is none.
    let tail = "0\r\n\r\nGET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let both = format!(
        "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n{tail}",
        tail.len()
    );
    let mut both_ways = serving.connect();
    assert_eq!(both_ways.send(both.as_bytes()).status, 400);
    let rest = both_ways.answer().status;
    assert!([0, 200].contains(&rest), "{rest}");
    assert_eq!(both_ways.answer().status, 0);
    // A body that does not come, or only in part, is given up after its time; one byte too few is enough.
    waiting.answer().refused(408, &[]);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(serving.post("/predict", &row).ok(), expected);
}

/// Cells, good and bad, as JSON would have them or not.
const TOKENS: &[&str] = &[
    "NaN",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e-999",
    "0.1e",
    "01",
    "+1",
    ".5",
    "1.",
    "0x1F",
    "1_000",
    "9007199254740993",
    "123456789012345678901234567890",
    "true",
    "null",
    "[]",
    "{}",
    "[[1]]",
    "\"\"",
    "\"NaN\"",
    "\"1\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\x\"",
    "'a'",
    "undefined",
    "// no",
    "\u{feff}1",
    "\"\u{202e}\"",
    "-",
    "--1",
    "1 2",
    "1,",
    ":",
    "\\",
];

/// Bodies of all kinds, to every address that takes rows: cells of each type in each place, texts that are no JSON, and the samples
/// of `tests/corpus`.
fn bodies(row: &Value) -> Vec<Vec<u8>> {
    let text = row.to_string();
    let names: Vec<&String> = row.as_object().unwrap().keys().collect();
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    for &token in TOKENS {
        let cell = |name: &String, token: &str| {
            let cells = names.iter().map(|one| match *one == name {
                true => format!("\"{one}\":{token}"),
                false => format!("\"{one}\":{}", row[*one]),
            });
            format!("{{{}}}", cells.collect::<Vec<_>>().join(","))
        };
        for name in [names[0], names[1], names[names.len() - 1]] {
            bodies.push(cell(name, token).into_bytes());
        }
        let list = names.iter().map(|_| token).collect::<Vec<_>>().join(",");
        bodies.push(token.as_bytes().to_vec());
        bodies.push(format!("[{token}]").into_bytes());
        for key in ["instances", "inputs", "dataframe_records", "dataframe_split"] {
            bodies.push(format!("{{\"{key}\":{token}}}").into_bytes());
            bodies.push(format!("{{\"{key}\":[{token}]}}").into_bytes());
            bodies.push(format!("{{\"{key}\":[[{list}]]}}").into_bytes());
            bodies.push(format!("{{\"{key}\":[{}]}}", cell(names[2], token)).into_bytes());
        }
        bodies.push(
            format!("{{\"dataframe_split\":{{\"columns\":{token},\"data\":[[{list}]]}}}}").into_bytes(),
        );
        for key in ["name", "shape", "datatype", "data", "parameters"] {
            let mut tensor = json!({"name": "x", "shape": [1, names.len()], "datatype": "FP64", "data": vec![0; names.len()]});
            tensor[key] = json!("TOKEN");
            bodies.push(json!({"inputs": [tensor]}).to_string().replace("\"TOKEN\"", token).into_bytes());
        }
    }
    // Cut anywhere, and with a byte that does not belong there.
    for at in (0..text.len()).step_by(5) {
        bodies.push(text.as_bytes()[..at].to_vec());
        let mut other = text.clone().into_bytes();
        other[at] = [0, b'"', 0xff, b'{', b']'][at % 5];
        bodies.push(other);
    }
    let one = |name: &String| format!("{{\"{name}\":1}}").into_bytes();
    bodies.extend(names.iter().map(|name| one(name)));
    for folder in ["http_body", "json", "csv"] {
        let files = std::fs::read_dir(repository("tests/corpus").join(folder)).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        bodies.extend(
            files.iter().map(|file| std::fs::read(file).unwrap()).filter(|bytes| bytes.len() < 100_000),
        );
    }
    bodies
}

#[test]
fn no_body_is_the_fault_of_the_server() {
    let place = published(&["penguins"]);
    let serving = Serving::start(&place, &["penguins"]);
    let row = records(&place.read("examples/data/penguins.csv"), "species")[0].clone();
    let expected = serving.post("/predict", &row.to_string()).ok();
    let (mut answered, mut refused) = (0, 0);
    let mut connection = serving.connect();
    for body in bodies(&row) {
        for (path, content_type) in [
            ("/predict?proba=true", "application/json"),
            ("/invocations", "application/json"),
            ("/v2/models/penguins/infer", "application/json"),
            ("/v1/models/penguins:predict", "application/json"),
            ("/predict", "text/csv"),
        ] {
            let answer = connection.send(&post(path, content_type, &body));
            match answer.status {
                200 => answered += 1,
                _ => {
                    answer.refused(400, &[]);
                    refused += 1;
                }
            }
        }
    }
    assert_eq!(
        connection.send(&post("/predict", "application/json", row.to_string().as_bytes())).ok(),
        expected
    );
    crate::command::tell(&format!(
        "{} bodies: {answered} answered, {refused} refused with 400",
        answered + refused
    ));
    assert!(refused > 4000 && answered > 20, "{answered} {refused}");
    let metrics = String::from_utf8(serving.get("/metrics").body).unwrap();
    assert!(!metrics.contains("status=\"5"), "{metrics}");
    serving.terminate();
    let ran = serving.end();
    assert!(!ran.err.contains("panic"), "{ran}");
    assert_eq!(ran.code, Some(0), "{ran}");
}
