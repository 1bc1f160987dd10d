//! Values of arrays as cells of a column.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{AnyDictionaryArray, Array};
use arrow_schema::{DataType, TimeUnit};

use super::columns::Wanted;
use crate::diag::Result;
use crate::source::formats::{Suspect, label_of};
use crate::source::parquet::spelled_as;
use crate::source::typed::{Fault, check_values, datetime_word, day, decimal, micros};
use crate::table::{Column, Field, Kind, Levels, MISSING, is_datetime};

/// From here on an `f64` no longer holds every integer.
const LAST_INTEGER: u64 = 1 << 53;
/// Milliseconds of a second, and so on.
const MILLI: i64 = 1_000;
const MICRO: i64 = 1_000_000;
const NANO: i64 = 1_000_000_000;

/// A column while its arrays come in.
pub(super) struct Growing {
    name: String,
    kind: Kind,
    numeric: bool,
    cells: Cells,
    suspect: Option<Suspect>,
}

enum Cells {
    Numbers(Vec<f64>),
    Words { codes: Vec<u32>, seen: HashMap<Box<str>, u32> },
}

impl Growing {
    /// An empty column.
    pub fn new(wanted: &Wanted) -> Self {
        let cells = if wanted.kind.is_coded() {
            Cells::Words { codes: Vec::new(), seen: HashMap::new() }
        } else {
            Cells::Numbers(Vec::new())
        };
        Self { name: wanted.name.clone(), kind: wanted.kind, numeric: wanted.numeric, cells, suspect: None }
    }

    /// Appends an array; `before` rows of the table, which lies in `file`, have come before.
    ///
    /// # Errors
    /// `BadCell` for the first cell that is not of the column's type.
    pub fn add(&mut self, array: &dyn Array, before: usize, file: &str) -> Result<()> {
        let added = match &mut self.cells {
            Cells::Numbers(values) => {
                let start = values.len();
                numbers(array, self.kind, values).and_then(|beyond| {
                    let infinite = check_values(&values[start..], self.kind)?;
                    let beyond = beyond.filter(|_| self.kind == Kind::Number);
                    Ok(beyond.into_iter().chain(infinite).min_by_key(|fault| fault.row))
                })
            }
            Cells::Words { codes, seen } => words(array, seen, codes).map(|()| None),
        };
        let suspect = added.map_err(|fault| fault.error("", &self.name, before + fault.row + 1, file))?;
        if let Some(fault) = suspect.filter(|_| self.suspect.is_none()) {
            self.suspect = Some(fault.suspect("", &self.name, before + fault.row + 1, file));
        }
        Ok(())
    }

    /// The column.
    pub fn finish(self) -> (Field, Column, Option<Suspect>) {
        let column = match self.cells {
            Cells::Numbers(values) => Column::Number(values.into()),
            Cells::Words { mut codes, seen } => {
                let levels =
                    Levels::new(seen.keys().map(|word| String::from(&**word)).collect(), self.numeric);
                let mut places = vec![MISSING; seen.len()];
                for (label, place) in levels.labels().iter().zip(0..) {
                    if let Some(code) = seen.get(label.as_str()) {
                        places[*code as usize] = place;
                    }
                }
                for code in codes.iter_mut().filter(|code| **code != MISSING) {
                    *code = places[*code as usize];
                }
                Column::Codes { codes: codes.into(), levels: Arc::new(levels) }
            }
        };
        (Field { name: self.name, kind: self.kind }, column, self.suspect)
    }
}

/// Appends an array of primitives.
fn push<T: ArrowPrimitiveType>(array: &dyn Array, out: &mut Vec<f64>, value: impl Fn(T::Native) -> f64) {
    let array = array.as_primitive::<T>();
    if array.null_count() == 0 {
        out.extend(array.values().iter().map(|native| value(*native)));
    } else {
        out.extend(array.iter().map(|native| native.map_or(f64::NAN, &value)));
    }
}

