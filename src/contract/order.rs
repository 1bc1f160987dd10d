//! The order of a number feature's values, of which few are ever asked for.

use std::fmt::Debug;
use std::sync::Arc;

use rayon::prelude::*;

use super::collect::PARALLEL_CELLS;
use super::{FeatureStats, Stats, Summary};
use crate::diag::{Code, Result};

/// The present values of a number feature, ascending, as far as they are asked for.
pub trait Order: Debug + Send + Sync {
    /// Makes [`Order::at`] quick for these ranks, unless another thread is at work on the same values. What keeps it from
    /// that is told by `at`.
    fn prepare(&self, _ranks: &[usize]) {}

    /// The values of some ranks, each less than the number of values; 0 is that of the least.
    ///
    /// # Errors
    /// Whatever reading the values meets; `Bug` for a rank that is too great.
    fn at(&self, ranks: &[usize]) -> Result<Vec<f64>>;

    /// The distinct values, ascending, each with the number of rows that have it. 0 and -0 are one.
    ///
    /// # Errors
    /// Whatever reading the values meets.
    fn counts(&self) -> Result<Vec<(f64, u64)>>;
}

impl Stats {
    /// For every feature the values of the ranks that `ranks` names for so many present values; none for a category, and for
    /// a number without any value. With [`Needs::ORDER`](super::Needs::ORDER).
    ///
    /// # Errors
    /// As [`Order::at`]; `Bug` where the order is not known.
    pub fn ranked(&self, ranks: impl Fn(usize) -> Vec<usize>) -> Result<Vec<Vec<f64>>> {
        let ask = |feature: &FeatureStats| match &feature.summary {
            Summary::Number(number) if number.present > 0 => {
                let unknown = || Code::Bug.error(format!("feature `{}` has no order", feature.name));
                let order = number.order.clone().ok_or_else(unknown)?;
                Ok(Some((order, ranks(number.present as usize))))
            }
            Summary::Number(_) | Summary::Category { .. } => Ok(None),
        };
        let asked: Vec<Asked> = self.features.iter().map(ask).collect::<Result<_>>()?;
        // Folds ask side by side for the same columns: each prepares those that no other is at work on before it waits.
        let prepare = |(order, ranks): &(Arc<dyn Order>, Vec<usize>)| order.prepare(ranks);
        let values = |asked: &Asked| match asked {
            Some((order, ranks)) => order.at(ranks),
            None => Ok(Vec::new()),
        };
        if self.rows * asked.len() > PARALLEL_CELLS {
            asked.par_iter().flatten().for_each(prepare);
            // The first feature's error counts.
            let all: Vec<Result<Vec<f64>>> = asked.par_iter().map(values).collect();
            return all.into_iter().collect();
        }
        asked.iter().flatten().for_each(prepare);
        asked.iter().map(values).collect()
    }
}

/// What a number feature is asked.
type Asked = Option<(Arc<dyn Order>, Vec<usize>)>;

/// Present values in any order, by [`f64::total_cmp`].
#[derive(Debug)]
pub(super) struct Unordered(pub Vec<f64>);

impl Order for Unordered {
    fn at(&self, ranks: &[usize]) -> Result<Vec<f64>> {
        let mut values = self.0.clone();
        let mut wanted: Vec<usize> = ranks.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        // What lies below a rank that was found is of no interest to greater ones.
        let mut start = 0;
        for rank in wanted {
            if rank >= values.len() {
                return Err(Code::Bug.error(format!("rank {rank} of {} values", values.len())));
            }
            values[start..].select_nth_unstable_by(rank - start, f64::total_cmp);
            start = rank + 1;
        }
        Ok(ranks.iter().map(|rank| values[*rank]).collect())
    }

    fn counts(&self) -> Result<Vec<(f64, u64)>> {
        let mut values = self.0.clone();
        values.sort_unstable_by(f64::total_cmp);
        Ok(values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::NumberStats;

    #[test]
    fn ranks_are_those_of_the_sorted_values() {
        let values: Vec<f64> = (0..997).map(|i| f64::from((i * 7919) % 211) - 100.0).collect();
        let mut sorted = values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let ranks = [498, 0, 996, 499, 498, 1];
        let wanted: Vec<f64> = ranks.iter().map(|rank| sorted[*rank]).collect();
        assert_eq!(Unordered(values.clone()).at(&ranks).unwrap(), wanted);
        assert_eq!(Unordered(values).at(&[997]).unwrap_err().code(), Code::Bug);
    }

    #[test]
    fn zeros_are_counted_together_and_ranked_apart() {
        let order = Unordered(vec![0.0, 2.0, -0.0, 2.0, -1.0, 0.0]);
        assert_eq!(order.counts().unwrap(), [(-1.0, 1), (0.0, 3), (2.0, 2)]);
        let bits: Vec<u64> = order.at(&[1, 2]).unwrap().iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits, [(-0.0f64).to_bits(), 0]);
    }

    #[test]
    fn features_without_values_are_not_asked() {
        let number = |values: &[f64], known: bool| {
            let order = known.then(|| Arc::new(Unordered(values.to_vec())) as _);
            let present = values.len() as u64;
            let summary = Summary::Number(NumberStats {
                present,
                missing: 0,
                mean: f64::NAN,
                squares: f64::NAN,
                extremes: None,
                order,
                with_target: Vec::new(),
            });
            FeatureStats { name: "x".into(), summary }
        };
        let stats = |features| Stats { rows: 3, features, target: None, joint: None, inner: Vec::new() };
        let middle = |present: usize| vec![present / 2];
        let known = stats(vec![number(&[3.0, 1.0, 2.0], true), number(&[], false)]);
        assert_eq!(known.ranked(middle).unwrap(), [vec![2.0], vec![]]);
        let error = stats(vec![number(&[1.0], false)]).ranked(middle).unwrap_err();
        assert!(error.message().contains("`x`"), "{error:?}");
    }
}
