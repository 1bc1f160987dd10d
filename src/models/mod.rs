//! Models, one file each. Adding one is its file and two lines here.

use crate::contract::erased::{Kind, ModelKind};

pub mod class_weight;
pub mod dummy_classifier;
pub mod dummy_regressor;
pub mod elastic_net;
mod elsewhere;
pub mod fitted_regression;
pub mod lasso;
mod linear;
pub mod linear_regression;
pub mod linfa;
pub mod logistic_regression;
mod ordinary;
pub mod penalized;
pub mod ridge;
mod training;

pub use elsewhere::{deprecated, known_elsewhere, removed};

/// Every model, in the order that `pipefit list models` prints.
pub const ALL: &[&dyn ModelKind] = &[
    &Kind::<linear_regression::LinearRegression>::NEW,
    &Kind::<ridge::Ridge>::NEW,
    &Kind::<lasso::Lasso>::NEW,
    &Kind::<elastic_net::ElasticNet>::NEW,
    &Kind::<logistic_regression::LogisticRegression>::NEW,
    &Kind::<dummy_regressor::DummyRegressor>::NEW,
    &Kind::<dummy_classifier::DummyClassifier>::NEW,
];

/// The model of this name.
pub fn named(name: &str) -> Option<&'static dyn ModelKind> {
    ALL.iter().copied().find(|kind| kind.name() == name)
}
