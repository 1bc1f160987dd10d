//! What the fit of a pipeline in one fold holds.

use std::sync::Arc;

use super::Bound;
use crate::contract::erased::AnyModel;
use crate::contract::{Needs, Width};
use crate::graph::{Pipeline, StepNode};
use crate::linalg::BLOCK;
use crate::table::Target;

/// What a fit holds, in bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Needed {
    /// How many fits, and of how many features.
    fits: u64,
    features: u64,
    /// The features of all rows that its steps make.
    frames: u64,
    /// The training rows as a matrix, with the copies that the solver works on.
    gathered: u64,
    /// Moments and what solvers make of them.
    square: u64,
    /// Second derivatives of what is minimised in iterations.
    derivatives: u64,
}

/// The features on the edges of a pipeline.
pub(super) struct Widths {
    /// Those that the model sees.
    pub last: Width,
    /// The most features on any edge of which joint moments are needed.
    joint: usize,
    /// The most bytes of a row that the features before and behind a step have, with those of finished groups.
    row: u64,
}

impl Needed {
    /// Of a fit on the two-pass path.
    pub fn of_moments(pipeline: &Pipeline, bound: &Bound, rows: u64) -> Self {
        let widths = widest(pipeline, bound);
        let features = widths.last.features() as u64;
        let model = model_of(pipeline);
        let mut needed = Self { fits: 1, features, ..Self::default() };
        let all = widths.joint as u64 + targets(bound);
        // The moments as the model sees them, the normal equations, their factor or eigenvectors and the room for it.
        let joint = model.needs().has(Needs::JOINT) || widths.joint > 0;
        needed.square = if joint { square(all).saturating_mul(6) } else { 0 };
        if model.gathers(rows as usize, features as usize) {
            needed.gathered = 3 * 8 * rows.saturating_mul(features);
            needed.frames = widths.row * bound.x.rows() as u64;
        }
        needed
    }

    /// Of a fit on training rows that may use so many threads of its own.
    pub fn of_rows(pipeline: &Pipeline, bound: &Bound, rows: u64, threads: u64) -> Self {
        let widths = widest(pipeline, bound);
        let features = widths.last.features() as u64;
        let model = model_of(pipeline);
        let needs = model.needs();
        let gathered = 8 * rows.saturating_mul(features);
        let copies = if model.gathers(rows as usize, features as usize) {
            3
        } else if needs.has(Needs::BLOCKS.and(Needs::JOINT)) {
            // It decomposes them: the rows, their deviations and the rotated rows, and what a decomposition of few rows works on.
            if rows as f64 * (features as f64).powi(2) > 1e8 { 3 } else { 6 }
        } else if needs.has(Needs::BLOCKS) {
            1
        } else {
            2 * u64::from(needs.has(Needs::ROWS) && !needs.has(Needs::JOINT))
        };
        let test = bound.x.rows() as u64 - rows;
        let joint = widths.joint > 0 && copies != 3 || needs.has(Needs::JOINT) && copies == 0;
        let all = widths.joint as u64 + targets(bound);
        let blocks = 8 * all.saturating_mul((BLOCK as u64) * threads);
        let square = if joint { (7 + threads).saturating_mul(square(all)).saturating_add(blocks) } else { 0 };
        let iterates = needs.has(Needs::BLOCKS) && !needs.has(Needs::JOINT);
        let derivatives = if iterates { hessians(bound, features, 1, threads) } else { 0 };
        Self {
            fits: 1,
            features,
            frames: widths.row * bound.x.rows() as u64 + 4 * rows,
            gathered: (copies * gathered).max(test * widths.last.row_bytes()),
            square,
            derivatives,
        }
    }

    /// Several of them at a time.
    pub fn times(self, fits: u64) -> Self {
        let times = |bytes: u64| bytes.saturating_mul(fits);
        Self {
            fits,
            features: self.features,
            frames: times(self.frames),
            gathered: times(self.gathered),
            square: times(self.square),
            derivatives: times(self.derivatives),
        }
    }

