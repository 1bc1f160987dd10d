//! What must hold for any bytes at all. Each target takes one input, says whether it was accepted, and panics where a promise
//! is broken; the tests here and the coverage-guided runs in `fuzz/` feed the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use pipefit::artifact::{self, Artifact};
use pipefit::diag::{Code, Diagnostic, Source, render, to_json};
use pipefit::graph::{self, Drawing, Graph};
use pipefit::learn::{Cell, Learner, Saved, Settings};
use pipefit::predict::{Options, predict};
use pipefit::serve::{self, Call, Loaded, Models, Served};
use pipefit::source::formats::{Format, ReadOptions, describe, detect, read, unpack, write, written};
use pipefit::spec;
use pipefit::store::resp::{Parser, Part};
use pipefit::table::{Column, Field, Kind, Levels, MISSING, Schema, Table};

/// What every environment variable holds here, and what nothing that is shown or kept may contain.
const SECRET: &str = "q7Zw-canary-0xQ";

/// A pipeline file, and after a NUL the lines of `-S`: it is refused with a place for each fault, or it becomes a graph
/// whose resolved form is a pipeline file of the same meaning.
pub fn pipeline(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let (text, overrides) = text.split_once('\0').unwrap_or((&text, ""));
    let overrides: Vec<String> = overrides.lines().map(str::to_owned).collect();
    let (resolved, problems) = check(text, &overrides);
    let shown = render(&problems, false);
    let json: String = problems.iter().map(|problem| to_json(problem).to_string()).collect();
    let kept = resolved.as_ref().map(serde_json::Value::to_string).unwrap_or_default();
    let told = text.contains(SECRET) || overrides.iter().any(|line| line.contains(SECRET));
    assert!(
        told || ![&shown, &json, &kept].iter().any(|text| text.contains(SECRET)),
        "a secret is shown: {shown}"
    );
    assert!(problems.iter().all(|problem| !problem.message().is_empty()), "{shown}");
    let failed = problems.iter().any(|problem| problem.code().id().starts_with('E'));
    assert_eq!(resolved.is_none(), failed, "neither a graph nor an error: {shown}");
    // JSON has no infinity, so what is kept of one is a text.
    if resolved.is_some() && !["\".inf\"", "\"-.inf\"", "\".nan\""].iter().any(|text| kept.contains(text)) {
        let (again, problems) = check(&kept, &[]);
        assert_eq!(again, resolved, "the resolved file is another one: {}", render(&problems, false));
    }
    !failed
}

/// The resolved form of a text's graph, if it is one, and what was found wrong.
fn check(text: &str, overrides: &[String]) -> (Option<serde_json::Value>, Vec<Diagnostic>) {
    let environment = |name: &str| (!name.starts_with("NO")).then(|| SECRET.to_owned());
    let parsed = spec::parse(Source::new("f.yaml", text), Path::new("p"), overrides, &environment);
    let (graphs, problems) = graph::checked(parsed);
    for graph in &graphs {
        let drawing = Drawing::of(graph);
        assert!(!drawing.text().is_empty() && drawing.json().is_object());
        assert!(drawing.dot().contains("digraph") && !drawing.mermaid().is_empty());
    }
    (graphs.into_iter().next().map(|graph| graph.resolved), problems)
}

/// A value read as CSV and as TSV, whatever it is.
pub fn csv(bytes: &[u8]) -> bool {
    [Format::Csv, Format::Tsv].map(|format| table(bytes, Some(format), &TEXTS)).contains(&true)
}

/// A value read as what it looks like, and as each form of JSON.
pub fn json(bytes: &[u8]) -> bool {
    let formats = [None, Some(Format::JsonColumns), Some(Format::JsonRecords), Some(Format::Jsonl)];
    formats.map(|format| table(bytes, format, &TEXTS)).contains(&true)
}

/// A value of a format that says itself what its columns are, or any other, compressed or not.
pub fn typed(bytes: &[u8]) -> bool {
    match unpack(bytes.to_vec(), "k") {
        // Texts that mean something in CSV, `NA` among them, are words here.
        Ok(bytes) => table(&bytes, None, &[Format::Arrow, Format::Parquet]),
        Err(error) => {
            refused(&error);
            false
        }
    }
}

/// The formats that hold whatever a format of texts can.
const TEXTS: [Format; 7] = Format::ALL;

