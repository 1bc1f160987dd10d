//! The entries of a stream in a Redis server.
//!
//! The next page is asked for as soon as the last entry of one has come, and on its way while that page goes to the sink.

use super::row_sink::{Fields, RowSink, Texts};
use super::written::Row;
use super::{Kind, no_stream, not_a_stream};
use crate::diag::{Code, Diagnostic, Result};
use crate::store::resp::{Answer, Kept, Part, Span, push_command};
use crate::store::{Link, Wires, is_wrong_type};
use ::redis::{RedisResult, Value, cmd};
use std::cell::Cell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The entries of a page: at first, and at most; and the bytes that a page should have.
const FIRST: usize = 64;
const MOST: usize = 5_000;
const ANSWER: usize = 1 << 20;
/// Pages between two moments in which nothing is under way. A connection that is lost is made anew once in each.
const STRETCH: usize = 64;

/// The name of an entry: the time at which it was written, in milliseconds since 1970, and its number in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// Milliseconds since 1970, by the server's clock.
    pub time: u64,
    /// Its number among those of that time.
    pub number: u64,
}

impl EntryId {
    /// Before all others.
    pub const FIRST: Self = Self { time: 0, number: 0 };
    /// Behind all others.
    pub const LAST: Self = Self { time: u64::MAX, number: u64::MAX };

    /// An id as a server writes it: `1700000000000-0`.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (time, number) = std::str::from_utf8(bytes).ok()?.split_once('-')?;
        Some(Self { time: time.parse().ok()?, number: number.parse().ok()? })
    }

    /// The one right behind it; none behind the last.
    pub fn next(self) -> Option<Self> {
        match self.number.checked_add(1) {
            Some(number) => Some(Self { number, ..self }),
            None => self.time.checked_add(1).map(|time| Self { time, number: 0 }),
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time, self.number)
    }
}

/// How far a stream goes.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Its last entry.
    pub last: EntryId,
    /// How many entries there are.
    pub length: usize,
}

/// What became of the entries of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// How many were ever added.
    pub added: u64,
    /// How many there are.
    pub length: u64,
    /// The first that there is.
    pub first: Option<EntryId>,
    /// The last that was added, be it there or not.
    pub last: EntryId,
}

/// Asks what became of the entries of a stream; `None` for no stream, and for a server before Redis 7, which does not count.
pub(super) fn ledger(link: &Link, key: &str) -> Result<Option<Ledger>> {
    let doing = format!("read stream `{key}`");
    let info = link.ask_for(key, &doing, |connection| {
        match cmd("XINFO").arg("STREAM").arg(key).query::<Vec<Value>>(connection) {
            Err(error) if error.code() == Some("ERR") => Ok(Vec::new()),
            info => info,
        }
    })?;
    let field = |name: &str| {
        let named =
            |pair: &&[Value]| matches!(&pair[0], Value::BulkString(bytes) if bytes == name.as_bytes());
        info.chunks_exact(2).find(named).map(|pair| &pair[1])
    };
    let count = |name: &str| match field(name) {
        Some(Value::Int(count)) => u64::try_from(*count).ok(),
        _ => None,
    };
    let id = |value: &Value| match value {
        Value::BulkString(bytes) => EntryId::parse(bytes),
        _ => None,
    };
    let first = match field("first-entry") {
        Some(Value::Array(entry)) => entry.first().and_then(id),
        _ => None,
    };
    let last = field("last-generated-id").and_then(id);
    let (Some(added), Some(length), Some(last)) = (count("entries-added"), count("length"), last) else {
        return Ok(None);
    };
    Ok(Some(Ledger { added, length, first, last }))
}

/// Asks how far a stream goes; `None` for one without entries.
pub(super) fn extent(link: &Link, key: &str, kind: Option<Kind>) -> Result<Option<Extent>> {
    match kind {
        None => return Err(no_stream(key)),
        Some(Kind::Stream) => {}
        Some(other) => return Err(not_a_stream(key, other)),
    }
    type Entry = (Vec<u8>, Vec<Vec<u8>>);
    let doing = format!("read stream `{key}`");
    let (length, last): (usize, Vec<Entry>) = link.ask_for(key, &doing, |connection| {
        let length = cmd("XLEN").arg(key).query(connection)?;
        let last = cmd("XREVRANGE").arg(key).arg("+").arg("-").arg("COUNT").arg(1).query(connection)?;
        Ok((length, last))
    })?;
    Ok(last.first().and_then(|(id, _)| EntryId::parse(id)).map(|last| Extent { last, length }))
}

/// At most so many entries from one on; `None` where there is none, or no stream.
pub(super) fn page(
    link: &Link,
    key: &str,
    from: EntryId,
    most: usize,
) -> Result<Option<Vec<(EntryId, Row)>>> {
    type Entry = (Vec<u8>, Row);
    let doing = format!("read stream `{key}` from entry {from}");
    let entries: Option<Vec<Entry>> = link.ask_for(key, &doing, |connection| {
        let mut request = cmd("XRANGE");
        request.arg(key).arg(from.to_string()).arg("+").arg("COUNT").arg(most);
        match request.query(connection) {
            Err(error) if is_wrong_type(&error) => Ok(None),
            entries => entries.map(Some),
        }
    })?;
    let named = |(id, row): Entry| {
        let shown = id.escape_ascii().to_string();
        let unknown = || Code::StoreIo.error(format!("cannot {doing}: `{shown}` is no id of an entry"));
        Ok((EntryId::parse(&id).ok_or_else(unknown)?, row))
    };
    entries
        .filter(|entries| !entries.is_empty())
        .map(|entries| entries.into_iter().map(named).collect())
        .transpose()
}

