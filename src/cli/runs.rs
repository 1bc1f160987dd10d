//! `pipefit runs ls|show|gc`

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::Output;
use super::{Done, Global};
use crate::registry::{Registry, Run};
use crate::store::{self, Collected};

/// What `runs` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the runs, newest first
    Ls,
    /// Show a run's record
    Show {
        /// The run's id
        run: String,
    },
    /// Remove what no version names and what killed runs left behind; runs and versions stay
    Gc,
}

/// Runs one of them.
pub fn run(command: &Command, global: &Global, output: &Output) -> Done {
    let registry = Registry::new(store::connect(&global.store_url(), Path::new(""))?.store());
    match command {
        Command::Ls => {
            let runs = registry.runs()?;
            if output.json {
                let items: Vec<&Value> = runs.iter().map(|run| &run.record).collect();
                output.object(&json!({"schema": "pipefit.runs/1", "runs": items}));
            } else {
                output.answer(&runs.iter().map(line).collect::<String>());
            }
        }
        Command::Show { run } => {
            let record = registry.run(run)?.record;
            if output.json { output.object(&record) } else { output.answer(&format!("{record:#}\n")) }
        }
        Command::Gc => {
            let Collected { blobs, bytes, staged } = registry.collect()?;
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
        text("/pipeline"),
        scores.join(", ")
    )
}
