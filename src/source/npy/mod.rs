//! NPY: one array of NumPy, of one or two dimensions or of records.
//!
//! The columns of a plain array are `x0`, `x1` and so on, as scikit-learn calls those of an array; those of records have names.
//! Floats, integers, booleans, texts (`U` and `S`) and `datetime64` are read, in either byte order. Arrays of objects are
//! pickles, and are refused. The format: numpy.lib.format.

mod header;
mod write;

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{DataType, Field, TimeUnit};

use self::header::{Header, Item, Stored};
pub(super) use self::write::{check, write};
use super::arrow::{self, Batch, Batches};
use super::formats::{Part, Read, ReadOptions};
use super::typed::micros;
use crate::diag::{Code, Diagnostic, Result};

/// Reads NPY values, as one table.
///
/// # Errors
/// `UnreadableValue` for what is damaged and for arrays that are no table; `RefusedFormat` for arrays of objects; and what
/// [`arrow::table`] meets.
pub(super) fn read(parts: &[Part<'_>], options: &ReadOptions) -> Result<Read> {
    let arrays = parts.iter().map(|part| Ok((part.name.to_owned(), Array::open(part)?)));
    arrow::table(arrays.collect::<Result<_>>()?, options)
}

/// An array as columns.
struct Array<'a> {
    name: &'a str,
    rows: usize,
    columns: Vec<Column>,
    fields: Vec<Arc<Field>>,
    data: &'a [u8],
    done: bool,
}

/// Where the cells of a column lie.
struct Column {
    item: Item,
    first: usize,
    stride: usize,
}

impl<'a> Array<'a> {
    fn open(part: &Part<'a>) -> Result<Self> {
        let unreadable = |message: String| {
            let help = "write a table with `numpy.save(FILE, array)`: an array of one or two dimensions, or of records";
            Code::UnreadableValue.error(message).help(help).within(part.name, None, None)
        };
        let (header, data) =
            header::header(part.bytes).map_err(|message| unreadable(format!("NPY: {message}")))?;
        let objects = |item: &Item| item.stored == Stored::Objects;
        if header.items.iter().any(|(_, item)| objects(item)) {
            return Err(refused().within(part.name, None, None));
        }
        let (rows, columns) = laid_out(&header).map_err(&unreadable)?;
        let bytes = header.items.iter().map(|(_, item)| item.bytes).sum::<usize>();
        let cells = header.shape.iter().try_fold(bytes, |cells, n| cells.checked_mul(*n));
        if cells != Some(data.len()) {
            let expected = cells.map_or("more".to_owned(), |cells| cells.to_string());
            return Err(unreadable(format!(
                "NPY: the array takes {expected} bytes, and there are {}",
                data.len()
            )));
        }
        let mut fields = Vec::with_capacity(columns.len());
        let mut places = Vec::with_capacity(columns.len());
        for (name, column) in columns {
            fields.push(Arc::new(Field::new(name, column.item.stored.data_type(), true)));
            places.push(column);
        }
        Ok(Self { name: part.name, rows, columns: places, fields, data, done: false })
    }
}

/// The rows and columns of an array; an error in words where it is no table.
fn laid_out(header: &Header) -> std::result::Result<(usize, Vec<(String, Column)>), String> {
    let record: usize = header.items.iter().map(|(_, item)| item.bytes).sum();
    if record == 0 {
        return Err("the array's items have no bytes".to_owned());
    }
    if let ([(None, item)], [rows, rest @ ..]) = (&header.items[..], &header.shape[..])
        && rest.len() < 2
    {
        let width = rest.first().copied().unwrap_or(1);
        if *rows == 0 {
            return Err("the array has no rows".to_owned());
        }
        let (first, stride) = if header.fortran { (*rows, 1) } else { (1, width) };
        let column = |j: usize| {
            let at = if header.fortran { j.saturating_mul(first) } else { j };
            let column = Column {
                item: *item,
                first: at.saturating_mul(record),
                stride: stride.saturating_mul(record),
            };
            (format!("x{j}"), column)
        };
        // As many as there are bytes at most: the caller compares them.
        return Ok((*rows, (0..width).map(column).collect()));
    }
    let ([rows], true) = (&header.shape[..], header.items.iter().all(|(name, _)| name.is_some())) else {
        return Err(format!("the array has {} dimensions", header.shape.len()));
    };
    if *rows == 0 {
        return Err("the array has no rows".to_owned());
    }
    let mut first = 0;
    let mut columns = Vec::new();
    for (name, item) in &header.items {
        if let (Some(name), true) = (name, item.stored != Stored::Padding) {
            columns.push((name.clone(), Column { item: *item, first, stride: record }));
        }
        first += item.bytes;
    }
    Ok((*rows, columns))
}

