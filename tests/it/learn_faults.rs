//! What a learner meets: a server that refuses or hangs up at any of its commands, files that were changed, numbers beyond all measure.

use std::sync::atomic::{AtomicUsize, Ordering};

use pipefit::diag::Code;
use pipefit::job::parse_part;
use pipefit::registry::{Draft, LEARNER_FILE, MODEL_FILE, Registry};
use pipefit::source::keys::{Entry, EntryId};
use pipefit::store::connect;
use serde_json::{Map, Value, json};

use crate::aliases::{model, small};
use crate::command::{Place, on_both, tell};
use crate::learn::{FILE, append, csv, digest, id, once, place, undisturbed};
use crate::proxy::{Fate, cutting, holds, proxy};
use crate::server::Server;

type Named = (&'static str, fn() -> Fate);

const FATES: [Named; 7] = [
    ("OOM", || Fate::Answer(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n")),
    ("READONLY", || Fate::Answer(b"-READONLY You can't write against a read only replica.\r\n")),
    ("NOAUTH", || Fate::Answer(b"-NOAUTH Authentication required.\r\n")),
    ("LOADING", || Fate::Answer(b"-LOADING Redis is loading the dataset in memory\r\n")),
    ("close", || Fate::Close),
    ("deaf", || Fate::Deaf),
    ("silence", || Fate::Silence),
];

/// At the `at`th script only, or from there on, a request meets its fate: commits and leases are scripts.
fn faulty(server: u16, fate: fn() -> Fate, at: usize, ever_after: bool) -> String {
    let scripts = AtomicUsize::new(0);
    let port = proxy(server, move |_, request| {
        if !holds(request, "EVAL") {
            return Fate::Pass;
        }
        let script = scripts.fetch_add(1, Ordering::SeqCst) + 1;
        if script == at || ever_after && script > at { fate() } else { Fate::Pass }
    });
    format!("redis://127.0.0.1:{port}/0?timeout=1")
}

#[test]
fn a_server_that_refuses_or_hangs_up_at_any_script_learns_nothing_twice() {
    const STEP: usize = 60;
    let server = Server::start();
    let here = Place::new().at(&server.url("/0"));
    let keys = place(&here);
    append(&*keys, 0..200);
    once(&here);
    let (mut there, mut failed, mut ended) = (200, 0, 0);
    for (name, fate) in FATES {
        for (at, ever_after) in (1..=7).flat_map(|at| [(at, false), (at, true)]) {
            append(&*keys, there..there + STEP);
            there += STEP;
            let store = faulty(server.port(), fate, at, ever_after);
            let ran = here.run(&["learn", FILE, "--once", "--store", &store]);
            match ran.code {
                Some(0) => ended += 1,
                _ => {
                    failed += 1;
                    drop(ran.fails(6, &["E060"]));
                }
            }
            if at == 7 {
                let learned = once(&here);
                assert_eq!(learned["learned"]["read"], there, "{name} at {at}");
                here.run(&["models", "verify", "demo"]).ok();
            }
        }
    }
    let learned = once(&here);
    assert_eq!((&learned["learned"]["rows"], &learned["learned"]["read"]), (&there.into(), &there.into()));
    assert_eq!(digest(&learned), digest(&undisturbed(there)));
    tell(&format!(
        "learn met {} faults at scripts: {failed} failed, {ended} ended, over {there} entries",
        failed + ended
    ));
    assert!(failed > 30 && ended > 5, "{failed} failed, {ended} ended");
}

/// Moves of an alias that are cut off or refused: as it was or moved, once; the history tells it, and what may have happened is said.
#[test]
fn promotions_and_rollbacks_that_are_cut_off_move_once_or_not() {
    let server = Server::start();
    let here = Place::new().at(&server.url("/0"));
    small(&here);
    for _ in 0..2 {
        here.run(&["run", "m.yaml"]).ok();
    }
    here.run(&["models", "promote", "m:1", "--alias", "champion"]).ok();
    let moves = || {
        let model = model(&here);
        let steps = model["history"].as_array().unwrap().iter().filter(|step| step["alias"] == "champion");
        steps.map(|step| step["to"].as_u64().unwrap()).collect::<Vec<u64>>()
    };
    let cuts = (0..30).flat_map(|k| [(1 + k * k * 40, usize::MAX), (usize::MAX, 1 + k * k * 40)]);
    let urls =
        cuts.map(|(up, down)| format!("redis://127.0.0.1:{}/0?timeout=2", cutting(server.port(), up, down)));
    let fates =
        FATES.iter().flat_map(|(_, fate)| [false, true].map(|after| faulty(server.port(), *fate, 1, after)));
    let (mut failed, mut moved) = (0, 0);
    for (i, url) in urls.chain(fates).enumerate() {
        let other = |to: u64| format!("m:{}", 3 - to);
        let promoted = *moves().last().unwrap();
        let rolls_back = i % 2 == 1;
        if rolls_back {
            here.run(&["models", "promote", &other(promoted), "--alias", "champion"]).ok();
        }
        let before = moves();
        let to = 3 - before.last().unwrap();
        let promote = ["models", "promote", &other(promoted), "--alias", "champion", "--store", &url];
        let back = ["models", "rollback", "m", "--store", &url];
        let ran = if rolls_back { here.run(&back) } else { here.run(&promote) };
        let after = moves();
        let grown =
            after.len() == before.len() + 1 && after.starts_with(&before) && after.last() == Some(&to);
        if ran.code == Some(0) {
            moved += 1;
            assert!(grown, "{ran}");
        } else {
            failed += 1;
            let ran = ran.fails(6, &["E060"]);
            assert!(
                after == before || grown && ran.err.contains("may"),
                "{before:?} became {after:?}: {ran}"
            );
        }
        assert_eq!(model(&here)["aliases"]["champion"], *after.last().unwrap());
    }
    here.run(&["models", "verify", "m"]).ok();
    tell(&format!("promote and rollback: {failed} failed, {moved} moved"));
    assert!(failed > 20 && moved > 5, "{failed} failed, {moved} moved");
}

/// Every version's learner is read by `models verify`: no byte of it can be another, and none that is no state is taken for one.
#[test]
fn a_learners_state_that_was_changed_is_told() {
    let here = Place::new();
    place(&here);
    here.write("rows.csv", csv(0..330));
    here.run(&["run", FILE]).ok();
    let registry = Registry::new(connect(here.store(), here.root()).unwrap().store());
    let published = registry.resolve("demo").unwrap();
    let blob = here.path("store/blobs").join(published.version.blobs[LEARNER_FILE].sha256.to_string());
    let whole = std::fs::read(&blob).unwrap();
    let verified = |bytes: &[u8]| {
        std::fs::remove_file(&blob).unwrap();
        std::fs::write(&blob, bytes).unwrap();
        registry.verify("demo", &parse_part).unwrap().problems
    };
    assert_eq!(verified(&whole), []);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 + (at % 255) as u8;
        let problems = verified(&changed);
        assert_eq!(problems.len(), 1, "byte {at}");
        assert!(
            problems[0].code() == Code::Damaged && problems[0].message().contains(LEARNER_FILE),
            "{}",
            problems[0]
        );
    }
    std::fs::write(&blob, &whole[1..]).unwrap();
    here.run(&["models", "verify", "demo"]).says(&["learner.safetensors"]);
    assert_eq!(verified(&whole), []);
    tell(&format!("{} flipped bytes of a learner's state told", whole.len()));

    // With its digest, but no state.
    let model = registry.file(&published, MODEL_FILE).unwrap();
    let draft = Draft {
        name: "forged",
        version: 1,
        run: "run-1",
        created: "2026-01-01T00:00:00Z",
        rows: 1,
        scores: &Map::new(),
        files: &[(MODEL_FILE, &model), (LEARNER_FILE, &model)],
        record: &Value::Null,
    };
    registry.publish(&draft).unwrap();
    let ran =
        here.run(&["models", "verify", "forged"]).says(&["`learner.safetensors`", "the learner's state"]);
    assert_eq!(ran.code, Some(7));
}

/// A number whose square is beyond all numbers would be in what is kept for ever.
#[test]
fn numbers_beyond_measure_are_laid_aside() {
    on_both(|here| {
        let keys = place(here);
        append(&*keys, 0..200);
        for (i, (name, value)) in [("y", "1e308"), ("a", "-1e200"), ("c", "1e121")].into_iter().enumerate() {
            let text = |text: &str| text.as_bytes().to_vec();
            let mut fields = vec![
                (text("a"), text("1")),
                (text("b"), text("1")),
                (text("plan"), text("p0")),
                (text("c"), text("1")),
                (text("y"), text("1")),
            ];
            fields.iter_mut().filter(|field| field.0 == text(name)).for_each(|field| field.1 = text(value));
            keys.append("events", &[Entry { id: Some(id(200 + i)), fields }]).unwrap();
        }
        append(&*keys, 203..300);
        let ran = here.run(&["learn", FILE, "--once", "--json"]);
        let learned = ran.object();
        ran.ok().says(&["3 entries cannot be learned", "field `y`: `1e308` is beyond 1e120"]);
        assert_eq!((&learned["learned"]["rows"], &learned["learned"]["refused"]), (&297.into(), &3.into()));
        assert_eq!(keys.page("events:dead", EntryId::FIRST, 9).unwrap().len(), 3);
        // What is in bounds is learned, whatever becomes of it, and the state can be read again.
        let fields = [("a", "1e119"), ("b", "-1e119"), ("plan", "p1"), ("c", "1e-300"), ("y", "1e119")];
        let fields =
            fields.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).to_vec();
        keys.append("events", &[Entry { id: Some(id(300)), fields }]).unwrap();
        append(&*keys, 301..500);
        assert_eq!(once(here)["learned"]["rows"], 497);
        append(&*keys, 500..600);
        assert_eq!(once(here)["learned"]["rows"], 597);
        assert_eq!(once(here)["artifact"]["new"], json!(false));
    });
}
