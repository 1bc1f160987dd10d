//! A table while its cells come in, from whatever layout.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;

use crate::diag::{Code, Diagnostic, Result};
use crate::table::{Field, Kind, Schema, Table};

use super::cell::{Cell, Missing};
use super::column::{Built, Growing, Place, Refusal};
use super::read::{Read, ReadOptions};

/// A column of a [`Builder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

impl Slot {
    /// Its place among all columns of the data, read or not, in the order of appearance.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Takes cells as texts, row by row or column by column, and makes a table of them.
///
/// Columns stand in the order of their first appearance; a row that lacks a field has a missing
/// value there.
pub struct Builder<'a> {
    options: &'a ReadOptions,
    wanted: Option<HashSet<&'a str>>,
    missing: Missing,
    place: &'a Place<'a>,
    columns: Vec<Growing>,
    /// All columns of the data, wanted or not, in order of appearance.
    known: Vec<Known>,
    by_name: HashMap<String, usize>,
    rows: usize,
    /// Which part of the data it is at, and where that begins among all places.
    part: usize,
    base: usize,
    /// Where the next field of a row probably is.
    next: usize,
    /// Bytes of cells and names that have come: the bound of what a table may take.
    fed: usize,
    room: usize,
}

/// The columns of a [`Builder`], of which other threads make builders of their own.
pub struct Apart<'a> {
    options: &'a ReadOptions,
    names: Vec<String>,
    base: usize,
}

/// Rows for [`Builder::append`].
pub struct Rows {
    columns: Vec<Growing>,
    count: usize,
    fed: usize,
}

impl Apart<'_> {
    /// The rows that `feed` hands to a builder of these columns, with room for some rows. It knows neither the rows before nor the
    /// places: its errors say that something is wrong, and no more.
    pub fn rows(&self, room: usize, feed: impl FnOnce(&mut Builder<'_>) -> Result<()>) -> Result<Rows> {
        let nowhere = |_| (String::new(), None);
        let mut builder = Builder::new(self.options, &nowhere);
        builder.begin_part(self.base);
        builder.reserve(room);
        self.names.iter().try_for_each(|name| builder.column(name, 0).map(drop))?;
        feed(&mut builder)?;
        Ok(Rows { columns: builder.columns, count: builder.rows, fed: builder.fed })
    }
}

struct Known {
    name: String,
    /// The place in `columns`, where the column is wanted.
    column: Option<usize>,
    /// The row, counted from 1, that had this field last.
    row: usize,
    /// The part that declared this column last.
    part: usize,
}

/// Cells that a table of sparse rows may always have, and for each byte that came.
const CELLS: usize = 1 << 20;
const CELLS_A_BYTE: usize = 8;

impl<'a> Builder<'a> {
    fn new(options: &'a ReadOptions, place: &'a Place<'a>) -> Self {
        Self {
            options,
            wanted: options.columns.as_ref().map(|names| names.iter().map(String::as_str).collect()),
            missing: Missing::of(&options.na_values),
            place,
            columns: Vec::new(),
            known: Vec::new(),
            by_name: HashMap::new(),
            rows: 0,
            part: 0,
            base: 0,
            next: 0,
            fed: 0,
            room: 0,
        }
    }

