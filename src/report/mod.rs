//! An outcome as json, markdown and html: one file a format. They return text; `job` writes it.

mod command;
mod comparison;
mod digits;
mod evenly;
mod html;
mod influence;
mod json;
mod markdown;
mod out_of_fold;
mod promotion;
mod search;

use crate::gate::Decision;
use crate::plan::{Bound, Plan};
use crate::run::Outcome;
use crate::table::{Data, Digest};

pub use command::Given;
pub use comparison::{Comparison, changed_keys};
pub use digits::significant;
pub use html::html;
pub use json::{candidates, cleaning, json, labels, memory};
pub use markdown::markdown;
pub use promotion::{promotion, verdict};

/// Everything that a report tells of a run.
pub struct Report<'a> {
    /// The run's id.
    pub run: &'a str,
    /// When it started, RFC 3339 in UTC.
    pub started: &'a str,
    /// The pipeline file as it was given.
    pub file: &'a str,
    /// What else the command line gave.
    pub given: Given<'a>,
    /// The size of the table as it was read, target and roles included.
    pub table: Extent,
    /// What each operation of `clean` has done to the rows.
    pub dropped: &'a [Dropped],
    /// Its digest.
    pub fingerprint: Digest,
    /// The digest of the rows of all folds.
    pub folds: Option<Digest>,
    /// What computed it: the version, and the type of the processor.
    pub tool: (&'a str, &'a str),
    /// The bound graph.
    pub bound: &'a Bound<'a>,
    /// How it was run.
    pub plan: &'a Plan,
    /// What came out.
    pub outcome: &'a Outcome,
    /// What was published.
    pub published: &'a Published,
    /// What the gate has decided, where the file has one.
    pub promotion: Option<&'a Decision>,
    /// How long the stages took.
    pub timing: Timing,
    /// The number of threads.
    pub threads: usize,
    /// Warnings from before the run, e.g. of the source.
    pub warnings: &'a [crate::diag::Diagnostic],
}

/// How large a table is.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    rows: usize,
    width: usize,
}

impl Extent {
    /// That of a table.
    pub fn of(table: &Data) -> Self {
        Self { rows: table.rows(), width: table.width() }
    }

    /// The number of rows.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn width(self) -> usize {
        self.width
    }
}

/// What an operation of `clean` has done to the rows.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// The operation as it was written, on one line.
    pub operation: String,
    /// How many rows it has dropped; `None` for an operation on columns.
    pub rows: Option<usize>,
}

/// Where a model was published.
#[derive(Clone, Debug)]
pub struct Published {
    /// The model's name.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// The digest of `model.safetensors`.
    pub sha256: Digest,
    /// The folder of the disk copy.
    pub path: String,
    /// The store's address, without a password.
    pub store: String,
    /// What the store promises of what it holds.
    pub durability: String,
    /// The report formats that are written.
    pub formats: Vec<String>,
}

/// How long the stages of a run took, in seconds; `None` for what is not over yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// From the first request until the table and its fingerprint were complete.
    pub read: f64,
    /// The candidates of a search.
    pub search: f64,
    /// The folds.
    pub cv: f64,
    /// The refit on all rows.
    pub refit: f64,
    /// Writing to disk and store.
    pub publish: Option<f64>,
    /// Since the process started.
    pub total: Option<f64>,
}

impl Report<'_> {
    /// All warnings, those from before the run first.
    pub fn all_warnings(&self) -> impl Iterator<Item = &crate::diag::Diagnostic> {
        self.warnings.iter().chain(&self.outcome.warnings)
    }
}
