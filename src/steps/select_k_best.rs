//! `sklearn.feature_selection.SelectKBest`, with `f_classif` and `f_regression`.

use std::sync::Arc;

use super::features;
use super::selection::{Holes, Selection};
use crate::contract::{
    Checks, Fault, FittedStep, Frame, Loader, Map, Needs, NumberStats, ParamValue, Params, Saver, State,
    Stats, Step, TargetStats, Types, Value, Width, choice, params,
};
use crate::diag::{Code, Result};
use crate::onnx::{Graph, Wire};

choice! {
    /// How a feature is scored.
    pub enum ScoreFunc {
        /// The F statistic of a one-way analysis of variance: for classes.
        FClassif = "f_classif",
        /// The F statistic of a linear regression on the feature alone: for numbers.
        FRegression = "f_regression",
    }
}

/// How many features are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// All.
    All,
    /// This many.
    Best(usize),
}

impl ParamValue for Count {
    fn kind() -> String {
        "a whole number or `all`".into()
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) if text == "all" => Some(Self::All),
            other => usize::read(other).map(Self::Best),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::All => Value::Text("all".into()),
            Self::Best(k) => k.value(),
        }
    }
}

params! {
    /// Keeps the k features with the highest scores; of equal scores the last. A constant feature scores 0, one that
    /// determines the target infinity.
    pub struct SelectKBest {
        /// How a feature is scored.
        score_func: ScoreFunc = ScoreFunc::FClassif, Bound::Any;
        /// How many features are kept; with more than there are all are, with a warning.
        k: Count = Count::Best(10), Bound::Any;
    }
    without_effect: [];
}

impl Checks for SelectKBest {
    fn check(&self) -> Vec<Fault> {
        if self.k != Count::Best(0) {
            return Vec::new();
        }
        vec![
            Fault::of("k", "`k: 0` keeps no feature, and no model can learn from none")
                .help("keep 1 at least"),
        ]
    }
}

/// The features kept.
#[derive(Debug)]
pub struct FittedSelectKBest(Selection);

impl Step for SelectKBest {
    type Fitted = FittedSelectKBest;

    fn accepts(&self) -> Types {
        Types::NUMBERS
    }

    fn emits(&self, _input: Types) -> Types {
        Types::NUMBERS
    }

    fn width(&self, input: Width) -> Width {
        let features = input.features();
        Width::of_numbers(match self.k {
            Count::Best(k) => k.min(features),
            Count::All => features,
        })
    }

    /// The spread tells a constant feature.
    fn needs(&self) -> Needs {
        Needs::TARGET.and(Needs::SPREAD)
    }

    fn maps(&self, _input: Types) -> bool {
        true
    }

    fn fit_stats(&self, stats: &Stats) -> Result<FittedSelectKBest> {
        features::some_rows(stats, Self::NAME)?;
        let numbers = features::numbers(stats, Self::NAME)?;
        features::all_present(&numbers, Self::NAME)?;
        let scorer = self.scorer(stats)?;
        let score = |(name, number): &(&Arc<str>, &NumberStats)| {
            let score = scorer.score(number);
            if score.is_nan() { Err(features::too_large(name, "variance")) } else { Ok(score) }
        };
        let scores = numbers.iter().map(score).collect::<Result<Vec<f64>>>()?;
        let names: Vec<_> = numbers.iter().map(|(name, _)| Arc::clone(name)).collect();
        let (k, p) = (self.k, names.len());
        let (keep, doubt) = match k {
            Count::Best(k) if k < p => best(&scores, k),
            Count::All | Count::Best(_) => (vec![true; p], None),
        };
        let mut selection = Selection::new(names, keep);
        selection.doubt = doubt;
        if let Count::Best(k) = k
            && k > p
        {
            let message = format!("SelectKBest is to keep {k} features of {p}, and keeps all");
            selection.notes.push(Code::WarnData.warning(message).help("write `k: all`, or a smaller number"));
        }
        Ok(FittedSelectKBest(selection))
    }
}

/// A score function with what it needs of the target.
enum Scorer<'a> {
    /// The rows of each class, and the rows.
    Classes(&'a [u64], f64),
    /// The target's sum of squared deviations, and the rows.
    Values(f64, f64),
}

