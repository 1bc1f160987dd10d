//! `rename`: columns of another name.

use super::{Name, Shape};
use crate::diag::{Code, Result};

/// `rename: {columns: {a: b}}`, or `rename: {a: b}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rename {
    /// The old names and the new ones, which are distinct. All change at once, so that two columns can change names.
    pub columns: Vec<(Name, Name)>,
}

impl Rename {
    /// The places of the columns, and their new names.
    pub(super) fn bind(&self, shape: &mut Shape) -> Result<Vec<(usize, String)>> {
        let places = self.columns.iter().map(|(old, new)| Ok((shape.place(old)?, new.text.clone())));
        let places = places.collect::<Result<Vec<(usize, String)>>>()?;
        for (_, new) in &self.columns {
            let stays = |place: usize| places.iter().all(|(renamed, _)| *renamed != place);
            if shape.schema().index(&new.text).is_some_and(stays) {
                let message = format!("`rename`: the data has a column `{}` already", new.text);
                let help = "give it another name, or rename that column too";
                return Err(Code::UnreadableValue.error(message).help(help).at(&new.span));
            }
        }
        shape.rename(&places);
        Ok(places)
    }
}
