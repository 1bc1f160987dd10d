//! Stochastic gradient descent as scikit-learn's `SGDRegressor` and `SGDClassifier` do it, row after row.

use super::stochastic_loss::Loss;
use super::stochastic_weights::Weights;
use crate::contract::{Rng, choice};
use crate::diag::{Code, Result};

/// Derivatives are cut off here.
const GREATEST_GRADIENT: f64 = 1e12;
/// `adaptive` ends when its rate is no greater.
const LEAST_RATE: f64 = 1e-6;
/// The greatest number that seeds a shuffle.
const GREATEST_SEED: u64 = (1 << 31) - 2;

choice! {
    /// What keeps the coefficients small.
    pub enum SgdPenalty {
        /// The sum of squares.
        L2 = "l2",
        /// The sum of absolute values.
        L1 = "l1",
        /// Both.
        ElasticNet = "elasticnet",
    }
}

choice! {
    /// How far a step goes.
    pub enum LearningRate {
        /// `eta0`.
        Constant = "constant",
        /// 1 / (alpha * (t + t0)).
        Optimal = "optimal",
        /// `eta0` / t^`power_t`.
        Invscaling = "invscaling",
        /// `eta0`, a fifth of it whenever nothing gets better.
        Adaptive = "adaptive",
        /// Passive-aggressive, at most `eta0`.
        Pa1 = "pa1",
        /// Passive-aggressive, damped by `eta0`.
        Pa2 = "pa2",
    }
}

/// How to descend.
pub(super) struct Descent {
    pub(super) loss: Loss,
    pub(super) penalty: Option<SgdPenalty>,
    pub(super) alpha: f64,
    pub(super) l1_ratio: f64,
    pub(super) fit_intercept: bool,
    pub(super) max_iter: usize,
    pub(super) tol: Option<f64>,
    pub(super) shuffle: bool,
    pub(super) rate: LearningRate,
    pub(super) eta0: f64,
    pub(super) power_t: f64,
    pub(super) n_iter_no_change: usize,
    /// From which step on the coefficients are averaged; never if 0.
    pub(super) average: usize,
}

/// The rows to learn from.
pub(super) struct Rows<'a> {
    /// Row after row.
    pub(super) x: &'a [f64],
    /// How many features a row has.
    pub(super) features: usize,
    pub(super) y: &'a [f64],
    pub(super) weights: Option<&'a [f64]>,
    /// What the weights of rows with a target above 0, and of the others, are multiplied with.
    pub(super) class_weights: [f64; 2],
}

/// Where a descent is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Output {
    pub(super) coef: Vec<f64>,
    pub(super) intercept: f64,
    /// The averages of both, where they are wanted.
    pub(super) average: Option<(Vec<f64>, f64)>,
}

/// Tells how good coefficients (without their scale, as in scikit-learn) and an intercept are on rows that are held out.
pub(super) struct Validation<'a> {
    pub(super) held_out: &'a [bool],
    pub(super) score: &'a dyn Fn(&[f64], f64) -> f64,
}

impl Output {
    /// Before the first row.
    pub(super) fn new(features: usize, average: bool) -> Self {
        let zeros = || vec![0.0; features];
        Self { coef: zeros(), intercept: 0.0, average: average.then(|| (zeros(), 0.0)) }
    }
}

impl Descent {
    /// Descends from where an output is, whose next row is the `t`th, and says how many passes it took. `seed` is of the
    /// shuffles.
    ///
    /// # Errors
    /// `FitFailed` when the coefficients overflow.
    pub(super) fn run(
        &self,
        output: &mut Output,
        rows: &Rows,
        t: f64,
        seed: u32,
        validation: Option<&Validation>,
    ) -> Result<usize> {
        let (average, average_intercept) = match &mut output.average {
            Some((coef, intercept)) => (Some(coef.as_mut_slice()), *intercept),
            None => (None, 0.0),
        };
        let mut walk = Walk {
            descent: self,
            rows,
            weights: Weights::new(&mut output.coef, average),
            intercept: output.intercept,
            average_intercept,
            l1_ratio: self.share_of_l1(),
            first: self.first_optimal(),
            eta: self.eta0,
            t,
            due: 0.0,
            had: if self.has_l1() { vec![0.0; rows.features] } else { Vec::new() },
            objective: 0.0,
        };
        let passes = walk.passes(seed, validation)?;
        walk.weights.settle();
        let (intercept, average_intercept) = (walk.intercept, walk.average_intercept);
        output.intercept = intercept;
        if let Some((_, intercept)) = &mut output.average {
            *intercept = average_intercept;
        }
        Ok(passes)
    }

