//! One pass over the rows of a logistic fit: loss, gradient and Hessian.

use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::moments::{BLOCK, lower_product, mirror_lower};
use super::scaling::{exponent, scale_by_power_of_two};
use super::{Matrix, Univariate, sums};

/// Cells above which a pass is worth threads.
const PARALLEL: usize = 1_000_000;

/// At most this many partial sums are held at once; a chunk has at least `CHUNK` blocks.
const CHUNKS: usize = 32;
const CHUNK: usize = 4;

/// How linear predictors become class probabilities.
pub(super) struct Classes {
    classes: usize,
    /// For the softmax of K classes, K x (K - 1): orthonormal columns that sum to 0 (Helmert). The predictors of the
    /// classes are this times K - 1 free ones. For two classes 2 x 1: (0, 1), the predictor of code 1 itself.
    basis: Matrix,
}

impl Classes {
    pub(super) fn new(classes: usize) -> Self {
        let helmert = |k: usize, a: usize| {
            let norm = (((a + 1) * (a + 2)) as f64).sqrt();
            if k <= a {
                1.0 / norm
            } else if k == a + 1 {
                -((a + 1) as f64) / norm
            } else {
                0.0
            }
        };
        let basis = if classes == 2 {
            Matrix::from_columns(2, 1, vec![0.0, 1.0])
        } else {
            Matrix::from_fn(classes, classes - 1, helmert)
        };
        Self { classes, basis }
    }

    /// The number of free predictors.
    fn free(&self) -> usize {
        self.basis.columns()
    }

    /// From the free predictors of one row its loss; writes the loss's gradient and Hessian (lower triangle, column
    /// after column) with respect to them.
    fn row(
        &self,
        free: &[f64],
        code: usize,
        chance: &mut [f64],
        gradient: &mut [f64],
        hessian: &mut [f64],
    ) -> f64 {
        for (k, chance) in chance.iter_mut().enumerate() {
            *chance = free.iter().enumerate().fold(0.0, |sum, (a, eta)| sum + self.basis[(k, a)] * eta);
        }
        let own = chance[code];
        let mut top = 0;
        for k in 1..self.classes {
            if chance[k] > chance[top] {
                top = k;
            }
        }
        let most = chance[top];
        let mut others = 0.0;
        for (k, chance) in chance.iter_mut().enumerate() {
            *chance = (*chance - most).exp();
            others += if k == top { 0.0 } else { *chance };
        }
        let loss = others.ln_1p() + (most - own);
        chance.iter_mut().for_each(|chance| *chance /= 1.0 + others);
        // 1 - p of the row's own class, as the sum of the others: no cancellation where p is near 1.
        let wrong = chance.iter().enumerate().fold(0.0, |sum, (k, p)| if k == code { sum } else { sum + p });
        let mean = |a: usize| chance.iter().zip(self.basis.column(a)).fold(0.0, |sum, (p, z)| sum + p * z);
        for (a, gradient) in gradient.iter_mut().enumerate() {
            let off = |k: usize| if k == code { -wrong } else { chance[k] };
            *gradient = self.basis.column(a).iter().enumerate().fold(0.0, |sum, (k, z)| sum + z * off(k));
        }
        let pairs = (0..free.len()).flat_map(|a| (a..free.len()).map(move |b| (a, b)));
        for ((a, b), hessian) in pairs.zip(hessian) {
            let (mean_a, mean_b) = (mean(a), mean(b));
            let both = self.basis.column(a).iter().zip(self.basis.column(b)).zip(&*chance);
            *hessian = both.fold(0.0, |sum, ((za, zb), p)| sum + p * (za - mean_a) * (zb - mean_b));
        }
        loss
    }

    /// [`Classes::row`] for two classes.
    fn row_of_two(eta: f64, code: usize) -> (f64, f64, f64) {
        let right = if code == 1 { eta } else { -eta };
        let small = (-right.abs()).exp();
        let large = 1.0 / (1.0 + small);
        let loss = small.ln_1p() + if right < 0.0 { -right } else { 0.0 };
        let wrong = if right < 0.0 { large } else { small * large };
        (loss, if code == 1 { -wrong } else { wrong }, small * large * large)
    }
}

