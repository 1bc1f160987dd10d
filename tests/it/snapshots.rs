//! `pin: snapshot` and `run --replay`: the data of a run, kept with its version, gives the same model again after the data has
//! changed; what is not there or not whole is told.

use serde_json::Value;

use crate::command::{Place, Ran, files_under, on_both};

/// Numbers, datetimes, words with a level that reads as missing elsewhere, bools and missing cells.
fn table(rows: usize) -> String {
    let row = |i: usize| {
        let plan = ["free", "pro", "", "größe"][i % 4];
        let (x, on, y) = ((i * 7 % 13) as f64 / 3.0, i.is_multiple_of(3), i * i % 17);
        format!("{i},{x},{plan},{on},2026-{:02}-{:02}T08:00:00,{y}\n", 1 + i % 12, 1 + i % 28)
    };
    "id,x,plan,on,at,y\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

const FILE: &str = "version: 1
name: m
source: {key: \"data:t\", load_if_missing: t.csv, pin: snapshot}
schema: {at: datetime}
roles: {id: [id]}
target: y
clean: [{query: \"x < 4\"}]
preprocess:
  num: {columns: [x, on], steps: [SimpleImputer, StandardScaler]}
  at: {columns: [at], steps: [DatetimeEncoder, SimpleImputer]}
  cat: {columns: [plan], steps: [{OneHotEncoder: {handle_unknown: ignore}}]}
model: Ridge
cv: 4
";

fn with_files(place: &Place) {
    place.write("t.csv", table(60));
    place.write("p.yaml", FILE);
}

/// What a replay has to give again.
fn result(run: &Value) -> [&Value; 4] {
    [&run["artifact"]["sha256"], &run["cv"]["scores"], &run["data"]["sha256"], &run["data"]["rows"]]
}

#[test]
fn a_replay_gives_the_same_model_after_the_data_has_changed() {
    on_both(|place| {
        with_files(place);
        let first = place.run(&["run", "p.yaml", "--json"]).json();
        place.run(&["run", "p.yaml", "--locked"]).ok();
        let lock = place.read("p.yaml.lock");
        assert!(lock.contains("snapshot:"), "{lock}");
        // The version names the copy, and `verify` reads it.
        let shown = place.run(&["models", "show", "m:1", "--json"]).ok().out;
        assert!(shown.contains("data.safetensors"), "{shown}");
        place.run(&["models", "verify", "m"]).ok();
        // Not on disk beside the model.
        let folder = place.path(first["artifact"]["path"].as_str().unwrap());
        assert!(!folder.join("data.safetensors").exists() && folder.join("model.safetensors").exists());

        place.write("old.lock", &lock);
        for data in [Some(table(61)), Some(table(60).replace("pro", "pry")), None] {
            match data {
                Some(data) => {
                    place.write("other.csv", data);
                    place.run(&["data", "put", "data:t", "other.csv"]).ok();
                    let other = place.run(&["run", "p.yaml", "--json"]).json();
                    assert_ne!(result(&other), result(&first));
                    place.run(&["run", "p.yaml", "--replay", "p.yaml.lock", "--locked"]).ok();
                }
                None => drop(place.run(&["data", "rm", "data:t"]).ok()),
            }
            let before = place.read("p.yaml.lock");
            let again = place.run(&["run", "p.yaml", "--replay", "old.lock", "--json"]).json();
            assert_eq!(result(&again), result(&first));
            assert_ne!(again["artifact"]["version"], first["artifact"]["version"]);
            place.run(&["run", "p.yaml", "--replay", "old.lock", "--locked"]).ok();
            assert_eq!(place.read("p.yaml.lock"), before, "a replay writes no lock");
        }
        // Another pipeline learns from the same data, and differs from the lock.
        let ran =
            place.run(&["run", "p.yaml", "-S", "model.Ridge.alpha=3", "--replay", "old.lock", "--json"]);
        let other = ran.json();
        assert_eq!(other["data"]["sha256"], first["data"]["sha256"]);
        assert_ne!(other["artifact"]["sha256"], first["artifact"]["sha256"]);
        let arguments = ["run", "p.yaml", "-S", "model.Ridge.alpha=3", "--replay", "old.lock", "--locked"];
        place.run(&arguments).fails(7, &["E0702"]);
        // Versions that learned from the same data share one copy.
        place.run(&["models", "verify", "m"]).ok();
    });
}

#[test]
fn rows_of_hashes_are_pinned_too() {
    let mut place = Place::with_server();
    let server = place.server().unwrap();
    for i in 0..40 {
        let fields = [("x", i * 3 % 11), ("y", i * i % 7)];
        redis::cmd("HSET").arg(format!("r:{i:02}")).arg(&fields).exec(&mut server.raw()).unwrap();
    }
    let mut raw = server.raw();
    place.write(
        "p.yaml",
        "version: 1\nname: m\nsource: {pattern: \"r:*\", pin: snapshot}\ntarget: y\nmodel: Ridge\ncv: 3\n",
    );
    let first = place.run(&["run", "p.yaml", "--json"]).json();
    redis::cmd("HSET").arg("r:07").arg("x").arg(99).exec(&mut raw).unwrap();
    place.run(&["run", "p.yaml", "--locked"]).fails(7, &["the source"]);
    let again = place.run(&["run", "p.yaml", "--replay", "p.yaml.lock", "--json"]).json();
    assert_eq!(result(&again), result(&first));
}

/// A line of a lock with another digest.
fn other_digest(line: &str) -> String {
    let (name, digest) = line.split_once(": ").unwrap();
    format!("{name}: {}", digest.chars().rev().collect::<String>())
}

#[test]
fn what_cannot_be_replayed_is_told() {
    let place = Place::new();
    with_files(&place);
    place.run(&["run", "p.yaml"]).ok();
    let replay = |lock: &str| -> Ran { place.run(&["run", "p.yaml", "--replay", lock]) };
    replay("nowhere.lock").fails(7, &["E0702", "nowhere.lock"]);
    place.write("none.lock", "a: 1\n");
    replay("none.lock").fails(7, &["E0702", "none.lock"]);
    // A run that has kept nothing.
    place.write("q.yaml", FILE.replace(", pin: snapshot", "").replace("name: m", "name: q"));
    place.run(&["run", "q.yaml"]).ok();
    assert!(!place.read("q.yaml.lock").contains("snapshot"));
    replay("q.yaml.lock").fails(7, &["E0702", "q.yaml.lock", "pin: snapshot"]);
    // A lock of other data than its snapshot.
    let lock = place.read("p.yaml.lock");
    let line = |word: &str| lock.lines().find(|line| line.trim_start().starts_with(word)).unwrap();
    let digest = line("snapshot:").trim().split(' ').next_back().unwrap().to_owned();
    let source =
        lock.split("snapshot:").next().unwrap().lines().rev().find(|line| line.contains("sha256:")).unwrap();
    place.write("mixed.lock", lock.replacen(source, &other_digest(source), 1));
    replay("mixed.lock").fails(7, &["E0701", "mixed.lock", "other data"]);
    // Another store.
    let elsewhere = ["run", "p.yaml", "--replay", "p.yaml.lock", "--store", "dir:elsewhere"];
    place.run(&elsewhere).fails(7, &["E0701", &digest, "not in the store"]);
    // Damaged, then gone.
    let before = place.versions("m");
    let blob = |place: &Place| {
        let files = files_under(&place.path("store")).into_iter().chain(files_under(&place.path(".pipefit")));
        files.map(|(path, _)| path).find(|path| path.to_str().unwrap().contains(&digest[2..])).unwrap()
    };
    let path = blob(&place);
    let whole = std::fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    for bytes in [&bytes[..], &whole[..whole.len() - 1], b""] {
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        replay("p.yaml.lock").fails(7, &["E0701", "p.yaml.lock", &digest]);
        place.run(&["models", "verify", "m"]).fails(7, &["data.safetensors"]);
    }
    std::fs::remove_file(&path).unwrap();
    replay("p.yaml.lock").fails(7, &["E0701", "p.yaml.lock", &digest]);
    assert_eq!(place.versions("m"), before);
    // A run on the data repairs it.
    place.run(&["run", "p.yaml"]).ok();
    replay("p.yaml.lock").ok();
}

#[test]
fn pin_has_one_word() {
    let place = Place::new();
    with_files(&place);
    for (word, said) in [("snapshots", "snapshot"), ("true", "`source.pin`"), ("[snapshot]", "`source.pin`")]
    {
        place.write("p.yaml", FILE.replace("pin: snapshot", &format!("pin: {word}")));
        place.run(&["check", "p.yaml"]).fails(3, &[said]);
    }
}
