//! `pipefit predict MODEL[@alias|:version] --input KEY|FILE|-`

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::Output;
use super::predicted::Form;
use super::{Done, Global, data, signatures, stream};
use crate::artifact::{self, Artifact};
use crate::diag::{Code, Result};
use crate::predict::{Options, predict};
use crate::registry::{MODEL_FILE, Registry};
use crate::source::formats::{self, Format, Packing, ReadOptions};
use crate::source::keys::{self, Keys};
use crate::source::{Place, read_file, write_file};
use crate::table::{Kind, Table};

/// What `predict` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The model: NAME, NAME@ALIAS or NAME:VERSION; NAME alone is NAME@latest
    model: String,
    /// The rows: a key, a file, or `-` for stdin; `key:` and `file:` force one
    #[arg(long, value_name = "KEY|FILE|-")]
    input: String,
    /// Where the predictions go: a key, a file, or `-` for stdout
    #[arg(long, value_name = "KEY|FILE|-", default_value = "-")]
    output: String,
    /// Give the probability of every class too
    #[arg(long)]
    proba: bool,
    /// Predict only with a version that the owner of this public key (PEM) has signed
    #[arg(long, value_name = "FILE")]
    require_signature: Option<PathBuf>,
    /// Repeat these columns of the input after the predictions
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    pub(super) keep: Vec<String>,
    /// Write them in this format; or, into keys, as a hash for each row or as entries of a stream
    #[arg(long = "as", value_name = "FORM", value_parser = FORMS)]
    pub(super) form: Option<String>,
    /// With `--as hash`: the column of the input with the ids of the rows
    #[arg(long, value_name = "COL")]
    pub(super) id: Option<String>,
}

/// What predictions become.
const FORMS: [&str; 9] = ["csv", "tsv", "json", "jsonl", "parquet", "arrow", "npy", "hash", "stream"];

/// Predicts all rows of the input.
pub fn run(arguments: &Arguments, global: &Global, output: &Output) -> Done {
    if let Some(threads) = global.threads {
        // It can be said once a process, which a command is.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global();
    }
    let (store, keys) = keys::open(&global.store_url(), Path::new(""))?;
    let (from, to) = (Place::to_read(&arguments.input), Place::to_write(&arguments.output));
    let mut form = Form::of(arguments, &to, &keys)?;
    let registry = signatures::requiring(Registry::new(store), arguments.require_signature.as_deref())?;
    let (published, bytes) = registry.open(&arguments.model, MODEL_FILE)?;
    let artifact = artifact::read(&bytes)?;
    let mut options = Options { proba: arguments.proba, keep: arguments.keep.clone() };
    if let Form::Rows(rows) = &form {
        options
            .keep
            .extend(rows.id().filter(|id| !options.keep.iter().any(|kept| kept == id)).map(str::to_owned));
    }
    let is_in_object = output.json && to == Place::Standard;
    let read = reading(&artifact, arguments.id.as_deref());
    if !is_in_object && let Some(parts) = stream::parts(&from, &to, &form, &artifact, &options, &read)? {
        let rows = stream::run(&artifact, &*parts, &options, &to, &mut form, output)?;
        if output.json {
            output.object(&stream::object(&published, rows, &arguments.output));
        }
        return Ok(());
    }
    let table = input(&from, &artifact, &read, &*keys)?;
    let predicted = predict(&artifact, &table, &options)?;
    output.tell(&predicted.warnings);
    match (&mut form, &to) {
        (Form::Rows(rows), _) => rows.write(&predicted.table)?,
        (Form::Whole(format), Place::File(path)) => {
            write_file(path, &Packing::of_path(path).pack(formats::written(&predicted.table, *format)?))?;
        }
        (Form::Whole(format), Place::Key(key)) => {
            keys.write(key, &formats::written(&predicted.table, *format)?)?
        }
        (Form::Whole(_), Place::Standard) if output.json => {}
        (Form::Whole(format), Place::Standard) => output.bytes(&formats::written(&predicted.table, *format)?),
    }
    if output.json {
        let mut object = stream::object(&published, predicted.table.rows(), &arguments.output);
        if to == Place::Standard {
            let columns = formats::write(&predicted.table, Format::JsonColumns);
            object["predictions"] = serde_json::from_slice(&columns).unwrap_or_default();
        }
        output.object(&object);
    }
    Ok(())
}

/// The types that the model was trained with; ids are texts.
fn reading(artifact: &Artifact, id: Option<&str>) -> ReadOptions {
    let ids = id.map(|id| (id.to_owned(), Kind::Category));
    let inputs = artifact.manifest.inputs().into_iter().map(|field| (field.name, field.kind));
    let schema = ids.into_iter().chain(inputs).collect();
    ReadOptions { schema, columns: None, na_values: artifact.manifest.na_values.clone() }
}

/// The input.
fn input(from: &Place, artifact: &Artifact, options: &ReadOptions, keys: &dyn Keys) -> Result<Table> {
    let whole = |bytes: Vec<u8>, name: &str, format: Option<Format>| {
        let bytes = formats::unpack(bytes, name)?;
        let format = match format {
            Some(format) => format,
            None => formats::detect(&bytes, name)?,
        };
        formats::read(&bytes, format, name, options)
    };
    let read = match from {
        Place::File(path) => {
            whole(read_file(path)?, &path.display().to_string(), formats::format_of_path(path))?
        }
        Place::Key(key) => data::read_any(key, keys, options)?.0,
        Place::Standard => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| Code::UnreadableValue.error(format!("stdin cannot be read: {error}")))?;
            whole(bytes, "-", None)?
        }
    };
    let used = |suspect: &&formats::Suspect| !artifact.manifest.bears(&suspect.column);
    match read.suspects.iter().find(used) {
        Some(suspect) => Err(suspect.error.clone()),
        None => Ok(read.table),
    }
}
