//! Keys of every kind, written and read in every store: memory, a folder, a real Redis server, a cluster, over TLS.

use std::path::Path;
use std::sync::Arc;

use pipefit::diag::{Code, Result};
use pipefit::source::keys::{
    self, Entry, EntryId, Fields, Item, KeyList, Keys, Kind, Others, Row, RowSink, Wanted,
};

use crate::fleet::{Certificates, Cluster};
use crate::server::Server;

/// Names that break what is not careful: as keys, fields and members.
pub const ODD: [&str; 9] = ["", " ", "a b", "\"'", "x\n\r\ny", "*[?]\\", "größe", "%41~", "\u{0}{t}}{"];

pub fn row(fields: &[(&str, &[u8])]) -> Row {
    fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect()
}

/// What a sink was given: the key, and its fields or the document's bytes.
#[derive(Default)]
pub struct Given(pub Vec<(String, Row)>);

impl RowSink for Given {
    fn wanted(&self) -> Option<Wanted<'_>> {
        None
    }
    fn fields(&mut self, key: &str, fields: &Fields<'_>) -> Result<Option<usize>> {
        self.0.push((key.to_owned(), fields.to_row()));
        Ok(None)
    }
    fn document(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        self.0.push((key.to_owned(), vec![(Vec::new(), bytes.to_vec())]));
        Ok(())
    }
    fn without_order(&mut self, _: usize) {}
}

fn rows(keys: &dyn Keys, names: &[&str]) -> Result<Vec<(String, Row)>> {
    let mut given = Given::default();
    let names: KeyList = names.iter().collect();
    keys.rows(&names, &mut given).map(|()| given.0)
}

fn entries(keys: &dyn Keys, key: &str, from: EntryId, to: EntryId) -> Vec<(String, Row)> {
    let mut given = Given::default();
    keys.entries(key, from, to, &mut given).unwrap();
    given.0
}

fn fill(keys: &dyn Keys, key: &str, kind: Kind, members: &[(&str, Option<&str>)]) {
    let mut filling = keys.fill(key, kind).unwrap();
    for (member, beside) in members {
        filling.push(Item::Member(member.as_bytes(), beside.map(str::as_bytes))).unwrap();
    }
    filling.finish().unwrap();
}

fn id(time: u64, number: u64) -> EntryId {
    EntryId { time, number }
}

fn entry(id: Option<EntryId>, value: &[u8]) -> Entry {
    Entry { id, fields: row(&[("größe\n", value), ("*", b"\xff\0")]) }
}

fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}

/// The suite. Each part uses names of its own, so that one store serves all.
fn every_store_has_every_kind(keys: &dyn Keys) {
    hashes_are_replaced_or_merged(keys);
    members_come_in_their_order(keys);
    streams_grow_at_their_end(keys);
    many_append_at_once(keys);
    what_is_large_comes_whole(keys);
    what_is_begun_and_dropped_is_nothing(keys);
    kinds_are_told_apart(keys);
    readers_never_see_half_a_row(keys);
}

fn hashes_are_replaced_or_merged(keys: &dyn Keys) {
    let names: Vec<String> = ODD.iter().map(|odd| format!("hash:{odd}")).collect();
    let fields: Vec<(&str, &[u8])> = ODD.iter().map(|odd| (*odd, odd.as_bytes())).collect();
    let first: Vec<(String, Row)> = names.iter().map(|name| (name.clone(), row(&fields))).collect();
    keys.write_rows(&first, Others::Go).unwrap();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(rows(keys, &all).unwrap(), first);
    for name in &all {
        assert_eq!(keys.kind(name).unwrap(), Some(Kind::Hash));
    }
    let (one, other) = (names[0].clone(), names[1].clone());
    let new = row(&[("", b"new"), ("added", b"\xff")]);
    keys.write_rows(&[(one.clone(), new.clone())], Others::Go).unwrap();
    keys.write_rows(&[(other.clone(), new.clone()), ("hash:new".into(), new.clone())], Others::Stay).unwrap();
    let mut merged = row(&fields);
    merged[0].1 = b"new".to_vec();
    merged.push(new[1].clone());
    let expected = [(one.clone(), new.clone()), (other.clone(), merged), ("hash:new".into(), new)];
    assert_eq!(rows(keys, &[&one, &other, "hash:new"]).unwrap(), expected);
    // A hash without fields is no key; one that nothing is added to stays.
    keys.write_rows(&[(one.clone(), Vec::new())], Others::Go).unwrap();
    keys.write_rows(&[(other.clone(), Vec::new()), ("hash:none".into(), Vec::new())], Others::Stay).unwrap();
    assert_eq!(keys.kind(&one).unwrap(), None);
    assert_eq!(keys.kind("hash:none").unwrap(), None);
    assert_eq!(rows(keys, &[&other]).unwrap()[0].1.len(), ODD.len() + 1);
    assert_eq!(code(rows(keys, &[&one])), Some(Code::MissingKeyOrFile));
    // In the place of a string, but not into it.
    keys.write("hash:string", b"x").unwrap();
    let into = [("hash:string".to_owned(), row(&[("a", b"1")]))];
    assert_eq!(code(keys.write_rows(&into, Others::Stay)), Some(Code::WrongKind));
    assert_eq!(keys.value("hash:string").unwrap().as_deref(), Some(&b"x"[..]));
    keys.write_rows(&into, Others::Go).unwrap();
    assert_eq!(rows(keys, &["hash:string"]).unwrap(), into);
    assert_eq!(code(keys.value("hash:string")), Some(Code::WrongKind));
}

