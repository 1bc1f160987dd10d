//! A model that reads the rows in every iteration is fitted in all folds at once, from raw columns that they share: the
//! same optimum as from the rows of each fold alone, and folds for which that will not do are fitted on their rows.

use std::fmt::Write;
use std::path::Path;

use pipefit::contract::{Facts, Prediction};
use pipefit::diag::{Result, Silent};
use pipefit::linalg::Matrix;
use pipefit::run::Outcome;
use pipefit::source::keys;
use pipefit::{graph, job, plan, run};

const HEAD: &str = "version: 1\nname: shared\nsource: {key: table}\n";

const MIXED: &str = "target: y
preprocess:
  num: {columns: {type: number}, steps: [{SimpleImputer: {add_indicator: true}}, StandardScaler]}
  cat: {columns: {type: category}, steps: [{OneHotEncoder: {handle_unknown: ignore}}]}
";

/// Numbers with holes, a category with some, weights, and two or three classes.
fn mixed(rows: u32, classes: u32) -> String {
    let mut text = String::from("a,b,c,town,w,y\n");
    let wave = |i: u32, by: u32| f64::from(i.wrapping_mul(by) % 10_007) / 10_007.0;
    for i in 0..rows {
        let (a, b, c) = (wave(i, 2_654_435_761), 50.0 * wave(i, 40_503), wave(i, 69_069) + 1000.0);
        let town = ["Oslo", "Rome", "Bonn", "", "Cork", "Nice"][(i.wrapping_mul(7919) % 53 % 6) as usize];
        let score = 3.0 * a - 0.04 * b + 2.0 * wave(i, 12_347) + if town == "Rome" { 0.8 } else { 0.0 };
        let y = (score * f64::from(classes) / 4.0).clamp(0.0, f64::from(classes) - 1.0) as u32;
        let b = if i % 11 == 3 { String::new() } else { format!("{b:?}") };
        writeln!(text, "{a:?},{b},{c:?},{town},{},{}", i % 4, ["no", "so", "yes"][y as usize]).unwrap();
    }
    text
}

/// What a file gives on a path; `None` as planned.
fn ran(file: &str, table: &str, path: Option<plan::Path>) -> Result<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("shared.yaml");
    std::fs::write(&place, format!("{HEAD}{file}")).unwrap();
    let (graph, problems) = graph::read(&place, &[]);
    let graph = graph.unwrap_or_else(|| panic!("{problems:?}"));
    let (_, keys) = keys::open("mem:", Path::new("")).unwrap();
    keys.write("table", table.as_bytes()).unwrap();
    let loaded = job::load(&graph, &*keys, &Silent).unwrap();
    let bound = plan::bind(&graph, &loaded.table).unwrap();
    let planned = plan::plan(&bound, path).unwrap();
    if path.is_none() {
        assert_eq!(planned.path, plan::Path::TwoPass, "{}", planned.reason);
        assert!(planned.iterates && planned.reason.contains("in every iteration"), "{}", planned.reason);
    }
    run::run(&bound, &planned, &Silent).map(|(outcome, _)| outcome)
}

fn near(what: &str, fast: &[f64], slow: &[f64]) {
    assert_eq!(fast.len(), slow.len(), "{what}");
    for (i, (a, b)) in fast.iter().zip(slow).enumerate() {
        let allowed = 1e-9 * a.abs().max(b.abs()) + 1e-10;
        assert!((a - b).abs() <= allowed, "{what} {i}: {a} two-pass, {b} general");
    }
}

fn same_facts(what: &str, fast: &Facts, slow: &Facts) {
    let coef = |facts: &Facts| facts.coef.as_ref().map_or(Vec::new(), |coef| coef.values().to_vec());
    near(&format!("{what}: coefficient"), &coef(fast), &coef(slow));
    near(&format!("{what}: intercept"), fast.intercept.as_ref().unwrap(), slow.intercept.as_ref().unwrap());
}

fn probabilities(prediction: &Prediction) -> &Matrix {
    let Prediction::Classes { proba: Some(proba), .. } = prediction else { panic!("classes") };
    proba
}