/// The rows of a fit. Inside, columns are centred (where there is an intercept) and divided by powers of two, a
/// column of ones stands before them, and parameters are those of the free predictors, one predictor after the other.
pub(super) struct Rows<'a> {
    x: &'a Matrix,
    codes: &'a [u32],
    weight: Option<&'a [f64]>,
    classes: Classes,
    /// 1 with an intercept, else 0.
    lead: usize,
    mean: Vec<f64>,
    exponents: Vec<i32>,
}

/// Sums over rows.
pub(super) struct Pass {
    pub(super) loss: f64,
    pub(super) gradient: Vec<f64>,
    pub(super) hessian: Matrix,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        x: &'a Matrix,
        codes: &'a [u32],
        weight: Option<&'a [f64]>,
        classes: Classes,
        fit_intercept: bool,
    ) -> Self {
        let p = x.columns();
        let centre = |j: usize| if fit_intercept { Univariate::of(x.column(j), weight).mean() } else { 0.0 };
        let mean: Vec<f64> = (0..p).map(centre).collect();
        let largest = |j: usize| x.column(j).iter().fold(0.0, |max, x| f64::max(max, (x - mean[j]).abs()));
        let exponents = (0..p).map(|j| exponent(largest(j))).collect();
        Self { x, codes, weight, classes, lead: usize::from(fit_intercept), mean, exponents }
    }

    /// Parameters of one predictor.
    fn width(&self) -> usize {
        self.x.columns() + self.lead
    }

    /// The number of all parameters.
    pub(super) fn parameters(&self) -> usize {
        self.width() * self.classes.free()
    }

    /// `strength` times the derivative of |coef|^2 / 2, twice, for each parameter: the basis is orthonormal, so only
    /// the scaling of the columns shows.
    pub(super) fn penalty(&self, strength: f64) -> Vec<f64> {
        let one = |k: usize| match k.checked_sub(self.lead) {
            None => 0.0,
            Some(j) => scale_by_power_of_two(strength, -2 * self.exponents[j]),
        };
        (0..self.parameters()).map(|k| one(k % self.width())).collect()
    }

    /// A bound on how far any linear predictor moves when the parameters do.
    pub(super) fn reach(&self, step: &[f64]) -> f64 {
        // Scaled columns lie below 2.
        let one = |step: &[f64]| step.iter().fold(0.0, |sum, d| sum + 2.0 * d.abs());
        step.chunks_exact(self.width().max(1)).map(one).fold(0.0, f64::max) * self.classes.free() as f64
    }

    /// The objective where all parameters are 0.
    pub(super) fn value_at_zero(&self) -> f64 {
        self.weight.map_or(self.x.rows() as f64, sums::sum) * (self.classes.classes as f64).ln()
    }

    /// Coefficients and intercepts in the given units as parameters.
    pub(super) fn inside(&self, coef: &Matrix, intercept: &[f64]) -> Vec<f64> {
        let outputs = if self.classes.classes == 2 { 1 } else { self.classes.classes };
        assert_eq!((coef.rows(), coef.columns(), intercept.len()), (outputs, self.x.columns(), outputs));
        let basis = |k: usize, a: usize| if outputs == 1 { 1.0 } else { self.classes.basis[(k, a)] };
        let mut parameters = Vec::with_capacity(self.parameters());
        for a in 0..self.classes.free() {
            let along = |values: &dyn Fn(usize) -> f64| {
                (0..outputs).fold(0.0, |sum, k| sum + basis(k, a) * values(k))
            };
            let coef: Vec<f64> = (0..coef.columns()).map(|j| along(&|k| coef[(k, j)])).collect();
            if self.lead == 1 {
                parameters.push(along(&|k| intercept[k]) + sums::dot(&coef, &self.mean));
            }
            parameters
                .extend(coef.iter().zip(&self.exponents).map(|(b, &power)| scale_by_power_of_two(*b, power)));
        }
        parameters
    }

    /// Parameters as coefficients and intercepts in the given units.
    pub(super) fn outside(&self, parameters: &[f64]) -> (Matrix, Vec<f64>) {
        let (p, width) = (self.x.columns(), self.width());
        let outputs = if self.classes.classes == 2 { 1 } else { self.classes.classes };
        let along = |k: usize, place: usize| {
            let free = 0..self.classes.free();
            let basis = |a: usize| if outputs == 1 { 1.0 } else { self.classes.basis[(k, a)] };
            free.fold(0.0, |sum, a| sum + basis(a) * parameters[a * width + place])
        };
        let coef = Matrix::from_fn(outputs, p, |k, j| {
            scale_by_power_of_two(along(k, j + self.lead), -self.exponents[j])
        });
        let mut intercept = vec![0.0; outputs];
        if self.lead == 1 {
            for (k, intercept) in intercept.iter_mut().enumerate() {
                *intercept = along(k, 0) - sums::dot(&coef.row(k), &self.mean);
            }
            if outputs > 1 {
                let middle = intercept.iter().sum::<f64>() / outputs as f64;
                intercept.iter_mut().for_each(|intercept| *intercept -= middle);
            }
        }
        (coef, intercept)
    }

    /// Loss, gradient and Hessian at the parameters, summed over chunks of blocks that depend on the number of rows
    /// alone, and merged in order.
    pub(super) fn pass(&self, parameters: &[f64]) -> Pass {
        let n = self.x.rows();
        let chunk = n.div_ceil(BLOCK).div_ceil(CHUNKS).max(CHUNK) * BLOCK;
        let starts: Vec<usize> = (0..n).step_by(chunk).collect();
        let one = |&start: &usize| {
            let mut sums = Sums::new(self);
            for from in (start..(start + chunk).min(n)).step_by(BLOCK) {
                sums.add(self, parameters, from, (from + BLOCK).min(n));
            }
            sums
        };
        let parts: Vec<Sums> = if n * self.width() > PARALLEL {
            starts.par_iter().map(one).collect()
        } else {
            starts.iter().map(one).collect()
        };
        let mut total = Sums::new(self);
        parts.iter().for_each(|part| total.merge(part));
        total.finish(self)
    }
}

