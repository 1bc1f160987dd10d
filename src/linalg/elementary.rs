//! The exponential and the logarithm as straight lines of arithmetic, which loops run on many lanes at once.
//!
//! Errors are below two units in the last place; `mul_add` makes the bits the same on every processor.

/// ln 2 as a rounded double and the rest of it.
const LN_2: f64 = std::f64::consts::LN_2;
const LN_2_REST: f64 = 2.319_046_813_846_299_6e-17;

/// 1.5 * 2^52: added to a small number it leaves the nearest integer in the last bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// Below this the exponential leaves the normal numbers.
const LEAST: f64 = -708.0;

/// 1 / k! from k = 13 down to 0.
const EXP: [f64; 14] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
    1.0,
    1.0,
];

/// 1 / (2 k + 1) from k = 9 down to 1.
const ATANH: [f64; 9] =
    [1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0];

#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let mut sum = coefficients[0];
    for coefficient in &coefficients[1..] {
        sum = sum.mul_add(x, *coefficient);
    }
    sum
}

/// The exponential of `x`, which is not positive; below -708 as at -708.
#[inline(always)]
pub(super) fn exp_of_negative(x: f64) -> f64 {
    let x = if x < LEAST { LEAST } else { x };
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUNDER);
    let power = shifted - ROUNDER;
    let rest = power.mul_add(-LN_2_REST, power.mul_add(-LN_2, x));
    let scale = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    polynomial(&EXP, rest) * scale
}

/// ln(1 + y) of a `y` from 0 to 1e300.
#[inline(always)]
pub(super) fn ln_1p_of_positive(y: f64) -> f64 {
    // 2^k next to 1 + y: within a factor of the root of 2.
    const ROOT_OF_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let biased = (1.0 + y).to_bits().wrapping_add(0x3ff0_0000_0000_0000 - ROOT_OF_HALF) >> 52;
    let k = f64::from_bits(biased | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    let scale = f64::from_bits(2046u64.wrapping_sub(biased) << 52);
    // (1 + y) / 2^k - 1, where k is 0 exactly y.
    let z = y.mul_add(scale, scale - 1.0);
    let s = z / (2.0 + z);
    let t = s * s;
    let tail = t * polynomial(&ATANH, t);
    k.mul_add(LN_2, 2.0 * s.mul_add(tail, s))
}

#[cfg(test)]
mod tests {
    use super::super::sums::vectorised;
    use super::*;

    /// In units of the last place.
    fn off(found: f64, expected: f64) -> f64 {
        (found - expected).abs() / (expected.abs() * f64::EPSILON)
    }

    #[test]
    fn exponentials() {
        let mut worst: f64 = 0.0;
        for i in 0..400_000 {
            let x = -f64::from(i) * 708.0 / 400_000.0;
            worst = worst.max(off(exp_of_negative(x), x.exp()));
            let small = -f64::from(i) * 1e-6;
            worst = worst.max(off(exp_of_negative(small), small.exp()));
        }
        assert!(worst <= 2.0, "{worst}");
        assert_eq!(exp_of_negative(0.0), 1.0);
        assert!(exp_of_negative(f64::NEG_INFINITY) < 1e-300);
        assert!(exp_of_negative(f64::NAN).is_nan());
    }

    #[test]
    fn logarithms() {
        let mut worst: f64 = 0.0;
        for i in 1..400_000 {
            for y in
                [f64::from(i) / 400_000.0, f64::from(i) * 1e-3, 1e-280 * f64::from(i), f64::from(i) * 1e-12]
            {
                worst = worst.max(off(ln_1p_of_positive(y), y.ln_1p()));
            }
        }
        assert!(worst <= 2.0, "{worst}");
        assert_eq!(ln_1p_of_positive(0.0), 0.0);
        assert!(ln_1p_of_positive(f64::NAN).is_nan());
        assert!(off(ln_1p_of_positive(1e300), 1e300f64.ln()) <= 2.0);
    }

    #[test]
    fn lanes_have_the_bits_of_single_numbers() {
        let x: Vec<f64> = (0..1003).map(|i| -0.37 * f64::from(i)).collect();
        let mut both = vec![(0.0, 0.0); x.len()];
        vectorised(
            #[inline(always)]
            || {
                for (both, x) in both.iter_mut().zip(&x) {
                    *both = (exp_of_negative(*x), ln_1p_of_positive(-*x));
                }
            },
        );
        for (both, x) in both.iter().zip(&x) {
            assert_eq!(*both, (exp_of_negative(*x), ln_1p_of_positive(-*x)));
        }
    }
}
