//! A search gives what scikit-learn's `GridSearchCV` gives, on either path and any number of threads; what is wrong with a
//! grid is said at `check`, at its place.

use std::path::{Path, PathBuf};

use pipefit::diag::{Severity, Silent};
use pipefit::graph::{self, Graph};
use pipefit::plan::{self, Plan};
use pipefit::source::keys;
use pipefit::{job, run};
use serde_json::{Value, json};

use crate::command::{Place, copy, repository, tell};

fn golden() -> Vec<Value> {
    let text = std::fs::read(repository("tests/golden/searches.json")).unwrap();
    let all: Value = serde_json::from_slice(&text).unwrap();
    all["searches"].as_array().unwrap().clone()
}

fn file(name: &str) -> PathBuf {
    repository(&format!("tests/golden/searches/{name}.yaml"))
}

fn read(name: &str, overrides: &[&str]) -> Graph {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let (graph, problems) = graph::read(&file(name), &overrides);
    graph.unwrap_or_else(|| panic!("{name}: {problems:?}"))
}

/// Runs a search as planned or on a forced path, and gives what `tell` makes of it.
fn searched<T>(
    name: &str,
    path: Option<plan::Path>,
    tell: impl FnOnce(&Graph, &Plan, pipefit::diag::Result<run::Outcome>) -> T,
) -> T {
    let graph = read(name, &[]);
    let (_, keys) = keys::open("mem:", Path::new("")).unwrap();
    let loaded = job::load(&graph, &*keys, &Silent).unwrap();
    let bound = plan::bind(&graph, &loaded.table).unwrap();
    let plan = plan::plan(&bound, path).unwrap();
    tell(&graph, &plan, run::run(&bound, &plan, &Silent).map(|(outcome, _)| outcome))
}

/// How far two scores are apart, in units of what is allowed; both may be missing.
fn apart(ours: Option<f64>, theirs: &Value) -> f64 {
    match (ours, theirs.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() / (1e-9 * a.abs().max(b.abs()) + 1e-11),
        (None, None) => 0.0,
        _ => f64::INFINITY,
    }
}

#[test]
fn searches_are_those_of_scikit_learn_on_both_paths() {
    let (mut fast, mut scores, mut worst) = (0, 0, 0.0_f64);
    let goldens = golden();
    assert!(goldens.len() >= 9);
    for golden in &goldens {
        let name = golden["name"].as_str().unwrap();
        for path in [None, Some(plan::Path::General)] {
            searched(name, path, |graph, plan, outcome| {
                let outcome = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
                let search = outcome.search.as_ref().unwrap();
                fast += plan.paths.iter().filter(|path| **path == plan::Path::TwoPass).count();
                assert_eq!(search.tried.len(), golden["mean"].as_array().unwrap().len(), "{name}");
                assert_eq!(search.tried.len(), graph.search.as_ref().unwrap().candidates.len());
                for (i, tried) in search.tried.iter().enumerate() {
                    let folds = golden["folds"][i].as_array().unwrap();
                    assert_eq!(tried.folds.len(), folds.len());
                    let all = tried.folds.iter().copied().zip(folds);
                    let all = all.chain([(tried.mean, &golden["mean"][i]), (tried.std, &golden["std"][i])]);
                    for (ours, theirs) in all {
                        let apart = apart(ours, theirs);
                        assert!(apart <= 1.0, "{name}, candidate {i}: {ours:?} instead of {theirs}");
                        (scores, worst) = (scores + 1, worst.max(apart));
                    }
                    assert_eq!(tried.rank, golden["rank"][i], "{name}, candidate {i}");
                }
                assert_eq!(search.best, golden["best_index"], "{name}");
                // The winner's own scores are those of the search, and what is published is its pipeline.
                let best: Vec<Option<f64>> =
                    outcome.scores[0].folds.iter().map(|score| Some(*score)).collect();
                assert_eq!(best, search.tried[search.best].folds);
                assert_eq!(outcome.fitted.class, outcome.pipeline(graph).model.model.name());
            });
        }
    }
    assert!(fast >= 60, "only {fast} candidates took the two-pass path");
    tell(&format!("{scores} scores, {fast} candidates two-pass; worst {worst:.1e} of what is allowed"));
}

