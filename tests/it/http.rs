//! `pipefit serve` as a process, and a client that sends any bytes at all.

use crate::command::{Place, Ran};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A running server; killed when dropped.
pub struct Serving {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it printed when it was ready.
    pub started: Value,
    log: std::path::PathBuf,
}

impl Serving {
    /// Serves these models, with more options, on a free port.
    pub fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::with(place, arguments, &[])
    }

    /// As [`Serving::start`], with variables set.
    pub fn with(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        // A place may have several servers.
        static SERVERS: AtomicUsize = AtomicUsize::new(0);
        let log = place.path(&format!("serve-{}.log", SERVERS.fetch_add(1, Ordering::Relaxed)));
        let all = [&["serve", "--json", "--bind", "127.0.0.1:0"], arguments].concat();
        let mut command = place.command(&all);
        command.envs(variables.iter().copied());
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: `{line}`, {}", std::fs::read_to_string(&log).unwrap()));
        let address = started["address"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
        Self { child, address, started, log }
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn send(&self, request: &[u8]) -> Answer {
        self.connect().send(request)
    }

    /// GET on a connection of its own.
    pub fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())
    }

    /// POST of JSON on a connection of its own.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.send(&post(path, "application/json", body.as_bytes()))
    }

    /// The log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the log has an event.
    pub fn wait_for(&self, event: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.log().contains(&format!("\"event\":\"{event}\"")) {
            assert!(Instant::now() < deadline, "no `{event}` in {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended by itself; every line of its log is JSON.
    pub fn end(mut self) -> Ran {
        let status = self.child.wait().unwrap();
        let (stdout, stderr) = (Vec::new(), self.log().into_bytes());
        let ran = Ran::of(&["serve"], Output { status, stdout, stderr });
        for line in ran.err.lines() {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(["time", "level", "event"].iter().all(|key| event[key].is_string()), "{line}");
        }
        ran
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection.
pub struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status; 0 where the connection was closed without an answer.
    pub status: u16,
    /// The head as it came, in lower case.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A request with a body.
pub fn post(path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Writes bytes; false where the server has closed.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a request and reads its answer.
    pub fn send(&mut self, request: &[u8]) -> Answer {
        // A server that refuses early may close before all is written.
        self.write(request);
        self.next(!request.starts_with(b"HEAD "))
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        self.next(true)
    }

    fn next(&mut self, has_body: bool) -> Answer {
        let closed = Answer { status: 0, head: String::new(), body: Vec::new() };
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.more() {
                return closed;
            }
        };
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").filter(|_| has_body);
        let length = length.map_or(0, |length| length.parse().unwrap());
        while self.read.len() < end + length {
            assert!(self.more(), "an answer that ends early: {answer:?}");
        }
        answer.body = self.read[end..end + length].to_vec();
        self.read.drain(..end + length);
        answer
    }

    /// Whether the server closes within this time without sending anything.
    pub fn is_closed_within(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        match self.stream.read(&mut [0; 4096]) {
            Ok(0) => true,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            Ok(_) => false,
        }
    }

    fn more(&mut self) -> bool {
        let mut piece = [0; 65536];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(n) => {
                self.read.extend_from_slice(&piece[..n]);
                true
            }
            Err(error) => {
                let late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!late, "no answer in 30 s; so far {}", self.read.escape_ascii());
                false
            }
        }
    }
}

impl Answer {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Holds it to be 200, and gives its body.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self}");
        self.json()
    }

    /// Holds it to be refused in the one form, with these words.
    #[track_caller]
    pub fn refused(&self, status: u16, words: &[&str]) {
        assert_eq!(self.status, status, "{self}");
        let body = self.json();
        let text =
            format!("{} {}", body["error"].as_str().unwrap(), body["help"].as_str().unwrap_or_default());
        assert!(body["code"].as_str().unwrap().starts_with('E'), "{self}");
        for word in words {
            assert!(text.contains(word), "no `{word}` in {self}");
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.head, self.body.escape_ascii())
    }
}

/// A place with the examples, some of them run.
pub fn published(pipelines: &[&str]) -> Place {
    let place = Place::new();
    crate::command::copy(&place, "pipelines");
    crate::command::copy(&place, "examples/data");
    for pipeline in pipelines {
        place.run(&["run", &format!("pipelines/{pipeline}.yaml")]).ok();
    }
    place
}

/// The rows of a CSV file as JSON objects, numbers as they are spelled, empty cells null.
pub fn records(csv: &str, without: &str) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names = reader.headers().unwrap().clone();
    let cell = |text: &str| match text {
        "" | "NA" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    };
    let row = |row: csv::StringRecord| {
        let cells = names.iter().zip(&row).filter(|(name, _)| *name != without);
        Value::Object(cells.map(|(name, text)| (name.to_owned(), cell(text))).collect())
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}
