//! Parquet files: what pandas reads from them, what is refused, and that a table is the same wherever it lies.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use pipefit::diag::{Code, Diagnostic, Silent};
use pipefit::graph::Graph;
use pipefit::job::{self, Loaded};
use pipefit::source::formats::{Format, Packing, Read, ReadOptions, read};
use pipefit::source::keys::{self, Keys};
use pipefit::source::{files_matching, open_parquet};
use pipefit::table::{Column, Digest, Kind, Scan, Table, fingerprint};
use pipefit::{artifact, graph, plan, run};

use crate::typed::{as_pandas, names_what_is_not_read, tells_what_is_beyond};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/parquet")
}

fn files(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| folder().join(name)).collect()
}

fn all(names: &[&str], options: &ReadOptions) -> Result<Read, Diagnostic> {
    open_parquet(&files(names), options)?.gather()
}

fn with(schema: &[(&str, Kind)], columns: Option<&[&str]>) -> ReadOptions {
    ReadOptions {
        schema: schema.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
        columns: columns.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        ..ReadOptions::default()
    }
}

#[test]
fn tables_are_those_of_pandas() {
    as_pandas("parquet.json", 8, |names| {
        let table = all(names, &ReadOptions::default()).unwrap_or_else(|e| panic!("{names:?}: {e}")).table;
        if let [name] = names {
            let bytes = std::fs::read(folder().join(name)).unwrap();
            let value = read(&bytes, Format::Parquet, name, &ReadOptions::default()).unwrap().table;
            assert_eq!(fingerprint(&value), fingerprint(&table), "{name}");
        }
        table
    });
}

#[test]
fn types_that_the_file_asks_for() {
    let labels = |name: &str, kind: Kind| -> Vec<String> {
        let read = all(&["kinds.parquet"], &with(&[(name, kind)], Some(&[name]))).unwrap();
        let Column::Codes { levels, .. } = &read.table.columns()[0] else { panic!("{name}: no category") };
        levels.labels().to_vec()
    };
    assert_eq!(labels("i16", Kind::Category)[..3], ["0", "1000", "2000"]);
    assert_eq!(labels("flag", Kind::Category), ["False", "True"]);
    assert_eq!(labels("money", Kind::Category)[..3], ["-50", "-29.98", "-19.97"]);
    assert_eq!(labels("u64", Kind::Category).last().unwrap(), "9007199254740992");
    assert_eq!(labels("large", Kind::Category), ["", "10", "9", "NA", "a", "b", "nan", "ä"]);

    let number =
        all(&["kinds.parquet"], &with(&[("all_flags", Kind::Number)], Some(&["all_flags"]))).unwrap();
    assert_eq!(number.table.schema().fields()[0].kind, Kind::Number);
    let error = all(&["kinds.parquet"], &with(&[("word", Kind::Number)], None)).unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::BadCell, "row group 1, column `word`, row 1: `b` is not a number")
    );
    let error = all(&["kinds.parquet"], &with(&[("i16", Kind::Bool)], None)).unwrap_err();
    assert_eq!(error.message(), "row group 1, column `i16`, row 2: `1000` is neither true nor false");
    let error = all(&["kinds.parquet"], &with(&[("wurd", Kind::Number)], None)).unwrap_err();
    assert_eq!((error.code(), error.advice()), (Code::MissingColumn, Some("did you mean `word`?")));
}

#[test]
fn what_a_float_cannot_hold_is_told_by_column() {
    let read = all(&["beyond.parquet"], &ReadOptions::default()).unwrap();
    tells_what_is_beyond(&read, "row group 1, ");
}

#[test]
fn columns_that_are_not_read_are_named() {
    names_what_is_not_read(&[("half", "floats of 16 bits"), ("wide", "decimals of 50 digits")], |name| {
        all(&["refused.parquet"], &with(&[], Some(&["n", name]))).unwrap_err()
    });
    assert_eq!(all(&["refused.parquet"], &with(&[], Some(&["n"]))).unwrap().table.rows(), 1);
}

