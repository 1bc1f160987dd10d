//! One column while its cells come in.

use std::collections::HashMap;

use crate::diag::{Code, Diagnostic, Result};
use crate::table::{Column, Kind, Levels, MISSING, parse_datetime};

use super::cell::{self, Missing};

/// Says where a cell stands: the name of the key or file, and the line where there is one. Its
/// argument is the `at` that came with the cell: a byte offset, a row, whatever the layout counts.
pub type Place<'a> = dyn Fn(usize) -> (String, Option<usize>) + 'a;

/// A cell that a float cannot hold: infinity, or an integer beyond 2^53. It is an error where the
/// column is a feature, a target or a weight, and nothing to speak of elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// The column's name.
    pub column: String,
    /// The row, counted from 1 over the data rows: the first such row of the column.
    pub row: usize,
    /// The error to raise, with column, row, text and line.
    pub error: Diagnostic,
}

/// A column of cells whose type is decided when the last has come.
///
/// It takes all for numbers until a cell is not one; from then on it keeps words. Numbers seen
/// before that have lost their spelling: [`Built::again`] asks for them once more.
pub struct Growing {
    name: String,
    asked: Option<Kind>,
    cells: Cells,
    lost: bool,
    suspect: Option<Suspect>,
}

enum Cells {
    Numbers(Vec<f64>),
    Words { codes: Vec<u32>, seen: HashMap<Box<str>, u32> },
}

/// A column with its type.
pub struct Built {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Its cells.
    pub column: Column,
    /// The first cell that a float cannot hold, in a column of numbers.
    pub suspect: Option<Suspect>,
    /// Whether the column is made of words, the first of which passed for numbers and were lost.
    pub again: bool,
}

impl Growing {
    /// An empty column with room for some rows; `asked` is the type that `schema` asks for.
    pub fn new(name: &str, asked: Option<Kind>, room: usize) -> Self {
        let cells = match asked {
            Some(kind) if kind.is_coded() => {
                Cells::Words { codes: Vec::with_capacity(room), seen: HashMap::new() }
            }
            _ => Cells::Numbers(Vec::with_capacity(room)),
        };
        Self { name: name.to_owned(), asked, cells, lost: false, suspect: None }
    }

    /// How many cells have come.
    pub fn len(&self) -> usize {
        match &self.cells {
            Cells::Numbers(values) => values.len(),
            Cells::Words { codes, .. } => codes.len(),
        }
    }

    /// A missing cell.
    pub fn push_missing(&mut self) {
        self.pad(self.len() + 1);
    }

    /// Missing cells up to `rows`.
    pub fn pad(&mut self, rows: usize) {
        match &mut self.cells {
            Cells::Numbers(values) if values.len() < rows => values.resize(rows, f64::NAN),
            Cells::Words { codes, .. } if codes.len() < rows => codes.resize(rows, MISSING),
            _ => {}
        }
    }

    /// The next cell; `at` is what `place` understands.
    ///
    /// # Errors
    /// `BadCell` for a cell that is not of the type that `schema` asks for.
    pub fn push(&mut self, text: &str, missing: &Missing, at: usize, place: &Place<'_>) -> Result<()> {
        let Cells::Numbers(values) = &mut self.cells else {
            self.push_word(text, missing);
            return Ok(());
        };
        if self.asked == Some(Kind::Datetime) {
            let value = if missing.text(text) { Some(f64::NAN) } else { parse_datetime(text) };
            let Some(value) = value else { return Err(self.refuse(text, NO_DATETIME, at, place)) };
            values.push(value);
            return Ok(());
        }
        match cell::number(text) {
            Some(value) if missing.number(value) => values.push(f64::NAN),
            Some(value) if self.asked == Some(Kind::Bool) && value != 0.0 && value != 1.0 => {
                return Err(self.refuse(text, "neither true nor false", at, place));
            }
            Some(value) => {
                values.push(value);
                if !value.is_finite() {
                    self.suspect(
                        text,
                        "is infinite",
                        "write a finite number, or leave the cell empty",
                        at,
                        place,
                    );
                } else if cell::is_beyond_integers(text, value) {
                    let what = "is an integer beyond 2^53, which a float cannot hold";
                    let help = format!("if it is a name, say `schema: {{{}: category}}`", self.name);
                    self.suspect(text, what, &help, at, place);
                }
            }
            None if missing.word(text) => values.push(f64::NAN),
            None => match (self.asked, cell::truth(text)) {
                (Some(_), Some(truth)) => values.push(f64::from(u8::from(truth))),
                (Some(Kind::Bool), None) => {
                    return Err(self.refuse(text, "neither true nor false", at, place));
                }
                (Some(_), None) => return Err(self.refuse(text, "not a number", at, place)),
                (None, _) => {
                    self.lost = values.iter().any(|value| !value.is_nan());
                    let mut codes = Vec::with_capacity(values.capacity());
                    codes.resize(values.len(), MISSING);
                    self.cells = Cells::Words { codes, seen: HashMap::new() };
                    self.push_word(text, missing);
                }
            },
        }
        Ok(())
    }

