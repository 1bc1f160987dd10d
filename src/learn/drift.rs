//! Whether the rows of a stream are still as those that were learned first: column by column, window by window, against a reference.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::column::{Cells, Column};
use super::distance::{Distance, kolmogorov_smirnov, stability_index};
use super::error_drift::ErrorDrift;
use super::saved::MOST;
use crate::spec::DriftTerms;
use crate::table::{Field, MISSING, Schema};

/// Numbers of the reference that are kept of a column, at most.
const MOST_KEPT: usize = 4_096;

/// Bins of the numbers, between their quantiles.
const BINS: usize = 10;

/// Levels that are bins of their own, the most frequent ones.
const LEVELS: usize = 20;

/// What is known of the first rows, and of those of the unfinished window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// One a feature.
    columns: Vec<Sample>,
    /// Rows of the reference.
    reference: u64,
    /// Whether no more rows enter it.
    complete: bool,
    /// Rows of the unfinished window.
    rows: u64,
    /// Windows that were compared, and how many of them differ.
    pub windows: [u64; 2],
    /// What the last comparison gave, a feature each.
    pub last: Vec<Found>,
    /// Whether rows are predicted as well as they were.
    pub error: ErrorDrift,
}

/// What is kept of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Sample {
    Numbers {
        /// Of the reference: those of rows that are drawn, in order once it is complete.
        kept: Vec<f64>,
        /// Drawn rows without a value.
        missing: u64,
        /// One row of two to this power is drawn.
        thinned: u32,
        window: Vec<f64>,
        window_missing: u64,
    },
    Labels {
        /// Rows by code, those without a label last of all but one: `[missing, code 0, code 1, ...]`.
        counts: Vec<u64>,
        window: Vec<u64>,
    },
}

/// How far a column of a window is from the reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The population stability index.
    pub psi: Option<Distance>,
    /// The statistic of Kolmogorov and Smirnov, of numbers.
    pub ks: Option<Distance>,
    /// Whether that is more than chance gives.
    pub drifted: bool,
}

/// What was found in a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Alarm {
    /// Features, by their places, that differ from the reference, and how far.
    Columns(Vec<(usize, Found)>),
    /// Rows are predicted worse: the mean bounded error before and after.
    Error(f64, f64),
}

impl Drift {
    /// Before the first row of columns, the last of which is the target.
    pub(super) fn new(columns: &[Column]) -> Self {
        let sample = |column: &Column| match column {
            Column::Number(_) => Sample::Numbers {
                kept: Vec::new(),
                missing: 0,
                thinned: 0,
                window: Vec::new(),
                window_missing: 0,
            },
            Column::Category(_) => Sample::Labels { counts: Vec::new(), window: Vec::new() },
        };
        let features = &columns[..columns.len().saturating_sub(1)];
        Self {
            columns: features.iter().map(sample).collect(),
            reference: 0,
            complete: false,
            rows: 0,
            windows: [0, 0],
            last: Vec::new(),
            error: ErrorDrift::default(),
        }
    }

    /// No more rows enter the reference, if there are any.
    pub(super) fn complete(&mut self) {
        self.complete = self.reference > 0;
        for column in &mut self.columns {
            if let Sample::Numbers { kept, .. } = column {
                kept.sort_unstable_by(f64::total_cmp);
            }
        }
    }

    /// Takes in the features of a block, and what was found where that ends a window.
    pub(super) fn absorb(&mut self, block: &[Cells], terms: DriftTerms) -> Option<Alarm> {
        let rows = block.last().map_or(0, Cells::len) as u64;
        let (from, enters) = (self.reference, !self.complete);
        for (sample, cells) in self.columns.iter_mut().zip(block) {
            sample.absorb(cells, from, enters);
        }
        if enters {
            self.reference += rows;
            if self.reference >= terms.reference {
                self.complete();
            }
            return None;
        }
        self.rows += rows;
        if self.rows < terms.window {
            return None;
        }
        self.rows = 0;
        // Every comparison of a window shares the probability of a false alarm.
        let comparisons = self.columns.iter().map(Sample::comparisons).sum::<usize>().max(1);
        let share = terms.p_value / comparisons as f64;
        self.last = self.columns.iter_mut().map(|sample| sample.compare(share, terms.psi)).collect();
        let drifted: Vec<(usize, Found)> = self
            .last
            .iter()
            .enumerate()
            .filter(|(_, found)| found.drifted)
            .map(|(j, found)| (j, *found))
            .collect();
        self.windows[0] += 1;
        self.windows[1] += u64::from(!drifted.is_empty());
        (!drifted.is_empty()).then_some(Alarm::Columns(drifted))
    }

