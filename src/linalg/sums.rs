//! Sums whose order is fixed, plain and compensated, for the hot loops.
//!
//! Every loop runs inside [`vectorised`], so that `mul_add` is one instruction where the processor has
//! it (and, slower, the same bits where it has not). Eight lanes are written out because the
//! compiler may not reorder a sum of floats by itself; the lanes make the order, and so the bits,
//! independent of the width of the registers.
//!
//! Compensated sums: Ogita, Rump and Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26 (2005).

/// How many partial sums run side by side.
const LANES: usize = 8;

/// Runs `op` compiled for the widest registers that this processor has.
#[inline(always)]
pub(crate) fn vectorised<R>(op: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(op)
}

/// `a + b` as the rounded sum and the exact error of it (Knuth).
#[inline(always)]
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let shadow = sum - a;
    (sum, (a - (sum - shadow)) + (b - shadow))
}

/// `a * b` as the rounded product and the exact error of it.
#[inline(always)]
pub fn two_prod(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}

/// The sum of `values`.
pub fn sum(values: &[f64]) -> f64 {
    vectorised(
        #[inline(always)]
        || lanes(values, values, |x, _, sum| sum + x),
    )
}

/// The sum of `a[i] * b[i]`.
///
/// # Panics
/// When the lengths differ.
pub fn product_sum(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    vectorised(
        #[inline(always)]
        || lanes(a, b, |x, y, sum| x.mul_add(y, sum)),
    )
}

/// The sum of `values[i] - shift`.
pub fn shifted_sum(values: &[f64], shift: f64) -> f64 {
    vectorised(
        #[inline(always)]
        || lanes(values, values, |x, _, sum| sum + (x - shift)),
    )
}

/// The sum of `a[i] * (b[i] - shift)`.
///
/// # Panics
/// When the lengths differ.
pub fn shifted_product_sum(a: &[f64], b: &[f64], shift: f64) -> f64 {
    assert_eq!(a.len(), b.len());
    vectorised(
        #[inline(always)]
        || lanes(a, b, |x, y, sum| x.mul_add(y - shift, sum)),
    )
}

/// The least and the greatest of `values`, and how many are NaN; `None` when all are.
pub fn extremes(values: &[f64]) -> (Option<(f64, f64)>, usize) {
    let (low, high, missing) = vectorised(
        #[inline(always)]
        || extreme_lanes(values),
    );
    let missing = missing.iter().sum::<u64>() as usize;
    let low = low.into_iter().fold(f64::INFINITY, f64::min);
    let high = high.into_iter().fold(f64::NEG_INFINITY, f64::max);
    ((missing < values.len()).then_some((low, high)), missing)
}

/// Twice the lanes of a sum: a comparison waits for the one before it, and nothing else does.
#[inline(always)]
fn extreme_lanes(values: &[f64]) -> ([f64; 2 * LANES], [f64; 2 * LANES], [u64; 2 * LANES]) {
    let mut low = [f64::INFINITY; 2 * LANES];
    let mut high = [f64::NEG_INFINITY; 2 * LANES];
    let mut missing = [0; 2 * LANES];
    let chunks = values.chunks_exact(2 * LANES);
    let rest = chunks.remainder();
    // Plain loops: a closure given to an iterator is compiled by itself, for the least of processors.
    for chunk in chunks {
        for lane in 0..2 * LANES {
            (low[lane], high[lane]) = wider(low[lane], high[lane], chunk[lane]);
            missing[lane] += u64::from(chunk[lane].is_nan());
        }
    }
    for lane in 0..rest.len() {
        (low[lane], high[lane]) = wider(low[lane], high[lane], rest[lane]);
        missing[lane] += u64::from(rest[lane].is_nan());
    }
    (low, high, missing)
}

/// Comparisons with NaN are false: it moves neither.
#[inline(always)]
fn wider(low: f64, high: f64, x: f64) -> (f64, f64) {
    (if x < low { x } else { low }, if x > high { x } else { high })
}

#[inline(always)]
fn lanes(a: &[f64], b: &[f64], step: impl Fn(f64, f64, f64) -> f64) -> f64 {
    let mut partial = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_rest, b_rest) = (a_chunks.remainder(), b_chunks.remainder());
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            partial[lane] = step(x[lane], y[lane], partial[lane]);
        }
    }
    for lane in 0..a_rest.len() {
        partial[lane] = step(a_rest[lane], b_rest[lane], partial[lane]);
    }
    let [a, b, c, d, e, f, g, h] = partial;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The dot product of `a` and `b` as if computed in twice the precision and then rounded (Dot2).
///
/// # Panics
/// When the lengths differ.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let (high, low) = vectorised(
        #[inline(always)]
        || dot_lanes(a, b),
    );
    let (mut total, mut error) = (0.0, 0.0);
    for lane in 0..LANES {
        let (sum, lost) = two_sum(total, high[lane]);
        total = sum;
        error += lost + low[lane];
    }
    total + error
}

#[inline(always)]
fn dot_lanes(a: &[f64], b: &[f64]) -> ([f64; LANES], [f64; LANES]) {
    let (mut high, mut low) = ([0.0; LANES], [0.0; LANES]);
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_rest, b_rest) = (a_chunks.remainder(), b_chunks.remainder());
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            (high[lane], low[lane]) = add_product(high[lane], low[lane], x[lane], y[lane]);
        }
    }
    for lane in 0..a_rest.len() {
        (high[lane], low[lane]) = add_product(high[lane], low[lane], a_rest[lane], b_rest[lane]);
    }
    (high, low)
}

