//! One file, several pipelines: `matrix`, and several values of `-S`; and files that extend others.

use serde_json::{Value, json};

use crate::command::{Place, on_both};

fn table(rows: usize, slope: usize) -> String {
    let row = |i: usize| format!("{},{},{}\n", i * 7 % 13, i * i % 5, slope * i % 17);
    "a,b,y\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

const FILE: &str = "version: 1
name: demand
extends: shared/base.yaml
params: {key: \"data:${matrix.region}\"}
matrix: {region: [eu, us], alpha: [2, 20]}
source: {key: \"${params.key}\", load_if_missing: \"${matrix.region}.csv\"}
model: {Ridge: {alpha: \"${matrix.alpha}\"}}
output: {artifact: \"demand-${matrix.region}-${matrix.alpha}\"}
";

fn with_files(place: &Place) {
    place.write("shared/base.yaml", "target: y\npreprocess: [StandardScaler]\ncv: 4\nscoring: [r2]\n");
    place.write("eu.csv", table(60, 3));
    place.write("us.csv", table(70, 5));
    place.write("p.yaml", FILE);
    for (region, alpha) in [("eu", 2), ("us", 20)] {
        let alone = format!(
            "version: 1\nname: alone\nsource: {{key: \"data:{region}\"}}\ntarget: y\npreprocess: [StandardScaler]\n\
            model: {{Ridge: {{alpha: {alpha}}}}}\ncv: 4\n"
        );
        place.write(&format!("{region}.yaml"), alone);
    }
}

fn runs(object: &Value) -> &Vec<Value> {
    object.as_array().expect("a run for each pipeline")
}

#[test]
fn every_pipeline_of_a_matrix_is_run_published_and_locked() {
    on_both(|place| {
        with_files(place);
        let all = place.run(&["run", "p.yaml", "--json"]).json();
        let variants: Vec<_> = runs(&all).iter().map(|run| run["variant"].clone()).collect();
        let variant = |region: &str, alpha: u64| json!({"region": region, "alpha": alpha});
        assert_eq!(variants, [variant("eu", 2), variant("eu", 20), variant("us", 2), variant("us", 20)]);
        for (run, name) in runs(&all).iter().zip(["eu-2", "eu-20", "us-2", "us-20"]) {
            assert_eq!((&run["status"], &run["artifact"]["version"]), (&json!("ok"), &json!(1)));
            assert_eq!(run["artifact"]["name"], format!("demand-{name}"));
        }
        // Each is what a file with its values written out is.
        for (i, region) in [(0, "eu"), (3, "us")] {
            let alone = place.run(&["run", &format!("{region}.yaml"), "--json"]).json();
            assert!(alone.get("variant").is_none());
            for part in ["/cv", "/model/coef", "/data/sha256"] {
                assert_eq!(alone.pointer(part), all[i].pointer(part), "{part}");
            }
        }
        let lock = place.read("p.yaml.lock");
        for name in ["region=eu, alpha=2:", "region=us, alpha=20:"] {
            assert!(lock.contains(name), "{lock}");
        }
        place.run(&["run", "p.yaml", "--locked"]).ok();
        // One of them alone leaves what the lock says of the others.
        let one = place
            .run(&["run", "p.yaml", "--json", "-S", "matrix.region=eu", "-S", "matrix.alpha=[2]"])
            .json();
        assert_eq!((runs(&one).len(), &one[0]["artifact"]["version"]), (1, &json!(3)));
        assert_eq!(place.read("p.yaml.lock"), lock);
        place.run(&["run", "p.yaml", "--locked", "-S", "matrix.region=us"]).ok();

        place.write("us.csv", table(71, 5));
        place.run(&["data", "put", "data:us", "us.csv"]).ok();
        let locked = place.run(&["run", "p.yaml", "--locked", "--json"]);
        assert_eq!(locked.code, Some(7), "{locked}");
        let states: Vec<_> = runs(&locked.object()).iter().map(|run| run["status"].clone()).collect();
        assert_eq!(states, ["ok", "ok", "error", "error"]);
        assert_eq!(locked.object()[2]["variant"], variant("us", 2));
    });
}

#[test]
fn a_lock_forgets_pipelines_that_the_file_no_longer_is() {
    let place = Place::new();
    with_files(&place);
    place.run(&["run", "p.yaml"]).ok();
    place.write("p.yaml", place.read("p.yaml").replace("[2, 20]", "[20, 200]"));
    place.run(&["run", "p.yaml"]).ok();
    let lock = place.read("p.yaml.lock");
    assert!(
        lock.contains("alpha=200:") && lock.contains("alpha=20:") && !lock.contains("alpha=2:"),
        "{lock}"
    );
    // A file that is one pipeline has a lock of its own form, and the other way round.
    place.write("p.yaml", place.read("eu.yaml"));
    place.run(&["run", "p.yaml", "--locked"]).fails(7, &["is of a matrix of pipelines"]);
    place.run(&["run", "p.yaml"]).ok();
    place.run(&["run", "p.yaml", "--locked"]).ok();
}

#[test]
fn pipelines_that_would_hide_each_other_are_refused() {
    let place = Place::new();
    with_files(&place);
    let file = place.read("p.yaml");
    place.write("p.yaml", file.replace("-${matrix.alpha}\"}", "\"}"));
    place.run(&["check", "p.yaml"]).fails(
        3,
        &[
            "region=eu, alpha=2 and region=eu, alpha=20 are both published as `demand-eu`",
            "demand-${matrix.region}-${matrix.alpha}",
        ],
    );
    // Said once, whatever the number of pipelines.
    place.write("p.yaml", file.replace("[StandardScaler]", "[StandardScalar]").replace("Ridge:", "Rigde:"));
    let refused = place.run(&["check", "p.yaml"]).fails(3, &["unknown model `Rigde`"]);
    assert_eq!(refused.err.matches("error[").count(), 1, "{refused}");
    for (matrix, said) in [
        ("matrix: [eu]", "`matrix` must be a map, not a list"),
        ("matrix: {region: [], alpha: 1}", "`region` of `matrix` has no value"),
        ("matrix: {region: [eu, eu], alpha: 1}", "the text `eu` is listed twice in `matrix`"),
        ("matrix: {region: [\"${params.key}\"], alpha: 1}", "`matrix` cannot hold references"),
        ("matrix: {reglon: [eu], alpha: 1}", "did you mean `${matrix.reglon}`?"),
    ] {
        place.write("p.yaml", file.replace("matrix: {region: [eu, us], alpha: [2, 20]}", matrix));
        place.run(&["check", "p.yaml"]).fails(3, &[said]);
    }
    let many: Vec<String> = (0..40).map(|i| i.to_string()).collect();
    let many = format!("matrix: {{region: [{0}], alpha: [{0}]}}", many.join(", "));
    place.write("p.yaml", file.replace("matrix: {region: [eu, us], alpha: [2, 20]}", &many));
    place.run(&["check", "p.yaml"]).fails(3, &["the file is 1600 pipelines, more than are run at once"]);
}

#[test]
fn several_values_on_the_command_line_are_several_runs() {
    let place = Place::new();
    with_files(&place);
    place.run(&["data", "put", "data:eu", "eu.csv"]).ok();
    let all =
        place.run(&["run", "eu.yaml", "--json", "-S", "model.Ridge.alpha=0.5,1,2", "-S", "cv=3"]).json();
    let alphas: Vec<_> = runs(&all).iter().map(|run| run["variant"]["model.Ridge.alpha"].clone()).collect();
    assert_eq!(alphas, [json!(0.5), json!(1), json!(2)]);
    assert_eq!(place.versions("alone"), [1, 2, 3]);
    assert!(!place.path("eu.yaml.lock").exists(), "no lock is of several values");
    let told = place.run(&["run", "eu.yaml", "-S", "model.Ridge.alpha=0.5,1"]).ok();
    assert!(told.out.contains("alone, model.Ridge.alpha 0.5: 60 rows"), "{told}");
    place.run(&["run", "eu.yaml", "--locked", "-S", "seed=1,2"]).fails(2, &["of which no lock knows"]);
    let plan = place.run(&["plan", "eu.yaml", "--format", "json", "-S", "cv=3,4"]).json();
    let folds: Vec<_> = runs(&plan).iter().map(|plan| plan["folds"].as_array().map(Vec::len)).collect();
    assert_eq!(folds, [Some(3), Some(4)]);
    // A list is one value, and so is what is quoted.
    let one = place.run(&["run", "eu.yaml", "--json", "-S", "scoring=[r2, neg_mean_squared_error]"]).json();
    assert_eq!(one["cv"]["scores"].as_object().map(serde_json::Map::len), Some(2));
    place
        .run(&["learn", "p.yaml"])
        .fails(2, &["`p.yaml` is 4 pipelines", "-S matrix.region=eu -S matrix.alpha=2"]);
}

#[test]
fn every_key_tells_where_it_was_written() {
    let place = Place::new();
    with_files(&place);
    let told = place.run(&["plan", "p.yaml", "--origin", "-S", "matrix.region=us", "-S", "seed=3"]).ok();
    for line in [
        "region=us, alpha=2",
        "source.key data:us p.yaml:6",
        "cv 4 shared/base.yaml:3",
        "model.Ridge.alpha 20 p.yaml:7",
        "seed 3 -S seed=3",
        "select [] default",
    ] {
        let is = |found: &str| found.split_whitespace().eq(line.split_whitespace());
        assert!(told.out.lines().any(is), "{line}\n{told}");
    }
    let told = place.run(&["plan", "eu.yaml", "--origin", "--json"]).json();
    let setting = json!({"key": "target", "value": "y", "origin": "eu.yaml:4", "line": 4, "column": 9});
    assert!(told["settings"].as_array().is_some_and(|settings| settings.contains(&setting)), "{told}");
}

#[test]
fn pipelines_of_one_table_read_it_once() {
    let mut place = Place::with_server();
    with_files(&place);
    place.run(&["data", "put", "row", "eu.csv", "--as", "hash"]).ok();
    let file = place.read("eu.yaml").replace("key: \"data:eu\"", "pattern: \"row:*\"");
    place.write("a.yaml", &file);
    place.write("b.yaml", file.replace("name: alone", "name: other").replace("alpha: 2", "alpha: 3"));
    let mut connection = place.server().expect("a server").raw();
    place.write(
        "c.yaml",
        file.replace("\"row:*\"", "\"row:*\", columns: [a, b, y]").replace("name: alone", "name: c"),
    );
    let cleaned = file.replace("model:", "clean:\n  - clip: {columns: [a], lower: 0}\nmodel:");
    place.write("d.yaml", cleaned);
    let mut reads = |arguments: &[&str]| {
        redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut connection).unwrap();
        let runs = place.run(&[&["--json"], arguments].concat()).json();
        let info: String = redis::cmd("INFO").arg("commandstats").query(&mut connection).unwrap();
        let calls = |line: &str| line.split(['=', ',']).nth(1).and_then(|calls| calls.parse::<usize>().ok());
        let hashes = info
            .lines()
            .filter(|line| line.starts_with("cmdstat_hgetall:") || line.starts_with("cmdstat_hmget:"));
        (runs, hashes.filter_map(calls).sum::<usize>())
    };
    let (runs, calls) = reads(&["run", "a.yaml", "b.yaml", "-S", "model.Ridge.alpha=2,3"]);
    assert_eq!((self::runs(&runs).len(), calls), (4, 60));
    assert_eq!(runs[0]["data"], runs[3]["data"]);
    // Of other columns it is another table, and only one is kept.
    let (_, calls) = reads(&["run", "a.yaml", "c.yaml", "a.yaml"]);
    assert_eq!(calls, 180);
    // So is one that is cleaned otherwise; what is shared is what `clean` has left.
    let (runs, calls) = reads(&["run", "a.yaml", "d.yaml", "d.yaml"]);
    assert_eq!(calls, 120);
    assert_eq!(runs[1]["cv"], runs[2]["cv"]);
    // Plans share it as well.
    let (plans, calls) = reads(&["plan", "d.yaml", "-S", "model.Ridge.alpha=2,3"]);
    assert_eq!((plans.as_array().unwrap().len(), calls), (2, 60));
}
