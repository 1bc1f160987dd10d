//! Hostile input: every sample, and a fixed number of seeded changes of them, into each of the places where bytes come
//! in. The same targets run under coverage guidance in `fuzz/`.
//!
//! The inputs are the same on every machine and in every run. `PIPEFIT_FUZZ_ITERATIONS=50 cargo test fuzz` tries fifty times as many, 0.1 a
//! tenth, and `PIPEFIT_FUZZ_SECONDS=60` goes on for a minute at least. A failure prints seed and input; put the input into `tests/corpus/<target>` with the fix, and it is tried for ever.

pub mod mutation;
pub mod targets;
pub mod tokens;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::mutation::Dice;
use self::targets::{artifact, csv, http_body, json, learner, pipeline, resp, typed};
use self::tokens::{BINARY, HTTP, RESP, TABLE, YAML};

/// How many inputs: a few seconds a target in the profile `ci`.
const PIPELINES: u64 = 20_000;
const CSVS: u64 = 20_000;
const JSONS: u64 = 20_000;
const ARTIFACTS: u64 = 20_000;
const LEARNERS: u64 = 5_000;
const ANSWERS: u64 = 100_000;
const BODIES: u64 = 20_000;
const TYPED: u64 = 8_000;

#[test]
fn pipelines() {
    let seeds = [
        &["it/invalid", "it/invalid/components", "golden/pipelines", "corpus/pipeline"][..],
        &["../pipelines"],
    ]
    .concat();
    let seeds = samples(&seeds, &["yaml"]);
    let (accepted, refused) = explore("pipeline", pipeline, &seeds, PIPELINES, |dice, input, other| {
        mutation::bytes(dice, input, other, &YAML)
    });
    assert!(accepted * 50 > refused && refused > accepted, "{accepted} accepted, {refused} refused");
}

#[test]
fn delimited_tables() {
    let seeds = samples(&["corpus/values", "corpus/csv"], &[]);
    let (accepted, refused) =
        explore("csv", csv, &seeds, CSVS, |dice, input, other| mutation::bytes(dice, input, other, TABLE));
    assert!(accepted * 50 > refused && refused > accepted, "{accepted} accepted, {refused} refused");
}

#[test]
fn json_tables() {
    let seeds = samples(&["corpus/values", "corpus/json"], &[]);
    let (accepted, refused) =
        explore("json", json, &seeds, JSONS, |dice, input, other| mutation::bytes(dice, input, other, TABLE));
    assert!(accepted * 50 > refused && refused > accepted, "{accepted} accepted, {refused} refused");
}

/// Of each format so many changes of its samples: `fuzz/run` has a target for each as well.
fn typed_tables(name: &str, seeds: &[&str]) {
    let seeds = samples(seeds, &[]);
    let (accepted, refused) = explore(name, typed, &seeds, TYPED, |dice, input, other| match dice.below(2) {
        0 => in_place(dice, input),
        _ => mutation::bytes(dice, input, other, BINARY),
    });
    assert!(accepted * 50 > refused && refused > accepted, "{accepted} accepted, {refused} refused");
}

/// A few changes that keep the length, without which a file that says its own is refused at once.
fn in_place(dice: &mut Dice, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..dice.few(4) {
        let at = dice.below(bytes.len().max(1));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = if dice.below(2) == 0 { *byte ^ 1 << dice.below(8) } else { dice.below(256) as u8 };
        }
    }
    bytes
}

#[test]
fn parquet_tables() {
    typed_tables("parquet", &["golden/data/parquet", "corpus/parquet"]);
}

#[test]
fn arrow_tables() {
    typed_tables("arrow", &["golden/data/arrow", "corpus/arrow"]);
}

#[test]
fn npy_tables() {
    typed_tables("npy", &["golden/data/npy", "corpus/npy"]);
}

