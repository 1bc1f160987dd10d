//! Keys whose bytes lie in a folder or in memory: everything that Redis has, over a few ways to read and write bytes.

use super::frames::{self, Frames, Image, Read, Seen};
use super::image::{Kept, kind_of};
use super::key_list::Found;
use super::written::{
    Entry, Fill, Item, Others, PIECE, Row, no_part, pieces, refuse_long, score_of, score_text, texts,
};
use super::{
    Each, EntryId, Extent, Fields, KeyList, Keys, Kind, Listed, RowSink, glob, gone, no_index, no_members,
    no_row, no_stream, not_a_stream, not_an_index, wrong_kind,
};
use crate::diag::{Code, Result};
use crate::store::{Flush, unique};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What becomes of a key.
pub(super) enum Change {
    /// It holds these bytes.
    Hold(Vec<u8>),
    /// It is removed.
    Go,
}

/// Says what becomes of the key at a place, which holds some bytes now.
pub(super) type Changing<'a> = dyn Fn(usize, Option<Vec<u8>>) -> Result<Change> + Sync + 'a;
/// Looks at the bytes of a key.
pub(super) type Looking<'a> = dyn FnMut(&mut dyn Image) -> Result<()> + 'a;
/// Says what to write behind which byte.
pub(super) type Extending<'a> = dyn FnMut(&mut dyn Image) -> Result<(u64, Vec<u8>)> + 'a;

/// Where bytes lie by key. Every change is in one step for every reader, and stays.
pub(super) trait Shelf: Send + Sync {
    /// The bytes of a key.
    fn read(&self, key: &str) -> Result<Option<Vec<u8>>>;

    /// The first bytes of a key, and how many it has.
    fn head(&self, key: &str) -> Result<Option<(Vec<u8>, u64)>>;

    /// All keys, sorted.
    fn names(&self) -> Result<Vec<String>>;

    /// Makes a key, unless it is there; says whether it did. It is never there and torn; `name`: whether a power failure may take
    /// it away again.
    fn create(&self, key: &str, image: &[u8], name: Flush) -> Result<bool>;

