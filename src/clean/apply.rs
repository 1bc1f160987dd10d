//! The operations, done to a table in memory.

use std::sync::Arc;

use super::{Act, Bound, Operation, Scalar, Stage, streamed};
use crate::diag::{Code, Diagnostic, Result};
use crate::table::{Column, Data, Field, Levels, MISSING, Rows, Table};

/// A table after all operations.
#[derive(Clone)]
pub struct Cleaned {
    /// The rows that are left, which know their places in the data.
    pub data: Data,
    /// How many rows each operation has dropped; `None` for those on columns.
    pub dropped: Vec<Option<usize>>,
}

/// Does all operations to a table, one after the other. Rows that are not in memory are read once, for which of them stay, and
/// are cleaned whenever they are read again.
///
/// # Errors
/// `BadCell` for what an operation cannot do, with the row as it was read; `EmptyData` at the operation that leaves no row;
/// `NotSupported` for what needs all rows, where they are not in memory.
pub fn clean(bound: &Bound, data: &Data) -> Result<Cleaned> {
    let Some(table) = data.whole() else { return streamed::clean(bound, data) };
    let mut work = Cleaning::of(table, 0);
    let dropped = work.all(bound)?;
    let dropped = counted(bound, table.rows(), &dropped)?;
    let columns = work.columns.iter().map(|column| compacted(column, None)).collect();
    let cleaned = Data::from(Table::new(bound.schema.clone(), columns)?);
    let data = match work.rows {
        Some(rows) => cleaned.with_origin(Arc::new(move |row| rows[row] as usize)),
        None => cleaned,
    };
    Ok(Cleaned { data, dropped })
}

/// The rows dropped by each operation that drops any.
///
/// # Errors
/// `EmptyData` at the operation that leaves no row.
pub(super) fn counted(bound: &Bound, rows: usize, dropped: &[usize]) -> Result<Vec<Option<usize>>> {
    let mut left = rows;
    let count = |(stage, dropped): (&Stage, &usize)| {
        let before = left;
        left -= dropped;
        let operation: &Operation = stage.operation;
        if left == 0 && before > 0 {
            let message = format!("`{}` leaves none of {before} rows", operation.name());
            let help = "`pipefit data show` tells what the columns hold";
            return Err(Code::EmptyData.error(message).at(&operation.span).help(help));
        }
        Ok(operation.drops_rows().then_some(*dropped))
    };
    bound.stages.iter().zip(dropped).map(count).collect()
}

/// Rows on their way.
pub(super) struct Cleaning {
    /// The columns.
    pub columns: Vec<Column>,
    /// The row that each was among these, where some were dropped.
    pub rows: Option<Vec<u32>>,
    /// How many are left.
    pub count: usize,
    /// The place of the first in the data.
    start: usize,
}

impl Cleaning {
    /// Rows of the data from `start` on.
    pub fn of(table: &Table, start: usize) -> Self {
        Self { columns: table.columns().to_vec(), rows: None, count: table.rows(), start }
    }

    /// Does all operations, and counts the rows that each has dropped.
    ///
    /// # Errors
    /// `BadCell` for what an operation cannot do.
    pub fn all(&mut self, bound: &Bound) -> Result<Vec<usize>> {
        let stage = |stage: &Stage| {
            let before = self.count;
            stage.acts.iter().try_for_each(|act| self.act(stage, act))?;
            Ok(before - self.count)
        };
        bound.stages.iter().map(stage).collect()
    }

    fn act(&mut self, stage: &Stage, act: &Act) -> Result<()> {
        match act {
            Act::Edit { place, edit } => {
                let field = &stage.schema.fields()[*place];
                let edited = edit.apply(&self.columns[*place], field.kind);
                self.columns[*place] = edited.map_err(|refused| {
                    refused.error(&field.name, self.row_as_read(refused.row)).at(&stage.operation.span)
                })?;
            }
            Act::Whole { place, value } => {
                if let Some(row) = first_missing(&self.columns[*place]) {
                    let row = self.row_as_read(row);
                    return Err(
                        not_whole(&stage.schema.fields()[*place], row, value).at(&stage.operation.span)
                    );
                }
            }
            Act::Filter(filter) => {
                let keeps = filter.keeps(&Table::new(stage.schema.clone(), self.columns.clone())?)?;
                self.keep(&keeps);
            }
        }
        Ok(())
    }

    fn row_as_read(&self, row: usize) -> usize {
        self.start + self.row_among_these(row)
    }

    fn row_among_these(&self, row: usize) -> usize {
        self.rows.as_ref().map_or(row, |rows| rows[row] as usize)
    }

    /// Leaves the rows out that do not stay.
    fn keep(&mut self, keeps: &[bool]) {
        let kept: Vec<u32> = keeps.iter().zip(0..).filter_map(|(keep, row)| keep.then_some(row)).collect();
        if kept.len() == self.count {
            return;
        }
        self.rows = Some(kept.iter().map(|row| self.row_among_these(*row as usize) as u32).collect());
        self.count = kept.len();
        let kept = Rows::List(kept.into());
        // One after the other, so that no more than one column is there twice.
        self.columns.iter_mut().for_each(|column| *column = gathered(column, &kept));
    }
}

/// Some rows of a column.
pub(super) fn gathered(column: &Column, rows: &Rows) -> Column {
    match column {
        Column::Number(values) => Column::Number(rows.gather(values).into()),
        Column::Codes { codes, levels } => {
            Column::Codes { codes: rows.gather(codes).into(), levels: Arc::clone(levels) }
        }
    }
}

/// Missing values that would become something of another type.
fn not_whole(field: &Field, row: usize, value: &Scalar) -> Diagnostic {
    let message = format!(
        "`fillna`: column `{}` is {} and missing in row {}, and {} is of another type",
        field.name,
        field.kind.name(),
        row + 1,
        value.found()
    );
    Code::BadCell
        .error(message)
        .help("give each column a value of its own, as in `fillna: {age: 0, plan: none}`")
}

fn first_missing(column: &Column) -> Option<usize> {
    match column {
        Column::Number(values) => values.iter().position(|value| value.is_nan()),
        Column::Codes { codes, .. } => codes.iter().position(|code| *code == MISSING),
    }
}

/// Which levels of a category any row has.
pub(super) fn used(codes: &[u32], levels: &Levels) -> Vec<bool> {
    let mut used = vec![false; levels.len()];
    codes.iter().filter(|code| **code != MISSING).for_each(|code| used[*code as usize] = true);
    used
}

/// A column without the levels that no row has: of this column, unless it is told of all rows.
pub(super) fn compacted(column: &Column, of_all: Option<&[bool]>) -> Column {
    let Column::Codes { codes, levels } = column else { return column.clone() };
    let own = of_all.is_none().then(|| used(codes, levels));
    let used = of_all.or(own.as_deref()).unwrap_or_default();
    if used.iter().all(|used| *used) {
        return column.clone();
    }
    let labels = levels.labels().iter().zip(used).filter(|(_, used)| **used);
    // What is left is still in order, so that codes only move down.
    let fewer = Levels::new(labels.map(|(label, _)| label.clone()).collect(), levels.numeric());
    let moved: Vec<u32> = used
        .iter()
        .scan(0, |next, used| {
            let code = *next;
            *next += u32::from(*used);
            Some(code)
        })
        .collect();
    let codes: Vec<u32> =
        codes.iter().map(|code| moved.get(*code as usize).copied().unwrap_or(MISSING)).collect();
    Column::Codes { codes: codes.into(), levels: Arc::new(fewer) }
}
