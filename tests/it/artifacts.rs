//! Artifacts of this version read back, those of released versions for ever, and changed ones are refused or harmless.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pipefit::contract::{Frame, Prediction};
use pipefit::diag::{Code, Silent};
use pipefit::registry::{Draft, MODEL_FILE, Note, Published, Registry};
use pipefit::run::Outcome;
use pipefit::source::formats::{Format, ReadOptions, read};
use pipefit::source::keys;
use pipefit::store::connect;
use pipefit::table::{Kind, Table, fingerprint};
use pipefit::{artifact, graph, job, plan, predict, run};
use serde_json::{Map, Value, json};

use crate::fuzz::mutation::{self, Dice, Parts};
use crate::fuzz::{explore, samples, targets};

fn tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// Runs a pipeline in memory: its artifact, what the run says, and its features' rows.
fn made(file: &Path) -> (Vec<u8>, Outcome, Table) {
    let (graph, problems) = graph::read(file, &[]);
    let graph = graph.unwrap_or_else(|| panic!("{problems:?}"));
    let (_, keys) = keys::open("mem:", Path::new("")).unwrap();
    let loaded = job::load(&graph, &*keys, &Silent).unwrap();
    let bound = plan::bind(&graph, &loaded.table).unwrap();
    let (outcome, _) = run::run(&bound, &plan::plan(&bound, None).unwrap(), &Silent).unwrap();
    (artifact::write(&bound, &outcome).unwrap(), outcome, bound.x.table().unwrap().clone())
}

fn penguins() -> Vec<u8> {
    made(&tests("golden/pipelines/penguins.yaml")).0
}

/// Every pipeline with a golden answer publishes what predicts the same bits after reading.
#[test]
fn what_is_written_reads_back() {
    let files = samples(&["golden/pipelines"], &["yaml"]);
    for (file, _) in &files {
        let name = file.display();
        let (bytes, outcome, x) = made(file);
        let read = artifact::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let all = Frame::of(&x);
        let bits = |prediction: Prediction| match prediction {
            Prediction::Values(values) => values.values().iter().map(|value| value.to_bits()).collect(),
            Prediction::Classes { codes, proba, .. } => {
                let proba = proba.map_or(Vec::new(), |proba| proba.values().to_vec());
                codes.into_iter().map(u64::from).chain(proba.iter().map(|p| p.to_bits())).collect::<Vec<_>>()
            }
        };
        let (before, after) = (outcome.fitted.predict(&all).unwrap(), read.fitted.predict(&all).unwrap());
        assert_eq!(bits(before), bits(after), "{name}");
        targets::predicts(&read);
    }
    println!("{} artifacts read back", files.len());
}

/// How many flipped bytes are tried.
const FLIPS: usize = 10_000;

/// The registry reads nothing whose digest is not the recorded one, whatever the change.
#[test]
fn every_flip_and_every_cut_of_a_published_artifact_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let bytes = made(&tests("golden/pipelines/members-dummy-constant.yaml")).0;
    let (registry, published) = publish(place.path(), &bytes);
    let blob = place.path().join("blobs").join(published.version.sha256.to_string());
    let fetched = |content: &[u8]| {
        fs::remove_file(&blob).unwrap();
        fs::write(&blob, content).unwrap();
        registry.file(&published, MODEL_FILE)
    };
    assert_eq!(fetched(&bytes).as_ref(), Ok(&bytes));
    let mut dice = Dice::new(1);
    for trial in 0..FLIPS {
        let mut changed = bytes.clone();
        // Every byte, and then any.
        let at = if trial < bytes.len() { trial } else { dice.below(bytes.len()) };
        changed[at] ^= 1 + dice.below(255) as u8;
        let error = fetched(&changed).expect_err("a flipped byte");
        assert_eq!(error.code(), Code::Damaged, "byte {at}: {error}");
    }
    for end in 0..bytes.len() {
        let error = fetched(&bytes[..end]).expect_err("a cut");
        assert_eq!(error.code(), Code::Damaged, "cut at {end}: {error}");
        artifact::read(&bytes[..end]).map(drop).expect_err("a cut, without its digest");
    }
    assert_eq!(fetched(&bytes).as_ref(), Ok(&bytes));
    println!("{} bytes: {FLIPS} flips and {} cuts refused", bytes.len(), bytes.len());
}

