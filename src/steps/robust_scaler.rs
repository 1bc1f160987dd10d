//! `sklearn.preprocessing.RobustScaler`.

use std::sync::Arc;

use super::features;
use crate::contract::{
    Block, Checks, Fault, FittedStep, Frame, Loader, Map, MapColumn, Needs, NumberStats, Params, Saver,
    State, Stats, Step, Types, params,
};
use crate::diag::Result;
use crate::linalg::normal_quantile;

params! {
    /// Removes the median and divides by a range of quantiles, on which outliers have no hold. Missing values stay missing and
    /// are left out of the statistics; a feature without any value in the training rows is left as it is.
    pub struct RobustScaler {
        /// Remove the median.
        with_centering: bool = true, Bound::Any;
        /// Divide by the distance between the two quantiles; a distance of next to nothing counts as 1.
        with_scaling: bool = true, Bound::Any;
        /// The two quantiles in percent; between values they are interpolated.
        quantile_range: (f64, f64) = (25.0, 75.0), Bound::Any;
        /// Divide so that a normally distributed feature gets variance 1.
        unit_variance: bool = false, Bound::Any;
    }
    without_effect: ["copy"];
}

impl Checks for RobustScaler {
    fn check(&self) -> Vec<Fault> {
        let (low, high) = self.quantile_range;
        if !(0.0 <= low && low <= high && high <= 100.0) {
            let message = format!(
                "`quantile_range` ascends from 0 at least to 100 at most; this goes from {low} to {high}"
            );
            return vec![Fault::of("quantile_range", message).help("write `[25, 75]`, the default")];
        }
        if self.with_scaling && self.unit_variance && !(0.0 < low && low < high && high < 100.0) {
            let message = format!(
                "a normal distribution has no finite range between its quantiles at {low} % and {high} % to \
                 set `unit_variance` by"
            );
            return vec![Fault::of("quantile_range", message).help("write `[25, 75]`, the default")];
        }
        Vec::new()
    }
}

/// `center_` and `scale_`, one a feature.
#[derive(Debug)]
pub struct FittedRobustScaler {
    names: Vec<Arc<str>>,
    center: Vec<f64>,
    scale: Vec<f64>,
}

impl Step for RobustScaler {
    type Fitted = FittedRobustScaler;

    fn accepts(&self) -> Types {
        Types::HOLEY_NUMBERS
    }

    fn emits(&self, input: Types) -> Types {
        input
    }

    fn needs(&self) -> Needs {
        Needs::ORDER
    }

    fn maps(&self, _input: Types) -> bool {
        true
    }

    fn rescales(&self) -> bool {
        true
    }

    fn fit_stats(&self, stats: &Stats) -> Result<FittedRobustScaler> {
        features::some_rows(stats, Self::NAME)?;
        let mut fitted = FittedRobustScaler { names: Vec::new(), center: Vec::new(), scale: Vec::new() };
        for (name, number) in features::numbers(stats, Self::NAME)? {
            let (center, scale) = self.center_and_scale(number);
            if !(center.is_finite() && scale.is_finite()) {
                return Err(features::too_large(name, "range"));
            }
            fitted.names.push(Arc::clone(name));
            fitted.center.push(center);
            fitted.scale.push(scale);
        }
        Ok(fitted)
    }
}

impl RobustScaler {
    fn center_and_scale(&self, number: &NumberStats) -> (f64, f64) {
        let sorted = number.sorted.as_deref().unwrap_or_default();
        if sorted.is_empty() {
            return (0.0, 1.0);
        }
        let center = if self.with_centering { median(sorted) } else { 0.0 };
        if !self.with_scaling {
            return (center, 1.0);
        }
        let (low, high) = (self.quantile_range.0 / 100.0, self.quantile_range.1 / 100.0);
        let range = quantile(sorted, high) - quantile(sorted, low);
        // As scikit-learn's `_handle_zeros_in_scale`.
        let range = if range < 10.0 * f64::EPSILON { 1.0 } else { range };
        let normal = if self.unit_variance { normal_quantile(high) - normal_quantile(low) } else { 1.0 };
        (center, range / normal)
    }
}

/// The middle of ascending values, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 }
}

/// `numpy.nanpercentile(sorted, 100 * q)` with its default method `linear`, rounded as there: from
/// the nearer of the two values.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len() - 1;
    let place = q * last as f64;
    let below = (place.floor() as usize).min(last);
    let (a, b) = (sorted[below], sorted[(below + 1).min(last)]);
    let (share, distance) = (place - below as f64, b - a);
    if share >= 0.5 { b - distance * (1.0 - share) } else { a + distance * share }
}

impl FittedStep for FittedRobustScaler {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        features::each_number(frame, self.names.len(), RobustScaler::NAME, |j, name, values| {
            let (center, scale) = (self.center[j], self.scale[j]);
            let values = values.iter().map(|value| (value - center) / scale).collect();
            Block::Number { name: Arc::clone(name), values }
        })
    }

    fn map(&self) -> Option<Map> {
        let column = |j: usize| {
            let (scale, offset) = (1.0 / self.scale[j], -self.center[j] / self.scale[j]);
            MapColumn::affine(Arc::clone(&self.names[j]), j as u32, scale, offset, true)
        };
        Some(Map { columns: (0..self.names.len()).map(column).collect(), refused: Vec::new() })
    }
}

impl State for FittedRobustScaler {
    fn save(&self, saver: &mut Saver) {
        features::save_names(saver, &self.names);
        saver.numbers("center", &self.center);
        saver.numbers("scale", &self.scale);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let names = features::load_names(loader)?;
        let p = names.len();
        Ok(Self { names, center: loader.numbers_of("center", p)?, scale: loader.numbers_of("scale", p)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.percentile([1, 2, 4, 8, 16.5], q)`.
    #[test]
    fn quantiles_are_interpolated() {
        let sorted = [1.0, 2.0, 4.0, 8.0, 16.5];
        for (q, value) in [(0.0, 1.0), (0.1, 1.4), (0.25, 2.0), (0.6, 5.6), (0.9, 13.1), (1.0, 16.5)] {
            assert!((quantile(&sorted, q) - value).abs() < 1e-14, "{q}");
        }
        assert_eq!((quantile(&[3.0], 0.75), median(&[3.0]), median(&[3.0, 4.0])), (3.0, 3.0, 3.5));
    }

    #[test]
    fn the_range_ascends_and_is_finite_for_a_normal_distribution() {
        let step = |quantile_range, unit_variance| RobustScaler {
            quantile_range,
            unit_variance,
            ..RobustScaler::default()
        };
        assert_eq!(step((0.0, 100.0), false).check(), []);
        assert_eq!(step((5.0, 95.0), true).check(), []);
        for bad in [
            step((75.0, 25.0), false),
            step((-1.0, 50.0), false),
            step((0.0, 90.0), true),
            step((50.0, 50.0), true),
        ] {
            assert_eq!(bad.check()[0].parameter, Some("quantile_range"));
        }
    }
}
