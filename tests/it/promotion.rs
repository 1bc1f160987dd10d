//! The gate: what a new version must show, against a champion that is run again on today's rows, in one step with publishing.

use crate::aliases::{model, small};
use crate::command::{Place, on_both};
use serde_json::{Value, json};
use std::process::Stdio;

/// Forty rows of a line in `x` with waves, `shift` rows further on; `z` is noise.
fn table(place: &Place, shift: usize) {
    let row = |i: usize| {
        let x = (i + shift) as f64;
        let y = 2.0 * x + 3.0 * (x * 0.7).sin() + if i.is_multiple_of(3) { 4.0 } else { -2.0 };
        format!("{x},{},{y}\n", (i * 7919) % 13)
    };
    place.write("data.csv", format!("x,z,y\n{}", (0..40).map(row).collect::<String>()));
}

fn write(place: &Place, pipeline: &str, gate: &str) {
    let file = format!(
        "version: 1\nname: m\nsource: {{file: data.csv}}\ntarget: y\n{pipeline}\ncv: {{KFold: {{n_splits: 4, shuffle: true, random_state: 1}}}}\n\
         scoring: [r2, neg_mean_absolute_error]\n{gate}\n"
    );
    place.write("m.yaml", file);
}

fn ran(place: &Place) -> Value {
    place.run(&["run", "m.yaml", "--json"]).json()
}

#[test]
fn a_first_version_meets_thresholds_and_a_later_one_is_compared() {
    on_both(|place| {
        table(place, 0);
        let gate = |threshold: f64| {
            format!(
                "promote: {{require: [{{metric: r2, threshold: {threshold}}}, {{min_absolute_change: 0.01}}]}}"
            )
        };
        write(place, "model: DummyRegressor", &gate(0.5));
        let run = ran(place);
        assert_eq!(
            (&run["promotion"]["promoted"], &run["promotion"]["champion"]),
            (&json!(false), &Value::Null)
        );
        assert_eq!(model(place)["aliases"], json!({"latest": 1}));
        write(place, "model: LinearRegression", &gate(0.5));
        let run = ran(place);
        assert_eq!(run["promotion"]["why"].as_str().unwrap().split(' ').next(), Some("r2"), "{run}");
        assert_eq!(model(place)["aliases"], json!({"champion": 2, "latest": 2}));
        // The same again is no better.
        let run = ran(place);
        let [threshold, change] = [0, 1].map(|i| run["promotion"]["require"][i].clone());
        assert_eq!(
            (&threshold["met"], &change["met"], &change["difference"]),
            (&json!(true), &json!(false), &json!(0.0))
        );
        assert_eq!(change["reason"], "difference of r2 to version 2 0 < 0.01");
        assert_eq!(model(place)["aliases"], json!({"champion": 2, "latest": 3}));
        let refused = place.run(&["run", "m.yaml", "--gate"]);
        assert_eq!(refused.code, Some(7), "{refused}");
        let refused = refused.says(&["error[E0703]: version 4 is not promoted to `champion`", "0 < 0.01"]);
        assert!(
            refused.out.contains("published m version 4") && refused.out.contains("not promoted to champion")
        );
        let record = place.run(&["runs", "show", run["run"].as_str().unwrap(), "--json"]).json();
        assert_eq!(record["promotion"], run["promotion"]);
        for report in ["md", "html"] {
            let text = place.read(&format!("artifacts/m/3/report.{report}"));
            assert!(text.contains("Promotion") && text.contains("still names version 2"), "{text}");
        }
        let step = model(place)["history"].as_array().unwrap().last().cloned().unwrap();
        assert_eq!((&step["alias"], &step["to"]), (&json!("latest"), &json!(4)));
        place.run(&["run", "m.yaml", "-S", "promote=null", "--gate"]).fails(2, &["`--gate` asks for a gate"]);
        assert_eq!(place.run(&["run", "m.yaml", "-S", "promote.require=[]", "--gate"]).code, Some(0));
        assert_eq!(model(place)["aliases"]["champion"], 5);
    });
}

