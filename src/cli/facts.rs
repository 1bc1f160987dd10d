//! What was learned, a line a fact: the first few of many, and how many there are.

use serde_json::Value;

use crate::report::significant;

/// So many of a list or a map are shown at most,
const MOST: usize = 6;
/// and so many of one whose entries are lists or maps themselves,
const MOST_NESTED: usize = 3;
/// and no more than fit in so many characters, the first aside.
const ROOM: usize = 90;

/// Names and facts, one a line, with so many spaces before.
pub fn lines<'a, N: AsRef<str>>(
    facts: impl Iterator<Item = (N, &'a Value)> + Clone,
    indent: usize,
) -> String {
    let width = facts.clone().map(|(name, _)| name.as_ref().chars().count()).max().unwrap_or(0);
    let one = |(name, value): (N, &Value)| {
        format!(
            "{:indent$}{:width$} {}\n",
            "",
            name.as_ref(),
            match value {
                Value::Number(number) => number.to_string(),
                value => brief(value),
            }
        )
    };
    facts.map(one).collect()
}

fn brief(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(number) => significant(number, 5),
            None => number.to_string(),
        },
        Value::Array(items) => first_of(items.iter().map(|item| (None, item))),
        Value::Object(entries) => first_of(entries.iter().map(|(name, value)| (Some(name), value))),
    }
}

/// The first few of a list or a map.
fn first_of<'a>(entries: impl ExactSizeIterator<Item = (Option<&'a String>, &'a Value)> + Clone) -> String {
    let count = entries.len();
    let deep = entries.clone().any(|(_, value)| nested(value));
    let (most, between) = if deep { (MOST_NESTED, "; ") } else { (MOST, ", ") };
    let mut text = String::new();
    for (shown, (name, value)) in entries.enumerate() {
        let own = match name {
            Some(name) if nested(value) => format!("{name}: {}", brief(value)),
            Some(name) => format!("{name} {}", brief(value)),
            None => brief(value),
        };
        if shown == most || shown > 0 && text.chars().count() + own.chars().count() > ROOM {
            return format!("{text}{between}… ({count})");
        }
        text.push_str(if shown > 0 { between } else { "" });
        text.push_str(&own);
    }
    text
}

fn nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}
