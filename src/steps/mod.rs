//! Preprocessing steps and selectors, one file each. Adding one is its file and two lines here.

use crate::contract::erased::{Kind, StepKind};

pub mod categories;
pub mod datetime_encoder;
mod features;
pub mod max_abs_scaler;
pub mod min_max_scaler;
pub mod one_hot_encoder;
pub mod ordinal_encoder;
pub mod pca;
pub mod polynomial_features;
pub mod robust_scaler;
pub mod select_k_best;
mod selection;
pub mod simple_imputer;
pub mod standard_scaler;
pub mod variance_threshold;
mod vocabulary;

/// Every step, in the order that `pipefit list steps` prints.
pub const ALL: &[&dyn StepKind] = &[
    &Kind::<simple_imputer::SimpleImputer>::NEW,
    &Kind::<standard_scaler::StandardScaler>::NEW,
    &Kind::<min_max_scaler::MinMaxScaler>::NEW,
    &Kind::<max_abs_scaler::MaxAbsScaler>::NEW,
    &Kind::<robust_scaler::RobustScaler>::NEW,
    &Kind::<polynomial_features::PolynomialFeatures>::NEW,
    &Kind::<one_hot_encoder::OneHotEncoder>::NEW,
    &Kind::<ordinal_encoder::OrdinalEncoder>::NEW,
    &Kind::<datetime_encoder::DatetimeEncoder>::NEW,
    &Kind::<variance_threshold::VarianceThreshold>::NEW,
    &Kind::<select_k_best::SelectKBest>::NEW,
    &Kind::<pca::PCA>::NEW,
];

/// The step of this name.
pub fn named(name: &str) -> Option<&'static dyn StepKind> {
    ALL.iter().copied().find(|kind| kind.name() == name)
}

/// Whether scikit-learn has a step of this name that is not here: a class of its preprocessing,
/// impute, feature_selection or decomposition.
pub fn known_elsewhere(name: &str) -> bool {
    named(name).is_none() && ELSEWHERE.binary_search(&name).is_ok()
}

/// scikit-learn 1.9's classes with a `fit` in those modules, sorted; a new step may stay in this list.
const ELSEWHERE: &[&str] = &[
    "Binarizer",
    "DictionaryLearning",
    "FactorAnalysis",
    "FastICA",
    "FunctionTransformer",
    "GenericUnivariateSelect",
    "IncrementalPCA",
    "IterativeImputer",
    "KBinsDiscretizer",
    "KNNImputer",
    "KernelCenterer",
    "KernelPCA",
    "LabelBinarizer",
    "LabelEncoder",
    "LatentDirichletAllocation",
    "MaxAbsScaler",
    "MiniBatchDictionaryLearning",
    "MiniBatchNMF",
    "MiniBatchSparsePCA",
    "MissingIndicator",
    "MultiLabelBinarizer",
    "NMF",
    "Normalizer",
    "PCA",
    "PolynomialFeatures",
    "PowerTransformer",
    "QuantileTransformer",
    "RFE",
    "RFECV",
    "RobustScaler",
    "SelectFdr",
    "SelectFpr",
    "SelectFromModel",
    "SelectFwe",
    "SelectPercentile",
    "SequentialFeatureSelector",
    "SparseCoder",
    "SparsePCA",
    "SplineTransformer",
    "TargetEncoder",
    "TruncatedSVD",
];

#[cfg(test)]
mod tests {
    use super::{ELSEWHERE, known_elsewhere};

    #[test]
    fn what_is_here_is_not_elsewhere() {
        assert!(ELSEWHERE.is_sorted());
        assert!(known_elsewhere("KernelPCA"));
        assert!(!known_elsewhere("StandardScaler") && !known_elsewhere("StandardScalar"));
    }
}