fn publish(place: &Path, bytes: &[u8]) -> (Registry, Published) {
    let registry = Registry::new(connect(place.to_str().unwrap(), Path::new("/")).unwrap().store());
    let draft = Draft {
        name: "m",
        version: 1,
        run: "run-1",
        created: "2026-01-01T00:00:00Z",
        rows: 1,
        scores: &Map::new(),
        files: &[(MODEL_FILE, bytes)],
        record: &Value::Null,
    };
    registry.publish(&draft).unwrap();
    let published = registry.resolve("m").unwrap();
    (registry, published)
}

/// What somebody may write who knows the format: each is refused, and the reason is told.
#[test]
fn forged_artifacts_are_refused() {
    type Forge = fn(&mut Parts);
    let forgeries: &[(&str, Forge)] = &[
        ("`pipefit.artifact/3`", |parts| parts.manifest["format"] = json!("pipefit.artifact/3")),
        ("newer than its format", |parts| {
            parts.manifest["format"] = json!("pipefit.artifact/1");
            parts.manifest["search"] =
                json!({"class": "GridSearchCV", "candidates": 1, "best_params": {}, "best_score": 1.0});
        }),
        ("unknown field `more`", |parts| {
            parts.manifest["search"] = json!({"class": "GridSearchCV", "more": 1});
        }),
        ("format ``", |parts| parts.manifest["format"] = json!(1)),
        ("unknown field `more`", |parts| parts.manifest["more"] = json!(1)),
        ("missing field `target`", |parts| remove(&mut parts.manifest, "target")),
        ("`Pickle`", |parts| parts.manifest["structure"]["model"] = json!("Pickle")),
        ("`Pickle`", |parts| parts.manifest["structure"]["groups"][0]["steps"][0]["class"] = json!("Pickle")),
        ("`model.more` that nothing reads", |parts| parts.manifest["state"]["model.more"] = json!(1)),
        ("`model.labels` is missing", |parts| remove(&mut parts.manifest["state"], "model.labels")),
        ("no safetensors", |parts| tensor(parts)["shape"] = json!([1u64 << 32, 1u64 << 32])),
        ("no safetensors", |parts| tensor(parts)["shape"] = json!([u64::MAX])),
        ("no safetensors", |parts| tensor(parts)["data_offsets"] = json!([0, 1u64 << 40])),
        ("no safetensors", |parts| tensor(parts)["data_offsets"] = json!([8, 0])),
        ("no safetensors", |parts| tensor(parts)["dtype"] = json!("F32")),
        ("of type I64", |parts| tensor(parts)["dtype"] = json!("I64")),
        ("`model.intercept`", |parts| tensor(parts)["shape"].as_array_mut().unwrap().reverse()),
        ("no safetensors", |parts| parts.data.truncate(8)),
        ("no safetensors", |parts| parts.data.extend([0; 8])),
        ("not finite", |parts| {
            let at = tensor(parts)["data_offsets"][0].as_u64().unwrap() as usize;
            parts.data[at..at + 8].copy_from_slice(&f64::NAN.to_le_bytes());
        }),
        ("classes", |parts| parts.manifest["classes"] = Value::Null),
        ("classes", |parts| labels(&mut parts.manifest["classes"]).push(json!("zebra"))),
        ("classes", |parts| drop(labels(&mut parts.manifest["classes"]).pop())),
        ("features", |parts| drop(parts.manifest["features"].as_array_mut().unwrap().pop())),
        ("`elsewhere`", |parts| parts.manifest["structure"]["groups"][0]["columns"][0] = json!("elsewhere")),
        ("categories", |parts| drop(parts.manifest["categories"].as_array_mut().unwrap().pop())),
        ("twice", |parts| parts.manifest["schema"][1] = parts.manifest["schema"][2].clone()),
    ];
    let bytes = penguins();
    assert!(artifact::read(&Parts::of(&bytes).unwrap().bytes()).is_ok());
    for (i, (words, forge)) in forgeries.iter().enumerate() {
        let mut parts = Parts::of(&bytes).unwrap();
        forge(&mut parts);
        refused(&parts.bytes(), words, &format!("forgery {i}"));
    }
    let with_length = |length: u64| [&length.to_le_bytes()[..], &bytes[8..]].concat();
    for length in [0, 1, 1 << 20, 1 << 40, u64::MAX, bytes.len() as u64] {
        refused(&with_length(length), "no safetensors", &format!("a header of {length} bytes"));
    }
    let deep = format!("{{\"__metadata__\":{{\"pipefit\":\"{}\"}}}}", "[".repeat(100_000));
    refused(&[&(deep.len() as u64).to_le_bytes()[..], deep.as_bytes()].concat(), "no JSON", "depth");
    let other =
        json!({"__metadata__": {"pipefit": Parts::of(&bytes).unwrap().manifest.to_string(), "more": "1"}});
    let mut parts = Parts::of(&bytes).unwrap();
    parts.header.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    let header = parts.header.to_string();
    let more = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &parts.data].concat();
    refused(&more, "`more`", "more metadata");
}

