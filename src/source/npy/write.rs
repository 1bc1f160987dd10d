//! A table as an array of records.

use std::io;

use crate::diag::{Code, Diagnostic, Result};
use crate::table::{Column, Field, Kind, MISSING, Table};

/// The most letters of a text that is read again.
const LONGEST: usize = 0xff_ffff;
/// Headers are so long, as NumPy writes them.
const ALIGNED: usize = 64;

/// Whether an array of records can hold the table: it has no missing truths and texts, and no text ends with a zero character.
///
/// # Errors
/// `Usage` with the first column that cannot be written.
pub(in crate::source) fn check(table: &Table) -> Result<()> {
    if table.rows() == 0 || table.columns().is_empty() {
        return Err(refused("an array of NumPy has at least one row and one column".to_owned()));
    }
    for (field, column) in table.fields() {
        let why = match column {
            Column::Number(values) if field.kind == Kind::Bool => values
                .iter()
                .any(|value| value.is_nan())
                .then_some("has missing values, which truths of NumPy have not"),
            Column::Number(_) => None,
            Column::Codes { codes, .. } if codes.contains(&MISSING) => {
                Some("has missing values, which texts of NumPy have not")
            }
            Column::Codes { levels, .. } => {
                let labels = levels.labels();
                let odd = |label: &String| label.ends_with('\0') || label.chars().nth(LONGEST).is_some();
                labels.iter().any(odd).then_some("has a text that texts of NumPy do not hold")
            }
        };
        if let Some(why) = why {
            return Err(refused(format!("column `{}` {why}", field.name)));
        }
    }
    Ok(())
}

fn refused(message: String) -> Diagnostic {
    let help = "write `.parquet` or `.arrow`, or fill the cells with `clean: [{fillna: ...}]` before";
    Code::Usage.error(message).help(help)
}

/// Writes a table that passes [`check`]: numbers as doubles, datetimes in microseconds, categories and texts as `U`.
///
/// # Errors
/// Those of `out`.
pub(in crate::source) fn write(table: &Table, out: &mut dyn io::Write) -> io::Result<()> {
    let cells: Vec<Cells<'_>> = table.fields().map(|(field, column)| Cells::of(field, column)).collect();
    let names = table.schema().names().zip(&cells);
    let fields: String =
        names.map(|(name, cells)| format!("('{}', '{}'), ", escaped(name), cells.code())).collect();
    let header = format!("{{'descr': [{fields}], 'fortran_order': False, 'shape': ({},), }}", table.rows());
    // Version 2 has room for more than 64 KiB of it.
    let large = header.len() + 2 * ALIGNED > usize::from(u16::MAX);
    let before = if large { 12 } else { 10 };
    let length = (before + header.len() + 1).next_multiple_of(ALIGNED) - before;
    out.write_all(b"\x93NUMPY")?;
    if large {
        let length = u32::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        out.write_all(&[2, 0])?;
        out.write_all(&length.to_le_bytes())?;
    } else {
        out.write_all(&[1, 0])?;
        out.write_all(&(length as u16).to_le_bytes())?;
    }
    out.write_all(header.as_bytes())?;
    out.write_all(&vec![b' '; length - 1 - header.len()])?;
    out.write_all(b"\n")?;
    let mut record = Vec::new();
    for row in 0..table.rows() {
        record.clear();
        cells.iter().for_each(|cells| cells.push(row, &mut record));
        out.write_all(&record)?;
    }
    Ok(())
}

/// A name between quotes in Python, in ASCII alone.
fn escaped(name: &str) -> String {
    let letter = |letter: char| match letter {
        '\\' | '\'' => format!("\\{letter}"),
        ' '..='~' => letter.to_string(),
        _ => format!("\\U{:08x}", u32::from(letter)),
    };
    name.chars().map(letter).collect()
}

/// The cells of a column.
enum Cells<'a> {
    Numbers(&'a [f64]),
    Truths(&'a [f64]),
    Datetimes(&'a [f64]),
    Texts { codes: &'a [u32], labels: &'a [String], letters: usize },
}

impl<'a> Cells<'a> {
    fn of(field: &Field, column: &'a Column) -> Self {
        match column {
            Column::Number(values) if field.kind == Kind::Bool => Self::Truths(values),
            Column::Number(values) if field.kind == Kind::Datetime => Self::Datetimes(values),
            Column::Number(values) => Self::Numbers(values),
            Column::Codes { codes, levels } => {
                let labels = levels.labels();
                // A text of no letters at all would be an item without bytes.
                let letters = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).max(1);
                Self::Texts { codes, labels, letters }
            }
        }
    }

    /// The type's code.
    fn code(&self) -> String {
        match self {
            Self::Numbers(_) => "<f8".to_owned(),
            Self::Truths(_) => "|b1".to_owned(),
            Self::Datetimes(_) => "<M8[us]".to_owned(),
            Self::Texts { letters, .. } => format!("<U{letters}"),
        }
    }

    fn push(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Numbers(values) => out.extend(values[row].to_le_bytes()),
            Self::Truths(values) => out.push(u8::from(values[row] != 0.0)),
            // The least integer is NaT.
            Self::Datetimes(values) if values[row].is_nan() => out.extend(i64::MIN.to_le_bytes()),
            Self::Datetimes(values) => out.extend((values[row] as i64).to_le_bytes()),
            Self::Texts { codes, labels, letters } => {
                let end = out.len() + 4 * letters;
                let label = labels.get(codes[row] as usize).map_or("", String::as_str);
                label.chars().for_each(|letter| out.extend(u32::from(letter).to_le_bytes()));
                out.resize(end, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::source::formats::{Format, ReadOptions, read, written};
    use crate::table::{Kind, fingerprint};

    #[test]
    fn records_come_back_as_they_were() {
        let csv = "größe's \\ \"n\",when,on,plan\n1.5,2024-01-31T12:00:00.5,true,\n,,false,für 😀\n-0.0,1900-01-01,true,NA\n";
        let schema = [("when".to_owned(), Kind::Datetime)].into();
        let na_values = crate::table::NaValues { values: Vec::new(), keep_default: true };
        let options = ReadOptions { schema, na_values, ..ReadOptions::default() };
        let table = read(csv.as_bytes(), Format::Csv, "k", &options).expect("a table").table;
        // Empty cells and `NA` are missing in CSV.
        let error = written(&table, Format::Npy).expect_err("missing texts");
        assert!(error.message().starts_with("column `plan` has missing"), "{}", error.message());
        let filled = csv.replace(",NA", ",x").replace("true,\n", "true,yy\n");
        let table = read(filled.as_bytes(), Format::Csv, "k", &options).expect("a table").table;
        let bytes = written(&table, Format::Npy).expect("an array");
        assert_eq!(bytes.iter().position(|byte| *byte == b'\n').map(|end| (end + 1) % 64), Some(0));
        let back = read(&bytes, Format::Npy, "k", &ReadOptions::default()).expect("a table").table;
        assert_eq!((back.schema(), fingerprint(&back)), (table.schema(), fingerprint(&table)));
        // So many columns that the header needs four bytes for its length.
        let names: Vec<String> = (0..4_000).map(|i| format!("column {i}")).collect();
        let wide = format!("{}\n{}\n", names.join(","), vec!["7"; names.len()].join(","));
        let table = read(wide.as_bytes(), Format::Csv, "k", &ReadOptions::default()).expect("a table").table;
        let bytes = written(&table, Format::Npy).expect("an array");
        let back = read(&bytes, Format::Npy, "k", &ReadOptions::default()).expect("a table").table;
        assert_eq!(fingerprint(&back), fingerprint(&table));
    }
}
