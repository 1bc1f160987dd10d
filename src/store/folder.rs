//! The copy of an artifact on disk: a folder that is there whole or not at all.

use super::names::unique;
use super::root::{Flush, Mode, create_folders, fault, flush_folder, remove_quietly, write_new};
use crate::diag::{Code, Result};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long what a killed process left beside the folders stays.
const LEFTOVER: Duration = Duration::from_secs(3600);

/// What stood in the place of a published folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchanged {
    /// Nothing.
    New,
    /// An older folder, or a file, which is gone now.
    Replaced,
}

/// Writes one file by a temporary sibling and a rename, so that a reader sees the old one or the new one. It is a
/// copy or an answer, which can be made again, and is not flushed.
pub fn replace_file(dest: &Path, bytes: &[u8]) -> Result<()> {
    replaced(dest, |staged| write_new(staged, bytes, Mode::Shared, Flush::Later))
}

/// As [`replace_file`], for what is made while it is written.
pub fn replace_file_by(dest: &Path, make: impl FnOnce(&mut dyn io::Write) -> Result<()>) -> Result<()> {
    replaced(dest, |staged| {
        let failed = |error: io::Error| fault("write", staged, &error);
        let file = File::options().write(true).create_new(true).open(staged).map_err(failed)?;
        let mut out = io::BufWriter::with_capacity(1 << 20, file);
        make(&mut out)?;
        io::Write::flush(&mut out).map_err(failed)
    })
}

/// Puts what is written under another name in the place of a file.
fn replaced(dest: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let parent = match dest.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !parent.is_dir() {
        let message = format!("cannot write `{}`: there is no folder `{}`", dest.display(), parent.display());
        return Err(Code::StoreIo.error(message).help("make the folder first"));
    }
    let staged = sibling(parent, dest, "new");
    let renamed =
        write(&staged).and_then(|()| fs::rename(&staged, dest).map_err(|error| fault("write", dest, &error)));
    if renamed.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&staged);
    }
    renamed
}

/// Writes `files` (name, bytes) as the folder `dest`, and the folders above it. What was there is exchanged whole:
/// renamed away, the new one renamed in, the old one removed. A process killed between the two renames leaves no
/// folder under that name for the moment, never a mixed one; the next publication puts it right.
///
/// What killed processes left beside it is removed once it is an hour old and nobody writes it.
///
/// `Flush::Now` makes files and names durable; `Flush::Later` is for a copy of what a durable store holds already.
///
/// File names must be plain: the caller vouches for it.
pub fn publish_folder(dest: &Path, files: &[(&str, &[u8])], flush: Flush) -> Result<Exchanged> {
    let parent = match dest.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match flush {
        Flush::Now => create_folders(parent)?,
        // Names above a copy that is not flushed need no flush either.
        Flush::Later => fs::create_dir_all(parent).map_err(|error| fault("make", parent, &error))?,
    }
    sweep(parent);
    let staged = sibling(parent, dest, "new");
    let published = write_folder(&staged, files, flush).and_then(|_lock| exchange(parent, &staged, dest));
    match published {
        Ok(exchanged) => {
            if flush == Flush::Now {
                // The new name itself.
                flush_folder(parent)?;
            }
            Ok(exchanged)
        }
        Err(error) => {
            // The first error is the one to tell.
            let _ = fs::remove_dir_all(&staged);
            Err(error)
        }
    }
}

/// Writes the files and gives the lock that says that somebody is at it. The kernel frees it when the process dies;
/// where a file system has no such locks there is none, and [`sweep`] then removes nothing.
fn write_folder(staged: &Path, files: &[(&str, &[u8])], flush: Flush) -> Result<Option<File>> {
    fs::create_dir(staged).map_err(|error| fault("make", staged, &error))?;
    let lock = File::open(staged).ok().filter(|folder| folder.lock().is_ok());
    for (name, bytes) in files {
        write_new(&staged.join(name), bytes, Mode::Shared, flush)?;
    }
    if flush == Flush::Now {
        // The names of the files, before the folder gets its own.
        flush_folder(staged)?;
    }
    Ok(lock)
}

/// Removes folders that killed processes left: half written ones, and old ones that were moved away. Only what is an
/// hour old (a folder is locked at once after it is made) and can be locked, so that nobody lives who is at it.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| is_sibling(&entry.file_name())) {
        let age = entry.metadata().and_then(|data| data.modified()).map(|time| time.elapsed());
        if !matches!(age, Ok(Ok(age)) if age > LEFTOVER) {
            continue;
        }
        if File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            // What cannot be removed stays.
            let _ = remove(&entry.path());
        }
    }
}

/// Whether [`sibling`] made this name: `.NAME.<16 hexadecimal digits>.new` or `.old`.
fn is_sibling(name: &std::ffi::OsStr) -> bool {
    let Some(name) = name.to_str().and_then(|name| name.strip_prefix('.')) else { return false };
    let mut parts = name.rsplitn(3, '.');
    let kind = parts.next().is_some_and(|kind| kind == "new" || kind == "old");
    let digits = |part: &str| part.len() == 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    kind && parts.next().is_some_and(digits) && parts.next().is_some_and(|dest| !dest.is_empty())
}

