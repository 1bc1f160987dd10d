//! The same file, data and seed give the same bytes: on any number of threads, any store, from any layout of the
//! table; and both paths give the same scores.

use crate::command::{Place, copy, on_both, repository, tell};
use serde_json::Value;
use std::collections::BTreeSet;

/// The digests of table and model, and the scores, of a run with these arguments.
fn outcome(place: &Place, arguments: &[&str]) -> (Value, Value, Value) {
    let run = place.run(&[&["run", "--json"], arguments].concat()).json();
    // What is on disk is what was digested.
    let path = place.path(run["artifact"]["path"].as_str().unwrap()).join("model.safetensors");
    let digest = pipefit::table::Digest::of(&std::fs::read(path).unwrap());
    assert_eq!(run["artifact"]["sha256"], digest.to_string());
    (run["data"]["sha256"].clone(), run["artifact"]["sha256"].clone(), run["cv"]["scores"].clone())
}

/// A CSV table without quotes as JSON columns, records and lines; what is no number there is a string.
fn layouts(csv: &str) -> [(&'static str, String); 4] {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let rows: Vec<_> = lines.collect();
    let cell = |cell: &str| match cell {
        "" | "NA" => "null".to_owned(),
        _ if cell.parse::<f64>().is_ok() => cell.to_owned(),
        _ => format!("\"{cell}\""),
    };
    let record = |row: &Vec<&str>| {
        let cells: Vec<_> =
            names.iter().zip(row).map(|(name, value)| format!("\"{name}\": {}", cell(value))).collect();
        format!("{{{}}}", cells.join(", "))
    };
    let records: Vec<_> = rows.iter().map(record).collect();
    let column = |j: usize| {
        let cells: Vec<_> = rows.iter().map(|row| cell(row[j])).collect();
        format!("\"{}\": [{}]", names[j], cells.join(", "))
    };
    let columns: Vec<_> = (0..names.len()).map(column).collect();
    [
        ("t.csv", csv.to_owned()),
        ("columns.json", format!("{{{}}}", columns.join(",\n"))),
        ("records.json", format!("[{}]", records.join(",\n"))),
        ("t.jsonl", records.join("\n")),
    ]
}

#[test]
fn one_digest_for_every_layout_store_and_number_of_threads() {
    for pipeline in ["diabetes", "iris", "penguins"] {
        let seen = std::sync::Mutex::new(Vec::new());
        on_both(|place| {
            copy(place, "pipelines");
            copy(place, "examples/data");
            let (file, key) = (format!("pipelines/{pipeline}.yaml"), format!("data:{pipeline}"));
            for (name, text) in layouts(&place.read(&format!("examples/data/{pipeline}.csv"))) {
                place.write(name, text);
                place.run(&["data", "put", &key, name]).ok();
                for threads in ["1", "2", "8"] {
                    let outcome = outcome(place, &[&file, "--threads", threads]);
                    seen.lock().unwrap().push((format!("{name} {threads} {}", place.store()), outcome));
                }
            }
        });
        let seen = seen.into_inner().unwrap();
        assert_eq!(seen.len(), 24);
        for (how, outcome) in &seen {
            assert_eq!(outcome, &seen[0].1, "{pipeline}: {how}, against {}", seen[0].0);
        }
    }
}

/// A table so large that threads are used: 60,000 rows of 19 numbers with holes and a category.
fn large() -> String {
    let mut state = 42u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let mut table = (0..19).map(|j| format!("x{j},")).collect::<String>() + "town,y,class\n";
    for _ in 0..60_000 {
        let x: [f64; 19] = std::array::from_fn(|j| next() * f64::from(1 << j.min(12)) + j as f64);
        let town = (next() * 5.0) as usize;
        let y = x[0] + 0.1 * x[3] - 0.01 * x[7] + town as f64 + next();
        for (j, value) in x.iter().enumerate() {
            let hole = j % 4 == 1 && next() < 0.05;
            table.push_str(&if hole { ",".to_owned() } else { format!("{value:.4},") });
        }
        table.push_str(&format!(
            "{},{y:.6},{}\n",
            ["Oslo", "Rome", "Bonn", "", "Cork"][town],
            u8::from(x[0] + next() > 1.0)
        ));
    }
    table
}

const LARGE: &str = "version: 1\nname: large\nseed: 7\nsource: {key: large, load_if_missing: large.csv}\ntarget: y\n\
    roles: {id: [class]}\npreprocess:\n  \
    num: {columns: {type: number}, steps: [{SimpleImputer: {strategy: median, add_indicator: true}}, StandardScaler]}\n  \
    cat: {columns: {type: category}, steps: [OneHotEncoder]}\n\
    model: {Ridge: {alpha: 2}}\ncv: {KFold: {n_splits: 4, shuffle: true}}\nscoring: [r2, neg_mean_absolute_error]\n";

#[test]
fn a_table_large_enough_for_threads_gives_the_same_bytes() {
    let place = Place::new();
    place.write("large.csv", large());
    place.write("two-pass.yaml", LARGE);
    let general = LARGE.replace("StandardScaler", "{MinMaxScaler: {clip: true}}");
    place.write("general.yaml", general);
    let class = LARGE
        .replace("target: y", "target: class")
        .replace("id: [class]", "id: [y]")
        .replace("{Ridge: {alpha: 2}}", "LogisticRegression")
        .replace("KFold: {n_splits: 4", "StratifiedKFold: {n_splits: 2")
        .replace("[r2, neg_mean_absolute_error]", "[roc_auc, neg_log_loss]")
        + "search: {GridSearchCV: {param_grid: {model__C: [0.1, 10]}}}\n";
    place.write("class.yaml", class);
    for (file, path) in
        [("two-pass.yaml", "two-pass"), ("general.yaml", "general"), ("class.yaml", "two-pass")]
    {
        assert_eq!(place.run(&["plan", file, "--json"]).json()["path"], path, "{file}");
        let outcomes: Vec<_> =
            ["1", "2", "8"].iter().map(|threads| outcome(&place, &[file, "--threads", threads])).collect();
        assert_eq!(outcomes[0], outcomes[1], "{file}: 1 and 2 threads");
        assert_eq!(outcomes[0], outcomes[2], "{file}: 1 and 8 threads");
        // Were one fold's rows another's, the seed would have no effect.
        let other = outcome(&place, &[file, "-S", "seed=8"]);
        assert!(other.0 == outcomes[0].0 && other.2 != outcomes[0].2, "{file}: the seed has no effect");
        let again = outcome(&place, &[file]);
        assert_eq!(again, outcomes[0], "{file}: another run");
    }
    let server = Place::with_server();
    server.write("large.csv", large());
    server.write("two-pass.yaml", LARGE);
    assert_eq!(outcome(&server, &["two-pass.yaml"]), outcome(&place, &["two-pass.yaml"]));
}

/// Few fits are evaluated for all rows as they lie, many for each fold's rows sorted out; nobody can tell from a score.
#[test]
fn a_candidate_scores_the_same_alone_and_among_many() {
    let place = Place::new();
    place.write("large.csv", large());
    let scores = |name: &str, numbers: &str| {
        let grid = format!(
            "search: {{GridSearchCV: {{param_grid: {{preprocess__num__standardscaler__with_mean: {numbers}, \
             preprocess__num__simpleimputer__strategy: {numbers_of}, model__fit_intercept: {numbers}}}}}}}\n",
            numbers_of = if numbers.contains("false") { "[median, mean, most_frequent]" } else { "[median]" },
        );
        place.write(name, format!("{}{grid}", LARGE.replace("add_indicator: true", "add_indicator: false")));
        let run = place.run(&["run", name, "--json"]).json();
        assert_eq!(run["plan"]["path"], "two-pass");
        run["search"]["results"].as_array().unwrap().clone()
    };
    let (one, many) = (scores("one.yaml", "[true]"), scores("many.yaml", "[true, false]"));
    assert_eq!((one.len(), many.len()), (1, 12));
    let same = many.iter().find(|candidate| candidate["params"] == one[0]["params"]).unwrap();
    assert_eq!(same["folds"], one[0]["folds"]);
}

/// No time, run, version, host, path, store or thread count is in the artifact.
#[test]
fn another_day_place_and_name_of_the_file_give_the_same_bytes() {
    let digests: BTreeSet<String> = ["one", "two/deep"]
        .iter()
        .map(|folder| {
            let place = Place::new().at(&format!("dir:{folder}/store"));
            copy(&place, "pipelines");
            copy(&place, "examples/data");
            place.write("pipelines/other.yaml", place.read("pipelines/diabetes.yaml"));
            let file = if *folder == "one" { "pipelines/diabetes.yaml" } else { "pipelines/other.yaml" };
            for _ in 0..folder.len() - 2 {
                place.run(&["run", file]).ok();
            }
            outcome(&place, &[file]).1.to_string()
        })
        .collect();
    assert_eq!(digests.len(), 1);
}

/// Both paths, on every golden pipeline that the two-pass path can run.
#[test]
fn both_paths_give_the_same_scores() {
    let place = Place::new();
    for folder in ["tests/golden/pipelines", "tests/golden/data", "examples/data"] {
        copy(&place, folder);
    }
    let (mut eligible, mut scores) = (0, 0);
    let mut files: Vec<_> = std::fs::read_dir(repository("tests/golden/pipelines"))
        .unwrap()
        .map(|entry| format!("tests/golden/pipelines/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    files.sort();
    let mut worst = (0.0, String::new());
    for file in &files {
        if place.run(&["plan", file, "--format", "json"]).json()["path"] != "two-pass" {
            continue;
        }
        eligible += 1;
        let run = place.run(&["run", file, "--json"]).json();
        let general = place.run(&["run", file, "--json", "--path", "general"]).json();
        assert_eq!((&run["plan"]["path"], &general["plan"]["path"]), (&"two-pass".into(), &"general".into()));
        assert_eq!(run["model"]["features"], general["model"]["features"], "{file}");
        for (metric, scored) in run["cv"]["scores"].as_object().into_iter().flatten() {
            let folds = |scores: &Value| -> Vec<f64> {
                scores["folds"].as_array().unwrap().iter().map(|score| score.as_f64().unwrap()).collect()
            };
            let (a, b) = (folds(scored), folds(&general["cv"]["scores"][metric]));
            assert_eq!(a.len(), b.len());
            for (a, b) in a.iter().zip(&b) {
                scores += 1;
                let apart = (a - b).abs() / a.abs().max(b.abs()).max(1.0);
                if apart > worst.0 {
                    worst = (apart, format!("{file} {metric}: {a} and {b}"));
                }
                assert!(apart <= 1e-9, "{file}, {metric}: two-pass {a}, general {b}");
            }
        }
    }
    tell(&format!(
        "{eligible} of {} golden pipelines take both paths, {scores} scores; worst {worst:?}",
        files.len()
    ));
    assert!(eligible >= 20, "only {eligible} pipelines take the two-pass path");
}
