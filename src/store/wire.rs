//! A connection that is given up at the first silence, and when an answer trickles.

use super::inbox::Inbox;
use super::resp::{Answer, Kept};
use super::tls::TlsStream;
use ::redis::io::tcp::socket2::{SockRef, TcpKeepalive};
use ::redis::{ConnectionLike, Parser, RedisResult, Value};
use ::rustls::ClientConfig;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The least rate of an answer in bytes a second: an answer may take the time-out, and a second more for each of these
/// bytes that has come. A slow line carries it; one that sends a byte now and then is given up, as a silent one is.
const LEAST_RATE: f64 = 65_536.0;

/// A connection to a server, with the protocol's parser.
///
/// The client's own connection waits for every single read as long as for an answer, so that a server that sends a
/// byte now and then would hold a run for ever; and it waits for every answer to a pipeline although an earlier one
/// has not come.
pub struct Wire {
    stream: Box<dyn Stream>,
    parser: Parser,
    /// The answers to what was sent with [`send`](Self::send).
    inbox: Inbox,
    /// Whether the next command goes to a server of a cluster that does not have its key for good yet; and whether the
    /// answer to the word that says so is still to come.
    asking: bool,
    asked: bool,
    /// How long an answer may take, and a write.
    timeout: Duration,
    /// Since when the answers to the oldest request are waited for, and the bytes that have come since.
    start: Instant,
    bytes: usize,
    /// How fast it may be read.
    pace: Option<Pace>,
}

/// A bound on the bytes that are read a second.
struct Pace {
    rate: f64,
    /// When as many bytes as have come may have come.
    due: Instant,
}

/// No shorter wait is worth asking the system for.
const LEAST_WAIT: Duration = Duration::from_millis(2);

impl Pace {
    /// Waits until bytes that have come may have come.
    fn keep(&mut self, bytes: usize) {
        let now = Instant::now();
        self.due = self.due.max(now) + Duration::from_secs_f64(bytes as f64 / self.rate);
        let ahead = self.due - now;
        if ahead > LEAST_WAIT {
            std::thread::sleep(ahead);
        }
    }
}

/// A socket of any kind.
trait Stream: Read + Write + Send {
    fn timeouts(&self, timeout: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn timeouts(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout)).and_then(|()| self.set_write_timeout(Some(timeout)))
    }
}

impl Stream for TlsStream {
    fn timeouts(&self, timeout: Duration) -> io::Result<()> {
        Self::timeouts(self, timeout)
    }
}

#[cfg(unix)]
impl Stream for UnixStream {
    fn timeouts(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout)).and_then(|()| self.set_write_timeout(Some(timeout)))
    }
}

impl Wire {
    /// Connects to an address within a time; `answer` is the time-out of each answer. With `tls` the server has to prove
    /// that it is the host of that name, in the same time.
    pub(super) fn tcp(
        address: &SocketAddr,
        connect: Duration,
        answer: Duration,
        tls: Option<(&Arc<ClientConfig>, &str)>,
    ) -> io::Result<Self> {
        let until = Instant::now() + connect;
        // A time-out of zero would be an error of the socket.
        let stream = TcpStream::connect_timeout(address, connect.max(Duration::from_micros(1)))?;
        // Small requests must not wait for one another, and a dead peer must be found out.
        stream.set_nodelay(true)?;
        let fifteen = Duration::from_secs(15);
        let keepalive = TcpKeepalive::new().with_time(fifteen).with_interval(fifteen);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        match tls {
            Some((settings, host)) => {
                Self::over(Box::new(TlsStream::shake(stream, settings, host, until)?), answer)
            }
            None => Self::over(Box::new(stream), answer),
        }
    }

    /// Connects to a socket file.
    #[cfg(unix)]
    pub fn unix(path: &Path, answer: Duration) -> io::Result<Self> {
        Self::over(Box::new(UnixStream::connect(path)?), answer)
    }

    /// Connects to a socket file, which this system does not have.
    #[cfg(not(unix))]
    pub fn unix(_: &Path, _: Duration) -> io::Result<Self> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    fn over(stream: Box<dyn Stream>, timeout: Duration) -> io::Result<Self> {
        let timeout = timeout.max(Duration::from_micros(1));
        stream.timeouts(timeout)?;
        let (parser, inbox) = (Parser::new(), Inbox::default());
        Ok(Self {
            stream,
            parser,
            inbox,
            asking: false,
            asked: false,
            timeout,
            start: Instant::now(),
            bytes: 0,
            pace: None,
        })
    }

