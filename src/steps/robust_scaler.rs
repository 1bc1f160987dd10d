//! `sklearn.preprocessing.RobustScaler`.

use std::sync::Arc;

use super::features;
use crate::contract::{
    Block, Checks, Fault, FittedStep, Frame, Loader, Map, MapColumn, Needs, Params, Saver, State, Stats,
    Step, Types, params,
};
use crate::diag::Result;
use crate::linalg::normal_quantile;
use crate::onnx::{Graph, Wire};

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
        let numbers = features::numbers(stats, Self::NAME)?;
        let ranked = stats.ranked(|present| self.ranks(present))?;
        for ((name, number), values) in numbers.into_iter().zip(&ranked) {
            let (center, scale) = self.center_and_scale(number.present as usize, values);
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
    /// The two ranks in the middle, then those beside each of the two quantiles.
    fn ranks(&self, present: usize) -> Vec<usize> {
        let mut ranks = Vec::new();
        if self.with_centering {
            ranks.extend([(present - 1) / 2, present / 2]);
        }
        if self.with_scaling {
            let (low, high) = self.shares();
            ranks.extend([low, high].map(|q| Between::of(q, present)).iter().flat_map(Between::ranks));
        }
        ranks
    }

    /// The quantiles of the range as shares of 1.
    fn shares(&self) -> (f64, f64) {
        (self.quantile_range.0 / 100.0, self.quantile_range.1 / 100.0)
    }

    /// From the values of [`RobustScaler::ranks`].
    fn center_and_scale(&self, present: usize, values: &[f64]) -> (f64, f64) {
        if present == 0 {
            return (0.0, 1.0);
        }
        let mut pairs = values.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        let mut next = || pairs.next().unwrap_or_default();
        let center = if self.with_centering { median(next()) } else { 0.0 };
        if !self.with_scaling {
            return (center, 1.0);
        }
        let (low, high) = self.shares();
        let (below, above) =
            (Between::of(low, present).value(next()), Between::of(high, present).value(next()));
        let range = above - below;
        // As scikit-learn's `_handle_zeros_in_scale`.
        let range = if range < 10.0 * f64::EPSILON { 1.0 } else { range };
        let normal = if self.unit_variance { normal_quantile(high) - normal_quantile(low) } else { 1.0 };
        (center, range / normal)
    }
}

/// The mean of the two values in the middle.
fn median((low, high): (f64, f64)) -> f64 {
    if low.to_bits() == high.to_bits() { low } else { (low + high) / 2.0 }
}

/// Where a quantile lies among ascending values: `numpy.nanpercentile` with its default method `linear`.
struct Between {
    /// The rank of the value below.
    below: usize,
    /// The rank of the next, or of the last.
    above: usize,
    /// Its share of the way from one to the other.
    share: f64,
}

impl Between {
    /// Quantile `q` of so many values, at least one.
    fn of(q: f64, present: usize) -> Self {
        let last = present - 1;
        let place = q * last as f64;
        let below = (place.floor() as usize).min(last);
        Self { below, above: (below + 1).min(last), share: place - below as f64 }
    }

    fn ranks(&self) -> [usize; 2] {
        [self.below, self.above]
    }

    /// Its value, rounded as numpy does: from the nearer of the two.
    fn value(&self, (a, b): (f64, f64)) -> f64 {
        let distance = b - a;
        if self.share >= 0.5 { b - distance * (1.0 - self.share) } else { a + distance * self.share }
    }
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

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let of = |values: &[f64]| features::by_feature(&self.names, values.iter().copied());
        vec![("center", of(&self.center)), ("scale", of(&self.scale))]
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        let numbers = graph.numbers(features)?;
        let deviations = graph.subtract(&numbers, &self.center);
        Ok(Wire::of(graph.divide(&deviations, &self.scale)))
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
            let between = Between::of(q, sorted.len());
            let [a, b] = between.ranks().map(|rank| sorted[rank]);
            assert!((between.value((a, b)) - value).abs() < 1e-14, "{q}");
        }
        let one = Between::of(0.75, 1);
        assert_eq!((one.ranks(), one.value((3.0, 3.0))), ([0, 0], 3.0));
        assert_eq!((median((3.0, 3.0)), median((3.0, 4.0))), (3.0, 3.5));
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
