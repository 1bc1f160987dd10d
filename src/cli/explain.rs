//! `pipefit explain NAME|CODE`

use clap::Args;
use serde_json::json;

use super::Done;
use super::output::Output;
use crate::contract::erased::Declared;
use crate::contract::{Metric, Param};
use crate::diag::{Code, suggest};

/// What `explain` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A component's name, or a code such as E0203
    #[arg(value_name = "NAME|CODE")]
    name: String,
}

/// Explains a component from its declaration, or a code from the table of codes.
pub fn run(arguments: &Arguments, output: &Output) -> Done {
    let name = &arguments.name;
    if let Some(code) = Code::ALL.iter().find(|code| code.id().eq_ignore_ascii_case(name)) {
        explain_code(*code, output);
    } else if let Some((room, kind)) = component(name) {
        explain_component(room, kind, output);
    } else if let Some(metric) = crate::metrics::named(name) {
        explain_metric(metric, output);
    } else {
        let codes = Code::ALL.iter().map(|code| code.id());
        let metrics = crate::metrics::ALL.iter().map(|metric| metric.name);
        let names = components().map(|(_, kind)| kind.name()).chain(metrics).chain(codes);
        let help = match suggest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`pipefit list steps|models|splitters|searches|metrics` shows all".to_owned(),
        };
        return Err(vec![Code::Usage.error(format!("nothing is called `{name}`")).help(help)]);
    }
    Ok(())
}

/// All components with their rooms.
fn components() -> impl Iterator<Item = (&'static str, &'static dyn Declared)> {
    let steps = crate::steps::ALL.iter().map(|kind| ("step", *kind as &dyn Declared));
    let models = crate::models::ALL.iter().map(|kind| ("model", *kind as &dyn Declared));
    let splitters = crate::splitters::ALL.iter().map(|kind| ("splitter", *kind as &dyn Declared));
    let searches = crate::graph::SEARCHERS.iter().map(|kind| ("search", *kind));
    steps.chain(models).chain(splitters).chain(searches)
}

fn component(name: &str) -> Option<(&'static str, &'static dyn Declared)> {
    components().find(|(_, kind)| kind.name() == name)
}

fn explain_code(code: Code, output: &Output) {
    if output.json {
        let object = json!({
            "schema": "pipefit.explain/1", "code": code.id(), "title": code.title(),
            "explanation": code.explanation(), "exit_code": code.exit_code(),
        });
        return output.object(&object);
    }
    let mut text = format!("{}: {}\n\n{}\n", code.id(), code.title(), wrapped(code.explanation(), ""));
    if code.exit_code() != 0 {
        text.push_str(&format!("\nexit code {}\n", code.exit_code()));
    }
    output.answer(&text);
}

fn explain_metric(metric: &Metric, output: &Output) {
    let task = format!("{:?}", metric.task).to_lowercase();
    if output.json {
        let object = json!({
            "schema": "pipefit.explain/1", "name": metric.name, "kind": "metric", "summary": metric.summary, "task": task,
        });
        return output.object(&object);
    }
    output.answer(&format!("{} (metric for {task})\n\n{}\n", metric.name, wrapped(metric.summary, "")));
}

fn explain_component(room: &str, kind: &dyn Declared, output: &Output) {
    let parameters = kind.parameters();
    if output.json {
        let one = |param: &Param| {
            json!({
                "name": param.name, "type": param.kind, "default": param.default.to_string(),
                "bound": param.bound.words(), "summary": param.sentence,
            })
        };
        let object = json!({
            "schema": "pipefit.explain/1", "name": kind.name(), "kind": room, "summary": kind.summary(),
            "parameters": parameters.iter().map(one).collect::<Vec<_>>(),
            "without_effect": kind.without_effect(),
        });
        return output.object(&object);
    }
    let mut text = format!("{} ({room})\n\n{}\n", kind.name(), wrapped(&kind.summary(), ""));
    if !parameters.is_empty() {
        text.push_str("\nparameters\n");
    }
    for param in &parameters {
        let bound = param.bound.words();
        let bound = if bound.is_empty() { String::new() } else { format!(", {bound}") };
        text.push_str(&format!("  {}: {}{bound}; default {}\n", param.name, param.kind, param.default));
        text.push_str(&format!("{}\n", wrapped(&param.sentence, "      ")));
    }
    if !kind.without_effect().is_empty() {
        text.push_str(&format!("\naccepted without effect: {}\n", kind.without_effect().join(", ")));
    }
    for (check, reason) in kind.exceptions() {
        text.push_str(&format!("\nexcused from the check `{check}`: {reason}\n"));
    }
    output.answer(&text);
}

/// A text in lines of at most 90 characters.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = vec![indent.to_owned()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].chars().count() + word.chars().count() >= 90 {
            lines.push(format!("{indent}{word}"));
        } else {
            let space = if lines[last].len() > indent.len() { " " } else { "" };
            lines[last].push_str(&format!("{space}{word}"));
        }
    }
    lines.join("\n")
}
