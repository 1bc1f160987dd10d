//! A table to bytes and back, bit by bit: what `pin: snapshot` keeps of the data. A safetensors file as the artifact is, with a
//! tensor a column, and whatever is not exactly as expected is refused.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;
use safetensors::tensor::{TensorView, serialize};
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::diag::{Code, Diagnostic, Result};
use crate::table::{Column, Kind, Levels, MISSING, Schema, Table};

/// The form of a snapshot. A change of it brings a new number, and old ones are still read.
const FORMAT: &str = "pipefit.table/1";

/// A table that was kept, with the cells that are an error only where a column is learned from.
pub struct Snapshot {
    /// The table as it was read.
    pub table: Table,
    /// Such cells.
    pub suspects: Vec<Noted>,
}

/// A cell that a float cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// Its column.
    pub column: String,
    /// Its row, from 1.
    pub row: usize,
    /// What is wrong with it.
    pub message: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heading {
    format: String,
    rows: usize,
    schema: Schema,
    /// The levels of category columns, by place.
    levels: BTreeMap<usize, Levels>,
    suspects: Vec<Noted>,
}

impl Snapshot {
    /// The same bytes for the same table.
    ///
    /// # Errors
    /// `Bug` when the tensors cannot be laid out.
    pub fn write(table: &Table, suspects: Vec<Noted>) -> Result<Vec<u8>> {
        let bug = |what: String| Code::Bug.error(format!("the snapshot cannot be written: {what}"));
        let levels = table.columns().iter().enumerate().filter_map(|(place, column)| match column {
            Column::Codes { levels, .. } => Some((place, (**levels).clone())),
            Column::Number(_) => None,
        });
        let heading = Heading {
            format: FORMAT.to_owned(),
            rows: table.rows(),
            schema: (**table.schema()).clone(),
            levels: levels.collect(),
            suspects,
        };
        let heading = serde_json::to_string(&heading).map_err(|error| bug(error.to_string()))?;
        let bytes: Vec<(Dtype, Vec<u8>)> = table.columns().iter().map(bytes).collect();
        let mut views = Vec::with_capacity(bytes.len());
        for (place, (dtype, bytes)) in bytes.iter().enumerate() {
            let view = TensorView::new(*dtype, vec![table.rows()], bytes);
            views.push((place.to_string(), view.map_err(|error| bug(error.to_string()))?));
        }
        // One key, since the format's map has no order.
        let metadata = HashMap::from([("pipefit".to_owned(), heading)]);
        serialize(views, Some(metadata)).map_err(|error| bug(error.to_string()))
    }

    /// Reads a snapshot whose digest was checked.
    ///
    /// # Errors
    /// `Damaged` for whatever is not exactly as [`write`](Self::write) makes it.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let not_safetensors = |error| damaged(&format!("is no safetensors file: {error:?}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get("pipefit"));
        let text = text.ok_or_else(|| damaged("has no heading of pipefit"))?;
        let heading: Heading =
            serde_json::from_str(text).map_err(|error| damaged(&format!("has another heading: {error}")))?;
        if heading.format != FORMAT {
            let message =
                format!("the snapshot has the format `{}`; this version reads `{FORMAT}`", heading.format);
            return Err(Code::Damaged
                .error(message)
                .help("use the version of pipefit that wrote it, or a newer one"));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
        let fields = heading.schema.fields();
        if tensors.len() != fields.len() {
            return Err(damaged("has another number of columns than its heading says"));
        }
        let column = |(place, kind): (usize, Kind)| {
            let tensor = tensors
                .tensor(&place.to_string())
                .map_err(|error| damaged(&format!("lacks column {place}: {error}")))?;
            let levels = heading.levels.get(&place);
            column(&tensor, kind, levels, heading.rows)
                .ok_or_else(|| damaged(&format!("has a column {place} that is not as its heading says")))
        };
        let columns = fields.iter().map(|field| field.kind).enumerate().map(column);
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Self { table: Table::new(heading.schema, columns)?, suspects: heading.suspects })
    }
}

fn damaged(what: &str) -> Diagnostic {
    Code::Damaged.error(format!("the snapshot {what}"))
}

