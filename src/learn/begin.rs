//! What a learner begins with.

use std::sync::Arc;

use super::Learner;
use super::lease::now;
use super::saved::{Place, Saved};
use super::state::{Settings, State};
use crate::artifact;
use crate::diag::{Code, Result, Silent, Watch};
use crate::graph::Graph;
use crate::registry::{LATEST, LEARNER_FILE, MODEL_FILE, Published, Registry};
use crate::source::formats::ReadOptions;
use crate::source::keys::{EntryId, Keys};
use crate::source::layouts::{Entries, read_stream};
use crate::spec::{DriftTerms, Moment, Online};
use crate::store::Store;
use crate::table::{self, Field, Kind, Schema, Target};

/// How long to wait for the first rows of a stream.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// What the learner's record holds, or the state of a version that `run` has published since, or nothing but the types of
/// the columns.
///
/// # Errors
/// Damaged states, states of other columns, what the store has to say.
pub fn saved(
    graph: &Graph,
    online: &Online,
    store: &Arc<dyn Store>,
    keys: &dyn Keys,
    record: Option<&[u8]>,
    watch: &dyn Watch,
) -> Result<Saved> {
    let registry = Registry::new(Arc::clone(store));
    let name = &graph.output.artifact;
    let model = match registry.model(name) {
        Ok(model) => Some(model),
        Err(error) if error.code() == Code::UnknownModel => None,
        Err(error) => return Err(error),
    };
    let versions = model.iter().flat_map(|model| &model.versions);
    let prepared = versions.filter(|version| version.blobs.contains_key(LEARNER_FILE));
    let prepared = prepared.max_by_key(|version| version.version);
    if let Some(bytes) = record {
        let saved = Saved::parse(bytes)?;
        if prepared.is_none_or(|version| saved.place.version >= Some(version.version)) {
            return fitting(saved, graph, online);
        }
    }
    if let Some(version) = prepared {
        let published = Published { name: name.clone(), version: version.clone() };
        let mut saved = Saved::parse(&registry.file(&published, LEARNER_FILE)?)?;
        saved.place.version = Some(version.version);
        if saved.place.last.is_none() {
            saved.place.last = before(online, keys)?;
        }
        return fitting(saved, graph, online);
    }
    let last = before(online, keys)?;
    let schema = match model.as_ref().and_then(|model| model.aliases.get(LATEST)) {
        Some(_) => artifact::read(&registry.file(&registry.resolve(name)?, MODEL_FILE)?)?.manifest.schema,
        None => first_types(graph, online, keys, last, watch)?,
    };
    let state = State::before(graph, Arc::new(schema), &Settings::of(online), &[])
        .map_err(|error| error.or_at(&online.span))?;
    fitting(Saved { state, place: Place { last, ..Place::default() } }, graph, online)
}

/// The learning state of a table, in blocks as of a stream: what `run` leaves for `learn`. `last` is the entry that the
/// table ends with, where it is of the stream.
///
/// # Errors
/// Columns that cannot be learned.
pub fn of_table(
    graph: &Graph,
    online: &Online,
    table: &table::Table,
    target: &Target,
    last: Option<EntryId>,
) -> Result<Vec<u8>> {
    let settings = Settings::of(online);
    // All rows of the table are what those of the stream are compared with.
    let drift = settings.drift.map(|terms| DriftTerms { reference: u64::MAX, ..terms });
    let settings = Settings { evaluate: false, drift, ..settings };
    let known = match target {
        Target::Classes { labels, .. } => labels.labels(),
        Target::Values(_) => &[],
    };
    let state = State::before(graph, Arc::clone(table.schema()), &settings, known)?;
    let mut learner = Learner::new(graph, settings, state)?;
    learner.extend(table, target)?;
    learner.end_reference();
    let last = last.map(|last| (last.time, last.number));
    Saved::bytes_of(learner.state(), &Place { last, ..Place::default() })
}

