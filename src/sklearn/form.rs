//! How each component is written in Python: where its class comes from, its call, and the function that gives it what it learned.
//!
//! Public attributes are set; what scikit-learn keeps in private ones it makes itself, by fitting on a row or two that leave no choice.

use super::literal::{self, Imports};
use super::part::Part;
use crate::contract::Value;
use crate::diag::{Code, Result};

/// The Python form of a class.
pub(super) struct Form {
    class: &'static str,
    module: &'static str,
    /// The function that gives it what it learned.
    pub helper: &'static Helper,
    /// What its call has beside the parameters, or instead of some.
    keywords: fn(&Part, &mut Imports) -> Vec<(&'static str, String)>,
}

/// A Python function.
pub(super) struct Helper {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Form {
    /// The form of a part's class.
    ///
    /// # Errors
    /// `NotSupported` with its name where there is none.
    pub fn of(part: &Part, what: &str) -> Result<&'static Self> {
        let form = FORMS.iter().find(|form| form.class == part.class);
        form.ok_or_else(|| {
            let message = format!("{what} `{}` has no scikit-learn form", part.class);
            Code::NotSupported.error(message).help("predict with `pipefit predict` or `pipefit serve`")
        })
    }

    /// The call that makes it, not fitted.
    pub fn call(&self, part: &Part, imports: &mut Imports) -> String {
        imports.add(self.module, self.class);
        let own = (self.keywords)(part, imports);
        let given = part.params.iter().filter(|(name, _)| own.iter().all(|(known, _)| known != name));
        let given: Vec<(String, String)> =
            given.map(|(name, value)| ((*name).to_owned(), literal::value(value, imports))).collect();
        let own = own.into_iter().map(|(name, text)| (name.to_owned(), text));
        literal::call(self.class, given.into_iter().chain(own))
    }
}

fn none(_: &Part, _: &mut Imports) -> Vec<(&'static str, String)> {
    Vec::new()
}

/// A parameter that is given.
fn given<'a>(part: &'a Part, name: &str) -> Option<&'a Value> {
    part.params.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Categories are text there, also those that look like numbers.
fn as_text(value: &Value) -> Value {
    match value {
        Value::Null => Value::Float(f64::NAN),
        value => Value::Text(value.to_string()),
    }
}

fn imputer(part: &Part, imports: &mut Imports) -> Vec<(&'static str, String)> {
    let labels =
        part.learned("labels").as_array().is_some_and(|labels| labels.iter().any(|label| !label.is_null()));
    let fill = given(part, "fill_value").filter(|value| labels && **value != Value::Null);
    fill.map(|value| ("fill_value", literal::value(&as_text(value), imports))).into_iter().collect()
}

/// The parameters of an encoder that list categories, one feature after another.
fn listed(part: &Part, imports: &mut Imports) -> Vec<(&'static str, String)> {
    let of_feature = |(j, value): (usize, &Value)| match value {
        Value::List(items) if part.has_labels(j) => Value::List(items.iter().map(as_text).collect()),
        value if part.has_labels(j) => as_text(value),
        value => value.clone(),
    };
    let mut keywords = Vec::new();
    for name in ["categories", "drop"] {
        if let Some(Value::List(items)) = given(part, name) {
            let items = Value::List(items.iter().enumerate().map(of_feature).collect());
            keywords.push((name, literal::value(&items, imports)));
        }
    }
    keywords
}

fn one_hot(part: &Part, imports: &mut Imports) -> Vec<(&'static str, String)> {
    let mut keywords = listed(part, imports);
    keywords.push(("sparse_output", "False".into()));
    keywords
}

fn scored(part: &Part, imports: &mut Imports) -> Vec<(&'static str, String)> {
    let Some(Value::Text(name)) = given(part, "score_func") else { return Vec::new() };
    imports.add("sklearn.feature_selection", name);
    vec![("score_func", name.clone())]
}

