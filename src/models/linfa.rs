//! The two ways between pipefit and linfa, both by a copy of the rows: linfa's LinearRegression as a
//! solver here, and every model here as a linfa estimator.

use std::marker::PhantomData;
use std::sync::Arc;

use linfa::dataset::{AsTargets, DatasetBase};
use linfa::traits::{Fit, PredictInplace};
use linfa_linear::LinearError;
use ndarray::{Array1, Array2, ArrayBase, Data, Ix2};

use crate::contract::erased::{AnyFittedModel, AnyModel};
use crate::contract::{Block, Frame, Linear, Prediction, Rng, Train};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;
use crate::table::{Levels, Rows, Target};

/// Any model of pipefit as an estimator of linfa: its `fit` takes a linfa dataset, and what it gives
/// predicts as linfa's models do. Records are copied column by column, weights are taken along.
///
/// Targets are `Array1<f64>`, `Array2<f64>` (several targets) or `Array1<usize>` (classes).
///
/// ```
/// use linfa::traits::{Fit, Predict};
/// use ndarray::array;
/// use pipefit::models::{linfa::ForLinfa, ridge::Ridge};
///
/// let data = linfa::Dataset::new(array![[0.0], [1.0], [2.0]], array![1.0, 3.0, 5.0]);
/// let model = ForLinfa::new(Ridge { alpha: 0.0, ..Ridge::default() });
/// let fitted = model.fit(&data)?;
/// let values = fitted.predict(&array![[3.0]]);
/// assert!((values[0] - 7.0).abs() < 1e-12);
/// # Ok::<(), pipefit::diag::Diagnostic>(())
/// ```
pub struct ForLinfa {
    model: Box<dyn AnyModel>,
    seed: u32,
}

impl ForLinfa {
    /// A model with its parameters, drawing from the random stream of seed 0.
    pub fn new(model: impl AnyModel) -> Self {
        Self { model: Box::new(model), seed: 0 }
    }

    /// A model from the list, as [`named`](super::named) makes it.
    pub fn boxed(model: Box<dyn AnyModel>) -> Self {
        Self { model, seed: 0 }
    }

    /// The seed of its random stream.
    pub fn with_seed(self, seed: u32) -> Self {
        Self { seed, ..self }
    }
}

/// A model fitted on a linfa dataset with targets `T`.
pub struct FittedForLinfa<T: LinfaTarget> {
    fitted: Box<dyn AnyFittedModel>,
    classes: T::Classes,
    targets: PhantomData<fn() -> T>,
}

impl<T: LinfaTarget> FittedForLinfa<T> {
    /// The fitted model itself.
    pub fn model(&self) -> &dyn AnyFittedModel {
        &*self.fitted
    }

    /// The predictions of some records; linfa's `predict` without its panic.
    ///
    /// # Errors
    /// As [`FittedModel::predict`](crate::contract::FittedModel::predict).
    pub fn try_predict<D: Data<Elem = f64>>(&self, records: &ArrayBase<D, Ix2>) -> Result<T> {
        let prediction = self.fitted.predict(&frame(records, &[]))?;
        T::of(prediction, &self.classes)
            .ok_or_else(|| Code::Bug.error("a prediction of another kind than the target"))
    }
}

impl<D: Data<Elem = f64>, T: LinfaTarget> Fit<ArrayBase<D, Ix2>, T, Diagnostic> for ForLinfa {
    type Object = FittedForLinfa<T>;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Self::Object> {
        let records = dataset.records();
        let rows = records.nrows();
        let (target, classes) = dataset.targets().target();
        let weights =
            dataset.weights().map(|weights| weights.iter().map(|w| f64::from(*w)).collect::<Vec<_>>());
        if target.rows() != rows || weights.as_ref().is_some_and(|weights| weights.len() != rows) {
            let message = format!("{rows} records do not fit {} targets or their weights", target.rows());
            return Err(Code::EmptyData.error(message));
        }
        if weights.is_some() && !self.model.takes_weights() {
            return Err(Code::BadWeight.error(format!("{} takes no weights", self.model.name())));
        }
        let frame = frame(records, dataset.feature_names());
        let rows = Rows::all(rows);
        let train = Train { x: &frame, y: Some(&target), weight: weights.as_deref(), rows: &rows };
        let fitted = self.model.fit(&train, &mut Rng::seeded(self.seed))?;
        Ok(FittedForLinfa { fitted, classes, targets: PhantomData })
    }
}

