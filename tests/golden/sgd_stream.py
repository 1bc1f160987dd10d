"""Makes sgd_stream.json: what pipelines of scikit-learn know after a stream of blocks.

    python tests/golden/sgd_stream.py

Each block is first learned by the step (`partial_fit`), then transformed by it, then learned by the model. Where a step has no
`partial_fit`, it is fitted on all rows up to the block, and the coefficient of a level that comes later is 0 before.

Classifiers have an `alpha` of 0.01 and more: at 1e-4 the first steps of `learning_rate: optimal` are so long that the last bit of a scaled
feature comes out as the sixth digit of a coefficient.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, StandardScaler

from streamed import blocks, table

warnings.simplefilter("ignore")


def cases():
    for batch in [1, 7, 50, 500]:
        for step in [StandardScaler, MaxAbsScaler]:
            yield step, SGDRegressor, "y", {"random_state": 0}, batch
            yield step, SGDRegressor, "y", {"penalty": "l1", "average": 100, "random_state": 5}, batch
            yield step, SGDClassifier, "two", {"loss": "log_loss", "alpha": 0.01, "random_state": 0}, batch
            yield step, SGDClassifier, "three", {"loss": "modified_huber", "alpha": 0.05, "random_state": 0}, batch
        yield StandardScaler, GaussianNB, "two", {}, batch
        yield StandardScaler, GaussianNB, "three", {"var_smoothing": 0.01}, batch
        yield MinMaxScaler, MultinomialNB, "three", {"alpha": 0.5}, batch
        yield MinMaxScaler, SGDRegressor, "y", {"random_state": 0}, batch


def learned(step, model, target, params, batch, data):
    step, made = step(), model(**params)
    classes = {} if target == "y" else {"classes": np.unique(data[target])}
    truth, predicted, proba = [], [], []
    for at in blocks(700, batch)[: 700 // batch]:
        if at.start > 0:
            x = step.transform(data["x"][at])
            truth.extend(data[target][at])
            predicted.extend(made.predict(x))
            proba.extend([] if target == "y" else made.predict_proba(x))
        x = step.partial_fit(data["x"][at]).transform(data["x"][at])
        made.partial_fit(x, data[target][at], **classes)
    x = step.transform(data["x"][:8])
    names = ["coef", "intercept"] if hasattr(made, "coef_") else ["class_count"]
    found = {name: getattr(made, f"{name}_") for name in names}
    if target == "y":
        found["values"] = made.predict(x)
    else:
        found["proba"] = made.predict_proba(x)
    # A single row has no variance: scikit-learn predicts NaN then.
    if truth and not (batch == 1 and model is GaussianNB):
        if target == "y":
            found["score"] = [r2_score(truth, predicted)]
        else:
            found["score"] = [accuracy_score(truth, predicted), log_loss(truth, proba, labels=made.classes_)]
    return {key: np.asarray(value).tolist() for key, value in found.items()}


def holes(data):
    """Numbers with missing ones, and labels of which one comes late, learned in blocks of 50."""
    x = data["x"][:, :2].copy()
    x[data["x"][:, 3] > 1.4, 0] = np.nan
    x[:60, 0] = data["x"][:60, 0]
    words = np.where(data["x"][:, 2] > 0.5, "north", np.where(np.arange(700) < 300, "east", "south")).astype(object)
    made, columns = SGDRegressor(random_state=0), []
    for at in blocks(700, 50):
        steps = ColumnTransformer([
            ("num", make_pipeline(SimpleImputer(), StandardScaler()), [0, 1]),
            ("cat", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [2]),
        ])
        both = np.column_stack([x.astype(object), words])
        steps.fit(both[: at.stop])
        now = steps.get_feature_names_out().tolist()
        if columns and now != columns:
            made.coef_ = np.array([made.coef_[columns.index(name)] if name in columns else 0.0 for name in now])
            made.n_features_in_ = len(now)
        columns = now
        made.partial_fit(steps.transform(both[at]).astype(float), data["y"][at])
    return {"coef": made.coef_.tolist(), "intercept": made.intercept_.tolist(), "features": len(columns)}


def main():
    data = table(700, 4)
    made = []
    for step, model, target, params, batch in cases():
        case = {"step": step.__name__, "model": model.__name__, "target": target, "params": params, "batch": batch}
        made.append(json.dumps({**case, "expected": learned(step, model, target, params, batch, data)}))
    text = ",\n".join(made)
    text = f'{{"made_by": "scikit-learn {sklearn.__version__}",\n"holes": {json.dumps(holes(data))},\n"cases": [\n{text}]}}\n'
    Path(__file__).with_suffix(".json").write_text(text)


main()
