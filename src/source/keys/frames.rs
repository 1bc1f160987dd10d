//! A stream as the bytes of a file that grows at its end.
//!
//! Behind the first line come 8 bytes that no other stream has, and then frames, one for what was appended at once:
//!
//! ```text
//! length of the body (4)   check (8)   body   length again (4)
//! body: entries before this frame (8), first id (16), last id (16), entries (4), and each entry:
//!       id (16), fields (4), field and value by turns, each after its length (4)
//! ```
//!
//! Numbers are little endian; an id is its time and its number. The check is of the stream's own bytes, the frame's place, and its
//! body. A frame is on the disk before the next one is written, so that only the last one can be torn, by a writer that was
//! killed or a power failure: that one is as if it had never been, and the next writer writes over it.

use super::Kind;
use super::image::{Texts, damaged, first_line, kind_of, push_text};
use super::stream::EntryId;
use super::written::{Entry, Row};
use crate::diag::{Code, Diagnostic, Result};
use crate::table::Digest;

/// The bytes of a stream's own number.
const OWN: usize = 8;
/// The bytes of a frame before its body, and behind it.
const BEFORE: usize = 12;
const BEHIND: usize = 4;
const AROUND: usize = BEFORE + BEHIND;
/// The bytes that are read at once.
const PIECE: usize = 1 << 20;

/// The bytes of a file or of memory.
pub(super) trait Image {
    /// How many there are.
    fn length(&mut self) -> Result<u64>;

    /// So many bytes from a place on, or fewer at the end.
    fn read(&mut self, at: u64, most: usize) -> Result<Vec<u8>>;
}

impl Image for Vec<u8> {
    fn length(&mut self) -> Result<u64> {
        Ok(self.len() as u64)
    }

    fn read(&mut self, at: u64, most: usize) -> Result<Vec<u8>> {
        let start = usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
        Ok(self[start..self.len().min(start.saturating_add(most))].to_vec())
    }
}

/// An entry, as it is read.
pub(super) type Read = (EntryId, Row);

/// A stream without entries; `own` is a number that no other has.
pub(super) fn empty(own: u64) -> Vec<u8> {
    let mut image = first_line(Kind::Stream);
    image.extend_from_slice(&own.to_le_bytes());
    image
}

/// Where a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// The byte behind the last whole frame.
    pub end: u64,
    /// The last entry, or [`EntryId::FIRST`].
    pub last: EntryId,
    /// How many entries there are.
    pub count: u64,
}

/// A place between two frames that has been seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// The stream in which it was.
    pub own: u64,
    /// The byte.
    at: u64,
    /// The last entry before it.
    last: EntryId,
}

/// A stream whose frames are read.
pub(super) struct Frames<'a> {
    key: &'a str,
    image: &'a mut dyn Image,
    own: u64,
    start: u64,
    /// The next frame, and the last entry before it.
    at: u64,
    last: EntryId,
    /// What has been read ahead, and where it lies.
    piece: Vec<u8>,
    piece_at: u64,
}

/// A whole frame.
struct Frame {
    body: Vec<u8>,
    end: u64,
}

impl Frame {
    /// Entries before it, first and last id, entries in it.
    fn head(&self) -> Option<(u64, EntryId, EntryId, u32)> {
        let mut texts = Texts(&self.body);
        Some((texts.long()?, id(&mut texts)?, id(&mut texts)?, texts.number()?))
    }

    fn entries(&self) -> Option<Vec<Read>> {
        let mut texts = Texts(&self.body);
        texts.take(40)?;
        let count = texts.number()?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let id = id(&mut texts)?;
            let fields = texts.number()?;
            let row = (0..fields).map(|_| Some((texts.text()?, texts.text()?))).collect::<Option<_>>()?;
            entries.push((id, row));
        }
        texts.0.is_empty().then_some(entries)
    }
}

fn id(texts: &mut Texts<'_>) -> Option<EntryId> {
    Some(EntryId { time: texts.long()?, number: texts.long()? })
}

fn push_id(image: &mut Vec<u8>, id: EntryId) {
    image.extend_from_slice(&id.time.to_le_bytes());
    image.extend_from_slice(&id.number.to_le_bytes());
}

