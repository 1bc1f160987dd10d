//! The footer of a Parquet file.

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::blob::Blob;

/// The first and the last bytes of a file.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// The length of the footer and the magic.
const TAIL: u64 = 8;

/// What the footer says.
///
/// # Errors
/// Whatever makes it none.
pub(super) fn footer(blob: &Blob) -> Result<ParquetMetaData> {
    let damaged = |message: &str| ParquetError::General(message.to_owned());
    let read = |start, length| blob.read(start, length).map_err(|error| ParquetError::External(error.into()));
    let end = blob.len().checked_sub(TAIL).ok_or_else(|| damaged("too short for a Parquet file"))?;
    if end < MAGIC.len() as u64 || read(0, MAGIC.len())? != MAGIC {
        return Err(damaged("no Parquet file: it does not begin with `PAR1`"));
    }
    let tail = read(end, TAIL as usize)?;
    match &tail[4..] {
        MAGIC => {}
        b"PARE" => return Err(damaged("the file is encrypted")),
        _ => return Err(damaged("the file does not end with `PAR1`: it is cut short")),
    }
    let length = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
    let start =
        end.checked_sub(u64::from(length)).ok_or_else(|| damaged("the footer is longer than the file"))?;
    let bytes = read(start, length as usize)?;
    let mut walk = Walk { rest: &bytes, elements: 0 };
    walk.structure(&mut Vec::new()).ok_or_else(|| damaged("the footer is damaged"))?;
    let footer = ParquetMetaDataReader::decode_metadata(&bytes)?;
    // Where one file follows another, the last footer's places lie in the first, by whose length they are off.
    let gap = start.saturating_sub(end_of_data(&footer));
    if gap >= TAIL && read(gap - MAGIC.len() as u64, 2 * MAGIC.len())? == [MAGIC, MAGIC].concat() {
        return Err(damaged("two files were put together"));
    }
    Ok(footer)
}

/// The end of the last column, index or filter that a footer knows of.
fn end_of_data(footer: &ParquetMetaData) -> u64 {
    let chunks = footer.row_groups().iter().flat_map(|group| group.columns());
    let ends = chunks.flat_map(|chunk| {
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let data = start.checked_add(chunk.compressed_size());
        let part = |start: Option<i64>, length: Option<i32>| start?.checked_add(i64::from(length?));
        let index = part(chunk.column_index_offset(), chunk.column_index_length());
        let offsets = part(chunk.offset_index_offset(), chunk.offset_index_length());
        let filter = part(chunk.bloom_filter_offset(), chunk.bloom_filter_length());
        [data, index, offsets, filter]
    });
    ends.flatten().filter_map(|end| u64::try_from(end).ok()).max().unwrap_or(MAGIC.len() as u64)
}

/// Walks over Thrift's compact protocol before it is decoded, since the decoder makes room for as
/// many row groups and fields as the footer claims. Every step gives `None` for what cannot be.
struct Walk<'a> {
    rest: &'a [u8],
    /// The elements of the schema.
    elements: u64,
}

/// The place of the schema's elements within a footer, and of the number of children within an
/// element, by field ids.
const ELEMENTS: [i64; 1] = [2];
const CHILDREN: [i64; 2] = [2, 5];
/// Structs within structs, far beyond those of a footer.
const DEEPEST: usize = 16;

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn skip(&mut self, bytes: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(bytes).ok()?..)?;
        Some(())
    }

    /// A struct at a path of field ids.
    fn structure(&mut self, path: &mut Vec<i64>) -> Option<()> {
        if path.len() > DEEPEST {
            return None;
        }
        let mut id = 0i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            id = if head >> 4 == 0 { self.integer()? } else { id.checked_add(i64::from(head >> 4))? };
            path.push(id);
            match head & 0x0f {
                // A boolean's value is in its type.
                1 | 2 => {}
                kind => self.value(kind, path)?,
            }
            path.pop();
        }
    }

    fn value(&mut self, kind: u8, path: &mut Vec<i64>) -> Option<()> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => {
                let value = self.integer()?;
                let children = *path == CHILDREN;
                (!children || (0..=self.elements as i64).contains(&value)).then_some(())
            }
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 => self.list(path),
            12 => self.structure(path),
            // Maps and what else there is have no place in a footer.
            _ => None,
        }
    }

    fn list(&mut self, path: &mut Vec<i64>) -> Option<()> {
        let head = self.byte()?;
        let size = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        if *path == ELEMENTS {
            self.elements = size;
        }
        // An element takes a byte at least.
        if size > self.rest.len() as u64 {
            return None;
        }
        (0..size).try_for_each(|_| self.value(head & 0x0f, path))
    }
}

#[cfg(test)]
mod tests {
    use super::Walk;

    fn walk(bytes: &[u8]) -> Option<()> {
        Walk { rest: bytes, elements: 0 }.structure(&mut Vec::new())
    }

    #[test]
    fn claims_beyond_the_footer_are_refused() {
        // Version 1, a schema of one element with a name and no children, three rows.
        assert!(walk(&[0x15, 2, 0x19, 0x1c, 0x48, 1, b'a', 0x15, 0, 0, 0x16, 6, 0]).is_some());
        // The same element with 2^28 children.
        assert!(
            walk(&[0x15, 2, 0x19, 0x1c, 0x48, 1, b'a', 0x15, 0x80, 0x80, 0x80, 0x80, 2, 0, 0x16, 6, 0])
                .is_none()
        );
        // A list of 2^27 row groups.
        assert!(walk(&[0x49, 0xfc, 0x80, 0x80, 0x80, 0x40, 0, 0]).is_none());
        // A string longer than the rest, and an end in the middle.
        assert!(walk(&[0x18, 9, b'a', 0]).is_none());
        assert!(walk(&[0x15]).is_none());
        // Structs without end.
        assert!(walk(&[0x1c; 100]).is_none());
    }
}
