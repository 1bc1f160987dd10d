//! The header of an NPY file: a Python dictionary.

use std::collections::BTreeMap;

/// What the header says.
pub(super) struct Header {
    /// The items of an element: one without a name, or those of a record.
    pub items: Vec<(Option<String>, Item)>,
    /// Whether the first index varies fastest.
    pub fortran: bool,
    /// The length of each dimension.
    pub shape: Vec<usize>,
}

/// One item of an element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Item {
    pub stored: Stored,
    /// How many bytes it takes.
    pub bytes: usize,
    big: bool,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Float,
    Integer,
    Unsigned,
    Truth,
    /// Units since 1970, each so many seconds, or of which a second has so many.
    Datetime {
        seconds: i64,
        a_second: i64,
    },
    /// Text of four bytes a character.
    Wide,
    /// Bytes of text.
    Bytes,
    /// Pickled objects.
    Objects,
    /// Bytes between the fields of a record.
    Padding,
}

/// The longest header that is read: NumPy's own bound is 10,000 characters.
const LONGEST: usize = 1 << 20;
/// Lists within lists.
const DEEPEST: usize = 8;

/// The header, and the bytes behind it.
pub(super) fn header(bytes: &[u8]) -> Result<(Header, &[u8]), String> {
    let cut = || "it is cut short".to_owned();
    let (start, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
    let (length, rest) = match start[6] {
        1 => rest.split_first_chunk::<2>().map(|(n, rest)| (usize::from(u16::from_le_bytes(*n)), rest)),
        2 | 3 => rest.split_first_chunk::<4>().map(|(n, rest)| (u32::from_le_bytes(*n) as usize, rest)),
        other => return Err(format!("version {other} is not known")),
    }
    .ok_or_else(cut)?;
    if length > LONGEST {
        return Err("its header is too long".to_owned());
    }
    let (text, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    // Latin-1 before version 3; names in ASCII are the same in both.
    let latin = || text.iter().map(|byte| char::from(*byte)).collect();
    let text = if start[6] < 3 { latin() } else { String::from_utf8_lossy(text).into_owned() };
    let mut parser = Parser { rest: text.trim_ascii(), depth: 0 };
    let parsed = parser.value().filter(|_| parser.rest.is_empty()).and_then(described);
    match parsed {
        Some(header) => Ok((header?, data)),
        None => Err("its header is damaged".to_owned()),
    }
}

/// The header from its dictionary; `None` where it is not one.
fn described(value: Literal) -> Option<Result<Header, String>> {
    let Literal::Map(mut map) = value else { return None };
    let (descr, fortran, shape) = (map.remove("descr")?, map.remove("fortran_order")?, map.remove("shape")?);
    let (Literal::Truth(fortran), Literal::List(shape)) = (fortran, shape) else { return None };
    let length = |length: Literal| if let Literal::Whole(length) = length { Some(length) } else { None };
    let shape: Vec<usize> = shape.into_iter().map(length).collect::<Option<_>>()?;
    let items = match descr {
        Literal::Text(code) => item(&code).map(|item| vec![(None, item)]),
        Literal::List(fields) => fields.into_iter().map(field).collect(),
        _ => return None,
    };
    Some(items.map(|items| Header { items, fortran, shape }))
}

/// A field of a record: `('name', '<f8')`.
fn field(field: Literal) -> Result<(Option<String>, Item), String> {
    let strange = || Err("fields that are arrays or records are not read".to_owned());
    let Literal::List(parts) = field else { return strange() };
    match &parts[..] {
        [Literal::Text(name), Literal::Text(code)] if name.is_empty() && code.starts_with("|V") => {
            Ok((Some(String::new()), Item { stored: Stored::Padding, ..item(code)? }))
        }
        [Literal::Text(name), Literal::Text(code)] => match item(code)? {
            Item { stored: Stored::Padding, .. } => Err(format!("values of the type `{code}` are not read")),
            item => Ok((Some(name.clone()), item)),
        },
        // With a title before the name.
        [Literal::List(names), Literal::Text(code)] => match &names[..] {
            [_, Literal::Text(name)] => Ok((Some(name.clone()), item(code)?)),
            _ => strange(),
        },
        _ => strange(),
    }
}

/// An item from its code, such as `<f8`.
fn item(code: &str) -> Result<Item, String> {
    let unknown = || format!("values of the type `{}` are not read", code.escape_debug());
    let (order, kind) = code.split_at_checked(1).ok_or_else(unknown)?;
    let big = match order {
        "<" | "|" | "=" => false,
        ">" => true,
        _ => return Err(unknown()),
    };
    let (kind, size) = kind.split_at_checked(1).ok_or_else(unknown)?;
    let (size, unit) = size.split_at(size.find('[').unwrap_or(size.len()));
    let size: usize = if kind == "O" { 8 } else { size.parse().map_err(|_| unknown())? };
    let (stored, bytes) = match (kind, size) {
        ("f", 2 | 4 | 8) => (Stored::Float, size),
        ("i", 1 | 2 | 4 | 8) => (Stored::Integer, size),
        ("u", 1 | 2 | 4 | 8) => (Stored::Unsigned, size),
        ("b", 1) => (Stored::Truth, 1),
        ("M", 8) => (datetime(unit).ok_or_else(unknown)?, 8),
        ("U", 0..=0xff_ffff) => (Stored::Wide, 4 * size),
        ("S", 0..=0xff_ffff) => (Stored::Bytes, size),
        ("O", _) => (Stored::Objects, 8),
        ("V", 0..=0xff_ffff) => (Stored::Padding, size),
        _ => return Err(unknown()),
    };
    Ok(Item { stored, bytes, big })
}

/// `[ns]` and the like; years and months have no fixed length.
fn datetime(unit: &str) -> Option<Stored> {
    let (seconds, a_second) = match unit {
        "[W]" => (604_800, 1),
        "[D]" => (86_400, 1),
        "[h]" => (3600, 1),
        "[m]" => (60, 1),
        "[s]" => (1, 1),
        "[ms]" => (1, 1_000),
        "[us]" => (1, 1_000_000),
        "[ns]" => (1, 1_000_000_000),
        _ => return None,
    };
    Some(Stored::Datetime { seconds, a_second })
}

impl Item {
    /// The bytes of a cell in little-endian order, with `fill` above them.
    fn wide(&self, cell: &[u8], fill: u8) -> [u8; 8] {
        let mut wide = [fill; 8];
        wide[..cell.len()].copy_from_slice(cell);
        if self.big {
            wide[..cell.len()].reverse();
        }
        wide
    }

    /// A cell that is a float.
    pub fn float(&self, cell: &[u8]) -> f64 {
        let wide = self.wide(cell, 0);
        let bits = u64::from_le_bytes(wide);
        match self.bytes {
            8 => f64::from_bits(bits),
            4 => f64::from(f32::from_bits(bits as u32)),
            _ => half(bits as u16),
        }
    }

    /// A cell that is an integer with a sign.
    pub fn integer(&self, cell: &[u8]) -> i64 {
        let top = if self.big { cell.first() } else { cell.last() };
        let fill = if top.is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        i64::from_le_bytes(self.wide(cell, fill))
    }

    /// A cell that is an integer without one.
    pub fn unsigned(&self, cell: &[u8]) -> u64 {
        u64::from_le_bytes(self.wide(cell, 0))
    }

    /// A cell that is a text, without the zeros that fill it; `None` for what is none.
    pub fn text(&self, cell: &[u8]) -> Option<String> {
        let text: String = match self.stored {
            Stored::Wide => {
                let letter = |bytes: &[u8; 4]| {
                    char::from_u32(if self.big {
                        u32::from_be_bytes(*bytes)
                    } else {
                        u32::from_le_bytes(*bytes)
                    })
                };
                cell.as_chunks::<4>().0.iter().map(letter).collect::<Option<_>>()?
            }
            _ => std::str::from_utf8(cell).ok()?.to_owned(),
        };
        Some(text.trim_end_matches('\0').to_owned())
    }
}

/// A float of 16 bits, which a double holds: IEEE 754.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff) / 1024.0);
    sign * match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    }
}

