//! From an outcome to a published version: disk first, then one commit in the store.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};

use super::snapshot::SNAPSHOT_FILE;
use super::{Finished, Prepared};
use crate::artifact;
use crate::diag::{Code, Result, Veil};
use crate::learn;
use crate::plan::{Bound, Plan};
use crate::registry::{Draft, LEARNER_FILE, MODEL_FILE, ONNX_FILE, Registry};
use crate::report::{self, Published, Report, Timing};
use crate::run::Outcome;
use crate::spec::Online;
use crate::store::{Exchanged, Flush, Store, publish_folder};
use crate::table::{Digest, Target};

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
    /// The copy of the table, where it is pinned.
    pub copy: Option<&'a [u8]>,
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

/// Publishes a new version: the disk copy, then artifact, reports, run record and the moved alias as
/// one commit.
///
/// # Errors
/// What the disk or the store have to say; the versions published before are untouched then.
pub fn publish(job: &Job, store: &Arc<dyn Store>) -> Result<Finished> {
    let graph = job.bound.graph;
    let registry = Registry::new(Arc::clone(store));
    let name = &graph.output.artifact;
    let version = registry.reserve(name)?;
    let folder = graph.output.dir.join(name).join(version.to_string());
    let published = Published {
        name: name.clone(),
        version,
        sha256: Digest::of(job.artifact),
        path: job.veil.name(&folder.display().to_string()),
        store: job.veil.name(&store.address()),
        durability: job.veil.words(&store.durability()?),
        formats: graph.output.report.clone(),
    };
    let report = report_of(job, &published);
    let json = report::json(&report);
    let texts = texts(&report, &json);
    let onnx = graph.output.onnx.then(|| artifact::read(job.artifact)?.onnx()).transpose()?;
    let mut files: Vec<(&str, &[u8])> = vec![(MODEL_FILE, job.artifact)];
    files.extend(onnx.as_ref().map(|bytes| (ONNX_FILE, &bytes[..])));
    files.extend(texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())));
    let mut warnings: Vec<_> = report.all_warnings().cloned().collect();
    // A folder store holds the same bytes durably; the copy need not be flushed a second time.
    let flush = if store.address().starts_with("dir:") { Flush::Later } else { Flush::Now };
    if publish_folder(&folder, &files, flush)? == Exchanged::Replaced {
        let message = format!("`{}` was there from another store and is replaced", folder.display());
        warnings.push(Code::WarnStore.warning(message).help("give each store its own `output.dir`"));
    }
    let scores: Map<String, Value> = job
        .outcome
        .scores
        .iter()
        .map(|scores| (scores.metric.name.to_owned(), scores.mean().into()))
        .collect();
    // The run's record is the object of report.json: the store holds it once, which saves an fsync.
    files.retain(|(name, _)| *name != "report.json");
    // What it was learned from stays in the store, and what it goes on learning from.
    let learner = graph.online.as_ref().map(|online| learner(job, online)).transpose()?;
    files.extend(learner.as_ref().map(|bytes| (LEARNER_FILE, &bytes[..])));
    files.extend(job.copy.map(|copy| (SNAPSHOT_FILE, copy)));
    let draft = Draft {
        name,
        version,
        run: job.run,
        created: job.started,
        rows: job.prepared.loaded.table.rows() as u64,
        scores: &scores,
        files: &files,
        record: &json,
    };
    registry.publish(&draft)?;
    // Whoever started the run must find the folder; what is kept shows it as it was written.
    let published = Published { path: folder.display().to_string(), ..published.clone() };
    let mut report = report_of(job, &published);
    report.timing.publish = Some(job.publishing.elapsed().as_secs_f64());
    report.timing.total = Some(job.start.elapsed().as_secs_f64());
    Ok(Finished { json: report::json(&report), markdown: report::markdown(&report), warnings })
}

/// The learning state of all rows.
fn learner(job: &Job, online: &Online) -> Result<Vec<u8>> {
    let Target::Values(target) = &job.bound.y else {
        return Err(Code::Bug.error("`online` with classes, which `check` refuses"));
    };
    let last = job.prepared.loaded.last.as_ref().filter(|(key, _)| *key == online.stream.value);
    let table = job.bound.x.table()?;
    learn::of_table(job.bound.graph, online, table, target.column(0), last.map(|(_, last)| *last))
}

fn report_of<'a>(job: &'a Job, published: &'a Published) -> Report<'a> {
    Report {
        run: job.run,
        started: job.started,
        file: job.file,
        given: job.given,
        table: job.prepared.extent,
        dropped: &job.prepared.dropped,
        fingerprint: job.prepared.loaded.fingerprint,
        bound: job.bound,
        plan: job.plan,
        outcome: job.outcome,
        published,
        timing: job.timing,
        threads: job.threads,
        warnings: &job.prepared.loaded.warnings,
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
