//! What a model's fit looks at first: its target and its weights, with an error where they cannot be
//! learned from.

use std::sync::Arc;

use crate::contract::{Needs, Stats, Train, Unfit, Value};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;
use crate::table::{Levels, Target, label_of};

/// The numbers to be learned at the training rows, rows x targets.
///
/// # Errors
/// `BadTarget` when there is no target, it is of classes, or a value is not finite; `EmptyData`
/// without rows.
pub(super) fn values(train: &Train, model: &str) -> Result<Matrix> {
    let Target::Values(all) = target(train, model)? else {
        let message = format!("{model} learns numbers, and the target is of classes");
        return Err(Code::BadTarget
            .error(message)
            .help("use a classifier, or write `schema: {TARGET: number}` if the labels are numbers"));
    };
    let columns = (0..all.columns()).flat_map(|j| train.rows.gather(all.column(j)));
    let values = Matrix::from_columns(train.rows.len(), all.columns(), columns.collect());
    for j in 0..values.columns() {
        if let Some(i) = values.column(j).iter().position(|value| !value.is_finite()) {
            let row = train.rows.iter().nth(i).map_or(0, |row| row + 1);
            let what = if values[(i, j)].is_nan() { "missing".into() } else { values[(i, j)].to_string() };
            let message = format!("the target is {what} in row {row}");
            return Err(Code::BadTarget.error(message).help("drop such rows before they are read"));
        }
    }
    Ok(values)
}

/// The classes to be learned at the training rows: a code a row, and the labels of the whole table.
///
/// # Errors
/// `BadTarget` when there is no target or it is of numbers; `EmptyData` without rows.
pub(super) fn classes(train: &Train, model: &str) -> Result<(Vec<u32>, Arc<Levels>)> {
    match target(train, model)? {
        Target::Classes { codes, labels } => Ok((train.rows.gather(codes), Arc::clone(labels))),
        Target::Values(_) => {
            let message = format!("{model} learns classes, and the target is of numbers");
            Err(Code::BadTarget.error(message).help("use a regression model"))
        }
    }
}

fn target<'a>(train: &Train<'a>, model: &str) -> Result<&'a Target> {
    if train.rows.is_empty() {
        return Err(Code::EmptyData.error(format!("{model} has no rows to learn from")));
    }
    train.y.ok_or_else(|| Code::BadTarget.error(format!("{model} learns a target, and there is none")))
}

/// The weights of the training rows, if there are any.
///
/// # Errors
/// `BadWeight` when one is negative or not finite, or all are zero.
pub(super) fn weights(train: &Train) -> Result<Option<Vec<f64>>> {
    let Some(all) = train.weight else { return Ok(None) };
    let weights = train.rows.gather(all);
    let fits = |weight: &f64| weight.is_finite() && *weight >= 0.0;
    if let Some(i) = weights.iter().position(|weight| !fits(weight)) {
        let row = train.rows.iter().nth(i).map_or(0, |row| row + 1);
        let message = format!("the weight of row {row} is {}", weights[i]);
        return Err(Code::BadWeight.error(message).help("weights are finite numbers of at least 0"));
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(Code::BadWeight.error("the weights of all training rows are 0"));
    }
    Ok(Some(weights))
}

/// That there are features to learn from.
///
/// # Errors
/// `EmptyData` when there are none.
pub(super) fn features(train: &Train, model: &str) -> Result<()> {
    if train.x.features() == 0 {
        return Err(Code::EmptyData.error(format!("{model} has no features to learn from")));
    }
    Ok(())
}

/// The features of the training rows, rows x features.
///
/// # Errors
/// `EmptyData` when there are no features, and as [`Frame::design`](crate::contract::Frame::design).
pub(super) fn design(train: &Train, model: &str) -> Result<Matrix> {
    features(train, model)?;
    train.x.design(train.rows)
}

/// The features of the training rows, one row after the other.
///
/// # Errors
/// As [`design`].
pub(super) fn row_major(train: &Train, model: &str) -> Result<Vec<f64>> {
    let x = design(train, model)?;
    Ok((0..x.rows()).flat_map(|i| x.row(i)).collect())
}

/// The gathered rows of a regression.
pub(super) struct Gathered {
    /// The features, n x p.
    pub(super) x: Matrix,
    /// The targets, n x t.
    pub(super) y: Matrix,
    /// The weights, where there are any.
    pub(super) weight: Option<Vec<f64>>,
}

