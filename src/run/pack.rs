//! Rows of a unit packed by cell: what the accumulators take in.
//!
//! The rows are walked in storage order, a column at a time, and scattered to their cells while the piece of the column is
//! in the nearest cache: shuffled folds cost little more than contiguous ones.

use std::ops::Range;

use super::cells::{Growing, Input};
use super::layout::{Layout, Place};
use crate::linalg::{self, BLOCK, Block, Sets};
use crate::table::{Column, MISSING, Table, Target};

/// Rows that are packed together, cut on the global row index.
pub const PACK: usize = 4 * BLOCK;

/// Some rows of a unit, those of a cell side by side.
pub struct Pack<'a> {
    layout: &'a Layout,
    input: &'a Input<'a>,
    shifts: Vec<f64>,
    /// The most indicators that a row can set.
    stride: usize,
    /// Where the rows are: their first one in the unit and in the table, and how many there are.
    from: usize,
    global: usize,
    rows: usize,
    /// The packed order of the rows, if they are not all of one cell.
    order: Option<Vec<u32>>,
    /// Which packed rows are of which cell.
    segments: Vec<(usize, Range<usize>)>,
    /// The number columns that had to be packed; others lie in the unit just so.
    buffers: Vec<Vec<f64>>,
    sets: Sets,
    weight: Vec<f64>,
}

impl<'a> Pack<'a> {
    /// A pack for the rows of an input.
    pub fn new(layout: &'a Layout, input: &'a Input<'a>) -> Self {
        let sets_one = |place: &&Place| match place {
            Place::Number { missing, .. } => missing.is_some(),
            Place::Category { .. } => true,
        };
        let classes = usize::from(matches!(input.target, Target::Classes { .. }));
        Self {
            layout,
            input,
            shifts: layout.shifts(),
            stride: layout.places.iter().filter(sets_one).count() + classes,
            from: 0,
            global: 0,
            rows: 0,
            order: None,
            segments: Vec::new(),
            buffers: vec![Vec::new(); layout.numbers.len()],
            sets: Sets::default(),
            weight: Vec::new(),
        }
    }

    /// Adds the `rows` of a unit that starts at global row `start` to their cells.
    pub fn add(&mut self, unit: &Table, start: usize, rows: Range<usize>, cells: &mut [Growing]) {
        (self.from, self.global, self.rows) = (rows.start, start + rows.start, rows.len());
        self.sort(cells.len());
        self.sets.clear(self.rows, self.stride);
        let mut numbers = self.features(unit, cells);
        numbers.extend(self.targets());
        if let Some(weight) = self.input.weight {
            let mut into = std::mem::take(&mut self.weight);
            gather(&mut into, &weight[self.global..][..self.rows], self.order.as_deref());
            self.weight = into;
        }
        for (cell, segment) in &self.segments {
            for from in segment.clone().step_by(BLOCK) {
                let rows = BLOCK.min(segment.end - from);
                let packed = numbers.iter().zip(&self.buffers);
                let packed = packed.map(|(lies, buffer)| &lies.unwrap_or(buffer)[from..from + rows]);
                let numbers: Vec<&[f64]> = packed.collect();
                let block = Block { numbers: &numbers, shifts: &self.shifts, sets: &self.sets, from, rows };
                let growing = &mut cells[*cell];
                growing.plain.add(&block, None);
                if let Some(weighted) = &mut growing.weighted {
                    weighted.add(&block, Some(&self.weight[from..from + rows]));
                }
            }
        }
    }

