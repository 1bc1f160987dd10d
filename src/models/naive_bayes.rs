//! What the naive Bayes classifiers share: a likelihood for each class, and what follows from it.

use std::sync::Arc;

use super::fitted_sgd_classifier::first_greatest;
use crate::contract::{Loader, More, Prediction, Saver};
use crate::diag::{Code, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Numbers, Outputs, Part};
use crate::table::Levels;

/// The classes that have some weight.
pub(super) fn present(counts: &[f64]) -> Vec<u32> {
    (0..).zip(counts).filter(|(_, count)| **count > 0.0).map(|(class, _)| class).collect()
}

/// Priors that are written for some of the classes, over all of these.
///
/// # Errors
/// `BadValue` for another number of them.
pub(super) fn written(parameter: &str, priors: &[f64], some: &[u32], classes: usize) -> Result<Vec<f64>> {
    if priors.len() != some.len() {
        let message =
            format!("`{parameter}` has {} numbers, and there are {} classes", priors.len(), some.len());
        return Err(Code::BadValue
            .error(message)
            .help("write one a class, in the order of the sorted labels"));
    }
    let mut all = vec![0.0; classes];
    some.iter().zip(priors).for_each(|(class, prior)| all[*class as usize] = *prior);
    Ok(all)
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

/// What is known of each class, as its place moves when there are more labels.
pub(super) struct Classes {
    /// All.
    pub(super) labels: Arc<Levels>,
    /// Their weights.
    pub(super) counts: Vec<f64>,
}

impl Classes {
    /// Of no row.
    pub(super) fn new(labels: &Arc<Levels>) -> Self {
        Self { labels: Arc::clone(labels), counts: vec![0.0; labels.len()] }
    }

    /// Takes labels and places of features that are new, with all matrices of classes x features, of which new parts are 0, and what
    /// is left of the weights.
    pub(super) fn move_to(&mut self, labels: &Arc<Levels>, more: &More, matrices: &mut [&mut Matrix]) {
        let same = Arc::ptr_eq(labels, &self.labels) || labels.labels() == self.labels.labels();
        if !same || more.places.is_some() {
            let place = |label: &String| self.labels.labels().iter().position(|own| own == label);
            let classes: Vec<Option<usize>> = labels.labels().iter().map(place).collect();
            for matrix in matrices {
                **matrix = moved(matrix, &classes, more);
            }
            self.counts = classes.iter().map(|place| place.map_or(0.0, |place| self.counts[place])).collect();
        }
        self.labels = Arc::clone(labels);
        self.counts.iter_mut().for_each(|count| *count *= more.share);
    }

    /// Keeps them.
    pub(super) fn save(&self, saver: &mut Saver) {
        saver.json("labels", &*self.labels);
        saver.numbers("class_count", &self.counts);
    }

    /// What was kept: some weight is greater than 0.
    ///
    /// # Errors
    /// `Damaged`.
    pub(super) fn load(loader: &Loader) -> Result<Self> {
        let labels: Levels = loader.json("labels")?;
        let counts = loader.numbers_of("class_count", labels.len())?;
        let fits = counts.iter().all(|count| count.is_finite() && *count >= 0.0);
        if !fits || counts.iter().all(|count| *count == 0.0) {
            return Err(loader.damaged("class_count", "is not a list of weights"));
        }
        Ok(Self { labels: labels.into(), counts })
    }
}

fn moved(matrix: &Matrix, classes: &[Option<usize>], more: &More) -> Matrix {
    let at = |k: usize, j: usize| {
        let j = more.places.map_or(Some(j), |places| places.get(j).copied().flatten());
        match (classes[k], j) {
            (Some(k), Some(j)) if k < matrix.rows() && j < matrix.columns() => matrix[(k, j)],
            _ => 0.0,
        }
    };
    Matrix::from_fn(classes.len(), more.features, at)
}
