//! `astype`: columns of another type.

use super::edit::castable;
use super::{Act, Edit, Name, Shape};
use crate::diag::{Code, Diagnostic, Result};
use crate::table::Kind;

/// `astype: {zip: category}`.
#[derive(Clone, Debug, PartialEq)]
pub struct AsType {
    /// The columns and their types.
    pub kinds: Vec<(Name, Kind)>,
}

impl AsType {
    pub(super) fn bind<'a>(&self, shape: &mut Shape) -> Result<Vec<Act<'a>>> {
        let places = self.kinds.iter().map(|(name, kind)| Ok((shape.place(name)?, *kind)));
        let places = places.collect::<Result<Vec<(usize, Kind)>>>()?;
        for ((place, to), (name, _)) in places.iter().zip(&self.kinds) {
            let from = shape.fields()[*place].kind;
            if !castable(from, *to) {
                return Err(refused(name, from, *to));
            }
        }
        shape.cast(&places);
        Ok(places.into_iter().map(|(place, kind)| Act::Edit { place, edit: Edit::Cast(kind) }).collect())
    }
}

fn refused(name: &Name, from: Kind, to: Kind) -> Diagnostic {
    let message =
        format!("`astype`: column `{}` is {}, of which no {} is made", name.text, from.name(), to.name());
    let help = match to {
        Kind::Datetime => "write it as text in ISO 8601, such as `2024-01-31T12:30:00`",
        _ => "the step `DatetimeEncoder` makes numbers of it",
    };
    Code::BadCell.error(message).help(help).at(&name.span)
}
