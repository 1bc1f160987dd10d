//! Which feature view of Feast's online store is read.

use super::Text;
use super::reader::{Keys, Reader, value};
use crate::diag::Code;
use crate::yaml::Node;

/// `source.feast`: a feature view of a project.
#[derive(Clone, Debug, PartialEq)]
pub struct FeastSection {
    /// The project, as in `feature_store.yaml`.
    pub project: Text,
    /// The feature view.
    pub feature_view: Text,
    /// The names of the entities' keys.
    pub join_keys: Vec<Text>,
    /// The features to read.
    pub features: Vec<Text>,
    /// The column to make of the times of the events.
    pub time: Option<Text>,
}

const FEAST: Keys = Keys {
    name: "`source.feast`",
    known: &["project", "feature_view", "join_keys", "features", "time"],
    later: &[],
};

impl Reader<'_> {
    /// `source.feast`.
    pub(super) fn feast(&mut self, node: &Node) -> Option<FeastSection> {
        let before = self.problems.len();
        let entries = self.entries(node, &FEAST);
        let readable = self.problems.len() == before;
        let required = [
            ("project", "`project: NAME`, as in `feature_store.yaml`"),
            ("feature_view", "`feature_view: NAME`, the view that was materialized"),
            ("join_keys", "`join_keys: [driver_id]`, the keys of its entities"),
            ("features", "`features: [trips, rating]`: the store holds their names as hashes only"),
        ];
        for (key, example) in required {
            if readable && value(entries, key).is_none() {
                self.missing(key, "`source.feast`", &node.span, example);
            }
        }
        let project = value(entries, "project").and_then(|node| self.text(node, "`source.feast.project`"));
        let view = value(entries, "feature_view");
        let feature_view = view.and_then(|node| self.text(node, "`source.feast.feature_view`"));
        let join_keys = value(entries, "join_keys").map(|node| self.names(node, "`source.feast.join_keys`"));
        let features = value(entries, "features").map(|node| self.names(node, "`source.feast.features`"));
        let time = value(entries, "time").and_then(|node| self.text(node, "`source.feast.time`"));
        let section = FeastSection {
            project: project?,
            feature_view: feature_view?,
            join_keys: join_keys?,
            features: features?,
            time,
        };
        self.one_column_each(&section);
        Some(section)
    }

    /// No two of join keys, features and time make the same column.
    fn one_column_each(&mut self, section: &FeastSection) {
        let columns: Vec<&Text> =
            section.join_keys.iter().chain(&section.features).chain(&section.time).collect();
        for (i, column) in columns.iter().enumerate() {
            if columns[..i].iter().any(|other| other.value == column.value) {
                let message = format!("column `{}` stands twice in `source.feast`", column.shown());
                self.report(Code::Conflict.error(message).help("name it once").at(&column.span));
            }
        }
    }
}
