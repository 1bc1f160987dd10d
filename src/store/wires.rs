//! The connections to all servers that have keys: one, or those of a cluster.

use super::cluster::SlotMap;
use super::resp::{Answer, Kept};
use super::wire::Wire;
use ::redis::RedisResult;

/// Connections to talk over at once.
pub(crate) struct Wires<'a> {
    wires: &'a mut [Wire],
    map: Option<&'a SlotMap>,
    /// Which was used last.
    last: usize,
}

impl<'a> Wires<'a> {
    /// At least one; with the map of a cluster, in the order of its servers.
    pub(super) fn new(wires: &'a mut [Wire], map: Option<&'a SlotMap>) -> Self {
        Self { wires, map, last: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.wires.len()
    }

    /// Whether these are the servers of a cluster.
    pub fn is_cluster(&self) -> bool {
        self.map.is_some()
    }

    /// The place of a key's server. A key that no server has is asked for at any: that one will say so.
    pub fn place(&self, key: &[u8]) -> usize {
        self.map.and_then(|map| map.place(key)).unwrap_or(0)
    }

    /// [`Wire::send`] to one of them.
    pub fn send(&mut self, place: usize, commands: &[u8], answers: usize) -> RedisResult<()> {
        self.last = place;
        self.wires[place].send(commands, answers)
    }

    /// [`Wire::answer`] of one of them.
    pub fn answer(&mut self, place: usize) -> RedisResult<Answer<'_>> {
        self.last = place;
        self.wires[place].answer()
    }

    /// [`Wire::keep`] of one of them.
    pub fn keep(&mut self, place: usize, kept: &mut Kept) {
        self.wires[place].keep(kept);
    }

    /// Which was used last.
    pub(super) fn last(&self) -> usize {
        self.last
    }
}
