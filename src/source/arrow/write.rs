//! A table as an Arrow file.

use std::io;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, RecordBatchOptions,
    StringArray, TimestampMicrosecondArray,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};

use super::columns::LEVELS;
use crate::table::{Column, Kind, Levels, Table};

/// Writes a file that pandas and polars read: numbers as doubles, categories as dictionaries, datetimes in microseconds
/// without a zone, missing as null.
///
/// # Errors
/// Those of `out`.
pub(in crate::source) fn write(table: &Table, out: &mut dyn io::Write) -> io::Result<()> {
    written(table, out).map_err(|error| match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    })
}

fn written(table: &Table, out: &mut dyn io::Write) -> Result<(), ArrowError> {
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in table.fields() {
        let (data_type, array) = array(field.kind, column)?;
        let mut written = Field::new(field.name.as_str(), data_type, true);
        if let Column::Codes { levels, .. } = column
            && levels.numeric()
        {
            written.set_metadata([(LEVELS.0.to_owned(), LEVELS.1.to_owned())].into());
        }
        fields.push(written);
        columns.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(table.rows()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
    let mut writer = FileWriter::try_new(out, &schema)?;
    writer.write(&batch)?;
    writer.finish()
}

fn array(kind: Kind, column: &Column) -> Result<(DataType, ArrayRef), ArrowError> {
    let present = |value: &f64| (!value.is_nan()).then_some(*value);
    Ok(match column {
        Column::Number(values) if kind == Kind::Bool => {
            let truths: BooleanArray =
                values.iter().map(|value| present(value).map(|value| value != 0.0)).collect();
            (DataType::Boolean, Arc::new(truths))
        }
        Column::Number(values) if kind == Kind::Datetime => {
            let micros = values.iter().map(|value| present(value).map(|value| value as i64));
            let array: TimestampMicrosecondArray = micros.collect();
            (DataType::Timestamp(TimeUnit::Microsecond, None), Arc::new(array))
        }
        Column::Number(values) => {
            let array: Float64Array = values.iter().map(present).collect();
            (DataType::Float64, Arc::new(array))
        }
        Column::Codes { codes, levels } if kind == Kind::Text => {
            let texts: StringArray = codes.iter().map(|code| levels.label(*code)).collect();
            (DataType::Utf8, Arc::new(texts))
        }
        // pandas takes keys with a sign only.
        Column::Codes { codes, levels } => {
            let (places, labels) = used(codes, levels);
            let keys: Int32Array =
                codes.iter().map(|code| places.get(*code as usize).copied().flatten()).collect();
            let labels = Arc::new(StringArray::from_iter_values(labels));
            let array = DictionaryArray::<Int32Type>::try_new(keys, labels)?;
            (DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into()), Arc::new(array))
        }
    })
}

/// The labels that stand in some row, and the place among them that each code gets: those that no row has are not part of
/// what is written.
fn used<'l>(codes: &[u32], levels: &'l Levels) -> (Vec<Option<i32>>, Vec<&'l String>) {
    let mut is_used = vec![false; levels.len()];
    for code in codes {
        if let Some(used) = is_used.get_mut(*code as usize) {
            *used = true;
        }
    }
    let labels: Vec<&String> =
        levels.labels().iter().zip(&is_used).filter(|(_, used)| **used).map(|(label, _)| label).collect();
    let mut place = -1;
    let places = is_used.iter().map(|used| {
        place += i32::from(*used);
        used.then_some(place)
    });
    (places.collect(), labels)
}