#[test]
fn files_that_do_not_go_together_are_told() {
    let message = |names: &[&str]| {
        let error = all(names, &ReadOptions::default()).unwrap_err();
        assert_eq!(error.code().exit_code(), 4, "{error}");
        error.message().replace(&format!("{}/", folder().display()), "")
    };
    assert_eq!(
        message(&["plain.parquet", "other-columns.parquet"]),
        "column `w` is in `plain.parquet`, but not in `other-columns.parquet`"
    );
    assert_eq!(
        message(&["plain.parquet", "other-types.parquet"]),
        "column `x` holds text in `other-types.parquet`, and numbers in `plain.parquet`"
    );
    assert_eq!(message(&["empty.parquet"]), "the data has columns, but no rows");
    assert!(message(&["no.parquet"]).starts_with("file `no.parquet` cannot be read: "));
}

/// Bytes from a fixed seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}

/// Cut and changed files are an error with the file's name, or another table; never a panic or a process without memory.
#[test]
fn damaged_files_are_errors() {
    let (mut dice, mut errors) = (Dice(5), 0);
    for name in ["kinds", "gzip", "lz4", "snappy", "zstd", "encodings", "version_2"] {
        let whole = std::fs::read(folder().join(format!("{name}.parquet"))).unwrap();
        let footer =
            whole.len() - 8 - u32::from_le_bytes(whole[whole.len() - 8..][..4].try_into().unwrap()) as usize;
        for i in 0..400 {
            let mut bytes = whole.clone();
            match i % 4 {
                0 => bytes.truncate(dice.next(whole.len())),
                1 => (0..=dice.next(3)).for_each(|_| bytes[dice.next(footer)] = dice.next(256) as u8),
                2 => (0..=dice.next(3)).for_each(|_| {
                    bytes[footer + dice.next(whole.len() - footer)] = dice.next(256) as u8;
                }),
                _ => (0..=dice.next(3)).for_each(|_| bytes[dice.next(whole.len())] ^= 1 << dice.next(8)),
            }
            let damaged = read(&bytes, Format::Parquet, name, &ReadOptions::default());
            if let Err(error) = damaged {
                assert_eq!(error.code().exit_code(), 4, "{name} {i}: {error}");
                errors += 1;
            }
        }
    }
    println!("{errors} of 2800 damaged files are errors");
    assert!(errors > 1000);
}

const ROWS: usize = 140_000;

/// A row of the table that is written in several ways: numbers, one of them with holes, a category with holes, a target.
pub fn row(i: usize) -> (f64, Option<f64>, i64, Option<String>, f64) {
    let noise = |salt: usize| ((i + salt).wrapping_mul(2_654_435_761) >> 7 & 0xffff) as f64 / 65_536.0;
    let (a, b, n) = (noise(1), noise(7) * 1e3, (i * 7919 % 1000) as i64);
    let word = format!("level {}", i * 31 % 11);
    let y = 3.0 * a - b / 100.0 + n as f64 / 500.0 + noise(3);
    (a, (!i.is_multiple_of(13)).then_some(b), n, (!i.is_multiple_of(29)).then_some(word), y)
}

