//! Aliases and their history, removals and what is swept, on a store in a folder and on a real server.

use crate::command::{PIPEFIT, Place, need, on_both, tell};
use pipefit::registry::{Draft, MODEL_FILE, Registry, Terms};
use pipefit::store::connect;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A pipeline that takes no time, and its data.
pub fn small(place: &Place) {
    let rows: String = (0..20).map(|i| format!("{i},{}\n", (i * 7) % 5 + i)).collect();
    place.write("data.csv", format!("x,y\n{rows}"));
    let file = "version: 1\nname: m\nsource: {file: data.csv}\ntarget: y\nmodel: LinearRegression\ncv: 3\n\
                output: {report: []}\n";
    place.write("m.yaml", file);
}

/// The only model, as `models ls` tells it.
pub fn model(place: &Place) -> Value {
    place.models()[0].clone()
}

/// The moves of an alias as (how, from, to).
fn moves(place: &Place, alias: &str) -> Vec<(String, Value, Value)> {
    let model = model(place);
    let history = model["history"].as_array().unwrap().iter().filter(|step| step["alias"] == alias);
    history
        .map(|step| (step["how"].as_str().unwrap().into(), step["from"].clone(), step["to"].clone()))
        .collect()
}

#[test]
fn aliases_move_forth_and_back_and_the_history_tells_it() {
    on_both(|place| {
        small(place);
        for _ in 0..3 {
            place.run(&["run", "m.yaml"]).ok();
        }
        let promote = |reference: &str| {
            let said = ["--why", "it is better", "--by", "ada", "--json"];
            place.run(&[&["models", "promote", reference, "--alias", "champion"], &said[..]].concat()).json()
        };
        let first = promote("m:1");
        assert_eq!(
            (&first["from"], &first["to"], &first["changed"]),
            (&Value::Null, &json!(1), &json!(true))
        );
        assert_eq!((&first["schema"], &first["by"]), (&json!("pipefit.promote/1"), &json!("ada")));
        assert_eq!(promote("m:2")["from"], 1);
        // A bare name is `latest`.
        assert_eq!(promote("m")["to"], 3);
        assert_eq!(promote("m@latest")["changed"], false);
        let back = |more: &[&str]| place.run(&[&["models", "rollback", "m", "--json"], more].concat());
        assert_eq!((back(&[]).json()["to"].clone(), back(&[]).json()["to"].clone()), (json!(2), json!(1)));
        back(&["--alias", "latest"]).says(&["`latest` names the highest version"]);
        assert_eq!(back(&["--alias", "challenger"]).code, Some(4));
        assert_eq!(back(&[]).code, Some(4));
        promote("m:3");
        assert_eq!(back(&["--to", "1"]).json()["to"], 1);
        let told = moves(place, "champion");
        let how: Vec<&str> = told.iter().map(|step| step.0.as_str()).collect();
        assert_eq!(
            how,
            ["promoted", "promoted", "promoted", "rolled-back", "rolled-back", "promoted", "rolled-back"]
        );
        assert!(told.windows(2).all(|pair| pair[0].2 == pair[1].1), "{told:?}");
        let shown = place.run(&["models", "show", "m@champion"]).ok().out;
        assert!(
            shown.contains("champion 3 -> 1, rolled-back") && shown.contains("by ada: it is better"),
            "{shown}"
        );
        let shown = place.run(&["models", "show", "m@champion", "--json"]).json();
        assert_eq!(
            (&shown["version"]["version"], &shown["history"][3]["why"]),
            (&json!(1), &json!("it is better"))
        );
    });
}

#[test]
fn versions_are_removed_with_what_only_they_need() {
    on_both(|place| {
        small(place);
        for rows in 20..23 {
            place.write("data.csv", place.read("data.csv") + &format!("{rows},{}\n", rows + 1));
            place.run(&["run", "m.yaml"]).ok();
        }
        place.run(&["models", "promote", "m:1", "--alias", "champion"]).ok();
        place.run(&["models", "rm", "m"]).fails(2, &["does not say which version", "`m --all`"]);
        place.run(&["models", "rm", "m:1"]).fails(2, &["alias `champion` names version 1", "--aliases-too"]);
        place.run(&["models", "rm", "m:9"]).fails(4, &["`m` has no version 9", "it has 1, 2, 3"]);
        let gone = place.run(&["models", "rm", "m@latest", "--json"]).json();
        assert_eq!((&gone["versions"], &gone["latest"], &gone["files"]), (&json!([3]), &json!(2), &json!(1)));
        assert_eq!(place.versions("m"), [1, 2]);
        place.run(&["models", "verify", "m"]).ok();
        // The number is not given again.
        assert_eq!(place.run(&["run", "m.yaml", "--json"]).json()["artifact"]["version"], 4);
        let gone = place.run(&["models", "rm", "m", "--all", "--aliases-too", "--json"]).json();
        assert_eq!((&gone["aliases"], &gone["latest"]), (&json!(["champion"]), &Value::Null));
        assert_eq!(place.models(), json!([]));
        place.run(&["predict", "m", "--input", "data.csv"]).fails(4, &["every version of it was removed"]);
        let swept = place.run(&["runs", "gc", "--json"]).json();
        assert_eq!((&swept["schema"], &swept["blobs"]), (&json!("pipefit.gc/1"), &json!(0)));
        assert_eq!(place.run(&["run", "m.yaml", "--json"]).json()["artifact"]["version"], 5);
    });
}

