"""Write pca.json: the principal components of the example tables, scaled and unscaled.

    python tests/golden/pca.py

Everything is computed in extended precision (one-sided Jacobi on the centred columns) and rounded, then compared with
scikit-learn's `PCA(svd_solver="full")`: `off` says how far that is from it, as the greatest share of what the rule of agreement
allows (1e-9 of the number, 1e-11 of its scale: 1 for a loading, the component's standard deviation for a score). Above 1 the
last digits of small components are not right in scikit-learn.
"""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from reading import json_bytes, sha256

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "examples" / "data"
LONG = np.longdouble
TABLES = {"diabetes": "target", "breast_cancer": "target", "iris": "species", "wine": "target"}


def principal(x):
    """Components (rows, the largest loading positive) and squared singular values of the centred columns."""
    left = x.astype(LONG)
    left = left - left.mean(axis=0)
    centred, p = left.copy(), x.shape[1]
    right = np.eye(p, dtype=LONG)
    for _ in range(60):
        greatest = LONG(0)
        for i in range(p):
            for j in range(i + 1, p):
                a, b = left[:, i], left[:, j]
                aa, bb, ab = a @ a, b @ b, a @ b
                cosine = abs(ab) / np.sqrt(aa * bb)
                greatest = max(greatest, cosine)
                if cosine < 1e-19:
                    continue
                zeta = (bb - aa) / (2 * ab)
                t = (1 if zeta >= 0 else -1) / (abs(zeta) + np.sqrt(1 + zeta * zeta))
                c = 1 / np.sqrt(1 + t * t)
                for m in (left, right):
                    m[:, i], m[:, j] = c * m[:, i] - c * t * m[:, j], c * t * m[:, i] + c * m[:, j]
        if greatest < 1e-18:
            break
    squares = (left * left).sum(axis=0)
    order = np.argsort(-squares)
    components = right[:, order].T
    components *= np.sign(components[np.arange(p), np.abs(components).argmax(axis=1)])[:, None]
    return components, squares[order], centred


def shares(found, exact, scale):
    """The greatest deviation as a share of what is allowed."""
    found, exact = np.asarray(found, float), np.asarray(exact, float)
    allowed = 1e-9 * np.maximum(np.abs(found), np.abs(exact)) + 1e-11 * scale
    return float((np.abs(found - exact) / allowed).max())


def case(table, scaled):
    frame = pd.read_csv(DATA / f"{table}.csv")
    x = frame.drop(columns=TABLES[table]).to_numpy(dtype=float)
    if scaled:
        # In extended precision, so that only the components are judged.
        long = x.astype(LONG)
        seen = (long - long.mean(axis=0)) / long.std(axis=0)
    else:
        seen = x
    components, squares, centred = principal(seen)
    n = len(x)
    variance = squares / (n - 1)
    rows = list(range(0, n, -(-n // 12)))
    scores = centred[rows] @ components.T
    model = PCA(svd_solver="full").fit(StandardScaler().fit_transform(x) if scaled else x)
    theirs = model.transform(StandardScaler().fit_transform(x) if scaled else x)[rows]
    deviation = np.sqrt(variance.astype(float))
    off = {
        "components": shares(model.components_, components, 1.0),
        "explained_variance": shares(model.explained_variance_, variance, 0.0),
        "scores": shares(theirs, scores, deviation),
    }
    print(table, "scaled" if scaled else "unscaled", off)
    return {
        "table": table, "scaled": scaled, "off": {key: float(f"{value:.2g}") for key, value in off.items()},
        "components": components.astype(float), "explained_variance": variance.astype(float),
        "explained_variance_ratio": (variance / variance.sum()).astype(float),
        "singular_values": np.sqrt(squares).astype(float), "rows": rows, "scores": scores.astype(float),
    }


def main():
    cases = [case(table, scaled) for table in TABLES for scaled in (False, True)]
    document = {"format": 1, "scikit-learn": sklearn.__version__, "script": sha256(HERE / "pca.py"), "cases": cases}
    (HERE / "pca.json").write_bytes(json_bytes(document))


if __name__ == "__main__":
    main()
