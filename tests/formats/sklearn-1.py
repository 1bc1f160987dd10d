"""`penguins`, version 1, as a scikit-learn pipeline, written by pipefit 0.1.0.

    from penguins import build, load, read
    load().predict(read("rows.csv"))     # as it was fitted; also: python penguins.py rows.csv
    build().fit(x, y)                    # with the same parameters, fitted anew

Needs numpy, pandas, safetensors and scikit-learn 1.6 or later. What was learned is read from penguins.safetensors, which is data only.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import safe_open
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]
BOOLS = []
CATEGORIES = ["island", "sex"]
MISSING = {"na_values": [], "keep_default_na": True}
EXAMPLES = {"island": "Biscoe", "sex": "female"}
SHA256 = "..."


def read(file):
    """The rows of a CSV file, as the pipeline takes them."""
    return table(pd.read_csv(file, dtype=str, **MISSING))


def table(rows):
    """The columns of a table, as the pipeline takes them: floats, and text as objects; NaN is missing."""
    def cells(name, kind):
        values = [np.nan if pd.isna(cell) else kind(cell) for cell in rows[name]]
        return pd.Series(values, index=rows.index, dtype=object if kind is str else float)

    def truth(cell):
        return float({"true": 1, "false": 0}.get(str(cell).lower(), cell))

    kinds = {name: float for name in NUMBERS} | {name: truth for name in BOOLS} | {name: str for name in CATEGORIES}
    return pd.DataFrame({name: cells(name, kind) for name, kind in kinds.items()}, index=rows.index)


def build():
    """The pipeline with its parameters, not fitted."""
    return make_pipeline(
        ColumnTransformer([
            ("num", make_pipeline(
                SimpleImputer(strategy="median", add_indicator=True),
                StandardScaler(),
            ), ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]),
            ("cat", make_pipeline(
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            ), ["island", "sex"]),
        ]),
        LogisticRegression(C=0.5),
    )


def load(file=Path(__file__).with_suffix(".safetensors")):
    """The pipeline as it was fitted."""
    if hashlib.sha256(Path(file).read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"{file} is not the one that this file was written for")
    with safe_open(file, "numpy") as data:
        learned = json.loads(data.metadata()["pipefit"])["state"]
        learned |= {name: data.get_tensor(name) for name in data.keys()}

    def part(place):
        return {name[len(place) + 1:]: value for name, value in learned.items() if name.startswith(place + ".")}

    pipeline = build()
    groups = {name: steps for name, steps, _ in pipeline[0].transformers}
    steps = groups["num"]
    imputer(steps[0], part("preprocess.0.simpleimputer"), first=True)
    standard_scaler(steps[1], part("preprocess.0.standardscaler"), first=False)
    steps = groups["cat"]
    encoder(steps[0], part("preprocess.1.onehotencoder"), first=True)
    logistic_regression(pipeline[-1], part("model"))
    return assembled(pipeline)


def assembled(pipeline):
    """The pipeline with its groups frozen, so that fitting the ColumnTransformer around them changes nothing in them."""
    columns = pipeline[0]
    for i, (name, steps, names) in enumerate(columns.transformers):
        if steps != "passthrough":
            columns.transformers[i] = (name, FrozenEstimator(steps), names)
    row = {name: 0.0 for name in [*NUMBERS, *BOOLS]} | EXAMPLES
    columns.fit(table(pd.DataFrame([row])))
    return pipeline


def tell_features(step, part, first):
    """How many features a step takes, and their names where it gets a table."""
    step.n_features_in_ = len(part["names"])
    if first:
        step.feature_names_in_ = np.array(part["names"], dtype=object)


def classes(labels):
    """The classes: numbers where the data has numbers."""
    if not labels["numeric"]:
        return np.array(labels["labels"], dtype=object)
    numbers = np.array(labels["labels"], dtype=float)
    return numbers.astype(int) if (numbers == numbers.astype(int)).all() else numbers


def imputer(step, part, first):
    """Fitted on two rows: what is filled in, then the holes of features with an indicator."""
    labels = [np.nan if label is None else label for label in part["labels"]]
    fills = part["numbers"] if all(label is None for label in part["labels"]) else np.array(labels, dtype=object)
    holes = fills.copy()
    holes[part["indicators"]] = np.nan
    rows = np.array([fills, holes], dtype=fills.dtype)
    step.fit(pd.DataFrame(rows, columns=part["names"], dtype=fills.dtype) if first else rows)


def standard_scaler(step, part, first):
    step.mean_, step.scale_ = part["mean"], part["scale"]
    step.var_ = step.scale_**2
    tell_features(step, part, first)


def encoder(step, part, first):
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


def logistic_regression(model, part):
    model.classes_ = classes(part["labels"])[part["present"]]
    model.coef_, model.intercept_ = np.ascontiguousarray(part["coef"].T), part["intercept"]
    model.n_features_in_, model.n_iter_ = len(part["coef"]), np.array([part["iterations"]])


if __name__ == "__main__":
    rows, pipeline = read(sys.argv[1]), load()
    answer = pd.DataFrame({"prediction": pipeline.predict(rows)})
    if hasattr(pipeline, "predict_proba"):
        answer[[f"proba_{label}" for label in pipeline.classes_]] = pipeline.predict_proba(rows)
    answer.to_csv(sys.stdout, index=False)