/// The first value that is odd.
fn first<T: ArrowPrimitiveType>(array: &dyn Array, odd: impl Fn(T::Native) -> bool) -> Option<Fault>
where
    T::Native: ToString,
{
    let values = array.as_primitive::<T>().iter().enumerate();
    let found = values.filter_map(|(row, value)| Some((row, value?))).find(|(_, value)| odd(*value));
    found.map(|(row, value)| Fault::beyond(row, &value.to_string()))
}

/// Appends an array as numbers; NaN is missing. Gives the first integer beyond 2^53.
fn numbers(array: &dyn Array, kind: Kind, out: &mut Vec<f64>) -> Result<Option<Fault>, Fault> {
    match array.data_type() {
        DataType::Null => out.resize(out.len() + array.len(), f64::NAN),
        DataType::Boolean => {
            let truth = |truth: Option<bool>| truth.map_or(f64::NAN, |truth| f64::from(u8::from(truth)));
            out.extend(array.as_boolean().iter().map(truth));
        }
        DataType::Int8 => push::<Int8Type>(array, out, f64::from),
        DataType::Int16 => push::<Int16Type>(array, out, f64::from),
        DataType::Int32 => push::<Int32Type>(array, out, f64::from),
        DataType::Int64 => {
            push::<Int64Type>(array, out, |value| value as f64);
            return Ok(first::<Int64Type>(array, |value| value.unsigned_abs() > LAST_INTEGER));
        }
        DataType::UInt8 => push::<UInt8Type>(array, out, f64::from),
        DataType::UInt16 => push::<UInt16Type>(array, out, f64::from),
        DataType::UInt32 => push::<UInt32Type>(array, out, f64::from),
        DataType::UInt64 => {
            push::<UInt64Type>(array, out, |value| value as f64);
            return Ok(first::<UInt64Type>(array, |value| value > LAST_INTEGER));
        }
        DataType::Float16 => push::<Float16Type>(array, out, f64::from),
        DataType::Float32 => push::<Float32Type>(array, out, f64::from),
        DataType::Float64 => push::<Float64Type>(array, out, |value| value),
        DataType::Decimal32(_, scale) => {
            push::<Decimal32Type>(array, out, |v| decimal(v.into(), *scale as u32))
        }
        DataType::Decimal64(_, scale) => {
            push::<Decimal64Type>(array, out, |v| decimal(v.into(), *scale as u32))
        }
        DataType::Decimal128(_, scale) => push::<Decimal128Type>(array, out, |v| decimal(v, *scale as u32)),
        DataType::Date32 => push::<Date32Type>(array, out, day),
        DataType::Date64 => push::<Date64Type>(array, out, |value| micros(value, MILLI)),
        DataType::Timestamp(TimeUnit::Second, _) => push::<TimestampSecondType>(array, out, |v| micros(v, 1)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            push::<TimestampMillisecondType>(array, out, |value| micros(value, MILLI));
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            push::<TimestampMicrosecondType>(array, out, |value| micros(value, MICRO));
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            push::<TimestampNanosecondType>(array, out, |value| micros(value, NANO));
        }
        DataType::Dictionary(..) => {
            return each_key(array, f64::NAN, out, |values, i, row| number_at(values, i, row, kind));
        }
        _ => {
            for row in 0..array.len() {
                out.push(if array.is_null(row) { f64::NAN } else { spelled(array, row, row, kind)?.0 });
            }
        }
    }
    Ok(None)
}

/// A number, and what is wrong with it where it is learned from.
type Number = (f64, Option<Fault>);

/// The value at `i`, which is not null, as a number; it is that of a row.
fn number_at(values: &dyn Array, i: usize, row: usize, kind: Kind) -> Result<Number, Fault> {
    if matches!(
        values.data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Binary | DataType::LargeBinary
    ) {
        return spelled(values, i, row, kind);
    }
    let mut one = Vec::new();
    let beyond = numbers(&*values.slice(i, 1), kind, &mut one)?;
    let value = one.first().copied().unwrap_or(f64::NAN);
    Ok((value, beyond.map(|fault| Fault { row, ..fault })))
}