/// Both paths give the same; the outcome of the two passes.
fn agree(file: &str, table: &str) -> Outcome {
    let fast = ran(file, table, None).unwrap();
    let slow = ran(file, table, Some(plan::Path::General)).unwrap();
    assert_eq!(fast.folds.len(), slow.folds.len());
    for (k, (fast, slow)) in fast.folds.iter().zip(&slow.folds).enumerate() {
        same_facts(&format!("{file}fold {k}"), &fast.facts, &slow.facts);
        let proba = |prediction| probabilities(prediction).values();
        near(&format!("{file}fold {k}: probability"), proba(&fast.prediction), proba(&slow.prediction));
    }
    same_facts(&format!("{file}refit"), &fast.facts, &slow.facts);
    assert_eq!(fast.fitted.names, slow.fitted.names);
    if let (Some(fast), Some(slow)) = (&fast.search, &slow.search) {
        assert_eq!(fast.best, slow.best);
        for (i, (fast, slow)) in fast.tried.iter().zip(&slow.tried).enumerate() {
            let scores =
                |folds: &[Option<f64>]| folds.iter().copied().map(Option::unwrap).collect::<Vec<_>>();
            near(&format!("candidate {i}"), &scores(&fast.folds), &scores(&slow.folds));
        }
    }
    fast
}

#[test]
fn both_paths_have_the_same_optimum() {
    let models = [
        "LogisticRegression",
        "{LogisticRegression: {C: 100, class_weight: balanced}}",
        "{LogisticRegression: {C: 0.01, fit_intercept: false}}",
        "{LogisticRegression: {class_weight: {no: 3, yes: 0.5}}}",
    ];
    for classes in [2, 3] {
        let table = mixed(900, classes).replace("yes", if classes == 2 { "so" } else { "yes" });
        for model in models {
            let model = if classes == 2 { model.replace("yes", "so") } else { model.to_owned() };
            for roles in ["roles: {id: [w]}", "roles: {weight: w}"] {
                let folds = "cv: {StratifiedKFold: {n_splits: 4, shuffle: true}}\nscoring: [neg_log_loss]";
                let fast = agree(&format!("{MIXED}{roles}\nmodel: {model}\n{folds}\n"), &table);
                assert_eq!(fast.rows_reason, None);
            }
        }
    }
}

#[test]
fn a_search_over_models_and_steps_agrees() {
    let search = "roles: {weight: w}\nmodel: LogisticRegression\ncv: 3\nscoring: [neg_log_loss]\n\
        search: {GridSearchCV: {param_grid: {model__C: [0.01, 1, 30, 1000], model__class_weight: [null, balanced], \
        model__fit_intercept: [true, false], preprocess__num__simpleimputer__strategy: [mean, median]}}}\n";
    let fast = agree(&format!("{MIXED}{search}"), &mixed(700, 3));
    assert_eq!(fast.search.unwrap().tried.len(), 32);
    assert_eq!(fast.rows_reason, None);
}

/// Products of columns are shared like columns, beside indicators and with what a fold made of each factor.
#[test]
fn products_of_columns_agree() {
    let steps = "target: y
preprocess:
  num: {columns: [a, c], steps: [StandardScaler, {PolynomialFeatures: {degree: 3, include_bias: false}}, StandardScaler]}
  cat: {columns: [town], steps: [OneHotEncoder]}
roles: {id: [b], weight: w}
";
    for classes in [2, 3] {
        let table = mixed(3000, classes);
        let rest = "model: LogisticRegression\ncv: 3\nscoring: [neg_log_loss]\n\
            search: {GridSearchCV: {param_grid: {model__C: [0.1, 10]}}}\n";
        let fast = agree(&format!("{steps}{rest}"), &table);
        assert_eq!(fast.rows_reason, None);
        assert_eq!(fast.fitted.names.len(), 9 + 6);
        assert!(fast.fitted.names.contains(&"num__a^2 c".to_owned()));
    }
}

/// Without a penalty an indicator of every level leaves many optima: both paths have the same one.
#[test]
fn no_penalty_agrees() {
    let file = format!("{MIXED}roles: {{id: [w]}}\nmodel: {{LogisticRegression: {{C: .inf}}}}\ncv: 3\n");
    let outcome = agree(&file, &mixed(900, 3));
    assert!(outcome.rows_reason.is_some_and(|reason| reason.contains("depend on each other")));
    let outcome = agree(&file.replace("{handle_unknown: ignore}", "{drop: first}"), &mixed(900, 3));
    assert_eq!(outcome.rows_reason, None);
}

