//! What a key holds, as the bytes of a file.
//!
//! A string is its own bytes. Everything else begins with a line that says what it is, `\x89pipefit key 1 hash`: no text begins with
//! that byte, and no format of tables with this line. A string that does is kept as a `string` behind such a line.
//!
//! Behind the line of a hash, list, set or sorted set come its texts, each after its length (4 bytes, little endian): fields and
//! values by turns, in the order of writing; members, those of a set sorted, those of a sorted set each after its score
//! (8 bytes). Then 8 bytes of the sha256 of all that. A stream has a form of its own (`frames`).

use super::Kind;
use super::written::Row;
use crate::diag::{Code, Diagnostic, Result};
use crate::table::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// What all but plain strings begin with, before version and kind.
const MARK: &[u8] = b"\x89pipefit key ";
/// The version of the form.
const VERSION: &str = "1";
/// No first line is longer.
pub(super) const HEAD: usize = 64;
/// The bytes of a digest that are kept.
const CHECK: usize = 8;

/// What a key holds, but for streams.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kept {
    String(Vec<u8>),
    /// In the order of writing, each field once.
    Hash(Row),
    List(Vec<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    /// Members with their scores.
    Zset(BTreeMap<Vec<u8>, f64>),
}

impl Kept {
    /// Members of a sorted set by their scores, equal ones by their bytes.
    pub fn by_score(members: &BTreeMap<Vec<u8>, f64>) -> Vec<(&[u8], f64)> {
        let mut sorted: Vec<(&[u8], f64)> =
            members.iter().map(|(member, score)| (member.as_slice(), *score)).collect();
        // The scores are no NaN; the two zeros are equal.
        sorted.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap_or(std::cmp::Ordering::Equal));
        sorted
    }

    /// Whether nothing is in it, so that there is no such key.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::String(_) => false,
            Self::Hash(fields) => fields.is_empty(),
            Self::List(members) => members.is_empty(),
            Self::Set(members) => members.is_empty(),
            Self::Zset(members) => members.is_empty(),
        }
    }

    /// The bytes of its file.
    pub fn image(&self) -> Vec<u8> {
        let mut image;
        match self {
            Self::String(bytes) if !bytes.starts_with(MARK) => return bytes.clone(),
            Self::String(bytes) => {
                image = first_line(Kind::String);
                image.extend_from_slice(bytes);
            }
            Self::Hash(fields) => {
                image = first_line(Kind::Hash);
                fields.iter().for_each(|(name, value)| {
                    push_text(&mut image, name);
                    push_text(&mut image, value);
                });
            }
            Self::List(members) => {
                image = first_line(Kind::List);
                members.iter().for_each(|member| push_text(&mut image, member));
            }
            Self::Set(members) => {
                image = first_line(Kind::Set);
                members.iter().for_each(|member| push_text(&mut image, member));
            }
            Self::Zset(members) => {
                image = first_line(Kind::Zset);
                for (member, score) in Self::by_score(members) {
                    image.extend_from_slice(&score.to_le_bytes());
                    push_text(&mut image, member);
                }
            }
        }
        let check = Digest::of(&image);
        image.extend_from_slice(&check.bytes()[..CHECK]);
        image
    }

    /// What the bytes of a file say.
    ///
    /// # Errors
    /// `Damaged` for a form that is not known, and for bytes that are not as they were written; `WrongKind` for a stream.
    pub fn of_image(key: &str, image: Vec<u8>) -> Result<Self> {
        let (kind, start) = kind_of(key, &image)?;
        if start == 0 {
            return Ok(Self::String(image));
        }
        let whole = image.len().checked_sub(CHECK).filter(|end| *end >= start);
        let end = whole.filter(|end| Digest::of(&image[..*end]).bytes()[..CHECK] == image[*end..]);
        let end = end.ok_or_else(|| damaged(key))?;
        let mut texts = Texts(&image[start..end]);
        let kept = match kind {
            Kind::String => Some(Self::String(image[start..end].to_vec())),
            Kind::Hash => texts.all(|texts| Some((texts.text()?, texts.text()?))).map(Self::Hash),
            Kind::List => texts.all(Texts::text).map(Self::List),
            Kind::Set => texts.all(Texts::text).map(|members| Self::Set(members.into_iter().collect())),
            Kind::Zset => texts
                .all(|texts| {
                    let score = f64::from_le_bytes(texts.take(8)?.try_into().ok()?);
                    Some((texts.text()?, score))
                })
                .map(|members| Self::Zset(members.into_iter().collect())),
            Kind::Stream | Kind::Module => None,
        };
        kept.ok_or_else(|| damaged(key))
    }
}

