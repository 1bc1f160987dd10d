//! `sklearn.linear_model.LogisticRegression`.

use std::sync::Arc;

use super::class_weight::ClassWeight;
use super::{linear, training};
use crate::contract::{
    Checks, Facts, Fault, FittedModel, Frame, Linear, Loader, Model, Needs, Params, Prediction, Rng, Saver,
    SharedRows, State, Task, Train, Unfit, choice, params,
};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::{Logistic, LogisticOptions, Matrix, logistic};
use crate::onnx::{Graph, Outputs, Part, Wire};
use crate::table::Levels;

choice! {
    /// scikit-learn's deprecated way to say which penalty is meant.
    pub enum Penalty {
        /// Not written: `C` and `l1_ratio` say it all.
        Unwritten = "deprecated",
        /// The sum of squared coefficients.
        L2 = "l2",
        /// The sum of absolute coefficients: refused.
        L1 = "l1",
        /// Both: refused.
        ElasticNet = "elasticnet",
    }
}

choice! {
    /// scikit-learn's solvers, all of which approach the same optimum.
    pub enum LogisticSolver {
        /// Limited-memory BFGS.
        Lbfgs = "lbfgs",
        /// LIBLINEAR's trust-region Newton method.
        Liblinear = "liblinear",
        /// Newton's method with conjugate gradients.
        NewtonCg = "newton-cg",
        /// Newton's method with a Cholesky factor of the Hessian.
        NewtonCholesky = "newton-cholesky",
        /// Stochastic average gradient.
        Sag = "sag",
        /// Its unbiased version.
        Saga = "saga",
    }
}

params! {
    /// Linear classification by the logistic loss, multinomial (a symmetric softmax) for more than two classes, with an L2
    /// penalty that leaves the intercept out. Always gives the optimum itself, to rounding: scikit-learn stops at `tol`, which by
    /// default leaves its log-loss about 1 % off. Multinomial intercepts sum to 0.
    pub struct LogisticRegression {
        /// Deprecated: `l2` is the default, and `C: .inf` stands for `penalty: null`.
        penalty: Option<Penalty> = Some(Penalty::Unwritten), Bound::Any;
        /// Inverse strength of the penalty: minimizes C times the weighted sum of log-losses plus half the sum of squared
        /// coefficients. `.inf` for no penalty.
        c as "C": f64 = 1.0, Bound::Above(0.0);
        /// Share of the L1 penalty; only 0 (or null, deprecated) is supported.
        l1_ratio: Option<f64> = Some(0.0), Bound::Within(0.0, 1.0);
        /// Accepted, and without effect: the optimum is found to rounding, whatever it says.
        tol: f64 = 1e-4, Bound::AtLeast(0.0);
        /// Add an intercept.
        fit_intercept: bool = true, Bound::Any;
        /// Weights of classes, multiplied with the rows' own: a map, or `balanced` for (total weight) / (classes * weight of
        /// the class).
        class_weight: Option<ClassWeight> = None, Bound::Any;
        /// Accepted, and without effect: all have the same optimum, which is what you get. Only `liblinear` of scikit-learn aims at another one: it
        /// penalizes the intercept too.
        solver: LogisticSolver = LogisticSolver::Lbfgs, Bound::Any;
        /// Accepted, and without effect: Newton's method takes at most 100 steps, of which it needs about ten, and a warning says if they did not do.
        max_iter: usize = 100, Bound::AtLeast(0.0);
    }
    without_effect: [
        "dual", "intercept_scaling", "max_iter", "n_jobs", "random_state", "solver", "tol", "verbose", "warm_start"
    ];
}

impl Checks for LogisticRegression {
    fn check(&self) -> Vec<Fault> {
        self.unsupported().into_iter().collect()
    }
}

impl Model for LogisticRegression {
    const TASK: Task = Task::Classification;
    const WEIGHTS: bool = true;
    type Fitted = FittedLogisticRegression;

