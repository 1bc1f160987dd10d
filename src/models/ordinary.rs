//! Least squares without a penalty: what LinearRegression is, and Ridge with `alpha: 0`.

use super::fitted_regression::{FittedRegression, Quality};
use super::training::Gathered;
use crate::contract::{Frame, Joint, Linear, Stats, Unfit};
use crate::diag::{Code, Result};
use crate::linalg::{
    LeastSquares, Moments, factor_least_squares, inverse_gram_diagonal, least_squares, ridge,
};

/// Work, in multiplications, below which the rows are always taken.
const SMALL: f64 = 1e8;

/// The greatest condition of the Gram matrix at which moments keep enough digits.
const GREATEST_CONDITION: f64 = 1e5;

/// Whether a fit is small enough that the rows, which give every digit, cost nothing.
pub(super) fn is_small(rows: usize, features: usize) -> bool {
    rows as f64 * (features as f64).powi(2) < SMALL
}

/// Fits from rows, by QR.
///
/// # Errors
/// As [`least_squares`], and `NotFinite`.
pub(super) fn from_rows(
    rows: &Gathered,
    fit_intercept: bool,
    frame: &Frame,
    model: &str,
) -> Result<FittedRegression> {
    let fit = least_squares(&rows.x, &rows.y, rows.weight.as_deref(), fit_intercept)?;
    let quality = Quality {
        rank: Some(fit.rank),
        condition: Some(fit.condition),
        dependent: dependent(rows, &fit, fit_intercept, frame)?,
    };
    FittedRegression::new(Linear { coef: fit.coef, intercept: fit.intercept }, quality, model)
}

/// Fits from joint moments, unless the case is small or too few digits would survive.
pub(super) fn from_stats(stats: &Stats, fit_intercept: bool, model: &str) -> Result<FittedRegression, Unfit> {
    if let Some(factor) = stats.joint.as_ref().and_then(|joint| joint.factor.as_ref()) {
        let targets = joint(stats, model)?.targets;
        let fit = factor_least_squares(factor, targets, fit_intercept)?;
        let (rank, condition) = (Some(fit.rank), Some(fit.condition));
        let quality = Quality { rank, condition, dependent: Vec::new() };
        return Ok(FittedRegression::new(
            Linear { coef: fit.coef, intercept: fit.intercept },
            quality,
            model,
        )?);
    }
    if is_small(stats.rows, stats.features.len()) {
        return Err(Unfit::Rows(
            "small enough (n p² < 1e8) to be solved by QR of the rows, which keeps the most digits".into(),
        ));
    }
    from_moments(stats, fit_intercept, model)
}

/// Fits from joint moments of a case of any size, unless too few digits would survive.
fn from_moments(stats: &Stats, fit_intercept: bool, model: &str) -> Result<FittedRegression, Unfit> {
    let joint = joint(stats, model)?;
    let fits = ridge(&joint.moments, joint.targets, &[0.0], fit_intercept)?;
    let fit = fits.into_iter().next().ok_or_else(|| Code::Bug.error("no fit for one penalty"))?;
    if fit.condition > GREATEST_CONDITION {
        return Err(too_ill(fit.condition, GREATEST_CONDITION));
    }
    let quality = Quality {
        rank: Some(varying(&joint.moments, joint.targets, fit_intercept)),
        condition: Some(fit.condition.sqrt()),
        dependent: Vec::new(),
    };
    Ok(FittedRegression::new(Linear { coef: fit.coef, intercept: fit.intercept }, quality, model)?)
}

/// The joint moments of a regression.
///
/// # Errors
/// `Rows` where they have overflown; `BadTarget` without a target, `BadWeight` without weight.
pub(super) fn joint<'a>(stats: &'a Stats, model: &str) -> Result<&'a Joint, Unfit> {
    let joint =
        stats.joint.as_ref().ok_or_else(|| Code::Bug.error(format!("{model} got no joint moments")))?;
    if joint.targets == 0 {
        return Err(Code::BadTarget.error(format!("{model} learns a target, and there is none")).into());
    }
    if joint.moments.rows == 0 {
        return Err(Code::EmptyData.error(format!("{model} has no rows to learn from")).into());
    }
    if joint.moments.weight <= 0.0 {
        return Err(Code::BadWeight.error("the weights of all training rows are 0").into());
    }
    let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
    if !finite(joint.moments.gram.values()) || !finite(&joint.moments.mean) {
        return Err(Unfit::Rows(
            "the values are so great that their squares overflow: QR of the rows".into(),
        ));
    }
    Ok(joint)
}

/// Why moments of this condition gave no fit.
pub(super) fn too_ill(condition: f64, greatest: f64) -> Unfit {
    Unfit::Rows(format!(
        "the condition of the Gram matrix is {condition:.0e}, beyond {greatest:.0e}: QR of the rows"
    ))
}

/// How many features vary: the rank, where the condition is fit for moments. The bound is
/// `linalg`'s for a constant.
fn varying(moments: &Moments, targets: usize, fit_intercept: bool) -> usize {
    let features = 0..moments.columns() - targets;
    if !fit_intercept {
        return features.filter(|&j| moments.gram[(j, j)] > 0.0 || moments.mean[j] != 0.0).count();
    }
    let noise = |j: usize| moments.weight * (moments.rows as f64 * f64::EPSILON * moments.mean[j]).powi(2);
    features.filter(|&j| moments.gram[(j, j)] > noise(j)).count()
}

