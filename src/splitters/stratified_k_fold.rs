//! `sklearn.model_selection.StratifiedKFold`.

use std::sync::Arc;

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
        let members = by_appearance(classes);
        let warnings = self.refuse(&members)?;
        let mut holes = vec![Vec::new(); self.n_splits];
        for (row, fold) in (0..).zip(self.fold_of(&members, input)) {
            holes[fold].push(row);
        }
        let fold = |hole: Vec<u32>| {
            let hole: Arc<[u32]> = hole.into();
            let train = Rows::Except { all: input.rows as u32, hole: Arc::clone(&hole) };
            Fold { train, test: Rows::List(hole) }
        };
        Ok((holes.into_iter().map(fold).collect(), warnings))
    }
}

/// The rows of each class, the classes in order of first appearance: scikit-learn draws the shuffles
/// in that order.
fn by_appearance(classes: &[u32]) -> Vec<Vec<u32>> {
    let most = classes.iter().max().map_or(0, |most| *most as usize + 1);
    let mut number = vec![None; most];
    let mut members: Vec<Vec<u32>> = Vec::new();
    for (row, class) in (0..).zip(classes) {
        let place = *number[*class as usize].get_or_insert_with(|| {
            members.push(Vec::new());
            members.len() - 1
        });
        members[place].push(row);
    }
    members
}

impl StratifiedKFold {
    /// Refuses folds that no class can fill, warns where some cannot.
    fn refuse(&self, members: &[Vec<u32>]) -> Result<Vec<Diagnostic>> {
        let k = self.n_splits;
        let counts = || members.iter().map(Vec::len);
        let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
        if most < k {
            let most = super::rows_in_words(most);
            let message = format!("{k} folds cannot be made: the largest class has {most}");
            return Err(Code::BadFolds.error(message).help("use fewer folds, or more rows of each class"));
        }
        if least >= k {
            return Ok(Vec::new());
        }
        let least = super::rows_in_words(least);
        let message = format!("the rarest class has {least}, fewer than the {k} folds: some folds lack it");
        Ok(vec![Code::WarnFolds.warning(message)])
    }

    /// The fold of every row: how many rows of each class go to each fold follows from dealing out
    /// the rows sorted by class; which ones, from their order or a shuffle a class.
    fn fold_of(&self, members: &[Vec<u32>], input: &Split) -> Vec<usize> {
        let mut rng = Rng::seeded(self.random_state.unwrap_or(input.seed));
        let mut fold_of = vec![0; input.rows];
        let mut dealt = 0;
        for rows in members {
            let mut folds: Vec<usize> = (dealt..dealt + rows.len()).map(|i| i % self.n_splits).collect();
            folds.sort_unstable();
            dealt += rows.len();
            if self.shuffle {
                rng.shuffle(&mut folds);
            }
            rows.iter().zip(folds).for_each(|(row, fold)| fold_of[*row as usize] = fold);
        }
        fold_of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fold of every row, and the warnings.
    fn cut(splitter: &StratifiedKFold, classes: &[u32], seed: u32) -> Result<(Vec<usize>, Vec<Diagnostic>)> {
        let input = Split { rows: classes.len(), classes: Some(classes), seed };
        let (folds, warnings) = splitter.split(&input)?;
        let mut fold_of = vec![usize::MAX; classes.len()];
        for (k, fold) in folds.iter().enumerate() {
            fold.test.iter().for_each(|row| fold_of[row as usize] = k);
        }
        Ok((fold_of, warnings))
    }

    /// `StratifiedKFold(3, shuffle=True, random_state=7)` on [2, 0, 0, 2, 1, 1, 2, 0, 1, 2].
    #[test]
    fn classes_count_by_first_appearance() {
        let splitter = StratifiedKFold { n_splits: 3, shuffle: true, random_state: Some(7) };
        let (fold_of, warnings) = cut(&splitter, &[2, 0, 0, 2, 1, 1, 2, 0, 1, 2], 0).unwrap();
        assert_eq!(fold_of, FOLD_OF);
        assert!(warnings.is_empty());
    }

    #[test]
    fn an_unwritten_random_state_is_the_seed() {
        let unwritten = StratifiedKFold { n_splits: 3, shuffle: true, random_state: None };
        let (fold_of, _) = cut(&unwritten, &[2, 0, 0, 2, 1, 1, 2, 0, 1, 2], 7).unwrap();
        assert_eq!(fold_of, FOLD_OF);
    }

    #[test]
    fn rare_classes_warn_and_only_rare_ones_are_refused() {
        let splitter = StratifiedKFold { n_splits: 3, ..StratifiedKFold::default() };
        let (_, warnings) = cut(&splitter, &[0, 0, 1, 0], 0).unwrap();
        let said: Vec<&str> = warnings.iter().map(Diagnostic::message).collect();
        assert_eq!(said, ["the rarest class has 1 row, fewer than the 3 folds: some folds lack it"]);
        assert_eq!(warnings[0].code(), Code::WarnFolds);
        let error = cut(&splitter, &[0, 0, 1, 1], 0).unwrap_err();
        assert_eq!(error.message(), "3 folds cannot be made: the largest class has 2 rows");
        assert!(error.code() == Code::BadFolds && error.advice().is_some());
    }

    const FOLD_OF: [usize; 10] = [1, 0, 1, 0, 2, 1, 0, 2, 0, 2];
}
