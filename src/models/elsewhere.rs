//! What scikit-learn has and this version has not: other estimators, and parameters on their way out.

/// Whether scikit-learn 1.9 has a classifier, regressor or clusterer of this name that is not among
/// [`ALL`](super::ALL): so that the message can say "not in this version" instead of "unknown".
pub fn known_elsewhere(name: &str) -> bool {
    super::named(name).is_none() && ELSEWHERE.binary_search(&name).is_ok()
}

/// What to write instead of a parameter that scikit-learn 1.9 still takes with a warning. The
/// parameter works here too.
pub fn deprecated(model: &str, parameter: &str) -> Option<&'static str> {
    let found = DEPRECATED.iter().find(|(of, name, _)| *of == model && *name == parameter);
    found.map(|(_, _, instead)| *instead)
}

/// What to write instead of a parameter that scikit-learn has removed.
pub fn removed(model: &str, parameter: &str) -> Option<&'static str> {
    let found = REMOVED.iter().find(|(of, name, _)| *of == model && *name == parameter);
    found.map(|(_, _, instead)| *instead)
}

const DEPRECATED: &[(&str, &str, &str)] =
    &[("LogisticRegression", "penalty", "leave `penalty` out; `C: .inf` stands for `penalty: null`")];

const REMOVED: &[(&str, &str, &str)] = &[
    ("ElasticNetCV", "n_alphas", "write `alphas: 100` for so many"),
    ("LassoCV", "n_alphas", "write `alphas: 100` for so many"),
    ("LinearRegression", "normalize", "put a `StandardScaler` before the model"),
    (
        "LogisticRegression",
        "multi_class",
        "leave `multi_class` out: more than two classes are fitted as `multinomial`",
    ),
    ("Ridge", "normalize", "put a `StandardScaler` before the model"),
    ("RidgeCV", "store_cv_values", "leave it out: what every row gets under every alpha is not kept"),
];

/// `sklearn.utils.all_estimators` of 1.9.1: regressors, classifiers, clusterers; sorted.
const ELSEWHERE: &[&str] = &[
    "ARDRegression",
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "AffinityPropagation",
    "AgglomerativeClustering",
    "BaggingClassifier",
    "BaggingRegressor",
    "BayesianRidge",
    "BernoulliNB",
    "Birch",
    "BisectingKMeans",
    "CCA",
    "CalibratedClassifierCV",
    "CategoricalNB",
    "ClassifierChain",
    "ComplementNB",
    "DBSCAN",
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "DummyClassifier",
    "DummyRegressor",
    "ElasticNet",
    "ElasticNetCV",
    "ExtraTreeClassifier",
    "ExtraTreeRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "FeatureAgglomeration",
    "FixedThresholdClassifier",
    "GammaRegressor",
    "GaussianNB",
    "GaussianProcessClassifier",
    "GaussianProcessRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HDBSCAN",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "HuberRegressor",
    "IsotonicRegression",
    "KMeans",
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "KernelRidge",
    "LabelPropagation",
    "LabelSpreading",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "LinearDiscriminantAnalysis",
    "LinearRegression",
    "LinearSVC",
    "LinearSVR",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MLPClassifier",
    "MLPRegressor",
    "MeanShift",
    "MiniBatchKMeans",
    "MultiOutputClassifier",
    "MultiOutputRegressor",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "MultinomialNB",
    "NearestCentroid",
    "NuSVC",
    "NuSVR",
    "OPTICS",
    "OneVsOneClassifier",
    "OneVsRestClassifier",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "OutputCodeClassifier",
    "PLSCanonical",
    "PLSRegression",
    "PassiveAggressiveClassifier",
    "PassiveAggressiveRegressor",
    "Perceptron",
    "PoissonRegressor",
    "QuadraticDiscriminantAnalysis",
    "QuantileRegressor",
    "RANSACRegressor",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "RegressorChain",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
    "SGDRegressor",
    "SVC",
    "SVR",
    "SelfTrainingClassifier",
    "SpectralClustering",
    "StackingClassifier",
    "StackingRegressor",
    "TheilSenRegressor",
    "TransformedTargetRegressor",
    "TunedThresholdClassifierCV",
    "TweedieRegressor",
    "VotingClassifier",
    "VotingRegressor",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_for_the_search() {
        assert!(ELSEWHERE.is_sorted());
        assert!(known_elsewhere("RandomForestRegressor"));
        assert!(!known_elsewhere("DummyRegressor"));
        assert!(!known_elsewhere("RandomForestRegresor"));
    }

    #[test]
    fn notes_on_parameters_are_of_models_that_are_here() {
        for (model, parameter, _) in DEPRECATED.iter().chain(REMOVED) {
            assert!(super::super::named(model).is_some(), "{model}.{parameter}");
        }
        assert!(deprecated("LogisticRegression", "penalty").is_some());
        assert!(removed("LogisticRegression", "multi_class").is_some());
    }
}
