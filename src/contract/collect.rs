//! Statistics from rows: the general path's producer of [`Stats`].

use std::sync::Arc;

use rayon::prelude::*;

use super::order::Unordered;
use super::{Block, FeatureStats, Frame, Joint, Needs, NumberStats, Stats, Summary, TargetStats, Train};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::{Accumulator, BLOCK, Moments, RUN};
use crate::table::{MISSING, Rows, Target};

/// Below this many cells a thread pool costs more than it saves.
pub(super) const PARALLEL_CELLS: usize = 1_000_000;

impl Stats {
    /// The statistics of the training rows that `needs` names. Sums run over fixed blocks in row
    /// order, so the bits do not depend on the number of threads.
    ///
    /// # Errors
    /// `NotFinite` for an infinite value, with feature and row; `BadCell` or `TypeMismatch` when
    /// joint moments are needed of a missing value or a category.
    pub fn of(train: &Train, needs: Needs) -> Result<Stats> {
        let indicators =
            if needs.has(Needs::TARGET) { train.y.map(|y| columns(y, train.rows)) } else { None };
        let indicators = indicators.unwrap_or_default();
        let one = |part: &Part| part.stats(train.rows, needs, &indicators);
        let parts: Vec<Part> = train.x.blocks().iter().flat_map(Part::all).collect();
        let features: Vec<Result<FeatureStats>> = if train.rows.len() * parts.len() > PARALLEL_CELLS {
            parts.par_iter().map(one).collect()
        } else {
            parts.iter().map(one).collect()
        };
        let target = needs.has(Needs::TARGET).then(|| train.y.map(|y| target(y, train.rows))).flatten();
        let joint = if needs.has(Needs::JOINT) { Some(joint(train)?) } else { None };
        let features = features.into_iter().collect::<Result<_>>()?;
        Ok(Stats { rows: train.rows.len(), features, target, joint, inner: Vec::new() })
    }
}

/// One feature.
enum Part<'a> {
    /// A block that is one.
    Block(&'a Block),
    /// An indicator, which is written out for as long as it is looked at.
    Indicator(&'a Arc<str>, &'a [u32], u32),
}

impl<'a> Part<'a> {
    /// The features of a block.
    fn all(block: &'a Block) -> Vec<Self> {
        match block {
            Block::OneHot { names, codes } => {
                (0..).zip(names.iter()).map(|(k, name)| Self::Indicator(name, codes, k)).collect()
            }
            block => vec![Self::Block(block)],
        }
    }

    fn stats(&self, rows: &Rows, needs: Needs, targets: &[Vec<f64>]) -> Result<FeatureStats> {
        match *self {
            Part::Block(block) => feature(block, rows, needs, targets),
            Part::Indicator(name, codes, k) => {
                let values = rows.iter().map(|row| f64::from(u8::from(codes[row as usize] == k))).collect();
                let summary = Summary::Number(number(values, needs, targets));
                Ok(FeatureStats { name: Arc::clone(name), summary })
            }
        }
    }
}

/// The target's columns at some rows: its numbers, or an indicator a class.
fn columns(target: &Target, rows: &Rows) -> Vec<Vec<f64>> {
    match target {
        Target::Values(values) => (0..values.columns()).map(|j| rows.gather(values.column(j))).collect(),
        Target::Classes { codes, labels } => {
            let indicator =
                |class: u32| rows.iter().map(move |row| f64::from(u8::from(codes[row as usize] == class)));
            (0..labels.len() as u32).map(|class| indicator(class).collect()).collect()
        }
    }
}

fn target(target: &Target, rows: &Rows) -> TargetStats {
    match target {
        Target::Values(values) => {
            let spreads = (0..values.columns()).map(|j| {
                let column = rows.gather(values.column(j));
                let mean = mean(&column);
                (mean, products(&column, mean, &column, mean))
            });
            let (means, squares) = spreads.unzip();
            TargetStats::Values { means, squares }
        }
        Target::Classes { codes, labels } => {
            let mut counts = vec![0; labels.len()];
            rows.iter().for_each(|row| counts[codes[row as usize] as usize] += 1);
            TargetStats::Classes(counts)
        }
    }
}

fn feature(block: &Block, rows: &Rows, needs: Needs, targets: &[Vec<f64>]) -> Result<FeatureStats> {
    match block {
        Block::Number { name, values } => {
            let values = rows.gather(values);
            if let Some(i) = values.iter().position(|v| v.is_infinite()) {
                let row = rows.iter().nth(i).map_or(0, |row| row + 1);
                let message = format!("feature `{name}` is {} in row {row}", values[i]);
                return Err(Code::NotFinite
                    .error(message)
                    .help("replace or drop infinite values before they are read"));
            }
            Ok(FeatureStats {
                name: Arc::clone(name),
                summary: Summary::Number(number(values, needs, targets)),
            })
        }
        Block::Codes { name, codes, levels } => {
            let mut counts = vec![0; levels.len()];
            let mut missing = 0;
            for row in rows.iter() {
                match codes[row as usize] {
                    MISSING => missing += 1,
                    code => counts[code as usize] += 1,
                }
            }
            let summary = Summary::Category { levels: Arc::clone(levels), counts, missing };
            Ok(FeatureStats { name: Arc::clone(name), summary })
        }
        // [`Part::all`] took it apart.
        Block::OneHot { .. } => Err(Code::Bug.error("an indicator block among unpacked features")),
    }
}

