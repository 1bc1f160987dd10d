//! What an exported graph says of rows is what `predict` says: by a small runtime of this suite; `tests/clients/onnx_parity.py` asks
//! a real one.

mod evaluate;
mod message;

use std::collections::BTreeMap;

use evaluate::{Graph, Tensor, Values};

use crate::command::Place;

/// A table with holes in a number and in both kinds of categories; `y` has numbers, `z` three classes.
fn table(rows: usize) -> String {
    let mut text = String::from("a,b,c,word,size,y,z\n");
    for i in 0..rows {
        let wave = |step: usize| ((i * i * step + 31 * i) % 211) as f64 / 100.0 - 1.0;
        let a = if i % 7 == 3 { String::new() } else { format!("{}", wave(5) * 1000.0 + 7e4) };
        let word = ["red", "green", "", "blue with, a comma", "grün"][(i * 7 + i / 5) % 5];
        let size = ["1", "2", "3"][i % 3];
        let y = wave(5) - 2.0 * wave(13) + (i % 3) as f64;
        let z = ["low", "mid", "high"][((wave(13) + 1.2) as usize + i % 2).min(2)];
        text += &format!("{a},{},{},\"{word}\",{size},{y},{z}\n", wave(13), wave(29));
    }
    text
}

/// The columns of rows as inputs.
fn inputs(graph: &Graph, header: &[&str], rows: &[Vec<&str>]) -> BTreeMap<String, Tensor> {
    let column = |(name, number): &(String, bool)| {
        let j = header.iter().position(|column| column == name).unwrap();
        let cells = rows.iter().map(|row| row[j]);
        let number_of = |cell: &str| if cell.is_empty() { f64::NAN } else { cell.parse().unwrap() };
        let values = if *number {
            Values::Doubles(cells.map(number_of).collect())
        } else {
            Values::Texts(cells.map(str::to_owned).collect())
        };
        (name.clone(), Tensor::column(values))
    };
    graph.inputs.iter().map(column).collect()
}

