//! `pipefit models promote|rollback|rm`: what moves aliases.

use std::time::SystemTime;

use clap::Args;
use serde_json::json;

use super::output::Output;
use crate::diag::{Code, Result, without_passwords};
use crate::registry::{LATEST, Model, Moved, Note, Registry, rfc3339};

/// What `promote` takes.
#[derive(Debug, Args)]
pub struct Promote {
    /// NAME, NAME@ALIAS or NAME:VERSION
    model: String,
    /// The alias that is to name it
    #[arg(long, value_name = "ALIAS")]
    alias: String,
    #[command(flatten)]
    said: Said,
}

/// What `rollback` takes.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The model's name
    #[arg(value_name = "NAME")]
    model: String,
    /// The alias; by default `champion`, or the only one beside `latest`
    #[arg(long, value_name = "ALIAS")]
    alias: Option<String>,
    /// One of the versions that it named before, instead of the last one
    #[arg(long, value_name = "VERSION")]
    to: Option<u64>,
    #[command(flatten)]
    said: Said,
}

/// What `rm` takes.
#[derive(Debug, Args)]
pub struct Remove {
    /// NAME:VERSION or NAME@ALIAS; NAME with --all
    model: String,
    /// Remove every version
    #[arg(long)]
    all: bool,
    /// Remove the aliases that name it as well
    #[arg(long)]
    aliases_too: bool,
    #[command(flatten)]
    said: Said,
}

/// What goes into the history.
#[derive(Debug, Args)]
struct Said {
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Who does it, for the history; `PIPEFIT_BY` or the user's name by default
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// The longest reason, in characters.
const LONGEST: usize = 1000;

/// What is written down of a move.
struct Written {
    at: String,
    by: Option<String>,
    why: Option<String>,
}

impl Said {
    fn written(&self) -> Result<Written> {
        let short = |text: &String| {
            if text.chars().count() <= LONGEST {
                return Ok(without_passwords(text).into_owned());
            }
            let message = format!("a text for the history has more than {LONGEST} characters");
            Err(Code::Usage.error(message).help("say it in fewer words, with a link to the rest"))
        };
        let by = self.by.clone().or_else(user);
        let (by, why) = (by.as_ref().map(short).transpose()?, self.why.as_ref().map(short).transpose()?);
        Ok(Written { at: rfc3339(SystemTime::now()), by, why })
    }
}

impl Written {
    fn note(&self) -> Note<'_> {
        Note { at: &self.at, by: self.by.as_deref(), why: self.why.as_deref() }
    }
}

/// Who calls: `PIPEFIT_BY`, else the name that the system gives the user.
pub fn user() -> Option<String> {
    let variables = ["PIPEFIT_BY", "USER", "LOGNAME", "USERNAME"].into_iter();
    variables.filter_map(|name| std::env::var(name).ok()).find(|name| !name.is_empty())
}

/// Runs `promote`.
pub fn promote(arguments: &Promote, registry: &Registry, output: &Output) -> Result<()> {
    let written = arguments.said.written()?;
    let moved = registry.promote(&arguments.model, &arguments.alias, &written.note())?;
    tell("pipefit.promote/1", &moved, &written, output);
    Ok(())
}

/// Runs `rollback`.
pub fn rollback(arguments: &Rollback, registry: &Registry, output: &Output) -> Result<()> {
    let written = arguments.said.written()?;
    let alias = arguments.alias.as_deref();
    let moved = registry.rollback(&arguments.model, alias, arguments.to, &written.note())?;
    tell("pipefit.rollback/1", &moved, &written, output);
    Ok(())
}

fn tell(schema: &str, moved: &Moved, written: &Written, output: &Output) {
    let Moved { name, alias, from, to } = moved;
    let changed = *from != Some(to.version);
    if output.json {
        output.object(&json!({
            "schema": schema, "status": "ok", "name": name, "alias": alias, "from": from, "to": to.version,
            "changed": changed, "sha256": to.sha256, "at": written.at, "by": written.by, "why": written.why,
        }));
        return;
    }
    let before = match from {
        Some(_) if !changed => " already".to_owned(),
        Some(number) => format!(", before version {number}"),
        None => String::new(),
    };
    output.answer(&format!("{name}@{alias} names version {}{before}\n", to.version));
}

/// Runs `rm`.
pub fn remove(arguments: &Remove, registry: &Registry, output: &Output) -> Result<()> {
    let written = arguments.said.written()?;
    let Remove { model, all, aliases_too, .. } = arguments;
    let removed = registry.remove(model, *all, *aliases_too, &written.note())?;
    if output.json {
        output.object(&json!({
            "schema": "pipefit.remove/1", "status": "ok", "name": removed.name, "versions": removed.versions,
            "aliases": removed.aliases, "latest": removed.latest, "files": removed.files,
            "at": written.at, "by": written.by, "why": written.why,
        }));
        return Ok(());
    }
    let count = match &removed.versions[..] {
        [one] => format!("version {one}"),
        all => format!("{} versions", all.len()),
    };
    let latest =
        removed.latest.map_or("no version is left".to_owned(), |latest| format!("{LATEST} is {latest}"));
    output.answer(&format!("{}: removed {count}, {} files; {latest}\n", removed.name, removed.files));
    Ok(())
}

/// The moves of the aliases as `show` tells them, the newest first; of `latest` only those that no publication made.
pub fn history(model: &Model) -> String {
    let told = model.history.iter().rev().filter(|step| step.alias != LATEST || step.run.is_none());
    let line = |step: &crate::registry::Move| {
        let number = |number: Option<u64>| number.map_or("none".to_owned(), |number| number.to_string());
        let by = step.by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
        let why = step.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
        let (from, to) = (number(step.from), number(step.to));
        format!("    {}  {} {from} -> {to}, {}{by}{why}\n", step.at, step.alias, step.how.name())
    };
    let lines: String = told.map(line).collect();
    if lines.is_empty() { lines } else { format!("  history\n{lines}") }
}
