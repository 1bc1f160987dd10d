//! A Redis server, how it is reached, and how to log in.

use super::address::not_a_store;
use super::names::percent_decode;
use super::tls::Tls;
use crate::diag::Result;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A Redis server, how to log in, and where our own records lie in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// The server.
    pub server: Server,
    /// Whether the connection is encrypted, and with what.
    pub tls: Option<Tls>,
    /// Who logs in; `None` is Redis's `default`.
    pub user: Option<String>,
    pub(super) password: Option<String>,
    /// The database number.
    pub database: i64,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for the next bytes of an answer.
    pub answer_timeout: Duration,
    /// What our own records' keys begin with; ends with a colon. In a cluster it is in braces, so that they all share a slot.
    pub prefix: String,
    /// Whether the server is to be spared.
    pub gentle: Option<Gentle>,
}

/// How a server is spared that others need meanwhile: what is read counts as not used, where the server can be told so (7.2), and
/// the search for keys takes breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gentle {
    /// The most bytes a second that are read of each server.
    pub rate: Option<u64>,
}

/// How a Redis server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// By name or IP address.
    Tcp(Host),
    /// By a socket file.
    Unix(PathBuf),
    /// Several that share the keys; these are some of them.
    Cluster(Vec<Host>),
    /// The primary that some watchers know.
    Sentinel {
        /// The watchers.
        watchers: Vec<Host>,
        /// Their name for it.
        service: String,
    },
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    /// A name or an address, an IPv6 address without brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, hosts: &[Host]| {
            hosts.iter().enumerate().try_for_each(|(i, host)| {
                f.write_str(if i > 0 { "," } else { "" })?;
                host.fmt(f)
            })
        };
        match self {
            Self::Tcp(host) => host.fmt(f),
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Cluster(hosts) => list(f, hosts),
            Self::Sentinel { watchers, service } => {
                list(f, watchers)?;
                write!(f, "/{service}")
            }
        }
    }
}

impl fmt::Display for Target {
    /// The URL without user, password and options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        let Self { server, database, .. } = self;
        match server {
            Server::Tcp(_) => write!(f, "{scheme}://{server}/{database}"),
            Server::Unix(_) => write!(f, "{scheme}+unix://{server}?db={database}"),
            Server::Cluster(_) => write!(f, "{scheme}+cluster://{server}"),
            Server::Sentinel { .. } => write!(f, "{scheme}+sentinel://{server}/{database}"),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// The kinds of Redis URLs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Unix,
    Cluster,
    Sentinel,
}

impl Target {
    /// The scheme and what follows its `://`; relative paths of certificates are taken from `base`. `None` if the scheme is
    /// none of Redis.
    pub(super) fn parse(scheme: &str, rest: &str, base: &Path) -> Option<Result<Self>> {
        let (form, tls) = match scheme {
            "redis" => (Form::Plain, false),
            "rediss" => (Form::Plain, true),
            "redis+unix" => (Form::Unix, false),
            "redis+cluster" => (Form::Cluster, false),
            "rediss+cluster" => (Form::Cluster, true),
            "redis+sentinel" => (Form::Sentinel, false),
            "rediss+sentinel" => (Form::Sentinel, true),
            _ => return None,
        };
        let Some(rest) = rest.strip_prefix("//") else {
            return Some(Err(not_a_store(format!("`{scheme}:` without `//`"))));
        };
        Some(parsed(form, tls, scheme, rest, base))
    }

    /// The same of another server.
    pub(super) fn with_host(&self, host: Host) -> Self {
        Self { server: Server::Tcp(host), ..self.clone() }
    }
}

fn parsed(form: Form, tls: bool, scheme: &str, rest: &str, base: &Path) -> Result<Target> {
    // The last `@` ends the password, wherever it stands: a password with a bare `/` or `?` still works, and never
    // ends up in what a message may show.
    let (login, rest) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, password) = login.map_or(Ok((None, None)), credentials)?;
    let (server, database) = match form {
        Form::Unix => (socket(place)?, 0),
        _ => network(form, scheme, place)?,
    };
    let mut target = Target {
        server,
        tls: tls.then(Tls::default),
        user,
        password,
        database,
        connect_timeout: Duration::from_secs(5),
        answer_timeout: Duration::from_secs(30),
        prefix: "pipefit:".into(),
        gentle: None,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode(value).unwrap_or_default();
        set_option(&mut target, name, &value, base)?;
    }
    if target.tls.as_ref().is_some_and(|tls| tls.cert.is_some() != tls.key.is_some()) {
        return Err(not_a_store("of `cert` and `key` in the store URL only one".into())
            .help("a certificate of ours goes with its private key"));
    }
    if form == Form::Cluster {
        target.prefix = format!("{{{}}}:", target.prefix.trim_end_matches(':'));
    }
    Ok(target)
}

