"""Others' clients against `pipefit serve`: `clients.py [--pipefit PATH]`.

Needs `pip install 'tritonclient[http]' mlflow-skinny pandas`; no part of the tests. Publishes the examples in a folder of its own, serves them,
and compares what the clients get with what `pipefit predict` says, to the bit.
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
    for binary in (True, False):
        inputs = []
        if matrix:
            values = np.ascontiguousarray(table[names].to_numpy(np.float64))
            inputs.append(triton.InferInput("x", values.shape, "FP64"))
            inputs[0].set_data_from_numpy(values, binary_data=binary)
        else:
            for one in known["inputs"]:
                column = table[one["name"]]
                if one["datatype"] == "BYTES":
                    values = column.fillna("").astype(str).to_numpy(object).reshape(-1, 1)
                else:
                    values = column.to_numpy(np.float64).reshape(-1, 1)
                    if not binary and np.isnan(values).any():
                        return print(f"triton, {name}, JSON: its client writes NaN, which is no JSON; left out")
                inputs.append(triton.InferInput(one["name"], values.shape, one["datatype"]))
                inputs[-1].set_data_from_numpy(values, binary_data=binary)
        asked = [triton.InferRequestedOutput(name, binary_data=binary) for name in outputs]
        for outputs_asked in (asked, None):
            answer = client.infer(name, inputs, outputs=outputs_asked, request_id="7")
            assert answer.get_response()["id"] == "7"
            how = f"triton, {name}, {'binary' if binary else 'JSON'}, {'chosen' if outputs_asked else 'all'} outputs"
            same(how, answer.as_numpy("prediction"), expected["prediction"])
            if "proba" in outputs:
                same(how + ", proba", answer.as_numpy("proba"), expected.filter(like="proba_"))
    try:
        client.infer(name, inputs[:0], outputs=None)
        sys.exit("triton: a request without inputs is answered")
    except Exception as error:
        print(f"triton, {name}, no inputs: {type(error).__name__}: {error}")


def mlflow(address, name, table, expected):
    """MLflow's client of its scoring server."""
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    client = ScoringServerClient("127.0.0.1", int(address.split(":")[1]))
    client.url_prefix = f"http://{address}/models/{name}"
    client.wait_server_ready(timeout=5)
    print("mlflow, version:", client.get_version())
    # Its JSON has NaN for what is missing, which is no JSON.
    table = table.astype(object).where(table.notna(), None)
    found = client.invoke(table).get_predictions(predictions_format="ndarray").ravel()
    same(f"mlflow, {name}", found, expected["prediction"])


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pipefit", default=str(TOP / "target/release/pipefit"))
    pipefit = os.path.abspath(arguments.parse_args().pipefit)
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