/// Sums over some blocks, and room to work on one.
struct Sums {
    loss: f64,
    /// Width x free predictors.
    gradient: Matrix,
    /// The lower triangle of the Hessian's block of each pair of free predictors.
    hessian: Vec<Matrix>,
    columns: Vec<f64>,
    weighted: Vec<f64>,
    predictors: Vec<f64>,
    slopes: Vec<f64>,
    curvatures: Vec<f64>,
}

impl Sums {
    fn new(rows: &Rows) -> Self {
        let (width, free) = (rows.width(), rows.classes.free());
        Self {
            loss: 0.0,
            gradient: Matrix::zeros(width, free),
            hessian: vec![Matrix::zeros(width, width); free * (free + 1) / 2],
            columns: Vec::new(),
            weighted: Vec::new(),
            predictors: Vec::new(),
            slopes: Vec::new(),
            curvatures: Vec::new(),
        }
    }

    /// Adds the rows from..to.
    fn add(&mut self, rows: &Rows, parameters: &[f64], from: usize, to: usize) {
        let (n, width, free) = (to - from, rows.width(), rows.classes.free());
        self.make_room(n, width, free);
        if rows.lead == 1 {
            self.columns[..n].fill(1.0);
        }
        for (j, into) in self.columns[rows.lead * n..n * width].chunks_exact_mut(n).enumerate() {
            let factor = scale_by_power_of_two(1.0, -rows.exponents[j]);
            sums::shift_and_scale(into, &rows.x.column(j)[from..to], rows.mean[j], factor);
        }
        let x = MatRef::from_column_major_slice(&self.columns[..n * width], n, width);
        let b = MatRef::from_column_major_slice(parameters, width, free);
        let predictors = MatMut::from_column_major_slice_mut(&mut self.predictors[..n * free], n, free);
        faer::linalg::matmul::matmul(predictors, Accum::Replace, x, b, 1.0, Par::Seq);
        self.loss += if rows.classes.classes == 2 {
            self.derive_two(rows, from, n)
        } else {
            self.derive_softmax(rows, from, n)
        };
        let x = MatRef::from_column_major_slice(&self.columns[..n * width], n, width);
        let slopes = MatRef::from_column_major_slice(&self.slopes[..n * free], n, free);
        let gradient = MatMut::from_column_major_slice_mut(self.gradient.values_mut(), width, free);
        faer::linalg::matmul::matmul(gradient, Accum::Add, x.transpose(), slopes, 1.0, Par::Seq);
        for (block, curvature) in self.hessian.iter_mut().zip(self.curvatures.chunks_exact(n)) {
            for (into, column) in
                self.weighted.chunks_exact_mut(n).zip(self.columns.chunks_exact(n)).take(width)
            {
                sums::multiply(into, column, curvature);
            }
            let weighted = MatRef::from_column_major_slice(&self.weighted[..n * width], n, width);
            lower_product(block, weighted, x, Accum::Add);
        }
    }

