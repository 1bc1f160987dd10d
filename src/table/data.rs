//! A table to learn from, wherever its rows lie.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use super::scan::gather;
use super::{Facts, Kind, Levels, Scan, Schema, Table};
use crate::diag::Result;

/// A table in memory, or one that is read in units from where it lies, and what is known of its
/// columns. A clone shares all of it.
#[derive(Clone)]
pub struct Data {
    scan: Arc<dyn Scan>,
    facts: Arc<[Facts]>,
    /// All rows, where a scan had to be read whole.
    gathered: Arc<OnceLock<Table>>,
    gathering: Arc<Mutex<()>>,
    /// The row that each was in the data, where some were dropped.
    origin: Option<Arc<Origin>>,
}

/// The row of the data that a row was, both from 0. It ascends.
pub type Origin = dyn Fn(usize) -> usize + Send + Sync;

impl From<Table> for Data {
    fn from(table: Table) -> Self {
        let columns = table.columns();
        // One unit is no reason to start threads.
        let facts = if Scan::units(&table) > 1 {
            columns.par_iter().map(|column| Facts::of(column, 0)).collect()
        } else {
            columns.iter().map(|column| Facts::of(column, 0)).collect()
        };
        Self::streamed(Arc::new(table), facts)
    }
}

impl Data {
    /// Rows that stay where they are; the facts of each column come from who has read them once.
    pub fn streamed(scan: Arc<dyn Scan>, facts: Vec<Facts>) -> Self {
        Self { scan, facts: facts.into(), gathered: Arc::default(), gathering: Arc::default(), origin: None }
    }

    /// The same rows, each of which was another in the data.
    pub fn with_origin(self, origin: Arc<Origin>) -> Self {
        Self { origin: Some(origin), ..self }
    }

    /// What the user calls a row: its number in the data, from 1.
    pub fn row_number(&self, row: usize) -> usize {
        self.origin.as_ref().map_or(row, |origin| origin(row)) + 1
    }

    /// The row that the user calls by a number; `None` where it was dropped.
    pub fn row_with_number(&self, number: usize) -> Option<usize> {
        let (mut low, mut high) = (0, self.rows());
        while low < high {
            let middle = low.midpoint(high);
            if self.row_number(middle) < number { low = middle + 1 } else { high = middle }
        }
        (low < self.rows() && self.row_number(low) == number).then_some(low)
    }

    /// The names and types.
    pub fn schema(&self) -> &Arc<Schema> {
        self.scan.schema()
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.scan.rows()
    }

    /// The number of columns.
    pub fn width(&self) -> usize {
        self.schema().fields().len()
    }

    /// The levels of the column at a place, if it is a category.
    pub fn levels(&self, place: usize) -> Option<&Arc<Levels>> {
        self.scan.levels(place)
    }

    /// The number of units.
    pub fn units(&self) -> usize {
        self.scan.units()
    }

    /// What reads the units.
    pub fn scan(&self) -> &dyn Scan {
        &*self.scan
    }

    /// The facts of each column.
    pub fn facts(&self) -> &[Facts] {
        &self.facts
    }

    /// Whether the rows are not in memory.
    pub fn is_streamed(&self) -> bool {
        self.whole().is_none()
    }

    /// The table, where it is in memory.
    pub fn whole(&self) -> Option<&Table> {
        self.scan.whole().or_else(|| self.gathered.get())
    }

    /// The table, read into memory where it is not there.
    ///
    /// # Errors
    /// Whatever reading meets.
    pub fn table(&self) -> Result<&Table> {
        if let Some(table) = self.whole() {
            return Ok(table);
        }
        // Several folds may ask at once, and the table is as large as memory may be. Who waits for a lock must not be
        // what who holds it waits for: it starts no work of other threads.
        let _one = self.gathering.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = self.whole() {
            return Ok(table);
        }
        let table = gather(&*self.scan, false, |unit| Ok((self.scan.unit(unit)?, ())), |()| {})?;
        Ok(self.gathered.get_or_init(|| table))
    }

    /// The columns at these places, in this order.
    pub fn select(&self, places: &[usize]) -> Self {
        let facts = places.iter().map(|place| self.facts[*place]).collect();
        Self {
            scan: self.scan.select(places),
            facts,
            gathered: Arc::default(),
            gathering: Arc::default(),
            origin: self.origin.clone(),
        }
    }

    /// The bytes of all rows in memory.
    pub fn bytes(&self) -> u64 {
        let width = |kind| if Kind::is_coded(kind) { 4 } else { 8 };
        let row: u64 = self.schema().fields().iter().map(|field| width(field.kind)).sum();
        row * self.rows() as u64
    }
}
