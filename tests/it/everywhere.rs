//! What is put into any store, in any layout and any format, of any type, is the same table when it is read again: with missing
//! cells, and under names that are hard to write down.

use std::path::Path;
use std::sync::Arc;

use pipefit::diag::Silent;
use pipefit::source::formats::{
    Format, Packing, Part, ReadOptions, detect, read, read_parts, unpack, write, written,
};
use pipefit::source::keys::{self, Item, Keys, Others};
use pipefit::source::layouts::{self, Entries, RowKeys};
use pipefit::table::{Column, Field, Kind, Schema, Table};

use crate::command::tell;
use crate::formats::{Dice, asking_for, assert_same};
use crate::round_trips::NAMES;
use crate::server::Server;

/// Whether a cell is missing.
fn is_missing(column: &Column, row: usize) -> bool {
    match column {
        Column::Number(values) => values[row].is_nan(),
        Column::Codes { codes, levels } => levels.label(codes[row]).is_none(),
    }
}

/// Some columns of the type, under hard names, and before them the number of the row. The first row has all of them: layouts of
/// fields have no other order of columns.
fn table(dice: &mut Dice, kind: Kind) -> Table {
    let rows = 1 + dice.below(40);
    let numbers: Vec<f64> = (0..rows).map(|row| 1e3 + row as f64).collect();
    let mut fields = vec![Field { name: "at".to_owned(), kind: Kind::Number }];
    let mut columns = vec![Column::Number(numbers.into())];
    let first = dice.below(NAMES.len());
    for i in 0..3 {
        let column = loop {
            let column = dice.column(kind, rows, false);
            if !is_missing(&column, 0) {
                break column;
            }
        };
        fields.push(Field { name: NAMES[(first + i) % NAMES.len()].to_owned(), kind });
        columns.push(column);
    }
    Table::new(Schema::new(fields), columns).unwrap()
}

/// The rows of a table as JSON objects, which are sorted by their texts as they are by their numbers.
fn objects(table: &Table) -> Vec<Vec<u8>> {
    let lines = write(table, Format::Jsonl);
    lines.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Makes a key of members, each with what stands beside it.
fn fill(keys: &dyn Keys, key: &str, kind: keys::Kind, members: &[(&[u8], Option<&[u8]>)]) {
    let mut fill = keys.fill(key, kind).unwrap();
    members.iter().for_each(|(member, beside)| fill.push(Item::Member(member, *beside)).unwrap());
    fill.finish().unwrap();
}

/// Hashes by pattern, by range, and by an index of each kind.
fn hashes(keys: &dyn Keys, table: &Table, options: &ReadOptions, what: &str) -> usize {
    let row_keys = RowKeys::parse("r*[\u{0}größe:{id}\n").unwrap();
    let names = row_keys.of(table, None, 0, 4).unwrap();
    layouts::write_hashes(keys, table, &names, Others::Go).unwrap();
    let found = layouts::read_rows(keys, &row_keys.pattern(), options, &Silent).unwrap().table;
    assert_same(table, &found, &format!("a pattern, {what}"));
    let range = RowKeys::parse("range:{id}").unwrap();
    layouts::write_hashes(keys, table, &range.of(table, None, 0, 0).unwrap(), Others::Go).unwrap();
    let pattern = format!("range:{{1..{}}}", table.rows());
    assert_same(
        table,
        &layouts::read_rows(keys, &pattern, options, &Silent).unwrap().table,
        &format!("a range, {what}"),
    );
    let scores: Vec<String> = (0..names.len()).map(|score| score.to_string()).collect();
    for kind in [keys::Kind::List, keys::Kind::Set, keys::Kind::Zset] {
        let is_scored = kind == keys::Kind::Zset;
        let members = names.iter().zip(&scores);
        let members: Vec<(&[u8], Option<&[u8]>)> =
            members.map(|(name, score)| (name.as_bytes(), is_scored.then_some(score.as_bytes()))).collect();
        fill(keys, "index", kind, &members);
        let found = layouts::read_index(keys, "index", options, &Silent).unwrap().table;
        assert_same(table, &found, &format!("an index that is a {kind}, {what}"));
    }
    let pattern = RowKeys::parse("range").unwrap().pattern();
    let removed = keys.matching(&pattern).unwrap();
    assert_eq!(keys.remove_all(&removed).unwrap(), table.rows());
    assert_eq!(keys.remove_all(&keys.matching(&row_keys.pattern()).unwrap()).unwrap(), table.rows());
    5
}

/// A list, a set, a sorted set and a hash of objects, a stream of entries.
fn one_key(keys: &dyn Keys, table: &Table, options: &ReadOptions, what: &str) -> usize {
    let objects = objects(table);
    let beside: Vec<String> = (0..objects.len()).map(|at| (1000 + at).to_string()).collect();
    for kind in [keys::Kind::List, keys::Kind::Set, keys::Kind::Zset, keys::Kind::Hash] {
        let members = objects.iter().zip(&beside);
        let members: Vec<(&[u8], Option<&[u8]>)> = match kind {
            keys::Kind::Zset => {
                members.map(|(object, score)| (&object[..], Some(score.as_bytes()))).collect()
            }
            keys::Kind::Hash => {
                members.map(|(object, field)| (field.as_bytes(), Some(&object[..]))).collect()
            }
            _ => members.map(|(object, _)| (&object[..], None)).collect(),
        };
        fill(keys, "größe\n", kind, &members);
        let mut found = layouts::read_members(keys, "größe\n", false, options, &Silent).unwrap().table;
        if kind == keys::Kind::Zset {
            assert_eq!(found.schema().names().next(), Some("score"), "{what}");
            found = found.select(table.schema().names()).unwrap();
        }
        assert_same(table, &found, &format!("a {kind}, {what}"));
    }
    layouts::write_stream(keys, "größe\n", table).unwrap();
    let found = layouts::read_stream(keys, "größe\n", &Entries::default(), options, &Silent).unwrap().table;
    assert_same(table, &found, &format!("a stream, {what}"));
    5
}

/// The table as a stream of Arrow, where the format is written as a file.
fn arrow_stream(table: &Table) -> Vec<u8> {
    let file = write(table, Format::Arrow);
    let reader = arrow_ipc::reader::FileReader::try_new(std::io::Cursor::new(file), None).unwrap();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &reader.schema()).unwrap();
    reader.for_each(|batch| writer.write(&batch.unwrap()).unwrap());
    writer.into_inner().unwrap()
}

