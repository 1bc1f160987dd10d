//! `pipefit check FILE...`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::output::Output;
use crate::diag::{Severity, to_json};
use crate::graph;

/// What `check` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The pipeline files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Override a key of the file
    #[arg(short = 'S', value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Checks every file, tells all problems of all, and gives the exit code of the first error.
pub fn run(arguments: &Arguments, output: &Output) -> u8 {
    let mut all = Vec::new();
    for file in &arguments.files {
        let (_, problems) = graph::read_all(file, &arguments.overrides);
        let good = problems.iter().all(|problem| problem.severity() == Severity::Warning);
        if good && !output.json {
            output.answer(&format!("{}: ok\n", file.display()));
        }
        all.extend(problems);
    }
    if all.iter().any(|problem| problem.severity() == Severity::Error) {
        return output.fail(&all);
    }
    output.tell(&all);
    if output.json {
        let warnings: Vec<_> = all.iter().map(to_json).collect();
        output.object(&json!({"schema": "pipefit.check/1", "status": "ok", "warnings": warnings}));
    }
    0
}
