"""Write online.json: what scikit-learn learns of all rows of a stream, and how far samples are apart by SciPy.

    python tests/golden/online.py
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import sklearn
from scipy import stats
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).resolve().parent
NUMBERS = ["price", "size", "age"]
LEVELS = ["shop", "plan"]


def table(rows, rng):
    price = 1e4 + rng.normal(size=rows)
    size = 3 * price + rng.normal(size=rows) * 1e-1
    age = rng.integers(18, 90, rows).astype(float)
    shop = rng.choice(["north", "south", "west"], rows)
    plan = rng.choice(["free", "pro"], rows, p=[0.8, 0.2])
    y = 3 * price - size + 0.1 * age + 2.0 * (shop == "west") + (plan == "pro") + rng.normal(size=rows)
    frame = pd.DataFrame({"price": price, "size": size, "age": age, "shop": shop, "plan": plan, "y": y})
    frame.loc[rng.random(rows) < 0.1, "age"] = np.nan
    frame.loc[rng.random(rows) < 0.05, "size"] = np.nan
    return frame


def learned(frame, new):
    cases = []
    encoder = lambda: OneHotEncoder(handle_unknown="ignore")
    models = {
        "LinearRegression": LinearRegression(),
        "{Ridge: {alpha: 2.5}}": Ridge(alpha=2.5, solver="svd"),
        "{Ridge: {alpha: 0.1, fit_intercept: false}}": Ridge(alpha=0.1, fit_intercept=False, solver="svd"),
    }
    for strategy in ["mean", "constant"]:
        for text, model in models.items():
            # One level less for LinearRegression, whose columns would be dependent.
            drop = "first" if text == "LinearRegression" else None
            one_hot = OneHotEncoder(drop=drop, handle_unknown="ignore") if drop else encoder()
            steps = ColumnTransformer([
                ("num", make_pipeline(SimpleImputer(strategy=strategy, fill_value=None), StandardScaler()), NUMBERS),
                ("cat", one_hot, LEVELS),
            ])
            pipe = make_pipeline(steps, model).fit(frame[NUMBERS + LEVELS], frame["y"])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                predictions = pipe.predict(new[NUMBERS + LEVELS]).tolist()
            coef, intercept = pipe[-1].coef_.tolist(), float(pipe[-1].intercept_)
            cases.append({
                "strategy": strategy, "model": text, "drop": drop, "predictions": predictions,
                "coef": coef, "intercept": intercept,
            })
    return cases


def stability(reference, window):
    """Yurdakul (2018), with half a row where a bin lacks one."""
    pairs = [(a, b) if a and b else (a + 0.5, b + 0.5) for a, b in zip(reference, window) if a + b]
    n, m = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    value = sum((a / n - b / m) * math.log((a / n) / (b / m)) for a, b in pairs)
    p_value = stats.chi2.sf(value / (1 / n + 1 / m), len(pairs) - 1)
    return {"reference": reference, "window": window, "value": value, "p_value": float(p_value)}


def kolmogorov(one, other):
    value = float(stats.ks_2samp(one, other).statistic)
    n, m = len(one), len(other)
    p_value = float(stats.kstwobign.sf(value * math.sqrt(n * m / (n + m))))
    return {"reference": sorted(one), "window": sorted(other), "value": value, "p_value": p_value}


def main():
    rng = np.random.default_rng(5)
    frame, new = table(650, rng), table(40, rng)
    new.loc[3, "shop"] = "east"
    cells = lambda frame: [[None if value != value else value for value in row] for row in frame.values.tolist()]
    samples = []
    for shift, rows in [(0.0, 200), (0.1, 300), (0.5, 150), (3.0, 50)]:
        one, other = rng.normal(size=400), rng.normal(size=rows) + shift
        samples.append(kolmogorov(one.round(6).tolist(), other.round(6).tolist()))
        # With ties.
        samples.append(kolmogorov(one.round(1).tolist(), other.round(1).tolist()))
    bins = [
        stability([100, 200, 300, 0], [10, 20, 30, 0]), stability([100, 200, 300, 5], [30, 20, 10, 0]),
        stability([500, 500], [40, 60]), stability([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0], [9, 3, 8, 8, 5, 7, 9, 1, 12, 7, 3]),
    ]
    golden = {
        "made_by": f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}",
        "columns": list(frame.columns), "rows": cells(frame), "new": cells(new), "learned": learned(frame, new),
        "kolmogorov_smirnov": samples, "stability_index": bins,
    }
    (HERE / "online.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