/// What is read has rows, is no larger than its bytes allow, and reads back from every format; any type may be asked of any
/// column. What is refused says why and where.
fn table(bytes: &[u8], format: Option<Format>, back: &[Format]) -> bool {
    let attempt = |options: &ReadOptions| {
        let format = format.map_or_else(|| detect(bytes, "k"), Ok)?;
        read(bytes, format, "k", options)
    };
    let table = match attempt(&ReadOptions::default()) {
        Ok(read) => read.table,
        Err(error) => {
            refused(&error);
            return false;
        }
    };
    assert!(table.rows() > 0 && !table.columns().is_empty());
    // A run of equal values takes no bytes in Parquet.
    let most =
        if detect(bytes, "k") == Ok(Format::Parquet) { usize::MAX } else { (1 << 20) + 16 * bytes.len() };
    assert!(table.rows() * table.columns().len() <= most, "more cells than bytes");
    assert_eq!(describe(&table).len(), table.columns().len());
    reads_back(&table, back);
    for turn in 0..Kind::ALL.len() {
        let kind = |i: usize| Kind::ALL[(i + turn) % Kind::ALL.len()];
        let schema = table.schema().names().enumerate().map(|(i, name)| (name.to_owned(), kind(i)));
        let options = ReadOptions { schema: schema.collect(), ..ReadOptions::default() };
        match attempt(&options) {
            Ok(read) => {
                let kinds = read.table.schema().fields().iter().enumerate();
                assert!(kinds.into_iter().all(|(i, field)| field.kind == kind(i)));
            }
            Err(error) => refused(&error),
        }
    }
    let first = table.schema().fields()[0].name.clone();
    let one = attempt(&ReadOptions {
        schema: BTreeMap::new(),
        columns: Some(vec![first]),
        ..ReadOptions::default()
    });
    let one = one.expect("a column of a table that was read").table;
    assert_eq!((one.rows(), one.columns().len()), (table.rows(), 1));
    true
}

fn refused(error: &Diagnostic) {
    const CODES: [Code; 4] = [Code::UnreadableValue, Code::RefusedFormat, Code::EmptyData, Code::BadCell];
    assert!(CODES.contains(&error.code()), "{error}");
    assert!(!error.message().is_empty() && error.place().is_some(), "{error}");
}

/// A table is written and read again with its own types. CSV alone has no nameless column, and none whose name looks like
/// the header of a file with semicolons.
fn reads_back(table: &Table, formats: &[Format]) {
    let kinds = table.schema().fields().iter().map(|field| (field.name.clone(), field.kind));
    let options = ReadOptions { schema: kinds.collect(), ..ReadOptions::default() };
    let nameless = table.schema().names().any(str::is_empty);
    let semicolons = table.columns().len() == 1 && table.schema().fields()[0].name.contains(';');
    let named = |format: &&Format| !matches!(format, Format::Csv | Format::Tsv) || !nameless && !semicolons;
    for format in formats.iter().filter(named).copied() {
        let written = write(table, format);
        let back = read(&written, format, "k", &options);
        let back = back.unwrap_or_else(|error| panic!("{}: {error}", format.name())).table;
        assert_eq!(write(&back, format), written, "{} changes when it is read again", format.name());
    }
    // Every row takes as much as the longest text there.
    let longest = |column: &Column| match column {
        Column::Codes { levels, .. } => levels.labels().iter().map(String::len).max().unwrap_or(0),
        Column::Number(_) => 8,
    };
    if table.rows() * table.columns().iter().map(longest).sum::<usize>() > 1 << 18 {
        return;
    }
    if let Ok(array) = written(table, Format::Npy) {
        let back = read(&array, Format::Npy, "k", &options).unwrap_or_else(|error| panic!("NPY: {error}"));
        assert_eq!(
            written(&back.table, Format::Npy).as_deref(),
            Ok(&array[..]),
            "NPY changes when it is read again"
        );
    }
}