fn refused() -> Diagnostic {
    const SNIPPET: &str = "if you trust who wrote it, convert it once in Python:
import numpy, pandas
array = numpy.load(FILE, allow_pickle=True)
pandas.DataFrame(array).to_csv(\"data.csv\", index=False)";
    let message = "the array holds Python objects, which are a pickle, and can run code when they are read";
    Code::RefusedFormat.error(message).help(SNIPPET)
}

impl Batches for Array<'_> {
    fn fields(&self) -> &[Arc<Field>] {
        &self.fields
    }

    fn next(&mut self, columns: &[usize]) -> Result<Option<Batch>> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(None);
        }
        let array = |place: &usize| self.array(&self.columns[*place], self.fields[*place].name());
        Ok(Some(Batch { rows: self.rows, columns: columns.iter().map(array).collect::<Result<_>>()? }))
    }
}

impl Array<'_> {
    fn array(&self, column: &Column, name: &str) -> Result<ArrayRef> {
        let Column { item, first, stride } = *column;
        let cells = (0..self.rows).map(|row| &self.data[first + row * stride..][..item.bytes]);
        Ok(match item.stored {
            Stored::Float => Arc::new(Float64Array::from_iter_values(cells.map(|cell| item.float(cell)))),
            Stored::Integer => Arc::new(Int64Array::from_iter_values(cells.map(|cell| item.integer(cell)))),
            Stored::Unsigned => {
                Arc::new(UInt64Array::from_iter_values(cells.map(|cell| item.unsigned(cell))))
            }
            Stored::Truth => Arc::new(cells.map(|cell| Some(cell[0] != 0)).collect::<BooleanArray>()),
            Stored::Datetime { seconds, a_second } => {
                let instant = |cell: &[u8]| {
                    // The least integer is NaT. What no float holds is beyond all years.
                    let units = Some(item.integer(cell)).filter(|units| *units != i64::MIN)?;
                    Some(units.checked_mul(seconds).map_or(f64::MAX, |units| micros(units, a_second)) as i64)
                };
                Arc::new(cells.map(instant).collect::<TimestampMicrosecondArray>())
            }
            Stored::Wide | Stored::Bytes => {
                let texts: Option<Vec<String>> = cells.map(|cell| item.text(cell)).collect();
                let texts = texts.ok_or_else(|| {
                    let message = format!("column `{name}`: a text is not Unicode");
                    Code::UnreadableValue
                        .error(message)
                        .help("write texts of type `U`")
                        .within(self.name, None, None)
                })?;
                Arc::new(StringArray::from(texts))
            }
            Stored::Objects | Stored::Padding => return Err(Code::Bug.error("an NPY column of no type")),
        })
    }
}

impl Stored {
    fn data_type(self) -> DataType {
        match self {
            Self::Float => DataType::Float64,
            Self::Integer => DataType::Int64,
            Self::Unsigned => DataType::UInt64,
            Self::Truth => DataType::Boolean,
            Self::Datetime { .. } => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Wide | Self::Bytes => DataType::Utf8,
            Self::Objects | Self::Padding => DataType::Null,
        }
    }
}