/// The names of the features that nearly depend on each other: those whose variance is inflated
/// within a factor of 100 of the most inflated one. Empty where the fit is well determined.
fn dependent(rows: &Gathered, fit: &LeastSquares, fit_intercept: bool, frame: &Frame) -> Result<Vec<String>> {
    if fit.condition <= Quality::GREATEST_CONDITION {
        return Ok(Vec::new());
    }
    let Some(diagonal) = inverse_gram_diagonal(&rows.x, rows.weight.as_deref(), fit_intercept)? else {
        return Ok(Vec::new());
    };
    let inflation = |j: usize| diagonal[j + usize::from(fit_intercept)] * squares(rows, j, fit_intercept);
    let inflation: Vec<f64> = (0..rows.x.columns()).map(inflation).collect();
    let greatest = inflation.iter().copied().fold(0.0, f64::max);
    let names = frame.names().into_iter().zip(inflation);
    Ok(names.filter(|(_, factor)| factor * 100.0 >= greatest).map(|(name, _)| name.to_string()).collect())
}

/// The weighted sum of squares of a feature, about its mean where there is an intercept.
fn squares(rows: &Gathered, j: usize, centred: bool) -> f64 {
    let column = rows.x.column(j);
    let moments = Moments::of(&[column], rows.weight.as_deref());
    let about_zero = if centred { 0.0 } else { moments.weight * moments.mean[0].powi(2) };
    moments.gram[(0, 0)] + about_zero
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Block, FittedModel, Needs, Train};
    use crate::linalg::Matrix;
    use crate::table::{Rows, Target};

    /// A number in [-0.5, 0.5), without a pattern.
    fn noise(i: usize, j: usize) -> f64 {
        let x = (i as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ (j as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
        let x = (x ^ x >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((x ^ x >> 29) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }

    fn table(rows: usize, p: usize, value: impl Fn(usize, usize) -> f64) -> (Frame, Target) {
        let block = |j: usize| Block::Number {
            name: format!("x{j}").into(),
            values: (0..rows).map(|i| value(i, j)).collect(),
        };
        let y = Matrix::from_fn(rows, 2, |i, t| {
            value(i, t) - 2.0 * value(i, p - 1) + 10.0 * noise(i, 1000 + t) + 3.0
        });
        (Frame::new(rows, (0..p).map(block).collect()), Target::Values(y))
    }

    /// The fits from moments and from rows.
    fn both(
        frame: &Frame,
        y: &Target,
        weight: Option<&[f64]>,
        intercept: bool,
    ) -> [Result<FittedRegression, Unfit>; 2] {
        let train = Train { x: frame, y: Some(y), weight, rows: &Rows::all(frame.rows()) };
        let moments = from_moments(&Stats::of(&train, Needs::JOINT).unwrap(), intercept, "OLS");
        let rows = from_rows(&Gathered::of(&train, "OLS").unwrap(), intercept, frame, "OLS");
        [moments, rows.map_err(Unfit::from)]
    }

    #[test]
    fn moments_and_rows_agree() {
        let (frame, y) =
            table(3000, 6, |i, j| (noise(i, j) + 0.2 * j as f64) * [1.0, 1e4, 1e-3, 5.0, 0.0, 2.0][j]);
        let weight: Vec<f64> = (0..3000).map(|i| noise(i, 77).abs()).collect();
        for (weight, intercept) in
            [(None, true), (Some(weight.as_slice()), true), (Some(weight.as_slice()), false)]
        {
            let [moments, rows] = both(&frame, &y, weight, intercept).map(|fit| fit.unwrap().facts());
            let (ours, theirs) = (moments.coef.unwrap(), rows.coef.unwrap());
            for (k, j) in (0..2).flat_map(|k| (0..6).map(move |j| (k, j))) {
                let (a, b) = (ours[(k, j)], theirs[(k, j)]);
                // sd(y) / sd(x_j)
                let scale = [3.0, 3e3][k] / (0.3 * [1.0, 1e4, 1e-3, 5.0, 1.0, 2.0][j]);
                assert!((a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-11 * scale, "{k} {j}: {a:e} {b:e}");
            }
            assert_eq!(moments.more[0], rows.more[0], "the rank");
            let condition = |facts: &[(_, serde_json::Value)]| facts[1].1.as_f64().unwrap();
            let (a, b) = (condition(&moments.more), condition(&rows.more));
            assert!((a / b - 1.0).abs() < 1e-6, "the condition: {a} {b}");
        }
    }

    #[test]
    fn moments_leave_nearly_dependent_columns_to_the_rows() {
        let (frame, y) =
            table(500, 3, |i, j| if j == 2 { noise(i, 0) + 1e-4 * noise(i, 2) } else { noise(i, j) });
        let [moments, rows] = both(&frame, &y, None, true);
        assert!(matches!(moments, Err(Unfit::Rows(why)) if why.contains("condition")));
        assert!(rows.unwrap().notes().is_empty());
    }

    #[test]
    fn a_note_names_the_nearly_dependent_features() {
        let value = |i: usize, j: usize| if j == 2 { noise(i, 0) + 1e-13 * noise(i, 2) } else { noise(i, j) };
        let (frame, y) = table(50, 4, value);
        let fitted = both(&frame, &y, None, true)[1].as_ref().unwrap().notes();
        let [note] = fitted.as_slice() else { panic!("one note: {fitted:?}") };
        assert_eq!(note.code(), Code::WarnCondition);
        assert!(note.message().starts_with("the columns of `x0`, `x2` have condition"), "{note}");
    }

    #[test]
    fn overflowing_moments_are_left_to_the_rows() {
        let (frame, y) = table(40, 2, |i, j| noise(i, j) * 1e200);
        let [moments, rows] = both(&frame, &y, None, true);
        assert!(matches!(moments, Err(Unfit::Rows(why)) if why.contains("overflow")));
        assert!(rows.is_ok());
    }
}
