//! Moves of aliases and removals, each one swap of the model's record.

use super::model::{How, LATEST, Model, Note, Version};
use super::signature::signature_of;
use super::{PATIENCE, Pick, RUNS, Reference, Registry, plain, record_of};
use crate::diag::{Code, Diagnostic, Result};
use crate::store::{Collected, Commit};
use crate::table::Digest;
use std::collections::BTreeSet;
use std::time::Duration;

/// An alias and what it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The model.
    pub name: String,
    /// The alias.
    pub alias: String,
    /// What it named before.
    pub from: Option<u64>,
    /// What it names now; the same if it named that already, and nothing was written then.
    pub to: Version,
}

/// What [`Registry::remove`] took away.
#[derive(Clone, Debug, PartialEq)]
pub struct Removed {
    /// The model.
    pub name: String,
    /// The versions.
    pub versions: Vec<u64>,
    /// The aliases that are gone with them.
    pub aliases: Vec<String>,
    /// What `latest` names now; none if no version is left.
    pub latest: Option<u64>,
    /// The files that no version names any more.
    pub files: usize,
}

impl Registry {
    /// Makes an alias name the version that `NAME`, `NAME@alias` or `NAME:version` means.
    ///
    /// # Errors
    /// `Usage` for [`LATEST`], which follows the versions; `UnknownModel` where there is no such version.
    pub fn promote(&self, reference: &str, alias: &str, note: &Note) -> Result<Moved> {
        let Reference { name, pick } = reference.parse()?;
        may_move(alias)?;
        self.change(&name, |model| {
            let to = model.pick(&pick)?.clone();
            let from = model.aliases.get(alias).copied();
            if from != Some(to.version) {
                model.point(alias, Some(to.version), How::Promoted, None, note);
            }
            Ok(Moved { name: name.clone(), alias: alias.to_owned(), from, to })
        })
    }

    /// Makes an alias name a version that it named before: version `to`, or the last one that is still there. A rollback
    /// takes back all moves since then, so that the next one goes further back. Without an alias, `champion` or the only
    /// one beside [`LATEST`] is meant.
    ///
    /// # Errors
    /// `UnknownModel` where it named no other version, or not this one.
    pub fn rollback(&self, name: &str, alias: Option<&str>, to: Option<u64>, note: &Note) -> Result<Moved> {
        alias.map_or(Ok(()), may_move)?;
        self.change(name, |model| {
            let alias = alias.map_or_else(|| only_alias(model), |alias| Ok(alias.to_owned()))?;
            let from = model.pick(&Pick::Alias(alias.clone()))?.version;
            let earlier = model.earlier(&alias);
            let number = match to {
                None => earlier.first().copied(),
                Some(number) => earlier.iter().copied().find(|earlier| *earlier == number),
            };
            let found = number.and_then(|number| model.version(number)).cloned();
            let to = found.ok_or_else(|| never_named(model, &alias, to, &earlier))?;
            model.point(&alias, Some(to.version), How::RolledBack, None, note);
            Ok(Moved { name: name.to_owned(), alias, from: Some(from), to })
        })
    }

    /// Removes the version that `NAME:version` or `NAME@alias` means, or with `all` every version of `NAME`. The numbers
    /// are never given again, and the history stays. Files that no version names any more are removed too; the copies
    /// on disk are not touched.
    ///
    /// # Errors
    /// `Usage` where an alias other than [`LATEST`] names such a version, unless the aliases are to go with it.
    pub fn remove(&self, reference: &str, all: bool, aliases_too: bool, note: &Note) -> Result<Removed> {
        let Reference { name, pick } = reference.parse()?;
        if (pick == Pick::Unsaid) != all {
            let message = match all {
                true => format!("`{reference}` is one version, and all are to go"),
                false => format!("`{name}` does not say which version is to go"),
            };
            let help = format!("write `{name}:VERSION` for one, or `{name} --all` for all of them");
            return Err(Code::Usage.error(message).help(help));
        }
        let (mut removed, taken) = self.change(&name, |model| {
            let numbers: Vec<u64> = match all {
                true => model.versions.iter().map(|version| version.version).collect(),
                false => vec![model.pick(&pick)?.version],
            };
            let named = numbers.iter().flat_map(|number| model.aliases_of(*number));
            let aliases: Vec<String> = named.filter(|alias| *alias != LATEST).map(str::to_owned).collect();
            if let Some(alias) = aliases.first().filter(|_| !aliases_too) {
                let message = format!("alias `{alias}` names version {}", model.aliases[alias]);
                let help = "move the alias, or say `--aliases-too` to remove it with the version";
                return Err(Code::Usage.error(message).help(help));
            }
            let taken = model.take(&numbers, note);
            let latest = model.aliases.get(LATEST).copied();
            Ok((Removed { name: name.clone(), versions: numbers, aliases, latest, files: 0 }, taken))
        })?;
        removed.files = self.discard(&name, &taken)?;
        Ok(removed)
    }

