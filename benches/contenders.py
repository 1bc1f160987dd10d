"""One contender does one job, in a process of its own: `contenders.py NAME FILE N_JOBS` prints a line of JSON.

`read_s` is the file to arrays, `job_s` the job alone with everything imported, `peak_mib` this process's own greatest
memory (with two processes, of the parent alone), `scores` what has to agree.
"""

import json
import resource
import sys
import time

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LassoCV, LinearRegression, LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

SHUFFLED = {"n_splits": 5, "shuffle": True, "random_state": 0}
ALPHAS = np.logspace(-3, 4, 50)


def folds_of(model, x, y, jobs, cv=5):
    return cross_val_score(model, x, y, cv=cv, n_jobs=jobs)


def grid_of(model, grid, x, y, jobs, **options):
    search = GridSearchCV(model, grid, n_jobs=jobs, **options).fit(x, y)
    folds = [search.cv_results_[f"split{k}_test_score"] for k in range(search.n_splits_)]
    return np.transpose(folds)


def ols(x, y, jobs, cv=5):
    return folds_of(make_pipeline(StandardScaler(), LinearRegression()), x, y, jobs, cv)


def ols_cholesky(x, y, jobs, cv=5):
    return folds_of(make_pipeline(StandardScaler(), Ridge(0.0, solver="cholesky", copy_X=False)), x, y, jobs, cv)


def by_moments(x, y, cv, alphas):
    """Centred and scaled products of every fold's training rows from one pass, by the cvmatrix of Engstrom and Jensen."""
    from cvmatrix import CVMatrix, Partitioner

    folds = np.empty(len(y), int)
    for k, (_, test) in enumerate(cv.split(x)):
        folds[test] = k
    partitions = Partitioner(folds=folds)
    products = CVMatrix(center_X=True, center_Y=True, scale_X=True, scale_Y=False, ddof=0, copy=False)
    products.fit(x, y)
    scores = []
    for fold in sorted(partitions.folds_dict):
        rows = partitions.get_validation_indices(fold)
        (gram, product), (x_mean, x_scale, y_mean, _) = products.training_XTX_XTY(rows)
        values, vectors = np.linalg.eigh(gram)
        coef = vectors @ ((vectors.T @ product) / (values[:, None] + alphas))
        found, y_rows = (x[rows] - x_mean) / x_scale @ coef + y_mean, y[rows]
        total = ((y_rows - y_rows.mean()) ** 2).sum()
        scores.append(1 - ((y_rows[:, None] - found) ** 2).sum(axis=0) / total)
    return np.transpose(scores)


def ridge_targets(x, y, jobs):
    """The same penalties as as many targets of one fit: one product of the rows a fold instead of fifty."""
    scores = []
    targets = np.repeat(y[:, None], len(ALPHAS), axis=1)
    for train, test in KFold(10).split(x):
        model = make_pipeline(StandardScaler(), Ridge(ALPHAS, solver="cholesky", copy_X=False))
        found = model.fit(x[train], targets[train]).predict(x[test])
        scores.append(r2_score(targets[test], found, multioutput="raw_values"))
    return np.transpose(scores)


def ridge_cv(x, y, jobs):
    model = RidgeCV(ALPHAS, cv=10).fit(StandardScaler().fit_transform(x), y)
    return [model.best_score_]


def lasso_cv(x, y, jobs, **options):
    model = make_pipeline(StandardScaler(), LassoCV(cv=10, n_jobs=jobs, **options)).fit(x, y)[-1]
    return [model.alpha_, *model.mse_path_.mean(axis=1), *model.coef_]


def logistic(x, y, jobs, options, **search):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200, **options))
    return grid_of(model, {"logisticregression__C": np.logspace(-3, 3, 10)}, x, y, jobs, cv=5, **search)


def polynomial(x, y, jobs, **options):
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2, **options), Ridge(copy_X=not options))
    return folds_of(model, x, y, jobs)


def mixed(x, y, jobs, dense=False):
    number = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    category = OneHotEncoder(handle_unknown="ignore", sparse_output=not dense)
    steps = [
        (number, make_column_selector(dtype_include="number")),
        (category, make_column_selector(dtype_exclude="number")),
    ]
    columns = make_column_transformer(*steps, sparse_threshold=0 if dense else 0.3)
    return folds_of(make_pipeline(columns, Ridge(copy_X=not dense)), x, y, jobs)


