//! The wire form of protocol buffers, read without a schema: <https://protobuf.dev/programming-guides/encoding/>.

/// A message: its fields as they come.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<(u64, Field)>);

#[derive(Clone, Debug)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Message {
    /// Takes bytes apart; every one of them belongs to a field.
    pub fn read(mut bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Number(varint(&mut bytes)),
                1 => Field::Bytes(take(&mut bytes, 8)),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    Field::Bytes(take(&mut bytes, length))
                }
                other => panic!("wire type {other}"),
            };
            fields.push((key >> 3, field));
        }
        Self(fields)
    }

    fn bytes(&self, tag: u64) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(move |(found, field)| match field {
            Field::Bytes(bytes) if *found == tag => Some(&bytes[..]),
            _ => None,
        })
    }

    /// The messages in a field.
    pub fn messages(&self, tag: u64) -> Vec<Message> {
        self.bytes(tag).map(Message::read).collect()
    }

    /// The text in a field, once for each time that it is there.
    pub fn texts(&self, tag: u64) -> Vec<String> {
        self.bytes(tag).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()).collect()
    }

    /// The text of a field that is there once, or not at all.
    pub fn text(&self, tag: u64) -> String {
        self.texts(tag).pop().unwrap_or_default()
    }

    /// A whole number, 0 where it is absent.
    pub fn int(&self, tag: u64) -> i64 {
        self.ints(tag).first().copied().unwrap_or(0)
    }

    /// Whole numbers, packed or not.
    pub fn ints(&self, tag: u64) -> Vec<i64> {
        let mut ints = Vec::new();
        for (_, field) in self.0.iter().filter(|(found, _)| *found == tag) {
            match field {
                Field::Number(number) => ints.push(*number as i64),
                Field::Bytes(bytes) => {
                    let mut bytes = &bytes[..];
                    while !bytes.is_empty() {
                        ints.push(varint(&mut bytes) as i64);
                    }
                }
            }
        }
        ints
    }

    /// Doubles, packed.
    pub fn doubles(&self, tag: u64) -> Vec<f64> {
        let of = |bytes: &[u8]| -> Vec<f64> {
            bytes.chunks(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
        };
        self.bytes(tag).flat_map(of).collect()
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return value;
        }
    }
    panic!("a number without an end");
}

fn take(bytes: &mut &[u8], length: usize) -> Vec<u8> {
    let (own, rest) = bytes.split_at(length);
    *bytes = rest;
    own.to_vec()
}
