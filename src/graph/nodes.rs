//! The checked file: components instead of names.

use std::path::PathBuf;
use std::sync::Arc;

use super::promotion::PromoteNode;
use crate::clean::Operation;
use crate::contract::erased::{AnyModel, AnySplitter, AnyStep};
use crate::contract::{Metric, Value};
use crate::diag::{Span, Veil};
use crate::expect::Expect;
use crate::spec::{Moment, Online, Variant};
use crate::table::{Kind, NaValues};

/// A step with its place in the file.
#[derive(Clone)]
pub struct StepNode {
    /// Its name within its list, as `make_pipeline` gives it: the class in lower case.
    pub name: String,
    /// Its address, `preprocess__num__simpleimputer`: what a search says, and what its random
    /// stream is drawn from.
    pub address: String,
    /// The step.
    pub step: Arc<dyn AnyStep>,
    /// Where it is written.
    pub span: Span,
}

/// The model with its place in the file.
#[derive(Clone)]
pub struct ModelNode {
    /// The class in lower case.
    pub name: String,
    /// The model.
    pub model: Arc<dyn AnyModel>,
    /// Where it is written.
    pub span: Span,
}

/// Which columns a group takes.
#[derive(Clone, Debug)]
pub enum Selector {
    /// Every feature column: a plain list of steps.
    All,
    /// Those with one of these types or names, but not those excepted.
    Chosen {
        /// The types; all when empty.
        kinds: Vec<Kind>,
        /// The names, each of which must be there; all when empty.
        names: Vec<String>,
        /// The names left out.
        except: Vec<String>,
    },
    /// Those that no group before took.
    Remainder,
}

/// A column group.
#[derive(Clone)]
pub struct Group {
    /// Its name; none for a plain list of steps.
    pub name: Option<String>,
    /// Its columns.
    pub selector: Selector,
    /// Its steps; a remainder has none.
    pub steps: Vec<StepNode>,
    /// Where it is written.
    pub span: Span,
}

/// A column that the file names.
#[derive(Clone, Debug)]
pub struct ColumnName {
    /// The name.
    pub name: String,
    /// The name as messages and reports may show it, with `${env:NAME}` as it was written.
    pub shown: String,
    /// Where it is written.
    pub span: Span,
}

/// Which keys or files hold the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// One key holds all of it.
    Key(String),
    /// Each key that matches holds a row.
    Pattern(String),
    /// Each key that this key lists holds a row.
    Index(String),
    /// Each entry of a stream is a row.
    Stream(StreamNode),
    /// Each entity of a feature view in Feast's online store is a row.
    Feast(FeastNode),
    /// Each entity of features in Featureform's online store is a row.
    Featureform(FeatureformNode),
    /// A file, or the files that match, hold it one after the other.
    File(PathBuf),
}

/// A feature view of a project of Feast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeastNode {
    /// The project.
    pub project: String,
    /// The view's name.
    pub view: String,
    /// The names of the entities' keys.
    pub join_keys: Vec<String>,
    /// The features to read.
    pub features: Vec<String>,
    /// The column to make of the times of the events.
    pub time: Option<String>,
}

/// Features of one entity in Featureform's online store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureformNode {
    /// The column to make of the entities.
    pub entity: String,
    /// The features, each with its variant.
    pub features: Vec<(String, String)>,
    /// The prefix of the store, where it was given one.
    pub prefix: Option<String>,
}

/// The entries of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamNode {
    /// Its key.
    pub key: String,
    /// The first entry.
    pub from: Moment,
    /// The last one.
    pub to: Moment,
    /// The column to make of their ids.
    pub id: Option<String>,
    /// The column to make of the times in them.
    pub time: Option<String>,
}

impl Origin {
    /// What it is, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Pattern(_) => "pattern",
            Self::Index(_) => "index",
            Self::Stream(..) => "stream",
            Self::Feast(_) => "feature view",
            Self::Featureform(_) => "features of",
            Self::File(_) => "file",
        }
    }
}

/// Where the data comes from.
pub struct SourceNode {
    /// The key, the pattern of keys, the index of keys, or the file or files.
    pub origin: Origin,
    /// Its text as reports may show it, with `${env:NAME}` as it was written.
    pub shown: String,
    /// Where it is written.
    pub span: Span,
    /// The format's name, `auto` when it is to be recognised.
    pub format: String,
    /// A file that fills the key when it is not there.
    pub load_if_missing: Option<PathBuf>,
    /// The columns to read; all when `None`.
    pub columns: Option<Vec<ColumnName>>,
    /// Which texts are missing values.
    pub na_values: NaValues,
    /// Whether a copy of the table is kept in the store.
    pub pin: bool,
    /// The types that the file gives.
    pub schema: Vec<(ColumnName, Kind)>,
    /// The column whose values are class labels, to be kept as they are spelled.
    pub label: Option<String>,
}

