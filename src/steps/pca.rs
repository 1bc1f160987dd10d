//! `sklearn.decomposition.PCA`.

use std::sync::Arc;

use arrow_buffer::ScalarBuffer;
use rayon::prelude::*;

use super::features;
use crate::contract::{
    Block, Checks, Fault, FittedStep, Frame, Loader, Map, MapColumn, Needs, NumberStats, ParamValue, Params,
    Rng, Saver, State, Stats, Step, Term, Train, Types, Value, Width, choice, params,
};
use crate::diag::{Code, Result};
use crate::linalg::{BLOCK, Matrix, Principal, linear_many, minka_rank};
use crate::onnx::{Graph, Wire};

/// Below this many products a thread pool costs more than it saves.
const PARALLEL_PRODUCTS: usize = 4_000_000;

/// Moments whose rounding is made larger than this leave a fit to the rows.
const TRUSTED: f64 = 1e6;

/// Sums of variances that come nearer than this to the share that is asked for could be on either side of it.
const NEAR: f64 = 1e-9;

/// How many components are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Components {
    /// As many as there are rows or features, whichever is less.
    All,
    /// This many.
    Count(usize),
    /// As many as it takes to explain more than this share of the variance.
    Share(f64),
    /// As many as the data have the greatest evidence for.
    Mle,
}

impl ParamValue for Components {
    fn kind() -> String {
        "a whole number, a share between 0 and 1, `mle` or null".into()
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::All),
            Value::Text(text) if text == "mle" => Some(Self::Mle),
            Value::Float(share) if 0.0 < *share && *share < 1.0 => Some(Self::Share(*share)),
            other => usize::read(other).map(Self::Count),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::All => Value::Null,
            Self::Count(count) => count.value(),
            Self::Share(share) => share.value(),
            Self::Mle => Value::Text("mle".into()),
        }
    }
}

choice! {
    /// scikit-learn's solvers, of which all but one are exact.
    pub enum SvdSolver {
        /// The exact one.
        Auto = "auto",
        /// The exact one.
        Full = "full",
        /// The exact one.
        CovarianceEigh = "covariance_eigh",
        /// The exact one.
        Arpack = "arpack",
        /// An approximation, which is not supported.
        Randomized = "randomized",
    }
}

params! {
    /// Replaces the features by their principal components, uncorrelated sums of the centred features of which the first
    /// have the greatest variance. Features are not scaled: those of large numbers count for more. Always exact, whatever
    /// the number of rows.
    pub struct PCA {
        /// How many components are kept: a number, the share of the variance that they are to explain, or by their evidence
        /// (`mle`, Minka 2000); null keeps all.
        n_components: Components = Components::All, Bound::Any;
        /// Divide each component by its standard deviation.
        whiten: bool = false, Bound::Any;
        /// Accepted, and without effect: the solver is exact. `randomized` is refused.
        svd_solver: SvdSolver = SvdSolver::Auto, Bound::Any;
    }
    without_effect: ["copy", "tol", "iterated_power", "n_oversamples", "power_iteration_normalizer", "random_state"];
}

impl Checks for PCA {
    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.n_components == Components::Count(0) {
            let fault = Fault::of("n_components", "`n_components: 0` keeps nothing to learn from");
            faults.push(fault.help("keep 1 at least"));
        }
        if self.svd_solver == SvdSolver::Randomized {
            let fault =
                Fault::of("svd_solver", "`svd_solver: randomized` approximates, and is not supported");
            faults
                .push(fault.help("leave `svd_solver` out: the components are exact, in about the same time"));
        }
        faults
    }
}

/// The means of the features, and the components kept.
#[derive(Debug)]
pub struct FittedPCA {
    names: Vec<Arc<str>>,
    /// `mean_`.
    mean: Vec<f64>,
    /// `components_`, a row each; all 0 where the training rows have no variance left.
    components: Matrix,
    /// `explained_variance_`.
    variance: Vec<f64>,
    /// `explained_variance_ratio_`.
    ratio: Vec<f64>,
    /// `singular_values_`.
    singular: Vec<f64>,
    whiten: bool,
    doubt: Option<String>,
}

