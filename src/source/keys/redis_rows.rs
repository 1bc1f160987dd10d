//! Many keys of one row each, from a Redis server.

use super::{Held, Kind, gone};
use crate::diag::{Code, Diagnostic, Result};
use crate::store::{Link, is_wrong_type};
use ::redis::{FromRedisValue, RedisResult, pipe};
use std::collections::HashSet;
use std::sync::Arc;

/// Keys that are asked for at once.
const WINDOW: usize = 1000;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Hands out what each key holds, in order.
pub(super) fn read_rows(
    link: &Arc<Link>,
    keys: &[String],
    each: &mut dyn FnMut(&str, Held) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader { link, known: HashSet::new(), kind: Kind::Hash };
    for window in keys.chunks(WINDOW) {
        let keys: Vec<&str> = window.iter().map(String::as_str).collect();
        let mut held = reader.window(&keys)?;
        reader.order(&keys, &mut held)?;
        keys.into_iter().zip(held).try_for_each(|(key, held)| each(key, held))?;
    }
    Ok(())
}

struct Reader<'a> {
    link: &'a Link,
    /// The fields of the rows so far.
    known: HashSet<Vec<u8>>,
    /// What the last key was: nearly always what the next ones are.
    kind: Kind,
}

impl Reader<'_> {
    /// What these keys hold. They are taken for what the last one was, and only those that are not are asked for
    /// their type.
    fn window(&mut self, keys: &[&str]) -> Result<Vec<Held>> {
        let mut held = self.as_kind(self.kind, keys)?;
        let others: Vec<usize> = (0..keys.len()).filter(|i| held[*i].is_none()).collect();
        let names: Vec<&str> = others.iter().map(|i| keys[*i]).collect();
        let types: Vec<Option<String>> = self.ask("TYPE", &[], &names)?;
        for kind in [Kind::Hash, Kind::String] {
            let of_kind = |name: &Option<String>| name.as_deref().and_then(Kind::of_type) == Some(kind);
            let of_kind: Vec<usize> =
                others.iter().zip(&types).filter(|(_, name)| of_kind(name)).map(|(i, _)| *i).collect();
            let names: Vec<&str> = of_kind.iter().map(|i| keys[*i]).collect();
            for (i, found) in of_kind.into_iter().zip(self.as_kind(kind, &names)?) {
                held[i] = found;
            }
        }
        for (i, name) in others.into_iter().zip(types) {
            if held[i].is_none() {
                return Err(match name.as_deref().and_then(Kind::of_type) {
                    None => gone(keys[i]),
                    Some(kind) => no_row(keys[i], kind),
                });
            }
        }
        let held: Vec<Held> = held.into_iter().flatten().collect();
        self.kind = match held.last() {
            Some(Held::String(_)) => Kind::String,
            _ => Kind::Hash,
        };
        Ok(held)
    }

    /// What these keys hold, `None` for those that are not of the kind: a hash or a string.
    fn as_kind(&self, kind: Kind, keys: &[&str]) -> Result<Vec<Option<Held>>> {
        // A hash has at least one field: without any it is not there.
        let there = |key: &str, held: Option<Held>| held.ok_or_else(|| gone(key));
        if kind == Kind::Hash {
            let hashes: Vec<Option<Fields>> = self.ask("HGETALL", &[], keys)?;
            let hash = |fields: Fields| (!fields.is_empty()).then_some(Held::Hash(fields));
            return keys
                .iter()
                .zip(hashes)
                .map(|(key, fields)| fields.map(|fields| there(key, hash(fields))).transpose())
                .collect();
        }
        let strings: Vec<Option<Option<Vec<u8>>>> = self.ask("GET", &[], keys)?;
        keys.iter()
            .zip(strings)
            .map(|(key, bytes)| bytes.map(|bytes| there(key, bytes.map(Held::String))).transpose())
            .collect()
    }

    /// Sorts the fields of hashes that have no order of their own, as far as their order matters: where one of them
    /// is new. A small hash is a list in the order of writing; a larger one is a table whose order differs from
    /// server to server.
    fn order(&mut self, keys: &[&str], held: &mut [Held]) -> Result<()> {
        let mut new = Vec::new();
        for (i, held) in held.iter().enumerate() {
            let Held::Hash(fields) = held else { continue };
            if !fields.iter().all(|(name, _)| self.known.contains(name)) {
                self.known.extend(fields.iter().map(|(name, _)| name.clone()));
                new.push(i);
            }
        }
        let names: Vec<&str> = new.iter().map(|i| keys[*i]).collect();
        let encodings: Vec<Option<Option<String>>> = self.ask("OBJECT", &["ENCODING"], &names)?;
        for (i, encoding) in new.into_iter().zip(encodings) {
            let in_order = matches!(encoding.flatten().as_deref(), Some("listpack" | "ziplist"));
            if let (Held::Hash(fields), false) = (&mut held[i], in_order) {
                fields.sort_unstable();
            }
        }
        Ok(())
    }

    /// One command for each key, all in one round trip; `None` where the key is of another kind.
    fn ask<T: FromRedisValue>(&self, command: &str, more: &[&str], keys: &[&str]) -> Result<Vec<Option<T>>> {
        let Some(first) = keys.first() else { return Ok(Vec::new()) };
        let mut request = pipe();
        keys.iter().for_each(|key| _ = request.cmd(command).arg(more).arg(*key));
        request.ignore_errors();
        let doing = format!("read {} keys from `{first}` on", keys.len());
        self.link.ask(&doing, |connection| {
            let answers: Vec<RedisResult<T>> = request.query(connection)?;
            let of_kind = |answer: RedisResult<T>| match answer {
                Err(error) if is_wrong_type(&error) => Ok(None),
                answer => answer.map(Some),
            };
            answers.into_iter().map(of_kind).collect()
        })
    }
}

/// A key that matches the pattern and can be no row.
fn no_row(key: &str, kind: Kind) -> Diagnostic {
    Code::WrongKind
        .error(format!("key `{key}` is a {kind}, not a hash or a string with a JSON object"))
        .help("choose a pattern that matches the keys of rows alone; `pipefit data ls` shows the kinds")
}
