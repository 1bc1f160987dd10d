"""Build with scikit-learn, by class name, the pipeline that a pipeline file describes."""

from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet, ElasticNetCV, Lasso, LassoCV, LinearRegression, LogisticRegression, Ridge, RidgeCV,
)
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, RobustScaler, StandardScaler,
)

STEPS = [
    SimpleImputer, StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, PolynomialFeatures, OneHotEncoder, OrdinalEncoder,
    VarianceThreshold, SelectKBest, PCA,
]
MODELS = [
    LinearRegression, Ridge, RidgeCV, Lasso, ElasticNet, LassoCV, ElasticNetCV, LogisticRegression, DummyRegressor,
    DummyClassifier,
]
SPLITTERS = [KFold, StratifiedKFold]
FUNCTIONS = {"f_classif": f_classif, "f_regression": f_regression}

# Where a golden must be nearer to the optimum than scikit-learn's default solver goes. Dense blocks always: a sparse
# design sends Ridge to an iterative solver.
EXACT = {
    LogisticRegression: {"solver": "newton-cholesky", "tol": 1e-14, "max_iter": 1000},
    Ridge: {"solver": "svd"},
    RidgeCV: {"gcv_mode": "svd"},
    **{model: {"tol": 0, "max_iter": 20_000} for model in (Lasso, ElasticNet)},
    **{model: {"tol": 0, "max_iter": 5_000, "precompute": False} for model in (LassoCV, ElasticNetCV)},
    OneHotEncoder: {"sparse_output": False},
    PCA: {"svd_solver": "full"},
}
TUPLES = ["feature_range", "quantile_range"]
KEYS = {
    "version", "name", "params", "seed", "source", "schema", "target", "roles", "preprocess", "select", "model", "cv",
    "scoring", "output",
}


def named(component):
    """`Name` or `{Name: {parameters}}` as a name and parameters."""
    if isinstance(component, str):
        return component, {}
    (name, parameters), = component.items()
    return name, dict(parameters or {})


def made(component, classes, **extra):
    """An instance of the class that a component names."""
    name, parameters = named(component)
    made_from = {one.__name__: one for one in classes}[name]
    if "score_func" in parameters:
        parameters["score_func"] = FUNCTIONS[parameters["score_func"]]
    parameters |= {name: tuple(parameters[name]) for name in TUPLES if name in parameters}
    if parameters.get("handle_unknown") == "infrequent_if_exist":
        raise ValueError("handle_unknown: infrequent_if_exist is not part of this release")
    return made_from(**{**EXACT.get(made_from, {}), **extra, **parameters})


def chosen(columns, types):
    """The names of the columns that a group's selector takes, in table order."""
    if isinstance(columns, list):
        return columns
    without = columns.get("except", [])
    return [name for name, kind in types.items() if kind == columns["type"] and name not in without]


def preprocessing(section, table):
    """The preprocess section: a list over all features, or groups of columns."""
    if isinstance(section, list):
        return make_pipeline(*(made(step, STEPS) for step in section))
    groups = dict(section)
    remainder = groups.pop("remainder", "drop")
    types = {name: table.types[name] for name in table.features.columns}
    transformers = []
    for name, group in groups.items():
        steps = [made(step, STEPS) for step in group["steps"]]
        columns = chosen(group["columns"], types)
        if columns:
            transformers.append((name, make_pipeline(*steps), columns))
    return ColumnTransformer(transformers, remainder=remainder, sparse_threshold=0)


def pipeline(spec, table):
    """The whole pipeline, unfitted."""
    if unknown := set(spec) - KEYS:
        raise ValueError(f"sections that goldens do not cover: {sorted(unknown)}")
    steps = []
    if spec.get("preprocess"):
        steps.append(("preprocess", preprocessing(spec["preprocess"], table)))
    if spec.get("select"):
        select = spec["select"] if isinstance(spec["select"], list) else [spec["select"]]
        steps.append(("select", make_pipeline(*(made(step, STEPS) for step in select))))
    return Pipeline([*steps, ("model", made(spec["model"], MODELS))])


def splitter(spec, classifier):
    """The splitter: a number means what it means in scikit-learn; an unwritten random_state is the file's seed."""
    cv = spec.get("cv", 5)
    if isinstance(cv, int):
        return StratifiedKFold(cv) if classifier else KFold(cv)
    name, parameters = named(cv)
    extra = {"random_state": spec.get("seed", 0)} if parameters.get("shuffle") else {}
    return made(cv, SPLITTERS, **extra)