    fn make_room(&mut self, n: usize, width: usize, free: usize) {
        let grow = |values: &mut Vec<f64>, size: usize| values.resize(size.max(values.len()), 0.0);
        grow(&mut self.columns, n * width);
        grow(&mut self.weighted, n * width);
        grow(&mut self.predictors, n * free);
        grow(&mut self.slopes, n * free);
        grow(&mut self.curvatures, n * free * (free + 1) / 2);
    }

    /// Derivatives of each row's loss with respect to its predictor; gives the sum of the losses.
    fn derive_two(&mut self, rows: &Rows, from: usize, n: usize) -> f64 {
        let mut total = 0.0;
        for i in 0..n {
            let weight = rows.weight.map_or(1.0, |weight| weight[from + i]);
            let (loss, slope, curvature) =
                Classes::row_of_two(self.predictors[i], rows.codes[from + i] as usize);
            // A weight of 0 must win over a loss that is infinite.
            total += if weight == 0.0 { 0.0 } else { weight * loss };
            self.slopes[i] = weight * slope;
            self.curvatures[i] = weight * curvature;
        }
        total
    }

    fn derive_softmax(&mut self, rows: &Rows, from: usize, n: usize) -> f64 {
        let (classes, free) = (rows.classes.classes, rows.classes.free());
        let (mut chance, mut predictors) = (vec![0.0; classes], vec![0.0; free]);
        let (mut slope, mut curvature) = (vec![0.0; free], vec![0.0; free * (free + 1) / 2]);
        let mut total = 0.0;
        for i in 0..n {
            let weight = rows.weight.map_or(1.0, |weight| weight[from + i]);
            predictors.iter_mut().enumerate().for_each(|(a, eta)| *eta = self.predictors[a * n + i]);
            let code = rows.codes[from + i] as usize;
            let loss = rows.classes.row(&predictors, code, &mut chance, &mut slope, &mut curvature);
            total += if weight == 0.0 { 0.0 } else { weight * loss };
            slope.iter().enumerate().for_each(|(a, slope)| self.slopes[a * n + i] = weight * slope);
            curvature.iter().enumerate().for_each(|(k, value)| self.curvatures[k * n + i] = weight * value);
        }
        total
    }

    fn merge(&mut self, other: &Self) {
        let add = |into: &mut Matrix, from: &Matrix| {
            into.values_mut().iter_mut().zip(from.values()).for_each(|(into, from)| *into += from);
        };
        self.loss += other.loss;
        add(&mut self.gradient, &other.gradient);
        self.hessian.iter_mut().zip(&other.hessian).for_each(|(into, from)| add(into, from));
    }

    fn finish(mut self, rows: &Rows) -> Pass {
        let (width, free) = (rows.width(), rows.classes.free());
        let mut hessian = Matrix::zeros(width * free, width * free);
        let mut blocks = self.hessian.iter_mut();
        for a in 0..free {
            for b in a..free {
                let block = blocks.next().expect("one block for each pair");
                mirror_lower(block);
                for j in 0..width {
                    // The triangle below the diagonal: predictor b's rows, predictor a's columns.
                    hessian.column_mut(a * width + j)[b * width..(b + 1) * width]
                        .copy_from_slice(block.column(j));
                }
            }
        }
        mirror_lower(&mut hessian);
        Pass { loss: self.loss, gradient: self.gradient.values().to_vec(), hessian }
    }
}