    /// Changes keys, while nobody else changes any. `reads`: whether what they hold is asked for.
    fn change(&self, keys: &[&str], reads: bool, change: &Changing<'_>) -> Result<()>;

    /// Removes a key; says whether it was there.
    fn remove(&self, key: &str) -> Result<bool>;

    /// Looks at the bytes of a key; `still`: while nobody extends them. False if it is not there.
    fn look(&self, key: &str, still: bool, look: &mut Looking<'_>) -> Result<bool>;

    /// Cuts and extends the bytes of a key, while nobody else does. False if it is not there.
    fn extend(&self, key: &str, extend: &mut Extending<'_>) -> Result<bool>;
}

/// The keys on a shelf.
pub(super) struct ShelfKeys<S> {
    shelf: S,
    /// How far each stream was read: the next reading nearly always goes on there.
    seen: Mutex<BTreeMap<String, Seen>>,
}

impl<S: Shelf> ShelfKeys<S> {
    /// The keys on this shelf.
    pub fn new(shelf: S) -> Self {
        Self { shelf, seen: Mutex::default() }
    }

    /// What a key holds; a stream is told by its kind.
    fn kept(&self, key: &str) -> Result<Option<Result<Kept, Kind>>> {
        let Some(image) = self.shelf.read(key)? else { return Ok(None) };
        match kind_of(key, &image)?.0 {
            Kind::Stream => Ok(Some(Err(Kind::Stream))),
            _ => Kept::of_image(key, image).map(|kept| Some(Ok(kept))),
        }
    }

    /// Looks at a stream; again from the start of `look`, while nobody writes, if what a writer was doing passed for damage.
    fn look_at(&self, key: &str, look: &mut dyn FnMut(&mut Frames<'_>) -> Result<()>) -> Result<()> {
        let mut looking = |image: &mut dyn Image| match Frames::open(key, image)? {
            Ok(mut frames) => look(&mut frames),
            Err(kind) => Err(not_a_stream(key, kind)),
        };
        let is_there = match self.shelf.look(key, false, &mut looking) {
            Err(error) if error.code() == Code::Damaged => self.shelf.look(key, true, &mut looking)?,
            looked => looked?,
        };
        if is_there { Ok(()) } else { Err(no_stream(key)) }
    }

    /// Hands out the entries from one on, until `each` has enough.
    fn each_entry(&self, key: &str, from: EntryId, each: &mut dyn FnMut(Read) -> Result<bool>) -> Result<()> {
        let mut next = Some(from);
        self.look_at(key, &mut |frames| {
            let Some(from) = next else { return Ok(()) };
            if let Some(seen) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(key) {
                frames.go_to(seen, from);
            }
            loop {
                // Before this frame: more may be wanted of it later.
                let seen = frames.seen();
                let entries = frames.next()?;
                let is_end = entries.is_none();
                for entry in entries.into_iter().flatten().filter(|(id, _)| *id >= from) {
                    next = entry.0.next();
                    if !each(entry)? {
                        next = None;
                        break;
                    }
                }
                if is_end || next.is_none() {
                    self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), seen);
                    return Ok(());
                }
            }
        })
    }

    /// Makes keys hold what is kept.
    fn hold(&self, keys: &[&str], kept: &(dyn Fn(usize) -> Kept + Sync)) -> Result<()> {
        self.shelf.change(keys, false, &|at, _| {
            let kept = kept(at);
            Ok(if kept.is_nothing() { Change::Go } else { Change::Hold(kept.image()) })
        })
    }
}

impl<S: Shelf> Keys for ShelfKeys<S> {
    fn kind(&self, key: &str) -> Result<Option<Kind>> {
        let head = self.shelf.head(key)?;
        head.map(|(head, _)| kind_of(key, &head).map(|(kind, _)| kind)).transpose()
    }

    fn value(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match self.kept(key)? {
            None => Ok(None),
            Some(Ok(Kept::String(bytes))) => Ok(Some(bytes)),
            Some(_) => Err(wrong_kind(key, self.kind(key)?.unwrap_or(Kind::String))),
        }
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.hold(&[key], &|_| Kept::String(bytes.to_vec()))
    }

    fn write_new(&self, key: &str, bytes: &[u8]) -> Result<bool> {
        // Looked at first: it is nearly always there, and then nothing need be written.
        // A power failure may take it away: it is then written again from where it came.
        Ok(self.shelf.head(key)?.is_none()
            && self.shelf.create(key, &Kept::String(bytes.to_vec()).image(), Flush::Later)?)
    }

    fn remove(&self, key: &str) -> Result<bool> {
        self.shelf.remove(key)
    }

    fn remove_all(&self, keys: &KeyList) -> Result<usize> {
        let mut removed = 0;
        for key in keys.iter() {
            removed += usize::from(self.shelf.remove(key)?);
        }
        Ok(removed)
    }

    fn listed(&self, pattern: &str) -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for key in self.matching(pattern)?.iter() {
            // One that has gone meanwhile is not listed.
            if let Some((head, length)) = self.shelf.head(key)? {
                let (kind, start) = kind_of(key, &head)?;
                let around = if kind == Kind::String && start > 0 { start as u64 + 8 } else { 0 };
                listed.push(Listed { key: key.to_owned(), kind, bytes: length.saturating_sub(around) });
            }
        }
        Ok(listed)
    }

    fn matching(&self, pattern: &str) -> Result<KeyList> {
        let names = self.shelf.names()?;
        Ok(names.iter().filter(|key| glob::matches(pattern.as_bytes(), key.as_bytes())).collect())
    }

    fn index(&self, key: &str) -> Result<KeyList> {
        let mut found = Found::default();
        match self.kept(key)? {
            None => return Err(no_index(key)),
            Some(Ok(Kept::List(members))) => members.iter().for_each(|member| found.push(member)),
            Some(Ok(Kept::Set(members))) => members.iter().for_each(|member| found.push(member)),
            Some(Ok(Kept::Zset(members))) => {
                Kept::by_score(&members).iter().for_each(|(member, _)| found.push(member));
            }
            Some(_) => return Err(not_an_index(key, self.kind(key)?.unwrap_or(Kind::String))),
        }
        found.in_order()
    }

    fn stream(&self, key: &str) -> Result<Option<Extent>> {
        let mut extent = None;
        self.look_at(key, &mut |frames| {
            let tail = frames.tail()?;
            let length = usize::try_from(tail.count).unwrap_or(usize::MAX);
            extent = (length > 0).then_some(Extent { last: tail.last, length });
            Ok(())
        })?;
        Ok(extent)
    }

    fn entries(&self, key: &str, from: EntryId, to: EntryId, sink: &mut dyn RowSink) -> Result<()> {
        self.each_entry(key, from, &mut |(id, row)| {
            if id > to {
                return Ok(false);
            }
            sink.fields(&format!("{key} {id}"), &Fields::Owned(&row))?;
            Ok(id < to)
        })
    }

    fn page(&self, key: &str, from: EntryId, most: usize) -> Result<Vec<(EntryId, Row)>> {
        let mut page = Vec::new();
        self.each_entry(key, from, &mut |entry| {
            if page.len() < most {
                page.push(entry);
            }
            Ok(page.len() < most)
        })?;
        Ok(page)
    }

    fn rows(&self, keys: &KeyList, sink: &mut dyn RowSink) -> Result<()> {
        for key in keys.iter() {
            match self.kept(key)? {
                None => return Err(gone(key)),
                Some(Ok(Kept::Hash(fields))) => drop(sink.fields(key, &Fields::Owned(&fields))?),
                Some(Ok(Kept::String(bytes))) => sink.document(key, &bytes)?,
                Some(_) => return Err(no_row(key, self.kind(key)?.unwrap_or(Kind::String))),
            }
        }
        Ok(())
    }

    fn length(&self, key: &str, kind: Kind) -> Result<usize> {
        if matches!(kind, Kind::String | Kind::Stream | Kind::Module) {
            return Err(no_members(key, kind));
        }
        Ok(match (self.kept(key)?, kind) {
            (Some(Ok(Kept::Hash(fields))), Kind::Hash) => fields.len(),
            (Some(Ok(Kept::List(members))), Kind::List) => members.len(),
            (Some(Ok(Kept::Set(members))), Kind::Set) => members.len(),
            (Some(Ok(Kept::Zset(members))), Kind::Zset) => members.len(),
            _ => 0,
        })
    }

    fn members(&self, key: &str, kind: Kind, each: &mut Each<'_>) -> Result<bool> {
        match (self.kept(key)?, kind) {
            (Some(Ok(Kept::Hash(mut fields))), Kind::Hash) => {
                fields.sort_unstable();
                fields.iter().try_for_each(|(name, value)| each(name, Some(value)))?;
            }
            (Some(Ok(Kept::List(members))), Kind::List) => {
                members.iter().try_for_each(|member| each(member, None))?;
            }
            (Some(Ok(Kept::Set(members))), Kind::Set) => {
                members.iter().try_for_each(|member| each(member, None))?;
            }
            (Some(Ok(Kept::Zset(members))), Kind::Zset) => {
                let by_score = Kept::by_score(&members);
                by_score
                    .iter()
                    .try_for_each(|(member, score)| each(member, Some(score_text(*score).as_bytes())))?;
            }
            (_, Kind::String | Kind::Stream | Kind::Module) => return Err(no_members(key, kind)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn append(&self, key: &str, entries: &[Entry]) -> Result<Option<EntryId>> {
        entries.iter().try_for_each(|entry| refuse_long(key, texts(&entry.fields)))?;
        let mut last = None;
        for piece in pieces(entries, usize::MAX) {
            let mut extending = |image: &mut dyn Image| match Frames::open(key, image)? {
                Ok(mut frames) => {
                    let (tail, frame) = frames.append(piece, now())?;
                    last = Some(tail.last);
                    Ok((tail.end, frame))
                }
                Err(kind) => Err(not_a_stream(key, kind)),
            };
            // Somebody else may make it meanwhile, or remove it.
            while !self.shelf.extend(key, &mut extending)? {
                refuse_unfit(key, piece)?;
                self.shelf.create(key, &frames::empty(unique()), Flush::Now)?;
            }
        }
        Ok(last)
    }

    fn write_rows(&self, rows: &[(String, Row)], others: Others) -> Result<()> {
        rows.iter().try_for_each(|(key, row)| refuse_long(key, texts(row)))?;
        let keys: Vec<&str> = rows.iter().map(|(key, _)| key.as_str()).collect();
        if others == Others::Go {
            return self.hold(&keys, &|at| Kept::Hash(merged(Vec::new(), &rows[at].1)));
        }
        self.shelf.change(&keys, true, &|at, image| {
            let (key, row) = &rows[at];
            let old = match image.map(|image| Kept::of_image(key, image)).transpose()? {
                None => Vec::new(),
                Some(Kept::Hash(fields)) => fields,
                Some(_) => return Err(super::not_a_hash(key)),
            };
            let kept = Kept::Hash(merged(old, row));
            Ok(if kept.is_nothing() { Change::Go } else { Change::Hold(kept.image()) })
        })
    }

    fn fill<'k>(&'k self, key: &str, kind: Kind) -> Result<Box<dyn Fill + 'k>> {
        Ok(match kind {
            Kind::Stream => Box::new(Flow {
                keys: self,
                key: key.to_owned(),
                image: frames::empty(unique()),
                waiting: Vec::new(),
                bytes: 0,
            }),
            _ => Box::new(Heap { keys: self, key: key.to_owned(), kind, members: Vec::new() }),
        })
    }
}

/// Fields over those that were there: these keep their places.
fn merged(mut old: Row, new: &Row) -> Row {
    let mut places: BTreeMap<Vec<u8>, usize> =
        old.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
    for (name, value) in new {
        match places.get(name) {
            Some(at) => old[*at].1.clone_from(value),
            None => {
                places.insert(name.clone(), old.len());
                old.push((name.clone(), value.clone()));
            }
        }
    }
    old
}

/// Refuses what would leave an empty stream behind.
fn refuse_unfit(key: &str, entries: &[Entry]) -> Result<()> {
    let mut nothing = frames::empty(0);
    let frames = Frames::open(key, &mut nothing)?;
    frames.map_or(Ok(()), |mut frames| frames.append(entries, 1).map(drop))
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A hash, list, set or sorted set that is being made.
struct Heap<'k, S> {
    keys: &'k ShelfKeys<S>,
    key: String,
    kind: Kind,
    members: Row,
}

impl<S: Shelf> Fill for Heap<'_, S> {
    fn push(&mut self, item: Item<'_>) -> Result<()> {
        let Item::Member(member, beside) = item else { return Err(no_part(&self.key, "an entry")) };
        refuse_long(&self.key, [member, beside.unwrap_or_default()])?;
        if self.kind == Kind::Zset {
            score_of(&self.key, beside)?;
        }
        self.members.push((member.to_vec(), beside.unwrap_or_default().to_vec()));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { keys, key, kind, members } = *self;
        let names = |members: Row| members.into_iter().map(|(member, _)| member);
        let kept = match kind {
            Kind::Hash => Kept::Hash(merged(Vec::new(), &members)),
            Kind::List => Kept::List(names(members).collect()),
            Kind::Set => Kept::Set(names(members).collect::<BTreeSet<_>>()),
            Kind::Zset => {
                let scored =
                    |(member, score): (Vec<u8>, Vec<u8>)| Ok((member, score_of(&key, Some(&score))?));
                Kept::Zset(members.into_iter().map(scored).collect::<Result<_>>()?)
            }
            Kind::String | Kind::Stream | Kind::Module => return Err(no_part(&key, "members")),
        };
        keys.hold(&[&key], &|_| kept.clone())
    }
}

/// A stream that is being made.
struct Flow<'k, S> {
    keys: &'k ShelfKeys<S>,
    key: String,
    image: Vec<u8>,
    waiting: Vec<Entry>,
    bytes: usize,
}

impl<S> Flow<'_, S> {
    fn flush(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let frame = match Frames::open(&self.key, &mut self.image)? {
            Ok(mut frames) => frames.append(&waiting, 0)?.1,
            Err(kind) => return Err(not_a_stream(&self.key, kind)),
        };
        self.image.extend_from_slice(&frame);
        Ok(())
    }
}

impl<S: Shelf> Fill for Flow<'_, S> {
    fn push(&mut self, item: Item<'_>) -> Result<()> {
        let Item::Entry(id, fields) = item else { return Err(no_part(&self.key, "a member")) };
        let fields = fields.to_row();
        refuse_long(&self.key, texts(&fields))?;
        self.bytes += fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        self.waiting.push(Entry { id: Some(id), fields });
        if self.bytes >= PIECE { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.flush()?;
        let Self { keys, key, image, .. } = *self;
        keys.shelf.change(&[&key], false, &|_, _| Ok(Change::Hold(image.clone())))
    }
}
