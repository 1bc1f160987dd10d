//! Models that learn rows on top of others, against scikit-learn 1.9.1: tests/golden/sgd.py and naive_bayes.py made the numbers.

use std::sync::Arc;

use pipefit::contract::erased::{AnyFittedModel, AnyModel};
use pipefit::contract::{Loader, More, Prediction, Rng, Saver, Train, Truth, Value};
use pipefit::diag::Code;
use pipefit::linalg::Matrix;
use pipefit::models;
use pipefit::table::{Levels, Rows, Target};
use serde_json::Value as Json;

use crate::easy::frame;

/// A number of three decimals in [-2, 2): as tests/golden/streamed.py has it.
fn cell(i: usize, j: usize) -> f64 {
    let product = |n: usize, factor: u32| (n as u32).wrapping_mul(factor);
    let mut x = product(i, 2_654_435_761).wrapping_add(product(j, 2_246_822_519)).wrapping_add(374_761_393);
    for _ in 0..2 {
        x ^= x >> 15;
        x = x.wrapping_mul(2_246_822_519);
        x ^= x >> 13;
    }
    (f64::from(x % 4000) - 2000.0) / 1000.0
}

/// Rows of features, targets and weights.
pub struct Rowed {
    /// Row after row.
    pub x: Vec<f64>,
    counts: Vec<f64>,
    pub y: Vec<f64>,
    pub two: Vec<u32>,
    pub three: Vec<u32>,
    weight: Vec<f64>,
}

pub const FEATURES: usize = 4;
pub const ROWS: usize = 700;

impl Rowed {
    pub fn new() -> Self {
        let x: Vec<Vec<f64>> = (0..ROWS).map(|i| (0..FEATURES).map(|j| cell(i, j)).collect()).collect();
        let noise: Vec<f64> = (0..ROWS).map(|i| cell(i, FEATURES)).collect();
        let number = |i: usize| 1.5 * x[i][0] - 2.0 * x[i][1] + 0.25 * noise[i] + 3.0;
        // Codes into sorted labels: blue, green, red.
        let three = |i: usize| match (x[i][0] + 0.5 * noise[i] > 0.7, x[i][1] - 0.5 * noise[i] > 0.0) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 1,
        };
        let three: Vec<u32> = (0..ROWS).map(three).collect();
        let favourite = |i: usize| [1, 0, 2][three[i] as usize];
        let count =
            |i: usize, j: usize| (2.0 * (x[i][j] + 2.0)).floor() + if favourite(i) == j { 3.0 } else { 0.0 };
        let two = |i: usize| u32::from(x[i][0] - x[i][2] + noise[i] > 0.3);
        Self {
            counts: (0..ROWS)
                .flat_map(|i| (0..FEATURES).map(move |j| (i, j)))
                .map(|(i, j)| count(i, j))
                .collect(),
            y: (0..ROWS).map(number).collect(),
            two: (0..ROWS).map(two).collect(),
            weight: (0..ROWS).map(|i| (i * 7 % 4) as f64 * 0.5 + 0.25).collect(),
            x: x.concat(),
            three,
        }
    }

    fn features(&self, case: &Json) -> &[f64] {
        if case["features"] == "counts" { &self.counts } else { &self.x }
    }

    fn labels(case: &Json) -> Arc<Levels> {
        let labels: &[&str] =
            if case["target"] == "two" { &["no", "yes"] } else { &["blue", "green", "red"] };
        Arc::new(Levels::new(labels.iter().map(ToString::to_string).collect(), false))
    }
}

/// A parameter as a pipeline file would give it.
fn parameter(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(value) => {
            value.as_i64().map_or_else(|| Value::Float(value.as_f64().unwrap()), Value::Int)
        }
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(parameter).collect()),
        Json::Object(entries) => {
            Value::Map(entries.iter().map(|(key, value)| (key.clone(), parameter(value))).collect())
        }
    }
}

fn made(case: &Json) -> Box<dyn AnyModel> {
    let mut model = models::named(case["model"].as_str().unwrap()).unwrap().make();
    for (name, value) in case["params"].as_object().unwrap() {
        assert_eq!(model.set(name, &parameter(value)), Ok(true), "{name} of {case}");
    }
    assert_eq!(model.check(), [], "{case}");
    model
}

