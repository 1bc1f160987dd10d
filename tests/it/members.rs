//! Tables that one list, set, sorted set or hash in a Redis server holds, a row a member: the same as from any other layout, as they
//! are at one moment, and an error that says which member is no row.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use pipefit::diag::{Code, Diagnostic, Silent, Watch};
use pipefit::source::formats::{Format, Read, ReadOptions, read};
use pipefit::source::keys::{self, Keys};
use pipefit::source::layouts::read_members;
use pipefit::table::fingerprint;
use redis::{Connection, cmd, pipe};

use crate::command::Place;
use crate::server::Server;

fn keys_of(server: &Server) -> Arc<dyn Keys> {
    keys::open(&server.url("/0"), Path::new("")).unwrap().1
}

fn table(keys: &dyn Keys, key: &str) -> Result<Read, Diagnostic> {
    read_members(keys, key, true, &ReadOptions::default(), &Silent)
}

/// A row as a document: some lack a field, some have it late, numbers turn out to be words.
fn document(i: usize) -> String {
    let code = if i == 4_000 { "A1".to_owned() } else { format!("{:03}", i % 1000) };
    let mut fields = vec![format!("\"id\": {i}"), format!("\"größe\\u0000\": {}.5", i % 7)];
    fields.push(format!("\"code\": \"{code}\""));
    if i % 3 != 2 {
        fields.push(format!("\"plan\": \"{}\"", ["frei", "çok\\r\\n"][i % 2]));
    }
    if i > 100 {
        fields.push("\"late\": null".to_owned());
    }
    format!("{{{}}}", fields.join(", "))
}

/// What these lines are as a table.
fn lines(lines: impl Iterator<Item = String>) -> Read {
    let text: String = lines.map(|line| line + "\n").collect();
    read(text.as_bytes(), Format::Jsonl, "k", &ReadOptions::default()).unwrap()
}

fn same(found: Result<Read, Diagnostic>, expected: &Read) {
    let found = found.unwrap();
    assert_eq!(found.table.schema(), expected.table.schema());
    assert_eq!(fingerprint(&found.table), fingerprint(&expected.table));
}

fn write(raw: &mut Connection, commands: impl Iterator<Item = redis::Cmd>) {
    let mut request = pipe();
    commands.for_each(|command| _ = request.add_command(command).ignore());
    request.exec(raw).unwrap();
}

/// `{field, ..}` before the fields of a document.
fn with(cell: String, document: &str) -> String {
    format!("{{{cell}, {}", &document[1..])
}

const ROWS: usize = 20_003;

#[test]
fn members_that_are_documents_are_the_table_of_their_lines() {
    let server = Server::start();
    let mut raw = server.raw();
    let scattered = |i: usize| i * 7919 % ROWS;
    let one = |command: &str, key: &str| {
        let mut request = cmd(command);
        request.arg(key);
        request
    };
    write(&mut raw, (0..ROWS).map(|i| one("RPUSH", "list").arg(document(i)).to_owned()));
    write(&mut raw, (0..ROWS).map(|i| one("SADD", "set").arg(document(scattered(i))).to_owned()));
    let score = |i: usize| (i % 100) as f64 / 8.0;
    let zadd = |i: usize| one("ZADD", "zset").arg(score(i)).arg(document(i)).to_owned();
    write(&mut raw, (0..ROWS).map(|i| zadd(scattered(i))));
    let field = |i: usize| [format!("feld {i:06}").as_bytes(), b"\xc3\xa9"].concat();
    let hset = |i: usize| one("HSET", "hash").arg(field(i)).arg(document(i)).to_owned();
    write(&mut raw, (0..ROWS).map(|i| hset(scattered(i))));
    let keys = keys_of(&server);
    same(table(&*keys, "list"), &lines((0..ROWS).map(document)));
    let mut sorted: Vec<String> = (0..ROWS).map(document).collect();
    sorted.sort_unstable();
    same(table(&*keys, "set"), &lines(sorted.into_iter()));
    let mut scored: Vec<(f64, String)> = (0..ROWS).map(|i| (score(i), document(i))).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let scored = scored.iter().map(|(score, document)| with(format!("\"score\": {score}"), document));
    same(table(&*keys, "zset"), &lines(scored));
    let named = (0..ROWS).map(|i| with(format!("\"field\": \"feld {i:06}é\""), &document(i)));
    same(table(&*keys, "hash"), &lines(named));
    let rows_alone = read_members(&*keys, "hash", false, &ReadOptions::default(), &Silent);
    same(rows_alone, &lines((0..ROWS).map(document)));
    // Fields that are no text are only names as long as they are no column.
    cmd("HSET").arg("odd").arg(&b"\xff"[..]).arg("{\"x\": 1}").exec(&mut raw).unwrap();
    let odd = read_members(&*keys, "odd", false, &ReadOptions::default(), &Silent);
    assert_eq!(odd.unwrap().table.rows(), 1);
    let error = table(&*keys, "odd").unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::UnreadableValue, "key `odd \u{fffd}`: the value of field `field` is not UTF-8")
    );
}

