//! The random streams: NumPy's legacy generator, so that folds are scikit-learn's.

use rand_mt::Mt;

use crate::table::Digest;

/// NumPy's `RandomState`: MT19937 seeded as `RandomState(seed)` does (init_genrand), with its
/// legacy `shuffle` and `permutation` (bounded integers by mask and rejection).
#[derive(Clone, Debug)]
pub struct Rng(Mt);

impl Rng {
    /// `numpy.random.RandomState(seed)`.
    pub fn seeded(seed: u32) -> Self {
        Self(Mt::new(seed))
    }

    /// The stream of a step or model whose `random_state` is unwritten: from the file's seed and
    /// the component's address, never from the candidate, so that fitted steps can be shared.
    pub fn at(seed: u32, address: &str) -> Self {
        let digest = Digest::of_pieces([&seed.to_le_bytes()[..], address.as_bytes()]);
        let [a, b, c, d, ..] = *digest.bytes();
        Self::seeded(u32::from_le_bytes([a, b, c, d]))
    }

    /// A uniform integer from 0 up to and including `max` (legacy `random_interval`).
    pub fn interval(&mut self, max: u64) -> u64 {
        let mask = u64::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            let draw = match u32::try_from(max) {
                Ok(_) => u64::from(self.0.next_u32()),
                // Two statements, since the first draw is the high half.
                Err(_) => {
                    let high = u64::from(self.0.next_u32());
                    high << 32 | u64::from(self.0.next_u32())
                }
            };
            if draw & mask <= max {
                return draw & mask;
            }
        }
    }

    /// `RandomState.shuffle`: Fisher-Yates from the end.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            let j = self.interval(i as u64) as usize;
            values.swap(i, j);
        }
    }

    /// `RandomState.permutation(n)`.
    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        let mut values: Vec<u32> = (0..n as u32).collect();
        self.shuffle(&mut values);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    /// `numpy.random.RandomState(42).permutation(10)` and `RandomState(0).permutation(12)`.
    #[test]
    fn permutations_are_those_of_numpy() {
        assert_eq!(Rng::seeded(42).permutation(10), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
        assert_eq!(Rng::seeded(0).permutation(12), [6, 11, 4, 10, 2, 8, 1, 7, 9, 3, 0, 5]);
    }
}
