//! How much memory a run takes at its peak, beside the process itself, and how much it may take.
//!
//! The estimate goes through what a run holds one after the other: reading, the moments and their merges, the fits and
//! the predictions of the two-pass path, the folds of the general one. The greatest of these sums is the peak. What
//! only the data decide (a model that takes the rows because moments have lost digits, the values of a number that
//! is encoded as a category) it cannot know.

use super::choose::Path;
use super::needed::{Needed, hessians, model_of, widest};
use super::{Bound, Inner};
use crate::contract::Needs;
use crate::diag::{Code, Diagnostic, Result};
use crate::graph::Pipeline;
use crate::table::{RUN_ROWS, Target};

/// Predictions of all candidates up to this many bytes are kept until the winner is known; of more than that the winner's
/// folds are run again.
pub const KEPT_PREDICTIONS: u64 = 256 << 20;

/// What a run may use. Neither chooses a path or a number.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: u64,
    /// Threads.
    pub threads: usize,
}

impl Default for Limits {
    /// Any memory, and as many threads as the machine has. Not asked of rayon, whose answer starts its threads.
    fn default() -> Self {
        Self { memory: u64::MAX, threads: std::thread::available_parallelism().map_or(1, usize::from) }
    }
}

/// The memory of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What it may take, in bytes.
    pub bound: u64,
    /// What it takes at its peak, in bytes.
    pub bytes: u64,
    /// What the most of that is, and how much.
    pub most: (String, u64),
    /// Folds of the general path that are fitted at a time.
    pub folds: usize,
    /// Candidates of such a fold that are fitted at a time.
    pub candidates: usize,
}

/// What memory is estimated from.
pub(super) struct Run<'a> {
    /// The data.
    pub bound: &'a Bound<'a>,
    /// The pipelines with their paths.
    pub pipelines: Vec<(&'a Pipeline, Path)>,
    /// The cells.
    pub inner: &'a Inner,
    /// The positions of the moments, and the bytes of those of a cell.
    pub positions: u64,
    /// As there.
    pub cell: u64,
    /// Whether it uses threads.
    pub parallel: bool,
}

/// Something that is held.
type Part = (String, u64);

