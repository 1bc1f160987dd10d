"""What pandas makes of the operations of `clean` and of the expressions of `query`, on tables with missing values.

    python tests/golden/cleaning.py
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
TABLES = HERE / "cleaning"
# Every expression is one that pandas evaluates to a mask without a warning.
QUERIES = [
    "age >= 18",
    "age > 18 and income < 2000",
    "age > 18 & income < 2000",
    "age > 60 | plan == 'free'",
    "18 <= age < 30",
    "18 <= age < 30 < income",
    "not age > 18",
    "~(age > 18) and plan != 'pro'",
    "age != 18",
    "age == 18.0",
    "plan == 'free'",
    "plan != 'free'",
    'plan == "pro" or plan == "team"',
    "plan < 'pro'",
    "plan >= 'pro'",
    "'free' <= plan < 'pro'",
    "plan in ['free', 'team']",
    "plan not in ['free', 'team']",
    "plan == ['free']",
    "plan != ['free', 'pro']",
    "plan in ('pro', 'team')",
    "count in [1, 2, 3]",
    "count not in [1, 2, 3]",
    "age in [18, 20.5, 30]",
    "not age in [18, 30]",
    "age.isnull()",
    "age.notnull() and plan.isna()",
    "plan.notna()",
    "age.isnull() or income.isnull()",
    "age.between(18, 30)",
    "plan.isin(['free'])",
    "`home town` == 'Ünna'",
    "`home town`.isnull() or `home town` in ['Köln', 'New \"York\"']",
    "income / age > 50",
    "income - 10 * age > 500",
    "count ** 2 > 10",
    "-count ** 2 < -10",
    "2.0 ** -count < 0.2",
    "count % 3 == 1",
    "-count % 3 == 1",
    "income % -7 < -3",
    "count // 2 == 2",
    "-count // 2 == -2",
    "income // 0.1 > 9000",
    "1 / count < 0.5",
    "income + age > count * 100",
    "income > age and age > count",
    "(age + 1) * 2 > income / 10",
    "age > 0 > count - 5",
    "member",
    "not member",
    "~member & count > 2",
    "member == True",
    "member == 1 or count == 0",
    "member != (count > 2)",
    "count > 1 and not (plan == 'free' or member)",
    "age < income or plan == 'team' and not member",
    "not plan == 'free' and not age > 40",
    "age > 1e1 and income < 1.5E3",
    "count == 1_0 or count >= .5",
    "plan == town2",
    "plan != town2",
    "plan < town2",
    "age == age",
    "income != income",
    "+age > -income",
]


def tables(rng):
    """Small tables of few values, so that rows repeat and comparisons tie."""
    for rows in (9, 40, 200):
        def holes(values, share):
            values = pd.Series(values)
            return values.mask(rng.random(rows) < share)

        yield pd.DataFrame(
            {
                "age": holes(rng.choice([0.0, 18, 20.5, 30, 61], rows), 0.2),
                "income": holes(np.round(rng.normal(900, 600, rows), 1), 0.1),
                "count": rng.integers(0, 6, rows),
                "member": rng.random(rows) < 0.5,
                "plan": holes(pd.Series(rng.choice(["free", "pro", "team"], rows), dtype="str"), 0.25),
                "home town": holes(pd.Series(rng.choice(["Köln", "Ünna", 'New "York"'], rows), dtype="str"), 0.2),
                "town2": holes(pd.Series(rng.choice(["free", "pro", "x"], rows), dtype="str"), 0.2),
            }
        )


def operations(frame):
    """Operations as they stand in a file, and what pandas makes of them: all by pandas' own parameters."""
    text = frame.select_dtypes("str").columns
    cases = [
        ("drop_duplicates", lambda f: f.drop_duplicates()),
        ({"drop_duplicates": {"subset": ["plan"]}}, lambda f: f.drop_duplicates(subset=["plan"])),
        ({"drop_duplicates": {"subset": ["age", "plan"], "keep": "last"}},
         lambda f: f.drop_duplicates(subset=["age", "plan"], keep="last")),
        ({"drop_duplicates": {"subset": "age", "keep": False}}, lambda f: f.drop_duplicates(subset="age", keep=False)),
        ("dropna", lambda f: f.dropna()),
        ({"dropna": {"subset": ["age", "plan"]}}, lambda f: f.dropna(subset=["age", "plan"])),
        ({"dropna": {"subset": ["age", "plan"], "how": "all"}}, lambda f: f.dropna(subset=["age", "plan"], how="all")),
        ({"dropna": {"how": "all"}}, lambda f: f.dropna(how="all")),
        ({"dropna": {"thresh": 6}}, lambda f: f.dropna(thresh=6)),
        ({"dropna": {"thresh": 2, "subset": ["age", "income", "plan"]}},
         lambda f: f.dropna(thresh=2, subset=["age", "income", "plan"])),
        ({"fillna": {"age": -1, "plan": "none", "home town": "free"}},
         lambda f: f.fillna({"age": -1, "plan": "none", "home town": "free"})),
        ({"fillna": {"value": {"income": 0.5}}}, lambda f: f.fillna(value={"income": 0.5})),
        ({"replace": {"plan": {"free": "pro", "pro": "free", "x": "y"}}},
         lambda f: f.replace({"plan": {"free": "pro", "pro": "free", "x": "y"}})),
        ({"replace": {"age": {"18": 30, "30": 18}}}, lambda f: f.replace({"age": {18: 30, 30: 18}})),
        ({"replace": {"to_replace": "free", "value": "gone"}}, lambda f: f.replace("free", "gone")),
        ({"replace": {"to_replace": [0, 18], "value": [1, 19]}}, lambda f: f.replace([0, 18], [1, 19])),
        ({"replace": {"to_replace": [0, 18], "value": None}}, lambda f: f.replace([0, 18], np.nan)),
        ({"replace": {"to_replace": True, "value": False}}, lambda f: f.replace(True, False)),
        ({"astype": {"member": "number"}}, lambda f: f.astype({"member": float})),
        ({"astype": {"count": "bool"}}, lambda f: f.astype({"count": bool})),
        ({"astype": {"member": "category"}}, lambda f: f.astype({"member": "str"})),
        ({"astype": {"count": "category"}}, lambda f: f.astype({"count": "str"})),
        ({"rename": {"columns": {"age": "years"}}}, lambda f: f.rename(columns={"age": "years"})),
        ({"rename": {"age": "income", "income": "age"}}, lambda f: f.rename(columns={"age": "income", "income": "age"})),
        ({"clip": {"lower": 18, "upper": 900, "columns": ["age", "income"]}},
         lambda f: f.assign(**f[["age", "income"]].clip(lower=18, upper=900).to_dict("series"))),
        ({"clip": {"upper": 20.5, "columns": ["age"]}}, lambda f: f.assign(age=f.age.clip(upper=20.5))),
    ]
    assert len(text) == 3
    return cases