/// A text as a number.
fn spelled(array: &dyn Array, i: usize, row: usize, kind: Kind) -> Result<Number, Fault> {
    let text = text(array, i).ok_or_else(|| Fault::not_utf8(row))?;
    let value = spelled_as(text, kind).ok_or_else(|| Fault::spelled(row, text, kind))?;
    Ok((value, None))
}

/// The text at `i`; `None` for bytes that are none.
fn text(array: &dyn Array, i: usize) -> Option<&str> {
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value(i)),
        DataType::LargeUtf8 => Some(array.as_string::<i64>().value(i)),
        DataType::Utf8View => Some(array.as_string_view().value(i)),
        DataType::Binary => std::str::from_utf8(array.as_binary::<i32>().value(i)).ok(),
        DataType::LargeBinary => std::str::from_utf8(array.as_binary::<i64>().value(i)).ok(),
        _ => None,
    }
}

/// Appends what `of` makes of the dictionary's value of each row; each value is asked for once.
fn each_key<T: Copy>(
    array: &dyn Array,
    missing: T,
    out: &mut Vec<T>,
    mut of: impl FnMut(&dyn Array, usize, usize) -> Result<(T, Option<Fault>), Fault>,
) -> Result<Option<Fault>, Fault> {
    let dictionary: &dyn AnyDictionaryArray = array.as_any_dictionary();
    let values = &**dictionary.values();
    let mut known: Vec<Option<T>> = vec![None; values.len()];
    let mut suspect = None;
    if values.is_empty() {
        out.resize(out.len() + array.len(), missing);
        return Ok(None);
    }
    let nulls = array.logical_nulls();
    for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
        let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let value = match known[key] {
            _ if null => missing,
            Some(value) => value,
            None => {
                let (value, fault) = of(values, key, row)?;
                suspect = suspect.or(fault);
                *known[key].insert(value)
            }
        };
        out.push(value);
    }
    Ok(suspect)
}

/// The code of a word, in order of appearance.
fn code(seen: &mut HashMap<Box<str>, u32>, word: &str) -> u32 {
    if let Some(code) = seen.get(word) {
        return *code;
    }
    let code = seen.len() as u32;
    seen.insert(word.into(), code);
    code
}

/// Appends an array as codes of words; [`MISSING`] is missing.
fn words(array: &dyn Array, seen: &mut HashMap<Box<str>, u32>, out: &mut Vec<u32>) -> Result<(), Fault> {
    if matches!(array.data_type(), DataType::Dictionary(..)) {
        let of = |values: &dyn Array, i, row| Ok((word_code(values, i, row, seen)?, None));
        return each_key(array, MISSING, out, of).map(|_| ());
    }
    for row in 0..array.len() {
        let null = array.is_null(row) || *array.data_type() == DataType::Null;
        out.push(if null { MISSING } else { word_code(array, row, row, seen)? });
    }
    Ok(())
}

/// The code of the value at `i`, which is not null; it is that of a row.
fn word_code(
    array: &dyn Array,
    i: usize,
    row: usize,
    seen: &mut HashMap<Box<str>, u32>,
) -> Result<u32, Fault> {
    let whole = |text: String| Ok(Some(text));
    let word = match array.data_type() {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary => {
            let text = text(array, i).ok_or_else(|| Fault::not_utf8(row))?;
            return Ok(code(seen, text));
        }
        // As pandas writes them.
        DataType::Boolean => whole(if array.as_boolean().value(i) { "True" } else { "False" }.to_owned()),
        DataType::Int64 => whole(array.as_primitive::<Int64Type>().value(i).to_string()),
        DataType::UInt64 => whole(array.as_primitive::<UInt64Type>().value(i).to_string()),
        data_type => {
            let value = number_at(array, i, row, Kind::Number)?.0;
            match data_type {
                DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) if !is_datetime(value) => {
                    Err(Fault::no_datetime(row))
                }
                DataType::Date32 => whole(datetime_word(value, true)),
                DataType::Date64 | DataType::Timestamp(..) => whole(datetime_word(value, false)),
                _ if value.is_nan() => Ok(None),
                _ => whole(label_of(value)),
            }
        }
    }?;
    Ok(word.map_or(MISSING, |word| code(seen, &word)))
}
