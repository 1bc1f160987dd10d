"""Makes sgd.json: what scikit-learn's SGDRegressor and SGDClassifier learn, at once and block after block.

    python tests/golden/sgd.py

The rows are made by a formula, which the test has too. What is learned with `batch` is of `partial_fit`, block after block of so
many rows; classes are those of the whole table from the first block on.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import SGDClassifier, SGDRegressor

from streamed import blocks, table

warnings.simplefilter("ignore")


def regressions():
    """Parameters and the name of the weights."""
    for loss in ["squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"]:
        for penalty in ["l2", "l1", "elasticnet", None]:
            yield {"loss": loss, "penalty": penalty, "alpha": 0.003}, None
    yield {"loss": "huber", "epsilon": 0.9}, "weight"
    for rate in ["constant", "optimal", "invscaling", "adaptive"]:
        yield {"learning_rate": rate, "alpha": 0.02, "eta0": 0.02}, None
        yield {"learning_rate": rate, "alpha": 0.02, "eta0": 0.02, "fit_intercept": False, "random_state": 3}, "weight"
    yield {"power_t": 0.6, "eta0": 0.1, "shuffle": False}, "weight"
    for rate in ["pa1", "pa2"]:
        yield {"loss": "epsilon_insensitive", "learning_rate": rate, "eta0": 0.1}, None
    yield {"average": True, "penalty": "elasticnet", "l1_ratio": 0.4}, None
    yield {"average": 300, "penalty": None}, "weight"
    yield {"average": 10**6}, None
    yield {"tol": None, "max_iter": 7, "random_state": 12345}, None
    yield {"n_iter_no_change": 2, "tol": 0.01, "alpha": 0.0}, "weight"


def classifications():
    losses = ["hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "squared_error", "huber"]
    for loss in losses + ["epsilon_insensitive", "squared_epsilon_insensitive"]:
        for target in ["two", "three"]:
            yield target, {"loss": loss, "alpha": 0.01}, None
    for penalty in ["l1", "elasticnet", None]:
        yield "two", {"penalty": penalty, "loss": "log_loss"}, "weight"
        yield "three", {"penalty": penalty, "loss": "modified_huber", "random_state": 3}, None
    for rate in ["constant", "invscaling", "adaptive"]:
        yield "two", {"learning_rate": rate, "eta0": 0.05, "loss": "log_loss"}, None
    for rate in ["pa1", "pa2"]:
        yield "two", {"learning_rate": rate, "eta0": 0.5}, None
        yield "three", {"learning_rate": rate, "eta0": 0.5}, "weight"
    yield "two", {"class_weight": {"yes": 3.0, "no": 0.5}, "loss": "log_loss"}, "weight"
    yield "three", {"class_weight": {"red": 4.0}, "fit_intercept": False}, None
    yield "three", {"shuffle": False, "loss": "log_loss", "epsilon": 0.3}, "weight"


def at_once():
    """What `fit` alone takes."""
    for state in [0, 5]:
        stopping = {"early_stopping": True, "random_state": state}
        yield SGDRegressor, "y", stopping, None
        yield SGDRegressor, "y", {**stopping, "validation_fraction": 0.25, "learning_rate": "adaptive"}, "weight"
        yield SGDClassifier, "two", {**stopping, "n_iter_no_change": 3}, None
        yield SGDClassifier, "two", {**stopping, "loss": "log_loss"}, "weight"
        yield SGDClassifier, "three", {**stopping, "loss": "modified_huber", "validation_fraction": 0.2}, "weight"
    yield SGDClassifier, "two", {"class_weight": "balanced"}, "weight"
    yield SGDClassifier, "three", {"class_weight": "balanced", "loss": "log_loss"}, None
    for target in ["two", "three"]:
        yield SGDClassifier, target, {"average": True, "loss": "log_loss"}, "weight"
        yield SGDClassifier, target, {"average": 1000}, None


def cases():
    for params, weight in regressions():
        for batch in [None, 1, 7, 500]:
            yield SGDRegressor, "y", params, weight, batch
    for target, params, weight in classifications():
        for batch in [None, 1, 7, 500]:
            yield SGDClassifier, target, params, weight, batch
    for model, target, params, weight in at_once():
        yield model, target, params, weight, None


def learned(model, target, params, weight, batch, data):
    made = model(**{"random_state": 0, **params})
    classes = {} if model is SGDRegressor else {"classes": np.unique(data[target])}
    if batch is None:
        # A quarter of the rows: passes are many.
        end = len(data["x"]) // 4
        made.fit(data["x"][:end], data[target][:end], sample_weight=None if weight is None else data[weight][:end])
    else:
        for at in blocks(len(data["x"]), batch):
            of_block = None if weight is None else data[weight][at]
            made.partial_fit(data["x"][at], data[target][at], sample_weight=of_block, **classes)
    found = {"coef": np.atleast_2d(made.coef_), "intercept": made.intercept_, "steps": made.t_ - 1}
    if model is SGDRegressor:
        found["values"] = made.predict(data["x"][:8])
    else:
        found["classes"] = made.predict(data["x"][:8])
        if made.loss in ("log_loss", "modified_huber"):
            found["proba"] = made.predict_proba(data["x"][:8])
    return {key: np.asarray(value).tolist() for key, value in found.items()}


def main():
    data = table(700, 4)
    made = []
    for model, target, params, weight, batch in cases():
        expected = learned(model, target, params, weight, batch, data)
        params = {"random_state": 0, **params}
        case = {"model": model.__name__, "target": target, "weight": weight, "params": params, "batch": batch}
        made.append(json.dumps({**case, "expected": expected}))
    text = ",\n".join(made)
    text = f'{{"made_by": "scikit-learn {sklearn.__version__}",\n"rows": 700, "features": 4,\n"cases": [\n{text}]}}\n'
    Path(__file__).with_suffix(".json").write_text(text)


main()
