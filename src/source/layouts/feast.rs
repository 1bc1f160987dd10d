//! A row an entity of Feast's online store in Redis.
//!
//! Each entity is a hash. Its key is the names and values of the join keys, sorted by name, and the project; a field is the murmur3 hash
//! of `view:feature`, or `_ts:view` for the time of the event; values are messages of protocol buffers. All of it is a contract of
//! Feast: <https://github.com/feast-dev/feast/blob/master/docs/specs/online_store_format.md>, keys in their version 3.

use std::cell::{Cell as Flag, RefCell};
use std::collections::BTreeMap;

use super::entity::{Cell, Entity, cell, time_of};
use super::rows::{Columns, gather_rows};
use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::source::formats::{Read, ReadOptions};
use crate::source::keys::{Fields, Found, Keys, RowSink};
use crate::table::{Kind, NaValues, datetime_text};

/// A feature view of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureView {
    /// The project.
    pub project: String,
    /// The view's name.
    pub name: String,
    /// The names of the entities' keys; each is a column.
    pub join_keys: Vec<String>,
    /// The features that are read.
    pub features: Vec<String>,
    /// The column to make of the times of the events.
    pub time: Option<String>,
}

/// Reads the table whose rows are the entities that have values in a feature view, sorted by their keys in Redis: join keys, time and
/// features are the columns, of the types that Feast has stored. No text in it is taken for a missing value.
///
/// # Errors
/// `MissingKeyOrFile` where there is no such entity; `MissingColumn` for a feature that none of them has; `UnreadableValue` for
/// values that are none or no cells; `StoreIo` when rows change while they are read and that matters.
pub fn read_feast(
    keys: &dyn Keys,
    view: &FeatureView,
    options: &ReadOptions,
    watch: &dyn Watch,
) -> Result<Read> {
    let mut options = options.clone();
    options.na_values = NaValues { values: Vec::new(), keep_default: false };
    let names = keys.matching_bytes(&pattern(view)?)?;
    let reading = Reading::new(view, &names);
    let read = reading.read(keys, &options, watch)?;
    // A column of texts that spell numbers, or of times: read again as what they are.
    let kinds = reading.kinds.borrow();
    let other = |(name, kind): (&String, &Option<Kind>)| {
        let kind = (*kind).filter(|_| !options.schema.contains_key(name))?;
        let found = read.table.schema().index(name).map(|place| read.table.schema().fields()[place].kind);
        (found.is_some_and(|found| found != kind)).then(|| (name.clone(), kind))
    };
    let others: Vec<(String, Kind)> = kinds.iter().filter_map(other).collect();
    if others.is_empty() {
        return Ok(read);
    }
    options.schema.extend(others);
    drop(kinds);
    reading.read(keys, &options, watch)
}

/// The pattern of the keys of all entities with these join keys.
fn pattern(view: &FeatureView) -> Result<String> {
    let start = Entity::start(&view.join_keys);
    let text = start.as_ref().and_then(|start| std::str::from_utf8(start).ok());
    let Some(start) = text else {
        let message = "a join key of Feast has a name of at most 127 bytes here".to_owned();
        return Err(Code::BadValue.error(message).help("see `source.feast.join_keys`"));
    };
    Ok(around(start, &view.project))
}

/// The pattern of what begins and ends so.
fn around(start: &str, end: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '\\' | '^');
    let escaped = |text: &str| -> String {
        text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
    };
    format!("{}*{}", escaped(start), escaped(end))
}

struct Reading<'a> {
    view: &'a FeatureView,
    names: &'a Found,
    /// What is asked for: the time, then the features.
    fields: Vec<Vec<u8>>,
    /// The type of each column, none where its values have several.
    kinds: RefCell<BTreeMap<String, Option<Kind>>>,
}

impl<'a> Reading<'a> {
    fn new(view: &'a FeatureView, names: &'a Found) -> Self {
        let mut fields = vec![format!("_ts:{}", view.name).into_bytes()];
        let feature = |feature: &String| murmur3(format!("{}:{feature}", view.name).as_bytes());
        fields.extend(view.features.iter().map(|name| feature(name).to_le_bytes().to_vec()));
        Self { view, names, fields, kinds: RefCell::default() }
    }

    fn read(&self, keys: &dyn Keys, options: &ReadOptions, watch: &dyn Watch) -> Result<Read> {
        let source = format!("{}/{}", self.view.project, self.view.name);
        let fields: Vec<&[u8]> = self.fields.iter().map(Vec::as_slice).collect();
        gather_rows(&source, self.names.len(), options, watch, |columns| {
            let (rows, met) = (Flag::new(0usize), RefCell::new(vec![false; fields.len()]));
            keys.fields_of(self.names, &fields, &mut |at, values| {
                let key = self.names.get(at);
                // The project's name may end that of another, and an entity may have other views alone.
                let entity =
                    Entity::parse(key).filter(|entity| entity.project == self.view.project.as_bytes());
                let (Some(entity), [Some(time), values @ ..]) = (entity, values) else { return Ok(()) };
                rows.set(rows.get() + 1);
                met.borrow_mut()
                    .iter_mut()
                    .skip(1)
                    .zip(values)
                    .for_each(|(met, value)| *met |= value.is_some());
                self.row(columns, &entity, time, values)
            })?;
            if rows.get() == 0 {
                return Err(self.older(keys)?.unwrap_or_else(|| self.nothing()));
            }
            match met.into_inner().iter().skip(1).position(|met| !met) {
                Some(absent) => Err(self.no_feature(&self.view.features[absent])),
                None => Ok(()),
            }
        })
    }

