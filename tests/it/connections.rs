//! Every way to a server: TLS, users and passwords, socket files, database numbers, clusters, sentinels and replicas. What is
//! read is the same table, what is published is there, and what does not work says why.

use std::path::Path;
use std::time::{Duration, Instant};

use pipefit::diag::{Code, Diagnostic, Silent};
use pipefit::source::formats::ReadOptions;
use pipefit::source::keys;
use pipefit::source::layouts::read_rows;
use pipefit::table::{Digest, fingerprint};
use redis::{Connection, cmd};

use crate::command::Place;
use crate::fleet::{Certificates, Cluster, Sentinel, slot_of, wait_until};
use crate::proxy::{cutting, listen};
use crate::server::Server;
use crate::store_faults::{TABLE, with_files};
use crate::trickle::paced;

const ROWS: usize = 3_000;

/// Hashes, a document now and then, and a field that only late rows have.
fn write(raw: &mut Connection, i: usize) {
    let key = format!("r:{i:04}");
    if i % 100 == 50 {
        cmd("SET").arg(key).arg(format!("{{\"x\": {}, \"id\": {i}}}", i * i)).exec(raw).unwrap();
    } else {
        let more = if i > 2_000 { "late" } else { "x" };
        cmd("HSET").arg(key).arg(&[("id", i), ("x", i * i), (more, i * i)]).exec(raw).unwrap();
    }
}

fn fill(raw: &mut Connection) {
    (0..ROWS).for_each(|i| write(raw, i));
}

fn read(url: &str) -> Result<Digest, Diagnostic> {
    let keys = keys::open(url, Path::new(""))?.1;
    read_rows(&*keys, "r:*", &ReadOptions::default(), &Silent).map(|read| fingerprint(&read.table))
}

/// The table, read the plain way.
fn expected() -> Digest {
    let server = Server::start();
    fill(&mut server.raw());
    read(&server.url("/0")).unwrap()
}

/// Everything that a store is for: a run that reads rows, a prediction, a listing, a verification.
fn used(url: &str) {
    let place = with_files(Place::new().at(url));
    place.write(
        "rows.yaml",
        "version: 1\nname: rows\nsource: {pattern: \"r:*\", columns: [id, x]}\ntarget: x\nmodel: Ridge\ncv: 3\n",
    );
    for file in ["p.yaml", "rows.yaml"] {
        place.run(&["run", file]).ok();
        place.run(&["run", file, "--locked"]).ok();
    }
    place.run(&["predict", "m", "--input", "data:t", "--output", "out"]).ok();
    place.run(&["models", "verify", "m"]).ok();
    let listed = place.run(&["data", "ls", "--json"]).json();
    assert_eq!(listed["keys"].as_array().unwrap().len(), ROWS + 2, "{listed}");
    assert_eq!(place.run(&["runs", "ls", "--json"]).json()["runs"].as_array().unwrap().len(), 4);
    place.run(&["data", "rm", "out"]).ok();
    place.run(&["data", "show", "out"]).fails(4, &["out"]);
    for form in ["hash", "stream", "list"] {
        place.write("few.csv", "x,y\n1,a\n2,b\n");
        place.run(&["data", "put", "few:1", "few.csv", "--as", form]).ok();
        let what = if form == "hash" { "few:1:*" } else { "few:1" };
        assert_eq!(place.run(&["data", "get", what, "-"]).ok().out, "x,y\n1,a\n2,b\n", "{form}");
        place.run(&["data", "rm", what, "--yes"]).ok();
    }
    let big: String = (0..300_000).map(|i| format!("{i},{}\n", i % 7)).collect();
    place.write("big.csv", format!("x,y\n{big}"));
    place.run(&["data", "put", "big", "big.csv"]).ok();
    place.run(&["data", "get", "big", "again.csv"]).ok();
    assert_eq!(place.read("again.csv"), place.read("big.csv"));
}

