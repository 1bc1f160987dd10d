//! A table that is read in units, again and again.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Column, Levels, MISSING, Schema, Table};
use crate::diag::{Code, Result};
use crate::linalg::{BLOCK, RUN};

/// The rows of a unit: a run of blocks, cut on the global row index, so that no number depends on
/// how the source batches its rows.
pub const RUN_ROWS: usize = BLOCK * RUN;

/// A source of rows that can be restarted: unit `i` holds the rows from `i * RUN_ROWS`.
pub trait Scan: Send + Sync {
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
    /// The columns at these places, in this order.
    fn select(&self, places: &[usize]) -> Arc<dyn Scan>;
    /// The levels of the column at a place, if it is a category.
    fn levels(&self, place: usize) -> Option<&Arc<Levels>>;
}

/// All units together. `read` gives unit `i` and whatever else it found, `take` gets that in the order
/// of the units. Side by side where `parallel` says so.
///
/// # Errors
/// Whatever reading meets; `UnreadableValue` where there is no memory for the rows.
pub fn gather<S: Send>(
    scan: &dyn Scan,
    parallel: bool,
    read: impl Fn(usize) -> Result<(Table, S)> + Sync,
    mut take: impl FnMut(S),
) -> Result<Table> {
    let schema = Schema::clone(scan.schema());
    let mut columns: Vec<Growing> = Vec::new();
    // One unit is no reason to start threads, which asking for their number does.
    let parallel = parallel && scan.units() > 1;
    let wave = if parallel { 2 * rayon::current_num_threads() } else { 1 };
    for first in (0..scan.units()).step_by(wave) {
        let units = first..(first + wave).min(scan.units());
        let units: Vec<_> = if parallel {
            units.into_par_iter().map(&read).collect::<Result<_>>()?
        } else {
            units.map(&read).collect::<Result<_>>()?
        };
        for (unit, found) in units {
            if columns.is_empty() {
                columns = unit
                    .columns()
                    .iter()
                    .map(|column| Growing::of(column, scan.rows()))
                    .collect::<Result<_>>()?;
            }
            columns.iter_mut().zip(unit.columns()).for_each(|(column, unit)| column.add(unit));
            take(found);
        }
    }
    Table::new(schema, columns.into_iter().map(Growing::finish).collect())
}

/// A column of all units while they come in.
enum Growing {
    Number(Vec<f64>),
    Codes(Vec<u32>, Arc<Levels>),
}

impl Growing {
    /// An empty column like `first`, with room for all rows.
    fn of(first: &Column, rows: usize) -> Result<Self> {
        let full = |_| {
            let error = Code::UnreadableValue.error(format!("no memory for {rows} rows"));
            error.help("read fewer columns with `source.columns`, or a part of the rows")
        };
        match first {
            Column::Number(_) => {
                let mut values = Vec::new();
                values.try_reserve_exact(rows).map_err(full)?;
                Ok(Self::Number(values))
            }
            Column::Codes { levels, .. } => {
                let mut codes = Vec::new();
                codes.try_reserve_exact(rows).map_err(full)?;
                Ok(Self::Codes(codes, Arc::clone(levels)))
            }
        }
    }

    fn add(&mut self, unit: &Column) {
        match (self, unit) {
            (Self::Number(all), Column::Number(values)) => all.extend_from_slice(values),
            (Self::Codes(all, _), Column::Codes { codes, .. }) => all.extend_from_slice(codes),
            // A column keeps its type in all units of a table.
            (Self::Number(all), other) => all.resize(all.len() + other.len(), f64::NAN),
            (Self::Codes(all, _), other) => all.resize(all.len() + other.len(), MISSING),
        }
    }

    fn finish(self) -> Column {
        match self {
            Self::Number(values) => Column::Number(values.into()),
            Self::Codes(codes, levels) => Column::Codes { codes: codes.into(), levels },
        }
    }
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

    fn select(&self, places: &[usize]) -> Arc<dyn Scan> {
        Arc::new(self.at(places))
    }

    fn levels(&self, place: usize) -> Option<&Arc<Levels>> {
        match self.columns().get(place)? {
            Column::Codes { levels, .. } => Some(levels),
            Column::Number(_) => None,
        }
    }
}
