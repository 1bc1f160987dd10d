"""Small Parquet files as pyarrow writes them, and what pandas reads back; writes data/parquet and parquet.json.

python tests/golden/parquet.py
"""

import datetime
import decimal
import math
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import cells

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "data" / "parquet"


def kinds():
    """Every type that is read, with missing values; the third row group has none."""
    rows = 14
    holes = lambda values: [None if i % 5 == 1 and i < 9 else value for i, value in enumerate(values)]
    counts = range(rows)
    words = ["b", "", "NA", "ä", "b", "a", "nan", "10", "9", "b", "a", "b", "a", "b"]
    cents = [decimal.Decimal(i * 1001 - 5000) / 100 for i in counts]
    return pa.table({
        "i8": pa.array(holes([i - 5 for i in counts]), pa.int8()),
        "i16": pa.array([i * 1000 for i in counts], pa.int16()),
        "i32": pa.array(holes([i * 10**8 for i in counts]), pa.int32()),
        "i64": pa.array([i * 10**14 - 3 for i in counts], pa.int64()),
        "u8": pa.array([255 - i for i in counts], pa.uint8()),
        "u32": pa.array(holes([2**32 - 1 - i for i in counts]), pa.uint32()),
        "u64": pa.array([2**53 - i for i in counts], pa.uint64()),
        "f32": pa.array(holes([0.1 * i for i in counts]), pa.float32()),
        "f64": pa.array([math.nan if i == 3 else 0.1 * i for i in counts], pa.float64()),
        "flag": pa.array(holes([i % 3 == 0 for i in counts]), pa.bool_()),
        "all_flags": pa.array([i % 2 == 0 for i in counts], pa.bool_()),
        "word": pa.array(holes(words), pa.string()),
        "large": pa.array(words, pa.large_string()),
        "level": pa.array(holes(words), pa.string()).dictionary_encode(),
        "money": pa.array(holes(cents), pa.decimal128(9, 2)),
        "more_money": pa.array(cents, pa.decimal128(18, 4)),
        "most_money": pa.array([value * 10**15 + 1 for value in cents], pa.decimal128(38, 3)),
        "nothing": pa.nulls(rows),
    })


def plain():
    rows = 300
    return pa.table({
        "x": pa.array([None if i % 17 == 2 else i * i % 101 / 8 for i in range(rows)], pa.float64()),
        "n": pa.array([i * 37 % 50 for i in range(rows)], pa.int64()),
        "w": pa.array([None if i % 23 == 5 else f"w{i % 7}" for i in range(rows)], pa.string()),
    })


def times():
    """Dates and timestamps of every unit, in UTC and elsewhere."""
    stamps = [None if i == 3 else datetime.datetime(1960 + 9 * i, 12, 31, 23, 59, i, 1000 * i) for i in range(9)]
    dates = [stamp and stamp.date() for stamp in stamps]
    return pa.table({
        "date": pa.array(dates, pa.date32()),
        "ms": pa.array(stamps, pa.timestamp("ms")),
        "us": pa.array(stamps, pa.timestamp("us", "Europe/Helsinki")),
        "ns": pa.array(stamps, pa.timestamp("ns")),
    })


def expected(*names):
    """What pandas reads from some files."""
    return cells.expected(pd.concat([pd.read_parquet(FOLDER / name) for name in names]), *names)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    write = lambda table, name, **options: pq.write_table(table, FOLDER / name, store_schema=False, **options)
    pq.write_table(kinds(), FOLDER / "kinds.parquet", row_group_size=5, compression="snappy")
    write(plain(), "plain.parquet", row_group_size=120, compression="none", use_dictionary=False)
    for codec in ["snappy", "zstd", "gzip", "lz4"]:
        write(plain(), f"{codec}.parquet", row_group_size=128, compression=codec, data_page_size=200)
    write(
        plain(), "encodings.parquet", compression="zstd", data_page_version="2.0", use_dictionary=False,
        column_encoding={"x": "BYTE_STREAM_SPLIT", "n": "DELTA_BINARY_PACKED", "w": "DELTA_BYTE_ARRAY"},
    )  # fmt: skip
    write(plain(), "version_2.parquet", compression="snappy", data_page_version="2.0", row_group_size=33)
    write(plain().slice(0, 100), "part-1.parquet")
    integral = plain().slice(100).select(["w", "x", "n"])
    write(integral.set_column(2, "n", integral["n"].cast(pa.float32())), "part-2.parquet")
    cents = pa.array([decimal.Decimal("1.25")], pa.decimal128(9, 2))
    write(pa.table({"a": [1.5], "b": pa.array([-1], pa.int32())}), "mixed-1.parquet")
    write(pa.table({"a": cents, "b": pa.array([2**32 - 1], pa.uint32())}), "mixed-2.parquet")
    write(times(), "times.parquet", row_group_size=4)
    write(times().select(["ms", "ns"]), "int96.parquet", use_deprecated_int96_timestamps=True)
    write(pa.table({"n": [1.0], "other": [2.0]}), "other-columns.parquet")
    write(pa.table({"x": ["a"], "n": [1], "w": ["b"]}), "other-types.parquet")
    write(cells.refused(half=pa.array([1.5], pa.float16())), "refused.parquet")
    write(pa.table({"a": pa.array([], pa.float64())}), "empty.parquet")
    write(pa.table(cells.BEYOND), "beyond.parquet")
    names = ["kinds", "plain", "snappy", "zstd", "gzip", "lz4", "encodings", "version_2", "times", "int96"]
    cases = [expected(f"{name}.parquet") for name in names] + [expected("part-1.parquet", "part-2.parquet")]
    cases.append(expected("mixed-1.parquet", "mixed-2.parquet"))
    cells.write(HERE / "parquet.json", cases)


if __name__ == "__main__":
    main()
