//! What a table is, as one digest.

use super::{Column, Digest, RUN_ROWS, Schema, Table};

/// The digest of a table: over (name, type, digest of each 65,536-row piece), column by column.
/// It depends on the values alone, not on the layout, the batches or the store they came from.
pub fn fingerprint(table: &Table) -> Digest {
    let starts = || (0..table.rows()).step_by(RUN_ROWS);
    let piece = |column: &Column, start| column.slice(start, RUN_ROWS.min(table.rows() - start));
    let digests = |column| starts().map(|start| piece_digest(&piece(column, start))).collect();
    digest_of_pieces(table.schema(), &table.columns().iter().map(digests).collect::<Vec<_>>())
}

/// The digest of a piece of a column: the rows of one unit.
pub fn piece_digest(piece: &Column) -> Digest {
    Digest::of(&bytes(piece))
}

/// The digest of a table from those of its pieces, the units of each column in order.
pub fn digest_of_pieces(schema: &Schema, columns: &[Vec<Digest>]) -> Digest {
    let mut pieces: Vec<&[u8]> = Vec::new();
    for (field, digests) in schema.fields().iter().zip(columns) {
        pieces.push(field.name.as_bytes());
        pieces.push(field.kind.name().as_bytes());
        pieces.extend(digests.iter().map(|digest| digest.bytes().as_slice()));
    }
    Digest::of_pieces(pieces)
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
