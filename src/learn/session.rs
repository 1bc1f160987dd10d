//! A learner at work: it reads its stream, and commits what it knows and how far it has read in one swap.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::entry::Entries;
use super::lease::{Lease, Owner};
use super::saved::{Place, Saved};
use super::state::{Settings, State};
use super::{Learner, begin, publish};
use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::graph::Graph;
use crate::plan;
use crate::source::keys::{Entry, EntryId, Keys, Row};
use crate::spec::Online;
use crate::store::Store;

/// Entries that are read at once.
const PAGE: usize = 2_000;

/// How long to wait for entries where there are none.
const PAUSE: Duration = Duration::from_millis(20);

/// How a learner is to work.
pub struct Options<'a> {
    /// Whether it ends behind the last entry that the stream has when it begins.
    pub once: bool,
    /// Who it is.
    pub owner: Owner,
    /// Whether a process of this host is there.
    pub is_alive: &'a (dyn Fn(&Owner) -> bool + Sync),
    /// Told when it starts.
    pub watch: &'a dyn Watch,
    /// Told what is worth knowing meanwhile.
    pub tell: &'a dyn Fn(Diagnostic),
}

/// What a learner came to.
#[derive(Debug)]
pub struct Finished {
    /// `pipefit.learn/1`.
    pub json: Value,
}

/// Learns the stream of a file with `online`, until it is stopped, or once.
///
/// # Errors
/// What the store has to say, a gap in the stream, a step or model that refuses what was learned.
pub fn learn(graph: &Graph, store: Arc<dyn Store>, keys: &dyn Keys, options: &Options) -> Result<Finished> {
    let Some(online) = &graph.online else {
        let help = "add `online: {stream: KEY}`, the key of the stream to learn from";
        return Err(Code::MissingKey.error(format!("`{}` has no `online`", graph.name)).help(help));
    };
    let name = &graph.output.artifact;
    let lease = Lease::new(Arc::clone(&store), name, online.lease, options.owner.clone(), options.is_alive);
    // What is there now is learned, however long the lease takes.
    let until = if options.once { last_of(keys, online)? } else { None };
    if !lease.take(options.watch, options.tell)? {
        return Err(Code::Interrupted.error("stopped while another process learns"));
    }
    let mut session = Session::open(graph, online, store, keys, options)?;
    let outcome = session.work(&lease, until);
    // Whoever waits may go on at once; a lease that is not given back runs out.
    let given_back = lease.give_back();
    let version = outcome?;
    given_back?;
    Ok(Finished { json: session.told(version)? })
}

/// The last entry of the stream, if there is one.
fn last_of(keys: &dyn Keys, online: &Online) -> Result<Option<EntryId>> {
    match keys.stream(&online.stream.value) {
        Ok(extent) => Ok(extent.map(|extent| extent.last)),
        // A stream begins with its first entry.
        Err(error) if error.code() == Code::MissingKeyOrFile => Ok(None),
        Err(error) => Err(error.at(&online.stream.span)),
    }
}

struct Session<'a> {
    graph: &'a Graph,
    online: &'a Online,
    store: Arc<dyn Store>,
    keys: &'a dyn Keys,
    options: &'a Options<'a>,
    record: String,
    /// What the record holds, as far as we know.
    bytes: Option<Vec<u8>>,
    learner: Learner<'a>,
    entries: Entries,
    place: Place,
    /// Entries that cannot be learned, since the last checkpoint.
    refused: Vec<Entry>,
    /// How many entries came since then.
    fresh: u64,
    committed: Instant,
    published: Instant,
    /// How many rows the last version knows that this call has published.
    shown: u64,
    /// The entries that this call has read.
    read: u64,
}

impl<'a> Session<'a> {
    fn open(
        graph: &'a Graph,
        online: &'a Online,
        store: Arc<dyn Store>,
        keys: &'a dyn Keys,
        options: &'a Options<'a>,
    ) -> Result<Self> {
        let record = format!("learner:{}", graph.output.artifact);
        let bytes = store.read(&record)?;
        let saved = begin::saved(graph, online, &store, keys, bytes.as_deref(), options.watch)?;
        let (learner, entries) = parts(graph, online, saved.state)?;
        let now = Instant::now();
        Ok(Self {
            graph,
            online,
            store,
            keys,
            options,
            record,
            bytes,
            learner,
            entries,
            place: saved.place,
            refused: Vec::new(),
            fresh: 0,
            committed: now,
            published: now,
            shown: 0,
            read: 0,
        })
    }

