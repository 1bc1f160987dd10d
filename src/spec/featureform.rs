//! Which features of Featureform's online store are read.

use super::Text;
use super::reader::{Keys, Reader, quoted, value, wrong};
use crate::diag::Code;
use crate::yaml::Node;

/// `source.featureform`: features of one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureformSection {
    /// The column to make of the entities.
    pub entity: Text,
    /// The features, each with its variant.
    pub features: Vec<(Text, Text)>,
    /// The prefix of the store, where it is not Featureform's own.
    pub prefix: Option<Text>,
}

const FEATUREFORM: Keys =
    Keys { name: "`source.featureform`", known: &["entity", "features", "prefix"], later: &[] };
const FEATURES: &str = "`source.featureform.features`";

impl Reader<'_> {
    /// `source.featureform`.
    pub(super) fn featureform(&mut self, node: &Node) -> Option<FeatureformSection> {
        let before = self.problems.len();
        let entries = self.entries(node, &FEATUREFORM);
        let readable = self.problems.len() == before;
        let required = [
            ("entity", "`entity: user_id`, the column to make of the entities"),
            ("features", "`features: {avg_transactions: quickstart}`, each feature with its variant"),
        ];
        for (key, example) in required {
            if readable && value(entries, key).is_none() {
                self.missing(key, FEATUREFORM.name, &node.span, example);
            }
        }
        let entity = value(entries, "entity").and_then(|node| self.text(node, "`source.featureform.entity`"));
        let features = value(entries, "features").map(|node| self.variants(node));
        let prefix = value(entries, "prefix").and_then(|node| self.text(node, "`source.featureform.prefix`"));
        let section = FeatureformSection { entity: entity?, features: features?, prefix };
        if let Some((feature, _)) =
            section.features.iter().find(|(name, _)| name.value == section.entity.value)
        {
            let message = format!("column `{}` stands twice in `source.featureform`", feature.shown());
            let help = "name the column of the entities otherwise";
            self.report(Code::Conflict.error(message).help(help).at(&feature.span));
        }
        Some(section)
    }

    /// Features with their variants, at least one.
    fn variants(&mut self, node: &Node) -> Vec<(Text, Text)> {
        let help = || format!("write each feature with its variant, such as {}", quoted(&["{age: v1}"]));
        let Some(entries) = node.as_map().filter(|entries| !entries.is_empty()) else {
            self.report(wrong(FEATURES, "a map of features", node).help(help()));
            return Vec::new();
        };
        let mut features = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = Text { value: entry.key.clone(), span: entry.key_span.clone(), unexpanded: None };
            features.extend(self.text(&entry.value, "a variant").map(|variant| (name, variant)));
        }
        features
    }
}
