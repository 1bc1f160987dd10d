//! Rows of a unit packed by cell: what pass 1 accumulates and pass 2 predicts.
//!
//! The rows are walked in storage order, a column at a time, and scattered to their cells while the piece of the column is
//! in the nearest cache: shuffled folds cost little more than contiguous ones.

use std::hint::black_box;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::layout::{Layout, Place};
use crate::linalg::{BLOCK, Block, Sets};
use crate::table::{Column, MISSING, Table, Target};

/// Rows that are packed together where there are so many cells, cut on the global row index: few, so that they stay in a cache,
/// but enough for some hundred of each cell.
pub fn pack_rows(cells: usize) -> usize {
    match cells {
        0..=5 => BLOCK,
        6..=10 => 2 * BLOCK,
        _ => 4 * BLOCK,
    }
}

/// The bytes that a processor reads at a time.
const LINE: usize = 64;

/// A piece of a raw column that is being packed: rows of one cell.
pub enum Piece<'a> {
    /// Numbers, NaN where missing.
    Numbers(&'a [f64]),
    /// Codes; the one after the last level's where missing.
    Codes(&'a [u32]),
}

/// Packs rows; its memory is used again.
pub struct Packer<'a> {
    layout: &'a Layout,
    cell_of: &'a [u16],
    shifts: Vec<f64>,
    /// The most indicators that a row can set.
    stride: usize,
    /// The number of rows, and their order if they do not lie by cell already.
    rows: usize,
    order: Option<Vec<u32>>,
    /// Which packed rows are of which cell.
    segments: Vec<(usize, Range<usize>)>,
    /// The number columns that had to be packed; others lie in the unit just so.
    buffers: Vec<Vec<f64>>,
    codes: Vec<u32>,
    sets: Sets,
    /// The products in a block.
    products: Vec<f64>,
}

/// Packers for parts of a table that are worked on side by side: as many as work at once, each used again.
pub struct Packers<'a> {
    layout: &'a Layout,
    cell_of: &'a [u16],
    idle: Mutex<Vec<Packer<'a>>>,
}

impl<'a> Packers<'a> {
    /// Packers for rows of these cells.
    pub fn new(layout: &'a Layout, cell_of: &'a [u16]) -> Self {
        Self { layout, cell_of, idle: Mutex::default() }
    }

    /// Works with one.
    pub fn with<T>(&self, work: impl FnOnce(&mut Packer<'a>) -> T) -> T {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut packer = taken.unwrap_or_else(|| Packer::new(self.layout, self.cell_of));
        let made = work(&mut packer);
        idle().push(packer);
        made
    }
}

/// Packed rows.
pub struct Pack<'p> {
    layout: &'p Layout,
    /// Raw columns, then targets.
    numbers: Vec<&'p [f64]>,
    products: &'p mut Vec<f64>,
    shifts: &'p [f64],
    sets: &'p Sets,
    segments: &'p [(usize, Range<usize>)],
}

impl<'a> Packer<'a> {
    /// A packer for rows of these cells.
    fn new(layout: &'a Layout, cell_of: &'a [u16]) -> Self {
        let sets_one = |place: &&Place| match place {
            Place::Number { missing, .. } => missing.is_some(),
            Place::Category { .. } => true,
        };
        Self {
            layout,
            cell_of,
            shifts: layout.shifts(),
            // One more for the class.
            stride: layout.places.iter().filter(sets_one).count() + 1,
            rows: 0,
            order: None,
            segments: Vec::new(),
            buffers: vec![Vec::new(); layout.numbers.len() - layout.products.len()],
            codes: Vec::new(),
            sets: Sets::default(),
            products: Vec::new(),
        }
    }

