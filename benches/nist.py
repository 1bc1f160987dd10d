"""Correct digits on NIST's Statistical Reference Datasets for linear least squares, of pipefit and of scikit-learn.

    python benches/nist.py FOLDER [--pipefit PATH]

FOLDER holds NIST's files (Norris.dat, Pontius.dat, ...: https://www.itl.nist.gov/div898/strd/lls/lls.shtml). Prints the table
of docs/accuracy.md: -log10 of the relative error, the least over all coefficients, at most 15, which is what is certified.
R2 and the residual standard deviation are computed exactly from what each predicts for the rows. Powers of polynomials are
correctly rounded.
"""

import argparse
import json
import math
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tables import aligned

TOP = Path(__file__).resolve().parent.parent
SETS = ["Norris", "Pontius", "NoInt1", "NoInt2", "Filip", "Longley"] + [f"Wampler{k}" for k in range(1, 6)]


def numbers(line):
    found = []
    for word in line.split():
        try:
            found.append(float(word))
        except ValueError:
            pass
    return found


class Set:
    """Rows, and what is certified of their fit."""

    def __init__(self, path):
        lines = path.read_text().splitlines()
        within = lambda title: self.lines_of(lines, title)
        certified = within("Certified Values")
        self.name = path.stem
        self.intercept = any(line.strip().startswith("B0") for line in certified)
        found = [(line, numbers(line)) for line in certified]
        self.coef = [values[0] for line, values in found if line.strip().startswith("B") and len(values) == 2]
        self.deviation = next(v[0] for line, v in found if "Standard Deviation" in line and len(v) == 1)
        self.r_squared = next(v[0] for line, v in found if "R-Squared" in line)
        rows = np.array([numbers(line) for line in within("Data  ")])
        self.y, x = rows[:, 0], rows[:, 1:]
        degree = len(self.coef) - self.intercept
        if x.shape[1] == 1 and degree > 1:
            x = np.array([[float(Fraction(value) ** k) for k in range(1, degree + 1)] for value in x[:, 0]])
        self.x = x

    @staticmethod
    def lines_of(lines, title):
        head = next(line for line in lines[:10] if title in line)
        first, last = (int(word) for word in head.replace(")", " ").split() if word.isdigit())
        return lines[first - 1 : last]

    def judge(self, coef, predicted):
        """Digits of the coefficients, R2 and the residual deviation."""
        y = [Fraction(value) for value in self.y]
        left = sum((y - Fraction(float(p))) ** 2 for y, p in zip(y, predicted))
        middle = sum(y) / len(y) if self.intercept else 0
        total = sum((y - middle) ** 2 for y in y)
        r_squared = float(1 - left / total)
        deviation = math.sqrt(left / (len(y) - len(self.coef)))
        if self.deviation == 0:
            small = deviation <= 1e-9 * math.sqrt(total / len(y))
            return [digits(coef, self.coef), digits([r_squared], [self.r_squared]), "exact" if small else "0.0"]
        pairs = [(coef, self.coef), ([r_squared], [self.r_squared]), ([deviation], [self.deviation])]
        return [digits(*pair) for pair in pairs]


def digits(found, certified):
    errors = [abs(Fraction(float(f)) - Fraction(c)) / abs(Fraction(c)) for f, c in zip(found, certified, strict=True)]
    worst = max(errors)
    return f"{max(0.0, min(15.0, -math.log10(worst) if worst else 15.0)):.1f}"


def ours(pipefit, data):
    with tempfile.TemporaryDirectory() as folder:
        names = [f"x{j}" for j in range(data.x.shape[1])]
        pd.DataFrame(data.x, columns=names).assign(y=data.y).to_csv(Path(folder) / "t.csv", index=False)
        model = f"model: {{LinearRegression: {{fit_intercept: {str(data.intercept).lower()}}}}}\ncv: null\n"
        head = "version: 1\nname: nist\nsource: {file: t.csv}\ntarget: y\n"
        (Path(folder) / "nist.yaml").write_text(head + model)
        run = lambda *words: subprocess.run([pipefit, *words], cwd=folder, capture_output=True, text=True, check=True).stdout
        answer = json.loads(run("run", "nist.yaml", "--json"))["model"]
        predicted = [float(line) for line in run("predict", "nist", "--input", "./t.csv").split()[1:]]
    return data.judge([answer["intercept"]] * data.intercept + answer["coef"], predicted)


def theirs(data, scaled):
    model = LinearRegression(fit_intercept=data.intercept)
    if not scaled:
        model.fit(data.x, data.y)
        coef, intercept, predicted = model.coef_, model.intercept_, model.predict(data.x)
    else:
        pipeline = make_pipeline(StandardScaler(with_mean=data.intercept), model).fit(data.x, data.y)
        coef = model.coef_ / pipeline[0].scale_
        intercept = model.intercept_ - (pipeline[0].mean_ @ coef if data.intercept else 0)
        predicted = pipeline.predict(data.x)
    return data.judge([intercept] * data.intercept + list(coef), predicted)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pipefit", type=Path, default=TOP / "target/release/pipefit")
    options = parser.parse_args()
    what = ["coef", "R2", "sd"]
    rows = [["set"] + [f"{who} {w}" for who in ("pipefit", "scikit-learn", "scaled first") for w in what]]
    for name in SETS:
        data = Set(options.folder / f"{name}.dat")
        rows.append([name, *ours(options.pipefit.resolve(), data), *theirs(data, False), *theirs(data, True)])
    print(aligned(rows))


if __name__ == "__main__":
    main()