/// The fit on all rows comes with those of the folds, and is what it would be alone.
#[test]
fn a_refit_without_folds_agrees() {
    let file = |cv: &str| format!("{MIXED}roles: {{id: [w]}}\nmodel: LogisticRegression\n{cv}");
    let table = mixed(500, 2);
    let alone = agree(&file("cv: null\n"), &table);
    let beside = agree(&file("cv: 3\nscoring: [neg_log_loss]\n"), &table);
    same_facts("refit", &alone.facts, &beside.facts);
}

#[test]
fn folds_that_lack_a_class_are_fitted_on_their_rows() {
    // The rows of `yes` are all in the first fold, those of the others everywhere.
    let table = mixed(600, 3);
    let (head, rows) = table.split_once('\n').unwrap();
    let (yes, others): (Vec<&str>, Vec<&str>) = rows.lines().partition(|row| row.ends_with("yes"));
    let rows: Vec<&str> = yes.iter().take(100).chain(others.iter().take(400)).copied().collect();
    let table = format!("{head}\n{}\n", rows.join("\n"));
    let fast = agree(
        &format!("{MIXED}roles: {{id: [w]}}\nmodel: LogisticRegression\ncv: {{KFold: {{n_splits: 4}}}}\n"),
        &table,
    );
    let lacks = |k: usize| fast.folds[k].facts.more.iter().any(|(name, _)| *name == "classes_without_rows");
    assert_eq!((0..4).map(lacks).collect::<Vec<_>>(), [true, false, false, false]);
}

#[test]
fn an_unseen_category_is_the_same_error() {
    let table = mixed(300, 2).replace("yes", "so");
    let table = table.replacen("Oslo", "Lima", 1);
    let file =
        format!("{MIXED}roles: {{id: [w]}}\nmodel: LogisticRegression\ncv: {{KFold: {{n_splits: 3}}}}\n");
    let file = file.replace("handle_unknown: ignore", "handle_unknown: error");
    let error = |path| ran(&file, &table, path).err().unwrap();
    let (fast, slow) = (error(None), error(Some(plan::Path::General)));
    assert_eq!((fast.code(), fast.message()), (slow.code(), slow.message()));
    assert!(fast.message().contains("Lima"), "{fast}");
}

#[test]
fn columns_far_from_their_shift_are_fitted_on_rows() {
    let mut text = String::from("x,z,y\n");
    for i in 0..10_240_u32 {
        let wave = |by: u32| f64::from(i.wrapping_mul(by) % 10_007) / 10_007.0;
        let x = if i < 2048 { 1e12 + wave(2_654_435_761) } else { wave(2_654_435_761) };
        let y = u8::from(2.0 * wave(2_654_435_761) - wave(40_503) + 0.5 * wave(69_069) > 0.7);
        writeln!(text, "{x:?},{:?},{y}", wave(40_503)).unwrap();
    }
    agree(
        "target: y\npreprocess: [StandardScaler]\nmodel: LogisticRegression\ncv: {KFold: {n_splits: 5}}\n",
        &text,
    );
}

#[test]
fn few_features_of_many_columns_are_fitted_on_rows() {
    let names: Vec<String> = (0..80).map(|j| format!("x{j}")).collect();
    let mut text = names.join(",") + ",y\n";
    for i in 0..400_u32 {
        let wave = |j: u32| f64::from((i * 31 + j).wrapping_mul(2_654_435_761) % 10_007) / 10_007.0;
        for j in 0..80 {
            let scale = [9.0, 5.0, 1.0][j.min(2) as usize];
            write!(text, "{:?},", scale * wave(97 * j)).unwrap();
        }
        writeln!(text, "{}", u8::from(wave(0) + wave(97) + wave(1234) > 1.5)).unwrap();
    }
    let file = "target: y\npreprocess: [{PCA: {n_components: 2}}]\nmodel: LogisticRegression\ncv: 4\n";
    let fast = agree(file, &text);
    assert_eq!(fast.rows_reason.as_deref(), Some("2 features are made of 80 columns and levels"));
    let fast = agree(&file.replace("2}", "5}").replace("[{PCA", "[StandardScaler, {PCA"), &text);
    assert_eq!(fast.rows_reason, None);
}
