//! `sklearn.linear_model.RidgeCV`.

use rayon::prelude::*;

use super::fitted_regression::{FittedLinear, FittedRegression, Quality, Told};
use super::inner_folds::{self, InnerFolds};
use super::one_or_more::OneOrMore;
use super::ordinary;
use super::ridge::Ridge;
use super::training::Gathered;
use crate::contract::erased::AnySplitter;
use crate::contract::{
    Checks, Exception, Fault, Fold, Metric, Model, Needs, ParamValue, Params, Prediction, Rng, Score,
    SharedRows, Stats, Task, Train, Unfit, Value, choice, params,
};
use crate::diag::{Code, Result};
use crate::linalg::{LeaveOneOut, Matrix, Moments, Quadratic, Solution, dot, linear_many, ridge, ridge_rows};
use crate::metrics;
use crate::table::Target;

/// The greatest condition of the penalised Gram matrix at which moments keep enough digits, as for Ridge.
const GREATEST_CONDITION: f64 = 1e6;

/// An error smaller than this share of the target's square has lost too many digits in moments.
pub(super) const LEAST_ERROR: f64 = 1e-6;

/// With fewer features a thread pool costs more than it saves.
const PARALLEL_FEATURES: usize = 50;

choice! {
    /// How scikit-learn decomposes for leaving one out; all ways have the same result.
    pub enum GcvMode {
        /// Whatever suits.
        Auto = "auto",
        /// Singular values.
        Svd = "svd",
        /// Eigenvalues.
        Eigen = "eigen",
    }
}

/// A scorer for regressions, by scikit-learn's name.
#[derive(Clone, Copy, Debug)]
pub struct Scoring(&'static Metric);

impl PartialEq for Scoring {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl ParamValue for Scoring {
    fn kind() -> String {
        let of_numbers = metrics::ALL.iter().filter(|metric| metric.task == Task::Regression);
        let names: Vec<String> = of_numbers.map(|metric| format!("`{}`", metric.name)).collect();
        names.join(" | ")
    }

    fn read(value: &Value) -> Option<Self> {
        let Value::Text(name) = value else { return None };
        metrics::named(name).filter(|metric| metric.task == Task::Regression).map(Self)
    }

    fn value(&self) -> Value {
        Value::Text(self.0.name.to_owned())
    }
}

params! {
    /// Ridge with the `alpha` that does best where it was not fitted: leaving out each row in turn, or in folds of the training rows.
    pub struct RidgeCV {
        /// The alphas to try, more than 0; with `cv` 0 is allowed too.
        alphas: OneOrMore = OneOrMore(vec![0.1, 1.0, 10.0]), Bound::Any;
        /// Add an intercept.
        fit_intercept: bool = true, Bound::Any;
        /// What to choose by; null is the mean squared error of the rows left out (times their weights), and with `cv` r2.
        scoring: Option<Scoring> = None, Bound::Any;
        /// How to cut the training rows, in their order; null leaves out each row in turn, without fitting again.
        cv: Option<InnerFolds> = None, Bound::Any;
        /// Accepted, and without effect: all ways have the same result.
        gcv_mode: Option<GcvMode> = None, Bound::Any;
        /// Only `false`: what every row gets under every alpha is not kept.
        store_cv_results: bool = false, Bound::Only("false");
        /// Choose for each target by itself; without `cv` only.
        alpha_per_target: bool = false, Bound::Any;
    }
    without_effect: ["gcv_mode"];
}

impl Checks for RidgeCV {
    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let least = self.alphas.0.iter().copied().fold(f64::INFINITY, f64::min);
        if self.alphas.0.is_empty() || least < 0.0 {
            faults.push(Fault::of("alphas", "`alphas` are one or more numbers of at least 0"));
        } else if least == 0.0 && self.cv.is_none() {
            let fault = Fault::of("alphas", "`alphas` are more than 0 where each row is left out in turn");
            faults.push(fault.help("write a number of folds in `cv`, or use a small alpha"));
        }
        if self.alpha_per_target && self.cv.is_some() {
            let fault = Fault::of("alpha_per_target", "`alpha_per_target` goes without `cv` only");
            faults.push(fault.help("leave `cv` out"));
        }
        faults
    }

    fn exceptions() -> &'static [Exception] {
        &[
            ("integer weights", "a row of weight 2 is left out as one, two equal rows one by one"),
            ("one row", "without it there is nothing to learn from"),
        ]
    }
}

/// A score that the moments of a fold's rows are enough for.
#[derive(Clone, Copy, Debug)]
pub(super) enum MomentScore {
    R2,
    MeanSquare,
    RootMeanSquare,
}

