//! `fillna`: missing values become a constant.

use super::bound::unfit;
use super::{Act, Edit, Name, Scalar, Shape};
use crate::diag::{Result, Span};

/// `fillna: 0`, or `fillna: {age: 0, plan: free}`.
#[derive(Clone, Debug, PartialEq)]
pub enum FillNa {
    /// One value, for every column.
    All(Scalar),
    /// A value for each of some columns, and where it is written.
    Each(Vec<(Name, Scalar, Span)>),
}

impl FillNa {
    /// One value fills the columns of its type. Others have to be without missing values: pandas fills them too, and warns that
    /// it will not for long.
    pub(super) fn bind<'a>(&self, shape: &Shape) -> Result<Vec<Act<'a>>> {
        match self {
            FillNa::All(value) => {
                let act = |(place, field): (usize, &crate::table::Field)| {
                    let same = match value {
                        Scalar::Text(_) => value.fits(field.kind),
                        _ => value.number(field.kind).is_some(),
                    };
                    let value = value.clone();
                    if same {
                        Act::Edit { place, edit: Edit::Fill(value) }
                    } else {
                        Act::Whole { place, value }
                    }
                };
                Ok(shape.fields().iter().enumerate().map(act).collect())
            }
            FillNa::Each(values) => {
                let act = |(name, value, span): &(Name, Scalar, Span)| {
                    let place = shape.place(name)?;
                    let kind = shape.fields()[place].kind;
                    if !value.fits(kind) {
                        return Err(unfit("fillna", name, kind.name(), value, span));
                    }
                    Ok(Act::Edit { place, edit: Edit::Fill(value.clone()) })
                };
                values.iter().map(act).collect()
            }
        }
    }
}