    /// Newton's method reads the rows at every step.
    fn needs(&self) -> Needs {
        Needs::BLOCKS
    }

    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedLogisticRegression> {
        if let Some(fault) = self.unsupported() {
            return Err(Code::NotSupported.error(fault.message));
        }
        let (codes, labels) = training::classes(train, Self::NAME)?;
        let weights = self.weights(train, &codes, &labels)?;
        let x = training::design(train, Self::NAME)?;
        let (codes, present) = present(&codes, weights.as_deref(), &labels, Self::NAME)?;
        let fit = logistic(&x, &codes, present.len(), weights.as_deref(), &self.options())?;
        FittedLogisticRegression::of(labels, present, fit)
    }

    fn fit_folds(grid: &[&Self], rows: &SharedRows) -> Vec<Vec<Result<FittedLogisticRegression, Unfit>>> {
        super::logistic_folds::fit_folds(grid, rows)
    }
}

impl LogisticRegression {
    /// The L1 part of scikit-learn's penalty, if one is asked for.
    pub(super) fn unsupported(&self) -> Option<Fault> {
        const HELP: &str = "use `l1_ratio: 0`, and `C` for the strength of the L2 penalty";
        if matches!(self.penalty, Some(Penalty::L1 | Penalty::ElasticNet)) {
            let fault = Fault::of("penalty", "the L1 penalty of LogisticRegression is not supported");
            return Some(fault.help(HELP));
        }
        let some_l1 = self.l1_ratio.is_some_and(|ratio| ratio != 0.0);
        let fault = Fault::of("l1_ratio", "the L1 penalty of LogisticRegression is not supported");
        some_l1.then(|| fault.help(HELP))
    }

    /// Whether one grid can hold both.
    pub(super) fn differs_in_c_alone(&self, other: &Self) -> bool {
        self.fit_intercept == other.fit_intercept && self.class_weight == other.class_weight
    }

    /// What to minimize; `penalty: null` is an infinite `C`.
    pub(super) fn options(&self) -> LogisticOptions {
        let c = if self.penalty.is_none() { f64::INFINITY } else { self.c };
        LogisticOptions { c, fit_intercept: self.fit_intercept, ..LogisticOptions::default() }
    }

    /// The rows' weights times their classes'; `None` where all are 1.
    fn weights(&self, train: &Train, codes: &[u32], labels: &Levels) -> Result<Option<Vec<f64>>> {
        let weights = training::weights(train)?;
        let Some(class_weight) = &self.class_weight else { return Ok(weights) };
        let mut weights = weights.unwrap_or_else(|| vec![1.0; codes.len()]);
        let factors = class_weight.factors(codes, &weights, labels)?;
        weights.iter_mut().zip(codes).for_each(|(weight, code)| *weight *= factors[*code as usize]);
        Ok(Some(weights))
    }
}

/// `coef_`, `intercept_`, and the classes they are of.
#[derive(Debug)]
pub struct FittedLogisticRegression {
    /// The classes of the whole table.
    labels: Arc<Levels>,
    /// Those that training had, ascending: at least two.
    present: Vec<u32>,
    /// One output for two classes, else one a class that training had.
    form: Linear,
    iterations: usize,
    converged: bool,
}

impl FittedLogisticRegression {
    /// What a fit of the present ones among these classes has learned.
    ///
    /// # Errors
    /// `NotFinite` for a coefficient that is not.
    pub(super) fn of(labels: Arc<Levels>, present: Vec<u32>, fit: Logistic) -> Result<Self> {
        let coef = Matrix::from_fn(fit.coef.columns(), fit.coef.rows(), |j, k| fit.coef[(k, j)]);
        let form = Linear { coef, intercept: fit.intercept };
        let form = linear::finite(form, LogisticRegression::NAME)?;
        Ok(Self { labels, present, form, iterations: fit.iterations, converged: fit.converged })
    }
}