/// A Python literal; a tuple is a list.
enum Literal {
    Text(String),
    Whole(usize),
    Truth(bool),
    List(Vec<Literal>),
    Map(BTreeMap<String, Literal>),
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_ascii_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_ascii_start();
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Option<Literal> {
        self.depth += 1;
        let value = match self.rest.trim_ascii_start().as_bytes().first()? {
            _ if self.depth > DEEPEST => None,
            b'{' => self.map(),
            b'[' => self.list("[", "]"),
            b'(' => self.list("(", ")"),
            b'\'' | b'"' => self.text().map(Literal::Text),
            b'0'..=b'9' => self.whole(),
            _ if self.eat("True") => Some(Literal::Truth(true)),
            _ if self.eat("False") => Some(Literal::Truth(false)),
            _ => None,
        };
        self.depth -= 1;
        value
    }

    fn list(&mut self, open: &str, close: &str) -> Option<Literal> {
        self.eat(open);
        let mut values = Vec::new();
        while !self.eat(close) {
            values.push(self.value()?);
            if !self.eat(",") {
                return self.eat(close).then_some(Literal::List(values));
            }
        }
        Some(Literal::List(values))
    }

    fn map(&mut self) -> Option<Literal> {
        self.eat("{");
        let mut map = BTreeMap::new();
        while !self.eat("}") {
            let key = self.text()?;
            if !self.eat(":") {
                return None;
            }
            map.insert(key, self.value()?);
            if !self.eat(",") {
                return self.eat("}").then_some(Literal::Map(map));
            }
        }
        Some(Literal::Map(map))
    }

