//! `sklearn.dummy.DummyRegressor`.

use super::one_or_more::OneOrMore;
use super::training;
use crate::contract::{
    Checks, Facts, Fault, FittedModel, Frame, Loader, Model, Needs, Prediction, Rng, Saver, State, Stats,
    Task, Train, choice, params,
};
use crate::diag::{Code, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Outputs, Part, Wire};

choice! {
    /// What a [`DummyRegressor`] predicts.
    pub enum RegressorStrategy {
        /// The weighted mean of the training targets.
        Mean = "mean",
        /// Their median.
        Median = "median",
        /// The quantile `quantile` of them.
        Quantile = "quantile",
        /// The number `constant`.
        Constant = "constant",
    }
}

params! {
    /// Predicts one number, whatever the features: the baseline that a regression has to beat.
    pub struct DummyRegressor {
        /// What is predicted of the training targets: their mean, median or quantile, or a constant. With weights, median and
        /// quantile are scikit-learn's weighted percentile: the least target whose cumulated weight reaches the share.
        strategy: RegressorStrategy = RegressorStrategy::Mean, Bound::Any;
        /// The number to predict with `strategy: constant`; for several targets a list with one for each.
        constant: Option<OneOrMore> = None, Bound::Any;
        /// The quantile to predict with `strategy: quantile`.
        quantile: Option<f64> = None, Bound::Within(0.0, 1.0);
    }
    without_effect: [];
}

impl Checks for DummyRegressor {
    fn check(&self) -> Vec<Fault> {
        match self.strategy {
            RegressorStrategy::Constant if self.constant.is_none() => {
                let fault = Fault::of("constant", "`strategy: constant` has no `constant`");
                vec![fault.help("write the number to predict, as in `constant: 0`")]
            }
            RegressorStrategy::Quantile if self.quantile.is_none() => {
                let fault = Fault::of("quantile", "`strategy: quantile` has no `quantile`");
                vec![fault.help("write a number from 0 to 1, as in `quantile: 0.9`")]
            }
            _ => Vec::new(),
        }
    }
}

/// `constant_`, one a target.
#[derive(Debug)]
pub struct FittedDummyRegressor {
    constant: Vec<f64>,
}

impl Model for DummyRegressor {
    const TASK: Task = Task::Regression;
    const WEIGHTS: bool = true;
    type Fitted = FittedDummyRegressor;

    /// The features may be anything, categories and missing values too, hence no moments.
    fn needs(&self) -> Needs {
        Needs::ROWS
    }

    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedDummyRegressor> {
        let values = training::values(train, "DummyRegressor")?;
        let weights = training::weights(train)?;
        let constant = match self.strategy {
            RegressorStrategy::Mean => means(train)?,
            RegressorStrategy::Median => quantiles(&values, weights.as_deref(), 0.5),
            RegressorStrategy::Quantile => {
                let share = self.quantile.ok_or_else(|| incomplete("quantile"))?;
                quantiles(&values, weights.as_deref(), share)
            }
            RegressorStrategy::Constant => {
                let constant = self.constant.as_ref().ok_or_else(|| incomplete("constant"))?;
                if constant.0.len() != values.columns() {
                    let message = format!(
                        "`constant` has {} numbers for {} targets",
                        constant.0.len(),
                        values.columns()
                    );
                    return Err(Code::BadValue.error(message).help("give one number a target"));
                }
                constant.0.clone()
            }
        };
        Ok(FittedDummyRegressor { constant })
    }
}

/// The error for a strategy without its parameter, where nobody asked [`Checks::check`].
fn incomplete(parameter: &str) -> crate::diag::Diagnostic {
    Code::BadValue.error(format!("`strategy: {parameter}` has no `{parameter}`"))
}

