//! Every golden pipeline gives scikit-learn's numbers: folds, scores, coefficients, predictions, on
//! the path that the plan chooses and on the general one.
//!
//! Two numbers agree when |a - b| <= 1e-9 max(|a|, |b|) + 1e-11 S, where S is the scale on which the
//! number can be told from another: sd(y) / sd(x_j) for a coefficient, sd(y) for a prediction and an
//! intercept, 1 for a score or a probability.

use std::path::{Path, PathBuf};

use pipefit::contract::{Facts, Prediction};
use pipefit::diag::Silent;
use pipefit::graph::{self, Graph};
use pipefit::linalg::Matrix;
use pipefit::plan::{self, Bound};
use pipefit::run::{self, Outcome};
use pipefit::source::keys;
use pipefit::table::{Rows, Target};
use pipefit::{job, report};
use serde_json::Value;

/// Differences found in one pipeline.
struct Findings {
    pipeline: String,
    compared: usize,
    largest: f64,
    wrong: Vec<String>,
}

impl Findings {
    /// Compares two numbers on a scale; `largest` is in units of what is allowed.
    fn agree(&mut self, what: &str, ours: f64, theirs: f64, scale: f64) {
        let allowed = 1e-9 * ours.abs().max(theirs.abs()) + 1e-11 * scale;
        let share = if ours == theirs { 0.0 } else { (ours - theirs).abs() / allowed };
        self.compared += 1;
        self.largest = self.largest.max(share);
        if share > 1.0 || share.is_nan() {
            self.wrong.push(format!(
                "{}: {what}: {ours:?} instead of {theirs:?} ({share:.1e} of what is allowed)",
                self.pipeline
            ));
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: T, theirs: T) {
        self.compared += 1;
        if ours != theirs {
            self.wrong.push(format!("{}: {what}: {ours:?} instead of {theirs:?}", self.pipeline));
        }
    }
}

fn golden_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pipelines");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn checked(file: &Path) -> Graph {
    let (graph, problems) = graph::read(file, &[]);
    graph.unwrap_or_else(|| panic!("{}: {problems:?}", file.display()))
}

#[test]
fn goldens_agree_on_both_paths() {
    let mut pipelines = 0;
    let mut fast = 0;
    let mut compared = 0;
    let mut wrong = Vec::new();
    let mut shares = Vec::new();
    for file in golden_files() {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let golden = file.parent().unwrap().parent().unwrap().join(format!("expected/{name}.json"));
        let golden: Value = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
        let graph = checked(&file);
        let (_, keys) = keys::open("mem:", Path::new("")).unwrap();
        let loaded = job::load(&graph, &*keys, &Silent).unwrap_or_else(|error| panic!("{name}: {error}"));
        let bound = plan::bind(&graph, &loaded.table).unwrap_or_else(|error| panic!("{name}: {error}"));
        let chosen = plan::plan(&bound, None).unwrap();
        let mut paths = vec![chosen.path];
        if chosen.path == plan::Path::TwoPass {
            fast += 1;
            paths.push(plan::Path::General);
        }
        pipelines += 1;
        for path in paths {
            let plan = plan::plan(&bound, Some(path)).unwrap();
            let mut findings = Findings {
                pipeline: format!("{name} ({})", path.name()),
                compared: 0,
                largest: 0.0,
                wrong: Vec::new(),
            };
            match run::run(&bound, &plan, &Silent) {
                Ok((outcome, _)) => compare(&bound, &outcome, &golden, &mut findings),
                Err(error) => findings.wrong.push(format!("{}: {error}", findings.pipeline)),
            }
            compared += findings.compared;
            shares.push((findings.largest, findings.pipeline));
            wrong.extend(findings.wrong);
        }
    }
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("{pipelines} pipelines, {fast} of them two-pass too, {compared} comparisons");
    for (share, pipeline) in shares.iter().take(5) {
        println!("  {share:.2e} of what is allowed: {pipeline}");
    }
    assert!(pipelines >= 20, "only {pipelines} goldens");
    let shown: Vec<_> = wrong.iter().take(60).cloned().collect();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), shown.join("\n"));
}

