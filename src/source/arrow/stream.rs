//! The messages of a stream, one after the other.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::Buffer;
use arrow_ipc::{Endianness, Message, MessageHeader, RecordBatch, convert, reader, root_as_message};
use arrow_schema::{ArrowError, Field, SchemaRef};

use super::{Batch, Batches};
use crate::diag::{Code, Diagnostic, Result};
use crate::source::formats::Part;

/// A file's first and last bytes; zeros fill the first to a multiple of eight, or more.
const MAGIC: &[u8] = b"ARROW1";
const ALIGNED: usize = 8;
/// What stands before the length of a message.
const CONTINUATION: u32 = u32::MAX;

/// What the buffers of a message may grow to: so many times its size, and so much at least.
const GROWTH: u64 = 250;
const ALLOWANCE: u64 = 64 << 20;
/// Rows that a message may always have; beyond, a row takes a bit.
const ROWS: u64 = 1 << 20;

/// The record batches of a value.
pub(super) struct Stream<'a> {
    part: Part<'a>,
    rest: &'a [u8],
    /// Whether it lies in a file, whose footer says where it ends.
    in_file: bool,
    schema: SchemaRef,
    fields: Vec<Arc<Field>>,
    dictionaries: HashMap<i64, ArrayRef>,
    messages: usize,
}

impl<'a> Stream<'a> {
    /// Reads the schema.
    ///
    /// # Errors
    /// `UnreadableValue` for what is none.
    pub fn open(part: &Part<'a>) -> Result<Self> {
        let in_file = part.bytes.starts_with(MAGIC);
        let mut stream = Self {
            part: *part,
            rest: part.bytes,
            in_file,
            schema: Arc::new(arrow_schema::Schema::empty()),
            fields: Vec::new(),
            dictionaries: HashMap::new(),
            messages: 0,
        };
        if in_file {
            stream.rest = within_file(part.bytes).ok_or_else(|| {
                stream.damaged("the file does not end with its footer and `ARROW1`: it is cut short")
            })?;
        }
        let Some((message, _)) = stream.message()? else { return Err(stream.damaged("it has no schema")) };
        let schema =
            message.header_as_schema().ok_or_else(|| stream.damaged("it does not begin with a schema"))?;
        if schema.endianness() != Endianness::Little {
            return Err(stream.damaged("its numbers are big-endian, which are not read"));
        }
        let schema = guarded(|| Ok(convert::fb_to_schema(schema)));
        stream.schema = Arc::new(schema.map_err(|error| stream.damaged(&error))?);
        stream.fields = stream.schema.fields().iter().cloned().collect();
        Ok(stream)
    }

    /// The next message and its body; `None` at the end.
    fn message(&mut self) -> Result<Option<(Message<'a>, &'a [u8])>> {
        self.messages += 1;
        if self.rest.is_empty() {
            // Files of old writers have no end marker, but a footer.
            return if self.in_file {
                Ok(None)
            } else {
                Err(self.damaged("it has no end marker: it is cut short"))
            };
        }
        let Some(length) = self.length() else { return Err(self.cut_short()) };
        if length == 0 {
            // Between the marker and a file's footer there may be zeros alone.
            let padded = self.in_file && self.rest.iter().all(|byte| *byte == 0);
            if !padded && !self.rest.is_empty() {
                return Err(self.damaged("there are bytes after its end marker"));
            }
            return Ok(None);
        }
        let (head, rest) = self.rest.split_at_checked(length as usize).ok_or_else(|| self.cut_short())?;
        let message = root_as_message(head)
            .map_err(|error| self.damaged(&format!("message {}: {error}", self.messages)))?;
        let body = usize::try_from(message.bodyLength()).ok().and_then(|body| rest.split_at_checked(body));
        let (body, rest) = body.ok_or_else(|| self.cut_short())?;
        self.rest = rest;
        Ok(Some((message, body)))
    }

    /// The length of the next message, without its body.
    fn length(&mut self) -> Option<u32> {
        match self.word()? {
            CONTINUATION => self.word(),
            length => Some(length),
        }
    }

