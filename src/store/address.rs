//! Where a store is: its URL, parsed. A password in it is never shown again.

use super::names::percent_decode;
use crate::diag::{Code, Diagnostic, Result, suggest};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a store URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `dir:PATH` or a bare path.
    Dir(PathBuf),
    /// `redis://` or `redis+unix://`.
    Redis(Target),
    /// `mem:`: gone with the process.
    Memory,
}

/// A Redis server, how to log in, and where our own records lie in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// The server.
    pub server: Server,
    /// Who logs in; `None` is Redis's `default`.
    pub user: Option<String>,
    pub(super) password: Option<String>,
    /// The database number.
    pub database: i64,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for the next bytes of an answer.
    pub answer_timeout: Duration,
    /// What our own records' keys begin with; ends with a colon.
    pub prefix: String,
}

/// How a Redis server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// By name or IP address.
    Tcp {
        /// The host, an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// By a socket file.
    Unix(PathBuf),
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Display for Target {
    /// The URL without user, password and options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Server::Tcp { .. } => write!(f, "redis://{}/{}", self.server, self.database),
            Server::Unix(_) => write!(f, "redis+unix://{}?db={}", self.server, self.database),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(path) => write!(f, "dir:{}", path.display()),
            Self::Redis(target) => target.fmt(f),
            Self::Memory => f.write_str("mem:"),
        }
    }
}

impl Address {
    /// Parses a store URL; a relative path is taken from `base`.
    ///
    /// `dir:PATH`, a bare path, `mem:`, `redis://[[user]:password@]host[:port][/db][?timeout=..&prefix=..]`,
    /// `redis+unix://PATH[?db=..&timeout=..&prefix=..]`. User and password may be percent-encoded; `timeout` is
    /// seconds, or a number with `s` or `ms`, and stands for both connecting (else 5 s) and answering (else 30 s).
    ///
    /// No message repeats any part of the text but the scheme and option names: what looks like a port may be the
    /// rest of a password.
    pub fn parse(url: &str, base: &Path) -> Result<Self> {
        let (scheme, rest) = match url.split_once(':') {
            // One letter is no scheme but a drive.
            Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
            _ => ("dir", url),
        };
        match scheme {
            "dir" if rest.is_empty() => Err(not_a_store("a `dir:` store without a path".into())),
            "dir" => Ok(Self::Dir(base.join(rest))),
            "mem" if rest.is_empty() => Ok(Self::Memory),
            "mem" => Err(not_a_store("`mem:` takes nothing after the colon".into())),
            "redis" | "redis+unix" => {
                let rest = rest.strip_prefix("//");
                let rest = rest.ok_or_else(|| not_a_store(format!("`{scheme}:` without `//`")))?;
                target(scheme == "redis+unix", rest).map(Self::Redis)
            }
            "rediss" | "valkeys" => Err(not_yet("TLS (`rediss://`)")),
            scheme if scheme.contains("cluster") => Err(not_yet("a Redis cluster")),
            scheme if scheme.contains("sentinel") => Err(not_yet("Redis sentinel")),
            scheme => {
                let known = suggest(scheme, ["dir", "redis", "redis+unix", "mem"]);
                let error = not_a_store(format!("`{scheme}:` is not a kind of store"));
                Err(match known {
                    Some(known) => error.help(format!("did you mean `{known}:`?")),
                    None => error,
                })
            }
        }
    }
}

fn is_scheme(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    text.len() > 1 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(allowed)
}

fn not_a_store(message: String) -> Diagnostic {
    Code::BadStoreUrl
        .error(message)
        .help("stores are `dir:PATH`, a bare path, `redis://HOST:PORT/DB`, `redis+unix://PATH` or `mem:`")
}

fn not_yet(what: &str) -> Diagnostic {
    Code::BadStoreUrl
        .error(format!("{what} is not in this version"))
        .help("use `redis://HOST:PORT/DB`, through a local TLS tunnel if need be, `redis+unix://PATH` or `dir:PATH`")
}

/// What follows `redis://` or `redis+unix://`.
fn target(unix: bool, rest: &str) -> Result<Target> {
    // The last `@` ends the password, wherever it stands: a password with a bare `/` or `?` still works, and never
    // ends up in what a message may show.
    let (login, rest) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, password) = login.map_or(Ok((None, None)), credentials)?;
    let (server, database) = if unix { (socket(place)?, 0) } else { host_port_database(place)? };
    let mut target = Target {
        server,
        user,
        password,
        database,
        connect_timeout: Duration::from_secs(5),
        answer_timeout: Duration::from_secs(30),
        prefix: "pipefit:".into(),
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode(value).unwrap_or_default();
        set_option(&mut target, unix, name, &value)?;
    }
    Ok(target)
}

