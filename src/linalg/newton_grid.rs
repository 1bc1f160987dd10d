//! Newton's method for many logistic fits of the same rows at once.
//!
//! All fits advance together: a pass over the rows gives the losses and gradients of all of them as two matrix products.
//! Hessians cost more than that. So a step mostly uses one of another point (of the same fit, of its neighbour on the
//! path of penalties, or of the fit on all rows), corrected by what the steps since have shown; where steps would shrink too
//! slowly, the pass makes a Hessian as well.

use std::sync::Arc;

use rayon::prelude::*;

use super::logistic_pass::{Answer, Ask, Rows};
use super::logistic_space::Space;
use super::newton_factor::NewtonFactor;
use super::newton_model::{Anchor, Model};
use super::{Matrix, sums};
use crate::diag::{Code, Result};

/// No linear predictor of any row moves further than this in a step of Newton's own: the fit has converged. The third
/// derivative of the loss is bounded by the second, so the error after that step is at most its square.
const SETTLED: f64 = 1e-8;

/// No linear predictor of any row is further than this from the optimum, as steps with another point's Hessian shrink.
const NEAR: f64 = 1e-12;

/// Halvings of a step before the search gives up.
const HALVINGS: usize = 40;

/// Multiplications above which factoring the Hessians of all fits is worth threads.
const PARALLEL: usize = 1_000_000;

/// Where so little loss is left the classes are separated and nothing is penalised: there is no optimum, and
/// further steps would only underflow.
const LOSSLESS: f64 = 1e-200;

/// How exact the optimum is to be.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// To rounding.
    Optimum,
    /// Good enough to start from: the objective can fall by at most about 1e-4 of itself.
    Start,
}

/// A fit: minimises the loss of the rows outside `fold` plus sum penalty parameter^2 / 2.
pub(super) struct Fit<'a> {
    space: &'a Space<'a>,
    fold: Option<u16>,
    /// The weight of the rows.
    mass: f64,
    penalty: Vec<f64>,
    /// Where the next pass looks.
    trial: Vec<f64>,
    /// Whether a Hessian is wanted there.
    wants: bool,
    at: Option<Point>,
    model: Option<Model>,
    step: Vec<f64>,
    /// The derivative of the objective along the step.
    slope: f64,
    /// How much of the step is tried; 0 where only a Hessian was missing.
    length: f64,
    halvings: usize,
    /// A bound on how far the step moves any predictor.
    reach: f64,
    /// What the last full step with another point's Hessian left of the one before.
    rate: f64,
    /// The number of steps.
    pub(super) steps: usize,
    /// Whether the optimum was reached, once the fit has ended.
    pub(super) outcome: Option<bool>,
}

/// A point with its objective and gradient.
struct Point {
    parameters: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl<'a> Fit<'a> {
    /// A fit that starts where all parameters are 0.
    pub(super) fn new(space: &'a Space<'a>, fold: Option<u16>, mass: f64, strength: f64) -> Self {
        let n = space.parameters();
        Self {
            space,
            fold,
            mass,
            penalty: space.penalty(strength),
            trial: vec![0.0; n],
            wants: true,
            at: None,
            model: None,
            step: vec![0.0; n],
            slope: 0.0,
            length: 1.0,
            halvings: 0,
            reach: 1.0,
            rate: 0.0,
            steps: 0,
            outcome: None,
        }
    }

    /// Starts where another fit of the same rows or more ended, with the Hessian that it had. `exact` where that was of
    /// all these rows, so that it needs no better one.
    pub(super) fn start_from(&mut self, other: &Fit, exact: bool) -> Result<()> {
        let (Some(at), Some(model)) = (&other.at, &other.model) else { return Ok(()) };
        self.trial = self.space.nearest(&other.space.shared(&at.parameters));
        self.adopt(&model.anchor, false)?;
        self.wants = !exact;
        Ok(())
    }

    /// Coefficients and intercepts in the units of the map's outputs.
    pub(super) fn outside(&self) -> (Matrix, Vec<f64>) {
        self.space.outside(self.at.as_ref().map_or(&self.trial, |at| &at.parameters))
    }

    /// Whether other parameters do as well: columns depend on each other, and no penalty chooses.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.model.as_ref().is_some_and(|model| model.factor.is_dependent())
    }

