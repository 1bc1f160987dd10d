"""Write metric_cases.json: what scikit-learn's scorers say where metrics.json does not ask.

    python tests/golden/metric_cases.py

`targets`: several targets at once. `blocks`: so many rows that sums run over several blocks; the inputs follow from
`cell`, which the test repeats. `scorers`: the scorer itself on a classifier, so that labels of every type, and the choice
between decision values and probabilities, are scikit-learn's. `expected` null is undefined, `refused` an error for these
labels.
"""

import json
import sys
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin

warnings.simplefilter("ignore")

REGRESSION = {
    "r2": metrics.r2_score,
    "neg_mean_squared_error": lambda *a, **k: -metrics.mean_squared_error(*a, **k),
    "neg_root_mean_squared_error": lambda *a, **k: -metrics.root_mean_squared_error(*a, **k),
    "neg_mean_absolute_error": lambda *a, **k: -metrics.mean_absolute_error(*a, **k),
}


def cell(i, seed):
    """A number of three decimals in [-0.5, 0.5), the same in every language."""
    x = (i * 2654435761 + seed * 3266489917 + 374761393) % 2**32
    for _ in range(2):
        x ^= x >> 15
        x = x * 2246822519 % 2**32
        x ^= x >> 13
    return (x % 1000 - 500) / 1000


def column(n, seed):
    return np.array([cell(i, seed) for i in range(n)])


def finite(number):
    return float(number) if np.isfinite(number) else None


def targets():
    """Two to four targets, with and without weights, one of them constant, exact, or tiny."""
    for case in range(12):
        n, t = 5 + case, 2 + case % 3
        y = np.stack([column(n, 10 * case + j) for j in range(t)], axis=1)
        prediction = y + 0.5 * np.stack([column(n, 500 + 10 * case + j) for j in range(t)], axis=1)
        words = ["plain"]
        if case % 4 == 1:
            y[:, 0] = 2.0
            words = ["a constant target"]
        if case % 4 == 2:
            prediction[:, 1] = y[:, 1]
            words = ["an exact target"]
        if case % 4 == 3:
            y[:, 0] = prediction[:, 0] = 2.0
            y[:, 1] *= 2.0**-40
            prediction[:, 1] *= 2.0**-40
            words = ["a constant exact target, and a tiny one"]
        weight = column(n, 900 + case) + 0.5 if case % 2 else None
        for name, function in REGRESSION.items():
            yield {
                "metric": name, "case": words[0], "y": y.T.tolist(), "prediction": prediction.T.tolist(),
                "weight": None if weight is None else weight.tolist(),
                "expected": function(y, prediction, sample_weight=weight),
            }  # fmt: skip


def exact_r2(y, prediction, weight):
    """R2 of one target in rational arithmetic."""
    y, prediction, weight = ([Fraction(float(v)) for v in values] for values in (y, prediction, weight))
    mean = sum(w * v for w, v in zip(weight, y)) / sum(weight)
    residual = sum(w * (v - p) ** 2 for w, v, p in zip(weight, y, prediction))
    return float(1 - residual / sum(w * (v - mean) ** 2 for w, v in zip(weight, y)))


def blocks():
    """Sizes about one and two blocks of 2,048 rows, and more; targets far from 0, where r2 is the exact one."""
    for case, (n, shift, weighted) in enumerate([
        (2047, 0.0, False), (2048, 0.0, True), (2049, 0.0, False), (4097, 0.0, True), (10000, 0.0, False),
        (5000, 1e6, False), (5000, 1e9, True), (3000, 2.0**40, False),
    ]):  # fmt: skip
        # Added to a great shift most decimals go; what is left is what both sides see.
        y = shift + column(n, 3 * case)
        prediction = y + 0.25 * column(n, 3 * case + 1)
        weight = column(n, 3 * case + 2) + 0.5 if weighted else None
        for name, function in REGRESSION.items():
            found = function(y, prediction, sample_weight=weight)
            if name == "r2":
                theirs, found = found, exact_r2(y, prediction, np.ones(n) if weight is None else weight)
                assert abs(theirs - found) < 1e-12 or abs(shift) > 1e6, (n, shift, theirs, found)
            yield {"metric": name, "rows": n, "shift": shift, "seed": 3 * case, "weighted": weighted, "expected": found}
        if shift:
            continue
        # Classes and scores: ties everywhere, since there are a thousand values at most.
        truth = (column(n, 3 * case) > 0.1).astype(int)
        score = column(n, 3 * case + 1) + 0.25 * truth
        proba = np.stack([0.5 - 0.5 * score, 0.5 + 0.5 * score], axis=1)
        said = (score > 0).astype(int)
        for name, found in {
            "accuracy": metrics.accuracy_score(truth, said, sample_weight=weight),
            "f1": metrics.f1_score(truth, said, sample_weight=weight),
            "roc_auc": metrics.roc_auc_score(truth, score, sample_weight=weight),
            "neg_log_loss": -metrics.log_loss(truth, proba, sample_weight=weight),
        }.items():
            yield {"metric": name, "rows": n, "shift": 0.0, "seed": 3 * case, "weighted": weighted, "expected": found}


