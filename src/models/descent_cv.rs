//! The penalty that does best in folds of the training rows: what LassoCV and ElasticNetCV share.

use rayon::prelude::*;

use super::fitted_regression::{FittedLinear, Quality, Told};
use super::inner_folds::{self, InnerFolds};
use super::ordinary;
use super::penalized::{self, Candidate, Descended};
use super::training::{self, Gathered};
use crate::contract::{Fault, Fold, ParamValue, Stats, Train, Unfit, Value};
use crate::diag::{Code, Result};
use crate::linalg::{Descent, Moments, Penalty, Quadratic, linear};

/// Below this many multiplications a thread pool costs more than it saves.
const PARALLEL_WORK: usize = 1_000_000;

/// An error smaller than this share of the target's square has lost too many digits in moments.
const LEAST_ERROR: f64 = 1e-6;

/// `numpy.finfo(float).resolution`: where no penalty is needed to leave every coefficient at 0, scikit-learn tries this alone.
const RESOLUTION: f64 = 1e-15;

/// `alphas` of LassoCV and ElasticNetCV.
#[derive(Clone, Debug, PartialEq)]
pub enum PathAlphas {
    /// So many, from the data: equal ratios from the least penalty that leaves every coefficient at 0 down to `eps` of it.
    Count(usize),
    /// These.
    Listed(Vec<f64>),
}

impl ParamValue for PathAlphas {
    fn kind() -> String {
        "a whole number from 1, or a list of numbers from 0".into()
    }

    fn read(value: &Value) -> Option<Self> {
        let alpha = |value: &Value| value.number().filter(|alpha| *alpha >= 0.0 && alpha.is_finite());
        match value {
            Value::Int(count) => usize::try_from(*count).ok().filter(|count| *count > 0).map(Self::Count),
            Value::List(items) if !items.is_empty() => {
                items.iter().map(alpha).collect::<Option<_>>().map(Self::Listed)
            }
            _ => None,
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Count(count) => Value::Int(*count as i64),
            Self::Listed(alphas) => Value::List(alphas.iter().map(|alpha| Value::Float(*alpha)).collect()),
        }
    }
}

/// What LassoCV and ElasticNetCV learn.
pub type FittedPath = FittedLinear<Chosen>;

/// Which penalty was chosen, and among what.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// How the problem of the chosen penalty was solved.
    descended: Descended,
    /// `alpha_`.
    alpha: f64,
    /// `l1_ratio_`, where the model has one.
    l1_ratio: Option<f64>,
    /// `alphas_`, for each `l1_ratio`.
    alphas: Vec<Vec<f64>>,
    /// `mse_path_`, the mean over the folds: for each `l1_ratio`, an error for each of its alphas.
    errors: Vec<Vec<f64>>,
}

impl Told for Chosen {
    const KEY: &'static str = "path";

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let one_or_all = |all: &[Vec<f64>]| match all {
            [one] => serde_json::json!(one),
            all => serde_json::json!(all),
        };
        let mut facts = vec![("alpha", serde_json::json!(self.alpha))];
        facts.extend(self.l1_ratio.map(|ratio| ("l1_ratio", serde_json::json!(ratio))));
        facts.extend(self.descended.facts());
        facts.push(("alphas", one_or_all(&self.alphas)));
        facts.push(("mse_path", one_or_all(&self.errors)));
        facts
    }

    fn quality(&self) -> &Quality {
        self.descended.quality()
    }
}

/// The error of some coefficients and an intercept on the rows of a fold.
type RowsError<'a> = dyn Fn(usize, &[f64], f64) -> f64 + Sync + 'a;

/// A choice to be made.
pub(super) struct PathSearch<'a> {
    pub(super) model: &'static str,
    pub(super) l1_ratios: &'a [f64],
    /// Whether the ratio is something to tell.
    pub(super) tell_ratio: bool,
    pub(super) eps: f64,
    pub(super) alphas: &'a PathAlphas,
    pub(super) fit_intercept: bool,
    pub(super) positive: bool,
    pub(super) cv: &'a InnerFolds,
}

