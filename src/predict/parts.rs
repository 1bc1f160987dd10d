//! Prediction of rows that come in parts: what is in memory does not grow with them.

use rayon::prelude::*;

use super::{Options, predict, unused};
use crate::artifact::Artifact;
use crate::diag::{Diagnostic, Result};
use crate::source::Parts;
use crate::table::{Schema, Table};

/// Predicts part after part and hands each to `take`, in order; gives the notes about the whole. A few parts at a time are read
/// and predicted side by side; a row's prediction is the same wherever it is cut.
///
/// # Errors
/// As [`predict`], with the row from which an error counts; those of reading and of `take`.
pub fn predict_parts(
    artifact: &Artifact,
    parts: &dyn Parts,
    options: &Options,
    mut take: impl FnMut(Table) -> Result<()>,
) -> Result<Vec<Diagnostic>> {
    let one = |i: usize| -> Result<Table> {
        let part = parts.part(i)?;
        let used = |column: &str| !artifact.manifest.bears(column);
        if let Some(suspect) = part.suspects.into_iter().find(|suspect| used(&suspect.column)) {
            return Err(suspect.error);
        }
        let predicted = predict(artifact, &part.table, options).map_err(|error| match part.start {
            0 => error,
            start => error.prefixed(&format!("counted from row {}", start + 1)),
        })?;
        Ok(predicted.table)
    };
    let wave = 2 * rayon::current_num_threads();
    for first in (0..parts.count()).step_by(wave) {
        let last = (first + wave).min(parts.count());
        // The first error in order, whichever was met first.
        let tables: Vec<Result<Table>> = (first..last).into_par_iter().map(one).collect();
        tables.into_iter().try_for_each(|table| take(table?))?;
    }
    let names = parts.names();
    let names = Schema::new(
        names
            .into_iter()
            .map(|name| crate::table::Field { name, kind: crate::table::Kind::Number })
            .collect(),
    );
    Ok(unused(artifact, &names, options))
}
