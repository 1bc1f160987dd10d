//! Mean and variance of one column.

use super::moments::BLOCK;
use super::sums;

/// Weight, mean and centred sum of squares of one column, with any offset.
///
/// The values are counted from the first one (a subtraction that is exact for data that lie close
/// together), squares are taken about each block's own mean, and blocks are merged by the update of
/// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
/// variances" (1979): no sum of raw squares anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Univariate {
    weight: f64,
    /// What the values are counted from.
    origin: f64,
    /// The mean, counted from the origin.
    offset: f64,
    /// The sum of w (x - mean)^2.
    squares: f64,
}

impl Univariate {
    /// The moments of `values`, each counted once or `weight` times.
    ///
    /// # Panics
    /// When `weight` has another length.
    pub fn of(values: &[f64], weight: Option<&[f64]>) -> Self {
        if let Some(weight) = weight {
            assert_eq!(weight.len(), values.len());
        }
        let mut total = Self { origin: values.first().copied().unwrap_or(0.0), ..Self::default() };
        let mut shifted = Vec::with_capacity(BLOCK.min(values.len()));
        for (index, block) in values.chunks(BLOCK).enumerate() {
            shifted.clear();
            shifted.extend(block.iter().map(|x| x - total.origin));
            let weight = weight.map(|w| &w[index * BLOCK..index * BLOCK + block.len()]);
            total.merge(&Self::block(&mut shifted, weight, total.origin));
        }
        total
    }

    fn block(shifted: &mut [f64], weight: Option<&[f64]>, origin: f64) -> Self {
        let (total, sum) = match weight {
            None => (shifted.len() as f64, sums::sum(shifted)),
            Some(weight) => (sums::sum(weight), sums::product_sum(weight, shifted)),
        };
        if total == 0.0 {
            return Self { origin, ..Self::default() };
        }
        let offset = sum / total;
        shifted.iter_mut().for_each(|x| *x -= offset);
        let squares = match weight {
            None => sums::product_sum(shifted, shifted),
            Some(weight) => {
                let squared: Vec<f64> = shifted.iter().map(|x| x * x).collect();
                sums::product_sum(weight, &squared)
            }
        };
        Self { weight: total, origin, offset, squares }
    }

    /// Adds the rows that `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        if other.weight == 0.0 {
            return;
        }
        if self.weight == 0.0 {
            *self = *other;
            return;
        }
        let weight = self.weight + other.weight;
        let delta = (other.origin - self.origin) + (other.offset - self.offset);
        self.offset += delta * (other.weight / weight);
        self.squares += other.squares + delta * delta * (self.weight * (other.weight / weight));
        self.weight = weight;
    }

    /// The sum of the weights: the number of values where none are given.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// The mean; NaN without values.
    pub fn mean(&self) -> f64 {
        if self.weight == 0.0 { f64::NAN } else { self.origin + self.offset }
    }

    /// The variance with divisor `weight - ddof`, as numpy's `var`; NaN where that is not positive.
    pub fn variance(&self, ddof: f64) -> f64 {
        let divisor = self.weight - ddof;
        if divisor > 0.0 { self.squares / divisor } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::Univariate;

    #[test]
    fn shards_merge_to_the_whole() {
        let values: Vec<f64> = (0..5000).map(|i| f64::from(i * i % 977) + 1e6).collect();
        let whole = Univariate::of(&values, None);
        let mut merged = Univariate::default();
        for shard in values.chunks(700) {
            merged.merge(&Univariate::of(shard, None));
        }
        assert!((whole.mean() - merged.mean()).abs() < 1e-9);
        assert!((whole.variance(0.0) / merged.variance(0.0) - 1.0).abs() < 1e-13);
    }

    #[test]
    fn integer_weights_are_repeated_rows() {
        let values = [3.0, 1.0, 4.0, 1.5];
        let weighted = Univariate::of(&values, Some(&[2.0, 0.0, 1.0, 3.0]));
        let repeated = Univariate::of(&[3.0, 3.0, 4.0, 1.5, 1.5, 1.5], None);
        assert_eq!(weighted.weight(), repeated.weight());
        assert!((weighted.mean() - repeated.mean()).abs() < 1e-15);
        assert!((weighted.variance(1.0) - repeated.variance(1.0)).abs() < 1e-15);
    }

    #[test]
    fn nothing_has_no_mean() {
        let nothing = Univariate::of(&[], None);
        assert!(nothing.mean().is_nan() && nothing.variance(0.0).is_nan());
        let ignored = Univariate::of(&[5.0], Some(&[0.0]));
        assert!(ignored.mean().is_nan());
        let one = Univariate::of(&[5.0], None);
        assert!(one.mean() == 5.0 && one.variance(0.0) == 0.0 && one.variance(1.0).is_nan());
    }
}
