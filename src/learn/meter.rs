//! What a learner at work shows to those who watch over it, in the text form of Prometheus.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// Set by a learner about once a second, read by anybody.
#[derive(Debug)]
pub struct Meter {
    pipeline: String,
    reading: Mutex<Option<Reading>>,
}

/// How far a learner is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Entries that were read, by whom ever.
    pub read: u64,
    /// Those of them that could not be learned.
    pub refused: u64,
    /// Rows that were learned.
    pub learned: u64,
    /// Rows of the unfinished block.
    pub waiting: u64,
    /// Entries that are there and not read.
    pub lag_entries: Option<u64>,
    /// Seconds from the last entry that was read to the last that is there, by their ids.
    pub lag_seconds: Option<f64>,
    /// Rows that wait for labels, and those that have waited in vain.
    pub labels: Option<(u64, u64)>,
    /// Windows that were compared, those that have drifted, and how often the error has risen.
    pub drift: Option<(u64, u64, u64)>,
    /// R² of the latest blocks, predicted before they were learned.
    pub r2: Option<f64>,
    /// The same as the share of right classes, of a classifier.
    pub accuracy: Option<f64>,
    /// The version that holds what was learned.
    pub version: Option<u64>,
    /// How often another learner was ahead.
    pub overtaken: u64,
    /// When it was committed last, in milliseconds since 1970.
    pub checkpoint: u64,
}

impl Meter {
    /// Of a pipeline.
    pub fn new(pipeline: &str) -> Self {
        Self { pipeline: pipeline.to_owned(), reading: Mutex::new(None) }
    }

    /// Shows another reading.
    pub fn set(&self, reading: Reading) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }

    /// The text.
    pub fn text(&self) -> String {
        let reading = *self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let at_work = f64::from(u8::from(reading.is_some()));
        let mut lines =
            vec![("learning", "gauge", "Whether this process learns, or waits for another.", Some(at_work))];
        if let Some(reading) = reading {
            lines.extend(reading.lines());
        }
        let mut text = String::new();
        // A name is of letters, digits and `._-`: nothing to escape.
        for (name, kind, help, value) in lines {
            if let Some(value) = value {
                let (name, pipeline) = (format!("pipefit_learn_{name}"), &self.pipeline);
                let _ = writeln!(
                    text,
                    "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{{pipeline=\"{pipeline}\"}} {value}"
                );
            }
        }
        text
    }
}

type Line = (&'static str, &'static str, &'static str, Option<f64>);

impl Reading {
    fn lines(&self) -> Vec<Line> {
        let number = |number: u64| Some(number as f64);
        let (labels, drift) = (self.labels, self.drift);
        vec![
            ("entries_read_total", "counter", "Entries read.", number(self.read)),
            ("entries_refused_total", "counter", "Entries that cannot be learned.", number(self.refused)),
            ("rows_learned_total", "counter", "Rows learned.", number(self.learned)),
            ("rows_waiting", "gauge", "Rows of the unfinished block.", number(self.waiting)),
            (
                "lag_entries",
                "gauge",
                "Entries that are not read yet.",
                self.lag_entries.map(|lag| lag as f64),
            ),
            (
                "lag_seconds",
                "gauge",
                "How far the stream goes on behind the last entry read.",
                self.lag_seconds,
            ),
            ("labels_waiting", "gauge", "Rows that wait for labels.", labels.map(|labels| labels.0 as f64)),
            (
                "labels_expired_total",
                "counter",
                "Rows whose label did not come.",
                labels.map(|labels| labels.1 as f64),
            ),
            ("drift_windows_total", "counter", "Windows compared.", drift.map(|drift| drift.0 as f64)),
            (
                "drift_alarms_total",
                "counter",
                "Windows that have drifted.",
                drift.map(|drift| drift.1 as f64),
            ),
            (
                "error_alarms_total",
                "counter",
                "Times that the error has risen.",
                drift.map(|drift| drift.2 as f64),
            ),
            ("recent_r2", "gauge", "R2 of the latest blocks before they were learned.", self.r2),
            (
                "recent_accuracy",
                "gauge",
                "Accuracy of the latest blocks before they were learned.",
                self.accuracy,
            ),
            (
                "version",
                "gauge",
                "The version that holds what was learned.",
                self.version.map(|version| version as f64),
            ),
            ("overtaken_total", "counter", "Times that another learner was ahead.", number(self.overtaken)),
            (
                "checkpoint_timestamp_seconds",
                "gauge",
                "When it was committed last.",
                Some(self.checkpoint as f64 / 1e3),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_shown_and_nothing_else() {
        let meter = Meter::new("demo");
        assert!(meter.text().ends_with("pipefit_learn_learning{pipeline=\"demo\"} 0\n"), "{}", meter.text());
        meter.set(Reading {
            read: 12_345_678,
            lag_seconds: Some(0.25),
            checkpoint: 1_700_000_000_500,
            ..Reading::default()
        });
        let text = meter.text();
        for line in [
            "# TYPE pipefit_learn_entries_read_total counter",
            "pipefit_learn_entries_read_total{pipeline=\"demo\"} 12345678",
            "pipefit_learn_lag_seconds{pipeline=\"demo\"} 0.25",
            "pipefit_learn_checkpoint_timestamp_seconds{pipeline=\"demo\"} 1700000000.5",
        ] {
            assert!(text.lines().any(|own| own == line), "no `{line}` in {text}");
        }
        assert!(!text.contains("lag_entries") && !text.contains("drift"));
    }
}
