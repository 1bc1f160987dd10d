//! The whole job: read, bind, plan, run, artifact, report, publish. What the command line calls, and
//! whatever else wants a pipeline run.

mod data;
mod gate;
mod latest;
mod lock;
mod prepared;
mod publish;
mod snapshot;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::Value;

pub use data::{Loaded, load};
pub use latest::Latest;
pub use lock::Lock;
pub use prepared::{Prepared, prepare};
pub use verify::parse_part;

use crate::diag::{Code, Diagnostic, Result, Veil, Watch};
use crate::graph::Graph;
use crate::learn;
use crate::plan::{self, Bound, Plan};
use crate::registry;
use crate::report::{Given, Timing};
use crate::run;
use crate::signing::PublicKey;
use crate::source::keys::{self, Keys};
use crate::spec::Variant;
use crate::store::Store;

/// How a pipeline file is to be run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The store, instead of the file's.
    pub store: Option<String>,
    /// The number of threads; all cores when `None`.
    pub threads: Option<usize>,
    /// The path, instead of the one that the plan chooses.
    pub path: Option<plan::Path>,
    /// The overrides that the file was read with: the report tells them.
    pub overrides: Vec<String>,
    /// How much memory a run may take, in bytes; any amount when `None`.
    pub memory: Option<u64>,
    /// Whether to compare with the lock instead of writing it.
    pub locked: bool,
    /// Who must have signed a champion that the gate compares with; anybody or nobody when `None`.
    pub signer: Option<PublicKey>,
    /// Who runs it, for the history of an alias that the gate moves.
    pub by: Option<String>,
    /// The lock whose snapshot is learned from, instead of the data; no lock is written then.
    pub replay: Option<PathBuf>,
    /// What was read last; runs that share it read a table once.
    pub latest: Arc<Latest>,
}

/// What a finished run tells.
pub struct Finished {
    /// The object `pipefit.run/1`.
    pub json: Value,
    /// The report as markdown.
    pub markdown: String,
    /// Warnings from start to end.
    pub warnings: Vec<Diagnostic>,
}

/// Runs a checked pipeline: file and store in, a published version out.
///
/// # Errors
/// Whatever the data, the learning, the store or the lock have to say; nothing is published then.
pub fn run(
    file: &Path,
    graph: &Graph,
    options: &Options,
    start: Instant,
    watch: &dyn Watch,
) -> Result<Finished> {
    let opened = Opened::new(options, graph)?;
    let mut done = carry_out(file, graph, options, start, watch, &opened);
    if let Ok(finished) = &mut done {
        opened.cover(&mut finished.warnings);
    }
    done.map_err(|error| opened.veil.diagnostic(error))
}

/// Runs a checked pipeline again, compares it with its lock and publishes nothing.
///
/// # Errors
/// `LockDiffers` with the first part that differs, and what the data, the learning or the store have to say.
pub fn verify(file: &Path, graph: &Graph, options: &Options, watch: &dyn Watch) -> Result<()> {
    let opened = Opened::new(options, graph)?;
    let verified = || {
        let locked = Lock::read(&lock::path(file), &graph.variant)?;
        let pool = pool(options)?;
        learned(graph, options, watch, &opened, &pool)?.lock.compare(&locked)
    };
    verified().map_err(|error: Diagnostic| opened.veil.diagnostic(error))
}

/// All that a run comes to before anything is published.
struct Learned<'g> {
    /// The lock whose snapshot was learned from.
    replayed: Option<Lock>,
    copy: Option<Vec<u8>>,
    prepared: Prepared,
    bound: Bound<'g>,
    plan: Plan,
    outcome: run::Outcome,
    timing: Timing,
    publishing: Instant,
    artifact: Vec<u8>,
    lock: Lock,
}

