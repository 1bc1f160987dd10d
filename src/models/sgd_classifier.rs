//! `sklearn.linear_model.SGDClassifier`.

use std::sync::Arc;

use super::averaging::Averaging;
use super::class_weight::ClassWeight;
use super::fitted_sgd_classifier::FittedSgdClassifier;
use super::stochastic::{self, Descent, LearningRate, Rows, SgdPenalty, Validation};
use super::stochastic_loss::Loss;
use super::stochastic_state::{self as state, Progress};
use super::{held_out, logistic_regression, training};
use crate::contract::{Checks, Exception, Fault, Model, More, Needs, Rng, Task, Train, choice, params};
use crate::diag::{Code, Result};
use crate::table::Levels;

choice! {
    /// What is minimized.
    pub enum ClassificationLoss {
        /// A linear support vector machine.
        Hinge = "hinge",
        /// Logistic regression.
        LogLoss = "log_loss",
        /// Smooth, and with probabilities.
        ModifiedHuber = "modified_huber",
        /// The square of `hinge`.
        SquaredHinge = "squared_hinge",
        /// The perceptron.
        Perceptron = "perceptron",
        /// Half the squared error of -1 and 1.
        SquaredError = "squared_error",
        /// Squared up to `epsilon`, linear beyond.
        Huber = "huber",
        /// The error beyond `epsilon`.
        EpsilonInsensitive = "epsilon_insensitive",
        /// Its square.
        SquaredEpsilonInsensitive = "squared_epsilon_insensitive",
    }
}

params! {
    /// Linear classification by stochastic gradient descent, one class against the others where there are more than two, with the
    /// numbers of scikit-learn for the same `random_state`. Features have to be of about the same size: put a `StandardScaler` before it.
    /// Learns row after row, too.
    pub struct SGDClassifier {
        /// What is minimized; `log_loss` and `modified_huber` give probabilities.
        loss: ClassificationLoss = ClassificationLoss::Hinge, Bound::Any;
        /// What keeps the coefficients small; null for nothing.
        penalty: Option<SgdPenalty> = Some(SgdPenalty::L2), Bound::Any;
        /// Strength of the penalty, and of `learning_rate: optimal`.
        alpha: f64 = 1e-4, Bound::AtLeast(0.0);
        /// Share of the L1 penalty with `penalty: elasticnet`.
        l1_ratio: Option<f64> = Some(0.15), Bound::Within(0.0, 1.0);
        /// Add an intercept.
        fit_intercept: bool = true, Bound::Any;
        /// How many passes over the rows there are at most.
        max_iter: usize = 1000, Bound::AtLeast(1.0);
        /// By how much a pass has to be better than the best one; null for `max_iter` passes.
        tol: Option<f64> = Some(1e-3), Bound::AtLeast(0.0);
        /// Go through the rows in a new order in every pass.
        shuffle: bool = true, Bound::Any;
        /// Where the losses of regression other than `squared_error` bend.
        epsilon: f64 = 0.1, Bound::AtLeast(0.0);
        /// Seed of the orders.
        random_state: Option<u32> = None, Bound::Any;
        /// How far a step goes; `pa1` and `pa2` go with `hinge`.
        learning_rate: LearningRate = LearningRate::Optimal, Bound::Any;
        /// The first rate, or the aggressiveness of `pa1` and `pa2`.
        eta0: f64 = 0.01, Bound::Above(0.0);
        /// The exponent of `invscaling`.
        power_t: f64 = 0.5, Bound::Any;
        /// Hold rows out of every class, and stop when no more of them are classified well.
        early_stopping: bool = false, Bound::Any;
        /// Which share of the rows is held out.
        validation_fraction: f64 = 0.1, Bound::Within(0.0, 1.0);
        /// After how many passes without anything better it stops.
        n_iter_no_change: usize = 5, Bound::AtLeast(1.0);
        /// Weights of classes, multiplied with the rows' own: a map, or `balanced` for (rows) / (classes * rows of the class).
        class_weight: Option<ClassWeight> = None, Bound::Any;
        /// Average the coefficients, from the first step or a later one on.
        average: Averaging = Averaging(0), Bound::Any;
    }
    without_effect: ["n_jobs", "verbose", "warm_start"];
}

const BETWEEN: Exception =
    ("classes between others", "one plane parts each class from all others, as in scikit-learn");

