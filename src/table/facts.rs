//! What a column's values are like, as far as learning asks before it begins.

use super::Column;

/// Counts over all rows of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    /// How many rows have no value.
    pub missing: usize,
    /// The first infinite value, and its row from 0.
    pub infinite: Option<(usize, f64)>,
}

impl Facts {
    /// Those of a column, or of a part of it that starts at row `start`.
    pub fn of(column: &Column, start: usize) -> Self {
        let infinite = match column {
            Column::Number(values) => {
                let row = values.iter().position(|value| value.is_infinite());
                row.map(|row| (start + row, values[row]))
            }
            Column::Codes { .. } => None,
        };
        Self { missing: column.missing(), infinite }
    }

    /// Those of this part and the next together.
    pub fn then(self, next: Self) -> Self {
        Self { missing: self.missing + next.missing, infinite: self.infinite.or(next.infinite) }
    }
}
