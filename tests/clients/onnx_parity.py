"""Runs pipelines, exports each as an ONNX graph, and compares what onnxruntime says of rows with what `pipefit predict` does.

    python -m venv venv && venv/bin/pip install onnx onnxruntime numpy
    venv/bin/python tests/clients/onnx_parity.py --binary target/release/pipefit

Every pipeline of the list on every table that has what it needs: with missing values and with categories that training did not
have. Rows that `predict` refuses must be NaN, and of the empty class. Fails when a label differs, or a number by more than 1e-12
of the greatest of its column.
"""

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "examples" / "data"

# Name, target, whether a regression, the numbers and the categories.
TABLES = {
    "diabetes": ("target", True, None, []),
    "penguins": ("species", False, None, ["island", "sex"]),
    "iris": (None, False, None, []),
    "wine": (None, False, None, []),
    "breast_cancer": (None, False, None, []),
}

NUMBERS = {
    "as they are": "[]",
    "standard": "[StandardScaler]",
    "no mean": "[{StandardScaler: {with_mean: false}}]",
    "min max": "[{MinMaxScaler: {feature_range: [-1, 2]}}]",
    "clipped": "[{MinMaxScaler: {clip: true}}]",
    "max abs": "[MaxAbsScaler]",
    "max abs clipped": "[{MaxAbsScaler: {clip: true}}]",
    "robust": "[RobustScaler]",
    "pca": "[StandardScaler, {PCA: {n_components: 2, whiten: true}}]",
    "products": "[StandardScaler, {PolynomialFeatures: {degree: 3}}]",
    "interactions": "[{PolynomialFeatures: {interaction_only: true, include_bias: false}}, StandardScaler]",
    "variance": "[{VarianceThreshold: {threshold: 0.001}}, StandardScaler]",
    "encoded": "[{OneHotEncoder: {handle_unknown: ignore}}]",
    "ordinal": "[{OrdinalEncoder: {handle_unknown: use_encoded_value, unknown_value: -5}}]",
}
WORDS = {
    "one hot": "[{OneHotEncoder: {handle_unknown: ignore}}]",
    "strict": "[OneHotEncoder]",
    "first dropped": "[{OneHotEncoder: {handle_unknown: ignore, drop: first}}]",
    "filled": "[{SimpleImputer: {strategy: most_frequent, add_indicator: true}}, {OneHotEncoder: {handle_unknown: ignore}}]",
    "constant": "[{SimpleImputer: {strategy: constant, fill_value: none}}, {OrdinalEncoder: {handle_unknown: use_encoded_value, unknown_value: -1}}]",
    "ordinal": "[{OrdinalEncoder: {handle_unknown: use_encoded_value, unknown_value: -1, encoded_missing_value: -2}}]",
}
REGRESSIONS = ["LinearRegression", "{Ridge: {alpha: 0.3}}", "RidgeCV", "{Lasso: {alpha: 0.1}}", "{ElasticNet: {alpha: 0.1}}", "{LassoCV: {cv: 3}}", "{ElasticNetCV: {cv: 3, l1_ratio: [0.3, 0.9]}}", "DummyRegressor"]
CLASSIFIERS = ["LogisticRegression", "{LogisticRegression: {class_weight: balanced, C: 0.1}}", "DummyClassifier"]


def pipelines():
    """Every pipeline as (table, YAML)."""
    for table, (target, regression, _, words) in TABLES.items():
        with open(DATA / f"{table}.csv", newline="") as file:
            header = next(csv.reader(file))
        target = target or header[-1]
        models = REGRESSIONS if regression else CLASSIFIERS
        for i, (name, steps) in enumerate(NUMBERS.items()):
            if len(header) > 12:
                steps = steps.replace("degree: 3", "degree: 2")
            if name == "encoded" and table != "penguins":
                continue  # Every row would have columns of its own.
            for fill in ["{SimpleImputer: {strategy: median}}", "{SimpleImputer: {add_indicator: true}}"]:
                chain = f"[{fill}, {steps[1:]}" if steps != "[]" else f"[{fill}]"
                groups = f"  num: {{columns: {{type: number}}, steps: {chain}}}\n"
                kinds = list(WORDS.items()) if words else [(None, None)]
                word, encoder = kinds[i % len(kinds)]
                if word:
                    groups += f"  cat: {{columns: {{type: category}}, steps: {encoder}}}\n"
                select = ["", f"select: {{SelectKBest: {{k: 2, score_func: {'f_regression' if regression else 'f_classif'}}}}}\n"][i % 2]
                model = models[(i + ("add" in fill)) % len(models)]
                text = f"target: {target}\npreprocess:\n{groups}{select}model: {model}\ncv: null\n"
                yield table, target, words, f"{table}: {name}, {word}, {model}", text


