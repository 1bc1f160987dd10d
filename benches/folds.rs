//! Where the time of a run goes: reading aside, on tables of the reference workloads made in memory.
//!
//! `cargo bench --bench folds [-- NAME...]`: names of workloads; all without. Each is run three times by itself, and the
//! stages' least times are printed beside the limits of this machine: one pass over the table's memory, and one product
//! X^T X of the same size on one thread.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use pipefit::diag::Silent;
use pipefit::linalg::{Accumulator, BLOCK};
use pipefit::table::{Column, Data, Field, Kind, Levels, MISSING, Schema, Table};
use pipefit::{graph, plan, run};

/// A workload: its name, its table, and the pipeline file from `preprocess` on.
struct Workload {
    name: &'static str,
    table: fn() -> Table,
    pipeline: &'static str,
}

const WORKLOADS: &[Workload] = &[
    Workload {
        name: "ols",
        table: || numbers(1_000_000, 100, 0.0),
        pipeline: "preprocess: [StandardScaler]\nmodel: LinearRegression\ncv: 5",
    },
    Workload {
        name: "ols-shuffled",
        table: || numbers(1_000_000, 100, 0.0),
        pipeline: "preprocess: [StandardScaler]\nmodel: LinearRegression\ncv: {KFold: {n_splits: 5, shuffle: true}}",
    },
    Workload {
        name: "ols-10-folds",
        table: || numbers(1_000_000, 100, 0.0),
        pipeline: "preprocess: [StandardScaler]\nmodel: LinearRegression\ncv: {KFold: {n_splits: 10, shuffle: true}}",
    },
    Workload {
        name: "mixed",
        table: || mixed(300_000),
        pipeline: "preprocess:\n  num: {columns: {type: number}, steps: [{SimpleImputer: {strategy: median}}, StandardScaler]}\n  \
                   cat: {columns: {type: category}, steps: [{OneHotEncoder: {handle_unknown: ignore}}]}\nmodel: Ridge\n\
                   cv: {KFold: {n_splits: 5, shuffle: true}}",
    },
    Workload {
        name: "ridge-grid",
        table: || numbers(200_000, 100, 0.0),
        pipeline: "preprocess: [StandardScaler]\nmodel: Ridge\ncv: 10\nsearch: {GridSearchCV: {param_grid: {model__alpha: \
                   {logspace: [-3, 4, 50]}}}}",
    },
    Workload {
        name: "polynomial",
        table: || numbers(50_000, 30, 0.0),
        pipeline: "preprocess: [StandardScaler, PolynomialFeatures]\nmodel: Ridge\ncv: 5",
    },
    Workload {
        name: "logistic-grid",
        table: || classes(200_000, 50),
        pipeline: "preprocess: [StandardScaler]\nmodel: LogisticRegression\ncv: 5\nsearch: {GridSearchCV: {param_grid: \
                   {model__C: {logspace: [-3, 2, 10]}}}}",
    },
    Workload {
        name: "lasso-cv",
        table: || numbers(100_000, 200, 0.0),
        pipeline: "preprocess: [StandardScaler]\nmodel: {LassoCV: {cv: 10}}\ncv: null",
    },
];

/// Numbers without a pattern: a linear congruential generator's, in (-1, 1), four of them to a nearly normal one.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn normal(&mut self) -> f64 {
        (self.uniform() + self.uniform() + self.uniform() + self.uniform()) * 0.866
    }
}

/// Correlated columns of different scales and places, some of whose values are missing, and a target.
fn numbers(rows: usize, columns: usize, missing: f64) -> Table {
    let mut noise = Noise(1);
    let common: Vec<f64> = (0..rows).map(|_| noise.normal()).collect();
    let mut y: Vec<f64> = (0..rows).map(|_| 1.0 + 2.0 * noise.normal()).collect();
    let mut fields = Vec::new();
    let mut all = Vec::new();
    for j in 0..columns {
        let share = j as f64 / columns as f64;
        let (scale, place) = (0.5 + 4.5 * share, 6.0 * share - 3.0);
        let weight = if j % 3 == 0 { noise.normal() } else { 0.0 };
        let mut column = Vec::with_capacity(rows);
        for i in 0..rows {
            let value = (noise.normal() + 0.3 * common[i]) * scale + place;
            y[i] += weight * value;
            column.push(if missing > 0.0 && noise.uniform().abs() < missing { f64::NAN } else { value });
        }
        fields.push(Field { name: format!("x{j}"), kind: Kind::Number });
        all.push(Column::Number(column.into()));
    }
    fields.push(Field { name: "y".to_owned(), kind: Kind::Number });
    all.push(Column::Number(y.into()));
    Table::new(Schema::new(fields), all).expect("columns of one length under their own names")
}

