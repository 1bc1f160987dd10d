//! The cells of a table as texts.

use super::write::{Printer, printers};
use crate::table::Table;

/// A table whose cells are spelled one by one, as CSV has them.
pub struct Spelled<'a> {
    names: Vec<&'a str>,
    printers: Vec<Printer<'a>>,
}

impl<'a> Spelled<'a> {
    /// The cells of this table.
    pub fn of(table: &'a Table) -> Self {
        let names = table.schema().names().collect();
        Self { names, printers: printers(table, |label, _| label.to_owned()) }
    }

    /// A cell; `None` for a missing one.
    pub fn cell(&self, row: usize, column: usize) -> Option<String> {
        let printer = &self.printers[column];
        printer.has(row).then(|| {
            let mut text = String::new();
            printer.push(row, &mut text);
            text
        })
    }

    /// Whether a row has any cell.
    pub fn has_any(&self, row: usize) -> bool {
        self.printers.iter().any(|printer| printer.has(row))
    }

    /// The cells of a row with the names of their columns, without the missing ones.
    pub fn fields(&self, row: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let cell = |(column, name): (usize, &&str)| {
            Some((name.as_bytes().to_vec(), self.cell(row, column)?.into_bytes()))
        };
        self.names.iter().enumerate().filter_map(cell).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Spelled;
    use crate::source::formats::{Format, ReadOptions, read};

    #[test]
    fn cells_are_those_of_csv_without_the_missing_ones() {
        let csv = b"n,half,b,s\n1,0.5,TRUE,x\n2,,,\n,1,false,\xc3\xa9\n,,,\n";
        let table = read(csv, Format::Csv, "k", &ReadOptions::default()).expect("a table").table;
        let spelled = Spelled::of(&table);
        let row = |row| -> Vec<String> {
            let fields = spelled.fields(row).into_iter();
            fields.map(|(name, value)| String::from_utf8_lossy(&[name, value].join(&b'=')).into()).collect()
        };
        assert_eq!(row(0), ["n=1", "half=0.5", "b=true", "s=x"]);
        assert_eq!(row(1), ["n=2"]);
        assert_eq!(row(2), ["half=1.0", "b=false", "s=é"]);
        assert!(row(3).is_empty() && !spelled.has_any(3) && spelled.has_any(1));
        assert_eq!((spelled.cell(1, 0), spelled.cell(1, 1)), (Some("2".into()), None));
    }
}