impl Step for PCA {
    type Fitted = FittedPCA;

    fn accepts(&self) -> Types {
        Types::NUMBERS
    }

    fn emits(&self, _input: Types) -> Types {
        Types::NUMBERS
    }

    fn width(&self, input: Width) -> Width {
        let features = input.features();
        Width::of_numbers(match self.n_components {
            Components::Count(count) => count.min(features),
            Components::All | Components::Share(_) | Components::Mle => features,
        })
    }

    /// The spread tells a constant feature.
    fn needs(&self) -> Needs {
        Needs::JOINT.and(Needs::SPREAD)
    }

    fn maps(&self, _input: Types) -> bool {
        true
    }

    fn fit_stats(&self, stats: &Stats) -> Result<FittedPCA> {
        let centres = Centres::of(stats)?;
        let joint = stats.joint.as_ref();
        let joint = joint.ok_or_else(|| Code::Bug.error("PCA got no joint moments"))?;
        let p = centres.names.len();
        let gram = Matrix::from_fn(p, p, |i, j| {
            if centres.constant[i] || centres.constant[j] { 0.0 } else { joint.moments.gram[(i, j)] }
        });
        if let Some(j) = (0..p).find(|j| !gram[(*j, *j)].is_finite()) {
            return Err(features::too_large(&centres.names[j], "variance"));
        }
        let principal = Principal::of_gram(&gram)?;
        let mut fitted = self.fitted(&centres, &principal)?;
        let kept = fitted.components.rows();
        let spread = amplified(&principal, kept, p);
        fitted.doubt = if spread > TRUSTED {
            Some(format!("moments leave too few digits of the first {kept} components"))
        } else {
            self.near_share(&principal)
        };
        Ok(fitted)
    }

    /// From moments too, and from the rows where those would lose digits.
    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedPCA> {
        // Before the joint moments, which would blame the model for a missing value.
        let stats = Stats::of(train, Needs::SPREAD)?;
        let centres = Centres::of(&stats)?;
        let joint = Stats::of(&Train { y: None, ..*train }, Needs::JOINT)?.joint;
        let fitted = self.fit_stats(&Stats { joint, ..stats })?;
        if fitted.doubt.is_none() {
            return Ok(fitted);
        }
        let mut x = train.x.design(train.rows)?;
        for (j, mean) in centres.mean.iter().enumerate().filter(|(j, _)| centres.constant[*j]) {
            x.column_mut(j).fill(*mean);
        }
        self.fitted(&centres, &Principal::of_rows(&x)?)
    }
}

/// What is known of the features one by one.
struct Centres {
    names: Vec<Arc<str>>,
    mean: Vec<f64>,
    constant: Vec<bool>,
    rows: usize,
}

impl Centres {
    fn of(stats: &Stats) -> Result<Self> {
        features::some_rows(stats, PCA::NAME)?;
        let numbers = features::numbers(stats, PCA::NAME)?;
        features::all_present(&numbers, PCA::NAME)?;
        if numbers.is_empty() {
            return Err(Code::FitFailed
                .error("PCA has no feature")
                .help("look at the columns with `pipefit plan`"));
        }
        if stats.rows < 2 {
            let message = "PCA has one training row, which has no variance";
            return Err(Code::FitFailed.error(message).help("use fewer folds, or more rows"));
        }
        let mut centres =
            Self { names: Vec::new(), mean: Vec::new(), constant: Vec::new(), rows: stats.rows };
        for (name, number) in numbers {
            let (mean, constant) = mean_of(number);
            if !(mean.is_finite() && number.squares.is_finite()) {
                return Err(features::too_large(name, "variance"));
            }
            centres.names.push(Arc::clone(name));
            centres.mean.push(mean);
            centres.constant.push(constant);
        }
        Ok(centres)
    }
}

