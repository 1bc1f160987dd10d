//! Every command as a process: what it answers.

use crate::command::{PIPEFIT, Place, Ran, copy, need, on_both, repository, tell};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;

/// A place with the shipped pipelines and their data.
pub fn shipped(place: &Place) {
    copy(place, "pipelines");
    copy(place, "examples/data");
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().map(String::as_str).collect()
}

/// Whether all of `wanted` are in `found`, in this order.
fn in_order(found: &[&str], wanted: &[&str]) -> bool {
    let mut found = found.iter();
    wanted.iter().all(|wanted| found.any(|found| found == wanted))
}

#[test]
fn run_prints_a_summary_or_the_object_of_the_contract() {
    on_both(|place| {
        shipped(place);
        let ran = place.run(&["run", "pipelines/diabetes.yaml"]).ok();
        assert!(ran.err.is_empty(), "{ran}");
        for word in ["diabetes", "442 rows", "LinearRegression", "r2: 0.4823", "version 1", "report.html"] {
            assert!(ran.out.contains(word), "{word}: {ran}");
        }
        let ran = place.run(&["run", "pipelines/diabetes.yaml", "--json"]).ok();
        assert!(ran.err.is_empty(), "{ran}");
        let run = ran.object();
        let wanted = [
            "schema", "run", "pipeline", "status", "data", "cv", "search", "model", "test", "artifact",
            "reports", "plan", "warnings", "timing_s", "threads",
        ];
        assert!(in_order(&keys(&run), &wanted), "{:?}", keys(&run));
        assert_eq!(run["schema"], "pipefit.run/1");
        assert_eq!((&run["pipeline"], &run["status"]), (&json!("diabetes"), &json!("ok")));
        assert_eq!(keys(&run["data"]), ["rows", "columns", "features", "target", "sha256"]);
        assert_eq!((&run["data"]["rows"], &run["data"]["columns"]), (&json!(442), &json!(11)));
        assert_eq!(run["data"]["features"].as_array().unwrap().len(), 10);
        assert_eq!(run["data"]["target"], "target");
        assert_eq!(keys(&run["cv"]), ["splitter", "n_splits", "folds", "scores"]);
        assert_eq!((&run["cv"]["splitter"], &run["cv"]["n_splits"]), (&json!("KFold"), &json!(5)));
        assert_eq!(run["cv"]["folds"][0], json!({"train": 353, "test": 89}));
        assert_eq!(keys(&run["cv"]["scores"]), ["r2"]);
        assert_eq!(keys(&run["cv"]["scores"]["r2"]), ["folds", "mean", "std"]);
        assert_eq!((&run["search"], &run["test"]), (&Value::Null, &Value::Null));
        let model = &run["model"];
        assert!(in_order(&keys(model), &["class", "features", "coef", "intercept", "classes"]), "{model}");
        assert_eq!((&model["class"], &model["classes"]), (&json!("LinearRegression"), &Value::Null));
        assert_eq!(model["coef"].as_array().unwrap().len(), 10);
        assert!((model["intercept"].as_f64().unwrap() - 152.13348416289594).abs() < 1e-9);
        assert_eq!(keys(&run["artifact"]), ["name", "version", "sha256", "path"]);
        assert_eq!((&run["artifact"]["name"], &run["artifact"]["version"]), (&json!("diabetes"), &json!(2)));
        assert_eq!(keys(&run["reports"]), ["html", "md", "json"]);
        assert_eq!(keys(&run["plan"])[0], "path");
        assert_eq!(run["plan"]["path"], "two-pass");
        assert_eq!(run["warnings"], json!([]));
        assert_eq!(keys(&run["timing_s"]), ["read", "search", "cv", "refit", "publish", "total"]);
        assert!(run["timing_s"].as_object().unwrap().values().all(Value::is_number));
        assert!(run["threads"].as_u64() > Some(0));
        // What is said to be on disk is there, and is what was published.
        let folder = place.path(run["artifact"]["path"].as_str().unwrap());
        assert!(folder.ends_with("artifacts/diabetes/2"), "{}", folder.display());
        for report in run["reports"].as_object().unwrap().values() {
            assert!(place.path(report.as_str().unwrap()).is_file(), "{report}");
        }
        let summed = Command::new("sha256sum").arg(folder.join("model.safetensors")).output().unwrap();
        let sum = String::from_utf8(summed.stdout).unwrap();
        assert!(sum.starts_with(run["artifact"]["sha256"].as_str().unwrap()), "{sum}");
        assert!(place.path("pipelines/diabetes.yaml.lock").is_file());
        // The run is on record, as it was printed but for times that were not over yet.
        let id = run["run"].as_str().unwrap();
        let mut record = place.run(&["runs", "show", id, "--json"]).json();
        record["timing_s"] = run["timing_s"].clone();
        assert_eq!(record, run);
    });
}

