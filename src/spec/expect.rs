//! The section `expect`: the data contract.

use super::reader::{Keys, Reader, value, wrong};
use crate::clean::Scalar;
use crate::diag::{Code, Diagnostic};
use crate::expect::{Expect, Pattern, Rule};
use crate::table::{datetime_text, parse_datetime};
use crate::yaml::{Entry, Node, Value, shorten};

const EXPECT: Keys = Keys { name: "`expect`", known: &["rows", "columns"], later: &[] };
const ROWS: Keys = Keys { name: "`expect.rows`", known: &["min", "max"], later: &[] };
const COLUMN: Keys = Keys {
    name: "an expectation",
    known: &["type", "min", "max", "levels", "max_missing", "unique", "regex", "required"],
    later: &[],
};

impl Reader<'_> {
    /// The section `expect`.
    pub(super) fn expect(&mut self, root: &[Entry]) -> Option<Expect> {
        let node = value(root, "expect")?;
        let entries = self.entries(node, &EXPECT);
        let rows = value(entries, "rows").map_or((None, None), |node| self.rows(node));
        let mut columns = Vec::new();
        if let Some(node) = value(entries, "columns") {
            match node.as_map() {
                Some(entries) => columns.extend(entries.iter().map(|entry| self.rule(entry))),
                None => {
                    let help = "write `columns: {age: {min: 0, max: 120}}`";
                    self.report(wrong("`expect.columns`", "a map", node).help(help));
                }
            }
        }
        Some(Expect { rows, columns, span: node.span.clone() })
    }

    fn rows(&mut self, node: &Node) -> (Option<usize>, Option<usize>) {
        let entries = self.entries(node, &ROWS);
        let mut bound = |name: &str| {
            let node = value(entries, name)?;
            self.whole(node, &format!("`rows.{name}`"), 0, i64::from(u32::MAX)).map(|rows| rows as usize)
        };
        let (min, max) = (bound("min"), bound("max"));
        self.ordered(min.map(|rows| rows as f64), max.map(|rows| rows as f64), false, node);
        (min, max)
    }

    fn rule(&mut self, entry: &Entry) -> Rule {
        let entries = if entry.value.is_null() { &[] } else { self.entries(&entry.value, &COLUMN) };
        let kind = value(entries, "type").and_then(|node| self.kind(node, "`type`"));
        let bounds = [self.bound(entries, "min"), self.bound(entries, "max")];
        let [min, max] = bounds.map(|bound| bound.map(|(bound, _)| bound));
        let times = bounds.iter().flatten().any(|(_, time)| *time);
        if bounds.iter().flatten().any(|(_, time)| *time != times) {
            let problem = Code::Conflict.error("one of `min` and `max` is a number, the other a datetime");
            self.report(problem.help("write both as numbers, or both as datetimes").at(&entry.value.span));
        } else {
            self.ordered(min, max, times, &entry.value);
        }
        let share = |node: &Node| node.as_f64().filter(|share| (0.0..=1.0).contains(share));
        let max_missing = value(entries, "max_missing").and_then(|node| {
            let found = share(node);
            if found.is_none() {
                let problem = wrong("`max_missing`", "a share from 0 to 1", node);
                self.report(problem.help("write 0.05 for five in a hundred"));
            }
            found
        });
        let unique = self.switch(entries, "unique", false);
        let required = self.switch(entries, "required", true);
        let levels = value(entries, "levels").and_then(|node| self.levels(node));
        let regex = value(entries, "regex").and_then(|node| self.regex(node));
        let column = entry.key.clone();
        let rule = Rule { column, required, kind, min, max, times, levels, max_missing, unique, regex };
        let (unbound, bound) =
            (kind.is_some_and(|kind| !rule.bounds(kind)), if times { "datetimes" } else { "numbers" });
        for (name, no, what) in [
            ("min", unbound, bound),
            ("max", unbound, bound),
            ("regex", kind.is_some_and(|kind| !kind.is_coded()), "categories"),
        ] {
            if let Some(node) = value(entries, name).filter(|_| no) {
                let message = format!("`{name}` is for {what}, and `type` is another");
                let help = "leave one of them out";
                self.report(Code::Conflict.error(message).help(help).at(&node.span));
            }
        }
        rule
    }

    /// A finite number, or a datetime in microseconds; and whether it is that.
    fn bound(&mut self, entries: &[Entry], name: &str) -> Option<(f64, bool)> {
        let node = value(entries, name)?;
        let number = node.as_f64().filter(|number| number.is_finite()).map(|number| (number, false));
        let time = || match &node.value {
            Value::Text(text) => parse_datetime(text).map(|micros| (micros, true)),
            _ => None,
        };
        let bound = number.or_else(time);
        if bound.is_none() {
            let help = "write a finite number, or a date such as `2024-01-31`, or leave it out";
            self.report(wrong(&format!("`{name}`"), "a number or a datetime", node).help(help));
        }
        bound
    }

    /// True or false.
    pub(super) fn switch(&mut self, entries: &[Entry], name: &str, default: bool) -> bool {
        let Some(node) = value(entries, name) else { return default };
        node.as_bool().unwrap_or_else(|| {
            self.report(wrong(&format!("`{name}`"), "true or false", node).help("write true or false"));
            default
        })
    }

    fn ordered(&mut self, min: Option<f64>, max: Option<f64>, times: bool, node: &Node) {
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            let text = |bound: f64| if times { datetime_text(bound) } else { bound.to_string() };
            let (min, max) = (text(min), text(max));
            let problem = Code::Conflict.error(format!("`min`, {min}, is more than `max`, {max}"));
            self.report(problem.help("nothing can hold then; exchange them").at(&node.span));
        }
    }

    fn levels(&mut self, node: &Node) -> Option<Vec<Scalar>> {
        self.at_least_one(node, "`levels`");
        let Some(items) = node.as_list() else {
            self.report(wrong("`levels`", "a list of values", node).help("write `levels: [free, pro]`"));
            return None;
        };
        let scalar = |item: &Node| match &item.value {
            Value::Text(text) => Ok(Scalar::Text(text.clone())),
            Value::Bool(value) => Ok(Scalar::Bool(*value)),
            Value::Int(value) => Ok(Scalar::Number(*value as f64)),
            Value::Float(value) if value.is_finite() => Ok(Scalar::Number(*value)),
            _ => {
                Err(wrong("a level", "a text or a number", item).help("missing values are for `max_missing`"))
            }
        };
        match items.iter().map(scalar).collect::<Result<Vec<Scalar>, Diagnostic>>() {
            Ok(levels) => Some(levels),
            Err(problem) => {
                self.report(problem);
                None
            }
        }
    }

    fn regex(&mut self, node: &Node) -> Option<Pattern> {
        let text = self.text(node, "`regex`")?;
        Pattern::new(&text.value)
            .map_err(|error| {
                let message = format!("`{}` is no regular expression: {error}", shorten(&text.value));
                let help =
                    "the syntax is that of Rust's regex without Unicode classes; it matches the whole value";
                self.report(Code::BadValue.error(message).help(help).at(&text.span));
            })
            .ok()
    }
}