    fn has_l1(&self) -> bool {
        matches!(self.penalty, Some(SgdPenalty::L1 | SgdPenalty::ElasticNet))
    }

    fn share_of_l1(&self) -> f64 {
        match self.penalty {
            Some(SgdPenalty::L2) => 0.0,
            Some(SgdPenalty::L1) => 1.0,
            Some(SgdPenalty::ElasticNet) | None => self.l1_ratio,
        }
    }

    /// The t0 of `optimal`: the first step is about as long as a typical weight.
    fn first_optimal(&self) -> f64 {
        let typical = (1.0 / self.alpha.sqrt()).sqrt();
        let eta = typical / self.loss.gradient(1.0, -typical).max(1.0);
        1.0 / (eta * self.alpha)
    }

    pub(super) fn is_passive_aggressive(&self) -> bool {
        matches!(self.rate, LearningRate::Pa1 | LearningRate::Pa2)
    }
}

/// A descent on its way.
struct Walk<'a> {
    descent: &'a Descent,
    rows: &'a Rows<'a>,
    weights: Weights<'a>,
    intercept: f64,
    average_intercept: f64,
    l1_ratio: f64,
    first: f64,
    eta: f64,
    t: f64,
    /// What of an L1 penalty every weight should have had.
    due: f64,
    /// What it had.
    had: Vec<f64>,
    /// The sum of the objective over a pass.
    objective: f64,
}

