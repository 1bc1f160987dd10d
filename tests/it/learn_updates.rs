//! Pipelines whose models learn rows on top of others, against scikit-learn 1.9.1: tests/golden/sgd_stream.py made the numbers.

use std::sync::Arc;

use pipefit::contract::{Frame, Prediction};
use pipefit::diag::Code;
use pipefit::graph::{self, Graph};
use pipefit::learn::{Cell, Learner, Place, Saved, Settings, State};
use pipefit::linalg::Matrix;
use pipefit::source::keys::Entry;
use pipefit::table::{Column, Field, Kind, Schema, Table};
use serde_json::Value as Json;

use crate::command::Place as Folder;
use crate::learn::opened;
use crate::streamed::{FEATURES, ROWS, Rowed};

fn settings(batch: usize) -> Settings {
    Settings { batch, half_life: None, window: None, evaluate: true, drift: None }
}

fn graph(lines: &str) -> Graph {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("updates.yaml");
    let head = "version: 1\nname: updates\nsource: {key: table}\ntarget: y\n";
    std::fs::write(&file, format!("{head}{lines}\n")).unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    graph.unwrap_or_else(|| panic!("{problems:?}"))
}

fn graph_of(case: &Json) -> Graph {
    let [step, model] = ["step", "model"].map(|key| case[key].as_str().unwrap());
    let classes = match case["target"].as_str().unwrap() {
        "y" => "",
        "two" => ", classes: [\"no\", \"yes\"]",
        _ => ", classes: [red, green, blue]",
    };
    graph(&format!(
        "online: {{stream: s{classes}}}\npreprocess: [{step}]\nmodel: {{{model}: {}}}",
        case["params"]
    ))
}

fn schema() -> Arc<Schema> {
    let field = |j| Field { name: format!("x{j}"), kind: Kind::Number };
    Arc::new(Schema::new((0..FEATURES).map(field).collect()))
}

fn target<'a>(case: &Json, data: &Rowed, i: usize) -> Cell<'a> {
    match case["target"].as_str().unwrap() {
        "y" => Cell::Number(data.y[i]),
        "two" => Cell::Label(Some(["no", "yes"][data.two[i] as usize])),
        _ => Cell::Label(Some(["blue", "green", "red"][data.three[i] as usize])),
    }
}

/// All whole blocks, with the state kept and read back after every `portion` rows.
fn learned<'g>(graph: &'g Graph, case: &Json, data: &Rowed, portion: usize) -> Learner<'g> {
    let settings = settings(case["batch"].as_u64().unwrap() as usize);
    let state = State::before(graph, schema(), &settings, &[]).unwrap();
    let mut learner = Learner::new(graph, settings, state).unwrap();
    for i in 0..ROWS {
        let mut cells: Vec<Cell> =
            data.x[i * FEATURES..(i + 1) * FEATURES].iter().map(|value| Cell::Number(*value)).collect();
        cells.push(target(case, data, i));
        learner.push(&cells, 0).unwrap();
        if (i + 1) % portion == 0 {
            let bytes = Saved::bytes_of(learner.state(), &Place::default()).unwrap();
            let saved = Saved::parse(&bytes).unwrap();
            assert_eq!(&saved.state, learner.state());
            learner = Learner::new(graph, settings, saved.state).unwrap();
        }
    }
    learner
}

fn flat(json: &Json) -> Vec<f64> {
    match json {
        Json::Array(items) => items.iter().flat_map(flat).collect(),
        one => vec![one.as_f64().unwrap()],
    }
}

fn rows(matrix: &Matrix) -> Vec<f64> {
    (0..matrix.rows()).flat_map(|i| matrix.row(i)).collect()
}

fn compare(what: &str, ours: &[f64], theirs: &Json, wrong: &mut Vec<String>) {
    let theirs = flat(theirs);
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        if (ours - theirs).abs() > 1e-9 * ours.abs().max(theirs.abs()) + 1e-11 {
            wrong.push(format!("{what}: {ours:e} for {theirs:e}"));
        }
    }
}

