//! `pipefit models ls|show|promote|rollback|rm|sign|export|verify`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::learned as told;
use super::output::Output;
use super::{Done, Global, aliases, facts, signatures};
use crate::artifact;
use crate::diag::{Code, Diagnostic, Result};
use crate::registry::{LATEST, MODEL_FILE, Model, Registry, Version};
use crate::run::{Fitted, FittedGroup, FittedNode};
use crate::source::write_file;
use crate::{job, report, sklearn, store};

/// What `models` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the models with their latest versions
    Ls,
    /// Show a model's versions and what the chosen one learned
    Show {
        /// NAME, NAME@ALIAS or NAME:VERSION
        model: String,
    },
    /// Make an alias name a version
    Promote(aliases::Promote),
    /// Make an alias name the version that it named before
    Rollback(aliases::Rollback),
    /// Remove a version, or all
    Rm(aliases::Remove),
    /// Sign a version
    Sign(signatures::Sign),
    /// Write a version's files to a new folder, or write it in another form
    Export {
        /// NAME, NAME@ALIAS or NAME:VERSION
        model: String,
        /// The folder
        #[arg(value_name = "DIR", required_unless_present_any = ["onnx", "sklearn"], conflicts_with_all = ["onnx", "sklearn"])]
        folder: Option<PathBuf>,
        /// An ONNX graph of the whole pipeline
        #[arg(long, value_name = "FILE", conflicts_with = "sklearn")]
        onnx: Option<PathBuf>,
        /// A Python file, ending in .py, that rebuilds the pipeline in scikit-learn, and what it learned beside it
        #[arg(long, value_name = "FILE")]
        sklearn: Option<PathBuf>,
        /// Write no version that this public key (PEM) has not signed
        #[arg(long, value_name = "FILE")]
        require_signature: Option<PathBuf>,
    },
    /// Read every file of every version again and check it
    Verify {
        /// NAME, NAME@ALIAS or NAME:VERSION
        model: String,
        /// Check the signatures as well, against this public key in PEM
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
    },
}

/// Runs one of them.
pub fn run(command: &Command, global: &Global, output: &Output) -> Done {
    let registry = Registry::new(store::connect(&global.store_url(), Path::new(""))?.store());
    match command {
        Command::Ls => Ok(ls(&registry, output)?),
        Command::Show { model } => Ok(show(model, &registry, output)?),
        Command::Promote(arguments) => Ok(aliases::promote(arguments, &registry, output)?),
        Command::Rollback(arguments) => Ok(aliases::rollback(arguments, &registry, output)?),
        Command::Rm(arguments) => Ok(aliases::remove(arguments, &registry, output)?),
        Command::Sign(arguments) => Ok(signatures::sign(arguments, &registry, output)?),
        Command::Export { model, folder, onnx, sklearn, require_signature } => {
            let registry = signatures::requiring(registry, require_signature.as_deref())?;
            match (folder, onnx, sklearn) {
                (Some(folder), ..) => Ok(signatures::export(model, folder, &registry, output)?),
                (_, Some(file), _) => Ok(export(model, file, &registry, output)?),
                (.., Some(file)) => Ok(export_sklearn(model, file, &registry, output)?),
                // One of them is required by the declaration above.
                _ => Err(Code::Bug.error("an export to nowhere").into()),
            }
        }
        Command::Verify { model, public_key } => verify(model, public_key.as_deref(), &registry, output),
    }
}

fn ls(registry: &Registry, output: &Output) -> Result<()> {
    let models = registry.models()?;
    if output.json {
        let one = |model: &Model| json!({"name": model.name, "aliases": model.aliases, "versions": model.versions, "history": model.history});
        let items: Vec<Value> = models.iter().map(one).collect();
        output.object(&json!({"schema": "pipefit.models/1", "models": items}));
        return Ok(());
    }
    let width = models.iter().map(|model| model.name.len()).max().unwrap_or(0);
    for model in &models {
        let Some(version) = model.versions.last() else { continue };
        let count = model.versions.len();
        let others = model.aliases.iter().filter(|(alias, _)| *alias != LATEST);
        let others: String = others.map(|(alias, number)| format!(", {alias} {number}")).collect();
        output.answer(&format!(
            "{:width$}  {count} versions, latest {} of {}{others}: {}\n",
            model.name,
            version.version,
            version.created,
            scores(version)
        ));
    }
    Ok(())
}

