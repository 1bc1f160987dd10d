//! A published model in memory, ready for requests.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use super::sheet::Sheet;
use crate::artifact::{self, Artifact};
use crate::contract::Prediction;
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;
use crate::predict;
use crate::registry::{MODEL_FILE, Pick, Published, Reference, Registry};
use crate::report;
use crate::source::formats::Missing;
use crate::table::{Column, Field, Kind, NaValues, Schema, Table};

/// One version of a model.
pub struct Loaded {
    /// The model's name.
    pub name: String,
    /// The version's number.
    pub version: u64,
    /// The digest of its artifact, in hexadecimal digits.
    pub sha256: String,
    /// The columns of a row.
    pub inputs: Schema,
    /// The classes, for a classification.
    pub classes: Option<Classes>,
    /// `NAME:VERSION`, for a header.
    pub(super) label: Bytes,
    pub(super) digest: Bytes,
    probabilities: bool,
    missing: Missing,
    artifact: Artifact,
}

/// The classes of a model as answers spell them.
pub struct Classes {
    /// The labels as JSON.
    pub json: Vec<String>,
    /// The labels as text.
    pub text: Vec<String>,
    /// Their type in the Open Inference Protocol.
    pub datatype: &'static str,
}

impl Loaded {
    /// Reads a version from a registry.
    ///
    /// # Errors
    /// Those of the store; `Damaged`.
    pub fn read(registry: &Registry, published: &Published) -> Result<Self> {
        let artifact = artifact::read(&registry.file(published, MODEL_FILE)?)?;
        let version = &published.version;
        Ok(Self::new(&published.name, version.version, &version.sha256.to_string(), artifact))
    }

    /// A version that was read.
    pub fn new(name: &str, version: u64, sha256: &str, artifact: Artifact) -> Self {
        let classes = artifact.manifest.classes.as_ref().map(|labels| {
            let json = report::labels(&labels.levels);
            let json: Vec<_> = json.as_array().cloned().unwrap_or_default();
            let datatype = if json.iter().all(|label| label.is_i64()) {
                "INT64"
            } else if json.iter().all(serde_json::Value::is_number) {
                "FP64"
            } else {
                "BYTES"
            };
            let json = json.iter().map(ToString::to_string).collect();
            Classes { json, text: labels.levels.labels().to_vec(), datatype }
        });
        Self {
            name: name.to_owned(),
            version,
            sha256: sha256.to_owned(),
            inputs: Schema::new(artifact.manifest.inputs()),
            classes,
            label: format!("{name}:{version}").into(),
            digest: sha256.to_owned().into(),
            probabilities: gives_probabilities(&artifact),
            missing: Missing::of(&artifact.manifest.na_values),
            artifact,
        }
    }

    /// An empty sheet for rows of this model.
    pub(super) fn sheet(&self, most: usize) -> Sheet<'_> {
        Sheet::new(&self.artifact.manifest, &self.inputs, &self.missing, most)
    }

    /// Whether a cell that a float cannot hold is none of the model's concern in this input.
    pub(super) fn bears(&self, input: &str) -> bool {
        self.artifact.manifest.bears(input)
    }

    /// Which texts are missing values.
    pub(super) fn na_values(&self) -> NaValues {
        self.artifact.manifest.na_values.clone()
    }

    /// What was published.
    pub(crate) fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Whether it gives probabilities.
    pub(crate) fn has_probabilities(&self) -> bool {
        self.probabilities
    }

    /// Predicts the rows of a table of the inputs.
    ///
    /// # Errors
    /// Whatever a step or the model refuses.
    pub fn predict(&self, rows: &Table) -> Result<Answer> {
        match predict::outcome(&self.artifact, rows)? {
            Prediction::Values(values) => Ok(Answer::Values(values.column(0).to_vec())),
            Prediction::Classes { codes, proba, .. } => {
                let known = self.classes.as_ref().map_or(0, |classes| classes.json.len());
                let fits = proba.as_ref().is_none_or(|proba| proba.columns() == known);
                if !fits || codes.iter().any(|code| *code as usize >= known) {
                    return Err(Code::Damaged.error("the artifact's classes and predictions do not match"));
                }
                Ok(Answer::Classes { codes, proba })
            }
        }
    }
}

