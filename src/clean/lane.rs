//! What becomes of one column.

use serde::{Deserialize, Serialize};

use super::Edit;
use crate::diag::Result;
use crate::table::{Column, Field, Kind};

/// A column from what is read to what is learned from: this travels with a model, so that new rows go the same way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// The column as it is read.
    pub name: String,
    /// The type as it is read.
    pub kind: Kind,
    /// The column as it is called afterwards.
    pub column: String,
    /// What is done to its values, in order.
    pub edits: Vec<Edit>,
}

impl Lane {
    /// A column that nothing is done to.
    pub fn straight(field: &Field) -> Self {
        Self { name: field.name.clone(), kind: field.kind, column: field.name.clone(), edits: Vec::new() }
    }

    /// Whether nothing is done to it.
    pub fn is_straight(&self) -> bool {
        self.edits.is_empty() && self.name == self.column
    }

    /// The type afterwards; `None` where its edits do not go together, which nobody but a forger writes.
    pub fn kind_after(&self) -> Option<Kind> {
        self.edits.iter().try_fold(self.kind, |kind, edit| edit.kind_after(kind))
    }

    /// The column afterwards.
    ///
    /// # Errors
    /// The first cell that `astype` cannot turn into the type that it asks for.
    pub fn apply(&self, column: &Column) -> Result<Column> {
        let mut column = column.clone();
        let mut kind = self.kind;
        for edit in &self.edits {
            column = edit.apply(&column, kind).map_err(|refused| refused.error(&self.name, refused.row))?;
            kind = edit.kind_after(kind).unwrap_or(kind);
        }
        Ok(column)
    }

    /// Whether cells that a float cannot hold are bounded or exchanged on the way, so that they may still be fine.
    pub fn settles_extremes(&self) -> bool {
        let bounds = |edit: &Edit| matches!(edit, Edit::Clip { .. } | Edit::Replace(_));
        let spells = |edit: &Edit| matches!(edit, Edit::Cast(Kind::Category));
        self.edits.iter().any(bounds) && !self.edits.iter().any(spells)
    }
}
