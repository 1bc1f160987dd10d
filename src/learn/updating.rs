//! A model that learns rows on top of others, at work: steps as of all rows up to a block make features of it, and the model is
//! updated with them.

use std::sync::Arc;

use super::column::{Cells, Column};
use super::state::{Kept, State};
use super::updated::Grown;
use crate::contract::erased::AnyFittedModel;
use crate::contract::{Block, Frame, More, NumberStats, Prediction, Rng, Truth};
use crate::diag::{Code, Result};
use crate::graph::{Graph, Pipeline};
use crate::linalg::Matrix;
use crate::run::{Transformed, fit_steps};
use crate::table::{Levels, MISSING, number_of};

/// What is at hand between blocks; all of it follows from the state.
pub(super) struct Updating {
    /// The columns of each group of the pipeline that has some.
    places: Vec<(usize, Vec<usize>)>,
    /// What stands for a `random_state` that is not written, as in a run.
    random_state: u32,
    /// How features are made, as of the rows that were learned.
    way: Option<Way>,
    /// The features' names, where columns are rescaled.
    rescaled: Option<Vec<String>>,
    /// Whether these are the names that the model has learned.
    settled: bool,
    /// The classes that the model knows, and the code of each in the order in which they came.
    classes: Option<(Arc<Levels>, Vec<u32>)>,
    /// The features of a block, row after row.
    x: Vec<f64>,
}

/// How features are made of columns.
enum Way {
    /// Each of one column without missing values, times a factor, and something added: the place of the column, and these.
    Rescaled(Vec<(usize, f64, f64)>),
    /// By what steps make of the positions, in this order, of which there are so many.
    Steps(Transformed, Vec<usize>, usize),
}

impl Updating {
    /// For a graph's pipeline, whose groups take these columns.
    pub(super) fn new(graph: &Graph, groups: &[Vec<String>], state: &State) -> Self {
        let place = |name: &String| state.schema.index(name);
        let groups = groups.iter().enumerate().filter(|(_, columns)| !columns.is_empty());
        Self {
            places: groups.map(|(k, columns)| (k, columns.iter().filter_map(place).collect())).collect(),
            random_state: Rng::at(graph.seed, "model").interval(u64::from(u32::MAX)) as u32,
            way: None,
            rescaled: None,
            settled: false,
            classes: None,
            x: Vec::new(),
        }
    }

    /// Updates the model of a state with a block that the state has absorbed; older rows weigh `share`.
    ///
    /// # Errors
    /// Whatever a step or the model refuses.
    pub(super) fn learn(
        &mut self,
        pipeline: &Pipeline,
        groups: &[Vec<String>],
        state: &mut State,
        block: &[Cells],
        share: f64,
    ) -> Result<()> {
        self.way = None;
        let p = self.transform(pipeline, groups, state, block)?;
        let rescaled = matches!(self.way, Some(Way::Rescaled(_)));
        let moved = if self.settled && rescaled { None } else { self.moved(state)? };
        let places = moved.as_ref().map(|(places, _)| places.as_slice());
        let mut codes = Vec::new();
        if let (Some(Column::Category(target)), Some(Cells::Codes(own))) =
            (state.columns.last(), block.last())
        {
            if self.classes.as_ref().is_none_or(|(_, map)| map.len() != target.labels.len()) {
                self.classes = Some(sorted(&target.labels));
            }
            let map = self.classes.as_ref().map_or(&[][..], |(_, map)| map);
            codes.extend(own.iter().map(|code| map.get(*code as usize).copied().unwrap_or(MISSING)));
        }
        let y = match (block.last(), &self.classes) {
            (Some(Cells::Numbers(values)), _) => Truth::Values(values),
            (_, Some((labels, _))) => Truth::Classes { codes: &codes, labels },
            _ => return Err(Code::Bug.error("a block without a target")),
        };
        let Kept::Updated(updated) = &mut state.kept else { return Err(Code::Bug.error("no model is kept")) };
        let (node, labels) = (&pipeline.model, self.classes.as_ref().map(|(labels, _)| labels));
        let place = |error: crate::diag::Diagnostic| {
            error.prefixed(&format!("model `{}`", node.name)).or_at(&node.span)
        };
        if updated.model.is_none() {
            let learned = node.model.begin(p, labels).map_err(place)?;
            updated.model = Some(Grown { class: node.model.name(), learned });
        }
        let random_state = self.random_state;
        let more = More { x: &self.x, features: p, y, weights: None, places, share, random_state };
        if let Some(model) = &mut updated.model {
            node.model.update(&mut *model.learned, &more).map_err(place)?;
        }
        if let Some((_, names)) = moved {
            updated.names = names;
        }
        self.settled = rescaled;
        Ok(())
    }

