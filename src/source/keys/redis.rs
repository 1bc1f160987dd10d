//! Keys in a Redis server.

use super::beside;
use super::bulk::read_rows;
use super::contents::{self, Each};
use super::fields::{EachHash, read_fields};
use super::group::{Group, GroupTerms};
use super::key_list::Found;
use super::members::read_index;
use super::writer::{self, Filling};
use super::written::{Entry, Fill, LARGEST, Others, Row, too_long};
use super::{
    EntryId, Extent, JSON_TYPE, KeyList, Keys, Kind, Ledger, Listed, RowSink, not_a_stream, stream,
    wrong_kind,
};
use crate::diag::{Code, Result};
use crate::store::resp::{Part, push_command};
use crate::store::{Link, Wire, is_wrong_type};
use ::redis::{Cmd, RedisResult, Value, cmd};
use std::sync::Arc;

/// The bytes of a value that are asked for at once.
const PIECE: usize = 1 << 20;
/// Pieces under way at once: enough to keep the connection busy.
const WINDOW: usize = 16;
/// How often a large value is read again because it was changed meanwhile.
const PATIENCE: usize = 5;

/// Keys as they are in the server.
pub struct RedisKeys {
    link: Arc<Link>,
}

impl RedisKeys {
    /// The keys behind this connection.
    pub fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// Sets a string, with `condition` after the usual ways of `SET`: true if it was set.
    fn set(&self, key: &str, bytes: &[u8], only_new: bool) -> Result<bool> {
        self.refuse_own(key)?;
        if bytes.len() > LARGEST {
            return Err(too_long(key, bytes.len()));
        }
        let doing = format!("write key `{key}`");
        if !only_new {
            self.link.ask_large(&doing, [b"SET", key.as_bytes()], bytes)?;
            return Ok(true);
        }
        // SET takes the value before NX; SETNX, its older form, has it last.
        Ok(self.link.ask_large(&doing, [b"SETNX", key.as_bytes()], bytes)? == Value::Int(1))
    }

    /// Hands out the keys that match a pattern, without our own, in any order.
    fn users(&self, pattern: &str, doing: &str, each: &mut dyn FnMut(&[u8])) -> Result<()> {
        self.link.scan(pattern, doing, &mut |key| {
            if !self.link.is_own(key) {
                each(key);
            }
        })
    }

    fn refuse_own(&self, key: &str) -> Result<()> {
        let prefix = self.link.own("");
        if !key.starts_with(&prefix) {
            return Ok(());
        }
        let message = format!("key `{key}` begins with `{prefix}`, where pipefit keeps its own records");
        Err(Code::StoreRefused
            .error(message)
            .help("use another key, or another `?prefix=` in the store's URL"))
    }

    /// What `TYPE` says of a key.
    fn type_of(&self, key: &str) -> Result<String> {
        let doing = format!("look at key `{key}`");
        self.link.ask_for(key, &doing, |connection| cmd("TYPE").arg(key).query(connection))
    }

    /// The text of a key that is no string but a document of RedisJSON.
    fn document(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let name = self.type_of(key)?;
        if name != JSON_TYPE {
            return Err(wrong_kind(key, Kind::of_type(&name).unwrap_or(Kind::String)));
        }
        let doing = format!("read key `{key}`");
        self.link.ask_for(key, &doing, |connection| cmd("JSON.GET").arg(key).query(connection))
    }
}

impl Keys for RedisKeys {
    fn kind(&self, key: &str) -> Result<Option<Kind>> {
        Ok(Kind::of_type(&self.type_of(key)?))
    }

    fn value(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let doing = format!("read key `{key}`");
        for _ in 0..PATIENCE {
            let read = self.link.ask_for(key, &doing, |connection| match read_string(connection, key) {
                Err(error) if is_wrong_type(&error) => Ok(Err(())),
                read => read.map(Ok),
            })?;
            match read {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => {}
                Err(()) => return self.document(key),
            }
        }
        let message = format!("key `{key}` was changed each of the {PATIENCE} times that it was read");
        Err(Code::StoreIo.error(message).help("run again when nobody writes it"))
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.set(key, bytes, false).map(|_| ())
    }

    fn write_new(&self, key: &str, bytes: &[u8]) -> Result<bool> {
        self.set(key, bytes, true)
    }