/// Codes into the classes that have rows with a weight, and those classes.
///
/// # Errors
/// `BadTarget` when there are fewer than two.
pub(super) fn present(
    codes: &[u32],
    weights: Option<&[f64]>,
    labels: &Levels,
    model: &str,
) -> Result<(Vec<u32>, Vec<u32>)> {
    let mut counts = vec![false; labels.len()];
    for (i, code) in codes.iter().enumerate() {
        counts[*code as usize] |= weights.is_none_or(|weights| weights[i] > 0.0);
    }
    let present: Vec<u32> = (0..labels.len() as u32).filter(|code| counts[*code as usize]).collect();
    match present.as_slice() {
        [] => Err(Code::BadWeight.error("the weights of all training rows are 0")),
        [only] => {
            let only = labels.label(*only).unwrap_or_default();
            let message = format!("the training rows are all of class `{only}`, and {model} needs two");
            Err(Code::FitFailed
                .error(message)
                .help("use folds that hold every class, as `StratifiedKFold` does"))
        }
        _ => {
            // A class without weight takes part in nothing: any code will do.
            let place = |code: &u32| present.binary_search(code).unwrap_or(0) as u32;
            Ok((codes.iter().map(place).collect(), present))
        }
    }
}

impl FittedModel for FittedLogisticRegression {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        Ok(self.link(linear::values(&self.form, frame)?))
    }

    fn facts(&self) -> Facts {
        let mut more = vec![
            ("iterations", serde_json::json!(self.iterations)),
            ("converged", serde_json::json!(self.converged)),
        ];
        if self.present.len() < self.labels.len() {
            let absent =
                (0..self.labels.len() as u32).filter(|code| self.present.binary_search(code).is_err());
            let absent: Vec<&str> = absent.filter_map(|code| self.labels.label(code)).collect();
            more.push(("classes_without_rows", serde_json::json!(absent)));
        }
        Facts {
            coef: Some(linear::coef(&self.form)),
            intercept: Some(self.form.intercept.clone()),
            classes: Some(Arc::clone(&self.labels)),
            more,
        }
    }

    fn linear(&self) -> Option<Linear> {
        Some(self.form.clone())
    }

    /// Classes, probabilities and decision values over the classes of the whole table; a class that
    /// training did not have gets probability 0, and then there are no decision values.
    fn link(&self, values: Matrix) -> Prediction {
        let all = self.labels.len();
        let mut proba = Matrix::zeros(values.rows(), all);
        let mut codes = vec![0; values.rows()];
        if let [first, second] = *self.present.as_slice() {
            for (i, z) in values.column(0).iter().enumerate() {
                codes[i] = if *z > 0.0 { second } else { first };
                proba[(i, first as usize)] = expit(-z);
                proba[(i, second as usize)] = expit(*z);
            }
        } else {
            for (i, code) in codes.iter_mut().enumerate() {
                let row = values.row(i);
                let (best, shares) = softmax(&row);
                *code = self.present[best];
                self.present
                    .iter()
                    .zip(shares)
                    .for_each(|(class, share)| proba[(i, *class as usize)] = share);
            }
        }
        let decision = (self.present.len() == all).then_some(values);
        Prediction::Classes { codes, proba: Some(proba), decision }
    }

    fn notes(&self) -> Vec<Diagnostic> {
        if self.converged {
            return Vec::new();
        }
        let message = format!("LogisticRegression has not converged after {} iterations", self.iterations);
        let help = "the classes may be separable, so that no penalty means no optimum: use a finite `C`";
        vec![Code::WarnConverge.warning(message).help(help)]
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Outputs> {
        let decision = linear::onnx(&self.form, graph, features)?;
        let (shares, place) = if self.present.len() == 2 {
            let opposite = graph.negate(&decision);
            let first = graph.sigmoid(&opposite);
            let second = graph.sigmoid(&decision);
            let second_wins = graph.greater(&decision, &[0.0]);
            let place = graph.indicators(&second_wins);
            (graph.beside(&[first, second]), graph.places(&place))
        } else {
            (graph.softmax(&decision), graph.greatest(&decision))
        };
        // The classes that training lacked have no share.
        let all = self.labels.len();
        let in_place = |k: usize, class: usize| f64::from(u8::from(self.present[k] as usize == class));
        let proba = if self.present.len() == all {
            shares
        } else {
            graph.product(&shares, &Matrix::from_fn(self.present.len(), all, in_place))
        };
        let name = |class: &u32| self.labels.label(*class).unwrap_or_default();
        let names: Vec<&str> = self.present.iter().map(name).chain([""]).collect();
        let sum = graph.product(&decision, &Matrix::zeros(decision.width(), 1));
        let refused = graph.missing(&sum);
        let place = graph.nowhere(&refused, &place);
        Ok(Outputs { prediction: Part::Labels(graph.look_up_labels(&place, &names)), proba: Some(proba) })
    }
}

