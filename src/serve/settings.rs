//! How it is served.

use std::net::SocketAddr;
use std::time::Duration;

use crate::diag::{Code, Result};

/// Where, to whom, and how much.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; port 0 takes any that is free.
    pub bind: SocketAddr,
    /// What a request must bear; needed where others than this machine reach it.
    pub token: Option<Token>,
    /// Names that a request may call this server by, beside the address itself.
    pub hosts: Vec<String>,
    /// Web pages that may ask.
    pub origins: Vec<String>,
    /// How much there may be of everything.
    pub limits: Limits,
    /// The threads that answer.
    pub threads: usize,
    /// How often the store is asked whether an alias has moved.
    pub poll: Duration,
    /// Whether every request is told.
    pub log_requests: bool,
}

/// How much there may be of everything, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Rows of a request.
    pub rows: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Bytes of all bodies that are under way.
    pub bodies: usize,
    /// Requests of many rows that wait for a thread.
    pub waiting: usize,
    /// Until the head of a request is there, from the connection or the last answer on.
    pub head: Duration,
    /// Until its body is there.
    pub arrival: Duration,
    /// Until its answer is made.
    pub work: Duration,
    /// Until requests that are under way at the end have been answered.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 2 << 20,
            rows: 10_000,
            connections: 512,
            bodies: 128 << 20,
            waiting: 64,
            head: Duration::from_secs(10),
            arrival: Duration::from_secs(10),
            work: Duration::from_secs(5),
            drain: Duration::from_secs(10),
        }
    }
}

/// A secret that requests bear. It is never printed.
#[derive(Clone)]
pub struct Token(crate::table::Digest);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// The least characters of a token.
    const LEAST: usize = 16;

    /// A token; blanks and line ends around it do not count.
    ///
    /// # Errors
    /// `Usage` for one that is short, or that no header can hold.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.len() >= Self::LEAST && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(crate::table::Digest::of(text.as_bytes())));
        }
        let message = format!("the token is shorter than {} characters, or not printable ASCII", Self::LEAST);
        Err(Code::Usage.error(message).help("make one with `openssl rand -hex 32`"))
    }

    /// Whether a text is the token. Digests are compared, and to the end, so that time tells nothing of it.
    pub fn is(&self, text: &str) -> bool {
        let other = crate::table::Digest::of(text.trim().as_bytes());
        self.0.bytes().iter().zip(other.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

impl Settings {
    /// The usual ones.
    pub fn new(bind: SocketAddr) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            bind,
            token: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            limits: Limits::default(),
            threads,
            poll: Duration::from_secs(1),
            log_requests: false,
        }
    }

    /// Whether these may be.
    ///
    /// # Errors
    /// `Usage` where others than this machine could ask without a token.
    pub fn check(&self) -> Result<()> {
        if self.bind.ip().is_loopback() || self.token.is_some() {
            return Ok(());
        }
        let message =
            format!("`{}` can be reached from other machines, and there is no token", self.bind.ip());
        Err(Code::Usage
            .error(message)
            .help("give one with `--token-file FILE` or in the variable PIPEFIT_TOKEN"))
    }
}
