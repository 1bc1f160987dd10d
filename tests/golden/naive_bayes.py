"""Makes naive_bayes.json: what scikit-learn's GaussianNB and MultinomialNB learn, at once and block after block.

    python tests/golden/naive_bayes.py

Rows and blocks are those of sgd.py.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.naive_bayes import GaussianNB, MultinomialNB

from streamed import blocks, table

warnings.simplefilter("ignore")

# Each class has all its rows in one place of the sorted labels.
TWO, THREE = [0.25, 0.75], [0.5, 0.2, 0.3]


def variants():
    for target, priors in [("two", TWO), ("three", THREE)]:
        for weight in [None, "weight"]:
            yield GaussianNB, "x", target, {}, weight
            yield GaussianNB, "x", target, {"var_smoothing": 0.1}, weight
            yield GaussianNB, "counts", target, {"priors": priors}, weight
            yield MultinomialNB, "counts", target, {}, weight
            yield MultinomialNB, "counts", target, {"alpha": 0.0, "fit_prior": False}, weight
            yield MultinomialNB, "counts", target, {"alpha": 0.0, "force_alpha": False}, weight
            yield MultinomialNB, "counts", target, {"alpha": [0.5, 1.0, 0.1, 3.0], "class_prior": priors}, weight


def learned(model, features, target, params, weight, batch, data):
    made = model(**params)
    x, y = data[features], data[target]
    if batch is None:
        end = len(x) // 4
        made.fit(x[:end], y[:end], sample_weight=None if weight is None else data[weight][:end])
    else:
        for at in blocks(len(x), batch):
            made.partial_fit(x[at], y[at], np.unique(y), sample_weight=None if weight is None else data[weight][at])
    names = ["theta", "var", "epsilon"] if model is GaussianNB else ["feature_count", "class_log_prior"]
    found = {name: getattr(made, f"{name}_") for name in ["class_count", *names]}
    found["proba"], found["classes"] = made.predict_proba(x[:8]), made.predict(x[:8])
    return {key: np.asarray(value).tolist() for key, value in found.items()}


def main():
    data = table(700, 4)
    made = []
    for model, features, target, params, weight in variants():
        for batch in [None, 1, 7, 500]:
            if batch is not None and params.get("alpha") == 0.0 and "force_alpha" not in params:
                continue
            case = {"model": model.__name__, "features": features, "target": target, "weight": weight}
            expected = learned(model, features, target, params, weight, batch, data)
            made.append(json.dumps({**case, "params": params, "batch": batch, "expected": expected}))
    text = ",\n".join(made)
    text = f'{{"made_by": "scikit-learn {sklearn.__version__}",\n"rows": 700,\n"cases": [\n{text}]}}\n'
    Path(__file__).with_suffix(".json").write_text(text)


main()
