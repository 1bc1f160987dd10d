"""Write the example tables beside this script, from data that two Python packages carry; no network.

    python examples/data/make.py            write the tables
    python examples/data/make.py --check    write nothing; exit 1 if a table differs

Numbers are the shortest decimals that read back as the same double (Python's `repr`); a column of whole numbers is
written without a decimal point; a missing value is an empty cell; lines end in a line feed. The same package versions
(see README.md) give the same bytes.
"""

import csv
import io
import sys
from pathlib import Path

import palmerpenguins
from sklearn import datasets

HERE = Path(__file__).resolve().parent


def cells(column):
    """The text of each cell of a column."""
    if column.dtype.kind not in "if":
        return ["" if missing else str(value) for value, missing in zip(column, column.isna())]
    whole = (column.dropna() % 1 == 0).all()
    text = (lambda value: str(int(value))) if whole else (lambda value: repr(float(value)))
    return ["" if missing else text(value) for value, missing in zip(column, column.isna())]


def table_bytes(frame):
    """A data frame as the bytes of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(zip(*(cells(frame[name]) for name in frame.columns)))
    return text.getvalue().encode()


def iris():
    """Iris with short column names and the species by name."""
    data = datasets.load_iris(as_frame=True)
    frame = data.frame.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
    frame["species"] = [str(data.target_names[code]) for code in frame.pop("target")]
    return frame


def tables():
    """Every table by file name."""
    return {
        "breast_cancer.csv": datasets.load_breast_cancer(as_frame=True).frame,
        "diabetes.csv": datasets.load_diabetes(as_frame=True).frame,
        "iris.csv": iris(),
        "penguins.csv": palmerpenguins.load_penguins(),
        "wine.csv": datasets.load_wine(as_frame=True).frame,
    }


def main():
    check = "--check" in sys.argv[1:]
    differing = []
    for name, frame in tables().items():
        path, new = HERE / name, table_bytes(frame)
        if check:
            if not path.is_file() or path.read_bytes() != new:
                differing.append(name)
        else:
            path.write_bytes(new)
    if differing:
        sys.exit(f"differs: {', '.join(differing)}")


if __name__ == "__main__":
    main()
