//! Pass 1: the moments of every fold's test rows, and from them those of its training rows.

use rayon::prelude::*;

use super::layout::{Layout, Place};
use crate::diag::Result;
use crate::linalg::{Accumulator, BLOCK, Moments};
use crate::table::{Column, MISSING, Scan, Table, Target};

/// What is known of one cell: a set of rows.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Moments of all positions, without weights.
    pub plain: Moments,
    /// The same with the sample weights, where there are any.
    pub weighted: Option<Moments>,
    /// Least and greatest present value of each raw column.
    pub extremes: Vec<Option<(f64, f64)>>,
    /// How many rows each raw column has of each level, then of missing; for a number, of present
    /// and missing.
    pub counts: Vec<Vec<u64>>,
}

/// The rows and their weights.
pub struct Input<'a> {
    /// The feature columns.
    pub scan: &'a dyn Scan,
    /// The target of all rows.
    pub target: &'a Target,
    /// The weights of all rows.
    pub weight: Option<&'a [f64]>,
    /// The cell of each row.
    pub cell_of: &'a [u16],
    /// The number of cells.
    pub cells: usize,
    /// Whether the work is large enough for threads.
    pub parallel: bool,
}

impl Cell {
    fn empty(layout: &Layout, weighted: bool) -> Self {
        let counts = layout.places.iter().map(|place| match place {
            Place::Number { .. } => vec![0; 2],
            Place::Category { levels, .. } => vec![0; levels.len() + 1],
        });
        Self {
            plain: Moments::zero(layout.width()),
            weighted: weighted.then(|| Moments::zero(layout.width())),
            extremes: vec![None; layout.places.len()],
            counts: counts.collect(),
        }
    }

    /// A cell of the same columns with neither rows nor moments.
    fn without_rows(&self) -> Self {
        Self {
            plain: Moments::zero(0),
            weighted: None,
            extremes: vec![None; self.extremes.len()],
            counts: self.counts.iter().map(|counts| vec![0; counts.len()]).collect(),
        }
    }

    fn merge(&mut self, other: &Cell) {
        self.plain.merge(&other.plain);
        if let (Some(own), Some(other)) = (&mut self.weighted, &other.weighted) {
            own.merge(other);
        }
        self.merge_exact(other);
    }

    /// What merges without rounding.
    fn merge_exact(&mut self, other: &Cell) {
        for (own, other) in self.extremes.iter_mut().zip(&other.extremes) {
            *own = match (*own, *other) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (one, another) => one.or(another),
            };
        }
        for (own, other) in self.counts.iter_mut().zip(&other.counts) {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        }
    }

    /// Takes in the values of some rows of a unit that starts at global row `start`.
    fn count(&mut self, unit: &Table, start: usize, rows: &[u32]) {
        for (j, column) in unit.columns().iter().enumerate() {
            let local = rows.iter().map(|row| *row as usize - start);
            match column {
                Column::Number(values) => {
                    for value in local.map(|row| values[row]) {
                        self.counts[j][usize::from(value.is_nan())] += 1;
                        if !value.is_nan() {
                            let (low, high) = self.extremes[j].unwrap_or((value, value));
                            self.extremes[j] = Some((low.min(value), high.max(value)));
                        }
                    }
                }
                Column::Codes { codes, .. } => {
                    let last = self.counts[j].len() - 1;
                    for code in local.map(|row| codes[row]) {
                        self.counts[j][if code == MISSING { last } else { code as usize }] += 1;
                    }
                }
            }
        }
    }
}

/// A cell that takes in blocks.
struct Growing {
    cell: Cell,
    plain: Accumulator,
    weighted: Option<Accumulator>,
}

impl Growing {
    fn new(layout: &Layout, weighted: bool) -> Self {
        let accumulator = || Accumulator::new(layout.width());
        Self {
            cell: Cell::empty(layout, weighted),
            plain: accumulator(),
            weighted: weighted.then(accumulator),
        }
    }

