//! What a learner looks after beside learning: drift, a guarded alias, labels that come late.

use super::Text;
use super::reader::{Keys, Reader, value, wrong};
use crate::yaml::Entry;

/// When rows count as drifted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriftTerms {
    /// How many rows are compared with the reference at once.
    pub window: u64,
    /// How many first rows of the stream are the reference where no run has left one.
    pub reference: u64,
    /// The probability that a window without drift passes for one.
    pub p_value: f64,
    /// The least stability index that counts.
    pub psi: f64,
}

/// The section `online.drift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// When there is drift.
    pub terms: DriftTerms,
    /// Whether `learn` ends then.
    pub fail: bool,
}

/// The section `online.guard`: an alias that follows the learner's versions unless they are worse.
#[derive(Clone, Debug, PartialEq)]
pub struct Guarded {
    /// The alias.
    pub alias: String,
    /// How many latest rows are compared; with fewer the alias stays.
    pub rows: u64,
    /// By what share of the champion's a mean error may be greater.
    pub max_worse: f64,
    /// A greater mean error counts if it is as unlikely as this by chance.
    pub p_value: f64,
}

/// The section `online.labels`: the target comes later, in an entry of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// The field that a row and its label have in common.
    pub key: Text,
    /// In milliseconds: how long a row waits.
    pub wait: u64,
    /// How many rows wait at most.
    pub rows: usize,
}

const DRIFT: Keys = Keys {
    name: "`online.drift`",
    known: &["window", "reference", "p_value", "psi", "on_drift"],
    later: &[],
};
const GUARD: Keys =
    Keys { name: "`online.guard`", known: &["alias", "rows", "max_worse", "p_value"], later: &[] };
const LABELS: Keys = Keys { name: "`online.labels`", known: &["key", "wait", "rows"], later: &["stream"] };

const MOST_ROWS: i64 = 1_000_000;
const WEEK: u64 = 7 * 86_400_000;

impl Reader<'_> {
    /// The section `online.drift`.
    pub(super) fn online_drift(&mut self, online: &[Entry]) -> Option<Drift> {
        let entries = self.entries(value(online, "drift")?, &DRIFT);
        let window = self.rows_of(entries, "window", "`online.drift.window`", 20);
        let reference = self.rows_of(entries, "reference", "`online.drift.reference`", 20);
        let p_value = self.share_of(entries, "p_value", "`online.drift.p_value`", 1.0);
        let psi = self.share_of(entries, "psi", "`online.drift.psi`", f64::MAX);
        let words = ["warn", "fail"];
        let text = value(entries, "on_drift").and_then(|node| self.text(node, "`online.drift.on_drift`"));
        let text = text.filter(|text| self.word(text, "`online.drift.on_drift`", &words));
        let terms = DriftTerms {
            window: window.unwrap_or(1_000),
            reference: reference.unwrap_or(5_000),
            p_value: p_value.unwrap_or(0.001),
            psi: psi.unwrap_or(0.0),
        };
        Some(Drift { terms, fail: text.is_some_and(|text| text.value == "fail") })
    }

    /// The section `online.guard`.
    pub(super) fn online_guard(&mut self, online: &[Entry]) -> Option<Guarded> {
        let entries = self.entries(value(online, "guard")?, &GUARD);
        let alias = value(entries, "alias").and_then(|node| self.alias(node, "`online.guard.alias`"));
        let rows = self.rows_of(entries, "rows", "`online.guard.rows`", 2);
        let max_worse = self.share_of(entries, "max_worse", "`online.guard.max_worse`", f64::MAX);
        let p_value = self.share_of(entries, "p_value", "`online.guard.p_value`", 1.0);
        Some(Guarded {
            alias: alias.unwrap_or_else(|| "champion".to_owned()),
            rows: rows.unwrap_or(1_000),
            max_worse: max_worse.unwrap_or(0.0),
            p_value: p_value.unwrap_or(0.05),
        })
    }

    /// The section `online.labels`.
    pub(super) fn online_labels(&mut self, online: &[Entry]) -> Option<Labels> {
        let node = value(online, "labels")?;
        let entries = self.entries(node, &LABELS);
        let Some(key) = value(entries, "key") else {
            let help = "`key: id`, the field that a row and its label have in common";
            self.missing("key", "`online.labels`", &node.span, help);
            return None;
        };
        let key = self.text(key, "`online.labels.key`")?;
        let wait = self.span_of(entries, "wait", "`online.labels.wait`").unwrap_or(WEEK);
        let rows = self.rows_of(entries, "rows", "`online.labels.rows`", 1);
        let rows = rows.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(10_000);
        Some(Labels { key, wait, rows })
    }

    fn rows_of(&mut self, entries: &[Entry], key: &str, name: &str, least: i64) -> Option<u64> {
        let rows = self.whole(value(entries, key)?, name, least, MOST_ROWS)?;
        u64::try_from(rows).ok()
    }

    /// A number from 0 to a bound.
    fn share_of(&mut self, entries: &[Entry], key: &str, name: &str, most: f64) -> Option<f64> {
        let node = value(entries, key)?;
        let found = node.as_f64().filter(|number| number.is_finite() && (0.0..=most).contains(number));
        if found.is_none() {
            let what = if most == 1.0 { "a number from 0 to 1" } else { "a number that is not negative" };
            self.report(wrong(name, what, node).help("write a number such as `0.01`"));
        }
        found
    }
}
