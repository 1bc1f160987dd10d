//! Values of keys and files: what pandas makes of them, round trips, and hostile bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipefit::diag::Code;
use pipefit::source::formats::{Format, Packing, Read, ReadOptions, detect, read, unpack, write};
use pipefit::table::{Column, Field, Kind, Levels, MISSING, Schema, Table};
use rand_mt::Mt64;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cells: Vec<String>,
    missing: Vec<bool>,
    values: Vec<Option<String>>,
    kinds_of_pairs: Vec<String>,
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

fn golden() -> Golden {
    let bytes = std::fs::read(here("golden/formats.json")).expect("the golden is committed");
    serde_json::from_slice(&bytes).expect("the golden is JSON")
}

/// A column `x` of these cells, as CSV, JSON columns and JSONL, beside another so that no line is blank.
fn of_cells(cells: &[&str]) -> [(Format, String); 3] {
    let quoted = |text: &str| serde_json::to_string(text).expect("JSON");
    let csv: String = cells.iter().map(|c| format!("\"{}\",-\n", c.replace('"', "\"\""))).collect();
    let list: Vec<String> = cells.iter().map(|c| quoted(c)).collect();
    let lines: String = list.iter().map(|c| format!("{{\"x\": {c}}}\n")).collect();
    [
        (Format::Csv, format!("x,other\n{csv}")),
        (Format::JsonColumns, format!("{{\"x\": [{}]}}", list.join(", "))),
        (Format::Jsonl, lines),
    ]
}

fn first(format: Format, text: &str) -> (Kind, Column) {
    let read = read(text.as_bytes(), format, "k", &ReadOptions::default()).expect(text);
    (read.table.schema().fields()[0].kind, read.table.columns()[0].clone())
}

#[test]
fn single_cells_read_as_in_pandas() {
    let golden = golden();
    for (i, cell) in golden.cells.iter().enumerate() {
        for (format, text) in of_cells(&[cell]) {
            let (_, column) = first(format, &text);
            assert_eq!(column.missing() == 1, golden.missing[i], "{cell:?} in {}", format.name());
            let Some(expected) = &golden.values[i] else { continue };
            let Column::Number(values) = &column else { panic!("{cell:?} is no number") };
            assert_eq!(Ok(values[0]), expected.parse::<f64>(), "{cell:?} in {}", format.name());
        }
    }
}

#[test]
fn pairs_of_cells_have_the_type_that_pandas_gives_them() {
    let golden = golden();
    for (i, kinds) in golden.kinds_of_pairs.iter().enumerate() {
        for (j, expected) in kinds.chars().enumerate() {
            let expected = match expected {
                'n' => Kind::Number,
                'b' => Kind::Bool,
                _ => Kind::Category,
            };
            let cells = [golden.cells[i].as_str(), golden.cells[j].as_str()];
            for (format, text) in of_cells(&cells) {
                assert_eq!(first(format, &text).0, expected, "{cells:?} in {}", format.name());
            }
        }
    }
}

/// The schema of a table as options that ask for it.
pub fn asking_for(table: &Table) -> ReadOptions {
    let kinds = table.schema().fields().iter().map(|field| (field.name.clone(), field.kind));
    ReadOptions { schema: kinds.collect::<BTreeMap<_, _>>(), ..ReadOptions::default() }
}

/// Holds two tables to be the same to the bit.
pub fn assert_same(left: &Table, right: &Table, what: &str) {
    assert_eq!(left.schema(), right.schema(), "{what}");
    assert_eq!(left.rows(), right.rows(), "{what}");
    for ((field, left), right) in left.fields().zip(right.columns()) {
        match (left, right) {
            (Column::Number(left), Column::Number(right)) => {
                let same = |a: &f64, b: &f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                assert!(left.iter().zip(right.iter()).all(|(a, b)| same(a, b)), "{what}: `{}`", field.name);
            }
            (Column::Codes { codes: left, levels: a }, Column::Codes { codes: right, levels: b }) => {
                let labels = |codes: &[u32], levels: &Levels| -> Vec<Option<String>> {
                    codes.iter().map(|code| levels.label(*code).map(Into::into)).collect()
                };
                assert_eq!(labels(left, a), labels(right, b), "{what}: `{}`", field.name);
                let used = left.iter().any(|code| *code != MISSING);
                assert!(!used || a.numeric() == b.numeric(), "{what}: `{}`", field.name);
            }
            _ => panic!("{what}: `{}` changed its type", field.name),
        }
    }
}

