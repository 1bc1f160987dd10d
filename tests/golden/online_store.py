"""What Feast's own online store in Redis holds for a small feature view, and what Feast reads from it.

    python -m venv VENV && VENV/bin/pip install "feast[redis]==0.67.0"
    VENV/bin/python tests/golden/online_store.py   # starts a redis-server of its own, and writes online_store.json beside itself

Keys, fields and values are in hex, as they are in the server. `rows` is `get_online_features` for every entity, with `null` for what is
missing and Unix seconds for timestamps.
"""

import json
import socket
import subprocess
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import redis
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Bool, Float32, Float64, Int32, Int64, String, UnixTimestamp

HERE = Path(__file__).parent
START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
FEATURES = ["größe", "trips", "rank", "score", "plan", "active", "since", "code", "never"]


def frame():
    rows = []
    for i in range(12):
        rows.append({
            "driver_id": [0, 7, -3, 2**40][i % 4] + i,
            "city": ["Köln", "", "İzmir\n", "x"][i % 4] + str(i // 4),
            "größe": None if i == 3 else i / 8 - 0.1,
            "trips": i * 1000 - 5,
            "rank": i - 6,
            "score": float("nan") if i == 5 else i * 0.1,
            "plan": [None, "free", "NA", ""][i % 4],
            "active": i % 3 == 0,
            "since": START - timedelta(days=i * 100, seconds=i),
            "code": f"{i:03}",
            "never": None,
            "list": [1.0, float(i)],
            "event_timestamp": START + timedelta(minutes=i, microseconds=i),
        })
    return pd.DataFrame(rows)


def store(folder, port):
    (folder / "feature_store.yaml").write_text(
        "project: fahr_dienst\nprovider: local\nregistry: registry.db\nentity_key_serialization_version: 3\n"
        f"online_store: {{type: redis, connection_string: 'localhost:{port}'}}\n")
    return FeatureStore(repo_path=str(folder))


def views(source):
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    city = Entity(name="city", join_keys=["city"], value_type=ValueType.STRING)
    types = [Float32, Int64, Int32, Float64, String, Bool, UnixTimestamp, String, Float64]
    fields = [Field(name=name, dtype=dtype) for name, dtype in zip(FEATURES, types)]
    fields.append(Field(name="list", dtype=Array(Float32)))
    one = FeatureView(name="fahrer", entities=[driver], schema=fields, source=source, ttl=timedelta(0))
    two = FeatureView(name="fahrer_stadt", entities=[driver, city], schema=fields[:3], source=source, ttl=timedelta(0))
    other = FeatureView(name="other", entities=[driver], schema=fields[1:2], source=source, ttl=timedelta(0))
    return [driver, city, one, two, other]


def plain(value):
    if value is None or value is pd.NaT or isinstance(value, float) and value != value:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or timezone.utc).timestamp()
    return value


def read(feast, view, names, entities):
    found = feast.get_online_features(features=[f"{view}:{name}" for name in names], entity_rows=entities).to_dict()
    return {name: [plain(value) for value in values] for name, values in found.items()}


def main():
    folder = Path(tempfile.mkdtemp())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--dir", str(folder)], stdout=subprocess.DEVNULL)
    try:
        raw = redis.Redis(port=port)
        while True:
            try:
                raw.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.1)
        data = frame()
        data.to_parquet(folder / "data.parquet")
        feast = store(folder, port)
        objects = views(FileSource(path=str(folder / "data.parquet"), timestamp_field="event_timestamp"))
        feast.apply(objects)
        for view in ["fahrer", "fahrer_stadt"]:
            feast.write_to_online_store(view, data.copy())
        # An entity that has another view only.
        more = data.iloc[:1].copy()
        more["driver_id"] = 999
        feast.write_to_online_store("other", more)
        drivers = [{"driver_id": int(row.driver_id)} for row in data.itertuples()]
        both = [{"driver_id": int(row.driver_id), "city": row.city} for row in data.itertuples()]
        golden = {
            "project": "fahr_dienst",
            "keys": {key.hex(): {f.hex(): v.hex() for f, v in sorted(raw.hgetall(key).items())} for key in sorted(raw.keys())},
            "fahrer": read(feast, "fahrer", FEATURES, drivers),
            "fahrer_stadt": read(feast, "fahrer_stadt", FEATURES[:3], both),
            "times": [row.event_timestamp.timestamp() for row in data.itertuples()],
        }
        (HERE / "online_store.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    finally:
        server.terminate()


main()