/// Publishes a pipeline, exports it, and compares both on new rows: those of the list that `predict` takes, and those that it
/// refuses.
fn compare(rest: &str, target: &str, refused: &[usize]) {
    let place = Place::new();
    place.write("data.csv", table(300));
    let schema = "schema: {size: category}\n";
    let ids = if target == "y" { "z" } else { "y" };
    place.write(
        "m.yaml",
        format!("version: 1\nname: m\nsource: {{file: data.csv}}\n{schema}target: {target}\nroles: {{id: [{ids}]}}\ncv: 3\n\
                 output: {{onnx: true}}\n{rest}"),
    );
    place.run(&["run", "m.yaml"]).ok();
    place.run(&["models", "export", "m", "--onnx", "m.onnx"]).ok();
    let bytes = std::fs::read(place.path("m.onnx")).unwrap();
    assert_eq!(bytes, std::fs::read(place.path("artifacts/m/1/model.onnx")).unwrap());
    place.run(&["models", "verify", "m"]).ok();
    let header = ["a", "b", "c", "word", "size"];
    let rows: Vec<Vec<&str>> = vec![
        vec!["70123.5", "0.25", "-0.5", "red", "2"],
        vec!["", "0.75", "0.125", "grün", "1"],
        vec!["69000", "-1", "1", "", "3"],
        vec!["69999", "9", "-9", "blue with, a comma", "3"],
        vec!["70001", "0.5", "0.5", "violet", "1"],
        vec!["70001", "0.5", "0.5", "green", "4"],
        vec!["70001", "", "0.5", "green", "1"],
    ];
    let graph = Graph::read(&bytes);
    let answers = graph.run(inputs(&graph, &header, &rows));
    for (i, row) in rows.iter().enumerate() {
        let quoted: Vec<String> = row.iter().map(|cell| format!("\"{cell}\"")).collect();
        place.write("new.csv", format!("{}\n{}\n", header.join(","), quoted.join(",")));
        let proba: &[&str] = if answers.len() > 1 { &["--proba"] } else { &[] };
        let ran = place.run(&[&["predict", "m", "--input", "new.csv", "--output", "-"], proba].concat());
        assert_eq!(ran.code != Some(0), refused.contains(&i), "{rest}: row {i}: {}", ran.err);
        let said = ran.out.lines().nth(1).map(|line| line.split(',').collect::<Vec<_>>());
        match (&answers[0].values, &said) {
            (Values::Doubles(all), None) => assert!(all[i].is_nan(), "{rest}: row {i}: {}", all[i]),
            (Values::Doubles(all), Some(said)) => near(rest, i, all[i], said[0]),
            (Values::Texts(all), None) => assert_eq!(all[i], "", "{rest}: row {i}"),
            (Values::Texts(all), Some(said)) => {
                assert_eq!(all[i], said[0], "{rest}: row {i}");
                let width = answers.get(1).map_or(0, |proba| proba.dims[1]);
                assert_eq!(width, said.len() - 1);
                for (j, said) in said[1..].iter().enumerate() {
                    near(rest, i, answers[1].doubles()[i * width + j], said);
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn near(what: &str, row: usize, found: f64, said: &str) {
    let said: f64 = said.parse().unwrap();
    assert!((found - said).abs() <= 1e-12 * (1.0 + said.abs()), "{what}: row {row}: {found} {said}");
}

const WORDS: &str = "{OneHotEncoder: {handle_unknown: ignore}}";

fn groups(numbers: &str, words: &str) -> String {
    format!(
        "preprocess:\n  num: {{columns: {{type: number}}, steps: [{numbers}]}}\n  cat: {{columns: {{type: category}}, steps: [{words}]}}\n"
    )
}

#[test]
fn scalers_and_selectors() {
    for scaler in [
        "StandardScaler",
        "{StandardScaler: {with_std: false}}",
        "{MinMaxScaler: {feature_range: [-1, 3], clip: true}}",
        "MinMaxScaler",
        "MaxAbsScaler",
        "{MaxAbsScaler: {clip: true}}",
        "RobustScaler",
    ] {
        let steps = groups(&format!("{{SimpleImputer: {{add_indicator: true}}}}, {scaler}"), WORDS);
        let select = "select: [VarianceThreshold, {SelectKBest: {score_func: f_regression, k: 6}}]\n";
        compare(&format!("{steps}{select}model: {{Ridge: {{alpha: 0.1}}}}\n"), "y", &[]);
    }
    // A hole in a feature that is not selected is refused all the same.
    let select = "select: {SelectKBest: {score_func: f_regression, k: 1}}\n";
    let columns = "preprocess:\n  num: {columns: [b, c], steps: [StandardScaler]}\n";
    compare(&format!("{columns}{select}model: LinearRegression\n"), "y", &[6]);
}

#[test]
fn products_and_components() {
    let filled = "{SimpleImputer: {strategy: median}}, StandardScaler";
    for steps in [
        "{PolynomialFeatures: {degree: 3}}",
        "{PolynomialFeatures: {interaction_only: true, include_bias: false}}",
        "{PCA: {n_components: 2, whiten: true}}",
    ] {
        let steps = groups(&format!("{filled}, {steps}"), WORDS);
        compare(&format!("{steps}model: {{Lasso: {{alpha: 0.01}}}}\n"), "y", &[]);
    }
}

#[test]
fn encoders() {
    for (encoder, refused) in [
        ("OneHotEncoder", &[4, 5][..]),
        ("{OneHotEncoder: {drop: first, handle_unknown: ignore}}", &[]),
        (
            "{OrdinalEncoder: {handle_unknown: use_encoded_value, unknown_value: -7, encoded_missing_value: -2}}",
            &[],
        ),
        (
            "{SimpleImputer: {strategy: most_frequent, add_indicator: true}}, {OneHotEncoder: {handle_unknown: ignore}}",
            &[],
        ),
        (
            "{SimpleImputer: {strategy: constant, fill_value: none}}, {OneHotEncoder: {handle_unknown: ignore}}",
            &[],
        ),
    ] {
        let steps = groups("SimpleImputer, StandardScaler", encoder);
        compare(&format!("{steps}model: RidgeCV\n"), "y", refused);
    }
    // Numbers as categories.
    let steps = "preprocess:\n  num: {columns: [b], steps: [{OrdinalEncoder: {handle_unknown: use_encoded_value, unknown_value: -1}}]}\n  \
                 a: {columns: [a], steps: [{OneHotEncoder: {handle_unknown: ignore}}]}\n";
    compare(&format!("{steps}model: {{Ridge: {{alpha: 3}}}}\n"), "y", &[]);
}

#[test]
fn classifiers() {
    let steps = groups("{SimpleImputer: {strategy: constant, fill_value: 1}}, StandardScaler", WORDS);
    for model in ["LogisticRegression", "DummyClassifier", "{DummyClassifier: {strategy: most_frequent}}"] {
        compare(&format!("{steps}model: {model}\n"), "z", &[]);
    }
    for model in [
        "SGDClassifier",
        "{SGDClassifier: {loss: log_loss}}",
        "{SGDClassifier: {loss: modified_huber}}",
        "GaussianNB",
    ] {
        compare(&format!("{steps}model: {model}\n"), "z", &[]);
    }
    let counts =
        groups("{SimpleImputer: {strategy: constant, fill_value: 1}}, {MinMaxScaler: {clip: true}}", WORDS);
    compare(&format!("{counts}model: MultinomialNB\n"), "z", &[]);
    compare(&format!("{steps}model: SGDRegressor\n"), "y", &[]);
}

#[test]
fn what_has_no_form_is_refused_by_name() {
    let place = Place::new();
    place.write("data.csv", table(30));
    let file = |rest: &str| {
        format!("version: 1\nname: m\nsource: {{file: data.csv}}\ntarget: y\nmodel: DummyRegressor\n{rest}")
    };
    place.write("m.yaml", file("clean: [{fillna: {value: {a: 1}}}]\noutput: {onnx: true}\n"));
    let ran = place.run(&["check", "m.yaml"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("`fillna` of `clean`") && ran.err.contains("m.yaml:6:10"), "{}", ran.err);
    place.write("m.yaml", file("clean: [{fillna: {value: {a: 1}}}]\n"));
    place.run(&["run", "m.yaml"]).ok();
    let ran = place.run(&["models", "export", "m", "--onnx", "m.onnx"]);
    assert_eq!(ran.code, Some(3));
    assert!(!place.path("m.onnx").exists() && ran.err.contains("no ONNX form"), "{}", ran.err);
}