    /// Reads not more than so many bytes a second from now on. The waits are within what an answer of as many bytes may take,
    /// whatever the time-out.
    pub(super) fn slow_down(&mut self, rate: Option<u64>) {
        self.pace = rate.map(|rate| Pace { rate: (rate as f64).max(LEAST_RATE), due: Instant::now() });
    }

    /// Sends commands whose so many answers [`answer`](Self::answer) hands out, after those that are under way.
    pub(crate) fn send(&mut self, commands: &[u8], answers: usize) -> RedisResult<()> {
        if self.inbox.expect(answers) {
            (self.start, self.bytes) = (Instant::now(), 0);
        }
        Ok(self.stream.write_all(commands)?)
    }

    /// Waits for the next answer. All answers to one request together may take as long as one answer alone: a server that
    /// is slow with every one of thousands is given up as well.
    pub(crate) fn answer(&mut self) -> RedisResult<Answer<'_>> {
        self.inbox.next();
        while !self.inbox.is_whole()? {
            let mut paced = Paced {
                stream: &mut *self.stream,
                timeout: self.timeout,
                start: self.start,
                bytes: self.bytes,
                pace: self.pace.as_mut(),
            };
            self.bytes += self.inbox.fill(&mut paced)?;
        }
        let (answer, last) = self.inbox.take();
        if last {
            // The turn of the next request begins.
            (self.start, self.bytes) = (Instant::now(), 0);
        }
        Ok(answer)
    }

    /// Keeps the answer that was handed out last.
    pub(crate) fn keep(&mut self, kept: &mut Kept) {
        self.inbox.keep(kept);
    }

    /// Has the next command be taken by a server of a cluster that its key is on the way to.
    pub(super) fn ask_next(&mut self) {
        self.asking = true;
    }

    /// Whether no answer is under way that nobody will fetch.
    pub(crate) fn in_step(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Sends bytes that are a command, or a part of one, without waiting for an answer.
    pub fn send_packed_command(&mut self, bytes: &[u8]) -> RedisResult<()> {
        if std::mem::take(&mut self.asking) {
            self.asked = true;
            self.stream.write_all(b"*1\r\n$6\r\nASKING\r\n")?;
        }
        Ok(self.stream.write_all(bytes)?)
    }

    /// Waits for one answer.
    pub fn recv_response(&mut self) -> RedisResult<Value> {
        if std::mem::take(&mut self.asked) {
            self.recv_response()?.extract_error()?;
        }
        let paced = Paced {
            stream: &mut *self.stream,
            timeout: self.timeout,
            start: Instant::now(),
            bytes: 0,
            pace: self.pace.as_mut(),
        };
        self.parser.parse_value(paced)
    }
}

/// The bytes of one answer, which must come in time.
struct Paced<'w> {
    stream: &'w mut dyn Stream,
    timeout: Duration,
    start: Instant,
    bytes: usize,
    pace: Option<&'w mut Pace>,
}

impl Read for Paced<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowed = self.timeout + Duration::from_secs_f64(self.bytes as f64 / LEAST_RATE);
        loop {
            if self.start.elapsed() > allowed {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match self.stream.read(buffer) {
                // A signal, whether it is one to stop others ask; or encrypted bytes that are no text yet.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    let read = read?;
                    self.bytes += read;
                    if let Some(pace) = &mut self.pace {
                        pace.keep(read);
                    }
                    return Ok(read);
                }
            }
        }
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command(&mut self, bytes: &[u8]) -> RedisResult<Value> {
        self.send_packed_command(bytes)?;
        self.recv_response()
    }

    /// `offset` answers that only matter if they are refusals (those of a transaction's commands), then `count` that
    /// are wanted.
    fn req_packed_commands(&mut self, bytes: &[u8], offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        self.send_packed_command(bytes)?;
        let mut wanted = Vec::with_capacity(count);
        let mut refusal = None;
        for i in 0..offset + count {
            let answer = self.recv_response()?;
            if i >= offset {
                wanted.push(answer);
            } else if let Err(error) = answer.extract_error() {
                // The other answers are read all the same, so that the connection stays in step.
                refusal.get_or_insert(error);
            }
        }
        refusal.map_or(Ok(wanted), Err)
    }

    /// The database is chosen by us at login; the client asks for it in no command that we use.
    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        ::redis::cmd("PING").query::<String>(self).is_ok()
    }

    fn is_open(&self) -> bool {
        true
    }
}
