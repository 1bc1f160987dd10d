//! All that a learner knows: rows enter in blocks of one length, so that nothing hangs on how they came.

use std::borrow::Cow;
use std::sync::Arc;

use super::column::{Category, Cells, Column, Number};
use super::drift::Drift;
use super::labels::Waiting;
use super::saved::MOST;
use super::score::Score;
use super::updated::Updated;
use crate::contract::Task;
use crate::contract::erased::AnyModel;
use crate::diag::{Code, Result};
use crate::graph::Graph;
use crate::linalg::{Centred, Factor, Moments, Ring};
use crate::run::{Known, Memory};
use crate::spec::{DriftTerms, HalfLife, Online};
use crate::table::{Field, Kind, Levels, Schema, number_of};

/// Positions, numbers and indicators, that are kept at most: the square of them is what is kept.
const MOST_POSITIONS: usize = 5_000;

/// How rows are learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How many rows make a block.
    pub batch: usize,
    /// After what a row weighs half.
    pub half_life: Option<HalfLife>,
    /// How many latest rows count.
    pub window: Option<u64>,
    /// Whether rows are predicted before they are learned.
    pub evaluate: bool,
    /// Whether rows are compared with those before.
    pub drift: Option<DriftTerms>,
}

impl Settings {
    /// As the file says.
    pub fn of(online: &Online) -> Self {
        let Online { batch, half_life, window, evaluate, .. } = *online;
        Self { batch, half_life, window, evaluate, drift: online.drift.map(|drift| drift.terms) }
    }
}

/// What was learned of rows, and the rows of an unfinished block.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The features, in order.
    pub schema: Arc<Schema>,
    /// One a feature, then the target.
    pub(super) columns: Vec<Column>,
    /// The factor of all positions.
    pub(super) kept: Kept,
    /// The rows of the unfinished block, a column each; the target is the last.
    pub(super) pending: Vec<Cells>,
    /// When the last row was written, in milliseconds since 1970; 0 if nobody knows.
    pub(super) clock: u64,
    /// When the last row that was learned was written.
    pub(super) learned_at: u64,
    /// How well rows were predicted.
    pub score: Score,
    /// How far rows are from those that came first.
    pub(super) drift: Option<Drift>,
    /// Rows that wait for their labels.
    pub(super) labels: Option<Waiting>,
}

/// The factors of the rows that count.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kept {
    All(Factor),
    Latest(Ring),
    /// What a model that learns rows on top of others has learned.
    Updated(Updated),
}

/// A row's cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// A number, NaN where missing.
    Number(f64),
    /// A label, none where missing.
    Label(Option<&'a str>),
}

impl State {
    /// Before the first row of least squares.
    ///
    /// # Errors
    /// `TypeMismatch` for columns of text.
    pub fn new(schema: Arc<Schema>, settings: &Settings) -> Result<Self> {
        Self::empty(schema, settings, false, None)
    }

    /// Before the first row of a graph's pipeline. A classifier may know these classes, besides those that the file names.
    ///
    /// # Errors
    /// As [`State::new`], and `MissingKey` for a classifier that has to know its classes.
    pub fn before(graph: &Graph, schema: Arc<Schema>, settings: &Settings, known: &[String]) -> Result<Self> {
        let model = &*graph.pipeline.model.model;
        let updates = model.no_update().is_none();
        if model.task() == Task::Regression {
            return Self::empty(schema, settings, updates, None);
        }
        let named = graph.online.iter().flat_map(|online| &online.classes);
        let mut labels: Vec<String> = named.map(|label| label.value.clone()).collect();
        let unnamed = known.iter().find(|label| !labels.is_empty() && !labels.contains(label));
        if let Some(label) = unnamed.filter(|_| model.fixes_classes()) {
            let message = format!("the target has the class `{label}`, which `online.classes` does not name");
            return Err(Code::BadTarget.error(message).help("name all classes there, or none"));
        }
        labels.extend(known.iter().filter(|label| !labels.contains(label)).cloned().collect::<Vec<_>>());
        if model.fixes_classes() && labels.len() < 2 {
            let message =
                format!("`{}` has to know all classes before it learns row after row", model.name());
            let help = "name them in `online.classes`, or run the file first, whose table has them";
            return Err(Code::MissingKey.error(message).help(help));
        }
        Self::empty(schema, settings, updates, Some(&labels))
    }

