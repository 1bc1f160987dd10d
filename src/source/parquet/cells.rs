//! Values of a file as cells of a column.

use std::collections::HashMap;

use crate::source::formats::{label_of, numeral};
use crate::source::typed::{Fault, check_values, datetime_word, day, decimal, micros};
use crate::table::{Kind, MISSING, is_datetime, parse_datetime};

use super::chunk::{Raw, Values};
use super::columns::Stored;

/// From here on an `f64` no longer holds every integer.
const LAST_INTEGER: u64 = 1 << 53;

/// Codes of words, known from the start or in order of appearance.
pub(super) enum Words<'a> {
    /// Every word that comes is one of these.
    Known(&'a HashMap<Box<str>, u32>),
    /// Words so far.
    Growing(&'a mut HashMap<Box<str>, u32>),
}

impl Words<'_> {
    fn code(&mut self, word: &str) -> u32 {
        match self {
            Self::Known(words) => words.get(word).copied().unwrap_or(MISSING),
            Self::Growing(words) => match words.get(word) {
                Some(code) => *code,
                None => {
                    let code = words.len() as u32;
                    words.insert(word.into(), code);
                    code
                }
            },
        }
    }
}

/// One item a row: `value` of each value that is there, `missing` elsewhere.
fn spread<T, U: Copy>(
    raw: &Option<Vec<i16>>,
    values: &[T],
    missing: U,
    out: &mut Vec<U>,
    mut value: impl FnMut(&T) -> U,
) {
    match raw {
        None => out.extend(values.iter().map(value)),
        Some(levels) => {
            let mut values = values.iter();
            let mut next = || values.next().map_or(missing, &mut value);
            out.extend(levels.iter().map(|level| if *level == 0 { missing } else { next() }));
        }
    }
}

/// The row of the `i`th value.
fn row_of(raw: &Raw, i: usize) -> usize {
    let Some(levels) = &raw.levels else { return i };
    let there = levels.iter().enumerate().filter(|(_, level)| **level != 0);
    there.map(|(row, _)| row).nth(i).unwrap_or(i)
}

/// Appends the rows as numbers; NaN is missing. Gives the first integer beyond 2^53 or infinite
/// number, which is an error only where the column is learned from.
///
/// # Errors
/// The first cell that is not of the type that the file asks for.
pub(super) fn numbers(
    raw: &Raw,
    stored: Stored,
    kind: Kind,
    out: &mut Vec<f64>,
) -> Result<Option<Fault>, Fault> {
    let start = out.len();
    let levels = &raw.levels;
    let mut beyond: Option<(usize, String)> = None;
    match (&raw.values, stored) {
        (Values::Bool(values), _) => {
            spread(levels, values, f64::NAN, out, |value| f64::from(u8::from(*value)));
        }
        (Values::Int32(values), Stored::Integer { signed: false }) => {
            spread(levels, values, f64::NAN, out, |value| f64::from(*value as u32));
        }
        (Values::Int64(values), Stored::Integer { signed: false }) => {
            spread(levels, values, f64::NAN, out, |value| *value as u64 as f64);
            beyond = first(values, |value| *value as u64 > LAST_INTEGER, |value| (*value as u64).to_string());
        }
        (Values::Int32(values), Stored::Decimal { scale }) => {
            spread(levels, values, f64::NAN, out, |value| decimal(i128::from(*value), scale));
        }
        (Values::Int64(values), Stored::Decimal { scale }) => {
            spread(levels, values, f64::NAN, out, |value| decimal(i128::from(*value), scale));
        }
        (Values::Bytes(values), Stored::Decimal { scale }) => {
            spread(levels, values, f64::NAN, out, |value| big_decimal(value.data(), scale));
        }
        (Values::Fixed(values), Stored::Decimal { scale }) => {
            spread(levels, values, f64::NAN, out, |value| big_decimal(value.data(), scale));
        }
        (Values::Int32(values), Stored::Date) => spread(levels, values, f64::NAN, out, |value| day(*value)),
        (Values::Int64(values), Stored::Instant { a_second }) => {
            spread(levels, values, f64::NAN, out, |value| micros(*value, a_second));
        }
        (Values::Int32(values), _) => spread(levels, values, f64::NAN, out, |value| f64::from(*value)),
        (Values::Int64(values), _) => {
            spread(levels, values, f64::NAN, out, |value| *value as f64);
            beyond = first(values, |value| value.unsigned_abs() > LAST_INTEGER, i64::to_string);
        }
        (Values::Float(values), _) => spread(levels, values, f64::NAN, out, |value| f64::from(*value)),
        (Values::Double(values), _) => spread(levels, values, f64::NAN, out, |value| *value),
        (Values::Bytes(values), _) => spelled(raw, values.iter().map(|value| value.data()), kind, out)?,
        (Values::Fixed(values), _) => spelled(raw, values.iter().map(|value| value.data()), kind, out)?,
    }
    let infinite = check_values(&out[start..], kind)?;
    let beyond =
        beyond.filter(|_| kind == Kind::Number).map(|(i, text)| Fault::beyond(row_of(raw, i), &text));
    Ok(beyond.into_iter().chain(infinite).min_by_key(|fault| fault.row))
}

