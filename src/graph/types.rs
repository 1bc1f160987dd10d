//! Types on the edges: whether every step can take what the one before it gives.

use super::draft::Draft;
use super::nodes::{Group, ModelNode, Pipeline, StepNode};
use crate::contract::Types;
use crate::diag::{Code, Diagnostic, Span};
use crate::table::Kind;

/// The types of columns of these kinds. Whether values are missing is for the data to say.
pub fn of_kinds(kinds: impl Iterator<Item = Kind>) -> Types {
    kinds.fold(Types::NONE, |types, kind| match kind {
        Kind::Number | Kind::Bool => Types { numbers: true, ..types },
        Kind::Category => Types { categories: true, ..types },
        Kind::Datetime => Types { datetimes: true, ..types },
        // Never a feature.
        Kind::Text => types,
    })
}

/// Walks a pipeline with the types that each group's columns have, where they are known.
pub fn check(pipeline: &Pipeline, known: &[Option<Types>]) -> Vec<Diagnostic> {
    walk(&pipeline.groups, &pipeline.select, Some(&pipeline.model), known)
}

/// The same as far as the components are there: what comes after a missing one is not judged.
pub fn check_draft(draft: &Draft, known: &[Option<Types>]) -> Vec<Diagnostic> {
    let address = |group: &Group| {
        group.name.as_ref().map_or_else(|| "preprocess".to_owned(), |name| format!("preprocess__{name}"))
    };
    let whole = |group: &Group| !draft.lost && !draft.lacks(&address(group));
    let known: Vec<_> =
        draft.groups.iter().zip(known).map(|(group, types)| types.filter(|_| whole(group))).collect();
    match draft.lacks("select") {
        true => walk(&draft.groups, &[], None, &known),
        false => walk(&draft.groups, &draft.select, draft.model.as_ref(), &known),
    }
}

fn walk(
    groups: &[Group],
    select: &[StepNode],
    model: Option<&ModelNode>,
    known: &[Option<Types>],
) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut joined = Some(of_kinds(std::iter::empty()));
    for (group, types) in groups.iter().zip(known) {
        let out = types.and_then(|types| chain(&group.steps, types, what(group), &mut problems));
        joined = joined.zip(out).map(|(joined, out)| joined.or(out));
    }
    let joined = joined.and_then(|types| chain(select, types, "the features".into(), &mut problems));
    let bad = joined.filter(|types| types.categories || types.datetimes);
    if let Some((model, types)) = model.zip(bad) {
        problems.push(mismatch("the features", types, model.model.name(), &model.span));
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
        if types.categories && !accepts.categories && !accepts.datetimes
            || types.datetimes && !accepts.datetimes
        {
            problems.push(mismatch(&what, types, node.step.name(), &node.span));
            return None;
        }
        if types.numbers && !accepts.numbers || types.categories && !accepts.categories {
            let (held, taken) = (
                if types.numbers { "numbers" } else { "categories" },
                if accepts.datetimes { "datetimes" } else { "categories" },
            );
            let message = format!("{what} holds {held}, and `{}` takes {taken}", node.step.name());
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

fn mismatch(what: &str, types: Types, class: &str, span: &Span) -> Diagnostic {
    let (held, taken, help) = if types.datetimes {
        (
            "datetimes",
            "none",
            "encode them with `DatetimeEncoder`, in a column group `{type: datetime}` of their own",
        )
    } else {
        (
            "categories",
            "numbers",
            "encode them with `OneHotEncoder`, or give numbers and categories a column group each",
        )
    };
    Code::TypeMismatch.error(format!("{what} holds {held}, and `{class}` takes {taken}")).at(span).help(help)
}
