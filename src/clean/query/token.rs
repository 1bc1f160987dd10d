//! The words of an expression.

use std::ops::Range;

use super::Fault;

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its bytes in the expression.
    pub at: Range<usize>,
    /// What it is.
    pub word: Word,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// A number.
    Number(f64),
    /// A text in quotes, without them.
    Text(String),
    /// A name as it stands, which may be a keyword.
    Name(String),
    /// A name in backticks.
    Quoted(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// The longest first, so that `<=` is not `<` and `=`.
const SIGNS: &[&str] = &[
    "**", "//", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", ".", "&",
    "|", "~",
];

/// What is written elsewhere, and what to write here.
const FOREIGN: &[(&str, &str)] = &[
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("@", "a value from outside is written as `${params.name}`"),
    ("=", "`==` compares"),
    ("!", "write `not`"),
    ("<>", "write `!=`"),
];

/// Cuts an expression into words.
///
/// # Errors
/// The first character that no word begins with, a text that does not end, a number that is none.
pub fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let rest = &text[at..];
        let (word, length) = match first {
            '0'..='9' => number(rest, at)?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(rest, at)?,
            '\'' | '"' => quoted(rest, first, at)?,
            '`' => backticks(rest, at)?,
            _ if first.is_alphabetic() || first == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Word::Name(rest[..length].to_owned()), length)
            }
            _ => sign(rest, first, at)?,
        };
        tokens.push(Token { at: at..at + length, word });
        at += length;
    }
    Ok(tokens)
}

fn sign(rest: &str, first: char, at: usize) -> Result<(Word, usize), Fault> {
    let starts = |sign: &str| rest.starts_with(sign);
    let foreign = |longer: bool| {
        let mut known = FOREIGN.iter().filter(|(sign, _)| (sign.len() > 1) == longer);
        known.find(|(sign, _)| starts(sign))
    };
    let known = || SIGNS.iter().find(|sign| starts(sign));
    if let Some((sign, help)) = foreign(true) {
        return Err(Fault::new(at..at + sign.len(), format!("`{sign}` is no operator here"), *help));
    }
    if let Some(sign) = known() {
        return Ok((Word::Sign(sign), sign.len()));
    }
    let help =
        foreign(false).map_or("names with other characters are written in backticks", |(_, help)| help);
    let message = format!("`{}` cannot stand here", first.escape_debug());
    Err(Fault::new(at..at + first.len_utf8(), message, help))
}

/// A number as Python writes it, `1_000.5e-3`.
fn number(rest: &str, at: usize) -> Result<(Word, usize), Fault> {
    let bytes = rest.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let exponent = matches!(byte, b'+' | b'-') && matches!(bytes[end - 1], b'e' | b'E');
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || exponent) {
            break;
        }
        end += 1;
    }
    let digits = rest[..end].replace('_', "");
    let plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    match digits.parse::<f64>() {
        Ok(value) if plain && value.is_finite() => Ok((Word::Number(value), end)),
        _ => {
            let message = format!("`{}` is no number", crate::yaml::shorten(&rest[..end]));
            Err(Fault::new(at..at + end, message, "write digits, a point and an exponent, `1.5e3`"))
        }
    }
}

/// A text in quotes, with Python's escapes; a backslash before anything else stands for itself.
fn quoted(rest: &str, quote: char, at: usize) -> Result<(Word, usize), Fault> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == quote {
            return Ok((Word::Text(text), i + 1));
        }
        let escaped = match (c, chars.peek().map(|(_, next)| *next)) {
            ('\\', Some(next @ ('\\' | '\'' | '"'))) => Some(next),
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some('t')) => Some('\t'),
            _ => None,
        };
        if escaped.is_some() {
            chars.next();
        }
        text.push(escaped.unwrap_or(c));
    }
    Err(Fault::new(
        at..at + rest.len(),
        "a text that does not end".to_owned(),
        "close it with the same quote",
    ))
}

fn backticks(rest: &str, at: usize) -> Result<(Word, usize), Fault> {
    match rest[1..].find('`') {
        Some(0) => {
            Err(Fault::new(at..at + 2, "a column without a name".to_owned(), "write its name in backticks"))
        }
        Some(length) => Ok((Word::Quoted(rest[1..=length].to_owned()), length + 2)),
        None => {
            let help = "close it with a backtick";
            Err(Fault::new(at..at + rest.len(), "a column's name that does not end".to_owned(), help))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Word, tokens};

    #[test]
    fn words_have_their_places() {
        let text = "`a b`>=1_0.5e-1 and'ü\\'' not in[.5]";
        let words = tokens(text).expect("words");
        let found: Vec<&str> = words.iter().map(|token| &text[token.at.clone()]).collect();
        assert_eq!(found, ["`a b`", ">=", "1_0.5e-1", "and", "'ü\\''", "not", "in", "[", ".5", "]"]);
        assert_eq!(words[0].word, Word::Quoted("a b".into()));
        assert_eq!(words[2].word, Word::Number(1.05));
        assert_eq!(words[4].word, Word::Text("ü'".into()));
    }

    #[test]
    fn what_is_no_word_is_told_with_its_place() {
        let fault = |text: &str| tokens(text).expect_err("a fault");
        assert_eq!(fault("a = 1").at, 2..3);
        assert!(fault("a = 1").help.contains("`==`"));
        assert!(fault("a && b").help.contains("`and`"));
        assert!(fault("a == @k").help.contains("params"));
        assert_eq!(fault("a == 'x").at, 5..7);
        for text in ["`a", "``", "1x", "0x10", "1e999", "a # b", "1__e", "\u{0}"] {
            assert!(!fault(text).message.is_empty(), "{text}");
        }
    }
}