    /// Predicts a block of rows whose cells are all known.
    ///
    /// # Errors
    /// Whatever a step or the model refuses.
    pub(super) fn predict(
        &mut self,
        pipeline: &Pipeline,
        groups: &[Vec<String>],
        state: &State,
        block: &[Cells],
    ) -> Result<Prediction> {
        let p = self.transform(pipeline, groups, state, block)?;
        match state.updated().and_then(|updated| updated.model.as_ref()) {
            Some(model) => predicted(&*model.learned, &self.x, p),
            None => Err(Code::EmptyData.error("no block of rows was learned yet")),
        }
    }

    /// The classes that the model of a state knows, and the code of each in the order in which they came.
    pub(super) fn classes(&mut self, state: &State) -> Option<&(Arc<Levels>, Vec<u32>)> {
        if self.classes.is_none()
            && let Some(model) = state.updated().and_then(|updated| updated.model.as_ref())
            && let (Some(labels), Some(Column::Category(target))) =
                (model.learned.facts().classes, state.columns.last())
        {
            let code = |label: &String| labels.code(label).unwrap_or(MISSING);
            let map = target.labels.iter().map(code).collect();
            self.classes = Some((labels, map));
        }
        self.classes.as_ref()
    }

    /// Puts the features of a block into `x`, and says how many a row has.
    fn transform(
        &mut self,
        pipeline: &Pipeline,
        groups: &[Vec<String>],
        state: &State,
        block: &[Cells],
    ) -> Result<usize> {
        if self.way.is_none() {
            self.way = Some(self.way(pipeline, groups, state)?);
        }
        let rows = block.last().map_or(0, Cells::len);
        self.x.clear();
        match &self.way {
            Some(Way::Rescaled(columns)) => {
                self.x.resize(rows * columns.len(), 0.0);
                for (j, (place, factor, offset)) in columns.iter().enumerate() {
                    let Cells::Numbers(values) = &block[*place] else { continue };
                    let into = self.x[j..].iter_mut().step_by(columns.len());
                    into.zip(values).for_each(|(x, value)| *x = value * factor + offset);
                }
                Ok(columns.len())
            }
            Some(Way::Steps(steps, order, positions)) => {
                let written = state.written(block, *positions);
                let p = steps.values.len();
                self.x.resize(rows * p, 0.0);
                for (j, value) in steps.values.iter().enumerate() {
                    self.x[j..].iter_mut().step_by(p).for_each(|x| *x = value.offset);
                    for (at, factor) in &value.terms {
                        let column = &written[order[*at as usize]];
                        let into = self.x[j..].iter_mut().step_by(p);
                        into.zip(column).for_each(|(x, value)| *x += factor * value);
                    }
                }
                Ok(p)
            }
            None => Err(Code::Bug.error("no way to make features")),
        }
    }

    fn way(&mut self, pipeline: &Pipeline, groups: &[Vec<String>], state: &State) -> Result<Way> {
        if self.rescaled.is_some()
            && let Some(columns) = self.rescale(pipeline, state)
        {
            return Ok(Way::Rescaled(columns));
        }
        let (memory, order) = state.memory();
        let steps = fit_steps(pipeline, groups, &state.schema, &memory)?;
        let columns = self.rescale(pipeline, state).filter(|columns| columns.len() == steps.names.len());
        Ok(match columns {
            Some(columns) => {
                self.rescaled = Some(steps.names);
                Way::Rescaled(columns)
            }
            None => Way::Steps(steps, order, state.positions()),
        })
    }