    fn remove(&self, key: &str) -> Result<bool> {
        self.refuse_own(key)?;
        let doing = format!("remove key `{key}`");
        self.link.ask_for(key, &doing, |connection| cmd("DEL").arg(key).query(connection))
    }

    fn remove_all(&self, keys: &KeyList) -> Result<usize> {
        let keys: Vec<&str> = keys.iter().collect();
        keys.iter().try_for_each(|key| self.refuse_own(key))?;
        let mut removed = 0;
        for window in keys.chunks(500) {
            let doing = format!("remove {} keys from `{}` on", window.len(), window[0]);
            let answers = self
                .link
                .ask_each::<usize>(&doing, window, |at| one("UNLINK", &[], window[at].as_bytes()))?;
            for answer in answers {
                removed += answer.map_err(|error| self.link.refused(&doing, &error))?;
            }
        }
        Ok(removed)
    }

    fn listed(&self, pattern: &str) -> Result<Vec<Listed>> {
        let doing = "list the keys";
        let mut keys: Vec<Vec<u8>> = Vec::new();
        self.users(pattern, doing, &mut |key| keys.push(key.to_vec()))?;
        keys.sort_unstable();
        keys.dedup();
        let mut listed = Vec::with_capacity(keys.len());
        for window in keys.chunks(500) {
            let types = self.link.ask_each::<String>(doing, window, |at| one("TYPE", &[], &window[at]))?;
            let mut there = Vec::with_capacity(window.len());
            for (key, name) in window.iter().zip(types) {
                let name = name.map_err(|error| self.link.refused(doing, &error))?;
                there.extend(Kind::of_type(&name).map(|kind| (key, kind)));
            }
            let keys: Vec<&Vec<u8>> = there.iter().map(|(key, _)| *key).collect();
            // A key that has gone meanwhile, or changed its kind, has no size worth telling.
            let sizes = self.link.ask_each::<Value>(doing, &keys, |at| match there[at].1 {
                Kind::String => one("STRLEN", &[], keys[at]),
                _ => one("MEMORY", &["USAGE"], keys[at]),
            })?;
            listed.extend(there.into_iter().zip(sizes).map(|((key, kind), size)| Listed {
                key: String::from_utf8_lossy(key).into_owned(),
                kind,
                bytes: match size {
                    Ok(Value::Int(bytes)) => u64::try_from(bytes).unwrap_or(0),
                    _ => 0,
                },
            }));
        }
        Ok(listed)
    }

    fn matching(&self, pattern: &str) -> Result<KeyList> {
        let mut found = Found::default();
        self.users(pattern, &format!("look for keys that match `{pattern}`"), &mut |key| found.push(key))?;
        found.sorted()
    }

    fn index(&self, key: &str) -> Result<KeyList> {
        read_index(&self.link, key, self.kind(key)?)
    }

    fn length(&self, key: &str, kind: Kind) -> Result<usize> {
        contents::length(&self.link, key, kind)
    }

    fn members(&self, key: &str, kind: Kind, each: &mut Each<'_>) -> Result<bool> {
        contents::read_members(&self.link, key, kind, each)
    }

    fn stream(&self, key: &str) -> Result<Option<Extent>> {
        stream::extent(&self.link, key, self.kind(key)?)
    }

    fn entries(&self, key: &str, from: EntryId, to: EntryId, sink: &mut dyn RowSink) -> Result<()> {
        stream::read_entries(&self.link, key, from, to, sink)
    }

    fn ledger(&self, key: &str) -> Result<Option<Ledger>> {
        stream::ledger(&self.link, key)
    }

    fn page(&self, key: &str, from: EntryId, most: usize) -> Result<Vec<(EntryId, Row)>> {
        if most > 0
            && let Some(page) = stream::page(&self.link, key, from, most)?
        {
            return Ok(page);
        }
        self.stream(key).map(|_| Vec::new())
    }

    fn lives(&self, keys: &[&str]) -> Result<Vec<Option<u64>>> {
        beside::lives(&self.link, keys)
    }

    fn expire(&self, keys: &[(String, u64)]) -> Result<bool> {
        beside::expire(&self.link, keys).map(|()| true)
    }

    fn groups(&self, key: &str) -> Result<usize> {
        beside::groups(&self.link, key)
    }

