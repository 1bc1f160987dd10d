//! Order statistics of raw number columns over a fold's training rows. They do not merge, so a column is counted and held
//! where it was asked for once, for all folds.

use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::brackets::Brackets;
use crate::contract::Order;
use crate::diag::{Code, Result};
use crate::table::{Column, Data};

/// The order of a table's number columns, of which each is read when it is first asked for.
pub struct Orders {
    columns: Vec<Arc<Ordered>>,
}

/// One column.
struct Ordered {
    data: Data,
    j: usize,
    cell_of: Arc<[u16]>,
    /// What was asked for so far. Who holds the lock starts no work of other threads, which may wait for it.
    known: Mutex<Vec<Arc<Brackets>>>,
}

/// Of as many different ranks brackets are held; who asks for more gets all values sorted.
const MOST_BRACKETS: usize = 6;

/// The values of a feature that is made of one raw number column, over all rows but those of a cell.
pub struct Ranked {
    column: Arc<Ordered>,
    /// The cell that is left out.
    except: Option<u16>,
    /// How many of the other rows have a value in the column.
    present: usize,
    /// The feature is `scale * x + offset`.
    scale: f64,
    offset: f64,
    /// What it is where the column has no value, and in how many rows that is; else it is missing there.
    fill: Option<(f64, usize)>,
}

impl Orders {
    /// Of a table whose rows are of these cells.
    pub fn new(data: &Data, cell_of: &Arc<[u16]>) -> Self {
        let column = |j| {
            Arc::new(Ordered { data: data.clone(), j, cell_of: Arc::clone(cell_of), known: Mutex::default() })
        };
        Self { columns: (0..data.width()).map(column).collect() }
    }

    /// Of no columns, where nothing may ask for any.
    pub fn none() -> Self {
        Self { columns: Vec::new() }
    }

    /// Number column `j` without the rows of cell `except`, `present` values.
    pub fn of(&self, j: usize, except: Option<u16>, present: usize) -> Ranked {
        let column = Arc::clone(&self.columns[j]);
        Ranked { column, except, present, scale: 1.0, offset: 0.0, fill: None }
    }
}

impl Ordered {
    /// What is known, with every rank of `ranks` where they are ranks among so many values of all cells but `except`.
    fn with(
        &self,
        mut known: MutexGuard<Vec<Arc<Brackets>>>,
        ranks: &[usize],
        except: Option<u16>,
        present: usize,
    ) -> Result<Vec<Arc<Brackets>>> {
        let lacks = |rank: &usize| known.iter().all(|brackets| brackets.at(*rank, except).is_none());
        let lacking: Vec<usize> = ranks.iter().copied().filter(lacks).collect();
        if !lacking.is_empty() {
            let values = self.values()?;
            let share = |rank: &usize| (*rank as f64 + 0.5) / present as f64;
            let shares: Vec<f64> = lacking.iter().map(share).collect();
            let near = Brackets::around(&values, &self.cell_of, &shares);
            let found = lacking.iter().all(|rank| near.at(*rank, except).is_some());
            if near.is_all() {
                *known = vec![near.into()];
            } else if found && known.len() < MOST_BRACKETS {
                known.push(near.into());
            } else {
                *known = vec![Brackets::all(&values, &self.cell_of).into()];
            }
        }
        Ok(known.clone())
    }

    /// All values.
    fn all(&self) -> Result<Arc<Brackets>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = known.iter().find(|brackets| brackets.is_all()) {
            return Ok(Arc::clone(all));
        }
        let all = Arc::new(Brackets::all(&self.values()?, &self.cell_of));
        *known = vec![Arc::clone(&all)];
        Ok(all)
    }

    fn values(&self) -> Result<impl std::ops::Deref<Target = [f64]>> {
        let column = match self.data.whole() {
            Some(table) => table.columns()[self.j].clone(),
            None => self.data.select(&[self.j]).table()?.columns()[0].clone(),
        };
        match column {
            Column::Number(values) => Ok(values),
            Column::Codes { .. } => Err(Code::Bug.error("a category has no order")),
        }
    }
}

impl Ranked {
    /// As a feature that is `scale * x + offset`, and something in so many rows where `x` is missing.
    pub fn mapped(self, scale: f64, offset: f64, fill: Option<(f64, usize)>) -> Self {
        Self { scale, offset, fill, ..self }
    }

