//! Predictions of linear models: the same bits for a row, whatever rows stand beside it.
//!
//! The value of a row is ((intercept + x_0 b_0) + x_1 b_1) + ..., every product and sum rounded by itself. Vectors
//! run along the rows and nothing is fused, so neither the place of a row in a batch nor the processor nor
//! the number of models that are evaluated together changes a bit. Ties between equal rows stay ties.

use super::Matrix;
use super::moments::BLOCK;
use super::sums::vectorised;

/// Columns that are added in one sweep over the output.
const SWEEP: usize = 4;

/// Rows and models of a tile that stays in registers.
const TILE_ROWS: usize = 32;
const TILE_MODELS: usize = 4;

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
fn sweep(out: &mut [f64], columns: &[&[f64]], shifts: Option<&[f64]>, coef: &[f64], from: usize) {
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
                        *out = (((*out + a * p) + b * q) + c * r) + d * s;
                    }
                } else {
                    for ((column, factor), shift) in columns.iter().zip(coef).zip(shifts) {
                        let x = column[from..to].iter();
                        out.iter_mut().zip(x).for_each(|(out, x)| *out += (x - shift) * factor);
                    }
                }
            }
        },
    );
}

/// The predictions of `t` models, `coef` p x t, for `rows` rows: rows x t, each column bit for bit what [`linear`] gives for
/// the columns after `shifts` were taken from them.
///
/// # Panics
/// When there is not one row of `coef` and one shift a column, not one intercept a model, or a column is not `rows` long.
pub fn linear_many(
    rows: usize,
    columns: &[&[f64]],
    shifts: &[f64],
    coef: &Matrix,
    intercept: &[f64],
) -> Matrix {
    assert!(columns.len() == coef.rows() && columns.len() == shifts.len(), "one coefficient a column");
    assert_eq!(intercept.len(), coef.columns(), "one intercept a model");
    assert!(columns.iter().all(|column| column.len() == rows), "columns of {rows} rows");
    let mut out = Matrix::zeros(rows, coef.columns());
    for from in (0..rows).step_by(BLOCK) {
        let to = (from + BLOCK).min(rows);
        let tiled = from + (to - from) / TILE_ROWS * TILE_ROWS;
        let whole = coef.columns() / TILE_MODELS * TILE_MODELS;
        for model in (0..whole).step_by(TILE_MODELS) {
            for row in (from..tiled).step_by(TILE_ROWS) {
                let tile = tile(columns, shifts, coef, intercept, row, model);
                for (k, values) in tile.iter().enumerate() {
                    out.column_mut(model + k)[row..row + TILE_ROWS].copy_from_slice(values);
                }
            }
        }
        for (model, &intercept) in intercept.iter().enumerate() {
            let start = if model < whole { tiled } else { from };
            let rest = &mut out.column_mut(model)[start..to];
            rest.fill(intercept);
            sweep(rest, columns, Some(shifts), coef.column(model), start);
        }
    }
    out
}

fn tile(
    columns: &[&[f64]],
    shifts: &[f64],
    coef: &Matrix,
    intercept: &[f64],
    row: usize,
    model: usize,
) -> [[f64; TILE_ROWS]; TILE_MODELS] {
    let factors: [&[f64]; TILE_MODELS] = std::array::from_fn(|k| coef.column(model + k));
    vectorised(
        #[inline(always)]
        || {
            let mut tile: [[f64; TILE_ROWS]; TILE_MODELS] =
                std::array::from_fn(|k| [intercept[model + k]; TILE_ROWS]);
            for (j, (column, shift)) in columns.iter().zip(shifts).enumerate() {
                let column = &column[row..row + TILE_ROWS];
                let x: [f64; TILE_ROWS] = std::array::from_fn(|i| column[i] - shift);
                for k in 0..TILE_MODELS {
                    let factor = factors[k][j];
                    for i in 0..TILE_ROWS {
                        tile[k][i] += x[i] * factor;
                    }
                }
            }
            tile
        },
    )
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
    fn a_row_has_the_same_bits_in_any_batch_and_company() {
        let (rows, p, t) = (2 * BLOCK + 77, 11, 6);
        let columns = table(rows, p);
        let coef = Matrix::from_fn(p, t, |j, k| 1.0 / (3 + j + 5 * k) as f64 - 0.07);
        let intercept: Vec<f64> = (0..t).map(|k| 0.1 * k as f64).collect();
        let many = linear_many(rows, &part(&columns, 0, rows), &[0.0; 11], &coef, &intercept);
        for k in 0..t {
            let all = linear(&part(&columns, 0, rows), coef.column(k), intercept[k]);
            assert_eq!(all, many.column(k));
            for (from, to) in [(0, 1), (5, 6), (1, 40), (2040, 2100), (100, 4000), (4172, 4173)] {
                assert_eq!(linear(&part(&columns, from, to), coef.column(k), intercept[k]), all[from..to]);
            }
            for i in [0, 31, 32, 2047, 2048, rows - 1] {
                let plain = (0..p).fold(intercept[k], |sum, j| sum + columns[j][i] * coef[(j, k)]);
                assert_eq!(plain.to_bits(), all[i].to_bits());
            }
        }
        let shifts: Vec<f64> = (0..p).map(|j| j as f64 - 1.5).collect();
        let moved: Vec<Vec<f64>> =
            columns.iter().zip(&shifts).map(|(x, s)| x.iter().map(|x| x - s).collect()).collect();
        assert_eq!(
            linear_many(rows, &part(&columns, 0, rows), &shifts, &coef, &intercept),
            linear_many(rows, &part(&moved, 0, rows), &[0.0; 11], &coef, &intercept)
        );
    }

    #[test]
    fn no_columns_give_the_intercept() {
        assert!(linear(&[], &[], 2.0).is_empty());
        let mut out = [0.0; 3];
        linear_into(&mut out, &[], &[], 2.0);
        assert_eq!(out, [2.0; 3]);
        assert_eq!(linear_many(2, &[], &[], &Matrix::zeros(0, 1), &[4.0]).values(), [4.0; 2]);
    }
}
