"""Others' clients against `pipefit serve`.

    python -m venv venv && venv/bin/pip install 'tritonclient[http]' mlflow-skinny pandas
    venv/bin/python tests/clients/serve.py --binary target/debug/pipefit

Publishes the examples in a folder of its own, serves them, and compares what Triton's client for the Open Inference Protocol and MLflow's
client of its scoring server get with what `pipefit predict` says, to the bit. What the clients send for a missing value in JSON is NaN,
which is no JSON: that has to be refused as a fault of the request.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

TOP = Path(__file__).resolve().parents[2]
DATA = TOP / "examples/data"


def predicted(pipefit, folder, name):
    command = [pipefit, "predict", name, "--input", str(DATA / f"{name}.csv")]
    command += ["--proba"] if name == "penguins" else []
    out = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    with open(folder / "out.csv", "w") as file:
        file.write(out)
    return pd.read_csv(folder / "out.csv", keep_default_na=False)


def same(what, found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    if found.dtype == object and len(found) and isinstance(found[0], bytes):
        found = np.array([label.decode() for label in found])
    if not np.array_equal(found, expected):
        sys.exit(f"{what}: differs from `pipefit predict`")
    print(f"{what}: {len(found)} rows, equal to the bit")


def triton(address, name, table, expected, matrix):
    """Triton's client for the Open Inference Protocol, with its own defaults: binary tensors both ways."""
    import tritonclient.http as triton

    client = triton.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(name)
    assert client.get_server_metadata()["name"] == "pipefit"
    known = client.get_model_metadata(name)
    names = [one["name"] for one in known["inputs"]]
    outputs = [one["name"] for one in known["outputs"]]
    whole = table[names].notna().all(axis=1).to_numpy()
    for binary in (True, False):
        # Binary tensors have NaN for what is missing; its JSON has only rows where nothing is.
        rows, truth = (table, expected) if binary else (table[whole], expected[whole])
        inputs = tensors(triton, known["inputs"], rows, matrix, binary)
        asked = [triton.InferRequestedOutput(one, binary_data=binary) for one in outputs]
        for chosen in (asked, None):
            answer = client.infer(name, inputs, outputs=chosen, request_id="7")
            assert answer.get_response()["id"] == "7" and answer.get_response()["model_version"] == "1"
            how = f"triton, {name}, {'matrix' if matrix else 'columns'}, {'binary' if binary else 'JSON'}, {'chosen' if chosen else 'all'} outputs"
            same(how, answer.as_numpy("prediction"), truth["prediction"])
            if "proba" in outputs:
                same(how + ", proba", answer.as_numpy("proba"), truth.filter(like="proba_"))
    waiting = [client.async_infer(name, inputs) for _ in range(20)]
    for one in waiting:
        assert np.array_equal(one.get_result().as_numpy("prediction"), answer.as_numpy("prediction"))
    print(f"triton, {name}: 20 requests at once, equal")
    refused("triton, no inputs", "[400]", lambda: client.infer(name, inputs[:0]))
    refused("triton, no such model", "[404]", lambda: client.infer(name + "x", inputs))
    refused("triton, no such version", "[404]", lambda: client.infer(name, inputs, model_version="7"))
    refused("triton, no such output", "[400]", lambda: client.infer(name, inputs, outputs=[triton.InferRequestedOutput("x")]))
    if not whole.all():
        lacking = tensors(triton, known["inputs"], table, matrix, False)
        refused("triton, NaN in JSON", "[400]", lambda: client.infer(name, lacking))
    client.close()


def tensors(triton, inputs, table, matrix, binary):
    """The request's tensors: one of all columns, or one a column as the model's metadata describe it."""
    names = [one["name"] for one in inputs]
    if matrix:
        values = [("x", "FP64", table[names].to_numpy(np.float64))]
    else:
        values = []
        for one in inputs:
            text = one["datatype"] == "BYTES"
            column = table[one["name"]].fillna("").astype(str) if text else table[one["name"]]
            values.append((one["name"], one["datatype"], column.to_numpy(object if text else np.float64).reshape(-1, 1)))
    made = []
    for name, datatype, cells in values:
        made.append(triton.InferInput(name, cells.shape, datatype))
        made[-1].set_data_from_numpy(np.ascontiguousarray(cells), binary_data=binary)
    return made


def refused(what, word, ask):
    """Holds the client's exception to its status."""
    try:
        ask()
    except Exception as error:
        assert word in str(error), f"{what}: {error}"
        return print(f"{what}: refused: {str(error).splitlines()[0][:110]}")
    sys.exit(f"{what}: answered")


def mlflow(address, name, table, expected):
    """MLflow's client of its scoring server."""
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    client = ScoringServerClient("127.0.0.1", int(address.split(":")[1]))
    client.url_prefix = f"http://{address}/models/{name}"
    client.wait_server_ready(timeout=5)
    print("mlflow, version:", client.get_version())
    none = table.astype(object).where(table.notna(), None)
    # A dict it cannot send: in 3.17.2 it walks over the keys as if they were pairs.
    records = none.to_dict(orient="records")
    bodies = {"DataFrame": none, "list of rows": records, "text": json.dumps({"dataframe_records": records})}
    if all(kind.kind in "fi" for kind in table.dtypes):
        bodies["array"] = table.to_numpy()
    for kind, body in bodies.items():
        found = client.invoke(body).get_predictions(predictions_format="ndarray").ravel()
        same(f"mlflow, {name}, {kind}", found, expected["prediction"])
    same(f"mlflow, {name}, DataFrame out", client.invoke(none).get_predictions().iloc[:, 0], expected["prediction"])
    if table.isna().any(axis=None):
        refused("mlflow, NaN in JSON", "error code 400", lambda: client.invoke(table))
    refused("mlflow, a column less", "error code 400", lambda: client.invoke(none.iloc[:, 1:]))
    refused("mlflow, params", "error code 400", lambda: client.invoke(none, params={"x": 1}))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", default=str(TOP / "target/release/pipefit"))
    pipefit = os.path.abspath(arguments.parse_args().binary)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(TOP / "pipelines", folder / "pipelines")
        shutil.copytree(DATA, folder / "examples/data")
        for pipeline in ("diabetes", "penguins"):
            file = folder / f"pipelines/{pipeline}.yaml"
            run = [pipefit, "run", str(file), "--json"]
            subprocess.run(run, cwd=folder, check=True, capture_output=True)
        expected = {name: predicted(pipefit, folder, name) for name in ("diabetes", "penguins")}
        server = [pipefit, "serve", "diabetes", "penguins", "--json", "--bind", "127.0.0.1:0"]
        server = subprocess.Popen(server, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            address = json.loads(server.stdout.readline())["address"].removeprefix("http://")
            diabetes = pd.read_csv(DATA / "diabetes.csv").drop(columns="target")
            penguins = pd.read_csv(DATA / "penguins.csv").drop(columns="species")
            triton(address, "diabetes", diabetes, expected["diabetes"], matrix=True)
            triton(address, "diabetes", diabetes, expected["diabetes"], matrix=False)
            triton(address, "penguins", penguins, expected["penguins"], matrix=False)
            mlflow(address, "diabetes", diabetes, expected["diabetes"])
            mlflow(address, "penguins", penguins, expected["penguins"])
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(20) == 0, "the server does not end well"


if __name__ == "__main__":
    main()
