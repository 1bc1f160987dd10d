//! Copies of keys: their names, and what the server knows of keys beside their values.

use crate::command::{Place, on_both};
use crate::moves::CSV;
use crate::server::Server;

#[test]
fn keys_get_new_names_and_replace_what_was_there() {
    on_both(|place| {
        place.write("t.csv", CSV);
        place.run(&["data", "put", "a:*:x", "t.csv", "--as", "hash"]).ok();
        place.run(&["data", "copy", "a:*:x", "b:*"]).ok().says(&["copied hash 3"]);
        let table = |key: &str| place.run(&["data", "get", key, "-"]).ok().out;
        assert_eq!(table("b:*"), table("a:*:x"));
        place.run(&["data", "put", "c", "t.csv", "--as", "list"]).ok();
        place.run(&["data", "copy", "c", "b:1"]).ok();
        assert_eq!(place.run(&["data", "show", "b:1", "--json"]).json()["kind"], "list");
        place.run(&["data", "copy", "c"]).fails(2, &["copied to itself"]);
        place.run(&["data", "copy", "c", "c"]).fails(2, &["copied to itself"]);
        place.run(&["data", "copy", "a:*:x", "b"]).fails(2, &["cannot be renamed"]);
        place.run(&["data", "copy", "a:?:x", "b:*"]).fails(2, &["cannot be renamed"]);
        place.run(&["data", "copy", "d", "e"]).fails(4, &["no key `d`"]);
        place.run(&["data", "copy", "d*", "e*"]).fails(4, &["matches `d*`"]);
    });
}

/// What lies beside the values: time to live goes along, groups do not, and a name that is no text ends it.
#[test]
fn copies_live_as_long_as_what_they_are_made_of() {
    let place = Place::new();
    let (one, two) = (Server::start(), Server::start());
    let mut raw = one.raw();
    let mut run = |command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        redis::cmd(words[0]).arg(&words[1..]).exec(&mut raw).unwrap();
    };
    for command in [
        "SET s 1 EX 1000",
        "SET stays 1",
        "HSET h a 1",
        "EXPIRE h 2000",
        "RPUSH l a",
        "PEXPIRE l 3000000",
        "XADD x 1-1 a 1",
        "XGROUP CREATE x readers 0",
        "XADD y 1-1 a 1",
    ] {
        run(command);
    }
    let copy = |to: &str| place.run(&["data", "copy", "*", "--from-store", &one.url("/0"), "--to-store", to]);
    copy(&two.url("/0")).ok().says(&["W0008", "consumer groups of stream `x` are not copied"]);
    // And over keys that expire.
    run("PERSIST h");
    run("XGROUP DESTROY x readers");
    let left = |key: &str| redis::cmd("PTTL").arg(key).query::<i64>(&mut two.raw()).unwrap();
    for (key, expected) in [("s", 1_000_000), ("h", 2_000_000), ("l", 3_000_000)] {
        assert!((expected - 60_000..=expected).contains(&left(key)), "{key}: {}", left(key));
    }
    assert_eq!([left("stays"), left("x")], [-1, -1]);
    assert!(!copy(&two.url("/0")).ok().err.contains("consumer"));
    assert_eq!(left("h"), -1);
    copy("dir:folder").ok().says(&["W0008", "2 keys expire"]);
    redis::cmd("SET").arg(b"odd\xff").arg("1").exec(&mut raw).unwrap();
    copy(&two.url("/0")).fails(4, &["odd\u{FFFD}", "not UTF-8"]);
    place.run(&["data", "copy", "s*", "--from-store", &one.url("/0"), "--to-store", "dir:folder"]).ok();
}
