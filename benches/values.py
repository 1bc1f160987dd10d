"""One value in Redis: the reader beside redis-py with hiredis and pandas or pyarrow, in every format.

    cargo bench --bench redis_rows --no-run
    python -m venv target/bench && target/bench/bin/pip install redis hiredis pandas pyarrow
    target/bench/bin/python benches/values.py [--rows 1000000] [--runs 5] [--client PATH] [FORMAT...]

Starts a Redis server of its own and puts one table of 20 columns of numbers under a key for each format, as pandas and pyarrow
write it. Then both read each in turn, each in a process of its own that measures from the connection to the table, with everything
imported and its threads started: pipefit's reader, with the recognition of the format and the search for types that a run does, and
the quickest usual lines in Python, of which there are two for JSON and Parquet: the faster of them counts. `records` and `jsonl` are compared where they are named. The sums of all numbers
have to agree to the last bits. Prints the medians, and how many times the rows of Python pipefit reads in the same time.
"""

import argparse
import json
import math
import os
import statistics
import sys

from redis_server import client, run, server

COLUMNS = 20
# What each format is to reach.
GOALS = {"json": 2, "records": 2, "jsonl": 2, "csv": 2, "parquet": 1, "arrow": 1}
# Those that are compared when none is named: a million records take more than one value holds, or nearly.
FORMATS = ["json", "csv", "parquet", "arrow"]
SCRIPT = """
import io, json, sys, time
import hiredis, numpy as np, pandas as pd, pyarrow as pa, pyarrow.feather, pyarrow.parquet, redis

reads = {
    "json": {
        "json.loads": lambda value: pd.DataFrame(json.loads(value)),
        "read_json": lambda value: pd.read_json(io.BytesIO(value)),
    },
    "records": {
        "json.loads": lambda value: pd.DataFrame(json.loads(value)),
        "read_json": lambda value: pd.read_json(io.BytesIO(value), orient="records"),
    },
    "jsonl": {"read_json": lambda value: pd.read_json(io.BytesIO(value), lines=True)},
    "csv": {"read_csv": lambda value: pd.read_csv(io.BytesIO(value))},
    "parquet": {
        "read_parquet": lambda value: pd.read_parquet(io.BytesIO(value)),
        "read_table": lambda value: pa.parquet.read_table(pa.BufferReader(value)).to_pandas(),
    },
    "arrow": {"open_file": lambda value: pa.ipc.open_file(pa.BufferReader(value)).read_all().to_pandas()},
}
read = reads[sys.argv[2]][sys.argv[3]]
# Threads, caches of imports: nobody is to pay for them here.
warm = pd.DataFrame({"a": np.arange(3.0)})
warm.to_parquet("/dev/null")
pa.table(warm).to_pandas()
start = time.perf_counter()
value = redis.Redis.from_url(sys.argv[1]).get(sys.argv[2])
table = read(value)
seconds = time.perf_counter() - start
print(json.dumps({"rows": len(table), "seconds": seconds, "sum": float(table.to_numpy().sum())}))
"""
READS = {
    "json": ["json.loads", "read_json"],
    "records": ["json.loads", "read_json"],
    "jsonl": ["read_json"],
    "csv": ["read_csv"],
    "parquet": ["read_parquet", "read_table"],
    "arrow": ["open_file"],
}


def fill(url, rows, formats):
    """Puts the table there; gives the bytes of each value."""
    import io

    import numpy as np
    import pandas as pd
    import pyarrow.feather
    import redis

    numbers = np.random.default_rng(1).normal(50, 10, (rows, COLUMNS))
    table = pd.DataFrame(numbers, columns=[f"x{i}" for i in range(COLUMNS)])

    def columns():
        # json.dumps spells a float as pandas does not: with all digits that tell it apart.
        return "{" + ", ".join(f'"{name}": {json.dumps(table[name].tolist())}' for name in table) + "}"

    def records(between):
        rows = (json.dumps(dict(zip(table.columns, row))) for row in numbers.tolist())
        return between.join(rows)

    def in_memory(write):
        buffer = io.BytesIO()
        write(buffer)
        return buffer.getvalue()

    writers = {
        "json": columns,
        "records": lambda: "[" + records(", ") + "]",
        "jsonl": lambda: records("\n") + "\n",
        "csv": lambda: table.to_csv(index=False),
        "parquet": lambda: in_memory(table.to_parquet),
        "arrow": lambda: in_memory(lambda out: pyarrow.feather.write_feather(table, out, compression="uncompressed")),
    }
    client = redis.Redis.from_url(url)
    sizes = {}
    for name in formats:
        value = writers[name]()
        value = value.encode() if isinstance(value, str) else value
        sizes[name] = len(value)
        if len(value) >= 512 << 20:
            sys.exit(f"{name}: a value of {len(value):,} bytes is more than Redis holds; take fewer --rows")
        client.set(name, value)
    return sizes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("formats", nargs="*", choices=[*GOALS, []], metavar="FORMAT")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--client")
    arguments = parser.parse_args()
    rust = client(arguments.client)
    with server() as (url, _):
        compare(arguments, rust, url)


def compare(arguments, rust, url):
    formats = arguments.formats or FORMATS
    sizes = fill(url, arguments.rows, formats)
    print(f"one value of {arguments.rows:,} x {COLUMNS} numbers, {arguments.runs} runs each, in turn, on {os.cpu_count()} cores")
    print(f"{'':9}{'MB':>7}{'pipefit s':>11}{'python s':>10}  {'by':14}{'times':>6}{'goal':>6}{'peak / table':>14}")
    for name in formats:
        commands = {"pipefit": [rust, "value", url, name]}
        for how in READS[name]:
            commands[how] = [sys.executable, "-c", SCRIPT, url, name, how]
        found = {who: [] for who in commands}
        for _ in range(arguments.runs):
            for who, command in commands.items():
                found[who].append(run(command))
        one = found["pipefit"][-1]
        for who, runs in found.items():
            if any(other["rows"] != arguments.rows for other in runs):
                sys.exit(f"{name}: {who} found other rows")
            if not all(math.isclose(other["sum"], one["sum"], rel_tol=1e-12) for other in runs):
                sys.exit(f"{name}: {who} found another sum: {runs[0]['sum']!r}, not {one['sum']!r}")
        medians = {who: statistics.median(other["seconds"] for other in runs) for who, runs in found.items()}
        best = min(READS[name], key=medians.get)
        times = medians[best] / medians["pipefit"]
        peak = one["peak_bytes"] / one["table_bytes"]
        print(
            f"{name:9}{sizes[name] / 1e6:7.0f}{medians['pipefit']:11.3f}{medians[best]:10.3f}  {best:14}"
            f"{times:6.2f}{GOALS[name]:6}{peak:14.2f}"
        )


if __name__ == "__main__":
    main()