    fn row(
        &self,
        columns: &mut Columns<'_, '_, '_>,
        entity: &Entity<'_>,
        time: &[u8],
        values: &[Option<Vec<u8>>],
    ) -> Result<()> {
        let name = entity.to_string();
        let wrong = |what: &str, why: &str| {
            let help = "leave the feature out of `source.feast.features`, or write it again with Feast";
            let message = format!("entity `{name}`: {what} {why}");
            Err(Code::UnreadableValue.error(message).help(help).within(name.clone(), None, None))
        };
        for join_key in &self.view.join_keys {
            match entity.value(join_key) {
                Ok(found) => self.push(columns, &name, join_key, found)?,
                Err(why) => return wrong(&format!("join key `{join_key}`"), why),
            }
        }
        if let Some(column) = &self.view.time {
            match time_of(time) {
                Ok(micros) => self.push(columns, &name, column, Cell::Time(micros))?,
                Err(why) => return wrong("the time of its event", why),
            }
        }
        for (feature, value) in self.view.features.iter().zip(values) {
            let found = value.as_deref().map_or(Ok(Cell::Missing), cell);
            match found {
                Ok(found) => self.push(columns, &name, feature, found)?,
                Err(why) => return wrong(&format!("feature `{feature}`"), why),
            }
        }
        columns.fields(&name, &Fields::Owned(&[])).map(drop)
    }

    fn push(&self, columns: &mut Columns<'_, '_, '_>, row: &str, column: &str, cell: Cell) -> Result<()> {
        let (kind, text) = match cell {
            Cell::Missing => return columns.absent(row, column),
            Cell::Number(text) => (Kind::Number, text),
            Cell::Bool(value) => (Kind::Bool, value.to_string()),
            Cell::Text(text) => (Kind::Category, text),
            Cell::Time(micros) => (Kind::Datetime, datetime_text(micros)),
        };
        let mut kinds = self.kinds.borrow_mut();
        match kinds.get_mut(column) {
            Some(known) if *known != Some(kind) => *known = None,
            Some(_) => {}
            None => _ = kinds.insert(column.to_owned(), Some(kind)),
        }
        drop(kinds);
        columns.beside(row, column, text.as_bytes())
    }

    /// What is wrong where the entities have keys of an older version.
    fn older(&self, keys: &dyn Keys) -> Result<Option<Diagnostic>> {
        let FeatureView { project, join_keys, .. } = self.view;
        let start = Entity::older_start(join_keys);
        let text = String::from_utf8_lossy(&start);
        let found = keys.matching_bytes(&around(&text, project))?;
        let version =
            found.iter().find_map(|key| Entity::older_version(key, &start, join_keys.len(), project));
        Ok(version.map(|version| {
            let message = format!(
                "the entities of project `{project}` have keys of version {version} of Feast, and those of version 3 are read"
            );
            let help = "say `entity_key_serialization_version: 3` in `feature_store.yaml`, and materialize again";
            Code::UnreadableValue.error(message).help(help)
        }))
    }

    fn nothing(&self) -> Diagnostic {
        let FeatureView { project, name, join_keys, .. } = self.view;
        let join_keys = join_keys.join("`, `");
        let message =
            format!("no entity by `{join_keys}` has values of feature view `{name}` of project `{project}`");
        let help = "are these the names in Feast, and was it materialized into this store?";
        Code::MissingKeyOrFile.error(message).help(help)
    }

    fn no_feature(&self, feature: &str) -> Diagnostic {
        let message = format!("no entity has feature `{feature}` of feature view `{}`", self.view.name);
        Code::MissingColumn
            .error(message)
            .help("name features as Feast does: their names are stored as hashes only")
    }
}

/// MurmurHash3 of 32 bits with seed 0, by Austin Appleby, in the public domain:
/// <https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp>.
fn murmur3(bytes: &[u8]) -> u32 {
    let mixed = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = words.iter().fold(0u32, |hash, word| {
        let hash = (hash ^ mixed(u32::from_le_bytes(*word))).rotate_left(13);
        hash.wrapping_mul(5).wrapping_add(0xe654_6b64)
    });
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    hash ^= mixed(u32::from_le_bytes(last));
    // Names are far shorter than what the length could not count.
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::murmur3;

    #[test]
    fn hashes_are_those_of_the_reference() {
        // Made with mmh3 5.3.1: `mmh3.hash(text, signed=False)`.
        for (text, hash) in [
            ("", 0),
            ("a", 0x3c25_69b2),
            ("ab", 0x9bbf_d75f),
            ("abc", 0xb3dd_93fa),
            ("abcd", 0x43ed_676a),
            ("driver_stats:größe", 0x3a5a_859b),
        ] {
            assert_eq!(murmur3(text.as_bytes()), hash, "{text}");
        }
    }
}