/// Numbers, and whether their weighted sum exceeds its mean, with some doubt.
fn classes(rows: usize, columns: usize) -> Table {
    let table = numbers(rows, columns, 0.0);
    let y = table
        .columns()
        .last()
        .and_then(|y| match y {
            Column::Number(values) => Some(values),
            Column::Codes { .. } => None,
        })
        .expect("the target is a number");
    let mean = y.iter().sum::<f64>() / rows as f64;
    let codes: Vec<u32> = y.iter().map(|y| u32::from(*y > mean)).collect();
    let labels = Levels::new(vec!["no".to_owned(), "yes".to_owned()], false);
    let fields = table.schema().fields()[..columns].iter().cloned();
    let fields = fields.chain([Field { name: "y".to_owned(), kind: Kind::Category }]);
    let target = Column::Codes { codes: codes.into(), levels: labels.into() };
    let columns = table.columns()[..columns].iter().cloned().chain([target]);
    Table::new(Schema::new(fields.collect()), columns.collect())
        .expect("columns of one length under their own names")
}

/// Twenty numbers, a tenth of them missing, and categories of 5, 12, 40 and 100 levels.
fn mixed(rows: usize) -> Table {
    let mut table = numbers(rows, 20, 0.1);
    let mut noise = Noise(2);
    for levels in [5, 12, 40, 100] {
        let labels = Levels::new((0..levels).map(|k| format!("level{k:03}")).collect(), false);
        let code = |u: f64| if u.abs() < 0.02 { MISSING } else { (u.abs() * f64::from(levels)) as u32 };
        let codes: Vec<u32> = (0..rows).map(|_| code(noise.uniform())).collect();
        let column = Column::Codes { codes: codes.into(), levels: labels.into() };
        table = table.with(&format!("c{levels}"), Kind::Category, column).expect("a name of its own");
    }
    table
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for workload in WORKLOADS.iter().filter(|w| wanted.is_empty() || wanted.iter().any(|name| name == w.name))
    {
        let table = (workload.table)();
        let (memory, product) = limits(&table);
        println!(
            "{}: one pass over memory {memory:.3} s, one product on one thread {product:.3} s",
            workload.name
        );
        let file = write(workload);
        let (graph, problems) = graph::read(&file, &[]);
        let Some(graph) = graph else {
            println!("  not run: {}", problems.first().map_or("", |problem| problem.message()));
            continue;
        };
        let data = Data::from(table);
        for threads in [1, threads] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let mut least = [f64::INFINITY; 5];
            for _ in 0..3 {
                let stages = pool.install(|| stages(&graph, &data));
                least.iter_mut().zip(stages).for_each(|(least, own)| *least = least.min(own));
            }
            let [bind, plan, search, cv, refit] = least;
            println!(
                "  {threads} threads: bind {bind:.3}, plan {plan:.3}, search {search:.3}, folds {cv:.3}, refit {refit:.3} s"
            );
        }
    }
}

fn write(workload: &Workload) -> PathBuf {
    let file = std::env::temp_dir().join(format!("pipefit-bench-{}.yaml", workload.name));
    let head = "version: 1\nname: bench\nsource: {key: bench}\ntarget: y\n";
    std::fs::write(&file, format!("{head}{}\n", workload.pipeline)).expect("a temporary file");
    file
}

fn stages(graph: &graph::Graph, table: &Data) -> [f64; 5] {
    let start = Instant::now();
    let bound = plan::bind(graph, table).expect("a table that can be learned from");
    let bind = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let plan = plan::plan(&bound, None).expect("a plan");
    let planned = start.elapsed().as_secs_f64();
    let (outcome, timing) = run::run(&bound, &plan, &Silent).expect("a fit");
    black_box(outcome.folds.len());
    [bind, planned, timing.search_s, timing.cv_s, timing.refit_s]
}

/// One pass over the table's numbers, and their X^T X, on one thread.
fn limits(table: &Table) -> (f64, f64) {
    let columns: Vec<&[f64]> = table
        .columns()
        .iter()
        .filter_map(|column| match column {
            Column::Number(values) => Some(&values[..]),
            Column::Codes { .. } => None,
        })
        .collect();
    let start = Instant::now();
    black_box(columns.iter().map(|column| pipefit::linalg::sum(column)).sum::<f64>());
    let memory = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let mut accumulator = Accumulator::new(columns.len());
    for from in (0..table.rows()).step_by(BLOCK) {
        let to = (from + BLOCK).min(table.rows());
        let block: Vec<&[f64]> = columns.iter().map(|column| &column[from..to]).collect();
        accumulator.add(&block, None);
    }
    black_box(accumulator.finish());
    (memory, start.elapsed().as_secs_f64())
}
