//! How the pipeline is judged: folds and metrics.

use super::reader::{Reader, wrong};
use super::{Text, Written};
use crate::diag::Span;
use crate::yaml::{Entry, Node, Value};

/// The section `cv`.
#[derive(Clone, Debug, PartialEq)]
pub enum Cv {
    /// `null`: no folds, only a fit on all rows.
    Off(Span),
    /// A number of folds; what they are depends on the model.
    Folds {
        /// How many; 2 at least.
        folds: usize,
        /// Where it was written; `None` for the default.
        span: Option<Span>,
    },
    /// A splitter by name.
    Splitter(Written),
}

/// scikit-learn's default, and the file's.
const DEFAULT_FOLDS: usize = 5;
const MOST_FOLDS: i64 = 1_000_000;

impl Reader<'_> {
    /// The section `cv`.
    pub(super) fn cv(&mut self, root: &[Entry]) -> Cv {
        let default = Cv::Folds { folds: DEFAULT_FOLDS, span: None };
        let Some(entry) = root.iter().find(|entry| entry.key == "cv") else { return default };
        let node = &entry.value;
        match &node.value {
            Value::Null => Cv::Off(node.span.clone()),
            Value::Int(_) => match self.whole(node, "`cv`", 2, MOST_FOLDS) {
                Some(folds) => Cv::Folds { folds: folds as usize, span: Some(node.span.clone()) },
                None => default,
            },
            Value::Text(_) | Value::Map(_) => {
                self.component(node, "a splitter").map_or(default, Cv::Splitter)
            }
            Value::Bool(_) | Value::Float(_) | Value::List(_) => {
                let help = "write a number such as `5`, a splitter such as `KFold: {n_splits: 5}`, or `null` for no folds";
                self.report(wrong("`cv`", "a whole number or a splitter", node).help(help));
                default
            }
        }
    }

    /// The section `scoring`; empty for the default, which depends on the model.
    pub(super) fn scoring(&mut self, node: Option<&Node>) -> Vec<Text> {
        let Some(node) = node else { return Vec::new() };
        self.at_least_one(node, "`scoring`");
        self.texts(node, "`scoring`")
    }
}
