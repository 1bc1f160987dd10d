//! Rows in JSON, as the protocols lay them out, straight into the columns of a [`Sheet`].
//!
//! Nothing recurses: a cell is a scalar, and each layout has a fixed depth. [`is_deep`] refuses the rest of a body that nests
//! beyond what any protocol needs.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::refusal::malformed;
use super::sheet::{Cell, Sheet};
use crate::diag::{Code, Result};

/// Which forms a row may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// Objects of cells by name.
    Objects,
    /// Lists of cells by place.
    Lists,
    /// Either.
    Either,
}

/// Reads one row, an object.
pub(super) fn record(text: &str, sheet: &mut Sheet<'_>) -> Result<()> {
    let result = whole(text, Row { sheet: &mut *sheet, form: Form::Objects, order: None });
    sheet.outcome(result)
}

/// Reads a list of rows; `order` is the input that each place of a list is for, that of training where nothing is said.
pub(super) fn rows(text: &str, form: Form, order: Option<&[usize]>, sheet: &mut Sheet<'_>) -> Result<()> {
    let result = whole(text, Rows { sheet: &mut *sheet, form, order });
    sheet.outcome(result)
}

/// Reads an object of columns, each a list of cells.
pub(super) fn columns(text: &str, sheet: &mut Sheet<'_>) -> Result<()> {
    let result = whole(text, Columns { sheet: &mut *sheet });
    sheet.outcome(result)?;
    sheet.end_columns()
}

/// Reads the cells of some columns: a flat list row by row, or a list of lists; gives the number of rows.
pub(super) fn tensor(text: &str, places: &[usize], sheet: &mut Sheet<'_>) -> Result<()> {
    let result = whole(text, Tensor { sheet: &mut *sheet, places });
    sheet.outcome(result)
}

/// Reads a text that is one value and nothing else.
fn whole<'de, S: DeserializeSeed<'de, Value = ()>>(text: &'de str, seed: S) -> Result<(), serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut parser).and_then(|()| parser.end())
}

/// Whether lists and objects nest deeper than `most`.
pub(super) fn is_deep(text: &[u8], most: usize) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The text of a string that a parser has accepted.
///
/// # Errors
/// Where an escape is half a character.
fn unescaped(raw: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    match raw.get(1..raw.len().saturating_sub(1)) {
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        _ => serde_json::from_str(raw).map(Cow::Owned),
    }
}

/// Puts one value of a text into a column.
fn push(sheet: &mut Sheet<'_>, place: usize, raw: &str) -> Result<()> {
    let nested = |sheet: &Sheet<'_>, what: &str| {
        let row = sheet.len(place) + 1;
        let name = &sheet.inputs().fields()[place].name;
        let message = format!("column `{name}`, row {row}: {what} is not a cell");
        Err(Code::BadCell.error(message).help("a cell is a number, a string, true, false or null"))
    };
    match raw.as_bytes().first() {
        Some(b'n') => sheet.push(place, Cell::Missing),
        Some(b'[') => nested(sheet, "a list"),
        Some(b'{') => nested(sheet, "an object"),
        Some(b'"') => match unescaped(raw) {
            Ok(text) => sheet.push(place, Cell::Text(&text)),
            Err(_) => nested(sheet, "a string with half a character"),
        },
        _ => sheet.push(place, Cell::Bare(raw)),
    }
}

struct Rows<'s, 'm, 'o> {
    sheet: &'s mut Sheet<'m>,
    form: Form,
    order: Option<&'o [usize]>,
}

impl<'de> DeserializeSeed<'de> for Rows<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { sheet, form, order } = self;
        while seq.next_element_seed(Row { sheet: &mut *sheet, form, order })?.is_some() {}
        Ok(())
    }
}

struct Row<'s, 'm, 'o> {
    sheet: &'s mut Sheet<'m>,
    form: Form,
    order: Option<&'o [usize]>,
}

