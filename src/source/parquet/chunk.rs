//! Values of one column of one row group, in order.

use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use ::parquet::data_type::{ByteArray, DataType, FixedLenByteArray, Int96};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::RowGroupMetaData;

use super::blob::Chunk;
use super::pages::Pages;

/// Some rows of a column: the values that are there, and which rows they belong to.
pub(super) struct Raw {
    /// For each row 1 where a value is there, 0 where it is missing; none where all are there.
    pub levels: Option<Vec<i16>>,
    /// The values that are there.
    pub values: Values,
}

/// Values of one of the types that a file can store.
pub(super) enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

/// Reads a column chunk from its start.
pub(super) struct ChunkReader {
    reader: ColumnReader,
    optional: bool,
}

impl ChunkReader {
    /// Leaf `leaf` of a row group.
    ///
    /// # Errors
    /// A codec that this build lacks.
    pub fn new(chunk: Chunk, group: &RowGroupMetaData, leaf: usize) -> Result<Self> {
        let column = group.column(leaf);
        let pages = Pages::new(chunk, column, group.num_rows().max(0) as usize)?;
        let description = column.column_descr_ptr();
        let optional = description.max_def_level() > 0;
        Ok(Self { reader: get_column_reader(description, Box::new(pages)), optional })
    }

    /// The next rows, exactly that many.
    ///
    /// # Errors
    /// Whatever is damaged.
    pub fn read(&mut self, rows: usize) -> Result<Raw> {
        let optional = self.optional;
        match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => read(reader, rows, optional, Values::Bool),
            ColumnReader::Int32ColumnReader(reader) => read(reader, rows, optional, Values::Int32),
            ColumnReader::Int64ColumnReader(reader) => read(reader, rows, optional, Values::Int64),
            ColumnReader::FloatColumnReader(reader) => read(reader, rows, optional, Values::Float),
            ColumnReader::DoubleColumnReader(reader) => read(reader, rows, optional, Values::Double),
            ColumnReader::ByteArrayColumnReader(reader) => read(reader, rows, optional, Values::Bytes),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                read(reader, rows, optional, Values::Fixed)
            }
            ColumnReader::Int96ColumnReader(reader) => read(reader, rows, optional, |values: Vec<Int96>| {
                Values::Int64(values.iter().map(Int96::to_micros).collect())
            }),
        }
    }

    /// Leaves out the next rows; pages that hold no other row are not even decompressed.
    ///
    /// # Errors
    /// Whatever is damaged.
    pub fn skip(&mut self, rows: usize) -> Result<()> {
        let skipped = match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::Int32ColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::Int64ColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::FloatColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::DoubleColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::ByteArrayColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::Int96ColumnReader(reader) => reader.skip_records(rows),
        };
        if skipped? == rows { Ok(()) } else { Err(short()) }
    }
}

fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    optional: bool,
    wrap: impl Fn(Vec<T::T>) -> Values,
) -> Result<Raw> {
    let mut values = Vec::with_capacity(rows);
    let mut levels = Vec::with_capacity(if optional { rows } else { 0 });
    let (records, present, _) =
        reader.read_records(rows, optional.then_some(&mut levels), None, &mut values)?;
    if records != rows || values.len() != present {
        return Err(short());
    }
    let levels = (optional && present < rows).then_some(levels);
    Ok(Raw { levels, values: wrap(values) })
}

fn short() -> ParquetError {
    ParquetError::General("the column has fewer rows than its row group".to_owned())
}
