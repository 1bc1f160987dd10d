//! A pipeline that goes on learning: blocks are predicted, then learned.

use std::sync::Arc;

use super::column::{Cells, Column};
use super::drift::{Alarm, Drift};
use super::guard::Guard;
use super::labels::Waiting;
use super::state::{Cell, Settings, State};
use super::updated::Grown;
use super::updating::Updating;
use crate::contract::{Frame, Prediction};
use crate::diag::{Code, Result};
use crate::graph::{Graph, Pipeline};
use crate::plan;
use crate::run::{Fitted, Learned, Memory, fit_memory, fit_steps};
use crate::table::{self, Levels, MISSING, Table, Target, number_of};

/// A learner in memory.
pub struct Learner<'g> {
    pipeline: &'g Pipeline,
    groups: Vec<Vec<String>>,
    settings: Settings,
    state: State,
    model: Option<Model>,
    /// The buffers of the latest block.
    block: Vec<Cells>,
    /// How a model is updated that learns rows on top of others.
    updating: Option<Updating>,
    /// What is compared with what it predicts.
    pub(super) guard: Option<Guard<'g>>,
    /// What was found since somebody asked.
    pub(super) alarms: Vec<Alarm>,
}

/// What was fitted of all learned rows.
struct Model {
    learned: Learned,
    /// The positions that the form is over, the target's behind them.
    order: Vec<usize>,
    /// How many positions there were.
    positions: usize,
}

impl<'g> Learner<'g> {
    /// A learner of a graph's pipeline that goes on from a state.
    ///
    /// # Errors
    /// As [`plan::groups`].
    pub fn new(graph: &'g Graph, settings: Settings, mut state: State) -> Result<Self> {
        let groups = plan::groups(graph, &state.schema, &mut Vec::new())?;
        match (settings.drift, &state.drift) {
            (Some(_), None) => state.drift = Some(Drift::new(&state.columns)),
            (None, Some(_)) => state.drift = None,
            _ => {}
        }
        let updating = state.updated().map(|_| Updating::new(graph, &groups, &state));
        let (pipeline, alarms) = (&graph.pipeline, Vec::new());
        Ok(Self {
            pipeline,
            groups,
            settings,
            state,
            model: None,
            block: Vec::new(),
            updating,
            guard: None,
            alarms,
        })
    }

    /// What it knows.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The rows so far are what those to come are compared with.
    pub(super) fn end_reference(&mut self) {
        self.state.drift.iter_mut().for_each(Drift::complete);
    }

    /// The rows that wait for their labels.
    pub(super) fn waiting(&mut self) -> &mut Waiting {
        self.state.labels.get_or_insert_default()
    }

    /// Takes in a row that was written at a time; a full block is predicted, then learned.
    ///
    /// # Errors
    /// As [`State::absorb`].
    pub fn push(&mut self, cells: &[Cell], time: u64) -> Result<()> {
        let mut full = self.state.push(cells, time, &self.settings);
        while full {
            self.learn()?;
            full = self.state.waiting() >= self.settings.batch;
        }
        Ok(())
    }

    /// Takes in the rows of a table: the features in the order of the schema, and the target.
    ///
    /// # Errors
    /// As [`Learner::push`].
    pub fn extend(&mut self, features: &Table, target: &Target) -> Result<()> {
        for row in 0..target.rows() {
            let mut cells: Vec<Cell> = Vec::with_capacity(features.columns().len() + 1);
            cells.extend(features.columns().iter().map(|column| cell(column, row)));
            cells.push(match target {
                Target::Values(values) => Cell::Number(values[(row, 0)]),
                Target::Classes { codes, labels } => Cell::Label(labels.label(codes[row])),
            });
            self.push(&cells, 0)?;
        }
        Ok(())
    }

    /// What was fitted of all learned rows.
    ///
    /// # Errors
    /// `EmptyData` before the first block; whatever a step or the model refuses.
    pub fn fitted(&mut self) -> Result<&Fitted> {
        self.fit().map(|model| &model.learned.fitted)
    }

