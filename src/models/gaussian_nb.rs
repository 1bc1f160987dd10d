//! `sklearn.naive_bayes.GaussianNB`.

use std::sync::Arc;

use super::naive_bayes::{self, Classes};
use super::{logistic_regression, training};
use crate::contract::{
    Checks, Exception, Facts, Fault, FittedModel, Frame, Loader, Model, More, Needs, Params, Prediction, Rng,
    Saver, State, Task, Train, params,
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

    fn exceptions() -> &'static [Exception] {
        &[
            ("linear form", "its likelihoods are squares of the features"),
            (
                "integer weights",
                "what is added to the variances is of rows that all weigh the same, as in scikit-learn",
            ),
        ]
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
        let x = training::row_major(train, Self::NAME)?;
        let (_, present) = logistic_regression::present(&codes, weights.as_deref(), &labels, Self::NAME)?;
        let mut fitted = FittedGaussianNB::empty(train.x.features(), &labels);
        self.take(&mut fitted, &x, &codes, weights.as_deref(), &present)?;
        Ok(fitted)
    }

    fn no_update(&self) -> Option<&'static str> {
        None
    }

    fn no_forgetting(&self) -> Option<&'static str> {
        None
    }

    fn begin(&self, features: usize, labels: Option<&Arc<Levels>>) -> Result<FittedGaussianNB> {
        Ok(FittedGaussianNB::empty(features, labels.unwrap_or(&Arc::default())))
    }

    fn update(&self, learned: &mut FittedGaussianNB, more: &More) -> Result<()> {
        let (codes, labels) = more.classes()?;
        learned.classes.move_to(labels, more, &mut [&mut learned.theta, &mut learned.var]);
        more.check_features(learned.theta.columns())?;
        let all: Vec<u32> = (0..labels.len() as u32).collect();
        self.take(learned, more.x, codes, more.weights, &all)
    }
}

impl GaussianNB {
    /// Learns rows; priors are written for these classes. As with scikit-learn, what the latest rows add to the variances is taken off
    /// before they are merged, though rows before had added something else.
    fn take(
        &self,
        fitted: &mut FittedGaussianNB,
        x: &[f64],
        codes: &[u32],
        weights: Option<&[f64]>,
        classes: &[u32],
    ) -> Result<()> {
        let all = fitted.classes.counts.len();
        let written = |priors: &Vec<f64>| naive_bayes::written("priors", priors, classes, all);
        fitted.priors = self.priors.as_ref().map(written).transpose()?;
        let epsilon = self.var_smoothing * greatest_variance(x, fitted.theta.columns());
        fitted.var.values_mut().iter_mut().for_each(|var| *var -= epsilon);
        fitted.merge(x, codes, weights);
        fitted.var.values_mut().iter_mut().for_each(|var| *var = (*var + epsilon).max(0.0));
        fitted.epsilon = epsilon;
        if !fitted.is_finite() {
            let message = "GaussianNB has variances that are not finite";
            return Err(Code::NotFinite.error(message).help("the features are too great: scale them"));
        }
        Ok(())
    }
}

/// The greatest of the features' variances, of rows that all weigh the same.
fn greatest_variance(x: &[f64], features: usize) -> f64 {
    let rows = x.len() / features;
    if rows < 2 {
        return 0.0;
    }
    let variance = |j: usize| {
        let values = || x.iter().skip(j).step_by(features);
        let mean = values().sum::<f64>() / rows as f64;
        values().map(|value| (value - mean) * (value - mean)).sum::<f64>() / rows as f64
    };
    (0..features).map(variance).fold(0.0, f64::max)
}

/// `theta_`, `var_` and `class_count_`, over the classes of the whole table.
pub struct FittedGaussianNB {
    classes: Classes,
    /// Means, classes x features.
    theta: Matrix,
    /// Variances, with what was added to them.
    var: Matrix,
    /// What the latest rows have added.
    epsilon: f64,
    /// Shares of the classes, if they were written.
    priors: Option<Vec<f64>>,
}

/// The logarithm of a class' likelihood, as a sum of squares.
struct Likelihood {
    /// That of its share, and those of the heights of its distributions.
    constant: f64,
    means: Vec<f64>,
    /// What a squared distance is multiplied with: -1 / (2 variances).
    factors: Vec<f64>,
}

impl FittedGaussianNB {
    fn empty(features: usize, labels: &Arc<Levels>) -> Self {
        let zeros = Matrix::zeros(labels.len(), features);
        Self { classes: Classes::new(labels), theta: zeros.clone(), var: zeros, epsilon: 0.0, priors: None }
    }

    /// Merges the moments of rows into those of their classes (Chan, Golub and LeVeque, 1979).
    fn merge(&mut self, x: &[f64], codes: &[u32], weights: Option<&[f64]>) {
        let features = self.theta.columns();
        for class in 0..self.classes.counts.len() {
            let rows: Vec<(&[f64], f64)> = (x.chunks_exact(features).zip(codes).enumerate())
                .filter(|(_, (_, code))| **code as usize == class)
                .map(|(i, (row, _))| (row, weights.map_or(1.0, |weights| weights[i])))
                .collect();
            let new: f64 = rows.iter().map(|(_, weight)| weight).sum();
            if new == 0.0 {
                continue;
            }
            let old = self.classes.counts[class];
            let all = old + new;
            for j in 0..features {
                let mean = rows.iter().map(|(row, weight)| weight * row[j]).sum::<f64>() / new;
                let square = |(row, weight): &(&[f64], f64)| weight * (row[j] - mean) * (row[j] - mean);
                let squares: f64 = rows.iter().map(square).sum();
                let away = mean - self.theta[(class, j)];
                if old == 0.0 {
                    (self.theta[(class, j)], self.var[(class, j)]) = (mean, squares / new);
                } else {
                    let between = new * old / all * away * away;
                    self.theta[(class, j)] = (new * mean + old * self.theta[(class, j)]) / all;
                    self.var[(class, j)] = (old * self.var[(class, j)] + squares + between) / all;
                }
            }
            self.classes.counts[class] = all;
        }
    }

