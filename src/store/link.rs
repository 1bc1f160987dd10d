//! One connection to a Redis server, with time-outs, and its errors in our words.

use super::address::{Server, Target};
use super::wire::Wire;
use crate::diag::{Code, Diagnostic, Result};
use ::redis::{ErrorKind, RedisError, RedisResult, Value};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A connection that store and keys share. It is made at once, and again when the server has closed it (an idle
/// one is closed after a while by `timeout` in redis.conf, by proxies and by firewalls).
pub struct Link {
    target: Target,
    connection: Mutex<Option<Wire>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({})", self.target)
    }
}

/// Why a request has no answer.
pub(crate) struct Failure {
    /// The error to report.
    pub diagnostic: Diagnostic,
    /// Whether the server may have carried it out all the same, or may do so yet.
    pub unknown: bool,
    /// Whether the connection was closed on us, rather than silent.
    dropped: bool,
}

impl Link {
    /// Connects, and logs in if the URL says so.
    pub fn connect(target: Target) -> Result<Self> {
        let connection = open(&target, target.connect_timeout, target.answer_timeout)?;
        Ok(Self { target, connection: Mutex::new(Some(connection)) })
    }

    /// Where it leads.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The key of one of our own records.
    pub(crate) fn own(&self, name: &str) -> String {
        format!("{}{name}", self.target.prefix)
    }

    /// Asks something that does no harm when asked twice: if the connection was lost meanwhile it is made anew,
    /// once. `doing` completes "cannot ...".
    pub(crate) fn ask<T>(&self, doing: &str, request: impl FnMut(&mut Wire) -> RedisResult<T>) -> Result<T> {
        self.converse(&|| doing.to_owned(), request)
    }

    /// [`ask`](Self::ask) for what goes through many requests and answers: `doing` is asked after a failure, and says what
    /// was under way. Asked again, `request` goes on from where it was. Who leaves answers unread, to stop in the middle,
    /// loses the connection.
    pub(crate) fn converse<T>(
        &self,
        doing: &dyn Fn() -> String,
        mut request: impl FnMut(&mut Wire) -> RedisResult<T>,
    ) -> Result<T> {
        let mut slot = self.slot();
        let was_open = slot.is_some();
        match self.attempt(&mut slot, doing, &mut request) {
            Err(failure) if failure.dropped && was_open => self.attempt(&mut slot, doing, &mut request),
            outcome => outcome,
        }
        .map_err(|failure| failure.diagnostic)
    }

    /// Asks something that must not happen twice.
    pub(crate) fn ask_once<T>(
        &self,
        doing: &str,
        mut request: impl FnMut(&mut Wire) -> RedisResult<T>,
    ) -> std::result::Result<T, Failure> {
        self.attempt(&mut self.slot(), &|| doing.to_owned(), &mut request)
    }

    /// Asks over a new connection that has a third of the usual time for each of its steps (connect, log in, ask), so
    /// that reading back what a silent server may have done ends within twice the time-out, all in all.
    pub(crate) fn ask_again<T>(
        &self,
        doing: &str,
        request: impl FnOnce(&mut Wire) -> RedisResult<T>,
    ) -> Result<T> {
        let third = self.target.answer_timeout / 3;
        let mut connection = open(&self.target, self.target.connect_timeout.min(third), third)?;
        request(&mut connection).map_err(|error| self.failure(doing, &error).diagnostic)
    }

    /// Sends a command whose last argument is too large to be copied into a request first.
    pub(crate) fn ask_large(&self, doing: &str, head: &[&[u8]], value: &[u8]) -> Result<Value> {
        let mut start = format!("*{}\r\n", head.len() + 1).into_bytes();
        for part in head {
            start.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
            start.extend_from_slice(part);
            start.extend_from_slice(b"\r\n");
        }
        start.extend_from_slice(format!("${}\r\n", value.len()).as_bytes());
        self.ask(doing, |connection| {
            connection.send_packed_command(&start)?;
            // The client refuses to send nothing.
            if !value.is_empty() {
                connection.send_packed_command(value)?;
            }
            connection.send_packed_command(b"\r\n")?;
            connection.recv_response()?.extract_error()
        })
    }