    /// Learns until it is to end; gives the version that was published at the end.
    fn work(&mut self, lease: &Lease, until: Option<EntryId>) -> Result<Option<u64>> {
        let (max_wait, publish) =
            (Duration::from_millis(self.online.max_wait), Duration::from_millis(self.online.publish));
        let keep = Duration::from_millis(self.online.lease / 3);
        let mut kept = Instant::now();
        loop {
            let stop = self.options.watch.stopped();
            let done = self.options.once && until.is_none_or(|until| self.last() >= Some(until));
            if stop || done {
                if !self.checkpoint()? {
                    self.reload()?;
                    continue;
                }
                return self.publish();
            }
            let more = self.page(until)?;
            let due = self.committed.elapsed() >= max_wait;
            if self.fresh > 0 && due && !self.checkpoint()? {
                // Somebody was ahead of us: what they have learned counts, and we go on from there.
                if !lease.take(self.options.watch, self.options.tell)? {
                    continue;
                }
                self.reload()?;
            }
            if kept.elapsed() >= keep {
                if !lease.keep()? && lease.take(self.options.watch, self.options.tell)? {
                    self.reload()?;
                }
                kept = Instant::now();
            }
            if self.published.elapsed() >= publish && self.learner.state().learned() > self.shown {
                if self.checkpoint()? {
                    self.publish()?;
                } else {
                    self.reload()?;
                }
            }
            if !more {
                std::thread::sleep(PAUSE.min(max_wait));
            }
        }
    }

    fn last(&self) -> Option<EntryId> {
        self.place.last.map(|(time, number)| EntryId { time, number })
    }

    /// Reads and learns the next entries; says whether there were any.
    fn page(&mut self, until: Option<EntryId>) -> Result<bool> {
        let from = match self.last() {
            None => EntryId::FIRST,
            Some(last) => match last.next() {
                Some(next) => next,
                None => return Ok(false),
            },
        };
        self.watch_for_gaps()?;
        let page = match self.keys.page(&self.online.stream.value, from, PAGE) {
            Err(error) if error.code() == Code::MissingKeyOrFile => return Ok(false),
            page => page.map_err(|error| error.or_at(&self.online.stream.span))?,
        };
        let more = !page.is_empty();
        for (id, row) in page.into_iter().filter(|(id, _)| until.is_none_or(|until| *id <= until)) {
            self.entry(id, row)?;
        }
        Ok(more)
    }

    /// Looks whether entries have gone that were not read: more were added than were there to be read.
    fn watch_for_gaps(&mut self) -> Result<()> {
        let stream = &self.online.stream;
        let Some(ledger) = self.keys.ledger(&stream.value)? else { return Ok(()) };
        let last = self.last();
        // Up to our place: all that have gone if there is none left before it, all that there were if we are at the end.
        let up_to_us = if last.is_none_or(|last| ledger.first.is_none_or(|first| first > last)) {
            ledger.added.saturating_sub(ledger.length)
        } else if last >= Some(ledger.last) {
            ledger.added
        } else {
            return Ok(());
        };
        let lost = up_to_us.saturating_sub(self.place.passed.unwrap_or(up_to_us));
        self.place.passed = Some(up_to_us);
        if lost == 0 {
            return Ok(());
        }
        let after = last.map_or_else(|| "the beginning".to_owned(), |last| format!("entry {last}"));
        let message =
            format!("{lost} entries of stream `{}` behind {after} have gone unread", stream.shown());
        if self.online.stop_on_gap {
            let help = "say `online.on_gap: warn` to go on without them, or run the file again; trim the stream less, or learn more often";
            return Err(Code::StreamGap.error(message).at(&stream.span).help(help));
        }
        (self.options.tell)(Code::WarnData.warning(message).help("what was there is learned"));
        Ok(())
    }

    fn entry(&mut self, id: EntryId, row: Row) -> Result<()> {
        match self.entries.cells(&row) {
            Ok(cells) => self.learner.push(&cells, id.time)?,
            Err(reason) => {
                self.place.refused += 1;
                let mut fields = row;
                fields.push((b"pipefit_reason".to_vec(), reason.into_bytes()));
                self.refused.push(Entry { id: Some(id), fields });
            }
        }
        self.place.last = Some((id.time, id.number));
        self.place.read += 1;
        self.place.passed = self.place.passed.map(|passed| passed + 1);
        self.fresh += 1;
        self.read += 1;
        Ok(())
    }