def ridge_grid(x, y, jobs):
    return grid_of(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": ALPHAS}, x, y, jobs, cv=10)


def limits(x, y, jobs):
    """Seconds of one product of the rows with themselves on one thread, and of one pass over their memory."""
    from scipy.linalg.blas import dsyrk
    from threadpoolctl import threadpool_limits

    # As BLAS likes it: no copy is made of a column-major argument.
    columns = np.asfortranarray(x)
    with threadpool_limits(1):
        product = least(lambda: dsyrk(1.0, columns, trans=1))
    return [product, least(lambda: columns.ravel("K").sum())]


def least(call):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


CONTENDERS = {
    "ols": ("cross_val_score(LinearRegression)", ols),
    "ols-cholesky": ("cross_val_score(Ridge(alpha=0, solver='cholesky'))", ols_cholesky),
    "ols-cvmatrix": ("cvmatrix", lambda x, y, jobs: by_moments(x, y, KFold(5), np.zeros(1))[0]),
    "ols-shuffled": (
        "cross_val_score(LinearRegression)", lambda x, y, jobs: ols(x, y, jobs, KFold(**SHUFFLED))
    ),
    "ols-shuffled-cholesky": (
        "cross_val_score(Ridge(alpha=0, solver='cholesky'))",
        lambda x, y, jobs: ols_cholesky(x, y, jobs, KFold(**SHUFFLED)),
    ),
    "ols-shuffled-cvmatrix": (
        "cvmatrix", lambda x, y, jobs: by_moments(x, y, KFold(**SHUFFLED), np.zeros(1))[0]
    ),
    "ridge-grid": ("GridSearchCV(Ridge)", ridge_grid),
    "ridge-targets": ("Ridge(alpha=[...]), a target for each, in a loop over folds", ridge_targets),
    "ridge-cv": ("RidgeCV(cv=10)", ridge_cv),
    "ridge-cvmatrix": ("cvmatrix", lambda x, y, jobs: by_moments(x, y, KFold(10), ALPHAS)),
    "lasso-cv": ("LassoCV", lasso_cv),
    "lasso-cv-exact": ("", lambda x, y, jobs: lasso_cv(x, y, jobs, tol=1e-12, max_iter=100_000)),
    "logistic-grid": ("GridSearchCV(LogisticRegression)", lambda x, y, jobs: logistic(x, y, jobs, {})),
    "logistic-newton": (
        "the same with solver='newton-cholesky'",
        lambda x, y, jobs: logistic(x, y, jobs, {"solver": "newton-cholesky"}),
    ),
    "logistic-exact": (
        "",
        lambda x, y, jobs: logistic(
            x, y, jobs, {"solver": "newton-cholesky", "tol": 1e-12}, scoring="neg_log_loss"
        ),
    ),
    "polynomial": ("cross_val_score(Ridge)", polynomial),
    "polynomial-in-place": (
        "the same without bias column, in place, column-major",
        lambda x, y, jobs: polynomial(x, y, jobs, include_bias=False, order="F"),
    ),
    "mixed": ("cross_val_score(ColumnTransformer, Ridge)", mixed),
    "mixed-dense": ("the same with dense one-hot", lambda x, y, jobs: mixed(x, y, jobs, dense=True)),
    "limits": ("", limits),
}


def label(name):
    """What a contender is called in the tables."""
    return CONTENDERS[name][0]


def main():
    name, file, jobs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    start = time.perf_counter()
    table = pd.read_parquet(file)
    x, y = table.drop(columns="y"), table["y"].to_numpy()
    if not name.startswith("mixed"):
        # Column-major, as pandas has it; scikit-learn is as fast or faster so.
        x = x.to_numpy()
    if name.endswith("cvmatrix"):
        x = np.ascontiguousarray(x)
    del table
    read = time.perf_counter()
    scores = CONTENDERS[name][1](x, y, jobs)
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    scores = np.asarray(scores, float).tolist()
    print(json.dumps({"read_s": read - start, "job_s": done - read, "peak_mib": peak, "scores": scores}))


if __name__ == "__main__":
    main()