    /// What is read, and as what.
    pub fn options(&self) -> &'a ReadOptions {
        self.options
    }

    /// The names of all columns of the data so far, read or not, in the order of appearance.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.known.iter().map(|known| known.name.as_str())
    }

    /// The column with a name, where there is one so far.
    pub fn find(&self, name: &str) -> Option<Slot> {
        self.by_name.get(name).copied().map(Slot)
    }

    /// Makes room for some rows in the columns that come after this.
    pub fn reserve(&mut self, rows: usize) {
        self.room = rows;
    }

    /// Begins the next part of the data, such as a file, whose rows follow those before; its places begin at `base`.
    pub fn begin_part(&mut self, base: usize) {
        self.part += usize::from(!self.known.is_empty());
        self.base = base;
        self.next = 0;
    }

    /// A column, as a header declares it.
    ///
    /// # Errors
    /// `UnreadableValue` when it stands twice; `MissingColumn` when the part before has no such column.
    pub fn column(&mut self, name: &str, at: usize) -> Result<Slot> {
        match self.by_name.get(name).copied() {
            Some(slot) if self.known[slot].part < self.part => {
                self.known[slot].part = self.part;
                if let Some(i) = self.known[slot].column {
                    self.columns[i].pad(self.rows);
                }
                Ok(Slot(slot))
            }
            Some(_) => Err(self.twice("column", name, at)),
            None if self.part > 0 => Err(self.other_columns(name, at, true)),
            None => self.add(name, at),
        }
    }

    /// Ends the columns that a header declares.
    ///
    /// # Errors
    /// `MissingColumn` for a column that a part before has and this one has not.
    pub fn end_columns(&self, at: usize) -> Result<()> {
        match self.known.iter().find(|known| known.part < self.part) {
            Some(absent) => Err(self.other_columns(&absent.name, at, false)),
            None => Ok(()),
        }
    }

    /// The error for a column of this part, declared at `at`, that the first has not, or the other way round.
    fn other_columns(&self, name: &str, at: usize, is_here: bool) -> Diagnostic {
        let ((first, _), (own, line)) = ((self.place)(0), (self.place)(self.base + at));
        let (has, lacks) = if is_here { (&own, &first) } else { (&first, &own) };
        let message = format!("column `{}` is in `{has}`, but not in `{lacks}`", super::column::short(name));
        let help = "the files of a source have the same columns; name other files in `source.file`";
        Code::MissingColumn.error(message).help(help).within(own, line, None)
    }

    /// The column of a field of the current row, new or known.
    ///
    /// # Errors
    /// `UnreadableValue` when the row has the field already, or when the rows share so few fields
    /// that the table would dwarf the data.
    pub fn field(&mut self, name: &str, at: usize) -> Result<Slot> {
        let guess = self.known.get(self.next).is_some_and(|known| known.name == name);
        let found = if guess { Some(self.next) } else { self.by_name.get(name).copied() };
        let Slot(slot) = match found {
            Some(slot) => Slot(slot),
            None => self.add(name, at)?,
        };
        self.next = slot + 1;
        self.fed += name.len();
        if self.known[slot].row == self.rows + 1 {
            return Err(self.twice("field", name, at));
        }
        self.known[slot].row = self.rows + 1;
        if let Some(i) = self.known[slot].column {
            self.columns[i].pad(self.rows);
        }
        Ok(Slot(slot))
    }

    /// Whether the column is to be read at all.
    pub fn wants(&self, slot: Slot) -> bool {
        self.known[slot.0].column.is_some()
    }

    /// The name of a column.
    pub fn name(&self, slot: Slot) -> &str {
        &self.known[slot.0].name
    }

    /// The next cell of a column, as text; the words for missing are missing.
    ///
    /// # Errors
    /// `BadCell` for a cell that is not of the type that `schema` asks for.
    pub fn push<'t>(&mut self, slot: Slot, cell: impl Into<Cell<'t>>, at: usize) -> Result<()> {
        let cell = cell.into();
        self.fed += cell.text.len() + 1;
        match self.known[slot.0].column {
            Some(i) => {
                let pushed = self.columns[i].push(cell, &self.missing, self.base + at, self.place);
                pushed.map_err(|refusal| self.refused(i, cell.text, refusal, at))
            }
            None => Ok(()),
        }
    }

    #[cold]
    fn refused(&self, column: usize, text: &str, refusal: Refusal, at: usize) -> Diagnostic {
        self.columns[column].refuse(text, refusal, (self.place)(self.base + at))
    }

    /// What a builder of the same columns needs to be made on another thread.
    pub fn apart(&self) -> Apart<'a> {
        let names = self.known.iter().map(|known| known.name.clone()).collect();
        Apart { options: self.options, names, base: self.base }
    }

    /// Adds the rows that builders made by [`apart`](Self::apart) have taken, which come next, in this order.
    ///
    /// # Errors
    /// As [`Builder::end_row`].
    pub fn append(&mut self, pieces: Vec<Rows>) -> Result<()> {
        let mut more: Vec<Vec<Growing>> = self.columns.iter().map(|_| Vec::new()).collect();
        let (before, mut rows) = (self.rows, 0);
        for piece in pieces {
            self.fed += piece.fed;
            rows += piece.count;
            more.iter_mut().zip(piece.columns).for_each(|(more, column)| more.push(column));
        }
        self.columns.par_iter_mut().zip(more).for_each(|(column, more)| {
            column.pad(before);
            more.into_iter().for_each(|more| column.append(more));
        });
        self.columns.iter_mut().for_each(|column| column.locate(self.place));
        self.add_rows(rows)
    }

    /// A missing cell, which says so itself.
    pub fn push_missing(&mut self, slot: Slot) {
        self.fed += 1;
        if let Some(i) = self.known[slot.0].column {
            self.columns[i].push_missing();
        }
    }

    /// Ends a row; its columns without a cell are missing.
    ///
    /// # Errors
    /// `UnreadableValue` beyond 2^32 - 2 rows, or when the table would dwarf the data.
    pub fn end_row(&mut self) -> Result<()> {
        self.add_rows(1)?;
        self.next = 0;
        Ok(())
    }

    /// Says how many rows there are more, where whole columns came.
    ///
    /// # Errors
    /// As [`Builder::end_row`].
    pub fn add_rows(&mut self, rows: usize) -> Result<()> {
        self.rows = self.rows.saturating_add(rows);
        self.fed += 1;
        if self.rows >= u32::MAX as usize {
            return Err(self.error(0, format!("more than {} rows", u32::MAX - 1), "read it in parts"));
        }
        self.bound(0)
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn add(&mut self, name: &str, at: usize) -> Result<Slot> {
        let wanted = self.wanted.as_ref().is_none_or(|names| names.contains(name));
        let column = wanted.then_some(self.columns.len());
        if wanted {
            let asked = self.options.schema.get(name).copied();
            self.columns.push(Growing::new(name, asked, self.room));
        }
        let slot = self.known.len();
        self.known.push(Known { name: name.to_owned(), column, row: 0, part: self.part });
        self.by_name.insert(name.to_owned(), slot);
        self.fed += name.len();
        self.bound(at)?;
        Ok(Slot(slot))
    }

    /// Rows that share no fields would make a table of rows times rows cells.
    fn bound(&self, at: usize) -> Result<()> {
        let cells = self.columns.len().saturating_mul(self.rows);
        if cells <= CELLS + CELLS_A_BYTE * self.fed {
            return Ok(());
        }
        let message =
            format!("{} columns in {} rows, nearly all of them empty", self.columns.len(), self.rows);
        Err(self.error(at, message, "give the rows the same fields, or name the `columns` to read"))
    }

    fn twice(&self, what: &str, name: &str, at: usize) -> Diagnostic {
        let name = super::column::short(name);
        let message = match what {
            "field" => format!("row {}: field `{name}` stands twice", self.rows + 1),
            _ => format!("column `{name}` stands twice"),
        };
        self.error(at, message, "give every column its own name")
    }

    /// An `UnreadableValue` at a place of the data.
    pub fn error(&self, at: usize, message: String, help: &str) -> Diagnostic {
        let (name, line) = (self.place)(self.base + at);
        Code::UnreadableValue.error(message).help(help).within(name, line, None)
    }

    fn finish(mut self) -> Result<Vec<Built>> {
        self.check_names()?;
        let (name, _) = (self.place)(0);
        if self.rows == 0 || self.known.is_empty() {
            let message = match self.known.is_empty() {
                true => "the data has no columns",
                false => "the data has a header, but no rows",
            };
            let help = "put a table with at least one row there";
            return Err(Code::EmptyData.error(message).within(name, None, None).help(help));
        }
        for column in &mut self.columns {
            column.pad(self.rows);
        }
        Ok(self.columns.into_iter().map(Growing::finish).collect())
    }

    /// Every column that `columns` or `schema` names must be there.
    fn check_names(&self) -> Result<()> {
        let field = |known: &Known| Field { name: known.name.clone(), kind: Kind::Number };
        let asked = self.options.columns.iter().flatten().chain(self.options.schema.keys());
        let absent: Vec<&str> =
            asked.filter(|name| !self.by_name.contains_key(*name)).map(String::as_str).collect();
        if absent.is_empty() || self.known.is_empty() {
            return Ok(());
        }
        let fields: Vec<Field> = self.known.iter().map(field).collect();
        let names = Schema::new(fields);
        let (place, _) = (self.place)(0);
        names.require_all(absent).map_err(|error| error.within(place, None, None))
    }
}