/// The class that a dummy always predicts: a number where classes are numbers.
fn constant(part: &Part, imports: &mut Imports) -> Vec<(&'static str, String)> {
    let Some(value) = given(part, "constant") else { return Vec::new() };
    let numeric = part.learned("labels").get("numeric").and_then(serde_json::Value::as_bool) == Some(true);
    let text = if numeric { value.to_string() } else { literal::value(&as_text(value), imports) };
    vec![("constant", text)]
}

const FORMS: &[Form] = &[
    Form { class: "SimpleImputer", module: "sklearn.impute", helper: &IMPUTER, keywords: imputer },
    Form { class: "StandardScaler", module: PREPROCESSING, helper: &STANDARD_SCALER, keywords: none },
    Form { class: "MinMaxScaler", module: PREPROCESSING, helper: &MIN_MAX_SCALER, keywords: none },
    Form { class: "MaxAbsScaler", module: PREPROCESSING, helper: &MAX_ABS_SCALER, keywords: none },
    Form { class: "RobustScaler", module: PREPROCESSING, helper: &ROBUST_SCALER, keywords: none },
    Form { class: "PolynomialFeatures", module: PREPROCESSING, helper: &POLYNOMIAL, keywords: none },
    Form { class: "OneHotEncoder", module: PREPROCESSING, helper: &ENCODER, keywords: one_hot },
    Form { class: "OrdinalEncoder", module: PREPROCESSING, helper: &ENCODER, keywords: listed },
    Form { class: "VarianceThreshold", module: SELECTION, helper: &VARIANCES, keywords: none },
    Form { class: "SelectKBest", module: SELECTION, helper: &SCORES, keywords: scored },
    Form { class: "PCA", module: "sklearn.decomposition", helper: &PCA, keywords: none },
    Form { class: "LinearRegression", module: LINEAR, helper: &REGRESSION, keywords: none },
    Form { class: "Ridge", module: LINEAR, helper: &REGRESSION, keywords: none },
    Form { class: "RidgeCV", module: LINEAR, helper: &REGRESSION, keywords: none },
    Form { class: "Lasso", module: LINEAR, helper: &REGRESSION, keywords: none },
    Form { class: "ElasticNet", module: LINEAR, helper: &REGRESSION, keywords: none },
    Form { class: "LassoCV", module: LINEAR, helper: &REGRESSION, keywords: none },
    Form { class: "ElasticNetCV", module: LINEAR, helper: &REGRESSION, keywords: none },
    Form { class: "LogisticRegression", module: LINEAR, helper: &LOGISTIC, keywords: none },
    Form { class: "DummyRegressor", module: "sklearn.dummy", helper: &DUMMY_REGRESSOR, keywords: none },
    Form { class: "DummyClassifier", module: "sklearn.dummy", helper: &DUMMY_CLASSIFIER, keywords: constant },
];

const PREPROCESSING: &str = "sklearn.preprocessing";
const SELECTION: &str = "sklearn.feature_selection";
const LINEAR: &str = "sklearn.linear_model";

const IMPUTER: Helper = Helper {
    name: "imputer",
    text: r#"def imputer(step, part, first):
    """Fitted on two rows: what is filled in, then the holes of features with an indicator."""
    labels = [np.nan if label is None else label for label in part["labels"]]
    fills = part["numbers"] if all(label is None for label in part["labels"]) else np.array(labels, dtype=object)
    holes = fills.copy()
    holes[part["indicators"]] = np.nan
    rows = np.array([fills, holes], dtype=fills.dtype)
    step.fit(pd.DataFrame(rows, columns=part["names"], dtype=fills.dtype) if first else rows)
"#,
};

const STANDARD_SCALER: Helper = Helper {
    name: "standard_scaler",
    text: r#"def standard_scaler(step, part, first):
    step.mean_, step.scale_ = part["mean"], part["scale"]
    step.var_ = step.scale_**2
    tell_features(step, part, first)
"#,
};

const MIN_MAX_SCALER: Helper = Helper {
    name: "min_max_scaler",
    text: r#"def min_max_scaler(step, part, first):
    step.min_, step.scale_ = part["min"], part["scale"]
    tell_features(step, part, first)
"#,
};

