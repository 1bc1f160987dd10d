//! What some bytes are.

use crate::diag::{Code, Diagnostic, Result};

use super::Format;
use super::format::later;

/// First bytes of formats that are known by name and not read in this version.
const MAGIC: [(&[u8], &str); 8] = [
    (b"FEA1", "Feather V1"),
    (b"PK\x03\x04", "a ZIP archive (xlsx, npz)"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"x\x9c", "zlib"),
    (b"\x89HDF", "HDF5"),
];

/// First bytes of the formats that say themselves what their columns are.
const TYPED: [(&[u8], Format); 4] = [
    (b"PAR1", Format::Parquet),
    (b"ARROW1", Format::Arrow),
    (b"\xff\xff\xff\xff", Format::Arrow),
    (b"\x93NUMPY", Format::Npy),
];

/// The format of some bytes: by their first bytes, then by the first that is not blank; what is
/// not JSON is CSV. `name` is the key or file, for messages.
///
/// # Errors
/// `EmptyData` for an empty value; `RefusedFormat` for pickle and Java values; `UnreadableValue`
/// for a format that is known but not in this version.
pub fn detect(bytes: &[u8], name: &str) -> Result<Format> {
    refuse(bytes, name)?;
    let typed = TYPED.iter().find(|(magic, _)| bytes.starts_with(magic)).filter(|_| !is_text(bytes));
    if let Some((_, format)) = typed {
        return Ok(*format);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    match bytes.first() {
        None => Err(Code::EmptyData
            .error("the value is empty")
            .within(name, None, None)
            .help("put a table with at least one row there")),
        Some(b'[') => Ok(Format::JsonRecords),
        Some(b'{') => Ok(object(bytes)),
        Some(_) => Ok(if has_tabs(bytes) { Format::Tsv } else { Format::Csv }),
    }
}

/// Whether tabs part the fields: the header has some, and no commas, or commas that the next line
/// does not have in the same number.
fn has_tabs(bytes: &[u8]) -> bool {
    let mut inside = false;
    let ends = |byte: &u8| {
        inside ^= *byte == b'"';
        !inside && matches!(byte, b'\n' | b'\r')
    };
    let mut lines = bytes.split(ends).filter(|line| !line.is_empty());
    let (header, next) = (lines.next().unwrap_or(b""), lines.next().unwrap_or(b""));
    let (tabs, commas) = (count(header, b'\t'), count(header, b','));
    let even = |byte: u8, expected: usize| count(next, byte) == expected;
    tabs > 0 && (commas == 0 || even(b'\t', tabs) && !even(b',', commas))
}

/// How often a byte stands outside of quotes.
fn count(line: &[u8], wanted: u8) -> usize {
    let mut inside = false;
    line.iter()
        .filter(|byte| {
            inside ^= **byte == b'"';
            !inside && **byte == wanted
        })
        .count()
}

/// Names formats that are refused or not in this version.
fn refuse(bytes: &[u8], name: &str) -> Result<()> {
    if is_pickle(bytes) {
        return Err(refused("pickle", PICKLE).within(name, None, None));
    }
    if bytes.starts_with(b"\xac\xed") {
        return Err(refused("Java serialization", JAVA).within(name, None, None));
    }
    match MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        Some((_, format)) if !is_text(bytes) => Err(later(format).within(name, None, None)),
        _ => Ok(()),
    }
}

/// Whether the first line begins as text does: `FEA1`, `PAR1` and the like may well be names of columns,
/// and binary formats show themselves soon after.
fn is_text(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or(b"");
    let head = &line[..line.len().min(64)];
    let utf8 = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    utf8 && head.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t')
}