    /// The ranks in the column, ascending, that tell of a rank of the feature: of two that are given here, the first is the
    /// feature's value if it is less than the fill, the second if it is not.
    fn sources(&self, rank: usize) -> [Option<usize>; 2] {
        let filled = self.fill.map_or(0, |(_, rows)| rows);
        let turned = |rank: usize| {
            let inside = rank < self.present;
            inside.then(|| if self.scale < 0.0 { self.present - 1 - rank } else { rank })
        };
        [turned(rank), rank.checked_sub(filled).filter(|_| filled > 0).and_then(turned)]
    }

    fn all_sources(&self, ranks: &[usize]) -> Vec<usize> {
        ranks.iter().flat_map(|rank| self.sources(*rank)).flatten().collect()
    }

    fn feature(&self, value: f64) -> f64 {
        self.scale * value + self.offset
    }

    /// The value of one rank, where the column is known there.
    fn value(&self, rank: usize, known: &[Arc<Brackets>]) -> Option<f64> {
        let at = |rank: usize| {
            let raw = known.iter().find_map(|brackets| brackets.at(rank, self.except));
            raw.map(|raw| self.feature(raw))
        };
        let [below, above] = self.sources(rank);
        match self.fill.filter(|(_, rows)| *rows > 0) {
            None => at(below?),
            // Ranks below the fill are the column's own, those above come after all filled rows.
            Some((fill, rows)) => {
                let below = below.and_then(at).filter(|value| *value < fill);
                let above = above.and_then(at).filter(|value| *value >= fill);
                let fill = (rank < self.present + rows).then_some(fill);
                below.or(above).or(fill)
            }
        }
    }
}

impl Order for Ranked {
    fn prepare(&self, ranks: &[usize]) {
        let known = match self.column.known.try_lock() {
            Ok(known) => known,
            Err(TryLockError::Poisoned(known)) => known.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        // `at` meets the same error.
        let _ = self.column.with(known, &self.all_sources(ranks), self.except, self.present);
    }

    fn at(&self, ranks: &[usize]) -> Result<Vec<f64>> {
        let known = self.column.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.column.with(known, &self.all_sources(ranks), self.except, self.present)?;
        let none = |rank: &usize| Code::Bug.error(format!("rank {rank} of {} values", self.present));
        ranks.iter().map(|rank| self.value(*rank, &known).ok_or_else(|| none(rank))).collect()
    }

    fn counts(&self) -> Result<Vec<(f64, u64)>> {
        let all = self.column.all()?;
        let mut counts: Vec<(f64, u64)> = Vec::new();
        let mut add = |value: f64, count: u64| match counts.last_mut() {
            Some((last, total)) if *last == value => *total += count,
            _ => counts.push((value, count)),
        };
        all.held(self.except).for_each(|(value, count)| add(self.feature(value), count));
        if self.scale < 0.0 {
            counts.reverse();
        }
        if let Some((fill, rows)) = self.fill.filter(|(_, rows)| *rows > 0) {
            let at = counts.partition_point(|(value, _)| *value < fill);
            match counts.get_mut(at) {
                Some((value, count)) if *value == fill => *count += rows as u64,
                _ => counts.insert(at, (fill, rows as u64)),
            }
        }
        Ok(counts)
    }
}

impl Debug for Ranked {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Ranked")
            .field("column", &self.column.j)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Field, Kind, Schema, Table};

    fn orders(values: &[f64], cell_of: &[u16]) -> Orders {
        let schema = Schema::new(vec![Field { name: "x".to_owned(), kind: Kind::Number }]);
        let table = Table::new(schema, vec![Column::Number(values.to_vec().into())]).unwrap();
        Orders::new(&table.into(), &cell_of.into())
    }

    /// 20,000 values in 5 contiguous cells, every seventh missing.
    fn column() -> (Vec<f64>, Vec<u16>) {
        let value =
            |i: usize| if i.is_multiple_of(7) { f64::NAN } else { ((i * 7919) % 20_011) as f64 - 9_000.0 };
        ((0..20_000).map(value).collect(), (0..20_000).map(|i| (i / 4_000) as u16).collect())
    }

