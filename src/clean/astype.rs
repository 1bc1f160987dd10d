//! `astype`: columns of another type.

use super::{Act, Edit, Name, Shape};
use crate::diag::Result;
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
        shape.cast(&places);
        Ok(places.into_iter().map(|(place, kind)| Act::Edit { place, edit: Edit::Cast(kind) }).collect())
    }
}
