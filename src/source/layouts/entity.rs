//! Keys and values as Feast stores them.

use std::fmt;

/// An entity, by its key.
pub(super) struct Entity<'a> {
    /// The names of its join keys with type and bytes of their values.
    keys: Vec<(&'a str, u32, &'a [u8])>,
    /// What follows them.
    pub project: &'a [u8],
}

/// What a cell is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Missing,
    Number(String),
    Bool(bool),
    Text(String),
    /// Microseconds since 1970.
    Time(f64),
}

/// Feast's numbers of types.
const STRING: u32 = 2;
const INT32: u32 = 3;
const INT64: u32 = 4;
const TIMESTAMP: u32 = 8;

impl<'a> Entity<'a> {
    /// The beginning of the keys of all entities with these join keys; none where it cannot be a text.
    pub fn start(join_keys: &[String]) -> Option<Vec<u8>> {
        let mut sorted: Vec<&String> = join_keys.iter().collect();
        sorted.sort_unstable();
        let mut start = vec![u8::try_from(sorted.len()).ok()?, 0, 0, 0];
        for name in sorted {
            start.extend_from_slice(&STRING.to_le_bytes());
            start.extend_from_slice(&u32::try_from(name.len()).ok()?.to_le_bytes());
            start.extend_from_slice(name.as_bytes());
        }
        Some(start)
    }

    /// The beginning of such keys before version 3, without lengths.
    pub fn older_start(join_keys: &[String]) -> Vec<u8> {
        let mut sorted: Vec<&String> = join_keys.iter().collect();
        sorted.sort_unstable();
        sorted.iter().flat_map(|name| [&STRING.to_le_bytes(), name.as_bytes()].concat()).collect()
    }

    /// The version of a key that begins so, if it is one before version 3: they differ in integers alone.
    pub fn older_version(key: &[u8], start: &[u8], join_keys: usize, project: &str) -> Option<&'static str> {
        let mut rest = key.strip_prefix(start)?;
        let mut version = "1 or 2";
        for _ in 0..join_keys {
            match (number(&mut rest)?, text(&mut rest)?.len()) {
                (INT64, 4) => version = "1",
                (INT64, 8) => version = "2",
                _ => {}
            }
        }
        (rest == project.as_bytes()).then_some(version)
    }

    /// An entity from its key, if it is one.
    pub fn parse(key: &'a [u8]) -> Option<Self> {
        let mut rest = key;
        let count = number(&mut rest)?;
        let mut names = Vec::new();
        for _ in 0..count {
            let (kind, name) = (number(&mut rest)?, text(&mut rest)?);
            names.push(std::str::from_utf8(name).ok().filter(|_| kind == STRING)?);
        }
        let mut keys = Vec::with_capacity(names.len());
        for name in names {
            keys.push((name, number(&mut rest)?, text(&mut rest)?));
        }
        Some(Self { keys, project: rest })
    }

    /// The value of a join key, or what is wrong with it.
    pub fn value(&self, join_key: &str) -> Result<Cell, &'static str> {
        let found = self.keys.iter().find(|(name, ..)| *name == join_key);
        let Some((_, kind, bytes)) = found else { return Err("is not in its key") };
        let whole = || match (*kind, bytes.len()) {
            (INT32, 4) => Some(i64::from(i32::from_le_bytes((*bytes).try_into().ok()?))),
            (INT64 | TIMESTAMP, 8) => Some(i64::from_le_bytes((*bytes).try_into().ok()?)),
            _ => None,
        };
        match *kind {
            STRING => {
                let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
                Ok(Cell::Text(text.to_owned()))
            }
            INT32 | INT64 => whole().map(|value| Cell::Number(value.to_string())).ok_or("is damaged"),
            TIMESTAMP => whole().map(|seconds| Cell::Time(seconds as f64 * 1e6)).ok_or("is damaged"),
            _ => Err("is of a type that is no cell"),
        }
    }
}

impl fmt::Display for Entity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, _, bytes)) in self.keys.iter().enumerate() {
            f.write_str(if i > 0 { ", " } else { "" })?;
            match self.value(name) {
                Ok(Cell::Number(text) | Cell::Text(text)) => write!(f, "{name}={}", text.escape_debug())?,
                _ => write!(f, "{name}={}", bytes.escape_ascii())?,
            }
        }
        Ok(())
    }
}

