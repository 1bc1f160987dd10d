//! An expression over the columns of some rows.
//!
//! Values are computed column by column. A number that is missing compares as NaN does: nothing holds of it but `!=`.
//! Categories compare as texts; where all levels are numbers, they also compare and compute as numbers.

use std::borrow::Cow;

use super::Fault;
use super::tree::{Comparison, Node, Tree};
use crate::table::{Column, Kind, Levels, MISSING, Schema, Table, parse_datetime};

/// Which rows the expression holds for; a missing bool does not hold.
///
/// # Errors
/// A column that is not there, or parts that do not go together.
pub fn holds(tree: &Tree, rows: &Table) -> Result<Vec<bool>, Fault> {
    Over { rows }.mask(tree)
}

/// Finds every column of an expression.
///
/// # Errors
/// The first that is not there, with the nearest name.
pub fn known(tree: &Tree, schema: &Schema) -> Result<(), Fault> {
    for (name, at) in tree.columns() {
        let Err(error) = schema.require(name) else { continue };
        let help = match name {
            "true" => "write `True`".to_owned(),
            "false" => "write `False`".to_owned(),
            "nan" | "NaN" | "null" => "`age.isnull()` asks whether a value is missing".to_owned(),
            _ => error.advice().unwrap_or_default().to_owned(),
        };
        return Err(Fault::new(at.clone(), error.message().to_owned(), help));
    }
    Ok(())
}

/// What a part of an expression is, over some rows.
enum Value<'a> {
    /// A number a row; NaN where there is none.
    Numbers(Cow<'a, [f64]>),
    /// A bool a row; NaN where there is none.
    Truths(&'a [f64]),
    /// A datetime a row; NaN where there is none.
    Datetimes(&'a [f64]),
    /// A condition.
    Mask(Vec<bool>),
    /// A category a row.
    Words(&'a [u32], &'a Levels),
    Number(f64),
    Truth(bool),
    Word(&'a str),
}

impl Value<'_> {
    /// What it is, for a message.
    fn kind(&self) -> &'static str {
        match self {
            Value::Numbers(_) | Value::Number(_) => "a number",
            Value::Truths(_) | Value::Truth(_) => "true or false",
            Value::Datetimes(_) => "a datetime",
            Value::Mask(_) => "a condition",
            Value::Words(_, levels) if levels.numeric() => "a category of numbers",
            Value::Words(..) => "a category",
            Value::Word(_) => "a text",
        }
    }
}

struct Over<'a> {
    rows: &'a Table,
}

impl<'a> Over<'a> {
    fn value(&self, tree: &'a Tree) -> Result<Value<'a>, Fault> {
        Ok(match &tree.node {
            Node::Number(value) => Value::Number(*value),
            Node::Text(text) => Value::Word(text),
            Node::Truth(truth) => Value::Truth(*truth),
            Node::Column(name) => self.column(name, tree)?,
            Node::List(_) => {
                return Err(Fault::new(
                    tree.at.clone(),
                    "a list has no value".to_owned(),
                    "compare with `in`",
                ));
            }
            Node::Not(part) => Value::Mask(self.mask(part)?.into_iter().map(|holds| !holds).collect()),
            Node::Negative(part) => match self.numbers(part)? {
                Value::Number(value) => Value::Number(-value),
                other => Value::Numbers(self.spread(&other).iter().map(|value| -value).collect()),
            },
            Node::Join { all, parts } => {
                let mut joined = vec![*all; self.rows.rows()];
                for part in parts {
                    let mask = self.mask(part)?;
                    joined.iter_mut().zip(mask).for_each(|(a, b)| *a = if *all { *a && b } else { *a || b });
                }
                Value::Mask(joined)
            }
            Node::Arithmetic(operator, one, other) => match (self.numbers(one)?, self.numbers(other)?) {
                (Value::Number(a), Value::Number(b)) => Value::Number(operator.of(a, b)),
                (a, b) => {
                    let (a, b) = (self.spread(&a), self.spread(&b));
                    Value::Numbers(a.iter().zip(b.iter()).map(|(a, b)| operator.of(*a, *b)).collect())
                }
            },
            Node::Compare(first, rest) => {
                let mut left = first.as_ref();
                let mut joined = vec![true; self.rows.rows()];
                for (comparison, right) in rest {
                    let mask = self.compare(*comparison, left, right)?;
                    joined.iter_mut().zip(mask).for_each(|(a, b)| *a = *a && b);
                    left = right;
                }
                Value::Mask(joined)
            }
            Node::In { value, list, wanted } => {
                let found = self.is_in(value, list)?;
                Value::Mask(found.into_iter().map(|found| found == *wanted).collect())
            }
            Node::Missing { value, wanted } => {
                let missing: Vec<bool> = match self.value(value)? {
                    Value::Numbers(values) => values.iter().map(|value| value.is_nan()).collect(),
                    Value::Truths(values) | Value::Datetimes(values) => {
                        values.iter().map(|value| value.is_nan()).collect()
                    }
                    Value::Words(codes, _) => codes.iter().map(|code| *code == MISSING).collect(),
                    _ => vec![false; self.rows.rows()],
                };
                Value::Mask(missing.into_iter().map(|missing| missing == *wanted).collect())
            }
        })
    }

    fn column(&self, name: &str, tree: &Tree) -> Result<Value<'a>, Fault> {
        let place = self.rows.require(name);
        let place = place.map_err(|error| Fault::new(tree.at.clone(), error.message().to_owned(), ""))?;
        let kind = self.rows.schema().fields()[place].kind;
        Ok(match &self.rows.columns()[place] {
            Column::Number(values) if kind == Kind::Bool => Value::Truths(values),
            Column::Number(values) if kind == Kind::Datetime => Value::Datetimes(values),
            Column::Number(values) => Value::Numbers(Cow::Borrowed(values)),
            Column::Codes { codes, levels } => Value::Words(codes, levels),
        })
    }

