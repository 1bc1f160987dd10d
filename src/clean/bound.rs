//! Operations meet the columns of a table.

use super::{DropDuplicates, DropNa, Edit, Lane, Name, Operation, Query, Scalar, Shape, Work};
use crate::diag::{Diagnostic, Result, Span};
use crate::table::{Column, Schema, Table};

/// What is to be done to a table, in order, and what its columns are then called.
#[derive(Clone, Debug)]
pub struct Bound<'a> {
    /// The operations in order.
    pub stages: Vec<Stage<'a>>,
    /// What becomes of each column, in the order of the table.
    pub lanes: Vec<Lane>,
    /// Names and types afterwards.
    pub schema: Schema,
}

/// An operation on the columns as the ones before leave them.
#[derive(Clone, Debug)]
pub struct Stage<'a> {
    /// The operation as written.
    pub operation: &'a Operation,
    /// Names and types before it.
    pub schema: Schema,
    /// What it does.
    pub acts: Vec<Act<'a>>,
}

/// One thing that is done to one column, or to the rows.
#[derive(Clone, Debug)]
pub enum Act<'a> {
    /// Changes the values of a column.
    Edit {
        /// The column's place.
        place: usize,
        /// How.
        edit: Edit,
    },
    /// Refuses missing values in a column that has another type than what they would become.
    Whole {
        /// The column's place.
        place: usize,
        /// What they would become.
        value: Scalar,
    },
    /// Leaves rows out.
    Filter(Filter<'a>),
}

/// Which rows are left out.
#[derive(Clone, Debug)]
pub enum Filter<'a> {
    /// Those that others repeat, in the columns at some places.
    DropDuplicates(&'a DropDuplicates, Vec<usize>),
    /// Those with missing values in the columns at some places.
    DropNa(&'a DropNa, Vec<usize>),
    /// Those for which an expression does not hold, with the names that its columns have then.
    Query(&'a Query),
}

/// Finds every column that the operations name.
///
/// # Errors
/// `MissingColumn` with the nearest name; `BadCell` for values and operations that do not fit a column's type.
pub fn bind<'a>(operations: &'a [Operation], schema: &Schema) -> Result<Bound<'a>> {
    let mut shape = Shape::of(schema);
    let mut lanes: Vec<Lane> = schema.fields().iter().map(Lane::straight).collect();
    let mut stages = Vec::with_capacity(operations.len());
    for operation in operations {
        let before = shape.schema().clone();
        let acts = match &operation.work {
            Work::DropDuplicates(work) => {
                vec![Act::Filter(Filter::DropDuplicates(work, shape.places(work.subset.as_deref())?))]
            }
            Work::DropNa(work) => {
                vec![Act::Filter(Filter::DropNa(work, shape.places(work.subset.as_deref())?))]
            }
            Work::Query(work) => {
                work.bind(&shape)?;
                vec![Act::Filter(Filter::Query(work))]
            }
            Work::FillNa(work) => work.bind(&shape)?,
            Work::Replace(work) => work.bind(&shape)?,
            Work::Clip(work) => work.bind(&shape, &operation.span)?,
            Work::AsType(work) => work.bind(&mut shape)?,
            Work::Rename(work) => {
                for (place, name) in work.bind(&mut shape)? {
                    lanes[place].column = name;
                }
                Vec::new()
            }
        };
        for act in &acts {
            if let Act::Edit { place, edit } = act {
                lanes[*place].edits.push(edit.clone());
            }
        }
        stages.push(Stage { operation, schema: before, acts });
    }
    Ok(Bound { stages, lanes, schema: shape.schema().clone() })
}

impl Filter<'_> {
    /// Whether each row stays.
    ///
    /// # Errors
    /// Parts of an expression whose types do not go together.
    pub fn keeps(&self, table: &Table) -> Result<Vec<bool>> {
        let columns = |places: &[usize]| -> Vec<&Column> {
            places.iter().map(|place| &table.columns()[*place]).collect()
        };
        Ok(match self {
            Filter::DropDuplicates(work, places) => work.keeps(&columns(places), table.rows()),
            Filter::DropNa(work, places) => work.keeps(&columns(places), table.rows()),
            Filter::Query(query) => query.keeps(table)?,
        })
    }

    /// Whether it can be told of a row alone.
    pub fn is_local(&self) -> bool {
        !matches!(self, Filter::DropDuplicates(..))
    }
}

/// A value that cannot stand in a column.
pub(super) fn unfit(operation: &str, name: &Name, kind: &str, value: &Scalar, span: &Span) -> Diagnostic {
    let message = format!("`{operation}`: column `{}` is {kind}, and {} is not", name.text, value.found());
    let help = format!("write a value of its type, or `astype: {{{}: category}}` before it", name.text);
    crate::diag::Code::BadCell.error(message).help(help).at(span)
}
