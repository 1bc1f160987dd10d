"""What pandas.read_csv makes of cells, alone and in pairs; writes formats.json beside this file.

python tests/golden/formats.py
"""

import csv
import io
import json
import math
from pathlib import Path

import pandas as pd
from pandas._libs.parsers import STR_NA_VALUES

# Integers beyond 64 bits are left out: read_csv makes text of them where fractions stand beside them.
CELLS = sorted(STR_NA_VALUES) + [
    "0", "1", "-1", "+1", "-0", "007", " 1", "1 ", "\t2", "1.", ".5", "-.5", "1.50", "0.1", "1e5", "1E-5", "1e+05",
    "1e999", "-1e999", "1e-400", "inf", "-inf", "+Inf", "INF", "Infinity", "-infinity", "iNf", "0.30000000000000004",
    "123456789012345678", "9007199254740993", "5e-324", "1.7976931348623157e308",
    "true", "True", "TRUE", "tRue", "false", "False", "FALSE", "true ", "yes", "No", "t", "F",
    " ", ".", "-", "+", "1e", "e5", "--1", "+-1", "- 1", "1_000", "1,000", "0x10", "0b1", "1d5", "1f", "٣", "\u00a01",
    "NAN", "+nan", " nan", "NA ", "na", "Null", "none", "nil", "infinite", "in", "1.2.3", "2024-01-01", "12:30", "1%", "$1",
    "é", 'a"b', "a b",
]  # fmt: skip


def read(cells):
    """The column that these cells make."""
    text = io.StringIO()
    csv.writer(text).writerows([["x", "other"], *([cell, "-"] for cell in cells)])
    return pd.read_csv(io.StringIO(text.getvalue()))["x"]


def kind(column):
    """n for number, b for bool, c for category."""
    if pd.api.types.is_bool_dtype(column):
        return "b"
    if pd.api.types.is_numeric_dtype(column):
        return "n"
    present = column.dropna()
    if len(present) and all(isinstance(value, bool) for value in present):
        return "b"
    return "n" if len(present) and all(isinstance(value, (int, float)) for value in present) else "c"


def value(cell):
    """A number as text that JSON and Rust read; None where it is missing or no number."""
    column = read([cell])
    if kind(column) != "n" or column.isna()[0]:
        return None
    number = float(column[0])
    return repr(number) if math.isfinite(number) else str(number)


document = {
    "pandas": pd.__version__,
    "cells": CELLS,
    "missing": [bool(read([cell]).isna()[0]) for cell in CELLS],
    "values": [value(cell) for cell in CELLS],
    "kinds_of_pairs": ["".join(kind(read([first, second])) for second in CELLS) for first in CELLS],
}
lines = [f" {json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in document.items()]
text = "{\n" + ",\n".join(lines).replace('", "' + "n" * 8, '",\n  "' + "n" * 8) + "\n}\n"
Path(__file__).with_suffix(".json").write_text(text)