impl<'a> Frames<'a> {
    /// Begins before the first entry; `Err` of the kind if it is no stream.
    ///
    /// # Errors
    /// `Damaged`; those of the image.
    pub fn open(key: &'a str, image: &'a mut dyn Image) -> Result<Result<Self, Kind>> {
        let head = image.read(0, super::image::HEAD)?;
        let (kind, line) = kind_of(key, &head)?;
        if kind != Kind::Stream {
            return Ok(Err(kind));
        }
        let own =
            head.get(line..line + OWN).and_then(|own| own.try_into().ok()).ok_or_else(|| damaged(key))?;
        let start = (line + OWN) as u64;
        let own = u64::from_le_bytes(own);
        let (piece, piece_at, last) = (Vec::new(), 0, EntryId::FIRST);
        Ok(Ok(Self { key, image, own, start, at: start, last, piece, piece_at }))
    }

    /// Where the reading is.
    pub fn seen(&self) -> Seen {
        Seen { own: self.own, at: self.at, last: self.last }
    }

    /// Goes on from a place that was seen, if it is one of this stream before an entry.
    pub fn go_to(&mut self, seen: &Seen, from: EntryId) {
        if seen.own == self.own && seen.last < from {
            (self.at, self.last) = (seen.at, seen.last);
        }
    }

    /// The entries of the next frame; `None` behind the last.
    ///
    /// # Errors
    /// `Damaged`; those of the image.
    pub fn next(&mut self) -> Result<Option<Vec<Read>>> {
        let Some(frame) = self.frame(self.at)? else { return Ok(None) };
        let entries = frame.entries().ok_or_else(|| damaged(self.key))?;
        if let Some((last, _)) = entries.last() {
            self.last = *last;
        }
        self.at = frame.end;
        Ok(Some(entries))
    }

    /// Where the stream ends.
    ///
    /// # Errors
    /// `Damaged`; those of the image.
    pub fn tail(&mut self) -> Result<Tail> {
        let end = self.image.length()?;
        if let Some(tail) = self.last_frame(end)? {
            return Ok(tail);
        }
        let mut tail = Tail { end: self.start, last: EntryId::FIRST, count: 0 };
        while let Some(frame) = self.frame(tail.end)? {
            tail = Self::tail_of(&frame).ok_or_else(|| damaged(self.key))?;
        }
        Ok(tail)
    }

    fn tail_of(frame: &Frame) -> Option<Tail> {
        let (before, _, last, entries) = frame.head()?;
        Some(Tail { end: frame.end, last, count: before + u64::from(entries) })
    }

    /// The end as the last frame tells it, which is whole nearly always.
    fn last_frame(&mut self, end: u64) -> Result<Option<Tail>> {
        if end < self.start + AROUND as u64 {
            return Ok(None);
        }
        let behind = self.image.read(end - BEHIND as u64, BEHIND)?;
        let Some(length) = Texts(&behind).number() else { return Ok(None) };
        let at = end.checked_sub(u64::from(length) + AROUND as u64).filter(|at| *at >= self.start);
        let Some(at) = at else { return Ok(None) };
        let bytes = self.image.read(at, AROUND + length as usize)?;
        Ok(self.whole(at, &bytes).and_then(|frame| Self::tail_of(&frame)))
    }

    /// The frame at a place; `None` at the end and where the last one is torn.
    fn frame(&mut self, at: u64) -> Result<Option<Frame>> {
        let head = self.bytes(at, BEFORE)?;
        if head.is_empty() {
            return Ok(None);
        }
        let length = Texts(&head).number().unwrap_or(u32::MAX) as usize;
        let bytes = self.bytes(at, AROUND + length)?;
        if let Some(frame) = self.whole(at, &bytes) {
            return Ok(Some(frame));
        }
        if self.goes_on(at)? { Err(damaged(self.key)) } else { Ok(None) }
    }

    /// Whether a whole frame begins anywhere behind a place: then what is not whole there was not torn but damaged.
    fn goes_on(&mut self, at: u64) -> Result<bool> {
        let left = usize::try_from(self.image.length()?.saturating_sub(at)).unwrap_or(usize::MAX);
        let rest = self.image.read(at, left)?;
        let begins = |place: usize| {
            let length = Texts(&rest[place..]).number().unwrap_or(u32::MAX) as usize;
            let bytes = rest.get(place..place.saturating_add(AROUND + length));
            bytes.is_some_and(|bytes| self.whole(at + place as u64, bytes).is_some())
        };
        Ok((1..rest.len()).any(begins))
    }

    /// The frame that these bytes are, if they are as they were written.
    fn whole(&self, at: u64, bytes: &[u8]) -> Option<Frame> {
        let mut texts = Texts(bytes);
        let length = texts.number()?;
        let check = texts.take(8)?;
        let body = texts.take(length as usize)?;
        let is_whole = texts.number() == Some(length) && texts.0.is_empty();
        // An empty body is what a disk's zeros look like.
        let is_whole = is_whole && !body.is_empty() && check_of(self.own, at, body) == check;
        is_whole.then(|| Frame { body: body.to_vec(), end: at + bytes.len() as u64 })
    }