fn learned<'g>(
    graph: &'g Graph,
    options: &Options,
    watch: &dyn Watch,
    opened: &Opened,
    pool: &ThreadPool,
) -> Result<Learned<'g>> {
    let Read { replayed, copy, mut prepared, read_s } =
        pool.install(|| read(graph, options, watch, opened))?;
    let bound = pool.install(|| prepared.bind(graph))?;
    let plan = plan::plan_within(&bound, options.path, &limits(options))?;
    let run = || run::run(&bound, &plan, watch);
    // Handing small work to a thread takes longer than the work.
    let ran = if plan.parallel { pool.install(run) } else { run() };
    let (mut outcome, timing) = ran.map_err(|error| prepared.retold(error))?;
    opened.cover(&mut outcome.warnings);
    prepared.warn_of_memory(&bound);
    let timing = Timing {
        read: read_s,
        search: timing.search_s,
        cv: timing.cv_s,
        refit: timing.refit_s,
        publish: None,
        total: None,
    };
    let publishing = Instant::now();
    let artifact = crate::artifact::write(&bound, &outcome)?;
    let lock = Lock::of(&bound, &prepared, &outcome, &artifact, snapshot::digest(copy.as_deref()));
    Ok(Learned { replayed, copy, prepared, bound, plan, outcome, timing, publishing, artifact, lock })
}

fn carry_out(
    file: &Path,
    graph: &Graph,
    options: &Options,
    start: Instant,
    watch: &dyn Watch,
    opened: &Opened,
) -> Result<Finished> {
    let pool = pool(options)?;
    let learned = learned(graph, options, watch, opened, &pool)?;
    let Learned { replayed, lock, .. } = &learned;
    if options.locked {
        let read = || Lock::read(&lock::path(file), &graph.variant);
        lock.compare(&replayed.as_ref().map_or_else(read, |lock| Ok(lock.clone()))?)?;
    }
    if watch.stopped() {
        return Err(Code::Interrupted.error("interrupted").help("nothing was published; run it again"));
    }
    let now = SystemTime::now();
    let job = publish::Job {
        file: &file.to_string_lossy(),
        given: Given { overrides: &options.overrides, store: options.store.as_deref(), path: options.path },
        run: &registry::run_id(now),
        started: &registry::rfc3339(now),
        bound: &learned.bound,
        plan: &learned.plan,
        outcome: &learned.outcome,
        prepared: &learned.prepared,
        artifact: &learned.artifact,
        lock,
        copy: learned.copy.as_deref(),
        options,
        watch,
        veil: &opened.veil,
        timing: learned.timing,
        threads: threads(options),
        start,
        publishing: learned.publishing,
    };
    let mut finished = pool.install(|| publish::publish(&job, &opened.store))?;
    // What the command line makes several pipelines of is one of them in the file.
    if !options.locked && replayed.is_none() && !graph.variant.is_swept() {
        finished.warnings.extend(unwritten(lock, file, &graph.variant));
    }
    Ok(finished)
}

/// Writes the lock, and warns where that cannot be done.
fn unwritten(lock: &Lock, file: &Path, variant: &Variant) -> Option<Diagnostic> {
    let error = lock.write(&lock::path(file), variant).err()?;
    Some(Code::WarnStore.warning(format!("the lock was not written: {error}")))
}

/// The data that is learned from.
struct Read {
    /// The lock whose snapshot it is.
    replayed: Option<Lock>,
    /// The snapshot to keep, of a source that is pinned.
    copy: Option<Vec<u8>>,
    prepared: Prepared,
    read_s: f64,
}

/// Reads the data, or the snapshot of a lock, and prepares it.
fn read(graph: &Graph, options: &Options, watch: &dyn Watch, opened: &Opened) -> Result<Read> {
    if options.replay.is_none() && !graph.source.pin {
        let (prepared, read_s) = shared(graph, options, watch, opened)?;
        return Ok(Read { replayed: None, copy: None, prepared, read_s });
    }
    let reading = Instant::now();
    let (mut loaded, replayed) = match &options.replay {
        Some(path) => {
            let lock = Lock::read(path, &graph.variant)?;
            let registry = registry::Registry::new(Arc::clone(&opened.store));
            (snapshot::replayed(path, &lock, &registry, watch)?, Some(lock))
        }
        None => (data::load_within(graph, &*opened.keys, watch, in_memory(options))?, None),
    };
    let read_s = reading.elapsed().as_secs_f64();
    opened.cover(&mut loaded.warnings);
    let copy = snapshot::pinned(graph, &loaded)?;
    Ok(Read { replayed, copy, prepared: prepare(graph, loaded)?, read_s })
}