    fn empty(
        schema: Arc<Schema>,
        settings: &Settings,
        updates: bool,
        classes: Option<&[String]>,
    ) -> Result<Self> {
        let mut positions = 0;
        let mut number = || {
            positions += 1;
            Column::Number(Number::new(positions - 1))
        };
        let mut columns = Vec::with_capacity(schema.fields().len() + 1);
        for Field { name, kind } in schema.fields() {
            columns.push(match kind {
                Kind::Number | Kind::Bool => number(),
                Kind::Category => Column::Category(Category::default()),
                Kind::Datetime | Kind::Text => {
                    let message =
                        format!("column `{name}` is a {}, which `online` does not learn", kind.name());
                    return Err(Code::TypeMismatch.error(message).help("leave it out with `source.columns`"));
                }
            });
        }
        columns.push(match classes {
            Some(labels) => Column::Category(Category::of(labels)),
            None => number(),
        });
        let kept = match (updates, settings.window) {
            (true, _) => Kept::Updated(Updated::new(positions)),
            (false, Some(window)) => Kept::Latest(Ring::new(positions, window)),
            (false, None) => Kept::All(Factor::new(positions)),
        };
        let pending = columns.iter().map(empty).collect();
        let drift = settings.drift.map(|_| Drift::new(&columns));
        let score = Score::default();
        Ok(Self { schema, columns, kept, pending, clock: 0, learned_at: 0, score, drift, labels: None })
    }

    /// How many rows came.
    pub fn rows(&self) -> u64 {
        self.learned() + self.waiting() as u64
    }

    /// How many rows were learned.
    pub fn learned(&self) -> u64 {
        match self.columns.last() {
            Some(Column::Number(target)) => target.counts[0],
            Some(Column::Category(target)) => target.counts.iter().sum(),
            None => 0,
        }
    }

    /// How many rows wait for their block to be full.
    pub fn waiting(&self) -> usize {
        self.pending.last().map_or(0, Cells::len)
    }

    /// Takes in a row: a cell a feature, and the target. Says whether a block is full.
    pub fn push(&mut self, cells: &[Cell], time: u64, settings: &Settings) -> bool {
        for ((column, pending), cell) in self.columns.iter_mut().zip(&mut self.pending).zip(cells) {
            match (column, pending, cell) {
                (_, Cells::Numbers(values), Cell::Number(value)) => values.push(*value),
                (Column::Category(category), Cells::Codes(codes), Cell::Label(label)) => {
                    codes.push(label.map_or(crate::table::MISSING, |label| category.code(label)));
                }
                (_, Cells::Numbers(values), Cell::Label(_)) => values.push(f64::NAN),
                (_, Cells::Codes(codes), _) => codes.push(crate::table::MISSING),
            }
        }
        self.clock = time;
        self.waiting() >= settings.batch
    }

    /// The next full block, without learning it, in the buffers of the one before if there are any.
    pub(super) fn block(&mut self, settings: &Settings, into: &mut Vec<Cells>) {
        if into.len() != self.columns.len() {
            *into = self.columns.iter().map(empty).collect();
        }
        self.pending.iter_mut().zip(into).for_each(|(cells, into)| cells.take_into(settings.batch, into));
    }

    /// Learns a block, and says what older rows weigh beside it.
    ///
    /// # Errors
    /// `NoMemory` for more levels than can be kept.
    pub(super) fn absorb(&mut self, block: &[Cells], settings: &Settings) -> Result<f64> {
        let before = self.positions();
        let mut next = before;
        let target = self.columns.len() - 1;
        for (j, (column, cells)) in self.columns.iter_mut().zip(block).enumerate() {
            match (column, cells) {
                (Column::Number(number), Cells::Numbers(values)) => number.see(values, &mut next),
                (Column::Category(classes), Cells::Codes(codes)) if j == target => classes.count(codes),
                (Column::Category(category), Cells::Codes(codes)) => category.see(codes, &mut next),
                _ => return Err(Code::Bug.error("a block of other columns than the learner's")),
            }
        }
        if next > MOST_POSITIONS {
            let message = format!("the columns have {next} numbers and levels, more than {MOST_POSITIONS}");
            let help = "leave columns with so many levels out, or give them fewer";
            return Err(Code::NoMemory.error(message).help(help));
        }
        let share = self.share(settings, block.last().map_or(0, Cells::len));
        if let Kept::Updated(updated) = &mut self.kept {
            updated.absorb(&self.columns, block, next, share);
            self.learned_at = self.clock;
            return Ok(share);
        }
        let positions = self.written(block, next);
        let columns: Vec<&[f64]> = positions.iter().map(Vec::as_slice).collect();
        match &mut self.kept {
            Kept::All(factor) => {
                factor.widen(next - before);
                if share < 1.0 {
                    factor.forget(share);
                }
                factor.absorb(&columns);
            }
            Kept::Latest(ring) => {
                ring.widen(next - before);
                let begun = ring.absorb(&columns);
                let buckets = ring.buckets().count();
                for (column, cells) in self.columns.iter_mut().zip(block) {
                    if let (Column::Number(number), Cells::Numbers(values)) = (column, cells) {
                        number.slide(values, begun, buckets);
                    }
                }
            }
            Kept::Updated(_) => {}
        }
        self.learned_at = self.clock;
        Ok(share)
    }

