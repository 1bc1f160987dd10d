//! The two-pass path: pass 1 makes the moments of every fold, everything is fitted on small
//! matrices, and pass 2 makes the out-of-fold predictions as one sum of raw columns.
//!
//! Merging instead of subtracting follows from the partition; compare Engstrom and Jensen,
//! arXiv 2401.13185, who subtract.

use rayon::prelude::*;

use super::cells::{self, Cell, Input};
use super::fitted::{Fitted, FittedGroup, FittedNode, FittedSteps};
use super::general::General;
use super::layout::{Layout, Place};
use super::view::View;
use crate::contract::{Linear, Needs, Prediction, Stats, Unfit};
use crate::diag::Result;
use crate::graph::{ModelNode, Pipeline, StepNode};
use crate::linalg::{Affine, Matrix};
use crate::plan::Bound;
use crate::table::{Column, MISSING, RUN_ROWS, Rows, Table};

/// Pass 1's outcome: the cells of all folds.
pub struct TwoPass<'a> {
    bound: &'a Bound<'a>,
    layout: Layout,
    cells: Vec<Cell>,
    others: Vec<Cell>,
    whole: Cell,
}

/// A fitted pipeline with its linear form over the raw positions, where it has one.
pub struct Fit {
    /// The pipeline.
    pub fitted: Fitted,
    /// The model's linear form over raw positions, one an output; `None` when only applying the
    /// steps to rows will do.
    composed: Option<Vec<Affine>>,
    /// Why the model was fitted on rows, if it was.
    pub rows_reason: Option<String>,
}

impl<'a> TwoPass<'a> {
    /// Reads the table once.
    ///
    /// # Errors
    /// Whatever reading can meet.
    pub fn collect(bound: &'a Bound<'a>, parallel: bool) -> Result<Self> {
        let layout = Layout::of(&bound.x, &bound.y)?;
        let mut cell_of = vec![0; bound.x.rows()];
        for (k, fold) in bound.folds.iter().enumerate() {
            fold.test.iter().for_each(|row| cell_of[row as usize] = k as u16);
        }
        let input = Input {
            scan: bound.x.scan(),
            target: &bound.y,
            weight: bound.weight.as_deref(),
            cell_of: &cell_of,
            cells: bound.folds.len().max(1),
            parallel,
        };
        let cells = cells::collect(&layout, &input)?;
        let others = if bound.folds.is_empty() { Vec::new() } else { cells::others(&cells) };
        let whole = cells::whole(&cells);
        Ok(Self { bound, layout, cells, others, whole })
    }

    /// Fits a pipeline on the training rows of fold `k`, or on all rows.
    ///
    /// # Errors
    /// Whatever a step or the model refuses, with its name.
    pub fn fit(&self, pipeline: &Pipeline, fold: Option<usize>) -> Result<Fit> {
        let cell = fold.map_or(&self.whole, |k| &self.others[k]);
        if let Some(reason) = self.far_from_shift(cell) {
            return self.all_on_rows(pipeline, &self.training_rows(fold), reason);
        }
        let unseen = fold.map(|k| &self.cells[k]);
        let raw = View::raw(&self.layout, cell, &self.bound.y, self.bound.x.schema());
        let mut groups = Vec::new();
        let mut views = Vec::new();
        let mut caveats = Caveats::default();
        for (group, columns) in
            pipeline.groups.iter().zip(&self.bound.groups).filter(|(_, columns)| !columns.is_empty())
        {
            let schema = self.bound.x.schema();
            let places: Vec<usize> = columns.iter().filter_map(|name| schema.index(name)).collect();
            let (steps, view) = chain(&group.steps, raw.select(&places), &mut caveats)?;
            views.push((group.name.clone(), view));
            groups.push(FittedGroup { name: group.name.clone(), columns: columns.clone(), steps });
        }
        let (select, view) = chain(&pipeline.select, raw.beside(views), &mut caveats)?;
        let steps = FittedSteps { groups, select };
        let names = view.names();
        let rows = self.training_rows(fold);
        if let Some(doubt) = caveats.doubts.into_iter().next() {
            return self.all_on_rows(pipeline, &rows, doubt);
        }
        if unseen.is_some_and(|test| caveats.refused.iter().any(|at| test.plain.mean[*at] != 0.0)) {
            return self.on_rows(
                &pipeline.model,
                steps,
                &rows,
                "a fold's test rows have a category that its training rows lack",
            );
        }
        let Some(joint) = view.joint() else {
            return self.on_rows(
                &pipeline.model,
                steps,
                &rows,
                "the model's features are not all numbers without holes",
            );
        };
        let mut stats = Stats { joint: Some(joint), ..view.stats(Needs::TARGET) };
        stats.rows = rows.len();
        let model = &pipeline.model.model;
        let fits = model.fit_grid(&[&**model], &stats);
        match fits.into_iter().next() {
            Some(Ok(fitted)) => {
                let composed =
                    fitted.linear().zip(view.values()).map(|(linear, values)| compose(&linear, &values));
                let fitted = Fitted { steps, class: model.name(), model: fitted, names };
                Ok(Fit { fitted, composed, rows_reason: None })
            }
            Some(Err(Unfit::Rows(reason))) => {
                let mut fit = self.on_rows(&pipeline.model, steps, &rows, &reason)?;
                let linear = fit.fitted.model.linear();
                fit.composed = linear.zip(view.values()).map(|(linear, values)| compose(&linear, &values));
                Ok(fit)
            }
            Some(Err(Unfit::Failed(error))) => {
                Err(error.prefixed(&format!("model `{}`", pipeline.model.name)).or_at(&pipeline.model.span))
            }
            None => Err(crate::diag::Code::Bug.error("a model gave no outcome for its candidate")),
        }
    }

