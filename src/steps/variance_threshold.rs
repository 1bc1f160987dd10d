//! `sklearn.feature_selection.VarianceThreshold`.

use std::sync::Arc;

use super::features;
use super::selection::{Holes, Selection};
use crate::contract::{
    Checks, FittedStep, Frame, Loader, Map, Needs, NumberStats, Params, Saver, State, Stats, Step, Types,
    params,
};
use crate::diag::{Code, Diagnostic, Result};
use crate::onnx::{Graph, Wire};

params! {
    /// Keeps the features whose variance in the training rows is above a threshold; by default it drops those that are
    /// constant. Missing values pass and are left out of the variance.
    pub struct VarianceThreshold {
        /// The variance (ddof 0) that a feature must exceed.
        threshold: f64 = 0.0, Bound::AtLeast(0.0);
    }
    without_effect: [];
}

impl Checks for VarianceThreshold {}

/// The features kept.
#[derive(Debug)]
pub struct FittedVarianceThreshold(Selection);

impl Step for VarianceThreshold {
    type Fitted = FittedVarianceThreshold;

    fn accepts(&self) -> Types {
        Types::HOLEY_NUMBERS
    }

    fn emits(&self, input: Types) -> Types {
        input
    }

    /// At 0 the extremes tell a constant feature.
    fn needs(&self) -> Needs {
        if self.threshold == 0.0 { Needs::SPREAD.and(Needs::EXTREMES) } else { Needs::SPREAD }
    }

    fn maps(&self, _input: Types) -> bool {
        true
    }

    fn fit_stats(&self, stats: &Stats) -> Result<FittedVarianceThreshold> {
        features::some_rows(stats, Self::NAME)?;
        let numbers = features::numbers(stats, Self::NAME)?;
        let names = numbers.iter().map(|(name, _)| Arc::clone(name)).collect();
        let keep: Vec<bool> =
            numbers.iter().map(|(_, number)| self.measure(number) > self.threshold).collect();
        if !keep.contains(&true) {
            return Err(self.nothing_left(stats.rows));
        }
        let mut selection = Selection::new(names, keep);
        selection.doubt = numbers.iter().find_map(|(name, number)| self.doubt(name, number));
        Ok(FittedVarianceThreshold(selection))
    }
}

impl VarianceThreshold {
    /// What is compared with the threshold: the variance, and at 0 no more than the distance of the
    /// extremes, since the variance of a constant may round to more than 0. NaN without a value.
    fn measure(&self, number: &NumberStats) -> f64 {
        if number.present == 0 {
            return f64::NAN;
        }
        match number.extremes {
            Some((low, high)) if self.threshold == 0.0 => number.variance().min(high - low),
            _ => number.variance(),
        }
    }

    /// At 0 the extremes decide, which are exact.
    fn doubt(&self, name: &str, number: &NumberStats) -> Option<String> {
        let near =
            self.threshold > 0.0 && (number.variance() - self.threshold).abs() <= 1e-9 * self.threshold;
        near.then(|| format!("the variance of feature `{name}` is the threshold to 9 digits"))
    }

    fn nothing_left(&self, rows: usize) -> Diagnostic {
        let one = if rows == 1 { "; there is one training row only" } else { "" };
        let message = format!("no feature has a variance above {}{one}", self.threshold);
        Code::FitFailed.error(message).help("lower the `threshold`, or leave the step out")
    }
}

impl FittedStep for FittedVarianceThreshold {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        self.0.apply(frame, VarianceThreshold::NAME, Holes::Pass)
    }

    fn map(&self) -> Option<Map> {
        Some(self.0.map(Holes::Pass))
    }

    fn doubt(&self) -> Option<String> {
        self.0.doubt.clone()
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        self.0.facts()
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        self.0.onnx(graph, features, Holes::Pass)
    }
}

impl State for FittedVarianceThreshold {
    fn save(&self, saver: &mut Saver) {
        self.0.save(saver);
    }

    fn load(loader: &Loader) -> Result<Self> {
        Selection::load(loader).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(variance: f64, low: f64, high: f64) -> NumberStats {
        NumberStats {
            present: 1,
            missing: 0,
            mean: low,
            squares: variance,
            extremes: Some((low, high)),
            order: None,
            with_target: Vec::new(),
        }
    }

    #[test]
    fn a_constant_whose_variance_rounds_is_dropped() {
        assert_eq!(VarianceThreshold::default().measure(&number(1e-32, 0.1, 0.1)), 0.0);
    }

    #[test]
    fn a_variance_at_the_threshold_is_in_doubt() {
        let step = VarianceThreshold { threshold: 0.25 };
        assert!(step.doubt("x", &number(0.25 + 1e-11, 0.0, 1.0)).is_some());
        assert!(step.doubt("x", &number(0.2501, 0.0, 1.0)).is_none());
    }
}