impl<D: Data<Elem = f64>, T: LinfaTarget> PredictInplace<ArrayBase<D, Ix2>, T> for FittedForLinfa<T> {
    /// # Panics
    /// Where a record cannot be predicted, since this trait of linfa has no error: use
    /// [`FittedForLinfa::try_predict`] for records that may be unusable.
    fn predict_inplace<'a>(&'a self, records: &'a ArrayBase<D, Ix2>, targets: &mut T) {
        match self.try_predict(records) {
            Ok(predicted) => *targets = predicted,
            Err(error) => panic!("{error}"),
        }
    }

    fn default_target(&self, records: &ArrayBase<D, Ix2>) -> T {
        T::empty(records.nrows())
    }
}

/// Targets of a linfa dataset that a model of pipefit can learn.
pub trait LinfaTarget: AsTargets + Sized {
    /// What turns codes back into classes.
    type Classes;
    /// The same as a target of pipefit.
    fn target(&self) -> (Target, Self::Classes);
    /// A prediction in the same form; `None` when it is of another kind.
    fn of(prediction: Prediction, classes: &Self::Classes) -> Option<Self>;
    /// What linfa writes predictions over.
    fn empty(rows: usize) -> Self;
}

impl LinfaTarget for Array1<f64> {
    type Classes = ();

    fn target(&self) -> (Target, ()) {
        (Target::Values(Matrix::from_columns(self.len(), 1, self.to_vec())), ())
    }

    fn of(prediction: Prediction, (): &()) -> Option<Self> {
        let Prediction::Values(values) = prediction else { return None };
        (values.columns() == 1).then(|| Array1::from(values.column(0).to_vec()))
    }

    fn empty(rows: usize) -> Self {
        Array1::zeros(rows)
    }
}

impl LinfaTarget for Array2<f64> {
    type Classes = ();

    fn target(&self) -> (Target, ()) {
        (Target::Values(Matrix::from_fn(self.nrows(), self.ncols(), |i, j| self[(i, j)])), ())
    }

    fn of(prediction: Prediction, (): &()) -> Option<Self> {
        let Prediction::Values(values) = prediction else { return None };
        Some(Array2::from_shape_fn((values.rows(), values.columns()), |cell| values[cell]))
    }

    fn empty(rows: usize) -> Self {
        Array2::zeros((rows, 0))
    }
}

impl LinfaTarget for Array1<usize> {
    /// The classes, ascending: a code is a place among them.
    type Classes = Vec<usize>;

    fn target(&self) -> (Target, Vec<usize>) {
        let mut classes = self.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let code = |class: &usize| classes.partition_point(|known| known < class) as u32;
        let codes = self.iter().map(code).collect();
        let labels = Levels::new(classes.iter().map(usize::to_string).collect(), true);
        (Target::Classes { codes, labels: Arc::new(labels) }, classes)
    }

    fn of(prediction: Prediction, classes: &Vec<usize>) -> Option<Self> {
        let Prediction::Classes { codes, .. } = prediction else { return None };
        codes.iter().map(|code| classes.get(*code as usize).copied()).collect()
    }

    fn empty(rows: usize) -> Self {
        Array1::zeros(rows)
    }
}

/// So that linfa's own errors can become ours, as its traits ask.
impl From<linfa::Error> for Diagnostic {
    fn from(error: linfa::Error) -> Self {
        Code::FitFailed.error(format!("linfa: {error}"))
    }
}

/// Records as a frame, by a copy; features without a name get linfa's `feature-0`, `feature-1`.
fn frame<D: Data<Elem = f64>>(records: &ArrayBase<D, Ix2>, names: &[String]) -> Frame {
    let block = |(j, column): (usize, ndarray::ArrayView1<f64>)| Block::Number {
        name: names.get(j).map_or_else(|| format!("feature-{j}").into(), |name| name.as_str().into()),
        values: column.iter().copied().collect(),
    };
    Frame::new(records.nrows(), records.columns().into_iter().enumerate().map(block).collect())
}

/// Ordinary least squares by linfa-linear: Householder QR of [X 1] without pivoting or scaling, one
/// fit a target, on a copy of the rows. Dependent columns are its weak spot: they may get
/// coefficients of 1e12 without a word. With fewer rows than columns its solution is that of least
/// norm with the intercept counted in, which is not scikit-learn's.
///
/// # Errors
/// `FitFailed` where linfa fails: it meets a zero on the diagonal.
pub(super) fn least_squares(x: &Matrix, y: &Matrix, fit_intercept: bool) -> Result<Linear> {
    let mut form = Linear { coef: Matrix::zeros(x.columns(), y.columns()), intercept: Vec::new() };
    let model = linfa_linear::LinearRegression::new().with_intercept(fit_intercept);
    let mut records = Array2::from_shape_fn((x.rows(), x.columns()), |cell| x[cell]);
    for t in 0..y.columns() {
        let dataset = DatasetBase::new(records, Array1::from(y.column(t).to_vec()));
        let fitted = model.fit(&dataset).map_err(failed)?;
        form.coef.column_mut(t).iter_mut().zip(fitted.params()).for_each(|(into, from)| *into = *from);
        form.intercept.push(fitted.intercept());
        records = dataset.records;
    }
    Ok(form)
}