    /// A condition.
    fn mask(&self, tree: &'a Tree) -> Result<Vec<bool>, Fault> {
        match self.value(tree)? {
            Value::Mask(mask) => Ok(mask),
            Value::Truths(values) => Ok(values.iter().map(|value| *value == 1.0).collect()),
            Value::Truth(truth) => Ok(vec![truth; self.rows.rows()]),
            other => {
                let message = format!("this is {}, not a condition", other.kind());
                Err(Fault::new(tree.at.clone(), message, "compare it, as in `age >= 18`"))
            }
        }
    }

    /// Numbers, or one; bools and conditions count as 1 and 0.
    fn numbers(&self, tree: &'a Tree) -> Result<Value<'a>, Fault> {
        let value = self.value(tree)?;
        number_of(value).map_err(|kind| {
            let message = format!("this is {kind}, not a number");
            Fault::new(
                tree.at.clone(),
                message,
                "`astype: {column: number}` before the query makes numbers of texts",
            )
        })
    }

    /// A number for every row.
    fn spread<'v>(&self, value: &'v Value<'a>) -> Cow<'v, [f64]> {
        match value {
            Value::Numbers(values) => Cow::Borrowed(values),
            Value::Number(value) => Cow::Owned(vec![*value; self.rows.rows()]),
            _ => Cow::Owned(vec![f64::NAN; self.rows.rows()]),
        }
    }

    fn compare(&self, comparison: Comparison, left: &'a Tree, right: &'a Tree) -> Result<Vec<bool>, Fault> {
        let (a, b) = (self.value(left)?, self.value(right)?);
        let (a, b) = match (a, b) {
            (Value::Datetimes(a), b) => (Value::Numbers(a.into()), moments(b, right)?),
            (a, Value::Datetimes(b)) => (moments(a, left)?, Value::Numbers(b.into())),
            others => others,
        };
        let textual = |value: &Value| match value {
            Value::Words(_, levels) => !levels.numeric(),
            Value::Word(_) => true,
            _ => false,
        };
        if textual(&a) || textual(&b) {
            return self.compare_texts(comparison, &a, &b).ok_or_else(|| {
                let message = format!("this compares {} with {}", a.kind(), b.kind());
                let help = match (&a, &b) {
                    (Value::Word(_), _) | (_, Value::Word(_)) => "write numbers without quotes",
                    _ => {
                        "write texts in quotes, or make numbers of the column with `astype` before the query"
                    }
                };
                Fault::new(left.at.start..right.at.end, message, help)
            });
        }
        let number = |value, tree: &Tree| {
            number_of(value).map_err(|kind| Fault::new(tree.at.clone(), format!("this is {kind}"), ""))
        };
        let (a, b) = (number(a, left)?, number(b, right)?);
        Ok(match (&a, &b) {
            (Value::Numbers(a), Value::Number(b)) => a.iter().map(|a| comparison.holds(a, b)).collect(),
            (Value::Number(a), Value::Numbers(b)) => b.iter().map(|b| comparison.holds(a, b)).collect(),
            (a, b) => {
                let (a, b) = (self.spread(a), self.spread(b));
                a.iter().zip(b.iter()).map(|(a, b)| comparison.holds(a, b)).collect()
            }
        })
    }

    /// Texts compare by code point, as in Python; what is missing only differs. `None` where one is no text.
    fn compare_texts(&self, comparison: Comparison, a: &Value, b: &Value) -> Option<Vec<bool>> {
        let missing = comparison == Comparison::NotEqual;
        Some(match (a, b) {
            (Value::Words(codes, levels), Value::Word(word)) => {
                by_level(codes, levels, missing, |label| comparison.holds(label, *word))
            }
            (Value::Word(word), Value::Words(codes, levels)) => {
                by_level(codes, levels, missing, |label| comparison.holds(*word, label))
            }
            (Value::Words(a, own), Value::Words(b, others)) => {
                let of_row = |(a, b): (&u32, &u32)| match (own.label(*a), others.label(*b)) {
                    (Some(a), Some(b)) => comparison.holds(a, b),
                    _ => missing,
                };
                a.iter().zip(b.iter()).map(of_row).collect()
            }
            (Value::Word(a), Value::Word(b)) => vec![comparison.holds(*a, *b); self.rows.rows()],
            _ => return None,
        })
    }

    /// Whether each value is one of a list.
    fn is_in(&self, tree: &'a Tree, list: &'a Tree) -> Result<Vec<bool>, Fault> {
        let Node::List(items) = &list.node else { return Ok(vec![false; self.rows.rows()]) };
        let value = self.value(tree)?;
        let is_text = matches!(value, Value::Words(..) | Value::Word(_));
        let is_datetime = matches!(value, Value::Datetimes(_));
        let takes_numbers = !is_datetime
            && !matches!(&value, Value::Word(_))
            && !matches!(&value, Value::Words(_, l) if !l.numeric());
        let (mut words, mut numbers): (Vec<&str>, Vec<f64>) = Default::default();
        for item in items {
            match &item.node {
                Node::Text(text) if is_text => words.push(text),
                Node::Text(text) if is_datetime => {
                    numbers
                        .push(parse_datetime(text).ok_or_else(|| no_datetime(item, &format!("`{text}`")))?);
                }
                Node::Number(number) if takes_numbers => numbers.push(*number),
                Node::Truth(truth) if takes_numbers => numbers.push(f64::from(u8::from(*truth))),
                _ => {
                    let message = format!("this is not of the type of {}", value.kind());
                    let help = "list what the column holds: numbers without quotes, texts in quotes";
                    return Err(Fault::new(item.at.clone(), message, help));
                }
            }
        }
        // Zero has two forms.
        numbers.iter_mut().for_each(|number| *number += 0.0);
        numbers.sort_by(f64::total_cmp);
        let is_number = |value: &f64| numbers.binary_search_by(|own| own.total_cmp(&(value + 0.0))).is_ok();
        Ok(match &value {
            Value::Words(codes, levels) => by_level(codes, levels, false, |label| {
                words.contains(&label) || (levels.numeric() && is_number(&parsed(label)))
            }),
            Value::Word(word) => vec![words.contains(word); self.rows.rows()],
            Value::Datetimes(values) => values.iter().map(is_number).collect(),
            _ => {
                let values = number_of(value).unwrap_or(Value::Number(f64::NAN));
                self.spread(&values).iter().map(is_number).collect()
            }
        })
    }
}

/// A value as numbers, or what it is instead.
fn number_of(value: Value<'_>) -> Result<Value<'_>, &'static str> {
    Ok(match value {
        Value::Numbers(_) | Value::Number(_) => value,
        Value::Truths(values) => Value::Numbers(Cow::Borrowed(values)),
        Value::Mask(mask) => {
            Value::Numbers(mask.into_iter().map(|holds| f64::from(u8::from(holds))).collect())
        }
        Value::Truth(truth) => Value::Number(f64::from(u8::from(truth))),
        Value::Words(codes, levels) if levels.numeric() => {
            let values: Vec<f64> = levels.labels().iter().map(|label| parsed(label)).collect();
            let value = |code: &u32| values.get(*code as usize).copied().unwrap_or(f64::NAN);
            Value::Numbers(codes.iter().map(value).collect())
        }
        other => return Err(other.kind()),
    })
}

/// What a datetime is compared with, as such numbers.
fn moments<'a>(value: Value<'a>, tree: &Tree) -> Result<Value<'a>, Fault> {
    match value {
        Value::Datetimes(values) => Ok(Value::Numbers(values.into())),
        Value::Word(text) => match parse_datetime(text) {
            Some(micros) => Ok(Value::Number(micros)),
            None => Err(no_datetime(tree, &format!("`{text}`"))),
        },
        other => Err(no_datetime(tree, other.kind())),
    }
}