/// The mean of a feature, and whether it is constant.
fn mean_of(number: &NumberStats) -> (f64, bool) {
    match number.extremes {
        // The sum of equal numbers rounds; their mean is one of them.
        Some((low, high)) if low == high => (low, true),
        _ => (number.mean, features::is_constant(number)),
    }
}

/// By how much the rounding of moments is made larger in what is kept, at most. For each component there are two bounds,
/// of which the lesser holds: by its distance from its neighbours against the greatest variance, and by its distance
/// against the variances themselves together with the condition (Demmel and Veselic, 1992).
fn amplified(principal: &Principal, kept: usize, p: usize) -> f64 {
    let square = |k: usize| principal.squares.get(k).copied().unwrap_or(0.0);
    let greatest = square(0);
    if greatest == 0.0 {
        return 0.0; // Nothing varies: nothing to lose.
    }
    let one = |k: usize| {
        let own = square(k);
        let above = if k == 0 { f64::INFINITY } else { square(k - 1) - own };
        let below = if k + 1 == p { own } else { own - square(k + 1) };
        let relative = (below / own).min(above / square(k.saturating_sub(1)));
        (greatest / above.min(below)).min(principal.condition / relative.min(1.0))
    };
    (0..kept).map(one).fold(0.0, f64::max)
}

impl PCA {
    fn fitted(&self, centres: &Centres, principal: &Principal) -> Result<FittedPCA> {
        let (p, rows) = (centres.names.len(), centres.rows);
        let all = p.min(rows);
        let freedom = rows as f64 - 1.0;
        let variance: Vec<f64> =
            (0..all).map(|k| principal.squares.get(k).map_or(0.0, |square| square / freedom)).collect();
        let total: f64 = variance.iter().sum();
        let ratio: Vec<f64> = variance.iter().map(|v| if total > 0.0 { v / total } else { 0.0 }).collect();
        let kept = self.kept(&variance, &ratio, p, rows)?;
        let axes = principal.axes.columns();
        let components = Matrix::from_fn(kept, p, |k, j| if k < axes { principal.axes[(j, k)] } else { 0.0 });
        let singular = (0..kept).map(|k| principal.squares.get(k).map_or(0.0, |square| square.sqrt()));
        Ok(FittedPCA {
            names: centres.names.clone(),
            mean: centres.mean.clone(),
            components,
            singular: singular.collect(),
            variance: variance[..kept].to_vec(),
            ratio: ratio[..kept].to_vec(),
            whiten: self.whiten,
            doubt: None,
        })
    }

    /// How many components are kept.
    fn kept(&self, variance: &[f64], ratio: &[f64], p: usize, rows: usize) -> Result<usize> {
        let all = variance.len();
        match self.n_components {
            Components::All => Ok(all),
            Components::Count(count) if count <= all => Ok(count),
            Components::Count(count) => {
                let message =
                    format!("PCA is to keep {count} components of {p} features in {rows} training rows");
                Err(Code::FitFailed.error(message).help(format!("keep {all} at most")))
            }
            Components::Share(share) => Ok(sums(ratio).position(|sum| sum > share).map_or(all, |k| k + 1)),
            Components::Mle if rows < p => {
                let message = format!(
                    "PCA with `n_components: mle` needs as many rows as features: {rows} training rows, {p} features"
                );
                Err(Code::FitFailed.error(message).help("give a number, or a share such as `0.95`"))
            }
            Components::Mle => Ok(minka_rank(variance, rows)),
        }
    }

    /// Why rounding may have decided how many components explain the share, if it may have.
    fn near_share(&self, principal: &Principal) -> Option<String> {
        let Components::Share(share) = self.n_components else { return None };
        let total: f64 = principal.squares.iter().sum();
        let near = sums(&principal.squares).any(|sum| (sum / total - share).abs() <= NEAR);
        near.then(|| {
            format!("a number of components explains a share of {share} of the variance to 9 digits")
        })
    }
}