    /// Columns that every step rescales, if all are: then nothing has to be allocated for a row.
    fn rescale(&self, pipeline: &Pipeline, state: &State) -> Option<Vec<(usize, f64, f64)>> {
        let updated = state.updated().filter(|_| pipeline.select.is_empty())?;
        let mut columns = Vec::with_capacity(state.columns.len());
        for (group, places) in &self.places {
            for place in places {
                let Column::Number(number) = &state.columns[*place] else { return None };
                if number.missing.is_some() {
                    return None;
                }
                let (mean, squares) = updated.spread(number.at);
                let mut stats = NumberStats {
                    present: updated.rows(),
                    missing: 0,
                    mean: mean + number.shift.unwrap_or(0.0),
                    squares,
                    extremes: number.extremes,
                    order: None,
                    with_target: Vec::new(),
                };
                let (mut factor, mut offset) = (1.0, 0.0);
                for node in &pipeline.groups[*group].steps {
                    let (by, more) = node.step.rescaled(&stats)?;
                    (factor, offset) = (factor * by, offset * by + more);
                    stats.mean = stats.mean * by + more;
                    stats.squares *= by * by;
                    let ends = |(low, high): (f64, f64)| {
                        let (low, high) = (low * by + more, high * by + more);
                        (low.min(high), low.max(high))
                    };
                    stats.extremes = stats.extremes.map(ends);
                }
                columns.push((*place, factor, offset));
            }
        }
        Some(columns)
    }

    /// Where the features were among those that the model has learned, and their names, if either has changed.
    #[expect(clippy::type_complexity, reason = "places and names go together, and only once")]
    fn moved(&self, state: &State) -> Result<Option<(Vec<Option<usize>>, Vec<String>)>> {
        let updated = state.updated().ok_or_else(|| Code::Bug.error("no model is kept"))?;
        let names = match (&self.way, &self.rescaled) {
            (Some(Way::Steps(steps, ..)), _) => &steps.names,
            (_, Some(names)) => names,
            _ => return Err(Code::Bug.error("features without names")),
        };
        if *names == updated.names {
            return Ok(None);
        }
        let old: std::collections::HashMap<&String, usize> = updated.names.iter().zip(0..).collect();
        let places = names.iter().map(|name| old.get(name).copied()).collect();
        Ok(Some((places, names.clone())))
    }
}

/// What a model says of rows.
fn predicted(model: &dyn AnyFittedModel, x: &[f64], p: usize) -> Result<Prediction> {
    let rows = x.len() / p.max(1);
    if let Some(form) = model.linear() {
        if form.coef.rows() != p {
            return Err(Code::Bug.error("a model of other features than the steps make"));
        }
        let mut values = Matrix::zeros(rows, form.intercept.len());
        for (k, intercept) in form.intercept.iter().enumerate() {
            let coef = form.coef.column(k);
            for (value, row) in values.column_mut(k).iter_mut().zip(x.chunks_exact(p)) {
                *value = row.iter().zip(coef).map(|(x, w)| x * w).sum::<f64>() + intercept;
            }
        }
        return Ok(model.link(values));
    }
    let block = |j: usize| Block::Number {
        name: j.to_string().into(),
        values: x.iter().skip(j).step_by(p).copied().collect(),
    };
    model.predict(&Frame::new(rows, (0..p).map(block).collect()))
}

/// Labels in the order of levels, and the code of each.
pub(super) fn sorted(labels: &[String]) -> (Arc<Levels>, Vec<u32>) {
    let numeric = !labels.is_empty() && labels.iter().all(|label| number_of(label).is_some());
    let levels = Arc::new(Levels::new(labels.to_vec(), numeric));
    let codes = labels.iter().map(|label| levels.code(label).unwrap_or(MISSING)).collect();
    (levels, codes)
}