class Said(ClassifierMixin, BaseEstimator):
    """A classifier that says what it is told, and has only the methods that it is given values for."""

    def __init__(self, classes, codes, proba, decision):
        self.classes_ = classes
        self.codes = codes
        self.n_features_in_ = 1
        if proba is not None:
            self.predict_proba = self.named("predict_proba", proba)
        if decision is not None:
            self.decision_function = self.named("decision_function", decision)

    @staticmethod
    def named(name, values):
        method = lambda x: values  # noqa: E731
        method.__name__ = name
        return method

    def predict(self, x):
        return self.classes_[self.codes]


LABELS = [
    (["0", "1"], "number"), (["no", "yes"], "text"), (["False", "True"], "bool"), (["-1", "1"], "number"),
    (["1", "2"], "number"), (["2", "3"], "number"), (["true", "unknown"], "text"), (["1", "x"], "text"),
    (["0", "1", "2"], "number"), (["a", "b", "c"], "text"),
]  # fmt: skip


def array_of(labels, kind):
    """The classes as scikit-learn sees them: numbers, booleans or strings."""
    if kind == "bool":
        return np.array([label == "True" for label in labels])
    return np.array([int(label) for label in labels]) if kind == "number" else np.array(labels)


def scorers():
    """Every classification scorer on every kind of labels, from probabilities, decision values, or both."""
    for case, (labels, kind) in enumerate(LABELS * 3):
        n, k, part = 12, len(labels), case // len(LABELS)
        classes = array_of(labels, kind)
        truth = np.array([int(1000 * (cell(i, case) + 0.5)) % k for i in range(n)])
        truth[:k] = range(k)
        raw = np.stack([column(n, 100 * case + j) + 0.6 for j in range(k)], axis=1)
        proba = raw / raw.sum(axis=1, keepdims=True)
        # Decisions that rank otherwise than the probabilities do, so that the choice shows.
        decision = column(n, 777 + case)
        if k > 2:
            decision = np.stack([column(n, 777 + case + j) for j in range(k)], axis=1)
        has_proba, has_decision = part != 1, part != 0
        weight = column(n, 333 + case) + 0.5 if case % 2 else None
        codes = raw.argmax(axis=1)
        model = Said(classes, codes, proba if has_proba else None, decision if has_decision else None)
        entry = {
            "classes": labels, "numeric": kind == "number", "y": truth.tolist(), "codes": codes.tolist(),
            "proba": proba.T.tolist() if has_proba else None,
            "decision": (decision.T if k > 2 else decision[None]).tolist() if has_decision else None,
            "weight": None if weight is None else weight.tolist(),
        }  # fmt: skip
        found = {}
        for name in ["accuracy", "roc_auc", "neg_log_loss", "f1"]:
            if name == "neg_log_loss" and not has_proba:
                continue
            try:
                found[name] = finite(
                    metrics.get_scorer(name)(model, np.zeros((n, 1)), classes[truth], sample_weight=weight)
                )
            except ValueError as error:
                found[name] = {"refused": str(error).splitlines()[0][:60]}
        yield entry | {"expected": found}


def main():
    sections = {"targets": list(targets()), "blocks": list(blocks()), "scorers": list(scorers())}
    head = {"format": 1, "scikit-learn": sklearn.__version__, "names": metrics.get_scorer_names()}
    lines = [f' "{name}": {json.dumps(value)}' for name, value in head.items()]
    for name, cases in sections.items():
        lines.append(f' "{name}": [\n  ' + ",\n  ".join(json.dumps(case, allow_nan=False) for case in cases) + "\n ]")
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print("metric_cases", {name: len(cases) for name, cases in sections.items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
