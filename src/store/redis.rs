//! The store in a Redis server, version 7.0 or later.
//!
//! | key, after the prefix | type | what |
//! |---|---|---|
//! | `<record>` | string | a record, so that run `x` is at `pipefit:run:x` |
//! | `blob:{<key of the record>}:<sha256>` | hash | chunks of 1 MiB by number; with a time to live until a commit names it |
//! | `counter:<name>` | string | the last number given |
//!
//! The braces make a blob share the cluster slot of the record that names it: the part in braces is what is hashed,
//! and a key without braces is hashed whole.

use super::link::Link;
use super::wire::Wire;
use super::{Collected, Commit, Store, blob_is_missing, checked};
use crate::diag::{Code, Result};
use crate::table::Digest;
use ::redis::{RedisResult, cmd, pipe};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The bytes of a chunk. The commit script divides by it too.
const CHUNK: usize = 1 << 20;
/// Chunks under way at once.
const WINDOW: usize = 16;
/// Seconds until what a killed run has staged is gone.
const STAGED_FOR: u32 = 3600;

/// The next step where nobody can say whether a commit went through.
const PERHAPS: &str =
    "what was to be published may be there all the same: look with `pipefit models ls`, then run again";

/// Adds one chunk to a blob that is being staged, and says 0; or says 1 and changes nothing if the blob is
/// published already, which has no time to live and must never get one.
const STAGE: &str = "
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('TTL', KEYS[1]) == -1 then return 1 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 0";

/// KEYS: the record, its blobs, the other records. ARGV: what is expected ('' with '0' before it for nothing), the
/// new record, the number of blobs, their lengths, the other records. Returns 1 if done, 0 if the record is another,
/// -i if blob i is not whole.
const COMMIT: &str = "
local now = redis.call('GET', KEYS[1])
if ARGV[1] == '0' then
  if now then return 0 end
elseif now ~= ARGV[2] then
  return 0
end
local chunk, blobs = 1048576, tonumber(ARGV[4])
for i = 1, blobs do
  local size = tonumber(ARGV[4 + i])
  local count = math.max(1, math.ceil(size / chunk))
  if redis.call('HLEN', KEYS[1 + i]) ~= count then return -i end
  for c = 0, count - 1 do
    local length = math.min(chunk, size - c * chunk)
    if redis.call('HSTRLEN', KEYS[1 + i], tostring(c)) ~= length then return -i end
  end
end
for i = 1, blobs do redis.call('PERSIST', KEYS[1 + i]) end
for i = blobs + 2, #KEYS do redis.call('SET', KEYS[i], ARGV[3 + i]) end
redis.call('SET', KEYS[1], ARGV[3])
return 1";

/// The next number of a counter, above the floor.
const NEXT: &str = "
local given = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') or 0, tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', given + 1))
return given + 1";

/// KEYS: a record and blobs of it. ARGV: their digests. Removes those that the record does not name and that are published,
/// which have no time to live; the others go by themselves. Returns how many, and their bytes.
const DISCARD: &str = "
local now = redis.call('GET', KEYS[1]) or ''
local count, bytes = 0, 0
for i = 2, #KEYS do
  if redis.call('TTL', KEYS[i]) == -1 and not string.find(now, ARGV[i - 1], 1, true) then
    for _, chunk in ipairs(redis.call('HKEYS', KEYS[i])) do
      bytes = bytes + redis.call('HSTRLEN', KEYS[i], chunk)
    end
    count = count + redis.call('UNLINK', KEYS[i])
  end
end
return {count, bytes}";

/// Blobs, records and counters as keys.
pub struct RedisStore {
    link: Arc<Link>,
}

impl RedisStore {
    /// The store over this connection.
    pub fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    fn blob(&self, of: &str, digest: &Digest) -> String {
        self.link.own(&format!("blob:{{{}}}:{digest}", self.link.own(of)))
    }

