//! A learner at work: it reads its stream, and commits what it knows and how far it has read in one swap.

mod versions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::dead::bury;
use super::distance::Distance;
use super::drift::{Alarm, Found};
use super::entry::Entries;
use super::guard::{Compared, Guard};
use super::labels::Arrived;
use super::lease::{Lease, Owner};
use super::meter::{Meter, Reading};
use super::saved::{Place, Saved};
use super::state::Settings;
use super::{Learner, begin};
use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::graph::Graph;
use crate::plan;
use crate::registry::Registry;
use crate::source::keys::{Entry, EntryId, Keys, Row};
use crate::spec::Online;
use crate::store::Store;
use crate::table::Schema;

/// Entries that are read at once.
const PAGE: usize = 2_000;

/// How often the meter is set.
const LOOK: Duration = Duration::from_secs(1);

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
    /// What others may look at meanwhile, where somebody does.
    pub meter: Option<&'a Meter>,
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
    session.measure();
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
    /// Rows whose labels did not come, since then.
    expired: Vec<Entry>,
    /// What became of the guarded alias.
    guarded: Value,
    /// How many entries came since then.
    fresh: u64,
    committed: Instant,
    published: Instant,
    /// How many rows the last version knows that this call has published.
    shown: u64,
    /// The entries that this call has read.
    read: u64,
    /// The version that holds what was learned, as far as we know.
    version: Option<u64>,
    /// How many times others were ahead of us.
    overtaken: u64,
    /// How many entries the stream had up to our place where nobody else counts them, if that matters.
    before: Option<u64>,
    measured: Instant,
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
        let mut saved = begin::saved(graph, online, &store, keys, bytes.as_deref(), options.watch)?;
        let (learner, entries) = parts(graph, online, &store, &mut saved)?;
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
            expired: Vec::new(),
            guarded: Value::Null,
            fresh: 0,
            committed: now,
            published: now,
            shown: 0,
            read: 0,
            version: None,
            overtaken: 0,
            before: None,
            measured: now,
        })
    }

    /// Learns until it is to end; gives the version that holds what was learned then, and whether this call has made it at the end.
    fn work(&mut self, lease: &Lease, until: Option<EntryId>) -> Result<Option<(u64, bool)>> {
        let (max_wait, publish) =
            (Duration::from_millis(self.online.max_wait), Duration::from_millis(self.online.publish));
        let keep = Duration::from_millis(self.online.lease / 3);
        let mut kept = Instant::now();
        self.measure();
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
            if self.measured.elapsed() >= LOOK {
                self.measure();
            }
            if let Some(drifted) = self.tell_of_drift() {
                // The rows are learned, so that the next learner goes on behind them.
                if self.checkpoint()? {
                    return Err(drifted);
                }
                self.reload()?;
                continue;
            }
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
        match self.labelled(id, row) {
            Arrived::Waits => {}
            Arrived::Whole(row) => match self.entries.cells(&row) {
                Ok(cells) => self.learner.push(&cells, id.time)?,
                Err(reason) => self.refuse(id, row, reason),
            },
            Arrived::Refused(row, reason) => self.refuse(id, row, reason),
        }
        self.place.last = Some((id.time, id.number));
        self.place.read += 1;
        self.place.passed = self.place.passed.map(|passed| passed + 1);
        self.before = self.before.map(|before| before + 1);
        self.fresh += 1;
        self.read += 1;
        Ok(())
    }

    /// An entry with its target, where that comes later.
    fn labelled(&mut self, id: EntryId, row: Row) -> Arrived {
        let Some(terms) = &self.online.labels else { return Arrived::Whole(row) };
        let target = &self.graph.target.name;
        let is_feature = |name: &[u8]| name != target.as_bytes() && self.entries.knows(name);
        self.learner.waiting().arrive(id, row, terms, target, &is_feature, &mut self.expired)
    }

    fn refuse(&mut self, id: EntryId, row: Row, reason: String) {
        self.place.refused += 1;
        let mut fields = row;
        fields.push((b"pipefit_reason".to_vec(), reason.into_bytes()));
        self.refused.push(Entry { id: Some(id), fields });
    }

    /// Says what has drifted; that as an error where the file asks for it.
    fn tell_of_drift(&mut self) -> Option<Diagnostic> {
        let mut messages = Vec::new();
        let stream = self.online.stream.shown();
        for alarm in std::mem::take(&mut self.learner.alarms) {
            messages.push(match alarm {
                Alarm::Columns(columns) => {
                    let columns: Vec<String> = columns.iter().map(|(j, found)| self.drifted(*j, found)).collect();
                    format!("rows of stream `{stream}` have drifted: {}", columns.join(", "))
                }
                Alarm::Error(before, after) => format!(
                    "rows of stream `{stream}` are predicted worse than before: bounded error {after:.3}, was {before:.3}",
                ),
            });
        }
        let help = "see `online.drift` in docs/learning.md";
        if self.online.drift.is_some_and(|drift| drift.fail) && !messages.is_empty() {
            let message = messages.join("; ");
            return Some(Code::Drifted.error(message).at(&self.online.stream.span).help(help));
        }
        messages
            .into_iter()
            .for_each(|message| (self.options.tell)(Code::WarnData.warning(message).help(help)));
        None
    }

    /// A feature and how far it is off.
    fn drifted(&self, feature: usize, found: &Found) -> String {
        let name = self.learner.state().schema.fields().get(feature).map_or("", |field| &field.name);
        let distance = |name: &str, found: Option<Distance>| {
            found.map(|found| format!("{name} {:.3}, p {:.0e}", found.value, found.p_value))
        };
        let distances = [distance("psi", found.psi), distance("ks", found.ks)];
        let distances: Vec<String> = distances.into_iter().flatten().collect();
        format!("`{name}` ({})", distances.join("; "))
    }

    /// Commits state and place; false if the record is not as we know it.
    fn checkpoint(&mut self) -> Result<bool> {
        if self.fresh == 0 && self.bytes.is_some() {
            return Ok(true);
        }
        let (stream, tell) = (&self.online.stream.value, self.options.tell);
        bury(self.keys, &format!("{stream}:dead"), &mut self.refused, "cannot be learned", tell)?;
        let late = "have waited for a label in vain";
        bury(self.keys, &format!("{stream}:unlabelled"), &mut self.expired, late, tell)?;
        self.place.guard = self.learner.guard.as_ref().map(|guard| guard.compared.clone());
        let bytes = Saved::bytes_of(self.learner.state(), &self.place)?;
        if !self.store.swap(&self.record, self.bytes.as_deref(), &bytes)? {
            return Ok(false);
        }
        self.bytes = Some(bytes);
        self.fresh = 0;
        self.committed = Instant::now();
        Ok(true)
    }

    /// Takes up what another learner has committed.
    fn reload(&mut self) -> Result<()> {
        self.bytes = self.store.read(&self.record)?;
        let watch = self.options.watch;
        let mut saved =
            begin::saved(self.graph, self.online, &self.store, self.keys, self.bytes.as_deref(), watch)?;
        let (learner, entries) = parts(self.graph, self.online, &self.store, &mut saved)?;
        (self.learner, self.entries, self.place) = (learner, entries, saved.place);
        self.refused.clear();
        self.expired.clear();
        self.fresh = 0;
        self.overtaken += 1;
        self.before = None;
        Ok(())
    }
}

fn parts<'a>(
    graph: &'a Graph,
    online: &'a Online,
    store: &Arc<dyn Store>,
    saved: &mut Saved,
) -> Result<(Learner<'a>, Entries)> {
    let state = saved.state.clone();
    let groups = plan::groups(graph, &state.schema, &mut Vec::new())?;
    let entries = Entries::new(graph, &groups, &state);
    let guard = guard(graph, online, store, &state.schema, saved.place.guard.take())?;
    let mut learner = Learner::new(graph, Settings::of(online), state)?;
    learner.guard = guard;
    Ok((learner, entries))
}

fn guard<'a>(
    graph: &Graph,
    online: &'a Online,
    store: &Arc<dyn Store>,
    schema: &Schema,
    saved: Option<Compared>,
) -> Result<Option<Guard<'a>>> {
    let Some(terms) = &online.guard else { return Ok(None) };
    let registry = Registry::new(Arc::clone(store));
    Guard::open(terms, &registry, &graph.output.artifact, schema, saved).map(Some)
}
