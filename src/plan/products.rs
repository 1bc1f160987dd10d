//! The products of raw columns that the steps of the two-pass path multiply out.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::Monomials;
use crate::linalg::BLOCK;
use crate::table::RUN_ROWS;

/// Rows whose moments are made together where there are products.
pub(super) const PART_ROWS: usize = 4 * BLOCK;

/// What one step multiplies: monomials of features, each of which is made of one raw column.
#[derive(Clone, Debug, PartialEq)]
pub struct Multiplied {
    /// The raw column of each feature, by its place in the table.
    pub columns: Vec<usize>,
    /// The monomials of the features.
    pub monomials: Monomials,
}

/// Products of raw columns, with every divisor of each.
///
/// A factor is a column or a product: first the columns are counted, then the products.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Products {
    columns: Vec<usize>,
    products: Vec<(u32, u32)>,
    /// The place of a factor times a column that stands nowhere before the factor's last.
    children: BTreeMap<(u32, u32), u32>,
}

impl Products {
    /// All products of some steps, each once.
    pub fn of(steps: &[Multiplied]) -> Self {
        let columns: BTreeSet<usize> = steps.iter().flat_map(|step| step.columns.iter().copied()).collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        // Shorter ones first, so that a product stands behind its factor.
        let mut all: BTreeSet<(usize, Vec<u32>)> = BTreeSet::new();
        for (i, step) in steps.iter().enumerate() {
            if !steps[..i].contains(step) {
                all.extend(factors_of(step, &columns).into_iter().map(|factors| (factors.len(), factors)));
            }
        }
        let mut products = Self { columns, products: Vec::new(), children: BTreeMap::new() };
        for (length, factors) in all {
            if length > 1
                && let [before @ .., last] = &factors[..]
                && let Some(factor) = products.find(before)
            {
                let place = (products.columns.len() + products.products.len()) as u32;
                products.children.insert((factor, *last), place);
                products.products.push((factor, *last));
            }
        }
        products
    }

    /// The raw columns that are multiplied, ascending, by their places in the table.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Each product as a factor that stands before it, and the column that multiplies it.
    pub fn products(&self) -> &[(u32, u32)] {
        &self.products
    }

    /// Rows whose moments are made together: products make so much work of a unit that its parts are worked on side by
    /// side. Cut on the global row index.
    pub fn part_rows(&self) -> usize {
        if self.products.is_empty() { RUN_ROWS } else { PART_ROWS }
    }

    /// The column of this place in the table.
    pub fn column(&self, place: usize) -> Option<u32> {
        self.columns.binary_search(&place).ok().map(|column| column as u32)
    }

    /// The factor `times` a column. None has only columns before the column; nothing is 1.
    pub fn times(&self, factor: Option<u32>, column: u32) -> Option<u32> {
        factor.map_or(Some(column), |factor| self.children.get(&(factor, column)).copied())
    }

    /// The factor that is the product of ascending columns.
    fn find(&self, columns: &[u32]) -> Option<u32> {
        columns.iter().try_fold(None, |factor, column| self.times(factor, *column).map(Some)).flatten()
    }
}

/// Each monomial of a step as its columns, ascending, with repetition.
fn factors_of(step: &Multiplied, columns: &[usize]) -> Vec<Vec<u32>> {
    let mut all: Vec<Vec<u32>> = Vec::with_capacity(step.monomials.products.len());
    for product in &step.monomials.products {
        let column = columns.partition_point(|place| *place < step.columns[product.feature as usize]) as u32;
        let mut factors = product.of.map_or_else(Vec::new, |of| all[of as usize].clone());
        factors.insert(factors.partition_point(|factor| *factor < column), column);
        all.push(factors);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(columns: &[usize], degree: usize, interaction_only: bool) -> Multiplied {
        let monomials = Monomials::new(columns.len(), (0, degree), interaction_only, true).unwrap();
        Multiplied { columns: columns.to_vec(), monomials }
    }

    #[test]
    fn steps_share_what_they_have_in_common() {
        let cubic = step(&[4, 1], 3, false);
        let products = Products::of(&[step(&[1, 4], 2, false), cubic.clone(), cubic]);
        assert_eq!(products.columns(), [1, 4]);
        // 1 1, 1 4, 4 4, and of degree 3: 1 1 1, 1 1 4, 1 4 4, 4 4 4.
        assert_eq!(products.products(), [(0, 0), (0, 1), (1, 1), (2, 0), (2, 1), (3, 1), (4, 1)]);
        assert_eq!(products.times(None, 1), Some(1));
        assert_eq!(products.times(Some(3), 1), Some(7));
        assert_eq!(products.times(Some(3), 0), None, "factors ascend");
        assert_eq!(products.column(4), Some(1));
        assert_eq!(products.column(2), None);
    }

    #[test]
    fn one_column_in_two_features_is_squared() {
        let products = Products::of(&[step(&[7, 7], 2, true)]);
        assert_eq!((products.columns(), products.products()), (&[7][..], &[(0, 0)][..]));
        assert_eq!(Products::of(&[]), Products::default());
    }
}
