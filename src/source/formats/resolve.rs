//! The format that a pipeline file asks for, held to what the content shows.

use crate::diag::{Code, Result, suggest};

use super::{Format, detect};

/// What `source.format` may say.
const NAMES: [&str; 7] = ["auto", "csv", "json", "jsonl", "parquet", "arrow", "npy"];

/// The format that `source.format` means for some bytes. `csv` is commas or tabs and `json` is
/// columns, records or lines, as the content shows; `auto` is whatever it shows.
///
/// # Errors
/// `BadValue` for a name that is none; `UnreadableValue` for bytes that are not what was asked for;
/// `RefusedFormat` for pickle and Java values.
pub fn resolve(format: &str, bytes: &[u8], name: &str) -> Result<Format> {
    let expected = match format {
        "auto" => return detect(bytes, name),
        "csv" => "CSV",
        "json" => "JSON",
        "jsonl" => "JSONL",
        "parquet" => "Parquet",
        "arrow" => "Arrow IPC",
        "npy" => "NPY",
        _ => {
            let help = match suggest(format, NAMES) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("formats are {}", NAMES.join(", ")),
            };
            return Err(Code::BadValue.error(format!("unknown format `{format}`")).help(help));
        }
    };
    let found = detect(bytes, name)?;
    match (format, found.is_json()) {
        ("jsonl", true) => Ok(Format::Jsonl),
        ("csv", false) if !found.is_typed() => Ok(found),
        ("json", true) => Ok(found),
        (name, false) if found.is_typed() && found.ending() == name => Ok(found),
        _ => {
            let message = format!("the value looks like {}, not {expected}", found.name());
            Err(Code::UnreadableValue.error(message).help("say `format: auto`").within(name, None, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, resolve};
    use crate::diag::Code;

    #[test]
    fn a_name_is_held_to_what_the_content_shows() {
        assert_eq!(resolve("csv", b"a\tb\n1\t2\n", "k"), Ok(Format::Tsv));
        assert_eq!(resolve("json", b"[{\"a\":1}]", "k"), Ok(Format::JsonRecords));
        assert_eq!(resolve("jsonl", b"{\"a\":1}\n", "k"), Ok(Format::Jsonl));
        let error = resolve("json", b"a,b\n1,2\n", "k").expect_err("CSV");
        assert_eq!(error.message(), "the value looks like CSV, not JSON");
        assert_eq!(resolve("cvs", b"", "k").expect_err("typo").advice(), Some("did you mean `csv`?"));
        let error = resolve("npy", b"a,b\n1,2\n", "k").expect_err("CSV");
        assert_eq!(
            (error.code(), error.message()),
            (Code::UnreadableValue, "the value looks like CSV, not NPY")
        );
        assert_eq!(resolve("arrow", b"\xff\xff\xff\xff\x10\0\0\0", "k"), Ok(Format::Arrow));
    }
}