/// Writes some rows as a Parquet file with row groups of a size.
pub fn write_parquet(path: &Path, rows: std::ops::Range<usize>, group: usize) {
    let schema = "message table { required double a; optional double b; required int64 n;
                  optional binary w (UTF8); required double y; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_data_page_row_count_limit(3000)
        .set_write_batch_size(1000)
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, properties.into()).unwrap();
    for start in rows.clone().step_by(group) {
        let rows: Vec<_> = (start..(start + group).min(rows.end)).map(row).collect();
        let mut group = writer.next_row_group().unwrap();
        let mut place = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            let levels = |there: &dyn Fn(usize) -> bool| -> Vec<i16> {
                (0..rows.len()).map(|i| i16::from(there(i))).collect()
            };
            match (column.untyped(), place) {
                (ColumnWriter::DoubleColumnWriter(writer), 0) => {
                    writer.write_batch(&rows.iter().map(|row| row.0).collect::<Vec<_>>(), None, None)
                }
                (ColumnWriter::DoubleColumnWriter(writer), 1) => {
                    let values: Vec<f64> = rows.iter().filter_map(|row| row.1).collect();
                    writer.write_batch(&values, Some(&levels(&|i| rows[i].1.is_some())), None)
                }
                (ColumnWriter::Int64ColumnWriter(writer), _) => {
                    writer.write_batch(&rows.iter().map(|row| row.2).collect::<Vec<_>>(), None, None)
                }
                (ColumnWriter::ByteArrayColumnWriter(writer), _) => {
                    let text = |word: &String| ByteArray::from(word.as_str());
                    let values: Vec<_> = rows.iter().filter_map(|row| row.3.as_ref().map(text)).collect();
                    writer.write_batch(&values, Some(&levels(&|i| rows[i].3.is_some())), None)
                }
                (ColumnWriter::DoubleColumnWriter(writer), _) => {
                    writer.write_batch(&rows.iter().map(|row| row.4).collect::<Vec<_>>(), None, None)
                }
                _ => panic!("column {place}"),
            }
            .unwrap();
            column.close().unwrap();
            place += 1;
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

fn csv() -> Vec<u8> {
    let mut text = b"a,b,n,w,y\n".to_vec();
    for (a, b, n, w, y) in (0..ROWS).map(row) {
        let b = b.map_or_else(String::new, |b| format!("{b:?}"));
        writeln!(text, "{a:?},{b},{n},{},{y:?}", w.unwrap_or_default()).unwrap();
    }
    text
}

fn graph_of(folder: &Path, source: &str, cv: &str) -> Graph {
    let file = folder.join("parquet.yaml");
    let text = format!(
        "version: 1\nname: parquet\nsource: {source}\ntarget: y\npreprocess: {{num: {{columns: {{type: number}}, \
         steps: [SimpleImputer, StandardScaler]}}, cat: {{columns: {{type: category}}, steps: [OneHotEncoder]}}}}\nmodel: Ridge\ncv: {cv}\nscoring: [r2]\n"
    );
    std::fs::write(&file, text).unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    graph.unwrap_or_else(|| panic!("{problems:?}"))
}

/// The table's digest, the model's bytes, and the bits of all scores and predictions.
fn learned(graph: &Graph, loaded: &Loaded) -> (Digest, Digest, Digest) {
    let bound = plan::bind(graph, &loaded.table).unwrap();
    loaded.refuse_suspects(&bound).unwrap();
    let plan = plan::plan(&bound, None).unwrap();
    assert_eq!(plan.path, plan::Path::TwoPass);
    let (outcome, _) = run::run(&bound, &plan, &Silent).unwrap();
    assert_eq!(bound.x.is_streamed(), loaded.table.is_streamed(), "the rows were read into memory");
    let mut bits = Vec::new();
    for fold in &outcome.folds {
        let pipefit::contract::Prediction::Values(values) = &fold.prediction else { panic!("no values") };
        bits.extend(
            values.values().iter().chain(&fold.scores).flat_map(|value| value.to_bits().to_le_bytes()),
        );
    }
    (loaded.fingerprint, Digest::of(&artifact::write(&bound, &outcome).unwrap()), Digest::of(&bits))
}

#[test]
fn row_groups_memory_and_threads_change_no_bit() {
    let place = tempfile::tempdir().unwrap();
    let (_, keys) =
        keys::open(&format!("dir:{}", place.path().join("store").display()), Path::new("")).unwrap();
    keys.write("rows", &csv()).unwrap();
    for cv in ["{KFold: {n_splits: 4, shuffle: true}}", "3"] {
        let graph = graph_of(place.path(), "{key: rows}", cv);
        let expected = learned(&graph, &job::load(&graph, &*keys, &Silent).unwrap());
        for group in [1_000, 50_000, 1_000_000] {
            for (i, rows) in [0..60_001, 60_001..60_002, 60_002..ROWS].into_iter().enumerate() {
                write_parquet(&place.path().join(format!("part-{i}.parquet")), rows, group);
            }
            let graph = graph_of(place.path(), "{file: part-*.parquet}", cv);
            let whole = job::load(&graph, &*keys, &Silent).unwrap();
            assert!(!whole.table.is_streamed());
            assert_eq!(learned(&graph, &whole), expected, "row groups of {group}, in memory");
            let files = files_matching(&place.path().join("part-*.parquet")).unwrap();
            for threads in [1, 2, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let streamed = pool.install(|| {
                    let scan = open_parquet(&files, &ReadOptions::default()).unwrap();
                    learned(&graph, &Loaded::streamed(scan).unwrap())
                });
                assert_eq!(streamed, expected, "row groups of {group}, streamed, {threads} threads");
            }
        }
    }
}

/// Units in any order, again and again, are the rows that they should be.
#[test]
fn units_are_cut_on_the_global_row() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("x.parquet");
    write_parquet(&path, 0..ROWS, 9_999);
    let scan = open_parquet(&[path], &ReadOptions::default()).unwrap();
    let table: Table = scan.gather().unwrap().table;
    assert_eq!((scan.rows(), scan.units()), (ROWS, 3));
    for unit in [2, 0, 0, 1, 2, 1] {
        let (own, expected) = (scan.unit(unit).unwrap(), Scan::unit(&table, unit).unwrap());
        assert_eq!(fingerprint(&own), fingerprint(&expected), "unit {unit}");
    }
    let some = scan.select(&[3, 0]).unit(1).unwrap();
    assert_eq!(some.schema().names().collect::<Vec<_>>(), ["w", "a"]);
    assert_eq!(fingerprint(&some), fingerprint(&Scan::unit(&*Scan::select(&table, &[3, 0]), 1).unwrap()));
}

