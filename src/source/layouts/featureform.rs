//! A row an entity of Featureform's online store in Redis.
//!
//! Each feature is a hash of entities with their values, all of them texts; its key is a JSON object of the store's prefix, the
//! feature and its variant. Another hash has these keys as fields, and the types as values. All of it is as Featureform's
//! provider writes it: <https://github.com/featureform/featureform/blob/main/provider/redis.go>.

use std::collections::BTreeSet;

use super::members::PATIENCE;
use super::rows::{Columns, gather_rows};
use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::source::formats::{Read, ReadOptions};
use crate::source::keys::{self, Fields, Keys, RowSink};
use crate::table::{Kind, NaValues};

/// The prefix of a store that was given none.
pub const FEATUREFORM_PREFIX: &str = "Featureform_table__";

/// Features of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// The column to make of the entities.
    pub entity: String,
    /// The features, each with its variant; their names are columns.
    pub features: Vec<(String, String)>,
    /// The prefix of the store, [`FEATUREFORM_PREFIX`] mostly.
    pub prefix: String,
}

/// Reads the table whose rows are the entities that have a value of one of these features, sorted by their bytes: entity and
/// features are the columns, of the types that Featureform was told. Each feature is read as it is at one moment.
///
/// # Errors
/// `MissingKeyOrFile` for a store, a feature or a variant that is not there; `UnreadableValue` for features that are vectors;
/// `StoreIo` for one that is written whenever it is read; what [`gather`](crate::source::formats::gather) meets. They name
/// entity and feature.
pub fn read_features(
    keys: &dyn Keys,
    features: &Features,
    options: &ReadOptions,
    watch: &dyn Watch,
) -> Result<Read> {
    let mut options = options.clone();
    options.na_values = NaValues { values: Vec::new(), keep_default: false };
    options.schema.entry(features.entity.clone()).or_insert(Kind::Category);
    let tables = tables(keys, &features.prefix)?;
    let mut columns = Vec::with_capacity(features.features.len());
    for (name, variant) in &features.features {
        let Found { key, kind } = found(&tables, name, variant)?;
        options.schema.entry(name.clone()).or_insert(kind);
        let Some(held) = held(keys, key)? else {
            let message = format!("feature `{name}` of variant `{variant}` has no values in the store");
            return Err(Code::MissingKeyOrFile.error(message).help("was it materialized into this store?"));
        };
        columns.push(Feature { name, kind, held });
    }
    let rows = columns.iter().map(|feature| feature.held.len()).max().unwrap_or(0);
    gather_rows(&features.prefix, rows, &options, watch, |sink| merged(&columns, &features.entity, sink))
}

/// A feature with all of its values.
struct Feature<'a> {
    name: &'a str,
    kind: Kind,
    held: Held,
}

/// Fields of a hash with their values, sorted.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    /// Where each field, and where its value, ends.
    ends: Vec<(usize, usize)>,
}

impl Held {
    fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field with its value.
    fn get(&self, at: usize) -> Option<(&[u8], &[u8])> {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].1);
        let (field, value) = *self.ends.get(at)?;
        Some((&self.bytes[start..field], &self.bytes[field..value]))
    }

    fn push(&mut self, field: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(field);
        let end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((end, self.bytes.len()));
    }
}

/// What a hash holds at one moment; none if it is not there.
fn held(keys: &dyn Keys, key: &str) -> Result<Option<Held>> {
    for _ in 0..PATIENCE {
        match keys.kind(key)? {
            None => return Ok(None),
            Some(keys::Kind::Hash) => {}
            Some(kind) => {
                let message = format!("key `{key}` is a {kind}, not a hash");
                let help = "Featureform keeps a feature as a hash: does another program use such names?";
                return Err(Code::WrongKind.error(message).help(help));
            }
        }
        let mut held = Held::default();
        let whole = keys.members(key, keys::Kind::Hash, &mut |field, value| {
            held.push(field, value.unwrap_or_default());
            Ok(())
        })?;
        if whole {
            return Ok(Some(held));
        }
    }
    let message = format!("key `{key}` was changed each of the {PATIENCE} times that it was read");
    Err(Code::StoreIo.error(message).help("run again when Featureform does not write this feature"))
}

/// A feature that the store knows.
struct Known<'a> {
    name: String,
    variant: String,
    /// The key of its values.
    key: &'a str,
    /// Its type, none if it is that of no cell.
    kind: Option<Kind>,
    /// The type, as it was written.
    written: &'a str,
}

/// The hash of all features of a store.
fn tables(keys: &dyn Keys, prefix: &str) -> Result<Held> {
    held(keys, &format!("{prefix}__tables"))?.ok_or_else(|| {
        let message =
            format!("no online store of Featureform with prefix `{prefix}`: no key `{prefix}__tables`");
        let help = "is this the Redis database that Featureform writes to, and the prefix that it was given?";
        Code::MissingKeyOrFile.error(message).help(help)
    })
}

