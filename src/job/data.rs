//! From a key to a table: what every command that reads a pipeline's data does first.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::diag::{Code, Diagnostic, Result, Watch, suggest};
use crate::graph::{ColumnName, FeastNode, FeatureformNode, Graph, Origin, SourceNode};
use crate::plan::Bound;
use crate::source::formats::{self, Part, Read, ReadOptions, Suspect};
use crate::source::keys::{self, EntryId, Keys};
use crate::source::layouts::{self, Entries, FEATUREFORM_PREFIX, FeatureView, Features};
use crate::source::{ParquetScan, Survey, files_matching, is_parquet, open_parquet, read_file, value};
use crate::spec::Moment;
use crate::table::{Data, Digest, Kind, fingerprint};

/// A table and what is known of its origin. A clone shares the table.
#[derive(Clone)]
pub struct Loaded {
    /// The table, or what reads it in units.
    pub table: Data,
    /// Its digest.
    pub fingerprint: Digest,
    /// Cells that are an error only in a column that is learned from.
    pub(super) suspects: Vec<Suspect>,
    /// What is worth knowing.
    pub warnings: Vec<Diagnostic>,
    /// The stream that it was, and the entry behind which nothing was read.
    pub last: Option<(String, EntryId)>,
}

/// Reads the pipeline's table.
///
/// # Errors
/// `MissingKeyOrFile`, whatever the reader refuses, or what the store has to say.
pub fn load(graph: &Graph, keys: &dyn Keys, watch: &dyn Watch) -> Result<Loaded> {
    load_within(graph, keys, watch, MOST_IN_MEMORY)
}

/// As [`load`]; Parquet files of more bytes than `in_memory` are read in units.
///
/// # Errors
/// As there.
pub(super) fn load_within(
    graph: &Graph,
    keys: &dyn Keys,
    watch: &dyn Watch,
    in_memory: u64,
) -> Result<Loaded> {
    let source = &graph.source;
    let options = options(source);
    let mut warnings = Vec::new();
    let mut last = None;
    let read =
        match &source.origin {
            Origin::Key(key) => match read_key(source, key, keys, &options, watch, &mut warnings) {
                Err(error) if error.code() == Code::WrongKind && source.format == "auto" => {
                    read_members(graph, key, keys, &options, watch, error)?
                }
                read => read?,
            },
            Origin::Pattern(pattern) => layouts::read_rows(keys, pattern, &options, watch)
                .map_err(|error| error.or_at(&source.span))?,
            Origin::Index(index) => layouts::read_index(keys, index, &options, watch)
                .map_err(|error| error.or_at(&source.span))?,
            Origin::Stream(stream) => {
                // What is written meanwhile is left to whoever goes on from the last entry.
                let extent = keys.stream(&stream.key).map_err(|error| error.or_at(&source.span))?;
                let to = entry(stream.to, u64::MAX);
                let to = extent.map_or(to, |extent| extent.last.min(to));
                last = extent.map(|_| (stream.key.clone(), to));
                let entries = Entries {
                    from: entry(stream.from, 0),
                    to,
                    id: stream.id.as_deref(),
                    time: stream.time.as_deref(),
                };
                layouts::read_stream(keys, &stream.key, &entries, &options, watch)
                    .map_err(|error| error.or_at(&source.span))?
            }
            Origin::Feast(feast) => layouts::read_feast(keys, &feature_view(feast), &options, watch)
                .map_err(|error| error.or_at(&source.span))?,
            Origin::Featureform(node) => layouts::read_features(keys, &features(node), &options, watch)
                .map_err(|error| error.or_at(&source.span))?,
            Origin::File(pattern) => {
                watch.stage("reading", 1);
                let files = files_matching(pattern).map_err(|error| error.at(&source.span))?;
                let loaded = read_files(source, &files, &options, in_memory)?;
                watch.tick(1);
                return Ok(loaded);
            }
        };
    Ok(Loaded { last, ..Loaded::whole(read, warnings) })
}

/// What is read of Feast's store.
fn feature_view(feast: &FeastNode) -> FeatureView {
    FeatureView {
        project: feast.project.clone(),
        name: feast.view.clone(),
        join_keys: feast.join_keys.clone(),
        features: feast.features.clone(),
        time: feast.time.clone(),
    }
}

