//! kill -9 at any moment, and several runs at once: the old version or the new one is whole, and a rerun succeeds.

use crate::command::{PIPEFIT, Place, copy, files_under, need, on_both, tell};
use crate::server::Server;
use rand_mt::Mt64;
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILE: &str = "pipelines/diabetes.yaml";
/// What a run does to the world: at the start of each of these calls it is killed once.
const CALLS: &str = "openat,write,fsync,rename,link,linkat,mkdir,unlink,flock,close,sendto,recvfrom,connect";

fn place(store: Option<&str>) -> Place {
    let place = Place::new();
    copy(&place, "pipelines");
    copy(&place, "examples/data");
    match store {
        Some(store) => place.at(store),
        None => place,
    }
}

/// Runs the pipeline under strace with one more option; true if it was killed.
fn watched(place: &Place, option: &str) -> bool {
    let arguments =
        ["-f", "-qq", "-o", "calls", "-e", &format!("trace={CALLS}"), "-e", option, PIPEFIT, "run", FILE];
    let output =
        place.through("strace", &arguments).stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let killed = output.status.signal() == Some(9) || output.status.code() == Some(137);
    assert!(killed || output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    killed
}

/// Each call of a whole run, in order, as the option that kills a run at its start.
fn moments(place: &Place) -> Vec<String> {
    assert!(!watched(place, "signal=none"));
    let log = place.read("calls");
    let mut counts = BTreeMap::new();
    // strace counts the calls of each name for themselves.
    let moment = |line: &str| {
        let name = line.split_once('(')?.0.rsplit(' ').next()?.to_owned();
        let count = counts.entry(name.clone()).or_insert(0);
        *count += 1;
        Some(format!("inject={name}:signal=KILL:when={count}"))
    };
    log.lines().filter_map(moment).collect()
}

/// Holds the store to the old version or the new one, whole, and a rerun to success.
fn sound(place: &Place, before: &[u64], answer: Option<&str>, when: &str) {
    let after = place.versions("diabetes");
    let grown = after.len() == before.len() + 1 && after.starts_with(before);
    assert!(after == before || grown, "{when}: {before:?} became {after:?}");
    if let Some(latest) = after.last() {
        place.run(&["models", "verify", "diabetes"]).ok();
        let predicted = place.run(&["predict", "diabetes", "--input", "examples/data/diabetes.csv"]).ok();
        assert!(answer.is_none_or(|answer| answer == predicted.out), "{when}: it predicts something else");
        // The copy on disk comes first, so that it is there for whatever is published, and whole.
        let shown = place.run(&["models", "show", "diabetes", "--json"]).json();
        assert_eq!(shown["version"]["version"], *latest, "{when}");
        let folder = place.path(&format!("artifacts/diabetes/{latest}"));
        let copy =
            std::fs::read(folder.join("model.safetensors")).unwrap_or_else(|error| panic!("{when}: {error}"));
        assert_eq!(pipefit::table::Digest::of(&copy).to_string(), shown["version"]["sha256"], "{when}");
        for file in ["report.json", "report.md", "report.html"] {
            assert!(folder.join(file).is_file(), "{when}: no {file}");
        }
        let record = shown["version"]["run"].as_str().unwrap();
        place.run(&["runs", "show", record]).ok();
    }
    let run = place.run(&["run", FILE, "--json"]).json();
    assert!(run["artifact"]["version"].as_u64() > after.last().copied(), "{when}: {run}");
    assert_eq!(
        run["cv"]["scores"]["r2"]["mean"].as_f64().map(|r2| (r2 * 1e6).round()),
        Some(482316.0),
        "{when}"
    );
}

#[test]
fn killed_at_any_call_of_a_first_run() {
    need("strace");
    let moments = moments(&place(None));
    let (mut killed, mut published) = (0, 0);
    for moment in &moments {
        let place = place(None);
        killed += usize::from(watched(&place, moment));
        published += place.versions("diabetes").len();
        sound(&place, &[], None, &format!("first run, {moment}"));
    }
    tell(&format!("first run: killed at {killed} of {} calls, {published} had published", moments.len()));
    assert!(published > 0 && published < killed, "{published} of {killed} had published");
    assert!(killed >= 60, "killed at {killed} calls only");
}

#[test]
fn killed_at_any_call_of_a_later_run() {
    need("strace");
    let place = place(None);
    place.run(&["run", FILE]).ok();
    let answer = place.run(&["predict", "diabetes", "--input", "examples/data/diabetes.csv"]).ok().out;
    let moments = moments(&place);
    let (mut killed, mut published) = (0, 0);
    for moment in &moments {
        let before = place.versions("diabetes");
        killed += usize::from(watched(&place, moment));
        published += place.versions("diabetes").len() - before.len();
        sound(&place, &before, Some(&answer), &format!("later run, {moment}"));
    }
    tell(&format!("later run: killed at {killed} of {} calls, {published} had published", moments.len()));
    assert!(killed >= 60, "killed at {killed} calls only");
    assert!(published > 0 && published < killed, "{published} of {killed} had published");
}

#[test]
fn killed_at_calls_of_a_run_on_a_server() {
    need("strace");
    let server = Server::start();
    let place = place(Some(&server.url("/0")));
    place.run(&["run", FILE]).ok();
    let answer = place.run(&["predict", "diabetes", "--input", "examples/data/diabetes.csv"]).ok().out;
    let moments = moments(&place);
    let (mut killed, mut published) = (0, 0);
    for moment in moments.iter().step_by(2) {
        let before = place.versions("diabetes");
        killed += usize::from(watched(&place, moment));
        published += place.versions("diabetes").len() - before.len();
        sound(&place, &before, Some(&answer), &format!("on a server, {moment}"));
    }
    tell(&format!(
        "on a server: killed at {killed} calls, every second of {}, {published} had published",
        moments.len()
    ));
    assert!(killed >= 20, "killed at {killed} calls only");
}

#[test]
fn killed_at_random_moments() {
    on_both(|other| {
        let place = place(other.store().starts_with("redis:").then_some(other.store()));
        let mut dice = Mt64::new(7);
        let mut killed = 0;
        let started = Instant::now();
        place.run(&["run", FILE]).ok();
        let length = started.elapsed().as_micros() as u64;
        for round in 0..20 {
            let before = place.versions("diabetes");
            let delay = Duration::from_micros(dice.next_u64() % length);
            let mut child =
                place.command(&["run", FILE]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(delay);
            // It may have ended by itself.
            let _ = child.kill();
            killed += usize::from(child.wait().unwrap().signal() == Some(9));
            sound(&place, &before, None, &format!("round {round}, after {delay:?}"));
        }
        tell(&format!("killed {killed} of 20 at random on {}", place.store()));
        assert!(killed >= 5, "killed {killed} only");
    });
}

/// What killed runs leave behind does not grow for ever, and is no fault.
#[test]
fn a_killed_run_leaves_no_version_folder_that_is_not_whole() {
    need("strace");
    let place = place(None);
    place.run(&["run", FILE]).ok();
    for rename in 1..=4 {
        watched(&place, &format!("inject=rename:signal=KILL:when={rename}"));
        for entry in std::fs::read_dir(place.path("artifacts/diabetes")).unwrap() {
            let entry = entry.unwrap();
            if !entry.file_name().to_str().unwrap().starts_with('.') {
                assert_eq!(std::fs::read_dir(entry.path()).unwrap().count(), 4, "{:?}", entry.path());
            }
        }
        place.run(&["models", "verify", "diabetes"]).ok();
    }
}

#[test]
fn eight_runs_at_once_publish_eight_versions() {
    on_both(|other| {
        let place = place(other.store().starts_with("redis:").then_some(other.store()));
        for round in 0..3u64 {
            let children: Vec<_> = (0..8)
                .map(|_| {
                    let mut command = place.command(&["run", FILE, "--json"]);
                    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
                })
                .collect();
            let mut versions: Vec<u64> = children
                .into_iter()
                .map(|child| {
                    let output = child.wait_with_output().unwrap();
                    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
                    assert_eq!(run["warnings"], serde_json::json!([]));
                    run["artifact"]["version"].as_u64().unwrap()
                })
                .collect();
            versions.sort_unstable();
            assert_eq!(versions, (round * 8 + 1..=round * 8 + 8).collect::<Vec<_>>());
            assert_eq!(place.versions("diabetes").len() as u64, round * 8 + 8);
            assert_eq!(place.models()[0]["aliases"]["latest"], round * 8 + 8);
        }
        place.run(&["models", "verify", "diabetes"]).ok();
        assert_eq!(place.run(&["runs", "ls"]).ok().out.lines().count(), 24);
        let copies = files_under(&place.path("artifacts/diabetes"));
        assert_eq!(copies.iter().filter(|(path, _)| path.ends_with("model.safetensors")).count(), 24);
    });
}

#[test]
fn a_run_flushes_at_most_ten_times() {
    need("strace");
    let server = Server::start();
    for store in [None, Some(server.url("/0"))] {
        let place = place(store.as_deref());
        let mut counts = Vec::new();
        for run in ["first", "second"] {
            let arguments = [
                "-f",
                "-qq",
                "-o",
                "flushes",
                "-e",
                "trace=fsync,fdatasync,sync_file_range,msync,sync,syncfs",
                PIPEFIT,
                "run",
                FILE,
            ];
            assert!(place.through("strace", &arguments).stdout(Stdio::null()).status().unwrap().success());
            let log = place.read("flushes");
            let count = log.lines().filter(|line| line.contains("sync")).count();
            assert!(count <= 10, "the {run} run on {} flushes {count} times: {log}", place.store());
            assert!(count >= 3, "the {run} run on {} hardly flushes: {log}", place.store());
            counts.push(count);
        }
        tell(&format!("fsyncs of a first and a second run on {}: {counts:?}", place.store()));
    }
    // A strace that counts nothing would pass for ever.
    assert!(Command::new("strace").arg("-V").output().unwrap().status.success());
}
