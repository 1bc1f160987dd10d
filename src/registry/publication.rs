//! A version becomes public: one swap of the model's record.

use super::model::{Blob, How, MODEL_FILE, Model, Note, Version};
use super::{PATIENCE, Registry, record_of, run_record};
use crate::diag::{Code, Diagnostic, Result};
use crate::store::Commit;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How often files are put. Once more is needed where others remove versions with equal files at the same moment; a server that
/// loses what it is given must not keep us busy for ever.
const PUTS: usize = 20;

/// A version about to be published.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The model's name.
    pub name: &'a str,
    /// The number from [`Registry::reserve`].
    pub version: u64,
    /// The run's id, from [`run_id`](super::run_id).
    pub run: &'a str,
    /// When, from [`rfc3339`](super::rfc3339).
    pub created: &'a str,
    /// The rows of the table it was fitted on.
    pub rows: u64,
    /// The mean of each score, in the order of `scoring`; null where it is not a number.
    pub scores: &'a Map<String, Value>,
    /// File names and bytes; [`MODEL_FILE`] is one of them.
    pub files: &'a [(&'a str, &'a [u8])],
    /// What is kept of the run.
    pub record: &'a Value,
}

/// What else the swap that publishes a version does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms<'a> {
    /// How many versions without an alias stay, the newest ones; all if none. The one that is published always stays.
    pub keep: Option<usize>,
    /// An alias to move, or not.
    pub guard: Option<Guard<'a>>,
}

/// What a gate has decided.
#[derive(Clone, Copy, Debug)]
pub struct Guard<'a> {
    /// The alias, which is not [`LATEST`](super::LATEST).
    pub alias: &'a str,
    /// What it named when that was decided. If it names something else by now, nothing is published.
    pub champion: Option<u64>,
    /// Whether it is to name the new version.
    pub promote: bool,
    /// Who runs this.
    pub by: Option<&'a str>,
    /// What was decided, in a sentence.
    pub why: Option<&'a str>,
}

/// What [`Registry::publish_with`] came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Publication {
    /// The version is public.
    Done(Version),
    /// The guarded alias names another version than the one that was decided about: decide again. Nothing changed.
    Overtaken,
}

impl Registry {
    /// A version number that nobody else gets, above all that are published. If the run does not publish, it
    /// remains a gap.
    pub fn reserve(&self, name: &str) -> Result<u64> {
        let published = self.read(name)?.map_or(0, |(model, _)| model.highest());
        self.store.next(&record_of(name)?, published)
    }

    /// What an alias names; nothing where model or alias are not there.
    pub fn named(&self, name: &str, alias: &str) -> Result<Option<u64>> {
        Ok(self.read(name)?.and_then(|(model, _)| model.aliases.get(alias).copied()))
    }

    /// Publishes a version on no terms; see [`publish_with`](Self::publish_with).
    pub fn publish(&self, draft: &Draft) -> Result<Version> {
        match self.publish_with(draft, &Terms::default())? {
            Publication::Done(version) => Ok(version),
            Publication::Overtaken => Err(Code::Bug.error("overtaken without a guard")),
        }
    }

