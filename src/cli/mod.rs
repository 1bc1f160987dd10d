//! The command line: one file a subcommand; the only place that prints, draws bars, catches signals
//! or exits.

mod aliases;
mod bars;
mod check;
mod data;
mod explain;
mod facts;
mod init;
mod learn;
mod learned;
mod list;
mod memory;
mod models;
mod origins;
mod output;
mod plan;
mod predict;
mod predicted;
mod run;
mod runs;
mod schema;
mod score;
mod serve;
mod signals;
mod signatures;
mod stream;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::diag::{Code, Diagnostic, Result};
use output::Output;

/// Declarative machine-learning pipelines: a YAML file becomes a cross-validated, published model.
#[derive(Debug, Parser)]
#[command(name = "pipefit", version, propagate_version = true, disable_help_subcommand = false)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
struct Global {
    /// The store: `dir:PATH`, a path, `redis://HOST:PORT/DB`, `redis+unix://PATH`
    #[arg(long, global = true, value_name = "URL")]
    store: Option<String>,
    /// Print one JSON object on stdout
    #[arg(long, global = true)]
    json: bool,
    /// How many threads to use; all cores by default
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run pipeline files: cross-validate, refit, publish
    Run(run::Arguments),
    /// Check pipeline files without reading anything else
    Check(check::Arguments),
    /// Tell how a pipeline file would be run, and why
    Plan(plan::Arguments),
    /// The data in the store
    #[command(subcommand)]
    Data(data::Command),
    /// Predict with a published model
    Predict(predict::Arguments),
    /// Predict the entries of a stream as they come, one of many workers
    Score(score::Arguments),
    /// Answer over HTTP with published models
    Serve(serve::Arguments),
    /// Go on learning from the stream of a pipeline file with `online`
    Learn(learn::Arguments),
    /// Published models
    #[command(subcommand)]
    Models(models::Command),
    /// Recorded runs
    #[command(subcommand)]
    Runs(runs::Command),
    /// List steps, models, splitters or metrics
    List(list::Arguments),
    /// Explain a component or an error code
    Explain(explain::Arguments),
    /// Look at a table and write a first pipeline file for it
    Init(init::Arguments),
    /// The pipeline file as a JSON Schema, for editors
    Schema,
    /// Completions of this command for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Runs the command that the process was called with, and gives its exit code.
pub fn main() -> ExitCode {
    let start = Instant::now();
    let quiet = std::panic::take_hook();
    let result = std::panic::catch_unwind(|| {
        // A panic is a bug of ours, which is told below in our own words.
        std::panic::set_hook(Box::new(|_| {}));
        called(start)
    });
    std::panic::set_hook(quiet);
    match result {
        Ok(code) => ExitCode::from(code),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            let bug = Code::Bug.error(format!("pipefit met a state that should be impossible: {text}"));
            let bug = bug.help("nothing was published; please report this with the command and the file");
            ExitCode::from(Output::new(std::env::args().any(|a| a == "--json")).fail(&[bug]))
        }
    }
}

fn called(start: Instant) -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let output = Output::new(cli.global.json);
    let global = &cli.global;
    let ended = |done: Done| done.map_or_else(|problems| output.fail(&problems), |()| 0);
    let code = match cli.command {
        Command::Run(arguments) => run::run(&arguments, global, &output, start),
        Command::Check(arguments) => check::run(&arguments, &output),
        Command::Plan(arguments) => ended(plan::run(&arguments, global, &output)),
        Command::Data(command) => ended(data::run(&command, global, &output)),
        Command::Predict(arguments) => ended(predict::run(&arguments, global, &output)),
        Command::Score(arguments) => ended(score::run(&arguments, global, &output)),
        Command::Serve(arguments) => ended(serve::run(&arguments, global, &output)),
        Command::Learn(arguments) => ended(learn::run(&arguments, global, &output)),
        Command::Models(command) => ended(models::run(&command, global, &output)),
        Command::Runs(command) => ended(runs::run(&command, global, &output)),
        Command::List(arguments) => ended(list::run(&arguments, &output)),
        Command::Explain(arguments) => ended(explain::run(&arguments, &output)),
        Command::Init(arguments) => ended(init::run(&arguments, global, &output)),
        Command::Schema => {
            schema::run(&output);
            0
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "pipefit", &mut script);
            output.bytes(&script);
            0
        }
    };
    match output.lost() {
        Some(problem) if code == 0 => output.fail(&[problem]),
        _ => code,
    }
}

/// Help and version go to stdout with exit 0; everything else that clap says is a usage error.
fn usage(error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        // A closed pipe is the reader's choice.
        let _ = error.print();
        return 0;
    }
    if std::env::args().any(|argument| argument == "--json") {
        let text = error.to_string();
        // The usage that clap adds below is for people; what is wrong may take several lines.
        let what = text.lines().take_while(|line| !line.starts_with("Usage:")).map(str::trim);
        let what: Vec<&str> = what.filter(|line| !line.is_empty()).collect();
        let message = what.join(" ").trim_start_matches("error: ").to_owned();
        return Output::new(true).fail(&[Code::Usage.error(message).help("see `pipefit help`")]);
    }
    let _ = error.print();
    Code::Usage.exit_code()
}

/// What a command that cannot go on says.
type Done = Result<(), Vec<Diagnostic>>;

impl Global {
    /// The store of a command without a pipeline file.
    fn store_url(&self) -> String {
        self.store.clone().unwrap_or_else(crate::job::default_store)
    }
}

impl From<Diagnostic> for Vec<Diagnostic> {
    fn from(diagnostic: Diagnostic) -> Self {
        vec![diagnostic]
    }
}
