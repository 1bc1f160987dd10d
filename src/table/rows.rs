//! Which rows of a table.

use std::ops::Range;
use std::sync::Arc;

/// A set of rows. Test rows of an unshuffled fold are a `Range`; its training rows are `Except`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The rows from `start` up to `end`.
    Range(Range<u32>),
    /// These rows, in this order.
    List(Arc<[u32]>),
    /// All of the first `all` rows but those of `hole`, which ascends.
    Except {
        /// How many rows there are.
        all: u32,
        /// The rows left out, ascending.
        hole: Arc<[u32]>,
    },
}

impl Rows {
    /// All rows of a table.
    pub fn all(rows: usize) -> Self {
        Rows::Range(0..rows as u32)
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Rows::Range(range) => range.len(),
            Rows::List(list) => list.len(),
            Rows::Except { all, hole } => *all as usize - hole.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows one after the other.
    pub fn iter(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        match self {
            Rows::Range(range) => Box::new(range.clone()),
            Rows::List(list) => Box::new(list.iter().copied()),
            Rows::Except { all, hole } => {
                let mut holes = hole.iter().copied().peekable();
                Box::new((0..*all).filter(move |row| holes.next_if_eq(row).is_none()))
            }
        }
    }

    /// Calls `take` for the rows one after the other: for loops over many.
    pub fn each(&self, mut take: impl FnMut(u32)) {
        match self {
            Rows::Range(range) => range.clone().for_each(take),
            Rows::List(list) => list.iter().copied().for_each(take),
            Rows::Except { all, hole } => {
                let mut start = 0;
                for end in hole.iter().chain([all]) {
                    (start..*end).for_each(&mut take);
                    start = end + 1;
                }
            }
        }
    }

    /// The values at these rows.
    pub fn gather<T: Copy>(&self, values: &[T]) -> Vec<T> {
        match self {
            Rows::Range(range) => values[range.start as usize..range.end as usize].to_vec(),
            Rows::List(list) => list.iter().map(|row| values[*row as usize]).collect(),
            Rows::Except { .. } => {
                let mut gathered = Vec::with_capacity(self.len());
                self.each(|row| gathered.push(values[row as usize]));
                gathered
            }
        }
    }

    /// Whether the rows ascend.
    pub fn ascend(&self) -> bool {
        match self {
            Rows::List(list) => list.is_sorted(),
            Rows::Range(_) | Rows::Except { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;

    #[test]
    fn except_is_the_rest() {
        let rows = Rows::Except { all: 6, hole: [1, 2, 5].into() };
        assert_eq!(rows.iter().collect::<Vec<_>>(), [0, 3, 4]);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows.gather(&[10, 11, 12, 13, 14, 15]), [10, 13, 14]);
        for hole in [vec![], vec![0], vec![0, 1, 2], vec![2], vec![1]] {
            let rows = Rows::Except { all: 3, hole: hole.into() };
            let mut seen = Vec::new();
            rows.each(|row| seen.push(row));
            assert_eq!(seen, rows.iter().collect::<Vec<_>>());
        }
    }
}
