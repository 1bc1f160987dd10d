//! Metrics under scikit-learn's scorer names, so that greater is always better. Adding one is its
//! file and two lines here.

use crate::contract::{Metric, Reads, Task};
use crate::diag::{Code, Diagnostic};
use crate::linalg::{BLOCK, vectorised};
use crate::table::Levels;

mod accuracy;
mod elsewhere;
mod errors;
mod f1;
mod log_loss;
mod r2;
mod roc_auc;

pub use elsewhere::known_elsewhere;

/// Every metric, in the order that `pipefit list metrics` prints.
pub const ALL: &[&Metric] = &[
    &r2::R2,
    &errors::NEG_MEAN_SQUARED_ERROR,
    &errors::NEG_ROOT_MEAN_SQUARED_ERROR,
    &errors::NEG_MEAN_ABSOLUTE_ERROR,
    &accuracy::ACCURACY,
    &roc_auc::ROC_AUC,
    &log_loss::NEG_LOG_LOSS,
    &f1::F1,
];

/// The metric of this name.
pub fn named(name: &str) -> Option<&'static Metric> {
    ALL.iter().copied().find(|metric| metric.name == name)
}

/// The metric of a model's `score`, which is what an unwritten `scoring` means.
pub fn default_for(task: Task) -> &'static Metric {
    match task {
        Task::Regression => &r2::R2,
        Task::Classification => &accuracy::ACCURACY,
    }
}

/// Why a metric cannot be had for these classes.
pub fn refuses(metric: &Metric, labels: &Levels) -> Option<Diagnostic> {
    let classes = labels.len();
    match metric.reads {
        Reads::PositiveClass if classes > 2 => {
            let message = format!("`{}` is for two classes, and the target has {classes}", metric.name);
            Some(
                Code::BadTarget
                    .error(message)
                    .help("use `accuracy` or `neg_log_loss`; `f1_macro` is not in this version"),
            )
        }
        Reads::PositiveClass if positive(labels).is_none() => {
            let shown = labels.labels().join("`, `");
            let message =
                format!("`{}` cannot tell which of the classes `{shown}` is the positive one", metric.name);
            let help = "write the target as 0/1 or false/true, or use a metric of all classes such as `f1_macro` (not in this version)";
            Some(Code::BadTarget.error(message).help(help))
        }
        Reads::Ranking if classes > 2 => {
            let message = format!("`{}` is for two classes, and the target has {classes}", metric.name);
            Some(Code::BadTarget.error(message).help("use `accuracy` or `neg_log_loss`"))
        }
        _ => None,
    }
}

/// The code of the positive class, as `pos_label=1` finds it: the number 1, or true where the
/// classes are truth values.
fn positive(labels: &Levels) -> Option<u32> {
    let is = |label: &String, word: &str| label.eq_ignore_ascii_case(word);
    if labels.labels().iter().all(|label| is(label, "false") || is(label, "true")) {
        return labels.labels().iter().position(|label| is(label, "true")).map(|place| place as u32);
    }
    labels.numeric().then(|| labels.code("1")).flatten()
}

/// The weight of row `i`.
#[inline]
fn weight_of(weight: Option<&[f64]>, i: usize) -> f64 {
    weight.map_or(1.0, |weight| weight[i])
}

/// Partial sums that run side by side: one alone would wait for each addition before the next.
const LANES: usize = 8;

/// The sum of `value(i)` over rows in blocks, in an order of its own that depends on nothing but their number.
#[inline]
fn sum(rows: usize, value: impl Fn(usize) -> f64) -> f64 {
    let block = |start: usize| {
        let end = (start + BLOCK).min(rows);
        let whole = start + (end - start) / LANES * LANES;
        let mut lanes = [0.0; LANES];
        for i in (start..whole).step_by(LANES) {
            for (lane, sum) in lanes.iter_mut().enumerate() {
                *sum += value(i + lane);
            }
        }
        lanes.iter().sum::<f64>() + (whole..end).map(&value).sum::<f64>()
    };
    (0..rows).step_by(BLOCK).map(block).sum()
}

