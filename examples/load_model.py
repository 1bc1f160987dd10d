"""Predicts with a published model from its file alone: no pipefit, no scikit-learn, no pickle.

    pipefit run pipelines/diabetes.yaml
    pip install numpy safetensors
    python examples/load_model.py artifacts/diabetes/1/model.safetensors examples/data/diabetes.csv

For a linear regression behind SimpleImputer and StandardScaler, as pipelines/diabetes.yaml is one. The file is in the safetensors
format: tensors by name, and one text, `pipefit`, which is JSON and says what the tensors are. Reading it runs nothing.
For other pipelines: `pipefit models export NAME --sklearn FILE.py`, or `--onnx FILE`.
"""

import csv
import json
import sys

import numpy as np
from safetensors import safe_open


def main(model, table):
    with safe_open(model, "numpy") as file:
        about = json.loads(file.metadata()["pipefit"])
        learned = {name: file.get_tensor(name) for name in file.keys()}

    # What it is made of: groups of columns, each with its steps, then the model.
    group, *others = about["structure"]["groups"]
    if others or about["structure"]["select"] or about["classes"]:
        sys.exit(f"this example is for one list of steps and a linear regression; {about['pipeline']} has more")
    print(f"# {about['pipeline']}: {[step['class'] for step in group['steps']]}, {about['structure']['model']}", file=sys.stderr)

    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    x = np.array([[float(row[name] or "nan") for name in group["columns"]] for row in rows])

    for step in group["steps"]:
        part = f"preprocess.0.{step['name']}"
        if step["class"] == "SimpleImputer":
            x = np.where(np.isnan(x), learned[f"{part}.numbers"], x)
        elif step["class"] == "StandardScaler":
            x = (x - learned[f"{part}.mean"]) / learned[f"{part}.scale"]
        else:
            sys.exit(f"this example does not know {step['class']}")
    # Features by outputs: one output for one target.
    predicted = x @ learned["model.coef"][:, 0] + learned["model.intercept"][0]

    print("prediction")
    for number in predicted:
        print(repr(float(number)))


if __name__ == "__main__":
    main(*sys.argv[1:])