/// 1 / (1 + exp(-z)), without overflow and with all digits of small values.
fn expit(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        let e = z.exp();
        e / (1.0 + e)
    }
}

/// The place of the greatest of a row's values, the first of equals, and the softmax of all.
fn softmax(row: &[f64]) -> (usize, Vec<f64>) {
    let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let best = row.iter().position(|value| *value == greatest).unwrap_or(0);
    let mut shares: Vec<f64> = row.iter().map(|value| (value - greatest).exp()).collect();
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    (best, shares)
}

impl State for FittedLogisticRegression {
    fn save(&self, saver: &mut Saver) {
        saver.json("labels", &*self.labels);
        saver.json("present", &self.present);
        saver.json("iterations", self.iterations);
        saver.json("converged", self.converged);
        linear::save(&self.form, saver);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let labels: Levels = loader.json("labels")?;
        let present: Vec<u32> = loader.json("present")?;
        let ascend = present.windows(2).all(|pair| pair[0] < pair[1]);
        if present.len() < 2 || !ascend || present.iter().any(|code| *code as usize >= labels.len()) {
            return Err(loader.damaged("present", "is not a list of classes"));
        }
        let form = linear::load(loader)?;
        let outputs = if present.len() == 2 { 1 } else { present.len() };
        if form.intercept.len() != outputs {
            return Err(
                loader.damaged("coef", &format!("has {} outputs, not {outputs}", form.intercept.len()))
            );
        }
        let (iterations, converged) = (loader.json("iterations")?, loader.json("converged")?);
        Ok(Self { labels: labels.into(), present, form, iterations, converged })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Block;
    use crate::table::{Rows, Target};

    fn labels() -> Arc<Levels> {
        Arc::new(Levels::new(["a", "b", "c"].map(Into::into).to_vec(), false))
    }

    /// Ten rows of one feature.
    fn frame() -> Frame {
        let values = (0..10).map(|i| f64::from(i * 7 % 10)).collect();
        Frame::new(10, vec![Block::Number { name: "x".into(), values }])
    }

    fn fit(
        model: &LogisticRegression,
        codes: [u32; 10],
        weight: Option<&[f64]>,
    ) -> Result<FittedLogisticRegression> {
        let y = Target::Classes { codes: codes.into(), labels: labels() };
        let train = Train { x: &frame(), y: Some(&y), weight, rows: &Rows::all(10) };
        Model::fit(model, &train, &mut Rng::seeded(0))
    }

    const CODES: [u32; 10] = [0, 2, 0, 2, 2, 0, 0, 2, 0, 2];

    #[test]
    fn a_class_that_training_lacks_has_probability_0() {
        let fitted = fit(&LogisticRegression::default(), CODES, None).unwrap();
        let Prediction::Classes { codes, proba, decision } = fitted.predict(&frame()).unwrap() else {
            panic!("classes")
        };
        let proba = proba.unwrap();
        assert!(codes.iter().all(|code| *code != 1) && decision.is_none());
        assert_eq!((proba.columns(), proba.column(1)), (3, [0.0; 10].as_slice()));
        let sums = (0..10).all(|i| (proba[(i, 0)] + proba[(i, 2)] - 1.0).abs() < 1e-15);
        assert!(sums);
        assert_eq!(fitted.facts().more[2].1, serde_json::json!(["b"]));
    }

    #[test]
    fn a_class_without_weight_is_one_that_training_lacks() {
        let codes = [0, 2, 0, 2, 2, 0, 0, 2, 1, 1];
        let mut weight = [1.0; 10];
        weight[8..].fill(0.0);
        assert_eq!(fit(&LogisticRegression::default(), codes, Some(&weight)).unwrap().present, [0, 2]);
        let each = ClassWeight::Each(vec![("b".into(), 0.0)]);
        let model = LogisticRegression { class_weight: Some(each), ..Default::default() };
        assert_eq!(fit(&model, codes, None).unwrap().present, [0, 2]);
        let error = fit(&LogisticRegression::default(), [2; 10], None).unwrap_err();
        assert_eq!(error.code(), Code::FitFailed);
        assert!(error.message().contains("`c`"), "{error}");
    }

    #[test]
    fn separable_classes_without_a_penalty_do_not_converge() {
        let codes = frame()
            .design(&Rows::all(10))
            .unwrap()
            .column(0)
            .iter()
            .map(|x| u32::from(*x > 4.5))
            .collect::<Vec<_>>();
        let model = LogisticRegression { penalty: None, ..Default::default() };
        let fitted = fit(&model, codes.try_into().unwrap(), None).unwrap();
        assert_eq!(fitted.notes()[0].code(), Code::WarnConverge);
        assert!(fitted.predict(&frame()).is_ok());
    }

    #[test]
    fn an_l1_penalty_is_refused() {
        let half = LogisticRegression { l1_ratio: Some(0.5), ..Default::default() };
        let l1 = LogisticRegression { penalty: Some(Penalty::L1), ..Default::default() };
        let null = LogisticRegression { l1_ratio: None, ..Default::default() };
        let parameter = |model| Checks::check(&model).first().and_then(|fault: &Fault| fault.parameter);
        assert_eq!(
            (parameter(half.clone()), parameter(l1), parameter(null)),
            (Some("l1_ratio"), Some("penalty"), None)
        );
        assert_eq!(fit(&half, CODES, None).unwrap_err().code(), Code::NotSupported);
    }

    #[test]
    fn probabilities_survive_great_values() {
        let fitted = |present: Vec<u32>| {
            let outputs = if present.len() == 2 { 1 } else { present.len() };
            let form = Linear { coef: Matrix::zeros(1, outputs), intercept: vec![0.0; outputs] };
            FittedLogisticRegression { labels: labels(), present, form, iterations: 1, converged: true }
        };
        let link = |present: &[u32], values: &[f64]| {
            let values = Matrix::from_columns(1, values.len(), values.to_vec());
            let Prediction::Classes { codes, proba, .. } = fitted(present.to_vec()).link(values) else {
                panic!("classes")
            };
            (codes[0], proba.unwrap().row(0))
        };
        assert_eq!(link(&[0, 1], &[1e300]), (1, vec![0.0, 1.0, 0.0]));
        assert_eq!(link(&[0, 1], &[-1e300]), (0, vec![1.0, 0.0, 0.0]));
        assert_eq!(link(&[0, 1], &[0.0]), (0, vec![0.5, 0.5, 0.0]));
        assert_eq!(link(&[0, 1, 2], &[1e300, -1e300, 1e300]), (0, vec![0.5, 0.0, 0.5]));
        assert_eq!(link(&[0, 1], &[-50.0]).1[1], (-50.0f64).exp());
    }
}
