//! What was published: blobs by digest and named records with compare-and-swap.
//!
//! [`connect`] opens what a URL names; a [`Backing`] is one connection, shared by the [`Store`] (ours) and the keys
//! of `source` (the user's). Nothing here knows what a model or a run is.

mod address;
mod cluster;
mod dial;
mod dir;
mod fault;
mod folder;
mod inbox;
mod line;
mod link;
mod memory;
mod names;
mod naming;
mod redis;
pub mod resp;
mod root;
mod scan;
mod slot;
mod target;
mod tls;
mod wire;
mod wires;

pub use address::Address;
pub(crate) use fault::{is_on_its_way, is_wrong_type};
pub use folder::{Exchanged, publish_folder, replace_file, replace_file_by};
pub use link::Link;
pub use memory::Memory;
pub use names::{file_name, name_of, unique};
pub use root::{Flush, Root};
pub(crate) use root::{fault, files_in, flush_folder, read_file};
pub use target::{Gentle, Host, Server, Target};
pub use tls::Tls;
pub use wire::Wire;
pub(crate) use wires::Wires;

use crate::diag::{Code, Diagnostic, Result};
use crate::table::Digest;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Blobs that never change, records that change one at a time, and counters.
///
/// Every write is atomic for every reader, and a writer that dies leaves the old or the new. Blobs are put before
/// the record that speaks of them is committed: the record's swap is the one moment of publication.
pub trait Store: Send + Sync {
    /// Stores blobs that record `of` will name, and returns their digests in order. A blob that is there is read
    /// again, and written anew if it was damaged. Until a commit names them they may be lost.
    fn put(&self, of: &str, blobs: &[&[u8]]) -> Result<Vec<Digest>>;

    /// A blob of record `of`; `None` if it is not there, [`Code::Damaged`] if its bytes have another digest.
    ///
    /// Where stores share equal blobs between records, `of` does not matter; give the record that names the blob.
    fn get(&self, of: &str, digest: &Digest) -> Result<Option<Vec<u8>>>;

    /// Whether a blob of record `of` is there; its bytes are not read.
    fn has(&self, of: &str, digest: &Digest) -> Result<bool>;

    /// The names of the records that begin with `prefix`, sorted.
    fn list(&self, prefix: &str) -> Result<Vec<String>>;

    /// A record.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Several records at once, in the order of their names.
    fn read_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>> {
        names.iter().map(|name| self.read(name)).collect()
    }

    /// Changes one record, and writes what belongs to it, if the record is what was expected; else nothing happens
    /// and the answer is false. True means durable, as far as [`durability`](Self::durability) goes.
    ///
    /// A connection that breaks before the answer is no answer: the record is read back, and only what is still
    /// unknown then is an error.
    fn commit(&self, commit: &Commit) -> Result<bool>;

    /// [`commit`](Self::commit) of one record alone; `None` expects that it is not there.
    fn swap(&self, name: &str, expected: Option<&[u8]>, new: &[u8]) -> Result<bool> {
        self.commit(&Commit { record: name, expected, new, blobs: &[], with: &[] })
    }

    /// Removes records, whatever they hold, and tells how many there were.
    fn erase(&self, names: &[String]) -> Result<usize>;

    /// A number above `floor` that this counter has not given before.
    ///
    /// A counter need not survive a power failure: pass the highest number that was published as `floor`, and no
    /// published one is ever given again.
    fn next(&self, counter: &str, floor: u64) -> Result<u64>;

    /// Removes those of these blobs of record `of` that no record names any more, and tells how many it removed.
    ///
    /// A record names a blob where its bytes hold the digest in hexadecimal; those whose names begin with `aside` only
    /// tell of blobs. Looking and removing are one step for every commit: a publisher that has just put an equal blob
    /// is told by its commit that it is missing, and puts it again.
    fn discard(&self, of: &str, blobs: &[Digest], aside: &str) -> Result<usize>;

    /// Removes what nothing leads to, as [`discard`](Self::discard) does: blobs that no record names, and what killed
    /// processes left half written. What may belong to a process that lives is younger than `spared` and stays.
    fn collect(&self, aside: &str, spared: Duration) -> Result<Collected>;

    /// What a success survives, as a sentence for reports.
    fn durability(&self) -> Result<String>;

    /// Where it is, without user and password.
    fn address(&self) -> String;
}

/// What [`Store::commit`] does at once.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// The record to change.
    pub record: &'a str,
    /// What it must hold now; `None`: it must not be there.
    pub expected: Option<&'a [u8]>,
    /// What it holds afterwards.
    pub new: &'a [u8],
    /// The blobs that it names, put before, with their lengths in bytes. If one is missing, the commit fails.
    pub blobs: &'a [(Digest, u64)],
    /// Other records to write, whatever they held: name and bytes.
    pub with: &'a [(&'a str, &'a [u8])],
}

/// What [`Store::collect`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs that no record named.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were never finished.
    pub staged: usize,
}

/// An open store: a folder, a connection, or memory. Clones share it.
#[derive(Clone)]
pub enum Backing {
    /// A folder.
    Dir(Root),
    /// A Redis server.
    Redis(Arc<Link>),
    /// This process.
    Memory(Arc<Memory>),
}

/// Opens what a URL names ([`Address::parse`] lists the forms); relative paths are taken from `base`. A Redis server
/// is connected to at once, a folder is made when something is first written, and each `mem:` is a new one.
pub fn connect(url: &str, base: &Path) -> Result<Backing> {
    connected(url, base, None)
}

/// [`connect`], to a server that others need meanwhile.
pub fn connect_gently(url: &str, base: &Path, gentle: Gentle) -> Result<Backing> {
    connected(url, base, Some(gentle))
}

fn connected(url: &str, base: &Path, gentle: Option<Gentle>) -> Result<Backing> {
    Ok(match Address::parse(url, base)? {
        Address::Dir(path) => Backing::Dir(Root::new(path)),
        Address::Redis(target) => Backing::Redis(Arc::new(Link::connect(Target { gentle, ..*target })?)),
        Address::Memory => Backing::Memory(Arc::default()),
    })
}

impl Backing {
    /// The store in it.
    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Dir(root) => Arc::new(dir::DirStore::new(root.clone())),
            Self::Redis(link) => Arc::new(redis::RedisStore::new(link.clone())),
            Self::Memory(memory) => Arc::new(memory::MemoryStore::new(memory.clone())),
        }
    }
}

/// The blob's bytes, if they have the digest that they are stored under.
fn checked(digest: &Digest, bytes: Vec<u8>, address: &str) -> Result<Vec<u8>> {
    let found = Digest::of(&bytes);
    if found == *digest {
        return Ok(bytes);
    }
    let message =
        format!("blob `{digest}` in `{address}` is damaged: its {} bytes have sha256 `{found}`", bytes.len());
    Err(Code::Damaged
        .error(message)
        .help("publish the same bytes again, which repairs it, or restore a backup"))
}

/// A commit names a blob that is not there, or not whole.
fn blob_is_missing(digest: &Digest, record: &str, address: &str) -> Diagnostic {
    let message = format!("blob `{digest}` is gone from `{address}` before `{record}` could name it");
    Code::BlobGone
        .error(message)
        .help("run again; if it is a cache that evicts keys, give it room or another policy")
}