#[inline(always)]
fn add_product(high: f64, low: f64, a: f64, b: f64) -> (f64, f64) {
    let (product, product_error) = two_prod(a, b);
    let (sum, sum_error) = two_sum(high, product);
    (sum, low + (sum_error + product_error))
}

/// `high + low -= column * factor`, element by element in twice the precision.
///
/// # Panics
/// When the lengths differ.
pub fn subtract_scaled(high: &mut [f64], low: &mut [f64], column: &[f64], factor: f64) {
    assert!(high.len() == low.len() && low.len() == column.len());
    vectorised(
        #[inline(always)]
        || {
            for ((high, low), x) in high.iter_mut().zip(low.iter_mut()).zip(column) {
                (*high, *low) = add_product(*high, *low, -factor, *x);
            }
        },
    );
}

/// `into += column * factor`, element by element.
///
/// # Panics
/// When the lengths differ.
pub fn add_scaled(into: &mut [f64], column: &[f64], factor: f64) {
    assert_eq!(into.len(), column.len());
    vectorised(
        #[inline(always)]
        || {
            for (into, x) in into.iter_mut().zip(column) {
                *into = factor.mul_add(*x, *into);
            }
        },
    );
}

/// `into = (column - shift) * factor`, element by element.
///
/// # Panics
/// When the lengths differ.
pub fn shift_and_scale(into: &mut [f64], column: &[f64], shift: f64, factor: f64) {
    assert_eq!(into.len(), column.len());
    vectorised(
        #[inline(always)]
        || {
            for (into, x) in into.iter_mut().zip(column) {
                *into = (x - shift) * factor;
            }
        },
    );
}

/// `into = a * b`, element by element.
///
/// # Panics
/// When the lengths differ.
pub fn multiply(into: &mut [f64], a: &[f64], b: &[f64]) {
    assert!(into.len() == a.len() && a.len() == b.len());
    vectorised(
        #[inline(always)]
        || {
            for ((into, a), b) in into.iter_mut().zip(a).zip(b) {
                *into = a * b;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sum_and_two_prod_lose_nothing() {
        assert_eq!(two_sum(1.0, 1e-20), (1.0, 1e-20));
        assert_eq!(two_sum(1e-20, 1.0), (1.0, 1e-20));
        let tiny = f64::EPSILON;
        // (1 + e)^2 = 1 + 2e + e^2
        assert_eq!(two_prod(1.0 + tiny, 1.0 + tiny), (1.0 + 2.0 * tiny, tiny * tiny));
    }

    #[test]
    fn sums_have_every_element_once_at_any_length() {
        for n in 0..40 {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            assert_eq!(sum(&values), f64::from(n * (n + 1) / 2));
            let squares: f64 = values.iter().map(|x| x * x).sum();
            assert_eq!(product_sum(&values, &values), squares);
            assert_eq!(dot(&values, &values), squares);
        }
    }

    #[test]
    fn extremes_pass_over_what_is_missing() {
        assert_eq!(extremes(&[]), (None, 0));
        assert_eq!(extremes(&[f64::NAN; 9]), (None, 9));
        for n in 1..40 {
            let mut values: Vec<f64> = (0..n).map(|i| f64::from((i * 7) % 11) - 3.0).collect();
            let (low, high) =
                (values.iter().copied().fold(9.0, f64::min), values.iter().copied().fold(-9.0, f64::max));
            assert_eq!(extremes(&values), (Some((low, high)), 0));
            values.push(f64::NAN);
            assert_eq!(extremes(&values), (Some((low, high)), 1));
            let shifted: f64 = values[..n as usize].iter().map(|x| x - 2.0).sum();
            assert_eq!(shifted_sum(&values[..n as usize], 2.0), shifted);
            assert_eq!(
                shifted_product_sum(&vec![2.0; n as usize], &values[..n as usize], 2.0),
                2.0 * shifted
            );
        }
    }

    #[test]
    fn dot_survives_cancellation() {
        // The plain sum gives 0: 1 is lost beside 1e17.
        let mut a = vec![1.0; 30];
        a[3] = 1e17;
        a[20] = -1e17;
        assert_eq!(dot(&a, &vec![1.0; 30]), 28.0);
        let tenth = 0.1;
        let (product, error) = two_prod(tenth, 10.0);
        assert_eq!(dot(&[tenth, 1.0], &[10.0, -product]), error);
    }

    #[test]
    fn scaled_columns_are_added_in_twice_the_precision() {
        let (mut high, mut low) = (vec![1.0; 19], vec![0.0; 19]);
        subtract_scaled(&mut high, &mut low, &[0.1; 19], 10.0);
        let exact = -two_prod(0.1, 10.0).1;
        assert!(high.iter().zip(&low).all(|(h, l)| h + l == exact));
        let mut into = vec![1.0; 19];
        add_scaled(&mut into, &[3.0; 19], 2.0);
        assert_eq!(into, vec![7.0; 19]);
        shift_and_scale(&mut into, &[5.0; 19], 3.0, 0.5);
        assert_eq!(into, vec![1.0; 19]);
        multiply(&mut into, &[3.0; 19], &[2.0; 19]);
        assert_eq!(into, vec![6.0; 19]);
    }
}
