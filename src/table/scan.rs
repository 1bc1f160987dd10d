//! A table that is read in units, again and again.

use std::sync::Arc;

use super::{Schema, Table};
use crate::diag::Result;
use crate::linalg::{BLOCK, RUN};

/// The rows of a unit: a run of blocks, cut on the global row index, so that no number depends on
/// how the source batches its rows.
pub const RUN_ROWS: usize = BLOCK * RUN;

/// A source of rows that can be restarted: unit `i` holds the rows from `i * RUN_ROWS`.
pub trait Scan: Sync {
    /// The names and types.
    fn schema(&self) -> &Arc<Schema>;
    /// The number of rows.
    fn rows(&self) -> usize;
    /// The number of units.
    fn units(&self) -> usize {
        self.rows().div_ceil(RUN_ROWS)
    }
    /// Unit `i`.
    ///
    /// # Errors
    /// Whatever reading it can meet.
    fn unit(&self, i: usize) -> Result<Table>;
    /// The whole table, where it is in memory.
    fn whole(&self) -> Option<&Table>;
}

impl Scan for Table {
    fn schema(&self) -> &Arc<Schema> {
        self.schema()
    }

    fn rows(&self) -> usize {
        self.rows()
    }

    fn unit(&self, i: usize) -> Result<Table> {
        let start = i * RUN_ROWS;
        Ok(self.slice(start, RUN_ROWS.min(self.rows() - start)))
    }

    fn whole(&self) -> Option<&Table> {
        Some(self)
    }
}
