//! Columns that do not vary.

use super::LogisticGrid;
use super::fold_weights::FoldWeights;
use super::moments::BLOCK;

/// The values that a column has in the rows of a fold.
#[derive(Clone, Copy, PartialEq)]
enum Values {
    None,
    One(f64),
    Many,
}

impl Values {
    fn add(&mut self, value: f64) {
        *self = match *self {
            Values::None => Values::One(value),
            Values::One(own) if own == value => Values::One(own),
            _ => Values::Many,
        };
    }
}

/// For each of the grid's maps, which raw columns have one value in all its training rows of some weight. Reads no
/// further than it has to.
pub(super) fn constant_columns(grid: &LogisticGrid, weights: &FoldWeights) -> Vec<Vec<bool>> {
    let (n, q, folds) = (grid.blocks.rows(), grid.blocks.columns(), grid.maps.len() - 1);
    let mut values = vec![vec![Values::None; folds + 1]; q];
    let mut block = Vec::new();
    for from in (0..n).step_by(BLOCK) {
        // Rows of every fold, or of two, have many values: so have the training rows of each.
        let many = |group: &Values| *group == Values::Many;
        let varies =
            |groups: &[Values]| many(&groups[folds]) || groups.iter().filter(|g| many(g)).count() > 1;
        let unsettled: Vec<usize> = (0..q).filter(|j| !varies(&values[*j])).collect();
        if unsettled.is_empty() {
            break;
        }
        let rows = BLOCK.min(n - from);
        block.resize(rows * q, 0.0);
        grid.blocks.fill(from, rows, &mut block);
        for j in unsettled {
            for (i, value) in block[j * rows..(j + 1) * rows].iter().enumerate() {
                if weights.counts(from + i) {
                    values[j][weights.group(from + i)].add(*value);
                }
            }
        }
    }
    let constant = |groups: &[Values], fold: usize| {
        let training = groups.iter().enumerate().filter(|(g, _)| *g != fold || fold == folds);
        let mut all = Values::None;
        for (_, group) in training {
            match group {
                Values::None => {}
                Values::One(value) => all.add(*value),
                Values::Many => all = Values::Many,
            }
        }
        all != Values::Many
    };
    (0..=folds).map(|fold| values.iter().map(|groups| constant(groups, fold)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Affine, Matrix};
    use super::*;

    #[test]
    fn columns_are_constant_in_the_rows_that_a_fold_trains_on() {
        let x = Matrix::from_columns(4, 3, vec![1.0, 1.0, 2.0, 2.0, 5.0, 5.0, 5.0, 6.0, 7.0, 7.0, 7.0, 7.0]);
        let maps = vec![(0..3).map(Affine::column).collect::<Vec<_>>(); 3];
        let of = |fold_of: &[u16], weight| {
            let grid = LogisticGrid {
                weight,
                fold_of: Some(fold_of),
                ..LogisticGrid::new(&x, &[0, 1, 0, 1], 2, &maps, &[1.0])
            };
            constant_columns(&grid, &FoldWeights::new(&grid))
        };
        let all = vec![false, false, true];
        assert_eq!(of(&[0, 0, 1, 1], None), [vec![true, false, true], vec![true, true, true], all.clone()]);
        assert_eq!(of(&[0, 1, 0, 1], None), [vec![false, false, true], vec![false, true, true], all.clone()]);
        // Rows that no fold leaves out.
        assert_eq!(of(&[9, 9, 9, 9], None), vec![all; 3]);
        let last = of(&[0, 0, 1, 1], Some(&[1.0, 1.0, 1.0, 0.0]));
        assert_eq!(last[2], [false, true, true]);
    }
}
