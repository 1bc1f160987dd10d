"""Runs pipelines, exports each as a Python file, and compares what scikit-learn then says of rows with what `pipefit predict` does.

    python -m venv venv && venv/bin/pip install scikit-learn pandas safetensors
    venv/bin/python tests/clients/sklearn_parity.py --binary target/release/pipefit

The pipelines and rows are those of `onnx_parity.py`. Rows that `predict` refuses have to be refused here. Fails when a
label differs, or a number by more than 1e-12 of the greatest of its column, and when scikit-learn warns.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn

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
            file.write_text(f"version: 1\nname: p{k}\nsource: {{file: {DATA / table}.csv}}\n{text}output: {{report: [json]}}\n")
            for step in (["run", str(file)], ["models", "export", f"p{k}", "--sklearn", f"p{k}.py"]):
                ran = pipefit(*step)
                if ran.returncode != 0:
                    failures.append(f"{name}: {step[0]} fails: {ran.stderr.splitlines()[:2]}")
                    break
            else:
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("error")
                        warnings.filterwarnings("ignore", message="Skipping features without any observed values")
                        # That is what `ignore` asks for.
                        warnings.filterwarnings("ignore", message="Found unknown categories")
                        worst, n, refused = compare(folder / f"p{k}.py", pipefit, f"p{k}", name, *rows_of(table, target, words), worst, failures)
                except Exception as error:
                    failures.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
                    continue
                cases, compared, refused_rows = cases + 1, compared + n, refused_rows + refused
    print(f"scikit-learn {sklearn.__version__}, pandas {pd.__version__}: {cases} pipelines, {compared} rows compared, {refused_rows} refused by both; greatest difference {worst:.1e}; {len(failures)} failures")
    for failure in failures[:20]:
        print(failure)
    sys.exit(1 if failures else 0)


def compare(file, pipefit, model, name, features, rows, worst, failures):
    """Compares one file's answers with what is said of each row."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pipeline = module.load()
    module.build()
    classifies = hasattr(pipeline, "predict_proba")
    said = said_of(pipefit, model, ["--proba"] if classifies else [], features, rows)
    taken = [row for row, what in zip(rows, said) if what is not None]
    table = module.table(pd.DataFrame(taken, columns=features).replace("", np.nan))
    labels = pipeline.predict(table)
    told = [what for what in said if what is not None]
    if classifies:
        if [str(label) for label in labels] != [what["prediction"] for what in told]:
            failures.append(f"{name}: labels differ")
        names = [f"proba_{label}" for label in pipeline.classes_]
        apart = np.abs(pipeline.predict_proba(table) - np.array([[float(what[one]) for one in names] for what in told])).max()
    else:
        numbers = np.array([float(what["prediction"]) for what in told])
        apart = np.abs(labels - numbers).max() / np.abs(numbers).max()
    if not apart <= 1e-12:
        failures.append(f"{name}: {apart:.1e} apart")
    refused = [row for row, what in zip(rows, said) if what is None]
    for row in refused:
        try:
            pipeline.predict(module.table(pd.DataFrame([row], columns=features).replace("", np.nan)))
        except ValueError:
            continue
        # The dummies do not look at their features.
        if "Dummy" not in name:
            failures.append(f"{name}: a row that is refused by predict is answered: {row}")
    return max(worst, apart), len(told), len(refused)


if __name__ == "__main__":
    main()
