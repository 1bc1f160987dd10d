//! Rows from a real server are the table that the rules say, whatever they are made of and in whatever pieces they come.

use std::path::Path;

use pipefit::diag::Place;
use pipefit::source::formats::{Format, Read, ReadOptions, read};
use pipefit::source::keys;
use pipefit::source::layouts::read_rows;
use pipefit::table::{Kind, fingerprint};
use redis::{Connection, cmd};
use serde_json::Value;

use crate::fuzz::mutation::Dice;
use crate::server::Server;

/// What the cells of a column are made of; the columns change their mind in some rows.
const PURSES: [&[&str]; 8] = [
    &[
        "1",
        "2.5",
        "-0",
        "007",
        "1e-7",
        " 3",
        "0.1",
        "1.7976931348623157e308",
        "4.9e-324",
        "123456789012345678",
    ],
    &["true", "FALSE", "True", "false"],
    &["inf", "-Infinity", "1e999"],
    &["9007199254740993", "-9007199254740992", "18446744073709551616"],
    &["", "NA", "null", "nan", "None", "<NA>"],
    &["x", "größe", "код 😀", "a\tb\n\"c\"", "\\", "{\"a\": 1}"],
    &["ein recht langer Text, der in keine kleine Liste passt, weil er mehr als vierundsechzig Bytes hat"],
    &["1", "0"],
];

/// A row: its fields in the order of writing, and whether it is a document.
struct Row {
    fields: Vec<(String, String)>,
    document: bool,
}

/// Rows whose columns have a purse each, and another one from some row on.
fn rows(dice: &mut Dice, count: usize) -> Vec<Row> {
    let width = 1 + dice.below(9);
    let plans: Vec<_> = (0..width)
        .map(|_| (*dice.pick(&PURSES), *dice.pick(&PURSES), dice.below(2 * count), dice.below(3)))
        .collect();
    let documents = [0, 0, 5, 100][dice.below(4)];
    let row = |dice: &mut Dice, i: usize| {
        let mut fields = Vec::new();
        for (j, (first, then, from, holes)) in plans.iter().enumerate() {
            if (0..*holes).any(|_| dice.below(3) == 0) {
                continue;
            }
            let name = format!("{}{j}", ["größe", "x", "Code "][j % 3]);
            fields.push((name, (*dice.pick(if i < *from { first } else { then })).to_owned()));
        }
        if dice.below(4) == 0 {
            fields.reverse();
        }
        // A hash has at least one field.
        if fields.is_empty() {
            fields.push(("only".to_owned(), "1".to_owned()));
        }
        Row { fields, document: dice.below(100) < documents }
    };
    (0..count).map(|i| row(dice, i)).collect()
}

/// A row as a JSON object in one line.
fn object<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let fields = fields.into_iter().map(|(name, value)| format!("{}: {}", text(name), text(value)));
    format!("{{{}}}\n", fields.collect::<Vec<_>>().join(", "))
}

/// Writes the rows, and gives the table that they are as JSONL: the cells of a hash are texts, its columns stand in the
/// order of writing, or sorted where the server keeps no order.
fn write(raw: &mut Connection, rows: &[Row]) -> String {
    let mut lines = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let key = format!("r:{}", i * 7919 % rows.len());
        let mut fields: Vec<(&str, &str)> =
            row.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let line = object(fields.iter().copied());
        if row.document {
            let spread = line.replace(", ", ",\n  ");
            // Not where a text has the comma.
            let whole = serde_json::from_str::<Value>(&spread).ok() == serde_json::from_str(&line).ok();
            cmd("SET")
                .arg(&key)
                .arg(if i % 2 == 0 && whole { spread } else { line.clone() })
                .exec(raw)
                .unwrap();
            lines.push((key, line));
            continue;
        }
        cmd("HSET").arg(&key).arg(&fields).exec(raw).unwrap();
        let encoding: String = cmd("OBJECT").arg("ENCODING").arg(&key).query(raw).unwrap();
        if encoding != "listpack" {
            fields.sort_unstable();
        }
        lines.push((key, object(fields)));
    }
    lines.sort_unstable();
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Everything that a reading says: the schema, the fingerprint, the suspects, each with the name of the place.
fn told(read: &Read) -> (String, Vec<(String, usize, String)>) {
    let kinds: Vec<_> = read.table.fields().map(|(field, _)| (&field.name, field.kind)).collect();
    let suspects = read
        .suspects
        .iter()
        .map(|suspect| (suspect.column.clone(), suspect.row, suspect.error.message().to_owned()));
    (format!("{kinds:?} {}", fingerprint(&read.table)), suspects.collect())
}

