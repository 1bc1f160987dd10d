//! The encoders' `categories`: which categories a feature has.

use std::collections::BTreeSet;

use crate::contract::{Fault, ParamValue, Value};

/// The categories of each feature, as the file gives them.
#[derive(Clone, Debug, PartialEq)]
pub enum Categories {
    /// Those of the training rows.
    Auto,
    /// These, one list a feature; null or `.nan`, at the end of a list, is missing.
    Listed(Vec<Vec<Value>>),
}

impl ParamValue for Categories {
    fn kind() -> String {
        "`auto` or a list of lists of numbers or texts, one list a feature".into()
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) if text == "auto" => Some(Self::Auto),
            Value::List(lists) => lists.iter().map(scalars).collect::<Option<_>>().map(Self::Listed),
            _ => None,
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Auto => Value::Text("auto".into()),
            Self::Listed(lists) => Value::List(lists.iter().cloned().map(Value::List).collect()),
        }
    }
}

impl Categories {
    /// What is wrong with the lists themselves: none empty, nothing twice, missing at the end.
    pub fn check(&self) -> Vec<Fault> {
        let Self::Listed(lists) = self else { return Vec::new() };
        let fault = |list: &Vec<Value>| Some(Fault::of("categories", wrong(list)?));
        lists.iter().filter_map(fault).collect()
    }
}

/// A list's values, if none is a list or map itself.
pub(super) fn scalars(value: &Value) -> Option<Vec<Value>> {
    let Value::List(values) = value else { return None };
    let scalar = |value: &Value| !matches!(value, Value::List(_) | Value::Map(_));
    values.iter().all(scalar).then(|| values.clone())
}

/// Whether a value stands for missing.
pub(super) fn is_missing(value: &Value) -> bool {
    matches!(value, Value::Null) || value.number().is_some_and(f64::is_nan)
}

fn wrong(list: &[Value]) -> Option<String> {
    let Some((_, before)) = list.split_last() else {
        return Some("`categories` has an empty list; a feature needs one category at least".into());
    };
    if before.iter().any(is_missing) {
        return Some(format!("missing is the last category where it is one, not in {}", shown(list)));
    }
    let mut seen = BTreeSet::new();
    let twice = list.iter().find(|value| !seen.insert(value.to_string()))?;
    Some(format!("`{twice}` stands twice in {}", shown(list)))
}

fn shown(list: &[Value]) -> String {
    format!("`{}`", Value::List(list.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_checked() {
        let text = |text: &str| Value::Text(text.into());
        let faults = |list: Vec<Value>| Categories::Listed(vec![list]).check().len();
        assert_eq!(faults(vec![text("a"), text("b"), Value::Null]), 0);
        assert_eq!(faults(vec![text("a"), text("a")]), 1);
        assert_eq!(faults(vec![Value::Null, text("a")]), 1);
        assert_eq!(faults(vec![]), 1);
        assert_eq!(Categories::read(&Value::List(vec![text("a")])), None);
    }
}
