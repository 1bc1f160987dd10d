//! The user's data by key. Keys are the user's own: nothing is put before them.

mod answers;
mod beside;
mod bulk;
mod contents;
mod dir;
mod fields;
mod frames;
pub(super) mod glob;
mod group;
mod image;
mod key_list;
mod members;
mod memory;
mod odd_rows;
mod redis;
mod row_sink;
mod shelf;
mod stream;
mod writer;
mod written;

pub use contents::Each;
pub use fields::EachHash;
pub use group::{Delivered, Fate, Group, GroupState, GroupTerms, Pending, Settled, Trouble};
pub use key_list::{Found, KeyList};
pub use row_sink::{Fields, RowSink, Text, Texts, Wanted};
pub use stream::{EntryId, Extent, Ledger};
pub use written::{Entry, Fill, Item, Others, Row};

use crate::diag::{Code, Diagnostic, Result};
use crate::store::{Backing, Gentle, Store, connect, connect_gently};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The user's data in a store.
pub trait Keys: Send + Sync {
    /// What a key holds; `None` if it is not there.
    fn kind(&self, key: &str) -> Result<Option<Kind>>;

    /// The bytes of a string; `None` if the key is not there, [`Code::WrongKind`] if it is no string.
    fn value(&self, key: &str) -> Result<Option<Vec<u8>>>;

    /// Makes the key a string with these bytes, whatever it was, in one step for every reader.
    fn write(&self, key: &str, bytes: &[u8]) -> Result<()>;

    /// [`write`](Self::write), unless the key is there. Says whether it was written: of several writers one is told
    /// so, and what it wrote stays.
    fn write_new(&self, key: &str, bytes: &[u8]) -> Result<bool>;

    /// Removes a key; says whether it was there.
    fn remove(&self, key: &str) -> Result<bool>;

    /// Removes keys; says how many of them were there.
    fn remove_all(&self, keys: &KeyList) -> Result<usize>;

    /// All keys, sorted, without our own records.
    fn ls(&self) -> Result<Vec<Listed>> {
        self.listed("*")
    }

    /// The keys that match a pattern, sorted, without our own records.
    fn listed(&self, pattern: &str) -> Result<Vec<Listed>>;

    /// The keys that match a pattern, by Redis's rules (`*`, `?`, `[abc]`, `\`), each once, sorted by their bytes,
    /// without our own records. [`Code::UnreadableValue`] for a key that is not UTF-8.
    fn matching(&self, pattern: &str) -> Result<KeyList>;

    /// The names of keys that an index holds: a list in its order, a sorted set by scores (equal ones by their bytes), a
    /// set sorted by their bytes. [`Code::MissingKeyOrFile`] if there is no such key, [`Code::WrongKind`] if it is of
    /// another kind, [`Code::UnreadableValue`] for a name that is not UTF-8.
    fn index(&self, key: &str) -> Result<KeyList>;

    /// How far a stream goes; `None` for one that has no entries. [`Code::MissingKeyOrFile`] if there is no such key,
    /// [`Code::WrongKind`] if it is of another kind.
    fn stream(&self, key: &str) -> Result<Option<Extent>>;

    /// Hands the entries of a stream from one to another, both included, to a sink, in their order.
    fn entries(&self, key: &str, from: EntryId, to: EntryId, sink: &mut dyn RowSink) -> Result<()>;

    /// At most so many entries of a stream from one on, in their order. Errors as those of [`stream`](Self::stream).
    fn page(&self, key: &str, from: EntryId, most: usize) -> Result<Vec<(EntryId, Row)>>;

    /// How many entries a stream ever had, where the store may lose entries that somebody trims, and counts them; `None` too
    /// where there is no stream.
    fn ledger(&self, _key: &str) -> Result<Option<Ledger>> {
        Ok(None)
    }

    /// Adds entries to the end of a stream, which is made if it is not there, and gives the id of the last one; `None` if
    /// there is none to add. They are added in runs, each of them whole or not at all; what a power failure leaves of an
    /// answered one is what the store promises.
    ///
    /// [`Code::WrongKind`] for a key of another kind; [`Code::StoreRefused`] for an id that is not above the last one;
    /// [`Code::StoreIo`] also where the answer was lost, so that nobody knows whether the last run was added: what has come is to
    /// be seen with [`page`](Self::page).
    fn append(&self, key: &str, entries: &[Entry]) -> Result<Option<EntryId>>;

    /// Writes rows as hashes by key, each in one step for every reader, and all of them or those before an error. A hash without
    /// fields is no key. [`Code::WrongKind`] for a key whose other fields are to stay and that is no hash.
    fn write_rows(&self, rows: &[(String, Row)], others: Others) -> Result<()>;

