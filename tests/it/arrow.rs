//! Arrow and NPY: what pandas reads from them, what is refused, and that nothing cut or changed becomes another table.

use std::path::{Path, PathBuf};

use pipefit::diag::{Code, Diagnostic};
use pipefit::source::formats::{Format, Part, Read, ReadOptions, detect, read, read_parts, unpack, write};
use pipefit::table::{Column, Kind, Table, fingerprint};

use crate::typed::{as_pandas, names_what_is_not_read, tells_what_is_beyond};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn all(names: &[&str], options: &ReadOptions) -> Result<Read, Diagnostic> {
    let held: Vec<Vec<u8>> = names.iter().map(|name| bytes(name)).collect();
    let mut parts = Vec::new();
    for (name, bytes) in names.iter().zip(&held) {
        parts.push((Part::borrowed(name, bytes), detect(bytes, name)?));
    }
    read_parts(&parts, options)
}

fn with(name: &str, kind: Kind) -> ReadOptions {
    ReadOptions {
        schema: [(name.to_owned(), kind)].into(),
        columns: Some(vec![name.to_owned()]),
        ..ReadOptions::default()
    }
}

#[test]
fn tables_are_those_of_pandas() {
    as_pandas("arrow.json", 15, |names| {
        all(names, &ReadOptions::default()).unwrap_or_else(|error| panic!("{names:?}: {error}")).table
    });
}

/// Whatever holds it, it is one table; and as an Arrow file it is read back without being told its types.
#[test]
fn the_same_table_has_one_fingerprint() {
    let table = |name: &str| all(&[name], &ReadOptions::default()).expect(name).table;
    let plain = table("arrow/kinds.arrow");
    for name in ["arrow/lz4.arrow", "arrow/zstd.arrow", "arrow/stream.arrow"] {
        assert_eq!(fingerprint(&table(name)), fingerprint(&plain), "{name}");
    }
    assert_eq!(fingerprint(&table("npy/fortran.npy")), fingerprint(&table("npy/plain.npy")));
    assert_eq!(table("npy/plain.npy").schema().names().collect::<Vec<_>>(), ["x0", "x1", "x2"]);
    let written = write(&plain, Format::Arrow);
    let back = read(&written, Format::Arrow, "k", &ReadOptions::default()).expect("what was written").table;
    assert_eq!(fingerprint(&back), fingerprint(&plain));
    assert!(matches!(back.column("number_level"), Some(Column::Codes { levels, .. }) if levels.numeric()));
}

