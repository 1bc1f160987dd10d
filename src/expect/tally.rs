//! What is found against one rule, while the rows of its column come by.

use std::collections::HashSet;

use regex_lite::Regex;

use super::Rule;
use crate::clean::Scalar;
use crate::table::{Column, Kind, Levels, MISSING, datetime_text, label_of, number_of};

/// Cells that a message shows.
const SHOWN: usize = 3;

/// Cells of one fault: how many, and the first of them.
#[derive(Default)]
struct Found {
    count: usize,
    first: Vec<(usize, String)>,
}

impl Found {
    fn add(&mut self, row: usize, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push((row, text()));
        }
    }

    /// The fault in words, if there is any: `what` is told of one value, `whats` of several.
    fn told(&self, what: &str, number: &dyn Fn(usize) -> usize) -> Option<String> {
        let cells: Vec<String> =
            self.first.iter().map(|(row, text)| format!("`{text}` in row {}", number(*row))).collect();
        let more = self.count.checked_sub(cells.len()).filter(|more| *more > 0);
        let more = more.map_or(String::new(), |more| format!(" and {more} more"));
        let values = if self.count == 1 { "1 value".to_owned() } else { format!("{} values", self.count) };
        (self.count > 0).then(|| format!("{values} {what}: {}{more}", cells.join(", ")))
    }
}

/// What is found against a rule.
pub struct Tally<'r> {
    rule: &'r Rule,
    kind: Kind,
    rows: usize,
    missing: usize,
    first_missing: Vec<usize>,
    low: Found,
    high: Found,
    unknown: Found,
    repeated: Found,
    unmatched: Found,
    seen: HashSet<u64>,
    regex: Option<Regex>,
}

impl<'r> Tally<'r> {
    /// Of a column of a type.
    pub fn new(rule: &'r Rule, kind: Kind) -> Self {
        Self {
            rule,
            kind,
            rows: 0,
            missing: 0,
            first_missing: Vec::new(),
            low: Found::default(),
            high: Found::default(),
            unknown: Found::default(),
            repeated: Found::default(),
            unmatched: Found::default(),
            seen: HashSet::new(),
            regex: rule.regex.as_ref().and_then(|pattern| pattern.compiled().ok()),
        }
    }

    /// The next rows of the column.
    pub fn add(&mut self, column: &Column) {
        let start = self.rows;
        self.rows += column.len();
        match column {
            Column::Number(values) => self.numbers(values, start),
            Column::Codes { codes, levels } => self.labels(codes, levels, start),
        }
    }

    fn absent(&mut self, row: usize) {
        self.missing += 1;
        if self.first_missing.len() < SHOWN {
            self.first_missing.push(row);
        }
    }

    fn numbers(&mut self, values: &[f64], start: usize) {
        let bound = |bound: Option<f64>| bound.filter(|_| self.rule.bounds(self.kind));
        let low = bound(self.rule.min).unwrap_or(f64::NEG_INFINITY);
        let high = bound(self.rule.max).unwrap_or(f64::INFINITY);
        let levels: Option<Vec<f64>> = self.rule.levels.as_ref().map(|levels| {
            let numbers = levels.iter().filter_map(|level| level.number(self.kind));
            let mut numbers: Vec<f64> = numbers.map(|number| number + 0.0).collect();
            numbers.sort_by(f64::total_cmp);
            numbers
        });
        let kind = self.kind;
        let text = |value: f64| match kind {
            Kind::Bool => Scalar::Bool(value == 1.0).label(),
            Kind::Datetime => datetime_text(value),
            _ => label_of(value),
        };
        for (row, value) in (start..).zip(values.iter().copied()) {
            if value.is_nan() {
                self.absent(row);
                continue;
            }
            if value < low {
                self.low.add(row, || text(value));
            }
            if value > high {
                self.high.add(row, || text(value));
            }
            if let Some(levels) = &levels
                && levels.binary_search_by(|level| level.total_cmp(&(value + 0.0))).is_err()
            {
                self.unknown.add(row, || text(value));
            }
            if self.rule.unique && !self.seen.insert((value + 0.0).to_bits()) {
                self.repeated.add(row, || text(value));
            }
        }
    }

    fn labels(&mut self, codes: &[u32], levels: &Levels, start: usize) {
        let is = |level: &Scalar, label: &str| match level {
            Scalar::Text(text) => text == label,
            other if levels.numeric() => {
                other.number(Kind::Number).is_some_and(|own| number_of(label) == Some(own))
            }
            other => other.label() == label,
        };
        let known = |label: &String| {
            self.rule.levels.as_ref().is_none_or(|all| all.iter().any(|level| is(level, label)))
        };
        let known: Vec<bool> = levels.labels().iter().map(known).collect();
        let matched = |label: &String| self.regex.as_ref().is_none_or(|regex| regex.is_match(label));
        let matched: Vec<bool> = levels.labels().iter().map(matched).collect();
        for (row, code) in (start..).zip(codes.iter().copied()) {
            if code == MISSING {
                self.absent(row);
                continue;
            }
            let text =
                || crate::yaml::shorten(levels.label(code).unwrap_or_default()).escape_debug().to_string();
            if !known[code as usize] {
                self.unknown.add(row, text);
            }
            if !matched[code as usize] {
                self.unmatched.add(row, text);
            }
            if self.rule.unique && !self.seen.insert(u64::from(code)) {
                self.repeated.add(row, text);
            }
        }
    }

    /// Everything that does not hold; `number` is what the user calls a row.
    pub fn faults(&self, number: &dyn Fn(usize) -> usize) -> Vec<String> {
        let rule = self.rule;
        let mut faults = Vec::new();
        if let Some(kind) = rule.kind.filter(|kind| *kind != self.kind) {
            faults.push(format!("the type is {}, not {}", self.kind.name(), kind.name()));
        }
        if !rule.bounds(self.kind) && (rule.min.is_some() || rule.max.is_some()) {
            let what = if rule.times { "are datetimes" } else { "are for numbers" };
            faults.push(format!("the type is {}, and `min` and `max` {what}", self.kind.name()));
        }
        if !self.kind.is_coded() && rule.regex.is_some() {
            faults.push(format!("the type is {}, and `regex` is for categories", self.kind.name()));
        }
        if let Some(Err(error)) = rule.regex.as_ref().map(super::Pattern::compiled) {
            faults.push(format!("`regex` is none: {error}"));
        }
        let share = self.missing as f64 / self.rows.max(1) as f64;
        if let Some(most) = rule.max_missing.filter(|most| share > *most) {
            let rows: Vec<String> = self.first_missing.iter().map(|row| number(*row).to_string()).collect();
            let (missing, all, percent) = (self.missing, self.rows, share * 100.0);
            let first = if rows.len() == 1 { "row" } else { "rows" };
            let rows = rows.join(", ");
            faults.push(format!(
                "{missing} of {all} values are missing, {percent:.3} % and not {} % at most: first in {first} {rows}",
                most * 100.0
            ));
        }
        let bound = |bound: Option<f64>| bound.map(|bound| rule.bound_text(bound)).unwrap_or_default();
        faults.extend(self.low.told(&format!("below {}", bound(rule.min)), number));
        faults.extend(self.high.told(&format!("above {}", bound(rule.max)), number));
        faults.extend(self.unknown.told("not among the levels", number));
        faults.extend(self.repeated.told("that stood before", number));
        let regex = rule.regex.as_ref().map_or("", |regex| regex.text());
        faults.extend(self.unmatched.told(&format!("that `{regex}` does not match"), number));
        faults
    }
}
