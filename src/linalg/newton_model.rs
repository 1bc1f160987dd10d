//! What Newton's steps are made of: the Hessian of some point, and what the steps since have shown.

use std::sync::Arc;

use super::logistic_pass::Rows;
use super::newton_factor::NewtonFactor;
use super::{Matrix, sums};

/// Second derivatives of the loss at a point of the shared columns.
pub(super) struct Anchor {
    /// Where.
    pub(super) point: Vec<f64>,
    /// The second derivatives.
    pub(super) hessian: Matrix,
    /// The weight of the rows that they are of.
    pub(super) mass: f64,
}

/// The objective as steps see it.
pub(super) struct Model {
    /// The Hessian of the loss.
    pub(super) anchor: Arc<Anchor>,
    /// That of the Hessian with the penalty.
    pub(super) factor: NewtonFactor,
    /// Whether the anchor is where the fit is.
    pub(super) here: bool,
    seen: Vec<Seen>,
}

/// A step, and what it changed the gradient by.
struct Seen {
    step: Vec<f64>,
    change: Vec<f64>,
    product: f64,
}

impl Anchor {
    /// The factor by which steps with this Hessian are expected to shrink at another point: about how far, in the mean
    /// of the rows that count, predictors are apart there.
    pub(super) fn rate(&self, rows: &Rows, other: &[f64]) -> f64 {
        let apart: Vec<f64> = other.iter().zip(&self.point).map(|(other, own)| other - own).collect();
        self.rate_of(rows, &apart)
    }

    /// The same for points that lie so far apart.
    pub(super) fn rate_of(&self, rows: &Rows, apart: &[f64]) -> f64 {
        let along = |j: usize| sums::product_sum(self.hessian.column(j), apart);
        let square: f64 = apart.iter().enumerate().map(|(j, apart)| apart * along(j)).sum();
        let whole: f64 = (0..apart.len()).step_by(rows.width()).map(|k| self.hessian[(k, k)]).sum();
        let distance = (square.max(0.0) / whole).sqrt();
        if distance.is_nan() { f64::INFINITY } else { distance / 2.0 }
    }
}

impl Model {
    /// Nothing was seen yet.
    pub(super) fn new(anchor: &Arc<Anchor>, factor: NewtonFactor, here: bool) -> Self {
        Self { anchor: Arc::clone(anchor), factor, here, seen: Vec::new() }
    }

    /// -H^-1 g, where H is the factored Hessian, corrected so that it explains what was seen: L-BFGS, by the two loops of
    /// Nocedal, "Updating quasi-Newton matrices with limited storage", Math. Comp. 35 (1980).
    pub(super) fn step(&self, gradient: &[f64]) -> Vec<f64> {
        let mut gradient = gradient.to_vec();
        let mut shares = Vec::with_capacity(self.seen.len());
        for seen in self.seen.iter().rev() {
            let share = sums::product_sum(&seen.step, &gradient) / seen.product;
            sums::add_scaled(&mut gradient, &seen.change, -share);
            shares.push(share);
        }
        let mut step = self.factor.step(&gradient);
        for (seen, share) in self.seen.iter().zip(shares.iter().rev()) {
            let back = sums::product_sum(&seen.change, &step) / seen.product;
            sums::add_scaled(&mut step, &seen.step, -share - back);
        }
        step
    }

    /// Learns from a step that changed the gradient so, to a point where the objective is `value`.
    pub(super) fn see(&mut self, step: Vec<f64>, change: Vec<f64>, value: f64) {
        let product = sums::product_sum(&step, &change);
        // What rounding alone has made teaches nothing.
        let noise = 1e-14 * value;
        if product > noise {
            self.seen.push(Seen { step, change, product });
        }
        self.here = false;
    }
}
