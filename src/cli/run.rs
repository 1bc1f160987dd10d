//! `pipefit run FILE...`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::Value;

use super::bars::Bars;
use super::output::{Output, exit_code, failure};
use super::signals::Interrupt;
use super::{Global, aliases, memory, signatures};
use crate::diag::{Code, Diagnostic, Severity};
use crate::graph::{self, Graph};
use crate::job::{self, Finished, Latest};
use crate::spec::Variant;

/// What `run` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The pipeline files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Override a key of the file, e.g. `-S model.Ridge.alpha=2`
    #[arg(short = 'S', value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Fail when anything differs from FILE.lock, and publish nothing then
    #[arg(long)]
    locked: bool,
    /// Learn from the snapshot that this lock names, instead of the data; with `--locked`, compare with this lock
    #[arg(long, value_name = "LOCK")]
    replay: Option<PathBuf>,
    /// End with exit code 7 where the gate of `promote` does not promote the new version; it is published all the same
    #[arg(long)]
    gate: bool,
    /// Compare with no champion that this public key (PEM) has not signed, and publish nothing then
    #[arg(long, value_name = "FILE")]
    require_signature: Option<PathBuf>,
    /// Do not use remembered steps
    #[arg(long)]
    no_cache: bool,
    /// Force the path: `two-pass` or `general`
    #[arg(long, value_name = "PATH", value_parser = ["two-pass", "general"])]
    path: Option<String>,
    /// How much memory the run may take, e.g. `4GiB` or `500MB`; 60 % of what there is by default
    #[arg(long, value_name = "SIZE", value_parser = memory::size)]
    memory: Option<u64>,
}

/// Runs every pipeline of every file in turn and gives the exit code of the first that failed.
pub fn run(arguments: &Arguments, global: &Global, output: &Output, start: Instant) -> u8 {
    let interrupt = Interrupt::catch();
    let runs = Runs { arguments, global, output, interrupt: &interrupt, latest: Arc::default() };
    let mut objects = Vec::new();
    let mut code = 0;
    let mut alone = arguments.files.len() == 1;
    let mut failed = |problems: &[Diagnostic]| {
        output.tell(problems);
        code = if code == 0 { exit_code(problems) } else { code };
    };
    for file in &arguments.files {
        let graphs = all_checked(file, &arguments.overrides, output).unwrap_or_else(|problems| {
            failed(&problems);
            objects.push(failure(&problems));
            Vec::new()
        });
        alone &= graphs.iter().all(|graph| graph.variant.is_only());
        for graph in &graphs {
            let start = if objects.is_empty() { start } else { Instant::now() };
            match runs.one(file, graph, start) {
                Ok(finished) => {
                    if !output.json {
                        output.answer(&summary(&finished));
                    }
                    if let Some(refused) = refused(&finished).filter(|_| arguments.gate) {
                        failed(&[refused]);
                    }
                    objects.push(finished.json);
                }
                Err(problems) => {
                    failed(&problems);
                    objects.push(with_variant(failure(&problems), &graph.variant));
                }
            }
            if interrupt.raised() {
                break;
            }
        }
        if interrupt.raised() {
            break;
        }
    }
    if output.json {
        match &objects[..] {
            [one] if alone => output.object(one),
            _ => output.object(&Value::Array(objects)),
        }
    }
    code
}

/// What is told of one of a file's pipelines says which it is, where it has several.
pub fn with_variant(mut object: Value, variant: &Variant) -> Value {
    if !variant.is_only() {
        object["variant"] = variant.json();
    }
    object
}

/// The pipelines of one call.
struct Runs<'a> {
    arguments: &'a Arguments,
    global: &'a Global,
    output: &'a Output,
    interrupt: &'a Interrupt,
    latest: Arc<Latest>,
}

impl Runs<'_> {
    fn one(&self, file: &Path, graph: &Graph, start: Instant) -> Result<Finished, Vec<Diagnostic>> {
        if self.arguments.gate && graph.promote.is_none() {
            let message = format!("`--gate` asks for a gate, and `{}` has none", file.display());
            let help = "add `promote: {require: [{metric: r2, threshold: 0.5}]}`, or leave out `--gate`";
            return Err(Code::Usage.error(message).help(help).into());
        }
        if graph.variant.is_swept() && (self.arguments.locked || self.arguments.replay.is_some()) {
            let message =
                format!("`{}` is several pipelines by `-S`, of which no lock knows", file.display());
            let help = "give each key one value, or name them in `matrix`";
            return Err(Code::Usage.error(message).help(help).into());
        }
        let overrides = self.arguments.overrides.clone();
        let signer = self.arguments.require_signature.as_deref().map(signatures::public_key).transpose()?;
        let options = job::Options {
            overrides,
            signer,
            locked: self.arguments.locked,
            by: aliases::user(),
            replay: self.arguments.replay.clone(),
            latest: Arc::clone(&self.latest),
            ..options(self.global, self.arguments.path.as_deref(), self.arguments.memory)
        };
        let bars = Bars::new(self.interrupt.clone());
        let done = job::run(file, graph, &options, start, &bars);
        bars.clear();
        let finished = done?;
        self.output.tell(&finished.warnings);
        Ok(finished)
    }
}

