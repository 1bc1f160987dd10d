//! What helps to write a pipeline file: a first one, the schema for editors, completions for shells.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{Place, repository};

#[test]
fn a_first_file_runs_as_it_is_written() {
    for (data, target, model) in [
        ("diabetes", None, "Ridge"),
        ("iris", None, "LogisticRegression"),
        ("penguins", Some("species"), "LogisticRegression"),
        ("wine", None, "LogisticRegression"),
        ("breast_cancer", None, "LogisticRegression"),
    ] {
        let place = Place::new();
        place.write(
            &format!("data/{data}.csv"),
            std::fs::read(repository(&format!("examples/data/{data}.csv"))).unwrap(),
        );
        let file = format!("data/{data}.csv");
        let mut arguments = vec!["init", &file];
        arguments.extend(target.iter().flat_map(|target| ["--target", target]));
        let told = place.run(&arguments).ok();
        assert_eq!(told.out, place.read(&format!("{data}.yaml")));
        assert!(told.err.contains(&format!("pipefit run {data}.yaml")), "{told}");
        place.run(&["check", &format!("{data}.yaml")]).ok();
        let run = place.run(&["run", &format!("{data}.yaml"), "--json"]).json();
        assert_eq!(run["model"]["class"], model, "{data}");
        // It is not written over, and the schema stands beside it.
        place.run(&arguments).fails(2, &["is there already"]);
        assert!(place.read("pipefit.schema.json").starts_with("{\n"));
        assert!(told.out.starts_with("# yaml-language-server: $schema=pipefit.schema.json\n"));
    }
}

#[test]
fn a_key_is_looked_at_like_a_file_and_ids_are_no_features() {
    let place = Place::with_server();
    let row = |i: usize| {
        format!("c{i},{},{},2026-01-{:02},{}\n", i * 7 % 13, ["a", "b", ""][i % 3], 1 + i % 28, i % 2)
    };
    place
        .write("t.csv", "customer_id,x,plan,at,churned\n".to_owned() + &(0..60).map(row).collect::<String>());
    place.run(&["data", "put", "data:churn", "t.csv"]).ok();
    let told = place.run(&["init", "data:churn", "--json"]).json();
    assert_eq!((&told["file"], &told["target"]), (&json!("churn.yaml"), &json!("churned")));
    let file = place.read("churn.yaml");
    for words in [
        "key: \"data:churn\"",
        "target: churned",
        "roles: {id: [customer_id]}",
        "most_frequent",
        "DatetimeEncoder",
        "roc_auc",
    ] {
        assert!(file.contains(words), "{words}\n{file}");
    }
    let run = place.run(&["run", "churn.yaml", "--json"]).json();
    assert_eq!(run["data"]["rows"], 60);
    place
        .run(&["init", "data:churn", "--target", "churnd", "--output", "x.yaml"])
        .fails(4, &["did you mean `churned`?"]);
    place.run(&["init", "data:nothing"]).fails(4, &["data:nothing"]);
    place.run(&["init", "-"]).fails(2, &["name a key or a file"]);
}

/// The schema knows the very keys that `check` names where one is unknown.
#[test]
fn the_schema_has_every_key_of_the_file() {
    let place = Place::new();
    let schema: Value = serde_json::from_str(&place.run(&["schema"]).ok().out).unwrap();
    let top = "version: 1\nname: n\nsource: {key: k}\ntarget: t\nmodel: Ridge\n";
    let inside = |section: &str| format!("{top}{section}: {{nonsense: 1}}\n");
    for (text, pointer, later) in [
        (format!("{top}nonsense: 1\n"), "/properties", &["test", "schedule"][..]),
        (inside("source").replace("source: {key: k}\n", ""), "/properties/source/anyOf/0/properties", &[]),
        (inside("roles"), "/properties/roles/anyOf/0/properties", &["group", "time"]),
        (inside("expect"), "/properties/expect/anyOf/0/properties", &[]),
        (inside("output"), "/properties/output/anyOf/0/properties", &[]),
        (inside("promote"), "/properties/promote/anyOf/0/properties", &[]),
        (inside("online"), "/properties/online/anyOf/0/properties", &[]),
    ] {
        place.write("p.yaml", &text);
        let err = place.run(&["check", "p.yaml"]).err;
        let at = err.find("unknown key `nonsense`").unwrap_or_else(|| panic!("{err}"));
        let at = at + err[at..].find("the keys of").unwrap_or_else(|| panic!("{err}"));
        let line = err[at..].lines().next().unwrap();
        let line = line.split(" are ").nth(1).unwrap();
        let known: BTreeSet<&str> = line.split('`').skip(1).step_by(2).collect();
        let told: BTreeSet<&str> =
            schema.pointer(pointer).and_then(Value::as_object).unwrap().keys().map(String::as_str).collect();
        assert_eq!(told, known, "{pointer}");
        assert!(later.iter().all(|key| !told.contains(key)));
    }
    // And every component with its parameters.
    for (what, list) in
        [("steps", "step"), ("models", "model"), ("splitters", "splitter"), ("searches", "search")]
    {
        let listed = place.run(&["list", what, "--json"]).json();
        let bare = schema["$defs"][list]["anyOf"][0]["oneOf"].as_array().unwrap();
        let names: Vec<&Value> =
            listed["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
        assert_eq!(bare.iter().map(|one| &one["const"]).collect::<Vec<_>>(), names);
    }
    let ridge = schema["$defs"]["model"]["anyOf"][1]["anyOf"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["required"][0] == "Ridge");
    let alpha = ridge.and_then(|one| one.pointer("/properties/Ridge/properties/alpha/description")).unwrap();
    assert!(alpha.as_str().unwrap().contains("default 1"), "{alpha}");
}

#[test]
fn shells_are_given_completions() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&["completions", shell]).ok().out;
        assert!(script.contains("pipefit") && script.contains("predict"), "{shell}");
        if shell == "bash" {
            place.write("c.sh", &script);
            assert!(Command::new("bash").arg("-n").arg(place.path("c.sh")).status().unwrap().success());
        }
    }
    place.run(&["completions", "tcsh"]).fails(2, &["tcsh"]);
}