/// Random tables.
pub struct Dice(Mt64);

impl Dice {
    /// Always the same ones for a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Mt64::new(seed))
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    /// One of some.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn number(&mut self) -> f64 {
        match self.below(6) {
            0 => f64::NAN,
            1 => self.below(1000) as f64 - 500.0,
            2 => *self.pick(&[0.0, -0.0, 5e-324, f64::MAX, f64::MIN_POSITIVE, 1e16, 0.1 + 0.2, -1e-7]),
            3 => (self.0.next_u64() >> 11) as f64,
            _ => Some(f64::from_bits(self.0.next_u64())).filter(|value| value.is_finite()).unwrap_or(1.5),
        }
    }

    /// A column of `rows` rows; `plain` ones are inferred as what they are.
    /// A column of a type; `plain` ones show their type by themselves.
    pub fn column(&mut self, kind: Kind, rows: usize, plain: bool) -> Column {
        const WORDS: [&str; 14] = [
            "a",
            "\"",
            "\"\"",
            "a,b",
            "x\ty",
            "two\nlines",
            "\r",
            " padded ",
            "é",
            "日本",
            "😀",
            "{\"a\": [1]}",
            "\\u00e9",
            "\u{0}",
        ];
        const NUMBERS: [&str; 7] = ["1", "2.50", "-3", "1e5", "+7", "00", "12345678901234567890"];
        match kind {
            Kind::Number => Column::Number((0..rows).map(|_| self.number()).collect::<Vec<_>>().into()),
            Kind::Bool => {
                let mut values: Vec<f64> = (0..rows).map(|_| *self.pick(&[0.0, 1.0, f64::NAN])).collect();
                values[0] = 1.0;
                Column::Number(values.into())
            }
            Kind::Datetime => {
                let values = (0..rows).map(|_| match self.below(4) {
                    0 => f64::NAN,
                    1 => *self.pick(&[0.0, -1.0, -62_135_596_800e6, 253_402_300_799e6, 951_782_400e6]),
                    2 => (self.0.next_u64() % 4_000_000_000) as f64 * 1e6,
                    // Microseconds, which a float holds up to the year 2255.
                    _ => (self.0.next_u64() >> 11) as f64 - 1e15,
                });
                Column::Number(values.collect::<Vec<_>>().into())
            }
            Kind::Category | Kind::Text => {
                let numeric = kind == Kind::Category && !plain && self.below(2) == 0;
                let words: &[&str] = if numeric { &NUMBERS } else { &WORDS };
                let levels =
                    Arc::new(Levels::new(words.iter().map(|word| (*word).into()).collect(), numeric));
                let codes = (0..rows)
                    .map(|_| if self.below(5) == 0 { MISSING } else { self.below(levels.len()) as u32 });
                let mut codes: Vec<u32> = codes.collect();
                codes[0] = 0;
                Column::Codes { codes: codes.into(), levels }
            }
        }
    }

    fn table(&mut self, plain: bool) -> Table {
        let rows = 1 + self.below(12);
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for i in 0..1 + self.below(5) {
            // The last two are nothing that texts show by themselves.
            let kinds = if plain { &Kind::ALL[..3] } else { &Kind::ALL[..] };
            let kind = *self.pick(kinds);
            let name =
                format!("{}{i}", self.pick(&["x", "a b", "\"q\"", "é,", "line\nbreak", "tab\t", "\\", "{"]));
            fields.push(Field { name, kind });
            columns.push(self.column(kind, rows, plain));
        }
        Table::new(Schema::new(fields), columns).expect("equal lengths")
    }
}

#[test]
fn every_format_reads_back_what_it_wrote() {
    let mut dice = Dice::seeded(1);
    for round in 0..400 {
        let plain = round % 2 == 0;
        let table = dice.table(plain);
        let options = if plain { ReadOptions::default() } else { asking_for(&table) };
        for format in Format::ALL {
            let bytes = write(&table, format);
            let what = format!("round {round}, {}: {}", format.name(), bytes.escape_ascii());
            let back = read(&bytes, format, "k", &options).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_same(&table, &back.table, &what);
            assert_eq!(write(&back.table, format), bytes, "{what}");
            let packing = *dice.pick(&[Packing::Plain, Packing::Gzip, Packing::Zstd]);
            assert_eq!(unpack(packing.pack(bytes.clone()), "k"), Ok(bytes), "{what}");
        }
    }
}

