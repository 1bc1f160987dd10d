//! One column.

use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use super::{Levels, MISSING};

/// The values of one column, in one contiguous Arrow buffer: a clone shares it.
#[derive(Clone, Debug)]
pub enum Column {
    /// Numbers, bools (1 and 0) and datetimes (microseconds since 1970); NaN is missing.
    Number(ScalarBuffer<f64>),
    /// Categories and text: a code a row, [`MISSING`] where there is none.
    Codes {
        /// A code a row.
        codes: ScalarBuffer<u32>,
        /// What the codes stand for.
        levels: Arc<Levels>,
    },
}

impl Column {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Column::Number(values) => values.len(),
            Column::Codes { codes, .. } => codes.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows have no value.
    pub fn missing(&self) -> usize {
        match self {
            Column::Number(values) => values.iter().filter(|v| v.is_nan()).count(),
            Column::Codes { codes, .. } => codes.iter().filter(|c| **c == MISSING).count(),
        }
    }

    /// The rows from `start`, `rows` of them, without a copy.
    pub fn slice(&self, start: usize, rows: usize) -> Self {
        match self {
            Column::Number(values) => Column::Number(values.slice(start, rows)),
            Column::Codes { codes, levels } => {
                Column::Codes { codes: codes.slice(start, rows), levels: Arc::clone(levels) }
            }
        }
    }
}