    /// Stages all chunks of all blobs, a window at a time, and tells which blobs are published already.
    fn stage(&self, keys: &[String], blobs: &[&[u8]]) -> Result<Vec<bool>> {
        let chunks: Vec<_> = blobs.iter().enumerate().flat_map(|(i, blob)| numbered(i, blob)).collect();
        let mut published = vec![false; blobs.len()];
        for window in chunks.chunks(WINDOW) {
            let mut request = pipe();
            for (blob, number, bytes) in window {
                request
                    .cmd("EVAL")
                    .arg(STAGE)
                    .arg(1)
                    .arg(&keys[*blob])
                    .arg(number)
                    .arg(bytes)
                    .arg(STAGED_FOR);
            }
            let kept: Vec<u8> = self.link.ask("stage an artifact", |connection| request.query(connection))?;
            for ((blob, ..), kept) in window.iter().zip(kept) {
                published[*blob] |= kept == 1;
            }
        }
        Ok(published)
    }

    /// Removes those of a record's blobs that it does not name; how many, and their bytes.
    fn remove(&self, record: &str, blobs: &[(String, String)]) -> Result<(usize, u64)> {
        let mut request = cmd("EVAL");
        request.arg(DISCARD).arg(1 + blobs.len()).arg(record);
        blobs.iter().for_each(|(key, _)| _ = request.arg(key));
        blobs.iter().for_each(|(_, digest)| _ = request.arg(digest));
        self.link.ask("remove what no record names", |connection| request.query(connection))
    }

    /// Replaces a published blob that was damaged, in one step.
    fn repair(&self, key: &str, blob: &[u8]) -> Result<()> {
        let mut request = pipe();
        request.atomic().cmd("DEL").arg(key).ignore();
        for (_, number, bytes) in numbered(0, blob) {
            request.cmd("HSET").arg(key).arg(number).arg(bytes).ignore();
        }
        self.link.ask("repair an artifact", |connection| request.query::<()>(connection))
    }

    fn run_commit(&self, commit: &Commit, connection: &mut Wire) -> RedisResult<i64> {
        let mut request = cmd("EVAL");
        request.arg(COMMIT).arg(1 + commit.blobs.len() + commit.with.len()).arg(self.link.own(commit.record));
        for (digest, _) in commit.blobs {
            request.arg(self.blob(commit.record, digest));
        }
        for (name, _) in commit.with {
            request.arg(self.link.own(name));
        }
        request
            .arg(if commit.expected.is_some() { "1" } else { "0" })
            .arg(commit.expected.unwrap_or_default());
        request.arg(commit.new).arg(commit.blobs.len());
        for (_, length) in commit.blobs {
            request.arg(*length);
        }
        for (_, bytes) in commit.with {
            request.arg(*bytes);
        }
        request.query(connection)
    }
}

/// The chunks of a blob: its place among the blobs, the chunk's number, its bytes. An empty blob has one, empty.
fn numbered(blob: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, usize, &[u8])> {
    let empty = bytes.is_empty().then_some(bytes);
    empty.into_iter().chain(bytes.chunks(CHUNK)).enumerate().map(move |(number, bytes)| (blob, number, bytes))
}

impl Store for RedisStore {
    fn put(&self, of: &str, blobs: &[&[u8]]) -> Result<Vec<Digest>> {
        let digests: Vec<_> = blobs.iter().map(|blob| Digest::of(blob)).collect();
        let keys: Vec<_> = digests.iter().map(|digest| self.blob(of, digest)).collect();
        let published = self.stage(&keys, blobs)?;
        for (i, digest) in digests.iter().enumerate().filter(|(i, _)| published[*i]) {
            // An equal blob of an earlier version: shared if it is still what it should be.
            if !matches!(self.get(of, digest), Ok(Some(_))) {
                self.repair(&keys[i], blobs[i])?;
            }
        }
        Ok(digests)
    }

