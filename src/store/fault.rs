//! What goes wrong with a connection, in our words.

use super::target::{Host, Target};
use crate::diag::{Code, Diagnostic};
use ::redis::{ErrorKind, RedisError};
use std::time::Duration;

/// Why a request has no answer.
pub(crate) struct Failure {
    /// The error to report.
    pub diagnostic: Diagnostic,
    /// Whether the server may have carried it out all the same, or may do so yet.
    pub unknown: bool,
    /// Whether the connection was closed on us, rather than silent.
    pub(super) dropped: bool,
    /// What the server of a cluster said where to ask.
    pub(super) redirect: Option<Redirect>,
}

/// Where to ask a cluster that has said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// The key is at another server from now on. One without a name is the server that said so, at another port.
    Moved(Host),
    /// The key is on its way to another server.
    Ask(Host),
    /// Soon: keys are on their way, or it is being decided which server has them.
    Later,
}

impl Failure {
    /// A failure before the request was sent.
    pub(super) fn before(diagnostic: Diagnostic) -> Self {
        Self { diagnostic, unknown: false, dropped: false, redirect: None }
    }

    /// Whether the server is not there, or not any more.
    pub(super) fn lost(&self) -> bool {
        self.dropped || self.diagnostic.code() == Code::StoreUnreachable
    }

    /// The error of the client.
    pub(super) fn of(target: &Target, doing: &str, error: &RedisError) -> Self {
        if let Some(refusal) = refusal(error) {
            let redirect = redirect(&refusal);
            return Self { redirect, ..Self::before(refused(target, doing, &refusal)) };
        }
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
        Self { unknown: true, dropped, ..Self::before(diagnostic) }
    }
}

/// Whether a server said no, and not where to ask instead.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    refusal(error).is_some_and(|refusal| redirect(&refusal).is_none())
}

/// Where a server said that an answer is to be had.
pub(super) fn redirect_of(error: &RedisError) -> Option<Redirect> {
    refusal(error).and_then(|refusal| redirect(&refusal))
}

/// What a server said no with: its code and words.
pub(super) struct Refusal {
    pub code: String,
    pub words: String,
}

pub(super) fn refusal(error: &RedisError) -> Option<Refusal> {
    let errors = error.clone().into_server_errors()?;
    let (_, first) = errors.first()?;
    Some(Refusal { code: first.code().into(), words: first.details().unwrap_or_default().into() })
}

/// Whether the server said that a key is of another type than the command takes.
pub(crate) fn is_wrong_type(error: &RedisError) -> bool {
    refusal(error).is_some_and(|refusal| refusal.code == "WRONGTYPE")
}

/// Whether the server of a cluster said that a key is on its way to another one.
pub(crate) fn is_on_its_way(error: &RedisError) -> bool {
    refusal(error).is_some_and(|refusal| refusal.code == "ASK")
}

/// Where the server of a cluster said to ask: `MOVED 3999 127.0.0.1:6381`.
fn redirect(refusal: &Refusal) -> Option<Redirect> {
    let host = || {
        let (name, port) = refusal.words.split_whitespace().nth(1)?.rsplit_once(':')?;
        Some(Host { name: name.into(), port: port.parse().ok()? })
    };
    match refusal.code.as_str() {
        "MOVED" => host().map(Redirect::Moved),
        "ASK" => host().map(Redirect::Ask),
        "TRYAGAIN" | "CLUSTERDOWN" => Some(Redirect::Later),
        _ => None,
    }
}

pub(super) fn refused(target: &Target, doing: &str, refusal: &Refusal) -> Diagnostic {
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
        "MOVED" | "ASK" | "CROSSSLOT" | "CLUSTERDOWN" | "TRYAGAIN" => {
            "this is part of a Redis cluster: write `redis+cluster://HOST:PORT` for all of it"
        }
        "WRONGTYPE" => "the key is of another kind: `pipefit data ls` shows the kinds",
        _ => "see the server's log and its configuration",
    };
    Code::StoreRefused.error(format!("`{target}` refused: cannot {doing}: {code} {words}")).help(help)
}

pub(super) fn silent(target: &Target, doing: &str, waited: Duration) -> Diagnostic {
    let message = format!("`{target}` did not answer within {} s: cannot {doing}", waited.as_secs_f64());
    Code::StoreTimeout
        .error(message)
        .help("see whether the server is busy; `?timeout=SECONDS` in the URL waits longer")
}

pub(super) fn unreachable(target: &Target, reason: &str) -> Diagnostic {
    let message = format!("cannot connect to `{}`: {reason}", target.server);
    Code::StoreUnreachable
        .error(message)
        .help("check host and port in the store's URL, and that the server runs")
}

/// The innermost reason of an error of the Redis client, without its own decoration.
pub(super) fn cause(error: &RedisError) -> String {
    match (std::error::Error::source(error), error.detail()) {
        (Some(source), _) => source.to_string(),
        (None, Some(detail)) => detail.to_owned(),
        (None, None) => error.to_string(),
    }
}
