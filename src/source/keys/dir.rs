//! Keys as files in the store's folder.

use super::{Keys, Kind, Listed};
use crate::diag::Result;
use crate::store::{Flush, Root, fault, file_name, files_in, flush_folder, name_of, read_file};
use std::fs;
use std::io;
use std::path::PathBuf;

/// Each key is the file `keys/<key, percent-encoded>`; all are strings.
pub struct DirKeys {
    root: Root,
}

impl DirKeys {
    /// The keys in this folder.
    pub fn new(root: Root) -> Self {
        Self { root }
    }

    fn path(&self, key: &str) -> Result<PathBuf> {
        Ok(self.root.folder("keys").join(file_name(key)?))
    }
}

impl Keys for DirKeys {
    fn kind(&self, key: &str) -> Result<Option<Kind>> {
        Ok(self.path(key)?.is_file().then_some(Kind::String))
    }

    fn value(&self, key: &str) -> Result<Option<Vec<u8>>> {
        read_file(&self.path(key)?)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.root.replace("keys", &file_name(key)?, bytes, Flush::Now)?;
        flush_folder(&self.root.folder("keys"))
    }

    fn write_new(&self, key: &str, bytes: &[u8]) -> Result<bool> {
        let path = self.path(key)?;
        // Looked at first: it is nearly always there, and then nothing need be written.
        if path.is_file() || !self.root.create("keys", &file_name(key)?, bytes, Flush::Now)? {
            return Ok(false);
        }
        // The folder is not flushed: after a power failure the key may be missing, and is then loaded again from
        // where it came. The bytes are flushed, so that it is never there and torn.
        Ok(true)
    }

    fn remove(&self, key: &str) -> Result<bool> {
        let path = self.path(key)?;
        match fs::remove_file(&path) {
            Ok(()) => flush_folder(&self.root.folder("keys")).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(fault("remove", &path, &error)),
        }
    }

    fn ls(&self) -> Result<Vec<Listed>> {
        let files = files_in(&self.root.folder("keys"))?;
        let mut keys: Vec<_> = files
            .into_iter()
            .filter_map(|(file, bytes)| Some(Listed { key: name_of(&file)?, kind: Kind::String, bytes }))
            .collect();
        keys.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(keys)
    }
}