fn members_come_in_their_order(keys: &dyn Keys) {
    let names = |key: &str| -> Vec<String> { keys.index(key).unwrap().iter().map(str::to_owned).collect() };
    let list: Vec<(&str, Option<&str>)> = ODD.iter().chain(&ODD).map(|odd| (*odd, None)).collect();
    for key in ["list:a", "list:{b}", "list:c}{"] {
        fill(keys, key, Kind::List, &list);
        assert_eq!(names(key), [ODD, ODD].concat());
        fill(keys, key, Kind::Set, &list);
        let mut sorted = ODD.to_vec();
        sorted.sort_unstable();
        assert_eq!(names(key), sorted);
        assert_eq!(keys.kind(key).unwrap(), Some(Kind::Set));
        let scores = [("b", "2"), ("a", "2.0"), ("z", "-inf"), ("y", "1e300"), ("b", "0.1"), ("x", "inf")];
        fill(keys, key, Kind::Zset, &scores.map(|(member, score)| (member, Some(score))));
        assert_eq!(names(key), ["z", "b", "a", "y", "x"]);
        // Nothing in it: no key.
        fill(keys, key, Kind::List, &[]);
        assert_eq!(keys.kind(key).unwrap(), None);
        assert_eq!(code(keys.index(key)), Some(Code::MissingKeyOrFile));
    }
    let mut filling = keys.fill("list:bad", Kind::Zset).unwrap();
    for score in [None, Some(&b"nan"[..]), Some(b""), Some(b"x")] {
        assert_eq!(code(filling.push(Item::Member(b"m", score))), Some(Code::UnreadableValue));
    }
    drop(filling);
    fill(keys, "list:set", Kind::Set, &[("\u{fe}", None)]);
    let mut filling = keys.fill("list:bytes", Kind::List).unwrap();
    filling.push(Item::Member(b"\xff", None)).unwrap();
    filling.finish().unwrap();
    assert_eq!(code(keys.index("list:bytes")), Some(Code::UnreadableValue));
}