#[test]
fn several_files_are_an_array_and_the_first_failure_is_the_exit_code() {
    on_both(|place| {
        shipped(place);
        let all = ["pipelines/diabetes.yaml", "pipelines/iris.yaml", "pipelines/penguins.yaml"];
        let runs = place.run(&["run", "--json", all[0], all[1], all[2]]).json();
        let names: Vec<_> = runs.as_array().unwrap().iter().map(|run| &run["pipeline"]).collect();
        assert_eq!(names, ["diabetes", "iris", "penguins"]);
        assert_eq!(runs[1]["model"]["classes"], json!(["setosa", "versicolor", "virginica"]));
        assert_eq!(runs[1]["model"]["coef"].as_array().unwrap().len(), 3);
        assert_eq!(runs[1]["model"]["intercept"].as_array().unwrap().len(), 3);
        assert_eq!(keys(&runs[1]["cv"]["scores"]), ["accuracy", "neg_log_loss"]);

        place.write("broken.yaml", "version: 1\nname: broken\nmodl: Ridge\n");
        let ran = place.run(&["run", "--json", all[0], "broken.yaml", "absent.yaml", all[1]]);
        assert_eq!(ran.code, Some(3), "{ran}");
        let runs = ran.object();
        let status = |i: usize| runs[i]["status"].as_str().unwrap();
        assert_eq!([0, 1, 2, 3].map(status), ["ok", "error", "error", "ok"]);
        assert_eq!((&runs[1]["schema"], &runs[1]["exit_code"]), (&json!("pipefit.error/1"), &json!(3)));
        assert_eq!(runs[2]["exit_code"], 2);
        for key in ["code", "message", "help", "file", "line", "column"] {
            assert!(runs[1]["diagnostics"][0].get(key).is_some(), "{key}: {}", runs[1]);
        }
        assert_eq!(place.versions("diabetes"), [1, 2]);
        assert_eq!(place.versions("iris"), [1, 2]);
    });
}

#[test]
fn check_lists_every_problem_with_its_place() {
    let place = Place::new();
    shipped(&place);
    let files = ["pipelines/diabetes.yaml", "pipelines/iris.yaml", "pipelines/penguins.yaml"];
    let ran = place.run(&["check", files[0], files[1], files[2]]).ok();
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), files.map(|file| format!("{file}: ok")));
    assert_eq!(ran.err, "");
    place.write(
        "broken.yaml",
        "version: 1\nname: broken\nsource: {key: \"data:x\"}\ntarget: y\npreprocess:\n  - StandardScalar\n\
         model: {Ridge: {alhpa: 2}}\ncv: {KFold: {n_splits: one}}\nscoring: [r3]\n",
    );
    let said = [
        "broken.yaml:6:5",
        "StandardScaler",
        "broken.yaml:7:17",
        "alpha",
        "broken.yaml:8:",
        "broken.yaml:9:",
        "^^^^^^",
        "help:",
    ];
    let ran = place.run(&["check", "broken.yaml"]).fails(3, &said);
    assert_eq!(ran.err.matches("error[").count(), 4, "{ran}");
    let ran = place.run(&["check", "broken.yaml", files[0], "--json"]);
    assert_eq!(ran.code, Some(3));
    let problems = ran.object();
    assert_eq!(problems["schema"], "pipefit.error/1");
    let lines: Vec<_> =
        problems["diagnostics"].as_array().unwrap().iter().map(|problem| &problem["line"]).collect();
    assert_eq!(lines, [6, 7, 8, 9]);
    // One good file does not make the others good.
    place.run(&["check", "absent.yaml"]).fails(2, &["absent.yaml"]);
    assert!(!place.path("store").exists() && !place.path("artifacts").exists());
}

