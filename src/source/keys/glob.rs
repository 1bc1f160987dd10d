//! Patterns of keys, by the rules of Redis.

/// Whether a key matches a pattern, as `SCAN ... MATCH` decides: `*` is any bytes, `?` one byte, `[abc]`, `[a-z]` and
/// `[^abc]` one byte of a class, and after `\` a byte stands for itself. A class that is not closed ends with the pattern.
pub(in crate::source) fn matches(pattern: &[u8], key: &[u8]) -> bool {
    let (mut p, mut k) = (0, 0);
    // What follows the last `*`, and the first byte that it has not taken yet. Only the last one ever needs to take
    // more, so the work is at most the product of the lengths.
    let mut star = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, k));
            continue;
        }
        let Some(byte) = key.get(k) else { return p == pattern.len() };
        match (after(pattern, p, *byte), star) {
            (Some(next), _) => (p, k) = (next, k + 1),
            (None, Some((next, taken))) => {
                (p, k) = (next, taken + 1);
                star = Some((next, taken + 1));
            }
            (None, None) => return false,
        }
    }
}

/// Where the pattern goes on, if its part at `p` matches the byte.
fn after(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    let (hit, next) = match pattern.get(p..)? {
        [] => return None,
        [b'?', ..] => (true, p + 1),
        [b'[', b'^', ..] => {
            let (hit, next) = class(pattern, p + 2, byte);
            (!hit, next)
        }
        [b'[', ..] => class(pattern, p + 1, byte),
        [b'\\', literal, ..] => (*literal == byte, p + 2),
        [literal, ..] => (*literal == byte, p + 1),
    };
    hit.then_some(next)
}

/// Whether a byte is in the class whose first member is at `p`, and where the pattern goes on.
fn class(pattern: &[u8], mut p: usize, byte: u8) -> (bool, usize) {
    let mut hit = false;
    loop {
        match &pattern[p..] {
            [] => return (hit, p),
            [b'\\', literal, ..] => {
                hit |= *literal == byte;
                p += 2;
            }
            [b']', ..] => return (hit, p + 1),
            [from, b'-', to, ..] => {
                hit |= (*from.min(to)..=*from.max(to)).contains(&byte);
                p += 3;
            }
            [literal, ..] => {
                hit |= *literal == byte;
                p += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn keys_match_as_in_redis() {
        for (pattern, key) in [
            ("*", "row:1"),
            ("row:*", "row:"),
            ("row:*", "row:1:x"),
            ("*:1", "row:1:1"),
            ("r?w", "row"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hallo"),
            ("h[a-c]llo", "hbllo"),
            ("h[c-a]llo", "hbllo"),
            ("h[\\]]llo", "h]llo"),
            ("row:\\*", "row:*"),
            ("a\\", "a\\"),
            ("[ab", "b"),
            ("[^", "b"),
            ("??", "\u{e9}"),
            ("a*b*c", "aXbXbXc"),
        ] {
            assert!(matches(pattern.as_bytes(), key.as_bytes()), "{pattern} {key}");
        }
        for (pattern, key) in [
            ("row:*", "row"),
            ("row:*", "Row:1"),
            ("r?w", "rw"),
            ("?", "\u{e9}"),
            ("h[^a]llo", "hallo"),
            ("row:\\*", "row:1"),
            ("[", "["),
            ("", "a"),
            ("a*b*c", "aXbXbX"),
        ] {
            assert!(!matches(pattern.as_bytes(), key.as_bytes()), "{pattern} {key}");
        }
    }

    #[test]
    fn many_stars_end_soon() {
        assert!(!matches("*a".repeat(2_000).as_bytes(), "a".repeat(1_999).as_bytes()));
        assert!(!matches(format!("{}b", "a*".repeat(500)).as_bytes(), "a".repeat(20_000).as_bytes()));
    }
}