/// The weighted mean of each target, summed as everywhere.
fn means(train: &Train) -> Result<Vec<f64>> {
    let no_features = Frame::new(train.x.rows(), Vec::new());
    let stats = Stats::of(&Train { x: &no_features, ..*train }, Needs::JOINT)?;
    let joint = stats.joint.ok_or_else(|| Code::Bug.error("no joint moments where they were asked for"))?;
    Ok(joint.moments.mean)
}

fn quantiles(values: &Matrix, weights: Option<&[f64]>, share: f64) -> Vec<f64> {
    let one = |j: usize| match weights {
        Some(weights) => weighted_quantile(values.column(j), weights, share),
        None => quantile(values.column(j), share),
    };
    (0..values.columns()).map(one).collect()
}

/// `numpy.percentile` of at least one value, interpolated linearly.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = (sorted.len() - 1) as f64 * share;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let (low, high, part) = (sorted[below], sorted[above], place - place.floor());
    // From the nearer end, as numpy.
    if part < 0.5 { low + (high - low) * part } else { high - (high - low) * (1.0 - part) }
}

/// `sklearn.utils.stats._weighted_percentile`: the inverse of the weighted distribution function.
fn weighted_quantile(values: &[f64], weights: &[f64], share: f64) -> f64 {
    let mut pairs: Vec<(f64, f64)> = values.iter().copied().zip(weights.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut cumulated = Vec::with_capacity(pairs.len());
    let mut sum = 0.0;
    for (_, weight) in &pairs {
        sum += weight;
        cumulated.push(sum);
    }
    // At share 0 leading rows of weight 0 do not count.
    let wanted = if share * sum == 0.0 { f64::from_bits(1) } else { share * sum };
    let place = cumulated.partition_point(|sum| *sum < wanted);
    pairs[place.min(pairs.len() - 1)].0
}

impl FittedModel for FittedDummyRegressor {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        let values = Matrix::from_fn(frame.rows(), self.constant.len(), |_, j| self.constant[j]);
        Ok(Prediction::Values(values))
    }

    fn facts(&self) -> Facts {
        Facts { more: vec![("constant", serde_json::json!(self.constant))], ..Facts::default() }
    }

    fn onnx(&self, graph: &mut Graph, _features: &Wire) -> Result<Outputs> {
        Ok(Outputs { prediction: Part::Numbers(graph.constant_rows(&self.constant)?), proba: None })
    }
}

impl State for FittedDummyRegressor {
    fn save(&self, saver: &mut Saver) {
        saver.numbers("constant", &self.constant);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let constant = loader.numbers("constant")?;
        if constant.is_empty() || constant.iter().any(|number| !number.is_finite()) {
            return Err(loader.damaged("constant", "is not a list of finite numbers"));
        }
        Ok(Self { constant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Rows, Target};

    /// `numpy.percentile` and `_weighted_percentile` of scikit-learn 1.9.1.
    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [3.0, 1.0, 4.0, 1.5];
        assert_eq!(quantile(&values, 0.5), 2.25);
        assert_eq!(quantile(&values, 0.9), 3.7);
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 1.0), 4.0);
        assert_eq!(weighted_quantile(&values, &[1.0; 4], 0.5), 1.5);
        assert_eq!(weighted_quantile(&values, &[1.0, 0.0, 3.0, 1.0], 0.0), 1.5);
        assert_eq!(weighted_quantile(&values, &[1.0, 0.0, 3.0, 1.0], 1.0), 4.0);
    }

    #[test]
    fn a_strategy_asks_for_its_parameter() {
        let model = DummyRegressor { strategy: RegressorStrategy::Quantile, ..Default::default() };
        assert_eq!(Checks::check(&model)[0].parameter, Some("quantile"));
        let frame = Frame::new(1, Vec::new());
        let y = Target::Values(Matrix::from_columns(1, 1, vec![1.0]));
        let train = Train { x: &frame, y: Some(&y), weight: None, rows: &Rows::all(1) };
        let error = Model::fit(&model, &train, &mut Rng::seeded(0)).unwrap_err();
        assert_eq!(error.code(), Code::BadValue);
    }
}
