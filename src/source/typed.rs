//! What formats with typed columns share: what their columns hold, and what is wrong with a cell.

use super::formats::{ReadOptions, Suspect, label_of};
use crate::diag::{Code, Diagnostic, Result};
use crate::table::{Field, Kind, Schema, datetime_text, is_datetime};

/// What the cells of a column are, however they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// `true` and `false`.
    Truth,
    /// Numbers.
    Numbers,
    /// Text.
    Text,
    /// Categories that are numbers.
    Levels,
    /// Dates, or dates and times.
    Datetimes,
    /// No value in any row, and no type.
    Nothing,
}

impl Holds {
    /// The type that a column of it gets.
    fn kind(self) -> Kind {
        match self {
            Self::Truth => Kind::Bool,
            Self::Numbers | Self::Nothing => Kind::Number,
            Self::Text | Self::Levels => Kind::Category,
            Self::Datetimes => Kind::Datetime,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Truth => "true and false",
            Self::Numbers => "numbers",
            Self::Text => "text",
            Self::Levels => "categories that are numbers",
            Self::Datetimes => "dates and times",
            Self::Nothing => "nothing",
        }
    }
}

/// Checks the names of some files' columns: each once, the same in all, and among them those of the options.
///
/// # Errors
/// `MissingColumn`, `UnreadableValue` for a name that stands twice, `EmptyData` without columns.
pub(super) fn check_names(files: &[(&str, Vec<&str>)], options: &ReadOptions) -> Result<()> {
    let Some(((first, names), rest)) = files.split_first() else { return Ok(()) };
    let field = |name: &&str| Field { name: (*name).to_owned(), kind: Kind::Number };
    let there = Schema::new(names.iter().map(field).collect());
    for name in options.columns.iter().flatten().chain(options.schema.keys()) {
        there.require(name).map_err(|error| error.within(*first, None, None))?;
    }
    let sorted = |names: &[&str]| -> Vec<String> {
        let mut names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    };
    let expected = sorted(names);
    if let Some(twice) = expected.windows(2).find(|two| two[0] == two[1]) {
        let error = Code::UnreadableValue.error(format!("column `{}` stands twice", twice[0]));
        return Err(error.help("give every column its own name").within(*first, None, None));
    }
    if expected.is_empty() {
        let error = Code::EmptyData.error("the data has no columns").within(*first, None, None);
        return Err(error.help("write a table with at least one column"));
    }
    for (file, names) in rest {
        let own = sorted(names);
        let odd = expected.iter().find(|name| own.binary_search(name).is_err());
        let more = own.iter().find(|name| expected.binary_search(name).is_err());
        let message = match (odd, more) {
            (Some(name), _) => format!("column `{name}` is in `{first}`, but not in `{file}`"),
            (None, Some(name)) => format!("column `{name}` is in `{file}`, but not in `{first}`"),
            (None, None) if own.len() != expected.len() => format!("a column stands twice in `{file}`"),
            (None, None) => continue,
        };
        let help = "the files of a source have the same columns; name other files in `source.file`";
        return Err(Code::MissingColumn.error(message).help(help).within(*file, None, None));
    }
    Ok(())
}

/// The type of a column that holds something in each file.
///
/// # Errors
/// `UnreadableValue` for files that hold different things, and for a type that they cannot have.
pub(super) fn kind_of(name: &str, files: &[(&str, Holds)], options: &ReadOptions) -> Result<Kind> {
    let mut known: Option<(Holds, &str)> = None;
    for (file, holds) in files {
        match known {
            None | Some((Holds::Nothing, _)) => known = Some((*holds, file)),
            Some((other, _)) if other == *holds || *holds == Holds::Nothing => {}
            Some((other, first)) => {
                let (own, other) = (holds.words(), other.words());
                let message = format!("column `{name}` holds {own} in `{file}`, and {other} in `{first}`");
                let help = "write the files with the same types";
                return Err(Code::UnreadableValue.error(message).help(help).within(*file, None, None));
            }
        }
    }
    let (holds, file) = known.unwrap_or((Holds::Nothing, ""));
    let asked = options.schema.get(name).copied().unwrap_or_else(|| holds.kind());
    let numbers = matches!(holds, Holds::Truth | Holds::Numbers | Holds::Levels);
    let mixed = match asked {
        Kind::Datetime => numbers,
        Kind::Number | Kind::Bool => holds == Holds::Datetimes,
        Kind::Category | Kind::Text => false,
    };
    if mixed {
        let message = format!("column `{name}` holds {}, and is to be a {}", holds.words(), asked.name());
        let help = match asked {
            Kind::Datetime => "write it as dates and times, or leave it out of `schema`",
            _ => "leave it out of `schema`; the step `DatetimeEncoder` makes numbers of it",
        };
        return Err(Code::UnreadableValue.error(message).help(help).within(file, None, None));
    }
    Ok(asked)
}