fn scores(version: &Version) -> String {
    let score =
        |(name, value): (&String, &Value)| format!("{name} {:.4}", value.as_f64().unwrap_or(f64::NAN));
    version.scores.iter().map(score).collect::<Vec<_>>().join(", ")
}

fn show(reference: &str, registry: &Registry, output: &Output) -> Result<()> {
    let published = registry.resolve(reference)?;
    let model = registry.model(&published.name)?;
    let artifact = artifact::read(&registry.file(&published, MODEL_FILE)?)?;
    let learned = artifact.fitted.model.facts();
    let names = &artifact.fitted.names;
    let version = &published.version;
    let stream = told::of(version, registry)?;
    if output.json {
        let coef = learned.coef.as_ref().map(|coef| {
            let row =
                |i: usize| names.iter().cloned().zip(coef.row(i).into_iter().map(Value::from)).collect();
            (0..coef.rows()).map(|i| Value::Object(row(i))).collect::<Vec<_>>()
        });
        output.object(&json!({
            "schema": "pipefit.model/1", "name": published.name, "version": version, "aliases": model.aliases,
            "versions": model.versions.iter().map(|version| version.version).collect::<Vec<_>>(),
            "class": artifact.fitted.class, "features": names, "coef": coef, "intercept": learned.intercept,
            "classes": learned.classes.as_deref().map(report::labels),
            "facts": map(&learned.more),
            "steps": steps(&artifact.fitted).into_iter().map(|(address, node)| {
                json!({"address": address, "class": node.class, "facts": map(&node.step.facts())})
            }).collect::<Vec<_>>(),
            "search": artifact.manifest.search, "file": artifact.manifest.file, "history": model.history, "learned": stream,
        }));
        return Ok(());
    }
    let mut text = format!("{} version {}: {}\n", published.name, version.version, artifact.fitted.class);
    text.push_str(&format!(
        "  sha256   {}\n  created  {} by run {}\n  rows     {}\n",
        version.sha256, version.created, version.run, version.rows
    ));
    text.push_str(&format!("  scores   {}\n", scores(version)));
    let aliases: Vec<_> = model.aliases.iter().map(|(alias, number)| format!("{alias} {number}")).collect();
    text.push_str(&format!("  aliases  {}\n", aliases.join(", ")));
    text.push_str(&stream.as_ref().map(told::lines).unwrap_or_default());
    if let Some(search) = &artifact.manifest.search {
        text.push_str(&format!("  search   {}, the best of {}\n", search.class, search.candidates));
        text.push_str(&facts::lines(search.best_params.iter(), 4));
    }
    let steps = steps(&artifact.fitted);
    if !steps.is_empty() {
        text.push_str("  steps\n");
    }
    for (address, node) in &steps {
        text.push_str(&format!("    {address}: {}\n", node.class));
        let learned = node.step.facts();
        text.push_str(&facts::lines(learned.iter().map(|(name, value)| (name, value)), 6));
    }
    if !learned.more.is_empty() {
        text.push_str("  facts\n");
    }
    text.push_str(&facts::lines(learned.more.iter().map(|(name, value)| (name, value)), 4));
    if let Some(coef) = &learned.coef {
        text.push_str("  coefficients\n");
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("(intercept)".len());
        for (j, name) in names.iter().enumerate() {
            let row: Vec<_> = (0..coef.rows()).map(|i| format!("{:>14.6}", coef[(i, j)])).collect();
            text.push_str(&format!("    {name:width$} {}\n", row.join("")));
        }
        let row: Vec<_> = learned.intercept.iter().flatten().map(|value| format!("{value:>14.6}")).collect();
        text.push_str(&format!("    {:width$} {}\n", "(intercept)", row.join("")));
    }
    text.push_str(&aliases::history(&model));
    output.answer(&text);
    Ok(())
}

