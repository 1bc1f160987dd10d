"""Write steps.json: what scikit-learn's preprocessing steps and selectors make of small awkward tables.

    python tests/golden/steps.py

A case fits `step` with `params` on the rows `train` of `columns` (null is missing; a column of texts is a category) and
transforms all rows. `names` and `output` are the features that came out, column by column; or
`refused` says at which stage, `fit` or `transform`, scikit-learn raises. `differs` says why pipefit's answer is another one
on purpose: `output` is pipefit's then, and `scikit-learn` has what scikit-learn says.
"""

import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn

from building import FUNCTIONS, STEPS, TUPLES
from reading import json_bytes, sha256

HERE = Path(__file__).resolve().parent
nan = None


def frame_of(columns):
    """Texts as objects with NaN, numbers as floats: whole numbers as the nullable kind would change their names."""
    def series(values):
        if any(isinstance(value, str) for value in values):
            return pd.Series([np.nan if value is None else value for value in values], dtype=object)
        if all(isinstance(value, int) for value in values):
            return pd.Series(values, dtype=np.int64)
        return pd.Series([np.nan if value is None else value for value in values], dtype=np.float64)

    return pd.DataFrame({name: series(values) for name, values in columns.items()})


def with_nan(value):
    """null in a list of categories, and the word for NaN, as scikit-learn spells them."""
    if isinstance(value, list):
        return [with_nan(item) for item in value]
    return np.nan if value is None or value == ".nan" else value


def made(step, params):
    params = {key: with_nan(value) if value is not None else None for key, value in params.items()}
    if "score_func" in params:
        params["score_func"] = FUNCTIONS[params["score_func"]]
    params |= {name: tuple(params[name]) for name in TUPLES if name in params}
    if step == "OneHotEncoder":
        params["sparse_output"] = False
    return {one.__name__: one for one in STEPS}[step](**params)


def cell(value):
    if isinstance(value, str):
        return value
    return None if math.isnan(value) else str(value) if math.isinf(value) else float(value)


def answer(case):
    """What scikit-learn says."""
    x = frame_of(case["columns"])
    y = None if case["y"] is None else np.array(case["y"])
    step = made(case["step"], case["params"])
    stage = "fit"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step.fit(x.iloc[case["train"]], None if y is None else y[case["train"]])
            stage = "transform"
            output = np.asarray(step.transform(x), dtype=object)
            names = list(step.get_feature_names_out())
    except (ValueError, TypeError):
        return {"refused": stage}
    return {"names": names, "output": [[cell(value) for value in output[:, j]] for j in range(output.shape[1])]}


def case(step, columns, train=None, y=None, differs=None, output=None, **params):
    rows = len(next(iter(columns.values())))
    made = {
        "step": step, "params": params, "columns": columns, "y": y,
        "train": list(range(rows)) if train is None else train,
    }
    says = answer(made)
    if differs:
        return made | {"differs": differs, "names": says.get("names"), "output": output, "scikit-learn": says}
    return made | says


def numbers():
    """Columns with holes, of other sizes, constant, far from 0."""
    random = np.random.RandomState(0)
    x = (random.randn(12, 3) * [1.0, 1e-3, 1e4] + [0.0, 5.0, -1e6]).round(6)
    columns = {name: list(map(float, x[:, j])) for j, name in enumerate("abc")}
    columns["b"][3] = columns["b"][10] = nan
    return columns | {"constant": [0.1] * 12, "whole": [3, 1, 1, 2, 3, 0, 0, 9, 1, 3, 2, 2]}


CATS = {
    "c": ["b", nan, "a", "a", "c", "b", "a", nan], "d": ["f", "m", "m", "f", nan, "m", "f", "f"],
    "e": ["y", "x", "y", "x", "y", "y", "y", "x"],
}
PLAIN = {"c": ["b", "c", "a", "a", "c", "b", "a"], "e": ["y", "x", "y", "x", "y", "y", "x"]}