    /// Publishes a version: its files, its run's record, its place in the model's record, `latest` if it is the
    /// highest, and what the terms say. A reader sees all of it or nothing.
    ///
    /// Called again with the same draft, after an error, it does no harm.
    pub fn publish_with(&self, draft: &Draft, terms: &Terms) -> Result<Publication> {
        let record = record_of(draft.name)?;
        let version = self.put(&record, draft)?;
        let blobs: Vec<_> = version.blobs.values().map(|blob| (blob.sha256, blob.bytes)).collect();
        let (run, bytes) = (run_record(draft.run)?, draft.record.to_string());
        let mut puts = 1;
        for _ in 0..PATIENCE {
            let (mut model, before) = match self.read(draft.name)? {
                Some((model, bytes)) => (model, Some(bytes)),
                None => (Model::new(draft.name), None),
            };
            match model.version(version.version) {
                // An earlier attempt went through though its answer was lost.
                Some(there) if there.run == version.run => return Ok(Publication::Done(there.clone())),
                Some(there) => return Err(taken(draft, there)),
                None => model.add(version.clone()),
            }
            if let Some(guard) = &terms.guard
                && !decided(&mut model, guard, draft)
            {
                return Ok(Publication::Overtaken);
            }
            let gone = terms.keep.map_or_else(Vec::new, |keep| retire(&mut model, keep, draft));
            let commit = Commit {
                record: &record,
                expected: before.as_deref(),
                new: &model.to_bytes(),
                blobs: &blobs,
                with: &[(&run, bytes.as_bytes())],
            };
            match self.store.commit(&commit) {
                Ok(true) => {
                    // They are leftovers from here on: what cannot be removed now is so by `runs gc`.
                    let _ = self.discard(draft.name, &gone);
                    return Ok(Publication::Done(version));
                }
                Ok(false) => {}
                // Somebody has removed an equal blob, which nothing named, since it was found to be there.
                Err(error) if error.code() == Code::BlobGone && puts < PUTS => {
                    self.put(&record, draft)?;
                    puts += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Code::StoreIo.error(format!("others publish `{}` faster than this run can", draft.name)))
    }

    fn put(&self, record: &str, draft: &Draft) -> Result<Version> {
        let bytes: Vec<_> = draft.files.iter().map(|(_, bytes)| *bytes).collect();
        let digests = self.store.put(record, &bytes)?;
        let blob = |(&(name, bytes), sha256): (&(&str, &[u8]), _)| {
            (name.to_owned(), Blob { sha256, bytes: bytes.len() as u64 })
        };
        let blobs: BTreeMap<_, _> = draft.files.iter().zip(digests).map(blob).collect();
        let model = blobs.get(MODEL_FILE);
        let model = model.ok_or_else(|| Code::Bug.error(format!("a version without `{MODEL_FILE}`")))?;
        Ok(Version {
            version: draft.version,
            sha256: model.sha256,
            blobs,
            run: draft.run.to_owned(),
            created: draft.created.to_owned(),
            rows: draft.rows,
            scores: draft.scores.clone(),
        })
    }
}

/// Does what the gate has decided; false if it decided about another champion.
fn decided(model: &mut Model, guard: &Guard, draft: &Draft) -> bool {
    if model.aliases.get(guard.alias).copied() != guard.champion {
        return false;
    }
    if guard.promote {
        let note = Note { at: draft.created, by: guard.by, why: guard.why };
        model.point(guard.alias, Some(draft.version), How::Gate, Some(draft.run.to_owned()), &note);
    }
    true
}

/// Takes away all but the newest versions that no alias names.
fn retire(model: &mut Model, keep: usize, draft: &Draft) -> Vec<Version> {
    let numbers = model.versions.iter().rev().map(|version| version.version);
    let plain = numbers.filter(|number| model.aliases_of(*number).next().is_none());
    let old: Vec<u64> = plain.skip(keep).filter(|number| *number != draft.version).collect();
    model.take(&old, &Note { at: draft.created, ..Note::default() })
}

fn taken(draft: &Draft, there: &Version) -> Diagnostic {
    let message =
        format!("version {} of `{}` was published by run `{}`", there.version, draft.name, there.run);
    Code::StoreIo.error(message).help("the store's counter was lost: run again, which takes a new number")
}

#[cfg(test)]
mod tests {
    use super::super::{Draft, Guard, MODEL_FILE, Note, Publication, Registry, Terms};
    use crate::diag::Result;
    use crate::store::connect;
    use serde_json::{Map, Value};
    use std::path::Path;

    fn publish(registry: &Registry, terms: &Terms) -> Result<Publication> {
        let version = registry.reserve("m").unwrap();
        let bytes = version.to_string();
        let draft = Draft {
            name: "m",
            version,
            run: &format!("run-{version}"),
            created: "2026-01-01T00:00:00Z",
            rows: 1,
            scores: &Map::new(),
            files: &[(MODEL_FILE, bytes.as_bytes()), ("report.md", b"shared")],
            record: &Value::Null,
        };
        registry.publish_with(&draft, terms)
    }

    fn versions(registry: &Registry) -> Vec<u64> {
        registry.model("m").unwrap().versions.iter().map(|version| version.version).collect()
    }

    #[test]
    fn the_newest_versions_without_an_alias_are_kept() {
        let place = tempfile::tempdir().unwrap();
        let registry =
            Registry::new(connect(place.path().to_str().unwrap(), Path::new("/")).unwrap().store());
        let terms = Terms { keep: Some(2), ..Terms::default() };
        publish(&registry, &terms).unwrap();
        registry.promote("m:1", "champion", &Note::default()).unwrap();
        (0..5).for_each(|_| drop(publish(&registry, &terms).unwrap()));
        assert_eq!(versions(&registry), [1, 4, 5, 6]);
        assert_eq!(registry.verify("m", &|_, _| Ok(())).unwrap().problems, []);
        // Four models and what they share.
        assert_eq!(std::fs::read_dir(place.path().join("blobs")).unwrap().count(), 5);
    }

    #[test]
    fn a_gate_decides_about_the_champion_that_there_is() {
        let registry = Registry::new(connect("mem:", Path::new("/")).unwrap().store());
        let guard = |champion, promote| {
            let (by, why) = (Some("ada"), Some("0.9 is better than 0.8"));
            Terms { keep: None, guard: Some(Guard { alias: "champion", champion, promote, by, why }) }
        };
        let published = |terms: &Terms| match publish(&registry, terms).unwrap() {
            Publication::Done(version) => Some(version.version),
            Publication::Overtaken => None,
        };
        let named = || registry.named("m", "champion").unwrap();
        assert_eq!((published(&guard(None, true)), named()), (Some(1), Some(1)));
        assert_eq!((published(&guard(None, true)), named()), (None, Some(1)));
        assert_eq!((published(&guard(Some(1), false)), named()), (Some(3), Some(1)));
        assert_eq!((published(&guard(Some(1), true)), named()), (Some(4), Some(4)));
        assert_eq!(versions(&registry), [1, 3, 4]);
        let model = registry.model("m").unwrap();
        let last = model.history.last().unwrap();
        assert_eq!((last.from, last.to, last.how.name()), (Some(1), Some(4), "gate"));
        assert_eq!((last.run.as_deref(), last.by.as_deref()), (Some("run-4"), Some("ada")));
        let back = registry.rollback("m", None, None, &Note::default()).unwrap();
        assert_eq!(back.to.version, 1);
    }
}