/// What is read of Featureform's store.
fn features(node: &FeatureformNode) -> Features {
    let prefix = node.prefix.clone().unwrap_or_else(|| FEATUREFORM_PREFIX.to_owned());
    Features { entity: node.entity.clone(), features: node.features.clone(), prefix }
}

/// Reads a key that is no string, which is why it was refused.
fn read_members(
    graph: &Graph,
    key: &str,
    keys: &dyn Keys,
    options: &ReadOptions,
    watch: &dyn Watch,
    refused: Diagnostic,
) -> Result<Read> {
    let read = match keys.kind(key)? {
        Some(keys::Kind::Stream) => layouts::read_stream(keys, key, &Entries::default(), options, watch),
        Some(keys::Kind::List | keys::Kind::Set | keys::Kind::Zset) => {
            layouts::read_members(keys, key, false, options, watch)
        }
        Some(keys::Kind::Hash) => {
            let field = names_field(graph, options);
            let read = layouts::read_members(keys, key, field, options, watch);
            let lacks = |read: &Read| {
                let schema = read.table.schema();
                schema.names().eq(["field", "value"]) && schema.index(&graph.target.name).is_none()
            };
            if graph.clean.is_empty() && read.as_ref().is_ok_and(lacks) {
                return Err(layouts::one_row(key).at(&graph.source.span));
            }
            read
        }
        _ => Err(refused),
    };
    read.map_err(|error| error.or_at(&graph.source.span))
}

/// Whether the pipeline speaks of a column `field`, the ids of the rows of a hash.
fn names_field(graph: &Graph, options: &ReadOptions) -> bool {
    let ids = graph.ids.iter().map(|column| &column.name);
    let mut named = ids.chain(options.columns.iter().flatten()).chain(options.schema.keys());
    named.any(|name| name == "field")
}

/// A place in a stream as an entry; `number` where it says no more than a time.
fn entry(place: Moment, number: u64) -> EntryId {
    match place {
        Moment::Start => EntryId::FIRST,
        Moment::Now => EntryId::LAST,
        Moment::Entry(time, own) => EntryId { time, number: own.unwrap_or(number) },
        Moment::Ago(span) => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
            EntryId { time: now.saturating_sub(span), number }
        }
    }
}

/// Tables up to this many bytes are read into memory; larger ones are read in units, pass after pass.
pub(super) const MOST_IN_MEMORY: u64 = 1 << 30;

/// Reads files as one table, in their order.
fn read_files(
    source: &SourceNode,
    files: &[PathBuf],
    options: &ReadOptions,
    in_memory: u64,
) -> Result<Loaded> {
    if matches!(source.format.as_str(), "auto" | "parquet") && is_parquet(&files[0])? {
        let scan = open_parquet(files, options)?;
        return if scan.decoded_bytes() > in_memory {
            Loaded::streamed(scan)
        } else {
            Ok(Loaded::whole(scan.gather()?, Vec::new()))
        };
    }
    let mut held = Vec::with_capacity(files.len());
    for file in files {
        let name = file.display().to_string();
        held.push((Bytes::from(formats::unpack(read_file(file)?, &name)?), name));
    }
    let mut parts = Vec::with_capacity(held.len());
    for (bytes, name) in &held {
        parts.push((Part::shared(name, bytes), formats::resolve(&source.format, bytes, name)?));
    }
    Ok(Loaded::whole(formats::read_parts(&parts, options)?, Vec::new()))
}

/// Which columns are read, and as what.
fn options(source: &SourceNode) -> ReadOptions {
    // Classes keep the spelling of the data, unless the file says what they are.
    let labels = source.label.iter().map(|label| (label.clone(), Kind::Category));
    let written = source.schema.iter().map(|(column, kind)| (column.name.clone(), *kind));
    let names = |columns: &Vec<ColumnName>| columns.iter().map(|column| column.name.clone()).collect();
    ReadOptions {
        schema: labels.chain(written).collect(),
        columns: source.columns.as_ref().map(names),
        na_values: source.na_values.clone(),
    }
}

