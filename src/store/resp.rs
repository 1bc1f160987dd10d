//! The protocol of Redis (RESP 2): commands to bytes, and answers parsed as their bytes come in.
//!
//! What a server announces is believed only as far as it sends the bytes: no length of its own makes anything large.

use ::redis::{ErrorKind, RedisError, RedisResult};
use std::ops::Range;

/// A part of an answer. Lists are flat: the parts of a list follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A list of so many parts, which come next.
    List(u32),
    /// A text, of any bytes.
    Text(Span),
    /// Nothing: a key or field that is not there.
    Nil,
    /// A number.
    Number(i64),
    /// Why the server refused, with its code as the first word.
    Refusal(Span),
}

/// Where a text lies, counted from the first byte of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: usize,
    length: u32,
}

impl Span {
    /// Its bytes, out of those of the answer.
    pub fn of(self, answer: &[u8]) -> &[u8] {
        &answer[self.start..self.start + self.length as usize]
    }

    /// The same of an answer that is UTF-8 as a whole; `None` where the text begins or ends within a character.
    pub fn of_text(self, answer: &str) -> Option<&str> {
        answer.get(self.start..self.start + self.length as usize)
    }
}

/// How deep lists may be nested: no command here has more than a list of entries of fields.
const DEPTH: usize = 8;
/// The most bytes of a line: a number, a status or a refusal.
const LINE: usize = 1 << 16;

/// Understands one answer, going on where the bytes ended before.
#[derive(Debug, Default)]
pub struct Parser {
    parts: Vec<Part>,
    /// How many parts each open list still lacks, the innermost last.
    open: Vec<u32>,
    /// The bytes that are understood.
    at: usize,
}

/// What is no answer, in words.
#[derive(Debug, PartialEq, Eq)]
pub struct Garbage(pub String);

impl From<Garbage> for RedisError {
    fn from(garbage: Garbage) -> Self {
        (ErrorKind::Parse, "no RESP", garbage.0).into()
    }
}

impl Parser {
    /// Forgets the answer.
    pub fn clear(&mut self) {
        self.parts.clear();
        self.open.clear();
        self.at = 0;
    }

    /// The parts of the answer so far.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Exchanges the parts of the answer, which is whole, for other room.
    pub(super) fn exchange(&mut self, parts: &mut Vec<Part>) {
        std::mem::swap(&mut self.parts, parts);
    }

    /// The bytes that are understood so far: the length of the answer once it is whole.
    pub fn length(&self) -> usize {
        self.at
    }

