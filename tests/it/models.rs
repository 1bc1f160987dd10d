//! Models against scikit-learn 1.9.1: tests/golden/models.py made the numbers.

use std::sync::Arc;

use pipefit::contract::erased::{AnyFittedModel, AnyModel};
use pipefit::contract::{Frame, Prediction, Rng, Train, Value};
use pipefit::linalg::Matrix;
use pipefit::models;
use pipefit::table::{Levels, Rows, Target};
use serde_json::Value as Json;

use crate::easy::frame;

/// Numbers agree when they differ by at most 1e-9 of themselves plus 1e-11 of `scale`.
fn agree(ours: f64, theirs: f64, scale: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 * ours.abs().max(theirs.abs()) + 1e-11 * scale
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

/// All numbers of a value, in order.
fn flat(json: &Json) -> Vec<f64> {
    match json {
        Json::Array(items) => items.iter().flat_map(flat).collect(),
        one => vec![one.as_f64().expect("a number")],
    }
}

fn lists(json: &Json) -> Vec<Vec<f64>> {
    json.as_array().expect("a list").iter().map(numbers).collect()
}

fn classes(labels: &[Json]) -> Target {
    let text = |label: &Json| label.as_str().map_or_else(|| label.to_string(), Into::into);
    let labels: Vec<String> = labels.iter().map(text).collect();
    let levels = Levels::new(labels.clone(), labels.iter().all(|label| label.parse::<f64>().is_ok()));
    let codes = labels.iter().map(|label| levels.code(label).expect("a level")).collect();
    Target::Classes { codes, labels: Arc::new(levels) }
}

fn target(name: &str, json: &Json) -> Target {
    let columns = match name {
        "y" => vec![numbers(json)],
        "y3" => lists(json),
        _ => return classes(json.as_array().expect("labels")),
    };
    Target::Values(Matrix::from_columns(columns[0].len(), columns.len(), columns.concat()))
}

/// A parameter as a pipeline file would give it.
fn parameter(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(value) => {
            value.as_i64().map_or_else(|| Value::Float(value.as_f64().expect("a float")), Value::Int)
        }
        Json::String(text) if text == ".inf" => Value::Float(f64::INFINITY),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(parameter).collect()),
        Json::Object(entries) => {
            Value::Map(entries.iter().map(|(key, value)| (key.clone(), parameter(value))).collect())
        }
    }
}

fn made(case: &Json) -> Box<dyn AnyModel> {
    let mut model = models::named(case["model"].as_str().expect("a name")).expect("a model").make();
    for (name, value) in case["params"].as_object().expect("a map") {
        assert_eq!(model.set(name, &parameter(value)), Ok(true), "{name} of {case}");
    }
    assert_eq!(model.check(), [], "{case}");
    model
}

fn fitted(case: &Json, data: &Json) -> (Box<dyn AnyFittedModel>, Frame, Target) {
    let columns = lists(&data["x"]);
    let name = case["target"].as_str().expect("a name");
    let (frame, y) = (frame(&columns), target(name, &data[name]));
    let weight = case["weight"].as_str().map(|name| numbers(&data[name]));
    let rows = Rows::all(frame.rows());
    let train = Train { x: &frame, y: Some(&y), weight: weight.as_deref(), rows: &rows };
    let fitted =
        made(case).fit(&train, &mut Rng::seeded(0)).unwrap_or_else(|error| panic!("{error}: {case}"));
    let notes = fitted.notes();
    assert!(notes.is_empty(), "{notes:?}: {case}");
    (fitted, frame, y)
}

fn spread(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// How the coefficients, the intercepts and the predictions of a case differ from the golden ones.
fn differences(case: &Json, data: &Json) -> Vec<String> {
    let (fitted, frame, y) = fitted(case, data);
    let mut found = Vec::new();
    let mut compare = |what: String, ours: f64, theirs: f64, scale: f64| {
        if !agree(ours, theirs, scale) {
            found.push(format!("{what}: {ours:e} for {theirs:e}"));
        }
    };
    let of_target = |k: usize| if let Target::Values(y) = &y { spread(y.column(k)) } else { 1.0 };
    let of_feature: Vec<f64> = lists(&data["x"]).iter().map(|column| spread(column)).collect();
    let facts = fitted.facts();
    let expected = &case["expected"];
    for (name, theirs) in expected["facts"].as_object().into_iter().flatten() {
        let ours = facts.more.iter().find(|(fact, _)| fact == name).expect("a fact");
        let (ours, theirs) = (flat(&ours.1), flat(theirs));
        assert_eq!(ours.len(), theirs.len(), "{name} of {case}");
        ours.iter().zip(&theirs).for_each(|(ours, theirs)| compare(name.clone(), *ours, *theirs, 0.0));
    }
    if let Some(coef) = expected.get("coef").map(lists) {
        let ours = facts.coef.expect("coefficients");
        assert_eq!((ours.rows(), ours.columns()), (coef.len(), coef[0].len()), "{case}");
        let intercepts = facts.intercept.expect("intercepts");
        for (k, (coef, intercept)) in coef.iter().zip(numbers(&expected["intercept"])).enumerate() {
            compare(format!("intercept {k}"), intercepts[k], intercept, of_target(k));
            for (j, theirs) in coef.iter().enumerate() {
                compare(
                    format!("coef {k} {j}"),
                    ours[(k, j)],
                    *theirs,
                    of_target(k) / of_feature[j].max(1e-3),
                );
            }
        }
    }
    match fitted.predict(&frame).expect("predictions") {
        Prediction::Values(values) => {
            for (k, theirs) in lists(&expected["values"]).iter().enumerate() {
                let pairs = values.column(k).iter().zip(theirs).enumerate();
                pairs.for_each(|(i, (ours, theirs))| {
                    compare(format!("value {k} of row {i}"), *ours, *theirs, of_target(k));
                });
            }
        }
        Prediction::Classes { codes, proba, .. } => {
            let labels = facts.classes.expect("classes");
            let proba = proba.expect("probabilities");
            for (k, theirs) in lists(&expected["proba"]).iter().enumerate() {
                let pairs = proba.column(k).iter().zip(theirs).enumerate();
                pairs.for_each(|(i, (ours, theirs))| {
                    compare(format!("probability {k} of row {i}"), *ours, *theirs, 1.0);
                });
            }
            let names: Vec<_> =
                codes.iter().take(8).map(|code| labels.label(*code).expect("a label")).collect();
            assert_eq!(serde_json::json!(names), expected["classes"], "{case}");
        }
    }
    found
}

#[test]
fn models_learn_what_those_of_scikit_learn_learn() {
    let golden: Json = serde_json::from_str(include_str!("../golden/models.json")).expect("JSON");
    let cases = golden["cases"].as_array().expect("cases");
    assert!(cases.len() >= 80);
    let mut wrong = Vec::new();
    for case in cases {
        let data = &golden["data"][case["data"].as_str().expect("a name")];
        let differences = differences(case, data);
        if !differences.is_empty() {
            let mut short = case.clone();
            short["expected"].take();
            wrong.push(format!("{short}\n    {}", differences.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
