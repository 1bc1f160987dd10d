//! Every metric gives scikit-learn's numbers on the inputs of `tests/golden/metrics.json` and
//! `metric_cases.json`, and is undefined where they say so.

use std::sync::Arc;

use pipefit::contract::{Prediction, Score, Task};
use pipefit::linalg::Matrix;
use pipefit::metrics;
use pipefit::table::{Levels, Target};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn golden(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Equal to 1e-12 of the score, or of 1 for those that are shares of something: an error has the
/// size of the target, and may be tiny.
fn agrees(metric: &str, ours: f64, theirs: f64) -> bool {
    let is_share = matches!(metric, "r2" | "accuracy" | "roc_auc" | "f1");
    (ours - theirs).abs() <= 1e-12 * theirs.abs().max(if is_share { 1.0 } else { 0.0 })
}

/// Columns, from a list of columns.
fn matrix(value: &Value) -> Matrix {
    let columns: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Matrix::from_columns(columns[0].len(), columns.len(), columns.concat())
}

fn classes(case: &Value, count: usize) -> Target {
    let codes: Vec<u32> = serde_json::from_value(case["y"].clone()).unwrap();
    let labels = Levels::new((0..count).map(|class| class.to_string()).collect(), true);
    Target::Classes { codes: codes.into(), labels: Arc::new(labels) }
}

/// Truth and prediction of a case, by the section of the golden that it stands in.
fn inputs(section: &str, case: &Value) -> (Target, Prediction) {
    match section {
        "regression" => {
            let column = |name: &str| {
                let values = numbers(&case[name]);
                Matrix::from_columns(values.len(), 1, values)
            };
            (Target::Values(column("y")), Prediction::Values(column("prediction")))
        }
        "labels" => {
            let codes = serde_json::from_value(case["prediction"].clone()).unwrap();
            let count = case["classes"].as_array().unwrap().len();
            (classes(case, count), Prediction::Classes { codes, proba: None, decision: None })
        }
        "areas" => {
            let score = numbers(&case["score"]);
            let rows = score.len();
            let decision = Some(Matrix::from_columns(rows, 1, score));
            (classes(case, 2), Prediction::Classes { codes: vec![0; rows], proba: None, decision })
        }
        _ => {
            let proba: Vec<Vec<f64>> = serde_json::from_value(case["proba"].clone()).unwrap();
            let count = case["classes"].as_array().unwrap().len();
            let proba = Matrix::from_fn(proba.len(), count, |i, j| proba[i][j]);
            let codes = vec![0; proba.rows()];
            (classes(case, count), Prediction::Classes { codes, proba: Some(proba), decision: None })
        }
    }
}

#[test]
fn scores_are_those_of_scikit_learn() {
    let golden = golden("metrics.json");
    let mut checked = 0;
    let mut wrong = Vec::new();
    for section in ["regression", "labels", "areas", "losses"] {
        for case in golden[section].as_array().unwrap() {
            let metric = metrics::named(case["metric"].as_str().unwrap()).unwrap();
            let (truth, prediction) = inputs(section, case);
            let weight = case["weight"].as_array().map(|_| numbers(&case["weight"]));
            let score = (metric.score)(&truth, &prediction, weight.as_deref());
            let equal = match (score.value(), case["expected"].as_f64()) {
                (Some(ours), Some(theirs)) => agrees(metric.name, ours, theirs),
                (ours, theirs) => ours.is_none() && theirs.is_none(),
            };
            if !equal {
                wrong.push(format!(
                    "{} ({}): {score:?} instead of {}",
                    metric.name, case["case"], case["expected"]
                ));
            }
            checked += 1;
        }
    }
    assert!(checked >= 80 && wrong.is_empty(), "{checked} checked; {}", wrong.join("\n"));
}

/// What the golden's script makes of the same row and seed: three decimals in [-0.5, 0.5).
fn cell(i: u32, seed: u32) -> f64 {
    let mut x =
        i.wrapping_mul(2654435761).wrapping_add(seed.wrapping_mul(3266489917)).wrapping_add(374761393);
    for _ in 0..2 {
        x ^= x >> 15;
        x = x.wrapping_mul(2246822519);
        x ^= x >> 13;
    }
    (f64::from(x % 1000) - 500.0) / 1000.0
}

#[test]
fn several_targets_count_equally() {
    let golden = golden("metric_cases.json");
    let cases = golden["targets"].as_array().unwrap();
    assert_eq!(cases.len(), 48);
    for case in cases {
        let name = case["metric"].as_str().unwrap();
        let (truth, prediction) =
            (Target::Values(matrix(&case["y"])), Prediction::Values(matrix(&case["prediction"])));
        let weight = case["weight"].as_array().map(|_| numbers(&case["weight"]));
        let score = (metrics::named(name).unwrap().score)(&truth, &prediction, weight.as_deref());
        let theirs = case["expected"].as_f64().unwrap();
        assert!(agrees(name, score.value().unwrap(), theirs), "{name}: {score:?} for {case}");
        let constant = name == "r2" && case["case"].as_str().unwrap().contains("constant");
        assert_eq!(matches!(score, Score::Convention(..)), constant, "{name}: {score:?} for {case}");
    }
}

/// Truth and prediction of many rows, by the golden's rule.
fn many_rows(case: &Value, task: Task) -> (Target, Prediction) {
    let [rows, seed] = ["rows", "seed"].map(|key| case[key].as_u64().unwrap() as u32);
    let column = |more: u32| (0..rows).map(move |i| cell(i, seed + more));
    let n = rows as usize;
    if task == Task::Regression {
        let shift = case["shift"].as_f64().unwrap();
        let truth: Vec<f64> = column(0).map(|v| shift + v).collect();
        let predicted = truth.iter().zip(column(1)).map(|(v, noise)| v + 0.25 * noise).collect();
        let one = |values| Matrix::from_columns(n, 1, values);
        return (Target::Values(one(truth)), Prediction::Values(one(predicted)));
    }
    let codes: Vec<u32> = column(0).map(|v| u32::from(v > 0.1)).collect();
    let score: Vec<f64> = column(1).zip(&codes).map(|(v, code)| v + 0.25 * f64::from(*code)).collect();
    let said = score.iter().map(|v| u32::from(*v > 0.0)).collect();
    let proba =
        Matrix::from_fn(n, 2, |i, j| if j == 0 { 0.5 - 0.5 * score[i] } else { 0.5 + 0.5 * score[i] });
    let decision = Some(Matrix::from_columns(n, 1, score));
    let labels = Arc::new(Levels::new(vec!["0".into(), "1".into()], true));
    let prediction = Prediction::Classes { codes: said, proba: Some(proba), decision };
    (Target::Classes { codes: codes.into(), labels }, prediction)
}

#[test]
fn sums_over_many_blocks_and_far_from_zero_keep_their_digits() {
    let golden = golden("metric_cases.json");
    let cases = golden["blocks"].as_array().unwrap();
    assert_eq!(cases.len(), 52);
    for case in cases {
        let metric = metrics::named(case["metric"].as_str().unwrap()).unwrap();
        let (truth, prediction) = many_rows(case, metric.task);
        let seed = case["seed"].as_u64().unwrap() as u32 + 2;
        let weight = || (0..truth.rows() as u32).map(|i| cell(i, seed) + 0.5).collect::<Vec<f64>>();
        let weight = case["weighted"].as_bool().unwrap().then(weight);
        let ours = (metric.score)(&truth, &prediction, weight.as_deref()).value().unwrap();
        assert!(agrees(metric.name, ours, case["expected"].as_f64().unwrap()), "{ours} for {case}");
    }
}

/// One classifier of the golden, by each scorer: its number, or a refusal of the labels on both sides.
#[test]
fn labels_of_every_type_score_as_by_the_scorers_of_scikit_learn() {
    let golden = golden("metric_cases.json");
    let (mut scored, mut refused) = (0, 0);
    for case in golden["scorers"].as_array().unwrap() {
        let words: Vec<String> = serde_json::from_value(case["classes"].clone()).unwrap();
        let labels = Arc::new(Levels::new(words, case["numeric"].as_bool().unwrap()));
        let codes = |key: &str| serde_json::from_value::<Vec<u32>>(case[key].clone()).unwrap();
        let optional = |key: &str| case[key].as_array().map(|_| matrix(&case[key]));
        let truth = Target::Classes { codes: codes("y").into(), labels: Arc::clone(&labels) };
        let (proba, decision) = (optional("proba"), optional("decision"));
        let prediction = Prediction::Classes { codes: codes("codes"), proba, decision };
        let weight = case["weight"].as_array().map(|_| numbers(&case["weight"]));
        for (name, expected) in case["expected"].as_object().unwrap() {
            let metric = metrics::named(name).unwrap();
            let refusal = metrics::refuses(metric, &labels);
            assert_eq!(refusal.is_some(), expected.is_object(), "{name}: {refusal:?} for {case}");
            let Some(theirs) = expected.as_f64() else {
                refused += 1;
                continue;
            };
            let score = (metric.score)(&truth, &prediction, weight.as_deref());
            assert!(agrees(name, score.value().unwrap(), theirs), "{name}: {score:?} for {case}");
            scored += 1;
        }
    }
    assert_eq!((scored, refused), (86, 24));
}

#[test]
fn every_scorer_of_scikit_learn_is_here_or_known_to_be_elsewhere() {
    let golden = golden("metric_cases.json");
    let names: Vec<&str> = golden["names"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert_eq!(names.len(), 58);
    for name in &names {
        assert_ne!(metrics::named(name).is_some(), metrics::known_elsewhere(name), "{name}");
    }
    assert!(metrics::ALL.iter().all(|metric| names.contains(&metric.name)));
    assert!(!metrics::known_elsewhere("r_squared"));
}

#[test]
fn every_metric_is_undefined_for_the_other_kind_of_target() {
    let numbers = Matrix::from_columns(2, 1, vec![0.0, 1.0]);
    let labels = Arc::new(Levels::new(vec!["0".into(), "1".into()], true));
    let of_numbers = (Target::Values(numbers.clone()), Prediction::Values(numbers));
    let of_classes = (
        Target::Classes { codes: [0, 1].into(), labels },
        Prediction::Classes { codes: vec![0, 1], proba: None, decision: None },
    );
    for metric in metrics::ALL {
        let (truth, prediction) = match metric.task {
            Task::Regression => &of_classes,
            Task::Classification => &of_numbers,
        };
        let score = (metric.score)(truth, prediction, None);
        assert!(matches!(score, Score::Undefined(_)), "{}: {score:?}", metric.name);
    }
}