#[test]
fn mixed_rows_are_the_table_of_the_same_lines_of_json() {
    let server = Server::start();
    let mut raw = server.raw();
    let keys = keys::open(&server.url("/0"), Path::new("")).unwrap().1;
    let (mut tables, mut suspects, mut categories) = (0, 0, 0);
    for seed in 0..120 {
        let mut dice = Dice::new(seed);
        cmd("FLUSHALL").exec(&mut raw).unwrap();
        let entries = ["128", "3"][dice.below(2)];
        cmd("CONFIG").arg("SET").arg("hash-max-listpack-entries").arg(entries).exec(&mut raw).unwrap();
        let count = [3, 40, 300, 2_500][dice.below(4)];
        let lines = write(&mut raw, &rows(&mut dice, count));
        let all = ReadOptions::default();
        let expected = read(lines.as_bytes(), Format::Jsonl, "k", &all).expect(&lines);
        let found = read_rows(&*keys, "r:*", &all, &pipefit::diag::Silent).expect(&lines);
        assert_eq!(told(&found), told(&expected), "seed {seed}");
        for suspect in &found.suspects {
            let mut sorted: Vec<String> = (0..count).map(|i| format!("r:{i}")).collect();
            sorted.sort_unstable();
            let Some(Place::File { name, .. }) = suspect.error.place() else { panic!("no place") };
            assert_eq!(*name, sorted[suspect.row - 1]);
        }
        tables += 1;
        suspects += found.suspects.len();
        categories += found.table.fields().filter(|(field, _)| field.kind == Kind::Category).count();
        // Some of the columns, in another order; as a type that fits any cell, and as numbers, which not all are.
        let names: Vec<String> = expected.table.schema().names().map(str::to_owned).collect();
        let some: Vec<String> = (0..1 + dice.below(names.len())).map(|_| dice.pick(&names).clone()).collect();
        let category = some.iter().map(|name| (name.clone(), Kind::Category)).collect();
        for schema in [Default::default(), category] {
            let options = ReadOptions { columns: Some(some.clone()), schema, ..ReadOptions::default() };
            let expected = read(lines.as_bytes(), Format::Jsonl, "k", &options).expect(&lines);
            let found = read_rows(&*keys, "r:*", &options, &pipefit::diag::Silent).expect(&lines);
            assert_eq!(told(&found), told(&expected), "seed {seed}, {some:?}");
        }
        let numbers = names.iter().map(|name| (name.clone(), Kind::Number)).collect();
        let numbers = ReadOptions { schema: numbers, ..ReadOptions::default() };
        let expected = read(lines.as_bytes(), Format::Jsonl, "k", &numbers);
        let found = read_rows(&*keys, "r:*", &numbers, &pipefit::diag::Silent);
        // Of several bad cells in a row any may be the one that is told: a large hash has no order.
        let message = |read: Result<Read, pipefit::diag::Diagnostic>| {
            let row =
                |message: &str| message.split(", row ").nth(1)?.split(':').next()?.parse::<usize>().ok();
            read.map(|read| told(&read)).map_err(|error| (error.code(), row(error.message()).unwrap()))
        };
        assert_eq!(message(found), message(expected), "seed {seed}");
    }
    println!("{tables} tables, {suspects} suspects, {categories} categories");
    assert!(suspects > 50 && categories > 100);
}
