//! Least squares with an L1 penalty: what Lasso and ElasticNet are, and where their CV forms end.

use super::fitted_regression::{FittedLinear, FittedRegression, Quality, Told};
use super::ordinary;
use super::training::{self, Gathered};
use crate::contract::{Fault, Frame, Linear, Stats, Train, Unfit, choice};
use crate::diag::{Code, Result};
use crate::linalg::{
    Centred, Moments, Penalized, Penalty, elastic_net, elastic_net_factor, elastic_net_rows,
};

/// The greatest condition of the penalised Gram matrix of the columns that are in, at which moments keep enough digits.
const GREATEST_CONDITION: f64 = 1e6;

choice! {
    /// In what order scikit-learn goes through the coefficients; all orders have the same optimum.
    pub enum Selection {
        /// One after the other.
        Cyclic = "cyclic",
        /// A random one each time.
        Random = "random",
    }
}

/// What Lasso and ElasticNet learn.
pub type FittedPenalized = FittedLinear<Descended>;

/// How a penalised problem was solved.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descended {
    /// Of the columns that are in.
    quality: Quality,
    /// `n_iter_`: sweeps over the coefficients, for each target.
    sweeps: Vec<usize>,
    /// `dual_gap_`, for each target.
    gaps: Vec<f64>,
}

impl Told for Descended {
    const KEY: &'static str = "descent";

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let one_or_all = |all: serde_json::Value| match all {
            serde_json::Value::Array(mut all) if all.len() == 1 => all.remove(0),
            all => all,
        };
        let mut facts = self.quality.facts();
        facts.push(("n_iter", one_or_all(serde_json::json!(self.sweeps))));
        facts.push(("dual_gap", one_or_all(serde_json::json!(self.gaps))));
        facts
    }

    fn quality(&self) -> &Quality {
        &self.quality
    }
}

/// One problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) alpha: f64,
    pub(super) l1_ratio: f64,
    pub(super) fit_intercept: bool,
    pub(super) positive: bool,
}

impl Candidate {
    pub(super) fn penalty(&self) -> Penalty {
        Penalty::new(self.alpha, self.l1_ratio, self.positive)
    }

    /// Whether it is least squares.
    fn is_ordinary(&self) -> bool {
        self.alpha == 0.0 && !self.positive
    }

    /// Whether one path can go through both.
    fn is_alike(&self, other: &Self) -> bool {
        !self.is_ordinary()
            && !other.is_ordinary()
            && (self.l1_ratio, self.fit_intercept, self.positive)
                == (other.l1_ratio, other.fit_intercept, other.positive)
    }

    /// Fits from training rows: from their moments where they keep enough digits.
    pub(super) fn fit(&self, train: &Train, model: &str) -> Result<FittedPenalized> {
        let from_rows = |rows: &Gathered| self.fit_rows(rows, train.x, model);
        if self.is_ordinary() && ordinary::is_small(train.rows.len(), train.x.features()) {
            return from_rows(&Gathered::of(train, model)?);
        }
        let from_stats = |stats: &Stats| {
            let fit = from_stats(&[*self], stats, model).pop();
            fit.unwrap_or_else(|| Err(Code::Bug.error("no fit of one candidate").into()))
        };
        training::fit(train, model, from_stats, from_rows)
    }

    /// Fits from gathered rows.
    pub(super) fn fit_rows(&self, rows: &Gathered, frame: &Frame, model: &str) -> Result<FittedPenalized> {
        if self.is_ordinary() {
            return Ok(swept(ordinary::from_rows(rows, self.fit_intercept, frame, model)?));
        }
        let weight = rows.weight.as_deref();
        fitted(elastic_net_rows(&rows.x, &rows.y, weight, self.penalty(), self.fit_intercept)?, model)
    }
}

/// Fits of a grid, one outcome a candidate: those that differ in `alpha` alone are one path.
pub(super) fn from_stats(
    grid: &[Candidate],
    stats: &Stats,
    model: &str,
) -> Vec<Result<FittedPenalized, Unfit>> {
    let joint = match ordinary::joint(stats, model) {
        Ok(joint) => joint,
        Err(unfit) => return grid.iter().map(|_| Err(unfit.clone())).collect(),
    };
    let unpenalized = |one: &Candidate| ordinary::from_stats(stats, one.fit_intercept, model).map(swept);
    let mut fits: Vec<Option<Result<FittedPenalized, Unfit>>> =
        grid.iter().map(|one| one.is_ordinary().then(|| unpenalized(one))).collect();
    while let Some(first) = fits.iter().position(Option::is_none) {
        let mut places: Vec<usize> =
            (first..grid.len()).filter(|&i| fits[i].is_none() && grid[first].is_alike(&grid[i])).collect();
        // From strong to weak; equal ones in the order of the grid.
        places.sort_by(|&a, &b| grid[b].alpha.total_cmp(&grid[a].alpha));
        let path: Vec<Candidate> = places.iter().map(|&i| grid[i]).collect();
        let found = match &joint.factor {
            Some(factor) => from_factor(&path, factor, joint.targets, model),
            None => from_moments(&path, &joint.moments, joint.targets, model),
        };
        for (place, fit) in places.into_iter().zip(found) {
            fits[place] = Some(fit);
        }
    }
    fits.into_iter().flatten().collect()
}

/// Fits with the digits of the rows.
fn from_factor(
    path: &[Candidate],
    factor: &Centred,
    targets: usize,
    model: &str,
) -> Vec<Result<FittedPenalized, Unfit>> {
    let one = |one: &Candidate| {
        fitted(elastic_net_factor(factor, targets, one.penalty(), one.fit_intercept)?, model)
    };
    path.iter().map(|candidate| Ok(one(candidate)?)).collect()
}

