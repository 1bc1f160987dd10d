//! `LogisticRegression` in all folds at once.

use std::sync::Arc;

use super::logistic_regression::{FittedLogisticRegression, LogisticRegression, present};
use crate::contract::{SharedRows, Unfit};
use crate::diag::{Code, Result};
use crate::linalg::{Affine, Logistic, LogisticGrid, LogisticOptions, logistic_grid};
use crate::table::{Levels, Target};

type Outcome = Result<FittedLogisticRegression, Unfit>;

/// For each design one outcome a candidate. Those that differ in `C` alone are one grid; folds whose training rows lack
/// a class are left to their rows.
pub(super) fn fit_folds(grid: &[&LogisticRegression], rows: &SharedRows) -> Vec<Vec<Outcome>> {
    let all = |unfit: &Unfit| rows.designs.iter().map(|_| refused(grid.len(), unfit)).collect::<Vec<_>>();
    if let Some(fault) = grid.iter().find_map(|model| model.unsupported()) {
        return all(&Unfit::Failed(Code::NotSupported.error(fault.message)));
    }
    let folds = match Folds::of(rows) {
        Ok(folds) => folds,
        Err(unfit) => return all(&unfit),
    };
    let mut kinds: Vec<Vec<usize>> = Vec::new();
    for (i, model) in grid.iter().enumerate() {
        match kinds.iter_mut().find(|kind| model.differs_in_c_alone(grid[kind[0]])) {
            Some(kind) => kind.push(i),
            None => kinds.push(vec![i]),
        }
    }
    let mut outcomes: Vec<Vec<Outcome>> = all(&Unfit::Failed(Code::Bug.error("a candidate without a fit")));
    for kind in kinds {
        let models: Vec<&LogisticRegression> = kind.iter().map(|i| grid[*i]).collect();
        for (outcomes, fits) in outcomes.iter_mut().zip(folds.fit(&models)) {
            kind.iter().zip(fits).for_each(|(i, fit)| outcomes[*i] = fit);
        }
    }
    outcomes
}

fn refused(candidates: usize, unfit: &Unfit) -> Vec<Outcome> {
    (0..candidates).map(|_| Err(unfit.clone())).collect()
}

/// The rows of all folds, and what each fold has of every class.
struct Folds<'a> {
    rows: &'a SharedRows<'a>,
    labels: Arc<Levels>,
    /// The classes that have rows of some weight.
    present: Vec<u32>,
    /// Codes into those.
    codes: Vec<u32>,
    /// For each fold, what the rows that it leaves out have of each class: how many there are, how many count, and what
    /// they weigh.
    left_out: Vec<Vec<Share>>,
}

/// Rows of one class.
#[derive(Clone, Copy, Default)]
struct Share {
    rows: usize,
    counting: usize,
    weight: f64,
}

impl<'a> Folds<'a> {
    fn of(rows: &'a SharedRows<'a>) -> Result<Self, Unfit> {
        let Target::Classes { codes: all, labels } = rows.y else {
            return Err(Unfit::Rows("the target is of numbers".into()));
        };
        let (codes, present) = present(all, rows.weight, labels, "LogisticRegression")
            .map_err(|error| Unfit::Rows(error.message().into()))?;
        let folds = rows.fold_of.iter().max().map_or(0, |most| usize::from(*most) + 1);
        let mut left_out = vec![vec![Share::default(); labels.len()]; folds];
        for (i, (code, fold)) in all.iter().zip(rows.fold_of).enumerate() {
            let share = &mut left_out[usize::from(*fold)][*code as usize];
            let weight = rows.weight.map_or(1.0, |weight| weight[i]);
            share.rows += 1;
            share.counting += usize::from(weight > 0.0);
            share.weight += weight;
        }
        Ok(Self { rows, labels: Arc::clone(labels), present, codes, left_out })
    }

    /// What the training rows of a fold have of each class.
    fn shares(&self, fold: Option<u16>) -> Vec<Share> {
        let mut shares = vec![Share::default(); self.labels.len()];
        let others =
            self.left_out.iter().enumerate().filter(|(k, _)| fold.is_none_or(|fold| *k != usize::from(fold)));
        for (share, other) in others.flat_map(|(_, others)| others).enumerate() {
            let share = &mut shares[share % self.labels.len()];
            share.rows += other.rows;
            share.counting += other.counting;
            share.weight += other.weight;
        }
        shares
    }