const PICKLE: &str = "if you trust who wrote it, convert it once in Python:
import io, pandas, pickle, redis; r = redis.Redis()
table = pandas.DataFrame(pickle.loads(r.get(\"KEY\")))
r.set(\"KEY\", table.to_csv(index=False))";

const JAVA: &str = "if you trust who wrote it, convert it once in Java:
var in = new ObjectInputStream(new ByteArrayInputStream(jedis.get(\"KEY\".getBytes())));
var json = new ObjectMapper().writeValueAsString(in.readObject());
jedis.set(\"KEY\", json);";

fn refused(what: &str, snippet: &str) -> Diagnostic {
    Code::RefusedFormat
        .error(format!("the value is {what}, which can run code when it is read"))
        .help(snippet)
}

/// Pickle of any protocol: 2 to 5 say so; 0 and 1 end with STOP and put their first object into
/// the memo as number 0 soon, behind an opcode and never in the middle of a word.
fn is_pickle(bytes: &[u8]) -> bool {
    if let [0x80, version, rest @ ..] = bytes {
        return (2..=5).contains(version) && !rest.is_empty();
    }
    if !bytes.ends_with(b".")
        || !matches!(bytes.first(), Some(b'(' | b'c' | b'S' | b'V' | b'}' | b']' | b'X'))
    {
        return false;
    }
    let head = &bytes[..bytes.len().min(256)];
    let text = |at: usize| {
        head[at..].starts_with(b"p0\n") && at > 0 && {
            let opcode = at > 1 && head[at - 2] == b'(' && matches!(head[at - 1], b'd' | b'l' | b't');
            opcode || matches!(head[at - 1], b'\n' | b't')
        }
    };
    let binary = |at: usize| head[at..].starts_with(b"q\0");
    (0..head.len()).any(|at| text(at) || binary(at))
}

/// An object: columns if its first value is a list or an object, else the first of some lines.
fn object(bytes: &[u8]) -> Format {
    let rest = bytes[1..].trim_ascii_start();
    let Some(mut rest) = rest.strip_prefix(b"\"") else { return Format::Jsonl };
    loop {
        match rest {
            [b'\\', _, more @ ..] => rest = more,
            [b'"', more @ ..] => {
                rest = more.trim_ascii_start();
                break;
            }
            [_, more @ ..] => rest = more,
            [] => return Format::Jsonl,
        }
    }
    let value = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
    if matches!(value.first(), Some(b'[' | b'{')) { Format::JsonColumns } else { Format::Jsonl }
}

#[cfg(test)]
mod tests {
    use super::{detect, is_pickle};
    use crate::diag::Code;
    use crate::source::formats::Format;

    #[test]
    fn content_tells_the_format() {
        for (bytes, format) in [
            (&b"a,b\n1,2\n"[..], Format::Csv),
            (b"a\n1\n", Format::Csv),
            (b"a\tb\n1\t2\n", Format::Tsv),
            (b"price, usd\tn\n1\t2\n", Format::Tsv),
            (b"\"a,b\"\tn\n1,5\t2\n", Format::Tsv),
            (b"a,\"b\tc\"\n1,2\n", Format::Csv),
            (b"\"a\r\nb\"\tn\n1,5\t2\n", Format::Tsv),
            (b"\xef\xbb\xbf a,b\tc\n1,2\n", Format::Csv),
            (b"\n {\"x\\\"1\" : [1]}", Format::JsonColumns),
            (b"{\"x\": {\"0\": 1}}", Format::JsonColumns),
            (b" [ {\"x\": 1} ]", Format::JsonRecords),
            (b"{\"x\": 1}\n{\"x\": 2}\n", Format::Jsonl),
            (b"{}", Format::Jsonl),
            (b"{\"", Format::Jsonl),
            (b"FEA1,FEA2\n0.5,1\n", Format::Csv),
            (b"PAR1\tARROW1\n1\t2\n", Format::Tsv),
            (b"BZh\n1\n", Format::Csv),
            (b"PAR1\x15", Format::Parquet),
            (b"ARROW1\0\0", Format::Arrow),
            (b"\xff\xff\xff\xff\x10\0\0\0", Format::Arrow),
            (b"\x93NUMPY\x01", Format::Npy),
        ] {
            assert_eq!(detect(bytes, "k"), Ok(format), "{}", bytes.escape_ascii());
        }
        assert_eq!(detect(b" \n", "k").expect_err("empty").code(), Code::EmptyData);
    }

    #[test]
    fn pickles_of_all_protocols_are_refused_and_tables_are_not() {
        for bytes in [
            &b"(dp0\nVa\np1\n(lp2\nI1\naI2\nas."[..],
            b"(lp0\nF1.5\na.",
            b"(I1\nI2\ntp0\n.",
            b"Vx\np0\n.",
            b"ccopy_reg\n_reconstructor\np0\n(cpandas\nDataFrame\np1\nsb.",
            b"}q\x00X\x01\x00\x00\x00aq\x01]q\x02(K\x01K\x02es.",
            b"(K\x01K\x02tq\x00.",
            b"\x80\x02}q\x00.",
            b"\x80\x05\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94.",
        ] {
            let error = detect(bytes, "k").expect_err("a pickle");
            assert_eq!(error.code(), Code::RefusedFormat, "{}", bytes.escape_ascii());
            assert_eq!(error.advice().map(|help| help.lines().count()), Some(4));
        }
        for bytes in [&b"comment\nGood\nBad."[..], b"Step0\n1\n2.", b"customer,p0\na,1.", b"Vp0\n."] {
            assert!(!is_pickle(bytes), "{}", bytes.escape_ascii());
        }
        assert_eq!(detect(b"\xac\xed\0\x05sr", "k").expect_err("Java").code(), Code::RefusedFormat);
    }

    #[test]
    fn formats_of_a_later_version_are_named() {
        for (bytes, name) in [
            (&b"FEA1\0\0"[..], "Feather V1 is not in this version"),
            (b"\x89HDF\r\n", "HDF5 is not in this version"),
            (b"BZh9\x01", "bzip2 is not in this version"),
        ] {
            assert_eq!(detect(bytes, "k").expect_err(name).message(), name);
        }
    }
}
