//! `pipefit data copy FROM [TO]`

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::{is_pattern, missing};
use crate::cli::output::Output;
use crate::diag::{Code, Diagnostic, Result};
use crate::source::keys::{
    self, EntryId, Fields, Item, KeyList, Keys, Kind, Listed, Others, Row, RowSink, Wanted,
};

/// Hashes above this size are not read in one answer.
const LARGE: u64 = 1 << 20;
/// The keys of hashes that are read at once, and the bytes and rows that are written at once.
const KEYS: usize = 10_000;
const BYTES: usize = 512 << 10;
const ROWS: usize = 1_000;
/// How often a key is read again because it was changed meanwhile.
const PATIENCE: usize = 5;

/// Copies keys as they are, whatever their kind; what stands in their new places is replaced.
pub fn copy(
    from: &str,
    to: Option<&str>,
    stores: [&str; 2],
    rate: Option<u64>,
    output: &Output,
) -> Result<()> {
    let [from_store, to_store] = stores;
    if from_store == to_store && to.is_none_or(|to| to == from) {
        let error = Code::Usage.error(format!("`{from}` would be copied to itself"));
        return Err(error.help("name another key, or a store with `--from-store` or `--to-store`"));
    }
    // Two connections, also where they lead to the same store: one is read while the other is written.
    let source = keys::open_gently(from_store, Path::new(""), rate)?;
    let listed = listed(from, &*source)?;
    let renamed = Renamed::new(from, to, listed.is_pattern)?;
    let (_, target) = keys::open(to_store, Path::new(""))?;
    let mut job = Copying { source: &*source, target: &*target, renamed, left: Left::default() };
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let (small, others): (Vec<Listed>, Vec<Listed>) =
        listed.keys.into_iter().partition(|key| key.kind == Kind::Hash && key.bytes <= LARGE);
    for some in small.chunks(KEYS) {
        let names: Vec<&str> = some.iter().map(|key| key.key.as_str()).collect();
        job.living(&names, |job| job.hashes(&names.iter().collect()))?;
    }
    for key in &others {
        job.living(&[&key.key], |job| job.one(&key.key, key.kind))?;
        job.left
            .note_groups(&key.key, if key.kind == Kind::Stream { job.source.groups(&key.key)? } else { 0 });
    }
    output.tell(&job.left.warnings());
    for key in small.iter().chain(&others) {
        *kinds.entry(key.kind.to_string()).or_default() += 1;
    }
    let count: usize = kinds.values().sum();
    if output.json {
        output.object(&json!({"schema": "pipefit.data/1", "from": from, "copied": count, "kinds": kinds}));
    } else {
        let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        output.say(&format!("{from}: copied {}", kinds.join(", ")));
    }
    Ok(())
}

/// What is to be copied.
struct ToCopy {
    keys: Vec<Listed>,
    /// Whether it was named by a pattern.
    is_pattern: bool,
}

fn listed(from: &str, source: &dyn Keys) -> Result<ToCopy> {
    if let Some(kind) = source.kind(from)? {
        let bytes = if kind == Kind::Hash { LARGE + 1 } else { 0 };
        return Ok(ToCopy { keys: vec![Listed { key: from.to_owned(), kind, bytes }], is_pattern: false });
    }
    let keys = if is_pattern(from) { source.listed(from)? } else { Vec::new() };
    if keys.is_empty() {
        return Err(missing(from, source)?);
    }
    if let Some(key) = keys.iter().find(|key| key.kind == Kind::Module) {
        return Err(not_copied(&key.key));
    }
    // Bytes that are not UTF-8 are listed so, and a key of that name is rare.
    for key in keys.iter().filter(|key| key.key.contains('\u{FFFD}')) {
        if source.kind(&key.key)?.is_none() {
            let message = format!("the name of key `{}` is not UTF-8, and such keys are not copied", key.key);
            let help = "choose a pattern that does not match it, or give it another name with `RENAME`";
            return Err(Code::UnreadableValue.error(message).help(help));
        }
    }
    Ok(ToCopy { keys, is_pattern: true })
}

fn not_copied(key: &str) -> Diagnostic {
    let error =
        Code::WrongKind.error(format!("key `{key}` is of a type of a server module, which is not copied"));
    error.help("choose a pattern that does not match it; `pipefit data ls` shows the kinds")
}

/// How keys are called in their new places.
enum Renamed {
    Same,
    One(String),
    /// What stands around `*` in the old and in the new names.
    Around([String; 2], [String; 2]),
}

impl Renamed {
    fn new(from: &str, to: Option<&str>, is_pattern: bool) -> Result<Self> {
        let Some(to) = to else { return Ok(Self::Same) };
        if !is_pattern {
            return Ok(Self::One(to.to_owned()));
        }
        let around = |text: &str| -> Option<[String; 2]> {
            let (before, behind) = text.split_once('*')?;
            (!behind.contains('*')).then(|| [before.to_owned(), behind.to_owned()])
        };
        let plain = !from.contains(['?', '[', '\\']);
        match (around(from).filter(|_| plain), around(to)) {
            (Some(old), Some(new)) => Ok(Self::Around(old, new)),
            _ => Err(Code::Usage
                .error(format!("`{from}` cannot be renamed to `{to}`"))
                .help("write one `*` in each, such as `data copy 'row:*' 'old:*'`")),
        }
    }

    fn of(&self, key: &str) -> String {
        match self {
            Self::Same => key.to_owned(),
            Self::One(to) => to.clone(),
            Self::Around([before, behind], [new_before, new_behind]) => {
                // It matches the pattern.
                let text =
                    key.strip_prefix(before.as_str()).and_then(|key| key.strip_suffix(behind.as_str()));
                format!("{new_before}{}{new_behind}", text.unwrap_or_default())
            }
        }
    }
}

