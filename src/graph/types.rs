//! Types on the edges: whether every step can take what the one before it gives.

use super::nodes::{Group, Pipeline, StepNode};
use crate::contract::Types;
use crate::diag::{Code, Diagnostic, Span};
use crate::table::Kind;

/// The types of columns of these kinds. Whether values are missing is for the data to say.
pub fn of_kinds(kinds: impl Iterator<Item = Kind>) -> Types {
    let none = Types { numbers: false, categories: false, missing: false };
    kinds.fold(none, |types, kind| match kind {
        Kind::Number | Kind::Bool => Types { numbers: true, ..types },
        Kind::Category => Types { categories: true, ..types },
    })
}

/// Walks a pipeline with the types that each group's columns have, where they are known.
pub fn check(pipeline: &Pipeline, groups: &[Option<Types>]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut joined = Some(of_kinds(std::iter::empty()));
    for (group, types) in pipeline.groups.iter().zip(groups) {
        let out = types.and_then(|types| chain(&group.steps, types, what(group), &mut problems));
        joined = joined.zip(out).map(|(joined, out)| joined.or(out));
    }
    let joined =
        joined.and_then(|types| chain(&pipeline.select, types, "the features".into(), &mut problems));
    if joined.is_some_and(|types| types.categories) {
        problems.push(mismatch("the features", pipeline.model.model.name(), &pipeline.model.span));
    }
    problems
}

fn what(group: &Group) -> String {
    group.name.as_ref().map_or_else(|| "the features".to_owned(), |name| format!("group `{name}`"))
}

/// The types after a list of steps; `None` once a problem was found.
fn chain(
    steps: &[StepNode],
    mut types: Types,
    what: String,
    problems: &mut Vec<Diagnostic>,
) -> Option<Types> {
    for node in steps {
        let accepts = node.step.accepts();
        if types.categories && !accepts.categories {
            problems.push(mismatch(&what, node.step.name(), &node.span));
            return None;
        }
        if types.numbers && !accepts.numbers {
            let message = format!("{what} holds numbers, and `{}` takes categories", node.step.name());
            problems.push(
                Code::TypeMismatch
                    .error(message)
                    .at(&node.span)
                    .help("select columns by type in a column group"),
            );
            return None;
        }
        types = node.step.emits(types);
    }
    Some(types)
}

fn mismatch(what: &str, class: &str, span: &Span) -> Diagnostic {
    Code::TypeMismatch
        .error(format!("{what} holds categories, and `{class}` takes numbers"))
        .at(span)
        .help("encode them with `OneHotEncoder`, or give numbers and categories a column group each")
}
