//! What becomes of the entries of a batch.

use crate::diag::{Code, Diagnostic, Result};
use crate::predict::{self, predict};
use crate::serve::Loaded;
use crate::source::formats::{ReadOptions, Spelled};
use crate::source::keys::{Delivered, EntryId, Fate, Row};
use crate::source::layouts::table_of_entries;
use crate::table::Table;

/// The field with the id of the entry that was read.
pub const SOURCE: &str = "pipefit_id";
/// The field with the version that has predicted: `NAME:VERSION`.
pub const MODEL: &str = "pipefit_model";
/// The field that says why there is no prediction.
pub const REASON: &str = "pipefit_reason";

/// The fields of an entry that are repeated in a dead letter; a server's script can write some more.
const MOST_FIELDS: usize = 3_800;

/// What is made of an entry.
#[derive(Clone, Debug)]
pub struct Making {
    /// The stream, for messages.
    pub stream: String,
    /// Whether the probability of every class is given too.
    pub proba: bool,
    /// The fields that are repeated, byte by byte.
    pub keep: Vec<String>,
    /// How often an entry is delivered before it is given up.
    pub deliveries: u64,
}

/// An entry, and how often it was delivered.
pub struct Arrived {
    /// What was delivered.
    pub entry: Delivered,
    /// How often, this time included.
    pub deliveries: u64,
}

impl Making {
    /// What becomes of entries: predictions of a version, dead letters, or nothing. An entry that cannot be predicted changes
    /// nothing about the others.
    ///
    /// # Errors
    /// What is wrong with the version rather than with an entry.
    pub fn fates(&self, loaded: &Loaded, arrived: &[Arrived]) -> Result<Vec<(EntryId, Fate)>> {
        let mut fates = Vec::with_capacity(arrived.len());
        let mut rows = Vec::with_capacity(arrived.len());
        for Arrived { entry, deliveries } in arrived {
            let Some(row) = &entry.fields else {
                fates.push((entry.id, Fate::Gone));
                continue;
            };
            if *deliveries > self.deliveries {
                let times = deliveries - 1;
                let reason =
                    format!("was delivered {times} times and never predicted: its workers ended before");
                fates.push((entry.id, dead(entry.id, row, &reason)));
            } else if !loaded.inputs.names().any(|input| has(row, input)) {
                let reason = format!("has no field that `{}` takes", loaded.name);
                fates.push((entry.id, dead(entry.id, row, &reason)));
            } else {
                rows.push((entry.id, row));
            }
        }
        match self.predicted(loaded, &rows) {
            Ok(table) => {
                for (place, (id, row)) in rows.iter().enumerate() {
                    fates.push((*id, self.written(loaded, *id, row, &table.slice(place, 1))));
                }
            }
            Err(error) if is_ours(&error) => return Err(error),
            // Which of them it is shows where each is alone.
            Err(_) => {
                for one in &rows {
                    fates.push((one.0, self.alone(loaded, *one)?));
                }
            }
        }
        // In the order of the stream again.
        fates.sort_by_key(|(id, _)| *id);
        Ok(fates)
    }

    fn alone(&self, loaded: &Loaded, (id, row): (EntryId, &Row)) -> Result<Fate> {
        match self.predicted(loaded, &[(id, row)]) {
            Ok(table) => Ok(self.written(loaded, id, row, &table)),
            Err(error) if is_ours(&error) => Err(error),
            Err(error) => Ok(dead(id, row, error.message())),
        }
    }

    /// The predictions of rows, which are read as `predict` reads a stream.
    fn predicted(&self, loaded: &Loaded, rows: &[(EntryId, &Row)]) -> Result<Table> {
        let manifest = &loaded.artifact().manifest;
        let inputs = loaded.inputs.fields();
        let options = ReadOptions {
            schema: inputs.iter().map(|field| (field.name.clone(), field.kind)).collect(),
            columns: Some(inputs.iter().map(|field| field.name.clone()).collect()),
            na_values: manifest.na_values.clone(),
        };
        let read = table_of_entries(&self.stream, rows, &options)?;
        if let Some(suspect) = read.suspects.into_iter().find(|suspect| !manifest.bears(&suspect.column)) {
            return Err(suspect.error);
        }
        let options = predict::Options { proba: self.proba, keep: Vec::new() };
        Ok(predict(loaded.artifact(), &read.table, &options)?.table)
    }

    /// The output entry of a row with its prediction. It is spelled by itself: among others a whole number might have a point.
    fn written(&self, loaded: &Loaded, id: EntryId, row: &Row, predicted: &Table) -> Fate {
        let mut fields = vec![
            (SOURCE.as_bytes().to_vec(), id.to_string().into_bytes()),
            (MODEL.as_bytes().to_vec(), format!("{}:{}", loaded.name, loaded.version).into_bytes()),
        ];
        fields.extend(Spelled::of(predicted).fields(0));
        let kept = self.keep.iter().filter_map(|name| row.iter().find(|(own, _)| own == name.as_bytes()));
        fields.extend(kept.cloned());
        Fate::Written(fields)
    }
}

fn has(row: &Row, name: &str) -> bool {
    row.iter().any(|(own, _)| own == name.as_bytes())
}

/// Whether an error is of the version or of us, and would be the same for every entry.
fn is_ours(error: &Diagnostic) -> bool {
    matches!(error.code(), Code::Bug | Code::Usage | Code::Damaged | Code::Interrupted | Code::NoMemory)
}

/// An entry with the reason why there is no prediction.
fn dead(id: EntryId, row: &Row, reason: &str) -> Fate {
    let mut fields: Row = row.iter().take(MOST_FIELDS).cloned().collect();
    let left_out = row.len() - fields.len();
    let more = if left_out > 0 { format!(" ({left_out} fields are left out here)") } else { String::new() };
    fields.push((SOURCE.as_bytes().to_vec(), id.to_string().into_bytes()));
    fields.push((REASON.as_bytes().to_vec(), format!("{reason}{more}").into_bytes()));
    Fate::Dead(fields)
}

#[cfg(test)]
mod tests {
    use super::{Fate, MOST_FIELDS, REASON, Row, dead};
    use crate::source::keys::EntryId;

    #[test]
    fn a_dead_letter_of_many_fields_can_still_be_written() {
        let row: Row = (0..5_000).map(|i| (format!("f{i}").into_bytes(), b"1".to_vec())).collect();
        let Fate::Dead(fields) = dead(EntryId::FIRST, &row, "odd") else { panic!("not dead") };
        assert_eq!(fields.len(), MOST_FIELDS + 2);
        let (name, reason) = fields.last().expect("a reason");
        assert_eq!(
            (name.as_slice(), reason.as_slice()),
            (REASON.as_bytes(), &b"odd (1200 fields are left out here)"[..])
        );
    }
}
