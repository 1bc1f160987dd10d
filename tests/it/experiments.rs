//! Runs that are chosen, sorted, exported, compared and repeated.

use serde_json::{Value, json};

use crate::command::{Place, on_both};

fn table(rows: usize) -> String {
    let row = |i: usize| format!("{},{},{}\n", i * 7 % 13, i * i % 5, (3 * i % 17) * (i % 4));
    "a,b,y\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

const FILE: &str = "version: 1
name: demand
source: {key: \"data:t\", load_if_missing: t.csv}
target: y
preprocess: [StandardScaler]
model: {Ridge: {alpha: 1}}
cv: 4
scoring: [r2, neg_mean_absolute_error]
";

fn with_files(place: &Place) {
    place.write("t.csv", table(60));
    place.write("p.yaml", FILE);
}

fn ids(object: &Value) -> Vec<&str> {
    object["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect()
}

#[test]
fn runs_are_chosen_sorted_and_written_down() {
    on_both(|place| {
        with_files(place);
        place.write(
            "q.yaml",
            FILE.replace("name: demand", "name: other")
                .replace("[r2, neg", "[r2, neg_mean_squared_error, neg"),
        );
        let swept = place.run(&["run", "p.yaml", "--json", "-S", "model.Ridge.alpha=0.1,1000,10"]).json();
        let swept: Vec<&str> =
            swept.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
        let other = place.run(&["run", "q.yaml", "--json"]).json();
        let all = place.run(&["runs", "ls", "--json"]).json();
        assert_eq!(ids(&all), [other["run"].as_str().unwrap(), swept[2], swept[1], swept[0]]);
        // By a metric, the best first; what has none of it last.
        let sorted =
            place.run(&["runs", "ls", "--json", "--sort", "r2", "--where", "pipeline == 'demand'"]).json();
        let means: Vec<f64> = sorted["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["cv"]["scores"]["r2"]["mean"].as_f64().unwrap())
            .collect();
        assert!(means.len() == 3 && means.windows(2).all(|pair| pair[0] >= pair[1]), "{means:?}");
        let sorted =
            place.run(&["runs", "ls", "--json", "--sort", "neg_mean_squared_error", "--limit", "1"]).json();
        assert_eq!(ids(&sorted), [other["run"].as_str().unwrap()]);
        let some = place
            .run(&[
                "runs",
                "ls",
                "--json",
                "--where",
                "neg_mean_squared_error.isnull() and started >= '2020-01-01'",
            ])
            .json();
        assert_eq!(ids(&some), [swept[2], swept[1], swept[0]]);

        place
            .run(&["runs", "ls", "--output", "runs.csv", "--where", "artifact == 'demand'", "--sort", "r2"])
            .ok();
        let csv = place.read("runs.csv");
        let header = "run,started,pipeline,variant,model,artifact,version,rows,columns,data,path,total_s,neg_mean_absolute_error,r2";
        assert_eq!(csv.lines().next(), Some(header));
        assert!(csv.lines().count() == 4 && csv.contains("\"{\"\"model.Ridge.alpha\"\":1000}\""), "{csv}");
        place.run(&["runs", "ls", "--output", "runs.parquet"]).ok();
        place.run(&["data", "put", "runs", "runs.parquet"]).ok();
        assert!(place.run(&["data", "show", "runs"]).ok().out.contains("neg_mean_squared_error"));

        place
            .run(&["runs", "ls", "--sort", "r22"])
            .fails(2, &["`--sort r22` names no column", "did you mean `r2`?"]);
        place.run(&["runs", "ls", "--where", "r2 >"]).fails(3, &["--where:1:"]);
        place.run(&["runs", "ls", "--where", "r3 > 0"]).fails(4, &["`r3`", "--where:1:1"]);
    });
}

#[test]
fn two_runs_are_compared_part_by_part() {
    let place = Place::new();
    with_files(&place);
    place.run(&["run", "p.yaml"]).ok();
    place.run(&["run", "p.yaml"]).ok();
    let same = place.run(&["runs", "diff", "demand:1", "demand:2", "--json"]).json();
    assert_eq!((&same["same"], &same["file"]), (&json!(true), &json!([])));
    assert_eq!(same["scores"][0]["difference"], json!(0.0));

    place.write(
        "p.yaml",
        FILE.replace("alpha: 1", "alpha: 200, tol: 0.01").replace("[StandardScaler]", "[MinMaxScaler]"),
    );
    place.run(&["run", "p.yaml"]).ok();
    let differs = place.run(&["runs", "diff", "demand:2", "demand@latest", "--json"]).json();
    assert_eq!(
        differs["file"],
        json!([
            {"key": "preprocess[0].StandardScaler", "a": {}, "b": null},
            {"key": "model.Ridge.alpha", "a": 1, "b": 200},
            {"key": "preprocess[0].MinMaxScaler", "a": null, "b": {}},
            {"key": "model.Ridge.tol", "a": null, "b": 0.01},
        ])
    );
    for (part, same) in [("data", true), ("folds", true), ("tool", true), ("artifact", false)] {
        assert_eq!(differs[part]["same"], json!(same), "{part}");
    }
    // The figures of SciPy: see the goldens of the gate. Here: of the very folds.
    let runs = ["demand:2", "demand:3"].map(|run| place.run(&["runs", "show", run, "--json"]).json());
    let folds = runs.each_ref().map(|run| -> Vec<f64> {
        run["cv"]["scores"]["r2"]["folds"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    });
    let mean = folds[1].iter().zip(&folds[0]).map(|(b, a)| b - a).sum::<f64>() / 4.0;
    let paired = &differs["scores"][0]["paired"];
    assert!((paired["mean"].as_f64().unwrap() - mean).abs() < 1e-15, "{paired}");
    assert!((0.0..=1.0).contains(&paired["p_value"].as_f64().unwrap()), "{paired}");

    // Other rows: nothing is paired, and what differs is said.
    place.write("more.csv", table(61));
    place.run(&["data", "put", "data:t", "more.csv"]).ok();
    place.run(&["run", "p.yaml"]).ok();
    let told = place.run(&["runs", "diff", "demand:3", "demand:4"]).ok().out;
    for words in [
        "file      same",
        "data      differs: rows 60, columns 3 -> rows 61, columns 3",
        "folds     differs",
        "r2 ",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    assert!(!told.contains("interval"), "{told}");
    let markdown = place.run(&["runs", "diff", "demand:2", "demand:3", "--md"]).ok().out;
    for words in [
        "| `model.Ridge.alpha` | `1` | `200` |",
        "Same: data, folds, tool.",
        "| metric | a | b | difference |",
        "95 % interval",
    ] {
        assert!(markdown.contains(words), "{words}\n{markdown}");
    }
    place.run(&["runs", "diff", "demand:1", "demnad:2"]).fails(4, &["demnad"]);
}

#[test]
fn a_lock_is_verified_and_the_first_difference_is_named() {
    on_both(|place| {
        with_files(place);
        place.run(&["run", "p.yaml"]).ok();
        let lock = place.read("p.yaml.lock");
        assert_eq!(place.run(&["runs", "verify", "p.yaml.lock"]).ok().out, "p.yaml.lock: the same again\n");
        let verified = place.run(&["runs", "verify", "p.yaml.lock", "--json"]).json();
        assert_eq!(verified["status"], "ok");
        // Nothing was published, and the lock is what it was.
        assert_eq!(place.versions("demand"), [1]);
        assert_eq!(place.read("p.yaml.lock"), lock);

        place.run(&["runs", "verify", "p.yaml"]).fails(2, &["`p.yaml` is no lock"]);
        place.run(&["runs", "verify", "no.yaml.lock"]).fails(2, &["no.yaml"]);
        let digest = |part: &str| {
            let from = lock.find(part).unwrap();
            let at = from + lock[from..].find("sha256: ").unwrap() + 8;
            lock[at..at + 64].to_owned()
        };
        let zeros = "0".repeat(64);
        for (from, to, said) in [
            (digest("source:\n  key"), zeros.clone(), "the source"),
            (digest("folds:"), zeros.clone(), "the folds"),
            ("seed: 0\ntool".to_owned(), "seed: 1\ntool".to_owned(), "the seed: 0, locked 1"),
            (
                "alpha: 1".to_owned(),
                "alpha: 2".to_owned(),
                "the pipeline file: `model.Ridge.alpha` is 1, locked 2",
            ),
            ("  r2:\n  - ".to_owned(), "  r2:\n  - 1.5\n  - ".to_owned(), "the scores of `r2`"),
            (digest("artifact:\n  name"), zeros.clone(), "the artifact"),
        ] {
            assert!(lock.contains(&from), "{from}\n{lock}");
            let at = lock.rfind(&from).filter(|_| said != "the source").or(lock.find(&from)).unwrap();
            let tampered = format!("{}{to}{}", &lock[..at], &lock[at + from.len()..]);
            place.write("p.yaml.lock", tampered);
            place.run(&["runs", "verify", "p.yaml.lock"]).fails(7, &[said]);
        }
        place.write("p.yaml.lock", &lock);
        place.write("more.csv", table(61));
        place.run(&["data", "put", "data:t", "more.csv"]).ok();
        place.run(&["runs", "verify", "p.yaml.lock"]).fails(7, &["the source"]);
        assert_eq!(place.versions("demand"), [1]);
    });
}
