//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::connection::Connections;
use super::journal::{Journal, line};
use super::metrics::Metrics;
use super::model::{Look, Models};
use super::settings::Settings;
use crate::diag::to_json;
use crate::registry::Registry;

pub(super) struct State {
    pub settings: Settings,
    pub models: Models,
    pub metrics: Metrics,
    pub connections: Connections,
    /// Bytes of the bodies that are under way.
    pub bodies: AtomicUsize,
    /// Places of requests with many rows that wait for a thread.
    pub waiting: Arc<Semaphore>,
    /// Metrics of other work that this process does.
    pub beside: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    journal: Journal,
}

impl State {
    pub fn new(settings: Settings, models: Models, journal: Journal) -> Self {
        Self {
            connections: Connections::new(settings.limits.connections),
            waiting: Arc::new(Semaphore::new(settings.limits.waiting)),
            bodies: AtomicUsize::new(0),
            metrics: Metrics::default(),
            beside: None,
            settings,
            models,
            journal,
        }
    }

    /// Tells what happened.
    pub fn note(&self, level: &str, event: &str, more: Value) {
        if !(self.journal)(&line(level, event, more)) {
            Metrics::count(&self.metrics.lost_lines);
        }
    }

    /// Looks once whether aliases have moved.
    pub fn look(&self, registry: &Registry) {
        for (name, served) in &self.models {
            match served.look(registry) {
                Look::Same => {}
                Look::Swapped { from } => {
                    Metrics::count(&self.metrics.swaps);
                    let now = served.current();
                    let more = json!({"model": name, "from": from, "to": now.version, "sha256": now.sha256});
                    self.note("info", "swapped", more);
                }
                Look::Trouble(error) => {
                    Metrics::count(&self.metrics.troubles);
                    let more = json!({"model": name, "serves": served.current().version, "problem": to_json(&error)});
                    self.note("warning", "degraded", more);
                }
                Look::Recovered => self.note("info", "recovered", json!({"model": name})),
            }
        }
    }
}
