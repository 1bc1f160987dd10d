//! Which walks over the rows give the moments of every inner fold.
//!
//! A model that cuts its training rows again cuts their positions: every outer fold's training rows, and all rows for
//! the refit, have inner folds of their own. Rows that are in the same inner fold of each of these training sets are a
//! cell. Consecutive folds make few cells, and one walk over the table has the moments of all; every inner fold is
//! a merge of cells, and so is every outer fold. Shuffled ones make as many as there are rows: then there are more
//! walks, each for some of the training sets.

use std::sync::Arc;

use super::Bound;
use crate::contract::erased::{AnyModel, AnyParams, AnySplitter};
use crate::contract::{Fold, Split, Value};
use crate::linalg::BLOCK;
use crate::table::{RUN_ROWS, Rows};

/// The label of a row or a cell that a training set does not have.
const NONE: u16 = u16::MAX;
/// The most cells of a walk.
const MOST_CELLS: usize = u16::MAX as usize;
/// Rows that are sorted by cell together; a block's end within them costs as much as [`PIECE_COST`] rows.
const STRETCH: usize = 4 * BLOCK;
/// What centring and merging a block costs, in rows to be added up: a matrix's update of rank one.
const PIECE_COST: usize = 16;
/// What merging a cell costs, in rows to be added up: matrices are read from and written to memory, rows stay near.
const MERGE_COST: usize = 48;
/// Reading and packing a row of so few columns costs as much as adding it up.
const READ_COST: usize = 128;

/// How a model cuts its training rows: a splitter's name and parameters.
type Cut = (&'static str, Vec<(&'static str, Value)>);

/// The cells of all inner folds.
#[derive(Clone, Debug)]
pub struct Inner {
    cuts: Vec<Cut>,
    /// The walks over the rows: the first has every row, and its cells are parts of the outer folds too.
    pub walks: Vec<Walk>,
    /// How many pairs of a unit and a cell with rows in it there are.
    pub parts: usize,
}

/// A walk over the rows that makes the moments of some cells.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The cell of each row. The number after the last cell is for rows that no training set of this walk has.
    pub cell_of: Arc<[u16]>,
    /// The number of cells.
    pub cells: usize,
    /// The outer fold that each cell is a part of; in the first walk only.
    pub outer: Vec<u16>,
    sets: Vec<TrainingSet>,
}

/// A training set's inner folds.
#[derive(Clone, Debug)]
struct TrainingSet {
    cut: usize,
    /// The outer fold that it leaves out; none for all rows.
    fold: Option<usize>,
    /// The number of inner folds.
    folds: usize,
    /// The inner fold of each cell of the walk.
    labels: Vec<u16>,
}

/// The cells that each inner fold is a merge of.
pub struct Merges {
    /// Which walk has them.
    pub walk: usize,
    /// For each inner fold its cells, ascending.
    pub cells: Vec<Vec<usize>>,
}

impl Inner {
    /// No walk at all.
    pub fn none() -> Self {
        Self { cuts: Vec::new(), walks: Vec::new(), parts: 0 }
    }

