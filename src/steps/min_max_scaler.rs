//! `sklearn.preprocessing.MinMaxScaler`.

use std::sync::Arc;

use super::features;
use crate::contract::{
    Block, Checks, Fault, FittedStep, Frame, Loader, Map, MapColumn, Needs, NumberStats, Params, Saver,
    State, Stats, Step, Types, params,
};
use crate::diag::Result;
use crate::onnx::{Graph, Wire};

params! {
    /// Scales every feature so that its training values span a range. Missing values stay missing and are left out of the
    /// statistics; a feature without any value in the training rows is left as it is.
    pub struct MinMaxScaler {
        /// The least and the greatest value after scaling.
        feature_range: (f64, f64) = (0.0, 1.0), Bound::Any;
        /// Put values outside of the training values' range at its ends. The step is no linear map then.
        clip: bool = false, Bound::Any;
    }
    without_effect: ["copy"];
}

impl Checks for MinMaxScaler {
    fn check(&self) -> Vec<Fault> {
        let (low, high) = self.feature_range;
        if low < high && low.is_finite() && high.is_finite() {
            return Vec::new();
        }
        let message = format!("`feature_range` ascends; this goes from {low} to {high}");
        vec![Fault::of("feature_range", message).help("write `[0, 1]`, the default, or `[-1, 1]`")]
    }
}

/// `scale_` and `min_`, one a feature.
#[derive(Debug)]
pub struct FittedMinMaxScaler {
    names: Vec<Arc<str>>,
    scale: Vec<f64>,
    min: Vec<f64>,
    clip: Option<(f64, f64)>,
}

impl Step for MinMaxScaler {
    type Fitted = FittedMinMaxScaler;

    fn accepts(&self) -> Types {
        Types::HOLEY_NUMBERS
    }

    fn emits(&self, input: Types) -> Types {
        input
    }

    fn needs(&self) -> Needs {
        Needs::EXTREMES
    }

    fn maps(&self, _input: Types) -> bool {
        !self.clip
    }

    fn unmapped(&self, _input: Types) -> &'static str {
        "clips values, which is no linear map of its features"
    }

    fn rescales(&self) -> bool {
        !self.clip
    }

    fn rescaled(&self, number: &NumberStats) -> Option<(f64, f64)> {
        let (low, high) = number.extremes.filter(|_| !self.clip)?;
        Some(self.scale_and_min(low, high)).filter(|(scale, min)| scale.is_normal() && min.is_finite())
    }

    fn fit_stats(&self, stats: &Stats) -> Result<FittedMinMaxScaler> {
        features::some_rows(stats, Self::NAME)?;
        let clip = self.clip.then_some(self.feature_range);
        let mut fitted = FittedMinMaxScaler { names: Vec::new(), scale: Vec::new(), min: Vec::new(), clip };
        for (name, number) in features::numbers(stats, Self::NAME)? {
            let (scale, min) = match number.extremes {
                Some((low, high)) => self.scale_and_min(low, high),
                None => (1.0, 0.0),
            };
            if !(scale.is_normal() && min.is_finite()) {
                return Err(features::too_large(name, "range"));
            }
            fitted.names.push(Arc::clone(name));
            fitted.scale.push(scale);
            fitted.min.push(min);
        }
        Ok(fitted)
    }
}

impl MinMaxScaler {
    /// A range under 10 eps counts as 1 (`sklearn.preprocessing._data._handle_zeros_in_scale`).
    fn scale_and_min(&self, low: f64, high: f64) -> (f64, f64) {
        let range = high - low;
        let divisor = if range < 10.0 * f64::EPSILON { 1.0 } else { range };
        let scale = (self.feature_range.1 - self.feature_range.0) / divisor;
        (scale, self.feature_range.0 - low * scale)
    }
}

impl FittedStep for FittedMinMaxScaler {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        features::each_number(frame, self.names.len(), MinMaxScaler::NAME, |j, name, values| {
            let (scale, min) = (self.scale[j], self.min[j]);
            let scaled = values.iter().map(|value| value * scale + min);
            let values = match self.clip {
                // Not `clamp`: it panics on ends that a damaged artifact may hold.
                Some((low, high)) => scaled
                    .map(|v| {
                        if v < low {
                            low
                        } else if v > high {
                            high
                        } else {
                            v
                        }
                    })
                    .collect(),
                None => scaled.collect(),
            };
            Block::Number { name: Arc::clone(name), values }
        })
    }

    fn map(&self) -> Option<Map> {
        if self.clip.is_some() {
            return None;
        }
        let column = |j: usize| {
            MapColumn::affine(Arc::clone(&self.names[j]), j as u32, self.scale[j], self.min[j], true)
        };
        Some(Map { columns: (0..self.names.len()).map(column).collect(), refused: Vec::new() })
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let of = |values: &[f64]| features::by_feature(&self.names, values.iter().copied());
        vec![("scale", of(&self.scale)), ("min", of(&self.min))]
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        let numbers = graph.numbers(features)?;
        let scaled = graph.multiply(&numbers, &self.scale);
        let scaled = graph.add(&scaled, &self.min);
        let p = self.scale.len();
        Ok(Wire::of(match self.clip {
            Some((low, high)) => graph.clip(&scaled, &vec![low; p], &vec![high; p]),
            None => scaled,
        }))
    }
}

impl State for FittedMinMaxScaler {
    fn save(&self, saver: &mut Saver) {
        features::save_names(saver, &self.names);
        saver.numbers("scale", &self.scale);
        saver.numbers("min", &self.min);
        saver.json("clip", self.clip);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let names = features::load_names(loader)?;
        let p = names.len();
        Ok(Self {
            names,
            scale: loader.numbers_of("scale", p)?,
            min: loader.numbers_of("min", p)?,
            clip: loader.json("clip")?,
        })
    }
}