    /// All of it.
    pub fn bytes(&self) -> u64 {
        let parts = [self.frames, self.gathered, self.square, self.derivatives];
        parts.into_iter().fold(0, u64::saturating_add)
    }

    /// What it is made of.
    pub fn parts(self) -> Vec<(String, u64)> {
        let (features, fits) = (self.features, self.fits);
        let of = if fits > 1 { format!(", of {fits} fits at a time") } else { String::new() };
        vec![
            (format!("{features} features of all rows{of}"), self.frames),
            (format!("the rows of {features} features as a matrix{of}"), self.gathered),
            (format!("matrices of the size of {features} features squared{of}"), self.square),
            (format!("the second derivatives by {features} features in each class{of}"), self.derivatives),
        ]
    }
}

/// A matrix of so many rows and columns.
fn square(size: u64) -> u64 {
    8 * size.saturating_mul(size)
}

/// Columns that the target has among moments.
fn targets(bound: &Bound) -> u64 {
    match &bound.y {
        Target::Values(values) => values.columns() as u64,
        Target::Classes { labels, .. } => labels.len() as u64,
    }
}

/// The Hessians of fits of so many features, of which those that are small advance together.
pub(super) fn hessians(bound: &Bound, features: u64, fits: u64, threads: u64) -> u64 {
    const HESSIANS: u64 = 8_000_000;
    const TOGETHER: u64 = 128;
    let free = match &bound.y {
        Target::Classes { labels, .. } => (labels.len() as u64).saturating_sub(1).max(1),
        Target::Values(_) => 1,
    };
    let size = (features + 1).saturating_mul(free);
    let together = (HESSIANS / size.saturating_mul(size).max(1)).clamp(1, TOGETHER).min(fits);
    // What the rows add up to, with a thread's own share, and the factors.
    square(size).saturating_mul(3 * together + threads)
}

pub(super) fn model_of(pipeline: &Pipeline) -> &Arc<dyn AnyModel> {
    &pipeline.model.model
}

/// The features of a pipeline.
pub(super) fn widest(pipeline: &Pipeline, bound: &Bound) -> Widths {
    let mut all = Widths { last: Width::default(), joint: 0, row: 0 };
    let mut finished = 0;
    for (group, names) in pipeline.groups.iter().zip(&bound.groups) {
        let (width, own) = all.chain(&group.steps, raw(bound, names), 0, finished);
        all.last = all.last.beside(width);
        finished += own;
    }
    (all.last, _) = all.chain(&pipeline.select, all.last, finished, 0);
    if model_of(pipeline).needs().has(Needs::JOINT) {
        all.joint = all.joint.max(all.last.features());
    }
    all
}

/// Columns of the table.
fn raw(bound: &Bound, names: &[String]) -> Width {
    let places = names.iter().filter_map(|name| bound.x.schema().index(name));
    places.fold(Width::default(), |all, place| {
        all.beside(match bound.x.levels(place) {
            None => {
                let holey = usize::from(bound.x.facts()[place].missing > 0);
                Width { holey, ..Width::of_numbers(1) }
            }
            Some(levels) => Width { categories: 1, levels: levels.len() + 1, ..Width::default() },
        })
    })
}

impl Widths {
    /// The features behind some steps, and the bytes of a row of them that are not the table's own. Features before the
    /// steps have `before` bytes of their own, others beside them `held`.
    fn chain(&mut self, nodes: &[StepNode], mut width: Width, mut before: u64, held: u64) -> (Width, u64) {
        for node in nodes {
            let needs = node.step.needs();
            let next = node.step.width(width);
            let sorted = needs.has(Needs::ORDER) || needs.has(Needs::COUNTS);
            let sorted = if sorted { 8 * width.numbers as u64 } else { 0 };
            self.row = self.row.max(held + before + next.row_bytes().max(sorted));
            if needs.has(Needs::JOINT) {
                self.joint = self.joint.max(width.features());
            }
            (width, before) = (next, next.row_bytes());
        }
        (width, before)
    }
}
