//! What a splitter is.

use super::{Params, params::Checks};
use crate::diag::{Diagnostic, Result};
use crate::table::Rows;

/// The rows of one fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// What is learned from.
    pub train: Rows,
    /// What is scored.
    pub test: Rows,
}

/// What a splitter may look at.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    /// The number of rows.
    pub rows: usize,
    /// The class of every row as a code, for a classification.
    pub classes: Option<&'a [u32]>,
    /// The file's seed: what an unwritten `random_state` is.
    pub seed: u32,
}

/// Cuts rows into folds: the very rows that scikit-learn chooses.
pub trait Splitter: Params + Checks {
    /// Whether it needs classes.
    const STRATIFIES: bool;
    /// How many folds it will make.
    fn n_splits(&self) -> usize;
    /// The folds, and warnings about them.
    ///
    /// # Errors
    /// `BadFolds` when they cannot be made.
    fn split(&self, input: &Split) -> Result<(Vec<Fold>, Vec<Diagnostic>)>;
}
