//! The two-pass path's fits: pipelines that share their steps fit them once, and their models of one
//! class at once.

use std::cell::OnceCell;

use super::fitted::{Fitted, FittedGroup, FittedSteps};
use super::general::General;
use super::two_pass::{Caveats, Fit, TwoPass, chain, compose};
use super::view::{Training, View};
use crate::contract::erased::{AnyFit, AnyModel, AnySplitter};
use crate::contract::{Frame, Needs, Stats, Unfit};
use crate::diag::{Code, Diagnostic, Result};
use crate::graph::Pipeline;
use crate::linalg::{Affine, Moments};
use crate::plan::cuts_alike;
use crate::table::Rows;

/// What comes before the model, as fitted from statistics.
pub(super) struct Before<'v> {
    steps: FittedSteps,
    view: View<'v>,
    /// The features as forms of positions, if every one is a number without a hole.
    pub(super) values: Option<Vec<Affine>>,
    caveats: Caveats,
}

impl Before<'_> {
    /// What a model is told of these rows.
    pub(super) fn stats(&self, rows: &Rows) -> Stats {
        Stats { joint: self.view.joint(), rows: rows.len(), ..self.view.stats(Needs::TARGET) }
    }
}

/// What the steps of pipelines came to, and how their models are to be fitted.
pub(super) enum Prepared<'v> {
    /// As forms of positions.
    Ready(Before<'v>),
    /// On rows, and why; without the steps those are fitted on rows as well.
    Rows(Option<Before<'v>>, String),
    /// Not at all.
    Failed(Diagnostic),
}

impl TwoPass<'_> {
    /// Fits a pipeline on the training rows of fold `k`, or on all rows.
    ///
    /// # Errors
    /// Whatever a step or the model refuses, with its name.
    pub fn fit(&self, pipeline: &Pipeline, fold: Option<usize>) -> Result<Fit> {
        let none = || Err(Code::Bug.error("a pipeline without a fit"));
        self.fit_all(&[pipeline], fold).pop().unwrap_or_else(none)
    }

    /// Fits pipelines on the training rows of fold `k`, or on all rows: one outcome each, the same
    /// up to rounding as if it were alone.
    pub fn fit_all(&self, pipelines: &[&Pipeline], fold: Option<usize>) -> Vec<Result<Fit>> {
        let cell = fold.map_or(&self.whole, |k| &self.others[k]);
        let rows = self.training_rows(fold);
        if let Some(reason) = self.far_from_shift(cell) {
            return self.all_on_rows(pipelines, &rows, &reason);
        }
        let mut kinds: Vec<Vec<usize>> = Vec::new();
        for (i, pipeline) in pipelines.iter().enumerate() {
            match kinds.iter_mut().find(|kind| pipelines[kind[0]].shares_steps(pipeline)) {
                Some(kind) => kind.push(i),
                None => kinds.push(vec![i]),
            }
        }
        let mut fits: Vec<(usize, Result<Fit>)> = Vec::with_capacity(pipelines.len());
        for kind in kinds {
            let alike: Vec<&Pipeline> = kind.iter().map(|i| pipelines[*i]).collect();
            fits.extend(kind.into_iter().zip(self.fit_alike(&alike, fold, &rows)));
        }
        fits.sort_by_key(|(i, _)| *i);
        fits.into_iter().map(|(_, fit)| fit).collect()
    }

    /// Fits pipelines that differ in their models alone.
    fn fit_alike(&self, pipelines: &[&Pipeline], fold: Option<usize>, rows: &Rows) -> Vec<Result<Fit>> {
        let before = match self.prepare(pipelines[0], fold) {
            Prepared::Ready(before) => before,
            Prepared::Rows(before, reason) => return self.on_rows(pipelines, before.as_ref(), rows, &reason),
            Prepared::Failed(error) => return pipelines.iter().map(|_| Err(error.clone())).collect(),
        };
        let on_rows = OnRows::new(self, &before, rows);
        self.models(pipelines, fold, &on_rows, &before.stats(rows))
    }

    /// Fits the steps of a pipeline on the training rows of a fold, or on all rows.
    pub(super) fn prepare(&self, pipeline: &Pipeline, fold: Option<usize>) -> Prepared<'_> {
        let before = match self.before(pipeline, fold) {
            Ok(before) => before,
            Err(error) => return Prepared::Failed(error),
        };
        if let Some(doubt) = before.caveats.doubts.first() {
            return Prepared::Rows(None, doubt.clone());
        }
        let unseen = fold.map(|k| &self.cells[k]);
        if unseen.is_some_and(|test| before.caveats.refused.iter().any(|at| test.plain.mean[*at] != 0.0)) {
            let reason = "a fold's test rows have a category that its training rows lack";
            return Prepared::Rows(Some(before), reason.into());
        }
        if before.values.is_none() {
            let reason = "the model's features are not all numbers without holes";
            return Prepared::Rows(Some(before), reason.into());
        }
        Prepared::Ready(before)
    }

    /// The models on rows, with the steps before them or also those.
    pub(super) fn on_rows(
        &self,
        pipelines: &[&Pipeline],
        before: Option<&Before>,
        rows: &Rows,
        reason: &str,
    ) -> Vec<Result<Fit>> {
        let Some(before) = before else { return self.all_on_rows(pipelines, rows, reason) };
        let on_rows = OnRows::new(self, before, rows);
        pipelines.iter().map(|pipeline| on_rows.fit(pipeline, reason)).collect()
    }

    /// Steps and selectors of a pipeline.
    fn before(&self, pipeline: &Pipeline, fold: Option<usize>) -> Result<Before<'_>> {
        let cell = fold.map_or(&self.whole, |k| &self.others[k]);
        let training = Training { cell, fold, orders: &self.orders };
        let raw = View::raw(&self.layout, training, &self.bound.y, self.bound.x.schema());
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
        let values = view.values();
        Ok(Before { steps: FittedSteps { groups, select }, view, values, caveats })
    }

    /// The models on the same statistics, those of one class and with the same inner folds at once.
    fn models(
        &self,
        pipelines: &[&Pipeline],
        fold: Option<usize>,
        on_rows: &OnRows,
        stats: &Stats,
    ) -> Vec<Result<Fit>> {
        let mut fits: Vec<Option<Result<Fit>>> = pipelines.iter().map(|_| None).collect();
        for i in 0..pipelines.len() {
            if fits[i].is_some() {
                continue;
            }
            let model = |j: usize| -> &dyn AnyModel { &*pipelines[j].model.model };
            let alike = |j: &usize| fits[*j].is_none() && alike(model(i), model(*j));
            let same: Vec<usize> = (i..pipelines.len()).filter(alike).collect();
            let grid: Vec<&dyn AnyModel> = same.iter().map(|j| model(*j)).collect();
            let mut outcomes = match model(i).inner_folds() {
                None => grid[0].fit_grid(&grid, stats),
                Some(splitter) => match self.inner_folds(&*splitter, fold, &on_rows.before.view) {
                    Ok(inner) => grid[0].fit_grid(&grid, &Stats { inner, ..stats.clone() }),
                    Err(reason) => grid.iter().map(|_| Err(Unfit::Rows(reason.clone()))).collect(),
                },
            }
            .into_iter();
            for j in same {
                fits[j] = Some(on_rows.finish(pipelines[j], outcomes.next()));
            }
        }
        // Every pipeline has a class, so that every place is filled.
        fits.into_iter().flatten().collect()
    }

    /// The moments of the inner folds of a fold's training rows, or of all, as a model sees them; or why rows are needed.
    fn inner_folds(
        &self,
        splitter: &dyn AnySplitter,
        fold: Option<usize>,
        view: &View,
    ) -> Result<Vec<Moments>, String> {
        let missing = || "the training rows cannot be cut into the model's inner folds".to_owned();
        let raw = self.inner.folds(splitter, fold).ok_or_else(missing)?;
        self.fold_far_from_shift(&raw).map_or(Ok(()), Err)?;
        view.joint_of(&raw).ok_or_else(missing)
    }

    /// Everything from the rows, as the general path does it.
    pub(super) fn all_on_rows(&self, pipelines: &[&Pipeline], rows: &Rows, reason: &str) -> Vec<Result<Fit>> {
        let fit = |_, fit: Result<(Fitted, &Frame)>| {
            let (fitted, _) = fit?;
            Ok(Fit { fitted, composed: None, rows_reason: Some(reason.to_owned()) })
        };
        match self.bound.frame() {
            Ok(frame) => General::new(self.bound, frame).each(pipelines, rows, 1, &fit),
            Err(error) => pipelines.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

/// Models on the rows that the same steps make.
pub(super) struct OnRows<'a> {
    two_pass: &'a TwoPass<'a>,
    before: &'a Before<'a>,
    rows: &'a Rows,
    features: OnceCell<Result<Frame>>,
}

impl<'a> OnRows<'a> {
    pub(super) fn new(two_pass: &'a TwoPass<'a>, before: &'a Before<'a>, rows: &'a Rows) -> Self {
        Self { two_pass, before, rows, features: OnceCell::new() }
    }

    /// A pipeline with what became of its model, which is fitted on rows where it has to be.
    pub(super) fn finish(&self, pipeline: &Pipeline, fit: Option<AnyFit>) -> Result<Fit> {
        let composed = |linear| Some(compose(&linear, self.before.values.as_ref()?));
        match fit {
            Some(Ok(model)) => {
                let composed = model.linear().and_then(composed);
                let (steps, names) = (self.before.steps.clone(), self.before.view.names());
                let fitted = Fitted { steps, class: pipeline.model.model.name(), model, names };
                Ok(Fit { fitted, composed, rows_reason: None })
            }
            Some(Err(Unfit::Rows(reason))) => {
                let mut fit = self.fit(pipeline, &reason)?;
                fit.composed = fit.fitted.model.linear().and_then(composed);
                Ok(fit)
            }
            Some(Err(Unfit::Failed(error))) => {
                let node = &pipeline.model;
                Err(error.prefixed(&format!("model `{}`", node.name)).or_at(&node.span))
            }
            None => Err(Code::Bug.error("a model gave no outcome for its candidate")),
        }
    }

    fn fit(&self, pipeline: &Pipeline, reason: &str) -> Result<Fit> {
        let steps = self.before.steps.clone();
        let frame = self.two_pass.bound.frame()?;
        let features = self.features.get_or_init(|| steps.transform(frame));
        let features = features.as_ref().map_err(Clone::clone)?;
        let general = General::new(self.two_pass.bound, frame);
        let model = general.model(&pipeline.model, features, self.rows)?;
        let names = features.names().iter().map(|name| name.to_string()).collect();
        let fitted = Fitted { steps, class: pipeline.model.model.name(), model, names };
        Ok(Fit { fitted, composed: None, rows_reason: Some(reason.to_owned()) })
    }
}

/// Whether two models are of one class, and have the same inner folds.
fn alike(one: &dyn AnyModel, other: &dyn AnyModel) -> bool {
    one.name() == other.name()
        && match (one.inner_folds(), other.inner_folds()) {
            (None, None) => true,
            (Some(one), Some(other)) => cuts_alike(&*one, &*other),
            _ => false,
        }
}