impl<'de> DeserializeSeed<'de> for Row<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.form {
            Form::Objects => deserializer.deserialize_map(self),
            Form::Lists => deserializer.deserialize_seq(self),
            Form::Either => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Row<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.form {
            Form::Objects => "an object",
            Form::Lists => "a list",
            Form::Either => "an object or a list",
        };
        write!(f, "{what} for row {}", self.sheet.rows() + 1)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let sheet = self.sheet;
        let mut guess = 0;
        while let Some(place) = map.next_key_seed(Name { sheet: &mut *sheet, guess })? {
            if sheet.len(place) > sheet.rows() {
                let name = &sheet.inputs().fields()[place].name;
                let message = format!("row {}: field `{name}` stands twice", sheet.rows() + 1);
                return sheet.keep(Err(malformed(message)));
            }
            let pushed = push(sheet, place, map.next_value::<&RawValue>()?.get());
            sheet.keep(pushed)?;
            guess = place + 1;
        }
        let ended = sheet.end_row();
        sheet.keep(ended)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let sheet = self.sheet;
        let width = self.order.map_or(sheet.inputs().fields().len(), <[usize]>::len);
        let mut cells = 0;
        while let Some(raw) = seq.next_element::<&RawValue>()? {
            if cells < width {
                let place = self.order.map_or(cells, |order| order[cells]);
                let pushed = push(sheet, place, raw.get());
                sheet.keep(pushed)?;
            }
            cells += 1;
        }
        if cells != width {
            let message = format!("row {} has {cells} cells, not {width}", sheet.rows() + 1);
            let error = malformed(message).help(sheet.listed());
            return sheet.keep(Err(error));
        }
        let ended = sheet.end_row();
        sheet.keep(ended)
    }
}

/// The name of a column; gives its place.
struct Name<'s, 'm> {
    sheet: &'s mut Sheet<'m>,
    guess: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an input")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<usize, E> {
        let place = self.sheet.place(name, self.guess);
        self.sheet.keep(place)
    }
}

struct Columns<'s, 'm> {
    sheet: &'s mut Sheet<'m>,
}

impl<'de> DeserializeSeed<'de> for Columns<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Columns<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list for each input")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let sheet = self.sheet;
        let mut guess = 0;
        while let Some(place) = map.next_key_seed(Name { sheet: &mut *sheet, guess })? {
            if sheet.len(place) > 0 {
                let message = format!("column `{}` stands twice", sheet.inputs().fields()[place].name);
                return sheet.keep(Err(malformed(message)));
            }
            map.next_value_seed(Tensor { sheet: &mut *sheet, places: &[place] })?;
            guess = place + 1;
        }
        Ok(())
    }
}

/// Cells that go to some columns in turn.
struct Tensor<'s, 'm, 'p> {
    sheet: &'s mut Sheet<'m>,
    places: &'p [usize],
}

impl<'de> DeserializeSeed<'de> for Tensor<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Tensor<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of cells")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { sheet, places } = self;
        let mut cells = 0;
        let mut nested = None;
        while let Some(raw) = seq.next_element::<&RawValue>()? {
            let raw = raw.get();
            let is_list = raw.starts_with('[');
            if *nested.get_or_insert(is_list) != is_list {
                return sheet.keep(Err(malformed("the data mixes cells and lists")));
            }
            if is_list {
                // A list of one row, as tensors of the shape [rows, columns] are often written.
                let result = whole(raw, Inner { sheet: &mut *sheet, places });
                let outcome = sheet.outcome(result);
                sheet.keep(outcome)?;
            } else {
                let pushed = push(sheet, places[cells % places.len()], raw);
                sheet.keep(pushed)?;
            }
            cells += 1;
        }
        if nested == Some(false) && cells % places.len() != 0 {
            let message = format!("{cells} cells are no whole rows of {}", places.len());
            return sheet.keep(Err(malformed(message)));
        }
        Ok(())
    }
}

/// One row of a nested tensor.
struct Inner<'s, 'm, 'p> {
    sheet: &'s mut Sheet<'m>,
    places: &'p [usize],
}

impl<'de> DeserializeSeed<'de> for Inner<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Inner<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {} cells", self.places.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut cells = 0;
        while let Some(raw) = seq.next_element::<&RawValue>()? {
            if let Some(place) = self.places.get(cells) {
                let pushed = push(self.sheet, *place, raw.get());
                self.sheet.keep(pushed)?;
            }
            cells += 1;
        }
        if cells == self.places.len() {
            return Ok(());
        }
        let message = format!("a list of {cells} cells where {} belong", self.places.len());
        self.sheet.keep(Err(malformed(message)))
    }
}