def rows_of(table, target, words):
    """The table's rows; then some with holes, and some with unknown categories."""
    with open(DATA / f"{table}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    features = [name for name in rows[0] if name != target]
    picked = [dict(row) for row in rows[:: max(1, len(rows) // 60)]]
    for i, row in enumerate(rows[:20]):
        row = dict(row)
        row[features[i % len(features)]] = ""
        picked.append(row)
    for word in words:
        row = dict(rows[3])
        row[word] = "neverseen"
        picked.append(row)
    return features, [[row[name] for name in features] for row in picked]


def text_of(features, rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(features)
    writer.writerows(rows)
    return out.getvalue()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "pipefit"))
    arguments = parser.parse_args()
    worst, cases, compared, refused_rows, failures = 0.0, 0, 0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def pipefit(*more, given=None):
            return subprocess.run([arguments.binary, *more, "--store", f"dir:{folder}/store"], input=given, cwd=folder, capture_output=True, text=True)

        for k, (table, target, words, name, text) in enumerate(pipelines()):
            file = folder / f"p{k}.yaml"
            file.write_text(f"version: 1\nname: p{k}\nsource: {{file: {DATA / table}.csv}}\n{text}output: {{report: [json], onnx: true}}\n")
            ran = pipefit("run", str(file), "--json")
            if ran.returncode != 0:
                failures.append(f"{name}: does not run: {ran.stderr.splitlines()[:2]}")
                continue
            exported = pipefit("models", "export", f"p{k}", "--onnx", f"p{k}.onnx")
            assert exported.returncode == 0, exported.stderr
            beside = Path(json.loads(ran.stdout)["artifact"]["path"])
            assert (folder / beside / "model.onnx").read_bytes() == (folder / f"p{k}.onnx").read_bytes()
            model = onnx.load(folder / f"p{k}.onnx")
            onnx.checker.check_model(model, full_check=True)
            session = onnxruntime.InferenceSession(str(folder / f"p{k}.onnx"))
            features, rows = rows_of(table, target, words)
            number = {entry.name: entry.type == "tensor(double)" for entry in session.get_inputs()}
            feed = {}
            for j, feature in enumerate(features):
                if feature in number:
                    column = [row[j] for row in rows]
                    values = [float(x) if x else float("nan") for x in column] if number[feature] else column
                    feed[feature] = np.array(values, dtype=float if number[feature] else object).reshape(-1, 1)
            answers = session.run(None, feed)
            proba = ["--proba"] if len(answers) > 1 else []
            whole = pipefit("predict", f"p{k}", "--input", "-", *proba, given=text_of(features, rows))
            if whole.returncode == 0:
                said = list(csv.DictReader(io.StringIO(whole.stdout)))
            else:
                said = []
                # One refused row refuses all.
                for row in rows:
                    one = pipefit("predict", f"p{k}", "--input", "-", *proba, given=text_of(features, [row]))
                    said.append(next(csv.DictReader(io.StringIO(one.stdout))) if one.returncode == 0 else None)
            cases += 1
            columns = [] if len(answers) == 1 else [name for name in next(row for row in said if row) if name.startswith("proba_")]
            kind_of_label = answers[0].dtype == object
            top = 1.0 if kind_of_label else max(abs(float(row["prediction"])) for row in said if row)
            for i, row in enumerate(said):
                if row is None:
                    refused_rows += 1
                    # The dummies do not look at their features.
                    if "Dummy" in name:
                        continue
                    if (answers[0][i, 0] != "") if kind_of_label else not np.isnan(answers[0][i, 0]):
                        failures.append(f"{name}: row {i} is refused by predict and {answers[0][i, 0]!r} here")
                    continue
                compared += 1
                if kind_of_label:
                    if answers[0][i, 0] != row["prediction"]:
                        failures.append(f"{name}: row {i} is {row['prediction']} and {answers[0][i, 0]} here")
                    apart = max((abs(float(row[c]) - answers[1][i, j]) for j, c in enumerate(columns)), default=0.0)
                else:
                    apart = abs(float(row["prediction"]) - answers[0][i, 0]) / top
                if not apart <= 1e-12:
                    failures.append(f"{name}: row {i} is {apart:.1e} apart")
                worst = max(worst, apart)
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}: {cases} pipelines, {compared} rows compared, {refused_rows} refused by both; greatest difference {worst:.1e}")
    for failure in failures[:20]:
        print(failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