fn no_datetime(tree: &Tree, what: &str) -> Fault {
    let help = "write a datetime in quotes as ISO 8601 has it, as in `at >= \"2024-01-31\"`";
    Fault::new(tree.at.clone(), format!("this is {what}, not a datetime"), help)
}

fn parsed(label: &str) -> f64 {
    crate::table::number_of(label).unwrap_or(f64::NAN)
}

/// What holds for each level, at every row.
fn by_level(codes: &[u32], levels: &Levels, missing: bool, holds: impl Fn(&str) -> bool) -> Vec<bool> {
    let levels: Vec<bool> = levels.labels().iter().map(|label| holds(label)).collect();
    codes.iter().map(|code| levels.get(*code as usize).copied().unwrap_or(missing)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::holds;
    use crate::clean::query::parse::parse;
    use crate::table::{Column, Field, Kind, Levels, MISSING, Schema, Table};

    fn table() -> Table {
        let field = |(name, kind): (&str, Kind)| Field { name: name.into(), kind };
        let kinds = [("x", Kind::Number), ("b", Kind::Bool), ("s", Kind::Category), ("c", Kind::Category)];
        let levels = |labels: &[&str], numeric| {
            Arc::new(Levels::new(labels.iter().map(|label| (*label).to_owned()).collect(), numeric))
        };
        let columns = vec![
            Column::Number(vec![1.0, f64::NAN, 3.0].into()),
            Column::Number(vec![1.0, f64::NAN, 0.0].into()),
            Column::Codes { codes: vec![0, MISSING, 1].into(), levels: levels(&["p", "q"], false) },
            Column::Codes { codes: vec![1, 0, MISSING].into(), levels: levels(&["9", "10"], true) },
        ];
        Table::new(Schema::new(kinds.map(field).to_vec()), columns).expect("a table")
    }

    #[test]
    fn missing_values_only_differ() {
        let table = table();
        let rows = |text: &str| -> String {
            let tree = parse(text).expect(text);
            let mask = holds(&tree, &table).unwrap_or_else(|fault| panic!("{text}: {}", fault.message));
            mask.into_iter().map(|holds| if holds { '1' } else { '.' }).collect()
        };
        for (text, expected) in [
            ("x > 1", "..1"),
            ("x != 1", ".11"),
            ("not x > 1", "11."),
            ("x.isnull() or 2 < x < 4", ".11"),
            ("s == 'p'", "1.."),
            ("s != 'p'", ".11"),
            ("s < 'q'", "1.."),
            ("s not in ['q']", "11."),
            ("s.notnull()", "1.1"),
            ("b", "1.."),
            ("~b & x > 0", "..1"),
            ("b == 1 or b == False", "1.1"),
            ("c > 9", "1.."),
            ("c in [9, '10']", "11."),
            ("c * 2 == 20", "1.."),
            ("x ** 2 - -x % 2 > 1", "..1"),
            ("(x > 0) + b == 2", "1.."),
        ] {
            assert_eq!(rows(text), expected, "{text}");
        }
    }

    #[test]
    fn parts_that_do_not_go_together_are_told_with_their_place() {
        let table = table();
        for (text, at, words) in [
            ("x == 'p'", 0..8, "a number with a text"),
            ("s == 1", 0..6, "a category with a number"),
            ("s > b", 0..5, "a category with true or false"),
            ("x > 0 and s", 10..11, "a category, not a condition"),
            ("s + 1 > 0", 0..1, "not a number"),
            ("x in ['a']", 6..9, "type of a number"),
            ("s in [1]", 6..7, "type of a category"),
            ("x", 0..1, "a number, not a condition"),
        ] {
            let tree = parse(text).expect(text);
            let fault = holds(&tree, &table).expect_err(text);
            assert!(fault.message.contains(words), "{text}: {}", fault.message);
            assert_eq!(fault.at, at, "{text}");
        }
    }
}
