//! Steps and selectors against scikit-learn (tests/golden/steps.json).

use std::sync::Arc;

use pipefit::contract::erased::AnyStep;
use pipefit::contract::{Block, Frame, Rng, Train, Value};
use pipefit::diag::Result;
use pipefit::linalg::Matrix;
use pipefit::steps;
use pipefit::table::{Levels, MISSING, Rows, Target};
use serde::Deserialize;

/// Steps are sums, quotients and order statistics: far inside of 1e-9.
const TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    step: String,
    params: serde_json::Map<String, serde_json::Value>,
    columns: serde_json::Map<String, serde_json::Value>,
    y: Option<Vec<serde_json::Value>>,
    train: Vec<u32>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    output: Vec<Vec<serde_json::Value>>,
    refused: Option<String>,
}

#[test]
fn steps_are_those_of_scikit_learn() {
    let golden: Golden = serde_json::from_str(include_str!("../golden/steps.json")).unwrap();
    let problems: Vec<String> =
        golden.cases.iter().enumerate().filter_map(|(i, case)| wrong(i, case)).collect();
    assert!(golden.cases.len() >= 250);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What is wrong with a case, if anything is.
fn wrong(i: usize, case: &Case) -> Option<String> {
    let told = format!("case {i}, {} {:?}", case.step, case.params);
    let problem = match (case.refused.as_deref(), outcome(case)) {
        (Some(stage), Err((own, _))) => (stage != own).then(|| format!("refused at {own}, not at {stage}")),
        (Some(stage), Ok(_)) => Some(format!("not refused at {stage}")),
        (None, Err((own, message))) => Some(format!("refused at {own}: {message}")),
        (None, Ok(frame)) => differs(&frame, case),
    };
    problem.map(|problem| format!("{told}: {problem}"))
}

/// The transformed frame, or the stage that refused it and why. A fault of the parameters alone counts
/// as one of the fit, where scikit-learn finds it.
fn outcome(case: &Case) -> Result<Frame, (&'static str, String)> {
    let step = step(case).map_err(|message| ("fit", message))?;
    let frame = frame(case);
    let y = case.y.as_deref().map(target);
    let rows = Rows::List(case.train.clone().into());
    let train = Train { x: &frame, y: y.as_ref(), weight: None, rows: &rows };
    let fitted = step.fit(&train, &mut Rng::seeded(0)).map_err(|error| ("fit", error.to_string()))?;
    fitted.apply(&frame).map_err(|error| ("transform", error.to_string()))
}

fn step(case: &Case) -> Result<Box<dyn AnyStep>, String> {
    let kind = steps::named(&case.step).unwrap();
    let mut step = kind.make();
    for (name, value) in &case.params {
        if kind.without_effect().contains(&name.as_str()) {
            continue;
        }
        let known = step.set(name, &value_of(value)).map_err(|fault| fault.message)?;
        assert!(known, "{} has no `{name}`", case.step);
    }
    match step.check().first() {
        Some(fault) => Err(fault.message.clone()),
        None => Ok(step),
    }
}

fn value_of(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap()), Value::Int)
        }
        serde_json::Value::String(text) if text == ".nan" => Value::Float(f64::NAN),
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Array(items) => Value::List(items.iter().map(value_of).collect()),
        serde_json::Value::Object(_) => unreachable!("no parameter is a map"),
    }
}

fn frame(case: &Case) -> Frame {
    let block = |(name, values): (&String, &serde_json::Value)| {
        let (name, values) = (Arc::from(name.as_str()), values.as_array().unwrap());
        if values.iter().any(serde_json::Value::is_string) {
            let levels = levels(values);
            let code = |value: &serde_json::Value| {
                value.as_str().map_or(MISSING, |label| levels.code(label).unwrap())
            };
            Block::Codes { name, codes: values.iter().map(code).collect(), levels: Arc::new(levels.clone()) }
        } else {
            let number = |value: &serde_json::Value| value.as_f64().unwrap_or(f64::NAN);
            Block::Number { name, values: values.iter().map(number).collect() }
        }
    };
    let blocks: Vec<Block> = case.columns.iter().map(block).collect();
    let rows = case.columns.values().next().unwrap().as_array().unwrap().len();
    Frame::new(rows, blocks)
}

fn levels(values: &[serde_json::Value]) -> Levels {
    Levels::new(values.iter().filter_map(|value| Some(value.as_str()?.to_owned())).collect(), false)
}

fn target(values: &[serde_json::Value]) -> Target {
    if values[0].is_string() {
        let labels = levels(values);
        let code = |value: &serde_json::Value| labels.code(value.as_str().unwrap()).unwrap();
        Target::Classes { codes: values.iter().map(code).collect(), labels: Arc::new(labels.clone()) }
    } else {
        let values: Vec<f64> = values.iter().map(|value| value.as_f64().unwrap()).collect();
        Target::Values(Matrix::from_columns(values.len(), 1, values))
    }
}

fn differs(frame: &Frame, case: &Case) -> Option<String> {
    let names: Vec<String> = frame.names().iter().map(|name| name.to_string()).collect();
    if names != case.names {
        return Some(format!("features {names:?}, not {:?}", case.names));
    }
    let frame = frame.unpacked();
    for ((block, wanted), name) in frame.blocks().iter().zip(&case.output).zip(&names) {
        for (row, wanted) in wanted.iter().enumerate() {
            let (same, own) = match block {
                Block::Number { values, .. } => {
                    (close(values[row], wanted.as_f64()), values[row].to_string())
                }
                Block::Codes { codes, levels, .. } => {
                    let label = levels.label(codes[row]);
                    (label == wanted.as_str(), format!("{label:?}"))
                }
                Block::OneHot { .. } => (false, "an indicator block among unpacked features".into()),
            };
            if !same {
                return Some(format!("`{name}` is {own} in row {row}, not {wanted}"));
            }
        }
    }
    None
}

fn close(own: f64, wanted: Option<f64>) -> bool {
    match wanted {
        None => own.is_nan(),
        Some(wanted) => (own - wanted).abs() <= TOLERANCE * wanted.abs().max(1.0),
    }
}
