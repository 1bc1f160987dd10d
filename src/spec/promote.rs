//! The section `promote`: what a new version must show to take the champion's place.

use super::reader::{Keys, Reader, value, wrong};
use super::{Text, is_name};
use crate::diag::{Code, Span};
use crate::yaml::{Entry, Node, shorten};

/// The section `promote`.
#[derive(Clone, Debug, PartialEq)]
pub struct Promote {
    /// The alias.
    pub alias: String,
    /// Everything that must hold.
    pub require: Vec<Required>,
    /// Where the section is written.
    pub span: Span,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq)]
pub struct Required {
    /// The metric; `None` for the first of `scoring`.
    pub metric: Option<Text>,
    /// The least mean score.
    pub threshold: Option<f64>,
    /// The least difference to the champion's.
    pub min_absolute_change: Option<f64>,
    /// The least difference over the size of the champion's.
    pub min_relative_change: Option<f64>,
    /// The greatest p-value of the difference.
    pub max_p_value: Option<f64>,
    /// Whether both pipelines are compared on the same folds.
    pub paired: bool,
    /// Where it is written.
    pub span: Span,
}

const PROMOTE: Keys = Keys { name: "`promote`", known: &["alias", "require"], later: &[] };
const REQUIREMENT: Keys = Keys {
    name: "a requirement",
    known: &["metric", "threshold", "min_absolute_change", "min_relative_change", "max_p_value", "paired"],
    later: &[],
};
/// What a champion is called where nothing is said.
const ALIAS: &str = "champion";
/// The alias that follows the versions.
const LATEST: &str = "latest";

impl Reader<'_> {
    /// The section `promote`.
    pub(super) fn promote(&mut self, root: &[Entry]) -> Option<Promote> {
        let node = value(root, "promote")?;
        let entries = self.entries(node, &PROMOTE);
        let alias = value(entries, "alias").and_then(|node| self.alias(node, "`promote.alias`"));
        let require = match value(entries, "require") {
            None => Vec::new(),
            Some(node) => match node.as_list() {
                Some(items) => items.iter().map(|item| self.requirement(item)).collect(),
                None => {
                    let help = "write `require: [{metric: r2, threshold: 0.5}]`";
                    self.report(wrong("`promote.require`", "a list", node).help(help));
                    Vec::new()
                }
            },
        };
        let alias = alias.unwrap_or_else(|| ALIAS.to_owned());
        Some(Promote { alias, require, span: node.span.clone() })
    }

    /// The name of an alias that may be moved.
    pub(super) fn alias(&mut self, node: &Node, name: &str) -> Option<String> {
        let text = self.text(node, name)?;
        let (message, help) = if text.value == LATEST {
            let message =
                format!("`{LATEST}` names the highest version, whichever that is, and cannot be promoted to");
            (message, "choose another name, such as `champion`")
        } else if !is_name(&text.value) {
            let message = format!("{name} cannot be `{}`", shorten(text.shown()));
            (message, "use up to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit")
        } else {
            return Some(text.value);
        };
        self.report(Code::BadReference.error(message).help(help).at(&text.span));
        None
    }

    /// A finite number.
    fn finite(&mut self, entries: &[Entry], name: &str) -> Option<f64> {
        let node = value(entries, name)?;
        let number = node.as_f64().filter(|number| number.is_finite());
        if number.is_none() {
            let problem = wrong(&format!("`{name}`"), "a number", node);
            self.report(problem.help("write a finite number, or leave it out"));
        }
        number
    }

    fn requirement(&mut self, node: &Node) -> Required {
        let entries = self.entries(node, &REQUIREMENT);
        let required = Required {
            metric: value(entries, "metric").and_then(|node| self.text(node, "`metric`")),
            threshold: self.finite(entries, "threshold"),
            min_absolute_change: self.finite(entries, "min_absolute_change"),
            min_relative_change: self.finite(entries, "min_relative_change"),
            max_p_value: self.finite(entries, "max_p_value"),
            paired: self.switch(entries, "paired", false),
            span: node.span.clone(),
        };
        let asks = ["threshold", "min_absolute_change", "min_relative_change", "max_p_value"];
        if node.as_map().is_some() && !required.paired && asks.iter().all(|key| value(entries, key).is_none())
        {
            let example = "`threshold`, `min_absolute_change`, `min_relative_change` or `paired: true`";
            let message = "a requirement asks for nothing";
            self.report(Code::MissingKey.error(message).help(format!("add {example}")).at(&node.span));
        }
        if let Some(p) = value(entries, "max_p_value") {
            if required.max_p_value.is_some_and(|most| !(0.0..=1.0).contains(&most)) {
                let problem = wrong("`max_p_value`", "a probability from 0 to 1", p);
                self.report(problem.help("write 0.05 for one in twenty"));
            } else if !required.paired {
                let message = "`max_p_value` is that of a paired comparison, and `paired` is not said";
                self.report(Code::Conflict.error(message).help("add `paired: true`").at(&p.span));
            }
        }
        required
    }
}
