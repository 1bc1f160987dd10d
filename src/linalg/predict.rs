//! Predictions of linear models: the same bits for a row, whatever rows stand beside it.
//!
//! The value of a row is ((intercept + x_0 b_0) + x_1 b_1) + ..., every product and its sum rounded once, together. Vectors
//! run along the rows and all is fused everywhere (slowly, where the processor cannot), so neither the place of a row in a
//! batch nor the processor nor the number of models that are evaluated together changes a bit. Ties between equal rows
//! stay ties.

use super::moments::BLOCK;
use super::sums::vectorised;

/// Columns that are added in one sweep over the output.
const SWEEP: usize = 4;

/// The predictions of one model for rows given by columns.
///
/// # Panics
/// When there is not one coefficient a column, or a column has another length than the first (none: no rows).
pub fn linear(columns: &[&[f64]], coef: &[f64], intercept: f64) -> Vec<f64> {
    let mut out = vec![0.0; columns.first().map_or(0, |column| column.len())];
    linear_into(&mut out, columns, coef, intercept);
    out
}

/// [`linear`], written to `out`; without columns every row gets the intercept.
///
/// # Panics
/// When there is not one coefficient a column, or a column is not as long as `out`.
pub fn linear_into(out: &mut [f64], columns: &[&[f64]], coef: &[f64], intercept: f64) {
    assert_eq!(columns.len(), coef.len(), "one coefficient a column");
    assert!(columns.iter().all(|column| column.len() == out.len()), "columns as long as the output");
    for (index, out) in out.chunks_mut(BLOCK).enumerate() {
        let from = index * BLOCK;
        out.fill(intercept);
        sweep(out, columns, None, coef, from);
    }
}

/// Adds the columns' rows from `from` on to `out`, a few columns in each sweep. Nothing is taken from columns without
/// shifts, which is what taking 0 gives.
pub(super) fn sweep(out: &mut [f64], columns: &[&[f64]], shifts: Option<&[f64]>, coef: &[f64], from: usize) {
    let to = from + out.len();
    let zeros = [0.0; SWEEP];
    vectorised(
        #[inline(always)]
        || {
            for (k, (columns, coef)) in columns.chunks(SWEEP).zip(coef.chunks(SWEEP)).enumerate() {
                let shifts = shifts.map_or(&zeros[..], |shifts| &shifts[k * SWEEP..]);
                if let (&[a, b, c, d], &[p, q, r, s], &[e, f, g, h, ..]) = (columns, coef, shifts) {
                    let (a, b, c, d) = (&a[from..to], &b[from..to], &c[from..to], &d[from..to]);
                    for (i, out) in out.iter_mut().enumerate() {
                        let (a, b, c, d) = (a[i] - e, b[i] - f, c[i] - g, d[i] - h);
                        *out = d.mul_add(s, c.mul_add(r, b.mul_add(q, a.mul_add(p, *out))));
                    }
                } else {
                    for ((column, factor), shift) in columns.iter().zip(coef).zip(shifts) {
                        let x = column[from..to].iter();
                        out.iter_mut().zip(x).for_each(|(out, x)| *out = (x - shift).mul_add(*factor, *out));
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize, p: usize) -> Vec<Vec<f64>> {
        (0..p).map(|j| (0..rows).map(|i| ((i * 7 + j * 13) % 101) as f64 / 7.0 - 5.0).collect()).collect()
    }

    fn part(columns: &[Vec<f64>], from: usize, to: usize) -> Vec<&[f64]> {
        columns.iter().map(|column| &column[from..to]).collect()
    }

    #[test]
    fn a_row_has_the_same_bits_in_any_batch() {
        let (rows, p) = (2 * BLOCK + 77, 11);
        let columns = table(rows, p);
        let coef: Vec<f64> = (0..p).map(|j| 1.0 / (3 + j) as f64 - 0.07).collect();
        let all = linear(&part(&columns, 0, rows), &coef, 0.1);
        for (from, to) in [(0, 1), (5, 6), (1, 40), (2040, 2100), (100, 4000), (4172, 4173)] {
            assert_eq!(linear(&part(&columns, from, to), &coef, 0.1), all[from..to]);
        }
        for i in [0, 31, 32, 2047, 2048, rows - 1] {
            let plain = (0..p).fold(0.1, |sum, j| columns[j][i].mul_add(coef[j], sum));
            assert_eq!(plain.to_bits(), all[i].to_bits());
        }
    }

    #[test]
    fn no_columns_give_the_intercept() {
        assert!(linear(&[], &[], 2.0).is_empty());
        let mut out = [0.0; 3];
        linear_into(&mut out, &[], &[], 2.0);
        assert_eq!(out, [2.0; 3]);
    }
}
