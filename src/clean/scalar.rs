//! A value that a pipeline file gives.

use serde::{Deserialize, Serialize};

use crate::table::{Kind, label_of, parse_datetime};

/// A number, a bool or a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scalar {
    /// A number; never NaN.
    Number(#[serde(with = "exact")] f64),
    /// True or false.
    Bool(bool),
    /// A text.
    Text(String),
}

impl Scalar {
    /// The value in a column of numbers, bools or datetimes; `None` where it does not fit.
    pub fn number(&self, kind: Kind) -> Option<f64> {
        match (self, kind) {
            (Scalar::Number(value), Kind::Number) => Some(*value),
            (Scalar::Number(value), Kind::Bool) if *value == 0.0 || *value == 1.0 => Some(*value),
            (Scalar::Bool(value), Kind::Bool) => Some(f64::from(u8::from(*value))),
            (Scalar::Text(text), Kind::Datetime) => parse_datetime(text),
            _ => None,
        }
    }

    /// Whether it can be a value of a column of a type.
    pub fn fits(&self, kind: Kind) -> bool {
        kind.is_coded() || self.number(kind).is_some()
    }

    /// The value as a category, as Python's `str` has it.
    pub fn label(&self) -> String {
        match self {
            Scalar::Number(value) => label_of(*value),
            Scalar::Bool(true) => "True".to_owned(),
            Scalar::Bool(false) => "False".to_owned(),
            Scalar::Text(text) => text.clone(),
        }
    }

    /// What it is, for a message.
    pub fn found(&self) -> String {
        match self {
            Scalar::Number(value) => format!("the number `{}`", label_of(*value)),
            Scalar::Bool(value) => format!("`{value}`"),
            Scalar::Text(text) => format!("the text `{}`", crate::yaml::shorten(text)),
        }
    }
}

/// A float as text, since JSON has no infinity.
mod exact {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:?}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let value = text.parse().ok().filter(|value: &f64| !value.is_nan());
        value.ok_or_else(|| serde::de::Error::custom("a number that is none"))
    }
}

#[cfg(test)]
mod tests {
    use super::Scalar;

    #[test]
    fn every_value_is_saved_to_the_bit() {
        let values = [0.1, -0.0, 1e300, f64::INFINITY, 5e-324].map(Scalar::Number);
        for value in values.into_iter().chain([Scalar::Bool(true), Scalar::Text("1".into())]) {
            let text = serde_json::to_string(&value).expect("json");
            assert_eq!(serde_json::from_str::<Scalar>(&text).ok(), Some(value), "{text}");
        }
        assert!(serde_json::from_str::<Scalar>(r#"{"number":"NaN"}"#).is_err());
    }
}