    fn slot(&self) -> MutexGuard<'_, Option<Wire>> {
        // A thread that panicked in here has taken the connection out of the slot: nothing half read is left.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempt<T>(
        &self,
        slot: &mut Option<Wire>,
        doing: &dyn Fn() -> String,
        request: &mut dyn FnMut(&mut Wire) -> RedisResult<T>,
    ) -> std::result::Result<T, Failure> {
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => open(&self.target, self.target.connect_timeout, self.target.answer_timeout)
                .map_err(|diagnostic| Failure { diagnostic, unknown: false, dropped: false })?,
        };
        match request(&mut connection) {
            Ok(answer) => {
                *slot = connection.in_step().then_some(connection);
                Ok(answer)
            }
            Err(error) => {
                let failure = self.failure(&doing(), &error);
                // After a refusal the connection is in step unless more was asked; after anything else a late answer may
                // be on its way.
                if !failure.unknown && connection.in_step() {
                    *slot = Some(connection);
                }
                Err(failure)
            }
        }
    }

    /// The error in our words.
    fn failure(&self, doing: &str, error: &RedisError) -> Failure {
        if let Some(refusal) = refusal(error) {
            let diagnostic = refused(&self.target, doing, &refusal);
            return Failure { diagnostic, unknown: false, dropped: false };
        }
        let target = &self.target;
        let diagnostic = if error.is_timeout() {
            silent(target, doing, target.answer_timeout)
        } else if error.kind() == ErrorKind::Io {
            Code::StoreIo
                .error(format!("the connection to `{target}` broke: cannot {doing}: {}", cause(error)))
                .help("see whether the server was restarted or ran out of memory, then run again")
        } else {
            Code::StoreIo
                .error(format!(
                    "`{target}` gave an answer that is not understood: cannot {doing}: {}",
                    cause(error)
                ))
                .help("is it a Redis server, version 7.0 or later?")
        };
        let dropped = error.is_connection_dropped();
        Failure { diagnostic, unknown: true, dropped }
    }
}

/// What a server said no with: its code and words.
struct Refusal {
    code: String,
    words: String,
}

fn refusal(error: &RedisError) -> Option<Refusal> {
    let errors = error.clone().into_server_errors()?;
    let (_, first) = errors.first()?;
    Some(Refusal { code: first.code().into(), words: first.details().unwrap_or_default().into() })
}

/// Whether the server said that a key is of another type than the command takes.
pub(crate) fn is_wrong_type(error: &RedisError) -> bool {
    refusal(error).is_some_and(|refusal| refusal.code == "WRONGTYPE")
}

fn refused(target: &Target, doing: &str, refusal: &Refusal) -> Diagnostic {
    let Refusal { code, words } = refusal;
    // A script's error ends with the place in the script, which says nothing to the reader.
    let words = words.split(" script: ").next().unwrap_or_default().trim();
    // A server without AUTH repeats its arguments.
    let words = match &target.password {
        Some(password) if !password.is_empty() => words.replace(password.as_str(), "***"),
        _ => words.to_owned(),
    };
    let help = match code.as_str() {
        "NOAUTH" => "put the password into the URL: `redis://:PASSWORD@HOST:PORT/DB`",
        "WRONGPASS" => {
            "check user and password in the URL; characters such as `@` and `/` may be percent-encoded"
        }
        "NOPERM" => "give the user the right to this command and key (`ACL SETUSER`)",
        "LOADING" => "wait until the server has loaded its data, then run again",
        "OOM" => "the server is at its `maxmemory`: free some, or raise it",
        "READONLY" => "this is a replica: use the URL of the primary",
        "MISCONF" => "the server cannot save its data to disk: see its log",
        "MOVED" | "ASK" | "CROSSSLOT" | "CLUSTERDOWN" => {
            "this is a Redis cluster, which is not in this version"
        }
        "WRONGTYPE" => "the key is of another kind: `pipefit data ls` shows the kinds",
        _ => "see the server's log and its configuration",
    };
    Code::StoreRefused.error(format!("`{target}` refused: cannot {doing}: {code} {words}")).help(help)
}

