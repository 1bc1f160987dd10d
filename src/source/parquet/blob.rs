//! The bytes of a Parquet file, and one column's part of them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::basic::Compression;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;

/// The bytes of a whole file, in memory or on disk; read from any thread.
pub(super) enum Blob {
    /// The value of a key.
    Memory(Bytes),
    /// A file and its length when it was opened.
    File(Mutex<File>, u64),
}

impl Blob {
    /// Opens a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        Ok(Self::File(Mutex::new(file), metadata.len()))
    }

    /// The number of bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, len) => *len,
        }
    }

    /// `length` bytes from `start`, which must be there: nothing is allocated for others.
    pub fn read(&self, start: u64, length: usize) -> io::Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match self {
            Self::Memory(bytes) => Ok(bytes.slice(start as usize..start as usize + length)),
            Self::File(file, _) => {
                let mut bytes = vec![0; length];
                // Threads share one position, so that seeking and reading must not be parted.
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

/// What a page may grow to, whatever it claims: writers make pages of about one MiB.
const MOST_PAGE: u64 = 1 << 30;
/// Bytes that a page may have beyond what its codec can make of its compressed ones.
const SLACK: u64 = 1 << 17;

/// One column chunk of a blob, with what its compressed bytes can grow to.
pub(super) struct Chunk {
    blob: Arc<Blob>,
    growth: u64,
}

impl Chunk {
    /// A chunk of that codec.
    pub fn new(blob: Arc<Blob>, codec: Compression) -> Self {
        // How many bytes a codec can make of one: a copy of 64 bytes from 3, a length byte of 255, a
        // match of 258 bytes from 2 bits, a block of 128 KiB from 4 bytes.
        let growth = match codec {
            Compression::UNCOMPRESSED => 1,
            Compression::SNAPPY => 22,
            Compression::LZ4 | Compression::LZ4_RAW => 255,
            Compression::GZIP(_) => 1032,
            _ => 1 << 15,
        };
        Self { blob, growth }
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.blob.len()
    }
}

impl ChunkReader for Chunk {
    type T = Header;

    /// Called for the header of every page.
    fn get_read(&self, start: u64) -> Result<Header> {
        let blob = Arc::clone(&self.blob);
        Ok(Header { blob, next: start, window: Bytes::new(), growth: self.growth, fresh: true })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.blob.read(start, length).map_err(|error| ParquetError::External(error.into()))
    }
}

/// The bytes of a page's header, of unknown length. The decoder makes room for as many bytes as a
/// page claims to have when decompressed, so that claim is checked as it passes.
pub(super) struct Header {
    blob: Arc<Blob>,
    next: u64,
    window: Bytes,
    growth: u64,
    fresh: bool,
}

const WINDOW: u64 = 256;

impl Read for Header {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.window.is_empty() {
            let length = WINDOW.min(self.blob.len().saturating_sub(self.next));
            self.window = self.blob.read(self.next, length as usize)?;
            self.next += length;
            if self.fresh {
                plausible(&self.window, self.growth)?;
                self.fresh = false;
            }
        }
        let length = buf.len().min(self.window.len());
        buf[..length].copy_from_slice(&self.window.split_to(length));
        Ok(length)
    }
}

/// Checks the sizes that a page's header begins with: its type, its decompressed and its compressed
/// size, three integers of Thrift's compact protocol.
fn plausible(header: &[u8], growth: u64) -> io::Result<()> {
    let damaged = |message| io::Error::new(io::ErrorKind::InvalidData, message);
    let mut rest = header;
    let mut next = || {
        // Field ids in steps of one, of the type i32.
        rest = rest.strip_prefix(b"\x15")?;
        let end = rest.iter().take(5).position(|byte| byte & 0x80 == 0)?;
        let value = (0..=end).fold(0u64, |value, i| value | u64::from(rest[i] & 0x7f) << (7 * i));
        rest = &rest[end + 1..];
        // Zigzag: an odd number is negative.
        (value % 2 == 0).then_some(value / 2)
    };
    let sizes = next().and_then(|_| Some((next()?, next()?)));
    let (decompressed, compressed) = sizes.ok_or_else(|| damaged("a page has no header"))?;
    if decompressed > MOST_PAGE || compressed > MOST_PAGE {
        return Err(damaged("a page of more than 1 GiB"));
    }
    if decompressed > compressed * growth + SLACK {
        return Err(damaged("a page claims more bytes than it can hold"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Blob, plausible};

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        // Data page, 300 bytes, of which 20 compressed.
        let header = [0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x28, 0x2c];
        assert!(plausible(&header, 22).is_ok());
        let many = [0x15, 0x00, 0x15, 0xfe, 0xff, 0xff, 0x7f, 0x15, 0x28];
        assert!(plausible(&many, 22).is_err());
        assert!(plausible(&many[..6], 22).is_err());
        assert!(plausible(&[0x15, 0x00, 0x15, 0x01, 0x15, 0x28], 22).is_err());
    }

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let blob = Blob::Memory(vec![1, 2, 3].into());
        assert_eq!(blob.read(1, 2).expect("there")[..], [2, 3]);
        assert!(blob.read(2, 2).is_err() && blob.read(u64::MAX, 1).is_err());
    }
}
