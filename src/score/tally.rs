//! What a worker has done.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::serve::Loaded;
use crate::source::keys::{GroupState, GroupTerms, Settled};

/// Counts of one worker's life. An entry whose answer was lost with a connection may be written and not counted.
#[derive(Debug, Default)]
pub struct Tally {
    /// Entries that were delivered to it, however often.
    pub read: u64,
    /// Of these, those that it took over from others, or from an earlier life.
    pub reclaimed: u64,
    /// What became of entries through it.
    pub settled: Settled,
    /// Versions that have predicted: number, digest and entries of batches.
    versions: BTreeMap<u64, (String, u64)>,
}

impl Tally {
    /// Counts what a version has settled.
    pub fn add(&mut self, loaded: &Loaded, settled: Settled) {
        self.settled.written += settled.written;
        self.settled.dead += settled.dead;
        self.settled.gone += settled.gone;
        if settled.written > 0 {
            let version = self.versions.entry(loaded.version).or_insert_with(|| (loaded.sha256.clone(), 0));
            version.1 += settled.written;
        }
    }

    /// `pipefit.score/1`.
    pub fn json(&self, model: &str, terms: &GroupTerms, state: Option<GroupState>) -> Value {
        let version = |(number, (sha256, written)): (&u64, &(String, u64))| json!({"version": number, "sha256": sha256, "written": written});
        json!({
            "schema": "pipefit.score/1",
            "status": "ok",
            "model": model,
            "stream": terms.stream,
            "output": terms.output,
            "group": terms.group,
            "worker": terms.worker,
            "read": self.read,
            "written": self.settled.written,
            "dead": self.settled.dead,
            "trimmed": self.settled.gone,
            "reclaimed": self.reclaimed,
            "versions": self.versions.iter().map(version).collect::<Vec<_>>(),
            "pending": state.map(|state| state.pending),
            "lag": state.and_then(|state| state.lag),
        })
    }
}