    /// For the inner folds of some models; one walk with the outer folds for none. `width` is that of the moments, `most` how
    /// many of them are worth keeping.
    pub fn of<'m>(
        bound: &Bound,
        models: impl Iterator<Item = &'m Arc<dyn AnyModel>>,
        width: usize,
        most: usize,
    ) -> Self {
        let row = 1 + READ_COST / width.max(1);
        let mut cuts = Vec::new();
        let mut splitters = Vec::new();
        for splitter in models.filter_map(|model| model.inner_folds()) {
            let cut = cut(&*splitter);
            if !cuts.contains(&cut) {
                cuts.push(cut);
                splitters.push(splitter);
            }
        }
        let mut walks = vec![Growing::of_outer(&bound.folds, bound.x.rows())];
        for (cut, splitter) in splitters.iter().enumerate() {
            for fold in std::iter::once(None).chain((0..bound.folds.len()).map(Some)) {
                if let Some(set) = Labels::of(bound, cut, &**splitter, fold) {
                    take_in(&mut walks, set, row, most.min(MOST_CELLS));
                }
            }
        }
        let parts = walks.iter().map(|walk| walk.parts).sum();
        Self { cuts, walks: walks.into_iter().map(Growing::finish).collect(), parts }
    }

    /// Whether no model has inner folds: the only cells are the outer folds.
    pub fn is_trivial(&self) -> bool {
        self.cuts.is_empty()
    }

    /// How many cells all walks have.
    pub fn cells(&self) -> usize {
        self.walks.iter().map(|walk| walk.cells).sum()
    }

    /// The most inner folds of a training set.
    pub fn most_folds(&self) -> usize {
        let folds = |walk: &Walk| walk.sets.iter().map(|set| set.folds).max();
        self.walks.iter().filter_map(folds).max().unwrap_or(0)
    }

    /// Which cells the inner folds of a model are merges of, on the training rows of a fold or on all rows; none where the
    /// rows cannot be cut.
    pub fn merges(&self, splitter: &dyn AnySplitter, fold: Option<usize>) -> Option<Merges> {
        let cut = cut(splitter);
        let cut = self.cuts.iter().position(|own| *own == cut)?;
        self.walks.iter().enumerate().find_map(|(walk, own)| {
            let set = own.sets.iter().find(|set| set.cut == cut && set.fold == fold)?;
            let mut cells = vec![Vec::new(); set.folds];
            for (cell, label) in set.labels.iter().enumerate().filter(|(_, label)| **label != NONE) {
                cells[*label as usize].push(cell);
            }
            Some(Merges { walk, cells })
        })
    }
}

/// Whether two splitters cut alike.
pub fn cuts_alike(one: &dyn AnySplitter, other: &dyn AnySplitter) -> bool {
    cut(one) == cut(other)
}

fn cut(splitter: &dyn AnySplitter) -> Cut {
    (AnyParams::name(splitter), AnyParams::values(splitter))
}

/// The inner folds of a training set, row by row.
struct Labels {
    cut: usize,
    fold: Option<usize>,
    folds: usize,
    /// The inner fold of each row.
    of: Vec<u16>,
    /// How many rows have one.
    rows: usize,
}

impl Labels {
    /// None where the splitter refuses so many rows.
    fn of(bound: &Bound, cut: usize, splitter: &dyn AnySplitter, fold: Option<usize>) -> Option<Self> {
        let all = Rows::all(bound.x.rows());
        let train = fold.map_or(&all, |k| &bound.folds[k].train);
        let (folds, _) = splitter.split(&Split { rows: train.len(), classes: None, seed: 0 }).ok()?;
        if folds.len() >= NONE as usize {
            return None;
        }
        let mut at = vec![NONE; train.len()];
        for (label, fold) in folds.iter().enumerate() {
            fold.test.each(|position| at[position as usize] = label as u16);
        }
        let mut of = vec![NONE; bound.x.rows()];
        let mut labels = at.iter();
        train.each(|row| of[row as usize] = labels.next().copied().unwrap_or(NONE));
        Some(Self { cut, fold, folds: folds.len(), of, rows: train.len() })
    }

    /// What a walk for these alone costs at most, in rows to be added up; `row` is what one costs with its reading.
    fn cost(&self, row: usize) -> usize {
        let parts = self.of.len().div_ceil(RUN_ROWS) * self.folds;
        let pieces = self.of.len().div_ceil(STRETCH) * self.folds;
        row * self.rows + PIECE_COST * pieces + MERGE_COST * (parts + self.folds)
    }
}

/// Puts a training set where it costs least: into the last walk, or into one of its own.
fn take_in(walks: &mut Vec<Growing>, set: Labels, row: usize, most: usize) {
    if let Some(last) = walks.last_mut() {
        let room = last.cost(row) + set.cost(row);
        if let Some(joined) = last.joined(&set, most).filter(|joined| joined.cost(row) <= room) {
            *last = joined;
            return;
        }
    }
    let start = Growing { rows: set.rows, ..Growing::whole(set.of.len()) };
    // Its cells are the inner folds and the rest.
    walks.extend(start.joined(&set, MOST_CELLS));
}

/// A walk that takes in training sets.
struct Growing {
    cell_of: Vec<u16>,
    cells: usize,
    outer: Vec<u16>,
    sets: Vec<TrainingSet>,
    /// How many rows are added up.
    rows: usize,
    /// How many pairs of a stretch of rows and a cell with rows in it there are.
    pieces: usize,
    /// The same with units.
    parts: usize,
}

