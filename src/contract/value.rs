//! The value of a parameter, as a file or a search gives it.

use std::fmt;

use crate::diag::without_passwords;

/// A parameter's value without its place in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// null, None in Python.
    Null,
    /// true or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; infinity is one (`C: .inf`).
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map, in the order written.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// As JSON. An infinite number is the text that a file has for it, and a password in a text is covered.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Float(number) if number.is_finite() => (*number).into(),
            Value::Float(_) => self.to_string().into(),
            Value::Text(text) => without_passwords(text).into(),
            Value::List(items) => items.iter().map(Value::json).collect(),
            Value::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), value.json())).collect(),
        }
    }

    /// What it is, for a message: "a list", "the text `mean`".
    pub fn kind(&self) -> String {
        match self {
            Value::Null => "null".into(),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => format!("`{self}`"),
            Value::Text(text) => format!("the text `{text}`"),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a map".into(),
        }
    }
}

/// As it would be written in a file, in flow style.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) if value.is_nan() => f.write_str(".nan"),
            Value::Float(value) if value.is_infinite() => {
                f.write_str(if *value > 0.0 { ".inf" } else { "-.inf" })
            }
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(text) => f.write_str(text),
            Value::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Value::Map(entries) => {
                f.write_str("{")?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}