impl Gathered {
    /// The training rows.
    ///
    /// # Errors
    /// As [`values`], [`weights`] and [`design`].
    pub(super) fn of(train: &Train, model: &str) -> Result<Self> {
        let y = values(train, model)?;
        let weight = weights(train)?;
        Ok(Self { x: design(train, model)?, y, weight })
    }
}

/// Fits a regression from the rows' own joint moments, as two passes do, so that both paths give the
/// same numbers; else from the rows.
///
/// # Errors
/// As [`Gathered::of`], [`Stats::of`] and the two fits.
pub(super) fn fit<F>(
    train: &Train,
    model: &str,
    from_stats: impl FnOnce(&Stats) -> Result<F, Unfit>,
    from_rows: impl FnOnce(&Gathered) -> Result<F>,
) -> Result<F> {
    values(train, model)?;
    weights(train)?;
    features(train, model)?;
    match from_stats(&Stats::of(train, Needs::JOINT)?) {
        Ok(fitted) => Ok(fitted),
        Err(Unfit::Rows(_)) => from_rows(&Gathered::of(train, model)?),
        Err(Unfit::Failed(error)) => Err(error),
    }
}

/// The class that a parameter means: a label as the data spells it, a number of the same value, or
/// `true` and `false` in any case.
pub(super) fn class_named(labels: &Levels, value: &Value) -> Option<u32> {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Int(_) | Value::Bool(_) => value.to_string(),
        Value::Float(number) => label_of(*number),
        Value::Null | Value::List(_) | Value::Map(_) => return None,
    };
    let same = |label: &String| label.eq_ignore_ascii_case(&text);
    let truth = matches!(text.to_ascii_lowercase().as_str(), "true" | "false");
    let in_any_case = || labels.labels().iter().position(same).filter(|_| truth).map(|i| i as u32);
    labels.code(&text).or_else(in_any_case)
}

/// The error for a parameter that names no class.
pub(super) fn no_such_class(parameter: &str, value: &Value, labels: &Levels) -> Diagnostic {
    let text = value.to_string();
    let near = crate::diag::suggest(&text, labels.labels().iter().map(String::as_str));
    let help = near.map_or_else(
        || {
            let some: Vec<String> = labels.labels().iter().take(10).map(|l| format!("`{l}`")).collect();
            format!("the classes are {}", some.join(", "))
        },
        |near| format!("did you mean `{near}`?"),
    );
    Code::BadValue.error(format!("`{parameter}` names `{text}`, which is no class of the target")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Frame;
    use crate::table::Rows;

    #[test]
    fn a_class_is_found_by_spelling_value_and_truth() {
        let text = Levels::new(vec!["True".into(), "False".into()], false);
        assert_eq!(class_named(&text, &Value::Bool(true)), Some(1));
        let numbers = Levels::new(vec!["0".into(), "1".into()], true);
        assert_eq!(class_named(&numbers, &Value::Int(1)), Some(1));
        assert_eq!(class_named(&numbers, &Value::Float(1.0)), Some(1));
        assert_eq!(class_named(&numbers, &Value::Text("2".into())), None);
        let words = Levels::new(vec!["Yes".into(), "No".into()], false);
        assert_eq!(class_named(&words, &Value::Text("yes".into())), None);
    }

    #[test]
    fn unusable_weights_and_targets_are_named_by_row() {
        let frame = Frame::new(3, Vec::new());
        let y = Target::Values(Matrix::from_columns(3, 1, vec![1.0, 2.0, f64::NAN]));
        let rows = Rows::List([2, 1].into());
        let train = Train { x: &frame, y: Some(&y), weight: None, rows: &rows };
        let of = |values: &[f64]| {
            weights(&Train { weight: Some(values), ..train }).map_err(|error| error.message().to_owned())
        };
        assert_eq!(of(&[1.0, -1.0, 1.0]).unwrap_err(), "the weight of row 2 is -1");
        assert_eq!(of(&[1.0, 0.0, 0.0]).unwrap_err(), "the weights of all training rows are 0");
        assert_eq!(of(&[f64::NAN, 2.0, 3.0]).unwrap(), Some(vec![3.0, 2.0]));
        let error = values(&train, "Ridge").unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::BadTarget, "the target is missing in row 3"));
    }
}