impl Growing {
    /// One cell of all rows, no training set.
    fn whole(rows: usize) -> Self {
        let (pieces, parts) = (rows.div_ceil(STRETCH), rows.div_ceil(RUN_ROWS));
        Self { cell_of: vec![0; rows], cells: 1, outer: Vec::new(), sets: Vec::new(), rows, pieces, parts }
    }

    /// The outer folds, no training set.
    fn of_outer(folds: &[Fold], rows: usize) -> Self {
        let mut cell_of = vec![0; rows];
        for (k, fold) in folds.iter().enumerate() {
            fold.test.each(|row| cell_of[row as usize] = k as u16);
        }
        let cells = folds.len().max(1);
        let pieces = occurrences(&cell_of, cells, STRETCH);
        let parts = occurrences(&cell_of, cells, RUN_ROWS);
        let outer = (0..cells as u16).collect();
        Self { cell_of, cells, outer, pieces, parts, ..Self::whole(rows) }
    }

    /// As [`Labels::cost`].
    fn cost(&self, row: usize) -> usize {
        row * self.rows + PIECE_COST * self.pieces + MERGE_COST * (self.parts + self.cells * self.sets.len())
    }

    /// The walk with finer cells, none if they are more than `most`. Cells are numbered by their first rows.
    fn joined(&self, set: &Labels, most: usize) -> Option<Self> {
        let stride = set.folds + 1;
        let mut known = vec![NONE; self.cells * stride];
        let mut kinds: Vec<(usize, u16)> = Vec::new();
        let mut cell_of = Vec::with_capacity(self.cell_of.len());
        for (old, label) in self.cell_of.iter().zip(&set.of) {
            let kind = &mut known[*old as usize * stride + usize::from((*label).min(set.folds as u16))];
            if *kind == NONE {
                if kinds.len() == most {
                    return None;
                }
                *kind = kinds.len() as u16;
                kinds.push((*old as usize, *label));
            }
            cell_of.push(*kind);
        }
        let of_old = |labels: &[u16]| kinds.iter().map(|(old, _)| labels[*old]).collect::<Vec<u16>>();
        let mut sets: Vec<TrainingSet> =
            self.sets.iter().map(|set| TrainingSet { labels: of_old(&set.labels), ..*set }).collect();
        let labels = kinds.iter().map(|(_, label)| *label).collect();
        sets.push(TrainingSet { cut: set.cut, fold: set.fold, folds: set.folds, labels });
        let outer = if self.outer.is_empty() { Vec::new() } else { of_old(&self.outer) };
        let pieces = occurrences(&cell_of, kinds.len(), STRETCH);
        let parts = occurrences(&cell_of, kinds.len(), RUN_ROWS);
        // A walk without outer folds adds up what some training set has.
        let rows = if outer.is_empty() { self.rows.max(set.rows) } else { self.rows };
        Some(Self { cells: kinds.len(), cell_of, outer, sets, rows, pieces, parts })
    }

    /// The walk, the rows that it leaves out last.
    fn finish(mut self) -> Walk {
        let unwanted = |cell: &usize| self.sets.iter().all(|set| set.labels[*cell] == NONE);
        let unwanted = (0..self.cells).find(unwanted).filter(|_| self.outer.is_empty());
        if let Some(unwanted) = unwanted {
            let last = self.cells - 1;
            let renumbered = |cell: usize| match cell {
                cell if cell == unwanted => last,
                cell if cell > unwanted => cell - 1,
                cell => cell,
            };
            self.cell_of.iter_mut().for_each(|cell| *cell = renumbered(*cell as usize) as u16);
            for set in &mut self.sets {
                set.labels.remove(unwanted);
            }
            self.cells = last;
        }
        Walk { cell_of: self.cell_of.into(), cells: self.cells, outer: self.outer, sets: self.sets }
    }
}

/// How many pairs of a stretch of rows and a cell with rows in it there are.
fn occurrences(cell_of: &[u16], cells: usize, stretch: usize) -> usize {
    let mut seen = vec![0; cells];
    let mut count = 0;
    for (number, rows) in (1..).zip(cell_of.chunks(stretch)) {
        for cell in rows {
            let seen = &mut seen[*cell as usize];
            count += usize::from(*seen != number);
            *seen = number;
        }
    }
    count
}
