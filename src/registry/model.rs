//! The record of a model.

use super::reference::Pick;
use crate::diag::{Code, Diagnostic, Result};
use crate::spec::is_name;
use crate::table::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The format of the record. A change of its fields takes another number.
pub const FORMAT: &str = "pipefit.model/1";
/// The alias that follows the highest published version.
pub const LATEST: &str = "latest";
/// The file of a version that holds the fitted pipeline.
pub const MODEL_FILE: &str = "model.safetensors";

/// The model as an ONNX graph, where `output.onnx` asks for it.
pub const ONNX_FILE: &str = "model.onnx";

/// A model: what was published under one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    format: String,
    /// Its name.
    pub name: String,
    /// Its versions, by number; there may be gaps.
    pub versions: Vec<Version>,
    /// Names for versions.
    pub aliases: BTreeMap<String, u64>,
    /// Every move of an alias, oldest first; only ever added to.
    pub history: Vec<Move>,
}

/// One published version, which never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its number, from 1.
    pub version: u64,
    /// The digest of [`MODEL_FILE`].
    pub sha256: Digest,
    /// Its files by name.
    pub blobs: BTreeMap<String, Blob>,
    /// The id of the run that made it.
    pub run: String,
    /// When, in RFC 3339, UTC.
    pub created: String,
    /// The rows of the table it was fitted on.
    pub rows: u64,
    /// The mean of each score in cross-validation, in the order of `scoring`.
    pub scores: Map<String, Value>,
}

/// One file of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// Its digest.
    pub sha256: Digest,
    /// Its length in bytes.
    pub bytes: u64,
}

/// An alias came to name a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// When, in RFC 3339, UTC.
    pub at: String,
    /// The alias.
    pub alias: String,
    /// The version that it names from then on.
    pub version: u64,
    /// The run that moved it; null if a person did.
    pub run: Option<String>,
}

/// The part of a record that every format has.
#[derive(Deserialize)]
struct Header {
    format: String,
}

impl Model {
    /// A model without versions.
    pub(super) fn new(name: &str) -> Self {
        let (versions, history) = (Vec::new(), Vec::new());
        Self { format: FORMAT.into(), name: name.into(), versions, aliases: BTreeMap::new(), history }
    }