/// Eight processes move two aliases back and forth while others publish; no move is lost and each begins where the last ended.
#[test]
fn processes_that_race_lose_no_move() {
    on_both(|place| {
        small(place);
        for _ in 0..2 {
            place.run(&["run", "m.yaml"]).ok();
        }
        let start = |arguments: &[&str]| {
            place.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut expected = 0;
        for round in 0..4 {
            let mut children = vec![start(&["run", "m.yaml"])];
            for racer in 0..7 {
                let (version, alias) = (format!("m:{}", 1 + (round + racer) % 2), ["a", "b"][racer % 2]);
                children.push(start(&["models", "promote", &version, "--alias", alias]));
            }
            for child in children {
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            expected += 1;
        }
        for alias in ["a", "b"] {
            let told = moves(place, alias);
            assert!(told.windows(2).all(|pair| pair[0].2 == pair[1].1), "{told:?}");
            assert_eq!(model(place)["aliases"][alias], told.last().unwrap().2);
        }
        assert_eq!(moves(place, "latest").len(), 2 + expected);
        place.run(&["models", "verify", "m"]).ok();
    });
}

/// Counts a thread out, however it ends.
struct Leaves<'a>(&'a AtomicUsize);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Publishers of equal files that keep few versions, a sweeper and a reader at once: nobody is told of a missing file.
#[test]
fn publishing_retiring_and_sweeping_at_once_lose_nothing() {
    const THREADS: usize = 6;
    const ROUNDS: usize = 15;
    on_both(|place| {
        let store = connect(place.store(), place.root()).unwrap().store();
        let registry = Registry::new(store);
        let left = AtomicUsize::new(THREADS);
        let publish = |thread: usize, round: usize| {
            let version = registry.reserve("busy").unwrap();
            let model = ["a", "b", "c"][(thread + round) % 3].repeat(500);
            let draft = Draft {
                name: "busy",
                version,
                run: &format!("run-{thread}-{round}"),
                created: "2026-01-01T00:00:00Z",
                rows: 1,
                scores: &Map::new(),
                files: &[(MODEL_FILE, model.as_bytes()), ("report.md", b"shared by all")],
                record: &Value::Null,
            };
            registry.publish_with(&draft, &Terms { keep: Some(1), guard: None }).unwrap();
        };
        publish(0, 0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (publish, left) = (&publish, &left);
                scope.spawn(move || {
                    let _leaves = Leaves(left);
                    (1..=ROUNDS).for_each(|round| publish(thread, round));
                });
            }
            scope.spawn(|| {
                while left.load(Ordering::Relaxed) > 0 {
                    registry.open("busy", MODEL_FILE).unwrap();
                }
            });
            scope.spawn(|| {
                while left.load(Ordering::Relaxed) > 0 {
                    registry.collect().unwrap();
                }
            });
        });
        let model = registry.model("busy").unwrap();
        assert!(model.versions.len() <= 3, "{} versions", model.versions.len());
        assert_eq!(model.highest(), (THREADS * ROUNDS + 1) as u64);
        assert_eq!(registry.verify("busy", &|_, _| Ok(())).unwrap().problems, []);
    });
}

/// What a command does to the world: at the start of each of these calls it is killed once.
const CALLS: &str = "openat,write,fsync,rename,link,linkat,mkdir,unlink,flock,close,sendto,recvfrom,connect";

/// Runs a command under strace with one more option; true if it was killed.
pub fn watched(place: &Place, command: &[&str], option: &str) -> bool {
    let trace = format!("trace={CALLS}");
    let strace = ["-f", "-qq", "-o", "calls", "-e", &trace, "-e", option, PIPEFIT];
    let output = place.through("strace", &[&strace[..], command].concat()).output().unwrap();
    let killed = output.status.signal() == Some(9) || output.status.code() == Some(137);
    assert!(killed || output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    killed
}

/// Each call of a whole command, in order, as the option that kills it at its start.
pub fn moments(place: &Place, command: &[&str]) -> Vec<String> {
    assert!(!watched(place, command, "signal=none"));
    let mut counts = BTreeMap::new();
    let moment = |line: &str| {
        let name = line.split_once('(')?.0.rsplit(' ').next()?.to_owned();
        let count = counts.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
        Some(format!("inject={name}:signal=KILL:when={count}"))
    };
    place.read("calls").lines().filter_map(moment).collect()
}

/// A promotion that is killed at any call leaves the alias as it was or moved, and the record whole.
#[test]
fn a_promotion_killed_at_any_call_leaves_the_old_or_the_new() {
    need("strace");
    on_both(|place| {
        small(place);
        for _ in 0..2 {
            place.run(&["run", "m.yaml"]).ok();
        }
        let moments = moments(place, &["models", "promote", "m:1", "--alias", "champion"]);
        let (mut killed, mut moved) = (0, 0);
        for moment in &moments {
            let before = moves(place, "champion");
            let to = if before.last().unwrap().2 == 1 { "m:2" } else { "m:1" };
            let promote = ["models", "promote", to, "--alias", "champion"];
            killed += usize::from(watched(place, &promote, moment));
            let after = moves(place, "champion");
            let grown = after.len() == before.len() + 1 && after.starts_with(&before);
            assert!(after == before || grown, "{moment}");
            moved += after.len() - before.len();
            assert_eq!(model(place)["aliases"]["champion"], after.last().unwrap().2, "{moment}");
            place.run(&["models", "verify", "m"]).ok();
        }
        let (store, calls) = (place.store(), moments.len());
        tell(&format!("promote on {store}: killed at {killed} of {calls} calls, {moved} had moved"));
        assert!(killed >= 15 && moved > 0 && moved < killed, "killed at {killed} calls, {moved} moved");
    });
}
