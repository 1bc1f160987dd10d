"""Predictions over HTTP: pipefit beside FastAPI with scikit-learn, and beside MLflow's scoring server, on one machine in one run.

    cargo build --release && cargo bench --bench http_load --no-run
    python -m venv target/bench && target/bench/bin/pip install scikit-learn==1.9.1 pandas fastapi 'uvicorn[standard]' mlflow-skinny
    target/bench/bin/python benches/serve.py [--binary PATH] [--load PATH] [--seconds 5] [--rows 1 100 1000] [--save FILE]

All serve the same pipeline, SimpleImputer, StandardScaler and LinearRegression over 20 numbers, each with as many workers as the machine has
processors, and get the same rows; their predictions have to agree to 1e-9 first. FastAPI is there twice: with lists of numbers straight to NumPy,
which is the fastest form of it, and with records and a DataFrame, as columns by name need. MLflow's server is left out where it is not
installed. For each number of rows: requests a second with 16 connections, and the 50th and 99th percentile of the time of one; then the 99th
percentile at half of that rate, each request timed from the moment it was due. Runs are interleaved, three each; the best rate and the
least percentiles are told. The load is made on the same machine and takes its share of it, the same for all.
"""

import argparse
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TOP = Path(__file__).resolve().parent.parent
NAMES = [f"x{i}" for i in range(20)]
CONNECTIONS = 16
PIPELINE = """
version: 1
name: bench
source: {file: table.csv}
target: y
preprocess: [SimpleImputer, StandardScaler]
model: LinearRegression
cv: null
"""
LISTS = """
import pickle
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

model = pickle.load(open("model.pickle", "rb"))
app = FastAPI()

class Body(BaseModel):
    instances: list[list[float]]

@app.post("/predict")
def predict(body: Body):
    return {"predictions": model.predict(np.asarray(body.instances)).tolist()}
"""
RECORDS = """
import pickle
import pandas as pd
from fastapi import FastAPI
from pydantic import create_model

model = pickle.load(open("model.pickle", "rb"))
app = FastAPI()
Row = create_model("Row", **{f"x{i}": (float, ...) for i in range(20)})

@app.post("/predict")
def predict(rows: list[Row]):
    table = pd.DataFrame([row.model_dump() for row in rows])
    return {"predictions": model.predict(table.to_numpy()).tolist()}
"""
MLFLOW = """
import mlflow.pyfunc
from mlflow.pyfunc import scoring_server

app = scoring_server.init(mlflow.pyfunc.load_model("mlflow_model"))
"""


