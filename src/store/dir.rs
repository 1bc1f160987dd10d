//! The store in a folder.

use super::names::{file_name, name_of};
use super::naming::add_named;
use super::root::{Flush, Root, files_in, flush_folder, read_file, remove_file};
use super::{Collected, Commit, Store, blob_is_missing, checked};
use crate::diag::Result;
use crate::table::Digest;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

/// Blobs, records and counters as files ([`Root`] has the layout).
///
/// A publication costs one fsync a blob, one for `blobs`, one for each record, and one for `records`. Run and
/// model record share the last: they are renamed in this order, under the lock.
pub struct DirStore {
    root: Root,
}

impl DirStore {
    /// The store in this folder.
    pub fn new(root: Root) -> Self {
        Self { root }
    }

    fn record(&self, name: &str) -> Result<std::path::PathBuf> {
        Ok(self.root.folder("records").join(file_name(name)?))
    }

    /// The blobs that records name, less those records that only tell of them. The store's lock must be held.
    fn named(&self, aside: &str) -> Result<BTreeSet<Digest>> {
        let mut named = BTreeSet::new();
        for name in self.list("")?.iter().filter(|name| !name.starts_with(aside)) {
            self.read(name)?.iter().for_each(|bytes| add_named(bytes, &mut named));
        }
        Ok(named)
    }
}

impl Store for DirStore {
    fn put(&self, of: &str, blobs: &[&[u8]]) -> Result<Vec<Digest>> {
        self.root.sweep();
        let mut digests = Vec::with_capacity(blobs.len());
        for blob in blobs {
            let digest = Digest::of(blob);
            // Read and not just looked for: what was damaged on the disk is repaired here.
            if !matches!(self.get(of, &digest), Ok(Some(_))) {
                self.root.replace("blobs", &digest.to_string(), blob, Flush::Now)?;
            }
            digests.push(digest);
        }
        if !blobs.is_empty() {
            // Before a record may name the blobs their names must survive a power failure, also those of blobs
            // that another process has just renamed here and not flushed yet.
            flush_folder(&self.root.folder("blobs"))?;
        }
        Ok(digests)
    }

    fn get(&self, _of: &str, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let bytes = read_file(&self.root.folder("blobs").join(digest.to_string()))?;
        bytes.map(|bytes| checked(digest, bytes, &self.address())).transpose()
    }

    fn has(&self, _of: &str, digest: &Digest) -> Result<bool> {
        Ok(self.root.folder("blobs").join(digest.to_string()).is_file())
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let files = files_in(&self.root.folder("records"))?;
        let mut names: Vec<_> = files.iter().filter_map(|(file, _)| name_of(file)).collect();
        names.retain(|name| name.starts_with(prefix));
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        read_file(&self.record(name)?)
    }

    fn commit(&self, commit: &Commit) -> Result<bool> {
        let record = self.record(commit.record)?;
        let _lock = self.root.lock()?;
        if read_file(&record)?.as_deref() != commit.expected {
            return Ok(false);
        }
        for (digest, length) in commit.blobs {
            let path = self.root.folder("blobs").join(digest.to_string());
            if !fs::metadata(path).is_ok_and(|data| data.len() == *length) {
                return Err(blob_is_missing(digest, commit.record, &self.address()));
            }
        }
        // The record comes last: until its rename all the rest speaks of nothing that is published.
        for (name, bytes) in commit.with.iter().chain([&(commit.record, commit.new)]) {
            self.root.replace("records", &file_name(name)?, bytes, Flush::Now)?;
        }
        // Exit 0 promises that the record is there after a power failure: its new name is durable only now.
        flush_folder(&self.root.folder("records"))?;
        Ok(true)
    }

    fn erase(&self, names: &[String]) -> Result<usize> {
        let paths = names.iter().map(|name| self.record(name)).collect::<Result<Vec<_>>>()?;
        if !paths.iter().any(|path| path.is_file()) {
            return Ok(0);
        }
        let _lock = self.root.lock()?;
        let mut gone = 0;
        for path in &paths {
            gone += usize::from(remove_file(path)?);
        }
        flush_folder(&self.root.folder("records"))?;
        Ok(gone)
    }

