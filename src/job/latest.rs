//! What was prepared last: pipelines that are run one after the other often learn from the same table.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::Prepared;
use crate::diag::Result;
use crate::graph::Graph;

/// The table that was read, cleaned and checked last, and whence.
#[derive(Default)]
pub struct Latest(Mutex<Option<(String, Prepared)>>);

impl Latest {
    /// The graph's data in the store at `address`: as it was prepared, if that was done last, else what `prepare` gives. Only one
    /// table is kept, by what a run holds of it anyway, and none while another is read.
    ///
    /// # Errors
    /// Those of `prepare`.
    pub(super) fn or_prepare(
        &self,
        graph: &Graph,
        address: &str,
        prepare: impl FnOnce() -> Result<Prepared>,
    ) -> Result<Prepared> {
        let (source, file) = (&graph.source, &graph.resolved);
        let sections = ["source", "schema", "clean", "expect"].map(|section| file[section].to_string());
        let key = format!("{address}\n{sections:?}\n{:?}\n{:?}", source.label, source.load_if_missing);
        // Whoever panicked with it in hand has left nothing half-done in it.
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let prepared = match latest.take() {
            Some((known, prepared)) if known == key => prepared,
            other => {
                drop(other);
                prepare()?
            }
        };
        *latest = Some((key, prepared.clone()));
        Ok(prepared)
    }
}

impl fmt::Debug for Latest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Latest")
    }
}
