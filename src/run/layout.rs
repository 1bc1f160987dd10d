//! The fixed expansion of raw columns that everything affine is a map of.
//!
//! A number column becomes `x - s` where present and 0 where missing, beside an indicator of its
//! missing rows; a category column becomes an indicator a level. `s`, the mean of the first values
//! present, is frozen for all folds and both passes: with 0 in its place and a mean of 1e5 standard
//! deviations, coefficients lose nine digits. Behind the raw columns come the products that steps make of numbers.

use std::sync::Arc;

use super::products::ProductPlaces;
use crate::diag::Result;
use crate::linalg::{self, BLOCK};
use crate::plan::Products;
use crate::table::{Column, Data, Levels, Target};

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

/// The positions of all raw columns, then of the products, then of the targets.
#[derive(Clone, Debug)]
pub struct Layout {
    /// One a column, in the table's order.
    pub places: Vec<Place>,
    /// The products.
    pub products: ProductPlaces,
    /// The number of positions before the targets.
    pub features: usize,
    /// What was taken from each target of a regression; 0 for the indicators of classes.
    pub target_shifts: Vec<f64>,
    /// The positions of numbers, ascending, targets included.
    pub numbers: Vec<usize>,
    /// The positions of indicators, ascending, targets included.
    pub indicators: Vec<usize>,
}

impl Layout {
    /// The layout of a table: reads its first rows for shifts.
    ///
    /// # Errors
    /// Whatever reading the table can meet.
    pub fn of(data: &Data, target: &Target, products: &Products) -> Result<Self> {
        let columns = data.width();
        let holey: Vec<bool> = data.facts().iter().map(|facts| facts.missing > 0).collect();
        let mut levels: Vec<Option<Arc<Levels>>> = (0..columns).map(|j| data.levels(j).cloned()).collect();
        let mut shifts: Vec<Option<f64>> = vec![None; columns];
        for unit in 0..data.units() {
            let wanted = |j: &usize| levels[*j].is_none() && shifts[*j].is_none();
            let wanted: Vec<usize> = (0..columns).filter(wanted).collect();
            if wanted.is_empty() {
                break;
            }
            let table = data.scan().unit(unit)?;
            for j in wanted {
                if let Column::Number(values) = &table.columns()[j] {
                    shifts[j] = first_mean(values);
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
        let products = match products.products().is_empty() {
            true => ProductPlaces::default(),
            false => ProductPlaces::new(products, &places, at, &data.scan().unit(0)?),
        };
        let own = at..at + products.len();
        let target_shifts = target_shifts(target);
        let targets = own.end..own.end + target_shifts.len();
        let number = |place: &Place| match place {
            Place::Number { at, .. } => Some(*at),
            Place::Category { .. } => None,
        };
        let mut numbers: Vec<usize> = places.iter().filter_map(number).chain(own.clone()).collect();
        if matches!(target, Target::Values(_)) {
            numbers.extend(targets.clone());
        }
        let mut is_number = vec![false; targets.end];
        numbers.iter().for_each(|at| is_number[*at] = true);
        let indicators = (0..targets.end).filter(|at| !is_number[*at]).collect();
        Ok(Self { places, products, features: own.end, target_shifts, numbers, indicators })
    }

    /// The number of positions, targets included.
    pub fn width(&self) -> usize {
        self.features + self.target_shifts.len()
    }

    /// How many of the numbers are raw columns: the first.
    pub fn raw_numbers(&self) -> usize {
        self.places.iter().filter(|place| matches!(place, Place::Number { .. })).count()
    }

    /// What is taken from each number, in the order of [`Layout::numbers`].
    pub fn shifts(&self) -> Vec<f64> {
        let shift = |place: &Place| match place {
            Place::Number { shift, .. } => Some(*shift),
            Place::Category { .. } => None,
        };
        let mut shifts: Vec<f64> = self.places.iter().filter_map(shift).collect();
        shifts.extend(&self.products.shifts);
        shifts.extend(&self.target_shifts[..self.numbers.len() - shifts.len()]);
        shifts
    }
}

/// The mean of the first block that has values present.
pub(super) fn first_mean(values: &[f64]) -> Option<f64> {
    values.chunks(BLOCK).find_map(|block| match linalg::extremes(block) {
        (None, _) => None,
        // The sum of equal numbers rounds; their mean is one of them.
        (Some((low, high)), _) if low == high => Some(low),
        (Some(_), missing) => {
            let sum: f64 = block.iter().filter(|v| !v.is_nan()).sum();
            Some(sum / (block.len() - missing) as f64)
        }
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
