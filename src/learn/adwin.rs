//! Whether the mean of a sequence changes: ADWIN of Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing" (2007),
//! with the exponential histogram (ADWIN2), which keeps some numbers for each power of two rows.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::saved::MOST;

/// Buckets of one size that are kept; one more, and the two oldest become one of twice that size.
const MOST_OF_A_SIZE: usize = 5;

/// After so many numbers the window is looked at again.
const EVERY: u64 = 32;

/// Fewer numbers than these are not compared with others.
const LEAST: u64 = 5;

/// A window that is cut where the mean of its older part differs from that of the newer one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adwin {
    /// Sums by size, 1, 2, 4 ...; the newest of each size is the first.
    rows: Vec<VecDeque<Bucket>>,
    /// All numbers so far.
    seen: u64,
}

/// Some numbers that follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bucket {
    sum: f64,
    /// The squared deviations from their mean.
    squares: f64,
}

/// Some buckets together.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Part {
    fn with(self, count: f64, bucket: Bucket) -> Self {
        if self.count == 0.0 {
            return Self { count, sum: bucket.sum, squares: bucket.squares };
        }
        let away = bucket.sum / count - self.sum / self.count;
        let all = self.count + count;
        let squares = self.squares + bucket.squares + self.count * count / all * away * away;
        Self { count: all, sum: self.sum + bucket.sum, squares }
    }
}

impl Adwin {
    /// Takes in a number from 0 to 1; true if the window was cut since the mean has changed. On a sequence whose mean stays, each
    /// look at the window cuts it with probability `delta` at most (theorem 3.1).
    pub fn push(&mut self, number: f64, delta: f64) -> bool {
        self.insert(Bucket { sum: number, squares: 0.0 });
        self.seen += 1;
        let mut cut = false;
        if self.seen.is_multiple_of(EVERY) {
            while self.differs(delta) {
                self.drop_oldest();
                cut = true;
            }
        }
        cut
    }

    /// Whether it is in bounds.
    pub(super) fn is_sound(&self) -> bool {
        let full = |row: &VecDeque<Bucket>| row.len() <= MOST_OF_A_SIZE;
        self.seen <= MOST && self.rows.len() < 53 && self.rows.iter().all(full)
    }

    /// How many numbers are in the window.
    pub fn width(&self) -> u64 {
        self.rows.iter().zip(0..).map(|(row, size)| (row.len() as u64) << size).sum()
    }

    /// Their mean.
    pub fn mean(&self) -> Option<f64> {
        let whole = self.whole();
        (whole.count > 0.0).then(|| whole.sum / whole.count)
    }

    fn insert(&mut self, bucket: Bucket) {
        let (mut carried, mut size) = (Some(bucket), 0);
        while let Some(bucket) = carried.take() {
            if self.rows.len() == size {
                self.rows.push(VecDeque::new());
            }
            let row = &mut self.rows[size];
            row.push_front(bucket);
            if row.len() > MOST_OF_A_SIZE
                && let (Some(one), Some(other)) = (row.pop_back(), row.pop_back())
            {
                let count = f64::from(size as u32).exp2();
                let Part { sum, squares, .. } = Part::default().with(count, one).with(count, other);
                carried = Some(Bucket { sum, squares });
            }
            size += 1;
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            row.pop_back();
        }
        while self.rows.last().is_some_and(VecDeque::is_empty) {
            self.rows.pop();
        }
    }

    /// The buckets with their sizes, the oldest first.
    fn buckets(&self) -> impl Iterator<Item = (f64, Bucket)> {
        let sized = self.rows.iter().enumerate().rev();
        sized.flat_map(|(size, row)| {
            row.iter().rev().map(move |bucket| (f64::from(size as u32).exp2(), *bucket))
        })
    }

    fn whole(&self) -> Part {
        self.buckets().fold(Part::default(), |part, (count, bucket)| part.with(count, bucket))
    }

    /// Whether two parts of the window have different means, at any place between buckets: by more than
    /// √(2 σ² ln(2/δ') / m) + 2 ln(2/δ') / (3 m), where m is the harmonic mean of the parts' sizes and δ' = δ / ln n. Of each size the
    /// least that is compared is taken off, as the authors' own implementation does.
    fn differs(&self, delta: f64) -> bool {
        let whole = self.whole();
        let n = whole.count;
        if n < 2.0 * LEAST as f64 {
            return false;
        }
        let variance = whole.squares / n;
        let log = (2.0 * n.ln() / delta).ln();
        let (mut count, mut sum) = (0.0, 0.0);
        for (size, bucket) in self.buckets() {
            count += size;
            sum += bucket.sum;
            let rest = n - count;
            if count < LEAST as f64 || rest < LEAST as f64 {
                continue;
            }
            let m = 1.0 / (1.0 / (count - LEAST as f64 + 1.0) + 1.0 / (rest - LEAST as f64 + 1.0));
            let bound = (2.0 / m * variance * log).sqrt() + 2.0 / (3.0 * m) * log;
            if (sum / count - (whole.sum - sum) / rest).abs() > bound {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Adwin;
    use rand_mt::Mt64;

    fn numbers(seed: u64, share: impl Fn(usize) -> f64) -> impl Iterator<Item = f64> {
        let mut random = Mt64::new(seed);
        (0..).map(move |i| f64::from(u8::from((random.next_u64() >> 11) as f64 / 2f64.powi(53) < share(i))))
    }

    #[test]
    fn a_mean_that_stays_hardly_ever_cuts_and_memory_stays_small() {
        let mut alarms = 0;
        for seed in 0..20 {
            let mut adwin = Adwin::default();
            alarms += numbers(seed, |_| 0.3).take(20_000).filter(|number| adwin.push(*number, 0.002)).count();
            assert!(adwin.rows.iter().map(std::collections::VecDeque::len).sum::<usize>() < 80);
        }
        // 20 runs of 625 looks each; the bound alone would allow 25.
        assert!(alarms <= 3, "{alarms} false alarms");
    }

    #[test]
    fn a_shift_is_seen_within_few_hundred_numbers_and_the_window_forgets_what_was_before() {
        for (after, most) in [(0.9, 120), (0.6, 250), (0.4, 1_500)] {
            let mut delays: Vec<usize> = (0..20)
                .map(|seed| {
                    let mut adwin = Adwin::default();
                    let share = |i| if i < 5_000 { 0.2 } else { after };
                    let mut alarms = numbers(100 + seed, share).take(20_000).enumerate();
                    let seen =
                        alarms.find(|(i, number)| adwin.push(*number, 0.002) && *i >= 5_000).unwrap().0;
                    alarms.take(3_000).for_each(|(_, number)| _ = adwin.push(number, 0.002));
                    assert!((adwin.mean().unwrap() - after).abs() < 0.1 && adwin.width() < 6_000);
                    seen - 5_000
                })
                .collect();
            delays.sort_unstable();
            assert!(delays[10] <= most, "to {after}: {delays:?}");
        }
    }

    #[test]
    fn buckets_keep_count_sum_and_variance() {
        let mut adwin = Adwin::default();
        let all: Vec<f64> = numbers(5, |_| 0.5).take(31).collect();
        all.iter().for_each(|number| _ = adwin.push(*number, 1e-9));
        assert_eq!(adwin.width(), 31);
        let (mean, whole) = (all.iter().sum::<f64>() / 31.0, adwin.whole());
        let squares: f64 = all.iter().map(|number| (number - mean).powi(2)).sum();
        assert!((adwin.mean().unwrap() - mean).abs() < 1e-15 && (whole.squares - squares).abs() < 1e-12);
    }
}
