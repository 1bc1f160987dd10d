//! The positions of products: of every number column that a step multiplies `u = (x - s) / g` is taken, and a product position
//! holds a product of powers of some of these.
//!
//! `s` is the column's shift and `g` the power of two next to its deviation in the first rows, frozen like `s`: powers of `u`
//! neither overflow nor dwarf each other, and no digit is lost on the way from `x - s` to `u`. A product of features that are
//! affine in one column each, `a u + b`, is then a sum over product positions, whatever a fold made of `a` and `b`.

use std::collections::BTreeMap;

use super::layout::{Place, first_mean};
use crate::contract::Power;
use crate::linalg::{Affine, BLOCK, multiply};
use crate::plan::Products;
use crate::table::{Column, Table};

/// Columns whose values lie further from 0 than so many of their deviations lose too many digits as `a u + b`.
const FAR: f64 = 1e5;

/// The positions of products, and what their columns are divided by.
#[derive(Clone, Debug, Default)]
pub struct ProductPlaces {
    products: Products,
    columns: Vec<Multiplied>,
    /// The position of the first product.
    pub at: usize,
    /// What is taken from each product: its mean in the first rows.
    pub shifts: Vec<f64>,
}

/// A column that is multiplied.
#[derive(Clone, Copy, Debug)]
struct Multiplied {
    /// The position of `x - s`.
    at: usize,
    /// Which of the numbers it is.
    number: usize,
    shift: f64,
    /// `g`, a power of two, and one over it.
    scale: f64,
    inverse: f64,
}

/// A factor of a product: `(x - shift) * inverse`.
#[derive(Clone, Copy, Debug)]
pub struct Factor {
    /// Which of the table's numbers `x` is.
    pub number: usize,
    /// What is taken from it.
    pub shift: f64,
    /// One over what it is divided by.
    pub inverse: f64,
}

/// A feature that is affine in a column which is multiplied: `factor * u + offset`.
#[derive(Clone, Copy, Debug)]
pub struct Scaled {
    column: u32,
    factor: f64,
    offset: f64,
}

impl ProductPlaces {
    /// The positions from `at` on, for raw columns at these places; `first` are the table's first rows.
    pub fn new(products: &Products, places: &[Place], at: usize, first: &Table) -> Self {
        let mut made = Self { products: products.clone(), columns: Vec::new(), at, shifts: Vec::new() };
        let rows = first.rows().min(BLOCK);
        let mut numbers: Vec<&[f64]> = Vec::new();
        for (j, (place, column)) in places.iter().zip(first.columns()).enumerate() {
            let (Place::Number { at, shift, .. }, Column::Number(values)) = (place, column) else { continue };
            if products.column(j).is_some() {
                let scale = power_of_two(deviation(&values[..rows], *shift));
                let number = numbers.len();
                made.columns.push(Multiplied { at: *at, number, shift: *shift, scale, inverse: 1.0 / scale });
            }
            numbers.push(&values[..rows]);
        }
        let mut buffer = Vec::new();
        made.fill(&numbers, rows, &mut buffer);
        made.shifts = made.columns(&buffer, rows).map(|values| first_mean(values).unwrap_or(0.0)).collect();
        made
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.products.products().len()
    }

    /// The products in a block of rows of all numbers; [`ProductPlaces::columns`] finds them in the buffer.
    pub fn fill(&self, numbers: &[&[f64]], rows: usize, buffer: &mut Vec<f64>) {
        if self.len() == 0 || rows == 0 {
            return;
        }
        buffer.resize(buffer.len().max((self.columns.len() + self.len()) * rows), 0.0);
        for (column, into) in self.columns.iter().zip(buffer.chunks_exact_mut(rows)) {
            let values = numbers[column.number].iter();
            into.iter_mut().zip(values).for_each(|(u, x)| *u = (x - column.shift) * column.inverse);
        }
        for (k, (factor, column)) in self.products.products().iter().enumerate() {
            let (before, own) = buffer.split_at_mut((self.columns.len() + k) * rows);
            let of = |factor: u32| &before[factor as usize * rows..][..rows];
            multiply(&mut own[..rows], of(*factor), of(*column));
        }
    }

    /// The products that a block's buffer holds.
    pub fn columns<'b>(&self, buffer: &'b [f64], rows: usize) -> impl Iterator<Item = &'b [f64]> {
        let skipped = self.columns.len();
        buffer.chunks_exact(rows.max(1)).skip(skipped).take(self.len())
    }

    /// The factors of a product in their order: each is `(x - shift) * inverse` of one of the table's numbers.
    pub fn factors(&self, product: usize) -> Vec<Factor> {
        let factor = |column: u32| {
            let Multiplied { number, shift, inverse, .. } = self.columns[column as usize];
            Factor { number, shift, inverse }
        };
        let mut factors = Vec::new();
        let mut at = product + self.columns.len();
        // Every product is one that stands before it, or a column, times a column.
        while let Some(product) = at.checked_sub(self.columns.len()) {
            let (before, column) = self.products.products()[product];
            factors.push(factor(column));
            at = before as usize;
        }
        factors.push(factor(at as u32));
        factors.reverse();
        factors
    }

    /// A feature `scale * x + offset` of the raw column at a place in the table; `None` where products of it would lose
    /// digits, or are not collected.
    pub fn scaled(&self, raw: usize, scale: f64, offset: f64) -> Option<Scaled> {
        let column = self.products.column(raw)?;
        let own = &self.columns[column as usize];
        let near = own.shift.abs() <= FAR * own.scale || own.shift == 0.0;
        near.then_some(Scaled { column, factor: scale * own.scale, offset: scale * own.shift + offset })
    }

    /// A product of powers of features as a sum over positions; `None` where a product is not collected.
    pub fn expanded(&self, powers: &[Power], features: &[Scaled]) -> Option<Affine> {
        let mut powers = powers.to_vec();
        powers.sort_by_key(|(feature, _)| features[*feature as usize].column);
        let mut sum: BTreeMap<Option<u32>, f64> = BTreeMap::from([(None, 1.0)]);
        for (feature, exponent) in powers {
            let feature = &features[feature as usize];
            let mut next = BTreeMap::new();
            for (mut factor, own) in sum {
                for (k, binomial) in binomial(exponent, feature).into_iter().enumerate() {
                    if k > 0 {
                        factor = Some(self.products.times(factor, feature.column)?);
                    }
                    if binomial != 0.0 {
                        *next.entry(factor).or_insert(0.0) += own * binomial;
                    }
                }
            }
            sum = next;
        }
        let mut form = Affine::constant(0.0);
        for (factor, own) in sum {
            match factor.map(|factor| factor as usize) {
                None => form.offset += own,
                Some(column) if column < self.columns.len() => {
                    let column = &self.columns[column];
                    form.terms.push((column.at as u32, own * column.inverse));
                }
                Some(factor) => {
                    let product = factor - self.columns.len();
                    form.offset += own * self.shifts[product];
                    form.terms.push(((self.at + product) as u32, own));
                }
            }
        }
        Some(form)
    }
}

