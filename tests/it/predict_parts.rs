//! `pipefit predict` over files of many rows: in parts it says what it says of the whole, and takes no more memory for more rows.

use crate::command::{Place, tell};
use crate::memory::peak_of;
use crate::parquet::{row, write_parquet};
use std::fmt::Write as _;

/// Two whole parts and a piece.
const ROWS: usize = 140_000;

const FILE: &str = "version: 1
name: m
source: {file: train.csv}
target: y
preprocess:
  num: {columns: {type: number}, steps: [SimpleImputer, StandardScaler]}
  cat: {columns: {type: category}, steps: [OneHotEncoder]}
model: Ridge
cv: null
";

fn csv(rows: std::ops::Range<usize>, delimiter: char) -> String {
    let mut text = ["a", "b", "n", "w", "y"].join(&delimiter.to_string()) + "\n";
    for (a, b, n, w, y) in rows.map(row) {
        let b = b.map_or(String::new(), |b| b.to_string());
        let w = w.unwrap_or_default();
        writeln!(text, "{a}{delimiter}{b}{delimiter}{n}{delimiter}{w}{delimiter}{y}").unwrap();
    }
    text
}

fn jsonl(rows: std::ops::Range<usize>) -> String {
    let line = |i| {
        let (a, b, n, w, y) = row(i);
        format!("{}\n", serde_json::json!({"a": a, "b": b, "n": n, "w": w, "y": y}))
    };
    rows.map(line).collect()
}

fn trained() -> Place {
    let place = Place::new();
    place.write("train.csv", csv(0..3000, ','));
    place.write("m.yaml", FILE);
    place.run(&["run", "m.yaml"]).ok();
    place
}

#[test]
fn a_file_in_parts_gives_the_bytes_of_the_whole() {
    let place = trained();
    place.write("all.csv", csv(0..ROWS, ','));
    place.write("all.tsv", csv(0..ROWS, '\t'));
    place.write("all.jsonl", jsonl(0..ROWS));
    write_parquet(&place.path("all.parquet"), 0..ROWS, 50_000);
    // A key is read whole.
    place.run(&["data", "put", "all", "all.csv"]).ok();
    place.run(&["predict", "m", "--input", "all", "--keep", "a,w", "--output", "whole.csv"]).ok();
    let whole = place.read("whole.csv");
    assert_eq!(whole.lines().count(), ROWS + 1);
    for input in ["all.csv", "all.tsv", "all.jsonl", "all.parquet"] {
        let predict = ["predict", "m", "--input", input, "--keep", "a,w"];
        let to_file = [&predict[..], &["--output", "parts.csv", "--json"]].concat();
        let ran = place.run(&to_file);
        assert_eq!(ran.json()["rows"], ROWS, "{input}");
        assert!(place.read("parts.csv") == whole, "{input} to a file");
        let ran = place.run(&[&predict[..], &["--threads", "3"]].concat()).ok();
        assert!(ran.out == whole, "{input} to stdout");
    }
    let lines = ["predict", "m", "--input", "all.csv", "--keep", "n"];
    place.run(&[&lines[..], &["--output", "parts.jsonl"]].concat()).ok();
    let last = place.read("parts.jsonl").lines().last().unwrap().to_owned();
    let last: serde_json::Value = serde_json::from_str(&last).unwrap();
    let expected: Vec<&str> = whole.lines().last().unwrap().split(',').collect();
    assert_eq!(last["prediction"].as_f64().unwrap().to_string(), expected[0]);
}

#[test]
fn what_is_wrong_in_a_later_part_is_told_with_its_line_and_leaves_the_old_file() {
    let place = trained();
    let mut text = csv(0..ROWS, ',');
    text.push_str("1,2,three,level 1,4\n");
    place.write("bad.csv", &text);
    place.write("out.csv", "old");
    let ran = place.run(&["predict", "m", "--input", "bad.csv", "--output", "out.csv"]);
    let start = 2 * 65_536 + 1;
    let words =
        [&format!("counted from row {start}: column `n`"), "`three`", &format!("bad.csv:{}", ROWS + 2)];
    ran.fails(4, &words);
    assert_eq!(place.read("out.csv"), "old");
    let left = std::fs::read_dir(place.root()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().ends_with(".new")));
    let text = text.replace("three", "3").replace("level 1,4\n", "elsewhere,4\n");
    place.write("bad.csv", text);
    let ran = place.run(&["predict", "m", "--input", "bad.csv", "--output", "out.csv"]);
    ran.fails(5, &[&format!("counted from row {start}: "), "elsewhere"]);
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    let place = trained();
    let peak = |rows: usize| {
        place.write("some.csv", csv(0..rows, ','));
        let input = ["predict", "m", "--input", "some.csv", "--output", "out.csv", "--threads", "1"];
        peak_of(&place, &input)
    };
    let (few, many) = (peak(200_000), peak(800_000));
    tell(&format!("predict over 200,000 rows takes {few:.1} MiB, over 800,000 {many:.1} MiB"));
    assert!(many < few + 12.0, "{few} MiB, then {many} MiB");
}
