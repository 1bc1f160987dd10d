//! A row a member of a list, a set or a sorted set, or a field of a hash.

use std::cell::Cell;
use std::fmt::Write as _;

use super::rows::{Columns, gather_rows};
use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::source::formats::{Read, ReadOptions, detect};
use crate::source::keys::{Fields, Keys, Kind, RowSink};

/// How often a key is read again because it was changed meanwhile.
pub(super) const PATIENCE: usize = 5;

/// The column of members that are no records; those of a score and of a field.
const VALUE: &str = "value";
const SCORE: &str = "score";
const FIELD: &str = "field";

/// Reads the table that a list, a set, a sorted set or a hash holds, as it is at one moment: a list in its order, a sorted set by
/// score (equal ones by their bytes), a set by the bytes of its members, a hash by those of its fields.
///
/// Members are JSON objects, all of them, or plain texts, cells of one column `value`. A sorted set has a first column
/// `score`, and a hash of plain texts a first column `field`; one of JSON objects has it where `field` says so.
///
/// # Errors
/// `MissingKeyOrFile` for a key that is not there; `WrongKind` for one of another kind; `UnreadableValue` for members that are
/// neither; `StoreIo` when it is changed whenever it is read; what [`gather`](crate::source::formats::gather) meets. They
/// name the member, counted from 0, or the field.
pub fn read_members(
    keys: &dyn Keys,
    key: &str,
    field: bool,
    options: &ReadOptions,
    watch: &dyn Watch,
) -> Result<Read> {
    for _ in 0..PATIENCE {
        let Some(kind) = keys.kind(key)? else {
            let help = "it was removed while it was read: run again when nobody removes it";
            return Err(Code::MissingKeyOrFile.error(format!("no key `{key}` in the store")).help(help));
        };
        let rows = keys.length(key, kind)?;
        let (changed, texts) = (Cell::new(false), Cell::new(false));
        let read = gather_rows(key, rows, options, watch, |columns| {
            let mut members =
                Members { key, kind, field, columns, form: None, name: String::new(), taken: 0 };
            let whole = keys.members(key, kind, &mut |member, beside| members.take(member, beside))?;
            changed.set(!whole);
            texts.set(members.form == Some(Form::Texts));
            if whole { Ok(()) } else { Err(always_changed(key)) }
        });
        match read {
            _ if changed.get() => {}
            Err(error) if error.code() == Code::MissingColumn && kind == Kind::Hash && texts.get() => {
                return Err(one_row(key));
            }
            read => return read,
        }
    }
    Err(always_changed(key))
}

/// A hash of plain texts that was to be a table with other columns: nearly always a row by itself.
pub fn one_row(key: &str) -> Diagnostic {
    let message =
        format!("key `{key}` is a hash of plain values: as a table its columns are `field` and `value`");
    let help = "if each row is a hash of its own, read them with `source.pattern`, such as `row:*`";
    Code::WrongKind.error(message).help(help)
}

fn always_changed(key: &str) -> Diagnostic {
    let message = format!("key `{key}` was changed each of the {PATIENCE} times that it was read");
    Code::StoreIo.error(message).help("run again when nobody writes it")
}

/// What members are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Records,
    Texts,
}

struct Members<'a, 'c, 'w, 'b, 'o> {
    key: &'a str,
    kind: Kind,
    field: bool,
    columns: &'c mut Columns<'w, 'b, 'o>,
    /// What the first member is, and all others have to be.
    form: Option<Form>,
    /// What the row is called.
    name: String,
    taken: usize,
}

impl Members<'_, '_, '_, '_, '_> {
    /// Takes a member with its score, or a field with its value.
    fn take(&mut self, member: &[u8], beside: Option<&[u8]>) -> Result<()> {
        let (row, field, score) = match (self.kind, beside) {
            (Kind::Hash, Some(value)) => (value, Some(member), None),
            (_, score) => (member, None, score),
        };
        self.name.clear();
        let written = match field {
            Some(field) => {
                write!(self.name, "{} {}", self.key, String::from_utf8_lossy(field).escape_debug())
            }
            None => write!(self.name, "{} {}", self.key, self.taken),
        };
        written.expect("writing to a string does not fail");
        self.taken += 1;
        let form = self.form_of(row)?;
        if let Some(score) = score {
            self.columns.beside(&self.name, SCORE, score)?;
        }
        if let Some(field) = field.filter(|_| self.field || form == Form::Texts) {
            self.columns.beside(&self.name, FIELD, field)?;
        }
        match form {
            Form::Records => self.columns.document(&self.name, row),
            Form::Texts => {
                self.columns.beside(&self.name, VALUE, row)?;
                self.columns.fields(&self.name, &Fields::Owned(&[])).map(drop)
            }
        }
    }

    /// What a member is: a record if its first byte that is not blank says so.
    fn form_of(&mut self, row: &[u8]) -> Result<Form> {
        let bytes = row.strip_prefix(b"\xef\xbb\xbf").unwrap_or(row).trim_ascii_start();
        let form = if bytes.first() == Some(&b'{') { Form::Records } else { Form::Texts };
        let Some(first) = self.form else {
            if bytes.first() == Some(&b'[') {
                let help = "a row is a JSON object, such as `{\"age\": 41, \"plan\": \"pro\"}`, and tells its columns";
                return Err(self.no_row("is a JSON list, not an object", help));
            }
            if form == Form::Texts && !bytes.is_empty() {
                // Pickles and packed bytes have words of their own.
                detect(row, &self.name)?;
            }
            self.form = Some(form);
            return Ok(form);
        };
        if form == first {
            return Ok(form);
        }
        let what = match first {
            Form::Records => "is no JSON object, and those before it are",
            Form::Texts => "is a JSON object, and those before it are not",
        };
        Err(self.no_row(what, "keep rows of one form in a key: JSON objects all of them, or plain values"))
    }

    fn no_row(&self, what: &str, help: &str) -> Diagnostic {
        let message = format!("`{}` {what}", self.name);
        Code::UnreadableValue.error(message).help(help).within(self.name.clone(), None, None)
    }
}