const MAX_ABS_SCALER: Helper = Helper {
    name: "max_abs_scaler",
    text: r#"def max_abs_scaler(step, part, first):
    step.scale_ = step.max_abs_ = part["scale"]
    tell_features(step, part, first)
"#,
};

const ROBUST_SCALER: Helper = Helper {
    name: "robust_scaler",
    text: r#"def robust_scaler(step, part, first):
    step.center_, step.scale_ = part["center"], part["scale"]
    tell_features(step, part, first)
"#,
};

const POLYNOMIAL: Helper = Helper {
    name: "polynomial_features",
    text: r#"def polynomial_features(step, part, first):
    """Fitted on a row of zeros: it learns the number of features."""
    rows = np.zeros((1, len(part["names"])))
    step.fit(pd.DataFrame(rows, columns=part["names"]) if first else rows)
"#,
};

const ENCODER: Helper = Helper {
    name: "encoder",
    text: r#"def encoder(step, part, first):
    """Fitted on one row, with the categories that were learned."""
    categories = []
    for j in range(len(part["names"])):
        known = part[f"{j}.categories"]
        values = known["labels"][0] if known["labels"] else part[f"{j}.numbers"].tolist()
        missing = [np.nan] if known["missing"] else []
        categories.append(np.array([*values, *missing], dtype=object if known["labels"] else float))
    row = pd.DataFrame({name: known[:1] for name, known in zip(part["names"], categories)})
    for name, known in zip(part["names"], categories):
        row[name] = pd.Series(known[:1], dtype=known.dtype)
    step.set_params(categories=categories).fit(row if first else row.to_numpy())
"#,
};

const VARIANCES: Helper = Helper {
    name: "variance_threshold",
    text: r#"def variance_threshold(step, part, first):
    """The variances themselves are not kept: beyond the threshold, or none."""
    step.variances_ = np.where(part["keep"], np.inf, 0.0)
    tell_features(step, part, first)
"#,
};

const SCORES: Helper = Helper {
    name: "select_k_best",
    text: r#"def select_k_best(step, part, first):
    """The scores themselves are not kept: 1 for the best, or 0."""
    step.scores_ = np.where(part["keep"], 1.0, 0.0)
    tell_features(step, part, first)
"#,
};

const PCA: Helper = Helper {
    name: "pca",
    text: r#"def pca(step, part, first):
    step.mean_, step.components_, step.n_components_ = part["mean"], part["components"], len(part["components"])
    step.explained_variance_, step.singular_values_ = part["explained_variance"], part["singular_values"]
    step.explained_variance_ratio_ = part["explained_variance_ratio"]
    tell_features(step, part, first)
"#,
};

const REGRESSION: Helper = Helper {
    name: "regression",
    text: r#"def regression(model, part):
    model.coef_, model.intercept_ = part["coef"].ravel(), part["intercept"].item()
    model.n_features_in_ = len(model.coef_)
    chosen = part.get("best", part.get("path", {}))
    if "alpha" in chosen:
        model.alpha_ = np.ravel(chosen["alpha"]).item()
    if chosen.get("l1_ratio") is not None:
        model.l1_ratio_ = chosen["l1_ratio"]
"#,
};

const LOGISTIC: Helper = Helper {
    name: "logistic_regression",
    text: r#"def logistic_regression(model, part):
    model.classes_ = classes(part["labels"])[part["present"]]
    model.coef_, model.intercept_ = np.ascontiguousarray(part["coef"].T), part["intercept"]
    model.n_features_in_, model.n_iter_ = len(part["coef"]), np.array([part["iterations"]])
"#,
};

const DUMMY_REGRESSOR: Helper = Helper {
    name: "dummy_regressor",
    text: r#"def dummy_regressor(model, part):
    model.fit(np.zeros((1, 1)), part["constant"])
"#,
};

const DUMMY_CLASSIFIER: Helper = Helper {
    name: "dummy_classifier",
    text: r#"def dummy_classifier(model, part):
    labels = classes(part["labels"])
    model.fit(np.zeros((len(labels), 1)), labels)
    model.class_prior_ = part["prior"]
"#,
};