    /// Reads the record of model `name`. Other formats, unknown fields and records that contradict themselves are
    /// refused as damaged.
    pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let damaged = |reason: String| {
            Code::Damaged
                .error(format!("the record of model `{name}` is damaged: {reason}"))
                .help("restore it from a backup; the files of its versions are not touched")
        };
        let header: Header = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if header.format != FORMAT {
            let message =
                format!("the record of model `{name}` has format `{}`, not `{FORMAT}`", header.format);
            return Err(Code::Damaged.error(message).help("a newer pipefit wrote it: use that one"));
        }
        let model: Self = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        match model.contradiction(name) {
            Some(reason) => Err(damaged(reason)),
            None => Ok(model),
        }
    }

    /// What cannot be in a record that we wrote. File names become paths on export, so they are checked here.
    fn contradiction(&self, name: &str) -> Option<String> {
        if self.name != name {
            return Some(format!("it is that of `{}`", self.name));
        }
        if !self.versions.is_sorted_by(|a, b| a.version < b.version) {
            return Some("its versions are not in order".into());
        }
        self.versions.iter().find_map(|version| {
            if let Some(file) = version.blobs.keys().find(|file| !is_name(file)) {
                return Some(format!("version {} has a file `{file}`", version.version));
            }
            let model = version.blobs.get(MODEL_FILE).map(|blob| blob.sha256);
            (model != Some(version.sha256)).then(|| format!("version {} has two digests", version.version))
        })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and maps with text keys always become JSON")
    }

    /// The highest published number, or 0.
    pub fn highest(&self) -> u64 {
        self.versions.last().map_or(0, |version| version.version)
    }

    /// A version by number.
    pub fn version(&self, number: u64) -> Option<&Version> {
        let at = self.versions.binary_search_by_key(&number, |version| version.version).ok()?;
        self.versions.get(at)
    }

    /// The version that is meant.
    pub(super) fn pick(&self, pick: &Pick) -> Result<&Version> {
        match pick {
            Pick::Unsaid => self.follow(LATEST),
            Pick::Alias(alias) => self.follow(alias),
            Pick::Number(number) => self.version(*number).ok_or_else(|| {
                let numbers: Vec<_> =
                    self.versions.iter().map(|version| version.version.to_string()).collect();
                let message = format!("`{}` has no version {number}", self.name);
                Code::UnknownModel.error(message).help(format!("it has {}", numbers.join(", ")))
            }),
        }
    }

    fn follow(&self, alias: &str) -> Result<&Version> {
        let number = self.aliases.get(alias).copied().ok_or_else(|| {
            let names: Vec<_> = self.aliases.keys().map(String::as_str).collect();
            let message = format!("`{}` has no alias `{alias}`", self.name);
            Code::UnknownModel.error(message).help(format!("it has {}", names.join(", ")))
        })?;
        self.version(number).ok_or_else(|| self.dangling(alias, number))
    }

    /// An alias that names a version which is not there.
    pub(super) fn dangling(&self, alias: &str, number: u64) -> Diagnostic {
        let message =
            format!("alias `{alias}` of `{}` names version {number}, which is not there", self.name);
        Code::Damaged.error(message).help("restore the model's record from a backup")
    }

    /// Adds a version that is not there yet, and moves `latest` if it is the highest.
    pub(super) fn add(&mut self, version: Version) {
        let at = self.versions.partition_point(|there| there.version < version.version);
        if at == self.versions.len() {
            self.aliases.insert(LATEST.into(), version.version);
            self.history.push(Move {
                at: version.created.clone(),
                alias: LATEST.into(),
                version: version.version,
                run: Some(version.run.clone()),
            });
        }
        self.versions.insert(at, version);
    }
}

#[cfg(test)]
mod tests {
    use super::{FORMAT, Model};
    use crate::diag::Code;

    /// A record as version 0.1.0 writes it. It must be readable for ever.
    const SAMPLE: &str = r#"{"format":"pipefit.model/1","name":"diabetes","versions":[{"version":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","blobs":{"model.safetensors":{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","bytes":3}},"run":"20260724-101112.123-9f3a2c41","created":"2026-07-24T10:11:12Z","rows":442,"scores":{"r2":0.4823,"mae":null}}],"aliases":{"latest":3},"history":[{"at":"2026-07-24T10:11:12Z","alias":"latest","version":3,"run":"20260724-101112.123-9f3a2c41"}]}"#;

    #[test]
    fn the_format_is_what_it_was() {
        let model = Model::parse("diabetes", SAMPLE.as_bytes()).unwrap();
        assert_eq!(model.highest(), 3);
        assert_eq!(String::from_utf8(model.to_bytes()).unwrap(), SAMPLE);
    }

    #[test]
    fn other_formats_and_damage_are_refused() {
        let refused = |text: &str| {
            let error = Model::parse("diabetes", text.as_bytes()).expect_err(text);
            assert_eq!(error.code(), Code::Damaged);
            error.message().to_owned()
        };
        assert!(refused(&SAMPLE.replace(FORMAT, "pipefit.model/2")).contains("format `pipefit.model/2`"));
        assert!(refused(&SAMPLE.replace("\"rows\"", "\"colour\":1,\"rows\"")).contains("colour"));
        assert!(refused(&SAMPLE.replace("\"diabetes\"", "\"other\"")).contains("`other`"));
        assert!(refused(&SAMPLE.replacen("ba7816bf", "ba7816be", 1)).contains("two digests"));
        assert!(refused(&SAMPLE.replace("{\"model.safetensors\"", "{\"../x\":{\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"bytes\":3},\"model.safetensors\"")).contains("../x"));
        for end in (0..SAMPLE.len()).step_by(7) {
            refused(&SAMPLE[..end]);
        }
    }
}
