//! One key a row: a hash with a field a column, or a string that holds one JSON object.

use super::listed::named_by;
use super::range::keys_of_range;
use super::rows::gather_rows;
use crate::diag::{Code, Result, Watch};
use crate::source::formats::{Read, ReadOptions};
use crate::source::keys::{KeyList, Keys};

/// Reads the table whose rows are the keys that match a pattern, sorted by key; or those of a range such as `row:{1..1000}`,
/// in its order: the store is not searched for them.
///
/// # Errors
/// `BadValue` for a range that cannot be; `MissingKeyOrFile` when no key matches, and those of [`read_keys`].
pub fn read_rows(keys: &dyn Keys, pattern: &str, options: &ReadOptions, watch: &dyn Watch) -> Result<Read> {
    if let Some(names) = keys_of_range(pattern)? {
        let read = read_keys(keys, &names, pattern, options, watch);
        return read.map_err(|error| named_by(error, "the range names it"));
    }
    let names = keys.matching(pattern)?;
    if names.is_empty() {
        return Err(Code::MissingKeyOrFile.error(format!("no key in the store matches `{pattern}`")).help(
            "`pipefit data ls` lists the keys; in a pattern `*` is any text, `?` one byte, `[ab]` a or b",
        ));
    }
    read_keys(keys, &names, pattern, options, watch)
}

/// Reads the table whose rows are these keys, in this order; `source` says where they are from. Columns stand in the order of
/// their first appearance; a row that lacks a field has a missing value there.
///
/// # Errors
/// `MissingKeyOrFile` for a key that is not there; `WrongKind` for one that is neither a hash nor a string;
/// `UnreadableValue` for bytes that are not UTF-8 and strings that are no JSON object; `StoreIo` when rows change while
/// they are read and that matters; what [`gather`](crate::source::formats::gather) meets. They name the key, and the field
/// where there is one.
pub fn read_keys(
    keys: &dyn Keys,
    names: &KeyList,
    source: &str,
    options: &ReadOptions,
    watch: &dyn Watch,
) -> Result<Read> {
    gather_rows(source, names.len(), options, watch, |sink| keys.rows(names, sink))
}

#[cfg(test)]
mod tests {
    use super::read_rows;
    use crate::diag::{Code, Place, Result, Silent};
    use crate::source::formats::{Format, Read, ReadOptions, read};
    use crate::source::keys::{self, Others};
    use crate::table::fingerprint;
    use std::path::Path;

    /// What a key of one row holds.
    #[derive(Clone)]
    enum Held {
        Hash(Vec<(Vec<u8>, Vec<u8>)>),
        String(Vec<u8>),
    }

    fn hash(fields: &[(&[u8], &[u8])]) -> Held {
        Held::Hash(fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect())
    }

    fn document(text: &str) -> Held {
        Held::String(text.as_bytes().to_vec())
    }

    fn rows(keys: Vec<(&'static str, Held)>, options: &ReadOptions) -> Result<Read> {
        let (_, store) = keys::open("mem:", Path::new(""))?;
        for (key, held) in keys {
            match held {
                Held::Hash(fields) => store.write_rows(&[(key.to_owned(), fields)], Others::Go)?,
                Held::String(bytes) => store.write(key, &bytes)?,
            }
        }
        read_rows(&*store, "r:*", options, &Silent)
    }

    #[test]
    fn hashes_and_documents_are_the_table_of_the_csv() {
        let csv = "id,n,b\u{e9},late\n007,1,x,\n7,,,\nA1,2.5,y,true\n";
        let keys = vec![
            ("r:1", hash(&[(b"id", b"007"), (b"n", b"1"), ("b\u{e9}".as_bytes(), b"x")])),
            ("r:2", document("\u{feff}{\n \"n\": NaN, \"id\": 7}")),
            (
                "r:3",
                hash(&[("b\u{e9}".as_bytes(), b"y"), (b"late", b"true"), (b"id", b"A1"), (b"n", b"2.5")]),
            ),
        ];
        let all = ReadOptions::default();
        let expected = read(csv.as_bytes(), Format::Csv, "k", &all).expect("a table").table;
        let table = rows(keys.clone(), &all).expect("a table").table;
        assert_eq!(table.schema(), expected.schema());
        assert_eq!(fingerprint(&table), fingerprint(&expected));
        let some = ReadOptions { columns: Some(vec!["n".into(), "id".into()]), ..all };
        let expected = read(csv.as_bytes(), Format::Csv, "k", &some).expect("a table").table;
        assert_eq!(fingerprint(&rows(keys, &some).expect("a table").table), fingerprint(&expected));
    }

    #[test]
    fn faults_name_the_key_and_the_field() {
        let bad = |held: Held| vec![("r:1", hash(&[(b"a", b"1")])), ("r:2", held), ("r:3", document("{}"))];
        let faults = [
            (hash(&[(b"a\xff", b"1")]), "key `r:2`: the name of field `a\\xff` is not UTF-8", None),
            (hash(&[(b"a", b"\xff")]), "key `r:2`: the value of field `a` is not UTF-8", None),
            (document("a,b\n1,2\n"), "key `r:2` holds what looks like CSV, not one JSON object", None),
            (document("{\"a\": [1]}"), "column `a`, row 2: a list is not a cell", Some(1)),
            (document("{\"a\": 1,\n\"a\": 2}"), "row 2: field `a` stands twice", Some(2)),
            (document("{\"a\": 1}\n{\"a\": 2}"), "not a row in JSON: trailing characters", Some(2)),
        ];
        for (held, message, line) in faults {
            let error = rows(bad(held), &ReadOptions::default()).expect_err(message);
            assert_eq!((error.code(), error.message()), (Code::UnreadableValue, message));
            let Some(Place::File { name, line: found, .. }) = error.place() else {
                panic!("{message}: no place")
            };
            assert_eq!((name.as_str(), *found), ("r:2", line), "{message}");
        }
    }

    #[test]
    fn a_column_that_is_nowhere_is_a_fault_of_the_pattern() {
        let options = ReadOptions { columns: Some(vec!["prize".into()]), ..ReadOptions::default() };
        let error = rows(vec![("r:1", hash(&[(b"price", b"\xff")]))], &options).expect_err("no such column");
        assert_eq!((error.code(), error.advice()), (Code::MissingColumn, Some("did you mean `price`?")));
        assert!(
            matches!(error.place(), Some(Place::File { name, .. }) if name == "r:*"),
            "{:?}",
            error.place()
        );
        let error = rows(Vec::new(), &options).expect_err("no key");
        assert_eq!(error.message(), "no key in the store matches `r:*`");
    }

    #[test]
    fn binary_values_of_other_columns_are_left_alone() {
        let options = ReadOptions { columns: Some(vec!["a".into()]), ..ReadOptions::default() };
        let read = rows(vec![("r:1", hash(&[(b"a", b"1"), (b"vector", b"\xff\xfe")]))], &options);
        assert_eq!(read.expect("a table").table.schema().names().collect::<Vec<_>>(), ["a"]);
    }
}
