//! Parquet files as one table that is read in units.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ParquetMetaData;

use super::blob::{Blob, Chunk};
use super::cells::{self, Words};
use super::chunk::{ChunkReader, Raw};
use super::columns::{Stored, Wanted};
use crate::diag::{Code, Diagnostic, Result};
use crate::source::formats::Suspect;
use crate::source::typed::Fault;
use crate::source::{Part, Parts};
use crate::table::{Column, Field, Levels, RUN_ROWS, Scan, Schema, Table};

/// One file.
pub(super) struct Source {
    pub name: String,
    pub blob: Arc<Blob>,
    pub footer: ParquetMetaData,
}

/// The levels of a category column.
pub(super) struct Known {
    pub levels: Arc<Levels>,
    pub codes: HashMap<Box<str>, u32>,
}

impl Known {
    /// Sorts words.
    pub fn new(words: Vec<String>, numeric: bool) -> Self {
        let levels = Levels::new(words, numeric);
        let labels = levels.labels().iter();
        let codes = labels.zip(0..).map(|(label, code)| (label.as_str().into(), code)).collect();
        Self { levels: Arc::new(levels), codes }
    }
}

/// A row group, and where its rows lie among all.
struct Group {
    file: usize,
    index: usize,
    start: usize,
    rows: usize,
}

/// What all selections of columns share.
pub(super) struct Shared {
    pub sources: Vec<Source>,
    pub columns: Vec<Wanted>,
    groups: Vec<Group>,
    pub rows: usize,
}

/// Some columns of one or more files, whose rows follow each other.
pub struct ParquetScan {
    pub(super) shared: Arc<Shared>,
    /// Places in the shared columns.
    pub(super) columns: Vec<usize>,
    /// Of each of these columns, where it is a category; empty until they are known.
    pub(super) known: Vec<Option<Arc<Known>>>,
    schema: Arc<Schema>,
    /// Places in row groups up to which the columns are decoded, for the next unit that goes on from
    /// there. A few threads ask for units mostly in order, each in its own part.
    cursors: Mutex<Vec<Cursor>>,
}

/// Cursors that are kept: one for each thread that is likely, each with a page a column.
const KEPT_CURSORS: usize = 8;

/// Column readers that all stand at the same row of a row group.
struct Cursor {
    group: usize,
    position: usize,
    readers: Vec<ChunkReader>,
}

/// Some rows of a column, and where they lie.
pub(super) struct Piece<'a> {
    pub raw: Raw,
    pub column: &'a Wanted,
    /// What the column holds in this file.
    pub stored: Stored,
    /// Global row of the first.
    start: usize,
    file: &'a str,
    group: usize,
}

impl Shared {
    /// Lays out the row groups.
    ///
    /// # Errors
    /// Files that contradict themselves, and more rows than a table can have.
    pub fn new(sources: Vec<Source>, columns: Vec<Wanted>) -> Result<Self> {
        let mut groups = Vec::new();
        let mut rows = 0usize;
        for (file, source) in sources.iter().enumerate() {
            for (index, group) in source.footer.row_groups().iter().enumerate() {
                let damaged = |what: &str| {
                    let message = format!("row group {}: {what}", index + 1);
                    damaged(&source.name, message)
                };
                let own = usize::try_from(group.num_rows()).map_err(|_| damaged("a negative length"))?;
                for column in &columns {
                    let chunk = group.columns().get(column.leaves[file]);
                    let chunk = chunk.ok_or_else(|| damaged("columns are missing"))?;
                    if usize::try_from(chunk.num_values()) != Ok(own) {
                        let what = format!("column `{}` has another number of rows", column.name);
                        return Err(damaged(&what));
                    }
                    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
                    let end = start.checked_add(chunk.compressed_size());
                    let inside = end.and_then(|end| u64::try_from(end).ok());
                    let inside = inside.is_some_and(|end| end <= source.blob.len());
                    if start < 0 || chunk.compressed_size() < 0 || !inside {
                        let what = format!("column `{}` lies beyond the end of the file", column.name);
                        return Err(damaged(&what));
                    }
                }
                groups.push(Group { file, index, start: rows, rows: own });
                rows = rows.saturating_add(own);
            }
        }
        if rows >= u32::MAX as usize {
            let error = Code::UnreadableValue.error(format!("more than {} rows", u32::MAX - 1));
            return Err(error.help("read a part of the files"));
        }
        groups.retain(|group| group.rows > 0);
        Ok(Self { sources, columns, groups, rows })
    }

