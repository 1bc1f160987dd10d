"""What skrub's DatetimeEncoder makes of datetimes; writes datetimes.json. Needs skrub 0.11.0 beside the rest, in an environment of its own.

python tests/golden/datetimes.py
"""

import json
from pathlib import Path

import pandas as pd
import skrub

HERE = Path(__file__).resolve().parent
TIMES = [
    "2024-02-29T13:14:15.250001", None, "1969-12-31T23:00:00", "2000-01-01T00:00:00", "1900-03-01T12:00:00",
    "2023-12-31T23:59:59.999999", "2100-02-28T06:30:00", "1970-01-01T00:00:00",
]  # fmt: skip
DATES = ["2024-02-29", "1969-12-31", None, "2000-01-01", "1900-03-01", "2023-12-31", "2100-02-28", "1970-01-01"]
SETTINGS = [
    {}, {"resolution": None}, {"resolution": "year"}, {"resolution": "month", "add_total_seconds": False},
    {"resolution": "day", "add_weekday": True}, {"resolution": "minute", "add_day_of_year": True}, {"resolution": "second"},
    {"resolution": "microsecond", "add_weekday": True, "add_day_of_year": True},
]  # fmt: skip


def main():
    cases = []
    for texts in (TIMES, DATES):
        column = pd.Series(pd.to_datetime(texts, format="ISO8601").as_unit("us"), name="at")
        for settings in SETTINGS:
            made = skrub.DatetimeEncoder(**settings).fit_transform(column)
            columns = {}
            for name in made.columns:
                # skrub rounds these to 32 bits.
                exact = (column - pd.Timestamp(0)) / pd.Timedelta("1s")
                values = exact if name == "at_total_seconds" else made[name]
                columns[name] = [None if pd.isna(value) else float(value) for value in values]
            cases.append({"texts": texts, "settings": settings, "columns": columns})
    document = {"skrub": skrub.__version__, "cases": cases}
    (HERE / "datetimes.json").write_text(json.dumps(document).replace('{"texts"', '\n{"texts"') + "\n")


if __name__ == "__main__":
    main()
