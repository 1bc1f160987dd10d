//! What is written into keys.

use super::row_sink::Fields;
use super::stream::EntryId;
use crate::diag::{Code, Diagnostic, Result};

/// The most that a Redis string holds.
pub(super) const LARGEST: usize = 512 << 20;

/// The bytes of what is written at once.
pub(super) const PIECE: usize = 1 << 20;

/// Fields with their values.
pub type Row = Vec<(Vec<u8>, Vec<u8>)>;

/// An entry of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name; `None` for one that the store is to name by its clock.
    pub id: Option<EntryId>,
    /// At least one field.
    pub fields: Row,
}

/// What becomes of the fields of a hash that are not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They go, and so does whatever the key held before.
    Go,
    /// They stay. What is not a hash is refused.
    Stay,
}

/// A part of what a key is to hold.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A member of a list or a set; a member of a sorted set and its score as text; a field of a hash and its value.
    Member(&'a [u8], Option<&'a [u8]>),
    /// An entry of a stream.
    Entry(EntryId, &'a Fields<'a>),
}

/// A key that is being made. Nobody sees anything of it before [`finish`](Self::finish); dropped before, it leaves nothing.
pub trait Fill {
    /// The next part. Entries come in the order of their ids.
    ///
    /// # Errors
    /// A part that the kind has not, a score that is no number; those of the store.
    fn push(&mut self, item: Item<'_>) -> Result<()>;

    /// Makes the key hold all parts, whatever it was before, in one step; without any part it is removed, but for a
    /// stream, which may be empty.
    ///
    /// # Errors
    /// Those of the store: then the key is as it was.
    fn finish(self: Box<Self>) -> Result<()>;
}

impl Fields<'_> {
    /// A copy, without those that the row lacks.
    pub fn to_row(&self) -> Row {
        let field = |at| {
            let (name, value) = self.get(at);
            value.map(|value| (name.bytes().to_vec(), value.bytes().to_vec()))
        };
        (0..self.len()).filter_map(field).collect()
    }
}

/// The score in a text, by the rules of Redis as far as they are those of Rust: a number or an infinity.
pub(super) fn score_of(key: &str, text: Option<&[u8]>) -> Result<f64> {
    let score = text.and_then(|text| std::str::from_utf8(text).ok()?.parse::<f64>().ok());
    score.filter(|score| !score.is_nan()).ok_or_else(|| {
        let text = text.unwrap_or_default().escape_ascii();
        Code::UnreadableValue
            .error(format!("key `{key}`: `{text}` is no score of a sorted set"))
            .help("a score is a number")
    })
}

/// A score as the shortest text that reads back as the same number.
pub(super) fn score_text(score: f64) -> String {
    let text = format!("{score:?}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Refuses texts beyond what a Redis string holds (`proto-max-bulk-len` as it is delivered): a server hangs up on them.
pub(super) fn refuse_long<'a>(key: &str, texts: impl IntoIterator<Item = &'a [u8]>) -> Result<()> {
    match texts.into_iter().find(|text| text.len() > LARGEST) {
        None => Ok(()),
        Some(text) => Err(too_long(key, text.len())),
    }
}

/// The error of a text that is too long.
pub(super) fn too_long(key: &str, length: usize) -> Diagnostic {
    let message = format!("`{key}` would have {length} bytes, and a Redis string holds 512 MiB");
    Code::StoreRefused.error(message).help("split the data, or use a `dir:` store")
}

/// The texts of fields.
pub(super) fn texts(row: &Row) -> impl Iterator<Item = &[u8]> {
    row.iter().flat_map(|(name, value)| [name.as_slice(), value.as_slice()])
}

/// Entries in runs of about [`PIECE`] bytes and at most so many, none of them cut.
pub(super) fn pieces(entries: &[Entry], most: usize) -> impl Iterator<Item = &[Entry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take(most).take_while(|entry| {
            bytes += texts(&entry.fields).map(|text| 8 + text.len()).sum::<usize>() + 20;
            bytes <= PIECE
        });
        let (piece, after) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A part that a key of this kind does not have.
pub(super) fn no_part(key: &str, what: &str) -> Diagnostic {
    Code::Bug.error(format!("key `{key}` was given {what}"))
}

/// An entry without fields.
pub(super) fn no_fields(key: &str) -> Diagnostic {
    Code::UnreadableValue
        .error(format!("an entry of stream `{key}` would have no field"))
        .help("an entry needs one at least: leave out rows without any cell")
}
