//! `sklearn.naive_bayes.MultinomialNB`.

use std::sync::Arc;

use super::one_or_more::OneOrMore;
use super::{linear, logistic_regression, naive_bayes, training};
use crate::contract::{
    Checks, Exception, Facts, Fault, FittedModel, Frame, Linear, Loader, Model, More, Needs, Params, Prediction, Rng, Saver,
    State, Task, Train, params,
};
use crate::diag::{Code, Result};
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
        training::design(train, Self::NAME)?;
        logistic_regression::present(&codes, weights.as_deref(), &labels, Self::NAME)?;
        let places = vec![None; train.x.features()];
        self.update(None, &More { train, places: &places, share: 1.0 })
    }

    fn updates(&self) -> bool {
        true
    }

    fn no_forgetting(&self) -> Option<&'static str> {
        None
    }

    fn update(&self, old: Option<&FittedMultinomialNB>, more: &More) -> Result<FittedMultinomialNB> {
        let (codes, labels) = training::classes(more.train, Self::NAME)?;
        let weights = training::weights(more.train)?;
        let x = training::design(more.train, Self::NAME)?;
        refuse_negative(&x, more.train)?;
        let (mut counts, mut features) = match old {
            Some(old) => old.moved(&labels, more),
            None => (vec![0.0; labels.len()], Matrix::zeros(labels.len(), x.columns())),
        };
        let new = naive_bayes::class_counts(&codes, weights.as_deref(), labels.len());
        counts.iter_mut().zip(new).for_each(|(count, new)| *count += new);
        for j in 0..x.columns() {
            let mut sums = vec![0.0; labels.len()];
            for (i, (code, value)) in codes.iter().zip(x.column(j)).enumerate() {
                sums[*code as usize] += weights.as_ref().map_or(1.0, |weights| weights[i]) * value;
            }
            sums.iter().enumerate().for_each(|(k, sum)| features[(k, j)] += sum);
        }
        let form = self.form(&counts, &features)?;
        Ok(FittedMultinomialNB { labels, counts, features, form })
    }
}

/// Refuses features below 0.
fn refuse_negative(x: &Matrix, train: &Train) -> Result<()> {
    for j in 0..x.columns() {
        if let Some(i) = x.column(j).iter().position(|value| *value < 0.0) {
            let name = train.x.names().get(j).map(ToString::to_string).unwrap_or_default();
            let row = train.rows.iter().nth(i).map_or(0, |row| row + 1);
            let message = format!("feature `{name}` is {} in row {row}, and MultinomialNB counts", x[(i, j)]);
            return Err(Code::BadCell.error(message).help("use `GaussianNB`, or a `MinMaxScaler` before the model"));
        }
    }
    Ok(())
}

impl MultinomialNB {
    /// The logarithms of the shares of features and classes, as a linear form of the present classes.
    fn form(&self, counts: &[f64], features: &Matrix) -> Result<Linear> {
        let alphas = match self.alpha.0.as_slice() {
            [one] => vec![*one; features.columns()],
            several if several.len() == features.columns() => several.to_vec(),
            several => {
                let message = format!("`alpha` has {} numbers, and there are {} features", several.len(), features.columns());
                return Err(Code::BadValue.error(message).help("write one number, or one a feature"));
            }
        };
        let least = if self.force_alpha { 0.0 } else { LEAST_ALPHA };
        let present = naive_bayes::present(counts);
        let smoothed = |k: usize, j: usize| features[(present[k] as usize, j)] + alphas[j].max(least);
        let smoothed = Matrix::from_fn(present.len(), features.columns(), smoothed);
        let sums: Vec<f64> = (0..present.len()).map(|k| smoothed.row(k).iter().sum::<f64>().ln()).collect();
        let coef = Matrix::from_fn(features.columns(), present.len(), |j, k| smoothed[(k, j)].ln() - sums[k]);
        let intercept = match &self.class_prior {
            Some(priors) => {
                let priors = naive_bayes::written("class_prior", priors, present.len())?;
                priors.iter().map(|prior| prior.ln()).collect()
            }
            None if self.fit_prior => {
                let all = counts.iter().sum::<f64>().ln();
                present.iter().map(|k| counts[*k as usize].ln() - all).collect()
            }
            None => vec![-(present.len() as f64).ln(); present.len()],
        };
        if coef.values().iter().all(|value| value.is_finite()) {
            return Ok(Linear { coef, intercept });
        }
        let message = "MultinomialNB takes the logarithm of a count of 0";
        Err(Code::FitFailed.error(message).help("write an `alpha` greater than 0"))
    }
}

/// `feature_count_`, `class_count_`, and the logarithms that follow from them.
#[derive(Debug)]
pub struct FittedMultinomialNB {
    /// The classes of the whole table.
    labels: Arc<Levels>,
    /// The weight of each class.
    counts: Vec<f64>,
    /// The weighted sums of the features in each class, classes x features.
    features: Matrix,
    /// Of the classes that have some weight.
    form: Linear,
}

impl FittedMultinomialNB {
    fn moved(&self, labels: &Levels, more: &More) -> (Vec<f64>, Matrix) {
        let classes = naive_bayes::places(labels, &self.labels);
        let count = |place: &Option<usize>| place.map_or(0.0, |place| self.counts[place] * more.share);
        let mut features = naive_bayes::moved(&self.features, &classes, more.places);
        features.values_mut().iter_mut().for_each(|sum| *sum *= more.share);
        (classes.iter().map(count).collect(), features)
    }
}

impl FittedModel for FittedMultinomialNB {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        Ok(self.link(linear::values(&self.form, frame)?))
    }

    fn facts(&self) -> Facts {
        let rows: Vec<Vec<f64>> = (0..self.features.rows()).map(|k| self.features.row(k)).collect();
        Facts {
            classes: Some(Arc::clone(&self.labels)),
            more: vec![
                ("class_count", serde_json::json!(self.counts)),
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
        naive_bayes::prediction(&values, &naive_bayes::present(&self.counts), self.labels.len())
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Outputs> {
        let joint = linear::onnx(&self.form, graph, features)?;
        Ok(naive_bayes::onnx(graph, &joint, &naive_bayes::present(&self.counts), &self.labels))
    }
}

impl State for FittedMultinomialNB {
    fn save(&self, saver: &mut Saver) {
        saver.json("labels", &*self.labels);
        saver.numbers("class_count", &self.counts);
        saver.matrix("feature_count", &self.features);
        linear::save(&self.form, saver);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let (labels, counts) = naive_bayes::load(loader)?;
        let (features, form) = (loader.matrix("feature_count")?, linear::load(loader)?);
        let shape = (labels.len(), form.coef.rows());
        let sound = features.values().iter().all(|sum| sum.is_finite() && *sum >= 0.0);
        if !sound || (features.rows(), features.columns()) != shape {
            return Err(loader.damaged("feature_count", "does not go with the classes"));
        }
        if form.intercept.len() != naive_bayes::present(&counts).len() {
            return Err(loader.damaged("coef", "does not go with the classes"));
        }
        Ok(Self { labels, counts, features, form })
    }
}
