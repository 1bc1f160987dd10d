//! What was read last: pipelines that are run one after the other often learn from the same table.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::Loaded;
use crate::diag::Result;
use crate::graph::Graph;

/// The table that was read last, and whence.
#[derive(Default)]
pub struct Latest(Mutex<Option<(String, Loaded)>>);

impl Latest {
    /// What the graph's source in the store at `address` holds: as it was read, if that was read last, else what `read` gives. Only
    /// one table is kept, and none while another is read.
    ///
    /// # Errors
    /// Those of `read`.
    pub(super) fn or_read(
        &self,
        graph: &Graph,
        address: &str,
        read: impl FnOnce() -> Result<Loaded>,
    ) -> Result<Loaded> {
        let source = &graph.source;
        let key = format!(
            "{address}\n{}\n{}\n{:?}\n{:?}",
            graph.resolved["source"], graph.resolved["schema"], source.label, source.load_if_missing
        );
        // Whoever panicked with it in hand has left nothing half-done in it.
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = match latest.take() {
            Some((known, loaded)) if known == key => loaded,
            other => {
                drop(other);
                read()?
            }
        };
        *latest = Some((key, loaded.clone()));
        Ok(loaded)
    }
}

impl fmt::Debug for Latest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Latest")
    }
}