    /// Takes the answer of a pass at the trial point.
    fn absorb(
        &mut self,
        rows: &Rows,
        answer: Answer,
        anchor: Option<(Arc<Anchor>, bool)>,
        plan: &Plan,
    ) -> Result<()> {
        let next = self.point(&answer);
        match &self.at {
            None => {
                // A start that is worse than none may lie where the loss is flat and Newton's steps are wild.
                let none = self.mass * (rows.classes.count() as f64).ln();
                let zero = self.trial.iter().all(|parameter| *parameter == 0.0);
                if !zero && (next.value.is_nan() || next.value > none) {
                    self.trial.fill(0.0);
                    self.wants = true;
                    return Ok(());
                }
                if !next.value.is_finite() {
                    return Err(Code::NotFinite.error("the logistic loss is not finite"));
                }
            }
            Some(at) if self.length > 0.0 => {
                if !self.improves(at, &next) {
                    self.retreat();
                    return Ok(());
                }
                self.steps += 1;
            }
            Some(_) => {}
        }
        let last = self.at.is_some().then_some(self.reach);
        match (anchor, &mut self.model, &self.at) {
            (Some((anchor, here)), ..) => self.adopt(&anchor, here)?,
            (None, Some(model), Some(at)) => {
                let step = apart(&next.parameters, &at.parameters);
                model.see(step, apart(&next.gradient, &at.gradient), next.value);
            }
            _ => {}
        }
        self.at = Some(next);
        self.advance(rows, last, plan);
        Ok(())
    }

    fn point(&self, answer: &Answer) -> Point {
        let mut gradient = self.space.gradient(&answer.gradient);
        let mut penalty = 0.0;
        for (k, &curvature) in self.penalty.iter().enumerate() {
            penalty += curvature * self.trial[k] * self.trial[k];
            gradient[k] += curvature * self.trial[k];
        }
        Point { parameters: self.trial.clone(), value: answer.loss + penalty / 2.0, gradient }
    }

    /// Whether the objective falls as it should (Armijo), or, where the fall is below the rounding of the objective,
    /// the slope along the step does.
    fn improves(&self, at: &Point, next: &Point) -> bool {
        let falls = next.value <= at.value + 1e-4 * self.length * self.slope;
        let level = (next.value - at.value).abs() <= 1e-13 * at.value;
        let flattens = || sums::product_sum(&next.gradient, &self.step).abs() <= 0.9 * self.slope.abs();
        next.value.is_finite() && (falls || level && flattens())
    }

    /// After a step that was too long: half of it, unless a better Hessian is to be had.
    fn retreat(&mut self) {
        if self.model.as_ref().is_none_or(|model| !model.here) {
            self.rebuild();
            return;
        }
        self.halvings += 1;
        self.length *= 0.5;
        self.wants = false;
        self.look();
        if self.halvings > HALVINGS {
            self.outcome = Some(false);
        }
    }

    /// Asks for a Hessian at the present point.
    fn rebuild(&mut self) {
        self.length = 0.0;
        self.wants = true;
        self.look();
    }

    fn look(&mut self) {
        if let Some(at) = &self.at {
            self.trial = match self.length {
                0.0 => at.parameters.clone(),
                length => moved(&at.parameters, &self.step, length),
            };
        }
    }

    fn adopt(&mut self, anchor: &Arc<Anchor>, here: bool) -> Result<()> {
        let mut hessian = self.space.hessian(&anchor.hessian, self.mass / anchor.mass);
        for (k, &curvature) in self.penalty.iter().enumerate() {
            hessian[(k, k)] += curvature;
        }
        let factor = NewtonFactor::new(&hessian)?;
        self.model = Some(Model::new(anchor, factor, here));
        Ok(())
    }

    /// Ends at the present point, or chooses the next step. `last` is the reach of the step before.
    fn advance(&mut self, rows: &Rows, last: Option<f64>, plan: &Plan) {
        let (Some(at), Some(model)) = (&self.at, &self.model) else { return };
        let here = model.here;
        self.step = model.step(&at.gradient);
        self.slope = sums::product_sum(&at.gradient, &self.step);
        let shared = self.space.shared(&self.step);
        self.reach = rows.reach(&shared);
        let shrunk = last.map(|last| self.reach / last);
        let observed = shrunk.filter(|_| self.length == 1.0);
        self.rate = if here { 0.0 } else { observed.unwrap_or(self.rate) };
        let ahead = self.space.shared(&moved(&at.parameters, &self.step, 1.0));
        let expected = model.anchor.rate(rows, &ahead);
        // Steps that no longer shrink, and could gain nothing that the objective can show, are rounding.
        let noise = shrunk.is_some_and(|rate| rate >= 0.5) && -self.slope <= 1e-14 * at.value;
        let settled = match (plan.goal, here) {
            (Goal::Start, _) => -self.slope <= 1e-4 * at.value,
            (_, true) => self.reach <= SETTLED,
            (_, false) => {
                let rate = observed.unwrap_or(1.0);
                self.reach <= NEAR || rate < 0.5 && self.reach * rate / (1.0 - rate) <= NEAR
            }
        };
        let lossless = at.value < LOSSLESS;
        if lossless || settled || noise && (here || expected < 1e-3) {
            if settled && !lossless {
                let parameters = moved(&at.parameters, &self.step, 1.0);
                self.steps += 1;
                self.at.iter_mut().for_each(|at| at.parameters.clone_from(&parameters));
            }
            self.outcome = Some(!lossless);
        } else if self.steps >= plan.max_steps {
            self.outcome = Some(false);
        } else if noise {
            self.rebuild();
        } else {
            self.length = 1.0;
            self.halvings = 0;
            self.wants = plan.is_slow(self.rate.max(expected), self.reach);
            self.look();
        }
    }
}

