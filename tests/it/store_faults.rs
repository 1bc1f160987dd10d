//! Servers that are not there, not willing, silent or cut off: exit 6 that says what was tried, nothing half published,
//! and no password anywhere.

use crate::command::{Place, Ran, files_under};
use crate::proxy::{Fate, cutting, holds, listen, proxy};
use crate::server::Server;
use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A table.
pub const TABLE: &str = "x1,x2,y\n1,2,1\n2,1,2\n3,4,1.5\n4,3,2\n5,6,1\n6,5,2.5\n7,8,1\n8,7,2\n9,9,1\n";
/// A pipeline that learns from it.
pub const PIPELINE: &str = "version: 1\nname: m\nsource: {key: \"data:t\", load_if_missing: t.csv}\ntarget: y\n\
                        preprocess: [SimpleImputer, StandardScaler]\nmodel: Ridge\ncv: 3\n";

/// A place with the pipeline and its table.
pub fn with_files(place: Place) -> Place {
    place.write("t.csv", TABLE);
    place.write("p.yaml", PIPELINE);
    place
}

/// Every command that needs a store. `predict` and the like ask for what the store does not have, if it answers.
pub const COMMANDS: [&[&str]; 14] = [
    &["run", "p.yaml"],
    &["plan", "p.yaml"],
    &["data", "put", "data:t", "t.csv"],
    &["data", "put", "row:{id}", "t.csv", "--as", "hash"],
    &["data", "put", "rows", "t.csv", "--as", "list"],
    &["data", "put", "events", "t.csv", "--as", "stream"],
    &["data", "show", "data:t"],
    &["data", "ls"],
    &["data", "copy", "row:*", "old:*"],
    &["data", "rm", "data:t"],
    &["predict", "m", "--input", "t.csv"],
    &["models", "ls"],
    &["models", "verify", "m"],
    &["runs", "ls"],
];

/// The limit for `?timeout=1`: twice the time-out, and a second for a machine with other things to do.
const LIMIT: Duration = Duration::from_secs(3);

fn all_fail(place: &Place, words: &[&str]) {
    for command in COMMANDS {
        let started = Instant::now();
        place.run(command).fails(6, words).says(&["help:"]);
        assert!(started.elapsed() < LIMIT, "{command:?} took {:?}", started.elapsed());
    }
    assert!(!place.path("artifacts").exists() && !place.path("p.yaml.lock").exists());
}

#[test]
fn a_server_that_is_not_there_is_named_within_the_timeout() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{free}");
    all_fail(&with_files(Place::new().at(&format!("redis://{address}?timeout=1"))), &["E0601", &address]);
    all_fail(
        &with_files(Place::new().at("redis+unix:///nowhere/redis.sock?timeout=1")),
        &["/nowhere/redis.sock"],
    );
}

#[test]
fn a_black_hole_ends_within_twice_the_timeout() {
    // Takes connections and never says a word; in the second turn it swallows what it is told, too.
    for reads in [false, true] {
        let port = listen(move |_, mut client| {
            let mut buffer = [0; 4096];
            while reads && client.read(&mut buffer).is_ok_and(|n| n > 0) {}
            std::thread::sleep(Duration::from_secs(30));
        });
        let address = format!("127.0.0.1:{port}");
        let place = with_files(Place::new().at(&format!("redis://:geheim@{address}?timeout=1")));
        all_fail(&place, &["E0603", &address, "1 s"]);
        all_fail(&place.at(&format!("redis://{address}?timeout=1")), &["E0603", &address, "1 s"]);
    }
}