/// What is done to new rows and expected of them goes together with the rest.
#[test]
fn forged_ways_of_rows_are_refused() {
    type Forge = fn(&mut Parts);
    let forgeries: &[(&str, Forge)] = &[
        ("`expect` is newer", |parts| {
            parts.manifest["expect"] = json!([rule("island")]);
            parts.manifest["format"] = json!("pipefit.artifact/1");
        }),
        ("a column that it does not have", |parts| parts.manifest["expect"] = json!([rule("elsewhere")])),
        ("missing field `required`", |parts| {
            parts.manifest["expect"] = json!([rule("island")]);
            remove(&mut parts.manifest["expect"][0], "required");
        }),
        ("cleans to other columns", |parts| {
            parts.manifest["clean"] = json!([lane("a", "elsewhere", json!([]))])
        }),
        ("cleans to other columns", |parts| {
            parts.manifest["clean"] = json!([lane("a", "island", json!([{"cast": "number"}]))]);
        }),
        ("cleans to other columns", |parts| {
            parts.manifest["clean"] =
                json!([lane("a", "island", json!([{"clip": {"lower": 1, "upper": 2}}]))]);
        }),
        ("cleans a column twice", |parts| {
            parts.manifest["clean"] = json!([lane("a", "island", json!([])), lane("b", "island", json!([]))]);
        }),
        ("cleans a column twice", |parts| {
            parts.manifest["clean"] = json!([lane("sex", "island", json!([]))]);
        }),
        ("unknown variant `drop`", |parts| {
            parts.manifest["clean"] = json!([lane("a", "island", json!([{"drop": 1}]))]);
        }),
    ];
    let bytes = penguins();
    for (i, (words, forge)) in forgeries.iter().enumerate() {
        let mut parts = Parts::of(&bytes).unwrap();
        forge(&mut parts);
        refused(&parts.bytes(), words, &format!("forgery {i}"));
    }
}

/// What is expected of a column, as a manifest has it.
fn rule(column: &str) -> Value {
    json!({"column": column, "required": true, "kind": null, "min": null, "max": null, "levels": null,
           "max_missing": null, "unique": false, "regex": null})
}

/// What is done to a category, as a manifest has it.
fn lane(name: &str, column: &str, edits: Value) -> Value {
    json!({"name": name, "kind": "category", "column": column, "edits": edits})
}

fn refused(bytes: &[u8], words: &str, what: &str) {
    match artifact::read(bytes) {
        Ok(_) => panic!("{what} is read, and should say {words}"),
        Err(error) => {
            assert_eq!(error.code(), Code::Damaged, "{what}: {error}");
            assert!(error.message().contains(words), "{what}: {error}, and should say {words}");
        }
    }
}

fn tensor(parts: &mut Parts) -> &mut Value {
    &mut parts.header["model.coef"]
}

fn labels(classes: &mut Value) -> &mut Vec<Value> {
    classes["levels"]["labels"].as_array_mut().unwrap()
}

fn remove(object: &mut Value, key: &str) {
    object.as_object_mut().unwrap().shift_remove(key).unwrap();
}

/// A shape may claim any number of columns that hold nothing: reading one must not count to them.
#[test]
fn an_empty_tensor_of_endless_columns_is_refused_at_once() {
    let mut parts = Parts::of(&penguins()).unwrap();
    let place = parts.header["model.coef"]["data_offsets"].clone();
    let (start, end) = (place[0].as_u64().unwrap(), place[1].as_u64().unwrap());
    parts.data.drain(start as usize..end as usize);
    for (name, tensor) in parts.header.as_object_mut().unwrap() {
        let offsets = tensor["data_offsets"].as_array_mut().unwrap();
        let moved = offsets
            .iter()
            .map(|at| at.as_u64().unwrap())
            .map(|at| if at >= end { at - (end - start) } else { at });
        *offsets = moved.map(Value::from).collect();
        if name == "model.coef" {
            *tensor = json!({"dtype": "F64", "shape": [0, 1u64 << 62], "data_offsets": [start, start]});
        }
    }
    refused(&parts.bytes(), "`model.intercept`", "2^62 columns without rows");
}

/// Nothing that is read takes memory beyond its own size: the changes are tried in a process that may not have much.
#[test]
fn changed_artifacts_take_no_memory_and_never_panic() {
    const KIB: u32 = 1 << 20;
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -v {KIB} && exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "artifacts::read_changed_artifacts", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
    println!("{out}");
}