impl Checks for SGDClassifier {
    fn check(&self) -> Vec<Fault> {
        let mut faults = state::faults(&self.descent(), self.validation_fraction, self.l1_ratio);
        if self.descent().is_passive_aggressive() && self.loss != ClassificationLoss::Hinge {
            let fault = Fault::of("learning_rate", "`pa1` and `pa2` go with `loss: hinge` only");
            faults.push(fault.help("write that loss, or another `learning_rate`"));
        }
        faults
    }

    fn exceptions() -> &'static [Exception] {
        const { &[state::EXCEPTIONS[0], state::EXCEPTIONS[1], state::EXCEPTIONS[2], BETWEEN] }
    }
}

impl Model for SGDClassifier {
    const TASK: Task = Task::Classification;
    const WEIGHTS: bool = true;
    type Fitted = FittedSgdClassifier;

    fn needs(&self) -> Needs {
        Needs::ROWS
    }

    fn needs_rows(&self) -> &'static str {
        "goes through the rows one after the other"
    }

    fn fit(&self, train: &Train, rng: &mut Rng) -> Result<FittedSgdClassifier> {
        let (codes, labels) = training::classes(train, "SGDClassifier")?;
        let weights = training::weights(train)?;
        let x = training::row_major(train, "SGDClassifier")?;
        let random_state = stochastic::random_state(self.random_state, rng);
        // Each class of the rows counts, even one whose rows all have the weight 0, as in scikit-learn.
        let (own, present) = logistic_regression::present(&codes, None, &labels, "SGDClassifier")?;
        let factors = self.factors(&codes, &labels)?;
        let held_out = self.held_out(&own, present.len(), random_state)?;
        let seeds = seeds(random_state, present.len());
        let mut progress = Progress::new(seeds.len(), train.x.features(), self.average.0 > 0);
        for ((k, seed), output) in outputs(present.len()).zip(seeds).zip(&mut progress.outputs) {
            let y = self.targets(&own, k as u32);
            let rows = Rows {
                x: &x,
                features: train.x.features(),
                y: &y,
                weights: weights.as_deref(),
                class_weights: self.class_weights(&factors, &present, k),
            };
            let score = |coef: &[f64], intercept: f64| {
                accuracy(&rows, held_out.as_deref().unwrap_or_default(), coef, intercept)
            };
            let validation = held_out.as_deref().map(|held_out| Validation { held_out, score: &score });
            let passes = self.descent().run(output, &rows, 1.0, seed, validation.as_ref())?;
            progress.passes = progress.passes.max(passes);
        }
        progress.t += (progress.passes * codes.len()) as f64;
        progress.converged = self.tol.is_none() || progress.passes < self.max_iter;
        FittedSgdClassifier::of(labels, present, progress, self.loss, self.average.0)
    }

    fn no_update(&self) -> Option<&'static str> {
        if self.class_weight == Some(ClassWeight::Balanced) {
            return Some("balances classes by all rows, with `class_weight: balanced`");
        }
        self.early_stopping.then_some(state::NO_UPDATE)
    }

    fn fixes_classes(&self) -> bool {
        true
    }

    /// For all classes that the target can have, whether there are rows of them or not.
    fn begin(&self, features: usize, labels: Option<&Arc<Levels>>) -> Result<FittedSgdClassifier> {
        let labels = labels.filter(|labels| labels.len() > 1).ok_or_else(|| {
            Code::FitFailed.error("SGDClassifier needs two classes, and the target has fewer")
        })?;
        let present: Vec<u32> = (0..labels.len() as u32).collect();
        let outputs = if present.len() == 2 { 1 } else { present.len() };
        let progress = Progress::new(outputs, features, self.average.0 > 0);
        FittedSgdClassifier::of(Arc::clone(labels), present, progress, self.loss, self.average.0)
    }

    fn update(&self, learned: &mut FittedSgdClassifier, more: &More) -> Result<()> {
        let (codes, labels) = more.classes()?;
        if learned.classes() != labels.labels() {
            return Err(Code::Bug.error("other classes than those that were learned"));
        }
        let factors = self.factors(codes, labels)?;
        let present: Vec<u32> = (0..labels.len() as u32).collect();
        let seeds = || seeds(self.random_state.unwrap_or(more.random_state), present.len());
        let seeds = if self.shuffle && codes.len() > 1 { seeds() } else { vec![0; present.len()] };
        let target = |(k, seed): (usize, u32)| {
            (self.targets(codes, k as u32), self.class_weights(&factors, &present, k), seed)
        };
        let targets: Vec<_> = outputs(present.len()).zip(seeds).map(target).collect();
        learned.learn(&self.descent(), more, &targets, self.average.0)
    }
}

