//! A value that lies in several keys, cut into pieces anywhere.

use std::cmp::Ordering;

use super::keys::{KeyList, Keys};
use crate::diag::{Code, Diagnostic, Result};

/// The bytes of a key, or of all keys that match it as a pattern, one after the other: `big:part:2` comes before
/// `big:part:10`. A key that exists as it is written is no pattern. `None` where there is none.
///
/// The warning is for pieces that are numbered, of which some number is not there.
///
/// # Errors
/// `MissingKeyOrFile` for a piece that goes away meanwhile, and what the store has to say.
pub fn value(keys: &dyn Keys, key: &str) -> Result<Option<(Vec<u8>, Option<Diagnostic>)>> {
    if let Some(bytes) = keys.value(key)? {
        return Ok(Some((bytes, None)));
    }
    if !key.contains(['*', '?', '[']) {
        return Ok(None);
    }
    let found: KeyList = keys.matching(key)?;
    let mut pieces: Vec<&str> = found.iter().collect();
    pieces.sort_by(|one, other| natural(one.as_bytes(), other.as_bytes()));
    let mut all = Vec::new();
    for piece in &pieces {
        let bytes = keys.value(piece)?.ok_or_else(|| {
            let error =
                Code::MissingKeyOrFile.error(format!("key `{piece}` was removed while the pieces were read"));
            error.help("run again when nobody removes them")
        })?;
        all.extend_from_slice(&bytes);
    }
    Ok((!pieces.is_empty()).then(|| (all, gap(&pieces))))
}

/// The order of names whose digits count as numbers; `1` before `01`.
fn natural(one: &[u8], other: &[u8]) -> Ordering {
    let (mut a, mut b) = (one, other);
    while let (Some(x), Some(y)) = (a.first(), b.first()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (left, right) = (number(&mut a), number(&mut b));
            left.len().cmp(&right.len()).then_with(|| left.cmp(right))
        } else {
            (a, b) = (&a[1..], &b[1..]);
            x.cmp(y)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len()).then_with(|| one.len().cmp(&other.len())).then_with(|| one.cmp(other))
}

/// Takes the digits at the start, without leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    *text = rest;
    let zeros = number.iter().take_while(|byte| **byte == b'0').count();
    &number[zeros..]
}

/// The warning for the first two pieces whose last numbers do not follow each other.
fn gap(pieces: &[&str]) -> Option<Diagnostic> {
    let numbered = |piece: &&str| {
        let start = piece.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
        piece[start..].parse::<u64>().ok()
    };
    let numbers: Vec<u64> = pieces.iter().map(numbered).collect::<Option<_>>()?;
    let odd = numbers.windows(2).position(|two| two[0].checked_add(1) != Some(two[1]))?;
    let message = format!("no piece lies between `{}` and `{}`", pieces[odd], pieces[odd + 1]);
    Some(Code::WarnData.warning(message).help("if one was lost, the table is not whole"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::value;
    use crate::source::keys;

    #[test]
    fn pieces_follow_each_other_by_their_numbers() {
        let (_, keys) = keys::open("mem:", Path::new("")).expect("keys");
        for (key, bytes) in [
            ("p:10", "c"),
            ("p:9", "b"),
            ("p:08", "a"),
            ("q:1", "x"),
            ("q:3", "y"),
            ("l*", "z"),
            ("la", "no"),
        ] {
            keys.write(key, bytes.as_bytes()).expect("written");
        }
        let read = |key: &str| value(&*keys, key).expect("read");
        assert_eq!(read("p:*"), Some((b"abc".to_vec(), None)));
        assert_eq!(read("p:9"), Some((b"b".to_vec(), None)));
        assert_eq!(read("l*"), Some((b"z".to_vec(), None)), "what exists is no pattern");
        assert_eq!((read("r:*"), read("r")), (None, None));
        let (bytes, warning) = read("q:?").expect("two");
        assert_eq!(bytes, b"xy");
        assert_eq!(warning.expect("a gap").message(), "no piece lies between `q:1` and `q:3`");
    }

    #[test]
    fn digits_count_as_numbers() {
        let mut names = ["a2b", "a10", "a1", "a", "b", "a02", "a2", "a2a"];
        names.sort_by(|one, other| super::natural(one.as_bytes(), other.as_bytes()));
        assert_eq!(names, ["a", "a1", "a2", "a02", "a2a", "a2b", "a10", "b"]);
    }
}
