"""Write inference.json: small texts, and the type and the values of each of their columns.

    python tests/golden/inference.py

`basis` is `pandas` where pandas' reader gives exactly these types and values (checked here), else `rules`: there
pipefit goes its own way, and `note` says how. Numbers are doubles; a missing value is null; a category keeps its text.
`refused` are texts that cannot be a feature or the target.
"""

import io
import math

import pandas as pd

from reading import HERE, json_bytes, sha256

NULLS = ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
         "NULL", "NaN", "None", "n/a", "nan", "null"]
PANDAS = [
    ("whole numbers", "csv", "a,b\n1,10\n2,20\n3,30\n"),
    ("numbers with few levels stay numbers", "csv", "a\n0\n1\n0\n1\n"),
    ("signs", "csv", "a\n+1\n-1\n-0.5\n"),
    ("bare points", "csv", "a\n.5\n5.\n-.25\n"),
    ("exponents", "csv", "a\n1e3\n1E-3\n2.5e+2\n"),
    ("leading zeros", "csv", "a\n007\n010\n"),
    ("spaces around numbers", "csv", "a,b\n 1,2 \n 3 ,4\n"),
    ("quoted numbers", "csv", 'a,b\n"1","2.5"\n"3",4\n'),
    ("a double needs all its digits", "csv",
     "a\n0.1\n0.30000000000000004\n0.1234567890123456789\n1.7976931348623157e308\n5e-324\n"),
    ("an underflow is zero", "csv", "a\n1e-400\n1\n"),
    ("the greatest exact whole number", "csv", "a\n9007199254740992\n-9007199254740992\n"),
    ("numbers with gaps", "csv", "a,b\n1,x\n,y\n3,z\n"),
    ("every token for a gap, in numbers", "csv", "a,b\n" + "".join(f"{token},1\n" for token in NULLS) + "2.5,1\n"),
    ("every token for a gap, in texts", "csv", "a,b\n" + "".join(f"{token},1\n" for token in NULLS) + "x,1\n"),
    ("every token for a gap, in booleans", "csv",
     "a,b\n" + "".join(f"{token},1\n" for token in NULLS) + "true,1\nfalse,1\n"),
    ("na, Null and nAn are texts", "csv", "a\nna\nNull\nnAn\nNone\n"),
    ("a gap with a space is a text in texts", "csv", "a,b\n NA,1\nx,2\n"),
    ("a quoted gap is a gap", "csv", 'a,b\n"NA",1\n"",2\nx,3\n'),
    ("booleans in any case", "csv", "a,b,c\ntrue,True,TRUE\nfalse,False,FALSE\n"),
    ("booleans in mixed case", "csv", "a\ntRuE\nfALSe\n"),
    ("booleans with gaps", "csv", "a,b\ntrue,1\n,2\nfalse,3\n"),
    ("one boolean value only", "csv", "a\ntrue\ntrue\n"),
    ("yes and no are categories", "csv", "a,b,c\nYes,y,on\nNo,n,off\n"),
    ("t and f are categories", "csv", "a\nt\nf\n"),
    ("numbers and booleans are categories", "csv", "a\n1\ntrue\n"),
    ("one text among numbers", "csv", "a\n1\n2.0\nx\n007\n"),
    ("hexadecimal is text", "csv", "a\n0x10\n1\n"),
    ("underscores are text", "csv", "a\n1_000\n2\n"),
    ("thousands are text", "csv", 'a\n"1,000"\n"2,000"\n'),
    ("percents and money are text", "csv", "a,b\n5%,$1\n6%,$2\n"),
    ("dates are text", "csv", "a\n2024-01-31\n2024-02-01\n"),
    ("capital letters before small, code points", "csv", "a\nzebra\nZebra\nÄpfel\napple\n10\n9\n"),
    ("spaces belong to a text", "csv", "a,b\nx ,1\n x,2\nx,3\n"),
    ("quotes, separators and line ends in a text", "csv", 'a,b\n"x,y",1\n"say ""hi""",2\n"two\nlines",3\n'),
    ("carriage returns", "csv", "a,b\r\n1,x\r\n2,y\r\n"),
    ("a byte order mark", "csv", "\ufeffa,b\n1,x\n2,y\n"),
    ("no line end at the end", "csv", "a,b\n1,x\n2,y"),
    ("an empty line is no row", "csv", "a,b\n1,x\n\n2,y\n"),
    ("columns of numbers", "json", '{"x1": [1, 2.5, null], "x2": [0.1, 1e-3, -4]}'),
    ("columns of booleans and texts", "json", '{"a": [true, false, true], "b": ["x", null, "y"]}'),
    ("booleans with gaps in JSON", "json", '{"a": [true, null, false]}'),
    ("records", "json", '[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]'),
    ("records with missing keys", "json", '[{"a": 1}, {"b": "y", "a": 2}, {"b": "z"}]'),
    ("lines of records", "jsonl", '{"a": 1, "b": true}\n{"a": 2, "b": false}\n'),
    ("lines of records with gaps", "jsonl", '{"a": 1, "b": null}\n{"a": null, "b": "y"}\n{"b": "z"}\n'),
    ("escapes in a text", "json", '{"a": ["\\u00e4", "\\ud83d\\ude00", "a\\nb"]}'),
]
RULES = [
    (
        "null tokens in JSON texts", "json", '{"a": ["NA", "x", "null", ""], "b": ["NaN", 1, 2.5, "n/a"]}',
        "the tokens are gaps in every text layout; pandas keeps them as texts in JSON",
        [("a", "category", [None, "x", None, None]), ("b", "number", [None, 1, 2.5, None])],
    ),
    (
        "true and false as JSON texts", "jsonl", '{"a": "true"}\n{"a": "False"}\n',
        "booleans in every text layout; pandas keeps them as texts in JSON", [("a", "bool", [1, 0])],
    ),
]
REFUSED = [
    ("infinity", "csv", "a\ninf\n1\n"), ("minus infinity", "csv", "a\n1\n-Infinity\n"),
    ("an overflow is infinity", "csv", "a\n1e400\n1\n"),
    ("a whole number that no double holds", "csv", "a\n9007199254740993\n1\n"),
    ("a column without values", "csv", "a,b\n,1\n,2\n"),
]


