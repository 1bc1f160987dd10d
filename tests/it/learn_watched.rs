//! What a learner looks after beside learning: drift, the guarded alias, versions without anything new, and its metrics.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pipefit::source::keys::{Entry, EntryId, Keys};
use serde_json::{Value, json};

use crate::command::{Place, on_both};
use crate::http::Client;
use crate::learn::{FILE, digest, once, opened};

const PIPELINE: &str = "\
version: 1
name: demo
source: {file: rows.csv}
target: y
preprocess:
  num: {columns: {type: number}, steps: [SimpleImputer, StandardScaler]}
  cat: {columns: {type: category}, steps: [{OneHotEncoder: {handle_unknown: ignore}}]}
model: {Ridge: {alpha: 0.5}}
cv: null
online: {stream: events, batch: 50, max_wait: 20ms, publish: 1h, lease: 2s}
";

/// A number from 0 to 1, without a pattern.
fn noise(i: usize, j: usize) -> f64 {
    let x = (i as u64 + 3).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (j as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
    let x = (x ^ x >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((x ^ x >> 29) >> 11) as f64 / (1u64 << 53) as f64
}

/// How rows are made.
#[derive(Clone, Copy)]
struct Law {
    /// What is added to `x`.
    shift: f64,
    /// What `y` is for an `x`.
    slope: f64,
}

const LAW: Law = Law { shift: 0.0, slope: 3.0 };
const POISON: Law = Law { shift: 0.0, slope: -40.0 };

fn row(i: usize, law: Law) -> [(&'static str, String); 3] {
    let x = noise(i, 0) + noise(i, 1) + law.shift;
    let shop = i * 7 % 3;
    let y = law.slope * x + shop as f64 + 0.1 * noise(i, 2);
    [("x", x.to_string()), ("shop", format!("s{shop}")), ("y", y.to_string())]
}

/// The pipeline with more under `online`, and the keys of the store.
fn place(here: &Place, more: &str) -> Arc<dyn Keys> {
    here.write(FILE, PIPELINE.replace("publish: 1h", &format!("publish: 1h{more}")));
    opened(here)
}

fn table(here: &Place, rows: std::ops::Range<usize>) {
    let line = |i| row(i, LAW).map(|(_, value)| value).join(",") + "\n";
    here.write("rows.csv", "x,shop,y\n".to_owned() + &rows.map(line).collect::<String>());
}

fn append(keys: &dyn Keys, rows: std::ops::Range<usize>, law: Law) {
    let bytes = |(name, value): (&str, String)| (name.as_bytes().to_vec(), value.into_bytes());
    let id = |i: usize| Some(EntryId { time: 1_000 + 10 * i as u64, number: 0 });
    let entry = |i| Entry { id: id(i), fields: row(i, law).into_iter().map(bytes).collect() };
    keys.append("events", &rows.map(entry).collect::<Vec<_>>()).unwrap();
}

#[test]
fn rows_that_drift_are_told_by_column() {
    const DRIFT: &str = ", drift: {window: 500}";
    on_both(|here| {
        let keys = place(here, DRIFT);
        table(here, 0..2_000);
        here.run(&["run", FILE]).ok();
        append(&*keys, 2_000..5_000, LAW);
        let ran = here.run(&["learn", FILE, "--once", "--json"]);
        assert!(!ran.err.contains("drifted") && !ran.err.contains("predicted worse"), "{ran}");
        let drift = ran.object()["learned"]["drift"].clone();
        assert_eq!(
            (&drift["windows"], &drift["drifted"], &drift["reference"]),
            (&json!(6), &json!(0), &json!(2_000))
        );
        assert!(
            drift["columns"][1]["ks"].is_null()
                && drift["columns"][1]["psi"]["p_value"].as_f64() > Some(0.001)
        );

        append(&*keys, 5_000..5_500, Law { shift: 0.3, ..LAW });
        let ran = here
            .run(&["learn", FILE, "--once", "--json"])
            .says(&["warning", "rows of stream `events` have drifted: `x`"]);
        assert!(!ran.err.contains("`shop`"), "{ran}");
        let drift = ran.object()["learned"]["drift"].clone();
        assert_eq!((&drift["windows"], &drift["drifted"]), (&json!(7), &json!(1)));
        assert!(drift["columns"][0]["ks"]["p_value"].as_f64() < Some(1e-9), "{drift}");
        assert_eq!([0, 1].map(|j| drift["columns"][j]["drifted"].clone()), [json!(true), json!(false)]);
        // In the version's record, too.
        let shown = here.run(&["models", "show", "demo", "--json"]).json();
        assert_eq!(shown["learned"]["drift"], drift);
        let shown = here.run(&["models", "show", "demo"]).ok().out;
        let words = ["3500 entries read", "drift    1 of 7 windows", "x: psi ", "  drifted", "shop: psi "];
        assert!(words.iter().all(|word| shown.contains(word)), "{shown}");

        // Another relation: what is predicted gets worse.
        append(&*keys, 5_500..7_500, POISON);
        here.run(&["learn", FILE, "--once"]).ok().says(&["are predicted worse than before: bounded error"]);
    });
}

#[test]
fn drift_is_an_error_where_the_file_says_so() {
    on_both(|here| {
        let keys = place(here, ", drift: {window: 500, reference: 1000, on_drift: fail}");
        append(&*keys, 0..2_000, LAW);
        assert_eq!(once(here)["learned"]["drift"]["reference"], 1_000);
        append(&*keys, 2_000..2_700, Law { shift: 0.5, ..LAW });
        here.run(&["learn", FILE, "--once"]).fails(7, &["error[E0704]", "have drifted: `x` (psi "]);
        // They are learned, and the next one goes on behind them and publishes.
        let learned = once(here);
        assert_eq!((&learned["read"], &learned["learned"]["rows"]), (&0.into(), &2_700.into()));
        assert_eq!(learned["artifact"], json!({"name": "demo", "version": 2, "new": true}));
        assert_eq!(learned["learned"]["drift"]["drifted"], 1);
        // What was found is no other for having been cut into two.
        let whole = Place::new();
        let keys = place(&whole, ", drift: {window: 500, reference: 1000, on_drift: warn}");
        append(&*keys, 0..2_000, LAW);
        append(&*keys, 2_000..2_700, Law { shift: 0.5, ..LAW });
        assert_eq!(digest(&once(&whole)), digest(&learned));
    });
}

fn champion(here: &Place) -> Value {
    here.models()[0]["aliases"]["champion"].clone()
}

fn last_move(here: &Place) -> Value {
    let model = here.models()[0].clone();
    let history = model["history"].as_array().unwrap();
    history.iter().rev().find(|step| step["alias"] == "champion").cloned().unwrap_or_default()
}

#[test]
fn a_guarded_alias_follows_versions_that_are_no_worse_and_goes_back() {
    on_both(|here| {
        let keys = place(here, ", guard: {rows: 200}");
        append(&*keys, 0..300, LAW);
        let first = once(here);
        assert_eq!((champion(here), &first["guard"]["promoted"]), (json!(1), &json!(true)));
        assert_eq!(last_move(here)["by"], "pipefit learn");

        append(&*keys, 300..400, LAW);
        let few = here
            .run(&["learn", FILE, "--once", "--json"])
            .says(&["`champion` does not name the new version"]);
        assert_eq!(few.object()["guard"]["why"], "100 of 200 rows were compared with version 1");
        append(&*keys, 400..600, LAW);
        let learned = once(here);
        assert_eq!((champion(here), &learned["guard"]["promoted"]), (json!(3), &json!(true)), "{learned}");
        assert!(last_move(here)["why"].as_str().unwrap().contains("no worse than"), "{}", last_move(here));

        // What is learned of rows that are wrong is worse on those that come then.
        append(&*keys, 600..900, POISON);
        append(&*keys, 900..1_200, LAW);
        let ran = here
            .run(&["learn", FILE, "--once", "--json"])
            .says(&["`champion` does not name the new version"]);
        let told = ran.object()["guard"].clone();
        assert!(told["why"].as_str().unwrap().contains("is worse than"), "{told}");
        assert_eq!(
            (champion(here), &told["promoted"], here.versions("demo").len()),
            (json!(3), &json!(false), 4)
        );
        let shown = here.run(&["models", "show", "demo"]).ok().out;
        assert!(shown.contains("guard    not promoted to champion: mean squared error"), "{shown}");

        // Somebody promotes it all the same: it goes back once rows have shown that it is worse.
        here.run(&["models", "promote", "demo:4", "--alias", "champion", "--by", "ada"]).ok();
        append(&*keys, 1_200..1_400, LAW);
        let ran = here.run(&["learn", FILE, "--once", "--json"]).says(&["`champion` names version 3 again"]);
        let told = ran.object()["guard"].clone();
        assert_eq!((champion(here), &told["rolled_back"]["to"]), (json!(3), &json!(3)), "{told}");
        let step = last_move(here);
        assert_eq!(
            [&step["how"], &step["from"], &step["by"]],
            [&json!("rolled-back"), &json!(4), &json!("pipefit learn")]
        );
        assert!(step["why"].as_str().unwrap().contains("worse than"), "{step}");
        // And stays there: the version before is not gone back to a second time.
        append(&*keys, 1_400..1_600, LAW);
        once(here);
        assert!(last_move(here)["why"] == step["why"] || champion(here) != json!(4), "{}", last_move(here));
        here.run(&["models", "verify", "demo"]).ok();
    });
}

/// What is compared is part of the record: portions and kills between them change no decision.
#[test]
fn a_guard_decides_the_same_however_rows_come() {
    let outcome = |portions: &[usize]| {
        let here = Place::new();
        let keys = place(&here, ", guard: {rows: 200}");
        append(&*keys, 0..300, LAW);
        once(&here);
        let mut from = 300;
        for to in portions {
            append(&*keys, from..*to, LAW);
            // Read and committed, but not published.
            let mut learner = start(&here, &["learn", FILE, "--metrics", "127.0.0.1:0"]);
            learner.wait_for("pipefit_learn_entries_read_total", *to);
            std::thread::sleep(Duration::from_millis(100));
            learner.process.kill().unwrap();
            learner.process.wait().unwrap();
            from = *to;
        }
        let learned = once(&here);
        assert_eq!(learned["read"], 0);
        (learned["guard"].clone(), digest(&learned).to_owned())
    };
    assert_eq!(outcome(&[700]), outcome(&[333, 610, 700]));
}

/// A learner whose metrics somebody reads.
struct Watched {
    process: Child,
    address: SocketAddr,
}

fn start(here: &Place, arguments: &[&str]) -> Watched {
    let mut process = here.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let line = line.unwrap();
        Some(line.strip_prefix("metrics at http://")?.strip_suffix("/metrics")?.parse().unwrap())
    });
    // What else it says must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    Watched { process, address: address.expect("the address of the metrics") }
}

impl Watched {
    fn text(&self) -> String {
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        let answer = Client::connect(self.address).send(request.as_bytes());
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body).unwrap()
    }

    fn value(&self, metric: &str) -> Option<f64> {
        let text = self.text();
        let line = text.lines().find(|line| line.starts_with(&format!("{metric}{{pipeline=\"demo\"}}")))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    fn wait_for(&self, metric: &str, value: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.value(metric) != Some(value as f64) {
            assert!(Instant::now() < deadline, "{metric} is not {value}: {}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_learner_shows_how_far_it_is() {
    on_both(|here| {
        let keys = place(here, ", drift: {window: 100, reference: 300}");
        append(&*keys, 0..420, LAW);
        keys.append(
            "events",
            &[Entry {
                id: Some(EntryId { time: 9_000, number: 0 }),
                fields: vec![(b"x".to_vec(), b"many".to_vec())],
            }],
        )
        .unwrap();
        let mut learner =
            start(here, &["learn", FILE, "--metrics", "127.0.0.1:0", "-S", "online.publish=500ms"]);
        learner.wait_for("pipefit_learn_entries_read_total", 421);
        for (metric, value) in [
            ("learning", 1.0),
            ("entries_refused_total", 1.0),
            ("rows_learned_total", 400.0),
            ("rows_waiting", 20.0),
            ("lag_entries", 0.0),
            ("lag_seconds", 0.0),
            ("drift_windows_total", 1.0),
            ("drift_alarms_total", 0.0),
            ("overtaken_total", 0.0),
        ] {
            assert_eq!(
                learner.value(&format!("pipefit_learn_{metric}")),
                Some(value),
                "{metric}: {}",
                learner.text()
            );
        }
        learner.wait_for("pipefit_learn_version", 1);
        // A second learner waits for the first, and says so.
        let mut other = start(here, &["learn", FILE, "--metrics", "127.0.0.1:0"]);
        other.wait_for("pipefit_learn_learning", 0);
        other.process.kill().unwrap();
        other.process.wait().unwrap();
        // While it is stopped, the stream goes on.
        std::process::Command::new("kill")
            .args(["-TERM", &learner.process.id().to_string()])
            .status()
            .unwrap();
        assert!(learner.process.wait().unwrap().success());
    });
    let here = Place::new();
    place(&here, "");
    here.run(&["learn", FILE, "--metrics", "0.0.0.0:0"])
        .fails(2, &["can be reached from other machines", "--token-file"]);
}

/// A learner that was killed has committed more than it has published: the next call publishes it, and the one after has nothing to.
#[test]
fn once_publishes_what_a_killed_learner_has_left_and_nothing_twice() {
    on_both(|here| {
        let keys = place(here, "");
        append(&*keys, 0..320, LAW);
        let mut learner = start(here, &["learn", FILE, "--metrics", "127.0.0.1:0"]);
        learner.wait_for("pipefit_learn_entries_read_total", 320);
        std::thread::sleep(Duration::from_millis(200));
        learner.process.kill().unwrap();
        learner.process.wait().unwrap();
        assert_eq!(here.versions("demo"), [] as [u64; 0]);
        let learned = once(here);
        assert_eq!(learned["read"], 0);
        assert_eq!(learned["artifact"], json!({"name": "demo", "version": 1, "new": true}));
        for _ in 0..2 {
            let ran = here.run(&["learn", FILE, "--once"]).ok();
            assert!(ran.out.contains("0 entries read") && ran.out.contains("still version 1"), "{ran}");
        }
        // Rows that fill no block change no version either.
        append(&*keys, 320..340, LAW);
        assert_eq!(once(here)["artifact"]["new"], false);
        assert_eq!(here.versions("demo"), [1]);
        // A version that is gone is published again.
        here.run(&["models", "rm", "demo:1"]).ok();
        assert_eq!(once(here)["artifact"], json!({"name": "demo", "version": 2, "new": true}));
    });
}

#[test]
fn what_is_asked_for_wrongly_is_told() {
    let here = Place::new();
    for (more, words) in [
        (", drift: {window: 5}", &["`online.drift.window`"][..]),
        (", drift: {p_value: 2}", &["`online.drift.p_value`", "a number from 0 to 1"]),
        (", drift: {on_drift: stop}", &["`online.drift.on_drift`", "fail"]),
        (", drift: {windows: 500}", &["`windows`", "did you mean `window`?"]),
        (", guard: {alias: latest}", &["`latest` names the highest version"]),
        (", guard: {rows: 1}", &["`online.guard.rows`"]),
        (", guard: {}, evaluate: none", &["`online.guard` compares predictions"]),
        (", labels: {key: id, wait: 5}", &["`online.labels.wait`", "a length of time"]),
    ] {
        place(&here, more);
        here.run(&["check", FILE]).fails(3, words);
    }
    place(&here, ", drift: {}, guard: {}, labels: {key: id}");
    here.run(&["check", FILE]).ok();
}