impl PathSearch<'_> {
    /// What is wrong between the parameters.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.l1_ratios.is_empty() || self.l1_ratios.iter().any(|ratio| !(0.0..=1.0).contains(ratio)) {
            faults.push(Fault::of("l1_ratio", "`l1_ratio` is a number from 0 to 1, or a list of such"));
        } else if self.l1_ratios.contains(&0.0) && matches!(self.alphas, PathAlphas::Count(_)) {
            let fault =
                Fault::of("alphas", "`l1_ratio: 0` leaves no coefficient at 0, so no alphas follow from it");
            faults.push(fault.help("list `alphas`, or use `RidgeCV`"));
        }
        faults
    }

    /// Fits from training rows. Their moments are made once, cut into the folds; what has too few digits there comes
    /// from the rows.
    pub(super) fn fit(&self, train: &Train) -> Result<FittedPath> {
        let rows = Gathered::of(train, self.model)?;
        training::features(train, self.model)?;
        self.one_target(rows.y.columns())?;
        let folds = self.cv.cut(train.rows.len())?;
        let weight = rows.weight.as_deref();
        let cells = inner_folds::cells(&folds, &rows.x, &rows.y, weight)?;
        let error =
            |fold: usize, coef: &[f64], intercept: f64| error_of_rows(&rows, &folds[fold], coef, intercept);
        let (candidate, tell) = match self.choose(&cells, Some(&error)) {
            Ok(chosen) => chosen,
            Err(Unfit::Failed(error)) => return Err(error),
            Err(Unfit::Rows(why)) => return Err(Code::Bug.error(why)),
        };
        let fit = match self.fit_whole(candidate, &cells) {
            Ok(fit) => fit,
            Err(Unfit::Rows(_)) => candidate.fit_rows(&rows, train.x, self.model)?,
            Err(Unfit::Failed(error)) => return Err(error),
        };
        Ok(fit.telling(tell))
    }

    /// Fits from the moments of every inner fold's own rows.
    ///
    /// # Errors
    /// `Rows` where moments have too few digits, or the folds were not cut; `BadTarget` for several targets, `BadWeight` for a
    /// fold without weight.
    pub(super) fn fit_stats(&self, stats: &Stats) -> Result<FittedPath, Unfit> {
        let joint = ordinary::joint(stats, self.model)?;
        self.one_target(joint.targets)?;
        let cells = inner_folds::of_stats(stats)?;
        let (candidate, tell) = self.choose(cells, None)?;
        Ok(self.fit_whole(candidate, cells)?.telling(tell))
    }

    fn one_target(&self, targets: usize) -> Result<()> {
        if targets == 1 {
            return Ok(());
        }
        let message = format!("{} learns one target, and there are {targets}", self.model);
        Err(Code::BadTarget.error(message).help("use `Lasso` or `ElasticNet`, and search `alpha`"))
    }

    fn fit_whole(&self, candidate: Candidate, cells: &[Moments]) -> Result<FittedLinear<Descended>, Unfit> {
        let fit = penalized::from_moments(&[candidate], &whole(cells), 1, self.model).pop();
        fit.unwrap_or_else(|| Err(Code::Bug.error("no fit of one candidate").into()))
    }

    /// The penalty with the least mean error over the folds, the first among equals; and how to tell of it.
    fn choose(
        &self,
        cells: &[Moments],
        rows: Option<&RowsError>,
    ) -> Result<(Candidate, impl FnOnce(Descended) -> Chosen + use<>), Unfit> {
        let all = whole(cells);
        if !all.gram.values().iter().chain(&all.mean).all(|value| value.is_finite()) {
            let error = Code::NotFinite.error("the squares of the features or of the target overflow");
            return Err(error.help("scale the features").into());
        }
        let alphas = self.grids(&all);
        let training = Moments::prefix_suffix(cells);
        let jobs: Vec<(usize, usize)> =
            (0..alphas.len()).flat_map(|ratio| (0..cells.len()).map(move |fold| (ratio, fold))).collect();
        let job = |&(ratio, fold): &(usize, usize)| {
            let rows = rows.map(|rows| move |coef: &[f64], intercept: f64| rows(fold, coef, intercept));
            self.errors(self.l1_ratios[ratio], &alphas[ratio], &training[fold], &cells[fold], rows)
        };
        let features = all.columns() - 1;
        let work = features * features * alphas[0].len() * jobs.len();
        let errors: Vec<Result<Vec<f64>, Unfit>> = if work > PARALLEL_WORK {
            jobs.par_iter().map(job).collect()
        } else {
            jobs.iter().map(job).collect()
        };
        let errors = errors.into_iter().collect::<Result<Vec<_>, Unfit>>()?;
        let mean = |folds: &[Vec<f64>]| -> Vec<f64> {
            let sum = |k: usize| folds.iter().map(|errors| errors[k]).sum::<f64>();
            (0..folds[0].len()).map(|k| sum(k) / folds.len() as f64).collect()
        };
        let errors: Vec<Vec<f64>> = errors.chunks(cells.len()).map(mean).collect();
        let mut best = (f64::INFINITY, 0, 0);
        for (ratio, errors) in errors.iter().enumerate() {
            for (k, error) in errors.iter().enumerate() {
                if *error < best.0 {
                    best = (*error, ratio, k);
                }
            }
        }
        let (alpha, l1_ratio) = (alphas[best.1][best.2], self.l1_ratios[best.1]);
        let Self { fit_intercept, positive, tell_ratio, .. } = *self;
        let l1_ratio_told = tell_ratio.then_some(l1_ratio);
        let tell = move |descended| Chosen { descended, alpha, l1_ratio: l1_ratio_told, alphas, errors };
        Ok((Candidate { alpha, l1_ratio, fit_intercept, positive }, tell))
    }

    /// The alphas for each ratio, from strong to weak: from all rows, as scikit-learn.
    fn grids(&self, all: &Moments) -> Vec<Vec<f64>> {
        match self.alphas {
            PathAlphas::Listed(alphas) => {
                let mut alphas = alphas.clone();
                alphas.sort_by(|a, b| b.total_cmp(a));
                vec![alphas; self.l1_ratios.len()]
            }
            PathAlphas::Count(count) => {
                let greatest = Quadratic::new(all, 1, self.fit_intercept).greatest_l1(0, self.positive);
                self.l1_ratios.iter().map(|ratio| geometric(greatest / ratio, self.eps, *count)).collect()
            }
        }
    }

    /// The error in one fold for each of the alphas, of models of the other rows.
    fn errors(
        &self,
        l1_ratio: f64,
        alphas: &[f64],
        training: &Moments,
        cell: &Moments,
        rows: Option<impl Fn(&[f64], f64) -> f64>,
    ) -> Result<Vec<f64>, Unfit> {
        let problem = Quadratic::new(training, 1, self.fit_intercept);
        // Errors are about the fold's own means; how far these lie from the intercept's is a square by itself.
        let held_out = Quadratic::new(cell, 1, true);
        let p = problem.columns();
        let mut descent = Descent::new(&problem, 0);
        let error = |&alpha: &f64| {
            descent.solve(Penalty::new(alpha, l1_ratio, self.positive));
            let coef = descent.coef();
            let intercept = if self.fit_intercept { linear_at(&training.mean, p, coef) } else { 0.0 };
            let error = held_out.error(0, coef, linear_at(&cell.mean, p, coef) - intercept);
            if error >= LEAST_ERROR * held_out.square(0) || held_out.square(0) == 0.0 {
                return Ok(error);
            }
            match &rows {
                Some(rows) => Ok(rows(coef, intercept)),
                None => Err(Unfit::Rows(format!(
                    "the errors are below {LEAST_ERROR:.0e} of the target's square: from the rows"
                ))),
            }
        };
        alphas.iter().map(error).collect()
    }
}