/// Refuses a state that was learned in another way than the file says.
fn fitting(saved: Saved, graph: &Graph, online: &Online) -> Result<Saved> {
    let model = &*graph.pipeline.model.model;
    if !saved.state.is_of(model) {
        let message = format!("what was learned is not of a `{}`", model.name());
        let help = "write the model as it was, or run the file again, which begins anew";
        return Err(Code::Conflict.error(message).help(help).at(&graph.pipeline.model.span));
    }
    let key = online.labels.as_ref().map(|labels| &labels.key);
    if let Some(key) = key.filter(|key| saved.state.schema.index(&key.value).is_some()) {
        let message = format!("column `{}` is the key of `online.labels`, and a feature too", key.shown());
        let help = format!("say `roles: {{id: {}}}`, and run the file again", key.shown());
        return Err(Code::Conflict.error(message).help(help).at(&key.span));
    }
    if saved.state.window() == online.window {
        return Ok(saved);
    }
    let message = "what was learned has another `online.window` than the file";
    let help = "write the window as it was, or run the file again, which begins anew";
    Err(Code::Conflict.error(message).help(help).at(&online.span))
}

/// The entry before the first one to learn.
fn before(online: &Online, keys: &dyn Keys) -> Result<Option<(u64, u64)>> {
    let first = match online.from {
        None | Some(Moment::Start) => return Ok(None),
        Some(Moment::Now) => {
            let extent = match keys.stream(&online.stream.value) {
                Err(error) if error.code() == Code::MissingKeyOrFile => None,
                extent => extent?,
            };
            return Ok(extent.map(|extent| (extent.last.time, extent.last.number)));
        }
        Some(Moment::Ago(span)) => (now().saturating_sub(span), 0),
        Some(Moment::Entry(time, number)) => (time, number.unwrap_or(0)),
    };
    Ok(match first {
        (0, 0) => None,
        (time, 0) => Some((time - 1, u64::MAX)),
        (time, number) => Some((time, number - 1)),
    })
}

/// The types of the first block's columns, as a run would read them.
fn first_types(
    graph: &Graph,
    online: &Online,
    keys: &dyn Keys,
    last: Option<(u64, u64)>,
    watch: &dyn Watch,
) -> Result<Schema> {
    let key = &online.stream.value;
    let last = last.map(|(time, number)| EntryId { time, number });
    let from = last.map_or(Some(EntryId::FIRST), EntryId::next);
    let first = || -> Result<Option<EntryId>> {
        let Some(from) = from else { return Ok(None) };
        let page = match keys.page(key, from, online.batch) {
            Err(error) if error.code() == Code::MissingKeyOrFile => Vec::new(),
            page => page?,
        };
        Ok(page.last().map(|(id, _)| *id).filter(|_| page.len() == online.batch))
    };
    let to = loop {
        if let Some(to) = first()? {
            break to;
        }
        if watch.stopped() {
            return Err(Code::Interrupted.error("stopped before a block of rows had come"));
        }
        std::thread::sleep(PAUSE);
    };
    let entries = Entries { from: from.unwrap_or(to), to, ..Entries::default() };
    let written = graph.source.schema.iter().map(|(column, kind)| (column.name.clone(), *kind));
    let columns = graph.source.columns.as_ref();
    let options = ReadOptions {
        schema: written.collect(),
        columns: columns.map(|columns| columns.iter().map(|column| column.name.clone()).collect()),
        na_values: graph.source.na_values.clone(),
    };
    let read = read_stream(keys, key, &entries, &options, &Silent)?;
    Ok(features(graph, read.table.schema()))
}

/// The columns that are features.
fn features(graph: &Graph, schema: &Schema) -> Schema {
    let key = graph.online.as_ref().and_then(|online| online.labels.as_ref()).map(|labels| &labels.key.value);
    let is_id = |name: &str| graph.ids.iter().any(|id| id.name == name) || key.is_some_and(|key| key == name);
    let is_feature =
        |field: &&Field| field.name != graph.target.name && !is_id(&field.name) && field.kind != Kind::Text;
    Schema::new(schema.fields().iter().filter(is_feature).cloned().collect())
}
