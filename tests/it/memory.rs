//! What `plan` says of memory is what a run takes, and a bound on it holds without a change of any number.

use std::io::Read;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use serde_json::Value;

use crate::command::{Place, Ran};

const MIB: f64 = 1_048_576.0;
/// What the allocator and threads of a small run add, and what no estimate can tell.
const SLACK: f64 = 8.0;

/// A table: numbers `x0 ...`, a category `c` of so many levels if there are any, and the target `y`, of `classes` if not 0.
struct Data {
    rows: usize,
    numbers: usize,
    levels: usize,
    classes: usize,
}

impl Data {
    fn number(&self, row: usize, j: usize) -> f64 {
        let x = (row as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ (j as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
        let x = (x ^ x >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((x ^ x >> 29) >> 40) as f64 / 16_777_216.0 - 0.5
    }

    /// Writes it as Parquet.
    fn write(&self, place: &Place) {
        let numbers: String = (0..self.numbers).map(|j| format!("required double x{j}; ")).collect();
        let category = if self.levels > 0 { "required binary c (UTF8); " } else { "" };
        let target = if self.classes > 0 { "required binary y (UTF8);" } else { "required double y;" };
        let schema = format!("message table {{ {numbers}{category}{target} }}");
        let schema = Arc::new(parse_message_type(&schema).unwrap());
        let file = std::fs::File::create(place.path("data.parquet")).unwrap();
        let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
        let mut writer = SerializedFileWriter::new(file, schema, properties.into()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut j = 0;
        let texts = |prefix: char, values: usize, j: usize| -> Vec<ByteArray> {
            let value = |row| ((self.number(row, j) + 0.5) * values as f64) as usize;
            (0..self.rows).map(|row| ByteArray::from(format!("{prefix}{}", value(row)).as_str())).collect()
        };
        while let Some(mut column) = group.next_column().unwrap() {
            match column.untyped() {
                ColumnWriter::DoubleColumnWriter(writer) => {
                    let sum = |row| self.number(row, 0) - 2.0 * self.number(row, 1) + self.number(row, j);
                    let target = j >= self.numbers;
                    let value = |row| if target { sum(row) } else { self.number(row, j) };
                    writer.write_batch(&(0..self.rows).map(value).collect::<Vec<_>>(), None, None).unwrap();
                }
                ColumnWriter::ByteArrayColumnWriter(writer) => {
                    let values = if j == self.numbers && self.levels > 0 {
                        texts('v', self.levels, j)
                    } else {
                        texts('k', self.classes, j)
                    };
                    writer.write_batch(&values, None, None).unwrap();
                }
                _ => panic!("column {j}"),
            }
            column.close().unwrap();
            j += 1;
        }
        group.close().unwrap();
        writer.close().unwrap();
    }
}

/// A pipeline file on the table.
fn pipeline(place: &Place, rest: &str) {
    let head = "version: 1\nname: m\nsource: {file: data.parquet}\ntarget: y\n";
    place.write("m.yaml", format!("{head}cv: {{KFold: {{n_splits: 5, shuffle: true}}}}\n{rest}"));
}

/// Runs the pipeline, and gives the greatest resident memory of the process in MiB.
fn peak(place: &Place, more: &[&str]) -> f64 {
    peak_of(place, &[&["run", "m.yaml", "--threads", "2"], more].concat())
}

/// The greatest resident memory of a command in MiB.
pub fn peak_of(place: &Place, arguments: &[&str]) -> f64 {
    let mut command = place.command(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    // The greatest so far is asked again and again: after the end there is no one to ask, and the most is not used last.
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        // Until the kernel has named it, the child may still have the memory of this process, which waits for no more
        // than that the child lets go of it.
        let text = if text.starts_with("Name:\tpipefit\n") { text } else { String::new() };
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        peak = peak.max(kib.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(child.wait().unwrap().success(), "{told}");
    peak
}

fn planned(place: &Place, more: &[&str]) -> Value {
    let arguments = [&["plan", "m.yaml", "--threads", "2", "--format", "json"], more].concat();
    serde_json::from_str(&place.run(&arguments).ok().out).unwrap()
}

/// What a process takes that does next to nothing.
fn empty() -> f64 {
    let place = Place::new();
    Data { rows: 50, numbers: 2, levels: 0, classes: 0 }.write(&place);
    pipeline(&place, "model: Ridge\n");
    peak(&place, &[])
}

const SCALED: &str = "preprocess: [StandardScaler]\n";
const ENCODED: &str = "preprocess:
  numbers: {columns: {type: number}, steps: [StandardScaler]}
  words: {columns: {type: category}, steps: [{OneHotEncoder: {handle_unknown: ignore}}]}
";
const PRODUCTS: &str = "preprocess: [StandardScaler, {PolynomialFeatures: {include_bias: false}}]\n";

#[test]
fn estimates_are_within_a_fifth_of_the_peak() {
    let numbers = |rows, numbers| Data { rows, numbers, levels: 0, classes: 0 };
    let penalties: Vec<String> = (0..20).map(|k| format!("{}", 1 << k)).collect();
    let grid = |model: &str, name: &str, values: &str| {
        format!(
            "{SCALED}model: {model}\nsearch: {{GridSearchCV: {{param_grid: {{model__{name}: [{values}]}}}}}}\n"
        )
    };
    let ridge = "model: {Ridge: {alpha: 2}}\n";
    let words = || Data { rows: 8_000, numbers: 3, levels: 300, classes: 0 };
    let general = &["--path", "general"][..];
    let cases: [(&str, Data, String, &[&str]); 11] = [
        ("least squares", numbers(300_000, 40), format!("{SCALED}model: LinearRegression\n"), &[]),
        ("least squares, general", numbers(80_000, 30), format!("{SCALED}{ridge}"), general),
        ("a grid", numbers(150_000, 12), grid("Ridge", "alpha", &penalties.join(", ")), &[]),
        ("rows left out", numbers(100_000, 20), "model: RidgeCV\n".to_owned(), &[]),
        ("rows left out, general", numbers(30_000, 20), "model: RidgeCV\n".to_owned(), general),
        ("indicators", words(), format!("{ENCODED}{ridge}"), &[]),
        ("indicators, general", words(), format!("{ENCODED}{ridge}"), general),
        ("products", numbers(40_000, 12), format!("{PRODUCTS}{ridge}"), &[]),
        ("products, general", numbers(20_000, 12), format!("{PRODUCTS}{ridge}"), general),
        (
            "a logistic grid",
            Data { classes: 2, ..numbers(40_000, 12) },
            grid("LogisticRegression", "C", "0.1, 1, 10"),
            &[],
        ),
        ("read in units", numbers(300_000, 40), format!("{SCALED}{ridge}"), &["--memory", "180MiB"]),
    ];
    let empty = empty();
    let mut off = Vec::new();
    for (name, data, rest, more) in cases {
        let place = Place::new();
        data.write(&place);
        pipeline(&place, &rest);
        let plan = planned(&place, more);
        let estimate = plan["bytes"].as_f64().unwrap() / MIB;
        let measured = peak(&place, more) - empty;
        println!("{name}: {estimate:.1} MiB estimated, {measured:.1} MiB measured; {}", plan["memory"]);
        if (estimate - measured).abs() > 0.2 * measured + SLACK {
            off.push(format!("{name}: {estimate:.1} MiB are not {measured:.1} MiB"));
        }
    }
    assert!(off.is_empty(), "{off:#?}");
}

#[test]
fn a_bound_changes_no_number() {
    let place = Place::new();
    Data { rows: 30_000, numbers: 20, levels: 0, classes: 0 }.write(&place);
    let grid =
        "{param_grid: {preprocess__standardscaler: [StandardScaler, MinMaxScaler], model__alpha: [1, 2]}}";
    pipeline(
        &place,
        &format!("preprocess: [StandardScaler]\nmodel: Ridge\nsearch: {{GridSearchCV: {grid}}}\n"),
    );
    let run = |more: &[&str]| {
        let all = [&["run", "m.yaml", "--threads", "2", "--path", "general", "--json"], more].concat();
        let json = place.run(&all).json();
        (json["artifact"]["sha256"].clone(), json["cv"].clone(), json["search"].clone())
    };
    let general = &["--path", "general"][..];
    let free = planned(&place, general);
    assert_eq!(free["memory"]["folds_at_once"], 2);
    let bytes = free["bytes"].as_u64().unwrap();
    assert!(free["memory"]["bound"].as_u64().unwrap() > bytes);
    let tight = (bytes - 1).to_string();
    let tight = ["--memory", &tight];
    let held = planned(&place, &[general, &tight].concat());
    assert_eq!(held["memory"]["folds_at_once"], 1);
    assert!(held["bytes"].as_u64().unwrap() < bytes);
    assert_eq!(run(&[]), run(&tight));
}

/// A refused run with this text among what it says.
fn refused(place: &Place, more: &[&str], text: &str) -> Ran {
    let ran = place.run(&[&["run", "m.yaml", "--threads", "2"], more].concat());
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    for part in ["E0412", "--memory", text] {
        assert!(ran.err.contains(part), "no `{part}` in {}", ran.err);
    }
    assert_eq!(place.models(), serde_json::json!([]));
    ran
}

#[test]
fn what_cannot_fit_is_refused_before_anything_is_computed() {
    let place = Place::new();
    Data { rows: 30_000, numbers: 2, levels: 20_000, classes: 0 }.write(&place);
    pipeline(&place, &format!("{ENCODED}model: Ridge\n"));
    refused(&place, &["--memory", "2GiB"], "features squared");
    refused(&place, &["--memory", "1MB"], "1.0 MiB");
    let plan = place.run(&["plan", "m.yaml", "--memory", "2GiB"]);
    assert_eq!(plan.code, Some(4));

    let place = Place::new();
    Data { rows: 6_000, numbers: 20, levels: 0, classes: 3_000 }.write(&place);
    pipeline(&place, "model: LogisticRegression\n");
    refused(&place, &["--memory", "8GiB"], "second derivatives");

    let place = Place::new();
    Data { rows: 50, numbers: 2, levels: 0, classes: 0 }.write(&place);
    pipeline(&place, "model: Ridge\n");
    for size in ["four", "0", "-1G"] {
        assert_eq!(place.run(&["run", "m.yaml", &format!("--memory={size}")]).code, Some(2), "{size}");
    }
}