#[test]
fn plain_members_are_a_column() {
    let server = Server::start();
    let mut raw = server.raw();
    let mut request = pipe();
    request.cmd("RPUSH").arg("list").arg(&["3", "", "1.5", "NA", "-2e3"]).ignore();
    request.cmd("SADD").arg("set").arg(&["b", "a", "größe", "c\0"]).ignore();
    request
        .cmd("ZADD")
        .arg("zset")
        .arg(&["2", "ann", "-1", "bob", "2", "al", "0.1", "{x", "1", "5"])
        .ignore();
    request.cmd("HSET").arg("hash").arg(&["u2", "7", "u10", "", "u1", "3"]).ignore();
    request.exec(&mut raw).unwrap();
    let keys = keys_of(&server);
    let csv = |text: &str| read(text.as_bytes(), Format::Csv, "k", &ReadOptions::default()).unwrap();
    same(table(&*keys, "list"), &csv("value\n3\n\"\"\n1.5\nNA\n-2e3\n"));
    same(table(&*keys, "set"), &csv("value\na\nb\nc\0\ngröße\n"));
    let error = table(&*keys, "zset").unwrap_err();
    assert_eq!(error.message(), "`zset 1` is a JSON object, and those before it are not");
    cmd("ZREM").arg("zset").arg("{x").exec(&mut raw).unwrap();
    same(table(&*keys, "zset"), &csv("score,value\n-1,bob\n1,5\n2,al\n2,ann\n"));
    same(table(&*keys, "hash"), &csv("field,value\nu1,3\nu10,\nu2,7\n"));
}

#[test]
fn what_is_no_row_is_told_with_its_place() {
    let server = Server::start();
    let mut raw = server.raw();
    let keys = keys_of(&server);
    let mut fault = |members: &[&[u8]]| {
        let mut request = pipe();
        request.cmd("DEL").arg("k").ignore().cmd("RPUSH").arg("k").arg(members).ignore();
        request.exec(&mut raw).unwrap();
        let error = table(&*keys, "k").unwrap_err();
        assert_eq!(error.code(), Code::UnreadableValue, "{error:?}");
        (error.message().to_owned(), format!("{:?}", error.place()))
    };
    let row = b"{\"a\": 1}";
    for (members, message) in [
        (&[&row[..], b"{\"a\": 2}", b"5"][..], "`k 2` is no JSON object, and those before it are"),
        (&[b"5", row], "`k 1` is a JSON object, and those before it are not"),
        (&[b"[1, 2]"], "`k 0` is a JSON list, not an object"),
        (&[row, b"{\"a\": \n \xff}"], "key `k 1`: byte 9 of its value is not UTF-8"),
        (&[b"a", b"\xff"], "key `k 1`: the value of field `value` is not UTF-8"),
        (&[row, b"{\"a\": [1]}"], "column `a`, row 2: a list is not a cell"),
        (&[row, b"{\"a\": 1} x"], "not a row in JSON: trailing characters"),
    ] {
        let (said, place) = fault(members);
        assert_eq!(said, message);
        assert!(place.contains(&format!("k {}", members.len() - 1)), "{place}");
    }
    cmd("DEL").arg("k").exec(&mut raw).unwrap();
    assert_eq!(table(&*keys, "k").unwrap_err().code(), Code::MissingKeyOrFile);
    cmd("RPUSH").arg("k").arg(&b"\x80\x04\x95\x05."[..]).exec(&mut raw).unwrap();
    assert_eq!(table(&*keys, "k").unwrap_err().code(), Code::RefusedFormat);
    cmd("SET").arg("s").arg("x").exec(&mut raw).unwrap();
    assert_eq!(table(&*keys, "s").unwrap_err().code(), Code::WrongKind);
    cmd("ZADD").arg("z").arg(&["1", "{\"score\": 2}"]).exec(&mut raw).unwrap();
    assert_eq!(table(&*keys, "z").unwrap_err().message(), "row 1: field `score` stands twice");
}

/// Does something after the first rows, as often as they are read.
struct Meddling<'a>(Mutex<&'a mut (dyn FnMut() + Send)>, Mutex<bool>);

impl Watch for Meddling<'_> {
    fn stage(&self, _: &str, _: u64) {
        *self.1.lock().unwrap() = true;
    }
    fn tick(&self, _: u64) {
        if std::mem::take(&mut *self.1.lock().unwrap()) {
            (self.0.lock().unwrap())();
        }
    }
    fn stopped(&self) -> bool {
        false
    }
}

