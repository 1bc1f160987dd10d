//! Rows of columns about a centre, and the products of those columns.

use pulp::{Arch, Simd, WithSimd};

use super::Matrix;
use super::sums::vectorised;

/// Rows that are centred and multiplied at a time: all of their columns stay in the second cache, and those of `WIDE` columns
/// in the nearest.
pub(super) const CHUNK: usize = 512;

/// Columns that every other column is multiplied with before the next.
const WIDE: usize = 8;

/// Numbers in a line of the cache. Columns begin with one, and end so that columns side by side do not
/// compete for the same place there.
const LINE: usize = 8;
const STRIDE: usize = CHUNK + LINE;

/// A chunk of rows, column by column. Its memory is used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Centred {
    room: Vec<f64>,
    columns: usize,
    /// Rows, up to whole lines; those beyond the chunk's are 0.
    rows: usize,
}

impl Centred {
    /// Makes room for other columns.
    pub(super) fn clear(&mut self, columns: usize, rows: usize) {
        debug_assert!(rows <= CHUNK);
        let room = columns * STRIDE + LINE;
        self.room.resize(self.room.len().max(room), 0.0);
        (self.columns, self.rows) = (columns, rows.next_multiple_of(LINE));
    }

    /// Where the first column begins: with a line of the cache, so that no vector lies in two.
    fn start(&self) -> usize {
        // Past the room's slack is a legal answer, which costs time alone.
        self.room.as_ptr().align_offset(LINE * size_of::<f64>()).min(LINE)
    }

    fn column(&self, j: usize) -> &[f64] {
        &self.room[self.start() + j * STRIDE..][..self.rows]
    }

    /// Writes column `j` as `x - shift - centre`, where there are roots of weights times these, and gives the sum of
    /// what was written, times the roots again.
    pub(super) fn write(
        &mut self,
        j: usize,
        values: &[f64],
        shift: f64,
        centre: f64,
        roots: Option<&[f64]>,
    ) -> f64 {
        let start = self.start() + j * STRIDE;
        let (into, beyond) = self.room[start..][..self.rows].split_at_mut(values.len());
        beyond.fill(0.0);
        let mut lanes = [0.0; LINE];
        let take = [shift, centre];
        vectorised(
            #[inline(always)]
            || {
                let (into, into_rest) = into.as_chunks_mut::<LINE>();
                let (values, values_rest) = values.as_chunks::<LINE>();
                match roots.map(|roots| roots.as_chunks::<LINE>()) {
                    None => {
                        for (into, values) in into.iter_mut().zip(values) {
                            centre_line(into, values, take, &[1.0; LINE], &mut lanes);
                        }
                        centre_line(into_rest, values_rest, take, &[1.0; LINE], &mut lanes);
                    }
                    Some((roots, roots_rest)) => {
                        for ((into, values), roots) in into.iter_mut().zip(values).zip(roots) {
                            centre_line(into, values, take, roots, &mut lanes);
                        }
                        centre_line(into_rest, values_rest, take, roots_rest, &mut lanes);
                    }
                }
            },
        );
        lanes.iter().sum()
    }

    /// Adds the products of all columns to the lower triangle of `gram`; what stands above it is spoiled.
    pub(super) fn add_products(&self, gram: &mut Matrix) {
        Arch::new().dispatch(Products { centred: self, gram });
    }
}

/// Up to a line of [`Centred::write`], whose sums go to `lanes`.
#[inline(always)]
fn centre_line(
    into: &mut [f64],
    values: &[f64],
    [shift, centre]: [f64; 2],
    roots: &[f64],
    lanes: &mut [f64; LINE],
) {
    for (((into, x), root), sum) in into.iter_mut().zip(values).zip(roots).zip(lanes) {
        *into = (x - shift - centre) * root;
        *sum += *into * root;
    }
}

