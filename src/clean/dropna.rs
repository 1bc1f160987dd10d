//! `dropna`: rows without missing values.

use super::Name;
use crate::table::{Column, MISSING};

/// `dropna`, or `dropna: {subset: [age], how: any, thresh: 3}`.
#[derive(Clone, Debug, PartialEq)]
pub struct DropNa {
    /// The columns that count; all where it is `None`.
    pub subset: Option<Vec<Name>>,
    /// How many values a row must have.
    pub least: Least,
}

/// How many values a row must have to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// All: `how: any` drops a row with any missing value.
    All,
    /// One: `how: all` drops a row where all are missing.
    One,
    /// So many: `thresh`.
    Count(usize),
}

impl DropNa {
    /// Whether each row stays.
    pub(super) fn keeps(&self, columns: &[&Column], rows: usize) -> Vec<bool> {
        let mut present = vec![0u32; rows];
        for column in columns {
            match column {
                Column::Number(values) => {
                    present
                        .iter_mut()
                        .zip(values.iter())
                        .for_each(|(n, value)| *n += u32::from(!value.is_nan()));
                }
                Column::Codes { codes, .. } => {
                    present
                        .iter_mut()
                        .zip(codes.iter())
                        .for_each(|(n, code)| *n += u32::from(*code != MISSING));
                }
            }
        }
        let least = match self.least {
            Least::All => columns.len(),
            Least::One => 1,
            Least::Count(least) => least,
        };
        present.into_iter().map(|present| present as usize >= least).collect()
    }
}
