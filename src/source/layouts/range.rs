//! Keys that are numbered: `row:{1..1000}`.

use crate::diag::{Code, Diagnostic, Result};
use crate::source::keys::KeyList;

/// The most keys that a range may name.
const MOST: u64 = 10_000_000;

/// The keys that a pattern with a range names, in the order of their numbers; `None` for a pattern without one.
///
/// A range is two whole numbers between braces, as in a shell: `{1..12}`. Where one of them has leading zeros all numbers
/// have as many digits as the longer one. `\\` takes the next character as it is, so that `\\{1..2}` is no range.
///
/// # Errors
/// `BadValue` for a second range, for `*`, `?` or `[` beside a range, for one that ends before it begins, and for more than
/// ten million keys.
pub(super) fn keys_of_range(pattern: &str) -> Result<Option<KeyList>> {
    let mut before = String::new();
    let mut rest = pattern;
    let mut wild = false;
    let (range, after) = loop {
        if let Some(found) = range_at(rest) {
            break found;
        }
        match next(rest) {
            Some((character, is_wild, left)) => {
                before.push(character);
                (wild, rest) = (wild || is_wild, left);
            }
            None => return Ok(None),
        }
    };
    let mut behind = String::new();
    let mut rest = after;
    while let Some((character, is_wild, left)) = next(rest) {
        if range_at(rest).is_some() {
            return Err(bad(pattern, "has two ranges", "keep one; an index can list any keys"));
        }
        behind.push(character);
        (wild, rest) = (wild || is_wild, left);
    }
    if wild {
        let help = "with a range every other character stands for itself; write `\\` before `*`, `?` and `[`";
        return Err(bad(pattern, "has a range and wildcards", help));
    }
    let too_large = || bad(pattern, "names more than 10,000,000 keys", "use a pattern with `*`, or an index");
    let number = |digits: &str| digits.parse::<u64>().map_err(|_| too_large());
    let (first, last) = (number(range.first)?, number(range.last)?);
    if last < first {
        return Err(bad(pattern, "has a range that ends before it begins", "write the smaller number first"));
    }
    if last - first >= MOST {
        return Err(too_large());
    }
    let padded = [range.first, range.last].iter().any(|digits| digits.len() > 1 && digits.starts_with('0'));
    let width = if padded { range.first.len().max(range.last.len()) } else { 0 };
    Ok(Some((first..=last).map(|number| format!("{before}{number:0width$}{behind}")).collect()))
}

struct Range<'a> {
    first: &'a str,
    last: &'a str,
}

/// The range that a text begins with, and what follows it.
fn range_at(text: &str) -> Option<(Range<'_>, &str)> {
    let (inner, after) = text.strip_prefix('{')?.split_once('}')?;
    let (first, last) = inner.split_once("..")?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(first) && is_number(last)).then_some((Range { first, last }, after))
}

/// The next character of a pattern, whether it is a wildcard, and the rest.
fn next(text: &str) -> Option<(char, bool, &str)> {
    let mut characters = text.chars();
    match characters.next()? {
        '\\' => match characters.next() {
            Some(literal) => Some((literal, false, characters.as_str())),
            None => Some(('\\', false, "")),
        },
        character => Some((character, matches!(character, '*' | '?' | '['), characters.as_str())),
    }
}

fn bad(pattern: &str, what: &str, help: &str) -> Diagnostic {
    Code::BadValue.error(format!("the pattern `{pattern}` {what}")).help(help)
}

#[cfg(test)]
mod tests {
    use super::keys_of_range;
    use crate::diag::Code;

    fn keys(pattern: &str) -> Option<Vec<String>> {
        let list = keys_of_range(pattern).expect(pattern)?;
        Some(list.iter().map(str::to_owned).collect())
    }

    #[test]
    fn a_range_names_its_keys_in_the_order_of_numbers() {
        assert_eq!(keys("row:{9..11}").expect("a range"), ["row:9", "row:10", "row:11"]);
        assert_eq!(keys("{08..10}:größe").expect("a range"), ["08:größe", "09:größe", "10:größe"]);
        assert_eq!(keys("r{1..01}").expect("a range"), ["r01"]);
        assert_eq!(keys("r{0..1}").expect("a range"), ["r0", "r1"]);
        assert_eq!(keys("\\*{user}\\{1..2}{3..3}").expect("a range"), ["*{user}{1..2}3"]);
    }

    #[test]
    fn other_patterns_have_none() {
        for pattern in ["row:*", "{user}:*", "\\{1..2}", "{1..}", "{a..c}", "{-1..1}", "{1..2", "", "r\\"] {
            assert_eq!(keys(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn ranges_that_cannot_be_are_told_before_any_memory_is_taken() {
        let cases = [
            ("r:{1..2}:{1..2}", "has two ranges"),
            ("r:*:{1..2}", "has a range and wildcards"),
            ("r:{1..2}[ab]", "has a range and wildcards"),
            ("r:{2..1}", "has a range that ends before it begins"),
            ("r:{1..10000001}", "names more than 10,000,000 keys"),
            ("r:{0..99999999999999999999999}", "names more than 10,000,000 keys"),
        ];
        for (pattern, what) in cases {
            let error = keys_of_range(pattern).expect_err(pattern);
            let message = format!("the pattern `{pattern}` {what}");
            assert_eq!((error.code(), error.message()), (Code::BadValue, message.as_str()));
        }
    }
}