    /// A feature's values but for a cell, sorted plainly.
    fn plain(
        (values, cell_of): (&[f64], &[u16]),
        except: Option<u16>,
        (scale, offset): (f64, f64),
        fill: Option<f64>,
    ) -> (Vec<f64>, usize) {
        let kept = values.iter().zip(cell_of).filter(|(_, cell)| Some(**cell) != except);
        let kept: Vec<f64> = kept.map(|(value, _)| *value).collect();
        let missing = kept.iter().filter(|value| value.is_nan()).count();
        let mut all: Vec<f64> =
            kept.iter().filter(|value| !value.is_nan()).map(|v| scale * v + offset).collect();
        all.extend(fill.iter().flat_map(|fill| vec![*fill; missing]));
        all.sort_by(f64::total_cmp);
        (all, missing)
    }

    #[test]
    fn features_of_a_column_are_ranked_as_if_they_were_sorted() {
        let (values, cell_of) = column();
        let own = (&values[..], &cell_of[..]);
        for (scale, offset) in [(1.0, 0.0), (-0.5, 3.0), (0.25, -7.0)] {
            for fill in [None, Some(0.0), Some(1e6), Some(-1e6), Some(1003.5)] {
                let orders = orders(&values, &cell_of);
                for except in [None, Some(0), Some(4)] {
                    let (sorted, missing) = plain(own, except, (scale, offset), fill);
                    let present = sorted.len() - fill.map_or(0, |_| missing);
                    let ranked =
                        orders.of(0, except, present).mapped(scale, offset, fill.map(|fill| (fill, missing)));
                    let n = sorted.len();
                    for ranks in
                        [vec![n / 2, (n - 1) / 2], vec![n / 4, 3 * n / 4], vec![0, n - 1], vec![n / 3]]
                    {
                        ranked.prepare(&ranks);
                        let wanted: Vec<f64> = ranks.iter().map(|rank| sorted[*rank]).collect();
                        assert_eq!(
                            ranked.at(&ranks).unwrap(),
                            wanted,
                            "{scale} {fill:?} {except:?} {ranks:?}"
                        );
                    }
                    let counts = sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64));
                    assert_eq!(ranked.counts().unwrap(), counts.collect::<Vec<_>>());
                    assert_eq!(ranked.at(&[n]).unwrap_err().code(), Code::Bug);
                }
            }
        }
    }

    #[test]
    fn one_reading_serves_the_medians_of_all_folds() {
        let (values, cell_of) = column();
        let orders = orders(&values, &cell_of);
        for except in (0..5).map(Some).chain([None]) {
            let (sorted, _) = plain((&values, &cell_of), except, (1.0, 0.0), None);
            let middle = sorted.len() / 2;
            assert_eq!(orders.of(0, except, sorted.len()).at(&[middle]).unwrap(), [sorted[middle]]);
        }
        let known = orders.columns[0].known.lock().unwrap();
        assert!(known.len() == 1 && !known[0].is_all());
    }

    #[test]
    fn ever_more_ranks_end_in_a_sort() {
        let (values, cell_of) = column();
        let orders = orders(&values, &cell_of);
        let (sorted, _) = plain((&values, &cell_of), Some(2), (1.0, 0.0), None);
        let ranked = orders.of(0, Some(2), sorted.len());
        for rank in (0..sorted.len()).step_by(250) {
            assert_eq!(ranked.at(&[rank]).unwrap(), [sorted[rank]]);
        }
        assert!(orders.columns[0].known.lock().unwrap().iter().all(|brackets| brackets.is_all()));
    }

    #[test]
    fn a_cell_is_left_out_and_so_is_what_is_missing() {
        let orders = orders(&[3.0, -1.0, f64::NAN, 2.0, 3.0], &[0, 1, 1, 0, 1]);
        assert_eq!(orders.of(0, None, 4).at(&[0, 1, 2, 3]).unwrap(), [-1.0, 2.0, 3.0, 3.0]);
        assert_eq!(orders.of(0, Some(0), 2).at(&[1, 0]).unwrap(), [3.0, -1.0]);
        assert_eq!(orders.of(0, Some(1), 2).counts().unwrap(), [(2.0, 1), (3.0, 1)]);
    }
}
