//! Who may ask.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};

use super::refusal::Refusal;
use super::route::Work;
use super::settings::Settings;
use crate::diag::Code;

/// Lets a request in, or says why not.
///
/// A web page may have a name of its own lead to this machine, and so reach a server that only this machine can: hence the
/// name that the request calls it by must be known where no token is asked for, and pages are refused unless they are listed.
pub(super) fn admit(settings: &Settings, work: Option<Work>, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text(ORIGIN).is_some_and(|origin| !settings.origins.iter().any(|known| known == origin)) {
        let error = Code::Usage.error("web pages of this origin may not ask");
        return Err(Refusal::new(403, error.help("`--allow-origin` lists those that may")));
    }
    let known_host = match text(HOST) {
        Some(host) => knows(settings, host),
        // Only HTTP/1.0 has requests without one, and no web page sends those.
        None => true,
    };
    if !known_host {
        let error = Code::Usage.error("this server is not called by that name");
        return Err(Refusal::new(403, error.help("`--allow-host` lists more names for it")));
    }
    let Some(token) = settings.token.as_ref().filter(|_| !work.is_some_and(Work::is_open)) else {
        return Ok(());
    };
    let bears = text(AUTHORIZATION).and_then(|value| {
        let (scheme, rest) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(rest)
    });
    match bears {
        Some(own) if token.is(own) => Ok(()),
        _ => {
            let error = Code::Usage.error("the request does not bear the token");
            Err(Refusal::new(401, error.help("send the header `authorization: Bearer TOKEN`")))
        }
    }
}

/// Whether a request may call the server by this name.
fn knows(settings: &Settings, host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if settings.hosts.iter().any(|known| known.eq_ignore_ascii_case(bare)) {
        return true;
    }
    // With a token, and without a list, any name will do: a page has no token.
    if settings.token.is_some() && settings.hosts.is_empty() {
        return true;
    }
    let own = settings.bind.ip();
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback() || ip == own)
}

#[cfg(test)]
mod tests {
    use super::{admit, knows};
    use crate::serve::route::Work;
    use crate::serve::settings::{Settings, Token};
    use hyper::HeaderMap;

    fn settings() -> Settings {
        Settings::new("127.0.0.1:8080".parse().expect("an address"))
    }

    #[test]
    fn only_own_names_are_known() {
        let mut settings = settings();
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "127.0.0.2"] {
            assert!(knows(&settings, host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8080", "10.0.0.1", "", "?"] {
            assert!(!knows(&settings, host), "{host}");
        }
        settings.hosts.push("models.internal".into());
        assert!(knows(&settings, "Models.Internal:80"));
        settings.hosts.clear();
        settings.token = Some(Token::new("0123456789abcdef").expect("long enough"));
        assert!(knows(&settings, "evil.example"));
    }

    #[test]
    fn the_token_opens_all_but_the_state_which_is_open() {
        let mut settings = settings();
        settings.token = Some(Token::new(" 0123456789abcdef\n").expect("long enough"));
        let status = |work, header: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = header {
                headers.insert("authorization", value.parse().expect("a value"));
            }
            admit(&settings, work, &headers).err().map(|refusal| refusal.status)
        };
        let infer = Some(Work::Infer);
        assert_eq!(status(infer, Some("Bearer 0123456789abcdef")), None);
        assert_eq!(status(infer, Some("bearer 0123456789abcdef")), None);
        for wrong in [None, Some("Bearer 0123456789abcdeF"), Some("Basic 0123456789abcdef"), Some("Bearer")] {
            assert_eq!(status(infer, wrong), Some(401), "{wrong:?}");
            assert_eq!(status(None, wrong), Some(401), "{wrong:?}");
        }
        assert_eq!(status(Some(Work::Live), None), None);
        assert_eq!(status(Some(Work::Metrics), None), Some(401));
        for short in ["", "short", "0123456789abcde f"] {
            assert!(Token::new(short).is_err());
        }
        assert_eq!(format!("{:?}", settings.token), "Some(Token(..))");
    }

    #[test]
    fn pages_are_refused_unless_listed() {
        let mut settings = settings();
        let mut headers = HeaderMap::new();
        headers.insert("origin", "http://page.example".parse().expect("a value"));
        assert_eq!(admit(&settings, None, &headers).err().map(|refusal| refusal.status), Some(403));
        settings.origins.push("http://page.example".into());
        assert!(admit(&settings, None, &headers).is_ok());
    }
}
