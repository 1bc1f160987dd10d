//! The connections that are open, and which of them to close when there are too many.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// One connection.
pub(super) struct Connection {
    number: u64,
    /// The moment from which it has waited for its client, in milliseconds; 0 while a request is worked on.
    waits: AtomicU64,
    /// Whether a whole request ever came.
    known: AtomicBool,
    /// Whether anything ever came.
    heard: AtomicBool,
    evicted: AtomicBool,
    /// Wakes it, to be closed or to be drained.
    pub wake: Notify,
}

/// All connections.
pub(super) struct Connections {
    open: Mutex<BTreeMap<u64, Arc<Connection>>>,
    next: AtomicU64,
    start: Instant,
    most: usize,
}

impl Connection {
    /// Something came from the client.
    pub fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Whether it has to close now.
    pub fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Relaxed)
    }

    /// A whole request is there.
    pub fn works(&self) {
        self.known.store(true, Ordering::Relaxed);
        self.waits.store(0, Ordering::Relaxed);
    }

    fn evict(&self) {
        self.evicted.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }
}

impl Connections {
    /// Room for some.
    pub fn new(most: usize) -> Self {
        Self { open: Mutex::default(), next: AtomicU64::new(0), start: Instant::now(), most }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64 + 1
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open().len()
    }

    /// A new one, and whether another had to go for it; `None` where all are at work.
    ///
    /// When there are too many, the one that has waited longest for its client goes: first those that never sent a whole
    /// request, which honest clients do at once. So whoever holds connections open in silence crowds out himself.
    pub fn enter(&self) -> Option<(Arc<Connection>, bool)> {
        let mut open = self.open();
        let full = open.len() >= self.most;
        if full {
            let waiting = open.values().filter(|one| one.waits.load(Ordering::Relaxed) > 0);
            let key = |one: &&Arc<Connection>| {
                (one.known.load(Ordering::Relaxed), one.waits.load(Ordering::Relaxed))
            };
            let number = waiting.min_by_key(key)?.number;
            if let Some(one) = open.remove(&number) {
                one.evict();
            }
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let one = Arc::new(Connection {
            number,
            waits: AtomicU64::new(self.now()),
            known: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            evicted: AtomicBool::new(false),
            wake: Notify::new(),
        });
        open.insert(number, Arc::clone(&one));
        Some((one, full))
    }

    /// It waits for its client again.
    pub fn wait(&self, one: &Connection) {
        one.waits.store(self.now(), Ordering::Relaxed);
    }

    /// It has gone.
    pub fn leave(&self, one: &Connection) {
        self.open().remove(&one.number);
    }

    /// Has all end after what they are at; those from which nothing ever came at once.
    pub fn drain(&self) {
        for one in self.open().values() {
            if one.heard.load(Ordering::Relaxed) {
                one.wake.notify_one();
            } else {
                one.evict();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Connections;

    #[test]
    fn the_longest_silent_one_makes_room_and_one_at_work_never_does() {
        let all = Connections::new(3);
        let enter = || all.enter().expect("room");
        let (known, silent, later) = (enter().0, enter().0, enter().0);
        known.works();
        all.wait(&known);
        std::thread::sleep(std::time::Duration::from_millis(3));
        all.wait(&later);
        let (fourth, made_room) = enter();
        assert!(made_room && silent.is_evicted() && !later.is_evicted() && !known.is_evicted());
        later.works();
        fourth.works();
        enter();
        assert!(known.is_evicted(), "it waits, though it is known");
        let (fifth, _) = (&all.open().values().last().expect("three").clone(), ());
        fifth.works();
        assert!(all.enter().is_none() && all.count() == 3);
        all.leave(&later);
        assert!(!enter().1);
    }
}
