//! Keys in a Redis server.

use super::{Keys, Kind, Listed, wrong_kind};
use crate::diag::{Code, Diagnostic, Result};
use crate::store::{Link, is_wrong_type};
use ::redis::{Value, cmd, pipe};
use std::sync::Arc;

/// The most that a Redis string holds (`proto-max-bulk-len` as it is delivered): beyond it the server hangs up.
const LARGEST: usize = 512 << 20;

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
            let message =
                format!("`{key}` would have {} bytes, and a Redis string holds 512 MiB", bytes.len());
            return Err(Code::StoreRefused.error(message).help("split the data, or use a `dir:` store"));
        }
        let doing = format!("write key `{key}`");
        if !only_new {
            self.link.ask_large(&doing, &[b"SET", key.as_bytes()], bytes)?;
            return Ok(true);
        }
        // SET takes the value before NX; SETNX, its older form, has it last.
        Ok(self.link.ask_large(&doing, &[b"SETNX", key.as_bytes()], bytes)? == Value::Int(1))
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

    fn not_a_string(&self, key: &str) -> Diagnostic {
        match self.kind(key) {
            Ok(kind) => wrong_kind(key, kind.unwrap_or(Kind::String)),
            Err(error) => error,
        }
    }
}

impl Keys for RedisKeys {
    fn kind(&self, key: &str) -> Result<Option<Kind>> {
        let doing = format!("look at key `{key}`");
        let name: String = self.link.ask(&doing, |connection| cmd("TYPE").arg(key).query(connection))?;
        Ok(Kind::of_type(&name))
    }

    fn value(&self, key: &str) -> Result<Option<Vec<u8>>> {
        // One round trip where all is well; the kind is asked for only if the server says that it is another.
        let value = self.link.ask(&format!("read key `{key}`"), |connection| {
            match cmd("GET").arg(key).query::<Option<Vec<u8>>>(connection) {
                Err(error) if is_wrong_type(&error) => Ok(None),
                value => value.map(Some),
            }
        })?;
        value.ok_or_else(|| self.not_a_string(key))
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.set(key, bytes, false).map(|_| ())
    }

    fn write_new(&self, key: &str, bytes: &[u8]) -> Result<bool> {
        self.set(key, bytes, true)
    }

    fn remove(&self, key: &str) -> Result<bool> {
        self.refuse_own(key)?;
        self.link.ask(&format!("remove key `{key}`"), |connection| cmd("DEL").arg(key).query(connection))
    }

    fn ls(&self) -> Result<Vec<Listed>> {
        let doing = "list the keys";
        let own = self.link.own("").into_bytes();
        let mut keys = self.link.scan("", doing)?;
        keys.retain(|key| !key.starts_with(&own));
        let mut listed = Vec::with_capacity(keys.len());
        for window in keys.chunks(500) {
            let mut types = pipe();
            window.iter().for_each(|key| _ = types.cmd("TYPE").arg(key));
            let types: Vec<String> = self.link.ask(doing, |connection| types.query(connection))?;
            let there: Vec<_> = window
                .iter()
                .zip(types)
                .filter_map(|(key, name)| Some((key, Kind::of_type(&name)?)))
                .collect();
            if there.is_empty() {
                continue;
            }
            let mut sizes = pipe();
            for (key, kind) in &there {
                match kind {
                    Kind::String => sizes.cmd("STRLEN").arg(key),
                    _ => sizes.cmd("MEMORY").arg("USAGE").arg(key),
                };
            }
            // A key that has gone meanwhile, or changed its kind, has no size worth telling.
            sizes.ignore_errors();
            let sizes: Vec<Value> = self.link.ask(doing, |connection| sizes.query(connection))?;
            listed.extend(there.into_iter().zip(sizes).map(|((key, kind), size)| Listed {
                key: String::from_utf8_lossy(key).into_owned(),
                kind,
                bytes: match size {
                    Value::Int(bytes) => u64::try_from(bytes).unwrap_or(0),
                    _ => 0,
                },
            }));
        }
        Ok(listed)
    }
}
