//! `clip`: numbers within bounds.

use super::{Act, Edit, Name, Shape};
use crate::diag::{Code, Result, Span};
use crate::table::Kind;

/// `clip: {lower: 0, upper: 1, columns: [age]}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// The least number.
    pub lower: Option<f64>,
    /// The greatest number.
    pub upper: Option<f64>,
    /// The columns; all numbers where it is `None`.
    pub columns: Option<Vec<Name>>,
}

impl Clip {
    pub(super) fn bind<'a>(&self, shape: &Shape, span: &Span) -> Result<Vec<Act<'a>>> {
        let edit = Edit::Clip { lower: self.lower, upper: self.upper };
        let mut places = shape.places(self.columns.as_deref())?;
        match &self.columns {
            Some(names) => {
                for (name, place) in names.iter().zip(&places) {
                    let kind = shape.fields()[*place].kind;
                    if kind != Kind::Number {
                        let message =
                            format!("`clip`: column `{}` is {}, not number", name.text, kind.name());
                        let help = "leave it out, or make numbers of it with `astype` before";
                        return Err(Code::BadCell.error(message).help(help).at(&name.span));
                    }
                }
            }
            None => places.retain(|place| shape.fields()[*place].kind == Kind::Number),
        }
        if places.is_empty() {
            let error = Code::BadCell.error("`clip`: no column is a number");
            return Err(error.help("leave it out, or make numbers with `astype` before").at(span));
        }
        Ok(places.into_iter().map(|place| Act::Edit { place, edit: edit.clone() }).collect())
    }
}