impl Walk<'_> {
    fn passes(&mut self, seed: u32, validation: Option<&Validation>) -> Result<usize> {
        let descent = self.descent;
        let mut order: Vec<u32> = (0..self.rows.y.len() as u32).collect();
        let held_out = |i: u32| validation.is_some_and(|validation| validation.held_out[i as usize]);
        let count = order.iter().filter(|i| !held_out(**i)).count() as f64;
        let (mut best_objective, mut best_score, mut idle) = (f64::INFINITY, f64::NEG_INFINITY, 0);
        // Nobody asks how good a single pass was.
        let judged = validation.is_none() && descent.max_iter > 1;
        for pass in 1..=descent.max_iter {
            self.objective = 0.0;
            if descent.shuffle {
                shuffle(&mut order, seed);
            }
            for i in order.iter().copied().filter(|i| !held_out(*i)) {
                self.step(i as usize, judged);
            }
            if !self.intercept.is_finite() || !self.weights.numbers().iter().all(|w| w.is_finite()) {
                let message = format!("the coefficients overflow in pass {pass} over the rows");
                return Err(Code::FitFailed
                    .error(message)
                    .help("put a `StandardScaler` before the model, or lower `eta0`"));
            }
            let worse = if let Some(validation) = validation {
                let score = (validation.score)(self.weights.numbers(), self.intercept);
                let worse = descent.tol.is_some_and(|tol| score < best_score + tol);
                best_score = if score > best_score { score } else { best_score };
                worse
            } else {
                let objective = self.objective / count;
                let worse = descent.tol.is_some_and(|tol| objective > best_objective - tol);
                best_objective = if objective < best_objective { objective } else { best_objective };
                worse
            };
            idle = if worse { idle + 1 } else { 0 };
            if idle >= descent.n_iter_no_change {
                if descent.rate != LearningRate::Adaptive || self.eta <= LEAST_RATE {
                    return Ok(pass);
                }
                self.eta /= 5.0;
                idle = 0;
            }
        }
        Ok(descent.max_iter)
    }

    /// Learns a row.
    fn step(&mut self, i: usize, judged: bool) {
        let descent = self.descent;
        let row = &self.rows.x[i * self.rows.features..(i + 1) * self.rows.features];
        let y = self.rows.y[i];
        let p = self.weights.dot(row) + self.intercept;
        match descent.rate {
            LearningRate::Optimal => self.eta = 1.0 / (descent.alpha * (self.first + self.t - 1.0)),
            LearningRate::Invscaling => self.eta = descent.eta0 / self.t.powf(descent.power_t),
            _ => {}
        }
        if judged {
            self.objective += descent.loss.value(y, p);
            if descent.penalty.is_some() && !descent.is_passive_aggressive() {
                self.objective += descent.alpha * self.weights.penalty(self.l1_ratio);
            }
        }
        let Some(length) = self.length(row, y, p) else { return };
        let [positive, negative] = self.rows.class_weights;
        let class_weight = if y > 0.0 { positive } else { negative };
        let update = length * (class_weight * self.rows.weights.map_or(1.0, |weights| weights[i]));
        if matches!(descent.penalty, Some(SgdPenalty::L2 | SgdPenalty::ElasticNet)) {
            let shrink = 1.0 - (1.0 - self.l1_ratio) * self.eta * descent.alpha;
            self.weights.shrink(shrink.max(0.0));
        }
        if update != 0.0 {
            self.weights.add(row, update);
            if descent.fit_intercept {
                self.intercept += update;
            }
        }
        let average = descent.average as f64;
        if average > 0.0 && average <= self.t {
            let count = self.t - average + 1.0;
            self.weights.add_average(row, update, count);
            self.average_intercept += (self.intercept - self.average_intercept) / count;
        }
        if descent.has_l1() {
            self.due += self.l1_ratio * self.eta * descent.alpha;
            self.weights.truncate(self.due, &mut self.had);
        }
        self.t += 1.0;
    }

    /// How much of a row is added to the weights, but for its own weight; none if it is to be left out.
    fn length(&self, row: &[f64], y: f64, p: f64) -> Option<f64> {
        let descent = self.descent;
        let loss = descent.loss;
        let squares = || {
            let mut sum = 0.0;
            row.iter().for_each(|x| sum += x * x);
            sum
        };
        let length = match descent.rate {
            LearningRate::Pa1 => {
                let squares: f64 = squares();
                if squares == 0.0 {
                    return None;
                }
                descent.eta0.min(loss.value(y, p) / squares)
            }
            LearningRate::Pa2 => loss.value(y, p) / (squares() + 0.5 / descent.eta0),
            _ => return Some(-self.eta * loss.gradient(y, p).clamp(-GREATEST_GRADIENT, GREATEST_GRADIENT)),
        };
        Some(match loss {
            Loss::Hinge(_) => length * y,
            _ if y - p < 0.0 => -length,
            _ => length,
        })
    }
}

/// Fisher-Yates from the front, with scikit-learn's 32-bit xorshift.
fn shuffle(order: &mut [u32], mut seed: u32) {
    let n = order.len();
    for i in 0..n.saturating_sub(1) {
        if seed == 0 {
            seed = 1;
        }
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        let draw = (seed % (1 << 31)) as usize;
        order.swap(i, i + draw % (n - i));
    }
}

/// `RandomState.randint(2**31 - 1)`: what seeds a shuffle.
pub(super) fn seed(rng: &mut Rng) -> u32 {
    rng.interval(GREATEST_SEED) as u32
}

/// The draw that scikit-learn makes for a generator which it does not use.
pub(super) fn skip(rng: &mut Rng) {
    rng.interval(GREATEST_SEED - 1);
}

/// A `random_state`: the one that is written, or one from the pipeline's stream.
pub(super) fn random_state(written: Option<u32>, rng: &mut Rng) -> u32 {
    written.unwrap_or_else(|| rng.interval(u64::from(u32::MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ArrayDataset64(...)._shuffle_py(7)` of scikit-learn 1.9.1, and `RandomState(3).randint(2**31 - 1)` drawn four times.
    #[test]
    fn orders_and_seeds_are_those_of_scikit_learn() {
        let mut order: Vec<u32> = (0..10).collect();
        shuffle(&mut order, 7);
        assert_eq!(order, [3, 8, 5, 6, 9, 0, 1, 2, 4, 7]);
        let mut rng = Rng::seeded(3);
        assert_eq!([(); 4].map(|()| seed(&mut rng)), SEEDS);
    }

    const SEEDS: [u32; 4] = [218175338, 303761048, 893988089, 1460070019];
}