/// The sums of the first, the first two, ... numbers.
fn sums(values: &[f64]) -> impl Iterator<Item = f64> {
    values.iter().scan(0.0, |sum, value| {
        *sum += value;
        Some(*sum)
    })
}

impl FittedPCA {
    /// The components' loadings, p x k, divided by the standard deviations if they are whitened.
    fn loadings(&self) -> Matrix {
        let divisor = |k: usize| {
            let deviation = self.variance[k].sqrt();
            if self.whiten && deviation > 0.0 { deviation } else { 1.0 }
        };
        Matrix::from_fn(self.names.len(), self.components.rows(), |j, k| self.components[(k, j)] / divisor(k))
    }

    fn name(k: usize) -> Arc<str> {
        format!("pca{k}").into()
    }
}

impl FittedStep for FittedPCA {
    /// Rows are centred before they are multiplied: the mean of the products would take digits from them.
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        let frame = features::expected(frame, self.names.len(), PCA::NAME)?;
        let columns = features::whole_numbers(&frame, PCA::NAME)?;
        let loadings = self.loadings();
        let (rows, kept) = (frame.rows(), loadings.columns());
        let block = |from: &usize| {
            let to = (from + BLOCK).min(rows);
            let some: Vec<&[f64]> = columns.iter().map(|values| &values[*from..to]).collect();
            linear_many(to - from, &some, &self.mean, &loadings, &vec![0.0; kept])
        };
        let starts: Vec<usize> = (0..rows).step_by(BLOCK).collect();
        let parts: Vec<Matrix> = if rows * self.names.len() * kept > PARALLEL_PRODUCTS {
            starts.par_iter().map(block).collect()
        } else {
            starts.iter().map(block).collect()
        };
        let component = |k: usize| {
            let values: Vec<f64> = parts.iter().flat_map(|part| part.column(k)).copied().collect();
            Block::Number { name: Self::name(k), values: ScalarBuffer::from(values) }
        };
        Ok(Frame::new(rows, (0..kept).map(component).collect()))
    }

    fn map(&self) -> Option<Map> {
        let loadings = self.loadings();
        let column = |k: usize| {
            let factors = loadings.column(k);
            let offset: f64 = factors.iter().zip(&self.mean).map(|(factor, mean)| factor * mean).sum();
            let terms = (0..).map(Term::Value).zip(factors.iter().copied()).collect();
            MapColumn { name: Self::name(k), offset: -offset, terms, missing: None }
        };
        let refused = (0..self.names.len() as u32).map(Term::Missing).collect();
        Some(Map { columns: (0..loadings.columns()).map(column).collect(), refused })
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let kept = self.components.rows();
        let names: Vec<Arc<str>> = (0..kept).map(Self::name).collect();
        let loadings = (0..kept).map(|k| features::by_feature(&self.names, self.components.row(k)));
        vec![
            ("n_features_in", self.names.len().into()),
            ("n_components", kept.into()),
            ("explained_variance_ratio", features::by_feature(&names, self.ratio.iter().copied())),
            ("components", features::by_feature(&names, loadings)),
        ]
    }

    fn doubt(&self) -> Option<String> {
        self.doubt.clone()
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        let numbers = graph.numbers(features)?;
        let deviations = graph.subtract(&numbers, &self.mean);
        Ok(Wire::of(graph.product(&deviations, &self.loadings())))
    }
}

