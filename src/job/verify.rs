//! What a published file must be, for `models verify`.

use super::snapshot::SNAPSHOT_FILE;
use crate::diag::{Code, Result};
use crate::registry::{LEARNER_FILE, MODEL_FILE, ONNX_FILE};

/// Parses one file of a version: the artifact as an artifact, a snapshot of the data as a table, JSON as JSON, the rest as text.
///
/// # Errors
/// `Damaged` when it is not what its name says.
pub fn parse_part(name: &str, bytes: &[u8]) -> Result<()> {
    let damaged = |what: String| Code::Damaged.error(format!("`{name}` {what}"));
    if name == MODEL_FILE {
        crate::artifact::read(bytes).map(drop)
    } else if name == ONNX_FILE {
        // Its digest was checked, and nothing here reads such a file.
        Ok(())
    } else if name == LEARNER_FILE {
        crate::learn::Saved::parse(bytes).map(drop)
    } else if name == SNAPSHOT_FILE {
        crate::artifact::Snapshot::read(bytes).map(drop)
    } else if name.ends_with(".json") {
        let parsed = serde_json::from_slice::<serde_json::Value>(bytes);
        parsed.map(drop).map_err(|error| damaged(format!("is no JSON: {error}")))
    } else {
        std::str::from_utf8(bytes).map(drop).map_err(|error| damaged(format!("is no text: {error}")))
    }
}
