//! `sklearn.model_selection.KFold`.

use crate::contract::{Checks, Fault, Fold, Rng, Split, Splitter, params};
use crate::diag::{Code, Diagnostic, Result};
use crate::table::Rows;

params! {
    /// Cuts the rows into consecutive folds of nearly equal size; the first `rows mod n_splits` folds have one row more.
    pub struct KFold {
        /// The number of folds.
        n_splits: usize = 5, Bound::AtLeast(2.0);
        /// Shuffle the rows before they are cut.
        shuffle: bool = false, Bound::Any;
        /// The seed of the shuffle; the file's `seed` where none is written.
        random_state: Option<u32> = None, Bound::Any;
    }
    without_effect: [];
}

impl Checks for KFold {
    fn check(&self) -> Vec<Fault> {
        super::idle_random_state(self.shuffle, self.random_state)
    }
}

impl Splitter for KFold {
    const STRATIFIES: bool = false;

    fn n_splits(&self) -> usize {
        self.n_splits
    }

    fn split(&self, input: &Split) -> Result<(Vec<Fold>, Vec<Diagnostic>)> {
        let (rows, k) = (input.rows, self.n_splits);
        if k > rows {
            let message = format!("{k} folds cannot be made of {}", super::rows_in_words(rows));
            return Err(Code::BadFolds.error(message).help("use fewer folds, or more rows"));
        }
        let shuffled =
            self.shuffle.then(|| Rng::seeded(self.random_state.unwrap_or(input.seed)).permutation(rows));
        let mut start = 0;
        let mut folds = Vec::with_capacity(k);
        for fold in 0..k {
            let end = start + rows / k + usize::from(fold < rows % k);
            let mut hole: Vec<u32> = match &shuffled {
                Some(order) => order[start..end].to_vec(),
                None => (start as u32..end as u32).collect(),
            };
            hole.sort_unstable();
            let test = match shuffled {
                Some(_) => Rows::List(hole.clone().into()),
                None => Rows::Range(start as u32..end as u32),
            };
            folds.push(Fold { train: Rows::Except { all: rows as u32, hole: hole.into() }, test });
            start = end;
        }
        Ok((folds, Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests_of(splitter: &KFold, rows: usize) -> Vec<Vec<u32>> {
        let (folds, _) = splitter.split(&Split { rows, classes: None, seed: 0 }).unwrap();
        folds.iter().map(|fold| fold.test.iter().collect()).collect()
    }

    #[test]
    fn eleven_rows_in_four_folds() {
        let splitter = KFold { n_splits: 4, ..KFold::default() };
        assert_eq!(tests_of(&splitter, 11), [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8], vec![9, 10]]);
    }

    /// `list(KFold(3, shuffle=True, random_state=42).split(range(10)))`.
    #[test]
    fn shuffled_folds_are_those_of_scikit_learn() {
        let splitter = KFold { n_splits: 3, shuffle: true, random_state: Some(42) };
        assert_eq!(tests_of(&splitter, 10), [vec![0, 1, 5, 8], vec![2, 7, 9], vec![3, 4, 6]]);
    }

    #[test]
    fn more_folds_than_rows_are_refused() {
        let error = KFold::default().split(&Split { rows: 4, classes: None, seed: 0 }).unwrap_err();
        assert_eq!(error.code(), Code::BadFolds);
    }
}
