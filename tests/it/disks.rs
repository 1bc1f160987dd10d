//! Disks that are full, read-only, damaged, or a file: exit codes 6 and 7, and what was published stays.

use crate::command::{PIPEFIT, Place, Ran, files_under};
use crate::proxy::holds;
use crate::store_faults::{COMMANDS, PIPELINE, TABLE, with_files};
use serde_json::json;
use std::process::{Command, Stdio};

/// A small file system of its own for a test, or a loud word that there is none.
pub struct Small<'a> {
    place: &'a Place,
    name: &'a str,
}

impl<'a> Small<'a> {
    /// Mounts it in a place.
    #[expect(clippy::print_stderr, reason = "a test that cannot run must say so")]
    pub fn mount(place: &'a Place, name: &'a str, options: &str) -> Option<Self> {
        std::fs::create_dir_all(place.path(name)).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "pipefit-test"]).arg(place.path(name));
        if mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            return Some(Self { place, name });
        }
        eprintln!("SKIPPED: a tmpfs ({options}) cannot be mounted here (not root?)");
        None
    }

    /// Mounts it with other options.
    pub fn again(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{options}")]).arg(self.place.path(self.name));
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.place.path(self.name)).status();
    }
}

#[test]
fn a_full_disk_leaves_what_was_published() {
    for full in ["store", "artifacts"] {
        let place = with_files(Place::new());
        let Some(small) = Small::mount(&place, full, "size=64k") else { return };
        let mut published = 0;
        let failed = loop {
            let ran = place.run(&["run", "p.yaml"]);
            if ran.code != Some(0) {
                break ran;
            }
            published += 1;
            assert!(published < 100, "64 kB are never full");
        };
        assert!(published > 0, "{failed}");
        let failed = failed.fails(6, &["E0604", "no space left", full]);
        for _ in 0..3 {
            place.run(&["run", "p.yaml"]).fails(6, &["no space left"]);
        }
        assert_eq!(place.versions("m").len(), published, "{failed}");
        place.run(&["models", "verify", "m"]).ok();
        place.run(&["predict", "m", "--input", "t.csv"]).ok();
        place.run(&["data", "show", "data:t"]).ok();
        small.again("size=1m");
        place.run(&["run", "p.yaml"]).ok();
        assert_eq!(place.versions("m").len(), published + 1);
    }
}

#[test]
fn what_cannot_be_written_is_told_and_nothing_is_half_done() {
    // The store.
    let place = with_files(Place::new());
    if let Some(small) = Small::mount(&place, "store", "size=1m") {
        place.run(&["run", "p.yaml"]).ok();
        small.again("ro");
        place.run(&["run", "p.yaml"]).fails(6, &["E0604", "read-only", "store"]);
        place.run(&["data", "put", "x", "t.csv"]).fails(6, &["read-only"]);
        place.run(&["models", "verify", "m"]).ok();
        place.run(&["predict", "m", "--input", "data:t"]).ok();
        assert_eq!(place.versions("m"), [1]);
    }
    // The folder of the artifacts.
    let place = with_files(Place::new());
    if let Some(small) = Small::mount(&place, "artifacts", "size=1m") {
        small.again("ro");
        place.run(&["run", "p.yaml"]).fails(6, &["read-only", "artifacts"]);
        assert_eq!(place.models(), json!([]));
        place.run(&["predict", "m", "--input", "t.csv", "--output", "artifacts/x.csv"]).fails(4, &["m"]);
        small.again("rw");
        place.run(&["run", "p.yaml"]).ok();
    }
    // The folder of the pipeline file: the lock is not written, and that is a warning.
    let place = with_files(Place::new());
    if let Some(small) = Small::mount(&place, "files", "size=1m") {
        place.write("files/p.yaml", PIPELINE);
        place.write("files/t.csv", TABLE);
        small.again("ro");
        let ran = place.run(&["run", "files/p.yaml"]).ok().says(&["lock", "read-only"]);
        assert!(ran.err.starts_with("warning"), "{ran}");
        assert_eq!(place.versions("m"), [1]);
    }
}

#[test]
fn a_file_where_the_store_should_be_is_told() {
    let place = with_files(Place::new());
    place.write("store", "a file");
    for command in COMMANDS {
        place.run(command).fails(6, &["E0604", "store"]);
    }
    assert_eq!(place.read("store"), "a file");
    // One where the artifacts should be.
    let place = with_files(Place::new());
    place.write("artifacts", "a file");
    place.run(&["run", "p.yaml"]).fails(6, &["E0604", "artifacts"]);
    assert_eq!((place.models(), place.read("artifacts")), (json!([]), "a file".to_owned()));
}

/// What was damaged on the disk is refused by name, and never half used.
#[test]
fn damage_is_found_and_named() {
    let place = with_files(Place::new());
    place.run(&["run", "p.yaml"]).ok();
    let blobs = files_under(&place.path("store/blobs"));
    for (path, bytes) in &blobs {
        for damaged in [&bytes[..bytes.len() - 1], b"", &[bytes, &b" "[..]].concat()] {
            std::fs::write(path, damaged).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            place.run(&["models", "verify", "m"]).fails(7, &["E0701", "m:1", name]);
            if holds(bytes, "pipefit.artifact") || bytes.len() > 8 && bytes[8] == b'{' {
                place.run(&["predict", "m", "--input", "t.csv"]).fails(7, &["m:1"]);
            }
            std::fs::write(path, bytes).unwrap();
        }
        std::fs::remove_file(path).unwrap();
        place.run(&["models", "verify", "m"]).fails(7, &["E0701", "m:1"]);
        std::fs::write(path, bytes).unwrap();
    }
    place.run(&["models", "verify", "m"]).ok();
    let record = place.path("store/records/model%3Am");
    let whole = std::fs::read(&record).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"{}", b"", b"\x80\x04"] {
        std::fs::write(&record, damaged).unwrap();
        place.run(&["models", "verify", "m"]).fails(7, &["`m`"]);
        place.run(&["models", "ls"]).fails(7, &["`m`"]);
        place.run(&["predict", "m", "--input", "t.csv"]).fails(7, &["`m`"]);
        place.run(&["run", "p.yaml"]).fails(7, &["`m`"]);
    }
    std::fs::write(&record, whole).unwrap();
    place.run(&["run", "p.yaml"]).ok();
    let arguments = ["models", "verify", "m", "--json"];
    assert_eq!(
        Ran::of(
            &arguments,
            Command::new(PIPEFIT)
                .args(arguments)
                .args(["--store", "store"])
                .current_dir(place.root())
                .output()
                .unwrap()
        )
        .json()["versions"],
        json!(2)
    );
}
