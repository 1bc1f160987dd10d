//! `pipefit models sign`, and the folder that `models export` writes.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::output::Output;
use crate::diag::{Code, Result};
use crate::registry::Registry;
use crate::signing::{PrivateKey, PublicKey, SIGNATURE_FILE};
use crate::source::read_file;
use crate::store::{Flush, publish_folder};

/// What `sign` takes.
#[derive(Debug, Args)]
pub struct Sign {
    /// NAME, NAME@ALIAS or NAME:VERSION
    model: String,
    /// The private key: EC on P-256 or P-384, in PEM, not encrypted
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Runs `sign`.
pub fn sign(arguments: &Sign, registry: &Registry, output: &Output) -> Result<()> {
    let key = PrivateKey::parse(&read_file(&arguments.key)?, &arguments.key.display().to_string())?;
    let published = registry.sign(&arguments.model, &key)?;
    let (name, version, files) = (&published.name, published.version.version, published.version.blobs.len());
    if output.json {
        output.object(&json!({
            "schema": "pipefit.sign/1", "status": "ok", "name": name, "version": version,
            "files": published.version.blobs.keys().collect::<Vec<_>>(), "key": key.public().hint(),
        }));
    } else {
        output.answer(&format!("{name}:{version}: signed {files} files with key {}\n", key.public().hint()));
    }
    Ok(())
}

/// The registry of a command with `--require-signature`.
pub fn requiring(registry: Registry, key: Option<&Path>) -> Result<Registry> {
    Ok(match key {
        Some(file) => registry.requiring(public_key(file)?),
        None => registry,
    })
}

/// The public key in a file.
pub fn public_key(file: &Path) -> Result<PublicKey> {
    PublicKey::parse(&read_file(file)?, &file.display().to_string())
}

/// Writes the files of a version to a new folder, with its signature if it has one.
pub fn export(reference: &str, folder: &Path, registry: &Registry, output: &Output) -> Result<()> {
    let published = registry.resolve(reference)?;
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        let message = format!("`{}` is there already", folder.display());
        return Err(Code::Usage.error(message).help("name a folder that does not exist yet"));
    }
    let mut files = Vec::new();
    for name in published.version.blobs.keys() {
        files.push((name.as_str(), registry.file(&published, name)?));
    }
    files.extend(registry.signature(&published)?.map(|bundle| (SIGNATURE_FILE, bundle)));
    let written: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    publish_folder(folder, &written, Flush::Later)?;
    let (name, version) = (&published.name, published.version.version);
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    if output.json {
        output.object(&json!({
            "schema": "pipefit.export/1", "status": "ok", "name": name, "version": version, "format": "folder",
            "file": folder.display().to_string(), "files": files.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "bytes": bytes,
        }));
    } else {
        let count = files.len();
        output.answer(&format!(
            "{}: {name} version {version}, {count} files, {bytes} bytes\n",
            folder.display()
        ));
    }
    Ok(())
}