    fn get(&self, of: &str, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let key = self.blob(of, digest);
        let doing = "read an artifact";
        let (count, first): (usize, Option<Vec<u8>>) = self.link.ask(doing, |connection| {
            pipe().cmd("HLEN").arg(&key).cmd("HGET").arg(&key).arg(0).query(connection)
        })?;
        if count == 0 {
            return Ok(None);
        }
        // A chunk that is missing makes the digest wrong.
        let mut bytes = first.unwrap_or_default();
        let numbers: Vec<_> = (1..count).collect();
        for window in numbers.chunks(WINDOW) {
            let mut request = pipe();
            for number in window {
                request.cmd("HGET").arg(&key).arg(number);
            }
            let chunks: Vec<Option<Vec<u8>>> =
                self.link.ask(doing, |connection| request.query(connection))?;
            chunks.iter().flatten().for_each(|chunk| bytes.extend_from_slice(chunk));
        }
        checked(digest, bytes, &self.address()).map(Some)
    }

    fn has(&self, of: &str, digest: &Digest) -> Result<bool> {
        let key = self.blob(of, digest);
        self.link.ask("look for an artifact", |connection| cmd("EXISTS").arg(&key).query(connection))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let start = self.link.own("");
        let pattern = format!("{}*", glob_escaped(&self.link.own(prefix)));
        // The server may give a key twice, and gives them in any order.
        let mut names = BTreeSet::new();
        self.link.scan(&pattern, "list the records", &mut |key| {
            let name = std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(&start));
            let ours = |name: &&str| !name.starts_with("blob:") && !name.starts_with("counter:");
            names.extend(name.filter(ours).map(str::to_owned));
        })?;
        Ok(names.into_iter().collect())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.read_all(&[name.to_owned()])?.pop().flatten())
    }

    fn read_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut records = Vec::with_capacity(names.len());
        // A window of 500 keeps the server free for others between two requests.
        for window in names.chunks(500) {
            let mut request = cmd("MGET");
            window.iter().for_each(|name| _ = request.arg(self.link.own(name)));
            let part: Vec<Option<Vec<u8>>> =
                self.link.ask("read a record", |connection| request.query(connection))?;
            records.extend(part);
        }
        Ok(records)
    }

    fn commit(&self, commit: &Commit) -> Result<bool> {
        let doing = format!("publish `{}`", commit.record);
        let outcome = match self.link.ask_once(&doing, |connection| self.run_commit(commit, connection)) {
            Ok(outcome) => outcome,
            Err(failure) if failure.unknown => {
                // The script may have run though its answer is lost. It has if the record is the new one; it has
                // not, and never will, if the record is neither; else nobody knows yet, and that is an error.
                let key = self.link.own(commit.record);
                let read: Result<Option<Vec<u8>>> =
                    self.link.ask_again(&doing, |connection| cmd("GET").arg(&key).query(connection));
                return match read {
                    Ok(Some(now)) if now == commit.new => Ok(true),
                    Ok(now) if now.as_deref() != commit.expected => Ok(false),
                    _ => Err(failure.diagnostic.help(PERHAPS)),
                };
            }
            Err(failure) => return Err(failure.diagnostic),
        };
        match outcome {
            1 => Ok(true),
            0 => Ok(false),
            missing => {
                let missing = usize::try_from(-missing - 1).ok().and_then(|i| commit.blobs.get(i));
                let (digest, _) =
                    missing.ok_or_else(|| Code::Bug.error("the commit script gave an unknown answer"))?;
                Err(blob_is_missing(digest, commit.record, &self.address()))
            }
        }
    }

    fn erase(&self, names: &[String]) -> Result<usize> {
        let mut gone = 0;
        for name in names {
            // One key a command: they may lie on different servers. Asked twice it counts one too few, which is no harm.
            let key = self.link.own(name);
            let removed: usize =
                self.link.ask("remove a record", |connection| cmd("DEL").arg(&key).query(connection))?;
            gone += removed;
        }
        Ok(gone)
    }

    fn next(&self, counter: &str, floor: u64) -> Result<u64> {
        let key = self.link.own(&format!("counter:{counter}"));
        // Asked twice it leaves a gap, which is no harm.
        self.link.ask("reserve a version number", |connection| {
            cmd("EVAL").arg(NEXT).arg(1).arg(&key).arg(floor).query(connection)
        })
    }

    fn discard(&self, of: &str, blobs: &[Digest], _aside: &str) -> Result<usize> {
        if blobs.is_empty() {
            return Ok(0);
        }
        // Blobs are kept for each record apart, so that no other one can name them.
        let blobs: Vec<_> = blobs.iter().map(|digest| (self.blob(of, digest), digest.to_string())).collect();
        Ok(self.remove(&self.link.own(of), &blobs)?.0)
    }

    fn collect(&self, _aside: &str, _spared: Duration) -> Result<Collected> {
        let start = self.link.own("blob:{");
        let mut keys = BTreeSet::new();
        self.link.scan(&format!("{}*", glob_escaped(&start)), "list the blobs", &mut |key| {
            keys.extend(std::str::from_utf8(key).ok().map(str::to_owned));
        })?;
        let mut gone = Collected::default();
        for key in keys {
            let parts = key.strip_prefix(&start).and_then(|rest| rest.rsplit_once("}:"));
            let Some((record, digest)) = parts else { continue };
            let (count, bytes) = self.remove(record, &[(key.clone(), digest.to_owned())])?;
            gone.blobs += count;
            gone.bytes += bytes;
        }
        Ok(gone)
    }

    fn durability(&self) -> Result<String> {
        // Many hosted servers forbid CONFIG; INFO tells less, but is always there.
        let config: Result<Vec<String>> = self.link.ask("read the server's configuration", |connection| {
            let mut found: Vec<String> = Vec::new();
            for name in ["appendonly", "appendfsync", "save"] {
                let (_, value): (String, String) = cmd("CONFIG").arg("GET").arg(name).query(connection)?;
                found.push(value);
            }
            Ok(found)
        });
        let address = self.address();
        let survives = match config.as_deref() {
            Ok([on, sync, _]) if on == "yes" && sync == "always" => {
                "every write is fsynced before it is answered"
            }
            Ok([on, sync, _]) if on == "yes" && sync == "everysec" => "a crash loses about the last second",
            Ok([on, _, _]) if on == "yes" => "a power failure loses what its system had not written yet",
            Ok([_, _, save]) if save.is_empty() => {
                "nothing is written to disk, so nothing survives a restart"
            }
            Ok(_) => "a crash loses what was written since the last snapshot",
            Err(error) if error.code() != Code::StoreRefused => return Err(error.clone()),
            Err(_) => {
                let info: String = self.link.ask("read the server's state", |connection| {
                    cmd("INFO").arg("persistence").query(connection)
                })?;
                if info.contains("aof_enabled:1") {
                    "it keeps a log of writes; how often that is fsynced it does not tell"
                } else {
                    "it keeps no log of writes; whether it takes snapshots it does not tell"
                }
            }
        };
        Ok(format!("`{address}` is a Redis server: {survives}"))
    }

    fn address(&self) -> String {
        self.link.target().to_string()
    }
}

fn glob_escaped(text: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '\\' | '^');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, COMMIT, glob_escaped, numbered};

    #[test]
    fn chunks_are_full_but_the_last_and_never_none() {
        let sizes = |length: usize| -> Vec<usize> {
            numbered(0, &vec![7; length]).map(|(_, _, bytes)| bytes.len()).collect()
        };
        assert_eq!(sizes(0), [0]);
        assert_eq!(sizes(CHUNK), [CHUNK]);
        assert_eq!(sizes(CHUNK + 1), [CHUNK, 1]);
        assert!(COMMIT.contains(&CHUNK.to_string()), "the script divides by another chunk");
    }

    #[test]
    fn a_prefix_is_no_pattern() {
        assert_eq!(glob_escaped("a*[b]?\\"), "a\\*\\[b\\]\\?\\\\");
    }
}
