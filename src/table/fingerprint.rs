//! What a table is, as one digest.

use rayon::prelude::*;

use super::{Column, Digest, RUN_ROWS, Schema, Table};

/// The digest of a table: over (name, type, digest of each 65,536-row piece), column by column.
/// It depends on the values alone, not on the layout, the batches or the store they came from.
pub fn fingerprint(table: &Table) -> Digest {
    let pieces = table.rows().div_ceil(RUN_ROWS);
    let digest = |column: &Column, piece: usize| {
        let start = piece * RUN_ROWS;
        piece_digest(&column.slice(start, RUN_ROWS.min(table.rows() - start)))
    };
    // One piece is no reason to start threads.
    let digests = |column| {
        if pieces > 1 {
            (0..pieces).into_par_iter().map(|piece| digest(column, piece)).collect()
        } else {
            (0..pieces).map(|piece| digest(column, piece)).collect()
        }
    };
    digest_of_pieces(table.schema(), &table.columns().iter().map(digests).collect::<Vec<_>>())
}

/// The digest of a piece of a column: the rows of one unit.
pub fn piece_digest(piece: &Column) -> Digest {
    match piece {
        // They lie in memory as they are hashed.
        Column::Number(values) if cfg!(target_endian = "little") && one_nan(values) => {
            Digest::of(values.inner())
        }
        _ => Digest::of(&bytes(piece)),
    }
}

/// Whether all NaN are the one that stands for all.
fn one_nan(values: &[f64]) -> bool {
    let others = values.iter().filter(|value| value.is_nan() && value.to_bits() != f64::NAN.to_bits());
    others.count() == 0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_hashed_as_little_endian_floats_with_one_nan() {
        let other = f64::from_bits(f64::NAN.to_bits() | 1);
        assert!(other.is_nan());
        let column = |values: &[f64]| Column::Number(values.to_vec().into());
        let spelled = |values: &[f64]| {
            Digest::of(&values.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect::<Vec<u8>>())
        };
        let values = [1.5, f64::NAN, -0.0];
        assert_eq!(piece_digest(&column(&values)), spelled(&values));
        assert_eq!(piece_digest(&column(&[1.5, other, -0.0])), spelled(&values));
        assert_eq!(piece_digest(&column(&[9.0, 1.5, other, -0.0]).slice(1, 3)), spelled(&values));
    }
}
