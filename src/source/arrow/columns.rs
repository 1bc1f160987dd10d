//! The columns of Arrow data, and what becomes of each.

use std::sync::Arc;

use arrow_schema::{DataType, Field};

use crate::diag::{Code, Result};
use crate::source::formats::ReadOptions;
use crate::source::typed::{Holds, check_names, kind_of, refused};
use crate::table::Kind;

/// Says of a field of texts that its levels are numbers.
pub(super) const LEVELS: (&str, &str) = ("pipefit.levels", "numbers");

/// A column that is read.
pub(super) struct Wanted {
    /// Its name.
    pub name: String,
    /// The type that it gets.
    pub kind: Kind,
    /// Whether its levels are numbers in the data.
    pub numeric: bool,
    /// Its place in each part.
    pub places: Vec<usize>,
}

/// The columns to read, in the order of the first part. `parts` are the names and columns.
///
/// # Errors
/// As [`check_names`] and [`kind_of`]; `UnreadableValue` for a column of a type that no column here can have.
pub(super) fn wanted(parts: &[(&str, &[Arc<Field>])], options: &ReadOptions) -> Result<Vec<Wanted>> {
    let names = |fields: &'_ [Arc<Field>]| fields.iter().map(|field| field.name().clone()).collect();
    let names: Vec<(&str, Vec<String>)> = parts.iter().map(|(part, fields)| (*part, names(fields))).collect();
    let names: Vec<(&str, Vec<&str>)> =
        names.iter().map(|(part, names)| (*part, names.iter().map(String::as_str).collect())).collect();
    check_names(&names, options)?;
    let Some((_, first)) = names.first() else { return Ok(Vec::new()) };
    let read =
        |name: &&&str| options.columns.as_ref().is_none_or(|some| some.iter().any(|own| own == **name));
    first.iter().filter(read).map(|name| one(parts, name, options)).collect()
}

/// One column over all parts.
fn one(parts: &[(&str, &[Arc<Field>])], name: &str, options: &ReadOptions) -> Result<Wanted> {
    let asked = options.schema.get(name).copied();
    let (mut places, mut all) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
    let mut numeric = false;
    for (part, fields) in parts {
        let place = fields.iter().position(|field| field.name() == name);
        let place = place.ok_or_else(|| Code::Bug.error(format!("column `{name}` is gone")))?;
        let field = &fields[place];
        let held = holds(field.data_type(), asked).map_err(|what| refused(name, &what, part))?;
        let said = field.metadata().get(LEVELS.0).is_some_and(|levels| levels == LEVELS.1);
        numeric |= matches!(held, Holds::Numbers | Holds::Levels) || held == Holds::Text && said;
        places.push(place);
        all.push((*part, held));
    }
    let kind = kind_of(name, &all, options)?;
    Ok(Wanted { name: name.to_owned(), kind, numeric: numeric && kind == Kind::Category, places })
}

/// What a column of a type holds, or the words for a type that is not read.
fn holds(data_type: &DataType, asked: Option<Kind>) -> std::result::Result<Holds, String> {
    Ok(match data_type {
        DataType::Null => Holds::Nothing,
        DataType::Boolean => Holds::Truth,
        other if other.is_integer() || other.is_floating() => Holds::Numbers,
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale)
            if *scale >= 0 =>
        {
            Holds::Numbers
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Holds::Text,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Holds::Datetimes,
        DataType::Dictionary(_, values) if !matches!(**values, DataType::Dictionary(..)) => {
            match holds(values, asked)? {
                Holds::Numbers => Holds::Levels,
                other => other,
            }
        }
        DataType::Binary | DataType::LargeBinary if asked.is_some() => Holds::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            return Err("bytes".to_owned());
        }
        DataType::Time32(_) | DataType::Time64(_) => return Err("times".to_owned()),
        DataType::Duration(_) => return Err("durations".to_owned()),
        DataType::Interval(_) => return Err("intervals".to_owned()),
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => return Err("lists".to_owned()),
        DataType::Struct(_) | DataType::Union(..) => return Err("structs".to_owned()),
        DataType::Map(..) => return Err("maps".to_owned()),
        other => return Err(format!("values of the type {other}")),
    })
}
