//! The operations on rows that are not in memory.
//!
//! One pass over all rows tells which of them stay, a bit a row, and which levels are left. Whatever reads rows after that gets them
//! in units of the rows that are left, cut as those of a table in memory, so that no number depends on where the rows lie.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::apply::{Cleaned, Cleaning, compacted, counted, gathered, used};
use super::{Act, Bound, Edit, Filter, Lane};
use crate::diag::{Code, Result};
use crate::table::{Column, Data, Facts, Kind, Levels, RUN_ROWS, Rows, Scan, Schema, Table};

/// Units of the source that are kept between two units of rows, for those that go on in the middle of one.
const KEPT_UNITS: usize = 8;

/// Does all operations to rows that are read in units.
///
/// # Errors
/// As [`clean`](super::clean).
pub(super) fn clean(bound: &Bound, data: &Data) -> Result<Cleaned> {
    refuse_whole(bound)?;
    let units: Vec<Result<Unit>> =
        (0..data.units()).into_par_iter().map(|unit| Unit::of(bound, data, unit)).collect();
    let mut dropped = vec![0; bound.stages.len()];
    let mut facts = vec![Facts::default(); data.width()];
    let mut levels: Vec<Option<Vec<bool>>> = vec![None; data.width()];
    let (mut masks, mut starts) = (Vec::with_capacity(units.len()), vec![0]);
    let mut rows = 0;
    for unit in units {
        let unit = unit?;
        dropped.iter_mut().zip(&unit.dropped).for_each(|(all, own)| *all += own);
        for (all, mut own) in facts.iter_mut().zip(unit.facts) {
            own.infinite = own.infinite.map(|(row, value)| (row + rows, value));
            *all = all.then(own);
        }
        for (all, own) in levels.iter_mut().zip(unit.used) {
            match (&mut *all, own) {
                (Some(all), Some(own)) => all.iter_mut().zip(own).for_each(|(all, own)| *all |= own),
                (all, own) => *all = own,
            }
        }
        rows += unit.rows;
        masks.push(unit.mask);
        starts.push(rows);
    }
    let dropped = counted(bound, data.rows(), &dropped)?;
    let kept = Arc::new(Kept { masks, starts });
    let lane = |((place, lane), used): ((usize, &Lane), Option<Vec<bool>>)| -> Result<Cleaner> {
        let levels = match data.levels(place) {
            Some(levels) => end_levels(lane, levels, used.as_deref())?,
            None => lane_levels(lane, used.as_deref())?,
        };
        Ok(Cleaner { lane: lane.clone(), used: used.map(Into::into), levels })
    };
    let lanes = bound.lanes.iter().enumerate().zip(levels).map(lane).collect::<Result<Vec<_>>>()?;
    let all: Vec<usize> = (0..data.width()).collect();
    let scan = CleanScan {
        inner: data.scan().select(&all),
        lanes,
        kept: Arc::clone(&kept),
        schema: Arc::new(bound.schema.clone()),
        begun: Mutex::default(),
    };
    let data = Data::streamed(Arc::new(scan), facts);
    let data = if kept.all() { data } else { data.with_origin(Arc::new(move |row| kept.row(row))) };
    Ok(Cleaned { data, dropped })
}

/// Refuses what needs all rows at once.
fn refuse_whole(bound: &Bound) -> Result<()> {
    for stage in &bound.stages {
        for act in &stage.acts {
            let name = stage.operation.name();
            let (message, help) = match act {
                Act::Filter(filter @ Filter::DropDuplicates(..)) if !filter.is_local() => {
                    let message = format!("`{name}` needs all rows in memory, and there are too many");
                    (
                        message,
                        "drop them before they are written, or read fewer columns with `source.columns`"
                            .to_owned(),
                    )
                }
                Act::Edit { place, edit: Edit::Cast(to) }
                    if to.is_coded()
                        && matches!(stage.schema.fields()[*place].kind, Kind::Number | Kind::Datetime) =>
                {
                    let column = &bound.lanes[*place].name;
                    let message = format!(
                        "`{name}` of the values of `{column}` needs all rows in memory, and there are too many"
                    );
                    (message, format!("say `schema: {{{column}: category}}` instead"))
                }
                _ => continue,
            };
            return Err(Code::NotSupported.error(message).help(help).at(&stage.operation.span));
        }
    }
    Ok(())
}