/// A candidate's numbers hang on nothing but the candidate: alone in a file it has the same scores, up to the rounding of
/// fitting several penalties at once.
#[test]
fn a_candidate_alone_has_the_same_scores() {
    for (name, at, overrides) in [
        (
            "diabetes-select",
            7,
            ["model.Ridge.alpha=0.01", "model.Ridge.fit_intercept=false", "select.SelectKBest.k=all"],
        ),
        (
            "penguins",
            1,
            [
                "model.LogisticRegression.C=0.01",
                "preprocess.num.steps=[{SimpleImputer: {strategy: median}}, StandardScaler]",
                "seed=0",
            ],
        ),
    ] {
        let tried =
            searched(name, None, |_, _, outcome| outcome.unwrap().search.unwrap().tried[at].folds.clone());
        let mut all = overrides.to_vec();
        all.push("search=null");
        let graph = read(name, &all);
        assert!(graph.search.is_none());
        let (_, keys) = keys::open("mem:", Path::new("")).unwrap();
        let loaded = job::load(&graph, &*keys, &Silent).unwrap();
        let bound = plan::bind(&graph, &loaded.table).unwrap();
        let plan = plan::plan(&bound, None).unwrap();
        let (alone, _) = run::run(&bound, &plan, &Silent).unwrap();
        for (alone, tried) in alone.scores[0].folds.iter().zip(&tried) {
            let tried = tried.unwrap();
            assert!(
                (alone - tried).abs() <= 1e-13 * tried.abs().max(1.0),
                "{name}: {alone}, in the search {tried}"
            );
        }
    }
}

/// What is said of the file `ties` with another grid.
fn grid(grid: &str) -> Vec<String> {
    told(&format!("search.GridSearchCV.param_grid={grid}"))
}

/// What is said of the file `ties` with an override: places and messages.
fn told(set: &str) -> Vec<String> {
    let (graph, problems) = graph::read(&file("ties"), &[set.to_owned()]);
    assert!(graph.is_none() && problems.iter().any(|problem| problem.severity() == Severity::Error), "{set}");
    let place = |problem: &pipefit::diag::Diagnostic| match problem.place() {
        Some(pipefit::diag::Place::Span(span)) => span.text().to_owned(),
        _ => String::new(),
    };
    problems.iter().map(|problem| format!("{} | {}", place(problem), problem.message())).collect::<Vec<_>>()
}

#[test]
fn what_is_wrong_with_a_grid_is_said_at_its_place() {
    let cases = [
        ("{model__alhpa: [1]}", vec!["model__alhpa | `Ridge` has no parameter `alhpa`"]),
        ("{modle__alpha: [1]}", vec!["modle__alpha | no parameter has the address `modle__alpha`"]),
        (
            "{model__alpha: [-1, a, 2], preprocess__simpleimputer__strategy: [3]}",
            vec![
                "-1 | `alpha` is a number, at least 0; this is `-1`",
                "a | `alpha` is a number, at least 0; this is the text `a`",
                "3 | `strategy` is `mean` | `median` | `most_frequent` | `constant`; this is `3`",
            ],
        ),
        ("{model__alpha: 1}", vec!["1 | the values to try must be a list, not the number `1`"]),
        ("{}", vec!["{} | `param_grid` is an empty map"]),
        ("[]", vec!["[] | `param_grid` is an empty list"]),
        (
            "{model: [LogisticRegression, Foo]}",
            vec![
                "LogisticRegression | `LogisticRegression` learns something else than the model of the file",
                "Foo | unknown model `Foo`",
            ],
        ),
        (
            "{preprocess__standardscaler: [passthrough], preprocess__standardscaler__with_std: [true]}",
            vec![
                "preprocess__standardscaler__with_std | `with_std` is a parameter of a step that `passthrough` takes away",
            ],
        ),
        (
            "{model__alpha: {linspace: [0, 1, 1000]}, preprocess__simpleimputer__fill_value: {linspace: [0, 1, 1000]}}",
            vec![
                "{model__alpha: {linspace: [0, 1, 1000]}, preprocess__simpleimputer__fill_value: {linspace: [0, 1, 1000]}} \
                 | the grid has 1000000 candidates, more than 100000",
            ],
        ),
        ("{model__alpha: [\"${env:PATH}\"]}", vec!["${env:PATH} | `${env:PATH}` cannot be used here"]),
    ];
    for (written, expected) in cases {
        assert_eq!(grid(written), expected, "{written}");
    }
}