impl MomentScore {
    /// The score of a mean squared error, where the target has this variance.
    pub(super) fn score(self, error: f64, square: f64) -> f64 {
        match self {
            Self::R2 => 1.0 - error / square,
            Self::MeanSquare => -error,
            Self::RootMeanSquare => -error.sqrt(),
        }
    }

    /// The score of a solution on the rows of a fold, several targets counting equally.
    ///
    /// # Errors
    /// `Rows` where the errors have too few digits, or the score may be undefined or one by convention.
    fn of(self, held_out: &Quadratic, cell: &Moments, solution: &Solution) -> Result<f64, Unfit> {
        let (p, targets) = (held_out.columns(), solution.intercept.len());
        let one = |t: usize| {
            let coef = solution.coef.column(t);
            let away = cell.mean[p + t] - dot(&cell.mean[..p], coef) - solution.intercept[t];
            let (error, square) = (held_out.error(t, coef, away), held_out.square(t));
            let constant =
                cell.rows < 2 || square <= (f64::EPSILON * cell.rows as f64 * cell.mean[p + t]).powi(2);
            if constant || error < LEAST_ERROR * square {
                return Err(Unfit::Rows(format!(
                    "an inner fold's errors are below {LEAST_ERROR:.0e} of the target's square, or that is 0: from the rows"
                )));
            }
            Ok(self.score(error, square))
        };
        let all = (0..targets).map(one).collect::<Result<Vec<f64>, Unfit>>()?;
        Ok(all.iter().sum::<f64>() / targets as f64)
    }
}

/// What RidgeCV learns.
pub type FittedRidgeCV = FittedLinear<Best>;

/// Which penalty was chosen.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    quality: Quality,
    /// `alpha_`: one, or one a target.
    alpha: Vec<f64>,
    /// `best_score_`, likewise.
    score: Vec<f64>,
}

impl Told for Best {
    const KEY: &'static str = "best";

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let one_or_all = |all: &[f64]| match all {
            [one] => serde_json::json!(one),
            all => serde_json::json!(all),
        };
        let mut facts = vec![("alpha", one_or_all(&self.alpha)), ("best_score", one_or_all(&self.score))];
        facts.extend(self.quality.facts());
        facts
    }

    fn quality(&self) -> &Quality {
        &self.quality
    }
}

impl Model for RidgeCV {
    const TASK: Task = Task::Regression;
    const WEIGHTS: bool = true;
    type Fitted = FittedRidgeCV;

    fn needs(&self) -> Needs {
        match (self.of_moments(), &self.cv) {
            (None, _) => Needs::ROWS,
            (Some(_), Some(_)) => Needs::JOINT,
            (Some(_), None) => Needs::JOINT.and(Needs::BLOCKS),
        }
    }

    fn needs_rows(&self) -> &'static str {
        match self.cv {
            None => {
                "scores the rows, each left out in turn, by a metric that their errors' squares do not tell"
            }
            Some(_) => "scores its inner folds by a metric that moments do not tell",
        }
    }

    fn inner_folds(&self) -> Option<Box<dyn AnySplitter>> {
        self.of_moments()?;
        self.cv.as_ref().map(InnerFolds::splitter)
    }

    fn fit(&self, train: &Train, rng: &mut Rng) -> Result<FittedRidgeCV> {
        let rows = Gathered::of(train, Self::NAME)?;
        let scores = match &self.cv {
            Some(cv) => self.scores_of_folds(&rows, &cv.cut(train.rows.len())?)?,
            None => self.scores_left_out(&rows)?,
        };
        // For each target, or for all together.
        let (alpha, score): (Vec<f64>, Vec<f64>) =
            (0..scores[0].len()).map(|t| self.best(&scores, t)).unzip();
        let fit = |alpha: &f64| Model::fit(&self.ridge(*alpha), train, rng);
        let fits: Vec<FittedRegression> = alpha.iter().map(fit).collect::<Result<_>>()?;
        Ok(FittedRegression::of_each_target(fits).telling(|quality| Best { quality, alpha, score }))
    }

    fn fit_stats(grid: &[&Self], stats: &Stats) -> Vec<Result<FittedRidgeCV, Unfit>> {
        grid.iter().map(|model| model.fit_moments(stats)).collect()
    }

    fn fit_folds(grid: &[&Self], rows: &SharedRows) -> Vec<Vec<Result<FittedRidgeCV, Unfit>>> {
        let mut folds: Vec<Vec<_>> = rows.designs.iter().map(|_| Vec::with_capacity(grid.len())).collect();
        for model in grid {
            folds.iter_mut().zip(model.fit_left_out(rows)).for_each(|(fold, fit)| fold.push(fit));
        }
        folds
    }
}

