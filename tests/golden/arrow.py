"""Small Arrow and NPY files as pyarrow and NumPy write them, and what pandas reads back; writes data/arrow, data/npy and arrow.json.

python tests/golden/arrow.py
"""

import datetime
import decimal
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather

import cells

HERE = Path(__file__).resolve().parent
ARROW, NPY = HERE / "data" / "arrow", HERE / "data" / "npy"
ROWS = 9


def holes(values):
    return [None if i % 4 == 1 else value for i, value in enumerate(values)]


def kinds():
    """Every type that is read, with missing values."""
    counts = range(ROWS)
    words = ["b", "", "NA", "ä", "b", "a", "nan", "10", "9"]
    cents = [decimal.Decimal(i * 1001 - 5000) / 100 for i in counts]
    days = [datetime.date(1960 + 11 * i, 2, 28) for i in counts]
    times = [datetime.datetime(1960 + 11 * i, 12, 31, 23, 59, i, 1000 * i) for i in counts]
    return pa.table({
        "i8": pa.array(holes([i - 5 for i in counts]), pa.int8()),
        "i16": pa.array([i * 1000 for i in counts], pa.int16()),
        "i32": pa.array(holes([i * 10**8 for i in counts]), pa.int32()),
        "i64": pa.array([i * 10**14 - 3 for i in counts], pa.int64()),
        "u8": pa.array([255 - i for i in counts], pa.uint8()),
        "u16": pa.array(holes([2**16 - 1 - i for i in counts]), pa.uint16()),
        "u32": pa.array([2**32 - 1 - i for i in counts], pa.uint32()),
        "u64": pa.array([2**53 - i for i in counts], pa.uint64()),
        "f16": pa.array(holes([np.float16(i / 8) for i in counts]), pa.float16()),
        "f32": pa.array(holes([0.1 * i for i in counts]), pa.float32()),
        "f64": pa.array([math.nan if i == 3 else 0.1 * i for i in counts], pa.float64()),
        "flag": pa.array(holes([i % 3 == 0 for i in counts]), pa.bool_()),
        "word": pa.array(holes(words), pa.string()),
        "large": pa.array(words, pa.large_string()),
        "view": pa.array(holes([word * 7 for word in words]), pa.string_view()),
        "level": pa.array(holes(words), pa.string()).dictionary_encode(),
        "small_level": pa.array(words).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.large_string())),
        "number_level": pa.array(holes([10, 9, 10, 9, 9, 10, 7, 7, 7])).dictionary_encode(),
        "money": pa.array(holes(cents), pa.decimal128(9, 2)),
        "most_money": pa.array([value * 10**15 + 1 for value in cents], pa.decimal128(38, 3)),
        "day": pa.array(holes(days), pa.date32()),
        "day64": pa.array(days, pa.date64()),
        "s": pa.array([time.replace(microsecond=0) for time in times], pa.timestamp("s")),
        "ms": pa.array(holes(times), pa.timestamp("ms")),
        "us": pa.array(times, pa.timestamp("us", "Europe/Helsinki")),
        "ns": pa.array(holes(times), pa.timestamp("ns")),
        "nothing": pa.nulls(ROWS),
    })


def stream(table, name, batches=1):
    with pa.OSFile(str(ARROW / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=-(-table.num_rows // batches))


def arrays():
    """Arrays of NumPy by name."""
    plain = np.arange(12, dtype="f8").reshape(4, 3) / 8
    plain[1, 2] = math.nan
    records = np.zeros(3, dtype=[("a", "<f4"), ("b é", ">i2"), ("c", "?"), ("d", "<U3"), ("e", "S2"), ("f", "<M8[ms]")])
    records["a"], records["b é"], records["c"] = [0.1, math.nan, 3], [-1, 2, 300], [True, False, True]
    records["d"], records["e"] = ["ä", "", "xyz"], [b"p", b"qr", b""]
    records["f"] = ["2024-02-29T12:30:15.25", "NaT", "1969-12-31"]
    aligned = np.zeros(2, dtype=np.dtype([("small", "i1"), ("large", "f8")], align=True))
    aligned["small"], aligned["large"] = [1, -2], [0.5, 1.5]
    return {
        "plain": plain,
        "fortran": np.asfortranarray(plain),
        "one": np.array([1, -2, 3], dtype="i8"),
        "big_endian": np.array([[1, 2], [3, 65535]], dtype=">u2"),
        "half": np.array([[0.1, -2.0]], dtype="f2"),
        "flags": np.array([[True], [False]]),
        "texts": np.array([["a", "NA"], ["", "é"]]),
        "days": np.array(["2024-02-29", "NaT", "1900-01-01"], dtype="M8[D]"),
        "nanoseconds": np.array(["1969-12-31T23:59:59.999999999"], dtype="M8[ns]"),
        "records": records,
        "aligned": aligned,
    }


def frame_of(array):
    if array.dtype.names:
        named = {name: array[name] for name in array.dtype.names}
        return pd.DataFrame({name: np.char.decode(own) if own.dtype.kind == "S" else own.astype(own.dtype.newbyteorder("="))
                             for name, own in named.items()})  # fmt: skip
    array = array.astype(array.dtype.newbyteorder("=")).reshape(len(array), -1)
    return pd.DataFrame(array, columns=[f"x{j}" for j in range(array.shape[1])])


def main():
    ARROW.mkdir(parents=True, exist_ok=True)
    NPY.mkdir(parents=True, exist_ok=True)
    table = kinds()
    feather.write_feather(table, str(ARROW / "kinds.arrow"), compression="uncompressed")
    feather.write_feather(table, str(ARROW / "lz4.arrow"))
    feather.write_feather(table, str(ARROW / "zstd.arrow"), compression="zstd", chunksize=4)
    stream(table, "stream.arrow", 3)
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array([1.0]))
    stream(cells.refused(duration=pa.array([datetime.timedelta(1)]), runs=runs), "refused.arrow")
    stream(pa.table(cells.BEYOND), "beyond.arrow")
    stream(pa.table({"a": pa.array([], pa.float64())}), "empty.arrow")
    stream(table.slice(0, 4), "part-1.arrow")
    feather.write_feather(table.slice(4).select(table.column_names[::-1]), str(ARROW / "part-2.arrow"))
    frame = table.to_pandas()
    names = ["kinds", "lz4", "zstd", "stream"]
    cases = [cells.expected(frame, f"arrow/{name}.arrow") for name in names]
    cases.append(cells.expected(frame, "arrow/part-1.arrow", "arrow/part-2.arrow"))
    for name, array in arrays().items():
        np.save(NPY / f"{name}.npy", array)
        cases.append(cells.expected(frame_of(array), f"npy/{name}.npy"))
    np.lib.format.write_array((NPY / "version_2.npy").open("wb"), arrays()["plain"], version=(2, 0))
    cases.append(cells.expected(frame_of(arrays()["plain"]), "npy/version_2.npy"))
    np.save(NPY / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(NPY / "three_dimensions.npy", np.zeros((2, 2, 2)))
    np.save(NPY / "complex.npy", np.zeros(2, dtype="c16"))
    np.save(NPY / "years.npy", np.array(["2024"], dtype="M8[Y]"))
    cells.write(HERE / "arrow.json", cases)


if __name__ == "__main__":
    main()
