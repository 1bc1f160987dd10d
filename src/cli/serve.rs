//! `pipefit serve MODEL[@alias|:version]...`

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::output::Output;
use super::signals::Interrupt;
use super::{Done, Global, signatures};
use crate::diag::{Code, Result, Watch};
use crate::registry::Registry;
use crate::serve::{Journal, Limits, Models, Served, Settings, Token, serve};
use crate::source::read_file;
use crate::store;

/// The variable that may hold the token.
const TOKEN: &str = "PIPEFIT_TOKEN";

/// What `serve` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The models: NAME, NAME@ALIAS, which are followed as they move, or NAME:VERSION; NAME alone is NAME@latest
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<String>,
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// A file with the token that requests must bear; the variable PIPEFIT_TOKEN may hold it instead
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A name that requests may call the server by, beside its address; may stand several times
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// A web page's origin, such as `https://app.example`, from which requests are taken; may stand several times
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Bytes that a request's body may have
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body, value_parser = at_least_one)]
    max_body: usize,
    /// Rows that a request may have
    #[arg(long, value_name = "N", default_value_t = Limits::default().rows, value_parser = at_least_one)]
    max_rows: usize,
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections, value_parser = at_least_one)]
    max_connections: usize,
    /// How often the store is asked whether an alias has moved
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    poll: u64,
    /// How long requests that are under way may take when the server is told to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=3600))]
    drain: u64,
    /// Serve only versions that the owner of this public key (PEM) has signed; others are not swapped in
    #[arg(long, value_name = "FILE")]
    require_signature: Option<PathBuf>,
    /// Log every request, not only what goes wrong here
    #[arg(long)]
    log_requests: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a whole number above 0".to_owned())
}

/// Serves until the first signal.
pub fn run(arguments: &Arguments, global: &Global, output: &Output) -> Done {
    let settings = settings(arguments, global)?;
    settings.check()?;
    let interrupt = Interrupt::catch();
    let registry = Registry::new(store::connect(&global.store_url(), Path::new(""))?.store());
    let registry = signatures::requiring(registry, arguments.require_signature.as_deref())?;
    let models = models(&arguments.models, &registry)?;
    let about: Vec<Value> = (models.values())
        .map(|served| {
            let model = served.current();
            json!({"name": model.name, "version": model.version, "sha256": model.sha256})
        })
        .collect();
    let log = Log::start();
    let served = serve(settings, models, registry, &interrupt, log.journal(), |address| {
        if output.json {
            let address = format!("http://{address}");
            output.object(&json!({"schema": "pipefit.serve/1", "address": address, "models": about}));
        } else {
            let names: Vec<String> = about
                .iter()
                .map(|model| format!("{}:{}", model["name"].as_str().unwrap_or_default(), model["version"]))
                .collect();
            output.answer(&format!("http://{address} serves {}\n", names.join(", ")));
        }
    });
    log.end();
    Ok(served?)
}

fn settings(arguments: &Arguments, global: &Global) -> Result<Settings> {
    let mut settings = Settings::new(arguments.bind);
    settings.token = token(arguments.token_file.as_deref())?;
    settings.hosts.clone_from(&arguments.allow_host);
    settings.origins.clone_from(&arguments.allow_origin);
    settings.limits.body = arguments.max_body;
    settings.limits.bodies = settings.limits.bodies.max(2 * arguments.max_body);
    settings.limits.rows = arguments.max_rows;
    settings.limits.connections = arguments.max_connections;
    settings.limits.drain = Duration::from_secs(arguments.drain);
    settings.poll = Duration::from_millis(arguments.poll);
    settings.log_requests = arguments.log_requests;
    if let Some(threads) = global.threads {
        settings.threads = threads.into();
    }
    Ok(settings)
}

/// The token from a file, else from the environment; none where neither is said. An argument would be seen by everybody.
pub(super) fn token(file: Option<&Path>) -> Result<Option<Token>> {
    let text = match file {
        Some(path) => String::from_utf8(read_file(path)?)
            .map_err(|_| Code::Usage.error(format!("`{}` holds no token", path.display())))?,
        None => match std::env::var(TOKEN) {
            Ok(text) => text,
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(_) => return Err(Code::Usage.error(format!("the variable {TOKEN} holds no token"))),
        },
    };
    Token::new(&text).map(Some)
}

/// Loads every model; a name can be served once.
fn models(references: &[String], registry: &Registry) -> Result<Models> {
    let mut models = Models::new();
    for reference in references {
        let served = Served::load(registry, reference)?;
        let name = served.name.clone();
        if models.insert(name.clone(), served).is_some() {
            let error = Code::Usage.error(format!("model `{name}` is given twice"));
            return Err(error.help("serve another version of it from another process"));
        }
    }
    Ok(models)
}

impl Watch for Interrupt {
    fn stage(&self, _name: &str, _total: u64) {}

    fn tick(&self, _n: u64) {}

    fn stopped(&self) -> bool {
        self.raised()
    }
}

/// Lines on stderr, from a thread of their own: whoever reads them slowly must not hold up answers.
struct Log {
    lines: SyncSender<Option<String>>,
    writer: JoinHandle<()>,
}

impl Log {
    /// Lines that wait to be written.
    const WAITING: usize = 4096;

    fn start() -> Self {
        let (lines, taken) = sync_channel::<Option<String>>(Self::WAITING);
        let writer = std::thread::spawn(move || {
            while let Ok(Some(line)) = taken.recv() {
                // Where nobody listens, there is nobody to tell.
                let _ = std::io::stderr().lock().write_all(line.as_bytes());
            }
        });
        Self { lines, writer }
    }

    fn journal(&self) -> Journal {
        let lines = self.lines.clone();
        Arc::new(move |line: &Value| lines.try_send(Some(format!("{line}\n"))).is_ok())
    }

    /// Writes what waits.
    fn end(self) {
        if self.lines.send(None).is_ok() {
            let _ = self.writer.join();
        }
    }
}
