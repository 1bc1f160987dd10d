//! Order statistics of raw number columns over a fold's training rows: they do not merge, so the values are sorted once for
//! all folds, each beside its cell.

use std::sync::{Arc, OnceLock};

use crate::diag::Result;
use crate::table::{Column, Data, RUN_ROWS};

/// The sorted values of a table's number columns, each column read and sorted when it is first asked for.
pub struct Orders<'a> {
    data: &'a Data,
    cell_of: Arc<[u16]>,
    columns: Vec<OnceLock<Result<Vec<Ranked>>>>,
}

/// A value as a number that sorts as it does, and its row's cell.
type Ranked = (u64, u16);

impl<'a> Orders<'a> {
    /// Of a table whose rows are of these cells.
    pub fn new(data: &'a Data, cell_of: Arc<[u16]>) -> Self {
        Self { data, cell_of, columns: (0..data.width()).map(|_| OnceLock::new()).collect() }
    }

    /// The present values of number column `j`, ascending, but for the rows of cell `except`.
    ///
    /// # Errors
    /// Whatever reading the column meets.
    pub fn sorted(&self, j: usize, except: Option<u16>) -> Result<Vec<f64>> {
        let all = self.columns[j].get_or_init(|| self.sort(j)).as_ref().map_err(Clone::clone)?;
        let kept = all.iter().filter(|(_, cell)| Some(*cell) != except);
        Ok(kept.map(|(key, _)| value_of(*key)).collect())
    }

    fn sort(&self, j: usize) -> Result<Vec<Ranked>> {
        let scan = self.data.scan().select(&[j]);
        let mut all: Vec<Ranked> = Vec::with_capacity(self.data.rows());
        for unit in 0..scan.units() {
            let table = scan.unit(unit)?;
            if let [Column::Number(values)] = table.columns() {
                let present = values.iter().zip(&self.cell_of[unit * RUN_ROWS..]);
                let present = present.filter(|(value, _)| !value.is_nan());
                all.extend(present.map(|(value, cell)| (key_of(*value), *cell)));
            }
        }
        all.sort_unstable();
        Ok(all)
    }
}

/// A whole number that sorts as the value does, by [`f64::total_cmp`]: it turns all bits of what is negative, else the sign.
fn key_of(value: f64) -> u64 {
    let bits = value.to_bits();
    if value.is_sign_negative() { !bits } else { bits | 1 << 63 }
}

fn value_of(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::{Orders, key_of, value_of};
    use crate::table::{Column, Data, Field, Kind, Schema, Table};

    #[test]
    fn keys_sort_as_values_do() {
        let values = [f64::NEG_INFINITY, -2.5, -1e-310, -0.0, 0.0, 1e-310, 1.0, 2.5, f64::INFINITY];
        for (a, b) in values.iter().zip(&values[1..]) {
            assert!(key_of(*a) < key_of(*b), "{a} {b}");
        }
        assert!(values.iter().all(|value| value_of(key_of(*value)).to_bits() == value.to_bits()));
    }

    #[test]
    fn a_cell_is_left_out_and_so_is_what_is_missing() {
        let column = Column::Number(vec![3.0, -1.0, f64::NAN, 2.0, 3.0].into());
        let schema = Schema::new(vec![Field { name: "x".to_owned(), kind: Kind::Number }]);
        let table = Data::from(Table::new(schema, vec![column]).unwrap());
        let orders = Orders::new(&table, [0, 1, 1, 0, 1].into());
        assert_eq!(orders.sorted(0, None).unwrap(), [-1.0, 2.0, 3.0, 3.0]);
        assert_eq!(orders.sorted(0, Some(0)).unwrap(), [-1.0, 3.0]);
        assert_eq!(orders.sorted(0, Some(1)).unwrap(), [2.0, 3.0]);
    }
}