fn compare(bound: &Bound, outcome: &Outcome, golden: &Value, findings: &mut Findings) {
    let folds: Vec<Vec<u32>> = bound.folds.iter().map(|fold| fold.test.iter().collect()).collect();
    let theirs: Vec<Vec<u32>> = serde_json::from_value(golden["folds"].clone()).unwrap();
    findings.same("folds", folds, theirs);
    for scores in &outcome.scores {
        for (k, score) in scores.folds.iter().enumerate() {
            let theirs = golden["scores"][scores.metric.name][k].as_f64().unwrap();
            findings.agree(&format!("{} of fold {k}", scores.metric.name), *score, theirs, 1.0);
        }
    }
    let refit = &golden["refit"];
    let names: Vec<String> = serde_json::from_value(refit["features"].clone()).unwrap();
    findings.same("features", outcome.fitted.names.clone(), names);
    if let (Some(classes), Some(theirs)) = (&outcome.facts.classes, refit.get("classes")) {
        let theirs: Vec<String> = serde_json::from_value(theirs.clone()).unwrap();
        findings.same("classes", classes.labels().to_vec(), theirs);
    }
    let all = Rows::all(bound.x.rows());
    let features = outcome.fitted.steps.transform(bound.frame().unwrap()).unwrap();
    let design = features.design(&all).ok();
    let spread = spread_of(&bound.y);
    facts("refit", &outcome.facts, refit, design.as_ref(), spread, findings);
    for (k, (fold, theirs)) in outcome.folds.iter().zip(golden["fits"].as_array().unwrap()).enumerate() {
        // A fold that sees other features has another design; its predictions are compared below.
        let same = theirs.get("features").is_none() && theirs.get("classes").is_none();
        if same {
            facts(&format!("fold {k}"), &fold.facts, theirs, design.as_ref(), spread, findings);
        }
    }
    predictions(bound, outcome, golden, spread, findings);
}

/// The standard deviation of the target; 1 for classes.
fn spread_of(y: &Target) -> f64 {
    match y {
        Target::Values(values) => sd(values.column(0)),
        Target::Classes { .. } => 1.0,
    }
}

fn sd(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64).sqrt()
}

fn facts(
    what: &str,
    ours: &Facts,
    theirs: &Value,
    design: Option<&Matrix>,
    spread: f64,
    findings: &mut Findings,
) {
    if let (Some(coef), Some(design)) = (&ours.coef, design) {
        let flat: Vec<f64> = (0..coef.rows()).flat_map(|i| coef.row(i)).collect();
        let theirs = numbers(&theirs["coef"]);
        findings.same(&format!("{what}: number of coefficients"), flat.len(), theirs.len());
        for (i, (a, b)) in flat.iter().zip(&theirs).enumerate() {
            let scale = spread / sd(design.column(i % coef.columns())).max(1e-300);
            findings.agree(
                &format!("{what}: coefficient {i}"),
                *a,
                *b,
                if scale.is_finite() { scale.min(1e12) } else { 0.0 },
            );
        }
    }
    if let Some(intercept) = &ours.intercept {
        let theirs = numbers(&theirs["intercept"]);
        findings.same(&format!("{what}: number of intercepts"), intercept.len(), theirs.len());
        for (a, b) in intercept.iter().zip(&theirs) {
            findings.agree(&format!("{what}: intercept"), *a, *b, spread);
        }
    }
}

/// All numbers in a value, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Number(number) => vec![number.as_f64().unwrap()],
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        _ => Vec::new(),
    }
}

fn predictions(bound: &Bound, outcome: &Outcome, golden: &Value, spread: f64, findings: &mut Findings) {
    for (fold, outcome) in bound.folds.iter().zip(&outcome.folds) {
        for (i, row) in fold.test.iter().enumerate() {
            let theirs = &golden["out_of_fold"][row as usize];
            one(
                &format!("out-of-fold prediction of row {row}"),
                bound,
                &outcome.prediction,
                i,
                theirs,
                spread,
                findings,
            );
        }
    }
    let sample: Vec<usize> = serde_json::from_value(golden["sample"].clone()).unwrap();
    let all = outcome.fitted.predict(bound.frame().unwrap()).unwrap();
    for (at, row) in sample.iter().enumerate() {
        one(
            &format!("prediction of row {row}"),
            bound,
            &all,
            *row,
            &golden["predictions"][at],
            spread,
            findings,
        );
        let (Prediction::Classes { proba: Some(proba), .. }, Some(theirs)) =
            (&all, golden["probabilities"].get(at))
        else {
            continue;
        };
        for (class, theirs) in numbers(theirs).into_iter().enumerate() {
            findings.agree(&format!("probability {class} of row {row}"), proba[(*row, class)], theirs, 1.0);
        }
    }
}

fn one(
    what: &str,
    bound: &Bound,
    ours: &Prediction,
    i: usize,
    theirs: &Value,
    spread: f64,
    findings: &mut Findings,
) {
    match (ours, &bound.y) {
        (Prediction::Values(values), _) => {
            findings.agree(what, values[(i, 0)], theirs.as_f64().unwrap(), spread)
        }
        (Prediction::Classes { codes, .. }, Target::Classes { labels, .. }) => {
            let label = labels.label(codes[i]).unwrap_or_default().to_owned();
            findings.same(what, label, theirs.as_str().unwrap().to_owned());
        }
        _ => findings.wrong.push(format!("{what}: classes for a regression")),
    }
}

#[test]
fn labels_are_reported_as_the_data_has_them() {
    let levels = pipefit::table::Levels::new(vec!["2".into(), "10".into()], true);
    assert_eq!(report::labels(&levels).to_string(), "[2,10]");
}
