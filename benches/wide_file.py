"""A Parquet file of 20,000,000 x 20 for a run that must not need more than 1 GiB, and the pipeline for it.

    python benches/wide_file.py FOLDER [ROWS]
    cd FOLDER && /usr/bin/time -v pipefit run wide.yaml

Needs numpy and pyarrow. The file takes 3.4 GB; a row group is made at a time. `Maximum resident set size` is what counts.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUP = 1_000_000
FEATURES = 20
PIPELINE = """version: 1
name: wide
source: {file: wide.parquet}
target: y
preprocess: [SimpleImputer, StandardScaler]
model: Ridge
cv: {KFold: {n_splits: 5, shuffle: true}}
scoring: [r2]
"""


def main():
    folder, rows = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20_000_000
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    coef = random.normal(size=FEATURES)
    writer = None
    for start in range(0, rows, GROUP):
        x = random.normal(size=(FEATURES, min(GROUP, rows - start)))
        y = coef @ x + random.normal(size=x.shape[1])
        x[3, random.random(x.shape[1]) < 0.05] = np.nan
        table = pa.table({**{f"x{j}": x[j] for j in range(FEATURES)}, "y": y})
        writer = writer or pq.ParquetWriter(folder / "wide.parquet", table.schema, use_dictionary=False)
        writer.write_table(table, row_group_size=GROUP)
    writer.close()
    (folder / "wide.yaml").write_text(PIPELINE)


if __name__ == "__main__":
    main()
