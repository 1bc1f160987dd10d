//! What a learner knows of a stream's rows, held to scikit-learn on all of them; distances of samples, held to SciPy; and ADWIN, held to
//! River's.

use std::sync::Arc;

use pipefit::contract::{Frame, Prediction};
use pipefit::graph::{self, Graph};
use pipefit::learn::{
    Adwin, Cell, Distance, Learner, Place, Saved, Settings, State, kolmogorov_smirnov, stability_index,
};
use pipefit::run::Fitted;
use pipefit::table::{Column, Field, Kind, Levels, MISSING, Schema, Table};
use rand_mt::Mt64;
use serde_json::Value;

use crate::command::{repository, tell};

const KINDS: [(&str, Kind); 5] = [
    ("price", Kind::Number),
    ("size", Kind::Number),
    ("age", Kind::Number),
    ("shop", Kind::Category),
    ("plan", Kind::Category),
];

fn golden(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(repository("tests/golden").join(name)).unwrap()).unwrap()
}

fn schema() -> Schema {
    Schema::new(KINDS.map(|(name, kind)| Field { name: name.to_owned(), kind }).to_vec())
}

fn graph(case: &Value) -> Graph {
    let [strategy, model, drop] = ["strategy", "model", "drop"].map(|key| case[key].as_str());
    let drop = drop.map_or(String::new(), |drop| format!(", drop: {drop}"));
    let text = format!(
        "version: 1\nname: golden\nsource: {{key: table}}\ntarget: y\nonline: {{stream: s}}\npreprocess:\n  \
         num: {{columns: {{type: number}}, steps: [{{SimpleImputer: {{strategy: {}}}}}, StandardScaler]}}\n  \
         cat: {{columns: {{type: category}}, steps: [{{OneHotEncoder: {{handle_unknown: ignore{drop}}}}}]}}\nmodel: {}\n",
        strategy.unwrap(),
        model.unwrap()
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("golden.yaml");
    std::fs::write(&file, text).unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    graph.unwrap_or_else(|| panic!("{problems:?}"))
}

fn cells(row: &Value) -> Vec<Cell<'_>> {
    let row = row.as_array().unwrap().iter().enumerate();
    let cell = |(j, value): (usize, &'_ Value)| -> Cell<'_> {
        match KINDS.get(j) {
            Some((_, Kind::Category)) => Cell::Label(None),
            _ => Cell::Number(value.as_f64().unwrap_or(f64::NAN)),
        }
    };
    let label = |j: usize, value| matches!(KINDS.get(j), Some((_, Kind::Category))).then_some(value);
    row.map(|(j, value)| match label(j, value) {
        Some(value) => Cell::Label(value.as_str()),
        None => cell((j, value)),
    })
    .collect()
}

/// Rows without their target.
fn table(rows: &[Value]) -> Table {
    let column = |(j, (_, kind)): (usize, &(&str, Kind))| match kind {
        Kind::Category => {
            let mut labels: Vec<String> =
                rows.iter().filter_map(|row| row[j].as_str().map(str::to_owned)).collect();
            labels.sort();
            labels.dedup();
            let levels = Levels::new(labels, false);
            let code = |row: &Value| row[j].as_str().and_then(|label| levels.code(label)).unwrap_or(MISSING);
            let codes: Vec<u32> = rows.iter().map(code).collect();
            Column::Codes { codes: codes.into(), levels: Arc::new(levels) }
        }
        _ => Column::Number(
            rows.iter().map(|row| row[j].as_f64().unwrap_or(f64::NAN)).collect::<Vec<_>>().into(),
        ),
    };
    Table::new(schema(), KINDS.iter().enumerate().map(column).collect()).unwrap()
}

fn predicted(fitted: &Fitted, table: &Table) -> Vec<f64> {
    match fitted.predict(&Frame::of(table)).unwrap() {
        Prediction::Values(values) => values.column(0).to_vec(),
        Prediction::Classes { .. } => panic!("classes"),
    }
}

/// The greatest relative difference, of numbers that are not small.
fn apart(found: &[f64], expected: &Value) -> f64 {
    let expected: Vec<f64> =
        expected.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / b.abs().max(1.0));
    apart.fold(0.0, f64::max)
}

