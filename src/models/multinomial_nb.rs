//! `sklearn.naive_bayes.MultinomialNB`.

use std::sync::Arc;

use super::naive_bayes::{self, Classes};
use super::one_or_more::OneOrMore;
use super::{linear, logistic_regression, training};
use crate::contract::{
    Checks, Exception, Facts, Fault, FittedModel, Frame, Linear, Loader, Model, More, Needs, Params,
    Prediction, Rng, Saver, State, Task, Train, params,
};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Outputs, Wire};
use crate::table::Levels;

/// What a smoothing that is not forced is at least.
const LEAST_ALPHA: f64 = 1e-10;

params! {
    /// Naive Bayes of counts, such as those of words: features are numbers of at least 0. Learns row after row, too.
    pub struct MultinomialNB {
        /// What is added to all counts: one number, or one a feature.
        alpha: OneOrMore = OneOrMore(vec![1.0]), Bound::AtLeast(0.0);
        /// `false`: an `alpha` below 1e-10 is 1e-10.
        force_alpha: bool = true, Bound::Any;
        /// Classes are as likely as they are frequent; `false`: all are as likely as the others.
        fit_prior: bool = true, Bound::Any;
        /// Shares of the classes that training has, in the order of their labels.
        class_prior: Option<Vec<f64>> = None, Bound::Any;
    }
    without_effect: [];
}

impl Checks for MultinomialNB {
    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.alpha.0.is_empty() || self.alpha.0.iter().any(|alpha| *alpha < 0.0) {
            faults.push(Fault::of("alpha", "`alpha` is at least 0"));
        }
        let priors = self.class_prior.as_deref().unwrap_or_default();
        if priors.iter().any(|prior| !prior.is_finite() || *prior <= 0.0) {
            faults.push(Fault::of("class_prior", "`class_prior` are numbers greater than 0"));
        }
        faults
    }

    fn exceptions() -> &'static [Exception] {
        &[("negative features", "it counts, and a negative number is no count")]
    }
}

impl Model for MultinomialNB {
    const TASK: Task = Task::Classification;
    const WEIGHTS: bool = true;
    type Fitted = FittedMultinomialNB;

    fn needs(&self) -> Needs {
        Needs::ROWS
    }

    fn needs_rows(&self) -> &'static str {
        "takes the counts of each class"
    }

    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedMultinomialNB> {
        let (codes, labels) = training::classes(train, Self::NAME)?;
        let weights = training::weights(train)?;
        let x = training::row_major(train, Self::NAME)?;
        let (_, present) = logistic_regression::present(&codes, weights.as_deref(), &labels, Self::NAME)?;
        let features = train.x.features();
        if let Some(at) = first_negative(&x) {
            let name = train.x.names().get(at % features).map(ToString::to_string).unwrap_or_default();
            let row = train.rows.iter().nth(at / features).map_or(0, |row| row + 1);
            return Err(negative(&format!("`{name}`"), x[at], row as usize));
        }
        let mut fitted = FittedMultinomialNB::empty(features, &labels);
        fitted.take(&x, &codes, weights.as_deref());
        self.finish(&mut fitted, &present)?;
        Ok(fitted)
    }

    fn no_update(&self) -> Option<&'static str> {
        let none = self.force_alpha && self.alpha.0.contains(&0.0);
        none.then_some("takes logarithms of counts that are 0 at first, with `alpha: 0`")
    }

    fn no_forgetting(&self) -> Option<&'static str> {
        None
    }

    fn begin(&self, features: usize, labels: Option<&Arc<Levels>>) -> Result<FittedMultinomialNB> {
        Ok(FittedMultinomialNB::empty(features, labels.unwrap_or(&Arc::default())))
    }

    fn update(&self, learned: &mut FittedMultinomialNB, more: &More) -> Result<()> {
        let (codes, labels) = more.classes()?;
        learned.classes.move_to(labels, more, &mut [&mut learned.features]);
        more.check_features(learned.features.columns())?;
        if let Some(at) = first_negative(more.x) {
            return Err(negative(&(at % more.features + 1).to_string(), more.x[at], at / more.features + 1));
        }
        learned.features.values_mut().iter_mut().for_each(|sum| *sum *= more.share);
        learned.take(more.x, codes, more.weights);
        let all: Vec<u32> = (0..labels.len() as u32).collect();
        self.finish(learned, &all)
    }
}

fn first_negative(x: &[f64]) -> Option<usize> {
    x.iter().position(|value| *value < 0.0)
}

fn negative(feature: &str, value: f64, row: usize) -> Diagnostic {
    let message = format!("feature {feature} is {value} in row {row}, and MultinomialNB counts");
    Code::BadCell
        .error(message)
        .help("use `GaussianNB`, or a `MinMaxScaler` with `clip: true` before the model")
}

