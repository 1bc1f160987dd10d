//! One operation as it was written.

use super::{AsType, Clip, DropDuplicates, DropNa, FillNa, Query, Rename, Replace};
use crate::diag::Span;

/// An item of `clean`.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What is to be done.
    pub work: Work,
    /// The operation as it was written, on one line: `query: age >= 18`.
    pub shown: String,
    /// Where its name is written.
    pub span: Span,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Drops rows that others repeat.
    DropDuplicates(DropDuplicates),
    /// Drops rows with missing values.
    DropNa(DropNa),
    /// Gives missing values a constant.
    FillNa(FillNa),
    /// Exchanges values.
    Replace(Replace),
    /// Changes types.
    AsType(AsType),
    /// Gives columns other names.
    Rename(Rename),
    /// Bounds numbers.
    Clip(Clip),
    /// Keeps the rows for which an expression holds.
    Query(Query),
}

impl Operation {
    /// The names of all operations, which are pandas'.
    pub const NAMES: [&str; 8] =
        ["drop_duplicates", "dropna", "fillna", "replace", "astype", "rename", "clip", "query"];

    /// The name.
    pub fn name(&self) -> &'static str {
        let place = match self.work {
            Work::DropDuplicates(_) => 0,
            Work::DropNa(_) => 1,
            Work::FillNa(_) => 2,
            Work::Replace(_) => 3,
            Work::AsType(_) => 4,
            Work::Rename(_) => 5,
            Work::Clip(_) => 6,
            Work::Query(_) => 7,
        };
        Self::NAMES[place]
    }

    /// Whether it is about rows: it is not done when a model predicts.
    pub fn drops_rows(&self) -> bool {
        matches!(self.work, Work::DropDuplicates(_) | Work::DropNa(_) | Work::Query(_))
    }
}
