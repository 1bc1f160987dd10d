"""Write folds.json: to which fold scikit-learn's splitters give each row, for seeded configurations.

    python tests/golden/folds.py

`fold_of[i]` is the fold in whose test rows row i is; a fold's test rows ascend. For StratifiedKFold `labels` are in
order of first appearance or not, as `y` (positions in `labels`) has them.
"""

import warnings

import numpy as np
import sklearn
from sklearn.model_selection import KFold, StratifiedKFold

from reading import HERE, json_bytes, sha256

LAYOUTS = [
    ["no", "yes"], ["zeta", "alpha", "mid"], ["0", "1"], ["10", "9", "2", "1"], ["b", "B", "a", "Ä", "é"],
    ["only", "other", "rare"],
]


def folds_of(splitter, n, y):
    """The fold of each row, or the refusal."""
    found = np.full(n, -1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for fold, (_, test) in enumerate(splitter.split(np.zeros((n, 1)), y)):
                assert (np.diff(test) > 0).all()
                found[test] = fold
    except ValueError as error:
        return {"refused": str(error).splitlines()[0]}
    return {"fold_of": found}


def random_state(case, random):
    """Mostly small seeds, at times the greatest ones."""
    return [0, 42, 2**31, 2**32 - 1][case % 4] if case % 3 == 0 else int(random.randint(0, 1000))


def k_folds():
    """KFold over sizes that divide evenly or not, to one longer than the generator's state of 624 words."""
    random = np.random.RandomState(1)
    for case in range(60):
        n = [2, 3, 5, 11, 13, 24, 60, 100, 150, 1500][case % 10]
        k = n if case >= 50 and n < 20 else int(random.randint(2, min(n, 12) + 1))
        shuffle = case % 5 != 0
        seed = random_state(case, random) if shuffle else None
        yield {"n": n, "k": k, "shuffle": shuffle, "random_state": seed} | folds_of(
            KFold(k, shuffle=shuffle, random_state=seed), n, None
        )


def stratified_k_folds():
    """StratifiedKFold over layouts of classes: sorted, mixed, rare, in odd order of first appearance."""
    random = np.random.RandomState(2)
    for case in range(72):
        labels = LAYOUTS[case % len(LAYOUTS)]
        n = [7, 20, 33, 60, 101, 120, 700][case % 7]
        share = random.dirichlet(np.full(len(labels), 2.0))
        if labels[-1] == "rare":
            share = np.array([0.6, 0.35, 0.05])
        y = random.choice(len(labels), n, p=share)
        y[: len(labels)] = random.permutation(len(labels))
        if case % 6 == 5:
            y = np.sort(y)[:: -1 if case % 4 else 1]
        k = int(random.randint(2, 8))
        shuffle = case % 4 != 0
        seed = random_state(case, random) if shuffle else None
        texts = np.array(labels)[y]
        values = texts.astype(int) if all(text.isdigit() for text in labels) else texts
        yield {"k": k, "shuffle": shuffle, "random_state": seed, "labels": labels, "y": y} | folds_of(
            StratifiedKFold(k, shuffle=shuffle, random_state=seed), n, values
        )


def main():
    document = {
        "format": 1, "scikit-learn": sklearn.__version__, "script": sha256(HERE / "folds.py"),
        "KFold": list(k_folds()), "StratifiedKFold": list(stratified_k_folds()),
    }
    (HERE / "folds.json").write_bytes(json_bytes(document))
    print("folds")


if __name__ == "__main__":
    main()
