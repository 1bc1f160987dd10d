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

/// A word that is one URL, or ends with one (`KEY=URL`), with its password covered. Nothing in a word ends its password but
/// its last `@`, so that one with blanks, quotes and commas is covered too.
pub fn url_without_password(word: &str) -> Cow<'_, str> {
    let found = word.split_once("://").and_then(|(scheme, rest)| {
        let start = scheme.len() + "://".len();
        let at = rest.rfind('@')?;
        let colon = rest[..at].find(':')?;
        Some((start + colon + 1, start + at))
    });
    match found {
        Some((from, to)) if from < to => {
            let stars = "*".repeat(word[from..to].chars().count());
            Cow::Owned([&word[..from], &stars, &word[to..]].concat())
        }
        _ => Cow::Borrowed(word),
    }
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
    use super::{url_without_password, without_passwords};

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

    #[test]
    fn a_word_keeps_no_part_of_its_password() {
        for (word, expected) in [
            ("redis://:pw@h:6379/0", "redis://:**@h:6379/0"),
            ("source.store=redis://me:p 'w,@s@h", "source.store=redis://me:*******@h"),
            ("{store: 'redis://:pw@h', x: 'a://:b@c'}", "{store: 'redis://:*****************@c'}"),
            ("redis://me@h", "redis://me@h"),
            ("redis://:@h", "redis://:@h"),
            ("model.Ridge.alpha=2", "model.Ridge.alpha=2"),
        ] {
            assert_eq!(url_without_password(word), expected);
        }
    }
}