impl State for FittedPCA {
    fn save(&self, saver: &mut Saver) {
        features::save_names(saver, &self.names);
        saver.numbers("mean", &self.mean);
        saver.matrix("components", &self.components);
        saver.numbers("explained_variance", &self.variance);
        saver.numbers("explained_variance_ratio", &self.ratio);
        saver.numbers("singular_values", &self.singular);
        saver.json("whiten", self.whiten);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let names = features::load_names(loader)?;
        let mean = loader.numbers_of("mean", names.len())?;
        let components = loader.matrix("components")?;
        if components.columns() != names.len() {
            return Err(loader.damaged("components", "has not one loading a feature"));
        }
        let kept = components.rows();
        Ok(Self {
            names,
            mean,
            components,
            variance: loader.numbers_of("explained_variance", kept)?,
            ratio: loader.numbers_of("explained_variance_ratio", kept)?,
            singular: loader.numbers_of("singular_values", kept)?,
            whiten: loader.json("whiten")?,
            doubt: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Rows;

    fn principal(squares: &[f64], condition: f64) -> Principal {
        let p = squares.len();
        let axes = Matrix::from_fn(p, p, |i, j| f64::from(u8::from(i == j)));
        Principal { squares: squares.to_vec(), axes, condition }
    }

    #[test]
    fn equal_variances_and_a_bad_condition_are_doubtful_where_they_matter() {
        assert!(amplified(&principal(&[4.0, 2.0, 1.0], 10.0), 3, 3) < 50.0);
        let close = principal(&[4.0, 1.0 + 1e-9, 1.0], 10.0);
        assert!(amplified(&close, 3, 3) > TRUSTED && amplified(&close, 2, 3) > TRUSTED);
        assert!(amplified(&close, 1, 3) < 50.0);
        // Small variances in small units are no matter, those of nearly dependent features are.
        assert!(amplified(&principal(&[1.0, 1e-12, 1e-14], 10.0), 3, 3) < TRUSTED);
        assert!(amplified(&principal(&[1.0, 0.5, 1e-14], 1e13), 3, 3) > TRUSTED);
        assert!(amplified(&principal(&[1.0, 0.5, 1e-14], f64::INFINITY), 2, 3) < 50.0);
    }

    #[test]
    fn what_has_no_variance_left_becomes_zero() {
        let column =
            |name: &str, values: &[f64]| Block::Number { name: name.into(), values: values.to_vec().into() };
        let blocks = vec![
            column("a", &[1.0, 2.0, 4.0, 3.0, 9.0]),
            column("b", &[2.0, 4.0, 8.0, 6.0, 0.0]),
            column("c", &[0.1; 5]),
        ];
        let frame = Frame::new(5, blocks);
        let train = Train { x: &frame, y: None, weight: None, rows: &Rows::Range(0..4) };
        let step = PCA { whiten: true, ..PCA::default() };
        let fitted = step.fit(&train, &mut Rng::seeded(0)).unwrap();
        assert_eq!(fitted.singular.len(), 3);
        let made = fitted.apply(&frame).unwrap().design(&Rows::all(5)).unwrap();
        // x + 2 x over the root of 5, of mean 2.5 and standard deviation 1.29.
        let deviation = (5.0_f64 / 3.0).sqrt();
        for (i, x) in [1.0, 2.0, 4.0, 3.0].into_iter().enumerate() {
            assert!((made[(i, 0)] - (x - 2.5) / deviation).abs() < 1e-14);
            assert_eq!((made[(i, 1)], made[(i, 2)]), (0.0, 0.0));
        }
    }

    #[test]
    fn components_are_a_number_a_share_mle_or_all() {
        let read = |value| Components::read(&value);
        assert_eq!(read(Value::Null), Some(Components::All));
        assert_eq!(read(Value::Int(3)), Some(Components::Count(3)));
        assert_eq!(read(Value::Float(0.95)), Some(Components::Share(0.95)));
        assert_eq!(read(Value::Text("mle".into())), Some(Components::Mle));
        for value in [Value::Float(1.0), Value::Float(0.0), Value::Int(-1), Value::Text("all".into())] {
            assert_eq!(read(value), None);
        }
        let step =
            PCA { n_components: Components::Count(0), svd_solver: SvdSolver::Randomized, ..PCA::default() };
        let faults: Vec<_> = step.check().iter().filter_map(|fault| fault.parameter).collect();
        assert_eq!(faults, ["n_components", "svd_solver"]);
    }
}
