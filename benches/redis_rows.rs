//! Tables from a Redis server, for `redis_rows.py` and `values.py`: `redis_rows null|read|fill|others|scan|index URL PATTERN [ROWS
//! [OTHERS]]`, `redis_rows stream-null|stream-read|stream-fill URL KEY [ROWS]` or `redis_rows value URL KEY`, each printing one JSON
//! line.
//!
//! `null` is a client that does nothing: it asks for the same keys with the same commands as the reader, the listing included,
//! and drops the answers unread. No reader of them all can be faster than what a server sends it. `read` is the reader. `fill`
//! writes hashes of 20 numbers, `others` keys beside them. `scan` lists all keys of the server and drops their names: no reading by
//! pattern can be faster. `index` reads the rows that a list names, which `others` writes too. The entries of a stream have ids that
//! `stream-null` knows beforehand, so that it need not look into one page to ask for the next. `value` reads the table that one
//! key holds, of whatever format.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on may panic")]

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use pipefit::diag::Silent;
use pipefit::source::formats::{self, Part, ReadOptions};
use pipefit::source::keys::{self, Keys};
use pipefit::source::layouts;
use pipefit::store::resp::{Parser, Part as Answered, Span, push_command};
use pipefit::table::{Column, Table, fingerprint};

const FIELDS: usize = 20;
const BATCH: usize = 500;
/// Entries of a page of a stream: about a MiB, as the reader's.
const PAGE: usize = 1_500;
/// The list of the keys of all rows.
const INDEX: &str = "index";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [command, url, pattern, rest @ ..] = arguments.as_slice() else { return };
    let start = Instant::now();
    match command.as_str() {
        "read" => read(
            &|keys| layouts::read_rows(keys, pattern, &ReadOptions::default(), &Silent).unwrap().table,
            url,
        ),
        "value" => read(&|keys| value(keys, pattern), url),
        "stream-read" => read(&|keys| stream(keys, pattern), url),
        "null" => dropped(null(url, pattern), start),
        "stream-null" => dropped(stream_null(url, pattern, rest[0].parse().unwrap()), start),
        "scan" => dropped(listed(&mut connect(url), "*").len(), start),
        "index" => read(&|keys| indexed(keys), url),
        "others" => println!(
            "{{\"rows\": {}}}",
            others(url, pattern, rest[0].parse().unwrap(), rest[1].parse().unwrap())
        ),
        "stream-fill" => println!("{{\"rows\": {}}}", stream_fill(url, pattern, rest[0].parse().unwrap())),
        _ => println!("{{\"rows\": {}}}", fill(url, pattern, rest[0].parse().unwrap())),
    }
}

/// The reader, and what it made.
fn read(read: &dyn Fn(&dyn Keys) -> Table, url: &str) {
    let start = Instant::now();
    let keys = keys::open(url, Path::new("")).unwrap().1;
    tell(&read(&*keys), start);
}

/// How many answers were dropped, and since when.
fn dropped(rows: usize, start: Instant) {
    println!("{{\"rows\": {rows}, \"seconds\": {:.4}}}", start.elapsed().as_secs_f64());
}

/// The entries of a stream.
fn stream(keys: &dyn Keys, key: &str) -> Table {
    let all = layouts::Entries::default();
    layouts::read_stream(keys, key, &all, &ReadOptions::default(), &Silent).unwrap().table
}

/// The rows of the keys of the list.
fn indexed(keys: &dyn Keys) -> Table {
    layouts::read_index(keys, INDEX, &ReadOptions::default(), &Silent).unwrap().table
}

/// What was read, and since when.
fn tell(table: &Table, start: Instant) {
    let (seconds, peak) = (start.elapsed().as_secs_f64(), peak());
    let bytes: usize = table.columns().iter().map(bytes).sum();
    let sum: f64 = table.columns().iter().map(sum).sum();
    println!(
        "{{\"rows\": {}, \"seconds\": {seconds:.4}, \"columns\": {}, \"table_bytes\": {bytes}, \"peak_bytes\": {peak}, \
         \"sum\": {sum:?}, \"sha256\": \"{}\"}}",
        table.rows(),
        table.columns().len(),
        fingerprint(table)
    );
}

