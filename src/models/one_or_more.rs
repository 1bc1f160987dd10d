//! A parameter of one number or several.

use crate::contract::{ParamValue, Value};

/// One finite number, or a list of them.
#[derive(Clone, Debug, PartialEq)]
pub struct OneOrMore(pub(super) Vec<f64>);

impl ParamValue for OneOrMore {
    fn kind() -> String {
        "a number, or a list of numbers".into()
    }

    fn read(value: &Value) -> Option<Self> {
        let finite = |value: &Value| value.number().filter(|number| number.is_finite());
        match value {
            Value::List(items) => items.iter().map(finite).collect::<Option<_>>().map(Self),
            one => finite(one).map(|number| Self(vec![number])),
        }
    }

    fn value(&self) -> Value {
        match self.0.as_slice() {
            [one] => Value::Float(*one),
            several => Value::List(several.iter().map(|number| Value::Float(*number)).collect()),
        }
    }
}
