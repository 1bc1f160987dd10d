//! `pipefit learn FILE [--once] [--metrics ADDRESS]`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::output::Output;
use super::run::{checked, options};
use super::serve::token;
use super::signals::Interrupt;
use super::{Done, Global};
use crate::diag::{Code, Result, Watch};
use crate::job;
use crate::learn::{Meter, Options, Owner};
use crate::serve::{Settings, show};

/// What `learn` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The pipeline file, with `online`
    file: PathBuf,
    /// End behind the last entry that the stream has now
    #[arg(long)]
    once: bool,
    /// Show metrics for Prometheus there, under `/metrics`; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// A file with the token that requests for metrics must bear; the variable PIPEFIT_TOKEN may hold it instead
    #[arg(long, value_name = "FILE", requires = "metrics")]
    token_file: Option<PathBuf>,
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
    let meter = Arc::new(Meter::new(&graph.name));
    let shown =
        arguments.metrics.map(|address| Shown::start(address, arguments, &meter, output)).transpose()?;
    let learner = Options {
        once: arguments.once,
        owner: Owner { host, pid, born: born(pid).unwrap_or_default() },
        is_alive: &|owner| born(owner.pid).is_some_and(|born| born == owner.born),
        watch: &interrupt,
        tell: &|problem| output.tell(&[problem]),
        meter: shown.as_ref().map(|_| &*meter),
    };
    let finished = job::learn(&graph, &options(global, None, None), &learner);
    shown.map(Shown::end).transpose()?;
    let finished = finished?;
    if output.json {
        output.object(&finished.json);
    } else {
        output.answer(&summary(&finished.json));
    }
    Ok(())
}

/// Metrics that are shown on a thread of their own.
struct Shown {
    over: Over,
    thread: JoinHandle<Result<()>>,
}

/// Whether they are shown no longer.
#[derive(Clone, Default)]
struct Over(Arc<AtomicBool>);

impl Watch for Over {
    fn stage(&self, _name: &str, _total: u64) {}

    fn tick(&self, _n: u64) {}

    fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Shown {
    /// Shows a meter, and says where.
    fn start(
        address: SocketAddr,
        arguments: &Arguments,
        meter: &Arc<Meter>,
        output: &Output,
    ) -> Result<Self> {
        let mut settings = Settings::new(address);
        settings.token = token(arguments.token_file.as_deref())?;
        settings.limits.connections = 64;
        settings.limits.drain = Duration::from_secs(1);
        let (over, meter) = (Over::default(), Arc::clone(meter));
        let (told, started) = sync_channel(1);
        let watch = over.clone();
        let thread = std::thread::spawn(move || {
            // Whoever started it has gone where nobody takes the address.
            show(settings, Arc::new(move || meter.text()), &watch, |address| _ = told.send(address))
        });
        match started.recv() {
            Ok(address) => {
                output.say(&format!("metrics at http://{address}/metrics"));
                Ok(Self { over, thread })
            }
            // It has ended before it started.
            Err(_) => Err(Self { over, thread }.end().err().unwrap_or_else(|| Code::Bug.error("no metrics"))),
        }
    }

    fn end(self) -> Result<()> {
        self.over.0.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Err(Code::Bug.error("the thread of the metrics has broken")))
    }
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
    let score = ["r2", "accuracy"].into_iter().find_map(|metric| {
        let score = json["learned"]["score"][metric].as_f64()?;
        Some(format!(", {metric} {score:.4} before learning"))
    });
    let score = score.unwrap_or_default();
    let version = json.pointer("/artifact/version").and_then(Value::as_u64);
    let new = json.pointer("/artifact/new") == Some(&Value::Bool(true));
    let which = if new { "version" } else { "still version" };
    let version = version.map_or(String::new(), |version| format!(", {which} {version}"));
    let (read, rows) = (number("/read"), number("/learned/rows"));
    format!("{name}: {read} entries read, {rows} rows learned{score}{version}\n")
}