/// How passes are made.
struct Plan {
    goal: Goal,
    max_steps: usize,
    /// So many steps cost as much as a Hessian.
    patience: f64,
}

impl Plan {
    fn new(rows: &Rows, fits: usize, goal: Goal, max_steps: usize) -> Self {
        // Estimates, in nanoseconds a row: they decide how soon a fit gets its optimum, not which.
        let (width, free, pairs) =
            (rows.width() as f64, rows.classes.free() as f64, rows.classes.pairs() as f64);
        let hessian = pairs * width * (width + 8.0) / 15.0;
        let step = free * (width / 5.0 + 3.0) + width / fits as f64;
        Self { goal, max_steps, patience: 1.0 + hessian / step }
    }

    /// Whether steps that shrink by a factor take longer than a Hessian would.
    fn is_slow(&self, rate: f64, reach: f64) -> bool {
        let goal = if self.goal == Goal::Optimum { NEAR } else { 1e-2 };
        let steps = (goal / reach).ln() / rate.ln();
        rate >= 1.0 || reach > goal && steps > self.patience
    }
}

/// Steps all fits to their optima, over the rows of every `stride`-th block.
pub(super) fn minimise(
    rows: &Rows,
    fits: &mut [Fit],
    stride: usize,
    goal: Goal,
    max_steps: usize,
) -> Result<()> {
    loop {
        let mut active: Vec<&mut Fit> = fits.iter_mut().filter(|fit| fit.outcome.is_none()).collect();
        if active.is_empty() {
            return Ok(());
        }
        if rows.watch.stopped() {
            return Err(Code::Interrupted.error("interrupted"));
        }
        let plan = Plan::new(rows, active.len(), goal, max_steps);
        let points: Vec<Vec<f64>> = active.iter().map(|fit| fit.space.shared(&fit.trial)).collect();
        let leaders = leaders(rows, &active, &points, &plan);
        let ask = |k: usize| Ask { point: &points[k], fold: active[k].fold, hessian: leaders[k] == Some(k) };
        let asks: Vec<Ask> = (0..active.len()).map(ask).collect();
        let mut answers = rows.pass(&asks, stride);
        let anchors: Vec<Option<Arc<Anchor>>> = (0..active.len())
            .map(|k| {
                let (point, mass) = (points[k].clone(), active[k].mass);
                answers[k].hessian.take().map(|hessian| Arc::new(Anchor { point, hessian, mass }))
            })
            .collect();
        let anchor = |k: usize| {
            let leader = leaders[k]?;
            let anchor = anchors[leader].as_ref()?;
            Some((Arc::clone(anchor), points[k] == points[leader]))
        };
        let size = rows.parameters();
        let absorb =
            |(k, (fit, answer)): (usize, (&mut &mut Fit, Answer))| fit.absorb(rows, answer, anchor(k), &plan);
        if active.len() * size * size * size > PARALLEL {
            active.par_iter_mut().zip(answers).enumerate().map(absorb).collect::<Result<()>>()?;
        } else {
            active.iter_mut().zip(answers).enumerate().try_for_each(absorb)?;
        }
    }
}

/// For each fit that wants a Hessian the one whose Hessian it takes: the first of the same rows that is near enough.
fn leaders(rows: &Rows, fits: &[&mut Fit], points: &[Vec<f64>], plan: &Plan) -> Vec<Option<usize>> {
    let mut leaders = Vec::new();
    let near = |k: usize, leader: usize| {
        let apart = apart(&points[k], &points[leader]);
        let rate = |model: &Model| model.anchor.rate_of(rows, &apart);
        let close = |model: &Model| !plan.is_slow(rate(model), fits[k].reach);
        fits[k].fold == fits[leader].fold
            && fits[k].length > 0.0
            && (apart.iter().all(|apart| *apart == 0.0) || fits[k].model.as_ref().is_some_and(close))
    };
    let mut leader = |k: usize| {
        let found = leaders.iter().copied().find(|leader| near(k, *leader));
        found.unwrap_or_else(|| {
            leaders.push(k);
            k
        })
    };
    (0..fits.len()).map(|k| fits[k].wants.then(|| leader(k))).collect()
}

fn moved(from: &[f64], step: &[f64], length: f64) -> Vec<f64> {
    from.iter().zip(step).map(|(x, d)| x + length * d).collect()
}

fn apart(to: &[f64], from: &[f64]) -> Vec<f64> {
    to.iter().zip(from).map(|(to, from)| to - from).collect()
}
