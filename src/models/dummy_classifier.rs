//! `sklearn.dummy.DummyClassifier`.

use std::sync::Arc;

use super::training;
use crate::contract::{
    Checks, Facts, Fault, FittedModel, Frame, Loader, Model, Needs, Prediction, Rng, Saver, State, Task,
    Train, Value, choice, params,
};
use crate::diag::{Code, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Outputs, Part, Wire};
use crate::table::Levels;

choice! {
    /// What a [`DummyClassifier`] predicts.
    pub enum ClassifierStrategy {
        /// The most frequent class, with the classes' shares as probabilities.
        Prior = "prior",
        /// The most frequent class, with probability 1.
        MostFrequent = "most_frequent",
        /// The class `constant`, with probability 1.
        Constant = "constant",
        /// Classes drawn by their shares: refused.
        Stratified = "stratified",
        /// Classes drawn evenly: refused.
        Uniform = "uniform",
    }
}

params! {
    /// Predicts one class, whatever the features: the baseline that a classifier has to beat. Of equally frequent classes the
    /// first counts.
    pub struct DummyClassifier {
        /// What is predicted: the most frequent class with the (weighted) shares of all as probabilities, the same with
        /// probability 1, or a constant. `stratified` and `uniform` draw predictions at random and are not supported.
        strategy: ClassifierStrategy = ClassifierStrategy::Prior, Bound::Any;
        /// The class to predict with `strategy: constant`; training must have it.
        constant: Value = Value::Null, Bound::Any;
    }
    without_effect: ["random_state"];
}

impl Checks for DummyClassifier {
    fn check(&self) -> Vec<Fault> {
        match self.strategy {
            ClassifierStrategy::Constant => match &self.constant {
                Value::Null => {
                    let fault = Fault::of("constant", "`strategy: constant` has no `constant`");
                    vec![fault.help("write the class to predict, as in `constant: 1`")]
                }
                Value::List(_) | Value::Map(_) => {
                    let message = format!("`constant` is a class; this is {}", self.constant.kind());
                    vec![Fault::of("constant", message)]
                }
                _ => Vec::new(),
            },
            ClassifierStrategy::Stratified | ClassifierStrategy::Uniform => {
                let fault = Fault::of("strategy", random());
                vec![fault.help("use `prior`, whose expected scores need no luck")]
            }
            ClassifierStrategy::Prior | ClassifierStrategy::MostFrequent => Vec::new(),
        }
    }
}

/// Why two strategies are refused.
fn random() -> &'static str {
    "`strategy: stratified` and `uniform` draw other predictions at every call, and a prediction here depends on the row alone"
}

/// `classes_` and `class_prior_`, over the classes of the whole table.
#[derive(Debug)]
pub struct FittedDummyClassifier {
    labels: Arc<Levels>,
    /// What share of the weight each class has.
    prior: Vec<f64>,
    /// The class that is predicted.
    class: u32,
    /// Whether the probabilities are the shares.
    shares: bool,
}

impl Model for DummyClassifier {
    const TASK: Task = Task::Classification;
    const WEIGHTS: bool = true;
    type Fitted = FittedDummyClassifier;

    /// The features may be anything, categories and missing values too, hence no moments.
    fn needs(&self) -> Needs {
        Needs::ROWS
    }

    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedDummyClassifier> {
        let (codes, labels) = training::classes(train, "DummyClassifier")?;
        let weights = training::weights(train)?;
        let mut prior = vec![0.0; labels.len()];
        let mut present = vec![false; labels.len()];
        for (i, code) in codes.iter().enumerate() {
            prior[*code as usize] += weights.as_ref().map_or(1.0, |weights| weights[i]);
            present[*code as usize] = true;
        }
        let total: f64 = prior.iter().sum();
        prior.iter_mut().for_each(|share| *share /= total);
        let class = match self.strategy {
            ClassifierStrategy::Prior | ClassifierStrategy::MostFrequent => first_greatest(&prior),
            ClassifierStrategy::Constant => {
                let found = training::class_named(&labels, &self.constant);
                let found = found.filter(|class| present[*class as usize]);
                found.ok_or_else(|| training::no_such_class("constant", &self.constant, &labels))?
            }
            ClassifierStrategy::Stratified | ClassifierStrategy::Uniform => {
                return Err(Code::NotSupported.error(random()));
            }
        };
        Ok(FittedDummyClassifier { labels, prior, class, shares: self.strategy == ClassifierStrategy::Prior })
    }
}