    fn cursor(&self, group: usize, columns: &[usize]) -> Result<Cursor> {
        let Group { file, index, .. } = self.groups[group];
        let source = &self.sources[file];
        let about = source.footer.row_group(index);
        let reader = |j: &usize| {
            let column = &self.columns[*j];
            let leaf = column.leaves[file];
            let chunk = Chunk::new(Arc::clone(&source.blob), about.column(leaf).compression());
            ChunkReader::new(chunk, about, leaf).map_err(|error| self.unreadable(group, column, &error))
        };
        Ok(Cursor { group, position: 0, readers: columns.iter().map(reader).collect::<Result<_>>()? })
    }

    fn unreadable(&self, group: usize, column: &Wanted, error: &ParquetError) -> Diagnostic {
        let Group { file, index, .. } = self.groups[group];
        let what = match error {
            ParquetError::General(message) | ParquetError::EOF(message) => message.clone(),
            ParquetError::NYI(message) => format!("not supported: {message}"),
            other => other.to_string(),
        };
        let message = format!("row group {}, column `{}`: {what}", index + 1, column.name);
        damaged(&self.sources[file].name, message)
    }
}

/// An error for a file that is none.
pub(super) fn damaged(file: &str, message: String) -> Diagnostic {
    let help = "the file is damaged, or was not written completely; write it again";
    Code::UnreadableValue.error(message).help(help).within(file, None, None)
}

impl ParquetScan {
    /// All columns, whose levels are yet to be found.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let columns: Vec<usize> = (0..shared.columns.len()).collect();
        let known = vec![None; columns.len()];
        Self::of(shared, columns, known)
    }

    pub(super) fn of(shared: Arc<Shared>, columns: Vec<usize>, known: Vec<Option<Arc<Known>>>) -> Self {
        let field = |j: &usize| {
            let column = &shared.columns[*j];
            Field { name: column.name.clone(), kind: column.kind }
        };
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect()));
        Self { shared, columns, known, schema, cursors: Mutex::default() }
    }

    /// The bytes that all rows would take in memory.
    pub fn decoded_bytes(&self) -> u64 {
        let width: u64 = self.columns.iter().map(|j| self.shared.columns[*j].width()).sum();
        width * self.shared.rows as u64
    }

    /// Reads unit `i` and hands each column's values over, in order of rows; the first argument is the
    /// place among this scan's columns.
    pub(super) fn pieces(&self, i: usize, mut take: impl FnMut(usize, &Piece) -> Result<()>) -> Result<()> {
        let start = i * RUN_ROWS;
        let end = (start + RUN_ROWS).min(self.shared.rows);
        let groups = &self.shared.groups;
        let first = groups.partition_point(|group| group.start + group.rows <= start);
        for (g, group) in groups.iter().enumerate().skip(first).take_while(|(_, group)| group.start < end) {
            let from = start.max(group.start);
            let rows = end.min(group.start + group.rows) - from;
            let mut cursor = self.cursor_at(g, from - group.start)?;
            for (place, (reader, j)) in cursor.readers.iter_mut().zip(&self.columns).enumerate() {
                let column = &self.shared.columns[*j];
                let skip = from - group.start - cursor.position;
                // The decoder may still panic on what is damaged in ways that no check above it knows.
                let read = catch_unwind(AssertUnwindSafe(|| {
                    reader.skip(skip)?;
                    reader.read(rows)
                }));
                let read = read.unwrap_or_else(|_| Err(ParquetError::General("damaged".to_owned())));
                let raw = read.map_err(|error| self.shared.unreadable(g, column, &error))?;
                let file = &self.shared.sources[group.file].name;
                take(
                    place,
                    &Piece {
                        raw,
                        column,
                        stored: column.stored[group.file],
                        start: from,
                        file,
                        group: group.index,
                    },
                )?;
            }
            cursor.position = from - group.start + rows;
            if cursor.position < group.rows {
                self.keep(cursor);
            }
        }
        Ok(())
    }

    /// The cursor that is nearest before a row of a group, or a new one.
    fn cursor_at(&self, group: usize, row: usize) -> Result<Cursor> {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |cursor: &Cursor| cursor.group == group && cursor.position <= row;
        let places = (0..cursors.len()).filter(|i| fits(&cursors[*i]));
        match places.max_by_key(|i| cursors[*i].position) {
            Some(i) => Ok(cursors.remove(i)),
            None => {
                drop(cursors);
                self.shared.cursor(group, &self.columns)
            }
        }
    }

    fn keep(&self, cursor: Cursor) {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        if cursors.len() == KEPT_CURSORS {
            cursors.remove(0);
        }
        cursors.push(cursor);
    }

    /// Unit `i`, and its cells that a float cannot hold, the first of each column.
    ///
    /// # Errors
    /// As [`Scan::unit`].
    pub(super) fn read(&self, i: usize) -> Result<(Table, Vec<Suspect>)> {
        let cells = |known: &Option<Arc<Known>>| match known {
            Some(known) => Cells::Codes(Vec::with_capacity(RUN_ROWS), Arc::clone(known)),
            None => Cells::Numbers(Vec::with_capacity(RUN_ROWS)),
        };
        let mut columns: Vec<Cells> = self.known.iter().map(cells).collect();
        let mut suspects: Vec<Suspect> = Vec::new();
        self.pieces(i, |place, piece| {
            let name = &piece.column.name;
            let suspect = match &mut columns[place] {
                Cells::Codes(codes, known) => {
                    cells::codes(&piece.raw, piece.stored, &mut Words::Known(&known.codes), codes)
                        .map(|()| None)
                }
                Cells::Numbers(values) => cells::numbers(&piece.raw, piece.stored, piece.column.kind, values),
            };
            let suspect = suspect.map_err(|fault| piece.fault(&fault))?;
            if let Some(fault) = suspect.filter(|_| !suspects.iter().any(|suspect| suspect.column == *name)) {
                let row = piece.start + fault.row + 1;
                suspects.push(fault.suspect(&piece.group(), name, row, piece.file));
            }
            Ok(())
        })?;
        let column = |cells| match cells {
            Cells::Codes(codes, known) => {
                Column::Codes { codes: codes.into(), levels: Arc::clone(&known.levels) }
            }
            Cells::Numbers(values) => Column::Number(values.into()),
        };
        let columns = columns.into_iter().map(column).collect();
        Ok((Table::new(Schema::clone(&self.schema), columns)?, suspects))
    }
}

