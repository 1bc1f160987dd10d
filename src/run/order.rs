//! Order statistics of raw number columns over a fold's training rows: they do not merge, so the values are sorted once for
//! all folds, each beside its cell.

use std::sync::{Arc, OnceLock};

use crate::table::{Column, Table};

/// The sorted values of a table's number columns, each column sorted when it is first asked for.
pub struct Orders<'a> {
    table: &'a Table,
    cell_of: Arc<[u16]>,
    columns: Vec<OnceLock<Vec<(u64, u16)>>>,
}

impl<'a> Orders<'a> {
    /// Of a table whose rows are of these cells.
    pub fn new(table: &'a Table, cell_of: Arc<[u16]>) -> Self {
        Self { table, cell_of, columns: table.columns().iter().map(|_| OnceLock::new()).collect() }
    }

    /// The present values of number column `j`, ascending, but for the rows of cell `except`.
    pub fn sorted(&self, j: usize, except: Option<u16>) -> Vec<f64> {
        let all = self.columns[j].get_or_init(|| self.sort(j));
        let kept = all.iter().filter(|(_, cell)| Some(*cell) != except);
        kept.map(|(key, _)| value_of(*key)).collect()
    }

    fn sort(&self, j: usize) -> Vec<(u64, u16)> {
        let Column::Number(values) = &self.table.columns()[j] else { return Vec::new() };
        let present = values.iter().zip(&*self.cell_of).filter(|(value, _)| !value.is_nan());
        let mut keys: Vec<(u64, u16)> = present.map(|(value, cell)| (key_of(*value), *cell)).collect();
        keys.sort_unstable();
        keys
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
    use crate::table::{Column, Field, Kind, Schema, Table};

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
        let table = Table::new(schema, vec![column]).unwrap();
        let orders = Orders::new(&table, [0, 1, 1, 0, 1].into());
        assert_eq!(orders.sorted(0, None), [-1.0, 2.0, 3.0, 3.0]);
        assert_eq!(orders.sorted(0, Some(0)), [-1.0, 3.0]);
        assert_eq!(orders.sorted(0, Some(1)), [2.0, 3.0]);
    }
}
