//! Runs, model versions and aliases, on top of the store.
//!
//! One record a model, `model:<name>`, holds its versions, aliases and history, so that every publication is one
//! swap of one record. One record a run, `run:<id>`, holds what the run printed. Blobs are put before they are named.

mod change;
mod listing;
mod model;
mod publication;
mod reference;
mod signature;
mod time;
mod verify;

pub use change::{Moved, Removed};
pub use listing::table as listed;
pub use model::{Blob, FORMAT, How, LATEST, LEARNER_FILE, MODEL_FILE, Model, Move, Note, ONNX_FILE, Version};
pub use publication::{Draft, Guard, Publication, Terms};
pub use reference::{Pick, Reference};
pub use time::{rfc3339, run_id};
pub use verify::{ParsePart, Verification};

use crate::diag::{Code, Diagnostic, Result, suggest};
use crate::signing::PublicKey;
use crate::spec::is_name;
use crate::store::Store;
use crate::table::Digest;
use rayon::prelude::*;
use serde_json::Value;
use std::sync::Arc;

/// Swaps lost in a row before giving up. Each loss is somebody else's success, so this many never happen.
const PATIENCE: usize = 1000;

/// The models and runs of a store.
#[derive(Clone)]
pub struct Registry {
    store: Arc<dyn Store>,
    /// Who must have signed a version before its files are given.
    key: Option<Arc<PublicKey>>,
}

/// A version that a reference led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The model's name.
    pub name: String,
    /// The version.
    pub version: Version,
}

/// A run, as recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// What was recorded.
    pub record: Value,
}

