"""Read pipeline files as YAML 1.2 and tables as pipefit types them, into what scikit-learn takes; write JSON."""

import hashlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from pandas._libs.parsers import STR_NA_VALUES

HERE = Path(__file__).resolve().parent


class Yaml12(yaml.SafeLoader):
    """PyYAML follows YAML 1.1, where `no` is a boolean and `1e-3` a string; this follows the core schema of 1.2."""

    yaml_implicit_resolvers = {}

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(set(keys)) != len(keys):
            raise ValueError(f"duplicate key in {node.start_mark}")
        return super().construct_mapping(node, deep)


for tag, pattern, first in [
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
]:
    Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)


def pipeline_file(path):
    """A pipeline file as plain values."""
    return yaml.load(path.read_text(), Loader=Yaml12)


def number_of(text):
    """The number that a cell holds, or None."""
    if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text):
        return None
    return float(text)


def type_of(cells, declared):
    """number, bool or category: what was declared, else what all present cells allow."""
    present = [cell for cell in cells if cell is not None]
    if declared is not None:
        return declared
    if all(number_of(cell) is not None for cell in present):
        return "number"
    if all(cell.lower() in ("true", "false") for cell in present):
        return "bool"
    return "category"


def level_of(text, numeric):
    """A category: text, or the number if all levels of its column are numbers."""
    if not numeric:
        return text
    number = number_of(text)
    return int(number) if number.is_integer() else number


def column_of(cells, kind):
    """The array that scikit-learn gets: doubles, or objects where NaN is the missing category."""
    if kind == "number":
        return np.array([math.nan if cell is None else number_of(cell) for cell in cells])
    if kind == "bool":
        return np.array([math.nan if cell is None else float(cell.lower() == "true") for cell in cells])
    numeric = all(number_of(cell) is not None for cell in cells if cell is not None)
    return np.array([math.nan if cell is None else level_of(cell, numeric) for cell in cells], dtype=object)


def labels_of(cells, kind):
    """A classifier's target: integers, booleans or texts, and the text of each label as it stands in the table."""
    if any(cell is None for cell in cells):
        raise ValueError("missing value in the target")
    if kind == "number":
        labels = np.array([int(cell) for cell in cells])
    elif kind == "bool":
        labels = np.array([cell.lower() == "true" for cell in cells])
    else:
        labels = np.array(cells, dtype=object)
    return labels, {label: cell for label, cell in zip(labels.tolist(), cells)}


class Table:
    """The columns of a pipeline's source, split by role."""

    def __init__(self, spec, folder):
        source = spec["source"]
        self.path = (folder / source["load_if_missing"]).resolve()
        frame = pd.read_csv(
            self.path, dtype=str, keep_default_na=False, na_filter=False, usecols=source.get("columns")
        )
        schema = spec.get("schema", {})
        cells, self.types = {}, {}
        for name in frame.columns:
            cells[name] = [None if cell in STR_NA_VALUES else cell for cell in frame[name]]
            self.types[name] = type_of(cells[name], schema.get(name))
        roles = spec.get("roles", {})
        weight = roles.get("weight")
        self.weight = None if weight is None else column_of(cells[weight], "number")
        self.target_cells, self.target_type = cells[spec["target"]], self.types[spec["target"]]
        out = {spec["target"], weight, *roles.get("id", [])}
        self.features = pd.DataFrame(
            {name: pd.Series(column_of(cells[name], kind), dtype=object if kind == "category" else float)
             for name, kind in self.types.items() if name not in out}
        )

    def rows(self):
        """How many rows."""
        return len(self.features)


def sha256(*paths):
    """The digest of files, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def plain(value):
    """NumPy values as what JSON has; a number that JSON lacks is an error."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            raise ValueError(f"not a JSON number: {value}")
        return float(value)
    if value is None or isinstance(value, str):
        return value
    raise TypeError(type(value))


def json_bytes(document):
    """A JSON object with one line for each of its keys; a list of objects gets one line for each of them."""
    lines = []
    for key, value in plain(document).items():
        if isinstance(value, list) and value and isinstance(value[0], (dict, list)):
            items = ",\n  ".join(json.dumps(item, ensure_ascii=False) for item in value)
            text = f"[\n  {items}\n ]"
        else:
            text = json.dumps(value, ensure_ascii=False)
        lines.append(f" {json.dumps(key)}: {text}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()
