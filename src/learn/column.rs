//! What a learner remembers of one column.

use std::collections::{HashMap, VecDeque};

use crate::linalg::{self, BLOCK};
use crate::table::MISSING;

/// Cells of a column, row after row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Numbers, NaN where missing.
    Numbers(Vec<f64>),
    /// Codes of labels by their first appearance, [`MISSING`] where missing.
    Codes(Vec<u32>),
}

/// A column of numbers.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The position of `x - shift`.
    pub at: usize,
    /// The position of the indicator of missing rows, once there was one.
    pub missing: Option<usize>,
    /// The mean of the first values, which is taken from all.
    pub shift: Option<f64>,
    /// Least and greatest value of all rows, or of the window's.
    pub extremes: Option<(f64, f64)>,
    /// The same of each bucket of the window, oldest first; none where nothing is forgotten.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub recent: VecDeque<Option<(f64, f64)>>,
    /// How many rows have a value, and how many have none.
    pub counts: [u64; 2],
}

/// A column of labels.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// The labels by code: in the order in which they came.
    pub labels: Vec<String>,
    /// The position of each label's indicator, once a row was learned that has it.
    pub at: Vec<Option<usize>>,
    /// How many learned rows have each.
    pub counts: Vec<u64>,
    /// The position of the indicator of missing rows, once there was one.
    pub missing: Option<usize>,
    /// How many rows have none.
    pub absent: u64,
    #[serde(skip)]
    index: HashMap<String, u32>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Of numbers.
    Number(Number),
    /// Of labels.
    Category(Category),
}

impl Cells {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Codes(codes) => codes.len(),
        }
    }

    /// Puts the first `rows` cells into others in place of what these are. Where those are all, the buffers change hands, so that
    /// nothing is allocated for a block of one row.
    pub fn take_into(&mut self, rows: usize, into: &mut Self) {
        fn part<T: Copy>(from: &mut Vec<T>, rows: usize, into: &mut Vec<T>) {
            into.clear();
            if from.len() == rows {
                std::mem::swap(from, into);
            } else {
                into.extend(from.drain(..rows));
            }
        }
        match (self, into) {
            (Self::Numbers(from), Self::Numbers(into)) => part(from, rows, into),
            (Self::Codes(from), Self::Codes(into)) => part(from, rows, into),
            // A buffer of another column's, which is none of this learner's.
            _ => {}
        }
    }
}

impl Number {
    /// A column whose values lie at a position.
    pub fn new(at: usize) -> Self {
        Self { at, missing: None, shift: None, extremes: None, recent: VecDeque::new(), counts: [0, 0] }
    }

    /// Takes values in: counts them, and asks for a position for missing ones where there are the first. `next` is the
    /// first position that is free.
    pub fn see(&mut self, values: &[f64], next: &mut usize) {
        let (extremes, missing) = linalg::extremes(values);
        if missing > 0 && self.missing.is_none() {
            self.missing = Some(*next);
            *next += 1;
        }
        self.shift = self.shift.or_else(|| first_mean(values));
        self.extremes = wider(self.extremes, extremes);
        self.counts[0] += (values.len() - missing) as u64;
        self.counts[1] += missing as u64;
    }

    /// Forgets the extremes of what the window has left. The values are those that were seen last, which may have begun a bucket, and
    /// there are so many buckets now.
    pub fn slide(&mut self, values: &[f64], begun: bool, buckets: usize) {
        if begun || self.recent.is_empty() {
            self.recent.push_back(None);
        }
        if let Some(last) = self.recent.back_mut() {
            *last = wider(*last, linalg::extremes(values).0);
        }
        while self.recent.len() > buckets {
            self.recent.pop_front();
        }
        self.extremes = self.recent.iter().copied().fold(None, wider);
    }

    /// Writes values to their positions.
    pub fn write(&self, values: &[f64], into: &mut [Vec<f64>]) {
        let shift = self.shift.unwrap_or(0.0);
        let place = |value: &f64| if value.is_nan() { 0.0 } else { value - shift };
        into[self.at].extend(values.iter().map(place));
        if let Some(missing) = self.missing.and_then(|at| into.get_mut(at)) {
            missing.extend(values.iter().map(|value| f64::from(u8::from(value.is_nan()))));
        }
    }
}

impl Category {
    /// A column with its index, which is not saved.
    pub fn indexed(mut self) -> Self {
        self.index = self.labels.iter().cloned().zip(0..).collect();
        self
    }

    /// Classes of a target, which have no positions.
    pub fn of(labels: &[String]) -> Self {
        let (at, counts) = (vec![None; labels.len()], vec![0; labels.len()]);
        Self { labels: labels.to_vec(), at, counts, ..Self::default() }.indexed()
    }

    /// Counts the classes of rows.
    pub fn count(&mut self, codes: &[u32]) {
        for code in codes.iter().filter(|code| **code != MISSING) {
            self.counts[*code as usize] += 1;
        }
    }

    /// The code of a label, a new one for a new label.
    pub fn code(&mut self, label: &str) -> u32 {
        if let Some(code) = self.index.get(label) {
            return *code;
        }
        let code = self.labels.len() as u32;
        self.labels.push(label.to_owned());
        self.at.push(None);
        self.counts.push(0);
        self.index.insert(label.to_owned(), code);
        code
    }

    /// As [`Number::see`].
    pub fn see(&mut self, codes: &[u32], next: &mut usize) {
        for code in codes {
            let (at, count) = match *code {
                MISSING => (&mut self.missing, &mut self.absent),
                code => (&mut self.at[code as usize], &mut self.counts[code as usize]),
            };
            *count += 1;
            if at.is_none() {
                *at = Some(*next);
                *next += 1;
            }
        }
    }

    /// As [`Number::write`].
    pub fn write(&self, codes: &[u32], into: &mut [Vec<f64>]) {
        let places: Vec<usize> = self.at.iter().chain([&self.missing]).flatten().copied().collect();
        for at in places {
            into[at].resize(codes.len(), 0.0);
        }
        for (row, code) in codes.iter().enumerate() {
            let at = if *code == MISSING { self.missing } else { self.at[*code as usize] };
            if let Some(at) = at {
                into[at][row] = 1.0;
            }
        }
    }

    /// The codes of the labels that were learned, sorted as levels are, and the labels.
    pub fn learned(&self) -> (Vec<u32>, Vec<String>) {
        let codes: Vec<u32> =
            (0..).zip(&self.at).filter(|(_, at)| at.is_some()).map(|(code, _)| code).collect();
        let labels = codes.iter().map(|code| self.labels[*code as usize].clone()).collect();
        (codes, labels)
    }
}

fn wider(one: Option<(f64, f64)>, other: Option<(f64, f64)>) -> Option<(f64, f64)> {
    match (one, other) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, other) => one.or(other),
    }
}

/// The mean of the first values, exact where all are equal.
fn first_mean(values: &[f64]) -> Option<f64> {
    let block = &values[..values.len().min(BLOCK)];
    match linalg::extremes(block) {
        (None, _) => None,
        (Some((low, high)), _) if low == high => Some(low),
        (Some(_), missing) => {
            let sum: f64 = block.iter().filter(|value| !value.is_nan()).sum();
            Some(sum / (block.len() - missing) as f64)
        }
    }
}
