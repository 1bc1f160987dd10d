"""Write the small tables beside this script: awkward on purpose, made from scikit-learn's data or by a seeded recipe.

    python tests/golden/data/make.py
"""

import csv
from pathlib import Path

import numpy as np
import palmerpenguins
from sklearn import datasets

HERE = Path(__file__).resolve().parent


def cell(value):
    """A cell: text as it is, nothing for None or NaN, the shortest decimal for a number."""
    if value is None or isinstance(value, str):
        return value or ""
    if np.isnan(value):
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def write(name, columns):
    """Columns by name as a CSV file."""
    with open(HERE / name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell(value) for value in row] for row in zip(*columns.values(), strict=True))


def units():
    """Diabetes in its own units, with an id and two weights; both have zeros."""
    frame = datasets.load_diabetes(as_frame=True, scaled=False).frame.iloc[:200]
    random = np.random.RandomState(11)
    fractional = np.round(random.gamma(2.0, 0.7, 200), 3)
    fractional[random.permutation(200)[:12]] = 0
    return {
        "patient": [f"p{i:03d}" for i in range(200)],
        **{name: frame[name].tolist() for name in frame.columns},
        "times": random.randint(0, 4, 200).tolist(),
        "weight": fractional.tolist(),
    }


def holes():
    """Diabetes in its own units with gaps; `late` has values in the last fifth only; `stage` has few levels."""
    frame = datasets.load_diabetes(as_frame=True, scaled=False).frame.iloc[200:350]
    random = np.random.RandomState(12)
    columns = {}
    for name in ["age", "sex", "bmi", "bp", "s5"]:
        values = frame[name].to_numpy(copy=True)
        values[random.uniform(size=150) < 0.12] = np.nan
        columns[name] = values.tolist()
    stage = random.choice([1, 2, 10], 150, p=[0.4, 0.4, 0.2])
    columns["stage"] = [None if random.uniform() < 0.1 else int(v) for v in stage]
    columns["late"] = [None if i < 120 or i % 7 == 0 else round(random.normal(), 2) for i in range(150)]
    columns["target"] = frame["target"].tolist()
    return columns


def deficient():
    """Columns that repeat or double others, and one that is constant."""
    frame = datasets.load_diabetes(as_frame=True, scaled=False).frame.iloc[:120]
    return {
        "age": frame["age"].tolist(), "bmi": frame["bmi"].tolist(), "bp": frame["bp"].tolist(),
        "bp_again": frame["bp"].tolist(), "bmi_double": (2 * frame["bmi"]).tolist(), "one": [1.0] * 120,
        "weight": np.random.RandomState(13).choice([0.5, 1.0, 2.0], 120).tolist(),
        "target": frame["target"].tolist(),
    }


def wide():
    """More features than any training fold has rows."""
    random = np.random.RandomState(14)
    x = np.round(random.normal(size=(24, 30)), 3)
    y = np.round(x[:, :4] @ [3.0, -2.0, 1.0, 0.5] + random.normal(size=24), 3)
    return {**{f"x{j:02d}": x[:, j].tolist() for j in range(30)}, "y": y.tolist()}


def members():
    """Numbers, booleans, texts and coded categories; gaps under several of pandas' names."""
    random = np.random.RandomState(15)
    n = 180
    age = random.randint(18, 80, n)
    income = np.round(np.exp(random.normal(10, 0.6, n)), 2)
    active = random.uniform(size=n) < 0.6
    plan = random.choice(["pro", "free", "team"], n, p=[0.3, 0.5, 0.2])
    region = random.choice(["north", "south", "östlich", "West", "east"], n, p=[0.3, 0.3, 0.2, 0.15, 0.05])
    tier = random.choice([1, 2, 10], n, p=[0.5, 0.3, 0.2])
    logit = 0.04 * (age - 45) - 0.8 * active + 0.7 * (plan == "free") - 0.15 * (tier == 10) + random.normal(0, 0.7, n)
    visits = np.round(5 + 0.1 * age + 3 * active + 2 * (plan == "team") + tier * 0.2 + random.normal(0, 1.5, n), 2)
    gaps = ["", "NA", "null", "n/a", "NaN", "None"]

    def holed(cells, share):
        return [gaps[random.randint(len(gaps))] if random.uniform() < share else c for c in cells]

    channel = ["web"] * n
    for row in random.permutation(n)[:60]:
        channel[row] = "shop"
    channel[17], channel[101], channel[102] = "", "phone", "phone"
    return {
        "member": [f"m{i}" for i in range(n)],
        "age": holed([str(v) for v in age], 0.05),
        "income": holed([repr(float(v)) for v in income], 0.1),
        "active": holed([["false", "true"][int(v)] for v in active], 0.06),
        "plan": holed(plan.tolist(), 0.08),
        "region": region.tolist(),
        "sex": holed(random.choice(["f", "m"], n).tolist(), 0.07),
        "tier": [str(v) for v in tier],
        "channel": channel,
        "visits": visits.tolist(),
        "churned": ["yes" if v > 0 else "no" for v in logit],
        "renewed": ["true" if v < 0.3 else "false" for v in logit],
        "weight": np.round(random.uniform(0.2, 3, n), 2).tolist(),
    }


def rare():
    """Labels that are rarer than five folds; a target that is constant in the first fold."""
    random = np.random.RandomState(16)
    n = 60
    x = np.round(random.normal(size=(n, 3)), 3)
    group = ["zeta"] * 34 + ["alpha"] * 23 + ["mid"] * 3
    group = [group[i] for i in random.permutation(n)]
    single = ["zeta" if g == "mid" else g for g in group]
    single[40] = "lone"
    event = np.zeros(n, int)
    event[[8, 29, 51]] = 1
    steps = np.where(np.arange(n) < 12, 7.0, np.round(x @ [2.0, -1.0, 0.5] + random.normal(size=n), 2))
    return {
        "x1": x[:, 0].tolist(), "x2": (x[:, 1] + np.array([g == "alpha" for g in group])).round(3).tolist(),
        "x3": x[:, 2].tolist(), "group": group, "single": single, "event": event.tolist(), "steps": steps.tolist(),
    }


def weighed():
    """The penguins that were weighed: no gap in body_mass_g, which is the target."""
    frame = palmerpenguins.load_penguins().dropna(subset=["body_mass_g"])
    columns = {}
    for name in frame.columns:
        columns[name] = [None if missing else value for value, missing in zip(frame[name], frame[name].isna())]
    return columns


def main():
    for make in [deficient, holes, members, rare, units, weighed, wide]:
        write(f"{make.__name__}.csv", make())


if __name__ == "__main__":
    main()
