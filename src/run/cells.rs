//! Pass 1: the moments of every fold's test rows, and from them those of its training rows.

use std::ops::Range;

use rayon::prelude::*;

use super::layout::{Layout, Place};
use super::pack::{Packer, Packers, Piece, pack_rows};
use crate::diag::Result;
use crate::linalg::{self, Centred, MixedAccumulator, Moments};
use crate::plan::{part_rows, parts};
use crate::table::{RUN_ROWS, Scan, Table, Target};

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
    /// The moments with all digits, where a learner has kept them.
    pub factor: Option<Centred>,
}

/// The rows and their weights.
pub struct Input<'a> {
    /// The feature columns.
    pub scan: &'a dyn Scan,
    /// The target of all rows.
    pub target: &'a Target,
    /// The weights of all rows.
    pub weight: Option<&'a [f64]>,
    /// The cell of each row; the number after the last cell is for rows that count for nothing.
    pub cell_of: &'a [u16],
    /// The number of cells.
    pub cells: usize,
    /// Whether nothing but moments is wanted, and with weights only those.
    pub joint_only: bool,
    /// Whether the work is large enough for threads.
    pub parallel: bool,
    /// Whether the parts of a unit are worked on side by side too. Those of a streamed unit are left to its thread: one that
    /// waits for them would begin with another unit.
    pub beside: bool,
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
            factor: None,
        }
    }

    /// A cell of the same columns with neither rows nor moments.
    fn without_rows(&self) -> Self {
        Self {
            plain: Moments::zero(0),
            weighted: None,
            extremes: vec![None; self.extremes.len()],
            counts: self.counts.iter().map(|counts| vec![0; counts.len()]).collect(),
            factor: None,
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
            *own = wider(*own, *other);
        }
        for (own, other) in self.counts.iter_mut().zip(&other.counts) {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        }
    }

    /// Takes in what some rows have in raw column `j`.
    fn see(&mut self, j: usize, piece: Piece) {
        match piece {
            Piece::Numbers(values) => {
                let (extremes, missing) = linalg::extremes(values);
                self.counts[j][0] += (values.len() - missing) as u64;
                self.counts[j][1] += missing as u64;
                self.extremes[j] = wider(self.extremes[j], extremes);
            }
            Piece::Codes(codes) => codes.iter().for_each(|code| self.counts[j][*code as usize] += 1),
        }
    }
}

/// Least and greatest of both.
fn wider(one: Option<(f64, f64)>, other: Option<(f64, f64)>) -> Option<(f64, f64)> {
    match (one, other) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, other) => one.or(other),
    }
}

/// A cell that takes in blocks.
struct Growing {
    cell: Cell,
    plain: Option<MixedAccumulator>,
    weighted: Option<MixedAccumulator>,
}

impl Growing {
    fn new(layout: &Layout, input: &Input) -> Self {
        let accumulator = || MixedAccumulator::new(layout.numbers.len(), layout.indicators.len());
        let weighted = input.weight.is_some();
        Self {
            cell: input.no_rows(layout),
            plain: (!weighted || !input.joint_only).then(accumulator),
            weighted: weighted.then(accumulator),
        }
    }

    fn finish(self, layout: &Layout) -> Cell {
        let moments = |own: MixedAccumulator| own.finish(&layout.numbers, &layout.indicators);
        let plain = self.plain.map_or(self.cell.plain, moments);
        Cell { plain, weighted: self.weighted.map(moments), ..self.cell }
    }
}

impl Input<'_> {
    /// A cell without rows; of moments that are not wanted it has none.
    fn no_rows(&self, layout: &Layout) -> Cell {
        let mut cell = Cell::empty(layout, self.weight.is_some());
        if self.joint_only && self.weight.is_some() {
            cell.plain = Moments::zero(0);
        }
        cell
    }
}

/// The moments of all cells. Units are worked on in parallel and merged in order; within a unit rows are packed on the
/// global row index, so no bit depends on threads.
///
/// # Errors
/// Whatever reading can meet.
pub fn collect(layout: &Layout, input: &Input) -> Result<Vec<Cell>> {
    let units = input.scan.units();
    let packers = Packers::new(layout, input.cell_of);
    let one = |unit: usize| of_unit(layout, input, &packers, unit);
    let mut total: Vec<Option<Cell>> = vec![None; input.cells];
    // Some units at a time: their cells may be as large as the total's.
    let window = if input.parallel { 2 * rayon::current_num_threads() } else { 1 };
    for from in (0..units).step_by(window) {
        let units = from..(from + window).min(units);
        let parts: Vec<Result<Vec<Option<Cell>>>> =
            if input.parallel { units.into_par_iter().map(one).collect() } else { units.map(one).collect() };
        for part in parts {
            total.iter_mut().zip(part?).for_each(|(total, part)| merge_some(total, part));
        }
    }
    Ok(total.into_iter().map(|cell| cell.unwrap_or_else(|| input.no_rows(layout))).collect())
}

