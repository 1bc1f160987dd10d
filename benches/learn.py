"""Learning online, rows of 20 features: pipefit beside River and scikit-learn, interleaved, three runs each, the best of each.

    cargo bench --bench learn --no-run
    python -m venv target/bench && target/bench/bin/pip install scikit-learn==1.9.1 river==0.26.1 pandas
    target/bench/bin/python benches/learn.py [CLIENT]

CLIENT is the benchmark as cargo has built it; without it cargo is asked.
"""

import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from river import compose, linear_model, preprocessing
from sklearn.linear_model import SGDRegressor
from sklearn.preprocessing import StandardScaler

FEATURES, BATCH = 20, 500
NAMES = [f"x{i}" for i in range(FEATURES)]
rng = np.random.default_rng(0)


def data(rows):
    x = 100 + rng.uniform(-1, 1, (rows, FEATURES))
    return x, x[:, ::3].sum(axis=1) + rng.uniform(-1, 1, rows)


def per_second(rows, work):
    start = time.perf_counter()
    work()
    return rows / (time.perf_counter() - start)


def pipeline():
    return compose.Pipeline(preprocessing.StandardScaler(), linear_model.LinearRegression())


def river_row_by_row():
    x, y = data(50_000)
    rows = [dict(enumerate(row)) for row in x.tolist()]

    def work():
        model = pipeline()
        for row, target in zip(rows, y.tolist()):
            model.predict_one(row)
            model.learn_one(row, target)

    return per_second(len(rows), work)


def river_in_batches():
    x, y = data(500_000)
    frames = [pd.DataFrame(x[i : i + BATCH], columns=NAMES) for i in range(0, len(x), BATCH)]
    targets = [pd.Series(y[i : i + BATCH], name="y") for i in range(0, len(y), BATCH)]

    def work():
        model = pipeline()
        for frame, target in zip(frames, targets):
            model.learn_many(frame, target)

    return per_second(len(x), work)


def sklearn_in_batches():
    x, y = data(500_000)

    def work():
        scaler, model = StandardScaler(), SGDRegressor()
        for i in range(0, len(x), BATCH):
            block = x[i : i + BATCH]
            model.partial_fit(scaler.partial_fit(block).transform(block), y[i : i + BATCH])

    return per_second(len(x), work)


def sklearn_row_by_row():
    x, y = data(5_000)

    def work():
        scaler, model = StandardScaler(), SGDRegressor()
        for i in range(len(x)):
            row = x[i : i + 1]
            if i > 0:
                model.predict(scaler.transform(row))
            model.partial_fit(scaler.partial_fit(row).transform(row), y[i : i + 1])

    return per_second(len(x), work)


def pipefit():
    command = [*sys.argv[1:], "--bench"] if sys.argv[1:] else ["cargo", "bench", "--quiet", "--bench", "learn"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return {f"pipefit: {line['what']}": line["rows_per_second"] for line in lines}


best = {}
for _ in range(3):
    found = pipefit()
    found["River: predict, then learn, row by row"] = river_row_by_row()
    found["River: learn_many in batches of 500"] = river_in_batches()
    found["scikit-learn: partial_fit in batches of 500"] = sklearn_in_batches()
    found["scikit-learn: predict, then partial_fit, row by row"] = sklearn_row_by_row()
    best = {name: max(rate, best.get(name, 0)) for name, rate in found.items()}
for name, rate in best.items():
    print(f"{name:50} {rate:12,.0f} rows/s")