/// The statistics of one number feature over gathered values.
fn number(values: Vec<f64>, needs: Needs, targets: &[Vec<f64>]) -> NumberStats {
    let all = values.len();
    let whole = !values.iter().any(|v| v.is_nan());
    let present = if whole { values } else { values.into_iter().filter(|v| !v.is_nan()).collect() };
    let mut stats = NumberStats {
        present: present.len() as u64,
        missing: (all - present.len()) as u64,
        mean: f64::NAN,
        squares: f64::NAN,
        extremes: None,
        order: None,
        with_target: Vec::new(),
    };
    if needs.has(Needs::SPREAD) || needs.has(Needs::TARGET) {
        stats.mean = mean(&present);
        stats.squares = products(&present, stats.mean, &present, stats.mean);
    }
    if whole {
        let with = |target: &Vec<f64>| products(&present, stats.mean, target, mean(target));
        stats.with_target = targets.iter().map(with).collect();
    }
    if needs.has(Needs::EXTREMES) || needs.has(Needs::SPREAD) {
        let widen = |range: Option<(f64, f64)>, v: &f64| match range {
            Some((low, high)) => Some((low.min(*v), high.max(*v))),
            None => Some((*v, *v)),
        };
        stats.extremes = present.iter().fold(None, widen);
    }
    if needs.has(Needs::ORDER) || needs.has(Needs::COUNTS) {
        stats.order = Some(Arc::new(Unordered(present)));
    }
    stats
}

/// The mean by block sums in order; 0 of nothing.
fn mean(values: &[f64]) -> f64 {
    let sum: f64 = values.chunks(BLOCK).map(|block| block.iter().sum::<f64>()).sum();
    if values.is_empty() {
        return 0.0;
    };
    let rough = sum / values.len() as f64;
    // A second sweep over deviations takes back the rounding of the first.
    let rest: f64 = values.chunks(BLOCK).map(|block| block.iter().map(|v| v - rough).sum::<f64>()).sum();
    rough + rest / values.len() as f64
}

/// The sum of products of deviations from the means.
fn products(a: &[f64], mean_a: f64, b: &[f64], mean_b: f64) -> f64 {
    let block =
        |(a, b): (&[f64], &[f64])| a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum::<f64>();
    a.chunks(BLOCK).zip(b.chunks(BLOCK)).map(block).sum()
}

/// Joint moments of the features and the targets; every block is centred on its own means. The design matrix is never
/// there as a whole.
fn joint(train: &Train) -> Result<Joint> {
    let targets = train.y.map(|y| columns(y, train.rows)).unwrap_or_default();
    let weight = train.weight.map(|weight| train.rows.gather(weight));
    match weighted(train, &targets, weight.as_deref()) {
        Ok(moments) => Ok(Joint { moments, targets: targets.len(), factor: None }),
        // The first in the order of the features is told, as everywhere.
        Err(error) => Err(first_unusable(train).unwrap_or(error)),
    }
}

/// What the first feature that cannot be used is refused for.
fn first_unusable(train: &Train) -> Option<Diagnostic> {
    let one = |block: &Block| Frame::new(train.x.rows(), vec![block.clone()]).design(train.rows).err();
    let numbers = train.x.blocks().iter().filter(|block| !matches!(block, Block::OneHot { .. }));
    numbers.map(one).find_map(|error| error)
}

/// The moments of runs of blocks, merged in order, of so many runs at a time as there are threads.
fn weighted(train: &Train, targets: &[Vec<f64>], weight: Option<&[f64]>) -> Result<Moments> {
    let all: Vec<u32> = train.rows.iter().collect();
    let (rows, features) = (all.len(), train.x.features());
    let width = features + targets.len();
    let run = |start: usize| -> Result<Moments> {
        let mut moments = Accumulator::new(width);
        let end = (start + BLOCK * RUN).min(rows);
        for block in (start..end).step_by(BLOCK) {
            let range = block..(block + BLOCK).min(end);
            let design = train.x.design(&Rows::List(all[range.clone()].into()))?;
            let columns = (0..features).map(|j| design.column(j));
            let columns: Vec<&[f64]> =
                columns.chain(targets.iter().map(|target| &target[range.clone()])).collect();
            moments.add(&columns, weight.map(|weight| &weight[range]));
        }
        Ok(moments.finish())
    };
    let starts: Vec<usize> = (0..rows).step_by(BLOCK * RUN).collect();
    let parallel = rows * width > PARALLEL_CELLS;
    let together = if parallel { rayon::current_num_threads() } else { 1 };
    let mut total = Moments::zero(width);
    for starts in starts.chunks(together) {
        let runs: Vec<Result<Moments>> = if parallel {
            starts.par_iter().map(|start| run(*start)).collect()
        } else {
            starts.iter().map(|start| run(*start)).collect()
        };
        for run in runs {
            total.merge(&run?);
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(values: &[f64]) -> Frame {
        Frame::new(values.len(), vec![Block::Number { name: "x".into(), values: values.to_vec().into() }])
    }

    #[test]
    fn missing_values_are_counted_and_left_out() {
        let frame = frame(&[1.0, f64::NAN, 3.0, 100.0]);
        let train = Train { x: &frame, y: None, weight: None, rows: &Rows::Range(0..3) };
        let stats = Stats::of(&train, Needs::SPREAD).unwrap();
        let Summary::Number(number) = &stats.features[0].summary else { panic!("a number") };
        assert_eq!((number.present, number.missing, number.mean, number.squares), (2, 1, 2.0, 2.0));
        assert_eq!(number.extremes, Some((1.0, 3.0)));
    }

    #[test]
    fn infinity_is_an_error_with_its_row() {
        let frame = frame(&[1.0, f64::INFINITY]);
        let train = Train { x: &frame, y: None, weight: None, rows: &Rows::Range(0..2) };
        let error = Stats::of(&train, Needs::SPREAD).unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::NotFinite, "feature `x` is inf in row 2"));
    }
}