    fn cut_short(&self) -> Diagnostic {
        self.damaged(&format!("message {}: it is cut short", self.messages))
    }

    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*word))
    }

    fn damaged(&self, what: &str) -> Diagnostic {
        let help = "the data is damaged, or was not written completely; close its writer";
        Code::UnreadableValue.error(format!("Arrow IPC: {what}")).help(help).within(
            self.part.name,
            None,
            None,
        )
    }
}

impl Batches for Stream<'_> {
    fn fields(&self) -> &[Arc<Field>] {
        &self.fields
    }

    fn next(&mut self, columns: &[usize]) -> Result<Option<Batch>> {
        while let Some((message, body)) = self.message()? {
            let version = message.version();
            let dictionary = message.header_as_dictionary_batch();
            let batch = match (message.header_type(), dictionary) {
                (MessageHeader::RecordBatch, _) => message.header_as_record_batch(),
                (MessageHeader::DictionaryBatch, Some(dictionary)) => dictionary.data(),
                _ => None,
            };
            let decoded =
                batch.ok_or_else(|| "it is neither rows nor a dictionary".to_owned()).and_then(|batch| {
                    plausible(&batch, body)?;
                    let body = Buffer::from(self.part.kept(body));
                    guarded(|| match dictionary {
                        Some(dictionary) => {
                            let known = &mut self.dictionaries;
                            reader::read_dictionary(&body, dictionary, &self.schema, known, &version)
                                .map(|()| None)
                        }
                        None => {
                            let (schema, known) = (Arc::clone(&self.schema), &self.dictionaries);
                            reader::read_record_batch(&body, batch, schema, known, Some(columns), &version)
                                .map(Some)
                        }
                    })
                });
            let decoded =
                decoded.map_err(|error| self.damaged(&format!("message {}: {error}", self.messages)))?;
            if let Some(batch) = decoded {
                return Ok(Some(Batch { rows: batch.num_rows(), columns: batch.columns().to_vec() }));
            }
        }
        Ok(None)
    }
}

/// The stream in a file: what lies between its magic and its footer.
fn within_file(bytes: &[u8]) -> Option<&[u8]> {
    let (rest, length) = bytes.strip_suffix(MAGIC)?.split_last_chunk::<4>()?;
    let end = rest.len().checked_sub(u32::from_le_bytes(*length) as usize)?;
    let mut stream = rest.get(ALIGNED..end)?;
    while let Some((zeros, rest)) = stream.split_first_chunk::<ALIGNED>()
        && *zeros == [0; ALIGNED]
    {
        stream = rest;
    }
    Some(stream)
}

/// What a decoder gives; damage that passes all checks may still make it panic.
fn guarded<T>(decode: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it contradicts itself".to_owned()),
    }
}

/// Checks what a batch claims of its size, for which the decoder makes room.
fn plausible(batch: &RecordBatch<'_>, body: &[u8]) -> Result<(), String> {
    let mut claimed = 0u64;
    for buffer in batch.buffers().into_iter().flatten() {
        let range = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let bytes = range.and_then(|(start, length)| body.get(start..start.checked_add(length)?));
        let bytes = bytes.ok_or("a column lies beyond its end")?;
        let length = match (batch.compression(), bytes.split_first_chunk::<8>()) {
            (Some(_), Some((length, rest))) => match i64::from_le_bytes(*length) {
                -1 => rest.len() as u64,
                length => u64::try_from(length).map_err(|_| "a column has a negative length")?,
            },
            _ => bytes.len() as u64,
        };
        claimed = claimed.saturating_add(length);
    }
    let most = (body.len() as u64).saturating_mul(GROWTH).max(ALLOWANCE);
    if claimed > most {
        return Err(format!("it claims to grow to {claimed} bytes from {}", body.len()));
    }
    let rows = claimed.saturating_mul(8).max(ROWS);
    let lengths = batch.nodes().into_iter().flatten().map(|node| node.length()).chain([batch.length()]);
    match lengths.into_iter().find(|length| u64::try_from(*length).map_or(true, |length| length > rows)) {
        Some(length) => Err(format!("it claims {length} rows")),
        None => Ok(()),
    }
}