/// The levels of a category, or of what becomes of one, that any row has in the end.
fn end_levels(lane: &Lane, levels: &Arc<Levels>, used: Option<&[bool]>) -> Result<Option<Arc<Levels>>> {
    let none = Column::Codes { codes: Vec::new().into(), levels: Arc::clone(levels) };
    Ok(match compacted(&lane.apply(&none)?, used) {
        Column::Codes { levels, .. } => Some(levels),
        Column::Number(_) => None,
    })
}

/// As [`end_levels`], of a column that is read as numbers or bools.
fn lane_levels(lane: &Lane, used: Option<&[bool]>) -> Result<Option<Arc<Levels>>> {
    Ok(match compacted(&lane.apply(&Column::Number(Vec::new().into()))?, used) {
        Column::Codes { levels, .. } => Some(levels),
        Column::Number(_) => None,
    })
}

/// What is found in one unit of the source.
struct Unit {
    rows: usize,
    /// A bit for each row, whether it stays; `None` where all do.
    mask: Option<Vec<u64>>,
    dropped: Vec<usize>,
    facts: Vec<Facts>,
    /// Which levels of each category are there.
    used: Vec<Option<Vec<bool>>>,
}

impl Unit {
    fn of(bound: &Bound, data: &Data, unit: usize) -> Result<Self> {
        let table = data.scan().unit(unit)?;
        let mut work = Cleaning::of(&table, unit * RUN_ROWS);
        let dropped = work.all(bound)?;
        let mask = work.rows.as_ref().map(|rows| {
            let mut mask = vec![0u64; table.rows().div_ceil(64)];
            rows.iter().for_each(|row| mask[*row as usize / 64] |= 1 << (row % 64));
            mask
        });
        let levels = |column: &Column| match column {
            Column::Codes { codes, levels } => Some(used(codes, levels)),
            Column::Number(_) => None,
        };
        Ok(Self {
            rows: work.count,
            mask,
            dropped,
            facts: work.columns.iter().map(|column| Facts::of(column, 0)).collect(),
            used: work.columns.iter().map(levels).collect(),
        })
    }
}

/// Which rows of the source stay.
struct Kept {
    /// Of each unit of the source, a bit for each row; `None` where all stay.
    masks: Vec<Option<Vec<u64>>>,
    /// How many rows stay before each unit, and in all.
    starts: Vec<usize>,
}

impl Kept {
    fn rows(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    fn all(&self) -> bool {
        self.masks.iter().all(Option::is_none)
    }

    /// The unit of the source that a row that stays is in.
    fn unit(&self, row: usize) -> usize {
        self.starts.partition_point(|start| *start <= row) - 1
    }

    /// The rows of a unit of the source that stay; `None` for all.
    fn of_unit(&self, unit: usize) -> Option<Vec<u32>> {
        let words = self.masks[unit].as_ref()?.iter().zip(0..);
        let bits = |(word, i): (&u64, u32)| {
            let word = *word;
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| i * 64 + bit)
        };
        Some(words.flat_map(bits).collect())
    }

    /// The row of the source that a row that stays was.
    fn row(&self, row: usize) -> usize {
        let unit = self.unit(row);
        let within = row - self.starts[unit];
        unit * RUN_ROWS + self.of_unit(unit).map_or(within, |rows| rows[within] as usize)
    }
}

/// What becomes of one column.
#[derive(Clone)]
struct Cleaner {
    lane: Lane,
    /// Which levels any row has, where it ends as a category.
    used: Option<Arc<[bool]>>,
    levels: Option<Arc<Levels>>,
}

