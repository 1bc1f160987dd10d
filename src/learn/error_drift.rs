//! Whether a learner predicts as well as it did.

use serde::{Deserialize, Serialize};

use super::adwin::Adwin;
use super::drift::Alarm;
use super::saved::MOST;

/// The error of predictions made before their rows are learned, as a number from 0 to 1, and the window that it has had one mean in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorDrift {
    /// The median size of the first errors, which is a bounded error of one half; none before there is one.
    pub scale: Option<f64>,
    /// The errors so far where there is no scale yet.
    first: Vec<f64>,
    window: Adwin,
    /// How often the mean error has risen.
    pub rises: u64,
}

/// So many errors give the scale.
const FIRST: usize = 1_000;

/// An alarm of the window is false with this probability at most.
const DELTA: f64 = 0.002;

impl ErrorDrift {
    /// Takes in the errors of a block: what was true less what was predicted.
    pub fn absorb(&mut self, errors: impl Iterator<Item = f64>) -> Option<Alarm> {
        let mut alarm = None;
        for error in errors.map(f64::abs) {
            let Some(scale) = self.scale else {
                self.first.push(if error.is_finite() { error } else { f64::MAX });
                if self.first.len() == FIRST {
                    self.first.sort_unstable_by(f64::total_cmp);
                    self.scale = Some(self.first[FIRST / 2].max(f64::MIN_POSITIVE));
                    self.first = Vec::new();
                }
                continue;
            };
            let bounded = if error.is_finite() { error / (error + scale) } else { 1.0 };
            let before = self.window.mean();
            if self.window.push(bounded, DELTA)
                && let (Some(before), Some(after)) = (before, self.window.mean())
                && after > before
            {
                self.rises += 1;
                alarm = Some(Alarm::Error(before, after));
            }
        }
        alarm
    }

    /// Whether it is in bounds.
    pub(super) fn is_sound(&self) -> bool {
        let scaled = self.scale.is_none_or(|scale| scale > 0.0);
        scaled && self.first.len() < FIRST && self.rises <= MOST && self.window.is_sound()
    }

    /// How many rows have had one mean error, and that error.
    pub fn now(&self) -> (u64, Option<f64>) {
        (self.window.width(), self.window.mean())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_that_grow_are_told() {
        let mut errors = ErrorDrift::default();
        let block = |size: f64| (0..100).map(move |i| size * f64::from(i * 37 % 100));
        let alarms =
            |errors: &mut ErrorDrift, size: f64| (0..30).filter_map(|_| errors.absorb(block(size))).count();
        assert_eq!(alarms(&mut errors, 1.0), 0);
        assert_eq!(alarms(&mut errors, 0.1), 0);
        assert!(alarms(&mut errors, 2.0) >= 1);
        assert_eq!(errors.scale, Some(50.0));
        let (rows, mean) = errors.now();
        assert!(rows > 1_000 && mean.unwrap() > 0.5, "{rows} {mean:?}");
    }
}
