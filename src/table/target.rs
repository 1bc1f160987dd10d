//! What is to be learned.

use std::sync::Arc;

use super::{Levels, Rows};
use crate::linalg::Matrix;

/// The target of every row.
#[derive(Clone, Debug)]
pub enum Target {
    /// Numbers, n x t.
    Values(Matrix),
    /// Classes: a code a row into the sorted labels. Every row has one.
    Classes {
        /// A code a row.
        codes: Arc<[u32]>,
        /// The classes as the data spells them.
        labels: Arc<Levels>,
    },
}

impl Target {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Target::Values(values) => values.rows(),
            Target::Classes { codes, .. } => codes.len(),
        }
    }

    /// The target of some rows; the classes stay those of the whole table.
    pub fn gather(&self, rows: &Rows) -> Self {
        match self {
            Target::Values(values) => {
                let columns = (0..values.columns()).flat_map(|j| rows.gather(values.column(j)));
                Target::Values(Matrix::from_columns(rows.len(), values.columns(), columns.collect()))
            }
            Target::Classes { codes, labels } => {
                Target::Classes { codes: rows.gather(codes).into(), labels: Arc::clone(labels) }
            }
        }
    }
}