def imputers():
    train = list(range(8))
    for strategy in ["mean", "median", "most_frequent", "constant"]:
        yield case("SimpleImputer", numbers(), train, strategy=strategy)
        holes = {"x": [1.5, nan, 1.5, 8.0, 8.0, nan], "gone": [nan, nan, nan, nan, 1.0, nan], "late": [1.0, 2.0, 3.0, 9.0, nan, nan]}
        for keep in [False, True]:
            yield case("SimpleImputer", holes, [0, 1, 2, 3], strategy=strategy, add_indicator=True, keep_empty_features=keep)
    yield case("SimpleImputer", {"x": [1.0, nan, 4.0]}, strategy="constant", fill_value=-2.5)
    yield case("SimpleImputer", {"x": [1.0, nan, 4.0]}, strategy="constant", fill_value="none")
    yield case("SimpleImputer", {"c": ["a", nan]}, strategy="mean")
    yield case("SimpleImputer", {"c": ["a", nan, "b"]}, strategy="median")
    gone = {"c": ["b", "a", nan, "a", "b", "z", "z", "z"], "gone": [nan, nan, nan, nan, nan, nan, "q", "r"]}
    for strategy in ["most_frequent", "constant"]:
        yield case("SimpleImputer", CATS, [0, 1, 2, 3, 4, 5], strategy=strategy)
        yield case("SimpleImputer", CATS, [0, 1, 2, 3, 4, 5], strategy=strategy, add_indicator=True)
        yield case("SimpleImputer", gone, [0, 1, 2, 3, 4], strategy=strategy, add_indicator=True)
    yield case("SimpleImputer", CATS, strategy="constant", fill_value="b")
    yield case("SimpleImputer", gone, [0, 1, 2, 3, 4], strategy="constant", fill_value="q", keep_empty_features=True)


def scalers():
    train = list(range(9))
    far = {"x": [1e9, 1e9 + 1e-7, 1e9], "y": [1e9, 1e9 + 1.0, 1e9], "tiny": [1e-17, 2e-17, 3e-17], "zero": [0.0, 0.0, 0.0]}
    for params in [{}, {"with_mean": False}, {"with_std": False}, {"with_mean": False, "with_std": False}]:
        yield case("StandardScaler", numbers(), train, **params)
    yield case("StandardScaler", far)
    yield case("StandardScaler", {"x": [4.0, 5.0]}, [0])
    for params in [{}, {"feature_range": [-1, 3]}, {"clip": True}, {"feature_range": [-1, 3], "clip": True}]:
        yield case("MinMaxScaler", numbers(), train, **params)
    yield case("MinMaxScaler", far)
    yield case("MinMaxScaler", {"x": [4.0, 5.0]}, [0])
    yield case("MinMaxScaler", {"x": [4.0, 5.0]}, feature_range=[1, 1])
    for params in [{}, {"clip": True}]:
        yield case("MaxAbsScaler", numbers(), train, **params)
        yield case("MaxAbsScaler", numbers(), [2, 3, 4], **params)
    counts = {"rare": [0, 0, 0, -4, 0, 0, 3, 0], "few": [0.0, 0.0, 0.5, 0.0, 0.0, nan, 0.0, 0.0], "zero": [0.0] * 8, "minus": [-7.5] * 8}
    yield case("MaxAbsScaler", counts)
    yield case("MaxAbsScaler", counts, [0, 1, 2, 3])
    yield case("MaxAbsScaler", counts, [0, 1, 7])
    yield case("MaxAbsScaler", far)
    yield case("MaxAbsScaler", {"x": [4.0, 5.0]}, [0], clip=True)
    for params in [
        {}, {"with_centering": False}, {"with_scaling": False}, {"unit_variance": True}, {"with_centering": False, "with_scaling": False},
        {"quantile_range": [0, 100]}, {"quantile_range": [12.5, 61.3], "unit_variance": True}, {"quantile_range": [50, 50]},
        {"quantile_range": [40.0, 99.9]},
    ]:
        yield case("RobustScaler", numbers(), train, **params)
        yield case("RobustScaler", counts, [0, 1, 2, 3, 5, 6], **params)
    for rows in range(1, 7):
        yield case("RobustScaler", numbers(), list(range(rows)))
    yield case("RobustScaler", far)
    yield case("RobustScaler", far, unit_variance=True)
    for quantiles in [[75, 25], [-1, 50], [50, 101]]:
        yield case("RobustScaler", numbers(), quantile_range=quantiles)
    for quantiles in [[0, 90], [10, 100], [30, 30]]:
        yield case(
            "RobustScaler", {"x": [1.0, 2.0, 4.0]}, quantile_range=quantiles, unit_variance=True,
            differs="no finite range of a normal distribution to divide by",
        ) | {"refused": "fit", "names": [], "output": []}
    for step in ["StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"]:
        yield case(
            step, {"gone": [nan, nan, 7.0]}, [0, 1], output=[[nan, nan, 7.0]],
            differs="a feature without a value in the training rows is left as it is, not made missing",
        )


