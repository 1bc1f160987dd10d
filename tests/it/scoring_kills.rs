//! Workers that are killed while they predict a stream, and a server that crashes: for each entry one prediction, the right one.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand_mt::Mt64;
use redis::{Value, cmd};

use crate::command::{Place, tell};
use crate::fleet::wait_until;
use crate::learn::{FILE, append, csv, opened, place};
use crate::proxy::{Fate, holds as bears, proxy};
use crate::scoring::{entries, expected, holds, pending, published, scoring, start, stop};
use crate::server::Server;

/// How many workers are killed at random; `PIPEFIT_TEST_KILLS` says another number.
const KILLS: usize = 40;
const ROWS: usize = 20_000;
const WORKERS: [&str; 4] = ["ann", "bob", "eve", "joe"];

/// How many entries are pending, the first, the last, and the consumers with how many each has.
type Summary = (u64, Value, Value, Option<Vec<(String, u64)>>);

/// Workers of which some are killed.
struct Crew<'a> {
    here: &'a Place,
    workers: Vec<(String, Child)>,
    /// Kills of workers that had entries in hand.
    busy: usize,
    /// Workers that found no server when they were started.
    unstarted: usize,
}

impl Crew<'_> {
    fn begin(&self, name: &str) -> (String, Child) {
        let more = ["--idle", "300ms", "--batch", "200", "--max-deliveries", "1000000", "--worker", name];
        (name.to_owned(), start(self.here, "demo", &more))
    }

    fn kill(&mut self, victim: usize, server: &Server) {
        let (name, worker) = &mut self.workers[victim];
        worker.kill().unwrap();
        worker.wait().unwrap();
        let mut request = cmd("XPENDING");
        request.arg("events").arg("pipefit").arg("-").arg("+").arg(1).arg(&*name);
        let held: redis::RedisResult<Vec<Value>> = request.query(&mut server.raw());
        self.busy += usize::from(held.is_ok_and(|held| !held.is_empty()));
    }

    /// A worker that has entries in hand, if one is seen in time.
    fn at_work(&self, server: &Server) -> Option<usize> {
        let mut connection = server.raw();
        let until = Instant::now() + Duration::from_millis(200);
        while Instant::now() < until {
            let held: Summary = cmd("XPENDING").arg("events").arg("pipefit").query(&mut connection).ok()?;
            let busy = |(name, _): &(String, u64)| self.workers.iter().position(|(known, _)| known == name);
            if let Some(worker) = held.3.iter().flatten().find_map(busy) {
                return Some(worker);
            }
        }
        None
    }

    /// Starts those again that found no server. A worker that has begun puts up with that.
    fn revive(&mut self) {
        for at in 0..self.workers.len() {
            if self.workers[at].1.try_wait().unwrap().is_none() {
                continue;
            }
            let name = self.workers[at].0.clone();
            let again = self.begin(&name);
            let (_, ended) = std::mem::replace(&mut self.workers[at], again);
            let output = ended.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(6) && !said.contains("trying again"), "{said}");
            self.unstarted += 1;
        }
    }
}

