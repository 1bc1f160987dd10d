//! Order statistics of one column in every fold's training rows from one pass: how many values of each cell lie between
//! cuts, and the few values near the ranks that are asked for themselves.
//!
//! The cuts come from a sample, as in Floyd and Rivest's selection (Communications of the ACM 18, 1975); that a rank lies
//! where it was expected is counted, never assumed.

use std::ops::Range;

/// What is known of a column's order. A value counts as present unless it is NaN; cells are those of its row.
pub struct Brackets {
    /// All values, in the order of their keys.
    pieces: Vec<Piece>,
    /// The values that are held, ascending.
    runs: Vec<Run>,
}

/// The values between two cuts.
struct Piece {
    /// How many each cell has.
    counts: Vec<u64>,
    total: u64,
    /// The runs that hold them, if they are held.
    held: Option<Range<usize>>,
}

/// Equal values of one cell.
#[derive(Clone, Copy)]
struct Run {
    key: u64,
    count: u32,
    cell: u16,
}

/// Columns of fewer rows are held as a whole: a sample would be most of them.
const FEW_ROWS: usize = 4096;

/// How many standard deviations of a sample's ranks a bracket reaches to each side.
const REACH: f64 = 4.0;

/// The key of the greatest value.
const LAST: u64 = key_of(f64::INFINITY);

/// A key behind those of all values.
const MISSING: u64 = u64::MAX;

impl Brackets {
    /// Holds the values around shares of the values, 0 to 1, of all cells but one, whichever it is, and of all cells.
    pub fn around(values: &[f64], cell_of: &[u16], shares: &[f64]) -> Self {
        if values.len() < FEW_ROWS {
            return Self::all(values, cell_of);
        }
        Self::between(values, cell_of, &intervals(&sample(values, cell_of), shares))
    }

    /// Holds all values.
    pub fn all(values: &[f64], cell_of: &[u16]) -> Self {
        Self::between(values, cell_of, &[(0, LAST)])
    }

    /// Holds the values in some intervals of keys, ascending and apart, both ends included.
    fn between(values: &[f64], cell_of: &[u16], intervals: &[(u64, u64)]) -> Self {
        let (counts, mut held) = swept(values, cell_of, intervals);
        held.sort_unstable();
        let mut brackets = Self { pieces: Vec::new(), runs: Vec::new() };
        let mut held = &held[..];
        for (place, counts) in counts.into_iter().enumerate() {
            // Every other piece is an interval.
            let range = (place % 2 == 1).then(|| {
                let (low, high) = intervals[place / 2];
                let start = brackets.runs.len();
                if low == high {
                    brackets.runs.extend(of_one_value(low, &counts));
                } else {
                    let (own, rest) = held.split_at(held.partition_point(|(key, _)| *key <= high));
                    held = rest;
                    brackets.runs.extend(own.chunk_by(|a, b| a == b).map(Run::of));
                }
                start..brackets.runs.len()
            });
            brackets.pieces.push(Piece { total: counts.iter().sum(), counts, held: range });
        }
        brackets
    }

    /// The value of a rank among all cells but `except`; none where it is not held.
    pub fn at(&self, rank: usize, except: Option<u16>) -> Option<f64> {
        let mut left = rank as u64;
        for piece in &self.pieces {
            let out = except.and_then(|cell| piece.counts.get(usize::from(cell))).copied().unwrap_or(0);
            let here = piece.total - out;
            if left < here {
                let mut runs = self.runs[piece.held.clone()?].iter().filter(|run| Some(run.cell) != except);
                let run = runs.find(|run| {
                    let found = left < u64::from(run.count);
                    left -= if found { 0 } else { u64::from(run.count) };
                    found
                });
                return run.map(|run| value_of(run.key));
            }
            left -= here;
        }
        None
    }

    /// The held values of all cells but `except`, ascending, each with how many there are; the same value may come again.
    pub fn held(&self, except: Option<u16>) -> impl Iterator<Item = (f64, u64)> {
        let runs = self.runs.iter().filter(move |run| Some(run.cell) != except && run.count > 0);
        runs.map(|run| (value_of(run.key), u64::from(run.count)))
    }

    /// Whether every value is held.
    pub fn is_all(&self) -> bool {
        self.pieces.iter().all(|piece| piece.held.is_some() || piece.total == 0)
    }
}

impl Run {
    fn of(equal: &[(u64, u16)]) -> Self {
        // Rows are counted in 32 bits.
        Self { key: equal[0].0, cell: equal[0].1, count: equal.len() as u32 }
    }
}

/// An interval of one value need not be held to be known.
fn of_one_value(key: u64, counts: &[u64]) -> impl Iterator<Item = Run> {
    (0..).zip(counts).map(move |(cell, count)| Run { key, cell, count: *count as u32 })
}