def one_hots():
    for drop in [None, "first", "if_binary"]:
        for unknown in ["error", "ignore"]:
            yield case("OneHotEncoder", CATS, drop=drop, handle_unknown=unknown)
            yield case("OneHotEncoder", PLAIN, [0, 2, 3, 5, 6], drop=drop, handle_unknown=unknown)
    yield case("OneHotEncoder", CATS, drop=["b", None, "x"])
    yield case("OneHotEncoder", CATS, drop=["b", "q", "x"])
    yield case("OneHotEncoder", CATS, drop=["b"])
    yield case("OneHotEncoder", {"d": ["f", "m", nan, "f"]}, [0, 1, 3], handle_unknown="ignore")
    yield case("OneHotEncoder", {"d": ["f", "m", nan, "f"]}, [0, 1, 3])
    yield case("OneHotEncoder", {"d": ["f", nan, "f"]}, drop="if_binary")
    yield case("OneHotEncoder", {"d": ["f", "f"], "e": ["a", "b"]}, drop="first")
    yield case("OneHotEncoder", {"n": [3, 1, 10, 3], "d": ["f", "m", "m", "f"]}, drop="if_binary")
    yield case("OneHotEncoder", {"n": [3, 1, 10, 3]}, [0, 1], handle_unknown="ignore")
    yield case("OneHotEncoder", {"n": [0.5, nan, -1.25, 0.5]}, drop="first")
    yield case("OneHotEncoder", {"n": [3, 1, 2]}, categories=[[1, 2, 3, 4]])
    yield case("OneHotEncoder", {"n": [3, 1, 2]}, categories=[[3, 2, 1]])
    yield case("OneHotEncoder", PLAIN, categories=[["c", "a", "b", "q"], ["y", "x", None]])
    yield case("OneHotEncoder", PLAIN, categories=[["c", "a"], ["y", "x"]])
    yield case("OneHotEncoder", PLAIN, categories=[["c", "a"], ["y", "x"]], handle_unknown="ignore")
    yield case("OneHotEncoder", PLAIN, categories=[["c", "a", "b"]])
    yield case("OneHotEncoder", PLAIN, categories=[["c", "a", "a"], ["x", "y"]])
    yield case("OneHotEncoder", PLAIN, categories=[["c", None, "a"], ["x", "y"]])


