//! Keys in this process.

use super::{Keys, Kind, Listed};
use crate::diag::Result;
use crate::store::Memory;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Keys in a map; all are strings.
pub struct MemoryKeys {
    memory: Arc<Memory>,
}

impl MemoryKeys {
    /// The keys in this memory.
    pub fn new(memory: Arc<Memory>) -> Self {
        Self { memory }
    }
}

impl Keys for MemoryKeys {
    fn kind(&self, key: &str) -> Result<Option<Kind>> {
        Ok(self.memory.lock().keys.contains_key(key).then_some(Kind::String))
    }

    fn value(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.memory.lock().keys.get(key).cloned())
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.memory.lock().keys.insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn write_new(&self, key: &str, bytes: &[u8]) -> Result<bool> {
        match self.memory.lock().keys.entry(key.to_owned()) {
            Entry::Occupied(_) => Ok(false),
            Entry::Vacant(place) => {
                place.insert(bytes.to_vec());
                Ok(true)
            }
        }
    }

    fn remove(&self, key: &str) -> Result<bool> {
        Ok(self.memory.lock().keys.remove(key).is_some())
    }

    fn ls(&self) -> Result<Vec<Listed>> {
        let listed = |(key, bytes): (&String, &Vec<u8>)| Listed {
            key: key.clone(),
            kind: Kind::String,
            bytes: bytes.len() as u64,
        };
        Ok(self.memory.lock().keys.iter().map(listed).collect())
    }
}