fn samples() -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(here("corpus/values")).expect("the corpus is committed");
    let mut samples: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let entry = entry.expect("a sample");
            (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).expect("a sample"))
        })
        .collect();
    samples.sort();
    samples
}

fn read_any(bytes: &[u8]) -> pipefit::diag::Result<Read> {
    let bytes = unpack(bytes.to_vec(), "k")?;
    read(&bytes, detect(&bytes, "k")?, "k", &ReadOptions::default())
}

#[test]
fn samples_read_as_their_names_say() {
    let outcome = |bytes: &[u8]| match read_any(bytes) {
        Ok(read) => {
            let kinds: String =
                read.table.schema().fields().iter().map(|field| &field.kind.name()[..1]).collect();
            format!("{} rows, {kinds}, {} suspects", read.table.rows(), read.suspects.len())
        }
        Err(error) => format!("{}: {error}", error.code().id()),
    };
    let outcomes: Vec<String> =
        samples().iter().map(|(name, bytes)| format!("{name}: {}", outcome(bytes))).collect();
    let expected = [
        "array.npy: 3 rows, n, 0 suspects",
        "columns-python-nan.json: 3 rows, nc, 1 suspects",
        "columns.json: 3 rows, ncbn, 0 suspects",
        "java.bin: E0403: the value is Java serialization, which can run code when it is read",
        "latin-1.csv: E0402: byte 0xe9 at byte 4 of line 2 is not UTF-8",
        "lines.jsonl: 3 rows, ncn, 1 suspects",
        "lines.jsonl.gz: 1 rows, n, 0 suspects",
        "mixed-codes.csv: 3 rows, ccn, 1 suspects",
        "one-column.csv: 3 rows, n, 0 suspects",
        "parquet.bin: E0402: the footer is longer than the file",
        "pickle-0.bin: E0403: the value is pickle, which can run code when it is read",
        "pickle-1.bin: E0403: the value is pickle, which can run code when it is read",
        "pickle-5.bin: E0403: the value is pickle, which can run code when it is read",
        "plain.csv: 4 rows, nnnn, 0 suspects",
        "quoted-crlf-bom.csv: 3 rows, ccb, 0 suspects",
        "records.json: 4 rows, ncb, 0 suspects",
        "tabs.tsv: 3 rows, ncn, 0 suspects",
        "unnamed-index.csv: 3 rows, nnc, 0 suspects",
        "utf-16.csv: E0402: byte 0xff at byte 1 of line 1 is not UTF-8",
    ];
    assert_eq!(outcomes, expected);
}

