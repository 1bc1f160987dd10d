//! Rows that are the entries of a stream in a Redis server: the same tables as from any other layout, from and to the places that
//! the file names, whatever happens behind them meanwhile.

use std::path::Path;
use std::sync::Arc;

use pipefit::diag::{Code, Diagnostic, Silent};
use pipefit::source::formats::{Format, Read, ReadOptions, read};
use pipefit::source::keys::{self, EntryId, Keys};
use pipefit::source::layouts::{Entries, read_stream};
use pipefit::table::{Column, Kind, Schema, Table, fingerprint};
use redis::{cmd, pipe};

use crate::command::Place;
use crate::server::Server;

const ALL: (EntryId, EntryId) = (EntryId::FIRST, EntryId::LAST);

fn keys_of(url: &str) -> Arc<dyn Keys> {
    keys::open(url, Path::new("")).unwrap().1
}

fn stream(keys: &dyn Keys, from_to: (EntryId, EntryId)) -> Result<Read, Diagnostic> {
    let entries = Entries { from: from_to.0, to: from_to.1, id: None, time: None };
    read_stream(keys, "events", &entries, &ReadOptions::default(), &Silent)
}

/// The fields of row `i`: some are missing in some rows, some come late, numbers turn out to be words.
fn fields(i: usize) -> Vec<(&'static str, String)> {
    let code = if i == 5_000 { "A1".to_owned() } else { format!("{:03}", i % 1000) };
    let mut fields = vec![("id", i.to_string()), ("größe\0", format!("{}.5", i % 7)), ("code", code)];
    if i % 3 != 2 {
        fields.push(("plan", ["frei", "çok\r\n"][i % 2].to_owned()));
    }
    if i > 100 {
        fields.push(("late", "1".to_owned()));
    }
    fields
}

fn same(read_: Result<Read, Diagnostic>, rows: impl Iterator<Item = usize>) {
    let line = |i: usize| {
        let fields = fields(i).into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        serde_json::Value::Object(fields.collect()).to_string() + "\n"
    };
    let text: String = rows.map(line).collect();
    let (found, expected) =
        (read_.unwrap(), read(text.as_bytes(), Format::Jsonl, "k", &ReadOptions::default()).unwrap());
    assert_eq!(found.table.schema(), expected.table.schema());
    assert_eq!(fingerprint(&found.table), fingerprint(&expected.table));
}

/// A server with so many entries, ten a millisecond.
fn filled(rows: usize) -> Server {
    let server = Server::start();
    let mut request = pipe();
    for i in 0..rows {
        let id = format!("{}-{}", 1_000 + i / 10, i % 10);
        request.cmd("XADD").arg("events").arg(id).arg(fields(i)).ignore();
    }
    request.exec(&mut server.raw()).unwrap();
    server
}

#[test]
fn entries_are_rows_in_their_order() {
    const ROWS: usize = 30_001;
    let server = filled(ROWS);
    let keys = keys_of(&server.url("/0"));
    same(stream(&*keys, ALL), 0..ROWS);
    let id = |time, number| EntryId { time, number };
    same(stream(&*keys, (id(1_010, 3), id(1_012, 0))), 103..121);
    same(stream(&*keys, (id(1_010, 3), id(1_010, 3))), 103..104);
    same(stream(&*keys, (id(3_999, 0), EntryId::LAST)), 29_990..ROWS);
    // Deleted entries are no rows, and a page may be all of them.
    let mut raw = server.raw();
    let mut request = pipe();
    for i in 200..20_000 {
        request.cmd("XDEL").arg("events").arg(format!("{}-{}", 1_000 + i / 10, i % 10)).ignore();
    }
    request.exec(&mut raw).unwrap();
    same(stream(&*keys, ALL), (0..200).chain(20_000..ROWS));
}

#[test]
fn ids_and_times_are_columns() {
    let server = filled(3_001);
    let keys = keys_of(&server.url("/0"));
    let named = |id, time| {
        let entries = Entries { id, time, ..Entries::default() };
        read_stream(&*keys, "events", &entries, &ReadOptions::default(), &Silent)
    };
    let table = named(Some("größe"), Some("um")).unwrap().table;
    let names: Vec<&str> = table.schema().names().collect();
    assert_eq!(names[..4], ["größe", "um", "id", "größe\0"]);
    let (Column::Codes { codes, levels }, Column::Number(times)) = (&table.columns()[0], &table.columns()[1])
    else {
        panic!("a category and a datetime")
    };
    for row in [0, 7, 12, 3_000] {
        let id = format!("{}-{}", 1_000 + row / 10, row % 10);
        assert_eq!(levels.label(codes[row]), Some(&*id));
        assert_eq!(times[row], (1_000 + row / 10) as f64 * 1e3);
    }
    assert_eq!(table.schema().fields()[1].kind, Kind::Datetime);
    // Without their names it is the same table.
    let without =
        Table::new(Schema::new(table.schema().fields()[2..].to_vec()), table.columns()[2..].to_vec());
    assert_eq!(fingerprint(&without.unwrap()), fingerprint(&stream(&*keys, ALL).unwrap().table));
    cmd("XADD").arg("events").arg("253402300800000-0").arg("id").arg(1).exec(&mut server.raw()).unwrap();
    let error = named(None, Some("um")).err().unwrap();
    assert_eq!(
        (error.code(), error.message()),
        (Code::BadCell, "column `um`: entry `events 253402300800000-0` is of a time beyond the year 9999")
    );
    assert_eq!(named(Some("um"), None).unwrap().table.rows(), 3_002);
}