impl Run<'_> {
    /// The memory of the run with as many folds at a time as its limits allow.
    ///
    /// # Errors
    /// `NoMemory` where one fold at a time takes too much.
    pub fn memory(&self, limits: &Limits) -> Result<Memory> {
        let threads = if self.parallel { limits.threads.max(1) } else { 1 };
        let most = self.bound.folds.len().clamp(1, threads);
        let slow = self.slow().count();
        let beside = (threads / most).clamp(1, slow.max(1));
        let ways = [(most, beside)].into_iter().chain((1..=most).rev().map(|folds| (folds, 1)));
        let mut last = None;
        for (folds, candidates) in ways {
            let phases = self.phases(threads, folds * candidates);
            let sum = |parts: &Vec<Part>| parts.iter().fold(0_u64, |sum, (_, own)| sum.saturating_add(*own));
            let Some(peak) = phases.iter().max_by_key(|parts| sum(parts)) else { continue };
            let bytes = sum(peak);
            let most = peak.iter().max_by_key(|(_, own)| *own).cloned().unwrap_or_default();
            let memory = Memory { bound: limits.memory, bytes, most, folds, candidates };
            if bytes <= limits.memory {
                return Ok(memory);
            }
            last = Some(memory);
        }
        Err(last.map_or_else(|| Code::Bug.error("a run of no phase"), |memory| self.refused(&memory)))
    }

    fn refused(&self, memory: &Memory) -> Diagnostic {
        let (what, most) = &memory.most;
        let message = format!(
            "the run would take {} of memory, of which it may use {}; the most is {what}: {}",
            mib(memory.bytes),
            mib(memory.bound),
            mib(*most)
        );
        let help = "learn from fewer columns (`source.columns`) or rows, or encode categories of many levels with \
                    `OrdinalEncoder` instead of an indicator a level; `--memory SIZE` raises the bound";
        Code::NoMemory.error(message).at(&self.bound.graph.source.span).help(help)
    }

    fn fast(&self) -> impl Iterator<Item = &Pipeline> {
        self.pipelines.iter().filter(|(_, path)| *path == Path::TwoPass).map(|(pipeline, _)| *pipeline)
    }

    fn slow(&self) -> impl Iterator<Item = &Pipeline> {
        self.pipelines.iter().filter(|(_, path)| *path == Path::General).map(|(pipeline, _)| *pipeline)
    }

    /// What is held at the same time, for each stage of the run.
    fn phases(&self, threads: usize, in_flight: usize) -> Vec<Vec<Part>> {
        let bound = self.bound;
        let (rows, folds) = (bound.x.rows() as u64, bound.folds.len().max(1) as u64);
        let train = (bound.folds.iter().map(|fold| fold.train.len()).max()).unwrap_or(bound.x.rows()) as u64;
        let base = self.base(threads as u64);
        let mut phases = vec![[&base[..], &[self.reading()]].concat()];
        let kept = self.kept(folds);
        let mut held = base.clone();
        if self.fast().next().is_some() {
            held.extend(self.two_pass(threads as u64, folds, &base, &mut phases));
            let at_once = folds.min(threads as u64).max(1);
            let fit = |pipeline: &Pipeline| Needed::of_moments(pipeline, bound, train).times(at_once);
            let fits = self.fast().map(fit).max_by_key(|needed| needed.bytes());
            let mut fitting = held.clone();
            fitting.extend(fits.into_iter().flat_map(Needed::parts));
            fitting.push(self.iterating(threads as u64, folds));
            phases.push(fitting);
            let predicted = self.predicted(self.fast().count() as u64);
            phases.push([&held[..], &[predicted, kept.clone()]].concat());
        }
        if self.slow().next().is_some() {
            let fold = |rows: u64, pipeline: &Pipeline, times: u64| {
                let share = (threads as u64 / times).max(1);
                Needed::of_rows(pipeline, bound, rows, share).times(times)
            };
            for (rows, times) in [(train, in_flight as u64), (rows, 1)] {
                let most = self.slow().map(|pipeline| fold(rows, pipeline, times)).max_by_key(Needed::bytes);
                let mut phase = held.clone();
                phase.extend(most.into_iter().flat_map(Needed::parts));
                phase.push(kept.clone());
                phases.push(phase);
            }
        }
        phases
    }

    /// The data, from the beginning to the end.
    fn base(&self, threads: u64) -> Vec<Part> {
        const PAGE: u64 = 1 << 19;
        let bound = self.bound;
        let rows = bound.x.rows() as u64;
        let read_whole = !bound.x.is_streamed() || self.slow().next().is_some() || self.iterates();
        let table = if read_whole {
            ("the table".to_owned(), bound.x.bytes())
        } else {
            let width = bound.x.width() as u64;
            let unit = bound.x.bytes() / rows.max(1) * rows.min(RUN_ROWS as u64);
            ("the units of the table that are read at a time".to_owned(), threads * (unit + width * PAGE))
        };
        let target = match &bound.y {
            Target::Values(values) => 16 * values.columns() as u64,
            Target::Classes { .. } => 8,
        };
        let weight = if bound.weight.is_some() { 16 } else { 0 };
        let ids = if bound.x.is_streamed() { 0 } else { 8 * bound.graph.ids.len() as u64 };
        let folds = if bound.folds.is_empty() { 0 } else { 5 };
        vec![table, ("target, weights and folds".to_owned(), rows * (target + weight + ids + folds))]
    }

    /// What reading holds beside the table: a unit, whose room is not given back when a shorter one is the last, and a page of each
    /// column.
    fn reading(&self) -> Part {
        const PAGE: u64 = 1 << 18;
        let (rows, width) = (self.bound.x.rows() as u64, self.bound.x.width() as u64);
        let unit = if self.bound.x.is_streamed() {
            0
        } else {
            self.bound.x.bytes() / rows.max(1) * rows.min(RUN_ROWS as u64)
        };
        ("what reading takes".to_owned(), unit + width * PAGE)
    }

    /// The phases up to the moments of all folds; gives what is held from there on.
    fn two_pass(&self, threads: u64, folds: u64, base: &[Part], phases: &mut Vec<Vec<Part>>) -> Vec<Part> {
        let rows = self.bound.x.rows() as u64;
        let moments = |cells: u64| {
            let what = format!("the joint moments of {} columns and levels", self.positions);
            (what, self.cell.saturating_mul(cells))
        };
        let cell_of = ("the fold of each row".to_owned(), 4 * rows);
        let units = self.bound.x.units().max(1) as u64;
        let cells = self.inner.walks.first().map_or(folds, |walk| walk.cells as u64);
        // Cells of the units that wait to be merged, and two forms of those that threads are at.
        let waiting = (self.inner.parts as u64).div_ceil(units) * units.min(2 * threads);
        phases.push([base, &[cell_of.clone(), moments(cells + waiting + 2 * threads.min(units))]].concat());
        let inner = if self.inner.is_trivial() {
            0
        } else {
            (self.inner.cells() + 4 * self.inner.most_folds()) as u64
        };
        phases.push([base, &[cell_of.clone(), moments(2 * folds + 3 + inner)]].concat());
        let fits: u64 = self.fast().map(|pipeline| self.fitted(pipeline)).sum();
        let fits = ("what all folds have learned".to_owned(), (folds + 1) * fits);
        vec![cell_of, moments(2 * folds + 1 + inner), fits]
    }

    /// The coefficients of a fit, over features and over positions, with the features' names.
    fn fitted(&self, pipeline: &Pipeline) -> u64 {
        const NAME: u64 = 48;
        let features = widest(pipeline, self.bound).last.features() as u64;
        features * (NAME + 8 * self.outputs()) + 16 * self.positions * self.outputs()
    }

    /// The values that a prediction has in a row.
    fn outputs(&self) -> u64 {
        match &self.bound.y {
            Target::Values(values) => values.columns() as u64,
            Target::Classes { labels, .. } if labels.len() == 2 => 1,
            Target::Classes { labels, .. } => labels.len() as u64,
        }
    }

    /// Numbers of a row in a prediction that is kept.
    fn row_of_prediction(&self) -> u64 {
        match &self.bound.y {
            Target::Values(values) => values.columns() as u64,
            Target::Classes { labels, .. } => labels.len() as u64 + self.outputs() + 1,
        }
    }

    /// The out-of-fold predictions that are kept: those of all candidates where they are few enough.
    fn kept(&self, folds: u64) -> Part {
        let one = self.bound.x.rows() as u64 * 8 * self.row_of_prediction();
        let one = if self.bound.folds.is_empty() { 0 } else { one };
        let all = one.saturating_mul(self.pipelines.len() as u64);
        let kept = if all <= KEPT_PREDICTIONS { all } else { one.div_ceil(folds) };
        ("out-of-fold predictions".to_owned(), kept)
    }

    /// The sums of the candidates whose predictions are made in one walk, before they are predictions.
    fn predicted(&self, candidates: u64) -> Part {
        let together = candidates.min(self.bound.predicted_together() as u64);
        let rows = if self.bound.folds.is_empty() { 0 } else { self.bound.x.rows() as u64 };
        let kept = candidates.saturating_mul(rows * 8 * self.row_of_prediction()) <= KEPT_PREDICTIONS;
        // Those of numbers are predictions as they are.
        let new = if kept && matches!(self.bound.y, Target::Values(_)) { 0 } else { together };
        ("the sums of predictions".to_owned(), rows * 8 * self.outputs() * new)
    }

    fn iterates(&self) -> bool {
        self.fast().any(|pipeline| model_of(pipeline).needs().has(Needs::BLOCKS))
    }

    /// The Hessians of the fits that read the rows together.
    fn iterating(&self, threads: u64, folds: u64) -> Part {
        let of_blocks = |pipeline: &&Pipeline| model_of(pipeline).needs().has(Needs::BLOCKS);
        let features = |pipeline: &Pipeline| widest(pipeline, self.bound).last.features() as u64;
        let widest = self.fast().filter(of_blocks).map(features).max();
        let fits = self.fast().filter(of_blocks).count() as u64 * (folds + 1);
        let bytes = widest.map_or(0, |features| hessians(self.bound, features, fits, threads));
        ("the second derivatives of fits that advance together".to_owned(), bytes)
    }
}

/// Bytes for people.
pub fn mib(bytes: u64) -> String {
    let (mib, gib) = (bytes as f64 / 1_048_576.0, bytes as f64 / 1_073_741_824.0);
    if gib >= 1.0 { format!("{gib:.1} GiB") } else { format!("{mib:.1} MiB") }
}