fn streams_grow_at_their_end(keys: &dyn Keys) {
    let key = "stream:a}";
    assert_eq!(code(keys.stream(key)), Some(Code::MissingKeyOrFile));
    assert_eq!(code(keys.page(key, EntryId::FIRST, 5)), Some(Code::MissingKeyOrFile));
    assert_eq!(keys.append(key, &[]).unwrap(), None);
    assert_eq!(keys.kind(key).unwrap(), None);
    let given = [entry(Some(id(5, 0)), b"a"), entry(Some(id(5, 7)), b"b"), entry(Some(id(9, 1)), b"c")];
    assert_eq!(keys.append(key, &given[..1]).unwrap(), Some(id(5, 0)));
    assert_eq!(keys.append(key, &given[1..]).unwrap(), Some(id(9, 1)));
    let written: Vec<(EntryId, Row)> =
        given.iter().map(|entry| (entry.id.unwrap(), entry.fields.clone())).collect();
    assert_eq!(keys.page(key, EntryId::FIRST, 10).unwrap(), written);
    assert_eq!(keys.page(key, id(5, 1), 1).unwrap(), written[1..2]);
    assert_eq!(keys.page(key, id(9, 2), 1).unwrap(), []);
    assert_eq!(keys.page(key, EntryId::FIRST, 0).unwrap(), []);
    let named = |range: std::ops::Range<usize>| -> Vec<(String, Row)> {
        written[range].iter().map(|(id, row)| (format!("{key} {id}"), row.clone())).collect()
    };
    assert_eq!(entries(keys, key, EntryId::FIRST, EntryId::LAST), named(0..3));
    assert_eq!(entries(keys, key, id(5, 0), id(5, 7)), named(0..2));
    assert_eq!(entries(keys, key, id(5, 8), id(9, 0)), named(0..0));
    let extent = keys.stream(key).unwrap().unwrap();
    assert_eq!((extent.last, extent.length), (id(9, 1), 3));
    // By the clock: far behind those of 1970, each above the one before.
    let clock: Vec<Entry> = (0..500).map(|i| entry(None, i.to_string().as_bytes())).collect();
    let last = keys.append(key, &clock).unwrap().unwrap();
    assert!(last.time > 1_700_000_000_000, "{last}");
    let page = keys.page(key, id(9, 2), 1000).unwrap();
    assert_eq!((page.len(), page.last().unwrap().0), (500, last));
    assert!(page.windows(2).all(|two| two[0].0 < two[1].0));
    assert!(page.iter().zip(&clock).all(|((_, row), entry)| *row == entry.fields));
    // What cannot be is refused, and nothing is added.
    for refused in [id(9, 1), id(0, 0), last] {
        assert_eq!(code(keys.append(key, &[entry(Some(refused), b"x")])), Some(Code::StoreRefused));
    }
    let without = [entry(None, b"y"), Entry { id: None, fields: Vec::new() }];
    assert_eq!(code(keys.append(key, &without)), Some(Code::UnreadableValue));
    assert_eq!(code(keys.append("stream:none", &without[1..])), Some(Code::UnreadableValue));
    assert_eq!(keys.kind("stream:none").unwrap(), None);
    assert_eq!(keys.stream(key).unwrap().unwrap().length, 503);
    keys.write("stream:string", b"x").unwrap();
    assert_eq!(code(keys.append("stream:string", &clock[..2])), Some(Code::WrongKind));
    assert_eq!(code(keys.append("stream:string", &clock[..1])), Some(Code::WrongKind));
    assert_eq!(code(keys.page("stream:string", EntryId::FIRST, 1)), Some(Code::WrongKind));
    // Replaced as a whole, by none as well.
    let mut filling = keys.fill(key, Kind::Stream).unwrap();
    filling.push(Item::Entry(id(1, 1), &Fields::Owned(&given[0].fields))).unwrap();
    assert_eq!(keys.stream(key).unwrap().unwrap().length, 503);
    filling.finish().unwrap();
    assert_eq!(keys.page(key, EntryId::FIRST, 10).unwrap(), [(id(1, 1), given[0].fields.clone())]);
    keys.fill(key, Kind::Stream).unwrap().finish().unwrap();
    assert_eq!(keys.kind(key).unwrap(), Some(Kind::Stream));
    assert!(keys.stream(key).unwrap().is_none());
    assert_eq!(entries(keys, key, EntryId::FIRST, EntryId::LAST), []);
    assert_eq!(keys.page(key, EntryId::FIRST, 1).unwrap(), []);
}

/// Threads append by turns, a reader follows: each entry is there once, in the order of its writer.
fn many_append_at_once(keys: &dyn Keys) {
    let key = "stream:race";
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            scope.spawn(move || {
                for round in 0..25u8 {
                    let entries: Vec<Entry> = (0..3)
                        .map(|i| Entry {
                            id: None,
                            fields: row(&[("t", &[thread]), ("i", &[3 * round + i])]),
                        })
                        .collect();
                    keys.append(key, &entries).unwrap();
                }
            });
        }
        scope.spawn(|| {
            let (mut from, mut seen, mut counts) = (EntryId::FIRST, 0, [0; 4]);
            while seen < 300 {
                let page = match keys.page(key, from, 17) {
                    Err(error) if error.code() == Code::MissingKeyOrFile => continue,
                    page => page.unwrap(),
                };
                for (id, row) in page {
                    assert!(id >= from);
                    from = id.next().unwrap();
                    let (thread, i) = (usize::from(row[0].1[0]), row[1].1[0]);
                    assert_eq!(i, counts[thread], "of thread {thread}");
                    counts[thread] += 1;
                    seen += 1;
                }
            }
        });
    });
    assert_eq!(keys.stream(key).unwrap().unwrap().length, 300);
}

