//! Keys of one row each whose kind is not known, from a Redis server.

use super::{Held, JSON_TYPE, Kind, gone, no_row};
use crate::diag::Result;
use crate::store::{Link, is_wrong_type};
use ::redis::{FromRedisValue, RedisResult, cmd};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads keys by themselves: a few hundred at once.
pub(super) struct OddRows<'a> {
    pub link: &'a Link,
}

impl OddRows<'_> {
    /// What these keys hold. They are taken for hashes or strings as `guess` says, and only those that are not are asked
    /// for their type.
    pub fn read(&self, guess: Kind, keys: &[&str]) -> Result<Vec<Held>> {
        let mut held = self.as_kind(guess, keys)?;
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
        let is_json = |name: &Option<String>| name.as_deref() == Some(JSON_TYPE);
        let of_json: Vec<usize> =
            others.iter().zip(&types).filter(|(_, name)| is_json(name)).map(|(i, _)| *i).collect();
        let names: Vec<&str> = of_json.iter().map(|i| keys[*i]).collect();
        let documents: Vec<Option<Option<Vec<u8>>>> = self.ask("JSON.GET", &[], &names)?;
        for (i, document) in of_json.into_iter().zip(documents) {
            let document = document.flatten().ok_or_else(|| gone(keys[i]))?;
            held[i] = Some(Held::Json(document));
        }
        for (i, name) in others.into_iter().zip(types) {
            if held[i].is_none() {
                return Err(match name.as_deref().and_then(Kind::of_type) {
                    None => gone(keys[i]),
                    Some(kind) => no_row(keys[i], kind),
                });
            }
        }
        Ok(held.into_iter().flatten().collect())
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

    /// Whether the fields of each of these hashes come in the order in which they were written.
    pub fn in_order(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let encodings: Vec<Option<Option<String>>> = self.ask("OBJECT", &["ENCODING"], keys)?;
        let in_order = |name: Option<String>| matches!(name.as_deref(), Some("listpack" | "ziplist"));
        Ok(encodings.into_iter().map(|encoding| in_order(encoding.flatten())).collect())
    }

    /// One command for each key, all in one round trip; `None` where the key is of another kind.
    fn ask<T: FromRedisValue>(&self, command: &str, more: &[&str], keys: &[&str]) -> Result<Vec<Option<T>>> {
        let Some(first) = keys.first() else { return Ok(Vec::new()) };
        let doing = format!("read {} keys from `{first}` on", keys.len());
        let answers = self.link.ask_each(&doing, keys, |at| {
            let mut request = cmd(command);
            request.arg(more).arg(keys[at]);
            request
        })?;
        let of_kind = |(key, answer): (&&str, RedisResult<T>)| match answer {
            Err(error) if is_wrong_type(&error) => Ok(None),
            answer => {
                answer.map(Some).map_err(|error| self.link.refused(&format!("read key `{key}`"), &error))
            }
        };
        keys.iter().zip(answers).map(of_kind).collect()
    }
}
