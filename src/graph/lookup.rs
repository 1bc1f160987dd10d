//! Names become components: looks a class up, sets its parameters, and reports every problem at the
//! place where it was written.

use super::advice::advice;
use crate::contract::erased::{AnyModel, AnyParams, AnySplitter, AnyStep};
use crate::contract::{Fault, Param, Value};
use crate::diag::{Code, Diagnostic, Span, suggest};
use crate::spec::Written;
use crate::yaml;

/// A list of components, as lookup needs it.
struct Room<K: ?Sized + 'static> {
    /// What one is called in a message.
    what: &'static str,
    /// What `pipefit list` calls them.
    list: &'static str,
    kinds: &'static [&'static K],
    /// Whether scikit-learn has one of this name.
    known_elsewhere: fn(&str) -> bool,
}

/// The step that was written, if there is one of this name; a parameter that cannot be set keeps its default, and the problem
/// is reported.
pub fn step(written: &Written, problems: &mut Vec<Diagnostic>) -> Option<Box<dyn AnyStep>> {
    let room = Room {
        what: "step",
        list: "steps",
        kinds: crate::steps::ALL,
        known_elsewhere: crate::steps::known_elsewhere,
    };
    let kind = room.find(written, |kind| kind.name(), problems)?;
    let mut made = kind.make();
    fill(made.as_mut(), &kind.parameters(), kind.without_effect(), written, problems);
    Some(made)
}

/// As [`step`], the model that was written.
pub fn model(written: &Written, problems: &mut Vec<Diagnostic>) -> Option<Box<dyn AnyModel>> {
    let room = Room {
        what: "model",
        list: "models",
        kinds: crate::models::ALL,
        known_elsewhere: crate::models::known_elsewhere,
    };
    let kind = room.find(written, |kind| kind.name(), problems)?;
    let mut made = kind.make();
    fill(made.as_mut(), &kind.parameters(), kind.without_effect(), written, problems);
    Some(made)
}

/// As [`step`], the splitter that was written.
pub fn splitter(written: &Written, problems: &mut Vec<Diagnostic>) -> Option<Box<dyn AnySplitter>> {
    let room = Room {
        what: "splitter",
        list: "splitters",
        kinds: crate::splitters::ALL,
        known_elsewhere: crate::splitters::known_elsewhere,
    };
    let kind = room.find(written, |kind| kind.name(), problems)?;
    let mut made = kind.make();
    fill(made.as_mut(), &kind.parameters(), kind.without_effect(), written, problems);
    Some(made)
}

impl<K: ?Sized> Room<K> {
    fn find(
        &self,
        written: &Written,
        name: fn(&K) -> &'static str,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<&'static K> {
        let found = self.kinds.iter().find(|kind| name(kind) == written.name);
        if found.is_none() {
            problems.push(unknown(
                self.what,
                self.list,
                written,
                self.kinds.iter().map(|kind| name(kind)),
                self.known_elsewhere,
            ));
        }
        found.copied()
    }
}

/// The problem of a name that is not in a list.
fn unknown<'a>(
    what: &str,
    list: &str,
    written: &Written,
    names: impl Iterator<Item = &'a str>,
    known_elsewhere: fn(&str) -> bool,
) -> Diagnostic {
    let name = &written.name;
    let shows = format!("`pipefit list {list}` shows all");
    if known_elsewhere(name) {
        let message = format!("{what} `{name}` of scikit-learn is not in this version");
        return Code::NotSupported.error(message).at(&written.span).help(shows);
    }
    let elsewhere = elsewhere(name);
    let help = match (suggest(name, names), elsewhere) {
        (_, Some(room)) => format!("`{name}` is a {room}; {shows}"),
        (Some(near), None) => format!("did you mean `{near}`? {shows}"),
        (None, None) => shows,
    };
    Code::UnknownComponent.error(format!("unknown {what} `{name}`")).at(&written.span).help(help)
}

/// What a name is, if it stands in the wrong section.
fn elsewhere(name: &str) -> Option<&'static str> {
    if crate::steps::named(name).is_some() {
        Some("step")
    } else if crate::models::named(name).is_some() {
        Some("model")
    } else if crate::splitters::named(name).is_some() {
        Some("splitter")
    } else {
        None
    }
}

