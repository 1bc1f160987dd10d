//! The record of a model.

use super::reference::Pick;
use crate::diag::{Code, Diagnostic, Result};
use crate::spec::is_name;
use crate::table::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The format of the record. A change of its fields takes another number.
pub const FORMAT: &str = "pipefit.model/2";
/// That of version 0.1.0, whose moves do not say how, from where, by whom and why.
const FIRST_FORMAT: &str = "pipefit.model/1";
/// How many moves of [`LATEST`] are kept: they follow from the versions, and a learner publishes one a minute.
const LATEST_MOVES: usize = 1000;
/// The alias that follows the highest published version.
pub const LATEST: &str = "latest";
/// The file of a version that holds the fitted pipeline.
pub const MODEL_FILE: &str = "model.safetensors";

/// The model as an ONNX graph, where `output.onnx` asks for it.
pub const ONNX_FILE: &str = "model.onnx";

/// What a pipeline with `online` goes on learning from.
pub const LEARNER_FILE: &str = "learner.safetensors";

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
    /// Every move of an alias, oldest first; only ever added to. Of [`LATEST`] the last thousand are kept.
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

/// An alias came to name another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// When, in RFC 3339, UTC.
    pub at: String,
    /// The alias.
    pub alias: String,
    /// The version that it named before; since format 2.
    #[serde(default)]
    pub from: Option<u64>,
    /// The version that it names from then on; none where it was removed.
    #[serde(alias = "version")]
    pub to: Option<u64>,
    /// What moved it; since format 2.
    #[serde(default)]
    pub how: How,
    /// The run that moved it; null if a person did.
    pub run: Option<String>,
    /// Who moved it; since format 2.
    #[serde(default)]
    pub by: Option<String>,
    /// Why; since format 2.
    #[serde(default)]
    pub why: Option<String>,
}

/// What moves aliases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// A version was published, and `latest` follows.
    #[default]
    Published,
    /// `models promote`.
    Promoted,
    /// The gate of a run: section `promote`.
    Gate,
    /// `models rollback`.
    RolledBack,
    /// The version that it named was removed.
    Removed,
}

impl How {
    /// As in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Promoted => "promoted",
            Self::Gate => "gate",
            Self::RolledBack => "rolled-back",
            Self::Removed => "removed",
        }
    }
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
        if ![FORMAT, FIRST_FORMAT].contains(&header.format.as_str()) {
            let message =
                format!("the record of model `{name}` has format `{}`, not `{FORMAT}`", header.format);
            return Err(Code::Damaged.error(message).help("a newer pipefit wrote it: use that one"));
        }
        let mut model: Self = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if let Some(reason) = model.contradiction(name) {
            return Err(damaged(reason));
        }
        if header.format == FIRST_FORMAT {
            model.format = FORMAT.into();
            // Its only alias was `latest`.
            let before: Vec<_> = model.history.iter().map(|step| step.to).collect();
            model.history.iter_mut().skip(1).zip(before).for_each(|(step, before)| step.from = before);
        }
        Ok(model)
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

    /// The highest number that was ever published, also if that version is gone; or 0.
    pub fn highest(&self) -> u64 {
        let moves = self.history.iter().filter_map(|step| step.to);
        moves.chain(self.versions.last().map(|version| version.version)).max().unwrap_or(0)
    }

    /// The aliases of a version.
    pub fn aliases_of(&self, number: u64) -> impl Iterator<Item = &str> {
        let of = self.aliases.iter().filter(move |(_, named)| **named == number);
        of.map(|(alias, _)| alias.as_str())
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
                Code::UnknownModel.error(message).help(has(&numbers))
            }),
        }
    }

    fn follow(&self, alias: &str) -> Result<&Version> {
        let number = self.aliases.get(alias).copied().ok_or_else(|| {
            let names: Vec<_> = self.aliases.keys().cloned().collect();
            let message = format!("`{}` has no alias `{alias}`", self.name);
            Code::UnknownModel.error(message).help(has(&names))
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
            let (run, note) = (Some(version.run.clone()), Note { at: &version.created, ..Note::default() });
            self.point(LATEST, Some(version.version), How::Published, run, &note);
        }
        self.versions.insert(at, version);
    }

    /// Makes an alias name another version, or none, and writes it down.
    pub(super) fn point(&mut self, alias: &str, to: Option<u64>, how: How, run: Option<String>, note: &Note) {
        let from = match to {
            Some(number) => self.aliases.insert(alias.into(), number),
            None => self.aliases.remove(alias),
        };
        let text = |text: Option<&str>| text.map(str::to_owned);
        let (by, why) = (text(note.by), text(note.why));
        self.history.push(Move { at: note.at.into(), alias: alias.into(), from, to, how, run, by, why });
        let latest = |step: &Move| step.alias == LATEST;
        if alias == LATEST && self.history.iter().filter(|step| latest(step)).count() > LATEST_MOVES {
            let oldest = self.history.iter().position(latest).expect("more than a thousand were counted");
            self.history.remove(oldest);
        }
    }

    /// What an alias can be rolled back to: the versions that it named before and that are still there, the last one
    /// first. A rollback takes back every move since it named that version, so that the next one goes further back.
    pub(super) fn earlier(&self, alias: &str) -> Vec<u64> {
        let mut named: Vec<u64> = Vec::new();
        for step in self.history.iter().filter(|step| step.alias == alias) {
            match (step.how, step.to) {
                (_, None) => named.clear(),
                (How::RolledBack, Some(to)) => {
                    while named.last().is_some_and(|top| *top != to) {
                        named.pop();
                    }
                }
                (_, Some(to)) => named.push(to),
            }
        }
        let now = named.pop();
        named.retain(|number| Some(*number) != now && self.version(*number).is_some());
        named.reverse();
        named
    }

    /// Takes versions away, with the aliases that name them; `latest` moves to the highest that is left. What was taken.
    pub(super) fn take(&mut self, numbers: &[u64], note: &Note) -> Vec<Version> {
        let is_taken = |version: &mut Version| numbers.contains(&version.version);
        let taken: Vec<Version> = self.versions.extract_if(.., is_taken).collect();
        let names: Vec<_> = self.aliases.iter().filter(|(_, to)| numbers.contains(to)).collect();
        let names: Vec<String> = names.into_iter().map(|(alias, _)| alias.clone()).collect();
        for alias in names {
            let left = self.versions.last().map(|version| version.version).filter(|_| alias == LATEST);
            self.point(&alias, left, How::Removed, None, note);
        }
        taken
    }
}