    fn whole(&mut self) -> Option<Literal> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        // Python 2 wrote long integers so.
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        number.parse().ok().map(Literal::Whole)
    }

    fn text(&mut self) -> Option<String> {
        self.rest = self.rest.trim_ascii_start();
        let quote = self.rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let mut text = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => text.push(escape(&mut letters)?),
                letter if letter == quote => {
                    self.rest = &self.rest[at + letter.len_utf8()..];
                    return Some(text);
                }
                letter => text.push(letter),
            }
        }
        None
    }
}

/// What follows a backslash.
fn escape(letters: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let (_, kind) = letters.next()?;
    let digits = match kind {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        '\\' | '\'' | '"' => return Some(kind),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let text: String = letters.take(digits).map(|(_, letter)| letter).collect();
    u32::from_str_radix(&text, 16).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::{Stored, half, header, item};

    fn file(header: &str) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes
    }

    #[test]
    fn headers_are_python() {
        let bytes = file(
            "{'descr': [('a b', '<f8'), ('', '|V4'), (\"it's\\n\", '>i2'), ], 'fortran_order': False, 'shape': (3L,), } \n",
        );
        let (header, rest) = header(&bytes).expect("a header");
        let names: Vec<_> = header.items.iter().map(|(name, item)| (name.as_deref(), item.stored)).collect();
        let expected =
            [(Some("a b"), Stored::Float), (Some(""), Stored::Padding), (Some("it's\n"), Stored::Integer)];
        assert_eq!(
            (&names[..], header.fortran, &header.shape[..], rest),
            (&expected[..], false, &[3][..], &b""[..])
        );
    }

    #[test]
    fn damaged_headers_are_refused() {
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '<f8'}",
            "{'descr': '<f8', 'fortran_order': 1, 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': True, 'shape': (-1,)}",
            "[[[[[[[[[[[[[[[[[[[[[[",
            "{'descr': '<f8', 'fortran_order': True, 'shape': (1,)} x",
            "{'descr': '",
            "{'descr': '\\",
            "{'descr': '<f8', 'fortran_order': True, 'shape': (99999999999999999999999,)}",
        ] {
            assert!(header(&file(text)).is_err(), "{text}");
        }
        for code in ["", "<", "<f", "<f3", "<c16", "<m8[ns]", "<M8[Y]", "f8", "é8", "<U99999999999", "<é"] {
            assert!(item(code).is_err(), "{code}");
        }
    }

    #[test]
    fn cells_of_either_byte_order() {
        let read = |code: &str| item(code).expect("a type");
        assert_eq!(read("<i2").integer(&[0xfe, 0xff]), -2);
        assert_eq!(read(">i2").integer(&[0xff, 0xfe]), -2);
        assert_eq!(read(">u4").unsigned(&[0, 0, 1, 0]), 256);
        assert_eq!(read(">f4").float(&1.5f32.to_be_bytes()), 1.5);
        assert_eq!(read("<U3").text(&[97, 0, 0, 0, 0x3d, 0xd8, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(read("<U2").text(&[0xe9, 0, 0, 0, 0, 0, 0, 0]).as_deref(), Some("é"));
        assert_eq!(read("|S3").text(b"ab\0").as_deref(), Some("ab"));
        let halves = [0x3c00, 0xc000, 0x0001, 0x7c00, 0x3555].map(half);
        assert_eq!(halves, [1.0, -2.0, 2f64.powi(-24), f64::INFINITY, 0.333_251_953_125]);
        assert!(half(0x7e00).is_nan());
    }
}