#[test]
fn artifacts() {
    let seeds = samples(&["corpus/artifact", "formats/artifact-1", "formats/artifact-2"], &["safetensors"]);
    let (accepted, refused) =
        explore("artifact", artifact, &seeds, ARTIFACTS, |dice, input, _| mutation::artifact(dice, &input));
    assert!(accepted * 50 > refused && refused > accepted, "{accepted} accepted, {refused} refused");
}

#[test]
fn learners() {
    let seeds = samples(&["corpus/learner", "formats"], &["safetensors"]);
    let (accepted, refused) =
        explore("learner", learner, &seeds, LEARNERS, |dice, input, _| mutation::artifact(dice, &input));
    assert!(accepted * 50 > refused && refused > accepted, "{accepted} accepted, {refused} refused");
}

#[test]
fn answers() {
    let seeds = samples(&["corpus/resp"], &[]);
    let (accepted, refused) = explore("resp", resp, &seeds, ANSWERS, |dice, input, other| {
        mutation::bytes(dice, input, other, RESP)
    });
    assert!(accepted * 50 > refused && refused > accepted, "{accepted} accepted, {refused} refused");
}

#[test]
fn bodies() {
    let seeds = samples(&["corpus/http_body"], &[]);
    let (accepted, refused) = explore("http_body", http_body, &seeds, BODIES, |dice, input, other| {
        mutation::bytes(dice, input, other, HTTP)
    });
    assert!(accepted * 50 > refused && refused > accepted, "{accepted} accepted, {refused} refused");
}

/// The files of some folders below `tests` with these endings, any if there are none.
pub fn samples(folders: &[&str], endings: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut samples = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(tests.join(folder)).expect(folder) {
            let path = entry.expect(folder).path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if endings.is_empty() || endings.contains(&ending) {
                samples.push((path.clone(), fs::read(&path).expect("a sample")));
            }
        }
    }
    samples.sort();
    assert!(!samples.is_empty(), "no samples in {folders:?}");
    samples
}

/// Feeds every sample to a target, then changes of them, and counts what was accepted and refused. Fails with the first
/// input that panics.
pub fn explore(
    name: &str,
    target: fn(&[u8]) -> bool,
    seeds: &[(PathBuf, Vec<u8>)],
    iterations: u64,
    mutate: impl Fn(&mut Dice, Vec<u8>, &[u8]) -> Vec<u8>,
) -> (u64, u64) {
    for (path, input) in seeds {
        attempt(target, input, &path.display().to_string());
    }
    let times = std::env::var("PIPEFIT_FUZZ_ITERATIONS").ok();
    let times: f64 = times.map_or(1.0, |times| times.parse().expect("PIPEFIT_FUZZ_ITERATIONS is a number"));
    let (start, mut slowest) = (Instant::now(), (Duration::ZERO, 0));
    let seconds = std::env::var("PIPEFIT_FUZZ_SECONDS").ok();
    let seconds =
        seconds.map_or(0, |seconds| seconds.parse().expect("PIPEFIT_FUZZ_SECONDS is a whole number"));
    let enough = |count| count >= (iterations as f64 * times) as u64 && start.elapsed().as_secs() >= seconds;
    let (mut accepted, mut count) = (0, 0);
    while !enough(count) {
        let seed = count;
        count += 1;
        let mut dice = Dice::new(seed);
        let (input, other) = (dice.pick(seeds).1.clone(), &dice.pick(seeds).1);
        let input = mutate(&mut dice, input, other);
        let begun = Instant::now();
        accepted += u64::from(attempt(target, &input, &format!("{name}, seed {seed}")));
        slowest = slowest.max((begun.elapsed(), seed));
    }
    println!(
        "{name}: {} samples, {count} inputs in {:.1?}, {accepted} of them accepted, the slowest in {:.1?} (seed {})",
        seeds.len(),
        start.elapsed(),
        slowest.0,
        slowest.1
    );
    (accepted, count - accepted)
}

/// Runs a target, which says whether it accepted the input; a panic is told with the input that caused it.
fn attempt(target: fn(&[u8]) -> bool, input: &[u8], what: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| target(input))).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{what}: {message}\n{}\nhex: {hex}", input.escape_ascii())
    })
}