def ordinals():
    encoded = {"handle_unknown": "use_encoded_value"}
    yield case("OrdinalEncoder", CATS)
    yield case("OrdinalEncoder", PLAIN, [0, 2, 3, 5, 6])
    yield case("OrdinalEncoder", PLAIN, [0, 2, 3, 5, 6], **encoded, unknown_value=-1)
    yield case("OrdinalEncoder", PLAIN, [0, 2, 3, 5, 6], **encoded, unknown_value=".nan")
    yield case("OrdinalEncoder", PLAIN, [0, 2, 3, 5, 6], **encoded, unknown_value=1)
    yield case("OrdinalEncoder", PLAIN, **encoded)
    yield case("OrdinalEncoder", PLAIN, unknown_value=7)
    yield case("OrdinalEncoder", CATS, encoded_missing_value=-5)
    yield case("OrdinalEncoder", CATS, encoded_missing_value=1)
    yield case("OrdinalEncoder", {"d": ["f", "m", nan, "q"]}, [0, 1], **encoded, unknown_value=9)
    yield case("OrdinalEncoder", {"d": ["f", "m", nan, "q"]}, [0, 1, 2], **encoded, unknown_value=2, encoded_missing_value=-9)
    yield case("OrdinalEncoder", PLAIN, categories=[["c", "a", "b"], ["y", "x"]])
    yield case("OrdinalEncoder", PLAIN, categories=[["c", "a"], ["y", "x"]])
    yield case("OrdinalEncoder", PLAIN, categories=[["c", "a"], ["y", "x"]], **encoded, unknown_value=-1)
    yield case("OrdinalEncoder", {"n": [3.0, 1.0, nan, 2.0]})
    yield case("OrdinalEncoder", {"n": [3.0, 1.0, nan, 2.0]}, categories=[[1, 2, 3, None]])


def selectors():
    random = np.random.RandomState(7)
    x = random.randn(30, 6).round(3)
    value = (x[:, 0] * 2 + x[:, 3] + random.randn(30)).round(3)
    columns = {f"x{j}": list(map(float, x[:, j])) for j in range(6)}
    columns["x2"] = [0.1] * 30
    columns["x5"] = list(columns["x4"])
    classes = [["no", "yes", "maybe"][int(v > 0) + int(v > 2)] for v in value]
    train = [row for row in range(30) if row % 5]
    for k in [1, 2, 3, 4, 5, 6, "all", 20]:
        yield case("SelectKBest", columns, train, y=classes, k=k)
        yield case("SelectKBest", columns, train, y=list(map(float, value)), score_func="f_regression", k=k)
    split = [float(label == "yes") for label in classes]
    yield case("SelectKBest", columns | {"split": split}, y=["yes" if v else "no" for v in split], k=1)
    exact = [float(v) for v in np.arange(12) ** 2 % 17]
    near = {"noise": list(map(float, random.randn(12).round(3))), "same": exact, "twice": [2 * v for v in exact]}
    yield case(
        "SelectKBest", near, y=exact, score_func="f_regression", k=1, differs="a perfect feature scores infinity; of equal scores the last wins",
        output=[[2 * v for v in exact]],
    ) | {"names": ["twice"]}
    yield case("SelectKBest", {"x": [1.0, nan, 2.0, 0.0]}, y=[1.0, 2.0, 3.0, 5.0], score_func="f_regression", k=1)
    yield case("SelectKBest", {"x": [1.0, 3.0, 2.0, 0.0, nan]}, [0, 1, 2, 3], y=[1.0, 2.0, 3.0, 5.0, 1.0], score_func="f_regression", k=1)
    odd = numbers() | {"gone": [nan] * 11 + [2.0], "rare": [0.0] * 11 + [1.0]}
    for threshold in [0.0, 1e-6, 0.5, 1e9]:
        yield case("VarianceThreshold", odd, list(range(10)), threshold=threshold)
    yield case("VarianceThreshold", {"x": [1.0, 2.0]}, [0])
    yield case("VarianceThreshold", {"x": [0.0, nan, 1.0], "hole": [2.0, nan, 2.0]})


