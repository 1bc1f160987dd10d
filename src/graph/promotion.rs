//! The gate of the file: requirements with their metrics found.

use crate::contract::Metric;
use crate::diag::{Code, Diagnostic, Span, suggest};
use crate::spec::{Cv, Required, Spec, Text};

/// What a new version must show to take the champion's place.
#[derive(Clone, Debug)]
pub struct PromoteNode {
    /// The alias that names the champion.
    pub alias: String,
    /// Everything that must hold; nothing must when it is empty.
    pub require: Vec<Requirement>,
    /// Where it is written.
    pub span: Span,
}

/// One requirement. Scores are scikit-learn's, of which the greater is the better.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// The metric, which is one of `scoring`.
    pub metric: &'static str,
    /// The least mean score.
    pub threshold: Option<f64>,
    /// The least difference to the champion's score.
    pub min_absolute_change: Option<f64>,
    /// The least difference over the size of the champion's score.
    pub min_relative_change: Option<f64>,
    /// The greatest p-value of the difference.
    pub max_p_value: Option<f64>,
    /// Whether the champion's pipeline is cross-validated again on today's rows and folds, where neither model has seen the rows that
    /// it is scored on; else its own run's score counts.
    pub paired: bool,
}

impl Requirement {
    /// Whether it needs a champion.
    pub fn compares(&self) -> bool {
        self.paired || self.min_absolute_change.is_some() || self.min_relative_change.is_some()
    }
}

impl PromoteNode {
    /// Whether the champion's pipeline has to be run again.
    pub fn is_paired(&self) -> bool {
        self.require.iter().any(|required| required.paired)
    }
}

/// Finds the metrics; what is wrong goes to `problems`.
pub(super) fn promote(
    spec: &Spec,
    scoring: Option<&[&'static Metric]>,
    problems: &mut Vec<Diagnostic>,
) -> Option<PromoteNode> {
    let promote = spec.promote.as_ref()?;
    if matches!(spec.cv, Cv::Off(_)) && !promote.require.is_empty() {
        let message = "`promote` judges the scores of the folds, and `cv: null` makes none";
        let help = "write `cv: 5`, or leave out `promote.require`";
        problems.push(Code::Conflict.error(message).help(help).at(&promote.span));
    }
    // Without the metrics of the file, whose problem is told elsewhere, nothing can be said here.
    let scoring = scoring?;
    let mut require = Vec::new();
    for required in &promote.require {
        let metric = match &required.metric {
            None => scoring.first().copied(),
            Some(name) => scoring.iter().copied().find(|metric| metric.name == name.value),
        };
        match (metric, &required.metric) {
            (Some(metric), _) => require.push(requirement(required, metric)),
            (None, Some(name)) => problems.push(not_scored(name, scoring)),
            (None, None) => {}
        }
    }
    Some(PromoteNode { alias: promote.alias.clone(), require, span: promote.span.clone() })
}

fn requirement(required: &Required, metric: &'static Metric) -> Requirement {
    let Required { threshold, min_absolute_change, min_relative_change, max_p_value, paired, .. } = *required;
    Requirement {
        metric: metric.name,
        threshold,
        min_absolute_change,
        min_relative_change,
        max_p_value,
        paired,
    }
}

fn not_scored(name: &Text, scoring: &[&'static Metric]) -> Diagnostic {
    let names: Vec<&str> = scoring.iter().map(|metric| metric.name).collect();
    let help = match suggest(&name.value, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add it to `scoring`, which has {}", names.join(", ")),
    };
    let message = format!("metric `{}` of `promote` is not one of `scoring`", name.shown());
    Code::BadReference.error(message).help(help).at(&name.span)
}
