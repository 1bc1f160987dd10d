//! `sklearn.naive_bayes.GaussianNB`.

use std::sync::Arc;

use super::{logistic_regression, naive_bayes, training};
use crate::contract::{
    Checks, Facts, Fault, FittedModel, Frame, Loader, Model, More, Needs, Params, Prediction, Rng, Saver, State, Task,
    Train, params,
};
use crate::diag::{Code, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Outputs, Wire};
use crate::table::{Levels, Rows};

params! {
    /// Naive Bayes with a normal distribution for each feature in each class. Learns row after row, too.
    pub struct GaussianNB {
        /// Shares of the classes that training has, in the order of their labels; null for those of the rows.
        priors: Option<Vec<f64>> = None, Bound::Any;
        /// Which part of the greatest variance of a feature is added to all variances.
        var_smoothing: f64 = 1e-9, Bound::AtLeast(0.0);
    }
    without_effect: [];
}

impl Checks for GaussianNB {
    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(priors) = &self.priors {
            let sum: f64 = priors.iter().sum();
            if priors.iter().any(|prior| !prior.is_finite() || *prior < 0.0) || (sum - 1.0).abs() > 1e-5 {
                faults.push(Fault::of("priors", "`priors` are numbers of at least 0 whose sum is 1"));
            }
        }
        if self.var_smoothing.is_infinite() {
            faults.push(Fault::of("var_smoothing", "`var_smoothing` is a finite number"));
        }
        faults
    }

    fn exceptions() -> &'static [crate::contract::Exception] {
        &[("linear form", "its likelihoods are squares of the features")]
    }
}

impl Model for GaussianNB {
    const TASK: Task = Task::Classification;
    const WEIGHTS: bool = true;
    type Fitted = FittedGaussianNB;

    fn needs(&self) -> Needs {
        Needs::ROWS
    }

    fn needs_rows(&self) -> &'static str {
        "takes means and variances of each class"
    }

    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedGaussianNB> {
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

    fn update(&self, old: Option<&FittedGaussianNB>, more: &More) -> Result<FittedGaussianNB> {
        let (codes, labels) = training::classes(more.train, Self::NAME)?;
        let weights = training::weights(more.train)?;
        let x = training::design(more.train, Self::NAME)?;
        let mut fitted = match old {
            Some(old) => old.moved(labels, more),
            None => FittedGaussianNB::empty(labels, x.columns()),
        };
        fitted.take(&x, &codes, weights.as_deref());
        fitted.epsilon = self.var_smoothing * greatest_variance(&x);
        if let Some(priors) = &self.priors {
            fitted.priors = Some(naive_bayes::written("priors", priors, naive_bayes::present(&fitted.counts).len())?);
        }
        if fitted.epsilon == 0.0 && fitted.has_no_spread() {
            let message = "GaussianNB divides by the variances, and in a class one is 0";
            return Err(Code::FitFailed.error(message).help("write a `var_smoothing` greater than 0"));
        }
        if !fitted.is_finite() {
            let message = "GaussianNB has variances that are not finite";
            return Err(Code::NotFinite.error(message).help("the features are too great: scale them"));
        }
        Ok(fitted)
    }
}

/// The greatest of the features' variances, of rows that all weigh the same.
fn greatest_variance(x: &Matrix) -> f64 {
    (0..x.columns()).map(|j| moments(x.column(j), |_| 1.0).2).fold(0.0, f64::max)
}

/// The weight, mean and variance of values.
fn moments(values: &[f64], weight: impl Fn(usize) -> f64) -> (f64, f64, f64) {
    let all: f64 = (0..values.len()).map(&weight).sum();
    let mean = values.iter().enumerate().map(|(i, value)| weight(i) * value).sum::<f64>() / all;
    let squares = values.iter().enumerate().map(|(i, value)| weight(i) * (value - mean) * (value - mean));
    (all, mean, squares.sum::<f64>() / all)
}

/// `theta_`, `var_` and `class_count_`, over the classes of the whole table.
#[derive(Debug)]
pub struct FittedGaussianNB {
    labels: Arc<Levels>,
    /// The weight of each class.
    counts: Vec<f64>,
    /// Means, classes x features.
    theta: Matrix,
    /// Variances, without what is added to them.
    var: Matrix,
    /// What is added.
    epsilon: f64,
    /// Shares that were written, of the classes that training had.
    priors: Option<Vec<f64>>,
}

impl FittedGaussianNB {
    fn empty(labels: Arc<Levels>, features: usize) -> Self {
        let zeros = Matrix::zeros(labels.len(), features);
        Self { counts: vec![0.0; labels.len()], labels, theta: zeros.clone(), var: zeros, epsilon: 0.0, priors: None }
    }

    /// For the classes and features of more rows, with the weights that are left.
    fn moved(&self, labels: Arc<Levels>, more: &More) -> Self {
        let classes = naive_bayes::places(&labels, &self.labels);
        let count = |place: &Option<usize>| place.map_or(0.0, |place| self.counts[place] * more.share);
        Self {
            counts: classes.iter().map(count).collect(),
            theta: naive_bayes::moved(&self.theta, &classes, more.places),
            var: naive_bayes::moved(&self.var, &classes, more.places),
            epsilon: 0.0,
            priors: None,
            labels,
        }
    }

