//! `drop_duplicates`: one of the rows that are alike.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use super::Name;
use crate::table::Column;

/// `drop_duplicates`, or `drop_duplicates: {subset: [id], keep: last}`.
#[derive(Clone, Debug, PartialEq)]
pub struct DropDuplicates {
    /// The columns that count; all where it is `None`.
    pub subset: Option<Vec<Name>>,
    /// Which of the rows stays.
    pub keep: Keep,
}

/// Which of the rows that are alike stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The first.
    First,
    /// The last.
    Last,
    /// None of them.
    None,
}

/// The end of a chain.
const END: u32 = u32::MAX;

impl DropDuplicates {
    /// Whether each row stays. Missing values are alike, and so are 0 and -0.
    pub(super) fn keeps(&self, columns: &[&Column], rows: usize) -> Vec<bool> {
        let first = firsts(columns, rows);
        match self.keep {
            Keep::First => first.iter().zip(0..).map(|(first, row)| *first == row).collect(),
            Keep::Last => {
                let mut last = vec![0u32; rows];
                first.iter().zip(0..).for_each(|(first, row)| last[*first as usize] = row);
                first.iter().zip(0..).map(|(first, row)| last[*first as usize] == row).collect()
            }
            Keep::None => {
                let mut count = vec![0u32; rows];
                first.iter().for_each(|first| count[*first as usize] += 1);
                first.iter().map(|first| count[*first as usize] == 1).collect()
            }
        }
    }
}

/// The first row that is like each row.
fn firsts(columns: &[&Column], rows: usize) -> Vec<u32> {
    // The hash is keyed at random, so that nobody can write a table of rows that all collide; it decides no order.
    let state = RandomState::new();
    let mut heads: HashMap<u64, u32> = HashMap::with_capacity(rows);
    // Distinct rows of one hash are a chain.
    let mut next = vec![END; rows];
    let mut first = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut hasher = state.build_hasher();
        columns.iter().for_each(|column| hasher.write_u64(key(column, row)));
        let mut known = *heads.entry(hasher.finish()).or_insert(row as u32);
        let alike = |known: u32| columns.iter().all(|column| key(column, known as usize) == key(column, row));
        while known as usize != row && !alike(known) {
            let link = &mut next[known as usize];
            if *link == END {
                *link = row as u32;
            }
            known = *link;
        }
        first.push(known);
    }
    first
}

/// What equal cells of a column share.
fn key(column: &Column, row: usize) -> u64 {
    match column {
        Column::Number(values) if values[row].is_nan() => f64::NAN.to_bits(),
        Column::Number(values) => (values[row] + 0.0).to_bits(),
        Column::Codes { codes, .. } => u64::from(codes[row]),
    }
}

#[cfg(test)]
mod tests {
    use super::{DropDuplicates, Keep, firsts};
    use crate::table::Column;

    #[test]
    fn missing_values_are_alike() {
        let x = Column::Number(vec![f64::NAN, 0.0, -f64::NAN, -0.0, 1.0].into());
        let kept = |keep| DropDuplicates { subset: None, keep }.keeps(&[&x], 5);
        assert_eq!(firsts(&[&x], 5), [0, 1, 0, 1, 4]);
        assert_eq!(kept(Keep::First), [true, true, false, false, true]);
        assert_eq!(kept(Keep::Last), [false, false, true, true, true]);
        assert_eq!(kept(Keep::None), [false, false, false, false, true]);
    }
}
