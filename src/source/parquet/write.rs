//! A table as a Parquet file.

use std::io;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::Type;

use super::columns::LEVELS;
use crate::table::{Column, Kind, Levels, Table};

/// Rows of a row group, as pyarrow has them.
const GROUP: usize = 1 << 20;

/// Writes a file that pandas and polars read: numbers as doubles, categories and text as strings, datetimes in microseconds
/// without a zone, missing as null.
///
/// # Errors
/// Those of `out`.
pub(in crate::source) fn write(table: &Table, out: &mut dyn io::Write) -> io::Result<()> {
    out.write_all(&written(table).map_err(io::Error::other)?)
}

fn written(table: &Table) -> Result<Vec<u8>> {
    let columns: Result<Vec<_>> = table.fields().map(|(field, _)| node(&field.name, field.kind)).collect();
    let schema = Type::group_type_builder("schema").with_fields(columns?).build()?;
    let numeric: Vec<&str> = table
        .fields()
        .filter(|(_, column)| matches!(column, Column::Codes { levels, .. } if levels.numeric()))
        .map(|(field, _)| field.name.as_str())
        .collect();
    let said = (!numeric.is_empty())
        .then(|| vec![KeyValue::new(LEVELS.to_owned(), serde_json::Value::from(numeric).to_string())]);
    let properties =
        WriterProperties::builder().set_compression(Compression::SNAPPY).set_key_value_metadata(said).build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    for start in (0..table.rows()).step_by(GROUP) {
        let rows = start..(start + GROUP).min(table.rows());
        let mut group = file.next_row_group()?;
        for (field, column) in table.fields() {
            let gone = || ParquetError::General("a column is gone".to_owned());
            let mut writer = group.next_column()?.ok_or_else(gone)?;
            match column {
                Column::Number(values) => numbers(&values[rows.clone()], field.kind, &mut writer)?,
                Column::Codes { codes, levels } => words(&codes[rows.clone()], levels, &mut writer)?,
            }
            writer.close()?;
        }
        group.close()?;
    }
    file.into_inner()
}

fn node(name: &str, kind: Kind) -> Result<Arc<Type>> {
    let (physical, logical) = match kind {
        Kind::Number => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Datetime => (Physical::INT64, Some(LogicalType::timestamp(false, TimeUnit::MICROS))),
        Kind::Category | Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let node = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(node.with_logical_type(logical).build()?))
}

fn numbers(values: &[f64], kind: Kind, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
    let there: Vec<i16> = values.iter().map(|value| i16::from(!value.is_nan())).collect();
    let present = values.iter().copied().filter(|value| !value.is_nan());
    match kind {
        Kind::Bool => column::<BoolType>(writer, present.map(|value| value != 0.0).collect(), &there),
        Kind::Datetime => column::<Int64Type>(writer, present.map(|value| value as i64).collect(), &there),
        _ => column::<DoubleType>(writer, present.collect(), &there),
    }
}

fn words(codes: &[u32], levels: &Levels, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
    // Bytes that are counted, so that a label stands in memory once.
    let labels: Vec<ByteArray> =
        levels.labels().iter().map(|label| ByteArray::from(label.as_bytes().to_vec())).collect();
    let label = |code: &u32| labels.get(*code as usize);
    let there: Vec<i16> = codes.iter().map(|code| i16::from(label(code).is_some())).collect();
    column::<ByteArrayType>(writer, codes.iter().filter_map(label).cloned().collect(), &there)
}

/// Writes the values that are there, and which they are.
fn column<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: Vec<T::T>,
    there: &[i16],
) -> Result<()> {
    writer.typed::<T>().write_batch(&values, Some(there), None).map(|_| ())
}
