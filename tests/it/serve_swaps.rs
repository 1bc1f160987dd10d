//! `pipefit serve` while models change, stores fail and signals come.

use crate::command::{Place, tell};
use crate::http::{Serving, post, published, records};
use pipefit::registry::{Draft, MODEL_FILE, Note, Registry};
use pipefit::store::connect;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Hot swaps: 100, or as many as `PIPEFIT_SWAPS` says.
fn swaps() -> u64 {
    std::env::var("PIPEFIT_SWAPS").map_or(100, |text| text.parse().expect("PIPEFIT_SWAPS is a number"))
}

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

/// What the clients of a swap see.
struct Load<'a> {
    serving: &'a Serving,
    request: Vec<u8>,
    /// What odd and even versions predict.
    predicted: BTreeMap<bool, Value>,
    over: AtomicBool,
    requests: AtomicUsize,
}

impl<'a> Load<'a> {
    /// One row of `diabetes`; odd versions are those of version 1, even ones of version 2.
    fn new(place: &Place, serving: &'a Serving) -> Self {
        let row = records(&place.read("examples/data/diabetes.csv"), "target")[0].to_string();
        let request = post("/predict", "application/json", row.as_bytes());
        let predicted = [1, 2].map(|version: u64| {
            let one = Serving::start(place, &[&format!("diabetes:{version}")]);
            (version % 2 == 1, one.send(&request).ok()["predictions"].clone())
        });
        let (over, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
        Self { serving, request, predicted: predicted.into(), over, requests }
    }

    /// Asks until all is over, on one connection or on one a request; gives the versions that answered, run by run.
    fn client(&self, fresh: bool) -> Vec<u64> {
        let mut connection = self.serving.connect();
        let mut seen = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            if fresh {
                connection = self.serving.connect();
            }
            let answer = connection.send(&self.request);
            let body = answer.ok();
            let version = body["model"]["version"].as_u64().unwrap();
            assert_eq!(answer.header("pipefit-model"), Some(&*format!("diabetes:{version}")));
            // No answer mixes two versions.
            assert_eq!(body["predictions"], self.predicted[&(version % 2 == 1)], "version {version}");
            if seen.last() != Some(&version) {
                seen.push(version);
            }
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
        seen
    }

    /// Four clients ask, two of them on a new connection each time, while `swap` is called with 1, 2, ...; each swap gives the version
    /// that has to be served before the next.
    fn while_swapping(&self, mut swap: impl FnMut(u64) -> u64) -> Vec<Vec<u64>> {
        let swaps = swaps();
        let seen = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..4).map(|i| scope.spawn(move || self.client(i % 2 == 1))).collect();
            for i in 1..=swaps {
                let version = swap(i);
                let deadline = Instant::now() + Duration::from_secs(20);
                while self.serving.get("/models").ok()["models"][0]["version"] != version {
                    assert!(Instant::now() < deadline, "version {version} is not taken up");
                }
            }
            self.over.store(true, Ordering::Relaxed);
            clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
        });
        let requests = self.requests.load(Ordering::Relaxed);
        let changes: usize = seen.iter().map(|seen| seen.len() - 1).sum();
        tell(&format!(
            "{swaps} swaps under {requests} requests, all answered; clients saw {changes} changes"
        ));
        let metrics = String::from_utf8(self.serving.get("/metrics").body).unwrap();
        assert!(metrics.contains(&format!("pipefit_model_swaps_total {swaps}")), "{metrics}");
        assert!(!metrics.contains("status=\"4") && !metrics.contains("status=\"5"), "{metrics}");
        seen
    }
}

#[test]
fn publishing_under_load_loses_no_request() {
    let place = published(&["diabetes"]);
    let (registry, both) = two_versions(&place);
    let serving = Serving::start(&place, &["diabetes", "--poll", "10"]);
    let seen = Load::new(&place, &serving).while_swapping(|_| {
        let highest = registry.model("diabetes").unwrap().highest();
        let version = publish(&registry, "diabetes", &both[(highest % 2) as usize]);
        assert_eq!(version, highest + 1);
        version
    });
    for seen in seen {
        // No client goes back to a version that it has left behind.
        assert!(seen.is_sorted() && seen.len() as u64 > swaps() / 2, "{seen:?}");
    }
    serving.terminate();
    assert_eq!(serving.end().code, Some(0));
}

/// The alias goes back and forth between two versions, now by `promote` and now by `rollback`.
#[test]
fn moving_an_alias_under_load_loses_no_request() {
    let place = published(&["diabetes"]);
    let (registry, _) = two_versions(&place);
    let note = Note { at: "2026-01-01T00:00:00Z", by: None, why: None };
    registry.promote("diabetes:1", "champion", &note).unwrap();
    let serving = Serving::start(&place, &["diabetes@champion", "--poll", "10"]);
    assert_eq!(serving.started["models"][0]["version"], 1);
    let seen = Load::new(&place, &serving).while_swapping(|i| {
        let moved = match i % 2 {
            1 => registry.promote("diabetes:2", "champion", &note).unwrap(),
            _ => registry.rollback("diabetes", Some("champion"), None, &note).unwrap(),
        };
        moved.to.version
    });
    for seen in seen {
        // Each client saw the swaps one after the other.
        assert!(seen.len() as u64 > swaps() / 2 && seen.iter().all(|version| [1, 2].contains(version)));
    }
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