fn set_option(target: &mut Target, name: &str, value: &str, base: &Path) -> Result<()> {
    match (name, &mut target.tls) {
        ("timeout", _) => {
            let timeout = seconds(value).ok_or_else(|| {
                not_a_store(
                    "`timeout` is not a number of seconds above 0, such as `2`, `0.5` or `500ms`".into(),
                )
            })?;
            (target.connect_timeout, target.answer_timeout) = (timeout, timeout);
        }
        ("prefix", _) => {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '_' | '-');
            if value.trim_end_matches(':').is_empty() || !value.chars().all(allowed) {
                return Err(not_a_store(
                    "`prefix` is not made of letters, digits, `:`, `.`, `_` and `-`".into(),
                ));
            }
            target.prefix = format!("{}:", value.trim_end_matches(':'));
        }
        ("db", _) if matches!(target.server, Server::Unix(_)) => target.database = database(value)?,
        ("cacert", Some(tls)) if !value.is_empty() => tls.cacert = Some(base.join(value)),
        ("cert", Some(tls)) if !value.is_empty() => tls.cert = Some(base.join(value)),
        ("key", Some(tls)) if !value.is_empty() => tls.key = Some(base.join(value)),
        _ => {
            let error = not_a_store("an unknown option in the store URL".into());
            return Err(error.help(
                "options are `timeout` and `prefix`, `db` for `redis+unix://`, and `cacert`, `cert` and `key`, each a \
                 file, for `rediss://`",
            ));
        }
    }
    Ok(())
}

/// `user:password`, `:password` or `user`.
fn credentials(login: &str) -> Result<(Option<String>, Option<String>)> {
    let decode = |part: &str| {
        percent_decode(part)
            .ok_or_else(|| not_a_store("a `%` in user or password that is not followed by two digits".into()))
    };
    let (user, password) =
        login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
    let user = if user.is_empty() { None } else { Some(decode(user)?) };
    Ok((user, password.map(decode).transpose()?))
}

fn socket(place: &str) -> Result<Server> {
    let path = percent_decode(place).filter(|path| !path.is_empty());
    path.map(|path| Server::Unix(path.into()))
        .ok_or_else(|| not_a_store("`redis+unix://` without the path of a socket".into()))
}

/// `host[:port][/database]`, for a cluster `host[:port],...`, and for watchers `host[:port],.../service[/database]`.
fn network(form: Form, scheme: &str, place: &str) -> Result<(Server, i64)> {
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    let usual = if form == Form::Sentinel { 26379 } else { 6379 };
    let hosts = authority.split(',').map(|text| host(scheme, text, usual)).collect::<Result<Vec<_>>>()?;
    let number = |text: &str| if text.is_empty() { Ok(0) } else { database(text) };
    match form {
        Form::Cluster if path.is_empty() || path == "0" => Ok((Server::Cluster(hosts), 0)),
        Form::Cluster => Err(not_a_store("a Redis cluster has one database, number 0".into())),
        Form::Sentinel => {
            let (service, path) = path.split_once('/').unwrap_or((path, ""));
            let service = percent_decode(service).filter(|service| !service.is_empty()).ok_or_else(|| {
                not_a_store(format!("`{scheme}://` without the name that the sentinels know"))
                    .help(format!("write `{scheme}://HOST:PORT,HOST:PORT/NAME/DB`"))
            })?;
            Ok((Server::Sentinel { watchers: hosts, service }, number(path)?))
        }
        Form::Plain | Form::Unix => match <[Host; 1]>::try_from(hosts) {
            Ok([host]) => Ok((Server::Tcp(host), number(path)?)),
            Err(_) => Err(not_a_store("several hosts in the store URL".into())
                .help("write `redis+cluster://HOST:PORT,HOST:PORT` for a cluster")),
        },
    }
}

/// `host[:port]`; an IPv6 address stands in brackets.
fn host(scheme: &str, text: &str, usual: u16) -> Result<Host> {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    if name.is_empty() {
        return Err(not_a_store(format!("`{scheme}://` without a host")));
    }
    let port = port.map_or(Some(usual), |port| port.parse().ok().filter(|port| *port > 0));
    let port =
        port.ok_or_else(|| not_a_store("the port in the store URL is not a number up to 65535".into()))?;
    Ok(Host { name: name.into(), port })
}

fn database(text: &str) -> Result<i64> {
    let number = text.parse().ok().filter(|number| (0..=i64::from(i32::MAX)).contains(number));
    number.ok_or_else(|| not_a_store("the database in the store URL is not a number from 0 on".into()))
}

fn seconds(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * unit;
    // A microsecond is the least that a socket takes, and a year is as good as for ever.
    (1e-6..=3.2e7).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}
