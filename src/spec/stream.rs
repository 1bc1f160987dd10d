//! Which entries of a stream are read.

use super::Text;
use super::reader::{Keys, Reader, value};
use crate::diag::Code;
use crate::table::parse_datetime;
use crate::yaml::Node;

/// `source.stream`: a key, and from where to where.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamSection {
    /// The key of the stream.
    pub key: Text,
    /// The first entry.
    pub from: Moment,
    /// The last one.
    pub to: Moment,
    /// Both as they were written.
    pub written: (Option<String>, Option<String>),
    /// The column to make of the entries' ids.
    pub id: Option<Text>,
    /// The column to make of the times in them.
    pub time: Option<Text>,
}

/// A place in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Its beginning.
    Start,
    /// Its end, as it is when reading begins.
    Now,
    /// So many milliseconds before now.
    Ago(u64),
    /// An entry: milliseconds since 1970, and the number in them if it is said.
    Entry(u64, Option<u64>),
}

const STREAM: Keys =
    Keys { name: "`source.stream`", known: &["key", "from", "to", "id", "time"], later: &[] };

/// Spans by their letter, in milliseconds.
pub(super) const SPANS: [(&str, u64); 5] =
    [("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

impl Moment {
    /// `start`, `now`, `30d` (or `s`, `m`, `h`, `w`), an id (`1700000000000-0`, or its milliseconds alone), or a datetime.
    pub fn of(text: &str) -> Option<Self> {
        match text {
            "start" => return Some(Self::Start),
            "now" => return Some(Self::Now),
            _ => {}
        }
        if let Some((time, number)) = text.split_once('-')
            && let (Ok(time), Ok(number)) = (time.parse(), number.parse())
        {
            return Some(Self::Entry(time, Some(number)));
        }
        if let Ok(time) = text.parse() {
            return Some(Self::Entry(time, None));
        }
        let span = SPANS.iter().find_map(|(letter, length)| Some((text.strip_suffix(letter)?, length)));
        if let Some((count, length)) = span
            && let Ok(count) = count.parse::<u64>()
        {
            return count.checked_mul(*length).map(Self::Ago);
        }
        // From 1970 on: a server's clock knows nothing before.
        let micros = parse_datetime(text).filter(|micros| *micros >= 0.0)?;
        Some(Self::Entry((micros / 1_000.0).floor() as u64, None))
    }
}

impl Reader<'_> {
    /// `source.stream`.
    pub(super) fn stream(&mut self, node: &Node) -> Option<StreamSection> {
        if node.as_map().is_none() {
            let key = self.text(node, "`source.stream`")?;
            let (from, to) = (Moment::Start, Moment::Now);
            return Some(StreamSection { key, from, to, written: (None, None), id: None, time: None });
        }
        let entries = self.entries(node, &STREAM);
        let key = match value(entries, "key") {
            Some(node) => self.text(node, "`source.stream.key`"),
            None => {
                self.missing("key", "`source.stream`", &node.span, "`key: events`, the key of the stream");
                None
            }
        };
        let (from, written_from) = self.moment(value(entries, "from"), "`source.stream.from`", Moment::Start);
        let (to, written_to) = self.moment(value(entries, "to"), "`source.stream.to`", Moment::Now);
        let id = value(entries, "id").and_then(|node| self.text(node, "`source.stream.id`"));
        let time = value(entries, "time").and_then(|node| self.text(node, "`source.stream.time`"));
        if let (Some(id), Some(time)) = (&id, &time)
            && id.value == time.value
        {
            let message = format!("`id` and `time` of `source.stream` both make column `{}`", time.shown());
            self.report(Code::Conflict.error(message).help("give each its own name").at(&time.span));
        }
        Some(StreamSection { key: key?, from, to, written: (written_from, written_to), id, time })
    }

    pub(super) fn moment(
        &mut self,
        node: Option<&Node>,
        name: &str,
        default: Moment,
    ) -> (Moment, Option<String>) {
        let Some(text) = node.and_then(|node| self.text(node, name)) else { return (default, None) };
        let Some(moment) = Moment::of(&text.value) else {
            let message = format!("{name} is a place in a stream; this is `{}`", text.shown());
            let help = "write `start`, `now`, a span such as `30d` or `12h`, an id such as `\"1700000000000-0\"`, or a datetime";
            self.report(Code::BadValue.error(message).help(help).at(&text.span));
            return (default, None);
        };
        (moment, Some(text.value))
    }
}

#[cfg(test)]
mod tests {
    use super::Moment::{self, Ago, Entry, Now, Start};

    #[test]
    fn places_are_words_spans_ids_and_datetimes() {
        let places = [
            ("start", Start),
            ("now", Now),
            ("30d", Ago(30 * 86_400_000)),
            ("90s", Ago(90_000)),
            ("1700000000000-3", Entry(1_700_000_000_000, Some(3))),
            ("1700000000000", Entry(1_700_000_000_000, None)),
            ("2023-11-14T22:13:20Z", Entry(1_700_000_000_000, None)),
            ("1970-01-02", Entry(86_400_000, None)),
        ];
        for (text, place) in places {
            assert_eq!(Moment::of(text), Some(place), "{text}");
        }
        for text in ["", "-", "d", "-1d", "1y", "1969-12-31", "2023-13-01", "99999999999999999999w", "1-2-3"]
        {
            assert_eq!(Moment::of(text), None, "{text}");
        }
    }
}