#[test]
fn check_opens_nothing_but_the_file() {
    need("strace");
    let place = Place::new();
    shipped(&place);
    for file in ["pipelines/diabetes.yaml", "pipelines/penguins.yaml"] {
        let watched = ["-f", "-e", "trace=openat,open,connect", "-o", "opened", PIPEFIT, "check", file];
        let output = place.through("strace", &watched).output().unwrap();
        Ran::of(&watched, output).ok();
        let opened = place.read("opened");
        let paths: Vec<&str> = opened
            .lines()
            .filter(|line| line.contains("open") && line.contains('"'))
            .map(|line| line.split('"').nth(1).unwrap())
            .filter(|path| {
                !["/lib", "/usr/lib", "/etc/ld.so", "/proc/", "/sys/"].iter().any(|s| path.starts_with(s))
            })
            .collect();
        assert_eq!(paths, [file], "{opened}");
        assert!(!opened.contains("connect("), "{opened}");
    }
    let started = Instant::now();
    for _ in 0..10 {
        place.run(&["check", "pipelines/penguins.yaml"]).ok();
    }
    tell(&format!("check as a process: {:?}", started.elapsed() / 10));
}

#[test]
fn plan_has_four_forms_and_leaves_no_version() {
    on_both(|place| {
        shipped(place);
        let file = "pipelines/penguins.yaml";
        let text = place.run(&["plan", file]).ok().out;
        for word in [
            "344 rows",
            "two-pass",
            "in every iteration",
            "StratifiedKFold",
            "num",
            "SimpleImputer",
            "OneHotEncoder",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
        let plan = place.run(&["plan", file, "--format", "json"]).json();
        assert_eq!((&plan["schema"], &plan["pipeline"]), (&json!("pipefit.plan/1"), &json!("penguins")));
        assert_eq!(plan["folds"].as_array().unwrap().len(), 5);
        assert_eq!(plan, place.run(&["plan", file, "--json"]).json());
        let dot = place.run(&["plan", file, "--format", "dot"]).ok().out;
        assert!(dot.starts_with("digraph") && dot.contains("OneHotEncoder"), "{dot}");
        let mermaid = place.run(&["plan", file, "--format", "mermaid"]).ok().out;
        assert!(mermaid.starts_with("flowchart") && mermaid.contains("OneHotEncoder"), "{mermaid}");
        assert_eq!(place.models(), json!([]));
        place.run(&["plan", file, "--format", "svg"]).fails(2, &["svg", "mermaid"]);
    });
}

#[test]
fn data_goes_in_and_out() {
    on_both(|place| {
        shipped(place);
        let csv = place.read("examples/data/iris.csv");
        let put = place.run(&["data", "put", "data:iris", "examples/data/iris.csv"]).ok();
        assert!(put.out.is_empty() && put.err.contains("150 rows"), "{put}");
        place.write("rows.jsonl", "{\"a\": 1}\n{\"a\": null}\n");
        let put = place.run(&["data", "put", "rows", "rows.jsonl", "--json"]).json();
        assert_eq!((&put["key"], &put["rows"], &put["columns"]), (&json!("rows"), &json!(2), &json!(1)));

        let listed = place.run(&["data", "ls"]).ok();
        assert_eq!(listed.out.lines().count(), 2, "{listed}");
        let listed = place.run(&["data", "ls", "--json"]).json();
        assert_eq!(listed["keys"][0], json!({"key": "data:iris", "kind": "string", "bytes": csv.len()}));

        let shown = place.run(&["data", "show", "data:iris"]).ok().out;
        assert!(shown.contains("CSV, 150 rows, 5 columns") && shown.contains("species"), "{shown}");
        let shown = place.run(&["data", "show", "data:iris", "--json"]).json();
        assert_eq!(shown["columns"][4]["type"], "category");
        let levels: Vec<_> = shown["columns"][4]["levels"].as_array().unwrap().to_vec();
        assert_eq!(levels[0], json!({"label": "setosa", "count": 50}));

        place.run(&["data", "get", "data:iris", "out.csv"]).ok();
        assert_eq!(place.read("out.csv"), csv, "the bytes of the same format changed");
        let printed = place.run(&["data", "get", "data:iris", "-"]).ok();
        assert_eq!((printed.out, printed.err), (csv, String::new()));
        // Through every format and back it is the same table.
        let digest = shown["sha256"].clone();
        for name in ["t.json", "t.jsonl", "t.tsv", "t.csv"] {
            place.run(&["data", "get", "data:iris", name]).ok();
            place.run(&["data", "put", "copy", name]).ok();
            let shown = place.run(&["data", "show", "copy", "--json"]).json();
            assert_eq!(shown["sha256"], digest, "{name}");
        }
        place.run(&["data", "rm", "rows"]).ok().says(&["rows"]);
        assert_eq!(place.run(&["data", "rm", "copy", "--json"]).json()["removed"], true);
        place.run(&["data", "rm", "rows"]).fails(4, &["rows"]);
        place.run(&["data", "show", "data:irs"]).fails(4, &["data:irs", "did you mean `data:iris`"]);
        place.run(&["data", "get", "absent", "x.csv"]).fails(4, &["absent"]);
        place.run(&["data", "put", "x", "absent.csv"]).fails(4, &["absent.csv"]);
        assert!(!place.path("x.csv").exists());
    });
}

#[test]
fn predict_reads_and_writes_every_kind_of_place() {
    on_both(|place| {
        shipped(place);
        place.run(&["run", "pipelines/iris.yaml"]).ok();
        let rows =
            "petal_width,extra,sepal_length,petal_length,sepal_width\n0.2,a,5.1,1.4,3.5\n2.3,b,6.9,5.1,3.1\n";
        place.write("rows.csv", rows);
        let predicted =
            place.run(&["predict", "iris", "--input", "rows.csv", "--proba", "--keep", "extra"]).ok();
        let lines: Vec<_> = predicted.out.lines().collect();
        assert_eq!(lines[0], "prediction,proba_setosa,proba_versicolor,proba_virginica,extra");
        assert!(lines[1].starts_with("setosa,0.9") && lines[1].ends_with(",a"), "{predicted}");
        assert!(lines[2].starts_with("virginica,") && lines[2].ends_with(",b"), "{predicted}");
        assert_eq!(lines.len(), 3);
        let sum: f64 = lines[2].split(',').skip(1).take(3).map(|p| p.parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-12);

        let plain = place.run(&["predict", "iris", "--input", "rows.csv"]).ok();
        assert_eq!(plain.out, "prediction\nsetosa\nvirginica\n");
        assert!(plain.err.contains("extra") && plain.err.starts_with("warning"), "{plain}");
        // stdin, a key, a key by force, a version, an alias: all the same.
        for (model, input) in
            [("iris:1", "-"), ("iris@latest", "rows"), ("iris", "key:rows"), ("iris", "file:rows.csv")]
        {
            place.run(&["data", "put", "rows", "rows.csv"]).ok();
            let ran = place.run_with_input(&["predict", model, "--input", input], rows).ok();
            assert_eq!(ran.out, plain.out, "{model} {input}");
        }
        for (output, expected) in [
            ("out.csv", "prediction\nsetosa\nvirginica\n"),
            ("out.json", "{\"prediction\":[\"setosa\",\"virginica\"]}"),
        ] {
            let ran = place.run(&["predict", "iris", "--input", "rows.csv", "--output", output]).ok();
            assert_eq!(ran.out, "", "{ran}");
            let written: String = place.read(output).chars().filter(|c| *c != ' ').collect();
            assert_eq!(written.trim_end(), expected.trim_end(), "{output}");
        }
        place.run(&["predict", "iris", "--input", "rows.csv", "--output", "answers"]).ok();
        let shown = place.run(&["data", "get", "answers", "-"]).ok();
        assert_eq!(shown.out, plain.out);
        let object = place.run(&["predict", "iris", "--input", "rows.csv", "--json"]).json();
        assert_eq!((&object["rows"], &object["model"]["version"]), (&json!(2), &json!(1)));
        assert_eq!(object["predictions"]["prediction"], json!(["setosa", "virginica"]));

        place
            .run(&["predict", "iris", "--input", "rows.csv", "--output", "no/x.csv"])
            .fails(6, &["`no/x.csv`", "`no`"]);
        place.write("less.csv", "petal_width,sepal_length,sepal_width\n1,1,1\n");
        place.run(&["predict", "iris", "--input", "less.csv"]).fails(4, &["petal_length"]);
        place.run(&["predict", "iris", "--input", "absent.csv"]).fails(4, &["absent.csv"]);
        place.run(&["predict", "iris", "--input", "absent"]).fails(4, &["absent"]);
        place.run(&["predict", "irs", "--input", "rows.csv"]).fails(4, &["irs", "`iris`"]);
        place.run(&["predict", "iris:9", "--input", "rows.csv"]).fails(4, &["9"]);
        place.run(&["predict", "iris@champion", "--input", "rows.csv"]).fails(4, &["champion"]);
        place.run(&["predict", "iris", "--input", "rows.csv", "--keep", "absent"]).fails(4, &["absent"]);
        place.write("words.csv", rows.replace("5.1,1.4", "long,1.4"));
        place.run(&["predict", "iris", "--input", "words.csv"]).fails(4, &["sepal_length", "long", "row 1"]);
        place.run_with_input(&["predict", "iris", "--input", "-"], "").fails(4, &[]);
    });
}

#[test]
fn a_regression_predicts_what_its_scores_promise() {
    let place = Place::new();
    shipped(&place);
    let run = place.run(&["run", "pipelines/diabetes.yaml", "--json"]).json();
    let ran =
        place.run(&["predict", "diabetes", "--input", "examples/data/diabetes.csv", "--keep", "target"]).ok();
    let mut lines = ran.out.lines();
    assert_eq!(lines.next(), Some("prediction,target"));
    let pairs: Vec<(f64, f64)> = lines
        .map(|line| line.split_once(',').unwrap())
        .map(|(p, y)| (p.parse().unwrap(), y.parse().unwrap()))
        .collect();
    assert_eq!(pairs.len(), 442);
    let mean = pairs.iter().map(|(_, y)| y).sum::<f64>() / 442.0;
    // Least squares with an intercept: the mean is met, and it is the model's intercept, since features are centred.
    let predicted = pairs.iter().map(|(p, _)| p).sum::<f64>() / 442.0;
    assert!((predicted - mean).abs() < 1e-10, "{predicted} {mean}");
    assert!((run["model"]["intercept"].as_f64().unwrap() - mean).abs() < 1e-10);
    place.run(&["predict", "diabetes", "--input", "data:diabetes", "--proba"]).fails(2, &["--proba"]);
}

#[test]
fn models_and_runs_are_listed_shown_and_verified() {
    on_both(|place| {
        shipped(place);
        assert_eq!(place.run(&["models", "ls"]).ok().out, "");
        assert_eq!(place.run(&["runs", "ls", "--json"]).json()["runs"], json!([]));
        for _ in 0..2 {
            place.run(&["run", "pipelines/diabetes.yaml", "pipelines/iris.yaml"]).ok();
        }
        let listed = place.run(&["models", "ls"]).ok().out;
        assert!(listed.lines().count() == 2 && listed.contains("diabetes") && listed.contains("2 versions"));
        assert_eq!(place.versions("diabetes"), [1, 2]);
        assert_eq!(place.models()[0]["aliases"], json!({"latest": 2}));

        let shown = place.run(&["models", "show", "iris:1"]).ok().out;
        for word in ["iris version 1", "LogisticRegression", "petal_length", "latest 2", "accuracy"] {
            assert!(shown.contains(word), "{word}: {shown}");
        }
        let shown = place.run(&["models", "show", "diabetes", "--json"]).json();
        assert_eq!((&shown["name"], &shown["class"]), (&json!("diabetes"), &json!("LinearRegression")));
        assert_eq!(shown["versions"], json!([1, 2]));
        assert_eq!(shown["facts"]["rank"], json!(10));
        assert!(place.run(&["models", "show", "diabetes"]).ok().out.contains("    rank      10\n"));

        let verified = place.run(&["models", "verify", "diabetes"]).ok().out;
        assert!(verified.contains("2 versions") && verified.contains("whole"), "{verified}");
        let verified = place.run(&["models", "verify", "iris:2", "--json"]).json();
        assert_eq!((&verified["status"], &verified["name"]), (&json!("ok"), &json!("iris")));

        let runs = place.run(&["runs", "ls", "--json"]).json();
        let ids: Vec<_> =
            runs["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
        assert!(ids.len() == 4 && ids.windows(2).all(|pair| pair[0] > pair[1]), "{ids:?}");
        let listed = place.run(&["runs", "ls"]).ok().out;
        assert!(listed.lines().zip(&ids).all(|(line, id)| line.starts_with(id)), "{listed}");
        let shown = place.run(&["runs", "show", ids[3]]).ok().out;
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["artifact"]["version"], 1);

        for command in
            [["models", "show", "absent"], ["models", "verify", "absent"], ["runs", "show", "absent"]]
        {
            place.run(&command).fails(4, &["absent"]);
        }
        place.run(&["models", "show", "diabetes:9"]).fails(4, &["9"]);
        place.run(&["models", "show", "../x"]).fails(4, &["../x"]);
    });
}

#[test]
fn every_shipped_pipeline_gives_the_scores_that_it_promises() {
    let goldens = [("diabetes", "diabetes-ols"), ("iris", "iris-logistic"), ("penguins", "penguins")];
    let found: Vec<_> = std::fs::read_dir(repository("pipelines"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    // The search's are compared in `searches`.
    assert_eq!(found.len(), goldens.len() + 1, "a pipeline without promised scores: {found:?}");
    on_both(|place| {
        shipped(place);
        for (pipeline, golden) in goldens {
            let file = format!("pipelines/{pipeline}.yaml");
            place.run(&["check", &file]).ok();
            let run = place.run(&["run", &file, "--json"]).json();
            let golden = std::fs::read(repository(&format!("tests/golden/expected/{golden}.json"))).unwrap();
            let golden: Value = serde_json::from_slice(&golden).unwrap();
            for (metric, scores) in run["cv"]["scores"].as_object().unwrap() {
                let promised = golden["scores"][metric].as_array().unwrap();
                let scores = scores["folds"].as_array().unwrap();
                assert_eq!(scores.len(), promised.len());
                for (score, promised) in scores.iter().zip(promised) {
                    let (score, promised) = (score.as_f64().unwrap(), promised.as_f64().unwrap());
                    assert!(
                        (score - promised).abs() <= 1e-9,
                        "{pipeline}, {metric}: {score}, not {promised}"
                    );
                }
            }
        }
    });
}

#[test]
fn list_and_explain_tell_of_every_component_and_code() {
    let place = Place::new();
    let mut parameters = 0;
    for what in ["steps", "models", "splitters", "searches", "metrics"] {
        let text = place.run(&["list", what]).ok().out;
        let list = place.run(&["list", what, "--json"]).json();
        let items = list["items"].as_array().unwrap();
        assert_eq!(text.lines().count(), items.len());
        for item in items {
            let name = item["name"].as_str().unwrap();
            assert!(item["summary"].as_str().unwrap().trim_end().ends_with('.'), "{item}");
            let text = place.run(&["explain", name]).ok().out;
            assert!(text.starts_with(&format!("{name} (")), "{text}");
            let explained = place.run(&["explain", name, "--json"]).json();
            assert_eq!(explained["name"], *name);
            for parameter in explained["parameters"].as_array().into_iter().flatten() {
                parameters += 1;
                let text = |key: &str| parameter[key].as_str().unwrap_or_default();
                assert!(!text("name").is_empty() && !text("type").is_empty(), "{name}: {parameter}");
                assert!(!text("default").is_empty(), "{name}: no default in {parameter}");
                let sentence = text("summary").trim();
                assert!(sentence.len() > 10 && sentence.ends_with('.'), "{name}: no sentence in {parameter}");
                assert!(parameter["bound"].is_string(), "{name}: {parameter}");
            }
        }
    }
    assert!(parameters > 40, "only {parameters} parameters");
    for code in pipefit::diag::Code::ALL {
        let text = place.run(&["explain", code.id()]).ok().out;
        assert!(text.starts_with(code.id()) && text.contains(code.title()), "{text}");
        let explained = place.run(&["explain", &code.id().to_lowercase(), "--json"]).json();
        assert_eq!(explained["exit_code"], code.exit_code());
    }
    place.run(&["explain", "Ridg"]).fails(2, &["did you mean `Ridge`"]);
    place.run(&["list", "things"]).fails(2, &["things", "models"]);
}