    /// Bytes from a place on, fewer at the end; read ahead.
    fn bytes(&mut self, at: u64, length: usize) -> Result<Vec<u8>> {
        let inside = |piece_at: u64, piece: &[u8]| -> Option<Vec<u8>> {
            let start = usize::try_from(at.checked_sub(piece_at)?).ok()?;
            piece.get(start..start.checked_add(length)?).map(<[u8]>::to_vec)
        };
        if let Some(bytes) = inside(self.piece_at, &self.piece) {
            return Ok(bytes);
        }
        (self.piece, self.piece_at) = (self.image.read(at, length.max(PIECE))?, at);
        Ok(self.piece[..length.min(self.piece.len())].to_vec())
    }

    /// What to write where, so that these entries stand at the end; and the last one's id. `now`: milliseconds since 1970.
    ///
    /// # Errors
    /// `StoreRefused` for an id that is not above the last one; `UnreadableValue` for an entry without fields; those of reading.
    pub fn append(&mut self, entries: &[Entry], now: u64) -> Result<(Tail, Vec<u8>)> {
        let tail = self.tail()?;
        let mut last = tail.last;
        let mut body = Vec::new();
        for entry in entries {
            let id = match entry.id {
                Some(id) if id > last => id,
                Some(id) => return Err(not_above(self.key, id, last)),
                None => named(now, last).ok_or_else(|| not_above(self.key, EntryId::LAST, last))?,
            };
            if body.is_empty() {
                body.extend_from_slice(&tail.count.to_le_bytes());
                push_id(&mut body, id);
                body.extend_from_slice(&[0; 20]);
            }
            if entry.fields.is_empty() {
                return Err(super::written::no_fields(self.key));
            }
            push_id(&mut body, id);
            body.extend_from_slice(&count(entry.fields.len()).to_le_bytes());
            for (name, value) in &entry.fields {
                push_text(&mut body, name);
                push_text(&mut body, value);
            }
            last = id;
        }
        if body.is_empty() {
            return Ok((tail, body));
        }
        body[24..32].copy_from_slice(&last.time.to_le_bytes());
        body[32..40].copy_from_slice(&last.number.to_le_bytes());
        body[40..44].copy_from_slice(&count(entries.len()).to_le_bytes());
        let length = u32::try_from(body.len()).map_err(|_| too_large(self.key))?.to_le_bytes();
        let check = check_of(self.own, tail.end, &body);
        let frame = [&length[..], &check, &body, &length].concat();
        Ok((Tail { last, ..tail }, frame))
    }
}

