"""Write adwin.json: where the ADWIN of River cuts sequences of numbers. River in an environment of its own:

    python tests/golden/adwin.py
"""

import importlib.metadata
import json
from pathlib import Path

import numpy as np
from river.drift import ADWIN

HERE = Path(__file__).resolve().parent


def found(numbers, delta):
    # What `ADWIN` wraps: `ADWIN` itself begins anew after every cut, and keeps nothing of the newer part.
    window = ADWIN(delta=delta)._helper
    cuts = [i for i, number in enumerate(numbers, 1) if window.update(number)]
    return {"delta": delta, "cuts": cuts, "width": int(window.get_width()), "total": window.get_total()}


def case(parts):
    numbers = [int(number) for number in np.concatenate(parts)]
    return {"sixtyfourths": numbers, "found": [found([n / 64 for n in numbers], delta) for delta in [0.002, 0.05]]}


def main():
    rng = np.random.default_rng(11)
    # Exact in binary, so that all sums are.
    whole = lambda low, high, count: rng.integers(low, high, count)
    sequences = [
        [whole(0, 40, 1500), whole(20, 64, 700), whole(0, 10, 800)],
        [whole(0, 64, 4000)],
        [whole(0, 2, 2000) * 64, whole(0, 3, 2000) // 2 * 64],
        [whole(30, 34, 40), whole(31, 35, 600), whole(20, 60, 1200)],
        [np.arange(3000) // 50],
    ]
    golden = {"made_by": "River " + importlib.metadata.version("river"), "cases": [case(parts) for parts in sequences]}
    (HERE / "adwin.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