    /// Removes what no version names, and what killed processes left half written an hour ago or earlier.
    pub fn collect(&self) -> Result<Collected> {
        self.store.collect(RUNS, SPARED)
    }

    /// Removes the files of versions that are gone, less those that others share, and their signatures. How many files.
    pub(super) fn discard(&self, name: &str, taken: &[Version]) -> Result<usize> {
        let digests: BTreeSet<Digest> =
            taken.iter().flat_map(|version| version.blobs.values()).map(|blob| blob.sha256).collect();
        let signatures = taken.iter().map(|version| signature_of(name, version.version));
        self.store.erase(&signatures.collect::<Result<Vec<_>>>()?)?;
        self.store.discard(&record_of(name)?, &digests.into_iter().collect::<Vec<_>>(), RUNS)
    }

    /// Changes a model's record by one swap; where others are faster, once more from what they wrote. A change that
    /// changes nothing writes nothing.
    fn change<T>(&self, name: &str, change: impl Fn(&mut Model) -> Result<T>) -> Result<T> {
        let record = record_of(name)?;
        for _ in 0..PATIENCE {
            let Some((before, bytes)) = self.read(name)? else {
                return Err(self.model(name).err().unwrap_or_else(faster));
            };
            let mut model = before.clone();
            let done = change(&mut model)?;
            if model == before {
                return Ok(done);
            }
            let new = model.to_bytes();
            let commit = Commit { record: &record, expected: Some(&bytes), new: &new, blobs: &[], with: &[] };
            if self.store.commit(&commit)? {
                return Ok(done);
            }
        }
        Err(faster())
    }
}

/// The age from which on a half written file belongs to nobody who lives.
const SPARED: Duration = Duration::from_secs(3600);
/// The alias that is meant where there are others too.
const CHAMPION: &str = "champion";

fn faster() -> Diagnostic {
    Code::StoreIo.error("others change the model faster than this command can").help("run it again")
}

/// Refuses names that are none, and the alias that follows the versions.
fn may_move(alias: &str) -> Result<()> {
    plain("", alias)?;
    if alias != LATEST {
        return Ok(());
    }
    let message = format!("`{LATEST}` names the highest version, whichever that is, and cannot be moved");
    Err(Code::Usage.error(message).help("choose another name, such as `champion`"))
}

/// The alias that a rollback without one means.
fn only_alias(model: &Model) -> Result<String> {
    let names: Vec<&String> = model.aliases.keys().filter(|alias| *alias != LATEST).collect();
    match &names[..] {
        [one] => Ok((*one).clone()),
        _ if model.aliases.contains_key(CHAMPION) => Ok(CHAMPION.to_owned()),
        [] => {
            let message = format!("`{}` has no alias that can be rolled back", model.name);
            Err(Code::UnknownModel.error(message).help("`pipefit models promote` gives a version one"))
        }
        names => {
            let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            let message = format!("`{}` has several aliases", model.name);
            Err(Code::Usage.error(message).help(format!("say `--alias` with one of {}", names.join(", "))))
        }
    }
}

fn never_named(model: &Model, alias: &str, to: Option<u64>, earlier: &[u64]) -> Diagnostic {
    let what =
        to.map_or("no other version that is still there".to_owned(), |to| format!("never version {to}"));
    let message = format!("`{alias}` of `{}` named {what} before", model.name);
    let help = match earlier {
        [] => "`pipefit models promote` makes it name any version".to_owned(),
        earlier => {
            let numbers: Vec<_> = earlier.iter().map(u64::to_string).collect();
            format!("it named {}; `pipefit models promote` makes it name any version", numbers.join(", "))
        }
    };
    Code::UnknownModel.error(message).help(help)
}

#[cfg(test)]
mod tests {
    use super::super::{Draft, MODEL_FILE, Note, Registry};
    use crate::diag::Code;
    use crate::store::connect;
    use serde_json::{Map, Value};
    use std::path::Path;

    fn registry(versions: u64) -> Registry {
        let registry = Registry::new(connect("mem:", Path::new("/")).unwrap().store());
        (1..=versions).for_each(|version| publish(&registry, version));
        registry
    }

