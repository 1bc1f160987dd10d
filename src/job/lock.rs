//! `FILE.lock`: what a result hangs on, beside the pipeline file in git.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Prepared;
use crate::diag::{Code, Result};
use crate::graph::{Candidate, Origin};
use crate::plan::Bound;
use crate::report::changed_keys;
use crate::run::{Outcome, Searched, Tried};
use crate::spec::Variant;
use crate::table::{Digest, Rows};

/// The form of a lock.
const FORMAT: &str = "pipefit.lock/1";

/// What a result hangs on: sorted, one block a part, so that git merges it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    format: String,
    /// The pipeline file with all defaults, overrides applied and `${env:}` unexpanded.
    file: serde_json::Value,
    source: SourceLock,
    folds: Option<FoldsLock>,
    seed: u32,
    tool: ToolLock,
    /// The scores of every fold, by metric.
    scores: BTreeMap<String, Vec<f64>>,
    /// What a search came to, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    search: Option<SearchLock>,
    artifact: ArtifactLock,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceLock {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    feast: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    featureform: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    rows: usize,
    columns: usize,
    sha256: Digest,
    /// The copy of it, where one is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<Digest>,
}

/// How it was split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FoldsLock {
    splitter: String,
    n_splits: usize,
    sha256: Digest,
}

/// What computed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolLock {
    version: String,
    processor: String,
}

/// What was searched, and what won.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchLock {
    candidates: usize,
    best_params: serde_json::Value,
    /// Of the scores of every candidate in every fold, by the first metric.
    sha256: Digest,
}

impl SearchLock {
    fn of(searched: &Searched, best: &Candidate) -> Self {
        // What has no score is no number at all.
        let bytes = |tried: &Tried| -> Vec<u8> {
            tried.folds.iter().flat_map(|score| score.unwrap_or(f64::NAN).to_le_bytes()).collect()
        };
        let pieces: Vec<Vec<u8>> = searched.tried.iter().map(bytes).collect();
        Self {
            candidates: searched.tried.len(),
            best_params: best.params_json().into(),
            sha256: Digest::of_pieces(pieces.iter().map(Vec::as_slice)),
        }
    }