/// The error for a column of a type that is not read, `what`.
pub(super) fn refused(name: &str, what: &str, file: &str) -> Diagnostic {
    let help = match what {
        "times" | "intervals" | "durations" => {
            "write it as a number, such as seconds, or leave it out with `source.columns`"
        }
        "bytes" => "if it is text, say `schema: {NAME: category}`; else leave it out with `source.columns`",
        "lists" | "maps" | "structs" => {
            "write each of its values as a column, or leave it out with `source.columns`"
        }
        _ => "write it as a number or as text, or leave it out with `source.columns`",
    };
    let message = format!("column `{name}` holds {what}, which are not read");
    let error = Code::UnreadableValue.error(message).help(help.replace("NAME", name));
    error.within(file, None, None)
}

/// What is wrong with a cell.
#[derive(Debug)]
pub(super) struct Fault {
    /// The row among those that were read together, from 0.
    pub row: usize,
    /// The cell in backticks and what is wrong with it.
    pub what: String,
    /// What helps; `NAME` is the column.
    pub help: &'static str,
}

/// What helps where a cell is not of the type asked for.
pub(super) const CORRECT: &str = "correct the cell, or say `schema: {NAME: category}`";

impl Fault {
    /// An integer that a float cannot hold.
    pub fn beyond(row: usize, text: &str) -> Self {
        let what = format!("`{text}` is an integer beyond 2^53, which a float cannot hold");
        Self { row, what, help: "if it is a name, say `schema: {NAME: category}`" }
    }

    /// A text that is not of the type asked for.
    pub fn spelled(row: usize, text: &str, kind: Kind) -> Self {
        let shown: String = text.chars().take(40).collect();
        let asked = match kind {
            Kind::Bool => "neither true nor false",
            Kind::Datetime => "not a date and time in ISO 8601",
            _ => "not a number",
        };
        Self { row, what: format!("`{}` is {asked}", shown.escape_debug()), help: CORRECT }
    }

    /// A text that is none.
    pub fn not_utf8(row: usize) -> Self {
        let help = "write it as UTF-8, or leave the column out with `source.columns`";
        Self { row, what: "the text is not UTF-8".to_owned(), help }
    }

    /// A date and time that the calendar does not have.
    pub fn no_datetime(row: usize) -> Self {
        let help = "make it missing, or leave the column out with `source.columns`";
        Self { row, what: "the time is outside of the years 1 to 9999".to_owned(), help }
    }

    /// The error, `before` being where the row is.
    pub fn error(&self, before: &str, column: &str, row: usize, file: &str) -> Diagnostic {
        let message = format!("{before}column `{column}`, row {row}: {}", self.what);
        let help = self.help.replace("NAME", column);
        Code::BadCell.error(message).help(help).within(file, None, None)
    }

    /// The suspect, for a fault that matters only where the column is learned from.
    pub fn suspect(&self, before: &str, column: &str, row: usize, file: &str) -> Suspect {
        Suspect { column: column.to_owned(), row, error: self.error(before, column, row, file) }
    }
}

/// Holds numbers to the type of their column; gives the first infinite one.
///
/// # Errors
/// The first that is not of the type.
pub(super) fn check_values(rows: &[f64], kind: Kind) -> Result<Option<Fault>, Fault> {
    let first = |odd: &dyn Fn(f64) -> bool| rows.iter().position(|value| !value.is_nan() && odd(*value));
    match kind {
        Kind::Bool => match first(&|value| value != 0.0 && value != 1.0) {
            Some(row) => {
                let what = format!("`{}` is neither true nor false", label_of(rows[row]));
                Err(Fault { row, what, help: CORRECT })
            }
            None => Ok(None),
        },
        Kind::Datetime => match first(&|value| !is_datetime(value)) {
            Some(row) => Err(Fault::no_datetime(row)),
            None => Ok(None),
        },
        _ => Ok(first(&f64::is_infinite).map(|row| Fault {
            row,
            what: format!("`{}` is infinite", rows[row]),
            help: "write a finite number, or leave the cell empty",
        })),
    }
}

/// `units * 10^-scale`, correctly rounded, as the text of the decimal would be read.
pub(super) fn decimal(units: i128, scale: u32) -> f64 {
    // Both are exact then, and a division rounds once.
    if units.unsigned_abs() <= 1 << 53 && scale <= 22 {
        return units as f64 / 10f64.powi(scale as i32);
    }
    format!("{units}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// The microseconds of a count of units since 1970, of which a second has so many.
pub(super) fn micros(units: i64, a_second: i64) -> f64 {
    match a_second {
        1_000_000.. => units.div_euclid(a_second / 1_000_000) as f64,
        _ => (i128::from(units) * i128::from(1_000_000 / a_second)) as f64,
    }
}

/// The microseconds of a day.
pub(super) fn day(days: i32) -> f64 {
    f64::from(days) * 86_400e6
}

/// A date or datetime as a word; a date without its time.
pub(super) fn datetime_word(micros: f64, is_date: bool) -> String {
    let mut text = datetime_text(micros);
    if is_date {
        text.truncate("2024-01-31".len());
    }
    text
}
