//! What a learner at work lets others see: versions, what it tells at its end, and what its meter shows.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::{PAGE, Reading, Session, guard};
use crate::diag::{Code, Result};
use crate::learn::guard::Verdict;
use crate::learn::saved::Saved;
use crate::learn::{lease, publish};
use crate::registry::Registry;
use crate::source::keys::EntryId;

impl Session<'_> {
    /// Publishes a version, unless nothing was learned yet, or the latest version holds it already. Gives that version, and whether
    /// it is new.
    pub(super) fn publish(&mut self) -> Result<Option<(u64, bool)>> {
        self.published = Instant::now();
        let learned = self.learner.state().learned();
        if learned == 0 {
            let waiting = self.learner.state().waiting();
            let message =
                format!("{waiting} rows are less than a block of {}: no version yet", self.online.batch);
            let help = "go on, or lower `online.batch`";
            (self.options.tell)(Code::WarnData.warning(message).help(help));
            return Ok(None);
        }
        let bytes = publish::model(self.graph, &mut self.learner)?;
        let registry = Registry::new(Arc::clone(&self.store));
        let name = &self.graph.output.artifact;
        self.shown = learned;
        if let Some(version) = publish::standing(&registry, name, &bytes, self.place.version, learned)? {
            self.version = Some(version);
            return Ok(Some((version, false)));
        }
        let verdict = self.verdict(&registry)?;
        let mut learned = self.learned()?;
        if !self.guarded.is_null() {
            learned["guard"] = self.guarded.clone();
        }
        let alias = self.online.guard.as_ref().map_or("", |guard| &guard.alias);
        let verdict = verdict.as_ref().map(|verdict| (alias, verdict));
        let (state, tell) = (self.learner.state(), self.options.tell);
        let (version, promoted) =
            publish::publish(self.graph, &self.store, state, &bytes, learned, verdict, tell)?;
        if verdict.is_some() {
            self.guarded["promoted"] = promoted.into();
            if promoted {
                let schema = Arc::clone(&self.learner.state().schema);
                self.learner.guard = guard(self.graph, self.online, &self.store, &schema, None)?;
            }
        }
        self.version = Some(version);
        self.measure();
        Ok(Some((version, true)))
    }

    /// Moves the guarded alias back if it is to go back, and says whether it is to name what the learner knows.
    fn verdict(&mut self, registry: &Registry) -> Result<Option<Verdict>> {
        let Some(guard) = &mut self.learner.guard else { return Ok(None) };
        let back = guard.roll_back(registry, &self.graph.output.artifact)?;
        let verdict = guard.verdict();
        self.guarded = guard.json();
        self.guarded["promoted"] = verdict.promote.into();
        self.guarded["why"] = verdict.why.as_str().into();
        let alias = self.online.guard.as_ref().map_or("", |guard| &guard.alias);
        if let Some((to, why)) = back {
            let message = format!("`{alias}` names version {to} again");
            (self.options.tell)(Code::WarnData.warning(message).help(why.clone()));
            self.guarded["rolled_back"] = json!({"to": to, "why": why});
        }
        if !verdict.promote {
            let message = format!("`{alias}` does not name the new version");
            (self.options.tell)(Code::WarnData.warning(message).help(verdict.why.clone()));
        }
        Ok(Some(verdict))
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
            "score": state.score.json(),
            "labels": state.labels.as_ref().map(|labels| json!({"waiting": labels.len(), "expired": labels.expired})),
            "drift": state.drift.as_ref().map(|drift| drift.json(&state.schema)),
        }))
    }

    /// What this call came to; `version` is what [`publish`](Self::publish) gave at its end.
    pub(super) fn told(&self, version: Option<(u64, bool)>) -> Result<Value> {
        let name = &self.graph.output.artifact;
        let artifact = version.map(|(version, new)| json!({"name": name, "version": version, "new": new}));
        let guard = match &self.learner.guard {
            Some(guard) if self.guarded.is_null() => guard.json(),
            _ => self.guarded.clone(),
        };
        Ok(json!({
            "schema": "pipefit.learn/1",
            "pipeline": self.graph.name,
            "status": "ok",
            "stream": self.online.stream.shown(),
            "read": self.read,
            "learned": self.learned()?,
            "guard": guard,
            "artifact": artifact,
        }))
    }

    /// Sets the meter, where somebody looks at it. What cannot be had of the store now is left out: learning itself will tell.
    pub(super) fn measure(&mut self) {
        let Some(meter) = self.options.meter else { return };
        self.measured = Instant::now();
        let (lag_entries, lag_seconds) = self.lag();
        let (state, place) = (self.learner.state(), &self.place);
        let drift = state.drift.as_ref();
        meter.set(Reading {
            read: place.read,
            refused: place.refused,
            learned: state.learned(),
            waiting: state.waiting() as u64,
            lag_entries,
            lag_seconds,
            labels: state.labels.as_ref().map(|labels| (labels.len() as u64, labels.expired)),
            drift: drift.map(|drift| (drift.windows[0], drift.windows[1], drift.error.rises)),
            r2: state.score.recent_r2(),
            accuracy: state.score.recent_accuracy(),
            version: self.version,
            overtaken: self.overtaken,
            checkpoint: lease::now().saturating_sub(self.committed.elapsed().as_millis() as u64),
        });
    }

    /// How many entries the stream has behind our place, and how many seconds it goes on behind it by its own ids.
    fn lag(&mut self) -> (Option<u64>, Option<f64>) {
        let (stream, last) = (&self.online.stream.value, self.last());
        let ledger = self.keys.ledger(stream).ok().flatten();
        let (end, length) = match ledger {
            Some(ledger) => (Some(ledger.last), ledger.added),
            None => match self.keys.stream(stream) {
                Ok(Some(extent)) => (Some(extent.last), extent.length as u64),
                _ => (None, 0),
            },
        };
        let seconds = end.map(|end| {
            let from = last.map_or(end.time, |last| last.time);
            end.time.saturating_sub(from) as f64 / 1e3
        });
        let ours = match (ledger, self.place.passed) {
            (Some(_), passed) => passed,
            (None, _) => self.counted(),
        };
        (ours.map(|ours| length.saturating_sub(ours)), seconds)
    }

    /// How many entries of a stream that is never trimmed lie before our place: counted once.
    fn counted(&mut self) -> Option<u64> {
        if self.before.is_none() {
            let (mut count, mut from, last) = (0, Some(EntryId::FIRST), self.last());
            while let (Some(next), Some(last)) = (from, last) {
                let page = self.keys.page(&self.online.stream.value, next, PAGE).ok()?;
                count += page.iter().filter(|(id, _)| *id <= last).count() as u64;
                from = page.last().and_then(|(id, _)| id.next()).filter(|id| *id <= last);
            }
            self.before = Some(count);
        }
        self.before
    }
}
