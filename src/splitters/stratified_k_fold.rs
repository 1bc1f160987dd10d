//! `sklearn.model_selection.StratifiedKFold`.

use crate::contract::{Checks, Fault, Fold, Rng, Split, Splitter, params};
use crate::diag::{Code, Diagnostic, Result};
use crate::table::Rows;

params! {
    /// Cuts the rows into folds in which every class has nearly its share of the whole table.
    pub struct StratifiedKFold {
        /// The number of folds.
        n_splits: usize = 5, Bound::AtLeast(2.0);
        /// Shuffle each class's rows before they are cut.
        shuffle: bool = false, Bound::Any;
        /// The seed of the shuffle; the file's `seed` where none is written.
        random_state: Option<u32> = None, Bound::Any;
    }
    without_effect: [];
}

impl Checks for StratifiedKFold {
    fn check(&self) -> Vec<Fault> {
        super::idle_random_state(self.shuffle, self.random_state)
    }
}

impl Splitter for StratifiedKFold {
    const STRATIFIES: bool = true;

    fn n_splits(&self) -> usize {
        self.n_splits
    }

    fn split(&self, input: &Split) -> Result<(Vec<Fold>, Vec<Diagnostic>)> {
        let Some(classes) = input.classes else {
            let message = "StratifiedKFold needs classes, and the target has none";
            return Err(Code::BadFolds.error(message).help("use `KFold`"));
        };
        let classes = by_appearance(classes);
        let warnings = self.refuse(&classes)?;
        let fold_of = self.fold_of(&classes, input.seed);
        let fold = |k: usize| {
            let hole: Vec<u32> =
                (0..).zip(&fold_of).filter(|(_, fold)| **fold == k).map(|(row, _)| row).collect();
            let train = Rows::Except { all: input.rows as u32, hole: hole.clone().into() };
            Fold { train, test: Rows::List(hole.into()) }
        };
        Ok(((0..self.n_splits).map(fold).collect(), warnings))
    }
}

/// Classes numbered by first appearance, as scikit-learn does: the shuffles are drawn in that order.
fn by_appearance(classes: &[u32]) -> Vec<usize> {
    let most = classes.iter().max().map_or(0, |most| *most as usize + 1);
    let mut number = vec![None; most];
    let mut next = 0;
    let mut renumber = |class: &u32| {
        *number[*class as usize].get_or_insert_with(|| {
            next += 1;
            next - 1
        })
    };
    classes.iter().map(&mut renumber).collect()
}

impl StratifiedKFold {
    /// Refuses folds that no class can fill, warns where some cannot.
    fn refuse(&self, classes: &[usize]) -> Result<Vec<Diagnostic>> {
        let k = self.n_splits;
        let mut counts = vec![0; classes.iter().max().map_or(0, |most| most + 1)];
        classes.iter().for_each(|class| counts[*class] += 1);
        if counts.iter().all(|count| *count < k) {
            let most = counts.iter().max().copied().unwrap_or(0);
            let message = format!("{k} folds cannot be made: the largest class has {most} rows");
            return Err(Code::BadFolds.error(message).help("use fewer folds, or more rows of each class"));
        }
        let least = counts.iter().min().copied().unwrap_or(0);
        if least >= k {
            return Ok(Vec::new());
        }
        let message =
            format!("the rarest class has {least} rows, fewer than the {k} folds: some folds lack it");
        Ok(vec![Code::WarnFolds.warning(message)])
    }

    /// The fold of every row: how many rows of each class go to each fold follows from dealing out
    /// the sorted classes; which ones, from their order or a shuffle a class.
    fn fold_of(&self, classes: &[usize], seed: u32) -> Vec<usize> {
        let k = self.n_splits;
        let most = classes.iter().max().map_or(0, |most| most + 1);
        let mut sorted = classes.to_vec();
        sorted.sort_unstable();
        let mut allocation = vec![vec![0; most]; k];
        sorted.iter().enumerate().for_each(|(i, class)| allocation[i % k][*class] += 1);
        let mut rng = Rng::seeded(self.random_state.unwrap_or(seed));
        let mut fold_of = vec![0; classes.len()];
        for class in 0..most {
            let mut folds: Vec<usize> =
                allocation.iter().enumerate().flat_map(|(fold, counts)| vec![fold; counts[class]]).collect();
            if self.shuffle {
                rng.shuffle(&mut folds);
            }
            let rows = classes.iter().enumerate().filter(|(_, own)| **own == class);
            rows.zip(folds).for_each(|((row, _), fold)| fold_of[row] = fold);
        }
        fold_of
    }
}