    fn learn(&mut self) -> Result<()> {
        let mut block = std::mem::take(&mut self.block);
        self.state.block(&self.settings, &mut block);
        if self.settings.evaluate {
            self.evaluate(&block);
        }
        if let (Some(drift), Some(terms)) = (&mut self.state.drift, self.settings.drift) {
            self.alarms.extend(drift.absorb(&block, terms));
        }
        let share = self.state.absorb(&block, &self.settings)?;
        self.model = None;
        if let Some(updating) = &mut self.updating {
            updating.learn(self.pipeline, &self.groups, &mut self.state, &block, share)?;
        }
        self.block = block;
        Ok(())
    }

    fn fit(&mut self) -> Result<&Model> {
        if self.model.is_none() {
            if self.state.learned() == 0 {
                let help = format!("a block is {} rows: wait, or lower `online.batch`", self.settings.batch);
                return Err(Code::EmptyData.error("no block of rows was learned yet").help(help));
            }
            let (memory, order) = self.state.memory();
            let learned = match self.state.updated().map(|updated| &updated.model) {
                Some(model) => self.copied(model.as_ref(), &memory)?,
                None => fit_memory(self.pipeline, &self.groups, &self.state.schema, &memory)?,
            };
            self.model = Some(Model { learned, order, positions: self.state.positions() });
        }
        self.model.as_ref().ok_or_else(|| Code::Bug.error("a model that was just fitted"))
    }

    /// The pipeline with a copy of the model that was updated.
    fn copied(&self, model: Option<&Grown>, memory: &Memory) -> Result<Learned> {
        let Some(model) = model else { return Err(Code::Bug.error("rows were learned without a model")) };
        let steps = fit_steps(self.pipeline, &self.groups, &self.state.schema, memory)?;
        let (class, names) = (model.class, steps.names);
        Ok(Learned {
            fitted: Fitted { steps: steps.steps, class, model: model.copy()?, names },
            composed: None,
        })
    }

    /// Predicts a block with what was learned before it.
    fn evaluate(&mut self, block: &[Cells]) {
        let truth = match block.last() {
            Some(Cells::Numbers(truth)) => truth,
            Some(Cells::Codes(truth)) => return self.evaluate_classes(block, truth),
            None => return,
        };
        match self.values(block) {
            Ok(predicted) => {
                self.state.score.add(truth, &predicted);
                if let Some(drift) = &mut self.state.drift {
                    let errors = truth.iter().zip(&predicted).map(|(y, predicted)| y - predicted);
                    self.alarms.extend(drift.error.absorb(errors));
                }
                if self.guard.is_some()
                    && let Ok(features) = self.table(block)
                    && let Some(guard) = &mut self.guard
                {
                    guard.compare(truth, &predicted, &features);
                }
            }
            // Nothing to predict with, or a row that a step refuses: learning goes on.
            Err(_) => self.state.score.unpredicted += truth.len() as u64,
        }
    }

    /// The same of classes.
    fn evaluate_classes(&mut self, block: &[Cells], truth: &[u32]) {
        let predicted = match self.updated(block) {
            Some(Ok(Prediction::Classes { codes, proba, .. })) => Some((codes, proba)),
            _ => None,
        };
        let classes = self.updating.as_mut().and_then(|updating| updating.classes(&self.state));
        let (Some((codes, proba)), Some((_, map))) = (predicted, classes) else {
            self.state.score.unpredicted += truth.len() as u64;
            return;
        };
        let truth: Vec<u32> =
            truth.iter().map(|code| map.get(*code as usize).copied().unwrap_or(MISSING)).collect();
        self.state.score.add_classes(&truth, &codes, proba.as_ref());
        if let Some(drift) = &mut self.state.drift {
            let errors = truth.iter().zip(&codes).map(|(truth, code)| f64::from(u8::from(truth != code)));
            self.alarms.extend(drift.error.absorb(errors));
        }
    }

    fn values(&mut self, block: &[Cells]) -> Result<Vec<f64>> {
        match self.updated(block) {
            Some(Ok(Prediction::Values(values))) => Ok(values.column(0).to_vec()),
            Some(Ok(Prediction::Classes { .. })) => Err(Code::Bug.error("classes where numbers are learned")),
            Some(Err(error)) => Err(error),
            None => self.fit().map(|_| ()).and_then(|()| self.predict(block)),
        }
    }