class Contender:
    """A server, with its own form of the rows."""

    def __init__(self, name, command, port, path, body):
        self.name, self.command, self.port, self.path, self.body = name, command, port, path, body
        self.process = None

    def start(self, folder):
        with open(folder / f"{self.port}.log", "w") as log:
            self.process = subprocess.Popen(self.command, cwd=folder, stdout=log, stderr=log)
        for _ in range(600):
            try:
                return self.predict(1)
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        sys.exit(f"{self.name} does not start:\n{(folder / f'{self.port}.log').read_text()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def request(self, rows):
        return json.dumps(self.body(TABLE[:rows])).encode()

    def predict(self, rows):
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{self.path}", self.request(rows), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return np.asarray(json.load(answer)["predictions"])


def records(table):
    return [dict(zip(NAMES, row)) for row in table.tolist()]


def lists(table):
    return {"instances": table.tolist()}


def split(table):
    return {"dataframe_split": {"columns": NAMES, "data": table.tolist()}}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def load(path, contender, rows, seconds, rate):
    command = [path, f"127.0.0.1:{contender.port}", contender.path, str(CONNECTIONS), str(seconds), str(rate)]
    out = subprocess.run(command, input=contender.request(rows), stdout=subprocess.PIPE, check=True).stdout
    found = json.loads(out)
    if found["failed"] or not found["requests"]:
        sys.exit(f"{contender.name}, {rows} rows: {found}")
    return found


def newest(pattern):
    target = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target"))
    found = [path for path in target.glob(pattern) if os.access(path, os.X_OK) and not path.suffix]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def prepare(folder, pipefit):
    """The same pipeline fitted by both on the same table."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10_000, 20))
    y = x @ rng.normal(size=20) + rng.normal(size=10_000)
    pd.DataFrame(np.column_stack([x, y]), columns=[*NAMES, "y"]).to_csv(folder / "table.csv", index=False)
    (folder / "bench.yaml").write_text(PIPELINE)
    subprocess.run([pipefit, "run", "bench.yaml", "--json"], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    model = make_pipeline(SimpleImputer(), StandardScaler(), LinearRegression()).fit(x, y)
    with open(folder / "model.pickle", "wb") as file:
        pickle.dump(model, file)
    for name, text in {"lists": LISTS, "records": RECORDS, "mlflow_app": MLFLOW}.items():
        (folder / f"{name}.py").write_text(text)
    return model


def contenders(folder, pipefit, model):
    workers = str(os.cpu_count())

    def uvicorn(app, port):
        return [sys.executable, "-m", "uvicorn", f"{app}:app", "--port", str(port), "--workers", workers, "--no-access-log", "--log-level", "warning"]

    ports = [free_port() for _ in range(5)]
    serve = [pipefit, "serve", "bench", "--bind"]
    all = [
        Contender("pipefit, lists", [*serve, f"127.0.0.1:{ports[0]}"], ports[0], "/v1/models/bench:predict", lists),
        Contender("FastAPI, lists", uvicorn("lists", ports[1]), ports[1], "/predict", lists),
        Contender("pipefit, records", [*serve, f"127.0.0.1:{ports[2]}"], ports[2], "/predict", records),
        Contender("FastAPI, records", uvicorn("records", ports[3]), ports[3], "/predict", records),
    ]
    try:
        import mlflow.pyfunc.scoring_server  # noqa: F401
        import mlflow.sklearn

        mlflow.sklearn.save_model(model, folder / "mlflow_model", serialization_format="cloudpickle")
        all.append(Contender("MLflow", uvicorn("mlflow_app", ports[4]), ports[4], "/invocations", split))
    except ImportError as error:
        print(f"MLflow's server is left out: {error}", file=sys.stderr)
    return all


def measure(arguments, all):
    """The best of the interleaved runs, by contender and number of rows."""
    found = {}
    for rows in arguments.rows:
        for _ in range(arguments.runs):
            for contender in all:
                full = load(arguments.load, contender, rows, arguments.seconds, 0)
                best = found.setdefault((contender.name, rows), {"per_second": 0.0, "p50_ms": np.inf, "p99_ms": np.inf})
                best["per_second"] = max(best["per_second"], full["per_second"])
                best["p50_ms"] = min(best["p50_ms"], full["p50_ms"])
                best["p99_ms"] = min(best["p99_ms"], full["p99_ms"])
        for _ in range(arguments.runs):
            for contender in all:
                best = found[contender.name, rows]
                half = load(arguments.load, contender, rows, arguments.seconds, best["per_second"] / 2)
                best["half_p50_ms"] = min(best.get("half_p50_ms", np.inf), half["p50_ms"])
                best["half_p99_ms"] = min(best.get("half_p99_ms", np.inf), half["p99_ms"])
    return found


def tell(arguments, all, found):
    print("| server | rows | requests/s | rows/s | p50 ms | p99 ms | p99 ms at half load |")
    print("|---|---|---|---|---|---|---|")
    for rows in arguments.rows:
        for contender in all:
            one = found[contender.name, rows]
            rate = one["per_second"]
            times = f"{one['p50_ms']:.2f} | {one['p99_ms']:.2f} | {one['half_p99_ms']:.2f}"
            print(f"| {contender.name} | {rows:,} | {rate:,.0f} | {rate * rows:,.0f} | {times} |")
    print()
    for rows in arguments.rows:
        for other, own in {"FastAPI, lists": "pipefit, lists", "FastAPI, records": "pipefit, records", "MLflow": "pipefit, records"}.items():
            if (other, rows) in found:
                ratio = found[own, rows]["per_second"] / found[other, rows]["per_second"]
                print(f"{rows:,} rows: {own} answers {ratio:.1f} times the requests of {other}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(TOP / "target/release/pipefit"))
    parser.add_argument("--load", default=newest("release/deps/http_load-*"))
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--save")
    arguments = parser.parse_args()
    if not arguments.load:
        sys.exit("no build of the load: cargo bench --bench http_load --no-run")
    pipefit = os.path.abspath(arguments.binary)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = prepare(folder, pipefit)
        all = contenders(folder, pipefit, model)
        try:
            for contender in all:
                contender.start(folder)
            for contender in all:
                for rows in arguments.rows:
                    np.testing.assert_allclose(contender.predict(rows), model.predict(TABLE[:rows]), rtol=1e-9, atol=1e-9)
            found = measure(arguments, all)
        finally:
            for contender in all:
                if contender.process:
                    contender.stop()
    tell(arguments, all, found)
    if arguments.save:
        with open(arguments.save, "w") as file:
            json.dump([{"server": name, "rows": rows, **one} for (name, rows), one in found.items()], file, indent=1)


TABLE = np.random.default_rng(1).normal(size=(10_000, 20))

if __name__ == "__main__":
    main()