#[test]
fn tls_carries_everything() {
    let certificates = Certificates::new();
    let (server, port) = certificates.server("no", &[]);
    fill(&mut server.raw());
    let ca = certificates.path("ca.pem");
    let url = format!("rediss://localhost:{port}/0?cacert={}", ca.display());
    assert_eq!(read(&url).unwrap(), expected());
    assert_eq!(read(&url.replace("localhost", "127.0.0.1")).unwrap(), expected());
    used(&url);
    // A relative path is one beside the pipeline file.
    let place = Place::new();
    place.write(
        "deep/p.yaml",
        format!("{}store: \"rediss://localhost:{port}/1?cacert=ca.pem\"\n", crate::store_faults::PIPELINE),
    );
    place.write("deep/t.csv", TABLE);
    place.write("deep/ca.pem", std::fs::read(ca).unwrap());
    place.run(&["run", "deep/p.yaml"]).ok();
}

#[test]
fn a_server_that_wants_a_certificate_gets_one() {
    let certificates = Certificates::new();
    let (server, port) = certificates.server("yes", &["--requirepass geheim"]);
    let file = |name: &str| certificates.path(name).display().to_string();
    let url = format!("rediss://:geheim@localhost:{port}/0?timeout=5&cacert={}", file("ca.pem"));
    let error = read(&url).unwrap_err();
    assert_eq!(error.code(), Code::StoreUnreachable, "{error:?}");
    assert!(error.message().contains(&format!("localhost:{port}")), "{error:?}");
    let url = format!("{url}&cert={}&key={}", file("client.pem"), file("client.key"));
    let plain = server.url("/0").replace("//", "//:geheim@");
    fill(&mut redis::Client::open(plain).unwrap().get_connection().unwrap());
    assert_eq!(read(&url).unwrap(), expected());
}

