//! A folder that is a store, and the few ways in which a file gets into it.
//!
//! ```text
//! blobs/<sha256>        what was published, by digest
//! records/<name>        named records, percent-encoded
//! counters/<name>       numbers handed out
//! keys/<key>            the user's data, percent-encoded
//! staging/              files being written; leftovers of killed processes, swept after a day
//! lock                  held while records and counters are compared and changed
//! ```
//!
//! Every file is written under another name, made durable, and renamed: a reader sees the old or the new bytes,
//! whatever is killed when.

use super::names::unique;
use crate::diag::{Code, Diagnostic, Result};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whether bytes must survive a power failure, or only the death of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// fsync before going on.
    Now,
    /// Left to the operating system.
    Later,
}

/// The folder of a `dir:` store. Nothing is created before something is written.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
}

/// Holds the store's lock until dropped, or until the process dies.
pub(crate) struct Lock(#[expect(dead_code, reason = "dropping the file releases the lock")] File);

impl Root {
    /// A store in this folder, which need not exist.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One of the subfolders.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes `bytes` to `folder/file`, in place of whatever was there. The folder itself is not flushed: the
    /// caller does it once for all files ([`flush_folder`]), since only then the new names survive a power failure.
    pub(crate) fn replace(&self, folder: &str, file: &str, bytes: &[u8], flush: Flush) -> Result<()> {
        let staged = self.stage(bytes, flush)?;
        let target = self.folder(folder).join(file);
        fs::rename(&staged, &target).map_err(|error| {
            remove_quietly(&staged);
            fault("write", &target, &error)
        })
    }

    /// Like [`replace`](Self::replace), unless the file is there: then it stays, and the answer is false.
    pub(crate) fn create(&self, folder: &str, file: &str, bytes: &[u8], flush: Flush) -> Result<bool> {
        let staged = self.stage(bytes, flush)?;
        let target = self.folder(folder).join(file);
        // Unlike a rename, a hard link never replaces, so that of two writers one wins.
        let linked = fs::hard_link(&staged, &target);
        remove_quietly(&staged);
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(fault("write", &target, &error)),
        }
    }

    /// Takes the one lock of the store, waiting for whoever holds it.
    pub(crate) fn lock(&self) -> Result<Lock> {
        self.prepare()?;
        let path = self.folder("lock");
        let open = || {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map(Lock).map_err(|error| fault("lock", &path, &error))
    }

    /// Writes a new file in `staging` and returns its path.
    fn stage(&self, bytes: &[u8], flush: Flush) -> Result<PathBuf> {
        self.prepare()?;
        let path = self.folder("staging").join(format!("{:016x}", unique()));
        write_new(&path, bytes, Mode::Private, flush)?;
        Ok(path)
    }

    /// Makes the folders, once in the life of a store. `staging` comes last: whoever finds it may rely on the
    /// others being there to stay.
    fn prepare(&self) -> Result<()> {
        let staging = self.folder("staging");
        if staging.is_dir() {
            return Ok(());
        }
        create_folders(&self.path)?;
        for name in ["blobs", "records", "counters", "keys"] {
            make_folder(&self.folder(name))?;
        }
        // Without this fsync a power failure could take `blobs` or `records` with all that is in them.
        flush_folder(&self.path)?;
        make_folder(&staging)
    }

    /// Removes what processes that were killed left in `staging`. Nothing is written for a whole day, so what is
    /// older belongs to nobody; what cannot be removed stays.
    pub(crate) fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.folder("staging")) else { return };
        for entry in entries.flatten() {
            let age = entry.metadata().and_then(|data| data.modified()).map(|time| time.elapsed());
            if matches!(age, Ok(Ok(age)) if age > Duration::from_secs(86_400)) {
                remove_quietly(&entry.path());
            }
        }
    }
}

/// The files of a folder by name, or none if the folder is not there.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        entries => entries.map_err(|error| fault("list", folder, &error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| fault("list", folder, &error))?;
        match entry.metadata() {
            // Removed while we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fault("list", &entry.path(), &error)),
            Ok(data) if data.is_file() => {
                files.extend(entry.file_name().into_string().ok().map(|name| (name, data.len())));
            }
            Ok(_) => {}
        }
    }
    Ok(files)
}

/// The bytes of a file, if it is there.
pub(crate) fn read_file(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault("read", path, &error)),
    }
}

/// Who may read a new file.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    /// The owner alone.
    Private,
    /// Whoever the user's umask lets.
    Shared,
}

