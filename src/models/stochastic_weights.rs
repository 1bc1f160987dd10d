//! A vector as a scale times numbers, so that shrinking it is one multiplication.

/// Below this the scale is multiplied into the numbers.
const LEAST_SCALE: f64 = 1e-9;

/// Coefficients on their way, with their norms, and their average where one is wanted (Bottou, "Stochastic Gradient Descent
/// Tricks", 2012).
pub(super) struct Weights<'a> {
    numbers: &'a mut [f64],
    average: Option<&'a mut [f64]>,
    scale: f64,
    squared_norm: f64,
    absolute_norm: f64,
    /// The average is `average + a * numbers`, over `b`.
    a: f64,
    b: f64,
}

impl<'a> Weights<'a> {
    /// Around numbers.
    pub(super) fn new(numbers: &'a mut [f64], average: Option<&'a mut [f64]>) -> Self {
        let squared_norm = numbers.iter().map(|w| w * w).sum();
        let absolute_norm = numbers.iter().map(|w| w.abs()).sum();
        Self { numbers, average, scale: 1.0, squared_norm, absolute_norm, a: 0.0, b: 1.0 }
    }

    /// The product with a row.
    pub(super) fn dot(&self, row: &[f64]) -> f64 {
        let mut sum = 0.0;
        self.numbers.iter().zip(row).for_each(|(w, x)| sum += w * x);
        sum * self.scale
    }

    /// Adds a multiple of a row.
    pub(super) fn add(&mut self, row: &[f64], c: f64) {
        let share = c / self.scale;
        let (mut squares, mut absolutes) = (0.0, 0.0);
        for (w, x) in self.numbers.iter_mut().zip(row) {
            *w += x * share;
            squares += *w * *w;
            absolutes += w.abs();
        }
        self.squared_norm = squares * (self.scale * self.scale);
        self.absolute_norm = absolutes * self.scale;
    }

    /// Takes the weights, which a multiple of a row was just added to, into the average of so many.
    pub(super) fn add_average(&mut self, row: &[f64], c: f64, count: f64) {
        let Some(average) = &mut self.average else { return };
        let share = 1.0 / count;
        for (sum, x) in average.iter_mut().zip(row) {
            *sum += self.a * x * (-c / self.scale);
        }
        if count > 1.0 {
            self.b /= 1.0 - share;
        }
        self.a += share * self.b * self.scale;
    }

    /// Multiplies all.
    pub(super) fn shrink(&mut self, factor: f64) {
        self.scale *= factor;
        self.squared_norm *= factor * factor;
        self.absolute_norm *= factor.abs();
        if self.scale < LEAST_SCALE {
            self.settle();
        }
    }

    /// Takes the share of an L1 penalty off that a weight has not had yet: `due` in all, `had` so far (Tsuruoka, Tsujii and
    /// Ananiadou, 2009).
    pub(super) fn truncate(&mut self, due: f64, had: &mut [f64]) {
        for (w, had) in self.numbers.iter_mut().zip(had) {
            let before = *w;
            if self.scale * before > 0.0 {
                *w = (before - (due + *had) / self.scale).max(0.0);
            } else if self.scale * before < 0.0 {
                *w = (before + (due - *had) / self.scale).min(0.0);
            }
            *had += self.scale * (*w - before);
        }
    }

    /// What an elastic net penalty of strength 1 is.
    pub(super) fn penalty(&self, l1_ratio: f64) -> f64 {
        let norm = self.squared_norm.sqrt();
        (1.0 - l1_ratio) * 0.5 * (norm * norm) + l1_ratio * self.absolute_norm
    }

    /// The numbers, without their scale.
    pub(super) fn numbers(&self) -> &[f64] {
        self.numbers
    }

    /// Multiplies the scale in.
    pub(super) fn settle(&mut self) {
        if let Some(average) = &mut self.average {
            let share = 1.0 / self.b;
            for (sum, w) in average.iter_mut().zip(&*self.numbers) {
                *sum = (*sum + self.a * w) * share;
            }
            (self.a, self.b) = (0.0, 1.0);
        }
        self.numbers.iter_mut().for_each(|w| *w *= self.scale);
        self.scale = 1.0;
    }
}