/// How many values of each cell lie before, in, between and after the intervals, and the keys and cells of those in
/// intervals of more than one value, in the order of the rows.
fn swept(values: &[f64], cell_of: &[u16], intervals: &[(u64, u64)]) -> (Vec<Vec<u64>>, Vec<(u64, u16)>) {
    // What is missing lies behind the last cut.
    let cuts = intervals.iter().flat_map(|(low, high)| [*low, high + 1]).chain([LAST + 1]);
    let cuts: Vec<u64> = cuts.collect();
    let mut takes: Vec<bool> = intervals.iter().flat_map(|(low, high)| [false, low < high]).collect();
    takes.extend([false, false]);
    match cuts[..] {
        // One interval: comparisons without a branch.
        [low, high, end] => tallied(values, cell_of, &takes, |key| {
            usize::from(key >= low) + usize::from(key >= high) + usize::from(key >= end)
        }),
        _ => tallied(values, cell_of, &takes, |key| cuts.partition_point(|cut| *cut <= key)),
    }
}

fn tallied(
    values: &[f64],
    cell_of: &[u16],
    takes: &[bool],
    piece_of: impl Fn(u64) -> usize,
) -> (Vec<Vec<u64>>, Vec<(u64, u16)>) {
    let cells = cell_of.iter().max().map_or(1, |cell| usize::from(*cell) + 1);
    let mut counts = vec![0; takes.len() * cells];
    let mut held = Vec::new();
    for (value, cell) in values.iter().zip(cell_of) {
        let key = if value.is_nan() { MISSING } else { key_of(*value) };
        let piece = piece_of(key);
        counts[piece * cells + usize::from(*cell)] += 1;
        if takes[piece] {
            held.push((key, *cell));
        }
    }
    let mut counts: Vec<Vec<u64>> = counts.chunks(cells).map(<[u64]>::to_vec).collect();
    counts.pop();
    (counts, held)
}