#[test]
fn tls_refuses_whom_it_cannot_trust() {
    let certificates = Certificates::new();
    let (server, port) = certificates.server("no", &[]);
    let ca = certificates.path("ca.pem").display().to_string();
    let other = Certificates::new();
    let of_other = other.path("ca.pem").display().to_string();
    let empty = certificates.path("server.ext").display().to_string();
    for (url, said) in [
        (format!("rediss://localhost:{port}/0?timeout=2&cacert={of_other}"), "invalid peer certificate"),
        // The system does not know it either.
        (format!("rediss://localhost:{port}/0?timeout=2"), "certificate"),
        (format!("rediss://127.0.0.2:{port}/0?timeout=2&cacert={ca}"), "127.0.0.2"),
        // No TLS there.
        (format!("rediss://localhost:{}/0?timeout=2&cacert={ca}", server.port()), "localhost"),
        (format!("rediss://localhost:{port}/0?timeout=2&cacert=/nowhere/ca.pem"), "/nowhere/ca.pem"),
        (format!("rediss://localhost:{port}/0?timeout=2&cacert={empty}"), "server.ext"),
        (format!("rediss://localhost:{port}/0?timeout=2&cacert={ca}&cert={ca}&key={ca}"), "private key"),
    ] {
        let start = Instant::now();
        let error = read(&url).unwrap_err();
        assert_eq!(error.code(), Code::StoreUnreachable, "{url}: {error:?}");
        assert!(error.message().contains(said), "{said}: {error:?}");
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
    // TLS there, and not asked for.
    let error = read(&format!("redis://127.0.0.1:{port}/0?timeout=2")).unwrap_err();
    assert_eq!(error.code().exit_code(), 6, "{error:?}");
}

/// Faults under the encryption: in time, and never another table.
#[test]
fn faults_under_tls_are_told_in_time() {
    let certificates = Certificates::new();
    let (server, port) = certificates.server("no", &[]);
    fill(&mut server.raw());
    let expected = expected();
    let through = |port: u16, timeout: f64| {
        let ca = certificates.path("ca.pem");
        read(&format!("rediss://localhost:{port}/0?timeout={timeout}&cacert={}", ca.display()))
    };
    let (mut failed, mut good) = (0, 0);
    for k in 1..40 {
        match through(cutting(port, usize::MAX, k * k * 150), 5.0) {
            Ok(digest) => {
                good += 1;
                assert_eq!(digest, expected, "cut after {} bytes", k * k * 150);
            }
            Err(error) => {
                failed += 1;
                assert_eq!(error.code().exit_code(), 6, "{error:?}");
                assert!(error.message().contains("localhost:"), "{error:?}");
            }
        }
    }
    assert!(failed > 10 && good > 3, "{failed} failed, {good} read");
    // In the handshake, and in the middle of a record: no single reading from the socket is late.
    for (bytes, pause) in [(1, 30), (16, 40)] {
        let start = Instant::now();
        let error = through(paced(port, bytes, Duration::from_millis(pause)), 0.7).unwrap_err();
        assert_eq!(error.code().exit_code(), 6, "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
    let hole = listen(|_, client| {
        std::thread::sleep(Duration::from_secs(10));
        drop(client);
    });
    let start = Instant::now();
    assert_eq!(through(hole, 0.5).unwrap_err().code(), Code::StoreUnreachable);
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    // A slow line is a line.
    assert_eq!(through(paced(port, 1 << 14, Duration::from_millis(20)), 1.0).unwrap(), expected);
}

#[test]
fn users_sockets_and_numbers_lead_to_their_own() {
    let server = Server::with(&[
        "--user ann on >p@s/s ~* &* +@all",
        "--user bob on >pw ~r:* +@read +select +ping -@dangerous",
        "--requirepass geheim",
    ]);
    let open = |url: String| redis::Client::open(url).unwrap().get_connection().unwrap();
    fill(&mut open(server.url("/0").replace("//", "//:geheim@")));
    fill(&mut open(server.url("/3").replace("//", "//:geheim@")));
    cmd("DEL").arg("r:0007").exec(&mut open(server.url("/3").replace("//", "//:geheim@"))).unwrap();
    let expected = expected();
    let address = format!("127.0.0.1:{}", server.port());
    let socket = server.socket().display().to_string();
    for url in [
        format!("redis://:geheim@{address}"),
        format!("redis://ann:p%40s%2Fs@{address}/0"),
        format!("redis://bob:pw@{address}/0"),
        format!("redis+unix://ann:p@s/s@{socket}"),
        format!("redis+unix://:geheim@{socket}?db=0"),
    ] {
        assert_eq!(read(&url).unwrap(), expected, "{url}");
    }
    for url in [format!("redis://:geheim@{address}/3"), format!("redis+unix://:geheim@{socket}?db=3")] {
        assert_ne!(read(&url).unwrap(), expected, "{url}");
    }
    for (url, word, said) in [
        (format!("redis://{address}"), "NOAUTH", "password"),
        (format!("redis://ann:pw@{address}"), "WRONGPASS", "user"),
        (format!("redis://:geheim@{address}/99"), "index", ""),
    ] {
        let error = read(&url).unwrap_err();
        assert_eq!(error.code(), Code::StoreRefused, "{url}");
        assert!(error.message().contains(word) && error.message().contains(&address), "{error:?}");
        assert!(error.advice().unwrap().contains(said), "{error:?}");
    }
    let place = with_files(Place::new().at(&format!("redis://bob:pw@{address}/0")));
    place.run(&["run", "p.yaml"]).fails(6, &["E0602", "NOPERM", "data:t", &address]);
}

#[test]
fn a_cluster_is_one_store() {
    let cluster = Cluster::start();
    (0..ROWS).for_each(|i| write(&mut cluster.at(&format!("r:{i:04}")), i));
    let has_some = |server: &Server| cmd("DBSIZE").query::<usize>(&mut server.raw()).unwrap() > ROWS / 5;
    assert!(cluster.servers.iter().all(has_some), "not spread");
    assert_eq!(read(&cluster.url("")).unwrap(), expected());
    used(&cluster.url("?prefix=team"));
    // One of its servers, by a plain URL, has some of the rows only: never a table of those.
    for server in &cluster.servers {
        let place = with_files(Place::new().at(&server.url("/0")));
        place.run(&["run", "p.yaml"]).fails(6, &["E0602", "redis+cluster://"]);
    }
}

#[test]
fn a_cluster_and_sentinels_are_reached_by_tls() {
    let certificates = Certificates::new();
    let ca = certificates.path("ca.pem").display().to_string();
    let (cluster, port) = Cluster::with_tls(&certificates);
    (0..ROWS).for_each(|i| write(&mut cluster.at(&format!("r:{i:04}")), i));
    let url = format!("rediss+cluster://localhost:{port}?timeout=5&cacert={ca}");
    assert_eq!(read(&url).unwrap(), expected());
    used(&format!("{url}&prefix=team"));
    let error = read(&format!("rediss+cluster://localhost:{port}?timeout=5")).unwrap_err();
    assert_eq!(error.code(), Code::StoreUnreachable, "{error:?}");
    assert!(error.message().contains(&format!("localhost:{port}")), "{error:?}");
    drop(cluster);

    let (primary, port) = certificates.server("no", &["--tls-replication yes"]);
    fill(&mut primary.raw());
    let (_sentinel, watcher) = Sentinel::with_tls(port, &certificates);
    let url = format!("rediss+sentinel://localhost:{watcher}/main/0?timeout=5&cacert={ca}");
    assert_eq!(read(&url).unwrap(), expected());
    used(&url);
    let error = read(&format!("rediss+sentinel://localhost:{watcher}/main/0?timeout=5")).unwrap_err();
    assert_eq!(error.code(), Code::StoreUnreachable, "{error:?}");
}

#[test]
fn rows_of_a_cluster_are_read_from_its_replicas() {
    let cluster = Cluster::start();
    (0..ROWS).for_each(|i| write(&mut cluster.at(&format!("r:{i:04}")), i));
    let url = cluster.url("?replica=yes&timeout=5");
    // Without any it is read as ever.
    assert_eq!(read(&url).unwrap(), expected());
    let replica = cluster.replica_of(0);
    let rows: usize = cmd("DBSIZE").query(&mut cluster.servers[0].raw()).unwrap();
    wait_until("the replica has the rows", || {
        cmd("DBSIZE").query::<usize>(&mut replica.raw()).is_ok_and(|count| count == rows)
    });
    let calls = |server: &Server| {
        let told: String = cmd("INFO").arg("commandstats").query(&mut server.raw()).unwrap();
        let of = |line: &str| {
            line.strip_prefix("cmdstat_hgetall:calls=")?.split(',').next()?.parse::<usize>().ok()
        };
        told.lines().find_map(of).unwrap_or(0)
    };
    let before = calls(&cluster.servers[0]);
    assert_eq!(read(&url).unwrap(), expected());
    assert_eq!(calls(&cluster.servers[0]), before);
    assert!(calls(&replica) > ROWS / 5, "{}", calls(&replica));
    used(&cluster.url("?replica=yes&prefix=team"));
    // When it has died its primary is read.
    drop(replica);
    wait_until("the cluster has noticed", || read(&url).is_ok());
    assert_eq!(read(&url).unwrap(), expected());
    let error = read("redis://127.0.0.1:1/0?replica=yes").unwrap_err();
    assert_eq!(error.code().exit_code(), 2, "{error:?}");
}

/// Slots change hands: for good, and while a key is on its way.
#[test]
fn keys_that_move_in_a_cluster_are_found() {
    let cluster = Cluster::start();
    (0..ROWS).for_each(|i| write(&mut cluster.at(&format!("r:{i:04}")), i));
    let expected = expected();
    let keys = keys::open(&cluster.url("?timeout=5"), Path::new("")).unwrap().1;
    let again =
        || read_rows(&*keys, "r:*", &ReadOptions::default(), &Silent).map(|read| fingerprint(&read.table));
    assert_eq!(again().unwrap(), expected);
    // A key that is on its way: its server sends us on, for this once.
    let key = "r:0007";
    let (slot, from) = (slot_of(&cluster.servers[0], key), cluster.owner(key));
    let to = (from + 1) % 3;
    let set = |server: usize, words: &[&str]| {
        let mut command = cmd("CLUSTER");
        command.arg("SETSLOT").arg(slot).arg(words).exec(&mut cluster.servers[server].raw()).unwrap();
    };
    set(to, &["IMPORTING", &cluster.id(from)]);
    set(from, &["MIGRATING", &cluster.id(to)]);
    let mut migrate = cmd("MIGRATE");
    migrate.arg("127.0.0.1").arg(cluster.servers[to].port()).arg("").arg(0).arg(5000).arg("KEYS");
    let names: Vec<String> = cmd("CLUSTER")
        .arg("GETKEYSINSLOT")
        .arg(slot)
        .arg(10)
        .query(&mut cluster.servers[from].raw())
        .unwrap();
    assert!(names.contains(&key.to_owned()));
    migrate.arg(&names).exec(&mut cluster.servers[from].raw()).unwrap();
    assert_eq!(again().unwrap(), expected);
    assert_eq!(keys.kind(key).unwrap(), Some(keys::Kind::Hash));
    // For good.
    for server in [to, from, 3 - from - to] {
        set(server, &["NODE", &cluster.id(to)]);
    }
    assert_eq!(keys.kind(key).unwrap(), Some(keys::Kind::Hash));
    assert_eq!(again().unwrap(), expected);
    assert_eq!(read(&cluster.url("?timeout=5")).unwrap(), expected);
}

#[test]
fn a_cluster_that_lacks_a_server_is_told_in_time() {
    let mut cluster = Cluster::start();
    (0..ROWS).for_each(|i| write(&mut cluster.at(&format!("r:{i:04}")), i));
    let url = cluster.url("?timeout=1");
    assert_eq!(read(&url).unwrap(), expected());
    cluster.servers[2].kill();
    let start = Instant::now();
    let error = read(&url).unwrap_err();
    assert_eq!(error.code().exit_code(), 6, "{error:?}");
    assert!(error.message().contains("127.0.0.1:"), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    let nobody = "redis+cluster://127.0.0.1:1,127.0.0.1:2?timeout=1";
    assert_eq!(read(nobody).unwrap_err().code(), Code::StoreUnreachable);
    let alone = Server::start();
    let error = read(&format!("redis+cluster://127.0.0.1:{}", alone.port())).unwrap_err();
    assert_eq!(error.code(), Code::StoreRefused, "{error:?}");
}

#[test]
fn sentinels_lead_to_the_primary_also_after_it_has_died() {
    let mut primary = Server::start();
    fill(&mut primary.raw());
    let replica =
        Server::with(&[&format!("--replicaof 127.0.0.1 {} --repl-diskless-sync-delay 0", primary.port())]);
    let expected = expected();
    wait_until("the replica has all rows", || {
        cmd("DBSIZE").query::<usize>(&mut replica.raw()).is_ok_and(|count| count == ROWS)
    });
    // A replica is read as any server, and takes no publication.
    assert_eq!(read(&replica.url("/0")).unwrap(), expected);
    let place = with_files(Place::new().at(&replica.url("/0")));
    place.run(&["run", "p.yaml"]).fails(6, &["E0602", "READONLY", "the URL of the primary"]);

    let sentinel = Sentinel::start(primary.port());
    // The first of them is not there.
    let url = format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/main/0", sentinel.port());
    assert_eq!(read(&url).unwrap(), expected);
    used(&url);
    let error = read(&url.replace("/main", "/other")).unwrap_err();
    assert_eq!(error.code(), Code::StoreRefused, "{error:?}");
    assert!(error.message().contains("`other`"), "{error:?}");

    wait_until("the sentinel knows the replica", || {
        let mut ask = cmd("SENTINEL");
        ask.arg("REPLICAS")
            .arg("main")
            .query::<Vec<redis::Value>>(&mut sentinel.raw().unwrap())
            .unwrap()
            .len()
            == 1
    });
    let place = with_files(Place::new().at(&url));
    let before = place.versions("m").len();
    primary.kill();
    wait_until("the replica is the primary", || sentinel.primary() == replica.port());
    wait_until("it says so", || {
        cmd("ROLE").query::<Vec<redis::Value>>(&mut replica.raw()).unwrap()[0]
            == redis::Value::BulkString(b"master".to_vec())
    });
    place.run(&["run", "p.yaml"]).ok();
    assert_eq!(place.versions("m").len(), before + 1);
    assert_eq!(read(&url).unwrap(), expected);
}
