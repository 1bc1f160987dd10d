"""Write everything in this folder that is generated: tables, goldens, folds, metrics, models, inference.

    python tests/golden/regenerate.py
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main():
    scripts = ["data/make.py", "generate.py", "folds.py", "metrics.py", "metric_cases.py", "models.py"]
    scripts += ["inference.py", "formats.py", "parquet.py", "arrow.py", "steps.py", "pca.py", "searches.py"]
    scripts += ["cleaning.py", "sgd.py", "sgd_stream.py", "naive_bayes.py", "online.py"]
    for script in scripts:
        subprocess.run([sys.executable, str(HERE / script)], check=True)


if __name__ == "__main__":
    main()
