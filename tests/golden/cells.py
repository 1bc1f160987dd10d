"""What pandas has read, as JSON, and the columns that the scripts for formats with types have in common."""

import datetime
import decimal
import json
import math

import pandas as pd
import pyarrow as pa

# Numbers that are infinite, and integers that no double holds.
BEYOND = {"a": [1.0, 2.0**60, math.inf], "b": [1, 2**53 + 1, 0], "c": [2**60, 1, 2]}


def refused(**more):
    """A number, and columns of types that are refused."""
    return pa.table({
        "n": pa.array([1.0]),
        "time": pa.array([datetime.time(3, 4, 5)]),
        "binary": pa.array([b"\xff\x00"]),
        "list": pa.array([[1.0, 2.0]]),
        "struct": pa.array([{"a": 1.0}]),
        "map": pa.array([[("a", 1.0)]], pa.map_(pa.string(), pa.float64())),
        "wide": pa.array([decimal.Decimal(10) ** 40], pa.decimal256(50, 2)),
        **more,
    })


def value(cell):
    """A cell as JSON: a missing one is null, a datetime is microseconds since 1970 in UTC."""
    if cell is None or cell is pd.NA or cell is pd.NaT or isinstance(cell, float) and math.isnan(cell):
        return None
    if isinstance(cell, datetime.date) and not isinstance(cell, datetime.datetime):
        cell = datetime.datetime(cell.year, cell.month, cell.day)
    if isinstance(cell, datetime.datetime):
        return float(pd.Timestamp(cell).as_unit("us").asm8.view("i8"))
    return cell if isinstance(cell, str) else float(cell)


def kind(column, cells):
    dtype = str(column.dtype)
    if dtype.startswith("datetime") or any(isinstance(cell, datetime.date) for cell in column):
        return "datetime"
    is_level = dtype == "category" and any(cell is not None for cell in cells)
    return "category" if is_level or any(isinstance(cell, str) for cell in cells) else "number"


def expected(frame, *names):
    """What some files hold, by what pandas reads from them."""
    columns = []
    for name in frame.columns:
        cells = [value(cell) for cell in frame[name].tolist()]
        held = kind(frame[name], cells)
        # The labels of numbers are their texts.
        if held == "category":
            cells = [str(int(cell)) if isinstance(cell, float) else cell for cell in cells]
        columns.append({"name": str(name), "kind": held, "cells": cells})
    return {"files": list(names), "columns": columns}


def write(path, cases):
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
