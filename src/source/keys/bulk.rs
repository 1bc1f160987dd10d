//! Many keys of one row each, from a Redis server, as fast as it sends them.
//!
//! Requests for some hundred keys are written ahead while the answers to those before are parsed, straight from the bytes that
//! have come to the sink. A key that is not of the kind that is asked for interrupts this: what is under way is kept, and the
//! odd ones among it are read one kind after another.

use super::key_list::KeyList;
use super::odd_rows::OddRows;
use super::row_sink::{Fields, RowSink, Texts};
use super::{Held, Kind};
use crate::diag::{Diagnostic, Result};
use crate::store::resp::{Answer, Parser, Part, push_length, push_word};
use crate::store::{Link, Wires, is_on_its_way, is_wrong_type};
use ::redis::{RedisError, RedisResult};
use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// The keys of a request: at first, and at most.
const FIRST: usize = 32;
const MOST: usize = 1000;
/// The bytes that the answers to a request should have, and the most of a request itself.
const ANSWERS: usize = 512 << 10;
const REQUEST: usize = 48 << 10;
/// Requests under way at once: one is answered while the other waits at the server.
const AHEAD: usize = 2;
/// Rows between two moments in which nothing is under way. A connection that is lost is made anew once in each.
const STRETCH: usize = 100_000;

/// Hands out what each key holds, in order.
pub(super) fn read_rows(link: &Arc<Link>, keys: &KeyList, sink: &mut dyn RowSink) -> Result<()> {
    let next = Cell::new(0);
    let wanted = sink.wanted();
    let in_order = wanted.is_some_and(|wanted| wanted.in_order);
    let names = wanted.map(|wanted| wanted.names.to_vec());
    let mut reader = Reader {
        keys,
        next: &next,
        kind: Kind::Hash,
        sparing: None,
        met: names.iter().flatten().map(|_| in_order).collect(),
        names: names.unwrap_or_default(),
        news: Vec::new(),
        rows: 0,
        bytes: 0,
        requests: Vec::new(),
        places: VecDeque::new(),
    };
    let odd_rows = OddRows { link };
    while next.get() < keys.len() {
        let doing = || format!("read key `{}`", keys.get(next.get().min(keys.len() - 1)));
        match link.converse(&doing, |wires| reader.stretch(wires, sink))? {
            Stop::End => {}
            Stop::Failed(diagnostic) => return Err(diagnostic),
            Stop::Odd(kept) => reader.go_on(&kept, &odd_rows, sink)?,
        }
    }
    reader.order(&odd_rows, sink)
}

/// What is asked about a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// All fields of a hash.
    All,
    /// The wanted fields of a hash.
    Some,
    /// A string.
    Value,
    /// A document of the module RedisJSON.
    Json,
}

/// A request under way.
#[derive(Clone, Copy)]
struct Request {
    ask: Ask,
    /// The row after its last.
    end: usize,
}

/// Why a stretch has ended.
enum Stop {
    /// All its rows are with the sink.
    End,
    /// The sink wants no more.
    Failed(Diagnostic),
    /// The next row is not of the kind that was asked for; these answers to it and the rows after it had been asked for.
    Odd(Kept),
}

/// Answers that wait for the odd row before them.
struct Kept {
    bytes: Vec<u8>,
    /// One a row, `None` for those that have to be asked for once more.
    rows: Vec<Option<(Ask, Range<usize>)>>,
}

/// What became of an answer.
enum Taken {
    Row,
    /// The key holds something else, nothing, or fields whose order is to be found out.
    Odd,
    Failed(Diagnostic),
}

struct Reader<'a> {
    keys: &'a KeyList,
    /// The first row that the sink does not have.
    next: &'a Cell<usize>,
    /// What the last key was: nearly always what the next ones are.
    kind: Kind,
    /// The wanted fields, and which of them some row had. Where a row has one for the first time all its fields are read,
    /// for their order.
    names: Vec<String>,
    met: Vec<bool>,
    /// Whether the wanted fields are less than half of those of a row; unknown before the first.
    sparing: Option<bool>,
    /// Rows that brought several new fields, with the sink's number of that.
    news: Vec<(usize, usize)>,
    /// How many rows have come, and the bytes of their answers.
    rows: usize,
    bytes: usize,
    /// The commands for each server, and how many they are.
    requests: Vec<(Vec<u8>, usize)>,
    /// The server of each row that is under way, where there are several.
    places: VecDeque<usize>,
}

