"""Pipelines of every step and model, and rows to ask them about."""

import csv
import io
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "examples" / "data"

# Name, target, whether a regression, the numbers and the categories.
TABLES = {
    "diabetes": ("target", True, None, []),
    "penguins": ("species", False, None, ["island", "sex"]),
    "iris": (None, False, None, []),
    "wine": (None, False, None, []),
    "breast_cancer": (None, False, None, []),
}

NUMBERS = {
    "as they are": "[]",
    "standard": "[StandardScaler]",
    "no mean": "[{StandardScaler: {with_mean: false}}]",
    "min max": "[{MinMaxScaler: {feature_range: [-1, 2]}}]",
    "clipped": "[{MinMaxScaler: {clip: true}}]",
    "max abs": "[MaxAbsScaler]",
    "max abs clipped": "[{MaxAbsScaler: {clip: true}}]",
    "robust": "[RobustScaler]",
    "pca": "[StandardScaler, {PCA: {n_components: 2, whiten: true}}]",
    "products": "[StandardScaler, {PolynomialFeatures: {degree: 3}}]",
    "interactions": "[{PolynomialFeatures: {interaction_only: true, include_bias: false}}, StandardScaler]",
    "variance": "[{VarianceThreshold: {threshold: 0.001}}, StandardScaler]",
    "encoded": "[{OneHotEncoder: {handle_unknown: ignore}}]",
    "ordinal": "[{OrdinalEncoder: {handle_unknown: use_encoded_value, unknown_value: -5}}]",
}
WORDS = {
    "one hot": "[{OneHotEncoder: {handle_unknown: ignore}}]",
    "strict": "[OneHotEncoder]",
    "first dropped": "[{OneHotEncoder: {handle_unknown: ignore, drop: first}}]",
    "filled": "[{SimpleImputer: {strategy: most_frequent, add_indicator: true}}, {OneHotEncoder: {handle_unknown: ignore}}]",
    "constant": "[{SimpleImputer: {strategy: constant, fill_value: none}}, {OrdinalEncoder: {handle_unknown: use_encoded_value, unknown_value: -1}}]",
    "ordinal": "[{OrdinalEncoder: {handle_unknown: use_encoded_value, unknown_value: -1, encoded_missing_value: -2}}]",
}
REGRESSIONS = ["LinearRegression", "{Ridge: {alpha: 0.3}}", "RidgeCV", "{Lasso: {alpha: 0.1}}", "{ElasticNet: {alpha: 0.1}}", "{LassoCV: {cv: 3}}", "{ElasticNetCV: {cv: 3, l1_ratio: [0.3, 0.9]}}", "DummyRegressor"]
CLASSIFIERS = ["LogisticRegression", "{LogisticRegression: {class_weight: balanced, C: 0.1}}", "DummyClassifier"]


FILL = "{SimpleImputer: {strategy: median}}"
ONE_HOT = "{OneHotEncoder: {handle_unknown: ignore}}"
PENGUINS = f"  num: {{columns: {{type: number}}, steps: [{FILL}, StandardScaler]}}\n  cat: {{columns: {{type: category}}, steps: [%s]}}\n"

# Parameters, targets and searches that the products below do not have: table, target, model, groups or more.
MORE = [
    ("penguins", "species", "LogisticRegression", PENGUINS % "{OneHotEncoder: {drop: [Dream, male], handle_unknown: ignore}}"),
    ("penguins", "species", "LogisticRegression", PENGUINS % "{OneHotEncoder: {drop: if_binary, handle_unknown: ignore}}"),
    ("penguins", "species", "LogisticRegression", PENGUINS % "{SimpleImputer: {strategy: constant, fill_value: 7}}, {OneHotEncoder: {drop: first}}"),
    ("penguins", "species", "LogisticRegression", PENGUINS % "{OrdinalEncoder: {categories: [[Torgersen, Dream, Biscoe], [male, female, null]], handle_unknown: use_encoded_value, unknown_value: -1, encoded_missing_value: -2}}"),
    ("penguins", "species", "{LogisticRegression: {fit_intercept: false, max_iter: 300}}", PENGUINS % ("{SimpleImputer: {strategy: most_frequent, add_indicator: true}}, " + ONE_HOT)),
    ("penguins", "species", "{DummyClassifier: {strategy: most_frequent}}", PENGUINS % ONE_HOT),
    ("penguins", "species", "{DummyClassifier: {strategy: constant, constant: Gentoo}}", PENGUINS % ONE_HOT),
    ("penguins", "sex", "LogisticRegression", f"  num: {{columns: {{type: number}}, steps: [{FILL}, RobustScaler]}}\n"),
    ("penguins", "body_mass_g", "{RidgeCV: {alphas: [0.1, 1, 10], cv: 3}}", PENGUINS % ONE_HOT),
    ("penguins", "body_mass_g", "{RidgeCV: {cv: {KFold: {n_splits: 4, shuffle: true, random_state: 1}}}}", PENGUINS % ONE_HOT),
    ("penguins", "body_mass_g", "{LinearRegression: {fit_intercept: false}}", PENGUINS % ONE_HOT),
    ("penguins", "body_mass_g", "{DummyRegressor: {strategy: quantile, quantile: 0.25}}", PENGUINS % ONE_HOT),
    ("penguins", "body_mass_g", "{DummyRegressor: {strategy: constant, constant: 4000}}", PENGUINS % ONE_HOT),
    ("diabetes", "target", "Ridge", "  remainder: passthrough\n  a: {columns: [age, bmi], steps: [StandardScaler]}\n"),
    ("diabetes", "target", "Ridge", "  verbose: {columns: [age, bmi], steps: [StandardScaler]}\n  two-lines: {columns: [bp], steps: [RobustScaler]}\n"),
    ("diabetes", "target", "{ElasticNet: {alpha: 0.01, l1_ratio: 0.3, positive: true}}", ""),
    ("diabetes", "target", "Ridge", "search: {GridSearchCV: {param_grid: {model__alpha: [0.001, 3.0], preprocess__a__standardscaler__with_std: [true, false]}}}\npreprocess:\n  a: {columns: [age, bmi], steps: [StandardScaler]}\n"),
    ("diabetes", "target", "Ridge", "search: {GridSearchCV: {param_grid: {model: [{Lasso: {alpha: 0.5}}, {Lasso: {alpha: 9}}]}}}\n"),
]


