//! From what was written to the checked graph, with every problem in one go.

use std::path::Path;

use super::lookup;
use super::nodes::{ColumnName, Graph, Group, ModelNode, OutputNode, Selector, SourceNode, StepNode};
use super::types;
use crate::contract::erased::{AnyModel, AnySplitter};
use crate::contract::{Metric, Task, Value};
use crate::diag::{Code, Diagnostic, Severity, suggest};
use crate::metrics;
use crate::spec::{self, Columns, Cv, Preprocess, Spec, Spanned, Written};
use crate::table::Kind;

/// Reads and checks a pipeline file. The graph is there when no problem is an error.
pub fn read(path: &Path, overrides: &[String]) -> (Option<Graph>, Vec<Diagnostic>) {
    let parsed = spec::read(path, overrides);
    let mut problems = parsed.diagnostics;
    let graph = parsed.spec.and_then(|spec| build(&spec, &mut problems));
    let failed = problems.iter().any(|problem| problem.severity() == Severity::Error);
    problems.sort_by_key(place);
    (graph.filter(|_| !failed), problems)
}

/// Where a problem lies, to tell them in the file's order.
fn place(problem: &Diagnostic) -> (usize, usize) {
    match problem.place() {
        Some(crate::diag::Place::Span(span)) => span.line_column(),
        _ => (0, 0),
    }
}

/// Checks what was written; what is wrong goes to `problems`.
pub fn build(spec: &Spec, problems: &mut Vec<Diagnostic>) -> Option<Graph> {
    let groups = groups(&spec.preprocess, problems);
    let select = chain(&spec.select, "select", problems);
    let model = spec.model.as_ref().and_then(|written| Some((written, lookup::model(written, problems)?)));
    let splitter = splitter(&spec.cv, model.as_ref().map(|(_, model)| &**model), problems);
    let scoring = scoring(spec, model.as_ref().map(|(_, model)| &**model), problems);
    let schema = schema(spec, problems);
    let (written, model) = model?;
    if let Some(weight) = &spec.roles.weight
        && !model.takes_weights()
    {
        let message = format!("`{}` takes no sample weights", model.name());
        problems.push(Code::Conflict.error(message).at(&weight.span).help("leave out `roles.weight`, or use another model"));
    }
    roles(spec, problems);
    let (splitter, splitter_reason) = splitter?;
    let graph = Graph {
        name: spec.name.value.clone(),
        seed: spec.seed,
        store: spec.store.clone(),
        source: SourceNode {
            key: spec.source.key.value.clone(),
            span: spec.source.key.span.clone(),
            format: spec.source.format.clone(),
            load_if_missing: spec.source.load_if_missing.clone(),
            columns: spec.source.columns.as_ref().map(|columns| columns.iter().map(column).collect()),
            schema,
        },
        target: column(&spec.target),
        ids: spec.roles.id.iter().map(column).collect(),
        weight: spec.roles.weight.as_ref().map(column),
        groups,
        select,
        model: ModelNode { name: model.name().to_lowercase(), model, span: written.span.clone() },
        splitter,
        splitter_reason,
        scoring: scoring?,
        output: OutputNode {
            artifact: spec.output.artifact.clone(),
            dir: spec.output.dir.clone(),
            report: spec.output.report.clone(),
        },
        resolved: spec.resolved.clone(),
    };
    problems.extend(types::check(&graph, &known_types(&graph)));
    Some(graph)
}

fn column(name: &Spanned<String>) -> ColumnName {
    ColumnName { name: name.value.clone(), span: name.span.clone() }
}

/// The types of each group's columns, as far as the file tells: by the group's types, or by
/// `schema` for all of its names.
fn known_types(graph: &Graph) -> Vec<Option<crate::contract::Types>> {
    let kind_of = |name: &String| graph.source.schema.iter().find(|(column, _)| column.name == *name).map(|(_, kind)| *kind);
    let known = |group: &Group| match &group.selector {
        Selector::Chosen { kinds, .. } if !kinds.is_empty() => Some(types::of_kinds(kinds.iter().copied())),
        Selector::Chosen { names, .. } if !names.is_empty() => {
            let kinds: Option<Vec<Kind>> = names.iter().map(kind_of).collect();
            kinds.map(|kinds| types::of_kinds(kinds.into_iter()))
        }
        _ => None,
    };
    graph.groups.iter().map(known).collect()
}

/// The groups of `preprocess`.
fn groups(preprocess: &Preprocess, problems: &mut Vec<Diagnostic>) -> Vec<Group> {
    match preprocess {
        Preprocess::Steps { steps, span } => {
            let steps = chain(steps, "preprocess", problems);
            vec![Group { name: None, selector: Selector::All, steps, span: span.clone() }]
        }
        Preprocess::Groups { groups, passthrough } => {
            let mut checked: Vec<Group> = Vec::new();
            for group in groups {
                let address = format!("preprocess__{}", group.name.value);
                let steps = chain(&group.steps, &address, problems);
                let selector = selector(&group.columns, problems);
                checked.push(Group { name: Some(group.name.value.clone()), selector, steps, span: group.name.span.clone() });
            }
            if let Some(span) = passthrough {
                let name = Some("remainder".to_owned());
                checked.push(Group { name, selector: Selector::Remainder, steps: Vec::new(), span: span.clone() });
            }
            checked
        }
    }
}

fn selector(columns: &Columns, problems: &mut Vec<Diagnostic>) -> Selector {
    let names = |list: &[Spanned<String>]| list.iter().map(|name| name.value.clone()).collect();
    let kinds = columns.types.iter().filter_map(|kind| known_kind(kind, problems)).collect();
    Selector::Chosen { kinds, names: names(&columns.names), except: names(&columns.except) }
}