/// The first rows, column by column.
fn columns(x: &[f64], rows: usize) -> Vec<Vec<f64>> {
    (0..FEATURES).map(|j| (0..rows).map(|i| x[i * FEATURES + j]).collect()).collect()
}

fn fitted(case: &Json, data: &Rowed) -> Box<dyn AnyFittedModel> {
    let n = ROWS / 4;
    let y = match case["target"].as_str().unwrap() {
        "y" => Target::Values(Matrix::from_columns(n, 1, data.y[..n].to_vec())),
        target => {
            let codes = if target == "two" { &data.two } else { &data.three };
            Target::Classes { codes: codes[..n].to_vec().into(), labels: Rowed::labels(case) }
        }
    };
    let (frame, rows) = (frame(&columns(data.features(case), n)), Rows::all(n));
    let weight = case["weight"].is_string().then_some(&data.weight[..n]);
    made(case).fit(&Train { x: &frame, y: Some(&y), weight, rows: &rows }, &mut Rng::seeded(0)).unwrap()
}

/// What is learned block after block; kept and read back in between.
fn updated(case: &Json, data: &Rowed, batch: usize) -> Box<dyn AnyFittedModel> {
    let model = made(case);
    assert_eq!(model.no_update(), None, "{case}");
    let labels = Rowed::labels(case);
    let mut learned = model.begin(FEATURES, (case["target"] != "y").then_some(&labels)).unwrap();
    for start in (0..ROWS).step_by(batch) {
        let end = (start + batch).min(ROWS);
        let y = match case["target"].as_str().unwrap() {
            "y" => Truth::Values(&data.y[start..end]),
            "two" => Truth::Classes { codes: &data.two[start..end], labels: &labels },
            _ => Truth::Classes { codes: &data.three[start..end], labels: &labels },
        };
        let more = More {
            x: &data.features(case)[start * FEATURES..end * FEATURES],
            features: FEATURES,
            y,
            weights: case["weight"].is_string().then_some(&data.weight[start..end]),
            places: None,
            share: 1.0,
            random_state: 0,
        };
        model.update(&mut *learned, &more).unwrap_or_else(|error| panic!("{error}: {case}"));
        if start % 35 == 0 {
            let mut saver = Saver::default();
            learned.save(&mut saver);
            let (tensors, facts) = saver.finish();
            learned = models::named(model.name()).unwrap().load(&Loader::new(tensors, facts)).unwrap();
        }
    }
    learned
}

/// All numbers of a value, in order.
fn flat(json: &Json) -> Vec<f64> {
    match json {
        Json::Array(items) => items.iter().flat_map(flat).collect(),
        one => vec![one.as_f64().unwrap()],
    }
}

/// What of a case's golden differs.
fn differences(case: &Json, data: &Rowed) -> Vec<String> {
    let learned = match case["batch"].as_u64() {
        None => fitted(case, data),
        Some(batch) => updated(case, data, batch as usize),
    };
    let facts = learned.facts();
    let prediction = learned.predict(&frame(&columns(data.features(case), 8))).unwrap();
    let rows = |matrix: Matrix| (0..matrix.rows()).flat_map(|i| matrix.row(i)).collect::<Vec<_>>();
    let mut wrong = Vec::new();
    for (name, theirs) in case["expected"].as_object().unwrap() {
        if name == "classes" {
            let Prediction::Classes { codes, .. } = &prediction else { panic!("no classes: {case}") };
            let labels = Rowed::labels(case);
            let ours: Vec<_> = codes.iter().map(|code| labels.label(*code).unwrap()).collect();
            if serde_json::json!(ours) != *theirs {
                wrong.push(format!("classes: {ours:?} for {theirs}"));
            }
            continue;
        }
        let ours = match (name.as_str(), &prediction) {
            ("coef", _) => rows(facts.coef.clone().unwrap()),
            ("intercept", _) => facts.intercept.clone().unwrap(),
            ("values", Prediction::Values(values)) => values.column(0).to_vec(),
            ("proba", Prediction::Classes { proba, .. }) => rows(proba.clone().unwrap()),
            (fact, _) => flat(&facts.more.iter().find(|(name, _)| *name == fact).expect("a fact").1),
        };
        let theirs = flat(theirs);
        assert_eq!(ours.len(), theirs.len(), "{name} of {case}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            if (ours - theirs).abs() > 1e-9 * ours.abs().max(theirs.abs()) + 1e-11 {
                wrong.push(format!("{name}: {ours:e} for {theirs:e}"));
            }
        }
    }
    wrong
}