fn set_option(target: &mut Target, unix: bool, name: &str, value: &str) -> Result<()> {
    match name {
        "timeout" => {
            let timeout = seconds(value).ok_or_else(|| {
                not_a_store(
                    "`timeout` is not a number of seconds above 0, such as `2`, `0.5` or `500ms`".into(),
                )
            })?;
            (target.connect_timeout, target.answer_timeout) = (timeout, timeout);
        }
        "prefix" => {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '_' | '-');
            if value.trim_end_matches(':').is_empty() || !value.chars().all(allowed) {
                return Err(not_a_store(
                    "`prefix` is not made of letters, digits, `:`, `.`, `_` and `-`".into(),
                ));
            }
            target.prefix = format!("{}:", value.trim_end_matches(':'));
        }
        "db" if unix => target.database = database(value)?,
        _ => {
            let error = not_a_store("an unknown option in the store URL".into());
            return Err(error.help("options are `timeout` and `prefix`, and `db` for `redis+unix://`"));
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

/// `host[:port][/database]`; an IPv6 address stands in brackets.
fn host_port_database(place: &str) -> Result<(Server, i64)> {
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    if authority.contains(',') {
        return Err(not_yet("a list of Redis servers"));
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(not_a_store("`redis://` without a host".into()));
    }
    let port = port.map_or(Some(6379), |port| port.parse().ok().filter(|port| *port > 0));
    let port =
        port.ok_or_else(|| not_a_store("the port in the store URL is not a number up to 65535".into()))?;
    Ok((Server::Tcp { host: host.into(), port }, if path.is_empty() { 0 } else { database(path)? }))
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

#[cfg(test)]
mod tests {
    use super::{Address, Server, Target};
    use crate::diag::Code;
    use std::path::Path;
    use std::time::Duration;

    fn parse(url: &str) -> crate::diag::Result<Address> {
        Address::parse(url, Path::new("/base"))
    }

    fn redis(url: &str) -> Target {
        match parse(url).unwrap() {
            Address::Redis(target) => target,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn paths_are_taken_from_the_base() {
        for (url, shown) in [
            ("dir:.pipefit", "dir:/base/.pipefit"),
            (".pipefit", "dir:/base/.pipefit"),
            ("/var/lib/pipefit", "dir:/var/lib/pipefit"),
            ("dir:/a:b", "dir:/a:b"),
            ("mem:", "mem:"),
        ] {
            assert_eq!(parse(url).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_redis_url_has_all_its_parts_and_shows_no_password() {
        let target = redis("redis://ann:p%40s%2Fs:w@cache:7000/3?timeout=1.5&prefix=team");
        assert_eq!(target.server, Server::Tcp { host: "cache".into(), port: 7000 });
        assert_eq!((target.user.as_deref(), target.password.as_deref()), (Some("ann"), Some("p@s/s:w")));
        assert_eq!((target.database, target.prefix.as_str()), (3, "team:"));
        assert_eq!(target.connect_timeout, Duration::from_millis(1500));
        assert_eq!(target.answer_timeout, target.connect_timeout);
        assert_eq!(format!("{target} {target:?}"), "redis://cache:7000/3 Target(redis://cache:7000/3)");

        let target = redis("redis://:se/c?r@et@[::1]");
        assert_eq!((target.user, target.password.as_deref()), (None, Some("se/c?r@et")));
        assert_eq!(target.server.to_string(), "[::1]:6379");

        let target = redis("redis+unix:///run/redis.sock?db=2&timeout=250ms");
        assert_eq!(target.server, Server::Unix("/run/redis.sock".into()));
        assert_eq!((target.database, target.answer_timeout), (2, Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_store_is_refused_without_repeating_a_secret() {
        for url in [
            "",
            "dir:",
            "mem:x",
            "redis:host",
            "redis://",
            "redis://host:geheim",
            "redis://host:0",
            "redis://host/geheim",
            "redis://ann:geh%zzeim@host",
            "redis://host?geheim=1",
            "redis://host?timeout=geheim",
            "redis://host?timeout=0",
            "redis://host?prefix=*geheim",
            "redis+unix://",
            "rediss://:geheim@host",
            "redis-cluster://:geheim@host",
            "redis+sentinel://:geheim@host",
            "redis://a:1,b:2",
            "postgres://ann:geheim@host",
        ] {
            let error = parse(url).expect_err(url);
            assert_eq!(error.code(), Code::BadStoreUrl, "{url}");
            assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        }
    }
}
