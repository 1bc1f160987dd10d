//! `sklearn.preprocessing.MaxAbsScaler`.

use std::sync::Arc;

use super::features;
use crate::contract::{
    Block, Checks, FittedStep, Frame, Loader, Map, MapColumn, Needs, NumberStats, Params, Saver, State,
    Stats, Step, Types, params,
};
use crate::diag::Result;
use crate::onnx::{Graph, Wire};

params! {
    /// Divides every feature by the greatest absolute value among its training rows, so that it lies within -1 and 1
    /// there and zeros stay zeros. Missing values stay missing.
    pub struct MaxAbsScaler {
        /// Put values beyond the training values' greatest at -1 and 1. The step is no linear map then.
        clip: bool = false, Bound::Any;
    }
    without_effect: ["copy"];
}

impl Checks for MaxAbsScaler {}

/// `scale_`, one a feature.
#[derive(Debug)]
pub struct FittedMaxAbsScaler {
    names: Vec<Arc<str>>,
    scale: Vec<f64>,
    clip: bool,
}

impl Step for MaxAbsScaler {
    type Fitted = FittedMaxAbsScaler;

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
        (!self.clip).then(|| (1.0 / divisor(number), 0.0))
    }

    fn fit_stats(&self, stats: &Stats) -> Result<FittedMaxAbsScaler> {
        features::some_rows(stats, Self::NAME)?;
        let mut fitted = FittedMaxAbsScaler { names: Vec::new(), scale: Vec::new(), clip: self.clip };
        for (name, number) in features::numbers(stats, Self::NAME)? {
            fitted.scale.push(divisor(number));
            fitted.names.push(Arc::clone(name));
        }
        Ok(fitted)
    }
}

/// The greatest absolute value. As scikit-learn's `_handle_zeros_in_scale`: what is next to nothing is left as it is.
fn divisor(number: &NumberStats) -> f64 {
    let greatest = number.extremes.map_or(0.0, |(low, high)| low.abs().max(high.abs()));
    if greatest < 10.0 * f64::EPSILON { 1.0 } else { greatest }
}

impl FittedStep for FittedMaxAbsScaler {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        features::each_number(frame, self.names.len(), MaxAbsScaler::NAME, |j, name, values| {
            let scale = self.scale[j];
            let clipped = |v: f64| if v.abs() > 1.0 { v.signum() } else { v };
            let scaled = values.iter().map(|value| value / scale);
            let values = if self.clip { scaled.map(clipped).collect() } else { scaled.collect() };
            Block::Number { name: Arc::clone(name), values }
        })
    }

    fn map(&self) -> Option<Map> {
        let column = |j: usize| {
            MapColumn::affine(Arc::clone(&self.names[j]), j as u32, 1.0 / self.scale[j], 0.0, true)
        };
        let columns = (0..self.names.len()).map(column).collect();
        (!self.clip).then_some(Map { columns, refused: Vec::new() })
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        vec![("scale", features::by_feature(&self.names, self.scale.iter().copied()))]
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        let numbers = graph.numbers(features)?;
        let scaled = graph.divide(&numbers, &self.scale);
        let ends = self.clip.then(|| (vec![-1.0; self.scale.len()], vec![1.0; self.scale.len()]));
        Ok(Wire::of(ends.map_or(scaled.clone(), |(low, high)| graph.clip(&scaled, &low, &high))))
    }
}

impl State for FittedMaxAbsScaler {
    fn save(&self, saver: &mut Saver) {
        features::save_names(saver, &self.names);
        saver.numbers("scale", &self.scale);
        saver.json("clip", self.clip);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let names = features::load_names(loader)?;
        let scale = loader.numbers_of("scale", names.len())?;
        Ok(Self { names, scale, clip: loader.json("clip")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Train;
    use crate::contract::erased::{Kind, StepKind};
    use crate::table::Rows;

    /// `MaxAbsScaler().fit([[1.], [-4.], [nan]]).transform([[1.], [-4.], [nan], [8.]])`.
    #[test]
    fn the_greatest_becomes_one_and_missing_stays() {
        let x = [1.0, -4.0, f64::NAN, 8.0];
        let frame = Frame::new(4, vec![Block::Number { name: "x".into(), values: x.to_vec().into() }]);
        let train = Train { x: &frame, y: None, weight: None, rows: &Rows::Range(0..3) };
        let mut step = Kind::<MaxAbsScaler>::NEW.make();
        let values = |step: &dyn crate::contract::erased::AnyStep| {
            let fitted = step.fit(&train, &mut crate::contract::Rng::seeded(0)).unwrap();
            match &fitted.apply(&frame).unwrap().blocks()[0] {
                Block::Number { values, .. } => values.to_vec(),
                other => panic!("{other:?}"),
            }
        };
        let scaled = values(&*step);
        assert!(scaled[2].is_nan());
        assert_eq!((scaled[0], scaled[1], scaled[3]), (0.25, -1.0, 2.0));
        step.set("clip", &crate::contract::Value::Bool(true)).unwrap();
        assert_eq!(values(&*step)[3], 1.0);
    }
}