    fn next(&self, counter: &str, floor: u64) -> Result<u64> {
        let file = file_name(counter)?;
        let _lock = self.root.lock()?;
        let given = read_file(&self.root.folder("counters").join(&file))?;
        // A file that holds no number was torn by a power failure; the floor covers all that was published.
        let given =
            given.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<u32>().ok()).map_or(0, u64::from);
        let number = given.max(floor) + 1;
        // No fsync: a number that a power failure forgets belonged to a run that it killed too.
        self.root.replace("counters", &file, number.to_string().as_bytes(), Flush::Later)?;
        Ok(number)
    }

    fn discard(&self, _of: &str, blobs: &[Digest], aside: &str) -> Result<usize> {
        if blobs.is_empty() {
            return Ok(0);
        }
        let _lock = self.root.lock()?;
        let (named, folder) = (self.named(aside)?, self.root.folder("blobs"));
        let mut gone = 0;
        for digest in blobs.iter().filter(|digest| !named.contains(digest)) {
            gone += usize::from(remove_file(&folder.join(digest.to_string()))?);
        }
        Ok(gone)
    }

    fn collect(&self, aside: &str, spared: Duration) -> Result<Collected> {
        let mut gone = Collected::default();
        if !self.root.path().is_dir() {
            return Ok(gone);
        }
        let _lock = self.root.lock()?;
        let (named, folder) = (self.named(aside)?, self.root.folder("blobs"));
        for (file, bytes) in files_in(&folder)? {
            // What is no digest is not ours.
            let Ok(digest) = file.parse::<Digest>() else { continue };
            let path = folder.join(&file);
            if !named.contains(&digest) && is_older(&path, spared) && remove_file(&path)? {
                gone.blobs += 1;
                gone.bytes += bytes;
            }
        }
        let folder = self.root.folder("staging");
        for (file, _) in files_in(&folder)? {
            let path = folder.join(file);
            gone.staged += usize::from(is_older(&path, spared) && remove_file(&path)?);
        }
        Ok(gone)
    }

    fn durability(&self) -> Result<String> {
        Ok(format!("`{}` is a folder: every file is fsynced before it counts as published", self.address()))
    }

    fn address(&self) -> String {
        format!("dir:{}", self.root.path().display())
    }
}

/// Whether a file was written that long ago. Of one whose time is not known or in the future, no.
fn is_older(path: &std::path::Path, than: Duration) -> bool {
    let age = fs::metadata(path).and_then(|data| data.modified()).map(|time| time.elapsed());
    matches!(age, Ok(Ok(age)) if age >= than)
}

#[cfg(test)]
mod tests {
    use super::{DirStore, Root};
    use crate::store::Store;
    use crate::table::Digest;
    use std::fs;

    #[test]
    fn a_damaged_blob_is_refused_and_then_repaired_by_publishing_it_again() {
        let place = tempfile::tempdir().unwrap();
        let store = DirStore::new(Root::new(place.path().into()));
        let digest = store.put("model:m", &[b"model"]).unwrap()[0];
        fs::write(place.path().join("blobs").join(digest.to_string()), "mOdel").unwrap();
        assert_eq!(store.get("model:m", &digest).unwrap_err().code(), crate::diag::Code::Damaged);
        assert_eq!(store.put("model:m", &[b"model"]).unwrap(), [digest]);
        assert_eq!(store.get("model:m", &digest).unwrap().as_deref(), Some(&b"model"[..]));
        assert_eq!(digest, Digest::of(b"model"));
    }

    #[test]
    fn a_torn_counter_goes_on_above_what_was_published() {
        let place = tempfile::tempdir().unwrap();
        let store = DirStore::new(Root::new(place.path().into()));
        assert_eq!(store.next("model:m", 0).unwrap(), 1);
        fs::write(place.path().join("counters/model%3Am"), "").unwrap();
        assert_eq!(store.next("model:m", 7).unwrap(), 8);
        assert_eq!(store.next("model:m", 0).unwrap(), 9);
    }
}