    /// Goes on with all bytes of the answer that have come, those from before included, and says whether it is whole;
    /// what follows it is left alone. Not to be called again once it is.
    ///
    /// # Errors
    /// What is not of the protocol, and lists in more lists than any command gives.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<bool, Garbage> {
        loop {
            self.short_texts(bytes);
            let Some((part, next)) = part(bytes, self.at)? else { return Ok(false) };
            self.parts.push(part);
            self.at = next;
            match part {
                Part::List(length) if length > 0 => {
                    if self.open.len() == DEPTH {
                        return Err(Garbage(format!("lists in more than {DEPTH} lists")));
                    }
                    self.open.push(length);
                }
                _ => {
                    if self.close() {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Takes the short texts that come next, as far as none of them ends a list: nearly every part of every large answer.
    fn short_texts(&mut self, bytes: &[u8]) {
        let Some(left) = self.open.last_mut() else { return };
        while *left > 1 {
            let Some((span, next)) = short_text(bytes, self.at) else { return };
            self.parts.push(Part::Text(span));
            self.at = next;
            *left -= 1;
        }
    }

    /// Counts one part, and the lists that end with it; says whether nothing is open any more.
    fn close(&mut self) -> bool {
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return false;
            }
            self.open.pop();
        }
        true
    }
}

/// The part that begins at a byte, a list without its parts, and where it ends; `None` if there is more to come.
fn part(bytes: &[u8], at: usize) -> Result<Option<(Part, usize)>, Garbage> {
    let Some((kind, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) else { return Ok(None) };
    let start = at + 1;
    match kind {
        b'$' | b'*' | b':' => {
            let Some((number, length)) = number(rest)? else { return Ok(None) };
            let next = start + length;
            match (kind, number) {
                (b':', _) => Ok(Some((Part::Number(number), next))),
                (_, -1) => Ok(Some((Part::Nil, next))),
                _ => {
                    let length =
                        u32::try_from(number).map_err(|_| Garbage(format!("a length of {number}")))?;
                    match kind {
                        b'*' => Ok(Some((Part::List(length), next))),
                        _ => text(bytes, Span { start: next, length }),
                    }
                }
            }
        }
        b'+' | b'-' => {
            let line = rest.get(..LINE).unwrap_or(rest);
            let Some(length) = line.iter().position(|byte| *byte == b'\r') else {
                return if rest.len() >= LINE {
                    Err(Garbage("a line without an end".into()))
                } else {
                    Ok(None)
                };
            };
            // A line is at most 65,536 bytes.
            let span = Span { start, length: length as u32 };
            let part = if *kind == b'+' { Part::Text(span) } else { Part::Refusal(span) };
            Ok(ended(bytes, start + length)?.map(|next| (part, next)))
        }
        _ => {
            let shown = rest.get(..24).unwrap_or(rest).escape_ascii();
            Err(Garbage(format!("an answer that begins with `{}{shown}`", kind.escape_ascii())))
        }
    }
}

/// A text of fewer than a hundred bytes, if one that is whole begins at a byte, and where it ends.
fn short_text(bytes: &[u8], at: usize) -> Option<(Span, usize)> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let (length, start) = match bytes.get(at..)? {
        [b'$', ones, b'\r', b'\n', ..] => (digit(ones)?, at + 4),
        [b'$', tens, ones, b'\r', b'\n', ..] => (10 * digit(tens)? + digit(ones)?, at + 5),
        _ => return None,
    };
    let end = start + length as usize;
    (bytes.get(end..end + 2)? == b"\r\n").then_some((Span { start, length }, end + 2))
}

/// A text and the end of line after it.
fn text(bytes: &[u8], span: Span) -> Result<Option<(Part, usize)>, Garbage> {
    let end = span.start + span.length as usize;
    Ok(ended(bytes, end)?.map(|next| (Part::Text(span), next)))
}

/// Where the line that ends at a byte is over; `None` if its end is still to come.
fn ended(bytes: &[u8], at: usize) -> Result<Option<usize>, Garbage> {
    match bytes.get(at..) {
        Some([b'\r', b'\n', ..]) => Ok(Some(at + 2)),
        None | Some([] | [b'\r']) => Ok(None),
        Some(_) => Err(Garbage("a text that is not ended".into())),
    }
}

/// A number on a line of its own, and the length of both.
fn number(line: &[u8]) -> Result<Option<(i64, usize)>, Garbage> {
    let garbage = || Garbage(format!("`{}` for a number", line[..line.len().min(24)].escape_ascii()));
    let negative = line.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut at, mut value) = (start, 0i64);
    loop {
        match line.get(at) {
            Some(digit @ b'0'..=b'9') => {
                value = value
                    .checked_mul(10)
                    .and_then(|value| value.checked_add(i64::from(digit - b'0')))
                    .ok_or_else(garbage)?;
                at += 1;
            }
            Some(b'\r') if at > start => {
                let next = ended(line, at).map_err(|_| garbage())?;
                return Ok(next.map(|next| (if negative { -value } else { value }, next)));
            }
            Some(_) => return Err(garbage()),
            None => return Ok(None),
        }
    }
}

/// A whole answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its parts, at least one.
    pub parts: &'a [Part],
}

impl<'a> Answer<'a> {
    /// The bytes of a text.
    pub fn text(&self, span: Span) -> &'a [u8] {
        span.of(self.bytes)
    }

    /// The answer, unless it is a refusal as a whole.
    ///
    /// # Errors
    /// The refusal.
    pub fn accepted(self) -> RedisResult<Self> {
        match self.parts {
            // The client reads it again: there is one way from the server's words to our own.
            [Part::Refusal(_)] => {
                ::redis::parse_redis_value(self.bytes)?.extract_error()?;
                Err(self.unexpected())
            }
            _ => Ok(self),
        }
    }

    /// An error for an answer that is none to the command.
    pub fn unexpected(&self) -> RedisError {
        let shown = self.bytes.get(..40).unwrap_or(self.bytes);
        Garbage(format!("an answer to another command: `{}`", shown.escape_ascii())).into()
    }
}

/// A whole answer that outlasts the next ones on its connection.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(super) bytes: Vec<u8>,
    /// Those of `bytes` that are the answer's.
    pub(super) range: Range<usize>,
    pub(super) parts: Vec<Part>,
}

impl Kept {
    /// The answer.
    pub fn answer(&self) -> Answer<'_> {
        Answer { bytes: &self.bytes[self.range.clone()], parts: &self.parts }
    }
}

/// Appends a command.
pub fn push_command(buffer: &mut Vec<u8>, words: &[&[u8]]) {
    push_length(buffer, b'*', words.len());
    words.iter().for_each(|word| push_word(buffer, word));
}

