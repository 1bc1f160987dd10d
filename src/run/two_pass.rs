//! The two-pass path: pass 1 makes the moments of every fold, everything is fitted on small
//! matrices, and pass 2 makes the out-of-fold predictions as one sum of raw columns.
//!
//! Merging instead of subtracting follows from the partition; compare Engstrom and Jensen,
//! arXiv 2401.13185, who subtract.

use std::sync::Arc;

use super::cells::{self, Cell, Input};
use super::fitted::{Fitted, FittedNode};
use super::layout::{Layout, Place};
use super::order::Orders;
use super::view::View;
use crate::contract::Linear;
use crate::diag::Result;
use crate::graph::StepNode;
use crate::linalg::Affine;
use crate::plan::{Bound, Plan};
use crate::table::{Rows, Scan};

/// Pass 1's outcome: the cells of all folds.
pub struct TwoPass<'a> {
    pub(super) bound: &'a Bound<'a>,
    pub(super) layout: Layout,
    /// The fold whose test rows a row is one of.
    pub(super) cell_of: Arc<[u16]>,
    pub(super) cells: Vec<Cell>,
    pub(super) others: Vec<Cell>,
    pub(super) whole: Cell,
    /// The features in order, for steps that need them so.
    pub(super) orders: Orders<'a>,
}

/// A fitted pipeline with its linear form over the raw positions, where it has one.
pub struct Fit {
    /// The pipeline.
    pub fitted: Fitted,
    /// The model's linear form over raw positions, one an output; `None` when only applying the
    /// steps to rows will do.
    pub(super) composed: Option<Vec<Affine>>,
    /// Why the model was fitted on rows, if it was.
    pub rows_reason: Option<String>,
}

impl<'a> TwoPass<'a> {
    /// Reads the table once.
    ///
    /// # Errors
    /// Whatever reading can meet.
    pub fn collect(bound: &'a Bound<'a>, plan: &Plan) -> Result<Self> {
        let layout = Layout::of(&bound.x, &bound.y, &plan.products)?;
        let mut cell_of = vec![0; bound.x.rows()];
        for (k, fold) in bound.folds.iter().enumerate() {
            fold.test.each(|row| cell_of[row as usize] = k as u16);
        }
        let cell_of: Arc<[u16]> = cell_of.into();
        let input = Input {
            scan: bound.x.scan(),
            target: &bound.y,
            weight: bound.weight.as_deref(),
            cell_of: &cell_of,
            cells: bound.folds.len().max(1),
            parallel: plan.parallel,
        };
        let cells = cells::collect(&layout, &input)?;
        let others = if bound.folds.is_empty() { Vec::new() } else { cells::others(&cells) };
        let whole = cells::whole(&cells);
        let orders = Orders::new(&bound.x, Arc::clone(&cell_of));
        Ok(Self { bound, layout, cell_of, cells, others, whole, orders })
    }

    /// The column whose training values lie so far from the frozen shift that their moments have lost
    /// digits: its mean is more than 100 standard deviations away.
    pub(super) fn far_from_shift(&self, cell: &Cell) -> Option<String> {
        let moments = &cell.plain;
        let far = |at: usize| {
            let variance = moments.gram[(at, at)] / moments.weight;
            variance > 0.0 && moments.mean[at].powi(2) > 1e4 * variance
        };
        let products = &self.layout.products;
        if (products.at..products.at + products.len()).any(far) {
            return Some(
                "the products of the training values are far from those of the first rows".to_owned(),
            );
        }
        let number = |place: &Place| matches!(place, Place::Number { at, .. } if far(*at));
        let j = self.layout.places.iter().position(number)?;
        let name = &self.bound.x.schema().fields()[j].name;
        Some(format!("the training values of `{name}` are far from those of the first rows"))
    }

    pub(super) fn training_rows(&self, fold: Option<usize>) -> Rows {
        fold.map_or_else(|| Rows::all(self.bound.x.rows()), |k| self.bound.folds[k].train.clone())
    }

    /// The feature columns.
    pub(super) fn scan(&self) -> &dyn Scan {
        self.bound.x.scan()
    }
}

/// The model's linear form over raw positions.
pub(super) fn compose(linear: &Linear, values: &[Affine]) -> Vec<Affine> {
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
pub(super) struct Caveats {
    /// Positions that must be 0 in every test row.
    pub refused: Vec<usize>,
    /// Why a step's choice hangs on more digits than merged moments have.
    pub doubts: Vec<String>,
}

/// Fits steps one after the other on what a view tells of them.
pub(super) fn chain<'v>(
    nodes: &[StepNode],
    mut view: View<'v>,
    caveats: &mut Caveats,
) -> Result<(Vec<FittedNode>, View<'v>)> {
    let mut fitted = Vec::with_capacity(nodes.len());
    for node in nodes {
        if !caveats.doubts.is_empty() {
            // All will be fitted from the rows.
            break;
        }
        let place = |error: crate::diag::Diagnostic| {
            error.prefixed(&format!("step `{}`", node.name)).or_at(&node.span)
        };
        if let Some(name) = view.without_values(node.step.needs()) {
            caveats
                .doubts
                .push(format!("{}: the values of `{name}` are no column of the data", node.address));
            break;
        }
        let stats = view.stats(node.step.needs())?;
        let step = node.step.fit_stats(&stats).map_err(place)?;
        caveats.doubts.extend(step.doubt().map(|doubt| format!("{}: {doubt}", node.address)));
        view = match (step.map(), step.products()) {
            (Some(map), _) => {
                caveats.refused.extend(view.refused(&map));
                view.through(&map)
            }
            (None, Some(products)) => match view.multiplied(&products) {
                Ok(view) => view,
                Err(doubt) => {
                    caveats.doubts.push(format!("{}: {doubt}", node.address));
                    break;
                }
            },
            (None, None) => {
                let message = format!("step `{}` promised to be a map and is none", node.name);
                return Err(crate::diag::Code::Bug.error(message));
            }
        };
        fitted.push(FittedNode { class: node.step.name(), name: node.name.clone(), step: step.into() });
    }
    Ok((fitted, view))
}