fn count(length: usize) -> u32 {
    // A frame has less than 4 GiB, and each entry and field takes some bytes.
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn check_of(own: u64, at: u64, body: &[u8]) -> [u8; 8] {
    let digest = Digest::of_pieces([&own.to_le_bytes()[..], &at.to_le_bytes(), body]);
    let mut check = [0; 8];
    check.copy_from_slice(&digest.bytes()[..8]);
    check
}

/// The name of an entry that is written now: above the last one also where the clock has gone back.
fn named(now: u64, last: EntryId) -> Option<EntryId> {
    let by_clock = EntryId { time: now, number: 0 };
    if by_clock > last { Some(by_clock) } else { last.next() }
}

fn not_above(key: &str, id: EntryId, last: EntryId) -> Diagnostic {
    Code::StoreRefused
        .error(format!("cannot append to stream `{key}`: {id} is not above its last id {last}"))
        .help("ids of a stream grow; without ids the store gives them by its clock")
}

fn too_large(key: &str) -> Diagnostic {
    Code::StoreRefused
        .error(format!("an entry of stream `{key}` would have 4 GiB or more"))
        .help("keep large values in keys of their own")
}

#[cfg(test)]
mod tests {
    use super::{Frames, Tail, empty};
    use crate::diag::{Code, Result};
    use crate::source::keys::stream::EntryId;
    use crate::source::keys::written::Entry;

    fn entry(id: Option<(u64, u64)>, value: &str) -> Entry {
        let id = id.map(|(time, number)| EntryId { time, number });
        Entry { id, fields: vec![(b"x".to_vec(), value.as_bytes().to_vec())] }
    }

    fn append(image: &mut Vec<u8>, entries: &[Entry], now: u64) -> Result<EntryId> {
        let (tail, frame) = Frames::open("k", image)?.expect("a stream").append(entries, now)?;
        image.truncate(tail.end as usize);
        image.extend_from_slice(&frame);
        Ok(tail.last)
    }

    fn values(image: &mut Vec<u8>) -> Result<Vec<String>> {
        let mut frames = Frames::open("k", image)?.expect("a stream");
        let mut values = Vec::new();
        while let Some(entries) = frames.next()? {
            values.extend(entries.iter().map(|(id, row)| format!("{id} {}", row[0].1.escape_ascii())));
        }
        Ok(values)
    }

    fn id(time: u64, number: u64) -> EntryId {
        EntryId { time, number }
    }

    #[test]
    fn ids_grow_whatever_the_clock_says() {
        let mut image = empty(7);
        assert_eq!(values(&mut image).expect("none"), [""; 0]);
        assert_eq!(append(&mut image, &[], 5).expect("nothing"), EntryId::FIRST);
        assert_eq!(append(&mut image, &[entry(None, "a"), entry(None, "b")], 5).expect("two"), id(5, 1));
        assert_eq!(append(&mut image, &[entry(None, "c")], 4).expect("the clock went back"), id(5, 2));
        assert_eq!(
            append(&mut image, &[entry(Some((9, 3)), "d"), entry(None, "e")], 8).expect("named"),
            id(9, 4)
        );
        for refused in [(9, 4), (0, 0), (5, 2)] {
            let error = append(&mut image, &[entry(Some(refused), "x")], 99).expect_err("not above");
            assert_eq!(error.code(), Code::StoreRefused);
        }
        assert_eq!(values(&mut image).expect("whole"), ["5-0 a", "5-1 b", "5-2 c", "9-3 d", "9-4 e"]);
        let tail = Frames::open("k", &mut image).expect("read").expect("a stream").tail().expect("whole");
        assert_eq!((tail.last, tail.count), (id(9, 4), 5));
    }

    #[test]
    fn a_torn_end_is_as_if_it_had_never_been() {
        let mut whole = empty(7);
        append(&mut whole, &[entry(None, "a")], 1).expect("one");
        let first = whole.len();
        append(&mut whole, &[entry(None, "b"), entry(None, "c")], 2).expect("two");
        for end in first..whole.len() {
            for zeros in [0, whole.len() - end] {
                let mut torn = [&whole[..end], &vec![0; zeros]].concat();
                // The last bytes are zeros anyway.
                if torn == whole {
                    continue;
                }
                assert_eq!(values(&mut torn).expect("one"), ["1-0 a"], "cut at {end}");
                let tail =
                    Frames::open("k", &mut torn).expect("read").expect("a stream").tail().expect("whole");
                assert_eq!(tail, Tail { end: first as u64, last: id(1, 0), count: 1 });
                append(&mut torn, &[entry(None, "d")], 3).expect("over it");
                assert_eq!(values(&mut torn).expect("two"), ["1-0 a", "3-0 d"]);
            }
        }
    }

    #[test]
    fn damage_before_the_end_is_told() {
        let mut whole = empty(7);
        append(&mut whole, &[entry(None, "a")], 1).expect("one");
        let first = whole.len();
        append(&mut whole, &[entry(None, "b")], 2).expect("two");
        for at in empty(7).len()..first {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!(values(&mut changed).expect_err("damage").code(), Code::Damaged, "byte {at}");
        }
    }

    #[test]
    fn a_frame_of_another_stream_or_place_is_none() {
        let (mut one, mut other) = (empty(7), empty(8));
        append(&mut one, &[entry(None, "a")], 1).expect("one");
        let frame = one[empty(7).len()..].to_vec();
        other.extend_from_slice(&frame);
        assert_eq!(values(&mut other).expect("torn"), [""; 0]);
        one.extend_from_slice(&frame);
        assert_eq!(values(&mut one).expect("torn"), ["1-0 a"]);
    }

    #[test]
    fn reading_goes_on_where_it_was() {
        let mut image = empty(7);
        append(&mut image, &[entry(None, "a")], 1).expect("one");
        let mut frames = Frames::open("k", &mut image).expect("read").expect("a stream");
        frames.next().expect("one");
        let seen = frames.seen();
        append(&mut image, &[entry(None, "b")], 2).expect("two");
        let next = |from: EntryId, image: &mut Vec<u8>| {
            let mut frames = Frames::open("k", image).expect("read").expect("a stream");
            frames.go_to(&seen, from);
            frames.next().expect("read").expect("an entry")[0].0
        };
        assert_eq!(next(id(1, 1), &mut image), id(2, 0));
        assert_eq!(next(id(1, 0), &mut image), id(1, 0));
    }
}