fn failed(error: LinearError<f64>) -> Diagnostic {
    Code::FitFailed
        .error(format!("linfa's LinearRegression failed: {error}"))
        .help("`solver: auto` takes any columns, also dependent ones and more columns than rows")
}

#[cfg(test)]
mod tests {
    use linfa::traits::Predict;
    use ndarray::array;

    use super::*;
    use crate::models::dummy_classifier::DummyClassifier;
    use crate::models::linear_regression::{LeastSquaresSolver, LinearRegression};

    fn noise(i: usize, j: usize) -> f64 {
        ((i * 7919 + j * 104_729 + i * i * 31 * (j + 1)) % 1009) as f64 / 1009.0 - 0.5
    }

    fn dataset(x: impl Fn(usize, usize) -> f64) -> linfa::Dataset<f64, f64, ndarray::Ix1> {
        let y = Array1::from_shape_fn(40, |i| x(i, 0) * 2.0 - x(i, 2) + noise(i, 9) + 5.0);
        linfa::Dataset::new(Array2::from_shape_fn((40, 3), |(i, j)| x(i, j)), y)
    }

    #[test]
    fn the_solver_of_linfa_agrees_on_easy_columns() {
        let data = dataset(|i, j| noise(i, j) * (j + 1) as f64 + 2.0);
        for fit_intercept in [true, false] {
            let with = |solver| LinearRegression { fit_intercept, solver, ..LinearRegression::default() };
            let ours = ForLinfa::new(with(LeastSquaresSolver::Auto)).fit(&data).unwrap().predict(&data);
            let theirs = ForLinfa::new(with(LeastSquaresSolver::Linfa)).fit(&data).unwrap().predict(&data);
            let own = linfa_linear::LinearRegression::new().with_intercept(fit_intercept).fit(&data).unwrap();
            for ((a, b), c) in ours.iter().zip(&theirs).zip(&own.predict(&data)) {
                assert!((a - b).abs() < 1e-9 && (b - c).abs() < 1e-12, "{a} {b} {c}");
            }
        }
    }

    /// Why it is a cross-check only: linfa-linear looks for an exact zero alone.
    #[test]
    fn the_solver_of_linfa_does_not_see_dependent_columns() {
        let greatest = |x: &dyn Fn(usize, usize) -> f64, solver| {
            let model = LinearRegression { solver, ..LinearRegression::default() };
            let coef =
                ForLinfa::new(model).fit(&dataset(x)).map(|fitted| fitted.model().facts().coef.unwrap());
            coef.map(|coef| coef.values().iter().fold(0.0, |a: f64, b| a.max(b.abs())))
        };
        let multiple = |i: usize, j: usize| if j == 1 { noise(i, 0) * 3.0 } else { noise(i, j) };
        let zero = |i: usize, j: usize| if j == 1 { 0.0 } else { noise(i, j) };
        assert!(greatest(&multiple, LeastSquaresSolver::Linfa).unwrap() > 1e10);
        let error = greatest(&zero, LeastSquaresSolver::Linfa).unwrap_err();
        assert_eq!(error.code(), Code::FitFailed);
        for x in [&multiple as &dyn Fn(usize, usize) -> f64, &zero] {
            assert!(greatest(x, LeastSquaresSolver::Auto).unwrap() < 10.0);
        }
    }

    #[test]
    fn classes_and_several_targets_come_back_as_they_went() {
        let records = array![[0.0], [1.0], [2.0], [3.0]];
        let classes = DatasetBase::new(records.clone(), array![10usize, 9, 10, 9]);
        let weighted = classes.with_weights(array![1.0f32, 2.0, 1.0, 1.0]);
        let dummy = ForLinfa::new(DummyClassifier::default()).fit(&weighted).unwrap();
        assert_eq!(dummy.try_predict(&records).unwrap(), array![9usize, 9, 9, 9]);

        let lines =
            DatasetBase::new(records.clone(), array![[1.0, 0.0], [2.0, -2.0], [3.0, -4.0], [4.0, -6.0]]);
        let fitted =
            ForLinfa::boxed(super::super::named("LinearRegression").unwrap().make()).fit(&lines).unwrap();
        let values: Array2<f64> = fitted.predict(&array![[10.0]]);
        assert!((values[(0, 0)] - 11.0).abs() < 1e-12 && (values[(0, 1)] + 20.0).abs() < 1e-12, "{values}");
    }

    #[test]
    fn errors_come_through() {
        let data = DatasetBase::new(array![[f64::NAN]], array![1.0]);
        let error = ForLinfa::new(LinearRegression::default()).fit(&data).err().unwrap();
        assert_eq!(error.code(), Code::BadCell);
    }
}