/// Texts with their lengths before them.
pub(super) struct Texts<'a>(pub &'a [u8]);

impl<'a> Texts<'a> {
    /// The next bytes.
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next number of four bytes.
    pub fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// The next number of eight bytes.
    pub fn long(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// The next text.
    pub fn text(&mut self) -> Option<Vec<u8>> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?).map(<[u8]>::to_vec)
    }

    /// All that come.
    fn all<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut all = Vec::new();
        while !self.0.is_empty() {
            all.push(one(self)?);
        }
        Some(all)
    }
}

/// Appends a text with its length before it.
pub(super) fn push_text(image: &mut Vec<u8>, text: &[u8]) {
    // No text here is longer than a server's 512 MiB: `too_long` has seen to it.
    image.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    image.extend_from_slice(text);
}

/// The line that a file of this kind begins with.
pub(super) fn first_line(kind: Kind) -> Vec<u8> {
    [MARK, format!("{VERSION} {kind}\n").as_bytes()].concat()
}

/// What a file holds, and where that begins; all of it is known from the first [`HEAD`] bytes.
///
/// # Errors
/// `Damaged` for a form that is not known.
pub(super) fn kind_of(key: &str, image: &[u8]) -> Result<(Kind, usize)> {
    if !image.starts_with(MARK) {
        return Ok((Kind::String, 0));
    }
    for kind in [Kind::String, Kind::Hash, Kind::List, Kind::Set, Kind::Zset, Kind::Stream] {
        let line = first_line(kind);
        if image.starts_with(&line) {
            return Ok((kind, line.len()));
        }
    }
    let line = &image[MARK.len()..image.len().min(HEAD)];
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default().escape_ascii();
    Err(Code::Damaged
        .error(format!("the file of key `{key}` has a form that is not known: `{line}`"))
        .help("a newer pipefit may have written it; else restore a backup"))
}

/// A file that is not as it was written.
pub(super) fn damaged(key: &str) -> Diagnostic {
    Code::Damaged
        .error(format!("the file of key `{key}` is damaged"))
        .help("restore a backup, or remove the key and write it again")
}

#[cfg(test)]
mod tests {
    use super::{Kept, first_line, kind_of};
    use crate::diag::Code;
    use crate::source::keys::Kind;

    fn samples() -> Vec<(Kind, Kept)> {
        let odd = [&b""[..], b"a b\n*", b"\xff\0", "größe".as_bytes()].map(<[u8]>::to_vec);
        let scores = [f64::NEG_INFINITY, -0.0, 0.1, 1e300];
        vec![
            (Kind::String, Kept::String(odd[1].clone())),
            (Kind::String, Kept::String(first_line(Kind::Hash))),
            (Kind::Hash, Kept::Hash(odd.iter().rev().cloned().zip(odd.iter().cloned()).collect())),
            (Kind::List, Kept::List([&odd[..], &odd[..]].concat())),
            (Kind::Set, Kept::Set(odd.iter().cloned().collect())),
            (Kind::Zset, Kept::Zset(odd.iter().cloned().zip(scores).collect())),
        ]
    }

    #[test]
    fn what_is_kept_comes_back() {
        for (kind, kept) in samples() {
            let image = kept.image();
            assert_eq!(kind_of("k", &image).expect("known").0, kind);
            assert_eq!(Kept::of_image("k", image).expect("whole"), kept);
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_found() {
        for (_, kept) in &samples()[1..] {
            let image = kept.image();
            let damaged = |image: Vec<u8>, what: &str| match Kept::of_image("k", image) {
                Err(error) => assert_eq!(error.code(), Code::Damaged, "{what}"),
                // Without its mark it is a string, as every file is that somebody else has put there.
                Ok(found) => {
                    assert!(matches!(found, Kept::String(_)) && what.contains("of the mark"), "{what}")
                }
            };
            for at in 0..image.len() {
                let place = if at < 13 { " of the mark" } else { "" };
                let mut changed = image.clone();
                changed[at] ^= 1;
                damaged(changed, &format!("byte {at}{place}"));
                damaged(image[..at].to_vec(), &format!("cut at {at}{place}"));
            }
        }
    }
}
