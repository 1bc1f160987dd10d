//! The two-pass path's fits in all folds: from the moments of each, or, of models that read the rows in every
//! iteration, in all folds at once from raw columns that they share.

use rayon::prelude::*;

use super::candidates::{OnRows, Prepared};
use super::shared::SharedColumns;
use super::two_pass::{Fit, TwoPass};
use super::{Work, stopped};
use crate::contract::erased::{AnyFit, AnyModel};
use crate::contract::{Design, Needs, SharedRows, Unfit};
use crate::diag::{Code, Result, Watch};
use crate::graph::Pipeline;

/// What became of pipelines.
pub struct Fits {
    /// For each fold one outcome a pipeline.
    pub folds: Vec<Vec<Result<Fit>>>,
    /// The fits on all rows, as far as they came with those of the folds.
    pub whole: Vec<Option<Fit>>,
}

impl Work<'_> {
    /// Fits pipelines of the two-pass path in every fold.
    ///
    /// # Errors
    /// `Interrupted`, and whatever reading all rows meets where a model needs them.
    pub fn fits(&self, two_pass: &TwoPass, pipelines: &[&Pipeline], watch: &dyn Watch) -> Result<Fits> {
        let folds = self.bound.folds.len();
        let (shared, own): (Vec<usize>, Vec<usize>) =
            (0..pipelines.len()).partition(|i| pipelines[*i].model.model.needs().has(Needs::BLOCKS));
        let of = |places: &[usize]| places.iter().map(|i| pipelines[*i]).collect::<Vec<_>>();
        let none = || pipelines.iter().map(|_| Err(Code::Bug.error("a pipeline without a fit")));
        let mut fits: Vec<Vec<Result<Fit>>> = (0..folds).map(|_| none().collect()).collect();
        let mut whole: Vec<Option<Fit>> = pipelines.iter().map(|_| None).collect();
        let mut take = |places: &[usize], found: Vec<Vec<Result<Fit>>>| {
            for (fits, found) in fits.iter_mut().zip(found) {
                places.iter().zip(found).for_each(|(i, fit)| fits[*i] = fit);
            }
        };
        if !own.is_empty() {
            let pipelines = of(&own);
            take(&own, self.each_fold(watch, |k| Ok(two_pass.fit_all(&pipelines, Some(k))))?);
        }
        for kind in kinds(&shared, pipelines) {
            let at_once = AtOnce { two_pass, pipelines: of(&kind), parallel: self.plan.parallel, watch };
            let found = at_once.fits()?;
            take(&kind, found.folds);
            kind.iter().zip(found.whole).for_each(|(i, fit)| whole[*i] = fit);
        }
        Ok(Fits { folds: fits, whole })
    }

    /// Fits a pipeline of the two-pass path on all rows.
    ///
    /// # Errors
    /// Whatever a step or the model refuses, with its name.
    pub fn fit_whole(&self, two_pass: &TwoPass, pipeline: &Pipeline, watch: &dyn Watch) -> Result<Fit> {
        if pipeline.model.model.needs().has(Needs::BLOCKS) {
            let parallel = self.plan.parallel;
            let at_once = AtOnce { two_pass, pipelines: vec![pipeline], parallel, watch };
            if let Some(fit) = at_once.in_folds(&[None])?.pop().and_then(|mut fits| fits.pop()).flatten() {
                return fit;
            }
        }
        two_pass.fit(pipeline, None)
    }
}

/// Pipelines that differ in the parameters of their models alone.
fn kinds(places: &[usize], pipelines: &[&Pipeline]) -> Vec<Vec<usize>> {
    let class = |i: usize| pipelines[i].model.model.name();
    let same = |a: usize, b: usize| class(a) == class(b) && pipelines[a].shares_steps(pipelines[b]);
    let mut kinds: Vec<Vec<usize>> = Vec::new();
    for i in places {
        match kinds.iter_mut().find(|kind| same(kind[0], *i)) {
            Some(kind) => kind.push(*i),
            None => kinds.push(vec![*i]),
        }
    }
    kinds
}

/// Pipelines of one kind in all folds at once.
struct AtOnce<'a> {
    two_pass: &'a TwoPass<'a>,
    pipelines: Vec<&'a Pipeline>,
    parallel: bool,
    watch: &'a dyn Watch,
}