#[test]
#[ignore = "a part of changed_artifacts_take_no_memory_and_never_panic, which starts it with little memory"]
fn read_changed_artifacts() {
    let seeds = [(PathBuf::from("penguins"), penguins())];
    let (read, refused) = explore("artifact", targets::artifact, &seeds, 10_000, |dice, input, _| {
        mutation::artifact(dice, &input)
    });
    assert!(
        read > 500 && refused > 5000,
        "{read} read, {refused} refused: the changes miss what they are for"
    );
}

/// What was once published is read for ever, and predicts the same: version 0.1.0's, and one with a search.
#[test]
fn released_formats_are_read() {
    predicts_the_same("artifact-1", &predict::Options { proba: true, keep: vec!["island".to_owned()] }, 5);
    let artifact =
        predicts_the_same("artifact-2", &predict::Options { proba: false, keep: vec!["s1".to_owned()] }, 2);
    let search = artifact.manifest.search.expect("what its search chose");
    assert_eq!((search.candidates, &search.best_params["select__k"]), (44, &json!("all")));

    let artifact = predicts_the_same(
        "artifact-2-clean",
        &predict::Options { proba: false, keep: vec!["Age".to_owned()] },
        2,
    );
    assert_eq!((artifact.manifest.clean.len(), artifact.manifest.expect.len()), (3, 2));

    let csv = fs::read(tests("formats/table-1.csv")).unwrap();
    let schema =
        [("at", Kind::Datetime), ("plan", Kind::Category)].map(|(name, kind)| (name.to_owned(), kind));
    let options = ReadOptions { schema: schema.into(), ..ReadOptions::default() };
    let expected = read(&csv, Format::Csv, "table-1.csv", &options).unwrap();
    let kept = artifact::Snapshot::read(&fs::read(tests("formats/table-1.safetensors")).unwrap()).unwrap();
    assert_eq!(fingerprint(&kept.table), fingerprint(&expected.table));
    let suspects: Vec<_> = kept.suspects.iter().map(|noted| (noted.column.as_str(), noted.row)).collect();
    assert_eq!(suspects, [("x", 5)]);

    job::Lock::read(&tests("formats/lock-1.yaml"), &pipefit::spec::Variant::default()).unwrap();
    let store = connect("mem:", Path::new("/")).unwrap().store();
    assert!(
        store.swap("model:penguins", None, &fs::read(tests("formats/model-record-1.json")).unwrap()).unwrap()
    );
    let model = Registry::new(store).model("penguins").unwrap();
    assert_eq!((model.highest(), model.versions[0].rows), (1, 344));
    let store = connect("mem:", Path::new("/")).unwrap().store();
    assert!(
        store.swap("model:penguins", None, &fs::read(tests("formats/model-record-2.json")).unwrap()).unwrap()
    );
    let registry = Registry::new(store);
    assert_eq!(registry.resolve("penguins@champion").unwrap().version.version, 1);
    // The version that it named before is gone, and this one was taken back.
    assert!(registry.rollback("penguins", None, None, &Note::default()).is_err());
}

/// Reads a sample of a format and predicts with it; what it said when it was written is beside it.
fn predicts_the_same(folder: &str, options: &predict::Options, columns: usize) -> artifact::Artifact {
    let sample = |name: &str| fs::read(tests("formats").join(folder).join(name)).unwrap();
    let artifact = artifact::read(&sample("model.safetensors")).unwrap();
    let schema = artifact.manifest.inputs().into_iter().map(|field| (field.name, field.kind)).collect();
    let read_options = ReadOptions { schema, ..ReadOptions::default() };
    let input = read(&sample("input.csv"), Format::Csv, "input.csv", &read_options).unwrap().table;
    let predicted = predict::predict(&artifact, &input, options).unwrap().table;
    let rows = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let ours = pipefit::source::formats::write(&predicted, Format::Csv);
    let (ours, expected) = (rows(str::from_utf8(&ours).unwrap()), sample("expected.csv"));
    let expected = rows(str::from_utf8(&expected).unwrap());
    assert_eq!((ours.len(), ours[0].len()), (8, columns), "{folder}");
    for (ours, expected) in ours.iter().flatten().zip(expected.iter().flatten()) {
        // The exponential of another C library may differ in the last bit.
        match (ours.parse::<f64>(), expected.parse::<f64>()) {
            (Ok(a), Ok(b)) => assert!((a - b).abs() <= 1e-13 * b.abs(), "{a} instead of {b}"),
            _ => assert_eq!(ours, expected),
        }
    }
    artifact
}
