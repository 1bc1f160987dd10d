//! Counters, in the text form of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::model::{Loaded, Models};
use super::route::Work;

/// The statuses that are counted apart; the last is any other.
const STATUSES: [u16; 13] = [200, 400, 401, 403, 404, 405, 408, 413, 415, 431, 500, 503, 0];
/// Upper bounds of the classes of durations, in microseconds.
const BOUNDS: [u64; 14] = [
    100, 250, 500, 1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
];
/// Works, and one more for addresses that mean nothing.
const WORKS: usize = Work::NAMES.len() + 1;

/// What has happened so far.
#[derive(Default)]
pub struct Metrics {
    works: [PerWork; WORKS],
    rows: Mutex<BTreeMap<(String, u64), u64>>,
    /// Connections that were made.
    pub accepted: AtomicU64,
    /// Connections that were turned away since there were too many.
    pub rejected: AtomicU64,
    /// Silent connections that were closed to make room.
    pub evicted: AtomicU64,
    /// Versions that were exchanged while serving.
    pub swaps: AtomicU64,
    /// Looks at the store that failed.
    pub troubles: AtomicU64,
    /// Lines of the log that nobody took in time.
    pub lost_lines: AtomicU64,
}

#[derive(Default)]
struct PerWork {
    statuses: [AtomicU64; STATUSES.len()],
    durations: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

impl Metrics {
    /// One more.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer.
    pub fn answered(&self, work: Option<Work>, status: u16, took: Duration) {
        let per = &self.works[work.map_or(WORKS - 1, |work| work as usize)];
        let place = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len() - 1);
        Self::count(&per.statuses[place]);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        Self::count(&per.durations[BOUNDS.partition_point(|bound| *bound < micros)]);
        per.microseconds.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts rows that a version predicted.
    pub fn predicted(&self, model: &Loaded, rows: usize) {
        let mut all = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|((name, version), _)| *version == model.version && *name == model.name) {
            Some((_, count)) => *count += rows as u64,
            None => drop(all.insert((model.name.clone(), model.version), rows as u64)),
        }
    }

    /// All of it as text; `connections` are those that are open now.
    pub fn text(&self, models: &Models, connections: usize) -> String {
        let mut text = String::with_capacity(8192);
        self.push_requests(&mut text);
        head(&mut text, "pipefit_predict_rows_total", "counter", "Rows predicted.");
        for ((name, version), rows) in self.rows.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ =
                writeln!(text, "pipefit_predict_rows_total{{model=\"{name}\",version=\"{version}\"}} {rows}");
        }
        head(&mut text, "pipefit_model_info", "gauge", "The version that is served now.");
        for served in models.values() {
            let model = served.current();
            let (name, version, sha256) = (&model.name, model.version, &model.sha256);
            let _ = writeln!(
                text,
                "pipefit_model_info{{model=\"{name}\",version=\"{version}\",sha256=\"{sha256}\"}} 1"
            );
        }
        head(
            &mut text,
            "pipefit_model_degraded",
            "gauge",
            "Whether the store fails to tell of newer versions.",
        );
        for (name, served) in models {
            let degraded = u8::from(served.trouble().is_some());
            let _ = writeln!(text, "pipefit_model_degraded{{model=\"{name}\"}} {degraded}");
        }
        head(&mut text, "pipefit_connections", "gauge", "Connections that are open.");
        let _ = writeln!(text, "pipefit_connections {connections}");
        for (name, what, counter) in [
            ("pipefit_connections_accepted_total", "Connections made.", &self.accepted),
            ("pipefit_connections_rejected_total", "Connections turned away at the limit.", &self.rejected),
            ("pipefit_connections_evicted_total", "Silent connections closed to make room.", &self.evicted),
            ("pipefit_model_swaps_total", "Versions exchanged while serving.", &self.swaps),
            ("pipefit_store_errors_total", "Looks at the store that failed.", &self.troubles),
            ("pipefit_log_lines_lost_total", "Lines of the log that nobody took in time.", &self.lost_lines),
        ] {
            head(&mut text, name, "counter", what);
            let _ = writeln!(text, "{name} {}", counter.load(Ordering::Relaxed));
        }
        text
    }

    fn push_requests(&self, text: &mut String) {
        let name = |work: usize| Work::NAMES.get(work).copied().unwrap_or("unknown");
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        head(text, "pipefit_http_requests_total", "counter", "Requests by what they asked for and status.");
        for (work, per) in self.works.iter().enumerate() {
            for (status, count) in STATUSES.iter().zip(per.statuses.iter().map(load)) {
                if count > 0 {
                    let route = name(work);
                    let _ = writeln!(
                        text,
                        "pipefit_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}"
                    );
                }
            }
        }
        let metric = "pipefit_http_request_duration_seconds";
        head(text, metric, "histogram", "From the head of a request to its answer.");
        for (work, per) in self.works.iter().enumerate() {
            let counts: Vec<u64> = per.durations.iter().map(load).collect();
            let all: u64 = counts.iter().sum();
            if all == 0 {
                continue;
            }
            let route = name(work);
            let mut below = 0;
            for (bound, count) in BOUNDS.iter().zip(&counts) {
                below += count;
                let seconds = *bound as f64 / 1e6;
                let _ = writeln!(text, "{metric}_bucket{{route=\"{route}\",le=\"{seconds}\"}} {below}");
            }
            let _ = writeln!(text, "{metric}_bucket{{route=\"{route}\",le=\"+Inf\"}} {all}");
            let _ =
                writeln!(text, "{metric}_sum{{route=\"{route}\"}} {}", load(&per.microseconds) as f64 / 1e6);
            let _ = writeln!(text, "{metric}_count{{route=\"{route}\"}} {all}");
        }
    }
}

fn head(text: &mut String, name: &str, kind: &str, what: &str) {
    let _ = writeln!(text, "# HELP {name} {what}\n# TYPE {name} {kind}");
}
