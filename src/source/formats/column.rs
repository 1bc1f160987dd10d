//! One column while its cells come in.

use std::collections::HashMap;

use crate::diag::{Code, Diagnostic};
use crate::table::{Column, Kind, Levels, MISSING, parse_datetime};

use super::cell::{self, Cell, Missing};

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
    doubt: Option<Doubt>,
}

/// The first cell that a float cannot hold.
struct Doubt {
    /// The row, counted from 1.
    row: usize,
    /// Where it stands, as it came, and what place that is.
    at: usize,
    place: Option<(String, Option<usize>)>,
    text: String,
    is_infinite: bool,
}

/// Why a cell is not of the type that is asked for: what follows "`text` is".
#[derive(Clone, Copy, Debug)]
pub struct Refusal(&'static str);

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
        Self { name: name.to_owned(), asked, cells, lost: false, doubt: None }
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

    /// The next cell, which stands at `at`. What place that is may be known only now: in the key that is read.
    ///
    /// # Errors
    /// A cell that is not of the type that `schema` asks for.
    pub fn push(
        &mut self,
        cell: Cell<'_>,
        missing: &Missing,
        at: usize,
        place: &Place<'_>,
    ) -> Result<(), Refusal> {
        let text = cell.text;
        let Cells::Numbers(values) = &mut self.cells else {
            self.push_word(text, missing);
            return Ok(());
        };
        if self.asked == Some(Kind::Datetime) {
            let value = if missing.text(text) { Some(f64::NAN) } else { parse_datetime(text) };
            values.push(value.ok_or(Refusal(NO_DATETIME))?);
            return Ok(());
        }
        match cell.number() {
            Some(value) if missing.number(value) => values.push(f64::NAN),
            Some(value) if self.asked == Some(Kind::Bool) && value != 0.0 && value != 1.0 => {
                return Err(Refusal("neither true nor false"));
            }
            Some(value) => {
                values.push(value);
                let is_infinite = !value.is_finite();
                if (is_infinite || cell::is_beyond_integers(text, value)) && self.doubt.is_none() {
                    let row = values.len();
                    self.doubt =
                        Some(Doubt { row, at, place: Some(place(at)), text: text.to_owned(), is_infinite });
                }
            }
            None if missing.word(text) => values.push(f64::NAN),
            None => match (self.asked, cell::truth(text)) {
                (Some(_), Some(truth)) => values.push(f64::from(u8::from(truth))),
                (Some(Kind::Bool), None) => return Err(Refusal("neither true nor false")),
                (Some(_), None) => return Err(Refusal("not a number")),
                (None, _) => {
                    self.become_words();
                    self.push_word(text, missing);
                }
            },
        }
        Ok(())
    }

    /// From here on the column is made of words; numbers so far have lost their spelling.
    fn become_words(&mut self) {
        let Cells::Numbers(values) = &self.cells else { return };
        self.lost |= has_values(values);
        let mut codes = Vec::with_capacity(values.capacity());
        codes.resize(values.len(), MISSING);
        self.cells = Cells::Words { codes, seen: HashMap::new() };
    }

    /// The cells of the rows that come next, as another column of the same name and type has taken them, which knew no
    /// places: [`Growing::locate`] is to follow.
    pub fn append(&mut self, more: Self) {
        let rows = self.len();
        if matches!(more.cells, Cells::Words { .. }) {
            self.become_words();
        }
        self.lost |= more.lost;
        match (&mut self.cells, more.cells) {
            (Cells::Numbers(values), Cells::Numbers(more)) => values.extend_from_slice(&more),
            (Cells::Words { codes, .. }, Cells::Numbers(more)) => {
                self.lost |= has_values(&more);
                codes.resize(rows + more.len(), MISSING);
            }
            (Cells::Words { codes, seen }, Cells::Words { codes: more, seen: words }) => {
                let code = |word: String| {
                    let next = seen.len() as u32;
                    *seen.entry(word.into()).or_insert(next)
                };
                let own: Vec<u32> = in_order(words).into_iter().map(code).collect();
                codes.extend(more.iter().map(|code| own.get(*code as usize).copied().unwrap_or(MISSING)));
            }
            (Cells::Numbers(_), Cells::Words { .. }) => {}
        }
        let here = |doubt: Doubt| Doubt { row: rows + doubt.row, place: None, ..doubt };
        self.doubt = self.doubt.take().or_else(|| more.doubt.map(here));
    }

    /// Says what the places are in what was appended.
    pub fn locate(&mut self, place: &Place<'_>) {
        if let Some(doubt) = &mut self.doubt {
            doubt.place.get_or_insert_with(|| place(doubt.at));
        }
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
        let suspect = self.doubt.filter(|_| kind == Kind::Number).map(|doubt| doubt.told(&self.name));
        Built { name: self.name, kind, column, suspect, again: self.lost }
    }

    /// The error for the next cell, which was refused.
    pub fn refuse(
        &self,
        text: &str,
        Refusal(what): Refusal,
        (name, line): (String, Option<usize>),
    ) -> Diagnostic {
        let message = format!("column `{}`, row {}: `{}` is {what}", self.name, self.len() + 1, short(text));
        let help = format!("correct the cell, or say `schema: {{{}: category}}`", self.name);
        Code::BadCell.error(message).help(help).within(name, line, None)
    }
}