fn what_is_large_comes_whole(keys: &dyn Keys) {
    let member = |i: usize| format!("{i:07}");
    for (key, kind) in [("large:list", Kind::List), ("large:set", Kind::Set), ("large:zset", Kind::Zset)] {
        keys.write(key, b"old").unwrap();
        let mut filling = keys.fill(key, kind).unwrap();
        for i in 0..30_000 {
            filling.push(Item::Member(member(i).as_bytes(), Some(i.to_string().as_bytes()))).unwrap();
        }
        assert_eq!(keys.value(key).unwrap().as_deref(), Some(&b"old"[..]), "seen before it is whole");
        filling.finish().unwrap();
        let index = keys.index(key).unwrap();
        assert_eq!(index.len(), 30_000);
        assert!(index.iter().enumerate().all(|(i, name)| name == member(i)), "{key}");
    }
    let wide: Row = (0..9_000).map(|i| (member(i).into_bytes(), member(i * 7).into_bytes())).collect();
    keys.write_rows(&[("large:hash".into(), wide.clone())], Others::Go).unwrap();
    let mut filling = keys.fill("large:filled", Kind::Hash).unwrap();
    wide.iter().for_each(|(name, value)| filling.push(Item::Member(name, Some(value))).unwrap());
    filling.finish().unwrap();
    for (_, mut found) in rows(keys, &["large:hash", "large:filled"]).unwrap() {
        found.sort_unstable();
        assert!(found == wide);
    }
    let entries = [
        Entry { id: Some(id(1, 0)), fields: row(&[("a", b"1")]) },
        Entry { id: Some(id(2, 0)), fields: wide.clone() },
        Entry { id: Some(id(2, 1)), fields: row(&[("a", &vec![7; 3 << 20])]) },
        Entry { id: Some(id(3, 0)), fields: row(&[("a", b"2")]) },
    ];
    assert_eq!(keys.append("large:stream", &entries).unwrap(), Some(id(3, 0)));
    let page = keys.page("large:stream", EntryId::FIRST, 10).unwrap();
    assert!(
        page.iter().zip(&entries).all(|((id, row), entry)| Some(*id) == entry.id && *row == entry.fields)
    );
    let mut filling = keys.fill("large:flow", Kind::Stream).unwrap();
    for i in 1..5_000 {
        filling.push(Item::Entry(id(i, 0), &Fields::Owned(&row(&[("i", &[b'x'; 400])])))).unwrap();
    }
    assert_eq!(keys.kind("large:flow").unwrap(), None);
    filling.finish().unwrap();
    let extent = keys.stream("large:flow").unwrap().unwrap();
    assert_eq!((extent.last, extent.length), (id(4_999, 0), 4_999));
}

fn what_is_begun_and_dropped_is_nothing(keys: &dyn Keys) {
    let before = keys.ls().unwrap();
    for (key, kind) in [("dropped", Kind::List), ("large:list", Kind::Zset)] {
        let mut filling = keys.fill(key, kind).unwrap();
        for i in 0..20_000 {
            let number = i.to_string();
            filling.push(Item::Member(number.as_bytes(), Some(number.as_bytes()))).unwrap();
        }
        assert_eq!(keys.ls().unwrap(), before, "what is not finished is listed");
    }
    assert_eq!(keys.ls().unwrap(), before);
}

