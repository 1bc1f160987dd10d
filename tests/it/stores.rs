//! What every store promises, asked of each: memory, a folder, a real Redis server.

use crate::server::Server;
use pipefit::diag::Code;
use pipefit::registry::{Draft, MODEL_FILE, Registry};
use pipefit::source::keys::{self, Keys, Kind};
use pipefit::store::{Backing, Commit, Store, connect};
use pipefit::table::Digest;
use serde_json::{Map, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Changes one byte of a stored blob behind the store's back.
type Damage<'a> = &'a dyn Fn(&Digest);

/// The suite. Each part uses names of its own, so that one store serves all.
fn every_store_keeps_its_promises(store: &Arc<dyn Store>, damage: Option<Damage>) {
    runs_at_once_publish_a_version_each(store);
    let store = &**store;
    blobs_come_back_whole(store, damage);
    a_blob_may_be_large(store);
    a_record_changes_only_from_what_was_expected(store);
    a_commit_is_all_or_nothing(store);
    blobs_that_nothing_names_can_be_removed(store);
    records_are_listed_by_prefix(store);
    one_of_eight_threads_wins_each_round(store);
    numbers_are_given_once(store);
    a_reader_never_sees_a_torn_record(store);
    assert!(!store.durability().unwrap().is_empty());
}

fn blobs_come_back_whole(store: &dyn Store, damage: Option<Damage>) {
    let of = "model:blobs";
    let long: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let blobs: [&[u8]; 4] = [b"", b"one", &long, &long[..2 << 20]];
    let digests = store.put(of, &blobs).unwrap();
    for (digest, blob) in digests.iter().zip(blobs) {
        assert_eq!(*digest, Digest::of(blob));
        assert!(store.has(of, digest).unwrap());
        assert!(store.get(of, digest).unwrap().as_deref() == Some(blob));
    }
    let absent = Digest::of(b"never put");
    assert_eq!(store.get(of, &absent).unwrap(), None);
    assert!(!store.has(of, &absent).unwrap());

    let Some(damage) = damage else { return };
    let named: Vec<_> =
        digests.iter().zip(blobs).map(|(digest, blob)| (*digest, blob.len() as u64)).collect();
    let commit = Commit { record: of, expected: None, new: b"names them", blobs: &named, with: &[] };
    assert!(store.commit(&commit).unwrap());
    for digest in &digests[1..3] {
        damage(digest);
        assert_eq!(store.get(of, digest).unwrap_err().code(), Code::Damaged);
    }
    // Publishing the same bytes again repairs what was shared.
    store.put(of, &blobs).unwrap();
    assert!(store.get(of, &digests[2]).unwrap().as_deref() == Some(&long[..]));
}

fn a_blob_may_be_large(store: &dyn Store) {
    let mut blob = vec![0u8; 64 << 20];
    for (i, bytes) in blob.chunks_exact_mut(8).enumerate() {
        bytes.copy_from_slice(&(i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    }
    let digest = store.put("model:large", &[&blob]).unwrap()[0];
    let named = [(digest, blob.len() as u64)];
    let commit = Commit { record: "model:large", expected: None, new: b"{}", blobs: &named, with: &[] };
    assert!(store.commit(&commit).unwrap());
    assert!(store.get("model:large", &digest).unwrap().as_deref() == Some(&blob[..]));
}

fn a_record_changes_only_from_what_was_expected(store: &dyn Store) {
    let name = "model:Swap/../€";
    assert_eq!(store.read(name).unwrap(), None);
    assert!(!store.swap(name, Some(b"a"), b"b").unwrap());
    assert!(store.swap(name, None, b"").unwrap());
    assert!(!store.swap(name, None, b"b").unwrap());
    assert!(store.swap(name, Some(b""), b"a\0\xff").unwrap());
    assert!(!store.swap(name, Some(b""), b"c").unwrap());
    assert_eq!(store.read(name).unwrap().as_deref(), Some(&b"a\0\xff"[..]));
}

fn a_commit_is_all_or_nothing(store: &dyn Store) {
    let of = "model:commit";
    let digest = store.put(of, &[b"blob"]).unwrap()[0];
    let run: &[(&str, &[u8])] = &[("run:commit-1", b"one"), ("run:commit-2", b"two")];
    let good = Commit { record: of, expected: None, new: b"1", blobs: &[(digest, 4)], with: run };

    // A blob that is not there, or not of the length that was put, is no artifact.
    for blob in [(Digest::of(b"not put"), 7), (digest, 5)] {
        let error = store.commit(&Commit { blobs: &[(digest, 4), blob], ..good }).unwrap_err();
        assert_eq!(error.code(), Code::BlobGone);
        assert!(error.message().contains(&blob.0.to_string()), "{error}");
    }
    assert!(!store.commit(&Commit { expected: Some(b"0"), ..good }).unwrap());
    assert_eq!(store.read_all(&[of.into(), "run:commit-1".into()]).unwrap(), [None, None]);

    assert!(store.commit(&good).unwrap());
    let names: [String; 3] = [of.into(), "run:commit-1".into(), "run:commit-2".into()];
    let records = store.read_all(&names).unwrap();
    assert_eq!(records, [Some(b"1".to_vec()), Some(b"one".to_vec()), Some(b"two".to_vec())]);
    assert_eq!(store.get(of, &digest).unwrap().as_deref(), Some(&b"blob"[..]));
}

fn blobs_that_nothing_names_can_be_removed(store: &dyn Store) {
    let of = "model:discard";
    let digests = store.put(of, &[b"named", b"dropped"]).unwrap();
    let named = [(digests[0], 5), (digests[1], 7)];
    let text = |digests: &[Digest]| format!("{{\"blobs\":{digests:?}}}").into_bytes();
    let (both, one) = (text(&digests), text(&digests[..1]));
    let run: &[(&str, &[u8])] = &[("run:discard", &both)];
    let first = Commit { record: of, expected: None, new: &both, blobs: &named, with: run };
    assert!(store.commit(&first).unwrap());
    assert_eq!(store.discard(of, &digests, "run:").unwrap(), 0);
    // A run's record only tells of it.
    assert!(store.swap(of, Some(&both), &one).unwrap());
    assert_eq!(store.discard(of, &digests, "run:").unwrap(), 1);
    assert_eq!(store.discard(of, &digests, "run:").unwrap(), 0);
    assert_eq!((store.has(of, &digests[0]).unwrap(), store.has(of, &digests[1]).unwrap()), (true, false));
    // Whoever found it there before is told.
    assert!(store.commit(&Commit { expected: Some(&one), ..first }).is_err());

    assert!(store.swap(of, Some(&one), b"{}").unwrap());
    // Only a folder needs time to tell what belongs to a process that lives.
    let young = store.collect("run:", Duration::from_secs(3600)).unwrap();
    assert_eq!(young.blobs == 0, store.address().starts_with("dir:"), "{young:?}");
    let gone = store.collect("run:", Duration::ZERO).unwrap();
    assert!(young.blobs + gone.blobs >= 1 && young.bytes + gone.bytes >= 5, "{gone:?}");
    assert!(!store.has(of, &digests[0]).unwrap());
}

fn records_are_listed_by_prefix(store: &dyn Store) {
    for name in ["list:b", "list:a", "list:A", "list[x]:c", "list"] {
        assert!(store.swap(name, None, b"x").unwrap());
    }
    store.next("list:counter", 0).unwrap();
    assert_eq!(store.list("list:").unwrap(), ["list:A", "list:a", "list:b"]);
    assert_eq!(store.list("list[x]").unwrap(), ["list[x]:c"]);
    assert_eq!(store.list("nothing").unwrap(), [""; 0]);
    assert!(store.list("").unwrap().len() >= 5);
}

fn one_of_eight_threads_wins_each_round(store: &dyn Store) {
    let name = "model:race";
    for round in 0..30u32 {
        let before = store.read(name).unwrap();
        let wins = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (wins, before) = (&wins, before.as_deref());
                scope.spawn(move || {
                    if store.swap(name, before, format!("{round} {thread}").as_bytes()).unwrap() {
                        wins.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(wins.into_inner(), 1, "in round {round}");
    }
}

fn numbers_are_given_once(store: &dyn Store) {
    let taken = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let number = store.next("model:numbers", 0).unwrap();
                    taken.lock().unwrap().push(number);
                }
            });
        }
    });
    let mut taken = taken.into_inner().unwrap();
    taken.sort_unstable();
    assert_eq!(taken, (1..=160).collect::<Vec<_>>());
    assert_eq!(store.next("model:numbers", 1000).unwrap(), 1001);
    assert_eq!(store.next("model:numbers", 3).unwrap(), 1002);
}