/// A value in every format that holds the table, in every compression.
fn values(keys: &dyn Keys, table: &Table, options: &ReadOptions, what: &str) -> usize {
    let mut bytes: Vec<(&str, Vec<u8>)> =
        Format::ALL.iter().map(|format| (format.name(), write(table, *format))).collect();
    bytes.push(("an Arrow stream", arrow_stream(table)));
    let missing = table.fields().any(|(field, column)| {
        matches!(field.kind, Kind::Bool | Kind::Category | Kind::Text)
            && (0..table.rows()).any(|row| is_missing(column, row))
    });
    match written(table, Format::Npy) {
        Ok(npy) => {
            assert!(!missing, "{what}");
            // It has no categories: those that are numbers come back as texts, sorted as such.
            let is_numeric =
                |column: &Column| matches!(column, Column::Codes { levels, .. } if levels.numeric());
            if !table.columns().iter().any(is_numeric) {
                bytes.push(("NPY", npy));
            }
        }
        // One of the words ends with a zero character.
        Err(error) => assert!(missing || error.message().contains("do not hold"), "{what}: {error}"),
    }
    for (name, bytes) in &bytes {
        for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
            let what = format!("{name}, {packing:?}, {what}");
            keys.write("value", &packing.pack(bytes.clone())).unwrap();
            let back = unpack(keys.value("value").unwrap().unwrap(), "value").unwrap();
            let format = detect(&back, "value").unwrap();
            let found =
                read(&back, format, "value", options).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_same(table, &found.table, &what);
        }
    }
    // Of several files together, too.
    let half = table.rows() / 2;
    if half > 0 {
        let halves = [table.slice(0, half), table.slice(half, table.rows() - half)];
        let halves = halves.map(|half| write(&half, Format::Parquet));
        let parts: Vec<_> =
            halves.iter().map(|half| (Part::borrowed("half", half), Format::Parquet)).collect();
        assert_same(table, &read_parts(&parts, options).unwrap().table, &format!("halves, {what}"));
    }
    3 * bytes.len()
}

#[test]
fn every_layout_and_format_of_every_type_comes_back_from_every_store() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let urls = ["mem:".to_owned(), "dir:store".to_owned(), server.url("/0")];
    let stores: Vec<Arc<dyn Keys>> =
        urls.iter().map(|url| keys::open(url, folder.path() as &Path).unwrap().1).collect();
    let mut count = 0;
    for seed in 0..8 {
        let mut dice = Dice::seeded(1000 + seed);
        for kind in Kind::ALL {
            let table = table(&mut dice, kind);
            let options = asking_for(&table);
            for (keys, url) in stores.iter().zip(&urls) {
                let what = format!("seed {seed}, {} in {url}", kind.name());
                count += hashes(&**keys, &table, &options, &what);
                count += one_key(&**keys, &table, &options, &what);
                count += values(&**keys, &table, &options, &what);
            }
        }
    }
    assert!(count >= 8 * 5 * 3 * (5 + 5 + 3 * 8));
    tell(&format!("{count} round trips"));
}