fn compare(golden: &str, least: usize) {
    let golden: Json = serde_json::from_str(golden).unwrap();
    let (data, cases) = (Rowed::new(), golden["cases"].as_array().unwrap());
    assert!(cases.len() >= least, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let differences = differences(case, &data);
        if !differences.is_empty() {
            let mut short = case.clone();
            short["expected"].take();
            wrong.push(format!("{short}\n    {}", differences.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn stochastic_gradient_descents_are_those_of_scikit_learn() {
    compare(include_str!("../golden/sgd.json"), 280);
}

#[test]
fn naive_bayes_is_that_of_scikit_learn() {
    compare(include_str!("../golden/naive_bayes.json"), 100);
}

/// What a model knows of rows does not depend on where labels and features stand.
#[test]
fn features_and_classes_that_come_later_were_never_there_before() {
    let model = models::named("MultinomialNB").unwrap().make();
    let labels =
        |names: &[&str]| Arc::new(Levels::new(names.iter().map(ToString::to_string).collect(), false));
    let (few, all) = (labels(&["b"]), labels(&["a", "b"]));
    let block =
        |x, features, y, places| More { x, features, y, weights: None, places, share: 1.0, random_state: 0 };
    let mut grown = model.begin(2, Some(&few)).unwrap();
    let first = Truth::Classes { codes: &[0, 0], labels: &few };
    model.update(&mut *grown, &block(&[1.0, 2.0, 4.0, 0.0], 2, first, None)).unwrap();
    let second = Truth::Classes { codes: &[0, 1], labels: &all };
    let places = [Some(1), None, Some(0)];
    let later = [3.0, 1.0, 0.0, 0.0, 5.0, 6.0];
    model.update(&mut *grown, &block(&later, 3, second, Some(&places))).unwrap();

    let mut known = model.begin(3, Some(&all)).unwrap();
    let first = Truth::Classes { codes: &[1, 1], labels: &all };
    model.update(&mut *known, &block(&[2.0, 0.0, 1.0, 0.0, 0.0, 4.0], 3, first, None)).unwrap();
    model.update(&mut *known, &block(&later, 3, second, None)).unwrap();
    assert_eq!(grown.facts(), known.facts());
}

#[test]
fn blocks_that_cannot_be_learned_are_refused() {
    let model = models::named("SGDRegressor").unwrap().make();
    let mut learned = model.begin(2, None).unwrap();
    let block =
        |x, features, y| More { x, features, y, weights: None, places: None, share: 1.0, random_state: 0 };
    let mut code = |more: More| model.update(&mut *learned, &more).unwrap_err().code();
    assert_eq!(code(block(&[1.0, f64::NAN], 2, Truth::Values(&[1.0]))), Code::NotFinite);
    assert_eq!(code(block(&[1.0, 2.0, 3.0], 3, Truth::Values(&[1.0]))), Code::Bug);
    let labels = Arc::new(Levels::new(vec!["a".into()], false));
    assert_eq!(code(block(&[1.0, 2.0], 2, Truth::Classes { codes: &[0], labels: &labels })), Code::BadTarget);
    let other = models::named("GaussianNB").unwrap().make();
    let more = block(&[1.0, 2.0], 2, Truth::Classes { codes: &[0], labels: &labels });
    assert_eq!(other.update(&mut *learned, &more).unwrap_err().code(), Code::Bug);
    assert!(models::named("SGDClassifier").unwrap().make().begin(2, Some(&labels)).is_err());
    assert_eq!(
        models::named("Ridge").unwrap().make().begin(2, None).map(drop).unwrap_err().code(),
        Code::NotSupported
    );
}