fn exchange(parent: &Path, staged: &Path, dest: &Path) -> Result<Exchanged> {
    let mut exchanged = Exchanged::New;
    // Somebody else may publish to the same place at the same time: each round moves away what stands there now.
    for _ in 0..100 {
        let away = sibling(parent, dest, "old");
        match fs::rename(dest, &away) {
            Ok(()) => {
                exchanged = Exchanged::Replaced;
                remove(&away)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fault("replace", dest, &error)),
        }
        match fs::rename(staged, dest) {
            Ok(()) => return Ok(exchanged),
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(fault("write", dest, &error)),
        }
    }
    Err(fault("write", dest, &io::Error::from(io::ErrorKind::AlreadyExists)))
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory
    )
}

fn remove(path: &Path) -> Result<()> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|data| data.is_dir());
    if !is_folder {
        remove_quietly(path);
        return Ok(());
    }
    match fs::remove_dir_all(path) {
        // Another run swept it at the same time.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|error| fault("remove", path, &error)),
    }
}

/// A hidden name beside `dest` that nobody else uses.
fn sibling(parent: &Path, dest: &Path, what: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(dest.file_name().unwrap_or_default());
    name.push(format!(".{:016x}.{what}", unique()));
    parent.join(name)
}

#[cfg(test)]
mod tests {
    use super::{Exchanged, publish_folder};
    use crate::store::Flush;
    use std::fs;

    #[test]
    fn a_folder_is_exchanged_whole() {
        let place = tempfile::tempdir().unwrap();
        let dest = place.path().join("models/diabetes/3");
        let first: [(&str, &[u8]); 2] = [("model.safetensors", b"one"), ("report.md", b"# one")];
        assert_eq!(publish_folder(&dest, &first, Flush::Now), Ok(Exchanged::New));
        assert_eq!(fs::read(dest.join("report.md")).unwrap(), b"# one");

        let second: [(&str, &[u8]); 1] = [("model.safetensors", b"two")];
        assert_eq!(publish_folder(&dest, &second, Flush::Later), Ok(Exchanged::Replaced));
        assert_eq!(fs::read(dest.join("model.safetensors")).unwrap(), b"two");
        assert!(!dest.join("report.md").exists(), "a file of the old folder is still there");
        assert_eq!(fs::read_dir(dest.parent().unwrap()).unwrap().count(), 1, "something is left beside it");
    }

    #[test]
    fn a_file_in_its_place_is_replaced_and_an_error_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let dest = place.path().join("3");
        fs::write(&dest, "a file").unwrap();
        assert_eq!(publish_folder(&dest, &[("a", b"1")], Flush::Later), Ok(Exchanged::Replaced));
        // The second file cannot be written, so the old folder stays.
        let twice: [(&str, &[u8]); 2] = [("a", b"2"), ("a", b"3")];
        assert!(publish_folder(&dest, &twice, Flush::Later).is_err());
        assert_eq!(fs::read(dest.join("a")).unwrap(), b"1");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    /// A killed run left its hidden folder for ever: nobody looked for it again.
    #[test]
    fn leftovers_are_swept_when_they_are_old_and_nobody_writes_them() {
        let place = tempfile::tempdir().unwrap();
        let named = |name: &str| place.path().join(name);
        let names = [".3.0123456789abcdef.new", ".4.0123456789abcdef.old", ".5.0123456789abcdef.new"];
        let others = [".5.0123456789abcdef.bak", "2", ".git", ".x.new", "..0123456789abcdef.new"];
        let two_hours_ago = std::time::SystemTime::now() - 2 * super::LEFTOVER;
        for name in names.into_iter().chain(others) {
            fs::create_dir(named(name)).unwrap();
            fs::write(named(name).join("model.safetensors"), "half").unwrap();
            fs::File::open(named(name)).unwrap().set_modified(two_hours_ago).unwrap();
        }
        let young = ".6.0123456789abcdef.new";
        fs::create_dir(named(young)).unwrap();
        // The third is being written: by a run that takes its time.
        let writer = fs::File::open(named(names[2])).unwrap();
        writer.lock().unwrap();
        let publish = || publish_folder(&named("7"), &[("a", b"1")], Flush::Later).unwrap();
        publish();
        let left = |name: &str| named(name).exists();
        assert_eq!(names.map(left), [false, false, true]);
        assert!(others.into_iter().all(left) && left(young) && left("7"));
        drop(writer);
        publish();
        assert!(!left(names[2]) && left(young));
    }

    #[test]
    fn a_folder_that_is_being_written_is_locked() {
        let place = tempfile::tempdir().unwrap();
        let staged = place.path().join(".3.0123456789abcdef.new");
        let lock = super::write_folder(&staged, &[("a", b"1")], Flush::Later).unwrap();
        assert!(lock.is_some() && fs::File::open(&staged).unwrap().try_lock().is_err());
        drop(lock);
        assert!(fs::File::open(&staged).unwrap().try_lock().is_ok());
    }

    #[test]
    fn many_writers_of_one_folder_leave_one_whole() {
        let place = tempfile::tempdir().unwrap();
        let dest = place.path().join("3");
        std::thread::scope(|scope| {
            for writer in 0..4u8 {
                let dest = &dest;
                scope.spawn(move || {
                    let bytes = [writer; 100];
                    for _ in 0..20 {
                        publish_folder(dest, &[("a", &bytes), ("b", &bytes)], Flush::Later).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read(dest.join("a")).unwrap(), fs::read(dest.join("b")).unwrap());
    }
}