/// Takes four bytes.
fn number(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*number))
}

/// Takes a length and as many bytes.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)? as usize;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

/// The microseconds since 1970 of a stored time, or why there are none; digits beyond them are cut off.
pub(super) fn time_of(bytes: &[u8]) -> Result<f64, &'static str> {
    let time: Time = prost::Message::decode(bytes).map_err(|_| "is damaged")?;
    Ok(time.seconds as f64 * 1e6 + f64::from(time.nanos / 1_000))
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, prost::Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// `feast.types.Value`, as far as it holds what a cell can:
/// <https://github.com/feast-dev/feast/blob/master/protos/feast/types/Value.proto>.
#[derive(Clone, PartialEq, prost::Message)]
struct Value {
    #[prost(bytes = "vec", optional, tag = "1")]
    bytes: Option<Vec<u8>>,
    #[prost(string, optional, tag = "2")]
    string: Option<String>,
    #[prost(int32, optional, tag = "3")]
    int32: Option<i32>,
    #[prost(int64, optional, tag = "4")]
    int64: Option<i64>,
    #[prost(double, optional, tag = "5")]
    double: Option<f64>,
    #[prost(float, optional, tag = "6")]
    float: Option<f32>,
    #[prost(bool, optional, tag = "7")]
    bool: Option<bool>,
    #[prost(int64, optional, tag = "8")]
    timestamp: Option<i64>,
    #[prost(int32, optional, tag = "19")]
    null: Option<i32>,
    #[prost(string, optional, tag = "36")]
    uuid: Option<String>,
    #[prost(string, optional, tag = "37")]
    time_uuid: Option<String>,
    #[prost(string, optional, tag = "44")]
    decimal: Option<String>,
}

/// The cell in a stored value, or why there is none.
pub(super) fn cell(bytes: &[u8]) -> Result<Cell, &'static str> {
    let value: Value = prost::Message::decode(bytes).map_err(|_| "is no value of Feast")?;
    let number = |value: f64| if value.is_nan() { Cell::Missing } else { Cell::Number(format!("{value:?}")) };
    let whole = value.int32.map(i64::from).or(value.int64).map(|value| Cell::Number(value.to_string()));
    let float = value.double.or(value.float.map(f64::from)).map(number);
    let text = value.string.or(value.uuid).or(value.time_uuid).map(Cell::Text);
    let time = value.timestamp.map(|seconds| Cell::Time(seconds as f64 * 1e6));
    let other = value.decimal.map(Cell::Number).or(value.bool.map(Cell::Bool));
    let found = whole.or(float).or(text).or(time).or(other);
    match found {
        Some(cell) => Ok(cell),
        // One without anything is null too.
        None if bytes.is_empty() || value.null.is_some() => Ok(Cell::Missing),
        None if value.bytes.is_some() => Err("holds bytes, which are no cell"),
        None => Err("holds a list, a set or a map, which is no cell"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Entity, cell};

    #[test]
    fn what_is_no_key_or_value_is_no_panic() {
        let start = Entity::start(&["b".into(), "a".into()]).expect("two names");
        let key =
            [&start[..], b"\x04\0\0\0\x08\0\0\0\x07\0\0\0\0\0\0\0\x02\0\0\0\x01\0\0\0xproject"].concat();
        let entity = Entity::parse(&key).expect("an entity");
        assert_eq!((entity.to_string().as_str(), entity.project), ("a=7, b=x", &b"project"[..]));
        assert_eq!(entity.value("c"), Err("is not in its key"));
        for end in 0..key.len() - b"project".len() {
            assert!(Entity::parse(&key[..end]).is_none(), "{end}");
        }
        assert!(Entity::parse(&[0xff; 64]).is_none());
        assert_eq!(cell(b""), Ok(Cell::Missing));
        assert_eq!(cell(b"\x20\x07"), Ok(Cell::Number("7".into())));
        assert_eq!(cell(b"\x12\x01\xff"), Err("is no value of Feast"));
        assert_eq!(cell(b"\x0a\x01x"), Err("holds bytes, which are no cell"));
        assert!(cell(b"\x82\x01\x02\x0a\0").is_err());
    }
}