    /// Begins to make a key of a kind other than string, whatever it is now. It is seen when [`Fill::finish`] returns.
    fn fill<'k>(&'k self, key: &str, kind: Kind) -> Result<Box<dyn Fill + 'k>>;

    /// How many members a list, set, sorted set or hash has; 0 if it is not there or of another kind meanwhile.
    fn length(&self, key: &str, kind: Kind) -> Result<usize>;

    /// Hands out what a list, set, sorted set or hash holds, as it is at one moment: the members of a list in its order, of a
    /// sorted set by score with the score, of a set sorted by their bytes; fields with their values, sorted by the fields' bytes.
    /// False if it was changed or removed meanwhile: what was handed out is then nothing.
    fn members(&self, key: &str, kind: Kind, each: &mut Each<'_>) -> Result<bool>;

    /// The milliseconds that each of these keys has left to live; `None` for one that stays, or is not there.
    fn lives(&self, keys: &[&str]) -> Result<Vec<Option<u64>>> {
        Ok(vec![None; keys.len()])
    }

    /// Has keys expire so many milliseconds from now; false where the keys of the store do not expire.
    fn expire(&self, _keys: &[(String, u64)]) -> Result<bool> {
        Ok(false)
    }

    /// How many groups of consumers a stream has.
    fn groups(&self, _key: &str) -> Result<usize> {
        Ok(0)
    }

    /// A consumer of a group that reads one stream and writes others. That all keys are streams or not there, lie in one slot of a
    /// cluster and are not our own, and that the server knows what is needed, is found out first; nothing is written.
    ///
    /// [`Code::Usage`] where streams have no groups of consumers.
    fn group(&self, terms: &GroupTerms) -> Result<Group> {
        let message = format!("stream `{}` lies in a store without groups of consumers", terms.stream);
        let help = "name a Redis server with `--store redis://HOST:PORT/0`; or predict what is there with \
                    `predict MODEL --input STREAM --output KEY --as stream`";
        Err(Code::Usage.error(message).help(help))
    }

    /// The keys that match a pattern, as [`matching`](Self::matching), whatever bytes they are of. Only a store that has hashes
    /// has them.
    fn matching_bytes(&self, _pattern: &str) -> Result<Found> {
        Err(no_hashes())
    }

    /// Hands out given fields of the hashes with these keys, in their order. [`Code::WrongKind`] names a key that is no hash,
    /// [`Code::MissingKeyOrFile`] one that has gone meanwhile.
    fn fields_of(&self, _keys: &Found, _fields: &[&[u8]], _each: &mut EachHash<'_>) -> Result<()> {
        Err(no_hashes())
    }

    /// Hands what each of these keys holds to a sink, in their order: each is read once, all of them as one row's value
    /// was at one moment. [`Code::WrongKind`] names a key that is neither a hash
    /// nor a string, [`Code::MissingKeyOrFile`] one that has gone meanwhile.
    fn rows(&self, keys: &KeyList, sink: &mut dyn RowSink) -> Result<()>;
}

/// What a key of one row holds.
enum Held {
    /// The fields of a hash with their values.
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// The bytes of a string.
    String(Vec<u8>),
    /// The text of a document of the module RedisJSON.
    Json(Vec<u8>),
}

/// What `TYPE` says of a document of the module RedisJSON.
const JSON_TYPE: &str = "ReJSON-RL";

/// A key, as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name; bytes that are not UTF-8 are shown as U+FFFD.
    pub key: String,
    /// What it holds.
    pub kind: Kind,
    /// The length of a string; for other kinds the memory that the server uses for it, which it estimates.
    pub bytes: u64,
}

/// What a key holds: Redis's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Bytes.
    String,
    /// Fields and values.
    Hash,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Zset,
    /// A stream.
    Stream,
    /// A type of a server module, such as RedisJSON.
    Module,
}

impl Kind {
    /// The kind behind the answer to `TYPE`; `None` for `none`.
    fn of_type(name: &str) -> Option<Self> {
        Some(match name {
            "none" => return None,
            "string" => Self::String,
            "hash" => Self::Hash,
            "list" => Self::List,
            "set" => Self::Set,
            "zset" => Self::Zset,
            "stream" => Self::Stream,
            _ => Self::Module,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::Hash => "hash",
            Self::List => "list",
            Self::Set => "set",
            Self::Zset => "zset",
            Self::Stream => "stream",
            Self::Module => "module",
        })
    }
}