/// The first value that is odd, as text.
fn first<T>(values: &[T], odd: impl Fn(&T) -> bool, text: impl Fn(&T) -> String) -> Option<(usize, String)> {
    values.iter().position(odd).map(|i| (i, text(&values[i])))
}

/// Appends texts as numbers, as the text formats read them.
fn spelled<'v>(
    raw: &Raw,
    texts: impl Iterator<Item = &'v [u8]>,
    kind: Kind,
    out: &mut Vec<f64>,
) -> Result<(), Fault> {
    let mut values = Vec::new();
    for (i, bytes) in texts.enumerate() {
        let text = String::from_utf8_lossy(bytes);
        let value = spelled_as(&text, kind);
        values.push(value.ok_or_else(|| Fault::spelled(row_of(raw, i), &text, kind))?);
    }
    spread(&raw.levels, &values, f64::NAN, out, |value| *value);
    Ok(())
}

/// A text as a number of the type asked for.
pub(in crate::source) fn spelled_as(text: &str, kind: Kind) -> Option<f64> {
    match kind {
        Kind::Datetime => parse_datetime(text).or_else(|| numeral(text).filter(|value| value.is_nan())),
        _ => numeral(text),
    }
}

/// Appends the rows as codes of words; [`MISSING`] is missing. A text is a word as it stands, also
/// an empty one, since Parquet says itself what is missing.
///
/// # Errors
/// The first text that is none.
pub(super) fn codes(
    raw: &Raw,
    stored: Stored,
    words: &mut Words<'_>,
    out: &mut Vec<u32>,
) -> Result<(), Fault> {
    let levels = &raw.levels;
    match (&raw.values, stored) {
        (Values::Bool(values), _) => spread(levels, values, MISSING, out, |value| {
            // As pandas writes them.
            words.code(if *value { "True" } else { "False" })
        }),
        (Values::Int32(values), Stored::Decimal { scale }) => {
            spread(levels, values, MISSING, out, |value| {
                words.code(&label_of(decimal((*value).into(), scale)))
            });
        }
        (Values::Int64(values), Stored::Decimal { scale }) => {
            spread(levels, values, MISSING, out, |value| {
                words.code(&label_of(decimal((*value).into(), scale)))
            });
        }
        (Values::Bytes(values), Stored::Decimal { scale }) => {
            spread(levels, values, MISSING, out, |value| {
                words.code(&label_of(big_decimal(value.data(), scale)))
            });
        }
        (Values::Fixed(values), Stored::Decimal { scale }) => {
            spread(levels, values, MISSING, out, |value| {
                words.code(&label_of(big_decimal(value.data(), scale)))
            });
        }
        (Values::Int32(values), Stored::Integer { signed: false }) => {
            spread(levels, values, MISSING, out, |value| words.code(&(*value as u32).to_string()));
        }
        (Values::Int64(values), Stored::Integer { signed: false }) => {
            spread(levels, values, MISSING, out, |value| words.code(&(*value as u64).to_string()));
        }
        (Values::Int32(values), Stored::Date) => {
            datetime_codes(raw, values, |value| day(*value), true, words, out)?;
        }
        (Values::Int64(values), Stored::Instant { a_second }) => {
            datetime_codes(raw, values, |value| micros(*value, a_second), false, words, out)?;
        }
        (Values::Int32(values), _) => {
            spread(levels, values, MISSING, out, |value| words.code(&value.to_string()));
        }
        (Values::Int64(values), _) => {
            spread(levels, values, MISSING, out, |value| words.code(&value.to_string()));
        }
        (Values::Float(values), _) => {
            spread(levels, values, MISSING, out, |value| float_word(f64::from(*value), words));
        }
        (Values::Double(values), _) => {
            spread(levels, values, MISSING, out, |value| float_word(*value, words));
        }
        (Values::Bytes(values), _) => text_codes(raw, values, |value| value.data(), words, out)?,
        (Values::Fixed(values), _) => text_codes(raw, values, |value| value.data(), words, out)?,
    }
    Ok(())
}