    /// For people and records.
    pub fn json(&self, schema: &Schema) -> Value {
        let distance = |found: Option<Distance>| {
            found.map(|found| json!({"value": found.value, "p_value": found.p_value}))
        };
        let column = |(field, found): (&Field, &Found)| json!({"name": field.name, "psi": distance(found.psi), "ks": distance(found.ks), "drifted": found.drifted});
        let (rows, mean) = self.error.now();
        json!({
            "reference": self.reference,
            "windows": self.windows[0],
            "drifted": self.windows[1],
            "columns": schema.fields().iter().zip(&self.last).map(column).collect::<Vec<_>>(),
            "error": {"rises": self.error.rises, "rows": rows, "mean": mean, "scale": self.error.scale},
        })
    }

    /// Whether it is of so many features and what it keeps is in bounds.
    pub(super) fn is_sound(&self, columns: &[Column]) -> bool {
        let sound = |(sample, column): (&Sample, &Column)| match (sample, column) {
            (Sample::Numbers { kept, missing, thinned, window, window_missing }, Column::Number(_)) => {
                let ordered = !self.complete || kept.is_sorted();
                let bounded =
                    *thinned < u64::BITS && kept.len() <= MOST_KEPT && missing.max(window_missing) <= &MOST;
                bounded && ordered && kept.iter().chain(window).all(|value| value.is_finite())
            }
            (Sample::Labels { counts, window }, Column::Category(category)) => {
                let known = counts.len().max(window.len()) <= category.labels.len() + 1;
                known && counts.iter().chain(window).all(|count| *count <= MOST)
            }
            _ => false,
        };
        let counts = [self.reference, self.rows, self.windows[0], self.windows[1]];
        let bounded = counts.into_iter().all(|count| count <= MOST) && self.error.is_sound();
        bounded && self.columns.len() + 1 == columns.len() && self.columns.iter().zip(columns).all(sound)
    }
}

impl Sample {
    /// How many tests it takes.
    fn comparisons(&self) -> usize {
        match self {
            Self::Numbers { .. } => 2,
            Self::Labels { .. } => 1,
        }
    }

    fn absorb(&mut self, cells: &Cells, from: u64, enters: bool) {
        match (self, cells) {
            (Self::Numbers { kept, missing, thinned, window, window_missing }, Cells::Numbers(values)) => {
                if !enters {
                    window.extend(values.iter().filter(|value| !value.is_nan()));
                    *window_missing += values.iter().filter(|value| value.is_nan()).count() as u64;
                    return;
                }
                draw(values, from, kept, missing, thinned);
            }
            (Self::Labels { counts, window }, Cells::Codes(codes)) => {
                let counts = if enters { counts } else { window };
                for code in codes {
                    let place = if *code == MISSING { 0 } else { *code as usize + 1 };
                    if counts.len() <= place {
                        counts.resize(place + 1, 0);
                    }
                    counts[place] += 1;
                }
            }
            _ => {}
        }
    }

    /// Compares the window with the reference, and empties it.
    fn compare(&mut self, share: f64, psi_at_least: f64) -> Found {
        let (psi, ks) = match self {
            Self::Numbers { kept, missing, window, window_missing, .. } => {
                window.sort_unstable_by(f64::total_cmp);
                let edges = edges(kept);
                let mut reference = binned(kept, &edges);
                reference.push(*missing);
                let mut now = binned(window, &edges);
                now.push(*window_missing);
                let found = (stability_index(&reference, &now), kolmogorov_smirnov(kept, window));
                window.clear();
                *window_missing = 0;
                found
            }
            Self::Labels { counts, window } => {
                let found = stability_index(&levels(counts, counts), &levels(counts, window));
                window.clear();
                (found, None)
            }
        };
        let counts = psi.is_none_or(|psi| psi.value >= psi_at_least);
        let drifted = [psi, ks].iter().flatten().any(|found| found.p_value <= share);
        Found { psi, ks, drifted: drifted && counts }
    }
}