fn bytes(column: &Column) -> (Dtype, Vec<u8>) {
    match column {
        Column::Number(values) => (Dtype::F64, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Column::Codes { codes, .. } => {
            (Dtype::U32, codes.iter().flat_map(|code| code.to_le_bytes()).collect())
        }
    }
}

/// The column of a tensor; `None` if it is none of this kind.
fn column(tensor: &TensorView<'_>, kind: Kind, levels: Option<&Levels>, rows: usize) -> Option<Column> {
    if tensor.shape() != [rows] {
        return None;
    }
    match (kind, tensor.dtype(), levels) {
        (Kind::Number | Kind::Bool, Dtype::F64, None) => {
            let (values, _) = tensor.data().as_chunks::<8>();
            let values: Vec<f64> = values.iter().map(|value| f64::from_le_bytes(*value)).collect();
            let is_bool = |value: &f64| value.is_nan() || *value == 0.0 || *value == 1.0;
            (kind == Kind::Number || values.iter().all(is_bool))
                .then(|| Column::Number(ScalarBuffer::from(values)))
        }
        (Kind::Category, Dtype::U32, Some(levels)) => {
            let (codes, _) = tensor.data().as_chunks::<4>();
            let codes: Vec<u32> = codes.iter().map(|code| u32::from_le_bytes(*code)).collect();
            let is_known = |code: &u32| *code == MISSING || (*code as usize) < levels.len();
            codes
                .iter()
                .all(is_known)
                .then(|| Column::Codes { codes: ScalarBuffer::from(codes), levels: Arc::new(levels.clone()) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Noted, Snapshot};
    use crate::diag::Code;
    use crate::table::{Column, Field, Kind, Levels, MISSING, Schema, Table, fingerprint};

    fn table() -> Table {
        let field = |(name, kind): (&str, Kind)| Field { name: name.into(), kind };
        let fields =
            [("x", Kind::Number), ("größe\0", Kind::Category), ("b", Kind::Bool), ("n", Kind::Category)];
        let codes = |codes: [u32; 3], levels: Levels| Column::Codes {
            codes: codes.to_vec().into(),
            levels: levels.into(),
        };
        let columns = vec![
            Column::Number(vec![0.1 + 0.2, -0.0, f64::NAN].into()),
            codes([1, MISSING, 0], Levels::new(vec!["NA".into(), "".into()], false)),
            Column::Number(vec![1.0, f64::NAN, 0.0].into()),
            codes([0, 1, 1], Levels::new(vec!["007".into(), "7.0".into()], true)),
        ];
        Table::new(Schema::new(fields.map(field).into()), columns).expect("a table")
    }

    #[test]
    fn a_table_comes_back_bit_by_bit() {
        let suspects = vec![Noted { column: "x".into(), row: 2, message: "too large".into() }];
        let bytes = Snapshot::write(&table(), suspects.clone()).expect("bytes");
        let read = Snapshot::read(&bytes).expect("a snapshot");
        assert_eq!(read.table.schema(), table().schema());
        assert_eq!(fingerprint(&read.table), fingerprint(&table()));
        assert_eq!(read.suspects, suspects);
        assert_eq!(Snapshot::write(&read.table, suspects).expect("bytes"), bytes);
        let empty = Table::new(Schema::default(), Vec::new()).expect("a table");
        let bytes = Snapshot::write(&empty, Vec::new()).expect("bytes");
        assert_eq!(Snapshot::read(&bytes).expect("a snapshot").table.columns().len(), 0);
    }

    #[test]
    fn what_is_none_is_refused() {
        let bytes = Snapshot::write(&table(), Vec::new()).expect("bytes");
        for end in 0..bytes.len() {
            assert_eq!(
                Snapshot::read(&bytes[..end]).err().map(|error| error.code()),
                Some(Code::Damaged),
                "{end}"
            );
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let with = |old: &str, new: &str| {
            let at = text.find(old).unwrap_or_else(|| panic!("no {old}"));
            [&bytes[..at], new.as_bytes(), &bytes[at + old.len()..]].concat()
        };
        for (old, new) in [
            ("pipefit.table/1", "pipefit.table/2"),
            ("number", "numbex"),
            // A category that is said to be numbers, and numbers that are said to be bools.
            (r#"kind\":\"number"#, r#"kind\":\"bool\" "#),
            (r#"\"rows\":3"#, r#"\"rows\":4"#),
            ("\"F64\"", "\"I64\""),
        ] {
            assert!(Snapshot::read(&with(old, new)).is_err(), "{old}");
        }
    }
}
