//! `pin: snapshot` keeps a copy of the table with the version that was learned from it, and `--replay` learns from that again.

use std::path::Path;

use super::{Loaded, Lock};
use crate::artifact::{Noted, Snapshot};
use crate::diag::{Code, Result, Watch};
use crate::graph::Graph;
use crate::registry::Registry;
use crate::source::formats::Suspect;
use crate::table::{Digest, fingerprint};

/// The file of a version that holds the table.
pub const SNAPSHOT_FILE: &str = "data.safetensors";

/// The copy of a table that was read, if the pipeline pins it.
///
/// # Errors
/// `Conflict` for files that are too large to be read into memory.
pub fn pinned(graph: &Graph, loaded: &Loaded) -> Result<Option<Vec<u8>>> {
    if !graph.source.pin {
        return Ok(None);
    }
    let Some(table) = loaded.table.whole() else {
        let message =
            "the data stays where it is, since it is too large for memory, and `pin: snapshot` copies it";
        let help = "leave `pin` out, and keep the files";
        return Err(Code::Conflict.error(message).help(help).at(&graph.source.span));
    };
    let noted = |suspect: &Suspect| Noted {
        column: suspect.column.clone(),
        row: suspect.row,
        message: suspect.error.message().to_owned(),
    };
    Snapshot::write(table, loaded.suspects.iter().map(noted).collect()).map(Some)
}

/// The data of a lock, from the copy that its run has kept.
///
/// # Errors
/// `LockDiffers` for a lock of a run without one; `Damaged` for a copy that is not there, or not what was read.
pub fn replayed(path: &Path, lock: &Lock, registry: &Registry, watch: &dyn Watch) -> Result<Loaded> {
    let Some(digest) = lock.snapshot() else {
        let message = format!("lock `{}` names no snapshot of the data", path.display());
        return Err(Code::LockDiffers
            .error(message)
            .help("write `pin: snapshot` into `source`, and run: that keeps one from then on"));
    };
    watch.stage("reading", 1);
    let place = format!("the snapshot of lock `{}`", path.display());
    let bytes = registry.kept(lock.artifact(), digest).map_err(|error| error.prefixed(&place))?;
    let bytes = bytes.ok_or_else(|| {
        let message = format!("{place}: blob `{digest}` is not in the store");
        Code::Damaged
            .error(message)
            .help("use the store that the run was published in, or restore a backup of it")
    })?;
    let Snapshot { table, suspects } = Snapshot::read(&bytes).map_err(|error| error.prefixed(&place))?;
    let found = fingerprint(&table);
    if found != lock.fingerprint() {
        let message = format!("{place} is of other data: {found}, locked {}", lock.fingerprint());
        return Err(Code::Damaged.error(message).help("take the lock and its snapshot from one run"));
    }
    watch.tick(1);
    let suspects = suspects.into_iter().map(|noted| Suspect {
        error: Code::BadCell
            .error(noted.message)
            .help("name the column's type in `schema`, and pin the data again"),
        column: noted.column,
        row: noted.row,
    });
    let suspects = suspects.collect();
    Ok(Loaded { table: table.into(), fingerprint: found, suspects, warnings: Vec::new(), last: None })
}

/// The digest of a copy.
pub fn digest(copy: Option<&[u8]>) -> Option<Digest> {
    copy.map(Digest::of)
}