impl RidgeCV {
    /// The first of the best alphas of a target with its score.
    fn best(&self, scores: &[Vec<f64>], t: usize) -> (f64, f64) {
        let mut best = (self.alphas.0[0], scores[0][t]);
        for (alpha, scores) in self.alphas.0.iter().zip(scores) {
            if scores[t] > best.1 {
                best = (*alpha, scores[t]);
            }
        }
        best
    }

    /// The alphas to try.
    pub(super) fn alphas(&self) -> &[f64] {
        &self.alphas.0
    }

    /// Whether it chooses by the loss itself.
    pub(super) fn scoring_is_loss(&self) -> bool {
        self.scoring.is_none()
    }

    fn ridge(&self, alpha: f64) -> Ridge {
        Ridge { alpha, fit_intercept: self.fit_intercept, ..Ridge::default() }
    }

    /// How to score from moments of a fold, or from the squared errors of rows left out, where those are enough.
    pub(super) fn of_moments(&self) -> Option<MomentScore> {
        match self.scoring.map(|scoring| scoring.0.name) {
            None if self.cv.is_none() => Some(MomentScore::MeanSquare),
            None | Some("r2") => Some(MomentScore::R2),
            Some("neg_mean_squared_error") => Some(MomentScore::MeanSquare),
            Some("neg_root_mean_squared_error") => Some(MomentScore::RootMeanSquare),
            Some(_) => None,
        }
    }

    /// Fits from the moments of every inner fold's own rows.
    fn fit_moments(&self, stats: &Stats) -> Result<FittedRidgeCV, Unfit> {
        let score = self.of_moments().ok_or_else(|| Unfit::Rows("its scores read the rows".into()))?;
        let targets = ordinary::joint(stats, Self::NAME)?.targets;
        let cells = inner_folds::of_stats(stats)?;
        let training = Moments::prefix_suffix(cells);
        let one = |k: usize| self.scores_of_moments(score, &cells[k], &training[k], targets);
        let folds: Vec<Result<Vec<f64>, Unfit>> = if stats.features.len() >= PARALLEL_FEATURES {
            (0..cells.len()).into_par_iter().map(one).collect()
        } else {
            (0..cells.len()).map(one).collect()
        };
        let folds = folds.into_iter().collect::<Result<Vec<_>, Unfit>>()?;
        let mean = |k: usize| folds.iter().map(|scores| scores[k] / folds.len() as f64).sum::<f64>();
        let scores: Vec<Vec<f64>> = (0..self.alphas.0.len()).map(|k| vec![mean(k)]).collect();
        self.fit_best(&scores, stats)
    }

    /// The fit of the best alphas by these scores from the moments of all training rows.
    pub(super) fn fit_best(&self, scores: &[Vec<f64>], stats: &Stats) -> Result<FittedRidgeCV, Unfit> {
        // For each target, or for all together.
        let (alpha, score): (Vec<f64>, Vec<f64>) = (0..scores[0].len()).map(|t| self.best(scores, t)).unzip();
        let fit = |alpha: &f64| {
            let fit = Ridge::fit_stats(&[&self.ridge(*alpha)], stats).pop();
            fit.unwrap_or_else(|| Err(Code::Bug.error("no fit of one candidate").into()))
        };
        let fits: Vec<FittedRegression> = alpha.iter().map(fit).collect::<Result<_, Unfit>>()?;
        let fit = FittedRegression::of_each_target(fits);
        Ok(fit.telling(|quality| Best { quality, alpha, score }))
    }

    /// The scores of a fold for each alpha.
    fn scores_of_moments(
        &self,
        score: MomentScore,
        cell: &Moments,
        training: &Moments,
        targets: usize,
    ) -> Result<Vec<f64>, Unfit> {
        if self.alphas.0.contains(&0.0) {
            return Err(Unfit::Rows("`alpha` 0 is least squares: QR of the rows".into()));
        }
        let held_out = Quadratic::new(cell, targets, true);
        let one = |solution: Solution| {
            if solution.condition > GREATEST_CONDITION {
                return Err(ordinary::too_ill(solution.condition, GREATEST_CONDITION));
            }
            score.of(&held_out, cell, &solution)
        };
        ridge(training, targets, &self.alphas.0, self.fit_intercept)?.into_iter().map(one).collect()
    }

    /// Whether every target has an alpha of its own.
    pub(super) fn by_target(&self, targets: usize) -> bool {
        self.alpha_per_target && targets > 1
    }