fn float_word(value: f64, words: &mut Words<'_>) -> u32 {
    if value.is_nan() { MISSING } else { words.code(&label_of(value)) }
}

fn datetime_codes<T>(
    raw: &Raw,
    values: &[T],
    micros: impl Fn(&T) -> f64,
    is_date: bool,
    words: &mut Words<'_>,
    out: &mut Vec<u32>,
) -> Result<(), Fault> {
    if let Some(i) = values.iter().position(|value| !is_datetime(micros(value))) {
        return Err(Fault::no_datetime(row_of(raw, i)));
    }
    spread(&raw.levels, values, MISSING, out, |value| words.code(&datetime_word(micros(value), is_date)));
    Ok(())
}

/// How many words of a batch are remembered by where they lie.
const REMEMBERED: usize = 1024;

/// Appends the codes of texts. Equal texts of a dictionary lie in the same place, so that most need no
/// look at their letters.
fn text_codes<T>(
    raw: &Raw,
    values: &[T],
    bytes: impl Fn(&T) -> &[u8],
    words: &mut Words<'_>,
    out: &mut Vec<u32>,
) -> Result<(), Fault> {
    // Places are compared while `values` holds what lies there.
    let mut remembered = vec![(0usize, 0usize, MISSING); REMEMBERED];
    let mut wrong = None;
    let mut i = 0;
    spread(&raw.levels, values, MISSING, out, |value| {
        let text = bytes(value);
        let (at, length) = (text.as_ptr() as usize, text.len());
        let slot = &mut remembered[(at ^ at >> 7) % REMEMBERED];
        if (slot.0, slot.1) != (at, length) {
            let code = match std::str::from_utf8(text) {
                Ok(text) => words.code(text),
                Err(_) => {
                    wrong.get_or_insert(i);
                    MISSING
                }
            };
            *slot = (at, length, code);
        }
        i += 1;
        slot.2
    });
    match wrong {
        Some(i) => Err(Fault::not_utf8(row_of(raw, i))),
        None => Ok(()),
    }
}

/// A decimal of big-endian bytes in two's complement; NaN beyond 128 bits, which hold 38 digits.
fn big_decimal(bytes: &[u8], scale: u32) -> f64 {
    if bytes.is_empty() || bytes.len() > 16 {
        return f64::NAN;
    }
    let negative = bytes[0] & 0x80 != 0;
    let units =
        bytes.iter().fold(if negative { -1i128 } else { 0 }, |units, byte| units << 8 | i128::from(*byte));
    decimal(units, scale)
}

#[cfg(test)]
mod tests {
    use super::big_decimal;
    use crate::source::typed::decimal;

    #[test]
    fn decimals_are_what_their_text_is() {
        for (units, scale, text) in [
            (12345, 2, "123.45"),
            (-1, 3, "-0.001"),
            (9_007_199_254_740_993, 1, "900719925474099.3"),
            (123_456_789_012_345_678_901_234_567_890, 10, "12345678901234567890.1234567890"),
        ] {
            let expected: f64 = text.parse().expect("a number");
            assert_eq!(decimal(units, scale).to_bits(), expected.to_bits(), "{text}");
            let bytes = units.to_be_bytes();
            assert_eq!(big_decimal(&bytes, scale).to_bits(), expected.to_bits(), "{text}");
        }
        assert_eq!(big_decimal(&[0xff, 0x9c], 2), -1.0);
        assert!(big_decimal(&[0; 17], 2).is_nan());
    }
}
