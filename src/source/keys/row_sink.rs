//! Rows on their way from a store to a table.

use crate::diag::Result;
use crate::store::resp::{Part, Span};

/// Takes rows one after another, in their order. Every layout of rows ends here: keys of one row each, and lists of fields
/// such as the entries of a stream.
pub trait RowSink {
    /// The fields that are read; all if `None`.
    fn wanted(&self) -> Option<Wanted<'_>>;

    /// The next row: fields with their values. If several of them are new, which no row before had, it says the number of
    /// this news, counted from 0: their columns stand in the order of the row, or [`without_order`](Self::without_order).
    ///
    /// # Errors
    /// Text that is none, cells of a type that is not asked for, a stop.
    fn fields(&mut self, key: &str, fields: &Fields<'_>) -> Result<Option<usize>>;

    /// The next row: a JSON object.
    ///
    /// # Errors
    /// As [`fields`](Self::fields).
    fn document(&mut self, key: &str, bytes: &[u8]) -> Result<()>;

    /// Says that the new fields of a row came in no order of their own, so that the columns are sorted by name.
    fn without_order(&mut self, news: usize);
}

/// The fields that are read.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Their names.
    pub names: &'a [String],
    /// Whether their columns have an order already, whichever row has them first.
    pub in_order: bool,
}

/// The fields of a row, each with its value: bytes as they came.
#[derive(Clone, Copy, Debug)]
pub enum Fields<'a> {
    /// Names and values by turns, in the answer of a server.
    Pairs(Texts<'a>, &'a [Part]),
    /// Values of given fields, in the answer of a server; those that the row lacks are [`Part::Nil`].
    Values(&'a [String], Texts<'a>, &'a [Part]),
    /// Names and values.
    Owned(&'a [(Vec<u8>, Vec<u8>)]),
}

/// A name or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// Known to be UTF-8.
    Valid(&'a str),
    /// Any bytes.
    Bytes(&'a [u8]),
}

impl<'a> Text<'a> {
    /// The text, if it is UTF-8.
    pub fn valid(self) -> Option<&'a str> {
        match self {
            Self::Valid(text) => Some(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        }
    }

    /// Its bytes.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Valid(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// The bytes of an answer. Whether they are UTF-8 is found out once for all of its texts: they are short, and many.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    bytes: &'a [u8],
    valid: Option<&'a str>,
}

impl<'a> Texts<'a> {
    /// The texts of an answer.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, valid: std::str::from_utf8(bytes).ok() }
    }

    fn at(&self, span: Span) -> Text<'a> {
        match self.valid.and_then(|valid| span.of_text(valid)) {
            Some(text) => Text::Valid(text),
            None => Text::Bytes(span.of(self.bytes)),
        }
    }
}

impl<'a> Fields<'a> {
    /// How many fields there are, those that a row of [`Fields::Values`] lacks included.
    pub fn len(&self) -> usize {
        match self {
            Self::Pairs(_, parts) => parts.len() / 2,
            Self::Values(names, ..) => names.len(),
            Self::Owned(fields) => fields.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The field at a place below [`len`](Self::len): its name, and its value unless the row lacks it.
    pub fn get(&self, at: usize) -> (Text<'a>, Option<Text<'a>>) {
        let text = |texts: &Texts<'a>, part| match part {
            Part::Text(span) => Some(texts.at(span)),
            _ => None,
        };
        match self {
            Self::Pairs(texts, parts) => {
                (text(texts, parts[2 * at]).unwrap_or(Text::Valid("")), text(texts, parts[2 * at + 1]))
            }
            Self::Values(names, texts, parts) => (Text::Valid(&names[at]), text(texts, parts[at])),
            Self::Owned(fields) => (Text::Bytes(&fields[at].0), Some(Text::Bytes(&fields[at].1))),
        }
    }
}