    /// Takes in rows of one block of a unit that starts at global row `start`.
    fn add(&mut self, layout: &Layout, unit: &Table, start: usize, input: &Input, rows: &[u32]) {
        let expanded = layout.expand(unit, start, input.target, rows);
        let columns: Vec<&[f64]> = expanded.iter().map(Vec::as_slice).collect();
        self.plain.add(&columns, None);
        if let (Some(own), Some(weight)) = (&mut self.weighted, input.weight) {
            let weight: Vec<f64> = rows.iter().map(|row| weight[*row as usize]).collect();
            own.add(&columns, Some(&weight));
        }
        self.cell.count(unit, start, rows);
    }

    fn finish(self) -> Cell {
        Cell { plain: self.plain.finish(), weighted: self.weighted.map(Accumulator::finish), ..self.cell }
    }
}

/// The cells of all folds. Units are worked on in parallel and merged in order; within a unit the
/// blocks are cut on the global row index and merged in order too, so no bit depends on threads.
///
/// # Errors
/// Whatever reading can meet.
pub fn collect(layout: &Layout, input: &Input) -> Result<Vec<Cell>> {
    let units: Vec<usize> = (0..input.scan.units()).collect();
    let one = |unit: usize| of_unit(layout, input, unit);
    let parts: Vec<Result<Vec<Cell>>> = if input.parallel {
        units.into_par_iter().map(one).collect()
    } else {
        units.into_iter().map(one).collect()
    };
    let mut total = vec![Cell::empty(layout, input.weight.is_some()); input.cells];
    for part in parts {
        total.iter_mut().zip(part?).for_each(|(total, part)| total.merge(&part));
    }
    Ok(total)
}

fn of_unit(layout: &Layout, input: &Input, unit: usize) -> Result<Vec<Cell>> {
    let table = input.scan.unit(unit)?;
    let start = unit * crate::table::RUN_ROWS;
    let mut cells: Vec<_> = (0..input.cells).map(|_| Growing::new(layout, input.weight.is_some())).collect();
    let mut rows: Vec<Vec<u32>> = vec![Vec::with_capacity(BLOCK); input.cells];
    for block in (start..start + table.rows()).step_by(BLOCK) {
        rows.iter_mut().for_each(Vec::clear);
        for row in block..(block + BLOCK).min(start + table.rows()) {
            rows[input.cell_of[row] as usize].push(row as u32);
        }
        for (cell, rows) in cells.iter_mut().zip(&rows).filter(|(_, rows)| !rows.is_empty()) {
            cell.add(layout, &table, start, input, rows);
        }
    }
    Ok(cells.into_iter().map(Growing::finish).collect())
}

/// For each cell, all others together: the training rows of a partition's folds. By prefixes and
/// suffixes, without a subtraction.
pub fn others(cells: &[Cell]) -> Vec<Cell> {
    let plain = Moments::prefix_suffix(&cells.iter().map(|cell| cell.plain.clone()).collect::<Vec<_>>());
    let weighted: Option<Vec<Moments>> = cells.iter().map(|cell| cell.weighted.clone()).collect();
    let mut weighted = weighted.map(|cells| Moments::prefix_suffix(&cells).into_iter());
    let with = |plain: Moments| Cell {
        plain,
        weighted: weighted.as_mut().and_then(Iterator::next),
        ..cells[0].without_rows()
    };
    let mut rests: Vec<Cell> = plain.into_iter().map(with).collect();
    let (mut before, mut after) = (cells[0].without_rows(), cells[0].without_rows());
    for (rest, cell) in rests.iter_mut().zip(cells) {
        rest.merge_exact(&before);
        before.merge_exact(cell);
    }
    for (rest, cell) in rests.iter_mut().zip(cells).rev() {
        rest.merge_exact(&after);
        after.merge_exact(cell);
    }
    rests
}

/// All cells together: the whole table.
pub fn whole(cells: &[Cell]) -> Cell {
    let mut total = cells[0].clone();
    cells[1..].iter().for_each(|cell| total.merge(cell));
    total
}
