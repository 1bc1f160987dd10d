//! `sklearn.metrics.roc_auc_score` for two classes.

use super::{NOT_FOR, weight_of};
use crate::contract::{Metric, Prediction, Reads, Score, Task};
use crate::table::Target;

/// The chance that a positive row ranks above a negative one.
pub static ROC_AUC: Metric = Metric {
    name: "roc_auc",
    summary: "The area under the ROC curve: the chance that a row of the greater class ranks above one of the other, ties counting half.",
    task: Task::Classification,
    reads: Reads::Ranking,
    score,
};

fn score(truth: &Target, prediction: &Prediction, weight: Option<&[f64]>) -> Score {
    let (Target::Classes { codes, labels }, Prediction::Classes { proba, decision, .. }) =
        (truth, prediction)
    else {
        return Score::Undefined(NOT_FOR);
    };
    if labels.len() != 2 {
        return Score::Undefined(NOT_FOR);
    }
    let ranking = match (decision, proba) {
        (Some(decision), _) => decision.column(decision.columns() - 1),
        (None, Some(proba)) => proba.column(1),
        (None, None) => return Score::Undefined(NOT_FOR),
    };
    if ranking.iter().any(|value| value.is_nan()) {
        return Score::Value(f64::NAN);
    }
    let mut order: Vec<usize> = (0..codes.len()).collect();
    order.sort_by(|a, b| ranking[*a].total_cmp(&ranking[*b]));
    let (mut positive, mut negative, mut area) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|a, b| ranking[*a] == ranking[*b]) {
        let of = |class: u32| {
            tied.iter().filter(|i| codes[**i] == class).map(|i| weight_of(weight, *i)).sum::<f64>()
        };
        let (more_positive, more_negative) = (of(1), of(0));
        // Each positive row here beats every negative one before, and half of those tied with it.
        area += more_positive * (negative + 0.5 * more_negative);
        positive += more_positive;
        negative += more_negative;
    }
    if positive == 0.0 || negative == 0.0 {
        return Score::Undefined("the fold has one class only");
    }
    Score::Value(area / (positive * negative))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::linalg::Matrix;
    use crate::table::Levels;

    fn auc(codes: [u32; 4], ranking: [f64; 4]) -> Score {
        let labels = Arc::new(Levels::new(vec!["ham".into(), "spam".into()], false));
        let decision = Some(Matrix::from_columns(4, 1, ranking.to_vec()));
        let prediction = Prediction::Classes { codes: vec![0; 4], proba: None, decision };
        score(&Target::Classes { codes: codes.into(), labels }, &prediction, None)
    }

    #[test]
    fn the_greater_label_is_positive_and_ties_count_half() {
        assert_eq!(auc([0, 1, 0, 1], [0.1, 0.9, 0.3, 0.3]), Score::Value(0.875));
        assert_eq!(auc([0, 1, 0, 1], [0.0, -0.0, 0.0, -0.0]), Score::Value(0.5));
    }

    #[test]
    fn one_class_is_undefined_and_nan_ranks_nothing() {
        assert!(matches!(auc([1; 4], [0.1, 0.2, 0.3, 0.4]), Score::Undefined(_)));
        assert!(auc([0, 1, 0, 1], [0.1, f64::NAN, 0.3, 0.4]).value().is_some_and(f64::is_nan));
    }
}
