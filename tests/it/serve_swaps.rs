//! `pipefit serve` while models change, stores fail and signals come.

use crate::command::{Place, tell};
use crate::http::{Serving, post, published, records};
use pipefit::registry::{Draft, MODEL_FILE, Registry};
use pipefit::store::connect;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Hot swaps in a test run; a release build may try a thousand.
const SWAPS: u64 = 200;

/// The bytes of a model's version.
fn artifact(registry: &Registry, reference: &str) -> Vec<u8> {
    registry.file(&registry.resolve(reference).unwrap(), MODEL_FILE).unwrap()
}

fn publish(registry: &Registry, name: &str, bytes: &[u8]) -> u64 {
    let version = registry.reserve(name).unwrap();
    let draft = Draft {
        name,
        version,
        run: &format!("swap-{version}"),
        created: "2026-01-01T00:00:00Z",
        rows: 442,
        scores: &Map::new(),
        files: &[(MODEL_FILE, bytes)],
        record: &Value::Null,
    };
    registry.publish(&draft).unwrap().version
}

/// A place with two versions of `diabetes` that predict differently, its registry, and the bytes of both.
fn two_versions(place: &Place) -> (Registry, [Vec<u8>; 2]) {
    place.run(&["run", "pipelines/diabetes.yaml", "-S", "model=Ridge"]).ok();
    let store = connect(place.path("store").to_str().unwrap(), place.root()).unwrap().store();
    let registry = Registry::new(store);
    let both = [artifact(&registry, "diabetes:1"), artifact(&registry, "diabetes:2")];
    assert_ne!(both[0], both[1]);
    (registry, both)
}

#[test]
fn swaps_under_load_lose_no_request() {
    let place = published(&["diabetes"]);
    let (registry, both) = two_versions(&place);
    let serving = Serving::start(&place, &["diabetes", "--poll", "10"]);
    let row = records(&place.read("examples/data/diabetes.csv"), "target")[0].to_string();
    let request = post("/predict", "application/json", row.as_bytes());
    let predicted: BTreeMap<bool, Value> = [1, 2]
        .map(|version: u64| {
            let one = Serving::start(&place, &[&format!("diabetes:{version}")]);
            (version % 2 == 1, one.send(&request).ok()["predictions"].clone())
        })
        .into();
    let (over, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen = std::thread::scope(|scope| {
        let client = || {
            let mut connection = serving.connect();
            let mut last = 0;
            let mut seen = std::collections::BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                let answer = connection.send(&request);
                let body = answer.ok();
                let version = body["model"]["version"].as_u64().unwrap();
                assert_eq!(answer.header("pipefit-model"), Some(&*format!("diabetes:{version}")));
                // Odd versions are the one model and even ones the other; no answer mixes them, and none goes back.
                assert_eq!(body["predictions"], predicted[&(version % 2 == 1)], "version {version}");
                assert!(version >= last);
                last = version;
                seen.insert(version);
                requests.fetch_add(1, Ordering::Relaxed);
            }
            seen
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
        for _ in 0..SWAPS {
            let highest = registry.model("diabetes").unwrap().highest();
            let version = publish(&registry, "diabetes", &both[(highest % 2) as usize]);
            assert_eq!(version, highest + 1);
            let deadline = Instant::now() + Duration::from_secs(20);
            while serving.get("/models").ok()["models"][0]["version"] != version {
                assert!(Instant::now() < deadline, "version {version} is not taken up");
            }
        }
        over.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect::<std::collections::BTreeSet<_>>()
    });
    let requests = requests.into_inner();
    tell(&format!("{SWAPS} swaps under {requests} requests, {} versions answered", seen.len()));
    assert!(seen.len() as u64 > SWAPS / 2, "{seen:?}");
    let metrics = String::from_utf8(serving.get("/metrics").body).unwrap();
    assert!(metrics.contains(&format!("pipefit_model_swaps_total {SWAPS}")), "{metrics}");
    serving.terminate();
    assert_eq!(serving.end().code, Some(0));
}

#[test]
fn a_damaged_version_leaves_the_last_good_one_serving() {
    let place = published(&["diabetes"]);
    let (registry, both) = two_versions(&place);
    let serving = Serving::start(&place, &["diabetes", "--poll", "10"]);
    publish(&registry, "diabetes", b"no artifact at all");
    serving.wait_for("degraded");
    let ready = serving.get("/v2/health/ready").ok();
    assert_eq!((&ready["ready"], &ready["degraded"]), (&Value::Bool(true), &Value::Bool(true)));
    let models = serving.get("/models").ok();
    assert_eq!(models["models"][0]["version"], 2);
    assert!(models["models"][0]["degraded"].as_str().unwrap().contains("artifact"), "{models}");
    publish(&registry, "diabetes", &both[0]);
    serving.wait_for("swapped");
    assert_eq!(serving.get("/v2/health/ready").ok()["degraded"], false);
    assert_eq!(serving.get("/models").ok()["models"][0]["version"], 4);
    assert_eq!(serving.log().matches("\"event\":\"degraded\"").count(), 1, "{}", serving.log());
}

#[test]
fn a_dead_server_leaves_the_model_serving() {
    let mut place = Place::with_server();
    crate::command::copy(&place, "pipelines");
    crate::command::copy(&place, "examples/data");
    place.run(&["run", "pipelines/diabetes.yaml"]).ok();
    let serving = Serving::start(&place, &["diabetes", "--poll", "10"]);
    let row = records(&place.read("examples/data/diabetes.csv"), "target")[0].to_string();
    let before = serving.post("/predict", &row).ok();
    place.run(&["run", "pipelines/diabetes.yaml", "-S", "model=Ridge"]).ok();
    serving.wait_for("swapped");
    let after = serving.post("/predict", &row).ok();
    assert_ne!(before["predictions"], after["predictions"]);
    place.server().unwrap().kill();
    serving.wait_for("degraded");
    assert_eq!(serving.post("/predict", &row).ok(), after);
    assert_eq!(serving.get("/v2/health/ready").ok()["degraded"], true);
    assert_eq!(serving.get("/v2/health/live").status, 200);
}

#[test]
fn a_signal_ends_it_after_what_is_under_way() {
    let place = published(&["diabetes"]);
    let serving = Serving::start(&place, &["diabetes"]);
    let row = records(&place.read("examples/data/diabetes.csv"), "target")[0].to_string();
    let request = post("/predict", "application/json", row.as_bytes());
    let (mut begun, mut idle, _silent) = (serving.connect(), serving.connect(), serving.connect());
    assert_eq!(idle.send(&request).status, 200);
    let (first, rest) = request.split_at(request.len() - 10);
    begun.write(first);
    std::thread::sleep(Duration::from_millis(100));
    let signalled = Instant::now();
    serving.terminate();
    serving.wait_for("draining");
    assert!(idle.is_closed_within(Duration::from_secs(5)), "an idle connection stays open");
    assert!(std::net::TcpStream::connect(serving.address).is_err(), "it still takes connections");
    std::thread::sleep(Duration::from_millis(300));
    begun.write(rest);
    assert_eq!(begun.answer().status, 200, "a request that had begun");
    let ran = serving.end();
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.err.contains("\"cut_off\":0"), "{ran}");
    assert!(signalled.elapsed() < Duration::from_secs(5), "{:?}", signalled.elapsed());
}