/// Opens the store that a URL names, and the keys in it, over one connection. [`connect`] says more.
pub fn open(url: &str, base: &Path) -> Result<(Arc<dyn Store>, Arc<dyn Keys>)> {
    let backing = connect(url, base)?;
    Ok((backing.store(), of(&backing)))
}

/// The keys in a store whose server others need meanwhile: reading leaves no trace in what it knows of their use, takes breaks,
/// and if `rate` says so not more bytes a second. A rate is at least 100 kB a second.
pub fn open_gently(url: &str, base: &Path, rate: Option<u64>) -> Result<Arc<dyn Keys>> {
    connect_gently(url, base, Gentle { rate }).map(|backing| of(&backing))
}

/// The keys in an open store.
pub fn of(backing: &Backing) -> Arc<dyn Keys> {
    match backing {
        Backing::Dir(root) => Arc::new(shelf::ShelfKeys::new(dir::Folder::new(root.clone()))),
        Backing::Redis(link) => Arc::new(redis::RedisKeys::new(link.clone())),
        Backing::Memory(memory) => Arc::new(shelf::ShelfKeys::new(memory::Map::new(memory.clone()))),
    }
}

/// A key that is not of the kind that is needed.
fn wrong_kind(key: &str, kind: Kind) -> Diagnostic {
    let help = match kind {
        Kind::Hash => "if each row is a hash of its own, read them with `source.pattern`, such as `row:*`",
        _ => "name a key that holds a string; `pipefit data ls` shows the kinds",
    };
    Code::WrongKind.error(format!("key `{key}` is a {kind}, not a string")).help(help)
}

/// A store without hashes.
fn no_hashes() -> Diagnostic {
    Code::WrongKind
        .error("this store has no keys of other programs in it")
        .help("name the Redis server that they are in with `store: redis://HOST:PORT/0`")
}

/// A key that is to be a hash.
fn no_hash(key: &str) -> Diagnostic {
    Code::WrongKind
        .error(format!("key `{key}` is no hash"))
        .help("it was replaced while it was read, or another program uses such names")
}

/// A key that has no members.
fn no_members(key: &str, kind: Kind) -> Diagnostic {
    Code::WrongKind
        .error(format!("key `{key}` is a {kind}, not a list, set, sorted set or hash"))
        .help("name a key that holds a table; `pipefit data ls` shows the kinds")
}

/// An index that is not there.
fn no_index(key: &str) -> Diagnostic {
    Code::MissingKeyOrFile.error(format!("no key `{key}` in the store")).help(
        "an index is a list, a set or a sorted set of the keys of rows; `pipefit data ls` lists the keys",
    )
}

/// A key that lists no others.
fn not_an_index(key: &str, kind: Kind) -> Diagnostic {
    let help = match kind {
        Kind::String => "a key that holds a whole table is read with `source.key`",
        _ => "name the key that lists the keys of rows; `pipefit data ls` shows the kinds",
    };
    Code::WrongKind
        .error(format!("key `{key}` is a {kind}, not a list, set or sorted set of keys"))
        .help(help)
}

/// A stream that is not there.
fn no_stream(key: &str) -> Diagnostic {
    Code::MissingKeyOrFile
        .error(format!("no key `{key}` in the store"))
        .help("name the key of a stream; `pipefit data ls` lists the keys")
}

/// A key that is no stream.
fn not_a_stream(key: &str, kind: Kind) -> Diagnostic {
    let help = match kind {
        Kind::String => "a key that holds a whole table is read with `source.key`",
        _ => "name the key of a stream; `pipefit data ls` shows the kinds",
    };
    Code::WrongKind.error(format!("key `{key}` is a {kind}, not a stream")).help(help)
}

/// A key of one row that is not there, or no more.
fn gone(key: &str) -> Diagnostic {
    Code::MissingKeyOrFile
        .error(format!("there is no key `{key}`, which is to be a row"))
        .help("it was removed while the rows were read: run again when nobody removes rows")
}

/// A key that matches the pattern and can be no row.
fn no_row(key: &str, kind: Kind) -> Diagnostic {
    Code::WrongKind
        .error(format!("key `{key}` is a {kind}, not a hash or a string with a JSON object"))
        .help("choose a pattern that matches the keys of rows alone; `pipefit data ls` shows the kinds")
}

/// A key that has to be a hash, for the sake of its other fields.
fn not_a_hash(key: &str) -> Diagnostic {
    Code::WrongKind
        .error(format!("key `{key}` is no hash, and its other fields were to stay"))
        .help("choose other keys, or remove this one first; `pipefit data ls` shows the kinds")
}
