//! The fixed expansion of raw columns that everything affine is a map of.
//!
//! A number column becomes `x - s` where present and 0 where missing, beside an indicator of its
//! missing rows; a category column becomes an indicator a level. `s`, the mean of the first values
//! present, is frozen for all folds and both passes: with 0 in its place and a mean of 1e5 standard
//! deviations, coefficients lose nine digits.

use std::sync::Arc;

use crate::diag::Result;
use crate::linalg::BLOCK;
use crate::table::{Column, Levels, MISSING, Scan, Table, Target};

/// Where a raw column lies among the positions.
#[derive(Clone, Debug)]
pub enum Place {
    /// A number.
    Number {
        /// The position of `x - s`.
        at: usize,
        /// `s`.
        shift: f64,
        /// The position of the indicator of missing rows, where there are any in the table.
        missing: Option<usize>,
    },
    /// A category.
    Category {
        /// The position of the first level's indicator.
        at: usize,
        /// The levels of the whole table.
        levels: Arc<Levels>,
        /// The position of the indicator of missing rows, after the last level's, where there are any.
        missing: Option<usize>,
    },
}

/// The positions of all raw columns, then of the targets.
#[derive(Clone, Debug)]
pub struct Layout {
    /// One a column, in the table's order.
    pub places: Vec<Place>,
    /// The number of positions before the targets.
    pub features: usize,
    /// What was taken from each target of a regression; 0 for the indicators of classes.
    pub target_shifts: Vec<f64>,
}

impl Layout {
    /// The layout of a table: reads it once for missing values, and its first rows for shifts.
    ///
    /// # Errors
    /// Whatever reading the table can meet.
    pub fn of(scan: &dyn Scan, target: &Target) -> Result<Self> {
        let columns = scan.schema().fields().len();
        let mut shifts: Vec<Option<f64>> = vec![None; columns];
        let mut holey = vec![false; columns];
        let mut levels: Vec<Option<Arc<Levels>>> = vec![None; columns];
        for unit in 0..scan.units() {
            let table = scan.unit(unit)?;
            for (j, column) in table.columns().iter().enumerate() {
                holey[j] |= column.missing() > 0;
                match column {
                    Column::Number(values) => shifts[j] = shifts[j].or_else(|| first_mean(values)),
                    Column::Codes { levels: own, .. } => levels[j] = Some(Arc::clone(own)),
                }
            }
        }
        let mut at = 0;
        let mut places = Vec::with_capacity(columns);
        for j in 0..columns {
            let first = at;
            let width = levels[j].as_ref().map_or(1, |levels| levels.len());
            at += width;
            let missing = holey[j].then(|| {
                at += 1;
                at - 1
            });
            places.push(match levels[j].take() {
                Some(levels) => Place::Category { at: first, levels, missing },
                None => Place::Number { at: first, shift: shifts[j].unwrap_or(0.0), missing },
            });
        }
        Ok(Self { places, features: at, target_shifts: target_shifts(target) })
    }

    /// The number of positions, targets included.
    pub fn width(&self) -> usize {
        self.features + self.target_shifts.len()
    }

    /// The expanded columns of some rows of a unit that starts at global row `start`, one vector a
    /// position. `rows` are global.
    pub fn expand(&self, unit: &Table, start: usize, target: &Target, rows: &[u32]) -> Vec<Vec<f64>> {
        let local = |row: &u32| *row as usize - start;
        let mut all = Vec::with_capacity(self.width());
        for (place, column) in self.places.iter().zip(unit.columns()) {
            match (place, column) {
                (Place::Number { shift, missing, .. }, Column::Number(values)) => {
                    let value = |row| values[local(row)];
                    let filled = |v: f64| if v.is_nan() { 0.0 } else { v - shift };
                    all.push(rows.iter().map(|row| filled(value(row))).collect());
                    if missing.is_some() {
                        all.push(rows.iter().map(|row| f64::from(u8::from(value(row).is_nan()))).collect());
                    }
                }
                (Place::Category { levels, missing, .. }, Column::Codes { codes, .. }) => {
                    let wanted = (0..levels.len() as u32).chain(missing.map(|_| MISSING));
                    all.extend(wanted.map(|code| indicator(rows.iter().map(|row| codes[local(row)]), code)));
                }
                // A column keeps its type in all units of a table.
                _ => all.push(vec![f64::NAN; rows.len()]),
            }
        }
        match target {
            Target::Values(values) => all.extend(self.target_shifts.iter().enumerate().map(|(t, shift)| {
                let column = values.column(t);
                rows.iter().map(|row| column[*row as usize] - shift).collect()
            })),
            Target::Classes { codes, labels } => all.extend(
                (0..labels.len() as u32)
                    .map(|code| indicator(rows.iter().map(|row| codes[*row as usize]), code)),
            ),
        }
        all
    }
}

/// 1 where a code is the one wanted, else 0.
fn indicator(codes: impl Iterator<Item = u32>, wanted: u32) -> Vec<f64> {
    codes.map(|code| f64::from(u8::from(code == wanted))).collect()
}

/// The mean of the first block that has values present.
fn first_mean(values: &[f64]) -> Option<f64> {
    values.chunks(BLOCK).find_map(|block| {
        let present = block.iter().filter(|v| !v.is_nan()).count();
        let sum: f64 = block.iter().filter(|v| !v.is_nan()).sum();
        (present > 0).then(|| sum / present as f64)
    })
}

fn target_shifts(target: &Target) -> Vec<f64> {
    match target {
        Target::Values(values) => {
            (0..values.columns()).map(|t| first_mean(values.column(t)).unwrap_or(0.0)).collect()
        }
        Target::Classes { labels, .. } => vec![0.0; labels.len()],
    }
}