fn kinds_are_told_apart(keys: &dyn Keys) {
    for (key, kind) in [("kind:list", Kind::List), ("kind:set", Kind::Set), ("kind:hash", Kind::Hash)] {
        fill(keys, key, kind, &[("member", Some("1"))]);
        assert_eq!(keys.kind(key).unwrap(), Some(kind));
        assert_eq!(code(keys.value(key)), Some(Code::WrongKind));
        assert_eq!(code(keys.stream(key)), Some(Code::WrongKind));
        assert_eq!(code(keys.append(key, &[entry(None, b"x")])), Some(Code::WrongKind));
        assert!(!keys.write_new(key, b"x").unwrap());
        if kind != Kind::Hash {
            assert_eq!(code(rows(keys, &[key])), Some(Code::WrongKind));
        }
    }
    assert_eq!(code(keys.index("kind:hash")), Some(Code::WrongKind));
    let names: Vec<String> = keys.matching("kind:*").unwrap().iter().map(str::to_owned).collect();
    assert_eq!(names, ["kind:hash", "kind:list", "kind:set"]);
    let listed: Vec<(String, Kind)> = keys
        .ls()
        .unwrap()
        .into_iter()
        .filter(|listed| listed.key.starts_with("kind:"))
        .map(|listed| {
            assert!(listed.bytes > 0, "{listed:?}");
            (listed.key, listed.kind)
        })
        .collect();
    let expected = [("kind:hash", Kind::Hash), ("kind:list", Kind::List), ("kind:set", Kind::Set)];
    assert_eq!(listed, expected.map(|(key, kind)| (key.to_owned(), kind)));
    assert!(keys.remove("kind:list").unwrap() && !keys.remove("kind:list").unwrap());
    // A string with any bytes is one, whatever it looks like.
    for bytes in [&b"\x89pipefit key 1 hash\n"[..], b"\x89pipefit key 9 queue\n\n", b"\x89pipefit key "] {
        keys.write("kind:string", bytes).unwrap();
        assert_eq!(keys.kind("kind:string").unwrap(), Some(Kind::String));
        assert_eq!(keys.value("kind:string").unwrap().as_deref(), Some(bytes));
        let listed = keys.ls().unwrap().into_iter().find(|listed| listed.key == "kind:string").unwrap();
        assert_eq!((listed.kind, listed.bytes), (Kind::String, bytes.len() as u64));
    }
}

/// A row that is replaced all the while is always one of those that were written.
fn readers_never_see_half_a_row(keys: &dyn Keys) {
    let version = |n: usize| -> Row {
        (0..3 + n % 2).map(|i| (format!("f{i}").into_bytes(), n.to_string().into_bytes())).collect()
    };
    keys.write_rows(&[("torn".into(), version(0))], Others::Go).unwrap();
    std::thread::scope(|scope| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            while stopped.try_recv().is_err() {
                let (_, found) = rows(keys, &["torn"]).unwrap().remove(0);
                let n: usize = std::str::from_utf8(&found[0].1).unwrap().parse().unwrap();
                assert_eq!(found, version(n));
            }
        });
        for n in 1..200 {
            keys.write_rows(&[("torn".into(), version(n))], Others::Go).unwrap();
        }
        stop.send(()).unwrap();
    });
}

fn keys_at(url: &str) -> Arc<dyn Keys> {
    keys::open(url, Path::new("/nowhere")).unwrap().1
}

#[test]
fn memory_has_every_kind() {
    every_store_has_every_kind(&*keys_at("mem:"));
}