impl AtOnce<'_> {
    fn fits(&self) -> Result<Fits> {
        let folds = self.two_pass.bound.folds.len();
        let all: Vec<Option<usize>> = (0..folds).map(Some).chain([None]).collect();
        let mut fits = self.in_folds(&all)?;
        let whole = fits.pop().unwrap_or_default();
        let whole = whole.into_iter().map(|fit| fit.and_then(Result::ok)).collect();
        let folds = fits.into_iter().map(|fits| fits.into_iter().flatten().collect()).collect();
        Ok(Fits { folds, whole })
    }

    /// For each of these folds, `None` for all rows, one outcome a pipeline. Beside others the fits on all rows are left
    /// out where those would have to be read once more: of many candidates only one will need that.
    fn in_folds(&self, folds: &[Option<usize>]) -> Result<Vec<Vec<Option<Result<Fit>>>>> {
        let prepared = self.each(folds.to_vec(), |fold| self.prepared(fold));
        let joint = self.pipelines[0].model.model.needs().has(Needs::JOINT);
        let ready = |(fold, prepared): (&Option<usize>, &Prepared)| match prepared {
            Prepared::Ready(before) => {
                let stats = joint.then(|| before.stats(&self.two_pass.training_rows(*fold)));
                Some(Design { fold: fold.map(|k| k as u16), features: before.values.clone()?, stats })
            }
            Prepared::Rows(..) | Prepared::Failed(_) => None,
        };
        let designs: Vec<Design> = folds.iter().zip(&prepared).filter_map(ready).collect();
        let mut outcomes = self.models(designs)?.into_iter();
        if self.watch.stopped() {
            return Err(stopped());
        }
        let with_outcome = |(fold, prepared): (&Option<usize>, _)| {
            let outcome = matches!(prepared, Prepared::Ready(_)).then(|| outcomes.next()).flatten();
            (*fold, prepared, outcome.unwrap_or_default())
        };
        let parts: Vec<_> = folds.iter().zip(prepared).map(with_outcome).collect();
        let lazy = folds.len() > 1;
        Ok(self.each(parts, |(fold, prepared, outcomes)| {
            self.finish(fold, prepared, outcomes, lazy && fold.is_none())
        }))
    }

    fn prepared(&self, fold: Option<usize>) -> Prepared<'_> {
        if self.watch.stopped() {
            return Prepared::Failed(stopped());
        }
        let cell = fold.map_or(&self.two_pass.whole, |k| &self.two_pass.others[k]);
        match self.two_pass.far_from_shift(cell) {
            Some(reason) => Prepared::Rows(None, reason),
            None => self.two_pass.prepare(self.pipelines[0], fold),
        }
    }

    /// For each design one outcome a pipeline.
    fn models(&self, mut designs: Vec<Design>) -> Result<Vec<Vec<AnyFit>>> {
        let positions = renumbered(&mut designs, self.two_pass.layout.features);
        let widest = designs.iter().map(|design| design.features.len()).max().unwrap_or(0);
        if positions.len() > most_positions(widest) {
            let reason = format!("{widest} features are made of {} columns and levels", positions.len());
            let all = || self.pipelines.iter().map(|_| Err(Unfit::Rows(reason.clone()))).collect();
            return Ok(designs.iter().map(|_| all()).collect());
        }
        if designs.is_empty() {
            return Ok(Vec::new());
        }
        let bound = self.two_pass.bound;
        let rows = SharedRows {
            blocks: &SharedColumns::new(&self.two_pass.layout, bound.x.table()?, &positions),
            y: &bound.y,
            weight: bound.weight.as_deref(),
            fold_of: &self.two_pass.cell_of,
            designs: &designs,
            watch: self.watch,
        };
        let grid: Vec<&dyn AnyModel> = self.pipelines.iter().map(|pipeline| &*pipeline.model.model).collect();
        Ok(grid[0].fit_folds(&grid, &rows))
    }

    fn finish(
        &self,
        fold: Option<usize>,
        prepared: Prepared,
        outcomes: Vec<AnyFit>,
        lazy: bool,
    ) -> Vec<Option<Result<Fit>>> {
        let pipelines = self.pipelines.iter();
        if self.watch.stopped() {
            return pipelines.map(|_| Some(Err(stopped()))).collect();
        }
        let rows = self.two_pass.training_rows(fold);
        match prepared {
            Prepared::Ready(before) => {
                let on_rows = OnRows::new(self.two_pass, &before, &rows);
                let mut outcomes = outcomes.into_iter();
                let finish = |pipeline: &&Pipeline| match outcomes.next() {
                    Some(Err(Unfit::Rows(_))) if lazy => None,
                    outcome => Some(on_rows.finish(pipeline, outcome)),
                };
                pipelines.map(finish).collect()
            }
            Prepared::Rows(..) if lazy => pipelines.map(|_| None).collect(),
            Prepared::Rows(before, reason) => {
                let fits = self.two_pass.on_rows(&self.pipelines, before.as_ref(), &rows, &reason);
                fits.into_iter().map(Some).collect()
            }
            Prepared::Failed(error) => pipelines.map(|_| Some(Err(error.clone()))).collect(),
        }
    }

    /// Works on parts side by side where that pays; the answers keep the order of the parts.
    fn each<P: Send, T: Send>(&self, parts: Vec<P>, work: impl Fn(P) -> T + Sync + Send) -> Vec<T> {
        if self.parallel {
            parts.into_par_iter().map(work).collect()
        } else {
            parts.into_iter().map(work).collect()
        }
    }
}

/// The most raw columns that fits of so many features share: a pass over them, and even more so a Hessian, must not cost
/// much more than over the features themselves.
fn most_positions(features: usize) -> usize {
    4 * features + 64
}

/// Those of so many positions that some feature is made of, ascending; the features are then forms of these.
fn renumbered(designs: &mut [Design], all: usize) -> Vec<u32> {
    let mut terms: Vec<&mut u32> = Vec::new();
    for form in designs.iter_mut().flat_map(|design| &mut design.features) {
        form.terms.iter_mut().for_each(|(at, _)| terms.push(at));
    }
    let mut places = vec![None; all];
    terms.iter().for_each(|at| places[**at as usize] = Some(0));
    let mut positions = Vec::new();
    for (at, place) in (0..).zip(&mut places) {
        if let Some(place) = place {
            *place = positions.len() as u32;
            positions.push(at);
        }
    }
    terms.into_iter().for_each(|at| *at = places[*at as usize].unwrap_or_default());
    positions
}
