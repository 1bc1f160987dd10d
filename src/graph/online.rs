//! What cannot go on learning.

use super::nodes::{Pipeline, Search, StepNode};
use crate::contract::{Needs, Task};
use crate::diag::{Code, Diagnostic, Span};
use crate::spec::{Online, Spec};

/// What of a file with `online` cannot be learned row after row: each step, model and section that can not.
pub(super) fn refused<'a>(
    pipeline: &'a Pipeline,
    searches: impl Iterator<Item = &'a Search>,
    spec: &Spec,
    online: &Online,
) -> Vec<Diagnostic> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    let candidates = searches.flat_map(|search| &search.candidates).map(|candidate| &candidate.pipeline);
    for pipeline in [pipeline].into_iter().chain(candidates) {
        let steps = pipeline.groups.iter().flat_map(|group| &group.steps).chain(&pipeline.select);
        for problem in steps.filter_map(|node| step(node, online)).chain(model(pipeline, online)) {
            if !problems.iter().any(|other| other.message() == problem.message()) {
                problems.push(problem);
            }
        }
    }
    let sections: [(&str, Option<&Span>); 4] = [
        ("search", spec.search.as_ref().map(|search| &search.span)),
        ("clean", (!spec.clean.is_empty()).then_some(&online.span)),
        ("expect", spec.expect.as_ref().map(|_| &online.span)),
        ("roles.weight", spec.roles.weight.as_ref().map(|weight| &weight.span)),
    ];
    for (section, span) in sections {
        if let Some(span) = span {
            let message = format!("`online` goes with no `{section}` in this version");
            problems.push(Code::NotSupported.error(message).help("leave one of them out").at(span));
        }
    }
    problems
}

fn step(node: &StepNode, online: &Online) -> Option<Diagnostic> {
    let needs = node.step.needs();
    if needs.has(Needs::EXTREMES) && online.half_life.is_some() {
        let name = node.step.name();
        let message =
            format!("`{name}` needs least and greatest values, which no `online.half_life` forgets");
        let help = "forget with `online.window`, or take `StandardScaler`";
        return Some(Code::NotSupported.error(message).help(help).at(&node.span));
    }
    let why = if needs.has(Needs::ORDER) {
        "needs the order of all values"
    } else if needs.has(Needs::ROWS) {
        "needs all rows"
    } else if node.step.products(2).is_some() {
        "multiplies columns"
    } else {
        return None;
    };
    let message = format!("`{}` {why}, which `online` does not keep", node.step.name());
    let help = "take `SimpleImputer` with mean or constant, `StandardScaler`, `MinMaxScaler`, `MaxAbsScaler`, `OneHotEncoder` or `OrdinalEncoder`";
    Some(Code::NotSupported.error(message).help(help).at(&node.span))
}

fn model(pipeline: &Pipeline, online: &Online) -> Option<Diagnostic> {
    let model = &pipeline.model.model;
    if model.no_update().is_none() {
        return updated(pipeline, online);
    }
    let learns = model.needs() == Needs::JOINT && model.inner_folds().is_none();
    if learns && model.task() == Task::Regression {
        return None;
    }
    let why = model.no_update().map_or(String::new(), |why| format!(", since it {why}"));
    let message = format!("`{}` cannot be learned row after row{why}", model.name());
    let help = "take `LinearRegression`, `Ridge`, `Lasso`, `ElasticNet`, `SGDRegressor`, `SGDClassifier`, `GaussianNB` or `MultinomialNB`, or leave `online` out and run the file again";
    Some(Code::NotSupported.error(message).help(help).at(&pipeline.model.span))
}

/// What does not go with a model that learns rows on top of others.
fn updated(pipeline: &Pipeline, online: &Online) -> Option<Diagnostic> {
    let (model, span) = (&*pipeline.model.model, &pipeline.model.span);
    let refused = |message: String, help: &str| Some(Code::NotSupported.error(message).help(help).at(span));
    let name = model.name();
    if online.window.is_some() {
        let help =
            "forget with a step of constant length, such as `learning_rate: constant`, or take `Ridge`";
        return refused(format!("`{name}` keeps no rows that `online.window` could forget"), help);
    }
    if let Some(why) = model.no_forgetting().filter(|_| online.half_life.is_some()) {
        let help = "leave `online.half_life` out; `learning_rate: constant` follows what changes, too";
        return refused(format!("`{name}` {why} that `online.half_life` could lower"), help);
    }
    if model.task() == Task::Classification && online.guard.is_some() {
        let help = "leave `online.guard` out, or learn numbers";
        return refused(
            format!("`online.guard` compares squared errors, and `{name}` predicts classes"),
            help,
        );
    }
    let mut steps = pipeline.groups.iter().flat_map(|group| &group.steps).chain(&pipeline.select);
    let together = |node: &&StepNode| {
        let needs = node.step.needs();
        needs.has(Needs::JOINT) || needs.has(Needs::TARGET)
    };
    let node = steps.find(together)?;
    let message =
        format!("`{}` needs how features vary together, which is not kept for `{name}`", node.step.name());
    Some(Code::NotSupported.error(message).help("leave it out, or take `Ridge`").at(&node.span))
}
