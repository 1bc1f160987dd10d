"""Write expected/NAME.json for every pipelines/NAME.yaml: what scikit-learn makes of the same pipeline.

    python tests/golden/generate.py [NAME...]
"""

import os

# One thread: a BLAS that splits its sums differently changes the last digits.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import sys
import warnings

import numpy as np
import pandas
import scipy
import sklearn
from sklearn.base import clone, is_classifier
from sklearn.linear_model import ElasticNet, ElasticNetCV, Lasso, LassoCV, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import get_scorer

import building
import exact
from reading import HERE, Table, json_bytes, labels_of, pipeline_file, sha256

SCRIPTS = ["building.py", "exact.py", "generate.py", "reading.py"]
# Tables with more rows are sampled where one value a row and class is listed.
LISTED = 100


class Golden:
    """One pipeline, its table, and what its fits were."""

    def __init__(self, path):
        self.path, self.spec = path, pipeline_file(path)
        assert self.spec["name"] == path.stem, path
        self.table = Table(self.spec, path.parent)
        self.x, self.weight = self.table.features, self.table.weight
        self.pipe = building.pipeline(self.spec, self.table)
        self.classifier = is_classifier(self.pipe)
        if self.classifier:
            self.y, self.texts = labels_of(self.table.target_cells, self.table.target_type)
        else:
            self.y = np.array([float(cell) for cell in self.table.target_cells])
        self.notes = []

    def at(self, rows):
        """Rows of the table: features, target, weights."""
        return self.x.iloc[rows], self.y[rows], None if self.weight is None else self.weight[rows]

    def fitted(self, rows, where):
        """The pipeline fitted on rows, the model proved exact; what scikit-learn warned of is noted."""
        x, y, weight = self.at(rows)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pipe = clone(self.pipe).fit(x, y, **({} if weight is None else {"model__sample_weight": weight}))
        self.note(where, caught)
        model = pipe[-1]
        design = np.asarray(pipe[:-1].transform(x) if len(pipe) > 1 else x, dtype=float)
        try:
            if isinstance(model, (LinearRegression, Ridge)):
                exact.check_least_squares(model, design, y, weight)
            elif isinstance(model, (Lasso, ElasticNet, LassoCV, ElasticNetCV)):
                exact.check_penalised(model, design, y, weight)
            elif isinstance(model, LogisticRegression):
                exact.check_logistic(model, design, y, weight)
        except ValueError as error:
            raise ValueError(f"{self.path.name}, {where}: {error}") from None
        return pipe

    def note(self, where, caught):
        """Keep each warning once a place."""
        for one in caught:
            text = f"{where}: {one.category.__name__}: {str(one.message).splitlines()[0]}"
            if text not in self.notes:
                self.notes.append(text)

    def facts(self, pipe):
        """What a fitted pipeline learned, in the shape of `run --json`."""
        model, features = pipe[-1], list(self.x.columns)
        if len(pipe) > 1:
            features = [str(name) for name in pipe[:-1].get_feature_names_out(features)]
        facts = {"features": features}
        if self.classifier:
            facts["classes"] = [self.texts[label] for label in model.classes_.tolist()]
        if hasattr(model, "coef_"):
            coef, intercept = model.coef_, np.asarray(model.intercept_)
            if self.classifier and len(coef) == 1:
                coef, intercept = coef[0], intercept[0]
            elif self.classifier:
                intercept = intercept - intercept.mean()
            facts |= {"coef": coef, "intercept": intercept if intercept.ndim else float(intercept)}
        elif self.classifier:
            facts["class_prior"] = model.class_prior_
        else:
            facts["constant"] = float(np.ravel(model.constant_)[0])
        return facts

    def predicted(self, pipe, rows):
        """Predictions: numbers, or the texts of the labels."""
        found = pipe.predict(self.x.iloc[rows])
        return [self.texts[label] for label in found.tolist()] if self.classifier else found

    def document(self):
        """Everything that is compared."""
        rows = self.table.rows()
        scoring = self.spec.get("scoring", ["accuracy" if self.classifier else "r2"])
        scores, folds, fits, held_out = {name: [] for name in scoring}, [], [], [None] * rows
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cut = building.splitter(self.spec, self.classifier)
            splits = list(cut.split(self.x, self.y))
        self.note("split", caught)
        pipes = [self.fitted(train, f"fold {fold}") for fold, (train, _) in enumerate(splits)]
        for fold, (pipe, (_, test)) in enumerate(zip(pipes, splits)):
            folds.append(test)
            fits.append(self.facts(pipe))
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                for row, value in zip(test, self.predicted(pipe, test)):
                    held_out[row] = value
                self.score(scores, pipe, test)
            self.note(f"fold {fold}", caught)
        whole = self.fitted(np.arange(rows), "refit")
        refit = self.facts(whole)
        for fit in fits:
            for key in ("features", "classes"):
                if fit.get(key) == refit.get(key):
                    fit.pop(key, None)
        sample = list(range(0, rows, -(-rows // LISTED)))
        document = self.head(cut, len(splits)) | {
            "warnings": self.notes, "scores": scores, "folds": folds, "fits": fits, "refit": refit,
            "out_of_fold": held_out, "sample": sample,
        }
        document["predictions"] = self.predicted(whole, sample)
        if self.classifier:
            document["probabilities"] = whole.predict_proba(self.x.iloc[sample])
            fold_of = {row: fold for fold, test in enumerate(folds) for row in test.tolist()}
            document["out_of_fold_probabilities"] = [
                pipes[fold_of[row]].predict_proba(self.x.iloc[[row]])[0] for row in sample
            ]
        return document

    def score(self, scores, pipe, test):
        """One score a metric; one that scikit-learn refuses, or gives as NaN, is null."""
        x, y, weight = self.at(test)
        for name, values in scores.items():
            try:
                value = get_scorer(name)(pipe, x, y, **({} if weight is None else {"sample_weight": weight}))
                values.append(float(value) if np.isfinite(value) else None)
            except ValueError as error:
                self.notes.append(f"{name}: {str(error).splitlines()[0]}")
                values.append(None)

    def head(self, cut, n_splits):
        """Where the numbers come from, and what the table was read as."""
        return {
            "format": 1,
            "pipeline": self.spec["name"],
            "versions": {
                "scikit-learn": sklearn.__version__, "numpy": np.__version__, "scipy": scipy.__version__,
                "pandas": pandas.__version__,
            },
            "sha256": {
                "scripts": sha256(*(HERE / name for name in SCRIPTS)),
                "pipeline": sha256(self.path),
                "data": sha256(self.table.path),
            },
            "model": type(self.pipe[-1]).__name__,
            "splitter": type(cut).__name__,
            "n_splits": n_splits,
            "rows": self.table.rows(),
            "types": self.table.types,
        }


def main():
    warnings.simplefilter("ignore")  # where they matter they are recorded
    names = sys.argv[1:]
    for path in sorted((HERE / "pipelines").glob("*.yaml")):
        if not names or path.stem in names:
            (HERE / "expected" / f"{path.stem}.json").write_bytes(json_bytes(Golden(path).document()))
            print(path.stem)


if __name__ == "__main__":
    main()