#[test]
fn killed_workers_and_a_crashed_server_write_every_entry_once() {
    let kills = std::env::var("PIPEFIT_TEST_KILLS").ok();
    let kills: usize = kills.map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let mut server = Server::with(&["--appendonly yes", "--appendfsync always"]);
    let here = Place::new().at(&server.url("/0"));
    let mut keys = place(&here);
    here.write("rows.csv", csv(0..330));
    here.run(&["run", FILE]).ok();
    let mut random = Mt64::new(5);
    let mut between = |low: u64, high: u64| low + random.next_u64() % (high - low);
    let mut crew = Crew { here: &here, workers: Vec::new(), busy: 0, unstarted: 0 };
    crew.workers = WORKERS.iter().map(|name| crew.begin(name)).collect();
    let (mut there, mut restarts) = (0, 0);
    for kill in 0..kills {
        // Those that were started last are at work.
        std::thread::sleep(Duration::from_millis(between(50, 250)));
        let upto = ROWS * (kill + 1) / kills;
        let (wait, any) = (Duration::from_millis(between(1, 40)), between(0, 4) as usize);
        // Half of them while entries come in, as soon as one has some; the others at any moment.
        let victim = std::thread::scope(|scope| {
            scope.spawn(|| append(&*keys, there..upto));
            let seen = if kill % 2 == 0 { crew.at_work(&server) } else { None };
            if seen.is_none() {
                std::thread::sleep(wait);
            }
            let victim = seen.unwrap_or(any);
            crew.kill(victim, &server);
            victim
        });
        there = upto;
        // Some come back under their name, some as another, and their entries are taken over.
        let name = format!("{}{kill}", WORKERS[victim]);
        let name = if between(0, 2) == 0 { WORKERS[victim] } else { &name };
        crew.workers[victim] = crew.begin(name);
        if kill % 10 == 9 {
            server.restart();
            restarts += 1;
            keys = opened(&here);
            // Who found no server has said so by now.
            std::thread::sleep(Duration::from_millis(300));
            crew.revive();
        }
    }
    wait_until("all entries are acknowledged", || {
        entries(&*keys, "scored").len() >= ROWS && pending(&mut server.raw()) == 0
    });
    let Crew { workers, busy, unstarted, .. } = crew;
    workers.into_iter().for_each(|(_, worker)| stop(worker));
    let told = here.run(&scoring("demo", &["--once", "--json"])).json();
    assert_eq!((&told["read"], &told["pending"], &told["lag"]), (&0.into(), &0.into(), &0.into()));
    holds(&*keys, &expected(&here, "demo", 0..ROWS));
    assert!(entries(&*keys, "events:dead").is_empty());
    assert!(busy > 0, "no worker had entries in hand when it was killed");
    tell(&format!(
        "{kills} workers killed, {busy} of them with entries in hand, {restarts} crashes of the server, {unstarted} workers \
         that found none, over {ROWS} entries"
    ));
}

/// Answers that are lost after the server has done what was asked, requests that never come, a server that is silent: whatever the
/// worker knows of it, the output is what it has to be.
#[test]
fn lost_answers_write_nothing_twice() {
    let (mut here, keys) = published();
    append(&*keys, 0..2_000);
    let met = Arc::new([const { AtomicUsize::new(0) }; 3]);
    let (asked, counted) = (AtomicUsize::new(0), Arc::clone(&met));
    let port = proxy(here.server().unwrap().port(), move |_, request| {
        if !["XREADGROUP", "EVAL", "XPENDING", "XACK"].iter().any(|word| bears(request, word)) {
            return Fate::Pass;
        }
        let count = |at: usize| counted[at].fetch_add(1, Ordering::Relaxed);
        match asked.fetch_add(1, Ordering::Relaxed) % 11 {
            2 | 5 => (count(0), Fate::Deaf).1,
            7 => (count(1), Fate::Close).1,
            9 if counted[2].load(Ordering::Relaxed) < 4 => (count(2), Fate::Silence).1,
            _ => Fate::Pass,
        }
    });
    let store = format!("redis://127.0.0.1:{port}/0?timeout=1");
    let more = [
        "--once",
        "--json",
        "--batch",
        "50",
        "--max-deliveries",
        "1000",
        "--idle",
        "200ms",
        "--store",
        &store,
    ];
    let ran = here.run(&scoring("demo", &more));
    let told = ran.object();
    ran.ok().says(&["trying again"]);
    assert!(told["written"].as_u64().unwrap() <= 2_000);
    holds(&*keys, &expected(&here, "demo", 0..2_000));
    assert!(entries(&*keys, "events:dead").is_empty());
    assert_eq!(pending(&mut here.server().unwrap().raw()), 0);
    let met: Vec<usize> = met.iter().map(|met| met.load(Ordering::Relaxed)).collect();
    assert!(met.iter().all(|met| *met > 0), "{met:?}");
    tell(&format!("{} answers lost, {} requests, {} silences over 2000 entries", met[0], met[1], met[2]));
}