#[test]
fn a_folder_has_every_kind() {
    let place = tempfile::tempdir().unwrap();
    let keys = keys::open("dir:store", place.path()).unwrap().1;
    every_store_has_every_kind(&*keys);
    let left: Vec<_> = std::fs::read_dir(place.path().join("store/staging")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    // Another process sees the same.
    let other = keys::open("dir:store", place.path()).unwrap().1;
    assert_eq!(other.ls().unwrap(), keys.ls().unwrap());
    assert_eq!(other.stream("stream:race").unwrap().unwrap().length, 300);
}

#[test]
fn a_redis_server_has_every_kind() {
    let server = Server::start();
    every_store_has_every_kind(&*keys_at(&server.url("/0?prefix=test")));
    let own: Vec<String> = redis::cmd("KEYS").arg("test:*").query(&mut server.raw()).unwrap();
    assert_eq!(own, [""; 0], "something is left of what was staged");
}

#[test]
fn a_cluster_has_every_kind() {
    let cluster = Cluster::start();
    every_store_has_every_kind(&*keys_at(&cluster.url("")));
    for server in &cluster.servers {
        let own: Vec<String> = redis::cmd("KEYS").arg("*staging*").query(&mut server.raw()).unwrap();
        assert_eq!(own, [""; 0], "something is left of what was staged");
    }
}

#[test]
fn tls_carries_every_kind() {
    let certificates = Certificates::new();
    let (_server, port) = certificates.server("no", &[]);
    let authority = certificates.path("ca.pem");
    every_store_has_every_kind(&*keys_at(&format!(
        "rediss://localhost:{port}/0?cacert={}",
        authority.display()
    )));
}

/// What was once written in a folder is read for ever: version 1 of every kind, with a torn end of the stream.
#[test]
fn released_files_are_read() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/keys-1");
    let place = tempfile::tempdir().unwrap();
    let store = place.path().join("keys");
    std::fs::create_dir(&store).unwrap();
    for sample in std::fs::read_dir(&samples).unwrap() {
        let sample = sample.unwrap();
        std::fs::copy(sample.path(), store.join(sample.file_name())).unwrap();
    }
    let keys = keys::open(place.path().to_str().unwrap(), Path::new("")).unwrap().1;
    let kinds: Vec<(String, Kind)> =
        keys.ls().unwrap().into_iter().map(|listed| (listed.key, listed.kind)).collect();
    let expected = [
        ("hash", Kind::Hash),
        ("list", Kind::List),
        ("marked", Kind::String),
        ("set", Kind::Set),
        ("stream", Kind::Stream),
        ("string", Kind::String),
        ("zset", Kind::Zset),
    ];
    assert_eq!(kinds, expected.map(|(key, kind)| (key.to_owned(), kind)));
    assert_eq!(keys.value("string").unwrap().as_deref(), Some(&b"a,b\n1,2\n"[..]));
    assert_eq!(keys.value("marked").unwrap().as_deref(), Some(&b"\x89pipefit key 1 hash\n"[..]));
    let fields = row(&[("b", b"1"), ("größe\n", b"\xff\0"), ("", b"")]);
    assert_eq!(rows(&*keys, &["hash"]).unwrap(), [("hash".to_owned(), fields)]);
    let names = |key: &str| -> Vec<String> { keys.index(key).unwrap().iter().map(str::to_owned).collect() };
    assert_eq!(names("list"), ["b", "", "b"]);
    assert_eq!(names("set"), ["", "a", "b"]);
    assert_eq!(names("zset"), ["y", "x", "z"]);
    let entries =
        [(id(5, 0), row(&[("a", b"1")])), (id(5, 1), row(&[("a", b"2")])), (id(9, 0), row(&[("b", b"3")]))];
    assert_eq!(keys.page("stream", EntryId::FIRST, 10).unwrap(), entries);
    assert_eq!(keys.append("stream", &[entry(Some(id(9, 1)), b"x")]).unwrap(), Some(id(9, 1)));
    assert_eq!(keys.stream("stream").unwrap().unwrap().length, 4);
}

/// Makes the samples of [`released_files_are_read`] anew, in a folder that the variable names; for a new version of the form.
#[test]
fn samples_are_written() {
    let Some(folder) = std::env::var_os("PIPEFIT_KEY_SAMPLES") else { return };
    let keys = keys::open(Path::new(&folder).to_str().unwrap(), Path::new("")).unwrap().1;
    keys.write("string", b"a,b\n1,2\n").unwrap();
    keys.write("marked", b"\x89pipefit key 1 hash\n").unwrap();
    let fields = row(&[("b", b"1"), ("größe\n", b"\xff\0"), ("", b"")]);
    keys.write_rows(&[("hash".into(), fields)], Others::Go).unwrap();
    fill(&*keys, "list", Kind::List, &[("b", None), ("", None), ("b", None)]);
    fill(&*keys, "set", Kind::Set, &[("b", None), ("", None), ("a", None)]);
    fill(&*keys, "zset", Kind::Zset, &[("x", Some("0.1")), ("z", Some("inf")), ("y", Some("-2"))]);
    let one = |id, name: &str, value: &str| Entry { id: Some(id), fields: row(&[(name, value.as_bytes())]) };
    keys.append("stream", &[one(id(5, 0), "a", "1"), one(id(5, 1), "a", "2")]).unwrap();
    keys.append("stream", &[one(id(9, 0), "b", "3")]).unwrap();
    keys.append("stream", &[one(id(9, 9), "torn", "4")]).unwrap();
    let path = Path::new(&folder).join("keys/stream");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(path, &whole[..whole.len() - 9]).unwrap();
}
