//! `sklearn.preprocessing.StandardScaler`.

use std::sync::Arc;

use crate::contract::{
    Block, Checks, FittedStep, Frame, Loader, Map, MapColumn, Needs, Saver, State, Stats, Step, Summary,
    Types, params,
};
use crate::diag::{Code, Result};

params! {
    /// Standardizes features by removing the mean and scaling to unit variance. Missing values stay missing and are left out
    /// of the statistics.
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
    /// Whether missing values were seen; a map must carry them on.
    holey: Vec<bool>,
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

    fn fit_stats(&self, stats: &Stats) -> Result<FittedStandardScaler> {
        let p = stats.features.len();
        let mut fitted = FittedStandardScaler {
            names: Vec::with_capacity(p),
            mean: Vec::with_capacity(p),
            scale: Vec::with_capacity(p),
            holey: Vec::with_capacity(p),
        };
        for feature in &stats.features {
            let Summary::Number(number) = &feature.summary else {
                return Err(super::not_a_number(&feature.name, "StandardScaler"));
            };
            fitted.names.push(Arc::clone(&feature.name));
            fitted.mean.push(if self.with_mean { number.mean } else { 0.0 });
            fitted.scale.push(if self.with_std {
                scale(number.present, number.mean, number.variance())
            } else {
                1.0
            });
            fitted.holey.push(number.missing > 0);
        }
        Ok(fitted)
    }
}

/// The divisor: 1 where the variance is no more than rounding can make of a constant
/// (`sklearn.preprocessing._data._is_constant_feature`).
fn scale(present: u64, mean: f64, variance: f64) -> f64 {
    let n = present as f64;
    let noise = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
    if variance.is_nan() || variance <= noise { 1.0 } else { variance.sqrt() }
}

impl FittedStep for FittedStandardScaler {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        super::each_number(frame, self.names.len(), |j, name, values| {
            let (mean, scale) = (self.mean[j], self.scale[j]);
            let values = values.iter().map(|value| (value - mean) / scale).collect();
            Ok(Block::Number { name: Arc::clone(name), values })
        })
    }

    fn map(&self) -> Option<Map> {
        let column = |j: usize| {
            let (scale, offset) = (1.0 / self.scale[j], -self.mean[j] / self.scale[j]);
            MapColumn::affine(Arc::clone(&self.names[j]), j as u32, scale, offset, self.holey[j])
        };
        Some(Map { columns: (0..self.names.len()).map(column).collect() })
    }
}

impl State for FittedStandardScaler {
    fn save(&self, saver: &mut Saver) {
        let names: Vec<&str> = self.names.iter().map(|name| &**name).collect();
        saver.json("names", names);
        saver.json("holey", &self.holey);
        saver.numbers("mean", &self.mean);
        saver.numbers("scale", &self.scale);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let names = super::load_names(loader)?;
        let p = names.len();
        let holey: Vec<bool> = loader.json("holey")?;
        if holey.len() != p {
            return Err(Code::Damaged.error("the artifact's scaler has lists of different lengths"));
        }
        Ok(Self { names, mean: loader.numbers_of("mean", p)?, scale: loader.numbers_of("scale", p)?, holey })
    }
}