/// Reads one key, filling it first from `load_if_missing` where it is not there.
fn read_key(
    source: &SourceNode,
    key: &str,
    keys: &dyn Keys,
    options: &ReadOptions,
    watch: &dyn Watch,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Read> {
    watch.stage("reading", 1);
    let bytes = match value(keys, key).map_err(|error| error.or_at(&source.span))? {
        Some((bytes, warning)) => {
            warnings.extend(warning.map(|warning| warning.at(&source.span)));
            warnings.extend(other_file(source, key, &bytes));
            bytes
        }
        None => fill(source, key, keys)?,
    };
    let bytes = Bytes::from(formats::unpack(bytes, key)?);
    let format = formats::resolve(&source.format, &bytes, key)?;
    let read = formats::read_parts(&[(Part::shared(key, &bytes), format)], options)?;
    watch.tick(1);
    Ok(read)
}

/// Fills a missing key from the file that the pipeline names.
fn fill(source: &SourceNode, key: &str, keys: &dyn Keys) -> Result<Vec<u8>> {
    let Some(path) = &source.load_if_missing else {
        let listed = keys.ls()?;
        let names = listed.iter().map(|listed| listed.key.as_str());
        let help = match suggest(key, names) {
            Some(near) => format!("did you mean `{near}`? `pipefit data ls` lists the keys"),
            None => format!(
                "put it there with `pipefit data put {key} FILE`, or name a file in `load_if_missing`"
            ),
        };
        return Err(Code::MissingKeyOrFile
            .error(format!("no key `{key}` in the store"))
            .at(&source.span)
            .help(help));
    };
    let bytes = read_file(path).map_err(|error| {
        let message = format!("no key `{key}` in the store, and `load_if_missing` does not help: {error}");
        Code::MissingKeyOrFile
            .error(message)
            .at(&source.span)
            .help("name an existing file, or put the key there")
    })?;
    // What is no table must not become the key.
    let name = path.display().to_string();
    let unpacked = formats::unpack(bytes.clone(), &name)?;
    formats::read(&unpacked, formats::detect(&unpacked, &name)?, &name, &ReadOptions::default())?;
    if keys.write_new(key, &bytes)? {
        return Ok(bytes);
    }
    // Another run was first; what it wrote stays.
    keys.value(key)?
        .ok_or_else(|| Code::MissingKeyOrFile.error(format!("key `{key}` is gone again")).at(&source.span))
}

/// A warning when the file beside the key has other bytes.
fn other_file(source: &SourceNode, key: &str, bytes: &[u8]) -> Option<Diagnostic> {
    let path = source.load_if_missing.as_ref()?;
    let file = read_file(path).ok()?;
    (Digest::of(&file) != Digest::of(bytes)).then(|| {
        let message = format!("key `{key}` differs from `{}`; the key is used", path.display());
        let help = format!("`pipefit data put {key} {}` replaces the key", path.display());
        Code::WarnData.warning(message).help(help)
    })
}

impl Loaded {
    /// A table in memory.
    fn whole(read: Read, warnings: Vec<Diagnostic>) -> Self {
        let fingerprint = fingerprint(&read.table);
        Self { table: read.table.into(), fingerprint, suspects: read.suspects, warnings, last: None }
    }

    /// Files that stay where they are; they are read once now for what must be known of all rows.
    ///
    /// # Errors
    /// Whatever is damaged, and cells that are not of the type asked for.
    pub fn streamed(scan: ParquetScan) -> Result<Self> {
        let Survey { fingerprint, facts, suspects } = scan.survey()?;
        let table = Data::streamed(Arc::new(scan), facts);
        Ok(Self { table, fingerprint, suspects, warnings: Vec::new(), last: None })
    }

    /// Refuses cells that a float cannot hold, in columns that are learned from.
    ///
    /// # Errors
    /// The first such cell.
    pub fn refuse_suspects(&self, bound: &Bound) -> Result<()> {
        let used = |suspect: &&Suspect| {
            bound.x.schema().index(&suspect.column).is_some() || bound.graph.target.name == suspect.column
        };
        self.suspects.iter().find(used).map_or(Ok(()), |suspect| Err(suspect.error.clone()))
    }
}
