//! Keys as files in the store's folder.

use super::frames::Image;
use super::image::HEAD;
use super::shelf::{Change, Changing, Extending, Looking, Shelf};
use crate::diag::Result;
use crate::store::{Flush, Root, fault, file_name, files_in, flush_folder, name_of, read_file};
use rayon::prelude::*;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Each key is the file `keys/<key, percent-encoded>`.
pub(super) struct Folder {
    root: Root,
}

impl Folder {
    /// The keys in this folder.
    pub fn new(root: Root) -> Self {
        Self { root }
    }

    fn path(&self, key: &str) -> Result<PathBuf> {
        Ok(self.root.folder("keys").join(file_name(key)?))
    }
}

impl Shelf for Folder {
    fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        read_file(&self.path(key)?)
    }

    fn head(&self, key: &str) -> Result<Option<(Vec<u8>, u64)>> {
        let path = self.path(key)?;
        let read = |file: File| {
            let length = file.metadata()?.len();
            let mut head = Vec::new();
            file.take(HEAD as u64).read_to_end(&mut head).map(|_| (head, length))
        };
        match File::open(&path).and_then(read) {
            Ok(head) => Ok(Some(head)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault("read", &path, &error)),
        }
    }

    fn names(&self) -> Result<Vec<String>> {
        let files = files_in(&self.root.folder("keys"))?;
        let mut names: Vec<_> = files.iter().filter_map(|(file, _)| name_of(file)).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, key: &str, image: &[u8], name: Flush) -> Result<bool> {
        let _lock = self.root.lock()?;
        let created = self.root.create("keys", &file_name(key)?, image, Flush::Now)?;
        if created && name == Flush::Now {
            flush_folder(&self.root.folder("keys"))?;
        }
        Ok(created)
    }

    fn change(&self, keys: &[&str], reads: bool, change: &Changing<'_>) -> Result<()> {
        let _lock = self.root.lock()?;
        let one = |(at, key): (usize, &&str)| {
            let file = file_name(key)?;
            let old = if reads { self.read(key)? } else { None };
            match change(at, old)? {
                Change::Hold(image) => self.root.replace("keys", &file, &image, Flush::Now),
                Change::Go => remove(&self.root.folder("keys").join(file)).map(drop),
            }
        };
        // Each file waits for the disk: side by side they wait for it together.
        let done: Vec<Result<()>> = keys.par_iter().enumerate().map(one).collect();
        let flushed = flush_folder(&self.root.folder("keys"));
        done.into_iter().collect::<Result<()>>().and(flushed)
    }

    fn remove(&self, key: &str) -> Result<bool> {
        let path = self.path(key)?;
        // Nothing is made, no lock either, for a key that is not there.
        if !path.is_file() {
            return Ok(false);
        }
        let _lock = self.root.lock()?;
        let removed = remove(&path)?;
        flush_folder(&self.root.folder("keys")).map(|()| removed)
    }

    fn look(&self, key: &str, still: bool, look: &mut Looking<'_>) -> Result<bool> {
        let path = self.path(key)?;
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file.map_err(|error| fault("read", &path, &error))?,
        };
        if still {
            file.lock_shared().map_err(|error| fault("lock", &path, &error))?;
        }
        look(&mut Bytes { file: &file, path: &path }).map(|()| true)
    }

    fn extend(&self, key: &str, extend: &mut Extending<'_>) -> Result<bool> {
        let path = self.path(key)?;
        loop {
            let file = match File::options().read(true).write(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                file => file.map_err(|error| fault("write", &path, &error))?,
            };
            file.lock().map_err(|error| fault("lock", &path, &error))?;
            // While we waited the key may have become another file, or none.
            if !is_still(&path, &file) {
                continue;
            }
            let (end, bytes) = extend(&mut Bytes { file: &file, path: &path })?;
            if bytes.is_empty() {
                return Ok(true);
            }
            return match write_behind(&file, end, &bytes) {
                Ok(()) => Ok(true),
                Err(error) => {
                    // What is torn would be ignored as well; cut off, it takes no room on a full disk.
                    let _ = file.set_len(end);
                    Err(fault("write", &path, &error))
                }
            };
        }
    }
}

fn write_behind(mut file: &File, end: u64, bytes: &[u8]) -> io::Result<()> {
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(bytes)?;
    file.sync_data()
}

fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(fault("remove", path, &error)),
    }
}

/// Whether a path still leads to an open file.
fn is_still(path: &Path, file: &File) -> bool {
    let same = |one: &Metadata, other: &Metadata| identity(one) == identity(other);
    matches!((fs::metadata(path), file.metadata()), (Ok(named), Ok(open)) if same(&named, &open))
}

#[cfg(unix)]
fn identity(of: &Metadata) -> impl PartialEq + use<> {
    use std::os::unix::fs::MetadataExt;
    (of.dev(), of.ino())
}

/// Elsewhere an open file is not replaced.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> impl PartialEq + use<> {}

/// An open file.
struct Bytes<'a> {
    file: &'a File,
    path: &'a Path,
}

impl Image for Bytes<'_> {
    fn length(&mut self) -> Result<u64> {
        let data = self.file.metadata().map_err(|error| fault("read", self.path, &error))?;
        Ok(data.len())
    }

    fn read(&mut self, at: u64, most: usize) -> Result<Vec<u8>> {
        // What a length in the file says is believed only as far as the file goes.
        let left = usize::try_from(self.length()?.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(most.min(left));
        let mut file = self.file;
        let read =
            file.seek(SeekFrom::Start(at)).and_then(|_| file.take(most as u64).read_to_end(&mut bytes));
        read.map_err(|error| fault("read", self.path, &error))?;
        Ok(bytes)
    }
}