/// The sum of `value(a, b)` times the weight over pairs, as [`sum`] has it, in the widest registers.
fn sum_of_pairs(a: &[f64], b: &[f64], weight: Option<&[f64]>, value: impl Fn(f64, f64) -> f64) -> f64 {
    let block = |start: usize| {
        let rows = start..(start + BLOCK).min(a.len());
        let (a, b) = (a[rows.clone()].as_chunks::<LANES>(), b[rows.clone()].as_chunks::<LANES>());
        let weight = weight.map(|weight| weight[rows].as_chunks::<LANES>());
        vectorised(
            #[inline(always)]
            || {
                let (mut lanes, mut rest) = ([0.0; LANES], 0.0);
                match weight {
                    None => {
                        for (a, b) in a.0.iter().zip(b.0) {
                            for i in 0..LANES {
                                lanes[i] += value(a[i], b[i]);
                            }
                        }
                        a.1.iter().zip(b.1).for_each(|(a, b)| rest += value(*a, *b));
                    }
                    Some(weight) => {
                        for ((a, b), weight) in a.0.iter().zip(b.0).zip(weight.0) {
                            for i in 0..LANES {
                                lanes[i] += weight[i] * value(a[i], b[i]);
                            }
                        }
                        let pairs = a.1.iter().zip(b.1).zip(weight.1);
                        pairs.for_each(|((a, b), weight)| rest += weight * value(*a, *b));
                    }
                }
                lanes.iter().sum::<f64>() + rest
            },
        )
    };
    (0..a.len()).step_by(BLOCK).map(block).sum()
}

/// The sum of the weights.
fn total_weight(rows: usize, weight: Option<&[f64]>) -> f64 {
    weight.map_or(rows as f64, |weight| sum(rows, |i| weight[i]))
}

/// The weighted mean of `value(i)` over rows; `None` when the weights are all 0.
fn mean(rows: usize, weight: Option<&[f64]>, value: impl Fn(usize) -> f64) -> Option<f64> {
    let total = total_weight(rows, weight);
    (total > 0.0).then(|| sum(rows, |i| weight_of(weight, i) * value(i)) / total)
}

/// Why a score over rows of no weight is undefined.
const NO_WEIGHT: &str = "the weights of all rows are 0";
/// Why a score is undefined when a metric gets what it is not for.
const NOT_FOR: &str = "the metric is for another kind of target";
/// Why a score over probabilities is undefined in scikit-learn, which counts the classes on both sides.
pub const LACKS_CLASS: &str = "the fold's training and test rows do not have the same classes";

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(words: &[&str], numeric: bool) -> Levels {
        Levels::new(words.iter().map(|word| (*word).to_owned()).collect(), numeric)
    }

    #[test]
    fn the_positive_class_is_1_or_true_and_nothing_else() {
        assert_eq!(positive(&labels(&["0", "1"], true)), Some(1));
        assert_eq!(positive(&labels(&["1", "2"], true)), Some(0));
        assert_eq!(positive(&labels(&["False", "True"], false)), Some(1));
        assert_eq!(positive(&labels(&["true", "unknown"], false)), None);
        assert_eq!(positive(&labels(&["0", "1"], false)), None);
    }

    #[test]
    fn a_refusal_names_a_way_out() {
        let f1 = named("f1").expect("it is in the list");
        let words = refuses(f1, &labels(&["no", "yes"], false)).expect("words have no positive class");
        assert_eq!(words.code(), Code::BadTarget);
        assert_eq!(words.message(), "`f1` cannot tell which of the classes `no`, `yes` is the positive one");
        let help = words.advice().expect("there is help");
        assert!(help.contains("0/1") && help.contains("f1_macro"), "{help}");
        let three = labels(&["a", "b", "c"], false);
        for name in ["f1", "roc_auc"] {
            let error = refuses(named(name).expect("it is in the list"), &three).expect("three classes");
            assert_eq!(error.message(), format!("`{name}` is for two classes, and the target has 3"));
            assert!(error.advice().is_some_and(|help| help.contains("`neg_log_loss`")));
        }
        for name in ["accuracy", "neg_log_loss"] {
            assert_eq!(refuses(named(name).expect("it is in the list"), &three), None);
        }
    }

    #[test]
    fn defaults_are_those_of_score() {
        assert_eq!(default_for(Task::Regression).name, "r2");
        assert_eq!(default_for(Task::Classification).name, "accuracy");
    }
}