impl MultinomialNB {
    /// The logarithms of the shares of features and classes, as a linear form of the classes that have rows; priors are written for
    /// these classes.
    fn finish(&self, fitted: &mut FittedMultinomialNB, classes: &[u32]) -> Result<()> {
        let (counts, features) = (&fitted.classes.counts, &fitted.features);
        let alphas = self.alphas(features.columns())?;
        let present = naive_bayes::present(counts);
        let smoothed = |k: usize, j: usize| features[(present[k] as usize, j)] + alphas[j];
        let smoothed = Matrix::from_fn(present.len(), features.columns(), smoothed);
        let sums: Vec<f64> = (0..present.len()).map(|k| smoothed.row(k).iter().sum::<f64>().ln()).collect();
        let coef = Matrix::from_fn(features.columns(), present.len(), |j, k| smoothed[(k, j)].ln() - sums[k]);
        if features.values().iter().any(|sum| !sum.is_finite()) {
            let message = "MultinomialNB has counts that are not finite";
            return Err(Code::NotFinite.error(message).help("the features are too great: scale them"));
        }
        if coef.values().iter().any(|value| !value.is_finite()) {
            let message = "MultinomialNB takes the logarithm of a count of 0";
            return Err(Code::FitFailed.error(message).help("write an `alpha` greater than 0"));
        }
        let all = counts.iter().sum::<f64>().ln();
        let written = |priors: &Vec<f64>| naive_bayes::written("class_prior", priors, classes, counts.len());
        let written = self.class_prior.as_ref().map(written).transpose()?;
        let prior = |class: &u32| match &written {
            Some(priors) => priors[*class as usize].ln(),
            None if self.fit_prior => counts[*class as usize].ln() - all,
            None => -(counts.len() as f64).ln(),
        };
        fitted.form = Linear { coef, intercept: present.iter().map(prior).collect() };
        Ok(())
    }

    /// What is added to the counts of each feature.
    fn alphas(&self, features: usize) -> Result<Vec<f64>> {
        let least = if self.force_alpha { 0.0 } else { LEAST_ALPHA };
        match self.alpha.0.as_slice() {
            [one] => Ok(vec![one.max(least); features]),
            several if several.len() == features => {
                Ok(several.iter().map(|alpha| alpha.max(least)).collect())
            }
            several => {
                let message =
                    format!("`alpha` has {} numbers, and there are {features} features", several.len());
                Err(Code::BadValue.error(message).help("write one number, or one a feature"))
            }
        }
    }
}

/// `feature_count_`, `class_count_`, and the logarithms that follow from them.
pub struct FittedMultinomialNB {
    classes: Classes,
    /// The weighted sums of the features in each class, classes x features.
    features: Matrix,
    /// Of the classes that have some weight.
    form: Linear,
}

impl FittedMultinomialNB {
    fn empty(features: usize, labels: &Arc<Levels>) -> Self {
        let form = Linear { coef: Matrix::zeros(features, 0), intercept: Vec::new() };
        Self { classes: Classes::new(labels), features: Matrix::zeros(labels.len(), features), form }
    }

    fn take(&mut self, x: &[f64], codes: &[u32], weights: Option<&[f64]>) {
        let rows = x.chunks_exact(self.features.columns()).zip(codes);
        for (i, (row, class)) in rows.enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[i]);
            let class = *class as usize;
            self.classes.counts[class] += weight;
            row.iter().enumerate().for_each(|(j, value)| self.features[(class, j)] += weight * value);
        }
    }
}

impl FittedModel for FittedMultinomialNB {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        Ok(self.link(linear::values(&self.form, frame)?))
    }

    fn facts(&self) -> Facts {
        let rows: Vec<Vec<f64>> = (0..self.features.rows()).map(|k| self.features.row(k)).collect();
        Facts {
            classes: Some(Arc::clone(&self.classes.labels)),
            more: vec![
                ("class_count", serde_json::json!(self.classes.counts)),
                ("feature_count", serde_json::json!(rows)),
                ("class_log_prior", serde_json::json!(self.form.intercept)),
            ],
            ..Facts::default()
        }
    }

    fn linear(&self) -> Option<Linear> {
        Some(self.form.clone())
    }

    fn link(&self, values: Matrix) -> Prediction {
        let present = naive_bayes::present(&self.classes.counts);
        naive_bayes::prediction(&values, &present, self.classes.labels.len())
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Outputs> {
        let joint = linear::onnx(&self.form, graph, features)?;
        let present = naive_bayes::present(&self.classes.counts);
        Ok(naive_bayes::onnx(graph, &joint, &present, &self.classes.labels))
    }
}

impl State for FittedMultinomialNB {
    fn save(&self, saver: &mut Saver) {
        self.classes.save(saver);
        saver.matrix("feature_count", &self.features);
        linear::save(&self.form, saver);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let classes = Classes::load(loader)?;
        let (features, form) = (loader.matrix("feature_count")?, linear::load(loader)?);
        let shape = (classes.counts.len(), form.coef.rows());
        let sound = features.values().iter().all(|sum| sum.is_finite() && *sum >= 0.0);
        if !sound || (features.rows(), features.columns()) != shape {
            return Err(loader.damaged("feature_count", "does not go with the classes"));
        }
        if form.intercept.len() != naive_bayes::present(&classes.counts).len() {
            return Err(loader.damaged("coef", "does not go with the classes"));
        }
        Ok(Self { classes, features, form })
    }
}
