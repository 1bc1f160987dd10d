//! What a table is, as one digest.

use super::{Column, Digest, RUN_ROWS, Table};

/// The digest of a table: over (name, type, digest of each 65,536-row piece), column by column.
/// It depends on the values alone, not on the layout, the batches or the store they came from.
pub fn fingerprint(table: &Table) -> Digest {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for (field, column) in table.fields() {
        pieces.push(field.name.as_bytes().to_vec());
        pieces.push(field.kind.name().as_bytes().to_vec());
        for start in (0..table.rows()).step_by(RUN_ROWS) {
            let piece = column.slice(start, RUN_ROWS.min(table.rows() - start));
            pieces.push(Digest::of(&bytes(&piece)).bytes().to_vec());
        }
    }
    Digest::of_pieces(pieces.iter().map(Vec::as_slice))
}

/// A piece of a column as bytes: numbers as little-endian floats with one NaN, labels as text with
/// their length before them.
fn bytes(piece: &Column) -> Vec<u8> {
    match piece {
        Column::Number(values) => {
            let canonical = |v: &f64| if v.is_nan() { f64::NAN } else { *v };
            values.iter().flat_map(|v| canonical(v).to_bits().to_le_bytes()).collect()
        }
        Column::Codes { codes, levels } => {
            let mut bytes = Vec::new();
            for code in codes.iter() {
                match levels.label(*code) {
                    Some(label) => {
                        bytes.extend((label.len() as u32).to_le_bytes());
                        bytes.extend(label.as_bytes());
                    }
                    None => bytes.extend(u32::MAX.to_le_bytes()),
                }
            }
            bytes
        }
    }
}