    fn publish(registry: &Registry, version: u64) {
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
        registry.publish(&draft).unwrap();
    }

    const NOTE: Note = Note { at: "2026-01-02T00:00:00Z", by: Some("ada"), why: Some("better") };

    #[test]
    fn rollbacks_walk_back_through_the_history() {
        let registry = registry(5);
        let back = |to| registry.rollback("m", None, to, &NOTE).map(|moved| moved.to.version);
        assert_eq!(back(None).unwrap_err().code(), Code::UnknownModel);
        for version in [1, 3, 4, 2] {
            let moved = registry.promote(&format!("m:{version}"), "champion", &NOTE).unwrap();
            assert_eq!(moved.to.version, version);
        }
        // Once more is no move.
        let same = registry.promote("m:2", "champion", &NOTE).unwrap();
        assert_eq!((same.from, same.to.version), (Some(2), 2));
        assert_eq!([back(None).unwrap(), back(None).unwrap()], [4, 3]);
        registry.promote("m", "champion", &NOTE).unwrap();
        // 4 was taken back, so that it is not what the alias named before.
        let error = back(Some(4)).unwrap_err();
        assert_eq!(error.message(), "`champion` of `m` named never version 4 before");
        assert!(error.advice().unwrap().starts_with("it named 3, 1;"), "{error:?}");
        assert_eq!(back(Some(1)).unwrap(), 1);
        assert_eq!(back(None).unwrap_err().code(), Code::UnknownModel);
        let model = registry.model("m").unwrap();
        let moves = model.history.iter().filter(|step| step.alias == "champion");
        let moves: Vec<_> = moves.map(|step| (step.from, step.to, step.how.name())).collect();
        assert_eq!(moves.len(), 8);
        assert_eq!(moves[4], (Some(2), Some(4), "rolled-back"));
        assert_eq!(moves[7], (Some(5), Some(1), "rolled-back"));
        let last = model.history.last().unwrap();
        assert_eq!((last.by.as_deref(), last.why.as_deref()), (Some("ada"), Some("better")));
    }

    #[test]
    fn latest_cannot_be_moved_and_aliases_are_names() {
        let registry = registry(2);
        for alias in ["latest", "a b", "", "../x"] {
            assert!(registry.promote("m:1", alias, &NOTE).is_err(), "{alias}");
        }
        assert_eq!(registry.rollback("m", Some("latest"), None, &NOTE).unwrap_err().code(), Code::Usage);
        assert_eq!(registry.promote("m:3", "a", &NOTE).unwrap_err().code(), Code::UnknownModel);
        assert_eq!(registry.promote("n:3", "a", &NOTE).unwrap_err().code(), Code::UnknownModel);
        registry.promote("m:1", "a", &NOTE).unwrap();
        registry.promote("m:2", "b", &NOTE).unwrap();
        assert_eq!(registry.rollback("m", None, None, &NOTE).unwrap_err().code(), Code::Usage);
    }

    #[test]
    fn removed_versions_leave_their_numbers_and_shared_files() {
        let registry = registry(3);
        registry.promote("m:2", "champion", &NOTE).unwrap();
        registry.promote("m:1", "champion", &NOTE).unwrap();
        assert_eq!(registry.remove("m", false, false, &NOTE).unwrap_err().code(), Code::Usage);
        assert_eq!(registry.remove("m:1", true, false, &NOTE).unwrap_err().code(), Code::Usage);
        let refused = registry.remove("m:1", false, false, &NOTE).unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Usage, "alias `champion` names version 1"));

        let gone = registry.remove("m:3", false, false, &NOTE).unwrap();
        assert_eq!((gone.latest, gone.files, gone.versions), (Some(2), 1, vec![3]));
        assert_eq!(registry.verify("m", &|_, _| Ok(())).unwrap().problems, []);
        assert_eq!(registry.reserve("m").unwrap(), 4);
        // What was named before and is gone is passed over.
        registry.remove("m:2", false, false, &NOTE).unwrap();
        assert!(registry.rollback("m", None, None, &NOTE).is_err());
        let gone = registry.remove("m", true, true, &NOTE).unwrap();
        assert_eq!((gone.latest, gone.files, &gone.aliases[..]), (None, 2, &["champion".to_owned()][..]));
        assert!(registry.resolve("m").is_err() && registry.models().unwrap().is_empty());
        publish(&registry, 4);
        assert_eq!(registry.resolve("m").unwrap().version.version, 4);
    }
}