    fn push_word(&mut self, text: &str, missing: &Missing) {
        let Cells::Words { codes, seen } = &mut self.cells else { return };
        let code = if missing.text(text) {
            MISSING
        } else if let Some(code) = seen.get(text) {
            *code
        } else {
            let code = seen.len() as u32;
            seen.insert(text.into(), code);
            code
        };
        codes.push(code);
    }

    /// Whether no cell has come.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column, with the type that its cells allow or that was asked for.
    pub fn finish(self) -> Built {
        let (kind, column) = match self.cells {
            Cells::Numbers(values) => (self.asked.unwrap_or(Kind::Number), Column::Number(values.into())),
            Cells::Words { codes, seen } => {
                let words = in_order(seen);
                if self.asked == Some(Kind::Text) {
                    return Built::text(self.name, codes, words);
                }
                let truths: Option<Vec<bool>> = words.iter().map(|word| cell::truth(word)).collect();
                match truths {
                    Some(truths) if self.asked.is_none() && !self.lost => {
                        (Kind::Bool, bools(&codes, &truths))
                    }
                    _ => (Kind::Category, category(codes, words)),
                }
            }
        };
        let suspect = self.suspect.filter(|_| kind == Kind::Number);
        Built { name: self.name, kind, column, suspect, again: self.lost }
    }

    /// The row of the next cell, counted from 1.
    fn row(&self) -> usize {
        self.len() + 1
    }

    fn refuse(&self, text: &str, what: &str, at: usize, place: &Place<'_>) -> Diagnostic {
        let (name, line) = place(at);
        let message = format!("column `{}`, row {}: `{}` is {what}", self.name, self.row(), short(text));
        let help = format!("correct the cell, or say `schema: {{{}: category}}`", self.name);
        Code::BadCell.error(message).help(help).within(name, line, None)
    }

    /// Notes the first suspect; the cell is already counted.
    fn suspect(&mut self, text: &str, what: &str, help: &str, at: usize, place: &Place<'_>) {
        if self.suspect.is_some() || self.asked == Some(Kind::Bool) {
            return;
        }
        let row = self.len();
        let (name, line) = place(at);
        let message = format!("column `{}`, row {row}: `{}` {what}", self.name, short(text));
        let error = Code::BadCell.error(message).help(help).within(name, line, None);
        self.suspect = Some(Suspect { column: self.name.clone(), row, error });
    }
}

impl Built {
    /// A column of texts, whose words are words even where they spell numbers.
    fn text(name: String, mut codes: Vec<u32>, words: Vec<String>) -> Self {
        let levels = sorted(&mut codes, &words, false);
        let column = Column::Codes { codes: codes.into(), levels: levels.into() };
        Self { name, kind: Kind::Text, column, suspect: None, again: false }
    }
}

/// What is said of a text where a datetime is asked for.
const NO_DATETIME: &str = "not a date and time in ISO 8601, such as `2024-01-31T12:30:00`";

/// The words by code.
fn in_order(seen: HashMap<Box<str>, u32>) -> Vec<String> {
    let mut words = vec![String::new(); seen.len()];
    seen.into_iter().for_each(|(word, code)| words[code as usize] = word.into());
    words
}

fn bools(codes: &[u32], truths: &[bool]) -> Column {
    let value = |code: &u32| truths.get(*code as usize).map_or(f64::NAN, |truth| f64::from(u8::from(*truth)));
    Column::Number(codes.iter().map(value).collect::<Vec<f64>>().into())
}

