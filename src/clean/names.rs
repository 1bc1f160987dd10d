//! Names and types across all operations, as far as the file alone tells.

use std::collections::BTreeMap;

use super::{Operation, Work};
use crate::table::Kind;

fn renames(operations: &[Operation]) -> impl DoubleEndedIterator<Item = &super::Rename> {
    operations.iter().filter_map(|operation| match &operation.work {
        Work::Rename(rename) => Some(rename),
        _ => None,
    })
}

/// What a column is called afterwards.
pub fn name_after<'a>(operations: &'a [Operation], name: &'a str) -> &'a str {
    renames(operations).fold(name, |name, rename| {
        rename.columns.iter().find(|(old, _)| old.text == name).map_or(name, |(_, new)| new.text.as_str())
    })
}

/// What a column was called when it was read.
pub fn name_before<'a>(operations: &'a [Operation], name: &'a str) -> &'a str {
    renames(operations).rev().fold(name, |name, rename| {
        rename.columns.iter().find(|(_, new)| new.text == name).map_or(name, |(old, _)| old.text.as_str())
    })
}

/// The types afterwards, of columns whose types are known when they are read.
pub fn kinds_after(operations: &[Operation], known: BTreeMap<String, Kind>) -> BTreeMap<String, Kind> {
    operations.iter().fold(known, |mut known, operation| match &operation.work {
        Work::AsType(astype) => {
            known.extend(astype.kinds.iter().map(|(name, kind)| (name.text.clone(), *kind)));
            known
        }
        Work::Rename(rename) => {
            let mut renamed = BTreeMap::new();
            for (old, new) in &rename.columns {
                renamed.extend(known.remove(&old.text).map(|kind| (new.text.clone(), kind)));
            }
            known.extend(renamed);
            known
        }
        _ => known,
    })
}
