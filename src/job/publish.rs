//! From an outcome to a published version: disk first, then one commit in the store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};

use super::gate::Gate;
use super::snapshot::SNAPSHOT_FILE;
use super::{Finished, Lock, Options, Prepared};
use crate::artifact;
use crate::diag::{Code, Result, Veil, Watch};
use crate::gate::Decision;
use crate::learn;
use crate::plan::{Bound, Plan};
use crate::registry::{Draft, Guard, LEARNER_FILE, MODEL_FILE, ONNX_FILE, Publication, Registry, Terms};
use crate::report::{self, Published, Report, Timing};
use crate::run::Outcome;
use crate::spec::Online;
use crate::store::{Exchanged, Flush, Store, publish_folder};
use crate::table::Digest;

/// Everything that publishing needs of a run.
pub struct Job<'a> {
    /// The pipeline file as it was given.
    pub file: &'a str,
    /// What else the command line gave.
    pub given: report::Given<'a>,
    /// The run's id.
    pub run: &'a str,
    /// When it was started.
    pub started: &'a str,
    /// The bound graph.
    pub bound: &'a Bound<'a>,
    /// How it was run.
    pub plan: &'a Plan,
    /// What came out.
    pub outcome: &'a Outcome,
    /// The data.
    pub prepared: &'a Prepared,
    /// The artifact's bytes.
    pub artifact: &'a [u8],
    /// What the result hangs on.
    pub lock: &'a Lock,
    /// The copy of the table, where it is pinned.
    pub copy: Option<&'a [u8]>,
    /// How it was to be run.
    pub options: &'a Options,
    /// Progress and stop, for the champion's pipeline.
    pub watch: &'a dyn Watch,
    /// What reports and records must not show.
    pub veil: &'a Veil,
    /// How long it took so far.
    pub timing: Timing,
    /// The number of threads.
    pub threads: usize,
    /// When the process started.
    pub start: Instant,
    /// When all was learned, and artifact and lock were begun.
    pub publishing: Instant,
}

/// How often a gate decides anew since others moved the alias meanwhile. Each time somebody else was promoted.
const PATIENCE: usize = 100;

/// Publishes a new version: the disk copy, then artifact, reports, run record and the moved aliases as
/// one commit. A gate decides about the champion that there is at that moment.
///
/// # Errors
/// What the disk or the store have to say; the versions published before are untouched then.
pub fn publish(job: &Job, store: &Arc<dyn Store>) -> Result<Finished> {
    let registry = Registry::new(Arc::clone(store));
    let known = match &job.options.signer {
        Some(key) => registry.clone().requiring(key.clone()),
        None => registry.clone(),
    };
    let name = &job.bound.graph.output.artifact;
    let learner = job.bound.graph.online.as_ref().map(|online| learner(job, online)).transpose()?;
    let version = registry.reserve(name)?;
    let mut warnings = Vec::new();
    for attempt in 0..PATIENCE {
        let decision = gate_of(job).map(|gate| gate.decide(&known, name)).transpose()?;
        let (decision, learner) = (decision.as_ref(), learner.as_deref());
        let attempted = Attempt { job, store, registry: &registry, version, decision, learner };
        let (published, exchanged) = attempted.publish()?;
        if exchanged == Exchanged::Replaced && attempt == 0 {
            let folder = attempted.folder();
            let message = format!("`{}` was there from another store and is replaced", folder.display());
            let help = "give each store its own `output.dir`";
            warnings.push(Code::WarnStore.warning(message).help(help));
        }
        if let Some(published) = published {
            let mut report = attempted.report(&published);
            report.timing.publish = Some(job.publishing.elapsed().as_secs_f64());
            report.timing.total = Some(job.start.elapsed().as_secs_f64());
            let all = report.all_warnings().cloned().chain(warnings).collect();
            return Ok(Finished {
                json: report::json(&report),
                markdown: report::markdown(&report),
                warnings: all,
            });
        }
    }
    let message = format!("others move the alias of `{name}` faster than this run can decide about it");
    Err(Code::StoreIo.error(message).help("run it again"))
}

fn gate_of<'a>(job: &Job<'a>) -> Option<Gate<'a>> {
    let Job { options, bound, prepared, outcome, watch, veil, .. } = *job;
    let promote = bound.graph.promote.as_ref()?;
    Some(Gate { promote, options, bound, prepared, outcome, watch, veil })
}

/// The learning state of all rows.
fn learner(job: &Job, online: &Online) -> Result<Vec<u8>> {
    let last = job.prepared.loaded.last.as_ref().filter(|(key, _)| *key == online.stream.value);
    let table = job.bound.x.table()?;
    learn::of_table(job.bound.graph, online, table, &job.bound.y, last.map(|(_, last)| *last))
}