/// A feature's key and type.
struct Found<'a> {
    key: &'a str,
    kind: Kind,
}

fn found<'a>(tables: &'a Held, name: &str, variant: &str) -> Result<Found<'a>> {
    let known = (0..tables.len()).filter_map(|at| tables.get(at)).filter_map(|(key, kind)| known(key, kind));
    let (mut names, mut variants) = (BTreeSet::new(), BTreeSet::new());
    for known in known {
        if known.name != name {
            names.insert(known.name);
        } else if known.variant != variant {
            variants.insert(known.variant);
        } else if let Some(kind) = known.kind {
            return Ok(Found { key: known.key, kind });
        } else {
            let written = known.written.escape_debug();
            let message =
                format!("feature `{name}` of variant `{variant}` is of type `{written}`, which is no cell");
            let help = "leave it out of `source.featureform.features`: features of numbers, strings, booleans and times are read";
            return Err(Code::UnreadableValue.error(message).help(help));
        }
    }
    Err(not_known(name, variant, &names, &variants))
}

/// What an entry of the hash of features says.
fn known<'a>(key: &'a [u8], written: &'a [u8]) -> Option<Known<'a>> {
    let (key, written) = (std::str::from_utf8(key).ok()?, std::str::from_utf8(written).ok()?);
    let table: serde_json::Value = serde_json::from_str(key).ok()?;
    let part = |name: &str| table.get(name)?.as_str().map(str::to_owned);
    // Older releases wrote the name of the type alone.
    let wrapped: Option<serde_json::Value> = serde_json::from_str(written).ok();
    let name = match wrapped.as_ref().and_then(|wrapped| wrapped.get("ValueType")) {
        Some(name) => name.as_str(),
        None => Some(written),
    };
    Some(Known { name: part("Feature")?, variant: part("Variant")?, key, kind: name.and_then(kind), written })
}

/// The type behind one of Featureform.
fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "int" | "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64"
        | "float32" | "float64" => Kind::Number,
        "string" | "" => Kind::Category,
        "bool" => Kind::Bool,
        "time.Time" | "datetime" => Kind::Datetime,
        _ => return None,
    })
}

fn not_known(name: &str, variant: &str, names: &BTreeSet<String>, variants: &BTreeSet<String>) -> Diagnostic {
    let list = |names: &BTreeSet<String>| {
        let names: Vec<String> =
            names.iter().take(10).map(|name| format!("`{}`", name.escape_debug())).collect();
        names.join(", ")
    };
    let (message, help) = if variants.is_empty() {
        let help = if names.is_empty() { "it has none".into() } else { format!("it has {}", list(names)) };
        (format!("the online store of Featureform has no feature `{name}`"), help)
    } else {
        (
            format!("feature `{name}` has no variant `{variant}`"),
            format!("its variants are {}", list(variants)),
        )
    };
    Code::MissingKeyOrFile.error(message).help(help)
}

/// Hands out the rows: the entities of all features, each once.
fn merged(features: &[Feature<'_>], entity: &str, columns: &mut Columns<'_, '_, '_>) -> Result<()> {
    let mut places = vec![0; features.len()];
    loop {
        let heads = features.iter().zip(&places).filter_map(|(feature, at)| feature.held.get(*at));
        let Some(next) = heads.map(|(entity, _)| entity).min() else { return Ok(()) };
        let row = format!("{entity}={}", String::from_utf8_lossy(next).escape_debug());
        columns.beside(&row, entity, next)?;
        for (feature, at) in features.iter().zip(&mut places) {
            let value = feature.held.get(*at).filter(|(entity, _)| *entity == next).map(|(_, value)| value);
            *at += usize::from(value.is_some());
            match value.and_then(|value| cell(value, feature.kind)) {
                Some(value) => columns.beside(&row, feature.name, value)?,
                None => columns.absent(&row, feature.name)?,
            }
        }
        columns.fields(&row, &Fields::Owned(&[]))?;
    }
}

/// The text of a value; none if it is missing: `nil` is what Featureform writes for that.
fn cell(value: &[u8], kind: Kind) -> Option<&[u8]> {
    match (value, kind) {
        (b"nil", _) | (b"NaN", Kind::Number) => None,
        // The truths of Go's `strconv.ParseBool` that are none elsewhere.
        (b"1" | b"t" | b"T", Kind::Bool) => Some(b"true"),
        (b"0" | b"f" | b"F", Kind::Bool) => Some(b"false"),
        (value, _) => Some(value),
    }
}