def polynomials():
    random = np.random.RandomState(3)
    x = (random.randn(5, 4) * [1.0, 30.0, 1e-4, 1.0] + [0.0, -2.0, 1.0, 1e5]).round(7)
    columns = {name: list(map(float, x[:, j])) for j, name in enumerate(["x0", "b c", "x^2", "1"])}
    train = [0, 1, 2]
    for degree in [0, 1, 2, 3, 4, [0, 2], [2, 2], [2, 3], [1, 3], [3, 3], [4, 5], [0, 0]]:
        for only in [False, True]:
            for bias in [False, True]:
                yield case("PolynomialFeatures", columns, train, degree=degree, interaction_only=only, include_bias=bias)
    yield case("PolynomialFeatures", {"x": [2.0, -3.0, 0.0]}, degree=7, order="F")
    for wrong in [-1, [2, 1], [-1, 2], [2], [1, 2, 3], 1.5]:
        yield case("PolynomialFeatures", columns, degree=wrong)
    yield case("PolynomialFeatures", {"x": [2.0, nan, 0.0]})
    yield case("PolynomialFeatures", {"x": [2.0, nan, 0.0]}, [0, 2])
    yield case("PolynomialFeatures", {"x": ["a", "b"]})
    yield case("PolynomialFeatures", {"x": [0.1, 1e150], "y": [-1e-150, 1e-300]}, [0])


def components():
    random = np.random.RandomState(11)
    x = (random.randn(14, 5) @ np.diag([3.0, 1.0, 0.5, 2.0, 0.2]) @ random.randn(5, 5) + [1.0, -50.0, 0.0, 7.0, 3.0]).round(6)
    columns = {name: list(map(float, x[:, j])) for j, name in enumerate("abcde")}
    train = list(range(11))
    for count in [None, 1, 2, 5, 0.5, 0.9, 0.999999, 1e-9, "mle"]:
        for whiten in [False, True]:
            yield case("PCA", columns, train, n_components=count, whiten=whiten, svd_solver="full")
    for solver in ["auto", "covariance_eigh"]:
        yield case("PCA", columns, train, n_components=3, svd_solver=solver, tol=0.5, random_state=1)
    yield case("PCA", columns, train, n_components=3, svd_solver="arpack", iterated_power=3, n_oversamples=2)
    for wrong in [6, -1, 1.0, 1.5, "all", 0.0]:
        yield case("PCA", columns, train, n_components=wrong)
    yield case("PCA", columns, [0, 1, 2], n_components=2, svd_solver="full")
    yield case("PCA", columns, [0, 1, 2], n_components=4, svd_solver="full")
    yield case("PCA", columns, [0, 1, 2, 3], n_components="mle")
    yield case("PCA", {"x": [2.0, 3.5, -1.0, 0.25]})
    yield case("PCA", {"x": [2.0, 3.5, -1.0, 0.25], "constant": [0.1] * 4}, n_components=1)
    yield case("PCA", {"x": [2.0, None, 0.0]})
    yield case("PCA", {"x": [2.0, None, 0.0]}, [0, 2])
    yield case("PCA", {"x": ["a", "b"]})
    twice = {"x": [2.0, 3.5, -1.0, 0.25], "twice": [4.0, 7.0, -2.0, 0.5]}
    yield case("PCA", twice, n_components=1, whiten=True)
    direction = (np.array(twice["x"]) - 1.1875) * 5**0.5
    yield case(
        "PCA", twice, whiten=True, differs="a component without variance is 0, not rounding divided by rounding",
        output=[list(direction / direction.std(ddof=1)), [0.0] * 4],
    )
    yield case("PCA", columns, n_components=0, differs="no feature is left for a model") | {"refused": "fit", "names": [], "output": []}
    yield case("PCA", columns, n_components=2, svd_solver="randomized", random_state=0, differs="components are exact") | {
        "refused": "fit", "names": [], "output": [],
    }


def main():
    cases = [*imputers(), *scalers(), *one_hots(), *ordinals(), *selectors(), *polynomials(), *components()]
    document = {
        "format": 1, "scikit-learn": sklearn.__version__, "script": sha256(HERE / "steps.py"), "cases": cases,
    }
    (HERE / "steps.json").write_bytes(json_bytes(document))
    print(f"steps: {len(cases)} cases")


if __name__ == "__main__":
    main()