impl Registry {
    /// The registry in this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, key: None }
    }

    /// The version that `NAME`, `NAME@alias` or `NAME:version` means; `NAME` alone is `NAME@latest`.
    pub fn resolve(&self, reference: &str) -> Result<Published> {
        let Reference { name, pick } = reference.parse()?;
        let model = self.model(&name)?;
        let version = model.pick(&pick)?.clone();
        Ok(Published { name, version })
    }

    /// One file of a published version, by name; its digest is checked, and the signature where one is required.
    pub fn file(&self, published: &Published, file: &str) -> Result<Vec<u8>> {
        let Published { name, version } = published;
        let blob = version.blobs.get(file).ok_or_else(|| {
            let has: Vec<_> = version.blobs.keys().map(String::as_str).collect();
            let message = format!("`{name}:{}` has no file `{file}`", version.version);
            Code::UnknownModel.error(message).help(format!("it has {}", has.join(", ")))
        })?;
        if let Some(key) = &self.key {
            self.is_signed(published, key)?;
        }
        self.blob(name, version, file, blob)
    }

    /// The version that a reference means, and one of its files. Where the version is removed between the two, since others publish
    /// and keep only so many, the reference is followed again.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve) and [`file`](Self::file).
    pub fn open(&self, reference: &str, file: &str) -> Result<(Published, Vec<u8>)> {
        for _ in 0..PATIENCE {
            let published = self.resolve(reference)?;
            match self.file(&published, file) {
                Err(error) if error.code() == Code::UnknownModel => {
                    if self.model(&published.name)?.version(published.version.version).is_some() {
                        return Err(error);
                    }
                }
                bytes => return Ok((published, bytes?)),
            }
        }
        Err(Code::StoreIo.error(format!("others remove what `{reference}` names faster than it can be read")))
    }

    /// A blob of some version of a model, by its digest, which is checked; `None` if it is not there.
    pub fn kept(&self, name: &str, digest: &Digest) -> Result<Option<Vec<u8>>> {
        self.store.get(&record_of(name)?, digest)
    }

    /// A file that the record names, and which must therefore be there.
    fn blob(&self, name: &str, version: &Version, file: &str, blob: &Blob) -> Result<Vec<u8>> {
        let place = format!("`{name}:{}`, `{file}`", version.version);
        let bytes =
            self.store.get(&record_of(name)?, &blob.sha256).map_err(|error| error.prefixed(&place))?;
        match bytes {
            Some(bytes) => Ok(bytes),
            None if self.model(name)?.version(version.version).is_none() => {
                let message = format!("{place}: the version has just been removed");
                Err(Code::UnknownModel.error(message).help("ask again for the version that is meant now"))
            }
            None => {
                let message =
                    format!("{place}: blob `{}` is missing from `{}`", blob.sha256, self.store.address());
                Err(Code::Damaged.error(message).help("publish the same bytes again, or restore a backup"))
            }
        }
    }

    /// Every model that has versions, by name.
    pub fn models(&self) -> Result<Vec<Model>> {
        let records = self.store.list(MODELS)?;
        let contents = self.store.read_all(&records)?;
        // One that has gone between the two requests is none.
        let there = records.iter().zip(contents).filter_map(|(record, bytes)| Some((record, bytes?)));
        let models = there.map(|(record, bytes)| Model::parse(&record[MODELS.len()..], &bytes));
        // A model whose versions were all removed has a history, and is none.
        models.filter(|model| model.as_ref().map_or(true, |model| !model.versions.is_empty())).collect()
    }

    /// One model.
    pub fn model(&self, name: &str) -> Result<Model> {
        match self.read(name)? {
            Some((model, _)) => Ok(model),
            None => Err(self.unknown("model", name, MODELS)?),
        }
    }

    fn read(&self, name: &str) -> Result<Option<(Model, Vec<u8>)>> {
        let Some(bytes) = self.store.read(&record_of(name)?)? else { return Ok(None) };
        Ok(Some((Model::parse(name, &bytes)?, bytes)))
    }

    /// Records a run that publishes nothing; [`publish`](Self::publish) records its own.
    pub fn record_run(&self, id: &str, record: &Value) -> Result<()> {
        if self.store.swap(&run_record(id)?, None, record.to_string().as_bytes())? {
            return Ok(());
        }
        Err(Code::Bug.error(format!("run `{id}` is recorded already")))
    }

    /// Every run, newest first.
    pub fn runs(&self) -> Result<Vec<Run>> {
        let mut records = self.store.list(RUNS)?;
        records.reverse();
        let contents = self.store.read_all(&records)?;
        // Thousands of records take longer to parse than to read.
        let there = records.par_iter().zip(contents).filter_map(|(record, bytes)| Some((record, bytes?)));
        let runs: Vec<Result<Run>> =
            there.map(|(record, bytes)| parse_run(&record[RUNS.len()..], &bytes)).collect();
        runs.into_iter().collect()
    }

    /// One run.
    pub fn run(&self, id: &str) -> Result<Run> {
        let bytes = if is_name(id) { self.store.read(&run_record(id)?)? } else { None };
        match bytes {
            Some(bytes) => parse_run(id, &bytes),
            None => Err(self.unknown("run", id, RUNS)?),
        }
    }

    fn unknown(&self, what: &str, name: &str, prefix: &str) -> Result<Diagnostic> {
        let records = self.store.list(prefix)?;
        let names: Vec<_> = records.iter().map(|record| &record[prefix.len()..]).collect();
        let help = match suggest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`pipefit {what}s ls` lists the {} that there are", names.len()),
        };
        Ok(Code::UnknownModel.error(format!("no {what} `{name}` in `{}`", self.store.address())).help(help))
    }
}

/// What the models' records begin with.
const MODELS: &str = "model:";
/// What the runs' records begin with.
const RUNS: &str = "run:";

fn record_of(name: &str) -> Result<String> {
    plain(MODELS, name)
}

fn run_record(id: &str) -> Result<String> {
    plain(RUNS, id)
}

fn plain(prefix: &str, name: &str) -> Result<String> {
    if is_name(name) {
        return Ok(format!("{prefix}{name}"));
    }
    let help =
        "names are letters, digits, `.`, `_` and `-`, begin with a letter or digit, and have 64 at most";
    Err(Code::UnknownModel.error(format!("`{name}` cannot be a name")).help(help))
}

fn parse_run(id: &str, bytes: &[u8]) -> Result<Run> {
    let record = serde_json::from_slice(bytes);
    let record = record
        .map_err(|error| Code::Damaged.error(format!("the record of run `{id}` is damaged: {error}")))?;
    Ok(Run { id: id.to_owned(), record })
}

#[cfg(test)]
mod tests {
    use super::{Draft, LATEST, MODEL_FILE, Registry, Version};
    use crate::diag::{Code, Result};
    use crate::store::{Store, connect};
    use serde_json::{Map, Value, json};
    use std::path::Path;
    use std::sync::Arc;

    fn registry() -> (Registry, Arc<dyn Store>) {
        let store = connect("mem:", Path::new("/")).unwrap().store();
        (Registry::new(store.clone()), store)
    }

