//! What a value is, by its content alone: first bytes, then the first that is not blank, then CSV. Of values that were cut, put
//! together or hidden behind blanks, none is taken for another table without a word.

use pipefit::diag::{Code, Result};
use pipefit::source::formats::{Format, Packing, ReadOptions, detect, read, unpack, write};
use pipefit::table::{Column, Field, Kind, Schema, Table};

use crate::formats::asking_for;

fn table() -> Table {
    let kinds = [Kind::Number, Kind::Number, Kind::Bool];
    let fields = kinds.iter().enumerate().map(|(i, kind)| Field { name: format!("x{i}"), kind: *kind });
    let values = |step: f64| Column::Number((0..9).map(|i| f64::from(i) * step).collect::<Vec<_>>().into());
    let truths = Column::Number((0..9).map(|i| f64::from(i % 2)).collect::<Vec<_>>().into());
    Table::new(Schema::new(fields.collect()), vec![values(1.5), values(-200.25), truths]).unwrap()
}

/// The table in each format, and an array of NumPy, of which only the first column has the table's name.
fn values() -> Vec<(Format, Vec<u8>)> {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/data/npy/plain.npy");
    let npy = (Format::Npy, std::fs::read(golden).unwrap());
    Format::ALL.into_iter().map(|format| (format, write(&table(), format))).chain([npy]).collect()
}

/// Rows of what some bytes are recognised as.
fn rows(bytes: &[u8]) -> Result<usize> {
    let bytes = unpack(bytes.to_vec(), "k")?;
    Ok(read(&bytes, detect(&bytes, "k")?, "k", &ReadOptions::default())?.table.rows())
}

#[test]
fn every_format_is_recognised_packed_or_not() {
    for (format, bytes) in values() {
        for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
            let packed = packing.pack(bytes.clone());
            assert_eq!(Packing::of(&packed), packing);
            assert_eq!(detect(&unpack(packed, "k").unwrap(), "k"), Ok(format), "{}", packing.name());
        }
        // Blanks and a byte order mark may come before text, and make no text of anything else.
        for before in ["\n\n", "\r\n", "\u{feff}", "\u{feff}\n"] {
            let bytes = [before.as_bytes(), &bytes].concat();
            match detect(&bytes, "k") {
                Ok(found) if format.is_typed() => {
                    assert!(!found.is_typed(), "{before:?}, {}", format.name());
                    assert_eq!(rows(&bytes).unwrap_err().code(), Code::UnreadableValue, "{}", format.name());
                }
                found => assert_eq!((found, rows(&bytes)), (Ok(format), Ok(9)), "{before:?}"),
            }
        }
    }
}

/// Cut anywhere, a value is no table, or the rows that are whole: never more, and of a format that shows its end none at all.
#[test]
fn what_was_cut_is_never_more_than_it_was() {
    for (format, bytes) in values() {
        let mut read_as_less = 0;
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            let found = detect(cut, "k");
            match &found {
                Err(error) => {
                    assert!(end == 0 && error.code() == Code::EmptyData, "{}: {error}", format.name())
                }
                Ok(Format::Csv) if format.is_typed() => assert!(end < 8, "{} cut at {end}", format.name()),
                Ok(Format::Jsonl) if format == Format::JsonColumns => assert!(end < 8, "cut at {end}"),
                Ok(Format::Csv) if format == Format::Tsv => assert!(end < 3, "cut at {end}"),
                Ok(found) => assert_eq!(*found, format, "cut at {end}"),
            }
            if let Ok(rows) = rows(cut) {
                let shows_no_end = matches!(format, Format::Csv | Format::Tsv | Format::Jsonl);
                let last_line_end = matches!(format, Format::JsonColumns | Format::JsonRecords)
                    && bytes[end..].iter().all(u8::is_ascii_whitespace);
                assert!(shows_no_end || last_line_end, "{} cut at {end}", format.name());
                assert!(rows <= 9);
                read_as_less += usize::from(rows < 9);
            }
        }
        assert_eq!(read_as_less > 0, matches!(format, Format::Csv | Format::Tsv | Format::Jsonl));
    }
    for packing in [Packing::Gzip, Packing::Zstd] {
        let packed = packing.pack(write(&table(), Format::Csv));
        for end in 4..packed.len() {
            assert_eq!(rows(&packed[..end]).unwrap_err().code(), Code::UnreadableValue, "{}", packing.name());
        }
    }
}

/// Two values in one: lines follow lines, and packed parts packed parts; all else is refused.
#[test]
fn what_was_put_together_is_refused_or_whole() {
    for (one, first) in values() {
        for (other, second) in values() {
            let both = [&first[..], &second].concat();
            let what = format!("{} and {}", one.name(), other.name());
            match (one, other, rows(&both)) {
                (Format::Jsonl, Format::Jsonl, Ok(rows)) => assert_eq!(rows, 18, "{what}"),
                // What follows the rows is rows of words, which are no numbers where those are asked for.
                (Format::Csv | Format::Tsv, _, Ok(rows)) => {
                    let error = read(&both, one, "k", &asking_for(&table())).unwrap_err();
                    assert!(rows > 9 && error.code() == Code::BadCell, "{what}: {error}");
                }
                (_, _, Ok(rows)) => panic!("{what}: {rows} rows"),
                (_, _, Err(error)) => {
                    assert!(matches!(error.code(), Code::UnreadableValue), "{what}: {error}");
                }
            }
        }
    }
    let (head, tail) = ("x\n1\n", "2\n3\n");
    for packing in [Packing::Gzip, Packing::Zstd] {
        let both = [packing.pack(head.into()), packing.pack(tail.into())].concat();
        assert_eq!(rows(&both), Ok(3), "{}", packing.name());
        let twice = packing.pack(Packing::Gzip.pack(head.into()));
        assert_eq!(rows(&twice).unwrap_err().message(), "the data is compressed twice");
    }
    let mixed = [Packing::Gzip.pack(head.into()), tail.into()].concat();
    assert_eq!(rows(&mixed).unwrap_err().code(), Code::UnreadableValue);
}