/// A few random changes: bytes, tokens, cuts, pieces of another sample.
fn mutate(dice: &mut Dice, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    const TOKENS: [&[u8]; 18] = [
        b"\"",
        b",",
        b"\n",
        b"\r",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"\\u",
        b"null",
        b"NaN",
        b"1e999",
        b"\xff",
        b"\0",
        b"\t",
        b"[[[[[[[[",
        b"9999999999999999999999",
    ];
    for _ in 0..1 + dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(6) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            2 if at < bytes.len() => {
                let end = at + 1 + dice.below((bytes.len() - at).min(20));
                bytes.drain(at..end.min(bytes.len()));
            }
            3 => {
                let from = dice.below(other.len() + 1);
                let piece = other[from..].iter().take(40).copied().collect::<Vec<_>>();
                bytes.splice(at..at, piece);
            }
            4 => {
                let piece = bytes[at..].iter().take(30).copied().collect::<Vec<_>>();
                bytes.splice(at..at, piece);
            }
            _ => {
                bytes.splice(at..at, dice.pick(&TOKENS).iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn changed_samples_never_panic_and_what_reads_is_whole() {
    const CODES: [Code; 4] = [Code::UnreadableValue, Code::RefusedFormat, Code::EmptyData, Code::BadCell];
    let mut dice = Dice::seeded(7);
    let samples = samples();
    let (mut read_well, mut refused) = (0, 0);
    for round in 0..4000 {
        let (_, sample) = &samples[round % samples.len()];
        let (_, other) = dice.pick(&samples);
        let bytes = mutate(&mut dice, sample.clone(), other);
        let format = *dice.pick(&Format::ALL);
        let forced = read(&bytes, format, "k", &ReadOptions::default());
        for outcome in [read_any(&bytes), forced] {
            match outcome {
                Err(error) => {
                    assert!(CODES.contains(&error.code()), "{error}: {}", bytes.escape_ascii());
                    assert!(!error.message().is_empty() && error.place().is_some());
                    refused += 1;
                }
                Ok(read) => {
                    assert!(read.table.rows() * read.table.columns().len() <= bytes.len().pow(2));
                    check_round_trip(&read.table);
                    read_well += 1;
                }
            }
        }
    }
    assert!(read_well > 500 && refused > 500, "{read_well} read, {refused} refused");
}

/// What was read from whatever bytes reads back from every format; CSV alone has no nameless column.
fn check_round_trip(table: &Table) {
    let nameless = table.schema().names().any(str::is_empty);
    for format in [Format::Csv, Format::JsonColumns, Format::Jsonl] {
        if format == Format::Csv && nameless {
            continue;
        }
        let bytes = write(table, format);
        let what = format!("{}: {}", format.name(), bytes.escape_ascii());
        match read(&bytes, format, "k", &asking_for(table)) {
            Ok(back) => assert_same(table, &back.table, &what),
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

#[test]
fn every_cut_of_a_sample_ends_well() {
    for (name, bytes) in samples() {
        for end in 0..bytes.len() {
            if let Ok(read) = read_any(&bytes[..end]) {
                assert!(read.table.rows() > 0, "{name} cut at {end}");
            }
        }
    }
}

/// An integer that a float cannot hold is told in every format, and kept to the digit where it is a name.
#[test]
fn integers_beyond_2_53_are_told_in_every_format() {
    const BEYOND: &str = "9007199254740993";
    let golden = |name: &str| std::fs::read(here("golden/data").join(name)).unwrap();
    let mut npy =
        b"\x93NUMPY\x01\0\x46\0{'descr': [('b', '<i8')], 'fortran_order': False, 'shape': (2,), }".to_vec();
    npy.resize(10 + 0x46, b' ');
    npy.extend(
        [9_007_199_254_740_992i64, 9_007_199_254_740_993].iter().flat_map(|value| value.to_le_bytes()),
    );
    let values: [(&str, Vec<u8>); 9] = [
        ("CSV", format!("b\n9007199254740992\n{BEYOND}\n").into()),
        ("TSV", format!("b\tc\n-9007199254740992\t1\n{BEYOND}\t1\n").into()),
        ("JSON columns", format!("{{\"b\": [9007199254740992, {BEYOND}]}}").into()),
        ("JSON texts", format!("{{\"b\": [\"1\", \"{BEYOND}\"]}}").into()),
        ("JSON records", format!("[{{\"b\": 9007199254740992}}, {{\"b\": {BEYOND}}}]").into()),
        ("JSONL", format!("{{\"b\": 9007199254740992}}\n{{\"b\": {BEYOND}}}\n").into()),
        ("Parquet", golden("parquet/beyond.parquet")),
        ("Arrow", golden("arrow/beyond.arrow")),
        ("NPY", npy),
    ];
    for (format, bytes) in values {
        let found = read_any(&bytes).unwrap_or_else(|error| panic!("{format}: {error}"));
        let suspect = found.suspects.iter().find(|suspect| suspect.column == "b").expect(format);
        assert_eq!((suspect.row, suspect.error.code()), (2, Code::BadCell), "{format}");
        let told = format!("row 2: `{BEYOND}` is an integer beyond 2^53, which a float cannot hold");
        assert!(suspect.error.message().ends_with(&told), "{format}: {}", suspect.error);
        let options = ReadOptions {
            schema: [("b".to_owned(), Kind::Category)].into(),
            columns: Some(vec!["b".to_owned()]),
            ..ReadOptions::default()
        };
        let named = read(&bytes, detect(&bytes, "k").unwrap(), "k", &options).unwrap();
        let Column::Codes { codes, levels } = &named.table.columns()[0] else { panic!("{format}: no names") };
        assert_eq!((levels.label(codes[1]), named.suspects.len()), (Some(BEYOND), 0), "{format}");
    }
}