/// Bytes as the answer of a Redis server: its parts are the same in whatever pieces they come, no more than its bytes allow,
/// and those that the client's own parser finds.
pub fn resp(bytes: &[u8]) -> bool {
    let mut whole = Parser::default();
    let outcome = whole.advance(bytes);
    let length = whole.length();
    assert!(length <= bytes.len() && whole.parts().len() <= bytes.len() / 4 + 1, "more parts than bytes");
    for piece in [1, 7, 64] {
        let (mut parser, mut end) = (Parser::default(), 0);
        let in_pieces = loop {
            match parser.advance(&bytes[..end]) {
                Ok(false) if end < bytes.len() => end = (end + piece).min(bytes.len()),
                outcome => break outcome,
            }
        };
        assert_eq!(in_pieces.as_ref().ok(), outcome.as_ref().ok(), "in pieces of {piece}");
        assert_eq!((parser.parts(), parser.length()), (whole.parts(), length), "in pieces of {piece}");
    }
    if outcome != Ok(true) {
        return false;
    }
    let mut parts = whole.parts().iter();
    // The client takes no line that is not UTF-8; whatever it takes it takes alike.
    if let Ok(value) = redis::parse_redis_value(&bytes[..length]) {
        assert!(
            is_value(&value, &mut parts, bytes) && parts.next().is_none(),
            "{value:?}: {:?}",
            whole.parts()
        );
    }
    true
}

/// Whether the next parts are this value.
fn is_value<'a>(value: &redis::Value, parts: &mut impl Iterator<Item = &'a Part>, bytes: &[u8]) -> bool {
    use redis::Value;
    match (value, parts.next()) {
        (Value::Nil, Some(Part::Nil)) | (Value::ServerError(_), Some(Part::Refusal(_))) => true,
        (Value::Int(value), Some(Part::Number(number))) => value == number,
        (Value::BulkString(value), Some(Part::Text(span))) => value == span.of(bytes),
        (Value::SimpleString(value), Some(Part::Text(span))) => value.as_bytes() == span.of(bytes),
        (Value::Okay, Some(Part::Text(span))) => span.of(bytes) == b"OK",
        (Value::Array(values), Some(Part::List(length))) => {
            values.len() == *length as usize && values.iter().all(|value| is_value(value, &mut *parts, bytes))
        }
        _ => false,
    }
}

/// What is served to hostile clients: numbers and classes, with categories and gaps.
static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let sample = |name: &str, bytes: &[u8]| {
        let artifact = artifact::read(bytes).expect("a sample that is accepted");
        (name.to_owned(), Served::fixed(Loaded::new(name, 1, "00", artifact)))
    };
    Models::from([
        sample("d", include_bytes!("../../corpus/artifact/diabetes-minmax-clip.safetensors")),
        sample("p", include_bytes!("../../corpus/artifact/penguins.safetensors")),
    ])
});

/// A line `PATH CONTENT-TYPE [LENGTH OF THE JSON]`, and a body: answered with a row for each row, or refused as the client's
/// fault, in the one form.
pub fn http_body(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut words = line.split(' ');
    let (path, query) =
        words.next().map(|path| path.split_once('?').unwrap_or((path, ""))).unwrap_or_default();
    let Some(route) = serve::route(path) else { return false };
    let call = Call {
        route: &route,
        query,
        content_type: words.next(),
        json_length: words.next(),
        body: bytes.get(end + 1..).unwrap_or_default(),
        most_rows: 100,
    };
    let reply = serve::answer(&MODELS, &call);
    let body = &reply.body[..reply.json_length.unwrap_or(reply.body.len())];
    let told: serde_json::Value = serde_json::from_slice(body).expect("an answer is JSON");
    if reply.status == 200 {
        let outputs = ["/predictions", "/outputs/0/data", "/outputs"].map(|place| told.pointer(place));
        let list = outputs.into_iter().flatten().find_map(|found| found.as_array());
        if let Some(list) = list.filter(|_| reply.rows > 0 && told.pointer("/outputs/0/shape").is_none()) {
            assert_eq!(list.len(), reply.rows);
        }
        return reply.rows > 0;
    }
    assert!([400, 404, 415].contains(&reply.status), "{}: {told}", reply.status);
    assert!(told["error"].as_str().is_some_and(|error| !error.is_empty()), "{told}");
    false
}

/// Bytes as an artifact: refused as damaged, or a pipeline that predicts any row of its schema or says why not.
pub fn artifact(bytes: &[u8]) -> bool {
    match artifact::read(bytes) {
        Ok(artifact) => {
            predicts(&artifact);
            true
        }
        Err(error) => {
            assert_eq!(error.code(), Code::Damaged, "{error}");
            assert!(!error.message().is_empty());
            false
        }
    }
}