impl SGDClassifier {
    fn descent(&self) -> Descent {
        let loss = match self.loss {
            ClassificationLoss::Hinge => Loss::Hinge(1.0),
            ClassificationLoss::LogLoss => Loss::Log,
            ClassificationLoss::ModifiedHuber => Loss::ModifiedHuber,
            ClassificationLoss::SquaredHinge => Loss::SquaredHinge,
            ClassificationLoss::Perceptron => Loss::Hinge(0.0),
            ClassificationLoss::SquaredError => Loss::Squared,
            ClassificationLoss::Huber => Loss::Huber(self.epsilon),
            ClassificationLoss::EpsilonInsensitive => Loss::EpsilonInsensitive(self.epsilon),
            ClassificationLoss::SquaredEpsilonInsensitive => Loss::SquaredEpsilonInsensitive(self.epsilon),
        };
        Descent {
            loss,
            penalty: self.penalty,
            alpha: self.alpha,
            l1_ratio: self.l1_ratio.unwrap_or(0.0),
            fit_intercept: self.fit_intercept,
            max_iter: self.max_iter,
            tol: self.tol,
            shuffle: self.shuffle,
            rate: self.learning_rate,
            eta0: self.eta0,
            power_t: self.power_t,
            n_iter_no_change: self.n_iter_no_change,
            average: self.average.0,
        }
    }

    /// The weights of classes; those that balance count rows, whatever these weigh, as in scikit-learn.
    fn factors(&self, codes: &[u32], labels: &Levels) -> Result<Vec<f64>> {
        match &self.class_weight {
            Some(class_weight) => class_weight.factors(codes, &vec![1.0; codes.len()], labels),
            None => Ok(vec![1.0; labels.len()]),
        }
    }

    /// The weights of the rows of the class of an output, and of the others'.
    fn class_weights(&self, factors: &[f64], present: &[u32], k: usize) -> [f64; 2] {
        let of = |k: usize| factors[present[k] as usize];
        if present.len() == 2 { [of(1), of(0)] } else { [of(k), 1.0] }
    }

    fn targets(&self, codes: &[u32], class: u32) -> Vec<f64> {
        let negative = self.descent().loss.negative();
        codes.iter().map(|code| if *code == class { 1.0 } else { negative }).collect()
    }

    fn held_out(&self, codes: &[u32], classes: usize, random_state: u32) -> Result<Option<Vec<bool>>> {
        let held_out = || held_out::stratified(codes, classes, self.validation_fraction, random_state);
        self.early_stopping.then(held_out).transpose()
    }
}

/// The classes that outputs are of: the second of two, else every one.
fn outputs(classes: usize) -> std::ops::Range<usize> {
    usize::from(classes == 2)..classes
}

/// The seeds of the orders of each output.
fn seeds(random_state: u32, classes: usize) -> Vec<u32> {
    let mut rng = Rng::seeded(random_state);
    let states = if classes == 2 {
        vec![random_state]
    } else {
        (0..classes).map(|_| stochastic::seed(&mut rng)).collect()
    };
    let seed = |state: u32| {
        let mut rng = Rng::seeded(state);
        stochastic::skip(&mut rng);
        stochastic::seed(&mut rng)
    };
    states.into_iter().map(seed).collect()
}

/// The weighted share of the rows that are held out whose class is found. Of `log_loss`, rows that are not of the class count as
/// missed, as in scikit-learn 1.9, which compares targets 0 and 1 with classes -1 and 1.
fn accuracy(rows: &Rows, held_out: &[bool], coef: &[f64], intercept: f64) -> f64 {
    let (mut right, mut all) = (0.0, 0.0);
    for i in (0..held_out.len()).filter(|i| held_out[*i]) {
        let weight = rows.weights.map_or(1.0, |weights| weights[i]);
        let found = if state::decision(rows, i, coef, intercept) > 0.0 { 1.0 } else { -1.0 };
        all += weight;
        if found == rows.y[i] {
            right += weight;
        }
    }
    right / all
}
