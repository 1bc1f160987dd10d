//! The rows that early stopping is judged by.

use crate::contract::Rng;
use crate::diag::{Code, Result};

/// The first split of `ShuffleSplit(test_size=share, random_state=state)`.
///
/// # Errors
/// `EmptyData` when no row is left on a side.
pub(super) fn shuffled(rows: usize, share: f64, state: u32) -> Result<Vec<bool>> {
    let count = count(rows, share)?;
    let mut held_out = vec![false; rows];
    Rng::seeded(state).permutation(rows)[..count].iter().for_each(|i| held_out[*i as usize] = true);
    Ok(held_out)
}

/// The first split of `StratifiedShuffleSplit(test_size=share, random_state=state)`, for rows of so many classes.
///
/// # Errors
/// `EmptyData` when there are too few rows of a class or on a side.
pub(super) fn stratified(codes: &[u32], classes: usize, share: f64, state: u32) -> Result<Vec<bool>> {
    let test = count(codes.len(), share)?;
    let train = codes.len() - test;
    let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); classes];
    codes.iter().enumerate().for_each(|(i, code)| of_class[*code as usize].push(i));
    if of_class.iter().any(|rows| rows.len() < 2) || train.min(test) < classes {
        let message =
            format!("early stopping holds {test} of {} rows out, too few for {classes} classes", codes.len());
        return Err(Code::EmptyData.error(message).help("leave `early_stopping` out, or take more rows"));
    }
    let mut rng = Rng::seeded(state);
    let counts: Vec<usize> = of_class.iter().map(Vec::len).collect();
    let trained = allotted(&counts, train, &mut rng);
    let left: Vec<usize> = counts.iter().zip(&trained).map(|(count, trained)| count - trained).collect();
    let tested = allotted(&left, test, &mut rng);
    let mut held_out = vec![false; codes.len()];
    for ((rows, trained), tested) in of_class.iter().zip(trained).zip(tested) {
        let order = rng.permutation(rows.len());
        order[trained..trained + tested].iter().for_each(|at| held_out[rows[*at as usize]] = true);
    }
    Ok(held_out)
}

fn count(rows: usize, share: f64) -> Result<usize> {
    let count = (share * rows as f64).ceil() as usize;
    if count == 0 || count >= rows {
        let message = format!("early stopping holds {count} of {rows} rows out, which leaves none on a side");
        return Err(Code::EmptyData.error(message).help("leave `early_stopping` out, or take more rows"));
    }
    Ok(count)
}

/// How many of so many draws are of each class: by its share, and what is left by the greatest remainders, ties by lot.
fn allotted(counts: &[usize], draws: usize, rng: &mut Rng) -> Vec<usize> {
    let all: usize = counts.iter().sum();
    let shares: Vec<f64> = counts.iter().map(|count| *count as f64 / all as f64 * draws as f64).collect();
    let mut allotted: Vec<usize> = shares.iter().map(|share| share.floor() as usize).collect();
    let mut left = draws.saturating_sub(allotted.iter().sum());
    let remainder = |k: usize| shares[k] - shares[k].floor();
    let mut remainders: Vec<f64> = (0..counts.len()).map(remainder).collect();
    remainders.sort_by(|a, b| b.total_cmp(a));
    remainders.dedup();
    for value in remainders {
        if left == 0 {
            break;
        }
        let tied: Vec<usize> = (0..counts.len()).filter(|k| remainder(*k) == value).collect();
        let now = tied.len().min(left);
        rng.permutation(tied.len())[..now].iter().for_each(|at| allotted[tied[*at as usize]] += 1);
        left -= now;
    }
    allotted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(held_out: Vec<bool>) -> Vec<usize> {
        (0..held_out.len()).filter(|i| held_out[*i]).collect()
    }

    /// `next(ShuffleSplit(test_size=0.3, random_state=5).split(zeros(10)))` and `StratifiedShuffleSplit` of the same for three
    /// classes, sorted.
    #[test]
    fn rows_are_those_that_scikit_learn_holds_out() {
        assert_eq!(places(shuffled(10, 0.3, 5).unwrap()), [2, 5, 9]);
        let codes: Vec<u32> = (0..23).map(|i| [0, 1, 0, 2, 1][i % 5]).collect();
        assert_eq!(places(stratified(&codes, 3, 0.3, 5).unwrap()), [1, 3, 7, 15, 16, 20, 21]);
    }

    #[test]
    fn too_few_rows_are_an_error() {
        assert!(shuffled(1, 0.1, 0).is_err());
        assert!(stratified(&[0, 0, 1], 2, 0.4, 0).is_err());
    }
}