struct Products<'a> {
    centred: &'a Centred,
    gram: &'a mut Matrix,
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // The sums of a tile, and a vector of each of its columns, stay in registers.
        if S::REGISTER_COUNT >= 32 { self.tiles::<S, 4, 4>(simd) } else { self.tiles::<S, 4, 2>(simd) }
    }
}

impl Products<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const N: usize, const M: usize>(self, simd: S) {
        let Self { centred, gram } = self;
        let p = centred.columns;
        // Beyond the last column it stands for itself, and its sums are for nothing.
        let column = |j: usize| centred.column(j.min(p - 1));
        for first in (0..p).step_by(WIDE) {
            for i in (first..p).step_by(N) {
                let a: [&[f64]; N] = std::array::from_fn(
                    #[inline(always)]
                    |n| column(i + n),
                );
                for j in (first..p.min(i + N).min(first + WIDE)).step_by(M) {
                    let b: [&[f64]; M] = std::array::from_fn(
                        #[inline(always)]
                        |m| column(j + m),
                    );
                    let sums = tile::<S, N, M>(simd, a, b);
                    for (m, sums) in sums.iter().enumerate().take(p - j) {
                        let into = &mut gram.column_mut(j + m)[i..];
                        into.iter_mut().zip(sums).for_each(|(into, sum)| *into += sum);
                    }
                }
            }
        }
    }
}

/// The sums of the products of each of `a` with each of `b`.
#[inline(always)]
fn tile<S: Simd, const N: usize, const M: usize>(simd: S, a: [&[f64]; N], b: [&[f64]; M]) -> [[f64; N]; M] {
    let vectors = a[0].len() / S::F64_LANES;
    let (mut x, mut y) = ([&[] as &[S::f64s]; N], [&[] as &[S::f64s]; M]);
    for n in 0..N {
        x[n] = &S::as_simd_f64s(a[n]).0[..vectors];
    }
    for m in 0..M {
        y[m] = &S::as_simd_f64s(b[m]).0[..vectors];
    }
    let mut sums = [[simd.splat_f64s(0.0); N]; M];
    for k in 0..vectors {
        for m in 0..M {
            let y = y[m][k];
            for n in 0..N {
                sums[m][n] = simd.mul_add_e_f64s(x[n][k], y, sums[m][n]);
            }
        }
    }
    let mut out = [[0.0; N]; M];
    for m in 0..M {
        for n in 0..N {
            out[m][n] = simd.reduce_sum_f64s(sums[m][n]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole numbers, whose sums are exact in any order.
    fn value(i: usize, j: usize) -> f64 {
        ((i * i * (j + 3) + 7 * i) % 23) as f64
    }

    #[test]
    fn products_of_whole_numbers_are_exact() {
        let mut centred = Centred::default();
        for (rows, p) in [(1, 1), (7, 3), (CHUNK, 11), (77, 21), (0, 2), (8, 0)] {
            let roots: Vec<f64> = (0..rows).map(|i| (i % 4) as f64).collect();
            for roots in [None, Some(&roots[..])] {
                let at = |i: usize, j: usize| value(i, j) - 2.0 - j as f64;
                let root = |i: usize| roots.map_or(1.0, |roots| roots[i]);
                centred.clear(p, rows);
                for j in 0..p {
                    let values: Vec<f64> = (0..rows).map(|i| value(i, j)).collect();
                    let sum = centred.write(j, &values, 2.0, j as f64, roots);
                    assert_eq!(sum, (0..rows).map(|i| at(i, j) * root(i) * root(i)).sum::<f64>());
                }
                let mut gram = Matrix::from_fn(p, p, |_, _| 1.0);
                centred.add_products(&mut gram);
                for j in 0..p {
                    for i in j..p {
                        let sum = (0..rows).map(|r| at(r, i) * at(r, j) * root(r) * root(r)).sum::<f64>();
                        assert_eq!(gram[(i, j)], 1.0 + sum, "{rows} rows, {i} {j} of {p}");
                    }
                }
            }
        }
    }
}