    /// Commits state and place; false if the record is not as we know it.
    fn checkpoint(&mut self) -> Result<bool> {
        if self.fresh == 0 && self.bytes.is_some() {
            return Ok(true);
        }
        self.bury()?;
        let bytes = Saved::bytes_of(self.learner.state(), &self.place)?;
        if !self.store.swap(&self.record, self.bytes.as_deref(), &bytes)? {
            return Ok(false);
        }
        self.bytes = Some(bytes);
        self.fresh = 0;
        self.committed = Instant::now();
        Ok(true)
    }

    /// Puts entries that cannot be learned where somebody may look at them. They keep their ids, so that those which an
    /// earlier attempt has put there are known.
    fn bury(&mut self) -> Result<()> {
        if self.refused.is_empty() {
            return Ok(());
        }
        let dead = format!("{}:dead", self.online.stream.value);
        let last = match self.keys.stream(&dead) {
            Ok(extent) => extent.map(|extent| extent.last),
            Err(error) if error.code() == Code::MissingKeyOrFile => None,
            Err(error) => return Err(error),
        };
        self.refused.retain(|entry| entry.id > last);
        if let Some(first) = self.refused.first() {
            let reason = first.fields.last().map_or(&[][..], |(_, reason)| reason);
            let count = self.refused.len();
            let id = first.id.map_or_else(String::new, |id| id.to_string());
            let message = format!("{count} entries cannot be learned and go to `{dead}`");
            let help = format!("the first, {id}: {}", String::from_utf8_lossy(reason));
            (self.options.tell)(Code::WarnData.warning(message).help(help));
        }
        match self.keys.append(&dead, &self.refused) {
            // Another learner was there in the meantime.
            Err(error) if error.code() == Code::StoreRefused => {}
            done => drop(done?),
        }
        self.refused.clear();
        Ok(())
    }

    /// Takes up what another learner has committed.
    fn reload(&mut self) -> Result<()> {
        self.bytes = self.store.read(&self.record)?;
        let watch = self.options.watch;
        let saved =
            begin::saved(self.graph, self.online, &self.store, self.keys, self.bytes.as_deref(), watch)?;
        let (learner, entries) = parts(self.graph, self.online, saved.state)?;
        (self.learner, self.entries, self.place) = (learner, entries, saved.place);
        self.refused.clear();
        self.fresh = 0;
        Ok(())
    }

    /// Publishes a version, unless nothing was learned yet.
    fn publish(&mut self) -> Result<Option<u64>> {
        self.published = Instant::now();
        if self.learner.state().learned() == 0 {
            let waiting = self.learner.state().waiting();
            let message =
                format!("{waiting} rows are less than a block of {}: no version yet", self.online.batch);
            let help = "go on, or lower `online.batch`";
            (self.options.tell)(Code::WarnData.warning(message).help(help));
            return Ok(None);
        }
        let learned = self.learned()?;
        self.shown = self.learner.state().learned();
        publish::publish(self.graph, &self.store, &mut self.learner, learned, self.options.tell).map(Some)
    }

    /// What was learned, for people and records.
    fn learned(&self) -> Result<Value> {
        let state = self.learner.state();
        Ok(json!({
            "rows": state.rows(),
            "waiting": state.waiting(),
            "read": self.place.read,
            "refused": self.place.refused,
            "last": self.last().map(|last| last.to_string()),
            "sha256": Saved::digest(state)?.to_string(),
            "score": {
                "rows": state.score.rows(),
                "unpredicted": state.score.unpredicted,
                "r2": state.score.r2(),
                "recent_r2": state.score.recent_r2(),
            },
        }))
    }

    fn told(&self, version: Option<u64>) -> Result<Value> {
        let artifact = version.map(|version| json!({"name": self.graph.output.artifact, "version": version}));
        Ok(json!({
            "schema": "pipefit.learn/1",
            "pipeline": self.graph.name,
            "status": "ok",
            "stream": self.online.stream.shown(),
            "read": self.read,
            "learned": self.learned()?,
            "artifact": artifact,
        }))
    }
}

fn parts<'a>(graph: &'a Graph, online: &Online, state: State) -> Result<(Learner<'a>, Entries)> {
    let groups = plan::groups(graph, &state.schema, &mut Vec::new())?;
    let entries = Entries::new(graph, &groups, &state);
    Ok((Learner::new(graph, Settings::of(online), state)?, entries))
}
