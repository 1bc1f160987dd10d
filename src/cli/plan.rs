//! `pipefit plan FILE`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::output::Output;
use super::signals::Interrupt;
use super::{Done, Global, bars::Bars, memory, origins, run};
use crate::graph::{Drawing, Graph};
use crate::job::{self, Prepared};
use crate::plan::{Bound, Plan, mib};
use crate::spec::Variant;

/// How many folds the text shows; they differ by a row at most.
const FOLDS_SHOWN: usize = 3;

/// What `plan` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The pipeline file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Override a key of the file
    #[arg(short = 'S', value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// The form of the answer
    #[arg(long, default_value = "text", value_parser = ["text", "json", "dot", "mermaid"])]
    format: String,
    /// Tell every key with its value and where that was written, and read no data
    #[arg(long, conflicts_with_all = ["path", "memory"])]
    origin: bool,
    /// Force the path: `two-pass` or `general`
    #[arg(long, value_name = "PATH", value_parser = ["two-pass", "general"])]
    path: Option<String>,
    /// How much memory the run may take, e.g. `4GiB` or `500MB`; 60 % of what there is by default
    #[arg(long, value_name = "SIZE", value_parser = memory::size)]
    memory: Option<u64>,
}

/// Tells how the file would be run. A drawing and the origin of keys need the file alone; the rest reads the data.
pub fn run(arguments: &Arguments, global: &Global, output: &Output) -> Done {
    let (file, overrides) = (&arguments.file, &arguments.overrides);
    let as_json = arguments.format == "json" || (output.json && arguments.format == "text");
    if arguments.origin {
        return origins::tell(file, overrides, as_json, output);
    }
    let graphs = run::all_checked(file, overrides, output)?;
    if let "dot" | "mermaid" = arguments.format.as_str() {
        for drawing in graphs.iter().map(Drawing::of) {
            output.answer(&if arguments.format == "dot" { drawing.dot() } else { drawing.mermaid() });
        }
        return Ok(());
    }
    let bars = Bars::new(Interrupt::catch());
    let options = run::options(global, arguments.path.as_deref(), arguments.memory);
    let mut objects = Vec::new();
    for graph in &graphs {
        let tell = |bound: &Bound, plan: &Plan, prepared: &Prepared| {
            if as_json {
                Ok(run::with_variant(object(graph, bound, plan, prepared), &graph.variant))
            } else {
                Err(text(graph, bound, plan, prepared))
            }
        };
        let told = job::plan(graph, &options, &bars, tell);
        bars.clear();
        match told? {
            Ok(object) => objects.push(object),
            Err(text) => output.answer(&text),
        }
    }
    if as_json {
        answer_all(objects, &graphs[0].variant, output);
    }
    Ok(())
}

/// An object a pipeline: alone where the file is one, as the variant of its first tells.
pub fn answer_all(mut objects: Vec<Value>, variant: &Variant, output: &Output) {
    let answer = if variant.is_only() { objects.swap_remove(0) } else { objects.into() };
    output.answer(&format!("{answer}\n"));
}

fn object(graph: &Graph, bound: &Bound, plan: &Plan, prepared: &Prepared) -> Value {
    let steps = plan.steps.iter().map(|step| {
        json!({"address": step.address, "class": step.class, "path": step.path.name(), "reason": step.reason})
    });
    let folds = bound.folds.iter().map(|fold| json!({"train": fold.train.len(), "test": fold.test.len()}));
    json!({
        "schema": "pipefit.plan/1",
        "pipeline": graph.name,
        "data": {
            "rows": prepared.extent.rows(), "columns": prepared.extent.width(), "sha256": prepared.loaded.fingerprint,
        },
        "clean": crate::report::cleaning(&prepared.dropped, prepared.extent.rows()),
        "path": plan.path.name(),
        "reason": plan.reason,
        "candidates": crate::report::candidates(plan, graph),
        "passes": plan.passes,
        "iterates": plan.iterates,
        "bytes": plan.memory.bytes,
        "memory": crate::report::memory(plan),
        "splitter": graph.splitter.as_ref().map(|splitter| splitter.name()),
        "splitter_reason": graph.splitter_reason,
        "folds": folds.collect::<Vec<_>>(),
        "steps": steps.collect::<Vec<_>>(),
        "graph": Drawing::of(graph).json(),
    })
}

/// What the run takes, what it may take, and how much is at work at a time.
fn memory_line(plan: &Plan) -> String {
    let memory = &plan.memory;
    let mut line = mib(memory.bytes);
    if memory.bound < u64::MAX {
        line.push_str(&format!(" of {}", mib(memory.bound)));
    }
    line.push_str(&format!("; the most is {}: {}", memory.most.0, mib(memory.most.1)));
    if plan.paths.contains(&crate::plan::Path::General) {
        let folds = if memory.folds == 1 { "one fold".to_owned() } else { format!("{} folds", memory.folds) };
        line.push_str(&format!("; {folds} at a time"));
    }
    line
}

/// What `clean` does, and how many rows each of its operations has dropped.
fn cleaning(prepared: &Prepared) -> String {
    if prepared.dropped.is_empty() {
        return String::new();
    }
    let mut text = format!("clean     {} rows are left\n", prepared.loaded.table.rows());
    let width =
        prepared.dropped.iter().filter_map(|dropped| dropped.rows).max().unwrap_or(0).to_string().len();
    for dropped in &prepared.dropped {
        let rows = match dropped.rows {
            Some(rows) => format!("{rows:>width$} dropped"),
            None => format!("{:width$}  columns", ""),
        };
        text.push_str(&format!("  {rows}  {}\n", dropped.operation));
    }
    text.push('\n');
    text
}

fn text(graph: &Graph, bound: &Bound, plan: &Plan, prepared: &Prepared) -> String {
    let name = match graph.variant.name() {
        variant if variant.is_empty() => graph.name.clone(),
        variant => format!("{}, {variant}", graph.name),
    };
    let mut text =
        format!("{name}: {} rows, {} columns\n\n", prepared.extent.rows(), prepared.extent.width());
    text.push_str(&cleaning(prepared));
    text.push_str(&Drawing::of(graph).text());
    text.push_str(&format!("\npath      {}: {}\n", plan.path.name(), plan.reason));
    if let Some(search) = &graph.search {
        text.push_str(&format!("search    {} of {} candidates\n", search.class, search.candidates.len()));
    }
    let more = if plan.iterates { ", and one in every iteration of the model" } else { "" };
    text.push_str(&format!("passes    {} over the table{more}\n", plan.passes));
    text.push_str(&format!("memory    {}\n", memory_line(plan)));
    text.push_str(&format!("folds     {}\n", graph.splitter_reason));
    for (k, fold) in bound.folds.iter().take(FOLDS_SHOWN).enumerate() {
        let (train, test) = (fold.train.len(), fold.test.len());
        text.push_str(&format!("  {:>3}     {train} to learn from, {test} to score\n", k + 1));
    }
    if let Some(more) = bound.folds.len().checked_sub(FOLDS_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("          and {more} more; `--format json` has all {}\n", bound.folds.len()));
    }
    let written = if graph.search.is_some() { " as written" } else { "" };
    text.push_str(&format!("steps{written}, with the path that each allows\n"));
    let width = plan.steps.iter().map(|step| step.address.len()).max().unwrap_or(0);
    for step in &plan.steps {
        text.push_str(&format!(
            "  {:width$}  {:9} {} {}\n",
            step.address,
            step.path.name(),
            step.class,
            step.reason
        ));
    }
    text
}