#[test]
fn a_key_that_is_written_meanwhile_is_read_again_and_never_torn() {
    let server = Server::start();
    let mut raw = server.raw();
    let keys = keys_of(&server);
    let number = |i: usize| format!("{{\"x\": {i}}}");
    let fill = |raw: &mut Connection| {
        let mut request = pipe();
        request.cmd("DEL").arg(&["list", "set", "zset", "hash"]).ignore();
        for i in 0..ROWS {
            request.cmd("RPUSH").arg("list").arg(number(i)).ignore();
            request.cmd("SADD").arg("set").arg(number(i)).ignore();
            request.cmd("ZADD").arg("zset").arg(i).arg(number(i)).ignore();
            request.cmd("HSET").arg("hash").arg(i).arg(number(i)).ignore();
        }
        request.exec(raw).unwrap();
    };
    let change = |key: &str, raw: &mut Connection, i: usize| {
        match key {
            "list" => cmd("LPUSH").arg(key).arg(number(i)).exec(raw),
            "set" => cmd("SADD").arg(key).arg(number(i)).exec(raw),
            "zset" => cmd("ZADD").arg(key).arg(i).arg(number(i)).exec(raw),
            _ => cmd("HSET").arg(key).arg(i).arg(number(i)).exec(raw),
        }
        .unwrap();
    };
    for key in ["list", "set", "zset", "hash"] {
        fill(&mut raw);
        // Once: it is read as it is after that.
        let (mut writer, mut times) = (server.raw(), 0);
        let mut once = || {
            times += 1;
            if times == 1 {
                change(key, &mut writer, 777_777);
            }
        };
        let watch = Meddling(Mutex::new(&mut once), Mutex::new(false));
        let read = read_members(&*keys, key, false, &ReadOptions::default(), &watch).unwrap();
        assert_eq!((read.table.rows(), times), (ROWS + 1, 2), "{key}");
        // Whenever it is read.
        let mut writer = server.raw();
        let mut i = 800_000;
        let mut always = || {
            i += 1;
            change(key, &mut writer, i);
        };
        let watch = Meddling(Mutex::new(&mut always), Mutex::new(false));
        let error = read_members(&*keys, key, false, &ReadOptions::default(), &watch).unwrap_err();
        assert_eq!(error.code(), Code::StoreIo, "{key}");
        assert_eq!(error.message(), format!("key `{key}` was changed each of the 5 times that it was read"));
        // Gone, or something else, after the first rows.
        for (act, code) in [("DEL", Code::MissingKeyOrFile), ("SET", Code::WrongKind)] {
            fill(&mut raw);
            let mut writer = server.raw();
            let mut go = || {
                let mut request = cmd(act);
                request.arg(key);
                if act == "SET" {
                    request.arg("a text");
                }
                request.exec(&mut writer).unwrap();
            };
            let watch = Meddling(Mutex::new(&mut go), Mutex::new(false));
            let error = read_members(&*keys, key, false, &ReadOptions::default(), &watch).unwrap_err();
            assert_eq!(error.code(), code, "{key} {act}: {}", error.message());
        }
    }
    // No connection goes on watching what it has watched.
    cmd("SET").arg("x").arg("y").exec(&mut raw).unwrap();
    assert_eq!(keys.value("x").unwrap(), Some(b"y".to_vec()));
}

#[test]
fn a_pipeline_learns_from_a_key_of_any_kind() {
    let server = Server::start();
    let mut raw = server.raw();
    let mut request = pipe();
    for i in 0..60 {
        let document = format!("{{\"n\": {}, \"x\": {}, \"y\": {}}}", i + 100, i * 7 % 13, i * i % 17);
        request.cmd("RPUSH").arg("list").arg(&document).ignore();
        request.cmd("SADD").arg("set").arg(&document).ignore();
        request.cmd("ZADD").arg("zset").arg(i).arg(&document).ignore();
        request.cmd("HSET").arg("hash").arg(format!("id{i:02}")).arg(&document).ignore();
        request.cmd("HSET").arg(format!("row:{i}")).arg(&[("x", i), ("y", i)]).ignore();
    }
    request.exec(&mut raw).unwrap();
    let place = Place::new();
    let store = server.url("/0");
    let run = |source: &str, more: &str| {
        place.write(
            "p.yaml",
            format!("version: 1\nname: m\nsource: {source}\ntarget: y\n{more}model: Ridge\ncv: 3\n"),
        );
        place.run(&["run", "p.yaml", "--json", "--store", &store])
    };
    let list = run("{key: list}", "").json();
    assert_eq!(list["data"]["rows"], 60);
    for key in ["set", "hash"] {
        assert_eq!(
            run(&format!("{{key: {key}}}"), "").json()["data"]["sha256"],
            list["data"]["sha256"],
            "{key}"
        );
    }
    let zset = run("{key: zset, columns: [n, x, y]}", "").json();
    assert_eq!(zset["data"]["sha256"], list["data"]["sha256"]);
    assert_eq!(run("{key: zset}", "").json()["data"]["columns"], 4);
    let ids = run("{key: hash}", "roles: {id: [field]}\n").json();
    assert_eq!((&ids["data"]["columns"], &ids["data"]["features"]), (&4.into(), &list["data"]["features"]));
    for source in ["{key: \"row:1\"}", "{key: \"row:1\", columns: [x, y]}"] {
        let one = run(source, "");
        assert_eq!(one.code, Some(4), "{}", one.err);
        for text in ["`row:1` is a hash of plain values", "`source.pattern`, such as `row:*`"] {
            assert!(one.err.contains(text), "no {text} in {}", one.err);
        }
    }
    // A format is one of bytes.
    let csv = run("{key: list, format: csv}", "");
    assert!(csv.code == Some(4) && csv.err.contains("key `list` is a list, not a string"), "{}", csv.err);
}