/// The mean of the target less that of the features times `coef`.
fn linear_at(mean: &[f64], p: usize, coef: &[f64]) -> f64 {
    mean[p] - crate::linalg::dot(&mean[..p], coef)
}

/// The moments of all rows.
fn whole(cells: &[Moments]) -> Moments {
    let mut all = Moments::zero(cells.first().map_or(0, Moments::columns));
    cells.iter().for_each(|cell| all.merge(cell));
    all
}

/// `numpy.geomspace(greatest, greatest * eps, count)`.
fn geometric(greatest: f64, eps: f64, count: usize) -> Vec<f64> {
    if greatest <= RESOLUTION {
        return vec![RESOLUTION; count];
    }
    let (first, last) = (greatest.log10(), (greatest * eps).log10());
    let step = (last - first) / (count.max(2) - 1) as f64;
    let inner = |k: usize| match k {
        0 => greatest,
        k if k + 1 == count => greatest * eps,
        k => 10f64.powf(first + k as f64 * step),
    };
    (0..count).map(inner).collect()
}

/// The weighted mean squared error on the rows of a fold.
fn error_of_rows(rows: &Gathered, fold: &Fold, coef: &[f64], intercept: f64) -> f64 {
    let active: Vec<usize> = (0..coef.len()).filter(|&j| coef[j] != 0.0).collect();
    let columns: Vec<Vec<f64>> = active.iter().map(|&j| fold.test.gather(rows.x.column(j))).collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let coef: Vec<f64> = active.iter().map(|&j| coef[j]).collect();
    let y = fold.test.gather(rows.y.column(0));
    let mut values = linear(&columns, &coef, intercept);
    values.resize(y.len(), intercept);
    let weight = rows.weight.as_ref().map_or_else(|| vec![1.0; y.len()], |weight| fold.test.gather(weight));
    let squares: f64 = values.iter().zip(&y).zip(&weight).map(|((v, y), w)| w * (v - y).powi(2)).sum();
    squares / weight.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::super::lasso_cv::LassoCV;
    use super::*;
    use crate::contract::{Block, FittedModel, Frame, Model, Rng};
    use crate::linalg::Matrix;
    use crate::table::{Rows, Target};

    fn noise(i: usize, j: usize) -> f64 {
        ((i * 7919 + j * 104_729 + i * i * 31 * (j + 1)) % 1009) as f64 / 1009.0 - 0.5
    }

    /// A table of 90 rows and 6 columns, with a share of noise in the target; the fit from its rows and from its cells.
    fn both(share: f64, eps: f64) -> (FittedPath, Result<FittedPath, Unfit>) {
        let x = Matrix::from_fn(90, 6, |i, j| noise(i, j) * (j + 1) as f64 + 5.0);
        let y = Matrix::from_fn(90, 1, |i, _| x[(i, 0)] - 0.5 * x[(i, 4)] + share * noise(i, 50));
        let weight: Vec<f64> = (0..90).map(|i| 0.5 + (i % 3) as f64).collect();
        let block =
            |j: usize| Block::Number { name: format!("x{j}").into(), values: x.column(j).to_vec().into() };
        let frame = Frame::new(90, (0..6).map(block).collect());
        let target = Target::Values(y.clone());
        let train = Train { x: &frame, y: Some(&target), weight: Some(&weight), rows: &Rows::all(90) };
        let model = LassoCV { eps, alphas: PathAlphas::Count(30), ..LassoCV::default() };
        let folds = InnerFolds::five().cut(90).unwrap();
        let cells = inner_folds::cells(&folds, &x, &y, Some(&weight)).unwrap();
        let stats = Stats { inner: cells, ..Stats::of(&train, Model::needs(&model)).unwrap() };
        let from_stats = LassoCV::fit_stats(&[&model], &stats).remove(0);
        (Model::fit(&model, &train, &mut Rng::seeded(0)).unwrap(), from_stats)
    }

    #[test]
    fn rows_and_moments_choose_alike() {
        let (rows, moments) = both(0.3, 1e-3);
        assert_eq!(rows.facts(), moments.unwrap().facts());
    }

    #[test]
    fn errors_of_a_near_perfect_fit_come_from_the_rows() {
        let (rows, moments) = both(0.0, 1e-6);
        assert!(matches!(moments, Err(Unfit::Rows(why)) if why.contains("below 1e-6")));
        let facts = rows.facts();
        let errors = &facts.more.iter().find(|(name, _)| *name == "mse_path").unwrap().1;
        let errors: Vec<f64> =
            errors.as_array().unwrap().iter().map(|error| error.as_f64().unwrap()).collect();
        assert!(errors.is_sorted_by(|a, b| a >= b) && errors[29] > 0.0, "{errors:?}");
    }

    #[test]
    fn parameters_read_what_they_write() {
        for value in [Value::Int(7), Value::List(vec![Value::Float(0.5), Value::Float(0.0)])] {
            assert_eq!(PathAlphas::read(&value).map(|alphas| alphas.value()), Some(value));
        }
        for value in
            [Value::Int(0), Value::Float(3.5), Value::List(vec![]), Value::List(vec![Value::Float(-1.0)])]
        {
            assert_eq!(PathAlphas::read(&value), None, "{value}");
        }
    }

    #[test]
    fn alphas_fall_in_equal_ratios() {
        // numpy.geomspace(2.0, 2e-3, 4)
        let alphas = geometric(2.0, 1e-3, 4);
        for (alpha, expected) in alphas.iter().zip([2.0, 0.2, 0.02, 0.002]) {
            assert!((alpha - expected).abs() <= 1e-15 * expected, "{alpha}");
        }
        assert_eq!(geometric(3.0, 1e-3, 1), [3.0]);
        assert_eq!(geometric(1e-16, 1e-3, 2), [1e-15, 1e-15]);
    }
}