/// When, by whom and why an alias moves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Note<'a> {
    /// When, from [`rfc3339`](super::rfc3339).
    pub at: &'a str,
    /// Who does it.
    pub by: Option<&'a str>,
    /// Why.
    pub why: Option<&'a str>,
}

/// What there is, for whoever asked for something else.
fn has(names: &[String]) -> String {
    if names.is_empty() {
        return "every version of it was removed".to_owned();
    }
    format!("it has {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{FORMAT, How, LATEST, LATEST_MOVES, Model, Note};
    use crate::diag::Code;

    /// A record as version 0.1.0 writes it. It must be readable for ever.
    const FIRST: &str = r#"{"format":"pipefit.model/1","name":"diabetes","versions":[{"version":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","blobs":{"model.safetensors":{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","bytes":3}},"run":"20260724-101112.123-9f3a2c41","created":"2026-07-24T10:11:12Z","rows":442,"scores":{"r2":0.4823,"mae":null}}],"aliases":{"latest":3},"history":[{"at":"2026-07-24T10:11:12Z","alias":"latest","version":3,"run":"20260724-101112.123-9f3a2c41"}]}"#;

    /// A record of today's format.
    const SAMPLE: &str = r#"{"format":"pipefit.model/2","name":"diabetes","versions":[{"version":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","blobs":{"model.safetensors":{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","bytes":3}},"run":"20260724-101112.123-9f3a2c41","created":"2026-07-24T10:11:12Z","rows":442,"scores":{"r2":0.4823,"mae":null}}],"aliases":{"latest":3},"history":[{"at":"2026-07-24T10:11:12Z","alias":"latest","from":null,"to":3,"how":"published","run":"20260724-101112.123-9f3a2c41","by":null,"why":null}]}"#;

    #[test]
    fn the_format_is_what_it_was() {
        let model = Model::parse("diabetes", SAMPLE.as_bytes()).unwrap();
        assert_eq!(model.highest(), 3);
        assert_eq!(String::from_utf8(model.to_bytes()).unwrap(), SAMPLE);
        let first = Model::parse("diabetes", FIRST.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(first.to_bytes()).unwrap(), SAMPLE);
    }

    #[test]
    fn moves_of_the_first_format_learn_where_they_came_from() {
        let step = r#"{"at":"2026-07-24T10:11:12Z","alias":"latest","version":3,"run":"20260724-101112.123-9f3a2c41"}"#;
        let text = FIRST.replace(step, &format!("{},{step}", step.replace(":3", ":1")));
        let model = Model::parse("diabetes", text.as_bytes()).unwrap();
        let moves: Vec<_> = model.history.iter().map(|step| (step.from, step.to)).collect();
        assert_eq!(moves, [(None, Some(1)), (Some(1), Some(3))]);
    }

    #[test]
    fn moves_of_latest_do_not_grow_for_ever() {
        let mut model = Model::new("m");
        let note = Note::default();
        model.point("champion", Some(1), How::Promoted, None, &note);
        for number in 1..=LATEST_MOVES as u64 + 5 {
            model.point(LATEST, Some(number), How::Published, None, &note);
        }
        assert_eq!(model.history.len(), LATEST_MOVES + 1);
        assert_eq!((model.history[0].alias.as_str(), model.history[1].to), ("champion", Some(6)));
        assert_eq!(model.highest(), LATEST_MOVES as u64 + 5);
    }

    #[test]
    fn other_formats_and_damage_are_refused() {
        let refused = |text: &str| {
            let error = Model::parse("diabetes", text.as_bytes()).expect_err(text);
            assert_eq!(error.code(), Code::Damaged);
            error.message().to_owned()
        };
        assert!(refused(&SAMPLE.replace(FORMAT, "pipefit.model/3")).contains("format `pipefit.model/3`"));
        assert!(refused(&SAMPLE.replace("\"rows\"", "\"colour\":1,\"rows\"")).contains("colour"));
        assert!(refused(&SAMPLE.replace("\"diabetes\"", "\"other\"")).contains("`other`"));
        assert!(refused(&SAMPLE.replacen("ba7816bf", "ba7816be", 1)).contains("two digests"));
        assert!(refused(&SAMPLE.replace("{\"model.safetensors\"", "{\"../x\":{\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"bytes\":3},\"model.safetensors\"")).contains("../x"));
        for end in (0..SAMPLE.len()).step_by(7) {
            refused(&SAMPLE[..end]);
        }
    }
}