    /// Puts the rows of each cell side by side: a counting sort.
    fn sort(&mut self, cells: usize) {
        let cell_of = &self.input.cell_of[self.global..][..self.rows];
        self.segments.clear();
        if cell_of.iter().all(|cell| *cell == cell_of[0]) {
            self.segments.push((cell_of[0] as usize, 0..self.rows));
            self.order = None;
            return;
        }
        let mut next = vec![0; cells];
        cell_of.iter().for_each(|cell| next[*cell as usize] += 1);
        let mut start = 0;
        for (cell, next) in next.iter_mut().enumerate() {
            let rows = std::mem::replace(next, start);
            if rows > 0 {
                self.segments.push((cell, start..start + rows));
            }
            start += rows;
        }
        let order = self.order.get_or_insert_default();
        order.resize(self.rows, 0);
        for (row, cell) in (0..).zip(cell_of) {
            let next = &mut next[*cell as usize];
            order[*next] = row;
            *next += 1;
        }
    }

    /// Packs the feature columns; counts, extremes and indicators are taken on the way. Gives the numbers: each where it lies,
    /// `None` where that is its buffer.
    fn features<'u>(&mut self, unit: &'u Table, cells: &mut [Growing]) -> Vec<Option<&'u [f64]>> {
        let (mut numbers, mut indicator) = (Vec::with_capacity(self.buffers.len()), 0);
        for (j, (place, column)) in self.layout.places.iter().zip(unit.columns()).enumerate() {
            match (place, column) {
                (Place::Number { missing, shift, .. }, Column::Number(values)) => {
                    let values = &values[self.from..][..self.rows];
                    let buffer = &mut self.buffers[numbers.len()];
                    let lies = (missing.is_none() && self.order.is_none()).then_some(values);
                    if lies.is_none() {
                        gather(buffer, values, self.order.as_deref());
                    }
                    let packed = lies.unwrap_or(buffer);
                    for (cell, segment) in &self.segments {
                        let (extremes, holes) = linalg::extremes(&packed[segment.clone()]);
                        cells[*cell].cell.take(j, extremes, holes, segment.len());
                    }
                    if missing.is_some() {
                        let holes = buffer.iter_mut().enumerate().filter(|(_, value)| value.is_nan());
                        for (row, value) in holes {
                            *value = *shift;
                            self.sets.set(row, indicator);
                        }
                        indicator += 1;
                    }
                    numbers.push(lies);
                }
                (Place::Category { levels, missing, .. }, Column::Codes { codes, .. }) => {
                    let codes = &codes[self.from..][..self.rows];
                    for (cell, segment) in &self.segments {
                        let counts = &mut cells[*cell].cell.counts[j];
                        for row in segment.clone() {
                            let code = codes[self.order.as_ref().map_or(row, |order| order[row] as usize)];
                            let level = if code == MISSING { levels.len() as u32 } else { code };
                            counts[level as usize] += 1;
                            self.sets.set(row, indicator + level);
                        }
                    }
                    indicator += (levels.len() + usize::from(missing.is_some())) as u32;
                }
                // A column keeps its type in all units of a table.
                _ => unreachable!("a column changed its type between units"),
            }
        }
        numbers
    }

    /// Packs the targets.
    fn targets(&mut self) -> Vec<Option<&'a [f64]>> {
        let range = self.global..self.global + self.rows;
        match self.input.target {
            Target::Values(values) => {
                let first = self.buffers.len() - values.columns();
                let column = |t: usize| {
                    let column = &values.column(t)[range.clone()];
                    if self.order.is_none() {
                        return Some(column);
                    }
                    gather(&mut self.buffers[first + t], column, self.order.as_deref());
                    None
                };
                (0..values.columns()).map(column).collect()
            }
            Target::Classes { codes, labels } => {
                let codes = &codes[range];
                let first = (self.layout.indicators.len() - labels.len()) as u32;
                for row in 0..self.rows {
                    let code = codes[self.order.as_ref().map_or(row, |order| order[row] as usize)];
                    self.sets.set(row, first + code);
                }
                Vec::new()
            }
        }
    }
}

/// Values in an order, or as they are.
fn gather(into: &mut Vec<f64>, values: &[f64], order: Option<&[u32]>) {
    into.clear();
    match order {
        Some(order) => into.extend(order.iter().map(|row| values[*row as usize])),
        None => into.extend_from_slice(values),
    }
}
