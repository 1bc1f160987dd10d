//! Scaling by powers of two, which loses nothing.

use super::Matrix;

/// How the rows and columns of a problem are scaled before they are factored.
pub(super) struct Scaling {
    fit_intercept: bool,
    /// The roots of the weights, scaled by a power of two so that the largest lies in [1, 2).
    roots: Option<Vec<f64>>,
    /// The power of two that the roots were divided by.
    pub(super) root_exponent: i32,
    /// The sum of the weights, scaled so: the number of rows where none are given.
    pub(super) weight: f64,
    /// For each column the power of two that it is divided by.
    pub(super) exponents: Vec<i32>,
    /// For each column its largest absolute value, divided so; rows of weight 0 do not count.
    pub(super) largest: Vec<f64>,
    /// The columns that vary: from row to row, or without an intercept those that are not all zero.
    pub(super) varying: Vec<usize>,
}

impl Scaling {
    pub(super) fn new(x: &Matrix, weight: Option<&[f64]>, fit_intercept: bool) -> Self {
        let heaviest = weight.map_or(1.0, |weight| weight.iter().fold(0.0, |max, w| f64::max(max, *w)));
        let root_exponent = exponent(heaviest.sqrt());
        let root = |w: &f64| scale_by_power_of_two(w.sqrt(), -root_exponent);
        let roots: Option<Vec<f64>> = weight.map(|weight| weight.iter().map(root).collect());
        let mut scaling = Self {
            fit_intercept,
            root_exponent,
            weight: roots.as_ref().map_or(x.rows() as f64, |roots| super::sums::product_sum(roots, roots)),
            roots,
            exponents: Vec::with_capacity(x.columns()),
            largest: Vec::with_capacity(x.columns()),
            varying: Vec::new(),
        };
        for j in 0..x.columns() {
            let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
            for (i, &value) in x.column(j).iter().enumerate() {
                if weight.is_none_or(|weight| weight[i] > 0.0) {
                    least = least.min(value);
                    most = most.max(value);
                }
            }
            let largest = least.abs().max(most.abs());
            let power = exponent(largest);
            scaling.exponents.push(power);
            scaling.largest.push(scale_by_power_of_two(largest, -power));
            if if fit_intercept { least < most } else { largest > 0.0 } {
                scaling.varying.push(j);
            }
        }
        scaling
    }

    /// The scaled design: a column of ones where an intercept is fitted, then the columns `which`.
    pub(super) fn design(&self, x: &Matrix, which: &[usize]) -> Matrix {
        let lead = usize::from(self.fit_intercept);
        let mut design = Matrix::zeros(x.rows(), which.len() + lead);
        if self.fit_intercept {
            design.column_mut(0).fill(1.0);
            self.scale(design.column_mut(0), 0);
        }
        for (k, &j) in which.iter().enumerate() {
            let column = design.column_mut(k + lead);
            column.copy_from_slice(x.column(j));
            self.scale(column, self.exponents[j]);
        }
        design
    }

    /// Divides a column by two to the `power` and multiplies its rows by the roots of the weights.
    pub(super) fn scale(&self, column: &mut [f64], power: i32) {
        column.iter_mut().for_each(|value| *value = scale_by_power_of_two(*value, -power));
        if let Some(roots) = &self.roots {
            for (value, root) in column.iter_mut().zip(roots) {
                // A row of weight 0 may hold what overflows beside the others.
                *value = if *root == 0.0 { 0.0 } else { *value * root };
            }
        }
    }

    /// Scales a target by a power of two, so that it lies below 2, and by the roots of the weights; gives the power.
    pub(super) fn scale_target(&self, target: &mut [f64]) -> i32 {
        let counts = |i: usize| self.roots.as_ref().is_none_or(|roots| roots[i] > 0.0);
        let largest = target.iter().enumerate().filter(|(i, _)| counts(*i)).map(|(_, value)| value.abs());
        let power = exponent(largest.fold(0.0, f64::max));
        self.scale(target, power);
        power
    }
}

/// The power of two below |value|: 2^e <= |value| < 2^(e+1); 0 for zero, the least normal one for subnormals.
pub(super) fn exponent(value: f64) -> i32 {
    if value == 0.0 {
        return 0;
    }
    let bits = (value.to_bits() >> 52) & 0x7ff;
    // Eleven bits: always fits.
    (bits.max(1) as i32) - 1023
}

/// `value * 2^power`, in one rounding unless the result is subnormal.
pub(super) fn scale_by_power_of_two(value: f64, power: i32) -> f64 {
    let normal = |power: i32| f64::from_bits(((power + 1023) as u64) << 52);
    let (mut value, mut power) = (value, power.clamp(-4000, 4000));
    while power > 1023 {
        value *= normal(1023);
        power -= 1023;
    }
    while power < -1022 {
        value *= normal(-1022);
        power += 1022;
    }
    value * normal(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_and_powers_agree() {
        for (value, power) in
            [(1.0, 0), (1.99, 0), (2.0, 1), (-0.75, -1), (f64::MAX, 1023), (f64::MIN_POSITIVE, -1022)]
        {
            assert_eq!(exponent(value), power);
            assert_eq!(scale_by_power_of_two(scale_by_power_of_two(value, -power), power), value);
        }
        assert_eq!(exponent(0.0), 0);
        assert_eq!(exponent(5e-324), -1022);
        assert_eq!(scale_by_power_of_two(1.0, 2000), f64::INFINITY);
        assert_eq!(scale_by_power_of_two(1.0, -2000), 0.0);
        assert_eq!(scale_by_power_of_two(f64::MIN_POSITIVE, 2045), 2f64.powi(1023));
    }

    #[test]
    fn rows_of_weight_zero_have_no_say() {
        let x = Matrix::from_columns(3, 1, vec![1e-300, 1e300, 3e-300]);
        let scaling = Scaling::new(&x, Some(&[1.0, 0.0, 4.0]), true);
        let design = scaling.design(&x, &[0]);
        assert_eq!(design.column(0), [0.5, 0.0, 1.0]);
        assert!(design.column(1).iter().all(|value| value.is_finite()) && design[(1, 1)] == 0.0);
        let mut target = [2.0, 1e300, 3.0];
        assert_eq!(scaling.scale_target(&mut target), 1);
        assert_eq!(target, [0.5, 0.0, 1.5]);
    }

    #[test]
    fn columns_that_do_not_vary_are_found_among_the_rows_that_count() {
        let x = Matrix::from_columns(3, 3, vec![5.0, 5.0, 9.0, 0.0, 0.0, 1.0, 1.0, 2.0, 3.0]);
        assert_eq!(Scaling::new(&x, None, true).varying, [0, 1, 2]);
        assert_eq!(Scaling::new(&x, Some(&[1.0, 1.0, 0.0]), true).varying, [2]);
        assert_eq!(Scaling::new(&x, Some(&[1.0, 1.0, 0.0]), false).varying, [0, 2]);
    }
}