/// Codes by first appearance become codes into the sorted levels. Where all words are numbers the
/// first spelling of each stands for all its spellings.
fn category(mut codes: Vec<u32>, mut words: Vec<String>) -> Column {
    let numeric = !words.is_empty() && words.iter().all(|word| cell::number(word).is_some());
    if numeric {
        let mut first: HashMap<String, String> = HashMap::new();
        for word in &mut words {
            let spelled = word.trim_ascii().to_owned();
            *word = first.entry(cell::number_key(word)).or_insert(spelled).clone();
        }
    }
    let levels = sorted(&mut codes, &words, numeric);
    Column::Codes { codes: codes.into(), levels: levels.into() }
}

/// Makes codes of words codes of levels.
fn sorted(codes: &mut [u32], words: &[String], numeric: bool) -> Levels {
    let levels = Levels::new(words.to_vec(), numeric);
    let place: HashMap<&str, u32> = levels.labels().iter().map(String::as_str).zip(0..).collect();
    let sorted: Vec<u32> = words.iter().map(|word| place[word.as_str()]).collect();
    for code in codes.iter_mut().filter(|code| **code != MISSING) {
        *code = sorted[*code as usize];
    }
    levels
}

/// A text for a message.
pub(super) fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    if text.chars().count() <= SHOWN {
        return text.escape_debug().to_string();
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{}...", start.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::{Built, Growing, Missing};
    use crate::table::{Column, Kind, NaValues};

    fn build(asked: Option<Kind>, cells: &[&str]) -> Built {
        let mut column = Growing::new("x", asked, 0);
        for (i, text) in cells.iter().enumerate() {
            column
                .push(text, &Missing::of(&NaValues::default()), i + 2, &|line| ("k".into(), Some(line)))
                .expect("a cell");
        }
        column.finish()
    }

    fn labels(built: &Built) -> Vec<Option<&str>> {
        let Column::Codes { codes, levels } = &built.column else { panic!("not a category") };
        codes.iter().map(|code| levels.label(*code)).collect()
    }

    #[test]
    fn the_type_is_what_all_cells_allow() {
        assert_eq!(build(None, &["1", "NA", "0"]).kind, Kind::Number);
        assert_eq!(build(None, &["", "null"]).kind, Kind::Number);
        assert_eq!(build(None, &["TRUE", "", "false"]).kind, Kind::Bool);
        assert_eq!(build(None, &["Yes", "No"]).kind, Kind::Category);
        assert_eq!(build(None, &["1", "true"]).kind, Kind::Category);
        assert!(build(None, &["1", "true"]).again);
        assert!(!build(None, &["", "x", "1"]).again);
    }

    #[test]
    fn categories_of_numbers_sort_by_value_and_keep_their_spelling() {
        let built = build(Some(Kind::Category), &["10", " 9", "010", "9.0", "NA"]);
        assert_eq!(labels(&built), [Some("10"), Some("9"), Some("10"), Some("9"), None]);
        let Column::Codes { levels, .. } = &built.column else { panic!() };
        assert!(levels.numeric());
        assert_eq!(levels.labels(), ["9", "10"]);
        let codes = build(Some(Kind::Category), &["007", "7a"]);
        assert_eq!(labels(&codes), [Some("007"), Some("7a")]);
    }

    #[test]
    fn the_first_suspect_names_column_row_and_line() {
        let built = build(None, &["1", "inf", "9007199254740993"]);
        let suspect = built.suspect.expect("a suspect");
        assert_eq!((suspect.column.as_str(), suspect.row), ("x", 2));
        assert_eq!(suspect.error.message(), "column `x`, row 2: `inf` is infinite");
        assert!(build(None, &["inf", "x"]).suspect.is_none());
        assert!(build(Some(Kind::Category), &["9007199254740993"]).suspect.is_none());
    }

    #[test]
    fn a_cell_of_another_type_than_asked_is_refused() {
        let missing = Missing::of(&NaValues::default());
        let mut column = Growing::new("age", Some(Kind::Number), 0);
        column.push("true", &missing, 1, &|_| ("k".into(), None)).expect("counts as 1");
        let error = column.push("old", &missing, 1, &|_| ("k".into(), Some(3))).expect_err("text");
        assert_eq!(error.message(), "column `age`, row 2: `old` is not a number");
        let mut column = Growing::new("b", Some(Kind::Bool), 0);
        column.push("0", &missing, 1, &|_| ("k".into(), None)).expect("false");
        assert!(column.push("2", &missing, 1, &|_| ("k".into(), None)).is_err());
    }
}
