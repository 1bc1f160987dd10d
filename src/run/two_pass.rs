//! The two-pass path: pass 1 makes the moments of every fold, everything is fitted on small
//! matrices, and pass 2 makes the out-of-fold predictions as one sum of raw columns.
//!
//! Merging instead of subtracting follows from the partition; compare Engstrom and Jensen,
//! arXiv 2401.13185, who subtract.

use std::sync::Arc;

use super::cells::{self, Cell, Input};
use super::fitted::{Fitted, FittedNode};
use super::inner::Inner;
use super::layout::{Layout, Place};
use super::order::Orders;
use super::view::View;
use crate::contract::Linear;
use crate::diag::{Code, Result};
use crate::graph::StepNode;
use crate::linalg::{Affine, Moments};
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
    /// The inner folds of models that have some.
    pub(super) inner: Inner<'a>,
    /// The features in order, for steps that need them so.
    pub(super) orders: Orders,
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
    /// Reads the table once, and once more for each further walk of the plan.
    ///
    /// # Errors
    /// Whatever reading can meet.
    pub fn collect(bound: &'a Bound<'a>, plan: &'a Plan) -> Result<Self> {
        let none = || Code::Bug.error("a plan of two passes without the first");
        let walk = plan.inner.walks.first().ok_or_else(none)?;
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
            cell_of: &walk.cell_of,
            cells: walk.cells,
            joint_only: false,
            parallel: plan.parallel,
            beside: plan.parallel && !bound.x.is_streamed(),
        };
        let parts = cells::collect(&layout, &input)?;
        let (cells, inner) = if plan.inner.is_trivial() {
            (parts, Inner::none(&plan.inner))
        } else {
            let cells = cells::merged(&parts, &walk.outer, bound.folds.len().max(1));
            (cells, Inner::collect(&plan.inner, parts, &layout, &input)?)
        };
        let others = if bound.folds.is_empty() { Vec::new() } else { cells::others(&cells) };
        let whole = cells::whole(&cells);
        let orders = Orders::new(&bound.x, &cell_of);
        Ok(Self { bound, layout, cell_of, cells, others, whole, inner, orders })
    }

    /// The column whose training values lie so far from the frozen shift that their moments have lost
    /// digits: its mean is more than 100 standard deviations away.
    pub(super) fn far_from_shift(&self, cell: &Cell) -> Option<String> {
        self.far(|at| Spread::of(&cell.plain, at))
    }

    /// The same in an inner fold, or in all others together.
    pub(super) fn fold_far_from_shift(&self, folds: &[Moments]) -> Option<String> {
        let others = |left_out: usize, at: usize| {
            let others = folds.iter().enumerate().filter(|(k, _)| *k != left_out);
            others.fold(Spread::default(), |all, (_, fold)| all.and(Spread::of(fold, at)))
        };
        let far =
            |k: usize| self.far(|at| Spread::of(&folds[k], at)).or_else(|| self.far(|at| others(k, at)));
        (0..folds.len()).find_map(far)
    }

    fn far(&self, spread: impl Fn(usize) -> Spread) -> Option<String> {
        let far = |at: usize| spread(at).is_far();
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

/// Weight, mean and squared deviations of a position.
#[derive(Clone, Copy, Default)]
struct Spread {
    weight: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn of(moments: &Moments, at: usize) -> Self {
        Self { weight: moments.weight, mean: moments.mean[at], squares: moments.gram[(at, at)] }
    }

    /// Of both.
    fn and(self, other: Self) -> Self {
        let weight = self.weight + other.weight;
        if weight == 0.0 {
            return self;
        }
        let (share, away) = (other.weight / weight, other.mean - self.mean);
        let between = self.weight * share * away * away;
        Self { weight, mean: self.mean + share * away, squares: self.squares + other.squares + between }
    }

    /// Whether the mean is more than 100 standard deviations from 0.
    fn is_far(self) -> bool {
        let variance = self.squares / self.weight;
        variance > 0.0 && self.mean.powi(2) > 1e4 * variance
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
        let stats = view.stats(node.step.needs());
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
                return Err(Code::Bug.error(message));
            }
        };
        fitted.push(FittedNode { class: node.step.name(), name: node.name.clone(), step: step.into() });
    }
    Ok((fitted, view))
}