    /// The column whose training values lie so far from the frozen shift that their moments have lost
    /// digits: its mean is more than 100 standard deviations away.
    fn far_from_shift(&self, cell: &Cell) -> Option<String> {
        let moments = &cell.plain;
        let far = |place: &Place| match place {
            Place::Number { at, .. } => {
                let variance = moments.gram[(*at, *at)] / moments.weight;
                variance > 0.0 && moments.mean[*at].powi(2) > 1e4 * variance
            }
            Place::Category { .. } => false,
        };
        let j = self.layout.places.iter().position(far)?;
        let name = &self.bound.x.schema().fields()[j].name;
        Some(format!("the training values of `{name}` are far from those of the first rows"))
    }

    fn training_rows(&self, fold: Option<usize>) -> Rows {
        fold.map_or_else(|| Rows::all(self.bound.x.rows()), |k| self.bound.folds[k].train.clone())
    }

    /// Everything from the rows, as the general path does it.
    fn all_on_rows(&self, pipeline: &Pipeline, rows: &Rows, reason: String) -> Result<Fit> {
        let (fitted, _) = General::new(self.bound, self.bound.frame()?).fit(pipeline, rows)?;
        Ok(Fit { fitted, composed: None, rows_reason: Some(reason) })
    }

    /// The model from the rows that the steps make.
    fn on_rows(&self, node: &ModelNode, steps: FittedSteps, rows: &Rows, reason: &str) -> Result<Fit> {
        let features = steps.transform(self.bound.frame()?)?;
        let model = General::new(self.bound, self.bound.frame()?).model(node, &features, rows)?;
        let names = features.names().iter().map(|name| name.to_string()).collect();
        let fitted = Fitted { steps, class: node.model.name(), model, names };
        Ok(Fit { fitted, composed: None, rows_reason: Some(reason.to_owned()) })
    }

    /// Predicts some rows: pass 2 for them.
    ///
    /// # Errors
    /// Whatever the steps or the model refuse.
    pub fn predict(&self, fit: &Fit, rows: &Rows) -> Result<Prediction> {
        match &fit.composed {
            Some(outputs) => Ok(fit.fitted.model.link(self.sums(outputs, self.bound.x.table()?, rows))),
            None => fit.fitted.predict(&self.bound.frame()?.take(rows)),
        }
    }

    /// Predicts the test rows of all folds in one pass over the units, where the table is not in memory; the numbers
    /// are those of [`TwoPass::predict`].
    ///
    /// # Errors
    /// Whatever reading meets, and what `predict` refuses.
    pub fn predict_folds(&self, fits: &[Fit], parallel: bool) -> Result<Vec<Prediction>> {
        let folds = &self.bound.folds;
        let tests: Vec<Vec<u32>> = folds.iter().map(|fold| fold.test.iter().collect()).collect();
        let walks = |k: usize| fits[k].composed.is_some() && tests[k].is_sorted();
        let of_unit = |unit: usize| -> Result<Vec<Matrix>> {
            let table = self.bound.x.scan().unit(unit)?;
            let start = (unit * RUN_ROWS) as u32;
            let end = start + table.rows() as u32;
            let sums = |(k, test): (usize, &Vec<u32>)| {
                let Some(outputs) = fits[k].composed.as_ref().filter(|_| walks(k)) else {
                    return Matrix::zeros(0, 0);
                };
                let own = test.partition_point(|row| *row < start)..test.partition_point(|row| *row < end);
                let local: Vec<u32> = test[own].iter().map(|row| row - start).collect();
                self.sums(outputs, &table, &Rows::List(local.into()))
            };
            Ok(tests.iter().enumerate().map(sums).collect())
        };
        let outputs = |k: usize| if walks(k) { fits[k].composed.as_ref().map_or(0, Vec::len) } else { 0 };
        let mut sums: Vec<Vec<Vec<f64>>> = (0..folds.len())
            .map(|k| (0..outputs(k)).map(|_| Vec::with_capacity(tests[k].len())).collect())
            .collect();
        let units = self.bound.x.units();
        let window = if parallel { 2 * rayon::current_num_threads() } else { 1 };
        for from in (0..units).step_by(window) {
            let some = from..(from + window).min(units);
            let parts: Vec<Result<Vec<Matrix>>> = if parallel {
                some.into_par_iter().map(of_unit).collect()
            } else {
                some.map(of_unit).collect()
            };
            for part in parts {
                for (all, part) in sums.iter_mut().zip(part?) {
                    all.iter_mut().enumerate().for_each(|(t, all)| all.extend_from_slice(part.column(t)));
                }
            }
        }
        let prediction = |(k, sums): (usize, Vec<Vec<f64>>)| {
            if !walks(k) {
                return self.predict(&fits[k], &folds[k].test);
            }
            let (rows, outputs) = (tests[k].len(), sums.len());
            let sums = Matrix::from_columns(rows, outputs, sums.concat());
            Ok(fits[k].fitted.model.link(sums))
        };
        sums.into_iter().enumerate().map(prediction).collect()
    }

