//! Keys in this process.

use super::image::HEAD;
use super::shelf::{Change, Changing, Extending, Looking, Shelf};
use crate::diag::Result;
use crate::store::{Flush, Memory};
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Keys in a map, with the bytes that they have in a folder.
pub(super) struct Map {
    memory: Arc<Memory>,
}

impl Map {
    /// The keys in this memory.
    pub fn new(memory: Arc<Memory>) -> Self {
        Self { memory }
    }
}

impl Shelf for Map {
    fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.memory.lock().keys.get(key).cloned())
    }

    fn head(&self, key: &str) -> Result<Option<(Vec<u8>, u64)>> {
        let head = |image: &Vec<u8>| (image[..image.len().min(HEAD)].to_vec(), image.len() as u64);
        Ok(self.memory.lock().keys.get(key).map(head))
    }

    fn names(&self) -> Result<Vec<String>> {
        Ok(self.memory.lock().keys.keys().cloned().collect())
    }

    fn create(&self, key: &str, image: &[u8], _name: Flush) -> Result<bool> {
        match self.memory.lock().keys.entry(key.to_owned()) {
            Entry::Occupied(_) => Ok(false),
            Entry::Vacant(place) => {
                place.insert(image.to_vec());
                Ok(true)
            }
        }
    }

    fn change(&self, keys: &[&str], _: bool, change: &Changing<'_>) -> Result<()> {
        let held = &mut self.memory.lock().keys;
        for (at, key) in keys.iter().enumerate() {
            match change(at, held.get(*key).cloned())? {
                Change::Hold(image) => drop(held.insert((*key).to_owned(), image)),
                Change::Go => drop(held.remove(*key)),
            }
        }
        Ok(())
    }

    fn remove(&self, key: &str) -> Result<bool> {
        Ok(self.memory.lock().keys.remove(key).is_some())
    }

    fn look(&self, key: &str, _: bool, look: &mut Looking<'_>) -> Result<bool> {
        // A copy: whoever looks may write meanwhile.
        let image = self.read(key)?;
        image.map_or(Ok(false), |mut image| look(&mut image).map(|()| true))
    }

    fn extend(&self, key: &str, extend: &mut Extending<'_>) -> Result<bool> {
        let held = &mut self.memory.lock().keys;
        let Some(image) = held.get_mut(key) else { return Ok(false) };
        let (end, bytes) = extend(image)?;
        image.truncate(usize::try_from(end).unwrap_or(usize::MAX));
        image.extend_from_slice(&bytes);
        Ok(true)
    }
}