    fn publish(registry: &Registry, name: &str, version: u64, model: &[u8]) -> Result<Version> {
        let scores = Map::from_iter([("r2".to_owned(), json!(0.5))]);
        registry.publish(&Draft {
            name,
            version,
            run: &format!("run-{version:03}"),
            created: "2026-01-01T00:00:00Z",
            rows: 442,
            scores: &scores,
            files: &[(MODEL_FILE, model), ("report.json", b"{}")],
            record: &json!({"run": version}),
        })
    }

    #[test]
    fn versions_are_published_resolved_and_read() {
        let (registry, _) = registry();
        for expected in 1..=3 {
            assert_eq!(registry.reserve("m").unwrap(), expected);
        }
        // They end in another order than they began, and 2 never does.
        publish(&registry, "m", 3, b"three").unwrap();
        publish(&registry, "m", 1, b"one").unwrap();
        let version = |reference: &str| registry.resolve(reference).unwrap().version.version;
        assert_eq!([version("m"), version("m@latest"), version("m:1"), version("m:3")], [3, 3, 1, 3]);
        let first = registry.resolve("m:1").unwrap();
        assert_eq!(registry.file(&first, MODEL_FILE).unwrap(), b"one");
        assert_eq!(registry.file(&first, "report.pdf").unwrap_err().code(), Code::UnknownModel);
        let model = registry.model("m").unwrap();
        let moves: Vec<_> = model.history.iter().map(|step| (step.alias.as_str(), step.to)).collect();
        assert_eq!(moves, [(LATEST, Some(3))]);
        assert_eq!(registry.reserve("m").unwrap(), 4);
        assert_eq!(registry.models().unwrap(), [model]);
    }

    #[test]
    fn publishing_the_same_draft_again_changes_nothing_and_a_taken_number_is_refused() {
        let (registry, store) = registry();
        let first = publish(&registry, "m", 1, b"one").unwrap();
        let record = store.read("model:m").unwrap();
        assert_eq!(publish(&registry, "m", 1, b"one").unwrap(), first);
        assert_eq!(store.read("model:m").unwrap(), record);
        let other = registry.publish(&Draft {
            name: "m",
            version: 1,
            run: "another",
            created: "2026-01-01T00:00:00Z",
            rows: 1,
            scores: &Map::new(),
            files: &[(MODEL_FILE, b"x")],
            record: &Value::Null,
        });
        assert!(other.unwrap_err().message().contains("`run-001`"));
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let (registry, _) = registry();
        publish(&registry, "diabetes", 1, b"one").unwrap();
        for (reference, message, help) in [
            ("diabtes", "no model `diabtes` in `mem:`", "did you mean `diabetes`?"),
            ("diabetes:2", "`diabetes` has no version 2", "it has 1"),
            ("diabetes@champion", "`diabetes` has no alias `champion`", "it has latest"),
            ("diabetes:x", "`x` is not a version number", "versions are 1, 2, 3 ..."),
            ("../x", "`../x` cannot be a name", "names are letters"),
        ] {
            let error = registry.resolve(reference).unwrap_err();
            assert_eq!((error.code(), error.message()), (Code::UnknownModel, message));
            assert!(error.advice().unwrap().starts_with(help), "{:?}", error.advice());
        }
    }

    #[test]
    fn runs_are_listed_newest_first() {
        let (registry, _) = registry();
        for id in ["20260102-1", "20260101-1", "20260103-1"] {
            registry.record_run(id, &json!({"id": id})).unwrap();
        }
        let ids: Vec<_> = registry.runs().unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(ids, ["20260103-1", "20260102-1", "20260101-1"]);
        assert_eq!(registry.run("20260101-1").unwrap().record, json!({"id": "20260101-1"}));
        for id in ["20260104-1", "../x", ""] {
            assert_eq!(registry.run(id).unwrap_err().code(), Code::UnknownModel);
        }
        assert!(registry.record_run("20260101-1", &Value::Null).is_err());
    }

    #[test]
    fn eight_publishers_at_once_get_eight_versions() {
        let (registry, _) = registry();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let version = registry.reserve("m").unwrap();
                    publish(&registry, "m", version, format!("{version}").as_bytes()).unwrap();
                });
            }
        });
        let model = registry.model("m").unwrap();
        let versions: Vec<_> = model.versions.iter().map(|version| version.version).collect();
        assert_eq!(versions, (1..=8).collect::<Vec<_>>());
        assert_eq!(model.aliases[LATEST], 8);
    }
}