/// Why the gate has not promoted what was published, if it has not.
fn refused(finished: &Finished) -> Option<Diagnostic> {
    let promotion = finished.json.get("promotion").filter(|decision| decision["promoted"] == false)?;
    let text = |key: &str| promotion[key].as_str().unwrap_or_default();
    let version = finished.json.pointer("/artifact/version").and_then(Value::as_u64).unwrap_or_default();
    let message = format!("version {version} is not promoted to `{}`: {}", text("alias"), text("why"));
    let help = "it is published as `latest`; `pipefit models promote` promotes it all the same";
    Some(Code::NotReproducible.error(message).help(help))
}

/// The job's options from the command line.
pub fn options(global: &Global, path: Option<&str>, memory: Option<u64>) -> job::Options {
    let path = path
        .map(|path| if path == "general" { crate::plan::Path::General } else { crate::plan::Path::TwoPass });
    let (store, threads) = (global.store.clone(), global.threads.map(usize::from));
    job::Options { store, threads, path, memory: memory::bound(memory), ..job::Options::default() }
}

/// The pipeline of a checked file that is one; warnings are told at once.
pub fn checked(file: &Path, overrides: &[String], output: &Output) -> Result<Graph, Vec<Diagnostic>> {
    let (graph, problems) = graph::read(file, overrides);
    told(graph.into_iter().collect(), problems, output).map(|mut graphs| graphs.swap_remove(0))
}

/// The pipelines of a checked file, one at least; warnings are told at once.
pub fn all_checked(
    file: &Path,
    overrides: &[String],
    output: &Output,
) -> Result<Vec<Graph>, Vec<Diagnostic>> {
    let (graphs, problems) = graph::read_all(file, overrides);
    told(graphs, problems, output)
}

/// What was checked, or what is wrong with it; warnings are told at once.
pub fn told(
    graphs: Vec<Graph>,
    problems: Vec<Diagnostic>,
    output: &Output,
) -> Result<Vec<Graph>, Vec<Diagnostic>> {
    if problems.iter().any(|problem| problem.severity() == Severity::Error) {
        return Err(problems);
    }
    if graphs.is_empty() {
        return Err(vec![Code::Bug.error("a file without a graph and without a problem")]);
    }
    output.tell(&problems);
    Ok(graphs)
}

/// A few lines about a finished run.
fn summary(finished: &Finished) -> String {
    let json = &finished.json;
    let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |pointer: &str| json.pointer(pointer).and_then(Value::as_f64);
    let variant = json.get("variant").and_then(Value::as_object).into_iter().flatten();
    let variant: Vec<String> = variant.map(|(name, value)| format!(", {name} {value}")).collect();
    let mut lines = format!(
        "{}{}: {} rows, {} features, {}\n",
        text("/pipeline"),
        variant.concat(),
        number("/data/rows").unwrap_or_default(),
        json.pointer("/data/features").and_then(Value::as_array).map_or(0, Vec::len),
        text("/model/class"),
    );
    let scores = json.pointer("/cv/scores").and_then(Value::as_object);
    for (metric, scores) in scores.into_iter().flatten() {
        let mean = scores.get("mean").and_then(Value::as_f64).unwrap_or(f64::NAN);
        let std = scores.get("std").and_then(Value::as_f64).unwrap_or(f64::NAN);
        let folds = scores.get("folds").and_then(Value::as_array).map_or(0, Vec::len);
        lines.push_str(&format!("  {metric}: {mean:.4} +- {std:.4} over {folds} folds\n"));
    }
    let tried = json.pointer("/search/results").and_then(Value::as_array).map_or(0, Vec::len);
    if let Some(best) = json.pointer("/search/best_params").and_then(Value::as_object) {
        let set: Vec<String> = best.iter().map(|(address, value)| format!("{address}={value}")).collect();
        lines.push_str(&format!("  the best of {tried} candidates: {}\n", set.join(", ")));
    }
    let version = json.pointer("/artifact/version").and_then(Value::as_u64).unwrap_or_default();
    lines.push_str(&format!(
        "  published {} version {version} in {}\n",
        text("/artifact/name"),
        text("/store/address")
    ));
    if let Some(promotion) = json.get("promotion").filter(|promotion| promotion.is_object()) {
        let text = |key: &str| promotion[key].as_str().unwrap_or_default();
        let done = if promotion["promoted"] == true { "promoted to" } else { "not promoted to" };
        lines.push_str(&format!("  {done} {}: {}\n", text("alias"), text("why")));
    }
    if let Some(report) =
        json.pointer("/reports/html").or_else(|| json.pointer("/reports/md")).and_then(Value::as_str)
    {
        lines.push_str(&format!("  report: {report}\n"));
    }
    let total = number("/timing_s/total").unwrap_or_default();
    lines.push_str(&format!("  {:.0} ms, {} path\n", total * 1e3, text("/plan/path")));
    lines
}