def singles():
    """The pipelines of `MORE`."""
    for table, target, model, groups in MORE:
        head = "" if groups.startswith("search") or not groups else "preprocess:\n"
        words = ["island"] if table == "penguins" else []
        groups += f"clean: [{{dropna: {{subset: [{target}]}}}}]\n"
        folds = "3" if "search" in groups else "null"
        yield table, target, words, f"{table}: {model}, {groups.split(chr(10))[-3:-2]}", f"target: {target}\n{head}{groups}model: {model}\ncv: {folds}\n"


def pipelines():
    """Every pipeline as (table, target, categories, name, YAML)."""
    yield from singles()
    for table, (target, regression, _, words) in TABLES.items():
        with open(DATA / f"{table}.csv", newline="") as file:
            header = next(csv.reader(file))
        target = target or header[-1]
        models = REGRESSIONS if regression else CLASSIFIERS
        for i, (name, steps) in enumerate(NUMBERS.items()):
            if len(header) > 12:
                steps = steps.replace("degree: 3", "degree: 2")
            if name == "encoded" and table != "penguins":
                continue  # Every row would have columns of its own.
            for fill in ["{SimpleImputer: {strategy: median}}", "{SimpleImputer: {add_indicator: true}}"]:
                chain = f"[{fill}, {steps[1:]}" if steps != "[]" else f"[{fill}]"
                groups = f"  num: {{columns: {{type: number}}, steps: {chain}}}\n"
                kinds = list(WORDS.items()) if words else [(None, None)]
                word, encoder = kinds[i % len(kinds)]
                if word:
                    groups += f"  cat: {{columns: {{type: category}}, steps: {encoder}}}\n"
                select = ["", f"select: {{SelectKBest: {{k: 2, score_func: {'f_regression' if regression else 'f_classif'}}}}}\n"][i % 2]
                model = models[(i + ("add" in fill)) % len(models)]
                text = f"target: {target}\npreprocess:\n{groups}{select}model: {model}\ncv: null\n"
                yield table, target, words, f"{table}: {name}, {word}, {model}", text


def rows_of(table, target, words):
    """The table's rows; then some with holes, and some with unknown categories."""
    with open(DATA / f"{table}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    features = [name for name in rows[0] if name != target]
    picked = [dict(row) for row in rows[:: max(1, len(rows) // 60)]]
    for i, row in enumerate(rows[:20]):
        row = dict(row)
        row[features[i % len(features)]] = ""
        picked.append(row)
    for word in words:
        row = dict(rows[3])
        row[word] = "neverseen"
        picked.append(row)
    return features, [[row[name] for name in features] for row in picked]


def text_of(features, rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(features)
    writer.writerows(rows)
    return out.getvalue()


def said_of(pipefit, name, proba, features, rows):
    """What `predict` says of rows; None of those that it refuses."""
    def ask(rows):
        return pipefit("predict", name, "--input", "-", *proba, given=text_of(features, rows))

    whole = ask(rows)
    if whole.returncode == 0:
        return list(csv.DictReader(io.StringIO(whole.stdout)))
    # One refused row refuses all.
    each = [ask([row]) for row in rows]
    return [next(csv.DictReader(io.StringIO(one.stdout))) if one.returncode == 0 else None for one in each]
