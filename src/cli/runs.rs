//! `pipefit runs ls|show|diff|verify|gc`

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::bars::Bars;
use super::output::Output;
use super::signals::Interrupt;
use super::{Done, Global, run as running};
use crate::clean::Query;
use crate::diag::{Code, Result, Source, Span, suggest};
use crate::job;
use crate::registry::{Registry, Run, listed};
use crate::report::Comparison;
use crate::source::formats::{self, Format, Packing};
use crate::source::write_file;
use crate::store::{self, Collected};
use crate::table::{Column, Table};

/// What `runs` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the runs, newest first
    Ls(Ls),
    /// Show a run's record
    Show {
        /// The run's id, or the version that it made: `MODEL`, `MODEL@alias`, `MODEL:version`
        run: String,
    },
    /// Compare two runs: file, data, folds, scores and artifacts
    Diff {
        /// A run's id, or the version that it made
        a: String,
        /// The other one's
        b: String,
        /// As Markdown, for a pull request
        #[arg(long)]
        md: bool,
    },
    /// Run what a lock names again, publish nothing, and fail with 7 at the first part that differs
    Verify {
        /// FILE.lock, beside its pipeline file
        lock: PathBuf,
        /// Override a key of the file, as the locked run did
        #[arg(short = 'S', value_name = "KEY=VALUE")]
        overrides: Vec<String>,
    },
    /// Remove what no version names and what killed runs left behind; runs and versions stay
    Gc,
}