#[test]
fn what_is_wrong_with_a_search_is_said_at_its_place() {
    let cases = [
        (told("search.GridSearchCV.scoring=r2"), vec!["scoring | `scoring` is not said in `search`"]),
        (told("search.GridSearchCV.grid=r2"), vec!["grid | `GridSearchCV` has no parameter `grid`"]),
        (
            told("search=HalvingGridSearchCV"),
            vec!["HalvingGridSearchCV | search `HalvingGridSearchCV` of scikit-learn is not in this version"],
        ),
        (told("search=GridSearch"), vec!["GridSearch | unknown search `GridSearch`"]),
        (told("search=GridSearchCV"), vec!["GridSearchCV | `GridSearchCV` has no `param_grid`"]),
        (told("cv=null"), vec!["null | a search needs folds, and `cv` is null"]),
    ];
    for (told, expected) in cases {
        assert_eq!(told, expected);
    }
}

/// A place with the searches and their data.
fn place() -> Place {
    let place = Place::new();
    ["tests/golden/searches", "examples/data", "pipelines"].iter().for_each(|folder| copy(&place, folder));
    place
}

#[test]
fn a_run_tells_of_its_search() {
    let place = place();
    let run = place.run(&["run", "pipelines/search.yaml", "--json"]).json();
    let search = &run["search"];
    let keys: Vec<&String> = search.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["best_index", "best_params", "best_score", "results"]);
    let results = search["results"].as_array().unwrap();
    assert_eq!(results.len(), 44);
    let best = &results[search["best_index"].as_u64().unwrap() as usize];
    let keys: Vec<&String> = best.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["params", "folds", "mean", "std", "rank"]);
    assert_eq!((&best["rank"], &best["mean"]), (&json!(1), &search["best_score"]));
    assert_eq!(best["params"], search["best_params"]);
    assert_eq!(best["folds"], run["cv"]["scores"]["r2"]["folds"]);
    // The last of the sorted addresses varies fastest.
    assert_eq!(results[0]["params"], json!({"model__alpha": 0.01, "select__k": 4}));
    assert_eq!(results[3]["params"], json!({"model__alpha": 0.01, "select__k": "all"}));
    let golden = golden().into_iter().find(|golden| golden["name"] == "diabetes-search").unwrap();
    assert_eq!(search["best_index"], golden["best_index"]);
    for (result, promised) in results.iter().zip(golden["mean"].as_array().unwrap()) {
        assert!(apart(result["mean"].as_f64(), promised) <= 1.0);
    }
    assert_eq!(run["plan"]["candidates"], json!({"two_pass": 44, "general": 0}));
    assert!(run["timing_s"]["search"].as_f64().unwrap() > 0.0);
    for report in ["html", "md"] {
        let text = place.read(run["reports"][report].as_str().unwrap());
        assert!(text.contains("optimistic") && text.contains("model__alpha"), "{report}");
    }
    let html = place.read(run["reports"]["html"].as_str().unwrap());
    assert!(html.contains("<path class=\"curve\"") && html.contains(">1000</text>"));
    // The lock holds what won, and the same run keeps it.
    assert!(place.read("pipelines/search.yaml.lock").contains("best_params:"));
    place.run(&["run", "pipelines/search.yaml", "--locked"]).ok();
    let grid = "search.GridSearchCV.param_grid.select__k=[4]";
    place.run(&["run", "pipelines/search.yaml", "--locked", "-S", grid]).fails(7, &["the pipeline file"]);
    // So does the artifact.
    let chosen = json!({
        "class": "GridSearchCV", "candidates": 44, "best_params": search["best_params"],
        "best_score": search["best_score"],
    });
    assert_eq!(place.run(&["models", "show", "search", "--json"]).json()["search"], chosen);
    let shown = place.run(&["models", "show", "search"]).ok().out;
    let words = "  search   GridSearchCV, the best of 44\n    model__alpha ";
    assert!(shown.contains(words) && shown.contains("\n    select__k    "), "{shown}");
    let text = place.run(&["explain", "GridSearchCV"]).ok().out;
    assert!(text.contains("param_grid"), "{text}");
}