/// Writes a file that is not there yet. If anything fails, the file is removed and the error returned; above all an
/// fsync is never tried again, since after a failure the kernel may have dropped the bytes and call the next one a
/// success (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: Mode, flush: Flush) -> Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Mode::Private = mode {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path).map_err(|error| fault("write", path, &error))?;
    let written = file.write_all(bytes).and_then(|()| match flush {
        // Otherwise the rename could survive a power failure and the bytes not: an empty file under a final name.
        Flush::Now => file.sync_all(),
        Flush::Later => Ok(()),
    });
    written.map_err(|error| {
        remove_quietly(path);
        fault("write", path, &error)
    })
}

/// Makes the names in a folder durable.
pub(crate) fn flush_folder(path: &Path) -> Result<()> {
    // Only Unix opens a folder as a file; elsewhere a rename is as durable as the system makes it.
    if cfg!(not(unix)) {
        return Ok(());
    }
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| fault("flush", path, &error))
}

/// Makes a folder and those above it; each new one's name is flushed, so that it stays.
pub(crate) fn create_folders(path: &Path) -> Result<()> {
    if path.is_dir() || path.as_os_str().is_empty() {
        return Ok(());
    }
    let above = path.parent().unwrap_or(Path::new(""));
    create_folders(above)?;
    make_folder(path)?;
    flush_folder(if above.as_os_str().is_empty() { Path::new(".") } else { above })
}

fn make_folder(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.map_err(|error| fault("make", path, &error)),
    }
}

/// Removes a file; whether it was there.
pub(crate) fn remove_file(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(fault("remove", path, &error)),
    }
}

/// Removes a file that must not stay; if even that fails, the first error is the one to tell.
pub(crate) fn remove_quietly(path: &Path) {
    let _ = fs::remove_file(path);
}

/// An error of the file system with the path, what was tried, and what to do.
pub(crate) fn fault(verb: &str, path: &Path, error: &io::Error) -> Diagnostic {
    let path = path.display();
    let (reason, help) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            "no space left on the device".into(),
            "free some space and run again; what was published is untouched",
        ),
        io::ErrorKind::PermissionDenied => {
            ("permission denied".into(), "check who owns the folder and its permissions")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            ("the file system is read-only".into(), "use another path, or mount it for writing")
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            (error.to_string(), "a file stands where a folder is needed, or the other way round")
        }
        _ => (error.to_string(), "what was published before is untouched; see to the disk and run again"),
    };
    Code::StoreIo.error(format!("cannot {verb} `{path}`: {reason}")).help(help)
}

#[cfg(test)]
mod tests {
    use super::{Flush, Root, files_in, read_file};
    use crate::diag::Code;
    use std::fs;

    #[test]
    fn reading_creates_nothing() {
        let place = tempfile::tempdir().unwrap();
        let root = Root::new(place.path().join("a/b"));
        assert_eq!(files_in(&root.folder("records")).unwrap(), []);
        assert_eq!(read_file(&root.folder("records").join("x")).unwrap(), None);
        root.sweep();
        assert!(!place.path().join("a").exists());
    }

    #[test]
    fn files_are_private_and_leave_nothing_in_staging() {
        let place = tempfile::tempdir().unwrap();
        let root = Root::new(place.path().join("a/b"));
        root.replace("records", "x", b"1", Flush::Now).unwrap();
        root.replace("records", "x", b"2", Flush::Later).unwrap();
        assert!(!root.create("records", "x", b"3", Flush::Now).unwrap());
        assert!(root.create("records", "y", b"4", Flush::Now).unwrap());
        let path = root.folder("records").join("x");
        assert_eq!(read_file(&path).unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(files_in(&root.folder("staging")).unwrap(), []);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn old_leftovers_are_swept_and_young_ones_stay() {
        let place = tempfile::tempdir().unwrap();
        let root = Root::new(place.path().into());
        root.replace("records", "x", b"1", Flush::Later).unwrap();
        let staging = root.folder("staging");
        for name in ["old", "young"] {
            fs::write(staging.join(name), "half").unwrap();
        }
        let two_days_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(172_800);
        fs::File::options()
            .write(true)
            .open(staging.join("old"))
            .unwrap()
            .set_modified(two_days_ago)
            .unwrap();
        root.sweep();
        assert_eq!(files_in(&staging).unwrap(), [("young".to_owned(), 4)]);
    }

    #[test]
    fn a_file_in_the_way_is_an_error_with_its_path() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        fs::write(&path, "").unwrap();
        let error = Root::new(path.clone()).replace("records", "x", b"1", Flush::Now).unwrap_err();
        assert_eq!(error.code(), Code::StoreIo);
        assert!(error.message().contains(path.to_str().unwrap()), "{error}");
    }
}