/// Less of a sum of squares than this part is left over by rounding alone, where nothing should be.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

impl SelectKBest {
    fn scorer<'a>(&self, stats: &'a Stats) -> Result<Scorer<'a>> {
        let rows = stats.rows as f64;
        match (self.score_func, &stats.target) {
            (ScoreFunc::FClassif, Some(TargetStats::Classes(counts))) => {
                let classes = counts.iter().filter(|count| **count > 0).count();
                if classes < 2 || stats.rows <= classes {
                    let message = format!(
                        "`f_classif` has {classes} classes in {} training rows to tell apart",
                        stats.rows
                    );
                    return Err(Code::FitFailed.error(message).help("use fewer folds, or more rows"));
                }
                Ok(Scorer::Classes(counts, rows))
            }
            (ScoreFunc::FRegression, Some(TargetStats::Values { squares, .. })) => {
                let [squares] = squares[..] else {
                    let message =
                        format!("`f_regression` scores one target, and there are {}", squares.len());
                    return Err(Code::FitFailed.error(message).help("learn one target a file"));
                };
                if stats.rows < 3 {
                    let message = format!("`f_regression` has {} training rows, and needs 3", stats.rows);
                    return Err(Code::FitFailed.error(message).help("use fewer folds, or more rows"));
                }
                Ok(Scorer::Values(squares, rows))
            }
            (ScoreFunc::FClassif, Some(TargetStats::Values { .. })) => {
                let message = "`f_classif` scores features for classes, and the target is a number";
                Err(Code::BadValue.error(message).help("write `score_func: f_regression`"))
            }
            (ScoreFunc::FRegression, Some(TargetStats::Classes(_))) => {
                let message = "`f_regression` scores features for numbers, and the target is a class";
                Err(Code::BadValue.error(message).help("write `score_func: f_classif`"))
            }
            (_, None) => Err(Code::Bug.error("SelectKBest got no statistics of the target")),
        }
    }
}

impl Scorer<'_> {
    /// The score by which features are ranked; NaN when a sum of squares is too large for a number.
    /// scikit-learn gives a constant feature 0 for numbers, and for classes NaN, which it ranks below
    /// every other score.
    fn score(&self, number: &NumberStats) -> f64 {
        let constant = features::is_constant(number);
        match self {
            Scorer::Classes(..) if constant => f64::NEG_INFINITY,
            Scorer::Classes(counts, rows) => {
                let between = |(with, count): (&f64, &u64)| with * with / (*count as f64);
                let present = number.with_target.iter().zip(*counts).filter(|(_, count)| **count > 0);
                let between: f64 = present.map(between).sum();
                let classes = counts.iter().filter(|count| **count > 0).count() as f64;
                ratio(between, number.squares - between, number.squares)
                    * ((rows - classes) / (classes - 1.0))
            }
            Scorer::Values(squares, _) if constant || *squares == 0.0 => 0.0,
            Scorer::Values(squares, rows) => {
                let with = number.with_target.first().copied().unwrap_or(f64::NAN);
                let explained = with / number.squares * with;
                ratio(explained, squares - explained, *squares) * (rows - 2.0)
            }
        }
    }
}

/// What is explained over what is left, infinity where nothing is.
fn ratio(explained: f64, left: f64, all: f64) -> f64 {
    if left <= ROUNDING * all { f64::INFINITY } else { explained / left }
}

/// The k features with the highest scores, of equal ones the last, and whether the cut is narrow.
/// NumPy's stable sort ascends, and scikit-learn takes its end.
fn best(scores: &[f64], k: usize) -> (Vec<bool>, Option<String>) {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let cut = scores.len() - k;
    let mut keep = vec![false; scores.len()];
    order[cut..].iter().for_each(|j| keep[*j] = true);
    let doubt = order[..cut].last().zip(order.get(cut)).and_then(|(out, first)| {
        let (low, high) = (scores[*out], scores[*first]);
        // Scores of constant features and of perfect ones are exact.
        let near = high.is_finite() && low.is_finite() && high - low <= 1e-9 * high.max(1.0) && high != 0.0;
        near.then(|| format!("the scores at the cut after {k} features agree to 9 digits"))
    });
    (keep, doubt)
}

