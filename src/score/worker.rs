//! A worker of a group: it takes entries, predicts them and has them settled, until it is stopped, or once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fate::{Arrived, Making};
use super::tally::Tally;
use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::registry::Registry;
use crate::serve::{Loaded, Look, Served};
use crate::source::keys::{Delivered, EntryId, Fate, Group, GroupTerms, Pending, Trouble};

/// How long the server is asked to wait for entries; no stop waits longer.
const WAIT: Duration = Duration::from_millis(100);
/// How long to wait after trouble: at first, and at most.
const SOON: Duration = Duration::from_millis(50);
const LATE: Duration = Duration::from_secs(5);
/// How long a worker that is to end by itself puts up with trouble.
const PATIENCE: Duration = Duration::from_secs(60);
/// Entries that were delivered so often before are taken one by one: should one of them end its worker, the others are not
/// counted with it.
const CAREFUL: u64 = 2;
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// How a worker is to work.
pub struct Options<'a> {
    /// Entries that are predicted at once, at most.
    pub batch: usize,
    /// How long a batch that is not full waits for more entries.
    pub max_wait: Duration,
    /// How long an entry is another worker's before it is taken over.
    pub idle: Duration,
    /// How often the store is asked whether an alias has moved.
    pub poll: Duration,
    /// Whether it ends when all entries that are there at the beginning are settled.
    pub once: bool,
    /// Whether the worker's name is of this life only.
    pub nameless: bool,
    /// Told when to stop.
    pub watch: &'a dyn Watch,
    /// Told what is worth knowing.
    pub tell: &'a dyn Fn(Diagnostic),
    /// Told how it goes.
    pub say: &'a dyn Fn(&str),
}

/// Predicts entries of a group, which is there, as one of its workers. Gives `pipefit.score/1`.
///
/// # Errors
/// What the store has to say, unless it passes; what is wrong with the model rather than an entry. No entry is lost: those that
/// were not settled stay pending.
pub fn score(
    served: &Served,
    registry: &Registry,
    terms: &GroupTerms,
    group: &Group,
    making: &Making,
    options: &Options<'_>,
) -> Result<Value> {
    let now = Instant::now();
    let mut worker = Worker {
        served,
        registry,
        group,
        making,
        options,
        tally: Tally::default(),
        until: None,
        mine: true,
        looked: now,
        claimed: None,
        told: now,
        outage: None,
        held: None,
    };
    worker.work()?;
    if options.nameless {
        // Whoever cannot leave is listed with nothing to do.
        let _ = group.leave();
    }
    Ok(worker.tally.json(&served.name, terms, group.state().ok()))
}

struct Worker<'a> {
    served: &'a Served,
    registry: &'a Registry,
    group: &'a Group,
    making: &'a Making,
    options: &'a Options<'a>,
    tally: Tally,
    /// Once: the last entry that the stream had; none as long as nobody has asked.
    until: Option<EntryId>,
    /// Whether entries may be pending for this worker: of an earlier life, or since an answer was lost.
    mine: bool,
    /// When the alias was looked at.
    looked: Instant,
    /// When others' entries were looked at.
    claimed: Option<Instant>,
    /// When progress was told.
    told: Instant,
    outage: Option<Outage>,
    held: Option<Held>,
}

/// What was made of entries and is not known to be written yet.
struct Held {
    loaded: Arc<Loaded>,
    fates: Vec<(EntryId, Fate)>,
    /// Whether more entries may be pending for this worker.
    more: bool,
}

/// Since when nothing goes well.
struct Outage {
    since: Instant,
    pause: Duration,
}

/// What a turn came to.
#[derive(PartialEq)]
enum Turn {
    /// Some entries.
    Worked,
    /// None.
    Idle,
    /// All that there is to be done.
    Done,
}

