//! The answers that are under way on a connection.

use super::resp::{Answer, Garbage, Kept, Parser};
use std::collections::VecDeque;
use std::io::{self, Read};

/// The bytes that are asked for at once, and the room for them; more only while one answer is larger.
const ROOM: usize = 256 << 10;

/// Bytes that have come, and the answer that is being made of them.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// What of `bytes` has come and was not handed out.
    start: usize,
    end: usize,
    /// The length of the answer that was handed out last.
    taken: usize,
    parser: Parser,
    /// How many answers each request still waits for.
    waiting: VecDeque<usize>,
}

impl Inbox {
    /// Whether every answer was handed out, so that others may read from the connection.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.start + self.taken == self.end
    }

    /// So many more answers will come; says whether none was awaited before.
    pub fn expect(&mut self, answers: usize) -> bool {
        let first = self.waiting.is_empty();
        self.waiting.extend((answers > 0).then_some(answers));
        first
    }

    /// Makes ready for the next answer.
    pub fn next(&mut self) {
        self.start += self.taken;
        self.taken = 0;
        self.parser.clear();
    }

    /// Whether the answer is whole.
    pub fn is_whole(&mut self) -> Result<bool, Garbage> {
        self.parser.advance(&self.bytes[self.start..self.end])
    }

    /// Takes more bytes; how many came.
    pub fn fill(&mut self, from: &mut impl Read) -> io::Result<usize> {
        if self.start > 0 && (self.start == self.end || self.end == self.bytes.len()) {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.bytes.len() {
            // All of it has come for one answer.
            self.bytes.resize(ROOM.max(2 * self.end), 0);
        }
        let came = loop {
            match from.read(&mut self.bytes[self.end..]) {
                // A signal; whether it is one to stop, others ask.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                came => break came?,
            }
        };
        if came == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.end += came;
        Ok(came)
    }

    /// Hands out the answer that is whole; says whether it is the last one of its request.
    pub fn take(&mut self) -> (Answer<'_>, bool) {
        self.taken = self.parser.length();
        let last = match self.waiting.front_mut() {
            Some(left) if *left > 1 => {
                *left -= 1;
                false
            }
            _ => self.waiting.pop_front().is_some(),
        };
        let bytes = &self.bytes[self.start..self.start + self.taken];
        (Answer { bytes, parts: self.parser.parts() }, last)
    }

    /// Moves the answer that was handed out last, in exchange for the room of an older one. Its bytes are copied only where more
    /// have come behind them.
    pub fn keep(&mut self, kept: &mut Kept) {
        let range = self.start..self.start + self.taken;
        self.parser.exchange(&mut kept.parts);
        if range.end == self.end {
            std::mem::swap(&mut self.bytes, &mut kept.bytes);
            (self.start, self.end, self.taken) = (0, 0, 0);
            kept.range = range;
        } else {
            kept.bytes.clear();
            kept.bytes.extend_from_slice(&self.bytes[range]);
            kept.range = 0..kept.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Inbox, ROOM};
    use crate::store::resp::{Kept, Part};
    use std::io::Read;

    /// Gives a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(buffer.len()).min(self.0.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn next(inbox: &mut Inbox, from: &mut Drip<'_>) -> (Vec<u8>, bool) {
        inbox.next();
        while !inbox.is_whole().expect("RESP") {
            inbox.fill(from).expect("bytes");
        }
        let (answer, last) = inbox.take();
        let Part::Text(span) = answer.parts[0] else { panic!("a text") };
        (answer.text(span).to_vec(), last)
    }

    #[test]
    fn answers_come_out_as_they_went_in_whatever_the_pieces() {
        let long = vec![b'x'; 3 * ROOM + 1];
        let texts: Vec<&[u8]> = vec![b"a", b"", &long, b"bc", &long[..ROOM - 20], b"d"];
        let bytes: Vec<u8> = texts
            .iter()
            .flat_map(|text| [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat())
            .collect();
        for piece in [1, 7, 100_000, usize::MAX] {
            let (mut inbox, mut from) = (Inbox::default(), Drip(&bytes, piece));
            assert!(inbox.expect(2));
            assert!(!inbox.expect(texts.len() - 2));
            for (i, text) in texts.iter().enumerate() {
                assert!(!inbox.is_empty());
                assert_eq!(next(&mut inbox, &mut from), (text.to_vec(), i == 1 || i == texts.len() - 1));
            }
            assert!(inbox.is_empty());
            inbox.next();
            assert!(inbox.fill(&mut from).is_err(), "the end of the connection");
        }
    }

    #[test]
    fn what_is_kept_stays_whatever_comes() {
        let bytes: Vec<u8> = (0..50).flat_map(|i| format!("+{}\r\n", "y".repeat(i)).into_bytes()).collect();
        for piece in [1, 5, 64, usize::MAX] {
            let (mut inbox, mut from) = (Inbox::default(), Drip(&bytes, piece));
            let mut kept = Kept::default();
            inbox.expect(50);
            for i in 0..50 {
                next(&mut inbox, &mut from);
                inbox.keep(&mut kept);
                let Part::Text(span) = kept.answer().parts[0] else { panic!("a text") };
                assert_eq!(kept.answer().text(span), "y".repeat(i).as_bytes());
            }
            assert!(inbox.is_empty());
        }
    }

    #[test]
    fn what_nobody_asked_for_is_noticed() {
        let (mut inbox, mut from) = (Inbox::default(), Drip(b"+a\r\n+b\r\n", 100));
        inbox.expect(1);
        next(&mut inbox, &mut from);
        assert!(!inbox.is_empty());
    }
}
