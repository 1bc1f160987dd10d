//! `sklearn.linear_model.SGDRegressor`.

use std::sync::Arc;

use super::averaging::Averaging;
use super::stochastic::{self, Descent, LearningRate, Output, SgdPenalty, Validation};
use super::stochastic_loss::Loss;
use super::stochastic_state::{self as state, Progress};
use super::{held_out, linear, training};
use crate::contract::{
    Checks, Exception, Facts, Fault, FittedModel, Frame, Linear, Loader, Model, More, Needs, Prediction, Rng,
    Saver, State, Task, Train, choice, params,
};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Outputs, Part, Wire};
use crate::table::Levels;

choice! {
    /// What is minimized.
    pub enum RegressionLoss {
        /// Half the squared error.
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
    /// Linear regression by stochastic gradient descent, with the numbers of scikit-learn for the same `random_state`. Features have to
    /// be of about the same size: put a `StandardScaler` before it. Learns row after row, too.
    pub struct SGDRegressor {
        /// What is minimized.
        loss: RegressionLoss = RegressionLoss::SquaredError, Bound::Any;
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
        /// Where the losses other than `squared_error` bend.
        epsilon: f64 = 0.1, Bound::AtLeast(0.0);
        /// Seed of the orders.
        random_state: Option<u32> = None, Bound::Any;
        /// How far a step goes; `pa1` and `pa2` go with `epsilon_insensitive`.
        learning_rate: LearningRate = LearningRate::Invscaling, Bound::Any;
        /// The first rate, or the aggressiveness of `pa1` and `pa2`.
        eta0: f64 = 0.01, Bound::Above(0.0);
        /// The exponent of `invscaling`.
        power_t: f64 = 0.25, Bound::Any;
        /// Hold rows out, and stop when their R² gets no better.
        early_stopping: bool = false, Bound::Any;
        /// Which share of the rows is held out.
        validation_fraction: f64 = 0.1, Bound::Within(0.0, 1.0);
        /// After how many passes without anything better it stops.
        n_iter_no_change: usize = 5, Bound::AtLeast(1.0);
        /// Average the coefficients, from the first step or a later one on.
        average: Averaging = Averaging(0), Bound::Any;
    }
    without_effect: ["verbose", "warm_start"];
}

impl Checks for SGDRegressor {
    fn check(&self) -> Vec<Fault> {
        let mut faults = state::faults(&self.descent(), self.validation_fraction, self.l1_ratio);
        if self.descent().is_passive_aggressive() && self.loss != RegressionLoss::EpsilonInsensitive {
            let fault =
                Fault::of("learning_rate", "`pa1` and `pa2` go with `loss: epsilon_insensitive` only");
            faults.push(fault.help("write that loss, or another `learning_rate`"));
        }
        faults
    }

    fn exceptions() -> &'static [Exception] {
        state::EXCEPTIONS
    }
}

