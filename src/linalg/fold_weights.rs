//! What each row counts in each fit of a grid.

use super::LogisticGrid;
use super::moments::BLOCK;
use super::sums;

/// The weights of rows: in the fit of a fold they are 0 for the rows that it leaves out, and may be multiplied with a
/// factor of the row's class.
pub(super) struct FoldWeights<'a> {
    codes: &'a [u32],
    classes: usize,
    weight: Option<&'a [f64]>,
    fold_of: Option<&'a [u16]>,
    factors: Option<&'a [Vec<f64>]>,
    folds: usize,
}

impl<'a> FoldWeights<'a> {
    pub(super) fn new(grid: &LogisticGrid<'a>) -> Self {
        let (n, folds) = (grid.blocks.rows(), grid.maps.len() - 1);
        assert_eq!(n, grid.codes.len(), "a code for each row");
        assert!(grid.fold_of.is_none_or(|fold_of| fold_of.len() == n), "a fold for each row");
        assert!(grid.factors.is_none_or(|factors| factors.len() == folds + 1), "factors for each map");
        Self {
            codes: grid.codes,
            classes: grid.classes,
            weight: grid.weight,
            fold_of: grid.fold_of,
            factors: grid.factors,
            folds,
        }
    }

    /// The fold that leaves a row out, or the number of folds.
    pub(super) fn group(&self, row: usize) -> usize {
        self.fold_of.map_or(self.folds, |fold_of| self.folds.min(fold_of[row] as usize))
    }

    /// Whether a row counts anywhere.
    pub(super) fn counts(&self, row: usize) -> bool {
        self.weight.is_none_or(|weight| weight[row] > 0.0)
    }

    /// What each class's rows are multiplied with in the fit of a fold, or of all rows.
    fn factors(&self, fold: Option<u16>) -> Option<&[f64]> {
        self.factors.map(|factors| &*factors[fold.map_or(self.folds, usize::from)])
    }

    /// The weights that rows from `from` on have in the fit of a fold, or of all rows.
    pub(super) fn of(&self, fold: Option<u16>, from: usize, into: &mut [f64]) {
        let rows = from..from + into.len();
        match self.weight {
            Some(weight) => into.copy_from_slice(&weight[rows.clone()]),
            None => into.fill(1.0),
        }
        if let Some(factors) = self.factors(fold) {
            for (weight, code) in into.iter_mut().zip(&self.codes[rows.clone()]) {
                *weight *= factors[*code as usize];
            }
        }
        if let (Some(fold), Some(fold_of)) = (fold, self.fold_of) {
            for (weight, own) in into.iter_mut().zip(&fold_of[rows]) {
                *weight = if *own == fold { 0.0 } else { *weight };
            }
        }
    }

    /// The weights of rows whatever the fit, if they are not all 1.
    pub(super) fn plain(&self, from: usize, rows: usize) -> Option<&[f64]> {
        self.weight.map(|weight| &weight[from..from + rows])
    }

    /// The weight of the rows in every `stride`-th block, in the fit of all rows.
    pub(super) fn whole(&self, stride: usize) -> f64 {
        let n = self.codes.len();
        let mut weight = vec![0.0; BLOCK.min(n)];
        let starts = (0..n).step_by(BLOCK * stride);
        let one = |from: usize| {
            let weight = &mut weight[..BLOCK.min(n - from)];
            self.of(None, from, weight);
            sums::sum(weight)
        };
        starts.map(one).sum()
    }

    /// The weight of the rows that each fold trains on.
    pub(super) fn masses(&self) -> Vec<f64> {
        let mut groups = vec![vec![0.0; self.classes]; self.folds + 1];
        for (row, code) in self.codes.iter().enumerate() {
            groups[self.group(row)][*code as usize] += self.weight.map_or(1.0, |weight| weight[row]);
        }
        let factor = |fold: usize, class: usize| self.factors.map_or(1.0, |factors| factors[fold][class]);
        let of = |fold: usize| {
            let others = groups.iter().enumerate().filter(|(group, _)| *group != fold);
            let masses = others.flat_map(|(_, masses)| masses.iter().enumerate());
            masses.map(|(class, mass)| factor(fold, class) * mass).sum()
        };
        (0..self.folds).map(of).collect()
    }

    /// How many classes have rows that count in the fits of each fold, and at the end of all rows.
    pub(super) fn classes(&self) -> Vec<usize> {
        let mut counts = vec![vec![0usize; self.classes]; self.folds + 1];
        for (row, code) in self.codes.iter().enumerate() {
            counts[self.group(row)][*code as usize] += usize::from(self.counts(row));
        }
        let total = |class: usize| counts.iter().map(|counts| counts[class]).sum::<usize>();
        let totals: Vec<usize> = (0..self.classes).map(total).collect();
        let of = |fold: usize| {
            // The last group is of the rows that no fold leaves out.
            let left_out = |class: usize| if fold < self.folds { counts[fold][class] } else { 0 };
            let weighs = |class: usize| self.factors.is_none_or(|factors| factors[fold][class] > 0.0);
            (0..self.classes).filter(|class| totals[*class] > left_out(*class) && weighs(*class)).count()
        };
        (0..=self.folds).map(of).collect()
    }
}
