//! The features that a step was fitted on, and errors about them.

use std::sync::Arc;

use arrow_buffer::ScalarBuffer;
use serde_json::Value as Json;

use crate::contract::{Block, Frame, Loader, NumberStats, Saver, Stats, Summary};
use crate::diag::{Code, Diagnostic, Result};

/// A map from features to what was learned of each, as a fact.
pub fn by_feature<T: Into<Json>>(names: &[Arc<str>], values: impl IntoIterator<Item = T>) -> Json {
    names.iter().zip(values).map(|(name, value)| (name.to_string(), value.into())).collect()
}

/// The frame with each of its `features` number features put through `apply`.
///
/// # Errors
/// `TypeMismatch` for a category, `NotFinite` for infinity with its row, `Bug` for another number of
/// features.
pub fn each_number(
    frame: &Frame,
    features: usize,
    step: &str,
    apply: impl Fn(usize, &Arc<str>, &ScalarBuffer<f64>) -> Block,
) -> Result<Frame> {
    let frame = expected(frame, features, step)?;
    let one = |(j, block): (usize, &Block)| match block {
        Block::Number { name, values } => {
            finite(name, values)?;
            Ok(apply(j, name, values))
        }
        other => Err(not_a_number(&other.names()[0], step)),
    };
    let blocks = frame.blocks().iter().enumerate().map(one).collect::<Result<_>>()?;
    Ok(Frame::new(frame.rows(), blocks))
}

/// The frame feature by feature, if it has as many as the step was fitted on.
///
/// # Errors
/// `Bug` for another number.
pub fn expected(frame: &Frame, features: usize, step: &str) -> Result<Frame> {
    if frame.features() == features {
        return Ok(frame.unpacked());
    }
    let message = format!("{step} was fitted on {features} features and got {}", frame.features());
    Err(Code::Bug.error(message))
}

/// The values of a frame's features, one block each, if all are numbers and none is missing.
///
/// # Errors
/// `TypeMismatch` for a category, `NotFinite` and `BadCell` for infinite and missing values with their row.
pub fn whole_numbers<'a>(frame: &'a Frame, step: &str) -> Result<Vec<&'a ScalarBuffer<f64>>> {
    let values = |block: &'a Block| match block {
        Block::Number { name, values } => {
            finite(name, values)?;
            present(name, values, step)?;
            Ok(values)
        }
        other => Err(not_a_number(&other.names()[0], step)),
    };
    frame.blocks().iter().map(values).collect()
}

/// Refuses infinity, as every step of scikit-learn does.
///
/// # Errors
/// `NotFinite` with the row.
pub fn finite(name: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| value.is_infinite()) {
        None => Ok(()),
        Some(row) => Err(Code::NotFinite
            .error(format!("feature `{name}` is {} in row {}", values[row], row + 1))
            .help("replace or drop infinite values before they are read")),
    }
}

/// Refuses missing values.
///
/// # Errors
/// `BadCell` with the row.
pub fn present(name: &str, values: &[f64], step: &str) -> Result<()> {
    match values.iter().position(|value| value.is_nan()) {
        None => Ok(()),
        Some(row) => Err(missing(name, &format!("in row {}", row + 1), step)),
    }
}

/// The error for missing values where a step takes none.
pub fn missing(name: &str, place: &str, step: &str) -> Diagnostic {
    let message = format!("feature `{name}` is missing {place}, and {step} takes no missing values");
    Code::BadCell.error(message).help(format!("put a `SimpleImputer` before {step}"))
}

/// Refuses missing values among the training rows, by the statistics of [`numbers`].
///
/// # Errors
/// `BadCell` with the feature and how many there are.
pub fn all_present(numbers: &[(&Arc<str>, &NumberStats)], step: &str) -> Result<()> {
    match numbers.iter().find(|(_, number)| number.missing > 0) {
        None => Ok(()),
        Some((name, number)) => Err(missing(name, &format!("in {} training rows", number.missing), step)),
    }
}

/// Refuses to learn from no rows.
///
/// # Errors
/// `EmptyData`.
pub fn some_rows(stats: &Stats, step: &str) -> Result<()> {
    if stats.rows > 0 {
        return Ok(());
    }
    let message = format!("{step} has no training rows");
    Err(Code::EmptyData.error(message).help("use fewer folds, or more rows"))
}

/// The statistics of every feature, if all are numbers.
///
/// # Errors
/// `TypeMismatch` for a category.
pub fn numbers<'a>(stats: &'a Stats, step: &str) -> Result<Vec<(&'a Arc<str>, &'a NumberStats)>> {
    let number = |feature: &'a crate::contract::FeatureStats| match &feature.summary {
        Summary::Number(number) => Ok((&feature.name, number)),
        Summary::Category { .. } => Err(not_a_number(&feature.name, step)),
    };
    stats.features.iter().map(number).collect()
}

/// The error for a category where a step takes numbers.
pub fn not_a_number(feature: &str, step: &str) -> Diagnostic {
    let message = format!("feature `{feature}` is a category, and {step} takes numbers");
    Code::TypeMismatch
        .error(message)
        .help("encode it, select columns by type in a column group, or try `preprocess: auto`")
}

/// The error for a feature whose type is not that of training.
pub fn other_type(feature: &str, step: &str, was: &str) -> Diagnostic {
    let message = format!("feature `{feature}` was a {was} when {step} was fitted, and is none now");
    Code::TypeMismatch.error(message).help("give the column the type that it had in training")
}

/// The error for a statistic beyond what a 64-bit float can hold.
pub fn too_large(feature: &str, statistic: &str) -> Diagnostic {
    let message = format!("the {statistic} of feature `{feature}` is too large for a number");
    Code::NotFinite.error(message).help("measure the column in larger units")
}

/// Whether a feature has one value only: by its extremes, since a variance merged from folds is not
/// exactly 0; else by the bound that `sklearn.preprocessing._data._is_constant_feature` puts on what
/// rounding can make of a constant (Chan, Golub and LeVeque, 1983).
pub fn is_constant(number: &NumberStats) -> bool {
    let (n, variance) = (number.present as f64, number.variance());
    let noise = n * f64::EPSILON * variance + (n * number.mean * f64::EPSILON).powi(2);
    let same = number.extremes.is_some_and(|(low, high)| low == high);
    same || variance <= noise
}

/// Saves the features' names.
pub fn save_names(saver: &mut Saver, names: &[Arc<str>]) {
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    saver.json("names", names);
}

/// The features' names from an artifact.
///
/// # Errors
/// `Damaged`.
pub fn load_names(loader: &Loader) -> Result<Vec<Arc<str>>> {
    let names: Vec<String> = loader.json("names")?;
    Ok(names.into_iter().map(Into::into).collect())
}