    /// What older rows weigh when a block is learned.
    fn share(&self, settings: &Settings, rows: usize) -> f64 {
        let lives = match settings.half_life {
            None => return 1.0,
            Some(HalfLife::Rows(life)) => rows as f64 / life,
            Some(HalfLife::Time(life)) if self.learned_at > 0 => {
                self.clock.saturating_sub(self.learned_at) as f64 / life as f64
            }
            Some(HalfLife::Time(_)) => 0.0,
        };
        (-lives).exp2()
    }

    /// How many latest rows count; all if none.
    pub fn window(&self) -> Option<u64> {
        match &self.kept {
            Kept::All(_) | Kept::Updated(_) => None,
            Kept::Latest(ring) => Some(ring.window()),
        }
    }

    pub(super) fn positions(&self) -> usize {
        match &self.kept {
            Kept::All(factor) => factor.columns(),
            Kept::Latest(ring) => ring.buckets().next().map_or(0, Factor::columns),
            Kept::Updated(updated) => updated.positions(),
        }
    }

    /// The classes that are known, of a classifier.
    pub(super) fn classes(&self) -> Option<&[String]> {
        match self.columns.last() {
            Some(Column::Category(target)) => Some(&target.labels),
            _ => None,
        }
    }

    /// Whether it is of a model of this class, as far as models differ in what is kept.
    pub(super) fn is_of(&self, model: &dyn AnyModel) -> bool {
        let classes = matches!(self.columns.last(), Some(Column::Category(_)));
        let kept = match self.updated() {
            None => model.no_update().is_some(),
            Some(updated) => {
                let own = updated.model.as_ref().map(|grown| grown.class);
                model.no_update().is_none() && own.is_none_or(|own| own == model.name())
            }
        };
        kept && classes == (model.task() == Task::Classification)
    }

    /// What is kept for a model that learns rows on top of others.
    pub(super) fn updated(&self) -> Option<&Updated> {
        match &self.kept {
            Kept::Updated(updated) => Some(updated),
            Kept::All(_) | Kept::Latest(_) => None,
        }
    }

    /// A block by positions, of which there are so many.
    pub(super) fn written(&self, block: &[Cells], positions: usize) -> Vec<Vec<f64>> {
        let rows = block.last().map_or(0, Cells::len);
        let mut into: Vec<Vec<f64>> = vec![Vec::new(); positions];
        for (column, cells) in self.columns.iter().zip(block) {
            match (column, cells) {
                (Column::Number(number), Cells::Numbers(values)) => number.write(values, &mut into),
                (Column::Category(category), Cells::Codes(codes)) => category.write(codes, &mut into),
                _ => {}
            }
        }
        into.iter_mut().for_each(|column| column.resize(rows, 0.0));
        into
    }

    /// What was learned, as steps and models are fitted from it, and the position of each of its columns.
    pub(super) fn memory(&self) -> (Memory, Vec<usize>) {
        let whole;
        let factor = match &self.kept {
            Kept::All(factor) => Some((factor, factor.weight() < 0.999_999 * factor.rows() as f64)),
            Kept::Latest(ring) => {
                whole = ring.whole();
                Some((&whole, true))
            }
            Kept::Updated(_) => None,
        };
        let all = match (&self.kept, factor) {
            (Kept::Updated(updated), _) => updated.indicated(),
            (_, Some((factor, forgets))) => {
                let Centred { mean, rows, .. } = factor.centred(&(0..factor.columns()).collect::<Vec<_>>());
                Indicated { mean: mean.into(), rows, forgets }
            }
            (_, None) => Indicated { mean: Cow::Borrowed(&[]), rows: 0, forgets: false },
        };
        let (mut order, mut columns) = (Vec::new(), Vec::new());
        for column in &self.columns[..self.columns.len() - 1] {
            columns.push(match column {
                Column::Number(number) => known_number(number, &all, &mut order),
                Column::Category(category) => known_category(category, &all, &mut order),
            });
        }
        let mut target_shifts = Vec::new();
        if let Some(Column::Number(target)) = self.columns.last() {
            order.push(target.at);
            target_shifts.push(target.shift.unwrap_or(0.0));
        }
        let factor = factor.map(|(factor, _)| factor.centred(&order));
        let moments = match (&factor, &self.kept) {
            (None, Kept::Updated(updated)) => updated.moments(&self.columns, &order),
            (factor, _) => factor.as_ref().map_or_else(|| Moments::zero(0), Centred::moments),
        };
        (Memory { columns, target_shifts, moments, factor }, order)
    }
}

