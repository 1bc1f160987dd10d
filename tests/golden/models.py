"""Makes models.json: what scikit-learn's models learn from small tables.

    python tests/golden/models.py

Logistic regressions come from newton-cholesky at tol 1e-12, ridges from the SVD, lassos and elastic nets from
coordinate descent that goes on until nothing moves, proved exact where one is fitted by itself; multinomial
intercepts (and without a penalty the coefficients) are centred to sum 0 over the classes, since only
their differences are determined.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import (
    ElasticNet, ElasticNetCV, Lasso, LassoCV, LinearRegression, LogisticRegression, Ridge, RidgeCV,
)
from sklearn.model_selection import KFold

import exact

warnings.simplefilter("ignore")


def cell(i, j, seed):
    """A number of three decimals in [-0.5, 0.5), the same in every language."""
    x = (i * 2654435761 + j * 2246822519 + seed * 3266489917 + 374761393) % 2**32
    for _ in range(2):
        x ^= x >> 15
        x = x * 2246822519 % 2**32
        x ^= x >> 13
    return (x % 1000 - 500) / 1000


def matrix(n, p, seed):
    return np.array([[cell(i, j, seed) for j in range(p)] for i in range(n)])


def targets(x, seed):
    """A number, three numbers, two and three classes, and weights, for the rows of x."""
    n, p = x.shape
    z = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    noise = matrix(n, 6, seed + 100)
    beta = matrix(p, 3, seed + 200) * 4
    y3 = np.round(z @ beta + 0.8 * noise[:, :3] + [3, -1, 0.25], 3)
    score = z @ beta[:, 0] + 6 * noise[:, 3]
    scores = np.column_stack([0.7 * z @ beta + 5 * noise[:, 3:6]])
    words = np.array(["green", "blue", "red"])
    return {
        "y": y3[:, 0].tolist(),
        "y3": y3.T.tolist(),
        "two": [int(v) for v in score > 0],
        "yesno": [("yes" if v > 0 else "no") for v in score],
        "three": words[scores.argmax(1)].tolist(),
        "weight": np.round(0.1 + 2 * (noise[:, 4] + 0.5), 3).tolist(),
        "counts": [float(v) for v in np.floor(4 * (noise[:, 5] + 0.5))],
    }


def tables():
    plain = matrix(48, 4, 1) * [1, 20, 0.3, 5] + [0, 100, 1, -2]
    level = np.array([int(3 * (cell(i, 9, 2) + 0.5)) for i in range(45)])
    onehot = np.column_stack([level == 0, level == 1, level == 2, matrix(45, 2, 3)]).astype(float)
    a = matrix(30, 1, 4)[:, 0]
    double = np.column_stack([a, 2 * a, matrix(30, 1, 5)])
    wide = matrix(9, 14, 6)
    constant = np.column_stack([matrix(32, 2, 7), np.full(32, 7.0), np.zeros(32)])
    offset = matrix(40, 3, 8) + [1000, -2000, 500]
    alone = matrix(25, 1, 9)
    made = dict(plain=plain, onehot=onehot, double=double, wide=wide, constant=constant, offset=offset, alone=alone)
    return {name: {"x": np.round(x, 3).T, **targets(x, k)} for k, (name, x) in enumerate(made.items())}


def cases():
    none = {}
    for data in ["plain", "onehot", "double", "wide", "constant", "offset", "alone"]:
        yield LinearRegression, data, "y", None, none
    for data in ["plain", "wide", "constant", "double"]:
        yield LinearRegression, data, "y", None, {"fit_intercept": False}
    for data in ["plain", "onehot", "offset"]:
        yield LinearRegression, data, "y", "weight", none
    yield LinearRegression, "plain", "y", "counts", none
    yield LinearRegression, "plain", "y", "weight", {"fit_intercept": False}
    yield LinearRegression, "plain", "y3", None, none
    yield LinearRegression, "onehot", "y3", "weight", none

    for alpha in [0.0, 0.01, 1.0, 100.0]:
        yield Ridge, "plain", "y", None, {"alpha": alpha}
    for data in ["onehot", "double", "wide", "constant", "offset", "alone"]:
        yield Ridge, data, "y", None, none
    yield Ridge, "double", "y", None, {"alpha": 0.0}
    yield Ridge, "wide", "y", None, {"alpha": 0.5, "fit_intercept": False}
    yield Ridge, "plain", "y", "weight", {"alpha": 3.0}
    yield Ridge, "plain", "y", "counts", {"alpha": 3.0, "fit_intercept": False}
    yield Ridge, "plain", "y3", "weight", {"alpha": 0.3}
    yield Ridge, "wide", "y3", None, {"alpha": 2.0}

    for alpha in [0.0, 0.01, 0.3, 1.0, 100.0]:
        yield Lasso, "plain", "y", None, {"alpha": alpha}
        yield ElasticNet, "plain", "y", "weight", {"alpha": alpha}
    for data in ["onehot", "double", "wide", "constant", "offset", "alone"]:
        yield Lasso, data, "y", None, {"alpha": 0.1}
        yield ElasticNet, data, "y", None, {"alpha": 0.2, "l1_ratio": 0.7}
    for data in ["plain", "wide", "double"]:
        yield Lasso, data, "y", None, {"alpha": 0.05, "fit_intercept": False}
        yield Lasso, data, "y", "weight", {"alpha": 0.05, "positive": True}
        yield ElasticNet, data, "y", "counts", {"alpha": 0.05, "l1_ratio": 0.1}
        yield ElasticNet, data, "y", None, {"alpha": 0.1, "l1_ratio": 0.0}
    yield Lasso, "plain", "y3", "weight", {"alpha": 0.2}
    yield Lasso, "plain", "y", "counts", {"alpha": 0.2, "fit_intercept": False}
    yield ElasticNet, "wide", "y3", None, {"alpha": 0.2}
    yield ElasticNet, "plain", "y", None, {"alpha": 0.1, "positive": True, "l1_ratio": 1.0}
    yield ElasticNet, "offset", "y", None, {"alpha": 0.0, "positive": True}

    for data in ["plain", "double", "wide", "constant", "offset", "alone"]:
        yield LassoCV, data, "y", None, none if data == "plain" else {"alphas": 20}
        yield ElasticNetCV, data, "y", "weight", {"alphas": 15, "cv": 3, "l1_ratio": [0.2, 0.9]}
    yield LassoCV, "plain", "y", "weight", {"cv": 4, "alphas": [0.01, 1.0, 0.1, 0.003], "fit_intercept": False}
    yield LassoCV, "onehot", "y", "counts", {"cv": 3, "alphas": 12, "eps": 0.01}
    yield LassoCV, "plain", "y", None, {"positive": True, "alphas": 30}
    yield LassoCV, "plain", "y", "weight", {"cv": KFold(4, shuffle=True, random_state=3), "alphas": 30}
    yield ElasticNetCV, "plain", "y", None, {"l1_ratio": 0.0, "alphas": [0.1, 0.01], "cv": 6}
    yield ElasticNetCV, "onehot", "y", None, {"l1_ratio": 0.3, "alphas": 25}

    for data in ["plain", "onehot", "double", "wide", "constant", "offset", "alone"]:
        yield RidgeCV, data, "y", None, none
        yield RidgeCV, data, "y", "weight", {"alphas": [0.01, 0.5, 30.0], "cv": 3}
        yield RidgeCV, data, "y", "weight", {"alphas": [0.003, 0.07, 2.0], "scoring": "r2"}
    yield RidgeCV, "plain", "y", "weight", {"alphas": [0.3, 0.1, 3.0], "fit_intercept": False}
    yield RidgeCV, "wide", "y", "weight", {"alphas": [0.3, 0.1, 3.0]}
    yield RidgeCV, "wide", "y3", "weight", {"alphas": [0.3, 0.1, 3.0, 20.0], "alpha_per_target": True}
    yield RidgeCV, "plain", "y3", None, {"alphas": [0.3, 0.1, 3.0], "scoring": "neg_mean_absolute_error"}
    yield RidgeCV, "plain", "y3", "weight", {"alphas": [0.2, 2.0], "scoring": "r2", "alpha_per_target": True}
    yield RidgeCV, "plain", "y3", "counts", {"alphas": [0.0, 2.0], "cv": 6, "scoring": "neg_mean_squared_error"}
    yield RidgeCV, "offset", "y", None, {"alphas": [5.0], "cv": KFold(4, shuffle=True, random_state=3)}

    for c in [0.01, 1.0, 1000.0, float("inf")]:
        yield LogisticRegression, "plain", "two", None, {"C": c}
    for data in ["onehot", "double", "wide", "constant", "alone"]:
        yield LogisticRegression, data, "two", None, none
    yield LogisticRegression, "offset", "yesno", None, {"C": 10.0}
    yield LogisticRegression, "plain", "yesno", None, {"fit_intercept": False}
    yield LogisticRegression, "plain", "two", "weight", none
    yield LogisticRegression, "plain", "two", "counts", {"class_weight": "balanced"}
    yield LogisticRegression, "plain", "two", None, {"class_weight": "balanced", "C": 0.5}
    yield LogisticRegression, "plain", "two", "weight", {"class_weight": {0: 3.0}}
    yield LogisticRegression, "plain", "yesno", None, {"class_weight": {"yes": 2.5, "no": 0.5}}
    for c in [0.1, 1.0, float("inf")]:
        yield LogisticRegression, "plain", "three", None, {"C": c}
    for data in ["onehot", "wide", "alone"]:
        yield LogisticRegression, data, "three", None, none
    yield LogisticRegression, "plain", "three", "weight", none
    yield LogisticRegression, "plain", "three", "weight", {"class_weight": "balanced"}
    yield LogisticRegression, "plain", "three", None, {"class_weight": {"red": 4.0}}
    yield LogisticRegression, "onehot", "three", "counts", {"fit_intercept": False}

    for weight in [None, "weight", "counts"]:
        yield DummyRegressor, "plain", "y", weight, none
        yield DummyRegressor, "plain", "y3", weight, {"strategy": "median"}
        for q in [0.0, 0.3, 1.0]:
            yield DummyRegressor, "plain", "y", weight, {"strategy": "quantile", "quantile": q}
        yield DummyClassifier, "plain", "three", weight, none
    yield DummyRegressor, "plain", "y", None, {"strategy": "constant", "constant": 2.5}
    yield DummyClassifier, "plain", "two", None, {"strategy": "most_frequent"}
    yield DummyClassifier, "plain", "two", None, {"strategy": "constant", "constant": 1}


HOW = {
    LogisticRegression: {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000},
    Ridge: {"solver": "svd"},
    Lasso: {"tol": 0, "max_iter": 100_000},
    ElasticNet: {"tol": 0, "max_iter": 100_000},
    LassoCV: {"tol": 0, "max_iter": 20_000, "precompute": False},
    ElasticNetCV: {"tol": 0, "max_iter": 20_000, "precompute": False},
    RidgeCV: {"gcv_mode": "svd"},
}


def outcome(model, data, target, weight, params):
    x = np.array(data["x"]).T
    y = np.array(data[target]).T
    fitted = model(**params, **HOW.get(model, {})).fit(x, y, None if weight is None else np.array(data[weight]))
    if model in (Lasso, ElasticNet, LassoCV, ElasticNetCV):
        exact.check_penalised(fitted, x, y, None if weight is None else np.array(data[weight]))
    found = {"facts": {}}
    for name in ["alpha", "l1_ratio", "best_score"]:
        if hasattr(fitted, f"{name}_"):
            found["facts"][name] = np.asarray(getattr(fitted, f"{name}_")).tolist()
    if hasattr(fitted, "mse_path_"):
        found["facts"]["mse_path"] = fitted.mse_path_.mean(-1).tolist()
    if hasattr(fitted, "coef_"):
        found["coef"] = np.atleast_2d(fitted.coef_)
        found["intercept"] = np.broadcast_to(np.ravel(fitted.intercept_), len(found["coef"]))
    if model is LogisticRegression and len(fitted.classes_) > 2:
        found["intercept"] = found["intercept"] - found["intercept"].mean()
        if fitted.C == float("inf"):
            found["coef"] = found["coef"] - found["coef"].mean(0)
    if hasattr(fitted, "classes_"):
        found["proba"] = fitted.predict_proba(x[:8]).T
        found["classes"] = [str(label) for label in fitted.predict(x[:8])]
    else:
        found["values"] = fitted.predict(x[:8]).reshape(8, -1).T
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in found.items()}


def written(params):
    """Parameters as a pipeline file has them: keys are text, infinity is .inf."""
    def one(value):
        if isinstance(value, dict):
            return {str(key): v for key, v in value.items()}
        if isinstance(value, KFold):
            folds = {"n_splits": value.n_splits, "shuffle": value.shuffle, "random_state": value.random_state}
            return {"KFold": folds}
        return ".inf" if value == float("inf") else value

    return {key: one(value) for key, value in params.items()}


def main():
    data = tables()
    made = []
    for model, name, target, weight, params in cases():
        case = {"model": model.__name__, "data": name, "target": target, "weight": weight, "params": written(params)}
        made.append({**case, "expected": outcome(model, data[name], target, weight, params)})
    for table in data.values():
        table["x"] = table["x"].tolist()
    tables_as_lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(table)}" for name, table in data.items())
    cases_as_lines = ",\n".join(json.dumps(case) for case in made)
    text = f'{{"made_by": "scikit-learn {sklearn.__version__}",\n"data": {{\n{tables_as_lines}}},\n"cases": [\n{cases_as_lines}]}}\n'
    Path(__file__).with_suffix(".json").write_text(text)


main()