/// The coefficients of the powers of u, from 0, in `(factor u + offset)^exponent`.
fn binomial(exponent: u32, feature: &Scaled) -> Vec<f64> {
    let mut coefficients = vec![1.0];
    for _ in 0..exponent {
        let mut next = vec![0.0; coefficients.len() + 1];
        for (k, own) in coefficients.iter().enumerate() {
            next[k] += own * feature.offset;
            next[k + 1] += own * feature.factor;
        }
        coefficients = next;
    }
    coefficients
}

/// The standard deviation about a shift.
fn deviation(values: &[f64], shift: f64) -> f64 {
    let squares: f64 = values.iter().map(|x| (x - shift) * (x - shift)).sum();
    (squares / values.len() as f64).sqrt()
}

/// The power of two next to a deviation; 1 where there is none to speak of.
fn power_of_two(deviation: f64) -> f64 {
    let exponent = deviation.log2().round();
    if exponent.abs() <= 1000.0 { 2.0_f64.powi(exponent as i32) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Monomials;
    use crate::plan::Multiplied as Step;
    use crate::table::{Field, Kind, Schema};

    const ROWS: usize = 40;

    /// Two numbers with a third between them that is not multiplied.
    fn table() -> Table {
        let wave =
            |step: usize| (0..ROWS).map(|i| ((i * step) % 19) as f64 * 0.37 + 5.0).collect::<Vec<f64>>();
        let schema = ["a", "b", "c"].map(|name| Field { name: name.to_owned(), kind: Kind::Number });
        let columns = [3, 5, 7].map(|step| Column::Number(wave(step).into()));
        Table::new(Schema::new(schema.to_vec()), columns.to_vec()).unwrap()
    }

    fn made(degree: usize) -> (ProductPlaces, Vec<Place>) {
        let monomials = Monomials::new(2, (0, degree), false, true).unwrap();
        let products = Products::of(&[Step { columns: vec![2, 0], monomials }]);
        let place = |at: usize| Place::Number { at, shift: 6.0 + at as f64, missing: None };
        let places: Vec<Place> = (0..3).map(place).collect();
        (ProductPlaces::new(&products, &places, 3, &table()), places)
    }

    #[test]
    fn an_expanded_product_is_the_product() {
        let (products, _) = made(4);
        let table = table();
        let numbers: Vec<&[f64]> = table
            .columns()
            .iter()
            .map(|column| match column {
                Column::Number(values) => &values[..],
                Column::Codes { .. } => &[],
            })
            .collect();
        let mut buffer = Vec::new();
        products.fill(&numbers, ROWS, &mut buffer);
        let features = [(2, 0.5, -1.25), (0, -3.0, 0.7)];
        let scaled = features.map(|(raw, scale, offset)| products.scaled(raw, scale, offset).unwrap());
        for powers in [vec![], vec![(0, 1)], vec![(1, 2)], vec![(0, 1), (1, 3)], vec![(0, 2), (1, 2)]] {
            let form = products.expanded(&powers, &scaled).unwrap();
            for i in 0..ROWS {
                let mut row: Vec<f64> = (0..3).map(|j| numbers[j][i] - (6.0 + j as f64)).collect();
                let own = products.columns(&buffer, ROWS).zip(&products.shifts);
                row.extend(own.map(|(column, shift)| column[i] - shift));
                let factor = |(feature, exponent): &Power| {
                    let (raw, scale, offset) = features[*feature as usize];
                    (scale * numbers[raw][i] + offset).powi(*exponent as i32)
                };
                let product: f64 = powers.iter().map(factor).product();
                assert!((form.at(&row) - product).abs() <= 1e-12 * (1.0 + product.abs()), "{powers:?}");
            }
        }
        assert_eq!(products.expanded(&[(0, 3), (1, 2)], &scaled), None, "degree 5 is not collected");
        assert!(products.scaled(1, 1.0, 0.0).is_none(), "this column is not multiplied");
    }

    #[test]
    fn scales_are_powers_of_two() {
        for (deviation, scale) in
            [(1.0, 1.0), (3.0, 4.0), (0.3, 0.25), (0.0, 1.0), (f64::NAN, 1.0), (1e-320, 1.0)]
        {
            assert_eq!(power_of_two(deviation), scale, "{deviation}");
        }
    }
}
