//! The exact solution of a lasso or elastic net, from a good guess of which columns are in.
//!
//! An active-set method: the signs of the columns that are in make the problem linear; its solution is taken as far as all
//! signs hold, a column that reaches 0 leaves, and when the solution is reached the column that most violates its
//! condition enters. The objective falls at every step, so it ends: Osborne, Presnell and Turlach, "A new approach to
//! variable selection in least squares problems", IMA J. Numer. Anal. 20 (2000).

use super::coordinate_descent::{Penalty, Quadratic};
use super::sums;

/// Moves `coef`, whose slopes X^T (y - X b) are `slope`, to where the conditions of the optimum hold to rounding; `size` is
/// the root of the target's square. Steps are made from the slopes as they are given, so slopes of more digits than the
/// Gram matrix has make this a step of iterative refinement. Whether the optimum was reached; if not, the objective is no
/// greater than before.
pub(super) fn settle(
    problem: &Quadratic,
    size: f64,
    penalty: Penalty,
    coef: &mut [f64],
    slope: &mut [f64],
) -> bool {
    let signs: Vec<_> = (0..coef.len()).filter(|&j| coef[j] != 0.0).map(|j| (j, coef[j].signum())).collect();
    let steps = 10 * (coef.len() + 1);
    let mut state = State { problem, penalty, coef, slope, active: signs, factor: Factor::default() };
    let mut entered = None;
    for _ in 0..steps {
        match state.step() {
            // It left at once: nothing but rounding had called it in.
            Some((j, 0.0)) if entered == Some(j) => return true,
            Some(_) => {}
            None => {
                let Some(entering) = state.entering(size) else { return true };
                entered = Some(entering.0);
                state.active.push(entering);
            }
        }
    }
    false
}

struct State<'a> {
    problem: &'a Quadratic,
    penalty: Penalty,
    coef: &'a mut [f64],
    slope: &'a mut [f64],
    /// The columns that are in, each with its sign.
    active: Vec<(usize, f64)>,
    /// Of the first of them, as many as are factored.
    factor: Factor,
}

impl State<'_> {
    /// Goes towards the solution of the columns that are in: all the way, or to where one of them leaves; that one, and
    /// the share of the way.
    fn step(&mut self) -> Option<(usize, f64)> {
        let pull: Vec<f64> = self.active.iter().map(|&(j, sign)| self.pull(j, sign)).collect();
        let (direction, bounded) = match self.extend() {
            None => (self.factor.solve(&pull), true),
            Some(dependent) => (self.level(&dependent, &pull), false),
        };
        // As far as the first coefficient at 0; a direction along which nothing but signs changes goes all that way.
        let mut share = if bounded { 1.0 } else { f64::INFINITY };
        let mut leaving = None;
        for (place, (&(j, sign), d)) in self.active.iter().zip(&direction).enumerate() {
            let reached = -self.coef[j] / d;
            if d * sign < 0.0 && reached < share {
                share = reached;
                leaving = Some(place);
            }
        }
        for (&(j, _), d) in self.active.iter().zip(&direction) {
            let step = share * d;
            if step != 0.0 {
                self.coef[j] += step;
                sums::add_scaled(self.slope, self.problem.gram.column(j), -step);
            }
        }
        let place = leaving?;
        let (j, _) = self.active.remove(place);
        // What rounding left of it.
        let rest = std::mem::take(&mut self.coef[j]);
        sums::add_scaled(self.slope, self.problem.gram.column(j), rest);
        self.factor.truncate(place);
        Some((j, share))
    }

    /// How steeply the objective falls along a column that is in.
    fn pull(&self, j: usize, sign: f64) -> f64 {
        self.slope[j] - self.penalty.l1 * sign - self.penalty.l2 * self.coef[j]
    }

    /// Factors the columns that are not yet; one that depends on those before it comes back as the combination of
    /// them that it is.
    fn extend(&mut self) -> Option<Vec<f64>> {
        while self.factor.order < self.active.len() {
            let next = self.factor.order;
            let j = self.active[next].0;
            let column = self.problem.gram.column(j);
            let products: Vec<f64> = self.active[..next].iter().map(|&(i, _)| column[i]).collect();
            if !self.factor.push(&products, column[j] + self.penalty.l2) {
                return Some(self.factor.solve(&products));
            }
        }
        None
    }

    /// The direction in which the first dependent column takes the place of those that it depends on: the fit stays, and the
    /// penalty does not grow.
    fn level(&self, combination: &[f64], pull: &[f64]) -> Vec<f64> {
        let mut direction = vec![0.0; self.active.len()];
        direction[combination.len()] = 1.0;
        direction.iter_mut().zip(combination).for_each(|(d, share)| *d = -share);
        let stops = |way: f64| direction.iter().zip(&self.active).any(|(d, (_, sign))| way * d * sign < 0.0);
        let way = if sums::product_sum(&direction, pull) < 0.0 { -1.0 } else { 1.0 };
        // Where rounding is all that tells the two ways apart, the one on which something leaves.
        let way = if stops(way) { way } else { -way };
        direction.iter().map(|d| way * d).collect()
    }

    /// The column outside that most violates its condition, in its own units, beyond rounding.
    fn entering(&self, size: f64) -> Option<(usize, f64)> {
        let roots = &self.problem.roots;
        let sizes: f64 = self.coef.iter().zip(roots).map(|(b, root)| b.abs() * root).sum();
        let noise = 8.0 * f64::EPSILON * (size + sizes);
        let mut worst = (noise, None);
        for &j in self.problem.varying.iter().filter(|j| self.coef[**j] == 0.0) {
            let strength = if self.penalty.positive { self.slope[j] } else { self.slope[j].abs() };
            let beyond = (strength - self.penalty.l1) / roots[j];
            if beyond > worst.0 {
                worst = (beyond, Some((j, self.slope[j].signum())));
            }
        }
        worst.1
    }
}

/// L of A = L L^T, row after row: a row more costs a solve, and dropping rows costs nothing.
#[derive(Default)]
struct Factor {
    order: usize,
    /// Row i begins at i (i + 1) / 2.
    rows: Vec<f64>,
}

impl Factor {
    fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * (i + 1) / 2..(i + 1) * (i + 2) / 2]
    }

    /// Adds a row and column of A; `false`, and nothing is added, where it depends on the others as far as rounding can tell.
    fn push(&mut self, products: &[f64], square: f64) -> bool {
        let mut row = products.to_vec();
        self.forward(&mut row);
        let pivot = square - sums::product_sum(&row, &row);
        if pivot.is_nan() || pivot <= 16.0 * (self.order + 1) as f64 * f64::EPSILON * square {
            return false;
        }
        self.rows.extend_from_slice(&row);
        self.rows.push(pivot.sqrt());
        self.order += 1;
        true
    }

    fn truncate(&mut self, order: usize) {
        if order < self.order {
            self.order = order;
            self.rows.truncate(order * (order + 1) / 2);
        }
    }

    /// b <- L^-1 b.
    fn forward(&self, b: &mut [f64]) {
        for i in 0..self.order {
            let row = self.row(i);
            b[i] = (b[i] - sums::product_sum(&row[..i], &b[..i])) / row[i];
        }
    }

    /// A^-1 b.
    fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        self.forward(&mut x);
        for i in (0..self.order).rev() {
            let row = self.row(i);
            x[i] /= row[i];
            let last = x[i];
            sums::add_scaled(&mut x[..i], &row[..i], -last);
        }
        x
    }
}
