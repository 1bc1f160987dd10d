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

from pipelines import DATA, ROOT, pipelines, rows_of, said_of

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
            said = said_of(pipefit, f"p{k}", proba, features, rows)
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