/// The store that the file names.
pub struct StoreNode {
    /// Its URL.
    pub url: String,
    /// The folder that a relative path in it starts from.
    pub base: PathBuf,
    /// What to show in the place of its address where it came from the environment.
    pub unexpanded: Option<String>,
}

/// What is left behind.
pub struct OutputNode {
    /// The model's name in the registry and the folder on disk.
    pub artifact: String,
    /// The folder of the disk copy.
    pub dir: PathBuf,
    /// The report formats, in order.
    pub report: Vec<String>,
    /// Whether an ONNX graph of the model lies beside it.
    pub onnx: bool,
    /// How many versions without an alias stay; all when `None`.
    pub keep: Option<usize>,
}

/// What is fitted: column groups side by side, selectors after them, then the model. A clone shares
/// the steps and the model, so that pipelines which differ in one step share all others.
#[derive(Clone)]
pub struct Pipeline {
    /// The column groups, in order; never empty.
    pub groups: Vec<Group>,
    /// The selectors after them.
    pub select: Vec<StepNode>,
    /// The model.
    pub model: ModelNode,
}

impl Pipeline {
    /// Whether two pipelines differ in their models alone. Candidates share equal steps.
    pub fn shares_steps(&self, other: &Self) -> bool {
        let mut groups = self.groups.iter().zip(&other.groups);
        same_steps(&self.select, &other.select) && groups.all(|(a, b)| same_steps(&a.steps, &b.steps))
    }
}

/// Whether two lists share their steps.
pub fn same_steps(a: &[StepNode], b: &[StepNode]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(&a.step, &b.step))
}

/// One of the pipelines that a search tries.
pub struct Candidate {
    /// What was set, by address; sorted.
    pub params: Vec<(String, Value)>,
    /// The pipeline with that.
    pub pipeline: Pipeline,
}

impl Candidate {
    /// What was set, as a person writes it: `model__alpha=0.1, select__k=3`.
    pub fn label(&self) -> String {
        let set: Vec<_> = self.params.iter().map(|(address, value)| format!("{address}={value}")).collect();
        if set.is_empty() { "as written".to_owned() } else { set.join(", ") }
    }

    /// What was set, by address, as JSON.
    pub fn params_json(&self) -> serde_json::Map<String, serde_json::Value> {
        self.params.iter().map(|(address, value)| (address.clone(), value.json())).collect()
    }
}

/// The pipelines among which the scores decide.
pub struct Search {
    /// scikit-learn's class name.
    pub class: &'static str,
    /// Every candidate, in the order of scikit-learn's `ParameterGrid`; never empty.
    pub candidates: Vec<Candidate>,
    /// Where it is written.
    pub span: Span,
}

/// The whole file, checked, without data.
pub struct Graph {
    /// The file's name for it.
    pub name: String,
    /// Which of the file's pipelines it is.
    pub variant: Variant,
    /// The seed of everything whose own is unwritten.
    pub seed: u32,
    /// The store that the file names.
    pub store: Option<StoreNode>,
    /// Where the data comes from.
    pub source: SourceNode,
    /// What is done to the table before any split.
    pub clean: Vec<Operation>,
    /// What must hold of it then.
    pub expect: Option<Expect>,
    /// The column to learn.
    pub target: ColumnName,
    /// Columns that identify rows: never features.
    pub ids: Vec<ColumnName>,
    /// The column of sample weights: never a feature.
    pub weight: Option<ColumnName>,
    /// What is fitted, as written; with a search each candidate is fitted instead.
    pub pipeline: Pipeline,
    /// The candidates, where there is a search.
    pub search: Option<Search>,
    /// The folds; `None` only refits.
    pub splitter: Option<Box<dyn AnySplitter>>,
    /// Why this splitter: as written, or what `cv: 5` means for the model.
    pub splitter_reason: String,
    /// Where `cv` is written; `None` for the default.
    pub cv_span: Option<Span>,
    /// The metrics; the first decides.
    pub scoring: Vec<&'static Metric>,
    /// Where each of them is written; the model's place for its default.
    pub scoring_spans: Vec<Span>,
    /// What is left behind.
    pub output: OutputNode,
    /// What a new version must show to take the champion's place, where the file says so.
    pub promote: Option<PromoteNode>,
    /// How it goes on learning once it is published.
    pub online: Option<Online>,
    /// The file with all defaults, overrides applied and `${env:}` unexpanded: what a lock and an
    /// artifact hold.
    pub resolved: serde_json::Value,
    /// What came from the environment, which nobody may read.
    pub veil: Veil,
}