impl Cleaner {
    fn apply(&self, column: &Column) -> Result<Column> {
        Ok(match (compacted(&self.lane.apply(column)?, self.used.as_deref()), &self.levels) {
            // All units share the levels.
            (Column::Codes { codes, .. }, Some(levels)) => {
                Column::Codes { codes, levels: Arc::clone(levels) }
            }
            (column, _) => column,
        })
    }
}

/// Rows that are cleaned when they are read.
struct CleanScan {
    inner: Arc<dyn Scan>,
    lanes: Vec<Cleaner>,
    kept: Arc<Kept>,
    schema: Arc<Schema>,
    /// Units of the source of which only a part was asked for so far.
    begun: Mutex<Vec<(usize, Table)>>,
}

impl CleanScan {
    /// The rows of a unit of the source that stay, cleaned.
    fn source(&self, unit: usize) -> Result<Table> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let known = begun.iter().position(|(own, _)| *own == unit).map(|at| begun.swap_remove(at).1);
        drop(begun);
        if let Some(table) = known {
            return Ok(table);
        }
        let table = self.inner.unit(unit)?;
        let rows = self.kept.of_unit(unit).map(|rows| Rows::List(rows.into()));
        let clean = |(cleaner, column): (&Cleaner, &Column)| match &rows {
            // Of the rows that stay none is refused any more.
            Some(rows) => cleaner.apply(&gathered(column, rows)),
            None => cleaner.apply(column),
        };
        let columns = self.lanes.iter().zip(table.columns()).map(clean).collect::<Result<_>>()?;
        Table::new(Schema::clone(&self.schema), columns)
    }

    /// Keeps a unit of the source for who goes on with it.
    fn keep(&self, unit: usize, table: Table) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.len() >= KEPT_UNITS {
            begun.remove(0);
        }
        begun.push((unit, table));
    }
}

impl Scan for CleanScan {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn rows(&self) -> usize {
        self.kept.rows()
    }

    fn unit(&self, i: usize) -> Result<Table> {
        let (start, end) = (i * RUN_ROWS, ((i + 1) * RUN_ROWS).min(self.rows()));
        let mut parts: Vec<Table> = Vec::new();
        let mut at = start;
        while at < end {
            let unit = self.kept.unit(at);
            let (first, last) = (self.kept.starts[unit], self.kept.starts[unit + 1]);
            let table = self.source(unit)?;
            let stop = last.min(end);
            parts.push(table.slice(at - first, stop - at));
            if stop < last {
                self.keep(unit, table);
            }
            at = stop;
        }
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ => joined(&self.schema, &parts),
        }
    }

    fn whole(&self) -> Option<&Table> {
        None
    }

    fn select(&self, places: &[usize]) -> Arc<dyn Scan> {
        let fields = places.iter().map(|place| self.schema.fields()[*place].clone()).collect();
        Arc::new(Self {
            inner: self.inner.select(places),
            lanes: places.iter().map(|place| self.lanes[*place].clone()).collect(),
            kept: Arc::clone(&self.kept),
            schema: Arc::new(Schema::new(fields)),
            begun: Mutex::default(),
        })
    }

    fn levels(&self, place: usize) -> Option<&Arc<Levels>> {
        self.lanes.get(place)?.levels.as_ref()
    }
}

/// Tables of the same columns, one after the other.
fn joined(schema: &Schema, parts: &[Table]) -> Result<Table> {
    let column = |place: usize| {
        let columns = parts.iter().map(|part| &part.columns()[place]);
        let (mut numbers, mut all, mut known) = (Vec::new(), Vec::new(), None);
        for column in columns {
            match column {
                Column::Number(values) => numbers.extend_from_slice(values),
                Column::Codes { codes, levels } => {
                    all.extend_from_slice(codes);
                    known = Some(Arc::clone(levels));
                }
            }
        }
        match known {
            Some(levels) => Column::Codes { codes: all.into(), levels },
            None => Column::Number(numbers.into()),
        }
    };
    Table::new(schema.clone(), (0..schema.fields().len()).map(column).collect())
}