/// Which runs are listed, and how.
#[derive(Debug, Args)]
pub struct Ls {
    /// Only runs for which this holds, as in `clean`: "r2 > 0.4 and pipeline == 'demand' and started >= '2026-11-01'"
    #[arg(long = "where", value_name = "EXPRESSION")]
    filter: Option<String>,
    /// By this column, greatest first: a metric, `started` (the default), `total_s`, ...
    #[arg(long, value_name = "COLUMN", default_value = "started")]
    sort: String,
    /// No more than these
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Write a table of them: .csv, .parquet, .arrow, .jsonl, ...
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs one of them.
pub fn run(command: &Command, global: &Global, output: &Output) -> Done {
    let registry = || -> Result<Registry> {
        Ok(Registry::new(store::connect(&global.store_url(), Path::new(""))?.store()))
    };
    match command {
        Command::Ls(chosen) => ls(chosen, &registry()?, output)?,
        Command::Show { run } => {
            let record = found(run, &registry()?)?.record;
            if output.json { output.object(&record) } else { output.answer(&format!("{record:#}\n")) }
        }
        Command::Diff { a, b, md } => {
            let registry = registry()?;
            let comparison = Comparison::of(&found(a, &registry)?.record, &found(b, &registry)?.record);
            match (output.json, md) {
                (true, _) => output.object(&comparison.json()),
                (false, true) => output.answer(&comparison.markdown()),
                (false, false) => output.answer(&comparison.text()),
            }
        }
        Command::Verify { lock, overrides } => return verify(lock, overrides, global, output),
        Command::Gc => {
            let Collected { blobs, bytes, staged } = registry()?.collect()?;
            if output.json {
                output.object(&json!({
                    "schema": "pipefit.gc/1", "status": "ok", "blobs": blobs, "bytes": bytes, "staged": staged,
                }));
            } else {
                let left = format!("{staged} unfinished files");
                output.answer(&format!(
                    "removed {blobs} files that no version names, {bytes} bytes, and {left}\n"
                ));
            }
        }
    }
    Ok(())
}

/// A run by its id, or the one that made a version.
fn found(name: &str, registry: &Registry) -> Result<Run> {
    let by_id = registry.run(name);
    if let Err(unknown) = &by_id
        && unknown.code() == Code::UnknownModel
        && let Ok(published) = registry.resolve(name)
    {
        return registry.run(&published.version.run);
    }
    by_id
}

fn ls(chosen: &Ls, registry: &Registry, output: &Output) -> Result<()> {
    let runs = registry.runs()?;
    let table = listed(&runs)?;
    let mut places = places(chosen, &table)?;
    places.truncate(chosen.limit.unwrap_or(usize::MAX));
    if let Some(file) = &chosen.output {
        let runs: Vec<Run> = places.iter().map(|place| runs[*place].clone()).collect();
        let format = formats::format_of_path(file).unwrap_or(Format::Csv);
        write_file(file, &Packing::of_path(file).pack(formats::written(&listed(&runs)?, format)?))?;
        output.say(&format!("{}: {} runs", file.display(), runs.len()));
    }
    if output.json {
        let items: Vec<&Value> = places.iter().map(|place| &runs[*place].record).collect();
        output.object(&json!({"schema": "pipefit.runs/1", "runs": items}));
    } else if chosen.output.is_none() {
        output.answer(&places.iter().map(|place| line(&runs[*place])).collect::<String>());
    }
    Ok(())
}

/// The rows that are chosen, in their order.
fn places(chosen: &Ls, table: &Table) -> Result<Vec<usize>> {
    let mut places: Vec<usize> = (0..table.rows()).collect();
    if let Some(text) = &chosen.filter {
        let span = Span { source: Source::new("--where", text.as_str()), start: 0, end: text.len() };
        let holds = Query::parse(text, &span)?.holds(table)?;
        places.retain(|place| holds[*place]);
    }
    let Some(column) = table.column(&chosen.sort) else {
        let message = format!("`--sort {}` names no column of the runs", chosen.sort);
        let names = || table.schema().names();
        let help = match suggest(&chosen.sort, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(Code::Usage.error(message).help(help));
    };
    // What has no value comes last; runs come newest first, which a stable sort keeps.
    match column {
        Column::Number(values) => places.sort_by(|a, b| greatest_first(values[*a], values[*b])),
        Column::Codes { codes, levels } => {
            let label = |place: &usize| levels.label(codes[*place]);
            places.sort_by(|a, b| label(a).is_none().cmp(&label(b).is_none()).then(label(a).cmp(&label(b))));
        }
    }
    Ok(places)
}

fn greatest_first(a: f64, b: f64) -> Ordering {
    a.is_nan().cmp(&b.is_nan()).then(b.total_cmp(&a))
}

/// Repeats every pipeline that a lock names.
fn verify(lock: &Path, overrides: &[String], global: &Global, output: &Output) -> Done {
    let Some(file) = lock.to_str().and_then(|path| path.strip_suffix(".lock")) else {
        let message = format!("`{}` is no lock: its name does not end in `.lock`", lock.display());
        return Err(Code::Usage.error(message).help("name the FILE.lock that stands beside FILE").into());
    };
    let file = Path::new(file);
    let graphs = running::all_checked(file, overrides, output)?;
    let options = running::options(global, None, None);
    let bars = Bars::new(Interrupt::catch());
    for graph in &graphs {
        let verified = job::verify(file, graph, &options, &bars);
        bars.clear();
        verified?;
        if !output.json {
            let variant = graph.variant.name();
            let which = if variant.is_empty() { String::new() } else { format!(" ({variant})") };
            output.answer(&format!("{}{which}: the same again\n", lock.display()));
        }
    }
    if output.json {
        let variants: Vec<Value> = graphs.iter().map(|graph| graph.variant.json()).collect();
        output.object(&json!({
            "schema": "pipefit.verified/1", "status": "ok", "lock": lock, "pipelines": variants,
        }));
    }
    Ok(())
}

/// A run in a line.
fn line(run: &Run) -> String {
    let text = |pointer: &str| run.record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let version = run.record.pointer("/artifact/version").and_then(Value::as_u64).unwrap_or_default();
    let scores = run.record.pointer("/cv/scores").and_then(Value::as_object).into_iter().flatten();
    let score = |(name, scores): (&String, &Value)| {
        format!("{name} {:.4}", scores.get("mean").and_then(Value::as_f64).unwrap_or(f64::NAN))
    };
    let scores: Vec<String> = scores.map(score).collect();
    format!(
        "{}  {}  {} version {version}  {}\n",
        run.id,
        text("/started"),
        text("/artifact/name"),
        scores.join(", ")
    )
}