/// Fits of one path, from strong to weak penalties.
pub(super) fn from_moments(
    path: &[Candidate],
    moments: &Moments,
    targets: usize,
    model: &str,
) -> Vec<Result<FittedPenalized, Unfit>> {
    let Some(first) = path.first() else { return Vec::new() };
    let penalties: Vec<Penalty> = path.iter().map(Candidate::penalty).collect();
    match elastic_net(moments, targets, &penalties, first.fit_intercept) {
        Ok(fits) => fits.into_iter().map(|fit| trusted(fit, model)).collect(),
        Err(error) => path.iter().map(|_| Err(Unfit::Failed(error.clone()))).collect(),
    }
}

/// A solution from moments, if its condition allows.
fn trusted(fit: Penalized, model: &str) -> Result<FittedPenalized, Unfit> {
    if fit.condition > GREATEST_CONDITION {
        return Err(ordinary::too_ill(fit.condition, GREATEST_CONDITION));
    }
    Ok(fitted(fit, model)?)
}

fn fitted(fit: Penalized, model: &str) -> Result<FittedPenalized> {
    // Of the rows, as for least squares; none where the columns that are in depend on each other.
    let condition = Some(fit.condition.sqrt()).filter(|condition| condition.is_finite());
    let quality = Quality { condition, ..Quality::default() };
    let told = Descended { quality, sweeps: fit.sweeps, gaps: fit.gaps };
    FittedPenalized::new(Linear { coef: fit.coef, intercept: fit.intercept }, told, model)
}

/// Least squares as the end of a path: no sweeps, no gap.
fn swept(fit: FittedRegression) -> FittedPenalized {
    fit.telling(|quality| Descended { quality, sweeps: vec![0], gaps: vec![0.0] })
}

/// The faults of a penalty that has no optimum worth fitting.
pub(super) fn faults(alpha: f64) -> Vec<Fault> {
    if alpha.is_finite() {
        return Vec::new();
    }
    let fault = Fault::of("alpha", "`alpha` is a finite number");
    vec![fault.help("an infinite penalty leaves the mean alone: use `DummyRegressor`")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Block, FittedModel, Needs};
    use crate::linalg::Matrix;
    use crate::table::{Rows, Target};

    fn noise(i: usize, j: usize) -> f64 {
        ((i * 7919 + j * 104_729 + i * i * 31 * (j + 1)) % 1009) as f64 / 1009.0 - 0.5
    }

    fn table(value: impl Fn(usize, usize) -> f64) -> (Frame, Target) {
        let block = |j: usize| Block::Number {
            name: format!("x{j}").into(),
            values: (0..80).map(|i| value(i, j)).collect(),
        };
        let y = Matrix::from_fn(80, 2, |i, t| value(i, t) - value(i, 2) + noise(i, 50));
        (Frame::new(80, (0..4).map(block).collect()), Target::Values(y))
    }

    fn candidate(alpha: f64, l1_ratio: f64, fit_intercept: bool) -> Candidate {
        Candidate { alpha, l1_ratio, fit_intercept, positive: false }
    }

    #[test]
    fn a_grid_gives_each_candidate_its_own_fit_in_order() {
        let (frame, y) = table(|i, j| noise(i, j) * (1.0 + j as f64) + 3.0);
        let train = Train { x: &frame, y: Some(&y), weight: None, rows: &Rows::all(80) };
        let stats = Stats::of(&train, Needs::JOINT).unwrap();
        let grid = [
            candidate(0.01, 1.0, true),
            candidate(0.1, 1.0, true),
            candidate(0.05, 0.5, true),
            candidate(0.0, 1.0, true),
            candidate(0.03, 1.0, false),
            candidate(0.03, 1.0, true),
        ];
        for (one, fit) in grid.iter().zip(from_stats(&grid, &stats, "Lasso")) {
            let rows =
                one.fit_rows(&Gathered::of(&train, "Lasso").unwrap(), &frame, "Lasso").unwrap().facts();
            match fit {
                Ok(fit) => {
                    let (ours, theirs) = (fit.facts().coef.unwrap(), rows.coef.unwrap());
                    for (a, b) in ours.values().iter().zip(theirs.values()) {
                        assert!(
                            (a - b).abs() <= 1e-10 * a.abs().max(b.abs()) + 1e-12,
                            "{one:?}: {a:e} {b:e}"
                        );
                    }
                    assert!(ours.values().iter().any(|b| *b != 0.0));
                }
                Err(Unfit::Rows(why)) => assert!(one.alpha == 0.0 && why.contains("1e8"), "{why}"),
                Err(Unfit::Failed(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_small_penalty_on_nearly_dependent_columns_takes_the_rows() {
        let (frame, y) = table(|i, j| if j == 1 { noise(i, 0) + 1e-5 * noise(i, 1) } else { noise(i, j) });
        let train = Train { x: &frame, y: Some(&y), weight: None, rows: &Rows::all(80) };
        let one = candidate(1e-9, 1.0, true);
        let stats = Stats::of(&train, Needs::JOINT).unwrap();
        let fit = from_stats(&[one], &stats, "Lasso").remove(0);
        assert!(matches!(fit, Err(Unfit::Rows(why)) if why.contains("beyond 1e6")));
        let rows = one.fit_rows(&Gathered::of(&train, "Lasso").unwrap(), &frame, "Lasso").unwrap();
        assert_eq!(one.fit(&train, "Lasso").unwrap().facts(), rows.facts());
    }
}