/// Hands out the entries from one to another, both included, in their order.
pub(super) fn read_entries(
    link: &Arc<Link>,
    key: &str,
    from: EntryId,
    to: EntryId,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let next = Cell::new(Some(from).filter(|from| *from <= to));
    let mut reader = Reader { key, to, next: &next, count: FIRST, page: Page::default() };
    let doing = || match next.get() {
        Some(id) => format!("read stream `{key}` from entry {id}"),
        None => format!("read stream `{key}`"),
    };
    while next.get().is_some() {
        if let Some(diagnostic) = link.converse(&doing, |wires| reader.stretch(wires, sink))? {
            return Err(diagnostic);
        }
    }
    Ok(())
}

struct Reader<'a> {
    key: &'a str,
    to: EntryId,
    /// The first entry that the sink does not have; none when it has all.
    next: &'a Cell<Option<EntryId>>,
    /// The entries of the next page.
    count: usize,
    page: Page,
}

/// An answer, and what is in it.
#[derive(Default)]
struct Page {
    kept: Kept,
    /// The id and the fields of each entry, as places of parts.
    entries: Vec<(EntryId, Range<usize>)>,
}

impl Reader<'_> {
    /// Reads some pages; says what the sink refused.
    fn stretch(&mut self, wires: &mut Wires<'_>, sink: &mut dyn RowSink) -> RedisResult<Option<Diagnostic>> {
        let Some(mut from) = self.next.get() else { return Ok(None) };
        let place = if wires.is_cluster() { wires.place(self.key.as_bytes()) } else { 0 };
        self.ask(wires, place, from)?;
        for page in 1..=STRETCH {
            let count = self.count;
            self.page.find(&wires.answer(place)?.accepted()?)?;
            wires.keep(place, &mut self.page.kept);
            let last = self.page.entries.last().map(|(id, _)| *id);
            // A page that is not full is the last one.
            let next = last.filter(|_| self.page.entries.len() == count).and_then(EntryId::next);
            let next = next.filter(|next| *next <= self.to);
            self.suit();
            if let Some(next) = next.filter(|_| page < STRETCH) {
                self.ask(wires, place, next)?;
            }
            // What is under way when the sink refuses goes with the connection.
            if let Err(diagnostic) = self.hand_out(from, sink) {
                return Ok(Some(diagnostic));
            }
            self.next.set(next);
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        Ok(None)
    }

    fn ask(&self, wires: &mut Wires<'_>, place: usize, from: EntryId) -> RedisResult<()> {
        let (from, to, count) = (from.to_string(), self.to.to_string(), self.count.to_string());
        let words = ["XRANGE", self.key, &from, &to, "COUNT", &count].map(str::as_bytes);
        let mut command = Vec::new();
        push_command(&mut command, &words);
        wires.send(place, &command, 1)
    }

    /// As many entries a page as suits their size.
    fn suit(&mut self) {
        if let Some(bytes) = self.page.kept.answer().bytes.len().checked_div(self.page.entries.len()) {
            self.count = (ANSWER / bytes.max(1)).clamp(1, MOST);
        }
    }

    /// Gives the entries of the page to the sink.
    fn hand_out(&self, from: EntryId, sink: &mut dyn RowSink) -> Result<()> {
        let answer = self.page.kept.answer();
        let texts = Texts::of(answer.bytes);
        let mut name = String::new();
        for (id, fields) in self.page.entries.iter().filter(|(id, _)| *id >= from) {
            name.clear();
            name.push_str(self.key);
            name.push(' ');
            let written = fmt::Write::write_fmt(&mut name, format_args!("{id}"));
            written.expect("writing to a string does not fail");
            sink.fields(&name, &Fields::Pairs(texts, &answer.parts[fields.clone()]))?;
        }
        Ok(())
    }
}

impl Page {
    /// Finds the entries of an answer.
    fn find(&mut self, answer: &Answer<'_>) -> RedisResult<()> {
        self.entries.clear();
        let [Part::List(count), ..] = answer.parts else { return Err(answer.unexpected()) };
        let mut at = 1;
        for _ in 0..*count {
            let [Part::List(2), Part::Text(id), Part::List(fields), ..] = answer.parts[at..] else {
                return Err(answer.unexpected());
            };
            let fields = at + 3..at + 3 + fields as usize;
            let is_text = |part: &Part| matches!(part, Part::Text(_));
            let whole = answer.parts.get(fields.clone()).is_some_and(|parts| parts.iter().all(is_text));
            let id = Self::id(answer, id).filter(|_| whole && fields.len() % 2 == 0);
            at = fields.end;
            // In their order, or a page could come again for ever.
            let before = self.entries.last().map(|(id, _)| *id);
            match id.filter(|id| before.is_none_or(|before| before < *id)) {
                Some(id) => self.entries.push((id, fields)),
                None => return Err(answer.unexpected()),
            }
        }
        Ok(())
    }

    fn id(answer: &Answer<'_>, span: Span) -> Option<EntryId> {
        EntryId::parse(answer.text(span))
    }
}
