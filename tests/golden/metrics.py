"""Write metrics.json: scikit-learn's value of each metric on random inputs; `expected` null means undefined.

    python tests/golden/metrics.py

Losses carry the sign of the scorer. `case` says what a case is about. A class is a position in `classes`.
"""

import warnings

import numpy as np
import sklearn
from sklearn import metrics

from reading import HERE, json_bytes, sha256

REGRESSION = {
    "r2": metrics.r2_score,
    "neg_mean_squared_error": lambda *a, **k: -metrics.mean_squared_error(*a, **k),
    "neg_root_mean_squared_error": lambda *a, **k: -metrics.root_mean_squared_error(*a, **k),
    "neg_mean_absolute_error": lambda *a, **k: -metrics.mean_absolute_error(*a, **k),
}


def value(function, *arguments, weight=None):
    """The metric, or None where it is refused or not a number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = float(function(*arguments, sample_weight=weight))
        except ValueError:
            return None
    return found if np.isfinite(found) else None


def weights(kind, n, random):
    """None, whole weights with zeros, or fractional ones."""
    if kind == "whole":
        found = random.randint(0, 4, n)
        found[:2] = 1
        return found
    return np.round(random.gamma(2.0, 0.5, n), 3) if kind == "fractional" else None


def regression():
    """The four regression metrics, on random and on awkward targets."""
    random = np.random.RandomState(3)
    inputs = []
    for case in range(12):
        n, shift = int(random.randint(2, 25)), [0.0, 1e6, -3e-4][case % 3]
        y = shift + random.normal(size=n) * [1.0, 100.0, 1e-5][case % 3]
        kind = [None, "whole", "fractional"][case % 3 if case < 6 else case // 2 % 3]
        inputs.append(("random", y, y + random.normal(size=n) * y.std(), weights(kind, n, random)))
    y = np.array([1.0, 2.0, 4.0, 8.0])
    inputs += [
        ("exact", y, y, None),
        ("constant target, exact", np.full(4, 3.0), np.full(4, 3.0), None),
        ("constant target, missed", np.full(4, 3.0), y, None),
        ("constant target of 0.1, exact", np.full(7, 0.1), np.full(7, 0.1), None),
        ("constant target, missed, weights", np.full(4, 3.0), y, np.array([1.0, 0.5, 2.0, 0.0])),
        ("one row", y[:1], y[:1] + 1, None),
        ("constant where it has weight", np.array([3.0, 3.0, 9.0]), y[:3], np.array([1.0, 1.0, 0.0])),
        ("one row has weight", np.array([3.0, 4.0, 9.0]), y[:3], np.array([0.0, 1.0, 0.0])),
        ("no weight at all", y, y + 1, np.zeros(4)),
    ]
    for case, y, prediction, weight in inputs:
        for name, function in REGRESSION.items():
            yield {
                "metric": name, "case": case, "y": y, "prediction": prediction, "weight": weight,
                "expected": value(function, y, prediction, weight=weight),
            }
    # The mean of seven times 0.1 is not 0.1, so that scikit-learn divides by 1e-33. A constant is a constant here.
    y, prediction = np.full(7, 0.1), np.full(7, 0.6)
    yield {
        "metric": "r2", "case": "constant target of 0.1, missed", "y": y, "prediction": prediction, "weight": None,
        "expected": 0.0, "scikit-learn": value(metrics.r2_score, y, prediction),
    }


def labelled():
    """accuracy and f1 on predicted classes."""
    random = np.random.RandomState(4)
    inputs = []
    for case in range(12):
        n, classes = int(random.randint(2, 30)), 2 if case < 8 else 4
        y, prediction = random.randint(0, classes, n), random.randint(0, classes, n)
        prediction = np.where(random.uniform(size=n) < 0.5, y, prediction)
        inputs.append(("random", classes, y, prediction, weights([None, "whole", "fractional"][case % 3], n, random)))
    zero, one = np.zeros(5, int), np.ones(5, int)
    inputs += [
        ("no positive at all", 2, zero, zero, None), ("all positive", 2, one, one, None),
        ("no positive predicted", 2, one, zero, None), ("no true positive", 2, zero, one, None),
        ("positives without weight", 2, np.array([0, 1, 0]), np.array([0, 1, 1]), np.array([1.0, 0.0, 1.0])),
        ("no weight at all", 2, one, one, np.zeros(5)),
    ]
    for case, classes, y, prediction, weight in inputs:
        functions = {"accuracy": metrics.accuracy_score} | ({"f1": metrics.f1_score} if classes == 2 else {})
        for name, function in functions.items():
            yield {
                "metric": name, "case": case, "classes": list(range(classes)), "y": y, "prediction": prediction,
                "weight": weight, "expected": value(function, y, prediction, weight=weight),
            }


def areas():
    """roc_auc, with ties within and between the classes."""
    random = np.random.RandomState(5)
    inputs = []
    for case in range(14):
        n = int(random.randint(3, 40))
        y = random.randint(0, 2, n)
        y[:2] = [0, 1]
        score = random.normal(size=n) + y
        if case % 2:
            score = np.round(score)
        weight = weights([None, "whole", "fractional"][case % 3], n, random)
        inputs.append(("ties" if case % 2 else "random", y, score, weight))
    y = np.array([0, 1, 0, 1])
    inputs += [
        ("all equal", y, np.full(4, 0.3), None), ("perfect", y, y.astype(float), None),
        ("reversed", y, -y.astype(float), None),
        ("scores a rounding apart", y, np.array([0.1, 0.1 + 2e-17, 0.3, 0.1 + 0.2]), None),
        ("one class", np.zeros(3, int), np.array([0.1, 0.2, 0.3]), None),
        ("one class has no weight", y, np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, 0.0, 1.0, 0.0])),
    ]
    for case, y, score, weight in inputs:
        yield {
            "metric": "roc_auc", "case": case, "y": y, "score": score, "weight": weight,
            "expected": value(metrics.roc_auc_score, y, score, weight=weight),
        }


def losses():
    """neg_log_loss for two and more classes, clipped, and with classes that the rows lack."""
    random = np.random.RandomState(6)
    inputs = []
    for case in range(14):
        n, classes = int(random.randint(5, 25)), 2 + case % 3
        y = random.randint(0, classes, n)
        y[:classes] = range(classes)
        proba = random.dirichlet(np.ones(classes), n)
        inputs.append(("random", y, proba, weights([None, "whole", "fractional"][case // 3 % 3], n, random)))
    y = np.array([0, 1, 1])
    sure = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    inputs += [
        ("clipped", y, sure, None), ("clipped, weights", y, sure, np.array([1.0, 0.25, 3.0])),
        ("below the clip", y, np.array([[1 - 1e-17, 1e-17], [0.5, 0.5], [1e-300, 1.0]]), None),
        ("just above the clip", y, np.array([[1.0, 3e-16], [1.0, 3e-16], [0.25, 0.75]]), None),
        ("the rows lack a class", np.array([0, 1, 1]), np.full((3, 3), 1 / 3), None),
        ("one class", np.array([1, 1, 1]), np.full((3, 2), 0.5), None),
        ("a class has no weight", y, np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]]), np.array([1.0, 0.0, 0.0])),
        ("no weight at all", y, np.full((3, 2), 0.5), np.zeros(3)),
    ]
    for case, y, proba, weight in inputs:
        found = value(metrics.log_loss, y, proba, weight=weight)
        yield {
            "metric": "neg_log_loss", "case": case, "classes": list(range(proba.shape[1])), "y": y, "proba": proba,
            "weight": weight, "expected": None if found is None else -found,
        }


def main():
    document = {
        "format": 1, "scikit-learn": sklearn.__version__, "script": sha256(HERE / "metrics.py"),
        "regression": list(regression()), "labels": list(labelled()), "areas": list(areas()), "losses": list(losses()),
    }
    (HERE / "metrics.json").write_bytes(json_bytes(document))
    print("metrics")


if __name__ == "__main__":
    main()
