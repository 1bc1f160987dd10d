//! What was learned becomes a version.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::guard::{BY, Verdict};
use super::{Learner, State};
use crate::artifact;
use crate::diag::{Code, Diagnostic, Result};
use crate::graph::Graph;
use crate::registry::{Draft, Guard, MODEL_FILE, Publication, Registry, Terms, rfc3339, run_id};
use crate::store::{Exchanged, Flush, Store, publish_folder};
use crate::table::Digest;

/// The bytes of a version of what a learner knows: equal ones where it knows the same, and the file says the same.
///
/// # Errors
/// What fitting meets.
pub fn model(graph: &Graph, learner: &mut Learner) -> Result<Vec<u8>> {
    let categories = learner.categories();
    let schema = Arc::clone(&learner.state().schema);
    artifact::write_learned(graph, &schema, categories, learner.fitted()?)
}

/// The latest version, if there is nothing to publish: it has these bytes, or it is the one of a run that the learner began with, and
/// the learner has learned no more rows since.
///
/// # Errors
/// What the store has to say.
pub fn standing(
    registry: &Registry,
    name: &str,
    bytes: &[u8],
    begun: Option<u64>,
    learned: u64,
) -> Result<Option<u64>> {
    let model = match registry.model(name) {
        Err(error) if error.code() == Code::UnknownModel => return Ok(None),
        model => model?,
    };
    let Some(latest) = model.versions.last() else { return Ok(None) };
    let same = latest.sha256 == Digest::of(bytes);
    let begins = begun == Some(latest.version) && learned <= latest.rows;
    Ok((same || begins).then_some(latest.version))
}

/// Publishes the bytes of a state as a new version, and gives its number and whether the guarded alias names it. `learned` is what
/// the record says of it, and `verdict` what is to become of the alias.
///
/// # Errors
/// What disk and store have to say; the versions published before are untouched then.
pub fn publish(
    graph: &Graph,
    store: &Arc<dyn Store>,
    state: &State,
    bytes: &[u8],
    learned: Value,
    verdict: Option<(&str, &Verdict)>,
    tell: &dyn Fn(Diagnostic),
) -> Result<(u64, bool)> {
    let registry = Registry::new(Arc::clone(store));
    let name = &graph.output.artifact;
    let version = registry.reserve(name)?;
    let folder = graph.output.dir.join(name).join(version.to_string());
    let files: [(&str, &[u8]); 1] = [(MODEL_FILE, bytes)];
    let flush = if store.address().starts_with("dir:") { Flush::Later } else { Flush::Now };
    if publish_folder(&folder, &files, flush)? == Exchanged::Replaced {
        let message = format!("`{}` was there from another store and is replaced", folder.display());
        tell(Code::WarnStore.warning(message).help("give each store its own `output.dir`"));
    }
    let now = SystemTime::now();
    let (run, created) = (run_id(now), rfc3339(now));
    let (metric, score) = state.score.named();
    let scores: Map<String, Value> = Map::from_iter([(metric.to_owned(), score.into())]);
    let record = json!({
        "schema": "pipefit.learn/1",
        "run": run,
        "started": created,
        "pipeline": graph.name,
        "status": "ok",
        "stream": graph.online.as_ref().map(|online| online.stream.shown()),
        "learned": learned,
        "artifact": {"name": name, "version": version},
    });
    let draft = Draft {
        name,
        version,
        run: &run,
        created: &created,
        rows: state.learned(),
        scores: &scores,
        files: &files,
        record: &record,
    };
    let guard = verdict.map(|(alias, verdict)| Guard {
        alias,
        champion: verdict.champion,
        promote: verdict.promote,
        by: Some(BY),
        why: Some(&verdict.why),
    });
    let terms = Terms { keep: graph.output.keep, guard };
    let promoted = verdict.is_some_and(|(_, verdict)| verdict.promote);
    match registry.publish_with(&draft, &terms)? {
        Publication::Done(_) => Ok((version, promoted)),
        // Somebody has moved the alias meanwhile: there it stays.
        Publication::Overtaken => {
            registry.publish_with(&draft, &Terms { guard: None, ..terms })?;
            Ok((version, false))
        }
    }
}
