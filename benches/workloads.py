"""The reference workloads: a table with a fixed seed, the pipeline file, and who else does the same job.

Rows are those of the full size; `--scale` makes fewer. Every table is written to one Parquet file that all contenders read.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 0
# No column of noise compresses; without this the writer would try.
WRITING = {"use_dictionary": ["c5", "c12", "c40", "c100"]}


@dataclass
class Workload:
    """One job, and everybody who does it."""

    name: str
    about: str
    rows: int
    columns: int
    table: callable
    pipeline: str
    # Contenders of contenders.py by kind: what people write, what scikit-learn does best for the same numbers, and moments
    # by hand. Their scores have to agree to 1e-9, except for those in `differs`, which says why they cannot.
    usual: list
    best: list = field(default_factory=list)
    hand: list = field(default_factory=list)
    # What scikit-learn says with tolerances tightened; run once, and compared instead of the others' scores.
    exact: str = ""
    exact_pipeline: str = ""
    differs: dict = field(default_factory=dict)
    # These have no `n_jobs`.
    alone: tuple = ()
    compared: str = "the R2 of every fold"

    def contenders(self):
        """Names of contenders with the counts of processes that each is tried with."""
        names = self.usual + self.best
        return [(name, n) for name in names for n in (1, 2) if n == 1 or name not in self.alone] + [
            (name, 1) for name in self.hand
        ]

    def kind(self, name):
        return "usual" if name in self.usual else "best" if name in self.best else "hand"

    def write(self, folder, scale):
        """Writes the table and the pipeline file, once; gives the bytes of the table's values in memory."""
        rows = max(int(self.rows * scale), 500)
        path = folder / f"{self.table.__name__}-{rows}-{self.columns}.parquet"
        if not path.exists():
            pq.write_table(pa.table(self.table(rows, self.columns)), path, **WRITING)
        for name, text in ((self.name, self.pipeline), (f"{self.name}-exact", self.exact_pipeline)):
            head = f"version: 1\nname: {name}\nsource: {{file: {path.name}}}\ntarget: y\n"
            (folder / f"{name}.yaml").write_text(head + text)
        names = pq.read_schema(path).names
        # What the rows hold, in 8 bytes a number and 4 a category's code.
        return path, rows * sum(4 if name.startswith("c") else 8 for name in names)


def numbers(rows, columns):
    """Correlated columns of different scales and places, and a target that a third of them make."""
    random = np.random.default_rng(SEED)
    x = random.standard_normal((rows, columns))
    x += 0.3 * x[:, [0]]
    x = x * np.linspace(0.5, 5, columns) + np.linspace(-3, 3, columns)
    coef = random.standard_normal(columns) * (random.random(columns) < 0.3)
    y = x @ coef + random.standard_normal(rows) * 2 + 1
    return {**{f"x{j}": x[:, j] for j in range(columns)}, "y": y}


def two_classes(rows, columns):
    """The same columns; the target tells which half of the noisy sums a row belongs to."""
    table = numbers(rows, columns)
    table["y"] = (table["y"] > np.median(table["y"])).astype(np.int64)
    return table


def mixed(rows, columns):
    """Numbers of which a tenth is missing, and categories of 5, 12, 40 and 100 levels that matter."""
    table = numbers(rows, columns)
    random = np.random.default_rng(SEED + 1)
    for j in range(columns):
        table[f"x{j}"][random.random(rows) < 0.1] = np.nan
    for levels in (5, 12, 40, 100):
        codes = random.integers(levels, size=rows)
        table["y"] = table["y"] + random.standard_normal(levels)[codes]
        table[f"c{levels}"] = pa.array(np.array([f"level{k:03}" for k in range(levels)])[codes])
    table["y"] = table.pop("y")
    return table


OLS = "preprocess: [StandardScaler]\nmodel: LinearRegression\n"
LOGISTIC = "preprocess: [StandardScaler]\nmodel: LogisticRegression\ncv: 5\n"
STRENGTHS = "search: {GridSearchCV: {param_grid: {model__C: {logspace: [-3, 3, 10]}}}}\n"
MIXED = """preprocess:
  num: {columns: {type: number}, steps: [{SimpleImputer: {strategy: median}}, StandardScaler]}
  cat: {columns: {type: category}, steps: [{OneHotEncoder: {handle_unknown: ignore}}]}
model: Ridge
cv: 5
"""

WORKLOADS = [
    Workload(
        "ols", "StandardScaler, LinearRegression; 5 folds", 1_000_000, 100, numbers, OLS + "cv: 5\n",
        usual=["ols"], best=["ols-cholesky"], hand=["ols-cvmatrix"],
    ),
    Workload(
        "ols-shuffled", "the same, folds shuffled", 1_000_000, 100, numbers,
        OLS + "cv: {KFold: {n_splits: 5, shuffle: true, random_state: 0}}\n",
        usual=["ols-shuffled"], best=["ols-shuffled-cholesky"], hand=["ols-shuffled-cvmatrix"],
    ),
    Workload(
        "ridge-grid", "StandardScaler, Ridge; 50 penalties x 10 folds", 200_000, 100, numbers,
        "preprocess: [StandardScaler]\nmodel: Ridge\ncv: 10\n"
        "search: {GridSearchCV: {param_grid: {model__alpha: {logspace: [-3, 4, 50]}}}}\n",
        usual=["ridge-grid"], best=["ridge-targets", "ridge-cv"], hand=["ridge-cvmatrix"],
        differs={"ridge-cv": "scales once with all rows, which leaks"}, alone=("ridge-targets", "ridge-cv"),
        compared="the R2 of every penalty and fold",
    ),
    Workload(
        "lasso-cv", "StandardScaler, LassoCV; 100 penalties x 10 folds", 100_000, 200, numbers,
        "preprocess: [StandardScaler]\nmodel: {LassoCV: {cv: 10}}\ncv: null\n",
        usual=["lasso-cv"], exact="lasso-cv-exact",
        compared="penalty, its path of mean errors, and coefficients, with LassoCV at tol 1e-12",
    ),
    Workload(
        "logistic-grid", "StandardScaler, LogisticRegression; 10 C x 5 folds", 200_000, 50, two_classes,
        LOGISTIC + STRENGTHS, usual=["logistic-grid"], best=["logistic-newton"], exact="logistic-exact",
        exact_pipeline=LOGISTIC + STRENGTHS + "scoring: [neg_log_loss]\n",
        compared="the log-loss of every C and fold, with newton-cholesky at tol 1e-12",
    ),
    Workload(
        "polynomial", "StandardScaler, PolynomialFeatures(2), Ridge; 5 folds", 50_000, 30, numbers,
        "preprocess: [StandardScaler, PolynomialFeatures]\nmodel: Ridge\ncv: 5\n",
        usual=["polynomial"], best=["polynomial-in-place"],
    ),
    Workload(
        "mixed", "20 numbers with holes, categories of 5, 12, 40, 100 levels: median, scale, one-hot, Ridge; 5 folds",
        300_000, 20, mixed, MIXED, usual=["mixed"], best=["mixed-dense"],
        differs={"mixed": "one-hot is sparse by default, which makes Ridge iterate"},
    ),
]
