//! Moments are taken about the mean of the first rows. Where a fold's training rows lie far from
//! it, that costs digits, and the fold is fitted on its rows instead.

use std::fmt::Write;
use std::path::Path;

use pipefit::diag::Silent;
use pipefit::run::Outcome;
use pipefit::source::keys;
use pipefit::{graph, job, plan, run};

const FILE: &str = "
version: 1
name: shifts
source: {key: table}
target: y
preprocess: [StandardScaler]
model: {Ridge: {alpha: 0.5}}
cv: 5
";

/// Rows of which the first fifth, which is also the first block and fold, lies at a trillion.
fn table() -> String {
    let mut text = String::from("x,z,y\n");
    for i in 0..10_240_u32 {
        let wave = f64::from(i.wrapping_mul(2_654_435_761) % 10_007) / 10_007.0;
        let other = f64::from(i.wrapping_mul(40_503) % 997) / 997.0;
        let x = if i < 2048 { 1e12 + wave } else { wave };
        writeln!(text, "{x:?},{other:?},{:?}", 2.0 * wave - other + f64::from(i % 7) * 0.1).unwrap();
    }
    text
}

fn outcome(path: plan::Path) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shifts.yaml");
    std::fs::write(&file, FILE).unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    let graph = graph.unwrap_or_else(|| panic!("{problems:?}"));
    let (_, keys) = keys::open("mem:", Path::new("")).unwrap();
    keys.write("table", table().as_bytes()).unwrap();
    let loaded = job::load(&graph, &*keys, &Silent).unwrap();
    let bound = plan::bind(&graph, &loaded.table).unwrap();
    let plan = plan::plan(&bound, Some(path)).unwrap();
    run::run(&bound, &plan, &Silent).unwrap().0
}

#[test]
fn a_fold_far_from_the_shift_keeps_its_digits() {
    let two_pass = outcome(plan::Path::TwoPass);
    let general = outcome(plan::Path::General);
    for (k, (fast, slow)) in two_pass.folds.iter().zip(&general.folds).enumerate() {
        let (fast, slow) = (fast.facts.coef.as_ref().unwrap(), slow.facts.coef.as_ref().unwrap());
        for (a, b) in fast.values().iter().zip(slow.values()) {
            assert!((a - b).abs() <= 1e-10 * b.abs(), "fold {k}: {a} instead of {b}");
        }
    }
}
