//! Models, one file each. Adding one is its file and two lines here.

use crate::contract::erased::{Kind, ModelKind};

pub mod averaging;
pub mod class_weight;
pub mod descent_cv;
pub mod dummy_classifier;
pub mod dummy_regressor;
pub mod elastic_net;
pub mod elastic_net_cv;
mod elsewhere;
pub mod fitted_regression;
mod fitted_sgd_classifier;
pub mod gaussian_nb;
mod held_out;
pub mod inner_folds;
pub mod lasso;
pub mod lasso_cv;
mod linear;
pub mod linear_regression;
pub mod linfa;
mod logistic_folds;
pub mod logistic_regression;
pub mod multinomial_nb;
mod naive_bayes;
pub mod one_or_more;
mod ordinary;
pub mod penalized;
pub mod ridge;
pub mod ridge_cv;
mod ridge_left_out;
pub mod sgd_classifier;
pub mod sgd_regressor;
pub mod stochastic;
mod stochastic_loss;
mod stochastic_state;
mod stochastic_weights;
mod training;

pub use elsewhere::{deprecated, known_elsewhere, removed};

/// Every model, in the order that `pipefit list models` prints.
pub const ALL: &[&dyn ModelKind] = &[
    &Kind::<linear_regression::LinearRegression>::NEW,
    &Kind::<ridge::Ridge>::NEW,
    &Kind::<ridge_cv::RidgeCV>::NEW,
    &Kind::<lasso::Lasso>::NEW,
    &Kind::<elastic_net::ElasticNet>::NEW,
    &Kind::<lasso_cv::LassoCV>::NEW,
    &Kind::<elastic_net_cv::ElasticNetCV>::NEW,
    &Kind::<logistic_regression::LogisticRegression>::NEW,
    &Kind::<sgd_regressor::SGDRegressor>::NEW,
    &Kind::<sgd_classifier::SGDClassifier>::NEW,
    &Kind::<gaussian_nb::GaussianNB>::NEW,
    &Kind::<multinomial_nb::MultinomialNB>::NEW,
    &Kind::<dummy_regressor::DummyRegressor>::NEW,
    &Kind::<dummy_classifier::DummyClassifier>::NEW,
];

/// The model of this name.
pub fn named(name: &str) -> Option<&'static dyn ModelKind> {
    ALL.iter().copied().find(|kind| kind.name() == name)
}
