"""Write searches.json: what scikit-learn's GridSearchCV makes of searches/NAME.yaml.

    python tests/golden/searches.py
"""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import json
import warnings

import numpy as np
import sklearn
from sklearn.base import is_classifier
from sklearn.model_selection import GridSearchCV

import building
from reading import HERE, Table, labels_of, pipeline_file

SPACES = {"linspace": np.linspace, "logspace": np.logspace, "geomspace": np.geomspace}
WHOLE = ("model", "preprocess__standardscaler")


def values(address, written):
    """What an address of a grid takes, as scikit-learn wants it."""
    if isinstance(written, dict):
        (space, (first, last, count)), = written.items()
        return SPACES[space](first, last, count).tolist()
    if address in WHOLE:
        classes = building.MODELS if address == "model" else building.STEPS
        return [one if one == "passthrough" else building.made(one, classes) for one in written]
    return written


def grid(written):
    """One map of a `param_grid`."""
    longer = {"select__k": "select__selectkbest__k"}
    return {longer.get(address, address): values(address, one) for address, one in written.items()}


def number(value):
    """A number, or null for none."""
    return float(value) if np.isfinite(value) else None


def outcome(path):
    """What GridSearchCV says."""
    spec = pipeline_file(path)
    search = spec.pop("search")["GridSearchCV"]["param_grid"]
    table = Table(spec, path.parent)
    pipe = building.pipeline(spec, table)
    classifier = is_classifier(pipe)
    if classifier:
        y, _ = labels_of(table.target_cells, table.target_type)
    else:
        y = np.array([float(cell) for cell in table.target_cells])
    scoring = spec.get("scoring", ["accuracy" if classifier else "r2"])
    grids = [grid(one) for one in search] if isinstance(search, list) else grid(search)
    searched = GridSearchCV(pipe, grids, scoring=scoring[0], cv=building.splitter(spec, classifier))
    searched.fit(table.features, y)
    results = searched.cv_results_
    splits = [results[f"split{k}_test_score"] for k in range(searched.n_splits_)]
    return {
        "name": path.stem,
        "best_index": int(searched.best_index_),
        "folds": [[number(split[i]) for split in splits] for i in range(len(results["params"]))],
        "mean": [number(one) for one in results["mean_test_score"]],
        "std": [number(one) for one in results["std_test_score"]],
        "rank": [int(one) for one in results["rank_test_score"]],
    }


def main():
    warnings.simplefilter("ignore")
    made = [outcome(path) for path in sorted((HERE / "searches").glob("*.yaml"))]
    lines = ",\n".join(json.dumps(one) for one in made)
    text = f'{{"made_by": "scikit-learn {sklearn.__version__}",\n"searches": [\n{lines}]}}\n'
    (HERE / "searches.json").write_text(text)


main()
