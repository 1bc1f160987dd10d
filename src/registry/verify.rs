//! Whether everything that a model's record names is there and whole.

use super::{Pick, Reference, Registry, Version};
use crate::diag::{Code, Diagnostic, Result};
use std::collections::BTreeSet;

/// Parses a file of a version: its name and bytes. The registry knows no formats, so the caller does.
pub type ParsePart<'a> = &'a dyn Fn(&str, &[u8]) -> Result<()>;

/// What [`Registry::verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The model.
    pub name: String,
    /// How many versions were read.
    pub versions: usize,
    /// How many different files, and their bytes.
    pub files: usize,
    /// Their bytes altogether.
    pub bytes: u64,
    /// What is wrong; empty if all is well.
    pub problems: Vec<Diagnostic>,
}

impl Registry {
    /// Reads every file of every version of `NAME`, or of the one that `NAME@alias` or `NAME:version` means; checks
    /// digest and length and that `parse` takes it; and that every alias names a version. What killed runs left is
    /// no fault. Damage is in the answer, and only what keeps us from looking is an error.
    pub fn verify(&self, reference: &str, parse: ParsePart) -> Result<Verification> {
        let Reference { name, pick } = reference.parse()?;
        let model = self.model(&name)?;
        let versions: Vec<&Version> = match &pick {
            Pick::Unsaid => model.versions.iter().collect(),
            pick => vec![model.pick(pick)?],
        };
        let dangling = model.aliases.iter().filter(|(_, number)| model.version(**number).is_none());
        let problems = dangling.map(|(alias, number)| model.dangling(alias, *number)).collect();
        let mut found = Verification { name, versions: versions.len(), files: 0, bytes: 0, problems };
        // Versions share equal files; each is read once.
        let mut seen = BTreeSet::new();
        for version in versions {
            for (file, blob) in &version.blobs {
                if !seen.insert((file, blob.sha256)) {
                    continue;
                }
                found.files += 1;
                found.bytes += blob.bytes;
                let place = format!("`{}:{}`, `{file}`", found.name, version.version);
                let checked = self.blob(&found.name, version, file, blob).and_then(|bytes| {
                    if bytes.len() as u64 != blob.bytes {
                        let message =
                            format!("{place}: {} bytes, and {} are recorded", bytes.len(), blob.bytes);
                        return Err(Code::Damaged.error(message));
                    }
                    parse(file, &bytes).map_err(|error| error.prefixed(&place))
                });
                match checked {
                    Ok(()) => {}
                    // The store itself failed: nothing is known about the file.
                    Err(error) if error.code().exit_code() == 6 => return Err(error),
                    Err(error) => found.problems.push(error),
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Draft, MODEL_FILE, Registry};
    use crate::diag::Code;
    use crate::store::connect;
    use crate::table::Digest;
    use serde_json::{Map, Value};
    use std::path::Path;

    fn publish(registry: &Registry, version: u64, model: &[u8]) {
        let draft = Draft {
            name: "m",
            version,
            run: &format!("run-{version}"),
            created: "2026-01-01T00:00:00Z",
            rows: 1,
            scores: &Map::new(),
            files: &[(MODEL_FILE, model), ("report.json", b"{}")],
            record: &Value::Null,
        };
        registry.publish(&draft).unwrap();
    }

    #[test]
    fn damage_is_found_and_leftovers_are_no_fault() {
        let place = tempfile::tempdir().unwrap();
        let store = connect(place.path().to_str().unwrap(), Path::new("/")).unwrap().store();
        let registry = Registry::new(store.clone());
        publish(&registry, 1, b"one");
        publish(&registry, 2, b"two");
        // A run was killed before it published: a blob that nothing names, and half a file.
        store.put("model:m", &[b"never named"]).unwrap();
        std::fs::write(place.path().join("staging/half"), "ha").unwrap();
        let takes_all = |_: &str, _: &[u8]| Ok(());
        let found = registry.verify("m", &takes_all).unwrap();
        assert_eq!((found.versions, found.files, found.bytes), (2, 3, 8));
        assert_eq!(found.problems, []);

        let refuses = |file: &str, bytes: &[u8]| match bytes {
            b"two" => Err(Code::Damaged.error(format!("{file} has no header"))),
            _ => Ok(()),
        };
        let found = registry.verify("m", &refuses).unwrap();
        assert_eq!(found.problems.len(), 1);
        assert_eq!(
            found.problems[0].message(),
            "`m:2`, `model.safetensors`: model.safetensors has no header"
        );
        assert_eq!(registry.verify("m:1", &refuses).unwrap().problems, []);

        let blob = |bytes: &[u8]| place.path().join("blobs").join(Digest::of(bytes).to_string());
        std::fs::write(blob(b"one"), "onE").unwrap();
        std::fs::remove_file(blob(b"two")).unwrap();
        let found = registry.verify("m", &takes_all).unwrap();
        assert_eq!(found.problems.iter().map(|p| p.code()).collect::<Vec<_>>(), [Code::Damaged; 2]);
        assert!(
            found.problems[0].message().contains("`m:1`") && found.problems[1].message().contains("missing")
        );
        assert_eq!(registry.verify("m@latest", &takes_all).unwrap().problems.len(), 1);
        assert_eq!(registry.verify("n", &takes_all).unwrap_err().code(), Code::UnknownModel);
    }

    #[test]
    fn an_alias_that_names_nothing_is_damage() {
        let store = connect("mem:", Path::new("/")).unwrap().store();
        let registry = Registry::new(store.clone());
        publish(&registry, 1, b"one");
        let before = store.read("model:m").unwrap().unwrap();
        let text = String::from_utf8(before.clone()).unwrap();
        let after = text.replace("\"latest\":1", "\"latest\":7");
        assert!(store.swap("model:m", Some(&before), after.as_bytes()).unwrap());
        let found = registry.verify("m", &|_, _| Ok(())).unwrap();
        assert!(
            found.problems[0].message().contains("`latest` of `m` names version 7"),
            "{:?}",
            found.problems
        );
        assert_eq!(registry.resolve("m").unwrap_err().code(), Code::Damaged);
    }
}
