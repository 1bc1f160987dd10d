//! Passwords in URLs never reach a text that pipefit writes.

use std::borrow::Cow;

/// The text with the password of every URL in it (`redis://user:password@host`) covered by as many
/// `*` as it has characters, so that columns stay where they are.
pub fn without_passwords(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut done = 0;
    for (scheme, mark) in text.match_indices("://") {
        let start = (scheme + mark.len()).max(done);
        if let Some((from, to)) = password(text, start) {
            out.push_str(&text[done..from]);
            out.extend(text[from..to].chars().map(|_| '*'));
            done = to;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// From where to where the password lies, of the URL whose authority begins at `start`. The last
/// `@` counts: an unescaped `@` or `/` inside a password is common.
fn password(text: &str, start: usize) -> Option<(usize, usize)> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',');
    let rest = &text[start..];
    let rest = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let rest = &rest[..rest.find("://").unwrap_or(rest.len())];
    let at = rest.rfind('@')?;
    let colon = rest[..at].find(':')?;
    Some((start + colon + 1, start + at))
}

#[cfg(test)]
mod tests {
    use super::without_passwords;

    #[test]
    fn passwords_are_covered_and_nothing_else_is() {
        for (text, expected) in [
            ("redis://:pw@h:6379/0", "redis://:**@h:6379/0"),
            ("at redis://me:p@s/s@h, and redis://a:b@c", "at redis://me:*****@h, and redis://a:*@c"),
            ("redis://h:6379/0", "redis://h:6379/0"),
            ("`rediss://u:ä@h`", "`rediss://u:*@h`"),
            ("mail me@host: now", "mail me@host: now"),
            ("x://y://a:b@c", "x://y://a:*@c"),
        ] {
            assert_eq!(without_passwords(text), expected);
        }
    }
}