impl Worker<'_> {
    fn work(&mut self) -> Result<()> {
        loop {
            let stop = self.options.watch.stopped();
            if stop && !self.mine {
                return Ok(());
            }
            match self.turn() {
                Ok(Turn::Done) => return Ok(()),
                Ok(_) => self.outage = None,
                // What is pending stays so.
                Err(trouble) if trouble.passing && stop => return Ok(()),
                Err(trouble) => self.weather(trouble)?,
            }
            if self.told.elapsed() >= PROGRESS {
                self.told = Instant::now();
                let (read, settled) = (self.tally.read, self.tally.settled);
                (self.options.say)(&format!(
                    "{read} entries read, {} written, {} dead",
                    settled.written, settled.dead
                ));
            }
        }
    }

    /// Waits until trouble may have passed.
    fn weather(&mut self, trouble: Trouble) -> Result<()> {
        self.mine = true;
        let Trouble { diagnostic, passing } = trouble;
        let outage = self.outage.get_or_insert_with(|| {
            if passing {
                let message = format!("{}; trying again", diagnostic.message());
                (self.options.tell)(Code::WarnStore.warning(message));
            }
            Outage { since: Instant::now(), pause: SOON }
        });
        if !passing || self.options.once && outage.since.elapsed() >= PATIENCE {
            return Err(diagnostic);
        }
        let until = Instant::now() + outage.pause;
        outage.pause = (2 * outage.pause).min(LATE);
        while Instant::now() < until && !self.options.watch.stopped() {
            std::thread::sleep(SOON);
        }
        Ok(())
    }

    /// Some entries: this worker's own, those of workers that are gone, or new ones.
    fn turn(&mut self) -> Result<Turn, Trouble> {
        if self.held.is_some() {
            return self.write();
        }
        self.follow();
        if self.options.once && self.until.is_none() {
            self.until = Some(self.group.last()?.unwrap_or(EntryId::FIRST));
        }
        if self.mine {
            let pending = self.group.pending(None, self.options.batch)?;
            if let Some(most) = together(&pending) {
                let entries = self.group.own(most)?;
                self.tally.reclaimed += entries.len() as u64;
                return self.settle(entries, &pending);
            }
            self.mine = false;
        }
        if self.options.watch.stopped() {
            return Ok(Turn::Idle);
        }
        // No entry waits much longer than it has to, and the server is not asked all the time.
        let often = (self.options.idle / 4).clamp(Duration::from_millis(20), Duration::from_secs(1));
        if self.claimed.is_none_or(|claimed| claimed.elapsed() >= often) {
            if self.claim()? == Turn::Worked {
                return Ok(Turn::Worked);
            }
            self.claimed = Some(Instant::now());
        }
        let entries = self.fresh()?;
        let idle = entries.is_empty();
        if !idle {
            self.settle(entries, &[])?;
        }
        if self.options.once && self.is_done(idle)? {
            return Ok(Turn::Done);
        }
        Ok(if idle { Turn::Idle } else { Turn::Worked })
    }

    /// Entries that are new, until a batch is full or has waited.
    fn fresh(&mut self) -> Result<Vec<Delivered>, Trouble> {
        let batch = self.options.batch;
        let mut entries = self.group.fresh(batch, WAIT)?;
        let since = Instant::now();
        while !entries.is_empty() && entries.len() < batch && !self.options.watch.stopped() {
            let left = self.options.max_wait.saturating_sub(since.elapsed());
            if left.is_zero() {
                break;
            }
            entries.extend(self.group.fresh(batch - entries.len(), left.min(WAIT))?);
        }
        Ok(entries)
    }

    /// Takes over entries that others have had for too long.
    fn claim(&mut self) -> Result<Turn, Trouble> {
        let idle = self.options.idle;
        let pending = self.group.pending(Some(idle), self.options.batch)?;
        let Some(most) = together(&pending) else { return Ok(Turn::Idle) };
        let (entries, gone) = self.group.claim(pending[0].id, idle, most)?;
        self.tally.settled.gone += gone.len() as u64;
        if entries.is_empty() {
            // What others were faster to take; or, of a server before Redis 7, what was trimmed and is ours now.
            self.mine = gone.is_empty();
            return Ok(if gone.is_empty() { Turn::Idle } else { Turn::Worked });
        }
        self.tally.reclaimed += entries.len() as u64;
        self.settle(entries, &pending)
    }

    /// Predicts entries and has them written.
    fn settle(&mut self, entries: Vec<Delivered>, pending: &[Pending]) -> Result<Turn, Trouble> {
        // Until they are settled.
        self.mine = true;
        self.tally.read += entries.len() as u64;
        let before = |id: EntryId| {
            pending.binary_search_by_key(&id, |pending| pending.id).map_or(0, |at| pending[at].deliveries)
        };
        let arrived: Vec<Arrived> =
            entries.into_iter().map(|entry| Arrived { deliveries: before(entry.id) + 1, entry }).collect();
        let loaded = self.served.current();
        let fates = self.making.fates(&loaded, &arrived)?;
        self.held = Some(Held { loaded, fates, more: !pending.is_empty() });
        self.write()
    }

    /// Has what is held written. After trouble it is tried again with the same: were the entries read anew, they would count as
    /// delivered each time, and be given up although nothing is wrong with them.
    fn write(&mut self) -> Result<Turn, Trouble> {
        let Some(Held { loaded, fates, more }) = &self.held else { return Ok(Turn::Idle) };
        let settled = self.group.settle(fates)?;
        self.tally.add(loaded, settled);
        self.options.watch.tick(fates.len() as u64);
        if let Some((id, reason)) = fates.iter().find_map(|(id, fate)| Some((id, reason(fate)?))) {
            let message = format!("{} entries have no prediction and go to the dead letters", settled.dead);
            (self.options.tell)(Code::WarnData.warning(message).help(format!("the first, {id}: {reason}")));
        }
        self.mine = *more;
        self.held = None;
        Ok(Turn::Worked)
    }

    /// Whether everything that there was at the beginning is settled.
    fn is_done(&self, idle: bool) -> Result<bool, Trouble> {
        let Some(until) = self.until else { return Ok(false) };
        let state = self.group.state()?;
        // Behind the last entry there may be none that can be delivered any more, if it was trimmed.
        let delivered = idle || state.delivered >= until;
        Ok(delivered && state.first.is_none_or(|first| first > until))
    }

    /// Looks whether the alias has moved.
    fn follow(&mut self) {
        if self.looked.elapsed() < self.options.poll {
            return;
        }
        self.looked = Instant::now();
        let name = &self.served.name;
        match self.served.look(self.registry) {
            Look::Same => {}
            Look::Swapped { from } => {
                let to = self.served.current().version;
                (self.options.say)(&format!(
                    "{name}: version {to} predicts from now on, version {from} before"
                ));
            }
            Look::Recovered => (self.options.say)(&format!("{name}: the store answers again")),
            Look::Trouble(error) => {
                let message =
                    format!("{}; version {} goes on", error.message(), self.served.current().version);
                (self.options.tell)(Code::WarnStore.warning(message));
            }
        }
    }
}

/// How many of pending entries, the first ones, are taken together; none where there are none.
fn together(pending: &[Pending]) -> Option<usize> {
    let often = pending.iter().take_while(|pending| pending.deliveries < CAREFUL).count();
    (!pending.is_empty()).then_some(often.max(1))
}

/// Why there is no prediction.
fn reason(fate: &Fate) -> Option<String> {
    match fate {
        Fate::Dead(fields) => fields.last().map(|(_, reason)| String::from_utf8_lossy(reason).into_owned()),
        Fate::Written(_) | Fate::Gone => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Pending, together};
    use crate::source::keys::EntryId;

    #[test]
    fn entries_that_came_back_often_are_taken_one_by_one() {
        let pending = |deliveries: &[u64]| -> Vec<Pending> {
            let one = |deliveries: &u64| Pending { id: EntryId::FIRST, deliveries: *deliveries };
            deliveries.iter().map(one).collect()
        };
        for (deliveries, expected) in
            [(&[][..], None), (&[1, 1, 1], Some(3)), (&[1, 1, 4, 1], Some(2)), (&[2, 1, 1], Some(1))]
        {
            assert_eq!(together(&pending(deliveries)), expected, "{deliveries:?}");
        }
    }
}