#[test]
fn a_server_that_hangs_up_is_named() {
    for after in [0, 1] {
        let port = listen(move |_, mut client| {
            let mut buffer = [0; 4096];
            if after > 0 {
                let _ = client.read(&mut buffer);
            }
        });
        let address = format!("127.0.0.1:{port}");
        all_fail(&with_files(Place::new().at(&format!("redis://{address}?timeout=1"))), &["E060", &address]);
    }
    // One that speaks something else.
    let port = listen(|_, mut client| {
        let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let mut buffer = [0; 4096];
        while client.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
    let place = with_files(Place::new().at(&format!("redis://127.0.0.1:{port}?timeout=1")));
    all_fail(&place, &["E060", &format!("127.0.0.1:{port}")]);
}

#[test]
fn a_server_that_loads_or_wants_a_password_is_quoted() {
    for answer in
        [&b"-LOADING Redis is loading the dataset in memory\r\n"[..], b"-NOAUTH Authentication required.\r\n"]
    {
        let port = listen(move |_, mut client| {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = client.read(&mut buffer) {
                // One to each command.
                let lines = buffer[..n].split(|byte| *byte == b'\n');
                let commands = lines.filter(|line| line.starts_with(b"*")).count().max(1);
                if client.write_all(&answer.repeat(commands)).is_err() {
                    break;
                }
            }
        });
        let word = std::str::from_utf8(&answer[1..7]).unwrap();
        let place = with_files(Place::new().at(&format!("redis://127.0.0.1:{port}?timeout=1")));
        all_fail(&place, &["E0602", word, &format!("127.0.0.1:{port}")]);
    }
}

/// A server that changes its mind between the first read and the publication, in its own words.
#[test]
fn refusals_in_the_middle_of_a_run_publish_nothing() {
    let server = Server::start();
    let direct = with_files(Place::new().at(&server.url("/0")));
    direct.run(&["run", "p.yaml"]).ok();
    let before = direct.models();
    for (answer, word) in [
        (&b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"[..], "OOM"),
        (b"-READONLY You can't write against a read only replica.\r\n", "READONLY"),
        (b"-NOAUTH Authentication required.\r\n", "NOAUTH"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "LOADING"),
        (b"-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.\r\n", "MISCONF"),
    ] {
        // From the first, second and third script on: number, blobs, commit.
        for from in 1..=3 {
            let scripts = AtomicUsize::new(0);
            let port = proxy(server.port(), move |_, request| {
                let script = holds(request, "EVAL") && scripts.fetch_add(1, Ordering::SeqCst) + 1 >= from;
                if script { Fate::Answer(answer) } else { Fate::Pass }
            });
            let url = format!("redis://127.0.0.1:{port}/0?timeout=2");
            let ran = direct.run(&["run", "p.yaml", "--store", &url]);
            let ran = ran.fails(6, &["E0602", word, &format!("127.0.0.1:{port}")]);
            assert_eq!(direct.models(), before, "{ran}");
        }
    }
    direct.run(&["models", "verify", "m"]).ok();
    direct.run(&["run", "p.yaml"]).ok();
}

/// The server dies, hangs up or falls silent between the read and each step of the publication.
#[test]
fn a_server_lost_in_the_middle_of_a_run_publishes_nothing_or_all() {
    for what in ["die", "close", "silence"] {
        for at in 1..=3 {
            let server = Server::start();
            let real = server.port();
            let direct = with_files(Place::new().at(&server.url("/0")));
            direct.run(&["run", "p.yaml"]).ok();
            let mortal = Mutex::new(server);
            let scripts = AtomicUsize::new(0);
            let (gone, dead) = std::sync::mpsc::channel();
            let through = proxy(real, move |_, request| {
                if !holds(request, "EVAL") || scripts.fetch_add(1, Ordering::SeqCst) + 1 < at {
                    return Fate::Pass;
                }
                match what {
                    "die" => {
                        mortal.lock().unwrap().kill();
                        let _ = gone.send(());
                        Fate::Close
                    }
                    "close" => Fate::Close,
                    _ => Fate::Silence,
                }
            });
            let started = Instant::now();
            let url = format!("redis://127.0.0.1:{through}/0?timeout=1");
            let ran = direct.run(&["run", "p.yaml", "--store", &url]);
            assert!(started.elapsed() < LIMIT, "{what} at {at}: {:?}: {ran}", started.elapsed());
            ran.fails(6, &["E060", &format!("127.0.0.1:{through}")]);
            if what == "die" {
                dead.recv_timeout(Duration::from_secs(10)).expect("the server was not killed");
                continue;
            }
            assert_eq!(direct.versions("m"), [1]);
            direct.run(&["models", "verify", "m"]).ok();
            direct.run(&["run", "p.yaml"]).ok();
        }
    }
}

/// The commit reaches the server and its answer never comes back: the run finds out, and tells the truth.
#[test]
fn a_lost_answer_to_the_commit_is_read_back() {
    let server = Server::start();
    let direct = with_files(Place::new().at(&server.url("/0")));
    direct.run(&["run", "p.yaml"]).ok();
    let cut = AtomicUsize::new(0);
    let port = proxy(server.port(), move |_, request| {
        let commit = holds(request, "PERSIST") && cut.fetch_add(1, Ordering::SeqCst) == 0;
        if commit { Fate::Deaf } else { Fate::Pass }
    });
    let url = format!("redis://127.0.0.1:{port}/0?timeout=5");
    let run = direct.run(&["run", "p.yaml", "--json", "--store", &url]).json();
    assert_eq!(run["artifact"]["version"], 2);
    assert_eq!(direct.versions("m"), [1, 2], "published twice, or not at all");
    direct.run(&["models", "verify", "m"]).ok();
}

/// Cut after k bytes, each way, for many k: nothing or all, and the exit code says which.
#[test]
fn a_connection_cut_after_so_many_bytes_leaves_the_old_or_the_new() {
    let server = Server::start();
    let direct = with_files(Place::new().at(&server.url("/0")));
    direct.run(&["run", "p.yaml"]).ok();
    let (mut failed, mut published) = (0, 0);
    let up = (0..24).map(|k| (1 + k * k * 24, usize::MAX));
    let down = (0..24).map(|k| (usize::MAX, 1 + k * k * 3));
    for (up, down) in up.chain(down) {
        let before = direct.versions("m");
        let port = cutting(server.port(), up, down);
        let ran = direct.run(&["run", "p.yaml", "--store", &format!("redis://127.0.0.1:{port}/0?timeout=5")]);
        let after = direct.versions("m");
        if ran.code == Some(0) {
            published += 1;
            assert_eq!(after.len(), before.len() + 1, "{ran}");
        } else {
            failed += 1;
            let ran = ran.fails(6, &["E060", &format!("127.0.0.1:{port}")]);
            // Whoever cannot even ask what became of the commit says so; then it may have gone through.
            let unknown = ran.err.contains("may");
            assert!(
                after == before || unknown,
                "cut after {up} up, {down} down: published all the same: {ran}"
            );
        }
    }
    assert!(failed > 10 && published > 0, "{failed} failed, {published} published");
    direct.run(&["models", "verify", "m"]).ok();
    direct.run(&["run", "p.yaml"]).ok();
}

/// URLs of every kind with this password, and the exit code of what asks for something there.
fn urls_with(password: &str, server: u16, silent: u16, nobody: u16) -> Vec<(String, i32)> {
    vec![
        (format!("redis://:{password}@127.0.0.1:{}/0", server), 0),
        (format!("redis://default:{password}@127.0.0.1:{}/1", server), 0),
        (format!("redis://:{password}1@127.0.0.1:{}/0", server), 6),
        (format!("redis://ann:{password}@127.0.0.1:{}/0", server), 6),
        (format!("redis://:{password}@127.0.0.1:{}/99", server), 6),
        (format!("redis://:{password}@127.0.0.1:{nobody}"), 6),
        (format!("redis://:{password}@127.0.0.1:{silent}?timeout=0.3"), 6),
        (format!("redis://:{password}@127.0.0.1:x"), 2),
        (format!("rediss://:{password}@127.0.0.1:{nobody}"), 6),
        (format!("rediss://:{password}@127.0.0.1:{}?timeout=1", server), 6),
        (format!("rediss://:{password}@127.0.0.1?cert=x"), 2),
        (format!("redis+cluster://:{password}@127.0.0.1:{nobody}"), 6),
        (format!("redis+cluster://:{password}@127.0.0.1:{}", server), 6),
        (format!("redis+cluster://:{password}@127.0.0.1/1"), 2),
        (format!("redis+sentinel://:{password}@127.0.0.1:{nobody}/main"), 6),
        (format!("redis+sentinel://:{password}@127.0.0.1:{}/main", server), 6),
        (format!("redis://:{password}@127.0.0.1?db=1"), 2),
    ]
}

/// No password in what is printed or written: not when all is well, and not when it is refused, in URL, variable,
/// file or override.
#[test]
fn no_password_gets_anywhere() {
    const CANARY: &str = "kanarienvogel";
    let server = Server::with(&["--requirepass", CANARY]);
    let silent = listen(|_, client| {
        std::thread::sleep(Duration::from_secs(30));
        drop(client);
    });
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = with_files(Place::new());
    let check = |ran: &Ran| {
        assert!(!ran.out.contains(CANARY) && !ran.err.contains(CANARY), "{ran}");
    };
    let urls = urls_with(CANARY, server.port(), silent, nobody);
    for (url, code) in &urls {
        place.write("own.yaml", format!("{PIPELINE}store: \"{url}\"\n"));
        place.write("hidden.yaml", format!("{PIPELINE}store: \"${{env:CANARY_URL}}\"\n"));
        // The problem is on the very line of the URL.
        place.write("broken.yaml", format!("{PIPELINE}store: {{url: \"{url}\"}}\nmodle: \"{url}\"\n"));
        let over = format!("store={url}");
        for json in [&[][..], &["--json"]] {
            let ran = place.run(&[&["run", "p.yaml", "--store", url], json].concat());
            check(&ran);
            assert_eq!(ran.code, Some(*code), "{ran}");
            let ran = place.run(&[&["run", "p.yaml", "-S", &over], json].concat());
            check(&ran);
            check(&place.run(&[&["run", "broken.yaml"], json].concat()));
            check(&place.run(&[&["check", "own.yaml"], json].concat()));
            check(&place.run(&[&["data", "ls", "--store", url], json].concat()));
            check(&place.run(&[&["models", "show", "absent", "--store", url], json].concat()));
            for file in ["own.yaml", "hidden.yaml"] {
                let arguments = [&["run", file], json].concat();
                let mut command = place.command(&arguments);
                command.env("PIPEFIT_STORE", url).env("CANARY_URL", url).env("RUST_BACKTRACE", "1");
                check(&Ran::of(&arguments, command.output().unwrap()));
                let arguments = [&["plan", file, "--format", "json"], json].concat();
                let mut command = place.command(&arguments);
                check(&Ran::of(&arguments, command.env("CANARY_URL", url).output().unwrap()));
            }
        }
    }
    for name in ["own.yaml", "broken.yaml"] {
        std::fs::remove_file(place.path(name)).unwrap();
    }
    let written = files_under(place.root());
    assert!(written.len() > 20, "only {} files were written", written.len());
    for (path, bytes) in written {
        assert!(!holds(&bytes, CANARY), "{} has the password", path.display());
    }
    // Nor in what the server holds.
    let place = place.at(&urls[0].0);
    for run in place.run(&["runs", "ls", "--json"]).json()["runs"].as_array().unwrap() {
        assert!(!run.to_string().contains(CANARY), "{run}");
    }
    for version in place.versions("m") {
        let version = format!("m:{version}");
        check(&place.run(&["models", "show", &version, "--json"]).ok());
    }
}
