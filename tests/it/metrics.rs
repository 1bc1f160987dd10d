//! Every metric gives scikit-learn's numbers on the inputs of `tests/golden/metrics.json`, and is
//! undefined where it says so.

use std::sync::Arc;

use pipefit::contract::{Prediction, Score};
use pipefit::linalg::Matrix;
use pipefit::metrics;
use pipefit::table::{Levels, Target};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
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
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut checked = 0;
    let mut wrong = Vec::new();
    for section in ["regression", "labels", "areas", "losses"] {
        for case in golden[section].as_array().unwrap() {
            let metric = metrics::named(case["metric"].as_str().unwrap()).unwrap();
            let (truth, prediction) = inputs(section, case);
            let weight = case["weight"].as_array().map(|_| numbers(&case["weight"]));
            let score = (metric.score)(&truth, &prediction, weight.as_deref());
            let agrees = match (score.value(), case["expected"].as_f64()) {
                (Some(ours), Some(theirs)) => (ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0),
                (ours, theirs) => ours.is_none() && theirs.is_none(),
            };
            if !agrees {
                wrong.push(format!(
                    "{} ({}): {score:?} instead of {}",
                    metric.name, case["case"], case["expected"]
                ));
            }
            checked += 1;
        }
    }
    println!("{checked} scores");
    assert!(checked >= 80 && wrong.is_empty(), "{checked} checked; {}", wrong.join("\n"));
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
        let undefined = |(truth, prediction): &(Target, Prediction)| {
            matches!((metric.score)(truth, prediction, None), Score::Undefined(_))
        };
        assert!(undefined(&of_numbers) || undefined(&of_classes), "{}", metric.name);
    }
}