def cells(frame):
    """Columns as JSON, null where a value is missing."""
    def cell(value):
        if pd.isna(value):
            return None
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        return value if isinstance(value, str) else float(value)

    return {name: [cell(value) for value in frame[name]] for name in frame.columns}


def main():
    rng = np.random.default_rng(20261123)
    TABLES.mkdir(exist_ok=True)
    cases = []
    for number, frame in enumerate(tables(rng), 1):
        name = f"table-{number}.csv"
        frame.to_csv(TABLES / name, index=False)
        answers = [{"query": query, "rows": frame.query(query).index.tolist()} for query in QUERIES]
        for operation, done in operations(frame):
            after = done(frame)
            case = {"operation": operation, "rows": after.index.tolist()}
            # What drops rows leaves the others as they are.
            if not {"drop_duplicates", "dropna"} & {operation if isinstance(operation, str) else next(iter(operation))}:
                case["columns"] = cells(after)
            answers.append(case)
        cases.append({"table": name, "cases": answers})
    lines = ",\n".join(
        f' {{"table": "{one["table"]}", "cases": [\n  '
        + ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in one["cases"])
        + "\n ]}"
        for one in cases
    )
    document = f'{{"pandas": "{pd.__version__}", "tables": [\n{lines}\n]}}\n'
    (HERE / "cleaning.json").write_text(document)


if __name__ == "__main__":
    main()
