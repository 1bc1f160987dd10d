//! Learners that are killed, cut off from their store, or whose store crashes: every entry counts once, and what was learned is what
//! an undisturbed learner knows, bit by bit.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pipefit::source::keys::{Entry, Keys};
use rand_mt::Mt64;
use serde_json::Value;

use crate::aliases::{moments, watched};
use crate::command::{PIPEFIT, Place, need, tell};
use crate::learn::{FILE, append, csv, digest, id, once, opened, place, undisturbed};
use crate::proxy::cutting;
use crate::server::Server;

/// How many learners are killed at random; `PIPEFIT_TEST_KILLS` says another number, such as the 200 of the proof.
const KILLS: usize = 40;

/// Rows for each kill.
const ROWS: usize = 50;

fn kills() -> usize {
    let kills = std::env::var("PIPEFIT_TEST_KILLS").ok();
    kills.map_or(KILLS, |kills| kills.parse().expect("a number of kills"))
}

fn start(place: &Place) -> Child {
    let mut command = place.command(&["learn", FILE, "--once", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// How learners came to their ends.
#[derive(Default)]
struct Ends {
    killed: usize,
    well: usize,
    /// Cut off by a server that was gone.
    cut: usize,
}

impl Ends {
    /// Kills a learner, unless it has ended by itself.
    fn end(&mut self, mut learner: Child) {
        if learner.try_wait().unwrap().is_none() {
            learner.kill().unwrap();
            learner.wait().unwrap();
            self.killed += 1;
            return;
        }
        let output = learner.wait_with_output().unwrap();
        match output.status.code() {
            Some(0) => self.well += 1,
            Some(6) => self.cut += 1,
            _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}

/// Two learners at once, one of which is killed at any moment, again and again; entries come meanwhile. `disturb` is called after
/// every ten kills.
fn killed(here: &Place, seed: u64, disturb: &mut dyn FnMut()) {
    let kills = kills();
    let rows = kills * ROWS;
    let expected = undisturbed(rows);
    let mut keys = place(here);
    let mut random = Mt64::new(seed);
    let mut between = |low: u64, high: u64| low + random.next_u64() % (high - low);
    let (mut there, mut ends, mut disturbed) = (100, Ends::default(), 0);
    append(&*keys, 0..there);
    let mut learners: Vec<Child> = vec![start(here), start(here)];
    while ends.killed < kills {
        if ends.killed / 10 > disturbed {
            disturbed += 1;
            disturb();
            keys = opened(here);
        }
        let more = (there + between(0, 2 * ROWS as u64) as usize).min(rows);
        append(&*keys, there..more);
        there = more;
        std::thread::sleep(Duration::from_millis(between(1, 120)));
        let victim = between(0, 2) as usize;
        ends.end(std::mem::replace(&mut learners[victim], start(here)));
    }
    append(&*keys, there..rows);
    for learner in learners {
        let output = learner.wait_with_output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 6)), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let learned = once(here);
    assert_eq!(learned["learned"]["rows"], rows);
    assert_eq!(learned["learned"]["read"], rows);
    assert_eq!(learned["learned"]["sha256"], expected["learned"]["sha256"]);
    assert_eq!(learned["learned"]["score"], expected["learned"]["score"]);
    here.run(&["models", "verify", "demo"]).ok();
    let Ends { killed, well, cut } = ends;
    let store = here.store();
    tell(&format!(
        "{killed} learners killed, {well} ended, {cut} cut off by {disturbed} restarts, over {rows} entries in {store}"
    ));
}

#[test]
fn killed_learners_count_every_row_once_in_a_folder() {
    killed(&Place::new(), 1, &mut || {});
}

/// The server crashes and comes back with what its disk has, between kills.
#[test]
fn killed_learners_and_a_crashed_server_count_every_row_once() {
    let mut server = Server::with(&["--appendonly yes", "--appendfsync always"]);
    let here = Place::new().at(&server.url("/0"));
    killed(&here, 2, &mut || server.restart());
}

/// A folder as another is.
fn copy_of(place: &Place) -> Place {
    let copy = Place::new();
    let from = place.path(".");
    assert!(Command::new("cp").arg("-r").arg(from).arg(copy.root()).status().unwrap().success());
    copy
}

/// Entries of which a few cannot be learned.
fn entries(keys: &dyn Keys, from: usize, to: usize) {
    append(keys, from..to - 3);
    for i in to - 3..to {
        let fields = vec![(b"a".to_vec(), b"many".to_vec())];
        keys.append("events", &[Entry { id: Some(id(i)), fields }]).unwrap();
    }
}

/// Kills a command at every `step`th of its calls, each time on a copy of a place, and holds what is left to `sound`. Gives how
/// often it was killed.
fn swept(name: &str, from: &Place, command: &[&str], step: usize, sound: &dyn Fn(&Place, &str)) -> usize {
    let moments = moments(&copy_of(from), command);
    let mut killed = 0;
    for moment in moments.iter().step_by(step) {
        let here = copy_of(from);
        killed += usize::from(watched(&here, command, moment));
        sound(&here, &format!("{name}, {moment}"));
    }
    tell(&format!("{name}: killed at {killed} of {} calls", moments.len()));
    killed
}

/// Whatever is left is whole, and the next learner ends where an undisturbed one does.
fn goes_on(expected: &Value) -> impl Fn(&Place, &str) {
    move |here, when| {
        here.run(&["models", "ls"]).ok();
        if !here.versions("demo").is_empty() {
            here.run(&["models", "verify", "demo"]).ok();
        }
        let learned = once(here);
        for part in ["rows", "read", "refused", "sha256", "score"] {
            assert_eq!(learned["learned"][part], expected["learned"][part], "{when}: {part}");
        }
        let keys = place(here);
        let dead = keys.page("events:dead", pipefit::source::keys::EntryId::FIRST, 100).unwrap();
        assert_eq!(dead.len() as u64, expected["learned"]["refused"], "{when}");
    }
}

/// The alias names one of two versions, and the command does its work when it is given again.
fn moved(command: &'static [&'static str], to: u64) -> impl Fn(&Place, &str) {
    move |here, when| {
        let named = here.models()[0]["aliases"]["champion"].clone();
        assert!([1, 2].map(Value::from).contains(&named), "{when}: {named}");
        here.run(&["models", "verify", "demo"]).ok();
        if named != to {
            here.run(command).ok();
        }
        assert_eq!(here.models()[0]["aliases"]["champion"], to, "{when}");
        here.run(&["models", "verify", "demo"]).ok();
    }
}

/// `run`, `promote`, `rollback` and `learn` on a folder, killed at every `step`th of what they ask of the system.
fn sweep(step: usize) -> usize {
    need("strace");
    const LEARN: [&str; 3] = ["learn", FILE, "--once"];
    const PROMOTE: &[&str] = &["models", "promote", "demo:2", "--alias", "champion"];
    const ROLLBACK: &[&str] = &["models", "rollback", "demo"];
    let empty = Place::new();
    let keys = place(&empty);
    empty.write("rows.csv", csv(0..330));
    entries(&*keys, 330, 500);
    let expected = once(&copy_of(&empty));
    let mut killed = swept("first learn", &empty, &LEARN, step, &goes_on(&expected));

    let after_run = copy_of(&empty);
    after_run.run(&["run", FILE]).ok();
    let expected = once(&copy_of(&after_run));
    killed += swept("learn after run", &after_run, &LEARN, step, &goes_on(&expected));
    let learns = goes_on(&expected);
    killed += swept("run", &empty, &["run", FILE, "--threads", "1"], step, &|here, when| {
        here.run(&["models", "ls"]).ok();
        here.run(&["run", FILE]).ok();
        learns(here, when);
    });

    let learned = copy_of(&after_run);
    once(&learned);
    entries(&*place(&learned), 500, 777);
    let expected = once(&copy_of(&learned));
    killed += swept("later learn", &learned, &LEARN, step, &goes_on(&expected));

    learned.run(&["models", "promote", "demo:1", "--alias", "champion"]).ok();
    killed += swept("promote", &learned, PROMOTE, step, &moved(PROMOTE, 2));
    learned.run(PROMOTE).ok();
    killed += swept("rollback", &learned, ROLLBACK, step, &moved(ROLLBACK, 1));
    tell(&format!("killed at {killed} calls of run, promote, rollback and learn, every {step}. of them"));
    killed
}

#[test]
fn killed_at_some_calls_of_a_learner_and_what_it_needs() {
    assert!(sweep(7) >= 70);
}

#[test]
#[ignore = "minutes: every call, of which the test above takes a seventh"]
fn killed_at_any_call_of_a_learner_and_what_it_needs() {
    assert!(sweep(1) >= 500);
}

/// Every `step`th call fails instead: with an error, and without a panic; and the next learner ends where an undisturbed one does.
fn failed(step: usize) -> usize {
    need("strace");
    const LEARN: [&str; 3] = ["learn", FILE, "--once"];
    let empty = Place::new();
    let keys = place(&empty);
    entries(&*keys, 0, 500);
    let expected = once(&copy_of(&empty));
    let goes_on = goes_on(&expected);
    let errors = ["ENOSPC", "EIO", "EACCES"];
    let (mut refused, mut tried) = (0, 0);
    let moments = moments(&copy_of(&empty), &LEARN);
    // A `close` that strace fails closes nothing, which no system does: a lock would stay.
    let moments = moments.iter().filter(|moment| !moment.starts_with("inject=close:"));
    for (i, moment) in moments.step_by(step).enumerate() {
        let (call, when) = moment.split_once(":signal=KILL").unwrap();
        let option = format!("{call}:error={}{when}", errors[i % errors.len()]);
        let here = copy_of(&empty);
        let strace = ["-f", "-qq", "-o", "calls", "-e", &option, PIPEFIT];
        let output = here.through("strace", &[&strace[..], &LEARN].concat()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some() && !said.contains("panicked"), "{option}: {said}");
        // What could not be told since a write failed, and a program that the loader could not load, say nothing.
        refused += usize::from(!output.status.success());
        tried += 1;
        goes_on(&here, &option);
    }
    tell(&format!("learn: {tried} calls failed, {refused} of them ended it"));
    tried
}

#[test]
fn calls_that_fail_end_a_learner_and_lose_nothing() {
    assert!(failed(5) >= 20);
}

#[test]
#[ignore = "minutes: every call, of which the test above takes a fifth"]
fn any_call_that_fails_ends_a_learner_and_loses_nothing() {
    assert!(failed(1) >= 100);
}

/// Cut after so many bytes, each way: what was committed is the old or the new state, and the next learner goes on.
#[test]
fn a_connection_cut_after_so_many_bytes_learns_nothing_twice() {
    const STEP: usize = 40;
    let server = Server::start();
    let here = Place::new().at(&server.url("/0"));
    let keys = place(&here);
    append(&*keys, 0..200);
    once(&here);
    let (mut there, mut failed, mut ended) = (200, 0, 0);
    let up = (0..30).map(|k| (1 + k * k * 60, usize::MAX));
    let down = (0..30).map(|k| (usize::MAX, 1 + k * k * 24));
    for (up, down) in up.chain(down) {
        append(&*keys, there..there + STEP);
        there += STEP;
        let port = cutting(server.port(), up, down);
        let store = format!("redis://127.0.0.1:{port}/0?timeout=5");
        let ran = here.run(&["learn", FILE, "--once", "--store", &store]);
        if ran.code == Some(0) {
            ended += 1;
        } else {
            failed += 1;
            ran.fails(6, &["E060"]);
        }
        here.run(&["models", "verify", "demo"]).ok();
        if there.is_multiple_of(3) {
            let learned = once(&here);
            assert_eq!(learned["learned"]["read"], there, "cut after {up} up, {down} down");
        }
    }
    let learned = once(&here);
    let expected = undisturbed(there);
    assert_eq!((&learned["learned"]["rows"], &learned["learned"]["read"]), (&there.into(), &there.into()));
    assert_eq!(digest(&learned), digest(&expected));
    tell(&format!("learn cut off {failed} times, {ended} ended, over {there} entries"));
    assert!(failed > 20 && ended > 0, "{failed} failed, {ended} ended");
}