    fn is_finite(&self) -> bool {
        let finite = |matrix: &Matrix| matrix.values().iter().all(|value| value.is_finite());
        self.epsilon.is_finite() && finite(&self.theta) && finite(&self.var)
    }

    /// Of each class that has rows. A feature says nothing as long as it is constant in one of them, and nothing is added to that.
    fn likelihoods(&self) -> Vec<Likelihood> {
        let present = naive_bayes::present(&self.classes.counts);
        let shares = self.priors.as_ref().unwrap_or(&self.classes.counts);
        let all: f64 = present.iter().map(|class| shares[*class as usize]).sum();
        let variance = |class: u32, j: usize| self.var[(class as usize, j)];
        let spread = |j: usize| present.iter().all(|class| variance(*class, j) > 0.0);
        let speaks: Vec<bool> = (0..self.var.columns()).map(spread).collect();
        let likelihood = |class: &u32| {
            let speaking = || (0..speaks.len()).filter(|j| speaks[*j]);
            let height = |j: usize| (2.0 * std::f64::consts::PI * variance(*class, j)).ln();
            let factor = |j: usize| if speaks[j] { -0.5 / variance(*class, j) } else { 0.0 };
            Likelihood {
                constant: (shares[*class as usize] / all).ln() - 0.5 * speaking().map(height).sum::<f64>(),
                means: self.theta.row(*class as usize),
                factors: (0..speaks.len()).map(factor).collect(),
            }
        };
        present.iter().map(likelihood).collect()
    }
}

impl FittedModel for FittedGaussianNB {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        if frame.features() != self.theta.columns() {
            let message = format!(
                "a model was fitted on {} features and got {}",
                self.theta.columns(),
                frame.features()
            );
            return Err(Code::Bug.error(message));
        }
        let x = frame.design(&Rows::all(frame.rows()))?;
        let likelihoods = self.likelihoods();
        let mut joint = Matrix::zeros(x.rows(), likelihoods.len());
        for (k, likelihood) in likelihoods.iter().enumerate() {
            let sums = joint.column_mut(k);
            sums.fill(likelihood.constant);
            for (j, (mean, factor)) in likelihood.means.iter().zip(&likelihood.factors).enumerate() {
                sums.iter_mut()
                    .zip(x.column(j))
                    .for_each(|(sum, x)| *sum += factor * (x - mean) * (x - mean));
            }
        }
        let present = naive_bayes::present(&self.classes.counts);
        Ok(naive_bayes::prediction(&joint, &present, self.classes.labels.len()))
    }

    fn facts(&self) -> Facts {
        let rows = |matrix: &Matrix| (0..matrix.rows()).map(|k| matrix.row(k)).collect::<Vec<_>>();
        Facts {
            classes: Some(Arc::clone(&self.classes.labels)),
            more: vec![
                ("class_count", serde_json::json!(self.classes.counts)),
                ("theta", serde_json::json!(rows(&self.theta))),
                ("var", serde_json::json!(rows(&self.var))),
                ("epsilon", serde_json::json!(self.epsilon)),
            ],
            ..Facts::default()
        }
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Outputs> {
        let x = graph.numbers(features)?;
        let mut parts = Vec::new();
        for likelihood in self.likelihoods() {
            let away = graph.subtract(&x, &likelihood.means);
            let squares = graph.times(&away, &away);
            let factors = Matrix::from_columns(likelihood.factors.len(), 1, likelihood.factors);
            let sum = graph.product(&squares, &factors);
            parts.push(graph.add(&sum, &[likelihood.constant]));
        }
        let joint = graph.beside(&parts);
        let present = naive_bayes::present(&self.classes.counts);
        Ok(naive_bayes::onnx(graph, &joint, &present, &self.classes.labels))
    }
}

impl State for FittedGaussianNB {
    fn save(&self, saver: &mut Saver) {
        self.classes.save(saver);
        saver.matrix("theta", &self.theta);
        saver.matrix("var", &self.var);
        saver.numbers("epsilon", &[self.epsilon]);
        saver.json("priors", &self.priors);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let classes = Classes::load(loader)?;
        let (theta, var) = (loader.matrix("theta")?, loader.matrix("var")?);
        let fits =
            |matrix: &Matrix| matrix.rows() == classes.counts.len() && matrix.columns() == theta.columns();
        if !fits(&theta) || !fits(&var) || var.values().iter().any(|var| *var < 0.0) {
            return Err(loader.damaged("theta", "or `var` does not go with the classes"));
        }
        let epsilon = loader.numbers_of("epsilon", 1)?[0];
        let priors: Option<Vec<f64>> = loader.json("priors")?;
        let sound = |priors: &Vec<f64>| {
            priors.len() == classes.counts.len()
                && priors.iter().all(|prior| prior.is_finite() && *prior >= 0.0)
        };
        if !priors.as_ref().is_none_or(sound) {
            return Err(loader.damaged("priors", "does not go with the classes"));
        }
        let fitted = Self { classes, theta, var, epsilon, priors };
        if !fitted.is_finite() || epsilon < 0.0 {
            return Err(loader.damaged("epsilon", "or a moment is not finite"));
        }
        Ok(fitted)
    }
}
