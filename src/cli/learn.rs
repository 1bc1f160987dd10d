//! `pipefit learn FILE [--once]`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::output::Output;
use super::run::{checked, options};
use super::signals::Interrupt;
use super::{Done, Global};
use crate::job;
use crate::learn::{Options, Owner};

/// What `learn` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The pipeline file, with `online`
    file: PathBuf,
    /// End behind the last entry that the stream has now
    #[arg(long)]
    once: bool,
    /// Override a key of the file, e.g. `-S online.batch=100`
    #[arg(short = 'S', value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Learns until the first signal, or once.
pub fn run(arguments: &Arguments, global: &Global, output: &Output) -> Done {
    let graph = checked(&arguments.file, &arguments.overrides, output)?;
    let interrupt = Interrupt::catch();
    let host = host();
    let pid = std::process::id();
    let learner = Options {
        once: arguments.once,
        owner: Owner { host, pid, born: born(pid).unwrap_or_default() },
        is_alive: &|owner| born(owner.pid).is_some_and(|born| born == owner.born),
        watch: &interrupt,
        tell: &|problem| output.tell(&[problem]),
    };
    let finished = job::learn(&graph, &options(global, None, None), &learner)?;
    if output.json {
        output.object(&finished.json);
    } else {
        output.answer(&summary(&finished.json));
    }
    Ok(())
}

/// The name of this host.
pub(super) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    // Hosts of one name are told apart, and one from what it was before it was started anew.
    format!("{} {}", name.trim(), boot.trim()).trim().to_owned()
}

/// When a process of this host was started, in the kernel's ticks; none if it is not there. Where the kernel does not tell,
/// every process is there.
fn born(pid: u32) -> Option<String> {
    if !Path::new("/proc/self/stat").exists() {
        return Some(String::new());
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which may hold anything, the 20th field.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_ascii_whitespace().collect();
    // A dead process that nobody has looked at yet.
    (*fields.first()? != "Z").then(|| fields.get(19).map(|born| (*born).to_owned()))?
}

/// A line about what was learned.
fn summary(json: &Value) -> String {
    let number = |pointer: &str| json.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let name = json.pointer("/pipeline").and_then(Value::as_str).unwrap_or_default();
    let score = json.pointer("/learned/score/r2").and_then(Value::as_f64);
    let score = score.map_or(String::new(), |r2| format!(", r2 {r2:.4} before learning"));
    let version = json.pointer("/artifact/version").and_then(Value::as_u64);
    let version = version.map_or(String::new(), |version| format!(", version {version}"));
    let (read, rows) = (number("/read"), number("/learned/rows"));
    format!("{name}: {read} entries read, {rows} rows learned{score}{version}\n")
}
