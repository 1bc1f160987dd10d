//! The store in this process, for tests and for trying things out.

use super::naming::add_named;
use super::{Collected, Commit, Store, blob_is_missing, checked};
use crate::diag::Result;
use crate::table::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Everything that a `mem:` store holds.
#[derive(Default)]
pub struct Memory(Mutex<Shelves>);

/// What lies in a [`Memory`].
#[derive(Default)]
pub(crate) struct Shelves {
    blobs: BTreeMap<Digest, Vec<u8>>,
    records: BTreeMap<String, Vec<u8>>,
    counters: BTreeMap<String, u64>,
    /// The user's data.
    pub(crate) keys: BTreeMap<String, Vec<u8>>,
}

impl Memory {
    /// Takes the lock. A thread that panicked while holding it has left nothing half done: every change below is
    /// one insertion.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    /// The blobs that records name, less those records that only tell of them.
    fn named(&self, aside: &str) -> BTreeSet<Digest> {
        let mut named = BTreeSet::new();
        let records = self.records.iter().filter(|(name, _)| !name.starts_with(aside));
        records.for_each(|(_, bytes)| add_named(bytes, &mut named));
        named
    }
}

/// Blobs, records and counters in maps.
pub struct MemoryStore {
    memory: Arc<Memory>,
}

impl MemoryStore {
    /// The store in this memory.
    pub fn new(memory: Arc<Memory>) -> Self {
        Self { memory }
    }
}

impl Store for MemoryStore {
    fn put(&self, _of: &str, blobs: &[&[u8]]) -> Result<Vec<Digest>> {
        let digests: Vec<_> = blobs.iter().map(|blob| Digest::of(blob)).collect();
        let mut shelves = self.memory.lock();
        shelves.blobs.extend(digests.iter().copied().zip(blobs.iter().map(|blob| blob.to_vec())));
        Ok(digests)
    }

    fn get(&self, _of: &str, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let bytes = self.memory.lock().blobs.get(digest).cloned();
        bytes.map(|bytes| checked(digest, bytes, &self.address())).transpose()
    }

    fn has(&self, _of: &str, digest: &Digest) -> Result<bool> {
        Ok(self.memory.lock().blobs.contains_key(digest))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(self.memory.lock().records.keys().filter(|name| name.starts_with(prefix)).cloned().collect())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.memory.lock().records.get(name).cloned())
    }

    fn commit(&self, commit: &Commit) -> Result<bool> {
        let mut shelves = self.memory.lock();
        if shelves.records.get(commit.record).map(Vec::as_slice) != commit.expected {
            return Ok(false);
        }
        let whole = |(digest, length): &(Digest, u64)| {
            shelves.blobs.get(digest).is_some_and(|blob| blob.len() as u64 == *length)
        };
        if let Some((digest, _)) = commit.blobs.iter().find(|blob| !whole(blob)) {
            return Err(blob_is_missing(digest, commit.record, &self.address()));
        }
        for (name, bytes) in commit.with.iter().chain([&(commit.record, commit.new)]) {
            shelves.records.insert((*name).to_owned(), bytes.to_vec());
        }
        Ok(true)
    }

    fn erase(&self, names: &[String]) -> Result<usize> {
        let mut shelves = self.memory.lock();
        Ok(names.iter().filter(|name| shelves.records.remove(*name).is_some()).count())
    }

    fn next(&self, counter: &str, floor: u64) -> Result<u64> {
        let mut shelves = self.memory.lock();
        let given = shelves.counters.entry(counter.to_owned()).or_default();
        *given = (*given).max(floor) + 1;
        Ok(*given)
    }

    fn discard(&self, _of: &str, blobs: &[Digest], aside: &str) -> Result<usize> {
        let mut shelves = self.memory.lock();
        let named = shelves.named(aside);
        let unnamed = blobs.iter().filter(|digest| !named.contains(digest));
        Ok(unnamed.filter(|digest| shelves.blobs.remove(digest).is_some()).count())
    }

    fn collect(&self, aside: &str, _spared: Duration) -> Result<Collected> {
        let mut shelves = self.memory.lock();
        let (named, mut gone) = (shelves.named(aside), Collected::default());
        shelves.blobs.retain(|digest, blob| {
            let stays = named.contains(digest);
            if !stays {
                gone.blobs += 1;
                gone.bytes += blob.len() as u64;
            }
            stays
        });
        Ok(gone)
    }

    fn durability(&self) -> Result<String> {
        Ok("`mem:` is memory: nothing survives the end of the process".into())
    }

    fn address(&self) -> String {
        "mem:".into()
    }
}
