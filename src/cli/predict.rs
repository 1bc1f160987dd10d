//! `pipefit predict MODEL[@alias|:version] --input KEY|FILE|-`

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::Output;
use super::{Done, Global, data, signatures, stream};
use crate::artifact::{self, Artifact};
use crate::diag::{Code, Result};
use crate::predict::{Options, predict};
use crate::registry::{MODEL_FILE, Registry};
use crate::source::formats::{self, Format, Packing, ReadOptions};
use crate::source::keys::{self, Keys};
use crate::source::{Place, read_file, write_file};

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
    keep: Vec<String>,
}

/// Predicts all rows of the input.
pub fn run(arguments: &Arguments, global: &Global, output: &Output) -> Done {
    if let Some(threads) = global.threads {
        // It can be said once a process, which a command is.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global();
    }
    let (store, keys) = keys::open(&global.store_url(), Path::new(""))?;
    let registry = signatures::requiring(Registry::new(store), arguments.require_signature.as_deref())?;
    let published = registry.resolve(&arguments.model)?;
    let artifact = artifact::read(&registry.file(&published, MODEL_FILE)?)?;
    let options = Options { proba: arguments.proba, keep: arguments.keep.clone() };
    let (from, to) = (Place::to_read(&arguments.input), Place::to_write(&arguments.output));
    let is_in_object = output.json && to == Place::Standard;
    if !is_in_object && let Some(parts) = stream::parts(&from, &to, &artifact, &options)? {
        let rows = stream::run(&artifact, &*parts, &options, &to, output)?;
        if output.json {
            output.object(&stream::object(&published, rows, &arguments.output));
        }
        return Ok(());
    }
    let table = input(arguments, &artifact, &*keys)?;
    let predicted = predict(&artifact, &table, &options)?;
    output.tell(&predicted.warnings);
    let place = Place::to_write(&arguments.output);
    let format = match &place {
        Place::File(path) => formats::format_of_path(path).unwrap_or(Format::Csv).written()?,
        Place::Key(_) | Place::Standard => Format::Csv,
    };
    let bytes = formats::write(&predicted.table, format);
    match &place {
        Place::File(path) => write_file(path, &Packing::of_path(path).pack(bytes))?,
        Place::Key(key) => keys.write(key, &bytes)?,
        Place::Standard if output.json => {}
        Place::Standard => output.bytes(&bytes),
    }
    if output.json {
        let mut object = stream::object(&published, predicted.table.rows(), &arguments.output);
        if place == Place::Standard {
            let columns = formats::write(&predicted.table, Format::JsonColumns);
            object["predictions"] = serde_json::from_slice(&columns).unwrap_or_default();
        }
        output.object(&object);
    }
    Ok(())
}

/// The input, read with the types that the model was trained with.
fn input(arguments: &Arguments, artifact: &Artifact, keys: &dyn Keys) -> Result<crate::table::Table> {
    let (name, bytes, format) = match Place::to_read(&arguments.input) {
        Place::File(path) => {
            let bytes = read_file(&path)?;
            (path.display().to_string(), bytes, formats::format_of_path(&path))
        }
        Place::Key(key) => {
            let bytes = data::value(&key, keys)?;
            (key, bytes, None)
        }
        Place::Standard => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| Code::UnreadableValue.error(format!("stdin cannot be read: {error}")))?;
            ("-".to_owned(), bytes, None)
        }
    };
    let bytes = formats::unpack(bytes, &name)?;
    let format = match format {
        Some(format) => format,
        None => formats::detect(&bytes, &name)?,
    };
    let schema = artifact.manifest.inputs().into_iter().map(|field| (field.name, field.kind)).collect();
    let options = ReadOptions { schema, columns: None, na_values: artifact.manifest.na_values.clone() };
    let read = formats::read(&bytes, format, &name, &options)?;
    let used = |suspect: &&formats::Suspect| !artifact.manifest.bears(&suspect.column);
    match read.suspects.iter().find(used) {
        Some(suspect) => Err(suspect.error.clone()),
        None => Ok(read.table),
    }
}