/// Rows that the schema allows are predicted or refused for what is in them; nothing is called a bug.
pub fn predicts(artifact: &Artifact) {
    for kind in [Cells::Plain, Cells::Missing, Cells::Unknown] {
        let table = rows_of(artifact, kind);
        for proba in [false, true] {
            match predict(artifact, &table, &Options { proba, keep: Vec::new() }) {
                Ok(predicted) => assert_eq!(predicted.table.rows(), table.rows()),
                Err(error) => assert_ne!(error.code(), Code::Bug, "{error}"),
            }
        }
    }
}

/// Bytes as a learner's state: refused as damage, or it is written as what is read again, and goes on learning whatever comes.
pub fn learner(bytes: &[u8]) -> bool {
    static GRAPH: LazyLock<Graph> = LazyLock::new(|| {
        let text = "version: 1\nname: l\nsource: {key: k}\ntarget: y\nonline: {stream: s, batch: 16}\npreprocess:\n  \
                    num: {columns: {type: number}, steps: [SimpleImputer, StandardScaler]}\n  \
                    cat: {columns: {type: category}, steps: [OneHotEncoder]}\nmodel: Ridge\n";
        let parsed = spec::parse(Source::new("f.yaml", text), Path::new("p"), &[], &|_| None);
        graph::checked(parsed).0.swap_remove(0)
    });
    let saved = match Saved::parse(bytes) {
        Ok(saved) => saved,
        Err(error) => {
            assert!(error.code() == Code::Damaged && !error.message().is_empty(), "{error}");
            return false;
        }
    };
    let written = Saved::bytes_of(&saved.state, &saved.place).expect("a state that was read");
    let again = Saved::parse(&written).expect("a state that was written");
    assert_eq!(Saved::bytes_of(&again.state, &again.place).as_ref(), Ok(&written));
    let window = saved.state.window();
    let settings = Settings { window, ..Settings::of(GRAPH.online.as_ref().expect("a file with `online`")) };
    let kinds: Vec<Kind> = saved.state.schema.fields().iter().map(|field| field.kind).collect();
    // Columns of other types than the pipeline's groups take, say.
    let Ok(mut learner) = Learner::new(&GRAPH, settings, saved.state) else { return true };
    for row in 0..40 {
        let number = [0.0, 1.0, -2.5, f64::NAN][row % 4];
        let label = [None, Some("new"), Some("other")][row % 3];
        let cell =
            |kind: &Kind| if *kind == Kind::Category { Cell::Label(label) } else { Cell::Number(number) };
        let mut cells: Vec<Cell> = kinds.iter().map(cell).collect();
        cells.push(Cell::Number(row as f64));
        for outcome in [learner.push(&cells, row as u64), learner.fitted().map(drop)] {
            if let Err(error) = outcome {
                assert_ne!(error.code(), Code::Bug, "{error}");
            }
        }
    }
    true
}

/// What the rows hold.
#[derive(Clone, Copy, PartialEq)]
enum Cells {
    Plain,
    Missing,
    Unknown,
}

/// Four rows of an artifact's schema.
fn rows_of(artifact: &Artifact, cells: Cells) -> Table {
    let manifest = &artifact.manifest;
    let mut columns = Vec::new();
    for Field { name, kind } in manifest.schema.fields() {
        let labels = manifest.categories.iter().find(|category| category.column == *name);
        let mut labels = labels.map_or(Vec::new(), |category| category.levels.labels().to_vec());
        columns.push(match (kind, cells) {
            (Kind::Category, _) => {
                if labels.is_empty() || cells == Cells::Unknown {
                    labels.push("never seen".to_owned());
                }
                let levels = Levels::new(labels, false);
                let last = levels.len() as u32 - 1;
                let fourth = if cells == Cells::Missing { MISSING } else { 0 };
                Column::Codes { codes: vec![0, last, last / 2, fourth].into(), levels: Arc::new(levels) }
            }
            (_, Cells::Plain) => Column::Number(vec![0.0, 1.0, 2.5, -3.0].into()),
            (_, Cells::Missing) => Column::Number(vec![1.0, f64::NAN, 0.0, f64::NAN].into()),
            (_, Cells::Unknown) => Column::Number(vec![f64::MAX, f64::MIN, 5e-324, -0.0].into()),
        });
    }
    Table::new(Schema::clone(&manifest.schema), columns).expect("an artifact's schema names each column once")
}
