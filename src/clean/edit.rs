//! What is done to the values of a column, each by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Scalar;
use crate::diag::{Code, Diagnostic};
use crate::table::{Column, Kind, Levels, MISSING, datetime_text, label_of, number_of, parse_datetime};

/// A change of each value, which hangs on nothing but the value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Edit {
    /// Missing values become this.
    Fill(Scalar),
    /// Values become others, or missing; all at once, so that two can change places.
    Replace(Vec<(Scalar, Option<Scalar>)>),
    /// Values become those of another type. Missing stays missing.
    Cast(Kind),
    /// Numbers beyond a bound become the bound.
    Clip {
        /// The least number.
        lower: Option<f64>,
        /// The greatest number.
        upper: Option<f64>,
    },
}

/// A cell that cannot be changed as asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Its row, from 0.
    pub row: usize,
    /// Its text.
    text: String,
    /// What it is not.
    kind: Kind,
}

impl Refused {
    /// The error, with the row as the user counts it, here from 0.
    pub fn error(&self, column: &str, row: usize) -> Diagnostic {
        let what = match self.kind {
            Kind::Bool => "neither true nor false",
            Kind::Datetime => "not a date and time in ISO 8601",
            _ => "not a number",
        };
        let text = crate::yaml::shorten(&self.text);
        let message =
            format!("`astype`: column `{column}`, row {}: `{}` is {what}", row + 1, text.escape_debug());
        let help = format!("`replace: {{{column}: {{{text}: null}}}}` before it makes such cells missing");
        Code::BadCell.error(message).help(help)
    }
}

impl Edit {
    /// The type of a column afterwards; `None` where it cannot be done to one of this type.
    pub fn kind_after(&self, kind: Kind) -> Option<Kind> {
        match self {
            Edit::Fill(value) => value.fits(kind).then_some(kind),
            Edit::Replace(pairs) => {
                let fits = |(_, to): &(Scalar, Option<Scalar>)| to.as_ref().is_none_or(|to| to.fits(kind));
                pairs.iter().all(fits).then_some(kind)
            }
            Edit::Cast(to) => castable(kind, *to).then_some(*to),
            Edit::Clip { .. } => (kind == Kind::Number).then_some(kind),
        }
    }

    /// The column afterwards.
    ///
    /// # Errors
    /// The first cell that is not of the type asked for.
    pub fn apply(&self, column: &Column, kind: Kind) -> Result<Column, Refused> {
        Ok(match (self, column) {
            (Edit::Fill(value), Column::Number(values)) => {
                let constant = value.number(kind).unwrap_or(f64::NAN);
                each(values, |value| if value.is_nan() { constant } else { value })
            }
            (Edit::Fill(value), Column::Codes { codes, levels }) => {
                relabelled(codes, levels, |label| Some(label.to_owned()), Some(value.label()))
            }
            (Edit::Replace(pairs), Column::Number(values)) => {
                let number = |from: &Scalar| from.number(kind).filter(|_| alike(from, kind));
                let to = |to: &Option<Scalar>| to.as_ref().and_then(|to| to.number(kind)).unwrap_or(f64::NAN);
                let pairs: Vec<(f64, f64)> =
                    pairs.iter().filter_map(|(from, other)| Some((number(from)?, to(other)))).collect();
                let other =
                    |value| pairs.iter().find(|(from, _)| *from == value).map_or(value, |(_, to)| *to);
                each(values, other)
            }
            (Edit::Replace(pairs), Column::Codes { codes, levels }) => {
                let other = |label: &str| match pairs.iter().find(|(from, _)| is_label(from, label, levels)) {
                    Some((_, to)) => to.as_ref().map(Scalar::label),
                    None => Some(label.to_owned()),
                };
                relabelled(codes, levels, other, None)
            }
            (Edit::Cast(to), column) => return cast(column, kind, *to),
            (Edit::Clip { lower, upper }, Column::Number(values)) => {
                let (lower, upper) = (lower.unwrap_or(f64::NEG_INFINITY), upper.unwrap_or(f64::INFINITY));
                each(values, |value| {
                    if value < lower {
                        lower
                    } else if value > upper {
                        upper
                    } else {
                        value
                    }
                })
            }
            (Edit::Clip { .. }, column) => column.clone(),
        })
    }
}

/// Whether `astype` takes a column from one type to another. No number says of itself from when and in what unit it counts.
pub fn castable(from: Kind, to: Kind) -> bool {
    let counts = |kind: Kind| matches!(kind, Kind::Number | Kind::Bool);
    !((from == Kind::Datetime && counts(to)) || (counts(from) && to == Kind::Datetime))
}

/// Whether a value can be met in a column of numbers, bools or datetimes: pandas tells 1 and True apart.
fn alike(from: &Scalar, kind: Kind) -> bool {
    matches!(
        (from, kind),
        (Scalar::Number(_), Kind::Number) | (Scalar::Bool(_), Kind::Bool) | (Scalar::Text(_), Kind::Datetime)
    )
}

