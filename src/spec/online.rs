//! How a published pipeline goes on learning.

use super::Text;
use super::reader::{Keys, Reader, value, wrong};
use super::stream::{Moment, SPANS};
use super::watched::{Drift, Guarded, Labels};
use crate::diag::{Code, Span};
use crate::yaml::{Entry, Node, Value};

/// The section `online`.
#[derive(Clone, Debug, PartialEq)]
pub struct Online {
    /// The key of the stream.
    pub stream: Text,
    /// Where learning begins if nothing was learned yet; `None` for the beginning, or after what `run` has read of it.
    pub from: Option<Moment>,
    /// How many rows enter what is learned at once.
    pub batch: usize,
    /// In milliseconds: how long rows that were read may wait for a checkpoint.
    pub max_wait: u64,
    /// In milliseconds: how long what was learned may wait for a version.
    pub publish: u64,
    /// In milliseconds: how long a learner that says nothing keeps others from learning the same.
    pub lease: u64,
    /// After what a row weighs half.
    pub half_life: Option<HalfLife>,
    /// Of how many latest rows alone something is learned.
    pub window: Option<u64>,
    /// Whether every row is predicted before it is learned.
    pub evaluate: bool,
    /// Whether entries that nobody can read any more are an error.
    pub stop_on_gap: bool,
    /// Whether rows are compared with those before.
    pub drift: Option<Drift>,
    /// An alias that follows the versions unless they are worse.
    pub guard: Option<Guarded>,
    /// Whether targets come later than their rows.
    pub labels: Option<Labels>,
    /// All classes of the target, for a classifier that has to know them when it begins; empty where they are not named.
    pub classes: Vec<Text>,
    /// Where it is written.
    pub span: Span,
}

/// After what a row weighs half.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HalfLife {
    /// So many rows behind it.
    Rows(f64),
    /// So many milliseconds, by the times of the entries.
    Time(u64),
}

const ONLINE: Keys = Keys {
    name: "`online`",
    known: &[
        "stream",
        "from",
        "batch",
        "max_wait",
        "publish",
        "lease",
        "half_life",
        "window",
        "evaluate",
        "on_gap",
        "drift",
        "guard",
        "labels",
        "classes",
    ],
    later: &[],
};

const DEFAULT_BATCH: usize = 500;
const MOST_ROWS: i64 = 1_000_000;

impl Reader<'_> {
    /// The section `online`.
    pub(super) fn online(&mut self, root: &[Entry]) -> Option<Online> {
        let node = value(root, "online")?;
        let entries = self.entries(node, &ONLINE);
        let Some(stream) = value(entries, "stream") else {
            self.missing("stream", "`online`", &node.span, "`stream: events`, the key of the stream");
            return None;
        };
        let stream = self.text(stream, "`online.stream`")?;
        let from = value(entries, "from");
        let from = from.map(|node| self.moment(Some(node), "`online.from`", Moment::Start).0);
        let batch = value(entries, "batch").and_then(|node| self.whole(node, "`online.batch`", 1, MOST_ROWS));
        let half_life = value(entries, "half_life").and_then(|node| self.half_life(node));
        let window = value(entries, "window");
        let window = window.and_then(|node| self.whole(node, "`online.window`", 1, i64::MAX));
        if let (Some(_), Some(_), Some(node)) = (half_life, window, value(entries, "window")) {
            let message = "`online.half_life` and `online.window` are two ways to forget";
            self.report(Code::Conflict.error(message).help("leave one of them out").at(&node.span));
        }
        let evaluate = self.online_word(entries, "evaluate", &["progressive", "none"]);
        if let (Some("none"), Some(guard)) = (evaluate.as_deref(), value(entries, "guard")) {
            let message = "`online.guard` compares predictions, and `online.evaluate: none` makes none";
            self.report(Code::Conflict.error(message).help("leave one of them out").at(&guard.span));
        }
        let on_gap = self.online_word(entries, "on_gap", &["fail", "warn"]);
        Some(Online {
            stream,
            from,
            batch: batch.and_then(|batch| usize::try_from(batch).ok()).unwrap_or(DEFAULT_BATCH),
            max_wait: self.span_of(entries, "max_wait", "`online.max_wait`").unwrap_or(1_000),
            publish: self.span_of(entries, "publish", "`online.publish`").unwrap_or(60_000),
            lease: self.span_of(entries, "lease", "`online.lease`").unwrap_or(10_000),
            half_life,
            window: window.and_then(|window| u64::try_from(window).ok()),
            evaluate: evaluate.is_none_or(|word| word == "progressive"),
            stop_on_gap: on_gap.is_none_or(|word| word == "fail"),
            drift: self.online_drift(entries),
            guard: self.online_guard(entries),
            labels: self.online_labels(entries),
            classes: self.online_classes(entries),
            span: node.span.clone(),
        })
    }

    fn online_classes(&mut self, entries: &[Entry]) -> Vec<Text> {
        let Some(node) = value(entries, "classes") else { return Vec::new() };
        let classes = self.texts(node, "`online.classes`");
        if classes.len() < 2 {
            let problem = Code::BadValue.error("`online.classes` names fewer than two classes");
            self.report(
                problem.help("name all that the target can have, such as `[no, yes]`").at(&node.span),
            );
        }
        classes
    }

    fn online_word(&mut self, entries: &[Entry], key: &str, words: &[&str]) -> Option<String> {
        let name = format!("`online.{key}`");
        let text = self.text(value(entries, key)?, &name)?;
        self.word(&text, &name, words).then_some(text.value)
    }

    /// A length of time, in milliseconds.
    pub(super) fn span_of(&mut self, entries: &[Entry], key: &str, name: &str) -> Option<u64> {
        let node = value(entries, key)?;
        let found = match &node.value {
            Value::Text(text) => milliseconds(text),
            _ => None,
        };
        if found.is_none() {
            let help = "write `500ms`, `10s`, `5m`, `2h` or `1d`";
            self.report(wrong(name, "a length of time", node).help(help));
        }
        found
    }

    fn half_life(&mut self, node: &Node) -> Option<HalfLife> {
        let found = match &node.value {
            Value::Text(text) => milliseconds(text).map(HalfLife::Time),
            Value::Int(rows) if *rows > 0 => Some(HalfLife::Rows(*rows as f64)),
            _ => None,
        };
        if found.is_none() {
            let help = "write a number of rows, or a length of time such as `30d`";
            self.report(wrong("`online.half_life`", "a number of rows or a length of time", node).help(help));
        }
        found
    }
}

/// `500ms`, `10s`, `5m`, `2h`, `1d` or `1w` in milliseconds; at least one.
pub fn milliseconds(text: &str) -> Option<u64> {
    let spans = [("ms", 1)].into_iter().chain(SPANS);
    let mut found = spans.filter_map(|(unit, length)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(length)
    });
    found.next().filter(|span| *span > 0)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn lengths_of_time_have_a_unit() {
        let spans = [("250ms", 250), ("1s", 1_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000)];
        for (text, span) in spans {
            assert_eq!(milliseconds(text), Some(span), "{text}");
        }
        for text in ["", "s", "0s", "-1s", "1", "1.5s", "1 s", "99999999999999999999s", "9999999999999999d"] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