    /// What a model that is updated predicts of a block, if there is one.
    fn updated(&mut self, block: &[Cells]) -> Option<Result<Prediction>> {
        self.updating.as_ref()?;
        if self.state.learned() == 0 {
            return Some(Err(Code::EmptyData.error("no block of rows was learned yet")));
        }
        if self.knows(block) {
            let updating = self.updating.as_mut()?;
            return Some(updating.predict(self.pipeline, &self.groups, &self.state, block));
        }
        let table = self.table(block);
        Some(self.fit().and_then(|model| model.learned.fitted.predict(&Frame::of(&table?))))
    }

    fn predict(&self, block: &[Cells]) -> Result<Vec<f64>> {
        let model = self.model.as_ref().ok_or_else(|| Code::Bug.error("a prediction without a model"))?;
        if let Some(forms) = model.learned.composed.as_ref().filter(|_| self.knows(block)) {
            let positions = self.state.written(block, model.positions);
            let columns: Vec<&[f64]> = model.order.iter().map(|at| positions[*at].as_slice()).collect();
            return Ok(forms[0].terms.iter().fold(
                vec![forms[0].offset; columns[0].len()],
                |mut sum, (at, factor)| {
                    sum.iter_mut().zip(columns[*at as usize]).for_each(|(sum, value)| *sum += factor * value);
                    sum
                },
            ));
        }
        match model.learned.fitted.predict(&Frame::of(&self.table(block)?))? {
            Prediction::Values(values) => Ok(values.column(0).to_vec()),
            Prediction::Classes { .. } => Err(Code::Bug.error("classes where numbers are learned")),
        }
    }

    /// Whether all cells of a block have a position.
    fn knows(&self, block: &[Cells]) -> bool {
        let mut features = self.state.columns.iter().zip(block).take(block.len() - 1);
        features.all(|(column, cells)| match (column, cells) {
            (Column::Number(number), Cells::Numbers(values)) => {
                number.counts[1] > 0 || !values.iter().any(|value| value.is_nan())
            }
            (Column::Category(category), Cells::Codes(codes)) => codes.iter().all(|code| match *code {
                MISSING => category.missing.is_some(),
                code => category.at[code as usize].is_some(),
            }),
            _ => false,
        })
    }

    /// A block as a table of features.
    fn table(&self, block: &[Cells]) -> Result<Table> {
        let columns = self.state.columns.iter().zip(block).take(block.len() - 1);
        let columns = columns.map(|(column, cells)| match (column, cells) {
            (Column::Category(category), Cells::Codes(codes)) => {
                let levels = levels(&category.labels);
                let sorted: Vec<u32> =
                    category.labels.iter().map(|label| levels.code(label).unwrap_or(MISSING)).collect();
                let code = |code: &u32| if *code == MISSING { MISSING } else { sorted[*code as usize] };
                table::Column::Codes { codes: codes.iter().map(code).collect::<Vec<_>>().into(), levels }
            }
            (_, Cells::Numbers(values)) => table::Column::Number(values.clone().into()),
            (_, Cells::Codes(codes)) => table::Column::Number(vec![f64::NAN; codes.len()].into()),
        });
        Table::new((*self.state.schema).clone(), columns.collect())
    }

    /// The levels of the category columns that were learned, in the schema's order.
    pub fn categories(&self) -> Vec<(String, Levels)> {
        let fields = self.state.schema.fields().iter().zip(&self.state.columns);
        let levels = |(field, column): (&table::Field, &Column)| match column {
            Column::Category(category) => {
                Some((field.name.clone(), Arc::unwrap_or_clone(levels(&category.learned().1))))
            }
            Column::Number(_) => None,
        };
        fields.filter_map(levels).collect()
    }
}

fn levels(labels: &[String]) -> Arc<Levels> {
    let numeric = !labels.is_empty() && labels.iter().all(|label| number_of(label).is_some());
    Arc::new(Levels::new(labels.to_vec(), numeric))
}

fn cell(column: &table::Column, row: usize) -> Cell<'_> {
    match column {
        table::Column::Number(values) => Cell::Number(values[row]),
        table::Column::Codes { codes, levels } => Cell::Label(levels.label(codes[row])),
    }
}