/// Whether a value is this label; a number is any spelling of it, where all labels are numbers.
fn is_label(from: &Scalar, label: &str, levels: &Levels) -> bool {
    let same = |number: Option<f64>| levels.numeric() && number.is_some() && number == number_of(label);
    match from {
        Scalar::Text(text) => text == label || same(number_of(text)),
        Scalar::Number(number) => same(Some(*number)),
        Scalar::Bool(_) => false,
    }
}

fn each(values: &[f64], change: impl Fn(f64) -> f64) -> Column {
    Column::Number(values.iter().map(|value| change(*value)).collect::<Vec<f64>>().into())
}

/// A category whose labels become others, or missing, and whose missing values become `missing`.
fn relabelled(
    codes: &[u32],
    levels: &Arc<Levels>,
    other: impl Fn(&str) -> Option<String>,
    missing: Option<String>,
) -> Column {
    // A number that is there already keeps its spelling: 0 beside 0.0 is no level of its own.
    let spelled = |label: String| match levels.code(&label).and_then(|code| levels.label(code)) {
        Some(known) => known.to_owned(),
        None => label,
    };
    let others: Vec<Option<String>> = levels.labels().iter().map(|label| other(label).map(spelled)).collect();
    let missing = missing.map(spelled);
    let labels: BTreeSet<&String> = others.iter().flatten().chain(&missing).collect();
    // Texts stay texts, whatever they spell: `astype` makes numbers of them.
    let numeric = levels.numeric() && labels.iter().all(|label| number_of(label).is_some());
    let changed = Levels::new(labels.into_iter().cloned().collect(), numeric);
    let code =
        |label: &Option<String>| label.as_ref().and_then(|label| changed.code(label)).unwrap_or(MISSING);
    let (known, missing): (Vec<u32>, u32) = (others.iter().map(code).collect(), code(&missing));
    let codes: Vec<u32> =
        codes.iter().map(|code| known.get(*code as usize).copied().unwrap_or(missing)).collect();
    Column::Codes { codes: codes.into(), levels: Arc::new(changed) }
}

fn cast(column: &Column, from: Kind, to: Kind) -> Result<Column, Refused> {
    match (column, to) {
        (Column::Codes { .. }, Kind::Category | Kind::Text) => Ok(column.clone()),
        (Column::Number(values), Kind::Category | Kind::Text) => Ok(spelled(values, from)),
        (Column::Number(values), Kind::Bool) => {
            Ok(each(values, |value| if value.is_nan() { value } else { f64::from(u8::from(value != 0.0)) }))
        }
        (Column::Number(_), Kind::Number | Kind::Datetime) => Ok(column.clone()),
        (Column::Codes { codes, levels }, Kind::Number | Kind::Bool | Kind::Datetime) => {
            let value = |label: &String| match (to, truth(label)) {
                (Kind::Datetime, _) => parse_datetime(label),
                (_, Some(truth)) if !levels.numeric() => Some(f64::from(u8::from(truth))),
                (Kind::Bool, _) => number_of(label).filter(|value| *value == 0.0 || *value == 1.0),
                _ => number_of(label),
            };
            let values: Vec<Option<f64>> = levels.labels().iter().map(value).collect();
            let mut cells = Vec::with_capacity(codes.len());
            for (row, code) in codes.iter().enumerate() {
                cells.push(match values.get(*code as usize) {
                    None => f64::NAN,
                    Some(Some(value)) => *value,
                    Some(None) => {
                        let text = levels.label(*code).unwrap_or_default().to_owned();
                        return Err(Refused { row, text, kind: to });
                    }
                });
            }
            Ok(Column::Number(cells.into()))
        }
    }
}

/// True or false in any case.
fn truth(label: &str) -> Option<bool> {
    if label.eq_ignore_ascii_case("true") {
        Some(true)
    } else {
        label.eq_ignore_ascii_case("false").then_some(false)
    }
}

/// Numbers as the categories that spell them; bools are `True` and `False`, datetimes as ISO 8601 has them.
fn spelled(values: &[f64], kind: Kind) -> Column {
    let label = |value: f64| match kind {
        Kind::Bool => Scalar::Bool(value == 1.0).label(),
        Kind::Datetime => datetime_text(value),
        _ => label_of(value + 0.0),
    };
    let mut distinct: Vec<f64> = match kind {
        // Both, whatever rows these are of how many.
        Kind::Bool => vec![0.0, 1.0],
        _ => values.iter().copied().filter(|value| !value.is_nan()).map(|value| value + 0.0).collect(),
    };
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let levels = Levels::new(distinct.iter().map(|value| label(*value)).collect(), kind == Kind::Number);
    let codes: Vec<u32> =
        distinct.iter().map(|value| levels.code(&label(*value)).unwrap_or(MISSING)).collect();
    let code = |value: &f64| match distinct.binary_search_by(|own| own.total_cmp(&(value + 0.0))) {
        Ok(place) => codes[place],
        Err(_) => MISSING,
    };
    let codes: Vec<u32> = values.iter().map(code).collect();
    Column::Codes { codes: codes.into(), levels: Arc::new(levels) }
}

