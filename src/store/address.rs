//! Where a store is: its URL, parsed. A password in it is never shown again.

use super::target::Target;
use crate::diag::{Code, Diagnostic, Result, suggest};
use std::fmt;
use std::path::{Path, PathBuf};

/// What a store URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `dir:PATH` or a bare path.
    Dir(PathBuf),
    /// `redis://` and its kin.
    Redis(Box<Target>),
    /// `mem:`: gone with the process.
    Memory,
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
    /// `redis+unix://PATH[?db=..]`, `redis+cluster://host[:port],..`, `redis+sentinel://host[:port],../service[/db]`, and with TLS
    /// `rediss://`, `rediss+cluster://` and `rediss+sentinel://[..][?cacert=..&cert=..&key=..]`. User and password may be
    /// percent-encoded; `timeout` is seconds, or a number with `s` or `ms`, and stands for both connecting (else 5 s) and
    /// answering (else 30 s).
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
            scheme => {
                if let Some(target) = Target::parse(scheme, rest, base) {
                    return target.map(|target| Self::Redis(Box::new(target)));
                }
                let kinds = [
                    "dir",
                    "redis",
                    "rediss",
                    "redis+unix",
                    "redis+cluster",
                    "rediss+cluster",
                    "redis+sentinel",
                    "rediss+sentinel",
                    "mem",
                ];
                let known = suggest(scheme, kinds);
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

pub(super) fn not_a_store(message: String) -> Diagnostic {
    Code::BadStoreUrl
        .error(message)
        .help(
            "stores are `dir:PATH`, a bare path, `redis://HOST:PORT/DB`, `rediss://` with TLS, `redis+unix://PATH`, \
             `redis+cluster://HOST:PORT,..`, `redis+sentinel://HOST:PORT,../NAME` or `mem:`",
        )
}

#[cfg(test)]
mod tests {
    use super::{Address, Target};
    use crate::diag::Code;
    use crate::store::target::{Host, Server};
    use std::path::Path;
    use std::time::Duration;

    fn parse(url: &str) -> crate::diag::Result<Address> {
        Address::parse(url, Path::new("/base"))
    }

    fn redis(url: &str) -> Target {
        match parse(url).unwrap() {
            Address::Redis(target) => *target,
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
        assert_eq!(target.server, Server::Tcp(Host { name: "cache".into(), port: 7000 }));
        assert_eq!((target.user.as_deref(), target.password.as_deref()), (Some("ann"), Some("p@s/s:w")));
        assert_eq!((target.database, target.prefix.as_str()), (3, "team:"));
        assert_eq!(target.connect_timeout, Duration::from_millis(1500));
        assert_eq!(target.answer_timeout, target.connect_timeout);
        assert_eq!(format!("{target} {target:?}"), "redis://cache:7000/3 Target(redis://cache:7000/3)");

        let target = redis("redis://:se/c?r@et@[::1]");
        assert_eq!((target.user, target.password.as_deref()), (None, Some("se/c?r@et")));
        assert_eq!(target.server.to_string(), "[::1]:6379");

        let target =
            redis("rediss+cluster://ann:pw@a,b:7001?prefix=team:&cacert=ca.pem&cert=c.pem&key=/k.pem");
        assert_eq!(target.to_string(), "rediss+cluster://a:6379,b:7001");
        assert_eq!(target.prefix, "{team}:");
        let tls = target.tls.unwrap();
        assert_eq!(
            [tls.cacert, tls.cert, tls.key],
            ["/base/ca.pem", "/base/c.pem", "/k.pem"].map(|path| Some(path.into()))
        );

        let target = redis("redis+sentinel://:pw@a,[::1]:5000/main/2");
        assert_eq!(target.to_string(), "redis+sentinel://a:26379,[::1]:5000/main/2");
        assert_eq!((target.database, target.tls), (2, None));

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
            "rediss://:geheim@host?cert=geheim",
            "redis://:geheim@host?cacert=geheim",
            "redis-cluster://:geheim@host",
            "redis+cluster://:geheim@host/1",
            "redis+cluster://:geheim@a,,b",
            "redis+sentinel://:geheim@host",
            "redis+sentinel://:geheim@host/main/geheim",
            "redis://a:1,b:2",
            "postgres://ann:geheim@host",
        ] {
            let error = parse(url).expect_err(url);
            assert_eq!(error.code(), Code::BadStoreUrl, "{url}");
            assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        }
    }
}
