//! `sklearn.preprocessing.StandardScaler`.

use std::sync::Arc;

use super::features;
use crate::contract::{
    Block, Checks, FittedStep, Frame, Loader, Map, MapColumn, Needs, NumberStats, Params, Saver, State,
    Stats, Step, Types, params,
};
use crate::diag::Result;
use crate::onnx::{Graph, Wire};

params! {
    /// Standardizes features by removing the mean and scaling to unit variance. Missing values stay missing and are left out
    /// of the statistics; a feature without any value in the training rows is left as it is.
    pub struct StandardScaler {
        /// Remove the mean.
        with_mean: bool = true, Bound::Any;
        /// Divide by the standard deviation (ddof 0); a constant feature is divided by 1.
        with_std: bool = true, Bound::Any;
    }
    without_effect: ["copy"];
}

impl Checks for StandardScaler {}

/// `mean_` and `scale_`, one a feature.
#[derive(Debug)]
pub struct FittedStandardScaler {
    names: Vec<Arc<str>>,
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Step for StandardScaler {
    type Fitted = FittedStandardScaler;

    fn accepts(&self) -> Types {
        Types::HOLEY_NUMBERS
    }

    fn emits(&self, input: Types) -> Types {
        input
    }

    fn needs(&self) -> Needs {
        Needs::SPREAD
    }

    fn maps(&self, _input: Types) -> bool {
        true
    }

    fn rescales(&self) -> bool {
        true
    }

    fn rescaled(&self, number: &NumberStats) -> Option<(f64, f64)> {
        let (mean, scale) = centre_and_scale(number);
        let (mean, scale) =
            (if self.with_mean { mean } else { 0.0 }, if self.with_std { scale } else { 1.0 });
        (mean.is_finite() && scale.is_finite()).then(|| (1.0 / scale, -mean / scale))
    }

    fn fit_stats(&self, stats: &Stats) -> Result<FittedStandardScaler> {
        features::some_rows(stats, Self::NAME)?;
        let numbers = features::numbers(stats, Self::NAME)?;
        let mut fitted = FittedStandardScaler { names: Vec::new(), mean: Vec::new(), scale: Vec::new() };
        for (name, number) in numbers {
            let (mean, scale) = centre_and_scale(number);
            if !(mean.is_finite() && scale.is_finite()) {
                return Err(features::too_large(name, "variance"));
            }
            fitted.names.push(Arc::clone(name));
            fitted.mean.push(if self.with_mean { mean } else { 0.0 });
            fitted.scale.push(if self.with_std { scale } else { 1.0 });
        }
        Ok(fitted)
    }
}

/// Mean and divisor; those that change nothing for a feature without a value.
fn centre_and_scale(number: &NumberStats) -> (f64, f64) {
    match number.extremes {
        _ if number.present == 0 => (0.0, 1.0),
        // The sum of equal numbers rounds; their mean is one of them.
        Some((low, high)) if low == high => (low, 1.0),
        _ if features::is_constant(number) => (number.mean, 1.0),
        _ => (number.mean, number.variance().sqrt()),
    }
}

impl FittedStep for FittedStandardScaler {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        features::each_number(frame, self.names.len(), StandardScaler::NAME, |j, name, values| {
            let (mean, scale) = (self.mean[j], self.scale[j]);
            let values = values.iter().map(|value| (value - mean) / scale).collect();
            Block::Number { name: Arc::clone(name), values }
        })
    }

    /// Missing rows stay missing whether training had any or not: test rows may.
    fn map(&self) -> Option<Map> {
        let column = |j: usize| {
            let (scale, offset) = (1.0 / self.scale[j], -self.mean[j] / self.scale[j]);
            MapColumn::affine(Arc::clone(&self.names[j]), j as u32, scale, offset, true)
        };
        Some(Map { columns: (0..self.names.len()).map(column).collect(), refused: Vec::new() })
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let of = |values: &[f64]| features::by_feature(&self.names, values.iter().copied());
        vec![("mean", of(&self.mean)), ("scale", of(&self.scale))]
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        let numbers = graph.numbers(features)?;
        let deviations = graph.subtract(&numbers, &self.mean);
        Ok(Wire::of(graph.divide(&deviations, &self.scale)))
    }
}

impl State for FittedStandardScaler {
    fn save(&self, saver: &mut Saver) {
        features::save_names(saver, &self.names);
        saver.numbers("mean", &self.mean);
        saver.numbers("scale", &self.scale);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let names = features::load_names(loader)?;
        let p = names.len();
        Ok(Self { names, mean: loader.numbers_of("mean", p)?, scale: loader.numbers_of("scale", p)? })
    }
}