    /// Packs `rows` of a unit that starts at global row `start`: the features, and the target unless it is `None`. What is
    /// packed of each raw column of each cell is shown to `see` with the cell and the column.
    pub fn pack<'p>(
        &'p mut self,
        unit: &'p Table,
        start: usize,
        rows: Range<usize>,
        target: Option<&'p Target>,
        mut see: impl FnMut(usize, usize, Piece),
    ) -> Pack<'p> {
        let global = start + rows.start..start + rows.end;
        self.sort(global.clone());
        self.sets.clear(self.rows, self.stride);
        let mut numbers = Vec::with_capacity(self.buffers.len());
        let (mut indicator, layout) = (0, self.layout);
        for (j, (place, column)) in layout.places.iter().zip(unit.columns()).enumerate() {
            match (place, column) {
                (Place::Number { missing, shift, .. }, Column::Number(values)) => {
                    let values = &values[rows.clone()];
                    let holes = missing.map(|_| (indicator, *shift));
                    numbers
                        .push(self.number(numbers.len(), values, holes, |cell, piece| see(cell, j, piece)));
                    indicator += u32::from(missing.is_some());
                }
                (Place::Category { levels, missing, .. }, Column::Codes { codes, .. }) => {
                    let last = levels.len() as u32;
                    self.category(&codes[rows.clone()], indicator, last, |cell, piece| see(cell, j, piece));
                    indicator += last + u32::from(missing.is_some());
                }
                // The layout was made of the types of these columns.
                _ => unreachable!("column {j} changed its type between units"),
            }
        }
        match target {
            Some(Target::Values(values)) => {
                for t in 0..values.columns() {
                    numbers.push(self.number(
                        numbers.len(),
                        &values.column(t)[global.clone()],
                        None,
                        |_, _| {},
                    ));
                }
            }
            Some(Target::Classes { codes, labels }) => {
                self.category(&codes[global], indicator, labels.len() as u32, |_, _| {});
            }
            None => {}
        }
        let numbers = numbers.into_iter().zip(&self.buffers).map(|(lies, buffer)| lies.unwrap_or(buffer));
        let numbers: Vec<&[f64]> = numbers.collect();
        Pack {
            layout,
            shifts: &self.shifts[..numbers.len() + layout.products.len()],
            numbers,
            products: &mut self.products,
            sets: &self.sets,
            segments: &self.segments,
        }
    }

    /// Puts the rows of each cell side by side: a counting sort.
    fn sort(&mut self, global: Range<usize>) {
        let cell_of = &self.cell_of[global];
        self.rows = cell_of.len();
        self.segments.clear();
        if cell_of.is_sorted() {
            let mut start = 0;
            for alike in cell_of.chunk_by(|one, next| one == next) {
                self.segments.push((alike[0] as usize, start..start + alike.len()));
                start += alike.len();
            }
            self.order = None;
            return;
        }
        let cells = cell_of.iter().max().map_or(0, |most| *most as usize + 1);
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

    /// Packs number column `n`; what is missing sets its indicator and counts as the shift. Gives where it lies, `None` if that
    /// is its buffer.
    fn number<'u>(
        &mut self,
        n: usize,
        values: &'u [f64],
        holes: Option<(u32, f64)>,
        mut see: impl FnMut(usize, Piece),
    ) -> Option<&'u [f64]> {
        let buffer = &mut self.buffers[n];
        let lies = (holes.is_none() && self.order.is_none()).then_some(values);
        if lies.is_none() {
            gather(buffer, values, self.order.as_deref());
        }
        let packed = lies.unwrap_or(buffer);
        self.segments.iter().for_each(|(cell, rows)| see(*cell, Piece::Numbers(&packed[rows.clone()])));
        if let Some((indicator, shift)) = holes {
            for (row, value) in buffer.iter_mut().enumerate().filter(|(_, value)| value.is_nan()) {
                *value = shift;
                self.sets.set(row, indicator);
            }
        }
        lies
    }

    /// Packs a column of codes; `last` stands for what is missing.
    fn category(&mut self, codes: &[u32], first: u32, last: u32, mut see: impl FnMut(usize, Piece)) {
        gather(&mut self.codes, codes, self.order.as_deref());
        for (row, code) in self.codes.iter_mut().enumerate() {
            *code = if *code == MISSING { last } else { *code };
            self.sets.set(row, first + *code);
        }
        self.segments.iter().for_each(|(cell, rows)| see(*cell, Piece::Codes(&self.codes[rows.clone()])));
    }
}

/// Values in an order, or as they are.
fn gather<T: Copy>(into: &mut Vec<T>, values: &[T], order: Option<&[u32]>) {
    into.clear();
    match order {
        Some(order) => {
            // Memory is read fastest in its order: a look at every line brings it into the cache.
            values.iter().step_by(LINE / size_of::<T>()).for_each(|value| _ = black_box(*value));
            into.extend(order.iter().map(|row| values[*row as usize]));
        }
        None => into.extend_from_slice(values),
    }
}

impl Pack<'_> {
    /// The rows cell by cell, in blocks: raw columns, products, targets.
    pub fn blocks(self, mut each: impl FnMut(usize, Block)) {
        let places = &self.layout.products;
        let raw = self.layout.raw_numbers();
        for (cell, segment) in self.segments {
            for from in segment.clone().step_by(BLOCK) {
                let rows = BLOCK.min(segment.end - from);
                let mut numbers: Vec<&[f64]> =
                    self.numbers.iter().map(|column| &column[from..from + rows]).collect();
                places.fill(&numbers, rows, self.products);
                let targets = numbers.split_off(raw);
                numbers.extend(places.columns(self.products, rows));
                numbers.extend(targets);
                each(*cell, Block { numbers: &numbers, shifts: self.shifts, sets: self.sets, from, rows });
            }
        }
    }
}