/// Sets the parameters that were written. What is wrong goes to `problems`.
fn fill<T: AnyParams + ?Sized>(
    made: &mut T,
    parameters: &[Param],
    idle: &[&'static str],
    written: &Written,
    problems: &mut Vec<Diagnostic>,
) {
    for parameter in &written.parameters {
        problems.extend(set(made, parameters, idle, parameter));
    }
    let given: Vec<_> =
        written.parameters.iter().map(|(name, _, node)| (name.as_str(), &written.span, node)).collect();
    problems.extend(check(made, parameters, &written.span, &given));
}

/// Sets one parameter: its name, the place of the name, its value. Gives what is to be said of it.
pub fn set<T: AnyParams + ?Sized>(
    made: &mut T,
    parameters: &[Param],
    idle: &[&'static str],
    (name, span, node): &(String, Span, yaml::Node),
) -> Vec<Diagnostic> {
    let class = made.name();
    let idle = idle.contains(&name.as_str());
    match made.set(name, &value(node)) {
        Ok(known) if known || idle => {
            let idle = idle.then(|| {
                let message = format!("`{name}` of `{class}` is accepted and changes nothing here");
                Code::WarnNoEffect.warning(message).at(span)
            });
            let deprecated = crate::models::deprecated(class, name).map(|instead| {
                let message = format!("`{name}` of `{class}` is deprecated in scikit-learn");
                Code::WarnDeprecated.warning(message).at(span).help(instead)
            });
            idle.into_iter().chain(deprecated).collect()
        }
        Ok(_) => vec![unknown_parameter(class, name, span, parameters)],
        Err(fault) => vec![bad_value(made, fault, parameters, &node.span, &value(node))],
    }
}

/// What is wrong between parameters, of which these are written, each told at its value, or at `whole`.
pub fn check<T: AnyParams + ?Sized>(
    made: &mut T,
    parameters: &[Param],
    whole: &Span,
    written: &[(&str, &Span, &yaml::Node)],
) -> Vec<Diagnostic> {
    let faults = made.check();
    let told = |fault: Fault| {
        let at = fault.parameter.and_then(|name| written.iter().find(|(own, ..)| *own == name));
        let (span, given) = at.map_or((whole, Value::Null), |(_, _, node)| (&node.span, value(node)));
        bad_value(made, fault, parameters, span, &given)
    };
    faults.into_iter().map(told).collect()
}

/// The problem of a parameter's value.
fn bad_value<T: AnyParams + ?Sized>(
    made: &mut T,
    fault: Fault,
    parameters: &[Param],
    span: &Span,
    given: &Value,
) -> Diagnostic {
    let param = parameters.iter().find(|param| Some(param.name) == fault.parameter);
    let help = param.map(|param| advice(made, &fault, param, given)).or_else(|| fault.help.clone());
    let problem = Code::BadValue.error(fault.message).at(span);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

fn unknown_parameter(class: &str, name: &str, span: &Span, parameters: &[Param]) -> Diagnostic {
    if let Some(today) = removed(class, name) {
        let message = format!("`{name}` of `{class}` was removed from scikit-learn");
        return Code::Removed.error(message).at(span).help(today);
    }
    let names: Vec<_> = parameters.iter().map(|param| param.name).collect();
    let help = match suggest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? `pipefit explain {class}` lists the parameters"),
        None if names.is_empty() => format!("`{class}` has no parameters"),
        None => format!(
            "it has {}; see `pipefit explain {class}`",
            names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    Code::UnknownParameter.error(format!("`{class}` has no parameter `{name}`")).at(span).help(help)
}

/// Today's spelling of parameters that scikit-learn has removed.
fn removed(class: &str, name: &str) -> Option<&'static str> {
    match (class, name) {
        ("OneHotEncoder", "sparse") => Some("leave it out: indicators are kept sparse by themselves"),
        _ => crate::models::removed(class, name),
    }
}

/// A node without its places.
pub fn value(node: &yaml::Node) -> Value {
    match &node.value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(value) => Value::Bool(*value),
        yaml::Value::Int(value) => Value::Int(*value),
        yaml::Value::Float(value) => Value::Float(*value),
        yaml::Value::Text(text) => Value::Text(text.clone()),
        yaml::Value::List(items) => Value::List(items.iter().map(value).collect()),
        yaml::Value::Map(entries) => {
            Value::Map(entries.iter().map(|entry| (entry.key.clone(), value(&entry.value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Written, model};
    use crate::diag::{Code, Source, Span};
    use crate::yaml::{Node, Value};

    /// Of these, scikit-learn's solvers make something; here the optimum itself is found.
    #[test]
    fn a_parameter_without_effect_is_checked_and_told() {
        let span = Span { source: Source::new("a.yaml", "model"), start: 0, end: 5 };
        for (class, idle) in [
            ("LogisticRegression", &["max_iter", "tol", "solver", "n_jobs"][..]),
            ("Ridge", &["max_iter", "tol", "solver", "copy_X"]),
            ("LinearRegression", &["tol", "n_jobs"]),
            ("Lasso", &["max_iter", "tol", "copy_X"]),
            ("ElasticNet", &["max_iter", "tol", "copy_X"]),
        ] {
            for name in idle {
                let given = if *name == "solver" { Value::Text("sag".into()) } else { Value::Int(7) };
                let node = Node::new(span.clone(), given);
                let parameters = vec![((*name).to_owned(), span.clone(), node)];
                let written = Written { name: class.into(), span: span.clone(), parameters };
                let mut problems = Vec::new();
                assert!(model(&written, &mut problems).is_some(), "{problems:?}");
                let message = format!("`{name}` of `{class}` is accepted and changes nothing here");
                let told: Vec<_> =
                    problems.iter().map(|problem| (problem.code(), problem.message())).collect();
                assert_eq!(told, [(Code::WarnNoEffect, message.as_str())]);
            }
        }
        let node = Node::new(span.clone(), Value::Text("many".into()));
        let parameters = vec![("max_iter".to_owned(), span.clone(), node)];
        let written = Written { name: "LogisticRegression".into(), span, parameters };
        let mut problems = Vec::new();
        assert!(model(&written, &mut problems).is_some() && problems.len() == 1, "{problems:?}");
    }
}