fn silent(target: &Target, doing: &str, waited: Duration) -> Diagnostic {
    let message = format!("`{target}` did not answer within {} s: cannot {doing}", waited.as_secs_f64());
    Code::StoreTimeout
        .error(message)
        .help("see whether the server is busy; `?timeout=SECONDS` in the URL waits longer")
}

fn unreachable(target: &Target, reason: &str) -> Diagnostic {
    let message = format!("cannot connect to `{}`: {reason}", target.server);
    Code::StoreUnreachable
        .error(message)
        .help("check host and port in the store's URL, and that the server runs")
}

/// The innermost reason of an error of the Redis client, without its own decoration.
fn cause(error: &RedisError) -> String {
    match (std::error::Error::source(error), error.detail()) {
        (Some(source), _) => source.to_string(),
        (None, Some(detail)) => detail.to_owned(),
        (None, None) => error.to_string(),
    }
}

/// Connects within `connect` altogether, whatever number of addresses the host has, and logs in.
fn open(target: &Target, connect: Duration, answer: Duration) -> Result<Wire> {
    let deadline = Instant::now() + connect;
    let mut wire = match &target.server {
        Server::Unix(path) => {
            Wire::unix(path, answer).map_err(|error| unreachable(target, &cause(&error.into())))?
        }
        Server::Tcp { host, port } => {
            let addresses = resolve(host, *port, connect).map_err(|reason| unreachable(target, &reason))?;
            dial_any(&addresses, deadline, answer)
                .map_err(|error| unreachable(target, &reason(&error, &addresses, connect)))?
        }
    };
    let doing = "log in";
    match log_in(target, &mut wire) {
        Ok(()) => Ok(wire),
        Err(error) => Err(match refusal(&error) {
            Some(refusal) => refused(target, doing, &refusal),
            None if error.is_timeout() => silent(target, doing, answer),
            None => unreachable(target, &format!("the connection broke at login: {}", cause(&error))),
        }),
    }
}

/// The addresses of a host. The system's resolver has no time-out of its own, so it is asked in a thread, which is
/// left alone if it does not come back.
fn resolve(host: &str, port: u16, timeout: Duration) -> std::result::Result<Vec<SocketAddr>, String> {
    let (sender, receiver) = mpsc::channel();
    let owned = host.to_owned();
    std::thread::spawn(move || {
        let found = (owned.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        // Nobody listens any more if it took too long.
        let _ = sender.send(found);
    });
    match receiver.recv_timeout(timeout) {
        Ok(Ok(addresses)) if addresses.is_empty() => Err("the host has no address".into()),
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(format!("the host is not known: {error}")),
        Err(_) => Err(format!("the host's address was not found within {} s", timeout.as_secs_f64())),
    }
}

fn dial_any(addresses: &[SocketAddr], deadline: Instant, answer: Duration) -> RedisResult<Wire> {
    let mut outcome = Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
    for (i, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        // A fair share for each, so that one dead address does not use up the time of a living one.
        let waiting = u32::try_from(addresses.len() - i).unwrap_or(u32::MAX);
        outcome = Wire::tcp(address, left / waiting, answer).map_err(RedisError::from);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn reason(error: &RedisError, addresses: &[SocketAddr], timeout: Duration) -> String {
    let tried: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let what =
        if error.is_timeout() { format!("nothing within {} s", timeout.as_secs_f64()) } else { cause(error) };
    format!("{what} (tried {})", tried.join(", "))
}

/// `AUTH` and `SELECT` in one round trip, and none at all where neither is needed.
fn log_in(target: &Target, connection: &mut Wire) -> RedisResult<()> {
    let mut pipe = ::redis::pipe();
    if let Some(password) = &target.password {
        let auth = pipe.cmd("AUTH");
        if let Some(user) = &target.user {
            auth.arg(user);
        }
        auth.arg(password);
    }
    if target.database != 0 {
        pipe.cmd("SELECT").arg(target.database);
    }
    if pipe.is_empty() {
        return Ok(());
    }
    pipe.query::<Vec<Value>>(connection).map(|_| ())
}
