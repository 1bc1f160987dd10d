//! The coefficients of one fold's fits, and what they are on the columns that all folds share.

use super::cholesky::Cholesky;
use super::logistic_pass::Rows;
use super::scaling::{exponent, scale_by_power_of_two};
use super::{Affine, Matrix, sums};

/// The parameters of a fit: for each free predictor one for the constant (the value at the centre of the shared
/// columns, where an intercept is fitted) and one for each output of the fold's map, multiplied by a power of two.
pub(super) struct Space<'a> {
    rows: &'a Rows<'a>,
    /// 1 with an intercept, else 0.
    lead: usize,
    /// Each parameter but the constant as a form of the shared columns: (place, factor), places from 1; without an
    /// intercept also of the constant, at place 0.
    forms: Vec<Vec<(u32, f64)>>,
    /// What each parameter is divided by to be a coefficient, as a power of two.
    exponents: Vec<i32>,
    /// The outputs of the map at the centre of the shared columns.
    middle: Vec<f64>,
}

impl<'a> Space<'a> {
    /// `constant` tells which raw columns do not vary in the rows of the fit: beside an intercept they say nothing.
    pub(super) fn new(rows: &'a Rows<'a>, map: &[Affine], constant: &[bool], fit_intercept: bool) -> Self {
        let lead = usize::from(fit_intercept);
        let mut space = Self {
            rows,
            lead,
            forms: Vec::with_capacity(map.len()),
            exponents: Vec::with_capacity(map.len()),
            middle: Vec::with_capacity(map.len()),
        };
        for output in map {
            let middle = output.at(&rows.centre);
            let dead = fit_intercept && output.terms.iter().all(|(j, _)| constant[*j as usize]);
            let terms = || output.terms.iter().filter(|(_, factor)| !dead && *factor != 0.0);
            let power = |(j, factor): &(u32, f64)| exponent(*factor) + rows.exponents[*j as usize];
            let offset = (!fit_intercept && middle != 0.0).then_some((0, middle));
            let highest = terms().map(power).chain(offset.map(|(_, middle)| exponent(middle))).max();
            let highest = highest.unwrap_or(0);
            let scaled = |factor: f64, power: i32| scale_by_power_of_two(factor, power - highest);
            let of = terms().map(|(j, factor)| (j + 1, scaled(*factor, rows.exponents[*j as usize])));
            space
                .forms
                .push(offset.map(|(at, middle)| (at, scaled(middle, 0))).into_iter().chain(of).collect());
            space.exponents.push(highest);
            space.middle.push(middle);
        }
        space
    }

    /// Parameters of one free predictor.
    fn width(&self) -> usize {
        self.lead + self.forms.len()
    }

    /// The number of all parameters.
    pub(super) fn parameters(&self) -> usize {
        self.width() * self.rows.classes.free()
    }

    /// The derivative of `strength` |coef|^2 / 2, twice, for each parameter: the basis of the classes is orthonormal,
    /// so only the scaling shows.
    pub(super) fn penalty(&self, strength: f64) -> Vec<f64> {
        let coef = self.exponents.iter().map(|power| scale_by_power_of_two(strength, -2 * power));
        let one: Vec<f64> = std::iter::repeat_n(0.0, self.lead).chain(coef).collect();
        one.repeat(self.rows.classes.free())
    }

    /// Parameters as a point of the shared columns.
    pub(super) fn shared(&self, parameters: &[f64]) -> Vec<f64> {
        let width = self.rows.width();
        let mut point = vec![0.0; self.rows.parameters()];
        for (own, into) in parameters.chunks(self.width().max(1)).zip(point.chunks_exact_mut(width)) {
            if self.lead == 1 {
                into[0] = own[0];
            }
            for (form, parameter) in self.forms.iter().zip(&own[self.lead..]) {
                form.iter().for_each(|(at, factor)| into[*at as usize] += factor * parameter);
            }
        }
        point
    }