/// What copies do not have.
#[derive(Default)]
struct Left {
    /// Keys that expire, where their copies do not.
    lives: usize,
    /// Streams with groups of consumers, and the first of them.
    streams: usize,
    first: String,
}

impl Left {
    fn note_groups(&mut self, key: &str, groups: usize) {
        if groups > 0 {
            if self.streams == 0 {
                key.clone_into(&mut self.first);
            }
            self.streams += 1;
        }
    }

    fn warnings(&self) -> Vec<Diagnostic> {
        let lives = (self.lives > 0).then(|| {
            let message = format!("{} keys expire, and their copies do not", self.lives);
            Code::WarnStore
                .warning(message)
                .help("only the keys of a Redis server expire: remove the copies in time")
        });
        let groups = (self.streams > 0).then(|| {
            let message = match self.streams {
                1 => format!("the consumer groups of stream `{}` are not copied", self.first),
                count => format!(
                    "the consumer groups of {count} streams are not copied, of `{}` first",
                    self.first
                ),
            };
            Code::WarnStore.warning(message).help("make them for the copy with `XGROUP CREATE`")
        });
        lives.into_iter().chain(groups).collect()
    }
}

struct Copying<'a> {
    source: &'a dyn Keys,
    target: &'a dyn Keys,
    renamed: Renamed,
    left: Left,
}

impl Copying<'_> {
    /// Has the copies live as long as what `copy` makes them of.
    fn living(&mut self, keys: &[&str], copy: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let asked = Instant::now();
        let lives = self.source.lives(keys)?;
        copy(self)?;
        let over = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        // At least a moment: none would be for ever.
        let left = |left: u64| left.saturating_sub(over).max(1);
        let lives: Vec<(String, u64)> = keys
            .iter()
            .zip(lives)
            .filter_map(|(key, life)| Some((self.renamed.of(key), left(life?))))
            .collect();
        if !lives.is_empty() && !self.target.expire(&lives)? {
            self.left.lives += lives.len();
        }
        Ok(())
    }

    /// Small hashes, many at once.
    fn hashes(&self, keys: &KeyList) -> Result<()> {
        let mut rows = Hashes { job: self, rows: Vec::new(), bytes: 0 };
        self.source.rows(keys, &mut rows)?;
        rows.flush()
    }

    /// One key of any kind.
    fn one(&self, key: &str, kind: Kind) -> Result<()> {
        let to = self.renamed.of(key);
        match kind {
            Kind::Module => Err(not_copied(key)),
            Kind::String => {
                let bytes = self.source.value(key)?.ok_or_else(|| gone(key))?;
                self.target.write(&to, &bytes)
            }
            Kind::Stream => {
                let extent = self.source.stream(key)?;
                let mut entries = Flow { fill: self.target.fill(&to, kind)?, prefix: key.len() + 1 };
                if let Some(extent) = extent {
                    self.source.entries(key, EntryId::FIRST, extent.last, &mut entries)?;
                }
                entries.fill.finish()
            }
            Kind::Hash | Kind::List | Kind::Set | Kind::Zset => {
                for _ in 0..PATIENCE {
                    let mut fill = self.target.fill(&to, kind)?;
                    let mut each =
                        |member: &[u8], beside: Option<&[u8]>| fill.push(Item::Member(member, beside));
                    if self.source.members(key, kind, &mut each)? {
                        return fill.finish();
                    }
                }
                let message =
                    format!("key `{key}` was changed each of the {PATIENCE} times that it was read");
                Err(Code::StoreIo.error(message).help("run again when nobody writes it"))
            }
        }
    }
}

fn gone(key: &str) -> Diagnostic {
    let error = Code::MissingKeyOrFile.error(format!("key `{key}` was removed before it was copied"));
    error.help("run again when nobody removes keys")
}

/// Hashes on their way.
struct Hashes<'j, 'a> {
    job: &'j Copying<'a>,
    rows: Vec<(String, Row)>,
    bytes: usize,
}

impl Hashes<'_, '_> {
    fn flush(&mut self) -> Result<()> {
        self.bytes = 0;
        self.job.target.write_rows(&std::mem::take(&mut self.rows), Others::Go)
    }
}

impl RowSink for Hashes<'_, '_> {
    fn wanted(&self) -> Option<Wanted<'_>> {
        None
    }

    fn fields(&mut self, key: &str, fields: &Fields<'_>) -> Result<Option<usize>> {
        let row = fields.to_row();
        self.bytes += row.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        self.rows.push((self.job.renamed.of(key), row));
        if self.bytes >= BYTES || self.rows.len() >= ROWS {
            self.flush()?;
        }
        Ok(None)
    }

    fn document(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        // It has become a string since it was listed.
        self.job.target.write(&self.job.renamed.of(key), bytes)
    }

    fn without_order(&mut self, _: usize) {}
}

/// Entries on their way.
struct Flow<'k> {
    fill: Box<dyn keys::Fill + 'k>,
    /// Where the id begins in the name of an entry, behind that of the stream.
    prefix: usize,
}

impl RowSink for Flow<'_> {
    fn wanted(&self) -> Option<Wanted<'_>> {
        None
    }

    fn fields(&mut self, key: &str, fields: &Fields<'_>) -> Result<Option<usize>> {
        let id = key.get(self.prefix..).and_then(|id| EntryId::parse(id.as_bytes()));
        let id = id.ok_or_else(|| Code::Bug.error(format!("entry `{key}` has no id")))?;
        self.fill.push(Item::Entry(id, fields)).map(|()| None)
    }

    fn document(&mut self, key: &str, _: &[u8]) -> Result<()> {
        Err(Code::Bug.error(format!("entry `{key}` has no fields")))
    }

    fn without_order(&mut self, _: usize) {}
}