impl FittedStep for FittedSelectKBest {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        self.0.apply(frame, SelectKBest::NAME, Holes::Refused)
    }

    fn map(&self) -> Option<Map> {
        Some(self.0.map(Holes::Refused))
    }

    fn doubt(&self) -> Option<String> {
        self.0.doubt.clone()
    }

    fn notes(&self) -> Vec<crate::diag::Diagnostic> {
        self.0.notes.clone()
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        self.0.facts()
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        self.0.onnx(graph, features, Holes::Refused)
    }
}

impl State for FittedSelectKBest {
    fn save(&self, saver: &mut Saver) {
        self.0.save(saver);
    }

    fn load(loader: &Loader) -> Result<Self> {
        Selection::load(loader).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Block, Summary, Train};
    use crate::linalg::Matrix;
    use crate::table::{Levels, Rows, Target};

    /// `f_classif` and `f_regression` of scikit-learn 1.9.1.
    const CLASSIF: f64 = 8.678797468354414;
    const REGRESSION: f64 = 26.294400232919255;

    #[test]
    fn of_equal_scores_the_last_is_kept() {
        assert_eq!(best(&[1.0, 5.0, 1.0, 1.0], 2).0, [false, true, false, true]);
        assert!(best(&[1.0, 1.0 + 1e-12, 3.0], 2).1.is_some());
        assert!(best(&[1.0, 1.1, 3.0], 2).1.is_none());
        assert!(best(&[f64::NEG_INFINITY, 0.5], 1).1.is_none());
    }

    /// The score of one feature, from rows.
    fn score(step: &SelectKBest, x: &[f64], y: &Target) -> f64 {
        let block = Block::Number { name: "x".into(), values: x.to_vec().into() };
        let frame = Frame::new(x.len(), vec![block]);
        let train = Train { x: &frame, y: Some(y), weight: None, rows: &Rows::all(x.len()) };
        let stats = Stats::of(&train, step.needs()).unwrap();
        let Summary::Number(number) = &stats.features[0].summary else { panic!("a number") };
        step.scorer(&stats).unwrap().score(number)
    }

    #[test]
    fn scores_are_those_of_scikit_learn() {
        let x = [1.0, 2.0, 4.0, 3.0, 7.0, 5.0, 9.0, 8.0];
        let labels = Arc::new(Levels::new(["a", "b", "c", "unseen"].map(Into::into).to_vec(), false));
        let classes = Target::Classes { codes: [0, 0, 0, 1, 1, 1, 2, 2].into(), labels };
        let f = score(&SelectKBest::default(), &x, &classes);
        assert!((f / CLASSIF - 1.0).abs() < 1e-13, "{f}");
        let numbers = vec![2.0, 1.0, 5.0, 3.0, 8.0, 7.0, 9.0, 6.0];
        let step = SelectKBest { score_func: ScoreFunc::FRegression, ..SelectKBest::default() };
        let f = score(&step, &x, &Target::Values(Matrix::from_columns(8, 1, numbers)));
        assert!((f / REGRESSION - 1.0).abs() < 1e-13, "{f}");
    }

    #[test]
    fn a_perfect_feature_scores_infinity_however_its_sums_round() {
        let step = SelectKBest { score_func: ScoreFunc::FRegression, ..SelectKBest::default() };
        for seed in 1..50_u32 {
            let y: Vec<f64> = (0..200).map(|i| f64::from(i * seed % 97) * 0.1 + 0.3).collect();
            let x: Vec<f64> = y.iter().map(|y| y * -1.7e5 + 0.01).collect();
            let y = Target::Values(Matrix::from_columns(200, 1, y));
            assert_eq!(score(&step, &x, &y), f64::INFINITY, "{seed}");
        }
    }

    #[test]
    fn k_is_a_number_or_all() {
        assert_eq!(Count::read(&Value::Text("all".into())), Some(Count::All));
        assert_eq!([Count::read(&Value::Int(3)), Count::read(&Value::Int(-1))], [Some(Count::Best(3)), None]);
    }
}
