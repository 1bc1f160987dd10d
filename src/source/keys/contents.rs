//! What a list, a set, a sorted set or a hash in a Redis server holds, as it is at one moment.
//!
//! The server is told to watch the key while it is read in pages. Whoever writes it meanwhile makes the reading void, since a page
//! says nothing of what has moved to the pages before it.

use super::key_list::Found;
use super::{Kind, no_members};
use crate::diag::{Diagnostic, Result};
use crate::store::resp::{Answer, Part, push_command, push_length, push_word};
use crate::store::{Link, Wires, is_wrong_type};
use ::redis::RedisResult;
use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Members that are asked for at once: at first, and at most; and the bytes that the answer should have.
const FIRST: usize = 64;
const MOST: usize = 5_000;
const ANSWER: usize = 512 << 10;
/// The most bytes of a request.
const REQUEST: usize = 48 << 10;
/// Requests under way at once: one is answered while the other waits at the server.
const AHEAD: usize = 2;

/// Takes a member; of a sorted set its score too, of a hash a field and its value.
pub type Each<'a> = dyn FnMut(&[u8], Option<&[u8]>) -> Result<()> + 'a;

/// Hands out the members: of a list in its order, of a sorted set by score, of a set and a hash sorted by the bytes of members and
/// fields. False if it was changed meanwhile, or the connection lost: what was handed out is then nothing.
pub(super) fn read_members(link: &Arc<Link>, key: &str, kind: Kind, each: &mut Each<'_>) -> Result<bool> {
    if commands(kind).is_none() {
        return Err(no_members(key, kind));
    }
    let begun = Cell::new(false);
    let doing = || format!("read key `{key}`");
    let end = link.converse(&doing, |wires| {
        // Asked again over a new connection: the watch has gone with the old one.
        if begun.replace(true) {
            return Ok(End::Changed);
        }
        let place = if wires.is_cluster() { wires.place(key.as_bytes()) } else { 0 };
        let mut talk = Talk { wires, place, key: key.as_bytes(), count: FIRST };
        match talk.watched(kind, each) {
            Err(error) if is_wrong_type(&error) => talk.unwatched(End::Changed),
            Ok(end @ (End::Changed | End::Failed(_))) => talk.unwatched(end),
            end => end,
        }
    })?;
    match end {
        End::Whole => Ok(true),
        End::Changed => Ok(false),
        End::Failed(diagnostic) => Err(diagnostic),
    }
}

/// How many members there are; none if the key is not there.
pub(super) fn length(link: &Link, key: &str, kind: Kind) -> Result<usize> {
    let doing = format!("read key `{key}`");
    let Some((command, _)) = commands(kind) else { return Err(no_members(key, kind)) };
    let length = link.ask_for(key, &doing, |wire| {
        match ::redis::cmd(command).arg(key).query(wire) {
            // It has become something else; whoever reads it will be told.
            Err(error) if is_wrong_type(&error) => Ok(0),
            length => length,
        }
    })?;
    Ok(length)
}

/// What tells the number of members, and what a member has in an answer.
fn commands(kind: Kind) -> Option<(&'static str, usize)> {
    match kind {
        Kind::List => Some(("LLEN", 1)),
        Kind::Set => Some(("SCARD", 1)),
        Kind::Zset => Some(("ZCARD", 2)),
        Kind::Hash => Some(("HLEN", 2)),
        _ => None,
    }
}

/// How a reading has ended.
enum End {
    Whole,
    Changed,
    /// The sink wants no more.
    Failed(Diagnostic),
}

/// One reading.
struct Talk<'t, 'w> {
    wires: &'t mut Wires<'w>,
    place: usize,
    key: &'t [u8],
    /// The members of the next request.
    count: usize,
}

impl Talk<'_, '_> {
    /// Reads all, between the beginning and the end of a watch.
    fn watched(&mut self, kind: Kind, each: &mut Each<'_>) -> RedisResult<End> {
        let key = self.key;
        self.ask(&[b"WATCH", key])?;
        let end = match kind {
            Kind::List => self.pages(b"LRANGE", kind, each)?,
            Kind::Zset => self.pages(b"ZRANGE", kind, each)?,
            Kind::Set => {
                let members = self.scan(b"SSCAN", kind)?.sorted_bytes();
                hand_out(members.iter().map(|member| (member, None)), each)
            }
            _ => {
                let fields = self.scan(b"HSCAN", kind)?.sorted_bytes();
                self.values(&fields, each)?
            }
        };
        if !matches!(end, End::Whole) {
            return Ok(end);
        }
        // An empty transaction: its answer is nil if the key has changed since the watch began, which it ends.
        self.ask(&[b"MULTI"])?;
        let answer = self.ask(&[b"EXEC"])?;
        Ok(if answer.parts == [Part::Nil] { End::Changed } else { End::Whole })
    }

    /// Ends before the end of the watch. The answer to this is left unread, so that nobody goes on with a connection that watches
    /// something.
    fn unwatched(&mut self, end: End) -> RedisResult<End> {
        let mut command = Vec::new();
        push_command(&mut command, &[b"UNWATCH"]);
        self.wires.send(self.place, &command, 1)?;
        Ok(end)
    }