/// The data as the pipeline before has left it, if it has the same; else read and prepared, and how many seconds reading took.
fn shared(graph: &Graph, options: &Options, watch: &dyn Watch, opened: &Opened) -> Result<(Prepared, f64)> {
    let mut read_s = 0.0;
    let mut prepared = options.latest.or_prepare(graph, &opened.store.address(), || {
        let reading = Instant::now();
        let loaded = data::load_within(graph, &*opened.keys, watch, in_memory(options))?;
        read_s = reading.elapsed().as_secs_f64();
        prepare(graph, loaded)
    })?;
    opened.cover(&mut prepared.loaded.warnings);
    Ok((prepared, read_s))
}

/// Reads the data of a checked pipeline and decides how it would be run.
///
/// # Errors
/// Whatever the data or the store have to say.
pub fn plan<T>(
    graph: &Graph,
    options: &Options,
    watch: &dyn Watch,
    tell: impl FnOnce(&Bound, &Plan, &Prepared) -> T,
) -> Result<T> {
    let opened = Opened::new(options, graph)?;
    let planned = || {
        let pool = pool(options)?;
        let (prepared, _) = pool.install(|| shared(graph, options, watch, &opened))?;
        let bound = pool.install(|| prepared.bind(graph))?;
        let plan = plan::plan_within(&bound, options.path, &limits(options))?;
        Ok(tell(&bound, &plan, &prepared))
    };
    planned().map_err(|error: Diagnostic| opened.veil.diagnostic(error))
}

/// Goes on learning with the pipeline of a checked file that has `online`.
///
/// # Errors
/// As [`learn::learn`], and what opening the store meets.
pub fn learn(graph: &Graph, options: &Options, learner: &learn::Options) -> Result<learn::Finished> {
    let opened = Opened::new(options, graph)?;
    let tell = |problem: Diagnostic| (learner.tell)(opened.veil.diagnostic(problem));
    let learner = learn::Options { tell: &tell, owner: learner.owner.clone(), ..*learner };
    let learned = learn::learn(graph, Arc::clone(&opened.store), &*opened.keys, &learner);
    learned.map_err(|error| opened.veil.diagnostic(error))
}

fn threads(options: &Options) -> usize {
    options.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn limits(options: &Options) -> plan::Limits {
    plan::Limits { memory: options.memory.unwrap_or(u64::MAX), threads: threads(options) }
}

/// Parquet files of more bytes than this are read in units: a table is to leave room for the work on it.
fn in_memory(options: &Options) -> u64 {
    data::MOST_IN_MEMORY.min(options.memory.map_or(u64::MAX, |memory| memory / 2))
}

/// The store of a run, and what nobody may read of the file that names it.
struct Opened {
    store: Arc<dyn Store>,
    keys: Arc<dyn Keys>,
    veil: Veil,
}

impl Opened {
    /// Opens the store: `--store`, else the file's, else `PIPEFIT_STORE`, else `dir:.pipefit`.
    fn new(options: &Options, graph: &Graph) -> Result<Self> {
        let mut veil = graph.veil.clone();
        let (store, keys) = match (&options.store, &graph.store) {
            (Some(url), _) => keys::open(url, Path::new("")),
            (None, Some(node)) => keys::open(&node.url, &node.base),
            (None, None) => keys::open(&default_store(), Path::new("")),
        }
        .map_err(|error| veil.diagnostic(error))?;
        if let (None, Some(shown)) =
            (&options.store, graph.store.as_ref().and_then(|node| node.unexpanded.as_ref()))
        {
            let address = store.address();
            veil.hide(&address, shown);
            // A folder's path stands alone in what the system says of its files.
            address.strip_prefix("dir:").into_iter().for_each(|path| veil.hide(path, shown));
        }
        Ok(Self { store, keys, veil })
    }

    fn cover(&self, problems: &mut [Diagnostic]) {
        problems.iter_mut().for_each(|problem| *problem = self.veil.diagnostic(problem.clone()));
    }
}

/// The store of a command without a pipeline file.
pub fn default_store() -> String {
    let variable = std::env::var("PIPEFIT_STORE").ok().filter(|url| !url.is_empty());
    variable.unwrap_or_else(|| "dir:.pipefit".to_owned())
}

/// As many threads as a run may have.
fn pool(options: &Options) -> Result<ThreadPool> {
    let pool = ThreadPoolBuilder::new().num_threads(threads(options)).build();
    pool.map_err(|error| Code::Bug.error(format!("no threads: {error}")))
}
