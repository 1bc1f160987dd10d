"""Rows from Redis: the reader beside a client that drops the answers, and beside redis-py with hiredis and pandas.

    cargo bench --bench redis_rows --no-run
    python -m venv target/bench && target/bench/bin/pip install redis hiredis pandas
    target/bench/bin/python benches/redis_rows.py [--rows 1000000] [--runs 3] [--others 2000000] [--client PATH]

Starts a Redis server of its own and fills it with hashes of 20 numbers. Then the three read them in turn, each in a process of its
own that measures from the connection to the table: the null client lists the same keys, sends the same commands and drops what
comes; the reader is pipefit's; the Python script does what people write, SCAN and HGETALL in pipelines of 1,000, a DataFrame, its
columns as numbers. The sums of all numbers have to agree. Prints the least and the median of each, the ratios of the medians, and the
peak memory of the reader beside the bytes of its table, which may be 1.5 times as much where there are a million rows.

With `--stream` the rows are the entries of one stream, read in pages by XRANGE; the null client knows the ids beforehand.

With `--others` that many keys beside the rows are written then, and the readings are compared that have to search for the rows and that
have not: by pattern, by a list of the keys, and a null client that lists all keys of the server and reads none.
"""

import argparse
import os
import statistics
import subprocess
import sys

from redis_server import client, run, server

SCRIPT = """
import json, sys, time
import hiredis, pandas as pd, redis

start = time.perf_counter()
r = redis.Redis.from_url(sys.argv[1], decode_responses=True)
keys = sorted(set(r.scan_iter(match=sys.argv[2], count=2000)))
rows = []
for at in range(0, len(keys), 1000):
    pipe = r.pipeline(transaction=False)
    for key in keys[at : at + 1000]:
        pipe.hgetall(key)
    rows.extend(pipe.execute())
table = pd.DataFrame(rows).apply(pd.to_numeric)
seconds = time.perf_counter() - start
print(json.dumps({"rows": len(table), "seconds": seconds, "sum": float(table.sum().sum())}))
"""


STREAM_SCRIPT = """
import json, sys, time
import hiredis, pandas as pd, redis

start = time.perf_counter()
r = redis.Redis.from_url(sys.argv[1], decode_responses=True)
rows, last = [], "-"
while page := r.xrange(sys.argv[2], min=last, count=2000):
    rows.extend(fields for _, fields in page)
    last = "(" + page[-1][0]
table = pd.DataFrame(rows).apply(pd.to_numeric)
seconds = time.perf_counter() - start
print(json.dumps({"rows": len(table), "seconds": seconds, "sum": float(table.sum().sum())}))
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--client")
    parser.add_argument("--others", type=int, default=0, help="so many other keys in the server")
    parser.add_argument("--unix", action="store_true", help="the reader over a socket file as well")
    parser.add_argument("--stream", action="store_true", help="the entries of a stream instead of hashes")
    arguments = parser.parse_args()
    rust = client(arguments.client)
    with server() as (url, socket_url):
        compare(arguments, rust, url, socket_url)
        if arguments.others:
            beside_others(arguments, rust, url)


def compare(arguments, rust, url, socket_url):
    rows = str(arguments.rows)
    if arguments.stream:
        what, place, script, prefix = "entries of a stream, each", "events", STREAM_SCRIPT, "stream-"
    else:
        what, place, script, prefix = "hashes", "row:*", SCRIPT, ""
    run([rust, prefix + "fill", url, place, rows])
    commands = {
        "null": [rust, prefix + "null", url, place, rows],
        "pipefit": [rust, prefix + "read", url, place],
        "python": [sys.executable, "-c", script, url, place],
    }
    if arguments.unix:
        commands["pipefit, socket file"] = [rust, prefix + "read", socket_url, place]
    found = {name: [] for name in commands}
    for _ in range(arguments.runs):
        for name, command in commands.items():
            found[name].append(run(command))
    for name, runs in found.items():
        if any(one["rows"] != arguments.rows for one in runs):
            sys.exit(f"{name} found other rows")
    sums = [one["sum"] for runs in found.values() for one in runs if "sum" in one]
    if any(abs(one - sums[0]) > 1e-9 * arguments.rows for one in sums):
        sys.exit(f"the sums differ: {sums}")
    print(f"{arguments.rows:,} {what} of 20 numbers, {arguments.runs} runs each, in turn, on {os.cpu_count()} cores")
    print(f"{'':22}{'least s':>10}{'median s':>10}{'rows/s':>12}")
    medians = {}
    for name, runs in found.items():
        seconds = [one["seconds"] for one in runs]
        medians[name] = statistics.median(seconds)
        print(f"{name:22}{min(seconds):10.3f}{medians[name]:10.3f}{arguments.rows / medians[name]:12,.0f}")
    print(f"pipefit / null client: {medians['pipefit'] / medians['null']:.2f}")
    print(f"python / pipefit: {medians['python'] / medians['pipefit']:.1f}")
    one = found["pipefit"][-1]
    peak, table = one["peak_bytes"], one["table_bytes"]
    print(f"peak memory of the reader: {peak / 2**20:.0f} MiB, {peak / table:.2f} times its table of {table / 2**20:.0f} MiB")
    if arguments.rows >= 1_000_000 and peak > 1.5 * table:
        sys.exit("the reader takes more than 1.5 times its table")


def beside_others(arguments, rust, url):
    """Readings in a server that has other keys, against those in the server without them."""
    commands = {
        "bare SCAN": [rust, "scan", url, "*"],
        "by pattern": [rust, "read", url, "row:*"],
        "by a list of keys": [rust, "index", url, "row:*"],
    }
    run([rust, "others", url, "row:*", str(arguments.rows), "0"])

    def medians():
        found = {name: [] for name in commands}
        for _ in range(arguments.runs):
            for name, command in commands.items():
                found[name].append(run(command)["seconds"])
        return {name: statistics.median(seconds) for name, seconds in found.items()}

    alone = medians()
    subprocess.run([rust, "others", url, "row:*", "0", str(arguments.others)], stdout=subprocess.PIPE, check=True)
    among = medians()
    print(f"among {arguments.others:,} other keys, medians of {arguments.runs} runs")
    print(f"{'':22}{'alone s':>10}{'among s':>10}{'more s':>10}")
    for name in commands:
        print(f"{name:22}{alone[name]:10.3f}{among[name]:10.3f}{among[name] - alone[name]:10.3f}")
    more = among["by pattern"] - among["by a list of keys"]
    print(f"searching by pattern / bare SCAN of the server: {more / among['bare SCAN']:.2f}")


if __name__ == "__main__":
    main()
