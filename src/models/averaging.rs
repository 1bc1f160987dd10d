//! The parameter `average` of stochastic gradient descent.

use crate::contract::{ParamValue, Value};

/// From which step on coefficients are averaged: never if 0, `true` is from the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Averaging(pub(super) usize);

impl ParamValue for Averaging {
    fn kind() -> String {
        "`true` or `false`, or a whole number of at least 1".into()
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self(usize::from(*value))),
            Value::Int(value) => usize::try_from(*value).ok().filter(|value| *value > 0).map(Self),
            _ => None,
        }
    }

    fn value(&self) -> Value {
        match self.0 {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            later => Value::Int(later as i64),
        }
    }
}