#[test]
fn other_formats_are_read_from_files_too() {
    let place = tempfile::tempdir().unwrap();
    let (_, keys) =
        keys::open(&format!("dir:{}", place.path().join("store").display()), Path::new("")).unwrap();
    let keys: &dyn Keys = &*keys;
    let csv = "a,y\n1,2\n2,3.5\n3,4\n4,7\n";
    std::fs::write(place.path().join("t.csv"), csv).unwrap();
    keys.write("t", csv.as_bytes()).unwrap();
    let load = |source: &str| job::load(&graph_of(place.path(), source, "2"), keys, &Silent);
    let file = load("{file: t.csv}").unwrap();
    assert_eq!(file.fingerprint, load("{key: t}").unwrap().fingerprint);
    let error = |source: &str| load(source).map(|_| ()).unwrap_err();
    let missing = error("{file: \"*.json\"}");
    assert_eq!(missing.code(), Code::MissingKeyOrFile);
    assert!(missing.message().ends_with("*.json`"), "{missing}");
    assert_eq!(error("{file: t.csv, format: parquet}").code(), Code::UnreadableValue);
    assert_eq!(error("{file: t.csv, format: jsonl}").code(), Code::UnreadableValue);
    let (head, rows) = csv.split_at(csv.find('\n').unwrap() + 1);
    let (first, second) = rows.split_at(rows.find("3,").unwrap());
    std::fs::write(place.path().join("p-1.csv"), format!("{head}{first}")).unwrap();
    let packed = Packing::Zstd.pack(format!("{head}{second}").into_bytes());
    std::fs::write(place.path().join("p-2.csv.zst"), packed).unwrap();
    assert_eq!(load("{file: \"p-*\"}").unwrap().fingerprint, file.fingerprint);
    std::fs::write(place.path().join("p-3.csv"), "a,z\n1,2\n").unwrap();
    let other = error("{file: \"p-*\"}");
    assert_eq!(other.code(), Code::MissingColumn);
    assert!(
        other.message().starts_with("column `z` is in `") && other.message().ends_with("p-1.csv`"),
        "{other}"
    );
    keys.write("t:2", &csv.as_bytes()[7..]).unwrap();
    keys.write("t:1", &csv.as_bytes()[..7]).unwrap();
    assert_eq!(load("{key: \"t:*\"}").unwrap().fingerprint, file.fingerprint);
}
