//! The raw positions as columns that the fits of all folds share.

use super::layout::{Layout, Place};
use super::products::Factor;
use crate::linalg::Blocks;
use crate::table::{Column, MISSING, Table};

/// Some positions of a table in memory, made block by block: no more than a block of indicators is ever there.
pub struct SharedColumns<'a> {
    rows: usize,
    columns: Vec<Shared<'a>>,
    products: Vec<Product<'a>>,
}

/// A product of numbers less its shift.
struct Product<'a> {
    factors: Vec<(&'a [f64], Factor)>,
    shift: f64,
}

/// A position.
#[derive(Clone, Copy)]
enum Shared<'a> {
    /// `x - shift`; 0 where missing.
    Number { values: &'a [f64], shift: f64, holes: bool },
    /// Whether a number is missing.
    Hole(&'a [f64]),
    /// Whether a row has this code.
    Level(&'a [u32], u32),
    /// One of the products.
    Product(usize),
}

impl<'a> SharedColumns<'a> {
    /// The positions, in this order, of the table that the layout was made of.
    pub fn new(layout: &Layout, table: &'a Table, positions: &[u32]) -> Self {
        let mut all = Vec::with_capacity(layout.features);
        for (place, column) in layout.places.iter().zip(table.columns()) {
            match (place, column) {
                (Place::Number { shift, missing, .. }, Column::Number(values)) => {
                    all.push(Shared::Number { values, shift: *shift, holes: missing.is_some() });
                    all.extend(missing.map(|_| Shared::Hole(values)));
                }
                (Place::Category { levels, missing, .. }, Column::Codes { codes, .. }) => {
                    all.extend((0..levels.len() as u32).map(|level| Shared::Level(codes, level)));
                    all.extend(missing.map(|_| Shared::Level(codes, MISSING)));
                }
                // The layout was made of the types of these columns.
                _ => unreachable!("a column changed its type"),
            }
        }
        let number = |column: &'a Column| match column {
            Column::Number(values) => Some(&values[..]),
            Column::Codes { .. } => None,
        };
        let numbers: Vec<&[f64]> = table.columns().iter().filter_map(number).collect();
        let mut products = Vec::new();
        let mut column = |at: u32| {
            all.get(at as usize).copied().unwrap_or_else(|| {
                let product = at as usize - layout.products.at;
                let of = |factor: Factor| (numbers[factor.number], factor);
                products.push(Product {
                    factors: layout.products.factors(product).into_iter().map(of).collect(),
                    shift: layout.products.shifts[product],
                });
                Shared::Product(products.len() - 1)
            })
        };
        let columns = positions.iter().map(|at| column(*at)).collect();
        Self { rows: table.rows(), columns, products }
    }
}

impl Blocks for SharedColumns<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns.len()
    }

    fn fill(&self, start: usize, rows: usize, into: &mut [f64]) {
        for (column, into) in self.columns.iter().zip(into.chunks_exact_mut(rows)) {
            let flag = |set: bool| f64::from(u8::from(set));
            match *column {
                Shared::Number { values, shift, holes: false } => {
                    into.iter_mut().zip(&values[start..]).for_each(|(into, x)| *into = x - shift);
                }
                Shared::Number { values, shift, holes: true } => {
                    let shifted = |x: f64| if x.is_nan() { 0.0 } else { x - shift };
                    into.iter_mut().zip(&values[start..]).for_each(|(into, x)| *into = shifted(*x));
                }
                Shared::Hole(values) => {
                    into.iter_mut().zip(&values[start..]).for_each(|(into, x)| *into = flag(x.is_nan()));
                }
                Shared::Product(k) => self.products[k].fill(start, into),
                Shared::Level(codes, level) => {
                    into.iter_mut()
                        .zip(&codes[start..])
                        .for_each(|(into, code)| *into = flag(*code == level));
                }
            }
        }
    }
}

impl Product<'_> {
    /// The same multiplications as those whose moments are made.
    fn fill(&self, start: usize, into: &mut [f64]) {
        into.fill(1.0);
        for (values, Factor { shift, inverse, .. }) in &self.factors {
            into.iter_mut().zip(&values[start..]).for_each(|(into, x)| *into *= (x - shift) * inverse);
        }
        into.iter_mut().for_each(|into| *into -= self.shift);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::table::{Data, Field, Kind, Levels, Schema, Target};

    #[test]
    fn positions_are_shifted_numbers_and_indicators() {
        let levels = Arc::new(Levels::new(vec!["a".into(), "b".into()], false));
        let field = |name: &str, kind| Field { name: name.into(), kind };
        let schema =
            Schema::new(vec![field("x", Kind::Number), field("c", Kind::Category), field("z", Kind::Number)]);
        let columns = vec![
            Column::Number(vec![1.0, f64::NAN, 4.0].into()),
            Column::Codes { codes: vec![1, MISSING, 0].into(), levels },
            Column::Number(vec![7.0, 8.0, 9.0].into()),
        ];
        let table = Table::new(schema, columns).unwrap();
        let target = Target::Values(crate::linalg::Matrix::zeros(3, 1));
        let layout =
            Layout::of(&Data::from(table.clone()), &target, &crate::plan::Products::default()).unwrap();
        assert_eq!(layout.features, 6);
        let read = |positions: &[u32], start: usize, rows: usize| {
            let mut into = vec![f64::NAN; rows * positions.len()];
            SharedColumns::new(&layout, &table, positions).fill(start, rows, &mut into);
            into
        };
        assert_eq!(read(&[0, 1], 0, 3), [-1.5, 0.0, 1.5, 0.0, 1.0, 0.0]);
        assert_eq!(read(&[2, 3, 4], 0, 3), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(read(&[5, 2], 1, 2), [0.0, 1.0, 0.0, 1.0]);
    }
}