    /// What differs from the search that was locked: on another machine only what won counts.
    fn difference(&self, locked: &Self, exact: bool) -> Option<String> {
        if (self.candidates, &self.best_params) != (locked.candidates, &locked.best_params) {
            return Some(format!("the search: {} won, locked {}", self.best_params, locked.best_params));
        }
        (exact && self.sha256 != locked.sha256).then(|| "the scores of the search".to_owned())
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArtifactLock {
    name: String,
    sha256: Digest,
}

/// What a lock file holds.
enum LockFile {
    One(Box<Lock>),
    /// One for each pipeline of a matrix, by the variant's name.
    Each(BTreeMap<String, Lock>),
}

/// The form of the locks of a matrix.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Each {
    format: String,
    variants: BTreeMap<String, Lock>,
}

impl LockFile {
    fn parse(text: &str) -> serde_yaml::Result<Self> {
        let value: serde_yaml::Value = serde_yaml::from_str(text)?;
        if value.get("variants").is_some() {
            let each: Each = serde_yaml::from_value(value)?;
            return Ok(Self::Each(each.variants));
        }
        serde_yaml::from_value(value).map(|lock| Self::One(Box::new(lock)))
    }
}

/// The lock of a pipeline file: its name with `.lock` at the end.
pub fn path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

impl Lock {
    /// The lock of a run.
    pub fn of(
        bound: &Bound,
        prepared: &Prepared,
        outcome: &Outcome,
        artifact: &[u8],
        snapshot: Option<Digest>,
    ) -> Self {
        let graph = bound.graph;
        let folds = graph.splitter.as_ref().map(|splitter| {
            let bytes = |rows: &Rows| {
                let mut bytes = Vec::with_capacity(4 * rows.len());
                rows.each(|row| bytes.extend_from_slice(&row.to_le_bytes()));
                bytes
            };
            let pieces: Vec<_> =
                bound.folds.iter().flat_map(|fold| [bytes(&fold.train), bytes(&fold.test)]).collect();
            FoldsLock {
                splitter: splitter.name().to_owned(),
                n_splits: bound.folds.len(),
                sha256: Digest::of_pieces(pieces.iter().map(Vec::as_slice)),
            }
        });
        Self {
            format: FORMAT.to_owned(),
            file: graph.resolved.clone(),
            source: SourceLock {
                key: matches!(graph.source.origin, Origin::Key(_)).then(|| graph.source.shown.clone()),
                pattern: matches!(graph.source.origin, Origin::Pattern(_))
                    .then(|| graph.source.shown.clone()),
                stream: matches!(graph.source.origin, Origin::Stream(..)).then(|| graph.source.shown.clone()),
                feast: matches!(graph.source.origin, Origin::Feast(_)).then(|| graph.source.shown.clone()),
                featureform: matches!(graph.source.origin, Origin::Featureform(_))
                    .then(|| graph.source.shown.clone()),
                index: matches!(graph.source.origin, Origin::Index(_)).then(|| graph.source.shown.clone()),
                file: matches!(graph.source.origin, Origin::File(_)).then(|| graph.source.shown.clone()),
                rows: prepared.extent.rows(),
                columns: prepared.extent.width(),
                sha256: prepared.loaded.fingerprint,
                snapshot,
            },
            folds,
            seed: graph.seed,
            tool: ToolLock { version: env!("CARGO_PKG_VERSION").to_owned(), processor: processor() },
            scores: outcome.scores.iter().map(|s| (s.metric.name.to_owned(), s.folds.clone())).collect(),
            search: outcome
                .search
                .as_ref()
                .zip(outcome.best(graph))
                .map(|(found, best)| SearchLock::of(found, best)),
            artifact: ArtifactLock { name: graph.output.artifact.clone(), sha256: Digest::of(artifact) },
        }
    }

    /// The digest of what was read.
    pub(super) fn fingerprint(&self) -> Digest {
        self.source.sha256
    }

    /// The digest of the rows of all folds.
    pub(super) fn folds(&self) -> Option<Digest> {
        self.folds.as_ref().map(|folds| folds.sha256)
    }

    /// The version and the processor that computed it.
    pub(super) fn tool(&self) -> (&str, &str) {
        (&self.tool.version, &self.tool.processor)
    }

    /// The copy of the data that the run has kept, if any.
    pub(super) fn snapshot(&self) -> Option<&Digest> {
        self.source.snapshot.as_ref()
    }

    /// The name that the run was published under.
    pub(super) fn artifact(&self) -> &str {
        &self.artifact.name
    }

    /// Reads the lock of a pipeline.
    ///
    /// # Errors
    /// `LockDiffers` when there is none or it is no lock: a promise without a lock is not met.
    pub fn read(path: &Path, variant: &Variant) -> Result<Self> {
        let differs = |message: String| {
            Code::LockDiffers.error(message).help("run once without `--locked`, and commit the lock")
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| differs(format!("lock `{}` cannot be read: {error}", path.display())))?;
        let found = LockFile::parse(&text)
            .map_err(|error| differs(format!("lock `{}` is none: {error}", path.display())))?;
        match (found, variant.is_only()) {
            (LockFile::One(lock), true) => Ok(*lock),
            (LockFile::Each(mut locks), false) => locks.remove(&variant.name()).ok_or_else(|| {
                differs(format!("lock `{}` has nothing of {}", path.display(), variant.name()))
            }),
            (LockFile::One(_), false) => {
                Err(differs(format!("lock `{}` is of one pipeline, without a matrix", path.display())))
            }
            (LockFile::Each(_), true) => {
                Err(differs(format!("lock `{}` is of a matrix of pipelines", path.display())))
            }
        }
    }