    /// For each alpha the score of the rows, each left out in turn; one, or one a target.
    fn scores_left_out(&self, rows: &Gathered) -> Result<Vec<Vec<f64>>> {
        let alphas = &self.alphas.0;
        let weight = rows.weight.as_deref();
        let least = alphas.iter().copied().fold(f64::INFINITY, f64::min);
        let all = LeaveOneOut::new(&rows.x, &rows.y, weight, least, self.fit_intercept)?;
        let (n, targets) = (rows.y.rows(), rows.y.columns());
        let root = |i: usize| weight.map_or(1.0, |weight| weight[i].sqrt());
        let score = |alpha: &f64| {
            let residuals = all.residuals(*alpha);
            let Some(Scoring(metric)) = self.scoring else {
                let loss = |t: usize| residuals.column(t).iter().map(|r| r * r).sum::<f64>() / n as f64;
                let losses: Vec<f64> = (0..targets).map(|t| -loss(t)).collect();
                let mean = losses.iter().sum::<f64>() / targets as f64;
                return Ok(if self.by_target(targets) { losses } else { vec![mean] });
            };
            // A row without weight has no say.
            let value = |i: usize, t: usize| match root(i) {
                0.0 => rows.y[(i, t)],
                root => rows.y[(i, t)] - residuals[(i, t)] / root,
            };
            if !self.by_target(targets) {
                let values = Matrix::from_fn(n, targets, value);
                return Ok(vec![scored(metric, &rows.y, values, weight)?]);
            }
            let one = |t: usize| {
                let y = Matrix::from_columns(n, 1, rows.y.column(t).to_vec());
                scored(metric, &y, Matrix::from_fn(n, 1, |i, _| value(i, t)), weight)
            };
            (0..targets).map(one).collect()
        };
        alphas.iter().map(score).collect()
    }

    /// For each alpha the mean of the folds' weighted scores.
    fn scores_of_folds(&self, rows: &Gathered, folds: &[Fold]) -> Result<Vec<Vec<f64>>> {
        let metric = self.scoring.map_or_else(|| metrics::default_for(Task::Regression), |scoring| scoring.0);
        let cells = inner_folds::cells(folds, &rows.x, &rows.y, rows.weight.as_deref())?;
        let unshifted = vec![0.0; rows.x.columns()];
        let mut means = vec![vec![0.0]; self.alphas.0.len()];
        for (fold, training) in folds.iter().zip(Moments::prefix_suffix(&cells)) {
            let columns: Vec<Vec<f64>> =
                (0..rows.x.columns()).map(|j| fold.test.gather(rows.x.column(j))).collect();
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let y = gathered(&rows.y, fold.test.iter());
            let weight = rows.weight.as_ref().map(|weight| fold.test.gather(weight));
            for (mean, solution) in means.iter_mut().zip(self.solutions(rows, fold, &training)?) {
                let values =
                    linear_many(fold.test.len(), &columns, &unshifted, &solution.coef, &solution.intercept);
                mean[0] += scored(metric, &y, values, weight.as_deref())? / folds.len() as f64;
            }
        }
        Ok(means)
    }

    /// A fit of the training rows of a fold for each alpha: from their moments, and where these have too few digits from the rows.
    fn solutions(&self, rows: &Gathered, fold: &Fold, training: &Moments) -> Result<Vec<Solution>> {
        let alphas = &self.alphas.0;
        let finite = training.gram.values().iter().all(|value| value.is_finite());
        let path =
            finite.then(|| ridge(training, rows.y.columns(), alphas, self.fit_intercept)).transpose()?;
        let trusted = |k: usize| {
            let found = path.as_ref().map(|path| &path[k])?;
            (alphas[k] > 0.0 && found.condition <= GREATEST_CONDITION).then(|| found.clone())
        };
        let mut own: Option<Gathered> = None;
        let solution = |k: usize| match trusted(k) {
            Some(solution) => Ok(solution),
            None => {
                let own = own.get_or_insert_with(|| Gathered {
                    x: gathered(&rows.x, fold.train.iter()),
                    y: gathered(&rows.y, fold.train.iter()),
                    weight: rows.weight.as_ref().map(|weight| fold.train.gather(weight)),
                });
                ridge_rows(&own.x, &own.y, own.weight.as_deref(), alphas[k], self.fit_intercept)
            }
        };
        (0..alphas.len()).map(solution).collect()
    }
}

/// Some rows of a matrix.
fn gathered(all: &Matrix, rows: impl Iterator<Item = u32>) -> Matrix {
    let rows: Vec<usize> = rows.map(|row| row as usize).collect();
    Matrix::from_fn(rows.len(), all.columns(), |i, j| all[(rows[i], j)])
}

/// The score of some values.
fn scored(metric: &Metric, y: &Matrix, values: Matrix, weight: Option<&[f64]>) -> Result<f64> {
    match (metric.score)(&Target::Values(y.clone()), &Prediction::Values(values), weight) {
        Score::Value(score) | Score::Convention(score, _) => Ok(score),
        Score::Undefined(why) => {
            let message = format!("`{}` is undefined in an inner fold: {why}", metric.name);
            Err(Code::FitFailed
                .error(message)
                .help("use fewer folds in the model's `cv`, or another `scoring`"))
        }
    }
}