/// The cells that have rows in a unit.
fn of_unit(layout: &Layout, input: &Input, packers: &Packers, unit: usize) -> Result<Vec<Option<Cell>>> {
    let table = input.scan.unit(unit)?;
    let part = |rows| packers.with(|packer| of_part(layout, input, packer, &table, unit * RUN_ROWS, rows));
    let parts: Vec<Range<usize>> = parts(table.rows(), part_rows(layout.width(), input.cells)).collect();
    let merge = |mut total: Vec<Option<Cell>>, part: Vec<Option<Cell>>| {
        total.iter_mut().zip(part).for_each(|(total, part)| merge_some(total, part));
        total
    };
    let total = if input.beside {
        let parts: Vec<Vec<Option<Cell>>> = parts.into_par_iter().map(part).collect();
        parts.into_iter().reduce(merge)
    } else {
        parts.into_iter().map(part).reduce(merge)
    };
    Ok(total.unwrap_or_else(|| vec![None; input.cells]))
}

/// Merges what some rows have of a cell; most parts of a table have rows of few cells, whose moments may be large.
fn merge_some(total: &mut Option<Cell>, part: Option<Cell>) {
    match (total.as_mut(), part) {
        (Some(total), Some(part)) => total.merge(&part),
        (None, part) => *total = part,
        (Some(_), None) => {}
    }
}

/// Some rows of a unit that starts at global row `start`.
fn of_part(
    layout: &Layout,
    input: &Input,
    packer: &mut Packer,
    table: &Table,
    start: usize,
    part: Range<usize>,
) -> Vec<Option<Cell>> {
    let mut cells: Vec<Option<Growing>> = (0..input.cells).map(|_| None).collect();
    let new = || Growing::new(layout, input);
    let mut weights: Vec<Vec<f64>> = vec![Vec::new(); input.cells + 1];
    let mut done = vec![0; input.cells];
    let pack = pack_rows(input.cells);
    for from in part.clone().step_by(pack) {
        let rows = from..(from + pack).min(part.end);
        let see = |cell: usize, j, piece: Piece| {
            if let Some(cell) = cells.get_mut(cell).filter(|_| !input.joint_only) {
                cell.get_or_insert_with(new).cell.see(j, piece);
            }
        };
        let pack = packer.pack(table, start, rows.clone(), Some(input.target), see);
        if let Some(weight) = input.weight {
            weights.iter_mut().for_each(Vec::clear);
            let own = input.cell_of[start..].iter().zip(&weight[start..]).take(rows.end).skip(rows.start);
            own.for_each(|(cell, weight)| weights[*cell as usize].push(*weight));
        }
        done.fill(0);
        pack.blocks(|cell, block| {
            let Some(growing) = cells.get_mut(cell) else { return };
            let growing = growing.get_or_insert_with(new);
            if let Some(plain) = &mut growing.plain {
                plain.add(&block, None);
            }
            if let Some(weighted) = &mut growing.weighted {
                weighted.add(&block, Some(&weights[cell][done[cell]..][..block.rows]));
                done[cell] += block.rows;
            }
        });
    }
    cells.into_iter().map(|cell| Some(cell?.finish(layout))).collect()
}

/// Cells merged, in their order, into as many as `into` has; `part_of` says into which.
pub fn merged(cells: &[Cell], part_of: &[u16], into: usize) -> Vec<Cell> {
    let one = |k: usize| {
        let mut parts = cells.iter().zip(part_of).filter(|(_, part_of)| **part_of as usize == k);
        let mut total = parts.next().map_or_else(|| cells[0].without_rows(), |(cell, _)| cell.clone());
        parts.for_each(|(cell, _)| total.merge(cell));
        total
    };
    (0..into).map(one).collect()
}

/// For each cell, all others together: the training rows of a partition's folds. By prefixes and
/// suffixes, without a subtraction.
pub fn others(cells: &[Cell]) -> Vec<Cell> {
    let plain = Moments::prefix_suffix(&cells.iter().map(|cell| &cell.plain).collect::<Vec<_>>());
    let weighted: Option<Vec<&Moments>> = cells.iter().map(|cell| cell.weighted.as_ref()).collect();
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
