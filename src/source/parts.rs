//! Rows that come in parts, so that no more of them are in memory than a few parts.

use super::formats::Suspect;
use crate::diag::Result;
use crate::table::Table;

/// A table that is read in parts, in any order, by several threads.
pub trait Parts: Sync {
    /// The names of all columns of the data, read or not.
    fn names(&self) -> Vec<String>;

    /// The number of parts.
    fn count(&self) -> usize;

    /// Part `i`, from 0.
    ///
    /// # Errors
    /// Whatever reading it can meet.
    fn part(&self, i: usize) -> Result<Part>;
}

/// Some rows.
pub struct Part {
    /// The rows. Parts have the same columns; the levels of a category may differ.
    pub table: Table,
    /// The first cell of each column that a float cannot hold.
    pub suspects: Vec<Suspect>,
    /// How many rows stand before them.
    pub start: usize,
}
