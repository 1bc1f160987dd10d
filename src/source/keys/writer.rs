//! Writing into a Redis server: rows, entries, and keys that are made aside and put in their places when they are whole.
//!
//! Scripts and no transactions: in a cluster that is moving keys a transaction cannot be told where to go. Their first line has
//! the server refuse them before they begin when it is out of memory or a replica, so that nothing is half done.

use super::written::{
    Entry, Fill, Item, Others, Row, no_fields, no_part, pieces, refuse_long, score_of, texts,
};
use super::{EntryId, Kind, not_a_hash};
use crate::diag::{Code, Diagnostic, Result};
use crate::store::{Link, is_wrong_type, unique};
use ::redis::{Cmd, RedisResult, Value, cmd, pipe};
use std::sync::Arc;

/// Makes a key hold members, whatever it was. ARGV: the command that adds them, and they.
const REPLACE: &str = "#!lua
redis.call('DEL', KEYS[1])
for i = 2, #ARGV, 4000 do
  redis.call(ARGV[1], KEYS[1], unpack(ARGV, i, math.min(i + 3999, #ARGV)))
end";

/// Adds entries to a stream and gives the last one's id. ARGV: for each entry its id, the number of its texts, and they.
const APPEND: &str = "#!lua
local i, last = 1, false
while i <= #ARGV do
  local n = tonumber(ARGV[i + 1])
  last = redis.call('XADD', KEYS[1], ARGV[i], unpack(ARGV, i + 2, i + 1 + n))
  i = i + 2 + n
end
return last";

/// Makes a key a stream without entries.
const EMPTY: &str = "#!lua
redis.call('DEL', KEYS[1])
redis.call('XGROUP', 'CREATE', KEYS[1], 'none', '$', 'MKSTREAM')
redis.call('XGROUP', 'DESTROY', KEYS[1], 'none')";

/// Puts a key that was made aside in its place.
const PLACE: &str = "#!lua
redis.call('PERSIST', KEYS[1])
redis.call('RENAME', KEYS[1], KEYS[2])";

/// The most texts of an entry that a script takes: its stack holds some 8,000.
const WIDE: usize = 7_000;
/// Entries and rows that are written at once.
const MOST: usize = 1_000;
/// The bytes of members, and their number, that are written at once.
const BYTES: usize = 512 << 10;
const MEMBERS: usize = 5_000;
/// Seconds until what a killed process has made aside is gone.
const STAGED_FOR: u32 = 3600;

/// Adds entries to a stream; the id of the last one if there is any. The outer `None`: it is no stream.
pub(super) fn append(link: &Link, key: &str, entries: &[Entry]) -> Result<Option<Option<EntryId>>> {
    for entry in entries {
        if entry.fields.is_empty() {
            return Err(no_fields(key));
        }
        refuse_long(key, texts(&entry.fields))?;
    }
    let doing = format!("append to stream `{key}`");
    let mut last = None;
    for piece in runs(entries) {
        let request = append_request(key, piece);
        let appended = link.ask_once_for(key, &doing, |wire| match request.query::<Vec<u8>>(wire) {
            Err(error) if is_wrong_type(&error) => Ok(None),
            id => id.map(Some),
        });
        let id = appended.map_err(|failure| match failure.unknown {
            true => failure.diagnostic.help("see at its end whether the last entries were added"),
            false => failure.diagnostic,
        })?;
        let Some(id) = id else { return Ok(None) };
        let unknown = || Code::StoreIo.error(format!("cannot {doing}: `{}` is no id", id.escape_ascii()));
        last = Some(EntryId::parse(&id).ok_or_else(unknown)?);
    }
    Ok(Some(last))
}

/// Entries that are written at once; one with very many fields is so by itself.
fn runs(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let wide = |entry: &Entry| entry.fields.len() * 2 > WIDE;
    entries.chunk_by(move |a, b| !wide(a) && !wide(b)).flat_map(|run| pieces(run, MOST))
}

fn append_request(key: &str, entries: &[Entry]) -> Cmd {
    let id = |entry: &Entry| entry.id.map_or_else(|| "*".to_owned(), |id| id.to_string());
    let with_texts =
        |request: &mut Cmd, entry: &Entry| texts(&entry.fields).for_each(|text| _ = request.arg(text));
    if let [entry] = entries {
        let mut request = cmd("XADD");
        request.arg(key).arg(id(entry));
        with_texts(&mut request, entry);
        return request;
    }
    let mut request = cmd("EVAL");
    request.arg(APPEND).arg(1).arg(key);
    for entry in entries {
        request.arg(id(entry)).arg(2 * entry.fields.len());
        with_texts(&mut request, entry);
    }
    request
}

/// Writes rows as hashes.
pub(super) fn write_rows(link: &Link, rows: &[(String, Row)], others: Others) -> Result<()> {
    let mut rest = rows;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(MOST).take_while(|(key, row)| {
            let before = bytes;
            bytes += key.len() + texts(row).map(<[u8]>::len).sum::<usize>();
            before < BYTES
        });
        let (some, after) = rest.split_at(fits.count());
        write_some(link, some, others)?;
        rest = after;
    }
    Ok(())
}

fn write_some(link: &Link, rows: &[(String, Row)], others: Others) -> Result<()> {
    rows.iter().try_for_each(|(key, row)| refuse_long(key, texts(row)))?;
    let rows: Vec<&(String, Row)> =
        rows.iter().filter(|(_, row)| others == Others::Go || !row.is_empty()).collect();
    let Some((first, _)) = rows.first() else { return Ok(()) };
    let keys: Vec<&str> = rows.iter().map(|(key, _)| key.as_str()).collect();
    let doing = format!("write {} keys from `{first}` on", keys.len());
    let answers = link.ask_each::<Value>(&doing, &keys, |at| {
        let (key, row) = rows[at];
        let mut request = match others {
            Others::Go => script(REPLACE, &[key.as_bytes()]),
            Others::Stay => cmd("HSET"),
        };
        request.arg(if others == Others::Go { "HSET" } else { key });
        texts(row).for_each(|text| _ = request.arg(text));
        request
    })?;
    for (key, answer) in keys.iter().zip(answers) {
        match answer {
            Ok(_) => {}
            Err(error) if is_wrong_type(&error) => return Err(not_a_hash(key)),
            Err(error) => return Err(link.refused(&format!("write key `{key}`"), &error)),
        }
    }
    Ok(())
}

fn script(text: &str, keys: &[&[u8]]) -> Cmd {
    let mut request = cmd("EVAL");
    request.arg(text).arg(keys.len()).arg(keys);
    request
}

/// A key that is being made aside.
pub(super) struct Filling<'k> {
    link: &'k Arc<Link>,
    key: String,
    kind: Kind,
    command: &'static str,
    /// The key that holds what was written so far.
    staged: Option<String>,
    /// What waits to be written: texts of members, or entries; and its bytes.
    members: Vec<Vec<u8>>,
    entries: Vec<Entry>,
    bytes: usize,
}

impl<'k> Filling<'k> {
    /// Begins to make a key of a kind other than string.
    pub fn new(link: &'k Arc<Link>, key: &str, kind: Kind) -> Result<Self> {
        let command = match kind {
            Kind::Hash => "HSET",
            Kind::List => "RPUSH",
            Kind::Set => "SADD",
            Kind::Zset => "ZADD",
            Kind::Stream => "XADD",
            Kind::String | Kind::Module => return Err(no_part(key, "parts")),
        };
        let (key, members, entries) = (key.to_owned(), Vec::new(), Vec::new());
        Ok(Self { link, key, kind, command, staged: None, members, entries, bytes: 0 })
    }

    fn doing(&self) -> String {
        format!("write key `{}`", self.key)
    }

    /// Asks once: whether members of a list were added is not known when the answer is lost.
    fn ask<T>(&self, key: &str, request: impl FnMut(&mut crate::store::Wire) -> RedisResult<T>) -> Result<T> {
        self.link.ask_once_for(key, &self.doing(), request).map_err(|failure| failure.diagnostic)
    }

    /// Writes aside what waits.
    fn flush(&mut self) -> Result<()> {
        let name = || self.link.beside(&self.key, &format!("staging:{:016x}", unique()));
        let staged = self.staged.get_or_insert_with(name).clone();
        let (members, entries) = (std::mem::take(&mut self.members), std::mem::take(&mut self.entries));
        self.bytes = 0;
        let mut request = pipe();
        if self.kind == Kind::Stream {
            runs(&entries).for_each(|run| _ = request.add_command(append_request(&staged, run)).ignore());
        } else {
            request.cmd(self.command).arg(&staged).arg(members).ignore();
        }
        request.cmd("EXPIRE").arg(&staged).arg(STAGED_FOR).ignore();
        self.ask(&staged, |wire| request.query(wire))
    }
}

impl Fill for Filling<'_> {
    fn push(&mut self, item: Item<'_>) -> Result<()> {
        match item {
            Item::Entry(id, fields) if self.kind == Kind::Stream => {
                let fields = fields.to_row();
                if fields.is_empty() {
                    return Err(no_fields(&self.key));
                }
                refuse_long(&self.key, texts(&fields))?;
                self.bytes += texts(&fields).map(|text| 8 + text.len()).sum::<usize>();
                self.entries.push(Entry { id: Some(id), fields });
            }
            Item::Member(member, beside) if self.kind != Kind::Stream => {
                refuse_long(&self.key, [member, beside.unwrap_or_default()])?;
                self.bytes += member.len() + beside.map_or(0, <[u8]>::len);
                match self.kind {
                    Kind::Zset => {
                        score_of(&self.key, beside)?;
                        self.members.extend([beside.unwrap_or_default().to_vec(), member.to_vec()]);
                    }
                    Kind::Hash => self.members.extend([member.to_vec(), beside.unwrap_or_default().to_vec()]),
                    _ => self.members.push(member.to_vec()),
                }
            }
            _ => return Err(no_part(&self.key, "a part of another kind")),
        }
        let is_much = self.bytes >= BYTES || self.members.len() >= MEMBERS || self.entries.len() >= MOST;
        if is_much { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let key = self.key.clone();
        let waits = !self.members.is_empty() || !self.entries.is_empty();
        if self.staged.is_some() || self.kind == Kind::Stream && waits {
            if waits {
                self.flush()?;
            }
            let staged = self.staged.clone().unwrap_or_default();
            let request = script(PLACE, &[staged.as_bytes(), key.as_bytes()]);
            self.ask(&key, |wire| request.query::<Value>(wire))?;
            self.staged = None;
            return Ok(());
        }
        let mut request = match self.kind {
            Kind::Stream => script(EMPTY, &[key.as_bytes()]),
            _ => script(REPLACE, &[key.as_bytes()]),
        };
        request.arg(self.command).arg(&self.members);
        // Done twice it does no harm.
        self.link.ask_for(&key, &self.doing(), |wire| request.query::<Value>(wire)).map(drop)
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        if let Some(staged) = &self.staged {
            // If even that fails, it goes by itself after a while.
            let _: Result<Value, Diagnostic> =
                self.link.ask_for(staged, "remove what was not finished", |wire| {
                    cmd("DEL").arg(staged).query(wire)
                });
        }
    }
}
