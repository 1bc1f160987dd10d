//! A learner in this process: it is a refit of all rows, saved states are whole, and damaged ones are refused.

use std::sync::Arc;

use pipefit::contract::{Frame, Prediction};
use pipefit::graph::{self, Graph};
use pipefit::learn::{Cell, Learner, Place, Saved, Settings, State};
use pipefit::run::Fitted;
use pipefit::table::{Column, Field, Kind, Schema, Table};
use rand_mt::Mt64;

use crate::command::{Place as Folder, repository, tell};
use crate::direct::{self, Columns};

const SETTINGS: Settings = Settings { batch: 40, half_life: None, window: None, evaluate: true, drift: None };

/// A number in [-0.5, 0.5), without a pattern.
fn noise(i: usize, j: usize) -> f64 {
    let x = (i as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (j as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
    let x = (x ^ x >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((x ^ x >> 29) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

/// Three features, two of which agree but for `apart`, and a target that they make but for little: with much left over, the
/// rounding of the scaled rows in a batch would show, by the square of the condition.
fn columns(rows: usize, apart: f64) -> Columns {
    let one = |j: usize| -> Vec<f64> {
        let value = |i| if j == 1 { noise(i, 0) + apart * noise(i, 1) } else { noise(i, j) };
        (0..rows).map(|i| 1.0 + value(i)).collect()
    };
    let features: Vec<Vec<f64>> = (0..3).map(one).collect();
    let y = (0..rows).map(|i| features[0][i] - 2.0 * features[1][i] + features[2][i] + 1e-4 * noise(i, 9));
    let y = y.collect();
    let names = ["a", "b", "c"].map(str::to_owned);
    names.into_iter().zip(features).chain([("y".to_owned(), y)]).collect()
}

fn graph(lines: &str) -> Graph {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("learner.yaml");
    let head = "version: 1\nname: learner\nsource: {key: table}\ntarget: y\nonline: {stream: s, batch: 40}\n";
    std::fs::write(&file, format!("{head}{lines}\n")).unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    graph.unwrap_or_else(|| panic!("{problems:?}"))
}

fn schema(columns: &Columns) -> Arc<Schema> {
    let field = |(name, _): &(String, _)| Field { name: name.clone(), kind: Kind::Number };
    Arc::new(Schema::new(columns[..columns.len() - 1].iter().map(field).collect()))
}

fn push(learner: &mut Learner, columns: &Columns, rows: std::ops::Range<usize>) {
    for i in rows {
        let cells: Vec<Cell> = columns.iter().map(|(_, values)| Cell::Number(values[i])).collect();
        learner.push(&cells, 1_000 + i as u64).unwrap();
    }
}

fn predicted(fitted: &Fitted, columns: &Columns) -> Vec<f64> {
    let features = &columns[..columns.len() - 1];
    let values = features.iter().map(|(_, values)| Column::Number(values.clone().into()));
    let table = Table::new((*schema(columns)).clone(), values.collect()).unwrap();
    match fitted.predict(&Frame::of(&table)).unwrap() {
        Prediction::Values(values) => values.column(0).to_vec(),
        Prediction::Classes { .. } => panic!("classes"),
    }
}

#[test]
fn learning_is_a_refit_to_nine_digits() {
    let models =
        ["LinearRegression", "Ridge: {alpha: 1e-3}", "Lasso: {alpha: 1e-3}", "ElasticNet: {alpha: 1e-3}"];
    let steps =
        ["StandardScaler", "MinMaxScaler", "MaxAbsScaler", "StandardScaler, {PCA: {n_components: 2}}"];
    let mut worst: [f64; 2] = [0.0, 0.0];
    for (apart, coefficients) in [(1.0, true), (1e-3, true), (1e-5, true), (1e-8, false)] {
        let columns = columns(2_000, apart);
        for (model, step) in models.iter().flat_map(|model| steps.iter().map(move |step| (model, step))) {
            if apart < 1e-3 && (model.starts_with("Lasso") || model.starts_with("Elastic")) {
                continue;
            }
            let lines = format!("preprocess: [{step}]\nmodel: {{{model}}}\ncv: null");
            let lines = lines.replace("{LinearRegression}", "LinearRegression");
            let batch = direct::outcome(&lines, &columns, None).fitted;
            let graph = graph(&lines);
            let state = State::new(schema(&columns), &SETTINGS).unwrap();
            let mut learner = Learner::new(&graph, SETTINGS, state).unwrap();
            push(&mut learner, &columns, 0..2_000);
            let online = learner.fitted().unwrap();
            let found = predicted(online, &columns);
            for (a, b) in found.iter().zip(predicted(&batch, &columns)) {
                // As numbers agree everywhere here: beside the digits, what is nothing on the target's own scale.
                assert!((a - b).abs() <= 1e-9 * b.abs() + 1e-11, "{lines}, {apart}: {a} {b}");
                worst[1] = worst[1].max((a - b).abs() / b.abs().max(1e-2));
            }
            let coef = |fitted: &Fitted| fitted.model.facts().coef.unwrap().values().to_vec();
            for (a, b) in coef(online).into_iter().zip(coef(&batch)).filter(|_| coefficients) {
                let error = (a - b).abs() / a.abs().max(b.abs()).max(1e-2);
                assert!(error <= 1e-9, "{lines}, {apart}: {a} {b}");
                worst[0] = worst[0].max(error);
            }
        }
    }
    tell(&format!(
        "online and batch differ by {:.1e} in coefficients, {:.1e} in predictions",
        worst[0], worst[1]
    ));
}

/// Least and greatest values too are those of the window, though each bucket of it alone is kept.
#[test]
fn a_window_is_a_refit_of_its_rows() {
    let mut columns = columns(1_200, 1.0);
    // Values that are beyond all later ones.
    columns[0].1[..500].iter_mut().for_each(|value| *value *= 50.0);
    let latest: Columns =
        columns.iter().map(|(name, values)| (name.clone(), values[1_000..].to_vec())).collect();
    let settings = Settings { window: Some(200), ..SETTINGS };
    for step in ["MinMaxScaler", "MaxAbsScaler", "StandardScaler"] {
        for model in ["Ridge: {alpha: 0.5}", "Lasso: {alpha: 1e-3}"] {
            let lines = format!("preprocess: [{step}]\nmodel: {{{model}}}\ncv: null");
            let batch = direct::outcome(&lines, &latest, None).fitted;
            let graph = graph(&lines);
            let mut learner =
                Learner::new(&graph, settings, State::new(schema(&columns), &settings).unwrap()).unwrap();
            for from in (0..1_200).step_by(75) {
                push(&mut learner, &columns, from..from + 75);
                let saved = Saved::bytes_of(learner.state(), &Place::default()).unwrap();
                learner = Learner::new(&graph, settings, Saved::parse(&saved).unwrap().state).unwrap();
            }
            let online = predicted(learner.fitted().unwrap(), &latest);
            for (a, b) in online.into_iter().zip(predicted(&batch, &latest)) {
                assert!((a - b).abs() <= 1e-9 * b.abs() + 1e-11, "{lines}: {a} {b}");
            }
        }
    }
}

#[test]
fn a_learner_that_is_saved_at_any_row_goes_on_as_if_it_was_not() {
    let columns = columns(500, 0.1);
    let graph = graph("preprocess: [StandardScaler]\nmodel: Ridge");
    let new = || Learner::new(&graph, SETTINGS, State::new(schema(&columns), &SETTINGS).unwrap()).unwrap();
    let mut whole = new();
    push(&mut whole, &columns, 0..500);
    let mut random = Mt64::new(7);
    for _ in 0..20 {
        let (mut learner, mut from) = (new(), 0);
        while from < 500 {
            let to = (from + 1 + (random.next_u64() % 150) as usize).min(500);
            push(&mut learner, &columns, from..to);
            let bytes = Saved::bytes_of(learner.state(), &Place::default()).unwrap();
            let saved = Saved::parse(&bytes).unwrap();
            assert_eq!(saved.state, *learner.state());
            learner = Learner::new(&graph, SETTINGS, saved.state).unwrap();
            from = to;
        }
        assert_eq!(learner.state(), whole.state());
        assert_eq!(Saved::digest(learner.state()).unwrap(), Saved::digest(whole.state()).unwrap());
    }
}

/// A state with labels, missing values and rows that wait.
fn sample(graph: &Graph) -> Vec<u8> {
    let field = |(name, kind): (&str, _)| Field { name: name.to_owned(), kind };
    let fields = [("a", Kind::Number), ("plan", Kind::Category)].map(field);
    let state = State::new(Arc::new(Schema::new(fields.to_vec())), &SETTINGS).unwrap();
    let mut learner = Learner::new(graph, SETTINGS, state).unwrap();
    for i in 0..130 {
        let a = if i % 9 == 3 { f64::NAN } else { noise(i, 0) };
        let label = ["free", "pro", "team", "late"][if i < 100 { i % 3 } else { i % 4 }];
        let label = Cell::Label((i % 13 != 5).then_some(label));
        learner.push(&[Cell::Number(a), label, Cell::Number(noise(i, 1))], i as u64).unwrap();
    }
    let place = Place {
        last: Some((129, 0)),
        read: 130,
        refused: 2,
        passed: Some(130),
        version: Some(3),
        guard: None,
    };
    Saved::bytes_of(learner.state(), &place).unwrap()
}

const LINES: &str = "preprocess:
  num: {columns: [a], steps: [SimpleImputer, StandardScaler]}
  cat: {columns: [plan], steps: [OneHotEncoder]}
model: Ridge";

#[test]
fn states_of_every_released_format_are_read() {
    let graph = graph(LINES);
    let path = repository("tests/formats/learner-1.safetensors");
    let saved = Saved::parse(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!((saved.state.rows(), saved.state.waiting()), (130, 10));
    assert_eq!(saved.place, Saved::parse(&sample(&graph)).unwrap().place);
    let mut learner = Learner::new(&graph, SETTINGS, saved.state).unwrap();
    for _ in 0..30 {
        learner.push(&[Cell::Number(0.0), Cell::Label(Some("new")), Cell::Number(1.0)], 200).unwrap();
    }
    assert_eq!(learner.state().waiting(), 0);
    let labels = learner.categories()[0].1.labels().to_vec();
    assert_eq!(labels, ["free", "late", "new", "pro", "team"]);
    learner.fitted().unwrap();
}

#[test]
fn damaged_states_are_refused_or_harmless() {
    let graph = graph(LINES);
    let whole = sample(&graph);
    for length in (0..whole.len()).step_by(37) {
        assert!(Saved::parse(&whole[..length]).is_err(), "{length} bytes of {}", whole.len());
    }
    let mut random = Mt64::new(3);
    let mut read = 0;
    for _ in 0..3_000 {
        let mut bytes = whole.clone();
        let place = (random.next_u64() % bytes.len() as u64) as usize;
        bytes[place] ^= 1 << (random.next_u64() % 8);
        let Ok(saved) = Saved::parse(&bytes) else { continue };
        // A digit of a number: then it learns something else, and does not break.
        if let Ok(mut learner) = Learner::new(&graph, SETTINGS, saved.state) {
            for _ in 0..80 {
                let _ = learner.push(&[Cell::Number(0.5), Cell::Label(Some("pro")), Cell::Number(1.0)], 300);
            }
            let _ = learner.fitted();
            read += 1;
        }
    }
    assert!(read < 3_000, "no damage was noticed");
}

#[test]
#[ignore = "writes the samples anew, for a new format"]
fn write_the_samples() {
    std::fs::write(repository("tests/formats/learner-1.safetensors"), sample(&graph(LINES))).unwrap();
}

/// A state with everything that a file may ask for, from the command itself: what fuzzing starts from.
#[test]
#[ignore = "writes the samples of tests/corpus/learner anew"]
fn write_the_corpus() {
    for (name, more) in [
        ("window", "batch: 8, window: 64"),
        ("labels", "batch: 8, labels: {key: order}"),
        ("drift", "batch: 8, drift: {window: 20, reference: 40}"),
        ("guard", "batch: 8, guard: {rows: 20}, half_life: 50"),
    ] {
        let here = Folder::new();
        here.write(
            "l.yaml",
            format!(
                "version: 1\nname: l\nsource: {{key: k}}\ntarget: y\nonline: {{stream: s, {more}}}\n{LINES}\n"
            ),
        );
        let labels = name == "labels";
        let csv: String = (0..90)
            .map(|i| {
                let order = if labels { format!("o{i},") } else { String::new() };
                let label = if labels && i % 5 == 4 { String::new() } else { noise(i, 3).to_string() };
                let hole = if i % 9 == 3 { String::new() } else { noise(i, 0).to_string() };
                format!("{order}{hole},{},{label}\n", ["free", "pro", ""][i % 3])
            })
            .collect();
        let head = if labels { "order,a,plan,y" } else { "a,plan,y" };
        here.write("rows.csv", format!("{head}\n{csv}"));
        here.run(&["data", "put", "s", "rows.csv", "--as", "stream"]).ok();
        for _ in 0..2 {
            here.run(&["learn", "l.yaml", "--once"]).ok();
        }
        let store = pipefit::store::connect(here.store(), here.root()).unwrap().store();
        let bytes = store.read("learner:l").unwrap().unwrap();
        std::fs::write(repository(&format!("tests/corpus/learner/{name}.safetensors")), bytes).unwrap();
    }
}