#[test]
fn types_that_the_file_asks_for() {
    let labels = |name: &str, kind: Kind| -> Vec<String> {
        let read = all(&["arrow/kinds.arrow"], &with(name, kind)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(read.table.schema().fields()[0].kind, kind);
        let Column::Codes { levels, .. } = &read.table.columns()[0] else { panic!("{name}: no category") };
        levels.labels().to_vec()
    };
    assert_eq!(labels("i16", Kind::Category)[..3], ["0", "1000", "2000"]);
    assert_eq!(labels("i16", Kind::Text)[..2], ["0", "1000"]);
    assert_eq!(labels("flag", Kind::Category), ["False", "True"]);
    assert_eq!(labels("money", Kind::Category)[..2], ["-50", "-29.98"]);
    assert_eq!(labels("u64", Kind::Category).last().unwrap(), "9007199254740992");
    assert_eq!(labels("number_level", Kind::Category), ["7", "9", "10"]);
    assert_eq!(labels("day", Kind::Category)[0], "1960-02-28");
    assert_eq!(
        labels("us", Kind::Category)[1],
        "1971-12-31T23:59:01.001000",
        "UTC, which is stored whatever the zone"
    );
    let fault = |name: &str, kind: Kind| {
        let error = all(&["arrow/kinds.arrow"], &with(name, kind)).expect_err(name);
        (error.code(), error.message().to_owned())
    };
    let number = "column `word`, row 1: `b` is not a number".to_owned();
    assert_eq!(fault("word", Kind::Number), (Code::BadCell, number));
    assert_eq!(
        fault("small_level", Kind::Bool).1,
        "column `small_level`, row 1: `b` is neither true nor false"
    );
    assert_eq!(fault("i16", Kind::Bool).1, "column `i16`, row 2: `1000` is neither true nor false");
    assert_eq!(
        fault("level", Kind::Datetime).1,
        "column `level`, row 1: `b` is not a date and time in ISO 8601"
    );
    assert_eq!(fault("i16", Kind::Datetime).1, "column `i16` holds numbers, and is to be a datetime");
    assert_eq!(fault("us", Kind::Number).1, "column `us` holds dates and times, and is to be a number");
}

#[test]
fn what_a_float_cannot_hold_is_told_by_column() {
    let read = all(&["arrow/beyond.arrow"], &ReadOptions::default()).unwrap();
    tells_what_is_beyond(&read, "");
}

#[test]
fn what_is_not_read_is_named() {
    let only = |name: &str| ReadOptions { columns: Some(vec![name.to_owned()]), ..ReadOptions::default() };
    names_what_is_not_read(&[("duration", "durations")], |column| {
        all(&["arrow/refused.arrow"], &only(column)).expect_err(column)
    });
    for column in ["wide", "runs"] {
        let error = all(&["arrow/refused.arrow"], &only(column)).expect_err(column);
        assert!(
            error.message().starts_with(&format!("column `{column}` holds values of the type ")),
            "{error}"
        );
    }
    assert_eq!(all(&["arrow/refused.arrow"], &only("n")).expect("a number").table.rows(), 1);
    let refused = |name: &str| all(&[name], &ReadOptions::default()).expect_err(name);
    assert_eq!(refused("arrow/empty.arrow").code(), Code::EmptyData);
    let objects = refused("npy/objects.npy");
    assert_eq!(
        (objects.code(), objects.advice().map(|help| help.lines().count())),
        (Code::RefusedFormat, Some(4))
    );
    assert_eq!(refused("npy/three_dimensions.npy").message(), "the array has 3 dimensions");
    assert_eq!(refused("npy/complex.npy").message(), "NPY: values of the type `<c16` are not read");
    assert_eq!(refused("npy/years.npy").message(), "NPY: values of the type `<M8[Y]` are not read");
    let mixed =
        all(&["npy/plain.npy", "arrow/kinds.arrow"], &ReadOptions::default()).expect_err("two formats");
    assert_eq!(mixed.message(), "it holds Arrow IPC, and `npy/plain.npy` NPY");
    let other = all(&["npy/plain.npy", "npy/one.npy"], &ReadOptions::default()).expect_err("other columns");
    assert_eq!(other.message(), "column `x1` is in `npy/plain.npy`, but not in `npy/one.npy`");
}

fn same(bytes: &[u8], table: &Table) -> bool {
    let read = detect(bytes, "k").and_then(|format| read(bytes, format, "k", &ReadOptions::default()));
    read.is_ok_and(|read| fingerprint(&read.table) == fingerprint(table))
}

/// A value that was cut is refused, however little is missing.
#[test]
fn every_cut_is_refused() {
    for name in ["arrow/lz4.arrow", "arrow/stream.arrow", "npy/records.npy", "parquet/part-1.parquet"] {
        let whole = bytes(name);
        let step = (whole.len() / 700).max(1);
        for end in (0..whole.len()).step_by(step).chain(whole.len().saturating_sub(64)..whole.len()) {
            let cut = &whole[..end];
            let read = detect(cut, "k").and_then(|format| read(cut, format, "k", &ReadOptions::default()));
            assert!(read.is_err(), "{name} cut at {end}");
        }
    }
}

/// A changed bit never panics; what compression or a checksum guards is never another table.
#[test]
fn every_flipped_bit_ends_well() {
    for name in ["arrow/kinds.arrow", "arrow/zstd.arrow", "npy/aligned.npy", "parquet/part-1.parquet"] {
        let whole = bytes(name);
        for at in (0..whole.len()).step_by((whole.len() / 900).max(1)) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            if let Ok(format) = detect(&changed, "k")
                && let Ok(read) = read(&changed, format, "k", &ReadOptions::default())
            {
                assert!(read.table.rows() > 0, "{name}, byte {at}");
            }
        }
    }
    let csv = b"a,b\n1,2\n".repeat(40);
    let table = read(&csv, Format::Csv, "k", &ReadOptions::default()).expect("a table").table;
    let packed = pipefit::source::formats::Packing::Gzip.pack(csv);
    for at in 10..packed.len() {
        let mut changed = packed.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(unpack(changed, "k").map_or(true, |bytes| same(&bytes, &table)), "byte {at}");
    }
}