fn map(facts: &[(&'static str, Value)]) -> Map<String, Value> {
    facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// Every step with its address.
fn steps(fitted: &Fitted) -> Vec<(String, &FittedNode)> {
    let of_group = |group: &FittedGroup| {
        group.name.as_ref().map_or("preprocess".to_owned(), |name| format!("preprocess__{name}"))
    };
    let groups = fitted.steps.groups.iter().map(|group| (of_group(group), &group.steps));
    let all = groups.chain([("select".to_owned(), &fitted.steps.select)]);
    all.flat_map(|(begin, nodes)| nodes.iter().map(move |node| (format!("{begin}__{}", node.name), node)))
        .collect()
}

fn export(reference: &str, file: &Path, registry: &Registry, output: &Output) -> Result<()> {
    let published = registry.resolve(reference)?;
    let artifact = artifact::read(&registry.file(&published, MODEL_FILE)?)?;
    let bytes = artifact.onnx()?;
    write_file(file, &bytes)?;
    let (name, version) = (&published.name, published.version.version);
    if output.json {
        output.object(&json!({
            "schema": "pipefit.export/1", "status": "ok", "name": name, "version": version, "format": "onnx",
            "file": file.display().to_string(), "bytes": bytes.len(),
        }));
    } else {
        output.answer(&format!("{}: {name} version {version}, {} bytes\n", file.display(), bytes.len()));
    }
    Ok(())
}

/// Writes the Python file, and the artifact under the same name beside it.
fn export_sklearn(reference: &str, file: &Path, registry: &Registry, output: &Output) -> Result<()> {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    let is_python = file.extension().is_some_and(|extension| extension == "py");
    let Some(stem) = stem.filter(|_| is_python) else {
        let message = format!("`{}` does not end in `.py`", file.display());
        return Err(Code::Usage
            .error(message)
            .help("name a Python file; what it reads is written beside it"));
    };
    let published = registry.resolve(reference)?;
    let (name, version) = (&published.name, published.version.version);
    let artifact = registry.file(&published, MODEL_FILE)?;
    // As it is loaded elsewhere: an artifact that does not hold together is refused here already.
    artifact::read(&artifact)?;
    let script = sklearn::script(&artifact, stem, &format!("`{name}`, version {version},"))?;
    let beside = file.with_extension("safetensors");
    write_file(&beside, &artifact)?;
    write_file(file, script.as_bytes())?;
    if output.json {
        output.object(&json!({
            "schema": "pipefit.export/1", "status": "ok", "name": name, "version": version, "format": "sklearn",
            "file": file.display().to_string(), "files": [file.display().to_string(), beside.display().to_string()],
            "bytes": script.len() + artifact.len(),
        }));
    } else {
        output.answer(&format!("{}, {}: {name} version {version}\n", file.display(), beside.display()));
    }
    Ok(())
}

fn verify(reference: &str, key: Option<&Path>, registry: &Registry, output: &Output) -> Done {
    let key = key.map(signatures::public_key).transpose()?;
    let found = registry.verify(reference, &job::parse_part)?;
    let mut problems: Vec<Diagnostic> = found.problems;
    let mut signed = None;
    if let Some(key) = &key {
        let (count, more) = registry.verify_signatures(reference, key)?;
        problems.extend(more);
        signed = Some(count);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if output.json {
        output.object(&json!({
            "schema": "pipefit.verify/1", "status": "ok", "name": found.name, "versions": found.versions,
            "files": found.files, "bytes": found.bytes, "signatures": signed,
        }));
    } else {
        let (name, versions, files, bytes) = (found.name, found.versions, found.files, found.bytes);
        let signed = signed.map_or(String::new(), |count| format!(", {count} signatures hold"));
        output.answer(&format!("{name}: {versions} versions, {files} files, {bytes} bytes: whole{signed}\n"));
    }
    Ok(())
}