/// Some present values and their cells, ascending: one of each stretch of rows, at no regular distance, or whatever recurs
/// in the data could be all that is seen. The more rows, the less of them: as many as then are in a bracket.
fn sample(values: &[f64], cell_of: &[u16]) -> Vec<(u64, u16)> {
    let rows = values.len();
    let stretch = (0.5 * (rows as f64).cbrt()).ceil() as usize;
    let row =
        |i: usize| i * stretch + ((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize % stretch;
    let rows = (0..rows.div_ceil(stretch)).map(row).filter(|row| *row < rows && !values[*row].is_nan());
    let mut sample: Vec<_> = rows.map(|row| (key_of(values[row]), cell_of[row])).collect();
    sample.sort_unstable();
    sample
}

/// Intervals of keys, ascending and apart, in which the shares most probably lie, whichever cell is left out.
fn intervals(sample: &[(u64, u16)], shares: &[f64]) -> Vec<(u64, u64)> {
    let cells = sample.iter().map(|(_, cell)| *cell + 1).max().unwrap_or(0);
    let mut all = Vec::new();
    for except in (0..cells).map(Some).chain([None]) {
        let keys = sample.iter().filter(|(_, cell)| Some(*cell) != except).map(|(key, _)| *key);
        let keys: Vec<u64> = keys.collect();
        if !keys.is_empty() {
            all.extend(shares.iter().map(|share| interval(&keys, *share)));
        }
    }
    all.sort_unstable();
    all.dedup_by(|next, last| {
        let meets = next.0 <= last.1;
        if meets {
            last.1 = last.1.max(next.1);
        }
        meets
    });
    all
}

/// The keys between which a share of what was sampled most probably lies.
fn interval(keys: &[u64], share: f64) -> (u64, u64) {
    let n = keys.len() as f64;
    let margin = REACH * (n * share * (1.0 - share)).max(0.0).sqrt() + 2.0;
    let (low, high) = ((share * n - margin).floor(), (share * n + margin).ceil());
    let low = if low < 0.0 { None } else { keys.get(low as usize) };
    (low.copied().unwrap_or(0), keys.get(high as usize).copied().unwrap_or(LAST))
}

/// A whole number that sorts as the value does, by [`f64::total_cmp`]: it turns all bits of what is negative, else the sign.
const fn key_of(value: f64) -> u64 {
    let bits = value.to_bits();
    // All ones for what is negative.
    let negative = ((bits as i64) >> 63) as u64;
    bits ^ (negative | 1 << 63)
}

fn value_of(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_values_do() {
        let values = [f64::NEG_INFINITY, -2.5, -1e-310, -0.0, 0.0, 1e-310, 1.0, 2.5, f64::INFINITY];
        for (a, b) in values.iter().zip(&values[1..]) {
            assert!(key_of(*a) < key_of(*b), "{a} {b}");
        }
        assert!(values.iter().all(|value| value_of(key_of(*value)).to_bits() == value.to_bits()));
    }

    /// The present values of all cells but one, sorted.
    fn sorted(values: &[f64], cell_of: &[u16], except: Option<u16>) -> Vec<f64> {
        let kept = values.iter().zip(cell_of).filter(|(v, cell)| !v.is_nan() && Some(**cell) != except);
        let mut kept: Vec<f64> = kept.map(|(value, _)| *value).collect();
        kept.sort_unstable_by(f64::total_cmp);
        kept
    }

    /// Whatever is held is right, in every training set; gives how many of the shares' ranks are held, of how many.
    fn checked(values: &[f64], cell_of: &[u16], shares: &[f64]) -> (usize, usize) {
        let brackets = Brackets::around(values, cell_of, shares);
        let cells = cell_of.iter().max().unwrap() + 1;
        let (mut held, mut asked) = (0, 0);
        for except in (0..cells).map(Some).chain([None]) {
            let sorted = sorted(values, cell_of, except);
            for rank in (0..sorted.len()).step_by(13) {
                if let Some(value) = brackets.at(rank, except) {
                    assert_eq!(value.to_bits(), sorted[rank].to_bits(), "rank {rank} without {except:?}");
                }
            }
            assert_eq!(brackets.at(sorted.len(), except), None);
            let last = sorted.len().checked_sub(1);
            for rank in shares.iter().filter_map(|share| last.map(|last| (share * last as f64) as usize)) {
                asked += 1;
                held += usize::from(brackets.at(rank, except).is_some());
            }
        }
        (held, asked)
    }

    /// Numbers without an order to speak of, from 0 to 1.
    fn noise(n: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..n).map(|_| next()).collect()
    }

    fn shuffled_cells(n: usize, cells: u16) -> Vec<u16> {
        noise(n, 99).into_iter().map(|u| (u * f64::from(cells)) as u16).collect()
    }

    #[test]
    fn random_values_are_found_and_few_are_held() {
        for (seed, share) in [(1, 0.5), (2, 0.25), (3, 0.0), (4, 1.0), (5, 0.999)] {
            let mut values = noise(20_000, seed);
            values.iter_mut().step_by(9).for_each(|value| *value = f64::NAN);
            let cells = shuffled_cells(values.len(), 5);
            assert_eq!(checked(&values, &cells, &[share]), (6, 6));
            let held: u64 = Brackets::around(&values, &cells, &[share]).held(None).map(|(_, n)| n).sum();
            assert!(held < 5_000, "{held} of {} are held", values.len());
        }
    }

    #[test]
    fn sorted_columns_in_contiguous_folds() {
        let n = 20_000;
        let cells: Vec<u16> = (0..n).map(|i| (i / 4_000) as u16).collect();
        let up: Vec<f64> = (0..n).map(f64::from).collect();
        let down: Vec<f64> = up.iter().map(|value| -value).collect();
        assert_eq!(checked(&up, &cells, &[0.5, 0.25]), (12, 12));
        assert_eq!(checked(&down, &cells, &[0.5]), (6, 6));
    }

    #[test]
    fn ties_of_all_kinds() {
        let n = 10_000;
        let cells = shuffled_cells(n, 3);
        let flags: Vec<f64> = noise(n, 7).into_iter().map(|u| f64::from(u8::from(u > 0.9))).collect();
        let zeros: Vec<f64> = noise(n, 8).into_iter().map(|u| if u > 0.5 { 0.0 } else { -0.0 }).collect();
        let levels: Vec<f64> = noise(n, 9).into_iter().map(|u| (u * 6.0).floor() - 3.0).collect();
        for values in [flags, zeros, levels, vec![2.5; n]] {
            assert_eq!(checked(&values, &cells, &[0.5, 0.1]), (8, 8));
        }
        let one = Brackets::around(&vec![2.5; n], &cells, &[0.5]);
        assert_eq!(one.runs.len(), 3, "one run a cell");
        assert_eq!(
            one.held(Some(1)).map(|(_, n)| n).sum::<u64>() as usize,
            sorted(&vec![2.5; n], &cells, Some(1)).len()
        );
    }

    #[test]
    fn a_fold_without_training_values_and_nothing_at_all() {
        let n = 6_000;
        let cells: Vec<u16> = (0..n).map(|i| (i % 2) as u16).collect();
        // Only rows of cell 0 have values: without it there are none.
        let values: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { f64::from(i) } else { f64::NAN }).collect();
        assert_eq!(checked(&values, &cells, &[0.5]), (2, 2));
        let none = Brackets::around(&vec![f64::NAN; n as usize], &cells, &[0.5]);
        assert_eq!((none.at(0, None), none.at(0, Some(1)), none.held(None).count()), (None, None, 0));
    }

    #[test]
    fn few_rows_are_held_as_a_whole() {
        let (values, cells) = ([3.0, -1.0, f64::NAN, 2.0, 3.0], [0, 1, 1, 0, 1]);
        let brackets = Brackets::around(&values, &cells, &[0.5]);
        assert!(brackets.is_all());
        let all = |except| (0..4).map_while(|rank| brackets.at(rank, except)).collect::<Vec<_>>();
        assert_eq!(
            (all(None), all(Some(0)), all(Some(1))),
            (vec![-1.0, 2.0, 3.0, 3.0], vec![-1.0, 3.0], vec![2.0, 3.0])
        );
        assert_eq!(brackets.held(Some(0)).collect::<Vec<_>>(), [(-1.0, 1), (3.0, 1)]);
    }
}