    /// A gradient on the shared columns as one of the parameters.
    pub(super) fn gradient(&self, shared: &[f64]) -> Vec<f64> {
        let one = |shared: &[f64], into: &mut Vec<f64>| {
            into.extend(&shared[..self.lead]);
            into.extend(self.forms.iter().map(|form| along(form, shared)));
        };
        let mut gradient = Vec::with_capacity(self.parameters());
        shared.chunks_exact(self.rows.width()).for_each(|shared| one(shared, &mut gradient));
        gradient
    }

    /// A Hessian on the shared columns, times `factor`, as one of the parameters.
    pub(super) fn hessian(&self, shared: &Matrix, factor: f64) -> Matrix {
        let half = |a: &Matrix| {
            // The transpose of (this map times a), a column of `a` after the other.
            let mut into = Matrix::zeros(a.columns(), self.parameters());
            for j in 0..a.columns() {
                let column = self.gradient(a.column(j));
                column.iter().enumerate().for_each(|(k, value)| into[(j, k)] = *value);
            }
            into
        };
        let mut hessian = half(&half(shared));
        hessian.values_mut().iter_mut().for_each(|value| *value *= factor);
        hessian
    }

    /// The parameters whose point is next to `point`, by least squares over the factors of the shared columns; all
    /// coefficients 0 where the map's outputs depend on each other.
    pub(super) fn nearest(&self, point: &[f64]) -> Vec<f64> {
        let (width, outputs) = (self.rows.width(), self.forms.len());
        let mut gram = Matrix::zeros(outputs, outputs);
        let mut dense = vec![0.0; width];
        for (j, form) in self.forms.iter().enumerate() {
            form.iter().for_each(|(at, factor)| dense[*at as usize] += factor);
            for (i, other) in self.forms.iter().enumerate().skip(j) {
                gram[(i, j)] = along(other, &dense);
            }
            form.iter().for_each(|(at, _)| dense[*at as usize] = 0.0);
            if form.is_empty() {
                gram[(j, j)] = 1.0;
            }
        }
        let mut nearest = vec![0.0; self.parameters()];
        let factor = Cholesky::new(gram);
        for (into, point) in nearest.chunks_mut(self.width().max(1)).zip(point.chunks_exact(width)) {
            if self.lead == 1 {
                into[0] = point[0];
            }
            if let Some(factor) = &factor {
                let right = self.forms.iter().map(|form| along(form, point)).collect();
                let mut right = Matrix::from_columns(outputs, 1, right);
                factor.solve(&mut right);
                into[self.lead..].copy_from_slice(right.column(0));
            }
        }
        nearest
    }

    /// Parameters as coefficients (outputs x columns) and intercepts in the units of the map's outputs.
    pub(super) fn outside(&self, parameters: &[f64]) -> (Matrix, Vec<f64>) {
        let classes = &self.rows.classes;
        let outputs = classes.outputs();
        let along = |k: usize, place: usize| {
            let free = 0..classes.free();
            free.fold(0.0, |sum, a| sum + classes.basis[(k, a)] * parameters[a * self.width() + place])
        };
        let coef = Matrix::from_fn(outputs, self.forms.len(), |k, j| {
            scale_by_power_of_two(along(k, j + self.lead), -self.exponents[j])
        });
        let mut intercept = vec![0.0; outputs];
        if self.lead == 1 {
            for (k, intercept) in intercept.iter_mut().enumerate() {
                *intercept = along(k, 0) - sums::dot(&coef.row(k), &self.middle);
            }
            if outputs > 1 {
                let mean = intercept.iter().sum::<f64>() / outputs as f64;
                intercept.iter_mut().for_each(|intercept| *intercept -= mean);
            }
        }
        (coef, intercept)
    }
}

fn along(form: &[(u32, f64)], values: &[f64]) -> f64 {
    form.iter().fold(0.0, |sum, (at, factor)| factor.mul_add(values[*at as usize], sum))
}
