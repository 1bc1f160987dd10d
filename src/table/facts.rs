//! What a column's values are like, as far as learning asks before it begins.

use super::Column;
use crate::linalg::extremes;

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
        let Column::Number(values) = column else {
            return Self { missing: column.missing(), infinite: None };
        };
        let (extremes, missing) = extremes(values);
        let infinite = extremes.filter(|(low, high)| low.is_infinite() || high.is_infinite());
        let row = infinite.and_then(|_| values.iter().position(|value| value.is_infinite()));
        Self { missing, infinite: row.map(|row| (start + row, values[row])) }
    }

    /// Those of this part and the next together.
    pub fn then(self, next: Self) -> Self {
        Self { missing: self.missing + next.missing, infinite: self.infinite.or(next.infinite) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_infinite_value_and_what_is_missing() {
        let facts = |values: &[f64]| Facts::of(&Column::Number(values.to_vec().into()), 10);
        let of = |missing, infinite| Facts { missing, infinite };
        assert_eq!(facts(&[]), of(0, None));
        assert_eq!(facts(&[f64::NAN; 3]), of(3, None));
        assert_eq!(
            facts(&[1.0, f64::NAN, f64::NEG_INFINITY, f64::INFINITY]),
            of(1, Some((12, f64::NEG_INFINITY)))
        );
    }
}
