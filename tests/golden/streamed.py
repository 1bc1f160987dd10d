"""Rows by a formula, which tests/it/streamed.rs has too, so that goldens need not hold them."""

import numpy as np


def cell(i, j):
    """A number of three decimals in [-2, 2), the same in every language."""
    x = (i * 2654435761 + j * 2246822519 + 374761393) % 2**32
    for _ in range(2):
        x ^= x >> 15
        x = x * 2246822519 % 2**32
        x ^= x >> 13
    return (x % 4000 - 2000) / 1000


def table(rows, features):
    """Features, counts, a number, two and three classes, and weights."""
    x = np.array([[cell(i, j) for j in range(features)] for i in range(rows)])
    noise = np.array([cell(i, features) for i in range(rows)])
    y = 1.5 * x[:, 0] - 2.0 * x[:, 1] + 0.25 * noise + 3.0
    words = np.array(["green", "blue", "red"])
    three = np.where(x[:, 0] + 0.5 * noise > 0.7, 2, np.where(x[:, 1] - 0.5 * noise > 0.0, 1, 0))
    counts = np.floor(2.0 * (x + 2.0)) + 3.0 * (np.arange(features) == three[:, None])
    return {
        "x": x,
        "counts": counts,
        "y": y,
        "two": np.where(x[:, 0] - x[:, 2] + noise > 0.3, "yes", "no"),
        "three": words[three],
        "weight": np.array([i * 7 % 4 * 0.5 + 0.25 for i in range(rows)]),
    }


def blocks(rows, batch):
    """Places of so many rows each, and of what is left."""
    return [slice(start, start + batch) for start in range(0, rows, batch)]
