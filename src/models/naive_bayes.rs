//! What the naive Bayes classifiers share: a likelihood for each class, and what follows from it.

use std::sync::Arc;

use super::fitted_sgd_classifier::first_greatest;
use crate::contract::{Loader, Prediction};
use crate::diag::{Code, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Numbers, Outputs, Part};
use crate::table::Levels;

/// What the weights of classes come to: their logarithms, of those that have some weight.
pub(super) fn log_shares(counts: &[f64]) -> Vec<f64> {
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| (count / all).ln()).collect()
}

/// The classes that have some weight.
pub(super) fn present(counts: &[f64]) -> Vec<u32> {
    (0..).zip(counts).filter(|(_, count)| **count > 0.0).map(|(class, _)| class).collect()
}

/// Priors that are written, for the classes that training had.
///
/// # Errors
/// `BadValue` for another number of them.
pub(super) fn written(parameter: &str, priors: &[f64], classes: usize) -> Result<Vec<f64>> {
    if priors.len() == classes {
        return Ok(priors.to_vec());
    }
    let message = format!("`{parameter}` has {} numbers, and training has {classes} classes", priors.len());
    Err(Code::BadValue.error(message).help("write one a class, in the order of the sorted labels"))
}

/// The prediction from the joint log-likelihoods of the present ones among all classes, rows x present.
pub(super) fn prediction(joint: &Matrix, present: &[u32], classes: usize) -> Prediction {
    let mut proba = Matrix::zeros(joint.rows(), classes);
    let mut codes = Vec::with_capacity(joint.rows());
    for i in 0..joint.rows() {
        let row = joint.row(i);
        let best = first_greatest(&row);
        codes.push(present.get(best).copied().unwrap_or(0));
        let greatest = row.get(best).copied().unwrap_or(0.0);
        let sum: f64 = row.iter().map(|value| (value - greatest).exp()).sum();
        let norm = greatest + sum.ln();
        for (class, value) in present.iter().zip(&row) {
            proba[(i, *class as usize)] = (value - norm).exp();
        }
    }
    Prediction::Classes { codes, proba: Some(proba), decision: None }
}

/// The same in a graph.
pub(super) fn onnx(graph: &mut Graph, joint: &Numbers, present: &[u32], labels: &Levels) -> Outputs {
    let all = labels.len();
    let shares = graph.softmax(joint);
    let in_place = |k: usize, class: usize| f64::from(u8::from(present[k] as usize == class));
    let proba = if present.len() == all {
        shares
    } else {
        graph.product(&shares, &Matrix::from_fn(present.len(), all, in_place))
    };
    let place = graph.greatest(joint);
    let name = |class: &u32| labels.label(*class).unwrap_or_default();
    let names: Vec<&str> = present.iter().map(name).chain([""]).collect();
    let sum = graph.product(joint, &Matrix::zeros(present.len(), 1));
    let refused = graph.missing(&sum);
    let place = graph.nowhere(&refused, &place);
    Outputs { prediction: Part::Labels(graph.look_up_labels(&place, &names)), proba: Some(proba) }
}

/// A matrix of classes x features, for other classes and features: those that are new have zeros.
pub(super) fn moved(matrix: &Matrix, classes: &[Option<usize>], features: &[Option<usize>]) -> Matrix {
    let at = |k: usize, j: usize| match (classes[k], features[j]) {
        (Some(k), Some(j)) if k < matrix.rows() && j < matrix.columns() => matrix[(k, j)],
        _ => 0.0,
    };
    Matrix::from_fn(classes.len(), features.len(), at)
}

/// Where each of some classes was among others.
pub(super) fn places(new: &Levels, old: &Levels) -> Vec<Option<usize>> {
    let place = |label: &String| old.labels().iter().position(|own| own == label);
    new.labels().iter().map(place).collect()
}

/// The weight of each class of rows.
pub(super) fn class_counts(codes: &[u32], weights: Option<&[f64]>, classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; classes];
    for (i, code) in codes.iter().enumerate() {
        counts[*code as usize] += weights.map_or(1.0, |weights| weights[i]);
    }
    counts
}

/// Labels and the weights of their classes, of which some is greater than 0.
///
/// # Errors
/// `Damaged`.
pub(super) fn load(loader: &Loader) -> Result<(Arc<Levels>, Vec<f64>)> {
    let labels: Levels = loader.json("labels")?;
    let counts = loader.numbers_of("class_count", labels.len())?;
    let fits = counts.iter().all(|count| count.is_finite() && *count >= 0.0);
    if !fits || counts.iter().all(|count| *count == 0.0) {
        return Err(loader.damaged("class_count", "is not a list of weights"));
    }
    Ok((labels.into(), counts))
}
