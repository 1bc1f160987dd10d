//! Connecting to a server, and logging in.

use super::fault::{Refusal, cause, refusal, refused, silent, unreachable};
use super::target::{Host, Server, Target};
use super::wire::Wire;
use crate::diag::{Code, Diagnostic, Result};
use ::redis::{RedisError, RedisResult, Value, cmd};
use ::rustls::ClientConfig;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Connects within `connect` altogether, whatever number of addresses the host has, and logs in.
pub(super) fn open(target: &Target, connect: Duration, answer: Duration) -> Result<Wire> {
    let until = Instant::now() + connect;
    match &target.server {
        Server::Unix(path) => {
            let wire =
                Wire::unix(path, answer).map_err(|error| unreachable(target, &cause(&error.into())))?;
            logged_in(target, wire, answer)
        }
        Server::Tcp(host) => {
            let wire = dial(target, host, until, answer)?;
            logged_in(target, wire, answer)
        }
        Server::Sentinel { watchers, service } => {
            let primary = primary(target, watchers, service, until, answer)?;
            let wire = dial(target, &primary, until, answer)?;
            let mut wire = logged_in(target, wire, answer)?;
            // What the watchers know may be old.
            match cmd("ROLE").query::<Vec<Value>>(&mut wire).map(|role| role.into_iter().next()) {
                Ok(Some(Value::BulkString(role))) if role != b"master" => Err(unreachable(
                    target,
                    &format!("`{primary}` is no primary any more: its watchers are about to choose another"),
                )),
                // Who may not ask takes the watchers' word.
                _ => Ok(wire),
            }
        }
        // It is asked server by server.
        Server::Cluster(_) => Err(Code::Bug.error("a cluster is not one server")),
    }
}

/// Connects to one host, by TLS if the target says so.
fn dial(target: &Target, host: &Host, until: Instant, answer: Duration) -> Result<Wire> {
    let settings = target.tls.as_ref().map(super::tls::Tls::settings).transpose();
    let settings = settings.map_err(|reason| unreachable(target, &reason))?;
    let connect = until.saturating_duration_since(Instant::now());
    let addresses = resolve(host, connect).map_err(|reason| unreachable(target, &reason))?;
    dial_any(&addresses, until, answer, settings.as_ref().map(|settings| (settings, host.name.as_str())))
        .map_err(|error| {
            let error_of_tls = settings.is_some() && !error.is_timeout() && !error.is_connection_refusal();
            let diagnostic = unreachable(target, &reason(&error, &addresses, connect));
            if error_of_tls {
                diagnostic.help(
                    "see that the port is one of TLS, and name the file of the certificate that the server's is signed with: \
                     `?cacert=FILE`",
                )
            } else {
                diagnostic
            }
        })
}

/// Asks the watchers, one after another, where the primary is.
fn primary(
    target: &Target,
    watchers: &[Host],
    service: &str,
    until: Instant,
    answer: Duration,
) -> Result<Host> {
    let mut problem = None;
    for (i, watcher) in watchers.iter().enumerate() {
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(watchers.len() - i).unwrap_or(u32::MAX);
        // A watcher has a password of its own, if any; the URL's is the server's.
        let asked =
            dial(target, watcher, Instant::now() + share, answer.min(share.max(Duration::from_millis(1))))
                .and_then(|mut wire| {
                    cmd("SENTINEL")
                        .arg("GET-MASTER-ADDR-BY-NAME")
                        .arg(service)
                        .query::<Option<(String, u16)>>(&mut wire)
                        .map_err(|error| at_login(target, "ask a sentinel", &error, share))
                });
        match asked {
            Ok(Some((name, port))) => return Ok(Host { name, port }),
            Ok(None) => {
                let message = format!("the sentinel at `{watcher}` knows no primary `{service}`");
                let help = "the name is that of `sentinel monitor NAME` in its configuration";
                problem = Some(Code::StoreRefused.error(message).help(help));
            }
            Err(error) => {
                problem.get_or_insert(error);
            }
        }
    }
    Err(problem.unwrap_or_else(|| unreachable(target, "no sentinel is named")))
}

/// Logs in.
fn logged_in(target: &Target, mut wire: Wire, answer: Duration) -> Result<Wire> {
    log_in(target, &mut wire).map_err(|error| at_login(target, "log in", &error, answer))?;
    if let Some(gentle) = target.gentle {
        match cmd("CLIENT").arg("NO-TOUCH").arg("ON").query::<Value>(&mut wire) {
            // Before 7.2, or where the user may not ask for it, what is read counts as used.
            Err(error) if refusal(&error).is_none() => {
                return Err(at_login(target, "log in", &error, answer));
            }
            _ => wire.slow_down(gentle.rate),
        }
    }
    Ok(wire)
}

fn at_login(target: &Target, doing: &str, error: &RedisError, answer: Duration) -> Diagnostic {
    match refusal(error) {
        Some(refusal @ Refusal { .. }) => refused(target, doing, &refusal),
        None if error.is_timeout() => silent(target, doing, answer),
        None => unreachable(target, &format!("the connection broke at login: {}", cause(error))),
    }
}

/// The addresses of a host. The system's resolver has no time-out of its own, so it is asked in a thread, which is
/// left alone if it does not come back.
fn resolve(host: &Host, timeout: Duration) -> std::result::Result<Vec<SocketAddr>, String> {
    let (sender, receiver) = mpsc::channel();
    let owned = host.clone();
    std::thread::spawn(move || {
        let found = (owned.name.as_str(), owned.port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
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

fn dial_any(
    addresses: &[SocketAddr],
    deadline: Instant,
    answer: Duration,
    tls: Option<(&Arc<ClientConfig>, &str)>,
) -> RedisResult<Wire> {
    let mut outcome = Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
    for (i, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        // A fair share for each, so that one dead address does not use up the time of a living one.
        let waiting = u32::try_from(addresses.len() - i).unwrap_or(u32::MAX);
        outcome = Wire::tcp(address, left / waiting, answer, tls).map_err(RedisError::from);
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

/// `AUTH` and `SELECT` in one round trip, and none at all where neither is needed. With TLS there is always one: a server
/// that wants a certificate of ours says so only when it is asked something.
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
    if pipe.is_empty() && target.tls.is_some() {
        pipe.cmd("PING");
    }
    if pipe.is_empty() {
        return Ok(());
    }
    pipe.query::<Vec<Value>>(connection).map(|_| ())
}