/// How many rows there are, and the mean of each position, which of an indicator is its share of them.
pub(super) struct Indicated<'a> {
    pub(super) mean: Cow<'a, [f64]>,
    pub(super) rows: u64,
    /// Whether older rows are forgotten, so that what was counted counts no more.
    pub(super) forgets: bool,
}

pub(super) fn empty(column: &Column) -> Cells {
    match column {
        Column::Number(_) => Cells::Numbers(Vec::new()),
        Column::Category(_) => Cells::Codes(Vec::new()),
    }
}

/// How many of the rows that count an indicator is 1 in.
fn count(all: &Indicated, at: Option<usize>, counted: u64) -> u64 {
    match at {
        Some(at) if all.forgets => (all.mean[at] * all.rows as f64).round().max(0.0) as u64,
        _ => counted,
    }
}

fn known_number(number: &Number, all: &Indicated, order: &mut Vec<usize>) -> Known {
    let missing = count(all, number.missing, number.counts[1]).min(all.rows);
    order.push(number.at);
    if missing > 0 {
        order.extend(number.missing);
    }
    Known::Number {
        shift: number.shift.unwrap_or(0.0),
        extremes: number.extremes,
        counts: [all.rows - missing, missing],
    }
}

fn known_category(category: &Category, all: &Indicated, order: &mut Vec<usize>) -> Known {
    let (codes, labels) = category.learned();
    let numeric = !labels.is_empty() && labels.iter().all(|label| number_of(label).is_some());
    let levels = Levels::new(labels, numeric);
    let mut counts = vec![0; levels.len() + 1];
    let mut places = vec![0; levels.len()];
    for code in codes {
        let code = code as usize;
        let (label, at) = (&category.labels[code], category.at[code]);
        if let (Some(place), Some(at)) = (levels.labels().iter().position(|own| own == label), at) {
            places[place] = at;
            counts[place] = count(all, Some(at), category.counts[code]);
        }
    }
    let absent = count(all, category.missing, category.absent);
    counts[levels.len()] = absent;
    order.extend(places);
    if absent > 0 {
        order.extend(category.missing);
    }
    Known::Category { levels: Arc::new(levels), counts }
}

impl State {
    /// Why the parts of a state that was read do not go together, if they do not.
    pub(super) fn disagreement(&self) -> Option<&'static str> {
        let positions = self.positions();
        let mut taken = vec![false; positions];
        let mut take = |at: usize| at < positions && !std::mem::replace(&mut taken[at], true);
        let (waiting, mut sound) = (self.waiting(), true);
        let of_classes = matches!(self.columns.last(), Some(Column::Category(_)));
        sound &= self.updated().is_some() || !of_classes;
        if let (Some(Column::Category(target)), Some(Cells::Codes(codes))) =
            (self.columns.last(), self.pending.last())
        {
            sound &= target.at.iter().chain([&target.missing]).all(Option::is_none);
            sound &= !codes.contains(&crate::table::MISSING);
        }
        let buckets = match &self.kept {
            Kept::Latest(ring) if self.learned() > 0 => ring.buckets().count(),
            _ => 0,
        };
        for (column, cells) in self.columns.iter().zip(&self.pending) {
            sound &= cells.len() == waiting;
            match (column, cells) {
                (Column::Number(number), _) => {
                    sound &= take(number.at) && number.missing.is_none_or(&mut take);
                    sound &= number.recent.len() == buckets;
                    sound &= number.counts.iter().all(|count| *count <= MOST);
                }
                (Column::Category(category), Cells::Codes(codes)) => {
                    let labels = category.labels.len();
                    sound &= category.counts.iter().chain([&category.absent]).all(|count| *count <= MOST);
                    sound &= category.at.len() == labels && category.counts.len() == labels;
                    sound &=
                        codes.iter().all(|code| *code == crate::table::MISSING || (*code as usize) < labels);
                    sound &= category.at.iter().chain([&category.missing]).flatten().all(|at| take(*at));
                }
                _ => sound = false,
            }
        }
        sound &= self.score.is_sound();
        sound &= self.labels.as_ref().is_none_or(Waiting::is_sound);
        sound &= self.drift.as_ref().is_none_or(|drift| drift.is_sound(&self.columns));
        (!sound || !taken.into_iter().all(|taken| taken)).then_some("has parts that do not match")
    }
}