/// The place of the greatest value, the first of equals.
fn first_greatest(values: &[f64]) -> u32 {
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter().position(|value| *value == greatest).unwrap_or(0) as u32
}

impl FittedModel for FittedDummyClassifier {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        let sure = |j: usize| f64::from(u8::from(j == self.class as usize));
        let share = |j: usize| if self.shares { self.prior[j] } else { sure(j) };
        let proba = Matrix::from_fn(frame.rows(), self.prior.len(), |_, j| share(j));
        let codes = vec![self.class; frame.rows()];
        Ok(Prediction::Classes { codes, proba: Some(proba), decision: None })
    }

    fn facts(&self) -> Facts {
        Facts {
            classes: Some(Arc::clone(&self.labels)),
            more: vec![("class_prior", serde_json::json!(self.prior))],
            ..Facts::default()
        }
    }

    fn onnx(&self, graph: &mut Graph, _features: &Wire) -> Result<Outputs> {
        let sure = |j: usize| f64::from(u8::from(j == self.class as usize));
        let share = |j: usize| if self.shares { self.prior[j] } else { sure(j) };
        let proba: Vec<f64> = (0..self.prior.len()).map(share).collect();
        let place = graph.constant_rows(&[0.0])?;
        let place = graph.places(&place);
        let name = self.labels.label(self.class).unwrap_or_default();
        let prediction = Part::Labels(graph.look_up_labels(&place, &[name, ""]));
        Ok(Outputs { prediction, proba: Some(graph.constant_rows(&proba)?) })
    }
}

impl State for FittedDummyClassifier {
    fn save(&self, saver: &mut Saver) {
        saver.json("labels", &*self.labels);
        saver.numbers("prior", &self.prior);
        saver.json("class", self.class);
        saver.json("shares", self.shares);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let labels: Levels = loader.json("labels")?;
        let prior = loader.numbers_of("prior", labels.len())?;
        if prior.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return Err(loader.damaged("prior", "is not a list of shares"));
        }
        let class: u32 = loader.json("class")?;
        if class as usize >= labels.len() {
            return Err(loader.damaged("class", "is no class"));
        }
        Ok(Self { labels: labels.into(), prior, class, shares: loader.json("shares")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Rows, Target};

    fn fit(strategy: ClassifierStrategy, constant: Value, weight: Option<&[f64]>) -> Result<Prediction> {
        let labels = Levels::new(["a", "b", "c"].map(Into::into).to_vec(), false);
        let y = Target::Classes { codes: [1, 0, 1, 0].into(), labels: labels.into() };
        let frame = Frame::new(4, Vec::new());
        let train = Train { x: &frame, y: Some(&y), weight, rows: &Rows::all(4) };
        let model = DummyClassifier { strategy, constant };
        Model::fit(&model, &train, &mut Rng::seeded(0))?.predict(&Frame::new(1, Vec::new()))
    }

    fn classes(codes: u32, proba: [f64; 3]) -> Prediction {
        let proba = Matrix::from_columns(1, 3, proba.to_vec());
        Prediction::Classes { codes: vec![codes], proba: Some(proba), decision: None }
    }

    #[test]
    fn ties_go_to_the_first_label_and_weights_break_them() {
        use ClassifierStrategy::{MostFrequent, Prior};
        assert_eq!(fit(Prior, Value::Null, None).unwrap(), classes(0, [0.5, 0.5, 0.0]));
        assert_eq!(fit(MostFrequent, Value::Null, None).unwrap(), classes(0, [1.0, 0.0, 0.0]));
        let weight = [2.0, 1.0, 1.0, 0.0];
        assert_eq!(fit(Prior, Value::Null, Some(&weight)).unwrap(), classes(1, [0.25, 0.75, 0.0]));
    }

    #[test]
    fn a_constant_must_be_a_class_of_training() {
        use ClassifierStrategy::Constant;
        assert_eq!(fit(Constant, Value::Text("b".into()), None).unwrap(), classes(1, [0.0, 1.0, 0.0]));
        for absent in ["c", "d"] {
            let error = fit(Constant, Value::Text(absent.into()), None).unwrap_err();
            assert_eq!(error.code(), Code::BadValue);
        }
    }

    #[test]
    fn random_strategies_are_refused() {
        for strategy in [ClassifierStrategy::Stratified, ClassifierStrategy::Uniform] {
            let model = DummyClassifier { strategy, ..Default::default() };
            assert_eq!(Checks::check(&model)[0].parameter, Some("strategy"));
            assert_eq!(fit(strategy, Value::Null, None).unwrap_err().code(), Code::NotSupported);
        }
    }
}
