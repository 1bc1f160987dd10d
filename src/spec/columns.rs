//! What the file says about one column in two places must agree.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::Reader;
use super::{Preprocess, Spec, Text};
use crate::clean::name_after;
use crate::diag::Code;
use crate::yaml::shorten;

impl Reader<'_> {
    /// A column has one role; a column that is named is read; a feature has no role.
    pub(super) fn check_columns(&mut self, spec: &Spec) {
        let mut roles: Vec<(&Text, &str)> = Vec::new();
        roles.extend(spec.target.iter().map(|target| (target, "the target")));
        roles.extend(spec.roles.id.iter().map(|id| (id, "an id")));
        roles.extend(spec.roles.weight.iter().map(|weight| (weight, "the weight")));
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        for (column, role) in &roles {
            if let Some(other) = taken.insert(&column.value, role) {
                let message = format!("`{}` cannot be {role}, since it is {other}", shorten(column.shown()));
                let help = "give each column one role";
                self.report(Code::Conflict.error(message).help(help).at(&column.span));
            }
        }
        let features = features(spec);
        for column in &features {
            if let Some(role) = taken.get(column.value.as_str()) {
                let message = format!("`{}` is {role}, and never a feature", shorten(column.shown()));
                let help = "leave it out of `columns`, or change its role";
                self.report(Code::Conflict.error(message).help(help).at(&column.span));
            }
        }
        let Some(read) = &spec.source.columns else { return };
        let made = spec.source.stream.iter().flat_map(|stream| stream.id.iter().chain(&stream.time));
        let read: BTreeSet<&str> = read.iter().chain(made).map(|column| column.value.as_str()).collect();
        // `schema` and `source` name columns as they are read, everything else as `clean` leaves them.
        let cleaned: BTreeSet<&str> = read.iter().map(|name| name_after(&spec.clean, name)).collect();
        let after = roles.iter().map(|(column, _)| *column).chain(features).map(|column| (column, &cleaned));
        let before = spec.schema.iter().map(|(name, _)| (name, &read));
        for (column, known) in after.chain(before) {
            if !known.contains(column.value.as_str()) {
                let message = format!(
                    "`{}` is not among the columns that `source.columns` reads",
                    shorten(column.shown())
                );
                let help = "add it to `source.columns`, or leave `source.columns` out to read all";
                self.report(Code::Conflict.error(message).help(help).at(&column.span));
            }
        }
    }
}

/// Columns that a column group takes by name.
fn features(spec: &Spec) -> Vec<&Text> {
    match &spec.preprocess {
        Preprocess::Groups { groups, .. } => groups.iter().flat_map(|group| &group.columns.names).collect(),
        _ => Vec::new(),
    }
}