def typed(series):
    """Type and values of what pandas read."""
    present = series.dropna().tolist()
    missing = series.isna().tolist()
    if present and all(isinstance(value, bool) for value in present):
        kind, convert = "bool", float
    elif all(isinstance(value, (int, float)) for value in present):
        kind, convert = "number", float
    else:
        assert all(isinstance(value, str) for value in present), present
        kind, convert = "category", str
    return kind, [None if gap else convert(value) for gap, value in zip(missing, series)]


def read(form, text):
    """A text as pandas reads it."""
    if form == "csv":
        return pd.read_csv(io.BytesIO(text.encode()))
    return pd.read_json(io.StringIO(text), lines=form == "jsonl")


def boolean_of_json(kind, series, text):
    """pandas reads JSON booleans with gaps as 0 and 1."""
    return "bool" if kind == "number" and "true" in text and set(series.dropna()) <= {0.0, 1.0} else kind


def column(name, kind, values):
    """One column of a case; a category lists its levels in order."""
    found = {"name": name, "type": kind, "values": values}
    if kind == "category":
        found["levels"] = sorted({value for value in values if value is not None})
    return found


def cases():
    """Every case with its expected columns."""
    for name, form, text in PANDAS:
        frame, columns = read(form, text), []
        for title in frame.columns:
            kind, values = typed(frame[title])
            if form != "csv":
                kind = boolean_of_json(kind, frame[title], text)
            columns.append(column(title, kind, values))
        yield {"case": name, "format": form, "basis": "pandas", "text": text, "columns": columns}
    for name, form, text, note, columns in RULES:
        yield {"case": name, "format": form, "basis": "rules", "note": note, "text": text,
               "columns": [column(title, kind, values) for title, kind, values in columns]}


def main():
    assert all(not math.isnan(value) for case in cases() for one in case["columns"] for value in one["values"]
               if isinstance(value, float))
    document = {
        "format": 1, "pandas": pd.__version__, "script": sha256(HERE / "inference.py"), "cases": list(cases()),
        "refused": [{"case": name, "format": form, "text": text} for name, form, text in REFUSED],
    }
    (HERE / "inference.json").write_bytes(json_bytes(document))
    print("inference")


if __name__ == "__main__":
    main()