#[test]
fn what_is_written_later_is_not_read() {
    let server = filled(3_000);
    let keys = keys_of(&server.url("/0"));
    let writes = std::thread::scope(|scope| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let server = &server;
        let writer = scope.spawn(move || {
            let mut raw = server.raw();
            let mut writes = 0;
            while stopped.try_recv().is_err() {
                cmd("XADD").arg("events").arg("*").arg(fields(1)).exec(&mut raw).unwrap();
                writes += 1;
            }
            writes
        });
        let mut rows = 0;
        for _ in 0..20 {
            // A reading ends, and holds no less than the one before.
            let read = stream(&*keys, ALL).unwrap().table.rows();
            assert!(read >= rows.max(3_000));
            rows = read;
        }
        same(stream(&*keys, (EntryId::FIRST, EntryId { time: 1_299, number: 9 })), 0..3_000);
        stop.send(()).unwrap();
        writer.join().unwrap()
    });
    assert!(writes > 20, "{writes}");
}

#[test]
fn what_is_no_stream_is_told() {
    let server = Server::start();
    let mut raw = server.raw();
    let keys = keys_of(&server.url("/0"));
    let code = || stream(&*keys, ALL).err().map(|error| error.code());
    assert_eq!(code(), Some(Code::MissingKeyOrFile));
    cmd("SET").arg("events").arg("x").exec(&mut raw).unwrap();
    assert_eq!(code(), Some(Code::WrongKind));
    cmd("DEL").arg("events").exec(&mut raw).unwrap();
    cmd("XADD").arg("events").arg("7-1").arg("x").arg(&b"\xff\xfe"[..]).exec(&mut raw).unwrap();
    let error = stream(&*keys, ALL).err().unwrap();
    assert_eq!(error.code(), Code::UnreadableValue);
    assert!(error.message().contains("events 7-1"), "{}", error.message());
    assert_eq!(stream(&*keys_of("mem:"), ALL).err().map(|error| error.code()), Some(Code::MissingKeyOrFile));
}

#[test]
fn a_pipeline_learns_from_a_stream() {
    let server = Server::start();
    let mut raw = server.raw();
    let mut request = pipe();
    for i in 0..60 {
        let (x, y) = (i * 7 % 13, i * i % 17);
        request.cmd("XADD").arg("events").arg(format!("{}-0", 1_000 + i)).arg(&[("x", x), ("y", y)]).ignore();
    }
    request.exec(&mut raw).unwrap();
    let place = Place::new();
    let store = server.url("/0");
    let run = |source: &str| {
        place.write(
            "p.yaml",
            format!("version: 1\nname: m\nsource: {source}\ntarget: y\nmodel: Ridge\ncv: 3\n"),
        );
        place.run(&["run", "p.yaml", "--json", "--store", &store])
    };
    let all = run("{stream: events}").json();
    assert_eq!(all["data"]["rows"], 60);
    assert!(place.read("p.yaml.lock").contains("stream: events"), "{}", place.read("p.yaml.lock"));
    // The same rows by their key alone.
    assert_eq!(run("{key: events}").json()["data"]["sha256"], all["data"]["sha256"]);
    let part = run("{stream: {key: events, from: 1020-0, to: \"1970-01-01T00:00:01.049Z\"}}").json();
    assert_eq!(part["data"]["rows"], 30);
    // Ids and times as columns, whatever columns are read; by the time alone a model of datetimes would learn.
    let named = "{stream: {key: events, id: eintrag, time: um}, columns: [x, y]}";
    place.write(
        "p.yaml",
        format!(
            "version: 1\nname: m\nsource: {named}\ntarget: y\nroles: {{id: [eintrag]}}\n\
             expect: {{columns: {{eintrag: {{type: category, unique: true}}, um: {{type: datetime, max_missing: 0}}}}}}\n\
             preprocess: {{n: {{columns: [x], steps: [StandardScaler]}}, t: {{columns: [um], steps: [DatetimeEncoder]}}}}\nmodel: Ridge\ncv: 3\n"
        ),
    );
    let timed = place.run(&["run", "p.yaml", "--json", "--store", &store]).json();
    assert_eq!((&timed["data"]["rows"], &timed["data"]["columns"]), (&60.into(), &4.into()));
    let lock = place.read("p.yaml.lock");
    assert!(lock.contains("id: eintrag") && lock.contains("time: um"), "{lock}");
    let twice = run("{stream: {key: events, id: x}}");
    assert!(twice.code == Some(4) && twice.err.contains("field `x` stands twice"), "{}", twice.err);
    let same = run("{stream: {key: events, id: a, time: a}}");
    assert!(same.code == Some(3) && same.err.contains("both make column `a`"), "{}", same.err);
    // All of it was written long ago.
    let recent = run("{stream: {key: events, from: 30d}}");
    assert_eq!(recent.code, Some(4), "{}", recent.err);
    let wrong = run("{stream: {key: events, from: yesterday}, load_if_missing: x.csv}");
    assert_eq!(wrong.code, Some(3));
    for text in ["`yesterday`", "30d", "`stream` and `load_if_missing`"] {
        assert!(wrong.err.contains(text), "no {text} in {}", wrong.err);
    }
}