/// A column while its pieces come in.
enum Cells {
    Numbers(Vec<f64>),
    Codes(Vec<u32>, Arc<Known>),
}

impl Piece<'_> {
    /// The error for a cell.
    pub fn fault(&self, fault: &Fault) -> Diagnostic {
        let row = self.start + fault.row + 1;
        fault.error(&self.group(), &self.column.name, row, self.file)
    }

    fn group(&self) -> String {
        format!("row group {}, ", self.group + 1)
    }
}

impl Parts for ParquetScan {
    fn names(&self) -> Vec<String> {
        let first = self.shared.sources.first();
        let fields =
            first.map(|source| source.footer.file_metadata().schema_descr().root_schema().get_fields());
        fields.into_iter().flatten().map(|field| field.name().to_owned()).collect()
    }

    fn count(&self) -> usize {
        self.units()
    }

    fn part(&self, i: usize) -> Result<Part> {
        let (table, suspects) = self.read(i)?;
        Ok(Part { table, suspects, start: i * RUN_ROWS })
    }
}

impl Scan for ParquetScan {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn rows(&self) -> usize {
        self.shared.rows
    }

    fn unit(&self, i: usize) -> Result<Table> {
        Ok(self.read(i)?.0)
    }

    fn whole(&self) -> Option<&Table> {
        None
    }

    fn select(&self, places: &[usize]) -> Arc<dyn Scan> {
        let columns = places.iter().map(|place| self.columns[*place]).collect();
        let known = places.iter().map(|place| self.known[*place].clone()).collect();
        Arc::new(Self::of(Arc::clone(&self.shared), columns, known))
    }

    fn levels(&self, place: usize) -> Option<&Arc<Levels>> {
        Some(&self.known.get(place)?.as_ref()?.levels)
    }
}
