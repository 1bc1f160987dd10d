"""The whole small job as a process, here and as the usual Python script: diabetes from a Redis key, five folds, publish.

    cargo build --release
    python -m venv target/bench && target/bench/bin/pip install scikit-learn==1.9.1 pandas redis joblib
    target/bench/bin/python benches/small_job.py [RUNS]

Starts a Redis server of its own. Runs both in turn, checks that the scores agree to 1e-9, and prints minimum and median of
wall time, processor time and peak memory, and the ratio of the medians. The Python script does what people write: redis-py,
pandas, a Pipeline, cross_val_score, joblib. Most of its time is start-up and imports.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SCRIPT = """
import io, json, sys
import joblib, pandas as pd, redis
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

r = redis.Redis(port=int(sys.argv[1]))
table = pd.read_csv(io.BytesIO(r.get("data:diabetes")))
X, y = table.drop(columns="target"), table["target"]
pipeline = make_pipeline(SimpleImputer(), StandardScaler(), LinearRegression())
scores = cross_val_score(pipeline, X, y, cv=5)
pipeline.fit(X, y)
buffer = io.BytesIO()
joblib.dump(pipeline, buffer)
r.set("model:diabetes", buffer.getvalue())
joblib.load(io.BytesIO(r.get("model:diabetes")))
print(json.dumps(list(scores)))
"""


def timed(command, folder):
    """Runs a command; gives its output, wall seconds, processor seconds and peak MiB."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command} ended with {process.returncode}")
        out.seek(0)
        return out.read(), (wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    binary = TOP / "target/release/pipefit"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            compare(runs, binary, port, folder)
        finally:
            server.kill()
            server.wait()


def compare(runs, binary, port, folder):
    store = f"redis://127.0.0.1:{port}/0"
    # The command waits for the server by itself only as long as one connection takes.
    for _ in range(50):
        put = [binary, "data", "put", "data:diabetes", TOP / "examples/data/diabetes.csv", "--store", store]
        if subprocess.run(put, stderr=subprocess.DEVNULL).returncode == 0:
            break
        time.sleep(0.1)
    # A copy, since a run leaves its lock beside the file and its artifacts in the working directory.
    shutil.copy(TOP / "pipelines/diabetes.yaml", folder)
    ours = [binary, "run", "diabetes.yaml", "--store", store, "--json"]
    theirs = [sys.executable, "-c", SCRIPT, str(port)]
    figures = {"pipefit": [], "python": []}
    for run in range(runs + 1):
        (text, here), (other, there) = timed(ours, folder), timed(theirs, folder)
        scores = json.loads(text)["cv"]["scores"]["r2"]["folds"]
        if any(abs(a - b) > 1e-9 for a, b in zip(scores, json.loads(other), strict=True)):
            sys.exit(f"the scores differ: {scores} and {other}")
        if run:  # the first is a warm-up
            figures["pipefit"].append(here)
            figures["python"].append(there)
    print(f"{runs} runs each, in turn, on {os.cpu_count()} cores; the scores agree to 1e-9")
    print(f"{'':10}{'wall ms':>18}{'processor ms':>18}{'peak MiB':>18}   (minimum, median)")
    medians = {}
    for name, rows in figures.items():
        columns = list(zip(*rows))
        medians[name] = [statistics.median(column) for column in columns]
        cells = [(min(column) * k, statistics.median(column) * k) for column, k in zip(columns, (1e3, 1e3, 1))]
        print(f"{name:10}" + "".join(f"{low:9.1f}{middle:9.1f}" for low, middle in cells))
    ratios = [b / a for a, b in zip(medians["pipefit"], medians["python"])]
    print(f"{'ratio':10}" + "".join(f"{ratio:18.1f}" for ratio in ratios))


if __name__ == "__main__":
    main()