fn known_kind(kind: &Spanned<String>, problems: &mut Vec<Diagnostic>) -> Option<Kind> {
    let found = Kind::named(&kind.value);
    if found.is_none() {
        let all = Kind::ALL.map(Kind::name);
        let help = match suggest(&kind.value, all) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the types are `{}`", all.join("`, `")),
        };
        let code = if ["datetime", "text"].contains(&kind.value.as_str()) { Code::NotSupported } else { Code::BadValue };
        problems.push(code.error(format!("no type `{}` in this version", kind.value)).at(&kind.span).help(help));
    }
    found
}

fn schema(spec: &Spec, problems: &mut Vec<Diagnostic>) -> Vec<(ColumnName, Kind)> {
    let one = |(name, kind): &(Spanned<String>, Spanned<String>)| Some((column(name), known_kind(kind, problems)?));
    spec.schema.iter().filter_map(one).collect()
}

/// Steps of one list, named as `make_pipeline` names them: repeated classes are numbered.
fn chain(steps: &[Written], address: &str, problems: &mut Vec<Diagnostic>) -> Vec<StepNode> {
    let mut nodes = Vec::new();
    for (i, written) in steps.iter().enumerate() {
        let Some(step) = lookup::step(written, problems) else { continue };
        let same = |other: &&Written| other.name == written.name;
        let name = written.name.to_lowercase();
        let name = match steps.iter().filter(same).count() {
            1 => name,
            _ => format!("{name}-{}", steps[..=i].iter().filter(same).count()),
        };
        nodes.push(StepNode { address: format!("{address}__{name}"), name, step, span: written.span.clone() });
    }
    nodes
}

/// The splitter and why it is this one; `None` when a problem was found.
fn splitter(
    cv: &Cv,
    model: Option<&dyn AnyModel>,
    problems: &mut Vec<Diagnostic>,
) -> Option<(Option<Box<dyn AnySplitter>>, String)> {
    match cv {
        Cv::None => Some((None, "`cv: null` only refits".to_owned())),
        Cv::Written(written) => {
            let splitter = lookup::splitter(written, problems)?;
            if let Some(model) = model
                && splitter.stratifies()
                && model.task() == Task::Regression
            {
                let message = format!("`{}` needs classes, and `{}` is a regression", splitter.name(), model.name());
                problems.push(Code::Conflict.error(message).at(&written.span).help("use `KFold`"));
                return None;
            }
            let reason = format!("{} as written", splitter.name());
            Some((Some(splitter), reason))
        }
        Cv::Folds(folds) => {
            let classifies = model?.task() == Task::Classification;
            let class = if classifies { "StratifiedKFold" } else { "KFold" };
            let mut splitter = crate::splitters::named(class)?.make();
            if let Err(fault) = splitter.set("n_splits", &Value::Int(folds.value)) {
                problems.push(Code::BadValue.error(fault.message).at(&folds.span).help("`cv` is a number of folds from 2, or null"));
                return None;
            }
            let what = if classifies { "a classifier" } else { "a regression" };
            let reason = format!("{class} unshuffled, which is what `cv: {}` means for {what}", folds.value);
            Some((Some(splitter), reason))
        }
    }
}

/// The metrics of `scoring`, or the task's default.
fn scoring(spec: &Spec, model: Option<&dyn AnyModel>, problems: &mut Vec<Diagnostic>) -> Option<Vec<&'static Metric>> {
    let mut found = Vec::new();
    for name in &spec.scoring {
        match metrics::named(&name.value) {
            None => problems.push(unknown_metric(name)),
            Some(metric) => {
                if let Some(model) = model
                    && metric.task != model.task()
                {
                    let kind = |task| if task == Task::Regression { "regressions" } else { "classifiers" };
                    let message = format!("`{}` is for {}, and `{}` is none", metric.name, kind(metric.task), model.name());
                    let help = format!("the default is `{}`", metrics::default_for(model.task()).name);
                    problems.push(Code::Conflict.error(message).at(&name.span).help(help));
                }
                found.push(metric);
            }
        }
    }
    if spec.scoring.is_empty() {
        found.push(metrics::default_for(model?.task()));
    }
    Some(found)
}

fn unknown_metric(name: &Spanned<String>) -> Diagnostic {
    let shows = "`pipefit list metrics` shows all";
    if metrics::known_elsewhere(&name.value) {
        let message = format!("metric `{}` of scikit-learn is not in this version", name.value);
        return Code::NotSupported.error(message).at(&name.span).help(shows);
    }
    let help = match suggest(&name.value, metrics::ALL.iter().map(|metric| metric.name)) {
        Some(near) => format!("did you mean `{near}`? {shows}"),
        None => shows.to_owned(),
    };
    Code::UnknownComponent.error(format!("unknown metric `{}`", name.value)).at(&name.span).help(help)
}

/// One column, one role.
fn roles(spec: &Spec, problems: &mut Vec<Diagnostic>) {
    let others = spec.roles.id.iter().chain(&spec.roles.weight);
    for role in others.filter(|role| role.value == spec.target.value) {
        let message = format!("column `{}` is the target and cannot have another role", role.value);
        problems.push(Code::Conflict.error(message).at(&role.span));
    }
    if let Some(weight) = &spec.roles.weight
        && spec.roles.id.iter().any(|id| id.value == weight.value)
    {
        problems.push(Code::Conflict.error(format!("column `{}` has two roles", weight.value)).at(&weight.span));
    }
}