#[test]
fn pipelines_learn_a_stream_as_scikit_learn_does() {
    let golden: Json = serde_json::from_str(include_str!("../golden/sgd_stream.json")).unwrap();
    let (data, cases) = (Rowed::new(), golden["cases"].as_array().unwrap());
    assert!(cases.len() >= 40);
    let columns = (0..FEATURES).map(|j| (0..8).map(|i| data.x[i * FEATURES + j]).collect::<Vec<_>>());
    let table =
        Table::new((*schema()).clone(), columns.map(|values| Column::Number(values.into())).collect());
    let frame = Frame::of(&table.unwrap());
    let mut wrong = Vec::new();
    for case in cases {
        let graph = graph_of(case);
        let mut learner = learned(&graph, case, &data, 90);
        let whole = learned(&graph, case, &data, usize::MAX);
        assert_eq!(Saved::digest(learner.state()).unwrap(), Saved::digest(whole.state()).unwrap(), "{case}");
        let score = learner.state().score.json();
        let fitted = learner.fitted().unwrap();
        let (facts, prediction) = (fitted.model.facts(), fitted.predict(&frame).unwrap());
        for (name, theirs) in case["expected"].as_object().unwrap() {
            let ours = match (name.as_str(), &prediction) {
                ("coef", _) => rows(facts.coef.as_ref().unwrap()),
                ("intercept", _) => facts.intercept.clone().unwrap(),
                ("values", Prediction::Values(values)) => values.column(0).to_vec(),
                ("proba", Prediction::Classes { proba, .. }) => rows(proba.as_ref().unwrap()),
                ("score", Prediction::Values(_)) => vec![score["r2"].as_f64().unwrap()],
                ("score", _) => ["accuracy", "log_loss"].map(|name| score[name].as_f64().unwrap()).to_vec(),
                (fact, _) => flat(&facts.more.iter().find(|(name, _)| *name == fact).unwrap().1),
            };
            compare(
                &format!("{name} of {} {} {}", case["step"], case["model"], case["batch"]),
                &ours,
                theirs,
                &mut wrong,
            );
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Missing numbers and labels that come late go the way of any steps.
#[test]
fn steps_are_those_of_all_rows_so_far() {
    let golden: Json = serde_json::from_str(include_str!("../golden/sgd_stream.json")).unwrap();
    let data = Rowed::new();
    let graph = graph(
        "online: {stream: s, batch: 50}\npreprocess:\n  num: {columns: {type: number}, steps: [SimpleImputer, StandardScaler]}\n  \
         cat: {columns: {type: category}, steps: [{OneHotEncoder: {handle_unknown: ignore}}]}\nmodel: {SGDRegressor: {random_state: 0}}",
    );
    let kinds = [("a", Kind::Number), ("b", Kind::Number), ("word", Kind::Category)];
    let field = |(name, kind): (&str, Kind)| Field { name: name.to_owned(), kind };
    let schema = Arc::new(Schema::new(kinds.map(field).to_vec()));
    let state = State::before(&graph, schema, &settings(50), &[]).unwrap();
    let mut learner = Learner::new(&graph, settings(50), state).unwrap();
    for i in 0..ROWS {
        let x = &data.x[i * FEATURES..(i + 1) * FEATURES];
        let a = if i >= 60 && x[3] > 1.4 { f64::NAN } else { x[0] };
        let word = match x[2] > 0.5 {
            true => "north",
            false if i < 300 => "east",
            false => "south",
        };
        let cells = [Cell::Number(a), Cell::Number(x[1]), Cell::Label(Some(word)), Cell::Number(data.y[i])];
        learner.push(&cells, 0).unwrap();
    }
    let (mut wrong, fitted) = (Vec::new(), learner.fitted().unwrap());
    assert_eq!(fitted.names.len() as u64, golden["holes"]["features"].as_u64().unwrap());
    let facts = fitted.model.facts();
    compare("coef", &rows(facts.coef.as_ref().unwrap()), &golden["holes"]["coef"], &mut wrong);
    compare("intercept", &facts.intercept.unwrap(), &golden["holes"]["intercept"], &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_cannot_be_updated_is_refused_by_name() {
    let refused = |lines: &str| -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("updates.yaml");
        let head = "version: 1\nname: updates\nsource: {key: table}\ntarget: y\n";
        std::fs::write(&file, format!("{head}{lines}\n")).unwrap();
        let (graph, problems) = graph::read(&file, &[]);
        assert!(graph.is_none() || !problems.is_empty(), "{lines}");
        problems.iter().map(|problem| problem.message().to_owned()).collect::<Vec<_>>().join("\n")
    };
    for (lines, what) in [
        ("online: {stream: s}\nmodel: {SGDRegressor: {early_stopping: true}}", "early_stopping"),
        ("online: {stream: s}\nmodel: {SGDClassifier: {class_weight: balanced}}", "balanced"),
        ("online: {stream: s, window: 100}\nmodel: GaussianNB", "window"),
        ("online: {stream: s, half_life: 100}\nmodel: SGDRegressor", "half_life"),
        ("online: {stream: s}\npreprocess: [{PCA: {n_components: 2}}]\nmodel: SGDRegressor", "PCA"),
        ("online: {stream: s, classes: [one]}\nmodel: SGDClassifier", "fewer than two"),
        ("online: {stream: s}\nmodel: {MultinomialNB: {alpha: 0}}", "counts that are 0"),
    ] {
        let found = refused(lines);
        assert!(found.contains(what), "{lines}: {found}");
    }
    let graph = graph("online: {stream: s}\nmodel: SGDClassifier");
    let error = State::before(&graph, schema(), &settings(5), &[]).unwrap_err();
    assert!(error.code() == Code::MissingKey && error.to_string().contains("know all classes"), "{error}");
}

/// The fields of a row whose class is a number, as it is written.
fn fields(data: &Rowed, i: usize, class: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let x = &data.x[i * FEATURES..(i + 1) * FEATURES];
    let features =
        x.iter().enumerate().map(|(j, value)| (format!("x{j}").into_bytes(), value.to_string().into_bytes()));
    features.chain([(b"y".to_vec(), class.as_bytes().to_vec())]).collect()
}

#[test]
fn a_classifier_goes_on_from_the_classes_of_a_run() {
    let (place, data) = (Folder::new(), Rowed::new());
    let class = |i: usize| data.two[i].to_string();
    let line = |i: usize| {
        let x = data.x[i * FEATURES..(i + 1) * FEATURES].iter().map(ToString::to_string).collect::<Vec<_>>();
        format!("{},{}\n", x.join(","), class(i))
    };
    place.write("rows.csv", format!("x0,x1,x2,x3,y\n{}", (0..200).map(line).collect::<String>()));
    let file = |model: &str| {
        format!(
            "version: 1\nname: demo\nsource: {{file: rows.csv}}\ntarget: y\npreprocess: [StandardScaler]\nmodel: {model}\n\
             cv: null\nonline: {{stream: events, batch: 25}}\n"
        )
    };
    place.write("demo.yaml", file("{SGDClassifier: {loss: log_loss, alpha: 0.01}}"));
    place.run(&["run", "demo.yaml"]).ok();
    let entry = |i: usize| {
        let class = if i == 333 { "7".to_owned() } else { format!("{}.0", class(i)) };
        Entry { id: None, fields: fields(&data, i, &class) }
    };
    opened(&place).append("events", &(200..ROWS).map(entry).collect::<Vec<_>>()).unwrap();
    let learned = place.run(&["learn", "demo.yaml", "--once", "--json"]).json();
    let told = &learned["learned"];
    assert_eq!((told["rows"].as_u64(), told["refused"].as_u64()), (Some(699), Some(1)), "{learned}");
    assert!(told["score"]["accuracy"].as_f64().unwrap() > 0.65, "{learned}");
    assert!(told["score"]["log_loss"].as_f64().unwrap() < 0.6, "{learned}");
    place.write("new.csv", "x0,x1,x2,x3\n2,0,-2,0\n-2,0,2,0\n");
    let ran = place.run(&["predict", "demo", "--input", "new.csv", "--proba"]).ok();
    let said: Vec<&str> = ran.out.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(said, ["1", "0"], "{}", ran.out);

    // What a classifier has learned is not gone on with by a regression, nor by another classifier.
    for other in ["SGDRegressor", "GaussianNB"] {
        place.write("demo.yaml", file(other));
        let ran = place.run(&["learn", "demo.yaml", "--once"]);
        assert!(ran.code != Some(0) && ran.err.contains(other), "{}", ran.err);
    }
}

#[test]
fn naive_bayes_takes_classes_as_they_come() {
    let (place, data) = (Folder::new(), Rowed::new());
    place.write(
        "demo.yaml",
        "version: 1\nname: demo\nsource: {key: rows}\ntarget: y\npreprocess: [StandardScaler]\nmodel: GaussianNB\n\
         online: {stream: events, batch: 10, half_life: 200}\n",
    );
    let class = |i: usize| {
        if i < 100 {
            ["b", "b", "c"][data.three[i] as usize]
        } else {
            ["a", "b", "c"][data.three[i] as usize]
        }
    };
    let entry = |i: usize| Entry { id: None, fields: fields(&data, i, class(i)) };
    opened(&place).append("events", &(0..ROWS).map(entry).collect::<Vec<_>>()).unwrap();
    let learned = place.run(&["learn", "demo.yaml", "--once", "--json"]).json();
    assert_eq!(learned["learned"]["rows"], 700, "{learned}");
    assert!(learned["learned"]["score"]["recent_accuracy"].as_f64().unwrap() > 0.65, "{learned}");
    place.write("new.csv", "x0,x1,x2,x3\n2,0,0,0\n-1,2,0,0\n-1,-2,0,0\n");
    let ran = place.run(&["predict", "demo", "--input", "new.csv"]).ok();
    assert_eq!(ran.out.lines().skip(1).collect::<Vec<_>>(), ["c", "a", "b"]);
}