#[test]
fn candidates_that_fail_rank_last_and_all_failing_is_an_error() {
    let place = place();
    let run = place.run(&["run", "tests/golden/searches/failing.yaml", "--json"]).json();
    let results = run["search"]["results"].as_array().unwrap();
    let failed: Vec<_> = results.iter().filter(|result| result["mean"].is_null()).collect();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|result| result["rank"] == 3 && result["std"].is_null()));
    assert!(failed[0]["folds"].as_array().unwrap().iter().any(Value::is_null));
    let warnings = run["warnings"].as_array().unwrap();
    let told = warnings.iter().find(|warning| warning["code"] == "W0011").unwrap();
    let message = told["message"].as_str().unwrap();
    assert!(
        message.starts_with("2 of 4 candidates have no score and rank last; the first is model__C=0.1"),
        "{message}"
    );
    let only = "search.GridSearchCV.param_grid.preprocess__cat__onehotencoder__handle_unknown=[error]";
    place
        .run(&["run", "tests/golden/searches/failing.yaml", "-S", only])
        .fails(5, &["no candidate has a score; the first, model__C=0.1", "fold 1"]);
}

/// Large enough for threads: 12,000 rows, both paths, several column groups.
#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let place = Place::new();
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let mut table = "a,b,c,town,y\n".to_owned();
    for _ in 0..12_000 {
        let (a, b, c) = (next(), next() * 100.0, next() - 0.5);
        let town = ["Oslo", "Rome", "Bonn"][(next() * 3.0) as usize];
        let hole = if next() < 0.1 { String::new() } else { format!("{b:.3}") };
        table.push_str(&format!("{a:.5},{hole},{c:.5},{town},{:.5}\n", a - 0.01 * b + c * c + next()));
    }
    place.write("large.csv", table);
    place.write(
        "large.yaml",
        "version: 1\nname: large\nsource: {key: large, load_if_missing: large.csv}\ntarget: y\npreprocess:\n  \
         num: {columns: {type: number}, steps: [{SimpleImputer: {strategy: median}}, MinMaxScaler]}\n  \
         cat: {columns: {type: category}, steps: [OneHotEncoder]}\nselect: {SelectKBest: {score_func: f_regression}}\n\
         model: Ridge\ncv: 4\nsearch:\n  GridSearchCV:\n    param_grid:\n      \
         preprocess__num__minmaxscaler__clip: [false, true]\n      \
         preprocess__cat__onehotencoder__drop: [null, first]\n      select__k: [2, all]\n      \
         model__alpha: {logspace: [-1, 3, 4]}\n",
    );
    let plan = place.run(&["plan", "large.yaml", "--json"]).json();
    assert_eq!(plan["candidates"], json!({"two_pass": 16, "general": 16}));
    let outcomes: Vec<_> = ["1", "2", "8"]
        .iter()
        .map(|threads| {
            let run = place.run(&["run", "large.yaml", "--json", "--threads", threads]).json();
            (run["artifact"]["sha256"].clone(), run["search"].clone(), run["cv"]["scores"].clone())
        })
        .collect();
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
}