    fn group(&self, terms: &GroupTerms) -> Result<Group> {
        [&terms.stream, &terms.output, &terms.dead].into_iter().try_for_each(|key| self.refuse_own(key))?;
        Group::open(self, &self.link, terms)
    }

    fn matching_bytes(&self, pattern: &str) -> Result<Found> {
        let mut found = Found::default();
        self.users(pattern, "look for the keys of entities", &mut |key| found.push(key))?;
        Ok(found.sorted_bytes())
    }

    fn fields_of(&self, keys: &Found, fields: &[&[u8]], each: &mut EachHash<'_>) -> Result<()> {
        read_fields(&self.link, keys, fields, each)
    }

    fn rows(&self, keys: &KeyList, sink: &mut dyn RowSink) -> Result<()> {
        read_rows(&self.link, keys, sink)
    }

    fn append(&self, key: &str, entries: &[Entry]) -> Result<Option<EntryId>> {
        self.refuse_own(key)?;
        writer::append(&self.link, key, entries)?.ok_or_else(|| match self.kind(key) {
            Ok(kind) => not_a_stream(key, kind.unwrap_or(Kind::String)),
            Err(error) => error,
        })
    }

    fn write_rows(&self, rows: &[(String, Row)], others: Others) -> Result<()> {
        rows.iter().try_for_each(|(key, _)| self.refuse_own(key))?;
        writer::write_rows(&self.link, rows, others)
    }

    fn fill<'k>(&'k self, key: &str, kind: Kind) -> Result<Box<dyn Fill + 'k>> {
        self.refuse_own(key)?;
        Ok(Box::new(Filling::new(&self.link, key, kind)?))
    }
}

/// A command about one key.
fn one(command: &str, more: &[&str], key: &[u8]) -> Cmd {
    let mut request = cmd(command);
    request.arg(more).arg(key);
    request
}

/// A value of less than one piece in one round trip. A longer one in pieces, each a reply of its own: the client
/// holds a reply twice while it parses it, which for a whole large value would double the memory of a run.
/// `Ok(None)` is a value that was changed between its pieces.
fn read_string(connection: &mut Wire, key: &str) -> RedisResult<Option<Option<Vec<u8>>>> {
    let piece: Vec<u8> = cmd("GETRANGE").arg(key).arg(0).arg(PIECE - 1).query(connection)?;
    match piece.len() {
        // A range of what is absent is empty as well.
        0 => cmd("GET").arg(key).query(connection).map(Some),
        length if length < PIECE => Ok(Some(Some(piece))),
        _ => {
            cmd("WATCH").arg(key).exec(connection)?;
            let read = read_pieces(connection, key);
            // An empty transaction: its answer is nil if the key has changed since WATCH. It ends the watch, so it
            // is asked for also after a refusal; after a broken connection its own error does not matter.
            let unchanged =
                cmd("MULTI").exec(connection).and_then(|()| cmd("EXEC").query::<Value>(connection));
            let bytes = read?;
            Ok((unchanged? != Value::Nil).then_some(Some(bytes)))
        }
    }
}

fn read_pieces(connection: &mut Wire, key: &str) -> RedisResult<Vec<u8>> {
    let length: usize = cmd("STRLEN").arg(key).query(connection)?;
    // What a server says about a length is believed only as far as it sends the bytes.
    let mut bytes = Vec::with_capacity(length.min(LARGEST));
    let (mut asked, mut waiting, mut refusal) = (0, 0, None);
    let mut commands = Vec::new();
    loop {
        while waiting < WINDOW && asked < length && refusal.is_none() {
            let (start, end) = (asked.to_string(), (asked + PIECE - 1).to_string());
            push_command(&mut commands, &[b"GETRANGE", key.as_bytes(), start.as_bytes(), end.as_bytes()]);
            connection.send(&commands, 1)?;
            commands.clear();
            asked += PIECE;
            waiting += 1;
        }
        if waiting == 0 {
            break;
        }
        // After a refusal the other answers are read all the same, so that the connection stays in step.
        waiting -= 1;
        match connection.answer()?.accepted() {
            Ok(answer) => match answer.parts {
                [Part::Text(span)] => bytes.extend_from_slice(answer.text(*span)),
                _ => return Err(answer.unexpected()),
            },
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    refusal.map_or(Ok(bytes), Err)
}
