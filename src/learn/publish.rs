//! What was learned becomes a version.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::Learner;
use crate::artifact;
use crate::diag::{Code, Diagnostic, Result};
use crate::graph::Graph;
use crate::registry::{Draft, MODEL_FILE, Registry, rfc3339, run_id};
use crate::store::{Exchanged, Flush, Store, publish_folder};

/// Publishes what a learner knows as a new version, and gives its number. `learned` is what the record says of it.
///
/// # Errors
/// What fitting meets, and what disk and store have to say; the versions published before are untouched then.
pub fn publish(
    graph: &Graph,
    store: &Arc<dyn Store>,
    learner: &mut Learner,
    learned: Value,
    tell: &dyn Fn(Diagnostic),
) -> Result<u64> {
    let categories = learner.categories();
    let schema = Arc::clone(&learner.state().schema);
    let rows = learner.state().learned();
    let score = learner.state().score.r2();
    let bytes = artifact::write_learned(graph, &schema, categories, learner.fitted()?)?;
    let registry = Registry::new(Arc::clone(store));
    let name = &graph.output.artifact;
    let version = registry.reserve(name)?;
    let folder = graph.output.dir.join(name).join(version.to_string());
    let files: [(&str, &[u8]); 1] = [(MODEL_FILE, &bytes)];
    let flush = if store.address().starts_with("dir:") { Flush::Later } else { Flush::Now };
    if publish_folder(&folder, &files, flush)? == Exchanged::Replaced {
        let message = format!("`{}` was there from another store and is replaced", folder.display());
        tell(Code::WarnStore.warning(message).help("give each store its own `output.dir`"));
    }
    let now = SystemTime::now();
    let (run, created) = (run_id(now), rfc3339(now));
    let scores: Map<String, Value> = Map::from_iter([("r2".to_owned(), score.into())]);
    let record = json!({
        "schema": "pipefit.learn/1",
        "run": run,
        "started": created,
        "pipeline": graph.name,
        "status": "ok",
        "learned": learned,
        "artifact": {"name": name, "version": version},
    });
    let draft = Draft {
        name,
        version,
        run: &run,
        created: &created,
        rows,
        scores: &scores,
        files: &files,
        record: &record,
    };
    registry.publish(&draft)?;
    Ok(version)
}
