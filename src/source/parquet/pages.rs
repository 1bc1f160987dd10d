//! The pages of a column chunk, checked before they are decoded.

use ::parquet::basic::{Encoding, Type};
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::serialized_reader::SerializedPageReader;

use super::blob::Chunk;

/// Pages in which nothing stands that the decoder takes for granted: it makes room for as many words
/// as a dictionary claims, and counts on levels that lie within the page.
pub(super) struct Pages {
    inner: SerializedPageReader<Chunk>,
    /// The least bytes that a value of a dictionary takes.
    width: usize,
    has_dictionary: bool,
}

impl Pages {
    /// The pages of a chunk of a row group with some rows.
    ///
    /// # Errors
    /// A codec that this build lacks.
    pub fn new(chunk: Chunk, column: &ColumnChunkMetaData, rows: usize) -> Result<Self> {
        let width = match column.column_type() {
            Type::BOOLEAN => 1,
            Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
            Type::INT64 | Type::DOUBLE => 8,
            Type::INT96 => 12,
            Type::FIXED_LEN_BYTE_ARRAY => column.column_descr().type_length().max(1) as usize,
        };
        let inner = SerializedPageReader::new(chunk.into(), column, rows, None)?;
        Ok(Self { inner, width, has_dictionary: false })
    }

    fn check(&mut self, page: &Page) -> Result<()> {
        let damaged = |message: &str| Err(ParquetError::General(message.to_owned()));
        match page {
            Page::DictionaryPage { buf, num_values, .. } => {
                self.has_dictionary = true;
                if (*num_values as usize).saturating_mul(self.width) > buf.len() {
                    return damaged("a dictionary claims more values than it can hold");
                }
            }
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                if u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len) > buf.len() as u64 {
                    return damaged("a page's levels are longer than the page");
                }
            }
            Page::DataPage { .. } => {}
        }
        let coded = matches!(page.encoding(), Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY);
        if page.is_data_page() && coded && !self.has_dictionary {
            return damaged("a page needs a dictionary that is not there");
        }
        Ok(())
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        while let Some(page) = self.inner.get_next_page()? {
            self.check(&page)?;
            // The decoder takes a page without values for the end.
            if page.is_dictionary_page() || page.num_values() > 0 {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