impl Reader<'_> {
    /// Reads rows from the next on, some ten thousand of them if nothing comes in between.
    fn stretch(&mut self, wires: &mut Wires<'_>, sink: &mut dyn RowSink) -> RedisResult<Stop> {
        self.places.clear();
        let end = self.keys.len().min(self.next.get() + STRETCH);
        let mut sent = self.next.get();
        let mut under_way: VecDeque<Request> = VecDeque::new();
        while self.next.get() < end {
            while sent < end && under_way.len() < AHEAD {
                let request = self.prepare(wires, sent, end);
                for (place, (commands, answers)) in self.requests.iter().enumerate() {
                    if *answers > 0 {
                        wires.send(place, commands, *answers)?;
                    }
                }
                sent = request.end;
                under_way.push_back(request);
            }
            // Something is under way as long as rows are missing.
            let Some(request) = under_way.front().copied() else { break };
            let (place, in_cluster) = (self.places.pop_front().unwrap_or(0), wires.is_cluster());
            let answer = wires.answer(place)?;
            match self.take(request.ask, &answer, in_cluster, sink)? {
                Taken::Row => {}
                Taken::Odd => return self.keep(wires, &under_way).map(Stop::Odd),
                // What is still under way goes with the connection.
                Taken::Failed(diagnostic) => return Ok(Stop::Failed(diagnostic)),
            }
            if self.next.get() == request.end {
                under_way.pop_front();
            }
        }
        Ok(Stop::End)
    }

    /// Writes the request for rows from `start` on, as many as suits, into the buffers.
    fn prepare(&mut self, wires: &Wires<'_>, start: usize, end: usize) -> Request {
        let count = match self.bytes / self.rows.max(1) {
            0 => FIRST,
            bytes_a_row => (ANSWERS / bytes_a_row).clamp(1, MOST),
        };
        let end = end.min(start + count);
        let ask = match self.kind {
            Kind::String => Ask::Value,
            Kind::Module => Ask::Json,
            _ if self.sparing == Some(true) => Ask::Some,
            _ => Ask::All,
        };
        self.requests.resize_with(wires.len(), Default::default);
        for (commands, answers) in &mut self.requests {
            commands.clear();
            *answers = 0;
        }
        let mut length = 0;
        for row in start..end {
            let key = self.keys.get(row).as_bytes();
            let mut place = 0;
            if wires.is_cluster() {
                place = wires.place(key);
                self.places.push_back(place);
            }
            let (request, answers) = &mut self.requests[place];
            let before = request.len();
            *answers += 1;
            let (command, words): (&[u8], usize) = match ask {
                Ask::All => (b"HGETALL", 2),
                Ask::Some => (b"HMGET", 2 + self.names.len()),
                Ask::Value => (b"GET", 2),
                Ask::Json => (b"JSON.GET", 2),
            };
            push_length(request, b'*', words);
            push_word(request, command);
            push_word(request, key);
            if ask == Ask::Some {
                self.names.iter().for_each(|name| push_word(request, name.as_bytes()));
            }
            length += request.len() - before;
            if length > REQUEST {
                return Request { ask, end: row + 1 };
            }
        }
        Request { ask, end }
    }

    /// Gives an answer to the sink, if it is the one that was expected.
    fn take(
        &mut self,
        ask: Ask,
        answer: &Answer<'_>,
        in_cluster: bool,
        sink: &mut dyn RowSink,
    ) -> RedisResult<Taken> {
        match answer.accepted() {
            Err(error) if is_of_another_kind(&error, in_cluster) => return Ok(Taken::Odd),
            accepted => accepted?,
        };
        if self.is_odd(ask, answer)? {
            return Ok(Taken::Odd);
        }
        let (row, texts) = (self.next.get(), Texts::of(answer.bytes));
        let key = self.keys.get(row);
        let taken = match (ask, answer.parts) {
            (Ask::Value | Ask::Json, [Part::Text(span), ..]) => {
                sink.document(key, answer.text(*span)).map(|()| None)
            }
            (Ask::Some, [_, values @ ..]) => {
                let names = std::mem::take(&mut self.names);
                let taken = sink.fields(key, &Fields::Values(&names, texts, values));
                self.names = names;
                taken
            }
            (_, parts) => {
                let fields = Fields::Pairs(texts, &parts[1..]);
                self.meet(&fields);
                sink.fields(key, &fields)
            }
        };
        self.rows += 1;
        self.bytes += answer.bytes.len();
        Ok(match taken {
            Ok(news) => {
                self.news.extend(news.map(|news| (row, news)));
                self.next.set(row + 1);
                Taken::Row
            }
            Err(diagnostic) => Taken::Failed(diagnostic),
        })
    }

    /// Whether an answer is one to what was asked, and still not a row's: a key that is not there any more, or a field that
    /// no row had before.
    fn is_odd(&self, ask: Ask, answer: &Answer<'_>) -> RedisResult<bool> {
        let is_text = |part: &Part| matches!(part, Part::Text(_));
        match (ask, answer.parts) {
            (Ask::Value | Ask::Json, [Part::Nil]) => Ok(true),
            (Ask::Value | Ask::Json, [Part::Text(_)]) => Ok(false),
            // A hash has at least one field: without any it is not there.
            (Ask::All, [Part::List(0)]) => Ok(true),
            (Ask::All, [Part::List(length), parts @ ..]) if length % 2 == 0 && parts.iter().all(is_text) => {
                Ok(false)
            }
            (Ask::Some, [Part::List(_), values @ ..])
                if values.len() == self.names.len()
                    && values.iter().all(|part| is_text(part) || *part == Part::Nil) =>
            {
                let met = values.iter().zip(&self.met);
                let new = met.clone().any(|(value, met)| is_text(value) && !met);
                Ok(new || !values.iter().any(is_text))
            }
            _ => Err(answer.unexpected()),
        }
    }

    /// Notes which of the wanted fields a row has, and after the first row whether to ask for them alone.
    fn meet(&mut self, fields: &Fields<'_>) {
        if self.names.is_empty() {
            return;
        }
        // A small hash is searched once for each field that is asked for.
        self.sparing.get_or_insert(self.names.len() * 2 < fields.len());
        if self.met.iter().all(|met| *met) {
            return;
        }
        for at in 0..fields.len() {
            let (name, _) = fields.get(at);
            let place = self.names.iter().position(|wanted| wanted.as_bytes() == name.bytes());
            if let Some(place) = place {
                self.met[place] = true;
            }
        }
    }

    /// Keeps the answers that are under way behind an odd one.
    fn keep(&mut self, wires: &mut Wires<'_>, under_way: &VecDeque<Request>) -> RedisResult<Kept> {
        let mut kept = Kept { bytes: Vec::new(), rows: vec![None] };
        let mut row = self.next.get() + 1;
        for request in under_way {
            while row < request.end {
                let (place, in_cluster) = (self.places.pop_front().unwrap_or(0), wires.is_cluster());
                let answer = wires.answer(place)?;
                let odd = match answer.accepted() {
                    Err(error) if is_of_another_kind(&error, in_cluster) => true,
                    accepted => self.is_odd(request.ask, &accepted?)?,
                };
                let start = kept.bytes.len();
                kept.rows.push((!odd).then(|| {
                    kept.bytes.extend_from_slice(answer.bytes);
                    (request.ask, start..kept.bytes.len())
                }));
                row += 1;
            }
        }
        Ok(kept)
    }

    /// Reads the odd rows, and gives them to the sink with those that were kept.
    fn go_on(&mut self, kept: &Kept, odd_rows: &OddRows<'_>, sink: &mut dyn RowSink) -> Result<()> {
        let first = self.next.get();
        let odd = kept.rows.iter().enumerate().filter(|(_, kept)| kept.is_none());
        let names: Vec<&str> = odd.map(|(i, _)| self.keys.get(first + i)).collect();
        let other =
            if self.kind == Kind::Hash && self.sparing != Some(true) { Kind::String } else { Kind::Hash };
        let mut held = odd_rows.read(other, &names)?.into_iter();
        for (i, kept_row) in kept.rows.iter().enumerate() {
            let Some((ask, range)) = kept_row else {
                if let Some(held) = held.next() {
                    self.give(first + i, &held, sink)?;
                }
                continue;
            };
            let bytes = &kept.bytes[range.clone()];
            let mut parser = Parser::default();
            // It was whole and in order when it was kept, so neither of the others comes.
            let whole = parser.advance(bytes).is_ok_and(|whole| whole);
            let answer = Answer { bytes, parts: parser.parts() };
            if let (true, Ok(Taken::Failed(diagnostic))) = (whole, self.take(*ask, &answer, false, sink)) {
                return Err(diagnostic);
            }
            self.kind = match ask {
                Ask::Value => Kind::String,
                Ask::Json => Kind::Module,
                Ask::All | Ask::Some => Kind::Hash,
            };
        }
        Ok(())
    }

    /// Gives a row to the sink that was read by itself.
    fn give(&mut self, row: usize, held: &Held, sink: &mut dyn RowSink) -> Result<()> {
        let key = self.keys.get(row);
        match held {
            Held::Hash(fields) => {
                let fields = Fields::Owned(fields);
                self.meet(&fields);
                self.news.extend(sink.fields(key, &fields)?.map(|news| (row, news)));
                self.kind = Kind::Hash;
            }
            Held::String(bytes) => {
                sink.document(key, bytes)?;
                self.kind = Kind::String;
            }
            Held::Json(bytes) => {
                sink.document(key, bytes)?;
                self.kind = Kind::Module;
            }
        }
        self.next.set(row + 1);
        Ok(())
    }

    /// Finds out which of the rows that brought several new fields had them in no order of their own: a small hash is a
    /// list in the order of writing; a larger one is a table whose order differs from server to server.
    fn order(&self, odd_rows: &OddRows<'_>, sink: &mut dyn RowSink) -> Result<()> {
        for news in self.news.chunks(MOST) {
            let names: Vec<&str> = news.iter().map(|(row, _)| self.keys.get(*row)).collect();
            let in_order = odd_rows.in_order(&names)?;
            let without = news.iter().zip(in_order).filter(|(_, in_order)| !in_order);
            without.for_each(|((_, news), _)| sink.without_order(*news));
        }
        Ok(())
    }
}

/// Whether a key has to be asked for by itself: it is of another kind, or on its way to another server of a cluster.
fn is_of_another_kind(error: &RedisError, in_cluster: bool) -> bool {
    // The module has words of its own, in its older versions.
    is_wrong_type(error)
        || error.to_string().contains("wrong Redis type")
        || in_cluster && is_on_its_way(error)
}