/// One attempt to publish, with what was decided about one champion.
struct Attempt<'a> {
    job: &'a Job<'a>,
    store: &'a Arc<dyn Store>,
    registry: &'a Registry,
    version: u64,
    decision: Option<&'a Decision>,
    learner: Option<&'a [u8]>,
}

impl Attempt<'_> {
    /// What was published and what stood in the folder's place; nothing is published where somebody else moved the alias meanwhile.
    fn publish(&self) -> Result<(Option<Published>, Exchanged)> {
        let Self { job, store, .. } = *self;
        let graph = job.bound.graph;
        let folder = self.folder();
        let published = Published {
            name: graph.output.artifact.clone(),
            version: self.version,
            sha256: Digest::of(job.artifact),
            path: job.veil.name(&folder.display().to_string()),
            store: job.veil.name(&store.address()),
            durability: job.veil.words(&store.durability()?),
            formats: graph.output.report.clone(),
        };
        let report = self.report(&published);
        let json = report::json(&report);
        let texts = texts(&report, &json);
        let onnx = graph.output.onnx.then(|| artifact::read(job.artifact)?.onnx()).transpose()?;
        let mut files: Vec<(&str, &[u8])> = vec![(MODEL_FILE, job.artifact)];
        files.extend(onnx.as_ref().map(|bytes| (ONNX_FILE, &bytes[..])));
        files.extend(texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())));
        // A folder store holds the same bytes durably; the copy need not be flushed a second time.
        let flush = if store.address().starts_with("dir:") { Flush::Later } else { Flush::Now };
        let exchanged = publish_folder(&folder, &files, flush)?;
        // The run's record is the object of report.json: the store holds it once, which saves an fsync.
        files.retain(|(name, _)| *name != "report.json");
        // What it was learned from stays in the store, and what it goes on learning from.
        files.extend(self.learner.map(|state| (LEARNER_FILE, state)));
        files.extend(job.copy.map(|copy| (SNAPSHOT_FILE, copy)));
        let done = self.commit(&files, &json)?;
        // Whoever started the run must find the folder; what is kept shows it as it was written.
        let published = Published { path: folder.display().to_string(), ..published };
        Ok((done.then_some(published), exchanged))
    }

    /// The one step that makes the version public; false where somebody else moved the alias.
    fn commit(&self, files: &[(&str, &[u8])], record: &Value) -> Result<bool> {
        let job = self.job;
        let scores = job.outcome.scores.iter();
        let scores: Map<String, Value> =
            scores.map(|scores| (scores.metric.name.to_owned(), scores.mean().into())).collect();
        let draft = Draft {
            name: &job.bound.graph.output.artifact,
            version: self.version,
            run: job.run,
            created: job.started,
            rows: job.prepared.loaded.table.rows() as u64,
            scores: &scores,
            files,
            record,
        };
        let why = self.decision.map(Decision::why);
        let guard = self.decision.map(|decision| Guard {
            alias: &decision.alias,
            champion: decision.champion,
            promote: decision.promoted,
            by: job.options.by.as_deref(),
            why: why.as_deref(),
        });
        let terms = Terms { keep: job.bound.graph.output.keep, guard };
        Ok(matches!(self.registry.publish_with(&draft, &terms)?, Publication::Done(_)))
    }

    /// The folder of the copy on disk.
    fn folder(&self) -> PathBuf {
        let output = &self.job.bound.graph.output;
        output.dir.join(&output.artifact).join(self.version.to_string())
    }

    fn report<'r>(&'r self, published: &'r Published) -> Report<'r> {
        let job = self.job;
        Report {
            run: job.run,
            started: job.started,
            file: job.file,
            given: job.given,
            table: job.prepared.extent,
            dropped: &job.prepared.dropped,
            fingerprint: job.prepared.loaded.fingerprint,
            folds: job.lock.folds(),
            tool: job.lock.tool(),
            bound: job.bound,
            plan: job.plan,
            outcome: job.outcome,
            published,
            promotion: self.decision,
            timing: job.timing,
            threads: job.threads,
            warnings: &job.prepared.loaded.warnings,
        }
    }
}

/// The report files that the pipeline asks for.
fn texts(report: &Report, json: &Value) -> Vec<(String, String)> {
    let text = |format: &String| {
        let text = match format.as_str() {
            "html" => report::html(report),
            "md" => report::markdown(report),
            _ => format!("{json:#}\n"),
        };
        (format!("report.{format}"), text)
    };
    report.published.formats.iter().map(text).collect()
}