    /// A command and its answer.
    fn ask(&mut self, words: &[&[u8]]) -> RedisResult<Answer<'_>> {
        let mut command = Vec::new();
        push_command(&mut command, words);
        self.wires.send(self.place, &command, 1)?;
        self.wires.answer(self.place)?.accepted()
    }

    /// As many members a request as suits their size.
    fn suit(&mut self, bytes: usize, members: usize) {
        if let Some(bytes) = bytes.checked_div(members) {
            self.count = (ANSWER / bytes.max(1)).clamp(1, MOST);
        }
    }

    /// The members of a list or a sorted set by their places.
    fn pages(&mut self, command: &[u8], kind: Kind, each: &mut Each<'_>) -> RedisResult<End> {
        let Some((length, width)) = commands(kind) else { return Ok(End::Changed) };
        let key = self.key;
        let answer = self.ask(&[length.as_bytes(), key])?;
        let [Part::Number(length)] = answer.parts else { return Err(answer.unexpected()) };
        let length = usize::try_from(*length).unwrap_or(0);
        let mut under_way: VecDeque<Range<usize>> = VecDeque::new();
        let (mut sent, mut next) = (0, 0);
        let mut request = Vec::new();
        // Nothing at all: it has gone since its kind was asked for.
        while next < length {
            while sent < length && under_way.len() < AHEAD {
                let page = sent..length.min(sent + self.count);
                let (start, last) = (page.start.to_string(), (page.end - 1).to_string());
                let words = [command, key, start.as_bytes(), last.as_bytes(), b"WITHSCORES"];
                request.clear();
                push_command(&mut request, &words[..if width == 2 { 5 } else { 4 }]);
                self.wires.send(self.place, &request, 1)?;
                sent = page.end;
                under_way.push_back(page);
            }
            let Some(page) = under_way.pop_front() else { break };
            let answer = self.wires.answer(self.place)?.accepted()?;
            let members = members(answer, width)?;
            if members.len() != page.len() {
                return Ok(End::Changed);
            }
            let (bytes, end) = (answer.bytes.len(), hand_out(members, each));
            if !matches!(end, End::Whole) {
                return Ok(end);
            }
            self.suit(bytes, page.len());
            next = page.end;
        }
        Ok(if length == 0 { End::Changed } else { End::Whole })
    }

    /// The members of a set, or the fields of a hash, in any order and some perhaps twice.
    fn scan(&mut self, command: &[u8], kind: Kind) -> RedisResult<Found> {
        let width = commands(kind).map_or(1, |(_, width)| width);
        let (mut found, mut cursor, key) = (Found::default(), b"0".to_vec(), self.key);
        loop {
            let count = self.count.to_string();
            let answer = self.ask(&[command, key, &cursor, b"COUNT", count.as_bytes()])?;
            let [Part::List(2), Part::Text(next), list @ ..] = answer.parts else {
                return Err(answer.unexpected());
            };
            let next = answer.text(*next).to_vec();
            // A cursor that stands still would be asked for ever.
            if next == cursor && cursor != b"0" {
                return Err(answer.unexpected());
            }
            let list = members(Answer { bytes: answer.bytes, parts: list }, width)?;
            let (bytes, members) = (answer.bytes.len(), list.len());
            list.for_each(|(member, _)| found.push(member));
            self.suit(bytes, members);
            if next == b"0" {
                return Ok(found);
            }
            cursor = next;
        }
    }

    /// The values of the fields of a hash.
    fn values(&mut self, fields: &Found, each: &mut Each<'_>) -> RedisResult<End> {
        let fields: Vec<&[u8]> = fields.iter().collect();
        let mut under_way: VecDeque<Range<usize>> = VecDeque::new();
        let (mut sent, mut next) = (0, 0);
        let (mut words, mut request) = (Vec::new(), Vec::new());
        while next < fields.len() {
            while sent < fields.len() && under_way.len() < AHEAD {
                words.clear();
                let start = sent;
                while sent < fields.len() && sent < start + self.count && words.len() < REQUEST {
                    push_word(&mut words, fields[sent]);
                    sent += 1;
                }
                request.clear();
                push_length(&mut request, b'*', 2 + sent - start);
                push_word(&mut request, b"HMGET");
                push_word(&mut request, self.key);
                request.extend_from_slice(&words);
                self.wires.send(self.place, &request, 1)?;
                under_way.push_back(start..sent);
            }
            let Some(page) = under_way.pop_front() else { break };
            let answer = self.wires.answer(self.place)?.accepted()?;
            if matches!(answer.parts, [Part::List(_), values @ ..] if values.contains(&Part::Nil)) {
                return Ok(End::Changed);
            }
            let values = members(answer, 1)?;
            if values.len() != page.len() {
                return Err(answer.unexpected());
            }
            let rows =
                fields[page.clone()].iter().zip(values).map(|(field, (value, _))| (*field, Some(value)));
            let (bytes, end) = (answer.bytes.len(), hand_out(rows, each));
            if !matches!(end, End::Whole) {
                return Ok(end);
            }
            self.suit(bytes, page.len());
            next = page.end;
        }
        Ok(if fields.is_empty() { End::Changed } else { End::Whole })
    }
}

fn hand_out<'a>(members: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>, each: &mut Each<'_>) -> End {
    for (member, beside) in members {
        if let Err(diagnostic) = each(member, beside) {
            return End::Failed(diagnostic);
        }
    }
    End::Whole
}

/// The texts of a list, one by one or in pairs.
fn members<'a>(
    answer: Answer<'a>,
    width: usize,
) -> RedisResult<impl ExactSizeIterator<Item = (&'a [u8], Option<&'a [u8]>)>> {
    let is_text = |part: &Part| matches!(part, Part::Text(_));
    let [Part::List(_), parts @ ..] = answer.parts else { return Err(answer.unexpected()) };
    if !parts.iter().all(is_text) || !parts.len().is_multiple_of(width) {
        return Err(answer.unexpected());
    }
    let bytes = answer.bytes;
    let text = move |part: &Part| match part {
        Part::Text(span) => span.of(bytes),
        _ => &[],
    };
    Ok(parts.chunks_exact(width).map(move |member| (text(&member[0]), member.get(1).map(text))))
}