/// Whether the prediction of a table without rows has probabilities.
fn gives_probabilities(artifact: &Artifact) -> bool {
    let inputs = artifact.manifest.inputs();
    let column = |field: &Field| match field.kind {
        Kind::Number | Kind::Bool | Kind::Datetime => Column::Number(Vec::new().into()),
        Kind::Category | Kind::Text => Column::Codes { codes: Vec::new().into(), levels: Arc::default() },
    };
    let columns = inputs.iter().map(column).collect();
    let rows = Table::new(Schema::new(inputs), columns);
    let outcome = rows.and_then(|rows| predict::outcome(artifact, &rows));
    matches!(outcome, Ok(Prediction::Classes { proba: Some(_), .. }))
}

/// What is predicted for some rows.
pub enum Answer {
    /// A number a row.
    Values(Vec<f64>),
    /// A class a row.
    Classes {
        /// Places in [`Classes`].
        codes: Vec<u32>,
        /// Rows x classes.
        proba: Option<Matrix>,
    },
}

impl Answer {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Classes { codes, .. } => codes.len(),
        }
    }

    /// Appends the prediction of a row as JSON.
    pub(super) fn push(&self, model: &Loaded, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Values(values) => push_number(values[row], out),
            Self::Classes { codes, .. } => {
                let label = model.classes.as_ref().and_then(|classes| classes.json.get(codes[row] as usize));
                out.extend_from_slice(label.map_or("null", String::as_str).as_bytes());
            }
        }
    }

    /// Appends all predictions as a JSON list.
    pub(super) fn push_all(&self, model: &Loaded, out: &mut Vec<u8>) {
        out.push(b'[');
        for row in 0..self.rows() {
            if row > 0 {
                out.push(b',');
            }
            self.push(model, row, out);
        }
        out.push(b']');
    }
}

/// Appends the shortest text that reads back as the same bits; predictions are finite, as models see to.
pub(super) fn push_number(value: f64, out: &mut Vec<u8>) {
    use std::io::Write as _;

    if value.is_finite() {
        let _ = write!(out, "{value:?}");
    } else {
        out.extend_from_slice(b"null");
    }
}

/// A model that is served: a reference, and the version that it means now.
pub struct Served {
    /// The model's name.
    pub name: String,
    reference: String,
    /// Whether the version is fixed by number.
    pinned: bool,
    current: RwLock<Arc<Loaded>>,
    trouble: RwLock<Option<Diagnostic>>,
}

/// What a look at the store found.
#[derive(Debug, PartialEq)]
pub enum Look {
    /// What there was before.
    Same,
    /// Another version, which is served from now on.
    Swapped {
        /// The version before.
        from: u64,
    },
    /// The store does not answer, or what it has cannot be served; the last good version is.
    Trouble(Diagnostic),
    /// As before, after trouble.
    Recovered,
}

impl Served {
    /// Loads what a reference means.
    ///
    /// # Errors
    /// `UnknownModel`, `Damaged`, those of the store.
    pub fn load(registry: &Registry, reference: &str) -> Result<Self> {
        let Reference { name, pick } = reference.parse()?;
        let loaded = Loaded::read(registry, &registry.resolve(reference)?)?;
        Ok(Self {
            name,
            reference: reference.to_owned(),
            pinned: matches!(pick, Pick::Number(_)),
            current: RwLock::new(Arc::new(loaded)),
            trouble: RwLock::default(),
        })
    }

    /// A version that stays as it is.
    pub fn fixed(loaded: Loaded) -> Self {
        let name = loaded.name.clone();
        Self {
            reference: name.clone(),
            name,
            pinned: true,
            current: RwLock::new(Arc::new(loaded)),
            trouble: RwLock::default(),
        }
    }

    /// The version that is served now. Who holds it is answered by it to the end, whatever is swapped meanwhile.
    pub fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why the version may not be the newest.
    pub fn trouble(&self) -> Option<Diagnostic> {
        self.trouble.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether the reference means another version now, and serves it if so.
    pub fn look(&self, registry: &Registry) -> Look {
        if self.pinned {
            return Look::Same;
        }
        let before = self.current();
        let found = registry.resolve(&self.reference).and_then(|published| {
            let version = &published.version;
            let same = version.version == before.version && version.sha256.to_string() == before.sha256;
            if same { Ok(None) } else { Loaded::read(registry, &published).map(Some) }
        });
        let had = self.trouble();
        let trouble = found.as_ref().err().cloned();
        if trouble != had {
            *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = trouble;
        }
        match found {
            Ok(Some(loaded)) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                Look::Swapped { from: before.version }
            }
            Ok(None) if had.is_some() => Look::Recovered,
            Ok(None) => Look::Same,
            Err(error) if had.as_ref() == Some(&error) => Look::Same,
            Err(error) => Look::Trouble(error),
        }
    }
}

/// The models that are served, by name.
pub type Models = BTreeMap<String, Served>;