impl Doubt {
    fn told(self, column: &str) -> Suspect {
        let (what, help) = if self.is_infinite {
            ("is infinite", "write a finite number, or leave the cell empty".to_owned())
        } else {
            let help = format!("if it is a name, say `schema: {{{column}: category}}`");
            ("is an integer beyond 2^53, which a float cannot hold", help)
        };
        let (name, line) = self.place.unwrap_or_default();
        let message = format!("column `{column}`, row {}: `{}` {what}", self.row, short(&self.text));
        let error = Code::BadCell.error(message).help(help).within(name, line, None);
        Suspect { column: column.to_owned(), row: self.row, error }
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

fn has_values(values: &[f64]) -> bool {
    values.iter().any(|value| !value.is_nan())
}

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
            column.push((*text).into(), &Missing::of(&NaValues::default()), i + 2, &place).expect("a cell");
        }
        column.finish()
    }

    fn place(line: usize) -> (String, Option<usize>) {
        ("k".into(), Some(line))
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
        column.push("true".into(), &missing, 1, &place).expect("counts as 1");
        let refusal = column.push("old".into(), &missing, 1, &place).expect_err("text");
        let error = column.refuse("old", refusal, place(3));
        assert_eq!(error.message(), "column `age`, row 2: `old` is not a number");
        let mut column = Growing::new("b", Some(Kind::Bool), 0);
        column.push("0".into(), &missing, 1, &place).expect("false");
        assert!(column.push("2".into(), &missing, 1, &place).is_err());
    }

    /// Wherever a column is cut, it is what it is in one piece, or asks for its words again where it was not cut.
    #[test]
    fn pieces_are_appended_as_if_they_had_come_at_once() {
        let missing = Missing::of(&NaValues::default());
        let mut dice = rand_mt::Mt64::new(3);
        let mut below = |n: usize| (dice.next_u64() % n as u64) as usize;
        let tokens = ["1", "2", "01", "NA", "", "true", "FALSE", "x", "y y", "inf", "9007199254740993"];
        for _ in 0..20_000 {
            let (least, span) = (below(tokens.len()), 1 + below(4));
            let cells: Vec<&str> =
                (0..below(9)).map(|_| tokens[(least + below(span)) % tokens.len()]).collect();
            let asked = [None, None, Some(Kind::Category), Some(Kind::Text)][below(4)];
            let mut column = Growing::new("x", asked, 0);
            let mut row = 0;
            while row < cells.len() {
                let end = (row + 1 + below(4)).min(cells.len());
                let mut piece = Growing::new("x", asked, 0);
                (row..end)
                    .for_each(|i| piece.push(cells[i].into(), &missing, i + 2, &place).expect("a cell"));
                column.append(piece);
                column.locate(&place);
                row = end;
            }
            let (found, whole) = (column.finish(), build(asked, &cells));
            // Words that a piece took for numbers are asked for again, as words.
            let (found, whole) = match found.again {
                true => (
                    build(Some(Kind::Category), &cells),
                    if whole.again { build(Some(Kind::Category), &cells) } else { whole },
                ),
                false => {
                    assert!(!whole.again, "{cells:?}");
                    (found, whole)
                }
            };
            assert_eq!((found.kind, &found.suspect), (whole.kind, &whole.suspect), "{cells:?}");
            match (&found.column, &whole.column) {
                (Column::Number(found), Column::Number(whole)) => {
                    let bits =
                        |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(found), bits(whole), "{cells:?}");
                }
                _ => assert_eq!(labels(&found), labels(&whole), "{cells:?}"),
            }
        }
    }
}