impl SGDRegressor {
    fn descent(&self) -> Descent {
        let loss = match self.loss {
            RegressionLoss::SquaredError => Loss::Squared,
            RegressionLoss::Huber => Loss::Huber(self.epsilon),
            RegressionLoss::EpsilonInsensitive => Loss::EpsilonInsensitive(self.epsilon),
            RegressionLoss::SquaredEpsilonInsensitive => Loss::SquaredEpsilonInsensitive(self.epsilon),
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
}

impl Model for SGDRegressor {
    const TASK: Task = Task::Regression;
    const WEIGHTS: bool = true;
    type Fitted = FittedSgdRegressor;

    fn needs(&self) -> Needs {
        Needs::ROWS
    }

    fn needs_rows(&self) -> &'static str {
        "goes through the rows one after the other"
    }

    fn fit(&self, train: &Train, rng: &mut Rng) -> Result<FittedSgdRegressor> {
        let y = target(train)?;
        let weights = training::weights(train)?;
        let x = training::row_major(train, "SGDRegressor")?;
        let features = train.x.features();
        let random_state = stochastic::random_state(self.random_state, rng);
        let held_out = if self.early_stopping {
            Some(held_out::shuffled(y.len(), self.validation_fraction, random_state)?)
        } else {
            None
        };
        let rows =
            stochastic::Rows { x: &x, features, y: &y, weights: weights.as_deref(), class_weights: [1.0; 2] };
        let score = |coef: &[f64], intercept: f64| {
            state::r2(&rows, held_out.as_deref().unwrap_or_default(), coef, intercept)
        };
        let validation = held_out.as_deref().map(|held_out| Validation { held_out, score: &score });
        let seed = stochastic::seed(&mut Rng::seeded(random_state));
        let mut output = Output::new(features, self.average.0 > 0);
        let passes = self.descent().run(&mut output, &rows, 1.0, seed, validation.as_ref())?;
        let progress = Progress {
            outputs: vec![output],
            t: 1.0 + (passes * y.len()) as f64,
            passes,
            converged: self.tol.is_none() || passes < self.max_iter,
        };
        FittedSgdRegressor::of(progress, self.average.0)
    }

    fn no_update(&self) -> Option<&'static str> {
        self.early_stopping.then_some(state::NO_UPDATE)
    }

    fn begin(&self, features: usize, _labels: Option<&Arc<Levels>>) -> Result<FittedSgdRegressor> {
        FittedSgdRegressor::of(Progress::new(1, features, self.average.0 > 0), self.average.0)
    }

    fn update(&self, learned: &mut FittedSgdRegressor, more: &More) -> Result<()> {
        let y = more.values()?;
        let seed = || stochastic::seed(&mut Rng::seeded(self.random_state.unwrap_or(more.random_state)));
        let seed = if self.shuffle && y.len() > 1 { seed() } else { 0 };
        learned.progress.learn(&self.descent(), more, &[(y.to_vec(), [1.0; 2], seed)])?;
        learned.progress.write(self.average.0, &mut learned.form);
        Ok(())
    }
}

/// The only target.
fn target(train: &Train) -> Result<Vec<f64>> {
    let y = training::values(train, "SGDRegressor")?;
    if y.columns() != 1 {
        let message = format!("SGDRegressor learns one target, and there are {}", y.columns());
        return Err(Code::BadTarget.error(message).help("use `Ridge`, or a pipeline for each"));
    }
    Ok(y.column(0).to_vec())
}

/// `coef_` and `intercept_`, and where the descent is.
#[derive(Debug)]
pub struct FittedSgdRegressor {
    form: Linear,
    progress: Progress,
}

impl FittedSgdRegressor {
    fn of(progress: Progress, average: usize) -> Result<Self> {
        Ok(Self { form: linear::finite(progress.form(average), "SGDRegressor")?, progress })
    }
}

impl FittedModel for FittedSgdRegressor {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        Ok(Prediction::Values(linear::values(&self.form, frame)?))
    }

    fn facts(&self) -> Facts {
        Facts {
            coef: Some(linear::coef(&self.form)),
            intercept: Some(self.form.intercept.clone()),
            classes: None,
            more: self.progress.facts(),
        }
    }

    fn linear(&self) -> Option<Linear> {
        Some(self.form.clone())
    }

    fn notes(&self) -> Vec<Diagnostic> {
        self.progress.notes("SGDRegressor")
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Outputs> {
        let values = linear::onnx(&self.form, graph, features)?;
        Ok(Outputs { prediction: Part::Numbers(values), proba: None })
    }

    fn link(&self, values: Matrix) -> Prediction {
        Prediction::Values(values)
    }
}

impl State for FittedSgdRegressor {
    fn save(&self, saver: &mut Saver) {
        linear::save(&self.form, saver);
        self.progress.save(saver);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let form = linear::load(loader)?;
        if form.intercept.len() != 1 {
            return Err(loader.damaged("coef", "has more than one output"));
        }
        Ok(Self { progress: Progress::load(loader, &form)?, form })
    }
}