fn a_reader_never_sees_a_torn_record(store: &dyn Store) {
    let name = "model:torn";
    let record = |n: u32| format!("{n:08}").repeat(1 + 2000 * (n as usize % 3)).into_bytes();
    assert!(store.swap(name, None, &record(0)).unwrap());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let seen = store.read(name).unwrap().expect("the record is there all the time");
                let n: u32 = std::str::from_utf8(&seen[..8]).unwrap().parse().unwrap();
                assert!(seen == record(n), "a torn record of version {n}");
                assert!(n >= last, "version {n} came after {last}");
                last = n;
            }
        });
        for n in 1..=300 {
            assert!(store.swap(name, Some(&record(n - 1)), &record(n)).unwrap());
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Eight runs at once, ten times each; a reader takes `latest` all the while and never finds a part of it missing.
fn runs_at_once_publish_a_version_each(store: &Arc<dyn Store>) {
    let registry = Registry::new(store.clone());
    let left = AtomicUsize::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (registry, left) = (&registry, &left);
            scope.spawn(move || {
                for round in 0..10 {
                    let version = registry.reserve("busy").unwrap();
                    let (model, run) = (version.to_string().repeat(1000), format!("busy-{thread}-{round}"));
                    let draft = Draft {
                        name: "busy",
                        version,
                        run: &run,
                        created: "2026-01-01T00:00:00Z",
                        rows: 1,
                        scores: &Map::new(),
                        files: &[(MODEL_FILE, model.as_bytes()), ("report.md", b"shared by all")],
                        record: &json!({"version": version}),
                    };
                    registry.publish(&draft).unwrap();
                }
                left.fetch_sub(1, Ordering::Relaxed);
            });
        }
        scope.spawn(|| {
            let mut last = 0;
            while left.load(Ordering::Relaxed) > 0 {
                let Ok(latest) = registry.resolve("busy") else {
                    assert_eq!(last, 0, "a published model is gone");
                    continue;
                };
                let version = latest.version.version;
                assert!(version >= last, "version {version} came after {last}");
                assert!(
                    registry.file(&latest, MODEL_FILE).unwrap()
                        == version.to_string().repeat(1000).as_bytes()
                );
                assert_eq!(registry.run(&latest.version.run).unwrap().record, json!({"version": version}));
                last = version;
            }
        });
    });
    let model = registry.model("busy").unwrap();
    let versions: Vec<_> = model.versions.iter().map(|version| version.version).collect();
    assert_eq!(versions, (1..=80).collect::<Vec<_>>());
    assert_eq!(registry.runs().unwrap().len(), 80);
    assert_eq!(registry.verify("busy", &|_, _| Ok(())).unwrap().problems, []);
}

