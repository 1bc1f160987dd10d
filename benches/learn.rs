//! Learning online in process: rows of 20 features, StandardScaler and Ridge or SGDRegressor, in batches of 500 without and with
//! the prediction of every row before its batch is learned, and row by row, each predicted by what all rows before it have taught;
//! and the factor by itself. Prints one JSON object a line:
//! `cargo bench --bench learn`. `learn.py` runs it beside River and scikit-learn.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pipefit::graph;
use pipefit::learn::{Cell, Learner, Settings, State};
use pipefit::linalg::Factor;
use pipefit::table::{Field, Kind, Schema};

const ROWS: usize = 500_000;
/// Row by row fewer are enough: a fit a row takes its time.
const SINGLE_ROWS: usize = 50_000;
const FEATURES: usize = 20;
const BATCH: usize = 500;

const PIPELINE: &str = "version: 1
name: learn
source: {key: rows}
target: y
preprocess: [StandardScaler]
online: {stream: events, batch: 500}
model: ";

fn main() {
    // `cargo test` starts benchmarks too.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let rows = rows();
    let all = [
        ("learn in batches of 500", BATCH, false),
        ("predict, then learn, in batches of 500", BATCH, true),
        ("predict, then learn, row by row", 1, true),
    ];
    for (model, (name, batch, evaluate)) in
        ["Ridge", "SGDRegressor"].into_iter().flat_map(|model| all.map(|case| (model, case)))
    {
        let rows = if batch == 1 { &rows[..SINGLE_ROWS] } else { &rows };
        let run = |_| learned(rows, model, batch, evaluate);
        let seconds = (0..3).map(run).fold(f64::INFINITY, f64::min);
        told(&format!("{model}: {name}"), rows.len(), seconds);
    }
    let seconds = (0..3).map(|_| factored(&rows)).fold(f64::INFINITY, f64::min);
    told("the factor alone", ROWS, seconds);
}

fn told(name: &str, rows: usize, seconds: f64) {
    println!("{{\"what\": \"{name}\", \"rows_per_second\": {:.0}}}", rows as f64 / seconds);
}

/// Rows of features and a target, one after another.
fn rows() -> Vec<[f64; FEATURES + 1]> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    let row = |_| {
        let mut row = [0.0; FEATURES + 1];
        row.iter_mut().for_each(|value| *value = 100.0 + next());
        row[FEATURES] = row[..FEATURES].iter().step_by(3).sum::<f64>() + next();
        row
    };
    (0..ROWS).map(row).collect()
}

fn learned(rows: &[[f64; FEATURES + 1]], model: &str, batch: usize, evaluate: bool) -> f64 {
    let folder = std::env::temp_dir().join(format!("pipefit-learn-{}.yaml", std::process::id()));
    std::fs::write(&folder, format!("{PIPELINE}{model}\n")).expect("a folder for temporary files");
    let (graph, problems) = graph::read(Path::new(&folder), &[]);
    std::fs::remove_file(&folder).expect("the file was just written");
    let graph = graph.unwrap_or_else(|| panic!("{problems:?}"));
    let settings = Settings { batch, half_life: None, window: None, evaluate, drift: None };
    let field = |j| Field { name: format!("x{j}"), kind: Kind::Number };
    let schema = Arc::new(Schema::new((0..FEATURES).map(field).collect()));
    let state = State::before(&graph, schema, &settings, &[]).expect("columns of numbers");
    let start = Instant::now();
    let mut learner = Learner::new(&graph, settings, state).expect("a group with columns");
    for row in rows {
        learner.push(&row.map(Cell::Number), 0).expect("finite rows");
    }
    learner.fitted().expect("a fit");
    start.elapsed().as_secs_f64()
}

fn factored(rows: &[[f64; FEATURES + 1]]) -> f64 {
    let start = Instant::now();
    let mut factor = Factor::new(FEATURES + 1);
    for block in rows.chunks(BATCH) {
        let columns: Vec<Vec<f64>> =
            (0..=FEATURES).map(|j| block.iter().map(|row| row[j] - 100.0).collect()).collect();
        factor.absorb(&columns.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    assert_eq!(factor.rows(), ROWS as u64);
    start.elapsed().as_secs_f64()
}
