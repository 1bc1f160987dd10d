//! The data as it is learned from: read, cleaned, and checked against what is expected of it.

use super::Loaded;
use crate::clean::{self, Cleaned, Lane};
use crate::diag::{Code, Diagnostic, Result};
use crate::expect;
use crate::graph::Graph;
use crate::plan::{self, Bound};
use crate::report::{Dropped, Extent};
use crate::source::formats::Suspect;
use crate::table::{Column, Data, label_of, number_of};

/// Data that can be bound, and what has become of it since it was read. A clone shares the table.
#[derive(Clone)]
pub struct Prepared {
    /// What was read, with the table that `clean` leaves; its fingerprint is that of the table as it was read.
    pub loaded: Loaded,
    /// The size of the table as it was read.
    pub extent: Extent,
    /// What each operation of `clean` has done to the rows.
    pub dropped: Vec<Dropped>,
    /// What `clean` has done to each column.
    lanes: Vec<Lane>,
}

/// From here on an `f64` no longer holds every integer.
const LAST_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Cleans what was read, and checks it.
///
/// # Errors
/// What `clean` cannot do; `Expectation` with all that does not hold.
pub fn prepare(graph: &Graph, mut loaded: Loaded) -> Result<Prepared> {
    let extent = Extent::of(&loaded.table);
    let (mut dropped, mut lanes) = (Vec::new(), Vec::new());
    if !graph.clean.is_empty() {
        let bound = clean::bind(&graph.clean, loaded.table.schema())?;
        let Cleaned { data, dropped: counts } = clean::clean(&bound, &loaded.table)?;
        let told = |(operation, rows): (&clean::Operation, Option<usize>)| Dropped {
            operation: operation.shown.clone(),
            rows,
        };
        dropped = graph.clean.iter().zip(counts).map(told).collect();
        let suspects = std::mem::take(&mut loaded.suspects).into_iter();
        loaded.suspects = suspects.filter_map(|suspect| remaining(suspect, &bound.lanes, &data)).collect();
        loaded.table = data;
        lanes = bound.lanes;
    }
    if let Some(expect) = &graph.expect {
        expect::check(expect, &loaded.table)?;
    }
    Ok(Prepared { loaded, extent, dropped, lanes })
}

impl Prepared {
    /// Binds a graph to the table.
    ///
    /// # Errors
    /// As [`plan::bind`], and cells that a float cannot hold in columns that are learned from.
    pub fn bind<'g>(&self, graph: &'g Graph) -> Result<Bound<'g>> {
        let mut bound = plan::bind(graph, &self.loaded.table)?;
        self.loaded.refuse_suspects(&bound)?;
        let schema = bound.x.schema();
        let changed = |lane: &&Lane| !lane.is_straight() && schema.index(&lane.column).is_some();
        bound.lanes = self.lanes.iter().filter(changed).cloned().collect();
        Ok(bound)
    }

    /// Warns where rows that were to stay where they are were read into memory after all.
    pub fn warn_of_memory(&mut self, bound: &Bound) {
        if self.loaded.table.is_streamed() && !bound.x.is_streamed() {
            let mib = bound.x.bytes() >> 20;
            let message = format!(
                "all rows were read into memory, {mib} MiB: not all that was fitted takes statistics"
            );
            let help = "`pipefit plan` tells which step or model reads rows, and why";
            self.loaded.warnings.push(Code::WarnData.warning(message).help(help));
        }
    }

    /// An error from behind the cleaning, which counts the rows that were left.
    pub fn retold(&self, error: Diagnostic) -> Diagnostic {
        let fewer = self.loaded.table.rows() < self.extent.rows();
        if !fewer || !error.message().contains("row ") {
            return error;
        }
        let help = error.advice().map_or(String::new(), |help| format!("{help}; "));
        error.help(format!("{help}rows are counted among those that `clean` leaves"))
    }
}

/// What is left to refuse of a cell that a float cannot hold, under the column's new name.
fn remaining(suspect: Suspect, lanes: &[Lane], data: &Data) -> Option<Suspect> {
    let place = lanes.iter().position(|lane| lane.name == suspect.column)?;
    let lane = &lanes[place];
    let column = lane.column.clone();
    if data.row_with_number(suspect.row).is_some() && !lane.settles_extremes() {
        return Some(Suspect { column, ..suspect });
    }
    // The first such cell is gone. Others, which nobody has noted, are known by their size; `bind` finds infinite ones.
    let beyond = |value: f64| value.is_finite() && value.abs() >= LAST_INTEGER && value.fract() == 0.0;
    let Some(table) = data.whole() else { return Some(Suspect { column, ..suspect }) };
    let (row, text) = match &table.columns()[place] {
        Column::Number(values) => {
            let row = values.iter().position(|value| beyond(*value))?;
            (row, label_of(values[row]))
        }
        Column::Codes { codes, levels } => {
            let spells = |code: &u32| levels.label(*code).and_then(number_of).is_some_and(beyond);
            let row = codes.iter().position(spells)?;
            (row, levels.label(codes[row]).unwrap_or_default().to_owned())
        }
    };
    let row = data.row_number(row);
    let message = format!(
        "column `{column}`, row {row}: `{text}` is an integer beyond 2^53, which a float cannot hold"
    );
    let help = format!("if it is a name, say `schema: {{{}: category}}`", lane.name);
    Some(Suspect { error: Code::BadCell.error(message).help(help), column, row })
}