/// The keys' part of the suite.
fn every_store_keeps_the_users_keys(keys: &dyn Keys) {
    assert_eq!(keys.ls().unwrap(), []);
    let odd = "ümläut/../ *[x]\n";
    for key in ["data:b", "data:B", odd] {
        assert_eq!((keys.kind(key).unwrap(), keys.value(key).unwrap()), (None, None));
        assert!(!keys.remove(key).unwrap());
        assert!(keys.write_new(key, b"first").unwrap());
        assert!(!keys.write_new(key, b"second").unwrap());
        assert_eq!(keys.value(key).unwrap().as_deref(), Some(&b"first"[..]));
        keys.write(key, b"3\0\xff\r\n").unwrap();
        assert_eq!(keys.value(key).unwrap().as_deref(), Some(&b"3\0\xff\r\n"[..]));
        assert_eq!(keys.kind(key).unwrap(), Some(Kind::String));
    }
    keys.write("data:empty", b"").unwrap();
    assert_eq!(keys.value("data:empty").unwrap().as_deref(), Some(&b""[..]));
    let listed: Vec<_> =
        keys.ls().unwrap().into_iter().map(|listed| (listed.key, listed.kind, listed.bytes)).collect();
    let expected = [("data:B", 5), ("data:b", 5), ("data:empty", 0), (odd, 5)];
    assert_eq!(listed, expected.map(|(key, bytes)| (key.to_owned(), Kind::String, bytes)));
    assert!(keys.remove(odd).unwrap());
    assert_eq!(keys.value(odd).unwrap(), None);

    // Of many that load the same missing key one is told that it did, and what is there is one of theirs, whole.
    let written = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let written = &written;
            scope.spawn(move || {
                if keys.write_new("data:race", &vec![thread; 100_000]).unwrap() {
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(written.into_inner(), 1);
    let value = keys.value("data:race").unwrap().unwrap();
    assert!(value.len() == 100_000 && value.iter().all(|byte| *byte == value[0]));
}

fn open(url: &str) -> Backing {
    connect(url, Path::new("/nowhere")).unwrap()
}

fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

#[test]
fn memory_keeps_its_promises() {
    let backing = open("mem:");
    every_store_keeps_the_users_keys(&*keys::of(&backing));
    every_store_keeps_its_promises(&backing.store(), None);
}

#[test]
fn a_folder_keeps_its_promises() {
    let place = tempfile::tempdir().unwrap();
    let backing = connect("dir:a/store", place.path()).unwrap();
    every_store_keeps_the_users_keys(&*keys::of(&backing));
    every_store_keeps_its_promises(
        &backing.store(),
        Some(&|digest| {
            let path = place.path().join("a/store/blobs").join(digest.to_string());
            let mut bytes = std::fs::read(&path).unwrap();
            flip(&mut bytes);
            std::fs::write(path, bytes).unwrap();
        }),
    );
    let left: Vec<_> = std::fs::read_dir(place.path().join("a/store/staging")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_redis_server_keeps_its_promises() {
    let server = Server::start();
    let backing = open(&server.url("/0?prefix=test"));
    every_store_keeps_the_users_keys(&*keys::of(&backing));
    every_store_keeps_its_promises(
        &backing.store(),
        Some(&|digest| {
            let mut raw = server.raw();
            let key = format!("test:blob:{{test:model:blobs}}:{digest}");
            let mut chunk: Vec<u8> = redis::cmd("HGET").arg(&key).arg(0).query(&mut raw).unwrap();
            flip(&mut chunk);
            redis::cmd("HSET").arg(&key).arg(0).arg(chunk).exec(&mut raw).unwrap();
        }),
    );
    // Our own records are hidden from the user's keys, and everything is under the prefix.
    let names: Vec<_> = keys::of(&backing).ls().unwrap().into_iter().map(|listed| listed.key).collect();
    assert_eq!(names, ["data:B", "data:b", "data:empty", "data:race"]);
    let others: Vec<String> = redis::cmd("KEYS").arg("pipefit:*").query(&mut server.raw()).unwrap();
    assert_eq!(others, [""; 0]);
}

#[test]
fn a_redis_socket_is_a_store_too() {
    let server = Server::start();
    let backing = open(&format!("redis+unix://{}?db=3", server.socket().display()));
    assert!(backing.store().swap("run:x", None, b"{}").unwrap());
    let mut raw = server.raw();
    redis::cmd("SELECT").arg(3).exec(&mut raw).unwrap();
    let value: String = redis::cmd("GET").arg("pipefit:run:x").query(&mut raw).unwrap();
    assert_eq!(value, "{}");
}
