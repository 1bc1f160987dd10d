//! What to write in place of a value that a parameter does not take.

use crate::contract::erased::AnyParams;
use crate::contract::{Fault, Param, Value};
use crate::diag::suggest;

/// The help for a value that was refused: its fault's own, or what was probably meant, or the default.
pub fn advice<T: AnyParams + ?Sized>(made: &mut T, fault: &Fault, param: &Param, given: &Value) -> String {
    if let Some(help) = &fault.help {
        return help.clone();
    }
    let (class, name) = (made.name(), param.name);
    // What is meant is what is taken. It may stay set: the file is refused anyway, and with the right value less seems wrong
    // between the parameters.
    let meant = guesses(param, given).into_iter().find(|guess| made.set(name, guess) == Ok(true));
    let first = match (meant, given) {
        (Some(meant), Value::Text(text)) if meant.to_string() == *text => "leave out the quotes;".to_owned(),
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, Value::List(items)) if items.len() > 1 && takes_one(param) => {
            format!("`search` tries several values; the default is `{}`;", param.default)
        }
        _ => format!("the default is `{}`;", param.default),
    };
    format!("{first} `pipefit explain {class}` tells what `{name}` does")
}

fn takes_one(param: &Param) -> bool {
    !["list", "pair", "any"].iter().any(|word| param.kind.contains(word))
}

/// Values that look like this one, the likeliest first.
fn guesses(param: &Param, given: &Value) -> Vec<Value> {
    match given {
        Value::Text(text) => {
            let elsewhere = match text.to_lowercase().as_str() {
                "yes" | "on" | "true" => Some(Value::Bool(true)),
                "no" | "off" | "false" => Some(Value::Bool(false)),
                "none" | "nan" | "null" => Some(Value::Null),
                "inf" | "np.inf" | "infinity" => Some(Value::Float(f64::INFINITY)),
                _ => text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Float)).ok(),
            };
            // The words that it can be stand in backticks.
            let words = param.kind.split('`').skip(1).step_by(2);
            let near = suggest(text, words).map(|word| match word {
                "true" | "false" => Value::Bool(word == "true"),
                _ => Value::Text(word.to_owned()),
            });
            elsewhere.into_iter().chain(near).collect()
        }
        Value::Int(0) => vec![Value::Bool(false)],
        Value::Int(1) => vec![Value::Bool(true)],
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            vec![Value::Int(*number as i64)]
        }
        Value::List(items) if items.len() == 1 => items.clone(),
        _ => Vec::new(),
    }
}
