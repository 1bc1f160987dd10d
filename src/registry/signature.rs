//! Signatures of versions: a record each, since a version never changes.

use super::{PATIENCE, Pick, Published, Reference, Registry, Version, plain};
use crate::diag::{Code, Diagnostic, Result};
use crate::signing::{self, Files, PrivateKey, PublicKey};
use std::sync::Arc;

/// What the signatures' records begin with; the model's name and the number of the version follow.
const SIGNATURES: &str = "signature:";

impl Registry {
    /// The same registry, but files are given only of versions that this key has signed.
    pub fn requiring(self, key: PublicKey) -> Self {
        Self { key: Some(Arc::new(key)), ..self }
    }

    /// Signs the files of the version that a reference means, in the place of an earlier signature.
    pub fn sign(&self, reference: &str, key: &PrivateKey) -> Result<Published> {
        let published = self.resolve(reference)?;
        let bundle = signing::sign(&published.name, &files(&published.version), key)?;
        let record = record_of(&published)?;
        for _ in 0..PATIENCE {
            let before = self.store.read(&record)?;
            if self.store.swap(&record, before.as_deref(), bundle.as_bytes())? {
                return Ok(published);
            }
        }
        Err(Code::StoreIo.error("others sign the version faster than this command can").help("run it again"))
    }

    /// The signature of a version, as a bundle; none if nobody has signed it.
    pub fn signature(&self, published: &Published) -> Result<Option<Vec<u8>>> {
        self.store.read(&record_of(published)?)
    }

    /// Checks the signatures of every version of `NAME`, or of the one that a reference means: how many there are to hold, and
    /// what is wrong.
    pub fn verify_signatures(&self, reference: &str, key: &PublicKey) -> Result<(usize, Vec<Diagnostic>)> {
        let Reference { name, pick } = reference.parse()?;
        let model = self.model(&name)?;
        let versions: Vec<&Version> = match &pick {
            Pick::Unsaid => model.versions.iter().collect(),
            pick => vec![model.pick(pick)?],
        };
        let mut problems = Vec::new();
        for version in &versions {
            let published = Published { name: name.clone(), version: (*version).clone() };
            match self.is_signed(&published, key) {
                Ok(()) => {}
                // The store itself failed: nothing is known about the signature.
                Err(error) if error.code().exit_code() == 6 => return Err(error),
                Err(error) => problems.push(error),
            }
        }
        Ok((versions.len(), problems))
    }

    /// Holds a version to be signed by a key.
    pub(super) fn is_signed(&self, published: &Published, key: &PublicKey) -> Result<()> {
        let place = format!("`{}:{}`", published.name, published.version.version);
        let Some(bundle) = self.signature(published)? else {
            let message = format!("{place} is not signed");
            let help = format!("`pipefit models sign {} --key FILE` signs it", place.trim_matches('`'));
            return Err(Code::NotReproducible.error(message).help(help));
        };
        signing::verify(&bundle, &files(&published.version), key).map_err(|error| error.prefixed(&place))
    }
}

fn files(version: &Version) -> Files {
    version.blobs.iter().map(|(name, blob)| (name.clone(), blob.sha256)).collect()
}

fn record_of(published: &Published) -> Result<String> {
    signature_of(&published.name, published.version.version)
}

/// The record of the signature of a version.
pub(super) fn signature_of(name: &str, version: u64) -> Result<String> {
    Ok(format!("{}:{version}", plain(SIGNATURES, name)?))
}