    /// Writes the lock beside its file, whole or not at all. One of a matrix joins those of the others.
    ///
    /// # Errors
    /// `StoreIo` when the folder cannot be written.
    pub fn write(&self, path: &Path, variant: &Variant) -> Result<()> {
        let text = if variant.is_only() {
            serde_yaml::to_string(self)
        } else {
            let known = std::fs::read_to_string(path).ok().and_then(|text| LockFile::parse(&text).ok());
            let mut variants = match known {
                Some(LockFile::Each(locks)) => locks,
                _ => BTreeMap::new(),
            };
            variants.retain(|name, _| variant.has(name));
            variants.insert(variant.name(), self.clone());
            serde_yaml::to_string(&Each { format: FORMAT.to_owned(), variants })
        };
        let text = text.map_err(|error| Code::Bug.error(format!("the lock has no YAML form: {error}")))?;
        crate::source::write_file(path, text.as_bytes())
    }

    /// Compares a run with what was locked: bits on the same processor type and version, else 1e-9.
    ///
    /// # Errors
    /// `LockDiffers` with the first part that differs.
    pub fn compare(&self, locked: &Lock) -> Result<()> {
        let same_machine = self.tool == locked.tool;
        let difference = if self.source != locked.source {
            Some(format!("the source: {:?}, locked {:?}", self.source.sha256, locked.source.sha256))
        } else if self.folds != locked.folds {
            Some("the folds".to_owned())
        } else if self.seed != locked.seed {
            Some(format!("the seed: {}, locked {}", self.seed, locked.seed))
        } else if self.file != locked.file {
            Some(format!("the pipeline file: {}", changed(&locked.file, &self.file)))
        } else if let Some(difference) = self.search_that_differs(locked, same_machine) {
            Some(difference)
        } else if let Some(metric) = self.score_that_differs(locked, same_machine) {
            Some(format!("the scores of `{metric}`"))
        } else {
            let artifact = same_machine && self.artifact != locked.artifact;
            artifact
                .then(|| format!("the artifact: {}, locked {}", self.artifact.sha256, locked.artifact.sha256))
        };
        match difference {
            None => Ok(()),
            Some(what) => Err(Code::LockDiffers
                .error(format!("the run differs from its lock in {what}"))
                .help("run without `--locked` to accept the new result")),
        }
    }

    fn search_that_differs(&self, locked: &Lock, exact: bool) -> Option<String> {
        match (&self.search, &locked.search) {
            (Some(own), Some(other)) => own.difference(other, exact),
            (None, None) => None,
            _ => Some("the search".to_owned()),
        }
    }

    fn score_that_differs<'a>(&'a self, locked: &Lock, exact: bool) -> Option<&'a str> {
        let agrees = |a: f64, b: f64| {
            if exact { a == b } else { (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-11 }
        };
        let same = |own: &Vec<f64>, other: &Vec<f64>| {
            own.len() == other.len() && own.iter().zip(other).all(|(a, b)| agrees(*a, *b))
        };
        let differs = |(metric, own): (&'a String, &Vec<f64>)| match locked.scores.get(metric) {
            Some(other) if same(own, other) => None,
            _ => Some(metric.as_str()),
        };
        self.scores.iter().find_map(differs)
    }
}

/// The first key of a file that differs from the one that was locked, and how many more do.
fn changed(locked: &serde_json::Value, own: &serde_json::Value) -> String {
    let keys = changed_keys(locked, own);
    let shown = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
    };
    match &keys[..] {
        [] => "it differs".to_owned(),
        [(key, [locked, own]), more @ ..] => {
            let more =
                if more.is_empty() { String::new() } else { format!(", and {} more keys", more.len()) };
            format!("`{key}` is {}, locked {}{more}", shown(own), shown(locked))
        }
    }
}

/// The processor's type, as far as sums can tell: architecture and vector units.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let units = [
        ("fma", std::is_x86_feature_detected!("fma")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let units: [(&str, bool); 0] = [];
    let units = units.iter().filter(|(_, has)| *has).map(|(name, _)| format!("+{name}"));
    std::iter::once(std::env::consts::ARCH.to_owned()).chain(units).collect()
}