    /// What the weights of each class that counts are multiplied with in the fit of a fold.
    fn factors(&self, model: &LogisticRegression, fold: Option<u16>) -> Result<Vec<f64>, Unfit> {
        let lacks = || Unfit::Rows("the training rows lack a class".into());
        let shares = self.shares(fold);
        if self.present.iter().any(|class| shares[*class as usize].counting == 0) {
            return Err(lacks());
        }
        let Some(class_weight) = &model.class_weight else { return Ok(vec![1.0; self.present.len()]) };
        let some = (0..).zip(&shares).filter(|(_, share)| share.rows > 0);
        let (codes, weights): (Vec<u32>, Vec<f64>) = some.map(|(code, share)| (code, share.weight)).unzip();
        let factors = class_weight.factors(&codes, &weights, &self.labels);
        let factors = factors.map_err(|error| Unfit::Rows(error.message().into()))?;
        let factors: Vec<f64> = self.present.iter().map(|class| factors[*class as usize]).collect();
        if factors.contains(&0.0) { Err(lacks()) } else { Ok(factors) }
    }

    /// Candidates that differ in `C` alone.
    fn fit(&self, models: &[&LogisticRegression]) -> Vec<Vec<Outcome>> {
        let designs = self.rows.designs;
        let factors: Vec<Result<Vec<f64>, Unfit>> =
            designs.iter().map(|design| self.factors(models[0], design.fold)).collect();
        let usable: Vec<usize> = (0..designs.len()).filter(|d| factors[*d].is_ok()).collect();
        let of_usable: Vec<&Vec<f64>> = factors.iter().flatten().collect();
        let mut found = self.grid(models, &usable, &of_usable).map(Vec::into_iter);
        let mut next = || match &mut found {
            Ok(found) => found.next().ok_or_else(|| Unfit::Failed(Code::Bug.error("a fold without fits"))),
            Err(unfit) => Err(unfit.clone()),
        };
        let fits = factors.into_iter().map(|factors| factors.and_then(|_| next()));
        let outcomes = |fits: Result<Vec<Logistic>, Unfit>| match fits {
            Ok(fits) => fits.into_iter().map(|fit| self.fitted(fit)).collect(),
            Err(unfit) => refused(models.len(), &unfit),
        };
        fits.map(outcomes).collect()
    }

    fn fitted(&self, fit: Logistic) -> Outcome {
        if fit.ambiguous {
            let reason = "the features depend on each other, and no penalty chooses among their coefficients";
            return Err(Unfit::Rows(reason.into()));
        }
        let fitted = FittedLogisticRegression::of(Arc::clone(&self.labels), self.present.clone(), fit);
        fitted.map_err(Unfit::Failed)
    }

    /// The fits of those designs that can be fitted together.
    fn grid(
        &self,
        models: &[&LogisticRegression],
        usable: &[usize],
        factors: &[&Vec<f64>],
    ) -> Result<Vec<Vec<Logistic>>, Unfit> {
        let Some(last) = usable.last() else { return Ok(Vec::new()) };
        let designs = self.rows.designs;
        let mut maps: Vec<Vec<Affine>> = usable.iter().map(|d| designs[*d].features.clone()).collect();
        let mut factors: Vec<Vec<f64>> = factors.iter().map(|factors| (*factors).clone()).collect();
        // Where the features of all rows are unknown, those of a fold make starts as well.
        let whole = designs[*last].fold.is_none();
        if !whole {
            maps.extend(maps.last().cloned());
            factors.extend(factors.last().cloned());
        }
        let mut places = vec![u16::MAX; self.left_out.len()];
        for (place, fold) in (0..).zip(usable.iter().filter_map(|d| designs[*d].fold)) {
            places[usize::from(fold)] = place;
        }
        let fold_of: Vec<u16> = self.rows.fold_of.iter().map(|fold| places[usize::from(*fold)]).collect();
        let options: Vec<LogisticOptions> = models.iter().map(|model| model.options()).collect();
        let c: Vec<f64> = options.iter().map(|options| options.c).collect();
        let grid = LogisticGrid {
            weight: self.rows.weight,
            factors: models[0].class_weight.is_some().then_some(&factors),
            fold_of: Some(&fold_of),
            fit_intercept: options[0].fit_intercept,
            max_iter: options[0].max_iter,
            watch: self.rows.watch,
            ..LogisticGrid::new(self.rows.blocks, &self.codes, self.present.len(), &maps, &c)
        };
        let mut fits = logistic_grid(&grid).map_err(|error| match error.code() {
            Code::Interrupted => Unfit::Failed(error),
            // One fold's failure is that of all: the rows of each tell whose it was.
            _ => Unfit::Rows(error.message().into()),
        })?;
        fits.truncate(usable.len());
        Ok(fits)
    }
}