/// Draws rows by a hash of their number, so that nothing periodic in the stream shows; half of them go where there are too many.
fn draw(values: &[f64], from: u64, kept: &mut Vec<f64>, missing: &mut u64, thinned: &mut u32) {
    for (value, row) in values.iter().zip(from..) {
        if hash(row).trailing_zeros() < *thinned {
            continue;
        }
        if value.is_nan() {
            *missing += 1;
            continue;
        }
        kept.push(*value);
        if kept.len() > MOST_KEPT {
            *thinned += 1;
            let mut place = 0_u64;
            // Which half goes is drawn by the place: the rows' numbers are not kept.
            kept.retain(|_| {
                place += 1;
                hash(!place).is_multiple_of(2)
            });
            *missing /= 2;
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn hash(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The different quantiles between the bins of values in order.
fn edges(sorted: &[f64]) -> Vec<f64> {
    let mut edges: Vec<f64> = Vec::new();
    for bin in 1..BINS {
        if let Some(edge) = sorted.get(sorted.len() * bin / BINS)
            && edges.last().is_none_or(|last| last < edge)
        {
            edges.push(*edge);
        }
    }
    edges
}

/// How many of the values lie below the first edge, from each edge to the next, and from the last one on.
fn binned(values: &[f64], edges: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; edges.len() + 1];
    values.iter().for_each(|value| counts[edges.partition_point(|edge| edge <= value)] += 1);
    counts
}

/// What is missing, the most frequent levels of the reference, and all others together.
fn levels(reference: &[u64], counts: &[u64]) -> Vec<u64> {
    let mut order: Vec<usize> = (1..reference.len()).collect();
    order.sort_by_key(|code| (std::cmp::Reverse(reference[*code]), *code));
    order.truncate(LEVELS);
    let count = |code: usize| counts.get(code).copied().unwrap_or(0);
    let mut bins = vec![count(0)];
    bins.extend(order.iter().map(|code| count(*code)));
    bins.push(counts.iter().sum::<u64>() - bins.iter().sum::<u64>());
    bins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::column::{Category, Number};
    use rand_mt::Mt64;

    const TERMS: DriftTerms = DriftTerms { window: 1_000, reference: 5_000, p_value: 0.01, psi: 0.0 };

    fn uniform(random: &mut Mt64) -> f64 {
        (random.next_u64() >> 11) as f64 / 2f64.powi(53)
    }

    fn columns() -> Vec<Column> {
        let number = |at| Column::Number(Number::new(at));
        vec![number(0), number(1), Column::Category(Category::default()), number(2)]
    }

    /// A block of two numbers, one with holes, labels and a target; `shift` is added to the first.
    fn block(random: &mut Mt64, shift: f64, level: f64) -> Vec<Cells> {
        let first = (0..100).map(|_| uniform(random) + uniform(random) + shift).collect();
        let holes =
            (0..100).map(|_| if uniform(random) < 0.1 { f64::NAN } else { uniform(random) }).collect();
        let codes = (0..100).map(|_| u32::from(uniform(random) < level)).collect();
        vec![
            Cells::Numbers(first),
            Cells::Numbers(holes),
            Cells::Codes(codes),
            Cells::Numbers(vec![0.0; 100]),
        ]
    }

    #[test]
    fn false_alarms_are_as_rare_as_they_are_said_to_be() {
        let (mut windows, mut alarms) = (0, 0);
        for seed in 0..40 {
            let mut random = Mt64::new(seed);
            let mut drift = Drift::new(&columns());
            for _ in 0..50 + 200 {
                alarms += usize::from(drift.absorb(&block(&mut random, 0.0, 0.3), TERMS).is_some());
            }
            windows += drift.windows[0];
        }
        // At 0.01 a window: 8 of 800 are expected, and 20 are beyond chance (Poisson, 2e-4).
        assert_eq!(windows, 800);
        assert!(alarms <= 20, "{alarms} false alarms");
    }

    #[test]
    fn shifts_are_found_in_the_first_window_and_their_columns_named() {
        let mut random = Mt64::new(7);
        let mut drift = Drift::new(&columns());
        let mut found = Vec::new();
        for i in 0..50 + 20 {
            let (shift, level) = if i < 60 { (0.15, 0.3) } else { (0.0, 0.45) };
            let shift = if i < 50 { 0.0 } else { shift };
            found.extend(drift.absorb(&block(&mut random, shift, level), TERMS));
        }
        let places = found.iter().map(|alarm| match alarm {
            Alarm::Columns(columns) => columns.iter().map(|(j, _)| *j).collect(),
            Alarm::Error(..) => Vec::new(),
        });
        assert_eq!(places.collect::<Vec<Vec<usize>>>(), [[0], [2]]);
        assert!(drift.is_sound(&{
            let mut columns = columns();
            if let Column::Category(category) = &mut columns[2] {
                category.labels = vec!["a".into(), "b".into()];
            }
            columns
        }));
    }

    #[test]
    fn a_long_reference_is_thinned_evenly() {
        let mut drift = Drift::new(&columns());
        let terms = DriftTerms { reference: u64::MAX, ..TERMS };
        let mut random = Mt64::new(3);
        (0..500).for_each(|_| drop(drift.absorb(&block(&mut random, 0.0, 0.3), terms)));
        drift.complete();
        let Sample::Numbers { kept, .. } = &drift.columns[0] else { panic!("numbers") };
        assert!(kept.len() <= MOST_KEPT && kept.len() > MOST_KEPT / 4, "{}", kept.len());
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
    }
}