/// Appends one word of a command.
pub fn push_word(buffer: &mut Vec<u8>, word: &[u8]) {
    push_length(buffer, b'$', word.len());
    buffer.extend_from_slice(word);
    buffer.extend_from_slice(b"\r\n");
}

/// Appends a length: `*3\r\n`. It stands before each of a million keys.
pub fn push_length(buffer: &mut Vec<u8>, kind: u8, mut length: usize) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        // A digit.
        digits[first] = b'0' + (length % 10) as u8;
        length /= 10;
        if length == 0 {
            break;
        }
    }
    buffer.push(kind);
    buffer.extend_from_slice(&digits[first..]);
    buffer.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::{Answer, Parser, Part, Span, push_command};

    fn parse(bytes: &[u8]) -> Result<Option<(Vec<Part>, usize)>, String> {
        let mut parser = Parser::default();
        let whole = parser.advance(bytes).map_err(|garbage| garbage.0)?;
        Ok(whole.then(|| (parser.parts().to_vec(), parser.length())))
    }

    fn text(start: usize, length: u32) -> Part {
        Part::Text(Span { start, length })
    }

    #[test]
    fn answers_of_every_kind_are_understood() {
        for (bytes, parts) in [
            (&b"+OK\r\n"[..], vec![text(1, 2)]),
            (b"-ERR no\r\n", vec![Part::Refusal(Span { start: 1, length: 6 })]),
            (b":-42\r\n", vec![Part::Number(-42)]),
            (b":9223372036854775807\r\n", vec![Part::Number(i64::MAX)]),
            (b"$-1\r\n", vec![Part::Nil]),
            (b"*-1\r\n", vec![Part::Nil]),
            (b"$0\r\n\r\n", vec![text(4, 0)]),
            (b"$4\r\na\r\nb\r\n", vec![text(4, 4)]),
            (b"*0\r\n", vec![Part::List(0)]),
            (
                b"*2\r\n*1\r\n:1\r\n*2\r\n*0\r\n$1\r\nx\r\n",
                vec![
                    Part::List(2),
                    Part::List(1),
                    Part::Number(1),
                    Part::List(2),
                    Part::List(0),
                    text(24, 1),
                ],
            ),
        ] {
            assert_eq!(parse(bytes), Ok(Some((parts.clone(), bytes.len()))), "{}", bytes.escape_ascii());
            // What follows is another answer's; what lacks any byte is not whole.
            let more = [bytes, b"+next\r\n"].concat();
            assert_eq!(parse(&more), Ok(Some((parts, bytes.len()))));
            (0..bytes.len()).for_each(|end| assert_eq!(parse(&bytes[..end]), Ok(None), "{end}"));
        }
    }

    #[test]
    fn an_answer_in_pieces_is_the_answer() {
        let bytes = b"*3\r\n$5\r\nhe\r\no\r\n*2\r\n:7\r\n$-1\r\n+fine\r\n";
        for piece in 1..bytes.len() {
            let mut parser = Parser::default();
            let mut end = 0;
            while !parser.advance(&bytes[..end]).expect("RESP") {
                end = (end + piece).min(bytes.len());
            }
            assert_eq!(Ok(Some((parser.parts().to_vec(), parser.length()))), parse(bytes));
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"%1\r\n",
            b"$-2\r\n",
            b"*-7\r\n",
            b"$x\r\n",
            b"$\r\n",
            b"$-\r\n",
            b"$1 \r\n",
            b"$1\n",
            b":99999999999999999999\r\n",
            b"$99999999999\r\n",
            b"*99999999999\r\n",
            b"$1\r\nab\r\n",
            b"+a\rb\r\n",
            &b"*1\r\n".repeat(9),
        ] {
            assert!(parse(bytes).is_err(), "{}", bytes.escape_ascii());
        }
        assert!(parse(&[b"+".as_slice(), &[b'x'; 70_000]].concat()).is_err());
        // Only announced, so nothing is made for it.
        assert_eq!(parse(b"*4294967295\r\n$4294967295\r\n"), Ok(None));
    }

    #[test]
    fn a_refusal_is_an_error_with_the_servers_words() {
        let mut parser = Parser::default();
        let bytes = b"-LOADING Redis is loading\r\n";
        assert_eq!(parser.advance(bytes), Ok(true));
        let error = Answer { bytes, parts: parser.parts() }.accepted().expect_err("a refusal");
        assert!(error.to_string().contains("Redis is loading"), "{error}");
    }

    #[test]
    fn commands_are_lists_of_texts() {
        let mut bytes = Vec::new();
        push_command(&mut bytes, &[b"GET", b"", b"0123456789"]);
        assert_eq!(bytes, b"*3\r\n$3\r\nGET\r\n$0\r\n\r\n$10\r\n0123456789\r\n");
    }
}