/// A value as a run reads it.
fn value(keys: &dyn Keys, key: &str) -> Table {
    let (bytes, _) = pipefit::source::value(keys, key).unwrap().unwrap();
    let bytes = Bytes::from(formats::unpack(bytes, key).unwrap());
    let format = formats::resolve("auto", &bytes, key).unwrap();
    formats::read_parts(&[(Part::shared(key, &bytes), format)], &ReadOptions::default()).unwrap().table
}

fn bytes(column: &Column) -> usize {
    match column {
        Column::Number(values) => 8 * values.len(),
        Column::Codes { codes, levels } => {
            4 * codes.len() + levels.labels().iter().map(|label| label.len() + 24).sum::<usize>()
        }
    }
}

fn sum(column: &Column) -> f64 {
    match column {
        Column::Number(values) => values.iter().filter(|value| !value.is_nan()).sum(),
        Column::Codes { .. } => 0.0,
    }
}

/// The greatest resident memory of this process.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()).unwrap_or(0) * 1024
}

fn connect(url: &str) -> TcpStream {
    let address = url.strip_prefix("redis://").unwrap().split('/').next().unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Lists the keys, asks for all of them sorted, and drops the answers.
fn null(url: &str, pattern: &str) -> usize {
    let mut stream = connect(url);
    let mut keys = listed(&mut stream, pattern);
    keys.sort_unstable();
    keys.dedup();
    let batch = |batch: &[Vec<u8>]| {
        let mut request = Vec::new();
        batch.iter().for_each(|key| push_command(&mut request, &[b"HGETALL", key]));
        request
    };
    drop_answers(&mut stream, keys.chunks(BATCH).map(batch));
    keys.len()
}

/// Asks for the pages of a stream, and drops them.
fn stream_null(url: &str, key: &str, rows: usize) -> usize {
    let page = |first: usize| {
        let (from, count) = (format!("{}-0", first + 1), PAGE.to_string());
        let mut request = Vec::new();
        push_command(&mut request, &["XRANGE", key, &from, "+", "COUNT", &count].map(str::as_bytes));
        request
    };
    drop_answers(&mut connect(url), (0..rows).step_by(PAGE).map(page));
    rows
}

/// Sends requests, two ahead, and drops the answers.
fn drop_answers(stream: &mut TcpStream, requests: impl Iterator<Item = Vec<u8>>) {
    let mut requests = requests.enumerate();
    let mut send = |stream: &mut TcpStream| {
        let (number, mut request) = requests.next()?;
        push_command(&mut request, &[b"ECHO", mark(number).as_bytes()]);
        stream.write_all(&request).unwrap();
        Some(())
    };
    let mut ahead: usize = (0..2).filter_map(|_| send(stream)).count();
    let mut buffer = vec![0; 256 << 10];
    let (mut end, mut number) = (0, 0);
    while ahead > 0 {
        // The mark is the end of the answers to one request; the next may be behind it already.
        let mark = mark(number);
        loop {
            // Nothing else has its first byte, and to look for one byte costs next to nothing.
            let found = buffer[..end].contains(&b'<').then_some(&buffer[..end]);
            let found = found
                .and_then(|bytes| bytes.windows(mark.len()).rposition(|window| window == mark.as_bytes()));
            if let Some(at) = found {
                buffer.copy_within(at + mark.len()..end, 0);
                end -= at + mark.len();
                break;
            }
            let kept = end.min(mark.len() + 1);
            buffer.copy_within(end - kept..end, 0);
            end = kept + stream.read(&mut buffer[kept..]).unwrap();
        }
        number += 1;
        ahead -= 1;
        ahead += usize::from(send(stream).is_some());
    }
}

fn mark(number: usize) -> String {
    format!("<<<the end of request {number:09}>>>")
}

fn listed(stream: &mut TcpStream, pattern: &str) -> Vec<Vec<u8>> {
    let (mut keys, mut cursor) = (Vec::new(), b"0".to_vec());
    loop {
        let mut request = Vec::new();
        push_command(&mut request, &[b"SCAN", &cursor, b"MATCH", pattern.as_bytes(), b"COUNT", b"2000"]);
        stream.write_all(&request).unwrap();
        let (parser, answer) = answered(stream);
        let text = |span: &Span| span.of(&answer).to_vec();
        let [Answered::List(2), Answered::Text(next), Answered::List(_), found @ ..] = parser.parts() else {
            panic!("SCAN")
        };
        cursor = text(next);
        keys.extend(found.iter().filter_map(|part| match part {
            Answered::Text(span) => Some(text(span)),
            _ => None,
        }));
        if cursor == b"0" {
            return keys;
        }
    }
}

/// One answer.
fn answered(stream: &mut TcpStream) -> (Parser, Vec<u8>) {
    let (mut parser, mut answer, mut end) = (Parser::default(), vec![0; 1 << 20], 0);
    while !parser.advance(&answer[..end]).unwrap() {
        if end == answer.len() {
            answer.resize(2 * end, 0);
        }
        end += stream.read(&mut answer[end..]).unwrap();
    }
    (parser, answer)
}

/// Writes keys that are no rows, and the list of the keys of all rows.
fn others(url: &str, prefix: &str, rows: usize, count: usize) -> usize {
    let mut stream = connect(url);
    let set = |i: usize| vec![b"SET".to_vec(), format!("other:{i}").into_bytes(), b"1".to_vec()];
    write_all(&mut stream, count, set, |_| 5);
    let prefix = prefix.trim_end_matches('*');
    let push =
        |i: usize| vec![b"RPUSH".to_vec(), INDEX.as_bytes().to_vec(), format!("{prefix}{i}").into_bytes()];
    // `:1234\r\n`, its length.
    write_all(&mut stream, rows, push, |i| 3 + (i + 1).to_string().len());
    count
}

/// Sends so many commands, whose answers have these lengths.
fn write_all(
    stream: &mut TcpStream,
    count: usize,
    command: impl Fn(usize) -> Vec<Vec<u8>>,
    length: impl Fn(usize) -> usize,
) {
    let mut answers = vec![0; 64 << 10];
    for start in (0..count).step_by(1000) {
        let mut request = Vec::new();
        let mut left = 0;
        for i in start..count.min(start + 1000) {
            let words = command(i);
            push_command(&mut request, &words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            left += length(i);
        }
        stream.write_all(&request).unwrap();
        while left > 0 {
            let most = left.min(answers.len());
            left -= stream.read(&mut answers[..most]).unwrap();
        }
    }
}

/// Writes hashes, in no order of their names, so that the server's memory is not sorted either.
fn fill(url: &str, prefix: &str, rows: usize) -> usize {
    let prefix = prefix.trim_end_matches('*');
    // Coprime to the number of rows, so that each comes once.
    let step = (rows / 2..).find(|step| gcd(*step, rows) == 1).unwrap();
    // `:20\r\n` for each.
    fill_rows(url, rows, |i| vec![b"HSET".into(), format!("{prefix}{}", (i * step) % rows).into()], |_| 5)
}

/// Writes the entries of a stream, from `1-0` on.
fn stream_fill(url: &str, key: &str, rows: usize) -> usize {
    let add = |i: usize| vec![b"XADD".into(), key.into(), format!("{}-0", i + 1).into()];
    // `$4\r\n12-0\r\n`, its length.
    fill_rows(url, rows, add, |i| {
        let id = (i + 1).to_string().len() + 2;
        1 + id.to_string().len() + 2 + id + 2
    })
}

/// Sends one command a row, each followed by the names and values of 20 numbers.
fn fill_rows(
    url: &str,
    rows: usize,
    command: impl Fn(usize) -> Vec<Vec<u8>>,
    length: impl Fn(usize) -> usize,
) -> usize {
    let state = Cell::new(1u64);
    let next = || {
        state.set(state.get().wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407));
        (state.get() >> 11) as f64 / (1u64 << 53) as f64
    };
    let row = |i: usize| {
        let fields = (0..FIELDS).flat_map(|j| {
            [format!("x{j}").into_bytes(), format!("{:?}", next() * 200.0 - 100.0).into_bytes()]
        });
        command(i).into_iter().chain(fields).collect()
    };
    write_all(&mut connect(url), rows, row, length);
    rows
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