    /// Merges the moments of rows into those of their classes (Chan, Golub and LeVeque, 1979).
    fn take(&mut self, x: &Matrix, codes: &[u32], weights: Option<&[f64]>) {
        for class in 0..self.counts.len() {
            let rows: Vec<u32> =
                (0..).zip(codes).filter(|(_, code)| **code as usize == class).map(|(row, _)| row).collect();
            let weight = |i: usize| weights.map_or(1.0, |weights| weights[rows[i] as usize]);
            let new: f64 = (0..rows.len()).map(weight).sum();
            if new == 0.0 {
                continue;
            }
            let rows_of = Rows::List(rows.as_slice().into());
            let old = self.counts[class];
            let all = old + new;
            for j in 0..x.columns() {
                let (_, mean, var) = moments(&rows_of.gather(x.column(j)), weight);
                let away = mean - self.theta[(class, j)];
                if old == 0.0 {
                    (self.theta[(class, j)], self.var[(class, j)]) = (mean, var);
                } else {
                    let squares = old * self.var[(class, j)] + new * var + (new * old / all) * away * away;
                    self.theta[(class, j)] += new / all * away;
                    self.var[(class, j)] = squares / all;
                }
            }
            self.counts[class] = all;
        }
    }

    fn has_no_spread(&self) -> bool {
        let present = naive_bayes::present(&self.counts);
        present.iter().any(|class| self.var.row(*class as usize).contains(&0.0))
    }

    fn is_finite(&self) -> bool {
        let finite = |matrix: &Matrix| matrix.values().iter().all(|value| value.is_finite());
        self.epsilon.is_finite() && finite(&self.theta) && finite(&self.var)
    }

    /// Of each present class: the logarithm of its share and the sum of those of its distributions' heights, the means, and what
    /// squares are divided by.
    fn classes(&self) -> Vec<(f64, Vec<f64>, Vec<f64>)> {
        let present = naive_bayes::present(&self.counts);
        let shares = match &self.priors {
            Some(priors) if priors.len() == present.len() => priors.iter().map(|prior| prior.ln()).collect(),
            _ => naive_bayes::log_shares(&present.iter().map(|k| self.counts[*k as usize]).collect::<Vec<_>>()),
        };
        let class = |(k, share): (&u32, f64)| {
            // One that is constant in every row says nothing.
            let var = |var: f64| if var + self.epsilon > 0.0 { var + self.epsilon } else { 1.0 };
            let var: Vec<f64> = self.var.row(*k as usize).into_iter().map(var).collect();
            let heights: f64 = var.iter().map(|var| (2.0 * std::f64::consts::PI * var).ln()).sum();
            (share - 0.5 * heights, self.theta.row(*k as usize), var)
        };
        present.iter().zip(shares).map(class).collect()
    }
}

impl FittedModel for FittedGaussianNB {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        if frame.features() != self.theta.columns() {
            let message = format!("a model was fitted on {} features and got {}", self.theta.columns(), frame.features());
            return Err(Code::Bug.error(message));
        }
        let x = frame.design(&Rows::all(frame.rows()))?;
        let classes = self.classes();
        let mut joint = Matrix::zeros(x.rows(), classes.len());
        for (k, (share, theta, var)) in classes.iter().enumerate() {
            let mut sums = vec![0.0; x.rows()];
            for j in 0..x.columns() {
                for (sum, x) in sums.iter_mut().zip(x.column(j)) {
                    *sum += (x - theta[j]) * (x - theta[j]) / var[j];
                }
            }
            let column = joint.column_mut(k);
            column.iter_mut().zip(sums).for_each(|(value, sum)| *value = share - 0.5 * sum);
        }
        Ok(naive_bayes::prediction(&joint, &naive_bayes::present(&self.counts), self.labels.len()))
    }

    fn facts(&self) -> Facts {
        let rows = |matrix: &Matrix, more: f64| -> Vec<Vec<f64>> {
            let row = |k: usize| matrix.row(k).into_iter().map(|value| value + more).collect();
            (0..matrix.rows()).map(row).collect()
        };
        Facts {
            classes: Some(Arc::clone(&self.labels)),
            more: vec![
                ("class_count", serde_json::json!(self.counts)),
                ("theta", serde_json::json!(rows(&self.theta, 0.0))),
                ("var", serde_json::json!(rows(&self.var, self.epsilon))),
                ("epsilon", serde_json::json!(self.epsilon)),
            ],
            ..Facts::default()
        }
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Outputs> {
        let x = graph.numbers(features)?;
        let mut parts = Vec::new();
        for (share, theta, var) in self.classes() {
            let away = graph.subtract(&x, &theta);
            let squares = graph.times(&away, &away);
            let weighed = graph.divide(&squares, &var);
            let sum = graph.product(&weighed, &Matrix::from_fn(var.len(), 1, |_, _| -0.5));
            parts.push(graph.add(&sum, &[share]));
        }
        let joint = graph.beside(&parts);
        Ok(naive_bayes::onnx(graph, &joint, &naive_bayes::present(&self.counts), &self.labels))
    }
}

impl State for FittedGaussianNB {
    fn save(&self, saver: &mut Saver) {
        saver.json("labels", &*self.labels);
        saver.numbers("class_count", &self.counts);
        saver.matrix("theta", &self.theta);
        saver.matrix("var", &self.var);
        saver.numbers("epsilon", &[self.epsilon]);
        saver.json("priors", &self.priors);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let (labels, counts) = naive_bayes::load(loader)?;
        let (theta, var) = (loader.matrix("theta")?, loader.matrix("var")?);
        let fits = |matrix: &Matrix| matrix.rows() == labels.len() && matrix.columns() == theta.columns();
        if !fits(&theta) || !fits(&var) || var.values().iter().any(|var| *var < 0.0) {
            return Err(loader.damaged("theta", "or `var` does not go with the classes"));
        }
        let epsilon = loader.numbers_of("epsilon", 1)?[0];
        let priors: Option<Vec<f64>> = loader.json("priors")?;
        let fitted = Self { labels, counts, theta, var, epsilon, priors };
        if !fitted.is_finite() || epsilon < 0.0 {
            return Err(loader.damaged("epsilon", "or a moment is not finite"));
        }
        Ok(fitted)
    }
}