#[cfg(test)]
mod tests {
    use super::{Edit, cast};
    use crate::clean::Scalar::{Bool, Number, Text};
    use crate::table::{Column, Kind, Levels, MISSING};

    fn numbers(values: &[f64]) -> Column {
        Column::Number(values.to_vec().into())
    }

    fn words(cells: &[&str], numeric: bool) -> Column {
        let known = cells.iter().filter(|cell| !cell.is_empty()).map(|cell| (*cell).to_owned());
        let levels = Levels::new(known.collect(), numeric);
        let codes: Vec<u32> = cells.iter().map(|cell| levels.code(cell).unwrap_or(MISSING)).collect();
        Column::Codes { codes: codes.into(), levels: levels.into() }
    }

    fn cells(column: &Column) -> Vec<String> {
        match column {
            Column::Number(values) => values.iter().map(|value| format!("{value:?}")).collect(),
            Column::Codes { codes, levels } => {
                codes.iter().map(|code| levels.label(*code).unwrap_or_default().to_owned()).collect()
            }
        }
    }

    fn done(edit: &Edit, column: &Column, kind: Kind) -> Vec<String> {
        cells(&edit.apply(column, kind).expect("no cell is refused"))
    }

    #[test]
    fn levels_come_and_go_with_their_rows() {
        let plan = words(&["pro", "", "free"], false);
        let Column::Codes { levels, .. } =
            Edit::Fill(Text("new".into())).apply(&plan, Kind::Category).expect("filled")
        else {
            panic!("a category")
        };
        assert_eq!(levels.labels(), ["free", "new", "pro"]);
        let pairs = vec![(Text("pro".into()), Some(Number(1.0))), (Text("free".into()), Some(Number(0.5)))];
        let replaced = Edit::Replace(pairs).apply(&plan, Kind::Category).expect("replaced");
        assert_eq!(cells(&replaced), ["1", "", "0.5"]);
        assert_eq!(done(&Edit::Cast(Kind::Number), &replaced, Kind::Category), ["1.0", "NaN", "0.5"]);
    }

    #[test]
    fn values_change_places_at_once() {
        let swap = Edit::Replace(vec![(Number(1.0), Some(Number(2.0))), (Number(2.0), Some(Number(1.0)))]);
        assert_eq!(done(&swap, &numbers(&[1.0, 2.0, 3.0]), Kind::Number), ["2.0", "1.0", "3.0"]);
        assert_eq!(done(&swap, &words(&["1.0", "2"], true), Kind::Category), ["2", "1.0"]);
        assert_eq!(
            done(&Edit::Fill(Number(1.0)), &words(&["1.0", ""], true), Kind::Category),
            ["1.0", "1.0"]
        );
        let gone = Edit::Replace(vec![(Number(-999.0), None), (Bool(true), None)]);
        assert_eq!(done(&gone, &numbers(&[-999.0, 1.0]), Kind::Number), ["NaN", "1.0"]);
        assert_eq!(done(&gone, &numbers(&[1.0, 0.0]), Kind::Bool), ["NaN", "0.0"]);
    }

    #[test]
    fn the_first_cell_of_another_type_is_named() {
        let refused =
            cast(&words(&["1", "", "x", "y"], false), Kind::Category, Kind::Number).expect_err("text");
        assert_eq!(refused.row, 2);
        assert_eq!(refused.error("age", 7).message(), "`astype`: column `age`, row 8: `x` is not a number");
        let truths = words(&["TRUE", "false", "", "1"], false);
        assert_eq!(done(&Edit::Cast(Kind::Bool), &truths, Kind::Category), ["1.0", "0.0", "NaN", "1.0"]);
        let back = cast(&numbers(&[1.0, 0.0, f64::NAN]), Kind::Bool, Kind::Category).expect("spelled");
        assert_eq!(cells(&back), ["True", "False", ""]);
        let spelled =
            cast(&numbers(&[10.0, 9.5, f64::NAN, -0.0]), Kind::Number, Kind::Category).expect("spelled");
        assert_eq!(cells(&spelled), ["10", "9.5", "", "0"]);
    }

    #[test]
    fn numbers_are_bounded_and_missing_ones_are_not() {
        let clip = Edit::Clip { lower: Some(0.0), upper: None };
        assert_eq!(done(&clip, &numbers(&[-1.0, f64::NAN, 2.0]), Kind::Number), ["0.0", "NaN", "2.0"]);
        assert_eq!(clip.kind_after(Kind::Category), None);
    }
}