/// Makes a table of what `feed` hands to a [`Builder`]. `feed` is called once more when a column
/// turned out to be words after its first cells had passed for numbers (`007`, then `A1`), since
/// their spelling is needed then; it has to hand over the same cells again.
///
/// # Errors
/// Whatever `feed` and the builder meet; `MissingColumn` for a name of the options that is not in
/// the data; `EmptyData` where there are no rows.
pub fn gather(
    options: &ReadOptions,
    place: &Place<'_>,
    feed: impl Fn(&mut Builder<'_>) -> Result<()>,
) -> Result<Read> {
    let pass = |options: &ReadOptions| {
        let mut builder = Builder::new(options, place);
        feed(&mut builder)?;
        builder.finish()
    };
    let mut built = pass(options)?;
    let again: Vec<String> = built.iter().filter(|column| column.again).map(|c| c.name.clone()).collect();
    if !again.is_empty() {
        let schema: BTreeMap<String, Kind> =
            again.iter().map(|name| (name.clone(), Kind::Category)).collect();
        let words = pass(&ReadOptions { schema, columns: Some(again), ..options.clone() })?;
        for (old, new) in built.iter_mut().filter(|column| column.again).zip(words) {
            *old = new;
        }
    }
    table(built).map_err(|e| e.within(place(0).0, None, None))
}

fn table(built: Vec<Built>) -> Result<Read> {
    let mut fields = Vec::with_capacity(built.len());
    let mut columns = Vec::with_capacity(built.len());
    let mut suspects = Vec::new();
    for column in built {
        fields.push(Field { name: column.name, kind: column.kind });
        columns.push(column.column);
        suspects.extend(column.suspect);
    }
    Ok(Read { table: Table::new(Schema::new(fields), columns)?, suspects })
}

#[cfg(test)]
mod tests {
    use super::{Builder, gather};
    use crate::diag::{Code, Result};
    use crate::source::formats::ReadOptions;
    use crate::table::{Column, Kind};

    fn rows(rows: &[&[(&str, &str)]]) -> impl Fn(&mut Builder<'_>) -> Result<()> {
        let rows: Vec<Vec<(String, String)>> =
            rows.iter().map(|row| row.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect()).collect();
        move |builder| {
            for (i, row) in rows.iter().enumerate() {
                for (name, text) in row {
                    let slot = builder.field(name, i)?;
                    builder.push(slot, text.as_str(), i)?;
                }
                builder.end_row()?;
            }
            Ok(())
        }
    }

    fn place(row: usize) -> (String, Option<usize>) {
        (format!("row:{row}"), None)
    }

    #[test]
    fn fields_come_in_any_order_and_may_be_absent() {
        let feed = rows(&[&[("a", "1")], &[("b", "x"), ("a", "2")], &[], &[("c", "true"), ("b", "y")]]);
        let read = gather(&ReadOptions::default(), &place, feed).expect("a table");
        assert_eq!(read.table.schema().names().collect::<Vec<_>>(), ["a", "b", "c"]);
        let missing: Vec<usize> = read.table.columns().iter().map(Column::missing).collect();
        assert_eq!((read.table.rows(), missing), (4, vec![2, 2, 3]));
        assert_eq!(read.table.schema().fields()[2].kind, Kind::Bool);
    }

    #[test]
    fn words_that_passed_for_numbers_keep_their_spelling() {
        let feed =
            rows(&[&[("n", "1"), ("id", "007")], &[("n", "2"), ("id", "A1")], &[("id", "7.0"), ("n", "")]]);
        let read = gather(&ReadOptions::default(), &place, feed).expect("a table");
        let Column::Codes { levels, .. } = &read.table.columns()[1] else { panic!("a category") };
        assert_eq!(levels.labels(), ["007", "7.0", "A1"]);
        assert_eq!(read.table.schema().fields()[0].kind, Kind::Number);
    }

    #[test]
    fn a_field_that_stands_twice_and_an_unknown_name_are_errors() {
        let feed = rows(&[&[("a", "1")], &[("a", "1"), ("a", "2")]]);
        let error = gather(&ReadOptions::default(), &place, feed).expect_err("twice");
        assert_eq!(error.message(), "row 2: field `a` stands twice");
        let options = ReadOptions { columns: Some(vec!["prize".into()]), ..ReadOptions::default() };
        let error = gather(&options, &place, rows(&[&[("price", "1")]])).expect_err("no such column");
        assert_eq!(error.code(), Code::MissingColumn);
        assert_eq!(error.advice(), Some("did you mean `price`?"));
    }

    #[test]
    fn rows_that_share_no_field_are_refused_before_they_fill_the_memory() {
        let feed = |builder: &mut Builder<'_>| {
            for i in 0..100_000 {
                let slot = builder.field(&format!("f{i}"), i)?;
                builder.push(slot, "1", i)?;
                builder.end_row()?;
            }
            Ok(())
        };
        let error = gather(&ReadOptions::default(), &place, feed).expect_err("too sparse");
        assert_eq!(error.code(), Code::UnreadableValue);
    }
}