/// The champion's pipeline, not the champion, is what a paired requirement compares with: on today's rows, in the same folds.
#[test]
fn a_paired_comparison_runs_the_champions_pipeline_again() {
    const CHAMPIONS: [&str; 3] = [
        "preprocess: [StandardScaler]\nmodel: {Ridge: {alpha: 40}}",
        "preprocess: {one: {columns: [z], steps: [StandardScaler]}, remainder: passthrough}\nmodel: LinearRegression",
        "preprocess: [StandardScaler]\nmodel: Ridge\nsearch: {GridSearchCV: {param_grid: {model__alpha: [5, 300]}}}",
    ];
    for (i, champion) in CHAMPIONS.iter().enumerate() {
        let place = Place::new();
        table(&place, 0);
        write(&place, champion, "promote: {alias: best}");
        assert_eq!(ran(&place)["promotion"]["promoted"], true);
        // New rows: what the champion's pipeline makes of them is told by running it elsewhere.
        table(&place, 17);
        let fixed =
            if i == 2 { "preprocess: [StandardScaler]\nmodel: {Ridge: {alpha: 5}}" } else { champion };
        write(&place, fixed, "");
        let alone = place.run(&["run", "m.yaml", "--json", "--store", "mem:"]).json();
        let gate = "promote: {alias: best, require: [{paired: true, min_absolute_change: 0.0}, \
                    {metric: neg_mean_absolute_error, paired: true, max_p_value: 1e-9, min_relative_change: 0.01}]}";
        write(
            &place,
            "preprocess: [{PolynomialFeatures: {degree: 2}}, StandardScaler]\nmodel: LinearRegression",
            gate,
        );
        let run = ran(&place);
        let require = &run["promotion"]["require"];
        for (at, metric) in ["r2", "neg_mean_absolute_error"].iter().enumerate() {
            let (folds, scores) = (&require[at]["folds"], &alone["cv"]["scores"][metric]);
            assert_eq!(folds["champion"], scores["folds"], "{champion}, {metric}");
            assert_eq!(folds["challenger"], run["cv"]["scores"][metric]["folds"]);
            assert_eq!(
                (&require[at]["champion"], &folds["degrees_of_freedom"]),
                (&scores["mean"], &json!(3))
            );
            let (low, high) =
                (folds["interval"][0].as_f64().unwrap(), folds["interval"][1].as_f64().unwrap());
            let mean = require[at]["difference"].as_f64().unwrap();
            assert!(low <= mean && mean <= high && ((low + high) / 2.0 - mean).abs() < 1e-12);
        }
        // A p-value that small no four folds give.
        assert_eq!((&require[1]["met"], &run["promotion"]["promoted"]), (&json!(false), &json!(false)));
        assert!(require[1]["reason"].as_str().unwrap().contains("p-value"), "{require}");
        assert!(run["promotion"]["note"].as_str().unwrap().contains("heuristic"));
        let why = run["promotion"]["why"].as_str().unwrap();
        let told = place.read("artifacts/m/2/report.md");
        assert!(told.contains("heuristic for k-fold") && told.contains(&why[..20]), "{told}");
    }
}

#[test]
fn a_champion_that_cannot_run_today_is_told_and_keeps_its_place() {
    let place = Place::new();
    table(&place, 0);
    write(&place, "preprocess: {one: {columns: [z], steps: [StandardScaler]}}\nmodel: Ridge", "promote: {}");
    ran(&place);
    let text = place.read("data.csv").replace("x,z,y", "x,other,y");
    place.write("data.csv", text);
    write(&place, "model: Ridge", "promote: {require: [{paired: true}]}");
    let run = ran(&place);
    let reason = run["promotion"]["require"][0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the pipeline of version 1 cannot be compared:") && reason.contains("`z`"),
        "{reason}"
    );
    assert_eq!(model(&place)["aliases"], json!({"champion": 1, "latest": 2}));
}

/// Runs at once decide one after the other: each about the champion that the alias named when it moved it.
#[test]
fn gates_at_once_decide_about_the_champion_that_there_is() {
    on_both(|place| {
        small(place);
        let file = place.read("m.yaml") + "promote: {require: [{paired: true}, {threshold: -9}]}\n";
        place.write("m.yaml", file.replace("{report: []}", "{report: [], keep: 2}"));
        let children: Vec<_> = (0..8)
            .map(|_| {
                let mut command = place.command(&["run", "m.yaml", "--json"]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let model = model(place);
        let moves: Vec<&Value> =
            model["history"].as_array().unwrap().iter().filter(|step| step["alias"] == "champion").collect();
        // Each is as good as the one before, so that each is promoted.
        assert_eq!(moves.len(), 8);
        let mut now = Value::Null;
        for step in moves {
            let run = place.run(&["runs", "show", step["run"].as_str().unwrap(), "--json"]).json();
            assert_eq!((&step["from"], &run["promotion"]["champion"]), (&now, &now));
            assert_eq!(run["artifact"]["version"], step["to"]);
            now = step["to"].clone();
        }
        assert_eq!(model["aliases"]["champion"], now);
        // Two without an alias stay, beside those with one.
        let named = if model["aliases"]["latest"] == now { 1 } else { 2 };
        assert!(model["versions"].as_array().unwrap().len() <= 3 + named, "{model}");
        place.run(&["models", "verify", "m"]).ok();
    });
}

#[test]
fn what_a_gate_cannot_ask_is_told_by_check() {
    let place = Place::new();
    table(&place, 0);
    for (gate, words) in [
        (
            "promote: {require: [{metric: accuracy, threshold: 1}]}",
            "metric `accuracy` of `promote` is not one of `scoring`",
        ),
        ("promote: {require: [{metric: r2}]}", "a requirement asks for nothing"),
        ("promote: {require: [{metric: r2, max_p_value: 0.05}]}", "`paired` is not said"),
        ("promote: {require: [{paired: true, max_p_value: 5}]}", "a probability from 0 to 1"),
        ("promote: {alias: latest}", "`latest` names the highest version"),
        ("promote: {alias: a b}", "`promote.alias` cannot be `a b`"),
        ("promote: {require: [{treshold: 1}]}", "did you mean `threshold`?"),
        ("promote: {require: {metric: r2}}", "`promote.require` must be a list"),
        ("output: {keep: 0}", "`output.keep` is out of bounds"),
    ] {
        write(&place, "model: Ridge", gate);
        place.run(&["check", "m.yaml"]).fails(3, &[words]);
    }
    write(&place, "model: Ridge", "promote: {require: [{threshold: 1}]}");
    let text = place
        .read("m.yaml")
        .replace("cv: {KFold: {n_splits: 4, shuffle: true, random_state: 1}}", "cv: null");
    place.write("m.yaml", text);
    place.run(&["check", "m.yaml"]).fails(3, &["`cv: null` makes none"]);
}
