//! Which columns carry the rank.

use super::householder::pivots;
use super::scaling::Scaling;
use super::spectrum::singular_values;
use super::{Matrix, sums};
use crate::diag::Result;

/// The columns of a design that are independent as far as the data can tell.
pub(super) struct Independent {
    /// As many columns as the rank, as independent as greedy choice makes them; ascending.
    pub(super) columns: Vec<usize>,
    /// The columns that vary and depend on those; ascending.
    pub(super) dependent: Vec<usize>,
    /// The singular values, descending, of all that vary, centred where there is an intercept, of unit norm.
    pub(super) singular: Vec<f64>,
}

impl Independent {
    /// From R, the factor of the design that `scaling` makes of all varying columns, of which the first `lead` is the one
    /// of the intercept: below and right of it R is the factor of the centred columns. `size` is the larger of n
    /// and p; the rank counts singular values of at least max(size, 2 max_j |x_j|max / sd_j) eps sigma_max. The second
    /// term is the data's own rounding, which centring brings to light (without an intercept it is never the larger).
    pub(super) fn of(r: &Matrix, lead: usize, scaling: &Scaling, size: usize) -> Result<Self> {
        let centred = |place: usize| &r.column(place + lead)[lead..r.rows().min(place + lead + 1).max(lead)];
        let root_weight = scaling.weight.sqrt();
        let mut kept: Vec<(usize, f64)> = Vec::new();
        let mut least = size as f64 * f64::EPSILON;
        for (place, &column) in scaling.varying.iter().enumerate() {
            let norm = sums::product_sum(centred(place), centred(place)).sqrt();
            let rounding = 2.0 * scaling.largest[column] * root_weight / norm * f64::EPSILON;
            // Where nothing but the rounding of the data varies, the column does not vary.
            if lead == 0 || rounding < 1.0 {
                kept.push((place, norm));
                least = if lead == 0 { least } else { least.max(rounding) };
            }
        }
        let mut unit = Matrix::zeros(r.rows() - lead, kept.len());
        for (into, &(place, norm)) in kept.iter().enumerate() {
            let into = unit.column_mut(into).iter_mut();
            into.zip(centred(place)).for_each(|(into, from)| *into = from / norm);
        }
        let singular = singular_values(&unit)?;
        let counts = |sigma: &&f64| **sigma > 0.0 && **sigma >= least * singular[0];
        let rank = singular.iter().take_while(counts).count();
        let mut chosen = if rank < kept.len() { pivots(unit, rank) } else { (0..rank).collect() };
        chosen.sort_unstable();
        let column = |k: usize| scaling.varying[kept[k].0];
        let dependent = (0..kept.len()).filter(|k| chosen.binary_search(k).is_err()).map(column).collect();
        Ok(Self { columns: chosen.into_iter().map(column).collect(), dependent, singular })
    }
}

#[cfg(test)]
mod tests {
    use super::super::householder::Qr;
    use super::*;

    fn independent(x: &Matrix) -> Independent {
        let scaling = Scaling::new(x, None, true);
        let r = Qr::new(scaling.design(x, &scaling.varying)).r();
        Independent::of(&r, 1, &scaling, x.rows().max(x.columns())).unwrap()
    }

    #[test]
    fn the_rounding_of_the_data_counts() {
        // b is a and a little that the rounding of an offset of 1e9 would hide.
        let wave = |i: usize, step: usize| ((i * step) % 101) as f64 / 101.0;
        let pair = |offset: f64, little: f64| {
            Matrix::from_fn(50, 2, |i, j| {
                offset + wave(i, 37) + if j == 1 { little * wave(i, 59) } else { 0.0 }
            })
        };
        assert_eq!(independent(&pair(0.0, 1e-9)).columns, [0, 1]);
        let blurred = independent(&pair(1e9, 1e-9));
        assert_eq!((blurred.columns.len(), blurred.dependent.len()), (1, 1));
        assert_eq!(independent(&pair(1e9, 1.0)).columns, [0, 1]);
    }

    #[test]
    fn a_column_of_nothing_but_rounding_does_not_vary() {
        let x = Matrix::from_fn(50, 2, |i, j| match j {
            0 => 1e16 + 2.0 * (i % 2) as f64,
            _ => (i * i % 17) as f64,
        });
        let found = independent(&x);
        assert_eq!((found.columns, found.dependent), (vec![1], vec![]));
    }
}
