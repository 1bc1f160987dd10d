//! Weights of classes, as `sklearn.utils.class_weight.compute_class_weight` has them.

use super::training;
use crate::contract::{ParamValue, Value};
use crate::diag::Result;
use crate::table::Levels;

/// How much each class counts.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeight {
    /// So that all classes have the same total weight.
    Balanced,
    /// These weights; 1 for a class that is not named.
    Each(Vec<(String, f64)>),
}

impl ParamValue for ClassWeight {
    fn kind() -> String {
        "`balanced`, or a map from classes to weights of at least 0".into()
    }

    fn read(value: &Value) -> Option<Self> {
        let weight = |value: &Value| value.number().filter(|weight| weight.is_finite() && *weight >= 0.0);
        match value {
            Value::Text(text) if text == "balanced" => Some(Self::Balanced),
            Value::Map(entries) => {
                let each = entries.iter().map(|(class, value)| Some((class.clone(), weight(value)?)));
                each.collect::<Option<_>>().map(Self::Each)
            }
            _ => None,
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Balanced => Value::Text("balanced".into()),
            Self::Each(each) => Value::Map(
                each.iter().map(|(class, weight)| (class.clone(), Value::Float(*weight))).collect(),
            ),
        }
    }
}

impl ClassWeight {
    /// What the weights of each class's rows are multiplied with, for rows of these codes and weights.
    ///
    /// # Errors
    /// `BadValue` for a name that is no class, unless every class of the rows has a weight, as in
    /// scikit-learn.
    pub(super) fn factors(&self, codes: &[u32], weights: &[f64], labels: &Levels) -> Result<Vec<f64>> {
        match self {
            Self::Balanced => Ok(balanced(codes, weights, labels.len())),
            Self::Each(each) => named(each, codes, labels),
        }
    }
}

/// Total weight over (number of classes times weight of the class).
fn balanced(codes: &[u32], weights: &[f64], classes: usize) -> Vec<f64> {
    let mut totals = vec![0.0; classes];
    codes.iter().zip(weights).for_each(|(code, weight)| totals[*code as usize] += weight);
    let present = totals.iter().filter(|total| **total > 0.0).count() as f64;
    let all: f64 = totals.iter().sum();
    totals.iter().map(|total| if *total > 0.0 { all / (present * total) } else { 0.0 }).collect()
}

/// The weights of a map.
fn named(each: &[(String, f64)], codes: &[u32], labels: &Levels) -> Result<Vec<f64>> {
    let mut factors = vec![None; labels.len()];
    let mut unknown = None;
    for (name, weight) in each {
        let name = Value::Text(name.clone());
        match training::class_named(labels, &name) {
            Some(class) => factors[class as usize] = Some(*weight),
            None => unknown = unknown.or(Some(name)),
        }
    }
    if let Some(name) = unknown
        && codes.iter().any(|code| factors[*code as usize].is_none())
    {
        return Err(training::no_such_class("class_weight", &name, labels));
    }
    Ok(factors.into_iter().map(|factor| factor.unwrap_or(1.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;

    fn labels() -> Levels {
        Levels::new(["0", "1", "2"].map(Into::into).to_vec(), true)
    }

    /// `compute_class_weight("balanced", classes=[0, 2], y=[0, 2, 2, 2], sample_weight=[1, 1, 2, 2])`.
    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        let factors = ClassWeight::Balanced.factors(&[0, 2, 2, 2], &[1.0, 1.0, 2.0, 2.0], &labels()).unwrap();
        assert_eq!(factors, [3.0, 0.0, 0.6]);
    }

    #[test]
    fn a_name_that_is_no_class_is_an_error_while_a_class_has_no_weight() {
        let with = |names: &[(&str, f64)]| {
            let each = names.iter().map(|(name, weight)| (String::from(*name), *weight)).collect();
            ClassWeight::Each(each).factors(&[0, 2], &[1.0, 1.0], &labels())
        };
        assert_eq!(with(&[("0", 2.0)]).unwrap(), [2.0, 1.0, 1.0]);
        assert_eq!(with(&[("0", 2.0), ("2", 3.0), ("7", 9.0)]).unwrap(), [2.0, 1.0, 3.0]);
        let error = with(&[("0", 2.0), ("7", 9.0)]).unwrap_err();
        assert_eq!(error.code(), Code::BadValue);
        assert!(error.message().contains("`7`"), "{error}");
    }

    #[test]
    fn only_balanced_and_maps_of_weights_are_read() {
        let map = |weight| Value::Map(vec![("a".into(), weight)]);
        assert_eq!(ClassWeight::read(&Value::Text("balanced".into())), Some(ClassWeight::Balanced));
        assert_eq!(ClassWeight::read(&map(Value::Int(2))), Some(ClassWeight::Each(vec![("a".into(), 2.0)])));
        for bad in
            [Value::Text("even".into()), map(Value::Int(-1)), map(Value::Float(f64::INFINITY)), Value::Int(1)]
        {
            assert_eq!(ClassWeight::read(&bad), None);
        }
    }
}
