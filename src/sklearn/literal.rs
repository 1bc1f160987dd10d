//! Values as Python has them.

use std::collections::BTreeMap;

use crate::contract::Value;

/// The longest line of a list.
const WIDTH: usize = 110;

/// What is imported from each module.
#[derive(Default)]
pub(super) struct Imports(BTreeMap<String, Vec<String>>);

impl Imports {
    /// Imports a name.
    pub fn add(&mut self, module: &str, name: &str) {
        let names = self.0.entry(module.to_owned()).or_default();
        if let Err(place) = names.binary_search_by(|known| known.as_str().cmp(name)) {
            names.insert(place, name.to_owned());
        }
    }

    /// The statements.
    pub fn text(&self) -> String {
        let line =
            |(module, names): (&String, &Vec<String>)| format!("from {module} import {}\n", names.join(", "));
        self.0.iter().map(line).collect()
    }
}

/// A text. JSON's escapes are Python's too.
pub(super) fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// A value. A map of one class with its parameters, as a splitter is written, becomes a call.
pub(super) fn value(value: &Value, imports: &mut Imports) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) if number.is_finite() => format!("{number:?}"),
        Value::Float(number) => format!("float(\"{number}\")").to_lowercase(),
        Value::Text(value) => text(value),
        Value::List(items) => list(items.iter().map(|item| self::value(item, imports)), 0),
        Value::Map(entries) => match &entries[..] {
            [(class, parameters)] if class.starts_with(char::is_uppercase) => {
                imports.add("sklearn.model_selection", class);
                let parameters = match parameters {
                    Value::Map(parameters) => parameters.as_slice(),
                    _ => &[],
                };
                call(
                    class,
                    parameters.iter().map(|(name, value)| (name.clone(), self::value(value, imports))),
                )
            }
            entries => {
                let entry = |(key, value): &(String, Value)| {
                    format!("{}: {}", text(key), self::value(value, imports))
                };
                let entries: Vec<String> = entries.iter().map(entry).collect();
                format!("{{{}}}", entries.join(", "))
            }
        },
    }
}

/// A call with keywords.
pub(super) fn call(name: &str, keywords: impl Iterator<Item = (String, String)>) -> String {
    let keywords: Vec<String> = keywords.map(|(key, value)| format!("{key}={value}")).collect();
    format!("{name}({})", keywords.join(", "))
}

/// A list, broken where it is long; `indent` is that of the line it ends on.
pub(super) fn list(items: impl Iterator<Item = String>, indent: usize) -> String {
    let items: Vec<String> = items.collect();
    let one_line = format!("[{}]", items.join(", "));
    if one_line.chars().count() + indent <= WIDTH {
        return one_line;
    }
    let inner = " ".repeat(indent + 4);
    let mut lines = vec![String::new()];
    for item in items {
        let last = lines.last_mut().expect("begins with one line");
        if !last.is_empty() && inner.len() + last.chars().count() + item.chars().count() + 2 > WIDTH {
            lines.push(format!("{item},"));
        } else {
            let blank = if last.is_empty() { "" } else { " " };
            last.push_str(&format!("{blank}{item},"));
        }
    }
    let lines: String = lines.iter().map(|line| format!("{inner}{line}\n")).collect();
    format!("[\n{lines}{}]", " ".repeat(indent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_as_python_spells_them() {
        let mut imports = Imports::default();
        let folds =
            Value::Map(vec![("n_splits".into(), Value::Int(3)), ("shuffle".into(), Value::Bool(true))]);
        for (given, expected) in [
            (Value::Null, "None"),
            (Value::Float(1.0), "1.0"),
            (Value::Float(-1e-7), "-1e-7"),
            (Value::Float(f64::INFINITY), "float(\"inf\")"),
            (Value::Float(f64::NAN), "float(\"nan\")"),
            (Value::Text("a\"b\n".into()), r#""a\"b\n""#),
            (Value::List(vec![Value::Int(0), Value::Text("x".into())]), "[0, \"x\"]"),
            (Value::Map(vec![("KFold".into(), folds)]), "KFold(n_splits=3, shuffle=True)"),
            (Value::Map(vec![("a".into(), Value::Int(1))]), "{\"a\": 1}"),
        ] {
            assert_eq!(value(&given, &mut imports), expected);
        }
        assert_eq!(imports.text(), "from sklearn.model_selection import KFold\n");
        let long = list((0..30).map(|i| text(&format!("column {i}"))), 4);
        assert!(long.lines().count() > 3 && long.lines().all(|line| line.chars().count() <= WIDTH), "{long}");
        assert!(
            long.starts_with("[\n        \"column 0\", ") && long.ends_with("\"column 29\",\n    ]"),
            "{long}"
        );
    }
}