/// Rows come in portions of any length into blocks of any length, and the state is saved and read again between portions.
#[test]
fn any_batching_gives_what_scikit_learn_fits_on_all_rows() {
    let golden = golden("online.json");
    let rows: Vec<Vec<Cell>> = golden["rows"].as_array().unwrap().iter().map(cells).collect();
    let new = table(golden["new"].as_array().unwrap());
    let mut random = Mt64::new(1);
    let mut between = |low: usize, high: usize| low + (random.next_u64() % (high - low) as u64) as usize;
    let (mut worst, mut batchings) = ([0.0_f64; 2], 0);
    for case in golden["learned"].as_array().unwrap() {
        let graph = graph(case);
        for k in 0..12 {
            // 650 rows are whole blocks of these lengths.
            let batch = [1, 2, 5, 10, 13, 25, 26, 50, 65, 130, 325, 650][k];
            let settings = Settings { batch, half_life: None, window: None, evaluate: false, drift: None };
            let state = State::new(Arc::new(schema()), &settings).unwrap();
            let mut learner = Learner::new(&graph, settings, state).unwrap();
            let mut from = 0;
            while from < rows.len() {
                let to = between(from + 1, from + 300).min(rows.len());
                rows[from..to].iter().for_each(|row| learner.push(row, 0).unwrap());
                let saved = Saved::bytes_of(learner.state(), &Place::default()).unwrap();
                learner = Learner::new(&graph, settings, Saved::parse(&saved).unwrap().state).unwrap();
                from = to;
            }
            assert_eq!((learner.state().learned(), learner.state().waiting()), (650, 0));
            let fitted = learner.fitted().unwrap();
            let facts = fitted.model.facts();
            let intercept = facts.intercept.as_ref().unwrap()[0];
            let found = [
                apart(facts.coef.as_ref().unwrap().values(), &case["coef"])
                    .max(apart(&[intercept], &serde_json::json!([case["intercept"]]))),
                apart(&predicted(fitted, &new), &case["predictions"]),
            ];
            for (worst, found) in worst.iter_mut().zip(found) {
                *worst = worst.max(found);
            }
            assert!(
                found.iter().all(|apart| *apart <= 1e-9),
                "{}, blocks of {batch}: {found:?}",
                case["model"]
            );
            batchings += 1;
        }
    }
    tell(&format!(
        "{batchings} batchings differ from scikit-learn by {:.1e} in coefficients, {:.1e} in predictions",
        worst[0], worst[1]
    ));
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn held(found: Option<Distance>, case: &Value) {
    let found = found.unwrap();
    let (value, p_value) = (case["value"].as_f64().unwrap(), case["p_value"].as_f64().unwrap());
    assert!((found.value - value).abs() <= 1e-13 * value.abs().max(1e-3), "{found:?} {value}");
    assert!((found.p_value - p_value).abs() <= 1e-10 * p_value + 1e-14, "{found:?} {p_value}");
}

#[test]
fn distances_are_those_of_scipy() {
    let golden = golden("online.json");
    for case in golden["kolmogorov_smirnov"].as_array().unwrap() {
        held(kolmogorov_smirnov(&numbers(&case["reference"]), &numbers(&case["window"])), case);
    }
    let counts = |value| numbers(value).into_iter().map(|count| count as u64).collect::<Vec<_>>();
    for case in golden["stability_index"].as_array().unwrap() {
        held(stability_index(&counts(&case["reference"]), &counts(&case["window"])), case);
    }
}

#[test]
fn the_window_is_cut_where_river_cuts_it() {
    let golden = golden("adwin.json");
    let mut cuts = 0;
    for case in golden["cases"].as_array().unwrap() {
        for found in case["found"].as_array().unwrap() {
            let (mut adwin, delta) = (Adwin::default(), found["delta"].as_f64().unwrap());
            let mut own = Vec::new();
            for (i, number) in numbers(&case["sixtyfourths"]).into_iter().enumerate() {
                if adwin.push(number / 64.0, delta) {
                    own.push(Value::from(i + 1));
                }
            }
            cuts += own.len();
            assert_eq!(Value::from(own), found["cuts"]);
            assert_eq!(adwin.width(), found["width"].as_u64().unwrap());
            let total = found["total"].as_f64().unwrap();
            assert!((adwin.mean().unwrap() * adwin.width() as f64 - total).abs() <= 1e-13 * total);
        }
    }
    tell(&format!("{cuts} cuts of ADWIN are those of {}", golden["made_by"].as_str().unwrap()));
}