    /// Each output's sum over the raw positions, column by column in order.
    fn sums(&self, outputs: &[Affine], table: &Table, rows: &Rows) -> Matrix {
        let mut sums = Matrix::zeros(rows.len(), outputs.len());
        for (t, output) in outputs.iter().enumerate() {
            let sum = sums.column_mut(t);
            sum.fill(output.offset);
            let mut factors = vec![0.0; self.layout.features];
            output.terms.iter().for_each(|(at, factor)| factors[*at as usize] = *factor);
            for (place, column) in self.layout.places.iter().zip(table.columns()) {
                add(sum, place, column, &factors, rows);
            }
        }
        sums
    }
}

/// Adds a raw column's part to the sums.
fn add(sums: &mut [f64], place: &Place, column: &Column, factors: &[f64], rows: &Rows) {
    match (place, column) {
        (Place::Number { at, shift, missing }, Column::Number(values)) => {
            let (factor, hole) = (factors[*at], missing.map_or(0.0, |at| factors[at]));
            if factor == 0.0 && hole == 0.0 {
                return;
            }
            let part = |value: f64| if value.is_nan() { hole } else { factor * (value - shift) };
            match rows {
                Rows::Range(range) => {
                    let values = &values[range.start as usize..range.end as usize];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += part(*value));
                }
                _ => {
                    sums.iter_mut().zip(rows.iter()).for_each(|(sum, row)| *sum += part(values[row as usize]))
                }
            }
        }
        (Place::Category { at, missing, .. }, Column::Codes { codes, .. }) => {
            let hole = missing.map_or(0.0, |at| factors[at]);
            for (sum, row) in sums.iter_mut().zip(rows.iter()) {
                let code = codes[row as usize];
                *sum += if code == MISSING { hole } else { factors[at + code as usize] };
            }
        }
        // A column keeps its type.
        _ => sums.fill(f64::NAN),
    }
}

/// The model's linear form over raw positions.
fn compose(linear: &Linear, values: &[Affine]) -> Vec<Affine> {
    let output = |t: usize| {
        let mut offset = linear.intercept[t];
        let mut factors = std::collections::BTreeMap::<u32, f64>::new();
        for (j, value) in values.iter().enumerate() {
            let coef = linear.coef[(j, t)];
            offset += coef * value.offset;
            value.terms.iter().for_each(|(at, factor)| *factors.entry(*at).or_insert(0.0) += coef * factor);
        }
        Affine { offset, terms: factors.into_iter().collect() }
    };
    (0..linear.intercept.len()).map(output).collect()
}

/// What may keep statistics from being enough.
#[derive(Default)]
struct Caveats {
    /// Positions that must be 0 in every test row.
    refused: Vec<usize>,
    /// Why a step's choice hangs on more digits than merged moments have.
    doubts: Vec<String>,
}

/// Fits steps one after the other on what a view tells of them.
fn chain<'v>(
    nodes: &[StepNode],
    mut view: View<'v>,
    caveats: &mut Caveats,
) -> Result<(Vec<FittedNode>, View<'v>)> {
    let mut fitted = Vec::with_capacity(nodes.len());
    for node in nodes {
        let place = |error: crate::diag::Diagnostic| {
            error.prefixed(&format!("step `{}`", node.name)).or_at(&node.span)
        };
        let step = node.step.fit_stats(&view.stats(node.step.needs())).map_err(place)?;
        let Some(map) = step.map() else {
            let message = format!("step `{}` promised to be a map and is none", node.name);
            return Err(crate::diag::Code::Bug.error(message));
        };
        caveats.refused.extend(view.refused(&map));
        caveats.doubts.extend(step.doubt().map(|doubt| format!("{}: {doubt}", node.address)));
        view = view.through(&map);
        fitted.push(FittedNode { class: node.step.name(), name: node.name.clone(), step });
    }
    Ok((fitted, view))
}
