//! An affine form: one output column as a sum of input columns.

/// `offset + sum of factor * column`: what a fitted scaler, imputer, encoder or projection does to
/// make one of its output columns.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Affine {
    /// The constant.
    pub offset: f64,
    /// Input column and its factor; the order is the order of summation.
    pub terms: Vec<(u32, f64)>,
}

impl Affine {
    /// `factor * column + offset`.
    pub fn scaled(column: u32, factor: f64, offset: f64) -> Self {
        Self { offset, terms: vec![(column, factor)] }
    }

    /// Input column `column` unchanged.
    pub fn column(column: u32) -> Self {
        Self::scaled(column, 1.0, 0.0)
    }

    /// The constant `offset`, whatever the input.
    pub fn constant(offset: f64) -> Self {
        Self { offset, terms: Vec::new() }
    }

    /// The value at one row of input columns.
    ///
    /// # Panics
    /// When `row` lacks a column of the terms.
    pub fn at(&self, row: &[f64]) -> f64 {
        self.terms.iter().fold(self.offset, |sum, &(column, factor)| sum + factor * row[column as usize])
    }

    /// This form of the outputs of `inner` as a form of the inputs of `inner`: one step after another.
    /// Terms come in ascending order of their columns, each column once.
    ///
    /// # Panics
    /// When `inner` lacks a column of the terms.
    pub fn after(&self, inner: &[Affine]) -> Self {
        let mut offset = self.offset;
        let mut terms: Vec<(u32, f64)> = Vec::new();
        for &(column, factor) in &self.terms {
            let form = &inner[column as usize];
            offset += factor * form.offset;
            terms.extend(form.terms.iter().map(|&(input, inner)| (input, factor * inner)));
        }
        terms.sort_by_key(|&(column, _)| column);
        terms.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        Self { offset, terms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_one_after_another_are_one_form() {
        let inner = [
            Affine { offset: 1.0, terms: vec![(1, 2.0), (0, 3.0)] },
            Affine::column(1),
            Affine::constant(7.0),
        ];
        let outer = Affine { offset: -1.0, terms: vec![(1, 5.0), (0, 2.0), (2, 1.0)] };
        let row = [0.5, 0.25];
        let middle: Vec<f64> = inner.iter().map(|form| form.at(&row)).collect();
        let both = outer.after(&inner);
        assert_eq!(both.at(&row), outer.at(&middle));
        assert_eq!(both.terms, vec![(0, 6.0), (1, 9.0)]);
    }
}
